//! The trait of policies, and the event-driven simulator in which they open connections.

use std::fmt::Debug;

use crate::world::{Answer, Event, Police};

/// The time limit for opening a connection.
pub(crate) const LIMIT_MS: f64 = 30_000.0;

/// A client's way to choose an endpoint, with its memory.
pub(crate) trait Policy: Debug {
    /// Opens a connection and learns from it. May probe in the background.
    fn connect(&mut self, event: &Event, sim: &mut Connecting);

    /// Returns the preferred candidate on a network.
    fn preference(&self, _network: usize) -> Option<usize> {
        None
    }
}

/// An event in the simulated network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Happening {
    /// DNS answered for this host. The addresses are [`Event::addresses`].
    Resolved(usize),
    /// The candidate's TCP connection is established.
    Established(usize),
    /// The candidate's TLS handshake is complete. The upgrade follows automatically.
    Secured(usize),
    /// The candidate's connection is open.
    Open(usize),
    /// The candidate failed.
    Failed(usize, Failed),
    /// The time to wait is over.
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Failed {
    /// TCP was refused.
    Dial,
    /// The certificate is wrong, or TLS was reset.
    Handshake,
}

/// The costs of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) dials: u32,
    pub(crate) handshakes: u32,
    /// TCP-only probes in the background.
    pub(crate) background: u32,
    /// Heartbeats on connections that are kept open for measuring.
    pub(crate) messages: u32,
    /// The candidate that opened, and when in ms.
    pub(crate) opened: Option<(usize, f64)>,
}

/// One connection, in virtual time.
#[derive(Debug)]
pub(crate) struct Connecting<'e> {
    event: &'e Event<'e>,
    now_ms: f64,
    pending: Vec<(f64, Happening)>,
    /// The number of dials of each candidate.
    dialled: Vec<u64>,
    probed: Vec<u64>,
    /// Whether each host was looked up, and whether DNS answered.
    asked: Vec<bool>,
    answered: Vec<bool>,
    police: Police,
    tally: Tally,
}

/// Attempts from this number on are probes. No probe shares its noise with a dial.
pub(crate) const PROBES: u64 = 1_000;

impl<'e> Connecting<'e> {
    pub(crate) fn new(event: &'e Event<'e>) -> Self {
        let candidates = event.candidates().len();
        Connecting {
            event,
            now_ms: 0.0,
            pending: Vec::with_capacity(2 * candidates),
            dialled: vec![0; candidates],
            probed: vec![0; candidates],
            asked: vec![false; event.hosts()],
            answered: vec![false; event.hosts()],
            police: Police::default(),
            tally: Tally::default(),
        }
    }

    pub(crate) fn now_ms(&self) -> f64 {
        self.now_ms
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Looks up a host, once.
    pub(crate) fn resolve(&mut self, host: usize) {
        if !std::mem::replace(&mut self.asked[host], true) {
            self.after(self.event.dns_ms(host), Happening::Resolved(host));
        }
    }

    /// Looks up a host, and again after `again_ms` without an answer.
    pub(crate) fn insist(&mut self, host: usize, again_ms: f64) {
        if !std::mem::replace(&mut self.asked[host], true) {
            let again_ms = again_ms + self.event.dns_again_ms(host);
            let answer_ms = self.event.dns_ms(host).min(again_ms);
            self.after(answer_ms, Happening::Resolved(host));
        }
    }

    /// Whether DNS has answered for a host.
    pub(crate) fn is_resolved(&self, host: usize) -> bool {
        self.answered[host]
    }

    /// Opens a TCP connection, and cancels an earlier one to the same candidate. A candidate may also
    /// be the number of an address from another network's DNS ([`Event::number`]).
    pub(crate) fn dial(&mut self, candidate: usize) {
        self.cancel(candidate);
        let number = count(&mut self.dialled, candidate) - 1;
        self.tally.dials += 1;
        let late_ms = self.police.late_ms(self.event, self.now_ms);
        match self.event.attempt(candidate, number).syn.later(late_ms) {
            Answer::After(ms) => self.after(ms, Happening::Established(candidate)),
            Answer::Fails(ms) => self.after(ms, Happening::Failed(candidate, Failed::Dial)),
            Answer::Never => {}
        }
    }

    /// Starts TLS and the upgrade on an established connection.
    pub(crate) fn handshake(&mut self, candidate: usize) {
        self.tally.handshakes += 1;
        let failed = Happening::Failed(candidate, Failed::Handshake);
        let attempt = (self.event).attempt(candidate, self.dialled[candidate].saturating_sub(1));
        match (attempt.tls, attempt.upgrade) {
            (Answer::After(tls), Answer::After(upgrade)) => {
                self.after(tls, Happening::Secured(candidate));
                self.after(tls + upgrade, Happening::Open(candidate));
            }
            (Answer::Fails(ms), _) => self.after(ms, failed),
            _ => {}
        }
    }

    /// Cancels a candidate's attempt.
    pub(crate) fn cancel(&mut self, candidate: usize) {
        self.pending.retain(|(_, one)| match one {
            Happening::Established(n) | Happening::Secured(n) | Happening::Open(n) => {
                *n != candidate
            }
            Happening::Failed(n, _) => *n != candidate,
            Happening::Resolved(_) | Happening::Time => true,
        });
    }

    /// Waits for the next event, at most until `until_ms`. Returns `None` if nothing more can happen
    /// within the time limit.
    pub(crate) fn wait(&mut self, until_ms: f64) -> Option<Happening> {
        let next = (self.pending.iter().enumerate())
            .min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))
            .map(|(index, (at_ms, _))| (index, *at_ms));
        let (at_ms, happening) = match next {
            Some((index, at_ms)) if at_ms <= until_ms => (at_ms, self.pending.remove(index).1),
            _ => (until_ms.max(self.now_ms), Happening::Time),
        };
        if at_ms > LIMIT_MS {
            self.now_ms = LIMIT_MS;
            return None;
        }
        self.now_ms = at_ms;
        if let Happening::Resolved(host) = happening {
            self.answered[host] = true;
        }
        if let (Happening::Open(candidate), None) = (happening, self.tally.opened) {
            self.tally.opened = Some((candidate, at_ms));
        }
        Some(happening)
    }

    /// Probes by TCP only, in the background. Returns the round trip if it is under a second.
    pub(crate) fn probe(&mut self, candidate: usize) -> Option<f64> {
        self.tally.background += 1;
        let number = count(&mut self.probed, candidate);
        match self.event.attempt(candidate, PROBES + number).syn {
            Answer::After(ms) if ms < 1_000.0 => Some(ms),
            _ => None,
        }
    }

    /// Sends a heartbeat on a connection kept open for measuring, and returns its round trip.
    pub(crate) fn heartbeat(&mut self, candidate: usize) -> Option<f64> {
        let number = count(&mut self.probed, candidate);
        let attempt = self.event.attempt(candidate, PROBES + number);
        match (attempt.open_ms(), attempt.upgrade) {
            (Some(_), Answer::After(ms)) => Some(ms),
            _ => None,
        }
    }

    /// Counts heartbeats that are not simulated one by one.
    pub(crate) fn count_messages(&mut self, messages: u32) {
        self.tally.messages += messages;
    }

    fn after(&mut self, ms: f64, happening: Happening) {
        self.pending.push((self.now_ms + ms, happening));
    }
}

