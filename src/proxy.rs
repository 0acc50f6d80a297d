//! The proxy setting: its URL, the environment variables, and the hosts that bypass it.
//!
//! The proxy is given host names and looks them up itself: behind a company's proxy, the local DNS
//! servers often can't resolve names of the Internet. The protocols are in
//! [`handshake`](crate::handshake).

mod no_proxy;

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::catalog::{host_of, port_of};
use crate::error::{Error, ErrorKind};
use no_proxy::NoProxy;

/// A proxy for reaching the endpoints: HTTP `CONNECT` (RFC 9110 §9.3.6) or SOCKS5 (RFC 1928), with or
/// without user name and password. Cheap to clone.
///
/// The proxy looks up the endpoints' names, so a [`PinnedHost`](crate::PinnedHost) of an endpoint that is
/// reached through it has no effect. [`Phase::Connect`](crate::Phase::Connect) and the reported addresses
/// are the proxy's, and [`Phase::Proxy`](crate::Phase::Proxy) is the time to open the tunnel. TLS is
/// established with the endpoint itself: the proxy sees the endpoint's host and port, but no content.
///
/// User name and password are sent only to the proxy (Basic, RFC 7617, or RFC 1929). They are unencrypted
/// unless the proxy's URL is `https://`; such a proxy's certificate is verified by the same
/// [`TlsClient`](crate::TlsClient) as the endpoints'. `Debug` and `Display` omit them.
///
/// # Example
///
/// ```
/// use easelect::{Dialer, Proxy, Region, Selector};
///
/// let proxy: Proxy = "http://user:secret@proxy.example:8080".parse()?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:8080");
/// let proxy = proxy.bypassing("corp.example, 10.0.0.0/8"); // or Proxy::from_env()?
/// let dialer = Dialer::builder().proxy(proxy).build()?;
/// let selector = Selector::builder(Region::CN1).dialer(dialer).build()?;
/// # let _ = selector;
/// # Ok::<(), easelect::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    protocol: Protocol,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
    bypass: NoProxy,
    variable: Option<&'static str>,
}

/// The proxy protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    /// HTTP over TLS.
    Https,
    Socks5,
}

/// Has no `Debug`, so that credentials can't get into a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// curl's order. `HTTP_PROXY` is not used: it applies to `http://` only, and a CGI client can set it.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const BYPASS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// curl's default port for `http://`, and the port of SOCKS (RFC 1928 §3).
const PORT: u16 = 1080;
const TLS_PORT: u16 = 443;

/// In bytes; far longer than any real one.
const MAX_URL: usize = 2048;

/// In bytes. RFC 1929 §2 has one byte for the length of each.
const MAX_CREDENTIAL: usize = 255;

impl Proxy {
    /// Returns the proxy set in the environment, by curl's rules; `None` if there is none.
    ///
    /// The proxy is the first of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that is not
    /// empty. Hosts in `no_proxy`, or if that is empty in `NO_PROXY`, [bypass](Self::bypassing) it.
    /// `HTTP_PROXY` is not used: it is for unencrypted requests, which this crate never makes.
    ///
    /// The library uses a proxy from the environment only if the app calls this function.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if the variable is not a valid proxy URL. The message does not quote it.
    pub fn from_env() -> Result<Option<Self>, Error> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(read: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, Error> {
        let set = |name: &&'static str| {
            let value = read(name).filter(|value| !value.is_empty())?;
            Some((*name, value.into_string()))
        };
        let Some((variable, value)) = VARIABLES.iter().find_map(set) else {
            return Ok(None);
        };
        let wrong = |why| {
            let why = format!("environment variable {variable}: {why}");
            Error::new(ErrorKind::Input, why)
        };
        let url = value.map_err(|_| wrong("not UTF-8".to_owned()))?;
        let proxy: Proxy = url
            .parse()
            .map_err(|error: Error| wrong(error.to_string()))?;
        let bypass = BYPASS.iter().find_map(set);
        let bypass = bypass.map_or(String::new(), |(_, list)| {
            list.unwrap_or_else(|list| list.to_string_lossy().into_owned())
        });
        let mut proxy = proxy.bypassing(&bypass);
        Arc::make_mut(&mut proxy.0).variable = Some(variable);
        Ok(Some(proxy))
    }

    /// Sets the hosts that bypass the proxy, in the format of `NO_PROXY`.
    ///
    /// Entries are separated by commas or spaces. Each is a domain (which includes all its subdomains, with
    /// or without a leading dot), an IP address, a network such as `10.0.0.0/8`, or `*` for all hosts. An
    /// entry may end in `:PORT` to match one port only. Addresses and networks match only hosts that are IP
    /// addresses: no name is looked up.
    #[must_use]
    pub fn bypassing(mut self, list: &str) -> Self {
        Arc::make_mut(&mut self.0).bypass = NoProxy::new(list);
        self
    }

