//! `easelect page`: writes a web page that measures from a user's phone or browser.

use std::time::SystemTime;

use crate::args::Options;
use crate::output::Output;
use crate::status::Status;
use crate::targets::Targets;
use crate::words::{self, Usage, say};
use crate::{input, newer};

/// Writes the page for the chosen endpoints.
pub(crate) fn page(options: &Options) -> Result<Status, Usage> {
    let catalog = newer::added(input::catalog(options.catalog.as_deref())?, options)?;
    let targets = Targets::new(&catalog, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    if output.is_terminal() {
        return Err(say(
            "page: --output is missing: the page is a file for a browser",
            "page：缺少 --output：网页是供浏览器打开的文件",
        )
        .into());
    }
    let (now, saved) = (SystemTime::now(), output.is_file());
    let page = easelect_report::page(&catalog, &targets.endpoints, options.lang, now);
    output.write(&page)?;
    let Some(file) = options.output.as_deref().filter(|_| saved) else {
        return Ok(Status::Usable);
    };
    let file = words::file(file);
    let told = say(
        format!(
            "Page saved: {file}\nOpen it on the phone or computer that has the trouble, and press its button to \
             measure.\n"
        ),
        format!("网页已保存：{file}\n请在出问题的手机或电脑上打开，点击按钮后开始测量。\n"),
    );
    Output::open(None)?.write(told.of(options.lang))?;
    Ok(Status::Usable)
}
