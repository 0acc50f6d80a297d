//! Blocking sessions.

use std::task::Poll;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::inbox::Inbox;
use super::worker::Worker;
use crate::connection::ConnectError;
use crate::selector::{self, Loss, Refusal, SessionControl};

/// A [`Session`](crate::Session) as an iterator over its states, which never ends by itself. Dropping
/// it stops the reconnecting; a connection that it handed over stays open.
///
/// The session works towards the next state in the background, and continues when that state is taken.
/// Read each connection to its end, then ask for the next state.
#[derive(Debug)]
#[must_use = "a session goes no further than its next state"]
pub struct Session {
    states: Inbox<selector::SessionState>,
    worker: Worker,
    control: SessionControl,
}

/// The state of a [`Session`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionState {
    /// A connection is being opened.
    Connecting,
    /// The connection is open. Read it until it ends. The session continues when the connection was
    /// lost or dropped.
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

impl Session {
    pub(super) fn new(worker: &Worker, session: selector::Session) -> Self {
        Session {
            control: session.control(),
            states: Inbox::new(worker, 1, |feed| feed.with(session)),
            worker: worker.clone(),
        }
    }

    /// Waits for the next state for at most `timeout`; zero doesn't wait. Returns [`Poll::Pending`] if
    /// none came.
    pub fn next_timeout(&mut self, timeout: Duration) -> Poll<Option<SessionState>> {
        let state = self.states.take_within(timeout);
        state.map(|state| state.map(|state| self.handed_over(state)))
    }

    /// Returns a handle that controls this session.
    #[must_use]
    pub fn control(&self) -> SessionControl {
        self.control.clone()
    }

    fn handed_over(&self, state: selector::SessionState) -> SessionState {
        match state {
            selector::SessionState::Connecting => SessionState::Connecting,
            selector::SessionState::Open(connection) => {
                SessionState::Open(Connection::new(&self.worker, connection))
            }
            selector::SessionState::Lost(loss) => SessionState::Lost(loss),
            selector::SessionState::Waiting { until, error } => SessionState::Waiting {
                until: until.into_std(),
                error,
            },
            selector::SessionState::Refused(refusal) => SessionState::Refused(refusal),
            selector::SessionState::Resting => SessionState::Resting,
        }
    }
}

impl Iterator for Session {
    type Item = SessionState;

    fn next(&mut self) -> Option<SessionState> {
        let state = self.states.take()?;
        Some(self.handed_over(state))
    }
}
