//! One request: where it goes, and where it goes when that fails.

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

/// Fetch gives up after 20; REST that redirects at all is rare.
const MAX_REDIRECTS: usize = 5;

/// A REST request that is not sent yet; made by [`Rest::request`](super::Rest::request).
#[must_use = "a request does nothing until it is sent"]
pub struct RestRequest {
    selector: Selector,
    method: Method,
    /// Where to; what was wrong with it is told when it is sent.
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

    /// Sets a header. One that HTTP doesn't allow, and `Host`, is told by [`send`](Self::send).
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

    /// Sets the body to this as JSON, and `Content-Type` to match. What can't be written as JSON is told
    /// by [`send`](Self::send).
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

    /// Sets how long this one may take, instead of the [options'](super::RestOptions::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it, and waits for the head of the answer. Dropping the future gives it up.
    ///
    /// # Errors
    ///
    /// [`RestError`] where there was no answer. Every status is an answer.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer and I/O enabled.
    pub async fn send(self) -> Result<RestResponse, RestError> {
        let selector = &self.selector;
        let Some(rest) = &selector.0.rest else {
            let why = "no REST endpoint";
            return Err(RestError::new(RestErrorKind::Unreachable, why));
        };
        let patience = self.timeout.unwrap_or(rest.options.timeout).min(LONGEST);
        let deadline = Instant::now() + patience;
        if self.method == Method::CONNECT {
            let why = "CONNECT is for proxies";
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
    /// Without headers, query and body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &mut f.debug_struct("RestRequest");
        request
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What is asked for, wherever that is.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Asked {
    /// Whether asking twice does what asking once does (RFC 9110 §9.2.2).
    fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    /// After such a redirection: `GET` where browsers make it one (RFC 9110 §15.4).
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
        // A refusal by both is the first one's; whether anything was sent is both's.
        match (again, ended) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Ok(answer)) => Ok(answer),
            (Err(error), Err(first)) if first.was_sent() => Err(error.sent()),
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// The endpoint to ask first. Where all of them only answer that they are no use now, or ask to be
    /// left alone, the app gets such an answer itself: the best of them is asked, and none raced.
    async fn choose(&self) -> Result<Endpoint, RestError> {
        let eligible = self.rest.view.eligible();
        if eligible.iter().all(|one| self.rest.is_left_alone(one))
            && let Some(best) = self.selector.0.learner.memory().best_of(eligible)
        {
            return Ok(best);
        }
        let chosen = timeout_at(self.deadline, self.selector.rest_endpoint()).await;
        let chosen = chosen.map_err(|_| self.late("no REST endpoint is open yet"))?;
        match chosen {
            Ok(endpoint) => Ok(endpoint),
            Err(error) => match error.turned_away_by() {
                Some(endpoint) => Ok(endpoint.clone()),
                None => Err(RestError::unreachable(error)),
            },
        }
    }

    /// Whether another endpoint may be asked, after this.
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

    /// The best other endpoint that is not to be left alone.
    fn another(&self, first: &Endpoint) -> Option<Endpoint> {
        let mut others = self.rest.view.eligible();
        others.retain(|one| one != first && !self.rest.is_left_alone(one));
        let others = self.selector.0.racer.shuffled(others);
        self.selector.0.learner.memory().best_of(others)
    }

    /// One request, and whereto its answer redirects.
    async fn follow(&self, mut url: Url) -> Result<RestResponse, RestError> {
        let mut asked = self.asked.clone();
        for hop in 0..=MAX_REDIRECTS {
            // Whoever redirected has seen the request.
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

    /// Where a redirection leads, which must be inside.
    fn inside(&self, from: &Url, location: &HeaderValue) -> Result<Url, RestError> {
        let refused = |why: String| RestError::new(RestErrorKind::Redirected, why).sent();
        let location = location.to_str().ok();
        let to = location.and_then(|location| from.join(location).ok());
        let to = to.ok_or_else(|| refused("redirected to what is no URL".to_owned()))?;
        let inside = endpoint_of(&to, self.rest.view.endpoints());
        inside.map_err(|outside| refused(format!("redirected: {}", outside.message())))?;
        Ok(to)
    }

    /// One request to one URL.
    async fn ask(&self, url: &Url, asked: &Asked) -> Result<RestResponse, RestError> {
        let selector = self.selector;
        let endpoint = endpoint_of(url, self.rest.view.endpoints())?.clone();
        let (began, epoch) = (Instant::now(), selector.0.learner.epoch());
        let sent = (self.rest.transport).send(selector, &endpoint, url, asked);
        let ended = match timeout_at(self.deadline, sent).await {
            Ok(ended) => ended,
            Err(_) => Err(self.late("no answer").sent().of_endpoint(Severity::Soft)),
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
            // The app may have been impatient.
            Err(error) => error
                .severity()
                .filter(|_| error.kind() != RestErrorKind::TimedOut || took >= IMPATIENT),
        };
        // The device may have moved since: what failed was of another network.
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
        RestError::new(
            RestErrorKind::TimedOut,
            format!("{why} before the time-out"),
        )
    }
}

/// What answers later than this is no use, whatever the app's patience.
const IMPATIENT: Duration = Duration::from_secs(5);

/// Where the answer redirects to, if it does.
fn redirection(answer: &RestResponse) -> Option<&HeaderValue> {
    matches!(answer.status(), 301 | 302 | 303 | 307 | 308)
        .then(|| answer.headers().get(LOCATION))
        .flatten()
}
