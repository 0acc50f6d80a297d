//! The report as one HTML file for a browser, to send.
//!
//! The page needs no script and loads nothing. The template engine escapes every text; hidden characters are
//! escaped in the finished page as a whole.

mod words;

mod drawing;

mod group;

use easelect::{Phase, Tier, is_hidden};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::json::compact;
use super::overview::{deviations, is_untried, lead, lead_means, obstacles, tier_of};
use crate::model::{
    AnswerModel, DirectLookupModel, EndpointModel, EnvironmentModel, FindingModel, GroupModel,
    Model,
};
use crate::texts::{Label, Lang, label, phase, text, through};

use drawing::class;
use words::{Word, told};

/// Allows the page's own style sheet and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = include_str!("html/page.css");

/// Formats a report as an HTML page in one file. It opens with `model`; `other` is the same report in the other
/// language, to which a reader can switch. If both have the same language, there is no switch.
///
/// The page needs no script and no network. `model` is in it as JSON, in the element
/// `<script type="application/json" id="easelect-report">`, with every `<` as `\u003c`.
#[must_use]
pub fn html(model: &Model, other: &Model) -> String {
    let models: Vec<&Model> = match model.lang == other.lang {
        true => vec![model],
        false => vec![model, other],
    };
    let lang = model.lang;
    let page = html! {
        (DOCTYPE)
        html lang=(tag(lang)) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Reports are private, and IP addresses are no telephone numbers.
                meta name="robots" content="noindex";
                meta name="format-detection" content="telephone=no";
                title { (Word::Title.of(lang)) " · " (model.finished_at) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                div.page {
                    span.brand { "easelect" }
                    @if models.len() > 1 {
                        // Before the reports and beside them, where the style sheet's selectors reach.
                        @for one in in_fixed_order(&models) {
                            @let id = format!("in-{}", tag(one.lang));
                            input type="radio" name="lang" id=(id) checked[one.lang == lang] autocomplete="off";
                            label for=(id) lang=(tag(one.lang)) { (name(one.lang)) }
                        }
                    }
                    @for one in &models { (report(one)) }
                }
                // Without `<`, the JSON can't end the element or begin a comment.
                script type="application/json" id="easelect-report" {
                    (PreEscaped(compact(model).replace('<', "\\u003c")))
                }
            }
        }
    };
    let mut visible = String::with_capacity(page.0.len());
    for c in page.0.chars() {
        match c {
            '\n' | ' '..='~' => visible.push(c),
            c if is_hidden(c) => visible.extend(c.escape_unicode()),
            c => visible.push(c),
        }
    }
    visible
}

/// The order of the language switch, the same in both languages.
fn in_fixed_order<'a>(models: &[&'a Model]) -> Vec<&'a Model> {
    let mut models = models.to_vec();
    models.sort_by_key(|one| one.lang != Lang::Zh);
    models
}

/// The language tag in HTML.
fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "en",
        Lang::Zh => "zh-CN",
    }
}

fn name(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "English",
        Lang::Zh => "中文",
    }
}

fn report(model: &Model) -> Markup {
    let lang = model.lang;
    let is_note = |one: &&FindingModel| one.severity == "background";
    let (notes, found): (Vec<_>, Vec<_>) = model.findings.iter().partition(is_note);
    html! {
        article.report lang=(tag(lang)) {
            p.subject { (Word::Title.of(lang)) }
            (verdict(model))
            (facts(model))
            @if !model.groups.is_empty() { (overview(model)) }
            // Where nothing was measured, a lack of findings is no good news.
            @if !found.is_empty() || model.verdict.code == "all_well" {
                section {
                    h2 { (label(Label::Findings).of(lang)) }
                    @if found.is_empty() { p { (Word::NoFindings.of(lang)) } }
                    @else { ol.findings { @for one in found { (finding(one, model)) } } }
                }
            }
            @if !model.groups.is_empty() {
                section {
                    h2 { (Word::Measurements.of(lang)) }
                    (legend(model))
                    @for (place, one) in model.groups.iter().enumerate() {
                        (group::section(one, &anchor(lang, place), lang))
                    }
                }
            }
            @if !model.direct_lookups.is_empty() { (lookups(&model.direct_lookups, lang)) }
            (environment(&model.environment, lang))
            section.reading {
                h2 { (Word::HowToRead.of(lang)) }
                ul {
                    @for one in notes { li { (one.text) (space(lang)) (one.hint) } }
                    @if !model.groups.is_empty() {
                        li { (Word::ReadBar.of(lang)) }
                        li { (Word::ReadDots.of(lang)) }
                        li { (label(Label::Legend).of(lang)) }
                        li { (lead_means().of(lang)) }
                    }
                    li { (Word::ReadAgain.of(lang)) }
                }
                p.muted { (Word::MeasuredWith.of(lang)) (space(lang)) "easelect " (model.version) }
            }
        }
    }
}

