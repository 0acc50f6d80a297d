//! One client that lost its connection: its paths, and its current try.

use std::time::Duration;

use easelect_engine::backoff::Backoff;
use easelect_engine::forecast::{Forecast, NOISE, SynTrust};
use easelect_engine::health::Severity;
use easelect_engine::id::{AttemptId, HostId};
use easelect_engine::race::{Action, Race, Width};
use easelect_engine::unseen::{Belief, Place};

use crate::random::Random;

/// The number of hosts, as in the default world. Each has one address, because no race gets to a second
/// one.
pub(super) const HOSTS: usize = 4;

// A client's round trip, and how those to its hosts differ: about as in `world.toml`.
const ROUND_TRIP_MS: f64 = 50.0;
const ROUND_TRIP_LOG_SD: f64 = 0.6;
const HOST_LOG_SD: f64 = 0.2;
// The noise of one round trip.
const JITTER_LOG_SD: f64 = 0.15;
const SPIKE: f64 = 0.03;
const SPIKE_FROM_MS: f64 = 40.0;
const SPIKE_SHAPE: f64 = 1.5;
const LOSS: f64 = 0.01;
/// The error of the remembered round trips.
const ERROR_LOG_SD: f64 = 0.15;

/// When kernels send SYNs (RFC 6298).
const SYNS_US: [u64; 4] = [0, 1_000_000, 3_000_000, 7_000_000];

/// How a client makes a try.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// This many handshakes at once, each until it ends.
    All(usize),
    /// The engine's race. The function returns its width for the time since the loss.
    Race(fn(Duration) -> Width),
}

impl Manner {
    /// The time limit of a try: 10 s as in the SDK, 15 s as in the selector.
    fn deadline_us(self) -> u64 {
        match self {
            Manner::All(_) => 10_000_000,
            Manner::Race(_) => 15_000_000,
        }
    }
}

/// An event at a client or at the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A try begins.
    Begin,
    /// An attempt's SYN of this number arrives at the servers.
    Syn(u8, u8),
    Refused(u8),
    Established(u8),
    /// The ClientHello arrives at the servers.
    Hello(u8),
    Secured(u8),
    Open(u8),
    /// The race wants to be asked again.
    Wake,
    /// The try's time is over.
    Deadline,
}

/// Future events, each with its delay in µs.
pub(super) type Coming = Vec<(u64, Happening)>;

#[derive(Debug)]
pub(super) struct Client {
    pub(super) backoff: Backoff,
    pub(super) number: usize,
    /// The number of tries so far.
    pub(super) tries: u32,
    pub(super) back: bool,
    under_way: Option<Box<Try>>,
}

#[derive(Debug)]
struct Try {
    began_us: u64,
    race: Option<Race>,
    random: Random,
    round_trips_ms: [f64; HOSTS],
    dialled_us: [u64; 8],
    /// Whether each attempt goes on, and whether its SYN was answered.
    going_on: [bool; 8],
    established: [bool; 8],
}

/// The effect of an event on a client's try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    GoesOn,
    Back,
    Failed,
}

impl Client {
    pub(super) fn new(number: usize, backoff: Backoff) -> Self {
        Client {
            backoff,
            number,
            tries: 0,
            back: false,
            under_way: None,
        }
    }

    /// Starts a try. The connection was lost at time 0.
    pub(super) fn begin(&mut self, manner: Manner, now_us: u64) -> Coming {
        self.tries += 1;
        let mut of_client = Random::new(&[22, self.number as u64]);
        let usual_ms = of_client.lognormal(ROUND_TRIP_MS, ROUND_TRIP_LOG_SD);
        let round_trips_ms: [f64; HOSTS] =
            std::array::from_fn(|_| of_client.lognormal(usual_ms, HOST_LOG_SD));
        let race = match manner {
            Manner::All(_) => None,
            Manner::Race(width) => {
                let mut race = Race::new(width(Duration::from_micros(now_us)), SynTrust::default());
                for (host, ms) in round_trips_ms.iter().enumerate() {
                    let expected_ms = of_client.lognormal(*ms, ERROR_LOG_SD);
                    race.add(forecast(host, expected_ms), Duration::ZERO);
                }
                race.no_more();
                Some(race)
            }
        };
        self.under_way = Some(Box::new(Try {
            began_us: now_us,
            race,
            random: Random::new(&[23, self.number as u64, self.tries.into()]),
            round_trips_ms,
            dialled_us: [0; 8],
            going_on: [false; 8],
            established: [false; 8],
        }));
        let mut coming = vec![(manner.deadline_us(), Happening::Deadline)];
        if let (Manner::All(count), Some(under_way)) = (manner, &mut self.under_way) {
            (0..count).for_each(|attempt| under_way.dial(attempt, now_us, &mut coming));
        }
        coming
    }

    /// Whether an attempt of the current try goes on.
    pub(super) fn goes_on(&self, attempt: u8) -> bool {
        (self.under_way.as_ref()).is_some_and(|one| one.going_on[usize::from(attempt)])
    }

