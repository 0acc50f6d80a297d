//! The formats of a report, one file each.

mod csv;
mod html;
mod json;
mod markdown;
mod overview;
mod prometheus;
mod summary;
mod table;

use std::path::Path;
use std::str::FromStr;

use easelect::{Error, ErrorKind, shown, without_secrets};

pub use csv::csv;
pub use html::html;
pub use json::json;
pub(crate) use json::pretty;
pub use markdown::markdown;
pub use prometheus::prometheus;
pub use summary::summary;
pub use table::{details, first_screen, table};

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// For a terminal.
    Table,
    /// Ten lines for a chat.
    Summary,
    /// The whole model, for programs and for comparing later.
    Json,
    /// One file for a browser, to send.
    Html,
    /// For tickets and wikis.
    Markdown,
    /// One line per address, for spreadsheets.
    Csv,
    /// Text for the node exporter's textfile collector.
    Prometheus,
}

impl Format {
    /// All of them.
    pub const ALL: &'static [Format] = &[
        Format::Table,
        Format::Summary,
        Format::Json,
        Format::Html,
        Format::Markdown,
        Format::Csv,
        Format::Prometheus,
    ];

    /// Returns the identifier used on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Summary => "summary",
            Format::Json => "json",
            Format::Html => "html",
            Format::Markdown => "markdown",
            Format::Csv => "csv",
            Format::Prometheus => "prometheus",
        }
    }

    /// Returns the format of a file's extension: `.json`, `.html` or `.htm`, `.md` or `.markdown`, `.csv`, `.prom`,
    /// and `.txt` for the table.
    #[must_use]
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "txt" => Some(Format::Table),
            "json" => Some(Format::Json),
            "html" | "htm" => Some(Format::Html),
            "md" | "markdown" => Some(Format::Markdown),
            "csv" => Some(Format::Csv),
            "prom" => Some(Format::Prometheus),
            _ => None,
        }
    }

    /// Returns the extension of a file in this format, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Table | Format::Summary => "txt",
            Format::Json => "json",
            Format::Html => "html",
            Format::Markdown => "md",
            Format::Csv => "csv",
            Format::Prometheus => "prom",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|one| one.as_str() == text);
        found.copied().ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
            let text = shown(&without_secrets(text), 40);
            let why = format!(
                "unknown format \"{text}\": expected one of {}",
                known.join(", ")
            );
            Error::new(ErrorKind::Input, why)
        })
    }
}
