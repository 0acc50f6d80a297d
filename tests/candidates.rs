//! Candidates for apps whose own SDK dials: when each is yielded, and what reports teach.

use std::net::IpAddr;
use std::time::Duration;

use easelect::{
    Candidate, Catalog, CatalogFormat, DialOutcome, Expectation, Failure, FailureKind, Phase,
    RefreshBudget, Region, Selector, Standing,
};
use easelect_lab::{Dns, Host, Lab, Path, Scenario};
use futures::{StreamExt, TryStreamExt};
use tokio::time::Instant;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

fn host(n: u8) -> Host {
    Host::new(&format!("h{n}.example")).with_address(ip(n))
}

/// Hosts h0.example … in their own region.
fn world(hosts: impl IntoIterator<Item = Host>) -> (Lab, Selector) {
    let (mut scenario, mut text) = (Scenario::new(1), "[[region]]\nid = \"own\"\n".to_owned());
    for (n, host) in hosts.into_iter().enumerate() {
        scenario = scenario.with_host(host);
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{n}.example/websocket\"\n"
        );
    }
    for n in 0..10 {
        scenario = scenario.with_path(Path::new(ip(n)).with_rtt(ms(40)));
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    let lab = Lab::new(scenario).unwrap();
    let selector = Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .refresh(RefreshBudget::NONE)
        .seed(1)
        .build()
        .unwrap();
    (lab, selector)
}

/// When each candidate came, with the last byte of its address, and when the stream ended.
async fn arrivals(selector: &Selector) -> (Vec<(Duration, u8)>, Duration) {
    let (started, mut arrivals) = (Instant::now(), Vec::new());
    let mut candidates = selector.candidates();
    while let Some(candidate) = candidates.next().await {
        let IpAddr::V4(address) = candidate.unwrap().address.ip() else {
            panic!("there is no IPv6 here")
        };
        arrivals.push((started.elapsed(), address.octets()[3]));
    }
    let ended = started.elapsed();
    assert!(candidates.next().await.is_none(), "it stays ended");
    (arrivals, ended)
}

async fn all(selector: &Selector) -> Vec<Candidate> {
    selector.candidates().try_collect().await.unwrap()
}

fn expected(selector: &Selector, candidate: &Candidate) -> Expectation {
    let shown = selector.expectations();
    let one = shown
        .iter()
        .find(|one| one.address == candidate.address)
        .unwrap();
    one.clone()
}

#[tokio::test(start_paused = true)]
async fn a_silent_name_holds_up_nobody() {
    let silent = host(0).with_dns(Dns::Timeout);
    let (_lab, selector) = world([silent, host(1).with_dns_delay(ms(20))]);
    let (arrivals, ended) = arrivals(&selector).await;
    assert_eq!(arrivals, [(ms(20), 1)]);
    assert_eq!(ended, Duration::from_secs(5), "the attempt timeout");
}

#[tokio::test(start_paused = true)]
async fn what_opened_before_comes_before_its_name_is_answered() {
    let slow = |n| host(n).with_dns_delay(ms(300));
    let (lab, selector) = world([slow(0), slow(1)]);
    lab.set_rtt(ip(1), ms(60)).unwrap();
    selector.connect().await.unwrap();
    // The other one was only dialled; it never opened.
    let (arrivals, ended) = arrivals(&selector).await;
    assert_eq!(arrivals, [(ms(0), 0), (ms(300), 1)]);
    assert_eq!(ended, ms(300));
}

#[tokio::test(start_paused = true)]
async fn all_that_opened_before_come_at_once() {
    let two = || host(0).with_address(ip(5));
    let (lab, selector) = world([two(), host(1).with_dns(Dns::Timeout)]);
    for candidate in all(&selector).await {
        selector.report(&candidate, DialOutcome::Opened, ms(120));
    }
    lab.set_host(two().with_dns(Dns::Timeout)).unwrap();
    let (mut arrivals, _) = arrivals(&selector).await;
    arrivals.sort();
    assert_eq!(arrivals, [(ms(0), 0), (ms(0), 5)]);
}

#[tokio::test(start_paused = true)]
async fn another_host_is_waited_for_a_little_before_a_second_address() {
    let two = || host(0).with_address(ip(5));
    let (_lab, selector) = world([two(), host(1).with_dns_delay(ms(20))]);
    let soon = [(ms(0), 0), (ms(20), 1), (ms(20), 5)];
    assert_eq!(arrivals(&selector).await.0, soon);
    let (_lab, selector) = world([two(), host(1).with_dns_delay(ms(3000))]);
    let late = [(ms(0), 0), (ms(50), 5), (ms(3000), 1)];
    assert_eq!(arrivals(&selector).await.0, late);
}

