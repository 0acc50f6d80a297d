//! The race, step by step. Unless stated otherwise, all candidates expect 50 ms for the SYN and 100 ms
//! for the rest.

use std::time::Duration;

use easelect_engine::forecast::{Forecast, NOISE, SynTrust};
use easelect_engine::health::Severity;
use easelect_engine::id::{AttemptId, HostId};
use easelect_engine::observation::Measured;
use easelect_engine::race::{Action, Candidate, Race, Width};
use easelect_engine::unseen::{Belief, Place};

/// The part of a deadline for timers and scheduling.
const SLACK_MS: f64 = 8.0;

const WIDTH: Width = Width {
    dials: 3,
    worth: 0.025,
    cold_dials: 3,
    foretold_dials: 5,
    syn_patience: 2.0,
    syn_least_ms: 80.0,
    z: 1.4,
    flight_least_ms: 35.0,
    ..Width::FAST
};

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The attempt with this index.
fn no(number: usize) -> AttemptId {
    AttemptId::new(number)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// A verified candidate with this SYN round trip, and twice that for the rest.
fn forecast(host: usize, syn_ms: f64) -> Forecast {
    Forecast {
        place: Place {
            host: HostId::new(host),
            ..Place::default()
        },
        syn: Belief {
            mean: syn_ms.ln(),
            variance: 0.025,
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
        noise: NOISE,
        breaker_open: false,
    }
}

/// A race whose candidates are all known at once.
fn race(forecasts: &[Forecast]) -> Race {
    let entries: Vec<Candidate> = forecasts.iter().map(|one| Candidate::from(*one)).collect();
    among(WIDTH, &entries)
}

fn among(width: Width, entries: &[Candidate]) -> Race {
    let mut race = Race::new(width, SynTrust::default());
    for one in entries {
        race.add(*one, at(0));
    }
    race.no_more();
    race
}

/// The actions at a moment, and until when the race then waits.
fn actions(race: &mut Race, now: Duration) -> (Vec<Action>, Option<f64>) {
    let mut actions = Vec::new();
    loop {
        match race.next(now) {
            Action::WaitUntil(until) => return (actions, Some(ms(until).round())),
            Action::Wait => return (actions, None),
            Action::GiveUp => {
                actions.push(Action::GiveUp);
                return (actions, None);
            }
            other => actions.push(other),
        }
    }
}

use Action::{Cancel, Dial, GiveUp, Handshake};

#[test]
fn a_clear_leader_is_dialled_alone() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 200.0), forecast(2, 300.0)]);
    assert_eq!(actions(&mut race, at(0)), (vec![Dial(no(0))], Some(100.0)));
}

#[test]
fn rivals_are_dialled_with_it_and_the_answer_decides() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 52.0), forecast(2, 54.0)]);
    let (dialled, _) = actions(&mut race, at(0));
    assert_eq!(dialled, [Dial(no(0)), Dial(no(1)), Dial(no(2))]);
    race.established(no(2), at(40));
    assert_eq!(actions(&mut race, at(40)).0, [Handshake(no(2))]);
    race.established(no(0), at(55));
    assert_eq!(actions(&mut race, at(55)).0, []);
}

#[test]
fn one_of_the_rivals_is_on_another_host() {
    let four = [50.0, 51.0, 51.0, 54.0];
    let mut forecasts = four.map(|syn_ms| forecast(0, syn_ms));
    forecasts[3].place.host = HostId::new(1);
    let mut race = race(&forecasts);
    let (mut dialled, _) = actions(&mut race, at(0));
    dialled.sort_by_key(|one| format!("{one:?}"));
    assert_eq!(dialled, [Dial(no(0)), Dial(no(1)), Dial(no(3))]);
}

#[test]
fn a_silent_dial_is_followed_by_another_host() {
    let mut forecasts = [50.0, 200.0, 300.0].map(|syn_ms| forecast(0, syn_ms));
    forecasts[2].place.host = HostId::new(1);
    let mut race = race(&forecasts);
    assert_eq!(actions(&mut race, at(0)), (vec![Dial(no(0))], Some(100.0)));
    assert_eq!(actions(&mut race, at(99)), (vec![], Some(100.0)));
    let (dialled, until) = actions(&mut race, at(101));
    assert_eq!(dialled, [Dial(no(2))]);
    // 2 × 300 ms after it began.
    assert_eq!(until, Some(701.0));
}

