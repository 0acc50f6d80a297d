//! What becomes of a connection after it was handed over.

use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use super::{Inner, lock, memory};
use crate::catalog::Endpoint;
use crate::connection::{CloseReason, Heed};
use crate::health::Severity;
use crate::lesson::{Lesson, Measured};

/// A connection that ends sooner than this by itself was no good: mobile NATs and idle time-outs
/// take minutes.
const SHORT_LIVED: Duration = Duration::from_secs(30);

/// The ear that a selector has on a connection; it doesn't keep the selector alive.
pub(super) struct Ear {
    pub(super) selector: Weak<Inner>,
    pub(super) endpoint: Endpoint,
    pub(super) address: SocketAddr,
    pub(super) network: String,
}

impl Ear {
    fn candidate(&self) -> memory::Candidate {
        (self.endpoint.clone(), self.address)
    }
}

impl Heed for Ear {
    fn round_trip(&self, took: Duration) {
        let Some(inner) = self.selector.upgrade() else {
            return;
        };
        let mut memory = lock(&inner.memory);
        // The device may have moved since: what is measured now is of another network.
        // Where SYNs end on the way, a round trip to the server is another thing.
        let comparable = memory.gate().trusted && !inner.names.peer(&self.endpoint).is_proxy;
        if memory.network_id() == self.network && comparable {
            let lesson = Lesson {
                syn: Some(Measured::Took(took.as_secs_f64() * 1e3)),
                ..Lesson::default()
            };
            let changes = memory.learn(vec![(self.candidate(), lesson)]);
            drop(memory);
            inner.tell(changes);
            inner.reconsider(&inner.service);
        }
    }

    fn closed(&self, reason: CloseReason, lived: Duration) {
        let Some(inner) = self.selector.upgrade() else {
            return;
        };
        let mut memory = lock(&inner.memory);
        let its_fault = reason != CloseReason::ByApp && lived < SHORT_LIVED;
        if its_fault && memory.network_id() == self.network {
            let lesson = Lesson::of_failure(Severity::Soft);
            let changes = memory.learn(vec![(self.candidate(), lesson)]);
            drop(memory);
            inner.tell(changes);
            inner.reconsider(&inner.service);
        }
    }
}
