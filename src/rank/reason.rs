//! The reasons for an endpoint's rank.

use std::time::Duration;

use super::{Cost, median};
use crate::failure::Failure;
use crate::phase::Phase;
use crate::stats::EndpointStats;

/// The reason for an endpoint's rank.
///
/// Deliberately exhaustive: code that displays results should fail to compile when a variant is
/// added.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// First, and clearly ahead of the next.
    Fastest,
    /// First, but not clearly ahead of the next.
    FastestWithinNoise,
    /// The only ready endpoint of its group.
    OnlyReady,
    /// Ready, and not clearly different from the one before.
    NoClearDifference,
    /// Ready, and slower than the first.
    Slower {
        /// The difference in expected cost.
        by: Duration,
        /// The phase that accounts for more than half of the slowdown, by the sum of the phases'
        /// medians; `None` if no single phase does.
        phase: Option<Phase>,
    },
    /// Ready, but mostly its failures put it behind the first.
    FailsMore {
        /// The share of failed attempts, 0 to 1.
        failed_ratio: f64,
    },
    /// The host proves its identity, but its answer is not that of the service.
    Answers(Failure),
    /// It can't be reached or verified.
    Fails(Failure),
    /// It was not tried: the run ended first.
    NotProbed,
}

impl Reason {
    /// Returns the stable identifier, as used in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Reason::Fastest => "fastest",
            Reason::FastestWithinNoise => "fastest_within_noise",
            Reason::OnlyReady => "only_ready",
            Reason::NoClearDifference => "no_clear_difference",
            Reason::Slower { .. } => "slower",
            Reason::FailsMore { .. } => "fails_more",
            Reason::Answers(_) => "answers",
            Reason::Fails(_) => "fails",
            Reason::NotProbed => "not_probed",
        }
    }
}

/// A ranked group, with what the reasons refer to.
pub(super) struct Group<'a> {
    stats: &'a [EndpointStats],
    costs: &'a [Option<Cost>],
    order: &'a [usize],
    ready: usize,
    first: Option<First>,
}

/// The first of a group, if it is ready.
struct First {
    cost: Cost,
    median: Option<f64>,
    phases: [Option<f64>; Phase::ALL.len()],
}

impl<'a> Group<'a> {
    pub(super) fn new(
        stats: &'a [EndpointStats],
        costs: &'a [Option<Cost>],
        order: &'a [usize],
        ready: usize,
    ) -> Self {
        let first = order.first().and_then(|first| {
            Some(First {
                cost: costs[*first]?,
                median: median(stats[*first].total()),
                phases: Phase::ALL.map(|phase| median(stats[*first].phase(phase))),
            })
        });
        Group {
            stats,
            costs,
            order,
            ready,
            first,
        }
    }

    fn cost_at(&self, index: usize) -> Option<Cost> {
        self.order.get(index).and_then(|one| self.costs[*one])
    }

    /// The reason for the endpoint at this index.
    pub(super) fn reason(&self, index: usize) -> Reason {
        let one = &self.stats[self.order[index]];
        let (Some(cost), Some(first)) = (self.cost_at(index), &self.first) else {
            let failures = one.failures();
            let answer = failures.iter().find(|f| f.failure.is_answer());
            return match (answer, failures.first()) {
                (Some(answer), _) => Reason::Answers(answer.failure.clone()),
                (None, Some(failure)) => Reason::Fails(failure.failure.clone()),
                (None, None) => Reason::NotProbed,
            };
        };
        if self.ready == 1 {
            return Reason::OnlyReady;
        }
        if index == 0 {
            let next = self.cost_at(1);
            return match next.is_some_and(|next| !cost.clearly_differs(next)) {
                true => Reason::FastestWithinNoise,
                false => Reason::Fastest,
            };
        }
        let before = self.cost_at(index - 1);
        if before.is_some_and(|before| !cost.clearly_differs(before)) {
            return Reason::NoClearDifference;
        }
        let failed = one.attempts() - one.successes();
        if failed > 0
            && let (Some(own), Some(firsts)) = (median(one.total()), first.median)
            && (cost.seconds - first.cost.seconds) > 2.0 * (own - firsts)
        {
            let failed_ratio = failed as f64 / one.attempts() as f64;
            return Reason::FailsMore { failed_ratio };
        }
        Reason::Slower {
            by: Duration::from_secs_f64((cost.seconds - first.cost.seconds).max(0.0)),
            phase: first.slower_phase(one),
        }
    }
}

impl First {
    /// The phase that accounts for more than half of the difference, if any does.
    fn slower_phase(&self, one: &EndpointStats) -> Option<Phase> {
        let slower = |phase: Phase| {
            let by = median(one.phase(phase))? - self.phases[phase.index()]?;
            (phase != Phase::Resolve && by > 0.0).then_some((phase, by))
        };
        let slower: Vec<(Phase, f64)> = Phase::ALL.into_iter().filter_map(slower).collect();
        let whole: f64 = slower.iter().map(|(_, by)| by).sum();
        let most = slower.into_iter().find(|(_, by)| *by > whole / 2.0);
        most.map(|(phase, _)| phase)
    }
}
