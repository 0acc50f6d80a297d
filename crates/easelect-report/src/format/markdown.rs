//! The report as GitHub's Markdown, for tickets and wikis. Text from outside stays plain text: it makes no markup,
//! no link and no mention.

use std::net::SocketAddr;

use easelect::Phase;

use crate::figures::percent;
use crate::finding::Severity;
use crate::model::{
    AddressModel, EndpointModel, EnvironmentModel, FindingModel, GroupModel, Model,
};
use crate::texts::{Label, Lang, Text, label, list, phase, shown, text};

use super::table::state;
use crate::figures::told_ms;

/// The longest text, in characters: as long as the model's longest.
const LONGEST: usize = 1000;

/// Formats the report as Markdown: the verdict, the findings, a table per region and service, and the conditions
/// of the measurement.
#[must_use]
pub fn markdown(model: &Model) -> String {
    let lang = model.lang;
    let verdict = &model.verdict;
    let when = model
        .finished_at_local
        .as_ref()
        .unwrap_or(&model.finished_at);
    let when = escaped(when);
    let name = text(
        format!("## Easemob connection report, {when}"),
        format!("## 环信连接诊断报告，{when}"),
    );
    let mut lines = vec![name.of(lang), String::new()];
    for (word, told) in [
        (Label::Verdict, &verdict.text),
        (Label::WhoActs, &verdict.who_acts),
        (Label::NextStep, &verdict.next_step),
    ] {
        lines.push(format!("- {}", headed(label(word), &escaped(told), lang)));
    }
    lines.push(format!("- {}", escaped(&verdict.not_tested)));
    let is_note = |one: &&FindingModel| one.severity == Severity::Background.as_str();
    let (notes, findings): (Vec<_>, Vec<_>) = model.findings.iter().partition(is_note);
    if !findings.is_empty() {
        lines.extend(title(label(Label::Findings), lang));
    }
    for one in findings {
        let grave = gravity(&one.severity);
        lines.push(format!("- {}", headed(grave, &escaped(&one.text), lang)));
        if !one.hint.is_empty() {
            lines.push(format!("  - {}", escaped(&one.hint)));
        }
    }
    for group in &model.groups {
        lines.extend(block(group, lang));
    }
    if !model.groups.is_empty() {
        lines.extend([String::new(), escaped(&label(Label::Legend).of(lang))]);
    }
    if !notes.is_empty() {
        lines.extend(title(label(Label::Notes), lang));
    }
    for one in notes {
        let space = text(" ", "").of(lang);
        lines.push(format!(
            "- {}{space}{}",
            escaped(&one.text),
            escaped(&one.hint)
        ));
    }
    lines.extend(title(text("Measurement", "测量环境"), lang));
    for (word, told) in circumstances(model) {
        lines.push(format!("- {}", headed(word, &told, lang)));
    }
    lines.join("\n") + "\n"
}

fn title(told: Text, lang: Lang) -> [String; 3] {
    let title = format!("### {}", escaped(&told.of(lang)));
    [String::new(), title, String::new()]
}

/// `**Word:** rest`, with the language's own colon.
fn headed(word: Text, rest: &str, lang: Lang) -> String {
    text(
        format!("**{}:** {rest}", word.en),
        format!("**{}**：{rest}", word.zh),
    )
    .of(lang)
}

fn gravity(severity: &str) -> Text {
    match severity {
        "blocks" => text("Blocks a service", "服务不可用"),
        "harms" => text("Not everything works", "可用但有异常"),
        _ => text("Worth knowing", "提示"),
    }
}

fn block(group: &GroupModel, lang: Lang) -> Vec<String> {
    let (name, id) = (&group.region_name, &group.region);
    let service = &group.service_name;
    let told = text(
        format!("{name} ({id}), {service}"),
        format!("{name}（{id}）{service}"),
    );
    let mut lines = title(told, lang).to_vec();
    lines.push(match &group.best {
        Some(url) => headed(label(Label::FirstChoice), &code(url), lang),
        None => format!("**{}**", label(Label::NoFirstChoice).of(lang)),
    });
    lines.push(String::new());
    let columns = columns(group, lang);
    let row = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
    lines.push(row(columns.iter().map(|one| one.head.as_str()).collect()));
    let rules = columns
        .iter()
        .map(|one| if one.right { "---:" } else { "---" });
    lines.push(row(rules.collect()));
    for (number, _) in group.endpoints.iter().enumerate() {
        lines.push(row(columns
            .iter()
            .map(|one| one.cells[number].as_str())
            .collect()));
    }
    lines
}

