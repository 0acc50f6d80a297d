//! Which address is next, of those that wait: ordered sets, so that one among ten thousand costs
//! what one among a hundred does.
//!
//! A server has one attempt at a time, so it offers one slot: the one with the fewest attempts.
//! First tries come before all others; otherwise the server with the longest way to go does, that
//! is, with the most left to do at all its slots. Catalogue order decides among equals.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A slot that waits for its next attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) slot: usize,
    pub(super) region: usize,
    pub(super) accelerated: bool,
    /// Attempts made.
    pub(super) started: u32,
    /// Attempts to make.
    pub(super) left: u32,
}

#[derive(Debug, Default)]
struct Server {
    is_busy: bool,
    /// How long the last attempt there took.
    last: Duration,
    /// By attempts made and slot.
    waiting: BTreeMap<(u32, usize), Waiting>,
    /// Attempts to make, of all that wait.
    left: u64,
    offer: Option<Offer>,
}

#[derive(Clone, Copy, Debug)]
struct Offer {
    slot: usize,
    accelerated: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    First { region: usize },
    Later { way: Duration },
}

/// What free servers offer.
#[derive(Debug, Default)]
struct Offers {
    /// First tries, by region: there are few, and how far away one is may change at any time.
    first: BTreeMap<usize, BTreeSet<usize>>,
    /// Others, by the way to go: the last is next.
    later: BTreeSet<(Duration, Reverse<usize>)>,
}

impl Offers {
    fn insert(&mut self, offer: Offer) {
        match offer.kind {
            Kind::First { region } => {
                self.first.entry(region).or_default().insert(offer.slot);
            }
            Kind::Later { way } => {
                self.later.insert((way, Reverse(offer.slot)));
            }
        }
    }

    fn remove(&mut self, offer: Offer) {
        match offer.kind {
            Kind::First { region } => {
                let slots = self.first.entry(region).or_default();
                slots.remove(&offer.slot);
                if slots.is_empty() {
                    self.first.remove(&region);
                }
            }
            Kind::Later { way } => {
                self.later.remove(&(way, Reverse(offer.slot)));
            }
        }
    }

    /// The next, with what to compare it by.
    fn best(
        &self,
        expected: impl Fn(usize) -> Duration,
        again: bool,
    ) -> Option<(bool, Duration, Reverse<usize>)> {
        let first = self.first.iter().filter_map(|(region, slots)| {
            let slot = slots.first()?;
            Some((true, expected(*region), Reverse(*slot)))
        });
        let later = self.later.last().filter(|_| again);
        first
            .max()
            .or_else(|| later.map(|(way, slot)| (false, *way, *slot)))
    }
}

/// The slots that wait, and the servers that they wait for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    servers: Vec<Server>,
    plain: Offers,
    accelerated: Offers,
}

impl Queue {
    /// One more server; they are numbered from 0.
    pub(super) fn add_server(&mut self) {
        self.servers.push(Server::default());
    }

    /// Whether an attempt is under way there.
    pub(super) fn is_busy(&self, server: usize) -> bool {
        self.servers[server].is_busy
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        (self.plain, self.accelerated) = Default::default();
        for server in &mut self.servers {
            server.waiting.clear();
            (server.left, server.offer) = (0, None);
        }
    }

    pub(super) fn wait(&mut self, server: usize, one: Waiting) {
        let waits_at = &mut self.servers[server];
        waits_at.left += u64::from(one.left);
        waits_at.waiting.insert((one.started, one.slot), one);
        self.update(server);
    }

    /// An attempt starts, of a slot that has made so many and may have waited.
    pub(super) fn start(&mut self, server: usize, slot: usize, started: u32) {
        let one = &mut self.servers[server];
        one.is_busy = true;
        if let Some(waited) = one.waiting.remove(&(started, slot)) {
            one.left -= u64::from(waited.left);
        }
        self.update(server);
    }

    /// It ended.
    pub(super) fn end(&mut self, server: usize, took: Duration) {
        let one = &mut self.servers[server];
        (one.is_busy, one.last) = (false, took);
        self.update(server);
    }

