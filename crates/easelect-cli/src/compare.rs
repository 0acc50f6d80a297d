//! `easelect compare`: shows what changed between two reports.

use std::path::PathBuf;

use easelect_report::{Comparison, Format};

use crate::args::{self, Options};
use crate::input;
use crate::output::Output;
use crate::status::Status;
use crate::words::{self, Usage};

/// Compares the second report with the first.
pub(crate) fn compare(options: &Options, files: &[PathBuf; 2]) -> Result<Status, Usage> {
    let [a, b] = files;
    let (before, after) = (input::report(a)?, input::report(b)?);
    let output = Output::open(options.output.as_deref())?;
    let told = Comparison::new(&before, &after).with_names(&words::file(a), &words::file(b));
    let text = match args::format(options, options.output.as_deref()) {
        Format::Json => easelect_report::comparison_json(&told, options.lang),
        _ => easelect_report::comparison_table(&told, options.lang, output.style()),
    };
    output.write(&text)?;
    Ok(match told.comparable() {
        true => Status::Usable,
        false => Status::Inconclusive,
    })
}
