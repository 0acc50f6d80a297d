//! For apps whose own SDK dials: what to try in which order, and what became of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use easelect_engine::forecast::{Forecast, NOISE};
use easelect_engine::health::Severity;
use easelect_engine::observation::Observation;
use easelect_engine::race::{self, Action, Race, Width};
use futures::future::join_all;
use tokio::time::Instant;

use super::memory::{self, severity};
use super::{Selector, lock, race as driver};
use crate::catalog::{Endpoint, Variant};
use crate::connection::ConnectError;
use crate::failure::Failure;
use crate::phase::Timings;
use crate::resolve::interleave;
use crate::sample::{Attempt, AttemptOutcome};

/// Longer than glibc's first try at a silent server (5 s) would only wait for its second.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

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

impl Selector {
    /// The addresses to try, in order, with their delays: for apps whose own SDK dials. Tell what
    /// became of them with [`report`](Self::report). Waits for every look-up, 5 s at most.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when no name could be resolved.
    pub async fn candidates(&self) -> Result<Vec<Candidate>, ConnectError> {
        let started = Instant::now();
        self.look_around();
        let plan = self.plan(&self.0.service);
        let lookups = plan
            .endpoints
            .iter()
            .map(|endpoint| self.addresses(endpoint));
        let (mut found, mut attempts) = (Vec::new(), Vec::new());
        for (endpoint, answer) in plan.endpoints.iter().zip(join_all(lookups).await) {
            match answer {
                Ok(addresses) => {
                    let port = self.0.names.peer(endpoint).port;
                    let at = |ip| (endpoint.clone(), SocketAddr::new(ip, port));
                    found.extend(interleave(&addresses).into_iter().map(at));
                }
                Err(failure) => attempts.push(Attempt {
                    endpoint: endpoint.clone(),
                    path: endpoint.path().to_owned(),
                    address: None,
                    started: Duration::ZERO,
                    ended: started.elapsed(),
                    timings: Timings::default(),
                    outcome: AttemptOutcome::Failed(failure),
                }),
            }
        }
        if found.is_empty() {
            return Err(ConnectError {
                attempts,
                elapsed: started.elapsed(),
                timed_out: false,
            });
        }
        Ok(self.in_turn(&plan.endpoints, found))
    }

    /// The order in which a race one wide would try them if each failed, and when each is late.
    fn in_turn(&self, endpoints: &[Endpoint], found: Vec<memory::Candidate>) -> Vec<Candidate> {
        let mut memory = lock(&self.0.memory);
        let winner = memory.last_winner(endpoints);
        let entries: Vec<race::Candidate> = (found.iter())
            .map(|one| race::Candidate {
                forecast: Forecast {
                    last_winner: winner.as_ref() == Some(one),
                    ..memory.forecast(one, true)
                },
                last_resort: driver::is_last_resort(&self.0.names, &one.0, one.1),
                accelerated: one.0.variant() == Variant::Acceleration,
            })
            .collect();
        let mut race = Race::new(IN_TURN, memory.gate());
        drop(memory);
        for entry in &entries {
            race.add(*entry, Duration::ZERO);
        }
        race.no_more();
        let cold = !entries.iter().any(|one| one.forecast.verified);
        let (mut turns, mut delay) = (Vec::new(), Duration::ZERO);
        while let Action::Dial(number) = race.next(Duration::ZERO) {
            race.failed(number, Severity::Soft);
            let (endpoint, address) = found[number].clone();
            turns.push(Candidate {
                endpoint,
                address,
                delay,
            });
            delay += match (cold, turns.len()) {
                (true, 1) => SECOND_START,
                (true, _) => ATTEMPT_DELAY,
                (false, _) => patience(&entries[number].forecast),
            };
        }
        turns
    }

    pub(super) async fn addresses(&self, endpoint: &Endpoint) -> Result<Vec<IpAddr>, Failure> {
        let names = &self.0.names;
        let peer = names.peer(endpoint);
        let families =
            names.families.list().iter().map(|family| {
                names.lookup(peer.host, peer.port, *family, peer.trust, LOOKUP_TIMEOUT)
            });
        let mut found = Vec::new();
        let mut failed = None;
        for answer in join_all(families).await {
            match answer {
                Ok(addresses) => found.extend(addresses),
                Err(failure) => failed = Some(failure),
            }
        }
        match failed {
            Some(failure) if found.is_empty() => Err(failure),
            _ => Ok(found),
        }
    }

    /// Tells what became of a candidate that the app dialled itself: nothing or a failure, after
    /// `elapsed` from its start to its open WebSocket or its end.
    pub fn report(&self, candidate: &Candidate, outcome: Result<(), Failure>, elapsed: Duration) {
        let observation = Observation {
            whole_ms: outcome.is_ok().then_some(elapsed.as_secs_f64() * 1e3),
            opened: outcome.is_ok(),
            failure: outcome.as_ref().err().map(severity),
            ..Observation::default()
        };
        let reported = (candidate.endpoint.clone(), candidate.address);
        self.0
            .learn_one(lock(&self.0.memory), &reported, observation);
        self.0.keep();
    }
}

/// How long it may take from its start to an open WebSocket, one time in twenty longer.
fn patience(forecast: &Forecast) -> Duration {
    const Z: f64 = 1.64;
    let variance = forecast.syn.variance + forecast.rest.variance + NOISE;
    let ms = (forecast.syn_ms() + forecast.rest_ms()) * (Z * variance.sqrt()).exp();
    Duration::from_secs_f64((ms / 1e3).min(LONGEST_DELAY.as_secs_f64())).max(ATTEMPT_DELAY)
}
