//! Which attempt to start when, as a pure state machine: the current time comes in, actions come out.
//!
//! An attempt has two stages: the *dial* (TCP, three packets) and the *handshake* (TLS and upgrade, 4
//! kB and CPU on both sides). Dials are cheap, and the best predictor of this very moment. So the few
//! candidates that could be best are dialled at once, and the handshake starts on the one whose updated
//! prediction is best. The race is won by a complete handshake, never by TCP alone.
//!
//! - **Warm** (something opened on this network before): dial the best candidate. Then add the
//!   candidate that improves most on the cheapest of those chosen, while that improvement exceeds
//!   `worth` and there are fewer than `dials`. One of them is on another host.
//! - **Cold**: dial `cold_dials` at once as names are resolved, alternating hosts and families (RFC
//!   8305 §4, extended to hosts). With a prior, dial `foretold_dials`, the nearest hosts first: each
//!   host once, as the prior may be wrong, then further addresses of the nearest.
//! - **Common mode**: the delay common to two or more answers, b̂ = max(0, min(s − 1.08·e^x)), is the
//!   queue of the access link. It is subtracted from every measurement.
//! - **Handshake**: start at once on the established candidate with the shortest predicted rest.
//!   Waiting for a faster one in flight gains nothing.
//! - **Pre-emption**: beside a handshake that is not late, start another one on an established
//!   connection that is expected to open before it, such as one whose SYN was late but fast.
//! - **Hedge**: a handshake that misses its deadline continues, and another one starts on an
//!   established spare, on another host if there is one. Without a spare, another candidate is dialled.
//!   Deadlines are what bounds the slowest connections.
//! - **Slow links**: arriving bytes extend the deadline of a handshake. Once two handshakes are late
//!   alike, the third is postponed, because it would take bandwidth that they need.
//! - **Silence**: while no address answers at all, dials are repeated, one at a time.
//! - **Failure**: a definite failure starts the next attempt at once, unless another one is under way
//!   and not late.
//!
//! Times are `Duration`s since the race began; internally they are `f64` milliseconds.

mod attempt;
mod cheapest;
mod width;

use std::time::Duration;

use crate::forecast::{Forecast, SynTrust};
use crate::health::Severity;
use crate::history::Kinship;
use crate::id::{AttemptId, CandidateId};
use crate::observation::Observation;
use attempt::{Attempt, State};
use cheapest::Cheapest;
pub use width::Width;

/// A candidate in a race.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its forecast.
    pub forecast: Forecast,
    /// Its id on the network, if it is known there. Related candidates are found by it.
    pub id: Option<CandidateId>,
    /// Whether it starts after all others: an address at which only a proxy or a hijacker can answer.
    pub last_resort: bool,
    /// Whether it is an acceleration node, which has little bandwidth: only two are in flight at once.
    pub accelerated: bool,
    /// Whether DNS returned its address in the past and is being asked again. If something is late, it
    /// comes after those that DNS has [returned](Race::given) now.
    pub remembered: bool,
}

impl From<Forecast> for Candidate {
    fn from(forecast: Forecast) -> Self {
        Candidate {
            forecast,
            id: None,
            last_resort: false,
            accelerated: false,
            remembered: false,
        }
    }
}

/// What the driver must do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Open a TCP connection.
    Dial(AttemptId),
    /// Start TLS and the upgrade on its TCP connection.
    Handshake(AttemptId),
    /// Cancel the attempt.
    Cancel(AttemptId),
    /// Do nothing until then, unless something happens.
    WaitUntil(Duration),
    /// Do nothing until something happens.
    Wait,
    /// Stop: nothing is under way, and nothing is left to try.
    GiveUp,
}

/// RFC 8305 §3: the resolution delay in ms. Here it delays a second dial to the same host in a cold
/// race.
const RESOLUTION_DELAY_MS: f64 = 50.0;

/// The most acceleration nodes in flight: one has 1 Mbps by default, so a handshake of 5 kB takes 40
/// ms.
const MAX_ACCELERATED: usize = 2;

/// A factor on the expected SYN round trip: only what exceeds it counts as queueing rather than jitter.
const JITTER_ALLOWANCE: f64 = 1.08;

/// The variance of x up to which an answer counts as evidence of a queue. Forecasts for unseen
/// candidates are too vague.
const KNOWN_VARIANCE: f64 = 0.35;

