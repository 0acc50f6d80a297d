//! A comparison as text for a terminal, and as JSON.

use easelect::Phase;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::format::pretty;
use super::super::layout::{Ink, Style, paragraph};
use super::super::model::SCHEMA;
use super::super::texts::{Lang, Text, list, text};
use super::{Change, Comparison, Effect, EndpointComparison, Figures, GroupComparison, Side};

/// Returns a comparison as text for a terminal: the summary, the two reports, differences in their conditions,
/// then the changes.
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
        page.title(&text("Conditions", "测量条件"));
        for one in &comparison.circumstances {
            page.write(Ink::Plain, "- ", &one.text);
        }
    }
    if !comparison.changes.is_empty() {
        page.title(&text("Changes", "变化"));
        for one in &comparison.changes {
            page.write(ink_of(one), "- ", &one.text);
        }
    }
    for group in &comparison.groups {
        page.group(group);
    }
    let [a, b] = &comparison.sides;
    if a.verdict.code != b.verdict.code {
        page.title(&match comparison.changed() || !comparison.comparable() {
            true => text("Verdicts", "两份报告的结论"),
            false => text(
                "Verdicts (nothing above explains the difference: it may be chance)",
                "两份报告的结论（以上没有变化，结论不同可能只是偶然）",
            ),
        });
        for (letter, side) in [("A  ", a), ("B  ", b)] {
            page.write(Ink::Plain, letter, &side.verdict_text);
        }
    }
    page.title(&text("Notes", "说明"));
    for one in &comparison.notes {
        page.write(Ink::Dim, "- ", one);
    }
    if comparison.comparable() {
        let what_counts = text(
            "Times are medians. Differences that may be chance, or that are below 5 ms or 10%, don't count as changes.",
            "时间为中位数。可能只是偶然的差异，以及不足 5 ms 或 10% 的差异，不算变化。",
        );
        page.write(Ink::Dim, "- ", &what_counts);
    }
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
        // With the same first choice in both, its endpoint shows this.
        let another = group.changes.iter().any(|one| one.code == "first_choice");
        if let Some(one) = group.opening.as_ref().filter(|_| another) {
            self.write(ink_of(one), "- ", &one.text);
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

/// Returns a comparison as indented JSON.
///
/// The keys are `schema`, `kind` (`"comparison"`), `version`, `lang`, `comparable`, `changed`, `effect`,
/// `summary`, the two reports under `a` and `b`, `circumstances`, `changes`, `groups` and `notes`. A change has
/// a `code`, an `effect` (`better`, `worse`, `different`), a `phase` or `null`, and its `text`. A change with
/// values has those of A and B: `a_ms` and `b_ms`, `a_failed_ratio` and `b_failed_ratio`, or `a` and `b`. A
/// circumstance is a difference in the conditions of the measurements; it has no `effect` and no `phase`.
#[must_use]
pub fn comparison_json(comparison: &Comparison, lang: Lang) -> String {
    let [a, b] = &comparison.sides;
    let told = |one: &Text| one.clone().of(lang);
    let notes = |all: &[Text]| -> Vec<String> { all.iter().map(told).collect() };
    let changes = |all: &[Change]| all.iter().map(|one| change(one, lang)).collect();
    let endpoint = |one: &EndpointComparison| EndpointModel {
        url: one.url.clone(),
        changes: changes(&one.changes),
        notes: notes(&one.notes),
    };
    let group = |one: &GroupComparison| GroupModel {
        region: one.region.clone(),
        service: one.service.clone(),
        name: told(&one.title),
        changes: changes(&one.changes),
        opening: one.opening.as_ref().map(|one| change(one, lang)),
        endpoints: one.endpoints.iter().map(endpoint).collect(),
        notes: notes(&one.notes),
    };
    pretty(&ComparisonModel {
        schema: SCHEMA,
        kind: "comparison",
        version: env!("CARGO_PKG_VERSION"),
        lang,
        comparable: comparison.comparable(),
        changed: comparison.changed(),
        effect: comparison.effect,
        summary: told(&comparison.summary),
        a,
        b,
        circumstances: (comparison.circumstances.iter())
            .map(|one| CircumstanceModel {
                code: one.code,
                values: values(&one.figures),
                text: told(&one.text),
            })
            .collect(),
        changes: changes(&comparison.changes),
        groups: comparison.groups.iter().map(group).collect(),
        notes: notes(&comparison.notes),
    })
}

/// The document; its keys are the schema.
#[derive(Serialize)]
struct ComparisonModel<'a> {
    schema: u32,
    kind: &'static str,
    version: &'static str,
    lang: Lang,
    comparable: bool,
    changed: bool,
    effect: Option<Effect>,
    summary: String,
    a: &'a Side,
    b: &'a Side,
    circumstances: Vec<CircumstanceModel>,
    changes: Vec<ChangeModel>,
    groups: Vec<GroupModel>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct CircumstanceModel {
    code: &'static str,
    #[serde(flatten)]
    values: Map<String, Value>,
    text: String,
}

#[derive(Serialize)]
struct GroupModel {
    region: String,
    service: String,
    name: String,
    changes: Vec<ChangeModel>,
    opening: Option<ChangeModel>,
    endpoints: Vec<EndpointModel>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct EndpointModel {
    url: String,
    changes: Vec<ChangeModel>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct ChangeModel {
    code: &'static str,
    effect: Effect,
    phase: Option<&'static str>,
    #[serde(flatten)]
    values: Map<String, Value>,
    text: String,
}

fn change(change: &Change, lang: Lang) -> ChangeModel {
    ChangeModel {
        code: change.code,
        effect: change.effect,
        phase: change.phase.map(Phase::as_str),
        values: values(&change.figures),
        text: change.text.clone().of(lang),
    }
}

/// The values in A and B, with the unit in the key.
fn values(figures: &Figures) -> Map<String, Value> {
    let named = |a: &str, b: &str, values: [Value; 2]| {
        let keys = [a, b].map(str::to_owned).into_iter();
        keys.zip(values).collect()
    };
    match figures {
        Figures::None => Map::new(),
        Figures::Millis(both) => named("a_ms", "b_ms", both.map(Value::from)),
        Figures::FailedRatio(both) => {
            let rounded = both.map(|ratio| Value::from((ratio * 1e4).round() / 1e4));
            named("a_failed_ratio", "b_failed_ratio", rounded)
        }
        Figures::Words(both) => named("a", "b", both.clone().map(Value::from)),
    }
}
