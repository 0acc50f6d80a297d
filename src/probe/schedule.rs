//! Decides what to probe next: rounds, fairness, and the top two separately. Pure: no clock, no I/O.
//!
//! 1. *Rounds*: all rounds but the last at every address, with as many attempts in flight as allowed.
//!    The first round covers every endpoint first; afterwards, the server with the most remaining
//!    work starts first, so that the whole takes about max(work / in flight, longest chain at one
//!    server).
//! 2. *Rest*: the last round of all endpoints but each group's top two.
//! 3. *Top two*: the last round of the top two and, with adaptive sampling, further ones while their
//!    order is in doubt. One attempt at a time per group, and as many in total as there are
//!    residencies: more concurrency would distort exactly the measurements that decide.
//!
//! An attempt that has been silent for long (see `silence`) delays none of this.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

use super::Rounds;
use super::ids::{CandidateId, EndpointId, GroupId, HostId, IdVec, ResidencyId, ServerId};
use super::job::{Job, LookupJob, Next};
use super::lookups::Lookups;
use super::queue::{Queue, Waiting};
use super::silence::{Answers, Silence};
use super::top_two::TopTwo;
use crate::catalog::{Endpoint, Residency, Service, Variant};
use crate::dialer::Dialer;
use crate::handshake::Progress;
use crate::phase::{Phase, Timings};
use crate::rank::{self, Ranking, Tier};
use crate::resolve::{Family, interleave};
use crate::sample::{Lookup, Sample, Unfinished};
use crate::stats::{AddressStats, EndpointStats};

/// The most attempts at once at acceleration nodes. A node has 1 Mbps by default, of which a
/// handshake of about 5 kB takes 40 ms.
const MAX_ACCELERATION: usize = 2;

/// If the first round tried this many addresses and none answered, the network is down, and a second
/// round would only double the wait.
const DEAD_NETWORK: usize = 4;

/// The probability of a wrong first choice (by 8 % or more) at which adaptive sampling stops.
const DOUBT: f64 = 0.02;

/// The most entries in the list of unfinished attempts; their counts are complete.
const MAX_UNFINISHED: usize = 10_000;

/// A lookup under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookingUp {
    pub(super) host: HostId,
    pub(super) family: Family,
    pub(super) started: Instant,
}

/// The stages of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rounds,
    Rest,
    TopTwo,
}

/// The state of an endpoint.
#[derive(Debug)]
struct EndpointState {
    stats: EndpointStats,
    group: GroupId,
    host: HostId,
    candidates: Vec<CandidateId>,
}

/// One address of one endpoint.
#[derive(Debug)]
struct Candidate {
    endpoint: EndpointId,
    address: SocketAddr,
    /// Whether the address is the proxy's.
    through_proxy: bool,
    server: ServerId,
    /// The number of attempts made, including one in flight.
    started: u32,
    /// The progress of the attempt in flight, or of the last one.
    progress: Progress,
    /// The start of the attempt in flight, or of the last one.
    since: Duration,
    /// The start of the first attempt, if it met only silence.
    silent_since: Option<Duration>,
}

/// Endpoints ranked together.
#[derive(Debug)]
struct Group {
    residency: ResidencyId,
    endpoints: Vec<EndpointId>,
}

/// The state of a residency.
#[derive(Debug)]
struct ResidencyState {
    residency: Residency,
    answers: Answers,
    /// The longest attempt so far, including what is known of those in flight.
    longest: Duration,
}

/// The schedule. Whatever is needed at every start is counted rather than searched for: there may be
/// ten thousand addresses.
#[derive(Debug)]
pub(super) struct Schedule {
    rounds: Rounds,
    in_flight_limit: usize,
    endpoints: IdVec<EndpointId, EndpointState>,
    lookups: Lookups,
    candidates: IdVec<CandidateId, Candidate>,
    /// Keyed by address, and behind a proxy also by name, which is the only distinction there.
    servers: BTreeMap<(IpAddr, Option<String>), ServerId>,
    groups: IdVec<GroupId, Group>,
    residencies: IdVec<ResidencyId, ResidencyState>,
    stage: Stage,
    top_two: TopTwo,
    queue: Queue,
    /// Candidates with an attempt in flight.
    in_flight: BTreeSet<CandidateId>,
    /// The number of those at acceleration nodes.
    accelerated: usize,
    /// The number of candidates without an attempt.
    untried: usize,
    /// The number of attempts left in the rounds for every address.
    left: u64,
    /// The number of attempts that ended.
    done: u64,
    /// Whether anything has answered, other than a proxy itself.
    answered: bool,
}

