//! What is remembered of each candidate (host × address) on each network, and what it predicts.
//! Pure: `now` comes in.
//!
//! # The estimate
//!
//! Two numbers, each a local-level Kalman filter on a logarithm, since times vary in ratios:
//!
//! ```text
//! x = ln(SYN round trip in ms)        what the path takes now
//! ρ = ln(rest / SYN round trip)       rest = TLS + upgrade: how many round trips, how slow a server
//! ```
//!
//! They are apart because a SYN is cheap to send and tells x afresh, while ρ hardly changes.
//! An innovation is clipped to −2.5 … +1.2 standard deviations: one bad sample must not ruin a
//! good endpoint, and a good one must not make a bad endpoint best. Two in a row beyond 2 on one
//! side are a step, and widen the variance.

mod file;
mod stored;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use file::FileHistory;
pub use stored::{History, HistoryStore};

use crate::clock::Timestamp;
use crate::health::Health;
use crate::rank::normal;
use crate::resolve::Family;

/// One filtered number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    mean: f64,
    variance: f64,
    /// −1, 0, 1: whether the last innovation was far off, and to which side.
    streak: i8,
}

/// Measurement noise of either logarithm: 16 % from jitter on one path.
const NOISE: f64 = 0.025;

/// However long ago, a path is still the path it was, more or less. With the policy bench's
/// reference machines 0.20 loses .015 of the median's ratio to the oracle, and saves .05 dials a connection.
const WIDEST: f64 = 0.30;

/// What a step adds: 39 % standard deviation.
const STEP: f64 = 0.15;

impl Level {
    pub(crate) fn new(mean: f64, variance: f64) -> Self {
        Level {
            mean,
            variance,
            streak: 0,
        }
    }

    /// The level after a time without samples.
    fn drifted(mut self, age: Duration, per_hour: f64) -> Self {
        let grown = self.variance + per_hour * age.as_secs_f64() / 3600.0;
        self.variance = grown.min(WIDEST.max(self.variance));
        self
    }

    fn observe(&mut self, value: f64) {
        let spread = (self.variance + NOISE).sqrt();
        let off = (value - self.mean) / spread;
        let gain = self.variance / (self.variance + NOISE);
        self.mean += gain * off.clamp(-2.5, 1.2) * spread;
        self.variance *= 1.0 - gain;
        let far = if off.abs() > 2.0 {
            off.signum() as i8
        } else {
            0
        };
        if far != 0 && far == self.streak {
            self.variance += STEP;
            self.streak = 0;
        } else {
            self.streak = far;
        }
    }
}

/// What is remembered of one candidate on one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    round_trip: Level,
    rest: Level,
    /// Whether a whole handshake was ever verified here.
    verified: bool,
    updated_ms: Timestamp,
    pub(crate) health: Health,
}

/// What a candidate will most likely take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prediction {
    /// ln of the SYN round trip in ms.
    pub(crate) x: f64,
    pub(crate) x_variance: f64,
    /// ln of TLS and upgrade in relation to the SYN round trip.
    pub(crate) rho: f64,
    pub(crate) rho_variance: f64,
    /// The chance that it fails.
    pub(crate) failure: f64,
    /// Whether a whole handshake was ever verified here.
    pub(crate) verified: bool,
    /// Whether its breaker is open.
    pub(crate) broken: bool,
}

impl Prediction {
    /// The SYN round trip in ms.
    pub(crate) fn round_trip(&self) -> f64 {
        self.x.exp()
    }

    /// TLS and upgrade in ms.
    pub(crate) fn rest(&self) -> f64 {
        (self.x + self.rho).exp()
    }

