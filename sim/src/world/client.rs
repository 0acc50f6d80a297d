//! A client's week: its networks, their paths, and the addresses' outages.

use std::f64::consts::TAU;

use super::event::{Event, Path};
use super::{Candidate, Fault, World, purpose};
use crate::random::{self, Random};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ipv6 {
    Works,
    Broken,
    Absent,
}

/// A period during which an address is down.
#[derive(Clone, Copy, Debug)]
struct Outage {
    from_hour: f64,
    to_hour: f64,
    refuses: bool,
}

/// The factors of the paths to a host's addresses, from an hour on.
#[derive(Debug)]
struct Route {
    from_hour: f64,
    /// ln of each address's factor.
    addresses: Vec<f64>,
}

#[derive(Debug)]
struct HostPath {
    edge: bool,
    phase: f64,
    cluster: f64,
    routes: Vec<Route>,
    /// A fault of the host's name, at every address.
    blocked: Option<Fault>,
    faults: Vec<Option<Fault>>,
}

/// A client's network.
#[derive(Debug)]
struct Network {
    cellular: bool,
    jitter: f64,
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
    /// The time that each host takes for TLS, and again for the upgrade.
    work_ms: Vec<f64>,
    /// The hour and the network of each connection.
    connections: Vec<(f64, usize)>,
}

