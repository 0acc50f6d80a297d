//! Which attempt to start when: a pure state machine. `now` comes in, actions come out.
//!
//! An attempt has two stages, *dial* (TCP, three packets) and *handshake* (TLS and upgrade, 4 kB
//! and CPU on both sides). The finish line is a whole handshake, never TCP alone: a transparent
//! proxy answers TCP within a millisecond.
//!
//! The cold-start schedule: two starts 20 ms apart on different hosts, then one every 100 ms
//! (RFC 8305 §8's minimum for a fixed delay), families and hosts alternating (§4 extended to
//! hosts). A failure starts the next at once. At most five are in flight; when all five are silent,
//! a further one replaces the one that has been silent longest.

use std::time::Duration;

use tokio::time::Instant;

use crate::resolve::Family;

/// The second start comes early: the first host may be the slow or dead one of two.
const SECOND_START: Duration = Duration::from_millis(20);

/// RFC 8305 §8: a connection attempt delay must not be below 100 ms when it is fixed.
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);

/// More in flight only takes bandwidth from those under way.
const MAX_IN_FLIGHT: usize = 5;

/// An acceleration node has 1 Mbps by default: 40 ms for one handshake of 5 kB.
const MAX_ACCELERATED: usize = 2;

/// Linux repeats an unanswered SYN after 1 s: by then it was lost, or the path is dead. Doubles
/// with every five replacements, or a network slower than this could never be used.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the machine knows of a candidate; candidates are numbered in the order they are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entrant {
    /// Any number that tells hosts apart.
    pub(crate) host: usize,
    pub(crate) family: Family,
    /// Smaller starts earlier, where hosts and families leave a choice.
    pub(crate) order: usize,
    /// Starts after all others: an address at which only a proxy or a hijacker can answer.
    pub(crate) last_resort: bool,
    /// An acceleration node: little bandwidth, so few at a time.
    pub(crate) accelerated: bool,
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Open a byte stream to this candidate.
    Dial(usize),
    /// Its byte stream is there: go on with TLS and the upgrade.
    Handshake(usize),
    /// Give this one up.
    Cancel(usize),
    /// Nothing until then, unless something happens.
    WaitUntil(Instant),
    /// Nothing until something happens.
    Wait,
    /// Nothing is under way, and nothing is left to try.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Dialling(Instant),
    Dialled(Instant),
    Handshaking(Instant),
    Over,
}

#[derive(Debug)]
pub(crate) struct Race {
    entrants: Vec<(Entrant, State)>,
    more_to_come: bool,
    started: usize,
    replaced: usize,
    last: Option<Entrant>,
    next_start: Option<Instant>,
    width: usize,
}

impl Race {
    /// A race whose candidates arrive while names are looked up.
    pub(crate) fn new() -> Self {
        Race {
            entrants: Vec::new(),
            more_to_come: true,
            started: 0,
            replaced: 0,
            last: None,
            next_start: None,
            width: MAX_IN_FLIGHT,
        }
    }

    /// Adds a candidate; its number.
    pub(crate) fn add(&mut self, entrant: Entrant) -> usize {
        self.entrants.push((entrant, State::Waiting));
        self.entrants.len() - 1
    }

    /// All names are looked up: no further candidate will come.
    pub(crate) fn no_more(&mut self) {
        self.more_to_come = false;
    }

    /// The candidate's byte stream is open.
    pub(crate) fn dialled(&mut self, candidate: usize, now: Instant) {
        self.entrants[candidate].1 = State::Dialled(now);
    }

    /// The candidate failed, in either stage. The next may start at once.
    pub(crate) fn failed(&mut self, candidate: usize, now: Instant) {
        self.entrants[candidate].1 = State::Over;
        self.next_start = Some(now);
    }

    /// What to do at `now`. Call until it says to wait.
    pub(crate) fn next(&mut self, now: Instant) -> Action {
        let dialled = |(_, state): &(Entrant, State)| matches!(state, State::Dialled(_));
        if let Some(candidate) = self.entrants.iter().position(dialled) {
            self.entrants[candidate].1 = State::Handshaking(now);
            return Action::Handshake(candidate);
        }
        let Some(candidate) = self.choose() else {
            return match (self.in_flight(), self.more_to_come) {
                (0, false) => Action::GiveUp,
                _ => Action::Wait,
            };
        };
        if let Some(at) = self.next_start.filter(|at| *at > now) {
            return Action::WaitUntil(at);
        }
        if self.in_flight() >= self.width {
            let Some((laggard, since)) = self.laggard() else {
                return Action::Wait;
            };
            let until = since + self.patience();
            if until > now {
                return Action::WaitUntil(until);
            }
            self.replaced += 1;
            self.entrants[laggard].1 = State::Over;
            return Action::Cancel(laggard);
        }
        self.started += 1;
        let delay = if self.started == 1 {
            SECOND_START
        } else {
            ATTEMPT_DELAY
        };
        self.next_start = Some(now + delay);
        self.last = Some(self.entrants[candidate].0);
        self.entrants[candidate].1 = State::Dialling(now);
        Action::Dial(candidate)
    }

