//! Detects a device nearby that answers TCP in place of the hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use easelect::{Phase, Sample, is_local};

use crate::Environment;
use crate::evidence::Evidence;

/// On the internet, only a server in the same city is nearer.
const NEAR: Duration = Duration::from_millis(5);

/// The least that TLS and the answer each take if the host is far away. A healthy server nearby needs a few
/// milliseconds for either.
const FAR: Duration = Duration::from_millis(20);

/// How many times longer than connecting a leg to the host itself takes.
const TIMES: u32 = 8;

/// A single host may have a cache nearby.
const HOSTS: usize = 2;

/// The least number of samples.
const SAMPLES: usize = 6;

/// A device nearby that answers TCP for every host, such as a transparent proxy, a satellite link's accelerator or
/// a security product. TCP connect times then say nothing about the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpEndsNearby {
    /// The median TCP connect time.
    pub connect: Duration,
    /// The median of the shorter of TLS and the answer, which go to the host itself.
    pub host: Duration,
    /// The number of hosts, all of which show it.
    pub hosts: usize,
    /// The number of samples used.
    pub samples: usize,
}

/// The legs of one sample: TCP connect, TLS and the answer.
struct Legs {
    connect: Duration,
    tls: Duration,
    answer: Duration,
}

/// The legs of a sample that went directly to a public address, lost no packets and got an answer; otherwise
/// `None`.
fn legs(sample: &Sample) -> Option<Legs> {
    let timings = &sample.timings;
    let proxied = timings.get(Phase::Proxy).is_some();
    if proxied || sample.had_loss() || is_local(sample.address.ip()) {
        return None;
    }
    let answer = timings.get(Phase::Upgrade);
    Some(Legs {
        connect: sample.round_trip()?,
        tls: timings.get(Phase::Tls)?,
        answer: answer.or_else(|| timings.get(Phase::Processing))?,
    })
}

/// Returns figures if a device nearby answers TCP in place of the hosts; `None` if not, if it can't be determined,
/// and in a lab.
///
/// TLS and the answer each take at least a round trip to the host. If TCP connects to every host in less than 5 ms
/// (median), while TLS and the answer always take at least 20 ms and more than eight times as long, another device
/// accepts the connections. Servers that are slow in one leg, or overloaded and so of varying speed, don't count:
/// the function compares the shortest time of each leg, and both legs must be similar.
#[must_use]
pub fn tcp_ends_nearby(evidence: &Evidence, environment: &Environment) -> Option<TcpEndsNearby> {
    if environment.lab.is_some() {
        return None;
    }
    let mut by_host: BTreeMap<&str, Vec<Legs>> = BTreeMap::new();
    let mut addresses = BTreeSet::new();
    for sample in &evidence.samples {
        if let Some(legs) = legs(sample) {
            by_host
                .entry(sample.endpoint.host())
                .or_default()
                .push(legs);
            addresses.insert(sample.address.ip());
        }
    }
    let all = || by_host.values().flatten();
    let samples = all().count();
    // Hosts that share one address are one server.
    if by_host.len() < HOSTS || addresses.len() < HOSTS || samples < SAMPLES {
        return None;
    }
    if !by_host.values().all(|legs| is_far(legs)) {
        return None;
    }
    Some(TcpEndsNearby {
        connect: median(all().map(|one| one.connect))?,
        host: median(all().map(|one| one.tls.min(one.answer)))?,
        hosts: by_host.len(),
        samples,
    })
}

/// Whether a host is far away although TCP connects nearby.
fn is_far(legs: &[Legs]) -> bool {
    let shortest = |leg: fn(&Legs) -> Duration| legs.iter().map(leg).min();
    let connect = median(legs.iter().map(|one| one.connect));
    let (Some(connect), Some(tls), Some(answer)) =
        (connect, shortest(|one| one.tls), shortest(|one| one.answer))
    else {
        return false;
    };
    let (shorter, longer) = (tls.min(answer), tls.max(answer));
    // TLS 1.2 takes two round trips, and either leg some processing.
    let alike = longer <= shorter * 3;
    connect < NEAR && shorter >= FAR && shorter > connect * TIMES && alike
}

