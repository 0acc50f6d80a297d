//! Which attempt to start when: a pure state machine. `now` comes in, actions come out.
//!
//! An attempt has two stages, *dial* (TCP, three packets) and *handshake* (TLS and upgrade, 4 kB
//! and CPU on both sides). The finish line is a whole handshake, never TCP alone: a transparent
//! proxy answers TCP within a millisecond.
//!
//! # Nothing verified yet: a cold start
//!
//! Two starts 20 ms apart on different hosts, then one every 100 ms (RFC 8305 §8's minimum for a
//! fixed delay), families and hosts alternating (§4 extended to hosts), each going on to its
//! handshake by itself.
//!
//! # Something known: a race of SYNs
//!
//! The best candidate is dialled, and with it every other that has a fair chance of turning out
//! better, since a SYN is cheap and its round trip is the best predictor of the handshake at this
//! moment. TLS starts on the established one with the least predicted rest, unless one on its way
//! is predicted to be done sooner. A handshake that exceeds its prediction is hedged on an
//! established spare, of another host if there is one. A SYN that exceeds its prediction starts a
//! further dial.
//!
//! In either, a failure starts the next at once. When as many as allowed are in flight and silent,
//! a further one replaces the one that has been silent longest.

mod choice;
mod entrant;
mod width;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::history::Prediction;

pub(crate) use entrant::Entrant;
pub(crate) use width::Width;

/// The second start comes early: the first host may be the slow or dead one of two.
const SECOND_START: Duration = Duration::from_millis(20);

/// RFC 8305 §8: a connection attempt delay must not be below 100 ms when it is fixed.
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);

/// An acceleration node has 1 Mbps by default: 40 ms for one handshake of 5 kB.
const MAX_ACCELERATED: usize = 2;

/// Linux repeats an unanswered SYN after 1 s: by then it was lost, or the path is dead. Doubles
/// with every round of replacements, or a network slower than this could never be used.
const PATIENCE: Duration = Duration::from_secs(1);

/// One at a time, a handshake gets this long: an overloaded server answers late, and works for
/// nobody when its client has left. In a simulation of 100 000 clients after a restart 99 % are back
/// after 128 s where clients leave after 3 s, after 23 s where they stay for 10 s.
const ONE_HANDSHAKE: Duration = Duration::from_secs(10);

/// An attempt on its way is waited for until its SYN took this much longer than predicted.
const WAIT_SLACK: f64 = 1.05;

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

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting,
    /// Since then; late ones have had their replacement started.
    Dialling {
        since: Instant,
        late: bool,
    },
    /// Established, a spare.
    Dialled {
        at: Instant,
    },
    /// In a leg of its handshake (TLS, or the upgrade) that is late at `deadline`.
    Handshaking {
        since: Instant,
        deadline: Instant,
        /// Late: a spare may start its handshake.
        hedged: bool,
        /// Late without a spare: a further dial was asked for.
        turned: bool,
    },
    Over,
}

#[derive(Debug)]
struct Runner {
    entrant: Entrant,
    state: State,
    /// Whether it was weighed for the opening.
    considered: bool,
}

/// The state of one race.
#[derive(Debug)]
pub(crate) struct Race {
    width: Width,
    /// g: how much longer legs take than SYNs, where a box on the way answers SYNs itself.
    gate: f64,
    /// SYNs say nothing here: every established candidate goes on by itself.
    eager: bool,
    runners: Vec<Runner>,
    more_to_come: bool,
    started: usize,
    replaced: usize,
    last: Option<Entrant>,
    /// When a cold race starts its next candidate.
    next_start: Option<Instant>,
    /// The first dials of a warm race are chosen, and these are still to be made.
    opening: Option<VecDeque<usize>>,
    /// Dials that may be made at once: for failures and late ones.
    owed: usize,
}

impl Race {
    /// A race whose candidates arrive while names are looked up.
    pub(crate) fn new(width: Width, gate: f64, eager: bool) -> Self {
        Race {
            width,
            gate,
            eager,
            runners: Vec::new(),
            more_to_come: true,
            started: 0,
            replaced: 0,
            last: None,
            next_start: None,
            opening: None,
            owed: 0,
        }
    }

