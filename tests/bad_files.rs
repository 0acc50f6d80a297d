//! Invalid files of every kind: the error is one line with the place and the expected value, without delay.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use easelect::{Catalog, CatalogFormat, Error, ErrorKind, FileHistory, History, HistoryStore};
use easelect_lab::Scenario;

/// A reader of files, with a valid example.
struct Reader {
    kind: ErrorKind,
    read: fn(&str) -> Result<(), Error>,
    good: &'static str,
}

const TOML: Reader = Reader {
    kind: ErrorKind::Catalog,
    read: |text| {
        let catalog = Catalog::builtin().with_file(text, CatalogFormat::Toml, "own");
        catalog.map(drop)
    },
    good: "[[region]]\nid = \"own1\"\nname_zh = \"自建集群\"\n\n[[endpoint]]\nregion = \"own1\"\n\
           service = \"websocket\"\nurl = \"wss://im.example/websocket\"\n",
};

const JSON: Reader = Reader {
    kind: ErrorKind::Catalog,
    read: |text| {
        let catalog = Catalog::builtin().with_file(text, CatalogFormat::Json, "own");
        catalog.map(drop)
    },
    good: "{\"region\": [{\"id\": \"own1\", \"name_zh\": \"自建集群\"}],\n\"endpoint\": [\n\
           {\"region\": \"own1\",\n\"service\": \"rest\",\n\"url\": \"https://r.example/\"}]}",
};

const SCENARIO: Reader = Reader {
    kind: ErrorKind::Scenario,
    read: |text| Scenario::from_toml(text, "own").map(drop),
    good: "seed = 7\n\n[[host]]\nname = \"a.example\"\naddresses = [\"44.128.0.1\"]\n\n[[path]]\n\
           address = \"44.128.0.1\"\nlabel = \"慢\"\nrtt = \"40ms\"\nsteps = [{ at = 5 }]\n",
};

const HISTORY: Reader = Reader {
    kind: ErrorKind::History,
    read: |text| Ok(History::from_json(text).map(drop)?),
    good: "{\"schema\":1,\"networks\":[{\"id\":\"家\",\"used_ms\":1,\"syn_trust\":0.1,\
           \"syn_trust_samples\":3,\"candidates\":[]}]}",
};

impl Reader {
    /// The error message, after checks that apply to every message.
    fn why(&self, text: &str) -> String {
        let started = Instant::now();
        let shown: String = text.chars().take(200).collect();
        let error = (self.read)(text).expect_err(&shown);
        // A limit for an unoptimised build on a busy machine. Quadratic work would take minutes.
        assert!(started.elapsed() < Duration::from_secs(30), "{shown:?}");
        assert_eq!(error.kind(), self.kind);
        let why = error.to_string();
        assert!(!why.chars().any(char::is_control), "{why:?}");
        assert!(why.chars().count() < 1100, "{why}");
        if self.kind != ErrorKind::History {
            let line = why
                .strip_prefix("own:")
                .and_then(|rest| rest.split(':').next());
            let line: usize = line.and_then(|line| line.parse().ok()).expect(&why);
            assert!((1..=1 + text.lines().count()).contains(&line), "{why}");
        }
        why
    }
}

