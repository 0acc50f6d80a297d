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
use reqwest::dns::{Addrs, Name, Resolving};
use tokio::sync::{Mutex, MutexGuard};

use super::candidates::addresses;
use super::service_view::ServiceView;
use super::{Inner, Selector};
use crate::catalog::Endpoint;
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
        let failed = |one: &&Endpoint| url.starts_with(&base(one));
        let Some(endpoint) = self.view.endpoints().iter().find(failed) else {
            return;
        };
        // Which of its addresses it was, reqwest doesn't tell.
        let known = inner.learner.memory().addresses(endpoint);
        let observation = Observation::of_failure(Severity::Soft);
        let observations = known.into_iter().map(|candidate| (candidate, observation));
        inner.learn_of_rest(self, observations.collect());
        self.view.forget_winner();
    }

    fn has(&self, host: &str, port: u16) -> bool {
        let ours = |one: &Endpoint| (one.host(), one.port()) == (host, port);
        self.view.endpoints().iter().any(ours)
    }
}

pub(super) fn http_client(selector: &Selector) -> Result<reqwest::Client, Error> {
    let dialer = selector.0.racer.dialer();
    let client = reqwest::Client::builder().no_proxy();
    let client = match dialer.proxy() {
        Some(proxy) => {
            let inner: Weak<Inner> = Arc::downgrade(&selector.0);
            // The proxy would lead anywhere: what isn't ours bypasses it, and is refused.
            let ours = move |host: &str, port| {
                let inner = inner.upgrade();
                inner.is_some_and(|inner| {
                    inner.rest.as_ref().is_some_and(|rest| rest.has(host, port))
                })
            };
            client.proxy(proxy.for_reqwest_where(ours))
        }
        None => client,
    };
    client
        .tls_backend_preconfigured(rustls::ClientConfig::clone(dialer.tls().config()))
        .dns_resolver(Arc::new(Steer(selector.clone())))
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

/// Answers reqwest's look-ups with the best address first: of a host of ours, or of the proxy.
struct Steer(Selector);

impl reqwest::dns::Resolve for Steer {
    fn resolve(&self, name: Name) -> Resolving {
        let selector = self.0.clone();
        Box::pin(async move {
            let (host, inner) = (name.as_str(), &*selector.0);
            let dialer = inner.racer.dialer();
            let eligible = inner.rest.as_ref().map(|rest| rest.view.eligible());
            let eligible = inner.racer.shuffled(eligible.unwrap_or_default());
            let known = eligible.iter().find(|one| dialer.peer(one).host == host);
            let Some(endpoint) = known else {
                // Not one of ours (a redirection, say): only ours may be reached.
                let why = format!("{host} is no REST endpoint of {}", selector.residency());
                return Err(why.into());
            };
            let port = dialer.peer(endpoint).port;
            let mut addresses: Vec<SocketAddr> = addresses(dialer, endpoint)
                .await?
                .into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect();
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
            drop(memory);
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
