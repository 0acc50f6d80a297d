//! `easelect page`: writes a web page that measures from a user's phone or browser.

use std::time::SystemTime;

use easelect_report::Format;

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
            "page: --output is missing: the page is a file for a browser, so name one, such as --output measure.html",
            "page：缺少 --output：网页是供浏览器打开的文件，请指定文件名，例如 --output measure.html",
        )
        .into());
    }
    let named = options.output.as_deref().filter(|_| output.is_file());
    if let Some(file) = named.filter(|file| Format::of(file) != Some(Format::Html)) {
        let file = words::file(file);
        return Err(say(
            format!("--output {file}: expected a name that ends with .html, or phones don't open it as a page"),
            format!("--output {file}：文件名应以 .html 结尾，否则手机不会将其作为网页打开"),
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
