//! The fuzz targets that need no private reader. A panic is a finding. `tests/corpus.rs` plays the corpus
//! with the same functions. `fuzz/README.md` says where the other targets are.

use std::sync::LazyLock;

use easelect::{
    AfterUpgrade, Attempt, AttemptOutcome, Catalog, CatalogFormat, Certificate, Endpoint,
    EndpointStats, Error, Failure, FailureKind, History, Phase, ProbeOutcome, Region, Sample,
    Service, Timestamp, Timings, is_hidden, rank, without_secrets,
};
use easelect_engine::history::Network;
use easelect_lab::{Lab, Scenario};
use easelect_report::{
    ConnectRecord, Context, Lang, Model, Note, Report, Style, catalog_table, connects_json,
    connects_table, json, table,
};

/// Reads a user's catalogue, as TOML and as JSON.
pub(crate) fn catalog(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    static BUILT_IN: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);
    for format in [CatalogFormat::Toml, CatalogFormat::Json] {
        match BUILT_IN.clone().with_file(text, format, "own") {
            Ok(catalog) => {
                for one in catalog.endpoints() {
                    let again = Endpoint::new(one.region().clone(), one.service(), one.url());
                    assert_eq!(again.expect("its own URL").url(), one.url());
                    assert!(catalog.region(one.region()).is_some());
                }
            }
            Err(error) => assert_placed(&error, text),
        }
    }
}

/// Reads a certificate in DER, as a server sends it before verification.
pub(crate) fn certificate(data: &[u8]) {
    let Some(read) = Certificate::from_der(data) else {
        return;
    };
    assert!(read.names.len() <= 64 && read.issuer.chars().count() <= 256);
    if read.not_before <= read.not_after {
        assert!(read.is_valid_at(read.not_before) && read.is_valid_at(read.not_after));
    }
}

/// Parses an endpoint's URL, and compares it with the result of the crate `url`.
pub(crate) fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for service in [Service::Websocket, Service::Rest] {
        let read = |url: &str| Endpoint::new(Region::CN1, service, url);
        let one = match read(text) {
            Ok(one) => one,
            Err(error) => {
                assert_readable(&error.to_string());
                continue;
            }
        };
        assert_eq!(read(one.url()).expect("its own URL").url(), one.url());
        assert!(one.url().bytes().all(|byte| byte.is_ascii_graphic()));
        let theirs = match url::Url::parse(text) {
            Ok(theirs) => theirs,
            // easelect doesn't decode punycode, which may be invalid.
            Err(_) if one.host().contains("xn--") => continue,
            Err(error) => panic!("{text:?} is no URL: {error}"),
        };
        let host = match theirs.host().expect("a host") {
            url::Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
            url::Host::Ipv4(v4) => v4.to_string(),
            url::Host::Ipv6(v6) => v6.to_string(),
        };
        // The crate implements a version of the standard that leaves ^ as it is.
        let mut path = theirs.path().replace('^', "%5E");
        if let Some(query) = theirs.query() {
            path = format!("{path}?{query}");
        }
        let port = theirs.port_or_known_default();
        assert_eq!((one.host(), Some(one.port())), (&*host, port));
        // The crate lets no `..` go above a drive letter. The standard has this rule for file URLs only.
        let is_drive = |segment: &str| matches!(segment.as_bytes(), [_, b':' | b'|']);
        if !path.split('/').any(is_drive) {
            assert_eq!(one.path(), path);
        }
    }
}

/// Reads a scenario of the lab.
pub(crate) fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Scenario::from_toml(text, "own") {
        Ok(scenario) => drop(Lab::new(scenario).expect("a lab accepts what the reader accepts")),
        Err(error) => assert_placed(&error, text),
    }
}

