//! Replays the corpus of the fuzz targets (`fuzz/README.md`) with the same functions. The corpora for
//! answers are replayed in `src/handshake/replay.rs` and `src/resolve/dns/message.rs`, those for the
//! command's files in its `src/replay.rs`.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

fn replay(target: &str, play: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut played = 0;
    for entry in fs::read_dir(folder.join(target)).unwrap() {
        let file = entry.unwrap().path();
        let data = fs::read(&file).unwrap();
        // A panic in the function itself wouldn't name the file.
        let played_well = std::panic::catch_unwind(|| play(&data)).is_ok();
        assert!(played_well, "{}", file.display());
        played += 1;
    }
    assert!(played > 0, "nothing is on file for {target}");
}

#[test]
fn catalogues() {
    replay("catalog", targets::catalog);
}

#[test]
fn certificates() {
    replay("certificate", targets::certificate);
}

#[test]
fn urls() {
    replay("url", targets::url);
}

#[test]
fn texts_of_strangers() {
    replay("shown", targets::shown);
}

#[test]
fn scenarios() {
    replay("scenario", targets::scenario);
}

#[test]
fn histories() {
    replay("history", targets::history);
}

#[test]
fn large_histories() {
    replay("history_large", targets::large_history);
}

/// The corpus of a target without a test would never be replayed.
#[test]
fn every_target_is_played() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| {
        let entries = fs::read_dir(fuzz.join(folder)).unwrap();
        let stems = entries.map(|entry| entry.unwrap().path().with_extension(""));
        let mut names: Vec<_> = stems
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let played = [
        "catalog",
        "certificate",
        "dns",
        "history",
        "history_large",
        "list",
        "pem",
        "proxy",
        "scenario",
        "shown",
        "upgrade",
        "url",
    ];
    assert_eq!(names("corpus"), played);
    assert_eq!(names("fuzz_targets"), played);
}