impl Schedule {
    /// Creates a schedule in which every host's first lookup is due.
    pub(super) fn new(
        endpoints: Vec<Endpoint>,
        pool: Option<&Residency>,
        rounds: Rounds,
        in_flight_limit: usize,
        dialer: &Dialer,
    ) -> Self {
        let mut schedule = Schedule {
            rounds,
            in_flight_limit,
            endpoints: IdVec::default(),
            lookups: Lookups::new(dialer.families()),
            candidates: IdVec::default(),
            servers: BTreeMap::new(),
            groups: IdVec::default(),
            residencies: IdVec::default(),
            stage: Stage::Rounds,
            top_two: TopTwo::default(),
            queue: Queue::default(),
            in_flight: BTreeSet::new(),
            accelerated: 0,
            untried: 0,
            left: 0,
            done: 0,
            answered: false,
        };
        schedule.add(endpoints, pool, dialer);
        schedule.lookups.ask_all();
        schedule
    }

    /// Sorts the endpoints into residencies, groups and hosts.
    fn add(&mut self, endpoints: Vec<Endpoint>, pool: Option<&Residency>, dialer: &Dialer) {
        let mut groups: BTreeMap<(ResidencyId, Service), GroupId> = BTreeMap::new();
        for endpoint in endpoints {
            let pool = pool.filter(|pool| pool.contains(endpoint.region()));
            let residency = pool.map_or_else(|| endpoint.region().clone().into(), Clone::clone);
            let known = self.residencies.find(|one| one.residency == residency);
            let residency =
                known.unwrap_or_else(|| self.residencies.push(ResidencyState::new(residency)));
            let key = (residency, endpoint.service());
            let group = *groups.entry(key).or_insert_with(|| {
                self.groups.push(Group {
                    residency,
                    endpoints: Vec::new(),
                })
            });
            let id = self.endpoints.next_id();
            self.groups[group].endpoints.push(id);
            let host = self.lookups.add(dialer.peer(&endpoint), id);
            self.endpoints.push(EndpointState {
                stats: EndpointStats::new(endpoint),
                group,
                host,
                candidates: Vec::new(),
            });
        }
    }

    pub(super) fn next_lookup(&mut self) -> Option<LookupJob> {
        self.lookups.next()
    }

    /// Records the result of a lookup.
    pub(super) fn on_lookup(&mut self, host: HostId, lookup: &Lookup) {
        let (endpoints, through_proxy) = self.lookups.answered(host);
        let found: &[IpAddr] = lookup.outcome.as_deref().unwrap_or_default();
        for endpoint in endpoints {
            self.endpoints[endpoint].stats.record_lookup(lookup);
            for ip in interleave(found) {
                self.add_candidate(endpoint, SocketAddr::new(ip, lookup.port), through_proxy);
            }
        }
    }

    /// Adds a candidate unless it is known.
    fn add_candidate(&mut self, endpoint: EndpointId, address: SocketAddr, through_proxy: bool) {
        let of = &mut self.endpoints[endpoint];
        let mut known = of.candidates.iter();
        if known.any(|one| self.candidates[*one].address == address) {
            return;
        }
        let host = of.stats.endpoint().host();
        let key = (address.ip(), through_proxy.then(|| host.to_owned()));
        let server = *self
            .servers
            .entry(key)
            .or_insert_with(|| self.queue.add_server());
        let id = self.candidates.push(Candidate {
            endpoint,
            address,
            through_proxy,
            server,
            started: 0,
            progress: Progress::new(),
            since: Duration::ZERO,
            silent_since: None,
        });
        of.candidates.push(id);
        self.untried += 1;
        self.left += u64::from(self.base());
        self.wait(id);
    }

    /// Queues a candidate's next attempt, if it has one to make in the current stage.
    fn wait(&mut self, id: CandidateId) {
        let one = &self.candidates[id];
        let left = self.target(one.endpoint).saturating_sub(one.started);
        if left == 0 || self.in_flight.contains(&id) || self.is_hopeless(one) {
            return;
        }
        let waiting = Waiting {
            candidate: id,
            residency: self.residency_of(one),
            accelerated: self.is_accelerated(one),
            started: one.started,
            left,
        };
        self.queue.wait(one.server, waiting);
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.queue.clear();
        for candidate in self.candidates.ids() {
            self.wait(candidate);
        }
    }

