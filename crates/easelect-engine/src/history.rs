//! What is remembered of the candidates of one network, and what that predicts. Pure: time and
//! randomness come in.
//!
//! Two Kalman filters follow each candidate: x = ln SYN round trip (ms), and ρ = ln((TLS + upgrade)/SYN
//! round trip). They are separate because a SYN is cheap and measures x afresh, while ρ hardly changes.
//!
//! ```text
//! predict  x: together with its relatives (joint.rs); ρ: P⁻ = min(0.30, P + 0.004·hours)
//! update   z  = (y − m)/√(P⁻ + R̂), clipped to [−2.5, 1.2]
//!          m  ← m + K·z·√(P⁻ + R̂),  K = P⁻/(P⁻ + R̂),  P = (1 − K)·P⁻
//! step     two |z| > 2 of one sign in a row: P⁻ += 0.15 before the second
//! noise    ln R̂ += 0.1·(min(z², 9) − 1.3), 0.01 ≤ R̂ ≤ 0.2, by what SYNs of known candidates show
//! ```
//!
//! Upward surprises are clipped harder, so that one spike doesn't ruin a good candidate. A measurement
//! that was cancelled (“at least this long”) counts only if it is above the mean. A heartbeat updates
//! its own candidate only; related candidates follow with the next race.

mod candidate;
mod elsewhere;
mod filter;
mod joint;
mod policing;
mod preference;
mod stored;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use elsewhere::proven_elsewhere;
pub use preference::Lead;
pub use stored::{History, HistoryError, KnownNetwork};

use crate::forecast::{Forecast, NOISE, SynTrust};
use crate::health::Transition;
use crate::id::{CandidateId, HostId};
use crate::observation::{Measured, Observation};
use crate::priors::Prior;
use crate::timestamp::Timestamp;
use crate::unseen::{Belief, Place, expect_rest};
use candidate::Candidate;
use filter::{LEAST_MS, Moment};
use joint::{Joint, UNKNOWN};
use policing::Policing;

/// How much a surprise changes ln R̂ …
const NOISE_GAIN: f64 = 0.1;
/// … with z² limited to this …
const NOISE_CLIP: f64 = 9.0;
/// … and this as its average when R̂ is right: more than 1, since spikes are not noise.
const NOISE_SQUARE: f64 = 1.3;
/// Bounds of R̂: a wire, and a network on which SYN round trips vary by half.
const NOISES: (f64, f64) = (0.01, 0.2);

/// ĝ is ln of (TLS / SYN round trip). It moves by this share of a surprise.
const TLS_TO_SYN_GAIN: f64 = 0.2;
/// The limit of a surprise, a logarithm: a factor of 1.8.
const TLS_TO_SYN_CLIP: f64 = 0.6;
/// ĝ on an honest path: TLS takes CPU and 4 kB more than a SYN.
const TLS_TO_SYN_HONEST: f64 = 0.2;
/// ĝ beyond which a middlebox answers the SYNs …
const TLS_TO_SYN_LIMIT: f64 = 0.6;
/// … once this many handshakes were measured.
const TLS_TO_SYN_COUNT: u32 = 5;

/// For how many connections a stored value counts that was not measured again. By then a forged one is
/// discovered, and the real values have been measured.
const TOLD_COUNTS: u32 = 3;

/// More candidates than any catalogue yields in a month. Beyond it, the oldest one is dropped.
const MAX_CANDIDATES: usize = 256;

/// What identifies a candidate: an address of a host in a data centre, and the service. How fast one
/// service is, and how often it fails, says nothing about another one on the same host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The identifier of the data centre.
    pub region: String,
    /// The name of the host.
    pub host: String,
    /// The address and port.
    pub address: SocketAddr,
    /// The identifier of the service.
    pub service: String,
}

impl Key {
    /// A host name has at most 253 characters (RFC 1035 §2.3.4), an identifier 32.
    fn is_short(&self) -> bool {
        let names = [&self.region, &self.host, &self.service];
        names.iter().all(|name| name.len() <= 255)
    }
}