/// 50 ms where 50 ms were expected leave x unchanged and halve its variance of .025. The deadline is
/// 50·e^(1.4·√(.0125 + .025)) + slack after the start of the handshake.
#[test]
fn a_late_handshake_is_hedged_on_an_established_spare_on_another_host() {
    let mut race = race(&[forecast(0, 50.0), forecast(0, 51.0), forecast(1, 53.0)]);
    assert_eq!(actions(&mut race, at(0)).0.len(), 3);
    race.established(no(0), at(50));
    let flight_ms = 50.0 * (1.4 * 0.0375_f64.sqrt()).exp() + SLACK_MS;
    let deadline_ms = 50.0 + flight_ms;
    assert_eq!(
        actions(&mut race, at(50)),
        (vec![Handshake(no(0))], Some(deadline_ms.round()))
    );
    race.established(no(1), at(51));
    race.established(no(2), at(60));
    let late = Duration::from_secs_f64((deadline_ms + 1.0) / 1_000.0);
    assert_eq!(actions(&mut race, late).0, [Handshake(no(2))]);
}

#[test]
fn the_upgrade_gets_a_deadline_of_its_own() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 400.0)]);
    actions(&mut race, at(0));
    race.established(no(0), at(50));
    actions(&mut race, at(50));
    race.secured(no(0), at(100));
    let flight_ms = 50.0 * (1.4 * 0.0375_f64.sqrt()).exp() + SLACK_MS;
    assert_eq!(
        actions(&mut race, at(100)).1,
        Some((100.0 + flight_ms).round())
    );
}

#[test]
fn without_a_spare_a_late_handshake_dials_another() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 400.0)]);
    actions(&mut race, at(0));
    race.established(no(0), at(50));
    actions(&mut race, at(50));
    assert_eq!(actions(&mut race, at(400)).0, [Dial(no(1))]);
    race.opened(no(0), at(420));
    let observations = race.observations(at(420));
    assert_eq!(observations[0].1.rest, Some(Measured::Took(370.0)));
    assert_eq!(observations[1].1.syn, Some(Measured::AtLeast(20.0)));
    assert_eq!(
        (observations[0].1.failure, observations[1].1.failure),
        (None, None)
    );
}

#[test]
fn failures_start_the_next_at_once_until_nothing_is_left() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 400.0)]);
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0))]);
    race.failed(no(0), Severity::Soft);
    assert_eq!(actions(&mut race, at(5)).0, [Dial(no(1))]);
    race.established(no(1), at(295));
    assert_eq!(actions(&mut race, at(300)).0, [Handshake(no(1))]);
    race.failed(no(1), Severity::Hard);
    assert_eq!(actions(&mut race, at(400)).0, [GiveUp]);
    let failures: Vec<_> = race
        .observations(at(400))
        .iter()
        .map(|(_, one)| one.failure)
        .collect();
    assert_eq!(failures, [Some(Severity::Soft), Some(Severity::Hard)]);
}

#[test]
fn a_candidate_with_an_open_breaker_is_the_last_resort() {
    let mut forecasts = [forecast(0, 10.0), forecast(1, 50.0), forecast(1, 400.0)];
    forecasts[0].breaker_open = true;
    let mut race = race(&forecasts);
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(1))]);
    race.failed(no(1), Severity::Soft);
    assert_eq!(actions(&mut race, at(1)).0, [Dial(no(2))]);
    race.failed(no(2), Severity::Soft);
    assert_eq!(actions(&mut race, at(2)).0, [Dial(no(0))]);
}

/// Cold, three would be dialled at once. A near but doubtful one must not take the handshake from them.
#[test]
fn a_candidate_with_an_open_breaker_is_the_last_resort_of_a_cold_race_too() {
    let breaker_open = |one: Forecast| Forecast {
        breaker_open: true,
        ..one
    };
    let mut race = race(&[breaker_open(forecast(0, 10.0)), unseen(1, false)]);
    assert_eq!(actions(&mut race, at(0)), (vec![Dial(no(1))], Some(100.0)));
    // 2 × 50 ms of silence.
    assert_eq!(actions(&mut race, at(101)).0, [Dial(no(0))]);
    // If all breakers are open, they are dialled like others.
    let mut race = self::race(&[
        breaker_open(unseen(0, false)),
        breaker_open(unseen(1, false)),
    ]);
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0)), Dial(no(1))]);
}