    /// Records the result of an attempt.
    pub(super) fn on_sample(&mut self, id: CandidateId, sample: &Sample) {
        let one = &self.candidates[id];
        let (endpoint, server, residency) = (one.endpoint, one.server, self.residency_of(one));
        self.in_flight.remove(&id);
        self.accelerated -= usize::from(self.is_accelerated(one));
        self.done += 1;
        // A proxy that accepts connections says nothing about the network behind it.
        let answers = match one.through_proxy {
            true => Phase::Proxy,
            false => Phase::Connect,
        };
        let answer = sample.timings.get(answers);
        self.answered |= answer.is_some();
        if let (Some(took), false) = (answer, one.through_proxy) {
            self.residencies[residency]
                .answers
                .saw(sample.started, took);
        }
        self.residencies[residency].saw(sample.elapsed.max(at_least(&sample.timings)));
        self.endpoints[endpoint].stats.record(sample);
        let one = &self.candidates[id];
        if self.is_hopeless(one) {
            self.left -= u64::from(self.base().saturating_sub(one.started));
        }
        if one.silent_since.is_none() && self.is_silent(one) {
            self.candidates[id].silent_since = Some(sample.started);
        }
        self.queue.end(server, sample.elapsed);
        self.wait(id);
        if self.stage == Stage::TopTwo {
            self.top_two.resume(self.endpoints[endpoint].group);
        }
    }

    /// Whether attempts run one at a time, so that their starts need not be spread.
    pub(super) fn is_serial(&self) -> bool {
        self.stage == Stage::TopTwo
    }

    /// Whether an attempt of the current stage could start now.
    pub(super) fn has_more(&mut self) -> bool {
        self.in_flight.len() < self.in_flight_limit && self.next_concurrent().is_some()
    }

    /// The next step at `now`, relative to the start of the run. Call this again after every start,
    /// whenever something ends, and at the time of [`look_again`](Self::look_again).
    pub(super) fn next(&mut self, now: Duration) -> Next {
        if self.in_flight.len() >= self.in_flight_limit {
            return Next::Wait;
        }
        loop {
            let candidate = match self.stage {
                Stage::Rounds | Stage::Rest => self.next_concurrent(),
                Stage::TopTwo => self.next_serial(now).or_else(|| self.next_late()),
            };
            if let Some(candidate) = candidate {
                return Next::Start(self.start(candidate, now));
            }
            if self.is_busy(now) || (self.stage == Stage::TopTwo && !self.in_flight.is_empty()) {
                return Next::Wait;
            }
            if self.is_dead() {
                return Next::Done;
            }
            match self.stage {
                Stage::Rounds => {
                    self.choose_top_two();
                    self.enter(Stage::Rest);
                }
                Stage::Rest => {
                    self.queue_last_round();
                    self.enter(Stage::TopTwo);
                }
                Stage::TopTwo => return Next::Done,
            }
        }
    }

    /// Whether the next stage must wait for something.
    fn is_busy(&self, now: Duration) -> bool {
        let may_go_on = match self.stage {
            // The top two are not known before.
            Stage::Rounds => 1,
            // Up to this many may stay in flight next to the top two.
            Stage::Rest | Stage::TopTwo => self.residencies.len(),
        };
        self.awaited(now).count() >= may_go_on || self.lookups.unknown() > 0
    }

    /// The candidates in flight that the schedule waits for. An address that was silent for long, in
    /// this attempt or the previous one, causes no load and most likely stays silent.
    fn awaited(&self, now: Duration) -> impl Iterator<Item = &Candidate> {
        let in_flight = self.in_flight.iter().map(|id| &self.candidates[*id]);
        in_flight.filter(move |one| {
            let presumed = self.presumed_silent_at(one);
            !self.is_silent(one) && presumed.is_none_or(|at| at > now)
        })
    }

    /// When an unanswered attempt in flight will count as silent for long.
    fn presumed_silent_at(&self, candidate: &Candidate) -> Option<Duration> {
        let silence = self.silence(candidate)?;
        let is_unanswered = candidate.progress.phase() == Phase::Connect;
        let presumed = silence.presumed(candidate.since).filter(|_| is_unanswered);
        presumed.map(|lasts| candidate.since + lasts)
    }