/// What is remembered of one network. Ids of candidates are stable until more than 256 are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    candidates: Vec<Candidate>,
    /// ĝ, and the number of handshakes it is based on.
    syn_trust: (f64, u32),
    /// The candidate last learned about.
    recent: CandidateId,
    /// When a stored history was read. Anything not later than this is from it; the epoch if nothing
    /// is.
    read: Timestamp,
    /// How many connections opened since then.
    opened: u32,
    /// How many SYNs at once get through.
    policing: Policing,
    /// ln(R̂/R).
    ln_noise: f64,
    /// x of all candidates, except those known only from a stored history.
    joint: Joint,
    /// The prior, until something opens here.
    prior: Option<Arc<Prior>>,
}

/// How x of a network's candidates vary together at one moment.
#[derive(Clone, Debug, Default)]
pub struct Kinship(Joint);

impl Kinship {
    /// The covariance of x of two candidates.
    pub(crate) fn between(&self, a: CandidateId, b: CandidateId) -> f64 {
        self.0.between(a, b)
    }
}

impl Network {
    /// Sets the prior, or removes it. It applies until something opens on this network, and is ignored
    /// if something already has.
    pub fn expect(&mut self, prior: Option<Arc<Prior>>) {
        let is_known = self.candidates.iter().any(|one| one.opened().is_some());
        let prior = prior.filter(|_| !is_known);
        if self.prior.is_some() || prior.is_some() {
            self.prior = prior;
            self.joint = self.unmeasured();
        }
    }

    /// Adds a candidate that DNS returns now, or notes that it still does. Returns its id.
    pub fn list(&mut self, key: &Key, now: Timestamp) -> CandidateId {
        if let Some(id) = self.find_key(key) {
            self.candidates[id.index()].list(now);
            return id;
        }
        let new = Candidate::new(key.clone(), self.place(key), now);
        // A candidate missing in the stored history may have been avoided because of false claims about
        // the others.
        self.put(match self.believes_a_file() {
            true => new.unchecked(),
            false => new,
        })
    }

    /// Adds a candidate that DNS has not returned here. Returns its id.
    pub fn note(&mut self, key: &Key) -> CandidateId {
        self.find_key(key).unwrap_or_else(|| {
            let place = self.place(key);
            self.put(Candidate::new(key.clone(), place, Timestamp::default()))
        })
    }

    /// Notes that DNS still returns a candidate.
    #[inline]
    pub fn list_again(&mut self, id: CandidateId, now: Timestamp) {
        if let Some(one) = self.candidates.get_mut(id.index()) {
            one.list(now);
        }
    }

    /// Notes that DNS no longer returns these candidates. They are no longer dialled before DNS
    /// answers, nor preferred. What was learned about them stays, since they may come back. Returns
    /// whether there are any.
    #[inline]
    pub fn unlist(&mut self, gone: impl Fn(&Key) -> bool, now: Timestamp) -> bool {
        let mut any = false;
        for one in self.candidates.iter_mut().filter(|one| gone(one.key())) {
            any |= one.listed().is_some();
            if one.listed().is_some() || !one.is_unlisted() {
                one.unlist(now);
            }
        }
        any
    }

    /// Whether DNS here returns other addresses than this one.
    #[must_use]
    pub fn is_unlisted(&self, id: CandidateId) -> bool {
        self.get(id).is_some_and(Candidate::is_unlisted)
    }

    /// Whether stored values still count. The next connection may then change what is known of all
    /// candidates.
    #[must_use]
    pub fn believes_a_file(&self) -> bool {
        self.read > Timestamp::default()
    }

    /// Returns the id of a known candidate.
    #[must_use]
    #[inline]
    pub fn find(
        &self,
        region: &str,
        host: &str,
        address: SocketAddr,
        service: &str,
    ) -> Option<CandidateId> {
        // The address first, because it is almost always unique.
        let is = |one: &Candidate| {
            let key = one.key();
            key.address == address
                && key.host == host
                && key.service == service
                && key.region == region
        };
        // Heartbeats look up the same candidate again and again.
        if self.get(self.recent).is_some_and(is) {
            return Some(self.recent);
        }
        self.candidates.iter().position(is).map(CandidateId::new)
    }

