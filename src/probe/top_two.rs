//! The attempts at each group's two best endpoints, which are made one at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use super::ids::{CandidateId, EndpointId, GroupId};

/// The top two of every group, and the attempts at them that are queued.
#[derive(Debug, Default)]
pub(super) struct TopTwo {
    /// The endpoints whose last round was left for this stage.
    chosen: BTreeSet<EndpointId>,
    /// What each group does now; empty until the stage begins.
    rounds: BTreeMap<GroupId, Round>,
    /// Groups that may have an attempt to start: the others need not be asked at every start.
    runnable: BTreeSet<GroupId>,
    /// Attempts in the queues of all groups.
    queued: usize,
}

/// A round of one group's top two.
#[derive(Debug, Default)]
struct Round {
    number: u32,
    queue: VecDeque<CandidateId>,
}

impl TopTwo {
    /// Leaves the last round of these endpoints for this stage.
    pub(super) fn choose(&mut self, endpoints: impl IntoIterator<Item = EndpointId>) {
        self.chosen.extend(endpoints);
    }

    /// Whether the endpoint's last round was left for this stage.
    pub(super) fn is_chosen(&self, endpoint: EndpointId) -> bool {
        self.chosen.contains(&endpoint)
    }

    /// Queues a group's next round: one attempt at each of these candidates, listed by endpoint.
    /// The endpoints take turns, so that whatever changes with time changes both.
    pub(super) fn queue_round(
        &mut self,
        group: GroupId,
        number: u32,
        mut by_endpoint: Vec<VecDeque<CandidateId>>,
    ) {
        let round = self.rounds.entry(group).or_default();
        round.number = number;
        while by_endpoint.iter().any(|list| !list.is_empty()) {
            for list in &mut by_endpoint {
                let next = list.pop_front();
                self.queued += usize::from(next.is_some());
                round.queue.extend(next);
            }
        }
        self.runnable.insert(group);
    }

    /// The round that a group is in.
    pub(super) fn round(&self, group: GroupId) -> u32 {
        self.rounds.get(&group).map_or(0, |round| round.number)
    }

    /// The candidate whose turn it is in a group.
    pub(super) fn front(&self, group: GroupId) -> Option<CandidateId> {
        self.rounds.get(&group)?.queue.front().copied()
    }

    /// Takes the candidate whose turn it is off the group's queue.
    pub(super) fn pop(&mut self, group: GroupId) {
        let popped = self
            .rounds
            .get_mut(&group)
            .and_then(|round| round.queue.pop_front());
        self.queued -= usize::from(popped.is_some());
    }

    /// How many attempts are queued, in all groups.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// The first group, of those after this one, that may have an attempt to start.
    pub(super) fn runnable_after(&self, group: Option<GroupId>) -> Option<GroupId> {
        let after = group.map_or(Bound::Unbounded, Bound::Excluded);
        let mut groups = self.runnable.range((after, Bound::Unbounded));
        groups.next().copied()
    }

    /// The group has no attempt to start before something in its residency ends.
    pub(super) fn suspend(&mut self, group: GroupId) {
        self.runnable.remove(&group);
    }

    /// Something ended in the residency of these groups.
    pub(super) fn resume(&mut self, groups: &[GroupId]) {
        self.runnable.extend(groups);
    }
}
