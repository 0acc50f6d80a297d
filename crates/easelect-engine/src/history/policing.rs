//! How many SYNs at once get through: some access networks drop those beyond a few.

use std::time::Duration;

use crate::observation::{Measured, Observation};
use crate::timestamp::Timestamp;

/// SYNs are distinguished by how many were sent just before, up to this; more count as the last.
const PLACES: usize = 4;

/// The share of the counts that a race keeps while they limit its SYNs. After a few silences the limit
/// is tested again some races later, after many ten races later.
const KEPT_BY_A_RACE: f64 = 0.95;
/// The half-life of the counts, since the limit may have ended.
const HALF_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most SYNs remembered, so that a change is noticed.
const MOST: f64 = 8.0;

/// How much higher the share of silent SYNs must be than among first ones …
const EXCESS: f64 = 0.5;
/// … among at least this many.
const LEAST: f64 = 1.5;

/// Counts of answered and silent SYNs, by how many were sent just before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Policing {
    answered: [f64; PLACES],
    silent: [f64; PLACES],
    at: Timestamp,
}

impl Policing {
    pub(super) fn learn(&mut self, observation: &Observation, now: Timestamp) {
        let Some(place) = observation.syns_before else {
            return;
        };
        let (kept, at_once) = (self.kept(now), self.at_once(now));
        for (index, counts) in self.answered.iter_mut().zip(&mut self.silent).enumerate() {
            let doubted = place == 0 && index >= at_once;
            let kept = if doubted { kept * KEPT_BY_A_RACE } else { kept };
            *counts.0 *= kept;
            *counts.1 *= kept;
        }
        self.at = self.at.max(now);
        let place = place.min(PLACES - 1);
        let counts = match observation.syn {
            Some(Measured::Took(_)) => &mut self.answered,
            _ => &mut self.silent,
        };
        counts[place] += 1.0;
        let most = MOST / (self.answered[place] + self.silent[place]).max(MOST);
        self.answered[place] *= most;
        self.silent[place] *= most;
    }

    fn kept(&self, now: Timestamp) -> f64 {
        0.5_f64.powf(now.since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64())
    }

    /// How many SYNs at once get through; [`usize::MAX`] if none are dropped.
    pub(super) fn at_once(&self, now: Timestamp) -> usize {
        let kept = self.kept(now);
        let share = |place: usize| {
            let (answered, silent) = (self.answered[place], self.silent[place]);
            silent / (answered + silent).max(1.0)
        };
        let counts = |place: usize| kept * (self.answered[place] + self.silent[place]) >= LEAST;
        let is_silent = |place: usize| share(place) > share(0) + EXCESS;
        // If later ones get through, only an address was silent.
        let policed = (1..PLACES).find(|place| {
            counts(*place) && (*place..PLACES).all(|later| !counts(later) || is_silent(later))
        });
        policed.unwrap_or(usize::MAX)
    }
}
