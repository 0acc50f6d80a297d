//! A little background measuring: a SYN here and there, so that what a file claims is checked.
//!
//! No timers that probe for ever: only after a connection was opened, only a few, only of addresses that
//! nobody asked since the file was read.

use std::sync::Mutex;
use std::time::Duration;

use easelect_engine::race::Width;
use tokio::task::JoinSet;

use super::lock;
use super::memory::Candidate;
use crate::connect::Transport;
use crate::handshake::{Handshake, Progress};

/// How much background traffic is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshBudget {
    /// TCP connects (three packets, then a reset) after one opened connection, at most.
    pub dials_per_connection: usize,
}

impl RefreshBudget {
    /// No background traffic at all.
    pub const NONE: RefreshBudget = RefreshBudget {
        dials_per_connection: 0,
    };

    /// At most so many TCP connects after one opened connection.
    #[must_use]
    pub const fn dials(per_connection: usize) -> Self {
        RefreshBudget {
            dials_per_connection: per_connection,
        }
    }
}

impl Default for RefreshBudget {
    /// One: what a file claims is checked within a few connections.
    fn default() -> Self {
        RefreshBudget::dials(1)
    }
}

/// A SYN unanswered for so long says what it has to say.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The dials under way in the background; they end with the selector.
#[derive(Debug)]
pub(super) struct BackgroundProbes {
    budget: RefreshBudget,
    /// `None` once they were stopped for good.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl BackgroundProbes {
    pub(super) fn new(budget: RefreshBudget) -> Self {
        BackgroundProbes {
            budget,
            tasks: Mutex::new(Some(JoinSet::new())),
        }
    }

    /// Whether any may be made in a race this wide, and how many where.
    pub(super) fn budget(&self, width: Width) -> Option<usize> {
        let dials = self.budget.dials_per_connection;
        (dials > 0 && width.checks > 0).then_some(dials)
    }

    /// Measures these addresses; `learn` takes what each brought.
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

    /// Ends those under way, and makes none any more.
    pub(super) fn stop(&self) {
        *lock(&self.tasks) = None;
    }
}

/// The SYN's round trip; three packets, then a reset.
async fn ask(handshake: &Handshake, (endpoint, address): &Candidate) -> Option<Duration> {
    let progress = Progress::new();
    let dial = handshake.dial(endpoint, *address, &progress);
    let mut io = tokio::time::timeout(TIMEOUT, dial).await.ok()?.ok()?;
    io.reset_on_drop();
    progress.timings().dial()
}
