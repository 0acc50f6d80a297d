//! A file of one's own, which is replaced whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::FileError;
use crate::opened::{Links, checked, no_file, read_within, to_append};

/// A file of one's own, or one to be: where it really is. Whoever may write into its folder can put
/// anything there, but nothing outside is read or written through it.
#[derive(Clone, Debug)]
pub struct Target(PathBuf);

impl Target {
    /// Where a file of that name is, or is to be: through a link, if that stays below its folder.
    ///
    /// # Errors
    ///
    /// [`FileError::LeadsOut`] for a link that doesn't, or leads to nothing; [`FileError::Io`].
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

    /// Whether a file or nothing is there now: what else there may be is left alone.
    ///
    /// # Errors
    ///
    /// [`FileError::Folder`], [`FileError::Special`] and [`FileError::LeadsOut`].
    pub fn look(&self) -> Result<(), FileError> {
        let found = fs::symlink_metadata(&self.0).ok();
        found.map_or(Ok(()), |found| {
            no_file(found.file_type(), &self.0).map_or(Ok(()), Err)
        })
    }

    /// What is in it, if it is there and has at most so many bytes.
    ///
    /// # Errors
    ///
    /// As [`read`](crate::read), and [`FileError::LeadsOut`] for what became a link meanwhile.
    pub fn read(&self, most: u64) -> Result<Option<Vec<u8>>, FileError> {
        let opened = Links::Refused.options().read(true).open(&self.0);
        match checked(opened, &self.0, Links::Refused) {
            Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => read_within(file, most).map(Some),
        }
    }

    /// The empty file `NAME.lock` beside it, to be locked: made, if it isn't there. Never renamed or deleted:
    /// others may hold, or wait for, this very file.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn lock_file(&self) -> Result<File, FileError> {
        let path = self.beside(".lock");
        let opened = private(&mut Links::Refused.options())
            .create(true)
            .truncate(false)
            .open(&path);
        checked(opened, &path, Links::Refused)
    }

    /// The pipe or the device that is there instead, to be written to. Writing fails with
    /// [`io::ErrorKind::WouldBlock`] where whoever reads is slow.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`]: that nobody reads from a pipe, instead of waiting for it; that there is something else
    /// by now.
    pub fn open_special(&self) -> Result<File, FileError> {
        let file = to_append(&self.0, Links::Refused)?;
        match no_file(file.metadata()?.file_type(), &self.0) {
            Some(FileError::Special) => Ok(file),
            _ => Err(io::Error::from(io::ErrorKind::InvalidInput).into()),
        }
    }

    /// Renames it to `NAME.corrupt`, in the place of what was set aside before.
    ///
    /// # Errors
    ///
    /// Whatever the system says. It is where it was, then.
    pub fn set_aside(&self) -> io::Result<()> {
        fs::rename(&self.0, self.beside(".corrupt"))
    }

    /// Whether it could be replaced, as far as that can be told before.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check(&self) -> io::Result<()> {
        let (temporary, _) = self.temporary()?;
        fs::remove_file(temporary)
    }

    /// Replaces what is in it, whole or not at all. It can be read and written by its owner alone, unless it
    /// was there, of the same owner, with other permissions: those are kept.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
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

    /// A new file beside it. One that was left over by a process of the same number, or planted, is in
    /// nobody's way: what is there already is never opened.
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

    /// Gives a new file the permissions of the one that it is to replace, if that is of the same owner:
    /// another's says nothing of who may read ours.
    #[cfg(unix)]
    fn keep_permissions(&self, new: &File) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};

        let Ok(old) = fs::symlink_metadata(&self.0) else {
            return Ok(());
        };
        let (made, mode) = (new.metadata()?, old.mode() & 0o777);
        if old.is_file() && old.uid() == made.uid() && mode != made.mode() & 0o777 {
            // A file system without modes refuses; it has none to keep either.
            let _ = new.set_permissions(fs::Permissions::from_mode(mode));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn keep_permissions(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Options to write, what is made then being its owner's alone.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.write(true)
}