    fn find_key(&self, key: &Key) -> Option<CandidateId> {
        self.find(&key.region, &key.host, key.address, &key.service)
    }

    /// Returns the key of a candidate.
    #[must_use]
    pub fn key(&self, id: CandidateId) -> Option<&Key> {
        Some(self.get(id)?.key())
    }

    /// Returns the known candidates by id, with the time when DNS last returned each, unless it has
    /// returned others since.
    pub fn candidates(&self) -> impl Iterator<Item = (CandidateId, &Key, Option<Timestamp>)> {
        let numbered = self.candidates.iter().enumerate();
        numbered.map(|(index, one)| (CandidateId::new(index), one.key(), one.listed()))
    }

    /// Whether only a stored history says that DNS returns it.
    #[must_use]
    pub fn is_hearsay(&self, id: CandidateId) -> bool {
        let listed = self.get(id).and_then(Candidate::listed);
        listed.is_some_and(|listed| listed <= self.read)
    }

    /// Returns the candidate among these that opened last.
    #[must_use]
    pub fn last_winner(&self, among: &[CandidateId]) -> Option<CandidateId> {
        let opened = |id: &CandidateId| Some((self.get(*id)?.opened()?, *id));
        among.iter().filter_map(opened).max().map(|won| won.1)
    }

    /// Returns the forecasts of all candidates by id, and how they vary together.
    #[must_use]
    pub fn outlook(&self, now: Timestamp) -> (Vec<Forecast>, Kinship) {
        let joint = self.joint_at(now);
        let numbered = self.candidates.iter().enumerate();
        let forecast = |(index, one): (usize, &Candidate)| {
            let syn = self.syn_in(&joint, CandidateId::new(index), one, now);
            one.forecast(syn, self.rest(one, now), self.moment(now))
        };
        (numbered.map(forecast).collect(), Kinship(joint))
    }

    /// Returns the forecasts of all candidates by id.
    #[must_use]
    pub fn forecasts(&self, now: Timestamp) -> Vec<Forecast> {
        let ids = (0..self.candidates.len()).map(CandidateId::new);
        ids.filter_map(|id| self.forecast(id, now)).collect()
    }

    /// Returns the forecast of one candidate.
    #[must_use]
    #[inline]
    pub fn forecast(&self, id: CandidateId, now: Timestamp) -> Option<Forecast> {
        let one = self.get(id)?;
        let syn = self.syn_in(&self.joint, id, one, now);
        Some(one.forecast(syn, self.rest(one, now), self.moment(now)))
    }

    /// Returns the forecast of an unknown candidate, from related ones.
    #[must_use]
    pub fn forecast_unknown(&self, key: &Key, now: Timestamp) -> Forecast {
        let new = Candidate::new(key.clone(), self.place(key), now);
        let nobody = CandidateId::new(usize::MAX);
        let syn = match self.foretold(key) {
            Some(expected) => {
                let mut joint = self.joint.clone();
                joint.foretell(new.place().host, expected);
                self.syn_in(&joint, nobody, &new, now)
            }
            None => self.syn_in(&self.joint, nobody, &new, now),
        };
        new.forecast(syn, self.rest(&new, now), self.moment(now))
    }

    /// Whether this network's SYNs say anything about its paths.
    #[must_use]
    #[inline]
    pub fn trusts_syns(&self) -> bool {
        let (ln_stretch, count) = self.syn_trust;
        count < TLS_TO_SYN_COUNT || ln_stretch <= TLS_TO_SYN_LIMIT
    }

    /// Returns how far this network's SYNs predict its handshakes, and how many get through at once.
    #[must_use]
    #[inline]
    pub fn syn_trust(&self, now: Timestamp) -> SynTrust {
        let (ln_stretch, _) = self.syn_trust;
        SynTrust {
            stretch: (ln_stretch - TLS_TO_SYN_HONEST).max(0.0).exp(),
            trusted: self.trusts_syns(),
            at_once: self.policing.at_once(now),
        }
    }

