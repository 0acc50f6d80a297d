//! Writes the history from a thread of its own, because a disk may block for seconds.

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

/// The shortest time between writes, except for flushes: flash wears out and batteries drain.
const INTERVAL: Duration = Duration::from_secs(5);

enum Message {
    Keep,
    Flush(oneshot::Sender<Result<(), Error>>),
}

/// A handle to the writing thread. Dropping it ends the thread after a last write.
#[derive(Debug)]
pub(super) struct HistoryWriter {
    sender: mpsc::Sender<Message>,
    /// A write was requested and has not begun. It will include what is learned meanwhile.
    asked: Arc<AtomicBool>,
}

impl HistoryWriter {
    /// Starts a thread that writes this memory to this store. If the thread can't be started, nothing
    /// is stored, and [`flush`](Self::flush) fails.
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
            tracing::warn!(target: "easelect::history", %error, "history can't be saved");
        }
        HistoryWriter { sender, asked }
    }

    /// Requests a write.
    pub(super) fn keep(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            // The thread, if there is one, lives as long as this.
            let _ = self.sender.send(Message::Keep);
        }
    }

    /// Writes now, if there is anything to write, and waits for it.
    pub(super) async fn flush(&self) -> Result<(), Error> {
        let (done, flushed) = oneshot::channel();
        let _ = self.sender.send(Message::Flush(done));
        // The thread lives as long as this, so only one that never started drops the other side.
        let why = "the thread that writes the history could not be started";
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
    // A failed write is repeated with the next request, not automatically.
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
        // One write serves all waiting flushes.
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
                tracing::warn!(target: "easelect::history", %error, "history not saved");
                let why = error.to_string();
                events.send(SelectorEvent::HistoryNotKept { why });
            }
        }
        // Errors can't be cloned, so they are rebuilt for each flush.
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
