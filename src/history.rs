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
//! or changes per connection, from `cargo bench --bench policy` on its tuning seeds, one constant
//! moved at a time; differences of .01 are at the edge of what it shows.

mod file;
mod filter;
mod preference;
mod stored;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use file::FileHistory;
pub(crate) use preference::Lead;
#[cfg(feature = "lab")]
pub use stored::networks_of;
pub use stored::{History, HistoryStore};

use crate::clock::Timestamp;
use crate::forecast::{Forecast, Gate};
use crate::health::{Health, Transition};
use crate::lesson::{Lesson, Measured};
use crate::prior::{Belief, Place, Spread, expect};
use crate::resolve::Family;
use filter::{Filter, LEAST_MS};

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

/// Q, per hour: what routes and the time of day change. A slower x costs .01 of p50, a faster one
/// dials more (0.014: extra TCP 1.40 instead of 1.21, .01 of p50). ρ at 0.001 makes the preference
/// change 5 instead of 4 times per 100 connections, and gains nothing.
const SYN_DRIFT: f64 = 0.007;
const REST_DRIFT: f64 = 0.004;

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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    #[serde(flatten)]
    key: Key,
    #[serde(skip)]
    place: Place,
    syn: Option<Filter>,
    rest: Option<Filter>,
    health: Health,
    /// When DNS last gave its address.
    listed_ms: Timestamp,
    /// When its SYN was last answered.
    seen_ms: Option<Timestamp>,
    /// When it last opened; only then it is verified.
    opened_ms: Option<Timestamp>,
}

/// What is remembered of one network. Candidates have numbers, which stay theirs until more than
/// 256 are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    members: Vec<Member>,
    /// ĝ, and from how many handshakes.
    gate: (f64, u32),
    /// The number last learned of.
    recent: usize,
}

impl Network {
    /// Adds a candidate that DNS gives now, or notes that it still does; its number.
    pub fn list(&mut self, key: &Key, now: Timestamp) -> usize {
        if let Some(number) = self.number(key) {
            self.members[number].listed_ms = now;
            return number;
        }
        let member = Member {
            place: self.place(key),
            key: key.clone(),
            syn: None,
            rest: None,
            health: Health::default(),
            listed_ms: now,
            seen_ms: None,
            opened_ms: None,
        };
        if self.members.len() < MAX_CANDIDATES {
            self.members.push(member);
            return self.members.len() - 1;
        }
        let ages = self.members.iter().map(Member::heard).enumerate();
        let oldest = ages.min_by_key(|(_, heard)| *heard);
        let number = oldest.map_or(0, |(number, _)| number);
        self.members[number] = member;
        number
    }

    /// The number of a candidate, if it is known.
    #[must_use]
    pub fn number(&self, key: &Key) -> Option<usize> {
        self.number_of(&key.region, &key.host, key.address)
    }

    /// [`number`](Self::number) for who has no key at hand.
    pub(crate) fn number_of(&self, region: &str, host: &str, address: SocketAddr) -> Option<usize> {
        // The address first: it hardly ever is another's.
        let is = |one: &Member| {
            let key = &one.key;
            key.address == address && key.host == host && key.region == region
        };
        // Heartbeats ask for one again and again.
        if self.members.get(self.recent).is_some_and(is) {
            return Some(self.recent);
        }
        self.members.iter().position(is)
    }

