//! The client side of SOCKS5 (RFC 1928), with user name and password if required (RFC 1929).
//!
//! Every message has a known length, so nothing after the last one is read.

use std::net::IpAddr;

use tokio::io::AsyncReadExt;

use super::proxy_stream::{broken, failure, send};
use crate::connect::ByteStream;
use crate::failure::{Failure, FailureKind};
use crate::proxy::Credentials;

const VERSION: u8 = 5;
/// RFC 1928 §3: no authentication; user name and password; no acceptable method.
const OPEN: u8 = 0;
const PASSWORD: u8 = 2;
const NONE: u8 = 0xff;
/// RFC 1929 §2: the version of the subnegotiation.
const NEGOTIATION: u8 = 1;
/// RFC 1928 §4 and §5: the command, and the address types.
const CONNECT: u8 = 1;
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// Asks the proxy to connect to the host.
pub(super) async fn connect(
    io: &mut ByteStream,
    credentials: Option<&Credentials>,
    host: &str,
    port: u16,
) -> Result<(), Failure> {
    authenticate(io, credentials).await?;
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(v4)) => {
            request.push(V4);
            request.extend(v4.octets());
        }
        Ok(IpAddr::V6(v6)) => {
            request.push(V6);
            request.extend(v6.octets());
        }
        Err(_) => {
            request.push(NAME);
            counted(&mut request, host)?;
        }
    }
    request.extend(port.to_be_bytes());
    say(io, &request).await?;
    let [version, reply] = hear(io).await?;
    if version != VERSION {
        return Err(no_socks5());
    }
    // Some proxies close right after a reply that refuses.
    if reply != 0 {
        return Err(failure(FailureKind::Rejected).with_message(words(reply)));
    }
    let [_, kind] = hear(io).await?;
    // The bound address is of no use, but must be read.
    match kind {
        V4 => hear::<6>(io).await.map(drop),
        V6 => hear::<18>(io).await.map(drop),
        NAME => {
            let [length] = hear(io).await?;
            let mut rest = vec![0; usize::from(length) + 2];
            let read = io.read_exact(&mut rest).await;
            read.map(drop).map_err(|error| broken(&error))
        }
        _ => Err(no_socks5()),
    }
}

async fn authenticate(
    io: &mut ByteStream,
    credentials: Option<&Credentials>,
) -> Result<(), Failure> {
    let offered: &[u8] = match credentials {
        Some(_) => &[VERSION, 2, OPEN, PASSWORD],
        None => &[VERSION, 1, OPEN],
    };
    say(io, offered).await?;
    let [version] = hear(io).await?;
    if version != VERSION {
        return Err(no_socks5());
    }
    let [method] = hear(io).await?;
    match (method, credentials) {
        (OPEN, _) => Ok(()),
        (PASSWORD, Some(one)) => {
            let mut request = vec![NEGOTIATION];
            counted(&mut request, &one.user)?;
            counted(&mut request, &one.password)?;
            say(io, &request).await?;
            // Some proxies send a wrong version.
            match hear(io).await? {
                [_, 0] => Ok(()),
                _ => Err(failure(FailureKind::AuthRequired)
                    .with_message("user name or password rejected")),
            }
        }
        (PASSWORD, None) | (NONE, _) => {
            Err(failure(FailureKind::AuthRequired)
                .with_message("no authentication method in common"))
        }
        _ => Err(no_socks5()),
    }
}

/// Appends the length of a text, and the text.
fn counted(request: &mut Vec<u8>, text: &str) -> Result<(), Failure> {
    let length = u8::try_from(text.len()).map_err(|_| {
        failure(FailureKind::Other)
            .with_message("host name, user name or password longer than 255 bytes")
    })?;
    request.push(length);
    request.extend(text.as_bytes());
    Ok(())
}

async fn say(io: &mut ByteStream, bytes: &[u8]) -> Result<(), Failure> {
    send(io, bytes).await.map_err(|error| broken(&error))
}

async fn hear<const N: usize>(io: &mut ByteStream) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    match io.read_exact(&mut bytes).await {
        Ok(_) => Ok(bytes),
        Err(error) => Err(broken(&error)),
    }
}

fn no_socks5() -> Failure {
    failure(FailureKind::NotAProxy).with_message("the answer is not SOCKS5")
}

/// Describes a reply (RFC 1928 §6).
fn words(reply: u8) -> String {
    let known = match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown",
    };
    format!("SOCKS5 reply {reply}: {known}")
}

