//! The simulation's own tests and those of the pure machines: `cargo test --test policy`.

#![allow(
    dead_code,
    unused_imports,
    reason = "the tests use a part of the simulation"
)]

mod baselines;
mod herd;
mod options;
mod ours;
mod plot;
mod policy;
mod random;
mod report;
mod run;
mod sampling;
mod selector;
mod world;

use policy::{Contest, Policy};
use world::parameters::Parameters;
use world::{Client, World};

fn world(name: &str) -> World {
    World::new(Parameters::variant(name).unwrap(), 1)
}

#[test]
fn every_variant_of_the_world_is_read() {
    let variants = Parameters::variants();
    assert!(variants.len() >= 6, "{variants:?}");
    for name in variants {
        assert!(Client::new(&world(&name), 0).events().count() >= 200);
    }
    assert!(Parameters::variant("nowhere").is_err());
}

/// The same attempt has the same outcome however often it is asked for; another one has another.
#[test]
fn numbers_are_common() {
    let world = world("default");
    let client = Client::new(&world, 3);
    for (event, again) in client.events().zip(client.events()).take(20) {
        for candidate in event.usable() {
            let one = event.attempt(candidate, 0).open_ms();
            assert_eq!(one, again.attempt(candidate, 0).open_ms());
            assert!(one.is_none() || one != event.attempt(candidate, 1).open_ms());
        }
    }
}

/// Racing everything with free DNS is what the oracle does.
#[test]
fn race_all_is_the_oracle_plus_dns() {
    let world = world("default");
    for event in Client::new(&world, 5).events().take(50) {
        let mut contest = Contest::new(&event);
        baselines::RaceAll.connect(&event, &mut contest);
        let (_, ms) = contest.tally().opened.unwrap();
        let oracle_ms = event.oracle_ms().unwrap();
        let slowest_dns = (0..event.hosts())
            .map(|host| event.dns_ms(host))
            .fold(0.0, f64::max);
        assert!(oracle_ms < ms && ms <= oracle_ms + slowest_dns);
    }
}

#[test]
fn results_do_not_depend_on_the_threads() {
    let world = world("hostile");
    let entry = run::Entry {
        name: "race everything",
        group: run::Group::Baseline,
        build: |_| Box::new(baselines::RaceAll),
    };
    let records = || run::play(&world, 6, 30, &[&entry]);
    let (one, other) = (records(), records());
    assert_eq!(one[1].open_ms, other[1].open_ms);
}

#[test]
fn a_hint_spreads_the_herd() {
    let herds = herd::all(5_000);
    let peak = |name| {
        let one = herds
            .iter()
            .find(|one| one.schedule == name && one.outage_seconds == 0);
        one.unwrap().peak_tls_per_second
    };
    assert!(peak("ours, hint") < 50_000.0);
    assert!(peak("ours, no hint") < 200_000.0);
    assert!(peak("SDK, 1-2 s then 3-10 s") > 900_000.0);
}