    /// Adds a candidate; its number.
    pub(crate) fn add(&mut self, entrant: Entrant) -> usize {
        self.runners.push(Runner {
            entrant,
            state: State::Waiting,
            considered: false,
        });
        self.runners.len() - 1
    }

    /// All names are looked up: no further candidate will come.
    pub(crate) fn no_more(&mut self) {
        self.more_to_come = false;
    }

    /// The candidate's byte stream is open, and its SYN took this long.
    pub(crate) fn dialled(&mut self, candidate: usize, round_trip: Duration, now: Instant) {
        let runner = &mut self.runners[candidate];
        runner.state = State::Dialled { at: now };
        let known = &mut runner.entrant.prediction;
        *known = known.with_round_trip(round_trip.as_secs_f64() * 1e3);
    }

    /// The candidate's TLS is done; the upgrade is under way.
    pub(crate) fn secured(&mut self, candidate: usize, now: Instant) {
        let known = self.runners[candidate].entrant.prediction;
        let left = (known.rest() - known.round_trip()).max(known.round_trip());
        let deadline = now + self.leg(&known, left);
        self.runners[candidate].state = State::Handshaking {
            since: now,
            deadline,
            hedged: false,
            turned: false,
        };
    }

    /// The candidate failed, in either stage. The next may start at once.
    pub(crate) fn failed(&mut self, candidate: usize) {
        self.runners[candidate].state = State::Over;
        // A spare takes the place of a failed handshake; without one, a further dial does.
        let spare = self
            .runners
            .iter()
            .any(|one| matches!(one.state, State::Dialled { .. }));
        self.owed += usize::from(!spare);
    }

    /// What to do at `now`. Call until it says to wait.
    pub(crate) fn next(&mut self, now: Instant) -> Action {
        let mut wake = Wake::default();
        if let Some(action) = self.handshakes(now, &mut wake) {
            return action;
        }
        if self.started == 0 && self.is_warm() {
            self.opening = Some(self.choose_opening());
            self.runners
                .iter_mut()
                .for_each(|one| one.considered = true);
        }
        let opening = self.opening.as_mut().and_then(VecDeque::pop_front);
        if let Some(candidate) = opening.or_else(|| self.late_arrival()) {
            return self.dial(candidate, now);
        }
        let scheduled = if self.is_cold() {
            match self.next_start.filter(|at| *at > now) {
                Some(at) if self.choose().is_some() => {
                    wake.at(at);
                    false
                }
                waiting => waiting.is_none(),
            }
        } else {
            self.owed += self.late_ones(now, &mut wake);
            false
        };
        if (scheduled || self.owed > 0 || self.in_flight() == 0)
            && let Some(action) = self.next_dial(now, &mut wake)
        {
            return action;
        }
        if self.in_flight() == 0 && !self.more_to_come && self.choose().is_none() {
            return Action::GiveUp;
        }
        wake.0.map_or(Action::Wait, Action::WaitUntil)
    }

    /// Nothing was verified when the race began: it goes by the schedule.
    fn is_cold(&self) -> bool {
        self.opening.is_none()
    }

    /// Whether anything is known that makes candidates comparable.
    fn is_warm(&self) -> bool {
        self.runners.iter().any(|runner| runner.entrant.is_sound())
    }

    /// Starts handshakes on established candidates, where that is best now.
    fn handshakes(&mut self, now: Instant, wake: &mut Wake) -> Option<Action> {
        let mut running = 0;
        for runner in &mut self.runners {
            if let State::Handshaking {
                deadline, hedged, ..
            } = &mut runner.state
                && !*hedged
            {
                if *deadline <= now {
                    *hedged = true;
                } else {
                    running += 1;
                    wake.at(*deadline);
                }
            }
        }
        let best = self.best_spare()?;
        // Spares are kept while a handshake is in time, and for one on its way that is predicted
        // to be done sooner, for a little.
        let eager = self.eager || self.is_cold();
        if running > 0 && !eager {
            return None;
        }
        let known = self.runners[best].entrant.prediction;
        if let Some(until) = self.sooner(now, known.rest()).filter(|_| !eager) {
            wake.at(until);
            return None;
        }
        // The spare is what the late ones are owed.
        for runner in &mut self.runners {
            if let State::Handshaking {
                hedged: true,
                turned,
                ..
            } = &mut runner.state
            {
                *turned = true;
            }
        }
        let deadline = now + self.leg(&known, known.round_trip());
        self.runners[best].state = State::Handshaking {
            since: now,
            deadline,
            hedged: false,
            turned: false,
        };
        Some(Action::Handshake(best))
    }

