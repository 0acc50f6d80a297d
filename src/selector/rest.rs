//! REST: which endpoint to call, and requests that stay inside the residency.
//!
//! A connected HTTP client can't be moved to another host, because SNI and `Host` are those of the URL.
//! So the endpoint is chosen per request, and the address when a connection is opened. Every URL,
//! including the target of a redirect, is checked by [`within`] right before it is requested.

mod error;
mod request;
mod response;
mod transport;
mod within;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easelect_engine::health::Severity;
use easelect_engine::observation::Observation;
use easelect_engine::race::Width;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use tokio::time::Instant;

pub use error::{RestError, RestErrorKind};
pub use request::RestRequest;
pub use response::RestResponse;

use super::memory::Memory;
use super::service_view::ServiceView;
use super::shared_task::SharedTask;
use super::{Inner, Selector, lock};
use crate::catalog::Endpoint;
use crate::connection::ConnectError;
use crate::dialer::Dialer;
use crate::error::{Error, ErrorKind};
use crate::handshake::Request;
use transport::{SendOverStreams, Transport};

/// How long the winner of a race is reused.
const FRESH: Duration = Duration::from_secs(600);

/// Longer values are cut to this, because adding a century overflows some clocks.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Options for REST requests; see [`SelectorBuilder::rest`](super::SelectorBuilder::rest).
#[derive(Clone, Debug)]
pub struct RestOptions {
    timeout: Duration,
    headers: HeaderMap,
    body_limit: usize,
    own_streams: Option<SendOverStreams>,
}

impl Default for RestOptions {
    fn default() -> Self {
        RestOptions {
            timeout: Duration::from_secs(30),
            headers: HeaderMap::new(),
            body_limit: 16 * 1024 * 1024,
            own_streams: None,
        }
    }
}

impl RestOptions {
    /// The defaults: a timeout of 30 s, no extra headers, and response bodies of at most 16 MiB.
    #[must_use]
    pub fn new() -> Self {
        RestOptions::default()
    }

    /// Sets how long a request may take, from [`RestRequest::send`] to the end of the response body.
    /// The default is 30 s; values above 24 h count as 24 h.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Adds a header to every request that doesn't set a header of the same name itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if HTTP doesn't allow the name or value, or if the header is reserved:
    /// `Host`, `Content-Length`, `Transfer-Encoding`, `Connection`, `Upgrade`, `TE`, `Expect` and
    /// `Proxy-Authorization`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let (name, value) = header_of(name, value)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sends requests over the dialer's custom [connector](crate::DialerBuilder::connector), for
    /// example in the simulated network or through a tunnel of the app. Each request uses a connection
    /// of its own.
    ///
    /// Without this option, a selector with a custom connector makes no REST requests, because reqwest
    /// can't use other byte streams. It has no effect if the connector is TCP.
    #[must_use]
    pub fn through_connector(mut self) -> Self {
        self.own_streams = Some(transport::send_over_own_streams);
        self
    }

    /// Sets the maximum size of a response body in bytes. The default is 16 MiB.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }
}

impl RestOptions {
    /// Checks that requests can be sent with this dialer.
    pub(super) fn check(&self, dialer: &Dialer) -> Result<(), Error> {
        if dialer.is_tcp() || self.own_streams.is_some() {
            return Ok(());
        }
        let why = "REST requests don't use a custom connector by default: enable it with \
                   RestOptions::through_connector()";
        Err(Error::new(ErrorKind::Input, why))
    }
}

/// Headers that say where a request goes and where it ends (RFC 9112 §6), or that are for the next hop
/// only.
const RESERVED: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// A header, checked.
fn header_of(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let input = |why: String| Error::new(ErrorKind::Input, why);
    let name: HeaderName = name
        .parse()
        .map_err(|_| input("not a header name: expected a token".to_owned()))?;
    if RESERVED.contains(&name) {
        return Err(input(format!(
            "the header {name} is reserved and can't be set"
        )));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        input(format!(
            "the value of {name} can't be sent: expected visible ASCII"
        ))
    })?;
    // Most values are tokens: `Debug` then hides them.
    value.set_sensitive(true);
    Ok((name, value))
}

