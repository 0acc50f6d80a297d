//! The selector without async, for apps that have no async runtime, such as games, C++ apps behind FFI,
//! and small tools.
//!
//! [`build_blocking`](SelectorBuilder::build_blocking) builds a [`Selector`] and starts a thread,
//! `easelect-blocking`, which runs the asynchronous selector. The thread ends when the last handle is
//! dropped: every clone of the selector, and every connection, session, reconnector, REST client,
//! response and iterator made from it. Dropping a handle never blocks.
//!
//! Calls that wait block the calling thread. For everything else [`Selector`], `Rest` and
//! `RestResponse` dereference to their asynchronous counterparts: `best()`, `explain()`, `stats()`,
//! `report()`, `set_policy()`, `network_changed()` and so on.
//!
//! Don't call this module from async code: it works there, but blocks the executor.
//!
//! # Example
//!
//! ```no_run
//! use easelect::blocking::SessionState;
//! use easelect::{Region, Selector, SessionOptions};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let selector = Selector::builder(Region::SGP1).build_blocking()?;
//! for state in selector.session(SessionOptions::new()) {
//!     match state {
//!         SessionState::Open(connection) => {
//!             connection.send("hello".into())?;
//!             while let Ok(Some(message)) = connection.read() {
//!                 println!("{} bytes", message.len());
//!             }
//!         }
//!         SessionState::Refused(why) => return Ok(println!("log in again: {why:?}")),
//!         other => println!("{other:?}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Panics
//!
//! A blocking call panics on the thread `easelect-blocking`, where it would deadlock: in the app's own
//! resolver or connector, or in the function of [`SessionOptions::connect_by`]. If one of these panics,
//! the call that waits for it panics, too.

mod connection;
mod inbox;
#[cfg(feature = "rest")]
mod rest;
mod session;
mod worker;

use std::ops::Deref;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::Mutex;

pub use connection::Connection;
#[cfg(feature = "rest")]
pub use rest::{Rest, RestResponse};
pub use session::{Session, SessionState};

use crate::connection::ConnectError;
use crate::error::Error;
use crate::handshake::ConnectOptions;
use crate::selector::{self, Candidate, SelectorBuilder, SelectorEvent, SessionOptions};
use inbox::Inbox;
use worker::Worker;

impl SelectorBuilder {
    /// Checks the configuration and starts the thread of a blocking selector.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build), and [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) if the
    /// system can't start the thread or its runtime.
    pub fn build_blocking(self) -> Result<Selector, Error> {
        Ok(Selector {
            selector: self.build()?,
            worker: Worker::start()?,
        })
    }
}

/// A [`Selector`](crate::Selector) whose calls block. It dereferences to that type for methods that
/// don't wait.
///
/// Cheap to clone; clones share what was learned, and the thread.
#[derive(Clone, Debug)]
pub struct Selector {
    selector: selector::Selector,
    worker: Worker,
}

