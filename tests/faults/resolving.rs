//! Faults of DNS lookups, on the simulated network.

use std::net::IpAddr;
use std::time::Duration;

use easelect::{FailureKind as Kind, Family, Phase, Selector, Tier};
use easelect_lab::{Dns, Fault, Host, Lab, Path, Scenario};

use super::trial::{self, Ended, RTT, TIMEOUT, ip, ms, no_task_is_left, path, prober, websocket};

fn v6() -> IpAddr {
    "2600:1f00::1".parse().unwrap()
}

fn host() -> Host {
    Host::new(websocket().host()).with_dns_delay(ms(10))
}

async fn probed(lab: &Lab) -> Ended {
    let ended = trial::probe(prober(lab, &websocket())).await;
    assert_eq!(lab.open(), 0);
    tokio::time::sleep(ms(RTT)).await;
    assert_eq!(lab.serving(), 0);
    no_task_is_left("a lookup").await;
    ended
}

fn lab(host: Host, paths: impl IntoIterator<Item = Path>) -> Lab {
    let scenario = Scenario::new(1).with_host(host);
    Lab::new(paths.into_iter().fold(scenario, Scenario::with_path)).unwrap()
}

/// The outcome of one family's lookup, and when it ended.
fn lookup(ended: &Ended, family: Family) -> (Option<Kind>, Duration) {
    let mut lookups = ended.lookups.iter();
    let one = lookups.find(|one| one.family == family).unwrap();
    (one.outcome.as_ref().err().map(|f| f.kind()), one.took)
}

#[tokio::test(start_paused = true)]
async fn faults_of_a_name() {
    for (name, dns, kind, took) in [
        ("NXDOMAIN", Dns::NotFound, Kind::NotFound, ms(10)),
        ("SERVFAIL", Dns::ServerFailure, Kind::ServerFailure, ms(10)),
        ("REFUSED", Dns::Refused, Kind::Refused, ms(10)),
        ("FORMERR", Dns::FormatError, Kind::Other, ms(10)),
        (
            "no server in reach",
            Dns::Temporary,
            Kind::Temporary,
            ms(10),
        ),
        ("no data", Dns::NoAddress, Kind::NoAddress, ms(10)),
        ("no answer", Dns::Timeout, Kind::Timeout, TIMEOUT),
    ] {
        let lab = lab(host().with_address(ip()).with_dns(dns), [path()]);
        let ended = probed(&lab).await;
        for family in [Family::V4, Family::V6] {
            assert_eq!(lookup(&ended, family), (Some(kind), took), "{name}");
        }
        assert!(ended.samples.is_empty() && lab.dials() == 0, "{name}");
        assert_eq!(ended.ranked.tier, Tier::Unreachable, "{name}");
        let failure = &ended.ranked.stats.failures()[0].failure;
        assert_eq!((failure.phase(), failure.kind()), (Phase::Resolve, kind));
    }
}

