//! REST: which variant to call, and requests that stay inside the residency.
//!
//! An HTTP client can't be moved between hosts (SNI and Host stay those of the URL), so the variant
//! is chosen per request, and the address within the host when a connection is opened. Every URL
//! passes one gate ([`within`]) right before it is sent, those that a redirection names included.

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

/// How long a winner stays the answer: one that died must not do so for ever.
const FRESH: Duration = Duration::from_secs(600);

/// Longer is as good as for ever, and a century can't be added to every clock.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How REST requests are made; see [`SelectorBuilder::rest`](super::SelectorBuilder::rest).
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
    /// 30 s, no headers, bodies of at most 16 MiB.
    #[must_use]
    pub fn new() -> Self {
        RestOptions::default()
    }

    /// Sets how long a request may take, from [`RestRequest::send`] to the end of the answer's body;
    /// 30 s by default. More than 24 h are 24 h.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Adds a header that every request has, unless it has one of that name itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for a name or value that HTTP doesn't allow, and for those that the request
    /// sets itself: `Host`, `Content-Length`, `Transfer-Encoding` and what is for the next hop alone.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let (name, value) = header_of(name, value)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sends requests over the dialer's own [connector](crate::DialerBuilder::connector), each on a
    /// connection of its own: in the simulated network, or through a tunnel of the app's. Without this
    /// a selector with such a connector makes no REST requests, since reqwest can't be given byte
    /// streams. It changes nothing where the connector is TCP.
    #[must_use]
    pub fn through_connector(mut self) -> Self {
        self.own_streams = Some(transport::send_over_own_streams);
        self
    }

    /// Sets how many bytes of an answer's body are read at most; 16 MiB by default.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }
}

impl RestOptions {
    /// Whether requests can be sent this way.
    pub(super) fn check(&self, dialer: &Dialer) -> Result<(), Error> {
        if dialer.is_tcp() || self.own_streams.is_some() {
            return Ok(());
        }
        let why = "REST requests don't go through a connector of the app's own by themselves: ask for \
                   it with RestOptions::through_connector()";
        Err(Error::new(ErrorKind::Input, why))
    }
}

/// What says where a request goes and where it ends (RFC 9112 §6), or is for the next hop alone.
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

/// A header as it can be sent.
fn header_of(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let input = |why: String| Error::new(ErrorKind::Input, why);
    let name: HeaderName = name
        .parse()
        .map_err(|_| input("not a header name: expected a token".to_owned()))?;
    if RESERVED.contains(&name) {
        return Err(input(format!(
            "the header {name} is set as the request needs it"
        )));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        input(format!(
            "the value of {name} can't be sent: expected visible ASCII"
        ))
    })?;
    // Most are tokens: `Debug` leaves them out.
    value.set_sensitive(true);
    Ok((name, value))
}

/// Makes REST requests to the best endpoint of the residency, over `https`, and to nothing else. Cheap
/// to clone.
///
/// What is not one of the residency's REST endpoints is refused before anything is sent: other hosts
/// and ports, `http`, IP addresses, URLs with user or password. Redirections are followed within the
/// residency, at most 5.
///
/// Each request goes to the endpoint that is best now: the first one races them (a `GET`, no credentials),
/// and so does the first after 10 minutes, after a failure and on another network. A request that failed
/// is tried once more on another endpoint, if that can do no harm: it was not sent, or its method is
/// idempotent (RFC 9110 §9.2.2). 502, 503 and 504 count as failures. One that asks to be left alone
/// (`Retry-After`) is left alone for at least that long while there is another; 429 is the app's own, and given
/// back as it is.
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

    /// A request with any method to a path below the endpoint, `/my-org/my-app/users` say, with its
    /// query if it has one; or to a whole URL, which must be one of the residency's REST endpoints'.
    pub fn request(&self, method: Method, path: &str) -> RestRequest {
        RestRequest::new(self.selector.clone(), method, path)
    }

    /// A `GET`; see [`request`](Self::request).
    pub fn get(&self, path: &str) -> RestRequest {
        self.request(Method::GET, path)
    }

    /// A `POST`; see [`request`](Self::request).
    pub fn post(&self, path: &str) -> RestRequest {
        self.request(Method::POST, path)
    }

    /// A `PUT`; see [`request`](Self::request).
    pub fn put(&self, path: &str) -> RestRequest {
        self.request(Method::PUT, path)
    }

    /// A `DELETE`; see [`request`](Self::request).
    pub fn delete(&self, path: &str) -> RestRequest {
        self.request(Method::DELETE, path)
    }
}

/// The REST endpoints of a selector, and how they are called.
pub(super) struct RestState {
    pub(super) view: ServiceView,
    options: RestOptions,
    race: SharedTask<Result<Endpoint, ConnectError>>,
    /// Who asked to be left alone, until when.
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

    /// The endpoint to use, if that is known: who won the last race, as long as nothing speaks against it.
    fn known(&self, memory: &Memory) -> Option<Endpoint> {
        let winner = self.view.winner_within(FRESH)?;
        (!memory.is_broken(&winner)).then_some(winner)
    }

    /// The endpoint asks to be left alone for so long.
    fn leave_alone(&self, endpoint: &Endpoint, asked: Duration) {
        // Later than any clock can tell is never.
        let until = Instant::now().checked_add(asked.min(LONGEST));
        let mut left_alone = lock(&self.left_alone);
        left_alone.extend(until.map(|until| (endpoint.clone(), until)));
    }

    fn is_left_alone(&self, endpoint: &Endpoint) -> bool {
        let until = lock(&self.left_alone).get(endpoint).copied();
        until.is_some_and(|until| Instant::now() < until)
    }

    /// The device is on another network: what was open is of the old one.
    pub(super) fn moved_on(&self) {
        self.view.forget_winner();
        self.transport.forget_connections();
    }
}

impl Selector {
    /// The REST endpoint to use now: the known one, or the winner of a race that all who ask meanwhile
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

    /// A request to the endpoint failed, or was answered so that it is no use now.
    fn rest_endpoint_failed(&self, endpoint: &Endpoint, severity: Severity) {
        let Some(rest) = &self.0.rest else { return };
        // Which of its addresses it was nobody tells.
        let known = self.0.learner.memory().addresses(endpoint);
        let observation = Observation::of_failure(severity);
        let observations = known.into_iter().map(|candidate| (candidate, observation));
        self.0.learn_of_rest(observations.collect());
        if rest.view.winner_within(FRESH).as_ref() == Some(endpoint) {
            rest.view.forget_winner();
        }
    }

    /// A request was answered by the endpoint, at this address.
    fn rest_endpoint_answered(&self, endpoint: &Endpoint, address: SocketAddr) {
        let Some(rest) = &self.0.rest else { return };
        let observation = Observation {
            opened: true,
            ..Observation::default()
        };
        let (learner, candidate) = (&self.0.learner, (endpoint.clone(), address));
        learner.learn_one(&rest.view, &candidate, observation, |_| true);
    }

    /// The app tells that a request to this URL failed.
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
