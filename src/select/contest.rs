//! One race run for real: look-ups, dials and handshakes driven by [`Race`].
//!
//! Everything runs inside the one future: dropping it drops every socket. Nothing is spawned.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::memory::Memory;
use super::{Plan, lock};
use crate::catalog::{Endpoint, Variant};
use crate::connection::{ConnectError, Opening};
use crate::failure::{Failure, FailureKind};
use crate::handshake::{ConnectOptions, Handshake, Opened, Paths, Progress, SecureStream};
use crate::phase::{Phase, Timings};
use crate::race::{Action, Entrant, Race, Width};
use crate::resolve::{Family, Names, Trust, is_local};
use crate::sample::{Attempt, AttemptOutcome};
use crate::transport::BoxIo;

/// What a race needs from its surroundings.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) names: &'a Names,
    pub(super) handshake: &'a Handshake,
    pub(super) paths: &'a Paths,
    pub(super) plan: &'a Plan,
    pub(super) options: &'a ConnectOptions,
    pub(super) memory: &'a Mutex<Memory>,
    pub(super) width: Width,
}

enum Event {
    Lookup {
        endpoint: usize,
        family: Family,
        took: Duration,
        outcome: Result<Vec<IpAddr>, Failure>,
    },
    Dialled(usize, BoxIo),
    Secured(usize, Box<SecureStream>),
    Opened(usize, String, Box<Opened>),
    Failed(usize, Failure),
    /// An attempt that the race had given up.
    GivenUp,
}

struct Candidate {
    endpoint: usize,
    address: SocketAddr,
    resolve: Duration,
    progress: Progress,
    started: Option<Instant>,
    ended: Option<Instant>,
    failure: Option<Failure>,
    abort: Option<AbortHandle>,
    /// Dialled, and waiting for its handshake.
    io: Option<BoxIo>,
}

struct Contest<'a> {
    ground: Ground<'a>,
    race: Race,
    candidates: Vec<Candidate>,
    events: FuturesUnordered<BoxFuture<'a, Event>>,
    lookups: usize,
    failed_lookups: Vec<Attempt>,
    started: Instant,
}

/// Runs a race to its end, or to the deadline.
pub(super) async fn run(
    ground: Ground<'_>,
    deadline: Duration,
) -> Result<(Box<Opened>, Opening), ConnectError> {
    let started = Instant::now();
    let (gate, eager) = lock(ground.memory).gate();
    let mut contest = Contest {
        ground,
        race: Race::new(ground.width, gate, eager),
        candidates: Vec::new(),
        events: FuturesUnordered::new(),
        lookups: 0,
        failed_lookups: Vec::new(),
        started,
    };
    contest.remember();
    contest.look_up(deadline);
    let deadline = started + deadline;
    loop {
        let wake = match contest.act() {
            Action::GiveUp => return Err(contest.lost(false)),
            Action::WaitUntil(at) => at.min(deadline),
            _ => deadline,
        };
        tokio::select! {
            biased;
            Some(event) = contest.events.next() => {
                if let Some((winner, path, opened)) = contest.on(event) {
                    return Ok(contest.won(winner, path, opened));
                }
            }
            () = tokio::time::sleep_until(wake) => {
                if Instant::now() >= deadline {
                    return Err(contest.lost(true));
                }
            }
        }
    }
}

impl<'a> Contest<'a> {
    /// What was verified before is dialled while its name is looked up: TLS proves who answers,
    /// so an address that is out of date can do no harm.
    fn remember(&mut self) {
        for (endpoint, one) in self.ground.plan.endpoints.iter().enumerate() {
            // A password must not go to where a proxy once was.
            if self.ground.names.peer(one).is_proxy {
                continue;
            }
            let remembered = lock(self.ground.memory).remembered(one);
            for address in remembered {
                let family = Family::of(address.ip());
                if self.ground.names.families.list().contains(&family) {
                    self.add(endpoint, address, Duration::ZERO);
                }
            }
        }
    }

