//! Hand-made measurements.

#![allow(dead_code, reason = "no test uses everything")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use easelect::{
    Catalog, CertificateChain, Ended, Endpoint, EndpointStats, Failure, FailureKind, Family,
    Lookup, Phase, ProbeOutcome, Ranking, Region, Residency, Sample, Service, Timings, rank,
};
use easelect_report::{Context, Fault, Report};
use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_760_000_000)
}

pub(crate) fn context() -> Context {
    let mut context = Context::new(Catalog::builtin(), now() - Duration::from_secs(12), now());
    context.environment.os = "linux".to_owned();
    context.environment.arch = "x86_64".to_owned();
    context
}

/// The two variants of a service.
pub(crate) fn pair(region: Region, service: Service) -> [Endpoint; 2] {
    let group = Catalog::builtin().group(&region.into(), service).unwrap();
    group.try_into().unwrap()
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) fn failure(phase: Phase, kind: FailureKind) -> Failure {
    Failure::new(phase, kind)
}

/// A builder of measurements of one endpoint.
pub(crate) struct Measured {
    stats: EndpointStats,
    host_number: u8,
}

impl Measured {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let all = Catalog::builtin();
        let place = all.endpoints().iter().position(|one| one == endpoint);
        Measured {
            stats: EndpointStats::new(endpoint.clone()),
            host_number: u8::try_from(place.unwrap_or(100) + 1).unwrap(),
        }
    }

    pub(crate) fn v4(&self) -> SocketAddr {
        SocketAddr::from(([47, 93, 7, self.host_number], 443))
    }

    pub(crate) fn v6(&self) -> SocketAddr {
        let host = u16::from(self.host_number);
        SocketAddr::from(([0x2408, 0x4000, 7, 0, 0, 0, 0, host], 443))
    }

    pub(crate) fn lookup(mut self, took: Duration) -> Self {
        let outcome = Ok(vec![self.v4().ip()]);
        self.stats.record_lookup(&self.a_lookup(took, outcome));
        self
    }

    pub(crate) fn lookup_failed(mut self, kind: FailureKind) -> Self {
        let failed = Failure::new(Phase::Resolve, kind).with_message("0.0.0.0");
        self.stats
            .record_lookup(&self.a_lookup(ms(20), Err(failed)));
        self
    }

    /// A lookup that returned so many more addresses than are used.
    pub(crate) fn left_out(mut self, more: usize) -> Self {
        let mut lookup = self.a_lookup(ms(12), Ok(vec![self.v4().ip()]));
        lookup.left_out = more;
        self.stats.record_lookup(&lookup);
        self
    }

    fn a_lookup(&self, took: Duration, outcome: Result<Vec<std::net::IpAddr>, Failure>) -> Lookup {
        let endpoint = self.stats.endpoint();
        let mut lookup = Lookup::new(endpoint.host(), endpoint.port(), Family::V4, outcome);
        lookup.took = took;
        lookup
    }

    /// Successes at `address` with these TCP connect times; TLS and the answer take 1 ms longer, or as long.
    pub(crate) fn good(self, address: SocketAddr, connects: impl IntoIterator<Item = u64>) -> Self {
        let path = self.stats.endpoint().path().to_owned();
        self.good_at(&path, address, connects)
    }

    pub(crate) fn good_at(
        mut self,
        path: &str,
        address: SocketAddr,
        connects: impl IntoIterator<Item = u64>,
    ) -> Self {
        for connect in connects {
            let mut timings = Timings::default();
            let last = if self.stats.endpoint().service().is_websocket() {
                Phase::Upgrade
            } else {
                Phase::Processing
            };
            timings.set(Phase::Connect, ms(connect));
            timings.set(Phase::Tls, ms(connect + 1));
            timings.set(last, ms(connect));
            self.record(path, address, timings, Ok(()), timings.total());
        }
        self
    }

    /// A success through a proxy at `address`, which takes so many milliseconds.
    pub(crate) fn proxied(mut self, address: SocketAddr, took: u64) -> Self {
        let mut timings = Timings::default();
        for phase in [Phase::Connect, Phase::Tls, Phase::Processing] {
            timings.set(phase, ms(2));
        }
        timings.set(Phase::Proxy, ms(took));
        let path = self.stats.endpoint().path().to_owned();
        self.record(&path, address, timings, Ok(()), timings.total());
        self
    }

    /// One attempt at `address` with these times of its phases; it succeeds if there is no failure.
    pub(crate) fn attempt(
        mut self,
        address: SocketAddr,
        phases: &[(Phase, Duration)],
        failure: Option<Failure>,
    ) -> Self {
        let path = self.stats.endpoint().path().to_owned();
        let mut timings = Timings::default();
        for (phase, took) in phases {
            timings.set(*phase, *took);
        }
        let outcome = failure.map_or(Ok(()), Err);
        self.record(&path, address, timings, outcome, timings.total());
        self
    }

    pub(crate) fn bad(mut self, address: SocketAddr, failure: Failure, times: u32) -> Self {
        let path = self.stats.endpoint().path().to_owned();
        for _ in 0..times {
            let mut timings = Timings::default();
            if failure.phase() > Phase::Connect {
                timings.set(Phase::Connect, ms(20));
            }
            if failure.phase() > Phase::Tls {
                timings.set(Phase::Tls, ms(21));
            }
            self.record(&path, address, timings, Err(failure.clone()), ms(60));
        }
        self
    }

    /// A success with this certificate.
    pub(crate) fn shows(mut self, certificate: Arc<CertificateChain>) -> Self {
        let path = self.stats.endpoint().path().to_owned();
        let mut timings = Timings::default();
        timings.set(Phase::Connect, ms(20));
        let mut sample = self.sample(&path, self.v4(), timings, Ok(()), ms(20));
        sample.chain = Some(certificate);
        self.stats.record(&sample);
        self
    }

    pub(crate) fn unfinished(mut self, times: u32) -> Self {
        (0..times).for_each(|_| self.stats.record_unfinished());
        self
    }

    pub(crate) fn delayed(mut self, address: SocketAddr, times: u32) -> Self {
        for _ in 0..times {
            let mut timings = Timings::default();
            timings.set(Phase::Connect, ms(50));
            let path = self.stats.endpoint().path().to_owned();
            let mut sample = self.sample(&path, address, timings, Ok(()), ms(50));
            sample.locally_delayed = true;
            self.stats.record(&sample);
        }
        self
    }

    fn record(
        &mut self,
        path: &str,
        address: SocketAddr,
        timings: Timings,
        outcome: Result<(), Failure>,
        elapsed: Duration,
    ) {
        let sample = self.sample(path, address, timings, outcome, elapsed);
        self.stats.record(&sample);
    }

    fn sample(
        &self,
        path: &str,
        address: SocketAddr,
        timings: Timings,
        outcome: Result<(), Failure>,
        elapsed: Duration,
    ) -> Sample {
        let chain = outcome.as_ref().err().and_then(Failure::chain).cloned();
        let endpoint = self.stats.endpoint().clone();
        let mut sample = Sample::new(endpoint, address, timings, outcome);
        sample.path = path.to_owned();
        sample.elapsed = elapsed;
        sample.chain = chain;
        sample
    }
}

