//! Opening without blocking, and checking what was opened.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::error::FileError;

/// Reads a file of at most `most` bytes. Links are followed: the file may be anywhere.
///
/// # Errors
///
/// - [`FileError::Folder`] or [`FileError::Special`] if the path leads to something other than a file.
///   Nothing is read from it, and its other side is not waited for.
/// - [`FileError::TooLarge`] if the file has more than `most` bytes.
/// - [`FileError::Io`] if the operating system reports an error.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let opened = Links::Followed.options().read(true).open(path);
    read_within(checked(opened, path, Links::Followed)?, most)
}

/// Checks that [`read`] would succeed now, for a file that other code opens by its name afterwards.
///
/// # Errors
///
/// The same as for [`read`].
pub fn look(path: &Path, most: u64) -> Result<(), FileError> {
    let opened = Links::Followed.options().read(true).open(path);
    match checked(opened, path, Links::Followed)?.metadata()?.len() <= most {
        true => Ok(()),
        false => Err(FileError::TooLarge(most)),
    }
}

/// Opens a pipe or a device for writing, or whatever `/dev/stdout` stands for, even if it is a file.
/// Links are followed. Data is appended, so that a file keeps its content.
///
/// Writing doesn't block: it fails with [`io::ErrorKind::WouldBlock`] while the reader is slow.
///
/// # Errors
///
/// [`FileError::Io`] if the operating system reports an error, or if no process reads from the pipe.
/// It doesn't wait for one.
pub fn open_special(path: &Path) -> Result<File, FileError> {
    Ok(to_append(path, Links::Followed)?)
}

/// Opens for appending: behind `/dev/stdout` may be a file that a shell opened, with content to keep.
pub(crate) fn to_append(path: &Path, links: Links) -> io::Result<File> {
    let opened = links.options().append(true).open(path);
    #[cfg(unix)]
    if let Err(error) = &opened
        && error.raw_os_error() == Some(libc::ENXIO)
    {
        let why = "no process reads from it";
        return Err(io::Error::new(io::ErrorKind::NotConnected, why));
    }
    opened
}

/// Whether a link in place of a file is followed. On Windows, it always is: no flag refuses links without
/// affecting OneDrive's files, which are reparse points, too. Creating a link takes a privilege there.
#[derive(Clone, Copy)]
pub(crate) enum Links {
    Followed,
    Refused,
}

impl Links {
    /// Returns options that open without blocking: not on a pipe's other side, nor a terminal's carrier.
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

/// Returns what was opened if it is a file. It is checked by its handle, since the path may lead to
/// something else by now.
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
        // Opening a socket always fails, and so does a link that may not be followed: name them instead
        // of the system's error.
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

/// Returns the error for anything but a file.
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

/// Whether the path is a Windows device (`CON`, `COM1`, `\\.\pipe\…`), which std reports as a file.
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

/// Reads everything, up to a limit. The size in the metadata doesn't count: the file may grow, and files
/// in `/proc` have size 0.
pub(crate) fn read_within(file: File, most: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLarge(most));
    }
    Ok(bytes)
}
