//! Connections that a task on the thread reads and writes.

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

/// Messages read ahead of the app. In a flood on loopback a message takes 2.9 µs with 1 ahead, 0.64 µs
/// with 16, 0.50 µs with 64 and 0.44 µs with 256.
const AHEAD: usize = 64;

/// An open WebSocket that any thread can read or write. One thread may read while others write.
///
/// The thread `easelect-blocking` reads ahead. So pings are answered, and those of a
/// [session](super::Session) sent, while the app does something else. It stops reading while 64
/// messages wait for the app. No message is lost, but a server may take a client that reads nothing for
/// long for dead. [`ConnectOptions::websocket`](crate::ConnectOptions::websocket) sets how large a
/// message may be.
///
/// Dropping the connection ends it without a Close frame. [`close`](Self::close) sends one.
pub struct Connection {
    incoming: Inbox<Result<Message, tungstenite::Error>>,
    /// Unbounded, because it holds at most one order per waiting thread.
    orders: UnboundedSender<Order>,
    worker: Worker,
    opening: Box<Opening>,
    subprotocol: Option<String>,
    feedback: Feedback,
}

/// Without the subprotocol, which may be a token.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Connection");
        told.field("opening", &self.opening).finish_non_exhaustive()
    }
}

/// A task, and the channel of the thread that waits for it.
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
        // One task for both, because either may wake the other while they wait for the same socket.
        let incoming = Inbox::new(worker, AHEAD, |feed| async move {
            let (mut sink, stream) = connection.split();
            let write = async {
                while let Some((task, done)) = ordered.recv().await {
                    let ended = match task {
                        Task::Send(message) => sink.send(message).await,
                        Task::Close => sink.close().await,
                    };
                    // The receiver is waiting.
                    let _ = done.send(ended);
                }
            };
            // `select!` polls in random order, so that a flood in one direction doesn't starve the
            // other.
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

    /// Sends a message and waits until the system has accepted it. This may block for as long as the
    /// server doesn't read.
    ///
    /// # Errors
    ///
    /// The error of the operating system, TLS or WebSocket;
    /// [`AlreadyClosed`](tungstenite::Error::AlreadyClosed) if the connection had ended.
    pub fn send(&self, message: Message) -> Result<(), tungstenite::Error> {
        self.order(Task::Send(message))
    }

    /// Sends a Close frame. What the server still sends, including its own Close frame, can be read
    /// afterwards.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn close(&self) -> Result<(), tungstenite::Error> {
        self.order(Task::Close)
    }

    /// Waits for a message; returns `None` at the end. Threads that read concurrently take turns.
    ///
    /// # Errors
    ///
    /// The error of the operating system, TLS or WebSocket. It is returned once; after it comes `None`.
    pub fn read(&self) -> Result<Option<Message>, tungstenite::Error> {
        self.incoming.take().transpose()
    }

    /// Waits for a message for at most `timeout`; zero doesn't wait. Returns [`Poll::Pending`] if none
    /// came.
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
    /// /// Handles what arrived since the last frame. Returns whether more may come.
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

/// How the connection was opened.
impl Connection {
    /// Returns the endpoint that the connection was opened on.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.opening.endpoint
    }

    /// Returns the URL that was opened: the endpoint's, or one with an alternate path. Its query may be
    /// secret; use [`Endpoint::shown_with`] to show it.
    #[must_use]
    pub fn url(&self) -> String {
        self.opening.endpoint.url_with(&self.opening.path)
    }

    /// Returns the address that the connection was opened to; the proxy's, if one led to the endpoint.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.opening.address
    }

    /// Returns the subprotocol that the server selected, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Returns the duration of each phase of the winning attempt, including its DNS lookup.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.opening.timings
    }

    /// Returns the time from the call to the open WebSocket, including DNS and failed attempts.
    #[must_use]
    pub fn time_to_open(&self) -> Duration {
        self.opening.time_to_open
    }

    /// Returns all attempts in the order of their start, including failed DNS lookups.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.opening.attempts
    }

    /// Returns a handle that reports to the selector how this connection fares. A
    /// [session](super::Session) reports its connections itself.
    #[must_use]
    pub fn feedback(&self) -> Feedback {
        self.feedback.clone()
    }
}
