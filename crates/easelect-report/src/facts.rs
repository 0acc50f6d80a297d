//! The facts of a measurement, gathered once for all rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use easelect::{
    AddressStats, Certificate, ChainFault, Confidence, Ended, Endpoint, Failure,
    FailureKind as Kind, Phase, Reason, Sample, Tier, Trust,
};

use super::{Context, Group, Row};

/// Everything that a rule may use.
pub(crate) struct Facts<'a> {
    pub(crate) groups: &'a [Group],
    pub(crate) context: &'a Context,
    pub(crate) ended: Ended,
    /// One per endpoint, in the order of the groups.
    pub(crate) rows: Vec<RowFacts<'a>>,
}

/// The facts of one endpoint.
pub(crate) struct RowFacts<'a> {
    /// Its place among all.
    pub(crate) place: usize,
    pub(crate) row: &'a Row,
    /// Its attempts one by one, where they were kept.
    pub(crate) samples: Vec<&'a Sample>,
    /// What failed, most frequent first.
    pub(crate) failures: Vec<Failure>,
    /// Whether it is the user's own, rather than one that Easemob publishes.
    pub(crate) own: bool,
    /// Whether the user gave its addresses.
    pub(crate) pinned: bool,
    /// Whether it is reached through a proxy.
    pub(crate) proxied: bool,
    /// Whether its group has no first choice although every endpoint of the group was tried.
    pub(crate) blocks: bool,
    /// Whether its host is from a second source, rather than Easemob's reference page or the user.
    pub(crate) second_source: bool,
}

impl<'a> Facts<'a> {
    pub(crate) fn gather(groups: &'a [Group], context: &'a Context, ended: Ended) -> Self {
        let mut samples: BTreeMap<(&str, &str), Vec<&Sample>> = BTreeMap::new();
        for sample in &context.evidence.samples {
            let key = (sample.endpoint.url(), sample.endpoint.service().as_str());
            samples.entry(key).or_default().push(sample);
        }
        let environment = &context.environment;
        let mut rows = Vec::new();
        for group in groups {
            // An endpoint that was not tried may be usable.
            let untried = |row: &Row| row.ranked.reason == Reason::NotProbed;
            let blocks = group.best().is_none()
                && !group.second_source
                && !group.endpoints.iter().any(untried);
            for row in &group.endpoints {
                let endpoint = row.ranked.endpoint();
                let key = (endpoint.url(), endpoint.service().as_str());
                let failures = row.ranked.stats.failures();
                rows.push(RowFacts {
                    place: rows.len(),
                    row,
                    samples: samples.remove(&key).unwrap_or_default(),
                    failures: failures.into_iter().map(|one| one.failure).collect(),
                    own: endpoint.confidence() == Confidence::User,
                    pinned: environment.pinned.iter().any(|one| one == endpoint.host()),
                    proxied: environment.proxy_of(endpoint).is_some(),
                    blocks,
                    second_source: group.second_source,
                });
            }
        }
        Facts {
            groups,
            context,
            ended,
            rows,
        }
    }

    /// The moment from which ages count.
    pub(crate) fn now(&self) -> SystemTime {
        self.context.finished_at
    }

    /// The places of the endpoints with failures.
    pub(crate) fn failing(&self) -> Vec<usize> {
        let failing = self.rows.iter().filter(|row| !row.failures.is_empty());
        failing.map(|row| row.place).collect()
    }

    /// The kinds of the failures that count.
    pub(crate) fn kinds_of_attempts(&self, counts: fn(&Failure) -> bool) -> BTreeSet<Kind> {
        let all = self.rows.iter().flat_map(|row| &row.failures);
        all.filter(|one| counts(one)).map(Failure::kind).collect()
    }

    /// Whether the network is simulated.
    pub(crate) fn lab(&self) -> bool {
        self.context.environment.lab.is_some()
    }

    /// Whether a hint may advise `--dns`: it was not given, and the network is not simulated.
    pub(crate) fn may_ask_elsewhere(&self) -> bool {
        self.context.environment.dns.is_none() && !self.lab()
    }

