//! Why a file is not read or written.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a file is not read or written. It doesn't say which.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// It is a folder.
    Folder,
    /// It is a pipe, a device or a socket.
    Special,
    /// It has more than so many bytes.
    TooLarge(u64),
    /// It is a link to what is not below its own folder, or to nothing.
    LeadsOut(PathBuf),
    /// The system says so.
    Io(io::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Folder => f.write_str("expected a file, found a folder"),
            FileError::Special => f.write_str(
                "expected a file, found a pipe or a device: save what comes from it in a file",
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
