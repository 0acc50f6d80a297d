//! Comparisons of randomly drawn reports: noise is not reported as a change, nor a change as noise.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use easelect::{Endpoint, FailureKind, Phase, Region, Service};
use easelect_report::{Comparison, Lang, Model, comparison_json};
use serde_json::Value;
use support::*;

/// A simulated host, and the path to it.
#[derive(Clone)]
struct Host {
    endpoint: Endpoint,
    /// The round trip to each of its addresses, in milliseconds.
    round_trips: Vec<f64>,
    /// The time that its server takes for TLS and for the answer, in milliseconds.
    tls: f64,
    upgrade: f64,
    lookup: f64,
    rounds: std::ops::RangeInclusive<u32>,
    /// The ratio of attempts that fail.
    failing: f64,
}

impl Host {
    fn any(rng: &mut fastrand::Rng, endpoint: &Endpoint) -> Self {
        let near = [6.0, 15.0, 35.0, 80.0, 220.0][rng.usize(..5)];
        let addresses = rng.usize(1..=3);
        Host {
            endpoint: endpoint.clone(),
            round_trips: (0..addresses)
                .map(|_| near * (1.0 + rng.f64() * 0.6))
                .collect(),
            tls: 1.0 + 10.0 * rng.f64(),
            upgrade: 1.0 + 30.0 * rng.f64(),
            lookup: 1.0 + 40.0 * rng.f64(),
            rounds: 3..=10,
            failing: [0.0, 0.005, 0.15][rng.usize(..3)],
        }
    }

    fn measured(&self, rng: &mut fastrand::Rng) -> Measured {
        let rounds = rng.u32(self.rounds.clone());
        let mut one = Measured::of(&self.endpoint);
        let mut lookups = rng.fork();
        for round in 0..rounds {
            // The first lookup is slower, because the name is not cached yet.
            let first = if round == 0 { 30.0 } else { 0.0 };
            one = one.lookup(millis(noisy(&mut lookups, self.lookup + first)));
        }
        for (number, round_trip) in self.round_trips.iter().enumerate() {
            let mut address: SocketAddr = one.v4();
            address.set_port(443 + u16::try_from(number).unwrap());
            for _ in 0..rounds {
                let connect = (Phase::Connect, lossy(rng, *round_trip, 1000.0));
                let tls = (Phase::Tls, lossy(rng, *round_trip + self.tls, 250.0));
                let upgrade = (
                    Phase::Upgrade,
                    lossy(rng, *round_trip + self.upgrade, 250.0),
                );
                one = if rng.f64() < self.failing {
                    let reset = failure(Phase::Tls, FailureKind::Reset);
                    one.attempt(address, &[connect], Some(reset))
                } else {
                    one.attempt(address, &[connect, tls, upgrade], None)
                };
            }
        }
        one
    }
}

fn millis(n: f64) -> Duration {
    Duration::from_secs_f64(n / 1000.0)
}

/// A time with skewed jitter and a heavy tail: one in 25 is late by 20 ms or more.
fn noisy(rng: &mut fastrand::Rng, base: f64) -> f64 {
    let jitter = -(1.0 - rng.f64()).ln() * (0.5 + 0.06 * base);
    let tail = match rng.f64() < 0.04 {
        true => 20.0 / (1.0 - rng.f64()).powf(1.0 / 1.5),
        false => 0.0,
    };
    base + jitter + tail.min(3000.0)
}

/// The same, where a lost packet (2%) costs these milliseconds.
fn lossy(rng: &mut fastrand::Rng, base: f64, repeat: f64) -> Duration {
    let loss = if rng.f64() < 0.02 { repeat } else { 0.0 };
    millis(noisy(rng, base) + loss)
}

fn model(measured: impl IntoIterator<Item = Measured>) -> Model {
    Model::new(&report(&[ranking(measured)]), Lang::En)
}

/// The changes of every endpoint, as (code, phase, effect).
fn changes(a: &Model, b: &Model) -> Vec<Vec<(String, String, String)>> {
    let told = comparison_json(&Comparison::new(a, b), Lang::En);
    let told: Value = serde_json::from_str(&told).unwrap();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let change = |one: &Value| {
        (
            word(&one["code"]),
            word(&one["phase"]),
            word(&one["effect"]),
        )
    };
    let group = &told["groups"][0];
    let of = |one: &Value| {
        one["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(change)
            .collect()
    };
    let endpoints = group["endpoints"].as_array().unwrap();
    let mut found: Vec<Vec<_>> = endpoints.iter().map(of).collect();
    // Changes of the whole report count for the first endpoint.
    found[0].extend(of(group));
    found[0].extend(of(&told));
    found
}

#[test]
fn two_draws_of_one_network_hardly_differ() {
    let mut rng = fastrand::Rng::with_seed(17);
    let endpoints = pair(Region::CN1, Service::Websocket);
    let (mut called, mut of) = (0, 0);
    let mut which = std::collections::BTreeMap::new();
    for _ in 0..600 {
        let hosts = endpoints.each_ref().map(|one| Host::any(&mut rng, one));
        let [a, b] = [(); 2].map(|()| model(hosts.each_ref().map(|one| one.measured(&mut rng))));
        for found in changes(&a, &b) {
            of += 1;
            called += usize::from(!found.is_empty());
            for one in found {
                *which.entry(one).or_insert(0) += 1;
            }
        }
    }
    let ratio = f64::from(called as u32) / f64::from(of);
    assert!(
        ratio < 0.02,
        "{called} of {of} changed by chance: {which:#?}"
    );
}

/// The number of 300 hosts with TLS slower by `by` milliseconds that are found to be so, with these samples.
fn found(seed: u64, samples: u32, near: f64, by: f64) -> f64 {
    let mut rng = fastrand::Rng::with_seed(seed);
    let [endpoint, _] = pair(Region::CN1, Service::Websocket);
    let mut found = 0;
    for _ in 0..300 {
        let mut host = Host::any(&mut rng, &endpoint);
        host.round_trips = vec![near];
        (host.tls, host.upgrade) = (4.0, 6.0);
        (host.rounds, host.failing) = (samples..=samples, 0.005);
        let before = model([host.measured(&mut rng)]);
        host.tls += by;
        let after = model([host.measured(&mut rng)]);
        let word =
            |code: &str, phase: &str| (code.to_owned(), phase.to_owned(), "worse".to_owned());
        let all = &changes(&before, &after)[0];
        let slower = all.contains(&word("time", ""));
        found += u32::from(slower && all.contains(&word("phase_time", "tls")));
    }
    f64::from(found) / 300.0
}

#[test]
fn a_shift_is_found() {
    // 20 ms of 3 × 20 ms plus 10 ms of the server: about 30%.
    let (slower, far) = (found(1, 8, 20.0, 20.0), found(2, 8, 60.0, 60.0));
    assert!(slower > 0.9, "{slower} of 20 ms");
    assert!(far > 0.9, "{far} of 60 ms");
}