#[test]
fn wrong_files_are_told_by_place_and_expectation() {
    let binary: String = (0..=255_u8).map(char::from).collect();
    let long = format!("[[endpoint]]\nregion = \"{}\"\n", "x".repeat(900_000));
    for (reader, text, wanted) in [
        (&TOML, "", "own:1: no entries: expected [[endpoint]]"),
        (
            &TOML,
            "endpoint = 1",
            "own:1: invalid type: integer `1`, expected a sequence",
        ),
        (
            &TOML,
            "\n[[endpoint]]\nregion = 1\n",
            "own:3: invalid type: integer `1`, expected a string",
        ),
        (
            &TOML,
            "[[endpoint]]\nregion = \"cn1\"\n",
            "own:1: missing field `service`",
        ),
        (&TOML, "a = 1\na = 2\n", "own:2: duplicate key"),
        (
            &TOML,
            "\nnonsense = 1\n",
            "own:2: unknown field `nonsense`, expected `region` or `endpoint`",
        ),
        (
            &TOML,
            "\"\\u001b[2J\" = 1\n",
            "own:1: unknown field `\\u{1b}[2J`, expected",
        ),
        (&TOML, &binary, "own:1: "),
        (&TOML, &long, "own:1: missing field `service`"),
        (&JSON, "", "own:1: EOF while parsing"),
        (&JSON, "{}", "own:1: no entries: expected"),
        (&JSON, "[]", "own:1: no entries: expected"),
        (
            &JSON,
            "{\"endpoint\": {}}",
            "own:1: invalid type: map, expected a sequence",
        ),
        (
            &JSON,
            "{\"endpoint\": [\n3]}",
            "own:2: invalid type: integer `3`, expected struct EndpointEntry",
        ),
        (
            &JSON,
            "{\"region\": [],\n\"region\": []}",
            "own:2: duplicate field `region`",
        ),
        (
            &JSON,
            "{\n\"nonsense\": 1}",
            "own:2: unknown field `nonsense`, expected `region` or `endpoint`",
        ),
        (&JSON, &binary, "own:1: expected value"),
        (&JSON, "\u{feff}{}", "own:1: no entries"),
        (
            &SCENARIO,
            "seed = \"7\"",
            "own:1: invalid type: string \"7\", expected u64",
        ),
        (&SCENARIO, "seed = 99999999999999999999", "own:1: "),
        (&SCENARIO, "[[host]]\n", "own:1: missing field `name`"),
        (
            &SCENARIO,
            "[[path]]\n",
            "own:1: a path without an address: expected at least one",
        ),
        (&SCENARIO, "seed = 1\nseed = 2\n", "own:2: duplicate key"),
        (
            &SCENARIO,
            "\nspeed = 1\n",
            "own:2: unknown field `speed`, expected one of `seed`",
        ),
        (&SCENARIO, &binary, "own:1: "),
        (
            &HISTORY,
            "",
            "not a history (EOF while parsing a value at line 1 column 0)",
        ),
        (&HISTORY, "{}", "not a history (missing field `schema`"),
        (
            &HISTORY,
            "{\"schema\":\"1\"}",
            "not a history (invalid type: string \"1\", expected u32",
        ),
        (
            &HISTORY,
            "{\"schema\":1,\"networks\":{}}",
            "not a history (invalid type: map, expected a sequence",
        ),
        (
            &HISTORY,
            "{\"schema\":1,\"schema\":1}",
            "not a history (duplicate field `schema`",
        ),
        (
            &HISTORY,
            &binary,
            "not a history (expected value at line 1 column 1)",
        ),
    ] {
        let why = reader.why(text);
        assert!(why.starts_with(wanted), "{wanted}\n{why}");
    }
}

#[test]
fn a_file_cut_anywhere_is_taken_or_told() {
    for reader in [&TOML, &JSON, &SCENARIO, &HISTORY] {
        (reader.read)(reader.good).unwrap();
        let mut taken = 0;
        for (at, _) in reader.good.char_indices() {
            let cut = &reader.good[..at];
            match (reader.read)(cut) {
                Ok(()) => taken += 1,
                Err(_) => drop(reader.why(cut)),
            }
        }
        // A TOML file can end after any value, a JSON file can't.
        let json = reader.good.starts_with('{');
        assert_eq!(taken == 0, json, "{}", reader.good);
    }
}

#[test]
fn deep_nesting_is_told() {
    for deep in [100, 300, 100_000] {
        for reader in [&TOML, &SCENARIO] {
            reader.why(&format!("a = {}", "[".repeat(deep)));
            reader.why(&format!("a = {}", "{a=".repeat(deep)));
            reader.why(&format!("a{} = 1", ".a".repeat(deep)));
            reader.why(&format!("[a{}]", ".a".repeat(deep)));
        }
        for reader in [&JSON, &HISTORY] {
            let (open, close) = ("[".repeat(deep), "]".repeat(deep));
            reader.why(&open);
            reader.why(&format!("{{\"endpoint\":[{open}{close}]}}"));
            reader.why(&"{\"a\":".repeat(deep));
        }
    }
}

