//! A run that ends early lists what was under way or never started as unfinished, not as failed.

use std::net::IpAddr;
use std::time::Duration;

use easelect::{
    Ended, Endpoint, Failure, Family, Phase, ProbeEvent, ProbeOutcome, Prober, ProberBuilder,
    Region, Resolve, Resolved, Rounds, Service, Unfinished,
};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;
use futures::future::BoxFuture;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

/// Two hosts, 40 ms away; the second has this fault.
fn world(fault: Fault) -> (Lab, Vec<Endpoint>) {
    let hosts = ["a.example", "b.example"];
    let scenario = (1..)
        .zip(hosts)
        .fold(Scenario::new(1), |scenario, (n, host)| {
            let host = Host::new(host).with_address(ip(n));
            let path = Path::new(ip(n)).with_rtt(ms(40));
            let path = match n {
                1 => path,
                _ => path.with_fault(fault),
            };
            scenario.with_host(host).with_path(path)
        });
    let endpoints = hosts.map(|host| {
        Endpoint::new(Region::CN1, Service::Websocket, &format!("wss://{host}/ws")).unwrap()
    });
    (Lab::new(scenario).unwrap(), endpoints.to_vec())
}

fn prober(lab: &Lab, endpoints: Vec<Endpoint>) -> ProberBuilder {
    Prober::builder()
        .dialer(lab.dialer().build().unwrap())
        .endpoints(endpoints)
        .rounds(Rounds::Exact(3))
        .seed(1)
}

/// The unfinished entries of the second host.
fn of_second(outcome: &ProbeOutcome) -> Vec<&Unfinished> {
    let all = outcome.unfinished.iter();
    all.filter(|one| one.endpoint.host() == "b.example")
        .collect()
}

fn failures(outcome: &ProbeOutcome) -> usize {
    let endpoints = outcome.rankings.iter().flat_map(|one| &one.endpoints);
    endpoints.map(|one| one.stats.failures().len()).sum()
}

#[tokio::test(start_paused = true)]
async fn what_the_deadline_cut_off_is_no_failure_and_tells_its_phase() {
    for (fault, phase, before) in [
        (Fault::BlackHole, Phase::Connect, 0),
        (Fault::SilentTls, Phase::Tls, 40),
        (Fault::SilentHttp, Phase::Upgrade, 80),
    ] {
        let (lab, endpoints) = world(fault);
        let prober = prober(&lab, endpoints).deadline(ms(2000));
        let outcome = prober.build().unwrap().run().outcome().await;
        assert_eq!(outcome.ended, Ended::Deadline);
        assert_eq!(failures(&outcome), 0, "{phase}");
        let [under_way, planned] = of_second(&outcome)[..] else {
            panic!("{:?}", outcome.unfinished)
        };
        assert_eq!(under_way.phase, Some(phase));
        assert_eq!(under_way.address.unwrap().ip(), ip(2));
        assert_eq!(under_way.timings.total(), ms(before));
        assert_eq!(under_way.timings.iter().count() as u64, before / 40);
        let started = under_way.started.unwrap();
        assert_eq!(started + ms(before) + under_way.waited, ms(2000));
        assert_eq!((planned.phase, planned.started), (None, None));
        assert_eq!((planned.attempts, planned.waited), (2, Duration::ZERO));
        let endpoints = outcome.rankings.iter().flat_map(|one| &one.endpoints);
        let counted: u64 = endpoints.map(|one| one.stats.unfinished()).sum();
        let listed: u64 = outcome.unfinished.iter().map(|one| one.attempts).sum();
        assert_eq!(counted, listed);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_a_run_is_no_deadline_and_the_stream_tells_the_rest() {
    let (lab, endpoints) = world(Fault::SilentTls);
    let mut probing = prober(&lab, endpoints).build().unwrap().run();
    let mut before = 0;
    while let Some(event) = probing.next().await {
        before += u32::from(matches!(event, ProbeEvent::Sample(_)));
        if before == 1 {
            break;
        }
    }
    // Ends in the meantime, with its event unread.
    tokio::time::sleep(ms(300)).await;
    probing.cut_off();
    let mut after = 0;
    let mut last = None;
    while let Some(event) = probing.next().await {
        match event {
            ProbeEvent::Sample(_) => after += 1,
            ProbeEvent::Finished(outcome) => last = Some(outcome),
            _ => {}
        }
    }
    let outcome = last.unwrap();
    assert_eq!(outcome.ended, Ended::Stopped);
    assert!(after > 0);
    assert_eq!(of_second(&outcome)[0].phase, Some(Phase::Tls));
    let endpoints = outcome.rankings.iter().flat_map(|one| &one.endpoints);
    let attempts: u64 = endpoints.map(|one| one.stats.attempts()).sum();
    assert_eq!(attempts, before as u64 + after);
}

#[tokio::test(start_paused = true)]
async fn a_whole_run_leaves_nothing_unfinished() {
    let (lab, endpoints) = world(Fault::Refuse);
    let outcome = prober(&lab, endpoints)
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    assert_eq!(outcome.ended, Ended::Complete);
    assert!(outcome.complete() && outcome.unfinished.is_empty());
}

#[derive(Debug)]
struct Hangs;

impl Resolve for Hangs {
    fn resolve(&self, _: &str, _: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn look_ups_under_way_are_told_of() {
    let (lab, endpoints) = world(Fault::None);
    let dialer = lab.dialer().resolver(Hangs).build().unwrap();
    let prober = prober(&lab, endpoints).dialer(dialer).deadline(ms(1500));
    let outcome = prober.build().unwrap().run().outcome().await;
    assert_eq!((outcome.ended, failures(&outcome)), (Ended::Deadline, 0));
    let families: Vec<_> = of_second(&outcome).iter().map(|one| one.family).collect();
    assert_eq!(families, [Some(Family::V6), Some(Family::V4)]);
    for one in &outcome.unfinished {
        assert_eq!((one.phase, one.address), (Some(Phase::Resolve), None));
        assert_eq!((one.started, one.waited), (Some(ms(0)), ms(1500)));
    }
}

/// Every result has its start time.
#[tokio::test(start_paused = true)]
async fn samples_and_look_ups_tell_when_they_started() {
    let (lab, endpoints) = world(Fault::None);
    let mut probing = prober(&lab, endpoints).build().unwrap().run();
    let began = tokio::time::Instant::now();
    let (mut samples, mut lookups) = (0, 0);
    while let Some(event) = probing.next().await {
        let now = began.elapsed();
        match event {
            ProbeEvent::Sample(sample) => {
                // The first attempt at an address listens for one round trip before it is reported.
                let listened = if sample.round == 1 { ms(40) } else { ms(0) };
                let told = (sample.ended() + listened, sample.elapsed);
                assert_eq!(told, (now, ms(120)));
                samples += 1;
            }
            ProbeEvent::Lookup(lookup) => {
                assert_eq!(lookup.started + lookup.took, now);
                lookups += 1;
            }
            _ => {}
        }
    }
    assert_eq!((samples, lookups), (6, 12));
}
