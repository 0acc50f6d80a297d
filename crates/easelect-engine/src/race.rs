//! Which attempt to start when: a pure state machine. `now` comes in, actions come out.
//!
//! An attempt has two stages: *dial* (TCP, three packets) and *handshake* (TLS and upgrade, 4 kB
//! and CPU on both sides). Dials are cheap and the best predictor of this very moment, so the few
//! candidates that could be best are dialled at once, and the handshake is started on the one
//! whose updated prediction is best. The finish line is a whole handshake, never TCP alone.
//!
//! - **Warm** (something opened on this network before): the best and every other whose value of
//!   information exceeds `worth`, up to `dials`; one of the others is on another host.
//! - **Cold**: `cold_dials` at once, alternating hosts and families (RFC 8305 §4, extended to
//!   hosts), as their names are resolved.
//! - **Common mode**: what all answers are late by, b̂ = max(0, min(s − 1.08·e^x)) over two or more
//!   answers, is the access link's queue: it is taken out of every measurement.
//! - **Handshake** on the least predicted rest among the established, at once: waiting for one in
//!   flight that is expected to be faster gained nothing in any simulated world (p50 106 ms either
//!   way).
//! - **Hedge**: a handshake that is later than its deadline goes on, and another is started on an
//!   established spare, on another host if there is one; without a spare, another is dialled.
//!   Without deadlines p99 is 1.61 times the oracle's instead of 1.12, and 0.7 % take over 5 s.
//! - A definite failure starts the next at once, unless another is under way and in time.
//!
//! Times are `Duration`s since the race began; inside, f64 milliseconds.

mod entrant;
mod plan;
mod width;

use std::time::Duration;

use crate::forecast::{Gate, NOISE};
use crate::health::Severity;
use crate::lesson::Lesson;
use entrant::{Entrant, State};

pub use entrant::Entry;
pub use width::Width;

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Open a TCP connection to this candidate.
    Dial(usize),
    /// Go on with TLS and the upgrade on its TCP connection.
    Handshake(usize),
    /// Give this one up.
    Cancel(usize),
    /// Nothing until then, unless something happens.
    WaitUntil(Duration),
    /// Nothing until something happens.
    Wait,
    /// Nothing is under way, and nothing is left to try.
    GiveUp,
}

/// RFC 8305 §3: the resolution delay, here before one host is dialled twice in a cold race.
const RESOLUTION_DELAY_MS: f64 = 50.0;

/// An acceleration node has 1 Mbps by default: 40 ms for one handshake of 5 kB.
const MAX_ACCELERATED: usize = 2;

/// An answer is late by the queue only beyond what jitter explains. Without common mode p50 is .02
/// worse; 1.0 to 1.15 make no difference.
const JITTER_ALLOWANCE: f64 = 1.08;

/// Priors are too vague to tell a slow network from a queue.
const KNOWN_VARIANCE: f64 = 0.35;

/// Timers and scheduling on a busy phone. 2 ms cost .03 extra TLS more, 15 ms save .02; p99 stays.
const SLACK_MS: f64 = 8.0;

/// The race of one connection.
#[derive(Debug)]
pub struct Race {
    width: Width,
    gate: Gate,
    entrants: Vec<Entrant>,
    more_to_come: bool,
    /// What is dialled at once in a warm race, in reverse order.
    plan: Option<Vec<usize>>,
    first_added_ms: f64,
    started: usize,
    /// How many gave way to others.
    replaced: usize,
    last: Option<usize>,
}

impl Race {
    /// A race whose candidates are added as they become known: those with remembered addresses
    /// before the first [`Race::next`], others when their names are resolved.
    #[must_use]
    pub fn new(width: Width, gate: Gate) -> Self {
        Race {
            width,
            gate,
            entrants: Vec::new(),
            more_to_come: true,
            plan: None,
            first_added_ms: 0.0,
            started: 0,
            replaced: 0,
            last: None,
        }
    }

    /// Adds a candidate; its number.
    pub fn add(&mut self, entry: impl Into<Entry>, now: Duration) -> usize {
        if self.entrants.is_empty() {
            self.first_added_ms = ms(now);
        }
        self.entrants.push(Entrant::new(entry.into()));
        self.entrants.len() - 1
    }

    /// All names are looked up: no further candidate will come.
    pub fn no_more(&mut self) {
        self.more_to_come = false;
    }