    /// Whether an attempt's SYN was answered.
    pub(super) fn is_established(&self, attempt: u8) -> bool {
        (self.under_way.as_ref()).is_some_and(|one| one.established[usize::from(attempt)])
    }

    /// Draws the time from the servers to the client.
    pub(super) fn half_way_us(&mut self, attempt: u8) -> u64 {
        let one = self.under_way.as_mut();
        one.map_or(0, |one| one.round_trip_us(attempt.into()) / 2)
    }

    /// Draws whether a SYN or its answer is lost.
    pub(super) fn is_lost(&mut self) -> bool {
        let one = self.under_way.as_mut();
        one.is_some_and(|one| one.random.chance(LOSS))
    }

    /// Processes an event and carries out the race's actions.
    pub(super) fn on(&mut self, happening: Happening, now_us: u64, coming: &mut Coming) -> Outcome {
        let Some(one) = &mut self.under_way else {
            return Outcome::GoesOn;
        };
        let outcome = one.on(happening, now_us, coming);
        if outcome != Outcome::GoesOn {
            self.under_way = None;
            self.back = outcome == Outcome::Back;
        }
        outcome
    }
}

impl Try {
    fn on(&mut self, happening: Happening, now_us: u64, coming: &mut Coming) -> Outcome {
        let now = Duration::from_micros(now_us - self.began_us);
        match happening {
            Happening::Deadline => return Outcome::Failed,
            Happening::Open(_) => return Outcome::Back,
            Happening::Established(attempt) => {
                let index = usize::from(attempt);
                self.established[index] = true;
                let took = Duration::from_micros(now_us - self.dialled_us[index]);
                match &mut self.race {
                    Some(race) => race.established(AttemptId::new(index), took),
                    None => self.shake_hands(index, coming),
                }
            }
            Happening::Secured(attempt) => {
                if let Some(race) = &mut self.race {
                    race.secured(AttemptId::new(attempt.into()), now);
                }
                // The upgrade.
                let us = self.round_trip_us(attempt.into());
                coming.push((us, Happening::Open(attempt)));
            }
            Happening::Refused(attempt) => {
                self.going_on[usize::from(attempt)] = false;
                match &mut self.race {
                    Some(race) => race.failed(AttemptId::new(attempt.into()), Severity::Soft),
                    None if self.going_on.contains(&true) => {}
                    None => return Outcome::Failed,
                }
            }
            _ => {}
        }
        self.act(now_us, coming)
    }

    fn act(&mut self, now_us: u64, coming: &mut Coming) -> Outcome {
        let now = Duration::from_micros(now_us - self.began_us);
        while let Some(race) = &mut self.race {
            match race.next(now) {
                Action::Dial(attempt) => self.dial(attempt.index(), now_us, coming),
                Action::Handshake(attempt) => self.shake_hands(attempt.index(), coming),
                Action::Cancel(attempt) => self.going_on[attempt.index()] = false,
                Action::WaitUntil(until) => {
                    let us = until.saturating_sub(now).as_micros();
                    coming.push((us as u64, Happening::Wake));
                    break;
                }
                Action::Wait => break,
                Action::GiveUp => return Outcome::Failed,
            }
        }
        Outcome::GoesOn
    }

    fn dial(&mut self, attempt: usize, now_us: u64, coming: &mut Coming) {
        self.dialled_us[attempt] = now_us;
        self.going_on[attempt] = true;
        for (number, after_us) in SYNS_US.into_iter().enumerate() {
            let us = after_us + self.round_trip_us(attempt) / 2;
            coming.push((us, Happening::Syn(attempt as u8, number as u8)));
        }
    }

    fn shake_hands(&mut self, attempt: usize, coming: &mut Coming) {
        let us = self.round_trip_us(attempt) / 2;
        coming.push((us, Happening::Hello(attempt as u8)));
    }

    fn round_trip_us(&mut self, attempt: usize) -> u64 {
        let random = &mut self.random;
        let mut ms = random.lognormal(self.round_trips_ms[attempt % HOSTS], JITTER_LOG_SD);
        if random.chance(SPIKE) {
            ms += random.pareto(SPIKE_FROM_MS, SPIKE_SHAPE);
        }
        (ms * 1_000.0) as u64
    }
}

/// The forecast for a host that opened before.
fn forecast(host: usize, syn_ms: f64) -> Forecast {
    Forecast {
        place: Place {
            host: HostId::new(host),
            ..Place::default()
        },
        syn: Belief {
            mean: syn_ms.ln(),
            variance: ERROR_LOG_SD * ERROR_LOG_SD,
        },
        rest: Belief {
            mean: 2.0_f64.ln(),
            variance: 0.01,
        },
        failure_chance: 0.02,
        verified: true,
        last_winner: false,
        hearsay: false,
        foretold: false,
        breaker_open: false,
        noise: NOISE,
    }
}
