//! The report in ten lines for a chat: plain text that messengers don't reformat.

use crate::finding::Severity;
use crate::model::{FindingModel, GroupModel, Model};
use crate::texts::{Label, Lang, Text, label, shown, text, through};

use super::overview::headed;
use crate::figures::told_ms;

/// The most lines about services.
const SERVICES: usize = 3;
/// The longest line, in characters.
const LONGEST: usize = 400;

/// Formats the report in at most ten lines for a chat: the verdict, who can act, the next step, when and where it
/// was measured, the first choices with their medians, further findings, what was not tested, and the version.
#[must_use]
pub fn summary(model: &Model) -> String {
    let lang = model.lang;
    let verdict = &model.verdict;
    let mut lines = vec![
        headed(label(Label::Verdict), &verdict.text, lang),
        headed(label(Label::WhoActs), &verdict.who_acts, lang),
        headed(label(Label::NextStep), &verdict.next_step, lang),
        headed(text("Measured", "测量"), &circumstances(model), lang),
    ];
    lines.extend(services(model));
    lines.extend(also_found(model));
    lines.push(verdict.not_tested.clone() + &times(model));
    let version = &model.version;
    lines.push(match model.redacted {
        true => text(
            format!("easelect {version}; private details are hidden"),
            format!("easelect {version}；已隐藏隐私信息"),
        )
        .of(lang),
        false => format!("easelect {version}"),
    });
    let lines: Vec<String> = lines.iter().map(|one| shown(one, LONGEST)).collect();
    lines.join("\n") + "\n"
}

/// What the medians leave out; empty where there are none.
fn times(model: &Model) -> String {
    match model.groups.iter().any(|group| group.best.is_some()) {
        true => text(
            " Times don't include the name lookup.",
            "耗时不含域名解析。",
        )
        .of(model.lang),
        false => String::new(),
    }
}

/// When and where it was measured, and what is unusual there.
fn circumstances(model: &Model) -> String {
    let (environment, lang) = (&model.environment, model.lang);
    let mut parts = vec![when(model)];
    parts.extend(model.note.clone());
    parts.push(format!("{} {}", environment.os, environment.arch));
    let mut add = |told: Text| parts.push(told.of(lang));
    if let Some(lab) = &environment.lab {
        add(text(
            format!("simulated network: {lab}"),
            format!("模拟网络：{lab}"),
        ));
    }
    if let Some(proxy) = &environment.proxy {
        add(through(&proxy.url));
    }
    if let Some(dns) = &environment.dns {
        add(text(
            format!("DNS server: {dns}"),
            format!("DNS 服务器：{dns}"),
        ));
    }
    if !model.complete {
        add(label(Label::Incomplete));
    }
    parts.join(" | ")
}

/// The local time of the measurement; UTC where that is unknown.
fn when(model: &Model) -> String {
    let Some(local) = &model.finished_at_local else {
        return model.finished_at.replace('T', " ").replace('Z', " UTC");
    };
    // The offset from UTC begins at the last sign.
    match local.rfind(['+', '-']).map(|at| local.split_at(at)) {
        Some((clock, zone)) => format!("{} (UTC{zone})", clock.replace('T', " ")),
        None => local.clone(),
    }
}

/// A line per service; with several data centres, a line per data centre; with many, three lines without hosts.
fn services(model: &Model) -> Vec<String> {
    let lang = model.lang;
    let mut regions: Vec<(&str, Vec<&GroupModel>)> = Vec::new();
    for group in &model.groups {
        match regions
            .iter_mut()
            .find(|(region, _)| *region == group.region)
        {
            Some((_, all)) => all.push(group),
            None => regions.push((&group.region, vec![group])),
        }
    }
    let hosts = regions.len() <= SERVICES;
    // A data centre has its own line while there is room.
    let parts = match regions.as_slice() {
        [(region, groups)] => (groups.chunks(groups.len().div_ceil(SERVICES)))
            .map(|some| (*region, some.to_vec()))
            .collect(),
        _ => regions,
    };
    let (comma, semicolon) = (text(", ", "，").of(lang), text("; ", "；").of(lang));
    let told = parts.iter().map(|(region, groups)| {
        let all: Vec<String> = groups
            .iter()
            .map(|group| first_choice(group, hosts, lang))
            .collect();
        let all = match groups.iter().all(|group| group.best.is_none()) {
            true if groups.len() > 1 => {
                let names: Vec<&str> = groups.iter().map(|one| &*one.service_name).collect();
                let none = label(Label::NoFirstChoice).of(lang);
                text(
                    format!("{none}: {}", names.join(", ")),
                    format!("{none}：{}", names.join("、")),
                )
                .of(lang)
            }
            _ => all.join(if hosts { &semicolon } else { &comma }),
        };
        format!("{region} | {all}")
    });
    let told: Vec<String> = told.collect();
    let lines = told.chunks(told.len().div_ceil(SERVICES).max(1));
    lines.map(|some| some.join(&semicolon)).collect()
}

/// A service with the host and the median of its first choice; without hosts, in short.
fn first_choice(group: &GroupModel, host: bool, lang: Lang) -> String {
    let first = group.endpoints.first().filter(|_| group.best.is_some());
    let median = first.and_then(|row| Some(format!(" {} ms", told_ms(row.total_ms.as_ref()?.p50))));
    let told = match (first, host) {
        (None, _) => text("no endpoint is ready", "没有可用的接入地址").of(lang),
        (Some(row), true) => row.authority.clone() + &median.unwrap_or_default(),
        (Some(_), false) => median.unwrap_or_else(|| text("ready", "可用").of(lang)),
    };
    match host {
        true => {
            let name = group.service_name.clone();
            headed(text(name.clone(), name), &told, lang)
        }
        false => format!("{} {}", group.service_name, told.trim()),
    }
}

/// The gravest finding that the verdict doesn't have, and the number of the others.
fn also_found(model: &Model) -> Option<String> {
    const SHOWN: usize = 2;
    let is_news = |one: &&FindingModel| {
        one.severity != Severity::Background.as_str() && !model.verdict.text.contains(&one.text)
    };
    let found: Vec<&FindingModel> = model.findings.iter().filter(is_news).collect();
    let told: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|one| shown(&one.text, 120))
        .collect();
    let rest = match found.len().saturating_sub(SHOWN) {
        0 => text("", ""),
        more => text(format!(" (and {more} more)"), format!("（另有 {more} 项）")),
    };
    let space = text(" ", "").of(model.lang);
    let told = told.join(&space) + &rest.of(model.lang);
    (!found.is_empty()).then(|| headed(text("Also found", "另外发现"), &told, model.lang))
}
