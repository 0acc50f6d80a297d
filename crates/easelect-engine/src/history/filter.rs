//! One Kalman filter on the logarithm of a time, and how it learns.

use serde::{Deserialize, Serialize};

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

/// A shorter time is a local answer; its logarithm would run away.
pub(super) const LEAST_MS: f64 = 0.1;

/// A local level, and when it was measured last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Filter {
    #[serde(flatten)]
    belief: Belief,
    at_ms: Timestamp,
    /// The last surprise's sign, if it was a big one.
    surprise: i8,
}

impl Filter {
    pub(super) fn new(unseen: Belief, at: Timestamp) -> Self {
        Filter {
            belief: unseen,
            at_ms: at,
            surprise: 0,
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

    /// Updates a filter with a time, in units of `unit_ms`; begins one from what is expected of the
    /// unseen.
    pub(super) fn observe(
        filter: &mut Option<Filter>,
        unseen: Belief,
        measured: Measured,
        unit_ms: f64,
        drift: f64,
        now: Timestamp,
    ) {
        let (ms, censored) = match measured {
            Measured::Took(ms) => (ms, false),
            Measured::AtLeast(ms) => (ms, true),
        };
        let ln = (ms.max(LEAST_MS) / unit_ms.max(LEAST_MS)).ln();
        if censored && ln <= unseen.mean {
            return;
        }
        filter
            .get_or_insert(Filter::new(unseen, now))
            .update(ln, drift, now);
    }

    /// Whether the numbers make sense, as they may not in a file.
    pub(super) fn is_sound(&self) -> bool {
        let Belief { mean, variance } = self.belief;
        mean.is_finite() && mean.abs() < 20.0 && (0.0..10.0).contains(&variance)
    }

    fn update(&mut self, ln: f64, drift: f64, now: Timestamp) {
        let Belief { mean, mut variance } = self.predict(drift, now);
        let z = |variance: f64| (ln - mean) / (variance + NOISE).sqrt();
        let surprise = if z(variance).abs() > STEP_Z {
            z(variance).signum() as i8
        } else {
            0
        };
        if surprise != 0 && surprise == self.surprise {
            variance += STEP_VARIANCE;
        }
        let clipped = z(variance).clamp(CLIP.0, CLIP.1) * (variance + NOISE).sqrt();
        let gain = variance / (variance + NOISE);
        *self = Filter {
            belief: Belief {
                mean: mean + gain * clipped,
                variance: variance * (1.0 - gain),
            },
            at_ms: self.at_ms.max(now),
            surprise,
        };
    }
}
