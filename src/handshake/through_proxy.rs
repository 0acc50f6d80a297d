//! Tunnels through a proxy: `CONNECT`, with or without TLS to the proxy, or SOCKS5.
//!
//! The proxy gets the host's name and looks it up. Its answers are subject to the same limits as any
//! other, and its texts are treated as data.

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::byte_limit::ByteLimit;
use super::proxy_stream::{Ahead, closed, failure};
use super::{http_connect, socks5};
use crate::connect::{ByteStream, TcpInfo, Transport};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::proxy::{Protocol, Proxy};
use crate::tls::{self, TlsClient};

/// Asks the proxy at the other end of `io` to connect to the host, and returns the stream to the
/// host.
pub(super) async fn open(
    mut io: ByteStream,
    proxy: &Proxy,
    tls: &TlsClient,
    host: &str,
    port: u16,
) -> Result<ByteStream, Failure> {
    let rest = match proxy.protocol() {
        Protocol::Http => http_connect::connect(&mut io, proxy, host, port).await?,
        Protocol::Https => {
            io = secure(io, proxy, tls).await?;
            http_connect::connect(&mut io, proxy, host, port).await?
        }
        Protocol::Socks5 => {
            socks5::connect(&mut io, proxy.credentials(), host, port).await?;
            Vec::new()
        }
    };
    if rest.is_empty() {
        return Ok(io);
    }
    Ok(ByteStream::of_transport(Ahead::new(rest, io)))
}

/// The failure for a proxy that could not be connected to.
pub(super) fn unreachable(connecting: Failure) -> Failure {
    let kind = match connecting.kind() {
        kind @ (FailureKind::Refused | FailureKind::Timeout) => kind,
        // The cause is this computer, whatever the destination.
        kind if connecting.is_local() => kind,
        _ => FailureKind::Other,
    };
    match connecting.message() {
        Some(message) => failure(kind).with_message(message),
        None => failure(kind),
    }
}

/// TLS to the proxy itself, verified like any other. The host's own TLS runs inside it and under its
/// byte limit, so that the proxy can't send more than the limit either.
async fn secure(io: ByteStream, proxy: &Proxy, tls: &TlsClient) -> Result<ByteStream, Failure> {
    let name = ServerName::try_from(proxy.host().to_owned())
        .map_err(|error| failure(FailureKind::Other).with_message(error))?;
    let connector = TlsConnector::from(tls.here());
    let connecting = connector.connect(name, ByteLimit::new(io));
    match tls.wait_for(connecting).await {
        Ok(stream) => Ok(ByteStream::of_transport(stream)),
        Err(error) => {
            let why = tls::failure_of(&error, Phase::Tls);
            Err(match why.kind() {
                FailureKind::NotTls => {
                    failure(FailureKind::NotAProxy).with_message("the answer is not TLS")
                }
                FailureKind::TooLarge => {
                    failure(FailureKind::NotAProxy).with_message("the answer is too long")
                }
                FailureKind::Closed => closed(),
                _ => failure(FailureKind::Other).with_message(why),
            })
        }
    }
}

impl Transport for TlsStream<ByteLimit> {
    fn tcp_info(&self) -> Option<TcpInfo> {
        self.get_ref().0.tcp_info()
    }

    fn reset_on_drop(&mut self) {
        self.get_mut().0.reset_on_drop();
    }

    fn set_user_timeout(&mut self, timeout: Duration) {
        self.get_mut().0.set_user_timeout(timeout);
    }

