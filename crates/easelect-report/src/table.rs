//! The report as a table for a person.

use easelect::{Catalog, Certificate, Confidence, FailureCount, Phase, Reason, Tier};

use super::figures::{ms, percent, timestamp};
use super::layout::{Column, Ink, Style, grid, paragraph};
use super::rules::first_to_expire;
use super::texts::{
    Label, Lang, certificate_text, expires, failure_text, label, list, phase, plural, reason_text,
    region_name, service_name, shown, text, through, tier,
};
use super::{Fault, Group, Report, Row};

/// The report for a person: verdict, findings, then one block per region and service.
#[must_use]
pub fn table(report: &Report, lang: Lang, style: Style) -> String {
    let word = |one| label(one).of(lang);
    let mut lines = vec![
        style.paint(Ink::Dim, &circumstances(report, lang)),
        String::new(),
    ];
    let verdict = headed(Label::Verdict, &report.verdict.text(lang), lang);
    let ink = match report.verdict.fault() {
        Fault::AllWell => Ink::Good,
        Fault::SomeEndpointsFail | Fault::NotMeasured => Ink::Doubtful,
        _ if report.every_group_ready() => Ink::Doubtful,
        _ => Ink::Bad,
    };
    lines.extend(painted(style, ink, paragraph("", &verdict, style.width)));
    let (notes, findings): (Vec<_>, Vec<_>) = report.findings.iter().partition(|one| one.is_note());
    if !findings.is_empty() {
        let title = style.paint(Ink::Bold, &word(Label::Findings));
        lines.extend([String::new(), title]);
    }
    for one in findings {
        lines.extend(paragraph("- ", &one.text(lang), style.width));
        let hint = one.hint(lang);
        if !hint.is_empty() {
            let hint = paragraph("  > ", &hint, style.width);
            lines.extend(painted(style, Ink::Dim, hint));
        }
    }
    for group in &report.groups {
        lines.push(String::new());
        lines.extend(block(report, group, lang, style));
    }
    lines.extend([String::new(), style.paint(Ink::Bold, &word(Label::Notes))]);
    for one in notes {
        let note = text(
            format!("{} {}", one.text(Lang::En), one.hint(Lang::En)),
            format!("{}{}", one.text(Lang::Zh), one.hint(Lang::Zh)),
        );
        lines.extend(paragraph("- ", &note.of(lang), style.width));
    }
    if !report.groups.is_empty() {
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
fn circumstances(report: &Report, lang: Lang) -> String {
    let (context, environment) = (&report.context, &report.context.environment);
    let mut parts = vec![
        format!("easelect {}", env!("CARGO_PKG_VERSION")),
        timestamp(context.finished_at),
        format!("{} {}", environment.os, environment.arch),
    ];
    if let Some(lab) = &environment.lab {
        let lab = shown(lab, 60);
        parts.push(
            text(
                format!("simulated network: {lab}"),
                format!("模拟网络：{lab}"),
            )
            .of(lang),
        );
    }
    if let Some(dns) = environment.dns {
        let asked = text(format!("name server: {dns}"), format!("DNS 服务器：{dns}"));
        parts.push(asked.of(lang));
    }
    if let Some(prefix) = environment.nat64 {
        let through = text(
            format!("no IPv4 here, IPv4 addresses through NAT64: {prefix}"),
            format!("无 IPv4，经 NAT64 访问 IPv4 地址：{prefix}"),
        );
        parts.push(through.of(lang));
    }
    let proxy = environment.proxy.as_ref();
    if let Some(proxy) = proxy {
        let proxy = match proxy.variable() {
            Some(variable) => format!("{proxy} ({variable})"),
            None => proxy.to_string(),
        };
        parts.push(through(&proxy).of(lang));
    }
    let obeyed = proxy.is_some_and(|proxy| proxy.variable().is_some());
    if !obeyed && !environment.proxy_variables.is_empty() {
        let names = environment.proxy_variables.join(", ");
        let text = text(
            format!("proxy variables set, not used: {names}"),
            format!("设有代理变量（未使用）：{names}"),
        );
        parts.push(text.of(lang));
    }
    let used = proxy.map(ToString::to_string);
    let system: Vec<String> = environment
        .system_proxies
        .iter()
        .filter(|one| used.as_ref() != Some(one))
        .map(|one| shown(one, 100))
        .collect();
    if !system.is_empty() {
        let system = list(&system);
        let text = text(
            format!("the system's proxy settings, not used: {}", system.en),
            format!("系统代理设置（未使用）：{}", system.zh),
        );
        parts.push(text.of(lang));
    }
    if !report.complete {
        parts.push(label(Label::Incomplete).of(lang));
    }
    parts.join(" | ")
}

/// The name of a group's data centre, and its identifier.
pub(crate) fn residency_name(catalog: &Catalog, group: &Group, lang: Lang) -> String {
    let names: Vec<String> = group
        .residency
        .regions()
        .iter()
        .map(|region| match catalog.region(region) {
            Some(info) => region_name(info, lang),
            None => region.to_string(),
        })
        .collect();
    let names = names.join(" + ");
    text(
        format!("{names} ({})", group.residency),
        format!("{names}（{}）", group.residency),
    )
    .of(lang)
}

fn block(report: &Report, group: &Group, lang: Lang, style: Style) -> Vec<String> {
    let catalog = &report.context.catalog;
    let locality = group
        .residency
        .regions()
        .first()
        .and_then(|region| catalog.region(region))
        .map(|info| info.locality());
    let title = format!(
        "{} | {}",
        residency_name(catalog, group, lang),
        service_name(group.service, locality).of(lang)
    );
    let first = match group.best() {
        Some(best) => {
            let url = best.endpoint().url_with(best.stats.path());
            headed(Label::FirstChoice, &url, lang)
        }
        None => label(Label::NoFirstChoice).of(lang),
    };
    let ink = if group.best().is_some() {
        Ink::Good
    } else {
        Ink::Bad
    };
    let mut lines = vec![style.paint(Ink::Bold, &title), style.paint(ink, &first)];
    let (head, body) = grid(columns(group, lang), style.width);
    lines.extend(painted(style, Ink::Dim, head));
    for (row, line) in group.endpoints.iter().zip(body) {
        let ink = match row.ranked.tier {
            Tier::Ready if row.ranked.rank == 1 => Ink::Good,
            Tier::Ready => Ink::Plain,
            Tier::Answering => Ink::Doubtful,
            Tier::Unreachable => Ink::Bad,
        };
        lines.push(style.paint(ink, &line));
        for under in beneath(report, row, lang) {
            lines.extend(painted(
                style,
                Ink::Dim,
                paragraph("     ", &under, style.width),
            ));
        }
    }
    lines
}

fn columns(group: &Group, lang: Lang) -> Vec<Column> {
    let word = |one| label(one).of(lang);
    let cells = |cell: &dyn Fn(&Row) -> Option<String>| -> Vec<String> {
        let or_dash = |row| cell(row).unwrap_or_else(|| "-".to_owned());
        group.endpoints.iter().map(or_dash).collect()
    };
    let total = |row: &Row| row.ranked.total();
    let mut columns = vec![
        Column::left(
            "  #".to_owned(),
            cells(&|row| {
                let mark = if row.ranked.rank == 1 && row.ranked.tier == Tier::Ready {
                    '*'
                } else {
                    ' '
                };
                Some(format!("{mark} {}", row.ranked.rank))
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
                let attempts = row.ranked.stats.attempts();
                let failed = attempts - row.ranked.stats.successes();
                Some(format!(
                    "{} {failed}/{attempts}",
                    percent(row.ranked.failed_ratio()?)
                ))
            }),
            1,
        ),
        Column::right(
            word(Label::ExpectedCost),
            cells(&|row| Some(ms(row.ranked.expected_cost?))),
            0,
        ),
        Column::right(
            word(Label::Median),
            cells(&|row| total(row).map(|t| format!("{} ±{}", ms(t.p50), ms(t.stddev)))),
            7,
        ),
    ];
    if group.residency.regions().len() > 1 {
        let region = cells(&|row| Some(row.ranked.endpoint().region().to_string()));
        columns.insert(2, Column::left(word(Label::Region), region));
    }
    if group
        .endpoints
        .iter()
        .any(|row| total(row).is_some_and(|t| t.p90.is_some()))
    {
        let p90 = cells(&|row| Some(ms(total(row)?.p90?)));
        columns.push(Column::right("p90".to_owned(), p90, 8));
    }
    let last = if group.service.is_websocket() {
        Phase::Upgrade
    } else {
        Phase::Processing
    };
    for (one, spare) in [
        (Phase::Resolve, 6),
        (Phase::Connect, 3),
        (Phase::Proxy, 5),
        (Phase::Tls, 4),
        (last, 5),
    ] {
        let happened = |row: &Row| row.ranked.stats.phase(one).count() > 0;
        if one == Phase::Proxy && !group.endpoints.iter().any(happened) {
            continue;
        }
        let median = |row: &Row| Some(ms(row.ranked.stats.phase(one).summary()?.p50));
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

fn state(row: &Row, lang: Lang) -> String {
    match row.ranked.reason {
        // Neither good nor bad is known of it.
        Reason::NotProbed => label(Label::NotTried).of(lang),
        _ => tier(row.ranked.tier).of(lang),
    }
}

fn endpoint_name(row: &Row, lang: Lang) -> String {
    let endpoint = row.ranked.endpoint();
    let mut name = endpoint.authority();
    if let Some(own) = endpoint.label() {
        name.push_str(&format!(" \"{}\"", shown(own, 30)));
    }
    if row.in_use {
        name.push_str(&format!(" [{}]", label(Label::InUse).of(lang)));
    }
    name
}

/// The lines under a row: why it stands there, and what failed.
fn beneath(report: &Report, row: &Row, lang: Lang) -> Vec<String> {
    let now = report.context.finished_at;
    let ranked = &row.ranked;
    let mut lines = Vec::new();
    let failures = ranked.stats.failures();
    // What fails altogether stands there because of a failure: told once, with its count.
    let told = match &ranked.reason {
        Reason::Answers(failure) | Reason::Fails(failure) => Some(failure),
        _ => None,
    };
    let is_told = |one: &FailureCount| {
        told.is_some_and(|told| {
            (told.phase(), told.kind()) == (one.failure.phase(), one.failure.kind())
        })
    };
    let mut why = reason_text(&ranked.reason, now).of(lang);
    if let Some(one) = failures.iter().find(|one| is_told(one) && one.count > 1) {
        why.push_str(&format!(" ×{}", one.count));
    }
    let endpoint = ranked.endpoint();
    let path = ranked.stats.path();
    if endpoint.confidence() == Confidence::User || path != endpoint.path() {
        why.push_str(&format!(" | {}", endpoint.url_with(path)));
    }
    let addresses: Vec<String> = ranked
        .stats
        .addresses()
        .iter()
        .map(|one| one.address().ip().to_string())
        .collect();
    if !addresses.is_empty() {
        why.push_str(&format!(" | {}", list(&addresses).of(lang)));
    }
    let expiry = first_to_expire(row).and_then(|end| expires(end, now));
    if let Some(expiry) = expiry {
        why.push_str(&format!(" | {}", expiry.of(lang)));
    }
    lines.push(why);
    lines.extend(refused_certificates(row).map(|one| certificate_text(one).of(lang)));
    for one in failures.iter().filter(|one| !is_told(one)) {
        let failure = failure_text(&one.failure, now);
        let times = usize::try_from(one.count).unwrap_or(usize::MAX);
        let text = text(
            format!("{}: {}", plural(times, "failure"), failure.en),
            format!("失败 {times} 次：{}", failure.zh),
        );
        lines.push(text.of(lang));
    }
    if ranked.stats.unfinished() > 0 {
        let count = ranked.stats.unfinished();
        let count_en = plural(usize::try_from(count).unwrap_or(usize::MAX), "attempt");
        let text = text(
            format!("{count_en} unfinished at the deadline"),
            format!("时间已到，{count} 次尝试未完成"),
        );
        lines.push(text.of(lang));
    }
    lines
}

/// The certificates that were refused, each once.
fn refused_certificates(row: &Row) -> impl Iterator<Item = &Certificate> {
    let mut refused: Vec<&Certificate> = Vec::new();
    for count in row
        .ranked
        .stats
        .addresses()
        .iter()
        .flat_map(|one| one.failures())
    {
        let shown = count.failure.certificate();
        refused.extend(shown.filter(|one| !refused.contains(one)));
    }
    refused.into_iter()
}
