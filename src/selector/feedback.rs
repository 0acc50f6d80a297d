//! What becomes of a connection after it was handed over.

use std::sync::{Arc, Weak};
use std::time::Duration;

use easelect_engine::health::Severity;
use easelect_engine::observation::{Measured, Observation};

use super::Inner;
use super::events::SelectorEvent;
use super::memory::{Candidate, Epoch, Memory};
use crate::connection::{CloseReason, ConnectionObserver};

/// A connection that ends sooner than this by itself was no good: mobile NATs and idle time-outs
/// take minutes.
const SHORT_LIVED: Duration = Duration::from_secs(30);

/// Learns from one connection; it doesn't keep the selector alive.
pub(super) struct FeedbackLearner {
    selector: Weak<Inner>,
    candidate: Candidate,
    epoch: Epoch,
    /// What a round trip takes says nothing of how long a SYN does: that ends at the proxy.
    through_proxy: bool,
}

impl FeedbackLearner {
    /// Of a connection to this candidate, opened in this epoch.
    pub(super) fn new(inner: &Arc<Inner>, candidate: Candidate, epoch: Epoch) -> Self {
        let peer = inner.racer.dialer().peer(&candidate.0);
        FeedbackLearner {
            selector: Arc::downgrade(inner),
            through_proxy: peer.proxy.is_some(),
            candidate,
            epoch,
        }
    }

    fn learn(&self, observation: Observation, says_something: impl FnOnce(&Memory) -> bool) {
        let Some(inner) = self.selector.upgrade() else {
            return;
        };
        // The device may have moved since: what is measured now is of another network.
        let here = |memory: &Memory| memory.epoch() == self.epoch && says_something(memory);
        (inner.learner).learn_one(&inner.websocket, &self.candidate, observation, here);
    }
}

impl ConnectionObserver for FeedbackLearner {
    fn round_trip(&self, took: Duration) {
        let observation = Observation {
            syn: Some(Measured::Took(took.as_secs_f64() * 1e3)),
            ..Observation::default()
        };
        // The same where something else on the way answers SYNs.
        self.learn(observation, |memory| {
            !self.through_proxy && memory.trusts_syns()
        });
    }

    fn closed(&self, reason: CloseReason, lived: Duration) {
        let its_fault = reason != CloseReason::ByApp && lived < SHORT_LIVED;
        self.learn(Observation::of_failure(Severity::Soft), |_| its_fault);
        if let Some(inner) = self.selector.upgrade() {
            let (endpoint, address) = self.candidate.clone();
            inner.learner.events().send(SelectorEvent::Closed {
                endpoint,
                address,
                reason,
                lived,
            });
        }
    }
}