    fn settle(&mut self) {
        self.get_mut().0.lift();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Tunnels through a proxy that sends `answer` and closes; returns what it received, and the
    /// result.
    pub(crate) async fn asked(
        url: &str,
        host: &str,
        answer: &[u8],
    ) -> (Vec<u8>, Result<ByteStream, Failure>) {
        let (ours, mut theirs) = duplex(256 * 1024);
        theirs.write_all(answer).await.unwrap();
        theirs.shutdown().await.unwrap();
        let proxy = url.parse().unwrap();
        let tls = crate::tls::tests::trusting_nobody();
        let opened = open(ByteStream::opaque(ours), &proxy, &tls, host, 443).await;
        let mut sent = vec![0; 4096];
        let count = theirs.read(&mut sent).await.unwrap();
        sent.truncate(count);
        (sent, opened)
    }

    async fn refused(answer: &[u8]) -> Failure {
        let (_, opened) = asked("http://h:1", "im.example", answer).await;
        let failure = opened.map(|_| ()).unwrap_err();
        assert_eq!(failure.phase(), Phase::Proxy);
        failure
    }

    #[tokio::test]
    async fn the_name_goes_to_the_proxy_and_nothing_behind_the_answer_is_lost() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
        let (sent, opened) = asked("http://h:1", "im.example", answer).await;
        let sent = String::from_utf8(sent).unwrap();
        assert!(
            sent.starts_with("CONNECT im.example:443 HTTP/1.1\r\nHost: im.example:443\r\n"),
            "{sent}"
        );
        assert!(sent.ends_with("\r\n\r\n") && !sent.contains("Proxy-Authorization"));
        let (mut io, mut rest) = (opened.unwrap(), Vec::new());
        // Reads into a buffer smaller than what was read ahead.
        let mut piece = [0; 2];
        loop {
            match io.read(&mut piece).await.unwrap() {
                0 => break,
                count => rest.extend_from_slice(&piece[..count]),
            }
        }
        assert_eq!(rest, b"hello");
    }

    #[tokio::test]
    async fn user_and_password_are_basic() {
        let url = "http://Aladdin:open%20sesame@h:1";
        let (sent, opened) = asked(url, "::1", b"HTTP/1.0 200 x\r\n\r\n").await;
        assert!(opened.is_ok());
        let sent = String::from_utf8(sent).unwrap();
        assert!(sent.starts_with("CONNECT [::1]:443 HTTP/1.1\r\n"), "{sent}");
        // The example of RFC 7617 §2.
        let basic = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
        assert!(sent.contains(basic), "{sent}");
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        use FailureKind as Kind;

        let wants = refused(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n").await;
        assert_eq!(
            (wants.kind(), wants.status()),
            (Kind::AuthRequired, Some(407))
        );
        for status in [101, 302, 403, 404, 502] {
            let answer = format!("HTTP/1.1 {status} no \x1b[2J\t\u{e4}\r\n\r\n");
            let failure = refused(&answer.into_bytes()).await;
            // httparse accepts no control character but a tab in a reason.
            assert_eq!(failure.kind(), Kind::NotAProxy);
            let answer = format!("HTTP/1.1 {status} not\there\r\n\r\n");
            let failure = refused(&answer.into_bytes()).await;
            assert_eq!(
                (failure.kind(), failure.status(), failure.message()),
                (Kind::Rejected, Some(status), Some("not\there"))
            );
            assert!(failure.to_string().ends_with("(not\\there)"), "{failure}");
        }
        assert_eq!(refused(b"\x05\x00").await.kind(), Kind::NotAProxy);
        assert_eq!(refused(b"SSH-2.0-x\r\n").await.kind(), Kind::NotAProxy);
        let flood = b"HTTP/1.1 200 OK\r\nX: ".repeat(20_000);
        assert_eq!(refused(&flood[..200_000]).await.kind(), Kind::NotAProxy);
        for cut in [&b""[..], b"HTTP/1.1 200 O"] {
            let closed = refused(cut).await;
            assert_eq!(
                (closed.kind(), closed.message()),
                (Kind::Other, Some("closed by the proxy"))
            );
        }
    }

    #[test]
    fn what_this_computer_is_why_of_stays_so() {
        let of = |kind| unreachable(Failure::new(Phase::Connect, kind));
        for kind in [
            FailureKind::Unreachable,
            FailureKind::Permission,
            FailureKind::OutOfResources,
            FailureKind::Panicked,
        ] {
            let told = of(kind);
            assert_eq!((told.phase(), told.kind()), (Phase::Proxy, kind));
            assert!(told.is_local());
        }
        assert_eq!(of(FailureKind::Reset).kind(), FailureKind::Other);
    }
}