fn median(all: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut all: Vec<Duration> = all.collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use easelect::{Endpoint, Region, Service, Timings};

    use super::*;

    const HOSTS: [(&str, &str); 3] = [
        ("im-api-v2.easemob.com", "39.96.1.1:443"),
        ("im-api-v2.easecdn.com", "47.93.1.1:443"),
        ("msync-im-tls.easemob.com", "101.200.1.1:443"),
    ];

    /// A sample by its legs, in microseconds.
    fn sample(host: usize, [connect, tls, answer]: [u64; 3]) -> Sample {
        let (name, address) = HOSTS[host];
        let url = format!("wss://{name}/websocket");
        let endpoint = Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap();
        let mut timings = Timings::default();
        for (phase, took) in [
            (Phase::Connect, connect),
            (Phase::Tls, tls),
            (Phase::Upgrade, answer),
        ] {
            timings.set(phase, Duration::from_micros(took));
        }
        Sample::new(endpoint, address.parse().unwrap(), timings, Ok(()))
    }

    fn evidence(samples: impl IntoIterator<Item = Sample>) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.samples.extend(samples);
        evidence
    }

    /// Three samples of each of these hosts, with a little noise.
    fn measured(hosts: &[[u64; 3]]) -> Vec<Sample> {
        let all = hosts.iter().enumerate();
        all.flat_map(|(host, legs)| {
            (0..3).map(move |n| sample(host, legs.map(|leg| leg + leg * n / 50)))
        })
        .collect()
    }

    fn found(samples: impl IntoIterator<Item = Sample>) -> Option<TcpEndsNearby> {
        tcp_ends_nearby(&evidence(samples), &Environment::default())
    }

    /// As reported: TCP 0.3 ms everywhere, TLS 160 ms.
    const PROXIED: [[u64; 3]; 3] = [
        [300, 160_000, 158_000],
        [310, 162_000, 157_000],
        [290, 35_000, 33_000],
    ];

    #[test]
    fn a_transparent_proxy_is_found() {
        let figures = found(measured(&PROXIED)).unwrap();
        assert_eq!((figures.hosts, figures.samples), (3, 9));
        assert!(figures.connect < Duration::from_millis(1));
        assert!(figures.host > Duration::from_millis(30));
        // TLS 1.2 takes two round trips.
        let older = [[300, 320_000, 158_000], [310, 330_000, 157_000]];
        assert!(found(measured(&older)).is_some());
    }

    #[test]
    fn hosts_that_are_as_far_as_they_seem_are_not() {
        assert_eq!(found(measured(&[[30_000, 33_000, 31_000]; 3])), None);
        // A host that TCP shows to be far away is not answered nearby, so no device answers for all.
        let mixed = [PROXIED[0], PROXIED[1], [40_000, 43_000, 41_000]];
        assert_eq!(found(measured(&mixed)), None);
        // Close to the servers, which need some milliseconds.
        assert_eq!(found(measured(&[[200, 3_000, 2_500]; 3])), None);
    }

    #[test]
    fn slow_servers_nearby_are_not() {
        // A slow processor: TLS takes long, the answer doesn't.
        assert_eq!(found(measured(&[[400, 90_000, 1_000]; 3])), None);
        // A slow application: the answer takes long, TLS doesn't.
        assert_eq!(found(measured(&[[400, 4_000, 180_000]; 3])), None);
        // Both take long, and TLS much longer than any round trips would.
        assert_eq!(found(measured(&[[400, 150_000, 30_000]; 3])), None);
        // Sometimes overloaded: the shortest times decide.
        let mut overloaded = measured(&[[400, 160_000, 150_000]; 2]);
        overloaded.extend([0, 1].map(|host| sample(host, [400, 9_000, 8_000])));
        assert_eq!(found(overloaded), None);
    }

    #[test]
    fn too_little_tells_nothing() {
        assert_eq!(found([]), None);
        let one: Vec<Sample> = measured(&PROXIED).into_iter().take(3).collect();
        assert_eq!(found([one.clone(), one].concat()), None);
        assert_eq!(found(measured(&PROXIED).into_iter().skip(1).take(4)), None);
        // Two names of one server.
        let mut shared = measured(&PROXIED);
        let address: SocketAddr = "39.96.1.1:443".parse().unwrap();
        shared.iter_mut().for_each(|one| one.address = address);
        assert_eq!(found(shared), None);
    }

    #[test]
    fn private_addresses_proxies_and_labs_are_left_out() {
        for local in ["192.168.0.9:443", "127.0.0.1:443", "198.18.0.7:443"] {
            let mut near = measured(&PROXIED);
            let address: SocketAddr = local.parse().unwrap();
            near.iter_mut().for_each(|one| one.address = address);
            assert_eq!(found(near), None, "{local}");
        }
        let mut proxied = measured(&PROXIED);
        for one in &mut proxied {
            one.timings.set(Phase::Proxy, Duration::from_millis(1));
        }
        assert_eq!(found(proxied), None);
        let lab = Environment {
            lab: Some("beijing".to_owned()),
            ..Environment::default()
        };
        assert_eq!(tcp_ends_nearby(&evidence(measured(&PROXIED)), &lab), None);
    }
}
