//! A connection that stays: opened, watched over, opened again.

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

/// RFC 6455 §7.4.1: the other side violates a policy, which no new attempt mends.
const POLICY_VIOLATION: u16 = 1008;

/// So many connections in a row on which a server talked and answered no ping are enough: it never
/// does.
const UNANSWERED: u32 = 2;

/// How a [`Session`] connects, and watches over its connections.
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
    /// The defaults of each.
    #[must_use]
    pub fn new() -> Self {
        SessionOptions::default()
    }

    /// Sets headers, query, subprotocols and limits, as [`Selector::connect_with`] has them; nothing by
    /// default.
    #[must_use]
    pub fn connect(self, options: ConnectOptions) -> Self {
        self.connect_by(move || options.clone())
    }

    /// The same, asked for anew before each attempt: where a token may have been renewed meanwhile. It
    /// must not block, and its panic is the session's end.
    #[must_use]
    pub fn connect_by(
        mut self,
        options: impl Fn() -> ConnectOptions + Send + Sync + 'static,
    ) -> Self {
        self.connect = Arc::new(options);
        self
    }

    /// Sets after how long without a byte a ping is sent; 30 s by default, at least 1 s.
    ///
    /// A ping and its pong are some 250 bytes with TLS, TCP and IP, 700 kB a day at 30 s on a connection
    /// without messages. On a mobile network each wakes the radio for some 10 s. NATs of mobile networks
    /// forget a silent connection after 4 minutes and more: see
    /// [`resting_ping_interval`](Self::resting_ping_interval).
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Sets the same for while the session [rests](SessionControl::rest); 4 min by default.
    #[must_use]
    pub fn resting_ping_interval(mut self, interval: Duration) -> Self {
        self.resting_ping_interval = interval;
        self
    }

    /// Sets how long no byte may come after a ping until the connection counts as lost; 15 s by default,
    /// at least 1 s. What the app itself sends, and the other side acknowledges, gives it more time. On
    /// Linux, `TCP_USER_TIMEOUT` is set to twice this and the interval together, for when the app
    /// doesn't read.
    #[must_use]
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout;
        self
    }

    /// Sets how long a connection may take to show that it still works once the device is on another
    /// network; 3 s by default, at least 1 s.
    #[must_use]
    pub fn network_grace(mut self, grace: Duration) -> Self {
        self.network_grace = grace;
        self
    }

    /// Says which codes of a Close frame (4000 to 4999 are the service's own, RFC 6455 §7.4.2) mean that
    /// the server refuses this app, so that trying again is of no use; none by default. 1008 always does.
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

/// Longer is as good as for ever, and a century can't be added to every clock.
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

/// Where a [`Session`] stands.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionState {
    /// A connection is being opened.
    Connecting,
    /// It is open. Read it until it ends: that is what answers pings and notices its death. When it was
    /// lost, or dropped, the session goes on.
    Open(Connection),
    /// It was lost.
    Lost(Loss),
    /// The next attempt waits.
    Waiting {
        /// Until then, or until the device is on another network, or the app is in a
        /// [hurry](SessionControl::hurry).
        until: Instant,
        /// Why the attempt before failed; `None` after a connection that was open.
        error: Option<ConnectError>,
    },
    /// The server refuses this app: nothing is tried until the app [resumes](SessionControl::resume), or
    /// the device is on another network.
    Refused(Refusal),
    /// The session [rests](SessionControl::rest) without a connection, until the app is in a
    /// [hurry](SessionControl::hurry).
    Resting,
}

/// A connection that was lost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loss {
    /// Where it was.
    pub endpoint: Endpoint,
    /// At which address.
    pub address: SocketAddr,
    /// How long it was open.
    pub lived: Duration,
    /// Why.
    pub reason: LossReason,
}

/// Why a connection was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossReason {
    /// The server closed it.
    Closed {
        /// The code of its Close frame; `None` where there was none.
        code: Option<u16>,
        /// The reason that it gave, as far as it can be shown; mostly empty.
        reason: String,
    },
    /// The stream broke.
    Broken {
        /// What the system, TLS or the protocol says.
        why: String,
    },
    /// Nothing came any more, not even to a ping.
    Silent,
    /// The device went to another network, and nothing came since.
    NetworkGone,
    /// The app closed or dropped it.
    Dropped,
}