#[cfg(test)]
mod tests {
    use super::super::through_proxy::tests::asked;
    use super::*;
    use crate::phase::Phase;

    const DONE: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x01\xbb";

    fn whole(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    async fn failed(url: &str, answer: &[u8]) -> (FailureKind, String) {
        let (_, opened) = asked(url, "im.example", answer).await;
        let failure = opened.map(drop).unwrap_err();
        assert_eq!(failure.phase(), Phase::Proxy);
        let message = failure.message().unwrap_or_default().to_owned();
        (failure.kind(), message)
    }

    #[tokio::test]
    async fn names_and_addresses_go_to_the_proxy() {
        let cases: [(&str, &[u8]); 3] = [
            ("im.example", b"\x03\x0aim.example"),
            ("10.0.0.1", b"\x01\x0a\x00\x00\x01"),
            ("::1", b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
        ];
        for (host, written) in cases {
            let answer = whole(&[b"\x05\x00", DONE]);
            let (sent, opened) = asked("socks5://h:1", host, &answer).await;
            assert!(opened.is_ok(), "{host}");
            let expected = whole(&[b"\x05\x01\x00\x05\x01\x00", written, b"\x01\xbb"]);
            assert_eq!(sent, expected, "{host}");
        }
    }

    #[tokio::test]
    async fn nothing_behind_the_reply_is_read() {
        let bound: [&[u8]; 3] = [
            b"\x01\x7f\x00\x00\x01\x00\x01",
            b"\x03\x02ab\x00\x01",
            b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x01",
        ];
        for bound in bound {
            let answer = whole(&[b"\x05\x00\x05\x00\x00", bound, b"hello"]);
            let (_, opened) = asked("socks5://h:1", "im.example", &answer).await;
            let (mut io, mut rest) = (opened.unwrap(), String::new());
            io.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "hello");
        }
    }

    #[tokio::test]
    async fn user_and_password_are_negotiated_where_wanted() {
        let answer = whole(&[b"\x05\x02\x01\x00", DONE]);
        let (sent, opened) = asked("socks5://me:pw@h:1", "im.example", &answer).await;
        assert!(opened.is_ok());
        let said = b"\x05\x02\x00\x02\x01\x02me\x02pw\x05\x01\x00\x03\x0aim.example\x01\xbb";
        assert_eq!(sent, said);
        let answer = whole(&[b"\x05\x00", DONE]);
        let (sent, opened) = asked("socks5://me:pw@h:1", "im.example", &answer).await;
        assert!(opened.is_ok() && !sent.windows(2).any(|two| two == b"pw"));
        for (url, answer) in [
            ("socks5://h:1", &b"\x05\xff"[..]),
            ("socks5://h:1", b"\x05\x02"),
            ("socks5://me:pw@h:1", b"\x05\xff"),
            ("socks5://me:pw@h:1", b"\x05\x02\x01\x01"),
        ] {
            assert_eq!(failed(url, answer).await.0, FailureKind::AuthRequired);
        }
    }

    #[tokio::test]
    async fn replies_say_why() {
        for (reply, word) in [(2, "rules"), (4, "host unreachable"), (5, "refused")] {
            for rest in [&b""[..], b"\x00\x01\0\0\0\0\0\0"] {
                let answer = whole(&[b"\x05\x00\x05", &[reply], rest]);
                let (kind, message) = failed("socks5://h:1", &answer).await;
                assert_eq!(kind, FailureKind::Rejected);
                assert!(message.contains(word), "{message}");
            }
        }
        assert!(words(0xff).contains("255"));
    }

    #[tokio::test]
    async fn what_is_no_socks5_is_told_from_what_ends_early() {
        for answer in [
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            b"\x04",
            b"\x05\x01",
            b"\x05\x00\x04\x00",
            b"\x05\x00\x05\x00\x00\x09",
        ] {
            let (kind, _) = failed("socks5://h:1", answer).await;
            assert_eq!(kind, FailureKind::NotAProxy, "{answer:?}");
        }
        for answer in [
            &b""[..],
            b"\x05",
            b"\x05\x00",
            b"\x05\x00\x05\x00\x00\x01\0\0",
        ] {
            let (kind, message) = failed("socks5://h:1", answer).await;
            assert_eq!(kind, FailureKind::Other);
            assert_eq!(message, "closed by the proxy");
        }
    }
}
