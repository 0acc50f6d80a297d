//! One REST request: where it goes, and where it is retried.

use std::fmt;
use std::time::Duration;

use easelect_engine::health::Severity;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Bytes;

use super::response::retry_after;
use super::within::{Address, endpoint_of};
use super::{LONGEST, RestError, RestErrorKind, RestResponse, RestState, header_of};
use crate::catalog::Endpoint;
use crate::error::Error;
use crate::selector::Selector;
use crate::selector::events::{SelectorEvent, is_gateway_trouble};

/// Browsers allow 20 (Fetch); REST services hardly redirect at all.
const MAX_REDIRECTS: usize = 5;

/// A REST request that is not sent yet; created by [`Rest::request`](super::Rest::request).
#[must_use = "a request does nothing until it is sent"]
pub struct RestRequest {
    selector: Selector,
    method: Method,
    /// The target. An error in it is reported by `send`.
    address: Result<Address, RestError>,
    headers: Result<HeaderMap, RestError>,
    body: Option<Bytes>,
    timeout: Option<Duration>,
}

impl RestRequest {
    pub(super) fn new(selector: Selector, method: Method, path: &str) -> Self {
        RestRequest {
            selector,
            method,
            address: Address::of(path),
            headers: Ok(HeaderMap::new()),
            body: None,
            timeout: None,
        }
    }

    /// Sets a header. [`send`](Self::send) reports a header that HTTP doesn't allow or that is
    /// [reserved](super::RestOptions::header).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let of_input = |error: Error| RestError::new(RestErrorKind::Request, error);
        if let Ok(headers) = &mut self.headers {
            match header_of(name, value).map_err(of_input) {
                Ok((name, value)) => _ = headers.insert(name, value),
                Err(error) => self.headers = Err(error),
            }
        }
        self
    }

    /// Sets `Authorization: Bearer` with this token (RFC 6750 §2.1).
    pub fn bearer_auth(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the body to `body` as JSON, and `Content-Type` accordingly. [`send`](Self::send) reports a
    /// value that can't be written as JSON.
    pub fn json(mut self, body: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => self
                .header(CONTENT_TYPE.as_str(), "application/json")
                .body(json),
            Err(error) => {
                self.headers = Err(RestError::new(RestErrorKind::Request, error));
                self
            }
        }
    }

    /// Sets the timeout of this request instead of [that of the options](super::RestOptions::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and waits for the head of the response. Dropping the future cancels the
    /// request.
    ///
    /// # Errors
    ///
    /// [`RestError`] if there is no response, or a redirect that is not followed. Any other status is a
    /// response.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its timer and I/O enabled.
    pub async fn send(self) -> Result<RestResponse, RestError> {
        let selector = &self.selector;
        let Some(rest) = &selector.0.rest else {
            let why = "no REST endpoint";
            return Err(RestError::new(RestErrorKind::Unreachable, why));
        };
        let patience = self.timeout.unwrap_or(rest.options.timeout).min(LONGEST);
        let deadline = Instant::now() + patience;
        if self.method == Method::CONNECT {
            let why = "the method CONNECT is not supported";
            return Err(RestError::new(RestErrorKind::Request, why));
        }
        let mut headers = self.headers?;
        for name in rest.options.headers.keys() {
            if !headers.contains_key(name) {
                for value in rest.options.headers.get_all(name) {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
        let sending = Sending {
            selector,
            rest,
            address: self.address?,
            asked: Asked {
                method: self.method,
                headers,
                body: self.body,
            },
            deadline,
        };
        sending.send().await
    }
}

impl fmt::Debug for RestRequest {
    /// Without headers, path, query and body: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &mut f.debug_struct("RestRequest");
        request
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// A request without its target.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Asked {
    /// Whether sending it twice has the same effect as sending it once (RFC 9110 §9.2.2).
    fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    /// Adapts the request to a redirect: it becomes a `GET` where browsers make it one (RFC 9110
    /// §15.4).
    fn redirected(&mut self, status: StatusCode) {
        let was_post = self.method == Method::POST;
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => was_post,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = None;
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove(CONTENT_LENGTH);
        }
    }
}

/// A request under way.
struct Sending<'a> {
    selector: &'a Selector,
    rest: &'a RestState,
    address: Address,
    asked: Asked,
    deadline: Instant,
}

