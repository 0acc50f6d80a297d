//! Reading a report again, from its JSON or from its page (HTML), which has the JSON in it. Files come from
//! strangers: whatever they say, it ends in a model or in an error that tells why.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::model::Model;
use super::model::SCHEMA;
use super::texts::{Lang, Text, shown, text};

/// The element that a page has its report in.
const ELEMENT: &str = "easelect-report";

/// No figure of a report is larger: 30,000 years in milliseconds.
const LARGEST: f64 = 1e15;

/// Why a text is no report that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// There is nothing in it.
    Empty,
    /// It ends in the middle.
    CutOff,
    /// It is no JSON.
    NotJson {
        /// The line where it ceases to be JSON, from 1.
        line: usize,
        /// The place in that line, from 1.
        column: usize,
        /// What was expected there, in English.
        why: String,
    },
    /// A page without a report in it.
    NoReportInPage,
    /// A report of another schema than this version reads, with its number.
    OtherSchema(String),
    /// JSON, but not what a report says.
    NotAReport {
        /// What is missing or wrong, in English.
        why: String,
    },
}

impl ReadError {
    /// The reason for a person.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        self.told().of(lang)
    }

    fn told(&self) -> Text {
        match self {
            ReadError::Empty => text("the file is empty", "文件为空"),
            ReadError::CutOff => text(
                "the report ends in the middle: the file was not copied to its end",
                "报告不完整：文件未完整保存或传输，请重新获取",
            ),
            ReadError::NotJson { line, column, why } => text(
                format!(
                    "neither a report in JSON nor one in HTML (easelect --output NAME.json or NAME.html writes one): line \
                     {line}, column {column}: {why}"
                ),
                format!(
                    "既不是 JSON 报告，也不是 HTML 报告（可用 easelect --output 名称.json 或 名称.html 生成）：第 {line} 行第 {column} \
                     列：{why}"
                ),
            ),
            ReadError::NoReportInPage => text(
                "a web page without an easelect report in it; save the page as HTML, complete and unchanged",
                "网页中没有 easelect 报告；请提供未经修改的完整 HTML 文件",
            ),
            ReadError::OtherSchema(schema) => text(
                format!(
                    "the report has schema {schema}, this version reads schema {SCHEMA}: use the version that wrote it"
                ),
                format!(
                    "报告的 schema 为 {schema}，当前版本只能读取 schema {SCHEMA}：请使用生成该报告的版本"
                ),
            ),
            ReadError::NotAReport { why } => text(
                format!("JSON, but no report of `easelect diagnose`: {why}"),
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
    /// Reads a report from its JSON, or from a page with the JSON in it. Keys that this version doesn't know
    /// are left out.
    ///
    /// A model that was read says what the file says: escape its texts before a terminal shows them.
    ///
    /// # Errors
    ///
    /// The text is no report, is cut off, or has another schema. Counts and figures that no report can have
    /// are errors, too.
    pub fn from_text(text: &str) -> Result<Model, ReadError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = text.trim_start();
        match start.chars().next() {
            None => Err(ReadError::Empty),
            Some('<') => {
                let at = in_page(text)?;
                // What is left ends with the element, since a page has `<` of its JSON as \u003c.
                let end = text[at..].find('<').ok_or(ReadError::CutOff)?;
                of_json(&text[at..at + end]).map_err(|error| moved(error, &text[..at]))
            }
            Some(_) => of_json(text),
        }
    }
}

/// Where the JSON begins in a page.
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
        // The element stands near a page's end; but whose page it is, is unknown then.
        false if page.contains(ELEMENT) => Err(ReadError::CutOff),
        false => Err(ReadError::NoReportInPage),
    }
}

/// The error where it is in the page, of which this stands before the JSON.
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
    // serde_json bounds the depth itself.
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

/// What serde_json says, without the place that is told beside it.
fn without_place(error: &serde_json::Error) -> String {
    let why = error.to_string();
    let place = why.rfind(" at line ").unwrap_or(why.len());
    shown(&why[..place], 200)
}

/// A figure that no report has: whoever makes a duration of it would panic.
fn out_of_range(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64().filter(|number| number.abs() > LARGEST),
        Value::Array(all) => all.iter().find_map(out_of_range),
        Value::Object(all) => all.values().find_map(out_of_range),
        _ => None,
    }
}

/// An endpoint with more successes than attempts: whoever subtracts would panic.
fn impossible(model: &Model) -> Option<&str> {
    let mut endpoints = model.groups.iter().flat_map(|group| &group.endpoints);
    let wrong = endpoints.find(|one| {
        let mut addresses = one.addresses.iter();
        one.successes > one.attempts || addresses.any(|one| one.successes > one.attempts)
    });
    wrong.map(|one| one.url.as_str())
}
