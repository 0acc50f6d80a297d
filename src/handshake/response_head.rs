//! Reads the head of an HTTP/1.1 response, within limits.
//!
//! One reader serves the WebSocket upgrade, REST probes and a proxy's response. Around `httparse` it
//! skips interim responses (RFC 9110 §15.2), limits the number of bytes and records when the first
//! byte arrived.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::tls;

/// The most bytes read from a peer before it is ready, interim responses included.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Up to this length the buffer is parsed after every read, so that anything other than HTTP fails at
/// once. Beyond, it is parsed when its length has doubled or an empty line arrived: parsing after
/// every byte would be quadratic.
const PARSED_ALWAYS: usize = 1024;

/// More than any real server sends.
const MAX_FIELDS: usize = 100;

/// The final response's head, and the bytes after it.
#[derive(Debug)]
pub(crate) struct Head {
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub(crate) minor_version: u8,
    pub(crate) status: u16,
    /// The reason phrase, as sent by the peer.
    pub(crate) reason: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// When the first byte arrived, of an interim response or this one.
    pub(crate) first_byte: Instant,
    /// Bytes read beyond the head: a body, or WebSocket frames.
    pub(crate) rest: Vec<u8>,
}

impl Head {
    /// The values of a field, in order. `name` is case-insensitive.
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

/// Header fields that identify a server, cache, filter or gateway.
const TELLING: [&str; 10] = [
    "server",
    "via",
    "cf-ray",
    "proxy-status",
    "x-cache",
    "x-served-by",
    "x-amz-cf-id",
    "x-powered-by",
    "eagleid",
    "content-type",
];

/// The most characters kept of one field.
const LONGEST_FIELD: usize = 200;

/// The most bytes kept of a body.
const LONGEST_BODY: usize = 1024;

impl Head {
    /// Adds to a failure what identifies the sender of the response, and the beginning of its body.
    pub(crate) fn describe(&self, failure: Failure) -> Failure {
        let told = TELLING.iter().flat_map(|name| {
            self.values(name).map(|value| {
                let value = String::from_utf8_lossy(value.trim_ascii());
                let value = value.chars().take(LONGEST_FIELD).collect();
                ((*name).to_owned(), value)
            })
        });
        failure.with_answer(told.take(TELLING.len()).collect(), self.body())
    }

    /// The delay in `Retry-After` (RFC 9110 §10.2.3).
    pub(super) fn retry_after(&self) -> Option<Duration> {
        delay_asked(self.text("retry-after")?, self.text("date"))
    }

    /// Whether the body is an HTML page (RFC 2854).
    pub(super) fn is_page(&self) -> bool {
        let told = self.text("content-type").unwrap_or_default();
        let type_ = told.split(';').next().unwrap_or_default().trim();
        ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|page| type_.eq_ignore_ascii_case(page))
    }

    /// Reads the body up to the length kept, for at most `patience`.
    pub(crate) async fn await_body(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        patience: Duration,
    ) {
        let length = self
            .text("content-length")
            .and_then(|text| text.parse().ok());
        let wanted = length.unwrap_or(LONGEST_BODY).min(LONGEST_BODY);
        let wanted = match self.is_chunked() {
            // Leaves room for chunk headers.
            true => 2 * LONGEST_BODY,
            false => wanted,
        };
        if !self.may_have_text() {
            return;
        }
        let read = async {
            while self.rest.len() < wanted
                && matches!(stream.read_buf(&mut self.rest).await, Ok(1..))
            {}
        };
        // On a timeout, what arrived so far is kept.
        let _ = tokio::time::timeout(patience, read).await;
    }

    fn is_chunked(&self) -> bool {
        let coding = self.text("transfer-encoding").unwrap_or_default();
        coding.eq_ignore_ascii_case("chunked")
    }

    /// Whether the body is text.
    fn may_have_text(&self) -> bool {
        let kind = self.text("content-type").unwrap_or("text/plain");
        let is_text = kind.starts_with("text/") || kind.contains("json") || kind.contains("xml");
        is_text && self.values("content-encoding").next().is_none() && self.status != 101
    }

    /// The beginning of the body, if it is text.
    fn body(&self) -> Option<String> {
        let whole = match self.is_chunked() {
            true => &unchunked(&self.rest),
            false => &self.rest,
        };
        let body = &whole[..whole.len().min(LONGEST_BODY)];
        if body.is_empty() || !self.may_have_text() {
            return None;
        }
        // Drops a character cut off at the end; other invalid UTF-8 is replaced.
        let whole = match std::str::from_utf8(body) {
            Err(error) if error.error_len().is_none() => &body[..error.valid_up_to()],
            _ => body,
        };
        Some(String::from_utf8_lossy(whole).into_owned())
    }
}

