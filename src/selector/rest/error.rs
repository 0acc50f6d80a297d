//! Why a REST request has no answer.

use std::error::Error as StdError;
use std::fmt;

use easelect_engine::health::Severity;

use crate::connection::ConnectError;
use crate::error::presentable;

/// Why a REST request has no answer, or one that can't be used. Any status that a server answered is
/// an answer.
///
/// Displayed, it says what happened and whether the request was sent, in one line of bounded length,
/// without path, query, headers or body; so it has no [`source`](StdError::source).
#[derive(Clone, Debug)]
pub struct RestError {
    kind: RestErrorKind,
    message: String,
    was_sent: bool,
    connect: Option<ConnectError>,
    /// What it says of the endpoint; nothing where that was told already, or is none of its fault.
    severity: Option<Severity>,
}

/// What a [`RestError`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestErrorKind {
    /// The URL is none of the residency's REST endpoints, or not `https`.
    Outside,
    /// A header or body can't be sent.
    Request,
    /// No REST endpoint could be reached.
    Unreachable,
    /// The connection ended before the answer did.
    Interrupted,
    /// There was no answer, or no whole one, in time.
    TimedOut,
    /// The answer redirects out of the residency, to `http`, or too often. It was not followed.
    Redirected,
    /// The body is larger than the [limit](super::RestOptions::body_limit).
    TooLarge,
    /// The body is not what was asked for: text, or JSON of that form.
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

    /// Of a connection that could not be opened.
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

    /// The request, or a part of it, went out.
    pub(super) fn sent(mut self) -> Self {
        self.was_sent = true;
        self
    }

    /// It says this of the endpoint.
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

    /// What it comes to.
    #[must_use]
    pub fn kind(&self) -> RestErrorKind {
        self.kind
    }

    /// Every attempt to reach an endpoint, where none could be.
    #[must_use]
    pub fn connect_error(&self) -> Option<&ConnectError> {
        self.connect.as_ref()
    }

    /// Whether the request may have reached a server, which may have acted on it. If not, it is safe
    /// to send it again, whatever it asks for.
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
