//! What many attempts say: counts, distributions, failures; bounded in memory.

use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::catalog::Endpoint;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::sample::{Lookup, Sample};

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

/// Failures of one phase and kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailureCount {
    /// The latest of them.
    pub failure: Failure,
    /// How many.
    pub count: u64,
    /// How long the longest took: what it cost whoever waited for it.
    pub longest: Duration,
}

fn count(failures: &mut Vec<FailureCount>, failure: &Failure, elapsed: Duration) {
    let same = |one: &&mut FailureCount| {
        (one.failure.phase(), one.failure.kind()) == (failure.phase(), failure.kind())
    };
    if let Some(one) = failures.iter_mut().find(same) {
        one.failure = failure.clone();
        one.count += 1;
        one.longest = one.longest.max(elapsed);
    } else {
        failures.push(FailureCount {
            failure: failure.clone(),
            count: 1,
            longest: elapsed,
        });
    }
}

/// What the attempts at one address of an endpoint say.
#[derive(Clone, Debug)]
pub struct AddressStats {
    address: SocketAddr,
    attempts: u64,
    successes: u64,
    locally_delayed: u64,
    total: Distribution,
    delayed_total: Distribution,
    failures: Vec<FailureCount>,
}

impl AddressStats {
    fn new(address: SocketAddr) -> Self {
        AddressStats {
            address,
            attempts: 0,
            successes: 0,
            locally_delayed: 0,
            total: Distribution::default(),
            delayed_total: Distribution::default(),
            failures: Vec::new(),
        }
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Attempts that ended.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Attempts that ended with a verified handshake.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.successes
    }

    /// Successes from first to last byte of the handshake, without the look-up. Locally delayed
    /// ones only if there are no others.
    #[must_use]
    pub fn total(&self) -> &Distribution {
        if self.total.count() > 0 {
            &self.total
        } else {
            &self.delayed_total
        }
    }

    /// What failed, in the order of first occurrence.
    #[must_use]
    pub fn failures(&self) -> &[FailureCount] {
        &self.failures
    }

    /// The most time-outs in one phase; none where anything succeeded.
    pub(crate) fn silences(&self) -> u64 {
        let silent = |one: &&FailureCount| one.failure.kind() == FailureKind::Timeout;
        match self.successes {
            0 => self
                .failures
                .iter()
                .filter(silent)
                .map(|one| one.count)
                .max()
                .unwrap_or(0),
            _ => 0,
        }
    }

    pub(crate) fn failed(&self) -> u64 {
        self.attempts - self.successes
    }

    /// What the dearest failure cost.
    pub(crate) fn longest_failure(&self) -> Option<Duration> {
        self.failures.iter().map(|one| one.longest).max()
    }

    fn record(&mut self, sample: &Sample) {
        self.attempts += 1;
        self.locally_delayed += u64::from(sample.locally_delayed);
        match &sample.outcome {
            Ok(()) => {
                self.successes += 1;
                if sample.locally_delayed {
                    self.delayed_total.record(sample.timings.total());
                } else {
                    self.total.record(sample.timings.total());
                }
            }
            Err(failure) => count(&mut self.failures, failure, sample.elapsed),
        }
    }
}

/// What all attempts at one endpoint say.
#[derive(Clone, Debug)]
pub struct EndpointStats {
    endpoint: Endpoint,
    path: String,
    addresses: Vec<AddressStats>,
    total: Distribution,
    delayed_total: Distribution,
    phases: [Distribution; Phase::ALL.len()],
    lookup_failures: Vec<FailureCount>,
    left_out: usize,
    /// Attempts that the deadline cut off or kept from being made.
    unfinished: u64,
    tls_version: Option<&'static str>,
}

