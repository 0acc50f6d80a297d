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
//! - **Handshake** on the least predicted rest among the established; one in flight is waited for
//!   only until 1.05·(e^x + b̂), and only if its remaining time is expected to be less.
//! - **Hedge**: a handshake that is later than its deadline goes on, and another is started on an
//!   established spare, on another host if there is one; without a spare, another is dialled.
//!   Without deadlines p99 is 1.9 times the oracle's instead of 1.1.
//! - A definite failure starts the next at once.
//!
//! Times are `Duration`s since the race began; inside, f64 milliseconds.

use std::time::Duration;

use super::forecast::{Forecast, NOISE};
use super::health::Severity;

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

/// An answer is late by the queue only beyond what jitter explains.
const JITTER_ALLOWANCE: f64 = 1.08;

/// Priors are too vague to tell a slow network from a queue.
const KNOWN_VARIANCE: f64 = 0.35;

/// One in flight is waited for a little longer than it is expected to take.
const WAIT_ALLOWANCE: f64 = 1.05;

/// Timers and scheduling on a busy phone.
const SLACK_MS: f64 = 15.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting,
    Dialling,
    Established,
    Handshaking,
    Open,
    Over,
}

#[derive(Debug)]
struct Entrant {
    forecast: Forecast,
    state: State,
    dialled_ms: f64,
    syn_ms: Option<f64>,
    handshake_ms: Option<f64>,
    tls_ms: Option<f64>,
    rest_ms: Option<f64>,
    /// When the dial or the flight under way is late.
    deadline_ms: f64,
    failure: Option<Severity>,
}

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
        self.entrants.push(Entrant {
            forecast,
            state: State::Waiting,
            dialled_ms: 0.0,
            syn_ms: None,
            handshake_ms: None,
            tls_ms: None,
            rest_ms: None,
            deadline_ms: 0.0,
            failure: None,
        });
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
        if let Some(candidate) = self.to_handshake(now_ms, queue_ms, &mut wake_ms) {
            let deadline_ms = now_ms + self.flight_ms(candidate, queue_ms);
            let one = &mut self.entrants[candidate];
            one.state = State::Handshaking;
            one.handshake_ms = Some(now_ms);
            one.deadline_ms = deadline_ms;
            return Action::Handshake(candidate);
        }
        if let Some(candidate) = self.to_dial(now_ms, &mut wake_ms) {
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
    fn to_handshake(&self, now_ms: f64, queue_ms: f64, wake_ms: &mut f64) -> Option<usize> {
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
        let (_, rest_ms, candidate) = (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.state == State::Established)
            .map(|(candidate, one)| {
                let rest_ms = one.priced_rest_ms(queue_ms, self.gate);
                (busy(one.forecast.place.host), rest_ms, candidate)
            })
            .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
        let first = self.entrants.iter().all(|one| one.handshake_ms.is_none());
        if first && let Some(until_ms) = self.worth_waiting(now_ms, queue_ms, rest_ms) {
            *wake_ms = wake_ms.min(until_ms);
            return None;
        }
        Some(candidate)
    }

    /// Until when to wait for one in flight that is expected to be open before `rest_ms` from now.
    fn worth_waiting(&self, now_ms: f64, queue_ms: f64, rest_ms: f64) -> Option<f64> {
        self.entrants
            .iter()
            .filter(|one| one.state == State::Dialling)
            .filter_map(|one| {
                let expected_ms = one.forecast.syn_ms() + queue_ms;
                let until_ms = one.dialled_ms + WAIT_ALLOWANCE * expected_ms;
                let remaining_ms = (one.dialled_ms + expected_ms - now_ms).max(0.0)
                    + one.priced_rest_ms(queue_ms, self.gate);
                (now_ms < until_ms && remaining_ms < rest_ms).then_some(until_ms)
            })
            .min_by(f64::total_cmp)
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
    fn to_dial(&mut self, now_ms: f64, wake_ms: &mut f64) -> Option<usize> {
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
        let hopeful = |one: &&Entrant| match one.state {
            State::Established | State::Open => true,
            State::Dialling | State::Handshaking => one.deadline_ms > now_ms,
            State::Waiting | State::Over => false,
        };
        if self.entrants.iter().any(|one| hopeful(&one)) {
            // Handshakes wake in `to_handshake`.
            let dialling = |one: &&Entrant| one.state == State::Dialling && hopeful(one);
            let deadlines = self
                .entrants
                .iter()
                .filter(dialling)
                .map(|one| one.deadline_ms);
            *wake_ms = deadlines.fold(*wake_ms, f64::min);
            return None;
        }
        self.next_best()
    }

    /// What to dial at once if something opened on this network before, the best last.
    fn warm_plan(&self) -> Option<Vec<usize>> {
        let free = |one: &&(usize, &Forecast)| !one.1.barred;
        let all: Vec<(usize, &Forecast)> = (self.entrants.iter().enumerate())
            .map(|(candidate, one)| (candidate, &one.forecast))
            .collect();
        let (first, best) = *(all.iter().filter(free))
            .filter(|(_, one)| one.verified)
            .min_by(|a, b| a.1.cost_ms().total_cmp(&b.1.cost_ms()))?;
        let mut others: Vec<(f64, usize, &Forecast)> = (all.iter().filter(free))
            .filter(|(candidate, _)| *candidate != first)
            .map(|(candidate, one)| (one.worth_beside(best), *candidate, *one))
            .filter(|(worth, ..)| *worth > self.settings.worth)
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0));
        let extras = self.settings.dials.saturating_sub(1);
        let elsewhere = |(_, _, one): &(f64, usize, &Forecast)| one.place.host != best.place.host;
        // One on another host: otherwise a host's failure takes all of them.
        if let Some(index) = others.iter().position(elsewhere)
            && index >= extras
            && extras > 0
        {
            others.swap(extras - 1, index);
        }
        others.truncate(extras);
        let mut plan: Vec<usize> = others
            .into_iter()
            .map(|(_, candidate, _)| candidate)
            .collect();
        plan.reverse();
        plan.push(first);
        Some(plan)
    }

    /// Of a cold race: on a host that was not dialled yet if possible, then of another family than
    /// the last one, then the cheapest. Whether its host is new.
    fn cold_choice(&self) -> Option<(usize, bool)> {
        let dials_on = |host| {
            let there = |one: &&Entrant| one.forecast.place.host == host;
            let dialled = |one: &&Entrant| one.state != State::Waiting;
            self.entrants.iter().filter(there).filter(dialled).count()
        };
        let last = self.last.and_then(|last| self.entrants.get(last));
        let key = |one: &Entrant| {
            let place = one.forecast.place;
            let same_family = last.is_some_and(|last| last.forecast.place.v6 == place.v6);
            (one.forecast.barred, dials_on(place.host), same_family)
        };
        (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.state == State::Waiting)
            .min_by(|(_, a), (_, b)| {
                let costs = a.forecast.cost_ms().total_cmp(&b.forecast.cost_ms());
                key(a).cmp(&key(b)).then(costs)
            })
            .map(|(candidate, one)| (candidate, dials_on(one.forecast.place.host) == 0))
    }

    /// The one to dial when nothing under way is hopeful: barred ones last, hosts that are silent
    /// or failed after others, then the cheapest.
    fn next_best(&self) -> Option<usize> {
        let tried = |host| {
            let there = |one: &&Entrant| one.forecast.place.host == host;
            (self.entrants.iter().filter(there)).any(|one| one.state != State::Waiting)
        };
        let key = |one: &Entrant| (one.forecast.barred, tried(one.forecast.place.host));
        (self.entrants.iter().enumerate())
            .filter(|(_, one)| one.state == State::Waiting)
            .min_by(|(_, a), (_, b)| {
                let costs = a.forecast.cost_ms().total_cmp(&b.forecast.cost_ms());
                key(a).cmp(&key(b)).then(costs)
            })
            .map(|(candidate, _)| candidate)
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

impl Entrant {
    /// Its forecast, with the SYN's answer where there is one and it says something.
    fn updated(&self, queue_ms: f64, gate: Gate) -> Forecast {
        match self.syn_ms {
            Some(syn_ms) if gate.trusted => self.forecast.answered(syn_ms - queue_ms),
            _ => self.forecast,
        }
    }

    /// What TLS and upgrade are expected to cost from their start on.
    fn priced_rest_ms(&self, queue_ms: f64, gate: Gate) -> f64 {
        let rest_ms = self.updated(queue_ms, gate).rest_ms() + 2.0 * queue_ms;
        self.forecast.priced(rest_ms)
    }

    fn lesson(&self, candidate: usize, now_ms: f64, queue_ms: f64, won: bool) -> Lesson {
        let late = now_ms > self.deadline_ms;
        let failed = self.failure.is_some();
        let syn = match (self.syn_ms, failed) {
            (Some(syn_ms), _) => Some(Measured::Took((syn_ms - queue_ms).max(0.1))),
            (None, true) => None,
            (None, false) => Some(Measured::AtLeast(now_ms - self.dialled_ms - queue_ms)),
        };
        let rest = match (self.rest_ms, self.handshake_ms) {
            (Some(rest_ms), _) => Some(Measured::Took((rest_ms - 2.0 * queue_ms).max(0.1))),
            (None, Some(began_ms)) if !failed => {
                Some(Measured::AtLeast(now_ms - began_ms - 2.0 * queue_ms))
            }
            _ => None,
        };
        let overtaken = match self.state {
            State::Dialling | State::Over => late && won,
            State::Handshaking => late && won,
            _ => false,
        };
        // A verified one may only be slow; one that never opened here is rather a trap.
        let silent = match (overtaken, self.syn_ms.is_some() && !self.forecast.verified) {
            (false, _) => None,
            (true, false) => Some(Severity::Doubt),
            (true, true) => Some(Severity::Soft),
        };
        Lesson {
            candidate,
            syn,
            rest,
            tls_ms: self.tls_ms.map(|tls_ms| (tls_ms - queue_ms).max(0.1)),
            opened: self.state == State::Open,
            failure: self.failure.or(silent),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The next whole microsecond after it: a timer must not fire a rounding error too early.
fn from_ms(ms: f64) -> Duration {
    Duration::from_micros((ms.max(0.0) * 1_000.0) as u64 + 1)
}
