//! What is remembered of one candidate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Key;
use super::filter::{Filter, Moment};
use crate::forecast::Forecast;
use crate::health::{Health, Severity, Transition};
use crate::observation::{Measured, Observation};
use crate::timestamp::Timestamp;
use crate::unseen::{Belief, Place};

/// Q of x, variance per hour, between a heartbeat and the next race: the change of routes and time of
/// day.
const SYN_DRIFT: f64 = 0.007;
/// Q of ρ, variance per hour. A smaller value makes the preference change more often.
const REST_DRIFT: f64 = 0.004;

/// A candidate with what was learned about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    #[serde(flatten)]
    key: Key,
    #[serde(skip)]
    place: Place,
    syn: Option<Filter>,
    rest: Option<Filter>,
    health: Health,
    /// When DNS last returned its address.
    listed_ms: Timestamp,
    /// When DNS last returned others instead.
    #[serde(default)]
    unlisted_ms: Timestamp,
    /// When its SYN was last answered.
    seen_ms: Option<Timestamp>,
    /// When it last opened. It is verified only if it did.
    opened_ms: Option<Timestamp>,
    /// A history was read, and the candidate was not observed since.
    #[serde(skip)]
    unchecked: bool,
    /// x was updated, and related candidates were not yet.
    #[serde(skip)]
    news: bool,
}

impl Candidate {
    /// A candidate that DNS returns now for the first time.
    pub(super) fn new(key: Key, place: Place, now: Timestamp) -> Self {
        Candidate {
            key,
            place,
            syn: None,
            rest: None,
            health: Health::default(),
            listed_ms: now,
            unlisted_ms: Timestamp::default(),
            seen_ms: None,
            opened_ms: None,
            unchecked: false,
            news: false,
        }
    }

    /// The same, to be probed in the background.
    pub(super) fn unchecked(self) -> Self {
        let unchecked = true;
        Candidate { unchecked, ..self }
    }

    /// This candidate from a stored history, at its place among the others.
    pub(super) fn restored(self, place: Place) -> Self {
        let unchecked = true;
        Candidate {
            place,
            unchecked,
            ..self
        }
    }

    #[inline]
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    #[inline]
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Notes that DNS still returns it.
    pub(super) fn list(&mut self, now: Timestamp) {
        self.listed_ms = now;
        self.unlisted_ms = Timestamp::default();
    }

    /// Notes that DNS returns others instead.
    pub(super) fn unlist(&mut self, now: Timestamp) {
        self.unlisted_ms = now;
    }

    /// When DNS last returned its address, unless it has returned others since.
    pub(super) fn listed(&self) -> Option<Timestamp> {
        (self.listed_ms > self.unlisted_ms).then_some(self.listed_ms)
    }

    /// Whether DNS returns others instead.
    pub(super) fn is_unlisted(&self) -> bool {
        self.unlisted_ms > Timestamp::default() && self.listed().is_none()
    }

    /// When its SYN was last answered.
    pub(super) fn answered(&self) -> Option<Timestamp> {
        self.seen_ms
    }

    /// When it last opened.
    pub(super) fn opened(&self) -> Option<Timestamp> {
        self.opened_ms
    }

    /// Whether it was not observed since a history was read.
    pub(super) fn is_unchecked(&self) -> bool {
        self.unchecked
    }

    /// When it was last returned by DNS, answered, or opened.
    pub(super) fn heard(&self) -> Timestamp {
        let answered = self.seen_ms.max(self.opened_ms).unwrap_or_default();
        self.listed_ms.max(answered)
    }

    /// When anything was last learned about it, including failures.
    pub(super) fn learned(&self) -> Timestamp {
        let asked = self.listed_ms.max(self.unlisted_ms);
        self.heard().max(self.health.counted()).max(asked)
    }

    /// x, if it was measured.
    #[inline]
    pub(super) fn syn(&self, now: Timestamp) -> Option<Belief> {
        Some(self.syn?.predict(SYN_DRIFT, now))
    }

    /// Whether x is only from a stored history.
    pub(super) fn is_told(&self, read: Timestamp) -> bool {
        self.syn.is_some_and(|one| one.is_told(read))
    }

    /// Whether ρ is only from a stored history.
    pub(super) fn is_rest_told(&self, read: Timestamp) -> bool {
        self.rest.is_some_and(|one| one.is_told(read))
    }

    /// Whether x was updated and related candidates were not yet.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// Sets x to what the joint state says.
    pub(super) fn settle_syn(&mut self, known: Belief, moment: Moment) {
        self.news = false;
        if let Some(syn) = &mut self.syn {
            syn.settle(known, moment);
        }
    }