impl EndpointStats {
    /// Nothing known yet.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        EndpointStats {
            path: endpoint.path().to_owned(),
            endpoint,
            addresses: Vec::new(),
            total: Distribution::default(),
            delayed_total: Distribution::default(),
            phases: Default::default(),
            lookup_failures: Vec::new(),
            left_out: 0,
            unfinished: 0,
            tls_version: None,
        }
    }

    /// Adds one attempt.
    pub fn record(&mut self, sample: &Sample) {
        let index = match self
            .addresses
            .iter()
            .position(|one| one.address == sample.address)
        {
            Some(index) => index,
            None => {
                self.addresses.push(AddressStats::new(sample.address));
                self.addresses.len() - 1
            }
        };
        self.addresses[index].record(sample);
        if let Some(session) = sample.session {
            self.tls_version = Some(session.version);
        }
        if sample.outcome.is_ok() {
            self.path.clone_from(&sample.path);
            if sample.locally_delayed {
                self.delayed_total.record(sample.timings.total());
            } else {
                self.total.record(sample.timings.total());
            }
        }
        if !sample.locally_delayed {
            for (phase, took) in sample.timings.iter() {
                self.phases[phase.index()].record(took);
            }
        }
    }

    /// Adds one look-up of the endpoint's host.
    pub fn record_lookup(&mut self, lookup: &Lookup) {
        self.left_out = self.left_out.max(lookup.left_out);
        match &lookup.outcome {
            Ok(_) => self.phases[Phase::Resolve.index()].record(lookup.took),
            Err(failure) => count(&mut self.lookup_failures, failure, lookup.took),
        }
    }

    /// Counts an attempt that the deadline cut off, or that it kept from being made.
    pub fn record_unfinished(&mut self) {
        self.unfinished += 1;
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The path that was answered by a verified handshake; the endpoint's own one until then.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its addresses, in the order of first attempts.
    #[must_use]
    pub fn addresses(&self) -> &[AddressStats] {
        &self.addresses
    }

    /// Successes at all addresses; see [`AddressStats::total`].
    #[must_use]
    pub fn total(&self) -> &Distribution {
        if self.total.count() > 0 {
            &self.total
        } else {
            &self.delayed_total
        }
    }

    /// One phase at all addresses, also of attempts that failed later. Locally delayed attempts
    /// are left out.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> &Distribution {
        &self.phases[phase.index()]
    }

    /// Attempts that ended.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.addresses.iter().map(|one| one.attempts).sum()
    }

    /// Attempts that ended with a verified handshake.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.addresses.iter().map(|one| one.successes).sum()
    }

    /// Attempts that this machine delayed.
    #[must_use]
    pub fn locally_delayed(&self) -> u64 {
        self.addresses.iter().map(|one| one.locally_delayed).sum()
    }

    /// Attempts that the deadline cut off or kept from being made.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Addresses of the host that were answered beyond the 16 of a family that are used; see
    /// [`Lookup::left_out`].
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The TLS version last negotiated.
    #[must_use]
    pub fn tls_version(&self) -> Option<&'static str> {
        self.tls_version
    }

    /// What failed, at all addresses, most frequent first. Look-ups count where no family found
    /// an address: that a host has no AAAA record is no failure.
    #[must_use]
    pub fn failures(&self) -> Vec<FailureCount> {
        let mut all: Vec<FailureCount> = Vec::new();
        let lookups = self.lookup_failures.iter().filter(|one| {
            let expected = matches!(
                one.failure.kind(),
                FailureKind::NoAddress | FailureKind::NotFound
            );
            self.addresses.is_empty() || !expected
        });
        let attempts = self.addresses.iter().flat_map(|one| &one.failures);
        for one in lookups.chain(attempts) {
            let key = (one.failure.phase(), one.failure.kind());
            let same =
                |other: &&mut FailureCount| (other.failure.phase(), other.failure.kind()) == key;
            match all.iter_mut().find(same) {
                Some(other) => {
                    other.count += one.count;
                    other.longest = other.longest.max(one.longest);
                }
                None => all.push(one.clone()),
            }
        }
        all.sort_by_key(|one| std::cmp::Reverse(one.count));
        all
    }
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
