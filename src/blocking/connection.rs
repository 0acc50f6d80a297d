//! A connection that a task on the thread reads and writes.

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::{self, Message};

use super::inbox::Inbox;
use super::worker::Worker;
use crate::catalog::Endpoint;
use crate::connection::{self, Feedback, Opening};
use crate::phase::Timings;
use crate::sample::Attempt;

/// Messages that are read ahead of the app. In a flood on loopback one takes 2.9 µs with 1 ahead,
/// 0.64 µs with 16, 0.50 µs with 64, and hardly less, 0.44 µs, with 256.
const AHEAD: usize = 64;

/// A live WebSocket, read and written from any thread: one may read while others write.
///
/// The thread `easelect-blocking` reads ahead, so that pings are answered, and those of a
/// [session](super::Session) sent, while the app does something else. When 64 messages wait to be read
/// it reads on only when the app does; nothing is lost, but the server may take a client that reads
/// nothing for long for a dead one. What one message may measure is for
/// [`ConnectOptions::websocket`](crate::ConnectOptions::websocket) to say.
///
/// Dropping it ends it without a goodbye: [`close`](Self::close) says it.
pub struct Connection {
    incoming: Inbox<Result<Message, tungstenite::Error>>,
    /// As many as threads wait for theirs.
    orders: UnboundedSender<Order>,
    worker: Worker,
    opening: Box<Opening>,
    subprotocol: Option<String>,
    feedback: Feedback,
}

/// Without the subprotocol: one of the app's may be a token.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Connection");
        told.field("opening", &self.opening).finish_non_exhaustive()
    }
}

/// What is to be done, and who waits for it.
type Order = (Task, mpsc::Sender<Result<(), tungstenite::Error>>);

enum Task {
    Send(Message),
    Close,
}

impl Connection {
    pub(super) fn new(worker: &Worker, connection: connection::Connection) -> Self {
        let (opening, feedback) = (Box::new(connection.opening.clone()), connection.feedback());
        let subprotocol = connection.subprotocol().map(str::to_owned);
        let (orders, mut ordered) = unbounded_channel::<Order>();
        // One task for both: where reading and writing wait for the same socket, either wakes both.
        let incoming = Inbox::new(worker, AHEAD, |feed| async move {
            let (mut sink, stream) = connection.split();
            let write = async {
                while let Some((task, done)) = ordered.recv().await {
                    let ended = match task {
                        Task::Send(message) => sink.send(message).await,
                        Task::Close => sink.close().await,
                    };
                    // Whoever waits is there.
                    let _ = done.send(ended);
                }
            };
            // Whoever is asked first is left to chance: a flood of one must not hold the other up.
            tokio::select! {
                () = feed.with(stream) => {}
                () = write => {}
            }
        });
        Connection {
            incoming,
            orders,
            worker: worker.clone(),
            opening,
            subprotocol,
            feedback,
        }
    }

    /// Sends a message, and waits until the system has it: for as long as the server takes nothing, as
    /// one may whose answers are not read.
    ///
    /// # Errors
    ///
    /// What the system, TLS or the protocol says;
    /// [`AlreadyClosed`](tungstenite::Error::AlreadyClosed) when the connection ended before.
    pub fn send(&self, message: Message) -> Result<(), tungstenite::Error> {
        self.order(Task::Send(message))
    }

    /// Says goodbye, with a Close frame. What the server still sends, its own Close frame at last, is
    /// there to be read.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn close(&self) -> Result<(), tungstenite::Error> {
        self.order(Task::Close)
    }

    /// Waits for a message; `None` at the end. One thread reads at a time, a second one waits until it
    /// is its turn.
    ///
    /// # Errors
    ///
    /// What the system, TLS or the protocol says, once: nothing comes after it.
    pub fn read(&self) -> Result<Option<Message>, tungstenite::Error> {
        self.incoming.take().transpose()
    }

    /// The same, for at most this time; [`Poll::Pending`] when nothing came. With a time of zero it
    /// doesn't wait.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Example
    ///
    /// ```no_run
    /// use std::task::Poll;
    /// use std::time::Duration;
    ///
    /// use easelect::blocking::Connection;
    /// use easelect::tokio_tungstenite::tungstenite;
    ///
    /// /// What came since the last frame; whether there may be more.
    /// fn poll(connection: &Connection) -> Result<bool, tungstenite::Error> {
    ///     loop {
    ///         match connection.read_timeout(Duration::ZERO)? {
    ///             Poll::Ready(Some(message)) => println!("{} bytes", message.len()),
    ///             Poll::Ready(None) => return Ok(false),
    ///             Poll::Pending => return Ok(true),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn read_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Poll<Option<Message>>, tungstenite::Error> {
        match self.incoming.take_within(timeout) {
            Poll::Ready(item) => item.transpose().map(Poll::Ready),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    fn order(&self, task: Task) -> Result<(), tungstenite::Error> {
        self.worker.assert_elsewhere();
        let (done, outcome) = mpsc::channel();
        let ended = || tungstenite::Error::AlreadyClosed;
        self.orders.send((task, done)).map_err(|_| ended())?;
        outcome.recv().unwrap_or_else(|_| Err(ended()))
    }
}

/// How it came about.
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
        self.subprotocol.as_deref()
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

    /// Tells the selector what becomes of this connection. A [session's](super::Session) tells it by
    /// itself.
    #[must_use]
    pub fn feedback(&self) -> Feedback {
        self.feedback.clone()
    }
}
