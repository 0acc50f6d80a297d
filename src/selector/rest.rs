//! REST: which variant to call, and a client steered to its best address.
//!
//! A client can't be moved between hosts (SNI and Host stay those of the URL), so the variant is
//! chosen per request, by [`base_url`](super::Selector::base_url), and the address within the
//! host by the client's resolver.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use easelect_engine::health::Severity;
use easelect_engine::observation::Observation;
use http::Uri;
use http::uri::Scheme;
use reqwest::dns::{Addrs, Name, Resolving};
use tokio::sync::{Mutex, MutexGuard};

use super::candidates::addresses;
use super::service_view::ServiceView;
use super::{Inner, Selector};
use crate::catalog::{Endpoint, Residency};
use crate::dialer::Dialer;
use crate::error::{Error, ErrorKind};

/// A dead first address must not hold a request up for the minutes that TCP would try; reqwest
/// divides this among the addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a winner stays the answer: one that died must not do so for ever.
const FRESH: Duration = Duration::from_secs(600);

/// The REST endpoints of a selector.
pub(super) struct Rest {
    pub(super) view: ServiceView,
    /// One race at a time: who comes meanwhile has its answer.
    race: Mutex<()>,
}

impl Rest {
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        Rest {
            view: ServiceView::new(endpoints),
            race: Mutex::default(),
        }
    }

    /// The base URL of the endpoint to use, if that is known.
    pub(super) fn base_url(&self) -> Option<String> {
        let preferred = self.view.preferred();
        let preferred = preferred.filter(|_| self.view.won_within(FRESH));
        preferred.map(|endpoint| base(&endpoint))
    }

    /// The right to race.
    pub(super) async fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.race.lock().await
    }

    /// A request to this URL failed.
    pub(super) fn failed(&self, inner: &Inner, url: &str) {
        let Some(endpoint) = self.view.endpoints().iter().find(|one| is_below(url, one)) else {
            return;
        };
        // Which of its addresses it was, reqwest doesn't tell.
        let known = inner.learner.memory().addresses(endpoint);
        let observation = Observation::of_failure(Severity::Soft);
        let observations = known.into_iter().map(|candidate| (candidate, observation));
        inner.learn_of_rest(self, observations.collect());
        self.view.forget_winner();
    }
}

