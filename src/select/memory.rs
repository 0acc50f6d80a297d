//! What the selector remembers, on which network, and what it makes of a race.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::catalog::{Endpoint, Service};
use crate::clock::{Clock, Timestamp};
use crate::failure::Failure;
use crate::health::Transition;
use crate::history::{History, Key, Network, Prediction, Taught};
use crate::phase::Phase;
use crate::proxy::Proxy;
use crate::rank::normal;
use crate::sample::{Attempt, AttemptOutcome};

/// Addresses not heard of for so long are no longer dialled unasked: DNS has them, or not.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// More networks than a person's device meets in a month; the longest unused go.
const MAX_NETWORKS: usize = 32;

/// Everything remembered, network by network.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) clock: Clock,
    networks: BTreeMap<String, Known>,
    current: String,
    random: fastrand::Rng,
    proxy: Option<Proxy>,
}

/// One network: what is known of candidates, who won last, who is preferred.
#[derive(Clone, Debug, Default)]
struct Known {
    network: Network,
    winner: Option<Key>,
    preferred: BTreeMap<Service, (Endpoint, SocketAddr)>,
    used_ms: Timestamp,
}

/// What changed, for events.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Preference {
        from: Option<(Endpoint, SocketAddr)>,
        to: (Endpoint, SocketAddr),
    },
    Breaker {
        endpoint: Endpoint,
        address: SocketAddr,
        opened: bool,
    },
}

pub(super) fn key(endpoint: &Endpoint, address: SocketAddr) -> Key {
    Key {
        host: endpoint.host().to_owned(),
        address,
    }
}

impl Memory {
    pub(super) fn new(clock: Clock, current: String, seed: u64) -> Self {
        Memory {
            clock,
            networks: BTreeMap::new(),
            current,
            random: fastrand::Rng::with_seed(seed),
            proxy: None,
        }
    }

    /// Of what is reached through this proxy.
    pub(super) fn through(mut self, proxy: Option<Proxy>) -> Self {
        self.proxy = proxy;
        self
    }

    /// The port that an endpoint is dialled at: its own or the proxy's.
    fn port_of(&self, endpoint: &Endpoint) -> u16 {
        let (host, port) = (endpoint.host(), endpoint.port());
        let proxy = self.proxy.as_ref().filter(|one| one.covers(host, port));
        proxy.map_or(port, Proxy::port)
    }

    /// With what was kept from an earlier run.
    pub(super) fn with_history(mut self, history: History) -> Self {
        for (id, used_ms, winner, network) in history.into_networks() {
            let known = Known {
                network,
                winner,
                preferred: BTreeMap::new(),
                used_ms,
            };
            self.networks.insert(id, known);
        }
        self
    }

    /// What there is to keep.
    pub(super) fn history(&self) -> History {
        History::of(self.networks.iter().map(|(id, known)| {
            let (winner, network) = (known.winner.clone(), known.network.clone());
            (id.clone(), known.used_ms, winner, network)
        }))
    }

    pub(super) fn network_id(&self) -> &str {
        &self.current
    }

    /// Moves to another network.
    pub(super) fn enter(&mut self, id: String) {
        self.current = id;
    }

    fn known(&self) -> Option<&Known> {
        self.networks.get(&self.current)
    }

