//! Statistics of many attempts: counts, distributions and failures, in bounded memory.

mod distribution;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use distribution::{Distribution, Summary};
use easelect_engine::shown::without_secrets;

use crate::catalog::Endpoint;
use crate::certificate::CertificateChain;
use crate::failure::{Failure, FailureKind};
use crate::handshake::AfterUpgrade;
use crate::phase::Phase;
use crate::sample::{Lookup, Sample};

/// Failures with the same phase and kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailureCount {
    /// The latest one.
    pub failure: Failure,
    /// How many occurred.
    pub count: u64,
    /// The duration of the longest one, for which a caller had to wait.
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

/// Statistics of the attempts at one address of an endpoint.
#[derive(Clone, Debug)]
pub struct AddressStats {
    address: SocketAddr,
    attempts: u64,
    successes: u64,
    locally_delayed: u64,
    total: Distribution,
    /// Successes that this machine delayed, or with lost packets.
    set_aside: Distribution,
    /// Successes with lost packets, and their total duration in seconds.
    with_loss: u64,
    with_loss_seconds: f64,
    failures: Vec<FailureCount>,
    chain: Option<Arc<CertificateChain>>,
    after_upgrade: Option<(AfterUpgrade, u64)>,
}

impl AddressStats {
    fn new(address: SocketAddr) -> Self {
        AddressStats {
            address,
            attempts: 0,
            successes: 0,
            locally_delayed: 0,
            total: Distribution::default(),
            set_aside: Distribution::default(),
            with_loss: 0,
            with_loss_seconds: 0.0,
            failures: Vec::new(),
            chain: None,
            after_upgrade: None,
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of attempts that ended.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Returns the number of attempts that ended with a verified handshake.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.successes
    }

    /// Returns the durations of the successes, from the start of connecting to the end of the
    /// handshake, without the DNS lookup. Successes that this machine delayed, and those with lost
    /// packets ([`Sample::had_loss`]), are included only if there are no others.
    #[must_use]
    pub fn total(&self) -> &Distribution {
        if self.total.count() > 0 {
            &self.total
        } else {
            &self.set_aside
        }
    }

    /// Returns the number of successes with lost packets.
    #[must_use]
    pub fn with_loss(&self) -> u64 {
        self.with_loss
    }

    /// Whether any success was undisturbed, so that its duration describes the host.
    pub(crate) fn decides(&self) -> bool {
        self.total.count() > 0
    }

    /// The mean duration of successes with lost packets, in seconds.
    pub(crate) fn mean_with_loss(&self) -> Option<f64> {
        (self.with_loss > 0).then(|| self.with_loss_seconds / self.with_loss as f64)
    }

    /// Returns the failures, in the order of first occurrence.
    #[must_use]
    pub fn failures(&self) -> &[FailureCount] {
        &self.failures
    }

    /// Returns the certificates last sent from there, accepted or rejected.
    #[must_use]
    pub fn chain(&self) -> Option<&Arc<CertificateChain>> {
        self.chain.as_ref()
    }

    /// Returns how the server last ended a WebSocket right after opening it, and how many successes
    /// ended that way.
    #[must_use]
    pub fn after_upgrade(&self) -> Option<(&AfterUpgrade, u64)> {
        self.after_upgrade
            .as_ref()
            .map(|(how, count)| (how, *count))
    }

    /// The largest number of timeouts in one phase; 0 if any attempt succeeded.
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

    /// The duration of the longest failure.
    pub(crate) fn longest_failure(&self) -> Option<Duration> {
        self.failures.iter().map(|one| one.longest).max()
    }

    fn record(&mut self, sample: &Sample) {
        self.attempts += 1;
        self.locally_delayed += u64::from(sample.locally_delayed);
        if sample.chain.is_some() {
            self.chain.clone_from(&sample.chain);
        }
        if let Some(how) = &sample.after_upgrade {
            let before = self.after_upgrade.take().map_or(0, |(_, count)| count);
            self.after_upgrade = Some((how.clone(), before + 1));
        }
        match &sample.outcome {
            Ok(()) => {
                self.successes += 1;
                let total = sample.timings.total();
                if sample.had_loss() {
                    self.with_loss += 1;
                    self.with_loss_seconds += total.as_secs_f64();
                }
                if decides(sample) {
                    self.total.record(total);
                } else {
                    self.set_aside.record(total);
                }
            }
            Err(failure) => count(&mut self.failures, failure, sample.elapsed),
        }
    }
}

/// Whether the sample was undisturbed, so that its duration describes the host.
fn decides(sample: &Sample) -> bool {
    !sample.locally_delayed && !sample.had_loss()
}

/// Statistics of all attempts at one endpoint.
#[derive(Clone)]
pub struct EndpointStats {
    endpoint: Endpoint,
    path: String,
    addresses: Vec<AddressStats>,
    /// Boxed: this is most of the size, and a ranking moves endpoints around.
    took: Box<Took>,
    lookup_failures: Vec<FailureCount>,
    /// Whether a DNS lookup found an address, possibly not tried yet.
    resolved: bool,
    left_out: usize,
    unfinished: u64,
    tls_version: Option<&'static str>,
}

/// Durations at all addresses of an endpoint.
#[derive(Clone, Debug, Default)]
struct Took {
    total: Distribution,
    set_aside: Distribution,
    phases: [Distribution; Phase::ALL.len()],
}

/// Omits queries, as [`Endpoint`] does.
impl fmt::Debug for EndpointStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("EndpointStats");
        told.field("endpoint", &self.endpoint)
            .field("path", &without_secrets(&self.path))
            .field("addresses", &self.addresses)
            .field("took", &self.took)
            .field("lookup_failures", &self.lookup_failures)
            .field("unfinished", &self.unfinished);
        told.finish_non_exhaustive()
    }
}

