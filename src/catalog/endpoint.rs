//! One endpoint: a URL of one service in one data centre.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use easelect_engine::shown::without_secrets;
use serde::{Deserialize, Serialize};

use super::region::Region;
use super::url;
use crate::error::{Error, ErrorKind, shortened};

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
                                concat!("unknown ", $what, " \"{}\": expected one of {}"),
                                shortened(text),
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
    /// Attachments: where the SDKs upload and download files (HTTPS). None is built in.
    Files,
    /// The list of servers that the official SDKs ask for before they connect (HTTPS). None is built in.
    Provisioning,
}

named!(
    Service,
    "service",
    Websocket = "websocket",
    Legacy = "legacy",
    Rest = "rest",
    Wechat = "wechat",
    Alipay = "alipay",
    Files = "files",
    Provisioning = "provisioning"
);

impl Service {
    /// Whether the service is opened by a WebSocket handshake; the others answer HTTPS requests.
    #[must_use]
    pub const fn is_websocket(self) -> bool {
        !matches!(self, Service::Rest | Service::Files | Service::Provisioning)
    }

    /// Whether it is meant for a mini-program, inside which the network may behave otherwise
    /// than on the machine that measures.
    #[must_use]
    pub const fn is_mini_program(self) -> bool {
        matches!(self, Service::Wechat | Service::Alipay)
    }

    /// The scheme of its URLs: `"wss"` or `"https"`.
    pub(super) const fn scheme(self) -> &'static str {
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
    /// An endpoint supplied by the user: `wss://…` (or `https://…` for what is no WebSocket).
    ///
    /// The URL is read as browsers do (<https://url.spec.whatwg.org>): blanks around it are dropped, a
    /// backslash is a slash, dot segments are resolved, `0x7f.1` is 127.0.0.1, `例子.中国` is
    /// `xn--fsqu00a.xn--fiqs8s`. Of letters beyond ASCII those of Chinese, Japanese, Korean and Latin-1
    /// are read in hosts; a host with others is to be given in its ASCII form.
    ///
    /// The variant follows from the host: `easemob.com`, `easecdn.com`, or custom. The legacy
    /// service gets its subprotocol `xmpp`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] when the URL has no host, a scheme that doesn't fit the service,
    /// user information, a fragment, a port that is empty or none, or is longer than 2048 bytes,
    /// as given or encoded.
    pub fn new(region: Region, service: Service, url: &str) -> Result<Self, Error> {
        let wrong = |why: String| {
            Error::new(
                ErrorKind::Catalog,
                format!("\"{}\" can't be an endpoint: {why}", shortened(url)),
            )
        };
        let enormous = || wrong(format!("longer than {MAX_URL} bytes"));
        if url.len() > MAX_URL {
            return Err(enormous());
        }
        let (expected, read) = (service.scheme(), url::trimmed(url));
        let rest = match url::scheme_of(&read) {
            Some((scheme, rest)) if scheme == expected => rest,
            Some((given, rest)) if rest.starts_with(['/', '\\']) => {
                return Err(wrong(format!(
                    "service {service} needs {expected}://, not {given}:// (unencrypted endpoints \
                     can't be verified)"
                )));
            }
            _ => return Err(wrong(format!("expected {expected}://HOST[:PORT]/PATH"))),
        };
        let url::Parts { host, port, path } =
            url::parts(rest).map_err(|why| wrong(why.to_owned()))?;
        let port = port.unwrap_or(443);
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
        // What is encoded is longer, and must be read again.
        if inner.url.len() > MAX_URL {
            return Err(enormous());
        }
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

    /// The URL, normalised: lower-case ASCII host, no default port, an encoded path. Its query may be
    /// secret: show what [`Display`](fmt::Display) gives.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The URL with another path, as when an alternate path turned out to be the right one.
    #[must_use]
    pub fn url_with(&self, path: &str) -> String {
        self.0.url_with(path)
    }

    /// The URL with this path as it may be shown: a query, which may hold a token, as `?…`. Displayed,
    /// and in debug output, the endpoint is shown so with its own path.
    #[must_use]
    pub fn shown_with(&self, path: &str) -> String {
        without_secrets(&self.url_with(path)).into_owned()
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
    /// service is no WebSocket.
    pub fn with_subprotocol(mut self, subprotocol: &str) -> Result<Self, Error> {
        if !self.service().is_websocket() {
            return Err(Error::new(
                ErrorKind::Catalog,
                "an endpoint that is no WebSocket has no subprotocol",
            ));
        }
        if !is_token(subprotocol) {
            return Err(Error::new(
                ErrorKind::Catalog,
                format!(
                    "\"{}\" is no subprotocol: expected a token",
                    shortened(subprotocol)
                ),
            ));
        }
        Arc::make_mut(&mut self.0).subprotocol = Some(subprotocol.to_owned());
        Ok(self)
    }

    /// Sets how well the URL is known: [`Confidence::User`] unless said otherwise.
    #[must_use]
    pub fn with_confidence(mut self, confidence: Confidence) -> Self {
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
        write!(f, "Endpoint({} {self})", self.region())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&without_secrets(self.url()))
    }
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
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
            (" wss://x.example/a/../b\n", "wss://x.example/b"),
            (r"wss:\\x.example\ws", "wss://x.example/ws"),
            (
                "wss://例子。中国/路",
                "wss://xn--fsqu00a.xn--fiqs8s/%E8%B7%AF",
            ),
            ("wss://0x7f.1:443", "wss://127.0.0.1/"),
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
            "wss:example.com",
            "wss://пример.example/",
        ] {
            assert!(endpoint(bad).is_err(), "{bad:?}");
        }
        for secret in [
            "wss://u:hunter2@example.com/",
            r"wss:\\u:hunter2@x@example.com/",
            "ws://u:hunter2@example.com/",
            "u:hunter2@example.com",
            "https://u:hunter2@example.com/#@",
        ] {
            let told = endpoint(secret).unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
        for enormous in [
            format!("wss://{}/", "a".repeat(5000)),
            format!("wss://x.example/{}", " .".repeat(900)),
        ] {
            let told = endpoint(&enormous).unwrap_err().to_string();
            assert!(told.len() < 200 && told.contains("2048"), "{told}");
        }
    }

    #[test]
    fn the_legacy_service_speaks_xmpp() {
        let old = Endpoint::new(Region::CN1, Service::Legacy, "wss://x.example/ws/").unwrap();
        assert_eq!(old.subprotocol(), Some("xmpp"));
        assert!(old.with_subprotocol("a b").is_err());
    }
}
