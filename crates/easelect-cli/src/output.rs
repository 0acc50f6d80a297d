//! Where the result goes: standard output, or a file that is written whole or not at all.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use easelect_report::Style;

use crate::words::{self, Usage, say};

pub(crate) enum Output {
    Stdout,
    File {
        target: PathBuf,
        /// Beside the target, so that a rename can put it in its place.
        temporary: PathBuf,
    },
    /// A device or a pipe, which nothing may be put in the place of.
    Special(PathBuf),
}

impl Output {
    /// Tried before anything is measured: an hour's work is not lost to a missing folder.
    pub(crate) fn open(target: Option<&Path>) -> Result<Self, Usage> {
        let target = match target {
            Some(target) if target != Path::new("-") => target,
            _ => return Ok(Output::Stdout),
        };
        match fs::metadata(target) {
            Ok(found) if found.is_dir() => {
                return Err(unwritable(target, &io::ErrorKind::IsADirectory.into()));
            }
            Ok(found) if !found.is_file() => return Ok(Output::Special(target.to_owned())),
            _ => {}
        }
        // Through symbolic links, so that they stay.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let temporary = beside(&target)
            .ok_or_else(|| unwritable(&target, &io::ErrorKind::InvalidFilename.into()))?;
        File::create_new(&temporary)
            .and_then(|_| fs::remove_file(&temporary))
            .map_err(|error| unwritable(&target, &error))?;
        Ok(Output::File { target, temporary })
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
    pub(crate) fn write(self, text: &str) -> Result<(), Usage> {
        let (written, target) = match self {
            Output::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(text.as_bytes());
                (
                    written.and_then(|()| stdout.flush()),
                    PathBuf::from("standard output"),
                )
            }
            Output::Special(target) => {
                let file = File::options().write(true).open(&target);
                let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
                (written, target)
            }
            Output::File { target, temporary } => {
                let written = File::create_new(&temporary)
                    .and_then(|mut file| {
                        file.write_all(text.as_bytes())?;
                        file.sync_all()
                    })
                    .and_then(|()| fs::rename(&temporary, &target));
                if written.is_err() {
                    let _ = fs::remove_file(&temporary);
                }
                (written, target)
            }
        };
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(unwritable(&target, &error))
            }
            _ => Ok(()),
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
    let target = words::file(target);
    say(
        format!("{target} can't be written: {error}"),
        format!("无法写入 {target}：{error}"),
    )
    .into()
}

/// One line on standard error; if nobody reads it, nothing is to be done.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "easelect: {}", words::line(line));
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
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        output.write("after").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "after");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(Output::open(Some(&folder)).is_err());
        assert!(Output::open(Some(&folder.join("no/such/file"))).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
