//! Everything that may be found in place of a file, and how each is handled.

// clippy.toml's exception covers functions with #[test], not their helpers.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use easelect_file::{FileError, Target, look, read};

/// One test's own folder, deleted when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("easelect-file-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(fs::canonicalize(path).unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        fs::write(self.at(name), content).unwrap();
        self.at(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the result of `work`; panics if `work` blocks, as on a pipe without another side.
fn at_once<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    let result = result.recv_timeout(Duration::from_secs(20));
    result.unwrap_or_else(|_| panic!("{what} was waited for"))
}

/// The outcome of each way of reading.
fn said(path: &Path) -> Vec<String> {
    let path = path.to_owned();
    let shown = path.display().to_string();
    at_once(&shown, move || {
        let kept = || Target::of(&path);
        [
            read(&path, 100).map(drop),
            look(&path, 100),
            kept().and_then(|one| one.look()),
            kept().and_then(|one| one.read(100).map(drop)),
        ]
        .map(|one| one.map_or_else(|error| error.to_string(), |()| "read".to_owned()))
        .to_vec()
    })
}

#[test]
fn a_folder_is_no_file() {
    let folder = Folder::new("folder");
    assert_eq!(said(&folder.0), ["expected a file, found a folder"; 4]);
    let target = Target::of(&folder.file("a", "")).unwrap();
    fs::create_dir(folder.at("a.lock")).unwrap();
    assert!(matches!(target.lock_file(), Err(FileError::Folder)));
}

#[test]
fn a_file_is_read_up_to_its_limit() {
    let folder = Folder::new("limit");
    let file = folder.file("a", "12345");
    assert_eq!(read(&file, 5).unwrap(), b"12345");
    assert!(matches!(read(&file, 4), Err(FileError::TooLarge(4))));
    assert!(look(&file, 5).is_ok());
    assert!(matches!(look(&file, 4), Err(FileError::TooLarge(4))));
    let target = Target::of(&file).unwrap();
    assert_eq!(target.read(5).unwrap().unwrap(), b"12345");
    assert!(matches!(target.read(4), Err(FileError::TooLarge(4))));
    let none = Target::of(&folder.at("b")).unwrap();
    assert_eq!(none.read(5).unwrap(), None);
    assert!(none.look().is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn the_size_that_a_file_says_counts_for_nothing() {
    let routes = Path::new("/proc/self/status");
    assert_eq!(fs::metadata(routes).unwrap().len(), 0);
    assert!(read(routes, 1 << 20).unwrap().len() > 100);
    assert!(matches!(read(routes, 10), Err(FileError::TooLarge(10))));
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let folder = Folder::new("replaced");
    let file = folder.file("a", "before");
    let target = Target::of(&file).unwrap();
    target.check().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "before");
    target.replace(b"after").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "after");
    assert_eq!(folder.names(), ["a"]);
    let nowhere = Target::of(&folder.at("no/such/folder")).unwrap();
    assert!(nowhere.check().is_err() && nowhere.replace(b"").is_err());
    // A folder can't be replaced by a file. The temporary file is gone.
    fs::create_dir(folder.at("b")).unwrap();
    assert!(Target::of(&folder.at("b")).unwrap().replace(b"").is_err());
    assert_eq!(folder.names(), ["a", "b"]);
}

#[test]
fn what_is_set_aside_is_whole_and_what_can_not_be_stays() {
    let folder = Folder::new("aside");
    let file = folder.file("a", "second");
    folder.file("a.corrupt", "first");
    let target = Target::of(&file).unwrap();
    target.set_aside().unwrap();
    assert_eq!(
        fs::read_to_string(folder.at("a.corrupt")).unwrap(),
        "second"
    );
    assert_eq!(folder.names(), ["a.corrupt"]);
    fs::remove_file(folder.at("a.corrupt")).unwrap();
    folder.file("a", "third");
    fs::create_dir_all(folder.at("a.corrupt/user's")).unwrap();
    assert!(target.set_aside().is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), "third");
}

#[cfg(unix)]
mod unix {
    use std::io::{Read, Write};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use easelect_file::open_special;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    const SPECIAL: &str =
        "expected a file, found a pipe or a device: save its output to a file first";

    impl Folder {
        fn pipe(&self, name: &str) -> PathBuf {
            mkfifo(&self.at(name), Mode::S_IRWXU).unwrap();
            self.at(name)
        }

