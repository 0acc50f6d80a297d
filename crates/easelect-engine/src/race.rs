//! Which attempt to start when: a pure state machine. `now` comes in, actions come out.
//!
//! An attempt has two stages: *dial* (TCP, three packets) and *handshake* (TLS and upgrade, 4 kB
//! and CPU on both sides). Dials are cheap and the best predictor of this very moment, so the few
//! candidates that could be best are dialled at once, and the handshake is started on the one
//! whose updated prediction is best. The finish line is a whole handshake, never TCP alone.
//!
//! - **Warm** (something opened on this network before): the best, and one after the other whoever
//!   improves most on the cheapest of those chosen, as long as that exceeds `worth`, up to `dials`; one of the
//!   others is on another host.
//! - **Cold**: `cold_dials` at once, alternating hosts and families (RFC 8305 §4, extended to
//!   hosts), as their names are resolved. With a prior of how near they are `foretold_dials`, the nearest
//!   first: each host once, as the prior may be wrong, then further addresses of the nearest.
//! - **Common mode**: what all answers are late by, b̂ = max(0, min(s − 1.08·e^x)) over two or more
//!   answers, is the access link's queue: it is taken out of every measurement.
//! - **Handshake** on the least predicted rest among the established, at once: waiting for one in
//!   flight that is expected to be faster gains nothing.
//! - **Pre-emption**: beside one handshake in its time, another is started on an established connection
//!   that is expected to open before it: that of a SYN which was late and turned out fast.
//! - **Hedge**: a handshake that is later than its deadline goes on, and another is started on an
//!   established spare, on another host if there is one; without a spare, another is dialled.
//!   Deadlines are what bounds the slowest connections.
//! - A handshake whose bytes arrive goes on well. Once two are late alike, no third is started for long:
//!   that takes from a slow link what the two need.
//! - **Silence**: while nobody answers at all, dials are made anew, one at a time.
//! - A definite failure starts the next at once, unless another is under way and in time.
//!
//! Times are `Duration`s since the race began; inside, f64 milliseconds.

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

/// Who takes part, and under which conditions.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// What is expected of it.
    pub forecast: Forecast,
    /// What its network calls it, if it is known there: by it others are known as its relatives.
    pub id: Option<CandidateId>,
    /// Starts after all others: an address at which only a proxy or a hijacker can answer.
    pub last_resort: bool,
    /// An acceleration node: little bandwidth, so few at a time.
    pub accelerated: bool,
    /// DNS gave its address some time, and is asked again: it comes after those that are
    /// [given](Race::given) now, once something is late.
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

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Open a TCP connection for this one.
    Dial(AttemptId),
    /// Go on with TLS and the upgrade on its TCP connection.
    Handshake(AttemptId),
    /// Give this one up.
    Cancel(AttemptId),
    /// Nothing until then, unless something happens.
    WaitUntil(Duration),
    /// Nothing until something happens.
    Wait,
    /// Nothing is under way, and nothing is left to try.
    GiveUp,
}

/// RFC 8305 §3: the resolution delay in ms, here before one host is dialled twice in a cold race.
const RESOLUTION_DELAY_MS: f64 = 50.0;

/// At most so many in flight: an acceleration node has 1 Mbps by default, 40 ms for one handshake of
/// 5 kB.
const MAX_ACCELERATED: usize = 2;

/// A factor on the expected SYN round trip: an answer is late by the queue only beyond what jitter
/// explains.
const JITTER_ALLOWANCE: f64 = 1.08;

/// The variance of x up to which an answer tells of a queue: what is expected of the unseen
/// is too vague to tell a slow network from one.
const KNOWN_VARIANCE: f64 = 0.35;

/// SYNs within so many ms count as sent at once, by whoever drops those beyond a few.
const AT_ONCE_MS: f64 = 100.0;

/// ms added to every deadline of a handshake, for timers and scheduling on a busy phone: less starts
/// handshakes for nothing.
const SLACK_MS: f64 = 8.0;

/// What a second handshake must be expected to gain on the one that runs, as a share of what that has
/// left: where something opened before, and where nothing did, so that forecasts are vague.
const PREEMPTION: (f64, f64) = (1.0, 0.9);