    /// The planned delay of the n-th start (from 0) if nothing fails.
    pub(crate) fn planned_delay(n: usize) -> Duration {
        match n {
            0 => Duration::ZERO,
            n => SECOND_START + ATTEMPT_DELAY * u32::try_from(n - 1).unwrap_or(u32::MAX),
        }
    }

    /// The order in which the candidates would start if none failed and none were replaced.
    pub(crate) fn order(mut self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.entrants.len());
        while let Some(candidate) = self.choose() {
            self.last = Some(self.entrants[candidate].0);
            self.entrants[candidate].1 = State::Over;
            order.push(candidate);
        }
        order
    }

    fn in_flight(&self) -> usize {
        self.flying().count()
    }

    fn flying(&self) -> impl Iterator<Item = &Entrant> {
        let flying =
            |(_, state): &&(Entrant, State)| !matches!(state, State::Waiting | State::Over);
        self.entrants
            .iter()
            .filter(flying)
            .map(|(entrant, _)| entrant)
    }

    /// The waiting candidate to start next: on another host than the last one, then of another
    /// family, then by its order.
    fn choose(&self) -> Option<usize> {
        let accelerated = self.flying().filter(|one| one.accelerated).count();
        self.entrants
            .iter()
            .enumerate()
            .filter(|(_, (_, state))| *state == State::Waiting)
            .filter(|(_, (entrant, _))| !entrant.accelerated || accelerated < MAX_ACCELERATED)
            .min_by_key(|(number, (entrant, _))| {
                let same_host = self.last.is_some_and(|last| last.host == entrant.host);
                let same_family = self.last.is_some_and(|last| last.family == entrant.family);
                (
                    entrant.last_resort,
                    same_host,
                    same_family,
                    entrant.order,
                    *number,
                )
            })
            .map(|(number, _)| number)
    }

    fn patience(&self) -> Duration {
        PATIENCE
            * 2u32.saturating_pow(
                u32::try_from(self.replaced / self.width)
                    .unwrap_or(8)
                    .min(8),
            )
    }

    /// Who has been silent longest, and since when. A handshake has two round trips to go where a
    /// dial has one.
    fn laggard(&self) -> Option<(usize, Instant)> {
        self.entrants
            .iter()
            .enumerate()
            .filter_map(|(number, (_, state))| match state {
                State::Dialling(since) => Some((number, *since)),
                State::Handshaking(since) => Some((number, *since + self.patience())),
                _ => None,
            })
            .min_by_key(|(_, since)| *since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn entrant(host: usize, family: Family, order: usize) -> Entrant {
        Entrant {
            host,
            family,
            order,
            last_resort: false,
            accelerated: false,
        }
    }

    /// A race among candidates of (host, family); its beginning.
    fn race(entrants: &[(usize, Family)]) -> (Race, Instant) {
        let mut race = Race::new();
        for (order, &(host, family)) in entrants.iter().enumerate() {
            race.add(entrant(host, family, order));
        }
        race.no_more();
        (race, Instant::now())
    }

    use Family::{V4, V6};

    #[test]
    fn starts_follow_the_plan_and_alternate_hosts() {
        let (mut race, t) = race(&[(0, V4), (0, V4), (1, V4), (1, V4)]);
        assert_eq!(race.next(t), Action::Dial(0));
        assert_eq!(race.next(t), Action::WaitUntil(t + ms(20)));
        assert_eq!(race.next(t + ms(20)), Action::Dial(2));
        assert_eq!(race.next(t + ms(20)), Action::WaitUntil(t + ms(120)));
        assert_eq!(race.next(t + ms(120)), Action::Dial(1));
        assert_eq!(race.next(t + ms(220)), Action::Dial(3));
        assert_eq!(race.next(t + ms(220)), Action::Wait);
        for n in 0..4 {
            let plan = [0, 20, 120, 220];
            assert_eq!(Race::planned_delay(n), ms(plan[n]));
        }
    }

    #[test]
    fn families_alternate_on_one_host() {
        let (mut race, t) = race(&[(0, V6), (0, V6), (0, V4)]);
        assert_eq!(race.next(t), Action::Dial(0));
        assert_eq!(race.next(t + ms(20)), Action::Dial(2));
        assert_eq!(race.next(t + ms(120)), Action::Dial(1));
    }

    #[test]
    fn a_failure_starts_the_next_at_once() {
        let (mut race, t) = race(&[(0, V4), (1, V4), (2, V4)]);
        assert_eq!(race.next(t), Action::Dial(0));
        race.failed(0, t + ms(5));
        assert_eq!(race.next(t + ms(5)), Action::Dial(1));
        assert_eq!(race.next(t + ms(5)), Action::WaitUntil(t + ms(105)));
        race.failed(1, t + ms(6));
        assert_eq!(race.next(t + ms(6)), Action::Dial(2));
        race.failed(2, t + ms(7));
        assert_eq!(race.next(t + ms(7)), Action::GiveUp);
    }

    #[test]
    fn a_dialled_candidate_goes_on_before_anything_else() {
        let (mut race, t) = race(&[(0, V4), (1, V4)]);
        assert_eq!(race.next(t), Action::Dial(0));
        race.dialled(0, t + ms(20));
        assert_eq!(race.next(t + ms(20)), Action::Handshake(0));
        assert_eq!(race.next(t + ms(20)), Action::Dial(1));
    }

    #[test]
    fn the_sixth_replaces_the_one_silent_longest() {
        let six: Vec<_> = (0..6).map(|host| (host, V4)).collect();
        let (mut race, t) = race(&six);
        for n in 0..5 {
            assert_eq!(race.next(t + Race::planned_delay(n)), Action::Dial(n));
        }
        assert_eq!(race.next(t + ms(420)), Action::WaitUntil(t + ms(1000)));
        assert_eq!(race.next(t + ms(1000)), Action::Cancel(0));
        assert_eq!(race.next(t + ms(1000)), Action::Dial(5));
        assert_eq!(race.next(t + ms(1000)), Action::Wait);
    }

    #[test]
    fn a_last_resort_waits_for_all_others() {
        let mut race = Race::new();
        race.add(Entrant {
            last_resort: true,
            ..entrant(0, V4, 0)
        });
        race.add(entrant(1, V4, 1));
        race.add(entrant(1, V4, 2));
        assert_eq!(race.order(), [1, 2, 0]);
    }

    #[test]
    fn acceleration_nodes_are_tried_two_at_a_time() {
        let mut race = Race::new();
        for host in 0..3 {
            race.add(Entrant {
                accelerated: true,
                ..entrant(host, V4, host)
            });
        }
        race.no_more();
        let t = Instant::now();
        assert_eq!(race.next(t), Action::Dial(0));
        assert_eq!(race.next(t + ms(20)), Action::Dial(1));
        assert_eq!(race.next(t + ms(500)), Action::Wait);
        race.failed(0, t + ms(600));
        assert_eq!(race.next(t + ms(600)), Action::Dial(2));
    }

    #[test]
    fn candidates_may_come_late() {
        let mut race = Race::new();
        let t = Instant::now();
        assert_eq!(race.next(t), Action::Wait);
        let late = entrant(0, V4, 0);
        assert_eq!(race.add(late), 0);
        assert_eq!(race.next(t + ms(70)), Action::Dial(0));
        race.failed(0, t + ms(80));
        assert_eq!(race.next(t + ms(80)), Action::Wait);
        race.no_more();
        assert_eq!(race.next(t + ms(80)), Action::GiveUp);
    }

    #[test]
    fn patience_grows_so_that_slow_networks_work() {
        let many: Vec<_> = (0..40).map(|host| (host, V4)).collect();
        let (mut race, t) = race(&many);
        let (mut now, mut cancelled) = (t, Vec::new());
        while now < t + Duration::from_secs(15) {
            match race.next(now) {
                Action::Cancel(_) => cancelled.push(now - t),
                Action::WaitUntil(at) => now = at,
                Action::Dial(_) => {}
                other => panic!("{other:?}"),
            }
        }
        // 5 after 1 s, 5 after 2 s more, 5 after 4 s more, 5 after 8 s more.
        assert!((15..=20).contains(&cancelled.len()), "{cancelled:?}");
    }
}