/// Whether a request to this URL was one to the endpoint.
fn is_below(url: &str, endpoint: &Endpoint) -> bool {
    let Ok(url) = url.parse::<Uri>() else {
        return false;
    };
    let host = url.host().map(str::to_ascii_lowercase);
    let path = endpoint.path().split('?').next().unwrap_or_default();
    let below = url.path().strip_prefix(path.trim_end_matches('/'));
    url.scheme() == Some(&Scheme::HTTPS)
        && host.as_deref().map(without_brackets) == Some(endpoint.host())
        && url.port_u16().unwrap_or(443) == endpoint.port()
        && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// A proxy that nobody has (RFC 6761 §6.4): the way to what isn't ours.
const NO_WAY: &str = "http://not-a-rest-endpoint-of-this-residency.invalid";

pub(super) fn http_client(selector: &Selector) -> Result<reqwest::Client, Error> {
    let inner = &selector.0;
    let dialer = inner.racer.dialer();
    let rest = inner.rest.as_ref();
    let endpoints = rest.map_or(&[][..], |rest| rest.view.endpoints());
    let ours: Vec<(String, u16)> = endpoints
        .iter()
        .map(|one| (one.host().to_owned(), one.port()))
        .collect();
    let proxy = dialer.proxy().cloned();
    // No resolver is asked for an IP address, and redirections are followed: only here does
    // every request come by.
    let way = reqwest::Proxy::custom(move |target| {
        let (host, port) = (target.host_str()?, target.port_or_known_default()?);
        let host = without_brackets(host);
        let is_ours = ours
            .iter()
            .any(|one| (one.0.as_str(), one.1) == (host, port));
        match (is_ours, &proxy) {
            (false, _) => Some(NO_WAY.to_owned()),
            (true, Some(proxy)) if proxy.covers(host, port) => Some(proxy.secret_url()),
            (true, _) => None,
        }
    });
    let steer = Steer {
        selector: Arc::downgrade(inner),
        dialer: dialer.clone(),
        endpoints: endpoints.to_vec(),
        residency: inner.residency.clone(),
    };
    reqwest::Client::builder()
        .no_proxy()
        .proxy(way)
        .https_only(true)
        .tls_backend_preconfigured(rustls::ClientConfig::clone(dialer.tls().config()))
        .dns_resolver(Arc::new(steer))
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
        .map_err(|error| {
            // reqwest's own text is "builder error".
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
            let why = format!("reqwest refused the TLS configuration: {cause}");
            Error::new(ErrorKind::Tls, why)
        })
}

/// The URL to which an API path is appended.
pub(super) fn base(endpoint: &Endpoint) -> String {
    let path = endpoint.path().split('?').next().unwrap_or_default();
    endpoint.url_with(path.trim_end_matches('/'))
}

/// Answers reqwest's look-ups with the best address first: of a host of ours, or of the proxy. It
/// keeps no selector alive; without one, addresses are tried as they were looked up.
struct Steer {
    selector: Weak<Inner>,
    dialer: Dialer,
    endpoints: Vec<Endpoint>,
    residency: Residency,
}

impl Steer {
    /// The endpoints that may be used now, in random order.
    fn eligible(&self) -> Vec<Endpoint> {
        let eligible = self.selector.upgrade().and_then(|inner| {
            let rest = inner.rest.as_ref()?;
            Some(inner.racer.shuffled(rest.view.eligible()))
        });
        eligible.unwrap_or_else(|| self.endpoints.clone())
    }
}

impl reqwest::dns::Resolve for Steer {
    fn resolve(&self, name: Name) -> Resolving {
        let (selector, dialer) = (Weak::clone(&self.selector), self.dialer.clone());
        let mut eligible = self.eligible().into_iter();
        let endpoint = eligible.find(|one| dialer.peer(one).host == name.as_str());
        let why = format!(
            "{} is no REST endpoint of {}",
            name.as_str(),
            self.residency
        );
        Box::pin(async move {
            // A redirection, say: only ours may be reached.
            let endpoint = endpoint.ok_or(why)?;
            let port = dialer.peer(&endpoint).port;
            let mut addresses: Vec<SocketAddr> = addresses(&dialer, &endpoint)
                .await?
                .into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect();
            if let Some(inner) = selector.upgrade() {
                let mut memory = inner.learner.memory();
                addresses.sort_by_cached_key(|address| {
                    let candidate = (endpoint.clone(), *address);
                    memory.list(&candidate);
                    let forecast = memory.expect(&candidate, None);
                    (
                        forecast.breaker_open,
                        Duration::from_secs_f64(forecast.cost_ms() / 1e3),
                    )
                });
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Region, Service};

    #[test]
    fn only_a_url_of_the_endpoints_own_origin_is_its() {
        let endpoint = Endpoint::new(Region::CN1, Service::Rest, "https://rest.own.test/v1");
        let endpoint = endpoint.unwrap();
        for url in [
            "https://rest.own.test/v1",
            "https://REST.own.test:443/v1/users?a=b",
        ] {
            assert!(is_below(url, &endpoint), "{url}");
        }
        for url in [
            "https://rest.own.test.cn/v1/users",
            "https://rest.own.test@elsewhere.test/v1/users",
            "https://a.rest.own.test/v1/users",
            "https://rest.own.test:8443/v1/users",
            "http://rest.own.test/v1/users",
            "https://rest.own.test/v10/users",
            "rest.own.test/v1/users",
            "/v1/users",
        ] {
            assert!(!is_below(url, &endpoint), "{url}");
        }
    }
}
