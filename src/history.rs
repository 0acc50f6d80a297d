//! Where what was learned is kept: the seam, and a file. What a history is, and what is worth keeping,
//! is the engine's.

use std::error::Error as StdError;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use easelect_engine::history::History;
use fs4::{FileExt, TryLockError};

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

    /// Whether anything can be kept here, as far as that can be told without writing; asked once, by
    /// [`SelectorBuilder::build`](crate::SelectorBuilder::build), which tells what is wrong by an event
    /// and a log line. Nothing is asked by default.
    ///
    /// # Errors
    ///
    /// Why not: a folder that isn't there, a disk that can't be written.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

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

    fn check(&self) -> Result<(), Error> {
        S::check(self)
    }

    fn save(&self, history: &History) -> Result<(), Error> {
        S::save(self, history)
    }
}

/// 32 networks of 256 candidates are 3 MB; a file beyond this is not a history.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// A write takes milliseconds. Whoever holds the lock for so long hangs, or its disk does.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(10);

/// Keeps a [`History`] in a file. Each write goes to a new file beside it, is flushed to the disk
/// and renamed over the old one, so that at any moment there is one that is whole. What others
/// wrote in between, in this process or another, is merged in: each write holds a lock on a file
/// `NAME.lock` beside it, which stays there, empty. One who waits for it for more than 5 s gives
/// up with an error. On a file system without locks, of two who write at the same moment one may
/// lose what it learned. A file of a newer version is left alone, and so is what
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

    /// The file beside it that whoever writes locks. Never renamed or deleted: others may hold, or wait
    /// for, this very file.
    fn open_lock(&self) -> Result<fs::File, Error> {
        let path = self.beside(".lock");
        // Opening a pipe would wait for whoever reads from it.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            let message = format!("{}: expected a file", path.display());
            return Err(Error::new(ErrorKind::History, message));
        }
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(path);
        file.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.failed("its folder isn't there", error),
            _ => self.failed("nothing can be written there", error),
        })
    }

    /// Waits until nobody else writes. The lock is gone with the file that is returned; there is none
    /// on a file system without locks.
    fn lock(&self, patience: Duration) -> Result<Option<fs::File>, Error> {
        let file = self.open_lock()?;
        let began = Instant::now();
        loop {
            match FileExt::try_lock(&file) {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                    thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::WouldBlock) => {
                    let error = io::Error::from(io::ErrorKind::WouldBlock);
                    return Err(self.failed("others hold its lock", error));
                }
                Err(TryLockError::Error(error)) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::Unsupported => return Ok(None),
                    _ => return Err(self.failed("can't be locked", error)),
                },
            }
        }
    }

    fn save_within(&self, history: &History, patience: Duration) -> Result<(), Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // A folder has no lock beside it.
        if self.is_no_file() {
            return self.load().map(drop);
        }
        let _lock = self.lock(patience)?;
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
        // One that was left over, by a process of the same number that ended in the middle, is in nobody's
        // way.
        let temporary = loop {
            let unique = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = self.beside(&format!(".{}-{unique}.tmp", std::process::id()));
            if !name.exists() {
                break name;
            }
        };
        let written = self.replace(&temporary, &merged.to_json()?);
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            self.failed("can't be written", error)
        })
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

    fn check(&self) -> Result<(), Error> {
        if self.is_no_file() {
            return self.load().map(drop);
        }
        self.open_lock().map(drop)
    }

    fn save(&self, history: &History) -> Result<(), Error> {
        self.save_within(history, LOCK_PATIENCE)
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

    /// A folder of its own for one test, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("easelect-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn of_network(id: usize) -> History {
        let network = format!(
            r#"{{"id":"n{id}","used_ms":1,"syn_trust":0.0,"syn_trust_samples":0,"candidates":[]}}"#
        );
        let history = format!(r#"{{"schema":1,"networks":[{network}]}}"#);
        History::from_json(&history).unwrap()
    }

    #[test]
    fn who_writes_at_the_same_time_loses_nothing() {
        const WRITERS: usize = 4;
        for round in 0..10 {
            let folder = Folder::new(&format!("writers-{round}"));
            let file = folder.0.join("history.json");
            let start = std::sync::Barrier::new(WRITERS);
            thread::scope(|scope| {
                for id in 0..WRITERS {
                    let (start, store) = (&start, FileHistory::new(&file));
                    scope.spawn(move || {
                        start.wait();
                        store
                            .save_within(&of_network(id), Duration::from_secs(60))
                            .unwrap();
                    });
                }
            });
            let kept = FileHistory::new(&file).load().unwrap().unwrap();
            let kept = kept.to_json().unwrap();
            for id in 0..WRITERS {
                assert!(kept.contains(&format!("\"n{id}\"")), "{round}: {kept}");
            }
        }
    }

    #[test]
    fn a_lock_that_others_hold_is_given_up_and_nothing_is_lost() {
        let folder = Folder::new("held");
        let store = FileHistory::new(folder.0.join("history.json"));
        store.save(&of_network(1)).unwrap();
        let held = store.lock(Duration::ZERO).unwrap();
        assert!(held.is_some());
        let error = store.save_within(&of_network(2), Duration::ZERO);
        let error = error.unwrap_err();
        assert!(error.is_history());
        assert!(
            error.to_string().contains("others hold its lock"),
            "{error}"
        );
        assert_eq!(store.load().unwrap(), Some(of_network(1)));
        drop(held);
        store.save(&of_network(2)).unwrap();
        let both = store.load().unwrap().unwrap();
        assert_eq!(both, of_network(1).merge(of_network(2)));
        // Neither file nor lock is left half-done.
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2);
    }

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