impl Sending<'_> {
    async fn send(&self) -> Result<RestResponse, RestError> {
        let (first, url) = match &self.address {
            Address::Url(url) => {
                let endpoint = endpoint_of(url, self.rest.view.endpoints())?;
                (endpoint.clone(), url.clone())
            }
            Address::Path(_) => {
                let endpoint = self.choose().await?;
                let url = self.address.at(&endpoint)?;
                (endpoint, url)
            }
        };
        let ended = self.follow(url).await;
        if !self.may_try_again(&ended) {
            return ended;
        }
        let Some(second) = self.another(&first) else {
            return ended;
        };
        let again = self.follow(self.address.at(&second)?).await;
        // A response of the first endpoint is better than an error of the second. If either was sent,
        // the request may have been acted on.
        match (again, ended) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Ok(answer)) => Ok(answer),
            (Err(error), Err(first)) if first.was_sent() => Err(error.sent()),
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// The endpoint to ask first. If all of them asked clients to wait, or turned the race away, the
    /// best one is asked nevertheless, so that the app gets its response.
    async fn choose(&self) -> Result<Endpoint, RestError> {
        let eligible = self.rest.view.eligible();
        if eligible.iter().all(|one| self.rest.is_left_alone(one))
            && let Some(best) = self.selector.0.learner.memory().best_of(eligible)
        {
            return Ok(best);
        }
        let chosen = timeout_at(self.deadline, self.selector.rest_endpoint()).await;
        let chosen = chosen.map_err(|_| self.late("no REST endpoint opened"))?;
        match chosen {
            Ok(endpoint) => Ok(endpoint),
            Err(error) => match error.turned_away_by() {
                Some(endpoint) => Ok(endpoint.clone()),
                None => Err(RestError::unreachable(error)),
            },
        }
    }

    /// Whether another endpoint may be asked after this outcome.
    fn may_try_again(&self, ended: &Result<RestResponse, RestError>) -> bool {
        if matches!(self.address, Address::Url(_)) || Instant::now() >= self.deadline {
            return false;
        }
        match ended {
            Ok(answer) => is_gateway_trouble(answer.status()) && self.asked.is_idempotent(),
            Err(error) => match error.kind() {
                RestErrorKind::Unreachable | RestErrorKind::Interrupted => {
                    !error.was_sent() || self.asked.is_idempotent()
                }
                RestErrorKind::TimedOut => !error.was_sent(),
                _ => false,
            },
        }
    }

    /// The best other endpoint that is not to be avoided.
    fn another(&self, first: &Endpoint) -> Option<Endpoint> {
        let mut others = self.rest.view.eligible();
        others.retain(|one| one != first && !self.rest.is_left_alone(one));
        let others = self.selector.0.racer.shuffled(others);
        self.selector.0.learner.memory().best_of(others)
    }

    /// Sends a request and follows redirects.
    async fn follow(&self, mut url: Url) -> Result<RestResponse, RestError> {
        let mut asked = self.asked.clone();
        for hop in 0..=MAX_REDIRECTS {
            // The server that redirected has seen the request.
            let seen = |error: RestError| if hop > 0 { error.sent() } else { error };
            let answer = self.ask(&url, &asked).await.map_err(seen)?;
            let Some(location) = redirection(&answer) else {
                return Ok(answer);
            };
            asked.redirected(answer.status_code());
            url = self.inside(&url, location)?;
        }
        let why = format!("more than {MAX_REDIRECTS} redirections");
        Err(RestError::new(RestErrorKind::Redirected, why).sent())
    }

    /// The target of a redirect, which must be inside the residency.
    fn inside(&self, from: &Url, location: &HeaderValue) -> Result<Url, RestError> {
        let refused = |why: String| RestError::new(RestErrorKind::Redirected, why).sent();
        let location = location.to_str().ok();
        let to = location.and_then(|location| from.join(location).ok());
        let to = to.ok_or_else(|| refused("redirected to an invalid URL".to_owned()))?;
        let inside = endpoint_of(&to, self.rest.view.endpoints());
        inside.map_err(|outside| refused(format!("redirected: {}", outside.message())))?;
        Ok(to)
    }

    /// Sends one request to one URL.
    async fn ask(&self, url: &Url, asked: &Asked) -> Result<RestResponse, RestError> {
        let selector = self.selector;
        let endpoint = endpoint_of(url, self.rest.view.endpoints())?.clone();
        let (began, epoch) = (Instant::now(), selector.0.learner.epoch());
        let sent = (self.rest.transport).send(selector, &endpoint, url, asked);
        let ended = match timeout_at(self.deadline, sent).await {
            Ok(ended) => ended,
            Err(_) => Err(self.late("no response").sent().of_endpoint(Severity::Soft)),
        };
        let took = began.elapsed();
        let status = ended.as_ref().ok().map(|answer| answer.status().as_u16());
        let severity = match &ended {
            Ok(answer) if is_gateway_trouble(answer.status().as_u16()) => {
                let asked = retry_after(answer.headers());
                if let Some(asked) = asked {
                    self.rest.leave_alone(&endpoint, asked);
                }
                Some(asked.map_or(Severity::Soft, Severity::Busy))
            }
            Ok(_) => None,
            // The app's timeout may have been too short.
            Err(error) => error
                .severity()
                .filter(|_| error.kind() != RestErrorKind::TimedOut || took >= IMPATIENT),
        };
        // If the device moved since, the failure belongs to another network.
        if selector.0.learner.epoch() == epoch {
            match (severity, &ended) {
                (Some(severity), _) => {
                    self.rest.transport.forget_connections();
                    selector.rest_endpoint_failed(&endpoint, severity);
                }
                (None, Ok(answer)) => {
                    if let Some(address) = answer.remote_addr() {
                        selector.rest_endpoint_answered(&endpoint, address);
                    }
                }
                (None, Err(_)) => {}
            }
        }
        selector.0.learner.events().send(SelectorEvent::Requested {
            endpoint: endpoint.clone(),
            status,
            took,
        });
        let limit = self.rest.options.body_limit;
        ended.map(|answer| RestResponse::new(answer, endpoint, limit, self.deadline))
    }

    fn late(&self, why: &str) -> RestError {
        RestError::new(RestErrorKind::TimedOut, format!("{why} before the timeout"))
    }
}

/// A timeout longer than this counts against the endpoint.
const IMPATIENT: Duration = Duration::from_secs(5);

/// The target of a redirect, if the response is one.
fn redirection(answer: &RestResponse) -> Option<&HeaderValue> {
    matches!(answer.status(), 301 | 302 | 303 | 307 | 308)
        .then(|| answer.headers().get(LOCATION))
        .flatten()
}
