//! The simulated world: clients, their networks, and what a dial would meet at each moment.
//!
//! What happens depends on the seed, the client, the connection, the candidate and the number of
//! the attempt, never on the policy: all policies meet the same numbers.

pub(crate) mod parameters;

use std::f64::consts::TAU;

use crate::random::Random;
use parameters::Parameters;

/// What the numbers are for: the first part of every seed's purpose.
mod purpose {
    pub(super) const CLIENT: u64 = 1;
    pub(super) const NETWORK: u64 = 2;
    pub(super) const EVENT: u64 = 3;
    pub(super) const ATTEMPT: u64 = 4;
}

/// A world: parameters and a seed.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) parameters: Parameters,
    pub(crate) seed: u64,
    candidates: Vec<Candidate>,
}

/// One address of one host. Its number is its place in [`World::candidates`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) cluster: usize,
    pub(crate) host: usize,
    domain: usize,
    /// Which of its host's addresses.
    address: usize,
    pub(crate) v6: bool,
}

/// Why a candidate does not open at all.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refuses,
    /// SYNs are dropped.
    Silent,
    /// Someone near answers SYNs after so many ms, and then keeps silent.
    Hijacked(f64),
    WrongCertificate,
    TlsReset,
    TlsSilent,
}

/// How one leg of an attempt ends, in ms after its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    After(f64),
    Fails(f64),
    Never,
}

/// What an attempt meets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) syn: Answer,
    pub(crate) tls: Answer,
    pub(crate) upgrade: Answer,
}

impl Attempt {
    /// The time to open, without DNS.
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
                    domain: host / topology.clusters,
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
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ipv6 {
    Works,
    Broken,
    Absent,
}

/// A stretch of time during which an address is down.
#[derive(Clone, Copy, Debug)]
struct Outage {
    from_hour: f64,
    to_hour: f64,
    refuses: bool,
}

/// The factors of a host's paths from an hour on.
#[derive(Debug)]
struct Route {
    from_hour: f64,
    /// ln of the factor, per address.
    addresses: Vec<f64>,
}

#[derive(Debug)]
struct HostPath {
    edge: bool,
    phase: f64,
    cluster: f64,
    routes: Vec<Route>,
    faults: Vec<Option<Fault>>,
}

/// A network as a client sees it.
#[derive(Debug)]
struct Network {
    cellular: bool,
    ipv6: Ipv6,
    ln_rtt: f64,
    ln_ipv6: f64,
    syn_proxy_ms: Option<f64>,
    hosts: Vec<HostPath>,
}

/// A client's week.
#[derive(Debug)]
pub(crate) struct Client<'w> {
    world: &'w World,
    number: u64,
    networks: Vec<Network>,
    outages: Vec<Vec<Outage>>,
    /// Hour and network of each connection.
    connections: Vec<(f64, usize)>,
}

/// Networks 0 and 1 are seen again and again: Wi-Fi and cellular.
const REGULAR: usize = 2;

impl<'w> Client<'w> {
    pub(crate) fn new(world: &'w World, number: u64) -> Self {
        let time = &world.parameters.time;
        let mut random = Random::new(&[world.seed, purpose::CLIENT, number]);
        let (mut hour, mut regular, mut networks) = (0.0, random.below(REGULAR), REGULAR);
        let mut kinds = vec![false, true];
        let mut connections = Vec::new();
        for _ in 0..time.connections_per_day * time.days {
            hour += random.exponential(24.0 / time.connections_per_day as f64);
            if !random.chance(time.stay) {
                regular = 1 - regular;
            }
            let cellular = random.chance(0.5);
            if random.chance(time.one_off) {
                kinds.push(cellular);
                connections.push((hour, networks));
                networks += 1;
            } else {
                connections.push((hour, regular));
            }
        }
        let outages = (world.candidates.iter())
            .map(|_| outages(world, hour, &mut random))
            .collect();
        let networks = (kinds.into_iter().enumerate())
            .map(|(network, cellular)| {
                let purpose = [world.seed, purpose::NETWORK, number, network as u64];
                Network::new(world, cellular, hour, &mut Random::new(&purpose))
            })
            .collect();
        Client {
            world,
            number,
            networks,
            outages,
            connections,
        }
    }

