//! The library's error for what is wrong before any packet is sent: configuration and input.

use std::error::Error as StdError;
use std::fmt;

/// Something is wrong with the configuration or the input; the message says what to do.
///
/// Why a *connection* failed is told by [`ConnectError`](crate::ConnectError) and
/// [`Failure`](crate::Failure).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
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
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
