//! The history: filters calculated by hand, the preference, trust in SYNs, background probes.

use std::net::SocketAddr;
use std::time::Duration;

use easelect_engine::health::Severity;
use easelect_engine::history::{History, Key, KnownNetwork, Network, proven_elsewhere};
use easelect_engine::id::CandidateId;
use easelect_engine::observation::{Measured, Observation};
use easelect_engine::timestamp::Timestamp;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Hours after the start.
fn at(hours: u64) -> Timestamp {
    START.after(Duration::from_secs(3600 * hours))
}

fn key(host: usize, last: u8) -> Key {
    Key {
        region: "own".to_owned(),
        host: format!("h{host}.example"),
        address: SocketAddr::from(([44, 128, 0, last], 443)),
        service: "websocket".to_owned(),
    }
}

/// The candidate with this index.
fn no(number: usize) -> CandidateId {
    CandidateId::new(number)
}

/// One address on each of this many hosts.
fn network(hosts: usize) -> Network {
    let mut network = Network::default();
    for host in 0..hosts {
        assert_eq!(network.list(&key(host, 0), START), no(host));
    }
    network
}

/// The preferred candidate among all, given the previous one.
fn prefer(network: &Network, current: Option<usize>) -> Option<usize> {
    let all: Vec<CandidateId> = network.candidates().map(|(id, ..)| id).collect();
    let preferred = network.prefer(&all, current.map(no), START);
    preferred.map(CandidateId::index)
}

fn opened(candidate: usize, syn_ms: f64, rest_ms: f64) -> (CandidateId, Observation) {
    let observation = Observation {
        syn: Some(Measured::Took(syn_ms)),
        rest: Some(Measured::Took(rest_ms)),
        tls_ms: Some(syn_ms),
        opened: true,
        whole: None,
        syns_before: None,
        failure: None,
        at_address: false,
    };
    (no(candidate), observation)
}

/// Unseen N(ln 50, .64), sample ln 100: K = .64/.665; z = ln 2/√.665 = .85 is not clipped.
#[test]
fn the_first_measurement_by_hand() {
    let mut network = network(1);
    network.learn(&[opened(0, 100.0, 200.0)], START, 0.5);
    let one = network.forecasts(START)[0];
    let gain = 0.64 / 0.665;
    assert!((one.syn.mean - (50.0_f64.ln() + gain * 2.0_f64.ln())).abs() < 1e-5);
    assert!((one.syn.variance - 0.64 * (1.0 - gain)).abs() < 1e-5);
    let own = 0.28 * gain * 2.0_f64.ln() / 0.64;
    // ρ: unseen N(.80, .065), sample ln 2.
    let gain = 0.065 / 0.09;
    assert!((one.rest.mean - (0.80 + gain * (2.0_f64.ln() - 0.80))).abs() < 1e-4);
    assert!(one.verified);
    assert_eq!(network.last_winner(&[no(0)]), Some(no(0)));
    // The host's and the address's part fade in 36 hours, the network's in 100 days.
    let later = network.forecasts(at(36))[0];
    let kept = (-1.0_f64).exp();

    assert!((one.syn.mean - later.syn.mean - own * (1.0 - kept)).abs() < 0.01);
    assert!(later.syn.variance > one.syn.variance + 0.15);
    let forgotten = network.forecasts(at(24 * 365 * 10))[0].syn;
    assert!(
        (forgotten.mean - 50.0_f64.ln()).abs() < 1e-3,
        "{forgotten:?}"
    );
    assert!((forgotten.variance - 0.64).abs() < 1e-3, "{forgotten:?}");
}