    /// The endpoints that were tried. The others are no evidence.
    pub(crate) fn tried(&self) -> impl Iterator<Item = &RowFacts<'a>> {
        self.rows.iter().filter(|row| row.is_tried())
    }

    /// The published endpoints that were tried, with addresses from DNS.
    pub(crate) fn published(&self) -> impl Iterator<Item = &RowFacts<'a>> {
        self.tried().filter(|row| !row.own && !row.pinned)
    }

    /// Whether anything succeeded.
    pub(crate) fn works(&self) -> bool {
        self.rows.iter().any(|row| row.successes() > 0)
    }

    /// All attempts, in the order in which they ended.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &'a Sample> {
        self.context.evidence.samples.iter()
    }

    /// Whether another published host worked while this one failed, over the same path.
    pub(crate) fn another_works(&self, failing: &RowFacts<'_>) -> bool {
        /// The most time between two attempts over the same network.
        const NEAR: Duration = Duration::from_secs(5);
        let failed = failing.samples.iter().filter(|one| one.outcome.is_err());
        let (from, to) = (
            failed.clone().map(|one| one.started).min(),
            failed.map(|one| one.ended()).max(),
        );
        let same_time = |one: &&Sample| match (from, to) {
            (Some(from), Some(to)) => one.ended() + NEAR >= from && one.started <= to + NEAR,
            _ => true,
        };
        self.published().any(|other| {
            let other_host = other.host() != failing.host() && other.proxied == failing.proxied;
            let mut good = other
                .samples
                .iter()
                .copied()
                .filter(|one| one.outcome.is_ok());
            let in_time = other.samples.is_empty() || good.any(|one| same_time(&one));
            other_host && other.is_ready() && in_time
        })
    }
}

impl<'a> RowFacts<'a> {
    pub(crate) fn endpoint(&self) -> &'a Endpoint {
        self.row.ranked.endpoint()
    }

    pub(crate) fn host(&self) -> &'a str {
        self.endpoint().host()
    }

    pub(crate) fn url(&self) -> String {
        self.endpoint().to_string()
    }

    pub(crate) fn addresses(&self) -> &'a [AddressStats] {
        self.row.ranked.stats.addresses()
    }

    pub(crate) fn successes(&self) -> u64 {
        self.row.ranked.stats.successes()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.row.ranked.tier == Tier::Ready
    }

    /// Whether an attempt or a lookup of it ended.
    pub(crate) fn is_tried(&self) -> bool {
        self.row.ranked.reason != Reason::NotProbed
    }

    /// Why it is not ready, if it isn't and was tried.
    pub(crate) fn why_not(&self) -> Option<&'a Failure> {
        match &self.row.ranked.reason {
            Reason::Answers(failure) | Reason::Fails(failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether TCP connected to it.
    pub(crate) fn is_connected(&self) -> bool {
        self.successes() > 0 || self.failures.iter().any(|one| one.phase() >= Phase::Tls)
    }

    /// Whether the host proved its identity at least once.
    pub(crate) fn is_verified(&self) -> bool {
        self.successes() > 0 || self.failures.iter().any(|one| one.phase() > Phase::Tls)
    }

    /// The median round trip to the host itself, where it is known.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let direct = self.samples.iter().filter(|_| !self.proxied);
        let mut all: Vec<Duration> = direct.filter_map(|one| one.round_trip()).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    }

    /// The kind of root that its certificates verify by, if known; public, if any does.
    pub(crate) fn trust(&self) -> Option<Trust> {
        let of_samples = self.samples.iter().filter_map(|one| one.chain.as_ref());
        let of_addresses = self.addresses().iter().filter_map(AddressStats::chain);
        let all: Vec<Trust> = of_samples
            .chain(of_addresses)
            .filter_map(|chain| chain.trust())
            .collect();
        match all.contains(&Trust::Public) {
            true => Some(Trust::Public),
            false => all.first().copied(),
        }
    }

    /// The failure that shows another server in place of the host, unless the host proved its identity.
    pub(crate) fn impostor(&self) -> Option<&Failure> {
        match self.is_verified() {
            true => None,
            false => {
                let mut failures = self.failures.iter();
                failures.find(|one| is_impostor(one, self.host()))
            }
        }
    }

    /// The issuers of the certificates that verified only by a root installed here.
    pub(crate) fn inspectors(&self) -> BTreeSet<&str> {
        let of_samples = self.samples.iter().filter_map(|one| one.chain.as_ref());
        let of_addresses = self.addresses().iter().filter_map(AddressStats::chain);
        let installed = (of_samples.chain(of_addresses))
            .filter(|chain| chain.trust() == Some(Trust::Installed));
        let issuers =
            installed.filter_map(|chain| Some(chain.certificates().last()?.issuer.as_str()));
        issuers.filter(|one| !one.is_empty()).collect()
    }

    /// The issuers of the certificates of its addresses.
    pub(crate) fn issuers(&self) -> BTreeSet<&str> {
        let chains = self.addresses().iter().filter_map(AddressStats::chain);
        let issuers = chains.map(|chain| {
            let last = chain.certificates().last();
            last.map_or("", |one| one.issuer.as_str())
        });
        issuers.filter(|one| !one.is_empty()).collect()
    }
}

