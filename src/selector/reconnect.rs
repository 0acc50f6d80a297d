//! When to connect again after the connection was lost, as one of a million that lost theirs together.

use std::sync::Mutex;
use std::time::Duration;

use easelect_engine::backoff::{Backoff, ServerHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lock;
use crate::connection::ConnectError;

/// How far a client has backed off, and what ends its waiting.
#[derive(Debug, Default)]
pub(super) struct Reconnecting {
    state: Mutex<State>,
    /// Wakes who is waiting when the network changes.
    moving: Notify,
}

#[derive(Debug, Default)]
struct State {
    backoff: Backoff,
    /// The network changed since the last connection: nobody has to be spared.
    moved: bool,
    /// When reconnecting last failed.
    failed: Option<Instant>,
    /// When the connection was lost, as far as is known: when reconnecting began.
    lost: Option<Instant>,
}

impl Reconnecting {
    /// Waits as long as it should be before the next attempt, or until the network changes. `u` is
    /// uniform, 0 ≤ u < 1. Whoever gives the attempt up afterwards has not used the change up.
    /// Returns for how long the connection has been lost by then: zero on another network, where
    /// nobody else lost theirs.
    pub(super) async fn wait(&self, u: f64) -> Duration {
        let moving = self.moving.notified();
        let (delay, lost) = {
            let mut state = lock(&self.state);
            if state.moved {
                return Duration::ZERO;
            }
            let lost = *state.lost.get_or_insert_with(Instant::now);
            let since = state.failed.map_or(Duration::MAX, |at| at.elapsed());
            (state.backoff.delay(u, since), lost)
        };
        tracing::debug!(
            target: "easelect::connect",
            delay_ms = delay.as_secs_f64() * 1e3,
            "reconnecting"
        );
        // Another network meanwhile: then it is not the server that was lost.
        tokio::select! {
            biased;
            () = moving => Duration::ZERO,
            () = tokio::time::sleep(delay) => lost.elapsed(),
        }
    }

    /// A connection was opened, on the network that the device is on.
    pub(super) fn opened(&self) {
        let mut state = lock(&self.state);
        state.moved = false;
        state.lost = None;
        state.backoff.reset();
    }

    /// Reconnecting ended so.
    pub(super) fn ended<T>(&self, outcome: &Result<T, ConnectError>) {
        let mut state = lock(&self.state);
        match outcome {
            Ok(_) => {
                state.lost = None;
                state.backoff.reset();
            }
            Err(error) => {
                // One change is one attempt at once.
                state.moved = false;
                state.backoff.failed(error.retry_after());
                state.failed = Some(Instant::now());
            }
        }
    }

    /// The device is on another network, or slept.
    pub(super) fn moved_on(&self) {
        let mut state = lock(&self.state);
        state.moved = true;
        state.lost = None;
        state.backoff.reset();
        drop(state);
        self.moving.notify_waiters();
    }

    pub(super) fn set_hint(&self, hint: Option<ServerHint>) {
        lock(&self.state).backoff.set_hint(hint);
    }
}
