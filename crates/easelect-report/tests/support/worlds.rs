//! Generated evidence: worlds of endpoints, and the outcome of every attempt.

#![allow(dead_code, reason = "no test uses everything")]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use easelect::{
    AfterUpgrade, Catalog, CertificateChain, ChainFault, Confidence, Ended, Endpoint,
    EndpointStats, Failure, FailureKind as Kind, Families, Family, Lookup, Peer, Phase,
    ProbeOutcome, Proxy, Region, Sample, Service, TcpInfo, Timings, Trust, Unfinished, rank,
};
use easelect_report::{Context, DirectLookup, Note, Report};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use super::support::{context, now};

/// Published hosts of both domains in four data centres, and two of the user's own.
static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let regions = [Region::CN1, Region::SGP1, Region::DE2];
    let services = [Service::Websocket, Service::Rest, Service::Wechat];
    let published = regions.iter().flat_map(|region| {
        let group = |service| Catalog::builtin().group(&region.clone().into(), service);
        services
            .into_iter()
            .filter_map(move |one| group(one).ok())
            .flatten()
    });
    let own = [
        (Region::SGP1, Service::Websocket, "wss://im.example.cn/ws"),
        (Region::SGP1, Service::Rest, "https://api.example.org/"),
    ];
    let own = own.map(|(region, service, url)| Endpoint::new(region, service, url).unwrap());
    published.chain(own).collect()
});

/// A server's certificate: its name, its issuer, and its validity in days from now.
fn chain(name: &str, issuer: &str, from: i64, to: i64) -> CertificateChain {
    let day = |n: i64| {
        let days = Duration::from_secs(86_400) * u32::try_from(n.unsigned_abs()).unwrap();
        if n < 0 { now() - days } else { now() + days }
    };
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    (params.distinguished_name).push(DnType::CommonName, issuer);
    (params.not_before, params.not_after) = (day(from).into(), day(to).into());
    let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    CertificateChain::from_der([&**signed.der()]).unwrap()
}

static CHAINS: LazyLock<Vec<CertificateChain>> = LazyLock::new(|| {
    vec![
        chain("*.easemob.com", "Some CA", -200, 200),
        chain("*.easecdn.com", "Another CA", -100, 150),
        chain("*.easemob.com", "Some CA", -300, -3),
        chain("*.easecdn.com", "Another CA", 5, 300),
        chain("*.easemob.com", "Some CA", -80, 5),
        chain("fw.corp.example", "Corp \"Root\" \u{1b}[2J", -100, 300),
        chain("login.hotel.example", "旅馆", -100, 300),
    ]
});

/// The chain of a published host of either domain without faults.
pub(crate) fn good_chain(host: &str, trust: Option<Trust>) -> Arc<CertificateChain> {
    let place = usize::from(host.ends_with("easecdn.com"));
    Arc::new(CHAINS[place].clone().with_trust(trust))
}

/// The fate of an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It succeeds, with a certificate of this trust, and this right after the upgrade.
    Good(Option<Trust>, Option<AfterUpgrade>),
    /// It fails like this, with a certificate of this trust if TLS completed.
    Bad(Failure, Option<Trust>),
}

/// One attempt.
#[derive(Clone, Debug)]
struct Attempt {
    address: Index,
    fate: Index,
    course: Course,
}

/// The course of an attempt.
#[derive(Clone, Copy, Debug)]
struct Course {
    started: u64,
    connect: u64,
    /// Packets lost: none, the SYN, the last that was sent, the large ones.
    loss: u8,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pinned: bool,
    in_use: bool,
    addresses: Vec<SocketAddr>,
    lookup: Option<(Failure, Family)>,
    lookup_ms: u64,
    attempts: Vec<Attempt>,
    unfinished: u32,
}

/// What the user asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) cacert: bool,
    pub(crate) dns: bool,
    pub(crate) families: Families,
    pub(crate) proxy: Option<&'static str>,
    pub(crate) bypass: &'static str,
    pub(crate) roots: Option<usize>,
    pub(crate) lab: bool,
}

/// A direct lookup: host, family, answer, and whether another answer follows.
type Direct = (String, Family, Result<Vec<IpAddr>, Failure>, bool);

