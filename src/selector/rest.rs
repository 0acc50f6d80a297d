//! REST: which variant to call, and a client steered to its best address.
//!
//! A client can't be moved between hosts (SNI and Host stay those of the URL), so the variant is
//! chosen per request, by [`base_url`](super::Selector::base_url), and the address within the
//! host by the client's resolver.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::health::Severity;
use easelect_engine::observation::Observation;
use reqwest::dns::{Addrs, Name, Resolving};

use super::{Selector, lock};
use crate::catalog::Endpoint;
use crate::connection::ConnectError;
use crate::error::{Error, ErrorKind};
use crate::handshake::ConnectOptions;

/// A dead first address must not hold a request up for the minutes that TCP would try; reqwest
/// divides this among the addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a winner stays the answer: one that died must not do so for ever.
const FRESH: Duration = Duration::from_secs(600);

impl Selector {
    /// The base URL of the REST endpoint to use now: its path included, without a slash at the
    /// end. The first call races the endpoints (`GET`, no credentials), and so does the first after
    /// every 10 minutes, after [`rest_failed`](Self::rest_failed) and on another network; in between
    /// the answer is known. In the mainland pool it is of the data centre whose WebSocket was
    /// opened last.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when none answers, or the residency has none.
    pub async fn base_url(&self) -> Result<String, ConnectError> {
        let Some(field) = &self.0.rest else {
            return Err(ConnectError {
                attempts: Vec::new(),
                elapsed: Duration::ZERO,
                timed_out: false,
            });
        };
        let known = || {
            let preferred = field
                .preferred
                .load_full()
                .filter(|_| field.is_fresh(FRESH));
            preferred.map(|endpoint| base(&endpoint))
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let _one_at_a_time = self.0.rest_race.lock().await;
        if let Some(known) = known() {
            return Ok(known);
        }
        let (_, opening) = self
            .race(field, &ConnectOptions::new(), self.policy().width())
            .await?;
        Ok(base(&opening.endpoint))
    }

    /// Tells that a request to this URL failed: it could not be made, or was answered 5xx. The
    /// endpoint is then tried last for a while, and the next [`base_url`](Self::base_url) races
    /// again. A URL of another host is ignored.
    pub fn rest_failed(&self, url: &str) {
        let Some(field) = &self.0.rest else { return };
        let failed = |one: &&Endpoint| url.starts_with(&base(one));
        let Some(endpoint) = field.endpoints.iter().find(failed) else {
            return;
        };
        // Which of its addresses it was, reqwest doesn't tell.
        let known = lock(&self.0.memory).addresses(endpoint);
        let observation = Observation::of_failure(Severity::Soft);
        let observations = known.into_iter().map(|candidate| (candidate, observation));
        self.learn(field, observations.collect());
        *lock(&field.won) = None;
    }

    /// An HTTP client for the REST endpoints: it dials the best known address of the host in the
    /// URL first, shares this selector's TLS configuration and sessions, goes through its proxy if
    /// it has one (and through no other, whatever the environment says), and gives connecting
    /// 10 s.
    ///
    /// It reaches the REST hosts of the residency and nothing else.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] when reqwest refuses the TLS configuration.
    pub fn http_client(&self) -> Result<reqwest::Client, Error> {
        let client = reqwest::Client::builder().no_proxy();
        let client = match &self.0.names.proxy {
            Some(proxy) => {
                let selector = self.clone();
                // The proxy would lead anywhere: what isn't ours goes past it, and is refused.
                let ours = move |host: &str, port| selector.has_rest(host, port);
                client.proxy(proxy.for_reqwest_where(ours))
            }
            None => client,
        };
        client
            .tls_backend_preconfigured(rustls::ClientConfig::clone(self.0.tls.config()))
            .dns_resolver(Arc::new(Steer(self.clone())))
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| {
                let why = "reqwest refused the TLS configuration";
                Error::new(ErrorKind::Tls, why).with_source(error)
            })
    }

    fn has_rest(&self, host: &str, port: u16) -> bool {
        let ours = |one: &Endpoint| (one.host(), one.port()) == (host, port);
        let rest = self.0.rest.as_ref();
        rest.is_some_and(|field| field.endpoints.iter().any(ours))
    }
}

fn base(endpoint: &Endpoint) -> String {
    let path = endpoint.path().split('?').next().unwrap_or_default();
    endpoint.url_with(path.trim_end_matches('/'))
}

/// Answers reqwest's look-ups with the best address first: of a host of ours, or of the proxy.
struct Steer(Selector);

impl reqwest::dns::Resolve for Steer {
    fn resolve(&self, name: Name) -> Resolving {
        let selector = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            let field = selector.0.rest.as_ref();
            let plan = field.map(|field| selector.plan(field));
            let known = plan.as_ref().and_then(|plan| {
                let mut endpoints = plan.endpoints.iter();
                endpoints.find(|one| selector.0.names.peer(one).host == host)
            });
            let Some(endpoint) = known else {
                // Not one of ours (a redirection, say): only ours may be reached.
                let why = format!("{host} is no REST endpoint of {}", selector.residency());
                return Err(why.into());
            };
            let port = selector.0.names.peer(endpoint).port;
            let mut addresses: Vec<SocketAddr> = selector
                .addresses(endpoint)
                .await?
                .into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect();
            let mut memory = lock(&selector.0.memory);
            addresses.sort_by_cached_key(|address| {
                let forecast = memory.forecast(&(endpoint.clone(), *address), true);
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
