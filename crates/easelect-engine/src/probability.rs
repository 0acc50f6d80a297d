//! Probabilities that races, preferences and rankings share.

/// Returns π, the probability that the next attempt fails after this many successes and failures:
///
/// ```text
/// π = (f + 0.08)/(s + f + 4)
/// ```
///
/// Without any attempt it is 2 %, after one failure alone 22 %.
#[must_use]
#[inline]
pub fn failure_probability(successes: f64, failures: f64) -> f64 {
    (failures + 0.08) / (successes + failures + 4.0)
}

/// Returns the standard normal distribution function, to 1e-7 (Abramowitz & Stegun 26.2.17).
#[must_use]
#[inline]
pub fn normal(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = series * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// Returns the standard normal density.
#[must_use]
#[inline]
pub fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}
