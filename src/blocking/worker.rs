//! The thread that does the work, on a runtime of its own.

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

/// Keeps the thread alive: it ends when the last clone is dropped, which waits for nothing.
#[derive(Clone, Debug)]
pub(super) struct Worker(Arc<Running>);

#[derive(Debug)]
struct Running {
    runtime: Handle,
    thread: ThreadId,
    /// The thread waits for its drop.
    _alive: oneshot::Sender<Infallible>,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |error: io::Error| {
            let message = format!("no thread for blocking calls: {error}");
            Error::caused(ErrorKind::Runtime, &message, error)
        };
        let (alive, ended) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        // Built there: one that is of no use is not to be dropped in a caller's async code.
        let run = move || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                // Whoever starts it waits for this.
                let _ = tell.send(Ok(runtime.handle().clone()));
                let _ = runtime.block_on(ended);
                // Blocking tasks of an app's own resolver must not hold it up.
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

    /// Starts a task on the thread. It must not own a worker: that would keep the thread for ever.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.0.runtime.spawn(task).abort_handle()
    }

    /// Runs this on the thread, and waits for what comes of it. A panic there is one here.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.assert_elsewhere();
        let (done, outcome) = mpsc::channel();
        let future = AssertUnwindSafe(future.in_current_span()).catch_unwind();
        self.spawn(async move {
            // Whoever waits is there.
            let _ = done.send(future.await);
        });
        let outcome = outcome
            .recv()
            .expect("the thread lives as long as a worker");
        outcome.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// A call that blocks is not made on the thread itself.
    pub(super) fn assert_elsewhere(&self) {
        let here = thread::current().id();
        assert_ne!(
            here, self.0.thread,
            "a blocking call on {NAME} would wait for itself"
        );
    }
}
