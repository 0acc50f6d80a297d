//! An explanation as text for a terminal.

use super::{Explanation, Meaning, SourceModel, Unknown};
use crate::layout::{Ink, Style, paragraph};
use crate::texts::{Lang, Text, text};

/// The most pages shown: without `--sdk` there would be one for each SDK.
const PAGES: usize = 2;

/// Returns an explanation as text for a terminal.
#[must_use]
pub fn explanation_text(explanation: &Explanation, style: Style) -> String {
    let lang = explanation.lang;
    let mut lines = Vec::new();
    for meaning in &explanation.meanings {
        lines.extend(meaning_lines(meaning, explanation, style));
        lines.push(String::new());
    }
    if !explanation.unknown.is_empty() {
        lines.extend(unknown_lines(explanation, style));
        lines.push(String::new());
    }
    if let Some(report) = &explanation.report {
        let head = text(
            format!("Report of {}", report.finished_at),
            format!("{} 的报告", report.finished_at),
        );
        lines.push(style.paint(Ink::Bold, &head.of(lang)));
        let verdict = labelled("Verdict", "结论", &report.verdict_text).of(lang);
        lines.extend(paragraph("", &verdict, style.width));
        for caveat in &report.caveats {
            lines.extend(paragraph("- ", caveat, style.width));
        }
        lines.push(String::new());
    }
    for note in &explanation.notes {
        lines.extend(paragraph("", note, style.width));
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.push(String::new());
    lines.join("\n")
}

fn meaning_lines(meaning: &Meaning, explanation: &Explanation, style: Style) -> Vec<String> {
    let lang = explanation.lang;
    let name = meaning
        .name
        .map(|name| format!(" {name}"))
        .unwrap_or_default();
    let sdks = join(&meaning.sdk_names, lang);
    let since = meaning
        .since
        .map(|since| text(format!(", since {since}"), format!("，自 {since} 起")).of(lang));
    let head = text(
        format!("{}{name} ({sdks})", meaning.code),
        format!("{}{name}（{sdks}）", meaning.code),
    )
    .of(lang)
        + &since.unwrap_or_default();
    let mut lines: Vec<String> = paragraph("", &head, style.width)
        .iter()
        .map(|line| style.paint(Ink::Bold, line))
        .collect();
    let mut say = |line: Text| lines.extend(paragraph("  ", &line.of(lang), style.width));
    say(labelled("Layer", "所属层面", &meaning.layer_name));
    say(labelled("Meaning", "含义", &meaning.text));
    say(labelled("What to do", "处理建议", &meaning.advice));
    if let Some(answer) = &meaning.report {
        say(labelled(
            "Compared with the report",
            "与报告对照",
            &answer.text,
        ));
    }
    if !meaning.other_readings.is_empty() {
        say(text(
            "Other documents and versions:",
            "其他文档或版本的说法：",
        ));
        for reading in &meaning.other_readings {
            let layer = &reading.layer_name;
            let line = match reading.layer == meaning.layer {
                true => reading.text.clone(),
                false => text(
                    format!("(layer: {layer}) {}", reading.text),
                    format!("（层面：{layer}）{}", reading.text),
                )
                .of(lang),
            };
            lines.extend(paragraph("  - ", &line, style.width));
            lines.push(style.paint(Ink::Dim, &format!("    {}", cited(&reading.source, lang))));
        }
    }
    let head = labelled("Source", "来源", "").of(lang);
    for source in meaning.sources.iter().take(PAGES) {
        let line = format!("  {head}{}", cited(source, lang));
        lines.push(style.paint(Ink::Dim, &line));
    }
    let more = more_pages(meaning.sources.len(), lang);
    lines.extend(more.map(|more| style.paint(Ink::Dim, &format!("  {more}"))));
    lines
}

fn unknown_lines(explanation: &Explanation, style: Style) -> Vec<String> {
    let lang = explanation.lang;
    let code = &explanation.code;
    let head = match explanation.known {
        true => text(
            format!("{code} in other SDKs: not in easelect's table"),
            format!("{code}（其他 SDK）：easelect 未收录该错误码"),
        ),
        false => text(
            format!("{code}: not in easelect's table"),
            format!("{code}：easelect 未收录该错误码"),
        ),
    };
    let mut lines = vec![style.paint(Ink::Bold, &head.of(lang))];
    let is_number = code.parse::<i64>().is_ok();
    for one in &explanation.unknown {
        let look = where_to_look(one, is_number).of(lang);
        lines.extend(paragraph("- ", &look, style.width));
        let more = more_pages(one.pages.len(), lang);
        let pages = one.pages.iter().take(PAGES).map(|url| (*url).to_owned());
        let pages = pages.chain(more).map(|line| format!("  {line}"));
        lines.extend(pages.map(|line| style.paint(Ink::Dim, &line)));
    }
    if !explanation.elsewhere.is_empty() {
        lines.push(text("Meaning in other SDKs:", "在其他 SDK 中的含义：").of(lang));
        for one in &explanation.elsewhere {
            lines.extend(paragraph("- ", one, style.width));
        }
    }
    lines
}

fn more_pages(all: usize, lang: Lang) -> Option<String> {
    let more = all.checked_sub(PAGES).filter(|more| *more > 0)?;
    let said = text(
        format!("and {more} more, one per SDK: specify yours with --sdk"),
        format!("另有 {more} 个页面，每个 SDK 各一：请用 --sdk 指明 SDK"),
    );
    Some(said.of(lang))
}

fn where_to_look(unknown: &Unknown, is_number: bool) -> Text {
    let (en, zh) = (
        join(&unknown.sdk_names, Lang::En),
        join(&unknown.sdk_names, Lang::Zh),
    );
    match &unknown.range {
        Some(range) => text(
            format!("{en}: in the range {range}. See:"),
            format!("{zh}：属于 {range}。请查看："),
        ),
        None if !is_number => text(format!("{en}: see:"), format!("{zh}：请查看：")),
        None => text(
            format!("{en}: in no known range. See:"),
            format!("{zh}：不在任何已知范围内。请查看："),
        ),
    }
}

fn cited(source: &SourceModel, lang: Lang) -> String {
    let version = source.version.map(|version| format!("{version}, "));
    let (url, read) = (source.url, source.read);
    let how = &source.evidence_name;
    let version = version.unwrap_or_default();
    text(
        format!("{url} ({version}{how}, read {read})"),
        format!(
            "{url}（{}{how}，查阅于 {read}）",
            version.replace(", ", "，")
        ),
    )
    .of(lang)
}

fn labelled(en: &str, zh: &str, value: &str) -> Text {
    text(format!("{en}: {value}"), format!("{zh}：{value}"))
}

fn join(names: &[String], lang: Lang) -> String {
    names.join(match lang {
        Lang::Zh => "、",
        _ => ", ",
    })
}
