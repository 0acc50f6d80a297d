//! `easelect server-json`: sorts the hosts of an app's own list by measurement.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Instant, SystemTime};

use easelect::{Catalog, Ended};
use easelect_report::{Context, Lang, Model, OrderedList, Report, ServerList};

use crate::args::{self, Options, Regions};
use crate::list::{self, ListUrl};
use crate::listed::{self, Listed};
use crate::output::{Output, complain};
use crate::placement::{self, Elsewhere};
use crate::run::{self, Network};
use crate::status::Status;
use crate::targets::Targets;
use crate::words::{self, Say, Usage, say};
use crate::{current, input, newer};

/// What the list is sorted by.
enum Measured {
    Models(Vec<Model>),
    Interrupted,
}

/// Gets the list, sorts it, writes it, and prints a summary.
pub(crate) fn server_json(options: &Options) -> Result<Status, Usage> {
    let catalog = newer::added(input::catalog(options.catalog.as_deref())?, options)?;
    let source = Source::of(options)?;
    let reports = options.reports.iter().map(|file| input::report(file));
    let reports = reports.collect::<Result<Vec<Model>, Usage>>()?;
    // Tried before anything is sent.
    let output = Output::open(options.output.as_deref())?;
    let (list, measured) = match &source {
        Source::File(file) if !reports.is_empty() => (
            read(&input::server_list(Path::new(file))?, &source)?,
            Measured::Models(reports),
        ),
        _ => {
            let mut network = Network::new(options)?;
            run::on_runtime(async {
                network.find_nat64(options).await?;
                let bytes = source.get(options, &network).await?;
                let list = read(&bytes, &source)?;
                let measured = match reports.is_empty() {
                    true => measure(&bytes, &catalog, options, &network).await?,
                    false => Measured::Models(reports),
                };
                Ok((list, measured))
            })?
        }
    };
    let Measured::Models(models) = measured else {
        complain(say("interrupted: no list was written", "已中断：未写入列表").of(options.lang));
        return Ok(Status::Inconclusive);
    };
    let ordered = list.ordered(&models);
    // No new order is shown where none is written.
    if let Some((status, why)) = in_vain(&ordered) {
        complain(why.of(options.lang));
        return Ok(status);
    }
    let beside = !output.is_file();
    output.write(ordered.json())?;
    tell(&ordered.text(options.lang), beside)?;
    Ok(match ordered.is_usable() {
        true => Status::Usable,
        false => Status::Unusable,
    })
}

/// Returns why nothing is to be written, if so: the list that is served now is as good.
fn in_vain(ordered: &OrderedList) -> Option<(Status, Say)> {
    if !ordered.is_measured() {
        let why = say(
            "no list was written: none of the list's hosts was measured",
            "未写入列表：列表中的主机均未测量",
        );
        return Some((Status::Inconclusive, why));
    }
    let why = say(
        "no list was written: none of the list's hosts was reached; the list that is served now is as good",
        "未写入列表：列表中的主机全部连不上，继续使用现有列表即可",
    );
    (!ordered.is_reached()).then_some((Status::Unusable, why))
}

/// Prints the summary: on standard error if the list itself is on standard output.
fn tell(told: &str, beside: bool) -> Result<(), Usage> {
    if !beside {
        return Output::open(None)?.write(told);
    }
    for line in told.lines() {
        // If standard error is closed, there is no other place.
        let _ = writeln!(io::stderr(), "{}", words::line(line));
    }
    Ok(())
}

fn read(bytes: &[u8], source: &Source) -> Result<ServerList, Usage> {
    ServerList::from_bytes(bytes).map_err(|error| {
        let [en, zh] = [Lang::En, Lang::Zh].map(|lang| error.text(lang));
        source.wrong(&en, &zh)
    })
}

/// Where the list comes from.
enum Source {
    File(String),
    Url(ListUrl),
}

