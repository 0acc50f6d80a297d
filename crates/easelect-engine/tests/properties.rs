//! Properties that hold for any observations and any course of a race.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use easelect_engine::forecast::{Forecast, NOISE, SynTrust};
use easelect_engine::health::Severity;
use easelect_engine::history::{Key, Network};
use easelect_engine::id::{AttemptId, CandidateId, HostId};
use easelect_engine::observation::{Measured, Observation};
use easelect_engine::race::{Action, Candidate, Race, Width};
use easelect_engine::timestamp::Timestamp;
use easelect_engine::unseen::{Belief, Place};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Tolerance for rounding.
const SLACK: f64 = 1.0 + 1e-9;

/// More than the variance of an unseen candidate: 0.73, for an IPv6 address on an unknown network.
const MOST_VARIANCE: f64 = 0.75;

const CANDIDATES: usize = 6;

/// A time in ms, sensible or not.
fn wild_ms() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 1.0..2_000.0,
        1 => Just(0.0),
        1 => 1e-9..1.0,
        1 => 1e4..1e12,
    ]
}

fn measured() -> impl Strategy<Value = Measured> {
    prop_oneof![
        3 => wild_ms().prop_map(Measured::Took),
        1 => wild_ms().prop_map(Measured::AtLeast),
        1 => (-1e4..0.0).prop_map(Measured::AtLeast),
    ]
}

fn severity() -> impl Strategy<Value = Severity> {
    prop_oneof![
        Just(Severity::Doubt),
        Just(Severity::Soft),
        Just(Severity::Hard),
        (0u64..1_000_000).prop_map(|s| Severity::Busy(Duration::from_secs(s))),
    ]
}

fn observation() -> impl Strategy<Value = (CandidateId, Observation)> {
    use prop::option::of;
    let times = (
        of(measured()),
        of(measured()),
        of(wild_ms()),
        of(measured()),
    );
    (0..CANDIDATES, times, any::<bool>(), of(severity())).prop_map(
        |(candidate, (syn, rest, tls_ms, whole), opened, failure)| {
            let observation = Observation {
                syn,
                rest,
                tls_ms,
                whole,
                opened,
                syns_before: None,
                failure,
                at_address: syn.is_none(),
            };
            (CandidateId::new(candidate), observation)
        },
    )
}

/// An observation of a candidate, after this many minutes, and the jitter of its breaker.
type Past = ((CandidateId, Observation), u64, f64);

fn past() -> impl Strategy<Value = Vec<Past>> {
    prop::collection::vec((observation(), 0u64..600, 0.0..1.0), 0..30)
}

/// Two regions with three hosts, one of them with both families.
fn key(number: usize) -> Key {
    let low = u8::try_from(number).unwrap();
    let ip = match number {
        1 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => IpAddr::from([44, 128, 0, low]),
    };
    Key {
        region: format!("r{}", number / 4),
        host: format!("h{}.example", number / 2),
        address: SocketAddr::new(ip, 443),
        service: "websocket".to_owned(),
    }
}

/// A network with this past, and the present time.
fn network(past: &[Past]) -> (Network, Timestamp) {
    let (mut network, mut now) = (Network::default(), START);
    for number in 0..CANDIDATES {
        assert_eq!(network.list(&key(number), now).index(), number);
    }
    for (observation, minutes, jitter) in past {
        now = now.after(Duration::from_secs(60 * minutes));
        network.learn(&[*observation], now, *jitter);
    }
    (network, now)
}

/// The cost of the candidate after this observation.
fn cost_after(network: &Network, number: usize, observation: Observation, now: Timestamp) -> f64 {
    let mut network = network.clone();
    network.learn(&[(CandidateId::new(number), observation)], now, 0.5);
    network.forecasts(now)[number].cost_ms()
}

fn took(ms: f64) -> Option<Measured> {
    Some(Measured::Took(ms))
}

