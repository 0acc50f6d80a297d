//! A comparison as text for a terminal, and as JSON.

use easelect::Phase;
use serde_json::{Map, Value, json};

use super::super::json::{SCHEMA, pretty};
use super::super::layout::{Ink, Style, paragraph};
use super::super::texts::{Lang, Text, list, text};
use super::{Change, Comparison, Effect, EndpointComparison, Figures, GroupComparison, Side};

/// A comparison for a person: the sentence on top, the two reports, what was otherwise around them, then what
/// changed.
#[must_use]
pub fn comparison_table(comparison: &Comparison, lang: Lang, style: Style) -> String {
    let mut page = Page {
        lang,
        style,
        lines: Vec::new(),
    };
    let ink = match comparison.effect {
        None if comparison.comparable() => Ink::Good,
        Some(Effect::Better) => Ink::Good,
        Some(Effect::Worse) => Ink::Bad,
        _ => Ink::Doubtful,
    };
    page.write(ink, "", &comparison.summary);
    page.lines.push(String::new());
    for (letter, side) in ["A", "B"].into_iter().zip(&comparison.sides) {
        page.write(Ink::Dim, &format!("{letter}  "), &head(side));
    }
    if !comparison.circumstances.is_empty() {
        page.title(&text("What was otherwise", "测量条件的异同"));
        for one in &comparison.circumstances {
            page.write(Ink::Plain, "- ", &one.text);
        }
    }
    if !comparison.changes.is_empty() {
        page.title(&text("What changed", "变化"));
        for one in &comparison.changes {
            page.write(ink_of(one), "- ", &one.text);
        }
    }
    for group in &comparison.groups {
        page.group(group);
    }
    let [a, b] = &comparison.sides;
    if a.verdict_code != b.verdict_code {
        page.title(&text("Verdicts", "结论"));
        for (letter, side) in [("A  ", a), ("B  ", b)] {
            let verdict = side.verdict.clone();
            page.write(Ink::Plain, letter, &text(verdict.clone(), verdict));
        }
    }
    page.title(&text("Notes", "说明"));
    for one in &comparison.notes {
        page.write(Ink::Dim, "- ", one);
    }
    page.write(
        Ink::Dim,
        "- ",
        &text(
            "Times are medians. A change is told where chance brings it about once in 1000 measurements (failures: in 100), and times differ by 5 ms and 10% at least.",
            "时间为中位数。只列出偶然出现的概率低于千分之一（失败率：百分之一）的变化，且时间相差至少 5 ms 和 10%。",
        ),
    );
    page.lines.push(String::new());
    page.lines.join("\n")
}

fn head(side: &Side) -> Text {
    let mut parts: Vec<String> = side.name.iter().cloned().collect();
    parts.extend([side.finished_at.clone(), side.os.clone()]);
    parts.push(format!("easelect {}", side.version));
    let told = parts.join(" | ");
    text(told.clone(), told)
}

fn ink_of(change: &Change) -> Ink {
    match change.effect {
        Effect::Better => Ink::Good,
        Effect::Worse => Ink::Bad,
        Effect::Different => Ink::Plain,
    }
}

struct Page {
    lang: Lang,
    style: Style,
    lines: Vec<String>,
}

impl Page {
    fn write(&mut self, ink: Ink, lead: &str, told: &Text) {
        let told = told.clone().of(self.lang);
        let lines = paragraph(lead, &told, self.style.width);
        let painted = lines.into_iter().map(|line| self.style.paint(ink, &line));
        self.lines.extend(painted);
    }

    fn title(&mut self, title: &Text) {
        self.lines.push(String::new());
        self.write(Ink::Bold, "", title);
    }

