//! Properties that hold for any input.

#[path = "../fuzz/targets.rs"]
#[allow(dead_code, reason = "the other targets'")]
mod targets;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use easelect::{
    Catalog, CatalogFormat, Distribution, Endpoint, EndpointStats, Failure, FailureKind, Phase,
    PinnedHost, Region, Residency, Sample, Service, Tier, Timings, rank,
};
use proptest::prelude::*;

/// An attempt: its duration in ms, or its failure.
#[derive(Clone, Debug)]
enum Outcome {
    Ready(u64),
    Refused,
    Rejected,
    TimedOut,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => (1u64..5_000).prop_map(Outcome::Ready),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Rejected),
        1 => Just(Outcome::TimedOut),
    ]
}

fn stats(host: usize, outcomes: &[Outcome]) -> EndpointStats {
    let url = format!("wss://h{host}.example/ws");
    let endpoint = Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap();
    let mut stats = EndpointStats::new(endpoint.clone());
    for (n, outcome) in outcomes.iter().enumerate() {
        let address = SocketAddr::new(IpAddr::from([44, 0, 0, (n % 2) as u8]), 443);
        let mut timings = Timings::default();
        let (result, elapsed) = match outcome {
            Outcome::Ready(ms) => {
                timings.set(Phase::Connect, Duration::from_millis(*ms));
                (Ok(()), *ms)
            }
            Outcome::Refused => (Err(Failure::new(Phase::Connect, FailureKind::Refused)), 30),
            Outcome::Rejected => (Err(Failure::new(Phase::Upgrade, FailureKind::Rejected)), 90),
            Outcome::TimedOut => (Err(Failure::new(Phase::Tls, FailureKind::Timeout)), 5_000),
        };
        let mut sample = Sample::new(endpoint.clone(), address, timings, result);
        sample.elapsed = Duration::from_millis(elapsed);
        stats.record(&sample);
    }
    stats
}

fn group() -> impl Strategy<Value = Vec<Vec<Outcome>>> {
    prop::collection::vec(prop::collection::vec(outcome(), 0..12), 1..8)
}

fn all(group: &[Vec<Outcome>]) -> Vec<EndpointStats> {
    group
        .iter()
        .enumerate()
        .map(|(host, outcomes)| stats(host, outcomes))
        .collect()
}

/// The expected cost of the first endpoint of the group.
fn cost(group: &[EndpointStats]) -> Option<Duration> {
    let ranking = rank(Region::CN1.into(), group.to_vec())?;
    let mut endpoints = ranking.endpoints.iter();
    endpoints
        .find(|one| one.endpoint() == group[0].endpoint())?
        .expected_cost
}