    /// When the next attempt in flight will have been silent for so long that the schedule stops
    /// waiting for it.
    pub(super) fn look_again(&self, now: Duration) -> Option<Duration> {
        let awaited = self
            .awaited(now)
            .filter_map(|one| self.presumed_silent_at(one));
        awaited.min()
    }

    /// How long an attempt may be silent; `None` through a proxy, which is then what answers.
    fn silence(&self, candidate: &Candidate) -> Option<Silence> {
        let answers = &self.residencies[self.residency_of(candidate)].answers;
        (!candidate.through_proxy).then(|| Silence::new(answers.clone(), candidate.silent_since))
    }

    fn start(&mut self, id: CandidateId, now: Duration) -> Job {
        let one = &self.candidates[id];
        let (endpoint, address, silence) = (one.endpoint, one.address, self.silence(one));
        self.queue.start(one.server, id, one.started);
        self.accelerated += usize::from(self.is_accelerated(one));
        self.untried -= usize::from(one.started == 0);
        self.left -= u64::from(one.started < self.base());
        self.in_flight.insert(id);
        let one = &mut self.candidates[id];
        one.started += 1;
        one.since = now;
        one.progress = Progress::new();
        let (round, progress) = (one.started, one.progress.clone());
        // The next round's lookup runs during this round's attempts, so it delays none.
        if round < self.base() {
            self.lookups.ask_after(self.endpoints[endpoint].host, round);
        }
        Job {
            candidate: id,
            endpoint: self.endpoints[endpoint].stats.endpoint().clone(),
            address,
            round,
            listens: round == 1 || self.was_ended(id),
            progress,
            silence,
        }
    }

    /// The number of rounds for every address.
    fn base(&self) -> u32 {
        match self.rounds {
            Rounds::Adaptive { min, .. } => min,
            Rounds::Exact(rounds) => rounds,
        }
    }

    /// The round up to which an endpoint's addresses are probed in the current stage.
    fn target(&self, endpoint: EndpointId) -> u32 {
        match self.stage {
            // A single round is not split.
            Stage::Rounds => self.base().saturating_sub(1).max(1),
            Stage::Rest if self.top_two.is_chosen(endpoint) => 0,
            Stage::Rest | Stage::TopTwo => self.base(),
        }
    }

    /// The next attempt among those that may run concurrently.
    fn next_concurrent(&mut self) -> Option<CandidateId> {
        for id in &self.in_flight {
            let candidate = &self.candidates[*id];
            let residency = self.residency_of(candidate);
            self.residencies[residency].saw(at_least(&candidate.progress.timings()));
        }
        // Second attempts wait until something answers, or the first ones have all ended on a network
        // that is not known to be down.
        let again = self.answered || (!self.is_dead() && self.in_flight.is_empty());
        let may_accelerate = self.accelerated < MAX_ACCELERATION;
        let expected = |residency: ResidencyId| self.residencies[residency].expected();
        self.queue.next(expected, again, may_accelerate)
    }

    /// The next attempt at a group's top two. A group with none to start is not asked again until an
    /// attempt of its own ends.
    fn next_serial(&mut self, now: Duration) -> Option<CandidateId> {
        let awaited = self.awaited(now);
        let busy: Vec<GroupId> = awaited
            .map(|one| self.endpoints[one.endpoint].group)
            .collect();
        if busy.len() >= self.residencies.len() {
            return None;
        }
        let mut last = None;
        while let Some(turn) = self.top_two.runnable_after(last) {
            let (_, group) = turn;
            last = Some(turn);
            if busy.contains(&group) {
                self.top_two.suspend(group);
                continue;
            }
            if self.top_two.front(group).is_none() {
                self.extend_if_in_doubt(group);
            }
            while let Some(id) = self.top_two.front(group) {
                let candidate = &self.candidates[id];
                // A silent candidate delays no other, and is retried concurrently.
                let silent = self.in_flight.contains(&id) || self.is_silent(candidate);
                let free = !silent && self.is_free(candidate);
                if !silent && !free {
                    break;
                }
                self.top_two.pop(group);
                if free {
                    return Some(id);
                }
            }
            if self.top_two.front(group).is_none() {
                self.top_two.suspend(group);
            }
        }
        None
    }

    /// The next attempt among those postponed because of silence: during the top two's stage if it
    /// most likely only confirms the silence, otherwise afterwards.
    fn next_late(&mut self) -> Option<CandidateId> {
        let next = self.next_concurrent()?;
        let may_start = self.top_two.queued() == 0 || self.is_silent(&self.candidates[next]);
        may_start.then_some(next)
    }