/// ms. Links that are slow have long round trips. Where it is shorter, hosts at different distances are
/// likelier, and four times what a flight is given would not be enough on a link of 20 kbit/s.
const SLOW_SYN_MS: f64 = 240.0;

/// ms. On a link of 20 kbit/s three SYNs and their answers take 90 ms, whatever the way beyond it takes.
const UNHURRIED_SYN_MS: f64 = 100.0;

/// ms between two SYNs whose answers queue on a slow link. What DNS gives on it comes apart as well, 50 ms at
/// 20 kbit/s.
const SYNS_TOGETHER_MS: f64 = 60.0;

/// A ClientHello, some acknowledgements, and the first packet of the server's flight, 2.2 kB, in SYN-ACKs of
/// 74 bytes, and a fifth more.
const SYNS_IN_A_FIRST_PACKET: f64 = 36.0;

/// TLS and upgrade are two round trips; where they take so many and more, a flight takes longer than a
/// SYN's: the link is slow.
const FLIGHTS_IN_A_REST: f64 = 3.0;

/// A silent network is asked anew after a quarter of the time that it was silent until the last time, if
/// that is longer than the pause: ten times in the first 9 s, five more in a minute.
const REDIAL_GROWTH: f64 = 0.25;

/// ms. Where one that opened before is as far as this, nobody is dialled anew.
const FAR_SYN_MS: f64 = 500.0;

/// The race of one connection.
#[derive(Debug)]
pub struct Race {
    width: Width,
    syn_trust: SynTrust,
    kinship: Kinship,
    attempts: Vec<Attempt>,
    more_to_come: bool,
    /// What is dialled at once in a warm race, in reverse order.
    plan: Option<Vec<AttemptId>>,
    /// How many were weighed for the dials made at once; those after them came late.
    considered: usize,
    first_added_ms: f64,
    started: usize,
    /// How many gave way to others.
    replaced: usize,
    last: Option<AttemptId>,
    first_dialled_ms: f64,
    /// Given up to be dialled anew at once.
    again: Option<AttemptId>,
}

impl Race {
    /// A race whose candidates are added as they become known: those with remembered addresses
    /// before the first [`Race::next`], others when their names are resolved.
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

    /// The same among candidates that vary together like this.
    #[must_use]
    pub fn among(self, kinship: Kinship) -> Self {
        Race { kinship, ..self }
    }

    /// Adds a candidate; what its attempt is called from now on.
    pub fn add(&mut self, candidate: impl Into<Candidate>, now: Duration) -> AttemptId {
        if self.attempts.is_empty() {
            self.first_added_ms = ms(now);
        }
        self.attempts.push(Attempt::new(candidate.into()));
        AttemptId::new(self.attempts.len() - 1)
    }

