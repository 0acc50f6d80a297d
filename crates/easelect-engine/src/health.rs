//! How often a candidate fails, and how long its circuit breaker keeps it last after that. Pure: time
//! and randomness come in.
//!
//! ```text
//! π        = (f + 0.08)/(s + f + 4)      s successes, f failures, both halved every hour
//! breaker  = min(24 h, base·2^(k−1))·U(0.5, 1)      k failures in a row
//! base     = 10 min (timeout, refusal), 1 h (wrong certificate, reset inside TLS)
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::probability::failure_probability;
use crate::timestamp::Timestamp;

/// The half-life of counts. Outages last about 20 minutes (median), so after an hour half of what was
/// known says nothing.
const HALF_LIFE: Duration = Duration::from_secs(3600);

/// The longest first break after a timeout or refusal: half of the median outage.
const SOFT_BASE: Duration = Duration::from_secs(600);

/// The longest first break after a wrong certificate or a reset inside TLS, which last longer.
const HARD_BASE: Duration = Duration::from_secs(3600);

/// The longest break: a blocked address is tried again at least once a day.
const CAP: Duration = Duration::from_secs(24 * 3600);

/// After this long without a failure, the next one starts a new streak.
const FORGIVEN: Duration = Duration::from_secs(6 * 3600);

/// Successes and failures from a stored history count as at most this many of each …
const TOLD_COUNT: f64 = 4.0;
/// … and as at most this many failures in a row. The next failure then means a break of up to 40
/// minutes.
const TOLD_IN_A_ROW: u32 = 2;

/// How much a failure says about a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It was silent for longer than expected, and another one won: it may only be slow. The second
    /// doubt in a row counts as soft.
    Doubt,
    /// It refused, or was silent while others answered.
    Soft,
    /// It answered, but did not prove its identity: a wrong certificate, a reset inside TLS.
    Hard,
    /// Probably not its fault: the device has no route, or a proxy is in trouble. It raises the failure
    /// probability, but doesn't open the breaker.
    Elsewhere,
    /// It works, but refused the client's credentials, as any other candidate would. Nothing is learned
    /// from it, except in a race that another one won, where it counts as soft.
    Credentials,
    /// It asked clients to wait for this long (`Retry-After`, RFC 9110 §10.2.3).
    Busy(Duration),
}

/// A change of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It opened: the candidate is tried last for a while.
    Opened,
    /// It closed, after a success or because it came from a stored history that is no longer believed.
    Closed,
}

/// Successes, failures and the breaker of one candidate on one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    successes: f64,
    failures: f64,
    /// When both were last decayed.
    counted_ms: Timestamp,
    in_a_row: u32,
    /// The epoch if the breaker is closed.
    breaker_open_until_ms: Timestamp,
}

impl Health {
    /// Records a success, which closes the breaker.
    pub fn succeeded(&mut self, now: Timestamp) -> Option<Transition> {
        self.decay(now);
        self.successes += 1.0;
        self.in_a_row = 0;
        let before = std::mem::take(&mut self.breaker_open_until_ms);
        (before > Timestamp::default()).then_some(Transition::Closed)
    }