#[test]
fn a_cold_race_leaves_what_failed_lately_to_the_end() {
    let mut breaker_open = unseen(0, false);
    breaker_open.breaker_open = true;
    let mut race = race(&[breaker_open, unseen(1, false)]);
    assert_eq!(actions(&mut race, at(0)), (vec![Dial(no(1))], Some(100.0)));
    assert_eq!(actions(&mut race, at(101)).0, [Dial(no(0))]);
    let all_open = [0, 1].map(|host| Forecast {
        breaker_open: true,
        ..unseen(host, false)
    });
    let mut race = self::race(&all_open);
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0)), Dial(no(1))]);
}

#[test]
fn a_cold_race_takes_a_host_at_a_time_and_then_families_in_turn() {
    let mut race = Race::new(WIDTH, SynTrust::default());
    assert_eq!(race.next(at(0)), Action::Wait);
    race.add(unseen(0, true), at(10));
    race.add(unseen(0, false), at(10));
    // The second host may answer within 50 ms.
    assert_eq!(actions(&mut race, at(10)), (vec![Dial(no(0))], Some(60.0)));
    race.add(unseen(1, true), at(30));
    race.add(unseen(1, false), at(30));
    assert_eq!(actions(&mut race, at(30)), (vec![Dial(no(3))], Some(60.0)));
    race.no_more();
    assert_eq!(actions(&mut race, at(31)).0, [Dial(no(2))]);
}

#[test]
fn what_all_answers_are_late_by_is_the_queue() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 52.0), forecast(2, 54.0)]);
    actions(&mut race, at(0));
    race.established(no(0), at(154));
    assert_eq!(race.queue_ms(), 0.0);
    race.established(no(1), at(166));
    // The least of 154 − 1.08·50 and 166 − 1.08·52.
    assert!((race.queue_ms() - 100.0).abs() < 1e-9);
    let observations = race.observations(at(166));
    let Some(Measured::Took(syn_ms)) = observations[0].1.syn else {
        panic!("{observations:?}");
    };
    assert!((syn_ms - 54.0).abs() < 1e-9);
}

#[test]
fn a_trap_that_answers_syns_is_a_failure_and_a_slow_one_a_doubt() {
    let mut forecasts = [forecast(0, 50.0), forecast(1, 51.0), forecast(2, 52.0)];
    forecasts[1].verified = false;
    let mut race = race(&forecasts);
    actions(&mut race, at(0));
    race.established(no(1), at(5));
    assert_eq!(actions(&mut race, at(5)).0, [Handshake(no(1))]);
    race.established(no(0), at(50));
    assert_eq!(actions(&mut race, at(300)).0, [Handshake(no(0))]);
    race.opened(no(0), at(400));
    let failures: Vec<_> = race
        .observations(at(400))
        .iter()
        .map(|(_, one)| one.failure)
        .collect();
    assert_eq!(
        failures,
        [None, Some(Severity::Soft), Some(Severity::Doubt)]
    );
}

/// Nothing ever answers: the one silent longest makes room; then dials are repeated, ever more rarely.
#[test]
fn a_dead_network_is_bounded() {
    let many: Vec<Forecast> = (0..20).map(|host| forecast(host, 50.0)).collect();
    let mut race = race(&many);
    let (mut now, mut dials, mut cancels) = (at(0), 0, 0);
    while now < at(30_000) {
        match race.next(now) {
            Dial(_) => dials += 1,
            Cancel(_) => cancels += 1,
            Action::WaitUntil(until) => {
                assert!(until > now, "time must go on");
                now = until;
            }
            Action::Wait => break,
            other => panic!("{other:?}"),
        }
        assert!(dials - cancels <= WIDTH.in_flight);
    }
    assert_eq!((dials, cancels), (20 + 9, 20 + 9 - WIDTH.in_flight));
}

#[test]
fn silence_in_a_race_that_nobody_won_teaches_nothing() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 51.0)]);
    actions(&mut race, at(0));
    race.established(no(0), at(50));
    actions(&mut race, at(50));
    let observations = race.observations(at(15_000));
    assert_eq!(observations[0].1.syn, Some(Measured::Took(50.0)));
    assert_eq!(
        (observations[0].1.rest, observations[1].1.syn),
        (None, None)
    );
    assert_eq!(
        (observations[0].1.failure, observations[1].1.failure),
        (None, None)
    );
}

