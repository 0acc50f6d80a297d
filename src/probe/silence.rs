//! Decides when a SYN has been unanswered for long enough, by what else in the same residency answers
//! meanwhile.
//!
//! This applies only to direct connects. A proxy's answer says nothing about what is behind it, and
//! one residency's silence says nothing about another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When the third SYN is sent: a lost SYN is repeated after 1 s and at 3 s (RFC 6298 §2, §5.5; Linux
/// since 6.5 also at 2 s). An address's first attempt waits for all three.
const THIRD_SYN: Duration = Duration::from_secs(3);
/// When the second SYN is sent, enough if an earlier attempt was in vain.
const SECOND_SYN: Duration = Duration::from_secs(1);

/// The wait after the last SYN, in multiples of the slowest answer. A network that loses SYNs has
/// answers of 1 s and more, so attempts there last until the timeout.
const SEVERAL: u32 = 4;
/// The least wait after the last SYN: a healthy host may be much further away than the others, or
/// behind a tunnel.
const FAR: Duration = Duration::from_secs(1);

/// The answers in one residency. Times are relative to the start of the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    slowest: Duration,
    latest: Option<Duration>,
}

impl Answers {
    /// Records a connect that began `at` and `took` this long.
    pub(super) fn saw(&self, at: Duration, took: Duration) {
        let mut seen = self.lock();
        seen.slowest = seen.slowest.max(took);
        seen.latest = seen.latest.max(Some(at + took));
    }

    /// The duration of the slowest.
    pub(super) fn slowest(&self) -> Duration {
        self.lock().slowest
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an attempt may be silent.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    answers: Answers,
    /// The start of the first attempt at the address, if it met only silence.
    since: Option<Duration>,
}

impl Silence {
    pub(super) fn new(answers: Answers, since: Option<Duration>) -> Self {
        Silence { answers, since }
    }

    /// The least silence before asking whether it is enough.
    pub(super) fn least(&self) -> Duration {
        self.last_syn() + FAR
    }

    /// The silence after which an attempt that began at this time is abandoned. `None` if nothing has
    /// answered since the silence at this address began, as when the whole network is down.
    pub(super) fn enough(&self, began: Duration) -> Option<Duration> {
        let slowest = self.slowest_since(began)?;
        Some(self.last_syn() + (SEVERAL * slowest).max(FAR))
    }

    /// The silence after which the run continues with other work. The attempt may still be answered,
    /// and causes no load.
    pub(super) fn presumed(&self, began: Duration) -> Option<Duration> {
        let slowest = self.slowest_since(began)?;
        Some(SECOND_SYN + SEVERAL * slowest)
    }

    /// The slowest answer, if any arrived since the silence began.
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
        // Nothing answered yet.
        assert_eq!(
            (first.enough(ms(100)), second.enough(ms(5100))),
            (None, None)
        );
        // An answer before the silence may have come over another network.
        answers.saw(ms(50), ms(20));
        assert_eq!(
            (first.enough(ms(100)), second.enough(ms(5100))),
            (None, None)
        );
        // A nearby middlebox that answers for some hosts says little about how far the others are.
        answers.saw(ms(150), ms(2));
        assert_eq!(first.enough(ms(100)), Some(ms(4000)));
        assert_eq!(second.enough(ms(5100)), Some(ms(2000)));
        assert_eq!(first.presumed(ms(100)), Some(ms(1080)));
        // A distant host, an initial spike, or a network that loses SYNs.
        answers.saw(ms(150), ms(1030));
        assert_eq!(first.enough(ms(100)), Some(ms(7120)));
        assert_eq!(second.enough(ms(5100)), Some(ms(5120)));
        assert!(first.least() <= ms(4000) && second.least() <= ms(2000));
    }
}
