//! A little background measuring: a SYN here and there, so that what became better is noticed.
//!
//! No timers that probe for ever: only after a connection was opened, only a few, only where the
//! answer is worth it.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Inner, Selector, lock};
use crate::catalog::Endpoint;
use crate::handshake::Progress;

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
    /// Three: with what is dialled anyway, every address is heard of a few times a day.
    fn default() -> Self {
        RefreshBudget::dials(3)
    }
}

/// A SYN unanswered for so long says what it has to say.
const TIMEOUT: Duration = Duration::from_secs(3);

impl Selector {
    /// Measures a few of the addresses that a race left out, if their answer is worth it.
    pub(super) fn refresh(&self, left_out: Vec<(Endpoint, SocketAddr)>) {
        let budget = self.0.refresh.dials_per_connection;
        if budget == 0 || self.policy() == super::Policy::Conservative {
            return;
        }
        let chosen = lock(&self.0.memory).worth_a_syn(left_out, budget);
        let mut tasks = lock(&self.0.tasks);
        while tasks.try_join_next().is_some() {}
        for (endpoint, address) in chosen {
            let handshake = self.0.handshake.clone();
            let selector = Arc::downgrade(&self.0);
            tasks.spawn(async move {
                let progress = Progress::new();
                let dial = handshake.dial(&endpoint, address, &progress);
                let answered = match tokio::time::timeout(TIMEOUT, dial).await {
                    Ok(Ok(mut io)) => {
                        io.reset_on_drop();
                        progress.reached().timings.dial()
                    }
                    // What fails is not counted: a SYN alone proves nothing either way.
                    Ok(Err(_)) | Err(_) => None,
                };
                learn(&selector, &endpoint, address, answered);
            });
        }
    }
}

fn learn(
    selector: &Weak<Inner>,
    endpoint: &Endpoint,
    address: SocketAddr,
    answered: Option<Duration>,
) {
    let Some(inner) = selector.upgrade() else {
        return;
    };
    lock(&inner.counts).background_dials += 1;
    if let Some(round_trip) = answered {
        lock(&inner.memory).heard(endpoint, address, round_trip);
        inner.reconsider(&inner.service);
    }
}