proptest! {
    // Without a file of past failures: a failing case is printed and becomes a test.
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn numbers_stay_finite_and_variances_bounded(past in past()) {
        let (network, now) = network(&past);
        for later in [now, now.after(Duration::from_secs(10_000_000))] {
            for one in network.forecasts(later) {
                for ms in [one.syn_ms(), one.rest_ms(), one.cost_ms()] {
                    prop_assert!(ms.is_finite() && ms > 0.0, "{one:?}");
                }
                for belief in [one.syn, one.rest] {
                    prop_assert!(belief.variance > 0.0 && belief.variance <= MOST_VARIANCE, "{one:?}");
                }
                prop_assert!((0.0..=1.0).contains(&one.failure_chance), "{one:?}");
            }
        }
        let SynTrust { stretch, .. } = network.syn_trust(now);
        prop_assert!(stretch.is_finite() && stretch >= 1.0, "{stretch}");
    }

    /// Handshakes that take as long as SYNs don't look like a middlebox's, whatever was measured
    /// before.
    #[test]
    fn an_honest_network_is_trusted_again(past in past()) {
        let (mut network, now) = network(&past);
        let honest = Observation { syn: took(50.0), tls_ms: Some(50.0), ..Observation::default() };
        for _ in 0..60 {
            network.learn(&[(CandidateId::new(0), honest)], now, 0.5);
        }
        prop_assert!(network.trusts_syns());
    }

    /// The faster of two answers leaves the lower cost, and one faster than expected never raises it.
    #[test]
    fn a_faster_sample_never_worsens_a_cost(
        past in past(),
        candidate in 0..CANDIDATES,
        ms in 0.2..5_000.0_f64,
        slower in 1.0..50.0_f64,
    ) {
        let (network, now) = network(&past);
        let of = |observation: Observation| cost_after(&network, candidate, observation, now);
        let syn = |ms: f64| Observation { syn: took(ms), ..Observation::default() };
        let rest = |ms| Observation { syn: took(50.0), rest: took(ms), ..Observation::default() };
        let both = |ms| Observation { syn: took(ms), rest: took(2.0 * ms), ..Observation::default() };
        let whole = |ms| Observation { whole: took(ms), ..Observation::default() };
        for shown in [syn as fn(f64) -> Observation, rest, both, whole] {
            let (fast, slow) = (of(shown(ms)), of(shown(ms * slower)));
            prop_assert!(fast <= slow * SLACK, "{:?}: {fast} > {slow}", shown(ms));
        }
        let before = network.forecasts(now)[candidate];
        let better = of(syn((before.syn_ms() / slower).max(0.1)));
        prop_assert!(better <= before.cost_ms() * SLACK || before.syn_ms() < 0.1);
    }

    #[test]
    fn a_failure_never_improves_a_cost(
        past in past(),
        candidate in 0..CANDIDATES,
        severity in severity(),
    ) {
        let (network, now) = network(&past);
        let before = network.forecasts(now)[candidate].cost_ms();
        let after = cost_after(&network, candidate, Observation::of_failure(severity), now);
        prop_assert!(after * SLACK >= before, "{after} < {before}");
    }

    #[test]
    fn who_is_preferred_stays_until_something_is_learned(
        past in past(),
        among in prop::collection::btree_set(0..CANDIDATES, 0..=CANDIDATES),
        current in prop::option::of(0..CANDIDATES),
    ) {
        let (network, now) = network(&past);
        let among: Vec<CandidateId> = among.into_iter().map(CandidateId::new).collect();
        let current = current.map(CandidateId::new);
        let preferred = network.prefer(&among, current, now);
        prop_assert!(preferred == current || preferred.is_some_and(|one| among.contains(&one)));
        prop_assert_eq!(network.prefer(&among, preferred, now), preferred);
    }
}

/// The outcome of one stage of an attempt, after this many µs.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Done(u64),
    Fails(u64),
    Silent,
}

/// A candidate: which one, when it becomes known, and the outcomes of dial, TLS and upgrade.
#[derive(Clone, Debug)]
struct Runner {
    entry: Candidate,
    known_us: u64,
    fates: [Fate; 3],
}

fn fate(fails: bool) -> BoxedStrategy<Fate> {
    let us = || prop_oneof![4 => 0u64..300_000, 1 => 0u64..20_000_000];
    if fails {
        return us().prop_map(Fate::Fails).boxed();
    }
    prop_oneof![
        4 => us().prop_map(Fate::Done),
        1 => us().prop_map(Fate::Fails),
        1 => Just(Fate::Silent),
    ]
    .boxed()
}

fn entry() -> impl Strategy<Value = Candidate> {
    let place = (0usize..4, any::<bool>());
    let times = (-2.0..9.0, 0.001..0.73, -1.0..3.0, 0.001..0.73);
    let flags = prop::array::uniform6(prop::bool::weighted(0.3));
    (place, times, 0.0..1.0, flags).prop_map(|(place, times, failure_chance, flags)| {
        let [
            verified,
            last_winner,
            breaker_open,
            last_resort,
            accelerated,
            remembered,
        ] = flags;
        let forecast = Forecast {
            place: Place {
                host: HostId::new(place.0),
                v6: place.1,
            },
            syn: Belief {
                mean: times.0,
                variance: times.1,
            },
            rest: Belief {
                mean: times.2,
                variance: times.3,
            },
            failure_chance,
            verified,
            last_winner,
            hearsay: false,
            foretold: false,
            noise: NOISE,
            breaker_open,
        };
        Candidate {
            forecast,
            id: None,
            last_resort,
            accelerated,
            remembered,
        }
    })
}

