//! The client side of the WebSocket opening handshake (RFC 6455 §4).
//!
//! Accepts whatever the RFC allows: `Connection` is a list, names are case-insensitive, interim
//! responses may come first. tokio-tungstenite's own handshake rejects `Connection: keep-alive,
//! Upgrade` and fails on a 103.

use std::fmt;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::USER_AGENT;
use super::response_head::Head;
use super::websocket_key;
use crate::catalog::{Endpoint, is_token};
use crate::error::{Error, ErrorKind};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// The most bytes that a probe accepts of a message after the 101. A Close frame has at most 125.
const MAX_SAID: usize = 16 * 1024;

/// An app's additions to its connections' upgrade requests. Probes send none of them.
///
/// ```
/// use easelect::ConnectOptions;
///
/// let options = ConnectOptions::new()
///     .header("x-client", "desktop")?
///     .query("v=1")?
///     .subprotocol("chat.v2")?;
/// # let _ = options;
/// # Ok::<(), easelect::Error>(())
/// ```
///
/// `Debug` output contains header names but no values, since any value may be a secret.
#[derive(Clone, Default)]
pub struct ConnectOptions {
    headers: HeaderMap,
    subprotocols: Vec<String>,
    query: Option<String>,
    websocket: Option<WebSocketConfig>,
}

/// Headers that the handshake sets; an app's own would break it (RFC 6455 §4.1).
const RESERVED: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
];

impl ConnectOptions {
    /// Returns options that add nothing.
    #[must_use]
    pub fn new() -> Self {
        ConnectOptions::default()
    }

    /// Adds a header to the upgrade request. Headers with the same name accumulate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for a name or value that HTTP does not allow, and for a header that the
    /// handshake itself sets, such as `Host` or `Sec-WebSocket-Protocol`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let name: HeaderName = name
            .parse()
            .map_err(|_| Error::new(ErrorKind::Input, "not a header name: expected a token"))?;
        if RESERVED.contains(&name) {
            let why = format!("the WebSocket handshake sets {name} itself");
            return Err(Error::new(ErrorKind::Input, why));
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            let why = format!("the value of {name} can't be sent: expected visible ASCII");
            Error::new(ErrorKind::Input, why)
        })?;
        // Marks it as sensitive for `http` and its users: `Debug` omits it.
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the `Origin` header, as browsers do.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for a value that HTTP does not allow.
    pub fn origin(mut self, origin: &str) -> Result<Self, Error> {
        self.headers.remove(header::ORIGIN);
        self.header("origin", origin)
    }

    /// Offers a subprotocol, after any offered before. An endpoint's own subprotocol always comes
    /// first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if it is not a token (RFC 6455 §4.1).
    pub fn subprotocol(mut self, subprotocol: &str) -> Result<Self, Error> {
        if !is_token(subprotocol) {
            let why = "not a subprotocol: expected a token (RFC 6455 §4.1)";
            return Err(Error::new(ErrorKind::Input, why));
        }
        self.subprotocols.push(subprotocol.to_owned());
        Ok(self)
    }

    /// Appends a query, without the leading `?`, to the endpoint's path. If there is a query already,
    /// joins them with `&`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for characters that a query can't contain (RFC 3986 §3.4).
    pub fn query(mut self, query: &str) -> Result<Self, Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b);
        if !query.bytes().all(allowed) || query.starts_with('?') {
            let why = "not a query: expected characters of RFC 3986 §3.4, and %XX for others";
            return Err(Error::new(ErrorKind::Input, why));
        }
        match &mut self.query {
            _ if query.is_empty() => {}
            Some(before) => {
                before.push('&');
                before.push_str(query);
            }
            None => self.query = Some(query.to_owned()),
        }
        Ok(self)
    }

    /// Sets the limits and buffer sizes of the WebSocket.
    #[must_use]
    pub fn websocket(mut self, config: WebSocketConfig) -> Self {
        self.websocket = Some(config);
        self
    }

    /// Whether the request contains nothing from the app.
    pub(super) fn adds_nothing(&self) -> bool {
        self.headers.is_empty() && self.subprotocols.is_empty() && self.query.is_none()
    }

    /// The options of a probe: no additions, and tight limits on what the server may send.
    pub(crate) fn of_a_probe() -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .max_message_size(Some(MAX_SAID))
            .max_frame_size(Some(MAX_SAID));
        ConnectOptions::new().websocket(config)
    }

    pub(super) fn websocket_config(&self) -> Option<WebSocketConfig> {
        self.websocket
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Subprotocols and queries may be tokens, too.
        f.debug_struct("ConnectOptions")
            .field("headers", &self.headers.keys())
            .field("subprotocols", &self.subprotocols.len())
            .field("query", &self.query.is_some())
            .field("websocket", &self.websocket)
            .finish()
    }
}

/// A request, and what a correct response to it contains.
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    accept: String,
    offered: Vec<String>,
    /// The subprotocol that the service requires.
    needed: Option<String>,
}