    /// Its connections, in order of time.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'w>> + '_ {
        (0..self.connections.len()).map(|index| self.event(index))
    }

    fn event(&self, index: usize) -> Event<'w> {
        let (hour, network) = self.connections[index];
        let parameters = &self.world.parameters;
        let path = &self.networks[network];
        let purpose = [self.world.seed, purpose::EVENT, self.number, index as u64];
        let mut random = Random::new(&purpose);
        let noise = &parameters.noise;
        let (queued, queue_ms) = (random.uniform(), random.exponential(noise.queue_mean_ms));
        let bad_spell = random.chance(noise.bad_spell);
        let queue_ms = if queued < noise.queue { queue_ms } else { 0.0 };
        let dns = &parameters.dns;
        let dns_ms = (0..self.world.hosts())
            .map(|_| {
                let (cached, lost) = (random.uniform(), random.uniform());
                let answer = queue_ms + random.lognormal(dns.median_ms, dns.log_sd);
                match (cached < dns.cached, lost < dns.lost) {
                    (true, _) => dns.cached_ms,
                    (false, true) => dns.lost_ms + answer,
                    (false, false) => answer,
                }
            })
            .collect();
        let loss = if path.cellular {
            noise.cellular_loss
        } else {
            noise.wifi_loss
        };
        let loss = loss + if bad_spell { noise.bad_spell_loss } else { 0.0 };
        let paths = (self.world.candidates.iter().enumerate())
            .map(|(number, candidate)| self.path(path, number, candidate, hour))
            .collect();
        Event {
            world: self.world,
            purpose: [self.world.seed, purpose::ATTEMPT, self.number, index as u64],
            hour,
            network,
            cellular: path.cellular,
            syn_proxy_ms: path.syn_proxy_ms,
            queue_ms,
            loss: loss * noise.loss_factor,
            dns_ms,
            paths,
        }
    }

    fn path(&self, network: &Network, number: usize, candidate: &Candidate, hour: f64) -> Path {
        let parameters = &self.world.parameters.path;
        let host = &network.hosts[candidate.host];
        let route = host.routes.iter().rev().find(|one| one.from_hour <= hour);
        let route = route.map_or(0.0, |route| route.addresses[candidate.address]);
        let drift =
            (1.0 + parameters.drift_per_day).ln() * (TAU * (hour / 24.0 + host.phase)).sin();
        let ipv6 = if candidate.v6 { network.ln_ipv6 } else { 0.0 };
        let origin = (network.ln_rtt + host.cluster + route + drift + ipv6).exp();
        let outage = self.outages[number]
            .iter()
            .find(|one| one.from_hour <= hour && hour < one.to_hour)
            .map(|one| {
                if one.refuses {
                    Fault::Refuses
                } else {
                    Fault::Silent
                }
            });
        let broken = (candidate.v6 && network.ipv6 == Ipv6::Broken).then_some(Fault::Silent);
        Path {
            rtt_ms: if host.edge {
                origin * parameters.edge_rtt
            } else {
                origin
            },
            origin_rtt_ms: origin,
            usable: !candidate.v6 || network.ipv6 != Ipv6::Absent,
            fault: host.faults[candidate.address].or(broken).or(outage),
        }
    }
}

fn outages(world: &World, end: f64, random: &mut Random) -> Vec<Outage> {
    let fault = &world.parameters.fault;
    let every = fault.outage_every_hours / fault.factor;
    let mut outages = Vec::new();
    let mut hour = random.exponential(1.0) * every;
    while hour < end {
        let length = random.lognormal(fault.outage_median_minutes, fault.outage_log_sd) / 60.0;
        outages.push(Outage {
            from_hour: hour,
            to_hour: hour + length,
            refuses: random.chance(fault.outage_refuses),
        });
        hour += length + random.exponential(1.0) * every;
    }
    outages
}

