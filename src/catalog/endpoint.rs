//! Endpoints: a URL of one service in one data centre.

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
            /// All variants, in the catalogue's order.
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

            /// Parses an identifier.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Catalog`] if it is unknown. The message lists the known ones.
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

/// The service that an endpoint provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Service {
    /// WebSocket for web and desktop clients. Easemob calls it socket 3.0 in mainland China, WebSocket
    /// overseas.
    Websocket,
    /// Socket 2.0 for old web clients: XMPP over WebSocket (subprotocol `xmpp`, RFC 7395).
    Legacy,
    /// The REST API.
    Rest,
    /// WebSocket for WeChat mini-programs.
    Wechat,
    /// WebSocket for Alipay mini-programs.
    Alipay,
    /// Upload and download of attachments (HTTPS). The built-in catalogue has no such endpoint.
    Files,
    /// The server list that the official SDKs fetch before they connect (HTTPS). The built-in catalogue
    /// has no such endpoint.
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
    /// Whether the service uses WebSocket. The others answer HTTPS requests.
    #[must_use]
    pub const fn is_websocket(self) -> bool {
        !matches!(self, Service::Rest | Service::Files | Service::Provisioning)
    }

    /// Whether the service is for mini-programs. Inside one, the network may behave differently from the
    /// computer that measures.
    #[must_use]
    pub const fn is_mini_program(self) -> bool {
        matches!(self, Service::Wechat | Service::Alipay)
    }

    /// The URL scheme: `"wss"` or `"https"`.
    pub(super) const fn scheme(self) -> &'static str {
        if self.is_websocket() { "wss" } else { "https" }
    }
}

/// The domain or kind of host among a service's alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Variant {
    /// A host below `easemob.com`.
    Easemob,
    /// A host below `easecdn.com`.
    Easecdn,
    /// A global acceleration node, supplied by an Easemob account manager. Since such a node has 1 Mbps by
    /// default, a prober makes at most 2 attempts at acceleration nodes at once.
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

/// How well a URL is known. All built-in hosts are documented, but many ports and paths are not.
///
/// The enum is exhaustive: no further source of a URL is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Easemob's documentation or its own SDK contains this URL.
    Documented,
    /// The host is documented; port and path are inferred from other hosts.
    Inferred,
    /// The user supplied the URL.
    User,
}

named!(
    Confidence,
    "confidence",
    Documented = "documented",
    Inferred = "inferred",
    User = "user"
);

/// A URL of one service in one data centre, with what is known about it. Cheap to clone.
///
/// Two endpoints are equal if region, service and URL are. A label, variant or confidence makes no
/// difference.
///
/// ```
/// use easelect::{Endpoint, Region, Service};
///
/// let mine = Endpoint::new(Region::CN_VIP, Service::Websocket, "wss://im.example.com/websocket")?;
/// assert_eq!((mine.host(), mine.port()), ("im.example.com", 443));
/// # Ok::<(), easelect::Error>(())
/// ```
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

/// Longest URL, in bytes. Far longer than any real endpoint's.
const MAX_URL: usize = 2048;

impl Endpoint {
    /// Creates an endpoint from a URL: `wss://…` for a WebSocket service, `https://…` for the others.
    ///
    /// The URL is parsed as browsers do (<https://url.spec.whatwg.org>): surrounding blanks are dropped, a
    /// backslash counts as a slash, dot segments are resolved, `0x7f.1` is 127.0.0.1, and `例子.中国` is
    /// `xn--fsqu00a.xn--fiqs8s`. A host may contain Chinese, Japanese, Korean and Latin-1 letters; one with
    /// other letters beyond ASCII must be given in its `xn--` form.
    ///
    /// The variant is derived from the host: `easemob.com`, `easecdn.com`, or custom. The legacy service
    /// gets the subprotocol `xmpp`. The confidence is [`Confidence::User`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] if the URL has no valid host, a scheme that doesn't fit the service, user
    /// information, a fragment or an invalid port, or if it is longer than 2048 bytes, as given or encoded.
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
        // Encoding makes a URL longer, and the result must be accepted by this function again.
        if inner.url.len() > MAX_URL {
            return Err(enormous());
        }
        Ok(Endpoint(Arc::new(inner)))
    }

    /// Returns the data centre that the endpoint belongs to.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.0.region
    }

    /// Returns the service.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.service
    }

    /// Returns the variant.
    #[must_use]
    pub fn variant(&self) -> Variant {
        self.0.variant
    }

    /// Returns the normalised URL: lower-case ASCII host, no default port, encoded path.
    ///
    /// The query may be secret. To show the URL, use [`Display`](fmt::Display), which hides it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Returns the URL with another path, such as an alternate path that turned out to work.
    #[must_use]
    pub fn url_with(&self, path: &str) -> String {
        self.0.url_with(path)
    }

    /// Returns the URL with another path, safe to show: a query, which may contain a token, becomes `?…`.
    ///
    /// `Display` and `Debug` show the endpoint's own URL in the same way.
    #[must_use]
    pub fn shown_with(&self, path: &str) -> String {
        without_secrets(&self.url_with(path)).into_owned()
    }

    /// Returns the host: a DNS name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Returns the TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Returns the path and query, beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Returns the paths to try if the server rejects this endpoint's inferred path with 400, 404, 405,
    /// 410 or 426.
    #[must_use]
    pub fn alternate_paths(&self) -> &[String] {
        &self.0.alternates
    }

    /// Returns the WebSocket subprotocol that the service requires, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.0.subprotocol.as_deref()
    }

    /// Returns how well the URL is known.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.0.confidence
    }

    /// Returns the user's own name for the endpoint, if any.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.0.label.as_deref()
    }

    /// Returns the value of the `Host` header: brackets for IPv6, and the port unless it is 443.
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

    /// Sets the user's own name for the endpoint.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).label = Some(label.into());
        self
    }

    /// Sets the WebSocket subprotocol that the service requires.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] if it is not an HTTP token (RFC 6455 §4.1, item 10), or if the service does
    /// not use WebSocket.
    pub fn with_subprotocol(mut self, subprotocol: &str) -> Result<Self, Error> {
        if !self.service().is_websocket() {
            return Err(Error::new(
                ErrorKind::Catalog,
                "only a WebSocket endpoint can have a subprotocol",
            ));
        }
        if !is_token(subprotocol) {
            return Err(Error::new(
                ErrorKind::Catalog,
                format!(
                    "\"{}\" is not a subprotocol: expected a token (no spaces)",
                    shortened(subprotocol)
                ),
            ));
        }
        Arc::make_mut(&mut self.0).subprotocol = Some(subprotocol.to_owned());
        Ok(self)
    }

    /// Sets how well the URL is known. The default is [`Confidence::User`].
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
    fn identity(&self) -> (&Region, Service, &str) {
        (self.region(), self.service(), self.url())
    }

    /// Whether both endpoints have the same region, service, host and port. A catalogue keeps only one of
    /// such endpoints, whatever their paths.
    pub(super) fn shares_place_with(&self, other: &Endpoint) -> bool {
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

/// Whether `text` is a token (RFC 9110 §5.6.2).
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
