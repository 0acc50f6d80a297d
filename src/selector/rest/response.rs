//! Responses to REST requests.

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

/// The head of a response to a REST request. Read the body with [`bytes`](Self::bytes),
/// [`text`](Self::text) or [`json`](Self::json).
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

    /// Returns the HTTP status, from 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_code().as_u16()
    }

    pub(super) fn status_code(&self) -> StatusCode {
        self.answer.status()
    }

    /// Whether the status is from 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status_code().is_success()
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// Returns how long the server asks clients to wait before the next request (`Retry-After`, RFC
    /// 9110 §10.2.3), if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.headers())
    }

    /// Returns the endpoint that answered.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// - [`RestErrorKind::TooLarge`] if the body exceeds the [limit](super::RestOptions::body_limit).
    /// - [`RestErrorKind::TimedOut`] if it is incomplete at the timeout of the request.
    /// - [`RestErrorKind::Interrupted`] if the connection ends before the body does.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its timer enabled.
    pub async fn bytes(mut self) -> Result<Bytes, RestError> {
        let mut body = Vec::new();
        loop {
            let chunk = timeout_at(self.deadline, self.answer.chunk()).await;
            let late = |_| {
                let why = "the body was incomplete at the timeout";
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

    /// Reads the body as text.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes), and [`RestErrorKind::Malformed`] if the body is not UTF-8.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its timer enabled.
    pub async fn text(self) -> Result<String, RestError> {
        let body = Vec::from(self.bytes().await?);
        let malformed = |_| {
            let why = "the body is not UTF-8 text";
            RestError::new(RestErrorKind::Malformed, why).sent()
        };
        String::from_utf8(body).map_err(malformed)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes), and [`RestErrorKind::Malformed`] if the body is not JSON of
    /// type `T`.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its timer enabled.
    pub async fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, RestError> {
        let body = self.bytes().await?;
        // serde_json's message may quote the body, which is the app's data.
        let malformed = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let why = format!("the body is not the expected JSON (line {line}, column {column})");
            RestError::new(RestErrorKind::Malformed, why).sent()
        };
        serde_json::from_slice(&body).map_err(malformed)
    }

    /// Returns reqwest's response. Its body has neither a size limit nor a timeout.
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

/// The delay asked for by these headers.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    delay_asked(text(RETRY_AFTER)?, text(DATE))
}
