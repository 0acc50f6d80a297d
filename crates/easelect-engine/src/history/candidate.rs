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

/// Q of x, variance per hour, from a heartbeat on until the next race, which knows better: what routes and
/// the time of day change.
const SYN_DRIFT: f64 = 0.007;
/// Q of ρ, variance per hour. A smaller one lets the preference change more often.
const REST_DRIFT: f64 = 0.004;

/// A candidate with what was learned of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    #[serde(flatten)]
    key: Key,
    #[serde(skip)]
    place: Place,
    syn: Option<Filter>,
    rest: Option<Filter>,
    health: Health,
    /// When DNS last gave its address.
    listed_ms: Timestamp,
    /// When DNS last gave others instead.
    #[serde(default)]
    unlisted_ms: Timestamp,
    /// When its SYN was last answered.
    seen_ms: Option<Timestamp>,
    /// When it last opened; only then it is verified.
    opened_ms: Option<Timestamp>,
    /// A file told of it or of others, and nothing was observed of it since.
    #[serde(skip)]
    unchecked: bool,
    /// Something was learned of x that its relatives don't know yet.
    #[serde(skip)]
    news: bool,
}

impl Candidate {
    /// One that DNS gives now for the first time.
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

    /// The same, to be asked in the background.
    pub(super) fn unchecked(self) -> Self {
        let unchecked = true;
        Candidate { unchecked, ..self }
    }

    /// This one, from a file, among its relatives.
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

    /// DNS still gives it.
    pub(super) fn list(&mut self, now: Timestamp) {
        self.listed_ms = now;
        self.unlisted_ms = Timestamp::default();
    }

    /// DNS gives others instead.
    pub(super) fn unlist(&mut self, now: Timestamp) {
        self.unlisted_ms = now;
    }

    /// When DNS last gave its address, unless it gave others since.
    pub(super) fn listed(&self) -> Option<Timestamp> {
        (self.listed_ms > self.unlisted_ms).then_some(self.listed_ms)
    }

    /// Whether DNS gives others instead.
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

    /// Whether all that is known of it is what a file told.
    pub(super) fn is_unchecked(&self) -> bool {
        self.unchecked
    }

    /// When it was last heard of: given by DNS, answering, or opened.
    pub(super) fn heard(&self) -> Timestamp {
        let answered = self.seen_ms.max(self.opened_ms).unwrap_or_default();
        self.listed_ms.max(answered)
    }

    /// When anything was last learned of it, its failures included.
    pub(super) fn learned(&self) -> Timestamp {
        let asked = self.listed_ms.max(self.unlisted_ms);
        self.heard().max(self.health.counted()).max(asked)
    }

    /// x, if it was seen.
    #[inline]
    pub(super) fn syn(&self, now: Timestamp) -> Option<Belief> {
        Some(self.syn?.predict(SYN_DRIFT, now))
    }

    /// Whether only a file tells of x.
    pub(super) fn is_told(&self, read: Timestamp) -> bool {
        self.syn.is_some_and(|one| one.is_told(read))
    }

    /// Whether only a file tells of ρ.
    pub(super) fn is_rest_told(&self, read: Timestamp) -> bool {
        self.rest.is_some_and(|one| one.is_told(read))
    }

    /// Whether something was learned of x that its relatives don't know yet.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// x is this, as its relatives say, too.
    pub(super) fn settle_syn(&mut self, known: Belief, moment: Moment) {
        self.news = false;
        if let Some(syn) = &mut self.syn {
            syn.settle(known, moment);
        }
    }

    /// ρ, if it was seen.
    #[inline]
    pub(super) fn rest(&self, now: Timestamp) -> Option<Belief> {
        Some(self.rest?.predict(REST_DRIFT, now))
    }

    /// The forecast, from x and ρ: its own, or its relatives' where it has none.
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

    /// Takes an observation in. `x` and `ρ` are the forecasts before it; returns whether the breaker
    /// opened or closed, and by how much the variance of x was raised first. `jitter` is uniform,
    /// 0 ≤ u < 1.
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
            // Of it, 1 in 1 + e^ρ is the SYN's.
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

    /// How long its breaker stays open, if it is.
    pub(super) fn breaker_open_for(&self, now: Timestamp) -> Option<Duration> {
        self.health.breaker_open_for(now)
    }

    /// Its address failed somebody else.
    pub(super) fn fail(
        &mut self,
        severity: Severity,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Transition> {
        self.health.failed(severity, now, jitter)
    }

    /// As far as a file that is read `now` is believed, `settled` being when something happened that it
    /// says happened then.
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

    /// Another connection opened since a file was read: what it told counts for a few, over all runs.
    pub(super) fn outgrow(&mut self, read: Timestamp) {
        self.syn = self.syn.and_then(|one| one.outgrown(read));
        self.rest = self.rest.and_then(|one| one.outgrown(read));
    }

    /// Forgets what is from a file that was read then.
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