/// The number of networks that a client returns to: 0 is Wi-Fi, 1 cellular.
pub(super) const REGULAR: usize = 2;

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
        let server = &world.parameters.server;
        let mut random = Random::new(&[world.seed, purpose::SERVERS, number]);
        let work_ms = (0..world.hosts())
            .map(|_| random.lognormal(server.work_ms, server.work_log_sd))
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
            work_ms,
            connections,
        }
    }

    /// Returns the client's connections, in order of time.
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
        let hosts = self.world.hosts();
        let dns_ms = (0..hosts)
            .map(|_| parameters.dns.answer_ms(queue_ms, &mut random))
            .collect();
        // Separate random numbers, so that a policy that never repeats a lookup meets the same world.
        let mut random = Random::new(&[random::seed(&purpose), purpose::DNS_AGAIN]);
        let dns_again_ms = (0..hosts)
            .map(|_| parameters.dns.answer_ms(queue_ms, &mut random))
            .collect();
        let loss = if path.cellular {
            noise.cellular_loss
        } else {
            noise.wifi_loss
        };
        let loss = loss + if bad_spell { noise.bad_spell_loss } else { 0.0 };
        let [seed, _, client, event] = purpose;
        let mut random = Random::new(&[seed, purpose::CONGESTION, client, event]);
        let congestion: Vec<f64> = (self.world.candidates.iter())
            .map(|_| random.lognormal(1.0, noise.congestion_log_sd))
            .collect();
        let mut random = Random::new(&[seed, purpose::BUSY, client, event]);
        let busy_ms: Vec<f64> = (0..hosts)
            .map(|_| random.exponential(parameters.server.busy_mean_ms))
            .collect();
        let paths = (self.world.candidates.iter().enumerate())
            .map(|(number, candidate)| {
                let base = self.path(path, number, candidate, hour);
                Path {
                    rtt_ms: base.rtt_ms * congestion[number],
                    origin_rtt_ms: base.origin_rtt_ms * congestion[number],
                    busy_ms: busy_ms[candidate.host],
                    ..base
                }
            })
            .collect();
        Event {
            world: self.world,
            purpose: [self.world.seed, purpose::ATTEMPT, self.number, index as u64],
            hour,
            network,
            is_cold: (self.connections[..index].iter()).all(|(_, before)| *before != network),
            cellular: path.cellular,
            jitter: path.jitter,
            syn_proxy_ms: path.syn_proxy_ms,
            queue_ms,
            loss: loss * noise.loss_factor,
            dns_ms,
            dns_again_ms,
            paths,
            traced: None,
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
        let day = (hour / 24.0) as u32;
        let first_domain = candidate.host < self.world.parameters.topology.clusters;
        let down = first_domain && self.world.parameters.fault.domain_down_days.contains(&day);
        let beside = broken.or(outage).or(down.then_some(Fault::Silent));
        Path {
            rtt_ms: if host.edge {
                origin * parameters.edge_rtt
            } else {
                origin
            },
            origin_rtt_ms: origin,
            usable: !candidate.v6 || network.ipv6 != Ipv6::Absent,
            work_ms: self.work_ms[candidate.host],
            busy_ms: 0.0,
            fault: host.faults[candidate.address].or(beside),
            server_fault: host.blocked.or(beside),
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
        let (noise, topology) = (&world.parameters.noise, &world.parameters.topology);
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
        let jitter = if cellular {
            noise.cellular_jitter
        } else {
            noise.wifi_jitter
        };
        let range = noise.jitter_range.ln();
        let jitter = jitter * random.between([-range, range]).exp();
        Network {
            cellular,
            jitter,
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
            .map(|_| fault.of_address(random).or(poisoned).or(blocked))
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
            blocked,
            faults,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::parameters::Parameters;

    fn world(name: &str) -> World {
        World::new(Parameters::variant(name).unwrap(), 1)
    }

    /// Returns the share of half days in which the first candidate's path changes by more than .3.
    fn steps(name: &str) -> f64 {
        let world = world(name);
        let (mut steps, mut half_days) = (0, 0);
        for number in 0..500 {
            let client = Client::new(&world, number);
            let ln = |hour| {
                let path = client.path(&client.networks[0], 0, &world.candidates[0], hour);
                path.origin_rtt_ms.ln()
            };
            for half_day in 0..10 {
                let hour = 12.0 * f64::from(half_day);
                half_days += 1;
                steps += usize::from((ln(hour) - ln(hour + 12.0)).abs() > 0.3);
            }
        }
        steps as f64 / half_days as f64
    }

    /// Returns ρ's standard deviation between the hosts of networks with such a round trip.
    fn rest_deviation(world: &World, rtt_ms: std::ops::Range<f64>) -> f64 {
        let (mut squares, mut freedom) = (0.0, 0);
        for number in 0..300 {
            let client = Client::new(world, number);
            let event = client.event(0);
            let network = &client.networks[event.network];
            if !rtt_ms.contains(&network.ln_rtt.exp()) {
                continue;
            }
            let rest = |host: usize| {
                let path = event.paths[3 * host];
                ((path.rtt_ms + path.origin_rtt_ms + 2.0 * path.work_ms) / path.rtt_ms).ln()
            };
            let rests: Vec<f64> = (0..world.hosts()).map(rest).collect();
            let mean = rests.iter().sum::<f64>() / rests.len() as f64;
            squares += rests.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
            freedom += rests.len() - 1;
        }
        (squares / f64::from(freedom as u32)).sqrt()
    }

    #[test]
    fn the_measured_world_is_what_was_measured() {
        let measured = world("measured");
        assert!(
            (0.02..0.03).contains(&steps("measured")),
            "{}",
            steps("measured")
        );
        assert!(steps("default") > 0.1);
        let (far, near) = (
            rest_deviation(&measured, 40.0..100.0),
            rest_deviation(&measured, 0.0..25.0),
        );
        assert!((0.6..near).contains(&far) && near < 1.2, "{far} {near}");
        for number in 0..20 {
            for network in &Client::new(&measured, number).networks {
                let range = if network.cellular {
                    0.04..0.16
                } else {
                    0.01..0.04
                };
                assert!(range.contains(&network.jitter), "{}", network.jitter);
            }
        }
    }

    #[test]
    fn the_first_connection_on_a_network_is_cold() {
        let world = world("default");
        let mut known = Vec::new();
        for event in Client::new(&world, 3).events() {
            assert_eq!(event.is_cold, !known.contains(&event.network));
            known.push(event.network);
        }
    }
}
