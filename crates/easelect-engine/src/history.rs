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
use crate::id::{CandidateId, ClusterId, HostId};
use crate::observation::{Measured, Observation};
use crate::timestamp::Timestamp;
use crate::unseen::{Belief, Place, Spread, expect};
use candidate::Candidate;
use filter::LEAST_MS;

/// x of a network never seen: 50 ms, give or take a factor of 2. Variances of ln ms; clusters, hosts
/// and addresses differ as in the simulated world, hosts also by what an edge adds.
const SYN: Spread = Spread {
    mean: 3.912_023_005_428_146,
    network: 0.5,
    cluster: 0.06,
    host: 0.10,
    address: 0.03,
    v6: 0.04,
};

/// ρ, a logarithm: two round trips are ln 2 = 0.69; behind an edge that terminates TLS nearer, more.
const REST: Spread = Spread {
    mean: 0.80,
    network: 1e-6,
    cluster: 1e-6,
    host: 0.05,
    address: 0.015,
    v6: 0.0,
};

/// ĝ is ln of what TLS takes in SYN round trips; it moves by this share of a surprise.
const TLS_TO_SYN_GAIN: f64 = 0.2;
/// A surprise, a logarithm, counts as no more than this: a factor of 1.8.
const TLS_TO_SYN_CLIP: f64 = 0.6;
/// ĝ on an honest path: TLS costs more than a SYN, CPU and 4 kB.
const TLS_TO_SYN_HONEST: f64 = 0.2;
/// ĝ beyond which SYNs are answered by somebody else …
const TLS_TO_SYN_LIMIT: f64 = 0.6;
/// … once so many handshakes say so.
const TLS_TO_SYN_COUNT: u32 = 5;

/// Candidates unseen for this long may be probed in the background.
const UNSEEN: Duration = Duration::from_secs(3 * 3600);

/// What a file told, and was not measured since, counts for so many connections: who lies is found out by
/// then, and who is right is known for himself.
const TOLD_COUNTS: u32 = 3;

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

/// Which candidate: an address of a host in a data centre, and what is asked of it. What one service
/// takes and how often it fails says nothing of another one on the same host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The data centre's identifier: hosts of one are more alike.
    pub region: String,
    /// The host's name.
    pub host: String,
    /// Its address and port.
    pub address: SocketAddr,
    /// The service's identifier.
    pub service: String,
}

impl Key {
    /// A host's name has at most 253 characters (RFC 1035 §2.3.4), an identifier of ours 32.
    fn is_short(&self) -> bool {
        let names = [&self.region, &self.host, &self.service];
        names.iter().all(|name| name.len() <= 255)
    }
}

/// What is remembered of one network. Candidates keep what they are called until more
/// than 256 are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    candidates: Vec<Candidate>,
    /// ĝ, and from how many handshakes.
    syn_trust: (f64, u32),
    /// The number last learned of.
    recent: CandidateId,
    /// What is no later than this is from a file; the beginning of time if nothing is.
    read: Timestamp,
    /// How many connections opened since.
    opened: u32,
}

impl Network {
    /// Adds a candidate that DNS gives now, or notes that it still does; what it is called from now on.
    pub fn list(&mut self, key: &Key, now: Timestamp) -> CandidateId {
        if let Some(id) = self.find_key(key) {
            self.candidates[id.index()].list(now);
            return id;
        }
        self.put(Candidate::new(key.clone(), self.place(key), now))
    }

    /// Notes that DNS still gives one.
    #[inline]
    pub fn list_again(&mut self, id: CandidateId, now: Timestamp) {
        if let Some(one) = self.candidates.get_mut(id.index()) {
            one.list(now);
        }
    }

    /// Notes that DNS now gives others than these, which it gave before: nobody dials them unasked any
    /// more, and they are nobody's preference. What was learned of them stays, since they may come back.
    /// Whether there are any.
    #[inline]
    pub fn unlist(&mut self, gone: impl Fn(&Key) -> bool, now: Timestamp) -> bool {
        let mut any = false;
        for one in &mut self.candidates {
            if one.listed().is_some() && gone(one.key()) {
                one.unlist(now);
                any = true;
            }
        }
        any
    }

    /// Whether what a file told still counts: the next connection may change what is known of all.
    #[must_use]
    pub fn believes_a_file(&self) -> bool {
        self.read > Timestamp::default()
    }

