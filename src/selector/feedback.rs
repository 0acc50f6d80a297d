//! What the selector learns from a connection after it was handed over.

use std::sync::{Arc, Weak};
use std::time::Duration;

use easelect_engine::health::Severity;
use easelect_engine::observation::{Measured, Observation};

use super::Inner;
use super::events::SelectorEvent;
use super::memory::{Candidate, Epoch, Memory};
use crate::connection::{CloseReason, ConnectionObserver};

/// A connection that ends by itself within this time counts as a failure. Mobile NATs and idle timeouts
/// take minutes.
const SHORT_LIVED: Duration = Duration::from_secs(30);

/// Learns from one connection, without keeping the selector alive.
pub(super) struct FeedbackLearner {
    selector: Weak<Inner>,
    candidate: Candidate,
    epoch: Epoch,
    /// A proxy ends TCP, so a round trip through it says nothing about a SYN's.
    through_proxy: bool,
}

impl FeedbackLearner {
    /// A learner for a connection to this candidate, opened in this epoch.
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
        // If the device moved since, the measurement belongs to another network.
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
        // Nor does it where a middlebox answers SYNs.
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
