//! A sweep of all 44 built-in hosts in the lab, in paused time, compared with the least time that its
//! attempts could take. That is max(all attempts / in flight, the longest chain of one address), plus the
//! re-tests of each group's top two: one at a time per group, and one per region in all. The least time is
//! computed from the samples. It knows all durations in advance, which the schedule doesn't.

#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use easelect::{
    Catalog, Families, Phase, ProbeEvent, ProbeOutcome, Prober, Region, Rounds, Sample, Service,
};
use easelect_lab::{Host, Lab, Path, Scenario};
use futures::StreamExt;
use measure::figures::Figures;

/// The number of rounds for every address. From the last of them on, attempts at a group's top two count
/// as re-tests.
const ROUNDS: u32 = 3;

fn main() {
    let mut figures = Figures::of("sweep");
    let worlds = if measure::is_short() { 10 } else { 100 };
    for in_flight in [4, 16, 64] {
        // The built-in scenario: the prober waits for its silent addresses while it probes the others.
        for (name, families) in [("beijing", Families::Both), ("beijing_v4", Families::V4)] {
            let (took, ratio) = sweep(Scenario::beijing(), families, in_flight, 1);
            let name = format!("{name}/{in_flight}_in_flight");
            figures.tell(&format!("{name}/took"), took.as_secs_f64(), "s");
            figures.limit(&name, ratio, "ratio", 1.05);
        }
        let ratios: Vec<f64> = (0..worlds)
            .map(|seed| sweep(healthy(seed), Families::V4, in_flight, seed).1)
            .collect();
        let name = format!("healthy/{in_flight}_in_flight");
        let median = measure::quantile(ratios.clone(), 0.5);
        // The least time assumes that regions' re-tests run concurrently, which makes it strict.
        figures.limit(&format!("{name}/p50"), median, "ratio", 1.10);
        figures.aim(
            &format!("{name}/p95"),
            measure::quantile(ratios.clone(), 0.95),
            "ratio",
            1.05,
        );
        figures.tell(
            &format!("{name}/max"),
            measure::quantile(ratios, 1.0),
            "ratio",
        );
    }
    figures.finish();
}

/// A scenario in which all hosts work, each at its own distance.
fn healthy(seed: u64) -> Scenario {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut scenario = Scenario::new(seed);
    for (n, endpoint) in Catalog::builtin().endpoints().iter().enumerate() {
        // Even, so that half of it is whole.
        let rtt = 2 * match endpoint.region().as_str() {
            "cn1" | "cn2" => random.u64(5..30),
            "sgp1" | "sgp2" => random.u64(30..50),
            _ => random.u64(90..130),
        };
        let address = IpAddr::from([44, 128, 0, u8::try_from(n).expect("44 of them")]);
        let host = Host::new(endpoint.host())
            .with_address(address)
            .with_dns_delay(Duration::from_millis(10));
        scenario = scenario
            .with_host(host)
            .with_path(Path::new(address).with_rtt(Duration::from_millis(rtt)));
    }
    scenario
}

/// Returns the time of a sweep, and its ratio to the least time.
fn sweep(scenario: Scenario, families: Families, in_flight: usize, seed: u64) -> (Duration, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(async {
        let lab = Lab::new(scenario).expect("a good scenario");
        let mut probing = Prober::builder()
            .dialer(lab.dialer().families(families).build().unwrap())
            .rounds(Rounds::Adaptive {
                min: ROUNDS,
                max: 10,
            })
            .in_flight(in_flight)
            .deadline(Duration::from_secs(60 * 60))
            .seed(seed)
            .build()
            .expect("a good configuration")
            .run();
        let mut samples = Vec::new();
        loop {
            match probing.next().await.expect("an outcome is the last") {
                ProbeEvent::Sample(sample) => samples.push(*sample),
                ProbeEvent::Finished(outcome) => {
                    assert!(outcome.complete());
                    let least = least(&samples, &outcome, in_flight);
                    return (outcome.took, outcome.took.div_duration_f64(least));
                }
                _ => {}
            }
        }
    })
}

/// Returns the least time that these attempts could take.
fn least(samples: &[Sample], outcome: &ProbeOutcome, in_flight: usize) -> Duration {
    let in_flight = u32::try_from(in_flight).expect("at most 64");
    let top_two: BTreeSet<&str> = outcome
        .rankings
        .iter()
        .flat_map(|one| one.endpoints.iter().take(2))
        .map(|one| one.endpoint().host())
        .collect();
    let is_retest = |one: &&Sample| one.round >= ROUNDS && top_two.contains(one.endpoint.host());
    // The first attempt at an address listens for a round trip after the upgrade.
    let occupied = |one: &Sample| match one.timings.get(Phase::Upgrade) {
        Some(round_trip) if one.round == 1 => one.elapsed + round_trip,
        _ => one.elapsed,
    };
    let mut chains: BTreeMap<SocketAddr, Duration> = BTreeMap::new();
    for sample in samples.iter().filter(|one| !is_retest(one)) {
        *chains.entry(sample.address).or_default() += occupied(sample);
    }
    let mut retests: BTreeMap<(&Region, Service), Duration> = BTreeMap::new();
    for sample in samples.iter().filter(is_retest) {
        let group = (sample.endpoint.region(), sample.endpoint.service());
        *retests.entry(group).or_default() += sample.elapsed;
    }
    let regions: BTreeSet<&Region> = retests.keys().map(|(region, _)| *region).collect();
    let side_by_side = in_flight.min(u32::try_from(regions.len()).expect("a few"));
    let work = chains.values().sum::<Duration>() / in_flight;
    let longest = chains.into_values().max().unwrap_or_default();
    let serial = retests.values().sum::<Duration>() / side_by_side.max(1);
    let slowest = retests.into_values().max().unwrap_or_default();
    work.max(longest) + serial.max(slowest)
}