    /// The established candidate with the least predicted rest; one of another host than the
    /// handshakes that are late, if there is one.
    fn best_spare(&self) -> Option<usize> {
        let late_hosts: Vec<usize> = self
            .runners
            .iter()
            .filter(|one| matches!(one.state, State::Handshaking { hedged: true, .. }))
            .map(|one| one.entrant.host)
            .collect();
        self.runners
            .iter()
            .enumerate()
            .filter(|(_, one)| matches!(one.state, State::Dialled { .. }))
            .min_by(|(_, a), (_, b)| {
                let key = |one: &Runner| {
                    let late = late_hosts.contains(&one.entrant.host);
                    (late, one.entrant.prediction.rest())
                };
                let (a, b) = (key(a), key(b));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
            })
            .map(|(number, _)| number)
    }

    /// Until when to wait for a candidate on its way that is predicted to be open sooner than in
    /// `rest` milliseconds from now.
    fn sooner(&self, now: Instant, rest: f64) -> Option<Instant> {
        self.runners
            .iter()
            .filter_map(|one| {
                let State::Dialling { since, late: false } = one.state else {
                    return None;
                };
                let known = one.entrant.prediction;
                let until = since + millis(WAIT_SLACK * known.round_trip());
                let left = until.checked_duration_since(now)?.as_secs_f64() * 1e3;
                (!known.broken && left > 0.0 && left + known.rest() < rest).then_some(until)
            })
            .min()
    }

    /// When a leg of this handshake is late: what is predicted (in ms), with its spread.
    fn leg(&self, known: &Prediction, predicted: f64) -> Duration {
        /// What verifying a certificate and waking up costs on a slow phone.
        const OURS: f64 = 15.0;
        if !self.width.leg_z.is_finite() {
            return self.width.leg_least;
        }
        let spread = known.spread(self.width.leg_z);
        millis(self.gate * predicted * spread + OURS).max(self.width.leg_least)
    }

    /// How many of those under way have become late since the last look: each is owed a further
    /// dial. A late handshake that found a spare is hedged already and owed nothing.
    fn late_ones(&mut self, now: Instant, wake: &mut Wake) -> usize {
        let mut late_ones = 0;
        let (factor, least) = (self.width.syn_factor, self.width.syn_least);
        for runner in &mut self.runners {
            let predicted = runner.entrant.prediction.round_trip();
            match &mut runner.state {
                State::Dialling { since, late } if !*late => {
                    let allowed = match factor.is_finite() {
                        true => millis(factor * predicted).max(least),
                        false => least,
                    };
                    if *since + allowed <= now {
                        *late = true;
                        late_ones += 1;
                    } else {
                        wake.at(*since + allowed);
                    }
                }
                State::Handshaking { hedged, turned, .. } if *hedged && !*turned => {
                    *turned = true;
                    late_ones += 1;
                }
                _ => {}
            }
        }
        late_ones
    }

    /// A dial when the schedule, a failure or lateness allows one.
    fn next_dial(&mut self, now: Instant, wake: &mut Wake) -> Option<Action> {
        let candidate = self.choose()?;
        if self.in_flight() >= self.width.in_flight {
            let (laggard, since) = self.laggard()?;
            let until = since + self.patience();
            if until > now {
                wake.at(until);
                return None;
            }
            self.replaced += 1;
            self.runners[laggard].state = State::Over;
            return Some(Action::Cancel(laggard));
        }
        Some(self.dial(candidate, now))
    }

    fn dial(&mut self, candidate: usize, now: Instant) -> Action {
        self.started += 1;
        self.owed = self.owed.saturating_sub(1);
        let delay = if self.started == 1 {
            SECOND_START
        } else {
            ATTEMPT_DELAY
        };
        self.next_start = Some(now + delay);
        self.last = Some(self.runners[candidate].entrant);
        self.runners[candidate].state = State::Dialling {
            since: now,
            late: false,
        };
        Action::Dial(candidate)
    }