    /// The candidate's TCP connection is there; its SYN's round trip.
    pub fn established(&mut self, candidate: usize, round_trip: Duration) {
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.syn_ms = Some(ms(round_trip));
            one.state = State::Established;
        }
    }

    /// The candidate's TLS handshake is done; the upgrade is under way.
    pub fn secured(&mut self, candidate: usize, now: Duration) {
        let queue_ms = self.queue_ms();
        let gate = self.gate;
        let (z, least_ms) = (self.width.z, self.width.flight_least_ms);
        let longest_ms = ms(self.width.handshake_patience);
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.tls_ms = one.handshake_ms.map(|began_ms| ms(now) - began_ms);
            if gate.trusted {
                let updated = one.updated(queue_ms, gate);
                let leg_ms = updated.syn_ms().max(updated.rest_ms() - updated.syn_ms());
                let margin = (z * (updated.syn.variance + NOISE).sqrt()).exp();
                let flight_ms = leg_ms * margin + queue_ms + SLACK_MS;
                one.deadline_ms = ms(now) + flight_ms.clamp(least_ms, longest_ms);
            }
        }
    }

    /// The candidate is open: the race is over.
    pub fn opened(&mut self, candidate: usize, now: Duration) {
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.rest_ms = one.handshake_ms.map(|began_ms| ms(now) - began_ms);
            one.state = State::Open;
        }
    }

    /// The candidate failed for certain, in either stage.
    pub fn failed(&mut self, candidate: usize, severity: Severity) {
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.failure = Some(severity);
            one.state = State::Over;
        }
    }

    /// What to do at `now`. Call until it says to wait.
    pub fn next(&mut self, now: Duration) -> Action {
        let now_ms = ms(now);
        let queue_ms = self.queue_ms();
        let mut wake_ms = f64::INFINITY;
        if let Some(candidate) = self.next_handshake(now_ms, queue_ms, &mut wake_ms) {
            let deadline_ms = now_ms + self.flight_ms(candidate, queue_ms);
            let one = &mut self.entrants[candidate];
            one.state = State::Handshaking;
            one.handshake_ms = Some(now_ms);
            one.deadline_ms = deadline_ms;
            return Action::Handshake(candidate);
        }
        if let Some(candidate) = self.next_dial(now_ms, &mut wake_ms) {
            if self.in_flight() >= self.width.in_flight {
                match self.laggard() {
                    Some((laggard, at_ms)) if at_ms <= now_ms => {
                        self.replaced += 1;
                        self.entrants[laggard].state = State::Over;
                        self.entrants[laggard].cancelled_ms = Some(now_ms);
                        return Action::Cancel(laggard);
                    }
                    Some((_, at_ms)) => return Action::WaitUntil(from_ms(at_ms.min(wake_ms))),
                    None => return Action::Wait,
                }
            }
            let patience_ms =
                self.width.syn_patience * (self.entrants[candidate].forecast.syn_ms() + queue_ms);
            // What was silent again and again is expected to take for ever: the others can't wait.
            let longest_ms = ms(self.width.dial_patience);
            let one = &mut self.entrants[candidate];
            one.state = State::Dialling;
            one.dialled_ms = now_ms;
            one.deadline_ms = now_ms + patience_ms.clamp(self.width.syn_least_ms, longest_ms);
            self.started += 1;
            self.last = Some(candidate);
            return Action::Dial(candidate);
        }
        let waiting = self.entrants.iter().any(|one| one.state == State::Waiting);
        if self.in_flight() == 0 && !waiting && !self.more_to_come {
            return Action::GiveUp;
        }
        if wake_ms.is_finite() {
            Action::WaitUntil(from_ms(wake_ms))
        } else {
            Action::Wait
        }
    }

    /// What the race showed, when it ends at `now`.
    pub fn lessons(&self, now: Duration) -> Vec<Lesson> {
        let (now_ms, queue_ms) = (ms(now), self.queue_ms());
        let won = self.entrants.iter().any(|one| one.state == State::Open);
        let dialled = |(_, one): &(usize, &Entrant)| one.state != State::Waiting;
        (self.entrants.iter().enumerate())
            .filter(dialled)
            .map(|(candidate, one)| one.lesson(candidate, now_ms, queue_ms, won))
            .collect()
    }

    /// The access link's queue, b̂, as far as two answers show it.
    pub fn queue_ms(&self) -> f64 {
        let late = self.entrants.iter().filter_map(|one| {
            let known = one.forecast.syn.variance <= KNOWN_VARIANCE;
            let syn_ms = one.syn_ms.filter(|_| known)?;
            Some(syn_ms - JITTER_ALLOWANCE * one.forecast.syn_ms())
        });
        let (count, least_ms) = late.fold((0, f64::INFINITY), |(count, least_ms), late_ms| {
            (count + 1, least_ms.min(late_ms))
        });
        if count >= 2 { least_ms.max(0.0) } else { 0.0 }
    }

    fn in_flight(&self) -> usize {
        self.entrants.iter().filter(|one| one.is_flying()).count()
    }

    /// Whose handshake to start now; else `wake_ms` is when that may change.
    fn next_handshake(&self, now_ms: f64, queue_ms: f64, wake_ms: &mut f64) -> Option<usize> {
        let running = |one: &&Entrant| one.state == State::Handshaking;
        let on_time = (self.entrants.iter().filter(running))
            .map(|one| one.deadline_ms)
            .filter(|deadline_ms| *deadline_ms > now_ms)
            .fold(f64::INFINITY, f64::min);
        if on_time.is_finite() {
            *wake_ms = wake_ms.min(on_time);
            return None;
        }
        let busy = |host| {
            (self.entrants.iter().filter(running)).any(|one| one.forecast.place.host == host)
        };
        let (_, _, candidate) = (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.state == State::Established)
            .map(|(candidate, one)| {
                let rest_ms = one.priced_rest_ms(queue_ms, self.gate);
                (busy(one.forecast.place.host), rest_ms, candidate)
            })
            .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
        Some(candidate)
    }

    /// How long the first flight of a handshake may take before it is hedged.
    fn flight_ms(&self, candidate: usize, queue_ms: f64) -> f64 {
        let one = &self.entrants[candidate];
        let updated = one.updated(queue_ms, self.gate);
        let margin = |variance: f64| (self.width.z * variance.sqrt()).exp();
        let flight_ms = if self.gate.trusted {
            let margin = margin(updated.syn.variance + NOISE);
            self.gate.stretch * updated.syn_ms() * margin + queue_ms
        } else {
            // The whole rest, from what handshakes took before.
            let variance = updated.syn.variance + updated.rest.variance + 2.0 * NOISE;
            updated.rest_ms() * margin(variance) + 2.0 * queue_ms
        };
        let longest_ms = ms(self.width.handshake_patience);
        (flight_ms + SLACK_MS).clamp(self.width.flight_least_ms, longest_ms)
    }

    /// Whom to dial now; else `wake_ms` is when that may change.
    fn next_dial(&mut self, now_ms: f64, wake_ms: &mut f64) -> Option<usize> {
        if self.plan.is_none() && self.started == 0 {
            self.plan = self.warm_plan();
            if self.plan.is_some() {
                self.entrants
                    .iter_mut()
                    .for_each(|one| one.considered = true);
            }
        }
        if let Some(plan) = &mut self.plan {
            let planned = plan.pop();
            if let Some(candidate) = planned.or_else(|| self.late_arrival()) {
                return Some(candidate);
            }
        } else if self.started < self.width.cold_dials
            && let Some((candidate, waits)) = self.cold_choice(now_ms)
        {
            let Some(until_ms) = waits else {
                return Some(candidate);
            };
            *wake_ms = wake_ms.min(until_ms);
            let one = &self.entrants[candidate];
            if one.last_resort || one.forecast.barred {
                return None;
            }
        }
        // What goes on well: a handshake (which wakes in `next_handshake`), or a dial in its time.
        let shaking = |one: &&Entrant| match one.state {
            State::Established | State::Open => true,
            State::Handshaking => one.deadline_ms > now_ms,
            State::Waiting | State::Dialling | State::Over => false,
        };
        if self.entrants.iter().any(|one| shaking(&one)) {
            return None;
        }
        let dialling = |one: &&Entrant| one.state == State::Dialling;
        let deadlines = self
            .entrants
            .iter()
            .filter(dialling)
            .map(|one| one.deadline_ms);
        let last_ms = deadlines.fold(f64::NEG_INFINITY, f64::max);
        if last_ms > now_ms {
            *wake_ms = wake_ms.min(last_ms);
            return None;
        }
        self.next_best()
    }

    /// Who has been silent longest, and from when on it may be replaced. Patience doubles with
    /// every round of replacements, or a network slower than it could never be used.
    fn laggard(&self) -> Option<(usize, f64)> {
        let rounds = (self.replaced / Width::FAST.in_flight).min(8) as i32;
        let patience_ms = |patience| ms(patience) * 2.0_f64.powi(rounds);
        let dial_ms = patience_ms(self.width.dial_patience);
        let handshake_ms = patience_ms(self.width.handshake_patience);
        (self.entrants.iter().enumerate())
            .filter_map(|(candidate, one)| match one.state {
                State::Dialling => Some((candidate, one.dialled_ms + dial_ms)),
                State::Handshaking => Some((candidate, one.handshake_ms? + handshake_ms)),
                _ => None,
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The next whole microsecond after it: a timer must not fire a rounding error too early.
fn from_ms(ms: f64) -> Duration {
    Duration::from_micros((ms.max(0.0) * 1_000.0) as u64 + 1)
}