    fn known_mut(&mut self) -> &mut Known {
        let now = self.clock.now();
        if !self.networks.contains_key(&self.current) && self.networks.len() >= MAX_NETWORKS {
            let oldest = self.networks.iter().min_by_key(|(_, known)| known.used_ms);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.networks.remove(&oldest);
            }
        }
        let known = self.networks.entry(self.current.clone()).or_default();
        known.used_ms = now;
        known
    }

    /// g of the current network, and whether SYNs say nothing here; see `Network::gate`.
    pub(super) fn gate(&self) -> (f64, bool) {
        self.known().map_or((1.0, false), |known| {
            let network = &known.network;
            (network.gate(), network.syns_are_answered_on_the_way())
        })
    }

    /// A round trip outside of a race: a background SYN's, or the app's heartbeat's.
    pub(super) fn heard(&mut self, endpoint: &Endpoint, address: SocketAddr, took: Duration) {
        let now = self.clock.now();
        let taught = Taught {
            connect: Some(took),
            tls: None,
            rest: None,
        };
        let key = key(endpoint, address);
        self.known_mut().network.learn(&key, taught, 0.0, now);
    }

    /// A failure outside of a race.
    pub(super) fn broke(&mut self, endpoint: &Endpoint, address: SocketAddr, failure: &Failure) {
        let (now, random) = (self.clock.now(), self.random.f64());
        let key = key(endpoint, address);
        let health = self.known_mut().network.health_mut(&key, now);
        health.failed(failure, now, random);
    }

    /// Those of the addresses not heard of for 3 h that may well be better than the best, at most
    /// so many; none while half of what is known is broken.
    pub(super) fn worth_a_syn(
        &self,
        addresses: Vec<(Endpoint, SocketAddr)>,
        most: usize,
    ) -> Vec<(Endpoint, SocketAddr)> {
        const UNSEEN: Duration = Duration::from_secs(3 * 3600);
        const WORTH: f64 = 0.0075;
        let now = self.clock.now();
        let Some(known) = self.known() else {
            return Vec::new();
        };
        let service = addresses.first().map(|(endpoint, _)| endpoint.service());
        let best = service.and_then(|service| known.preferred.get(&service));
        let Some((best, address)) = best else {
            return Vec::new();
        };
        if known.network.is_half_broken(now) {
            return Vec::new();
        }
        let best = self.predict(best, *address);
        let mut worth: Vec<(f64, (Endpoint, SocketAddr))> = addresses
            .into_iter()
            .filter(|(endpoint, address)| {
                let heard = known.network.heard(&key(endpoint, *address));
                heard.is_none_or(|at| now.since(at) >= UNSEEN)
            })
            .map(|(endpoint, address)| {
                let prediction = self.predict(&endpoint, address);
                (best.value_of_asking(&prediction), (endpoint, address))
            })
            .filter(|(value, _)| *value > WORTH)
            .collect();
        worth.sort_by(|a, b| b.0.total_cmp(&a.0));
        worth.into_iter().take(most).map(|(_, one)| one).collect()
    }

    pub(super) fn predict(&self, endpoint: &Endpoint, address: SocketAddr) -> Prediction {
        let now = self.clock.now();
        let key = key(endpoint, address);
        match self.known() {
            Some(known) => known.network.predict(&key, now),
            None => Network::default().predict(&key, now),
        }
    }

    pub(super) fn is_last_winner(&self, endpoint: &Endpoint, address: SocketAddr) -> bool {
        let winner = self.known().and_then(|known| known.winner.as_ref());
        winner.is_some_and(|winner| *winner == key(endpoint, address))
    }

    /// The addresses of a host that are worth dialling before DNS has answered.
    pub(super) fn remembered(&self, endpoint: &Endpoint) -> Vec<SocketAddr> {
        let now = self.clock.now();
        let Some(known) = self.known() else {
            return Vec::new();
        };
        known
            .network
            .addresses(endpoint.host())
            .filter(|(address, seen, _)| {
                address.port() == endpoint.port() && now.since(*seen) < STALE
            })
            .map(|(address, ..)| address)
            .collect()
    }

    /// Learns from the attempts of one race, or one report.
    pub(super) fn learn(&mut self, attempts: &[Attempt]) -> Vec<Change> {
        let now = self.clock.now();
        let mut changes = Vec::new();
        let randoms: Vec<f64> = attempts.iter().map(|_| self.random.f64()).collect();
        let known = self.known_mut();
        let dialled: Vec<(&Attempt, Key)> = attempts
            .iter()
            .filter_map(|one| Some((one, key(&one.endpoint, one.address?))))
            .collect();
        let round_trips: Vec<(Key, f64)> = dialled
            .iter()
            .filter_map(|(one, key)| {
                let dial = one.dial()?;
                Some((key.clone(), dial.as_secs_f64() * 1e3))
            })
            .collect();
        let common = known.network.common_delay(&round_trips, now);
        for ((attempt, key), random) in dialled.iter().zip(randoms) {
            let (connect, tls) = (attempt.dial(), attempt.timings.get(Phase::Tls));
            let last = attempt
                .timings
                .get(Phase::Upgrade)
                .or_else(|| attempt.timings.get(Phase::Processing));
            let won = attempt.outcome == AttemptOutcome::Won;
            let rest = last
                .filter(|_| won)
                .map(|last| tls.unwrap_or_default() + last);
            known
                .network
                .learn(key, Taught { connect, tls, rest }, common, now);
            let transition = match &attempt.outcome {
                AttemptOutcome::Won => {
                    known.winner = Some(key.clone());
                    known.network.health_mut(key, now).succeeded(now)
                }
                AttemptOutcome::Failed(failure) => known
                    .network
                    .health_mut(key, now)
                    .failed(failure, now, random),
                AttemptOutcome::Cancelled(phase) => {
                    if *phase <= Phase::Proxy && connect.is_none() {
                        let waited = attempt.ended.saturating_sub(attempt.started);
                        known.network.learn_at_least(key, waited, now);
                    }
                    None
                }
            };
            if let Some(transition) = transition {
                changes.push(Change::Breaker {
                    endpoint: attempt.endpoint.clone(),
                    address: key.address,
                    opened: transition == Transition::Opened,
                });
            }
        }
        changes
    }

    /// Reconsiders who is preferred among the endpoints' known candidates, with hysteresis: only
    /// a clearly better one, or one's own failing, changes it.
    pub(super) fn prefer(&mut self, endpoints: &[Endpoint]) -> Option<Change> {
        let now = self.clock.now();
        let service = endpoints.first()?.service();
        let known = self.known()?;
        let candidates: Vec<((Endpoint, SocketAddr), Prediction)> = endpoints
            .iter()
            .flat_map(|endpoint| {
                known
                    .network
                    .addresses(endpoint.host())
                    .filter(|(address, _, verified)| {
                        *verified && address.port() == self.port_of(endpoint)
                    })
                    .map(|(address, ..)| (endpoint.clone(), address))
                    .collect::<Vec<_>>()
            })
            .map(|one| {
                let prediction = known.network.predict(&key(&one.0, one.1), now);
                (one, prediction)
            })
            .collect();
        let (best, challenger) = candidates
            .iter()
            .filter(|(_, prediction)| !prediction.broken)
            .min_by(|a, b| a.1.score().total_cmp(&b.1.score()))?;
        let current = known.preferred.get(&service).cloned();
        let holder = candidates
            .iter()
            .find(|(one, _)| Some(one) == current.as_ref())
            .map(|(_, prediction)| prediction);
        if holder.is_some_and(|holder| !is_clearly_better(challenger, holder)) {
            return None;
        }
        let to = best.clone();
        self.known_mut().preferred.insert(service, to.clone());
        (current.as_ref() != Some(&to)).then_some(Change::Preference { from: current, to })
    }

    /// Who is preferred on this network.
    pub(super) fn preferred(&self, service: Service) -> Option<(Endpoint, SocketAddr)> {
        self.known()?.preferred.get(&service).cloned()
    }
}

/// The hysteresis: 95 % sure to be better by more than 8 %, or the holder fails too often. With the
/// policy bench's reference machines the preference changes 2.6 times in 100 connections; with 90 %, 4.1 times.
fn is_clearly_better(challenger: &Prediction, holder: &Prediction) -> bool {
    const MARGIN: f64 = 0.08;
    const SURE: f64 = 0.95;
    const FAILS: f64 = 0.3;
    let ahead = (holder.score() / challenger.score()).ln() - MARGIN;
    let spread = (challenger.x_variance + holder.x_variance).sqrt().max(1e-9);
    holder.broken || holder.failure > FAILS || normal(ahead / spread) >= SURE
}