/// A SYN says something about the host's other address, and less about other hosts: the covariances are
/// .59 and .36, or .41 at the same address.
#[test]
fn relatives_learn_from_each_other() {
    let mut network = network(2);
    network.list(&key(0, 9), START);
    network.learn(&[opened(0, 100.0, 200.0)], START, 0.5);
    let [own, stranger, sibling] = network.forecasts(START)[..] else {
        panic!("three are listed");
    };
    let moved = |one: &easelect_engine::forecast::Forecast| one.syn.mean - 50.0_f64.ln();
    let share = |covariance: f64| covariance / 0.665 * 2.0_f64.ln();
    assert!((moved(&own) - share(0.64)).abs() < 1e-5);
    assert!((moved(&sibling) - share(0.59)).abs() < 1e-5);
    // Its address is the same.
    assert!((moved(&stranger) - share(0.41)).abs() < 1e-5);
    assert!((sibling.syn.variance - (0.64 - 0.59 * 0.59 / 0.665)).abs() < 1e-5);
}

/// Two candidates measured together move together. A heartbeat reaches the others with the next race.
#[test]
fn a_heartbeat_is_told_to_relatives_by_the_next_race() {
    let mut network = network(1);
    network.list(&key(0, 9), START);
    network.learn(&[opened(0, 50.0, 100.0)], START, 0.5);
    let sibling = |network: &Network| network.forecast(no(1), START).unwrap().syn;
    let before = sibling(&network);
    for _ in 0..5 {
        let rtt = Observation {
            syn: Some(Measured::Took(100.0)),
            ..Observation::default()
        };
        network.hear(no(0), &rtt, START, 0.5);
    }
    assert_eq!(sibling(&network), before);
    let (forecasts, _) = network.outlook(START);
    assert!(forecasts[1].syn.mean > before.mean + 0.2, "{forecasts:?}");
    let own = network.forecast(no(0), START).unwrap().syn;
    assert!((forecasts[0].syn.mean - own.mean).abs() < 1e-9);
    network.learn(&[probed(1, 100.0)], START, 0.5);
    assert!(network.forecast(no(0), START).unwrap().syn.mean > 90.0_f64.ln());
}

/// How much SYNs of a known candidate vary: a wire, and a network on which they vary by half.
#[test]
fn noise_follows_what_is_seen() {
    let mut random = fastrand::Rng::with_seed(3);
    for (jitter, least, most) in [(0.02, 0.01, 0.011), (0.15, 0.012, 0.04), (0.5, 0.1, 0.2)] {
        let mut network = network(1);
        for minutes in 0..400 {
            let now = START.after(Duration::from_secs(60 * minutes));
            let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
            let syn_ms = 50.0 * (jitter * normal).exp();
            network.learn(&[opened(0, syn_ms, 2.0 * syn_ms)], now, 0.5);
        }
        let noise = network.forecasts(at(7))[0].noise;
        assert!((least..=most).contains(&noise), "{jitter}: {noise}");
    }
}

/// Only an address that most networks knowing its host list is worth a SYN on another network.
#[test]
fn what_is_the_same_everywhere_is_proven_elsewhere() {
    let of = |addresses: &[u8], opens: u8, hour: u64| {
        let mut network = Network::default();
        for last in addresses {
            let id = network.list(&key(0, *last), at(hour));
            if *last == opens {
                network.learn(&[opened(id.index(), 50.0, 100.0)], at(hour), 0.5);
            }
        }
        network
    };
    let proven = |networks: &[Network]| -> Vec<SocketAddr> {
        let proven = proven_elsewhere(networks.iter());
        proven.into_iter().map(|one| one.address).collect()
    };
    let address = |last| key(0, last).address;
    let home = of(&[1, 2], 2, 1);
    assert_eq!(proven(std::slice::from_ref(&home)), [address(2)]);
    assert_eq!(
        proven(&[home.clone(), of(&[1, 2], 1, 2)]),
        [1, 2].map(address)
    );
    assert_eq!(
        proven(&[home.clone(), of(&[7], 7, 2)]),
        [],
        "each has its own"
    );
    let mut other = of(&[2], 2, 2);
    other.unlist(|_| true, at(3));
    assert_eq!(proven(&[other]), [], "nobody gives it any more");
}

