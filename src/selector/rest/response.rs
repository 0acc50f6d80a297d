//! An answer, and its body up to a limit.

use std::fmt;
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Bytes;

use super::transport::told;
use super::{RestError, RestErrorKind};
use crate::catalog::Endpoint;
use crate::handshake::delay_asked;

/// The head of an answer to a REST request, whatever its status, with its body still to be read.
pub struct RestResponse {
    answer: reqwest::Response,
    endpoint: Endpoint,
    limit: usize,
    deadline: Instant,
}

impl RestResponse {
    pub(super) fn new(
        answer: reqwest::Response,
        endpoint: Endpoint,
        limit: usize,
        deadline: Instant,
    ) -> Self {
        RestResponse {
            answer,
            endpoint,
            limit,
            deadline,
        }
    }

    /// The HTTP status, 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_code().as_u16()
    }

    pub(super) fn status_code(&self) -> StatusCode {
        self.answer.status()
    }

    /// Whether the status is one of 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status_code().is_success()
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// How long the server asks to be left alone (RFC 9110 §10.2.3, `Retry-After`), if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.headers())
    }

    /// The endpoint that answered.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The body.
    ///
    /// # Errors
    ///
    /// [`RestErrorKind::TooLarge`] beyond the limit, [`RestErrorKind::TimedOut`] and
    /// [`RestErrorKind::Interrupted`] where it doesn't end.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer enabled.
    pub async fn bytes(mut self) -> Result<Bytes, RestError> {
        let mut body = Vec::new();
        loop {
            let chunk = timeout_at(self.deadline, self.answer.chunk()).await;
            let late = |_| {
                let why = "the body did not end before the time-out";
                RestError::new(RestErrorKind::TimedOut, why).sent()
            };
            let broken = |error| RestError::new(RestErrorKind::Interrupted, told(&error)).sent();
            let Some(chunk) = chunk.map_err(late)?.map_err(broken)? else {
                return Ok(body.into());
            };
            if chunk.len() > self.limit - body.len() {
                let why = format!("the body is larger than {} bytes", self.limit);
                return Err(RestError::new(RestErrorKind::TooLarge, why).sent());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// The body, as text.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); [`RestErrorKind::Malformed`] where it isn't UTF-8.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer enabled.
    pub async fn text(self) -> Result<String, RestError> {
        let body = Vec::from(self.bytes().await?);
        let malformed = |_| {
            let why = "the body is not text in UTF-8";
            RestError::new(RestErrorKind::Malformed, why).sent()
        };
        String::from_utf8(body).map_err(malformed)
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes); [`RestErrorKind::Malformed`] where it is no JSON of that form.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer enabled.
    pub async fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, RestError> {
        let body = self.bytes().await?;
        // Its text may repeat the body's, which is the app's.
        let malformed = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let why =
                format!("the body is no JSON of the form expected (line {line}, column {column})");
            RestError::new(RestErrorKind::Malformed, why).sent()
        };
        serde_json::from_slice(&body).map_err(malformed)
    }

    /// reqwest's own answer, given away: without limit and time-out.
    #[must_use]
    pub fn into_inner(self) -> reqwest::Response {
        self.answer
    }
}

impl fmt::Debug for RestResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestResponse")
            .field("status", &self.status())
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// How long these fields ask to be left alone.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    delay_asked(text(RETRY_AFTER)?, text(DATE))
}
