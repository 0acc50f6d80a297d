//! Runs the engine's [`Race`] with real DNS lookups, dials and handshakes.
//!
//! Everything except DNS lookups runs inside one future: dropping it drops every socket.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use easelect_engine::forecast::Forecast;
use easelect_engine::id::AttemptId;
use easelect_engine::observation::Observation;
use easelect_engine::race::{self, Action, Race, Width};
use futures::future::{AbortHandle, Abortable, BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::answers::Answers;
use super::learner::Learner;
use super::lock;
use super::memory::{Candidate, Epoch, Memory, severity};
use crate::catalog::{Endpoint, Variant};
use crate::connect::{ByteStream, Transport};
use crate::connection::{ConnectError, Opening};
use crate::dialer::{Dialer, LookedUp};
use crate::failure::{Failure, FailureKind};
use crate::handshake::{Exchange, Handshake, Paths, Progress, Secured, Target};
use crate::phase::{EarlyData, Phase};
use crate::resolve::{Family, is_bogus, is_local, is_translated};
use crate::sample::{Attempt, AttemptOutcome};

/// More than a race dials at once on a network where nothing opened yet, so that it has a choice and
/// spares.
const MOST_ELSEWHERE: usize = 16;

/// Runs races: knows how endpoints are reached and which of their paths is right.
#[derive(Debug)]
pub(super) struct Racer {
    dialer: Dialer,
    answers: Answers,
    handshake: Handshake,
    paths: Paths,
    deadline: Duration,
    random: Mutex<fastrand::Rng>,
}

/// The outcome of a race, and what it showed.
pub(super) struct Ended<T> {
    pub(super) outcome: Result<(T, Opening), ConnectError>,
    pub(super) observations: Vec<(Candidate, Observation)>,
    /// Candidates that may be probed in the background: all known ones, dialled or not, except those
    /// that only a local proxy answers, whose times say nothing.
    pub(super) probeable: Vec<Candidate>,
    /// The delay that the access link adds to all candidates alike.
    pub(super) queue_ms: f64,
}

impl Racer {
    pub(super) fn new(dialer: Dialer, handshake: Handshake, deadline: Duration, seed: u64) -> Self {
        Racer {
            answers: Answers::new(dialer.clone()),
            dialer,
            handshake,
            paths: Paths::default(),
            deadline,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
        }
    }

    pub(super) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The deadline of a race.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(super) fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// A uniform random number, 0 ≤ u < 1.
    pub(super) fn random(&self) -> f64 {
        lock(&self.random).f64()
    }

    /// Shuffles endpoints, so that many clients that know nothing don't all start with the same host.
    /// What is known decides in the race.
    pub(super) fn shuffled(&self, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
        lock(&self.random).shuffle(&mut endpoints);
        endpoints
    }

    /// Whether only a proxy or a hijacker on the path can answer at this address.
    pub(super) fn is_last_resort(&self, (endpoint, address): &Candidate) -> bool {
        self.dialer.peer(endpoint).is_public && is_local(address.ip())
    }

    /// Addresses that DNS returned before, with the index of the endpoint. They are dialled while the
    /// name is looked up again. An outdated address does no harm, because TLS proves who answers.
    pub(super) fn remembered(
        &self,
        endpoints: &[Endpoint],
        memory: &Memory,
    ) -> Vec<(usize, Candidate)> {
        let mut remembered = Vec::new();
        for (number, endpoint) in endpoints.iter().enumerate() {
            // A proxy's password must not go to an outdated address.
            let peer = self.dialer.peer(endpoint);
            if peer.proxy.is_some() {
                continue;
            }
            for address in memory.remembered(endpoint) {
                let family = Family::of(address.ip());
                // Its address is known without DNS.
                if self.dialer.known(&peer, family).is_some() {
                    continue;
                }
                // A local proxy may make up another address the next time. A local address from a
                // company's own DNS has opened before.
                let candidate = (endpoint.clone(), address);
                let made_up = self.is_last_resort(&candidate) && !memory.is_proven(&candidate);
                if self.dialer.families().list().contains(&family) && !made_up {
                    remembered.push((number, candidate));
                }
            }
        }
        remembered
    }

    /// Public addresses that opened on other networks, with the index of the endpoint. They are dialled
    /// during DNS lookups on networks where nothing opened yet.
    fn proven_elsewhere(&self, endpoints: &[Endpoint], memory: &Memory) -> Vec<(usize, Candidate)> {
        let proven = memory.proven_elsewhere(endpoints).into_iter();
        let possible = proven.filter(|(_, (endpoint, address))| {
            let (family, peer) = (Family::of(address.ip()), self.dialer.peer(endpoint));
            let is_possible = !peer.is_public || !is_bogus(address.ip());
            is_possible
                && peer.proxy.is_none()
                && !is_local(address.ip())
                && !is_translated(address.ip())
                && self.dialer.families().list().contains(&family)
                && self.dialer.known(&peer, family).is_none()
        });
        possible.take(MOST_ELSEWHERE).collect()
    }

    /// The engine's candidate, as remembered, until DNS returns its address. `last_winner` is the rival
    /// that won last.
    pub(super) fn entry(
        &self,
        candidate: &Candidate,
        last_winner: Option<&Candidate>,
        memory: &Memory,
    ) -> race::Candidate {
        race::Candidate {
            forecast: memory.expect(candidate, last_winner),
            id: memory.id(candidate),
            last_resort: self.is_last_resort(candidate),
            accelerated: candidate.0.variant() == Variant::Acceleration,
            remembered: true,
        }
    }

    /// Runs a race to its end or to the deadline.
    pub(super) async fn run<E: Exchange>(
        &self,
        endpoints: &[Endpoint],
        exchange: E,
        width: Width,
        learner: &Learner,
    ) -> Ended<E::Opened> {
        let mut driver = Driver::new(self, endpoints, exchange, width, learner);
        // Cached DNS answers come first, so that addresses that are no longer returned are not dialled.
        driver.look_up();
        let _ = driver.catch_up();
        driver.remember();
        let deadline = driver.started + self.deadline;
        // One timer for the whole race: each new one may cost a system call.
        let mut timer = pin!(tokio::time::sleep_until(deadline));
        let outcome = loop {
            // Events that happened together are handled together: if two families are answered at once,
            // the race must not dial only the first on every host.
            if let Some((attempt, winner)) = driver.catch_up() {
                break Ok(driver.won(attempt, winner));
            }
            if driver.is_shut_out {
                break Err(driver.lost(false).shut_out());
            }
            // The deadline counts even if other events are due.
            if Instant::now() >= deadline {
                break Err(driver.lost(true));
            }
            let wake = match driver.act() {
                Action::GiveUp => break Err(driver.lost(false)),
                Action::WaitUntil(at) => (driver.started + at).min(deadline),
                _ => deadline,
            };
            if timer.deadline() != wake {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                Some(event) = driver.events.next() => {
                    if let Some((attempt, winner)) = driver.on(event) {
                        break Ok(driver.won(attempt, winner));
                    }
                }
                () = timer.as_mut() => {}
            }
        };
        driver.end(outcome)
    }
}

enum Event<T> {
    Lookup {
        endpoint: usize,
        family: Family,
        looked_up: LookedUp,
    },
    Dialled(AttemptId, ByteStream),
    Secured(AttemptId, String, Box<Secured>),
    Opened(AttemptId, Winner<T>),
    Failed(AttemptId, Failure),
    /// A cancelled attempt.
    GivenUp,
}

/// The winner: the right path, and what opened there.
struct Winner<T> {
    path: String,
    opened: T,
}

/// The attempt of one candidate.
struct Running {
    endpoint: usize,
    address: SocketAddr,
    /// How long the DNS lookup took; `None` if there was none.
    resolve: Option<Duration>,
    progress: Progress,
    started: Option<Instant>,
    ended: Option<Instant>,
    failure: Option<Failure>,
    abort: Option<AbortHandle>,
    /// The TCP connection, while it waits for the handshake.
    io: Option<ByteStream>,
    /// Whether its TLS handshake is under way.
    is_shaking: bool,
}

/// A race under way.
struct Driver<'a, E: Exchange> {
    racer: &'a Racer,
    endpoints: &'a [Endpoint],
    exchange: E,
    learner: &'a Learner,
    race: Race,
    epoch: Epoch,
    last_winner: Option<Candidate>,
    /// The forecasts at the start of the race.
    outlook: Vec<Forecast>,
    running: Vec<Running>,
    events: FuturesUnordered<BoxFuture<'a, Event<E::Opened>>>,
    /// DNS lookups under way: the index of the endpoint, and the family.
    lookups: Vec<(usize, Family)>,
    failed_lookups: Vec<Attempt>,
    started: Instant,
    /// A proxy that leads to every endpoint refused its user and password. Retrying a wrong password
    /// may lock the user's account.
    is_shut_out: bool,
}