/// A generated measurement.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) places: Vec<Place>,
    fates: Vec<Fate>,
    pub(crate) asked: Asked,
    direct: Vec<Direct>,
    notes: Vec<Note>,
    ended: Ended,
}

/// An attempt as it is in the evidence.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) samples: Vec<Sample>,
    pub(crate) lookups: Vec<Lookup>,
}

impl World {
    /// The proxy used for this endpoint, if any.
    pub(crate) fn is_proxied(&self, endpoint: &Endpoint) -> bool {
        let proxy = self.proxy();
        Peer::of(endpoint, proxy.as_ref()).proxy.is_some()
    }

    fn proxy(&self) -> Option<Proxy> {
        let proxy: Proxy = self.asked.proxy?.parse().unwrap();
        Some(proxy.bypassing(self.asked.bypass))
    }

    pub(crate) fn is_own(endpoint: &Endpoint) -> bool {
        endpoint.confidence() == Confidence::User
    }

    /// A host is pinned as a whole.
    pub(crate) fn is_pinned(&self, host: &str) -> bool {
        let mut places = self.places.iter();
        places.any(|one| one.pinned && one.endpoint.host() == host)
    }

    fn has_family(&self, address: IpAddr) -> bool {
        match self.asked.families {
            Families::V4 => address.is_ipv4(),
            Families::V6 => address.is_ipv6(),
            Families::Both => true,
        }
    }

    /// The attempts and lookups.
    pub(crate) fn told(&self) -> Told {
        let (mut samples, mut lookups) = (Vec::new(), Vec::new());
        for place in &self.places {
            let endpoint = &place.endpoint;
            let proxied = self.is_proxied(endpoint);
            if let Some((failure, family)) = &place.lookup {
                let failed = Err(failure.clone());
                let mut lookup = Lookup::new(endpoint.host(), endpoint.port(), *family, failed);
                lookup.took = Duration::from_millis(place.lookup_ms);
                lookups.push(lookup);
            }
            let mut addresses = place.addresses.clone();
            addresses.retain(|one| self.has_family(one.ip()));
            if proxied {
                addresses = vec![SocketAddr::from(([10, 0, 0, 1], 8080))];
            }
            if addresses.is_empty() {
                continue;
            }
            for family in [Family::V4, Family::V6] {
                let ips = addresses.iter().map(SocketAddr::ip);
                let ips: Vec<IpAddr> = ips
                    .filter(|ip| ip.is_ipv6() == (family == Family::V6))
                    .collect();
                if !ips.is_empty() && !self.is_pinned(endpoint.host()) {
                    let mut lookup = Lookup::new(endpoint.host(), endpoint.port(), family, Ok(ips));
                    lookup.took = Duration::from_millis(place.lookup_ms);
                    lookups.push(lookup);
                }
            }
            for attempt in &place.attempts {
                let address = *attempt.address.get(&addresses);
                let fate = attempt.fate.get(&self.fates);
                samples.push(sample(endpoint, address, proxied, attempt.course, fate));
            }
        }
        samples.sort_by_key(Sample::ended);
        Told { samples, lookups }
    }

    /// The report on it.
    pub(crate) fn report(&self) -> Report {
        self.report_on(&self.told())
    }

