//! What `connect()` returns: the live connection, or why there is none.

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

/// A live WebSocket on the endpoint that was open first, and how it came about.
///
/// It is a [`Stream`] and a [`Sink`] of messages itself; [`into_websocket`](Self::into_websocket)
/// gives the tokio-tungstenite stream away.
#[derive(Debug)]
pub struct Connection {
    pub(crate) websocket: WebSocket,
    pub(crate) opening: Opening,
    pub(crate) feedback: Feedback,
    /// A session's connection is watched over.
    pub(crate) heartbeat: Option<Box<Heartbeat>>,
}

/// Who wants to know what becomes of a connection.
pub(crate) trait ConnectionObserver: Send + Sync {
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

impl CloseReason {
    /// The stable identifier: `"by_app"`, `"by_server"`, `"lost"`.
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

/// Tells the selector what becomes of a connection, so that it learns without probing. Cheap to
/// clone; it keeps neither the connection nor the selector alive.
#[derive(Clone)]
pub struct Feedback {
    observer: Arc<dyn ConnectionObserver>,
    opened: Instant,
    /// A connection ends once, whoever tells.
    told: Arc<AtomicBool>,
}

impl Feedback {
    /// Of a connection that is open now.
    pub(crate) fn new(observer: Arc<dyn ConnectionObserver>) -> Self {
        Feedback {
            observer,
            opened: Instant::now(),
            told: Arc::default(),
        }
    }

    /// A round trip that the app measured over the connection, as its heartbeat does. Cheap enough
    /// for every heartbeat.
    pub fn report_rtt(&self, took: Duration) {
        self.observer.round_trip(took);
    }

    /// The connection ended; only the first who tells counts. One that broke within 30 s counts against
    /// its address.
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

/// How a [`Connection`] came about.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: String,
    pub(crate) address: SocketAddr,
    pub(crate) timings: Timings,
    pub(crate) time_to_open: Duration,
    pub(crate) attempts: Vec<Attempt>,
}

/// Without queries, as [`Endpoint`] has it.
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
    /// The endpoint that won.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.opening.endpoint
    }

    /// The URL that was opened: the endpoint's, or with an alternate path that turned out right. Its
    /// query may be secret: show [`Endpoint::shown_with`] instead.
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
        self.websocket.subprotocol.as_deref()
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

    /// See [`Transport::set_user_timeout`](crate::Transport::set_user_timeout).
    pub(crate) fn set_user_timeout(&mut self, timeout: Duration) {
        self.websocket.stream.get_mut().set_user_timeout(timeout);
    }

    /// Tells the selector what becomes of this connection; also after
    /// [`into_websocket`](Self::into_websocket). A [session's](crate::Session) tells it by itself.
    #[must_use]
    pub fn feedback(&self) -> Feedback {
        self.feedback.clone()
    }

    /// The WebSocket of tokio-tungstenite, given away: to its [session](crate::Session), if it has one,
    /// that is as good as dropped.
    #[must_use]
    pub fn into_websocket(mut self) -> WebSocketStream<SecureStream> {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.let_go();
        }
        *self.websocket.stream
    }
}

impl Connection {
    /// So far the app's writing came.
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

    /// Whether it was given up, so that nothing can be sent any more.
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
            // Sends the answer to a Close frame, if it can go at once. Nothing is waited for: a server
            // that doesn't end the connection then must not hold the app up.
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

/// Why no endpoint could be opened.
///
/// Displayed, it tells every attempt with its failure, in one line of bounded length; so it has no
/// [`source`](StdError::source).
#[derive(Clone)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    attempts: Vec<Attempt>,
    elapsed: Duration,
    is_shut_out: bool,
}

/// What a [`ConnectError`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The residency has no endpoint for this in the catalogue.
    NoEndpoint,
    /// The deadline ended it, with attempts still under way.
    TimedOut,
    /// A server that proved its identity turned the client away, the last one tried with this
    /// status: it was reached, and the status says what to change or how long to wait.
    Refused {
        /// The HTTP status; 401 or 403 for credentials, 429 and 503 for too much at once.
        status: u16,
    },
    /// Every attempt failed otherwise.
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

    /// A proxy that leads to every endpoint refused its user and password.
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

    /// So long it took in all, with what was begun anew.
    pub(crate) fn took(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// What it comes to.
    #[must_use]
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

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

    /// Who turned the client away, the last one tried, if anybody did.
    #[cfg(feature = "rest")]
    pub(crate) fn turned_away_by(&self) -> Option<&Endpoint> {
        let turned_away = |one: &&Attempt| matches!(&one.outcome, AttemptOutcome::Failed(failure) if failure.is_refusal());
        let last = self.attempts.iter().rfind(turned_away);
        last.map(|one| &one.endpoint)
    }

    /// The status with which a server that proved its identity refused the app's credentials, or 407 where
    /// a proxy that leads everywhere refused its own.
    pub(crate) fn refuses_credentials(&self) -> Option<u16> {
        let mut refusals = self.failures().filter(|one| one.refuses_credentials());
        let refused = refusals.find_map(Failure::status);
        refused.or(self.is_shut_out.then_some(407))
    }

    /// Whether the deadline ended it, with attempts still under way.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == ConnectErrorKind::TimedOut
    }

    /// The status with which a server that proved its identity turned the client away, if that is
    /// what it comes to.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            ConnectErrorKind::Refused { status } => Some(status),
            _ => None,
        }
    }

    /// The least delay that refusals asked for, if every server that answered did: one that is
    /// there may be tried, whatever the others say.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let answers = self.failures().filter(|failure| failure.is_answer());
        let asked: Option<Vec<Duration>> = answers.map(Failure::retry_after).collect();
        asked?.into_iter().min()
    }

    /// The failure of the attempt that came furthest.
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

/// The longest that one of its texts is: a few attempts in full.
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
                return f.write_str("the catalogue has no such endpoint for this data centre");
            }
            ConnectErrorKind::TimedOut => "deadline reached",
            ConnectErrorKind::Refused { .. } => "turned away",
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
                AttemptOutcome::Cancelled(phase) => write!(told, ": given up in {phase}")?,
                AttemptOutcome::Won => told.push_str(": open"),
            }
        }
        f.write_str(&line(&told, LONGEST))
    }
}

impl StdError for ConnectError {}
