//! A little background measuring: a SYN here and there, so that what became better is noticed.
//!
//! No timers that probe for ever: only after a connection was opened, only a few, only where the
//! answer is worth it.

use std::sync::Arc;
use std::time::Duration;

use easelect_engine::history::Refresh;
use easelect_engine::observation::Observation;
use easelect_engine::race::Width;

use super::memory::Candidate;
use super::{Inner, Selector, SelectorEvent, lock};
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
    /// One: three cost twice the SYNs for .01 of the median time to open.
    fn default() -> Self {
        RefreshBudget::dials(1)
    }
}

/// A SYN unanswered for so long says what it has to say.
const TIMEOUT: Duration = Duration::from_secs(3);

impl Selector {
    /// Measures a few of the addresses that were not heard of for long, if their answer is worth it.
    /// `queue_ms` is by how much the access link delays all alike; `network` where that was.
    pub(super) fn refresh(
        &self,
        width: Width,
        known: Vec<Candidate>,
        queue_ms: f64,
        network: &str,
    ) {
        let budget = self.0.refresh.dials_per_connection;
        if budget == 0 || width.refresh.probes == 0 {
            return;
        }
        let refresh = Refresh {
            probes: budget,
            ..width.refresh
        };
        let chosen = lock(&self.0.memory).to_refresh(known, refresh);
        let mut tasks = lock(&self.0.tasks);
        while tasks.try_join_next().is_some() {}
        for candidate in chosen {
            let handshake = self.0.handshake.clone();
            let (selector, network) = (Arc::downgrade(&self.0), network.to_owned());
            tasks.spawn(async move {
                let answered = ask(&handshake, &candidate).await;
                if let Some(inner) = selector.upgrade() {
                    inner.refreshed(candidate, answered, queue_ms, &network);
                }
            });
        }
    }
}

/// The SYN's round trip; three packets, then a reset.
async fn ask(handshake: &Handshake, (endpoint, address): &Candidate) -> Option<Duration> {
    let progress = Progress::new();
    let dial = handshake.dial(endpoint, *address, &progress);
    let mut io = tokio::time::timeout(TIMEOUT, dial).await.ok()?.ok()?;
    io.reset_on_drop();
    progress.reached().timings.dial()
}

impl Inner {
    fn refreshed(
        &self,
        candidate: Candidate,
        answered: Option<Duration>,
        queue_ms: f64,
        network: &str,
    ) {
        lock(&self.counts).dialled_in_background();
        let syn_ms = answered.map(|took| (took.as_secs_f64() * 1e3 - queue_ms).max(0.1));
        let observation = Observation::of_probe(syn_ms);
        let mut memory = lock(&self.memory);
        if memory.network_id() != network {
            return;
        }
        let changes = memory.learn(vec![(candidate.clone(), observation)]);
        drop(memory);
        self.tell(changes);
        let (endpoint, address) = candidate;
        let _ = self.events.send(SelectorEvent::Refreshed {
            endpoint,
            address,
            round_trip: answered,
        });
        self.reconsider(&self.service);
    }
}
