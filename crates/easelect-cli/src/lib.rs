//! The command `easelect`: which Easemob (环信) endpoint is fastest from here, and why the others are
//! not. `easelect --help` tells everything; `--lab` works offline.
//!
//! What is measured is the library's (`easelect`), what is concluded and printed the report's
//! (`easelect-report`). Here are arguments, files, progress and the exit status.

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

/// Does what the process's arguments ask for. The exit status is 0 if every group has a usable endpoint, 1 if
/// one has none, 2 if arguments or files are wrong, 3 if the measurement doesn't tell or was interrupted, 4 if
/// a limit is passed.
#[must_use]
pub fn main() -> ExitCode {
    run_as(command::program)
}

/// The same as `examples/diagnose` has it: without commands; two of them are options there.
#[must_use]
pub fn diagnose_main() -> ExitCode {
    run_as(command::example)
}

fn run_as(program: fn(Lang) -> clap::Command) -> ExitCode {
    let args = std::env::args_os().skip(1).collect();
    ExitCode::from(status(args, program) as u8)
}

/// Does what the arguments ask for.
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

/// Writes a text where it was asked for.
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

/// Completions for a shell, or the manual page.
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

/// The manual page: one for all commands, each in a section of its own.
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
