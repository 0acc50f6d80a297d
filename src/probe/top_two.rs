//! The attempts at each group's two best endpoints, made one at a time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use super::ids::{CandidateId, EndpointId, GroupId};

/// The top two of every group, and the attempts queued for them.
#[derive(Debug, Default)]
pub(super) struct TopTwo {
    /// The endpoints whose last round is reserved for this stage.
    chosen: BTreeSet<EndpointId>,
    /// Each group's current round; empty until the stage begins.
    rounds: BTreeMap<GroupId, Round>,
    /// Groups that may have an attempt to start; only these are asked.
    runnable: BTreeSet<Turn>,
    /// The number of attempts queued in all groups.
    queued: usize,
}

/// A group's turn. The group with the most remaining work comes first.
pub(super) type Turn = (Reverse<Duration>, GroupId);

/// A round of one group's top two.
#[derive(Debug, Default)]
struct Round {
    number: u32,
    /// The expected duration: one round trip per attempt.
    way: Duration,
    queue: VecDeque<CandidateId>,
}

impl TopTwo {
    /// Reserves the last round of these endpoints for this stage.
    pub(super) fn choose(&mut self, endpoints: impl IntoIterator<Item = EndpointId>) {
        self.chosen.extend(endpoints);
    }

    /// Whether the endpoint's last round is reserved for this stage.
    pub(super) fn is_chosen(&self, endpoint: EndpointId) -> bool {
        self.chosen.contains(&endpoint)
    }

    /// Queues a group's next round: one attempt at each of these candidates, listed by endpoint. The
    /// endpoints alternate, so that changes over time affect both. `round_trip` is the approximate
    /// round-trip time.
    pub(super) fn queue_round(
        &mut self,
        group: GroupId,
        number: u32,
        mut by_endpoint: Vec<VecDeque<CandidateId>>,
        round_trip: Duration,
    ) {
        let round = self.rounds.entry(group).or_default();
        self.runnable.remove(&(Reverse(round.way), group));
        round.number = number;
        while by_endpoint.iter().any(|list| !list.is_empty()) {
            for list in &mut by_endpoint {
                let next = list.pop_front();
                self.queued += usize::from(next.is_some());
                round.queue.extend(next);
            }
        }
        let attempts = u32::try_from(round.queue.len()).unwrap_or(u32::MAX);
        round.way = round_trip.saturating_mul(attempts);
        self.runnable.insert((Reverse(round.way), group));
    }

    /// A group's current round.
    pub(super) fn round(&self, group: GroupId) -> u32 {
        self.rounds.get(&group).map_or(0, |round| round.number)
    }

    /// The next candidate of a group.
    pub(super) fn front(&self, group: GroupId) -> Option<CandidateId> {
        self.rounds.get(&group)?.queue.front().copied()
    }

    /// Removes the next candidate from a group's queue.
    pub(super) fn pop(&mut self, group: GroupId) {
        let popped = self
            .rounds
            .get_mut(&group)
            .and_then(|round| round.queue.pop_front());
        self.queued -= usize::from(popped.is_some());
    }

    /// The number of attempts queued in all groups.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// The first turn after this one that may have an attempt to start.
    pub(super) fn runnable_after(&self, turn: Option<Turn>) -> Option<Turn> {
        let after = turn.map_or(Bound::Unbounded, Bound::Excluded);
        let mut turns = self.runnable.range((after, Bound::Unbounded));
        turns.next().copied()
    }

    /// Records that the group has no attempt to start before one of its own ends.
    pub(super) fn suspend(&mut self, group: GroupId) {
        self.runnable.remove(&self.turn(group));
    }

    /// Records that an attempt of this group ended.
    pub(super) fn resume(&mut self, group: GroupId) {
        self.runnable.insert(self.turn(group));
    }

    fn turn(&self, group: GroupId) -> Turn {
        let round = self.rounds.get(&group);
        let way = round.map_or(Duration::ZERO, |round| round.way);
        (Reverse(way), group)
    }
}