    /// Learns from a race or a probe, and returns the changes of breakers. The failure of an
    /// [address](Observation::at_address) counts for all candidates at that address that were not
    /// observed themselves. `jitter` is uniform, 0 ≤ u < 1.
    pub fn learn(
        &mut self,
        observations: &[(CandidateId, Observation)],
        now: Timestamp,
        jitter: f64,
    ) -> Vec<(CandidateId, Transition)> {
        let mut joint = self.joint_at(now);
        let mut transitions = Vec::new();
        for (id, observation) in observations {
            let Some(one) = self.get(*id) else { continue };
            let syn = self.syn_in(&joint, *id, one, now);
            // Stored values count, too: where they are false, more is dialled until they are replaced.
            let is_known = one.answered().is_some();
            self.policing.learn(observation, now);
            let moment = self.moment(now);
            let one = &mut self.candidates[id.index()];
            one.settle_syn(syn, moment);
            let (transition, raised) = self.take(*id, observation, syn, now, jitter);
            transitions.extend(transition.map(|transition| (*id, transition)));
            self.learn_noise(is_known, syn, observation.syn);
            joint.loosen(*id, raised);
            if let Some(known) = self.candidates[id.index()].syn(now) {
                joint.take(*id, known);
            }
        }
        // Copy what is known now to each candidate, for heartbeats and for storing.
        let moment = self.moment(now);
        for (index, one) in self.candidates.iter_mut().enumerate() {
            let id = CandidateId::new(index);
            if joint.knows(id) {
                one.settle_syn(
                    joint.belief(id, one.place(), one.key().address, now),
                    moment,
                );
            }
        }
        self.joint = joint;
        self.spread(observations, now, jitter, &mut transitions);
        transitions
    }

    /// Learns from a heartbeat or the app about one candidate; related ones follow with the next race.
    /// Returns the changes of breakers. `jitter` is uniform, 0 ≤ u < 1.
    #[inline]
    pub fn hear(
        &mut self,
        id: CandidateId,
        observation: &Observation,
        now: Timestamp,
        jitter: f64,
    ) -> Vec<(CandidateId, Transition)> {
        let Some(one) = self.get(id) else {
            return Vec::new();
        };
        let syn = self.syn_in(&self.joint, id, one, now);
        let (transition, _) = self.take(id, observation, syn, now, jitter);
        let mut transitions: Vec<_> = transition.into_iter().map(|one| (id, one)).collect();
        self.spread(&[(id, *observation)], now, jitter, &mut transitions);
        transitions
    }

    /// Learns from one observation of a candidate. Returns the change of its breaker, and the variance
    /// added to x before the update because its route changed.
    #[inline]
    fn take(
        &mut self,
        id: CandidateId,
        observation: &Observation,
        syn: Belief,
        now: Timestamp,
        jitter: f64,
    ) -> (Option<Transition>, f64) {
        let moment = self.moment(now);
        let rest = self.rest(&self.candidates[id.index()], now);
        let one = &mut self.candidates[id.index()];
        let learned = one.learn(observation, (syn, rest), moment, jitter);
        self.recent = id;
        if let (Some(tls_ms), Some(Measured::Took(syn_ms))) = (observation.tls_ms, observation.syn)
        {
            let (ln_stretch, count) = self.syn_trust;
            // 0/0 would be NaN for ever.
            let stretch = tls_ms.max(LEAST_MS) / syn_ms.max(LEAST_MS);
            let surprise = stretch.ln() - ln_stretch;
            let surprise = surprise.clamp(-TLS_TO_SYN_CLIP, TLS_TO_SYN_CLIP);
            self.syn_trust = (
                ln_stretch + TLS_TO_SYN_GAIN * surprise,
                count.saturating_add(1),
            );
        }
        learned
    }

