//! Times with fractions of a millisecond, on timers of whole milliseconds.
//!
//! Tokio's timers round up. Over four legs that each start on a whole millisecond, that would add about
//! 2 ms to a median of 110 ms. Here, a leg starts at the exact time of the event that caused it and ends on
//! the nearest millisecond. So tokio's clock is off by at most half a millisecond after any number of legs,
//! and early as often as late.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;

/// The time since the start of an event.
#[derive(Debug)]
pub(super) struct Moments {
    began: Instant,
    /// The exact time at which the last leg ended.
    last_ms: Mutex<f64>,
}

impl Moments {
    pub(super) fn from_now() -> Self {
        Moments {
            began: Instant::now(),
            last_ms: Mutex::new(0.0),
        }
    }

    /// Returns the exact time now: that of the last leg's end, if tokio's clock shows the same millisecond.
    pub(super) fn now_ms(&self) -> f64 {
        let whole_ms = self.began.elapsed().as_millis() as f64;
        let last_ms = *lock(&self.last_ms);
        if last_ms.round() == whole_ms {
            last_ms
        } else {
            whole_ms
        }
    }

    /// Waits for a leg that starts now and takes `ms`.
    pub(super) async fn pass(&self, ms: f64) {
        self.reach(self.now_ms() + ms).await;
    }

    /// Waits until a time. Returns at once if it has passed.
    pub(super) async fn reach(&self, at_ms: f64) {
        if at_ms <= self.now_ms() {
            return;
        }
        let whole = Duration::from_millis(at_ms.round() as u64);
        tokio::time::sleep_until(self.began + whole).await;
        *lock(&self.last_ms) = at_ms;
    }
}
