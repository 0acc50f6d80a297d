//! `easelect diagnose`: measures, reports, and derives the exit status.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use easelect::{Ended, Reason};
use easelect_report::{Context, Environment, Fault, Format, Lang, Model, Report};

use crate::args::{self, Options, Regions};
use crate::output::{self, Output};
use crate::run::{self, Network, Probed};
use crate::status::Status;
use crate::targets::Targets;
use crate::words::{self, Usage};
use crate::{ask, current, input, newer, system};

/// Measures and reports. Returns the exit status, and the file in which the report was saved.
pub(crate) fn diagnose(mut options: Options) -> Result<(Status, Option<PathBuf>), Usage> {
    let catalog = newer::added(input::catalog(options.catalog.as_deref())?, &options)?;
    ask::fill_in(&mut options, &catalog);
    let options = &options;
    let mut targets = Targets::new(&catalog, &options.regions, options.services.as_deref())?;
    let named = |targets: &Targets| {
        let output = options.output.as_deref();
        output.map(|output| file_in(output, options, targets))
    };
    if let Some(folder) = options
        .output
        .as_deref()
        .filter(|one| output::is_folder(one))
    {
        output::make_folder(folder)?;
    }
    // Opened before anything is sent.
    let planned = named(&targets);
    let output = Output::open(planned.as_deref())?;
    let (started_at, began) = (SystemTime::now(), Instant::now());
    let utc_offset = system::utc_offset();
    let mut network = Network::new(options)?;
    let (system_proxies, probed, direct_lookups, networks) = run::on_runtime(async {
        network.find_nat64(options).await?;
        let system_proxies = match network.lab {
            Some(_) => Vec::new(),
            None => system::proxies().await,
        };
        let at_start = network.local();
        current::add_app(&mut targets, &catalog, options, &network).await?;
        current::add_all(&mut targets, &catalog, options, &network).await?;
        let dialled = [targets.endpoints.clone(), current::lists(options)].concat();
        run::warn_of_pins(&dialled, options);
        let probed = run::probe(&network, &targets, &catalog, options).await?;
        let at_end = network.local();
        let direct_lookups = match probed.outcome.ended {
            // A user who interrupts wants it to end.
            Ended::Stopped => Vec::new(),
            Ended::Complete | Ended::Deadline => {
                network.direct_lookups(&probed.outcome, options).await
            }
        };
        Ok((system_proxies, probed, direct_lookups, [at_start, at_end]))
    })?;
    let Probed {
        outcome,
        evidence,
        again,
    } = probed;
    // Not read from the clock, which may have been set meanwhile.
    let finished_at = started_at.checked_add(began.elapsed());
    let mut context = Context::new(catalog, started_at, finished_at.unwrap_or(started_at));
    context.environment = environment(options, &network);
    context.environment.system_proxies = system_proxies;
    [
        context.environment.network_at_start,
        context.environment.network_at_end,
    ] = networks;
    context.environment.pinned = run::pinned(&targets, options);
    context.direct_lookups = direct_lookups;
    context.evidence = evidence;
    context.in_use = targets.in_use.clone();
    context.listed = targets.listed.clone();
    context.notes = targets.notes.clone();
    context.notes.extend(again);
    context.thresholds = options.thresholds.clone();
    context.note = options.note.clone();
    context.utc_offset = utc_offset;
    context.second_source = targets.second_source.clone();
    let file = named(&targets);
    let output = match file == planned {
        // Opened once: the reader of a pipe takes a close for the end.
        true => output,
        false => Output::open(file.as_deref())?,
    };
    let report = Report::new(&outcome, context);
    let saved = output.is_file();
    write(&report, options, output, file.as_deref())?;
    Ok((status(&report, outcome.ended), file.filter(|_| saved)))
}