    /// The planned delay of the n-th start (from 0) of a cold race in which nothing fails.
    pub(crate) fn planned_delay(n: usize) -> Duration {
        match n {
            0 => Duration::ZERO,
            n => SECOND_START + ATTEMPT_DELAY * u32::try_from(n - 1).unwrap_or(u32::MAX),
        }
    }

    /// The order in which the candidates would start if none failed and none were replaced.
    pub(crate) fn order(mut self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.runners.len());
        while let Some(candidate) = self.choose() {
            self.last = Some(self.runners[candidate].entrant);
            self.runners[candidate].state = State::Over;
            order.push(candidate);
        }
        order
    }

    fn in_flight(&self) -> usize {
        self.flying().count()
    }

    fn flying(&self) -> impl Iterator<Item = &Entrant> {
        let flying = |one: &&Runner| !matches!(one.state, State::Waiting | State::Over);
        self.runners.iter().filter(flying).map(|one| &one.entrant)
    }

    /// One at a time, silence alone starts the next.
    fn one_at_a_time(&self) -> Duration {
        if self.width.in_flight == 1 {
            self.width.syn_least
        } else {
            Duration::ZERO
        }
    }

    fn patience(&self) -> Duration {
        let rounds = u32::try_from(self.replaced / Width::FAST.in_flight).unwrap_or(8);
        PATIENCE.max(self.one_at_a_time()) * 2u32.pow(rounds.min(8))
    }

    /// Who has been silent longest, and since when. A handshake has two round trips to go where a
    /// dial has one.
    fn laggard(&self) -> Option<(usize, Instant)> {
        self.runners
            .iter()
            .enumerate()
            .filter_map(|(number, one)| match one.state {
                State::Dialling { since, .. } => Some((number, since)),
                State::Dialled { at } => Some((number, at + self.patience())),
                State::Handshaking { since, .. } if self.width.in_flight == 1 => {
                    let more = ONE_HANDSHAKE.saturating_sub(self.patience());
                    Some((number, since + more))
                }
                State::Handshaking { since, .. } => Some((number, since + self.patience())),
                State::Waiting | State::Over => None,
            })
            .min_by_key(|(_, since)| *since)
    }
}

/// The earliest of the moments at which something may be to do.
#[derive(Default)]
struct Wake(Option<Instant>);

impl Wake {
    fn at(&mut self, at: Instant) {
        self.0 = Some(self.0.map_or(at, |earlier| earlier.min(at)));
    }
}