/// The content of chunks (RFC 9112 §7.1), as far as they arrived and are well formed.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(bytes) {
        let rest = &bytes[start..];
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        whole.extend_from_slice(&rest[..size]);
        bytes = rest[size..].strip_prefix(b"\r\n").unwrap_or_default();
    }
    whole
}

/// Reads until the head of the final response is complete.
pub(crate) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    phase: Phase,
) -> Result<Head, Failure> {
    let mut buffer = Vec::with_capacity(2048);
    let mut first_byte = None;
    let mut seen = 0;
    let mut parsed = 0;
    loop {
        let is_due = buffer.len() <= PARSED_ALWAYS || buffer.len() >= 2 * parsed;
        if (is_due || ends(&buffer[parsed.saturating_sub(3)..]))
            && let Some((consumed, head)) = parse(&buffer, phase)?
        {
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
            parsed = 0;
            continue;
        }
        parsed = buffer.len();
        if seen >= MAX_BYTES {
            return Err(Failure::new(phase, FailureKind::TooLarge));
        }
        let read = stream
            .read_buf(&mut buffer)
            .await
            .map_err(|error| tls::failure_of(&error, phase))?;
        if read == 0 {
            // The last bytes may be unparsed, and may be invalid rather than truncated.
            parse(&buffer, phase)?;
            return Err(Failure::new(phase, FailureKind::Closed));
        }
        first_byte.get_or_insert_with(Instant::now);
        seen += read;
    }
}

fn ends(bytes: &[u8]) -> bool {
    let empty = |line: &[u8]| line.starts_with(b"\n\n") || line.starts_with(b"\n\r\n");
    (0..bytes.len()).any(|at| empty(&bytes[at..]))
}

/// Parses one response head at the beginning of `bytes`; returns it with its length, or `None` if it
/// is incomplete. As user agents must, accepts whitespace before a colon (RFC 9112 §5.1) and folded
/// lines (§5.2).
fn parse(bytes: &[u8], phase: Phase) -> Result<Option<(usize, Head)>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = httparse::ParserConfig::default()
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .parse_response(&mut response, bytes);
    let consumed = match parsed {
        Ok(httparse::Status::Complete(consumed)) => consumed,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Failure::new(phase, FailureKind::TooLarge));
        }
        Err(error @ (httparse::Error::HeaderName | httparse::Error::HeaderValue)) => {
            return Err(Failure::new(phase, FailureKind::InvalidHeader).with_message(error));
        }
        Err(error) => return Err(Failure::new(phase, FailureKind::NotHttp).with_message(error)),
    };
    let fields = response
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), unfolded(field.value)))
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

/// Replaces the line breaks of a folded value with spaces (RFC 9112 §5.2).
fn unfolded(value: &[u8]) -> Vec<u8> {
    let space = |byte: &u8| match byte {
        b'\r' | b'\n' => b' ',
        other => *other,
    };
    value.iter().map(space).collect()
}