    /// The candidates that are known, by number, and when each was last heard of: given by DNS,
    /// answering, or opened.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = (&Key, Timestamp)> {
        self.members.iter().map(|one| (&one.key, one.heard()))
    }

    /// Who opened last among these.
    pub fn last_winner(&self, among: impl IntoIterator<Item = usize>) -> Option<usize> {
        let opened = |number: usize| Some((self.members.get(number)?.opened_ms?, number));
        among.into_iter().filter_map(opened).max().map(|won| won.1)
    }

    /// What is expected of every candidate, by number.
    #[must_use]
    pub fn forecasts(&self, now: Timestamp) -> Vec<Forecast> {
        let beliefs = self.syns(now).into_iter().zip(self.rests(now));
        let forecast = |(one, (syn, rest)): (&Member, _)| one.forecast(syn, rest, now);
        self.members.iter().zip(beliefs).map(forecast).collect()
    }

    /// What is expected of one candidate; its relatives are asked only if it was never seen.
    #[must_use]
    pub fn forecast(&self, number: usize, now: Timestamp) -> Option<Forecast> {
        let (syn, rest) = (self.syn(number, now)?, self.rest(number, now)?);
        Some(self.members.get(number)?.forecast(syn, rest, now))
    }

    /// What this network's SYNs say about its handshakes.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let (ln_stretch, count) = self.gate;
        Gate {
            stretch: (ln_stretch - GATE_HONEST).max(0.0).exp(),
            trusted: count < GATE_COUNT || ln_stretch <= GATE_LIMIT,
        }
    }

    /// Learns what was shown; what became of whose breaker. `jitter` is uniform, 0 ≤ u < 1.
    pub fn learn(
        &mut self,
        lessons: &[Lesson],
        now: Timestamp,
        jitter: f64,
    ) -> Vec<(usize, Transition)> {
        let mut transitions = Vec::new();
        for lesson in lessons {
            let number = lesson.candidate;
            let (syn, rest) = (self.syn(number, now), self.rest(number, now));
            let (Some(one), Some(syn), Some(rest)) = (self.members.get_mut(number), syn, rest)
            else {
                continue;
            };
            one.observe(lesson, syn, rest, now);
            self.recent = number;
            let transition = match lesson.failure {
                Some(severity) => one.health.failed(severity, now, jitter),
                None if lesson.opened => one.health.succeeded(now),
                None => None,
            };
            transitions.extend(transition.map(|transition| (number, transition)));
            if let (Some(tls_ms), Some(Measured::Took(syn_ms))) = (lesson.tls_ms, lesson.syn) {
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

    /// Whom of these to probe in the background, TCP only, after a connection opened.
    #[must_use]
    pub fn to_refresh(&self, among: &[usize], refresh: Refresh, now: Timestamp) -> Vec<usize> {
        let mut all = self.forecasts(now);
        if let Some(winner) = self.last_winner(among.iter().copied()) {
            all[winner].last_winner = true;
        }
        let known: Vec<(usize, &Member, &Forecast)> = (among.iter())
            .filter_map(|number| Some((*number, self.members.get(*number)?, all.get(*number)?)))
            .collect();
        let verified = known.iter().filter(|one| one.2.verified && !one.2.barred);
        let costs = |a: &&Forecast, b: &&Forecast| a.cost_ms().total_cmp(&b.cost_ms());
        let Some(best) = verified.map(|one| one.2).min_by(costs) else {
            return Vec::new();
        };
        // While half of the breakers are open, something else is wrong.
        if 2 * known.iter().filter(|one| one.2.barred).count() > known.len() {
            return Vec::new();
        }
        let unseen = |one: &Member| one.seen_ms.is_none_or(|seen| now.since(seen) >= UNSEEN);
        let mut worth: Vec<(f64, usize)> = (known.iter())
            .filter(|(_, member, forecast)| unseen(member) && !forecast.barred)
            .map(|(number, _, forecast)| (forecast.worth_beside(best), *number))
            .filter(|(worth, _)| *worth > refresh.worth)
            .collect();
        worth.sort_by(|a, b| b.0.total_cmp(&a.0));
        worth.truncate(refresh.probes);
        worth.into_iter().map(|(_, number)| number).collect()
    }

    /// x of every candidate.
    fn syns(&self, now: Timestamp) -> Vec<Belief> {
        let own = |one: &Member| (one.place, one.own_syn(now));
        expect(&SYN, &self.members.iter().map(own).collect::<Vec<_>>())
    }

    /// ρ of every candidate.
    fn rests(&self, now: Timestamp) -> Vec<Belief> {
        let own = |one: &Member| (one.place, one.own_rest(now));
        expect(&REST, &self.members.iter().map(own).collect::<Vec<_>>())
    }

    /// x of one candidate.
    fn syn(&self, number: usize, now: Timestamp) -> Option<Belief> {
        let own = self.members.get(number)?.own_syn(now);
        own.or_else(|| self.syns(now).get(number).copied())
    }

    /// ρ of one candidate.
    fn rest(&self, number: usize, now: Timestamp) -> Option<Belief> {
        let own = self.members.get(number)?.own_rest(now);
        own.or_else(|| self.rests(now).get(number).copied())
    }

    /// Numbers for the candidate's data centre and host: those of its relatives, else new ones.
    fn place(&self, key: &Key) -> Place {
        let places = || self.members.iter().map(|one| one.place);
        let cluster = self.members.iter().find(|one| one.key.region == key.region);
        let host = (self.members.iter())
            .find(|one| one.key.region == key.region && one.key.host == key.host);
        Place {
            cluster: cluster.map_or_else(
                || places().map(|one| one.cluster + 1).max().unwrap_or(0),
                |one| one.place.cluster,
            ),
            host: host.map_or_else(
                || places().map(|one| one.host + 1).max().unwrap_or(0),
                |one| one.place.host,
            ),
            v6: Family::of(key.address.ip()) == Family::V6,
        }
    }
}

impl Member {
    /// x, if it was seen.
    fn own_syn(&self, now: Timestamp) -> Option<Belief> {
        Some(self.syn?.predict(SYN_DRIFT, now))
    }

    /// ρ, if it was seen.
    fn own_rest(&self, now: Timestamp) -> Option<Belief> {
        Some(self.rest?.predict(REST_DRIFT, now))
    }

    fn forecast(&self, syn: Belief, rest: Belief, now: Timestamp) -> Forecast {
        Forecast {
            place: self.place,
            syn,
            rest,
            failure_chance: self.health.failure_chance(now),
            verified: self.opened_ms.is_some(),
            last_winner: false,
            barred: self.health.is_barred(now),
        }
    }

    fn heard(&self) -> Timestamp {
        let answered = self.seen_ms.max(self.opened_ms).unwrap_or_default();
        self.listed_ms.max(answered)
    }

    /// Whether the numbers make sense, as they may not in a file.
    fn is_sound(&self) -> bool {
        let filters = [&self.syn, &self.rest];
        let sound = |one: &&Option<Filter>| one.as_ref().is_none_or(Filter::is_sound);
        filters.iter().all(sound) && self.health.is_sound()
    }

    fn observe(&mut self, lesson: &Lesson, syn: Belief, rest: Belief, now: Timestamp) {
        if let Some(measured) = lesson.syn {
            Filter::observe(&mut self.syn, syn, measured, 1.0, SYN_DRIFT, now);
        }
        if let Some(Measured::Took(syn_ms)) = lesson.syn {
            self.seen_ms = Some(now);
            if let Some(measured) = lesson.rest {
                Filter::observe(&mut self.rest, rest, measured, syn_ms, REST_DRIFT, now);
            }
        }
        if let Some(whole_ms) = lesson.whole_ms {
            // Of it, 1 in 1 + e^ρ is the SYN's.
            let round_trips = 1.0 + rest.mean.exp();
            let whole = Measured::Took(whole_ms);
            Filter::observe(&mut self.syn, syn, whole, round_trips, SYN_DRIFT, now);
        }
        if lesson.opened {
            self.opened_ms = Some(now);
        }
    }
}