    /// DNS gives its address now.
    pub fn given(&mut self, attempt: AttemptId) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.give();
        }
    }

    /// All names are looked up: no further candidate will come.
    pub fn no_more(&mut self) {
        self.more_to_come = false;
    }

    /// The attempt's TCP connection is there; its SYN's round trip.
    pub fn established(&mut self, attempt: AttemptId, round_trip: Duration) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.established(ms(round_trip));
        }
    }

    /// Bytes of the attempt's TLS handshake came at `now`: it gets its time anew, within bounds. It is
    /// enough to tell of the last ones, before [`Race::secured`] and [`Race::next`].
    pub fn progressed(&mut self, attempt: AttemptId, now: Duration) {
        let most_ms = self.most_progress_ms();
        // Another that used up all that bytes give it shows that they promise nothing here.
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

    /// The attempt's TLS handshake is done; the upgrade is under way.
    pub fn secured(&mut self, attempt: AttemptId, now: Duration) {
        let queue_ms = self.queue_ms();
        let (syn_trust, least_ms) = (self.syn_trust, self.width.flight_least_ms);
        let longest_ms = ms(self.width.handshake_patience);
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            let deadline_ms = syn_trust.trusted.then(|| {
                let updated = one.updated(queue_ms, syn_trust);
                let leg_ms = updated.syn_ms().max(updated.rest_ms() - updated.syn_ms());
                let margin = (self.width.z * (updated.syn.variance + updated.noise).sqrt()).exp();
                // What was slow in TLS is so still.
                let flight_ms = (leg_ms * margin + queue_ms + SLACK_MS).max(one.pace_ms());
                ms(now) + flight_ms.clamp(least_ms, longest_ms)
            });
            one.secured(ms(now), deadline_ms);
        }
    }

    /// The attempt is open: the race is over.
    pub fn opened(&mut self, attempt: AttemptId, now: Duration) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.opened(ms(now));
        }
    }

    /// The attempt failed for certain, in either stage.
    pub fn failed(&mut self, attempt: AttemptId, severity: Severity) {
        if let Some(one) = self.attempts.get_mut(attempt.index()) {
            one.failed(severity);
        }
    }

    /// What to do at `now`. Call until it says to wait.
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
        // What was silent again and again is expected to take for ever: the others can't wait.
        let longest_ms = ms(self.width.dial_patience);
        let deadline_ms = now_ms + patience_ms.clamp(self.width.syn_least_ms, longest_ms);
        let since_ms = now_ms - AT_ONCE_MS;
        let recent = self.attempts.iter();
        let before = recent.filter(|one| one.was_dialled_since(since_ms)).count();
        self.attempts[attempt.index()].dial(now_ms, deadline_ms, before);
        Action::Dial(attempt)
    }

    /// What the race showed, when it ends at `now`.
    pub fn observations(&self, now: Duration) -> Vec<(AttemptId, Observation)> {
        let (now_ms, queue_ms) = (ms(now), self.queue_ms());
        let won = self.attempts.iter().any(|one| one.state() == State::Open);
        (self.numbered())
            .filter(|(_, one)| !one.is_waiting())
            .map(|(attempt, one)| (attempt, one.observation(now_ms, queue_ms, won)))
            .collect()
    }

    /// The access link's queue, b̂, as far as two answers show it.
    pub fn queue_ms(&self) -> f64 {
        let late = self.attempts.iter().filter_map(|one| {
            // Against a time that a file made up, everything may be late.
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

    /// What a handshake is given for its bytes: a server may trickle them for ever.
    fn most_progress_ms(&self) -> f64 {
        2.0 * ms(self.width.handshake_patience)
    }

    fn in_flight(&self) -> usize {
        self.attempts.iter().filter(|one| one.is_flying()).count()
    }

    /// Whose handshake to start now; else `wake_ms` is when that may change.
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

    /// Whose handshake is expected to be over before the only one under way, of which no byte came yet: on
    /// a slow link a second one takes from the first.
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

    /// Until when what is late is rather so for a slow link, from which a hedge takes what it needs.
    fn slow_until_ms(&self) -> Option<f64> {
        let running = self.attempts.iter();
        let mut running = running.filter(|one| one.state() == State::Handshaking);
        let unhurried = |one: &&Attempt| one.syn_ms() >= Some(UNHURRIED_SYN_MS);
        match (running.next()?, running.next(), running.next()) {
            (only, None, _) => self.first_bytes_ms(only),
            // Two are late alike: rather that than that both servers are silent.
            (one, Some(other), None) if [one, other].iter().all(unhurried) => {
                let most_ms = self.most_progress_ms();
                let until_ms = |one: &Attempt| one.late_alike_until_ms(most_ms);
                Some(until_ms(one).max(until_ms(other)))
            }
            _ => None,
        }
    }

    /// When the first bytes of the only handshake on an unknown network may come, as far as SYN-ACKs tell:
    /// where those of SYNs that went together came apart, a slow link may be why.
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

    /// How long the first flight of a handshake may take before it is hedged.
    fn flight_ms(&self, attempt: AttemptId, queue_ms: f64) -> f64 {
        let updated = self.attempts[attempt.index()].updated(queue_ms, self.syn_trust);
        let margin = |variance: f64| (self.width.z * variance.sqrt()).exp();
        let flight_ms = if self.syn_trust.trusted {
            let margin = margin(updated.syn.variance + updated.noise);
            let leg_ms = self.syn_trust.stretch * updated.syn_ms();
            leg_ms.max(updated.rest_ms() / FLIGHTS_IN_A_REST) * margin + queue_ms
        } else {
            // The whole rest, from what handshakes took before.
            let variance = updated.syn.variance + updated.rest.variance + 2.0 * updated.noise;
            updated.rest_ms() * margin(variance) + 2.0 * queue_ms
        };
        let longest_ms = ms(self.width.handshake_patience);
        (flight_ms + SLACK_MS).clamp(self.width.flight_least_ms, longest_ms)
    }

    /// Whom to dial now; else `wake_ms` is when that may change.
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
        // What goes on well: a handshake (which wakes in `next_handshake`), or a dial in its time.
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

    /// Whom to dial anew now: while several are silent and nobody answered anything, rather the network
    /// is away than all of them are dead, and kernels send SYNs again after ever longer times. Who has
    /// been silent longest, so that whoever is reachable again is asked soon. One that began in the first
    /// half of that time always stays, so that a slow network works, too.
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
        // Where round trips are known to be long, silence is no news.
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

    /// Who has been silent longest, and from when on it may be replaced. Patience doubles with
    /// every round of replacements, or a network slower than it could never be used.
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

    /// What to dial at once if something opened on this network before, the best last.
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
            // One on another host: otherwise a host's failure takes all of them.
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

    /// The cheapest of one.
    fn cheapest_of(&self, best: &Attempt) -> Cheapest {
        let shared = self.attempts.iter().map(|one| self.shared(best, one));
        Cheapest::of(best.forecast(), shared.collect())
    }

    /// The covariance of x of two.
    fn shared(&self, a: &Attempt, b: &Attempt) -> f64 {
        match (a.id(), b.id()) {
            (Some(a), Some(b)) => self.kinship.between(a, b),
            _ => 0.0,
        }
    }

    /// One that DNS brought after that, and that would have belonged to it.
    fn late_arrival(&mut self) -> Option<AttemptId> {
        let (_, best) = self.best_verified()?;
        // What DNS doesn't give again takes nobody's place.
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

    /// Of a cold race: on a host that was not dialled yet if possible, then of another family than
    /// the last one, then the cheapest. With a prior the cheapest host first, and beyond the usual number
    /// the cheapest address: the prior may be wrong. If it is still worth waiting for others, until when.
    fn cold_choice(&self, now_ms: f64) -> Option<(AttemptId, Option<f64>)> {
        let dials_on = |host| {
            let there = |one: &&Attempt| one.host() == host;
            let dialled = |one: &&Attempt| !one.is_waiting();
            self.attempts.iter().filter(there).filter(dialled).count()
        };
        let last = self.last.and_then(|last| self.attempts.get(last.index()));
        let (is_foretold, is_spread) = (self.is_foretold(), self.started < self.width.cold_dials);
        let most = self.cold_dials().min(self.syn_trust.at_once);
        // What DNS doesn't give here takes not all places: there is one more for what it does.
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
            // Addresses of a host are alike to a millisecond, unless one was measured.
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
        // What only a proxy or a hijacker can answer, and what a breaker bars, is left for when nothing
        // better is under way: near as it may be, it must not take the handshake from the others.
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

    /// Whether a prior tells what to expect.
    fn is_foretold(&self) -> bool {
        self.attempts.iter().any(|one| one.forecast().foretold)
    }

    /// Dials at once where nothing opened yet.
    fn cold_dials(&self) -> usize {
        match self.is_foretold() {
            true => self.width.foretold_dials,
            false => self.width.cold_dials,
        }
    }

    /// The one to dial when nothing under way is hopeful: breaker_open ones last, what DNS doesn't give
    /// now after what it does, hosts that are silent or failed after others, then the cheapest.
    fn next_best(&self) -> Option<AttemptId> {
        let tried = |host| {
            let there = |one: &&Attempt| one.host() == host;
            (self.attempts.iter().filter(there)).any(|one| !one.is_waiting())
        };
        let key = |one: &Attempt| (one.class(), one.is_remembered(), tried(one.host()));
        self.cheapest_waiting(key).map(|(attempt, _)| attempt)
    }

    /// Answers of a middlebox decide nothing: then one spare is enough. Where SYNs beyond a few are
    /// dropped, that many.
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

    /// Whether it may be dialled beside the best at all.
    fn may_join(&self, one: &Attempt, best: &Attempt) -> bool {
        !one.forecast().breaker_open && one.is_last_resort() <= best.is_last_resort()
    }

    /// Of those that wait and may be dialled, the one with the least key, then the least cost.
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

/// The next whole microsecond after it: a timer must not fire a rounding error too early.
fn from_ms(ms: f64) -> Duration {
    Duration::from_micros((ms.max(0.0) * 1_000.0) as u64 + 1)
}