/// Forty that never answer: eight are replaced after 1 s, eight more after 2 s, 4 s and 8 s.
#[test]
fn patience_grows_so_that_slow_networks_work() {
    let many: Vec<Forecast> = (0..40).map(|host| forecast(host, 50.0)).collect();
    let mut race = race(&many);
    let (mut now, mut cancels) = (at(0), Vec::new());
    while now < at(15_000) {
        match race.next(now) {
            Cancel(_) => cancels.push(now),
            Action::WaitUntil(until) => now = until,
            Dial(_) => {}
            Action::Wait => break,
            other => panic!("{other:?}"),
        }
    }
    assert!((20..=32).contains(&cancels.len()), "{cancels:?}");
    assert!(cancels[8] - cancels[0] >= at(1_900), "{cancels:?}");
}

fn unseen(host: usize, v6: bool) -> Forecast {
    let mut one = forecast(host, 50.0);
    (one.verified, one.place.v6) = (false, v6);
    one
}

/// Each host once, the nearest first, then further addresses of the nearest. So several hosts are tried
/// whatever the prior says.
#[test]
fn with_a_prior_the_nearest_come_first() {
    let told = |host, syn_ms| {
        let mut one = forecast(host, syn_ms);
        (one.verified, one.foretold) = (false, true);
        Candidate::from(one)
    };
    let all = [(0, 90.0), (0, 90.0), (1, 30.0), (1, 30.0), (2, 60.0)];
    let mut race = among(WIDTH, &all.map(|(host, syn_ms)| told(host, syn_ms)));
    race.no_more();
    let order = [2, 4, 0, 3, 1].map(|number| Dial(no(number)));
    assert_eq!(actions(&mut race, at(0)).0, order);
    // DNS has returned these so far: a host's second address waits for the others.
    let mut race = Race::new(WIDTH, SynTrust::default());
    race.add(told(0, 90.0), at(0));
    race.add(told(0, 90.0), at(0));
    assert_eq!(actions(&mut race, at(0)), (vec![Dial(no(0))], Some(50.0)));
    race.add(told(1, 30.0), at(10));
    assert_eq!(actions(&mut race, at(10)).0, [Dial(no(2))]);
    assert_eq!(actions(&mut race, at(51)).0, [Dial(no(1))]);
}

#[test]
fn where_only_a_proxy_can_answer_is_dialled_after_all_others() {
    let local = Candidate {
        last_resort: true,
        ..unseen(0, false).into()
    };
    let public = |host| Candidate::from(unseen(host, false));
    let mut race = among(WIDTH, &[local, public(1), public(2)]);
    let (dialled, until) = actions(&mut race, at(0));
    assert_eq!(dialled, [Dial(no(1)), Dial(no(2))]);
    // 2 × 50 ms of silence.
    assert_eq!(until, Some(100.0));
    assert_eq!(actions(&mut race, at(101)).0, [Dial(no(0))]);
    // If it is the only one, it waits as long as another name may take to resolve.
    let mut race = Race::new(WIDTH, SynTrust::default());
    race.add(local, at(10));
    assert_eq!(actions(&mut race, at(10)), (vec![], Some(60.0)));
    assert_eq!(actions(&mut race, at(61)).0, [Dial(no(0))]);
    // One that opened before is as good as any.
    let verified = |host| Candidate {
        last_resort: true,
        ..forecast(host, 50.0).into()
    };
    let mut race = among(WIDTH, &[verified(0), verified(1)]);
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0)), Dial(no(1))]);
}

