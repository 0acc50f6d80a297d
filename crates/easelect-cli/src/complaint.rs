//! clap's errors, worded by us in both languages.

use std::ffi::OsStr;

use crate::command::is_command;
use crate::words::{Say, say, shown};

/// Returns the sentence for an error of clap's. It quotes nothing that may be secret. `first` is the first argument: the
/// command, if it is one.
pub(crate) fn complaint(error: &clap::Error, program: &clap::Command, first: &OsStr) -> Say {
    use clap::error::{ContextKind, ContextValue, ErrorKind};

    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(one)) => Some(one.clone()),
        // The last is the most similar.
        Some(ContextValue::Strings(all)) => all.last().cloned(),
        _ => None,
    };
    // `--output <FILE>` becomes `--output`; positional arguments only lose their brackets.
    let bare = |name: String| match name.split_once([' ', '=', '[']) {
        Some((before, _)) if before.starts_with('-') => before.to_owned(),
        _ => name.replace(['<', '>', '[', ']'], ""),
    };
    let name = context(ContextKind::InvalidArg).map(bare);
    match (error.kind(), name) {
        (ErrorKind::UnknownArgument, Some(name)) if name.starts_with('-') => {
            let bare = name.trim_start_matches('-');
            if is_command(bare) {
                return say(
                    format!("unknown option {name}: {bare} is a command. See --help"),
                    format!("未知选项 {name}：{bare} 是命令。见 --help"),
                );
            }
            // The option is another command's.
            if let Some(command) = program.find_subcommand(first)
                && program
                    .get_arguments()
                    .any(|one| one.get_long() == Some(bare))
            {
                return foreign(command, bare);
            }
            let name = shown(&name);
            match context(ContextKind::SuggestedArg) {
                Some(like) => say(
                    format!("unknown option {name}: did you mean {like}? See --help"),
                    format!("未知选项 {name}：是不是 {like}？见 --help"),
                ),
                None => say(
                    format!("unknown option {name}: see --help"),
                    format!("未知选项 {name}：见 --help"),
                ),
            }
        }
        (ErrorKind::UnknownArgument, Some(name)) => {
            let name = shown(&name);
            say(
                format!("unexpected argument {name}: see --help"),
                format!("多余的参数 {name}：见 --help"),
            )
        }
        (ErrorKind::InvalidSubcommand, _) => {
            let name = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            let name = shown(&name);
            match context(ContextKind::SuggestedSubcommand) {
                Some(like) => say(
                    format!("unknown command {name}: did you mean {like}? See --help"),
                    format!("未知命令 {name}：是不是 {like}？见 --help"),
                ),
                None => say(
                    format!("unknown command {name}: see --help"),
                    format!("未知命令 {name}：见 --help"),
                ),
            }
        }
        (ErrorKind::ArgumentConflict, Some(name)) => {
            say(format!("{name} is given twice"), format!("{name} 重复"))
        }
        (ErrorKind::TooManyValues, Some(name)) => {
            say(format!("{name} takes no value"), format!("{name} 不能带值"))
        }
        // An option without its value.
        (
            ErrorKind::InvalidValue | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues,
            Some(name),
        ) => say(
            format!("{name}: a value is missing"),
            format!("{name} 后面缺少值"),
        ),
        (ErrorKind::MissingRequiredArgument, Some(name)) => {
            let names = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(all)) => all.iter().cloned().map(bare).collect(),
                _ => vec![name],
            };
            let space = if names[0].is_ascii() { " " } else { "" };
            let is = if names.len() > 1 { "are" } else { "is" };
            let [en, zh] = [" and ", "和"].map(|and| names.join(and));
            say(
                format!("{en} {is} missing: see --help"),
                format!("缺少{space}{zh}：见 --help"),
            )
        }
        _ => say("wrong usage: see --help", "用法有误：见 --help"),
    }
}

/// Returns the sentence for an option of `diagnose` that this command doesn't have.
fn foreign(command: &clap::Command, option: &str) -> Say {
    let name = command.get_name();
    let measures = command
        .get_arguments()
        .any(|one| one.get_long() == Some("lab"));
    let [en, zh] = match option {
        "lab" if !measures => [", because it measures nothing", "（不测量，也不连接）"],
        _ => ["", ""],
    };
    say(
        format!("{name} has no option --{option}{en}: see easelect {name} --help"),
        format!("{name} 没有选项 --{option}{zh}：见 easelect {name} --help"),
    )
}
