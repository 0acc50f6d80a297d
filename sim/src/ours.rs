//! Easelect's policies: the engine's decisions, driven in virtual time.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::forecast::Forecast;
use easelect_engine::health::Severity;
use easelect_engine::history::{Key, Kinship, Network, proven_elsewhere};
use easelect_engine::id::{AttemptId, CandidateId};
use easelect_engine::observation::Observation;
use easelect_engine::priors::{Prior, Priors};
use easelect_engine::race::{self, Action, Race, Width};
use easelect_engine::timestamp::Timestamp;

use crate::policy::{Connecting, Failed, Happening, Policy};
use crate::random::Random;
use crate::world::{Address, Event};

/// The widest race that still pays.
pub(crate) const WIDE: Width = Width {
    dials: 5,
    worth: 0.009,
    cold_dials: 5,
    foretold_dials: 6,
    syn_patience: 2.0,
    syn_least_ms: 60.0,
    z: 1.2,
    flight_least_ms: 30.0,
    ..Width::FAST
};

/// The start of a client's week.
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A client with one of easelect's policies.
pub(crate) struct Ours {
    width: Width,
    seed: u64,
    random: Random,
    networks: HashMap<usize, Memory>,
    /// The world's addresses that the client has seen.
    addresses: HashMap<SocketAddr, Address>,
    /// The file of priors for new networks.
    told: Option<Told>,
}

/// A file of priors for a network: how its round trips relate to the true ones. Except for `Truth`, it
/// claims an uncertainty of [`Told::CLAIMED`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// Each host's true round trip times a lognormal factor of this log-sd, which the file states.
    Truth(f64),
    /// Each host's is the next host's.
    Permuted,
    /// Each host's is that on another client's network.
    OfAnother,
    /// Twice the truth.
    Doubled,
    /// A quarter of the truth.
    Quartered,
    /// 50 ms for all hosts: shows what the further dials alone gain.
    Alike,
}

impl Told {
    const CLAIMED: f64 = 0.2;

