//! Takes in observations, sends the events they cause, and has the history written.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use easelect_engine::observation::Observation;

use super::events::{Events, SelectorEvent};
use super::history_writer::HistoryWriter;
use super::lock;
use super::memory::{Candidate, Change, Epoch, Memory};
use super::service_view::ServiceView;
use crate::catalog::Endpoint;
use crate::dialer::Found;
use crate::error::Error;
use crate::failure::Failure;
use crate::resolve::Family;

pub(super) struct Learner {
    memory: Arc<Mutex<Memory>>,
    events: Arc<Events>,
    writer: Option<HistoryWriter>,
}

impl Learner {
    pub(super) fn new(
        memory: Arc<Mutex<Memory>>,
        events: Arc<Events>,
        writer: Option<HistoryWriter>,
    ) -> Self {
        Learner {
            memory,
            events,
            writer,
        }
    }

    /// Locks the memory.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// The key of the current network in the history.
    pub(super) fn network_key(&self) -> String {
        self.memory().network_id().to_owned()
    }

    /// The current epoch. Work that began in another epoch teaches nothing.
    pub(super) fn epoch(&self) -> Epoch {
        self.memory().epoch()
    }

    pub(super) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Returns a function that takes in a DNS answer to a question asked in this epoch.
    pub(super) fn lister(
        &self,
        family: Family,
        epoch: Epoch,
    ) -> impl FnOnce(&Endpoint, Result<Found, Failure>) + use<> {
        let memory = Arc::clone(&self.memory);
        move |endpoint, said| lock(&memory).list(endpoint, family, &said, epoch)
    }

    /// Learns from observations of several candidates.
    pub(super) fn learn(&self, observations: Vec<(Candidate, Observation)>) {
        let changes = self.memory().learn(observations);
        self.tell(changes);
    }

    /// Learns from an observation of one candidate, if `says_something` holds.
    ///
    /// The preference is recomputed only if the observation may change it: heartbeats are frequent and
    /// hardly ever do. The ranking is marked as outdated, and recomputed when it is next read.
    pub(super) fn learn_one(
        &self,
        view: &ServiceView,
        candidate: &Candidate,
        observation: Observation,
        says_something: impl FnOnce(&Memory) -> bool,
    ) {
        let mut memory = self.memory();
        if !says_something(&memory) {
            return;
        }
        let learned = memory.learn_one(candidate, observation);
        view.outdate();
        drop(memory);
        self.tell(learned.changes);
        if learned.decisive {
            self.reconsider(view);
        }
    }

    /// Learns from a background probe that began in this epoch. `queue_ms`, the access link's share of
    /// the round trip, is subtracted.
    pub(super) fn probed(
        &self,
        candidate: Candidate,
        answered: Option<Duration>,
        queue_ms: f64,
        epoch: Epoch,
    ) {
        let syn_ms = answered.map(|took| (took.as_secs_f64() * 1e3 - queue_ms).max(0.1));
        let observations = vec![(candidate.clone(), Observation::of_probe(syn_ms))];
        let changes = {
            let mut memory = self.memory();
            let here = memory.epoch() == epoch;
            here.then(|| memory.learn(observations))
        };
        self.tell(changes.into_iter().flatten());
        let (endpoint, address) = candidate;
        self.events.send(SelectorEvent::Refreshed {
            endpoint,
            address,
            round_trip: answered,
        });
    }

    /// Updates the preferred endpoint of a service.
    pub(super) fn reconsider(&self, view: &ServiceView) {
        let mut memory = self.memory();
        let change = view.reconsider(&mut memory);
        drop(memory);
        self.tell(change);
    }

    /// Requests a write of the history.
    pub(super) fn keep(&self) {
        let Some(writer) = &self.writer else { return };
        // The lock is held until the writer is asked. Otherwise a concurrent `flush()` would find
        // nothing to write and return early.
        let mut memory = self.memory();
        if memory.take_unkept() {
            writer.keep();
        }
    }

    /// Requests a write of the history and waits for it.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        self.keep();
        match &self.writer {
            Some(writer) => writer.flush().await,
            None => Ok(()),
        }
    }

    pub(super) fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            self.events.send(change.into());
        }
    }
}
