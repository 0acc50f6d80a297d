//! Detects dead connections, by pings and by what else arrives.
//!
//! TCP alone takes minutes to notice that the peer is gone and, with nothing to send, never notices.
//! So a ping (RFC 6455 §5.5.2) goes out after every interval without a byte. If neither an answer nor
//! any other byte arrives in time, the connection is abandoned. All of this runs while the app reads
//! from the connection; there is no background task.
//!
//! - Every byte counts, not only whole messages, so a large message is not silence.
//! - A ping may wait behind megabytes that the app sends. It gets more time as long as the peer
//!   acknowledges them; if only acceptance by the transport is known, at most [`MOST_EXTENSIONS`]
//!   times.
//! - A server that never answers pings, in violation of RFC 6455 §5.5.3, would be abandoned again and
//!   again: see [`Silence::NeverAnswered`].

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, Sink};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{CloseReason, Feedback};
use crate::handshake::SecureStream;

/// Even on a dead connection, the send buffer accepts data for a while.
const MOST_EXTENSIONS: u32 = 6;

/// The interval and timeout of pings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Send a ping after this long without a byte. `None`: the server does not answer pings.
    pub(crate) interval: Option<Duration>,
    /// Abandon the connection if no byte arrives for this long after a ping.
    pub(crate) timeout: Duration,
}

/// The paces while the app is in the foreground, and while it rests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paces {
    pub(crate) usual: Pace,
    pub(crate) resting: Pace,
}

/// How a connection ended, as seen by its heartbeat.
#[derive(Debug)]
pub(crate) enum End {
    /// A Close frame arrived, or the end of the stream without one.
    Closed(Option<CloseFrame>),
    /// The stream broke.
    Broken(String),
    /// Nothing arrived in time.
    Silent(Silence),
    /// The device changed networks, and nothing has arrived from the peer since.
    NetworkGone,
    /// The app closed or dropped it.
    ByApp,
}

/// How a connection ended, and whether it belonged to the current network.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    /// False if the device changed networks and nothing has arrived from the peer since.
    pub(crate) stayed: bool,
}

/// The kind of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The peer may answer pings.
    Suddenly,
    /// The peer kept sending after several pings, and answered none.
    NeverAnswered,
}

/// Watches one connection.
pub(crate) struct Heartbeat {
    feedback: Feedback,
    paces: Paces,
    resting: watch::Receiver<bool>,
    turned: BoxFuture<'static, watch::Receiver<bool>>,
    moved: BoxFuture<'static, watch::Receiver<u64>>,
    hurried: BoxFuture<'static, watch::Receiver<u64>>,
    grace: Duration,
    /// Receives the end; `None` after that.
    end: Option<oneshot::Sender<Ended>>,
    /// The bytes read at the last poll, and when that count last changed.
    bytes: u64,
    heard: Instant,
    ping: Option<Ping>,
    number: u64,
    answered: bool,
    /// The server sent a message of its own after the last ping.
    talked: bool,
    /// Pings that the server left unanswered while it sent messages.
    ignored: u32,
    /// The app started to close the connection.
    closing: bool,
    /// The error that the app got when it wrote.
    failed: Option<String>,
    /// The device changed networks, and nothing has arrived since.
    moved_on: bool,
    flushing: bool,
    writer: Option<Waker>,
    timer: Pin<Box<Sleep>>,
}

/// A ping since which nothing has arrived.
struct Ping {
    sent: Instant,
    until: Instant,
    /// The number of sent bytes that had made progress at the time.
    got_on: u64,
    extensions: u32,
    /// It was sent because the device changed networks.
    after_move: bool,
    /// The send buffer has had no room for it yet.
    unsent: bool,
}

impl Heartbeat {
    /// For a connection that has just opened. `moves` changes when the device changes networks; the
    /// connection may then be silent for at most `grace`. `hurries` changes when the app asks for a
    /// check.
    pub(crate) fn new(
        feedback: Feedback,
        paces: Paces,
        resting: watch::Receiver<bool>,
        moves: watch::Receiver<u64>,
        hurries: watch::Receiver<u64>,
        grace: Duration,
    ) -> (Self, oneshot::Receiver<Ended>) {
        let (end, ended) = oneshot::channel();
        let now = Instant::now();
        let heartbeat = Heartbeat {
            feedback,
            paces,
            turned: changed(resting.clone()),
            resting,
            moved: changed(moves),
            hurried: changed(hurries),
            grace,
            end: Some(end),
            bytes: 0,
            heard: now,
            ping: None,
            number: 0,
            answered: false,
            talked: false,
            ignored: 0,
            closing: false,
            failed: None,
            moved_on: false,
            flushing: false,
            writer: None,
            timer: Box::pin(sleep_until(now)),
        };
        (heartbeat, ended)
    }

