//! Whether a connection still lives: pings, and what else tells.
//!
//! TCP alone takes minutes to notice that the other side is gone; without anything to send, for ever.
//! So there is a ping (RFC 6455 §5.5.2) after every interval without a byte. When neither an answer nor
//! any other byte comes in time, the connection is given up. It all happens where the app reads the
//! connection: nothing runs beside it.
//!
//! - A large message is no silence: every byte counts, not only whole messages.
//! - A ping may wait behind megabytes that the app sends: as long as the other side acknowledges them, it
//!   has more time. Where only the transport is known to take them, that is [`MOST_EXTENSIONS`] times.
//! - A server that doesn't answer pings at all (RFC 6455 §5.5.3 wants it to) would be given up again and
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

/// A dead line's buffer takes what is sent for a while, too.
const MOST_EXTENSIONS: u32 = 6;

/// How often to ping, and how long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// A ping after so long without a byte; none where the server doesn't answer them.
    pub(crate) interval: Option<Duration>,
    /// Given up when no byte comes for so long after it.
    pub(crate) timeout: Duration,
}

/// The pace while the app is in the foreground, and while it rests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paces {
    pub(crate) usual: Pace,
    pub(crate) resting: Pace,
}

/// How a connection ended, as it saw itself.
#[derive(Debug)]
pub(crate) enum End {
    /// A Close frame came, or the end of the stream without one.
    Closed(Option<CloseFrame>),
    /// The stream broke.
    Broken(String),
    /// Nothing came in time.
    Silent(Silence),
    /// The device went to another network, and nothing came from the other side since.
    NetworkGone,
    /// The app closed or dropped it.
    ByApp,
}

/// How a connection ended, and whether it was still on the network that the device is on.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    /// The device moved while it was open, and something came from the other side since.
    pub(crate) stayed: bool,
}

/// Who is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It may have answered.
    Suddenly,
    /// It went on talking after several pings without answering any.
    NeverAnswered,
}

/// Watches over one connection.
pub(crate) struct Heartbeat {
    feedback: Feedback,
    paces: Paces,
    resting: watch::Receiver<bool>,
    turned: BoxFuture<'static, watch::Receiver<bool>>,
    moved: BoxFuture<'static, watch::Receiver<u64>>,
    hurried: BoxFuture<'static, watch::Receiver<u64>>,
    grace: Duration,
    /// Told how it ended; dropped with the connection.
    end: Option<oneshot::Sender<Ended>>,
    /// Bytes read when that was last looked at, and when they had changed.
    bytes: u64,
    heard: Instant,
    ping: Option<Ping>,
    number: u64,
    answered: bool,
    /// A message of the server's own came after the last ping.
    talked: bool,
    /// Pings after which the server talked, and didn't answer them.
    ignored: u32,
    /// The app said goodbye.
    closing: bool,
    /// What the app was told when it wrote.
    failed: Option<String>,
    /// The device moved, and nothing came since.
    moved_on: bool,
    flushing: bool,
    writer: Option<Waker>,
    timer: Pin<Box<Sleep>>,
}

/// A ping that nothing came after yet.
struct Ping {
    sent: Instant,
    until: Instant,
    /// So much of what was sent had got on.
    got_on: u64,
    extensions: u32,
    /// It was sent because the network changed.
    after_move: bool,
    /// There was no room for it yet.
    unsent: bool,
}

impl Heartbeat {
    /// Over a connection that is open now. `moves` changes when the device goes to another network: then
    /// it may be silent for no longer than `grace`. `hurries` changes when the app wants to know.
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

    /// Whether it saw the end.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_none()
    }

    /// The app writes, and waits to go on: who reads must not take its wake-up away.
    pub(crate) fn writer_waits(&mut self, cx: &Context<'_>) {
        self.writer = Some(cx.waker().clone());
    }

    fn pace(&self) -> Pace {
        match *self.resting.borrow() {
            true => self.paces.resting,
            false => self.paces.usual,
        }
    }

    /// A message, an error or the end came; whether that is the app's to see.
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
            // Without a word of farewell (RFC 8446 §6.1), as from a server that was stopped.
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

    /// Nothing came just now. Ready when the connection is to be given up.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        websocket: &mut WebSocketStream<SecureStream>,
    ) -> Poll<tungstenite::Error> {
        let now = Instant::now();
        let bytes = websocket.get_ref().bytes_read();
        if bytes != self.bytes {
            (self.bytes, self.heard, self.moved_on) = (bytes, now, false);
            // A part of its answer, it may be: that one counts.
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
            // One that answers no pings can't be asked.
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

    /// Whether what was sent gets on, so that the ping may still be on its way behind it; its time is
    /// then longer.
    fn extended(&mut self, websocket: &WebSocketStream<SecureStream>) -> bool {
        let (got_on, acknowledged) = websocket.get_ref().bytes_got_on();
        let timeout = self.pace().timeout;
        let Some(ping) = &mut self.ping else {
            return false;
        };
        // The ping itself gets on where the kernel lives and the server hangs.
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

    /// Wakes who reads, and who writes: a socket tells one only when there is room again.
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
        let why = format!("nothing came for {silent_for:.0?}, though a ping was sent");
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
        // Moves again and again are no reason to wait longer.
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

    /// Sends the ping, if there is room for it.
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
        // What is broken shows where it is read.
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

    /// The app said goodbye: the other side has its time for an answer.
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

    /// The app could not write.
    pub(crate) fn failed(&mut self, error: &tungstenite::Error) {
        self.failed.get_or_insert_with(|| error.to_string());
    }

    /// The app has the connection to itself, and tells its end.
    pub(crate) fn let_go(&mut self) {
        self.tell(End::ByApp);
    }

    fn ended(&mut self, end: End) {
        if self.end.is_none() {
            return;
        }
        // Whatever comes after the app's goodbye.
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
            // A move that nobody has seen yet was not survived.
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

/// Two who wait for the same.
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

/// A ping with its header and mask in a TLS record: 6 + 8 + 22 bytes; rounded up.
const PING_BYTES: u64 = 64;

/// So many pings that a talking server didn't answer are no chance.
const IGNORED: u32 = 2;

/// A longer one was not the line's: the app was suspended, or read late.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(3);

/// Completes when it changes, never where it can't any more.
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
