//! When to reconnect after the server closed the connection: full jitter from the first delay on. Pure:
//! randomness comes in.
//!
//! ```text
//! first    U(0, W₀)
//! then     U(0, max(W, min(cap, 2 s·2^k)))      k attempts before this one failed
//! ```
//!
//! The cap is 60 s. Without a hint W₀ = 10 s and W = 0. A hint {clients, rate} says how many clients
//! reconnect together and how many handshakes per second the servers can take. Then W₀ = W =
//! 1.6·clients/rate, at most one hour, which leaves room for other load. A server's `Retry-After` comes
//! before either.
//!
//! A change of the client's own network needs no delay, because no other client changed with it.

use std::time::Duration;

/// W₀ without a hint: it spreads a million clients to 100 000 per second.
const FIRST: Duration = Duration::from_secs(10);
/// The longest window that grows with failures.
const CAP: Duration = Duration::from_secs(60);
/// The window that doubles with every failure.
const BASE: Duration = Duration::from_secs(2);

/// A factor on a hint's window, for other load and for clients that don't spread.
const HEADROOM: f64 = 1.6;

/// The longest window of a hint, and the longest `Retry-After`: a typing error must not take a service
/// down.
const LONGEST: Duration = Duration::from_secs(3600);

/// How many clients reconnect at once, as the server or the app's operator knows. See
/// `Selector::set_server_hint`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerHint {
    /// How many clients may reconnect together.
    pub clients: f64,
    /// How many handshakes per second the servers can take.
    pub rate: f64,
}

/// The backoff state of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backoff {
    failures: u32,
    hint: Option<ServerHint>,
    retry_after: Duration,
}

impl Backoff {
    /// Returns the delay before the next attempt. `since` is the time since the previous attempt
    /// failed; `u` is a uniform number, 0 ≤ u < 1.
    #[must_use]
    pub fn delay(&self, u: f64, since: Duration) -> Duration {
        let spread = self.hint.and_then(|hint| {
            let seconds = HEADROOM * hint.clients / hint.rate;
            let bounded = seconds.min(LONGEST.as_secs_f64());
            (seconds > 0.0).then(|| Duration::from_secs_f64(bounded))
        });
        let window = match self.failures {
            0 => spread.unwrap_or(FIRST),
            k => {
                let doubled = BASE.saturating_mul(1 << k.min(16)).min(CAP);
                doubled.max(spread.unwrap_or_default())
            }
        };
        self.retry_after.saturating_sub(since) + window.mul_f64(u.clamp(0.0, 1.0))
    }

    /// Returns how long a server asked clients to wait, from the failure on.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// Records a failed attempt, with the server's `Retry-After` if there was one.
    pub fn failed(&mut self, retry_after: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        self.retry_after = retry_after.unwrap_or_default().min(LONGEST);
    }

    /// Records a success or a change of network: everything but the hint is forgotten.
    pub fn reset(&mut self) {
        *self = Backoff {
            hint: self.hint,
            ..Backoff::default()
        };
    }

    /// Sets the hint.
    pub fn set_hint(&mut self, hint: Option<ServerHint>) {
        self.hint = hint;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hinted(clients: f64, rate: f64) -> Backoff {
        let mut backoff = Backoff::default();
        backoff.set_hint(Some(ServerHint { clients, rate }));
        backoff
    }

    /// The windows in seconds of this many attempts, all of which fail.
    fn windows(mut backoff: Backoff, attempts: usize) -> Vec<u64> {
        let window = |_| {
            let window = backoff.delay(1.0, Duration::ZERO).as_secs();
            backoff.failed(None);
            window
        };
        (0..attempts).map(window).collect()
    }

    #[test]
    fn delays_are_fully_jittered_and_capped() {
        let all = windows(Backoff::default(), 8);
        assert_eq!(all, [10, 4, 8, 16, 32, 60, 60, 60]);
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(0.0, Duration::ZERO), Duration::ZERO);
        assert_eq!(
            backoff.delay(0.25, Duration::ZERO),
            Duration::from_millis(2_500)
        );
    }

    #[test]
    fn a_success_forgets_all_but_the_hint() {
        let mut backoff = hinted(1e6, 5e4);
        backoff.failed(Some(Duration::from_secs(30)));
        backoff.reset();
        assert_eq!(backoff, hinted(1e6, 5e4));
    }

    #[test]
    fn a_hint_spreads_all_attempts() {
        assert_eq!(windows(hinted(1e6, 5e4), 7), [32, 32, 32, 32, 32, 60, 60]);
    }

    #[test]
    fn a_refusal_s_wish_comes_first() {
        let mut backoff = hinted(1e6, 5e4);
        backoff.failed(Some(Duration::from_secs(30)));
        let at = |u, since| backoff.delay(u, Duration::from_secs(since)).as_secs();
        assert_eq!((at(0.0, 0), at(1.0, 0)), (30, 62));
        assert_eq!((at(0.0, 20), at(0.0, 40)), (10, 0));
    }

    #[test]
    fn a_wrong_hint_is_bounded_or_ignored() {
        let window = |clients, rate| hinted(clients, rate).delay(1.0, Duration::ZERO);
        assert_eq!(window(1e12, 1.0), LONGEST);
        for (clients, rate) in [(-1.0, 1.0), (0.0, 1.0), (f64::NAN, 1.0), (0.0, 0.0)] {
            assert_eq!(window(clients, rate), FIRST, "{clients} {rate}");
        }
        let mut told = Backoff::default();
        told.failed(Some(Duration::MAX));
        assert_eq!(told.retry_after(), LONGEST);
        // With a rate of zero the window is the longest.
        assert_eq!(window(1.0, 0.0), LONGEST);
    }
}
