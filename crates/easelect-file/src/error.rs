//! Errors of reading and writing files.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The reason why a file is not read or written. It doesn't hold the file's path.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// A folder was found instead of a file.
    Folder,
    /// A pipe, a device or a socket was found instead of a file.
    Special,
    /// The file is larger than this limit, in bytes.
    TooLarge(u64),
    /// A link was found whose target, given here, is not below the link's own folder or doesn't exist.
    LeadsOut(PathBuf),
    /// The operating system reported an error.
    Io(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Folder => f.write_str("expected a file, found a folder"),
            FileError::Special => f.write_str(
                "expected a file, found a pipe or a device: save its output to a file first",
            ),
            FileError::TooLarge(most) => write!(f, "larger than {most} bytes"),
            FileError::LeadsOut(to) => write!(
                f,
                "expected a file, found a link that leads out of its folder, to {}: name that file \
                 itself",
                to.display()
            ),
            FileError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FileError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        FileError::Io(error)
    }
}
