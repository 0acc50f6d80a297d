//! Reading the head of an HTTP/1.1 response, within bounds.
//!
//! One reader for the WebSocket upgrade, for REST requests and for a proxy's answer. `httparse` underneath, and around
//! it what the peers of this crate lack: interim responses (RFC 9110 §15.2) are skipped, bytes
//! are counted, and the moment of the first byte is kept.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::tls;

/// The most that is read from a peer before it is ready, interim responses included.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// The longest single head: far above real ones, and a peer that sends byte by byte makes each
/// be parsed again.
const MAX_HEAD: usize = 16 * 1024;

/// More header fields than any real server sends.
const MAX_FIELDS: usize = 100;

/// The final response's head, and what came behind it.
#[derive(Debug)]
pub(crate) struct Head {
    /// 1 of HTTP/1.1, 0 of HTTP/1.0.
    pub(crate) minor_version: u8,
    pub(crate) status: u16,
    /// The reason phrase, as the peer wrote it.
    pub(crate) reason: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// When the first byte of anything arrived.
    pub(crate) first_byte: Instant,
    /// Bytes read beyond the head: a body, or WebSocket frames. None may be lost.
    pub(crate) rest: Vec<u8>,
}

impl Head {
    /// The values of a field, in order, whatever the case of `name`.
    pub(crate) fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The first value of a field as text.
    pub(crate) fn text(&self, name: &'static str) -> Option<&str> {
        self.values(name)
            .next()
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(str::trim)
    }
}

/// Reads until the head of the final response is complete.
pub(crate) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    phase: Phase,
) -> Result<Head, Failure> {
    let mut buffer = Vec::with_capacity(2048);
    let mut first_byte = None;
    let mut seen = 0;
    loop {
        if let Some((consumed, head)) = parse(&buffer, phase)? {
            // 101 is final for a WebSocket; every other 1xx is interim.
            if head.status >= 200 || head.status == 101 {
                buffer.drain(..consumed);
                return Ok(Head {
                    first_byte: first_byte.unwrap_or_else(Instant::now),
                    rest: buffer,
                    ..head
                });
            }
            buffer.drain(..consumed);
            continue;
        }
        if seen >= MAX_BYTES || buffer.len() >= MAX_HEAD {
            return Err(Failure::new(phase, FailureKind::TooLarge));
        }
        let read = stream
            .read_buf(&mut buffer)
            .await
            .map_err(|error| tls::failure_of(&error, phase))?;
        if read == 0 {
            return Err(Failure::new(phase, FailureKind::Closed));
        }
        first_byte.get_or_insert_with(Instant::now);
        seen += read;
    }
}

/// One response head at the beginning of `bytes`, with its length; `None` if it isn't complete.
fn parse(bytes: &[u8], phase: Phase) -> Result<Option<(usize, Head)>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let consumed = match response.parse(bytes) {
        Ok(httparse::Status::Complete(consumed)) => consumed,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Failure::new(phase, FailureKind::TooLarge));
        }
        Err(error) => return Err(Failure::new(phase, FailureKind::NotHttp).with_message(error)),
    };
    let fields = response
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), field.value.to_vec()))
        .collect();
    let head = Head {
        minor_version: response.version.unwrap_or_default(),
        status: response.code.unwrap_or_default(),
        reason: response.reason.unwrap_or_default().to_owned(),
        fields,
        first_byte: Instant::now(),
        rest: Vec::new(),
    };
    Ok(Some((consumed, head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn head_of(bytes: &[u8]) -> Result<Head, Failure> {
        read(&mut &bytes[..], Phase::Upgrade).await
    }

    #[tokio::test]
    async fn interim_responses_are_skipped_and_the_rest_is_kept() {
        let head = head_of(
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
              HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",
        )
        .await
        .unwrap();
        assert_eq!(head.status, 101);
        assert_eq!(head.text("upgrade"), Some("websocket"));
        assert_eq!(head.rest, b"\x81\x02hi");
    }

    #[tokio::test]
    async fn what_is_not_http_is_told_from_what_ends_early() {
        let kind = |bytes| async move { head_of(bytes).await.unwrap_err().kind() };
        assert_eq!(kind(b"SSH-2.0-x\r\n").await, FailureKind::NotHttp);
        assert_eq!(kind(b"HTTP/1.1 200 O").await, FailureKind::Closed);
        assert_eq!(kind(b"").await, FailureKind::Closed);
    }

    #[tokio::test]
    async fn a_flood_is_cut_off() {
        let mut flood = b"HTTP/1.1 101 X\r\n".to_vec();
        for n in 0..20_000 {
            flood.extend_from_slice(format!("X-{n}: y\r\n").as_bytes());
        }
        assert_eq!(
            head_of(&flood).await.unwrap_err().kind(),
            FailureKind::TooLarge
        );
        let mut long = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        long.resize(MAX_BYTES * 2, b'x');
        assert_eq!(
            head_of(&long).await.unwrap_err().kind(),
            FailureKind::TooLarge
        );
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        assert!(head_of(&interim).await.is_err());
    }
}
