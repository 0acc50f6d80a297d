//! Runs handshakes whose verifier may block, on threads that may be blocked.
//!
//! rustls calls a verifier while a handshake is polled, and waits for it. On Windows, macOS and
//! Android the verifier may meanwhile fetch revocation data or an intermediate certificate. Each poll
//! runs on a blocking thread; between polls the handshake occupies none, and dropping the future
//! cancels it.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;
use tokio::task::spawn_blocking;

/// Notified when the handshake can be polled again.
#[derive(Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Runs a handshake to its result.
pub(super) async fn off_thread<F>(handshake: F) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut handshake = Box::pin(handshake);
    let woken = Arc::new(Woken::default());
    loop {
        let waker = Waker::from(Arc::clone(&woken));
        let polled = spawn_blocking(move || {
            let polled = handshake.as_mut().poll(&mut Context::from_waker(&waker));
            (polled, handshake)
        });
        handshake = match polled.await {
            Ok((Poll::Ready(ended), _)) => return ended,
            Ok((Poll::Pending, handshake)) => handshake,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => std::future::pending().await,
            },
        };
        woken.0.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use tokio::task::yield_now;

    use super::*;

    /// The runtime has one thread, which stays responsive while the handshake's second poll blocks.
    #[tokio::test]
    async fn what_blocks_holds_up_no_one() {
        let (answers, answer) = channel();
        let blocks = async move {
            yield_now().await;
            answer.recv_timeout(Duration::from_secs(20))
        };
        let other = async {
            yield_now().await;
            yield_now().await;
            answers.send(()).unwrap();
        };
        let (answered, ()) = tokio::join!(off_thread(blocks), other);
        assert_eq!(answered, Ok(()));
    }
}
