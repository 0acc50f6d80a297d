//! A wall clock that never runs backwards, for moments that are stored or compared over days.
//!
//! The wall clock is read once and then advances with the monotonic [`tokio::time::Instant`]. So setting
//! the system's clock has no effect, and tokio's paused time works in tests.

use std::time::Duration;

use easelect_engine::timestamp::Timestamp;
use tokio::time::Instant;

/// If the wall clock gains more than this on the monotonic clock, the machine slept. NTP steps are far
/// smaller, and a sleep that affects the network is longer.
const SLEPT: Duration = Duration::from_secs(30);

/// A source of [`Timestamp`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    anchor: Timestamp,
    at: Instant,
}

impl Clock {
    /// A clock that shows `anchor` now.
    pub(crate) fn starting_at(anchor: Timestamp) -> Self {
        Clock {
            anchor,
            at: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.anchor.after(self.at.elapsed())
    }

    /// Whether the time is plausible: a device without a clock battery starts in 1970.
    pub(crate) fn is_sane(&self) -> bool {
        /// 2026-01-01, before the first release.
        const RELEASED: Timestamp = Timestamp::from_millis(1_767_225_600_000);
        self.now() >= RELEASED
    }

    /// Returns how long the machine slept since the clock was set, if it did, and then continues from
    /// `wall`.
    pub(crate) fn wake(&mut self, wall: Timestamp) -> Option<Duration> {
        let ahead = wall.since(self.now());
        if ahead <= SLEPT {
            return None;
        }
        *self = Clock::starting_at(wall);
        Some(ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_moves_with_paused_time_and_notices_sleep() {
        let start = Timestamp::from_millis(1_700_000_000_000);
        let mut clock = Clock::starting_at(start);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().since(start), Duration::from_secs(3600));
        // A wall clock that is behind, or slightly ahead, was set by hand or by NTP.
        assert_eq!(clock.wake(start), None);
        assert_eq!(clock.wake(clock.now().after(Duration::from_secs(20))), None);
        let wall = clock.now().after(Duration::from_secs(600));
        assert_eq!(clock.wake(wall), Some(Duration::from_secs(600)));
        assert_eq!(clock.now(), wall);
        assert_eq!(start.since(wall), Duration::ZERO);
    }
}
