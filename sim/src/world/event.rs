//! A moment at which a client wants a connection, and what its attempts meet.

use super::client::REGULAR;
use super::{Answer, Attempt, Candidate, Fault, World};
use crate::random::Random;

/// A path at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) rtt_ms: f64,
    pub(super) origin_rtt_ms: f64,
    pub(super) usable: bool,
    pub(super) fault: Option<Fault>,
}

/// A moment at which a client wants a connection.
#[derive(Debug)]
pub(crate) struct Event<'w> {
    pub(super) world: &'w World,
    pub(super) purpose: [u64; 4],
    /// Since the client's week began.
    pub(crate) hour: f64,
    /// The network's number among the client's; 0 and 1 come again.
    pub(crate) network: usize,
    /// Whether the client was never on this network before.
    pub(crate) is_cold: bool,
    pub(super) cellular: bool,
    pub(super) syn_proxy_ms: Option<f64>,
    pub(super) queue_ms: f64,
    pub(super) loss: f64,
    pub(super) dns_ms: Vec<f64>,
    pub(super) dns_again_ms: Vec<f64>,
    pub(super) paths: Vec<Path>,
    /// From a trace: what the first attempt at each candidate meets, and what all others meet.
    pub(super) traced: Option<Vec<[Attempt; 2]>>,
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

    /// When DNS answers a second question about the host, in ms after that.
    pub(crate) fn dns_again_ms(&self, host: usize) -> f64 {
        self.dns_again_ms[host]
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
        if let Some(traced) = &self.traced {
            return traced[candidate][usize::from(n > 0)];
        }
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
