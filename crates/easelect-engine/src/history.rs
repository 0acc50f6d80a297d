//! What is remembered of the candidates (host × address) of one network, and what it predicts.
//! Pure: time and randomness come in.
//!
//! Two local-level Kalman filters per candidate, on x = ln SYN round trip (ms) and on
//! ρ = ln((TLS + upgrade)/SYN round trip). They are apart because a SYN is cheap to send and tells
//! x afresh, while ρ hardly changes.
//!
//! ```text
//! predict  P⁻ = min(0.30, P + Q·hours)            Q = 0.007 (x), 0.004 (ρ)
//! update   z  = (y − m)/√(P⁻ + R), clipped to [−2.5, 1.2]
//!          m  ← m + K·z·√(P⁻ + R),  K = P⁻/(P⁻ + R),  P = (1 − K)·P⁻
//! step     two |z| > 2 of one sign in a row: P⁻ += 0.15 before the second
//! ```
//!
//! Upward surprises are clipped harder: one spike must not ruin a good candidate. A measurement
//! that was given up (at least so long) only counts where it is above the mean.
//!
//! Figures at constants are ratios of quantiles of the time to open to a clairvoyant's, and dials
//! or changes per connection, from the workspace's `sim` on its tuning seeds, one constant
//! moved at a time; differences of .01 are at the edge of what it shows.

mod candidate;
mod filter;
mod preference;
mod stored;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use preference::Lead;
pub use stored::{History, HistoryError, KnownNetwork};

use crate::forecast::{Forecast, SynTrust};
use crate::health::Transition;
use crate::observation::{Measured, Observation};
use crate::timestamp::Timestamp;
use crate::unseen::{Belief, Place, Spread, expect};
use candidate::Candidate;
use filter::LEAST_MS;

/// x of a network never seen: 50 ms, give or take a factor of 2; clusters, hosts and addresses
/// differ by 25 %, 32 %, 17 % (the simulated world's log-sd, with what an edge adds to a host's).
const SYN: Spread = Spread {
    mean: 3.912_023_005_428_146,
    network: 0.5,
    cluster: 0.06,
    host: 0.10,
    address: 0.03,
    v6: 0.04,
};

/// ρ: two round trips are ln 2 = 0.69; behind an edge that terminates TLS nearer, more.
const REST: Spread = Spread {
    mean: 0.80,
    network: 1e-6,
    cluster: 1e-6,
    host: 0.05,
    address: 0.015,
    v6: 0.0,
};

/// ĝ moves by a fifth of a surprise, which is at most a factor of 1.8.
const GATE_GAIN: f64 = 0.2;
const GATE_CLIP: f64 = 0.6;
/// What TLS costs more than a SYN on an honest path: CPU, 4 kB.
const GATE_HONEST: f64 = 0.2;
/// Beyond this, after five handshakes, SYNs are answered by somebody else.
const GATE_LIMIT: f64 = 0.6;
const GATE_COUNT: u32 = 5;

/// Candidates unseen for this long may be probed in the background.
const UNSEEN: Duration = Duration::from_secs(3 * 3600);

/// More candidates of one network than any catalogue brings in a month; the oldest go.
const MAX_CANDIDATES: usize = 256;

/// How much to probe in the background after a connection opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refresh {
    /// TCP-only probes at most.
    pub probes: usize,
    /// The least value of information for which one is probed.
    pub worth: f64,
}

/// Which candidate: an address of a host in a data centre.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The data centre's identifier: hosts of one are more alike.
    pub region: String,
    /// The host's name.
    pub host: String,
    /// Its address and port.
    pub address: SocketAddr,
}

/// What is remembered of one network. Candidates have numbers, which stay theirs until more than
/// 256 are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    candidates: Vec<Candidate>,
    /// ĝ, and from how many handshakes.
    gate: (f64, u32),
    /// The number last learned of.
    recent: usize,
}

impl Network {
    /// Adds a candidate that DNS gives now, or notes that it still does; its number.
    pub fn list(&mut self, key: &Key, now: Timestamp) -> usize {
        if let Some(number) = self.number(key) {
            self.candidates[number].list(now);
            return number;
        }
        self.put(Candidate::new(key.clone(), self.place(key), now))
    }

    /// The number of a candidate, if it is known.
    #[must_use]
    pub fn number(&self, key: &Key) -> Option<usize> {
        self.number_of(&key.region, &key.host, key.address)
    }

