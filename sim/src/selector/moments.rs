//! Moments to the fraction of a millisecond, on timers of whole milliseconds.
//!
//! tokio's timers round up. Of four legs that each begin on a whole millisecond that would make
//! 2 ms, of a median of 110 ms. Here a leg begins at the very moment of what set it off, and ends
//! at the nearest millisecond: what the timers show is never more than half a millisecond off,
//! however many legs there were, and too early as often as too late.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;

/// The time since an event began.
#[derive(Debug)]
pub(super) struct Moments {
    began: Instant,
    /// When something happened last.
    last_ms: Mutex<f64>,
}

impl Moments {
    pub(super) fn from_now() -> Self {
        Moments {
            began: Instant::now(),
            last_ms: Mutex::new(0.0),
        }
    }

    /// Now: the moment of what happened last, if that is what the timers call now.
    pub(super) fn now_ms(&self) -> f64 {
        let whole_ms = self.began.elapsed().as_millis() as f64;
        let last_ms = *lock(&self.last_ms);
        if last_ms.round() == whole_ms {
            last_ms
        } else {
            whole_ms
        }
    }

    /// Waits for a leg that begins now and takes so long.
    pub(super) async fn pass(&self, ms: f64) {
        self.reach(self.now_ms() + ms).await;
    }

    /// Waits for a moment; not at all if it is over.
    pub(super) async fn reach(&self, at_ms: f64) {
        if at_ms <= self.now_ms() {
            return;
        }
        let whole = Duration::from_millis(at_ms.round() as u64);
        tokio::time::sleep_until(self.began + whole).await;
        *lock(&self.last_ms) = at_ms;
    }
}
