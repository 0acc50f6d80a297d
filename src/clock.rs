//! Moments that are kept or compared over days: a wall clock that never runs backwards.
//!
//! Durations are measured with [`tokio::time::Instant`]; this is for what is remembered. The wall
//! clock is read once, and moves on with the monotonic one, so that somebody setting the clock
//! changes nothing, and paused time moves it too.

use std::time::Duration;

use easelect_engine::timestamp::Timestamp;
use tokio::time::Instant;

/// The wall clock running ahead of the monotonic one by more than this means that the machine
/// slept: NTP steps are far smaller, and a suspension that matters to a network is longer.
const SLEPT: Duration = Duration::from_secs(30);

/// Reads [`Timestamp`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    anchor: Timestamp,
    at: Instant,
}

impl Clock {
    /// A clock that begins at this wall-clock time.
    pub(crate) fn starting_at(anchor: Timestamp) -> Self {
        Clock {
            anchor,
            at: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.anchor.after(self.at.elapsed())
    }

    /// Whether it can be right: a device without a battery for its clock begins in 1970.
    pub(crate) fn is_sane(&self) -> bool {
        /// 2026-01-01, before the first release.
        const RELEASED: Timestamp = Timestamp::from_millis(1_767_225_600_000);
        self.now() >= RELEASED
    }

    /// How long the machine slept since the clock was set, if it did; the clock then goes on from
    /// the wall clock's reading.
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
        // A wall clock behind, or slightly ahead, is somebody setting it.
        assert_eq!(clock.wake(start), None);
        assert_eq!(clock.wake(clock.now().after(Duration::from_secs(20))), None);
        let wall = clock.now().after(Duration::from_secs(600));
        assert_eq!(clock.wake(wall), Some(Duration::from_secs(600)));
        assert_eq!(clock.now(), wall);
        assert_eq!(start.since(wall), Duration::ZERO);
    }
}