/// SYNs within this many ms count as sent at once, for middleboxes that drop those beyond a few.
const AT_ONCE_MS: f64 = 100.0;

/// ms added to every handshake deadline, for timers and scheduling on a busy phone. Less starts
/// unnecessary handshakes.
const SLACK_MS: f64 = 8.0;

/// A second handshake must be expected to take less than this share of what the running one has left:
/// on warm networks, and on cold ones, where forecasts are vague.
const PREEMPTION: (f64, f64) = (1.0, 0.9);

/// The SYN round trip in ms from which a link may be slow. Below it, hosts at different distances are
/// the likelier reason, and four times the deadline would not be enough for a link of 20 kbit/s.
const SLOW_SYN_MS: f64 = 240.0;

/// The SYN round trip in ms from which a third handshake is postponed. On a link of 20 kbit/s three
/// SYNs and their answers take 90 ms, whatever the path beyond it takes.
const UNHURRIED_SYN_MS: f64 = 100.0;

/// The most ms between two SYNs whose answers queue on a slow link. DNS answers on it also come apart,
/// 50 ms at 20 kbit/s.
const SYNS_TOGETHER_MS: f64 = 60.0;

/// The time of a ClientHello, some acknowledgements and the first packet of the server's flight, 2.2
/// kB, in SYN-ACKs of 74 bytes, plus a fifth.
const SYNS_IN_A_FIRST_PACKET: f64 = 36.0;

/// TLS and upgrade are two round trips. If they take more than this many, one flight takes longer than
/// a SYN's: the link is slow.
const FLIGHTS_IN_A_REST: f64 = 3.0;

/// The pause before the next repeated dial, as a share of the silence so far, if that is longer than
/// the fixed pause: ten repeats in the first 9 s, five more in a minute.
const REDIAL_GROWTH: f64 = 0.25;

/// ms. If a verified candidate under way is farther than this, dials are not repeated.
const FAR_SYN_MS: f64 = 500.0;

/// The race for one connection.
#[derive(Debug)]
pub struct Race {
    width: Width,
    syn_trust: SynTrust,
    kinship: Kinship,
    attempts: Vec<Attempt>,
    more_to_come: bool,
    /// The dials at the start of a warm race, in reverse order.
    plan: Option<Vec<AttemptId>>,
    /// How many candidates were considered for the plan; later ones arrived late.
    considered: usize,
    first_added_ms: f64,
    started: usize,
    /// How many attempts were replaced.
    replaced: usize,
    last: Option<AttemptId>,
    first_dialled_ms: f64,
    /// Cancelled, to be dialled again at once.
    again: Option<AttemptId>,
}

impl Race {
    /// Returns a race without candidates. Add those with remembered addresses before the first
    /// [`Race::next`], the others when their names are resolved.
    #[must_use]
    pub fn new(width: Width, syn_trust: SynTrust) -> Self {
        Race {
            width,
            syn_trust,
            kinship: Kinship::default(),
            attempts: Vec::new(),
            more_to_come: true,
            plan: None,
            considered: 0,
            first_added_ms: 0.0,
            started: 0,
            replaced: 0,
            last: None,
            first_dialled_ms: 0.0,
            again: None,
        }
    }

    /// Sets how the candidates vary together.
    #[must_use]
    pub fn among(self, kinship: Kinship) -> Self {
        Race { kinship, ..self }
    }

    /// Adds a candidate and returns the id of its attempt.
    pub fn add(&mut self, candidate: impl Into<Candidate>, now: Duration) -> AttemptId {
        if self.attempts.is_empty() {
            self.first_added_ms = ms(now);
        }
        self.attempts.push(Attempt::new(candidate.into()));
        AttemptId::new(self.attempts.len() - 1)
    }