/// A chain of one certificate, with its validity in days from now.
pub(crate) fn certificate(from: i64, to: i64) -> Arc<CertificateChain> {
    certificate_for("*.easemob.com", from, to)
}

/// A chain of one certificate for this name.
pub(crate) fn certificate_for(name: &str, from: i64, to: i64) -> Arc<CertificateChain> {
    let day = |n: i64| {
        let days = Duration::from_secs(86_400) * u32::try_from(n.unsigned_abs()).unwrap();
        if n < 0 { now() - days } else { now() + days }
    };
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    (params.distinguished_name).push(DnType::CommonName, "Some CA");
    (params.not_before, params.not_after) = (day(from).into(), day(to).into());
    let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let shown = [&**signed.der()];
    Arc::new(CertificateChain::from_der(shown).unwrap())
}

/// A chain with a certificate that is valid for 60 days, and a root's cross-signature that expired 30 days ago.
pub(crate) fn cross_signed() -> Arc<CertificateChain> {
    let named = |name: &str, from: u32, to: SystemTime| {
        let mut params = CertificateParams::new(["*.easemob.com".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = (now() - Duration::from_secs(86_400) * from).into();
        params.not_after = to.into();
        params
    };
    let month = Duration::from_secs(30 * 86_400);
    let old = Issuer::new(named("Old root", 900, now()), KeyPair::generate().unwrap());
    let (root, key) = (
        named("Root", 400, now() - month),
        KeyPair::generate().unwrap(),
    );
    let cross = root.signed_by(&key, &old).unwrap();
    let leaf = named("Leaf", 30, now() + month * 2);
    let leaf = leaf
        .signed_by(&KeyPair::generate().unwrap(), &Issuer::new(root, key))
        .unwrap();
    Arc::new(CertificateChain::from_der([&**leaf.der(), &**cross.der()]).unwrap())
}

/// An endpoint that works, with so many milliseconds for TCP.
pub(crate) fn ok(endpoint: &Endpoint, connect: u64) -> Measured {
    let one = Measured::of(endpoint).lookup(ms(12));
    let address = one.v4();
    one.good(address, [connect, connect + 1, connect, connect + 2])
}

/// An endpoint whose every attempt fails like this.
pub(crate) fn failing(endpoint: &Endpoint, failure: Failure) -> Measured {
    let one = Measured::of(endpoint).lookup(ms(12));
    let address = one.v4();
    one.bad(address, failure, 4)
}

pub(crate) fn refused(endpoint: &Endpoint) -> Measured {
    failing(endpoint, failure(Phase::Connect, FailureKind::Refused))
}

pub(crate) fn ranking(measured: impl IntoIterator<Item = Measured>) -> Ranking {
    let stats: Vec<EndpointStats> = measured.into_iter().map(|one| one.stats).collect();
    let region = stats[0].endpoint().region().clone();
    rank(region.into(), stats).unwrap()
}

/// The mainland pool's ranking.
pub(crate) fn pool_ranking(measured: impl IntoIterator<Item = Measured>) -> Ranking {
    let stats = measured.into_iter().map(|one| one.stats).collect();
    rank(Residency::mainland_pool(), stats).unwrap()
}

pub(crate) fn outcome(rankings: &[Ranking]) -> ProbeOutcome {
    let mut outcome = ProbeOutcome::default();
    outcome.rankings = rankings.to_vec();
    outcome.ended = Ended::Complete;
    outcome.took = Duration::from_secs(12);
    outcome
}

pub(crate) fn report(rankings: &[Ranking]) -> Report {
    Report::new(&outcome(rankings), context())
}

pub(crate) fn codes(report: &Report) -> Vec<&str> {
    report.findings().iter().map(|one| one.code()).collect()
}

/// Checks the verdict, and that a finding is among the others.
#[track_caller]
pub(crate) fn expect(report: &Report, fault: Fault, code: &str) {
    let codes = codes(report);
    assert_eq!(report.verdict().fault(), fault, "{codes:?}");
    assert!(codes.contains(&code), "{code} is not in {codes:?}");
}