/// Whatever is remembered, the first address that DNS returns is dialled when the dials are late, and
/// gets the next handshake when one is late.
#[test]
fn what_dns_gives_comes_before_what_is_remembered() {
    let remembered = |host| Candidate {
        remembered: true,
        ..forecast(host, 1.0).into()
    };
    let remembered: Vec<Candidate> = (0..20).map(remembered).collect();
    let entries = || [&remembered[..], &[forecast(20, 50.0).into()]].concat();
    let mut race = among(WIDTH, &entries());
    let at_once = vec![Dial(no(0)), Dial(no(1)), Dial(no(2))];
    assert_eq!(actions(&mut race, at(0)), (at_once, Some(80.0)));
    assert_eq!(actions(&mut race, at(81)).0, [Dial(no(20))]);
    race.established(no(0), at(1));
    assert_eq!(actions(&mut race, at(82)).0, [Handshake(no(0))]);
    race.given(no(3));
    assert_eq!(actions(&mut race, at(200)).0, [Dial(no(3))]);
    race.established(no(1), at(1));
    race.established(no(3), at(1));
    race.established(no(20), at(50));
    assert_eq!(actions(&mut race, at(250)).0, [Handshake(no(3))]);
    assert_eq!(actions(&mut race, at(400)).0, [Handshake(no(20))]);
}

#[test]
fn acceleration_nodes_are_tried_two_at_a_time() {
    let node = |forecast: Forecast| Candidate {
        accelerated: true,
        ..forecast.into()
    };
    let warm: Vec<Candidate> = (0..4).map(|host| node(forecast(host, 50.0))).collect();
    let mut race = among(WIDTH, &warm);
    assert_eq!(actions(&mut race, at(0)).0.len(), 2);
    let cold: Vec<Candidate> = (0..4).map(|host| node(unseen(host, false))).collect();
    let mut race = among(WIDTH, &cold);
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0)), Dial(no(1))]);
    assert_eq!(actions(&mut race, at(500)).0, []);
    race.failed(no(0), Severity::Soft);
    assert_eq!(actions(&mut race, at(600)).0, [Dial(no(2))]);
}

#[test]
fn one_at_a_time_waits_for_silence_and_gives_handshakes_ten_seconds() {
    let entries: Vec<Candidate> = (0..3).map(|host| forecast(host, 50.0).into()).collect();
    let mut race = among(Width::ONE, &entries);
    assert_eq!(
        actions(&mut race, at(0)),
        (vec![Dial(no(0))], Some(3_000.0))
    );
    assert_eq!(
        actions(&mut race, at(3_001)).0,
        [Cancel(no(0)), Dial(no(1))]
    );
    race.established(no(1), at(50));
    assert_eq!(actions(&mut race, at(3_051)).0, [Handshake(no(1))]);
    assert_eq!(actions(&mut race, at(13_000)).0, []);
    assert_eq!(
        actions(&mut race, at(13_100)).0,
        [Cancel(no(1)), Dial(no(2))]
    );
}

fn reconnecting(entries: usize, since_loss: Duration) -> Race {
    let entries: Vec<Candidate> = (0..entries)
        .map(|host| forecast(host, 50.0).into())
        .collect();
    among(Width::after_loss(since_loss), &entries)
}

#[test]
fn reconnecting_dials_a_second_after_silence_and_a_third_only_in_its_place() {
    let mut race = reconnecting(4, at(0));
    assert_eq!(actions(&mut race, at(0)), (vec![Dial(no(0))], Some(300.0)));
    assert_eq!(
        actions(&mut race, at(301)),
        (vec![Dial(no(1))], Some(601.0))
    );
    // Two SYNs are under way: the third waits until the first is cancelled.
    assert_eq!(actions(&mut race, at(602)), (vec![], Some(3_000.0)));
    assert_eq!(
        actions(&mut race, at(3_001)).0,
        [Cancel(no(0)), Dial(no(2))]
    );
    // The second one answers, and no other is dialled.
    race.established(no(1), at(2_800));
    assert_eq!(actions(&mut race, at(3_101)).0, [Handshake(no(1))]);
    assert_eq!(actions(&mut race, at(3_400)).0, []);
}

#[test]
fn reconnecting_waits_for_three_round_trips_of_a_slow_host() {
    let entries = [forecast(0, 400.0), forecast(1, 500.0)].map(Candidate::from);
    let mut race = among(Width::RECONNECT, &entries);
    assert_eq!(
        actions(&mut race, at(0)),
        (vec![Dial(no(0))], Some(1_200.0))
    );
}

