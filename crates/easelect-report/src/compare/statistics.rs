//! Decides whether two measurements differ by more than chance, in durations and in failures.
//!
//! # Durations
//!
//! The comparison uses a report's summaries, not its single samples: count, median and minimum of a few samples
//! (3 to 13 at an address). Most samples are close together and some are outliers: a queue costs tens of
//! milliseconds, a lost packet 200 ms to a second. Outliers are always late, never early. So this compares
//! medians, and estimates their error from the half below the median, which outliers don't reach:
//!
//! ```text
//! SE = 1.2·(median − min)/√n                  with n at most 9, and median − min at least 0.25 ms + 1% of median
//! t  = (median B − median A)/√(SE²A + SE²B)   with n/2 degrees of freedom each, combined as Welch's
//! ```
//!
//! Wallace's approximation (1959) turns t into a normal deviate z. Two medians differ if z is above 2.6 *and*
//! they are at least 5 ms and 10% of the larger one apart, because smaller differences don't matter in practice.
//! With fewer than three samples on a side, there is no decision.
//!
//! A simulation gave the 1.2, the degrees of freedom and the 2.6. It drew 40,000 pairs from each of several
//! distributions (normal, uniform, exponential, log-normal, half-Cauchy, jitter with queues and losses), with 3
//! to 24 samples a side:
//!
//! - False alarms: up to 1% with three samples, up to 0.6% with more, below 0.1% in most cases.
//! - Detection, with jitter, queues (4%) and losses (2%) in each of three phases and a median of 70 ms: a shift
//!   of 20 ms is found in 93% of cases with 8 samples a side and in 47% with 4, a shift of 60 ms in 99% and 77%.
//! - A time that alternates between two values makes the median itself jump, and more samples don't help. This
//!   is why n is at most 9: false alarms are then 4% with four samples a side and 0.3% with eight.
//!
//! Noise that lasts as long as a whole report can't be distinguished from a change.
//!
//! # Failures
//!
//! Fisher's exact test, two-sided, 5%. With so few attempts, its false alarms are below half of that, and close
//! to none if failures are rare.

use easelect::Phase;

use super::super::model::{EndpointModel, SummaryModel};

/// The normal deviate above which a difference is not chance.
const CLEAR: f64 = 2.6;

/// The standard error of a median of one sample, as a multiple of its distance from the minimum.
const ERROR: f64 = 1.2;

/// The number of samples above which the error shrinks no further.
const MOST: u64 = 9;

/// The smallest difference that matters, in milliseconds and as a ratio of the larger time.
const WORTH_MS: f64 = 5.0;
const WORTH: f64 = 0.10;

/// The fewest samples with a usable spread.
const LEAST: u64 = 3;

/// A summary of one kind of time, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) median: f64,
    shortest: f64,
}

/// The difference between two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// It may be chance, or is too small to matter.
    Noise,
    /// It would matter, but there are too few samples to decide.
    TooFew,
    /// It is more than chance.
    Clear,
}

impl Times {
    fn of(summary: &SummaryModel, count: u64) -> Times {
        Times {
            count,
            median: summary.p50.max(0.0),
            shortest: summary.min.max(0.0),
        }
    }

    /// The whole time to open a connection, without the lookup.
    pub(super) fn total(one: &EndpointModel) -> Option<Times> {
        let summary = one.total_ms.as_ref()?;
        let undisturbed = one.successes.saturating_sub(one.locally_delayed);
        Some(Times::of(summary, at_least_one(undisturbed, one.successes)))
    }

