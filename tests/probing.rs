//! Probing in the simulated network, in paused time: what is probed when, and how it ranks.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use easelect::{
    ByteStream, Catalog, Connect, Endpoint, Failure, FailureKind, Family, Phase, ProbeEvent,
    ProbeOutcome, Prober, ProberBuilder, Ranked, Reason, Region, Residency, Resolve, Resolved,
    Rounds, Sample, Service, TcpInfo, Tier, Transport,
};
use easelect_lab::{Dns, EventKind, Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

fn prober(lab: &Lab) -> ProberBuilder {
    Prober::builder()
        .dialer(lab.dialer().build().unwrap())
        .seed(1)
}

/// An endpoint of the built-in catalogue.
fn published(host: &str) -> Endpoint {
    let catalog = Catalog::builtin();
    let mut endpoints = catalog.endpoints().iter();
    endpoints.find(|one| one.host() == host).unwrap().clone()
}

/// Runs the prober; returns all samples and the outcome.
async fn collect(prober: ProberBuilder) -> (Vec<Sample>, ProbeOutcome) {
    let mut probing = prober.build().unwrap().run();
    let mut samples = Vec::new();
    while let Some(event) = probing.next().await {
        match event {
            ProbeEvent::Sample(sample) => samples.push(*sample),
            ProbeEvent::Finished(outcome) => return (samples, outcome),
            _ => {}
        }
    }
    panic!("the stream ended without an outcome");
}

fn group<'a>(outcome: &'a ProbeOutcome, region: &Region, service: Service) -> &'a [Ranked] {
    let mut rankings = outcome.rankings.iter();
    let of = rankings.find(|one| one.residency == region.clone().into() && one.service == service);
    &of.unwrap().endpoints
}

fn failure(ranked: &Ranked) -> (Phase, FailureKind) {
    let failures = ranked.stats.failures();
    (failures[0].failure.phase(), failures[0].failure.kind())
}

/// Two hosts in each mainland region; the fastest is in China 2.
fn mainland() -> (Scenario, Vec<Endpoint>) {
    let hosts = ["a1.example", "b1.example", "a2.example", "b2.example"];
    let scenario = (1..)
        .zip(hosts)
        .fold(Scenario::new(1), |scenario, (n, host)| {
            let rtt = ms(100 - 20 * u64::from(n));
            let scenario = scenario.with_host(Host::new(host).with_address(ip(n)));
            scenario.with_path(Path::new(ip(n)).with_rtt(rtt))
        });
    let endpoints = hosts.map(|host| {
        let region = match host.ends_with("1.example") {
            true => Region::CN1,
            false => Region::CN2,
        };
        Endpoint::new(region, Service::Websocket, &format!("wss://{host}/ws")).unwrap()
    });
    (scenario, endpoints.to_vec())
}

/// The two regions are ranked as one only if the pool is requested.
#[tokio::test(start_paused = true)]
async fn the_mainland_pool_is_ranked_as_one_where_it_is_asked_for() {
    let (scenario, endpoints) = mainland();
    let lab = Lab::new(scenario).unwrap();
    let (_, apart) = collect(prober(&lab).endpoints(endpoints.clone())).await;
    let regions = |outcome: &ProbeOutcome| -> Vec<(String, usize)> {
        let rankings = outcome.rankings.iter();
        rankings
            .map(|one| (one.residency.to_string(), one.endpoints.len()))
            .collect()
    };
    assert_eq!(
        regions(&apart),
        [("cn1".to_owned(), 2), ("cn2".to_owned(), 2)]
    );
    let pool = prober(&lab)
        .endpoints(endpoints.clone())
        .pool(Residency::mainland_pool());
    let (_, pooled) = collect(pool).await;
    assert_eq!(regions(&pooled), [("mainland".to_owned(), 4)]);
    let first = &pooled.rankings[0].endpoints[0];
    assert_eq!(first.stats.endpoint(), &endpoints[3]);
    // A pool of another residency changes nothing here.
    let other = prober(&lab).endpoints(endpoints).pool(Region::SGP1.into());
    assert_eq!(regions(&collect(other).await.1), regions(&apart));
}