    fn prior(self, event: &Event, random: &mut Random) -> Option<Arc<Prior>> {
        let hosts = event.hosts();
        let mut entries = String::new();
        for host in 0..hosts {
            let here = |host| event.base_ms(host);
            let (ms, sd) = match self {
                Told::Truth(sd) => (here(host).map(|ms| random.lognormal(ms, sd)), sd),
                Told::Permuted => (here((host + 1) % hosts), Told::CLAIMED),
                Told::OfAnother => (event.base_ms_of_another(host), Told::CLAIMED),
                Told::Doubled => (here(host).map(|ms| 2.0 * ms), Told::CLAIMED),
                Told::Alike => (Some(50.0), Told::CLAIMED),
                Told::Quartered => (here(host).map(|ms| ms / 4.0), Told::CLAIMED),
            };
            let Some(ms) = ms else { continue };
            let comma = if entries.is_empty() { "" } else { "," };
            let _ = write!(entries, r#"{comma}"h{host}":{{"ms":{ms},"sd":{sd}}}"#);
        }
        let text = format!(r#"{{"schema":1,"classes":{{"here":{{{entries}}}}}}}"#);
        let priors = Priors::from_json(&text).expect("the world's times are sane");
        priors.of("here", |_| true).map(Arc::new)
    }
}

impl std::fmt::Debug for Ours {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Ours")
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

impl Ours {
    pub(crate) fn new(width: Width, seed: u64) -> Self {
        Ours {
            width,
            seed,
            random: Random::new(&[seed, 14]),
            networks: HashMap::new(),
            addresses: HashMap::new(),
            told: None,
        }
    }

    /// Sets a file of priors.
    pub(crate) fn told(self, told: Told) -> Self {
        let told = Some(told);
        Ours { told, ..self }
    }

    /// Returns the addresses that opened on other networks, the latest first, by their numbers on this
    /// one.
    fn elsewhere(&self, event: &Event) -> Vec<usize> {
        let others = self.networks.iter().filter(|(id, _)| **id != event.network);
        let others = others.map(|(_, memory)| &memory.network);
        let known = proven_elsewhere(others);
        let numbers = known.into_iter().map(|key| self.addresses[&key.address]);
        numbers
            .filter_map(|address| event.number(address))
            .collect()
    }
}

/// A client's memory of a network. The engine numbers candidates by their place in `candidates`.
struct Memory {
    network: Network,
    candidates: Vec<usize>,
    preferred: Option<CandidateId>,
    /// Addresses from other networks, dialled during the lookups while nothing has opened here.
    elsewhere: Vec<usize>,
}

impl Memory {
    fn new(event: &Event, now: Timestamp) -> Self {
        let mut network = Network::default();
        let candidates: Vec<usize> = event.usable().collect();
        for candidate in &candidates {
            network.list(&key(event, *candidate), now);
        }
        Memory {
            network,
            candidates,
            preferred: None,
            elsewhere: Vec::new(),
        }
    }

    /// Adds an address that this network's DNS doesn't return.
    fn note(&mut self, event: &Event, number: usize) {
        if !self.candidates.contains(&number) {
            self.network.note(&key(event, number));
            self.candidates.push(number);
        }
    }

    /// Returns the engine's number of the world's candidate.
    fn id(&self, candidate: usize) -> CandidateId {
        let found = self.candidates.iter().position(|one| *one == candidate);
        CandidateId::new(found.unwrap_or(usize::MAX))
    }

    /// Returns all candidates' forecasts, with the last winner marked.
    fn outlook(&self, now: Timestamp) -> (Vec<Forecast>, Kinship) {
        let winner = self.network.last_winner(&self.all());
        let (mut forecasts, kinship) = self.network.outlook(now);
        if let Some(winner) = winner {
            forecasts[winner.index()].last_winner = true;
        }
        (forecasts, kinship)
    }

    fn all(&self) -> Vec<CandidateId> {
        let known = self.network.candidates();
        let listed = known.filter(|(.., listed)| listed.is_some());
        listed.map(|(id, ..)| id).collect()
    }
}

/// Translates the world's numbers into names and an address.
fn key(event: &Event, candidate: usize) -> Key {
    let one = event.candidate(candidate);
    let address = event.address(candidate);
    let last = address.candidate as u8;
    // 0: an address that every network's DNS returns.
    let network = address.network.map_or(0, |network| network as u16 + 1);
    let [high, low] = network.to_be_bytes();
    let ip = if one.v6 {
        IpAddr::from([0x2600, 0x1f00, network, 0, 0, 0, 0, u16::from(last)])
    } else {
        IpAddr::from([44, 128 + high, low, last])
    };
    Key {
        region: format!("c{}", one.cluster),
        host: format!("h{}", one.host),
        address: SocketAddr::new(ip, 443),
        service: "websocket".to_owned(),
    }
}

impl Policy for Ours {
    fn connect(&mut self, event: &Event, sim: &mut Connecting) {
        let today = START.after(Duration::from_secs_f64(event.hour * 3600.0));
        let elsewhere = self.elsewhere(event);
        let known = self.networks.entry(event.network);
        // Separate random numbers, so that a file of priors changes no others.
        let mut random = Random::new(&[self.seed, 15, event.network as u64]);
        let memory = known.or_insert_with(|| {
            let mut memory = Memory::new(event, today);
            let prior = |told: Told| told.prior(event, &mut random);
            memory.network.expect(self.told.and_then(prior));
            memory
        });
        for number in event.usable() {
            let address = key(event, number).address;
            self.addresses.insert(address, event.address(number));
        }
        memory.elsewhere = match memory.network.last_winner(&memory.all()) {
            Some(_) => Vec::new(),
            None => elsewhere,
        };
        for number in &memory.elsewhere.clone() {
            memory.note(event, *number);
        }
        let queue_ms = run(self.width, memory, event, sim, today, &mut self.random);
        if sim.tally().opened.is_none() {
            return;
        }
        let now = today.after(elapsed(sim));
        let chosen = (memory.network).to_check(&memory.all(), self.width.checks, now);
        for id in chosen {
            let syn_ms = sim.probe(memory.candidates[id.index()]);
            let syn_ms = syn_ms.map(|ms| (ms - queue_ms).max(0.1));
            let observation = Observation::of_probe(syn_ms);
            (memory.network).learn(&[(id, observation)], now, self.random.uniform());
        }
        memory.preferred = (memory.network).prefer(&memory.all(), memory.preferred, now);
    }

    fn preference(&self, network: usize) -> Option<usize> {
        let memory = self.networks.get(&network)?;
        Some(memory.candidates[memory.preferred?.index()])
    }
}

fn elapsed(sim: &Connecting) -> Duration {
    Duration::from_secs_f64(sim.now_ms() / 1_000.0)
}

/// Runs a race, and further ones if every candidate failed. Teaches the history. Returns the queueing
/// delay of the access link in ms.
fn run(
    width: Width,
    memory: &mut Memory,
    event: &Event,
    sim: &mut Connecting,
    today: Timestamp,
    random: &mut Random,
) -> f64 {
    (0..event.hosts()).for_each(|host| sim.insist(host, DNS_AGAIN_MS));
    loop {
        let began = elapsed(sim);
        let (forecasts, kinship) = memory.outlook(today.after(began));
        let mut race =
            Race::new(width, memory.network.syn_trust(today.after(began))).among(kinship);
        let mut driver = Driver::new(memory, event, sim, forecasts);
        let over = driver.run(&mut race, began);
        let numbers = driver.numbers;
        let now = elapsed(sim);
        let shown = race.observations(now.saturating_sub(began)).into_iter();
        let of_memory = |(attempt, observation): (AttemptId, Observation)| {
            (memory.id(numbers[attempt.index()]), observation)
        };
        let observations: Vec<(CandidateId, Observation)> = shown.map(of_memory).collect();
        (memory.network).learn(&observations, today.after(now), random.uniform());
        let until_ms = sim.now_ms() + RETRY_MS;
        while !over && sim.now_ms() < until_ms {
            if sim.wait(until_ms).is_none() {
                return race.queue_ms();
            }
        }
        if over {
            return race.queue_ms();
        }
    }
}

/// The time after which a lookup is repeated, as by the selector.
const DNS_AGAIN_MS: f64 = 1_000.0;

/// The pause before the next race, after every candidate failed.
const RETRY_MS: f64 = 1_000.0;

/// Carries out a race's actions.
struct Driver<'d, 'e> {
    memory: &'d Memory,
    event: &'d Event<'d>,
    sim: &'d mut Connecting<'e>,
    forecasts: Vec<Forecast>,
    /// The world's candidates in the race's order.
    numbers: Vec<usize>,
    dialled: Vec<Duration>,
}

impl<'d, 'e> Driver<'d, 'e> {
    fn new(
        memory: &'d Memory,
        event: &'d Event<'d>,
        sim: &'d mut Connecting<'e>,
        forecasts: Vec<Forecast>,
    ) -> Self {
        Driver {
            forecasts,
            memory,
            event,
            sim,
            numbers: Vec::new(),
            dialled: Vec::new(),
        }
    }

    /// Runs until a candidate opens or the time is over. Returns false if every candidate failed.
    fn run(&mut self, race: &mut Race, began: Duration) -> bool {
        // On a known network, the remembered addresses are dialled during the lookups.
        let known = self
            .memory
            .network
            .last_winner(&self.memory.all())
            .is_some();
        for number in &self.memory.elsewhere {
            self.add_one(race, *number, true, Duration::ZERO);
        }
        let mut waiting = 0;
        for host in 0..self.event.hosts() {
            if known || self.sim.is_resolved(host) {
                self.add(race, host, Duration::ZERO);
            } else {
                waiting += 1;
            }
        }
        loop {
            if waiting == 0 {
                race.no_more();
            }
            let now = elapsed(self.sim).saturating_sub(began);
            let until_ms = match race.next(now) {
                Action::Dial(one) => {
                    self.dialled[one.index()] = now;
                    self.sim.dial(self.numbers[one.index()]);
                    continue;
                }
                Action::Handshake(one) => {
                    self.sim.handshake(self.numbers[one.index()]);
                    continue;
                }
                Action::Cancel(one) => {
                    self.sim.cancel(self.numbers[one.index()]);
                    continue;
                }
                Action::WaitUntil(at) => (began + at).as_secs_f64() * 1_000.0,
                Action::Wait => f64::INFINITY,
                Action::GiveUp => return false,
            };
            let Some(happening) = self.sim.wait(until_ms) else {
                return true;
            };
            let now = elapsed(self.sim).saturating_sub(began);
            match happening {
                Happening::Resolved(host) if !known => {
                    self.add(race, host, now);
                    waiting -= 1;
                }
                Happening::Established(one) => {
                    let one = self.place(one);
                    race.established(one, now.saturating_sub(self.dialled[one.index()]));
                }
                Happening::Secured(one) => race.secured(self.place(one), now),
                Happening::Failed(one, Failed::Dial) => {
                    race.failed(self.place(one), Severity::Soft);
                }
                Happening::Failed(one, Failed::Handshake) => {
                    race.failed(self.place(one), Severity::Hard);
                }
                Happening::Open(one) => {
                    race.opened(self.place(one), now);
                    return true;
                }
                Happening::Resolved(_) | Happening::Time => {}
            }
        }
    }

    fn add(&mut self, race: &mut Race, host: usize, now: Duration) {
        for one in self.event.addresses(host) {
            self.add_one(race, one, false, now);
        }
    }

    fn add_one(&mut self, race: &mut Race, one: usize, remembered: bool, now: Duration) {
        if self.numbers.contains(&one) {
            return race.given(self.place(one));
        }
        let id = self.memory.id(one);
        let candidate = race::Candidate {
            id: Some(id),
            remembered,
            ..self.forecasts[id.index()].into()
        };
        race.add(candidate, now);
        self.numbers.push(one);
        self.dialled.push(Duration::ZERO);
    }

    fn place(&self, candidate: usize) -> AttemptId {
        let found = self.numbers.iter().position(|one| *one == candidate);
        AttemptId::new(found.unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::parameters::Parameters;
    use crate::world::{Client, World};

    /// Two networks have the same IP address only where the world has the same address.
    #[test]
    fn every_address_has_an_ip_of_its_own() {
        for world in ["default", "half-own", "own-addresses"] {
            let world = World::new(Parameters::variant(world).unwrap(), 1);
            let client = Client::new(&world, 2);
            let mut all: Vec<(crate::world::Address, SocketAddr)> = Vec::new();
            for event in client.events() {
                let elsewhere = all.iter().filter_map(|(address, _)| event.number(*address));
                let numbers: Vec<usize> = event.usable().chain(elsewhere).collect();
                all.extend((numbers.iter()).map(|n| (event.address(*n), key(&event, *n).address)));
                all.sort_by_key(|(_, ip)| *ip);
                all.dedup();
            }
            for two in all.windows(2) {
                assert!(two[0].0 != two[1].0 && two[0].1 != two[1].1, "{two:?}");
            }
        }
    }
}
