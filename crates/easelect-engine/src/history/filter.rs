//! One Kalman filter on the logarithm of a time, and how it learns.

use serde::{Deserialize, Serialize};

use super::TOLD_COUNTS;
use crate::forecast::NOISE;
use crate::observation::Measured;
use crate::timestamp::Timestamp;
use crate::unseen::Belief;

/// The variance of a logarithm grows up to this: however long ago it was, a measurement says something.
const VARIANCE_CAP: f64 = 0.30;

/// Surprises are clipped to these, in standard deviations: upwards harder, since one spike must not
/// ruin a good candidate.
const CLIP: (f64, f64) = (-2.5, 1.2);
/// Two surprises in a row beyond so many standard deviations, of one sign, are a step of the route …
const STEP_Z: f64 = 2.0;
/// … and add this to the variance, so that the second one counts.
const STEP_VARIANCE: f64 = 0.15;

/// What a file says of a mean is believed no more than so, a variance, …
const TOLD_VARIANCE: f64 = 0.01;
/// … and not at all where the first measurement is beyond so many standard deviations: upwards more,
/// since a spike is no lie.
const TOLD_Z: (f64, f64) = (-2.5, 4.0);

/// A shorter time is a local answer; its logarithm would run away.
pub(super) const LEAST_MS: f64 = 0.1;

/// When something is learned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    /// What is no later than this is from a file.
    pub(super) read: Timestamp,
    /// R.
    pub(super) noise: f64,
    /// What is expected of the unmeasured is a prior's.
    pub(super) foretold: bool,
}

/// A local level, and when it was measured last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Filter {
    #[serde(flatten)]
    belief: Belief,
    at_ms: Timestamp,
    /// The last surprise's sign, if it was a big one.
    surprise: i8,
    /// For how many connections it counted because a file told it, in this run and earlier ones.
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

    /// What is known of it together with its relatives, unless all of it is from a file.
    pub(super) fn settle(&mut self, known: Belief, Moment { now, read, .. }: Moment) {
        if !self.is_told(read) {
            self.belief = known;
            self.at_ms = self.at_ms.max(now);
        }
    }

    /// Updates a filter with a time, in units of `unit_ms`; begins one from what is expected of the
    /// unseen, and anew where a file told something else than what is measured. By how much its variance
    /// was raised first, because the route is another one.
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
        // What a file told of it, or of its relatives.
        let is_told = read > Timestamp::default() && filter.is_none_or(|one| one.is_told(read));
        if is_told || (foretold && filter.is_none() && !censored) {
            let told = filter.map_or(unseen, |one| one.predict(drift, now));
            let Belief { mean, variance } = told;
            let z = (ln - mean) / (variance + noise).sqrt();
            let measured = Belief {
                mean: ln,
                variance: NOISE,
            };
            // A prior is nobody's measurement: what would be clipped against it shows that it is wrong.
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

    /// Whether all of it is from a file that was read then.
    pub(super) fn is_told(&self, read: Timestamp) -> bool {
        self.at_ms <= read
    }

    /// As far as a file is believed, `settled` being when something happened that it says happened then;
    /// nothing, if its numbers make no sense.
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

    /// This one after another connection; nothing once it was told for as many as that counts.
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
