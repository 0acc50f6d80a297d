//! Replays a peer's answer from memory to the code that reads real connections: for the fuzz targets,
//! and for tests with the answers on file. A panic is a finding.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::{
    ConnectOptions, http_connect, http_request, proxy_stream, response_head, socks5,
    websocket_upgrade,
};
use crate::catalog::{Endpoint, Region, Service};
use crate::connect::ByteStream;
use crate::failure::Failure;
use crate::phase::Phase;
use crate::proxy::{Protocol, Proxy};

/// The key of the example in RFC 6455 §1.3, so that a file can hold the matching answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Below this length the result doesn't depend on how the answer is split. Above, the split decides
/// when a head is found to be too long.
const WHOLE: usize = 16 * 1024;

/// Replays an answer to the WebSocket upgrade and to a REST probe.
pub(crate) fn upgrade(data: &[u8]) {
    let url = "wss://im.example/";
    let endpoint = Endpoint::new(Region::CN1, Service::Legacy, url).expect("an endpoint");
    let options = ConnectOptions::new()
        .subprotocol("chat")
        .expect("a subprotocol");
    let upgraded = |piece| upgraded(&endpoint, &options, data, piece);
    if let Some((subprotocol, rest)) = same_in_pieces(data, upgraded) {
        assert!(data.ends_with(&rest), "bytes were lost, or made up");
        assert!(matches!(
            subprotocol.as_deref(),
            None | Some("xmpp" | "chat")
        ));
    }
    if let Some(status) = same_in_pieces(data, |piece| answered(data, piece)) {
        assert!((200..500).contains(&status), "{status} is no answer");
    }
}

/// Replays a proxy's answers: to `CONNECT`, and in SOCKS5 with and without credentials.
pub(crate) fn proxy(data: &[u8]) {
    for url in ["http://h:1", "socks5://h:1", "socks5://user:secret@h:1"] {
        let proxy: Proxy = url.parse().expect("a proxy");
        let rest = same_in_pieces(data, |piece| tunnelled(&proxy, data, piece));
        if let Some(rest) = rest {
            assert!(data.ends_with(&rest), "bytes were lost, or made up");
        }
    }
}

/// The result of an upgrade whose answer arrives in pieces of this size: the subprotocol, and the
/// bytes that belong to the WebSocket.
fn upgraded(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    answer: &[u8],
    piece: usize,
) -> Result<(Option<String>, Vec<u8>), Failure> {
    let mut peer = Peer::new(answer, piece);
    let mut head = at_once(response_head::read(&mut peer, Phase::Upgrade))?;
    let request = websocket_upgrade::request_with(KEY, endpoint, "/", options);
    let subprotocol = websocket_upgrade::check(&request, &head)?;
    head.rest.extend_from_slice(&peer.answer[peer.said..]);
    Ok((subprotocol, head.rest))
}

/// The result of a REST probe: the status.
fn answered(answer: &[u8], piece: usize) -> Result<u16, Failure> {
    let mut peer = Peer::new(answer, piece);
    let head = at_once(response_head::read(&mut peer, Phase::Processing))?;
    http_request::check(&head)?;
    Ok(head.status)
}

/// The result of tunnelling through `proxy`: the bytes that come from the host.
fn tunnelled(proxy: &Proxy, answer: &[u8], piece: usize) -> Result<Vec<u8>, Failure> {
    const HOST: (&str, u16) = ("im.example", 443);
    let mut io = ByteStream::opaque(Peer::new(answer, piece));
    let mut rest = match proxy.protocol() {
        Protocol::Http | Protocol::Https => {
            at_once(http_connect::connect(&mut io, proxy, HOST.0, HOST.1))?
        }
        Protocol::Socks5 => {
            let credentials = proxy.credentials();
            at_once(socks5::connect(&mut io, credentials, HOST.0, HOST.1))?;
            Vec::new()
        }
    };
    at_once(io.read_to_end(&mut rest)).map_err(|error| proxy_stream::broken(&error))?;
    Ok(rest)
}

/// Returns the result, after checking that it does not depend on how the answer is split.
fn same_in_pieces<T: PartialEq + std::fmt::Debug>(
    data: &[u8],
    read: impl Fn(usize) -> Result<T, Failure>,
) -> Option<T> {
    let whole = read(usize::MAX);
    if data.len() < WHOLE {
        assert_eq!(read(1 + data.len() / 64), whole, "in pieces");
    }
    whole
        .map_err(|failure| assert_readable(&failure.to_string()))
        .ok()
}

/// Checks that a failure displays as one line of printable characters.
fn assert_readable(told: &str) {
    let odd = |c: &char| c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}".contains(*c);
    assert_eq!(told.chars().find(odd), None, "{told:?}");
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory never waits")
}

/// A peer that accepts everything and sends its answer piece by piece.
struct Peer {
    answer: Vec<u8>,
    said: usize,
    piece: usize,
}

impl Peer {
    fn new(answer: &[u8], piece: usize) -> Self {
        Peer {
            answer: answer.to_vec(),
            said: 0,
            piece: piece.max(1),
        }
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.answer[self.said..];
        let count = rest.len().min(self.piece).min(buf.remaining());
        buf.put_slice(&rest[..count]);
        self.said += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::Path;

    fn replay(target: &str, play: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let mut played = 0;
        for entry in fs::read_dir(folder.join(target)).unwrap() {
            let file = entry.unwrap().path();
            let data = fs::read(&file).unwrap();
            // A panic inside does not name the file.
            let played_well = catch_unwind(|| play(&data)).is_ok();
            assert!(played_well, "{}", file.display());
            played += 1;
        }
        assert!(played > 0, "nothing is on file for {target}");
    }

    #[test]
    fn answers_to_the_upgrade_are_played_again() {
        replay("upgrade", super::upgrade);
    }

    #[test]
    fn answers_of_proxies_are_played_again() {
        replay("proxy", super::proxy);
    }
}