    fn add(&mut self, endpoint: usize, address: SocketAddr, resolve: Duration) {
        let known = |one: &Candidate| (one.endpoint, one.address) == (endpoint, address);
        if self.candidates.iter().any(known) {
            return;
        }
        let one = &self.ground.plan.endpoints[endpoint];
        let memory = lock(self.ground.memory);
        let number = self.race.add(Entrant {
            host: endpoint,
            family: Family::of(address.ip()),
            order: endpoint,
            last_resort: self.ground.names.peer(one).trust == Trust::Public
                && is_local(address.ip()),
            accelerated: one.variant() == Variant::Acceleration,
            prediction: memory.predict(one, address),
            sticky: memory.is_last_winner(one, address),
        });
        debug_assert_eq!(number, self.candidates.len());
        self.candidates.push(Candidate {
            endpoint,
            address,
            resolve,
            progress: Progress::new(),
            started: None,
            ended: None,
            failure: None,
            abort: None,
            io: None,
        });
    }

    fn look_up(&mut self, timeout: Duration) {
        let ground = self.ground;
        for (index, endpoint) in ground.plan.endpoints.iter().enumerate() {
            for family in ground.names.families.list() {
                self.lookups += 1;
                self.events.push(Box::pin(async move {
                    let asked = Instant::now();
                    let peer = ground.names.peer(endpoint);
                    let outcome = ground
                        .names
                        .lookup(peer.host, peer.port, *family, peer.trust, timeout)
                        .await;
                    Event::Lookup {
                        endpoint: index,
                        family: *family,
                        took: asked.elapsed(),
                        outcome,
                    }
                }));
            }
        }
    }

    /// Does what the race says until it says to wait or to give up.
    fn act(&mut self) -> Action {
        loop {
            match self.race.next(Instant::now()) {
                Action::Dial(candidate) => self.dial(candidate),
                Action::Cancel(candidate) => self.cancel(candidate),
                Action::Handshake(candidate) => self.shake_hands(candidate),
                wait => return wait,
            }
        }
    }

    fn dial(&mut self, candidate: usize) {
        let one = &mut self.candidates[candidate];
        one.started = Some(Instant::now());
        let endpoint = &self.ground.plan.endpoints[one.endpoint];
        tracing::debug!(
            target: "easelect::connect",
            host = endpoint.host(),
            address = %one.address,
            "dialling"
        );
        let (address, progress) = (one.address, one.progress.clone());
        let handshake = self.ground.handshake;
        self.push(candidate, async move {
            match handshake.dial(endpoint, address, &progress).await {
                Ok(io) => Event::Dialled(candidate, io),
                Err(failure) => Event::Failed(candidate, failure),
            }
        });
    }

    fn shake_hands(&mut self, candidate: usize) {
        let one = &mut self.candidates[candidate];
        let Some(io) = one.io.take() else { return };
        let endpoint = &self.ground.plan.endpoints[one.endpoint];
        let progress = one.progress.clone();
        let handshake = self.ground.handshake;
        self.push(candidate, async move {
            match handshake.secure(io, endpoint, &progress).await {
                Ok(stream) => Event::Secured(candidate, Box::new(stream)),
                Err(failure) => Event::Failed(candidate, failure),
            }
        });
    }

    fn upgrade(&mut self, candidate: usize, stream: Box<SecureStream>) {
        let one = &self.candidates[candidate];
        let endpoint = &self.ground.plan.endpoints[one.endpoint];
        let (address, progress) = (one.address, one.progress.clone());
        let ground = self.ground;
        self.push(candidate, async move {
            let path = ground.paths.of(endpoint);
            let opened = ground
                .handshake
                .finish(*stream, endpoint, &path, ground.options, &progress)
                .await;
            match opened {
                Ok(opened) => Event::Opened(candidate, path, Box::new(opened)),
                Err(failure) => alternate(ground, endpoint, address, &progress, failure)
                    .await
                    .map_or_else(
                        |failure| Event::Failed(candidate, failure),
                        |(path, opened)| Event::Opened(candidate, path, Box::new(opened)),
                    ),
            }
        });
    }