    /// ρ, if it was measured.
    #[inline]
    pub(super) fn rest(&self, now: Timestamp) -> Option<Belief> {
        Some(self.rest?.predict(REST_DRIFT, now))
    }

    /// The forecast, given x and ρ: its own, or those of related candidates.
    #[inline]
    pub(super) fn forecast(&self, syn: Belief, rest: Belief, moment: Moment) -> Forecast {
        let Moment {
            now,
            read,
            noise,
            foretold,
        } = moment;
        let is_told = self.syn.is_none_or(|one| one.is_told(read));
        Forecast {
            hearsay: (read > Timestamp::default() && is_told) || (foretold && self.syn.is_none()),
            foretold,
            place: self.place,
            syn,
            rest,
            failure_chance: self.health.failure_chance(now),
            verified: self.opened_ms.is_some(),
            last_winner: false,
            breaker_open: self.health.is_breaker_open(now),
            noise,
        }
    }

    /// Learns from an observation. `syn` and `rest` are x and ρ before it. Returns the change of the
    /// breaker, and the variance added to x before the update. `jitter` is uniform, 0 ≤ u < 1.
    #[inline]
    pub(super) fn learn(
        &mut self,
        observation: &Observation,
        (syn, rest): (Belief, Belief),
        moment: Moment,
        jitter: f64,
    ) -> (Option<Transition>, f64) {
        let now = moment.now;
        let mut raised = 0.0;
        self.unchecked = false;
        self.news = true;
        if let Some(measured) = observation.syn {
            raised += Filter::observe(&mut self.syn, syn, measured, 1.0, SYN_DRIFT, moment);
        }
        if let Some(Measured::Took(syn_ms)) = observation.syn {
            self.seen_ms = Some(now);
            if let Some(measured) = observation.rest {
                Filter::observe(&mut self.rest, rest, measured, syn_ms, REST_DRIFT, moment);
            }
        }
        if let Some(whole) = observation.whole {
            // The SYN's share is 1/(1 + e^ρ).
            let round_trips = 1.0 + rest.mean.exp();
            raised += Filter::observe(&mut self.syn, syn, whole, round_trips, SYN_DRIFT, moment);
        }
        if observation.opened {
            self.opened_ms = Some(now);
        }
        let transition = match observation.failure {
            Some(severity) => self.health.failed(severity, now, jitter),
            None if observation.opened => self.health.succeeded(now),
            None => None,
        };
        (transition, raised)
    }

    /// How long its breaker stays open; `None` if it is closed.
    pub(super) fn breaker_open_for(&self, now: Timestamp) -> Option<Duration> {
        self.health.breaker_open_for(now)
    }

    /// Its address failed for another candidate.
    pub(super) fn fail(
        &mut self,
        severity: Severity,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Transition> {
        self.health.failed(severity, now, jitter)
    }

    /// This candidate from a stored history that is read `now`, as far as it is believed. `settled`
    /// corrects moments in the future.
    pub(super) fn told(self, now: Timestamp, settled: impl Fn(Timestamp) -> Timestamp) -> Self {
        let filter = |one: Option<Filter>| one?.told(&settled);
        Candidate {
            syn: filter(self.syn),
            rest: filter(self.rest),
            health: self.health.told(now, &settled),
            listed_ms: settled(self.listed_ms),
            unlisted_ms: settled(self.unlisted_ms),
            seen_ms: self.seen_ms.map(&settled),
            opened_ms: self.opened_ms.map(&settled),
            ..self
        }
    }

    /// Counts another connection since the history was read: stored values count for a few, over all
    /// runs.
    pub(super) fn outgrow(&mut self, read: Timestamp) {
        self.syn = self.syn.and_then(|one| one.outgrown(read));
        self.rest = self.rest.and_then(|one| one.outgrown(read));
    }

    /// Forgets what is from a history that was read then.
    pub(super) fn forget_told(&mut self, read: Timestamp, now: Timestamp) -> Option<Transition> {
        let own = |one: &Option<Timestamp>| one.filter(|at| *at > read);
        (self.seen_ms, self.opened_ms) = (own(&self.seen_ms), own(&self.opened_ms));
        let own = |one: &Option<Filter>| one.filter(|one| !one.is_told(read));
        (self.syn, self.rest) = (own(&self.syn), own(&self.rest));
        if self.health.counted() > read {
            return None;
        }
        let was_open = std::mem::take(&mut self.health).is_breaker_open(now);
        was_open.then_some(Transition::Closed)
    }
}
