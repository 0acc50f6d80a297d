//! Connecting again after the connection was lost, as one of a million that lost theirs together.

use std::time::Duration;

use easelect_engine::backoff::ServerHint;
use easelect_engine::race::Width;
use tokio::time::Instant;

use super::{Selector, lock};
use crate::connection::{ConnectError, Connection};
use crate::handshake::ConnectOptions;
use crate::sample::AttemptOutcome;

impl Selector {
    /// Connects after the connection was lost: waits first, then tries one address at a time.
    ///
    /// The delay is uniform in 0 to 10 s (or as a [`ServerHint`] or `Retry-After` says) for the
    /// first call after a connection, then in 0 to min(60 s, 2 s·2^k), k calls having failed. After
    /// [`network_changed`](Self::network_changed) there is none: then the network was lost, not the
    /// server. One call is one try; call again when it fails.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn reconnect(&self) -> Result<Connection, ConnectError> {
        self.reconnect_with(&ConnectOptions::new()).await
    }

    /// [`reconnect`](Self::reconnect) with headers, query, subprotocols and limits of the app's
    /// own.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn reconnect_with(
        &self,
        options: &ConnectOptions,
    ) -> Result<Connection, ConnectError> {
        self.look_around();
        let moving = self.0.moving.notified();
        let at_once = std::mem::take(&mut *lock(&self.0.moved));
        if !at_once {
            let random = lock(&self.0.random).f64();
            let refused = *lock(&self.0.refused);
            let since = refused.map_or(Duration::MAX, |at| at.elapsed());
            let delay = lock(&self.0.backoff).delay(random, since);
            tracing::debug!(
                target: "easelect::connect",
                delay_ms = delay.as_secs_f64() * 1e3,
                "reconnecting"
            );
            // Another network meanwhile: then it is not the server that was lost.
            tokio::select! {
                biased;
                () = moving => {}
                () = tokio::time::sleep(delay) => {}
            }
        }
        let opened = self.open(options, Width::ONE).await;
        let mut backoff = lock(&self.0.backoff);
        match &opened {
            Ok(_) => backoff.reset(),
            Err(error) => {
                backoff.failed(retry_after(error));
                *lock(&self.0.refused) = Some(Instant::now());
            }
        }
        drop(backoff);
        opened
    }

    /// How many clients may reconnect together, and how many per second the servers can take;
    /// `None` for the default spread.
    pub fn set_server_hint(&self, hint: Option<ServerHint>) {
        lock(&self.0.backoff).set_hint(hint);
    }
}

/// The least delay that refusals asked for, if every server that answered did: one that is there
/// is tried, whatever the others say.
fn retry_after(error: &ConnectError) -> Option<Duration> {
    let answers = error
        .attempts()
        .iter()
        .filter_map(|one| match &one.outcome {
            AttemptOutcome::Failed(failure) if failure.is_answer() => Some(failure.retry_after()),
            _ => None,
        });
    let asked: Option<Vec<Duration>> = answers.collect();
    asked?.into_iter().min()
}
