//! The thread with the runtime that blocking calls use.

use std::convert::Infallible;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};

use futures::FutureExt;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::Instrument;

use crate::error::{Error, ErrorKind};

const NAME: &str = "easelect-blocking";

/// Keeps the thread alive. It ends when the last clone is dropped, which doesn't block.
#[derive(Clone, Debug)]
pub(super) struct Worker(Arc<Running>);

#[derive(Debug)]
struct Running {
    runtime: Handle,
    thread: ThreadId,
    /// The thread ends when this is dropped.
    _alive: oneshot::Sender<Infallible>,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |error: io::Error| {
            let message = format!("the thread for blocking calls could not be started: {error}");
            Error::caused(ErrorKind::Runtime, &message, error)
        };
        let (alive, ended) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        // Built on the thread, because a runtime must not be dropped in a caller's async code.
        let run = move || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                // `start` is waiting for this.
                let _ = tell.send(Ok(runtime.handle().clone()));
                let _ = runtime.block_on(ended);
                // Doesn't wait for blocking tasks of an app's own resolver.
                runtime.shutdown_background();
            }
            Err(error) => _ = tell.send(Err(error)),
        };
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(run);
        let thread = thread.map_err(failed)?.thread().id();
        let runtime = told
            .recv()
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        Ok(Worker(Arc::new(Running {
            runtime: runtime.map_err(failed)?,
            thread,
            _alive: alive,
        })))
    }

    /// Spawns a task on the thread. The task must not own a worker, which would keep the thread alive
    /// for ever.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.0.runtime.spawn(task).abort_handle()
    }

    /// Runs a future on the thread and waits for its result. Its panic is resumed here.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.assert_elsewhere();
        let (done, outcome) = mpsc::channel();
        let future = AssertUnwindSafe(future.in_current_span()).catch_unwind();
        self.spawn(async move {
            // The receiver is waiting.
            let _ = done.send(future.await);
        });
        let outcome = outcome
            .recv()
            .expect("the thread lives as long as a worker");
        outcome.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Panics on the thread itself, where a blocking call would deadlock.
    pub(super) fn assert_elsewhere(&self) {
        let here = thread::current().id();
        assert_ne!(
            here, self.0.thread,
            "a blocking call on the thread {NAME} would deadlock"
        );
    }
}
