//! Whether a connection still lives: pings, and what else tells.
//!
//! TCP alone takes minutes to notice that the other side is gone; without anything to send, for ever.
//! So there is a ping (RFC 6455 §5.5.2) after every interval without a byte. When neither an answer nor
//! any other byte comes in time, the connection is given up. It all happens where the app reads the
//! connection: nothing runs beside it.
//!
//! - A large message is no silence: every byte counts, not only whole messages.
//! - A ping may wait behind megabytes that the app sends: as long as they get on, it has more time, up
//!   to [`MOST_EXTENSIONS`] times.
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

/// What is sent may take a while on a slow line; a dead one acknowledges nothing.
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
}

/// Who is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It answered pings before, or never said anything.
    Suddenly,
    /// It never answered one on this connection, on which messages came.
    NeverAnswered,
}

/// Watches over one connection.
pub(crate) struct Heartbeat {
    feedback: Feedback,
    paces: Paces,
    resting: watch::Receiver<bool>,
    turned: BoxFuture<'static, watch::Receiver<bool>>,
    moved: BoxFuture<'static, watch::Receiver<u64>>,
    grace: Duration,
    /// Told how it ended; dropped with the connection.
    end: Option<oneshot::Sender<End>>,
    /// Bytes read when that was last looked at, and when they had changed.
    bytes: u64,
    heard: Instant,
    ping: Option<Ping>,
    number: u64,
    answered: bool,
    /// A message of the server's own came.
    talks: bool,
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
}

impl Heartbeat {
    /// Over a connection that is open now. `moves` changes when the device goes to another network; then
    /// nothing may be silent for longer than `grace`.
    pub(crate) fn new(
        feedback: Feedback,
        paces: Paces,
        resting: watch::Receiver<bool>,
        moves: watch::Receiver<u64>,
        grace: Duration,
    ) -> (Self, oneshot::Receiver<End>) {
        let (end, ended) = oneshot::channel();
        let now = Instant::now();
        let heartbeat = Heartbeat {
            feedback,
            paces,
            turned: changed(resting.clone()),
            resting,
            moved: changed(moves),
            grace,
            end: Some(end),
            bytes: 0,
            heard: now,
            ping: None,
            number: 0,
            answered: false,
            talks: false,
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
        self.heard = Instant::now();
        match item {
            Some(Ok(Message::Pong(payload))) => {
                let ours = payload.as_ref() == self.number.to_be_bytes();
                let ping = self.ping.take();
                if let (true, Some(ping)) = (ours, ping) {
                    self.answered = true;
                    if ping.extensions == 0 {
                        self.feedback.report_rtt(ping.sent.elapsed());
                    }
                }
                !ours
            }
            Some(Ok(Message::Close(frame))) => {
                self.ended(End::Closed(frame.clone()));
                true
            }
            Some(Ok(_)) => {
                self.talks = true;
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
            (self.bytes, self.heard, self.ping) = (bytes, now, None);
        }
        while let Poll::Ready(resting) = self.turned.poll_unpin(cx) {
            self.turned = changed(resting);
        }
        while let Poll::Ready(moves) = self.moved.poll_unpin(cx) {
            self.moved = changed(moves);
            self.send_ping(cx, websocket, self.grace, true);
        }
        loop {
            if self.flushing {
                let both = self.waker(cx);
                let mut both = Context::from_waker(&both);
                let flushed = Pin::new(&mut *websocket).poll_flush(&mut both);
                self.flushing = flushed.is_pending();
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
        let got_on = websocket.get_ref().bytes_got_on();
        let timeout = self.pace().timeout;
        let Some(ping) = &mut self.ping else {
            return false;
        };
        // The ping itself gets on where the kernel lives and the server hangs.
        let more = got_on.saturating_sub(ping.got_on) > PING_BYTES;
        let extended = more && ping.extensions < MOST_EXTENSIONS && !ping.after_move;
        if extended {
            ping.until += timeout;
            ping.extensions += 1;
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
        let silence = match (self.answered, self.talks) {
            (false, true) => Silence::NeverAnswered,
            _ => Silence::Suddenly,
        };
        self.ended(match after_move {
            true => End::NetworkGone,
            false => End::Silent(silence),
        });
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
        self.ping = Some(Ping {
            sent: now,
            until: now + patience,
            got_on: websocket.get_ref().bytes_got_on(),
            extensions: 0,
            after_move,
        });
        let mut sink = Pin::new(websocket);
        // One that can't be sent because nothing can is answered by the same silence.
        let both = self.waker(cx);
        if sink
            .as_mut()
            .poll_ready(&mut Context::from_waker(&both))
            .is_ready()
        {
            self.number += 1;
            let ping = Message::Ping(self.number.to_be_bytes().to_vec().into());
            // What is broken shows where it is read.
            let _ = sink.as_mut().start_send(ping);
            self.flushing = true;
        }
    }

    fn ended(&mut self, end: End) {
        let Some(tell) = self.end.take() else { return };
        self.feedback.closed(match &end {
            End::Closed(_) => CloseReason::ByServer,
            // The device left, not the server.
            End::NetworkGone => CloseReason::ByApp,
            End::Broken(_) | End::Silent(_) => CloseReason::Lost,
        });
        // The session may be gone.
        let _ = tell.send(end);
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heartbeat")
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        if self.end.is_some() {
            self.feedback.closed(CloseReason::ByApp);
        }
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
