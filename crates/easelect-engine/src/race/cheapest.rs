//! What it is worth to dial one more: by how much it is expected to lower the least cost of those
//! chosen, as a logarithm.
//!
//! A SYN's answer tells how the path is at this moment, so that of several that are dialled the one
//! which is cheapest now can be used. The minimum of two Gaussians has the moments that Clark gives (The
//! Greatest of a Finite Set of Random Variables, Operations Research 9, 1961), and is taken for a
//! Gaussian again. Against 128 draws from the joint distribution that chooses as well, in a hundredth of the
//! time.

use crate::forecast::Forecast;
use crate::id::AttemptId;
use crate::probability::{density, normal};

/// Of a flight's noise R̂, what remains in the cost of all three flights.
const OF_NOISE: f64 = 0.48;

/// ln of the cost of the cheapest of those chosen.
#[derive(Debug)]
pub(super) struct Cheapest {
    mean: f64,
    variance: f64,
    /// Its covariance with each attempt's.
    shared: Vec<f64>,
}

fn variance(one: &Forecast) -> f64 {
    one.syn.variance + OF_NOISE * one.noise
}

impl Cheapest {
    /// Of one alone, which varies with each attempt like this.
    pub(super) fn of(one: &Forecast, shared: Vec<f64>) -> Self {
        Cheapest {
            mean: one.cost_ms().ln(),
            variance: variance(one),
            shared,
        }
    }

    /// By how much one more is expected to lower it.
    pub(super) fn worth(&self, attempt: AttemptId, one: &Forecast) -> f64 {
        let (deviation, ahead) = self.against(attempt, one);
        deviation * (density(ahead) + ahead * normal(ahead))
    }

    /// The standard deviation of the difference, and by how many of them this one is expected to be
    /// cheaper.
    fn against(&self, attempt: AttemptId, one: &Forecast) -> (f64, f64) {
        let shared = self.shared[attempt.index()];
        let deviation = (self.variance + variance(one) - 2.0 * shared)
            .max(1e-9)
            .sqrt();
        (deviation, (self.mean - one.cost_ms().ln()) / deviation)
    }

    /// One more is chosen, which varies with each attempt like this.
    pub(super) fn join(&mut self, attempt: AttemptId, one: &Forecast, with: impl Fn(usize) -> f64) {
        let (deviation, ahead) = self.against(attempt, one);
        let (own, chance) = (one.cost_ms().ln(), normal(ahead));
        let square = |mean: f64, variance: f64| mean * mean + variance;
        let squares = square(self.mean, self.variance) * (1.0 - chance)
            + square(own, variance(one)) * chance
            - (self.mean + own) * deviation * density(ahead);
        self.mean -= self.worth(attempt, one);
        self.variance = (squares - self.mean * self.mean).max(1e-6);
        for (place, shared) in self.shared.iter_mut().enumerate() {
            *shared += chance * (with(place) - *shared);
        }
    }
}
