//! What to probe next: rounds, fairness, leaders apart. Pure: no clock, no I/O.
//!
//! 1. *Rounds*: every address, all rounds but the last, as many in flight as allowed. Round one
//!    covers every endpoint first; later, the address with the longest way to go starts first,
//!    so that the whole takes about max(work / in flight, longest chain of one address).
//! 2. *Rest*: the last round of all but each group's two leaders.
//! 3. *Leaders*: the last round of the two leaders, and with adaptive sampling further ones while
//!    their order is in doubt, one attempt at a time per region: concurrency would corrupt just
//!    what decides.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Rounds;
use super::job::{Job, LookupJob, Next};
use crate::catalog::{Endpoint, Region, Service, Variant};
use crate::handshake::Progress;
use crate::phase::Phase;
use crate::rank::{self, Ranking};
use crate::resolve::{Families, Names, Trust, interleave};
use crate::sample::{Lookup, Sample};
use crate::stats::{AddressStats, EndpointStats};

/// An acceleration node has 1 Mbps by default; a handshake is about 5 kB, 40 ms of it.
const MAX_ACCELERATION: usize = 2;

/// Nothing at all answered in round one, on at least this many addresses: the network is dead,
/// and a second round would only double the wait.
const DEAD_NETWORK: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rounds,
    Rest,
    Leaders,
}

/// What is looked up: an endpoint's host, or the proxy of many.
#[derive(Debug)]
struct Host {
    name: String,
    port: u16,
    trust: Trust,
    is_proxy: bool,
    endpoints: Vec<usize>,
    /// Rounds of look-ups that were asked for.
    asked: u32,
    pending: usize,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) endpoint: usize,
    pub(super) address: SocketAddr,
    /// The address is the proxy's, not the endpoint's own.
    pub(super) through_proxy: bool,
    pub(super) started: u32,
    pub(super) in_flight: bool,
    /// How far the attempt under way, or the last one, has come.
    pub(super) progress: Progress,
    pub(super) last: Duration,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) region: Region,
    pub(super) endpoints: Vec<usize>,
    /// The serial queue of the group's leaders, and the round that it holds.
    pub(super) queue: VecDeque<usize>,
    pub(super) round: u32,
}

/// What to probe next.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) rounds: Rounds,
    in_flight_limit: usize,
    families: Families,
    pub(super) stats: Vec<EndpointStats>,
    hosts: Vec<Host>,
    pub(super) slots: Vec<Slot>,
    pub(super) groups: Vec<Group>,
    stage: Stage,
    pub(super) leaders: BTreeSet<usize>,
    due: VecDeque<LookupJob>,
    in_flight: usize,
    done: u64,
    answered: bool,
}

impl Schedule {
    pub(super) fn new(
        endpoints: Vec<Endpoint>,
        rounds: Rounds,
        in_flight_limit: usize,
        names: &Names,
    ) -> Self {
        let mut schedule = Schedule {
            rounds,
            in_flight_limit,
            families: names.families,
            stats: Vec::new(),
            hosts: Vec::new(),
            slots: Vec::new(),
            groups: Vec::new(),
            stage: Stage::Rounds,
            leaders: BTreeSet::new(),
            due: VecDeque::new(),
            in_flight: 0,
            done: 0,
            answered: false,
        };
        for endpoint in endpoints {
            schedule.add(endpoint, names);
        }
        for host in 0..schedule.hosts.len() {
            schedule.ask(host);
        }
        schedule
    }

    fn add(&mut self, endpoint: Endpoint, names: &Names) {
        let index = self.stats.len();
        let key = |one: &Endpoint| (one.region().clone(), one.service());
        let group: (Region, Service) = key(&endpoint);
        match self
            .groups
            .iter_mut()
            .find(|one| key(self.stats[one.endpoints[0]].endpoint()) == group)
        {
            Some(one) => one.endpoints.push(index),
            None => self.groups.push(Group {
                region: group.0,
                endpoints: vec![index],
                queue: VecDeque::new(),
                round: 0,
            }),
        }
        let peer = names.peer(&endpoint);
        let same = |host: &&mut Host| {
            (host.name.as_str(), host.port, host.trust, host.is_proxy)
                == (peer.host, peer.port, peer.trust, peer.is_proxy)
        };
        match self.hosts.iter_mut().find(same) {
            Some(host) => host.endpoints.push(index),
            None => self.hosts.push(Host {
                name: peer.host.to_owned(),
                port: peer.port,
                trust: peer.trust,
                is_proxy: peer.is_proxy,
                endpoints: vec![index],
                asked: 0,
                pending: 0,
            }),
        }
        self.stats.push(EndpointStats::new(endpoint));
    }