/// Adds one to a candidate's count, and returns the new count.
pub(crate) fn count(counts: &mut Vec<u64>, candidate: usize) -> u64 {
    if counts.len() <= candidate {
        counts.resize(candidate + 1, 0);
    }
    counts[candidate] += 1;
    counts[candidate]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::parameters::Parameters;
    use crate::world::{Client, World};

    fn world(name: &str) -> World {
        World::new(Parameters::variant(name).unwrap(), 1)
    }

    #[test]
    fn an_address_of_another_network_is_dialled() {
        let world = world("own-addresses");
        let client = Client::new(&world, 2);
        let of = |network| client.events().find(|event| event.network == network);
        let (here, there) = (of(0).unwrap(), of(1).unwrap());
        let remembered = there.usable().map(|one| there.address(one));
        let numbers: Vec<usize> = remembered.filter_map(|one| here.number(one)).collect();
        let opens = |one: &&usize| here.attempt(**one, 0).open_ms().is_some();
        let [one, other] = numbers[..2] else {
            panic!("{numbers:?}");
        };
        assert!(numbers.iter().filter(opens).count() >= 2 && opens(&&one) && opens(&&other));
        let mut sim = Connecting::new(&here);
        sim.dial(one);
        sim.dial(other);
        sim.cancel(other);
        while let Some(happening) = sim.wait(f64::INFINITY) {
            match happening {
                Happening::Established(established) => {
                    assert_eq!(established, one);
                    sim.handshake(one);
                }
                Happening::Open(_) => break,
                _ => {}
            }
        }
        let ms = here.attempt(one, 0).open_ms().unwrap();
        let (opened, opened_ms) = sim.tally().opened.unwrap();
        assert!(opened == one && (opened_ms - ms).abs() < 1e-6);
        assert!(sim.probe(other).is_some());
    }

    /// The third concurrent SYN is answered as late as its retransmission.
    #[test]
    fn policed_syns_are_late() {
        let answered = |world: &World| {
            let event = Client::new(world, 0).events().next().unwrap();
            let mut sim = Connecting::new(&event);
            (0..3).for_each(|one| sim.dial(one));
            let mut at_ms = [f64::NAN; 3];
            while let Some(happening) = sim.wait(f64::INFINITY) {
                match happening {
                    Happening::Established(one) => at_ms[one] = sim.now_ms(),
                    Happening::Time => break,
                    _ => {}
                }
            }
            at_ms
        };
        let (free, policed) = (answered(&world("default")), answered(&world("police-2")));
        assert_eq!(free[..2], policed[..2]);
        assert!(
            (policed[2] - free[2] - 1_000.0).abs() < 1e-9,
            "{free:?} {policed:?}"
        );
    }
}
