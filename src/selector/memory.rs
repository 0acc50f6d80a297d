//! What the selector remembers per network, and what it expects from that.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::forecast::{Forecast, SynTrust};
use easelect_engine::health::{Severity, Transition};
use easelect_engine::history::{
    History, Key, Kinship, KnownNetwork, Lead, Network, proven_elsewhere,
};
use easelect_engine::id::CandidateId;
use easelect_engine::observation::Observation;
use easelect_engine::priors::{Prior, Priors};
use easelect_engine::timestamp::Timestamp;

use super::network_watch::NetworkWatch;
use crate::catalog::{Endpoint, Service};
use crate::clock::Clock;
use crate::dialer::{Dialer, Found, MAX_ADDRESSES};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::resolve::{Family, is_bogus};

/// Addresses that DNS returned this long ago are not dialled before DNS returns them again.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// More networks than a device visits in a month. Beyond it, the one unused for longest is dropped.
const MAX_NETWORKS: usize = 32;

/// An endpoint at one of its addresses.
pub(super) type Candidate = (Endpoint, SocketAddr);

/// Everything remembered, by network.
#[derive(Debug)]
pub(super) struct Memory {
    clock: Clock,
    networks: BTreeMap<String, Known>,
    current: String,
    priors: Priors,
    /// The priors for the current network's class.
    prior: Option<Arc<Prior>>,
    epoch: Epoch,
    /// WebSockets opened so far, on all networks.
    opened: u64,
    random: fastrand::Rng,
    /// Knows the port at which an endpoint is dialled: its own or the proxy's.
    dialer: Dialer,
    /// The endpoints of every service in use.
    endpoints: Vec<Endpoint>,
    /// Something was learned that no write has been requested for.
    unkept: bool,
    /// DNS no longer returns a candidate that may be preferred.
    unlisted: bool,
}

/// A stay on one network, until the next move or sleep. A measurement that began in an earlier epoch is
/// discarded, even on the same network, because the path may have changed in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch(u64);

/// One network: what is known of its candidates, and which ones are preferred.
#[derive(Clone, Debug, Default)]
struct Known {
    network: Network,
    preferred: BTreeMap<Service, (Candidate, Lead)>,
    used: Timestamp,
}

/// The state of a service's candidates.
#[derive(Default)]
pub(super) struct Reconsidered {
    pub(super) preferred: Option<Candidate>,
    /// In no order.
    pub(super) expected: Vec<(Candidate, Forecast)>,
    pub(super) change: Option<Change>,
    /// When the next breaker closes, if nothing is learned meanwhile.
    pub(super) next_close: Option<Duration>,
}

/// The effect of one observation.
pub(super) struct Learned {
    pub(super) changes: Vec<Change>,
    /// Whether the preference may change.
    pub(super) decisive: bool,
}

/// A change to report as an event.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Preference {
        from: Option<Candidate>,
        to: Candidate,
    },
    Breaker(Candidate, Transition),
}

/// How much a failure says about the candidate. A TLS failure says most: either only the operator can
/// correct it, or the network interferes on purpose. A failure of the device's own network, of a proxy,
/// or of the app's credentials (401 and 403 from a server that proved its identity) says nothing about
/// the candidate.
pub(super) fn severity(failure: &Failure) -> Severity {
    let passing = matches!(failure.kind(), FailureKind::Timeout | FailureKind::Closed);
    let own =
        failure.is_local() || failure.phase() == Phase::Proxy || failure.status() == Some(407);
    match failure.retry_after() {
        Some(asked) => Severity::Busy(asked),
        None if failure.refuses_credentials() => Severity::Credentials,
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
        service: endpoint.service().as_str().to_owned(),
    }
}

fn find(network: &Network, (endpoint, address): &Candidate) -> Option<CandidateId> {
    let service = endpoint.service().as_str();
    network.find(
        endpoint.region().as_str(),
        endpoint.host(),
        *address,
        service,
    )
}

/// Whether this key belongs to an address of the endpoint, which is dialled at this port.
fn is(endpoint: &Endpoint, port: u16, key: &Key) -> bool {
    endpoint.host() == key.host
        && endpoint.service().as_str() == key.service
        && port == key.address.port()
        && endpoint.region().as_str() == key.region
}

impl Memory {
    pub(super) fn new(
        clock: Clock,
        current: String,
        seed: u64,
        dialer: Dialer,
        endpoints: Vec<Endpoint>,
    ) -> Self {
        Memory {
            clock,
            networks: BTreeMap::new(),
            current,
            priors: Priors::default(),
            prior: None,
            epoch: Epoch::default(),
            opened: 0,
            random: fastrand::Rng::with_seed(seed),
            dialer,
            endpoints,
            unkept: false,
            unlisted: false,
        }
    }