    /// Whether the connection has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_none()
    }

    /// Remembers the waker of a writer that waits, so that polling the reader does not replace its
    /// wake-up.
    pub(crate) fn writer_waits(&mut self, cx: &Context<'_>) {
        self.writer = Some(cx.waker().clone());
    }

    fn pace(&self) -> Pace {
        match *self.resting.borrow() {
            true => self.paces.resting,
            false => self.paces.usual,
        }
    }

    /// Handles a message, an error or the end. Returns whether the app gets to see it.
    pub(crate) fn came(&mut self, item: Option<&Result<Message, tungstenite::Error>>) -> bool {
        if let Some(Ok(_)) = item {
            self.heard = Instant::now();
            self.moved_on = false;
        }
        match item {
            Some(Ok(Message::Pong(payload))) => {
                let ours = payload.as_ref() == self.number.to_be_bytes();
                self.answered |= ours;
                if let (true, Some(ping)) = (ours, self.ping.take())
                    && ping.extensions == 0
                    && ping.sent.elapsed() < LONGEST_ROUND_TRIP
                {
                    self.feedback.report_rtt(ping.sent.elapsed());
                }
                !ours
            }
            Some(Ok(Message::Close(frame))) => {
                self.ended(End::Closed(frame.clone()));
                true
            }
            Some(Ok(_)) => {
                self.talked = true;
                self.ping = None;
                true
            }
            Some(Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed))
            | None => {
                self.ended(End::Closed(None));
                true
            }
            // End of the stream without close_notify (RFC 8446 §6.1), as from a killed server.
            Some(Err(tungstenite::Error::Io(error)))
                if error.kind() == io::ErrorKind::UnexpectedEof =>
            {
                self.ended(End::Closed(None));
                true
            }
            Some(Err(error)) => {
                self.ended(End::Broken(error.to_string()));
                true
            }
        }
    }

    /// Called when nothing has arrived. Ready when the connection must be abandoned.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        websocket: &mut WebSocketStream<SecureStream>,
    ) -> Poll<tungstenite::Error> {
        let now = Instant::now();
        let bytes = websocket.get_ref().bytes_read();
        if bytes != self.bytes {
            (self.bytes, self.heard, self.moved_on) = (bytes, now, false);
            // These bytes may be part of the answer, so they extend the time.
            let timeout = self.pace().timeout;
            if let Some(ping) = &mut self.ping {
                ping.until = ping.until.max(now + timeout);
                ping.after_move = false;
            }
        }
        while let Poll::Ready(resting) = self.turned.poll_unpin(cx) {
            self.turned = changed(resting);
        }
        while let Poll::Ready(moves) = self.moved.poll_unpin(cx) {
            self.moved = changed(moves);
            self.moved_on = true;
            // A server that does not answer pings can't be checked.
            if self.pace().interval.is_some() {
                self.send_ping(cx, websocket, self.grace, true);
            }
        }
        while let Poll::Ready(hurries) = self.hurried.poll_unpin(cx) {
            self.hurried = changed(hurries);
            let pace = self.pace();
            if pace.interval.is_some() && !self.closing {
                self.send_ping(cx, websocket, pace.timeout, false);
            }
        }
        loop {
            if self.flushing {
                let both = self.waker(cx);
                let mut both = Context::from_waker(&both);
                let flushed = Pin::new(&mut *websocket).poll_flush(&mut both);
                self.flushing = flushed.is_pending();
            }
            if self.ping.as_ref().is_some_and(|ping| ping.unsent) {
                self.put_ping(cx, websocket);
            }
            let now = Instant::now();
            let pace = self.pace();
            let next = match &self.ping {
                Some(ping) if now >= ping.until => {
                    if self.extended(websocket) {
                        continue;
                    }
                    return Poll::Ready(self.given_up());
                }
                Some(ping) => Some(ping.until),
                None => match pace.interval.map(|interval| self.heard + interval) {
                    Some(due) if now >= due => {
                        self.send_ping(cx, websocket, pace.timeout, false);
                        continue;
                    }
                    due => due,
                },
            };
            let Some(next) = next else {
                return Poll::Pending;
            };
            self.timer.as_mut().reset(next);
            if self.timer.poll_unpin(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Extends the time of a ping that may still be queued behind other data, if that data makes
    /// progress.
    fn extended(&mut self, websocket: &WebSocketStream<SecureStream>) -> bool {
        let (got_on, acknowledged) = websocket.get_ref().bytes_got_on();
        let timeout = self.pace().timeout;
        let Some(ping) = &mut self.ping else {
            return false;
        };
        // Acknowledging the ping alone shows only that the kernel is alive, not the server.
        let more = got_on.saturating_sub(ping.got_on) > PING_BYTES;
        let may = acknowledged || ping.extensions < MOST_EXTENSIONS;
        let extended = more && may && !ping.after_move;
        if extended {
            ping.until += timeout;
            ping.extensions = ping.extensions.saturating_add(1);
            ping.got_on = got_on;
        }
        extended
    }

    /// A waker for both the reader and the writer: a socket wakes only one task when there is room.
    fn waker(&self, cx: &Context<'_>) -> Waker {
        match &self.writer {
            Some(writer) if !writer.will_wake(cx.waker()) => Waker::from(Arc::new(Both {
                reader: cx.waker().clone(),
                writer: writer.clone(),
            })),
            _ => cx.waker().clone(),
        }
    }

    fn given_up(&mut self) -> tungstenite::Error {
        let after_move = self.ping.as_ref().is_some_and(|ping| ping.after_move);
        let silent_for = self.heard.elapsed();
        let silence = match self.answered || self.ignored < IGNORED {
            false => Silence::NeverAnswered,
            true => Silence::Suddenly,
        };
        self.ended(match after_move {
            true => End::NetworkGone,
            false => End::Silent(silence),
        });
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        let why = format!("no data received for {silent_for:.0?}");
        io::Error::new(io::ErrorKind::TimedOut, why).into()
    }

    fn send_ping(
        &mut self,
        cx: &mut Context<'_>,
        websocket: &mut WebSocketStream<SecureStream>,
        patience: Duration,
        after_move: bool,
    ) {
        let now = Instant::now();
        let before = self.ping.as_ref().map(|ping| ping.until);
        // Repeated network changes must not prolong the wait.
        let until = before.map_or(now + patience, |before| before.min(now + patience));
        if std::mem::take(&mut self.talked) && self.number > 0 && !self.answered {
            self.ignored += 1;
        }
        self.ping = Some(Ping {
            sent: now,
            until,
            got_on: websocket.get_ref().bytes_got_on().0,
            extensions: 0,
            after_move,
            unsent: true,
        });
        self.put_ping(cx, websocket);
    }

    /// Sends the ping if there is room for it.
    fn put_ping(&mut self, cx: &Context<'_>, websocket: &mut WebSocketStream<SecureStream>) {
        let mut sink = Pin::new(websocket);
        let both = self.waker(cx);
        if sink
            .as_mut()
            .poll_ready(&mut Context::from_waker(&both))
            .is_pending()
        {
            return;
        }
        let number = self.number + 1;
        // A broken connection shows when it is read.
        let sent = sink
            .as_mut()
            .start_send(Message::Ping(number.to_be_bytes().to_vec().into()));
        if let (Some(ping), true) = (&mut self.ping, sent.is_ok()) {
            ping.unsent = false;
            ping.sent = Instant::now();
            self.number = number;
            self.flushing = true;
        }
    }

    /// The app started to close the connection: gives the peer time to answer.
    pub(crate) fn closing(&mut self) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        let now = Instant::now();
        self.ping = Some(Ping {
            sent: now,
            until: now + self.pace().timeout,
            got_on: u64::MAX,
            extensions: 0,
            after_move: false,
            unsent: false,
        });
    }

    /// The app failed to write.
    pub(crate) fn failed(&mut self, error: &tungstenite::Error) {
        self.failed.get_or_insert_with(|| error.to_string());
    }

    /// The app took the WebSocket over, and reports its end itself.
    pub(crate) fn let_go(&mut self) {
        self.tell(End::ByApp);
    }

    fn ended(&mut self, end: End) {
        if self.end.is_none() {
            return;
        }
        // After the app started to close, whatever follows is the app's doing.
        let end = if self.closing { End::ByApp } else { end };
        self.feedback.closed(match &end {
            End::Closed(_) => CloseReason::ByServer,
            // The device left, not the server.
            End::NetworkGone | End::ByApp => CloseReason::ByApp,
            End::Broken(_) | End::Silent(_) => CloseReason::Lost,
        });
        self.tell(end);
    }

    fn tell(&mut self, end: End) {
        if let Some(tell) = self.end.take() {
            // A network change not seen by `poll` yet counts as not survived.
            let moves = (&mut self.moved).now_or_never();
            let stayed = !self.moved_on && moves.is_none();
            // The session may be gone.
            let _ = tell.send(Ended { end, stayed });
        }
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heartbeat")
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        let end = self.failed.take().map_or(End::ByApp, End::Broken);
        self.ended(end);
    }
}

/// Wakes both the reader and the writer.
struct Both {
    reader: Waker,
    writer: Waker,
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.reader.wake_by_ref();
        self.writer.wake_by_ref();
    }
}

/// The bytes of a ping with header and mask in a TLS record: 6 + 8 + 22, rounded up.
const PING_BYTES: u64 = 64;

/// This many unanswered pings, while the server sends messages, are not chance.
const IGNORED: u32 = 2;

/// A longer round trip measures the app, which was suspended or read late, not the network.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(3);

/// Completes when the value changes; never after its sender is gone.
fn changed<T: Send + Sync + 'static>(
    mut watched: watch::Receiver<T>,
) -> BoxFuture<'static, watch::Receiver<T>> {
    async move {
        match watched.changed().await {
            Ok(()) => watched,
            Err(_) => std::future::pending().await,
        }
    }
    .boxed()
}
