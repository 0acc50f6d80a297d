//! The filters by hand, the preference, the gate, the background probes.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn place(host: usize) -> Place {
    Place {
        cluster: 0,
        host,
        v6: false,
    }
}

fn history(hosts: usize) -> History {
    let mut history = History::default();
    (0..hosts).for_each(|host| {
        history.add(place(host));
    });
    history
}

fn opened(candidate: usize, syn_ms: f64, rest_ms: f64) -> Lesson {
    Lesson {
        candidate,
        syn: Some(Measured::Took(syn_ms)),
        rest: Some(Measured::Took(rest_ms)),
        tls_ms: Some(syn_ms),
        opened: true,
        failure: None,
    }
}

/// Prior N(ln 50, .69), sample ln 100: K = .69/.715; z = ln 2/√.715 = .82 is not clipped.
#[test]
fn the_first_measurement_by_hand() {
    let mut history = history(1);
    history.learn(&[opened(0, 100.0, 200.0)], HOUR, 0.5);
    let one = history.forecasts(HOUR)[0];
    let gain = 0.69 / 0.715;
    assert!((one.syn.mean - (50.0_f64.ln() + gain * 2.0_f64.ln())).abs() < 1e-5);
    assert!((one.syn.variance - 0.69 * (1.0 - gain)).abs() < 1e-5);
    // ρ: prior N(.80, .065), sample ln 2.
    let gain = 0.065 / 0.09;
    assert!((one.rest.mean - (0.80 + gain * (2.0_f64.ln() - 0.80))).abs() < 1e-4);
    assert!(one.verified && one.last_winner);
    // Ten hours later.
    let later = history.forecasts(11 * HOUR)[0];
    assert!((later.syn.variance - one.syn.variance - 10.0 * SYN_DRIFT).abs() < 1e-9);
    assert_eq!(later.syn.mean, one.syn.mean);
}

#[test]
fn a_spike_moves_little_and_two_of_a_kind_are_a_step() {
    let mut history = history(1);
    for _ in 0..20 {
        history.learn(&[opened(0, 50.0, 100.0)], HOUR, 0.5);
    }
    let before = history.forecasts(HOUR)[0].syn;
    history.learn(&[opened(0, 500.0, 1_000.0)], HOUR, 0.5);
    let spiked = history.forecasts(HOUR)[0].syn;
    // K·1.2·√(P + R) with P about R/21.
    let gain = before.variance / (before.variance + NOISE);
    let clipped = 1.2 * (before.variance + NOISE).sqrt();
    assert!((spiked.mean - before.mean - gain * clipped).abs() < 1e-9);
    history.learn(&[opened(0, 500.0, 1_000.0)], HOUR, 0.5);
    let stepped = history.forecasts(HOUR)[0].syn;
    assert!(stepped.mean - spiked.mean > 10.0 * (spiked.mean - before.mean));
}

#[test]
fn what_was_given_up_early_says_nothing() {
    let mut history = history(1);
    history.learn(&[opened(0, 50.0, 100.0)], HOUR, 0.5);
    let before = history.forecasts(HOUR)[0].syn;
    let given_up = |ms| Lesson {
        syn: Some(Measured::AtLeast(ms)),
        rest: None,
        tls_ms: None,
        opened: false,
        ..opened(0, 0.0, 0.0)
    };
    history.learn(&[given_up(20.0)], HOUR, 0.5);
    assert_eq!(history.forecasts(HOUR)[0].syn, before);
    history.learn(&[given_up(200.0)], HOUR, 0.5);
    assert!(history.forecasts(HOUR)[0].syn.mean > before.mean);
}

#[test]
fn the_preference_follows_slowly() {
    let mut history = history(2);
    history.learn(&[opened(0, 50.0, 100.0)], HOUR, 0.5);
    assert_eq!(history.preferred(), Some(0));
    history.learn(&[opened(1, 48.0, 96.0)], HOUR, 0.5);
    assert_eq!(history.preferred(), Some(0), "4 % are not worth it");
    for _ in 0..10 {
        history.learn(&[opened(1, 20.0, 40.0)], HOUR, 0.5);
    }
    assert_eq!(history.preferred(), Some(1));
}

#[test]
fn the_preference_leaves_what_fails() {
    let mut history = history(2);
    history.learn(
        &[opened(1, 100.0, 200.0), opened(0, 50.0, 100.0)],
        HOUR,
        0.5,
    );
    assert_eq!(history.preferred(), Some(0));
    let refused = Lesson {
        syn: None,
        rest: None,
        tls_ms: None,
        opened: false,
        failure: Some(Severity::Soft),
        ..opened(0, 0.0, 0.0)
    };
    history.learn(&[refused], HOUR, 0.5);
    assert_eq!(history.preferred(), Some(1));
}

/// Five handshakes whose TLS takes ten times the SYN: ĝ = .6·(1 − .8^…) is bounded per step;
/// the network is not trusted once it passes .6.
#[test]
fn a_middlebox_that_answers_syns_is_noticed() {
    let mut history = history(1);
    assert!(history.gate().trusted);
    for _ in 0..12 {
        history.learn(
            &[Lesson {
                tls_ms: Some(30.0),
                ..opened(0, 3.0, 60.0)
            }],
            HOUR,
            0.5,
        );
    }
    let gate = history.gate();
    assert!(!gate.trusted && gate.stretch > 1.0, "{gate:?}");
}

#[test]
fn the_unseen_are_refreshed_and_the_hopeless_are_not() {
    let refresh = Refresh {
        probes: 2,
        worth: 0.01,
    };
    let mut history = history(3);
    assert!(
        history.to_refresh(refresh, HOUR).is_empty(),
        "nothing opened"
    );
    history.learn(&[opened(0, 20.0, 40.0)], HOUR, 0.5);
    history.refreshed(1, Some(21.0), HOUR, 0.5);
    history.refreshed(2, Some(400.0), HOUR, 0.5);
    assert!(
        history.to_refresh(refresh, HOUR).is_empty(),
        "all were just seen"
    );
    assert_eq!(history.to_refresh(refresh, 5 * HOUR), [0, 1]);
}