proptest! {
    // No file of past failures: a failing case is printed, to become a separate test.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ranking_is_a_permutation_with_tiers_in_order(group in group()) {
        let group = all(&group);
        let ranking = rank(Region::CN1.into(), group.clone()).unwrap();
        prop_assert_eq!(ranking.endpoints.len(), group.len());
        for (index, ranked) in ranking.endpoints.iter().enumerate() {
            prop_assert_eq!(ranked.rank, index + 1);
            prop_assert_eq!(ranked.expected_cost.is_some(), ranked.tier == Tier::Ready);
            prop_assert!(group.iter().any(|one| one.endpoint() == ranked.endpoint()));
        }
        prop_assert!(ranking.endpoints.is_sorted_by_key(|ranked| ranked.tier));
        let again = rank(Region::CN1.into(), group.clone()).unwrap();
        let order = |one: &easelect::Ranking| -> Vec<Endpoint> {
            one.endpoints.iter().map(|ranked| ranked.endpoint().clone()).collect()
        };
        prop_assert_eq!(order(&ranking), order(&again));
    }

    #[test]
    fn a_failure_never_improves_a_cost(group in group(), failure in 0usize..3) {
        let mut outcomes = group.clone();
        let before = cost(&all(&outcomes));
        let failure = [Outcome::Refused, Outcome::Rejected, Outcome::TimedOut][failure].clone();
        // Attempts alternate between two addresses, so both get the failure.
        outcomes[0].push(failure.clone());
        outcomes[0].push(failure);
        let after = cost(&all(&outcomes));
        if let (Some(before), Some(after)) = (before, after) {
            let rounding = Duration::from_nanos(10);
            prop_assert!(after + rounding >= before, "{:?} < {:?}", after, before);
        }
    }

    #[test]
    fn a_uniformly_faster_endpoint_costs_less(times in prop::collection::vec(2u64..5_000, 1..12)) {
        let slow: Vec<Outcome> = times.iter().map(|ms| Outcome::Ready(*ms)).collect();
        let fast: Vec<Outcome> = times.iter().map(|ms| Outcome::Ready(ms / 2)).collect();
        let slow = cost(&[stats(0, &slow)]).unwrap();
        let fast = cost(&[stats(0, &fast)]).unwrap();
        prop_assert!(fast < slow);
    }

    #[test]
    fn a_summary_is_ordered(times in prop::collection::vec(0u64..60_000_000, 1..400)) {
        let mut distribution = Distribution::default();
        times.iter().for_each(|us| distribution.record(Duration::from_micros(*us)));
        let summary = distribution.summary().unwrap();
        let slack = |duration: Duration| duration + duration / 50 + Duration::from_micros(2);
        prop_assert!(summary.min <= slack(summary.p50));
        prop_assert!(summary.p50 <= slack(summary.p90.unwrap_or(summary.max)));
        prop_assert!(summary.p90.unwrap_or(summary.p50) <= slack(summary.p99.unwrap_or(summary.max)));
        prop_assert!(summary.p99.unwrap_or(summary.p50) <= slack(summary.max));
        prop_assert!(summary.mean <= slack(summary.max));
        prop_assert_eq!(summary.count, times.len() as u64);
    }

    #[test]
    fn a_catalogue_file_never_panics(text in "\\PC{0,300}") {
        for format in [CatalogFormat::Toml, CatalogFormat::Json] {
            let error = Catalog::builtin().with_file(&text, format, "own").unwrap_err();
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn a_catalogue_file_cut_anywhere_never_panics(cut in 0usize..200) {
        let whole = "[[region]]\nid = \"own\"\nlocality = \"private\"\n\n[[endpoint]]\n\
                     region = \"own\"\nservice = \"rest\"\nurl = \"https://r.example/\"\n";
        let cut = &whole[..cut.min(whole.len())];
        let _ = Catalog::builtin().with_file(cut, CatalogFormat::Toml, "own");
    }

    #[test]
    fn urls_and_pins_never_panic(text in "\\PC{0,80}") {
        let _ = Endpoint::new(Region::CN1, Service::Websocket, &text);
        let _ = Endpoint::new(Region::CN1, Service::Rest, &format!("https://{text}"));
        let _ = text.parse::<PinnedHost>();
    }

    /// Compares with the crate `url`; the normalised form must also be read back unchanged.
    #[test]
    fn urls_are_read_as_the_standard_does(
        url in "[ \t]?(wss|https|WSS)(://|:\\\\\\\\)[a-z0-9.x中é。Ａ%-]{1,12}(:[0-9+]{0,5})?([/\\\\?#][\\PC./%]{0,20})?"
    ) {
        targets::url(url.as_bytes());
    }

    #[test]
    fn odd_hosts_are_read_as_the_standard_does(
        host in "(0?x?[0-9a-f]{1,4}\\.){0,4}(0?x?[0-9a-f]{1,9})\\.?|\\[[0-9a-f:.]{2,12}\\]|[\\PC]{1,8}"
    ) {
        targets::url(format!("https://{host}/").as_bytes());
    }

    #[test]
    fn a_group_never_leaves_its_residency(region in 0usize..7, service in 0usize..5) {
        let catalog = Catalog::builtin();
        let region = catalog.regions()[region].region().clone();
        let service = Service::ALL[service];
        for residency in [Residency::from(region.clone()), Residency::mainland_pool()] {
            for endpoint in catalog.group(&residency, service).unwrap_or_default() {
                prop_assert!(residency.contains(endpoint.region()));
                prop_assert_eq!(endpoint.service(), service);
            }
        }
        let other = catalog.regions().iter().map(|info| info.region().clone());
        for other in other.filter(|other| *other != region) {
            prop_assert!(Residency::from_regions([region.clone(), other]).is_err());
        }
    }
}

#[test]
fn every_letter_of_a_host_is_read_as_the_standard_does() {
    // All letters beyond this range are rejected.
    for letter in '\0'..'\u{11000}' {
        for (before, after) in [("", ""), ("e", "か"), ("가", "-a")] {
            targets::url(format!("https://{before}{letter}{after}.example/").as_bytes());
        }
    }
}