    /// [`number`](Self::number) for who has no key at hand.
    #[must_use]
    #[inline]
    pub fn number_of(&self, region: &str, host: &str, address: SocketAddr) -> Option<usize> {
        // The address first: it hardly ever is another's.
        let is = |one: &Candidate| {
            let key = one.key();
            key.address == address && key.host == host && key.region == region
        };
        // Heartbeats ask for one again and again.
        if self.candidates.get(self.recent).is_some_and(is) {
            return Some(self.recent);
        }
        self.candidates.iter().position(is)
    }

    /// The candidates that are known, by number, and when each was last heard of: given by DNS,
    /// answering, or opened.
    pub fn candidates(&self) -> impl Iterator<Item = (&Key, Timestamp)> {
        self.candidates.iter().map(|one| (one.key(), one.heard()))
    }

    /// Who opened last among these.
    pub fn last_winner(&self, among: impl IntoIterator<Item = usize>) -> Option<usize> {
        let opened = |number: usize| Some((self.candidates.get(number)?.opened()?, number));
        among.into_iter().filter_map(opened).max().map(|won| won.1)
    }

    /// What is expected of every candidate, by number.
    #[must_use]
    pub fn forecasts(&self, now: Timestamp) -> Vec<Forecast> {
        let beliefs = self.syns(now).into_iter().zip(self.rests(now));
        let forecast = |(one, (syn, rest)): (&Candidate, _)| one.forecast(syn, rest, now);
        self.candidates.iter().zip(beliefs).map(forecast).collect()
    }

    /// What is expected of one candidate; its relatives are asked only if it was never seen.
    #[must_use]
    #[inline]
    pub fn forecast(&self, number: usize, now: Timestamp) -> Option<Forecast> {
        let (syn, rest) = self.beliefs(number, now)?;
        Some(self.candidates.get(number)?.forecast(syn, rest, now))
    }

    /// What this network's SYNs say about its handshakes.
    #[must_use]
    #[inline]
    pub fn gate(&self) -> SynTrust {
        let (ln_stretch, count) = self.gate;
        SynTrust {
            stretch: (ln_stretch - GATE_HONEST).max(0.0).exp(),
            trusted: count < GATE_COUNT || ln_stretch <= GATE_LIMIT,
        }
    }

    /// Learns what was shown; what became of whose breaker. `jitter` is uniform, 0 ≤ u < 1.
    #[inline]
    pub fn learn(
        &mut self,
        observations: &[Observation],
        now: Timestamp,
        jitter: f64,
    ) -> Vec<(usize, Transition)> {
        let mut transitions = Vec::new();
        for observation in observations {
            let number = observation.candidate;
            let beliefs = self.beliefs(number, now);
            let (Some(one), Some(beliefs)) = (self.candidates.get_mut(number), beliefs) else {
                continue;
            };
            let transition = one.learn(observation, beliefs, now, jitter);
            self.recent = number;
            transitions.extend(transition.map(|transition| (number, transition)));
            if let (Some(tls_ms), Some(Measured::Took(syn_ms))) =
                (observation.tls_ms, observation.syn)
            {
                let (ln_stretch, count) = self.gate;
                // 0/0 would stay for ever.
                let stretch = tls_ms.max(LEAST_MS) / syn_ms.max(LEAST_MS);
                let surprise = stretch.ln() - ln_stretch;
                let surprise = surprise.clamp(-GATE_CLIP, GATE_CLIP);
                self.gate = (ln_stretch + GATE_GAIN * surprise, count.saturating_add(1));
            }
        }
        transitions
    }

    /// Who of these is preferred: [`lead`](Self::lead) where only that matters.
    #[must_use]
    pub fn prefer(&self, among: &[usize], current: Option<usize>, now: Timestamp) -> Option<usize> {
        let lead = self.lead(&self.forecasts(now), among, current, now)?;
        Some(lead.holder())
    }

    /// Who of these is preferred, after who was, given what is expected of every candidate.
    #[must_use]
    pub fn lead(
        &self,
        forecasts: &[Forecast],
        among: &[usize],
        current: Option<usize>,
        now: Timestamp,
    ) -> Option<Lead> {
        let heard = |number: usize| {
            let one = self.candidates.get(number)?;
            Some((one.answered().max(one.opened()), one.opened()))
        };
        Lead::among(forecasts, among, current, heard, now)
    }

