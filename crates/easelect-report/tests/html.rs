//! The HTML report: complete, in both languages, with its JSON, and without foreign markup.

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use easelect::{Catalog, Endpoint, FailureKind, Phase, Ranking, Region, Sample, Service, Timings};
use easelect_report::{Context, Lang, Model, Report, Style, first_screen, html};
use serde_json::Value;
use support::*;

fn models(report: &Report) -> [Model; 2] {
    [Lang::En, Lang::Zh].map(|lang| Model::new(report, lang))
}

fn page(report: &Report) -> String {
    let [en, zh] = models(report);
    html(&en, &zh)
}

/// Parses a page more strictly than browsers do, and returns its elements in order. Every attribute is quoted and
/// occurs once, every element is closed, every `id` is unique, and every `&` begins a reference.
fn elements(page: &str) -> Vec<String> {
    const VOID: [&str; 2] = ["meta", "input"];
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let (mut open, mut all, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    while let Some(at) = rest.find('<') {
        references(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let (name, after) = closing.split_once('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(name), "{}", start(rest));
            rest = after;
            continue;
        }
        let end = rest.find([' ', '>']).unwrap();
        let name = &rest[..end];
        let is_name = |c: char| c.is_ascii_alphanumeric();
        assert!(
            !name.is_empty() && name.chars().all(is_name),
            "{}",
            start(rest)
        );
        rest = &rest[end..];
        let mut seen = BTreeSet::new();
        while let Some(attribute) = rest.strip_prefix(' ') {
            let end = attribute.find(['=', ' ', '>']).unwrap();
            let (key, after) = attribute.split_at(end);
            let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-';
            assert!(
                !key.is_empty() && key.chars().all(is_key),
                "{}",
                start(attribute)
            );
            assert!(
                !key.starts_with("on") && seen.insert(key),
                "{}",
                start(attribute)
            );
            rest = after;
            if let Some(value) = after.strip_prefix("=\"") {
                let (value, after) = value.split_once('"').unwrap();
                assert!(!value.contains('<'), "{value}");
                references(value);
                assert!(key != "id" || ids.insert(value), "twice: {value}");
                assert!(!["src", "style"].contains(&key), "{key}");
                assert!(key != "href" || value.starts_with("#group-"), "{value}");
                rest = after;
            }
        }
        rest = rest
            .strip_prefix('>')
            .unwrap_or_else(|| panic!("{}", start(rest)));
        all.push(name.to_owned());
        if ["style", "script"].contains(&name) {
            // Raw text, up to the first end tag.
            let end = format!("</{name}>");
            rest = rest.split_once(&end).unwrap().1;
        } else if !VOID.contains(&name) {
            open.push(name.to_owned());
        }
    }
    references(rest);
    assert_eq!(open, [""; 0]);
    all
}

fn start(text: &str) -> String {
    text.chars().take(60).collect()
}

fn references(text: &str) {
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;"];
        assert!(
            known.iter().any(|one| text[at..].starts_with(one)),
            "{}",
            start(&text[at..])
        );
    }
}

/// The JSON in a page.
fn embedded(page: &str) -> Model {
    let begin = "<script type=\"application/json\" id=\"easelect-report\">";
    let (_, json) = page.split_once(begin).unwrap();
    let (json, _) = json.split_once('<').unwrap();
    serde_json::from_str(json).unwrap()
}

fn count(elements: &[String], name: &str) -> usize {
    elements.iter().filter(|one| *one == name).count()
}

/// The whole catalogue, with so many samples of each endpoint. Every second endpoint fails, each in another phase.
fn whole_catalogue(samples: usize) -> Report {
    let catalog = Catalog::builtin();
    let mut context = context();
    let mut rankings: Vec<Ranking> = Vec::new();
    let mut groups: Vec<(Region, Service)> = Vec::new();
    for one in catalog.endpoints() {
        let group = (one.region().clone(), one.service());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    for (number, (region, service)) in groups.into_iter().enumerate() {
        let [a, b] = pair(region, service);
        let phase = [Phase::Connect, Phase::Tls][number % 2];
        let fails = failure(phase, FailureKind::Timeout);
        rankings.push(ranking([ok(&a, 20), failing(&b, fails.clone())]));
        for place in 0..samples {
            let took = Duration::from_micros(20_123 + 1_711 * place as u64);
            add_sample(&mut context, &a, took, Ok(()));
            add_sample(&mut context, &b, took, Err(fails.clone()));
        }
    }
    Report::new(&outcome(&rankings), context)
}

fn add_sample(
    context: &mut Context,
    endpoint: &Endpoint,
    took: Duration,
    outcome: Result<(), easelect::Failure>,
) {
    let address = "47.93.7.100:443".parse().unwrap();
    let mut sample = Sample::new(endpoint.clone(), address, Timings::default(), outcome);
    sample.elapsed = took;
    sample.started = took * 7;
    context.evidence.samples.push(sample);
}

#[test]
fn both_languages_are_there_and_the_readers_comes_first() {
    let report = whole_catalogue(3);
    let [en, zh] = models(&report);
    for (first, second) in [(&en, &zh), (&zh, &en)] {
        let page = html(first, second);
        elements(&page);
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
        for model in [&en, &zh] {
            for told in [
                &model.verdict.text,
                &model.verdict.who_acts,
                &model.verdict.next_step,
            ] {
                assert!(page.contains(told.as_str()), "{told}");
            }
        }
        assert!(place(&first.verdict.text) < place(&second.verdict.text));
        let tag = if first.lang == Lang::En {
            "en"
        } else {
            "zh-CN"
        };
        assert!(page.contains(&format!("<html lang=\"{tag}\">")));
        assert!(
            page.contains(&format!("id=\"in-{tag}\" checked")),
            "it opens in {tag}"
        );
        assert_eq!(page.matches(" checked").count(), 1);
        assert_eq!(embedded(&page), *first);
    }
    // With one language, there is no switch.
    let alone = html(&en, &en);
    assert_eq!(count(&elements(&alone), "input"), 0);
    assert_eq!(count(&elements(&alone), "article"), 1);
}

#[test]
fn every_endpoint_is_drawn_with_words() {
    let page = page(&whole_catalogue(5));
    let bars = page.matches("<svg class=\"bar\"").count();
    let strips = page.matches("<svg class=\"strip\"").count();
    assert_eq!((bars, strips), (2 * 44, 2 * 44));
    let titles = page.matches("role=\"img\"><title>").count();
    assert_eq!(titles, 4 * 44);
    assert!(page.contains(
        "<title>name lookup 12.0 ms, TCP connect 20.5 ms, TLS handshake 21.5 ms, WebSocket handshake 20.5 ms</title>"
    ));
    assert!(page.contains("<title>5 次尝试，成功 5 次，耗时 20.1–27.0 ms</title>"));
    assert!(page.contains("<title>5 single attempts, 5 failed</title>"));
    assert!(page.contains("then it fails: TLS handshake: connected, but no answer"));
}

#[test]
fn whatever_was_measured_has_a_page() {
    let [a, b] = pair(Region::US1, Service::Rest);
    let [c, d] = pair(Region::CN1, Service::Websocket);
    let mut second_source = context();
    second_source.second_source = vec![Region::US1];
    let mut busy = context();
    busy.environment.lab = Some("beijing".to_owned());
    busy.note = Some("上海 / carrier".to_owned());
    busy.utc_offset = Some(8 * 3600);
    busy.in_use = vec![b.clone()];
    let own = Endpoint::new(Region::CN1, Service::Websocket, "wss://own.example/a/path").unwrap();
    let untried = || Measured::of(&d).unfinished(3);
    for (what, report) in [
        ("nothing", report(&[])),
        ("all well", report(&[ranking([ok(&a, 20), ok(&b, 30)])])),
        ("all fails", report(&[ranking([refused(&a), refused(&b)])])),
        ("not tried", report(&[ranking([ok(&c, 20), untried()])])),
        (
            "no name",
            report(&[ranking([
                Measured::of(&a).lookup_failed(FailureKind::NotFound)
            ])]),
        ),
        (
            "second source",
            Report::new(
                &outcome(&[ranking([ok(&a, 20), refused(&b)])]),
                second_source,
            ),
        ),
        ("own", report(&[ranking([ok(&own, 20)])])),
        ("pool", report(&[pool_ranking([ok(&c, 20), ok(&d, 30)])])),
        (
            "in use",
            Report::new(&outcome(&[ranking([ok(&a, 20), ok(&b, 300)])]), busy),
        ),
    ] {
        let models = models(&report);
        let page = html(&models[1], &models[0]);
        let elements = elements(&page);
        assert_eq!(embedded(&page), models[1], "{what}");
        assert_eq!(
            page.contains("<p class=\"host\">wss://own.example/a/path</p>"),
            what == "own"
        );
        let is_red = page.contains("<td class=\"bad\"");
        assert_eq!(is_red, ["all fails", "no name"].contains(&what), "{what}");
        assert_eq!(count(&elements, "h1"), 2, "{what}");
        // Headings don't skip a level.
        let levels = elements
            .iter()
            .filter_map(|one| one.strip_prefix('h')?.parse::<u8>().ok());
        levels.reduce(|before, level| {
            assert!(level <= before + 1, "{what}: h{before}, h{level}");
            level
        });
        for model in &models {
            let second = model.groups.iter().any(|group| group.second_source);
            assert_eq!(second, what == "second source");
            assert!(
                model.environment.lab.is_none() || page.contains("模拟网络"),
                "{what}"
            );
            assert!(
                model
                    .note
                    .as_ref()
                    .is_none_or(|note| page.contains(note.as_str())),
                "{what}"
            );
        }
        assert_eq!(
            page.contains("没有发现异常"),
            ["all well", "pool", "own"].contains(&what),
            "{what}"
        );
        assert_eq!(
            page.contains("来自其他来源"),
            what == "second source",
            "{what}"
        );
    }
}

#[test]
fn a_certificate_is_told_of_when_it_ends_soon() {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let told = |days| {
        let rankings = [ranking([
            ok(&a, 21).shows(certificate(-300, days)),
            ok(&b, 30),
        ])];
        let page = page(&report(&rankings));
        let (_, group) = page.split_once("id=\"group-en-1\"").unwrap();
        let (group, _) = group.split_once("</section>").unwrap();
        group.contains("certificate expires in")
    };
    assert!(told(10));
    assert!(!told(60), "what is as it should be is not told");
}

/// Adds the text to every string except the language, even to those that only this program writes: a model may be
/// read from a file.
fn with(text: &str, model: &Model) -> Model {
    fn add(text: &str, value: &mut Value) {
        match value {
            Value::String(own) => own.push_str(text),
            Value::Array(all) => all.iter_mut().for_each(|one| add(text, one)),
            Value::Object(all) => {
                let told = all.iter_mut().filter(|(key, _)| *key != "lang");
                told.for_each(|(_, one)| add(text, one));
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(model).unwrap();
    add(text, &mut value);
    serde_json::from_value(value).unwrap()
}

/// A report in which every field has a value.
fn talkative() -> Report {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let [c, d] = pair(Region::US1, Service::Rest);
    let mut context = context();
    let environment = &mut context.environment;
    environment.lab = Some("lab".to_owned());
    environment.proxy = "http://proxy.example:3128".parse().ok();
    environment.proxy_variables = vec!["HTTPS_PROXY".to_owned()];
    environment.system_proxies = vec!["http://other.example:1".to_owned()];
    environment.pinned = vec!["host.example:443:192.0.2.1".to_owned()];
    environment.name_servers = vec!["192.0.2.53:53".parse().unwrap()];
    let mut network = easelect::LocalNetwork::default();
    network.interface = Some("tunnel");
    environment.network_at_start = Some(network);
    context.note = Some("a note".to_owned());
    context.utc_offset = Some(3600);
    let server = "192.0.2.53:53".parse().unwrap();
    let mut lookup = easelect_report::DirectLookup::new(
        a.host(),
        server,
        easelect::Family::V4,
        Err(failure(Phase::Resolve, FailureKind::NotFound)),
    );
    lookup.second_answer = Some(Ok(vec!["192.0.2.7".parse().unwrap()]));
    context.direct_lookups = vec![lookup];
    context.in_use = vec![b.clone()];
    add_sample(&mut context, &a, ms(60), Ok(()));
    add_sample(
        &mut context,
        &b,
        ms(60),
        Err(failure(Phase::Tls, FailureKind::Timeout)),
    );
    let untrusted = failure(Phase::Tls, FailureKind::CertificateUntrusted)
        .with_chain(certificate(-30, 60))
        .with_message("what the library said");
    let rankings = [
        ranking([
            ok(&a, 21).shows(certificate(-300, 5)).left_out(3),
            failing(&b, untrusted),
        ]),
        ranking([
            ok(&c, 20),
            Measured::of(&d)
                .lookup_failed(FailureKind::NotFound)
                .unfinished(2),
        ]),
    ];
    Report::new(&outcome(&rankings), context)
}

#[test]
fn what_strangers_wrote_never_becomes_markup() {
    const HOSTILE: &str = "\"><script>alert(1)</script></script></style></title></svg>--><!--<svg onload=alert(2)>\
        <img src=x onerror='alert(3)'>]]>&lt;&#60;&amp{{7*7}}\u{202e}\u{2066}\0\u{7}\u{1b}[31m\u{7f}\u{85}\u{2028}\
        \u{feff}\u{200b}\r\n\t' onclick=\"alert(4)";
    let models = models(&talkative());
    let harmless = models.clone().map(|model| with("x", &model));
    let hostile = models.map(|model| with(HOSTILE, &model));
    let page = html(&hostile[0], &hostile[1]);
    assert_eq!(elements(&page), elements(&html(&harmless[0], &harmless[1])));
    assert_eq!(count(&elements(&page), "script"), 1);
    let hidden = page.chars().find(|c| *c != '\n' && easelect::is_hidden(*c));
    assert_eq!(hidden, None);
    assert_eq!(embedded(&page), hostile[0]);
    // The text occurs in each language at least as often as in the JSON, without codes.
    let shown = page.matches("&lt;script&gt;alert(1)").count();
    assert!(shown > 100, "{shown}");
    for told in [
        "a note",
        "tunnel",
        "HTTPS_PROXY",
        "what the library said",
        "CN=Some CA",
        "192.0.2.7",
    ] {
        let (_, after) = page.split_once(told).unwrap_or_else(|| panic!("{told}"));
        assert!(!after.starts_with("<"), "{told}");
    }
}

#[test]
fn figures_that_no_report_has_break_nothing() {
    let mut value = serde_json::to_value(&models(&whole_catalogue(2))[0]).unwrap();
    fn spoil(value: &mut Value, figure: f64) {
        match value {
            Value::Number(number) if number.is_f64() => *value = figure.into(),
            Value::Array(all) => all.iter_mut().for_each(|one| spoil(one, figure)),
            Value::Object(all) => all.values_mut().for_each(|one| spoil(one, figure)),
            _ => {}
        }
    }
    for figure in [-1.5, 0.5e-300, 1e300, f64::MAX] {
        spoil(&mut value, figure);
        let model: Model = serde_json::from_value(value.clone()).unwrap();
        let page = html(&model, &model);
        elements(&page);
        for odd in ["NaN", "inf%"] {
            assert!(!page.contains(odd), "{figure}: {odd}");
        }
    }
}

#[test]
fn it_is_small_enough_to_send() {
    for (samples, most) in [(20, 700_000), (200, 1_200_000)] {
        let mut models = models(&whole_catalogue(1));
        for model in &mut models {
            let endpoints = model
                .groups
                .iter_mut()
                .flat_map(|group| &mut group.endpoints);
            for one in endpoints.map(|endpoint| &mut endpoint.samples) {
                *one = vec![one[0].clone(); samples];
                for (place, sample) in one.iter_mut().enumerate() {
                    sample.at_ms += 137.031 * place as f64;
                    sample.took_ms = sample.took_ms.map(|took| took + 1.711 * place as f64);
                }
            }
        }
        let length = html(&models[0], &models[1]).len();
        assert!(length > 100_000, "nothing is in it");
        assert!(length < most, "{samples} samples: {length}");
    }
}

/// The terminal and the HTML file say the same.
#[test]
fn its_overview_tells_what_the_terminal_tells() {
    let timeout = failure(Phase::Connect, FailureKind::Timeout);
    let other = SocketAddr::from(([47, 93, 8, 1], 443));
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let half = ok(&a, 18).bad(other, timeout.clone(), 2);
    let lead_by_time = ranking([half, ok(&b, 40)]);
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let alternate = Measured::of(&b);
    let at = alternate.v4();
    let alternate = alternate.good_at("/ws/websocket", at, [60, 61, 60]);
    let path = ranking([ok(&a, 20), alternate]);
    let [a, b] = pair(Region::US1, Service::Rest);
    let flaky = ok(&b, 20);
    let at = flaky.v4();
    let fails_less = ranking([ok(&a, 40), flaky.bad(at, timeout, 2)]);
    let [a, b] = pair(Region::US1, Service::Websocket);
    let none = ranking([refused(&a), refused(&b)]);
    let [a, b] = pair(Region::US1, Service::Wechat);
    let untried = ranking([Measured::of(&a), Measured::of(&b)]);
    let report = report(&[lead_by_time, path, fails_less, none, untried]);
    for model in models(&report) {
        let page = html(&model, &model);
        let from = page.find("<table class=\"overview\">").unwrap();
        let to = from + page[from..].find("</table>").unwrap();
        let overview = &page[from..to];
        let terminal = first_screen(&model, Style::plain(), None);
        let both = match model.lang {
            Lang::En => [
                "66.0 ms",
                "1 of 2 addresses never answers",
                "works only with the path /ws/websocket",
                "fails less",
                "2 of 6 attempts failed",
                "no usable endpoint: connection refused (TCP)",
                "not tried",
            ],
            _ => [
                "66.0 ms",
                "2 个地址中 1 个始终无应答",
                "仅路径 /ws/websocket 可用",
                "失败更少",
                "6 次尝试失败 2 次",
                "没有可用地址：连接被拒绝（TCP）",
                "未探测",
            ],
        };
        for told in both {
            assert!(terminal.contains(told), "{told}: {terminal}");
            assert!(overview.contains(told), "{told}: {overview}");
        }
        // An endpoint that was not tried is not at fault.
        assert_eq!(overview.matches('✕').count(), 1, "{overview}");
    }
}

/// An endpoint that works at another address does not fail.
#[test]
fn only_what_fails_is_said_to_fail() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let other = SocketAddr::from(([47, 93, 8, 1], 443));
    let half = ok(&a, 18).bad(other, failure(Phase::Connect, FailureKind::Timeout), 2);
    for (measured, tag, other) in [
        (
            [half, ok(&b, 40)],
            "not everything works",
            "some endpoints fail",
        ),
        (
            [ok(&a, 18), refused(&b)],
            "some endpoints fail",
            "not everything works",
        ),
    ] {
        let model = Model::new(&report(&[ranking(measured)]), Lang::En);
        let page = html(&model, &model);
        let tag_of = |tag| page.contains(&format!("<span class=\"severity\">{tag}</span>"));
        assert!(tag_of(tag) && !tag_of(other), "{tag}");
    }
}