    /// E: the expected cost of choosing it in ms. A failure costs about 100 ms with a spare at
    /// hand (40 to 280 ms make no difference in the simulation beyond .02 dials); what was never verified may be a machine in the middle that only answers SYNs.
    pub(crate) fn score(&self) -> f64 {
        const FAILURE: f64 = 100.0;
        const UNVERIFIED: f64 = 1.15;
        let doubt = if self.verified { 1.0 } else { UNVERIFIED };
        (self.round_trip() + self.rest()) * (1.0 + self.failure) * doubt + FAILURE * self.failure
    }

    /// The value of dialling `other` beside this one: the expected gain, in logarithms, of
    /// learning its SYN round trip: s·(φ(u) + u·Φ(u)), u = ln(E_this/E_other)/s.
    pub(crate) fn value_of_asking(&self, other: &Prediction) -> f64 {
        let s = (self.x_variance + other.x_variance + 2.0 * NOISE).sqrt();
        let u = (self.score() / other.score()).ln() / s;
        let density = (-u * u / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        s * (density + u * normal(u))
    }

    /// By how much a prediction of so many milliseconds may be exceeded, z deviations out.
    pub(crate) fn spread(&self, z: f64) -> f64 {
        (z * (self.x_variance + NOISE).sqrt()).exp()
    }

    /// The prediction once this attempt's SYN round trip (in ms) is known.
    pub(crate) fn with_round_trip(mut self, millis: f64) -> Self {
        let mut level = Level::new(self.x, self.x_variance);
        level.observe(millis.max(MIN_MILLIS).ln());
        (self.x, self.x_variance) = (level.mean, level.variance);
        self
    }
}

/// ln of 50 ms and of 2.2: what any network's candidates take before anything is known.
const PRIOR_X: f64 = 3.912;
const PRIOR_RHO: f64 = 0.80;

/// How far candidates differ: networks, data centres' hosts, a host's addresses, and families.
const NETWORK: f64 = 0.56;
const HOST: f64 = 0.10;
const ADDRESS: f64 = 0.03;
const FAMILIES: f64 = 0.04;
const RHO_HOST: f64 = 0.05;
const RHO_ADDRESS: f64 = 0.015;

/// Drift per hour. With the policy bench's reference machines a faster x (0.014) dials 1.40 instead of 1.21 extra a
/// connection for .01 of the median; with ρ at 0.001 the preference changes 5 instead of 4 times in
/// 100 connections, for nothing.
const X_DRIFT: f64 = 0.007;
const RHO_DRIFT: f64 = 0.004;

/// A shorter time is a local answer; its logarithm would run away.
const MIN_MILLIS: f64 = 0.05;

/// Which candidate: a host's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
}

/// What is remembered of one network.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Network {
    candidates: BTreeMap<Key, Memory>,
    /// ĝ: how much longer than the SYN's the round trips inside TLS are, as a logarithm.
    gate: f64,
    gate_samples: u32,
}

/// More candidates of one network than any catalogue brings in a month; the oldest go.
const MAX_CANDIDATES: usize = 256;

/// What an attempt taught.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Taught {
    /// The SYN's round trip; absent where only the whole is known.
    pub(crate) connect: Option<Duration>,
    pub(crate) tls: Option<Duration>,
    /// TLS and upgrade, if the handshake came to its end.
    pub(crate) rest: Option<Duration>,
}

impl Network {
    /// When a candidate was last heard of.
    pub(crate) fn heard(&self, key: &Key) -> Option<Timestamp> {
        self.candidates.get(key).map(|memory| memory.updated_ms)
    }

    /// Whether half of what is known is broken: an outage, in which more traffic helps nobody.
    pub(crate) fn is_half_broken(&self, now: Timestamp) -> bool {
        let broken = self
            .candidates
            .values()
            .filter(|one| one.health.is_open(now))
            .count();
        broken * 2 >= self.candidates.len().max(1)
    }

    pub(crate) fn health_mut(&mut self, key: &Key, now: Timestamp) -> &mut Health {
        &mut self.memory(key, now).health
    }

