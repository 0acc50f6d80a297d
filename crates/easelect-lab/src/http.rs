//! The servers above TLS: HTTP/1.1 and WebSocket.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use data_encoding::BASE64;
use futures::{SinkExt, StreamExt};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::fault::Fault;
use crate::log::EventKind;
use crate::tls::Tls;
use crate::visit::{Visit, drain};

/// The most bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;
const MAX_FIELDS: usize = 100;
/// The most bytes of a WebSocket message.
const MAX_MESSAGE: usize = 1024 * 1024;
const LORIS: Duration = Duration::from_millis(500);

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const GARBAGE: &[u8] = b"\x16\x03 this is no HTTP\x00\xff\xfe\r\n\r\n";
const LOG_IN: &str = "<!doctype html><title>Welcome</title><p>Log in to use this network.";

/// The parts of a request that the server needs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    method: String,
    target: String,
    /// Whether it has `Upgrade: websocket`.
    upgrade: bool,
    key: Option<String>,
    protocols: Vec<String>,
    length: u64,
    chunked: bool,
    close: bool,
}

impl Request {
    /// Returns the request at the start of `bytes` and its length, or `None` while it is incomplete.
    fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, httparse::Error> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(bytes)? else {
            return Ok(None);
        };
        let mut request = Request {
            method: head.method.unwrap_or_default().to_owned(),
            target: head.path.unwrap_or_default().to_owned(),
            close: head.version == Some(0),
            ..Request::default()
        };
        for field in head.headers.iter() {
            let value = String::from_utf8_lossy(field.value);
            let mut tokens = value.split(',').map(str::trim);
            match field.name.to_ascii_lowercase().as_str() {
                "upgrade" => {
                    request.upgrade |= tokens.any(|token| token.eq_ignore_ascii_case("websocket"));
                }
                "connection" => {
                    request.close |= tokens.any(|token| token.eq_ignore_ascii_case("close"));
                }
                "sec-websocket-key" => request.key = Some(value.trim().to_owned()),
                "sec-websocket-protocol" => request.protocols.extend(tokens.map(str::to_owned)),
                "content-length" => request.length = value.trim().parse().unwrap_or(0),
                "transfer-encoding" => request.chunked = true,
                _ => {}
            }
        }
        Ok(Some((request, length)))
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The server's answer to a request.
enum Answer {
    /// A status, its extra header fields, and its body.
    Plain(u16, String, Cow<'static, str>),
    /// 101 and its header fields.
    Switch(String),
}

/// Answers requests until the connection ends.
pub(crate) async fn serve(visit: &Visit, mut stream: Tls, host: &str) -> io::Result<()> {
    let mut unread = Vec::new();
    loop {
        let Some(request) = next_request(&mut stream, &mut unread).await? else {
            return stream.shutdown().await;
        };
        let early = stream.is_early();
        if early {
            visit.event(EventKind::CameEarly);
        }
        visit.event(EventKind::Requested {
            method: request.method.clone(),
            path: request.target.clone(),
        });
        if let Some(delay) = visit.route.setting(|s| s.http_delay) {
            sleep(delay).await;
        }
        let fault = visit.route.fault();
        match fault {
            Fault::SilentHttp => return drain(&mut stream).await,
            Fault::GarbageHttp => {
                stream.write_all(GARBAGE).await?;
                return stream.shutdown().await;
            }
            Fault::HeaderFlood => return header_flood(&mut stream).await,
            Fault::EndlessBody => return endless_body(&mut stream).await,
            _ => {}
        }
        let answer = match fault {
            Fault::TooEarly if early => Answer::Plain(425, String::new(), "not so early\n".into()),
            _ => answer(visit, &request, fault, host),
        };
        let mut bytes = Vec::new();
        if fault == Fault::EarlyHints {
            bytes.extend(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n");
            bytes.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        match &answer {
            Answer::Plain(status, fields, body) => {
                let body = if request.method == "HEAD" { "" } else { body };
                bytes.extend(plain(*status, fields, body, request.close).into_bytes());
            }
            Answer::Switch(fields) => {
                let minor = u8::from(fault != Fault::Http10);
                let head = format!("HTTP/1.{minor} 101 Switching Protocols\r\n{fields}\r\n");
                bytes.extend(head.bytes());
            }
        }
        if matches!(answer, Answer::Switch(_)) {
            bytes.extend(behind_101(fault));
        }
        if fault == Fault::SlowLoris {
            for byte in bytes {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                sleep(LORIS).await;
            }
        } else {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
        }
        match answer {
            Answer::Switch(_) => {
                visit.event(EventKind::Upgraded {
                    path: request.target,
                });
                match fault {
                    Fault::SilentAfter101 | Fault::CloseFrameAfter101 | Fault::GarbageAfter101 => {
                        return drain(&mut stream).await;
                    }
                    Fault::EndAfter101 => return stream.shutdown().await,
                    Fault::ResetAfter101 => {
                        visit.reset_on_drop();
                        return Ok(());
                    }
                    _ => {}
                }
                return echo(visit, stream, unread).await;
            }
            Answer::Plain(..) if request.close => return stream.shutdown().await,
            Answer::Plain(..) => {}
        }
    }
}

/// Returns the bytes that are sent together with the 101.
fn behind_101(fault: Fault) -> &'static [u8] {
    match fault {
        // Two unmasked text frames (RFC 6455 §5.2).
        Fault::FramesAfter101 => b"\x81\x03one\x81\x03two",
        // A Close frame with its code (RFC 6455 §5.5.1).
        Fault::CloseFrameAfter101 => b"\x88\x09\x03\xf0go away",
        // Opcode 15 is reserved.
        Fault::GarbageAfter101 => b"\xff\xff\xff\xff no frame at all",
        _ => b"",
    }
}

fn answer(visit: &Visit, request: &Request, fault: Fault, host: &str) -> Answer {
    if fault == Fault::CaptivePortal {
        return Answer::Plain(200, "Content-Type: text/html\r\n".to_owned(), LOG_IN.into());
    }
    if let Some(status) = visit.route.setting(|s| s.status) {
        let mut fields = String::new();
        if let Some(location) = visit.route.setting(|s| s.location.clone()) {
            fields += &format!("Location: {location}\r\n");
        }
        if let Some(delay) = visit.route.setting(|s| s.retry_after) {
            fields += &format!("Retry-After: {}\r\n", delay.as_secs());
        }
        for field in visit.route.setting(|s| s.fields.clone()).iter().flatten() {
            fields += &format!("{field}\r\n");
        }
        let body = visit.route.setting(|s| s.body.clone()).map(Cow::Owned);
        let body = body.unwrap_or("{\"error\":\"scripted\"}\n".into());
        return Answer::Plain(status, fields, body);
    }
    if !request.upgrade {
        let status = visit.route.setting(|s| s.rest_status);
        let status = status.or_else(|| visit.network.names.rest_status(host));
        let type_ = "Content-Type: application/json\r\n".to_owned();
        return Answer::Plain(
            status.unwrap_or(404),
            type_,
            "{\"server\":\"lab\"}\n".into(),
        );
    }
    let paths = visit.route.setting(|s| s.ws_paths.clone());
    let paths = paths.or_else(|| visit.network.names.ws_paths(host));
    if paths.is_some_and(|paths| !paths.iter().any(|path| path == request.path())) {
        return Answer::Plain(404, String::new(), "no WebSocket here\n".into());
    }
    let Some(key) = &request.key else {
        return Answer::Plain(400, String::new(), "no Sec-WebSocket-Key\n".into());
    };
    let mut accept = accept_key(key.as_bytes());
    if fault == Fault::BadAccept {
        accept = accept_key(b"another key");
    }
    let mut fields = match fault {
        Fault::NoUpgradeHeader => String::new(),
        Fault::KeepAliveUpgrade => {
            "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n".to_owned()
        }
        _ => "Upgrade: websocket\r\nConnection: Upgrade\r\n".to_owned(),
    };
    if fault == Fault::FoldedHeader {
        fields += "X-Served-By: one gateway,\r\n another\r\n";
    }
    fields += &format!("Sec-WebSocket-Accept: {accept}\r\n");
    if fault == Fault::UnrequestedExtension {
        fields += "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    }
    if fault == Fault::UnrequestedProtocol {
        fields += "Sec-WebSocket-Protocol: unheard-of\r\n";
    } else if fault != Fault::NoProtocol && request.protocols.iter().any(|one| one == "xmpp") {
        fields += "Sec-WebSocket-Protocol: xmpp\r\n";
    }
    Answer::Switch(fields)
}

fn plain(status: u16, fields: &str, body: &str, close: bool) -> String {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("");
    let connection = if close { "close" } else { "keep-alive" };
    let mut text = format!("HTTP/1.1 {status} {reason}\r\nConnection: {connection}\r\n{fields}");
    // RFC 9110 §8.6: no Content-Length where there can be no body.
    if matches!(status, 204 | 304) {
        return text + "\r\n";
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text
}

/// Reads the next request and discards its body. Returns `None` when the client has closed.
async fn next_request(stream: &mut Tls, unread: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    loop {
        let parsed = Request::parse(unread).map_err(|error| wrong(&error.to_string()));
        match parsed {
            Ok(Some((request, length))) if !request.chunked => {
                unread.drain(..length);
                let mut body = request.length;
                loop {
                    let taken = unread
                        .len()
                        .min(usize::try_from(body).unwrap_or(usize::MAX));
                    unread.drain(..taken);
                    body -= taken as u64;
                    if body == 0 {
                        return Ok(Some(request));
                    }
                    if stream.read_buf(unread).await? == 0 {
                        return Ok(None);
                    }
                }
            }
            Ok(None) if unread.len() <= MAX_HEAD => {}
            refused => {
                let answer = plain(400, "", "not a request that the lab can read\n", true);
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await?;
                return refused.map(|_| None);
            }
        }
        if stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

async fn header_flood(stream: &mut Tls) -> io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\n")
        .await?;
    let field = format!("X-Flood: {}\r\n", "z".repeat(500));
    endless(stream, field.as_bytes()).await
}

async fn endless_body(stream: &mut Tls) -> io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        .await?;
    endless(stream, &[b'z'; 500]).await
}

async fn endless(stream: &mut Tls, again: &[u8]) -> io::Result<()> {
    loop {
        for _ in 0..32 {
            stream.write_all(again).await?;
        }
        stream.flush().await?;
        // Without it, paused time would never advance on a path without delay.
        sleep(Duration::from_millis(1)).await;
    }
}

async fn echo(visit: &Visit, stream: Tls, unread: Vec<u8>) -> io::Result<()> {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE));
    let mut socket =
        WebSocketStream::from_partially_read(stream, unread, Role::Server, Some(config)).await;
    while let Some(message) = socket.next().await {
        let message = message.map_err(io::Error::other)?;
        if message.is_text() || message.is_binary() {
            let length = message.len();
            visit.event(EventKind::Message { length });
            socket.send(message).await.map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// Returns the `Sec-WebSocket-Accept` that answers this key (RFC 6455 §4.2.2).
fn accept_key(key: &[u8]) -> String {
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(GUID);
    BASE64.encode(hash.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_come() {
        let text = b"GET /ws?a=1 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c, WebSocket\r\n\
            Connection: keep-alive, Upgrade\r\nSec-WebSocket-Protocol: chat, xmpp\r\n\r\nrest";
        assert_eq!(Request::parse(&text[..30]).unwrap(), None);
        let (request, length) = Request::parse(text).unwrap().unwrap();
        assert_eq!(&text[length..], b"rest");
        assert!(request.upgrade && !request.close && request.key.is_none());
        assert_eq!(request.path(), "/ws");
        assert_eq!(request.protocols, ["chat", "xmpp"]);
        assert!(Request::parse(b"\x16\x03\x01").is_err());
    }
}
