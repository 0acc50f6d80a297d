//! Storage for a selector's history: the trait, and a file. The engine defines what a history
//! contains.

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

/// Storage for a selector's history between runs of the app.
///
/// The methods may block. [`SelectorBuilder::build`](crate::SelectorBuilder::build) calls `check` and
/// `load` once, on its caller's thread; a thread of the selector calls `save`. An error never fails a
/// connection, and a panic counts as an error.
pub trait HistoryStore: std::fmt::Debug + Send + Sync + 'static {
    /// Loads the history; `None` if none has been saved yet.
    ///
    /// # Errors
    ///
    /// Any reason why it can't be read. The selector then starts without a history.
    fn load(&self) -> Result<Option<History>, Error>;

    /// Checks whether a history can be saved, as far as possible without writing one. The selector
    /// reports an error as an event and a log record. The default implementation checks nothing.
    ///
    /// # Errors
    ///
    /// The reason, for example a missing folder or a read-only disk.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Saves `history`, [merged](History::merge) with the saved one: another process may have saved
    /// since.
    ///
    /// # Errors
    ///
    /// Any reason why it can't be written. The history saved before must stay intact.
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

/// Calls a store, and turns a panic in it, possibly in the app's code, into an error.
pub(crate) fn ask<T>(store: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let asked = catch_unwind(AssertUnwindSafe(store));
    asked.unwrap_or_else(|_| Err(Error::new(ErrorKind::History, "the store has panicked")))
}

/// A full history, 32 networks with 256 candidates each, takes 3 MB.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// A write takes milliseconds. A lock held for this long means that its holder, or the disk, hangs.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(10);

/// Keeps a [`History`] in a file.
///
/// ```no_run
/// use easelect::{FileHistory, Region, Selector};
///
/// # fn example() -> Result<(), easelect::Error> {
/// let history = FileHistory::new("/var/lib/app/easelect.json");
/// let selector = Selector::builder(Region::CN1).history(history).build()?;
/// # drop(selector);
/// # Ok(())
/// # }
/// ```
///
/// **Writing.** Each write goes to a new file in the same folder, is flushed to disk and renamed over
/// the old file, so the file is complete at all times. A write merges in whatever other writers, in
/// this process or another, have saved in between. Writers lock an empty file `NAME.lock` next to it,
/// which is never deleted. A writer that waits longer than 5 s for the lock fails. On a file system
/// without locks, concurrent writers may overwrite each other's changes.
///
/// **Permissions.** On Unix a new file is readable and writable by its owner only. An existing file
/// of the same owner keeps its permissions.
///
/// **Unusable files.** A file written by a newer version, and anything other than a file (a folder,
/// pipe or device), is left alone: reading and writing fail. Reading a damaged file, or one larger
/// than 8 MiB, fails; the next write first renames it to `NAME.corrupt`, replacing an earlier one,
/// and fails if it can't.
///
/// **Links.** A symbolic link to a file below the same folder is followed. A link that leads out of
/// the folder may have been planted: reading and writing through it fail. Specify the target itself
/// instead.
#[derive(Clone, Debug)]
pub struct FileHistory {
    path: PathBuf,
}

enum Unread {
    /// It may be intact, or isn't a history file.
    LeftAlone(Error),
    /// It is not a valid history.
    Damaged(Error),
}

impl FileHistory {
    /// Uses this file, which need not exist. Its folder must.
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

    /// The file itself, behind a link if any.
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
                self.failed("its folder does not exist", error)
            }
            FileError::Io(error) => self.failed("its folder can't be written to", error),
            other => Error::new(
                ErrorKind::History,
                format!("{}.lock: {other}", self.path.display()),
            ),
        })
    }

    /// Waits for the lock, which is released when the returned file is dropped. Returns `None` on a
    /// file system without locks.
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
                    return Err(self.failed("still locked by another writer", error));
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
                // It may still be of use to the user.
                let why = "it is damaged and can't be renamed";
                target
                    .set_aside()
                    .map_err(|error| self.failed(why, error))?;
                history.clone()
            }
        };
        let text = merged.to_json()?;
        // A larger file would be rejected as damaged.
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

    /// A temporary folder for one test.
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
            error.to_string().contains("still locked by another writer"),
            "{error}"
        );
        assert_eq!(store.load().unwrap(), Some(of_network(1)));
        drop(held);
        store.save(&of_network(2)).unwrap();
        let both = store.load().unwrap().unwrap();
        assert_eq!(both, of_network(1).merge(of_network(2)));
        // Only the history and its lock file remain.
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