/// Builds the upgrade request to `endpoint` at `path`.
pub(super) fn request(endpoint: &Endpoint, path: &str, options: &ConnectOptions) -> Request {
    request_with(&websocket_key::generate(), endpoint, path, options)
}

/// The same with a given `Sec-WebSocket-Key`.
pub(super) fn request_with(
    key: &str,
    endpoint: &Endpoint,
    path: &str,
    options: &ConnectOptions,
) -> Request {
    let mut offered: Vec<String> = endpoint
        .subprotocol()
        .map(str::to_owned)
        .into_iter()
        .collect();
    for one in &options.subprotocols {
        if !offered.contains(one) {
            offered.push(one.clone());
        }
    }
    let mut bytes = Vec::with_capacity(512);
    let mut line = |parts: &[&[u8]]| {
        for part in parts {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(b"\r\n");
    };
    let query = options.query.as_deref().unwrap_or_default();
    let joint: &[u8] = match (query.is_empty(), path.contains('?')) {
        (true, _) => b"",
        (false, true) => b"&",
        (false, false) => b"?",
    };
    line(&[
        b"GET ",
        path.as_bytes(),
        joint,
        query.as_bytes(),
        b" HTTP/1.1",
    ]);
    line(&[b"Host: ", endpoint.authority().as_bytes()]);
    line(&[b"Connection: Upgrade"]);
    line(&[b"Upgrade: websocket"]);
    line(&[b"Sec-WebSocket-Version: 13"]);
    line(&[b"Sec-WebSocket-Key: ", key.as_bytes()]);
    if !offered.is_empty() {
        line(&[b"Sec-WebSocket-Protocol: ", offered.join(", ").as_bytes()]);
    }
    if !options.headers.contains_key(header::USER_AGENT) {
        line(&[b"User-Agent: ", USER_AGENT.as_bytes()]);
    }
    for (name, value) in &options.headers {
        line(&[name.as_str().as_bytes(), b": ", value.as_bytes()]);
    }
    line(&[]);
    Request {
        bytes,
        accept: websocket_key::accept(key.as_bytes()),
        offered,
        needed: endpoint.subprotocol().map(str::to_owned),
    }
}

/// Checks the response (RFC 6455 §4.1); returns the subprotocol chosen, if any.
pub(super) fn check(request: &Request, head: &Head) -> Result<Option<String>, Failure> {
    let failure = |kind| Failure::new(Phase::Upgrade, kind).with_status(head.status);
    match head.status {
        // HTTP/1.0 has no upgrade (RFC 9110 §7.8), and RFC 6455 §4.1 requires 1.1.
        101 if head.minor_version == 0 => return Err(failure(FailureKind::HttpVersion)),
        101 => {}
        300..400 => {
            let location = head.text("location").map(str::to_owned);
            return Err(failure(FailureKind::Redirected).with_location(location));
        }
        _ => return Err(failure(FailureKind::Rejected).with_retry_after(head.retry_after())),
    }
    let lists = |name, wanted: &str| {
        head.values(name)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(wanted))
    };
    if !lists("upgrade", "websocket") || !lists("connection", "upgrade") {
        return Err(failure(FailureKind::BadHeaders));
    }
    let accepts: Vec<&[u8]> = head.values("sec-websocket-accept").collect();
    if !matches!(accepts.as_slice(), [one] if one.trim_ascii() == request.accept.as_bytes()) {
        return Err(failure(FailureKind::BadAccept));
    }
    if head
        .values("sec-websocket-extensions")
        .any(|value| !value.trim_ascii().is_empty())
    {
        return Err(failure(FailureKind::UnrequestedExtensionOrProtocol));
    }
    let mut values = head.values("sec-websocket-protocol");
    let chosen = match values.next() {
        None => None,
        Some(first) => {
            let offered = |one: &&String| one.as_bytes() == first.trim_ascii();
            let unrequested = || failure(FailureKind::UnrequestedExtensionOrProtocol);
            let chosen = request.offered.iter().find(offered);
            let chosen = chosen.filter(|_| values.next().is_none());
            Some(chosen.ok_or_else(unrequested)?.clone())
        }
    };
    match &request.needed {
        Some(needed) if chosen.as_ref() != Some(needed) => {
            // Any other is the app's own, and may be a token.
            let came = chosen.map_or("none", |_| "another");
            let why = format!("wanted {needed}, got {came}");
            Err(failure(FailureKind::SubprotocolMissing).with_message(why))
        }
        _ => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::catalog::{Region, Service};

    fn endpoint() -> Endpoint {
        Endpoint::new(Region::CN1, Service::Legacy, "wss://im.example:8443/ws/").unwrap()
    }

    fn answer(status: u16, fields: &[(&str, &str)]) -> Head {
        Head {
            minor_version: 1,
            reason: String::new(),
            status,
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
            first_byte: Instant::now(),
            rest: Vec::new(),
        }
    }

    #[test]
    fn the_request_is_that_of_the_rfc() {
        let options = ConnectOptions::new()
            .query("a=b")
            .and_then(|o| o.query(""))
            .and_then(|o| o.query("c"))
            .and_then(|o| o.subprotocol("xmpp"))
            .and_then(|o| o.subprotocol("chat"))
            .and_then(|o| o.origin("https://app.example"))
            .unwrap();
        let request = request(&endpoint(), "/ws/", &options);
        let text = String::from_utf8(request.bytes).unwrap();
        assert!(
            text.starts_with("GET /ws/?a=b&c HTTP/1.1\r\nHost: im.example:8443\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\nSec-WebSocket-Protocol: xmpp, chat\r\n"));
        assert!(text.contains(concat!(
            "\r\nUser-Agent: easelect/",
            env!("CARGO_PKG_VERSION"),
            "\r\n"
        )));
        assert!(text.contains("\r\norigin: https://app.example\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_response_is_judged_as_the_rfc_asks() {
        let request = request(&endpoint(), "/ws/", &ConnectOptions::new());
        let accept = request.accept.clone();
        let good = [
            ("Upgrade", "WebSocket"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-WebSocket-Accept", accept.as_str()),
        ];
        // A legacy endpoint requires its subprotocol; others don't.
        let without = check(&request, &answer(101, &good)).unwrap_err();
        assert_eq!(without.kind(), FailureKind::SubprotocolMissing);
        assert_eq!(without.message(), Some("wanted xmpp, got none"));
        let plain = Request {
            needed: None,
            ..super::request(&endpoint(), "/ws/", &ConnectOptions::new())
        };
        let accept_of_plain = plain.accept.clone();
        let upgraded = [good[0], good[1], ("Sec-WebSocket-Accept", &accept_of_plain)];
        assert_eq!(check(&plain, &answer(101, &upgraded)), Ok(None));
        let with = |extra| answer(101, &[&good[..], &[extra]].concat());
        let xmpp = with(("Sec-WebSocket-Protocol", "xmpp"));
        assert_eq!(check(&request, &xmpp), Ok(Some("xmpp".to_owned())));
        let kind = |head: &Head| check(&request, head).unwrap_err().kind();
        assert_eq!(
            kind(&with(("Sec-WebSocket-Protocol", "other"))),
            FailureKind::UnrequestedExtensionOrProtocol
        );
        assert_eq!(
            kind(&with(("Sec-WebSocket-Extensions", "permessage-deflate"))),
            FailureKind::UnrequestedExtensionOrProtocol
        );
        assert_eq!(
            kind(&with(("Sec-WebSocket-Accept", "again"))),
            FailureKind::BadAccept
        );
        assert_eq!(kind(&answer(101, &good[..2])), FailureKind::BadAccept);
        assert_eq!(kind(&answer(101, &good[1..])), FailureKind::BadHeaders);
        let moved = answer(302, &[("Location", "https://portal.example/")]);
        let moved = check(&request, &moved).unwrap_err();
        assert_eq!(moved.location(), Some("https://portal.example/"));
        let busy = check(&request, &answer(429, &[("Retry-After", "7")])).unwrap_err();
        assert_eq!(
            (busy.status(), busy.retry_after()),
            (Some(429), Some(Duration::from_secs(7)))
        );
        // A date is relative to the server's clock.
        let date = ("Date", "Fri, 31 Dec 1999 23:59:50 GMT");
        let asked = |until| {
            let later = answer(503, &[date, ("Retry-After", until)]);
            check(&request, &later).unwrap_err().retry_after()
        };
        let seven = Some(Duration::from_secs(7));
        assert_eq!(asked("Fri, 31 Dec 1999 23:59:57 GMT"), seven);
        assert_eq!(asked("Friday, 31-Dec-99 23:59:57 GMT"), seven);
        assert_eq!(asked("Fri, 31 Dec 1999 23:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn an_app_can_not_break_the_handshake() {
        assert!(ConnectOptions::new().header("Upgrade", "x").is_err());
        let chunked = ConnectOptions::new().header("Transfer-Encoding", "chunked");
        assert!(chunked.is_err());
        assert!(ConnectOptions::new().header("a b", "x").is_err());
        assert!(ConnectOptions::new().header("x-a", "x\r\nHost: y").is_err());
        assert!(ConnectOptions::new().query("a b").is_err());
        assert!(ConnectOptions::new().subprotocol("a,b").is_err());
        let secret = ConnectOptions::new()
            .header("authorization", "hunter2")
            .and_then(|o| o.query("token=hunter2"))
            .and_then(|o| o.subprotocol("hunter2"))
            .unwrap();
        let told = format!("{secret:?}");
        assert!(!told.contains("hunter2") && told.contains("authorization"));
    }
}