#[test]
fn a_spike_moves_little_and_two_of_a_kind_are_a_step() {
    let mut network = network(1);
    for _ in 0..20 {
        network.learn(&[opened(0, 50.0, 100.0)], START, 0.5);
    }
    let (before, noise) = (
        network.forecasts(START)[0].syn,
        network.forecasts(START)[0].noise,
    );
    network.learn(&[opened(0, 500.0, 1_000.0)], START, 0.5);
    let spiked = network.forecasts(START)[0].syn;
    // K·1.2·√(P + R̂).
    let gain = before.variance / (before.variance + noise);
    let clipped = 1.2 * (before.variance + noise).sqrt();
    assert!((spiked.mean - before.mean - gain * clipped).abs() < 1e-9);
    network.learn(&[opened(0, 500.0, 1_000.0)], START, 0.5);
    let stepped = network.forecasts(START)[0].syn;
    assert!(stepped.mean - spiked.mean > 10.0 * (spiked.mean - before.mean));
}

#[test]
fn what_was_given_up_early_says_nothing() {
    let mut network = network(1);
    network.learn(&[opened(0, 50.0, 100.0)], START, 0.5);
    let before = network.forecasts(START)[0].syn;
    let given_up = |ms| {
        let observation = Observation {
            syn: Some(Measured::AtLeast(ms)),
            ..Observation::default()
        };
        (no(0), observation)
    };
    network.learn(&[given_up(20.0)], START, 0.5);
    assert_eq!(network.forecasts(START)[0].syn, before);
    network.learn(&[given_up(200.0)], START, 0.5);
    assert!(network.forecasts(START)[0].syn.mean > before.mean);
}

#[test]
fn the_preference_follows_slowly() {
    let mut network = network(2);
    network.learn(&[opened(0, 50.0, 100.0)], START, 0.5);
    assert_eq!(prefer(&network, None), Some(0));
    network.learn(&[opened(1, 48.0, 96.0)], START, 0.5);
    assert_eq!(prefer(&network, Some(0)), Some(0), "4 % are not worth it");
    for _ in 0..10 {
        network.learn(&[opened(1, 20.0, 40.0)], START, 0.5);
    }
    assert_eq!(prefer(&network, Some(0)), Some(1));
}

/// Whatever a heartbeat shows, either the preference stays or it asks to compare all candidates.
#[test]
fn what_may_not_end_a_lead_does_not() {
    let mut random = fastrand::Rng::with_seed(5);
    let (mut asked, mut changed) = (0, 0);
    for _ in 0..200 {
        let mut network = network(4);
        for host in 0..3 {
            let syn_ms = 40.0 + 10.0 * random.f64();
            network.learn(&[opened(host, syn_ms, 2.0 * syn_ms)], START, 0.5);
        }
        let all = [0, 1, 2, 3].map(no);
        let lead = |network: &Network, current| {
            let lead = network.lead(&network.forecasts(START), &all, current, START);
            lead.unwrap()
        };
        let mut current = lead(&network, None);
        for _ in 0..50 {
            let candidate = no(random.usize(0..4));
            let observation = Observation {
                syn: Some(Measured::Took(random.f64() * 100.0)),
                ..Observation::default()
            };
            network.hear(candidate, &observation, START, 0.5);
            let forecast = network.forecast(candidate, START).unwrap();
            let holder = current.holder();
            let preferred = network.prefer(&all, Some(holder), START).unwrap();
            if current.may_end(candidate, &forecast, START) {
                asked += 1;
                changed += usize::from(preferred != holder);
                current = lead(&network, Some(holder));
            }
            assert_eq!(current.holder(), preferred);
        }
    }
    assert!(changed > 50 && asked < 2 * changed, "{asked} for {changed}");
}

#[test]
fn what_only_time_changes_is_asked_for_every_hour() {
    let mut network = network(1);
    network.learn(&[opened(0, 50.0, 100.0)], START, 0.5);
    let all = network.forecasts(START);
    let mut lead = network.lead(&all, &[no(0)], None, START).unwrap();
    assert!(!lead.may_end(no(0), &all[0], START));
    assert!(lead.may_end(no(0), &all[0], at(1)));
}