    /// The slot to try next. `expected` tells how long an attempt in a region will take, `again`
    /// whether any but first tries may be made.
    pub(super) fn next(
        &self,
        expected: impl Fn(usize) -> Duration,
        again: bool,
        accelerated: bool,
    ) -> Option<usize> {
        let plain = self.plain.best(&expected, again);
        let accelerated = accelerated
            .then(|| self.accelerated.best(&expected, again))
            .flatten();
        let (.., Reverse(slot)) = plain.max(accelerated)?;
        Some(slot)
    }

    /// Brings what a server offers up to date.
    fn update(&mut self, server: usize) {
        let one = &mut self.servers[server];
        let next = one.waiting.values().next().filter(|_| !one.is_busy);
        let left = u32::try_from(one.left).unwrap_or(u32::MAX);
        let offer = next.map(|next| Offer {
            slot: next.slot,
            accelerated: next.accelerated,
            kind: match next.started {
                0 => Kind::First {
                    region: next.region,
                },
                _ => Kind::Later {
                    way: one.last.saturating_mul(left),
                },
            },
        });
        if let Some(before) = std::mem::replace(&mut one.offer, offer) {
            self.offers(before).remove(before);
        }
        if let Some(offer) = offer {
            self.offers(offer).insert(offer);
        }
    }

    fn offers(&mut self, offer: Offer) -> &mut Offers {
        match offer.accelerated {
            true => &mut self.accelerated,
            false => &mut self.plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn waiting(slot: usize, started: u32) -> Waiting {
        Waiting {
            slot,
            region: slot % 2,
            accelerated: slot >= 10,
            started,
            left: 3 - started,
        }
    }

    /// Every slot at a server of its own.
    fn queue(slots: &[usize]) -> Queue {
        let mut queue = Queue::default();
        for server in 0..=slots.iter().copied().max().unwrap_or_default() {
            queue.add_server();
            if slots.contains(&server) {
                queue.wait(server, waiting(server, 0));
            }
        }
        queue
    }

    /// Region 1 is further away.
    fn next(queue: &Queue) -> Option<usize> {
        queue.next(|region| (1 + region as u32) * MS, true, false)
    }

    #[test]
    fn first_tries_of_the_furthest_region_come_first_then_the_longest_way() {
        let mut queue = queue(&[0, 1, 2, 3]);
        for (expected, took) in [(1, 10 * MS), (3, 30 * MS), (0, 20 * MS)] {
            assert_eq!(next(&queue), Some(expected));
            queue.start(expected, expected, 0);
            queue.end(expected, took);
            queue.wait(expected, waiting(expected, 1));
        }
        assert_eq!(next(&queue), Some(2));
        queue.start(2, 2, 0);
        // Slot 2 is under way.
        for expected in [3, 0, 1] {
            assert_eq!(next(&queue), Some(expected));
            queue.start(expected, expected, 1);
        }
        assert_eq!(next(&queue), None);
    }

    #[test]
    fn those_who_share_a_server_take_turns_and_add_their_ways_up() {
        let mut queue = queue(&[0, 1]);
        queue.wait(0, waiting(2, 0));
        queue.start(0, 0, 0);
        assert!(queue.is_busy(0));
        assert_eq!(next(&queue), Some(1));
        queue.start(1, 1, 0);
        assert_eq!(next(&queue), None);
        queue.end(1, 15 * MS);
        queue.wait(1, waiting(1, 1));
        queue.end(0, 10 * MS);
        queue.wait(0, waiting(0, 1));
        assert_eq!(next(&queue), Some(2));
        queue.start(0, 2, 0);
        queue.end(0, 10 * MS);
        queue.wait(0, waiting(2, 1));
        // Four attempts of 10 ms are more than two of 15 ms.
        assert_eq!(next(&queue), Some(0));
    }

    #[test]
    fn acceleration_and_second_tries_wait_until_they_may_start() {
        let mut queue = queue(&[10]);
        assert_eq!(next(&queue), None);
        assert_eq!(queue.next(|_| MS, true, true), Some(10));
        queue.start(10, 10, 0);
        queue.end(10, MS);
        queue.wait(10, waiting(10, 1));
        assert_eq!(queue.next(|_| MS, false, true), None);
        assert_eq!(queue.next(|_| MS, true, true), Some(10));
        queue.clear();
        assert_eq!(queue.next(|_| MS, true, true), None);
    }
}