impl<'a, E: Exchange + 'a> Driver<'a, E> {
    fn new(
        racer: &'a Racer,
        endpoints: &'a [Endpoint],
        exchange: E,
        width: Width,
        learner: &'a Learner,
    ) -> Self {
        let memory = learner.memory();
        let (trust, last_winner) = (memory.syn_trust(), memory.last_winner(endpoints));
        let (outlook, kinship) = memory.outlook();
        let epoch = memory.epoch();
        drop(memory);
        Driver {
            racer,
            endpoints,
            exchange,
            learner,
            race: Race::new(width, trust).among(kinship),
            epoch,
            last_winner,
            outlook,
            running: Vec::new(),
            events: FuturesUnordered::new(),
            lookups: Vec::new(),
            failed_lookups: Vec::new(),
            started: Instant::now(),
            is_shut_out: false,
        }
    }

    /// The time since the race began.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn endpoint_of(&self, one: &Running) -> &'a Endpoint {
        &self.endpoints[one.endpoint]
    }

    /// Adds the candidates that are dialled while their names are looked up.
    fn remember(&mut self) {
        let mut memory = self.learner.memory();
        let mut remembered = self.racer.remembered(self.endpoints, &memory);
        if self.last_winner.is_none() && memory.epoch() == self.epoch {
            let elsewhere = self.racer.proven_elsewhere(self.endpoints, &memory);
            // Unknown hosts would all get the same id.
            elsewhere.iter().for_each(|(_, one)| memory.note(one));
            remembered.extend(elsewhere);
        }
        drop(memory);
        for (endpoint, candidate) in remembered {
            self.add(endpoint, candidate, None);
        }
    }

    /// Starts a DNS lookup of every name in every family.
    fn look_up(&mut self) {
        let racer = self.racer;
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            for family in racer.dialer.families().list() {
                self.lookups.push((index, *family));
                self.events.push(Box::pin(async move {
                    let (look_ups, within) = (racer.answers.look_ups(), racer.deadline);
                    let looked_up = look_ups.look_up(endpoint, *family, within, within);
                    Event::Lookup {
                        endpoint: index,
                        family: *family,
                        looked_up: looked_up.await,
                    }
                }));
            }
        }
    }

    /// Adds a candidate. `resolve` is how long its DNS lookup took, if there was one.
    fn add(
        &mut self,
        endpoint: usize,
        candidate: Candidate,
        resolve: Option<Duration>,
    ) -> AttemptId {
        let address = candidate.1;
        let known = |one: &Running| (one.endpoint, one.address) == (endpoint, address);
        if let Some(index) = self.running.iter().position(known) {
            return AttemptId::new(index);
        }
        let memory = self.learner.memory();
        let mut entry = (self.racer).entry(&candidate, self.last_winner.as_ref(), &memory);
        drop(memory);
        if let Some(known) = entry.id.and_then(|id| self.outlook.get(id.index())) {
            let last_winner = entry.forecast.last_winner;
            entry.forecast = Forecast {
                last_winner,
                ..*known
            };
        }
        let attempt = self.race.add(entry, self.now());
        debug_assert_eq!(attempt.index(), self.running.len());
        self.running.push(Running {
            endpoint,
            address,
            resolve,
            progress: Progress::new(),
            started: None,
            ended: None,
            failure: None,
            abort: None,
            io: None,
            is_shaking: false,
        });
        attempt
    }

    /// Handles all events that are due. Returns the winner, if there is one.
    fn catch_up(&mut self) -> Option<(AttemptId, Winner<E::Opened>)> {
        while let Some(Some(event)) = self.events.next().now_or_never() {
            let winner = self.on(event);
            if winner.is_some() {
                return winner;
            }
        }
        None
    }

    /// Executes the race's actions until it says to wait or to give up.
    fn act(&mut self) -> Action {
        self.tell_progress();
        loop {
            match self.race.next(self.now()) {
                Action::Dial(attempt) => self.dial(attempt),
                Action::Cancel(attempt) => self.cancel(attempt),
                Action::Handshake(attempt) => self.shake_hands(attempt),
                wait => return wait,
            }
        }
    }

    /// Reports handshakes that received bytes. This is done only before the race is asked, so that
    /// bytes cause no wake-ups and no clock reads.
    fn tell_progress(&mut self) {
        for (index, one) in self.running.iter().enumerate() {
            if one.is_shaking && one.progress.has_heard() {
                let now = self.started.elapsed();
                self.race.progressed(AttemptId::new(index), now);
            }
        }
    }

    /// Dials a candidate. A repeated dial belongs to the same attempt.
    fn dial(&mut self, attempt: AttemptId) {
        let one = &mut self.running[attempt.index()];
        one.started.get_or_insert_with(Instant::now);
        one.ended = None;
        let endpoint = &self.endpoints[one.endpoint];
        tracing::debug!(
            target: "easelect::connect",
            host = endpoint.host(),
            address = %one.address,
            "dialling"
        );
        let (address, progress) = (one.address, one.progress.clone());
        let handshake = &self.racer.handshake;
        self.push(attempt, async move {
            match handshake.dial(endpoint, address, &progress).await {
                Ok(io) => Event::Dialled(attempt, io),
                Err(failure) => Event::Failed(attempt, failure),
            }
        });
    }

    fn shake_hands(&mut self, attempt: AttemptId) {
        let one = &mut self.running[attempt.index()];
        let Some(io) = one.io.take() else { return };
        one.is_shaking = true;
        let endpoint = &self.endpoints[one.endpoint];
        let (address, progress) = (one.address, one.progress.clone());
        let (racer, exchange) = (self.racer, self.exchange);
        self.push(attempt, async move {
            let path = racer.paths.of(endpoint);
            let target = Target {
                endpoint,
                address,
                path: &path,
            };
            let handshake = &racer.handshake;
            match handshake.secure(io, target, exchange, &progress).await {
                Ok(secured) => Event::Secured(attempt, path, Box::new(secured)),
                Err(failure) => Event::Failed(attempt, failure),
            }
        });
    }

    /// Sends the upgrade request. If the answer says that the path is wrong, retries once with the
    /// alternate path at the same address.
    fn ask(&mut self, attempt: AttemptId, path: String, secured: Box<Secured>) {
        let one = &self.running[attempt.index()];
        let endpoint = self.endpoint_of(one);
        let (address, progress) = (one.address, one.progress.clone());
        let (racer, exchange) = (self.racer, self.exchange);
        self.push(attempt, async move {
            let handshake = &racer.handshake;
            let target = Target {
                endpoint,
                address,
                path: &path,
            };
            let opened = handshake.finish(*secured, target, exchange, &progress);
            let failure = match opened.await {
                Ok(opened) => return Event::Opened(attempt, Winner { path, opened }),
                Err(failure) => failure,
            };
            let again = |path| {
                let target = Target {
                    endpoint,
                    address,
                    path,
                };
                handshake.dial_and_open(target, exchange, &progress)
            };
            // Boxed, because this is rare and its future is large.
            let retried = racer.paths.retry(endpoint, failure, again).boxed();
            match retried.await {
                Ok((path, opened)) => Event::Opened(attempt, Winner { path, opened }),
                Err(failure) => Event::Failed(attempt, failure),
            }
        });
    }

    fn push(
        &mut self,
        attempt: AttemptId,
        work: impl Future<Output = Event<E::Opened>> + Send + 'a,
    ) {
        let (abort, registration) = AbortHandle::new_pair();
        self.running[attempt.index()].abort = Some(abort);
        let event = Abortable::new(work, registration);
        let event = event.map(|ended| ended.unwrap_or(Event::GivenUp));
        self.events.push(Box::pin(event));
    }

    fn cancel(&mut self, attempt: AttemptId) {
        let one = &mut self.running[attempt.index()];
        one.ended = Some(Instant::now());
        one.is_shaking = false;
        // A connection that carried no byte is reset, so that nothing lingers on either side.
        if let Some(mut io) = one.io.take() {
            io.reset_on_drop();
        }
        if let Some(abort) = one.abort.take() {
            abort.abort();
        }
    }

    /// Handles an event. Returns the winner, if this event is the finish.
    fn on(&mut self, event: Event<E::Opened>) -> Option<(AttemptId, Winner<E::Opened>)> {
        match event {
            Event::Lookup {
                endpoint,
                family,
                looked_up,
            } => self.on_lookup(endpoint, family, looked_up),
            Event::Dialled(attempt, io) => {
                let one = &mut self.running[attempt.index()];
                one.io = Some(io);
                let dial = one.progress.timings().dial();
                self.race.established(attempt, dial.unwrap_or_default());
            }
            Event::Secured(attempt, path, secured) => {
                // The bytes it received count for the deadline of the upgrade.
                self.tell_progress();
                self.running[attempt.index()].is_shaking = false;
                self.race.secured(attempt, self.now());
                self.ask(attempt, path, secured);
            }
            Event::Opened(attempt, winner) => return Some((attempt, winner)),
            Event::Failed(attempt, failure) => {
                let one = &mut self.running[attempt.index()];
                tracing::debug!(
                    target: "easelect::connect",
                    host = self.endpoints[one.endpoint].host(),
                    address = %one.address,
                    phase = failure.phase().as_str(),
                    kind = failure.kind().as_str(),
                    "attempt failed"
                );
                one.ended = Some(Instant::now());
                one.is_shaking = false;
                self.race.failed(attempt, severity(&failure));
                let is_refused = failure.kind() == FailureKind::AuthRequired;
                one.failure = Some(failure);
                let by_proxy = |one| self.racer.dialer.peer(one).proxy.is_some();
                // If another attempt got through the proxy, the password is not the reason.
                let is_through = |one: &Running| {
                    let tunnel = one.progress.timings().get(Phase::Proxy);
                    tunnel.is_some() && one.failure.is_none()
                };
                self.is_shut_out |= is_refused
                    && self.endpoints.iter().all(by_proxy)
                    && !self.running.iter().any(is_through);
            }
            Event::GivenUp => {}
        }
        None
    }

    fn on_lookup(&mut self, endpoint: usize, family: Family, looked_up: LookedUp) {
        self.lookups.retain(|one| *one != (endpoint, family));
        let one = &self.endpoints[endpoint];
        let said = &looked_up.outcome;
        self.learner.memory().list(one, family, said, self.epoch);
        match looked_up.outcome {
            Ok(found) => {
                let port = self.racer.dialer.peer(one).port;
                for ip in found.addresses {
                    let candidate = (one.clone(), SocketAddr::new(ip, port));
                    let attempt = self.add(endpoint, candidate, looked_up.took);
                    self.race.given(attempt);
                }
            }
            Err(failure) => {
                tracing::debug!(
                    target: "easelect::connect",
                    host = one.host(),
                    family = ?family,
                    kind = failure.kind().as_str(),
                    "lookup failed"
                );
                let failed = AttemptOutcome::Failed(failure);
                let mut attempt = Attempt::new(one.clone(), failed);
                attempt.ended = looked_up.took.unwrap_or_default();
                self.failed_lookups.push(attempt);
            }
        }
        if self.lookups.is_empty() {
            self.race.no_more();
        }
    }

    fn won(&mut self, attempt: AttemptId, winner: Winner<E::Opened>) -> (E::Opened, Opening) {
        self.race.opened(attempt, self.now());
        let one = &self.running[attempt.index()];
        let mut timings = one.progress.timings();
        if let Some(took) = one.resolve {
            timings.set(Phase::Resolve, took);
        }
        let opening = Opening {
            endpoint: self.endpoint_of(one).clone(),
            path: winner.path,
            address: one.address,
            timings,
            time_to_open: self.started.elapsed(),
            attempts: self.attempts(Some(attempt)),
        };
        tracing::info!(
            target: "easelect::connect",
            url = %opening.endpoint.shown_with(&opening.path),
            address = %opening.address,
            time_to_open_ms = opening.time_to_open.as_secs_f64() * 1e3,
            attempts = opening.attempts.len(),
            "open"
        );
        (winner.opened, opening)
    }

    fn lost(&self, timed_out: bool) -> ConnectError {
        let error = ConnectError::new(self.attempts(None), self.started.elapsed(), timed_out);
        tracing::warn!(
            target: "easelect::connect",
            attempts = error.attempts().len(),
            elapsed_ms = error.elapsed().as_secs_f64() * 1e3,
            timed_out,
            "no endpoint could be opened"
        );
        error
    }

    /// Ends the race and collects what it showed. Spare connections are reset. DNS lookups under way
    /// continue in the background; otherwise an address that won before DNS answered might be
    /// remembered for ever.
    fn end(mut self, outcome: Result<(E::Opened, Opening), ConnectError>) -> Ended<E::Opened> {
        for (endpoint, family) in std::mem::take(&mut self.lookups) {
            let take = self.learner.lister(family, self.epoch);
            let endpoint = &self.endpoints[endpoint];
            self.racer.answers.follow(endpoint, family, take);
        }
        for one in &mut self.running {
            if let Some(mut io) = one.io.take() {
                io.reset_on_drop();
            }
        }
        let candidate = |one: &Running| (self.endpoint_of(one).clone(), one.address);
        let shown = self.race.observations(self.now()).into_iter();
        let observations = shown.map(|(attempt, observation)| {
            let one = &self.running[attempt.index()];
            let observation = match one.progress.timings().early_data() {
                EarlyData::Accepted => observation.with_a_round_trip_more(),
                _ => observation,
            };
            (candidate(one), observation)
        });
        let observations = observations.collect();
        let all = self.running.iter().map(candidate);
        Ended {
            outcome,
            observations,
            probeable: all.filter(|one| !self.racer.is_last_resort(one)).collect(),
            queue_ms: self.race.queue_ms(),
        }
    }

    fn attempts(&self, winner: Option<AttemptId>) -> Vec<Attempt> {
        let now = Instant::now();
        let running = self.running.iter().enumerate();
        let made = running.filter_map(|(index, one)| {
            let started = one.started?;
            let reached = one.progress.reached();
            let endpoint = self.endpoint_of(one);
            let outcome = match &one.failure {
                _ if winner == Some(AttemptId::new(index)) => AttemptOutcome::Won,
                Some(failure) => AttemptOutcome::Failed(failure.clone()),
                None => AttemptOutcome::Cancelled(reached.phase),
            };
            let mut attempt = Attempt::new(endpoint.clone(), outcome);
            attempt.path = self.racer.paths.of(endpoint);
            attempt.address = Some(one.address);
            attempt.started = started - self.started;
            attempt.ended = one.ended.unwrap_or(now) - self.started;
            attempt.timings = reached.timings;
            Some(attempt)
        });
        let mut attempts: Vec<Attempt> = made.collect();
        // No address in one family is not a failure if the host has addresses in the other.
        let elsewhere = |lookup: &&Attempt| {
            let missing = lookup.failure_kind() == Some(FailureKind::NoAddress);
            let has_some = |one: &Running| *self.endpoint_of(one) == lookup.endpoint;
            missing && self.running.iter().any(has_some)
        };
        for lookup in self.failed_lookups.iter().filter(|one| !elsewhere(one)) {
            // Both families mostly fail for the same reason, which is listed once.
            let same = |one: &Attempt| {
                one.address.is_none()
                    && one.endpoint == lookup.endpoint
                    && one.failure_kind() == lookup.failure_kind()
            };
            if !attempts.iter().any(same) {
                attempts.push(lookup.clone());
            }
        }
        attempts.sort_by_key(|attempt| attempt.started);
        attempts
    }
}
