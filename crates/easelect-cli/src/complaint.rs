//! clap's errors, worded by us in both languages.

use crate::command::is_command;
use crate::words::{Say, say, shown};

/// Returns the sentence for an error of clap's. It quotes nothing that may be secret.
pub(crate) fn complaint(error: &clap::Error) -> Say {
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
            let space = if name.is_ascii() { " " } else { "" };
            say(
                format!("{name} is missing: see --help"),
                format!("缺少{space}{name}：见 --help"),
            )
        }
        _ => say("wrong usage: see --help", "用法有误：见 --help"),
    }
}