/// A column, its cells escaped.
struct Column {
    head: String,
    right: bool,
    cells: Vec<String>,
}

fn columns(group: &GroupModel, lang: Lang) -> Vec<Column> {
    let word = |one| {
        let line_end = text(" ", "").of(lang);
        escaped(&label(one).of(lang).replace('\n', &line_end))
    };
    let mut columns: Vec<Column> = Vec::new();
    let mut add = |head: String, right: bool, cell: &dyn Fn(&EndpointModel) -> Option<String>| {
        let cells: Vec<Option<String>> = group.endpoints.iter().map(cell).collect();
        // An empty column is left out.
        if cells.iter().any(Option::is_some) {
            let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
            let cells = cells.into_iter().map(or_dash).collect();
            columns.push(Column { head, right, cells });
        }
    };
    add("\\#".to_owned(), true, &|row| Some(row.rank.to_string()));
    add(word(Label::Endpoint), false, &|row| {
        Some(endpoint(row, lang))
    });
    let one_region = group.endpoints.iter().all(|row| row.region == group.region);
    add(word(Label::Region), false, &|row| {
        (!one_region).then(|| escaped(&row.region))
    });
    add(word(Label::State), false, &|row| {
        Some(escaped(&state(row, lang)))
    });
    add(word(Label::Failed), true, &|row| {
        let failed = row.attempts.saturating_sub(row.successes);
        Some(format!(
            "{} {failed}/{}",
            percent(row.failed_ratio?),
            row.attempts
        ))
    });
    add(word(Label::ExpectedCost), true, &|row| {
        Some(told_ms(row.expected_cost_ms?))
    });
    add(word(Label::Median), true, &|row| {
        Some(told_ms(row.total_ms.as_ref()?.p50))
    });
    add("p90".to_owned(), true, &|row| {
        Some(told_ms(row.total_ms.as_ref()?.p90?))
    });
    for one in Phase::ALL {
        add(escaped(&phase(one).of(lang)), true, &|row| {
            Some(told_ms(row.phases_ms.get(one).as_ref()?.p50))
        });
    }
    add(text("addresses", "IP 地址").of(lang), false, &|row| {
        addresses(row, lang)
    });
    add(text("why", "说明").of(lang), false, &|row| {
        Some(why(row, lang))
    });
    columns
}

fn endpoint(row: &EndpointModel, lang: Lang) -> String {
    let mut told = code(&row.url);
    if let Some(label) = &row.label {
        told.push_str(&format!(" \"{}\"", escaped(&shown(label, 60))));
    }
    if let Some(mark) = row.mark() {
        told.push_str(&format!(" **{}**", label(mark).of(lang)));
    }
    told
}

fn addresses(row: &EndpointModel, lang: Lang) -> Option<String> {
    let ip = |one: &AddressModel| match one.address.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => one.address.clone(),
    };
    let all: Vec<String> = row.addresses.iter().map(ip).collect();
    (!all.is_empty()).then(|| escaped(&list(&all).of(lang)))
}

/// Why an endpoint has its place, and what failed.
fn why(row: &EndpointModel, lang: Lang) -> String {
    let mut parts = Vec::new();
    // A reason that is a failure is shown with its count below.
    let is_failure = row.reason.kind.is_some();
    if !is_failure {
        parts.push(row.reason.text.clone());
    }
    parts.extend(
        row.failures
            .iter()
            .map(|one| format!("{} ×{}", one.message, one.count)),
    );
    if is_failure && row.failures.is_empty() {
        parts.push(row.reason.text.clone());
    }
    parts.extend(row.certificate_expires.clone());
    if let Some(issuer) = &row.inspected_by {
        let told = text(
            format!("verified through {issuer}, which is not a public root"),
            format!("由非公共根证书 {issuer} 验证"),
        );
        parts.push(told.of(lang));
    }
    escaped(&parts.join(&text("; ", "；").of(lang)))
}

