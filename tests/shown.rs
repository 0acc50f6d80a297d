//! Untrusted text, in every format, is escaped and bounded. Unicode's own tables say which characters must
//! be escaped.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use easelect::{
    AfterUpgrade, Attempt, AttemptOutcome, Catalog, CatalogFormat, CertificateChain,
    ConnectOptions, Dialer, Ended, Endpoint, EndpointStats, Error, ErrorKind, Failure, FailureKind,
    Family, History, Phase, PinnedHost, ProbeOutcome, Proxy, Region, Resolve, Resolved, Sample,
    Selector, Service, Timings, TlsClient, is_hidden, rank, shown,
};
use easelect_lab::Scenario;
use easelect_report::{
    ConnectRecord, Context, Lang, Model, Note, Report, Style, Threshold, catalog_json,
    catalog_table, connects_json, connects_table, json, table,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use regex_syntax::hir::{Class, HirKind};

/// The characters of a property or category, from Unicode's tables.
fn listed(name: &str) -> BTreeSet<char> {
    let class = regex_syntax::parse(&format!(r"\p{{{name}}}")).unwrap();
    match class.kind() {
        HirKind::Class(Class::Unicode(class)) => (class.iter())
            .flat_map(|range| range.start()..=range.end())
            .collect(),
        // A single character.
        HirKind::Literal(one) => std::str::from_utf8(&one.0).unwrap().chars().collect(),
        other => panic!("{name}: {other:?}"),
    }
}

/// Characters that draw nothing, change the layout, or are unassigned or private. Surrogates (Cs) are not
/// characters in Rust.
const HIDDEN: [&str; 13] = [
    "Default_Ignorable_Code_Point",
    "Bidi_Control",
    "Join_Control",
    "Variation_Selector",
    "Noncharacter_Code_Point",
    "White_Space",
    "Grapheme_Extend",
    "Cc",
    "Cf",
    "Co",
    "Zl",
    "Zp",
    "Zs",
];

/// Letters and symbols that look blank: Hangul fillers, the Braille pattern without dots, the musical
/// null notehead, Egyptian blanks.
const BLANK: [char; 8] = [
    '\u{115f}',
    '\u{1160}',
    '\u{3164}',
    '\u{ffa0}',
    '\u{2800}',
    '\u{1d159}',
    '\u{13441}',
    '\u{13442}',
];

fn hidden() -> BTreeSet<char> {
    let mut all: BTreeSet<char> = HIDDEN.iter().flat_map(|name| listed(name)).collect();
    all.extend(BLANK);
    all.remove(&' ');
    all
}

#[test]
fn what_is_hidden_is_what_unicode_says() {
    let all = hidden();
    assert!(all.len() > 140_000, "{}", all.len());
    for c in &all {
        assert!(is_hidden(*c), "{c:?} would be shown");
        let told = shown(&c.to_string(), 1);
        assert!(told.is_ascii() && told.starts_with('\\'), "{c:?}: {told:?}");
    }
    for visible in [
        "Unified_Ideograph",
        "Lu",
        "Ll",
        "Nd",
        "Pd",
        "Ps",
        "Pe",
        "Sc",
    ] {
        for c in listed(visible).difference(&all) {
            assert!(!is_hidden(*c), "{c:?} is lost");
        }
    }
    let chinese = "数据中心“自建”，（1 区）。！？；：《》、…— ｋana かな カナ 한글";
    assert_eq!(shown(chinese, 100), chinese);
}

const CN1: Region = Region::CN1;

/// A certificate that contains this text.
fn chain(text: &str) -> Arc<CertificateChain> {
    let mut params = rcgen::CertificateParams::new(vec!["x.example".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let organisation = rcgen::DnType::OrganizationName;
    params.distinguished_name.push(organisation, text);
    let made = params.self_signed(&rcgen::KeyPair::generate().unwrap());
    Arc::new(CertificateChain::from_der([&**made.unwrap().der()]).unwrap())
}

/// Failures that contain this text wherever possible.
fn failures(text: &str) -> Vec<Failure> {
    let with = |phase, kind| {
        let answered = vec![("server".to_owned(), text.to_owned()); 3];
        Failure::new(phase, kind)
            .with_message(text)
            .with_location(Some(format!("http://portal.example/{text}")))
            .with_names(vec![text.to_owned(); 3])
            .with_answer(answered, Some(text.to_owned()))
    };
    vec![
        with(Phase::Resolve, FailureKind::Other),
        with(Phase::Proxy, FailureKind::Rejected).with_status(502),
        with(Phase::Proxy, FailureKind::NotAProxy),
        with(Phase::Tls, FailureKind::CertificateWrongHost),
        with(Phase::Tls, FailureKind::CertificateUntrusted).with_chain(chain(text)),
        with(Phase::Upgrade, FailureKind::Redirected).with_status(302),
        with(Phase::Upgrade, FailureKind::Rejected).with_status(403),
        with(Phase::Upgrade, FailureKind::SubprotocolMissing).with_status(101),
        with(Phase::Processing, FailureKind::InvalidMessage),
    ]
}

/// A user's catalogue that contains this text wherever possible, within its limits.
fn catalog(text: &str) -> Catalog {
    let text: String = text.chars().take(20_000).collect();
    let own = serde_json::json!({
        "region": [{"id": "own", "name_en": text, "name_zh": text}],
        "endpoint": [
            {"region": "own", "service": "websocket", "url": "wss://a.example/ws", "label": text},
            {"region": "own", "service": "websocket", "url": "wss://b.example/ws", "label": text},
        ],
    });
    let catalog = Catalog::builtin().with_file(&own.to_string(), CatalogFormat::Json, "own");
    catalog.unwrap()
}

/// Everything as tables, JSON and debug output.
fn formats(text: &str) -> Vec<(&'static str, String)> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_760_000_000);
    let catalog = catalog(text);
    let own = Region::new("own").unwrap();
    let endpoints = catalog
        .group(&own.clone().into(), Service::Websocket)
        .unwrap();
    let address: SocketAddr = "47.93.7.1:443".parse().unwrap();
    let failures = failures(text);
    let mut stats: Vec<EndpointStats> = (endpoints.iter().cloned())
        .map(EndpointStats::new)
        .collect();
    let mut told = Vec::new();
    for failure in &failures {
        let mut sample = Sample::new(
            endpoints[0].clone(),
            address,
            Timings::default(),
            Err(failure.clone()),
        );
        sample.chain = failure.chain().cloned();
        stats[0].record(&sample);
        told.push(("a failure", format!("{failure} {failure:?} {sample:?}")));
    }
    for how in [
        AfterUpgrade::Close {
            code: Some(1008),
            reason: text.to_owned(),
        },
        AfterUpgrade::Garbage(text.to_owned()),
    ] {
        let timings = Timings::default();
        let mut sample = Sample::new(endpoints[1].clone(), address, timings, Ok(()));
        told.push(("what follows an upgrade", format!("{how:?}")));
        (sample.after_upgrade, sample.chain) = (Some(how), Some(chain(text)));
        stats[1].record(&sample);
    }
    told.push(("figures", format!("{stats:?}")));
    let mut outcome = ProbeOutcome::default();
    outcome.rankings = vec![rank(own.into(), stats).unwrap()];
    outcome.ended = Ended::Complete;
    let mut context = Context::new(catalog.clone(), now, now);
    context.environment.lab = Some(text.to_owned());
    context.environment.system_proxies = vec![text.to_owned()];
    context.environment.pinned = vec![text.to_owned()];
    let (url, why) = (text.to_owned(), text.to_owned());
    context.notes = vec![
        Note::SourceFailed { url, why },
        Note::SourceInPart {
            url: text.to_owned(),
            left_out: vec![text.to_owned(); 9],
        },
    ];
    let report = Report::new(&outcome, context);
    let attempts: Vec<Attempt> = (failures.into_iter())
        .map(|one| Attempt::new(endpoints[0].clone(), AttemptOutcome::Failed(one)))
        .collect();
    let (none, took) = (Timings::default(), Duration::ZERO);
    let records = [
        ConnectRecord::failed(text.to_owned(), attempts.clone()),
        ConnectRecord::opened(format!("wss://{text}"), address, took, none, attempts),
    ];
    for lang in [Lang::En, Lang::Zh] {
        let (model, plain) = (Model::new(&report, lang), Style::plain());
        told.extend([
            ("a report's JSON", json(&model)),
            ("a report's table", table(&model, plain)),
            ("connections' JSON", connects_json(&records, lang, now)),
            (
                "connections' table",
                connects_table(&records, lang, plain, now),
            ),
            ("the list's JSON", catalog_json(&catalog, &endpoints, lang)),
            (
                "the list's table",
                catalog_table(&catalog, &endpoints, lang, plain),
            ),
        ]);
    }
    told
}

#[test]
fn every_format_escapes_all_that_is_hidden() {
    // A few private-use characters stand for all, since nothing distinguishes them.
    let private = listed("Co").into_iter().skip(3);
    let all = &hidden() - &private.collect();
    assert!(all.len() > 6000, "{}", all.len());
    let each: Vec<char> = all.iter().copied().collect();
    for some in each.chunks(250) {
        let text = String::from_iter(some);
        for (format, told) in formats(&text) {
            let raw = told.chars().find(|c| *c != '\n' && is_hidden(*c));
            assert_eq!(raw, None, "{format} of {text:?}:\n{told}");
            let by_list = told.chars().find(|c| *c != '\n' && all.contains(c));
            assert_eq!(by_list, None, "{format} of {text:?}:\n{told}");
            if format.ends_with("JSON") {
                let read: serde_json::Value = serde_json::from_str(&told).unwrap();
                let is_it = |one: &str| one == text || one.ends_with(&text);
                assert!(
                    strings(&read).iter().any(|one| is_it(one)),
                    "{format} lost {text:?}"
                );
            }
        }
        for (what, error) in errors(&text) {
            let raw = error.chars().find(|c| is_hidden(*c));
            assert_eq!(raw, None, "{what} of {text:?}: {error}");
        }
    }
}

/// Every string in a document except keys.
fn strings(document: &serde_json::Value) -> Vec<&str> {
    match document {
        serde_json::Value::String(one) => vec![one],
        serde_json::Value::Array(all) => all.iter().flat_map(strings).collect(),
        serde_json::Value::Object(all) => all.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// `Display` and `Debug` of an error and its sources.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = format!("{error}{error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        told += &format!("{error}{error:?}");
        source = error.source();
    }
    told
}

fn refused<T: Debug>(
    what: &'static str,
    got: Result<T, impl std::error::Error + 'static>,
) -> (&'static str, String) {
    (what, told(&got.expect_err(what)))
}

/// The errors of everything that parses text, for this text. Errors of connections and requests are below.
fn errors(text: &str) -> Vec<(&'static str, String)> {
    let quoted = serde_json::to_string(text).unwrap();
    let with =
        |content: &str, format, name: &str| Catalog::builtin().with_file(content, format, name);
    let entry = format!(
        "{{\"endpoint\": [{{\"region\": {quoted}, \"service\": \"rest\", \"url\": \"https://x.example\"}}]}}"
    );
    let key = format!("{{{quoted}: 1}}");
    let kind = format!("{{\"endpoint\": {quoted}}}");
    let history = format!("{{\"schema\": {quoted}}}");
    let options = ConnectOptions::new;
    let io = std::io::Error::other(text.to_owned());
    let mut all = vec![
        refused("an error", Err::<(), _>(Error::new(ErrorKind::Input, text))),
        refused(
            "an error's cause",
            Err::<(), _>(Error::new(ErrorKind::History, io)),
        ),
        refused("a URL", Endpoint::new(CN1, Service::Websocket, text)),
        refused(
            "a URL's host",
            Endpoint::new(CN1, Service::Websocket, &format!("wss://x /{text}/")),
        ),
        refused("a region", Region::new(text)),
        refused("a region's name", Catalog::builtin().find_region(text)),
        refused("a service", text.parse::<Service>()),
        refused("a proxy", format!("{text}://h").parse::<Proxy>()),
        refused("a pinned host", text.parse::<PinnedHost>()),
        refused("a threshold", text.parse::<Threshold>()),
        refused("a language", text.parse::<Lang>()),
        refused(
            "a header's name",
            options().header(&format!("{text} "), "x"),
        ),
        refused(
            "a header's value",
            options().header("x", &format!("{text}\n")),
        ),
        refused("a query", options().query(&format!("{text}\n"))),
        refused("a subprotocol", options().subprotocol(&format!("{text} "))),
        refused("a catalogue in TOML", with(text, CatalogFormat::Toml, text)),
        refused("a catalogue in JSON", with(text, CatalogFormat::Json, text)),
        refused(
            "an entry's region",
            with(&entry, CatalogFormat::Json, "own"),
        ),
        refused("a catalogue's key", with(&key, CatalogFormat::Json, "own")),
        refused(
            "a catalogue's form",
            with(&kind, CatalogFormat::Json, "own"),
        ),
        refused("a scenario", Scenario::from_toml(text, text)),
        refused("a history", History::from_json(&history)),
        refused("a history's error", {
            History::from_json(&history).map_err(Error::from)
        }),
        refused(
            "roots",
            TlsClient::with_roots([text.as_bytes().to_vec().into()]),
        ),
    ];
    all.extend(
        failures(text)
            .into_iter()
            .map(|one| ("a failure", told(&one))),
    );
    all
}

/// A resolver that answers every name with the same failure.
#[derive(Debug)]
struct Failing(Failure);

impl Resolve for Failing {
    fn resolve(&self, _: &str, _: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        std::future::ready(Err(self.0.clone())).boxed()
    }
}

/// The errors of a connection and of a request if every lookup fails like this.
async fn refusals(failure: Failure) -> Vec<(&'static str, String)> {
    let tls = TlsClient::with_roots([rcgen::KeyPair::generate()
        .map(|key| {
            rcgen::CertificateParams::default()
                .self_signed(&key)
                .unwrap()
        })
        .unwrap()
        .der()
        .clone()]);
    let dialer = Dialer::builder()
        .resolver(Failing(failure))
        .tls(tls.unwrap());
    let selector = Selector::builder(CN1).dialer(dialer.build().unwrap());
    let selector = selector.build().unwrap();
    let rest = selector.rest().unwrap();
    vec![
        refused("a connection", selector.connect().await),
        refused("a request", rest.get("/").send().await),
    ]
}

/// Limit for `Display` and `Debug` of an error together, in characters: each quotes at most 1000
/// characters, and an escape takes ten.
const BOUND: usize = 30_000;

#[tokio::test]
async fn no_error_is_endless() {
    for piece in ["\u{1b}", "x", "中", "\u{e0001}", "?a", "u:p@", "\" "] {
        let text = piece.repeat(100_000 / piece.len());
        let mut all = errors(&text);
        for failure in failures(&text) {
            if failure.phase() == Phase::Resolve {
                all.extend(refusals(failure).await);
            }
        }
        for (what, told) in all {
            let one_line = !told.contains('\n');
            assert!(
                one_line && told.chars().count() < BOUND,
                "{what}: {} characters",
                told.chars().count()
            );
        }
        for (format, told) in formats(&text) {
            if format.ends_with("JSON") {
                let read: serde_json::Value = serde_json::from_str(&told).unwrap();
                let longest = strings(&read).iter().map(|one| one.chars().count()).max();
                assert!(longest.unwrap() < BOUND, "{format}: {longest:?} characters");
            } else {
                assert!(
                    told.chars().count() < 10 * BOUND,
                    "{format}: {} characters",
                    told.len()
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_resolver_says_is_escaped() {
    let all: Vec<char> = hidden().into_iter().collect();
    let text = String::from_iter(all.iter().step_by(700));
    for failure in failures(&text) {
        for (what, told) in refusals(failure).await {
            assert_eq!(told.chars().find(|c| is_hidden(*c)), None, "{what}: {told}");
        }
    }
}