    /// The report on it with this evidence.
    pub(crate) fn report_on(&self, told: &Told) -> Report {
        let mut context: Context = context();
        let environment = &mut context.environment;
        environment.cacert = self.asked.cacert;
        environment.dns = (self.asked.dns).then(|| SocketAddr::from(([8, 8, 8, 8], 53)));
        environment.families = self.asked.families;
        environment.proxy = self.proxy();
        environment.roots = self.asked.roots;
        environment.lab = self.asked.lab.then(|| "beijing".to_owned());
        let pinned = self.places.iter().filter(|one| one.pinned);
        environment.pinned = pinned.map(|one| one.endpoint.host().to_owned()).collect();
        let in_use = self.places.iter().filter(|one| one.in_use);
        context.in_use = in_use.map(|one| one.endpoint.clone()).collect();
        context.notes.clone_from(&self.notes);
        for (host, family, outcome, forged) in &self.direct {
            let server = SocketAddr::from(([203, 0, 114, 53], 53));
            let mut direct = DirectLookup::new(&**host, server, *family, outcome.clone());
            let other = [IpAddr::from([31, 13, 94, 10])];
            direct.second_answer = forged.then(|| Ok(other.to_vec()));
            context.direct_lookups.push(direct);
        }
        let mut groups: Vec<Vec<EndpointStats>> = Vec::new();
        for place in &self.places {
            let endpoint = &place.endpoint;
            let mut stats = EndpointStats::new(endpoint.clone());
            let lookups = told.lookups.iter();
            let of_it = lookups.filter(|one| one.host == endpoint.host());
            of_it.for_each(|one| stats.record_lookup(one));
            let samples = told.samples.iter().filter(|one| one.endpoint == *endpoint);
            samples.for_each(|one| stats.record(one));
            (0..place.unfinished).for_each(|_| stats.record_unfinished());
            if place.unfinished > 0 {
                let unfinished = Unfinished::new(endpoint.clone(), place.unfinished.into());
                context.evidence.unfinished.push(unfinished);
            }
            let key = |one: &Endpoint| (one.region().clone(), one.service());
            let group = groups
                .iter_mut()
                .find(|all| key(all[0].endpoint()) == key(endpoint));
            match group {
                Some(all) => all.push(stats),
                None => groups.push(vec![stats]),
            }
        }
        context.evidence.samples.clone_from(&told.samples);
        context.evidence.lookups.clone_from(&told.lookups);
        let mut outcome = ProbeOutcome::default();
        let of_group = |all: Vec<EndpointStats>| {
            let region = all[0].endpoint().region().clone();
            rank(region.into(), all).unwrap()
        };
        outcome.rankings = groups.into_iter().map(of_group).collect();
        outcome.ended = self.ended;
        outcome.unfinished.clone_from(&context.evidence.unfinished);
        Report::new(&outcome, context)
    }

    /// The same world with another endpoint that was not tried.
    pub(crate) fn with_untried(&self, endpoint: &Endpoint) -> World {
        let mut world = self.clone();
        world.places.push(Place {
            endpoint: endpoint.clone(),
            pinned: false,
            in_use: false,
            addresses: Vec::new(),
            lookup: None,
            lookup_ms: 0,
            attempts: Vec::new(),
            unfinished: 2,
        });
        world
    }

    /// A published endpoint on a host that is not in the world, if there is one left.
    pub(crate) fn another(&self, which: Index) -> Option<Endpoint> {
        let hosts: Vec<&str> = self.places.iter().map(|one| one.endpoint.host()).collect();
        let free: Vec<&Endpoint> = (ENDPOINTS.iter())
            .filter(|one| !World::is_own(one) && !hosts.contains(&one.host()))
            .filter(|one| !self.is_proxied(one))
            .collect();
        (!free.is_empty()).then(|| (*which.get(&free)).clone())
    }

    /// The outcomes of each host, by endpoint.
    pub(crate) fn by_host(told: &Told) -> BTreeMap<&str, Vec<&Sample>> {
        let mut hosts: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
        for sample in &told.samples {
            hosts
                .entry(sample.endpoint.host())
                .or_default()
                .push(sample);
        }
        hosts
    }
}

/// Whether the host proved its identity in this attempt, and by which kind of root.
pub(crate) fn proof(sample: &Sample) -> Option<Option<Trust>> {
    let proved = match &sample.outcome {
        Ok(()) => true,
        Err(failure) => failure.phase() > Phase::Tls,
    };
    let chain = sample.chain.as_ref();
    proved.then(|| chain.and_then(|chain| chain.trust()))
}

/// A success at this address and time, without any fault.
pub(crate) fn clean(endpoint: &Endpoint, address: SocketAddr, started: u64) -> Sample {
    let course = Course {
        started,
        connect: 20,
        loss: 0,
    };
    let fate = Fate::Good(Some(Trust::Public), None);
    sample(endpoint, address, false, course, &fate)
}