#[test]
fn huge_files_are_told_soon() {
    // A file beyond the limit, and the largest one allowed, with as many entries as fit.
    let huge = " ".repeat(10 << 20);
    for reader in [&TOML, &JSON, &SCENARIO] {
        assert!(reader.why(&huge).contains("expected at most 1048576"));
    }
    let full = |entry: fn(usize) -> String| -> String {
        let mut text = String::new();
        for n in 0.. {
            let entry = entry(n);
            if text.len() + entry.len() > 1 << 20 {
                break;
            }
            text.push_str(&entry);
        }
        text
    };
    let regions = full(|n| format!("[[region]]\nid=\"a{n}\"\n"));
    assert!(
        TOML.why(&regions)
            .contains("too many entries: expected at most 16384")
    );
    let hosts = full(|n| format!("[[host]]\nname=\"a{n}\"\n"));
    assert!(SCENARIO.why(&format!("{hosts}x")).starts_with("own:"));
    let again = format!(
        "{}[[host]]\nname=\"a1\"\n",
        &hosts[..hosts.len() - 40].rsplit_once("[[").unwrap().0
    );
    assert!(
        SCENARIO
            .why(&again)
            .contains("host \"a1\": expected once, found twice")
    );
    let steps = full(|n| {
        if n == 0 {
            "[[path]]\nsteps=[".into()
        } else {
            "{at=1},".into()
        }
    });
    assert!(
        SCENARIO
            .why(&format!("{steps}]\n"))
            .contains("a path without an address")
    );
    let steps = steps.replacen("steps", "address=\"10.0.0.1\"\nsteps", 1);
    let late = format!("{}{{at=1,loss=2}}]\n", &steps[..steps.len() - 70]);
    assert!(
        SCENARIO
            .why(&late)
            .contains("loss 2.0: expected 0.0 to 1.0")
    );
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_wrong_history_is_told_by_its_file_and_set_aside() {
    let scratch = Scratch::new("bad-history");
    let file = scratch.0.join("a\nb.json");
    let store = FileHistory::new(&file);
    let good = History::from_json(HISTORY.good).unwrap();
    let huge = format!("{}{}", HISTORY.good, " ".repeat(10 << 20));
    let cut = &HISTORY.good[..HISTORY.good.len() - 1];
    for (content, wanted) in [
        (&b""[..], "not a history (EOF"),
        (
            b"\xff\xfe\0",
            "not a history (invalid utf-8 sequence of 1 bytes from index 0)",
        ),
        (huge.as_bytes(), "larger than 8388608 bytes"),
        (cut.as_bytes(), "not a history (EOF"),
        (b"[1]", "not a history (invalid"),
    ] {
        fs::write(&file, content).unwrap();
        let error = store.load().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::History);
        let why = error.to_string();
        assert!(why.contains("a\\nb.json: ") && !why.contains('\n'), "{why}");
        assert!(why.contains(wanted), "{why}");
        store.save(&good).unwrap();
        assert_eq!(store.load().unwrap(), Some(good.clone()));
        assert_eq!(
            fs::read(scratch.0.join("a\nb.json.corrupt")).unwrap(),
            content
        );
        // Only the history, the damaged one that was set aside, and the lock are left: no partial file.
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 3);
    }
}

/// Runs `work`, and fails if it blocks, as opening a pipe might.
#[cfg(unix)]
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    let result = result.recv_timeout(Duration::from_secs(20));
    result.expect("it is waited for")
}

/// The message of loading, checking and saving, which must be the same and come at once.
#[cfg(unix)]
fn refused(file: &std::path::Path) -> String {
    let store = FileHistory::new(file);
    let said = soon(move || {
        let good = History::from_json(HISTORY.good).unwrap();
        [store.load().map(drop), store.check(), store.save(&good)]
            .map(|one| one.unwrap_err().to_string())
    });
    assert!(said[0] == said[1] && said[1] == said[2], "{said:?}");
    said[0].clone()
}

