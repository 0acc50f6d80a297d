//! One endpoint: a URL of one service in one data centre.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;
use http::uri::PathAndQuery;
use rustls::pki_types::DnsName;
use serde::{Deserialize, Serialize};

use super::region::Region;
use crate::error::{Error, ErrorKind};

macro_rules! named {
    ($type:ident, $what:literal, $($variant:ident = $id:literal),+) => {
        impl $type {
            /// Every one, in the catalogue's order.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The identifier used in files, JSON and on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$variant => $id),+ }
            }
        }

        display_identifier!($type);

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|one| one.as_str() == text)
                    .ok_or_else(|| {
                        let known: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
                        Error::new(
                            ErrorKind::Catalog,
                            format!(
                                concat!("unknown ", $what, " {:?}: expected one of {}"),
                                text,
                                known.join(", ")
                            ),
                        )
                    })
            }
        }
    };
}

/// What an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Service {
    /// Web and desktop clients: socket 3.0 at home, simply WebSocket overseas.
    Websocket,
    /// Old web clients: socket 2.0, XMPP over WebSocket (subprotocol `xmpp`, RFC 7395).
    Legacy,
    /// The RESTful API.
    Rest,
    /// WeChat mini-programs.
    Wechat,
    /// Alipay mini-programs.
    Alipay,
}

named!(
    Service,
    "service",
    Websocket = "websocket",
    Legacy = "legacy",
    Rest = "rest",
    Wechat = "wechat",
    Alipay = "alipay"
);

impl Service {
    /// Whether the service is opened by a WebSocket handshake (all but REST).
    #[must_use]
    pub const fn is_websocket(self) -> bool {
        !matches!(self, Service::Rest)
    }

    /// Whether it is meant for a mini-program, inside which the network may behave otherwise
    /// than on the machine that measures.
    #[must_use]
    pub const fn is_mini_program(self) -> bool {
        matches!(self, Service::Wechat | Service::Alipay)
    }

    const fn scheme(self) -> &'static str {
        if self.is_websocket() { "wss" } else { "https" }
    }
}

/// Which of a service's alternatives a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Variant {
    /// Under `easemob.com`.
    Easemob,
    /// Under `easecdn.com`.
    Easecdn,
    /// A global acceleration node, handed out by Easemob's account manager. Its default bandwidth
    /// is 1 Mbps, so at most 2 attempts are in flight to one.
    Acceleration,
    /// Any other host, from a user's catalogue.
    Custom,
}

named!(
    Variant,
    "variant",
    Easemob = "easemob",
    Easecdn = "easecdn",
    Acceleration = "acceleration",
    Custom = "custom"
);

/// How well a URL is known. The hosts are all documented; ports and paths are often not.
///
/// Exhaustive: a URL is somebody's word or a conclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Easemob's documentation or its own SDK has this URL.
    Documented,
    /// The host is documented; port or path are concluded from its siblings.
    Inferred,
    /// The user supplied it.
    User,
}

named!(
    Confidence,
    "confidence",
    Documented = "documented",
    Inferred = "inferred",
    User = "user"
);

/// A URL of one service in one data centre, and what is known about it. Cheap to clone.
///
/// ```
/// use easelect::{Endpoint, Region, Service};
///
/// let mine = Endpoint::new(Region::CN_VIP, Service::Websocket, "wss://im.example.com/websocket")?;
/// assert_eq!((mine.host(), mine.port()), ("im.example.com", 443));
/// # Ok::<(), easelect::Error>(())
/// ```
///
/// Two are the same if they are the same URL for the same purpose (region and service): what is known
/// about it besides, such as a label, makes no other endpoint of it.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    region: Region,
    service: Service,
    variant: Variant,
    url: String,
    host: String,
    port: u16,
    path: String,
    alternates: Vec<String>,
    subprotocol: Option<String>,
    confidence: Confidence,
    label: Option<String>,
}

/// RFC 1035 §2.3.4 bounds a name, browsers bound a URL; this is far above both.
const MAX_URL: usize = 2048;

