//! The details: every finding with its hint, a block per group, the environment and notes.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use easelect::{Confidence, Phase, Reason, Residency, Service, Tier};

use super::super::overview::{
    expires_soon, headed, is_untried, lag_when_connected, lead_means, tier_of,
};
use super::bars::{self, Scale};
use super::circumstances;
use crate::figures::{percent, told_ms};
use crate::finding::Severity;
use crate::layout::{Column, Ink, Style};
use crate::model::{AddressModel, EndpointModel, FailureModel, FindingModel, GroupModel, Model};
use crate::texts::{Label, Lang, label, list, phase, plural, shown, text, tier};

/// Let's Encrypt advises renewing 30 days before the end: a certificate with more days left needs no mention.
const RENEWED_DAYS: i64 = 30;

/// Formats the details behind the first screen: every finding with its hint, one block per data centre and service,
/// the environment, and the limits of the measurement.
#[must_use]
pub fn details(model: &Model, style: Style) -> String {
    let lang = model.lang;
    let title = |one: Label| style.paint(Ink::Bold, &label(one).of(lang));
    let is_note = |one: &&FindingModel| one.severity == Severity::Background.as_str();
    let (notes, findings): (Vec<_>, Vec<_>) = model.findings.iter().partition(is_note);
    let mut sections: Vec<Vec<String>> = Vec::new();
    if !findings.is_empty() {
        let mut section = vec![title(Label::Findings)];
        for one in findings {
            section.extend(style.paragraph("- ", &one.text));
            if !one.hint.is_empty() {
                section.extend(style.painted(Ink::Dim, "  > ", &one.hint));
            }
        }
        sections.push(section);
    }
    let legend = bars::legend(model, style);
    if !legend.is_empty() {
        sections.push(legend);
    }
    let (beside, published): (Vec<_>, Vec<_>) =
        model.groups.iter().partition(|group| group.second_source);
    sections.extend(
        published
            .iter()
            .chain(&beside)
            .map(|group| block(group, lang, style)),
    );
    let environment = text("Environment", "环境").of(lang);
    let mut section = vec![style.paint(Ink::Bold, &environment)];
    section.extend(circumstances::in_full(model, style));
    sections.push(section);
    let mut section = vec![title(Label::Notes)];
    for one in &notes {
        let space = text(" ", "").of(lang);
        section.extend(style.paragraph("- ", &format!("{}{space}{}", one.text, one.hint)));
    }
    if !model.groups.is_empty() {
        section.extend(style.paragraph("- ", &label(Label::Legend).of(lang)));
        section.extend(style.paragraph("- ", &lead_means().of(lang)));
    }
    if section.len() > 1 {
        sections.push(section);
    }
    let sections: Vec<String> = sections.iter().map(|section| section.join("\n")).collect();
    format!("{}\n", sections.join("\n\n"))
}

fn block(group: &GroupModel, lang: Lang, style: Style) -> Vec<String> {
    let (name, id) = (&group.region_name, &group.region);
    let source = match group.second_source {
        true => text(", from a second source", "，来自其他来源").of(lang),
        false => String::new(),
    };
    let service = &group.service_name;
    let title = text(
        format!("{name} ({id}), {service}{source}"),
        format!("{name}（{id}），{service}{source}"),
    );
    let mut lines: Vec<String> = style.painted(Ink::Bold, "", &title.of(lang)).collect();
    let (first, ink) = match &group.best {
        Some(url) => (first_choice(group, url, lang), Ink::Good),
        None => (label(Label::NoFirstChoice).of(lang), Ink::Bad),
    };
    lines.extend(style.painted(ink, "", &first));
    let (head, body) = style.grid(grid_columns(group, lang));
    lines.extend(head.iter().map(|line| style.paint(Ink::Dim, line)));
    let scale = Scale::of(group, style);
    let indent = " ".repeat(bars::INDENT);
    for (row, line) in group.endpoints.iter().zip(body) {
        let ink = match tier_of(row) {
            Tier::Ready if row.rank == 1 => Ink::Good,
            Tier::Ready => Ink::Plain,
            Tier::Answering => Ink::Doubtful,
            Tier::Unreachable => Ink::Bad,
        };
        lines.push(style.paint(ink, &line));
        lines.extend(scale.bar(row));
        for under in beneath(row, lang) {
            lines.extend(style.painted(Ink::Dim, &indent, &under));
        }
    }
    lines
}

