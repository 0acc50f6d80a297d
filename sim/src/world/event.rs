//! A moment at which a client wants a connection, and the conditions of its attempts.

use super::client::{Client, REGULAR};
use super::{Address, Answer, Attempt, Candidate, Fault, World, purpose};
use crate::random::Random;

/// A path at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) rtt_ms: f64,
    pub(super) origin_rtt_ms: f64,
    pub(super) usable: bool,
    /// The time that the server takes for TLS, and again for the upgrade.
    pub(super) work_ms: f64,
    /// The further time that the server takes for TLS at this moment.
    pub(super) busy_ms: f64,
    pub(super) fault: Option<Fault>,
    /// The fault that the host has at every address.
    pub(super) server_fault: Option<Fault>,
}

/// A moment at which a client wants a connection.
#[derive(Debug)]
pub(crate) struct Event<'w> {
    pub(super) world: &'w World,
    pub(super) purpose: [u64; 4],
    /// Hours since the start of the client's week.
    pub(crate) hour: f64,
    /// The number of the client's network. The client returns to 0 and 1.
    pub(crate) network: usize,
    /// Whether this is the client's first connection on this network.
    pub(crate) is_cold: bool,
    pub(super) cellular: bool,
    /// The log-sd of round trips.
    pub(super) jitter: f64,
    pub(super) syn_proxy_ms: Option<f64>,
    pub(super) queue_ms: f64,
    pub(super) loss: f64,
    pub(super) dns_ms: Vec<f64>,
    pub(super) dns_again_ms: Vec<f64>,
    pub(super) paths: Vec<Path>,
    /// From a trace: the conditions of the first attempt at each candidate, and of all others.
    pub(super) traced: Option<Vec<[Attempt; 2]>>,
}

