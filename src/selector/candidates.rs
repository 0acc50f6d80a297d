//! For apps whose own SDK dials: the addresses to try, as they become known, and learning how each
//! attempt ended.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::forecast::{Forecast, NOISE};
use easelect_engine::health::Severity;
use easelect_engine::id::AttemptId;
use easelect_engine::observation::{Measured, Observation};
use easelect_engine::race::{self, Action, Race, Width};
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered, Stream};
use futures::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Inner;
use super::memory::{self, Epoch, Memory, severity};
use crate::catalog::Endpoint;
use crate::connection::ConnectError;
use crate::dialer::LookedUp;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::resolve::Family;
use crate::sample::{Attempt, AttemptOutcome};

/// One at a time; when nothing is known, on every host before any host's second address.
const IN_TURN: Width = Width {
    cold_dials: usize::MAX,
    foretold_dials: usize::MAX,
    ..Width::ONE
};

/// When nothing is known, the second start comes early: the first host may be the slow or dead one
/// of two. Then RFC 8305 §8: a connection attempt delay must not be below 100 ms when it is fixed.
const SECOND_START: Duration = Duration::from_millis(20);
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);

/// RFC 8305 §8: nor above 2 s.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// RFC 8305 §3: the resolution delay, here before a second address of a host, or one that is
/// doubtful, is handed out although names are still looked up.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// A shorter time was not measured, and in a longer one the app was suspended: a kernel's SYNs end
/// after some two minutes.
const CREDIBLE: RangeInclusive<Duration> = Duration::from_micros(100)..=Duration::from_secs(120);

/// One address of one endpoint, for apps whose own SDK dials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The endpoint: its URL, host and subprotocol.
    pub endpoint: Endpoint,
    /// Where to dial it: with a proxy, the proxy.
    pub address: SocketAddr,
    /// How long to wait after the start of the candidate before it until this one is started, too,
    /// unless one that was started has succeeded. When all that were started have failed, it means
    /// nothing: start this one at once.
    pub delay: Duration,
    epoch: Epoch,
    /// How many had opened when it was handed out.
    opened_before: u64,
}

/// What became of a [`Candidate`] that the app dialled itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialOutcome {
    /// Its WebSocket is open.
    Opened,
    /// It failed.
    Failed(Failure),
    /// It was silent until another had opened, or until the app stopped waiting. Nothing is learned
    /// where none has opened since the candidate's stream began: that says more of the network.
    GivenUp,
}

impl Candidate {
    /// Whether it was handed out in this epoch.
    pub(super) fn is_of(&self, epoch: Epoch) -> bool {
        self.epoch == epoch
    }

    /// What a dial of the app's own showed, which took so long to its open WebSocket or its end; if
    /// it says anything.
    pub(super) fn observation(
        &self,
        memory: &Memory,
        outcome: &DialOutcome,
        elapsed: Duration,
    ) -> Option<Observation> {
        let credible = CREDIBLE.contains(&elapsed);
        let ms = elapsed.as_secs_f64() * 1e3;
        match outcome {
            DialOutcome::Opened => Some(Observation {
                whole: credible.then_some(Measured::Took(ms)),
                opened: true,
                ..Observation::default()
            }),
            DialOutcome::Failed(failure) => Some(Observation {
                at_address: failure.phase() == Phase::Connect,
                ..Observation::of_failure(severity(failure))
            }),
            DialOutcome::GivenUp => {
                // As in a race: where nobody opened, silence says more of the network.
                let overtaken = memory.opened() > self.opened_before;
                let expected = memory.expect(&(self.endpoint.clone(), self.address), None);
                let late = elapsed > patience(&expected);
                (credible && overtaken).then(|| Observation {
                    whole: Some(Measured::AtLeast(ms)),
                    failure: late.then_some(Severity::Doubt),
                    ..Observation::default()
                })
            }
        }
    }
}

/// The addresses to try, from the first poll on.
pub(super) fn candidates(
    selector: Arc<Inner>,
) -> impl Stream<Item = Result<Candidate, ConnectError>> + Send + Unpin + use<> {
    let begun = async move { Turns::begin(selector) };
    let turns = |turns: Turns| {
        stream::unfold(turns, async |mut turns| {
            let turn = turns.next().await?;
            Some((turn, turns))
        })
    };
    begun.map(turns).flatten_stream().fuse().boxed()
}