    /// The two best endpoints of a group so far, of those that are ready.
    fn top_two_of(&self, group: GroupId) -> Vec<EndpointId> {
        let Some(ranking) = self.ranked(group) else {
            return Vec::new();
        };
        let ready = ranking
            .endpoints
            .iter()
            .filter(|one| one.tier == Tier::Ready);
        ready
            .take(2)
            .filter_map(|one| {
                let mut endpoints = self.groups[group].endpoints.iter().copied();
                endpoints.find(|id| self.endpoints[*id].stats.endpoint() == one.endpoint())
            })
            .collect()
    }

    /// Reserves the last round of each group's top two for their own stage; a single round is not
    /// split.
    fn choose_top_two(&mut self) {
        if self.base() < 2 {
            return;
        }
        for group in self.groups.ids() {
            let endpoints = self.top_two_of(group);
            self.top_two.choose(endpoints);
        }
    }

    /// Queues the last round reserved for each group's top two.
    fn queue_last_round(&mut self) {
        for group in self.groups.ids() {
            let endpoints = self.groups[group].endpoints.iter().copied();
            let chosen: Vec<EndpointId> = endpoints
                .filter(|one| self.top_two.is_chosen(*one))
                .collect();
            self.queue_round(group, self.base(), &chosen);
        }
    }

    /// Queues one attempt at every address of `endpoints` that has not made this round.
    fn queue_round(&mut self, group: GroupId, round: u32, endpoints: &[EndpointId]) {
        let by_endpoint = endpoints.iter().map(|endpoint| {
            let candidates = self.endpoints[*endpoint].candidates.iter().copied();
            let due = candidates.filter(|one| self.candidates[*one].started < round);
            due.collect::<VecDeque<_>>()
        });
        let by_endpoint = by_endpoint.collect();
        let residency = &self.residencies[self.groups[group].residency];
        let round_trip = residency.answers.slowest();
        self.top_two
            .queue_round(group, round, by_endpoint, round_trip);
    }

    /// Queues another round of a group's top two while their order is in doubt.
    fn extend_if_in_doubt(&mut self, group: GroupId) {
        let Rounds::Adaptive { max, .. } = self.rounds else {
            return;
        };
        let round = self.top_two.round(group);
        if round >= max || rank::doubt(&self.stats_of(group)) <= DOUBT {
            return;
        }
        let endpoints = self.top_two_of(group);
        self.queue_round(group, round + 1, &endpoints);
    }

    fn is_free(&self, candidate: &Candidate) -> bool {
        !self.queue.is_busy(candidate.server)
            && (!self.is_accelerated(candidate) || self.accelerated < MAX_ACCELERATION)
    }

    fn is_accelerated(&self, candidate: &Candidate) -> bool {
        let endpoint = self.endpoints[candidate.endpoint].stats.endpoint();
        endpoint.variant() == Variant::Acceleration
    }

    fn residency_of(&self, candidate: &Candidate) -> ResidencyId {
        self.groups[self.endpoints[candidate.endpoint].group].residency
    }

    /// Two timeouts in one phase and no success: further attempts would tell nothing new.
    fn is_hopeless(&self, candidate: &Candidate) -> bool {
        self.silences(candidate) >= 2
    }

    /// Whether a server there has ended a WebSocket right after opening it.
    fn was_ended(&self, id: CandidateId) -> bool {
        let one = &self.candidates[id];
        let mut known = self.endpoints[one.endpoint].stats.addresses().iter();
        known.any(|known| known.address() == one.address && known.after_upgrade().is_some())
    }

    /// Whether an attempt timed out, and none succeeded.
    fn is_silent(&self, candidate: &Candidate) -> bool {
        self.silences(candidate) > 0
    }

    /// The largest number of timeouts in one phase, if no attempt succeeded.
    fn silences(&self, candidate: &Candidate) -> u64 {
        let stats = self.endpoints[candidate.endpoint].stats.addresses();
        let known = stats.iter().find(|one| one.address() == candidate.address);
        known.map_or(0, AddressStats::silences)
    }

    /// Whether the network is down; see `DEAD_NETWORK`.
    fn is_dead(&self) -> bool {
        self.stage == Stage::Rounds
            && !self.answered
            && (self.candidates.is_empty() || self.candidates.len() >= DEAD_NETWORK)
            && self.untried == 0
    }

