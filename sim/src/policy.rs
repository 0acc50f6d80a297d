//! What a policy is, and the event-driven simulator in which it opens a connection.

use std::fmt::Debug;

use crate::world::{Answer, Event, Police};

/// No policy gets longer than this to open a connection.
pub(crate) const LIMIT_MS: f64 = 30_000.0;

/// A client's way to choose an endpoint, with whatever it remembers.
pub(crate) trait Policy: Debug {
    /// Opens a connection, learns, and probes in the background if it wants to.
    fn connect(&mut self, event: &Event, sim: &mut Connecting);

    /// The candidate that it calls the best on that network.
    fn preference(&self, _network: usize) -> Option<usize> {
        None
    }
}

/// What happened in the simulated network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Happening {
    /// DNS answered for this host; the addresses are [`Event::addresses`].
    Resolved(usize),
    /// The candidate's TCP connection is there.
    Established(usize),
    /// Its TLS handshake is done; the upgrade goes on by itself.
    Secured(usize),
    /// The connection is open.
    Open(usize),
    /// The candidate failed for certain.
    Failed(usize, Failed),
    /// The time waited for is there.
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Failed {
    /// TCP was refused.
    Dial,
    /// A wrong certificate, or a reset.
    Handshake,
}

/// What a connection cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) dials: u32,
    pub(crate) handshakes: u32,
    /// TCP-only probes beside the connection.
    pub(crate) background: u32,
    /// Heartbeats on connections that are kept for measuring.
    pub(crate) messages: u32,
    /// Which candidate opened, and when.
    pub(crate) opened: Option<(usize, f64)>,
}

/// One connection, in virtual time.
#[derive(Debug)]
pub(crate) struct Connecting<'e> {
    event: &'e Event<'e>,
    now_ms: f64,
    pending: Vec<(f64, Happening)>,
    /// How often each candidate was dialled.
    dialled: Vec<u64>,
    probed: Vec<u64>,
    /// Per host: asked, answered.
    asked: Vec<bool>,
    answered: Vec<bool>,
    police: Police,
    tally: Tally,
}

/// Attempts from this number on are probes: their noise is not that of any dial.
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

    /// Asks for a host's addresses; a second time changes nothing.
    pub(crate) fn resolve(&mut self, host: usize) {
        if !std::mem::replace(&mut self.asked[host], true) {
            self.after(self.event.dns_ms(host), Happening::Resolved(host));
        }
    }

    /// Asks for a host's addresses, and once more if there is no answer for so long.
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

    /// Opens a TCP connection; an earlier one to the same candidate is given up. A candidate may
    /// also be the number of an address that another network's DNS gave ([`Event::number`]).
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

    /// Gives a candidate up: nothing more is heard of it.
    pub(crate) fn cancel(&mut self, candidate: usize) {
        self.pending.retain(|(_, one)| match one {
            Happening::Established(n) | Happening::Secured(n) | Happening::Open(n) => {
                *n != candidate
            }
            Happening::Failed(n, _) => *n != candidate,
            Happening::Resolved(_) | Happening::Time => true,
        });
    }

    /// What happens next, but no later than `until_ms`. None when nothing can happen any more, or
    /// the time is over.
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

    /// A TCP-only probe beside the connection: its round trip if it answers within a second.
    pub(crate) fn probe(&mut self, candidate: usize) -> Option<f64> {
        self.tally.background += 1;
        let number = count(&mut self.probed, candidate);
        match self.event.attempt(candidate, PROBES + number).syn {
            Answer::After(ms) if ms < 1_000.0 => Some(ms),
            _ => None,
        }
    }

    /// A heartbeat on a connection kept open for measuring.
    pub(crate) fn heartbeat(&mut self, candidate: usize) -> Option<f64> {
        let number = count(&mut self.probed, candidate);
        let attempt = self.event.attempt(candidate, PROBES + number);
        match (attempt.open_ms(), attempt.upgrade) {
            (Some(_), Answer::After(ms)) => Some(ms),
            _ => None,
        }
    }

    /// Counts messages of such connections that are not simulated one by one.
    pub(crate) fn count_messages(&mut self, messages: u32) {
        self.tally.messages += messages;
    }

    fn after(&mut self, ms: f64, happening: Happening) {
        self.pending.push((self.now_ms + ms, happening));
    }
}

/// Counts one more of a candidate's; how many there are now.
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

    /// The third SYN at once comes as late as its repetition.
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
