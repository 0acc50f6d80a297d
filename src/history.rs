//! Where what was learned is kept: the seam, and a file. What a history is, and what is worth keeping,
//! is the engine's.

use std::fmt;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use easelect_engine::history::History;
use easelect_file::{FileError, Target};
use fs4::{FileExt, TryLockError};

use crate::error::{Error, ErrorKind};

/// Keeps what was learned from one run of the app to the next. It may block: it is read once, by
/// [`SelectorBuilder::build`](crate::SelectorBuilder::build) on its caller's thread, and written by a
/// thread of the selector's own. A failure never fails a connection; neither does a panic, which is told as
/// a failure.
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

/// What a store does, or that it panicked: it may be the app's own code, and fails no connection.
pub(crate) fn ask<T>(store: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let asked = catch_unwind(AssertUnwindSafe(store));
    asked.unwrap_or_else(|_| Err(Error::new(ErrorKind::History, "the store has panicked")))
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
/// lose what it learned.
///
/// On Unix only its owner can read it, unless it was there with other permissions; those are kept.
///
/// A file of a newer version is left alone, and so is what is no file (a folder, a pipe, a device). One
/// that is damaged is set aside as `NAME.corrupt`, in the place of what was set aside before; where that
/// fails, nothing is written. A link to another file below its folder is followed. One that leads out of
/// the folder may have been planted there: nothing is read or written through it, and the error says
/// so; name the file itself.
#[derive(Clone, Debug)]
pub struct FileHistory {
    path: PathBuf,
}

/// Why nothing was read.
enum Unread {
    /// It may be sound, or isn't ours.
    LeftAlone(Error),
    /// It is no history.
    Damaged(Error),
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

    fn not_usable(&self, what: &str, error: FileError) -> Error {
        match error {
            FileError::Io(error) => self.failed(what, error),
            other => Error::new(
                ErrorKind::History,
                format!("{}: {other}", self.path.display()),
            ),
        }
    }

    /// Where it is.
    fn target(&self) -> Result<Target, Error> {
        let target = Target::of(&self.path).and_then(|target| target.look().map(|()| target));
        target.map_err(|error| self.not_usable("can't be opened", error))
    }

    fn read(&self, target: &Target) -> Result<Option<History>, Unread> {
        let bytes = target.read(MAX_FILE).map_err(|error| match error {
            FileError::TooLarge(_) => Unread::Damaged(self.not_usable("", error)),
            _ => Unread::LeftAlone(self.not_usable("can't be read", error)),
        })?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let named = |kind, why: &dyn fmt::Display| {
            Error::new(kind, format!("{}: {why}", self.path.display()))
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let why = format!("not a history ({error})");
            Unread::Damaged(named(ErrorKind::History, &why))
        })?;
        History::from_json(&text).map(Some).map_err(|error| {
            let error = Error::from(error);
            match error.kind() {
                ErrorKind::NewerHistory => Unread::LeftAlone(named(error.kind(), &error)),
                kind => Unread::Damaged(named(kind, &error)),
            }
        })
    }

    fn open_lock(&self, target: &Target) -> Result<File, Error> {
        target.lock_file().map_err(|error| match error {
            FileError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                self.failed("its folder isn't there", error)
            }
            FileError::Io(error) => self.failed("nothing can be written there", error),
            other => Error::new(
                ErrorKind::History,
                format!("{}.lock: {other}", self.path.display()),
            ),
        })
    }

    /// Waits until nobody else writes. The lock is gone with the file that is returned; there is none
    /// on a file system without locks.
    fn lock(&self, target: &Target, patience: Duration) -> Result<Option<File>, Error> {
        let file = self.open_lock(target)?;
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
        let target = self.target()?;
        let _lock = self.lock(&target, patience)?;
        let merged = match self.read(&target) {
            Ok(Some(kept)) => kept.merge(history.clone()),
            Ok(None) => history.clone(),
            Err(Unread::LeftAlone(error)) => return Err(error),
            Err(Unread::Damaged(_)) => {
                // Whatever it is, it isn't ours to destroy.
                let why = "it is damaged and can't be set aside";
                target
                    .set_aside()
                    .map_err(|error| self.failed(why, error))?;
                history.clone()
            }
        };
        let text = merged.to_json()?;
        // It could not be read again.
        if text.len() as u64 > MAX_FILE {
            return Err(self.not_usable("", FileError::TooLarge(MAX_FILE)));
        }
        let written = target.replace(text.as_bytes());
        written.map_err(|error| self.failed("can't be written", error))
    }
}

impl HistoryStore for FileHistory {
    fn load(&self) -> Result<Option<History>, Error> {
        let read = self.read(&self.target()?);
        read.map_err(|(Unread::LeftAlone(error) | Unread::Damaged(error))| error)
    }

    fn check(&self) -> Result<(), Error> {
        self.open_lock(&self.target()?).map(drop)
    }

    fn save(&self, history: &History) -> Result<(), Error> {
        self.save_within(history, LOCK_PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let held = store.lock(&store.target().unwrap(), Duration::ZERO);
        let held = held.unwrap();
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
        assert!(why.ends_with(": expected a file, found a folder"), "{why}");
        assert!(store.save(&History::default()).is_err());
        assert!(folder.is_dir(), "it was set aside");
        fs::remove_dir(&folder).unwrap();
    }
}