impl Event<'_> {
    pub(crate) fn candidates(&self) -> &[Candidate] {
        self.world.candidates()
    }

    /// Returns a candidate by its number, or by that of an address from another network's DNS.
    pub(crate) fn candidate(&self, number: usize) -> &Candidate {
        &self.candidates()[number % self.paths.len()]
    }

    /// Returns the identity of a candidate's address.
    pub(crate) fn address(&self, number: usize) -> Address {
        let candidate = number % self.paths.len();
        let own = self.world.is_own(self.candidates()[candidate].host);
        let network = match number / self.paths.len() {
            0 => own.then_some(self.network),
            elsewhere => Some(elsewhere - 1),
        };
        Address { network, candidate }
    }

    /// Returns the number by which an address is dialled from here: a candidate's, or one beyond all
    /// candidates if this network's DNS doesn't return it. `None` if this network lacks its family.
    pub(crate) fn number(&self, address: Address) -> Option<usize> {
        let Address { network, candidate } = address;
        let elsewhere = network.filter(|network| *network != self.network);
        let place = elsewhere.map_or(0, |network| network + 1);
        let usable = self.paths.get(candidate)?.usable;
        usable.then_some(place * self.paths.len() + candidate)
    }

    pub(crate) fn hosts(&self) -> usize {
        self.world.hosts()
    }

    pub(crate) fn is_regular(&self) -> bool {
        self.network < REGULAR
    }

    /// Returns a host's round trip in ms, without noise: the geometric mean of its addresses'.
    pub(crate) fn base_ms(&self, host: usize) -> Option<f64> {
        let paths = self.addresses(host).into_iter();
        let lns: Vec<f64> = paths.map(|one| self.paths[one].rtt_ms.ln()).collect();
        (!lns.is_empty()).then(|| (lns.iter().sum::<f64>() / lns.len() as f64).exp())
    }

    /// Returns the same on another client's network.
    pub(crate) fn base_ms_of_another(&self, host: usize) -> Option<f64> {
        let [.., client, _] = self.purpose;
        let other = Client::new(self.world, client + 1_000_000);
        let event = other.events().nth(self.network);
        event?.base_ms(host)
    }

    /// Returns when DNS answers for a host, in ms after the query.
    pub(crate) fn dns_ms(&self, host: usize) -> f64 {
        self.dns_ms[host]
    }

    /// Returns when DNS answers a second query for the host, in ms after that query.
    pub(crate) fn dns_again_ms(&self, host: usize) -> f64 {
        self.dns_again_ms[host]
    }

    /// Returns the host's addresses in the order of the system's resolver (RFC 6724: IPv6 first).
    pub(crate) fn addresses(&self, host: usize) -> Vec<usize> {
        let mut addresses: Vec<usize> = (self.candidates().iter().enumerate())
            .filter(|(number, one)| one.host == host && self.paths[*number].usable)
            .map(|(number, _)| number)
            .collect();
        addresses.sort_by_key(|number| !self.candidates()[*number].v6);
        addresses
    }

    /// Returns all candidates whose family this network has.
    pub(crate) fn usable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.paths.len()).filter(|number| self.paths[*number].usable)
    }

    /// Returns the conditions of the n-th attempt at a candidate during this connection.
    pub(crate) fn attempt(&self, candidate: usize, n: u64) -> Attempt {
        if let Some(traced) = &self.traced {
            return traced[candidate][usize::from(n > 0)];
        }
        let [seed, purpose, client, event] = self.purpose;
        let mut random = Random::new(&[seed, purpose, client, event, candidate as u64, n]);
        let path = &self.path(candidate);
        let leg = |random: &mut Random, rtt_ms| Answer::After(self.flight_ms(rtt_ms, random));
        let mut attempt = Attempt {
            syn: self.syn(path.rtt_ms, &mut random),
            tls: leg(&mut random, path.rtt_ms),
            upgrade: leg(&mut random, path.origin_rtt_ms),
        };
        let tls_ms = path.work_ms + path.busy_ms + self.tail_ms(&mut random);
        attempt.tls = attempt.tls.later(tls_ms);
        attempt.upgrade = attempt.upgrade.later(path.work_ms);
        if let Some(ms) = self.syn_proxy_ms {
            // The middlebox first opens its own connection to the server.
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

    /// Returns a candidate's time to open without noise, or `None` if it can't be opened.
    pub(crate) fn true_ms(&self, candidate: usize) -> Option<f64> {
        let path = &self.path(candidate);
        let server_ms = 2.0 * path.work_ms + path.busy_ms;
        let opens = path.fault.is_none();
        opens.then_some(2.0 * path.rtt_ms + path.origin_rtt_ms + server_ms)
    }

    /// Returns the oracle's time to open in ms: it knows all outcomes, and DNS is free.
    pub(crate) fn oracle_ms(&self) -> Option<f64> {
        let opened = self
            .usable()
            .filter_map(|one| self.attempt(one, 0).open_ms());
        opened.min_by(f64::total_cmp)
    }

    /// Returns the path to a candidate, or to an address from another network's DNS. Such an address leads
    /// to a server near that network: it works, but is farther away by its own random factor.
    fn path(&self, number: usize) -> Path {
        let here = self.paths[number % self.paths.len()];
        if number < self.paths.len() {
            return here;
        }
        let [seed, _, client, _] = self.purpose;
        let (network, number) = (self.network as u64, number as u64);
        let mut random = Random::new(&[seed, purpose::FOREIGN, client, network, number]);
        let (path, fault) = (&self.world.parameters.path, &self.world.parameters.fault);
        let factor = random.lognormal(path.foreign_factor, path.foreign_log_sd);
        Path {
            rtt_ms: here.rtt_ms * factor.max(1.0),
            origin_rtt_ms: here.origin_rtt_ms * factor.max(1.0),
            fault: fault.of_address(&mut random).or(here.server_fault),
            ..here
        }
    }

    /// Draws the additional time that the server takes for a slow TLS handshake.
    fn tail_ms(&self, random: &mut Random) -> f64 {
        let server = &self.world.parameters.server;
        if server.tail > 0.0 && random.chance(server.tail) {
            random.pareto(server.tail_from_ms, server.tail_shape)
        } else {
            0.0
        }
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

    /// Draws the time of a flight after the SYN, with its retransmissions.
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
        let spike = if self.cellular {
            noise.cellular_spike
        } else {
            noise.wifi_spike
        };
        let (jitter, spiked) = (random.lognormal(1.0, self.jitter), random.chance(spike));
        let spike_ms = random.pareto(noise.spike_from_ms, noise.spike_shape);
        rtt_ms * jitter + self.queue_ms + if spiked { spike_ms } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Client;
    use crate::world::parameters::Parameters;

    fn world(name: &str) -> World {
        World::new(Parameters::variant(name).unwrap(), 1)
    }

    /// The addresses that DNS returns on a network.
    fn listed(event: &Event) -> Vec<Address> {
        event.usable().map(|one| event.address(one)).collect()
    }

    #[test]
    fn an_address_is_the_same_where_dns_gives_the_same() {
        for (name, own) in [("default", 0), ("half-own", 2), ("own-addresses", 4)] {
            let world = world(name);
            let client = Client::new(&world, 2);
            let of = |network| client.events().find(|event| event.network == network);
            let (one, other) = (of(0).unwrap(), of(1).unwrap());
            for number in one.usable() {
                let address = one.address(number);
                assert_eq!(one.number(address), Some(number));
                let is_own = one.candidate(number).host >= 4 - own;
                assert_eq!(
                    listed(&other).contains(&address),
                    !is_own && other.paths[number].usable
                );
                let Some(there) = other.number(address) else {
                    assert!(!other.paths[number].usable);
                    continue;
                };
                assert_eq!(other.address(there), address);
                assert_eq!(there >= other.candidates().len(), is_own);
                assert_eq!(other.candidate(there).host, one.candidate(number).host);
            }
        }
    }

    /// The addresses that DNS returns are as in the default world.
    #[test]
    fn own_addresses_are_as_good_as_shared_ones() {
        let (shared, own) = (world("default"), world("own-addresses"));
        let (shared, own) = (Client::new(&shared, 4), Client::new(&own, 4));
        for (shared, own) in shared.events().zip(own.events()).take(30) {
            for one in shared.usable() {
                assert_eq!(
                    shared.attempt(one, 0).open_ms(),
                    own.attempt(one, 0).open_ms()
                );
            }
        }
    }

    /// It opens like others, but its round trip is longer, by a factor with median 1.8, the same each time.
    #[test]
    fn an_address_of_another_network_is_farther() {
        let world = world("own-addresses");
        let (mut factors, mut silent, mut all) = (Vec::new(), 0, 0);
        for number in 0..100 {
            let client = Client::new(&world, number);
            let here = client.events().find(|event| event.network == 0).unwrap();
            let again = client
                .events()
                .filter(|event| event.network == 0)
                .nth(9)
                .unwrap();
            let there = client.events().find(|event| event.network == 1).unwrap();
            for listed in there.usable() {
                let Some(foreign) = here.number(there.address(listed)) else {
                    continue;
                };
                let factor =
                    |event: &Event| event.path(foreign).rtt_ms / event.paths[listed].rtt_ms;
                assert!(factor(&here) >= 1.0);
                assert!((factor(&here) - factor(&again)).abs() < 1e-9);
                factors.push(factor(&here));
                all += 1;
                silent += usize::from(here.attempt(foreign, 0).open_ms().is_none());
            }
        }
        factors.sort_by(f64::total_cmp);
        let median = factors[factors.len() / 2];
        assert!((1.7..1.9).contains(&median), "{median}");
        assert!(silent * 10 < all, "{silent} of {all}");
    }

    /// All addresses of a host share the server's time.
    #[test]
    fn servers_take_their_time() {
        let (plain, slow) = (world("clean"), world("server-tails"));
        assert!(plain.parameters.server.busy_mean_ms == 0.0);
        let mean = |world: &World| {
            let (mut sum, mut count) = (0.0, 0);
            for number in 0..200 {
                let client = Client::new(world, number);
                for event in client.events().take(20) {
                    sum += event.paths[0].busy_ms;
                    count += 1;
                }
            }
            sum / f64::from(count)
        };
        assert!(mean(&plain) == 0.0);
        assert!((95.0..105.0).contains(&mean(&slow)), "{}", mean(&slow));
        let event = Client::new(&slow, 0).events().next().unwrap();
        assert!(event.paths[0].busy_ms == event.paths[1].busy_ms);
        assert!(event.paths[0].busy_ms != event.paths[3].busy_ms);
    }
}
