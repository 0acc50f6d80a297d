//! Chooses the next of the waiting candidates. Ordered sets keep this as cheap with ten thousand as
//! with a hundred.
//!
//! A server has one attempt at a time, so it offers one candidate: the one with the fewest attempts.
//! First attempts come before all others. Among the others, the server with the most remaining work
//! at all its candidates comes first. Ties are broken by the order in which the candidates were
//! found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::ids::{CandidateId, IdVec, ResidencyId, ServerId};

/// A candidate waiting for its next attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) candidate: CandidateId,
    pub(super) residency: ResidencyId,
    pub(super) accelerated: bool,
    /// The number of attempts made.
    pub(super) started: u32,
    /// The number of attempts left.
    pub(super) left: u32,
}

/// A server, and the candidates waiting for it.
#[derive(Debug, Default)]
struct Server {
    is_busy: bool,
    /// The duration of the last attempt there.
    last: Duration,
    /// Keyed by attempts made and candidate.
    waiting: BTreeMap<(u32, CandidateId), Waiting>,
    /// The number of attempts left at all waiting candidates.
    left: u64,
    /// The candidate that may be next here; `None` during an attempt.
    offer: Option<Offer>,
}

/// A candidate whose server is free.
#[derive(Clone, Copy, Debug)]
struct Offer {
    candidate: CandidateId,
    accelerated: bool,
    kind: Kind,
}

/// What determines the order of offers.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A first attempt, ordered by the distance of its residency.
    First { residency: ResidencyId },
    /// Any other attempt, ordered by the server's remaining work.
    Later { way: Duration },
}

/// The offers of free servers.
#[derive(Debug, Default)]
struct Offers {
    /// First attempts by residency. There are few residencies, and their distances change at any
    /// time.
    first: BTreeMap<ResidencyId, BTreeSet<CandidateId>>,
    /// Other attempts by remaining work; the last is next.
    later: BTreeSet<(Duration, Reverse<CandidateId>)>,
}

impl Offers {
    fn insert(&mut self, offer: Offer) {
        match offer.kind {
            Kind::First { residency } => {
                let candidates = self.first.entry(residency).or_default();
                candidates.insert(offer.candidate);
            }
            Kind::Later { way } => {
                self.later.insert((way, Reverse(offer.candidate)));
            }
        }
    }

    fn remove(&mut self, offer: Offer) {
        match offer.kind {
            Kind::First { residency } => {
                let candidates = self.first.entry(residency).or_default();
                candidates.remove(&offer.candidate);
                if candidates.is_empty() {
                    self.first.remove(&residency);
                }
            }
            Kind::Later { way } => {
                self.later.remove(&(way, Reverse(offer.candidate)));
            }
        }
    }

    /// The next candidate, with its sort key.
    fn best(
        &self,
        expected: impl Fn(ResidencyId) -> Duration,
        again: bool,
    ) -> Option<(bool, Duration, Reverse<CandidateId>)> {
        let first = self.first.iter().filter_map(|(residency, candidates)| {
            let candidate = candidates.first()?;
            Some((true, expected(*residency), Reverse(*candidate)))
        });
        let later = self.later.last().filter(|_| again);
        first
            .max()
            .or_else(|| later.map(|(way, candidate)| (false, *way, *candidate)))
    }
}

/// The waiting candidates, and the servers they wait for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    servers: IdVec<ServerId, Server>,
    plain: Offers,
    accelerated: Offers,
}

impl Queue {
    /// Adds a server, and returns its id.
    pub(super) fn add_server(&mut self) -> ServerId {
        self.servers.push(Server::default())
    }

    /// Whether an attempt is under way there.
    pub(super) fn is_busy(&self, server: ServerId) -> bool {
        self.servers[server].is_busy
    }

    /// Removes all waiting candidates.
    pub(super) fn clear(&mut self) {
        (self.plain, self.accelerated) = Default::default();
        for server in self.servers.iter_mut() {
            server.waiting.clear();
            (server.left, server.offer) = (0, None);
        }
    }

    /// Adds a waiting candidate.
    pub(super) fn wait(&mut self, server: ServerId, one: Waiting) {
        let waits_at = &mut self.servers[server];
        waits_at.left += u64::from(one.left);
        waits_at.waiting.insert((one.started, one.candidate), one);
        self.update(server);
    }

    /// Records the start of an attempt at a candidate, which has made `started` attempts and may be
    /// waiting.
    pub(super) fn start(&mut self, server: ServerId, candidate: CandidateId, started: u32) {
        let one = &mut self.servers[server];
        one.is_busy = true;
        if let Some(waited) = one.waiting.remove(&(started, candidate)) {
            one.left -= u64::from(waited.left);
        }
        self.update(server);
    }

    /// Records the end of an attempt.
    pub(super) fn end(&mut self, server: ServerId, took: Duration) {
        let one = &mut self.servers[server];
        (one.is_busy, one.last) = (false, took);
        self.update(server);
    }

