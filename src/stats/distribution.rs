//! Durations of one kind, bounded in memory however many there are.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Up to this many durations are kept as they are; beyond, a histogram takes over.
const EXACT: usize = 100;

/// A histogram's range: 1 µs to 60 s, the longest deadline that makes sense for one attempt.
const LOWEST: u64 = 1;
const HIGHEST: u64 = 60_000_000;

/// Durations of one kind: a few as they are, many as a histogram of two digits (1 %, 10 kB).
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// In order of size.
    exact: Vec<u32>,
    many: Option<Box<Histogram<u32>>>,
    count: u64,
    micros: Moments,
    /// Of the logarithms.
    logs: Moments,
    min: u64,
    max: u64,
}

/// Mean and spread, one value at a time (Welford).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
}

impl Moments {
    /// Adds a value, the `count`-th.
    fn add(&mut self, value: f64, count: u64) {
        let delta = value - self.mean;
        self.mean += delta / count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// The sample variance; zero below two.
    fn variance(&self, count: u64) -> f64 {
        match count {
            0 | 1 => 0.0,
            _ => self.squares / (count - 1) as f64,
        }
    }
}

impl Distribution {
    /// Adds a duration. Beyond 60 s it counts as 60 s in percentiles.
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count += 1;
        self.micros.add(micros as f64, self.count);
        self.logs.add((micros.max(1) as f64).ln(), self.count);
        self.min = if self.count == 1 {
            micros
        } else {
            self.min.min(micros)
        };
        self.max = self.max.max(micros);
        if let Some(many) = &mut self.many {
            many.saturating_record(micros.max(LOWEST));
        } else if self.exact.len() < EXACT {
            let value = u32::try_from(micros).unwrap_or(u32::MAX);
            let place = self.exact.partition_point(|one| *one <= value);
            self.exact.insert(place, value);
        } else {
            let mut many = self.histogram(2);
            many.saturating_record(micros.max(LOWEST));
            self.exact = Vec::new();
            self.many = Some(Box::new(many));
        }
    }

    /// How many durations were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The usual figures, or `None` if nothing was recorded.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        if self.count == 0 {
            return None;
        }
        Some(Summary {
            count: self.count,
            min: Duration::from_micros(self.min),
            mean: Duration::from_nanos((self.micros.mean * 1000.0) as u64),
            stddev: Duration::from_nanos((self.micros.variance(self.count).sqrt() * 1000.0) as u64),
            p50: self.median()?,
            p90: self.quantile(0.9, 10),
            p99: self.quantile(0.99, 100),
            max: Duration::from_micros(self.max),
        })
    }

    /// The median; of an even number the mean of the middle two.
    pub(crate) fn median(&self) -> Option<Duration> {
        let micros = match &self.many {
            Some(many) => {
                // One half and a little more: the sample after the middle.
                let above = 0.5 + 0.5 / self.count as f64;
                let middle = many.value_at_quantile(0.5);
                let next = many.value_at_quantile(above);
                if self.count.is_multiple_of(2) {
                    (middle + next) / 2
                } else {
                    middle
                }
            }
            None => {
                let sorted = &self.exact;
                let middle = sorted.len() / 2;
                let upper = u64::from(*sorted.get(middle)?);
                match sorted.len() % 2 {
                    0 => (u64::from(sorted[middle - 1]) + upper) / 2,
                    _ => upper,
                }
            }
        };
        Some(Duration::from_micros(micros))
    }

    /// The quantile, if there are at least so many samples that it says something.
    fn quantile(&self, quantile: f64, at_least: u64) -> Option<Duration> {
        if self.count < at_least {
            return None;
        }
        let micros = match &self.many {
            Some(many) => many.value_at_quantile(quantile),
            // Three digits (0.1 %) while it is only made to be read.
            None => self.histogram(3).value_at_quantile(quantile),
        };
        Some(Duration::from_micros(micros))
    }

    /// The sample variance of the logarithm, for comparing ratios; `None` below two.
    pub(crate) fn log_variance(&self) -> Option<f64> {
        (self.count >= 2).then(|| self.logs.variance(self.count))
    }

    fn histogram(&self, digits: u8) -> Histogram<u32> {
        let mut histogram = Histogram::new_with_bounds(LOWEST, HIGHEST, digits)
            .expect("the bounds are constant and two or three digits are in range");
        for value in &self.exact {
            histogram.saturating_record(u64::from(*value).max(LOWEST));
        }
        histogram
    }
}

/// The usual figures of a [`Distribution`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many durations.
    pub count: u64,
    /// The shortest.
    pub min: Duration,
    /// The arithmetic mean.
    pub mean: Duration,
    /// The sample standard deviation; zero for one duration.
    pub stddev: Duration,
    /// The median.
    pub p50: Duration,
    /// Nine in ten are at most this; absent below 10 durations, where it would say nothing.
    pub p90: Option<Duration>,
    /// 99 in 100 are at most this; absent below 100 durations.
    pub p99: Option<Duration>,
    /// The longest.
    pub max: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn of(values: impl IntoIterator<Item = u64>) -> Distribution {
        let mut distribution = Distribution::default();
        values.into_iter().for_each(|n| distribution.record(ms(n)));
        distribution
    }

    fn close(a: Duration, b: Duration) {
        let error = a.abs_diff(b);
        assert!(error <= b / 50, "{a:?} is not {b:?}");
    }

    #[test]
    fn figures_match_hand_computed_ones() {
        let summary = of([10, 20, 30, 60]).summary().unwrap();
        assert_eq!(
            (summary.min, summary.max, summary.mean),
            (ms(10), ms(60), ms(30))
        );
        close(summary.p50, ms(25));
        close(summary.stddev, Duration::from_micros(21_602));
        assert_eq!((summary.p90, summary.p99), (None, None));
        assert_eq!(Distribution::default().summary(), None);
        close(of([10, 20, 30]).summary().unwrap().p50, ms(20));
    }

    #[test]
    fn percentiles_need_enough_samples() {
        let ten = of(1..=10).summary().unwrap();
        close(ten.p90.unwrap(), ms(9));
        assert_eq!(ten.p99, None);
        let hundred = of(1..=100).summary().unwrap();
        close(hundred.p99.unwrap(), ms(99));
    }

    #[test]
    fn many_samples_stay_bounded_and_right() {
        let mut many = of(1..=100);
        for round in 0..100 {
            for n in 1..=100 {
                many.record(ms(n));
            }
            assert!(many.exact.is_empty(), "{round}");
        }
        let summary = many.summary().unwrap();
        assert_eq!(summary.count, 10_100);
        close(summary.p50, ms(50));
        close(summary.p99.unwrap(), ms(99));
        close(summary.mean, Duration::from_micros(50_500));
    }

    #[test]
    fn extremes_are_taken() {
        let mut extreme = Distribution::default();
        extreme.record(Duration::ZERO);
        extreme.record(Duration::MAX);
        assert_eq!(extreme.summary().unwrap().min, Duration::ZERO);
        assert_eq!(extreme.count(), 2);
    }
}
