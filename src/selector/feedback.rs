//! What becomes of a connection after it was handed over.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, Weak};
use std::time::Duration;

use arc_swap::Guard;
use easelect_engine::health::Severity;
use easelect_engine::observation::{Measured, Observation};

use super::memory::{self, Memory};
use super::{Explanation, Inner, lock};
use crate::connection::{CloseReason, Heed};

/// A connection that ends sooner than this by itself was no good: mobile NATs and idle time-outs
/// take minutes.
const SHORT_LIVED: Duration = Duration::from_secs(30);

/// The ear that a selector has on a connection; it doesn't keep the selector alive.
pub(super) struct Ear {
    selector: Weak<Inner>,
    candidate: memory::Candidate,
    network: String,
    /// What a round trip takes says nothing of how long a SYN does: that ends at the proxy.
    through_proxy: bool,
}

impl Heed for Ear {
    fn round_trip(&self, took: Duration) {
        let observation = Observation {
            syn: Some(Measured::Took(took.as_secs_f64() * 1e3)),
            ..Observation::default()
        };
        // The same where something else on the way answers SYNs.
        self.tell(observation, |memory| {
            !self.through_proxy && memory.gate().trusted
        });
    }

    fn closed(&self, reason: CloseReason, lived: Duration) {
        let its_fault = reason != CloseReason::ByApp && lived < SHORT_LIVED;
        self.tell(Observation::of_failure(Severity::Soft), |_| its_fault);
    }
}

impl Ear {
    /// On a connection to this candidate, opened on this network.
    pub(super) fn new(inner: &Arc<Inner>, candidate: memory::Candidate, network: String) -> Self {
        Ear {
            selector: Arc::downgrade(inner),
            through_proxy: inner.names.peer(&candidate.0).is_proxy,
            candidate,
            network,
        }
    }

    fn tell(&self, observation: Observation, says_something: impl FnOnce(&Memory) -> bool) {
        let Some(inner) = self.selector.upgrade() else {
            return;
        };
        let memory = lock(&inner.memory);
        // The device may have moved since: what is measured now is of another network.
        if memory.network_id() == self.network && says_something(&memory) {
            inner.learn_one(memory, &self.candidate, observation);
        }
    }
}

impl Inner {
    /// Learns what was shown of one candidate of the service. Everybody is asked anew only if that
    /// may change who is preferred: heartbeats come often, and hardly ever do. What they change of
    /// the ranking is shown to whoever reads it next.
    pub(super) fn learn_one(
        &self,
        mut memory: MutexGuard<'_, Memory>,
        candidate: &memory::Candidate,
        observation: Observation,
    ) {
        let learned = memory.learn_one(candidate, observation);
        self.service.outdated.store(true, Ordering::Relaxed);
        drop(memory);
        self.tell(learned.change);
        if learned.decisive {
            self.reconsider(&self.service);
        }
    }

    /// What is expected of the service's candidates.
    pub(super) fn shown(&self) -> Guard<Arc<Explanation>> {
        if self.service.outdated.load(Ordering::Relaxed) {
            self.reconsider(&self.service);
        }
        self.service.outlook.load()
    }
}
