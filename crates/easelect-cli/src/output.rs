//! Where the result goes: standard output, or a file that is replaced only when the new one is complete.

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

/// The pause before the next write to a pipe whose reader is slow.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) enum Output {
    Stdout,
    File {
        name: PathBuf,
        target: Target,
    },
    /// An open device or pipe, which can't be replaced.
    Special {
        name: PathBuf,
        file: File,
    },
}

impl Output {
    /// Opens the output. Done before the measurement, so that none is lost to a missing folder or to a pipe without a
    /// reader.
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
        // A link such as /dev/stdout was opened by the shell and isn't planted, wherever it leads.
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

    /// Whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Output::Stdout) && io::stdout().is_terminal()
    }

    /// Whether it is a regular file.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Output::File { .. })
    }

    /// Returns the style of tables there.
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

    /// Writes the whole text. A closed pipe is no error: its reader has read enough. If a file can't be written, the
    /// text goes to standard output, so that the measurement isn't lost.
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

/// Whether this output is a folder, in which a report gets a name of its own.
pub(crate) fn is_folder(output: &Path) -> bool {
    output.is_dir() || output.to_string_lossy().ends_with(['/', '\\'])
}

/// Creates this folder, but none above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Usage> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unwritable(folder, &error)),
        _ => Ok(()),
    }
}

/// Whether it is a file of the system's: a device, or one that the process was given open, such as `/dev/stdout` and
/// `/dev/fd/63`.
fn is_of_the_system(name: &Path) -> bool {
    let folder = name.parent().map(fs::canonicalize);
    let is_made = |folder: PathBuf| {
        ["/dev", "/dev/fd"].map(Path::new).contains(&&*folder) || folder.starts_with("/proc")
    };
    cfg!(unix) && folder.and_then(Result::ok).is_some_and(is_made) && name.exists()
}

/// Writes at the reader's speed.
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
    let folder = target.parent().filter(|one| !one.as_os_str().is_empty());
    let missing = folder.filter(|one| error.kind() == ErrorKind::NotFound && !one.exists());
    let target = words::file(target);
    let [en, zh] = match missing.map(words::file) {
        Some(folder) => [
            format!("the folder {folder} does not exist: create it first"),
            format!("文件夹“{folder}”不存在，请先创建"),
        ],
        None => [error.to_string(), zh::io(error)],
    };
    say(
        format!("{target} can't be written: {en}"),
        format!("无法写入 {target}：{zh}"),
    )
    .into()
}

/// Prints one line on standard error, as far as that is open.
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
