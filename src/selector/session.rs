//! Sessions: connections that are monitored and reopened.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::Selector;
use super::reconnect::Reconnector;
use crate::catalog::Endpoint;
use crate::connection::{ConnectError, Connection, End, Ended, Heartbeat, Pace, Paces, Silence};
use crate::error::presentable;
use crate::handshake::ConnectOptions;

/// RFC 6455 §7.4.1: this side violates the server's policy. Reconnecting doesn't help.
const POLICY_VIOLATION: u16 = 1008;

/// After this many connections in a row on which the server sent messages but no pong, one connection
/// goes without pings.
const UNANSWERED: u32 = 2;

/// How a [`Session`] connects and monitors its connections.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use easelect::{ConnectOptions, SessionOptions};
///
/// # fn example(token: &'static str) -> Result<(), easelect::Error> {
/// let headers = ConnectOptions::new().header("authorization", token)?;
/// let options = SessionOptions::new()
///     .connect(headers)
///     .ping_interval(Duration::from_secs(60))
///     .refuses(|code| code == 4401);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SessionOptions {
    connect: Arc<dyn Fn() -> ConnectOptions + Send + Sync>,
    ping_interval: Duration,
    resting_ping_interval: Duration,
    ping_timeout: Duration,
    network_grace: Duration,
    refuses: Arc<dyn Fn(u16) -> bool + Send + Sync>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        SessionOptions {
            connect: Arc::new(ConnectOptions::new),
            ping_interval: Duration::from_secs(30),
            resting_ping_interval: Duration::from_secs(240),
            ping_timeout: Duration::from_secs(15),
            network_grace: Duration::from_secs(3),
            refuses: Arc::new(|_| false),
        }
    }
}

impl SessionOptions {
    /// The defaults: no headers, query or subprotocols; pings after 30 s without a byte (4 min while
    /// resting); 15 s for an answer; 3 s after a change of network.
    #[must_use]
    pub fn new() -> Self {
        SessionOptions::default()
    }

    /// Sets headers, query, subprotocols and limits, as for [`Selector::connect_with`]. The default is
    /// [`ConnectOptions::new`].
    #[must_use]
    pub fn connect(self, options: ConnectOptions) -> Self {
        self.connect_by(move || options.clone())
    }

    /// Sets a function that returns the options for each attempt, for example with a renewed token.
    ///
    /// The function must not block. If it panics, polling the session panics.
    #[must_use]
    pub fn connect_by(
        mut self,
        options: impl Fn() -> ConnectOptions + Send + Sync + 'static,
    ) -> Self {
        self.connect = Arc::new(options);
        self
    }

    /// Sets the time without a received byte after which a ping is sent. The default is 30 s. Values
    /// below 1 s count as 1 s, and values above 24 h as 24 h.
    ///
    /// A ping and its pong take about 250 bytes including TLS, TCP and IP. At 30 s that is 700 kB a day
    /// on a connection without messages. On a mobile network each ping also keeps the radio awake for
    /// about 10 s. NATs of mobile networks typically drop an idle connection after 4 minutes or more;
    /// see [`resting_ping_interval`](Self::resting_ping_interval).
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Sets the ping interval for while the session [rests](SessionControl::rest). The default is 4
    /// min; the limits are those of [`ping_interval`](Self::ping_interval).
    #[must_use]
    pub fn resting_ping_interval(mut self, interval: Duration) -> Self {
        self.resting_ping_interval = interval;
        self
    }

    /// Sets how long the session waits for any byte after a ping before the connection counts as lost.
    /// The default is 15 s. Values below 1 s count as 1 s, and values above 24 h as 24 h.
    ///
    /// While the app is sending and the other side acknowledges data, the session waits longer. On
    /// Linux, `TCP_USER_TIMEOUT` is set to twice the sum of `ping_interval` and `ping_timeout`, for
    /// apps that stop reading.
    #[must_use]
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout;
        self
    }

    /// Sets how long a connection has to prove that it still works after the device moved to another
    /// network. The default is 3 s. Values below 1 s count as 1 s, and values above 24 h as 24 h.
    #[must_use]
    pub fn network_grace(mut self, grace: Duration) -> Self {
        self.network_grace = grace;
        self
    }

    /// Sets which codes of a Close frame mean that the server refuses this app, so that reconnecting is
    /// useless. By default only 1008 does, and it always does. The codes 4000 to 4999 are the service's
    /// own (RFC 6455 §7.4.2).
    #[must_use]
    pub fn refuses(mut self, refuses: impl Fn(u16) -> bool + Send + Sync + 'static) -> Self {
        self.refuses = Arc::new(refuses);
        self
    }

    fn paces(&self, answers_pings: bool) -> Paces {
        let least = Duration::from_secs(1);
        let pace = |interval: Duration| Pace {
            interval: answers_pings.then(|| interval.clamp(least, LONGEST)),
            timeout: self.ping_timeout.clamp(least, LONGEST),
        };
        Paces {
            usual: pace(self.ping_interval),
            resting: pace(self.resting_ping_interval),
        }
    }
}