    fn ranked(&self, group: GroupId) -> Option<Ranking> {
        let residency = &self.residencies[self.groups[group].residency].residency;
        rank::rank(residency.clone(), self.stats_of(group))
    }

    /// A group's statistics, in the order in which the endpoints were given.
    fn stats_of(&self, group: GroupId) -> Vec<EndpointStats> {
        let endpoints = self.groups[group].endpoints.iter();
        endpoints
            .map(|one| self.endpoints[*one].stats.clone())
            .collect()
    }

    /// The number of attempts that ended, and of those planned so far.
    pub(super) fn progress(&self) -> (u64, u64) {
        let to_come = match self.stage {
            Stage::TopTwo => self.top_two.queued() as u64,
            _ => self.left + self.lookups.unknown() as u64 * u64::from(self.base()),
        };
        (self.done, self.done + self.in_flight.len() as u64 + to_come)
    }

    /// Ends the run early: counts whatever is under way, or certainly planned, as unfinished, and
    /// lists it.
    pub(super) fn cut_off(
        &mut self,
        began: Instant,
        now: Instant,
        looking_up: &[LookingUp],
    ) -> Vec<Unfinished> {
        let mut all = Vec::new();
        for id in self.candidates.ids() {
            let candidate = &self.candidates[id];
            if self.is_hopeless(candidate) {
                continue;
            }
            let in_flight = self.in_flight.contains(&id);
            let mut left = u64::from(self.base().saturating_sub(candidate.started));
            let stats = &mut self.endpoints[candidate.endpoint].stats;
            stats.add_unfinished(left + u64::from(in_flight));
            let with = |attempts| Unfinished {
                address: Some(candidate.address),
                ..Unfinished::new(stats.endpoint().clone(), attempts)
            };
            if in_flight {
                let reached = candidate.progress.reached();
                match reached.started {
                    Some(started) => all.push(Unfinished {
                        phase: Some(reached.phase),
                        started: Some(started - began),
                        waited: (now - started).saturating_sub(reached.timings.total()),
                        timings: reached.timings,
                        ..with(1)
                    }),
                    // Handed out but not started.
                    None => left += 1,
                }
            }
            if left > 0 {
                all.push(with(left));
            }
        }
        // No lookup of the host has completed yet.
        for id in self.lookups.unknown_endpoints() {
            let of = &mut self.endpoints[id];
            of.stats.add_unfinished(1);
            if !looking_up.iter().any(|one| one.host == of.host) {
                all.push(Unfinished::new(of.stats.endpoint().clone(), 1));
            }
        }
        let unknown: BTreeSet<HostId> = self.lookups.unknown_hosts().collect();
        if all.is_empty() && unknown.is_empty() {
            return all;
        }
        for one in looking_up {
            for id in self.lookups.endpoints_of(one.host) {
                all.push(Unfinished {
                    phase: Some(Phase::Resolve),
                    family: Some(one.family),
                    started: Some(one.started - began),
                    waited: now - one.started,
                    ..Unfinished::new(self.endpoints[*id].stats.endpoint().clone(), 1)
                });
            }
        }
        all.truncate(MAX_UNFINISHED);
        all
    }

    /// One ranking per group, in the order in which the endpoints were given.
    pub(super) fn rankings(&self) -> Vec<Ranking> {
        self.groups
            .ids()
            .filter_map(|group| self.ranked(group))
            .collect()
    }
}

impl ResidencyState {
    fn new(residency: Residency) -> Self {
        ResidencyState {
            residency,
            answers: Answers::default(),
            longest: Duration::ZERO,
        }
    }

    /// Records that an attempt there took, or takes, at least this long.
    fn saw(&mut self, took: Duration) {
        self.longest = self.longest.max(took);
    }

    /// How long an attempt at an untried address will probably take: as long as the residency's
    /// longest so far. Before any answer this is long, so that distant residencies start early.
    fn expected(&self) -> Duration {
        const UNKNOWN: Duration = Duration::from_secs(60);
        match self.longest {
            Duration::ZERO => UNKNOWN,
            longest => longest,
        }
    }
}

/// The least duration of an attempt that has come this far.
fn at_least(timings: &Timings) -> Duration {
    /// One each for connect, TLS 1.3 and the upgrade.
    const ROUND_TRIPS: u32 = 3;
    timings.dial().unwrap_or_default() * ROUND_TRIPS
}