    /// Whether this host and port are reached through the proxy. `false` if they bypass it.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16) -> bool {
        !self.0.bypass.contains(host, port)
    }

    /// Returns the proxy's host: a DNS name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Returns the proxy's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Returns the environment variable that set the proxy, if any.
    #[must_use]
    pub fn variable(&self) -> Option<&'static str> {
        self.0.variable
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.0.protocol
    }

    /// Whether the proxy has a user name and password.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.credentials().is_some()
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.0.credentials.as_ref()
    }

    /// Returns the same proxy for a [`reqwest::Client`] of the app's own, with user name and password.
    #[cfg(feature = "rest")]
    #[must_use]
    pub fn for_reqwest(&self) -> reqwest::Proxy {
        let proxy = self.clone();
        reqwest::Proxy::custom(move |target| {
            let (host, port) = (target.host_str()?, target.port_or_known_default()?);
            let host = host.trim_start_matches('[').trim_end_matches(']');
            proxy.covers(host, port).then(|| proxy.secret_url())
        })
    }

    /// The URL with user name and password. In reqwest, the `h` of `socks5h` lets the proxy look up names.
    #[cfg(feature = "rest")]
    pub(crate) fn secret_url(&self) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

        let scheme = match self.0.protocol {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Socks5 => "socks5h",
        };
        let at = authority(&self.0.host, self.0.port);
        match &self.0.credentials {
            None => format!("{scheme}://{at}"),
            Some(one) => {
                let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
                let (user, password) = (encoded(&one.user), encoded(&one.password));
                format!("{scheme}://{user}:{password}@{at}")
            }
        }
    }
}

impl FromStr for Proxy {
    type Err = Error;

    /// Parses `http://[USER:PASSWORD@]HOST[:PORT]`, `https://…` (TLS to the proxy itself), `socks5://…` or
    /// `socks5h://…`.
    ///
    /// `socks5` and `socks5h` mean the same: the proxy looks up names. As with curl, the default scheme is
    /// `http` and the default port is 1080, or 443 for `https`. Special characters in user name and
    /// password must be written as `%XX`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if the URL is invalid. The message does not quote it, since any part may be
    /// the password.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            let why = format!("not a proxy URL: {why}");
            Err(Error::new(ErrorKind::Input, why))
        };
        if text.len() > MAX_URL {
            return wrong("the URL is longer than 2048 bytes");
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "http" => Protocol::Http,
            "socks5" | "socks5h" => Protocol::Socks5,
            "https" => Protocol::Https,
            _ => return wrong("unknown scheme: expected http://, https:// or socks5://"),
        };
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, at) = match rest.rsplit_once('@') {
            Some((user, at)) => (Some(user), at),
            None => (None, rest),
        };
        let default = match protocol {
            Protocol::Https => TLS_PORT,
            Protocol::Http | Protocol::Socks5 => PORT,
        };
        let Some((host, port)) = host_and_port(at, default) else {
            return wrong("expected SCHEME://[USER:PASSWORD@]HOST[:PORT]");
        };
        let credentials = match user.map(|user| credentials(user, protocol)) {
            Some(Err(why)) => return wrong(why),
            Some(Ok(credentials)) => credentials,
            None => None,
        };
        Ok(Proxy(Arc::new(Inner {
            protocol,
            host,
            port,
            credentials,
            bypass: NoProxy::default(),
            variable: None,
        })))
    }
}

fn host_and_port(at: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match at.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port_of(port)?),
        _ => (at, default),
    };
    Some((host_of(host)?, port))
}

fn credentials(user: &str, protocol: Protocol) -> Result<Option<Credentials>, &'static str> {
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let decoded = |text| {
        let text = percent_decode_str(text).decode_utf8();
        let text = text.map_err(|_| "user name and password must be UTF-8")?;
        if text.len() > MAX_CREDENTIAL || text.chars().any(char::is_control) {
            return Err(
                "user name and password: expected at most 255 bytes each, without control characters",
            );
        }
        Ok(text.into_owned())
    };
    let (user, password) = (decoded(user)?, decoded(password)?);
    match (user.is_empty(), password.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err("a password needs a user name"),
        // RFC 7617 §2.
        _ if protocol != Protocol::Socks5 && user.contains(':') => {
            Err("a user name can't contain a colon")
        }
        _ => Ok(Some(Credentials { user, password })),
    }
}

