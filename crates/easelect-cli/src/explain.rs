//! `easelect explain`: explains an error code of an official SDK.

use std::time::SystemTime;

use easelect_report::Format;

use crate::advise::sdk;
use crate::args::{self, Options};
use crate::input;
use crate::output::Output;
use crate::status::Status;
use crate::words::{Usage, say};

/// Explains one code, with a report's view of the network if there is one.
pub(crate) fn explain(options: &Options, code: &str) -> Result<Status, Usage> {
    let sdk = match options.sdks.as_deref() {
        None => None,
        Some([one]) => Some(sdk(one)?),
        Some(_) => {
            return Err(say(
                "--sdk: expected one SDK (without --sdk, all are searched)",
                "--sdk：只能指定一个 SDK（不写则查找全部）",
            )
            .into());
        }
    };
    let report = options
        .reports
        .first()
        .map(|file| input::report(file))
        .transpose()?;
    let output = Output::open(options.output.as_deref())?;
    let now = SystemTime::now();
    let told = easelect_report::explain(code, sdk, report.as_ref(), now, options.lang);
    let text = match args::format(options, options.output.as_deref()) {
        Format::Json => easelect_report::explanation_json(&told),
        _ => easelect_report::explanation_text(&told, output.style()),
    };
    output.write(&text)?;
    Ok(match told.known {
        true => Status::Usable,
        false => Status::Inconclusive,
    })
}
