//! The endpoints of one service and the published view of them, which is read without a lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
#[cfg(feature = "rest")]
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use tokio::time::Instant;

use super::explanation::{self, Explanation};
use super::lock;
use super::memory::{Change, Memory};
use crate::catalog::{Endpoint, Region};

pub(super) struct ServiceView {
    endpoints: Vec<Endpoint>,
    /// The only data centre used now, if restricted.
    within: ArcSwapOption<Region>,
    preferred: ArcSwapOption<Endpoint>,
    explanation: ArcSwap<Explanation>,
    /// Something was learned that the explanation doesn't show yet.
    outdated: AtomicBool,
    /// When the view becomes outdated although nothing was learned: a breaker closes.
    shown_until: ArcSwapOption<Instant>,
    /// Whether `shown_until` is set. Every `best()` checks this, and it is mostly false.
    ends: AtomicBool,
    /// The winner of the last race, and when it won.
    won: Mutex<Option<(Endpoint, Instant)>>,
}

impl ServiceView {
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        ServiceView {
            endpoints,
            within: ArcSwapOption::empty(),
            preferred: ArcSwapOption::empty(),
            explanation: ArcSwap::from_pointee(Explanation {
                network: "".into(),
                candidates: Arc::default(),
            }),
            outdated: AtomicBool::new(false),
            shown_until: ArcSwapOption::empty(),
            ends: AtomicBool::new(false),
            won: Mutex::new(None),
        }
    }

    /// The endpoints that may be used now.
    pub(super) fn eligible(&self) -> Vec<Endpoint> {
        let within = self.within.load();
        let there = |one: &&Endpoint| {
            within
                .as_ref()
                .is_none_or(|region| *one.region() == **region)
        };
        let eligible: Vec<Endpoint> = self.endpoints.iter().filter(there).cloned().collect();
        if eligible.is_empty() {
            return self.endpoints.clone();
        }
        eligible
    }

    /// The preferred endpoint; a lock-free read.
    pub(super) fn preferred(&self) -> Option<Endpoint> {
        let preferred = self.preferred.load();
        preferred.as_ref().map(|endpoint| Endpoint::clone(endpoint))
    }

    pub(super) fn explanation(&self) -> Guard<Arc<Explanation>> {
        self.explanation.load()
    }

    /// Marks the explanation as outdated.
    pub(super) fn outdate(&self) {
        self.outdated.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed) || self.is_over()
    }

    /// Whether a breaker closed since the last update. Reads the clock only while one is open.
    pub(super) fn is_over(&self) -> bool {
        if !self.ends.load(Ordering::Acquire) {
            return false;
        }
        let until = self.shown_until.load();
        until
            .as_ref()
            .is_some_and(|until| Instant::now() >= **until)
    }

    /// Publishes what the memory says now. Returns a change of the preference.
    pub(super) fn reconsider(&self, memory: &mut Memory) -> Option<Change> {
        self.outdated.store(false, Ordering::Relaxed);
        let mut known = memory.reconsider(&self.eligible());
        let change = known.change.take();
        let until = known
            .next_close
            .and_then(|left| Instant::now().checked_add(left));
        let ends = until.is_some();
        self.shown_until.store(until.map(Arc::new));
        self.ends.store(ends, Ordering::Release);
        let preferred = known.preferred.as_ref();
        self.preferred
            .store(preferred.map(|(endpoint, _)| Arc::new(endpoint.clone())));
        let explanation = explanation::explain(memory.network_id(), known);
        self.explanation.store(Arc::new(explanation));
        change
    }

    /// Records that this endpoint won a race now.
    pub(super) fn won(&self, winner: &Endpoint) {
        *lock(&self.won) = Some((winner.clone(), Instant::now()));
    }
}

/// REST reuses the winner of a race, and follows the WebSocket to its data centre.
#[cfg(feature = "rest")]
impl ServiceView {
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Uses only the endpoints of this data centre from now on, if it has any. Returns whether that
    /// changed.
    pub(super) fn restrict_to(&self, region: &Region) -> bool {
        let before = self.within.swap(Some(Arc::new(region.clone())));
        before.as_deref() != Some(region)
    }

    /// Forgets the winner of the last race.
    pub(super) fn forget_winner(&self) {
        *lock(&self.won) = None;
    }

    /// The winner of a race within this time, if it is eligible.
    pub(super) fn winner_within(&self, time: Duration) -> Option<Endpoint> {
        let won = lock(&self.won).clone();
        let (winner, at) = won?;
        (at.elapsed() < time && self.eligible().contains(&winner)).then_some(winner)
    }
}
