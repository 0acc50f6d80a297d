//! Random numbers that depend only on their purpose.
//!
//! Every number is drawn from a generator that is seeded by world, client, connection, candidate and
//! attempt. So all policies meet the same world, whatever they do.

use std::f64::consts::TAU;

/// Returns the seed of a purpose.
pub(crate) fn seed(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        mix(state.rotate_left(23) ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93))
    })
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of the input.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The distributions of the world.
#[derive(Debug)]
pub(crate) struct Random(fastrand::Rng);

impl Random {
    pub(crate) fn new(parts: &[u64]) -> Self {
        Random(fastrand::Rng::with_seed(seed(parts)))
    }

    /// Draws from 0 ≤ u < 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0.f64()
    }

    pub(crate) fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.uniform()
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.usize(..n)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Draws a standard normal number, by the Box–Muller transform.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }

    pub(crate) fn lognormal(&mut self, median: f64, log_sd: f64) -> f64 {
        median * (log_sd * self.normal()).exp()
    }

    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }

    pub(crate) fn pareto(&mut self, least: f64, shape: f64) -> f64 {
        least * (1.0 - self.uniform()).powf(-1.0 / shape)
    }
}