/// Parses `Retry-After`: a number of seconds, or a date, which is relative to the response's own
/// `Date` (without one, to this computer's clock).
pub(crate) fn delay_asked(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = retry_after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(retry_after).ok()?;
    let now = date.map(httpdate::parse_http_date);
    let now = now.and_then(Result::ok).unwrap_or_else(SystemTime::now);
    Some(at.duration_since(now).unwrap_or_default())
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

    /// The body kept, if it arrives after the head in these pieces, 10 ms apart.
    async fn body_of(fields: &str, pieces: &[&[u8]], patience: Duration) -> Option<String> {
        use tokio::io::AsyncWriteExt;

        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let head = format!("HTTP/1.1 403 Forbidden\r\n{fields}\r\n");
        theirs.write_all(head.as_bytes()).await.unwrap();
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        tokio::spawn(async move {
            for piece in pieces {
                tokio::time::sleep(Duration::from_millis(10)).await;
                theirs.write_all(&piece).await.unwrap();
            }
            // The connection stays open.
            std::future::pending::<()>().await;
        });
        let mut head = read(&mut ours, Phase::Upgrade).await.unwrap();
        head.await_body(&mut ours, patience).await;
        let failure = Failure::new(Phase::Upgrade, FailureKind::Rejected);
        head.describe(failure).body().map(str::to_owned)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_later_is_waited_for_but_not_for_ever() {
        let patient = Duration::from_millis(100);
        let html = "Content-Type: text/html\r\n";
        let both: [&[u8]; 2] = [b"<html>go ", b"away"];
        let told = async |fields: &str, patience| body_of(fields, &both, patience).await;
        assert_eq!(told(html, patient).await.as_deref(), Some("<html>go away"));
        let started = Instant::now();
        let known = format!("{html}Content-Length: 13\r\n");
        assert_eq!(
            told(&known, patient).await.as_deref(),
            Some("<html>go away")
        );
        assert_eq!(started.elapsed(), Duration::from_millis(20));
        let soon = Duration::from_millis(15);
        assert_eq!(told(html, soon).await.as_deref(), Some("<html>go "));
        // Anything other than text is neither awaited nor kept.
        let started = Instant::now();
        assert_eq!(told("Content-Type: image/png\r\n", patient).await, None);
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_in_chunks_is_put_together() {
        let chunked = "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n";
        let pieces: [&[u8]; 3] = [b"3\r\nno \r\n", b"5;x=1\r\nthank", b"s\r\n0\r\n\r\n"];
        let patience = Duration::from_millis(100);
        let told = body_of(chunked, &pieces, patience).await;
        assert_eq!(told.as_deref(), Some("no thank"));
        let broken: [&[u8]; 1] = [b"zz\r\n"];
        assert_eq!(body_of(chunked, &broken, patience).await, None);
    }

    #[tokio::test]
    async fn what_user_agents_put_up_with_is_read() {
        let head = head_of(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade : websocket\r\n\
              Connection: keep-alive,\r\n\tUpgrade\r\nServer:\r\n  box\r\n\r\n",
        )
        .await
        .unwrap();
        assert_eq!(head.text("upgrade"), Some("websocket"));
        assert_eq!(head.text("connection"), Some("keep-alive,  \tUpgrade"));
        assert_eq!(head.text("server"), Some("box"));
    }

    #[tokio::test]
    async fn a_bad_header_is_not_taken_for_something_else_than_http() {
        for bad in [
            &b"a b: c"[..],
            b"\xe4\xb8\xad: c",
            b"a: b\0c",
            b": c",
            b"no colon",
        ] {
            let answer = [b"HTTP/1.1 101 X\r\n", bad, b"\r\n\r\n"].concat();
            let failure = head_of(&answer).await.unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidHeader, "{bad:?}");
        }
    }

    /// A head almost as long as the limit, in one piece and byte by byte.
    #[tokio::test]
    async fn a_long_head_is_read() {
        let mut answer = b"HTTP/1.1 403 No\r\nSet-Cookie: ".to_vec();
        answer.resize(MAX_BYTES - 100, b'x');
        answer.extend_from_slice(b"\r\nServer: box\r\n\r\n");
        assert_eq!(head_of(&answer).await.unwrap().text("server"), Some("box"));
        let (mut ours, mut theirs) = tokio::io::duplex(1);
        let sent = async { tokio::io::AsyncWriteExt::write_all(&mut theirs, &answer).await };
        let (head, sent) = tokio::join!(read(&mut ours, Phase::Upgrade), sent);
        assert_eq!((head.unwrap().status, sent.is_ok()), (403, true));
    }

    #[tokio::test]
    async fn what_is_not_http_is_told_from_what_ends_early() {
        let kind = |bytes| async move { head_of(bytes).await.unwrap_err().kind() };
        assert_eq!(kind(b"SSH-2.0-x\r\n").await, FailureKind::NotHttp);
        assert_eq!(kind(b"HTTP/1.1 200 O").await, FailureKind::Closed);
        assert_eq!(kind(b"").await, FailureKind::Closed);
    }

    #[tokio::test]
    async fn who_answered_is_kept() {
        let answer = |kind: &str, body: &str| {
            format!(
                "HTTP/1.1 405 No\r\nServer: Tengine\r\nVia: 1.1 a\r\nVia: 1.1 b\r\nX-Other: c\r\n\
                 EagleId: {}\r\nContent-Type: {kind}\r\n\r\n{body}",
                "e".repeat(300)
            )
        };
        let described = async |answer: String| {
            let head = head_of(answer.as_bytes()).await.unwrap();
            head.describe(Failure::new(Phase::Upgrade, FailureKind::Rejected))
        };
        let page = described(answer("text/html", &"中".repeat(2000))).await;
        let told: Vec<_> = page
            .answered_by()
            .iter()
            .map(|one| one.0.as_str())
            .collect();
        assert_eq!(told, ["server", "via", "via", "eagleid", "content-type"]);
        assert_eq!(page.answered_by()[3].1.len(), LONGEST_FIELD);
        assert_eq!(page.body(), Some("中".repeat(LONGEST_BODY / 3).as_str()));
        assert_eq!(described(answer("image/png", "x")).await.body(), None);
        assert_eq!(described(answer("text/html", "")).await.body(), None);
    }

    #[tokio::test]
    async fn a_flood_is_cut_off() {
        let mut flood = b"HTTP/1.1 101 X\r\n".to_vec();
        for n in 0..20_000 {
            flood.extend_from_slice(format!("X-{n}: y\r\n").as_bytes());
        }
        let mut long = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        long.resize(MAX_BYTES * 2, b'x');
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        for endless in [flood, long, interim] {
            let error = head_of(&endless).await.unwrap_err();
            assert_eq!(error.kind(), FailureKind::TooLarge);
        }
    }
}