    /// The next look-up to make, all of them at once: the resolver limits itself.
    pub(super) fn next_lookup(&mut self) -> Option<LookupJob> {
        self.due.pop_front()
    }

    fn ask(&mut self, host: usize) {
        let one = &mut self.hosts[host];
        one.asked += 1;
        for family in self.families.list() {
            one.pending += 1;
            self.due.push_back(LookupJob {
                host: one.name.clone(),
                port: one.port,
                trust: one.trust,
                family: *family,
                round: one.asked,
            });
        }
    }

    pub(super) fn on_lookup(&mut self, lookup: &Lookup) {
        let same = |host: &Host| host.name == lookup.host && host.port == lookup.port;
        let Some(host) = self.hosts.iter().position(|h| same(h) && h.pending > 0) else {
            return;
        };
        self.hosts[host].pending -= 1;
        let through_proxy = self.hosts[host].is_proxy;
        let found: &[IpAddr] = lookup.outcome.as_deref().unwrap_or_default();
        for endpoint in self.hosts[host].endpoints.clone() {
            self.stats[endpoint].record_lookup(lookup);
            for ip in interleave(found) {
                let address = SocketAddr::new(ip, lookup.port);
                let known = |slot: &Slot| slot.endpoint == endpoint && slot.address == address;
                if !self.slots.iter().any(known) {
                    self.slots.push(Slot {
                        endpoint,
                        address,
                        through_proxy,
                        started: 0,
                        in_flight: false,
                        progress: Progress::new(),
                        last: Duration::ZERO,
                    });
                }
            }
        }
    }

    pub(super) fn on_sample(&mut self, slot: usize, sample: &Sample) {
        self.in_flight -= 1;
        self.done += 1;
        let one = &mut self.slots[slot];
        // That a proxy itself is there says nothing about the network behind it.
        let answers = match one.through_proxy {
            true => Phase::Proxy,
            false => Phase::Connect,
        };
        self.answered |= sample.timings.get(answers).is_some();
        one.in_flight = false;
        one.last = sample.elapsed;
        self.stats[one.endpoint].record(sample);
    }

    /// Whether attempts are made one at a time per region, with nothing to spread.
    pub(super) fn is_serial(&self) -> bool {
        self.stage == Stage::Leaders
    }

    /// What to do now. Call again after every start, and whenever something ended.
    pub(super) fn next(&mut self) -> Next {
        if self.in_flight >= self.in_flight_limit {
            return Next::Wait;
        }
        loop {
            let slot = match self.stage {
                Stage::Rounds | Stage::Rest => self.next_concurrent(),
                // What had to wait for a silent try comes after the leaders.
                Stage::Leaders => self.next_serial().or_else(|| {
                    let queued = self.groups.iter().any(|group| !group.queue.is_empty());
                    if queued { None } else { self.next_concurrent() }
                }),
            };
            if let Some(slot) = slot {
                return Next::Start(self.start(slot));
            }
            if self.is_busy() || (self.stage == Stage::Leaders && self.in_flight > 0) {
                return Next::Wait;
            }
            if self.is_dead() {
                return Next::Done;
            }
            match self.stage {
                Stage::Rounds => {
                    self.choose_leaders();
                    self.stage = Stage::Rest;
                }
                Stage::Rest => {
                    for group in 0..self.groups.len() {
                        self.queue_leaders(group);
                    }
                    self.stage = Stage::Leaders;
                }
                Stage::Leaders => return Next::Done,
            }
        }
    }

    /// Whether anything is under way that the next stage should wait for. A second try at an
    /// address that was silent is no load, and most likely only confirms the silence.
    fn is_busy(&self) -> bool {
        let silent = |slot: &Slot| self.silences(slot) > 0;
        let flying = self
            .slots
            .iter()
            .any(|slot| slot.in_flight && !silent(slot));
        let dead = |host: &Host| host.asked > 1;
        flying
            || self
                .hosts
                .iter()
                .any(|host| host.pending > 0 && !dead(host))
    }

    fn start(&mut self, slot: usize) -> Job {
        let one = &mut self.slots[slot];
        one.started += 1;
        one.in_flight = true;
        one.progress = Progress::new();
        self.in_flight += 1;
        let (endpoint, address, round) = (one.endpoint, one.address, one.started);
        let progress = one.progress.clone();
        // The next round's look-up runs beside this round's attempts, so that it delays none.
        let host = self
            .hosts
            .iter()
            .position(|host| host.endpoints.contains(&endpoint));
        if let Some(host) = host
            && self.hosts[host].asked <= round
            && round < self.base()
        {
            self.ask(host);
        }
        Job {
            slot,
            endpoint: self.stats[endpoint].endpoint().clone(),
            address,
            round,
            progress,
        }
    }