    /// A candidate by its data centre, host, address and service, if it is known.
    #[must_use]
    #[inline]
    pub fn find(
        &self,
        region: &str,
        host: &str,
        address: SocketAddr,
        service: &str,
    ) -> Option<CandidateId> {
        // The address first: it hardly ever is another's.
        let is = |one: &Candidate| {
            let key = one.key();
            key.address == address
                && key.host == host
                && key.service == service
                && key.region == region
        };
        // Heartbeats ask for one again and again.
        if self.get(self.recent).is_some_and(is) {
            return Some(self.recent);
        }
        self.candidates.iter().position(is).map(CandidateId::new)
    }

    fn find_key(&self, key: &Key) -> Option<CandidateId> {
        self.find(&key.region, &key.host, key.address, &key.service)
    }

    /// Which candidate that is.
    #[must_use]
    pub fn key(&self, id: CandidateId) -> Option<&Key> {
        Some(self.get(id)?.key())
    }

    /// The candidates that are known, in their order, and when DNS last gave each, unless it gave
    /// others since.
    pub fn candidates(&self) -> impl Iterator<Item = (CandidateId, &Key, Option<Timestamp>)> {
        let numbered = self.candidates.iter().enumerate();
        numbered.map(|(index, one)| (CandidateId::new(index), one.key(), one.listed()))
    }

    /// Whether only a file says that DNS gives it.
    #[must_use]
    pub fn is_hearsay(&self, id: CandidateId) -> bool {
        let listed = self.get(id).and_then(Candidate::listed);
        listed.is_some_and(|listed| listed <= self.read)
    }

    /// Who opened last among these.
    #[must_use]
    pub fn last_winner(&self, among: &[CandidateId]) -> Option<CandidateId> {
        let opened = |id: &CandidateId| Some((self.get(*id)?.opened()?, *id));
        among.iter().filter_map(opened).max().map(|won| won.1)
    }

    /// What a race among these has to know: what is expected of each, and who of them won last.
    #[must_use]
    pub fn race_forecasts(&self, among: &[CandidateId], now: Timestamp) -> Vec<Forecast> {
        let (all, winner) = (self.forecasts(now), self.last_winner(among));
        let known = among.iter().filter(|id| id.index() < all.len());
        let of_race = |id: &CandidateId| Forecast {
            last_winner: winner == Some(*id),
            ..all[id.index()]
        };
        known.map(of_race).collect()
    }

    /// What is expected of every candidate, in their order.
    #[must_use]
    pub fn forecasts(&self, now: Timestamp) -> Vec<Forecast> {
        let beliefs = self.syns(now).into_iter().zip(self.rests(now));
        let forecast =
            |(one, (syn, rest)): (&Candidate, _)| one.forecast(syn, rest, (now, self.read));
        self.candidates.iter().zip(beliefs).map(forecast).collect()
    }

    /// What is expected of one candidate; its relatives are asked only if it was never seen.
    #[must_use]
    #[inline]
    pub fn forecast(&self, id: CandidateId, now: Timestamp) -> Option<Forecast> {
        let (syn, rest) = self.beliefs(id, now)?;
        Some(self.get(id)?.forecast(syn, rest, (now, self.read)))
    }

    /// What would be expected of a candidate that isn't known, from its relatives.
    #[must_use]
    pub fn forecast_unknown(&self, key: &Key, now: Timestamp) -> Forecast {
        let new = Candidate::new(key.clone(), self.place(key), now);
        let with_it = |spread, own: fn(&Candidate, Timestamp) -> Option<Belief>| {
            let known = self.candidates.iter().chain([&new]);
            let known: Vec<_> = known.map(|one| (one.place(), own(one, now))).collect();
            expect(spread, &known).pop()
        };
        let (syn, rest) = (
            with_it(&SYN, Candidate::syn),
            with_it(&REST, Candidate::rest),
        );
        let unknown = |spread: &Spread| Belief {
            mean: spread.mean,
            variance: spread.network,
        };
        let syn = syn.unwrap_or_else(|| unknown(&SYN));
        let rest = rest.unwrap_or_else(|| unknown(&REST));
        new.forecast(syn, rest, (now, self.read))
    }

    /// What this network's SYNs say about its handshakes.
    #[must_use]
    #[inline]
    pub fn syn_trust(&self) -> SynTrust {
        let (ln_stretch, count) = self.syn_trust;
        SynTrust {
            stretch: (ln_stretch - TLS_TO_SYN_HONEST).max(0.0).exp(),
            trusted: count < TLS_TO_SYN_COUNT || ln_stretch <= TLS_TO_SYN_LIMIT,
        }
    }