/// The selector's time to open, with a fault in one answer while the other works.
async fn time_to_open(lab: &Lab) -> Duration {
    let own = format!(
        "[[region]]\nid = \"own\"\n[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
         url = \"wss://{}/ws\"\n",
        websocket().host()
    );
    let format = easelect::CatalogFormat::Toml;
    let catalog = easelect::Catalog::builtin().with_file(&own, format, "own.toml");
    let selector = Selector::builder(easelect::Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(lab.dialer().build().unwrap())
        .refresh(easelect::RefreshBudget::NONE)
        .build()
        .unwrap();
    let connection = selector.connect().await.unwrap();
    let took = connection.time_to_open();
    // Queries continue until the selector ends.
    drop((connection, selector));
    // The querying task gets its last poll.
    tokio::task::yield_now().await;
    assert_eq!(lab.open(), 0);
    took
}

#[tokio::test(start_paused = true)]
async fn an_aaaa_that_never_comes_holds_nothing_back() {
    let lab = lab(
        host().with_address(ip()).with_dns_aaaa(Dns::Timeout),
        [path()],
    );
    let ended = probed(&lab).await;
    assert_eq!(ended.ranked.tier, Tier::Ready);
    assert_eq!(lookup(&ended, Family::V4), (None, ms(10)));
    let late = lookup(&ended, Family::V6);
    assert_eq!(late, (Some(Kind::Timeout), TIMEOUT));
    assert_eq!(time_to_open(&lab).await, ms(10 + 3 * RTT));
}

#[tokio::test(start_paused = true)]
async fn an_aaaa_three_seconds_late_holds_nothing_back() {
    let late = Duration::from_secs(3);
    let host = host().with_address(ip()).with_address(v6());
    let lab = lab(host.with_dns_delay_aaaa(late), [path().with_address(v6())]);
    assert_eq!(time_to_open(&lab).await, ms(10 + 3 * RTT));
    let ended = probed(&lab).await;
    assert_eq!(lookup(&ended, Family::V6), (None, late));
    let tried: Vec<IpAddr> = ended.samples.iter().map(|one| one.address.ip()).collect();
    assert_eq!(tried, [ip(), v6()], "it is measured when it comes");
}

#[tokio::test(start_paused = true)]
async fn a_dead_first_address_leaves_the_second() {
    let good = IpAddr::from([44, 128, 0, 2]);
    let lab = lab(
        host().with_address(ip()).with_address(good),
        [
            path().with_fault(Fault::BlackHole),
            Path::new(good).with_rtt(ms(RTT)),
        ],
    );
    let ended = probed(&lab).await;
    assert_eq!(ended.ranked.tier, Tier::Ready);
    let of = |ip| {
        let mut samples = ended.samples.iter();
        samples.find(|one| one.address.ip() == ip).unwrap()
    };
    let dead = of(ip()).outcome.clone().unwrap_err();
    assert_eq!((dead.phase(), dead.kind()), (Phase::Connect, Kind::Timeout));
    // The second one answers meanwhile, so three SYNs are enough.
    assert_eq!(of(ip()).elapsed, Duration::from_secs(4));
    assert!(of(good).outcome.is_ok());
    assert!(time_to_open(&lab).await < ms(500));
}

#[tokio::test(start_paused = true)]
async fn unroutable_ipv6_costs_nothing() {
    let lab = lab(
        host().with_address(ip()).with_address(v6()),
        [path(), Path::new(v6()).with_fault(Fault::Unreachable)],
    );
    let ended = probed(&lab).await;
    assert_eq!(ended.ranked.tier, Tier::Ready);
    let mut samples = ended.samples.iter();
    let unroutable = samples.find(|one| one.address.is_ipv6()).unwrap();
    let failure = unroutable.outcome.clone().unwrap_err();
    assert_eq!(
        (failure.phase(), failure.kind(), unroutable.elapsed),
        (Phase::Connect, Kind::Unreachable, ms(0))
    );
    assert_eq!(time_to_open(&lab).await, ms(10 + 3 * RTT));
}

#[tokio::test(start_paused = true)]
async fn an_impossible_address_is_never_dialled() {
    for bogus in ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1"] {
        let bogus: IpAddr = bogus.parse().unwrap();
        let lab = lab(host().with_address(bogus), []);
        let ended = probed(&lab).await;
        let kind = lookup(&ended, Family::of(bogus));
        assert_eq!(kind, (Some(Kind::BogusAddress), ms(10)), "{bogus}");
        assert_eq!((ended.ranked.tier, lab.dials()), (Tier::Unreachable, 0));
    }
    // It is left out next to a good address.
    let both = host().with_address([0, 0, 0, 0].into()).with_address(ip());
    let ended = probed(&lab(both, [path()])).await;
    assert_eq!((ended.ranked.tier, ended.samples.len()), (Tier::Ready, 1));
}

/// A local proxy or VPN may answer there for the host, and still has to prove the host's identity.
#[tokio::test(start_paused = true)]
async fn a_local_address_must_prove_to_be_the_host() {
    for local in ["127.0.0.1", "10.0.0.7", "192.168.1.1", "198.18.0.5", "::1"] {
        let local: IpAddr = local.parse().unwrap();
        for (fault, tier, failure) in [
            (Fault::None, Tier::Ready, None),
            (
                Fault::Refuse,
                Tier::Unreachable,
                Some((Phase::Connect, Kind::Refused)),
            ),
            (
                Fault::SelfSigned,
                Tier::Unreachable,
                Some((Phase::Tls, Kind::CertificateUntrusted)),
            ),
        ] {
            let path = Path::new(local).with_fault(fault);
            let ended = probed(&lab(host().with_address(local), [path])).await;
            let outcome = ended.samples[0].outcome.as_ref().err();
            let told = outcome.map(|failure| (failure.phase(), failure.kind()));
            assert_eq!((ended.ranked.tier, told), (tier, failure), "{local}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_sixty_four_addresses_sixteen_are_used_and_that_is_said() {
    let addresses = (0..64).map(|n| IpAddr::from([44, 128, 1, n]));
    let many = addresses.clone().fold(host(), Host::with_address);
    let paths = addresses.map(|ip| Path::new(ip).with_rtt(ms(RTT)));
    let lab = lab(many, paths);
    let ended = probed(&lab).await;
    assert_eq!((ended.samples.len(), lab.dials()), (16, 16));
    let mut lookups = ended.lookups.iter();
    let v4 = lookups.find(|one| one.family == Family::V4).unwrap();
    assert_eq!(v4.outcome.as_ref().unwrap().len(), 16);
    assert_eq!((v4.left_out, ended.ranked.stats.left_out()), (48, 48));
    assert!(time_to_open(&lab).await < ms(500));
    assert!(lab.dials() <= 16 + 16);
}