    /// Whom of these to probe in the background, TCP only, after a connection opened.
    #[must_use]
    pub fn to_refresh(&self, among: &[usize], refresh: Refresh, now: Timestamp) -> Vec<usize> {
        let mut all = self.forecasts(now);
        if let Some(winner) = self.last_winner(among.iter().copied()) {
            all[winner].last_winner = true;
        }
        let known: Vec<(usize, &Candidate, &Forecast)> = (among.iter())
            .filter_map(|number| Some((*number, self.candidates.get(*number)?, all.get(*number)?)))
            .collect();
        let verified = known
            .iter()
            .filter(|one| one.2.verified && !one.2.breaker_open);
        let costs = |a: &&Forecast, b: &&Forecast| a.cost_ms().total_cmp(&b.cost_ms());
        let Some(best) = verified.map(|one| one.2).min_by(costs) else {
            return Vec::new();
        };
        // While half of the breakers are open, something else is wrong.
        if 2 * known.iter().filter(|one| one.2.breaker_open).count() > known.len() {
            return Vec::new();
        }
        let unseen = |one: &Candidate| one.answered().is_none_or(|seen| now.since(seen) >= UNSEEN);
        let mut worth: Vec<(f64, usize)> = (known.iter())
            .filter(|(_, one, forecast)| unseen(one) && !forecast.breaker_open)
            .map(|(number, _, forecast)| (forecast.worth_beside(best), *number))
            .filter(|(worth, _)| *worth > refresh.worth)
            .collect();
        worth.sort_by(|a, b| b.0.total_cmp(&a.0));
        worth.truncate(refresh.probes);
        worth.into_iter().map(|(_, number)| number).collect()
    }

    /// x of every candidate.
    fn syns(&self, now: Timestamp) -> Vec<Belief> {
        let own = |one: &Candidate| (one.place(), one.syn(now));
        expect(&SYN, &self.candidates.iter().map(own).collect::<Vec<_>>())
    }

    /// ρ of every candidate.
    fn rests(&self, now: Timestamp) -> Vec<Belief> {
        let own = |one: &Candidate| (one.place(), one.rest(now));
        expect(&REST, &self.candidates.iter().map(own).collect::<Vec<_>>())
    }

    /// x and ρ of one candidate.
    #[inline]
    fn beliefs(&self, number: usize, now: Timestamp) -> Option<(Belief, Belief)> {
        let one = self.candidates.get(number)?;
        let syn = one.syn(now).or_else(|| self.syns(now).get(number).copied());
        let rest = one
            .rest(now)
            .or_else(|| self.rests(now).get(number).copied());
        Some((syn?, rest?))
    }

    /// What is kept of it, for [`restored`](Self::restored).
    fn into_parts(self) -> ((f64, u32), Vec<Candidate>) {
        (self.gate, self.candidates)
    }

    /// What was kept of a network: candidates in any order, and what was known of its gate.
    fn restored(gate: (f64, u32), candidates: impl Iterator<Item = Candidate>) -> Self {
        let mut network = Network {
            gate,
            ..Network::default()
        };
        for one in candidates {
            match network.number(one.key()) {
                Some(number) => {
                    let place = network.candidates[number].place();
                    network.candidates[number] = one.at(place);
                }
                None => {
                    let place = network.place(one.key());
                    network.put(one.at(place));
                }
            }
        }
        network
    }

    /// Takes in one that is not there; the oldest makes room for it.
    fn put(&mut self, candidate: Candidate) -> usize {
        if self.candidates.len() < MAX_CANDIDATES {
            self.candidates.push(candidate);
            return self.candidates.len() - 1;
        }
        let ages = self.candidates.iter().map(Candidate::heard).enumerate();
        let oldest = ages.min_by_key(|(_, heard)| *heard);
        let number = oldest.map_or(0, |(number, _)| number);
        self.candidates[number] = candidate;
        number
    }

    /// Numbers for the candidate's data centre and host: those of its relatives, else new ones.
    fn place(&self, key: &Key) -> Place {
        let places = || self.candidates.iter().map(Candidate::place);
        let in_region = |one: &&Candidate| one.key().region == key.region;
        let on_host = |one: &&Candidate| in_region(one) && one.key().host == key.host;
        let cluster = self.candidates.iter().find(in_region);
        let host = self.candidates.iter().find(on_host);
        Place {
            cluster: cluster.map_or_else(
                || places().map(|one| one.cluster + 1).max().unwrap_or(0),
                |one| one.place().cluster,
            ),
            host: host.map_or_else(
                || places().map(|one| one.host + 1).max().unwrap_or(0),
                |one| one.place().host,
            ),
            v6: key.address.is_ipv6(),
        }
    }
}
