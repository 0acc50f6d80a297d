//! What `connect()` returns: the live connection, or why there is none.

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Sink, Stream};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::catalog::Endpoint;
use crate::handshake::SecureStream;
use crate::phase::Timings;
use crate::sample::{Attempt, AttemptOutcome};

/// A live WebSocket on the endpoint that was open first, and how it came about.
///
/// It is a [`Stream`] and a [`Sink`] of messages itself; [`into_websocket`](Self::into_websocket)
/// gives the tokio-tungstenite stream away.
#[derive(Debug)]
pub struct Connection {
    pub(crate) websocket: Box<WebSocketStream<SecureStream>>,
    pub(crate) opening: Opening,
    pub(crate) feedback: Feedback,
}

/// Who wants to know what becomes of a connection.
pub(crate) trait Heed: Send + Sync {
    fn round_trip(&self, took: Duration);
    fn closed(&self, reason: CloseReason, lived: Duration);
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The app ended it.
    ByApp,
    /// The server ended it, with a Close frame or without.
    ByServer,
    /// It broke: a reset, a heartbeat unanswered.
    Lost,
}

/// Tells the selector what becomes of a connection, so that it learns without probing. Cheap to
/// clone; it keeps neither the connection nor the selector alive.
#[derive(Clone)]
pub struct Feedback {
    pub(crate) heed: Arc<dyn Heed>,
    pub(crate) opened: Instant,
}

impl Feedback {
    /// A round trip that the app measured over the connection, as its heartbeat does. Cheap enough
    /// for every heartbeat.
    pub fn report_rtt(&self, took: Duration) {
        self.heed.round_trip(took);
    }

    /// The connection ended. One that broke within 30 s counts against its address.
    pub fn closed(&self, reason: CloseReason) {
        self.heed.closed(reason, self.opened.elapsed());
    }
}

impl fmt::Debug for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feedback")
    }
}

/// How a [`Connection`] came about.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: String,
    pub(crate) address: SocketAddr,
    pub(crate) subprotocol: Option<String>,
    pub(crate) timings: Timings,
    pub(crate) time_to_open: Duration,
    pub(crate) attempts: Vec<Attempt>,
}

impl Connection {
    /// The endpoint that won.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.opening.endpoint
    }

    /// The URL that was opened: the endpoint's, or with an alternate path that turned out right.
    #[must_use]
    pub fn url(&self) -> String {
        self.opening.endpoint.url_with(&self.opening.path)
    }

    /// The address that won; the proxy's, where one led to the endpoint.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.opening.address
    }

    /// The subprotocol that the server chose, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.opening.subprotocol.as_deref()
    }

    /// The winner's phases, its look-up included.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.opening.timings
    }

    /// From the call to the open WebSocket, look-ups and losers included.
    #[must_use]
    pub fn time_to_open(&self) -> Duration {
        self.opening.time_to_open
    }

    /// Every attempt, in the order of their starts; look-ups that failed included.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.opening.attempts
    }

    /// Tells the selector what becomes of this connection; also after
    /// [`into_websocket`](Self::into_websocket).
    #[must_use]
    pub fn feedback(&self) -> Feedback {
        self.feedback.clone()
    }

    /// The WebSocket of tokio-tungstenite, given away.
    #[must_use]
    pub fn into_websocket(self) -> WebSocketStream<SecureStream> {
        *self.websocket
    }
}

impl Stream for Connection {
    type Item = Result<Message, tungstenite::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.websocket).poll_next(cx)
    }
}

impl Sink<Message> for Connection {
    type Error = tungstenite::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut *self.websocket).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        Pin::new(&mut *self.websocket).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut *self.websocket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut *self.websocket).poll_close(cx)
    }
}

/// Why no endpoint could be opened: every attempt, in the order of their starts.
#[derive(Debug)]
pub struct ConnectError {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) elapsed: Duration,
    /// The total deadline cut the race off.
    pub(crate) timed_out: bool,
}

impl ConnectError {
    /// Every attempt, in the order of their starts; look-ups that failed have no address.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// How long it was tried.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether the deadline ended it, with attempts still under way.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.timed_out
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.attempts.is_empty() && !self.timed_out {
            return f.write_str("the catalogue has no such endpoint for this residency");
        }
        let why = if self.timed_out {
            "deadline reached"
        } else {
            "every attempt failed"
        };
        write!(
            f,
            "no endpoint could be opened within {:.1?} ({why})",
            self.elapsed
        )?;
        for attempt in &self.attempts {
            write!(f, "; {}", attempt.endpoint.authority())?;
            if let Some(address) = attempt.address {
                write!(f, " at {}", address.ip())?;
            }
            match &attempt.outcome {
                AttemptOutcome::Failed(failure) => write!(f, ": {failure}")?,
                AttemptOutcome::Cancelled(phase) => write!(f, ": given up in {phase}")?,
                AttemptOutcome::Won => write!(f, ": open")?,
            }
        }
        Ok(())
    }
}

impl StdError for ConnectError {
    /// The failure of the attempt that came furthest.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.attempts
            .iter()
            .filter_map(|attempt| match &attempt.outcome {
                AttemptOutcome::Failed(failure) => Some(failure),
                _ => None,
            })
            .max_by_key(|failure| failure.phase())
            .map(|failure| failure as _)
    }
}