    /// Notes that DNS has returned the address of this candidate now.
    pub fn given(&mut self, attempt: AttemptId) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.give();
        }
    }

    /// Notes that all names are looked up, so no further candidate will be added.
    pub fn no_more(&mut self) {
        self.more_to_come = false;
    }

    /// Notes that the attempt's TCP connection is established, with its SYN's round trip.
    pub fn established(&mut self, attempt: AttemptId, round_trip: Duration) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.established(ms(round_trip));
        }
    }

    /// Notes that bytes of the attempt's TLS handshake arrived at `now`, which extends its deadline
    /// within bounds. Only the latest bytes need to be reported, before [`Race::secured`] and
    /// [`Race::next`].
    pub fn progressed(&mut self, attempt: AttemptId, now: Duration) {
        let most_ms = self.most_progress_ms();
        // If another handshake used up its extensions, bytes promise nothing here.
        let is_spent = |(id, one): (AttemptId, &Attempt)| {
            let began_ms = one.handshake_began_ms().filter(|_| id != attempt);
            began_ms.is_some_and(|began_ms| began_ms + most_ms <= ms(now))
        };
        if self.numbered().any(is_spent) {
            return;
        }
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.progressed(ms(now), most_ms);
        }
    }

    /// Notes that the attempt's TLS handshake completed and the upgrade is under way.
    pub fn secured(&mut self, attempt: AttemptId, now: Duration) {
        let queue_ms = self.queue_ms();
        let (syn_trust, least_ms) = (self.syn_trust, self.width.flight_least_ms);
        let longest_ms = ms(self.width.handshake_patience);
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            let deadline_ms = syn_trust.trusted.then(|| {
                let updated = one.updated(queue_ms, syn_trust);
                let leg_ms = updated.syn_ms().max(updated.rest_ms() - updated.syn_ms());
                let margin = (self.width.z * (updated.syn.variance + updated.noise).sqrt()).exp();
                // A link that was slow during TLS still is.
                let flight_ms = (leg_ms * margin + queue_ms + SLACK_MS).max(one.pace_ms());
                ms(now) + flight_ms.clamp(least_ms, longest_ms)
            });
            one.secured(ms(now), deadline_ms);
        }
    }

    /// Notes that the attempt is open, which ends the race.
    pub fn opened(&mut self, attempt: AttemptId, now: Duration) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.opened(ms(now));
        }
    }

    /// Notes that the attempt definitely failed, in either stage.
    pub fn failed(&mut self, attempt: AttemptId, severity: Severity) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.failed(severity);
        }
    }

    /// Returns what to do at `now`. Call it until it returns an action to wait or to give up.
    pub fn next(&mut self, now: Duration) -> Action {
        let now_ms = ms(now);
        let queue_ms = self.queue_ms();
        let mut wake_ms = f64::INFINITY;
        if let Some(attempt) = self.again.take() {
            return self.dial(attempt, now_ms, queue_ms);
        }
        if let Some(attempt) = self.next_handshake(now_ms, queue_ms, &mut wake_ms) {
            let deadline_ms = now_ms + self.flight_ms(attempt, queue_ms);
            self.attempts[attempt.index()].shake_hands(now_ms, deadline_ms);
            return Action::Handshake(attempt);
        }
        if let Some(attempt) = self.next_dial(now_ms, &mut wake_ms) {
            if self.in_flight() >= self.width.in_flight {
                match self.laggard() {
                    Some((laggard, at_ms)) if at_ms <= now_ms => {
                        self.replaced += 1;
                        self.attempts[laggard.index()].cancel(now_ms);
                        return Action::Cancel(laggard);
                    }
                    Some((_, at_ms)) => return Action::WaitUntil(from_ms(at_ms.min(wake_ms))),
                    None => return Action::Wait,
                }
            }
            if self.started == 0 {
                self.first_dialled_ms = now_ms;
            }
            self.started += 1;
            self.last = Some(attempt);
            return self.dial(attempt, now_ms, queue_ms);
        }
        if let Some(attempt) = self.next_redial(now_ms, &mut wake_ms) {
            self.again = Some(attempt);
            return Action::Cancel(attempt);
        }
        let waiting = self.attempts.iter().any(Attempt::is_waiting);
        if self.in_flight() == 0 && !waiting && !self.more_to_come {
            return Action::GiveUp;
        }
        if wake_ms.is_finite() {
            Action::WaitUntil(from_ms(wake_ms))
        } else {
            Action::Wait
        }
    }

    fn dial(&mut self, attempt: AttemptId, now_ms: f64, queue_ms: f64) -> Action {
        let one = &self.attempts[attempt.index()];
        let patience_ms = self.width.syn_patience * (one.forecast().syn_ms() + queue_ms);
        // A candidate that was silent repeatedly has a huge forecast, which must not delay the others.
        let longest_ms = ms(self.width.dial_patience);
        let deadline_ms = now_ms + patience_ms.clamp(self.width.syn_least_ms, longest_ms);
        let since_ms = now_ms - AT_ONCE_MS;
        let recent = self.attempts.iter();
        let before = recent.filter(|one| one.was_dialled_since(since_ms)).count();
        self.attempts[attempt.index()].dial(now_ms, deadline_ms, before);
        Action::Dial(attempt)
    }

    /// Returns what the race showed, if it ends at `now`.
    pub fn observations(&self, now: Duration) -> Vec<(AttemptId, Observation)> {
        let (now_ms, queue_ms) = (ms(now), self.queue_ms());
        let won = self.attempts.iter().any(|one| one.state() == State::Open);
        (self.numbered())
            .filter(|(_, one)| !one.is_waiting())
            .map(|(attempt, one)| (attempt, one.observation(now_ms, queue_ms, won)))
            .collect()
    }

    /// Returns b̂, the queue of the access link in ms, if at least two answers show one; otherwise 0.
    pub fn queue_ms(&self) -> f64 {
        let late = self.attempts.iter().filter_map(|one| {
            // Compared with a forged forecast, every answer may seem late.
            let known = one.forecast().syn.variance <= KNOWN_VARIANCE && !one.forecast().hearsay;
            let syn_ms = one.syn_ms().filter(|_| known)?;
            Some(syn_ms - JITTER_ALLOWANCE * one.forecast().syn_ms())
        });
        let (count, least_ms) = late.fold((0, f64::INFINITY), |(count, least_ms), late_ms| {
            (count + 1, least_ms.min(late_ms))
        });
        if count >= 2 { least_ms.max(0.0) } else { 0.0 }
    }

    fn numbered(&self) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        let numbered = self.attempts.iter().enumerate();
        numbered.map(|(index, one)| (AttemptId::new(index), one))
    }

    /// The longest time that bytes can extend a handshake to: a server may trickle them for ever.
    fn most_progress_ms(&self) -> f64 {
        2.0 * ms(self.width.handshake_patience)
    }

    fn in_flight(&self) -> usize {
        self.attempts.iter().filter(|one| one.is_flying()).count()
    }

    /// The attempt whose handshake to start now; otherwise lowers `wake_ms` to when that may change.
    fn next_handshake(&self, now_ms: f64, queue_ms: f64, wake_ms: &mut f64) -> Option<AttemptId> {
        let running = |one: &&Attempt| one.state() == State::Handshaking;
        let on_time = (self.attempts.iter().filter(running))
            .map(Attempt::deadline_ms)
            .filter(|deadline_ms| *deadline_ms > now_ms)
            .fold(f64::INFINITY, f64::min);
        if on_time.is_finite() {
            let faster = self.faster(now_ms, queue_ms);
            if faster.is_none() {
                *wake_ms = wake_ms.min(on_time);
            }
            return faster;
        }
        let busy = |host| (self.attempts.iter().filter(running)).any(|one| one.host() == host);
        let is_hedge = self.attempts.iter().any(|one| running(&one));
        let (_, _, attempt) = (self.numbered())
            .filter(|(_, one)| one.state() == State::Established)
            .map(|(attempt, one)| {
                let rest_ms = one.priced_rest_ms(queue_ms, self.syn_trust);
                let doubt = (is_hedge && one.is_remembered(), busy(one.host()));
                (doubt, rest_ms, attempt)
            })
            .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
        if is_hedge && let Some(until_ms) = self.slow_until_ms().filter(|ms| *ms > now_ms) {
            *wake_ms = wake_ms.min(until_ms);
            return None;
        }
        Some(attempt)
    }

    /// The attempt whose handshake is expected to finish before the only one under way. None once that
    /// one has received bytes: on a slow link a second one takes bandwidth from it.
    fn faster(&self, now_ms: f64, queue_ms: f64) -> Option<AttemptId> {
        if self.width.handshakes < 2 {
            return None;
        }
        let rest_ms =
            |one: &Attempt| one.updated(queue_ms, self.syn_trust).rest_ms() + 2.0 * queue_ms;
        let mut running = self.attempts.iter().filter_map(|one| {
            let began_ms = one.handshake_began_ms()?;
            Some((one, began_ms + rest_ms(one) - now_ms))
        });
        let (Some((leader, left_ms)), None) = (running.next(), running.next()) else {
            return None;
        };
        if leader.is_heard() {
            return None;
        }
        let is_warm = self.attempts.iter().any(|one| one.forecast().verified);
        let margin = if is_warm { PREEMPTION.0 } else { PREEMPTION.1 };
        let established = self
            .numbered()
            .filter(|(_, one)| one.state() == State::Established && one.class() == (false, false));
        let priced =
            established.map(|(id, one)| (one.priced_rest_ms(queue_ms, self.syn_trust), id));
        let (rest_ms, attempt) = priced.min_by(|a, b| a.0.total_cmp(&b.0))?;
        (rest_ms < margin * left_ms).then_some(attempt)
    }

    /// Until when a slow link is the likelier reason for lateness, so that a hedge would take bandwidth
    /// that is needed.
    fn slow_until_ms(&self) -> Option<f64> {
        let running = self.attempts.iter();
        let mut running = running.filter(|one| one.state() == State::Handshaking);
        let unhurried = |one: &&Attempt| one.syn_ms() >= Some(UNHURRIED_SYN_MS);
        match (running.next()?, running.next(), running.next()) {
            (only, None, _) => self.first_bytes_ms(only),
            // Two are late alike: a slow link is likelier than two silent servers.
            (one, Some(other), None) if [one, other].iter().all(unhurried) => {
                let most_ms = self.most_progress_ms();
                let until_ms = |one: &Attempt| one.late_alike_until_ms(most_ms);
                Some(until_ms(one).max(until_ms(other)))
            }
            _ => None,
        }
    }

    /// When the first bytes of the only handshake on an unknown network may arrive, judging by
    /// SYN-ACKs: if SYNs were sent together and the answers came apart, the link may be slow.
    fn first_bytes_ms(&self, only: &Attempt) -> Option<f64> {
        let syn_ms = only.syn_ms().filter(|ms| *ms >= SLOW_SYN_MS)?;
        if only.forecast().verified {
            return None;
        }
        let answered = self.attempts.iter().filter_map(Attempt::went_and_came_ms);
        let mut answered: Vec<(f64, f64)> = answered.collect();
        answered.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let gaps = answered.windows(2).filter_map(|pair| {
            let (went_ms, came_ms) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
            (went_ms <= SYNS_TOGETHER_MS).then_some(came_ms.max(0.0))
        });
        let (count, sum_ms) = gaps.fold((0, 0.0), |(count, sum_ms), ms| (count + 1, sum_ms + ms));
        let gap_ms = (count > 0).then(|| sum_ms / f64::from(count))?;
        only.first_bytes_ms(syn_ms + SYNS_IN_A_FIRST_PACKET * gap_ms)
    }

    /// The time that the first flight of a handshake may take before it is hedged.
    fn flight_ms(&self, attempt: AttemptId, queue_ms: f64) -> f64 {
        let updated = self.attempts[attempt.index()].updated(queue_ms, self.syn_trust);
        let margin = |variance: f64| (self.width.z * variance.sqrt()).exp();
        let flight_ms = if self.syn_trust.trusted {
            let margin = margin(updated.syn.variance + updated.noise);
            let leg_ms = self.syn_trust.stretch * updated.syn_ms();
            leg_ms.max(updated.rest_ms() / FLIGHTS_IN_A_REST) * margin + queue_ms
        } else {
            // All of TLS and upgrade, judging by earlier handshakes.
            let variance = updated.syn.variance + updated.rest.variance + 2.0 * updated.noise;
            updated.rest_ms() * margin(variance) + 2.0 * queue_ms
        };
        let longest_ms = ms(self.width.handshake_patience);
        (flight_ms + SLACK_MS).clamp(self.width.flight_least_ms, longest_ms)
    }

    /// The candidate to dial now; otherwise lowers `wake_ms` to when that may change.
    fn next_dial(&mut self, now_ms: f64, wake_ms: &mut f64) -> Option<AttemptId> {
        if self.plan.is_none() && self.started == 0 {
            self.plan = self.warm_plan();
            if self.plan.is_some() {
                self.considered = self.attempts.len();
            }
        }
        if let Some(plan) = &mut self.plan {
            let planned = plan.pop();
            if let Some(attempt) = planned.or_else(|| self.late_arrival()) {
                return Some(attempt);
            }
        } else if let Some((attempt, waits)) = self.cold_choice(now_ms) {
            let Some(until_ms) = waits else {
                return Some(attempt);
            };
            *wake_ms = wake_ms.min(until_ms);
            if self.attempts[attempt.index()].class() != (false, false) {
                return None;
            }
        }
        // Nothing more is dialled while a handshake (whose deadline `next_handshake` watches) or a dial
        // is not late.
        let shaking = |one: &Attempt| match one.state() {
            State::Established | State::Open => true,
            State::Handshaking => one.deadline_ms() > now_ms,
            State::Waiting | State::Dialling | State::Over => false,
        };
        if self.attempts.iter().any(shaking) {
            return None;
        }
        let dialling = |one: &&Attempt| one.state() == State::Dialling;
        let deadlines = self
            .attempts
            .iter()
            .filter(dialling)
            .map(Attempt::deadline_ms);
        let last_ms = deadlines.fold(f64::NEG_INFINITY, f64::max);
        if last_ms > now_ms {
            *wake_ms = wake_ms.min(last_ms);
            return None;
        }
        self.next_best()
    }

    /// The attempt to dial again now. If several are silent and none was answered, the network is more
    /// likely away than all of them dead, and kernels repeat SYNs at ever longer intervals. The one
    /// silent for longest is repeated, so that an address that becomes reachable again is soon
    /// contacted. One that began in the first half of that time always stays, so that a slow network
    /// works, too.
    fn next_redial(&self, now_ms: f64, wake_ms: &mut f64) -> Option<AttemptId> {
        let pause_ms = ms(self.width.redial?);
        let (mut oldest, mut second_ms, mut last_ms) = (None, f64::INFINITY, 0.0_f64);
        for (attempt, one) in self.numbered() {
            if one.is_answered() {
                return None;
            }
            let dialling = |one: &&Attempt| one.state() == State::Dialling;
            let Some(began_ms) = Some(one)
                .filter(dialling)
                .and_then(Attempt::under_way_since_ms)
            else {
                continue;
            };
            last_ms = last_ms.max(began_ms);
            match oldest {
                Some((_, oldest_ms)) if began_ms >= oldest_ms => {
                    second_ms = second_ms.min(began_ms);
                }
                _ => {
                    second_ms = oldest.map_or(f64::INFINITY, |(_, ms)| ms);
                    oldest = Some((attempt, began_ms));
                }
            }
        }
        let (attempt, oldest_ms) = oldest.filter(|_| second_ms.is_finite())?;
        // Silence is normal if round trips are known to be long.
        let is_far =
            |one: &Attempt| one.forecast().verified && one.forecast().syn_ms() > FAR_SYN_MS;
        if self
            .attempts
            .iter()
            .any(|one| one.is_flying() && is_far(one))
        {
            return None;
        }
        let since_ms = |at_ms: f64| at_ms - self.first_dialled_ms;
        let at_ms = (last_ms + pause_ms)
            .max(last_ms + since_ms(last_ms) * REDIAL_GROWTH)
            .max(oldest_ms + ms(self.width.dial_patience))
            .max(second_ms + since_ms(second_ms));
        if at_ms <= now_ms {
            return Some(attempt);
        }
        *wake_ms = wake_ms.min(at_ms);
        None
    }

    /// The attempt that has been silent longest, and when it may be replaced. Patience doubles with
    /// every round of replacements; otherwise a network slower than it could never be used.
    fn laggard(&self) -> Option<(AttemptId, f64)> {
        let rounds = (self.replaced / Width::FAST.in_flight).min(8) as i32;
        let patience_ms = |patience| ms(patience) * 2.0_f64.powi(rounds);
        let dial_ms = patience_ms(self.width.dial_patience);
        let handshake_ms = patience_ms(self.width.handshake_patience);
        (self.numbered())
            .filter_map(|(attempt, one)| {
                let patience_ms = match one.state() {
                    State::Dialling => dial_ms,
                    _ => handshake_ms,
                };
                Some((attempt, one.under_way_since_ms()? + patience_ms))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The dials at the start of a race on a network where something opened before, the best last.
    fn warm_plan(&self) -> Option<Vec<AttemptId>> {
        let (first, best) = self.best_verified()?;
        let mut chosen = vec![first];
        let mut accelerated = usize::from(best.is_accelerated());
        let mut cheapest = self.cheapest_of(best);
        while chosen.len() < self.most_at_once() {
            let last = chosen.len() + 1 == self.most_at_once();
            let same_host = chosen
                .iter()
                .all(|one| self.attempts[one.index()].host() == best.host());
            let rivals = self.numbered().filter(|(attempt, one)| {
                one.is_waiting()
                    && self.may_join(one, best)
                    && !chosen.contains(attempt)
                    && (!one.is_accelerated() || accelerated < MAX_ACCELERATED)
            });
            let worth =
                rivals.map(|(attempt, one)| (cheapest.worth(attempt, one.forecast()), attempt));
            let worth = worth.filter(|(worth, _)| *worth > self.width.worth);
            // One on another host, because a host may fail as a whole.
            let elsewhere =
                |attempt: AttemptId| self.attempts[attempt.index()].host() != best.host();
            let key = |one: &(f64, AttemptId)| (last && same_host && elsewhere(one.1), one.0);
            let next = worth.reduce(|a, b| if key(&b) > key(&a) { b } else { a });
            let Some((_, attempt)) = next else { break };
            let one = &self.attempts[attempt.index()];
            accelerated += usize::from(one.is_accelerated());
            cheapest.join(attempt, one.forecast(), |other| {
                self.shared(one, &self.attempts[other])
            });
            chosen.push(attempt);
        }
        chosen.reverse();
        Some(chosen)
    }

    /// The cheapest of one candidate.
    fn cheapest_of(&self, best: &Attempt) -> Cheapest {
        let shared = self.attempts.iter().map(|one| self.shared(best, one));
        Cheapest::of(best.forecast(), shared.collect())
    }

    /// The covariance of x of two candidates.
    fn shared(&self, a: &Attempt, b: &Attempt) -> f64 {
        match (a.id(), b.id()) {
            (Some(a), Some(b)) => self.kinship.between(a, b),
            _ => 0.0,
        }
    }

    /// A candidate that DNS returned after the plan was made and that would have been in it.
    fn late_arrival(&mut self) -> Option<AttemptId> {
        let (_, best) = self.best_verified()?;
        // An address that DNS has not returned again doesn't count.
        let given = |one: &&Attempt| !one.is_waiting() && !one.is_remembered();
        let room = self.attempts.iter().filter(given).count() < self.most_at_once();
        let cheapest = self.cheapest_of(best);
        let worth_it = |(attempt, one): &(AttemptId, &Attempt)| {
            room && one.is_waiting()
                && !one.is_accelerated()
                && self.may_join(one, best)
                && cheapest.worth(*attempt, one.forecast()) > self.width.worth
        };
        let late = self.numbered().skip(self.considered).find(worth_it);
        let late = late.map(|(attempt, _)| attempt);
        self.considered = self.attempts.len();
        late
    }

    /// The next dial of a cold race, and until when to wait for better candidates first. Hosts that
    /// were not dialled come first, then another family than the last dial's, then the cheapest. With a
    /// prior the cheapest host comes first and, beyond `cold_dials`, the cheapest address.
    fn cold_choice(&self, now_ms: f64) -> Option<(AttemptId, Option<f64>)> {
        let dials_on = |host| {
            let there = |one: &&Attempt| one.host() == host;
            let dialled = |one: &&Attempt| !one.is_waiting();
            self.attempts.iter().filter(there).filter(dialled).count()
        };
        let last = self.last.and_then(|last| self.attempts.get(last.index()));
        let (is_foretold, is_spread) = (self.is_foretold(), self.started < self.width.cold_dials);
        let most = self.cold_dials().min(self.syn_trust.at_once);
        // Addresses that DNS has not returned here don't take all places: there is one more for one
        // that it does.
        let given = |one: &&Attempt| !one.is_waiting() && !one.is_remembered();
        let is_over = self.started > most || (most == 1 && self.started == 1);
        if is_over || self.attempts.iter().filter(given).count() >= most {
            return None;
        }
        let is_full = self.started >= most;
        let is_left = |one: &Attempt| is_full && one.is_remembered();
        let key = |one: &Attempt| {
            let place = one.forecast().place;
            let same_family = last.is_some_and(|last| last.forecast().place.v6 == place.v6);
            let dials = dials_on(place.host);
            // Forecasts of a host's addresses are equal to a millisecond, unless one was measured.
            match is_foretold {
                true => {
                    let again = usize::from(is_spread && dials > 0);
                    (
                        (is_left(one), one.class()),
                        again,
                        one.forecast().cost_ms() as u64,
                        same_family,
                    )
                }
                false => ((is_left(one), one.class()), dials, 0, same_family),
            }
        };
        let (attempt, one) = self
            .cheapest_waiting(key)
            .filter(|(_, one)| !is_left(one))?;
        // Last resorts, and candidates with an open breaker, wait until nothing better is under way:
        // they may be near, but must not take the handshake from the others.
        let better = |other: &Attempt| other.class() < one.class() && other.is_flying();
        if self.attempts.iter().any(better) {
            return None;
        }
        let doubtful = one.class() != (false, false);
        let familiar = doubtful || (is_spread && dials_on(one.host()) > 0);
        let delay_over_ms = self.first_added_ms + RESOLUTION_DELAY_MS;
        let waits = familiar && self.more_to_come && now_ms < delay_over_ms;
        Some((attempt, waits.then_some(delay_over_ms)))
    }

    /// Whether there is a prior.
    fn is_foretold(&self) -> bool {
        self.attempts.iter().any(|one| one.forecast().foretold)
    }

    /// The dials at once on a network where nothing opened yet.
    fn cold_dials(&self) -> usize {
        match self.is_foretold() {
            true => self.width.foretold_dials,
            false => self.width.cold_dials,
        }
    }

    /// The candidate to dial when everything under way is late: those with an open breaker last,
    /// remembered addresses after returned ones, hosts that were tried after others, then the cheapest.
    fn next_best(&self) -> Option<AttemptId> {
        let tried = |host| {
            let there = |one: &&Attempt| one.host() == host;
            (self.attempts.iter().filter(there)).any(|one| !one.is_waiting())
        };
        let key = |one: &Attempt| (one.class(), one.is_remembered(), tried(one.host()));
        self.cheapest_waiting(key).map(|(attempt, _)| attempt)
    }

    /// The most dials at once. Behind a middlebox that answers SYNs one spare is enough. If SYNs beyond
    /// a few are dropped, no more than those.
    fn most_at_once(&self) -> usize {
        let most = if self.syn_trust.trusted {
            usize::MAX
        } else {
            2
        };
        self.width.dials.min(most).min(self.syn_trust.at_once)
    }

    fn best_verified(&self) -> Option<(AttemptId, &Attempt)> {
        (self.numbered())
            .filter(|(_, one)| one.forecast().verified && !one.forecast().breaker_open)
            .min_by(|(_, a), (_, b)| {
                let costs = a.forecast().cost_ms().total_cmp(&b.forecast().cost_ms());
                (a.is_last_resort()).cmp(&b.is_last_resort()).then(costs)
            })
    }

    /// Whether it may be dialled beside the best.
    fn may_join(&self, one: &Attempt, best: &Attempt) -> bool {
        !one.forecast().breaker_open && one.is_last_resort() <= best.is_last_resort()
    }

    /// The waiting candidate with the least key, then the least cost.
    fn cheapest_waiting<K: Ord>(
        &self,
        key: impl Fn(&Attempt) -> K,
    ) -> Option<(AttemptId, &Attempt)> {
        let busy = |one: &&Attempt| one.is_accelerated() && one.is_flying();
        let accelerated = self.attempts.iter().filter(busy).count();
        let costs = |a: &Forecast, b: &Forecast| a.cost_ms().total_cmp(&b.cost_ms());
        (self.numbered())
            .filter(|(_, one)| one.is_waiting())
            .filter(|(_, one)| !one.is_accelerated() || accelerated < MAX_ACCELERATED)
            .min_by(|(_, a), (_, b)| key(a).cmp(&key(b)).then(costs(a.forecast(), b.forecast())))
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// Rounded up to the next microsecond, so that a timer doesn't fire early.
fn from_ms(ms: f64) -> Duration {
    Duration::from_micros((ms.max(0.0) * 1_000.0) as u64 + 1)
}
