//! The command `easelect`: shows which Easemob (环信) endpoint is fastest from this computer, and what is wrong with the
//! others. `easelect --help` lists all commands and options; `--lab` works offline.
//!
//! The library `easelect` measures, and `easelect-report` draws the conclusions and prints them. This crate has the
//! arguments, files, progress and the exit status.

#![warn(clippy::unwrap_used, clippy::panic)]

// In the order in which data flows: a module uses only those above it (tests/structure.rs of the
// workspace).
mod status;

mod zh;

mod words;

mod name_servers;

mod command;

mod complaint;

mod app_key;

mod args;

mod newer;

mod input;

mod output;

mod system;

mod targets;

mod run;

mod public;

mod listed;

mod list;

mod placement;

mod current;

mod ask;

mod diagnose;

mod connect;

mod advise;

mod explain;

mod compare;

mod page;

mod server_json;

mod double_click;

#[cfg(any(test, fuzzing))]
mod replay;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap_complete::Shell;
use easelect_report::{Format, Lang};

use args::{Command, Options};
use output::{Output, complain};
use status::Status;
use targets::Targets;
use words::{Usage, say};

/// Entry points of the fuzz targets in `fuzz/`. Only cargo-fuzz builds it.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Reads a `server.json`, and panics if something is wrong with the result.
    pub fn list(data: &[u8]) {
        crate::replay::list(data);
    }

    /// Reads certificates in PEM, and panics if something is wrong with the result.
    pub fn pem(data: &[u8]) {
        crate::replay::pem(data);
    }
}

/// Runs the command with the process's arguments, and returns its exit status.
///
/// It is 0 if every group has a usable endpoint, 1 if one has none, 2 after an error in usage, input or output, 3 if the
/// result is inconclusive or the run was interrupted, and 4 if a limit of `--fail-above` was exceeded.
#[must_use]
pub fn main() -> ExitCode {
    run_as(command::program)
}

/// Runs the command as `examples/diagnose` has it: without commands, but with the options `--list` and `--connect`.
#[must_use]
pub fn diagnose_main() -> ExitCode {
    run_as(command::example)
}

fn run_as(program: fn(Lang) -> clap::Command) -> ExitCode {
    let args = std::env::args_os().skip(1).collect();
    ExitCode::from(status(args, program) as u8)
}

/// Runs the command with these arguments.
fn status(args: Vec<OsString>, program: fn(Lang) -> clap::Command) -> Status {
    let lang = args::lang(&args, sys_locale::get_locale().as_deref());
    let complained = |Usage(why): Usage| {
        complain(why.of(lang));
        Status::WrongUsage
    };
    let double_clicked = double_click::is_one(&args);
    let options = args::parse(args, lang, &program(lang));
    if !double_clicked {
        return options.and_then(obey).unwrap_or_else(complained);
    }
    let reported = options.and_then(|mut options| {
        options.output = Some(double_click::folder().join(""));
        diagnose::diagnose(options)
    });
    let (status, file) = reported.unwrap_or_else(|why| (complained(why), None));
    if let Some(file) = file {
        system::open(&file);
    }
    double_click::wait(lang);
    status
}

fn obey(options: Options) -> Result<Status, Usage> {
    let options = &options;
    match &options.command {
        Command::Tell(text) => print(options, text),
        Command::List => list(options),
        Command::Diagnose => Ok(diagnose::diagnose(options.clone())?.0),
        Command::Connect(count) => connect::connect(options, *count),
        Command::Completions(shell) => completions(options, shell),
        Command::Advise => advise::advise(options),
        Command::Explain(code) => explain::explain(options, code),
        Command::Compare(files) => compare::compare(options, files),
        Command::Page => page::page(options),
        Command::ServerJson => server_json::server_json(options),
    }
}

/// Writes a text to the output.
fn print(options: &Options, text: &str) -> Result<Status, Usage> {
    Output::open(options.output.as_deref())?.write(text)?;
    Ok(Status::Usable)
}

fn list(options: &Options) -> Result<Status, Usage> {
    let catalog = input::catalog(options.catalog.as_deref())?;
    let with_newer = newer::added(catalog.clone(), options)?;
    let targets = Targets::new(&with_newer, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    let (endpoints, style) = (&targets.endpoints, output.style());
    let text = match args::format(options, options.output.as_deref()) {
        Format::Json => easelect_report::catalog_json(&catalog, endpoints, options.lang),
        _ => easelect_report::catalog_table(&catalog, endpoints, options.lang, style),
    };
    output.write(&text)?;
    Ok(Status::Usable)
}

/// Prints completions for a shell, or the manual page.
fn completions(options: &Options, shell: &str) -> Result<Status, Usage> {
    let mut program = command::program(options.lang);
    let mut bytes = Vec::new();
    if shell == "man" {
        manual(program, options.lang, &mut bytes).expect("memory takes everything");
    } else {
        let Ok(shell) = shell.parse::<Shell>() else {
            let shell = words::shown(shell);
            return Err(say(
                format!("completions {shell}: expected bash, zsh, fish, powershell, elvish or man"),
                format!("completions {shell}：应为 bash、zsh、fish、powershell、elvish 或 man"),
            )
            .into());
        };
        clap_complete::generate(shell, &mut program, "easelect", &mut bytes);
    }
    print(options, &String::from_utf8_lossy(&bytes))
}

/// Writes the manual page, with a section for each command.
fn manual(program: clap::Command, lang: Lang, page: &mut Vec<u8>) -> io::Result<()> {
    let commands: Vec<clap::Command> = program.get_subcommands().cloned().collect();
    let (about, status) = (command::about(lang), command::status_of_diagnose(lang));
    let whole = clap_mangen::Man::new(program.about(about));
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    whole.render_synopsis_section(page)?;
    whole.render_description_section(page)?;
    whole.render_options_section(page)?;
    for command in commands {
        writeln!(page, ".SH COMMAND: {}", command.get_name())?;
        let about = command.get_about().map(ToString::to_string);
        writeln!(page, "{}", about.unwrap_or_default())?;
        clap_mangen::Man::new(command).render_options_section(page)?;
    }
    writeln!(page, ".SH EXIT STATUS\n{status}")?;
    whole.render_version_section(page)
}