/// The order in which a race one wide would try them if each failed, as they become known.
struct Turns {
    selector: Arc<Inner>,
    endpoints: Vec<Endpoint>,
    look_ups: FuturesUnordered<BoxFuture<'static, (usize, Family, LookedUp)>>,
    /// Why an endpoint has no address so far, and since when that is known.
    failed: Vec<Option<(Failure, Duration)>>,
    race: Race,
    last_winner: Option<memory::Candidate>,
    /// By the number of its attempt.
    known: Vec<Known>,
    /// The forecasts of those handed out, in that order.
    handed_out: Vec<Forecast>,
    epoch: Epoch,
    opened_before: u64,
    started: Instant,
    /// When the first became known.
    first: Option<Instant>,
}

struct Known {
    candidate: memory::Candidate,
    entry: race::Candidate,
    handed_out: bool,
}

/// An app that takes the first and goes learns what DNS says, too: what it has given up might be
/// remembered for ever.
impl Drop for Turns {
    fn drop(&mut self) {
        let Inner { racer, learner, .. } = &*self.selector;
        if self.handed_out.is_empty() || Handle::try_current().is_err() {
            return;
        }
        for endpoint in &self.endpoints {
            for family in racer.dialer().families().list() {
                let take = learner.lister(*family, self.epoch);
                racer.answers().follow(endpoint, *family, take);
            }
        }
    }
}

impl Turns {
    /// Begins to look all names up. What opened here before is known already.
    fn begin(selector: Arc<Inner>) -> Self {
        selector.look_at_network();
        let endpoints = selector.racer.shuffled(selector.websocket.eligible());
        let memory = selector.learner.memory();
        let remembered = selector.racer.remembered(&endpoints, &memory);
        let mut turns = Turns {
            look_ups: FuturesUnordered::new(),
            failed: vec![None; endpoints.len()],
            race: Race::new(IN_TURN, memory.syn_trust()),
            last_winner: memory.last_winner(&endpoints),
            known: Vec::new(),
            handed_out: Vec::new(),
            epoch: memory.epoch(),
            opened_before: memory.opened(),
            started: Instant::now(),
            first: None,
            endpoints,
            selector: Arc::clone(&selector),
        };
        for (_, candidate) in remembered {
            if memory.expect(&candidate, None).verified {
                turns.add(candidate, &memory);
            }
        }
        drop(memory);
        turns.look_up();
        turns
    }

    /// Asks for every name in every family.
    fn look_up(&mut self) {
        let racer = &self.selector.racer;
        let (families, timeout) = (racer.dialer().families(), racer.dialer().attempt_timeout());
        for (number, endpoint) in self.endpoints.iter().enumerate() {
            for family in families.list() {
                let (look_ups, endpoint) = (racer.answers().look_ups().clone(), endpoint.clone());
                self.look_ups.push(Box::pin(async move {
                    let looked_up = look_ups.look_up(&endpoint, *family, timeout, Duration::MAX);
                    (number, *family, looked_up.await)
                }));
            }
        }
    }

    /// The next one to try; or why there is none at all.
    async fn next(&mut self) -> Option<Result<Candidate, ConnectError>> {
        loop {
            // What is answered at one time is weighed together.
            while let Some(Some(answer)) = self.look_ups.next().now_or_never() {
                self.answered(answer);
            }
            if self.look_ups.is_empty() {
                self.race.no_more();
            }
            let held_until = self.held_until();
            if held_until.is_none()
                && let Some(candidate) = self.turn()
            {
                return Some(Ok(candidate));
            }
            if self.look_ups.is_empty() {
                return self.error().map(Err);
            }
            tokio::select! {
                biased;
                Some(answer) = self.look_ups.next() => self.answered(answer),
                () = sleep_until(held_until) => {}
            }
        }
    }