impl Selector {
    /// Opens a WebSocket on the fastest endpoint, as [`Selector::connect`](crate::Selector::connect)
    /// does.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], which lists every attempt, if no endpoint opened before the
    /// [deadline](SelectorBuilder::deadline).
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        self.connect_with(&ConnectOptions::new())
    }

    /// Opens a WebSocket with the app's own headers, query, subprotocols and limits.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with(&self, options: &ConnectOptions) -> Result<Connection, ConnectError> {
        let (selector, options) = (self.selector.clone(), options.clone());
        let opened = async move { selector.connect_with(&options).await };
        Ok(Connection::new(&self.worker, self.worker.wait(opened)?))
    }

    /// Returns a [`Session`], which keeps one connection open, as
    /// [`Selector::session`](crate::Selector::session) does.
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::new(&self.worker, self.selector.session(options))
    }

    /// Returns a [`Reconnector`], for apps that monitor their connections themselves.
    #[must_use]
    pub fn reconnector(&self) -> Reconnector {
        Reconnector {
            reconnector: Arc::new(Mutex::new(self.selector.reconnector())),
            worker: self.worker.clone(),
        }
    }

    /// Returns the addresses to dial, best first, for apps whose own SDK opens the connections, as
    /// [`Selector::candidates`](crate::Selector::candidates) does. Each call of `next` blocks until an
    /// address may be dialled.
    ///
    /// # Errors
    ///
    /// The iterator yields a single [`ConnectError`], and no candidate, if no name could be resolved.
    pub fn candidates(
        &self,
    ) -> impl Iterator<Item = Result<Candidate, ConnectError>> + Send + use<> {
        let (worker, mut candidates) = (self.worker.clone(), Some(self.selector.candidates()));
        std::iter::from_fn(move || {
            let mut rest = candidates.take()?;
            let (candidate, rest) = worker.wait(async move { (rest.next().await, rest) });
            candidates = candidate.is_some().then_some(rest);
            candidate
        })
    }

    /// Returns an iterator over what happens from now on, as
    /// [`Selector::events`](crate::Selector::events) does.
    #[must_use]
    pub fn events(&self) -> Events {
        let events = self.selector.events();
        Events(Inbox::new(&self.worker, 1, |feed| feed.with(events)))
    }

    /// Writes everything learned since the last write, and waits until it is written.
    ///
    /// # Errors
    ///
    /// The error of the store. The next write includes the data again.
    pub fn flush(&self) -> Result<(), Error> {
        let selector = self.selector.clone();
        self.worker.wait(async move { selector.flush().await })
    }

    /// Stops background probes and DNS refreshes permanently, then [flushes](Self::flush). Connecting
    /// still works.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self) -> Result<(), Error> {
        let selector = self.selector.clone();
        self.worker.wait(async move { selector.shutdown().await })
    }
}

/// REST (feature `rest`).
#[cfg(feature = "rest")]
impl Selector {
    /// Returns a client for REST requests, which go to the best REST endpoint of the residency and
    /// nowhere else.
    ///
    /// # Errors
    ///
    /// Those of [`Selector::rest`](crate::Selector::rest).
    pub fn rest(&self) -> Result<Rest, Error> {
        Ok(Rest::new(&self.worker, self.selector.rest()?))
    }

    /// Returns the base URL of the REST endpoint to use now, as
    /// [`Selector::base_url`](crate::Selector::base_url) does.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if no endpoint answers before the [deadline](SelectorBuilder::deadline), or if
    /// the catalogue has no REST endpoint for the residency.
    pub fn base_url(&self) -> Result<String, ConnectError> {
        let selector = self.selector.clone();
        self.worker.wait(async move { selector.base_url().await })
    }
}

impl Deref for Selector {
    type Target = selector::Selector;

    fn deref(&self) -> &selector::Selector {
        &self.selector
    }
}

/// A [`Reconnector`](crate::Reconnector) whose calls block.
#[derive(Debug)]
pub struct Reconnector {
    reconnector: Arc<Mutex<selector::Reconnector>>,
    worker: Worker,
}

impl Reconnector {
    /// Waits for the backoff, then makes one attempt to connect. Call it again when the attempt fails
    /// or the connection is lost.
    ///
    /// # Errors
    ///
    /// As [`Selector::connect`].
    pub fn connect(&mut self, options: &ConnectOptions) -> Result<Connection, ConnectError> {
        let (reconnector, options) = (Arc::clone(&self.reconnector), options.clone());
        let opened = async move { reconnector.lock().await.connect(&options).await };
        Ok(Connection::new(&self.worker, self.worker.wait(opened)?))
    }
}

/// An iterator over the events of a selector. It ends when the selector is dropped.
///
/// A listener that falls more than 64 events behind receives [`SelectorEvent::Missed`] with the number
/// of events that it missed.
#[derive(Debug)]
pub struct Events(Inbox<SelectorEvent>);

impl Events {
    /// Waits for the next event for at most `timeout`; zero doesn't wait. Returns [`Poll::Pending`] if
    /// none came, and `None` at the end.
    pub fn next_timeout(&mut self, timeout: Duration) -> Poll<Option<SelectorEvent>> {
        self.0.take_within(timeout)
    }
}

impl Iterator for Events {
    type Item = SelectorEvent;

    fn next(&mut self) -> Option<SelectorEvent> {
        self.0.take()
    }
}