/// Writes the report to the output; if that is a file, prints the first screen, too.
fn write(
    report: &Report,
    options: &Options,
    output: Output,
    file: Option<&Path>,
) -> Result<(), Usage> {
    let told = |lang, full: bool| {
        let model = Model::new(report, lang);
        match full {
            true => model,
            false => model.redacted(),
        }
    };
    let ascii = options.ascii || system::only_ascii();
    let (style, on_terminal) = (output.style().with_ascii(ascii), output.is_terminal());
    let full = options.full || on_terminal;
    let model = told(options.lang, full);
    let text = match args::format(options, file) {
        Format::Table if on_terminal && !options.details => {
            easelect_report::first_screen(&model, style, None)
        }
        Format::Table => easelect_report::table(&model, style),
        Format::Html => {
            let other = match options.lang {
                Lang::Zh => Lang::En,
                _ => Lang::Zh,
            };
            easelect_report::html(&model, &told(other, full))
        }
        Format::Summary => easelect_report::summary(&model),
        Format::Markdown => easelect_report::markdown(&model),
        Format::Csv => easelect_report::csv(&model),
        Format::Prometheus => easelect_report::prometheus(&model),
        _ => easelect_report::json(&model),
    };
    let saved = output.is_file();
    output.write(&text)?;
    let Some(file) = file.filter(|_| saved) else {
        return Ok(());
    };
    let screen = Output::open(None)?;
    let style = screen.style().with_ascii(ascii);
    let model = told(options.lang, options.full || screen.is_terminal());
    let mut text = easelect_report::first_screen(&model, style, Some(&words::file(file)));
    if options.details {
        text += &easelect_report::details(&model, style);
    }
    screen.write(&text)
}

/// Returns the output's file; in a folder, a new one such as `easelect-20261126-1004-cn1.html`.
fn file_in(output: &Path, options: &Options, targets: &Targets) -> PathBuf {
    if !output::is_folder(output) {
        return output.to_owned();
    }
    let regions: Vec<&str> = targets.regions.iter().map(|one| one.as_str()).collect();
    let regions = match &options.regions {
        Regions::All | Regions::Unsaid => "all".to_owned(),
        Regions::Mainland => "mainland".to_owned(),
        Regions::These(_) => regions.join("-"),
    };
    let format = options.format.unwrap_or(Format::Html);
    let name = format!(
        "easelect-{}-{regions}.{}",
        system::stamp(),
        format.extension()
    );
    output.join(name)
}

/// Returns the exit status.
fn status(report: &Report, ended: Ended) -> Status {
    let cut_off = ended != Ended::Complete;
    let untried = |group: &easelect_report::Group| {
        let mut rows = group.endpoints.iter();
        !group.second_source
            && group.best().is_none()
            && rows.any(|row| row.ranked.reason == Reason::NotProbed)
    };
    if ended == Ended::Stopped || report.verdict().fault() == Fault::NotMeasured {
        return Status::Inconclusive;
    }
    if cut_off && report.groups().iter().any(untried) {
        return Status::Inconclusive;
    }
    match (report.every_group_ready(), report.passes()) {
        (true, true) => Status::Usable,
        (true, false) => Status::AboveLimit,
        (false, _) => Status::Unusable,
    }
}

/// Returns the machine and the settings, for a reader elsewhere.
fn environment(options: &Options, network: &Network) -> Environment {
    const PROXIES: [&str; 6] = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ];
    let mut environment = Environment::default();
    environment.lab = network.lab.clone();
    environment.dns = options.dns;
    environment.roots = run::roots(network);
    environment.cacert = options.cacert.is_some();
    environment.nat64 = network.nat64;
    environment.families = options.families;
    environment.rounds = options.rounds;
    environment.timeout = Some(options.timeout);
    environment.deadline = Some(options.deadline);
    environment.in_flight = Some(options.in_flight);
    environment.name_servers = run::name_servers(network);
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxies = PROXIES.into_iter().filter(is_set);
    environment.proxy = network.dialer.proxy().cloned();
    environment.proxy_variables = proxies.map(str::to_owned).collect();
    environment
}
