//! Reads a report back, from its JSON or from its HTML page, which contains the JSON. Files come from strangers:
//! any input ends in a model or in an error with a reason.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::model::Model;
use super::model::SCHEMA;
use super::texts::{Lang, Text, shown, text};

/// The ID of the element of a page that contains the report.
const ELEMENT: &str = "easelect-report";

/// The largest figure accepted: 30,000 years in milliseconds.
const LARGEST: f64 = 1e15;

/// The error of [`Model::from_text`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The text is empty.
    Empty,
    /// The text is cut off.
    CutOff,
    /// The text is not JSON.
    NotJson {
        /// The line of the first error, from 1.
        line: usize,
        /// The column of the first error, from 1.
        column: usize,
        /// The reason, in English.
        why: String,
    },
    /// An HTML page without a report.
    NoReportInPage,
    /// A report with a schema that this version doesn't read, with its number.
    OtherSchema(String),
    /// JSON, but not a report.
    NotAReport {
        /// What is missing or wrong, in English.
        why: String,
    },
}

impl ReadError {
    /// Returns the reason as a sentence fragment in this language.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        self.told().of(lang)
    }

    fn told(&self) -> Text {
        match self {
            ReadError::Empty => text("the file is empty", "文件为空"),
            ReadError::CutOff => text(
                "the report is cut off: the file was not saved or transferred completely",
                "报告不完整：文件未完整保存或传输，请重新获取",
            ),
            ReadError::NotJson { line, column, why } => text(
                format!(
                    "neither a JSON report nor an HTML report (easelect --output NAME.json or NAME.html writes one): \
                     line {line}, column {column}: {why}"
                ),
                format!(
                    "既不是 JSON 报告，也不是 HTML 报告（可用 easelect --output 名称.json 或 名称.html 生成）：第 {line} 行第 {column} \
                     列：{why}"
                ),
            ),
            ReadError::NoReportInPage => text(
                "a web page without an easelect report: save the whole page as HTML, unchanged",
                "网页中没有 easelect 报告；请提供未经修改的完整 HTML 文件",
            ),
            ReadError::OtherSchema(schema) => text(
                format!(
                    "the report has schema {schema}, but this version reads schema {SCHEMA}: use the version of easelect \
                     that wrote it"
                ),
                format!(
                    "报告的 schema 为 {schema}，当前版本只能读取 schema {SCHEMA}：请使用生成该报告的版本"
                ),
            ),
            ReadError::NotAReport { why } => text(
                format!("JSON, but not a report of `easelect diagnose`: {why}"),
                format!("是 JSON，但不是 `easelect diagnose` 的报告：{why}"),
            ),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told().en)
    }
}

impl std::error::Error for ReadError {}

impl Model {
    /// Reads a report from its JSON, or from an HTML page that contains the JSON. Unknown keys are ignored.
    ///
    /// The texts of the model are those of the file: escape them before you show them in a terminal.
    ///
    /// # Errors
    ///
    /// Returns a [`ReadError`] if the text is not a report, is cut off, has another schema, or has a count or
    /// figure that no report can have.
    pub fn from_text(text: &str) -> Result<Model, ReadError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = text.trim_start();
        match start.chars().next() {
            None => Err(ReadError::Empty),
            Some('<') => {
                let at = in_page(text)?;
                // The next `<` ends the element, because a page writes `<` in its JSON as \u003c.
                let end = text[at..].find('<').ok_or(ReadError::CutOff)?;
                of_json(&text[at..at + end]).map_err(|error| moved(error, &text[..at]))
            }
            Some(_) => of_json(text),
        }
    }
}

/// The offset at which the JSON begins in a page.
fn in_page(page: &str) -> Result<usize, ReadError> {
    const TAG: &str = "<script";
    let mut from = 0;
    while let Some(found) = page[from..].find('<') {
        let tag = from + found;
        from = tag + 1;
        let is_script = (page.as_bytes().get(tag..tag + TAG.len()))
            .is_some_and(|name| name.eq_ignore_ascii_case(TAG.as_bytes()));
        if !is_script {
            continue;
        }
        let Some(end) = page[tag..].find('>') else {
            return Err(ReadError::CutOff);
        };
        let attributes = &page[tag + TAG.len()..tag + end];
        if attributes
            .split(|c: char| c.is_ascii_whitespace() || "=\"'".contains(c))
            .any(|one| one == ELEMENT)
        {
            return Ok(tag + end + 1);
        }
        from = tag + end;
    }
    match page.trim_end().ends_with("</html>") {
        true => Err(ReadError::NoReportInPage),
        // The page is cut off. Only a page that mentions the element is known to be a report.
        false if page.contains(ELEMENT) => Err(ReadError::CutOff),
        false => Err(ReadError::NoReportInPage),
    }
}

/// The error with its position in the whole page; `before` is the text before the JSON.
fn moved(error: ReadError, before: &str) -> ReadError {
    let ReadError::NotJson { line, column, why } = error else {
        return error;
    };
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    ReadError::NotJson {
        column: match line {
            1 => column.saturating_add(last_line.len()),
            _ => column,
        },
        line: line.saturating_add(before.matches('\n').count()),
        why,
    }
}

fn of_json(text: &str) -> Result<Model, ReadError> {
    // serde_json limits the depth of nesting.
    let document: Value = serde_json::from_str(text).map_err(|error| match error.is_eof() {
        true => ReadError::CutOff,
        false => ReadError::NotJson {
            line: error.line(),
            column: error.column(),
            why: without_place(&error),
        },
    })?;
    let not_a_report = |why: &str| ReadError::NotAReport {
        why: shown(why, 200),
    };
    match document.get("schema") {
        Some(schema) if schema.as_u64() == Some(u64::from(SCHEMA)) => {}
        Some(schema) => return Err(ReadError::OtherSchema(shown(&schema.to_string(), 40))),
        None => return Err(not_a_report("no `schema`")),
    }
    if let Some(number) = out_of_range(&document) {
        return Err(not_a_report(&format!(
            "the figure {number:e} is out of range"
        )));
    }
    let model = Model::deserialize(document).map_err(|error| not_a_report(&error.to_string()))?;
    match impossible(&model) {
        Some(url) => Err(not_a_report(&format!(
            "more successes than attempts at {url}"
        ))),
        None => Ok(model),
    }
}

/// The message of serde_json without the position, which is shown separately.
fn without_place(error: &serde_json::Error) -> String {
    let why = error.to_string();
    let place = why.rfind(" at line ").unwrap_or(why.len());
    shown(&why[..place], 200)
}

/// Returns a figure that no report can have; converting it to a duration would panic.
fn out_of_range(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64().filter(|number| number.abs() > LARGEST),
        Value::Array(all) => all.iter().find_map(out_of_range),
        Value::Object(all) => all.values().find_map(out_of_range),
        _ => None,
    }
}

/// Returns the URL of an endpoint with more successes than attempts; subtracting these would panic.
fn impossible(model: &Model) -> Option<&str> {
    let mut endpoints = model.groups.iter().flat_map(|group| &group.endpoints);
    let wrong = endpoints.find(|one| {
        let mut addresses = one.addresses.iter();
        one.successes > one.attempts || addresses.any(|one| one.successes > one.attempts)
    });
    wrong.map(|one| one.url.as_str())
}
