//! Which attempt to start when: a pure state machine. `now` comes in, actions come out.
//!
//! An attempt has two stages: *dial* (TCP, three packets) and *handshake* (TLS and upgrade, 4 kB
//! and CPU on both sides). Dials are cheap and the best predictor of this very moment, so the few
//! candidates that could be best are dialled at once, and the handshake is started on the one
//! whose updated prediction is best. The finish line is a whole handshake, never TCP alone.
//!
//! - **Warm** (something opened on this network before): the best and every other whose value of
//!   information exceeds `worth`, up to `dials`; one of the others is on another host.
//! - **Cold**: `cold_dials` at once, alternating hosts and families, as their names are resolved.
//! - **Common mode**: what all answers are late by, b̂ = max(0, min(s − 1.08·e^x)) over two or more
//!   answers, is the access link's queue: it is taken out of every measurement.
//! - **Handshake** on the least predicted rest among the established, at once: waiting for one in
//!   flight that is expected to be faster gained nothing in any world (p50 106 ms either way).
//! - **Hedge**: a handshake that is later than its deadline goes on, and another is started on an
//!   established spare, on another host if there is one; without a spare, another is dialled.
//!   Without deadlines p99 is 1.61 times the oracle's instead of 1.12, and 0.7 % take over 5 s.
//! - A definite failure starts the next at once.
//!
//! Times are `Duration`s since the race began; inside, f64 milliseconds.

mod entrant;
mod plan;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::forecast::{Forecast, NOISE};
use super::health::Severity;
use entrant::{Entrant, State};

/// How wide to race, and how long to wait for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// k: at most so many dials at once when warm.
    pub(crate) dials: usize,
    /// θ: the least value of information for which another one is dialled.
    pub(crate) worth: f64,
    /// Dials at once when cold.
    pub(crate) cold_dials: usize,
    /// No SYN-ACK after so many expected round trips: the next is dialled.
    pub(crate) syn_patience: f64,
    pub(crate) syn_least_ms: f64,
    /// The deadline of a flight of the handshake: so many standard deviations above its mean.
    pub(crate) z: f64,
    pub(crate) flight_least_ms: f64,
}

/// What the SYNs of a network say about its handshakes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gate {
    /// TLS flights take so many times a SYN's round trip; 1 on an honest path.
    pub(crate) stretch: f64,
    /// False behind a middlebox that answers SYNs itself: they say nothing about the path.
    pub(crate) trusted: bool,
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
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

/// A measured time in ms, without the access link's queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measured {
    Took(f64),
    /// Given up after so long: it would have taken longer.
    AtLeast(f64),
}

/// What a race showed of a candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lesson {
    pub(crate) candidate: usize,
    pub(crate) syn: Option<Measured>,
    /// TLS and upgrade.
    pub(crate) rest: Option<Measured>,
    pub(crate) tls_ms: Option<f64>,
    pub(crate) opened: bool,
    pub(crate) failure: Option<Severity>,
}

/// RFC 8305 §3: the resolution delay, here before one host is dialled twice in a cold race.
const RESOLUTION_DELAY_MS: f64 = 50.0;

/// More in flight only takes bandwidth from those under way; beyond it the one that has been
/// silent longest is replaced, if it was silent for `LAGGARD_MS`.
const MAX_IN_FLIGHT: usize = 8;

/// Linux repeats an unanswered SYN after 1 s: by then it was lost, or the path is dead.
const LAGGARD_MS: f64 = 1_000.0;

/// An answer is late by the queue only beyond what jitter explains. Without common mode p50 is .02
/// worse; 1.0 to 1.15 make no difference.
const JITTER_ALLOWANCE: f64 = 1.08;

/// Priors are too vague to tell a slow network from a queue.
const KNOWN_VARIANCE: f64 = 0.35;

/// Timers and scheduling on a busy phone. 2 ms cost .03 extra TLS more, 15 ms save .02; p99 stays.
const SLACK_MS: f64 = 8.0;

/// The race of one connection.
#[derive(Debug)]
pub(crate) struct Race {
    settings: Settings,
    gate: Gate,
    entrants: Vec<Entrant>,
    more_to_come: bool,
    /// What is dialled at once in a warm race, in reverse order.
    plan: Option<Vec<usize>>,
    first_added_ms: f64,
    started: usize,
    last: Option<usize>,
}

impl Race {
    /// A race whose candidates are added as they become known: those with remembered addresses
    /// before the first [`Race::next`], others when their names are resolved.
    pub(crate) fn new(settings: Settings, gate: Gate) -> Self {
        Race {
            settings,
            gate,
            entrants: Vec::new(),
            more_to_come: true,
            plan: None,
            first_added_ms: 0.0,
            started: 0,
            last: None,
        }
    }

    /// Adds a candidate; its number.
    pub(crate) fn add(&mut self, forecast: Forecast, now: Duration) -> usize {
        if self.entrants.is_empty() {
            self.first_added_ms = ms(now);
        }
        self.entrants.push(Entrant::new(forecast));
        self.entrants.len() - 1
    }

    /// All names are looked up: no further candidate will come.
    pub(crate) fn no_more(&mut self) {
        self.more_to_come = false;
    }

