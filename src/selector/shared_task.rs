//! Work that concurrent callers share.

use std::sync::Mutex;

use futures::FutureExt;
use futures::future::{Shared, WeakShared};
use tokio::runtime::{self, Handle};

use super::lock;
use super::own_task::OwnTask;

/// The work under way, if any. A task does it, so a caller that is dropped or not polled doesn't delay
/// the others. The task is aborted when the last caller is dropped.
pub(super) struct SharedTask<T: Clone>(Mutex<Option<UnderWay<T>>>);

/// With the runtime that drives it: callers on another runtime start their own, because this one may
/// not be polled.
type UnderWay<T> = (runtime::Id, WeakShared<OwnTask<T>>);

impl<T: Clone + Send + Sync + 'static> SharedTask<T> {
    pub(super) fn new() -> Self {
        SharedTask(Mutex::new(None))
    }

    /// Joins the work under way, or starts it.
    pub(super) async fn join<F>(&self, work: impl Fn() -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        match self.joined(&work).await {
            Some(outcome) => outcome,
            // The runtime ended, so the work is done here.
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