/// Sends REST requests to the best endpoint of the residency, over `https` only. Cheap to clone.
///
/// # Where requests go
///
/// A request is refused before anything is sent if its URL is not below a REST endpoint of the
/// residency. That excludes other hosts and ports, `http`, IP addresses, and URLs with a user or
/// password. Redirects are followed within the residency, at most 5.
///
/// The first request races the endpoints with a `GET` without credentials. Later requests go to the
/// winner. A new race takes place after 10 minutes, after a failure, and on another network.
///
/// # Failures and retries
///
/// A failed request is sent once more to another endpoint if that is safe: it was not sent, or its
/// method is idempotent (RFC 9110 §9.2.2). The responses 502, 503 and 504 count as failures. A request
/// to a complete URL, and one that was sent and timed out, is not repeated.
///
/// An endpoint that answers 502, 503 or 504 with `Retry-After` is avoided for that long, as long as
/// there is another one. A 429 concerns the app and is returned as it is.
///
/// # Example
///
/// ```no_run
/// # async fn example(selector: &easelect::Selector) -> Result<(), Box<dyn std::error::Error>> {
/// let rest = selector.rest()?;
/// let answer = rest
///     .post("/my-org/my-app/users")
///     .bearer_auth("the app's token")
///     .body(r#"{"username":"alice","password":"…"}"#)
///     .header("content-type", "application/json")
///     .send()
///     .await?;
/// if answer.status() == 200 {
///     println!("{}", answer.text().await?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Rest {
    selector: Selector,
}

impl Rest {
    pub(super) fn of(selector: &Selector) -> Result<Self, Error> {
        let Some(rest) = &selector.0.rest else {
            let residency = selector.residency();
            let why = format!(
                "{residency} has no REST endpoint: add one with Catalog::with_endpoint or a catalogue file"
            );
            return Err(Error::new(ErrorKind::NoEndpoints, why));
        };
        rest.options.check(selector.0.racer.dialer())?;
        let selector = selector.clone();
        Ok(Rest { selector })
    }

    /// Returns a request with any method. `path` is a path below the endpoint, such as
    /// `/my-org/my-app/users`, with its query if there is one; or a complete URL, which must be below a
    /// REST endpoint of the residency.
    pub fn request(&self, method: Method, path: &str) -> RestRequest {
        RestRequest::new(self.selector.clone(), method, path)
    }

    /// Returns a `GET` request; see [`request`](Self::request).
    pub fn get(&self, path: &str) -> RestRequest {
        self.request(Method::GET, path)
    }

    /// Returns a `POST` request; see [`request`](Self::request).
    pub fn post(&self, path: &str) -> RestRequest {
        self.request(Method::POST, path)
    }

    /// Returns a `PUT` request; see [`request`](Self::request).
    pub fn put(&self, path: &str) -> RestRequest {
        self.request(Method::PUT, path)
    }

    /// Returns a `DELETE` request; see [`request`](Self::request).
    pub fn delete(&self, path: &str) -> RestRequest {
        self.request(Method::DELETE, path)
    }
}

/// The REST endpoints of a selector, and the state of calling them.
pub(super) struct RestState {
    pub(super) view: ServiceView,
    options: RestOptions,
    race: SharedTask<Result<Endpoint, ConnectError>>,
    /// Endpoints that sent `Retry-After`, and until when to avoid them.
    left_alone: Mutex<BTreeMap<Endpoint, Instant>>,
    transport: Transport,
}

