//! When a SYN was unanswered for long enough: by what answered meanwhile in the same residency.
//!
//! Nothing but a connect straight to an address is judged so. A proxy's answer says nothing of what is
//! behind it, and one silent residency nothing of another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A lost SYN is sent again after a second, and that one again at 3 s (RFC 6298 §2, §5.5; Linux since
/// 6.5 also at 2 s): an address that said nothing yet gets all three.
const THIRD_SYN: Duration = Duration::from_secs(3);
/// Where the first attempt was in vain, two more are enough.
const SECOND_SYN: Duration = Duration::from_secs(1);

/// So many times the slowest answer is waited for the last SYN's. A network that loses SYNs has answers of
/// a second and more, and is given the whole time-out.
const SEVERAL: u32 = 4;
/// But so long at least: a healthy host may be much further away than the others, or behind a tunnel.
const FAR: Duration = Duration::from_secs(1);

/// What answered in one residency. Times are of the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    slowest: Duration,
    latest: Option<Duration>,
}

impl Answers {
    /// A connect that began `at` this time `took` so long.
    pub(super) fn saw(&self, at: Duration, took: Duration) {
        let mut seen = self.lock();
        seen.slowest = seen.slowest.max(took);
        seen.latest = seen.latest.max(Some(at + took));
    }

    /// How long the slowest took.
    pub(super) fn slowest(&self) -> Duration {
        self.lock().slowest
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an attempt is to make of silence.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    answers: Answers,
    /// When the first attempt at the address began, where that met nothing but silence.
    since: Option<Duration>,
}

impl Silence {
    pub(super) fn new(answers: Answers, since: Option<Duration>) -> Self {
        Silence { answers, since }
    }

    /// How long an attempt has to be silent at least, before anybody asks whether that is enough.
    pub(super) fn least(&self) -> Duration {
        self.last_syn() + FAR
    }

    /// How long an attempt that `began` then has to be silent; for ever where nothing answered since the
    /// silence at this address began, as when the whole network is down.
    pub(super) fn enough(&self, began: Duration) -> Option<Duration> {
        let slowest = self.slowest_since(began)?;
        Some(self.last_syn() + (SEVERAL * slowest).max(FAR))
    }

    /// After which the run goes on with other things beside an attempt that `began` then: it may still be
    /// answered, and is no load.
    pub(super) fn presumed(&self, began: Duration) -> Option<Duration> {
        let slowest = self.slowest_since(began)?;
        Some(SECOND_SYN + SEVERAL * slowest)
    }

    /// The slowest answer, if there was any since the silence began.
    fn slowest_since(&self, began: Duration) -> Option<Duration> {
        let seen = self.answers.lock();
        let alive = seen.latest? >= self.since.unwrap_or(began);
        alive.then_some(seen.slowest)
    }

    fn last_syn(&self) -> Duration {
        match self.since {
            None => THIRD_SYN,
            Some(_) => SECOND_SYN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn silence_is_measured_by_what_answers_meanwhile() {
        let answers = Answers::default();
        let first = Silence::new(answers.clone(), None);
        let second = Silence::new(answers.clone(), Some(ms(100)));
        // Nothing answered: nobody knows.
        assert_eq!(
            (first.enough(ms(100)), second.enough(ms(5100))),
            (None, None)
        );
        // What answered before the silence may have been another network.
        answers.saw(ms(50), ms(20));
        assert_eq!(
            (first.enough(ms(100)), second.enough(ms(5100))),
            (None, None)
        );
        // A nearby box that answers for some says little of how far the others are.
        answers.saw(ms(150), ms(2));
        assert_eq!(first.enough(ms(100)), Some(ms(4000)));
        assert_eq!(second.enough(ms(5100)), Some(ms(2000)));
        assert_eq!(first.presumed(ms(100)), Some(ms(1080)));
        // Far away, or a spike at first, or a network that loses SYNs.
        answers.saw(ms(150), ms(1030));
        assert_eq!(first.enough(ms(100)), Some(ms(7120)));
        assert_eq!(second.enough(ms(5100)), Some(ms(5120)));
        assert!(first.least() <= ms(4000) && second.least() <= ms(2000));
    }
}
