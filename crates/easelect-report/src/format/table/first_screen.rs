//! The first screen, to be read in ten seconds: the verdict, who can act and what to do; when, where and which data
//! centres; a line per group; where the report was saved.

use super::super::overview::{deviations, headed, joined, lead, obstacles};
use super::{circumstances, is_grave};
use crate::figures::{millis, ms_unit};
use crate::layout::{Column, Ink, Style, columns};
use crate::model::{FindingModel, GroupModel, Model};
use crate::texts::{Label, Lang, Text, label, shown, text};

/// The longest host of a first choice, in characters.
const LONGEST: usize = 60;

/// Formats the report's first screen: the verdict, who can act and what to do next; when and where it was
/// measured; a line per data centre and service. `saved` is where the whole report was saved, if it was.
#[must_use]
pub fn first_screen(model: &Model, style: Style, saved: Option<&str>) -> String {
    let details = text("see the details (--details)", "见详情（--details）");
    screen(model, style, saved, details)
}

/// The first screen, where `details` says where the rest is.
pub(super) fn screen(model: &Model, style: Style, saved: Option<&str>, details: Text) -> String {
    let mut lines = verdict(model, style, &details);
    lines.push(String::new());
    lines.extend(circumstances::in_short(model, style));
    if !model.groups.is_empty() {
        lines.push(String::new());
        lines.extend(groups(model, style));
    }
    if let Some(saved) = saved {
        let saved = headed(text("Report saved", "报告已保存"), saved, model.lang);
        lines.push(String::new());
        lines.extend(style.paragraph("", &saved));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn verdict(model: &Model, style: Style, details: &Text) -> Vec<String> {
    let lang = model.lang;
    let told = &model.verdict;
    let first = headed(label(Label::Verdict), &told.text, lang);
    let mut lines: Vec<String> = style.painted(ink(model), "", &first).collect();
    for (what, said) in [
        (Label::WhoActs, &told.who_acts),
        (Label::NextStep, &told.next_step),
    ] {
        lines.extend(style.paragraph("", &headed(label(what), said, lang)));
    }
    // Where something is wrong, this would only distract.
    if ["all_well", "some_endpoints_fail"].contains(&&*told.code) {
        lines.extend(style.paragraph("", &told.not_tested));
    }
    for one in beside(model, details) {
        lines.extend(style.painted(Ink::Doubtful, "", &one));
    }
    lines
}

fn ink(model: &Model) -> Ink {
    let every_group_ready = model.groups.iter().all(|group| group.best.is_some());
    match model.verdict.code.as_str() {
        "all_well" => Ink::Good,
        "some_endpoints_fail" | "not_measured" => Ink::Doubtful,
        _ if every_group_ready && !model.groups.is_empty() => Ink::Doubtful,
        _ => Ink::Bad,
    }
}

/// What the verdict doesn't say and must not be missed.
fn beside(model: &Model, details: &Text) -> Vec<String> {
    let lang = model.lang;
    let mut told = Vec::new();
    let is_said = |one: &FindingModel| model.verdict.text.contains(&one.text);
    let graves = model.findings.iter().filter(|one| is_grave(one));
    let (en, zh) = (&details.en, &details.zh);
    match graves.filter(|one| !is_said(one)).count() {
        0 => {}
        more => {
            let (verb, s) = if more == 1 { ("is", "") } else { ("are", "s") };
            let many = text(
                format!("There {verb} {more} more problem{s}: {en}."),
                format!("另有 {more} 个问题，{zh}。"),
            );
            told.push(many.of(lang));
        }
    }
    // Thresholds decide the command's exit status.
    let above = model
        .findings
        .iter()
        .filter(|one| one.code == "above_threshold");
    told.extend(above.map(|one| one.text.clone()));
    if !model.complete {
        let cut_off = model.findings.iter().find(|one| one.code == "unfinished");
        match cut_off {
            Some(one) if is_said(one) => {}
            Some(one) => told.push(headed(text("Incomplete", "不完整"), &one.text, lang)),
            None => told.push(label(Label::Incomplete).of(lang)),
        }
    }
    if model.groups.is_empty() {
        // Why there are no groups.
        let why = |one: &&FindingModel| {
            ["none_published", "source_failed"].contains(&&*one.code) && !is_said(one)
        };
        told.extend(
            model
                .findings
                .iter()
                .filter(why)
                .map(|one| one.text.clone()),
        );
    }
    told
}

/// A line per group, with those of a second source below the others.
fn groups(model: &Model, style: Style) -> Vec<String> {
    let (beside, published): (Vec<_>, Vec<_>) =
        model.groups.iter().partition(|group| group.second_source);
    let all: Vec<&GroupModel> = published.iter().chain(&beside).copied().collect();
    let lang = model.lang;
    let cells = |cell: &dyn Fn(&GroupModel) -> String| -> Vec<String> {
        all.iter().map(|group| cell(group)).collect()
    };
    let of_first = |cell: &dyn Fn(&GroupModel) -> Option<String>| {
        cells(&|group| match group.best {
            Some(_) => cell(group).unwrap_or_else(|| "-".to_owned()),
            None => String::new(),
        })
    };
    let region = cells(&|group| shown(&group.region, LONGEST));
    let service = cells(&|group| service(group, lang));
    let heads = [Label::Region, Label::ServiceHead].map(|one| label(one).of(lang));
    // The column at which the text about a group without a first choice begins.
    let width = |head: &String, cells: &[String]| {
        let cells = cells.iter().chain([head]);
        cells
            .map(|one| columns(&style.printable(one)) + 2)
            .max()
            .unwrap_or(0)
    };
    let indent = width(&heads[0], &region) + width(&heads[1], &service);
    let [region_head, service_head] = heads;
    let (head, body) = style.grid(vec![
        Column::left(region_head, region),
        Column::left(service_head, service),
        Column::left(
            text("first choice", "首选地址").of(lang),
            of_first(&|group| first_choice(group)),
        ),
        Column::right(
            text("opens in", "建连耗时").of(lang),
            of_first(&|group| {
                let total = group.endpoints.first()?.total_ms.as_ref()?;
                Some(ms_unit(millis(total.p50)))
            }),
            1,
        ),
        Column::right(
            text("ahead by", "领先").of(lang),
            of_first(&|group| lead(group, lang)),
            2,
        ),
    ]);
    let mut lines = Vec::new();
    if all.iter().any(|group| group.best.is_some()) {
        lines.extend(head.iter().map(|line| style.paint(Ink::Dim, line)));
    }
    for (place, (group, line)) in all.iter().zip(body).enumerate() {
        if place == published.len() {
            lines.extend(style.painted(Ink::Dim, "", &second_source(lang)));
        }
        lines.extend(group_lines(group, &line, indent, model, style));
    }
    lines
}

fn second_source(lang: Lang) -> String {
    text(
        "Not listed on Easemob's reference page, but by a second source:",
        "以下地址不在环信的数据中心文档中，来自其他来源：",
    )
    .of(lang)
}

fn group_lines(
    group: &GroupModel,
    line: &str,
    indent: usize,
    model: &Model,
    style: Style,
) -> Vec<String> {
    let lang = model.lang;
    if group.best.is_none() {
        let lead = format!("{line}{}", " ".repeat(indent.saturating_sub(columns(line))));
        return style
            .painted(Ink::Bad, &lead, &obstacles(group, lang))
            .collect();
    }
    let told = deviations(group, model);
    if told.is_empty() {
        return vec![style.paint(Ink::Plain, line)];
    }
    let told = joined(&told, lang);
    let lead = " ".repeat(indent);
    let lines = style.beside(line, &format!("! {told}"), &lead);
    let paint = |line: &String| style.paint(Ink::Doubtful, line);
    lines.iter().map(paint).collect()
}

/// A service in a word or two.
fn service(group: &GroupModel, lang: Lang) -> String {
    let short = match group.service.as_str() {
        "legacy" => text("socket 2.0", "socket 2.0"),
        "rest" => text("REST", "REST"),
        "wechat" => text("WeChat", "微信小程序"),
        "alipay" => text("Alipay", "支付宝小程序"),
        "files" => text("files", "文件"),
        "provisioning" => text("server list", "接入地址列表"),
        // Its name in mainland China.
        "websocket" if group.service_name.starts_with("socket 3.0") => {
            text("socket 3.0", "socket 3.0")
        }
        "websocket" => text("WebSocket", "WebSocket"),
        other => return shown(other, LONGEST),
    };
    short.of(lang)
}

/// The first choice's host, with its data centre where the group has several.
fn first_choice(group: &GroupModel) -> Option<String> {
    let first = group.endpoints.first()?;
    let host = shown(&first.authority, LONGEST);
    let mut regions = group.endpoints.iter().map(|row| &row.region);
    Some(match regions.all(|region| *region == group.region) {
        true => host,
        false => format!("{host} ({})", shown(&first.region, LONGEST)),
    })
}
