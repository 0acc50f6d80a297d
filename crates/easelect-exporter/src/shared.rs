//! Probes that several scrapes share: one in flight of each kind, few in all, results answered again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use easelect::Error;
use easelect::futures::FutureExt;
use easelect::futures::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::probe::Outcome;

/// What is probed how: the module as it was read, by its name and the reading's number, and the target.
pub(crate) type Key = (u64, String, String);

type Answer = Result<Arc<Outcome>, Arc<Error>>;

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum NoResult {
    /// So many probes are in flight already.
    Busy,
    /// Somebody else's probe of the same takes longer than this caller may wait.
    TooSlow,
    /// The module can't be used.
    Unusable(Arc<Error>),
}

/// Far more than a catalogue has: a module that allows any URL must not fill the memory.
const MOST: usize = 4096;

#[derive(Debug)]
pub(crate) struct Probes {
    slots: Mutex<HashMap<Key, Slot>>,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Slot {
    /// The probe that is under way, and what it may take.
    running: Option<(Duration, WeakShared<BoxFuture<'static, Answer>>)>,
    done: Option<Arc<Outcome>>,
    /// Until when what is done is answered again.
    until: Option<Instant>,
}

impl Slot {
    /// The probe that is under way, if it may take at least so long.
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
    /// At most so many in flight.
    pub(crate) fn new(in_flight: usize) -> Self {
        Probes {
            slots: Mutex::new(HashMap::new()),
            room: Arc::new(Semaphore::new(in_flight)),
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A result that is younger than `age`, that of the probe that is under way, or of a new one, which is
    /// kept for so long. A probe ends when nobody waits for it any more. What a shorter `timeout` than this
    /// one cut off is no result: it tells of the other's patience, not of the target.
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
        // A probe of its own ends by itself: its deadline, and a moment to tell of it.
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
        // What is too old to be answered again takes no memory.
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
                // A more patient one may be under way.
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

    /// Forgets what readings of the modules before this one brought.
    pub(crate) fn forget_before(&self, reading: u64) {
        self.slots().retain(|(of, _, _), _| *of >= reading);
    }
}

enum Found {
    Done(Arc<Outcome>),
    Running(Shared<BoxFuture<'static, Answer>>),
}
