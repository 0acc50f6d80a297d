//! `easelect connect`: connections opened as an app would.

use std::time::SystemTime;

use easelect::{Residency, Service};
use easelect_report::Format;

use crate::args::{self, Options};
use crate::output::Output;
use crate::run::{self, Network};
use crate::status::Status;
use crate::words::Usage;
use crate::{input, targets};

/// Opens so many, one after the other.
pub(crate) fn connect(options: &Options, count: u32) -> Result<Status, Usage> {
    let catalog = input::catalog(options.catalog.as_deref())?;
    let (residency, service): (Residency, Service) =
        targets::for_connect(&catalog, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    let mut network = Network::new(options)?;
    let connected = run::on_runtime(async {
        network.find_nat64(options).await?;
        run::connect(&network, &catalog, residency, service, count, options).await
    })?;
    let now = SystemTime::now();
    let (records, style) = (&connected.records, output.style());
    let text = match args::format(options, options.output.as_deref()) {
        Format::Json => easelect_report::connects_json(records, options.lang, now),
        _ => easelect_report::connects_table(records, options.lang, style, now),
    };
    output.write(&text)?;
    Ok(match connected.interrupted {
        true => Status::Inconclusive,
        false if records.iter().all(|one| one.ok) => Status::Usable,
        false => Status::Unusable,
    })
}
