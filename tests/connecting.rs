//! Races in the simulated network, in paused time: which attempt starts when, which one wins, and what
//! remains afterwards.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easelect_lab::{Dns, Fault, Host, Lab, Path, Scenario};
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};

use easelect::{
    Attempt, AttemptOutcome, Candidate, Catalog, CatalogFormat, ConnectOptions, DialOutcome,
    Failure, FailureKind, Family, Phase, Reconnector, Region, Resolve, Resolved, Selector,
    SelectorBuilder, Standing,
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

/// A private region whose hosts are `hosts`, named h0.example, h1.example, …
fn catalog(hosts: usize) -> Catalog {
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for n in 0..hosts {
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{n}.example/websocket\"\n"
        );
    }
    Catalog::builtin()
        .with_file(&text, CatalogFormat::Toml, "own.toml")
        .unwrap()
}

/// One host per path, each with one address.
fn world(paths: impl IntoIterator<Item = Path>) -> Lab {
    let mut scenario = Scenario::new(1);
    for (n, path) in paths.into_iter().enumerate() {
        let host = Host::new(&format!("h{n}.example")).with_address(path.addresses()[0]);
        scenario = scenario.with_host(host).with_path(path);
    }
    Lab::new(scenario).unwrap()
}

fn builder(lab: &Lab, hosts: usize) -> SelectorBuilder {
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog(hosts))
        .dialer(lab.dialer().build().unwrap())
}

fn selector(lab: &Lab, hosts: usize, seed: u64) -> Selector {
    builder(lab, hosts).seed(seed).build().unwrap()
}

fn path(n: u8, rtt: u64) -> Path {
    Path::new(ip(n)).with_rtt(ms(rtt))
}

/// The host of an attempt.
fn host(attempt: &Attempt) -> &str {
    attempt.endpoint.host()
}

fn starts(attempts: &[Attempt]) -> Vec<Duration> {
    attempts.iter().map(|one| one.started).collect()
}