/// Runners that may succeed or, if `doomed`, all fail in some stage.
fn runners(doomed: bool) -> impl Strategy<Value = Vec<Runner>> {
    let known = prop_oneof![2 => Just(0u64), 1 => 0u64..500_000];
    let fates = if doomed {
        let quick = || (0u64..300_000).prop_map(Fate::Done);
        let (dial, tls, upgrade) = (fate(true), fate(true), fate(true));
        prop_oneof![
            dial.prop_map(|fails| [fails, Fate::Silent, Fate::Silent]),
            (quick(), tls).prop_map(|(dial, fails)| [dial, fails, Fate::Silent]),
            (quick(), quick(), upgrade).prop_map(|(dial, tls, fails)| [dial, tls, fails]),
        ]
        .boxed()
    } else {
        let one = || fate(false);
        (one(), one(), one()).prop_map(<[Fate; 3]>::from).boxed()
    };
    let runner = (entry(), known, fates).prop_map(|(entry, known_us, fates)| Runner {
        entry,
        known_us,
        fates,
    });
    prop::collection::vec(runner, 0..24)
}

fn width() -> impl Strategy<Value = Width> {
    let reconnecting = (0u64..20_000).prop_map(|ms| Width::after_loss(Duration::from_millis(ms)));
    prop_oneof![
        Just(Width::FAST),
        Just(Width::THRIFTY),
        Just(Width::ONE),
        reconnecting
    ]
}

fn syn_trust() -> impl Strategy<Value = SynTrust> {
    let at_once = prop_oneof![3 => Just(usize::MAX), 1 => 1usize..4];
    (1.0..4.0, any::<bool>(), at_once).prop_map(|(stretch, trusted, at_once)| SynTrust {
        stretch,
        trusted,
        at_once,
    })
}

/// The state of an attempt: how many of the three stages are done.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Waiting,
    Running(usize),
    Established,
    Over,
}

/// The end of a race.
#[derive(Debug, PartialEq)]
enum End {
    Open,
    GivenUp,
    /// Nothing more happens while the race waits: the caller's deadline ends it.
    Stuck,
}

/// The driver of a race: executes its actions, and applies the runners' fates.
struct Course<'a> {
    race: Race,
    width: Width,
    runners: &'a [Runner],
    /// The runner of each attempt.
    known: Vec<usize>,
    stages: Vec<Stage>,
    /// Future events: when, and to which runner.
    coming: BTreeSet<(u64, AttemptId)>,
    now_us: u64,
    /// The silent attempt cancelled just now, perhaps to be dialled again.
    silent: Option<AttemptId>,
    /// Attempts that received any answer.
    answered: bool,
}

/// Longer than any app waits.
const LONGEST_US: u64 = 300_000_000;

