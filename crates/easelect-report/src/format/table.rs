//! The report as a table for a person.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use easelect::{Confidence, Phase, Reason, Residency, Service, Tier};

use crate::figures::{ms, percent};
use crate::finding::Severity;
use crate::layout::{Column, Ink, Style, grid, paragraph};
use crate::model::{AddressModel, EndpointModel, FailureModel, FindingModel, GroupModel, Model};
use crate::texts::{Label, Lang, Text, label, list, phase, plural, shown, text, through, tier};

/// A report for a person: verdict, findings, then one block per region and service.
#[must_use]
pub fn table(model: &Model, style: Style) -> String {
    let lang = model.lang;
    let word = |one| label(one).of(lang);
    let mut lines = vec![style.paint(Ink::Dim, &circumstances(model)), String::new()];
    let verdict = headed(Label::Verdict, &model.verdict.text, lang);
    let every_group_ready = model.groups.iter().all(|group| group.best.is_some());
    let ink = match model.verdict.code.as_str() {
        "all_well" => Ink::Good,
        "some_endpoints_fail" | "not_measured" => Ink::Doubtful,
        _ if every_group_ready && !model.groups.is_empty() => Ink::Doubtful,
        _ => Ink::Bad,
    };
    lines.extend(painted(style, ink, paragraph("", &verdict, style.width)));
    for (what, told) in [
        (Label::WhoActs, &model.verdict.who_acts),
        (Label::NextStep, &model.verdict.next_step),
    ] {
        lines.extend(paragraph("", &headed(what, told, lang), style.width));
    }
    let is_note = |one: &&FindingModel| one.severity == Severity::Background.as_str();
    let (notes, findings): (Vec<_>, Vec<_>) = model.findings.iter().partition(is_note);
    if !findings.is_empty() {
        let title = style.paint(Ink::Bold, &word(Label::Findings));
        lines.extend([String::new(), title]);
    }
    for one in findings {
        lines.extend(paragraph("- ", &one.text, style.width));
        if !one.hint.is_empty() {
            let hint = paragraph("  > ", &one.hint, style.width);
            lines.extend(painted(style, Ink::Dim, hint));
        }
    }
    for group in &model.groups {
        lines.push(String::new());
        lines.extend(block(group, lang, style));
    }
    lines.extend([String::new(), style.paint(Ink::Bold, &word(Label::Notes))]);
    for one in notes {
        let space = text(" ", "").of(lang);
        let note = format!("{}{space}{}", one.text, one.hint);
        lines.extend(paragraph("- ", &note, style.width));
    }
    if !model.groups.is_empty() {
        lines.extend(paragraph("- ", &word(Label::Legend), style.width));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn painted(style: Style, ink: Ink, lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(move |line| style.paint(ink, &line))
}

/// `Word: text`, with the language's own colon.
fn headed(word: Label, rest: &str, lang: Lang) -> String {
    let word = label(word);
    text(
        format!("{}: {rest}", word.en),
        format!("{}：{rest}", word.zh),
    )
    .of(lang)
}

/// Who measured, when, under which circumstances.
fn circumstances(model: &Model) -> String {
    let (environment, lang) = (&model.environment, model.lang);
    let mut parts = vec![
        format!("easelect {}", model.version),
        model.finished_at.clone(),
        format!("{} {}", environment.os, environment.arch),
    ];
    let mut add = |told: Text| parts.push(told.of(lang));
    if let Some(lab) = &environment.lab {
        let lab = shown(lab, 60);
        add(text(
            format!("simulated network: {lab}"),
            format!("模拟网络：{lab}"),
        ));
    }
    if let Some(dns) = &environment.dns {
        add(text(
            format!("name server: {dns}"),
            format!("DNS 服务器：{dns}"),
        ));
    }
    if let Some(prefix) = &environment.nat64 {
        add(text(
            format!("no IPv4 here, IPv4 addresses through NAT64: {prefix}"),
            format!("无 IPv4，经 NAT64 访问 IPv4 地址：{prefix}"),
        ));
    }
    let proxy = environment.proxy.as_ref();
    if let Some(proxy) = proxy {
        let proxy = match &proxy.variable {
            Some(variable) => format!("{} ({variable})", proxy.url),
            None => proxy.url.clone(),
        };
        add(through(&proxy));
    }
    let obeyed = proxy.is_some_and(|proxy| proxy.variable.is_some());
    if !obeyed && !environment.proxy_variables.is_empty() {
        let names = environment.proxy_variables.join(", ");
        add(text(
            format!("proxy variables set, not used: {names}"),
            format!("设有代理变量（未使用）：{names}"),
        ));
    }
    let used = proxy.map(|proxy| &proxy.url);
    let system = environment.system_proxies.iter();
    let system: Vec<String> = system
        .filter(|one| used != Some(one))
        .map(|one| shown(one, 100))
        .collect();
    if !system.is_empty() {
        let system = list(&system);
        add(text(
            format!("the system's proxy settings, not used: {}", system.en),
            format!("系统代理设置（未使用）：{}", system.zh),
        ));
    }
    if !model.complete {
        add(label(Label::Incomplete));
    }
    parts.join(" | ")
}

fn block(group: &GroupModel, lang: Lang, style: Style) -> Vec<String> {
    let (name, id) = (&group.region_name, &group.region);
    let region = text(format!("{name} ({id})"), format!("{name}（{id}）")).of(lang);
    let title = format!("{region} | {}", group.service_name);
    let (first, ink) = match &group.best {
        Some(url) => (headed(Label::FirstChoice, url, lang), Ink::Good),
        None => (label(Label::NoFirstChoice).of(lang), Ink::Bad),
    };
    let mut lines = vec![style.paint(Ink::Bold, &title), style.paint(ink, &first)];
    let (head, body) = grid(columns(group, lang), style.width);
    lines.extend(painted(style, Ink::Dim, head));
    for (row, line) in group.endpoints.iter().zip(body) {
        let ink = match tier_of(row) {
            Tier::Ready if row.rank == 1 => Ink::Good,
            Tier::Ready => Ink::Plain,
            Tier::Answering => Ink::Doubtful,
            Tier::Unreachable => Ink::Bad,
        };
        lines.push(style.paint(ink, &line));
        for under in beneath(row, lang) {
            lines.extend(painted(
                style,
                Ink::Dim,
                paragraph("     ", &under, style.width),
            ));
        }
    }
    lines
}

/// The tier by its identifier.
fn tier_of(row: &EndpointModel) -> Tier {
    let all = [Tier::Ready, Tier::Answering];
    let found = all.into_iter().find(|one| one.as_str() == row.tier);
    found.unwrap_or(Tier::Unreachable)
}

/// Milliseconds as they are told.
pub(super) fn told_ms(millis: f64) -> String {
    ms(Duration::from_secs_f64(millis.max(0.0) / 1000.0))
}

fn columns(group: &GroupModel, lang: Lang) -> Vec<Column> {
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
        Column::right(
            word(Label::Failed),
            cells(&|row| {
                let failed = row.attempts - row.successes;
                let ratio = percent(row.failed_ratio?);
                Some(format!("{ratio} {failed}/{}", row.attempts))
            }),
            1,
        ),
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
            7,
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
    for (one, spare) in [
        (Phase::Resolve, 6),
        (Phase::Connect, 3),
        (Phase::Proxy, 5),
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

/// A phase as a column's head: on two lines where it is long.
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

pub(super) fn state(row: &EndpointModel, lang: Lang) -> String {
    match row.reason.code == Reason::NotProbed.as_str() {
        // Neither good nor bad is known of it.
        true => label(Label::NotTried).of(lang),
        false => tier(tier_of(row)).of(lang),
    }
}

fn endpoint_name(row: &EndpointModel, lang: Lang) -> String {
    let mut name = row.authority.clone();
    if let Some(own) = &row.label {
        name.push_str(&format!(" \"{}\"", shown(own, 30)));
    }
    if row.in_use {
        name.push_str(&format!(" [{}]", label(Label::InUse).of(lang)));
    }
    name
}

/// The lines under a row: why it stands there, and what failed.
fn beneath(row: &EndpointModel, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    // What fails altogether stands there because of a failure: told once, with its count.
    let is_told = |one: &&FailureModel| {
        (row.reason.phase.as_ref(), row.reason.kind.as_ref()) == (Some(&one.phase), Some(&one.kind))
    };
    let mut why = row.reason.text.clone();
    if let Some(one) = row
        .failures
        .iter()
        .find(is_told)
        .filter(|one| one.count > 1)
    {
        why.push_str(&format!(" ×{}", one.count));
    }
    if row.confidence == Confidence::User.as_str() || row.url != row.configured_url {
        why.push_str(&format!(" | {}", row.url));
    }
    let ip = |one: &AddressModel| match one.address.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => shown(&one.address, 60),
    };
    let addresses: Vec<String> = row.addresses.iter().map(ip).collect();
    if !addresses.is_empty() {
        why.push_str(&format!(" | {}", list(&addresses).of(lang)));
    }
    if let Some(issuer) = &row.inspected_by {
        let issuer = shown(issuer, 100);
        let told = text(
            format!(" | verified up to {issuer}, no public root"),
            format!(" | 验证到 {issuer}（非公共根证书）"),
        );
        why.push_str(&told.of(lang));
    }
    if let Some(expiry) = &row.certificate_expires {
        why.push_str(&format!(" | {expiry}"));
    }
    lines.push(why);
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
            format!("{count_en} unfinished at the deadline"),
            format!("时间已到，{count} 次尝试未完成"),
        );
        lines.push(told.of(lang));
    }
    lines
}
