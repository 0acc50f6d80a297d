//! What learns: takes in what attempts showed, tells who listens, has it kept.

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

    /// What is remembered, for a moment.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// What the history calls the network that the device is on.
    pub(super) fn network_key(&self) -> String {
        self.memory().network_id().to_owned()
    }

    /// Which stay on which network it is: what was begun in another one teaches nothing here.
    pub(super) fn epoch(&self) -> Epoch {
        self.memory().epoch()
    }

    pub(super) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Takes in what DNS says of an endpoint, asked in this epoch.
    pub(super) fn lister(
        &self,
        family: Family,
        epoch: Epoch,
    ) -> impl FnOnce(&Endpoint, Result<Found, Failure>) + use<> {
        let memory = Arc::clone(&self.memory);
        move |endpoint, said| lock(&memory).list(endpoint, family, &said, epoch)
    }

    /// Learns what was shown of these candidates.
    pub(super) fn learn(&self, observations: Vec<(Candidate, Observation)>) {
        let changes = self.memory().learn(observations);
        self.tell(changes);
    }

    /// Learns what was shown of one candidate, unless the memory says meanwhile that it means nothing.
    /// Everybody is asked anew only if that may change who is preferred: heartbeats come often, and
    /// hardly ever do. What they change of the ranking is shown to whoever reads it next.
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

    /// A background probe of a candidate, begun in this epoch, brought this: the SYN's round trip, of
    /// which `queue_ms` are the access link's.
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

    /// Who is preferred may have changed with what was learned.
    pub(super) fn reconsider(&self, view: &ServiceView) {
        let mut memory = self.memory();
        let change = view.reconsider(&mut memory);
        drop(memory);
        self.tell(change);
    }

    /// Has what was learned kept.
    pub(super) fn keep(&self) {
        let Some(writer) = &self.writer else { return };
        // Held until the writer is asked: a `flush()` meanwhile would find nothing to keep, and the
        // writer nothing to write.
        let mut memory = self.memory();
        if memory.take_unkept() {
            writer.keep();
        }
    }

    /// Has what was learned kept, and waits until it is.
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