impl EndpointStats {
    /// Creates empty statistics for an endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        EndpointStats {
            path: endpoint.path().to_owned(),
            endpoint,
            addresses: Vec::new(),
            took: Box::default(),
            lookup_failures: Vec::new(),
            resolved: false,
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
            if decides(sample) {
                self.took.total.record(sample.timings.total());
            } else {
                self.took.set_aside.record(sample.timings.total());
            }
        }
        if !sample.locally_delayed {
            for (phase, took) in sample.timings.iter() {
                self.took.phases[phase.index()].record(took);
            }
        }
    }

    /// Adds one DNS lookup of the endpoint's host.
    pub fn record_lookup(&mut self, lookup: &Lookup) {
        self.left_out = self.left_out.max(lookup.left_out);
        match &lookup.outcome {
            Ok(found) => {
                self.resolved |= !found.is_empty();
                self.took.phases[Phase::Resolve.index()].record(lookup.took);
            }
            Err(failure) => count(&mut self.lookup_failures, failure, lookup.took),
        }
    }

    /// Counts an attempt that was cut off, or never started, because the run ended early.
    pub fn record_unfinished(&mut self) {
        self.unfinished += 1;
    }

    /// Counts several of them.
    pub(crate) fn add_unfinished(&mut self, attempts: u64) {
        self.unfinished = self.unfinished.saturating_add(attempts);
    }

    /// Returns the endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the path of the last verified handshake; the endpoint's own path until there is one.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the addresses tried, in the order of the first attempts' ends.
    #[must_use]
    pub fn addresses(&self) -> &[AddressStats] {
        &self.addresses
    }

    /// Returns the durations of the successes at all addresses; see [`AddressStats::total`].
    #[must_use]
    pub fn total(&self) -> &Distribution {
        if self.took.total.count() > 0 {
            &self.took.total
        } else {
            &self.took.set_aside
        }
    }

    /// Returns the durations of one phase at all addresses, including attempts that failed later.
    /// Attempts that this machine delayed are left out.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> &Distribution {
        &self.took.phases[phase.index()]
    }

    /// Returns the number of attempts that ended.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.addresses.iter().map(|one| one.attempts).sum()
    }

    /// Returns the number of attempts that ended with a verified handshake.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.addresses.iter().map(|one| one.successes).sum()
    }

    /// Returns the number of attempts that this machine delayed.
    #[must_use]
    pub fn locally_delayed(&self) -> u64 {
        self.addresses.iter().map(|one| one.locally_delayed).sum()
    }

    /// Returns the number of successes with lost packets, as far as the system reports it.
    #[must_use]
    pub fn with_loss(&self) -> u64 {
        self.addresses.iter().map(|one| one.with_loss).sum()
    }

    /// Returns the number of attempts cut off, or never started, because the run ended early.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Returns the number of addresses in DNS beyond the 16 per family that are used; see
    /// [`Lookup::left_out`].
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Returns the last TLS version negotiated.
    #[must_use]
    pub fn tls_version(&self) -> Option<&'static str> {
        self.tls_version
    }

    /// Returns the failures of DNS lookups and at all addresses, most frequent first.
    ///
    /// If the host has an address in one family, its lack of one in the other
    /// ([`NoAddress`](FailureKind::NoAddress) or [`NotFound`](FailureKind::NotFound)) is left out. If
    /// it has none at all, `NoAddress` is left out where another lookup failed for a different
    /// reason, which then explains the lack.
    #[must_use]
    pub fn failures(&self) -> Vec<FailureCount> {
        let mut all: Vec<FailureCount> = Vec::new();
        let lacks = |one: &FailureCount| one.failure.kind() == FailureKind::NoAddress;
        let known = self.lookup_failures.iter().all(lacks);
        let lookups = self.lookup_failures.iter().filter(|one| {
            let expected = lacks(one) || one.failure.kind() == FailureKind::NotFound;
            match self.resolved || !self.addresses.is_empty() {
                false => known || !lacks(one),
                true => !expected,
            }
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