/// What separates sentences.
fn space(lang: Lang) -> String {
    text(" ", "").of(lang)
}

/// The identifier of a group's place in the page.
fn anchor(lang: Lang, place: usize) -> String {
    format!("group-{}-{}", tag(lang), place + 1)
}

fn verdict(model: &Model) -> Markup {
    let (lang, verdict) = (model.lang, &model.verdict);
    let mut counted = model.groups.iter().filter(|group| !group.second_source);
    let every_group_ready = counted.all(|group| group.best.is_some());
    let (colour, mark) = match verdict.code.as_str() {
        "all_well" => ("good", "✓"),
        "some_endpoints_fail" | "not_measured" => ("doubtful", "!"),
        _ if every_group_ready && !model.groups.is_empty() => ("doubtful", "!"),
        _ => ("bad", "✕"),
    };
    html! {
        header.verdict.(colour) {
            @if let Some(lab) = &model.environment.lab {
                p.simulated { (Word::Simulated.of(lang)) (space(lang)) strong { (lab) } }
            }
            div.mark aria-hidden="true" { (mark) }
            h1 { (verdict.text) }
            dl {
                dt { (label(Label::WhoActs).of(lang)) }
                dd { (verdict.who_acts) }
                dt { (label(Label::NextStep).of(lang)) }
                dd { (verdict.next_step) }
            }
            p.muted { (verdict.not_tested) }
        }
    }
}

/// When, where and what was measured.
fn facts(model: &Model) -> Markup {
    let (lang, environment) = (model.lang, &model.environment);
    let mut centres: Vec<&str> = Vec::new();
    for group in &model.groups {
        if !centres.contains(&&*group.region_name) {
            centres.push(&group.region_name);
        }
    }
    let comma = text(", ", "、").of(lang);
    let mut place = vec![format!("{} {}", environment.os, environment.arch)];
    place.extend(environment.interface.clone());
    place.extend(environment.network.as_ref().and_then(|one| one.id.clone()));
    if let Some(proxy) = &environment.proxy {
        place.push(through(&proxy.url).of(lang));
    }
    html! {
        dl.facts {
            dt { (Word::When.of(lang)) }
            dd {
                (moment(model.finished_at_local.as_deref().unwrap_or(&model.finished_at)))
                @if !model.complete { " " strong.doubtful { (label(Label::Incomplete).of(lang)) } }
            }
            dt { (Word::Where.of(lang)) }
            dd { (place.join(&comma)) }
            @if !centres.is_empty() {
                dt { (Word::DataCentres.of(lang)) }
                dd { (centres.join(&comma)) }
            }
            @if let Some(note) = &model.note {
                dt { (Word::Note.of(lang)) }
                dd { (note) }
            }
        }
    }
}

/// An RFC 3339 time stamp for people.
fn moment(timestamp: &str) -> String {
    let spaced = timestamp.replacen('T', " ", 1);
    match spaced.strip_suffix('Z') {
        Some(utc) => format!("{utc} UTC"),
        // The offset from UTC, such as `+08:00`, set apart.
        None => match spaced.char_indices().nth_back(5) {
            Some((place, '+' | '-')) => format!("{} UTC{}", &spaced[..place], &spaced[place..]),
            _ => spaced,
        },
    }
}