    fn push(&mut self, candidate: usize, attempt: impl Future<Output = Event> + Send + 'a) {
        let (abort, registration) = AbortHandle::new_pair();
        self.candidates[candidate].abort = Some(abort);
        self.events.push(Box::pin(async move {
            Abortable::new(attempt, registration)
                .await
                .unwrap_or(Event::GivenUp)
        }));
    }

    fn cancel(&mut self, candidate: usize) {
        let one = &mut self.candidates[candidate];
        one.ended = Some(Instant::now());
        // An established one that carried no byte is reset: nothing lingers on either side.
        if let Some(mut io) = one.io.take() {
            io.reset_on_drop();
        }
        if let Some(abort) = one.abort.take() {
            abort.abort();
        }
    }

    /// Takes an event in; the winner, if this was its finish.
    fn on(&mut self, event: Event) -> Option<(usize, String, Box<Opened>)> {
        let now = Instant::now();
        match event {
            Event::Lookup {
                endpoint,
                family,
                took,
                outcome,
            } => self.on_lookup(endpoint, family, took, outcome),
            Event::Dialled(candidate, io) => {
                let one = &mut self.candidates[candidate];
                one.io = Some(io);
                let took = one.progress.reached().timings.dial();
                self.race.dialled(candidate, took.unwrap_or_default(), now);
            }
            Event::Secured(candidate, stream) => {
                self.race.secured(candidate, now);
                self.upgrade(candidate, stream);
            }
            Event::Opened(candidate, path, opened) => return Some((candidate, path, opened)),
            Event::Failed(candidate, failure) => {
                let one = &mut self.candidates[candidate];
                tracing::debug!(
                    target: "easelect::connect",
                    host = self.ground.plan.endpoints[one.endpoint].host(),
                    address = %one.address,
                    phase = failure.phase().as_str(),
                    kind = failure.kind().as_str(),
                    "attempt failed"
                );
                one.ended = Some(now);
                one.failure = Some(failure);
                self.race.failed(candidate);
            }
            Event::GivenUp => {}
        }
        None
    }

    fn on_lookup(
        &mut self,
        endpoint: usize,
        family: Family,
        took: Duration,
        outcome: Result<Vec<IpAddr>, Failure>,
    ) {
        self.lookups -= 1;
        let one = &self.ground.plan.endpoints[endpoint];
        match outcome {
            Ok(addresses) => {
                let port = self.ground.names.peer(one).port;
                for ip in addresses {
                    self.add(endpoint, SocketAddr::new(ip, port), took);
                }
            }
            Err(failure) => {
                tracing::debug!(
                    target: "easelect::connect",
                    host = one.host(),
                    family = ?family,
                    kind = failure.kind().as_str(),
                    "look-up failed"
                );
                self.failed_lookups.push(Attempt {
                    endpoint: one.clone(),
                    path: one.path().to_owned(),
                    address: None,
                    started: Duration::ZERO,
                    ended: took,
                    timings: Timings::default(),
                    outcome: AttemptOutcome::Failed(failure),
                });
            }
        }
        if self.lookups == 0 {
            self.race.no_more();
        }
    }

    fn won(mut self, winner: usize, path: String, opened: Box<Opened>) -> (Box<Opened>, Opening) {
        self.reset_spares();
        let one = &self.candidates[winner];
        let mut timings = one.progress.reached().timings;
        timings.set(Phase::Resolve, one.resolve);
        let subprotocol = match &*opened {
            Opened::WebSocket(_, subprotocol) => subprotocol.clone(),
            Opened::Answered => None,
        };
        let opening = Opening {
            endpoint: self.ground.plan.endpoints[one.endpoint].clone(),
            path,
            address: one.address,
            subprotocol,
            timings,
            time_to_open: self.started.elapsed(),
            attempts: self.attempts(Some(winner)),
            left_out: self.left_out(),
        };
        tracing::info!(
            target: "easelect::connect",
            url = %opening.endpoint.url_with(&opening.path),
            address = %opening.address,
            time_to_open_ms = opening.time_to_open.as_secs_f64() * 1e3,
            attempts = opening.attempts.len(),
            "open"
        );
        (opened, opening)
    }