/// Longer values are cut to this, because adding a century overflows some clocks.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl fmt::Debug for SessionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionOptions")
            .field("ping_interval", &self.ping_interval)
            .field("resting_ping_interval", &self.resting_ping_interval)
            .field("ping_timeout", &self.ping_timeout)
            .field("network_grace", &self.network_grace)
            .finish_non_exhaustive()
    }
}

/// The state of a [`Session`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionState {
    /// A connection is being opened.
    Connecting,
    /// The connection is open. Read it until it ends: reading is what sends and answers pings and
    /// detects a dead connection. The session continues when the connection was lost or dropped.
    Open(Connection),
    /// The connection was lost.
    Lost(Loss),
    /// The session waits before the next attempt.
    Waiting {
        /// When the next attempt starts. It starts earlier if the device moves to another network or
        /// the app calls [`hurry`](SessionControl::hurry).
        until: Instant,
        /// Why the previous attempt failed; `None` after a connection that was open.
        error: Option<ConnectError>,
    },
    /// The server refuses this app. The session does nothing until the app calls
    /// [`resume`](SessionControl::resume) or the device moves to another network.
    Refused(Refusal),
    /// The session [rests](SessionControl::rest) without a connection, until the app calls
    /// [`hurry`](SessionControl::hurry).
    Resting,
}

/// How a connection was lost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loss {
    /// The endpoint it was connected to.
    pub endpoint: Endpoint,
    /// The address it was connected to; the proxy's, if one led there.
    pub address: SocketAddr,
    /// How long it was open.
    pub lived: Duration,
    /// Why it was lost.
    pub reason: LossReason,
}

/// Why a connection was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossReason {
    /// The server closed the connection.
    Closed {
        /// The code of the Close frame; `None` if there was none, or no code in it.
        code: Option<u16>,
        /// The server's reason, escaped and shortened for display. Often empty.
        reason: String,
    },
    /// The connection broke.
    Broken {
        /// The error of the operating system, TLS or WebSocket.
        why: String,
    },
    /// Nothing arrived any more, not even after a ping.
    Silent,
    /// The device moved to another network, and nothing arrived since.
    NetworkGone,
    /// The app closed or dropped the connection.
    Dropped,
}

/// How a server or proxy refused this app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The upgrade was answered with 401 or 403; or a proxy that leads to every endpoint refused its
    /// user and password. The latter is reported as 407, whatever the kind of proxy. Correcting them
    /// takes a new [`Dialer`](crate::Dialer).
    Status {
        /// The HTTP status: 401, 403 or 407.
        status: u16,
        /// The error with every attempt.
        error: ConnectError,
    },
    /// The server closed an open connection.
    Close {
        /// The code of the Close frame: 1008, or one that [`SessionOptions::refuses`] matches.
        code: u16,
        /// The server's reason, escaped and shortened for display. Often empty.
        reason: String,
    },
}

/// Keeps a connection open, as a stream of [states](SessionState) that never ends by itself.
///
/// The session opens a connection, detects with pings when it is dead, and opens it again after a
/// delay. The delays are those of [`Reconnector`]. Dropping the session stops the reconnecting. A
/// connection that it handed over stays open, and still sends pings while the app reads it.
///
/// A session works only while the app polls it or reads its connection: read each connection to its
/// end, then poll the session for the next state.
///
/// # Example
///
/// ```no_run
/// # async fn example(selector: &easelect::Selector) {
/// use easelect::{SessionOptions, SessionState};
/// use futures::StreamExt;
///
/// let mut session = selector.session(SessionOptions::new());
/// while let Some(state) = session.next().await {
///     match state {
///         SessionState::Open(mut connection) => {
///             while let Some(Ok(message)) = connection.next().await {
///                 println!("{} bytes", message.len());
///             }
///         }
///         SessionState::Refused(why) => return println!("log in again: {why:?}"),
///         other => println!("{other:?}"),
///     }
/// }
/// # }
/// ```
#[must_use = "a session does nothing unless it is polled"]
pub struct Session {
    states: BoxStream<'static, SessionState>,
    control: SessionControl,
}