#[test]
fn one_forecast_is_as_among_all() {
    let mut network = network(3);
    network.learn(&[opened(0, 80.0, 100.0)], START, 0.5);
    network.learn(&[(no(0), Observation::of_probe(Some(30.0)))], START, 0.5);
    for (number, of_all) in network.forecasts(at(2)).iter().enumerate() {
        let one = network.forecast(no(number), at(2)).unwrap();
        assert_eq!((one.syn, one.rest), (of_all.syn, of_all.rest));
        assert_eq!(one.cost_ms(), of_all.cost_ms());
    }
    assert!(network.forecast(no(3), at(2)).is_none());
}

/// 120 against 180 ms: a third less, but nothing is certain about the one that is no longer used.
#[test]
fn the_preference_leaves_what_is_not_heard_of_any_more() {
    let mut network = network(2);
    network.learn(&[opened(1, 60.0, 120.0)], START, 0.5);
    for hour in 1..=24 {
        network.learn(&[opened(0, 40.0, 80.0)], at(hour), 0.5);
    }
    let at_hour = |hour| network.prefer(&[no(0), no(1)], Some(no(1)), at(hour));
    assert_eq!((at_hour(23), at_hour(24)), (Some(no(1)), Some(no(0))));
}

#[test]
fn the_preference_leaves_what_fails() {
    let mut network = network(2);
    network.learn(
        &[opened(1, 100.0, 200.0), opened(0, 50.0, 100.0)],
        START,
        0.5,
    );
    assert_eq!(prefer(&network, None), Some(0));
    let refused = Observation::of_failure(Severity::Soft);
    network.learn(&[(no(0), refused)], START, 0.5);
    assert_eq!(prefer(&network, Some(0)), Some(1));
}

/// Five handshakes whose TLS takes ten times the SYN: ĝ = .6·(1 − .8^…), bounded per step; the network
/// is not trusted once it exceeds .6.
#[test]
fn a_middlebox_that_answers_syns_is_noticed() {
    let mut network = network(1);
    assert!(network.trusts_syns());
    for _ in 0..12 {
        let (candidate, quick) = opened(0, 3.0, 60.0);
        let late = Observation {
            tls_ms: Some(30.0),
            ..quick
        };
        network.learn(&[(candidate, late)], START, 0.5);
    }
    let trust = network.syn_trust(START);
    assert!(!trust.trusted && trust.stretch > 1.0, "{trust:?}");
}

fn probed(candidate: usize, syn_ms: f64) -> (CandidateId, Observation) {
    (no(candidate), Observation::of_probe(Some(syn_ms)))
}

/// Stored candidates are checked, the cheapest first; a measured one is not checked again.
#[test]
fn what_only_a_file_tells_is_checked() {
    let mut network = network(3);
    for (host, syn_ms) in [(0, 20.0), (1, 80.0), (2, 40.0)] {
        network.learn(&[opened(host, syn_ms, 2.0 * syn_ms)], START, 0.5);
    }
    let all = [0, 1, 2].map(no);
    assert!(network.to_check(&all, 2, at(50)).is_empty(), "nobody told");
    let file = History::of([KnownNetwork {
        id: "home".to_owned(),
        used: START,
        network,
    }]);
    let mut read = file.into_networks(at(1), |_| true).next().unwrap().network;
    let hosts = |ids: Vec<CandidateId>| -> Vec<String> {
        ids.iter()
            .map(|id| read.key(*id).unwrap().host.clone())
            .collect()
    };
    assert_eq!(
        hosts(read.to_check(&all, 2, at(1))),
        ["h0.example", "h2.example"]
    );
    let first = read.to_check(&all, 1, at(1))[0];
    read.learn(&[probed(first.index(), 20.0)], at(1), 0.5);
    assert!(!read.to_check(&all, 3, at(1)).contains(&first));
}

#[test]
fn what_an_app_dials_itself_is_learned_from_the_whole() {
    let mut network = network(2);
    for _ in 0..10 {
        let observation = Observation {
            whole: Some(Measured::Took(300.0)),
            opened: true,
            ..Observation::default()
        };
        network.learn(&[(no(0), observation)], START, 0.5);
    }
    let one = network.forecasts(START)[0];
    assert!(one.verified);
    let whole_ms = one.syn_ms() + one.rest_ms();
    assert!((whole_ms - 300.0).abs() < 15.0, "{whole_ms}");
}

