//! Which URLs belong to a residency. Requests to any other URL never leave the device.

use reqwest::Url;

use super::{RestError, RestErrorKind};
use crate::catalog::Endpoint;

/// The endpoint that a URL belongs to. The URL must be `https`, have the endpoint's host and port as
/// parsed, and a path at or below the endpoint's, and neither user nor password.
///
/// # Errors
///
/// [`RestErrorKind::Outside`], which says what is wrong and repeats only the host and port.
pub(super) fn endpoint_of<'a>(
    url: &Url,
    endpoints: &'a [Endpoint],
) -> Result<&'a Endpoint, RestError> {
    let outside = |why: String| RestError::new(RestErrorKind::Outside, why);
    if url.scheme() != "https" {
        let why = format!("{} URL: expected https", url.scheme());
        return Err(outside(why));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(outside("the URL has a user or password".to_owned()));
    }
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or_default();
    let there = |one: &&Endpoint| (one.host(), one.port()) == (host, port);
    if !endpoints.iter().any(|one| there(&one)) {
        let why = format!("{host}:{port} is not a REST endpoint of this residency");
        return Err(outside(why));
    }
    let below = endpoints
        .iter()
        .filter(there)
        .filter(|one| is_below(url.path(), path(one)));
    let nearest = below.max_by_key(|one| path(one).len());
    nearest.ok_or_else(|| {
        outside(format!(
            "the path is not below that of the endpoint at {host}"
        ))
    })
}

/// The URL to which an API path is appended: the endpoint's, without a trailing slash.
pub(super) fn base(endpoint: &Endpoint) -> String {
    endpoint.url_with(path(endpoint))
}

fn path(endpoint: &Endpoint) -> &str {
    let path = endpoint.path().split('?').next().unwrap_or_default();
    path.trim_end_matches('/')
}

fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The target of a request.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// A path below the best endpoint.
    Path(String),
    /// A complete URL: the app chose the endpoint.
    Url(Url),
}

impl Address {
    /// Parses the app's text: a URL if it begins with a scheme and `://`, otherwise a path.
    pub(super) fn of(text: &str) -> Result<Self, RestError> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let is_scheme = |scheme: &str| scheme.chars().all(|c| c.is_ascii_alphanumeric());
        if scheme.is_some_and(is_scheme) {
            return Ok(Address::Url(parse(text)?));
        }
        // A path must never be appended to the host name.
        let slash = if text.starts_with(['/', '?']) {
            ""
        } else {
            "/"
        };
        Ok(Address::Path(format!("{slash}{text}")))
    }

    /// The URL at this endpoint.
    pub(super) fn at(&self, endpoint: &Endpoint) -> Result<Url, RestError> {
        match self {
            Address::Path(path) => parse(&(base(endpoint) + path)),
            Address::Url(url) => Ok(url.clone()),
        }
    }
}

fn parse(text: &str) -> Result<Url, RestError> {
    let parsed = Url::parse(text);
    parsed.map_err(|error| RestError::new(RestErrorKind::Outside, format!("invalid URL: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Region, Service};

    fn endpoints() -> Vec<Endpoint> {
        let urls = [
            "https://rest.own.test/v1",
            "https://rest.own.test/v1/inner",
            "https://other.own.test:8443/",
        ];
        let endpoint = |url| Endpoint::new(Region::CN1, Service::Rest, url).unwrap();
        urls.map(endpoint).to_vec()
    }

    /// The endpoint that a URL belongs to.
    fn of(text: &str) -> Result<String, RestError> {
        let url = parse(text)?;
        let endpoints = endpoints();
        Ok(endpoint_of(&url, &endpoints)?.url().to_owned())
    }

    #[test]
    fn only_a_url_of_an_endpoint_s_own_origin_is_its() {
        for (url, whose) in [
            ("https://rest.own.test/v1", "https://rest.own.test/v1"),
            (
                "https://REST.own.test:443/v1/u?a=b",
                "https://rest.own.test/v1",
            ),
            (
                "https://rest.own.test/v1/inner/u",
                "https://rest.own.test/v1/inner",
            ),
            (
                "https://other.own.test:8443",
                "https://other.own.test:8443/",
            ),
        ] {
            assert_eq!(of(url).unwrap(), whose, "{url}");
        }
        for url in [
            "https://rest.own.test.cn/v1/users",
            "https://rest.own.test./v1/users",
            "https://rest.own.test@elsewhere.test/v1/users",
            "https://user@rest.own.test/v1/users",
            "https://:secret@rest.own.test/v1/users",
            "https://a.rest.own.test/v1/users",
            "https://rest.own.test:8443/v1/users",
            "https://rest.own.test:80/v1/users",
            "https://other.own.test/v1",
            "http://rest.own.test/v1/users",
            "http://rest.own.test:443/v1/users",
            "wss://rest.own.test/v1/users",
            "https://rest.own.test/v10/users",
            "https://rest.own.test/v1/../admin",
            "https://rest.own.test/v1/%2e%2e/admin",
            "https://44.128.0.1/v1/users",
            "https://0x2c800001/v1/users",
            "https://[::1]/v1/users",
            "https://rest.own.tést/v1/users",
            "https://rest。own。test.cn/v1",
            "file:///v1",
        ] {
            let refused = of(url).unwrap_err();
            assert_eq!(refused.kind(), RestErrorKind::Outside, "{url}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }

    #[test]
    fn whatever_a_path_holds_it_stays_at_its_endpoint() {
        let endpoints = endpoints();
        for path in [
            "users",
            "/users",
            "?a=b",
            "",
            "//elsewhere.test/",
            "\\\\elsewhere.test\\",
            "@elsewhere.test/",
            ":8443/",
            ".elsewhere.test/",
            "https:elsewhere.test",
            "/\t/elsewhere.test",
            "/a://b",
            "\r\nHost: elsewhere.test",
            "#x",
            "/用户",
        ] {
            let address = Address::of(path).unwrap();
            let url = address.at(&endpoints[0]).unwrap();
            let whose = endpoint_of(&url, &endpoints);
            assert!(whose.is_ok(), "{path:?}: {url}: {whose:?}");
        }
        // `..` must not leave the endpoint's path.
        for path in ["/../../etc", "/..\\admin", "/%2E%2E/x"] {
            let url = Address::of(path).unwrap().at(&endpoints[0]).unwrap();
            assert!(endpoint_of(&url, &endpoints).is_err(), "{path}: {url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_leads_elsewhere(text in ".{0,40}", glue in "[@:/\\\\.#?%a-z]{0,6}") {
            let endpoints = endpoints();
            for text in [format!("{glue}{text}"), format!("https://{text}{glue}.test/")] {
                let url = Address::of(&text).and_then(|address| address.at(&endpoints[0]));
                let Ok(url) = url else { continue };
                if endpoint_of(&url, &endpoints).is_ok() {
                    proptest::prop_assert_eq!(url.scheme(), "https");
                    let host = url.host_str().unwrap();
                    proptest::prop_assert!(["rest.own.test", "other.own.test"].contains(&host));
                }
            }
        }
    }
}
