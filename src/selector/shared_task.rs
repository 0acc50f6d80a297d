//! Work that everybody who wants it at the same moment shares.

use std::sync::Mutex;

use futures::FutureExt;
use futures::future::{Shared, WeakShared};
use tokio::runtime::{self, Handle};

use super::lock;
use super::own_task::OwnTask;

/// What is under way, if anything is. A task does it: who waits for it and is dropped, or not polled,
/// holds up nobody, and the last who is dropped ends it.
pub(super) struct SharedTask<T: Clone>(Mutex<Option<UnderWay<T>>>);

/// By the runtime that drives it: one that nobody polls must not hold up the others.
type UnderWay<T> = (runtime::Id, WeakShared<OwnTask<T>>);

impl<T: Clone + Send + Sync + 'static> SharedTask<T> {
    pub(super) fn new() -> Self {
        SharedTask(Mutex::new(None))
    }

    /// What the work under way comes to, or this work, where none is.
    pub(super) async fn join<F>(&self, work: impl Fn() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        match self.joined(&work).await {
            Some(outcome) => outcome,
            // The runtime ended: nobody shares it then.
            None => work().await,
        }
    }

    fn joined<F>(&self, work: impl Fn() -> F) -> Shared<OwnTask<T>>
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
        let task = OwnTask(here.spawn(work())).shared();
        *under_way = task.downgrade().map(|task| (here.id(), task));
        task
    }
}