#[test]
fn reconnecting_hedges_a_late_handshake_once_on_another_host_and_abandons_neither() {
    let mut race = reconnecting(4, at(0));
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0))]);
    race.established(no(0), at(50));
    assert_eq!(
        actions(&mut race, at(50)),
        (vec![Handshake(no(0))], Some(1_550.0))
    );
    assert_eq!(actions(&mut race, at(1_549)).0, []);
    assert_eq!(actions(&mut race, at(1_551)).0, [Dial(no(1))]);
    race.established(no(1), at(50));
    assert_eq!(actions(&mut race, at(1_601)).0, [Handshake(no(1))]);
    // Both are late: two handshakes are under way, and no third starts until the first is 10 s old.
    assert_eq!(actions(&mut race, at(3_200)), (vec![], Some(10_050.0)));
    race.secured(no(0), at(9_000));
    race.opened(no(0), at(9_050));
    let shown = race.observations(at(9_050));
    assert!(shown[0].1.opened);
}

#[test]
fn the_longer_the_loss_the_later_the_hedge() {
    for (since_loss, deadline) in [(0, 1_500.0), (500, 1_500.0), (2_000, 6_000.0)] {
        let mut race = reconnecting(2, at(since_loss));
        assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0))]);
        race.established(no(0), at(50));
        let expected = (vec![Handshake(no(0))], Some(50.0 + deadline));
        assert_eq!(actions(&mut race, at(50)), expected, "{since_loss}");
    }
    // Still late: then it is replaced, too.
    for since_loss in [Duration::from_secs(10), Duration::MAX] {
        assert_eq!(Width::after_loss(since_loss).flight_least_ms, 10_000.0);
    }
}

/// After outages a candidate may be expected to take half a minute. The others must not wait for it.
#[test]
fn no_expectation_keeps_the_others_waiting_for_long() {
    let mut race = race(&[forecast(0, 30_000.0), forecast(1, 90_000.0)]);
    assert_eq!(
        actions(&mut race, at(0)),
        (vec![Dial(no(0))], Some(1_000.0))
    );
    assert_eq!(actions(&mut race, at(1_001)).0, [Dial(no(1))]);
    race.established(no(0), at(1_010));
    assert_eq!(
        actions(&mut race, at(1_010)),
        (vec![Handshake(no(0))], Some(3_010.0))
    );
}

#[test]
fn what_dns_brings_late_joins_if_it_is_worth_it() {
    let mut race = Race::new(WIDTH, SynTrust::default());
    race.add(forecast(0, 50.0), at(0));
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0))]);
    race.add(forecast(1, 200.0), at(10));
    assert_eq!(actions(&mut race, at(10)).0, []);
    race.add(forecast(2, 52.0), at(20));
    assert_eq!(actions(&mut race, at(20)).0, [Dial(no(2))]);
}

#[test]
fn unknown_numbers_are_ignored() {
    let mut race = race(&[forecast(0, 50.0)]);
    race.established(no(7), at(1));
    race.secured(no(7), at(1));
    race.opened(no(7), at(1));
    race.failed(no(7), Severity::Hard);
    assert_eq!(actions(&mut race, at(1)).0, [Dial(no(0))]);
}

/// When each dial is made among this many that never answer.
fn dials_in_silence(width: Width, candidates: usize, until: Duration) -> Vec<(AttemptId, f64)> {
    let many: Vec<Candidate> = (0..candidates)
        .map(|host| unseen(host, false).into())
        .collect();
    let mut race = among(width, &many);
    let (mut now, mut dials) = (at(0), Vec::new());
    while now < until {
        match race.next(now) {
            Dial(one) => dials.push((one, ms(now).round())),
            Action::WaitUntil(until) => now = until,
            Cancel(_) => {}
            Action::Wait => break,
            other => panic!("{other:?}"),
        }
    }
    dials
}

/// The network is away: dials are repeated one after the other, so that its return is noticed soon. One
/// from the first half of the time always stays.
#[test]
fn what_is_silent_is_dialled_anew_while_nobody_answers() {
    let dials = dials_in_silence(WIDTH, 4, at(10_000));
    let (numbers, times): (Vec<usize>, Vec<f64>) =
        dials.iter().map(|(one, ms)| (one.index(), *ms)).unzip();
    assert_eq!(numbers[..8], [0, 1, 2, 3, 0, 1, 2, 3]);
    assert_eq!(
        times[..8],
        [0.0, 0.0, 0.0, 100.0, 1_000.0, 1_400.0, 1_800.0, 2_250.0]
    );
    let pauses = times[4..].windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.clone().all(|ms| ms >= 400.0), "{times:?}");
    assert_eq!(times.len(), 4 + 10, "{times:?}");
    // With a single candidate the kernel repeats the SYN.
    assert_eq!(dials_in_silence(WIDTH, 1, at(10_000)).len(), 1);
    for two in dials_in_silence(WIDTH, 2, at(60_000))[2..].windows(2) {
        assert!(two[1].1 >= 2.0 * two[0].1 - 2.0, "{two:?}");
    }
    // A crowd sends no more SYNs.
    for width in [Width::ONE, Width::RECONNECT] {
        assert_eq!(dials_in_silence(width, 4, at(14_000)).len(), 4);
    }
}

