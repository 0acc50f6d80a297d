//! `easelect advise`: prints configuration to paste for each official SDK.

use easelect_report::{Format, Sdk};

use crate::args::{self, Options};
use crate::input;
use crate::output::Output;
use crate::status::Status;
use crate::targets;
use crate::words::{Usage, say, shown};

/// Writes the advice for one data centre.
pub(crate) fn advise(options: &Options) -> Result<Status, Usage> {
    let catalog = input::catalog(options.catalog.as_deref())?;
    let residency = targets::residency(&catalog, &options.regions)?;
    let sdks = match &options.sdks {
        Some(names) => names
            .iter()
            .map(|name| sdk(name))
            .collect::<Result<_, _>>()?,
        None => Sdk::ALL.to_vec(),
    };
    let measured = options
        .reports
        .first()
        .map(|file| input::report(file))
        .transpose()?;
    let output = Output::open(options.output.as_deref())?;
    let (measured, lang) = (measured.as_ref(), options.lang);
    let text = match args::format(options, options.output.as_deref()) {
        Format::Json => easelect_report::advice_json(&catalog, &residency, measured, &sdks, lang),
        _ => easelect_report::advice(&catalog, &residency, measured, &sdks, lang),
    };
    output.write(&text)?;
    Ok(Status::Usable)
}

/// Returns the SDK with this identifier or name.
pub(crate) fn sdk(name: &str) -> Result<Sdk, Usage> {
    name.parse().map_err(|_| {
        if name.eq_ignore_ascii_case("web") {
            return Usage::from(say(
                "--sdk \"web\": expected web4 or web5, by the version of the Web SDK",
                "--sdk \"web\"：应为 web4 或 web5，按 SDK 的版本选择",
            ));
        }
        let known: Vec<&str> = Sdk::ALL.iter().map(|one| one.as_str()).collect();
        let name = shown(name);
        let why = say(
            format!("--sdk {name}: expected one of {}", known.join(", ")),
            format!("--sdk {name}：应为以下之一：{}", known.join("、")),
        );
        Usage::from(why)
    })
}