/// An app's report of a dial that it cancelled.
#[test]
fn silence_for_less_than_expected_says_nothing_of_the_whole() {
    let mut network = network(1);
    network.learn(&[opened(0, 100.0, 200.0)], START, 0.5);
    let whole_ms = |network: &Network| {
        let one = network.forecasts(START)[0];
        one.syn_ms() + one.rest_ms()
    };
    let silent = |ms| Observation {
        whole: Some(Measured::AtLeast(ms)),
        ..Observation::default()
    };
    let before = whole_ms(&network);
    for ms in [0.0, 50.0, 0.9 * before] {
        network.learn(&[(no(0), silent(ms))], START, 0.5);
        assert_eq!(whole_ms(&network), before, "{ms}");
    }
    network.learn(&[(no(0), silent(3.0 * before))], START, 0.5);
    assert!(whole_ms(&network) > before);
}

#[test]
fn a_faster_sample_never_worsens_a_cost_and_a_failure_never_improves_one() {
    for slow in [50.0, 100.0, 400.0, 2_000.0] {
        for fast in [1.0, 10.0, 40.0, 50.0] {
            let cost = |sample: f64, failed: bool| {
                let mut network = network(1);
                network.learn(&[opened(0, 100.0, 200.0)], START, 0.5);
                network.learn(&[opened(0, sample, 2.0 * sample)], START, 0.5);
                if failed {
                    let failure = Observation {
                        failure: Some(Severity::Soft),
                        ..Observation::default()
                    };
                    network.learn(&[(no(0), failure)], START, 0.5);
                }
                network.forecasts(START)[0].cost_ms()
            };
            assert!(
                cost(fast, false) <= cost(slow, false) + 1e-9,
                "{fast} {slow}"
            );
            assert!(cost(fast, true) >= cost(fast, false), "{fast}");
        }
    }
}

#[test]
fn memory_is_bounded_and_forgets_the_oldest() {
    let mut network = Network::default();
    for n in 0..2_000 {
        network.list(&key(n, 1), at(n as u64));
    }
    assert_eq!(network.candidates().count(), 256);
    let is_known = |host| {
        let key = key(host, 1);
        let found = network.find(&key.region, &key.host, key.address, &key.service);
        found.is_some()
    };
    assert!(is_known(1_999));
    assert!(!is_known(1));
    let used = |hours: u64| KnownNetwork {
        id: hours.to_string(),
        used: at(hours),
        network: Network::default(),
    };
    let merged = History::default().merge(History::of((0..100).map(used)));
    let kept = merged.into_networks(at(100), |_| true).map(|one| one.used);
    let mut kept: Vec<Timestamp> = kept.collect();
    kept.sort();
    assert!(kept.into_iter().eq((68..100).map(at)));
}

/// A file from a clock that was years ahead, or forged to count for ever.
#[test]
fn what_claims_to_be_of_the_future_counts_as_a_week_old() {
    const YEAR: u64 = 365 * 24;
    const WEEK: u64 = 7 * 24;
    let of = |id: &str, hours: u64| {
        let mut network = Network::default();
        network.list(&key(0, 1), at(hours));
        History::of([KnownNetwork {
            id: id.to_owned(),
            used: at(hours),
            network,
        }])
    };
    let now = at(2 * WEEK);
    let known = |history: History| -> Vec<(String, Timestamp)> {
        let networks = history.into_networks(now, |_| true);
        networks.map(|one| (one.id, one.used)).collect()
    };
    let home = ("home".to_owned(), now);
    let ahead = |used| ("ahead".to_owned(), used);
    let merged = of("ahead", 12 * YEAR).merge(of("home", 2 * WEEK));
    assert_eq!(known(merged), [ahead(at(WEEK)), home]);
    assert_eq!(known(of("ahead", 12 * YEAR)), [ahead(at(WEEK))]);
    // Minutes may be another writer or clock.
    assert_eq!(known(of("ahead", 2 * WEEK + 1)), [ahead(now)]);
    // It never replaces what is certain.
    let own = of("home", 2 * WEEK);
    assert_eq!(of("home", 12 * YEAR).merge(own.clone()), own);
}