    /// The time of one phase, over the attempts that completed it.
    pub(super) fn phase(one: &EndpointModel, phase: Phase) -> Option<Times> {
        let summary = one.phases_ms.get(phase).as_ref()?;
        if phase == Phase::Resolve {
            // There is one lookup per round, in each family.
            let rounds = one.addresses.iter().map(|one| one.attempts).max();
            return Some(Times::of(summary, rounds.unwrap_or(1)));
        }
        let came_later = |name: &str| {
            let place = Phase::ALL.iter().position(|one| one.as_str() == name);
            place > Phase::ALL.iter().position(|one| *one == phase)
        };
        let later = (one.failures.iter())
            .filter(|one| came_later(&one.phase))
            .fold(0, |sum: u64, one| sum.saturating_add(one.count));
        let all = one.successes.saturating_add(later);
        let undisturbed = all.saturating_sub(one.locally_delayed);
        Some(Times::of(summary, at_least_one(undisturbed, all)))
    }

    /// The difference from another measurement of the same time.
    pub(super) fn difference(&self, other: &Times) -> Difference {
        let apart = (other.median - self.median).abs();
        if apart < WORTH_MS || apart < WORTH * self.median.max(other.median) {
            return Difference::Noise;
        }
        if self.count < LEAST || other.count < LEAST {
            return Difference::TooFew;
        }
        let ((a, of_a), (b, of_b)) = (self.error(), other.error());
        let freedom = (a + b).powi(2) / (a * a / of_a + b * b / of_b);
        let t = apart / (a + b).sqrt();
        match deviate(t, freedom) > CLEAR {
            true => Difference::Clear,
            false => Difference::Noise,
        }
    }

    /// The variance of the median, and its degrees of freedom.
    fn error(&self) -> (f64, f64) {
        let n = self.count.min(MOST) as f64;
        // Equal samples are rounded ones: no clock and no network is more exact than this.
        let least = 0.25 + 0.01 * self.median;
        let apart = (self.median - self.shortest).max(least);
        ((ERROR * apart).powi(2) / n, n / 2.0)
    }
}

fn at_least_one(undisturbed: u64, all: u64) -> u64 {
    match undisturbed {
        // The summary is then over the disturbed samples.
        0 => all,
        _ => undisturbed,
    }
}

/// The normal deviate that is as rare as `t` with these degrees of freedom (Wallace, 1959).
fn deviate(t: f64, freedom: f64) -> f64 {
    let scale = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0);
    scale * (freedom * (t * t / freedom).ln_1p()).sqrt()
}

/// Whether two counts of failures, each with its count of attempts, differ by more than chance.
pub(super) fn fail_differently(a: (u64, u64), b: (u64, u64)) -> bool {
    /// Above this many attempts, the normal approximation is good and cheaper.
    const EXACT: u64 = 2000;
    /// One in twenty, two-sided.
    const CLEAR: f64 = 1.96;
    if a.1.saturating_add(b.1) <= EXACT {
        return chance(a, b) < 0.05;
    }
    let ratio = |(failed, of): (u64, u64)| failed as f64 / of as f64;
    let all = (a.0 as f64 + b.0 as f64) / (a.1 as f64 + b.1 as f64);
    let error = (all * (1.0 - all) * (1.0 / a.1 as f64 + 1.0 / b.1 as f64)).sqrt();
    (ratio(a) - ratio(b)).abs() > CLEAR * error
}

/// The probability that two counts of failures with the same cause are at least as far apart as these.
fn chance((failed_a, of_a): (u64, u64), (failed_b, of_b): (u64, u64)) -> f64 {
    let (all, failed) = (of_a + of_b, failed_a + failed_b);
    if of_a == 0 || of_b == 0 {
        return 1.0;
    }
    // Logarithms of binomial coefficients, over all tables with the same totals.
    let mut factorials = vec![0.0];
    for n in 1..=all {
        factorials.push(factorials[factorials.len() - 1] + (n as f64).ln());
    }
    let log = |n: u64| factorials[usize::try_from(n).unwrap_or(0)];
    let ways = |n: u64, k: u64| log(n) - log(k) - log(n - k);
    let probability =
        |in_a: u64| (ways(of_a, in_a) + ways(of_b, failed - in_a) - ways(all, failed)).exp();
    let seen = probability(failed_a) * (1.0 + 1e-9);
    let possible = failed.saturating_sub(of_b)..=failed.min(of_a);
    possible.map(probability).filter(|one| *one <= seen).sum()
}