        fn link(&self, name: &str, to: impl AsRef<Path>) -> PathBuf {
            symlink(to, self.at(name)).unwrap();
            self.at(name)
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn nothing_is_waited_for_and_nothing_endless_is_read() {
        let folder = Folder::new("special");
        let pipe = folder.pipe("pipe");
        assert_eq!(said(&pipe), [SPECIAL; 4], "nobody writes to it");
        // Both sides are open now, and no data arrives.
        let writer = File::options().read(true).write(true).open(&pipe);
        assert_eq!(said(&pipe), [SPECIAL; 4]);
        drop(writer);
        assert_eq!(said(Path::new("/dev/zero")), [SPECIAL; 4]);
        let socket = folder.at("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(said(&socket), [SPECIAL; 4]);
        let zero = folder.link("zero", "/dev/zero");
        let leads_out = Target::of(&zero).unwrap_err().to_string();
        assert_eq!(said(&zero), [SPECIAL, SPECIAL, &leads_out, &leads_out]);
        for (n, what) in ["/dev/zero", "pipe", "nothing"].into_iter().enumerate() {
            let name = format!("a{n}");
            let target = Target::of(&folder.file(&name, "")).unwrap();
            folder.link(&format!("{name}.lock"), what);
            let opened = at_once(what, move || target.lock_file().map(drop));
            assert!(matches!(opened, Err(FileError::LeadsOut(_))), "{opened:?}");
        }
        let target = Target::of(&folder.file("b", "")).unwrap();
        folder.pipe("b.lock");
        let opened = at_once("a lock", move || target.lock_file().map(drop));
        assert!(matches!(opened, Err(FileError::Special)), "{opened:?}");
        assert!(!folder.at("nothing").exists());
    }

    #[test]
    fn a_link_is_followed_below_its_folder_and_nowhere_else() {
        let folder = Folder::new("links");
        let elsewhere = Folder::new("elsewhere");
        let outside = elsewhere.file("secret", "theirs");
        folder.file("a", "ours");
        fs::create_dir(folder.at("below")).unwrap();
        folder.file("below/b", "ours");
        folder.link("absolute", folder.at("a"));
        folder.link("deeper", "below/b");
        folder.link("twice", "absolute");
        for inside in ["a", "absolute", "deeper", "twice"] {
            let target = Target::of(&folder.at(inside)).unwrap();
            assert_eq!(target.read(100).unwrap().unwrap(), b"ours", "{inside}");
            target.replace(b"new").unwrap();
            assert_eq!(fs::read(folder.at(inside)).unwrap(), b"new", "{inside}");
            target.replace(b"ours").unwrap();
        }
        assert!(folder.at("twice").is_symlink() && folder.at("absolute").is_symlink());
        let name = elsewhere.0.file_name().unwrap();
        folder.link("way", &elsewhere.0);
        for (out, to) in [
            ("out", outside.clone()),
            ("up", Path::new("..").join(name).join("secret")),
            ("through", PathBuf::from("way/secret")),
            ("thrice", PathBuf::from("out")),
            ("nothing", folder.at("not there")),
            ("round", PathBuf::from("round")),
        ] {
            let link = folder.link(out, to);
            let told = Target::of(&link).unwrap_err();
            assert!(matches!(told, FileError::LeadsOut(_)), "{out}: {told:?}");
        }
        // A link that appears in between is not followed either.
        let target = Target::of(&folder.at("a")).unwrap();
        fs::remove_file(folder.at("a")).unwrap();
        folder.link("a", &outside);
        assert!(matches!(target.read(100), Err(FileError::LeadsOut(_))));
        assert!(matches!(target.look(), Err(FileError::LeadsOut(_))));
        assert!(target.open_special().is_err());
        target.replace(b"ours").unwrap();
        assert_eq!(fs::read(&outside).unwrap(), b"theirs");
        assert!(!folder.at("a").is_symlink());
    }

    #[test]
    fn a_file_is_its_owners_alone_unless_it_was_not() {
        let folder = Folder::new("modes");
        let new = Target::of(&folder.at("new")).unwrap();
        new.replace(b"1").unwrap();
        drop(new.lock_file().unwrap());
        assert_eq!(mode(&folder.at("new")), 0o600);
        assert_eq!(mode(&folder.at("new.lock")), 0o600);
        for was in [0o600, 0o644, 0o640, 0o666, 0o400] {
            let file = folder.file(&format!("{was:o}"), "before");
            fs::set_permissions(&file, fs::Permissions::from_mode(was)).unwrap();
            Target::of(&file).unwrap().replace(b"after").unwrap();
            assert_eq!(mode(&file), was, "{was:o}");
            assert_eq!(fs::read(&file).unwrap(), b"after");
        }
        // The set-user-ID bit is not kept.
        let file = folder.file("odd", "before");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o4755)).unwrap();
        Target::of(&file).unwrap().replace(b"after").unwrap();
        assert_eq!(mode(&file), 0o755);
    }

    #[test]
    fn what_is_planted_where_a_new_file_is_to_be_is_not_written_to() {
        let folder = Folder::new("planted");
        let elsewhere = Folder::new("planted-at");
        let outside = elsewhere.file("theirs", "theirs");
        for n in 0..50 {
            folder.link(&format!("a.{}-{n}.tmp", std::process::id()), &outside);
        }
        Target::of(&folder.at("a")).unwrap().replace(b"1").unwrap();
        assert_eq!(fs::read(folder.at("a")).unwrap(), b"1");
        assert_eq!(fs::read(&outside).unwrap(), b"theirs");
        assert_eq!(folder.names().len(), 51);
    }

    #[test]
    fn a_pipe_is_written_to_if_somebody_reads() {
        let folder = Folder::new("pipe");
        let pipe = folder.pipe("pipe");
        for open in [open_special, |path: &Path| Target::of(path)?.open_special()] {
            let other = pipe.clone();
            let opened = at_once("a reader", move || open(&other).map(drop));
            let told = opened.unwrap_err().to_string();
            assert_eq!(told, "no process reads from it");
            let reading = pipe.clone();
            let reader = thread::spawn(move || {
                let mut read = String::new();
                let mut pipe = File::open(reading).unwrap();
                pipe.read_to_string(&mut read).unwrap();
                read
            });
            // The reader is waiting for a writer, or soon will be.
            let mut file = loop {
                match open(&pipe) {
                    Ok(file) => break file,
                    Err(_) => thread::yield_now(),
                }
            };
            file.write_all(b"report").unwrap();
            drop(file);
            assert_eq!(reader.join().unwrap(), "report");
        }
        // A file that replaced the pipe is not appended to.
        let file = folder.file("file", "theirs");
        assert!(Target::of(&file).unwrap().open_special().is_err());
        assert_eq!(fs::read(&file).unwrap(), b"theirs");
    }
}