/// Whether a failure shows that another server answered, rather than the host with a fault. Meaningful only for a
/// host that never proved its identity.
pub(crate) fn is_impostor(failure: &Failure, host: &str) -> bool {
    let another = |certificate: &Certificate| {
        // A certificate without names shows nothing.
        !certificate.names.is_empty() && !is_for(certificate, host)
    };
    match failure.kind() {
        // Out of date or weak, and another host's.
        Kind::CertificateExpired
        | Kind::CertificateNotYetValid
        | Kind::CertificateWeakKey
        | Kind::CertificateWeakSignature
        | Kind::CertificateOther => failure.certificate().is_some_and(another),
        Kind::CertificateUntrusted => {
            failure.chain_fault() != Some(ChainFault::IntermediateMissing)
        }
        Kind::CertificateWrongHost => failure.chain_fault() != Some(ChainFault::NoNames),
        Kind::NotTls => true,
        _ => false,
    }
}

/// Whether an address is one that a proxy on this computer makes up for each name: from the benchmarking ranges
/// 198.18.0.0/15 and 2001:2::/48 (RFC 2544, RFC 5180), or from the defaults of mihomo and sing-box
/// (fdfe:dcba:9876::/48, fc00::/18).
pub(crate) fn is_made_up(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets()[0] == 198 && v4.octets()[1] & 0xfe == 18,
        IpAddr::V6(v6) => matches!(
            v6.segments(),
            [0x2001, 0x0002, 0, ..] | [0xfdfe, 0xdcba, 0x9876, ..] | [0xfc00, ..=0x3fff, ..]
        ),
    }
}

/// Whether a certificate is for a host (RFC 9525 §6.3: a wildcard stands for one label).
pub(crate) fn is_for(certificate: &Certificate, host: &str) -> bool {
    certificate
        .names
        .iter()
        .any(|name| match name.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest == domain),
            None => name == host,
        })
}

/// Whether a failure is silence, a refusal or a hang-up before the end of TLS: what a network in between can cause.
pub(crate) fn is_silence(failure: &Failure) -> bool {
    failure.phase() <= Phase::Tls
        && matches!(
            failure.kind(),
            Kind::Timeout | Kind::Refused | Kind::Reset | Kind::Closed | Kind::Unreachable
        )
}

/// The hosts of these endpoints, each once.
pub(crate) fn hosts<'a>(rows: impl IntoIterator<Item = &'a RowFacts<'a>>) -> BTreeSet<&'a str> {
    rows.into_iter().map(RowFacts::host).collect()
}

/// Whether the hosts are of two or more domains or data centres, so that trouble on one machine can't explain
/// their failures.
pub(crate) fn are_unrelated<'a>(rows: impl Iterator<Item = &'a RowFacts<'a>> + Clone) -> bool {
    let domains: BTreeSet<&str> = rows.clone().map(|row| domain(row.host())).collect();
    let regions: BTreeSet<&str> = rows.map(|row| row.endpoint().region().as_str()).collect();
    domains.len() >= 2 || regions.len() >= 2
}

/// The last two labels of a host name, which a wildcard certificate covers here; an address unchanged.
pub(crate) fn domain(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(host, |at| &host[at + 1..])
}

/// Groups what failed in the same way, in the order of first occurrence.
pub(crate) fn alike<T>(failed: impl Iterator<Item = (Failure, T)>) -> Vec<(Failure, Vec<T>)> {
    let key = |one: &Failure| {
        let certificate = (one.not_after(), one.chain_fault());
        (one.phase(), one.kind(), one.status(), certificate)
    };
    let mut groups: Vec<(Failure, Vec<T>)> = Vec::new();
    for (failure, what) in failed {
        match groups.iter_mut().find(|(one, _)| key(one) == key(&failure)) {
            Some((_, all)) => all.push(what),
            None => groups.push((failure, vec![what])),
        }
    }
    groups
}