    /// The candidate of the next attempt. `expected` returns how long an attempt in a residency will
    /// take; `again` allows attempts other than first ones, and `accelerated` those at acceleration
    /// nodes.
    pub(super) fn next(
        &self,
        expected: impl Fn(ResidencyId) -> Duration,
        again: bool,
        accelerated: bool,
    ) -> Option<CandidateId> {
        let plain = self.plain.best(&expected, again);
        let accelerated = accelerated
            .then(|| self.accelerated.best(&expected, again))
            .flatten();
        let (.., Reverse(candidate)) = plain.max(accelerated)?;
        Some(candidate)
    }

    /// Updates a server's offer.
    fn update(&mut self, server: ServerId) {
        let one = &mut self.servers[server];
        let next = one.waiting.values().next().filter(|_| !one.is_busy);
        let left = u32::try_from(one.left).unwrap_or(u32::MAX);
        let offer = next.map(|next| Offer {
            candidate: next.candidate,
            accelerated: next.accelerated,
            kind: match next.started {
                0 => Kind::First {
                    residency: next.residency,
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

    /// The set that an offer belongs to: acceleration nodes have a limit of their own.
    fn offers(&mut self, offer: Offer) -> &mut Offers {
        match offer.accelerated {
            true => &mut self.accelerated,
            false => &mut self.plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::Id;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The servers and candidates of a test, by number.
    impl Queue {
        fn waits(&mut self, server: usize, candidate: usize, started: u32) {
            let waiting = Waiting {
                candidate: CandidateId::new(candidate),
                residency: ResidencyId::new(candidate % 2),
                accelerated: candidate >= 10,
                started,
                left: 3 - started,
            };
            self.wait(ServerId::new(server), waiting);
        }

        fn starts(&mut self, server: usize, candidate: usize, started: u32) {
            self.start(ServerId::new(server), CandidateId::new(candidate), started);
        }

        fn ends(&mut self, server: usize, took: Duration) {
            self.end(ServerId::new(server), took);
        }
    }

    /// One server per candidate, with the same number.
    fn queue(candidates: &[usize]) -> Queue {
        let mut queue = Queue::default();
        for server in 0..=candidates.iter().copied().max().unwrap_or_default() {
            queue.add_server();
            if candidates.contains(&server) {
                queue.waits(server, server, 0);
            }
        }
        queue
    }

    /// Residency 1 is further away.
    fn next(queue: &Queue) -> Option<usize> {
        let expected = |residency: ResidencyId| (1 + residency.index() as u32) * MS;
        queue.next(expected, true, false).map(Id::index)
    }

    /// Includes acceleration nodes; all are equally far away.
    fn next_accelerated(queue: &Queue, again: bool) -> Option<usize> {
        queue.next(|_| MS, again, true).map(Id::index)
    }

    #[test]
    fn first_attempts_in_the_furthest_residency_come_first_then_the_longest_way() {
        let mut queue = queue(&[0, 1, 2, 3]);
        for (expected, took) in [(1, 10 * MS), (3, 30 * MS), (0, 20 * MS)] {
            assert_eq!(next(&queue), Some(expected));
            queue.starts(expected, expected, 0);
            queue.ends(expected, took);
            queue.waits(expected, expected, 1);
        }
        assert_eq!(next(&queue), Some(2));
        queue.starts(2, 2, 0);
        // Candidate 2 is under way.
        for expected in [3, 0, 1] {
            assert_eq!(next(&queue), Some(expected));
            queue.starts(expected, expected, 1);
        }
        assert_eq!(next(&queue), None);
    }

    #[test]
    fn those_who_share_a_server_take_turns_and_add_their_ways_up() {
        let mut queue = queue(&[0, 1]);
        queue.waits(0, 2, 0);
        queue.starts(0, 0, 0);
        assert!(queue.is_busy(ServerId::new(0)));
        assert_eq!(next(&queue), Some(1));
        queue.starts(1, 1, 0);
        assert_eq!(next(&queue), None);
        queue.ends(1, 15 * MS);
        queue.waits(1, 1, 1);
        queue.ends(0, 10 * MS);
        queue.waits(0, 0, 1);
        assert_eq!(next(&queue), Some(2));
        queue.starts(0, 2, 0);
        queue.ends(0, 10 * MS);
        queue.waits(0, 2, 1);
        // Four attempts of 10 ms are more than two of 15 ms.
        assert_eq!(next(&queue), Some(0));
    }

    #[test]
    fn acceleration_and_second_attempts_wait_until_they_may_start() {
        let mut queue = queue(&[10]);
        assert_eq!(next(&queue), None);
        assert_eq!(next_accelerated(&queue, true), Some(10));
        queue.starts(10, 10, 0);
        queue.ends(10, MS);
        queue.waits(10, 10, 1);
        assert_eq!(next_accelerated(&queue, false), None);
        assert_eq!(next_accelerated(&queue, true), Some(10));
        queue.clear();
        assert_eq!(next_accelerated(&queue, true), None);
    }
}
