//! Writes the history now and then, from a thread of its own: a disk may block for seconds.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use futures::channel::oneshot;

use crate::history::{History, HistoryStore};

/// At most one write in so long: flash wears, and batteries drain.
const INTERVAL: Duration = Duration::from_secs(5);

enum Message {
    Keep(History),
    Flush(oneshot::Sender<()>),
}

/// Hands histories to the thread, which ends, after a last write, when this is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    sender: mpsc::Sender<Message>,
}

impl Keeper {
    /// A keeper of this store; `None` when no thread can be had, which only costs the memory.
    pub(super) fn start(store: Arc<dyn HistoryStore>) -> Option<Self> {
        let (sender, receiver) = mpsc::channel();
        let spawned = std::thread::Builder::new()
            .name("easelect-history".to_owned())
            .spawn(move || serve(&*store, &receiver));
        match spawned {
            Ok(_) => Some(Keeper { sender }),
            Err(error) => {
                tracing::warn!(target: "easelect::history", %error, "nothing will be kept");
                None
            }
        }
    }

    pub(super) fn keep(&self, history: History) {
        // The thread lives as long as this does.
        let _ = self.sender.send(Message::Keep(history));
    }

    /// Writes what is not written yet; resolves when that is done.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (done, flushed) = oneshot::channel();
        let _ = self.sender.send(Message::Flush(done));
        flushed
    }
}

fn serve(store: &dyn HistoryStore, receiver: &mpsc::Receiver<Message>) {
    let mut pending: Option<History> = None;
    let mut written: Option<Instant> = None;
    loop {
        let due = written.map_or(Duration::ZERO, |at| INTERVAL.saturating_sub(at.elapsed()));
        let message = match &pending {
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) => receiver.recv_timeout(due),
        };
        let (write, done, last) = match message {
            Ok(Message::Keep(history)) => {
                pending = Some(history);
                (false, None, false)
            }
            Ok(Message::Flush(done)) => (true, Some(done), false),
            Err(RecvTimeoutError::Timeout) => (true, None, false),
            Err(RecvTimeoutError::Disconnected) => (true, None, true),
        };
        if write && let Some(history) = pending.take() {
            written = Some(Instant::now());
            if let Err(error) = store.save(&history) {
                tracing::warn!(target: "easelect::history", %error, "history not kept");
            }
        }
        if let Some(done) = done {
            let _ = done.send(());
        }
        if last {
            return;
        }
    }
}
