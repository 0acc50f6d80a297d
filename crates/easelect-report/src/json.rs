//! The report as JSON, schema 1: the model as serde writes it.

use easelect::is_hidden;
use serde::Serialize;

use super::model::Model;

/// The version of every schema: the report's, the connects', the list's, the explanation's.
pub(crate) const SCHEMA: u32 = 1;

/// A report as indented JSON; see the [module](super#the-json-schema) for its rules.
#[must_use]
pub fn json(model: &Model) -> String {
    pretty(model)
}

/// Indented, with a newline at the end. What a terminal would obey or hide stands as `\uXXXX`.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document)
        .expect("the documents have string keys only, and no map can fail");
    let mut plain = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // JSON itself asks for the ASCII ones only (RFC 8259 §7); outside of strings is none.
        if c.is_ascii() || !is_hidden(c) {
            plain.push(c);
        } else {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            plain.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    plain.replace('\x7f', "\\u007f") + "\n"
}