/// New entries are kept even if more old ones, all of the same age, exist than there is room for.
#[test]
fn the_newest_is_kept_whatever_it_is_called() {
    let of = |id: String, hours: u64| KnownNetwork {
        id,
        used: at(hours),
        network: Network::default(),
    };
    let old = (0..40).map(|n| of(format!("a{n:02}"), 1));
    let file = History::of(old);
    let merged = file.merge(History::of([of("z".to_owned(), 2)]));
    let ids: Vec<String> = merged
        .into_networks(at(2), |_| true)
        .map(|one| one.id)
        .collect();
    assert_eq!(ids.len(), 32);
    assert!(ids.contains(&"z".to_owned()), "{ids:?}");
}

/// An app that first logs in over REST keeps what is known of its WebSockets.
#[test]
fn answers_over_a_connection_that_stands_outgrow_no_file() {
    let rest = Key {
        service: "rest".to_owned(),
        ..key(0, 0)
    };
    let answered = Observation {
        opened: true,
        ..Observation::default()
    };
    for others in [true, false] {
        let mut network = Network::default();
        network.list(&rest, START);
        if others {
            network.list(&key(0, 0), START);
        }
        let last = network.candidates().count() - 1;
        network.learn(&[opened(last, 20.0, 40.0)], START, 0.5);
        let file = History::of([KnownNetwork {
            id: "home".to_owned(),
            used: START,
            network,
        }]);
        let mut read = file.into_networks(at(1), |_| true).next().unwrap().network;
        let first = read.find(&rest.region, &rest.host, rest.address, "rest");
        for _ in 0..3 {
            read.learn(&[(first.unwrap(), answered)], at(2), 0.5);
        }
        let hearsay = read.forecasts(at(2)).iter().any(|one| one.hearsay);
        assert_eq!(hearsay, others, "REST alone is outgrown by its answers");
    }
}

#[test]
fn relatives_share_a_place() {
    let mut network = Network::default();
    let other = Key {
        region: "other".to_owned(),
        ..key(0, 3)
    };
    for one in [&key(0, 1), &key(0, 2), &key(1, 1), &other] {
        network.list(one, START);
    }
    let forecasts = network.forecasts(START);
    let place = |number: usize| forecasts[number].place.host.index();
    assert_eq!([0, 1, 2, 3].map(place), [0, 0, 1, 2]);
}

/// The forecast of an unknown candidate equals that after listing it.
#[test]
fn asking_for_one_that_is_not_known_lists_nothing() {
    let mut network = network(2);
    network.learn(&[opened(0, 20.0, 40.0)], START, 0.5);
    for one in [key(0, 9), key(1, 9), key(7, 1)] {
        let asked = network.forecast_unknown(&one, at(1));
        assert_eq!(network.candidates().count(), 2);
        let mut with_it = network.clone();
        let id = with_it.list(&one, at(1));
        let listed = with_it.forecast(id, at(1)).unwrap();
        assert_eq!((asked.syn, asked.rest), (listed.syn, listed.rest));
        assert_eq!(asked.cost_ms(), listed.cost_ms());
    }
}

/// A failure alone makes an entry newer, too.
#[test]
fn a_failure_survives_a_merge_with_what_was_known_before() {
    let of = |network: &Network| {
        History::of([KnownNetwork {
            id: "home".to_owned(),
            used: at(1),
            network: network.clone(),
        }])
    };
    let before = network(1);
    let mut after = before.clone();
    let failed = Observation::of_failure(Severity::Soft);
    after.learn(&[(no(0), failed)], at(1), 0.5);
    let (before, after) = (of(&before), of(&after));
    for merged in [
        before.clone().merge(after.clone()),
        after.clone().merge(before),
    ] {
        assert_eq!(merged, after);
    }
}