    /// The known addresses of a host: when each was last heard of, and whether it was ever
    /// verified.
    pub(crate) fn addresses<'a>(
        &'a self,
        host: &'a str,
    ) -> impl Iterator<Item = (SocketAddr, Timestamp, bool)> + 'a {
        self.candidates
            .iter()
            .filter(move |(key, _)| key.host == host)
            .map(|(key, memory)| (key.address, memory.updated_ms, memory.verified))
    }

    /// What a candidate will most likely take; from its relatives, if nothing is known of itself.
    pub(crate) fn predict(&self, key: &Key, now: Timestamp) -> Prediction {
        let (memory, health) = match self.candidates.get(key) {
            Some(memory) => (memory.at(now), memory.health),
            None => (self.prior(key, now), Health::default()),
        };
        Prediction {
            x: memory.round_trip.mean,
            x_variance: memory.round_trip.variance,
            rho: memory.rest.mean,
            rho_variance: memory.rest.variance,
            failure: health.failure_probability(now),
            // After a break one more success decides; until then another is the safer choice.
            verified: memory.verified && !health.is_half_open(now),
            broken: health.is_open(now),
        }
    }

    /// b̂: how much longer every SYN of one event took than its path takes, in ms: the access link
    /// queues for all alike, so the least excess is common. Nothing before two answered.
    pub(crate) fn common_delay(&self, round_trips: &[(Key, f64)], now: Timestamp) -> f64 {
        const SLACK: f64 = 1.08;
        let known = round_trips
            .iter()
            .filter(|(key, _)| self.candidates.contains_key(key));
        let excess: Vec<f64> = known
            .map(|(key, millis)| millis - SLACK * self.predict(key, now).round_trip())
            .collect();
        match excess.len() {
            0 | 1 => 0.0,
            _ => excess.into_iter().fold(f64::INFINITY, f64::min).max(0.0),
        }
    }

    /// Learns what an attempt took, less what all of its event had in common (in ms).
    pub(crate) fn learn(&mut self, key: &Key, taught: Taught, common: f64, now: Timestamp) {
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        let memory = self.memory(key, now);
        let Some(connect) = taught.connect.map(millis) else {
            // Only the whole is known, as from an app that dials itself: the path is concluded.
            if let Some(whole) = taught.rest.map(millis) {
                let round_trips = 1.0 + memory.rest.mean.exp();
                memory
                    .round_trip
                    .observe((whole.max(MIN_MILLIS) / round_trips).ln());
                memory.verified = true;
            }
            return;
        };
        let own = (connect - common).max(MIN_MILLIS);
        memory.round_trip.observe(own.ln());
        if let Some(rest) = taught.rest.map(millis) {
            let rest = (rest - 2.0 * common).max(MIN_MILLIS);
            memory.rest.observe((rest / own).ln());
            memory.verified = true;
        }
        if let Some(tls) = taught.tls.map(millis) {
            let longer = ((tls - common).max(MIN_MILLIS) / own).ln();
            self.gate += 0.2 * (longer - self.gate).clamp(-0.6, 0.6);
            self.gate_samples = self.gate_samples.saturating_add(1);
        }
    }

    /// Learns that a given-up attempt took at least so long: only if that is longer than expected.
    pub(crate) fn learn_at_least(&mut self, key: &Key, connecting: Duration, now: Timestamp) {
        let millis = connecting.as_secs_f64() * 1e3;
        if millis > self.predict(key, now).round_trip() {
            self.memory(key, now)
                .round_trip
                .observe(millis.max(MIN_MILLIS).ln());
        }
    }

    /// g: the factor by which to lengthen deadlines where a box on the way answers SYNs itself.
    pub(crate) fn gate(&self) -> f64 {
        (self.gate - 0.2).max(0.0).exp()
    }

    /// Whether SYNs say nothing about the path here.
    pub(crate) fn syns_are_answered_on_the_way(&self) -> bool {
        self.gate_samples >= 5 && self.gate > 0.6
    }

    fn memory(&mut self, key: &Key, now: Timestamp) -> &mut Memory {
        if !self.candidates.contains_key(key) {
            if self.candidates.len() >= MAX_CANDIDATES {
                let oldest = self
                    .candidates
                    .iter()
                    .min_by_key(|(_, memory)| memory.updated_ms);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    self.candidates.remove(&oldest);
                }
            }
            let prior = self.prior(key, now);
            self.candidates.insert(key.clone(), prior);
        }
        let memory = self
            .candidates
            .entry(key.clone())
            .or_insert_with(|| Memory::unknown(now));
        *memory = memory.at(now);
        memory
    }

    /// The estimate of a candidate of which nothing is known: its host's others, else the
    /// network's, else the world's, each less certain than the one before.
    fn prior(&self, key: &Key, now: Timestamp) -> Memory {
        let family = Family::of(key.address.ip());
        let mut prior = Memory::unknown(now);
        let siblings = |wanted: &dyn Fn(&Key) -> bool| {
            let mut sums = [0.0; 3];
            let relatives = self.candidates.iter().filter(|(other, _)| wanted(other));
            for (_, memory) in relatives {
                let memory = memory.at(now);
                let weight = 1.0 / (memory.round_trip.variance + ADDRESS);
                sums[0] += weight;
                sums[1] += weight * memory.round_trip.mean;
                sums[2] += weight * memory.rest.mean;
            }
            (sums[0] > 0.0).then(|| (sums[1] / sums[0], sums[2] / sums[0], 1.0 / sums[0]))
        };
        let same_family = |other: &Key| Family::of(other.address.ip()) == family;
        let of_host = siblings(&|other| other.host == key.host && same_family(other))
            .map(|known| (known, 0.0))
            .or_else(|| siblings(&|other| other.host == key.host).map(|known| (known, FAMILIES)));
        if let Some(((x, rho, variance), other_family)) = of_host {
            prior.round_trip = Level::new(x, variance + ADDRESS + other_family);
            prior.rest = Level::new(rho, RHO_ADDRESS);
        } else if let Some((x, rho, variance)) = siblings(&|_| true) {
            prior.round_trip = Level::new(x, variance + HOST + ADDRESS);
            prior.rest = Level::new(rho, RHO_HOST + RHO_ADDRESS);
        }
        prior
    }
}