/// The failure, adapted so that it can happen to this endpoint.
fn fitted(failure: &Failure, websocket: bool, proxied: bool) -> Failure {
    let plain = |phase, kind| Failure::new(phase, kind).with_message("os error");
    match (failure.phase(), websocket) {
        (Phase::Proxy, _) if !proxied => plain(Phase::Connect, Kind::Timeout),
        (Phase::Connect, _) if proxied && !failure.is_local() => plain(Phase::Proxy, Kind::Refused),
        (Phase::Upgrade, false) => match failure.kind() {
            kind @ (Kind::Timeout | Kind::Closed | Kind::NotHttp | Kind::InvalidHeader) => {
                Failure::new(Phase::Processing, kind)
            }
            _ => Failure::new(Phase::Processing, Kind::ServerError).with_status(503),
        },
        _ => failure.clone(),
    }
}

fn sample(
    endpoint: &Endpoint,
    address: SocketAddr,
    proxied: bool,
    course: Course,
    fate: &Fate,
) -> Sample {
    let websocket = endpoint.service().is_websocket();
    let (outcome, trust, after) = match fate {
        Fate::Good(trust, after) => (Ok(()), *trust, after.clone().filter(|_| websocket)),
        Fate::Bad(failure, trust) => (Err(fitted(failure, websocket, proxied)), *trust, None),
    };
    let last = match websocket {
        true => Phase::Upgrade,
        false => Phase::Processing,
    };
    let until = outcome.as_ref().err().map_or(last, Failure::phase);
    let mut timings = Timings::default();
    for phase in [Phase::Connect, Phase::Proxy, Phase::Tls, last] {
        let done = phase < until || outcome.is_ok();
        if done && (phase != Phase::Proxy || proxied) {
            timings.set(phase, Duration::from_millis(course.connect));
        }
    }
    let failure = outcome.as_ref().err().cloned();
    let mut sample = Sample::new(endpoint.clone(), address, timings, outcome);
    let more = match failure.as_ref().map(Failure::kind) {
        None => 0,
        Some(Kind::Timeout) => 3_000,
        Some(_) => course.connect / 2 + 1,
    };
    sample.started = Duration::from_millis(course.started);
    sample.elapsed = timings.total() + Duration::from_millis(more);
    sample.chain = match failure.as_ref().and_then(Failure::chain) {
        Some(refused) => Some(Arc::clone(refused)),
        None => (until > Phase::Tls).then(|| good_chain(endpoint.host(), trust)),
    };
    sample.after_upgrade = after;
    if until > Phase::Connect {
        let rtt = Some(Duration::from_millis(course.connect));
        sample.tcp_at_connect = Some(TcpInfo::new(rtt, u32::from(course.loss == 1)));
        let mut end = TcpInfo::new(rtt, u32::from((1..=2).contains(&course.loss)));
        end.unacknowledged = u32::from(course.loss == 2);
        end.bytes_acknowledged = Some(500);
        end.bytes_received = Some(if sample.outcome.is_ok() { 4_000 } else { 0 });
        end.out_of_order = Some(u32::from(course.loss == 3));
        sample.tcp_at_end = Some(end);
    }
    sample
}

/// Messages of peers and libraries that must not reach a reader unchanged.
const MESSAGES: [&str; 5] = [
    "received fatal alert: UnrecognisedName",
    "invalid peer certificate: Other(OtherError(\"it's \\\"odd\\\"\"))",
    "peer misbehaved: TooManyWarningAlertsReceived",
    "Os { code: 5, kind: Uncategorized, message: \"Input/output error\" }",
    "no\u{1b}[2J \u{202e}way\r\n",
];

fn trust() -> impl Strategy<Value = Option<Trust>> {
    prop_oneof![
        6 => Just(Some(Trust::Public)),
        2 => Just(Some(Trust::Installed)),
        1 => Just(None),
    ]
}

fn silence() -> impl Strategy<Value = Failure> {
    let kinds = [Kind::Timeout, Kind::Refused, Kind::Reset, Kind::Closed];
    let phases = [Phase::Connect, Phase::Tls];
    (select(phases.to_vec()), select(kinds.to_vec()))
        .prop_map(|(phase, kind)| Failure::new(phase, kind))
}

/// Failures caused by this computer.
pub(crate) fn local() -> impl Strategy<Value = Failure> {
    let kinds = [
        Kind::Unreachable,
        Kind::Permission,
        Kind::OutOfResources,
        Kind::Panicked,
    ];
    (select(kinds.to_vec()), select(&MESSAGES[..]))
        .prop_map(|(kind, message)| Failure::new(Phase::Connect, kind).with_message(message))
}