    /// Applies what the observations mean for other candidates.
    #[inline]
    fn spread(
        &mut self,
        observations: &[(CandidateId, Observation)],
        now: Timestamp,
        jitter: f64,
        transitions: &mut Vec<(CandidateId, Transition)>,
    ) {
        self.share(observations, now, jitter, transitions);
        if self.read > Timestamp::default() && observations.iter().any(|one| self.counts(one)) {
            self.outgrow_told(now, transitions);
        }
        // From the first opening, only measurements made here count.
        if self.prior.is_some() && observations.iter().any(|(_, one)| one.opened) {
            self.expect(None);
            self.joint = self.joint_at(now);
        }
    }

    /// Updates R̂ by how much the SYN of a candidate that answered before surprises.
    fn learn_noise(&mut self, is_known: bool, expected: Belief, shown: Option<Measured>) {
        let (true, Some(Measured::Took(ms))) = (is_known, shown) else {
            return;
        };
        let surprise = ms.max(LEAST_MS).ln() - expected.mean;
        let square = surprise * surprise / (expected.variance + self.noise());
        let changed = self.ln_noise + NOISE_GAIN * (square.min(NOISE_CLIP) - NOISE_SQUARE);
        let bound = |noise: f64| (noise / NOISE).ln();
        self.ln_noise = changed.clamp(bound(NOISES.0), bound(NOISES.1));
    }

    /// R̂.
    #[inline]
    fn noise(&self) -> f64 {
        NOISE * self.ln_noise.exp()
    }

    #[inline]
    fn moment(&self, now: Timestamp) -> Moment {
        Moment {
            now,
            read: self.read,
            noise: self.noise(),
            foretold: self.prior.is_some(),
        }
    }

    /// x of all candidates together, with what was learned about single ones meanwhile.
    fn joint_at(&self, now: Timestamp) -> Joint {
        let mut joint = self.joint.clone();
        joint.predict(now);
        for (index, one) in self.candidates.iter().enumerate() {
            let id = CandidateId::new(index);
            let is_new = one.listed().is_some()
                && !one.is_told(self.read)
                && joint.admit(id, one.place(), one.key().address);
            if let Some(known) = one.syn(now).filter(|_| is_new || one.has_news()) {
                if one.has_news() {
                    joint.doubt(id, known.variance);
                }
                joint.take(id, known);
            }
        }
        joint
    }

    /// x of a candidate: its own if that is newer or from a stored history, otherwise from the joint
    /// state.
    #[inline]
    fn syn_in(&self, joint: &Joint, id: CandidateId, one: &Candidate, now: Timestamp) -> Belief {
        match one.syn(now) {
            Some(own) if one.has_news() || !joint.knows(id) => own,
            _ => joint.belief(id, one.place(), one.key().address, now),
        }
    }

    /// ρ of a candidate: its own, or from the other addresses of its host. A stored value says nothing
    /// about others.
    #[inline]
    fn rest(&self, one: &Candidate, now: Timestamp) -> Belief {
        one.rest(now).unwrap_or_else(|| {
            let known = self.candidates.iter();
            let known = known.filter(|one| !one.is_rest_told(self.read));
            let known = known.filter_map(|one| Some((one.place(), one.rest(now)?)));
            expect_rest(one.place().host, known)
        })
    }

    /// Forgets the joint state when the device leaves the network. What is known of each candidate is
    /// enough for a return.
    pub fn leave(&mut self) {
        self.joint = self.unmeasured();
    }

    /// The joint state before any measurement.
    fn unmeasured(&self) -> Joint {
        let Some(prior) = &self.prior else {
            return Joint::default();
        };
        let mut joint = Joint::of_network(prior.network(UNKNOWN));
        for one in &self.candidates {
            if let Some(expected) = self.foretold(one.key()) {
                joint.foretell(one.place().host, expected);
            }
        }
        joint
    }

    /// How far a host differs from its network, according to the prior.
    fn foretold(&self, key: &Key) -> Option<Belief> {
        self.prior.as_ref()?.host(&key.host, UNKNOWN)
    }

