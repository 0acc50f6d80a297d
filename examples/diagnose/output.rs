//! Where the result goes: standard output, or a file that is written whole or not at all.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use easelect::report::Style;

use crate::words::{Usage, say};

pub(crate) enum Output {
    Stdout,
    File {
        target: PathBuf,
        /// Beside the target, so that a rename can put it in its place.
        temporary: PathBuf,
        file: File,
    },
}

impl Output {
    /// Opened before anything is measured: an hour's work is not lost to a missing folder.
    pub(crate) fn open(target: Option<&Path>) -> Result<Self, Usage> {
        let Some(target) = target else {
            return Ok(Output::Stdout);
        };
        let temporary = beside(target);
        let file = match &temporary {
            Some(_) if target.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Some(temporary) => File::create_new(temporary),
            None => Err(io::Error::from(io::ErrorKind::InvalidFilename)),
        };
        match (file, temporary) {
            (Ok(file), Some(temporary)) => Ok(Output::File {
                target: target.to_owned(),
                temporary,
                file,
            }),
            (Err(error), _) => Err(unwritable(target, &error)),
            (Ok(_), None) => Err(unwritable(target, &io::ErrorKind::InvalidFilename.into())),
        }
    }

    /// How a table is to look there.
    pub(crate) fn style(&self) -> Style {
        let stdout = io::stdout();
        if !matches!(self, Output::Stdout) || !stdout.is_terminal() {
            return Style::plain();
        }
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let style = Style::plain().with_colour(!set("NO_COLOR") && !dumb);
        match console::Term::stdout().size_checked() {
            Some((_, columns)) if columns > 0 => style.with_width(columns),
            _ => style,
        }
    }

    /// Writes everything. Whoever closed the pipe has read enough.
    pub(crate) fn write(mut self, text: &str) -> Result<(), Usage> {
        let written = match &mut self {
            Output::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout
                    .write_all(text.as_bytes())
                    .and_then(|()| stdout.flush())
            }
            Output::File {
                target,
                temporary,
                file,
            } => file
                .write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::rename(&temporary, &target)),
        };
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let target = match &self {
                    Output::File { target, .. } => target.clone(),
                    Output::Stdout => PathBuf::from("standard output"),
                };
                Err(unwritable(&target, &error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Output::File { temporary, .. } = self {
            // Gone already if it was renamed.
            let _ = fs::remove_file(temporary);
        }
    }
}

fn beside(target: &Path) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name()?);
    name.push(format!(".{}.tmp", std::process::id()));
    Some(target.with_file_name(name))
}

fn unwritable(target: &Path, error: &io::Error) -> Usage {
    let target = target.display().to_string().escape_debug().to_string();
    say(
        format!("{target} can't be written: {error}"),
        format!("无法写入 {target}：{error}"),
    )
    .into()
}

/// One line on standard error; if nobody reads it, nothing is to be done.
pub(crate) fn complain(line: &str) {
    let line = line.replace(['\n', '\r'], " ");
    let _ = writeln!(io::stderr(), "diagnose: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("easelect-output-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let target = folder.join("report.json");
        fs::write(&target, "before").unwrap();
        let output = Output::open(Some(&target)).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "before");
        drop(output);
        assert_eq!(fs::read_to_string(&target).unwrap(), "before");
        Output::open(Some(&target)).unwrap().write("after").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "after");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(Output::open(Some(&folder)).is_err());
        assert!(Output::open(Some(&folder.join("no/such/file"))).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
