//! Where what was learned is kept: the seam, and a file. What a history is, and what is worth keeping,
//! is the engine's.

use std::error::Error as StdError;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use easelect_engine::history::History;

use crate::error::{Error, ErrorKind};

/// Keeps what was learned from one run of the app to the next. It may block: it is read once, by
/// [`SelectorBuilder::build`](crate::SelectorBuilder::build) on its caller's thread, and written by a
/// thread of the selector's own. A failure never fails a connection.
pub trait HistoryStore: std::fmt::Debug + Send + Sync + 'static {
    /// What was kept; `None` if nothing was yet.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read. The selector then starts with nothing.
    fn load(&self) -> Result<Option<History>, Error>;

    /// Keeps `history`, [merged](History::merge) with what is kept already: another process may
    /// have learned, too.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written. What was kept before must survive.
    fn save(&self, history: &History) -> Result<(), Error>;
}

impl<S: HistoryStore + ?Sized> HistoryStore for Arc<S> {
    fn load(&self) -> Result<Option<History>, Error> {
        S::load(self)
    }

    fn save(&self, history: &History) -> Result<(), Error> {
        S::save(self, history)
    }
}

/// 32 networks of 256 candidates are 3 MB; a file beyond this is not a history.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// Keeps a [`History`] in a file. Each write goes to a new file beside it, is flushed to the disk
/// and renamed over the old one, so that at any moment there is one that is whole. What another
/// process wrote in between is merged in. A file of a newer version is left alone, and so is what
/// is no file (a folder, a device); one that can't be read is set aside as `NAME.corrupt`.
#[derive(Clone, Debug)]
pub struct FileHistory {
    path: PathBuf,
}

impl FileHistory {
    /// A history in this file, which need not exist; its folder must.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        FileHistory { path: path.into() }
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        let message = format!("{}: {what}: {error}", self.path.display());
        Error::caused(ErrorKind::History, &message, error)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.path.with_file_name(name)
    }

    /// Opening a pipe would wait for whoever writes to it.
    fn is_no_file(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| !found.is_file())
    }

    fn replace(&self, temporary: &Path, text: &str) -> io::Result<()> {
        let mut file = fs::File::create_new(temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(temporary, &self.path)
    }
}

impl HistoryStore for FileHistory {
    fn load(&self) -> Result<Option<History>, Error> {
        if self.is_no_file() {
            let message = format!("{}: expected a file", self.path.display());
            return Err(Error::new(ErrorKind::History, message));
        }
        let file = match fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("can't be opened", error)),
        };
        let mut text = String::new();
        let read = file.take(MAX_FILE + 1).read_to_string(&mut text);
        read.map_err(|error| self.failed("can't be read", error))?;
        if text.len() as u64 > MAX_FILE {
            let message = format!("{}: larger than {MAX_FILE} bytes", self.path.display());
            return Err(Error::new(ErrorKind::History, message));
        }
        History::from_json(&text).map(Some).map_err(|error| {
            let error = Error::from(error);
            Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })
    }

    fn save(&self, history: &History) -> Result<(), Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let merged = match self.load() {
            Ok(Some(kept)) => kept.merge(history.clone()),
            Ok(None) => history.clone(),
            Err(error)
                if error.kind() == ErrorKind::NewerHistory
                    || self.is_no_file()
                    || is_out_of_reach(&error) =>
            {
                return Err(error);
            }
            Err(_) => {
                // Whatever it is, it isn't ours to destroy.
                let _ = fs::rename(&self.path, self.beside(".corrupt"));
                history.clone()
            }
        };
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.beside(&format!(".{}-{unique}.tmp", std::process::id()));
        let written = self.replace(&temporary, &merged.to_json()?);
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            self.failed("can't be written", error)
        })
    }
}

/// Whether it could not be read, rather than not understood: it may be sound.
fn is_out_of_reach(error: &Error) -> bool {
    let source = error.source().and_then(|one| one.downcast_ref());
    source.is_some_and(|error: &io::Error| error.kind() != io::ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("easelect-no-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let store = FileHistory::new(&folder);
        let why = store.load().unwrap_err().to_string();
        assert!(why.ends_with(": expected a file"), "{why}");
        assert!(store.save(&History::default()).is_err());
        assert!(folder.is_dir(), "it was set aside");
        fs::remove_dir(&folder).unwrap();
    }
}
