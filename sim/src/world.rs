//! The simulated world: clients, their networks, and the conditions that a dial meets at each moment.
//!
//! All conditions depend on the seed, the client, the connection, the candidate and the number of the
//! attempt, never on the policy.

mod client;
mod event;
pub(crate) mod parameters;
mod police;
mod trace;

pub(crate) use client::Client;
pub(crate) use event::Event;
pub(crate) use police::Police;
pub(crate) use trace::Trace;

use parameters::Parameters;

/// The purposes of random numbers, a part of every seed.
mod purpose {
    pub(super) const CLIENT: u64 = 1;
    pub(super) const NETWORK: u64 = 2;
    pub(super) const EVENT: u64 = 3;
    pub(super) const ATTEMPT: u64 = 4;
    pub(super) const DNS_AGAIN: u64 = 5;
    pub(super) const TRACE: u64 = 6;
    pub(super) const CONGESTION: u64 = 7;
    pub(super) const SERVERS: u64 = 8;
    pub(super) const BUSY: u64 = 9;
    pub(super) const FOREIGN: u64 = 10;
}

/// A world: parameters and a seed.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) parameters: Parameters,
    pub(crate) seed: u64,
    candidates: Vec<Candidate>,
}

/// One address of one host. Its number is its index in [`World::candidates`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) cluster: usize,
    pub(crate) host: usize,
    /// The index among its host's addresses.
    address: usize,
    pub(crate) v6: bool,
}

/// The identity of an address, across networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// The only network whose DNS returns the address; `None` if every network's does.
    pub(crate) network: Option<usize>,
    /// The candidate that has this address there.
    pub(crate) candidate: usize,
}

/// Why a candidate can't be opened.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refuses,
    /// SYNs are dropped.
    Silent,
    /// A middlebox answers SYNs after this many ms, and never sends data.
    Hijacked(f64),
    WrongCertificate,
    TlsReset,
    TlsSilent,
}

/// The end of one leg of an attempt, in ms after its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    After(f64),
    Fails(f64),
    Never,
}

impl Answer {
    pub(crate) fn later(self, by_ms: f64) -> Self {
        match self {
            Answer::After(ms) => Answer::After(ms + by_ms),
            Answer::Fails(ms) => Answer::Fails(ms + by_ms),
            Answer::Never => Answer::Never,
        }
    }
}

/// The conditions that an attempt meets: the end of each leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) syn: Answer,
    pub(crate) tls: Answer,
    pub(crate) upgrade: Answer,
}

impl Attempt {
    const SILENT: Attempt = Attempt {
        syn: Answer::Never,
        tls: Answer::Never,
        upgrade: Answer::Never,
    };

    /// Returns the time to open, without DNS.
    pub(crate) fn open_ms(&self) -> Option<f64> {
        match (self.syn, self.tls, self.upgrade) {
            (Answer::After(syn), Answer::After(tls), Answer::After(upgrade)) => {
                Some(syn + tls + upgrade)
            }
            _ => None,
        }
    }
}

impl World {
    pub(crate) fn new(parameters: Parameters, seed: u64) -> Self {
        let topology = &parameters.topology;
        let mut candidates = Vec::new();
        for host in 0..topology.domains * topology.clusters {
            for address in 0..topology.ipv4 + topology.ipv6 {
                candidates.push(Candidate {
                    cluster: host % topology.clusters,
                    host,
                    address,
                    v6: address >= topology.ipv4,
                });
            }
        }
        World {
            parameters,
            seed,
            candidates,
        }
    }

    pub(crate) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    pub(crate) fn hosts(&self) -> usize {
        self.parameters.topology.domains * self.parameters.topology.clusters
    }

    /// Whether a host has other addresses on every network. The last hosts do: they belong to the domain
    /// that may be an edge.
    fn is_own(&self, host: usize) -> bool {
        let shared = self.hosts() as f64 * (1.0 - self.parameters.dns.own);
        host as f64 >= shared
    }
}

#[cfg(test)]
mod tests {
    use super::parameters::Parameters;
    use super::*;

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

    /// An attempt has the same outcome each time; another attempt has another.
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
}