    /// Takes an answer in.
    fn answered(&mut self, (number, family, looked_up): (usize, Family, LookedUp)) {
        let endpoint = &self.endpoints[number];
        let said = &looked_up.outcome;
        let mut memory = self.selector.learner.memory();
        memory.list(endpoint, family, said, self.epoch);
        drop(memory);
        match looked_up.outcome {
            Ok(found) => {
                let selector = Arc::clone(&self.selector);
                let port = selector.racer.dialer().peer(endpoint).port;
                let at = |ip: &IpAddr| (endpoint.clone(), SocketAddr::new(*ip, port));
                let candidates: Vec<_> = found.addresses.iter().map(at).collect();
                let memory = selector.learner.memory();
                for candidate in candidates {
                    let attempt = self.add(candidate, &memory);
                    self.race.given(attempt);
                }
            }
            // That there is none in one family says nothing of the other.
            Err(failure) => match &self.failed[number] {
                Some(_) if failure.kind() == FailureKind::NoAddress => {}
                _ => self.failed[number] = Some((failure, self.started.elapsed())),
            },
        }
    }

    fn add(&mut self, candidate: memory::Candidate, memory: &Memory) -> AttemptId {
        let mut known = self.known.iter();
        if let Some(index) = known.position(|one| one.candidate == candidate) {
            return AttemptId::new(index);
        }
        let racer = &self.selector.racer;
        let entry = racer.entry(&candidate, self.last_winner.as_ref(), memory);
        let attempt = self.race.add(entry, self.started.elapsed());
        debug_assert_eq!(attempt.index(), self.known.len());
        self.known.push(Known {
            candidate,
            entry,
            handed_out: false,
        });
        self.first.get_or_insert_with(Instant::now);
        attempt
    }

    /// Until when to wait for better ones than those that are known, if that is still worth it.
    fn held_until(&self) -> Option<Instant> {
        let until = self.first? + RESOLUTION_DELAY;
        let over = self.look_ups.is_empty() || Instant::now() >= until;
        let mut waiting = self.known.iter().filter(|one| !one.handed_out);
        (!over && !waiting.any(|one| self.is_good(one))).then_some(until)
    }

    /// It opened before, or is a host's first; and nothing bars it.
    fn is_good(&self, one: &Known) -> bool {
        let host = one.entry.forecast.place.host;
        let tried = |other: &Known| other.handed_out && other.entry.forecast.place.host == host;
        let familiar = self.known.iter().any(tried);
        !one.entry.last_resort
            && !one.entry.forecast.breaker_open
            && (one.entry.forecast.verified || !familiar)
    }

    /// Hands out whom the race would try next.
    fn turn(&mut self) -> Option<Candidate> {
        let Action::Dial(attempt) = self.race.next(self.started.elapsed()) else {
            return None;
        };
        self.race.failed(attempt, Severity::Soft);
        let delay = self.delay();
        let one = &mut self.known[attempt.index()];
        one.handed_out = true;
        self.handed_out.push(one.entry.forecast);
        let (endpoint, address) = one.candidate.clone();
        Some(Candidate {
            endpoint,
            address,
            delay,
            epoch: self.epoch,
            opened_before: self.opened_before,
        })
    }

    /// How long the next one waits for the last that was handed out.
    fn delay(&self) -> Duration {
        let cold = !self.known.iter().any(|one| one.entry.forecast.verified);
        match self.handed_out.as_slice() {
            [] => Duration::ZERO,
            [_] if cold => SECOND_START,
            [.., last] if !cold => patience(last),
            _ => ATTEMPT_DELAY,
        }
    }

    /// Why there was none at all.
    fn error(&mut self) -> Option<ConnectError> {
        if !self.handed_out.is_empty() {
            return None;
        }
        let failed = self.failed.iter_mut().map(Option::take);
        let attempts: Vec<Attempt> = (self.endpoints.iter().zip(failed))
            .filter_map(|(endpoint, failed)| {
                let (failure, ended) = failed?;
                let outcome = AttemptOutcome::Failed(failure);
                let mut attempt = Attempt::new(endpoint.clone(), outcome);
                attempt.ended = ended;
                Some(attempt)
            })
            .collect();
        // It is told once.
        let elapsed = self.started.elapsed();
        (!attempts.is_empty()).then(|| ConnectError::new(attempts, elapsed, false))
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// How long it may take from its start to an open WebSocket, one time in twenty longer.
fn patience(forecast: &Forecast) -> Duration {
    const Z: f64 = 1.64;
    let variance = forecast.syn.variance + forecast.rest.variance + NOISE;
    let ms = (forecast.syn_ms() + forecast.rest_ms()) * (Z * variance.sqrt()).exp();
    Duration::from_secs_f64((ms / 1e3).min(LONGEST_DELAY.as_secs_f64())).max(ATTEMPT_DELAY)
}
