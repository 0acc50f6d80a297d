//! `easelect page`: a web page that measures where the trouble is.

use std::time::SystemTime;

use crate::args::Options;
use crate::output::Output;
use crate::status::Status;
use crate::targets::Targets;
use crate::words::Usage;
use crate::{input, newer};

/// Writes the page for the endpoints asked for.
pub(crate) fn page(options: &Options) -> Result<Status, Usage> {
    let catalog = newer::added(input::catalog(options.catalog.as_deref())?, options)?;
    let targets = Targets::new(&catalog, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    let now = SystemTime::now();
    output.write(&easelect_report::page(
        &catalog,
        &targets.endpoints,
        options.lang,
        now,
    ))?;
    Ok(Status::Usable)
}