/// Controls a [`Session`] from elsewhere in the app. Cheap to clone; it does not keep the session
/// alive.
#[derive(Clone, Debug)]
pub struct SessionControl(Arc<Wishes>);

/// The app's requests to its session.
#[derive(Debug, Default)]
struct Wishes {
    resting: watch::Sender<bool>,
    /// Counts calls of `hurry`.
    hurries: watch::Sender<u64>,
    /// Counts calls of `resume`.
    resumes: watch::Sender<u64>,
}

impl SessionControl {
    /// Asks for a connection soon, for example when the app comes to the foreground.
    ///
    /// Ends [resting](Self::rest) and waiting. An open connection must prove within
    /// [`ping_timeout`](SessionOptions::ping_timeout) that it is alive. A server's `Retry-After` is
    /// still respected, and attempts stay at least one second apart.
    pub fn hurry(&self) {
        self.0.resting.send_replace(false);
        self.0.hurries.send_modify(|hurries| *hurries += 1);
    }

    /// Saves battery, for example while the app is in the background.
    ///
    /// Pings become [rare](SessionOptions::resting_ping_interval), and a lost connection is not opened
    /// again until [`hurry`](Self::hurry).
    pub fn rest(&self) {
        self.0.resting.send_replace(true);
    }

    /// Connects again after a [refusal](SessionState::Refused), for example with a new token.
    pub fn resume(&self) {
        self.0.resumes.send_modify(|resumes| *resumes += 1);
    }
}

impl Session {
    pub(super) fn new(selector: &Selector, options: SessionOptions) -> Self {
        let wishes = Wishes::default();
        let course = Course {
            selector: selector.clone(),
            reconnector: selector.reconnector(),
            options,
            resting: wishes.resting.subscribe(),
            hurries: wishes.hurries.subscribe(),
            resumes: wishes.resumes.subscribe(),
            unanswered: 0,
            step: Step::Begin,
        };
        let states = stream::unfold(course, |mut course| async {
            let state = course.next().await;
            Some((state, course))
        });
        Session {
            states: states.boxed(),
            control: SessionControl(Arc::new(wishes)),
        }
    }

    /// Returns a handle that controls this session.
    #[must_use]
    pub fn control(&self) -> SessionControl {
        self.control.clone()
    }
}