/// Whether an endpoint that failed at all of `failed_in_a_row` attempts is down. The other report has it
/// working, with `failed` of `of` attempts failed; at that rate, so many failures in a row would be rare.
pub(super) fn is_down(failed_in_a_row: u64, (failed, of): (u64, u64)) -> bool {
    /// A single timeout may be a momentary interruption.
    const LEAST: u64 = 2;
    let ratio = (failed as f64 + 0.5) / (of as f64 + 1.0);
    let times = i32::try_from(failed_in_a_row).unwrap_or(i32::MAX);
    failed_in_a_row >= LEAST && ratio.powi(times) < 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fishers_test_is_exact() {
        // Fisher's tea: 3 of 4 and 1 of 4.
        assert!((chance((1, 4), (3, 4)) - 34.0 / 70.0).abs() < 1e-9);
        assert!((chance((0, 8), (6, 8)) - 0.006_993).abs() < 1e-6);
        assert_eq!(chance((0, 8), (0, 5)), 1.0);
        assert_eq!(chance((8, 8), (5, 5)), 1.0);
        assert_eq!(chance((0, 0), (5, 5)), 1.0);
        assert!(fail_differently((0, 8), (6, 8)));
        assert!(!fail_differently((0, 8), (3, 8)));
        assert!(fail_differently((0, 10), (5, 10)));
        assert!(!fail_differently((0, 10), (4, 10)));
        assert!(!fail_differently((1, 13), (2, 5)));
        assert!(fail_differently((10, 4000), (400, 4000)));
        assert!(!fail_differently((100, 4000), (110, 4000)));
        assert!(fail_differently((u64::MAX, u64::MAX), (1, u64::MAX)));
        assert!(!fail_differently(
            (u64::MAX, u64::MAX),
            (u64::MAX, u64::MAX)
        ));
    }

    #[test]
    fn deviates_are_as_rare_as_students_t() {
        // Two-sided 0.001: z = 3.29.
        for (freedom, t) in [(2.0, 31.6), (4.0, 8.61), (10.0, 4.587), (30.0, 3.646)] {
            assert!((deviate(t, freedom) - 3.29).abs() < 0.15, "{freedom}");
        }
    }

    #[test]
    fn one_time_out_is_no_outage() {
        assert!(is_down(2, (0, 3)));
        assert!(is_down(3, (1, 9)));
        assert!(!is_down(1, (0, 10)));
        assert!(!is_down(2, (5, 10)));
        assert!(is_down(u64::MAX, (0, u64::MAX)));
    }

    fn times(count: u64, median: f64, shortest: f64) -> Times {
        Times {
            count,
            median,
            shortest,
        }
    }

    #[test]
    fn what_is_small_is_no_difference() {
        let clear =
            |a: f64, b: f64| times(9, a, a).difference(&times(9, b, b)) == Difference::Clear;
        assert!(!clear(10.0, 14.9));
        assert!(clear(10.0, 16.0));
        assert!(!clear(200.0, 220.0));
        assert!(clear(200.0, 225.0));
        assert!(clear(225.0, 200.0));
        let few = times(2, 10.0, 10.0);
        assert_eq!(few.difference(&times(9, 90.0, 90.0)), Difference::TooFew);
    }

    #[test]
    fn a_wide_lower_half_is_noise() {
        let [a, b] = [times(8, 60.0, 45.0), times(8, 85.0, 50.0)];
        assert_eq!(a.difference(&b), Difference::Noise);
        let [a, b] = [times(8, 60.0, 56.0), times(8, 85.0, 80.0)];
        assert_eq!(a.difference(&b), Difference::Clear);
        assert_eq!(b.difference(&a), Difference::Clear);
        // A file may contain any figure.
        let odd = times(u64::MAX, 1e15, 1e15);
        assert_eq!(odd.difference(&times(3, 0.0, 9.0)), Difference::Clear);
        assert_eq!(odd.difference(&odd), Difference::Noise);
    }
}
