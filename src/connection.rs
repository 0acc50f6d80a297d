//! The results of `connect()`: a live connection, or an error.

mod heartbeat;

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use easelect_engine::shown::{Escaped, line, without_secrets};
use futures::{Sink, Stream};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

pub(crate) use heartbeat::{End, Ended, Heartbeat, Pace, Paces, Silence};

use crate::catalog::Endpoint;
use crate::failure::Failure;
use crate::handshake::{SecureStream, WebSocket};
use crate::phase::Timings;
use crate::sample::{Attempt, AttemptOutcome};

/// A live WebSocket on the endpoint that opened first, with details of the race.
///
/// It is a [`Stream`] and a [`Sink`] of messages. [`into_websocket`](Self::into_websocket) converts
/// it into the tokio-tungstenite stream.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use easelect::tokio_tungstenite::tungstenite::Message;
/// use easelect::{Region, Selector};
/// use futures::{SinkExt, StreamExt};
///
/// let mut connection = Selector::builder(Region::CN1).build()?.connect().await?;
/// connection.send(Message::text("hello")).await?;
/// while let Some(message) = connection.next().await {
///     println!("{}", message?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(crate) websocket: WebSocket,
    pub(crate) opening: Opening,
    pub(crate) feedback: Feedback,
    /// Present in a session's connections.
    pub(crate) heartbeat: Option<Box<Heartbeat>>,
}

/// Observes a connection on behalf of the selector.
pub(crate) trait ConnectionObserver: Send + Sync {
    fn round_trip(&self, took: Duration);
    fn closed(&self, reason: CloseReason, lived: Duration);
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The app ended it, or the device left the network that it was on.
    ByApp,
    /// The server ended it, with or without a Close frame.
    ByServer,
    /// It broke: for example a reset, or an unanswered heartbeat.
    Lost,
}

impl CloseReason {
    /// Returns the stable identifier: `"by_app"`, `"by_server"` or `"lost"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CloseReason::ByApp => "by_app",
            CloseReason::ByServer => "by_server",
            CloseReason::Lost => "lost",
        }
    }
}

display_identifier!(CloseReason);

/// Reports to the selector how a connection fares, so that the selector learns without probing. Cheap
/// to clone; it keeps neither the connection nor the selector alive.
#[derive(Clone)]
pub struct Feedback {
    observer: Arc<dyn ConnectionObserver>,
    opened: Instant,
    /// A connection ends once, whichever clone reports it.
    told: Arc<AtomicBool>,
}

impl Feedback {
    /// For a connection that has just opened.
    pub(crate) fn new(observer: Arc<dyn ConnectionObserver>) -> Self {
        Feedback {
            observer,
            opened: Instant::now(),
            told: Arc::default(),
        }
    }

    /// Reports a round trip that the app measured over the connection, for example by a heartbeat.
    /// Cheap enough to call for every heartbeat.
    pub fn report_rtt(&self, took: Duration) {
        self.observer.round_trip(took);
    }

    /// Reports the end of the connection; further calls have no effect. A connection that lasted less
    /// than 30 s counts against its address, unless the app ended it.
    pub fn closed(&self, reason: CloseReason) {
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        self.observer.closed(reason, self.opened.elapsed());
    }
}

impl fmt::Debug for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feedback")
    }
}

/// How a [`Connection`] was opened.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: String,
    pub(crate) address: SocketAddr,
    pub(crate) timings: Timings,
    pub(crate) time_to_open: Duration,
    pub(crate) attempts: Vec<Attempt>,
}

/// Omits queries, as [`Endpoint`] does.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Opening");
        told.field("endpoint", &self.endpoint)
            .field("path", &without_secrets(&self.path))
            .field("address", &self.address)
            .field("timings", &self.timings)
            .field("time_to_open", &self.time_to_open)
            .field("attempts", &self.attempts);
        told.finish()
    }
}