    pub(super) fn base(&self) -> u32 {
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

    fn next_concurrent(&self) -> Option<usize> {
        let first_round_left = |slot: &Slot| slot.started == 0;
        // Until something answers, a dead network is not asked twice.
        let again = self.answered || (!self.is_dead() && self.in_flight == 0);
        let way_to_go =
            |slot: &Slot| self.expected(slot) * (self.target(slot.endpoint) - slot.started);
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.started < self.target(slot.endpoint) && self.is_free(slot))
            .filter(|(_, slot)| again || first_round_left(slot))
            // The first of the greatest: catalogue order among equals.
            .rev()
            .max_by_key(|(_, slot)| (first_round_left(slot), way_to_go(slot)))
            .map(|(index, _)| index)
    }

    /// How long an attempt will take: as the last one at this address, or as the longest of its
    /// region so far; where no SYN was answered yet, long, so that what is far away begins early.
    fn expected(&self, slot: &Slot) -> Duration {
        const UNKNOWN: Duration = Duration::from_secs(60);
        /// Connect, TLS 1.3 and upgrade take a round trip each.
        const ROUND_TRIPS: u32 = 3;
        if slot.last > Duration::ZERO {
            return slot.last;
        }
        let region = |slot: &Slot| self.stats[slot.endpoint].endpoint().region();
        let known = |one: &Slot| {
            let dial = one.progress.reached().timings.dial();
            one.last.max(dial.unwrap_or_default() * ROUND_TRIPS)
        };
        let siblings = self.slots.iter().filter(|one| region(one) == region(slot));
        let longest = siblings.map(known).max().unwrap_or_default();
        if longest > Duration::ZERO {
            longest
        } else {
            UNKNOWN
        }
    }

    pub(super) fn is_free(&self, slot: &Slot) -> bool {
        let variant = |slot: &Slot| self.stats[slot.endpoint].endpoint().variant();
        let accelerated = |slot: &Slot| variant(slot) == Variant::Acceleration;
        let flying = || self.slots.iter().filter(|other| other.in_flight);
        // Behind a proxy the names are all that tells servers apart.
        let server = |slot: &Slot| {
            let host = self.stats[slot.endpoint].endpoint().host();
            (slot.address.ip(), slot.through_proxy.then_some(host))
        };
        !self.is_hopeless(slot)
            && !flying().any(|other| server(other) == server(slot))
            && (!accelerated(slot)
                || flying().filter(|other| accelerated(other)).count() < MAX_ACCELERATION)
    }

    /// Two time-outs in one phase and no success: nothing more is to be learned there.
    pub(super) fn is_hopeless(&self, slot: &Slot) -> bool {
        self.silences(slot) >= 2
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
            && self.slots.iter().all(|slot| slot.started >= 1)
    }

    pub(super) fn ranked(&self, group: usize) -> Option<Ranking> {
        let stats: Vec<EndpointStats> = self.groups[group]
            .endpoints
            .iter()
            .map(|one| self.stats[*one].clone())
            .collect();
        rank::rank(stats)
    }

    /// Attempts that ended, and attempts planned so far.
    pub(super) fn progress(&self) -> (u64, u64) {
        let left: u64 = self
            .slots
            .iter()
            .filter(|slot| !self.is_hopeless(slot))
            .map(|slot| u64::from(self.base().saturating_sub(slot.started)))
            .sum();
        let queued: usize = match self.stage {
            Stage::Leaders => self.groups.iter().map(|group| group.queue.len()).sum(),
            _ => 0,
        };
        let unknown = self
            .hosts
            .iter()
            .filter(|host| host.asked == 1 && host.pending > 0);
        let expected: u64 = unknown
            .map(|host| host.endpoints.len() as u64 * u64::from(self.base()))
            .sum();
        let to_come = if self.stage == Stage::Leaders {
            queued as u64
        } else {
            left + expected
        };
        (self.done, self.done + self.in_flight as u64 + to_come)
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
            let left = self.base().saturating_sub(slot.started) + u32::from(slot.in_flight);
            for _ in 0..left {
                self.stats[slot.endpoint].record_unfinished();
                any = true;
            }
        }
        for host in &self.hosts {
            // Not looked up even once: nothing is known about it.
            if host.asked == 1 && host.pending > 0 {
                for endpoint in &host.endpoints {
                    self.stats[*endpoint].record_unfinished();
                    any = true;
                }
            }
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
