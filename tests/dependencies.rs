//! Checks the dependencies: their sources, licences, duplicates, and that there is one TLS implementation.
//!
//! `Cargo.lock` lists the crates of every feature and platform; `fuzz` has its own. A licence can only be
//! read from a downloaded crate. Those of other platforms are checked by `cargo deny`, which `.ci/run` runs
//! with the same list.

#[cfg(target_os = "linux")]
#[path = "../benches/footprint/crates.rs"]
mod crates;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
}

const LOCKS: [&str; 2] = ["Cargo.lock", "fuzz/Cargo.lock"];

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(path).unwrap()
}

fn locked(file: &str) -> Vec<Locked> {
    let lock: Lock = toml::from_str(&read(file)).unwrap();
    assert!(lock.package.len() > 100, "{file} is not understood");
    lock.package
}

/// The workspace.
const MEMBERS: [&str; 8] = [
    "easelect",
    "easelect-cli",
    "easelect-engine",
    "easelect-exporter",
    "easelect-file",
    "easelect-lab",
    "easelect-report",
    "easelect-sim",
];

/// The names of the crates linked into a member, from `cargo tree`.
fn linked_into(member: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", member])
        .args(["--edges", "normal", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    tree.lines().filter_map(name).collect()
}

/// The allowed dependencies between members.
#[test]
fn arrows_point_one_way() {
    let own = |member: &str| {
        let linked = linked_into(member);
        let mut own: Vec<&str> = MEMBERS
            .into_iter()
            .filter(|one| *one != member && linked.iter().any(|name| name == one))
            .collect();
        own.sort_unstable();
        own
    };
    let library = ["easelect", "easelect-engine", "easelect-file"];
    assert!(own("easelect-engine").is_empty() && own("easelect-file").is_empty());
    assert_eq!(own("easelect"), ["easelect-engine", "easelect-file"]);
    assert_eq!(own("easelect-lab"), library);
    assert_eq!(own("easelect-report"), library);
    let of_the_programs = [
        "easelect",
        "easelect-engine",
        "easelect-file",
        "easelect-lab",
        "easelect-report",
    ];
    assert_eq!(own("easelect-cli"), of_the_programs);
    assert_eq!(own("easelect-exporter"), of_the_programs);
    assert_eq!(own("easelect-sim"), library);
    // The engine has no clock, socket or task.
    let engine = linked_into("easelect-engine");
    assert!(engine.iter().any(|one| one == "serde_json"));
    for one in ["tokio", "rustls", "reqwest", "ring", "futures", "fastrand"] {
        assert!(!engine.iter().any(|name| name == one), "{one}");
    }
}

#[test]
fn everything_is_from_crates_io() {
    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
    for one in LOCKS.into_iter().flat_map(locked) {
        let ours = MEMBERS.contains(&one.name.as_str()) || one.name == "easelect-fuzz";
        let own = ours && one.source.is_none();
        let published = one.source.as_deref() == Some(CRATES_IO);
        assert!(own || published, "{} is from {:?}", one.name, one.source);
    }
}

#[test]
fn there_is_one_tls() {
    const OTHERS: [&str; 9] = [
        "aws-lc-fips-sys",
        "aws-lc-rs",
        "aws-lc-sys",
        "boring",
        "mbedtls",
        "native-tls",
        "openssl",
        "openssl-sys",
        "rustls-graviola",
    ];
    for file in LOCKS {
        let locked = locked(file);
        let is_there = |name: &str| locked.iter().any(|one| one.name == name);
        assert!(is_there("rustls") && is_there("ring"));
        for other in OTHERS {
            assert!(!is_there(other), "{other} came in: {file}");
        }
    }
    let banned: Vec<String> = deny().bans.deny.into_iter().map(|one| one.name).collect();
    assert_eq!(banned, OTHERS);
}

/// The configuration of `cargo deny`.
#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Named>,
    skip: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "crate")]
    name: String,
}

fn deny() -> Deny {
    toml::from_str(&read("deny.toml")).unwrap()
}

/// Crates that occur in two versions, with the reason.
const TWICE: [(&str, &str); 5] = [
    (
        "core-foundation",
        "macOS: hickory's system-configuration 0.7 asks for 0.9",
    ),
    ("getrandom", "ring 0.17 asks for 0.2"),
    (
        "syn",
        "derive macros are moving from 2 to 3; none of it is in a build's result",
    ),
    ("synstructure", "as syn, which it is built on"),
    ("windows-sys", "Windows: ring 0.17 asks for 0.52"),
];

#[test]
fn every_crate_is_there_once() {
    let is_twice = |name: &str| TWICE.iter().any(|(twice, _)| *twice == name);
    for file in LOCKS {
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in locked(file) {
            versions.entry(one.name).or_default().push(one.version);
        }
        for (name, versions) in &versions {
            let most = 1 + usize::from(is_twice(name));
            assert!(versions.len() <= most, "{name}: {versions:?} in {file}");
        }
        for (name, _) in TWICE {
            let now = versions.get(name).map_or(0, Vec::len);
            let needed = now == 2 || file != LOCKS[0];
            assert!(needed, "{name} needs no exception any more");
        }
    }
    // The lock file may contain unused crates; `cargo deny` sees only used ones.
    for one in deny().bans.skip {
        assert!(is_twice(&one.name), "{}", one.name);
    }
}

/// Limits for the number of crates, including macros. The goals are 120 with default features and 75
/// without REST. The limits are slightly above the current counts, so that additions are noticed.
#[cfg(target_os = "linux")]
const MOST_CRATES: [(&[&str], usize, usize); 3] = [
    (crates::DEFAULT, 114, 129),
    (crates::WITHOUT_REST, 75, 86),
    (crates::LEAST, 71, 81),
];

#[test]
#[cfg(target_os = "linux")]
fn there_are_few() {
    for (features, linked, all) in MOST_CRATES {
        let now = (
            crates::count(features, crates::LINKED),
            crates::count(features, crates::ALL),
        );
        assert!(30 < now.0 && now.0 < now.1, "cargo tree is not understood");
        assert!(now.0 <= linked && now.1 <= all, "{features:?}: {now:?}");
    }
}

/// Permissive licences, which require attribution only.
const LICENCES: [&str; 10] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression allows one of [`LICENCES`]. Older crates write `/` for `OR`.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain
        .split(" AND ")
        .all(|all| all.split(" OR ").any(|one| LICENCES.contains(&one.trim())))
}

#[test]
fn every_licence_is_permissive() {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        license: Option<String>,
    }

    for (expression, allowed) in [
        ("MIT/Apache-2.0", true),
        ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("MPL-2.0", false),
    ] {
        assert_eq!(is_allowed(expression), allowed, "{expression}");
    }
    assert_eq!(deny().licenses.allow, LICENCES);
    let host = Command::new(env!("CARGO")).args(["-vV"]).output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", host.expect("cargo names its host")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    assert!(metadata.packages.len() > 100);
    for one in metadata.packages {
        let licence = one.license.unwrap_or_default();
        assert!(is_allowed(&licence), "{}: {licence:?}", one.name);
    }
}
