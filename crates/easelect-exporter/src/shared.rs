//! Probes shared between scrapes: one in flight per target, a bounded number in all, and a result cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use easelect::Error;
use easelect::futures::FutureExt;
use easelect::futures::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::probe::Outcome;

/// Identifies a probe: the number of the configuration load, the module's name, the target's name.
pub(crate) type Key = (u64, String, String);

type Answer = Result<Arc<Outcome>, Arc<Error>>;

/// The reason for having no result.
#[derive(Debug)]
pub(crate) enum NoResult {
    /// The maximum number of probes is in flight.
    Busy,
    /// A probe that another scrape started takes longer than this caller may wait.
    TooSlow,
    /// The probe could not be set up.
    Unusable(Arc<Error>),
}

/// Maximum number of cached targets: a module that allows any URL must not fill the memory.
const MOST: usize = 4096;

#[derive(Debug)]
pub(crate) struct Probes {
    slots: Mutex<HashMap<Key, Slot>>,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Slot {
    /// The probe in flight, and its timeout.
    running: Option<(Duration, WeakShared<BoxFuture<'static, Answer>>)>,
    done: Option<Arc<Outcome>>,
    /// When `done` expires.
    until: Option<Instant>,
}

impl Slot {
    /// Returns the probe in flight, if its timeout is at least `timeout`.
    fn running(&self, timeout: Duration) -> Option<Shared<BoxFuture<'static, Answer>>> {
        let (its, running) = self.running.as_ref()?;
        running.upgrade().filter(|_| *its >= timeout)
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot(until {:?})", self.until)
    }
}

impl Probes {
    /// Creates an empty set with a maximum number of probes in flight.
    pub(crate) fn new(in_flight: usize) -> Self {
        Probes {
            slots: Mutex::new(HashMap::new()),
            room: Arc::new(Semaphore::new(in_flight)),
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a result younger than `age`, joins the probe in flight, or starts one and caches its result for
    /// `kept`.
    ///
    /// A probe is cancelled when every caller has gone. A result that a shorter timeout than `timeout` cut off
    /// is not used: it says nothing about the target.
    pub(crate) async fn result(
        self: &Arc<Self>,
        key: Key,
        age: Duration,
        kept: Duration,
        timeout: Duration,
        probe: impl FnOnce() -> BoxFuture<'static, Result<Outcome, Error>>,
    ) -> Result<Arc<Outcome>, NoResult> {
        let running = match self.found(&key, age, kept, timeout, probe)? {
            Found::Done(outcome) => return Ok(outcome),
            Found::Running(running) => running,
        };
        // A probe ends at its own deadline; leave it a moment to deliver the result.
        let wait = timeout + Duration::from_millis(200);
        match tokio::time::timeout(wait, running).await {
            Ok(answer) => answer.map_err(NoResult::Unusable),
            Err(_) => Err(NoResult::TooSlow),
        }
    }

    fn found(
        self: &Arc<Self>,
        key: &Key,
        age: Duration,
        kept: Duration,
        timeout: Duration,
        probe: impl FnOnce() -> BoxFuture<'static, Result<Outcome, Error>>,
    ) -> Result<Found, NoResult> {
        let mut slots = self.slots();
        let now = Instant::now();
        if let Some(slot) = slots.get(key) {
            let fits = |one: &&Arc<Outcome>| {
                now.duration_since(one.started) < age
                    && (one.timeout >= timeout || one.took < one.timeout)
            };
            if let Some(done) = slot.done.as_ref().filter(fits) {
                return Ok(Found::Done(Arc::clone(done)));
            }
            if let Some(running) = slot.running(timeout) {
                return Ok(Found::Running(running));
            }
        }
        let permit = Arc::clone(&self.room).try_acquire_owned();
        let permit = permit.map_err(|_| NoResult::Busy)?;
        let is_running = |slot: &Slot| slot.running(Duration::ZERO).is_some();
        // Expired results must not use memory.
        let is_fresh = |slot: &Slot| slot.until.is_some_and(|until| now < until);
        slots.retain(|_, slot| is_fresh(slot) || is_running(slot));
        if slots.len() >= MOST {
            slots.retain(|_, slot| is_running(slot));
        }
        let (this, probe, own) = (Arc::clone(self), probe(), key.clone());
        let running = async move {
            let answer = probe.await.map(Arc::new).map_err(Arc::new);
            if let Some(outcome) = answer.as_ref().ok().filter(|_| !kept.is_zero()) {
                let mut slots = this.slots();
                let slot = slots.entry(own).or_default();
                // Keep a probe with a longer timeout that started meanwhile.
                slot.running.take_if(|(its, _)| *its == timeout);
                slot.done = Some(Arc::clone(outcome));
                slot.until = outcome.started.checked_add(kept);
            }
            drop(permit);
            answer
        };
        let running = running.boxed().shared();
        slots.entry(key.clone()).or_default().running =
            running.downgrade().map(|one| (timeout, one));
        Ok(Found::Running(running))
    }

    /// Drops the results of configurations loaded before this one.
    pub(crate) fn forget_before(&self, reading: u64) {
        self.slots().retain(|(of, _, _), _| *of >= reading);
    }
}

enum Found {
    Done(Arc<Outcome>),
    Running(Shared<BoxFuture<'static, Answer>>),
}
