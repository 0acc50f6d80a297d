//! Times DNS lookups from when they begin, not from when they were requested.
//!
//! A resolver may limit how many lookups run at once. The code that times a lookup must know when it really
//! began, even if other resolvers are wrapped around the one that waits. So a lookup reports its state
//! through a thread-local variable while it is polled.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures::channel::oneshot::Canceled;
use tokio::time::{Instant, timeout};

use super::Resolved;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// The state that a lookup reports while it is polled.
#[derive(Clone, Copy)]
enum Told {
    Waits,
    Began(Instant),
}

thread_local! {
    static TOLD: Cell<Option<Told>> = const { Cell::new(None) };
}

/// Waits until a lookup begins, and reports that to the code that times it.
pub(crate) async fn beginning(begins: impl Future<Output = Result<Instant, Canceled>>) {
    let mut begins = pin!(begins);
    poll_fn(|cx| {
        let polled = begins.as_mut().poll(cx);
        match polled {
            Poll::Pending => TOLD.set(Some(Told::Waits)),
            Poll::Ready(Ok(at)) => TOLD.set(Some(Told::Began(at))),
            Poll::Ready(Err(_)) => {}
        }
        polled.map(|_| ())
    })
    .await;
}

/// Waits until a lookup has begun. Returns when that was, and its result if it has already ended.
pub(crate) async fn begun<F: Future + ?Sized>(
    mut look_up: Pin<&mut F>,
) -> (Instant, Option<F::Output>) {
    let asked = Instant::now();
    poll_fn(|cx| {
        TOLD.set(None);
        let ended = match look_up.as_mut().poll(cx) {
            Poll::Ready(ended) => Some(ended),
            Poll::Pending => None,
        };
        match (ended, TOLD.get()) {
            (None, Some(Told::Waits)) => Poll::Pending,
            (ended, Some(Told::Began(at))) => Poll::Ready((at.max(asked), ended)),
            (ended, _) => Poll::Ready((asked, ended)),
        }
    })
    .await
}

/// Runs a lookup with a timeout of `patience` until it begins, and again until it ends, but of `in_all` for
/// both. Returns the result and the time from its beginning.
pub(crate) async fn timed(
    look_up: impl Future<Output = Result<Resolved, Failure>>,
    patience: Duration,
    in_all: Duration,
) -> (Result<Resolved, Failure>, Duration) {
    let asked = Instant::now();
    let mut look_up = pin!(look_up);
    let Ok((began, ended)) = timeout(patience.min(in_all), begun(look_up.as_mut())).await else {
        let failure = Failure::new(Phase::Resolve, FailureKind::OutOfResources);
        let why = "too many DNS lookups are unanswered";
        return (Err(failure.with_message(why)), Duration::ZERO);
    };
    let left = patience.min(in_all.saturating_sub(began - asked));
    let said = match ended {
        Some(said) => said,
        None => timeout(left.saturating_sub(began.elapsed()), look_up)
            .await
            .unwrap_or_else(|_| Err(Failure::new(Phase::Resolve, FailureKind::Timeout))),
    };
    (said, began.elapsed())
}

#[cfg(test)]
mod tests {
    use futures::channel::oneshot;
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A lookup that waits for its turn, then takes some time.
    async fn told(waits: Duration, takes: Duration) -> Result<Resolved, Failure> {
        let (begins, begun) = oneshot::channel();
        let begin = async {
            sleep(waits).await;
            let _ = begins.send(Instant::now());
            std::future::pending::<()>().await;
        };
        let look_up = async {
            beginning(begun).await;
            sleep(takes).await;
            Ok(Resolved::default())
        };
        tokio::select! {
            biased;
            () = begin => unreachable!("it never ends"),
            said = look_up => said,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_is_neither_time_nor_time_out() {
        let kind = |said: &Result<Resolved, Failure>| said.as_ref().err().map(Failure::kind);
        for (waits, takes, in_all, expected, took, elapsed) in [
            (0, 3, 99, None, 3, 3),
            (0, 6, 99, Some(FailureKind::Timeout), 5, 5),
            (4, 3, 99, None, 3, 7),
            (4, 6, 99, Some(FailureKind::Timeout), 5, 9),
            (6, 3, 99, Some(FailureKind::OutOfResources), 0, 5),
            (4, 3, 5, Some(FailureKind::Timeout), 1, 5),
            (4, 3, 3, Some(FailureKind::OutOfResources), 0, 3),
        ] {
            let started = Instant::now();
            let look_up = told(waits * SECOND, takes * SECOND);
            let (said, measured) = timed(look_up, 5 * SECOND, in_all * SECOND).await;
            assert_eq!(
                (kind(&said), measured, started.elapsed()),
                (expected, took * SECOND, elapsed * SECOND),
                "{waits} {takes} {in_all}"
            );
        }
    }
}
