//! For apps whose own SDK dials: the addresses to try, in order, and learning how each attempt ended.

use std::net::SocketAddr;
use std::time::Duration;

use easelect_engine::forecast::{Forecast, NOISE};
use easelect_engine::health::Severity;
use easelect_engine::observation::Observation;
use easelect_engine::race::{self, Action, Race, Width};
use futures::future::join_all;
use tokio::time::Instant;

use super::learner::Learner;
use super::memory::{self, severity};
use super::race::Racer;
use crate::catalog::{Endpoint, Variant};
use crate::connection::ConnectError;
use crate::failure::Failure;
use crate::resolve::interleave;
use crate::sample::{Attempt, AttemptOutcome};

/// One at a time; when nothing is known, on every host before any host's second address.
const IN_TURN: Width = Width {
    cold_dials: usize::MAX,
    ..Width::ONE
};

/// When nothing is known, the second start comes early: the first host may be the slow or dead one
/// of two. Then RFC 8305 §8: a connection attempt delay must not be below 100 ms when it is fixed.
const SECOND_START: Duration = Duration::from_millis(20);
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);

/// RFC 8305 §8: nor above 2 s.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// One address of one endpoint, in the order in which to try it: for apps whose own SDK dials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The endpoint: its URL, host and subprotocol.
    pub endpoint: Endpoint,
    /// Where to dial it: with a proxy, the proxy.
    pub address: SocketAddr,
    /// When to start it, after the first, unless an earlier one succeeds; a failure starts the
    /// next at once.
    pub delay: Duration,
}

/// The addresses of these endpoints, in the order in which to try them.
pub(super) async fn candidates(
    racer: &Racer,
    learner: &Learner,
    endpoints: &[Endpoint],
) -> Result<Vec<Candidate>, ConnectError> {
    let started = Instant::now();
    let dialer = racer.dialer();
    let look_ups = racer.answers().look_ups();
    let lookups = endpoints.iter().map(|one| look_ups.addresses(one));
    let (mut found, mut attempts) = (Vec::new(), Vec::new());
    for (endpoint, answer) in endpoints.iter().zip(join_all(lookups).await) {
        match answer {
            Ok(addresses) => {
                let port = dialer.peer(endpoint).port;
                let at = |ip| (endpoint.clone(), SocketAddr::new(ip, port));
                found.extend(interleave(&addresses).into_iter().map(at));
            }
            Err(failure) => {
                let failed = AttemptOutcome::Failed(failure);
                let mut attempt = Attempt::new(endpoint.clone(), failed);
                attempt.ended = started.elapsed();
                attempts.push(attempt);
            }
        }
    }
    if found.is_empty() {
        return Err(ConnectError::new(attempts, started.elapsed(), false));
    }
    Ok(in_turn(racer, learner, endpoints, found))
}

/// The order in which a race one wide would try them if each failed, and when each is late.
fn in_turn(
    racer: &Racer,
    learner: &Learner,
    endpoints: &[Endpoint],
    found: Vec<memory::Candidate>,
) -> Vec<Candidate> {
    let mut memory = learner.memory();
    found.iter().for_each(|one| memory.list(one));
    let winner = memory.last_winner(endpoints);
    let entries: Vec<race::Candidate> = (found.iter())
        .map(|one| race::Candidate {
            forecast: memory.expect(one, winner.as_ref()),
            last_resort: racer.is_last_resort(one),
            accelerated: one.0.variant() == Variant::Acceleration,
        })
        .collect();
    let mut race = Race::new(IN_TURN, memory.syn_trust());
    drop(memory);
    for entry in &entries {
        race.add(*entry, Duration::ZERO);
    }
    race.no_more();
    let cold = !entries.iter().any(|one| one.forecast.verified);
    let (mut turns, mut delay) = (Vec::new(), Duration::ZERO);
    while let Action::Dial(attempt) = race.next(Duration::ZERO) {
        race.failed(attempt, Severity::Soft);
        let (endpoint, address) = found[attempt.index()].clone();
        turns.push(Candidate {
            endpoint,
            address,
            delay,
        });
        delay += match (cold, turns.len()) {
            (true, 1) => SECOND_START,
            (true, _) => ATTEMPT_DELAY,
            (false, _) => patience(&entries[attempt.index()].forecast),
        };
    }
    turns
}

/// What a dial of the app's own showed, which took so long to its open WebSocket or its end.
pub(super) fn observation(outcome: &Result<(), Failure>, elapsed: Duration) -> Observation {
    Observation {
        whole_ms: outcome.is_ok().then_some(elapsed.as_secs_f64() * 1e3),
        opened: outcome.is_ok(),
        failure: outcome.as_ref().err().map(severity),
        ..Observation::default()
    }
}

/// How long it may take from its start to an open WebSocket, one time in twenty longer.
fn patience(forecast: &Forecast) -> Duration {
    const Z: f64 = 1.64;
    let variance = forecast.syn.variance + forecast.rest.variance + NOISE;
    let ms = (forecast.syn_ms() + forecast.rest_ms()) * (Z * variance.sqrt()).exp();
    Duration::from_secs_f64((ms / 1e3).min(LONGEST_DELAY.as_secs_f64())).max(ATTEMPT_DELAY)
}
