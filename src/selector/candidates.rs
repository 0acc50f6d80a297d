//! For apps whose own SDK dials: the addresses to try, as they become known, and what their dials
//! teach.

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

/// One at a time. If nothing is known, every host is tried once before any host's second address.
const IN_TURN: Width = Width {
    cold_dials: usize::MAX,
    foretold_dials: usize::MAX,
    ..Width::ONE
};

/// The second start comes early if nothing is known: the first host may be the slow or dead one of two.
/// After that, RFC 8305 §8 applies: a fixed connection attempt delay must not be below 100 ms.
const SECOND_START: Duration = Duration::from_millis(20);
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);

/// RFC 8305 §8: the longest connection attempt delay.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// RFC 8305 §3: the resolution delay. Here it delays a host's second address, and a doubtful address,
/// while names are still being looked up.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Times that are believed. A shorter one was not measured. During a longer one the app was suspended:
/// a kernel gives up on a SYN after about two minutes.
const CREDIBLE: RangeInclusive<Duration> = Duration::from_micros(100)..=Duration::from_secs(120);

/// An address of an endpoint that an app may dial with its own SDK.
///
/// [`Selector::candidates`](crate::Selector::candidates) yields candidates. Connect to
/// [`address`](Self::address), and use the [`endpoint`](Self::endpoint)'s host name for TLS (SNI and
/// certificate verification) and its URL for the WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The endpoint, with its URL, host and subprotocol.
    pub endpoint: Endpoint,
    /// The address to dial; the proxy's, if one leads to the endpoint.
    pub address: SocketAddr,
    /// How long after the start of the previous candidate to start this one, as long as none has
    /// succeeded. If all started candidates have failed, start this one immediately.
    pub delay: Duration,
    epoch: Epoch,
    /// How many WebSockets had opened when its stream began.
    opened_before: u64,
}

/// How the app's own dial of a [`Candidate`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialOutcome {
    /// The WebSocket is open.
    Opened,
    /// The dial failed.
    Failed(Failure),
    /// The app cancelled the dial because another candidate had opened, or because it stopped waiting.
    ///
    /// If no candidate has opened since the stream began, the selector ignores this report: the network
    /// is then the likelier cause of the silence.
    GivenUp,
}

impl Candidate {
    /// Whether it was yielded in this epoch.
    pub(super) fn is_of(&self, epoch: Epoch) -> bool {
        self.epoch == epoch
    }

    /// What the app's dial shows, if anything. `elapsed` is the time to the open WebSocket, or to the
    /// end of the dial.
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
                // As in a race, silence counts only if another candidate opened.
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

/// The stream of candidates. It begins at the first poll.
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

/// Yields candidates in the order in which a race of width one would try them if each one failed.
struct Turns {
    selector: Arc<Inner>,
    endpoints: Vec<Endpoint>,
    look_ups: FuturesUnordered<BoxFuture<'static, (usize, Family, LookedUp)>>,
    /// Why an endpoint has no address so far, and when that became known.
    failed: Vec<Option<(Failure, Duration)>>,
    race: Race,
    last_winner: Option<memory::Candidate>,
    /// By attempt.
    known: Vec<Known>,
    /// The forecasts of the yielded candidates, in order.
    handed_out: Vec<Forecast>,
    epoch: Epoch,
    opened_before: u64,
    started: Instant,
    /// When the first address became known.
    first: Option<Instant>,
}

struct Known {
    candidate: memory::Candidate,
    entry: race::Candidate,
    handed_out: bool,
}

/// Even if the app drops the stream early, the DNS answers still under way are taken in. Otherwise an
/// address that the service has abandoned might be remembered for ever.
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
    /// Starts all DNS lookups. Addresses that opened on this network before are candidates already.
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

    /// Starts a DNS lookup of every name in every family.
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

    /// The next candidate, or why there is none.
    async fn next(&mut self) -> Option<Result<Candidate, ConnectError>> {
        loop {
            // Answers that arrive together are weighed together.
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

    /// Adds the addresses of a DNS answer.
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
            // A missing address in one family doesn't hide another failure in the other.
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

    /// Until when to wait for better candidates than the known ones; `None` if there is no reason to
    /// wait.
    fn held_until(&self) -> Option<Instant> {
        let until = self.first? + RESOLUTION_DELAY;
        let over = self.look_ups.is_empty() || Instant::now() >= until;
        let mut waiting = self.known.iter().filter(|one| !one.handed_out);
        (!over && !waiting.any(|one| self.is_good(one))).then_some(until)
    }

    /// Whether it may be yielded without waiting: it opened before, or is its host's first, and is
    /// neither a last resort nor in a break.
    fn is_good(&self, one: &Known) -> bool {
        let host = one.entry.forecast.place.host;
        let tried = |other: &Known| other.handed_out && other.entry.forecast.place.host == host;
        let familiar = self.known.iter().any(tried);
        !one.entry.last_resort
            && !one.entry.forecast.breaker_open
            && (one.entry.forecast.verified || !familiar)
    }

    /// Yields the candidate that the race would try next.
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

    /// The delay of the next candidate after the last yielded one.
    fn delay(&self) -> Duration {
        let cold = !self.known.iter().any(|one| one.entry.forecast.verified);
        match self.handed_out.as_slice() {
            [] => Duration::ZERO,
            [_] if cold => SECOND_START,
            [.., last] if !cold => patience(last),
            _ => ATTEMPT_DELAY,
        }
    }

    /// Why there was no candidate, if that is so and not yet reported.
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
        // The failures were taken, so this is returned once.
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

/// The time to an open WebSocket that is exceeded once in twenty times, within the bounds of RFC 8305.
fn patience(forecast: &Forecast) -> Duration {
    const Z: f64 = 1.64;
    let variance = forecast.syn.variance + forecast.rest.variance + NOISE;
    let ms = (forecast.syn_ms() + forecast.rest_ms()) * (Z * variance.sqrt()).exp();
    Duration::from_secs_f64((ms / 1e3).min(LONGEST_DELAY.as_secs_f64())).max(ATTEMPT_DELAY)
}