    /// Learns what was shown; what became of whose breaker. `jitter` is uniform, 0 ≤ u < 1. An
    /// [address's own failure](Observation::at_address) counts for everyone there of whom nothing else
    /// was shown.
    #[inline]
    pub fn learn(
        &mut self,
        observations: &[(CandidateId, Observation)],
        now: Timestamp,
        jitter: f64,
    ) -> Vec<(CandidateId, Transition)> {
        let mut transitions = Vec::new();
        for (id, observation) in observations {
            let beliefs = self.beliefs(*id, now);
            let one = self.candidates.get_mut(id.index());
            let (Some(one), Some(beliefs)) = (one, beliefs) else {
                continue;
            };
            let transition = one.learn(observation, beliefs, (now, self.read), jitter);
            self.recent = *id;
            transitions.extend(transition.map(|transition| (*id, transition)));
            if let (Some(tls_ms), Some(Measured::Took(syn_ms))) =
                (observation.tls_ms, observation.syn)
            {
                let (ln_stretch, count) = self.syn_trust;
                // 0/0 would stay for ever.
                let stretch = tls_ms.max(LEAST_MS) / syn_ms.max(LEAST_MS);
                let surprise = stretch.ln() - ln_stretch;
                let surprise = surprise.clamp(-TLS_TO_SYN_CLIP, TLS_TO_SYN_CLIP);
                self.syn_trust = (
                    ln_stretch + TLS_TO_SYN_GAIN * surprise,
                    count.saturating_add(1),
                );
            }
        }
        self.share(observations, now, jitter, &mut transitions);
        if self.read > Timestamp::default() && observations.iter().any(|one| self.counts(one)) {
            self.outgrow_told(now, &mut transitions);
        }
        transitions
    }

    /// Whether it opened anew. An answer over a connection that stands says nothing of the others;
    /// where nothing else is asked for, that has to do.
    fn counts(&self, (_, one): &(CandidateId, Observation)) -> bool {
        let is_new = one.syn.is_some() || one.whole.is_some();
        let alike = |pair: &[Candidate]| pair[0].key().service == pair[1].key().service;
        one.opened && (is_new || self.candidates.windows(2).all(alike))
    }

    /// Another connection opened. After a few, what a file told and nobody measured since is forgotten:
    /// whatever it said, from then on this network is as known as without it.
    fn outgrow_told(&mut self, now: Timestamp, transitions: &mut Vec<(CandidateId, Transition)>) {
        self.opened = self.opened.saturating_add(1);
        if self.opened < TOLD_COUNTS {
            let told = self.candidates.iter_mut();
            return told.for_each(|one| one.outgrow(self.read));
        }
        let read = std::mem::take(&mut self.read);
        self.syn_trust = <(f64, u32)>::default();
        for (index, one) in self.candidates.iter_mut().enumerate() {
            let transition = one.forget_told(read, now);
            transitions.extend(transition.map(|one| (CandidateId::new(index), one)));
        }
    }

    /// An address that failed failed everyone there of whom nothing else was shown.
    fn share(
        &mut self,
        observations: &[(CandidateId, Observation)],
        now: Timestamp,
        jitter: f64,
        transitions: &mut Vec<(CandidateId, Transition)>,
    ) {
        let at_address = |(id, one): &(CandidateId, Observation)| {
            let severity = one.failure.filter(|_| one.at_address)?;
            Some((self.get(*id)?.key().address, severity))
        };
        let failed: Vec<_> = observations.iter().filter_map(at_address).collect();
        if failed.is_empty() {
            return;
        }
        for (index, one) in self.candidates.iter_mut().enumerate() {
            let id = CandidateId::new(index);
            let shown = observations.iter().any(|(shown, _)| *shown == id);
            let there = failed.iter().find(|(at, _)| *at == one.key().address);
            if let (false, Some((_, severity))) = (shown, there) {
                let transition = one.fail(*severity, now, jitter);
                transitions.extend(transition.map(|transition| (id, transition)));
            }
        }
    }

    /// Who of these is preferred: [`lead`](Self::lead) where only that matters.
    #[must_use]
    pub fn prefer(
        &self,
        among: &[CandidateId],
        current: Option<CandidateId>,
        now: Timestamp,
    ) -> Option<CandidateId> {
        let lead = self.lead(&self.forecasts(now), among, current, now)?;
        Some(lead.holder())
    }

    /// Who of these is preferred, after who was, given what is expected of every candidate.
    #[must_use]
    pub fn lead(
        &self,
        forecasts: &[Forecast],
        among: &[CandidateId],
        current: Option<CandidateId>,
        now: Timestamp,
    ) -> Option<Lead> {
        let heard = |id: CandidateId| {
            let one = self.get(id)?;
            Some((one.answered().max(one.opened()), one.opened()))
        };
        Lead::among(forecasts, among, current, heard, now)
    }