    /// With the history of earlier runs, as far as it is believed.
    pub(super) fn with_history(mut self, history: History) -> Self {
        let is_possible = |key: &Key| self.is_possible(key);
        let kept: Vec<_> = history
            .into_networks(self.clock.now(), is_possible)
            .collect();
        for one in kept {
            let known = Known {
                network: one.network,
                preferred: BTreeMap::new(),
                used: one.used,
            };
            self.networks.insert(one.id, known);
        }
        self
    }

    /// With priors, and the class of the current network.
    pub(super) fn with_priors(mut self, priors: Priors, class: Option<&str>) -> Self {
        self.priors = priors;
        self.set_class(class);
        self
    }

    /// Sets the class of the current network.
    pub(super) fn set_class(&mut self, class: Option<&str>) {
        // Through a proxy, a SYN measures the way to the proxy.
        let is_direct = |one: &Endpoint| self.dialer.peer(one).proxy.is_none();
        let is_ours = |host: &str| {
            let mut endpoints = self.endpoints.iter();
            endpoints.any(|one| one.host() == host && is_direct(one))
        };
        let prior = class.and_then(|class| self.priors.of(class, is_ours));
        self.prior = prior.map(Arc::new);
        if let Some(known) = self.networks.get_mut(&self.current) {
            known.network.expect(self.prior.clone());
        }
    }

    /// Whether a stored address can be the host's. Addresses of hosts that are not in use are not
    /// checked.
    fn is_possible(&self, key: &Key) -> bool {
        let mut endpoints = self.endpoints.iter();
        let endpoint = endpoints.find(|one| self.is(one, key));
        endpoint.is_none_or(|one| !self.dialer.peer(one).is_public || !is_bogus(key.address.ip()))
    }

    /// Whether there is something to write that no write has been requested for; the caller then
    /// requests it. Never while the clock is obviously wrong, because the data would look like the
    /// future's.
    pub(super) fn take_unkept(&mut self) -> bool {
        self.clock.is_sane() && std::mem::take(&mut self.unkept)
    }

    /// The history to write.
    pub(super) fn history(&self) -> History {
        History::of(self.networks.iter().map(|(id, known)| KnownNetwork {
            id: id.clone(),
            used: known.used,
            network: known.network.clone(),
        }))
    }

    pub(super) fn network_id(&self) -> &str {
        &self.current
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The number of WebSockets opened so far.
    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    /// Moves to another network, whose class is unknown.
    pub(super) fn enter(&mut self, id: String) {
        self.set_class(None);
        if let Some(left) = self.networks.get_mut(&self.current) {
            left.network.leave();
        }
        self.current = id;
        self.epoch.0 += 1;
    }

    /// How long the machine slept since the last call, if it did.
    pub(super) fn wake(&mut self, wall: Timestamp) -> Option<Duration> {
        let slept = self.clock.wake(wall)?;
        self.epoch.0 += 1;
        Some(slept)
    }

    fn known(&self) -> Option<&Known> {
        self.networks.get(&self.current)
    }

    fn known_mut(&mut self, now: Timestamp) -> &mut Known {
        if !self.networks.contains_key(&self.current) {
            if self.networks.len() >= MAX_NETWORKS {
                let oldest = self.networks.iter().min_by_key(|(_, known)| known.used);
                if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                    self.networks.remove(&oldest);
                }
            }
            let network = self.unknown();
            let known = Known {
                network,
                ..Known::default()
            };
            self.networks.insert(self.current.clone(), known);
        }
        let known = self.networks.get_mut(&self.current);
        let known = known.expect("it was there, or is now");
        known.used = now;
        known
    }

    /// The current network before anything is known about it.
    fn unknown(&self) -> Network {
        let mut network = Network::default();
        network.expect(self.prior.clone());
        network
    }

    /// How far SYNs on the current network predict its handshakes.
    pub(super) fn syn_trust(&self) -> SynTrust {
        self.known().map_or_else(SynTrust::default, |known| {
            known.network.syn_trust(self.clock.now())
        })
    }

    /// Whether SYNs on the current network say anything about its paths.
    pub(super) fn trusts_syns(&self) -> bool {
        self.known().is_none_or(|known| known.network.trusts_syns())
    }