    fn group(&mut self, group: &GroupComparison) {
        self.title(&group.title);
        for one in &group.changes {
            self.write(ink_of(one), "- ", &one.text);
        }
        // Of one endpoint it is told there.
        let another = group.changes.iter().any(|one| one.code == "first_choice");
        if let Some(one) = group.opening.as_ref().filter(|_| another) {
            let told = text(
                format!("With it, {}.", one.text.en),
                format!("{}。", one.text.zh),
            );
            self.write(ink_of(one), "- ", &told);
        }
        let has_news = |one: &&EndpointComparison| !one.changes.is_empty() || !one.notes.is_empty();
        let (told, same): (Vec<_>, Vec<_>) = group.endpoints.iter().partition(has_news);
        for one in told {
            self.write(Ink::Plain, "- ", &text(one.name.clone(), one.name.clone()));
            for change in &one.changes {
                let lead = match change.phase {
                    Some(_) => "    - ",
                    None => "  - ",
                };
                self.write(ink_of(change), lead, &change.text);
            }
            for note in &one.notes {
                self.write(Ink::Dim, "  - ", note);
            }
        }
        let same: Vec<&str> = same.iter().map(|one| &*one.name).collect();
        if !same.is_empty() {
            let same = list(&same);
            let told = text(
                format!("No change beyond noise: {}.", same.en),
                format!("没有超出正常波动的变化：{}。", same.zh),
            );
            self.write(Ink::Dim, "- ", &told);
        }
        for note in &group.notes {
            self.write(Ink::Dim, "- ", note);
        }
    }
}

/// A comparison as indented JSON: the keys `schema`, `kind` (`"comparison"`), `changed`, `effect`, `summary`,
/// the two reports under `a` and `b`, `circumstances`, `changes`, `groups` and `notes`. Every change has a
/// `code`, an `effect` (`better`, `worse`, `different`), a `phase` or `null`, what it was and is under `a…` and
/// `b…`, and its text.
#[must_use]
pub fn comparison_json(comparison: &Comparison, lang: Lang) -> String {
    let [a, b] = &comparison.sides;
    let told = |one: &Text| one.clone().of(lang);
    let changes =
        |all: &[Change]| -> Vec<Value> { all.iter().map(|one| change(one, lang)).collect() };
    let notes = |all: &[Text]| -> Vec<String> { all.iter().map(told).collect() };
    let endpoint = |one: &EndpointComparison| {
        json!({
            "url": one.url,
            "changes": changes(&one.changes),
            "notes": notes(&one.notes),
        })
    };
    let group = |one: &GroupComparison| {
        json!({
            "region": one.region,
            "service": one.service,
            "name": told(&one.title),
            "changes": changes(&one.changes),
            "opening": one.opening.as_ref().map(|one| change(one, lang)),
            "endpoints": one.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
            "notes": notes(&one.notes),
        })
    };
    pretty(&json!({
        "schema": SCHEMA,
        "kind": "comparison",
        "version": env!("CARGO_PKG_VERSION"),
        "lang": lang,
        "comparable": comparison.comparable(),
        "changed": comparison.changed(),
        "effect": comparison.effect,
        "summary": told(&comparison.summary),
        "a": side(a),
        "b": side(b),
        "circumstances": changes(&comparison.circumstances),
        "changes": changes(&comparison.changes),
        "groups": comparison.groups.iter().map(group).collect::<Vec<_>>(),
        "notes": notes(&comparison.notes),
    }))
}

fn side(side: &Side) -> Value {
    json!({
        "name": side.name,
        "version": side.version,
        "started_at": side.started_at,
        "finished_at": side.finished_at,
        "complete": side.complete,
        "verdict": {"code": side.verdict_code, "text": side.verdict},
    })
}

fn change(change: &Change, lang: Lang) -> Value {
    let mut keys = Map::new();
    keys.insert("code".to_owned(), change.code.into());
    keys.insert("effect".to_owned(), json!(change.effect));
    keys.insert("phase".to_owned(), json!(change.phase.map(Phase::as_str)));
    let (a, b, values) = match &change.figures {
        Figures::None => ("a", "b", [Value::Null, Value::Null]),
        Figures::Millis(both) => ("a_ms", "b_ms", both.map(Value::from)),
        Figures::FailedRatio(both) => {
            let rounded = both.map(|ratio| Value::from((ratio * 1e4).round() / 1e4));
            ("a_failed_ratio", "b_failed_ratio", rounded)
        }
        Figures::Words(both) => ("a", "b", both.clone().map(Value::from)),
    };
    for (key, value) in [a, b].into_iter().zip(values) {
        keys.insert(key.to_owned(), value);
    }
    keys.insert("text".to_owned(), change.text.clone().of(lang).into());
    Value::Object(keys)
}
