//! How many crates come along with easelect.

use std::collections::BTreeSet;
use std::process::Command;

/// What is linked into a program.
pub(crate) const LINKED: &str = "normal,no-proc-macro";

/// That, and the derive macros, which a build needs and leaves behind.
pub(crate) const ALL: &str = "normal";

/// With defaults; with all but REST; with nothing that can be left out.
pub(crate) const DEFAULT: &[&str] = &[];
pub(crate) const WITHOUT_REST: &[&str] = &["--no-default-features", "--features", "toml"];
pub(crate) const LEAST: &[&str] = &["--no-default-features"];

/// Each name and version that `cargo tree` knows on this platform, once, without our own.
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
    // What stands behind name and version differs between mentions of one crate.
    let tree = String::from_utf8(output.stdout).expect("crates have plain names");
    let named = |line: &str| line.splitn(3, ' ').take(2).map(str::to_owned).collect();
    let others = tree.lines().filter(|line| !line.starts_with("easelect"));
    let crates: BTreeSet<Vec<String>> = others.map(named).collect();
    crates.len()
}
