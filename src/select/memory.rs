//! What the selector remembers, on which network, and what it makes of what it is shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::catalog::{Endpoint, Service};
use crate::clock::{Clock, Timestamp};
use crate::failure::{Failure, FailureKind};
use crate::forecast::{Forecast, Gate};
use crate::health::{Severity, Transition};
use crate::history::{History, Key, Network, Refresh};
use crate::lesson::Lesson;
use crate::phase::Phase;
use crate::proxy::Proxy;

/// Addresses not heard of for so long are no longer dialled unasked: DNS has them, or not.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// More networks than a person's device meets in a month; the longest unused go.
const MAX_NETWORKS: usize = 32;

/// An endpoint at one of its addresses.
pub(super) type Candidate = (Endpoint, SocketAddr);

/// Everything remembered, network by network.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) clock: Clock,
    networks: BTreeMap<String, Known>,
    current: String,
    random: fastrand::Rng,
    proxy: Option<Proxy>,
}

/// One network: what is known of candidates, and who is preferred.
#[derive(Clone, Debug, Default)]
struct Known {
    network: Network,
    preferred: BTreeMap<Service, Candidate>,
    used_ms: Timestamp,
}

/// What changed, for events.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Preference {
        from: Option<Candidate>,
        to: Candidate,
    },
    Breaker(Candidate, Transition),
}

/// How much a failure says. What only an operator can mend, or an interfering network does on
/// purpose, says most; what the device's own network, a proxy or the app's credentials cause says
/// nothing of the candidate.
pub(super) fn severity(failure: &Failure) -> Severity {
    let passing = matches!(failure.kind(), FailureKind::Timeout | FailureKind::Closed);
    let own = matches!(
        failure.kind(),
        FailureKind::Unreachable | FailureKind::Permission
    ) || failure.phase() == Phase::Proxy
        || matches!(failure.status(), Some(401 | 407));
    match failure.retry_after() {
        Some(asked) => Severity::Busy(asked),
        None if own => Severity::Elsewhere,
        None if failure.phase() == Phase::Tls && !passing => Severity::Hard,
        None => Severity::Soft,
    }
}

