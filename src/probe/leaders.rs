//! The leaders of each group: their last round, and further ones while their order is in doubt,
//! one attempt at a time per region.

use std::collections::VecDeque;

use super::Rounds;
use super::schedule::Schedule;
use crate::rank::{self, Tier};

/// The chance of a wrong first choice (by 8 % or more) at which adaptive sampling stops.
const DOUBT: f64 = 0.02;

impl Schedule {
    /// The next attempt at a leader. A group that has none to make now sleeps until something in
    /// its region ends.
    pub(super) fn next_serial(&mut self) -> Option<usize> {
        let mut from = 0;
        while let Some(&group) = self.awake.range(from..).next() {
            from = group + 1;
            if self.districts[self.groups[group].region].in_flight > 0 {
                self.awake.remove(&group);
                continue;
            }
            if self.groups[group].queue.is_empty() {
                self.extend_if_in_doubt(group);
            }
            while let Some(slot) = self.groups[group].queue.front().copied() {
                let slot_is = &self.slots[slot];
                let (hopeless, free) = (self.is_hopeless(slot_is), self.is_free(slot_is));
                if !hopeless && !free {
                    break;
                }
                self.groups[group].queue.pop_front();
                self.queued -= 1;
                if free {
                    return Some(slot);
                }
            }
            if self.groups[group].queue.is_empty() {
                self.awake.remove(&group);
            }
        }
        None
    }

    /// The two best endpoints of a group, so far.
    fn leaders_of(&self, group: usize) -> Vec<usize> {
        let Some(ranking) = self.ranked(group) else {
            return Vec::new();
        };
        let ready = ranking
            .endpoints
            .iter()
            .filter(|one| one.tier == Tier::Ready);
        ready
            .take(2)
            .filter_map(|one| {
                let mut members = self.groups[group].endpoints.iter().copied();
                members.find(|index| self.stats[*index].endpoint() == one.endpoint())
            })
            .collect()
    }

    pub(super) fn choose_leaders(&mut self) {
        if self.base() < 2 {
            return;
        }
        for group in 0..self.groups.len() {
            let leaders = self.leaders_of(group);
            self.leaders.extend(leaders);
        }
    }

    pub(super) fn queue_leaders(&mut self, group: usize) {
        let leaders: Vec<usize> = self.groups[group]
            .endpoints
            .iter()
            .copied()
            .filter(|one| self.leaders.contains(one))
            .collect();
        self.groups[group].round = self.base();
        self.queue(group, &leaders);
        self.awake.insert(group);
    }

    /// Queues one attempt at every address of `endpoints` that has not made the group's round,
    /// the endpoints taking turns, so that whatever changes with time changes both.
    fn queue(&mut self, group: usize, endpoints: &[usize]) {
        let round = self.groups[group].round;
        let mut lists: Vec<VecDeque<usize>> = endpoints
            .iter()
            .map(|endpoint| {
                let slots = self.members[*endpoint].slots.iter().copied();
                slots
                    .filter(|slot| self.slots[*slot].started < round)
                    .collect()
            })
            .collect();
        while lists.iter().any(|list| !list.is_empty()) {
            for list in &mut lists {
                let next = list.pop_front();
                self.queued += usize::from(next.is_some());
                self.groups[group].queue.extend(next);
            }
        }
    }

    fn extend_if_in_doubt(&mut self, group: usize) {
        let Rounds::Adaptive { max, .. } = self.rounds else {
            return;
        };
        if self.groups[group].round >= max || rank::doubt(&self.stats_of(group)) <= DOUBT {
            return;
        }
        self.groups[group].round += 1;
        let leaders = self.leaders_of(group);
        self.queue(group, &leaders);
    }
}