/// How a server refused this app.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// By 401 or 403 to the upgrade; or by a proxy, of any kind, that refuses its user and password: 407.
    /// Those are another [`Dialer`](crate::Dialer)'s to change.
    Status {
        /// Which.
        status: u16,
        /// Every attempt.
        error: ConnectError,
    },
    /// By the Close frame of an open connection.
    Close {
        /// Its code: 1008, or one that the app [says](SessionOptions::refuses).
        code: u16,
        /// The reason that it gave, as far as it can be shown; mostly empty.
        reason: String,
    },
}

/// A connection that stays, as a stream of [states](SessionState), which never ends by itself: lost, it
/// is opened again with a back-off of its own, as [`Reconnector`] has it; its death is noticed by pings.
/// Dropping the session ends it; a connection that was handed over stays open, unwatched by it.
///
/// It does nothing unless it is polled: ask for the next state when the connection has ended.
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

/// Tells a [`Session`] what the app wants. Cheap to clone; it keeps no session alive.
#[derive(Clone, Debug)]
pub struct SessionControl(Arc<Wishes>);

/// What the app wants.
#[derive(Debug, Default)]
struct Wishes {
    resting: watch::Sender<bool>,
    /// How often it was in a hurry.
    hurries: watch::Sender<u64>,
    /// How often it resumed.
    resumes: watch::Sender<u64>,
}

impl SessionControl {
    /// The app came to the foreground, say: ends resting and waiting, and has an open connection show that
    /// it lives, within the [time-out](SessionOptions::ping_timeout) of a ping. No server's `Retry-After` is passed
    /// over, and attempts stay a second apart.
    pub fn hurry(&self) {
        self.0.resting.send_replace(false);
        self.0.hurries.send_modify(|hurries| *hurries += 1);
    }

    /// The app went to the background, say: pings become [rare](SessionOptions::resting_ping_interval),
    /// and a connection that is lost is not opened again until the app is in a [hurry](Self::hurry).
    pub fn rest(&self) {
        self.0.resting.send_replace(true);
    }

    /// Tries again after a [refusal](SessionState::Refused), with a new token, say.
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

    /// What tells the session what the app wants, from anywhere.
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

/// A session under way.
struct Course {
    selector: Selector,
    reconnector: Reconnector,
    options: SessionOptions,
    resting: watch::Receiver<bool>,
    hurries: watch::Receiver<u64>,
    resumes: watch::Receiver<u64>,
    /// Connections in a row on which no ping was answered.
    unanswered: u32,
    step: Step,
}

/// What comes next.
enum Step {
    Begin,
    Connect,
    Watch(Watched),
    /// See when to try again, after this.
    Schedule(Option<ConnectError>),
    Wait(Instant),
    /// Nothing until the app resumes, or the device moves.
    Pause,
    /// Nothing until the app is in a hurry.
    Rest,
}

/// A connection that was handed over.
struct Watched {
    ended: oneshot::Receiver<Ended>,
    endpoint: Endpoint,
    address: SocketAddr,
    opened: Instant,
}

impl Course {
    /// Goes on to the next state.
    async fn next(&mut self) -> SessionState {
        loop {
            // Taken only once it is done: whoever drops this future goes on from here.
            match &mut self.step {
                Step::Begin => {
                    // Who is in a hurry from now on wants the next try soon, should this one fail.
                    self.hurries.mark_unchanged();
                    self.step = Step::Connect;
                    return SessionState::Connecting;
                }
                Step::Connect => {
                    // A token that is renewed from now on is another one than these have.
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

    /// Begins, unless the session rests.
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
            // The one after it was not pinged, and the next is again.
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

/// Waits for a wish of the app's. The session itself keeps the control, so that one can always come.
async fn wish<T>(wished: &mut watch::Receiver<T>) {
    if wished.changed().await.is_err() {
        std::future::pending().await
    }
}