impl Connection {
    /// Returns the endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.opening.endpoint
    }

    /// Returns the URL that was opened: the endpoint's, possibly with an alternate path. Its query
    /// may be secret; to display the URL, use [`Endpoint::shown_with`].
    #[must_use]
    pub fn url(&self) -> String {
        self.opening.endpoint.url_with(&self.opening.path)
    }

    /// Returns the address, or the proxy's if the connection leads through one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.opening.address
    }

    /// Returns the subprotocol that the server chose, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.websocket.subprotocol.as_deref()
    }

    /// Returns the durations of the winning attempt's phases, including its DNS lookup.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.opening.timings
    }

    /// Returns the time from the call to the open WebSocket, including DNS lookups and losing
    /// attempts.
    #[must_use]
    pub fn time_to_open(&self) -> Duration {
        self.opening.time_to_open
    }

    /// Returns all attempts in the order of their starts, including failed DNS lookups.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.opening.attempts
    }

    /// See [`Transport::set_user_timeout`](crate::Transport::set_user_timeout).
    pub(crate) fn set_user_timeout(&mut self, timeout: Duration) {
        self.websocket.stream.get_mut().set_user_timeout(timeout);
    }

    /// Returns a handle to report to the selector how this connection fares, also after
    /// [`into_websocket`](Self::into_websocket). A [session's](crate::Session) connection reports
    /// this automatically.
    #[must_use]
    pub fn feedback(&self) -> Feedback {
        self.feedback.clone()
    }

    /// Converts it into the WebSocket of tokio-tungstenite. Its [session](crate::Session), if any,
    /// then treats it as closed by the app.
    #[must_use]
    pub fn into_websocket(mut self) -> WebSocketStream<SecureStream> {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.let_go();
        }
        *self.websocket.stream
    }
}

impl Connection {
    /// Tells the heartbeat about the progress of the app's writing.
    fn written(
        &mut self,
        so_far: Poll<Result<(), tungstenite::Error>>,
        cx: &Context<'_>,
    ) -> Poll<Result<(), tungstenite::Error>> {
        match (&mut self.heartbeat, &so_far) {
            (Some(heartbeat), Poll::Pending) => heartbeat.writer_waits(cx),
            (Some(heartbeat), Poll::Ready(Err(error))) => heartbeat.failed(error),
            _ => {}
        }
        so_far
    }

    /// Whether the connection is over, so that nothing more can be sent.
    fn is_given_up(&self) -> bool {
        self.heartbeat.as_ref().is_some_and(|one| one.is_over())
    }
}

impl Stream for Connection {
    type Item = Result<Message, tungstenite::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let websocket = &mut *this.websocket.stream;
        let Some(heartbeat) = &mut this.heartbeat else {
            return Pin::new(websocket).poll_next(cx);
        };
        if heartbeat.is_over() {
            // Sends the answer to a Close frame if that is possible at once. A server that then keeps
            // the connection open must not hold the app up.
            let _ = Pin::new(websocket).poll_flush(cx);
            return Poll::Ready(None);
        }
        while let Poll::Ready(item) = Pin::new(&mut *websocket).poll_next(cx) {
            if heartbeat.came(item.as_ref()) {
                return Poll::Ready(item);
            }
        }
        let given_up = heartbeat.poll(cx, websocket);
        given_up.map(|error| Some(Err(error)))
    }
}

impl Sink<Message> for Connection {
    type Error = tungstenite::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.is_given_up() {
            return Poll::Ready(Err(tungstenite::Error::ConnectionClosed));
        }
        let ready = Pin::new(&mut *self.websocket.stream).poll_ready(cx);
        self.written(ready, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        let closes = message.is_close();
        let sent = Pin::new(&mut *self.websocket.stream).start_send(message);
        match (&mut self.heartbeat, &sent) {
            (Some(heartbeat), Ok(())) if closes => heartbeat.closing(),
            (Some(heartbeat), Err(error)) => heartbeat.failed(error),
            _ => {}
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.is_given_up() {
            return Poll::Ready(Err(tungstenite::Error::ConnectionClosed));
        }
        let flushed = Pin::new(&mut *self.websocket.stream).poll_flush(cx);
        self.written(flushed, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.is_given_up() {
            return Poll::Ready(Ok(()));
        }
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.closing();
        }
        let closed = Pin::new(&mut *self.websocket.stream).poll_close(cx);
        self.written(closed, cx)
    }
}

/// The error of a race in which no endpoint opened.
///
/// Its `Display` text lists the attempts with their failures on a single line of limited length, so
/// there is no [`source`](StdError::source).
#[derive(Clone)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    attempts: Vec<Attempt>,
    elapsed: Duration,
    is_shut_out: bool,
}

/// The kind of a [`ConnectError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The catalogue has no endpoint of this service in the selector's residency.
    NoEndpoint,
    /// The deadline passed while attempts were under way.
    TimedOut,
    /// At least one server that proved its identity refused the client; `status` is from the last one
    /// tried. The server was reached, and the status says what to change or whether to wait.
    Refused {
        /// The HTTP status: for example 401 or 403 for credentials, 429 or 503 for overload.
        status: u16,
    },
    /// Every attempt failed in another way.
    Failed,
}

