//! A distribution of durations, in bounded memory.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Up to this many durations are kept exactly; beyond, in a histogram.
const EXACT: usize = 100;

/// The range of a histogram: 1 µs to 60 s, the longest sensible timeout of one attempt.
const LOWEST: u64 = 1;
const HIGHEST: u64 = 60_000_000;

/// A distribution of durations.
///
/// Up to 100 durations are kept exactly, more as a histogram with two significant digits: 1 %
/// resolution, 10 kB. The count, minimum, maximum, mean and standard deviation are always exact, to
/// the microsecond. The median and quantiles treat anything above 60 s as 60 s.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    /// Sorted.
    exact: Vec<u32>,
    many: Option<Box<Histogram<u32>>>,
    count: u64,
    micros: Moments,
    /// Moments of the logarithms.
    logs: Moments,
    min: u64,
    max: u64,
}

/// Mean and variance, updated one value at a time (Welford).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
}

impl Moments {
    /// Adds the `count`-th value.
    fn add(&mut self, value: f64, count: u64) {
        let delta = value - self.mean;
        self.mean += delta / count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// Adds the values of another (Chan, Golub and LeVeque, 1979).
    fn merge(&mut self, count: u64, other: &Moments, others: u64) {
        let (n, m) = (count as f64, others as f64);
        let delta = other.mean - self.mean;
        self.mean += delta * m / (n + m);
        self.squares += other.squares + delta * delta * n * m / (n + m);
    }

    /// The sample variance; 0 for fewer than two values.
    fn variance(&self, count: u64) -> f64 {
        match count {
            0 | 1 => 0.0,
            _ => self.squares / (count - 1) as f64,
        }
    }
}

impl Distribution {
    /// Adds a duration.
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
        self.place(u32::try_from(micros).unwrap_or(u32::MAX));
    }

    fn place(&mut self, micros: u32) {
        if self.many.is_none() && self.exact.len() < EXACT {
            let place = self.exact.partition_point(|one| *one <= micros);
            self.exact.insert(place, micros);
        } else {
            self.as_many()
                .saturating_record(u64::from(micros).max(LOWEST));
        }
    }

    /// Switches to a histogram, and returns it.
    fn as_many(&mut self) -> &mut Histogram<u32> {
        let exact = std::mem::take(&mut self.exact);
        self.many.get_or_insert_with(|| Box::new(histogram(&exact)))
    }

    /// Adds all durations of another distribution, for example of another address, client or period.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use easelect::Distribution;
    /// # let took = Duration::from_millis(40);
    /// let mut this_minute = Distribution::default();
    /// let mut this_hour = Distribution::default();
    /// this_minute.record(took);
    /// this_hour.merge(&this_minute.take());
    /// assert_eq!((this_minute.count(), this_hour.count()), (0, 1));
    /// ```
    pub fn merge(&mut self, other: &Distribution) {
        if other.count == 0 {
            return;
        }
        self.micros.merge(self.count, &other.micros, other.count);
        self.logs.merge(self.count, &other.logs, other.count);
        self.min = match self.count {
            0 => other.min,
            _ => self.min.min(other.min),
        };
        self.max = self.max.max(other.max);
        self.count += other.count;
        match &other.many {
            Some(many) => self
                .as_many()
                .add(many.as_ref())
                .expect("all histograms have the same bounds"),
            None => other.exact.iter().for_each(|one| self.place(*one)),
        }
    }

    /// Returns the distribution recorded so far, and leaves an empty one.
    #[must_use]
    pub fn take(&mut self) -> Distribution {
        std::mem::take(self)
    }

