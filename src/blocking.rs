//! Without async: the same selector for apps that have no runtime of their own, such as games and C++
//! apps behind FFI, and small tools.
//!
//! [`build_blocking`](SelectorBuilder::build_blocking) makes a [`Selector`] with a thread of its own,
//! `easelect-blocking`, which does all the work. It ends when the last handle is dropped: the selector
//! and its clones, and every connection, session, REST handle, answer and iterator that came of it.
//! Dropping one waits for nothing, wherever that is.
//!
//! What has to wait blocks the calling thread. Everything else is asked of the asynchronous twins, to
//! which [`Selector`], `Rest` and `RestResponse` dereference: `best()`, `explain()`, `stats()`,
//! `report()`, `set_policy()`, `network_changed()` and so on.
//!
//! Nothing here must be called from async code: it works there, but blocks the executor.
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
//! What blocks panics on the thread `easelect-blocking` itself, where it would wait for itself: in an
//! app's own resolver or connector, or in [`SessionOptions::connect_by`]. When one of those panics, the
//! call that waits for it does.

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
    /// Checks the configuration, and starts a thread, for a selector that needs no async code.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) when the system has
    /// no thread, or nothing to wait with.
    pub fn build_blocking(self) -> Result<Selector, Error> {
        Ok(Selector {
            selector: self.build()?,
            worker: Worker::start()?,
        })
    }
}

/// A [`Selector`](crate::Selector) whose calls block. It dereferences to that for what doesn't wait.
/// Cheap to clone; clones share what was learned, and the thread.
#[derive(Clone, Debug)]
pub struct Selector {
    selector: selector::Selector,
    worker: Worker,
}

impl Selector {
    /// Opens a WebSocket, as [`connect`](crate::Selector::connect) does.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], with every attempt, when none could be opened before the deadline.
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        self.connect_with(&ConnectOptions::new())
    }

    /// Opens a WebSocket with headers, query, subprotocols and limits of the app's own.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with(&self, options: &ConnectOptions) -> Result<Connection, ConnectError> {
        let (selector, options) = (self.selector.clone(), options.clone());
        let opened = async move { selector.connect_with(&options).await };
        Ok(Connection::new(&self.worker, self.worker.wait(opened)?))
    }

    /// Keeps a connection open, as [`session`](crate::Selector::session) does.
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::new(&self.worker, self.selector.session(options))
    }

    /// Opens a connection again and again, for apps that watch over it themselves.
    #[must_use]
    pub fn reconnector(&self) -> Reconnector {
        Reconnector {
            reconnector: Arc::new(Mutex::new(self.selector.reconnector())),
            worker: self.worker.clone(),
        }
    }

    /// The addresses to try, for apps whose own SDK dials, as [`candidates`](crate::Selector::candidates)
    /// has them: each comes as soon as it may be tried.
    ///
    /// # Errors
    ///
    /// One [`ConnectError`] in place of candidates, when no name could be resolved.
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

    /// What changes from now on, as [`events`](crate::Selector::events) tells it.
    #[must_use]
    pub fn events(&self) -> Events {
        let events = self.selector.events();
        Events(Inbox::new(&self.worker, 1, |feed| feed.with(events)))
    }

    /// Writes what was learned and is not written yet, and waits until that is done.
    ///
    /// # Errors
    ///
    /// What the store says; it is tried again with the next write.
    pub fn flush(&self) -> Result<(), Error> {
        let selector = self.selector.clone();
        self.worker.wait(async move { selector.flush().await })
    }

    /// Stops what goes on in the background for good, and [flushes](Self::flush). Connecting still
    /// works.
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
    /// Makes REST requests, on the best endpoint of the residency, and to nothing else.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoEndpoints`](crate::ErrorKind::NoEndpoints) when the residency has no REST hosts.
    pub fn rest(&self) -> Result<Rest, Error> {
        Ok(Rest::new(&self.worker, self.selector.rest()?))
    }

    /// The base URL of the REST endpoint to use now, as [`base_url`](crate::Selector::base_url) has it.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when none answers before the [deadline](SelectorBuilder::deadline), or the
    /// residency has none.
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
    /// Waits as long as it should be, then connects. One call is one try; call again when it fails, or
    /// when the connection is lost.
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

/// What changes in a selector, until it is gone. A reader that is more than 64 events behind is told
/// how many it [missed](SelectorEvent::Missed).
#[derive(Debug)]
pub struct Events(Inbox<SelectorEvent>);

impl Events {
    /// The next one, if it comes within this time; with none, if it is there. `None` at the end.
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
