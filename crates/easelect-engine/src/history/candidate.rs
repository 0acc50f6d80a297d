//! What is remembered of one candidate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Key;
use super::filter::Filter;
use crate::forecast::Forecast;
use crate::health::{Health, Severity, Transition};
use crate::observation::{Measured, Observation};
use crate::timestamp::Timestamp;
use crate::unseen::{Belief, Place};

/// Q of x, variance per hour: what routes and the time of day change. A larger one dials more, a
/// smaller one opens more slowly.
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
    /// When its SYN was last answered.
    seen_ms: Option<Timestamp>,
    /// When it last opened; only then it is verified.
    opened_ms: Option<Timestamp>,
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
            seen_ms: None,
            opened_ms: None,
        }
    }

    /// This one among other relatives.
    pub(super) fn at(self, place: Place) -> Self {
        Candidate { place, ..self }
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
    }

    /// When its SYN was last answered.
    pub(super) fn answered(&self) -> Option<Timestamp> {
        self.seen_ms
    }

    /// When it last opened.
    pub(super) fn opened(&self) -> Option<Timestamp> {
        self.opened_ms
    }

    /// When it was last heard of: given by DNS, answering, or opened.
    pub(super) fn heard(&self) -> Timestamp {
        let answered = self.seen_ms.max(self.opened_ms).unwrap_or_default();
        self.listed_ms.max(answered)
    }

    /// When anything was last learned of it, its failures included.
    pub(super) fn learned(&self) -> Timestamp {
        self.heard().max(self.health.counted())
    }

    /// x, if it was seen.
    #[inline]
    pub(super) fn syn(&self, now: Timestamp) -> Option<Belief> {
        Some(self.syn?.predict(SYN_DRIFT, now))
    }

    /// ρ, if it was seen.
    #[inline]
    pub(super) fn rest(&self, now: Timestamp) -> Option<Belief> {
        Some(self.rest?.predict(REST_DRIFT, now))
    }

    /// The forecast, from x and ρ: its own, or its relatives' where it has none.
    #[inline]
    pub(super) fn forecast(&self, syn: Belief, rest: Belief, now: Timestamp) -> Forecast {
        Forecast {
            place: self.place,
            syn,
            rest,
            failure_chance: self.health.failure_chance(now),
            verified: self.opened_ms.is_some(),
            last_winner: false,
            breaker_open: self.health.is_breaker_open(now),
        }
    }

    /// Takes an observation in. `x` and `ρ` are the forecasts before it; returns whether the breaker
    /// opened or closed.
    /// `jitter` is uniform, 0 ≤ u < 1.
    #[inline]
    pub(super) fn learn(
        &mut self,
        observation: &Observation,
        (syn, rest): (Belief, Belief),
        now: Timestamp,
        jitter: f64,
    ) -> Option<Transition> {
        if let Some(measured) = observation.syn {
            Filter::observe(&mut self.syn, syn, measured, 1.0, SYN_DRIFT, now);
        }
        if let Some(Measured::Took(syn_ms)) = observation.syn {
            self.seen_ms = Some(now);
            if let Some(measured) = observation.rest {
                Filter::observe(&mut self.rest, rest, measured, syn_ms, REST_DRIFT, now);
            }
        }
        if let Some(whole) = observation.whole {
            // Of it, 1 in 1 + e^ρ is the SYN's.
            let round_trips = 1.0 + rest.mean.exp();
            Filter::observe(&mut self.syn, syn, whole, round_trips, SYN_DRIFT, now);
        }
        if observation.opened {
            self.opened_ms = Some(now);
        }
        match observation.failure {
            Some(severity) => self.health.failed(severity, now, jitter),
            None if observation.opened => self.health.succeeded(now),
            None => None,
        }
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

    /// Whether the numbers make sense, as they may not in a file.
    pub(super) fn is_sound(&self) -> bool {
        let filters = [&self.syn, &self.rest];
        let sound = |one: &&Option<Filter>| one.as_ref().is_none_or(Filter::is_sound);
        filters.iter().all(sound) && self.health.is_sound()
    }
}