    /// The candidate's TCP connection is there.
    pub(crate) fn established(&mut self, candidate: usize, now: Duration) {
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.syn_ms = Some(ms(now) - one.dialled_ms);
            one.state = State::Established;
        }
    }

    /// The candidate's TLS handshake is done; the upgrade is under way.
    pub(crate) fn secured(&mut self, candidate: usize, now: Duration) {
        let queue_ms = self.queue_ms();
        let gate = self.gate;
        let (z, least_ms) = (self.settings.z, self.settings.flight_least_ms);
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.tls_ms = one.handshake_ms.map(|began_ms| ms(now) - began_ms);
            if gate.trusted {
                let updated = one.updated(queue_ms, gate);
                let leg_ms = updated.syn_ms().max(updated.rest_ms() - updated.syn_ms());
                let margin = (z * (updated.syn.variance + NOISE).sqrt()).exp();
                one.deadline_ms = ms(now) + least_ms.max(leg_ms * margin + queue_ms + SLACK_MS);
            }
        }
    }

    /// The candidate is open: the race is over.
    pub(crate) fn opened(&mut self, candidate: usize, now: Duration) {
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.rest_ms = one.handshake_ms.map(|began_ms| ms(now) - began_ms);
            one.state = State::Open;
        }
    }

    /// The candidate failed for certain, in either stage.
    pub(crate) fn failed(&mut self, candidate: usize, severity: Severity) {
        if let Some(one) = self.entrants.get_mut(candidate) {
            one.failure = Some(severity);
            one.state = State::Over;
        }
    }

    /// What to do at `now`. Call until it says to wait.
    pub(crate) fn next(&mut self, now: Duration) -> Action {
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
            if self.in_flight() >= MAX_IN_FLIGHT {
                match self.laggard() {
                    Some((laggard, at_ms)) if at_ms <= now_ms => {
                        self.entrants[laggard].state = State::Over;
                        return Action::Cancel(laggard);
                    }
                    Some((_, at_ms)) => return Action::WaitUntil(from_ms(at_ms.min(wake_ms))),
                    None => return Action::Wait,
                }
            }
            let patience_ms = self.settings.syn_patience
                * (self.entrants[candidate].forecast.syn_ms() + queue_ms);
            let one = &mut self.entrants[candidate];
            one.state = State::Dialling;
            one.dialled_ms = now_ms;
            one.deadline_ms = now_ms + patience_ms.max(self.settings.syn_least_ms);
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
    pub(crate) fn lessons(&self, now: Duration) -> Vec<Lesson> {
        let (now_ms, queue_ms) = (ms(now), self.queue_ms());
        let won = self.entrants.iter().any(|one| one.state == State::Open);
        let dialled = |(_, one): &(usize, &Entrant)| one.state != State::Waiting;
        (self.entrants.iter().enumerate())
            .filter(dialled)
            .map(|(candidate, one)| one.lesson(candidate, now_ms, queue_ms, won))
            .collect()
    }

    /// The access link's queue, b̂, as far as two answers show it.
    pub(crate) fn queue_ms(&self) -> f64 {
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
        let in_flight =
            |one: &&Entrant| !matches!(one.state, State::Waiting | State::Over | State::Open);
        self.entrants.iter().filter(in_flight).count()
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
        let margin = |variance: f64| (self.settings.z * variance.sqrt()).exp();
        let flight_ms = if self.gate.trusted {
            let margin = margin(updated.syn.variance + NOISE);
            self.gate.stretch * updated.syn_ms() * margin + queue_ms
        } else {
            // The whole rest, from what handshakes took before.
            let variance = updated.syn.variance + updated.rest.variance + 2.0 * NOISE;
            updated.rest_ms() * margin(variance) + 2.0 * queue_ms
        };
        self.settings.flight_least_ms.max(flight_ms + SLACK_MS)
    }

    /// Whom to dial now; else `wake_ms` is when that may change.
    fn next_dial(&mut self, now_ms: f64, wake_ms: &mut f64) -> Option<usize> {
        if self.plan.is_none() && self.started == 0 {
            self.plan = self.warm_plan();
        }
        if let Some(candidate) = self.plan.as_mut().and_then(Vec::pop) {
            return Some(candidate);
        }
        if self.plan.is_none() && self.started < self.settings.cold_dials {
            let (candidate, new_host) = self.cold_choice()?;
            let delay_over_ms = self.first_added_ms + RESOLUTION_DELAY_MS;
            if new_host || !self.more_to_come || now_ms >= delay_over_ms {
                return Some(candidate);
            }
            *wake_ms = wake_ms.min(delay_over_ms);
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

    /// Who has been silent longest, and from when on it may be replaced. A handshake has two round
    /// trips to go where a dial has one.
    fn laggard(&self) -> Option<(usize, f64)> {
        (self.entrants.iter().enumerate())
            .filter_map(|(candidate, one)| match one.state {
                State::Dialling => Some((candidate, one.dialled_ms + LAGGARD_MS)),
                State::Handshaking => Some((candidate, one.handshake_ms? + 2.0 * LAGGARD_MS)),
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