    /// Takes in DNS's answer about an endpoint in one family: these addresses and no others. A failure
    /// other than “no address” changes nothing, and neither does an answer from another epoch.
    pub(super) fn list(
        &mut self,
        endpoint: &Endpoint,
        family: Family,
        said: &Result<Found, Failure>,
        epoch: Epoch,
    ) {
        let addresses: &[IpAddr] = match said {
            Ok(found) => &found.addresses,
            Err(failure) if failure.kind() == FailureKind::NoAddress => &[],
            Err(_) => return,
        };
        if epoch != self.epoch {
            return;
        }
        let now = self.clock.now();
        let port = self.dialer.peer(endpoint).port;
        let network = &mut self.known_mut(now).network;
        let gone = |key: &Key| {
            let ip = key.address.ip();
            Family::of(ip) == family && !addresses.contains(&ip) && is(endpoint, port, key)
        };
        let unlisted = network.unlist(gone, now);
        for ip in addresses {
            let candidate = (endpoint.clone(), SocketAddr::new(*ip, port));
            match find(network, &candidate) {
                Some(id) => network.list_again(id, now),
                None => _ = network.list(&key(&candidate), now),
            }
        }
        self.unlisted |= unlisted;
    }

    /// The forecast of a candidate in a race whose last winner is given.
    pub(super) fn expect(
        &self,
        candidate: &Candidate,
        last_winner: Option<&Candidate>,
    ) -> Forecast {
        let now = self.clock.now();
        let known = self.known().map(|known| &known.network);
        let remembered = known.and_then(|network| {
            let id = find(network, candidate)?;
            network.forecast(id, now)
        });
        let forecast = remembered.unwrap_or_else(|| match known {
            Some(network) => network.forecast_unknown(&key(candidate), now),
            None => self.unknown().forecast_unknown(&key(candidate), now),
        });
        Forecast {
            last_winner: last_winner == Some(candidate),
            ..forecast
        }
    }

    /// The forecasts of all candidates of the current network, by id, and how they vary together.
    pub(super) fn outlook(&self) -> (Vec<Forecast>, Kinship) {
        let known = self
            .known()
            .map(|known| known.network.outlook(self.clock.now()));
        known.unwrap_or_default()
    }

    /// The id of a candidate on the current network.
    pub(super) fn id(&self, candidate: &Candidate) -> Option<CandidateId> {
        find(&self.known()?.network, candidate)
    }