fn millis(millis: f64) -> Duration {
    // Predictions are finite, but an exponential of a wild one may be huge.
    Duration::from_secs_f64((millis / 1e3).clamp(0.0, 3600.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Family;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn unknown() -> Prediction {
        Prediction {
            x: 50f64.ln(),
            x_variance: 0.7,
            rho: 0.8,
            rho_variance: 0.06,
            failure: 0.02,
            verified: false,
            broken: false,
        }
    }

    /// Verified, with this round trip.
    fn known(host: usize, round_trip: f64) -> Entrant {
        Entrant {
            prediction: Prediction {
                x: round_trip.ln(),
                x_variance: 0.01,
                rho: 2f64.ln(),
                rho_variance: 0.01,
                verified: true,
                ..unknown()
            },
            ..entrant(host, V4, host)
        }
    }

    fn warm(entrants: &[Entrant]) -> (Race, Instant) {
        let mut race = Race::new(Width::FAST, 1.0, false);
        for entrant in entrants {
            race.add(*entrant);
        }
        race.no_more();
        (race, Instant::now())
    }

    #[test]
    fn a_warm_race_dials_what_could_be_best_and_nothing_else() {
        let (mut race, t) = warm(&[known(0, 300.0), known(1, 40.0), known(2, 42.0)]);
        assert_eq!(race.next(t), Action::Dial(1));
        assert_eq!(race.next(t), Action::Dial(2));
        // A SYN is late after 2.25 predicted round trips.
        let Action::WaitUntil(late) = race.next(t) else {
            panic!("should wait")
        };
        assert!(
            (90..=91).contains(&(late - t).as_millis()),
            "{:?}",
            late - t
        );
        assert_eq!(race.next(late), Action::Dial(0));
    }

    #[test]
    fn a_warm_opening_spares_acceleration_nodes() {
        let node = |host| Entrant {
            accelerated: true,
            ..known(host, 40.0)
        };
        let (mut race, t) = warm(&[node(0), node(1), node(2), node(3)]);
        assert_eq!(race.next(t), Action::Dial(0));
        assert!(matches!(race.next(t), Action::Dial(_)));
        assert!(!matches!(race.next(t), Action::Dial(_)));
    }

    #[test]
    fn tls_starts_on_the_least_predicted_rest() {
        let (mut race, t) = warm(&[known(0, 40.0), known(1, 42.0)]);
        assert_eq!(race.next(t), Action::Dial(0));
        assert_eq!(race.next(t), Action::Dial(1));
        // The second is established, but the first is on its way and predicted to be sooner.
        race.dialled(1, ms(41), t + ms(41));
        let Action::WaitUntil(until) = race.next(t + ms(41)) else {
            panic!("should wait")
        };
        assert_eq!((until - t).as_millis(), 42);
        assert_eq!(race.next(until), Action::Handshake(1));
        // The first becomes a spare.
        race.dialled(0, ms(60), t + ms(60));
        assert!(matches!(race.next(t + ms(60)), Action::WaitUntil(_)));
        race.failed(1);
        assert_eq!(race.next(t + ms(70)), Action::Handshake(0));
    }

    #[test]
    fn a_late_leg_is_hedged_on_a_spare() {
        let (mut race, t) = warm(&[known(0, 40.0), known(1, 42.0)]);
        race.next(t);
        race.next(t);
        race.dialled(0, ms(40), t + ms(40));
        assert_eq!(race.next(t + ms(40)), Action::Handshake(0));
        race.dialled(1, ms(42), t + ms(42));
        let Action::WaitUntil(late) = race.next(t + ms(42)) else {
            panic!("should wait")
        };
        // 40 ms of TLS, its spread, and 15 ms of ours.
        assert!((t + ms(95)..t + ms(125)).contains(&late), "{:?}", late - t);
        assert_eq!(race.next(late), Action::Handshake(1));
        assert!(!matches!(
            race.next(late),
            Action::Handshake(_) | Action::Dial(_)
        ));
    }

    fn entrant(host: usize, family: Family, order: usize) -> Entrant {
        Entrant {
            host,
            family,
            order,
            last_resort: false,
            accelerated: false,
            prediction: unknown(),
            sticky: false,
        }
    }

    /// A race among candidates of (host, family); its beginning.
    fn race(entrants: &[(usize, Family)]) -> (Race, Instant) {
        let mut race = Race::new(Width::FAST, 1.0, false);
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
        race.failed(0);
        assert_eq!(race.next(t + ms(5)), Action::Dial(1));
        assert_eq!(race.next(t + ms(5)), Action::WaitUntil(t + ms(105)));
        race.failed(1);
        assert_eq!(race.next(t + ms(6)), Action::Dial(2));
        race.failed(2);
        assert_eq!(race.next(t + ms(7)), Action::GiveUp);
    }

    #[test]
    fn a_dialled_candidate_goes_on_before_anything_else() {
        let (mut race, t) = race(&[(0, V4), (1, V4)]);
        assert_eq!(race.next(t), Action::Dial(0));
        race.dialled(0, ms(20), t + ms(20));
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
        let mut race = Race::new(Width::FAST, 1.0, false);
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
        let mut race = Race::new(Width::FAST, 1.0, false);
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
        race.failed(0);
        assert_eq!(race.next(t + ms(600)), Action::Dial(2));
    }

    #[test]
    fn candidates_may_come_late() {
        let mut race = Race::new(Width::FAST, 1.0, false);
        let t = Instant::now();
        assert_eq!(race.next(t), Action::Wait);
        let late = entrant(0, V4, 0);
        assert_eq!(race.add(late), 0);
        assert_eq!(race.next(t + ms(70)), Action::Dial(0));
        race.failed(0);
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