/// Any answer, even a refusal, shows that the network works.
#[test]
fn nothing_is_dialled_anew_once_somebody_answered() {
    for refused in [true, false] {
        let mut race = race(&[unseen(0, false), unseen(1, false), unseen(2, false)]);
        assert_eq!(actions(&mut race, at(0)).0.len(), 3);
        match refused {
            true => race.failed(no(0), Severity::Soft),
            false => race.established(no(0), at(50)),
        }
        let (began, until) = actions(&mut race, at(50));
        assert!(
            began.len() <= 1 && !began.contains(&Dial(no(0))),
            "{began:?}"
        );
        assert!(until.is_none_or(|ms| ms < 400.0), "{until:?}");
        assert_eq!(actions(&mut race, at(3_000)).0, []);
    }
}

/// A slow link: the first packet of the server's flight comes after 1.0 s, the last after 1.7 s.
#[test]
fn a_handshake_whose_bytes_arrive_is_not_late() {
    let mut race = race(&[unseen(0, false), unseen(1, false), unseen(2, false)]);
    actions(&mut race, at(0));
    for number in [0, 1, 2] {
        race.established(no(number), at(260));
    }
    let (began, until) = actions(&mut race, at(260));
    assert_eq!(began, [Handshake(no(0))]);
    let flight_ms = until.unwrap() - 260.0;
    let hedged = at(until.unwrap() as u64 + 1);
    let (began, until) = actions(&mut race, hedged);
    assert_eq!(began, [Handshake(no(1))]);
    // If both are late alike, no third starts for three times the deadline of a flight.
    let (began, _) = actions(&mut race, at(until.unwrap() as u64 + 1));
    assert_eq!(began, []);
    race.progressed(no(0), at(1_260));
    // As long as the first bytes took.
    assert_eq!(actions(&mut race, at(1_260)), (vec![], Some(2_260.0)));
    race.progressed(no(0), at(1_960));
    race.secured(no(0), at(1_960));
    assert_eq!(actions(&mut race, at(1_960)), (vec![], Some(2_960.0)));
    // Without any bytes the third starts after all.
    let third = 260.0 + 1.0 + 4.0 * flight_ms;
    assert!((1_300.0..2_000.0).contains(&third), "{third}");
}

/// Bytes arriving for ever extend a handshake to 4 s.
#[test]
fn a_tarpit_is_hedged_in_the_end() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 52.0)]);
    actions(&mut race, at(0));
    race.established(no(0), at(50));
    race.established(no(1), at(52));
    assert_eq!(actions(&mut race, at(52)).0, [Handshake(no(0))]);
    for ms in (60..4_000).step_by(20) {
        race.progressed(no(0), at(ms));
        assert_eq!(actions(&mut race, at(ms)).0, [], "{ms}");
    }
    race.progressed(no(0), at(4_053));
    assert_eq!(actions(&mut race, at(4_053)).0, [Handshake(no(1))]);
}

/// Where large packets are lost, only the ServerHello arrives: that costs one flight.
#[test]
fn bytes_that_came_once_count_once() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 52.0)]);
    actions(&mut race, at(0));
    race.established(no(0), at(50));
    race.established(no(1), at(52));
    let flight_ms = actions(&mut race, at(52)).1.unwrap() - 52.0;
    race.progressed(no(0), at(104));
    let (began, until) = actions(&mut race, at(104));
    assert_eq!((began, until), (vec![], Some(104.0 + flight_ms)));
    race.progressed(no(0), at(104));
    let late = at(104 + flight_ms as u64 + 1);
    assert_eq!(actions(&mut race, late).0, [Handshake(no(1))]);
}

