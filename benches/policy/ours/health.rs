//! How often a candidate fails, and how long it is left alone after it did. Pure: time comes in.
//!
//! ```text
//! π        = (f + 0.08)/(s + f + 4)      s successes, f failures, both halved every hour
//! breaker  = min(24 h, base·2^(k−1))·U(0.5, 1)      k failures in a row
//! base     = 10 min (time-out, refusal), 1 h (wrong certificate, reset inside TLS)
//! ```

use std::time::Duration;

/// Outages last some 20 minutes (median): after an hour, half of what was known says nothing.
const HALF_LIFE: Duration = Duration::from_secs(3600);

/// Of four connections before the first, 2 % failed: about what a healthy address loses.
const PRIOR_FAILURES: f64 = 0.08;
const PRIOR_WEIGHT: f64 = 4.0;

/// Half an outage's median length.
const SOFT_BASE: Duration = Duration::from_secs(600);

/// A wrong certificate or a middlebox's reset does not go away by itself soon.
const HARD_BASE: Duration = Duration::from_secs(3600);

/// A blocked address is tried again once a day.
const CAP: Duration = Duration::from_secs(24 * 3600);

/// How much a failure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// It was silent for longer than expected, and was not waited for: it may only be slow.
    /// The second one in a row counts as soft.
    Doubt,
    /// It refused, or was silent where others answered.
    Soft,
    /// It answered, but not as itself: a wrong certificate, a reset inside TLS.
    Hard,
}

/// Successes, failures and the breaker of one candidate on one network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Health {
    successes: f64,
    failures: f64,
    /// When both were up to date.
    at: Duration,
    in_a_row: u32,
    barred_until: Option<Duration>,
}

impl Health {
    /// It opened; the breaker closes.
    pub(crate) fn succeeded(&mut self, now: Duration) {
        self.decay(now);
        self.successes += 1.0;
        self.in_a_row = 0;
        self.barred_until = None;
    }

    /// It failed. `jitter` is a uniform number, 0 ≤ u < 1: clients must not come back together.
    pub(crate) fn failed(&mut self, severity: Severity, now: Duration, jitter: f64) {
        self.decay(now);
        self.failures += 1.0;
        self.in_a_row = self.in_a_row.saturating_add(1);
        let base = match severity {
            Severity::Doubt if self.in_a_row < 2 => return,
            Severity::Doubt | Severity::Soft => SOFT_BASE,
            Severity::Hard => HARD_BASE,
        };
        let doubled = base
            .saturating_mul(1 << (self.in_a_row - 1).min(16))
            .min(CAP);
        let until = now + doubled.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        self.barred_until = Some(self.barred_until.map_or(until, |before| before.max(until)));
    }

    /// π: the chance that the next connection to it fails.
    pub(crate) fn failure_chance(&self, now: Duration) -> f64 {
        let kept = self.kept(now);
        let (successes, failures) = (kept * self.successes, kept * self.failures);
        (failures + PRIOR_FAILURES) / (successes + failures + PRIOR_WEIGHT)
    }

    /// Whether its breaker is open: it is then tried last.
    pub(crate) fn is_barred(&self, now: Duration) -> bool {
        self.barred_until.is_some_and(|until| now < until)
    }

    fn decay(&mut self, now: Duration) {
        let kept = self.kept(now);
        self.successes *= kept;
        self.failures *= kept;
        self.at = self.at.max(now);
    }

    fn kept(&self, now: Duration) -> f64 {
        let half_lives = now.saturating_sub(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        0.5_f64.powf(half_lives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn failures_fade_by_half_an_hour_s_end() {
        let mut health = Health::default();
        assert!((health.failure_chance(HOUR) - 0.02).abs() < 1e-12);
        health.failed(Severity::Soft, HOUR, 0.0);
        assert!((health.failure_chance(HOUR) - 1.08 / 5.0).abs() < 1e-12);
        assert!((health.failure_chance(2 * HOUR) - 0.58 / 4.5).abs() < 1e-12);
        health.succeeded(2 * HOUR);
        assert!((health.failure_chance(2 * HOUR) - 0.58 / 5.5).abs() < 1e-12);
    }

    #[test]
    fn the_breaker_doubles_up_to_a_day_and_closes_on_success() {
        let mut health = Health::default();
        let mut now = HOUR;
        health.failed(Severity::Soft, now, 0.0);
        assert!(health.is_barred(now + 4 * MINUTE));
        assert!(!health.is_barred(now + 5 * MINUTE));
        health.failed(Severity::Soft, now, 1.0);
        assert!(health.is_barred(now + 19 * MINUTE));
        assert!(!health.is_barred(now + 20 * MINUTE));
        for _ in 0..40 {
            health.failed(Severity::Hard, now, 1.0);
        }
        assert!(health.is_barred(now + 24 * HOUR - MINUTE));
        assert!(!health.is_barred(now + 24 * HOUR));
        now += HOUR;
        health.succeeded(now);
        assert!(!health.is_barred(now));
    }

    #[test]
    fn one_doubt_bars_nothing_two_do() {
        let mut health = Health::default();
        health.failed(Severity::Doubt, HOUR, 1.0);
        assert!(!health.is_barred(HOUR));
        assert!(health.failure_chance(HOUR) > 0.2);
        health.failed(Severity::Doubt, HOUR, 1.0);
        assert!(health.is_barred(HOUR));
    }

    #[test]
    fn time_running_backwards_changes_nothing() {
        let mut health = Health::default();
        health.failed(Severity::Soft, HOUR, 0.5);
        let before = health.failure_chance(HOUR);
        assert_eq!(health.failure_chance(Duration::ZERO), before);
    }
}