/// Failures because an answer can't be read.
pub(crate) fn unreadable() -> impl Strategy<Value = Failure> {
    let kinds = [
        (Phase::Tls, Kind::InvalidMessage),
        (Phase::Tls, Kind::NotTls),
        (Phase::Upgrade, Kind::NotHttp),
        (Phase::Upgrade, Kind::InvalidHeader),
    ];
    (select(kinds.to_vec()), select(&MESSAGES[..]))
        .prop_map(|((phase, kind), message)| Failure::new(phase, kind).with_message(message))
}

fn tls() -> impl Strategy<Value = Failure> {
    let kinds = [
        Kind::InvalidMessage,
        Kind::NotTls,
        Kind::ProtocolVersion,
        Kind::NoCommonParameters,
        Kind::ClientCertificateRequired,
        Kind::TooLarge,
        Kind::Other,
    ];
    let alerts = [0, 10, 40, 42, 46, 48, 49, 70, 80, 90, 112, 120, 200];
    prop_oneof![
        (select(kinds.to_vec()), select(&MESSAGES[..])).prop_map(|(kind, message)| Failure::new(
            Phase::Tls,
            kind
        )
        .with_message(message)),
        (select(alerts.to_vec()), select(&MESSAGES[..])).prop_map(|(alert, message)| {
            Failure::new(Phase::Tls, Kind::Alert)
                .with_alert(alert)
                .with_message(message)
        }),
    ]
}

fn certificate() -> impl Strategy<Value = Failure> {
    let kinds = [
        (Kind::CertificateExpired, Some(ChainFault::LeafExpired)),
        (
            Kind::CertificateExpired,
            Some(ChainFault::IntermediateExpired),
        ),
        (Kind::CertificateNotYetValid, Some(ChainFault::NotYetValid)),
        (Kind::CertificateWrongHost, None),
        (Kind::CertificateWrongHost, Some(ChainFault::NoNames)),
        (Kind::CertificateUntrusted, Some(ChainFault::SelfSigned)),
        (Kind::CertificateUntrusted, Some(ChainFault::UnknownRoot)),
        (
            Kind::CertificateUntrusted,
            Some(ChainFault::IntermediateMissing),
        ),
        (Kind::CertificateRevoked, None),
        (Kind::CertificateWeakKey, Some(ChainFault::WeakKey)),
        (Kind::CertificateOther, None),
    ];
    let chains = prop::option::of(0..CHAINS.len());
    (select(kinds.to_vec()), chains, select(&MESSAGES[..])).prop_map(
        |((kind, fault), chain, message)| {
            let mut failure = Failure::new(Phase::Tls, kind).with_message(message);
            if let Some(fault) = fault {
                failure = failure.with_chain_fault(fault);
            }
            let Some(chain) = chain.map(|place| CHAINS[place].clone()) else {
                return failure;
            };
            let own = chain.own().clone();
            failure = failure.with_chain(Arc::new(chain));
            match kind {
                Kind::CertificateExpired => failure.with_not_after(own.not_after),
                Kind::CertificateNotYetValid => failure.with_not_before(own.not_before),
                Kind::CertificateWrongHost => failure.with_names(own.names),
                _ => failure,
            }
        },
    )
}

