//! Racing in the simulated network, in paused time: which attempt starts when, who wins, what is
//! left behind.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Context;
use std::time::Duration;

use easelect::lab::{Dns, Fault, Host, Lab, Path, Scenario};
use easelect::{
    Attempt, AttemptOutcome, Catalog, CatalogFormat, Failure, FailureKind, Phase, Region, Selector,
    TlsClient,
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

fn selector(lab: &Lab, hosts: usize, seed: u64) -> Selector {
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog(hosts))
        .resolver(lab.resolver())
        .connector(lab.connector())
        .tls(TlsClient::with_roots([lab.root()]).unwrap())
        .seed(seed)
        .build()
        .unwrap()
}

fn path(n: u8, rtt: u64) -> Path {
    Path::new(ip(n)).with_rtt(ms(rtt))
}

/// Which host an attempt was at.
fn host(attempt: &Attempt) -> &str {
    attempt.endpoint.host()
}

fn starts(attempts: &[Attempt]) -> Vec<Duration> {
    attempts.iter().map(|one| one.started).collect()
}

#[tokio::test(start_paused = true)]
async fn the_time_to_open_is_the_least_of_planned_start_plus_handshake() {
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
        // The race ends with the winner: candidates whose start was planned later never began.
        // Silent faults start nothing early; refusals may, so that the plan is read off.
        let attempts = connection.attempts();
        let finish = |attempt: &Attempt| {
            let n: usize = host(attempt)[1..2].parse().unwrap();
            (n != faulted).then(|| attempt.started + 3 * ms(rtts[n]))
        };
        let least = attempts.iter().filter_map(finish).min().unwrap();
        assert_eq!(
            connection.time_to_open(),
            least,
            "seed {seed}: {rtts:?} {fault:?}"
        );
        let winner = attempts
            .iter()
            .find(|one| one.outcome == AttemptOutcome::Won)
            .unwrap();
        assert_ne!(host(winner), format!("h{faulted}.example"), "seed {seed}");
        let in_plan = [ms(0), ms(20), ms(120), ms(220)];
        let failed = |one: &Attempt| matches!(one.outcome, AttemptOutcome::Failed(_));
        if !attempts.iter().any(failed) {
            assert_eq!(starts(attempts), in_plan[..attempts.len()], "seed {seed}");
        }
        // Whoever was not started could not have been first.
        if attempts.len() < 4 && !attempts.iter().any(failed) {
            assert!(in_plan[attempts.len()] >= least, "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_starts_the_next_at_once() {
    let lab = world([
        path(0, 30).with_fault(Fault::Refuse),
        path(1, 30).with_fault(Fault::Refuse),
        path(2, 30),
    ]);
    let connection = selector(&lab, 3, 1).connect().await.unwrap();
    let attempts = connection.attempts();
    let won = attempts
        .iter()
        .find(|one| one.outcome == AttemptOutcome::Won)
        .unwrap();
    assert!(won.started <= ms(50), "{attempts:?}");
    assert_eq!(connection.time_to_open(), won.started + ms(90));
    // The first refusal came after 30 ms, long before the third start was planned.
    assert_eq!(starts(attempts)[2], ms(30));
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
async fn of_five_silent_ones_one_gives_way_to_the_sixth() {
    // One host with five dead addresses, so that the good one of the other is sometimes last.
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
    assert_eq!(connection.time_to_open(), ms(1000 + 60));
    assert_eq!(
        starts(connection.attempts()),
        [0, 20, 120, 220, 320, 1000].map(ms)
    );
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
    assert!(!error.timed_out() && error.elapsed() < ms(300));
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
    assert!(error.timed_out());
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
    assert_eq!(selector.connect().await.unwrap().time_to_open(), ms(120));
    // The host has moved: TLS can't be fooled, and the new address is found.
    lab.set_fault(ip(0), Fault::WrongHost).unwrap();
    lab.set_path(path(1, 40)).unwrap();
    lab.set_addresses("h0.example", &[ip(1)]).unwrap();
    let moved = selector.connect().await.unwrap();
    assert_eq!(
        (moved.address().ip(), moved.time_to_open()),
        (ip(1), ms(300 + 120))
    );
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
    // The best goes silent after TCP: the spare is established, and takes over once it is late.
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
    assert_eq!(
        selector.ranking().unwrap().best().unwrap().endpoint(),
        &best
    );
}

#[tokio::test(start_paused = true)]
async fn an_app_that_dials_itself_gets_the_same_plan_and_learning() {
    let lab = world([path(0, 40), path(1, 20), path(2, 30)]);
    let selector = selector(&lab, 3, 1);
    let candidates = selector.candidates().await.unwrap();
    let delays: Vec<Duration> = candidates.iter().map(|one| one.delay).collect();
    assert_eq!(delays, [ms(0), ms(20), ms(120)]);
    for (n, candidate) in candidates.iter().enumerate() {
        let outcome = match n {
            1 => Ok(()),
            _ => Err(Failure::new(Phase::Connect, FailureKind::Timeout)),
        };
        selector.report(candidate, outcome, ms(50));
    }
    assert_eq!(selector.best().as_ref(), Some(&candidates[1].endpoint));
    let again = selector.candidates().await.unwrap();
    assert_eq!(again[0].endpoint, candidates[1].endpoint);
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

/// Polls `future` `polls` times, letting the rest of the world go on in between; whether it is
/// still pending.
async fn pending_after(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        let mut context = Context::from_waker(futures::task::noop_waker_ref());
        if future.as_mut().poll(&mut context).is_ready() {
            return false;
        }
        tokio::time::sleep(ms(1)).await;
    }
    true
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_moment_a_race_leaves_nothing_open() {
    let mut polls = 0;
    loop {
        let lab = world([
            path(0, 60).with_fault(Fault::BlackHole),
            path(1, 40).with_fault(Fault::Refuse),
            path(2, 60),
        ]);
        let pending = pending_after(selector(&lab, 3, 1).connect(), polls).await;
        assert_eq!(lab.open(), 0, "dropped after {polls} polls");
        if !pending {
            break;
        }
        polls += 1;
    }
    assert!(polls > 100, "the race took {polls} polls");
}
