//! Connecting again after the connection was lost, as one of a million that lost theirs together.

use std::time::Duration;

use super::{Selector, lock};
use crate::connection::{ConnectError, Connection};
use crate::handshake::ConnectOptions;
use crate::race::Width;
use crate::sample::AttemptOutcome;

/// What a server, or the app's operator, knows about how many reconnect at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerHint {
    /// How many clients may reconnect together.
    pub clients: f64,
    /// How many of them per second the servers can take.
    pub rate: f64,
}

/// The first delay is U(0, this): a million clients spread over 10 s are 100 000 a second.
const FIRST: Duration = Duration::from_secs(10);

/// Later ones are U(0, min(CAP, STEP·2^k)).
const STEP: Duration = Duration::from_secs(2);
const CAP: Duration = Duration::from_secs(60);

/// A hint can spread clients over this long at most.
const LONGEST: Duration = Duration::from_secs(3600);

/// How far a client has backed off. Pure: randomness comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Backoff {
    failures: u32,
    hint: Option<ServerHint>,
    /// What a refusal asked for.
    retry_after: Duration,
}

impl Backoff {
    /// The next delay; `random` is uniform in 0 to 1. Full jitter from the first on: what broke
    /// for all at once must not come back at once.
    pub(super) fn delay(&self, random: f64) -> Duration {
        let hinted = self.hint.and_then(|hint| {
            let seconds = hint.clients / hint.rate;
            (seconds.is_finite() && seconds > 0.0)
                .then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
        });
        let window = match self.failures {
            0 => hinted.unwrap_or(FIRST),
            k => {
                let doubled = STEP.saturating_mul(2u32.saturating_pow(k.min(16)));
                doubled.min(CAP).max(hinted.unwrap_or_default())
            }
        };
        self.retry_after + window.mul_f64(random.clamp(0.0, 1.0))
    }

    pub(super) fn failed(&mut self, retry_after: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        self.retry_after = retry_after.unwrap_or_default().min(LONGEST);
    }

    pub(super) fn reset(&mut self) {
        *self = Backoff {
            hint: self.hint,
            ..Backoff::default()
        };
    }

    pub(super) fn hint(&mut self, hint: Option<ServerHint>) {
        self.hint = hint;
    }
}

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
        let at_once = std::mem::take(&mut *lock(&self.0.moved));
        if !at_once {
            let random = lock(&self.0.random).f64();
            let delay = lock(&self.0.backoff).delay(random);
            tracing::debug!(
                target: "easelect::connect",
                delay_ms = delay.as_secs_f64() * 1e3,
                "reconnecting"
            );
            tokio::time::sleep(delay).await;
        }
        let opened = self.open(options, Width::ONE).await;
        let mut backoff = lock(&self.0.backoff);
        match &opened {
            Ok(_) => backoff.reset(),
            Err(error) => backoff.failed(retry_after(error)),
        }
        drop(backoff);
        opened
    }

    /// How many clients may reconnect together, and how many per second the servers can take;
    /// `None` for the default spread.
    pub fn set_server_hint(&self, hint: Option<ServerHint>) {
        lock(&self.0.backoff).hint(hint);
    }
}

/// The longest delay that a refusal asked for.
fn retry_after(error: &ConnectError) -> Option<Duration> {
    let failures = error
        .attempts()
        .iter()
        .filter_map(|one| match &one.outcome {
            AttemptOutcome::Failed(failure) => failure.retry_after(),
            _ => None,
        });
    failures.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_fully_jittered_and_capped() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.delay(0.0), Duration::ZERO);
        assert_eq!(backoff.delay(1.0), FIRST);
        let windows: Vec<u64> = (0..7)
            .map(|_| {
                backoff.failed(None);
                backoff.delay(1.0).as_secs()
            })
            .collect();
        assert_eq!(windows, [4, 8, 16, 32, 60, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.delay(0.5), FIRST / 2);
    }

    #[test]
    fn hints_and_refusals_are_heeded() {
        let mut backoff = Backoff::default();
        backoff.hint(Some(ServerHint {
            clients: 1e6,
            rate: 5e4,
        }));
        assert_eq!(backoff.delay(1.0), Duration::from_secs(20));
        backoff.failed(Some(Duration::from_secs(30)));
        assert_eq!(backoff.delay(1.0), Duration::from_secs(50));
        assert_eq!(backoff.delay(0.0), Duration::from_secs(30));
        for (clients, rate) in [(1.0, 0.0), (f64::NAN, 1.0), (-1.0, 1.0)] {
            backoff.reset();
            backoff.hint(Some(ServerHint { clients, rate }));
            assert_eq!(backoff.delay(1.0), FIRST);
        }
    }
}