/// A device without IPv6 reports the failure itself, at once.
#[test]
fn that_there_is_no_route_is_no_answer() {
    let mut race = race(&[unseen(0, true), unseen(1, false), unseen(2, false)]);
    assert_eq!(actions(&mut race, at(0)).0.len(), 3);
    race.failed(no(0), Severity::Elsewhere);
    assert_eq!(actions(&mut race, at(1)).0, []);
    assert_eq!(
        actions(&mut race, at(1_001)).0,
        [Cancel(no(1)), Dial(no(1))]
    );
}

/// SYN-ACKs that queue reveal a slow link and postpone the first hedge. Those of SYNs sent later don't,
/// nor those on a known network.
#[test]
fn syn_acks_far_apart_put_the_first_hedge_off() {
    let first_hedge = |forecasts: [Forecast; 3], answers: [u64; 3]| {
        let mut race = race(&forecasts);
        actions(&mut race, at(0));
        for (number, ms) in answers.into_iter().enumerate() {
            race.established(no(number), at(ms));
        }
        assert_eq!(actions(&mut race, at(320)).0, [Handshake(no(0))]);
        (320..)
            .find(|ms| !actions(&mut race, at(*ms)).0.is_empty())
            .unwrap()
            - 320
    };
    let unknown = [0, 1, 2].map(|host| {
        let mut one = unseen(host, false);
        one.syn.variance = 0.74;
        one
    });
    let known = [260.0, 265.0, 270.0].map(|syn_ms| forecast(syn_ms as usize, syn_ms));
    assert!(first_hedge(unknown, [260, 261, 262]) < 400);
    // 260 ms plus 36 times 30 ms, or four times the deadline of a flight if that is less.
    assert!((1_300..=1_341).contains(&first_hedge(unknown, [260, 290, 320])));
    assert!(first_hedge(unknown, [200, 230, 260]) < 400);
    assert!(first_hedge(known, [260, 290, 320]) < 420);
}

/// A handshake that trickles bytes shows that bytes promise nothing: the next one is late as usual.
#[test]
fn bytes_give_time_to_one_only() {
    let mut race = race(&[forecast(0, 50.0), forecast(1, 50.0), forecast(2, 50.0)]);
    actions(&mut race, at(0));
    for number in 0..3 {
        race.established(no(number), at(50));
    }
    let mut begun = Vec::new();
    for now in (50..6_000).step_by(10) {
        for number in 0..2 {
            race.progressed(no(number), at(now));
        }
        let (wanted, _) = actions(&mut race, at(now));
        begun.extend(
            wanted
                .into_iter()
                .filter(|one| matches!(one, Handshake(_)))
                .map(|_| now),
        );
    }
    assert_eq!(begun.len(), 3, "{begun:?}");
    assert!(begun[2] < begun[1] + 200, "{begun:?}");
}

/// Addresses remembered from other networks leave a place for one that DNS returns here.
#[test]
fn what_is_remembered_leaves_a_place_for_what_dns_gives() {
    let unverified = |host| Forecast {
        verified: false,
        ..forecast(host, 50.0)
    };
    let width = Width {
        cold_dials: 2,
        ..WIDTH
    };
    let mut race = Race::new(width, SynTrust::default());
    for host in 0..3 {
        let remembered = true;
        let candidate = Candidate {
            remembered,
            ..unverified(host).into()
        };
        race.add(candidate, at(0));
    }
    assert_eq!(actions(&mut race, at(0)).0, [Dial(no(0)), Dial(no(1))]);
    for host in 3..6 {
        race.add(unverified(host), at(20));
    }
    assert_eq!(actions(&mut race, at(20)).0, [Dial(no(3))]);
}

/// Over a satellite, silence for a few seconds is normal.
#[test]
fn where_round_trips_are_known_to_be_long_nobody_is_dialled_anew() {
    let redials = |syn_ms: f64| {
        let mut race = race(&[forecast(0, syn_ms), forecast(1, syn_ms)]);
        let mut all = Vec::new();
        for now in (0..4_000).step_by(50) {
            all.extend(actions(&mut race, at(now)).0);
        }
        all.iter().filter(|one| matches!(one, Cancel(_))).count()
    };
    assert_eq!(redials(2_500.0), 0);
    assert!(redials(50.0) > 0);
}