    /// When, if nothing is learned meanwhile, the next breaker of these closes.
    #[must_use]
    pub fn next_close(&self, among: &[CandidateId], now: Timestamp) -> Option<Duration> {
        let open_for = |id: &CandidateId| self.get(*id)?.breaker_open_for(now);
        among.iter().filter_map(open_for).min()
    }

    /// Whom of these to probe in the background, TCP only, after a connection opened.
    #[must_use]
    pub fn to_refresh(
        &self,
        among: &[CandidateId],
        refresh: Refresh,
        now: Timestamp,
    ) -> Vec<CandidateId> {
        let forecasts = self.race_forecasts(among, now);
        let known: Vec<(CandidateId, &Candidate, &Forecast)> = (among.iter())
            .filter_map(|id| Some((*id, self.get(*id)?)))
            .zip(&forecasts)
            .map(|((id, one), forecast)| (id, one, forecast))
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
        // What a file told is checked first, whatever it said.
        let mut worth: Vec<(bool, f64, CandidateId)> = (known.iter())
            .filter(|(_, one, forecast)| {
                (one.is_unchecked() || unseen(one)) && !forecast.breaker_open
            })
            .map(|(id, one, forecast)| (one.is_unchecked(), forecast.worth_beside(best), *id))
            .filter(|(unchecked, worth, _)| *unchecked || *worth > refresh.worth)
            .collect();
        worth.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
        worth.truncate(refresh.probes);
        worth.into_iter().map(|(.., id)| id).collect()
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
    fn beliefs(&self, id: CandidateId, now: Timestamp) -> Option<(Belief, Belief)> {
        let (one, index) = (self.get(id)?, id.index());
        let syn = one.syn(now).or_else(|| self.syns(now).get(index).copied());
        let rest = one
            .rest(now)
            .or_else(|| self.rests(now).get(index).copied());
        Some((syn?, rest?))
    }

    /// What is kept of it, for [`restored`](Self::restored).
    fn into_parts(self) -> ((f64, u32), Vec<Candidate>) {
        (self.syn_trust, self.candidates)
    }

    /// What a file that is read now tells of a network: candidates in any order, and what was known of
    /// its SYNs.
    fn restored(
        syn_trust: (f64, u32),
        candidates: impl Iterator<Item = Candidate>,
        now: Timestamp,
    ) -> Self {
        let mut network = Network {
            syn_trust,
            read: now,
            ..Network::default()
        };
        for one in candidates {
            let key = one.key();
            match network.find_key(key) {
                Some(id) => {
                    let place = network.candidates[id.index()].place();
                    network.candidates[id.index()] = one.restored(place);
                }
                None => {
                    let place = network.place(one.key());
                    network.put(one.restored(place));
                }
            }
        }
        network
    }

    fn get(&self, id: CandidateId) -> Option<&Candidate> {
        self.candidates.get(id.index())
    }

    /// Takes in one that is not there; the oldest makes room for it.
    fn put(&mut self, candidate: Candidate) -> CandidateId {
        if self.candidates.len() < MAX_CANDIDATES {
            self.candidates.push(candidate);
            return CandidateId::new(self.candidates.len() - 1);
        }
        let ages = self.candidates.iter().map(Candidate::heard).enumerate();
        let oldest = ages.min_by_key(|(_, heard)| *heard);
        let index = oldest.map_or(0, |(index, _)| index);
        self.candidates[index] = candidate;
        CandidateId::new(index)
    }

    /// Numbers for the candidate's data centre and host: those of its relatives, else new ones.
    fn place(&self, key: &Key) -> Place {
        let places = || self.candidates.iter().map(Candidate::place);
        let in_region = |one: &&Candidate| one.key().region == key.region;
        let on_host = |one: &&Candidate| in_region(one) && one.key().host == key.host;
        let cluster = self.candidates.iter().find(in_region);
        let host = self.candidates.iter().find(on_host);
        let next = |last: Option<usize>| last.map_or(0, |last| last + 1);
        Place {
            cluster: cluster.map_or_else(
                || ClusterId::new(next(places().map(|one| one.cluster.index()).max())),
                |one| one.place().cluster,
            ),
            host: host.map_or_else(
                || HostId::new(next(places().map(|one| one.host.index()).max())),
                |one| one.place().host,
            ),
            v6: key.address.is_ipv6(),
        }
    }
}