/// Four addresses are dialled at once, a fifth when they are late. The one established first gets the
/// handshake. A fault costs only the time until it is noticed, and never wins.
#[tokio::test(start_paused = true)]
async fn a_cold_start_opens_on_the_first_that_is_established_and_sound() {
    let faults = [
        Fault::BlackHole,
        Fault::SilentTls,
        Fault::Expired,
        Fault::SelfSigned,
        Fault::DropData,
        Fault::CaptivePortal,
        Fault::SilentHttp,
        Fault::BadAccept,
    ];
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let rtts: Vec<u64> = (0..4).map(|_| 2 * random.u64(4..120)).collect();
        let faulted = random.usize(0..5);
        let fault = faults[random.usize(0..faults.len())];
        let lab = world(rtts.iter().enumerate().map(|(n, rtt)| {
            let path = path(u8::try_from(n).unwrap(), *rtt);
            if n == faulted {
                path.with_fault(fault)
            } else {
                path
            }
        }));
        let connection = selector(&lab, 4, seed).connect().await.unwrap();
        let attempts = connection.attempts();
        let what = format!("seed {seed}: {rtts:?} {fault:?} at {faulted}: {attempts:#?}");
        let number = |one: &Attempt| host(one)[1..2].parse::<usize>().unwrap();
        let won = |one: &&Attempt| one.outcome == AttemptOutcome::Won;
        assert_ne!(
            number(attempts.iter().find(won).unwrap()),
            faulted,
            "{what}"
        );
        let late = |one: &&Attempt| one.started >= ms(110);
        assert_eq!(starts(&attempts[..4]), [ms(0); 4], "{what}");
        assert!(attempts[4..].iter().all(|one| late(&one)), "{what}");
        // Established first, apart from those delayed by the handshake of the faulty one.
        let established = |one: &Attempt| one.started + ms(rtts[number(one)]);
        let sound = attempts.iter().filter(|one| number(one) != faulted);
        let first = sound.min_by_key(|one| established(one)).unwrap();
        let opened = established(first) + 2 * ms(rtts[number(first)]);
        let took = connection.time_to_open();
        let held_up = attempts.iter().find(|one| {
            let answers = number(one) == faulted && fault != Fault::BlackHole;
            answers && established(one) <= established(first)
        });
        match held_up {
            None => assert_eq!(took, opened, "{what}"),
            Some(trap) => {
                // TLS is late after 1.5 SYN round trips, the upgrade after 1.8.
                let noticed = established(trap) + ms(33 * rtts[faulted] / 10 + 90);
                let bound = opened.max(noticed + 3 * ms(rtts[number(first)]));
                // Then the spare with the shortest rest gets the handshake, even if it was established
                // later.
                let sound = attempts.iter().filter(|one| number(one) != faulted);
                let least = sound.map(|one| established(one) + 2 * ms(rtts[number(one)]));
                let least = least.min().unwrap();
                assert!(least <= took && took <= bound, "{took:?} {bound:?} {what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_starts_the_next_at_once() {
    let refusing = (0..5).map(|n| path(n, 30).with_fault(Fault::Refuse));
    let lab = world(refusing.chain([path(5, 30)]));
    for seed in 0..8 {
        let connection = selector(&lab, 6, seed).connect().await.unwrap();
        let attempts = connection.attempts();
        let won = |one: &&Attempt| one.outcome == AttemptOutcome::Won;
        let won = attempts.iter().find(won).unwrap();
        assert_eq!(connection.time_to_open(), won.started + ms(90));
        // All refuse after 30 ms: four at once, then one after the other.
        let plan = [0, 0, 0, 0, 30, 60].map(ms);
        assert_eq!(starts(attempts), plan[..attempts.len()], "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_session_tries_the_next() {
    for fault in [
        Fault::Expired,
        Fault::NoUpgradeHeader,
        Fault::CloseAfterTls,
        Fault::TlsAlert,
    ] {
        let lab = world([path(0, 10).with_fault(fault), path(1, 200)]);
        for seed in 0..4 {
            let connection = selector(&lab, 2, seed).connect().await.unwrap();
            assert_eq!(connection.endpoint().host(), "h1.example", "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn five_silent_ones_do_not_keep_the_sixth_waiting() {
    // One host with five dead addresses, and the good one at the end.
    let mut scenario = Scenario::new(1);
    let mut dead = Host::new("h0.example");
    for n in 0..5 {
        dead = dead.with_address(ip(n));
        scenario = scenario.with_path(path(n, 20).with_fault(Fault::BlackHole));
    }
    scenario = scenario
        .with_host(dead.with_address(ip(9)))
        .with_path(path(9, 20));
    let lab = Lab::new(scenario).unwrap();
    let connection = selector(&lab, 1, 1).connect().await.unwrap();
    assert_eq!(connection.address().ip(), ip(9));
    // Four at once; then one each time all are late, after 2.2 × 50 ms (the expectation when nothing is
    // known).
    let plan = [0, 0, 0, 0, 111, 222].map(ms);
    assert_eq!(starts(connection.attempts()), plan);
    assert_eq!(connection.time_to_open(), ms(222 + 60));
    assert!(matches!(
        connection.attempts()[0].outcome,
        AttemptOutcome::Cancelled(Phase::Connect)
    ));
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_every_attempt_is_told() {
    let lab = world([
        path(0, 20).with_fault(Fault::Refuse),
        path(1, 20).with_fault(Fault::Untrusted),
        path(2, 20).with_status(403),
    ]);
    lab.set_host(Host::new("h3.example").with_dns(Dns::NotFound))
        .unwrap();
    let error = selector(&lab, 4, 1).connect().await.unwrap_err();
    assert!(!error.is_timeout() && error.elapsed() < ms(300));
    let mut kinds: Vec<(String, FailureKind)> = error
        .attempts()
        .iter()
        .map(|one| match &one.outcome {
            AttemptOutcome::Failed(failure) => (host(one).to_owned(), failure.kind()),
            other => panic!("{other:?}"),
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    let of = |n: u8, kind| (format!("h{n}.example"), kind);
    assert_eq!(
        kinds,
        [
            of(0, FailureKind::Refused),
            of(1, FailureKind::CertificateUntrusted),
            of(2, FailureKind::Rejected),
            of(3, FailureKind::NotFound),
        ]
    );
    assert_eq!(lab.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_race_of_the_silent() {
    let lab = world((0..3).map(|n| path(n, 20).with_fault(Fault::SilentTls)));
    let error = selector(&lab, 3, 1).connect().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.elapsed(), Duration::from_secs(15));
    assert_eq!(error.attempts().len(), 3);
    assert_eq!(lab.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_family_does_not_hold_the_other_back() {
    let v6: IpAddr = "2600:1f00::1".parse().unwrap();
    let host = Host::new("h0.example")
        .with_address(ip(0))
        .with_address(v6)
        .with_dns_delay(ms(10))
        .with_dns_delay_aaaa(Duration::from_secs(3));
    let scenario = Scenario::new(1).with_host(host).with_path(path(0, 40));
    let lab = Lab::new(scenario).unwrap();
    let connection = selector(&lab, 1, 1).connect().await.unwrap();
    assert_eq!(connection.time_to_open(), ms(10 + 120));
    assert_eq!(connection.timings().get(Phase::Resolve), Some(ms(10)));
}

/// Both families of both hosts are answered at once, and IPv6 doesn't work.
#[tokio::test(start_paused = true)]
async fn a_broken_family_is_not_dialled_on_every_host() {
    for seed in 0..8 {
        let mut scenario = Scenario::new(1);
        for n in 0..2 {
            let v6: IpAddr = format!("2600:1f00::{n}").parse().unwrap();
            let host = Host::new(&format!("h{n}.example"));
            scenario = scenario
                .with_host(host.with_address(ip(n)).with_address(v6))
                .with_path(path(n, 40))
                .with_path(Path::new(v6).with_fault(Fault::BlackHole));
        }
        let lab = Lab::new(scenario).unwrap();
        // The race begins with two dials.
        let selector = selector(&lab, 2, seed);
        selector.set_policy(easelect::Policy::Thrifty);
        let connection = selector.connect().await.unwrap();
        assert_eq!(connection.time_to_open(), ms(120), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_question_is_asked_again() {
    /// Never answers the first query for a host and family.
    #[derive(Debug)]
    struct Loses(Arc<dyn Resolve>, Mutex<HashSet<(String, Family)>>);
    impl Resolve for Loses {
        fn resolve(
            &self,
            host: &str,
            family: Family,
        ) -> BoxFuture<'static, Result<Resolved, Failure>> {
            let first = self.1.lock().unwrap().insert((host.to_owned(), family));
            let answer = self.0.resolve(host, family);
            Box::pin(async move {
                if first {
                    std::future::pending::<()>().await;
                }
                answer.await
            })
        }
    }
    let lab = world([path(0, 40)]);
    let resolver = Loses(lab.resolver(), Mutex::default());
    let selector = builder(&lab, 1).dialer(lab.dialer().resolver(resolver).build().unwrap());
    let connection = selector.build().unwrap().connect().await.unwrap();
    assert_eq!(connection.time_to_open(), ms(1000 + 120));
}

/// Queries before that moment are lost.
#[derive(Debug)]
struct Away(Arc<dyn Resolve>, Mutex<tokio::time::Instant>);

impl Resolve for Away {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let lost = tokio::time::Instant::now() < *self.1.lock().unwrap();
        let answer = self.0.resolve(host, family);
        Box::pin(async move {
            if lost {
                std::future::pending::<()>().await;
            }
            answer.await
        })
    }
}

/// The network is silent for a while, then works. Known or not, and whatever the kernel's
/// retransmissions, the race notices within half a second ...
#[tokio::test(start_paused = true)]
async fn a_network_that_comes_back_is_noticed_at_once() {
    let kernels: [&[u64]; 2] = [&[0, 1, 2, 3, 4, 5, 7, 11], &[0, 1, 3, 7, 15]];
    let outages = |kernel| [1_700, 2_500, 3_700, 6_000].map(|away| (kernel, away));
    for (kernel, away) in kernels.into_iter().flat_map(outages) {
        // On an unknown network dials are repeated until 4.5 s.
        for known in [true, false]
            .into_iter()
            .filter(|known| *known || away < 4_500)
        {
            let mut scenario = Scenario::new(1);
            for n in 0..2 {
                let host = Host::new(&format!("h{n}.example"));
                scenario = scenario
                    .with_host(host.with_address(ip(n)).with_address(ip(n + 2)))
                    .with_path(path(n, 30))
                    .with_path(path(n + 2, 30));
            }
            let seconds = kernel.iter().copied().map(Duration::from_secs);
            let lab = Lab::new(scenario.with_syn_retransmit(&seconds.collect::<Vec<_>>())).unwrap();
            let start = tokio::time::Instant::now();
            let resolver = Arc::new(Away(lab.resolver(), Mutex::new(start)));
            let dialer = lab
                .dialer()
                .resolver(Arc::clone(&resolver))
                .build()
                .unwrap();
            let selector = builder(&lab, 2).dialer(dialer).build().unwrap();
            if known {
                selector.connect().await.unwrap();
            }
            let all = |fault| (0..4).for_each(|n| lab.set_fault(ip(n), fault).unwrap());
            all(Fault::BlackHole);
            *resolver.1.lock().unwrap() = tokio::time::Instant::now() + ms(away);
            let back = async {
                tokio::time::sleep(ms(away)).await;
                all(Fault::None);
            };
            let (connection, ()) = tokio::join!(selector.connect(), back);
            let connection = connection.unwrap();
            let took = connection.time_to_open();
            let what = format!("{kernel:?}, {away} ms, known: {known}: {took:?}");
            // ... or within a quarter of the silence; three round trips follow.
            assert!(took <= ms(away + 500.max(away / 4) + 100), "{what}");
            let dialled = connection.attempts().iter();
            let times = dialled.filter(|one| one.address.is_some());
            assert!(times.count() <= 4, "each address is told once");
        }
    }
}

/// How many attempts reached TLS.
fn handshakes(attempts: &[Attempt]) -> usize {
    let begun = |one: &&Attempt| match &one.outcome {
        AttemptOutcome::Won => true,
        AttemptOutcome::Failed(failure) => failure.phase() > Phase::Connect,
        AttemptOutcome::Cancelled(phase) => *phase > Phase::Connect,
    };
    attempts.iter().filter(begun).count()
}

/// At 20 kbit/s each handshake delays all others by a second. Queued SYN-ACKs reveal the slow link.
/// Without them the race starts one hedge, and no more until bytes arrive.
#[tokio::test(start_paused = true)]
async fn on_a_slow_link_hedges_do_not_take_what_the_first_needs() {
    for (apart, most) in [(30, 1), (0, 2)] {
        for seed in 0..8 {
            let slow = |n: u8| path(n, 260 + apart * u64::from(n)).with_bandwidth_kbps(20);
            let lab = world((0..4).map(slow));
            let connection = selector(&lab, 4, seed).connect().await.unwrap();
            let attempts = connection.attempts();
            assert!(handshakes(attempts) <= most, "seed {seed}: {attempts:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_remembered_address_is_dialled_before_dns_has_answered() {
    let host = Host::new("h0.example")
        .with_address(ip(0))
        .with_dns_delay(ms(300));
    let scenario = Scenario::new(1).with_host(host).with_path(path(0, 40));
    let lab = Lab::new(scenario).unwrap();
    let selector = selector(&lab, 1, 1);
    assert_eq!(
        selector.connect().await.unwrap().time_to_open(),
        ms(300 + 120)
    );
    let again = selector.connect().await.unwrap();
    assert_eq!(again.time_to_open(), ms(120));
    assert_eq!(
        again.timings().get(Phase::Resolve),
        None,
        "nobody waited for it"
    );
    // The host has moved: TLS rejects the old address, and DNS gives the new one. The query that is
    // under way is answered first.
    tokio::time::sleep(ms(300)).await;
    lab.set_fault(ip(0), Fault::WrongHost).unwrap();
    lab.set_path(path(1, 40)).unwrap();
    lab.set_addresses("h0.example", &[ip(1)]).unwrap();
    let moved = selector.connect().await.unwrap();
    assert_eq!(
        (moved.address().ip(), moved.time_to_open()),
        (ip(1), ms(300 + 120))
    );
}

/// A company's own DNS may return private addresses for public names; a local proxy invents them.
#[tokio::test(start_paused = true)]
async fn a_private_address_is_remembered_once_it_opened() {
    let private: IpAddr = "10.9.8.7".parse().unwrap();
    let host = Host::new("im-api-sgp-v2.easemob.com").with_address(private);
    let scenario = Scenario::new(1)
        .with_host(host.with_dns_delay(ms(300)))
        .with_path(Path::new(private).with_rtt(ms(40)));
    let lab = Lab::new(scenario).unwrap();
    let selector = Selector::builder(Region::SGP1)
        .dialer(lab.dialer().build().unwrap())
        .build()
        .unwrap();
    let first = selector.connect().await.unwrap().time_to_open();
    assert_eq!(first, ms(300 + 120));
    assert_eq!(selector.connect().await.unwrap().time_to_open(), ms(120));
}

#[tokio::test(start_paused = true)]
async fn a_warm_race_dials_few_and_handshakes_one() {
    let lab = world((0..6).map(|n| path(n, 40 + 60 * u64::from(n))));
    let selector = selector(&lab, 6, 4);
    for _ in 0..10 {
        selector.connect().await.unwrap();
    }
    let (dials, handshakes) = (lab.dials(), lab.handshakes());
    for _ in 0..20 {
        assert_eq!(selector.connect().await.unwrap().time_to_open(), ms(120));
    }
    assert!(
        lab.dials() - dials <= 20 * 2,
        "{} dials",
        lab.dials() - dials
    );
    assert_eq!(lab.handshakes() - handshakes, 20);
    assert_eq!(selector.best().unwrap().host(), "h0.example");
}

#[tokio::test(start_paused = true)]
async fn a_late_handshake_is_hedged_on_a_spare() {
    let lab = world([path(0, 40), path(1, 44), path(2, 300)]);
    let selector = selector(&lab, 3, 1);
    for _ in 0..6 {
        selector.connect().await.unwrap();
    }
    // The best goes silent after TCP. The spare is established and takes over once the best is late.
    lab.set_fault(ip(0), Fault::SilentTls).unwrap();
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.endpoint().host(), "h1.example");
    assert!(
        connection.time_to_open() < ms(300),
        "{:?}",
        connection.attempts()
    );
}

#[tokio::test(start_paused = true)]
async fn the_preference_does_not_flap_between_equals() {
    let jittery = |n| path(n, 60).with_jitter(0.15);
    let lab = world((0..4).map(jittery));
    let selector = selector(&lab, 4, 2);
    let mut changes = 0;
    let mut before = None;
    for _ in 0..200 {
        selector.connect().await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
        let best = selector.best();
        changes += usize::from(before.is_some() && best != before);
        before = best;
    }
    assert!(changes <= 6, "{changes} changes in 200 connections");
}

#[tokio::test(start_paused = true)]
async fn conservative_means_one_at_a_time() {
    let lab = world(
        (0..4)
            .map(|n| path(n, 40).with_fault(Fault::BlackHole))
            .chain([path(4, 40)]),
    );
    let selector = selector(&lab, 5, 3);
    selector.set_policy(easelect::Policy::Conservative);
    let connection = selector.connect().await.unwrap();
    let attempts = connection.attempts();
    for pair in attempts.windows(2) {
        assert!(pair[1].started >= pair[0].ended, "{attempts:?}");
        assert!(pair[1].started - pair[0].started >= Duration::from_secs(3));
    }
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_gives_an_overloaded_server_ten_seconds() {
    let busy = |n| {
        path(n, 40)
            .with_fault(Fault::None)
            .with_tls_delay(Duration::from_secs(8))
    };
    let lab = world([busy(0), busy(1)]);
    let selector = selector(&lab, 2, 3);
    selector.set_policy(easelect::Policy::Conservative);
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.attempts().len(), 1);
    assert_eq!(connection.time_to_open(), Duration::from_secs(8) + ms(120));
}

/// A client in a small crowd, which waits for at most 2 ms, whose connection was open for a minute and
/// is lost now; and the address of that connection.
async fn lost(selector: &Selector) -> (Reconnector, std::net::IpAddr) {
    let hint = easelect::ServerHint {
        clients: 1.0,
        rate: 1e3,
    };
    selector.set_server_hint(Some(hint)).unwrap();
    let mut reconnector = selector.reconnector();
    let connection = reconnected(&mut reconnector).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    (reconnector, connection.address().ip())
}

async fn reconnected(reconnector: &mut Reconnector) -> easelect::Connection {
    reconnector.connect(&ConnectOptions::new()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn reconnecting_past_a_silent_host_takes_no_second() {
    for seed in 0..8 {
        let lab = world([path(0, 40), path(1, 60), path(2, 80)]);
        let selector = selector(&lab, 3, seed);
        selector.connect().await.unwrap();
        let (mut reconnector, best) = lost(&selector).await;
        lab.set_fault(best, Fault::BlackHole).unwrap();
        let connection = reconnected(&mut reconnector).await;
        let took = connection.time_to_open();
        assert!(took < ms(1_000), "seed {seed}: {took:?}");
        assert_ne!(connection.address().ip(), best);
        // Until then, one at a time.
        let starts = starts(connection.attempts());
        assert_eq!(starts[0], ms(0));
        assert!(starts[1] >= ms(300), "seed {seed}: {starts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reconnecting_past_a_host_that_is_silent_in_tls_takes_no_two_seconds() {
    for fault in [Fault::SilentTls, Fault::DropData] {
        for seed in 0..8 {
            let lab = world([path(0, 40), path(1, 60), path(2, 80)]);
            let selector = selector(&lab, 3, seed);
            selector.connect().await.unwrap();
            let (mut reconnector, best) = lost(&selector).await;
            lab.set_fault(best, fault).unwrap();
            let connection = reconnected(&mut reconnector).await;
            let took = connection.time_to_open();
            assert!(took < ms(2_000), "seed {seed}, {fault:?}: {took:?}");
            // One hedge, and only when the first is clearly late.
            let starts = starts(connection.attempts());
            assert_eq!(starts.len(), 2, "seed {seed}, {fault:?}: {starts:?}");
            assert!(starts[1] >= ms(1_500), "seed {seed}: {starts:?}");
        }
    }
}

/// A slow candidate is not dead: it is hedged, continues, and wins.
#[tokio::test(start_paused = true)]
async fn reconnecting_reaches_a_slow_host_and_never_abandons_its_handshake() {
    let slow = path(0, 600).with_tls_delay(ms(1_900));
    let silent = [1, 2].map(|n| path(n, 700).with_fault(Fault::SilentTls));
    let lab = world([slow].into_iter().chain(silent));
    let selector = selector(&lab, 3, 1);
    let (mut reconnector, _) = lost(&selector).await;
    let connection = reconnected(&mut reconnector).await;
    let attempts = connection.attempts();
    assert_eq!(host(&attempts[0]), "h0.example");
    assert_eq!(attempts[0].outcome, AttemptOutcome::Won);
    assert_eq!(connection.time_to_open(), ms(600 + 2_500 + 600));
    assert_eq!(attempts.len(), 2, "{attempts:#?}");
}

/// In a crowd's queue a hedge would make the queue longer. 3 s after the loss it waits for 9 s.
#[tokio::test(start_paused = true)]
async fn whoever_waited_for_a_crowd_leaves_a_late_handshake_alone() {
    let busy = |n| path(n, 40).with_tls_delay(Duration::from_secs(8));
    let mut waited_longest = Duration::ZERO;
    for seed in 0..8 {
        let lab = world([busy(0), busy(1)]);
        let selector = selector(&lab, 2, seed);
        let (mut reconnector, _) = lost(&selector).await;
        selector.set_server_hint(None).unwrap();
        let began = tokio::time::Instant::now();
        let connection = reconnected(&mut reconnector).await;
        let waited = began.elapsed() - connection.time_to_open();
        let hedged = connection.attempts().len() > 1;
        assert_eq!(hedged, 3 * waited < Duration::from_secs(8), "{waited:?}");
        waited_longest = waited_longest.max(waited);
    }
    assert!(waited_longest > Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_comes_first_the_next_time() {
    let lab = world([path(0, 200), path(1, 20), path(2, 300)]);
    let selector = selector(&lab, 3, 3);
    for _ in 0..3 {
        selector.connect().await.unwrap();
    }
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.time_to_open(), ms(60));
    assert_eq!(host(&connection.attempts()[0]), "h1.example");
    let best = selector.best().unwrap();
    assert_eq!(best.host(), "h1.example");
    let ranking = selector.expectations();
    assert_eq!(ranking[0].endpoint, best);
    assert_eq!(ranking[0].standing, Standing::Preferred);
    let open = ranking[0].time_to_open.as_secs_f64() * 1e3;
    assert!((open - 60.0).abs() < 6.0, "{open}");
    let told = selector.explain().to_string();
    assert_eq!(told.lines().count(), 1 + ranking.len(), "{told}");
    assert!(
        told.lines().nth(1).unwrap().ends_with(": preferred"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_app_that_dials_itself_gets_the_same_plan_and_learning() {
    let lab = world([path(0, 40), path(1, 20), path(2, 30)]);
    let selector = selector(&lab, 3, 1);
    let candidates: Vec<Candidate> = selector.candidates().try_collect().await.unwrap();
    let delays: Vec<Duration> = candidates.iter().map(|one| one.delay).collect();
    assert_eq!(delays, [ms(0), ms(20), ms(100)]);
    for (n, candidate) in candidates.iter().enumerate() {
        let timeout = Failure::new(Phase::Connect, FailureKind::Timeout);
        let outcome = match n {
            1 => DialOutcome::Opened,
            _ => DialOutcome::Failed(timeout),
        };
        selector.report(candidate, outcome, ms(50));
    }
    assert_eq!(selector.best().as_ref(), Some(&candidates[1].endpoint));
    let again = selector.candidates().next().await.unwrap().unwrap();
    assert_eq!(again.endpoint, candidates[1].endpoint);
}

/// A name without A records may have AAAA records.
#[tokio::test(start_paused = true)]
async fn an_app_that_dials_itself_is_told_of_silence_before_an_empty_family() {
    let lab = world([path(0, 40)]);
    let host = Host::new("h0.example").with_dns(Dns::NoAddress);
    lab.set_host(host.with_dns_aaaa(Dns::Timeout)).unwrap();
    let mut candidates = selector(&lab, 1, 1).candidates();
    let error = candidates.next().await.unwrap().unwrap_err();
    assert!(candidates.next().await.is_none(), "it is told once");
    assert!(candidates.next().await.is_none());
    match &error.attempts()[0].outcome {
        AttemptOutcome::Failed(failure) => assert_eq!(failure.kind(), FailureKind::Timeout),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_seed_replays_the_same_race() {
    let mut orders = Vec::new();
    for seed in [5, 5, 6, 7, 8, 9] {
        let lab = world((0..6).map(|n| path(n, 500)));
        let connection = selector(&lab, 6, seed).connect().await.unwrap();
        let order: Vec<String> = connection
            .attempts()
            .iter()
            .map(|one| host(one).to_owned())
            .collect();
        orders.push(order);
    }
    assert_eq!(orders[0], orders[1]);
    assert!(
        orders[2..].iter().any(|other| *other != orders[0]),
        "no million begins alike"
    );
}