fn key((endpoint, address): &Candidate) -> Key {
    Key {
        region: endpoint.region().as_str().to_owned(),
        host: endpoint.host().to_owned(),
        address: *address,
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
        for (id, used_ms, network) in history.into_networks(self.clock.now()) {
            let known = Known {
                network,
                preferred: BTreeMap::new(),
                used_ms,
            };
            self.networks.insert(id, known);
        }
        self
    }

    /// What there is to keep.
    pub(super) fn history(&self) -> History {
        let networks = self.networks.iter();
        History::of(networks.map(|(id, known)| (id.clone(), known.used_ms, known.network.clone())))
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

    /// What the current network's SYNs say about its handshakes.
    pub(super) fn gate(&self) -> Gate {
        self.known()
            .map_or_else(Gate::default, |known| known.network.gate())
    }

    /// What is expected of a candidate that DNS gives, or that is remembered.
    pub(super) fn forecast(&mut self, candidate: &Candidate, listed: bool) -> Forecast {
        let now = self.clock.now();
        let key = key(candidate);
        let network = &mut self.known_mut().network;
        let number = match network.number(&key) {
            Some(number) if !listed => number,
            _ => network.list(&key, now),
        };
        network.forecasts(now)[number]
    }

    /// What is expected of all addresses of these endpoints that are known.
    pub(super) fn forecasts(&self, endpoints: &[Endpoint]) -> Vec<(Candidate, Forecast)> {
        let now = self.clock.now();
        let forecasts = self.known().map(|known| known.network.forecasts(now));
        let forecasts = forecasts.unwrap_or_default();
        (self.candidates(endpoints).into_iter())
            .map(|(number, candidate)| (candidate, forecasts[number]))
            .collect()
    }

    /// Who of these endpoints' addresses opened last.
    pub(super) fn last_winner(&self, endpoints: &[Endpoint]) -> Option<Candidate> {
        let network = &self.known()?.network;
        let candidates = self.candidates(endpoints);
        let winner = network.last_winner(candidates.iter().map(|(number, _)| *number))?;
        let of = |(number, candidate)| (number == winner).then_some(candidate);
        candidates.into_iter().find_map(of)
    }

    /// The addresses of these endpoints that are known on this network, with their numbers.
    fn candidates(&self, endpoints: &[Endpoint]) -> Vec<(usize, Candidate)> {
        let known = self.known().map(|known| known.network.candidates());
        let known = known.into_iter().flatten().enumerate();
        known
            .filter_map(|(number, (known, _))| {
                let endpoint = endpoints.iter().find(|one| {
                    one.host() == known.host
                        && self.port_of(one) == known.address.port()
                        && one.region().as_str() == known.region
                })?;
                Some((number, (endpoint.clone(), known.address)))
            })
            .collect()
    }

    /// The addresses of an endpoint that are worth dialling before DNS has answered.
    pub(super) fn remembered(&self, endpoint: &Endpoint) -> Vec<SocketAddr> {
        let now = self.clock.now();
        let heard: Vec<Timestamp> = match self.known() {
            Some(known) => known.network.candidates().map(|(_, heard)| heard).collect(),
            None => return Vec::new(),
        };
        self.candidates(std::slice::from_ref(endpoint))
            .into_iter()
            .filter(|(number, _)| now.since(heard[*number]) < STALE)
            .map(|(_, (_, address))| address)
            .collect()
    }

    /// Learns what was shown of these candidates.
    pub(super) fn learn(&mut self, lessons: Vec<(Candidate, Lesson)>) -> Vec<Change> {
        let (now, jitter) = (self.clock.now(), self.random.f64());
        let network = &mut self.known_mut().network;
        let number = |candidate: &Candidate, network: &mut Network| {
            let key = key(candidate);
            let known = network.number(&key);
            known.unwrap_or_else(|| network.list(&key, now))
        };
        let mut shown = Vec::new();
        for (candidate, lesson) in &lessons {
            let number = number(candidate, network);
            shown.push(Lesson {
                candidate: number,
                ..*lesson
            });
        }
        let transitions = network.learn(&shown, now, jitter);
        let change = |(number, transition)| {
            let of = |((candidate, _), shown): (&(Candidate, Lesson), &Lesson)| {
                (shown.candidate == number).then(|| candidate.clone())
            };
            let candidate = lessons.iter().zip(&shown).find_map(of)?;
            Some(Change::Breaker(candidate, transition))
        };
        transitions.into_iter().filter_map(change).collect()
    }

    /// Whom of these to probe in the background.
    pub(super) fn to_refresh(
        &self,
        candidates: Vec<Candidate>,
        refresh: Refresh,
    ) -> Vec<Candidate> {
        let now = self.clock.now();
        let Some(known) = self.known() else {
            return Vec::new();
        };
        let numbered: Vec<(usize, Candidate)> = (candidates.into_iter())
            .filter_map(|one| Some((known.network.number(&key(&one))?, one)))
            .collect();
        let among: Vec<usize> = numbered.iter().map(|(number, _)| *number).collect();
        let chosen = known.network.to_refresh(&among, refresh, now);
        let chosen = |(number, candidate)| chosen.contains(&number).then_some(candidate);
        numbered.into_iter().filter_map(chosen).collect()
    }

    /// Reconsiders who is preferred among the endpoints' known candidates, with hysteresis.
    pub(super) fn prefer(&mut self, endpoints: &[Endpoint]) -> Option<Change> {
        let now = self.clock.now();
        let service = endpoints.first()?.service();
        let known = self.known()?;
        let candidates = self.candidates(endpoints);
        let among: Vec<usize> = candidates.iter().map(|(number, _)| *number).collect();
        let from = known.preferred.get(&service).cloned();
        // One that isn't eligible any more gives way to whoever is.
        let current = from
            .as_ref()
            .and_then(|one| known.network.number(&key(one)));
        let current = current.filter(|number| among.contains(number));
        let preferred = known.network.prefer(&among, current, now)?;
        let of = |(number, candidate)| (number == preferred).then_some(candidate);
        let to = candidates.into_iter().find_map(of)?;
        if from.as_ref() == Some(&to) {
            return None;
        }
        self.known_mut().preferred.insert(service, to.clone());
        // Another address of the same endpoint is no news to whoever asks which endpoint to use.
        let same = from.as_ref().is_some_and(|from| from.0 == to.0);
        (!same).then_some(Change::Preference { from, to })
    }

    /// Who is preferred on this network.
    pub(super) fn preferred(&self, service: Service) -> Option<Candidate> {
        self.known()?.preferred.get(&service).cloned()
    }
}
