//! What to probe next: rounds, fairness, leaders apart. Pure: no clock, no I/O.
//!
//! 1. *Rounds*: every address, all rounds but the last, as many in flight as allowed. Round one
//!    covers every endpoint first; later, the address with the longest way to go starts first,
//!    so that the whole takes about max(work / in flight, longest chain of one address).
//! 2. *Rest*: the last round of all but each group's two leaders.
//! 3. *Leaders*: the last round of the two leaders, and with adaptive sampling further ones while
//!    their order is in doubt, one attempt at a time per region: concurrency would corrupt just
//!    what decides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Rounds;
use super::job::{Job, LookupJob, Next};
use super::lookups::Lookups;
use super::queue::{Queue, Waiting};
use crate::catalog::{Endpoint, Residency, Service, Variant};
use crate::dialer::Dialer;
use crate::handshake::Progress;
use crate::phase::{Phase, Timings};
use crate::rank::{self, Ranking, Tier};
use crate::resolve::interleave;
use crate::sample::{Lookup, Sample};
use crate::stats::{AddressStats, EndpointStats};

/// An acceleration node has 1 Mbps by default; a handshake is about 5 kB, 40 ms of it.
const MAX_ACCELERATION: usize = 2;

/// Nothing at all answered in round one, on at least this many addresses: the network is dead,
/// and a second round would only double the wait.
const DEAD_NETWORK: usize = 4;

/// The chance of a wrong first choice (by 8 % or more) at which adaptive sampling stops.
const DOUBT: f64 = 0.02;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rounds,
    Rest,
    Leaders,
}

/// An endpoint's place in all of it.
#[derive(Debug)]
struct Member {
    group: usize,
    host: usize,
    slots: Vec<usize>,
}

/// One address of one endpoint.
#[derive(Debug)]
struct Slot {
    endpoint: usize,
    address: SocketAddr,
    /// The address is the proxy's, not the endpoint's own.
    through_proxy: bool,
    server: usize,
    started: u32,
    /// How far the attempt under way, or the last one, has come.
    progress: Progress,
}

#[derive(Debug)]
struct Group {
    region: usize,
    endpoints: Vec<usize>,
    /// The serial queue of the group's leaders, and the round that it holds.
    queue: VecDeque<usize>,
    round: u32,
}

/// A data centre, or the mainland pool, under way.
#[derive(Debug)]
struct District {
    residency: Residency,
    groups: Vec<usize>,
    in_flight: usize,
    /// The longest attempt so far, as far as is known of those under way.
    longest: Duration,
}

/// What to probe next. Everything that is asked at every start is counted, not searched: there
/// may be ten thousand addresses.
#[derive(Debug)]
pub(super) struct Schedule {
    rounds: Rounds,
    in_flight_limit: usize,
    stats: Vec<EndpointStats>,
    members: Vec<Member>,
    hosts: Lookups,
    slots: Vec<Slot>,
    /// By address, and behind a proxy by name: names are all that tells servers apart there.
    servers: BTreeMap<(IpAddr, Option<String>), usize>,
    groups: Vec<Group>,
    districts: Vec<District>,
    stage: Stage,
    leaders: BTreeSet<usize>,
    /// Groups whose leaders may go on.
    awake: BTreeSet<usize>,
    /// Slots in the queues of all groups.
    queued: usize,
    queue: Queue,
    flying: BTreeSet<usize>,
    /// Of those that fly, the ones that are waited for; see `is_busy`.
    awaited: usize,
    accelerated: usize,
    /// Slots that were never tried.
    untried: usize,
    /// Attempts left in the rounds that every address makes.
    left: u64,
    done: u64,
    answered: bool,
}