impl Network {
    fn new(world: &World, cellular: bool, end: f64, random: &mut Random) -> Self {
        let (path, fault) = (&world.parameters.path, &world.parameters.fault);
        let topology = &world.parameters.topology;
        let median = if cellular {
            path.cellular_rtt_ms
        } else {
            path.wifi_rtt_ms
        };
        let ln_rtt = (median * path.rtt_factor).ln() + path.rtt_log_sd * random.normal();
        let ln_ipv6 = path.ipv6_log_sd * random.normal();
        let edge = random.chance(path.edge);
        let u = random.uniform();
        let ipv6 = if u < fault.ipv6_none {
            Ipv6::Absent
        } else if u < fault.ipv6_none + fault.ipv6_broken * fault.factor {
            Ipv6::Broken
        } else {
            Ipv6::Works
        };
        let (proxied, proxy_ms) = (random.uniform(), random.between(fault.syn_proxy_ms));
        let clusters: Vec<f64> = (0..topology.clusters)
            .map(|_| path.cluster_log_sd * random.normal())
            .collect();
        let blocked: Vec<Option<Fault>> = (0..topology.domains)
            .map(|_| {
                let (blocked, reset) = (random.uniform(), random.chance(fault.sni_reset));
                let kind = if reset {
                    Fault::TlsReset
                } else {
                    Fault::TlsSilent
                };
                (blocked < fault.sni_block * fault.factor).then_some(kind)
            })
            .collect();
        let hosts = (0..world.hosts())
            .map(|host| {
                let (cluster, domain) = (host % topology.clusters, host / topology.clusters);
                HostPath {
                    edge: edge && domain == 1,
                    cluster: clusters[cluster],
                    ..HostPath::new(world, blocked[domain], end, random)
                }
            })
            .collect();
        Network {
            cellular,
            ipv6,
            ln_rtt,
            ln_ipv6,
            syn_proxy_ms: (proxied < fault.syn_proxy).then_some(proxy_ms),
            hosts,
        }
    }
}

impl HostPath {
    fn new(world: &World, blocked: Option<Fault>, end: f64, random: &mut Random) -> Self {
        let (path, fault) = (&world.parameters.path, &world.parameters.fault);
        let addresses = world.parameters.topology.ipv4 + world.parameters.topology.ipv6;
        let (poisoned, silent) = (random.uniform(), random.chance(fault.poisoned_silent));
        let kind = if silent {
            Fault::Silent
        } else {
            Fault::WrongCertificate
        };
        let poisoned = (poisoned < fault.poisoned * fault.factor).then_some(kind);
        let faults = (0..addresses)
            .map(|_| {
                let (u, syn) = (random.uniform(), random.between(fault.hijacked_syn_ms));
                let hijacked = fault.hijacked * fault.factor;
                let own = if u < hijacked {
                    Some(Fault::Hijacked(syn))
                } else if u < hijacked + fault.black_hole * fault.factor {
                    Some(Fault::Silent)
                } else {
                    None
                };
                own.or(poisoned).or(blocked)
            })
            .collect();
        let phase = random.uniform();
        let (mut hour, mut routes) = (0.0, Vec::new());
        while hour < end {
            let host = path.host_log_sd * random.normal();
            routes.push(Route {
                from_hour: hour,
                addresses: (0..addresses)
                    .map(|_| host + path.address_log_sd * random.normal())
                    .collect(),
            });
            hour += random.exponential(path.route_step_hours);
        }
        HostPath {
            edge: false,
            phase,
            cluster: 0.0,
            routes,
            faults,
        }
    }
}

/// A path at a moment.
#[derive(Clone, Copy, Debug)]
struct Path {
    rtt_ms: f64,
    origin_rtt_ms: f64,
    usable: bool,
    fault: Option<Fault>,
}

/// A moment at which a client wants a connection.
#[derive(Debug)]
pub(crate) struct Event<'w> {
    world: &'w World,
    purpose: [u64; 4],
    /// Since the client's week began.
    pub(crate) hour: f64,
    /// The network's number among the client's; 0 and 1 come again.
    pub(crate) network: usize,
    cellular: bool,
    syn_proxy_ms: Option<f64>,
    queue_ms: f64,
    loss: f64,
    dns_ms: Vec<f64>,
    paths: Vec<Path>,
}

