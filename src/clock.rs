//! Moments that are kept or compared over days: a wall clock that never runs backwards.
//!
//! Durations are measured with [`tokio::time::Instant`]; this is for what is remembered. The wall
//! clock is read once, and moves on with the monotonic one, so that somebody setting the clock
//! changes nothing, and paused time moves it too.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// A moment in wall-clock time, to the millisecond.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Timestamp(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    #[must_use]
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment so much later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(millis))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Timestamp(u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX))
    }
}

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