/// A failure of an address counts for all candidates there, and once for each.
#[test]
fn an_address_that_is_silent_is_so_for_all_who_share_it() {
    let mut network = Network::default();
    let rest = Key {
        service: "rest".to_owned(),
        ..key(0, 1)
    };
    for one in [&key(0, 1), &rest, &key(1, 1), &key(0, 2)] {
        network.list(one, START);
    }
    let silent = Observation {
        at_address: true,
        ..Observation::of_failure(Severity::Doubt)
    };
    let broken = |network: &Network| -> Vec<bool> {
        let forecasts = network.forecasts(START);
        forecasts.iter().map(|one| one.breaker_open).collect()
    };
    // Two of them in one race count as one doubt.
    network.learn(&[(no(0), silent), (no(1), silent)], START, 0.5);
    assert_eq!(broken(&network), [false; 4]);
    let told = network.learn(&[(no(1), silent)], START, 0.5);
    assert_eq!(broken(&network), [true, true, true, false]);
    assert_eq!(told.len(), 3);
    // A failure that is not the address's stays with the service.
    let mut network = network.clone();
    network.learn(
        &[(no(3), Observation::of_failure(Severity::Hard))],
        START,
        0.5,
    );
    assert_eq!(broken(&network), [true, true, true, true]);
}

/// 8 MB with the same network name again and again once took minutes at every start.
#[test]
fn a_network_that_is_named_again_and_again_costs_no_more_than_its_candidates() {
    let mut network = network(1);
    network.learn(&[opened(0, 20.0, 40.0)], START, 0.5);
    let one = || KnownNetwork {
        id: "home".to_owned(),
        used: START,
        network: network.clone(),
    };
    let again = |n: usize| History::of((0..n).map(|_| one()));
    let merged = again(20_000).merge(again(20_000));
    assert_eq!(merged, again(1).merge(again(1)));
    // The same with different candidates each time.
    let own = |n: usize| {
        let mut network = Network::default();
        let last = u8::try_from(n % 250).unwrap();
        network.list(&key(n / 250, last), START);
        KnownNetwork { network, ..one() }
    };
    let merged = History::of((0..20_000).map(own)).merge(History::default());
    let candidates = merged
        .into_networks(START, |_| true)
        .map(|one| one.network.candidates().count());
    assert_eq!(candidates.collect::<Vec<_>>(), [256]);
}

/// The SYN of each race that was sent after this many others is answered, or silent.
fn raced(network: &mut Network, minutes: u64, answers: &[bool]) {
    let shown = answers.iter().enumerate().map(|(place, answered)| {
        let syn = match answered {
            true => Measured::Took(50.0),
            false => Measured::AtLeast(200.0),
        };
        let observation = Observation {
            syn: Some(syn),
            opened: place == 0,
            syns_before: Some(place),
            ..Observation::default()
        };
        (no(place), observation)
    });
    let shown: Vec<_> = shown.collect();
    network.learn(&shown, START.after(Duration::from_secs(60 * minutes)), 0.5);
}

#[test]
fn who_drops_further_syns_gets_no_more_at_once_for_a_while() {
    let at_once = |network: &Network| network.syn_trust(START).at_once;
    let mut policed = network(4);
    for minutes in 0..2 {
        raced(&mut policed, minutes, &[true, true, false, false]);
    }
    assert_eq!(at_once(&policed), 2);
    // The limit is tested again some races later.
    let again = (2..40).find(|minutes| {
        raced(&mut policed, *minutes, &[true, true]);
        at_once(&policed) == usize::MAX
    });
    assert!(again.is_some_and(|minutes| minutes > 3), "{again:?}");
    // One address is silent, later ones answer.
    let mut honest = network(4);
    for minutes in 0..9 {
        raced(&mut honest, minutes, &[true, false, true, true]);
    }
    assert_eq!(at_once(&honest), usize::MAX);
    // All are silent.
    let mut lossy = network(4);
    for minutes in 0..9 {
        raced(&mut lossy, minutes, &[false, false, false, false]);
    }
    assert_eq!(at_once(&lossy), usize::MAX);
}