/// Reads, merges and writes a history, and computes forecasts from it.
pub(crate) fn history(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let history = match History::from_json(text) {
        Ok(history) => history,
        Err(error) => return assert_readable(&error.to_string()),
    };
    let merged = history.clone().merge(History::default());
    assert_eq!(merged.clone().merge(merged.clone()), merged);
    let written = merged.to_json().expect("whatever was read can be written");
    // They need not be equal: serde_json may round a float with many digits to its neighbour.
    let again = History::from_json(&written).expect("its own JSON");
    let ever = Timestamp::from_millis(u64::MAX);
    let count = |history: History| networks_of(history, ever).len();
    assert_eq!(count(again), count(merged));
    // Long ago, about now, and at the end of time.
    for now in [0, 1_700_000_000_000, u64::MAX].map(Timestamp::from_millis) {
        for network in networks_of(history.clone(), now) {
            for forecast in network.forecasts(now) {
                let cost = forecast.cost_ms();
                assert!(cost.is_finite() && cost >= 0.0, "{cost} ms");
            }
        }
    }
}

/// Grows a history of 2 MiB from a pattern of three lines, and reads, merges and writes it. Work that grows
/// with the square of the file's size exceeds libFuzzer's time limit.
///
/// The first line is the binary logarithm of the number of candidates per network. The second is a network
/// with `@` in place of its candidates, and the third a candidate. In both, `#` stands for the number of
/// earlier repetitions, and `%` for that number modulo 256.
pub(crate) fn large_history(data: &[u8]) {
    /// A quarter of the largest file that easelect reads.
    const MOST: usize = 2 << 20;
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let (Some(power), Some(network), Some(candidate)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let Ok(power @ 0..=16) = power.parse::<u32>() else {
        return;
    };
    let (mut text, mut repeated) = (r#"{"schema":1,"networks":["#.to_owned(), 0_usize);
    for number in 0_usize.. {
        let before = text.len();
        let (head, tail) = network.split_once('@').unwrap_or((network, ""));
        grow(&mut text, head, number);
        for n in 0..1 << power {
            // A single network may fill the file.
            if text.len() + candidate.len() + tail.len() > MOST {
                break;
            }
            if n > 0 {
                text.push(',');
            }
            grow(&mut text, candidate, repeated);
            repeated += 1;
        }
        grow(&mut text, tail, number);
        // Another network of this size would exceed the limit.
        if 2 * text.len() - before > MOST || text.len() == before {
            break;
        }
        text.push(',');
    }
    text.push_str("]}");
    let Ok(history) = History::from_json(&text) else {
        return;
    };
    let merged = history.clone().merge(history.clone());
    let written = merged.to_json().expect("whatever was read can be written");
    let again = History::from_json(&written).expect("its own JSON");
    let now = Timestamp::from_millis(1_700_000_000_000);
    networks_of(history, now);
    let kept = networks_of(again, now);
    assert!(kept.len() <= 32, "{} networks are kept", kept.len());
    for network in kept {
        assert!(network.candidates().count() <= 256);
    }
}

/// Appends a pattern's repetition of this number.
fn grow(text: &mut String, pattern: &str, number: usize) {
    for c in pattern.chars() {
        match c {
            '#' => *text += &number.to_string(),
            '%' => *text += &(number % 256).to_string(),
            _ => text.push(c),
        }
    }
}

/// Returns a history's networks as a selector would use them `now`.
fn networks_of(history: History, now: Timestamp) -> Vec<Network> {
    let networks = history.into_networks(now, |_| true);
    networks.map(|one| one.network).collect()
}

/// Asserts that an error begins with the file's name and a line.
fn assert_placed(error: &Error, text: &str) {
    let told = error.to_string();
    assert_readable(&told);
    let line = told
        .strip_prefix("own:")
        .and_then(|rest| rest.split(':').next());
    let line: usize = line.and_then(|line| line.parse().ok()).expect("a line");
    let lines = 1 + text.matches('\n').count();
    assert!((1..=lines).contains(&line), "line {line} of {lines}");
}

/// Shows untrusted text in tables, JSON, errors and debug output. The first byte says where the input is split
/// in two. Invalid UTF-8 is replaced, as in a peer's text.
pub(crate) fn shown(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else {
        return;
    };
    let (one, two) = data.split_at(usize::from(*cut).min(data.len()));
    let [one, two] = [one, two].map(|text| String::from_utf8_lossy(text).into_owned());
    let bare = without_secrets(&one);
    assert_eq!(without_secrets(&bare), bare, "again");
    let failure = |phase, kind| {
        let answered = vec![
            ("server".to_owned(), one.clone()),
            ("via".to_owned(), two.clone()),
        ];
        Failure::new(phase, kind)
            .with_message(&two)
            .with_location(Some(one.clone()))
            .with_names(vec![one.clone(), two.clone()])
            .with_answer(answered, Some(two.clone()))
    };
    let failures = [
        failure(Phase::Proxy, FailureKind::Rejected).with_status(502),
        failure(Phase::Tls, FailureKind::CertificateWrongHost),
        failure(Phase::Upgrade, FailureKind::Redirected).with_status(302),
        failure(Phase::Upgrade, FailureKind::Rejected).with_status(403),
        failure(Phase::Processing, FailureKind::NotHttp),
    ];
    let url = "wss://x.example/ws?key=secret-of-the-url";
    let endpoint = Endpoint::new(Region::CN1, Service::Websocket, url).expect("a URL");
    let endpoint = endpoint.with_label(&one);
    let address = ([47, 93, 7, 1], 443).into();
    let mut stats = EndpointStats::new(endpoint.clone());
    let mut attempts = Vec::new();
    for failure in failures {
        assert_readable(&failure.to_string());
        let outcome = Err(failure.clone());
        let sample = Sample::new(endpoint.clone(), address, Timings::default(), outcome);
        stats.record(&sample);
        let failed = AttemptOutcome::Failed(failure);
        attempts.push(Attempt::new(endpoint.clone(), failed));
    }
    let mut sample = Sample::new(endpoint.clone(), address, Timings::default(), Ok(()));
    let (code, reason) = (Some(1008), two.clone());
    sample.after_upgrade = Some(AfterUpgrade::Close { code, reason });
    stats.record(&sample);
    assert_readable(&format!("{stats:?}{attempts:?}"));
    let mut outcome = ProbeOutcome::default();
    outcome
        .rankings
        .extend(rank(Region::CN1.into(), vec![stats]));
    let now = std::time::UNIX_EPOCH;
    static BUILT_IN: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);
    let mut context = Context::new(BUILT_IN.clone(), now, now);
    context.notes.push(Note::SourceInPart {
        url: one.clone(),
        left_out: vec![two.clone(); 2],
    });
    let report = Report::new(&outcome, context);
    let records = [ConnectRecord::failed(one.clone(), attempts)];
    for lang in [Lang::En, Lang::Zh] {
        let model = Model::new(&report, lang);
        for table in [
            table(&model, Style::plain().with_width(80)),
            connects_table(&records, lang, Style::plain(), now),
            catalog_table(
                &BUILT_IN,
                std::slice::from_ref(&endpoint),
                lang,
                Style::plain(),
            ),
        ] {
            assert!(!table.contains("secret-of-the-url"), "{table}");
            table.split('\n').for_each(assert_readable);
        }
        for json in [json(&model), connects_json(&records, lang, now)] {
            assert!(!json.contains("secret-of-the-url"), "{json}");
            json.split('\n').for_each(assert_readable);
            serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
        }
        let read: Model = serde_json::from_str(&json(&model)).expect("its own model");
        assert!(read == model, "it is read as something else");
    }
}

/// Asserts that a text has no hidden characters.
fn assert_readable(told: &str) {
    assert_eq!(told.chars().find(|c| is_hidden(*c)), None, "{told:?}");
}
