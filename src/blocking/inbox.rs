//! Items that a task on the thread produces, a few ahead of the consumer.

use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::worker::Worker;

/// The consumer's side. Dropping it aborts the task.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    items: Mutex<mpsc::Receiver<thread::Result<T>>>,
    room: Arc<Semaphore>,
    task: AbortHandle,
    worker: Worker,
}

/// The task's side.
pub(super) struct Feed<T> {
    items: mpsc::Sender<thread::Result<T>>,
    room: Arc<Semaphore>,
}

impl<T> Feed<T> {
    /// Forwards the stream until its end. While there is no room, the stream is not polled, so nothing
    /// is lost.
    pub(super) async fn with(self, stream: impl Stream<Item = T>) {
        let mut stream = pin!(AssertUnwindSafe(stream).catch_unwind());
        while let Ok(room) = self.room.acquire().await {
            room.forget();
            let Some(item) = stream.next().await else {
                return;
            };
            // Fails only if the consumer is gone; the task is then aborted.
            let _ = self.items.send(item);
        }
    }
}

impl<T> Inbox<T> {
    /// Starts a task that produces up to `ahead` items ahead of the consumer.
    pub(super) fn new<F>(worker: &Worker, ahead: usize, task: impl FnOnce(Feed<T>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, items) = mpsc::channel();
        let room = Arc::new(Semaphore::new(ahead));
        let feed = Feed {
            items: sender,
            room: Arc::clone(&room),
        };
        Inbox {
            items: Mutex::new(items),
            room,
            task: worker.spawn(task(feed)),
            worker: worker.clone(),
        }
    }

    /// The next item, or `None` at the end.
    pub(super) fn take(&self) -> Option<T> {
        self.took(|items| items.recv().ok())
    }

    /// Waits for the next item, or `None` at the end, for at most this time.
    pub(super) fn take_within(&self, timeout: Duration) -> Poll<Option<T>> {
        let mut late = false;
        let item = self.took(|items| {
            let item = items.recv_timeout(timeout);
            late = matches!(item, Err(RecvTimeoutError::Timeout));
            item.ok()
        });
        if late {
            Poll::Pending
        } else {
            Poll::Ready(item)
        }
    }

    fn took(
        &self,
        take: impl FnOnce(&mpsc::Receiver<thread::Result<T>>) -> Option<thread::Result<T>>,
    ) -> Option<T> {
        self.worker.assert_elsewhere();
        let item = take(&self.items.lock().unwrap_or_else(PoisonError::into_inner))?;
        self.room.add_permits(1);
        Some(item.unwrap_or_else(|panic| panic::resume_unwind(panic)))
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::stream;

    use super::*;

    #[test]
    fn no_more_is_brought_than_there_is_room_for() {
        let worker = Worker::start().unwrap();
        let brought = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&brought);
        let items = stream::iter(0..).inspect(move |_| _ = count.fetch_add(1, Ordering::SeqCst));
        let inbox = Inbox::new(&worker, 4, |feed| feed.with(items));
        for taken in 0..10 {
            // Tasks that were ready before have run after this.
            worker.wait(tokio::task::yield_now());
            assert_eq!(brought.load(Ordering::SeqCst), taken + 4);
            assert_eq!(inbox.take(), Some(taken));
        }
    }
}