fn answer() -> impl Strategy<Value = Failure> {
    let statuses = [
        200, 301, 302, 400, 401, 403, 404, 405, 426, 429, 451, 500, 502, 503,
    ];
    let bodies = [
        None,
        Some("<html><p>blocked"),
        Some("{\"error\":\"forbidden\"}"),
        Some("\u{1b}]0;x\u{7}"),
    ];
    let kinds = [
        Kind::BadAccept,
        Kind::BadHeaders,
        Kind::HttpVersion,
        Kind::InvalidHeader,
        Kind::NotHttp,
        Kind::SubprotocolMissing,
        Kind::UnrequestedExtensionOrProtocol,
        Kind::Timeout,
        Kind::Closed,
        Kind::TooLarge,
        Kind::Other,
    ];
    let status = (
        select(statuses.to_vec()),
        select(bodies.to_vec()),
        any::<bool>(),
    );
    prop_oneof![
        3 => status.prop_map(|(status, body, waf)| {
            let kind = match status {
                300..400 => Kind::Redirected,
                _ => Kind::Rejected,
            };
            let server = if waf { "Aliyun_WAF" } else { "nginx\u{1b}[1m" };
            let failure = Failure::new(Phase::Upgrade, kind).with_status(status);
            let failure = failure.with_answer(
                vec![("server".to_owned(), server.to_owned())],
                body.map(str::to_owned),
            );
            match status {
                300..400 => failure.with_location(Some("http://login.example/\u{1b}a".to_owned())),
                503 => failure.with_retry_after(Some(Duration::from_secs(120))),
                _ => failure,
            }
        }),
        1 => (select(kinds.to_vec()), select(&MESSAGES[..]))
            .prop_map(|(kind, message)| Failure::new(Phase::Upgrade, kind).with_message(message)),
    ]
}

fn of_proxy() -> impl Strategy<Value = Failure> {
    let kinds = [
        Kind::Timeout,
        Kind::Refused,
        Kind::AuthRequired,
        Kind::NotAProxy,
        Kind::Rejected,
        Kind::Other,
    ];
    let says = [
        "the answer is not HTTP",
        "closed by the proxy",
        "SOCKS5 reply 2: not allowed by its rules",
        "Proxy Authentication Required",
        "No route to host (os error 113)",
    ];
    let status = select(vec![None, Some(403), Some(407), Some(502)]);
    (select(kinds.to_vec()), select(says.to_vec()), status).prop_map(|(kind, message, status)| {
        let failure = Failure::new(Phase::Proxy, kind).with_message(message);
        match status {
            Some(status) => failure.with_status(status),
            None => failure,
        }
    })
}

/// Failures of a lookup.
fn of_lookup() -> impl Strategy<Value = Failure> {
    let kinds = [
        (Kind::NotFound, "NXDomain"),
        (Kind::NoAddress, "no records"),
        (Kind::Timeout, "timed out"),
        (Kind::Refused, "this DNS server names others to ask"),
        (Kind::ServerFailure, "Server Failure"),
        (Kind::Temporary, "Temporary failure in name resolution"),
        (Kind::Malformed, "unexpected end of input reached"),
        (Kind::BogusAddress, "0.0.0.0"),
        (Kind::Other, "BADCOOKIE"),
    ];
    select(kinds.to_vec())
        .prop_map(|(kind, message)| Failure::new(Phase::Resolve, kind).with_message(message))
}

pub(crate) fn good() -> impl Strategy<Value = Fate> {
    let after = prop_oneof![
        8 => Just(None),
        1 => select(vec![
            Some(AfterUpgrade::Close { code: Some(1008), reason: "go \u{1b}away".to_owned() }),
            Some(AfterUpgrade::Reset),
            Some(AfterUpgrade::Garbage("a mask \"from\" the server".to_owned())),
        ]),
    ];
    (trust(), after).prop_map(|(trust, after)| Fate::Good(trust, after))
}

/// Any fate.
pub(crate) fn fate() -> impl Strategy<Value = Fate> {
    let bad = prop_oneof![
        3 => silence(),
        2 => local(),
        2 => tls(),
        4 => certificate(),
        4 => answer(),
        2 => of_proxy(),
    ];
    prop_oneof![
        2 => good(),
        5 => (bad, trust()).prop_map(|(failure, trust)| Fate::Bad(failure, trust)),
    ]
}

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        5 => (1u8..30).prop_map(|n| SocketAddr::from(([47, 93, 7, n], 443))),
        3 => (1u16..30).prop_map(|n| SocketAddr::from(([0x2408, 0x4000, 7, 0, 0, 0, 0, n], 443))),
        1 => Just(SocketAddr::from(([203, 0, 114, 1], 443))),
        1 => Just(SocketAddr::from(([198, 18, 0, 7], 443))),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    let attempt = (
        any::<Index>(),
        any::<Index>(),
        0u64..10_000,
        1u64..300,
        0u8..12,
    )
        .prop_map(|(address, fate, started, connect, loss)| Attempt {
            address,
            fate,
            course: Course {
                started,
                connect,
                loss,
            },
        });
    let family = select(vec![Family::V4, Family::V6]);
    let lookup = prop::option::weighted(0.3, (of_lookup(), family));
    (
        select(ENDPOINTS.clone()),
        (prop::bool::weighted(0.1), prop::bool::weighted(0.15)),
        prop_oneof![
            6 => prop::collection::vec(address(), 1..=4),
            1 => Just(Vec::new()),
        ],
        lookup,
        select(vec![12, 1_500]),
        prop::collection::vec(attempt, 0..8),
        0u32..2,
    )
        .prop_map(
            |(endpoint, (pinned, in_use), addresses, lookup, lookup_ms, attempts, unfinished)| {
                Place {
                    endpoint,
                    pinned,
                    in_use,
                    addresses,
                    lookup: lookup.filter(|_| !pinned),
                    lookup_ms,
                    attempts,
                    unfinished,
                }
            },
        )
}

