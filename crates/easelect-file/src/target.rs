//! A file that easelect owns: read, locked and replaced as a whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::FileError;
use crate::opened::{Links, checked, no_file, read_within, to_append};

/// The location of a file to read and to replace, whether it exists or not.
///
/// Links are resolved once, by [`Target::of`]. Another user with write access to the folder can put
/// anything there, but can't make easelect read or write a file outside the folder.
#[derive(Clone, Debug)]
pub struct Target(PathBuf);

impl Target {
    /// Locates the file of this path. A link is followed if its target is below the link's folder.
    ///
    /// # Errors
    ///
    /// - [`FileError::LeadsOut`] if the path is a link to outside its folder, or to nothing.
    /// - [`FileError::Io`] if the operating system reports an error.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => {}
            Ok(_) => return Ok(Target(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Target(path.to_owned()));
            }
            Err(error) => return Err(error.into()),
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(folder)?;
        match fs::canonicalize(path) {
            Ok(target) if target.starts_with(&folder) => Ok(Target(target)),
            Ok(target) => Err(FileError::LeadsOut(target)),
            Err(_) => Err(FileError::LeadsOut(fs::read_link(path)?)),
        }
    }

    /// Checks that there is a file or nothing. Opens nothing.
    ///
    /// # Errors
    ///
    /// [`FileError::Folder`], [`FileError::Special`] or [`FileError::LeadsOut`] if there is something
    /// else.
    pub fn look(&self) -> Result<(), FileError> {
        let found = fs::symlink_metadata(&self.0).ok();
        found.map_or(Ok(()), |found| {
            no_file(found.file_type(), &self.0).map_or(Ok(()), Err)
        })
    }

    /// Reads the file, of at most `most` bytes. Returns `None` if it doesn't exist.
    ///
    /// # Errors
    ///
    /// The same as for [`read`](crate::read), and [`FileError::LeadsOut`] if there is a link by now.
    pub fn read(&self, most: u64) -> Result<Option<Vec<u8>>, FileError> {
        let opened = Links::Refused.options().read(true).open(&self.0);
        match checked(opened, &self.0, Links::Refused) {
            Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => read_within(file, most).map(Some),
        }
    }

    /// Opens the empty file `NAME.lock` next to this one, for locking. Creates it if it doesn't exist.
    ///
    /// It must never be renamed or deleted: other processes may hold or wait for a lock on it.
    ///
    /// # Errors
    ///
    /// The same as for [`read`](Self::read), except [`FileError::TooLarge`].
    pub fn lock_file(&self) -> Result<File, FileError> {
        let path = self.beside(".lock");
        let opened = private(&mut Links::Refused.options())
            .create(true)
            .truncate(false)
            .open(&path);
        checked(opened, &path, Links::Refused)
    }

    /// Opens the pipe or device at this location for writing.
    ///
    /// Writing doesn't block: it fails with [`io::ErrorKind::WouldBlock`] while the reader is slow.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`] if the operating system reports an error, if no process reads from the pipe, or
    /// if there is neither a pipe nor a device.
    pub fn open_special(&self) -> Result<File, FileError> {
        let file = to_append(&self.0, Links::Refused)?;
        match no_file(file.metadata()?.file_type(), &self.0) {
            Some(FileError::Special) => Ok(file),
            _ => Err(io::Error::from(io::ErrorKind::InvalidInput).into()),
        }
    }

    /// Renames the file to `NAME.corrupt`, replacing an earlier one.
    ///
    /// # Errors
    ///
    /// The operating system's. The file is still there then.
    pub fn set_aside(&self) -> io::Result<()> {
        fs::rename(&self.0, self.beside(".corrupt"))
    }

    /// Checks that the file can probably be replaced, by creating and deleting a file next to it.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn check(&self) -> io::Result<()> {
        let (temporary, _) = self.temporary()?;
        fs::remove_file(temporary)
    }

    /// Replaces the file's content, or creates the file. Readers see either the old content or the new.
    ///
    /// On Unix, a new file can be read and written by its owner only (mode 600). A replaced file of the
    /// same owner keeps its permissions.
    ///
    /// # Errors
    ///
    /// The operating system's. The file is unchanged then.
    pub fn replace(&self, content: &[u8]) -> io::Result<()> {
        let (temporary, mut file) = self.temporary()?;
        let written = self.keep_permissions(&file).and_then(|()| {
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, &self.0)
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name: OsString = self.0.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.0.with_file_name(name)
    }

    /// Creates a temporary file next to this one, under an unused name. An existing file, left over by a
    /// process of the same ID or planted, is never opened.
    fn temporary(&self) -> io::Result<(PathBuf, File)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        const TRIES: u32 = 100;
        if self.0.file_name().is_none() {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        let mut last = io::ErrorKind::AlreadyExists.into();
        for _ in 0..TRIES {
            let unique = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = self.beside(&format!(".{}-{unique}.tmp", std::process::id()));
            match private(&mut File::options()).create_new(true).open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Gives a new file the permissions of the one that it replaces, if both have the same owner: another
    /// user's permissions must not decide who reads this file.
    #[cfg(unix)]
    fn keep_permissions(&self, new: &File) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};

        let Ok(old) = fs::symlink_metadata(&self.0) else {
            return Ok(());
        };
        let (made, mode) = (new.metadata()?, old.mode() & 0o777);
        if old.is_file() && old.uid() == made.uid() && mode != made.mode() & 0o777 {
            // A file system without permissions refuses, and has none to keep.
            let _ = new.set_permissions(fs::Permissions::from_mode(mode));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn keep_permissions(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Sets options to write; on Unix, only its owner can read and write a file created with them.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.write(true)
}
