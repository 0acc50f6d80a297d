//! Opening without waiting, and looking at what was opened.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::error::FileError;

/// What is in a file of at most so many bytes. Links are followed: whoever names a file to be read may
/// have it anywhere.
///
/// # Errors
///
/// [`FileError::Folder`] and [`FileError::Special`] at once, whatever it would bring or wait for;
/// [`FileError::TooLarge`]; [`FileError::Io`].
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let opened = Links::Followed.options().read(true).open(path);
    read_within(checked(opened, path, Links::Followed)?, most)
}

/// Whether [`read`] would read it now, for what others open by its name afterwards.
///
/// # Errors
///
/// As [`read`].
pub fn look(path: &Path, most: u64) -> Result<(), FileError> {
    let opened = Links::Followed.options().read(true).open(path);
    match checked(opened, path, Links::Followed)?.metadata()?.len() <= most {
        true => Ok(()),
        false => Err(FileError::TooLarge(most)),
    }
}

/// What the system made, to be written to: a device, or what `/dev/stdout` stands for, be it a file.
/// Writing fails with [`io::ErrorKind::WouldBlock`] where whoever reads is slow.
///
/// # Errors
///
/// [`FileError::Io`]: that nobody reads from a pipe, instead of waiting for it.
pub fn open_special(path: &Path) -> Result<File, FileError> {
    Ok(to_append(path, Links::Followed)?)
}

/// Opens for writing. Of a file that a shell opened, nothing is overwritten.
pub(crate) fn to_append(path: &Path, links: Links) -> io::Result<File> {
    let opened = links.options().append(true).open(path);
    #[cfg(unix)]
    if let Err(error) = &opened
        && error.raw_os_error() == Some(libc::ENXIO)
    {
        let why = "nobody reads from it";
        return Err(io::Error::new(io::ErrorKind::NotConnected, why));
    }
    opened
}

/// What becomes of a link in the place of a file. Windows, where an administrator alone makes links, has no
/// flag that refuses them and leaves other such files (OneDrive's) as they are.
#[derive(Clone, Copy)]
pub(crate) enum Links {
    Followed,
    Refused,
}

impl Links {
    /// Opens what is there without waiting: a pipe for its other side, a terminal for its carrier.
    pub(crate) fn options(self) -> OpenOptions {
        #[cfg_attr(not(unix), allow(unused_mut))]
        let mut options = File::options();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(
            &mut options,
            match self {
                Links::Followed => libc::O_NONBLOCK | libc::O_NOCTTY,
                Links::Refused => libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW,
            },
        );
        options
    }
}

/// A file, if it is one: by its handle, since what has that name may be another by now.
pub(crate) fn checked(
    opened: io::Result<File>,
    path: &Path,
    links: Links,
) -> Result<File, FileError> {
    match opened {
        Ok(file) => match no_file(file.metadata()?.file_type(), path) {
            Some(why) => Err(why),
            None if is_windows_device(path) => Err(FileError::Special),
            None => Ok(file),
        },
        // Why it can't even be opened: a socket, and a link that may not be followed, never can.
        Err(error) => {
            let found = match links {
                Links::Followed => fs::metadata(path),
                Links::Refused => fs::symlink_metadata(path),
            };
            let found = found
                .ok()
                .and_then(|found| no_file(found.file_type(), path));
            Err(found.unwrap_or(FileError::Io(error)))
        }
    }
}

/// What it is, if it is no file.
pub(crate) fn no_file(found: FileType, path: &Path) -> Option<FileError> {
    if found.is_file() {
        return None;
    }
    Some(if found.is_dir() {
        FileError::Folder
    } else if found.is_symlink() {
        FileError::LeadsOut(fs::read_link(path).unwrap_or_default())
    } else {
        FileError::Special
    })
}

/// `CON`, `COM1` and `\\.\pipe\…`, which std takes for files.
#[cfg(windows)]
fn is_windows_device(path: &Path) -> bool {
    use std::path::{Component, Prefix};

    let whole = std::path::absolute(path);
    let first = whole.as_deref().unwrap_or(path).components().next();
    matches!(first, Some(Component::Prefix(one)) if matches!(one.kind(), Prefix::DeviceNS(_)))
}

#[cfg(not(windows))]
fn is_windows_device(_: &Path) -> bool {
    false
}

/// Everything in it, up to a limit. How large it says that it is counts for nothing: it may grow, and
/// what is in `/proc` says zero.
pub(crate) fn read_within(file: File, most: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLarge(most));
    }
    Ok(bytes)
}