fn first_choice(group: &GroupModel, url: &str, lang: Lang) -> String {
    let told = headed(label(Label::FirstChoice), url, lang);
    let code = group.endpoints.first().map(|row| row.reason.code.as_str());
    let alone = group.endpoints.len() == 1;
    let why = if lag_when_connected(group).is_some_and(|lag| lag <= 0.0) {
        text("fails less often than the next", "失败比下一个少")
    } else if code == Some(Reason::Fastest.as_str()) {
        text("clearly the fastest", "明显最快")
    } else if code == Some(Reason::FastestWithinNoise.as_str()) {
        text("the next is not clearly slower", "与下一个没有明显差别")
    } else if code == Some(Reason::OnlyReady.as_str()) && !alone {
        text("the only one that is ready", "唯一可用")
    } else {
        return told;
    };
    text(
        format!("{told} ({})", why.en),
        format!("{told}（{}）", why.zh),
    )
    .of(lang)
}

fn grid_columns(group: &GroupModel, lang: Lang) -> Vec<Column> {
    let word = |one| label(one).of(lang);
    let cells = |cell: &dyn Fn(&EndpointModel) -> Option<String>| -> Vec<String> {
        let or_dash = |row| cell(row).unwrap_or_else(|| "-".to_owned());
        group.endpoints.iter().map(or_dash).collect()
    };
    let mut columns = vec![
        Column::left(
            "  #".to_owned(),
            cells(&|row| {
                let mark = match tier_of(row) {
                    Tier::Ready if row.rank == 1 => '*',
                    _ => ' ',
                };
                Some(format!("{mark} {}", row.rank))
            }),
        ),
        Column::left(
            word(Label::Endpoint),
            cells(&|row| Some(endpoint_name(row, lang))),
        ),
        Column::left(word(Label::State), cells(&|row| Some(state(row, lang)))),
        Column::right(word(Label::Failed), cells(&|row| failed(row, lang)), 1),
        Column::right(
            word(Label::ExpectedCost),
            cells(&|row| Some(told_ms(row.expected_cost_ms?))),
            0,
        ),
        Column::right(
            word(Label::Median),
            cells(&|row| {
                let total = row.total_ms.as_ref()?;
                Some(format!("{} ±{}", told_ms(total.p50), told_ms(total.stddev)))
            }),
            2,
        ),
    ];
    let regions: BTreeSet<&str> = group
        .endpoints
        .iter()
        .map(|row| row.region.as_str())
        .collect();
    if group.region == Residency::mainland_pool().to_string() || regions.len() > 1 {
        let region = cells(&|row| Some(row.region.clone()));
        columns.insert(2, Column::left(word(Label::Region), region));
    }
    let p90 = |row: &EndpointModel| row.total_ms.as_ref()?.p90;
    if group.endpoints.iter().any(|row| p90(row).is_some()) {
        let p90 = cells(&|row| Some(told_ms(p90(row)?)));
        columns.push(Column::right("p90".to_owned(), p90, 8));
    }
    let service = Service::ALL
        .iter()
        .find(|one| one.as_str() == group.service);
    let last = match service.is_none_or(|one| one.is_websocket()) {
        true => Phase::Upgrade,
        false => Phase::Processing,
    };
    // Narrow terminals omit them, since the bars show them too.
    for (one, spare) in [
        (Phase::Resolve, 7),
        (Phase::Connect, 3),
        (Phase::Proxy, 6),
        (Phase::Tls, 4),
        (last, 5),
    ] {
        let happened = |row: &EndpointModel| row.phases_ms.get(one).is_some();
        if one == Phase::Proxy && !group.endpoints.iter().any(happened) {
            continue;
        }
        let median = |row: &EndpointModel| Some(told_ms(row.phases_ms.get(one).as_ref()?.p50));
        columns.push(Column::right(head(one, lang), cells(&median), spare));
    }
    columns
}