#[tokio::test(start_paused = true)]
async fn who_failed_before_comes_after_those_whose_names_come_soon() {
    let (lab, selector) = world([host(0), host(1)]);
    let failed = || DialOutcome::Failed(Failure::new(Phase::Connect, FailureKind::Refused));
    for candidate in all(&selector).await {
        if candidate.address.ip() == ip(0) {
            selector.report(&candidate, failed(), ms(40));
        }
    }
    for (delay, second) in [(30, 30), (2000, 50)] {
        lab.set_host(host(1).with_dns_delay(ms(delay))).unwrap();
        let mut arrivals = arrivals(&selector).await.0;
        arrivals.sort_by_key(|one| one.1);
        assert_eq!(arrivals, [(ms(second), 0), (ms(delay), 1)]);
    }
}

/// The start times of an app that respects each delay.
#[tokio::test(start_paused = true)]
async fn delays_count_from_the_start_before() {
    let (_lab, selector) = world((0..4).map(host));
    let delays: Vec<Duration> = all(&selector).await.iter().map(|one| one.delay).collect();
    assert_eq!(delays, [0, 20, 100, 100].map(ms));
    selector.connect().await.unwrap();
    let warm = all(&selector).await;
    assert_eq!(warm[0].delay, ms(0));
    // As long as the previous one may take: three round trips and their variation.
    for pair in warm.windows(2) {
        assert!((ms(120)..ms(500)).contains(&pair[1].delay), "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_after_a_move_teaches_nothing() {
    let (_lab, selector) = world([host(0), host(1)]);
    let candidates = all(&selector).await;
    selector.network_changed(Some("office"));
    selector.network_changed(Some("home"));
    for candidate in &candidates {
        selector.report(candidate, DialOutcome::Opened, ms(100));
    }
    assert_eq!(selector.best(), None);
    let again = all(&selector).await;
    selector.report(&again[0], DialOutcome::Opened, ms(100));
    assert_eq!(selector.best().as_ref(), Some(&again[0].endpoint));
}

#[tokio::test(start_paused = true)]
async fn who_was_silent_while_another_opened_is_slower_than_thought() {
    let (_lab, selector) = world([host(0), host(1)]);
    for candidate in all(&selector).await {
        selector.report(&candidate, DialOutcome::Opened, ms(120));
    }
    let candidates = all(&selector).await;
    let (won, lost) = (&candidates[1], &candidates[0]);
    let before = expected(&selector, lost);
    // None has opened, so the network may be the reason.
    selector.report(lost, DialOutcome::GivenUp, ms(900));
    assert_eq!(expected(&selector, lost), before);
    selector.report(won, DialOutcome::Opened, ms(120));
    // Cancelled before it was due, so it is not penalised.
    let before = expected(&selector, lost);
    selector.report(lost, DialOutcome::GivenUp, ms(60));
    assert_eq!(expected(&selector, lost), before);
    selector.report(lost, DialOutcome::GivenUp, ms(900));
    let once = expected(&selector, lost);
    assert!(once.time_to_open > before.time_to_open);
    assert!(once.failure_probability > before.failure_probability);
    assert_ne!(once.standing, Standing::BreakerOpen);
    selector.report(lost, DialOutcome::GivenUp, ms(900));
    let twice = expected(&selector, lost).standing;
    assert_eq!(twice, Standing::BreakerOpen);
}

#[tokio::test(start_paused = true)]
async fn times_that_can_not_be_do_no_harm() {
    let (_lab, selector) = world([host(0), host(1)]);
    for candidate in all(&selector).await {
        selector.report(&candidate, DialOutcome::Opened, ms(120));
    }
    let candidates = all(&selector).await;
    selector.report(&candidates[0], DialOutcome::Opened, ms(120));
    let times = || {
        candidates
            .iter()
            .map(|one| expected(&selector, one).time_to_open)
    };
    let before: Vec<Duration> = times().collect();
    for absurd in [Duration::ZERO, Duration::from_secs(3600), Duration::MAX] {
        for outcome in [DialOutcome::Opened, DialOutcome::GivenUp] {
            for candidate in &candidates {
                selector.report(candidate, outcome.clone(), absurd);
            }
        }
    }
    assert_eq!(times().collect::<Vec<_>>(), before);
    let barred = |one: &&Expectation| one.standing == Standing::BreakerOpen;
    assert_eq!(selector.expectations().iter().filter(barred).count(), 0);
}
