//! How many SYNs at once get through: some access networks drop those beyond a few.

use std::time::Duration;

use crate::observation::{Measured, Observation};
use crate::timestamp::Timestamp;

/// SYNs sent after so many others are told apart; those after more count as the last.
const PLACES: usize = 4;

/// What a race keeps of the counts that keep it from sending more: a few silences are doubted again some
/// races later, many ten.
const KEPT_BY_A_RACE: f64 = 0.95;
/// Time in which counts halve: what was measured then may be over.
const HALF_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// More are not remembered, so that a change is noticed.
const MOST: f64 = 8.0;

/// So many more of the SYNs sent after others stay silent than of the first ones, a share …
const EXCESS: f64 = 0.5;
/// … among at least so many.
const LEAST: f64 = 1.5;

/// How many SYNs were answered in time and how many not, by how many were sent just before.
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

    /// So many SYNs at once get through; [`usize::MAX`] where nobody drops any.
    pub(super) fn at_once(&self, now: Timestamp) -> usize {
        let kept = self.kept(now);
        let share = |place: usize| {
            let (answered, silent) = (self.answered[place], self.silent[place]);
            silent / (answered + silent).max(1.0)
        };
        let counts = |place: usize| kept * (self.answered[place] + self.silent[place]) >= LEAST;
        let is_silent = |place: usize| share(place) > share(0) + EXCESS;
        // Where later ones get through, an address was silent, and nobody drops any.
        let policed = (1..PLACES).find(|place| {
            counts(*place) && (*place..PLACES).all(|later| !counts(later) || is_silent(later))
        });
        policed.unwrap_or(usize::MAX)
    }
}