impl Schedule {
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
            stats: Vec::new(),
            members: Vec::new(),
            hosts: Lookups::new(dialer.families()),
            slots: Vec::new(),
            servers: BTreeMap::new(),
            groups: Vec::new(),
            districts: Vec::new(),
            stage: Stage::Rounds,
            leaders: BTreeSet::new(),
            awake: BTreeSet::new(),
            queued: 0,
            queue: Queue::default(),
            flying: BTreeSet::new(),
            awaited: 0,
            accelerated: 0,
            untried: 0,
            left: 0,
            done: 0,
            answered: false,
        };
        schedule.add(endpoints, pool, dialer);
        schedule.hosts.ask_all();
        schedule
    }

    fn add(&mut self, endpoints: Vec<Endpoint>, pool: Option<&Residency>, dialer: &Dialer) {
        let mut groups: BTreeMap<(usize, Service), usize> = BTreeMap::new();
        for (index, endpoint) in endpoints.into_iter().enumerate() {
            let pool = pool.filter(|pool| pool.contains(endpoint.region()));
            let residency = pool.map_or_else(|| endpoint.region().clone().into(), Clone::clone);
            let mut known = self.districts.iter();
            let region = match known.position(|one| one.residency == residency) {
                Some(known) => known,
                None => {
                    self.districts.push(District::new(residency));
                    self.districts.len() - 1
                }
            };
            let next = self.groups.len();
            let group = *groups.entry((region, endpoint.service())).or_insert(next);
            if group == next {
                self.districts[region].groups.push(group);
                self.groups.push(Group {
                    region,
                    endpoints: Vec::new(),
                    queue: VecDeque::new(),
                    round: 0,
                });
            }
            self.groups[group].endpoints.push(index);
            self.members.push(Member {
                group,
                host: self.hosts.add(dialer.peer(&endpoint), index),
                slots: Vec::new(),
            });
            self.stats.push(EndpointStats::new(endpoint));
        }
    }

    /// The next look-up to make.
    pub(super) fn next_lookup(&mut self) -> Option<LookupJob> {
        self.hosts.next()
    }

    /// The look-up of the host of this number ended.
    pub(super) fn on_lookup(&mut self, host: usize, lookup: &Lookup) {
        let (endpoints, through_proxy) = self.hosts.answered(host);
        let found: &[IpAddr] = lookup.outcome.as_deref().unwrap_or_default();
        for endpoint in endpoints {
            self.stats[endpoint].record_lookup(lookup);
            for ip in interleave(found) {
                self.add_slot(endpoint, SocketAddr::new(ip, lookup.port), through_proxy);
            }
        }
    }

    fn add_slot(&mut self, endpoint: usize, address: SocketAddr, through_proxy: bool) {
        let slots = &mut self.members[endpoint].slots;
        if slots.iter().any(|one| self.slots[*one].address == address) {
            return;
        }
        slots.push(self.slots.len());
        let host = self.stats[endpoint].endpoint().host();
        let key = (address.ip(), through_proxy.then(|| host.to_owned()));
        let next = self.servers.len();
        let server = *self.servers.entry(key).or_insert(next);
        if server == next {
            self.queue.add_server();
        }
        self.slots.push(Slot {
            endpoint,
            address,
            through_proxy,
            server,
            started: 0,
            progress: Progress::new(),
        });
        self.untried += 1;
        self.left += u64::from(self.base());
        self.wait(self.slots.len() - 1);
    }

    /// Lets a slot wait for its next attempt in the stage under way, if it has one to make.
    fn wait(&mut self, slot: usize) {
        let one = &self.slots[slot];
        let left = self.target(one.endpoint).saturating_sub(one.started);
        if left == 0 || self.flying.contains(&slot) || self.is_hopeless(one) {
            return;
        }
        let waiting = Waiting {
            slot,
            region: self.region(one),
            accelerated: self.is_accelerated(one),
            started: one.started,
            left,
        };
        self.queue.wait(one.server, waiting);
    }

    /// Begins a stage.
    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.queue.clear();
        for slot in 0..self.slots.len() {
            self.wait(slot);
        }
    }

    pub(super) fn on_sample(&mut self, slot: usize, sample: &Sample) {
        let one = &self.slots[slot];
        let (endpoint, server, region) = (one.endpoint, one.server, self.region(one));
        self.flying.remove(&slot);
        self.awaited -= usize::from(!self.is_silent(one));
        self.accelerated -= usize::from(self.is_accelerated(one));
        self.districts[region].in_flight -= 1;
        self.done += 1;
        // That a proxy itself is there says nothing about the network behind it.
        let answers = match one.through_proxy {
            true => Phase::Proxy,
            false => Phase::Connect,
        };
        self.answered |= sample.timings.get(answers).is_some();
        self.districts[region].saw(sample.elapsed.max(at_least(&sample.timings)));
        self.stats[endpoint].record(sample);
        let one = &self.slots[slot];
        if self.is_hopeless(one) {
            self.left -= u64::from(self.base().saturating_sub(one.started));
        }
        self.queue.end(server, sample.elapsed);
        self.wait(slot);
        if self.stage == Stage::Leaders {
            self.awake.extend(&self.districts[region].groups);
        }
    }

    /// Whether attempts are made one at a time per region, with nothing to spread.
    pub(super) fn is_serial(&self) -> bool {
        self.stage == Stage::Leaders
    }

    /// What to do now. Call again after every start, and whenever something ended.
    pub(super) fn next(&mut self) -> Next {
        if self.flying.len() >= self.in_flight_limit {
            return Next::Wait;
        }
        loop {
            let slot = match self.stage {
                Stage::Rounds | Stage::Rest => self.next_concurrent(),
                // What had to wait for a silent try comes after the leaders.
                Stage::Leaders => self.next_serial().or_else(|| match self.queued {
                    0 => self.next_concurrent(),
                    _ => None,
                }),
            };
            if let Some(slot) = slot {
                return Next::Start(self.start(slot));
            }
            if self.is_busy() || (self.stage == Stage::Leaders && !self.flying.is_empty()) {
                return Next::Wait;
            }
            if self.is_dead() {
                return Next::Done;
            }
            match self.stage {
                Stage::Rounds => {
                    self.choose_leaders();
                    self.enter(Stage::Rest);
                }
                Stage::Rest => {
                    for group in 0..self.groups.len() {
                        self.queue_leaders(group);
                    }
                    self.enter(Stage::Leaders);
                }
                Stage::Leaders => return Next::Done,
            }
        }
    }

    /// Whether anything is under way that the next stage should wait for. A second try at an
    /// address that was silent is no load, and most likely only confirms the silence.
    fn is_busy(&self) -> bool {
        self.awaited > 0 || self.hosts.unknown() > 0
    }

    fn start(&mut self, slot: usize) -> Job {
        let one = &self.slots[slot];
        let (endpoint, address, region) = (one.endpoint, one.address, self.region(one));
        self.queue.start(one.server, slot, one.started);
        self.awaited += usize::from(!self.is_silent(one));
        self.accelerated += usize::from(self.is_accelerated(one));
        self.untried -= usize::from(one.started == 0);
        self.left -= u64::from(one.started < self.base());
        self.flying.insert(slot);
        self.districts[region].in_flight += 1;
        let one = &mut self.slots[slot];
        one.started += 1;
        one.progress = Progress::new();
        let (round, progress) = (one.started, one.progress.clone());
        // The next round's look-up runs beside this round's attempts, so that it delays none.
        if round < self.base() {
            self.hosts.ask_after(self.members[endpoint].host, round);
        }
        Job {
            slot,
            endpoint: self.stats[endpoint].endpoint().clone(),
            address,
            round,
            progress,
        }
    }

    fn base(&self) -> u32 {
        match self.rounds {
            Rounds::Adaptive { min, .. } => min,
            Rounds::Exact(rounds) => rounds,
        }
    }

    /// How many rounds an endpoint's addresses make in the stage under way.
    fn target(&self, endpoint: usize) -> u32 {
        match self.stage {
            // A single round has no leaders to leave for later.
            Stage::Rounds => self.base().saturating_sub(1).max(1),
            Stage::Rest if self.leaders.contains(&endpoint) => 0,
            Stage::Rest | Stage::Leaders => self.base(),
        }
    }

    fn next_concurrent(&mut self) -> Option<usize> {
        for slot in &self.flying {
            let slot = &self.slots[*slot];
            let region = self.groups[self.members[slot.endpoint].group].region;
            self.districts[region].saw(at_least(&slot.progress.timings()));
        }
        // Until something answers, a dead network is not asked twice.
        let again = self.answered || (!self.is_dead() && self.flying.is_empty());
        let may_accelerate = self.accelerated < MAX_ACCELERATION;
        let expected = |region: usize| self.districts[region].expected();
        self.queue.next(expected, again, may_accelerate)
    }

    /// The next attempt at a leader. A group that has none to make now sleeps until something in
    /// its region ends.
    fn next_serial(&mut self) -> Option<usize> {
        let mut from = 0;
        while let Some(&group) = self.awake.range(from..).next() {
            from = group + 1;
            if self.districts[self.groups[group].region].in_flight > 0 {
                self.awake.remove(&group);
                continue;
            }
            if self.groups[group].queue.is_empty() {
                self.extend_if_in_doubt(group);
            }
            while let Some(slot) = self.groups[group].queue.front().copied() {
                let slot_is = &self.slots[slot];
                let (hopeless, free) = (self.is_hopeless(slot_is), self.is_free(slot_is));
                if !hopeless && !free {
                    break;
                }
                self.groups[group].queue.pop_front();
                self.queued -= 1;
                if free {
                    return Some(slot);
                }
            }
            if self.groups[group].queue.is_empty() {
                self.awake.remove(&group);
            }
        }
        None
    }

    /// The two best endpoints of a group, so far.
    fn leaders_of(&self, group: usize) -> Vec<usize> {
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
                let mut members = self.groups[group].endpoints.iter().copied();
                members.find(|index| self.stats[*index].endpoint() == one.endpoint())
            })
            .collect()
    }

    fn choose_leaders(&mut self) {
        if self.base() < 2 {
            return;
        }
        for group in 0..self.groups.len() {
            let leaders = self.leaders_of(group);
            self.leaders.extend(leaders);
        }
    }

    fn queue_leaders(&mut self, group: usize) {
        let leaders: Vec<usize> = self.groups[group]
            .endpoints
            .iter()
            .copied()
            .filter(|one| self.leaders.contains(one))
            .collect();
        self.groups[group].round = self.base();
        self.queue(group, &leaders);
        self.awake.insert(group);
    }

    /// Queues one attempt at every address of `endpoints` that has not made the group's round,
    /// the endpoints taking turns, so that whatever changes with time changes both.
    fn queue(&mut self, group: usize, endpoints: &[usize]) {
        let round = self.groups[group].round;
        let mut lists: Vec<VecDeque<usize>> = endpoints
            .iter()
            .map(|endpoint| {
                let slots = self.members[*endpoint].slots.iter().copied();
                slots
                    .filter(|slot| self.slots[*slot].started < round)
                    .collect()
            })
            .collect();
        while lists.iter().any(|list| !list.is_empty()) {
            for list in &mut lists {
                let next = list.pop_front();
                self.queued += usize::from(next.is_some());
                self.groups[group].queue.extend(next);
            }
        }
    }

    fn extend_if_in_doubt(&mut self, group: usize) {
        let Rounds::Adaptive { max, .. } = self.rounds else {
            return;
        };
        if self.groups[group].round >= max || rank::doubt(&self.stats_of(group)) <= DOUBT {
            return;
        }
        self.groups[group].round += 1;
        let leaders = self.leaders_of(group);
        self.queue(group, &leaders);
    }

    /// Whether its next attempt may start.
    fn is_free(&self, slot: &Slot) -> bool {
        !self.is_hopeless(slot)
            && !self.queue.is_busy(slot.server)
            && (!self.is_accelerated(slot) || self.accelerated < MAX_ACCELERATION)
    }

    fn is_accelerated(&self, slot: &Slot) -> bool {
        self.stats[slot.endpoint].endpoint().variant() == Variant::Acceleration
    }

    fn region(&self, slot: &Slot) -> usize {
        self.groups[self.members[slot.endpoint].group].region
    }

    /// Two time-outs in one phase and no success: nothing more is to be learned there.
    fn is_hopeless(&self, slot: &Slot) -> bool {
        self.silences(slot) >= 2
    }

    /// Nothing but time-outs so far.
    fn is_silent(&self, slot: &Slot) -> bool {
        self.silences(slot) > 0
    }

    /// The most time-outs in one phase at an address without any success.
    fn silences(&self, slot: &Slot) -> u64 {
        let stats = self.stats[slot.endpoint].addresses();
        let known = stats.iter().find(|one| one.address() == slot.address);
        known.map_or(0, AddressStats::silences)
    }

    fn is_dead(&self) -> bool {
        self.stage == Stage::Rounds
            && !self.answered
            && (self.slots.is_empty() || self.slots.len() >= DEAD_NETWORK)
            && self.untried == 0
    }

    fn ranked(&self, group: usize) -> Option<Ranking> {
        let residency = &self.districts[self.groups[group].region].residency;
        rank::rank(residency.clone(), self.stats_of(group))
    }

    fn stats_of(&self, group: usize) -> Vec<EndpointStats> {
        let endpoints = self.groups[group].endpoints.iter();
        endpoints.map(|one| self.stats[*one].clone()).collect()
    }

    /// Attempts that ended, and attempts planned so far.
    pub(super) fn progress(&self) -> (u64, u64) {
        let to_come = match self.stage {
            Stage::Leaders => self.queued as u64,
            _ => self.left + self.hosts.unknown() as u64 * u64::from(self.base()),
        };
        (self.done, self.done + self.flying.len() as u64 + to_come)
    }

    /// Time ran out: what is under way or was planned for certain counts as unfinished. Whether
    /// there was any.
    pub(super) fn cut_off(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            if self.is_hopeless(slot) {
                continue;
            }
            let flies = u32::from(self.flying.contains(&index));
            let left = self.base().saturating_sub(slot.started) + flies;
            for _ in 0..left {
                self.stats[slot.endpoint].record_unfinished();
                any = true;
            }
        }
        // Not looked up even once: nothing is known about it.
        for endpoint in self.hosts.unknown_endpoints() {
            self.stats[endpoint].record_unfinished();
            any = true;
        }
        any
    }

    /// One ranking per group, in catalogue order.
    pub(super) fn rankings(&self) -> Vec<Ranking> {
        (0..self.groups.len())
            .filter_map(|group| self.ranked(group))
            .collect()
    }
}

impl District {
    fn new(residency: Residency) -> Self {
        District {
            residency,
            groups: Vec::new(),
            in_flight: 0,
            longest: Duration::ZERO,
        }
    }

    fn saw(&mut self, took: Duration) {
        self.longest = self.longest.max(took);
    }

    /// How long an attempt will take at an address that was never tried: as the longest of the
    /// region so far; where no SYN was answered yet, long, so that what is far away begins early.
    fn expected(&self) -> Duration {
        const UNKNOWN: Duration = Duration::from_secs(60);
        match self.longest {
            Duration::ZERO => UNKNOWN,
            longest => longest,
        }
    }
}

/// How long an attempt takes that has come so far.
fn at_least(timings: &Timings) -> Duration {
    /// Connect, TLS 1.3 and upgrade take a round trip each.
    const ROUND_TRIPS: u32 = 3;
    timings.dial().unwrap_or_default() * ROUND_TRIPS
}