#[cfg(unix)]
#[test]
fn a_history_that_is_no_file_is_left_alone() {
    use nix::sys::stat::Mode;
    use std::os::unix::fs::symlink;

    let scratch = Scratch::new("no-history");
    let at = |name: &str| scratch.0.join(name);
    let pipe = |name: &str| nix::unistd::mkfifo(&at(name), Mode::S_IRWXU).unwrap();
    pipe("pipe");
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("theirs"), "theirs").unwrap();
    fs::create_dir(at("ours")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    symlink("../theirs", at("ours/link")).unwrap();
    symlink("nothing", at("nowhere")).unwrap();
    symlink("pipe", at("to-pipe")).unwrap();
    for (name, wanted) in [
        ("pipe", "found a pipe or a device"),
        ("to-pipe", "found a pipe or a device"),
        ("folder", "found a folder"),
        (
            "zero",
            "found a link that leads out of its folder, to /dev/zero: name that",
        ),
        (
            "ours/link",
            "found a link that leads out of its folder, to ",
        ),
        (
            "nowhere",
            "found a link that leads out of its folder, to nothing: name that",
        ),
    ] {
        let why = refused(&at(name));
        assert!(
            why.contains(&format!("{name}: expected a file, {wanted}")),
            "{why}"
        );
    }
    assert_eq!(fs::read(at("theirs")).unwrap(), b"theirs");
    // No file was created, set aside or replaced.
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 7);
    assert_eq!(fs::read_dir(at("ours")).unwrap().count(), 1);
    // The same for the lock file.
    for (name, lock) in [("a", None), ("b", Some("theirs")), ("c", Some("/dev/zero"))] {
        let beside = format!("{name}.lock");
        match lock {
            None => pipe(&beside),
            Some(to) => symlink(to, at(&beside)).unwrap(),
        }
        let store = FileHistory::new(at(name));
        let said = soon(move || [store.check(), store.save(&History::default())]);
        for one in said {
            let why = one.unwrap_err().to_string();
            assert!(
                why.contains(&format!("{beside}: expected a file, found")),
                "{why}"
            );
        }
        assert!(!at(name).exists());
    }
}

#[cfg(unix)]
#[test]
fn a_history_is_its_owners_alone_and_keeps_its_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let scratch = Scratch::new("private-history");
    let (file, link) = (scratch.0.join("h.json"), scratch.0.join("link"));
    let good = History::from_json(HISTORY.good).unwrap();
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    FileHistory::new(&file).save(&good).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    // A link to a file in its own folder stays a link, and its target is written.
    symlink("h.json", &link).unwrap();
    FileHistory::new(&link).save(&good).unwrap();
    assert_eq!(mode(), 0o640);
    assert!(link.is_symlink());
    assert_eq!(FileHistory::new(&link).load().unwrap(), Some(good));
    assert!(scratch.0.join("h.json.lock").exists() && !scratch.0.join("link.lock").exists());
}

#[test]
fn a_damaged_history_that_can_not_be_set_aside_stays() {
    let scratch = Scratch::new("stays");
    let file = scratch.0.join("h.json");
    let good = History::from_json(HISTORY.good).unwrap();
    let store = FileHistory::new(&file);
    fs::write(&file, "worth a look").unwrap();
    fs::create_dir_all(scratch.0.join("h.json.corrupt/theirs")).unwrap();
    for _ in 0..2 {
        let why = store.save(&good).unwrap_err().to_string();
        assert!(
            why.contains("h.json: it is damaged and can't be renamed: "),
            "{why}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "worth a look");
    }
    fs::remove_dir_all(scratch.0.join("h.json.corrupt")).unwrap();
    // A file that was set aside before is replaced.
    for content in ["worth a look", "worth another"] {
        fs::write(&file, content).unwrap();
        store.save(&good).unwrap();
        let aside = fs::read_to_string(scratch.0.join("h.json.corrupt"));
        assert_eq!(aside.unwrap(), content);
    }
}