impl Endpoint {
    /// An endpoint supplied by the user: `wss://…` (or `https://…` for [`Service::Rest`]).
    ///
    /// The variant follows from the host: `easemob.com`, `easecdn.com`, or custom. The legacy
    /// service gets its subprotocol `xmpp`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] when the URL has no host, a scheme that doesn't fit the service,
    /// user information, a fragment, or is longer than 2048 bytes.
    pub fn new(region: Region, service: Service, url: &str) -> Result<Self, Error> {
        let wrong = |why: String| {
            Error::new(
                ErrorKind::Catalog,
                format!("{:?} can't be an endpoint: {why}", shortened(url)),
            )
        };
        if url.len() > MAX_URL {
            return Err(wrong(format!("longer than {MAX_URL} bytes")));
        }
        let (bare, fragment) = url.split_once('#').unwrap_or((url, ""));
        if !fragment.is_empty() {
            return Err(wrong(
                "a fragment never reaches a server; drop it".to_owned(),
            ));
        }
        let uri: Uri = bare
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(format!("not a URL ({error})")))?;
        let scheme = service.scheme();
        match uri.scheme_str() {
            Some(given) if given.eq_ignore_ascii_case(scheme) => {}
            Some(given) => {
                return Err(wrong(format!(
                    "service {service} needs {scheme}://, not {given}:// (unencrypted endpoints \
                     can't be verified)"
                )));
            }
            None => return Err(wrong(format!("expected {scheme}://HOST[:PORT]/PATH"))),
        }
        let authority = uri
            .authority()
            .filter(|authority| !authority.host().is_empty() && authority.host() != "[]")
            .ok_or_else(|| wrong(format!("no host: expected {scheme}://HOST[:PORT]/PATH")))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "credentials are never sent; drop user:password@".to_owned(),
            ));
        }
        let host = host_of(authority.host())
            .ok_or_else(|| wrong("the host is neither a DNS name nor an IP address".to_owned()))?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") | None => 443,
            Some(rest) => rest
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .filter(|port| *port != 0)
                .ok_or_else(|| wrong("the port is not a number from 1 to 65535".to_owned()))?,
        };
        let path = match uri.path_and_query().map(PathAndQuery::as_str) {
            None | Some("") => "/".to_owned(),
            Some(query) if query.starts_with('?') => format!("/{query}"),
            Some(path) => path.to_owned(),
        };
        let variant = if host.ends_with(".easemob.com") {
            Variant::Easemob
        } else if host.ends_with(".easecdn.com") {
            Variant::Easecdn
        } else {
            Variant::Custom
        };
        let mut inner = Inner {
            region,
            service,
            variant,
            url: String::new(),
            host,
            port,
            path,
            alternates: Vec::new(),
            subprotocol: (service == Service::Legacy).then(|| "xmpp".to_owned()),
            confidence: Confidence::User,
            label: None,
        };
        inner.url = inner.url_with(&inner.path);
        Ok(Endpoint(Arc::new(inner)))
    }

    /// The data centre it belongs to.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.0.region
    }

    /// What it is for.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.service
    }

    /// Which of the service's alternatives it is.
    #[must_use]
    pub fn variant(&self) -> Variant {
        self.0.variant
    }

    /// The URL, normalised: lower-case host, no default port, a path.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The URL with another path, as when an alternate path turned out to be the right one.
    #[must_use]
    pub fn url_with(&self, path: &str) -> String {
        self.0.url_with(path)
    }

    /// The host: a DNS name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The path with its query, beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Paths worth a try, once, where this one is only inferred and is answered by 400, 404, 405, 410 or 426.
    #[must_use]
    pub fn alternate_paths(&self) -> &[String] {
        &self.0.alternates
    }

    /// The WebSocket subprotocol that the service needs, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.0.subprotocol.as_deref()
    }

    /// How well the URL is known.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.0.confidence
    }

    /// The user's own name for it, if any.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.0.label.as_deref()
    }

    /// The value of the `Host` header: the port only where it isn't 443, brackets for IPv6.
    #[must_use]
    pub fn authority(&self) -> String {
        self.0.authority()
    }

    /// Sets the variant.
    #[must_use]
    pub fn with_variant(mut self, variant: Variant) -> Self {
        Arc::make_mut(&mut self.0).variant = variant;
        self
    }

    /// Sets the user's own name for it.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).label = Some(label.into());
        self
    }

    /// Sets the WebSocket subprotocol that the service needs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] when it is not an HTTP token (RFC 6455 §4.1, item 10), or the
    /// service is REST.
    pub fn with_subprotocol(mut self, subprotocol: &str) -> Result<Self, Error> {
        if !self.service().is_websocket() {
            return Err(Error::new(
                ErrorKind::Catalog,
                "a REST endpoint has no subprotocol",
            ));
        }
        if !is_token(subprotocol) {
            return Err(Error::new(
                ErrorKind::Catalog,
                format!(
                    "{:?} is no subprotocol: expected a token",
                    shortened(subprotocol)
                ),
            ));
        }
        Arc::make_mut(&mut self.0).subprotocol = Some(subprotocol.to_owned());
        Ok(self)
    }

    pub(super) fn with_confidence(mut self, confidence: Confidence) -> Self {
        Arc::make_mut(&mut self.0).confidence = confidence;
        self
    }

    pub(super) fn with_alternate(mut self, path: &str) -> Self {
        Arc::make_mut(&mut self.0).alternates.push(path.to_owned());
        self
    }
}