impl Memory {
    fn unknown(now: Timestamp) -> Self {
        Memory {
            round_trip: Level::new(PRIOR_X, NETWORK + HOST + ADDRESS),
            rest: Level::new(PRIOR_RHO, RHO_HOST + RHO_ADDRESS),
            verified: false,
            updated_ms: now,
            health: Health::default(),
        }
    }

    /// As it is at `now`, wider by the time that has passed.
    fn at(mut self, now: Timestamp) -> Self {
        let age = now.since(self.updated_ms);
        self.round_trip = self.round_trip.drifted(age, X_DRIFT);
        self.rest = self.rest.drifted(age, RHO_DRIFT);
        self.updated_ms = self.updated_ms.max(now);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn at(hours: f64) -> Timestamp {
        START.after(Duration::from_secs_f64(hours * 3600.0))
    }

    fn key(host: &str, n: u8) -> Key {
        Key {
            host: host.to_owned(),
            address: SocketAddr::from(([44, 0, 0, n], 443)),
        }
    }

    fn taught(connect: u64, rest: Option<u64>) -> Taught {
        Taught {
            connect: Some(Duration::from_millis(connect)),
            tls: rest.map(|rest| Duration::from_millis(rest / 2)),
            rest: rest.map(Duration::from_millis),
        }
    }

    #[test]
    fn a_level_follows_hand_computed_values() {
        let mut level = Level::new(4.0, 0.1);
        level.observe(4.2);
        // Gain 0.1/0.125 = 0.8, innovation 0.2 (0.57 deviations).
        assert!((level.mean - 4.16).abs() < 1e-9);
        assert!((level.variance - 0.02).abs() < 1e-9);
        // 20 deviations up count as 1.2: one bad sample ruins nothing.
        let mut level = Level::new(4.0, 0.1);
        level.observe(11.0);
        assert!((level.mean - (4.0 + 0.8 * 1.2 * 0.125f64.sqrt())).abs() < 1e-9);
        // A second one is a step.
        let before = level.variance;
        level.observe(11.0);
        assert!(level.variance > before + 0.1);
    }

    #[test]
    fn what_is_known_of_relatives_predicts_the_unknown() {
        let mut network = Network::default();
        let unknown = network.predict(&key("a", 1), START);
        assert!((unknown.round_trip() - 50.0).abs() < 0.1 && !unknown.verified);
        for _ in 0..10 {
            network.learn(&key("a", 1), taught(200, Some(400)), 0.0, START);
        }
        let sibling = network.predict(&key("a", 2), START);
        let cousin = network.predict(&key("b", 3), START);
        assert!(
            (sibling.round_trip() - 200.0).abs() < 20.0,
            "{}",
            sibling.round_trip()
        );
        assert!(sibling.x_variance < cousin.x_variance && cousin.x_variance < unknown.x_variance);
        let own = network.predict(&key("a", 1), START);
        assert!(
            own.verified && (own.rest() - 400.0).abs() < 40.0,
            "{}",
            own.rest()
        );
    }

    #[test]
    fn certainty_fades_with_time_and_only_so_far() {
        let mut network = Network::default();
        for _ in 0..10 {
            network.learn(&key("a", 1), taught(100, Some(200)), 0.0, START);
        }
        let variance = |hours| network.predict(&key("a", 1), at(hours)).x_variance;
        assert!(variance(10.0) > variance(0.0) + 0.06);
        assert!(variance(10_000.0) <= WIDEST);
    }

    #[test]
    fn what_all_have_in_common_is_nobodys() {
        let mut network = Network::default();
        for _ in 0..10 {
            network.learn(&key("a", 1), taught(100, None), 0.0, START);
            network.learn(&key("b", 2), taught(50, None), 0.0, START);
        }
        let queue = [(key("a", 1), 190.0), (key("b", 2), 140.0)];
        let common = network.common_delay(&queue, START);
        assert!((75.0..90.0).contains(&common), "{common}");
        assert_eq!(network.common_delay(&queue[..1], START), 0.0);
    }

    #[test]
    fn a_faster_sample_never_worsens_a_score() {
        for slow in [50u64, 100, 400, 2000] {
            for fast in [1u64, 10, 40, 50] {
                let score = |sample| {
                    let mut network = Network::default();
                    network.learn(&key("a", 1), taught(100, Some(200)), 0.0, START);
                    network.learn(&key("a", 1), taught(sample, Some(2 * sample)), 0.0, START);
                    network.predict(&key("a", 1), START).score()
                };
                assert!(score(fast) <= score(slow) + 1e-9, "{fast} {slow}");
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut network = Network::default();
        for n in 0..2000u32 {
            let key = key(&format!("h{n}"), 1);
            network.learn(&key, taught(40, None), 0.0, at(f64::from(n)));
        }
        assert_eq!(network.candidates.len(), MAX_CANDIDATES);
        assert!(network.heard(&key("h1999", 1)).is_some());
    }

    #[test]
    fn a_box_that_answers_syns_is_noticed() {
        let mut network = Network::default();
        for _ in 0..20 {
            let taught = Taught {
                connect: Some(Duration::from_millis(5)),
                tls: Some(Duration::from_millis(200)),
                rest: Some(Duration::from_millis(400)),
            };
            network.learn(&key("a", 1), taught, 0.0, START);
        }
        assert!(network.gate() > 1.0 && network.syns_are_answered_on_the_way());
    }
}