impl Source {
    fn of(options: &Options) -> Result<Self, Usage> {
        match (&options.app_key, &options.from) {
            (Some(key), _) => Ok(Source::Url(current::list_of(key)?)),
            (None, Some(from)) if list::is_https(from) => {
                Ok(Source::Url(ListUrl::parse("--from", from)?))
            }
            // Not quoted: it may have a password in it.
            (None, Some(from)) if args::is_url(from) => {
                let why = say(
                    "expected a file, or a URL that begins with https://",
                    "应为文件，或以 https:// 开头的 URL",
                );
                Err(Usage::from(why).in_option("--from"))
            }
            (None, Some(from)) => Ok(Source::File(from.clone())),
            (None, None) => Err(say(
                "--app-key or --from is missing: see --help",
                "缺少 --app-key 或 --from：见 --help",
            )
            .into()),
        }
    }

    async fn get(&self, options: &Options, network: &Network) -> Result<Vec<u8>, Usage> {
        match self {
            Source::File(file) => input::server_list(Path::new(file)),
            Source::Url(url) => {
                let got = current::fetch(url, options, network).await;
                got.map_err(|why| self.wrong(&why, &why))
            }
        }
    }

    /// Returns an error about the list, with its name in front.
    fn wrong(&self, en: &str, zh: &str) -> Usage {
        let name = match self {
            Source::File(file) => words::file(Path::new(file)),
            Source::Url(url) => url.shown().to_owned(),
        };
        say(format!("{name}: {en}"), format!("{name}：{zh}")).into()
    }
}

/// Measures the hosts of the list, as far as they can be measured.
async fn measure(
    bytes: &[u8],
    catalog: &Catalog,
    options: &Options,
    network: &Network,
) -> Result<Measured, Usage> {
    let mut targets = Targets::new(catalog, &options.regions, None)?;
    let Listed { urls, mut left_out } = listed::listed(bytes, current::is_own(&targets));
    let found = placement::data_centres(&urls, &targets, catalog);
    if options.regions == Regions::Unsaid && !found.is_empty() {
        targets.keep(&found);
    }
    let elsewhere = Elsewhere::of(&found, &targets, catalog);
    if let Some(elsewhere) = &elsewhere {
        let option = if options.app_key.is_some() {
            "--app-key"
        } else {
            "--from"
        };
        elsewhere.warn(option, options);
    }
    targets.endpoints.clear();
    // An app's list is of one data centre: no pool, even in mainland China.
    targets.pool = false;
    for url in &urls {
        let endpoint = placement::endpoint_of_list(&targets, catalog, options, &found, url);
        match endpoint {
            Ok(endpoint) if !targets.endpoints.contains(&endpoint) => {
                targets.endpoints.push(endpoint);
            }
            Ok(_) => {}
            Err(Usage(why)) => left_out.push(why),
        }
    }
    tell_left_out(&left_out, options);
    if targets.endpoints.is_empty() {
        return Ok(Measured::Models(Vec::new()));
    }
    run::warn_of_pins(&targets.endpoints, options);
    let (started_at, began) = (SystemTime::now(), Instant::now());
    let probed = run::probe(network, &targets, catalog, options).await?;
    if probed.outcome.ended == Ended::Stopped {
        return Ok(Measured::Interrupted);
    }
    let finished_at = started_at.checked_add(began.elapsed());
    let finished_at = finished_at.unwrap_or(started_at);
    let context = Context::new(catalog.clone(), started_at, finished_at);
    let report = Report::new(&probed.outcome, context);
    Ok(Measured::Models(vec![Model::new(&report, options.lang)]))
}

/// Prints what of the list is not measured, and why: the first few, and how many more.
fn tell_left_out(left_out: &[Say], options: &Options) {
    const SHOWN: usize = 4;
    for why in left_out.iter().take(SHOWN) {
        let [en, zh] = [Lang::En, Lang::Zh].map(|lang| why.of(lang));
        let told = say(format!("not measured: {en}"), format!("未测量：{zh}"));
        complain(told.of(options.lang));
    }
    let more = left_out.len().saturating_sub(SHOWN);
    if more > 0 {
        let told = say(
            format!("not measured: {more} more"),
            format!("未测量：另有 {more} 项"),
        );
        complain(told.of(options.lang));
    }
}
