//! TCP connects in the background, which check what a stored history claims.
//!
//! There is no periodic timer. Probes start only after a connection opened, by default one per
//! connection, and only to addresses that were not contacted since the history was read.

use std::sync::Mutex;
use std::time::Duration;

use easelect_engine::race::Width;
use tokio::task::JoinSet;

use super::lock;
use super::memory::Candidate;
use crate::connect::Transport;
use crate::handshake::{Handshake, Progress};

/// How many TCP connects the selector may make in the background.
///
/// The selector makes them only after it opened a connection, and only to addresses about which nothing
/// but a stored [history](super::SelectorBuilder::history) is known. Once every such address is
/// checked, there is no background probing. [`Policy::Conservative`](crate::Policy::Conservative) makes
/// none, whatever the budget, and neither does a reconnect after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshBudget {
    /// The most TCP connects after each opened connection. One is a TCP handshake of three packets and
    /// a reset.
    pub dials_per_connection: usize,
}

impl RefreshBudget {
    /// No TCP connects in the background.
    pub const NONE: RefreshBudget = RefreshBudget {
        dials_per_connection: 0,
    };

    /// Allows this many TCP connects after each opened connection.
    #[must_use]
    pub const fn dials(per_connection: usize) -> Self {
        RefreshBudget {
            dials_per_connection: per_connection,
        }
    }
}

impl Default for RefreshBudget {
    /// One TCP connect after each opened connection.
    fn default() -> Self {
        RefreshBudget::dials(1)
    }
}

/// A SYN that is unanswered for this long counts as silence.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The background dials under way; they end with the selector.
#[derive(Debug)]
pub(super) struct BackgroundProbes {
    budget: RefreshBudget,
    /// `None` after [`stop`](Self::stop).
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl BackgroundProbes {
    pub(super) fn new(budget: RefreshBudget) -> Self {
        BackgroundProbes {
            budget,
            tasks: Mutex::new(Some(JoinSet::new())),
        }
    }

    /// The budget after a race of this width; `None` if no probe is allowed.
    pub(super) fn budget(&self, width: Width) -> Option<usize> {
        let dials = self.budget.dials_per_connection;
        (dials > 0 && width.checks > 0).then_some(dials)
    }

    /// Dials these addresses and passes each SYN's round trip, or `None`, to `learn`.
    pub(super) fn measure(
        &self,
        handshake: &Handshake,
        chosen: Vec<Candidate>,
        learn: impl Fn(Candidate, Option<Duration>) + Clone + Send + 'static,
    ) {
        let mut tasks = lock(&self.tasks);
        let Some(tasks) = tasks.as_mut() else { return };
        while tasks.try_join_next().is_some() {}
        for candidate in chosen {
            let (handshake, learn) = (handshake.clone(), learn.clone());
            tasks.spawn(async move {
                let answered = ask(&handshake, &candidate).await;
                learn(candidate, answered);
            });
        }
    }

    /// Cancels the dials under way and makes no more.
    pub(super) fn stop(&self) {
        *lock(&self.tasks) = None;
    }
}

/// The round trip of one SYN. The connection is then reset.
async fn ask(handshake: &Handshake, (endpoint, address): &Candidate) -> Option<Duration> {
    let progress = Progress::new();
    let dial = handshake.dial(endpoint, *address, &progress);
    let mut io = tokio::time::timeout(TIMEOUT, dial).await.ok()?.ok()?;
    io.reset_on_drop();
    progress.timings().dial()
}
