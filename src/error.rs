//! The error for wrong configuration and input, found before any packet is sent.

use std::error::Error as StdError;
use std::fmt;

use easelect_engine::history::HistoryError;
use easelect_engine::priors::PriorsError;
use easelect_engine::shown::{line, shown, without_secrets};

/// An error in the configuration or the input. The message says what is wrong and what is expected.
///
/// The message is a single line of bounded length without control characters, whatever the input
/// contains.
///
/// Failed *connections* are reported by [`ConnectError`](crate::ConnectError) and
/// [`Failure`](crate::Failure) instead.
pub struct Error {
    kind: ErrorKind,
    message: String,
    /// The error that `message` was made from, or its cause.
    inner: Box<dyn StdError + Send + Sync>,
}

/// The subject of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration would race endpoints of several data centres against each other.
    Residency,
    /// The catalogue has no hosts for the requested region and service.
    NoEndpoints,
    /// A catalogue file, region or endpoint is invalid.
    Catalog,
    /// A lab scenario is invalid.
    Scenario,
    /// A history can't be read or written.
    History,
    /// A history was written by a newer version of this crate.
    NewerHistory,
    /// TLS could not be set up: no root certificates, or one that can't be read.
    Tls,
    /// Another argument is invalid: a header, subprotocol, proxy URL, limit, ….
    Input,
    /// The operating system refused the thread or the runtime that [`blocking`](crate::blocking) needs.
    Runtime,
}

impl Error {
    /// Creates an error from a message or from another error, for implementing a trait such as
    /// [`HistoryStore`](crate::HistoryStore).
    ///
    /// As with [`std::io::Error::new`], the new error displays as `error` does and has the same source.
    /// The message is escaped and shortened to about 1000 characters.
    pub fn new(kind: ErrorKind, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let inner = error.into();
        Error {
            kind,
            message: presentable(&inner.to_string()),
            inner,
        }
    }

    /// Returns the subject of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// An error whose `message` already includes its `cause`.
    pub(crate) fn caused(
        kind: ErrorKind,
        message: &str,
        cause: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Error {
            kind,
            message: presentable(message),
            inner: Box::new(cause),
        }
    }

    /// Returns the error that this one was made from, or its cause, for downcasting.
    ///
    /// For a [`FileHistory`](crate::FileHistory) that can't be read or written, this is a
    /// [`std::io::Error`].
    #[must_use]
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.inner
    }

    /// Whether a history can't be read or written, or is from a newer version. Connecting works without
    /// one.
    #[must_use]
    pub fn is_history(&self) -> bool {
        matches!(self.kind, ErrorKind::History | ErrorKind::NewerHistory)
    }

    /// Whether a file or value supplied by the caller is invalid.
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Catalog | ErrorKind::Scenario | ErrorKind::Input
        )
    }
}

impl From<PriorsError> for Error {
    fn from(error: PriorsError) -> Self {
        Error::new(ErrorKind::Input, error)
    }
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        let kind = match error {
            HistoryError::Newer { .. } => ErrorKind::NewerHistory,
            _ => ErrorKind::History,
        };
        Error::new(kind, error)
    }
}

/// The longest message, in characters. Text quoted from the input is what makes a message long.
const LONGEST: usize = 1000;

/// Escapes and shortens a message: it may quote files and arguments, which can hold anything.
pub(crate) fn presentable(message: &str) -> String {
    line(message, LONGEST)
}

/// Quoted input for a message: at most 80 characters, without the secrets of a URL.
pub(crate) fn shortened(text: &str) -> String {
    shown(&without_secrets(text), 80)
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Error");
        told.field("kind", &self.kind)
            .field("message", &self.message);
        told.finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_becomes_one_and_is_told_once() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = Error::new(ErrorKind::History, denied);
        assert_eq!(error.to_string(), "permission denied");
        assert!(error.source().is_none() && error.is_history());
        let inner = error.get_ref().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(inner.kind(), std::io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_message_is_one_bounded_line() {
        let told = |message: &str| Error::new(ErrorKind::Input, message).to_string();
        assert_eq!(
            told(r#"own.toml:1: "a\u{7f}", 中"#),
            r#"own.toml:1: "a\u{7f}", 中"#
        );
        assert_eq!(told("a\n\u{1b}[2J\u{202e}"), r"a\n\u{1b}[2J\u{202e}");
        let long = told(&format!(
            "own.toml:1: {}: expected less",
            "é".repeat(1 << 20)
        ));
        assert!(long.starts_with("own.toml:1: é") && long.ends_with("é: expected less"));
        assert_eq!(long.chars().count(), LONGEST + 3);
    }
}
