//! Probing: rounds, pacing, concurrency, deadlines; results as a [`Stream`](futures::Stream).

use std::time::Duration;

use crate::rank::Ranking;
use crate::sample::{Lookup, Sample};

/// What happens while probing goes on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProbeEvent {
    /// A host was looked up in one family.
    Lookup(Lookup),
    /// An attempt ended.
    Sample(Box<Sample>),
    /// How many attempts are done, of how many that are planned so far.
    Progress {
        /// Attempts that ended.
        done: u64,
        /// Attempts planned so far; adaptive sampling may plan more.
        planned: u64,
    },
    /// Everything is done, or time ran out. The last event.
    Finished(ProbeOutcome),
}

/// What probing brought.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeOutcome {
    /// One ranking per region and service, in catalogue order.
    pub rankings: Vec<Ranking>,
    /// Whether everything planned was done before the deadline.
    pub complete: bool,
    /// How long it took.
    pub took: Duration,
}