impl Course<'_> {
    fn run(
        runners: &[Runner],
        width: Width,
        syn_trust: SynTrust,
    ) -> Result<(End, Vec<Stage>), TestCaseError> {
        let mut course = Course {
            race: Race::new(width, syn_trust),
            width,
            runners,
            known: Vec::new(),
            stages: vec![Stage::Waiting; runners.len()],
            coming: BTreeSet::new(),
            now_us: 0,
            silent: None,
            answered: false,
        };
        // In the order in which they become known.
        let mut unknown: Vec<usize> = (0..runners.len()).collect();
        unknown.sort_by_key(|runner| std::cmp::Reverse(runners[*runner].known_us));
        loop {
            let due = |runner: &usize| runners[*runner].known_us <= course.now_us;
            while let Some(runner) = unknown.pop_if(|runner| due(runner)) {
                let entry = runners[runner].entry;
                let number = course.race.add(entry, course.now());
                prop_assert_eq!(number.index(), course.known.len());
                course.known.push(runner);
            }
            if unknown.is_empty() {
                course.race.no_more();
            }
            if course.happen() {
                return Ok((End::Open, course.stages));
            }
            let wake_us = match course.act()? {
                Action::GiveUp => {
                    prop_assert!(unknown.is_empty(), "given up before all names were there");
                    return Ok((End::GivenUp, course.stages));
                }
                Action::WaitUntil(at) => {
                    prop_assert!(at > course.now(), "time must go on");
                    Some(u64::try_from(at.as_micros()).unwrap())
                }
                _ => None,
            };
            let event_us = course.coming.first().map(|(at_us, _)| *at_us);
            let known_us = unknown.last().map(|runner| runners[*runner].known_us);
            match [wake_us, event_us, known_us].into_iter().flatten().min() {
                Some(next_us) if next_us < LONGEST_US => course.now_us = next_us,
                _ => return Ok((End::Stuck, course.stages)),
            }
        }
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.now_us)
    }

    /// Applies all events that are due. Returns whether one opened.
    fn happen(&mut self) -> bool {
        while let Some((at_us, number)) = self.coming.first().copied()
            && at_us <= self.now_us
        {
            self.coming.pop_first();
            self.answered = true;
            let runner = self.known[number.index()];
            let Stage::Running(stage) = self.stages[runner] else {
                unreachable!("a cancelled one is not coming")
            };
            match (self.runners[runner].fates[stage], stage) {
                (Fate::Fails(_), 0) => self.fail(number, Severity::Soft),
                (Fate::Fails(_), _) => self.fail(number, Severity::Hard),
                (Fate::Done(us), 0) => {
                    self.race.established(number, Duration::from_micros(us));
                    self.stages[runner] = Stage::Established;
                }
                (_, 1) => {
                    self.race.secured(number, self.now());
                    self.begin(number, 2);
                }
                _ => {
                    self.race.opened(number, self.now());
                    return true;
                }
            }
        }
        false
    }

    fn fail(&mut self, number: AttemptId, severity: Severity) {
        self.race.failed(number, severity);
        self.stages[self.known[number.index()]] = Stage::Over;
    }

    fn begin(&mut self, number: AttemptId, stage: usize) {
        let runner = self.known[number.index()];
        self.stages[runner] = Stage::Running(stage);
        if let Fate::Done(us) | Fate::Fails(us) = self.runners[runner].fates[stage] {
            self.coming.insert((self.now_us + us, number));
        }
    }

    /// Executes actions until the race waits. Every action must be legal.
    fn act(&mut self) -> Result<Action, TestCaseError> {
        for _ in 0..=3 * self.runners.len() {
            let action = self.race.next(self.now());
            let of = |number: AttemptId| self.stages[self.known[number.index()]];
            let silent = self.silent.take();
            match action {
                Action::Dial(number) => {
                    // Dials are repeated only while nothing answers.
                    let anew = silent == Some(number) && !self.answered;
                    prop_assert!(anew || of(number) == Stage::Waiting);
                    self.begin(number, 0);
                }
                Action::Handshake(number) => {
                    prop_assert_eq!(of(number), Stage::Established);
                    self.begin(number, 1);
                }
                Action::Cancel(number) => {
                    prop_assert!(!matches!(of(number), Stage::Waiting | Stage::Over));
                    self.silent = Some(number).filter(|_| of(number) == Stage::Running(0));
                    self.stages[self.known[number.index()]] = Stage::Over;
                    self.coming.retain(|(_, other)| *other != number);
                }
                wait => return Ok(wait),
            }
            let flying = |stage: &&Stage| !matches!(stage, Stage::Waiting | Stage::Over);
            let in_flight = self.stages.iter().filter(flying).count();
            prop_assert!(in_flight <= self.width.in_flight, "{in_flight} in flight");
            let runners = self.runners.iter().zip(&self.stages);
            let nodes = runners.filter(|(one, stage)| one.entry.accelerated && flying(stage));
            prop_assert!(nodes.count() <= 2, "more than two acceleration nodes");
        }
        Err(TestCaseError::fail("the race never waits"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_race_is_legal_whatever_happens(
        runners in runners(false),
        width in width(),
        syn_trust in syn_trust(),
    ) {
        let (end, stages) = Course::run(&runners, width, syn_trust)?;
        let waiting = stages.iter().filter(|stage| **stage == Stage::Waiting).count();
        match end {
            End::Open => {}
            End::GivenUp => prop_assert!(stages.iter().all(|stage| *stage == Stage::Over)),
            // Acceleration nodes don't replace each other; every other candidate was tried.
            End::Stuck => {
                let nodes = runners.iter().filter(|one| one.entry.accelerated).count();
                prop_assert!(waiting <= nodes.saturating_sub(2), "{waiting} never dialled");
            }
        }
    }

    #[test]
    fn if_all_fail_all_are_dialled(runners in runners(true), width in width(), syn_trust in syn_trust()) {
        let (end, stages) = Course::run(&runners, width, syn_trust)?;
        prop_assert_eq!(end, End::GivenUp);
        prop_assert!(stages.iter().all(|stage| *stage == Stage::Over));
    }
}
