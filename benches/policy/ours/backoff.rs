//! When to connect again after the other side closed: full jitter from the first delay on.
//!
//! ```text
//! first    U(0, W₀)
//! then     U(0, max(W, min(cap, 2 s·2^k)))      k attempts before this one failed
//! ```
//!
//! Without a hint W₀ = 10 s, cap = 60 s and W = 0. A hint {clients, rate} says how many will come
//! back together and how many handshakes a second the servers can take: W₀ = W =
//! 1.6·clients/rate, so that they meet at most 63 % of what they can. A restarting server sees a
//! tenth of what it sees from clients that all come within a second (`herd` has the figures).
//!
//! A change of the client's own network is no reason to wait: nobody else changed with it.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(10);
const CAP: Duration = Duration::from_secs(60);
const BASE: Duration = Duration::from_secs(2);

/// Other load, and clients that do not spread.
const HEADROOM: f64 = 1.6;

/// No hint makes clients wait longer than this: a typing error must not take a service down.
const LONGEST: Duration = Duration::from_secs(3600);

/// How many come back together, and how many a second can be served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hint {
    pub(crate) clients: f64,
    pub(crate) rate_per_second: f64,
}

/// The delays before the attempts of one reconnection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    least: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(hint: Option<Hint>) -> Self {
        let spread = hint.and_then(|hint| {
            let seconds = HEADROOM * hint.clients / hint.rate_per_second;
            Duration::try_from_secs_f64(seconds).ok()
        });
        let spread = spread.map(|spread| spread.min(LONGEST));
        Backoff {
            first: spread.unwrap_or(FIRST),
            least: spread.unwrap_or_default(),
            attempts: 0,
        }
    }

    /// How long to wait before the next attempt. `u` is a uniform number, 0 ≤ u < 1.
    pub(crate) fn delay(&mut self, u: f64) -> Duration {
        let window = match self.attempts {
            0 => self.first,
            k => BASE.saturating_mul(1 << k.min(16)).min(CAP).max(self.least),
        };
        self.attempts = self.attempts.saturating_add(1);
        window.mul_f64(u.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(backoff: &mut Backoff) -> f64 {
        backoff.delay(1.0).as_secs_f64()
    }

    #[test]
    fn windows_without_a_hint() {
        let mut backoff = Backoff::new(None);
        let windows: Vec<f64> = (0..8).map(|_| seconds(&mut backoff)).collect();
        assert_eq!(windows, [10.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
        assert_eq!(Backoff::new(None).delay(0.25), Duration::from_millis(2_500));
    }

    #[test]
    fn a_hint_spreads_all_attempts() {
        let hint = Hint {
            clients: 1e6,
            rate_per_second: 5e4,
        };
        let mut backoff = Backoff::new(Some(hint));
        let windows: Vec<f64> = (0..7).map(|_| seconds(&mut backoff)).collect();
        assert_eq!(windows, [32.0, 32.0, 32.0, 32.0, 32.0, 60.0, 60.0]);
    }

    #[test]
    fn a_wrong_hint_is_bounded_or_ignored() {
        let hint = |clients, rate_per_second| {
            let hint = Some(Hint {
                clients,
                rate_per_second,
            });
            seconds(&mut Backoff::new(hint))
        };
        assert_eq!(hint(1e12, 1.0), 3600.0);
        assert_eq!(hint(-1.0, 1.0), 10.0);
        assert_eq!(hint(1.0, 0.0), 10.0);
        assert_eq!(hint(f64::NAN, 1.0), 10.0);
    }
}
