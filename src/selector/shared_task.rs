//! Work that everybody who wants it at the same moment shares.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::runtime::{self, Handle};
use tokio::task::JoinHandle;

use super::lock;

/// What is under way, if anything is. A task does it: who waits for it and is dropped, or not polled,
/// holds up nobody, and the last who is dropped ends it.
pub(super) struct SharedTask<T: Clone>(Mutex<Option<UnderWay<T>>>);

/// By the runtime that drives it: one that nobody polls must not hold up the others.
type UnderWay<T> = (runtime::Id, WeakShared<Outcome<T>>);

/// `None` where the task's runtime ended first.
type Outcome<T> = BoxFuture<'static, Option<T>>;

impl<T: Clone + Send + Sync + 'static> SharedTask<T> {
    pub(super) fn new() -> Self {
        SharedTask(Mutex::new(None))
    }

    /// What the work under way comes to, or this work, where none is.
    pub(super) async fn join<F>(&self, work: impl Fn() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            if let Some(outcome) = self.joined(&work).await {
                return outcome;
            }
        }
    }

    fn joined<F>(&self, work: impl Fn() -> F) -> Shared<Outcome<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let here = Handle::current();
        let mut under_way = lock(&self.0);
        if let Some((runtime, task)) = &*under_way
            && *runtime == here.id()
            && let Some(task) = task.upgrade()
            && task.peek().is_none()
        {
            return task;
        }
        let task: Outcome<T> = Box::pin(Task(here.spawn(work())));
        let task = task.shared();
        *under_way = task.downgrade().map(|task| (here.id(), task));
        task
    }
}

/// A task that ends with whoever waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_unpin(cx).map(|ended| match ended {
            Ok(outcome) => Some(outcome),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