impl RestState {
    pub(super) fn new(endpoints: Vec<Endpoint>, options: RestOptions) -> Self {
        RestState {
            view: ServiceView::new(endpoints),
            options,
            race: SharedTask::new(),
            left_alone: Mutex::default(),
            transport: Transport::new(),
        }
    }

    /// The endpoint to use, if known: the winner of the last race, unless its breakers are open.
    fn known(&self, memory: &Memory) -> Option<Endpoint> {
        let winner = self.view.winner_within(FRESH)?;
        (!memory.is_broken(&winner)).then_some(winner)
    }

    /// Avoids the endpoint for the time that it asked for.
    fn leave_alone(&self, endpoint: &Endpoint, asked: Duration) {
        // An overflow counts as no request to wait.
        let until = Instant::now().checked_add(asked.min(LONGEST));
        let mut left_alone = lock(&self.left_alone);
        left_alone.extend(until.map(|until| (endpoint.clone(), until)));
    }

    fn is_left_alone(&self, endpoint: &Endpoint) -> bool {
        let until = lock(&self.left_alone).get(endpoint).copied();
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Forgets the winner and the open connections after a move.
    pub(super) fn moved_on(&self) {
        self.view.forget_winner();
        self.transport.forget_connections();
    }
}

impl Selector {
    /// The REST endpoint to use now: the known one, or the winner of a race, which concurrent callers
    /// share.
    pub(super) async fn rest_endpoint(&self) -> Result<Endpoint, ConnectError> {
        let Some(rest) = &self.0.rest else {
            return Err(ConnectError::no_endpoint());
        };
        self.0.look_at_network();
        if let Some(known) = rest.known(&self.0.learner.memory()) {
            return Ok(known);
        }
        let race = || {
            let (inner, width) = (self.0.clone(), self.policy().width());
            async move { inner.race_for_rest(width).await }
        };
        rest.race.join(race).await
    }

    /// Learns that a request to the endpoint failed, or that its answer shows that it is of no use now.
    fn rest_endpoint_failed(&self, endpoint: &Endpoint, severity: Severity) {
        let Some(rest) = &self.0.rest else { return };
        // The address is unknown here, so the failure counts for all of them.
        let known = self.0.learner.memory().addresses(endpoint);
        let observation = Observation::of_failure(severity);
        let observations = known.into_iter().map(|candidate| (candidate, observation));
        self.0.learn_of_rest(observations.collect());
        if rest.view.winner_within(FRESH).as_ref() == Some(endpoint) {
            rest.view.forget_winner();
        }
    }

    /// Learns that the endpoint answered a request at this address.
    fn rest_endpoint_answered(&self, endpoint: &Endpoint, address: SocketAddr) {
        let Some(rest) = &self.0.rest else { return };
        let observation = Observation {
            opened: true,
            ..Observation::default()
        };
        let (learner, candidate) = (&self.0.learner, (endpoint.clone(), address));
        learner.learn_one(&rest.view, &candidate, observation, |_| true);
    }

    /// Handles the app's report that a request to this URL failed.
    pub(super) fn rest_url_failed(&self, url: &str) {
        let Some(rest) = &self.0.rest else { return };
        let parsed = Url::parse(url).ok();
        let endpoint = parsed.and_then(|url| within::endpoint_of(&url, rest.view.endpoints()).ok());
        if let Some(endpoint) = endpoint {
            self.rest_endpoint_failed(endpoint, Severity::Soft);
        }
    }
}

impl Inner {
    async fn race_for_rest(self: Arc<Self>, width: Width) -> Result<Endpoint, ConnectError> {
        let Some(rest) = &self.rest else {
            return Err(ConnectError::no_endpoint());
        };
        let endpoints = rest.view.eligible();
        let ended = self.race(&rest.view, endpoints, Request, width).await;
        ended.map(|((), opening, _)| opening.endpoint)
    }
}

/// The URL to which an API path is appended.
pub(super) fn base(endpoint: &Endpoint) -> String {
    within::base(endpoint)
}
