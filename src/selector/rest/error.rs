//! Errors of REST requests.

use std::error::Error as StdError;
use std::fmt;

use easelect_engine::health::Severity;

use crate::connection::ConnectError;
use crate::error::presentable;

/// Why a REST request has no usable response. A response with any HTTP status is not an error.
///
/// Displayed, it says what happened and whether the request was sent, in one line of bounded length. It
/// contains no path, query, headers or body, so it has no [`source`](StdError::source).
#[derive(Clone, Debug)]
pub struct RestError {
    kind: RestErrorKind,
    message: String,
    was_sent: bool,
    connect: Option<ConnectError>,
    /// What it says about the endpoint; `None` if that was learned already or the endpoint is not at
    /// fault.
    severity: Option<Severity>,
}

/// The kind of a [`RestError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestErrorKind {
    /// The URL is not below a REST endpoint of the residency, or is not `https`. Nothing was sent.
    Outside,
    /// The app's method, headers or body can't be sent.
    Request,
    /// No REST endpoint could be reached.
    Unreachable,
    /// The connection ended before the response did.
    Interrupted,
    /// The response was missing or incomplete at the timeout.
    TimedOut,
    /// The response redirects out of the residency, to `http`, or too often. The redirect was not
    /// followed.
    Redirected,
    /// The response body is larger than the [limit](super::RestOptions::body_limit).
    TooLarge,
    /// The response body is not UTF-8, or not JSON of the expected type.
    Malformed,
}

impl RestError {
    pub(super) fn new(kind: RestErrorKind, message: impl fmt::Display) -> Self {
        RestError {
            kind,
            message: presentable(&message.to_string()),
            was_sent: false,
            connect: None,
            severity: None,
        }
    }

    /// The error for a connection that could not be opened.
    pub(super) fn unreachable(error: ConnectError) -> Self {
        let kind = match error.is_timeout() {
            true => RestErrorKind::TimedOut,
            false => RestErrorKind::Unreachable,
        };
        RestError {
            connect: Some(error.clone()),
            ..RestError::new(kind, error)
        }
    }

    /// Marks the request as sent, at least in part.
    pub(super) fn sent(mut self) -> Self {
        self.was_sent = true;
        self
    }

    /// Sets what the error says about the endpoint.
    pub(super) fn of_endpoint(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    pub(super) fn severity(&self) -> Option<Severity> {
        self.severity
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the kind of error.
    #[must_use]
    pub fn kind(&self) -> RestErrorKind {
        self.kind
    }

    /// Returns the error with every attempt to connect, if no endpoint could be reached.
    #[must_use]
    pub fn connect_error(&self) -> Option<&ConnectError> {
        self.connect.as_ref()
    }

    /// Whether the request may have reached a server, which may have acted on it. If not, it is safe to
    /// send it again, whatever its method.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.was_sent
    }
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = if self.was_sent { "sent" } else { "not sent" };
        write!(f, "{} (request {sent})", self.message)
    }
}

impl StdError for RestError {}
