//! The number of crates that easelect depends on.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates that are linked into a program.
pub(crate) const LINKED: &str = "normal,no-proc-macro";

/// The same and the procedural macros, which only the build needs.
pub(crate) const ALL: &str = "normal";

// Features: the defaults; all of them except REST; none.
pub(crate) const DEFAULT: &[&str] = &[];
pub(crate) const WITHOUT_REST: &[&str] = &["--no-default-features", "--features", "toml"];
pub(crate) const LEAST: &[&str] = &["--no-default-features"];

/// Counts the names and versions that `cargo tree` lists for this platform, without easelect's own.
pub(crate) fn count(features: &[&str], edges: &str) -> usize {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", "easelect"])
        .args(["--prefix", "none"])
        .args(["--edges", edges])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    // Only name and version: the rest of the line differs between mentions of a crate.
    let tree = String::from_utf8(output.stdout).expect("crates have plain names");
    let named = |line: &str| line.splitn(3, ' ').take(2).map(str::to_owned).collect();
    let others = tree.lines().filter(|line| !line.starts_with("easelect"));
    let crates: BTreeSet<Vec<String>> = others.map(named).collect();
    crates.len()
}