/// One line per data centre and service.
fn overview(model: &Model) -> Markup {
    let lang = model.lang;
    let deviations: Vec<Vec<String>> = (model.groups.iter())
        .map(|group| match group.best {
            Some(_) => deviations(group, model),
            // The cell of the first choice says why.
            None => Vec::new(),
        })
        .collect();
    let any = deviations.iter().any(|told| !told.is_empty());
    let heads = [
        Word::DataCentreAndService,
        Word::FirstChoice,
        Word::Median,
        Word::Lead,
    ];
    html! {
        section {
            h2 { (Word::Overview.of(lang)) }
            table.overview {
                thead {
                    tr {
                        @for word in heads { th scope="col" { (word.of(lang)) } }
                        @if any { th scope="col" { (Word::Deviates.of(lang)) } }
                    }
                }
                tbody {
                    @for (place, (group, deviations)) in model.groups.iter().zip(&deviations).enumerate() {
                        tr {
                            th scope="row" {
                                a href=(format!("#{}", anchor(lang, place))) {
                                    (group.region_name) " · " (group.service_name)
                                }
                            }
                            @match group.endpoints.first().filter(|_| group.best.is_some()) {
                                Some(first) => {
                                    (first_choice(first, group, lang))
                                    @if any { td.deviates { @for one in deviations { p { (one) } } } }
                                }
                                None => (no_first_choice(group, if any { 4 } else { 3 }, lang)),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The cells of the first choice, of its time, and of its lead.
fn first_choice(first: &EndpointModel, group: &GroupModel, lang: Lang) -> Markup {
    html! {
        td.host { (first.authority) }
        td.figure data-head=(Word::Median.of(lang)) {
            @if let Some(median) = &first.total_ms { (told(median.p50)) " ms" }
        }
        td.figure data-head=(Word::Lead.of(lang)) { @if let Some(lead) = lead(group, lang) { (lead) } }
    }
}

/// The cell in their place: why there is no first choice.
fn no_first_choice(group: &GroupModel, columns: usize, lang: Lang) -> Markup {
    let why = obstacles(group, lang);
    html! {
        @match group.endpoints.iter().all(is_untried) {
            true => td.muted colspan=(columns) { (why) },
            false => td class=(group::none_ready(group)) colspan=(columns) { "✕ " (why) },
        }
    }
}

fn finding(one: &FindingModel, model: &Model) -> Markup {
    let lang = model.lang;
    let mut endpoints = model.groups.iter().flat_map(|group| &group.endpoints);
    let fails = |row: &EndpointModel| {
        let is_meant = one.urls.contains(&row.url) || one.urls.contains(&row.configured_url);
        is_meant && !is_untried(row) && tier_of(row) != Tier::Ready
    };
    let severity = match one.severity.as_str() {
        "blocks" => Word::Blocks,
        "harms" if endpoints.any(fails) => Word::SomeFail,
        // Such as a dead address of an endpoint that works, broken IPv6, or slow DNS.
        "harms" => Word::Harms,
        _ => Word::Informs,
    };
    let actor = one.actor.as_deref().and_then(words::actor);
    // The text itself names a few.
    let is_told = |url: &String| {
        let authority = url.split('/').nth(2);
        authority.is_some_and(|authority| one.text.contains(authority))
    };
    let all_told = one.urls.iter().all(is_told);
    html! {
        li class=(one.severity) {
            p.tag {
                span.severity { (severity.of(lang)) }
                @if let Some(actor) = actor {
                    span { (label(Label::WhoActs).of(lang)) (text(": ", "：").of(lang)) (actor.of(lang)) }
                }
            }
            p { (one.text) }
            @if !one.hint.is_empty() { p.hint { "→ " (one.hint) } }
            @if !all_told {
                details {
                    summary { (Word::AllEndpoints.of(lang)) " (" (one.urls.len()) ")" }
                    ul.plain { @for url in &one.urls { li.host { (url) } } }
                }
            }
        }
    }
}

/// The phases that happened anywhere in the report, with their colours.
fn legend(model: &Model) -> Markup {
    let endpoints = || model.groups.iter().flat_map(|group| &group.endpoints);
    let happened = |phase: &Phase| endpoints().any(|one| one.phases_ms.get(*phase).is_some());
    html! {
        ul.legend {
            @for one in Phase::ALL.iter().filter(|phase| happened(phase)) {
                li { i class=(class(*one)) {} (phase(*one).of(model.lang)) }
            }
        }
    }
}

fn lookups(all: &[DirectLookupModel], lang: Lang) -> Markup {
    let comma = text(", ", "、").of(lang);
    let told_answer = |answer: &AnswerModel| match &answer.failure {
        Some(failure) => failure.message.clone(),
        None => answer.addresses.join(&comma),
    };
    html! {
        section {
            h2 { (Word::Lookups.of(lang)) }
            table {
                thead {
                    tr { @for word in [Word::Host, Word::Server, Word::Answer] { th scope="col" { (word.of(lang)) } } }
                }
                tbody {
                    @for one in all {
                        tr {
                            th.host scope="row" { (one.host) }
                            td.host { (one.server) " " span.muted { (one.transport) ", " (told(one.took_ms)) " ms" } }
                            td {
                                (told_answer(&one.answer))
                                @if let Some(second) = &one.second_answer {
                                    p.bad {
                                        "✕ " (Word::Second.of(lang)) (text(": ", "：").of(lang)) (told_answer(second))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is known of the machine, and the options.
fn environment(of: &EnvironmentModel, lang: Lang) -> Markup {
    let comma = text(", ", "、").of(lang);
    let list = |all: &[String]| (!all.is_empty()).then(|| all.join(&comma));
    let families = |all: &[String]| {
        let named = all.iter().map(|one| match one.as_str() {
            "v4" => "IPv4".to_owned(),
            "v6" => "IPv6".to_owned(),
            other => other.to_owned(),
        });
        let named: Vec<String> = named.collect();
        list(&named).unwrap_or_else(|| Word::None.of(lang))
    };
    let limit = |millis: Option<f64>| Some(format!("{} s", millis? / 1000.0));
    let rows = [
        (Word::System, Some(format!("{} {}", of.os, of.arch))),
        (Word::Network, network(of, lang)),
        (Word::Interface, of.interface.clone()),
        (Word::NameServers, list(&of.name_servers)),
        (Word::AskedInstead, of.dns.clone()),
        (Word::Nat64, of.nat64.clone()),
        (Word::FamiliesTried, Some(families(&of.families_tried))),
        (Word::FamiliesWorking, Some(families(&of.families_working))),
        (
            Word::Proxy,
            of.proxy.as_ref().map(|one| match &one.variable {
                Some(variable) => format!("{} ({variable})", one.url),
                None => one.url.clone(),
            }),
        ),
        (Word::ProxyVariables, list(&of.proxy_variables)),
        (Word::SystemProxies, list(&of.system_proxies)),
        (Word::Pinned, list(&of.pinned)),
        (Word::Roots, of.roots.map(|count| count.to_string())),
        (Word::Cacert, of.cacert.then(|| Word::Yes.of(lang))),
        (Word::Rounds, of.rounds.map(|count| count.to_string())),
        (Word::Timeout, limit(of.timeout_ms)),
        (Word::Deadline, limit(of.deadline_ms)),
        (Word::InFlight, of.in_flight.map(|count| count.to_string())),
    ];
    html! {
        section {
            h2 { (Word::Environment.of(lang)) }
            dl.facts {
                @for (what, value) in rows {
                    @if let Some(value) = value { dt { (what.of(lang)) } dd { (value) } }
                }
            }
        }
    }
}

fn network(of: &EnvironmentModel, lang: Lang) -> Option<String> {
    let network = of.network.as_ref()?;
    let kind = |kind: &Option<String>, public, private| match kind.as_deref()? {
        "public" => Some(public),
        _ => Some(private),
    };
    let words = [
        kind(&network.ipv4, Word::PublicV4, Word::PrivateV4),
        kind(&network.ipv6, Word::PublicV6, Word::PrivateV6),
        (network.changed == Some(true)).then_some(Word::NetworkChanged),
    ];
    let words = words.into_iter().flatten().map(|word| word.of(lang));
    let all: Vec<String> = network.id.clone().into_iter().chain(words).collect();
    (!all.is_empty()).then(|| all.join(&text(", ", "、").of(lang)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_for_people() {
        for (stamp, told) in [
            ("2025-10-09T08:53:20Z", "2025-10-09 08:53:20 UTC"),
            ("2025-10-09T16:53:20+08:00", "2025-10-09 16:53:20 UTC+08:00"),
            ("2025-10-09T00:53:20-08:00", "2025-10-09 00:53:20 UTC-08:00"),
            ("中", "中"),
            ("", ""),
        ] {
            assert_eq!(moment(stamp), told);
        }
    }
}
