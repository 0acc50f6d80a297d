//! A Kalman filter on the logarithm of a time.

use serde::{Deserialize, Serialize};

use super::TOLD_COUNTS;
use crate::forecast::NOISE;
use crate::observation::Measured;
use crate::timestamp::Timestamp;
use crate::unseen::Belief;

/// The limit to which the variance grows with time: even an old measurement says something.
const VARIANCE_CAP: f64 = 0.30;

/// Limits of a surprise in standard deviations: tighter upwards, so that one spike doesn't ruin a good
/// candidate.
const CLIP: (f64, f64) = (-2.5, 1.2);
/// Two surprises in a row beyond this many standard deviations, of the same sign, mean a change of
/// route …
const STEP_Z: f64 = 2.0;
/// … which adds this variance, so that the second one counts.
const STEP_VARIANCE: f64 = 0.15;

/// The least variance of a stored value …
const TOLD_VARIANCE: f64 = 0.01;
/// … which is dropped if the first measurement differs by more than this many standard deviations: more
/// upwards, since a spike doesn't prove it false.
const TOLD_Z: (f64, f64) = (-2.5, 4.0);

/// Shorter times are local answers, whose logarithm would diverge.
pub(super) const LEAST_MS: f64 = 0.1;

/// The circumstances of an observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    /// Anything not later than this is from a stored history.
    pub(super) read: Timestamp,
    /// R.
    pub(super) noise: f64,
    /// Whether forecasts of unmeasured candidates come from a prior.
    pub(super) foretold: bool,
}

/// A local level, and when it was last measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Filter {
    #[serde(flatten)]
    belief: Belief,
    at_ms: Timestamp,
    /// The sign of the last surprise, if it was large.
    surprise: i8,
    /// For how many connections it has counted as a stored value, in this run and earlier ones.
    #[serde(default, skip_serializing_if = "is_none")]
    told: u32,
}

fn is_none(told: &u32) -> bool {
    *told == 0
}

impl Filter {
    pub(super) fn new(unseen: Belief, at: Timestamp) -> Self {
        Filter {
            belief: unseen,
            at_ms: at,
            surprise: 0,
            told: 0,
        }
    }

    #[inline]
    pub(super) fn predict(&self, drift: f64, now: Timestamp) -> Belief {
        let hours = now.since(self.at_ms).as_secs_f64() / 3600.0;
        let grown = (self.belief.variance + drift * hours).min(VARIANCE_CAP);
        Belief {
            mean: self.belief.mean,
            variance: grown.max(self.belief.variance),
        }
    }

    /// Sets it to what the joint state says, unless it is from a stored history.
    pub(super) fn settle(&mut self, known: Belief, Moment { now, read, .. }: Moment) {
        if !self.is_told(read) {
            self.belief = known;
            self.at_ms = self.at_ms.max(now);
        }
    }

    /// Updates a filter with a time, in units of `unit_ms`. A filter that doesn't exist starts from
    /// `unseen`. A stored value that the measurement contradicts is replaced. Returns the variance
    /// added first because of a change of route.
    pub(super) fn observe(
        filter: &mut Option<Filter>,
        unseen: Belief,
        measured: Measured,
        unit_ms: f64,
        drift: f64,
        moment: Moment,
    ) -> f64 {
        let Moment {
            now,
            read,
            noise,
            foretold,
        } = moment;
        let (ms, censored) = match measured {
            Measured::Took(ms) => (ms, false),
            Measured::AtLeast(ms) => (ms, true),
        };
        let ln = (ms.max(LEAST_MS) / unit_ms.max(LEAST_MS)).ln();
        if censored && ln <= unseen.mean {
            return 0.0;
        }
        // A stored value, its own or of related candidates.
        let is_told = read > Timestamp::default() && filter.is_none_or(|one| one.is_told(read));
        if is_told || (foretold && filter.is_none() && !censored) {
            let told = filter.map_or(unseen, |one| one.predict(drift, now));
            let Belief { mean, variance } = told;
            let z = (ln - mean) / (variance + noise).sqrt();
            let measured = Belief {
                mean: ln,
                variance: NOISE,
            };
            // A prior is no measurement: a surprise that would be clipped shows that it is wrong.
            let (least, most) = if is_told { TOLD_Z } else { CLIP };
            match (least..=most).contains(&z) {
                true if censored => return 0.0,
                true => {}
                false => {
                    *filter = (!censored).then(|| Filter::new(measured, now));
                    return 0.0;
                }
            }
        }
        filter
            .get_or_insert(Filter::new(unseen, now))
            .update(ln, drift, now, noise)
    }

    /// Whether it is from a history that was read then.
    pub(super) fn is_told(&self, read: Timestamp) -> bool {
        self.at_ms <= read
    }

    /// This filter from a stored history, as far as it is believed; `None` if its numbers make no
    /// sense. `settled` corrects moments in the future.
    pub(super) fn told(self, settled: impl Fn(Timestamp) -> Timestamp) -> Option<Filter> {
        let Belief { mean, variance } = self.belief;
        let is_sound = mean.is_finite() && mean.abs() < 20.0 && variance >= 0.0;
        is_sound.then(|| Filter {
            belief: Belief {
                mean,
                variance: variance.clamp(TOLD_VARIANCE, VARIANCE_CAP),
            },
            at_ms: settled(self.at_ms),
            surprise: self.surprise.signum(),
            told: self.told,
        })
    }

    /// This filter after another connection; `None` once a stored value has counted for as many as it
    /// may.
    pub(super) fn outgrown(self, read: Timestamp) -> Option<Filter> {
        if !self.is_told(read) {
            return Some(self);
        }
        let told = self.told.saturating_add(1);
        (told < TOLD_COUNTS).then_some(Filter { told, ..self })
    }

    fn update(&mut self, ln: f64, drift: f64, now: Timestamp, noise: f64) -> f64 {
        let Belief { mean, mut variance } = self.predict(drift, now);
        let z = |variance: f64| (ln - mean) / (variance + noise).sqrt();
        let surprise = if z(variance).abs() > STEP_Z {
            z(variance).signum() as i8
        } else {
            0
        };
        let is_step = surprise != 0 && surprise == self.surprise;
        let raised = if is_step { STEP_VARIANCE } else { 0.0 };
        variance += raised;
        let clipped = z(variance).clamp(CLIP.0, CLIP.1) * (variance + noise).sqrt();
        let gain = variance / (variance + noise);
        *self = Filter {
            belief: Belief {
                mean: mean + gain * clipped,
                variance: variance * (1.0 - gain),
            },
            at_ms: self.at_ms.max(now),
            surprise,
            told: 0,
        };
        raised
    }
}
