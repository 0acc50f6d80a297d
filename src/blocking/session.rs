//! A connection that stays, state by state.

use std::task::Poll;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::inbox::Inbox;
use super::worker::Worker;
use crate::connection::ConnectError;
use crate::selector::{self, Loss, Refusal, SessionControl};

/// A [`Session`](crate::Session) as an iterator over its states, which never ends by itself. Dropping it
/// ends it; a connection that was handed over stays open, unwatched by it.
///
/// It works towards the next state while the app does something else, and no further until that is
/// taken: ask for it when the connection has ended.
#[derive(Debug)]
#[must_use = "a session goes no further than its next state"]
pub struct Session {
    states: Inbox<selector::SessionState>,
    worker: Worker,
    control: SessionControl,
}

/// Where a [`Session`] stands.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionState {
    /// A connection is being opened.
    Connecting,
    /// It is open. Read it until it ends. When it was lost, or dropped, the session goes on.
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

impl Session {
    pub(super) fn new(worker: &Worker, session: selector::Session) -> Self {
        Session {
            control: session.control(),
            states: Inbox::new(worker, 1, |feed| feed.with(session)),
            worker: worker.clone(),
        }
    }

    /// The next state, if it comes within this time; with none, if it is there.
    pub fn next_timeout(&mut self, timeout: Duration) -> Poll<Option<SessionState>> {
        let state = self.states.take_within(timeout);
        state.map(|state| state.map(|state| self.handed_over(state)))
    }

    /// What tells the session what the app wants, from anywhere.
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
