//! Priors: files of them, and their effect on a network where nothing opened yet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use easelect_engine::history::{History, Key, KnownNetwork, Network};
use easelect_engine::id::CandidateId;
use easelect_engine::observation::{Measured, Observation};
use easelect_engine::priors::{Prior, Priors};
use easelect_engine::shown::is_hidden;
use easelect_engine::timestamp::Timestamp;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn at(minutes: u64) -> Timestamp {
    START.after(Duration::from_secs(60 * minutes))
}

fn key(host: usize, last: u8) -> Key {
    Key {
        region: "own".to_owned(),
        host: format!("h{host}.example"),
        address: SocketAddr::from(([44, 128, host as u8, last], 443)),
        service: "websocket".to_owned(),
    }
}

/// A prior for the hosts in order, in ms; sd .2.
fn prior(told: &[f64]) -> Option<Arc<Prior>> {
    let hosts = told.iter().enumerate();
    let hosts = hosts.map(|(host, ms)| format!(r#""h{host}.example": {{"ms": {ms}, "sd": 0.2}}"#));
    let hosts: Vec<String> = hosts.collect();
    let text = format!(
        r#"{{"schema": 1, "classes": {{"c": {{{}}}}}}}"#,
        hosts.join(",")
    );
    Priors::from_json(&text)
        .unwrap()
        .of("c", |_| true)
        .map(Arc::new)
}

/// Two addresses on each of this many hosts.
fn network(hosts: usize, prior: Option<Arc<Prior>>) -> Network {
    let mut network = Network::default();
    network.expect(prior);
    for host in 0..hosts {
        network.list(&key(host, 0), START);
        network.list(&key(host, 1), START);
    }
    network
}

fn syns(network: &Network, now: Timestamp) -> Vec<f64> {
    let forecasts = network.forecasts(now).into_iter();
    forecasts.map(|one| one.syn_ms()).collect()
}

fn opened(candidate: usize, syn_ms: f64) -> (CandidateId, Observation) {
    let observation = Observation {
        syn: Some(Measured::Took(syn_ms)),
        rest: Some(Measured::Took(2.0 * syn_ms)),
        tls_ms: Some(syn_ms),
        opened: true,
        ..Observation::default()
    };
    (CandidateId::new(candidate), observation)
}

fn answered(candidate: usize, syn_ms: f64) -> (CandidateId, Observation) {
    (
        CandidateId::new(candidate),
        Observation::of_probe(Some(syn_ms)),
    )
}

/// x of a network is N(ln 50, .36), a host differs from it by N(0, .23), an address from that by N(0,
/// .05). A prior is off by N(0, .2² + .1).
#[test]
fn what_is_said_by_hand() {
    let network = network(2, prior(&[20.0]));
    let (told, unknown) = (20.0_f64.ln(), 50.0_f64.ln());
    let of_network = (1.0 / 0.36 + 1.0 / 0.37_f64).recip();
    let mean = unknown + of_network / 0.37 * (told - unknown);
    let gain = 0.23 / 0.37;
    let (near, other) = (network.forecasts(START)[0], network.forecasts(START)[2]);
    let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-9, "{one} {other}");
    close(near.syn.mean, mean + gain * (told - mean));
    close(near.syn.variance, of_network + gain * 0.14 + 0.05);
    // For another host it says how fast the network is.
    close(other.syn.mean, mean);
    close(other.syn.variance, of_network + 0.23 + 0.05);
    assert!(near.foretold && near.hearsay && other.foretold);
    // The same for an address that is not known yet, and in a race.
    let unknown = network.forecast_unknown(&key(0, 9), START);
    close(unknown.syn.mean, near.syn.mean);
    close(network.outlook(START).0[1].syn.mean, near.syn.mean);
}

#[test]
fn without_a_prior_nothing_changes() {
    let (plain, mut told) = (network(3, None), network(3, prior(&[10.0, 20.0])));
    assert!(syns(&plain, START) != syns(&told, START));
    told.expect(None);
    assert_eq!(plain, told);
}

/// A prior is part of the expectation before any measurement, and is no measurement itself.
#[test]
fn leaving_and_coming_back_count_it_once() {
    let mut network = network(3, prior(&[30.0, 60.0, 90.0]));
    let before = syns(&network, START);
    network.leave();
    assert_eq!(syns(&network, START), before);
    network.learn(&[answered(0, 35.0)], at(0), 0.0);
    let measured = syns(&network, at(0))[0];
    for _ in 0..20 {
        network.leave();
        network.learn(&[], at(0), 0.0);
    }
    assert!((syns(&network, at(0))[0] - measured).abs() < 1e-6);
    // It doesn't fade with time.
    let later = network.forecast_unknown(&key(2, 7), at(60 * 24 * 30));
    assert!((later.syn_ms() - before[4]).abs() < 5.0, "{later:?}");
}

/// As without the prior, within 5 %: measured hosts are known by that, and the rest of the prior is
/// forgotten with the first opening.
#[test]
fn a_wrong_file_is_outweighed_after_three_connections() {
    for wrong in [
        [400.0, 100.0, 5.0],
        [5.0, 5.0, 5.0],
        [3_000.0, 0.2, 60_000.0],
    ] {
        let (mut plain, mut told) = (network(3, None), network(3, prior(&wrong)));
        for connection in 1..=3 {
            let now = at(connection);
            let shown = [opened(0, 40.0), answered(2, 80.0), answered(4, 120.0)];
            for network in [&mut plain, &mut told] {
                network.learn(&shown, now, 0.0);
            }
            let foretold = told.forecasts(now).iter().any(|one| one.foretold);
            assert!(!foretold, "from the first that opens on");
            // Related candidates follow at once.
            let (plain, told) = (syns(&plain, now)[1], syns(&told, now)[1]);
            assert!((told / plain).ln().abs() < 0.3, "{wrong:?}: {plain} {told}");
        }
        let both = syns(&plain, at(3)).into_iter().zip(syns(&told, at(3)));
        for (plain, told) in both {
            assert!(
                (told / plain).ln().abs() < 0.05,
                "{wrong:?}: {plain} {told}"
            );
        }
    }
}

#[test]
fn on_a_known_network_it_says_nothing() {
    let mut network = network(2, None);
    network.learn(&[opened(0, 40.0)], at(0), 0.0);
    let before = network.clone();
    network.expect(prior(&[400.0, 1.0]));
    assert_eq!(network, before);
}

#[test]
fn it_is_not_kept_in_a_history() {
    let stored = |network: Network| {
        let known = KnownNetwork {
            id: "home".to_owned(),
            used: START,
            network,
        };
        History::of([known]).to_json().unwrap()
    };
    let told = stored(network(2, prior(&[10.0, 20.0])));
    assert_eq!(told, stored(network(2, None)));
}

#[test]
fn what_is_wrong_is_named() {
    let of = |entry: &str| format!(r#"{{"schema": 1, "classes": {{"cn": {{"h": {entry}}}}}}}"#);
    let long = "x".repeat(300);
    for (text, why) in [
        (
            String::new(),
            "priors: EOF while parsing a value at line 1 column 0",
        ),
        (
            "[]".to_owned(),
            "priors: invalid length 0, expected struct Version with 1 element at line 1 column 2",
        ),
        (
            r#"{"schema": 2, "more": 1}"#.to_owned(),
            "priors: schema is 2: expected 1",
        ),
        (
            r#"{"schema": 1}"#.to_owned(),
            "priors: missing field `classes` at line 1 column 13",
        ),
        (
            of(r#"{"ms": 0, "sd": 0.2}"#),
            "priors: cn: h: ms is 0: expected 0.1 to 60000",
        ),
        (
            of(r#"{"ms": 60001, "sd": 0.2}"#),
            "priors: cn: h: ms is 60001: expected 0.1 to 60000",
        ),
        (
            of(r#"{"ms": 50, "sd": 3.5}"#),
            "priors: cn: h: sd is 3.5: expected 0 to 3",
        ),
        (
            of(r#"{"ms": 50, "sd": -0.1}"#),
            "priors: cn: h: sd is -0.1: expected 0 to 3",
        ),
        (
            of(r#"{"ms": 50}"#),
            "priors: missing field `sd` at line 1 column 48",
        ),
        (
            of(r#"{"ms": 50, "sd": 1, "n": 3}"#),
            "priors: unknown field `n`, expected `ms` or `sd` at line 1 column 61",
        ),
    ] {
        assert_eq!(
            Priors::from_json(&text).unwrap_err().to_string(),
            why,
            "{text}"
        );
    }
    let named = of(r#"{"ms": 50, "sd": 1}"#).replace("\"h\"", &format!("\"{long}\""));
    let why = Priors::from_json(&named).unwrap_err().to_string();
    assert!(
        why.ends_with("a name of 300 bytes: expected at most 255"),
        "{why}"
    );
    let long = " ".repeat(9 << 20);
    let why = Priors::from_json(&long).unwrap_err().to_string();
    assert_eq!(why, "priors: 9437184 bytes: expected at most 8388608");
}

#[test]
fn hosts_that_do_not_count_are_ignored() {
    let text = r#"{"schema": 1, "classes": {"c": {"H.Example": {"ms": 5, "sd": 0}, "x": {"ms": 9, "sd": 0}}}}"#;
    let priors = Priors::from_json(text).unwrap();
    let some = priors.of("c", |host| host == "h.example");
    let alone = Priors::from_json(&text.replace(r#""x""#, r#""h.example""#).replace('9', "5"));
    assert_eq!(some, alone.unwrap().of("c", |_| true));
    assert_eq!(priors.of("c", |_| false), None);
    assert_eq!(priors.of("C", |_| true), None);
}

/// JSON of almost the right form.
fn json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<f64>().prop_map(|one| one.to_string()),
        (0.0..100.0).prop_map(|one: f64| one.to_string()),
        Just("1e999".to_owned()),
        Just("null".to_owned()),
    ];
    let name = "\\PC{0,5}|[a-z\u{202e}\u{1b}]{0,5}";
    let entry = (name, number.clone(), number).prop_map(|(host, ms, sd)| {
        format!(
            "{}: {{\"ms\": {ms}, \"sd\": {sd}}}",
            serde_json::json!(host)
        )
    });
    (name, prop::collection::vec(entry, 0..5)).prop_map(|(class, entries)| {
        let class = serde_json::json!(class);
        format!(
            "{{\"schema\": 1, \"classes\": {{{class}: {{{}}}}}}}",
            entries.join(",")
        )
    })
}

proptest! {
    /// Accepted text never leads to NaN; rejected text has an error of one line.
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), json()]) {
        match Priors::from_json(&text) {
            Ok(priors) => {
                let classes: Vec<&str> = priors.classes().collect();
                for class in classes {
                    let network = network(2, priors.of(class, |_| true).map(Arc::new));
                    for one in network.forecasts(at(5)) {
                        prop_assert!(one.syn.mean.is_finite() && one.syn.variance > 0.0);
                    }
                }
                let shown = format!("{:?}", priors);
                prop_assert!(!shown.chars().any(is_hidden));
            }
            Err(error) => {
                let told = format!("{} {:?}", error, error);
                prop_assert!(!told.chars().any(is_hidden) && told.chars().count() < 8_000);
            }
        }
    }
}