    /// Whether an observation counts as a new connection. An answer over an existing connection says
    /// nothing about other candidates; it counts only if the network knows no other service.
    fn counts(&self, (_, one): &(CandidateId, Observation)) -> bool {
        let is_new = one.syn.is_some() || one.whole.is_some();
        let alike = |pair: &[Candidate]| pair[0].key().service == pair[1].key().service;
        one.opened && (is_new || self.candidates.windows(2).all(alike))
    }

    /// Counts a connection. After a few, stored values that were not measured again are forgotten, so
    /// that from then on the network is known as well as without them.
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

    /// Applies the failure of an address to all candidates there that were not observed themselves.
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

    /// Returns the preferred candidate: the holder of [`lead`](Self::lead).
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

    /// Returns which of these is preferred, given the current preference and the forecasts of all
    /// candidates.
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

    /// Returns how long until the next breaker of these closes, if nothing is learned meanwhile.
    #[must_use]
    pub fn next_close(&self, among: &[CandidateId], now: Timestamp) -> Option<Duration> {
        let open_for = |id: &CandidateId| self.get(*id)?.breaker_open_for(now);
        among.iter().filter_map(open_for).min()
    }

    /// Returns the candidates to probe in the background, TCP only, after a connection opened: the
    /// cheapest ones that are known only from a stored history, at most `most`.
    #[must_use]
    pub fn to_check(&self, among: &[CandidateId], most: usize, now: Timestamp) -> Vec<CandidateId> {
        let known = among
            .iter()
            .filter_map(|id| Some((*id, self.get(*id)?, self.forecast(*id, now)?)));
        let known: Vec<(CandidateId, &Candidate, Forecast)> = known.collect();
        // If more than half of the breakers are open, something else is wrong.
        if 2 * known.iter().filter(|one| one.2.breaker_open).count() > known.len() {
            return Vec::new();
        }
        let told = known
            .iter()
            .filter(|(_, one, forecast)| one.is_unchecked() && !forecast.breaker_open);
        let mut told: Vec<(f64, CandidateId)> = told
            .map(|(id, _, forecast)| (forecast.cost_ms(), *id))
            .collect();
        told.sort_by(|a, b| a.0.total_cmp(&b.0));
        told.truncate(most);
        told.into_iter().map(|(_, id)| id).collect()
    }

    /// The parts that are stored, for [`restored`](Self::restored).
    fn into_parts(self) -> ((f64, u32), Vec<Candidate>) {
        (self.syn_trust, self.candidates)
    }

    /// A network from a stored history that is read now: candidates in any order, and what was known of
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

    /// Adds a new candidate; the oldest one makes room for it.
    fn put(&mut self, candidate: Candidate) -> CandidateId {
        if self.candidates.len() < MAX_CANDIDATES {
            if let Some(expected) = self.foretold(candidate.key()) {
                self.joint.foretell(candidate.place().host, expected);
            }
            self.candidates.push(candidate);
            return CandidateId::new(self.candidates.len() - 1);
        }
        let ages = self.candidates.iter().map(Candidate::heard).enumerate();
        let oldest = ages.min_by_key(|(_, heard)| *heard);
        let index = oldest.map_or(0, |(index, _)| index);
        self.candidates[index] = candidate;
        // The id now belongs to another candidate.
        self.joint = self.unmeasured();
        CandidateId::new(index)
    }

    /// The place of a candidate: its host's id, which may be new, and its family.
    fn place(&self, key: &Key) -> Place {
        let relatives =
            |one: &&Candidate| one.key().region == key.region && one.key().host == key.host;
        let host = self
            .candidates
            .iter()
            .find(relatives)
            .map(|one| one.place().host);
        let last = self
            .candidates
            .iter()
            .map(|one| one.place().host.index())
            .max();
        let new = || HostId::new(last.map_or(0, |last| last + 1));
        Place {
            host: host.unwrap_or_else(new),
            v6: key.address.is_ipv6(),
        }
    }
}