    /// The known addresses of an endpoint.
    #[cfg(feature = "rest")]
    pub(super) fn addresses(&self, endpoint: &Endpoint) -> Vec<Candidate> {
        let known = self.candidates(slice::from_ref(endpoint));
        known.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// Whether the breaker of every known address of the endpoint is open.
    #[cfg(feature = "rest")]
    pub(super) fn is_broken(&self, endpoint: &Endpoint) -> bool {
        let known = self.addresses(endpoint);
        let broken = |one: &Candidate| self.expect(one, None).breaker_open;
        !known.is_empty() && known.iter().all(broken)
    }

    /// The endpoint whose best address is cheapest; the first one, if nothing is known.
    #[cfg(feature = "rest")]
    pub(super) fn best_of(&self, endpoints: Vec<Endpoint>) -> Option<Endpoint> {
        let cost = |one: &Endpoint| {
            let known = self.addresses(one).into_iter();
            let costs = known.map(|candidate| {
                let forecast = self.expect(&candidate, None);
                (forecast.breaker_open, forecast.cost_ms())
            });
            let least = costs.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            least.unwrap_or((false, f64::INFINITY))
        };
        let priced = endpoints.into_iter().map(|one| (cost(&one), one));
        let least = priced.min_by(|(a, _), (b, _)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        least.map(|(_, endpoint)| endpoint)
    }

    /// The address of these endpoints that opened last.
    pub(super) fn last_winner(&self, endpoints: &[Endpoint]) -> Option<Candidate> {
        let network = &self.known()?.network;
        let candidates = self.candidates(endpoints);
        let among: Vec<CandidateId> = candidates.iter().map(|(id, _)| *id).collect();
        let winner = network.last_winner(&among)?;
        let of = |(id, candidate)| (id == winner).then_some(candidate);
        candidates.into_iter().find_map(of)
    }

    /// The known addresses of these endpoints on the current network.
    fn candidates(&self, endpoints: &[Endpoint]) -> Vec<(CandidateId, Candidate)> {
        let known = self.listed(endpoints).into_iter();
        known.map(|(id, candidate, _)| (id, candidate)).collect()
    }

    /// The same, with the time when DNS last returned each.
    fn listed(&self, endpoints: &[Endpoint]) -> Vec<(CandidateId, Candidate, Timestamp)> {
        let known = self.known().map(|known| known.network.candidates());
        let known = known.into_iter().flatten();
        known
            .filter_map(|(id, known, listed)| {
                let endpoint = endpoints.iter().find(|one| self.is(one, known))?;
                Some((id, (endpoint.clone(), known.address), listed?))
            })
            .collect()
    }

    /// The addresses of an endpoint to dial before DNS has answered: those that it returned last.
    pub(super) fn remembered(&self, endpoint: &Endpoint) -> Vec<SocketAddr> {
        let now = self.clock.now();
        let mut known = self.listed(slice::from_ref(endpoint));
        known.retain(|(_, _, listed)| now.since(*listed) < STALE);
        while known.len() > MAX_ADDRESSES {
            let listed = known.iter().map(|(_, _, listed)| *listed).enumerate();
            let oldest = listed.min_by_key(|(_, listed)| *listed);
            known.swap_remove(oldest.map_or(0, |(place, _)| place));
        }
        known.into_iter().map(|(_, (_, at), _)| at).collect()
    }

    /// Addresses that opened on other networks, the latest first, with the index of the endpoint. Left
    /// out are hosts whose addresses this network's DNS has returned, and networks behind a proxy,
    /// where an address may be the proxy's.
    pub(super) fn proven_elsewhere(&self, endpoints: &[Endpoint]) -> Vec<(usize, Candidate)> {
        let others = self.networks.iter().filter(|(id, known)| {
            **id != self.current
                && !NetworkWatch::is_proxied(id)
                && self.clock.now().since(known.used) < STALE
        });
        let here = self.known().map(|known| &known.network);
        let answered = |key: &Key| {
            let v6 = key.address.is_ipv6();
            let known = here.into_iter().flat_map(Network::candidates);
            let mut of_host = known.filter(|(_, one, _)| {
                one.host == key.host && one.service == key.service && one.address.is_ipv6() == v6
            });
            of_host.any(|(id, _, listed)| {
                listed.is_some() || here.is_some_and(|here| here.is_unlisted(id))
            })
        };
        let proven = proven_elsewhere(others.map(|(_, known)| &known.network));
        let of_endpoint = |key: &&Key| {
            let number = endpoints.iter().position(|one| self.is(one, key))?;
            Some((number, (endpoints[number].clone(), key.address)))
        };
        let proven = proven.iter().filter(|key| !answered(key));
        proven.filter_map(of_endpoint).collect()
    }

    /// Adds a candidate that this network's DNS has not returned.
    pub(super) fn note(&mut self, candidate: &Candidate) {
        let now = self.clock.now();
        self.known_mut(now).network.note(&key(candidate));
    }

    /// Whether more than the observed candidate may have changed since the last call.
    pub(super) fn take_unsettled(&mut self) -> bool {
        let believes = self
            .known()
            .is_some_and(|known| known.network.believes_a_file());
        std::mem::take(&mut self.unlisted) || believes
    }

    /// Whether the candidate opened on this network, and more than a stored history says that DNS
    /// returned its address.
    pub(super) fn is_proven(&self, candidate: &Candidate) -> bool {
        let network = self.known().map(|known| &known.network);
        network.is_some_and(|network| {
            let id = find(network, candidate);
            id.is_some_and(|id| !network.is_hearsay(id)) && self.expect(candidate, None).verified
        })
    }

    /// Learns from observations of several candidates.
    pub(super) fn learn(&mut self, observations: Vec<(Candidate, Observation)>) -> Vec<Change> {
        let (now, jitter) = (self.clock.now(), self.random.f64());
        self.unkept = true;
        for (candidate, observation) in &observations {
            self.count(candidate, observation);
        }
        let known = self.known_mut(now);
        let listed = observations.into_iter().map(|(candidate, observation)| {
            let id = find(&known.network, &candidate);
            let id = id.unwrap_or_else(|| known.network.note(&key(&candidate)));
            (id, observation)
        });
        let shown: Vec<(CandidateId, Observation)> = listed.collect();
        let transitions = known.network.learn(&shown, now, jitter);
        self.breakers(transitions)
    }

    /// Learns from an observation of one candidate. For a known one, such as with a heartbeat, this
    /// doesn't affect other candidates and doesn't allocate.
    pub(super) fn learn_one(&mut self, candidate: &Candidate, observation: Observation) -> Learned {
        let (now, jitter) = (self.clock.now(), self.random.f64());
        self.unkept = true;
        self.count(candidate, &observation);
        let known = self.known_mut(now);
        let network = &mut known.network;
        let id = match find(network, candidate) {
            Some(id) => id,
            None => network.list(&key(candidate), now),
        };
        let transitions = network.hear(id, &observation, now, jitter);
        let lead = known.preferred.get_mut(&candidate.0.service());
        let decisive = match (lead, network.forecast(id, now)) {
            // A candidate with an open breaker is never preferred, so a change of a breaker may change
            // the preference.
            _ if !transitions.is_empty() => true,
            (Some((_, lead)), Some(forecast)) => lead.may_end(id, &forecast, now),
            _ => true,
        };
        Learned {
            changes: self.breakers(transitions),
            decisive,
        }
    }

    fn count(&mut self, candidate: &Candidate, observation: &Observation) {
        let opened = observation.opened && candidate.0.service().is_websocket();
        self.opened += u64::from(opened);
    }

    /// The events for these breakers; none for hosts that are not in use.
    fn breakers(&self, transitions: Vec<(CandidateId, Transition)>) -> Vec<Change> {
        let named = |(id, transition)| {
            let network = &self.known()?.network;
            let key = network.key(id)?;
            let mut endpoints = self.endpoints.iter();
            let endpoint = endpoints.find(|one| self.is(one, key))?;
            let candidate = (endpoint.clone(), key.address);
            Some(Change::Breaker(candidate, transition))
        };
        transitions.into_iter().filter_map(named).collect()
    }

    /// Whether this key belongs to an address of the endpoint.
    fn is(&self, endpoint: &Endpoint, key: &Key) -> bool {
        is(endpoint, self.dialer.peer(endpoint).port, key)
    }

    /// Selects candidates to probe in the background, at most `most`.
    pub(super) fn to_check(&self, candidates: Vec<Candidate>, most: usize) -> Vec<Candidate> {
        let now = self.clock.now();
        let Some(known) = self.known() else {
            return Vec::new();
        };
        let found: Vec<(CandidateId, Candidate)> = (candidates.into_iter())
            .filter_map(|one| Some((find(&known.network, &one)?, one)))
            .collect();
        let among: Vec<CandidateId> = found.iter().map(|(id, _)| *id).collect();
        let chosen = known.network.to_check(&among, most, now);
        let chosen = |(id, candidate)| chosen.contains(&id).then_some(candidate);
        found.into_iter().filter_map(chosen).collect()
    }

    /// Updates the preferred candidate of these endpoints, with hysteresis.
    pub(super) fn reconsider(&mut self, endpoints: &[Endpoint]) -> Reconsidered {
        let now = self.clock.now();
        let candidates = self.candidates(endpoints);
        let known = self.networks.get_mut(&self.current);
        let (Some(service), Some(known)) = (endpoints.first().map(Endpoint::service), known) else {
            return Reconsidered::default();
        };
        let forecasts = known.network.forecasts(now);
        let among: Vec<CandidateId> = candidates.iter().map(|(id, _)| *id).collect();
        let from = known
            .preferred
            .get(&service)
            .map(|(candidate, _)| candidate.clone());
        // A preferred candidate that is no longer eligible is replaced.
        let current = from.as_ref().and_then(|one| find(&known.network, one));
        let current = current.filter(|id| among.contains(id));
        let lead = known.network.lead(&forecasts, &among, current, now);
        let to = lead.and_then(|lead| {
            let mut candidates = candidates.iter();
            let (_, to) = candidates.find(|(id, _)| *id == lead.holder())?;
            known.preferred.insert(service, (to.clone(), lead));
            Some(to.clone())
        });
        let eligible = |one: &Candidate| endpoints.contains(&one.0);
        let preferred = to.clone().or_else(|| from.clone().filter(eligible));
        // A candidate with an open breaker is not preferred. It may be again when its breaker closes.
        let is_broken = |one: &Candidate| {
            let id = find(&known.network, one);
            id.is_some_and(|id| forecasts[id.index()].breaker_open)
        };
        let preferred = preferred.filter(|one| !is_broken(one));
        let next_close = known.network.next_close(&among, now);
        // A new address of the same endpoint is not reported: the event is about endpoints.
        let news = to.filter(|to| from.as_ref().is_none_or(|from| from.0 != to.0));
        let expected =
            |(id, candidate): (CandidateId, Candidate)| (candidate, forecasts[id.index()]);
        Reconsidered {
            preferred,
            expected: candidates.into_iter().map(expected).collect(),
            change: news.map(|to| Change::Preference { from, to }),
            next_close,
        }
    }
}