/// Host and port for a URL or `CONNECT`: brackets for IPv6, and always the port.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The URL without user name and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.0.protocol {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", authority(&self.0.host, self.0.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Proxy {
        url.parse().unwrap()
    }

    fn from(variables: &[(&str, &str)]) -> Result<Option<Proxy>, Error> {
        Proxy::from_variables(|name| {
            let found = variables.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn urls_are_read_as_curl_does() {
        for (url, shown) in [
            ("http://proxy.example:8080", "http://proxy.example:8080"),
            ("HTTP://Proxy.Example:8080/", "http://proxy.example:8080"),
            ("proxy.example:8080", "http://proxy.example:8080"),
            ("proxy.example", "http://proxy.example:1080"),
            ("http://a:b@10.0.0.1:3128/path?x#y", "http://10.0.0.1:3128"),
            ("a:b@proxy.example:8080", "http://proxy.example:8080"),
            ("https://proxy.example", "https://proxy.example:443"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("socks5://[fd00::1]", "socks5://[fd00::1]:1080"),
            ("socks5h://localhost:7890", "socks5://localhost:7890"),
            ("http://proxy_1.example:80", "http://proxy_1.example:80"),
        ] {
            assert_eq!(proxy(url).to_string(), shown, "{url}");
        }
    }

    #[test]
    fn user_and_password_are_decoded() {
        for (url, user, password) in [
            ("http://u:p@h:1", "u", "p"),
            ("http://u@h:1", "u", ""),
            ("http://u:p%40%3A%2f@h:1", "u", "p@:/"),
            ("http://u:p@x@h:1", "u", "p@x"),
            ("http://u:p:q@h:1", "u", "p:q"),
            ("socks5://%E7%94%A8:%20@h", "用", " "),
            ("socks5://a%3Ab:c@h", "a:b", "c"),
        ] {
            let proxy = proxy(url);
            let one = proxy.credentials().unwrap();
            assert_eq!((&*one.user, &*one.password), (user, password), "{url}");
        }
        assert!(proxy("http://:@h:1").credentials().is_none());
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_a_word_of_it() {
        let long = format!("http://u:secret{}@h:1", "x".repeat(300));
        for url in [
            "",
            "http://",
            "http://u:secret@",
            "http://u:secret@:80",
            "http://u:secret@h:0",
            "http://u:secret@h:99999",
            "http://u:sec/ret@h:1",
            "http://u:secret@h o:1",
            "http://u:secret%ff@h:1",
            "http://u:secret%0d%0a@h:1",
            "http://a%3Ab:secret@h:1",
            "http://:secret@h:1",
            "socks4://u:secret@h:1",
            "u:secret://h",
            &long,
        ] {
            let error = url.parse::<Proxy>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{url}");
            let told = format!("{error} {error:?}");
            assert!(!told.contains("secret") && !told.contains("sec/"), "{told}");
        }
    }

    #[test]
    fn the_environment_is_read_as_curl_does() {
        let at = |variables: &[(&str, &str)]| from(variables).unwrap().map(|one| one.to_string());
        assert_eq!(at(&[]), None);
        assert_eq!(at(&[("HTTP_PROXY", "http://a:1")]), None);
        assert_eq!(at(&[("http_proxy", "http://a:1")]), None);
        assert_eq!(at(&[("https_proxy", "")]), None);
        let ordered = [
            ("https_proxy", "a:1"),
            ("HTTPS_PROXY", "b:1"),
            ("all_proxy", "c:1"),
            ("ALL_PROXY", "d:1"),
        ];
        for (skipped, host) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let expected = format!("http://{host}:1");
            assert_eq!(at(&ordered[skipped..]), Some(expected));
        }
        let named = from(&[("https_proxy", ""), ("ALL_PROXY", "socks5://c:1")]);
        assert_eq!(named.unwrap().unwrap().variable(), Some("ALL_PROXY"));
    }

    #[test]
    fn the_environments_exceptions_go_with_it() {
        let both = [
            ("https_proxy", "a:1"),
            ("no_proxy", "x.example"),
            ("NO_PROXY", "y.example"),
        ];
        let proxy = from(&both).unwrap().unwrap();
        assert!(!proxy.covers("x.example", 443) && proxy.covers("y.example", 443));
        let proxy = from(&[both[0], both[2]]).unwrap().unwrap();
        assert!(!proxy.covers("y.example", 443));
    }

    #[test]
    fn a_bad_variable_is_named_and_not_quoted() {
        let error = from(&[("HTTPS_PROXY", "ftp://u:secret@h:1")]).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("HTTPS_PROXY") && !told.contains("secret"));
    }

    #[test]
    fn nothing_shows_the_password() {
        let proxy = proxy("http://user:secret@h:1").bypassing("a.example");
        let told = format!("{proxy} {proxy:?} {proxy:#?}");
        assert!(!told.contains("secret") && !told.contains("user"), "{told}");
    }

    #[cfg(feature = "rest")]
    #[test]
    fn reqwest_gets_all_of_it() {
        let url = proxy("socks5://u%40:p%3A%20@[::1]:1").secret_url();
        assert_eq!(url, "socks5h://u%40:p%3A%20@[::1]:1");
        assert_eq!(proxy("h:1").secret_url(), "http://h:1");
        let told = format!("{:?}", proxy("http://user:secret@h:1").for_reqwest());
        assert!(!told.contains("secret"), "{told}");
    }
}