/// A stopped run ranks what it measured, and lists what was under way as unfinished.
#[tokio::test(start_paused = true)]
async fn a_stopped_run_tells_what_it_has() {
    let (scenario, endpoints) = mainland();
    let lab = Lab::new(scenario).unwrap();
    let started = Instant::now();
    let mut probing = prober(&lab).endpoints(endpoints).build().unwrap().run();
    while let Some(event) = probing.next().await {
        if matches!(event, ProbeEvent::Sample(_)) {
            break;
        }
    }
    let outcome = probing.stop().await;
    assert!(!outcome.complete() && started.elapsed() < ms(1000));
    let all = || outcome.rankings.iter().flat_map(|one| &one.endpoints);
    assert_eq!(all().count(), 4);
    assert!(all().any(|one| one.tier == Tier::Ready));
    assert!(all().any(|one| one.stats.unfinished() > 0));
    assert_eq!(lab.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn four_everyday_faults_rank_last_with_their_reasons() {
    let good = |n| Path::new(ip(n)).with_rtt(ms(60));
    let scenario = Scenario::new(1)
        .with_host(Host::new("im-api-sgp-v2.easemob.com").with_address(ip(1)))
        .with_path(
            Path::new(ip(1))
                .with_rtt(ms(20))
                .with_fault(Fault::BlackHole),
        )
        .with_host(Host::new("im-api-sgp-v2.easecdn.com").with_address(ip(2)))
        .with_path(good(2))
        .with_host(Host::new("msync-api-61.easemob.com").with_address(ip(3)))
        .with_path(Path::new(ip(3)).with_rtt(ms(20)).with_fault(Fault::Expired))
        .with_host(Host::new("msync-api-61.easecdn.com").with_address(ip(4)))
        .with_path(good(4))
        .with_host(
            Host::new("im-api-wechat-41.easemob.com")
                .with_address(ip(5))
                .with_ws_paths(&["/elsewhere"]),
        )
        .with_path(Path::new(ip(5)).with_rtt(ms(20)))
        .with_host(Host::new("im-api-wechat-41.easecdn.com").with_address(ip(6)))
        .with_path(good(6))
        // A hijacked name: the answering server is near, and can't prove its identity.
        .with_host(Host::new("msync-api-71.easemob.com").with_address(ip(7)))
        .with_path(
            Path::new(ip(7))
                .with_rtt(ms(2))
                .with_fault(Fault::SelfSigned),
        )
        .with_host(Host::new("msync-api-71.easecdn.com").with_address(ip(8)))
        .with_path(good(8));
    let lab = Lab::new(scenario).unwrap();
    let hosts = [
        "im-api-sgp-v2.easemob.com",
        "im-api-sgp-v2.easecdn.com",
        "msync-api-61.easemob.com",
        "msync-api-61.easecdn.com",
        "im-api-wechat-41.easemob.com",
        "im-api-wechat-41.easecdn.com",
        "msync-api-71.easemob.com",
        "msync-api-71.easecdn.com",
    ];
    let (_, outcome) = collect(prober(&lab).endpoints(hosts.map(published))).await;
    assert!(outcome.complete());
    for (region, service, tier, phase, kind) in [
        (
            Region::SGP1,
            Service::Websocket,
            Tier::Unreachable,
            Phase::Connect,
            FailureKind::Timeout,
        ),
        (
            Region::SGP2,
            Service::Websocket,
            Tier::Unreachable,
            Phase::Tls,
            FailureKind::CertificateExpired,
        ),
        (
            Region::US1,
            Service::Wechat,
            Tier::Answering,
            Phase::Upgrade,
            FailureKind::Rejected,
        ),
        (
            Region::DE2,
            Service::Websocket,
            Tier::Unreachable,
            Phase::Tls,
            FailureKind::CertificateUntrusted,
        ),
    ] {
        let ranked = group(&outcome, &region, service);
        assert!(
            ranked[0].endpoint().host().ends_with("easecdn.com"),
            "{region}"
        );
        assert_eq!(
            (ranked[0].tier, &ranked[0].reason),
            (Tier::Ready, &Reason::OnlyReady)
        );
        assert_eq!(
            (ranked[1].tier, failure(&ranked[1])),
            (tier, (phase, kind)),
            "{region}"
        );
        let fits = match &ranked[1].reason {
            Reason::Fails(failure) | Reason::Answers(failure) => failure.kind() == kind,
            _ => false,
        };
        assert!(fits, "{:?}", ranked[1].reason);
    }
    assert_eq!(lab.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_inferred_path_gives_way_to_the_one_that_works() {
    let host = Host::new("im-api-v2.easemob.com")
        .with_address(ip(1))
        .with_ws_paths(&["/ws/websocket"]);
    let scenario = Scenario::new(1)
        .with_host(host)
        .with_path(Path::new(ip(1)).with_rtt(ms(20)));
    let lab = Lab::new(scenario).unwrap();
    let endpoint = published("im-api-v2.easemob.com");
    assert_eq!(endpoint.path(), "/websocket");
    let (samples, outcome) = collect(prober(&lab).endpoints([endpoint])).await;
    let ranked = &group(&outcome, &Region::CN1, Service::Websocket)[0];
    assert_eq!(
        (ranked.tier, ranked.stats.path()),
        (Tier::Ready, "/ws/websocket")
    );
    assert_eq!(ranked.failed_ratio(), Some(0.0));
    assert!(
        samples
            .iter()
            .all(|sample| sample.timings.total() == ms(60))
    );
    // One refusal is enough: later rounds use the right path at once.
    let asked = lab.events().into_iter().filter(
        |event| matches!(&event.kind, EventKind::Requested { path, .. } if path == "/websocket"),
    );
    assert_eq!(asked.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_everywhere_is_called_so_in_time() {
    let mut scenario = Scenario::new(1);
    for (n, endpoint) in Catalog::builtin().endpoints().iter().enumerate() {
        let n = u8::try_from(n).unwrap();
        let v6: IpAddr = format!("2600:1f00::{n:x}").parse().unwrap();
        let host = Host::new(endpoint.host())
            .with_address(ip(n))
            .with_address(v6);
        scenario = scenario.with_host(host);
        for address in [ip(n), v6] {
            scenario = scenario.with_path(Path::new(address).with_fault(Fault::BlackHole));
        }
    }
    let lab = Lab::new(scenario).unwrap();
    let started = Instant::now();
    let (_, outcome) = collect(prober(&lab)).await;
    assert!(
        started.elapsed() < Duration::from_secs(45),
        "{:?}",
        started.elapsed()
    );
    assert!(outcome.complete());
    let all: Vec<&Ranked> = outcome
        .rankings
        .iter()
        .flat_map(|one| &one.endpoints)
        .collect();
    assert_eq!(all.len(), 44);
    for ranked in all {
        assert_eq!(
            (ranked.tier, ranked.stats.unfinished()),
            (Tier::Unreachable, 0)
        );
        assert_eq!(failure(ranked), (Phase::Connect, FailureKind::Timeout));
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_black_holes_are_tried_twice_and_left_alone() {
    let scenario = Scenario::new(1)
        .with_host(Host::new("a41.easemob.com").with_address(ip(1)))
        .with_path(Path::new(ip(1)).with_fault(Fault::BlackHole))
        .with_host(Host::new("a41.easecdn.com").with_address(ip(2)))
        .with_path(Path::new(ip(2)).with_rtt(ms(200)));
    let lab = Lab::new(scenario).unwrap();
    let hosts = ["a41.easemob.com", "a41.easecdn.com"].map(published);
    let rounds = Rounds::Exact(5);
    let (samples, outcome) = collect(prober(&lab).endpoints(hosts).rounds(rounds)).await;
    let of = |n| {
        samples
            .iter()
            .filter(move |sample| sample.address.ip() == ip(n))
            .count()
    };
    assert_eq!((of(1), of(2)), (2, 5));
    assert!(outcome.complete());
    let black_hole = &group(&outcome, &Region::US1, Service::Rest)[1];
    assert_eq!(black_hole.stats.unfinished(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_name_at_all_is_said_within_ten_seconds() {
    for dns in [Dns::Timeout, Dns::NotFound, Dns::Temporary] {
        let mut scenario = Scenario::new(1);
        for endpoint in Catalog::builtin().endpoints() {
            scenario = scenario.with_host(Host::new(endpoint.host()).with_dns(dns));
        }
        let lab = Lab::new(scenario).unwrap();
        let started = Instant::now();
        let (samples, outcome) = collect(prober(&lab)).await;
        assert!(started.elapsed() < Duration::from_secs(10), "{dns:?}");
        assert!(samples.is_empty() && outcome.complete());
        for ranked in outcome.rankings.iter().flat_map(|one| &one.endpoints) {
            assert_eq!(
                (ranked.tier, ranked.stats.unfinished()),
                (Tier::Unreachable, 0)
            );
            assert_eq!(failure(ranked).0, Phase::Resolve);
        }
    }
}

/// A resolver that loses the answers with these numbers, counted from 0 in each family. There is no
/// AAAA record.
#[derive(Debug)]
struct Losing {
    lost: Vec<(Family, u32)>,
    kind: FailureKind,
    asked: Mutex<BTreeMap<Family, u32>>,
}

impl Resolve for Losing {
    fn resolve(&self, _: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let mut asked = self.asked.lock().unwrap();
        let asked = asked.entry(family).or_default();
        let (is_lost, kind) = (self.lost.contains(&(family, *asked)), self.kind);
        *asked += 1;
        Box::pin(async move {
            let failure = |kind| Err(Failure::new(Phase::Resolve, kind));
            match (is_lost, family) {
                (true, _) if kind == FailureKind::Timeout => std::future::pending().await,
                (true, _) => {
                    tokio::time::sleep(ms(1200)).await;
                    failure(kind)
                }
                (false, Family::V6) => failure(FailureKind::NoAddress),
                (false, Family::V4) => Ok(Resolved::new(vec![ip(1)])),
            }
        })
    }
}

/// A lost datagram costs time, but does not make the host fail.
#[tokio::test(start_paused = true)]
async fn a_lost_look_up_is_made_once_more_and_silence_is_told_as_silence() {
    let (a, aaaa) = (Family::V4, Family::V6);
    let (timeout, failed) = (FailureKind::Timeout, FailureKind::ServerFailure);
    for (lost, kind, expected, asked) in [
        (vec![(a, 0)], timeout, None, 2),
        (vec![(a, 0), (aaaa, 0)], timeout, None, 2),
        (vec![(aaaa, 0), (aaaa, 1)], timeout, None, 2),
        (vec![(a, 0)], FailureKind::Temporary, None, 2),
        // Not the missing address: that is known for AAAA only.
        (vec![(a, 0), (a, 1)], timeout, Some(timeout), 2),
        // An answer from a DNS server is final.
        (vec![(a, 0), (a, 1)], failed, Some(failed), 2),
    ] {
        let host = Host::new("im.example").with_address(ip(1));
        let path = Path::new(ip(1)).with_rtt(ms(20));
        let lab = Lab::new(Scenario::new(1).with_host(host).with_path(path)).unwrap();
        let resolver = Arc::new(Losing {
            lost: lost.clone(),
            kind,
            asked: Mutex::default(),
        });
        let dialer = lab.dialer().resolver(Arc::clone(&resolver)).build();
        let endpoint = Endpoint::new(Region::SGP1, Service::Websocket, "wss://im.example/ws");
        let prober = Prober::builder()
            .endpoints([endpoint.unwrap()])
            .dialer(dialer.unwrap())
            .rounds(Rounds::Exact(1));
        let started = Instant::now();
        let (_, outcome) = collect(prober).await;
        assert!(started.elapsed() <= ms(5001), "{lost:?}");
        let ranked = &outcome.rankings[0].endpoints[0];
        match expected {
            None => assert_eq!(ranked.tier, Tier::Ready, "{lost:?}: {:?}", ranked.reason),
            Some(kind) => assert_eq!(failure(ranked), (Phase::Resolve, kind), "{lost:?}"),
        }
        let most = resolver.asked.lock().unwrap().values().copied().max();
        assert_eq!(most, Some(asked), "{lost:?} {kind}");
    }
}

/// All hosts are healthy, at different distances.
fn healthy(seed: u64) -> (Scenario, Vec<Endpoint>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut scenario = Scenario::new(seed);
    let endpoints = Catalog::builtin().endpoints().to_vec();
    for (n, endpoint) in endpoints.iter().enumerate() {
        let n = u8::try_from(n).unwrap();
        let rtt = 2 * match endpoint.region().as_str() {
            "cn1" | "cn2" => random.u64(5..30),
            "sgp1" | "sgp2" => random.u64(30..50),
            _ => random.u64(90..130),
        };
        let host = Host::new(endpoint.host())
            .with_address(ip(n))
            .with_dns_delay(ms(10));
        scenario = scenario
            .with_host(host)
            .with_path(Path::new(ip(n)).with_rtt(ms(rtt)));
    }
    (scenario, endpoints)
}

/// The duration of a sweep divided by its bound: max(work / in flight, longest chain at one address),
/// plus the same for the last round of the top two.
async fn sweep(seed: u64, in_flight: usize) -> f64 {
    let (scenario, endpoints) = healthy(seed);
    let lab = Lab::new(scenario).unwrap();
    let rounds = Rounds::Exact(3);
    let prober = prober(&lab)
        .endpoints(endpoints)
        .rounds(rounds)
        .in_flight(in_flight)
        .seed(seed);
    let (samples, outcome) = collect(prober).await;
    assert_eq!(samples.len(), 44 * 3);
    let top_two: BTreeSet<String> = outcome
        .rankings
        .iter()
        .flat_map(|one| one.endpoints.iter().take(2))
        .map(|one| one.endpoint().host().to_owned())
        .collect();
    let retest = |one: &&Sample| one.round == 3 && top_two.contains(one.endpoint.host());
    // The first attempt at an address listens for one round trip after the upgrade.
    let occupied = |one: &Sample| match one.timings.get(Phase::Upgrade) {
        Some(round_trip) if one.round == 1 => one.elapsed + round_trip,
        _ => one.elapsed,
    };
    let mut chains: BTreeMap<SocketAddr, Duration> = BTreeMap::new();
    for sample in samples.iter().filter(|one| !retest(one)) {
        *chains.entry(sample.address).or_default() += occupied(sample);
    }
    let mut retests: BTreeMap<(Region, Service), Duration> = BTreeMap::new();
    for sample in samples.iter().filter(retest) {
        let group = (sample.endpoint.region().clone(), sample.endpoint.service());
        *retests.entry(group).or_default() += sample.elapsed;
    }
    let side_by_side = |all: Duration, most: usize| all / u32::try_from(most).unwrap();
    let work = side_by_side(chains.values().sum(), in_flight);
    let longest = chains.values().max().copied().unwrap();
    let serial = side_by_side(retests.values().sum(), in_flight.min(REGIONS));
    let slowest = retests.values().max().copied().unwrap();
    let least = work.max(longest) + serial.max(slowest);
    outcome.took.div_duration_f64(least)
}

/// As many re-tests are made side by side.
const REGIONS: usize = 6;

/// The bound knows every duration in advance; the schedule does not. Over ten worlds and 1 to 64 in
/// flight the ratio was 1.00 to 1.08, except for two worlds at 16 (1.11 and 1.15), where the work
/// just fills the slots for as long as the longest chain takes.
#[tokio::test(start_paused = true)]
async fn a_healthy_sweep_takes_hardly_longer_than_it_must() {
    for in_flight in [1, 16, 64] {
        let mut ratios = Vec::new();
        for seed in 0..5 {
            ratios.push(sweep(seed, in_flight).await);
        }
        ratios.sort_by(f64::total_cmp);
        assert!(
            ratios[2] <= 1.1 && ratios[4] <= 1.2,
            "{in_flight} in flight: {ratios:.3?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn china_1_alone_takes_less_than_three_seconds() {
    let lab = Lab::new(Scenario::beijing()).unwrap();
    let endpoints: Vec<Endpoint> = Catalog::builtin().endpoints().to_vec();
    let cn1 = endpoints
        .into_iter()
        .filter(|one| *one.region() == Region::CN1);
    // Without its black-holed IPv6 address, which takes longer.
    let prober = prober(&lab).endpoints(cn1).dialer(
        lab.dialer()
            .families(easelect::Families::V4)
            .build()
            .unwrap(),
    );
    let (_, outcome) = collect(prober).await;
    assert!(outcome.took < Duration::from_secs(3), "{:?}", outcome.took);
}

/// Counts open streams, in total and per address.
#[derive(Debug, Default)]
struct Counts {
    open: BTreeMap<SocketAddr, usize>,
    most_at_one: usize,
    most: usize,
    order: Vec<SocketAddr>,
}

#[derive(Debug)]
struct Counting(Arc<dyn Connect>, Arc<Mutex<Counts>>);

/// An attempt's stream and its place in the counts, which it holds while connecting, too.
struct Counted(Option<ByteStream>, SocketAddr, Arc<Mutex<Counts>>);

impl Connect for Counting {
    fn connect(
        &self,
        host: &str,
        address: SocketAddr,
    ) -> BoxFuture<'static, io::Result<ByteStream>> {
        let connecting = self.0.connect(host, address);
        let mut counts = self.1.lock().unwrap();
        *counts.open.entry(address).or_default() += 1;
        counts.most_at_one = counts.most_at_one.max(counts.open[&address]);
        counts.most = counts.most.max(counts.open.values().sum());
        counts.order.push(address);
        let mut counted = Counted(None, address, Arc::clone(&self.1));
        Box::pin(async move {
            counted.0 = Some(connecting.await?);
            Ok(ByteStream::of_transport(counted))
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.2.lock().unwrap();
        *counts.open.get_mut(&self.1).unwrap() -= 1;
    }
}

impl Counted {
    fn inner(&mut self) -> Pin<&mut ByteStream> {
        Pin::new(self.0.as_mut().unwrap())
    }
}

impl Transport for Counted {
    fn tcp_info(&self) -> Option<TcpInfo> {
        None
    }

    fn reset_on_drop(&mut self) {}
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn limits_hold_and_round_one_covers_everything_first() {
    for limit in [1, 5, 16] {
        let (scenario, endpoints) = healthy(1);
        let lab = Lab::new(scenario).unwrap();
        let counts = Arc::new(Mutex::new(Counts::default()));
        let prober = prober(&lab)
            .dialer(
                lab.dialer()
                    .connector(Arc::new(Counting(lab.connector(), Arc::clone(&counts))))
                    .build()
                    .unwrap(),
            )
            .endpoints(endpoints)
            .rounds(Rounds::Exact(3))
            .in_flight(limit);
        let (samples, _) = collect(prober).await;
        assert_eq!(samples.len(), 132);
        let counts = counts.lock().unwrap();
        assert_eq!((counts.most_at_one, counts.most), (1, limit));
        let first: BTreeSet<_> = counts.order.iter().take(44).collect();
        assert_eq!(
            first.len(),
            44,
            "an address was dialled twice before all were once"
        );
        // The last round of the top two, which are all endpoints here, runs alone in its region.
        let last = &counts.order[88..];
        assert_eq!(last.iter().collect::<BTreeSet<_>>().len(), 44);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_kept_and_what_is_unfinished_is_said() {
    let (scenario, endpoints) = healthy(1);
    let lab = Lab::new(scenario).unwrap();
    let prober = prober(&lab).endpoints(endpoints).deadline(ms(400));
    let (samples, outcome) = collect(prober).await;
    assert_eq!(outcome.took, ms(400));
    assert!(!outcome.complete() && !samples.is_empty());
    let all: Vec<&Ranked> = outcome
        .rankings
        .iter()
        .flat_map(|one| &one.endpoints)
        .collect();
    let unfinished: u64 = all.iter().map(|one| one.stats.unfinished()).sum();
    assert_eq!(samples.len() as u64 + unfinished, 132);
    assert_eq!(lab.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_anywhere_leaves_nothing_open() {
    for events in 0..60 {
        let (scenario, endpoints) = healthy(1);
        let lab = Lab::new(scenario).unwrap();
        let mut probing = prober(&lab).endpoints(endpoints).build().unwrap().run();
        for _ in 0..events {
            probing.next().await;
        }
        drop(probing);
        tokio::task::yield_now().await;
        assert_eq!(lab.open(), 0, "after {events} events");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_sleeps_loses_nothing_and_delays_no_measurement() {
    let (scenario, endpoints) = healthy(1);
    let lab = Lab::new(scenario).unwrap();
    let mut probing = prober(&lab)
        .endpoints(endpoints.into_iter().take(2))
        .rounds(Rounds::Exact(400))
        .deadline(Duration::from_secs(600))
        .build()
        .unwrap()
        .run();
    let mut count = 0;
    while let Some(event) = probing.next().await {
        if let ProbeEvent::Sample(sample) = event {
            count += 1;
            assert_eq!(
                sample.timings.get(Phase::Tls),
                sample.timings.get(Phase::Connect)
            );
            if count == 10 {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        }
    }
    assert_eq!(count, 800);
}

/// Ranks two endpoints whose round-trip times differ by `ratio`, on a jittery network.
async fn race_of_two(seed: u64, ratio: f64, jitter: f64) -> bool {
    let near = 20.0 + (seed % 17) as f64 * 4.0;
    let far = near * ratio;
    let (first, second) = if seed.is_multiple_of(2) {
        (near, far)
    } else {
        (far, near)
    };
    let path = |n, rtt: f64| {
        Path::new(ip(n))
            .with_rtt(Duration::from_secs_f64(rtt / 1e3))
            .with_jitter(jitter)
    };
    let scenario = Scenario::new(seed)
        .with_host(Host::new("im-api-v2.easemob.com").with_address(ip(1)))
        .with_path(path(1, first))
        .with_host(Host::new("im-api-v2.easecdn.com").with_address(ip(2)))
        .with_path(path(2, second));
    let lab = Lab::new(scenario).unwrap();
    let hosts = ["im-api-v2.easemob.com", "im-api-v2.easecdn.com"].map(published);
    let (_, outcome) = collect(prober(&lab).endpoints(hosts).seed(seed)).await;
    let best = group(&outcome, &Region::CN1, Service::Websocket)[0]
        .endpoint()
        .host();
    (best == "im-api-v2.easemob.com") == (first < second)
}

#[tokio::test(start_paused = true)]
async fn a_difference_of_ten_per_cent_is_ordered_rightly_in_99_of_100() {
    let mut wrong = Vec::new();
    let runs = 300;
    for seed in 0..runs {
        let ratio = if seed % 3 == 0 { 1.25 } else { 1.10 };
        if !race_of_two(seed, ratio, 0.05).await {
            wrong.push(seed);
        }
    }
    assert!(
        wrong.len() * 100 <= runs as usize,
        "wrong with seeds {wrong:?}"
    );
}

/// The schedule waits for silent addresses during the re-tests, and not until their timeout.
#[tokio::test(start_paused = true)]
async fn everything_with_everyday_faults_takes_eight_seconds() {
    let lab = Lab::new(Scenario::beijing()).unwrap();
    let (_, outcome) = collect(prober(&lab)).await;
    assert!(outcome.complete());
    assert!(outcome.took <= Duration::from_secs(8), "{:?}", outcome.took);
}

/// The wait for an answer to SYNs depends on the other answers in the residency.
#[tokio::test(start_paused = true)]
async fn silence_is_long_enough_by_what_answers_near_it() {
    let mut scenario = Scenario::new(1);
    let mut endpoints = Vec::new();
    for (n, region, rtt) in [
        (1, Region::SGP1, None),
        (2, Region::SGP1, Some(ms(30))),
        // Nothing in the residency answers, so its distance is unknown.
        (3, Region::DE2, None),
        (4, Region::DE2, None),
        (5, Region::US1, None),
        // A distant host gets a retransmission plus four times its answer, here more than the
        // timeout.
        (6, Region::US1, Some(ms(1100))),
    ] {
        let name = format!("host{n}.example");
        scenario = scenario.with_host(Host::new(&name).with_address(ip(n)));
        let path = Path::new(ip(n));
        scenario = scenario.with_path(match rtt {
            Some(rtt) => path.with_rtt(rtt),
            None => path.with_fault(Fault::BlackHole),
        });
        let url = format!("wss://{name}/ws");
        endpoints.push(Endpoint::new(region, Service::Websocket, &url).unwrap());
    }
    let lab = Lab::new(scenario).unwrap();
    let (samples, outcome) = collect(prober(&lab).endpoints(endpoints)).await;
    assert!(outcome.complete());
    let waited = |n| -> Vec<Duration> {
        let of = samples.iter().filter(|one| one.address.ip() == ip(n));
        let of = of.inspect(|one| {
            let failure = one.outcome.as_ref().unwrap_err();
            let told = (failure.phase(), failure.kind());
            assert_eq!(told, (Phase::Connect, FailureKind::Timeout), "{n}");
        });
        of.map(|one| one.elapsed).collect()
    };
    assert_eq!(waited(1), [ms(4000), ms(2000)]);
    assert_eq!(waited(3), [ms(5000), ms(5000)]);
    assert_eq!(waited(5), [ms(5000), ms(5000)]);
}

/// Whether a distant, lossy endpoint is found to be ready, next to others at distance `near` and a
/// silent one.
async fn far_and_lossy(seed: u64, near: Duration, syns: &str) -> bool {
    let scenario = Scenario::from_toml(&format!("seed = {seed}\nsyn_retransmit = {syns:?}"), "far");
    let mut scenario = scenario.unwrap();
    let mut endpoints = Vec::new();
    for n in 1..=6 {
        let name = format!("host{n}.example");
        scenario = scenario.with_host(Host::new(&name).with_address(ip(n)));
        scenario = scenario.with_path(match n {
            1 => Path::new(ip(n)).with_rtt(ms(800)).with_loss(0.1),
            2 => Path::new(ip(n)).with_fault(Fault::BlackHole),
            _ => Path::new(ip(n)).with_rtt(near),
        });
        let url = format!("wss://{name}/ws");
        endpoints.push(Endpoint::new(Region::SGP1, Service::Websocket, &url).unwrap());
    }
    let lab = Lab::new(scenario).unwrap();
    let (samples, _) = collect(prober(&lab).endpoints(endpoints).seed(seed)).await;
    let mut of_it = samples.iter().filter(|one| one.address.ip() == ip(1));
    of_it.any(|one| one.timings.get(Phase::Connect).is_some())
}

#[tokio::test(start_paused = true)]
async fn who_is_far_and_loses_packets_is_not_called_dead() {
    for syns in ["linux-6.4", "linux-6.5"] {
        for near in [ms(2), ms(30), ms(800)] {
            for seed in 0..20 {
                assert!(
                    far_and_lossy(seed, near, syns).await,
                    "{syns} {near:?} {seed}"
                );
            }
        }
    }
}