impl Event<'_> {
    pub(crate) fn candidates(&self) -> &[Candidate] {
        self.world.candidates()
    }

    pub(crate) fn hosts(&self) -> usize {
        self.world.hosts()
    }

    pub(crate) fn is_regular(&self) -> bool {
        self.network < REGULAR
    }

    /// When DNS answers for a host, in ms after the question.
    pub(crate) fn dns_ms(&self, host: usize) -> f64 {
        self.dns_ms[host]
    }

    /// The host's addresses in the order of the system's resolver (RFC 6724: IPv6 first).
    pub(crate) fn addresses(&self, host: usize) -> Vec<usize> {
        let mut addresses: Vec<usize> = (self.candidates().iter().enumerate())
            .filter(|(number, one)| one.host == host && self.paths[*number].usable)
            .map(|(number, _)| number)
            .collect();
        addresses.sort_by_key(|number| !self.candidates()[*number].v6);
        addresses
    }

    /// All candidates that a client on this network has.
    pub(crate) fn usable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.paths.len()).filter(|number| self.paths[*number].usable)
    }

    /// What the n-th attempt at a candidate meets during this connection.
    pub(crate) fn attempt(&self, candidate: usize, n: u64) -> Attempt {
        let [seed, purpose, client, event] = self.purpose;
        let purpose = [seed, purpose, client, event, candidate as u64, n];
        let mut random = Random::new(&purpose);
        let path = &self.paths[candidate];
        let leg = |random: &mut Random, rtt_ms| Answer::After(self.flight_ms(rtt_ms, random));
        let mut attempt = Attempt {
            syn: self.syn(path.rtt_ms, &mut random),
            tls: leg(&mut random, path.rtt_ms),
            upgrade: leg(&mut random, path.origin_rtt_ms),
        };
        if let Some(ms) = self.syn_proxy_ms {
            // The middlebox's own connection has to be opened first.
            let Answer::After(tls) = attempt.tls else {
                return attempt;
            };
            attempt.tls = Answer::After(tls + path.rtt_ms);
            attempt.syn = Answer::After(ms + self.queue_ms);
        }
        match path.fault {
            None => {}
            Some(Fault::Refuses) => {
                attempt.syn = Answer::Fails(self.round_trip_ms(path.rtt_ms, &mut random))
            }
            Some(Fault::Silent) => attempt.syn = Answer::Never,
            Some(Fault::Hijacked(ms)) => {
                attempt.syn = Answer::After(ms + self.queue_ms);
                attempt.tls = Answer::Never;
            }
            Some(Fault::WrongCertificate | Fault::TlsReset) => {
                attempt.tls = Answer::Fails(self.round_trip_ms(path.rtt_ms, &mut random));
            }
            Some(Fault::TlsSilent) => attempt.tls = Answer::Never,
        }
        attempt
    }

    /// A candidate's time to open without noise; none if it does not open.
    pub(crate) fn true_ms(&self, candidate: usize) -> Option<f64> {
        let path = &self.paths[candidate];
        let opens = path.fault.is_none();
        opens.then_some(2.0 * path.rtt_ms + path.origin_rtt_ms)
    }

    /// The best that a clairvoyant with free DNS could do, in ms.
    pub(crate) fn oracle_ms(&self) -> Option<f64> {
        let opened = self
            .usable()
            .filter_map(|one| self.attempt(one, 0).open_ms());
        opened.min_by(f64::total_cmp)
    }

    fn syn(&self, rtt_ms: f64, random: &mut Random) -> Answer {
        let repeats = self.world.parameters.syn.repeats_ms();
        for sent_ms in std::iter::once(0.0).chain(repeats.iter().copied()) {
            if !random.chance(self.loss) {
                return Answer::After(sent_ms + self.round_trip_ms(rtt_ms, random));
            }
        }
        Answer::Never
    }

    /// A flight after the SYN, repeated until it gets through.
    fn flight_ms(&self, rtt_ms: f64, random: &mut Random) -> f64 {
        let noise = &self.world.parameters.noise;
        let mut rto_ms = noise.rto_least_ms.max(noise.rto_round_trips * rtt_ms);
        let mut waited_ms = 0.0;
        while waited_ms < 60_000.0 && random.chance(self.loss) {
            waited_ms += rto_ms;
            rto_ms *= 2.0;
        }
        waited_ms + self.round_trip_ms(rtt_ms, random)
    }

    fn round_trip_ms(&self, rtt_ms: f64, random: &mut Random) -> f64 {
        let noise = &self.world.parameters.noise;
        let (jitter, spike) = if self.cellular {
            (noise.cellular_jitter, noise.cellular_spike)
        } else {
            (noise.wifi_jitter, noise.wifi_spike)
        };
        let (jitter, spiked) = (random.lognormal(1.0, jitter), random.chance(spike));
        let spike_ms = random.pareto(noise.spike_from_ms, noise.spike_shape);
        rtt_ms * jitter + self.queue_ms + if spiked { spike_ms } else { 0.0 }
    }
}