impl Stream for Session {
    type Item = SessionState;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<SessionState>> {
        self.states.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// The state machine of a session.
struct Course {
    selector: Selector,
    reconnector: Reconnector,
    options: SessionOptions,
    resting: watch::Receiver<bool>,
    hurries: watch::Receiver<u64>,
    resumes: watch::Receiver<u64>,
    /// Connections in a row on which the server sent messages but answered no ping.
    unanswered: u32,
    step: Step,
}

/// The next step.
enum Step {
    Begin,
    Connect,
    Watch(Watched),
    /// Determine when to try again, after this error.
    Schedule(Option<ConnectError>),
    Wait(Instant),
    /// Wait until the app resumes or the device moves.
    Pause,
    /// Wait until the app hurries.
    Rest,
}

/// A connection that the app has.
struct Watched {
    ended: oneshot::Receiver<Ended>,
    endpoint: Endpoint,
    address: SocketAddr,
    opened: Instant,
}

impl Course {
    /// Runs to the next state.
    async fn next(&mut self) -> SessionState {
        loop {
            // The step changes only when it is done, so that this future can be dropped and run again.
            match &mut self.step {
                Step::Begin => {
                    // A hurry from now on applies to the wait after this attempt.
                    self.hurries.mark_unchanged();
                    self.step = Step::Connect;
                    return SessionState::Connecting;
                }
                Step::Connect => {
                    // A resume from now on is about a token newer than these options.
                    self.resumes.mark_unchanged();
                    let options = (self.options.connect)();
                    let opened = self.reconnector.try_once(&options).await;
                    return match opened {
                        Ok(connection) => self.open(connection),
                        Err(error) => match error.refuses_credentials() {
                            Some(status) => {
                                self.step = Step::Pause;
                                SessionState::Refused(Refusal::Status { status, error })
                            }
                            None => {
                                self.step = Step::Schedule(Some(error));
                                continue;
                            }
                        },
                    };
                }
                Step::Watch(watched) => {
                    let end = (&mut watched.ended).await.ok();
                    return self.lost(end);
                }
                Step::Schedule(error) => {
                    let error = error.take();
                    if *self.resting.borrow() {
                        self.step = Step::Rest;
                        return SessionState::Resting;
                    }
                    let Some(until) = self.reconnector.due() else {
                        self.step = Step::Begin;
                        continue;
                    };
                    self.step = Step::Wait(until);
                    return SessionState::Waiting { until, error };
                }
                Step::Wait(until) => {
                    let until = *until;
                    tokio::select! {
                        biased;
                        () = wish(&mut self.hurries) => {
                            let soonest = self.reconnector.soonest();
                            self.reconnector.wait(soonest.min(until)).await;
                        }
                        () = self.reconnector.wait(until) => {}
                    }
                    if let Some(resting) = self.begin() {
                        return resting;
                    }
                }
                Step::Pause => {
                    tokio::select! {
                        biased;
                        () = wish(&mut self.resumes) => {}
                        () = self.reconnector.moved() => {}
                    }
                    self.reconnector.pause().await;
                    if let Some(resting) = self.begin() {
                        return resting;
                    }
                }
                Step::Rest => {
                    while *self.resting.borrow_and_update() {
                        wish(&mut self.resting).await;
                    }
                    self.reconnector.pause().await;
                    self.step = Step::Begin;
                }
            }
        }
    }

    /// Starts connecting, unless the session rests.
    fn begin(&mut self) -> Option<SessionState> {
        let resting = *self.resting.borrow();
        self.step = if resting { Step::Rest } else { Step::Begin };
        resting.then_some(SessionState::Resting)
    }

    fn open(&mut self, mut connection: Connection) -> SessionState {
        let paces = self.options.paces(self.unanswered < UNANSWERED);
        let (heartbeat, ended) = Heartbeat::new(
            connection.feedback(),
            paces,
            self.resting.clone(),
            self.selector.0.moves.subscribe(),
            self.hurries.clone(),
            (self.options.network_grace).clamp(Duration::from_secs(1), LONGEST),
        );
        let pace = paces.usual;
        let dead_after = pace.interval.unwrap_or_default() + pace.timeout;
        connection.set_user_timeout(2 * dead_after);
        connection.heartbeat = Some(Box::new(heartbeat));
        self.step = Step::Watch(Watched {
            ended,
            endpoint: connection.endpoint().clone(),
            address: connection.address(),
            opened: Instant::now(),
        });
        SessionState::Open(connection)
    }

    fn lost(&mut self, ended: Option<Ended>) -> SessionState {
        let Step::Watch(watched) = std::mem::replace(&mut self.step, Step::Schedule(None)) else {
            return SessionState::Connecting;
        };
        let lived = watched.opened.elapsed();
        self.reconnector.ended(lived);
        if ended.as_ref().is_some_and(|ended| ended.stayed) {
            self.reconnector.outlived_moves();
        }
        let end = ended.map(|ended| ended.end);
        self.hurries.mark_unchanged();
        self.unanswered = match &end {
            Some(End::Silent(Silence::NeverAnswered)) => self.unanswered + 1,
            // This connection had no pings; the next one has.
            _ if self.unanswered >= UNANSWERED => UNANSWERED - 1,
            _ => 0,
        };
        let reason = match end {
            Some(End::Closed(frame)) => {
                let code = frame.as_ref().map(|frame| u16::from(frame.code));
                let reason = frame
                    .map(|frame| presentable(&frame.reason))
                    .unwrap_or_default();
                match code {
                    Some(code) if code == POLICY_VIOLATION || (self.options.refuses)(code) => {
                        self.resumes.mark_unchanged();
                        self.step = Step::Pause;
                        return SessionState::Refused(Refusal::Close { code, reason });
                    }
                    code => LossReason::Closed { code, reason },
                }
            }
            Some(End::Broken(why)) => LossReason::Broken {
                why: presentable(&why),
            },
            Some(End::Silent(_)) => {
                self.reconnector.fell_silent();
                LossReason::Silent
            }
            Some(End::NetworkGone) => LossReason::NetworkGone,
            Some(End::ByApp) | None => LossReason::Dropped,
        };
        SessionState::Lost(Loss {
            endpoint: watched.endpoint,
            address: watched.address,
            lived,
            reason,
        })
    }
}

/// Waits for a request of the app. The session keeps a `SessionControl`, so the channel stays open.
async fn wish<T>(wished: &mut watch::Receiver<T>) {
    if wished.changed().await.is_err() {
        std::future::pending().await
    }
}