    fn left_out(&self) -> Vec<(Endpoint, SocketAddr)> {
        let left_out = self.candidates.iter().filter(|one| one.started.is_none());
        left_out
            .map(|one| {
                (
                    self.ground.plan.endpoints[one.endpoint].clone(),
                    one.address,
                )
            })
            .collect()
    }

    /// An established spare that carried no byte is reset: nothing lingers on either side.
    fn reset_spares(&mut self) {
        for one in &mut self.candidates {
            if let Some(mut io) = one.io.take() {
                io.reset_on_drop();
            }
        }
    }

    fn lost(self, timed_out: bool) -> ConnectError {
        let error = ConnectError {
            attempts: self.attempts(None),
            elapsed: self.started.elapsed(),
            timed_out,
        };
        tracing::warn!(
            target: "easelect::connect",
            attempts = error.attempts.len(),
            elapsed_ms = error.elapsed.as_secs_f64() * 1e3,
            timed_out,
            "no endpoint could be opened"
        );
        error
    }

    fn attempts(&self, winner: Option<usize>) -> Vec<Attempt> {
        let now = Instant::now();
        let candidates = self.candidates.iter().enumerate();
        let made = candidates.filter_map(|(number, one)| {
            let started = one.started?;
            let reached = one.progress.reached();
            let endpoint = &self.ground.plan.endpoints[one.endpoint];
            Some(Attempt {
                path: self.ground.paths.of(endpoint),
                endpoint: endpoint.clone(),
                address: Some(one.address),
                started: started - self.started,
                ended: one.ended.unwrap_or(now) - self.started,
                timings: reached.timings,
                outcome: match &one.failure {
                    _ if winner == Some(number) => AttemptOutcome::Won,
                    Some(failure) => AttemptOutcome::Failed(failure.clone()),
                    None => AttemptOutcome::Cancelled(reached.phase),
                },
            })
        });
        let mut attempts: Vec<Attempt> = made.collect();
        // That a host has no address of one family is no failure where the other has some.
        let elsewhere = |lookup: &&Attempt| {
            let missing = matches!(
                &lookup.outcome,
                AttemptOutcome::Failed(failure) if failure.kind() == FailureKind::NoAddress
            );
            let has_some =
                |one: &Candidate| self.ground.plan.endpoints[one.endpoint] == lookup.endpoint;
            missing && self.candidates.iter().any(has_some)
        };
        let failed = self.failed_lookups.iter();
        attempts.extend(failed.filter(|lookup| !elsewhere(lookup)).cloned());
        attempts.sort_by_key(|attempt| attempt.started);
        attempts
    }
}

/// A 4xx where the path is only inferred: the alternates are tried, once, on the same address.
async fn alternate(
    ground: Ground<'_>,
    endpoint: &Endpoint,
    address: SocketAddr,
    progress: &Progress,
    failure: Failure,
) -> Result<(String, Opened), Failure> {
    if !ground.paths.may_try_alternates(endpoint, &failure) {
        return Err(failure);
    }
    for path in endpoint.alternate_paths() {
        let again = async {
            let io = ground.handshake.dial(endpoint, address, progress).await?;
            ground
                .handshake
                .open(io, endpoint, path, ground.options, progress)
                .await
        };
        if let Ok(opened) = again.await {
            ground.paths.learn(endpoint, path);
            return Ok((path.clone(), opened));
        }
    }
    ground.paths.give_up(endpoint);
    Err(failure)
}
