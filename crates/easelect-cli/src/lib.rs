//! The command `easelect`: which Easemob (环信) endpoint is fastest from here, and why the others are
//! not. `easelect --help` tells everything; `--lab` works offline.
//!
//! What is measured is the library's (`easelect`), what is concluded and printed the report's
//! (`easelect-report`). Here are arguments, files, progress and the exit status.

#![warn(clippy::unwrap_used, clippy::panic)]

// In the order in which data flows: a module uses only those above it (tests/structure.rs of the
// workspace).
mod zh;

mod words;

mod name_servers;

mod args;

mod input;

mod output;

mod system;

mod targets;

mod run;

mod public;

mod listed;

mod list;

mod current;

#[cfg(any(test, fuzzing))]
mod replay;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use easelect::{Ended, Residency, Service};
use easelect_report::{Context, Environment, Model, Report};

use args::{Command, Format, Options};
use output::{Output, complain};
use run::Network;
use targets::Targets;
use words::{Usage, help, say};

/// Where the targets of `fuzz/` reach the readers of what others write. Only cargo-fuzz builds it.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads a `server.json`. A panic is a finding.
    pub fn list(data: &[u8]) {
        crate::replay::list(data);
    }

    /// Reads certificates in PEM. A panic is a finding.
    pub fn pem(data: &[u8]) {
        crate::replay::pem(data);
    }
}

/// Does what the process's arguments ask for. The exit status is 0 if all is well, 1 if something
/// can't be used or is above a limit, 2 if arguments or files are wrong.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(status(std::env::args_os().skip(1).collect()))
}

/// Does what the arguments ask for; the exit status.
fn status(args: Vec<OsString>) -> u8 {
    let lang = args::lang(&args, sys_locale::get_locale().as_deref());
    match args::parse(args, lang).and_then(|options| obey(&options)) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(Usage(why)) => {
            complain(why.of(lang));
            2
        }
    }
}

/// Whether all is well; that is the exit status.
fn obey(options: &Options) -> Result<bool, Usage> {
    match options.command {
        Command::Help => {
            Output::open(None)?.write(help().of(options.lang))?;
            Ok(true)
        }
        Command::Version => {
            let version = concat!("easelect ", env!("CARGO_PKG_VERSION"), "\n");
            Output::open(None)?.write(version)?;
            Ok(true)
        }
        Command::List => list(options),
        Command::Probe => probe(options),
        Command::Connect(count) => connect(options, count),
    }
}

fn list(options: &Options) -> Result<bool, Usage> {
    let catalog = input::catalog(options.catalog.as_deref())?;
    let targets = Targets::new(&catalog, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    let text = match options.format {
        Format::Json => easelect_report::catalog_json(&catalog, &targets.endpoints, options.lang),
        Format::Table => easelect_report::catalog_table(
            &catalog,
            &targets.endpoints,
            options.lang,
            output.style(),
        ),
    };
    output.write(&text)?;
    Ok(true)
}

fn probe(options: &Options) -> Result<bool, Usage> {
    let catalog = input::catalog(options.catalog.as_deref())?;
    let mut targets = Targets::new(&catalog, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    let mut network = Network::new(options)?;
    let (started_at, began) = (SystemTime::now(), Instant::now());
    let (system_proxies, probed, direct_lookups, networks) = on_runtime(async {
        network.find_nat64(options).await?;
        let system_proxies = match network.lab {
            Some(_) => Vec::new(),
            None => system::proxies().await,
        };
        current::add_all(&mut targets, &catalog, options, &network).await?;
        let dialled = [targets.endpoints.clone(), current::lists(options)].concat();
        run::warn_of_pins(&dialled, options);
        let at_start = network.local();
        let probed = run::probe(&network, &targets, &catalog, options).await?;
        let at_end = network.local();
        let direct_lookups = match probed.outcome.ended {
            // Whoever interrupted it has seen enough.
            Ended::Stopped => Vec::new(),
            Ended::Complete | Ended::Deadline => {
                network.direct_lookups(&probed.outcome, options).await
            }
        };
        Ok((system_proxies, probed, direct_lookups, [at_start, at_end]))
    })?;
    // Read once: somebody may set the clock meanwhile, and every age is told by the same.
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
    context.evidence = probed.evidence;
    context.in_use = targets.in_use;
    context.notes = targets.notes;
    context.notes.extend(probed.again);
    context.thresholds = options.thresholds.clone();
    let report = Report::new(&probed.outcome, context);
    let model = Model::new(&report, options.lang);
    let text = match options.format {
        Format::Json => easelect_report::json(&model),
        Format::Table => easelect_report::table(&model, output.style()),
    };
    output.write(&text)?;
    Ok(probed.outcome.ended != Ended::Stopped && report.passes())
}

fn connect(options: &Options, count: u32) -> Result<bool, Usage> {
    let catalog = input::catalog(options.catalog.as_deref())?;
    let (residency, service): (Residency, Service) =
        targets::for_connect(&catalog, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    let mut network = Network::new(options)?;
    let records = on_runtime(async {
        network.find_nat64(options).await?;
        run::connect(&network, &catalog, residency, service, count, options).await
    })?;
    let now = SystemTime::now();
    let text = match options.format {
        Format::Json => easelect_report::connects_json(&records, options.lang, now),
        Format::Table => {
            easelect_report::connects_table(&records, options.lang, output.style(), now)
        }
    };
    output.write(&text)?;
    Ok(records.iter().all(|one| one.ok))
}

/// Runs on a runtime of its own that nothing can keep from ending.
fn on_runtime<T>(work: impl Future<Output = Result<T, Usage>>) -> Result<T, Usage> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            say(
                format!("the runtime can't start: {error}"),
                format!("程序无法启动：{}", zh::io(&error)),
            )
        })?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// The machine and the settings, for whoever reads the report elsewhere.
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
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxies = PROXIES.into_iter().filter(is_set);
    environment.proxy = network.dialer.proxy().cloned();
    environment.proxy_variables = proxies.map(str::to_owned).collect();
    environment
}