impl ConnectError {
    pub(crate) fn new(attempts: Vec<Attempt>, elapsed: Duration, timed_out: bool) -> Self {
        let mut statuses = attempts.iter().filter_map(|one| match &one.outcome {
            AttemptOutcome::Failed(failure) if failure.is_refusal() => failure.status(),
            _ => None,
        });
        let kind = match statuses.next_back() {
            _ if timed_out => ConnectErrorKind::TimedOut,
            Some(status) => ConnectErrorKind::Refused { status },
            None => ConnectErrorKind::Failed,
        };
        ConnectError {
            kind,
            attempts,
            elapsed,
            is_shut_out: false,
        }
    }

    /// Records that a proxy through which all endpoints are reached rejected its credentials.
    pub(crate) fn shut_out(mut self) -> Self {
        self.is_shut_out = true;
        self
    }

    pub(crate) fn no_endpoint() -> Self {
        ConnectError {
            kind: ConnectErrorKind::NoEndpoint,
            attempts: Vec::new(),
            elapsed: Duration::ZERO,
            is_shut_out: false,
        }
    }

    /// Sets the total time, including earlier races of the same call.
    pub(crate) fn took(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Returns all attempts in the order of their starts. A failed DNS lookup has no address.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Returns the time from the call to the error.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The last endpoint that refused the client, if any.
    #[cfg(feature = "rest")]
    pub(crate) fn turned_away_by(&self) -> Option<&Endpoint> {
        let turned_away = |one: &&Attempt| matches!(&one.outcome, AttemptOutcome::Failed(failure) if failure.is_refusal());
        let last = self.attempts.iter().rfind(turned_away);
        last.map(|one| &one.endpoint)
    }

    /// The status with which a server that proved its identity refused the app's credentials; 407 if
    /// a proxy through which all endpoints are reached rejected its own.
    pub(crate) fn refuses_credentials(&self) -> Option<u16> {
        let mut refusals = self.failures().filter(|one| one.refuses_credentials());
        let refused = refusals.find_map(Failure::status);
        refused.or(self.is_shut_out.then_some(407))
    }

    /// Whether the deadline passed while attempts were under way.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == ConnectErrorKind::TimedOut
    }

    /// Returns the HTTP status of a [`Refused`](ConnectErrorKind::Refused) error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            ConnectErrorKind::Refused { status } => Some(status),
            _ => None,
        }
    }

    /// Returns the shortest delay that servers requested, if every server that answered requested
    /// one. If any did not, it may be retried at once, and the result is `None`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let answers = self.failures().filter(|failure| failure.is_answer());
        let asked: Option<Vec<Duration>> = answers.map(Failure::retry_after).collect();
        asked?.into_iter().min()
    }

    /// Returns the failure of the attempt that got furthest.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failures().max_by_key(|failure| failure.phase())
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.attempts.iter().filter_map(|one| match &one.outcome {
            AttemptOutcome::Failed(failure) => Some(failure),
            _ => None,
        })
    }
}

/// The length limit of the `Display` text in characters: a few attempts in full, the middle cut.
const LONGEST: usize = 4000;

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("ConnectError");
        told.field("kind", &self.kind)
            .field("elapsed", &self.elapsed)
            .field("attempts", &Escaped(&self.attempts));
        told.finish()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            ConnectErrorKind::NoEndpoint => {
                return f.write_str(
                    "the catalogue has no endpoint of this service in the selector's data centre",
                );
            }
            ConnectErrorKind::TimedOut => "deadline reached",
            ConnectErrorKind::Refused { .. } => "refused by a server",
            ConnectErrorKind::Failed => "every attempt failed",
        };
        let mut told = format!(
            "no endpoint could be opened within {:.1?} ({why})",
            self.elapsed
        );
        for attempt in &self.attempts {
            write!(told, "; {}", attempt.endpoint.authority())?;
            if let Some(address) = attempt.address {
                write!(told, " at {}", address.ip())?;
            }
            match &attempt.outcome {
                AttemptOutcome::Failed(failure) => write!(told, ": {failure}")?,
                AttemptOutcome::Cancelled(phase) => write!(told, ": cancelled in {phase}")?,
                AttemptOutcome::Won => told.push_str(": open"),
            }
        }
        f.write_str(&line(&told, LONGEST))
    }
}

impl StdError for ConnectError {}