    /// Records a failure. `jitter` is a uniform number, 0 ≤ u < 1, so that clients don't return
    /// together.
    pub fn failed(
        &mut self,
        severity: Severity,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Transition> {
        if severity == Severity::Credentials {
            return None;
        }
        // The streak ends some hours after the break.
        let latest = self.breaker_open_until_ms.max(self.counted_ms);
        if now.since(latest) >= FORGIVEN {
            self.in_a_row = 0;
        }
        self.decay(now);
        self.failures += 1.0;
        // While the breaker is open, further failures are the same trouble: everything failing at once,
        // or a client that keeps trying.
        let counts = match severity {
            Severity::Elsewhere | Severity::Credentials => false,
            Severity::Busy(asked) if self.is_breaker_open(now) => {
                // The server's wish is respected, but many such answers at once count as one failure.
                let until = now.after(asked.min(CAP));
                self.breaker_open_until_ms = self.breaker_open_until_ms.max(until);
                false
            }
            Severity::Busy(_) => true,
            Severity::Doubt | Severity::Soft | Severity::Hard => !self.is_breaker_open(now),
        };
        if !counts {
            return None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let base = match severity {
            Severity::Doubt if self.in_a_row < 2 => return None,
            Severity::Elsewhere | Severity::Credentials => return None,
            Severity::Doubt | Severity::Soft | Severity::Busy(_) => SOFT_BASE,
            Severity::Hard => HARD_BASE,
        };
        let was_open = self.is_breaker_open(now);
        let doubled = base.saturating_mul(1 << (self.in_a_row - 1).min(16));
        let asked = match severity {
            Severity::Busy(asked) => asked,
            _ => Duration::ZERO,
        };
        let spread = doubled.min(CAP).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        let until = now.after(spread.max(asked.min(CAP)));
        self.breaker_open_until_ms = self.breaker_open_until_ms.max(until);
        (!was_open).then_some(Transition::Opened)
    }

    /// Returns π, the probability that the next connection fails.
    #[must_use]
    #[inline]
    pub fn failure_chance(&self, now: Timestamp) -> f64 {
        let kept = self.kept(now);
        failure_probability(kept * self.successes, kept * self.failures)
    }

    /// Whether the breaker is open. The candidate is then tried last.
    #[must_use]
    #[inline]
    pub fn is_breaker_open(&self, now: Timestamp) -> bool {
        now < self.breaker_open_until_ms
    }

    /// How long the breaker stays open; `None` if it is closed.
    pub(crate) fn breaker_open_for(&self, now: Timestamp) -> Option<Duration> {
        let left = self.breaker_open_until_ms.since(now);
        (!left.is_zero()).then_some(left)
    }

    /// When a success or failure was last counted.
    pub(crate) fn counted(&self) -> Timestamp {
        self.counted_ms
    }

    /// This state from a stored history that is read `now`, as far as it is believed. `settled`
    /// corrects moments in the future. No break lasts longer than one that begins now can.
    pub(crate) fn told(self, now: Timestamp, settled: impl Fn(Timestamp) -> Timestamp) -> Self {
        let count = |n: f64| {
            if n.is_nan() {
                0.0
            } else {
                n.clamp(0.0, TOLD_COUNT)
            }
        };
        let is_possible = self.breaker_open_until_ms <= now.after(CAP);
        Health {
            successes: count(self.successes),
            failures: count(self.failures),
            counted_ms: settled(self.counted_ms),
            in_a_row: self.in_a_row.min(TOLD_IN_A_ROW),
            breaker_open_until_ms: match is_possible {
                true => self.breaker_open_until_ms,
                false => Timestamp::default(),
            },
        }
    }

    fn decay(&mut self, now: Timestamp) {
        let kept = self.kept(now);
        self.successes *= kept;
        self.failures *= kept;
        self.counted_ms = self.counted_ms.max(now);
    }

    fn kept(&self, now: Timestamp) -> f64 {
        let half_lives = now.since(self.counted_ms).as_secs_f64() / HALF_LIFE.as_secs_f64();
        0.5_f64.powf(half_lives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn failures_fade_by_half_an_hour_s_end() {
        let mut health = Health::default();
        assert!((health.failure_chance(START) - 0.02).abs() < 1e-12);
        health.failed(Severity::Soft, START, 0.0);
        assert!((health.failure_chance(START) - 1.08 / 5.0).abs() < 1e-12);
        let later = START.after(HOUR);
        assert!((health.failure_chance(later) - 0.58 / 4.5).abs() < 1e-12);
        health.succeeded(later);
        assert!((health.failure_chance(later) - 0.58 / 5.5).abs() < 1e-12);
    }

    #[test]
    fn the_breaker_doubles_up_to_a_day_and_closes_on_success() {
        let mut health = Health::default();
        let breaker_open = |health: &Health, after| health.is_breaker_open(START.after(after));
        let first = health.failed(Severity::Soft, START, 0.0);
        assert_eq!(first, Some(Transition::Opened));
        assert!(breaker_open(&health, 4 * MINUTE) && !breaker_open(&health, 5 * MINUTE));
        for _ in 0..40 {
            let again = health.failed(Severity::Hard, START.after(MINUTE), 1.0);
            assert_eq!(again, None, "it is open");
        }
        assert!(
            !breaker_open(&health, 5 * MINUTE),
            "all of that is one trouble"
        );
        health.failed(Severity::Soft, START.after(5 * MINUTE), 1.0);
        assert!(breaker_open(&health, 24 * MINUTE) && !breaker_open(&health, 25 * MINUTE));
        // 1 h·2^k after as many tries, each when the break before is over.
        let mut last = START.after(25 * MINUTE);
        for _ in 0..10 {
            last = last.after(24 * HOUR);
            health.failed(Severity::Hard, last, 1.0);
        }
        assert!(health.is_breaker_open(last));
        let later = last.after(HOUR);
        assert_eq!(health.succeeded(later), Some(Transition::Closed));
        assert!(!health.is_breaker_open(later));
        assert_eq!(health.succeeded(later), None);
    }

    #[test]
    fn one_doubt_bars_nothing_two_do() {
        let mut health = Health::default();
        assert_eq!(health.failed(Severity::Doubt, START, 1.0), None);
        assert!(!health.is_breaker_open(START));
        assert!(health.failure_chance(START) > 0.2);
        let second = health.failed(Severity::Doubt, START, 1.0);
        assert_eq!(second, Some(Transition::Opened));
        assert!(health.is_breaker_open(START));
    }

    #[test]
    fn what_is_not_its_fault_bars_nothing_and_old_failures_are_forgiven() {
        let mut health = Health::default();
        for _ in 0..9 {
            assert_eq!(health.failed(Severity::Elsewhere, START, 1.0), None);
        }
        assert!(!health.is_breaker_open(START) && health.failure_chance(START) > 0.2);
        health.failed(Severity::Doubt, START, 1.0);
        health.failed(Severity::Doubt, START.after(7 * HOUR), 1.0);
        assert!(
            !health.is_breaker_open(START.after(7 * HOUR)),
            "not two in a row"
        );
    }

    #[test]
    fn refused_credentials_teach_nothing() {
        let mut health = Health::default();
        health.failed(Severity::Doubt, START, 0.0);
        let before = health;
        for _ in 0..9 {
            assert_eq!(health.failed(Severity::Credentials, START, 1.0), None);
        }
        assert_eq!(health, before);
    }

    #[test]
    fn who_asks_to_be_left_alone_is_for_a_day_at_most() {
        let mut health = Health::default();
        health.failed(Severity::Busy(2 * HOUR), START, 0.0);
        assert!(health.is_breaker_open(START.after(2 * HOUR - MINUTE)));
        assert!(!health.is_breaker_open(START.after(2 * HOUR)));
        health.failed(Severity::Busy(1_000 * HOUR), START, 1.0);
        assert!(!health.is_breaker_open(START.after(24 * HOUR)));
    }

    #[test]
    fn time_running_backwards_changes_nothing() {
        let mut health = Health::default();
        health.failed(Severity::Soft, START, 0.5);
        let before = health.failure_chance(START);
        assert_eq!(health.failure_chance(Timestamp::default()), before);
    }
}
