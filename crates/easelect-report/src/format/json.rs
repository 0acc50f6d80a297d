//! The report as JSON (schema 1): the serialised model.

use easelect::is_hidden;
use serde::Serialize;

use crate::model::Model;

/// Formats a report as indented JSON; see [the crate](crate#the-json-schema) for its rules.
#[must_use]
pub fn json(model: &Model) -> String {
    pretty(model)
}

/// Indented JSON with a newline at the end. Characters that a terminal would obey or hide become `\uXXXX`.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document)
        .expect("the documents have string keys only, and no map can fail");
    escaped(&text) + "\n"
}

/// JSON in one line, without a newline at the end.
pub(crate) fn compact(document: &impl Serialize) -> String {
    let text = serde_json::to_string(document)
        .expect("the documents have string keys only, and no map can fail");
    escaped(&text)
}

fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        // serde_json escapes the ASCII ones (RFC 8259 §7). Hidden characters occur in strings only.
        if c.is_ascii() || !is_hidden(c) {
            plain.push(c);
        } else {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            plain.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    plain.replace('\x7f', "\\u007f")
}