/// The conditions of the measurement.
fn circumstances(model: &Model) -> Vec<(Text, String)> {
    let (environment, lang) = (&model.environment, model.lang);
    let mut told: Vec<(Text, Option<String>)> = vec![
        (
            text("Version", "版本"),
            Some(escaped(&format!("easelect {}", model.version))),
        ),
        (
            text("Time", "时间"),
            Some(escaped(
                model
                    .finished_at_local
                    .as_ref()
                    .unwrap_or(&model.finished_at),
            )),
        ),
        (text("Note", "备注"), model.note.as_deref().map(escaped)),
        (
            text("System", "系统"),
            Some(escaped(&format!("{} {}", environment.os, environment.arch))),
        ),
    ];
    let lists = [
        (
            text("System DNS servers", "系统 DNS 服务器"),
            &environment.name_servers,
        ),
        (
            text("System proxy settings (not used)", "系统代理设置（未使用）"),
            &unused(environment),
        ),
        (
            text("Hosts pinned to addresses", "指定了地址的主机"),
            &environment.pinned,
        ),
    ];
    told.extend([
        (
            text("Simulated network", "模拟网络"),
            environment.lab.as_deref().map(escaped),
        ),
        (
            text("Network interface", "网络接口"),
            environment.interface.as_deref().map(escaped),
        ),
        (
            text("DNS server chosen", "指定的 DNS 服务器"),
            environment.dns.as_deref().map(escaped),
        ),
    ]);
    for (word, all) in lists {
        let all: Vec<String> = all.iter().map(|one| escaped(one)).collect();
        told.push((word, (!all.is_empty()).then(|| list(&all).of(lang))));
    }
    let proxy = environment
        .proxy
        .as_ref()
        .map(|proxy| match &proxy.variable {
            Some(variable) => format!("{} ({variable})", proxy.url),
            None => proxy.url.clone(),
        });
    told.push((text("Proxy", "代理"), proxy.as_deref().map(escaped)));
    told.push((
        text("NAT64, no IPv4", "NAT64（无 IPv4）"),
        environment.nat64.as_deref().map(escaped),
    ));
    let incomplete = (!model.complete).then(|| escaped(&label(Label::Incomplete).of(lang)));
    told.push((text("Result", "结果"), incomplete));
    let hidden = text(
        "private details are hidden: local addresses, proxies, users, App Keys",
        "已隐藏隐私信息：本地地址、代理、用户名、App Key",
    );
    told.push((
        text("Privacy", "隐私"),
        model.redacted.then(|| hidden.of(lang)),
    ));
    let known = told
        .into_iter()
        .filter_map(|(word, told)| Some((word, told?)));
    known.collect()
}

/// The system's proxies, except the one that is used.
fn unused(environment: &EnvironmentModel) -> Vec<String> {
    let used = environment.proxy.as_ref().map(|proxy| &proxy.url);
    let all = environment.system_proxies.iter();
    all.filter(|one| used != Some(one)).cloned().collect()
}

/// As code, which can be copied and makes no link; as text where code can't hold it.
fn code(told: &str) -> String {
    match told.is_empty() || told.contains(['`', '|', ' ']) {
        true => escaped(told),
        false => format!("`{}`", shown(told, LONGEST)),
    }
}

/// Escapes text so that it stays text: no markup, no row or cell of a table, no HTML, no link and no mention.
fn escaped(told: &str) -> String {
    // A character without width, which prevents a mention.
    const BREAK: &str = "&#8203;";
    let told = shown(told, LONGEST);
    let mut plain = String::with_capacity(told.len());
    let mut before = ' ';
    let mut rest = told.chars();
    while let Some(c) = rest.next() {
        let after = rest.as_str();
        let within = before.is_alphanumeric() && after.starts_with(char::is_alphanumeric);
        match c {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '@' => plain.push_str(&format!("@{BREAK}")),
            '#' => plain.push_str(&format!("\\#{BREAK}")),
            // GitHub makes links of http, https and ftp only.
            ':' if after.starts_with("//") && is_web(&plain) => plain.push_str("\\:"),
            '.' if plain.to_ascii_lowercase().ends_with("www") => plain.push_str("\\."),
            '_' if within => plain.push('_'),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '$' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
        before = c;
    }
    plain.trim().to_owned()
}

/// Whether a text ends with a scheme that GitHub makes a link of.
fn is_web(plain: &str) -> bool {
    let plain = plain.to_ascii_lowercase();
    ["http", "https", "ftp"]
        .iter()
        .any(|one| plain.ends_with(one))
}