impl Inner {
    fn authority(&self) -> String {
        let brackets = self.host.contains(':');
        match (brackets, self.port) {
            (false, 443) => self.host.clone(),
            (false, port) => format!("{}:{port}", self.host),
            (true, 443) => format!("[{}]", self.host),
            (true, port) => format!("[{}]:{port}", self.host),
        }
    }

    fn url_with(&self, path: &str) -> String {
        format!("{}://{}{path}", self.service.scheme(), self.authority())
    }
}

impl Endpoint {
    /// What makes it this endpoint and no other.
    fn identity(&self) -> (&Region, Service, &str) {
        (self.region(), self.service(), self.url())
    }

    /// Whether it stands at the same host and port for the same purpose, perhaps at another path: one
    /// of them in a catalogue is enough.
    #[must_use]
    pub fn shares_place_with(&self, other: &Endpoint) -> bool {
        let place = |one: &Endpoint| (one.service(), one.port());
        (place(self), self.region(), self.host()) == (place(other), other.region(), other.host())
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.identity() == other.identity()
    }
}

impl Eq for Endpoint {}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Endpoint {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({} {})", self.region(), self.url())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.url())
    }
}

/// A DNS name in lower case, or an IP address without brackets in its canonical form.
pub(crate) fn host_of(written: &str) -> Option<String> {
    let host = written.to_ascii_lowercase();
    // The dot of the root is for the resolver; certificates and SNI have none (RFC 6066 §3).
    let host = host.strip_suffix('.').map_or(host.clone(), str::to_owned);
    if let Some(v6) = host.strip_prefix('[') {
        let v6: Ipv6Addr = v6.strip_suffix(']')?.parse().ok()?;
        return Some(v6.to_string());
    }
    let is_v4 = host.parse::<Ipv4Addr>().is_ok();
    let is_name = !host.ends_with('.') && DnsName::try_from(host.as_str()).is_ok();
    (is_v4 || is_name).then_some(host)
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// What a message shows of input that may be enormous.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, Error> {
        Endpoint::new(Region::CN1, Service::Websocket, url)
    }

    #[test]
    fn a_url_is_taken_apart_and_normalised() {
        let one = endpoint("wss://IM.Example.com:443/ws?x=1").unwrap();
        assert_eq!(one.url(), "wss://im.example.com/ws?x=1");
        assert_eq!(one.path(), "/ws?x=1");
        let v6 = endpoint("wss://[2001:DB8::1]:8443").unwrap();
        assert_eq!(v6.host(), "2001:db8::1");
        assert_eq!(v6.url(), "wss://[2001:db8::1]:8443/");
        assert_eq!(endpoint("wss://10.0.0.1/").unwrap().host(), "10.0.0.1");
        // As browsers read them.
        for (written, url) in [
            ("WSS://x.example/", "wss://x.example/"),
            ("wss://x.example.:443/ws", "wss://x.example/ws"),
            ("wss://x.example?a=b", "wss://x.example/?a=b"),
            ("Wss://X.EXAMPLE#", "wss://x.example/"),
        ] {
            assert_eq!(endpoint(written).unwrap().url(), url);
        }
        assert_eq!(
            endpoint("wss://im.easecdn.com/").unwrap().variant(),
            Variant::Easecdn
        );
        assert_eq!(
            endpoint("wss://noteasecdn.com/").unwrap().variant(),
            Variant::Custom
        );
    }

    #[test]
    fn what_can_not_be_an_endpoint_is_refused() {
        for bad in [
            "",
            "wss://",
            "wss:///path",
            "ws://plain.example.com/",
            "https://rest.example.com/",
            "im.example.com",
            "wss://u:p@example.com/",
            "wss://example.com../",
            "wss://./",
            "wss://example.com:0/",
            "wss://example.com:99999/",
            "wss://example.com:x/",
            "wss://exa mple.com/",
            "wss://-bad-.example/",
            "wss://[::1/",
            "wss://[zz]/",
            "wss://[]/",
            "wss://example.com/#fragment",
            "wss://例子.中国/",
        ] {
            assert!(endpoint(bad).is_err(), "{bad:?}");
        }
        let enormous = format!("wss://{}/", "a".repeat(5000));
        assert!(endpoint(&enormous).unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn the_legacy_service_speaks_xmpp() {
        let old = Endpoint::new(Region::CN1, Service::Legacy, "wss://x.example/ws/").unwrap();
        assert_eq!(old.subprotocol(), Some("xmpp"));
        assert!(old.with_subprotocol("a b").is_err());
    }
}