fn asked() -> impl Strategy<Value = Asked> {
    let proxies = [
        "http://10.0.0.1:8080",
        "http://me:secret@10.0.0.1:8080",
        "socks5://10.0.0.1:1080",
    ];
    let families = [Families::Both, Families::Both, Families::V4, Families::V6];
    (
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        select(families.to_vec()),
        prop::option::weighted(0.25, select(proxies.to_vec())),
        select(vec!["", "easecdn.com"]),
        select(vec![None, Some(140), Some(0)]),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(cacert, dns, families, proxy, bypass, roots, lab)| Asked {
            cacert,
            dns,
            families,
            proxy,
            bypass,
            roots,
            lab,
        })
}

/// A world of up to eight endpoints whose attempts end in one of a few ways, so that hosts often fail alike, as most
/// rules need.
pub(crate) fn world_of(fate: impl Strategy<Value = Fate>) -> impl Strategy<Value = World> {
    let direct = (
        any::<Index>(),
        select(vec![Family::V4, Family::V6]),
        prop_oneof![
            Just(Ok(vec![IpAddr::from([47, 93, 7, 1])])),
            of_lookup().prop_map(Err),
        ],
        prop::bool::weighted(0.2),
    );
    let source = Note::SourceFailed {
        url: "https://rs.easemob.com/server.json".to_owned(),
        why: "no \"answer\"\u{1b}".to_owned(),
    };
    let none = Note::NonePublished {
        region: Region::DE2,
        service: Service::Alipay,
    };
    let in_part = Note::SourceInPart {
        url: "https://rs.easemob.com/server.json".to_owned(),
        left_out: vec!["rest, host 1: ip \"0.0.0.0\u{1b}\"".to_owned(); 6],
    };
    let notes = prop::sample::subsequence(vec![none, source, in_part], 0..=1);
    let ended = select(vec![Ended::Complete, Ended::Complete, Ended::Deadline]);
    (
        prop::collection::vec(place(), 1..=8),
        prop::collection::vec(fate, 1..=3),
        asked(),
        prop::collection::vec(direct, 0..2),
        notes,
        ended,
    )
        .prop_map(|(mut places, fates, asked, direct, notes, ended)| {
            let mut seen = Vec::new();
            places.retain(|one| {
                let new = !seen.contains(&one.endpoint);
                seen.push(one.endpoint.clone());
                new
            });
            let host = |place: Index| place.get(&places).endpoint.host().to_owned();
            let direct = direct
                .into_iter()
                // A lab has no DNS server to ask.
                .filter(|_| !asked.lab)
                .map(|(place, family, outcome, forged)| (host(place), family, outcome, forged))
                .collect();
            World {
                places,
                fates,
                asked,
                direct,
                notes,
                ended,
            }
        })
}

/// Any world.
pub(crate) fn world() -> impl Strategy<Value = World> {
    world_of(fate())
}

impl World {
    /// The world with faults in its attempts only: no failed or slow lookups, lost packets, forged answers or notes.
    pub(crate) fn otherwise_well(mut self) -> World {
        for place in &mut self.places {
            place.lookup = None;
            place.lookup_ms = 12;
            place
                .attempts
                .iter_mut()
                .for_each(|one| one.course.loss = 0);
        }
        self.direct.clear();
        self.notes.clear();
        self
    }
}
