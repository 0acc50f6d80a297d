//! How failures are remembered: a chance of failing that fades, and a breaker that backs off.
//! Pure: `now` comes in, randomness comes in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::rank::failure_probability;

/// Old outcomes count half after an hour: outages last minutes, routes change every day or so.
const HALF_LIFE: Duration = Duration::from_secs(3600);

/// The breaker's first break after a failure that may pass, and after one that an operator must
/// mend (a certificate, a reset inside TLS). Both double with each further one.
const SOFT: Duration = Duration::from_secs(600);
const HARD: Duration = Duration::from_secs(3600);

/// No break is longer: what was mended overnight is noticed the next day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What is remembered of one candidate's successes and failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Health {
    successes: f64,
    failures: f64,
    counted_ms: Timestamp,
    /// Failures in a row.
    strikes: u32,
    /// When the breaker closes by itself; the beginning of time if it never opened.
    open_until_ms: Timestamp,
}

/// What a breaker's transition is, for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    Opened,
    Closed,
}

impl Health {
    pub(crate) fn succeeded(&mut self, now: Timestamp) -> Option<Transition> {
        self.fade(now);
        self.successes += 1.0;
        let was_broken = self.strikes > 0 && self.open_until_ms > Timestamp::default();
        self.strikes = 0;
        self.open_until_ms = Timestamp::default();
        was_broken.then_some(Transition::Closed)
    }

    /// `random` is uniform in 0 to 1: a fleet that broke together must not come back together.
    pub(crate) fn failed(
        &mut self,
        failure: &Failure,
        now: Timestamp,
        random: f64,
    ) -> Option<Transition> {
        self.fade(now);
        self.failures += 1.0;
        let was_open = self.is_open(now);
        let base = if is_hard(failure) { HARD } else { SOFT };
        let doubled = base.saturating_mul(2u32.saturating_pow(self.strikes.min(16)));
        self.strikes = self.strikes.saturating_add(1);
        let delay = failure
            .retry_after()
            .map_or(doubled, |asked| doubled.max(asked))
            .min(LONGEST);
        let until = now.after(delay.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0)));
        self.open_until_ms = self.open_until_ms.max(until);
        (!was_open).then_some(Transition::Opened)
    }

    /// Whether the breaker is open. Once its time is over it is half open: one more try decides.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        now < self.open_until_ms
    }

    /// Whether it failed last, and its break is over.
    pub(crate) fn is_half_open(&self, now: Timestamp) -> bool {
        self.strikes > 0 && !self.is_open(now)
    }

    /// π: the chance that the next attempt fails.
    pub(crate) fn failure_probability(&self, now: Timestamp) -> f64 {
        let weight = faded(now.since(self.counted_ms));
        failure_probability(self.successes * weight, self.failures * weight)
    }

    /// Whether the numbers make sense, as they may not in a file.
    pub(crate) fn is_sound(&self) -> bool {
        let count = |n: f64| n.is_finite() && (0.0..1e9).contains(&n);
        count(self.successes) && count(self.failures)
    }

    fn fade(&mut self, now: Timestamp) {
        let weight = faded(now.since(self.counted_ms));
        self.successes *= weight;
        self.failures *= weight;
        self.counted_ms = self.counted_ms.max(now);
    }
}

fn faded(age: Duration) -> f64 {
    0.5f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64())
}

/// What only an operator can mend, or an interfering network does on purpose.
fn is_hard(failure: &Failure) -> bool {
    failure.phase() == Phase::Tls
        && !matches!(failure.kind(), FailureKind::Timeout | FailureKind::Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn at(seconds: u64) -> Timestamp {
        START.after(Duration::from_secs(seconds))
    }

    fn refused() -> Failure {
        Failure::new(Phase::Connect, FailureKind::Refused)
    }

    #[test]
    fn breaks_double_and_end_with_a_success() {
        let mut health = Health::default();
        assert_eq!(
            health.failed(&refused(), at(0), 1.0),
            Some(Transition::Opened)
        );
        assert!(health.is_open(at(599)) && !health.is_open(at(600)));
        assert!(health.is_half_open(at(600)));
        assert_eq!(
            health.failed(&refused(), at(600), 1.0),
            Some(Transition::Opened)
        );
        assert!(health.is_open(at(600 + 1199)) && !health.is_open(at(600 + 1200)));
        assert_eq!(health.succeeded(at(2000)), Some(Transition::Closed));
        assert!(!health.is_open(at(2000)) && !health.is_half_open(at(2000)));
        assert_eq!(health.succeeded(at(2001)), None);
    }

    #[test]
    fn a_certificate_breaks_longer_and_nothing_breaks_for_ever() {
        let expired = Failure::new(Phase::Tls, FailureKind::CertificateExpired);
        let mut health = Health::default();
        health.failed(&expired, at(0), 0.0);
        assert!(health.is_open(at(1799)) && !health.is_open(at(1800)));
        for n in 0..40 {
            health.failed(&expired, at(n), 1.0);
        }
        assert!(!health.is_open(at(40).after(LONGEST)));
    }

    #[test]
    fn the_chance_of_failing_fades() {
        let mut health = Health::default();
        let fresh = health.failure_probability(at(0));
        assert!((fresh - 0.02).abs() < 1e-9);
        health.failed(&refused(), at(0), 0.5);
        health.failed(&refused(), at(0), 0.5);
        let now = health.failure_probability(at(0));
        assert!((now - 2.08 / 6.0).abs() < 1e-9);
        let hour_later = health.failure_probability(at(3600));
        assert!((hour_later - 1.08 / 5.0).abs() < 1e-9);
        assert!(health.failure_probability(at(100 * 3600)) < 0.021);
    }
}
