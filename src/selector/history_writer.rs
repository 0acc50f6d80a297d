//! Writes the history now and then, from a thread of its own: a disk may block for seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use easelect_engine::history::History;
use futures::channel::oneshot;

use super::events::{Events, SelectorEvent};
use super::lock;
use super::memory::Memory;
use crate::error::{Error, ErrorKind};
use crate::history::{HistoryStore, ask};

/// At most one write in so long: flash wears, and batteries drain.
const INTERVAL: Duration = Duration::from_secs(5);

enum Message {
    Keep,
    Flush(oneshot::Sender<Result<(), Error>>),
}

/// Asks the thread to write, which ends, after a last write, when this is dropped.
#[derive(Debug)]
pub(super) struct HistoryWriter {
    sender: mpsc::Sender<Message>,
    /// It was asked and hasn't begun: whatever is learned meanwhile will be written.
    asked: Arc<AtomicBool>,
}

impl HistoryWriter {
    /// A writer of this memory in this store. When no thread can be had, that only costs what was
    /// learned, and whoever [flushes](Self::flush) is told.
    pub(super) fn start(
        store: Arc<dyn HistoryStore>,
        memory: Arc<Mutex<Memory>>,
        events: Arc<Events>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        let asked = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&asked);
        let history = move || {
            begun.store(false, Ordering::SeqCst);
            lock(&memory).history()
        };
        let spawned = std::thread::Builder::new()
            .name("easelect-history".to_owned())
            .spawn(move || serve(&*store, history, &events, &receiver));
        if let Err(error) = spawned {
            tracing::warn!(target: "easelect::history", %error, "nothing will be kept");
        }
        HistoryWriter { sender, asked }
    }

    /// Writes what is known, soon.
    pub(super) fn keep(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            // The thread lives as long as this does, if there is one.
            let _ = self.sender.send(Message::Keep);
        }
    }

    /// Writes what is not written yet, and waits until that is done.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let (done, flushed) = oneshot::channel();
        let _ = self.sender.send(Message::Flush(done));
        // Only a thread that ended or never began drops the other side, and one that began doesn't end
        // while this is there.
        let why = "no thread writes the history: none could be had";
        (flushed.await).unwrap_or_else(|_| Err(Error::new(ErrorKind::History, why)))
    }
}

fn serve(
    store: &dyn HistoryStore,
    history: impl Fn() -> History,
    events: &Events,
    receiver: &mpsc::Receiver<Message>,
) {
    let mut pending = false;
    // A write that failed is tried again when it is asked for, not by itself.
    let mut failed = false;
    let mut written: Option<Instant> = None;
    loop {
        let due = written.map_or(Duration::ZERO, |at| INTERVAL.saturating_sub(at.elapsed()));
        let message = if pending {
            receiver.recv_timeout(due)
        } else {
            receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        let (write, mut waiting, last) = match message {
            Ok(Message::Keep) => {
                pending = true;
                (false, Vec::new(), false)
            }
            Ok(Message::Flush(done)) => {
                pending |= failed;
                (true, vec![done], false)
            }
            Err(RecvTimeoutError::Timeout) => (true, Vec::new(), false),
            Err(RecvTimeoutError::Disconnected) => {
                pending |= failed;
                (true, Vec::new(), true)
            }
        };
        // One write serves all who wait for one.
        while write && let Ok(message) = receiver.try_recv() {
            match message {
                Message::Keep => pending = true,
                Message::Flush(done) => waiting.push(done),
            }
        }
        let mut saved = Ok(());
        if write && std::mem::take(&mut pending) {
            written = Some(Instant::now());
            let history = history();
            saved = ask(|| store.save(&history));
            failed = saved.is_err();
            if let Err(error) = &saved {
                tracing::warn!(target: "easelect::history", %error, "history not kept");
                let why = error.to_string();
                events.send(SelectorEvent::HistoryNotKept { why });
            }
        }
        // An error can't be copied, only told again.
        let again = saved.as_ref().err();
        let again = again.map(|error| (error.kind(), error.to_string()));
        let first = waiting.pop();
        for done in waiting {
            let told = again.clone().map(|(kind, why)| Error::new(kind, why));
            let _ = done.send(told.map_or(Ok(()), Err));
        }
        if let Some(first) = first {
            let _ = first.send(saved);
        }
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flush_without_a_thread_is_not_well() {
        let (sender, _) = mpsc::channel();
        let asked = Arc::default();
        let writer = HistoryWriter { sender, asked };
        writer.keep();
        assert!(writer.flush().await.unwrap_err().is_history());
    }
}