    /// Returns the number of durations recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the summary, or `None` if nothing was recorded.
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
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            max: Duration::from_micros(self.max),
        })
    }

    /// Returns the median (of an even number, the mean of the middle two), or `None` if nothing was
    /// recorded.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        let micros = match &self.many {
            Some(many) => {
                // A little more than one half: the value after the middle.
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
        Some(self.within(micros))
    }

    /// Limits a bucket's edge to what was recorded, and to what a histogram can hold.
    fn within(&self, micros: u64) -> Duration {
        let highest = self.max.min(HIGHEST);
        Duration::from_micros(micros.clamp(self.min.min(highest), highest))
    }

    /// Returns the `q`-quantile by the nearest-rank method: the shortest recorded duration such that
    /// at least a share `q` of all durations are no longer. 0 is the minimum, 1 the maximum.
    ///
    /// `None` if nothing was recorded, for a `q` outside 0 to 1, and, for `q` below 1, with fewer
    /// than 1 / (1 − `q`) durations, too few to show such a tail: 10 for 0.9, 100 for 0.99.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        // In floating point, 1 - 0.9 is slightly less than 0.1.
        let has_tail = self.count as f64 * (1.0 - q) > 1.0 - 1e-6;
        if !(0.0..=1.0).contains(&q) || self.count == 0 || !(has_tail || q == 1.0) {
            return None;
        }
        let micros = match q {
            0.0 => self.min,
            1.0 => self.max,
            _ => self.rank(q),
        };
        Some(self.within(micros))
    }

    /// In µs; panics on an empty distribution.
    fn rank(&self, q: f64) -> u64 {
        match &self.many {
            Some(many) => many.value_at_quantile(q),
            None => {
                let rank = (q * self.exact.len() as f64 - 1e-6).ceil() as usize;
                u64::from(self.exact[rank.max(1) - 1])
            }
        }
    }

    /// The sample variance of the logarithms, for comparing ratios; `None` for fewer than two values.
    pub(crate) fn log_variance(&self) -> Option<f64> {
        (self.count >= 2).then(|| self.logs.variance(self.count))
    }
}

/// Two significant digits: 1 % resolution, 10 kB.
fn histogram(micros: &[u32]) -> Histogram<u32> {
    let mut histogram = Histogram::new_with_bounds(LOWEST, HIGHEST, 2)
        .expect("the bounds are constant and two digits are in range");
    for value in micros {
        histogram.saturating_record(u64::from(*value).max(LOWEST));
    }
    histogram
}

/// The summary of a [`Distribution`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of durations.
    pub count: u64,
    /// The shortest duration.
    pub min: Duration,
    /// The arithmetic mean.
    pub mean: Duration,
    /// The sample standard deviation; zero for a single duration.
    pub stddev: Duration,
    /// The median.
    pub p50: Duration,
    /// The 90th percentile; absent with fewer than 10 durations, too few to show a tail.
    pub p90: Option<Duration>,
    /// The 99th percentile; absent with fewer than 100 durations.
    pub p99: Option<Duration>,
    /// The longest duration.
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
    fn quantiles_are_the_nearest_rank() {
        let ten = of(1..=10);
        let told = |q| ten.quantile(q).map(|took| took.as_millis());
        assert_eq!(
            [0.0, 0.1, 0.25, 0.5, 0.9].map(told),
            [1, 1, 3, 5, 9].map(Some)
        );
        assert_eq!([0.91, -0.1, 1.1, f64::NAN].map(told), [None; 4]);
        assert_eq!(told(1.0), Some(10));
        assert_eq!(Distribution::default().quantile(0.5), None);
    }

    /// A merged distribution has the same summary as one that recorded everything.
    #[test]
    fn what_is_merged_is_as_if_recorded_here() {
        let whole: Vec<u64> = (0..1000).map(|n| n * n % 997).collect();
        for (first, second) in [
            (0, 5),
            (5, 0),
            (40, 50),
            (60, 60),
            (60, 500),
            (500, 60),
            (300, 700),
        ] {
            let all = of(whole[..first + second].to_vec()).summary().unwrap();
            let mut merged = of(whole[..first].to_vec());
            let mut window = of(whole[first..first + second].to_vec());
            merged.merge(&window.take());
            assert_eq!(window.count(), 0);
            let merged = merged.summary().unwrap();
            assert_eq!(
                (merged.count, merged.min, merged.max),
                (all.count, all.min, all.max)
            );
            assert_eq!(
                (merged.p50, merged.p90, merged.p99),
                (all.p50, all.p90, all.p99)
            );
            assert!(merged.mean.abs_diff(all.mean) < Duration::from_micros(1));
            assert!(merged.stddev.abs_diff(all.stddev) < Duration::from_micros(1));
        }
    }

    #[test]
    fn no_quantile_is_beyond_what_was_recorded() {
        let mut many = Distribution::default();
        (0..200).for_each(|_| many.record(Duration::from_micros(100_300)));
        let summary = many.summary().unwrap();
        assert_eq!(summary.p50, summary.max);
        assert_eq!(summary.p99, Some(summary.max));
        // More than 60 s counts as 60 s, in both forms.
        for count in [10, 200] {
            let long = of(std::iter::repeat_n(120_000, count));
            assert_eq!(long.quantile(0.9), Some(Duration::from_secs(60)));
        }
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
