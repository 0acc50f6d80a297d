//! Where the result goes: standard output, or a file that is written whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use easelect_file::{FileError, Target};
use easelect_report::Style;

use crate::input;
use crate::words::{self, Usage, say};
use crate::zh;

/// Until a slow reader of a pipe is tried again.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) enum Output {
    Stdout,
    File {
        name: PathBuf,
        target: Target,
    },
    /// A device or a pipe, which nothing may be put in the place of; open.
    Special {
        name: PathBuf,
        file: File,
    },
}

impl Output {
    /// Tried before anything is measured: an hour's work is not lost to a missing folder, or to a pipe that
    /// nobody reads from.
    pub(crate) fn open(target: Option<&Path>) -> Result<Self, Usage> {
        let name = match target {
            Some(target) if target != Path::new("-") => target,
            _ => return Ok(Output::Stdout),
        };
        let special = |opened: Result<File, FileError>| {
            let file = opened.map_err(|error| refused(name, error))?;
            let name = name.to_owned();
            Ok(Output::Special { name, file })
        };
        // What a shell opened is no planted link, wherever it leads.
        if is_of_the_system(name) {
            return special(easelect_file::open_special(name));
        }
        let target = Target::of(name).map_err(|error| refused(name, error))?;
        match target.look() {
            Err(FileError::Special) => return special(target.open_special()),
            looked => looked.map_err(|error| refused(name, error))?,
        }
        target.check().map_err(|error| unwritable(name, &error))?;
        let name = name.to_owned();
        Ok(Output::File { name, target })
    }

    /// Whether somebody looks at it right now.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Output::Stdout) && io::stdout().is_terminal()
    }

    /// Whether it stays as a file.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Output::File { .. })
    }

    /// How a table is to look there.
    pub(crate) fn style(&self) -> Style {
        if !self.is_terminal() {
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

    /// Writes everything. Whoever closed the pipe has read enough. What can't be written elsewhere goes to
    /// standard output: measuring took its time.
    pub(crate) fn write(self, text: &str) -> Result<(), Usage> {
        let (written, target) = match self {
            Output::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(text.as_bytes());
                (written.and_then(|()| stdout.flush()), None)
            }
            Output::Special { name, file } => (write_slowly(file, text.as_bytes()), Some(name)),
            Output::File { name, target } => (target.replace(text.as_bytes()), Some(name)),
        };
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(match target {
                Some(name) => {
                    let _ = Output::Stdout.write(text);
                    unwritable(&name, &error)
                }
                None => stdout_failed(&error),
            }),
            _ => Ok(()),
        }
    }
}

/// Whether a report is to be put into it, under a name of its own.
pub(crate) fn is_folder(output: &Path) -> bool {
    output.is_dir() || output.to_string_lossy().ends_with(['/', '\\'])
}

/// Makes the folder that reports are to be put into, if it isn't there; not those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Usage> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unwritable(folder, &error)),
        _ => Ok(()),
    }
}

/// Whether it is what the system made: a device, or what the process was given open, as `/dev/stdout` and
/// `/dev/fd/63`.
fn is_of_the_system(name: &Path) -> bool {
    let folder = name.parent().map(fs::canonicalize);
    let is_made = |folder: PathBuf| {
        ["/dev", "/dev/fd"].map(Path::new).contains(&&*folder) || folder.starts_with("/proc")
    };
    cfg!(unix) && folder.and_then(Result::ok).is_some_and(is_made) && name.exists()
}

/// Writes as fast as it is read.
fn write_slowly(mut file: File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn refused(name: &Path, error: FileError) -> Usage {
    match error {
        FileError::Folder => unwritable(name, &ErrorKind::IsADirectory.into()),
        FileError::Io(error) => unwritable(name, &error),
        error => input::why(name, error).in_option("--output"),
    }
}

fn stdout_failed(error: &io::Error) -> Usage {
    say(
        format!("standard output can't be written: {error}"),
        format!("无法写入标准输出：{}", zh::io(error)),
    )
    .into()
}

fn unwritable(target: &Path, error: &io::Error) -> Usage {
    let target = words::file(target);
    say(
        format!("{target} can't be written: {error}"),
        format!("无法写入 {target}：{}", zh::io(error)),
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