/// A phase as a column's heading, on two lines if it is long.
fn head(one: Phase, lang: Lang) -> String {
    let name = phase(one).of(lang);
    match lang {
        Lang::En => match name.rsplit_once(' ') {
            Some((front, back)) => format!("{front}\n{back}"),
            None => name,
        },
        Lang::Zh => name.replace(' ', "\n"),
    }
}

pub(crate) fn state(row: &EndpointModel, lang: Lang) -> String {
    match is_untried(row) {
        // An endpoint that was not tried is neither good nor bad.
        true => label(Label::NotTried).of(lang),
        false => tier(tier_of(row)).of(lang),
    }
}

/// The attempts that failed, out of all; the lookups that failed, where there were no attempts.
fn failed(row: &EndpointModel, lang: Lang) -> Option<String> {
    if row.attempts == 0 {
        let lookups = row
            .failures
            .iter()
            .filter(|one| one.phase == Phase::Resolve.as_str());
        let count: u64 = lookups.map(|one| one.count).sum();
        let told = text(
            format!("{count}/{count} (DNS)"),
            format!("{count}/{count}（DNS）"),
        );
        return (count > 0).then(|| told.of(lang));
    }
    let failed = row.attempts.saturating_sub(row.successes);
    let count = format!("{failed}/{}", row.attempts);
    Some(match row.failed_ratio {
        Some(ratio) if failed > 0 && failed < row.attempts => format!("{} {count}", percent(ratio)),
        _ => count,
    })
}

fn endpoint_name(row: &EndpointModel, lang: Lang) -> String {
    let mut name = shown(&row.authority, 80);
    if let Some(own) = &row.label {
        name.push_str(&format!(" \"{}\"", shown(own, 30)));
    }
    if let Some(mark) = row.mark() {
        name.push_str(&format!(" [{}]", label(mark).of(lang)));
    }
    name
}

/// The lines below a row: the reason for its place, its addresses, and its failures.
fn beneath(row: &EndpointModel, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    // Where the reason for the place is a failure, it is shown once, with its count.
    let is_told = |one: &&FailureModel| {
        (row.reason.phase.as_ref(), row.reason.kind.as_ref()) == (Some(&one.phase), Some(&one.kind))
    };
    let mut facts = Vec::new();
    // The group's heading says why the first choice is first.
    if row.rank > 1 || tier_of(row) != Tier::Ready {
        let mut why = row.reason.text.clone();
        let told = row.failures.iter().find(is_told);
        if let Some(one) = told.filter(|one| one.count > 1) {
            why.push_str(&format!(" ×{}", one.count));
        }
        facts.push(why);
    }
    if row.confidence == Confidence::User.as_str() || row.url != row.configured_url {
        facts.push(row.url.clone());
    }
    let ip = |one: &AddressModel| match one.address.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => shown(&one.address, 60),
    };
    let addresses: Vec<String> = row.addresses.iter().map(ip).collect();
    if !addresses.is_empty() {
        facts.push(list(&addresses).of(lang));
    }
    if let Some(issuer) = &row.inspected_by {
        let issuer = shown(issuer, 100);
        let told = text(
            format!("verified through {issuer}, which is not a public root"),
            format!("由非公共根证书 {issuer} 验证"),
        );
        facts.push(told.of(lang));
    }
    let expiry = row
        .certificate_expires
        .iter()
        .filter(|_| expires_soon(row, RENEWED_DAYS));
    facts.extend(expiry.cloned());
    if !facts.is_empty() {
        lines.push(facts.join(" | "));
    }
    lines.extend(row.refused_certificates.iter().cloned());
    for one in row.failures.iter().filter(|one| !is_told(one)) {
        let times = usize::try_from(one.count).unwrap_or(usize::MAX);
        let told = text(
            format!("{}: {}", plural(times, "failure"), one.message),
            format!("失败 {times} 次：{}", one.message),
        );
        lines.push(told.of(lang));
    }
    if row.unfinished > 0 {
        let count = row.unfinished;
        let count_en = plural(usize::try_from(count).unwrap_or(usize::MAX), "attempt");
        let told = text(
            format!("{count_en} not completed"),
            format!("{count} 次尝试未完成"),
        );
        lines.push(told.of(lang));
    }
    lines
}
