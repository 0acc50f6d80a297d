//! The library's error for what is wrong before any packet is sent: configuration and input.

use std::error::Error as StdError;
use std::fmt;

use easelect_engine::history::HistoryError;
use easelect_engine::priors::PriorsError;
use easelect_engine::shown::{line, shown, without_secrets};

/// Something is wrong with the configuration or the input; the message says what to do. It is one
/// line, without control characters and of bounded length, whatever stood in the input.
///
/// Why a *connection* failed is told by [`ConnectError`](crate::ConnectError) and
/// [`Failure`](crate::Failure).
pub struct Error {
    kind: ErrorKind,
    message: String,
    /// What the message was made of.
    inner: Box<dyn StdError + Send + Sync>,
}

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Endpoints of several data centres were asked to be raced against each other.
    Residency,
    /// The region and service asked for have no hosts in the catalogue.
    NoEndpoints,
    /// A catalogue file or entry is wrong.
    Catalog,
    /// A lab scenario is wrong.
    Scenario,
    /// A history can't be read or written.
    History,
    /// A history was written by a newer version of this crate.
    NewerHistory,
    /// TLS could not be set up: no roots, or a root that is not a certificate.
    Tls,
    /// A header, subprotocol, name or limit that can't be used.
    Input,
    /// The system has no thread for [`blocking`](crate::blocking), or nothing for it to wait with.
    Runtime,
}

impl Error {
    /// An error of a message, or of any error, for those who implement a trait such as
    /// [`HistoryStore`](crate::HistoryStore). As with [`std::io::Error::new`], it is displayed as
    /// that error is, and has that error's source. Line ends, control characters and more than
    /// 1000 characters are not shown.
    pub fn new(kind: ErrorKind, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let inner = error.into();
        Error {
            kind,
            message: presentable(&inner.to_string()),
            inner,
        }
    }

    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same with what caused it, which the message says, too.
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

    /// What it was made of, or what caused it, to be downcast: a [`std::io::Error`] of a
    /// [`FileHistory`](crate::FileHistory).
    #[must_use]
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.inner
    }

    /// Endpoints of several data centres were asked to be raced against each other.
    #[must_use]
    pub fn is_residency(&self) -> bool {
        self.kind == ErrorKind::Residency
    }

    /// The catalogue has no endpoints for what was asked.
    #[must_use]
    pub fn is_no_endpoints(&self) -> bool {
        self.kind == ErrorKind::NoEndpoints
    }

    /// A history can't be read or written, or is of a newer version. Connecting works without.
    #[must_use]
    pub fn is_history(&self) -> bool {
        matches!(self.kind, ErrorKind::History | ErrorKind::NewerHistory)
    }

    /// TLS could not be set up.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.kind == ErrorKind::Tls
    }

    /// A file or a value that was given is wrong.
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

/// Place, complaint and expectation fit several times; what is quoted between them may not.
const LONGEST: usize = 1000;

/// Messages quote files and arguments, which may hold anything.
pub(crate) fn presentable(message: &str) -> String {
    line(message, LONGEST)
}

/// What a message shows of input that may be enormous, or a URL with secrets in the wrong place.
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
