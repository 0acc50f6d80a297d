//! `SECURITY.md` names the tests that hold its promises; they must be there. And what no test of
//! behaviour can show: that something is nowhere in the source.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands between single backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_is_named_exists() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let promises = page.split("## What is promised").nth(1).unwrap();
    let (mut file, mut named) = (String::new(), 0);
    for one in quoted(promises) {
        if one.ends_with(".rs") {
            file = fs::read_to_string(root().join(one)).expect(one);
        } else if one.len() > 12 && one.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            let is_there = file.contains(&format!("fn {one}("));
            assert!(is_there, "{one} is not where it is said to be");
            named += 1;
        }
    }
    assert!(named >= 25, "only {named} tests were found on the page");
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn nothing_switches_certificate_checks_off() {
    let mut all = Vec::new();
    sources(&root().join("src"), &mut all);
    sources(&root().join("examples"), &mut all);
    assert!(all.len() > 50);
    let with = |what: &str| -> Vec<PathBuf> {
        let has = |(path, text): &(PathBuf, String)| {
            let path = path.strip_prefix(root()).unwrap().to_owned();
            let shipped = text.split("#[cfg(test)]").next().unwrap();
            shipped.contains(what).then_some(path)
        };
        all.iter().filter_map(has).collect()
    };
    // The one place where a verifier is handed to rustls: the platform's, or WebPKI's.
    let tls = [PathBuf::from("src/tls.rs")];
    assert_eq!(with(".dangerous()"), tls);
    assert_eq!(with("with_custom_certificate_verifier"), tls);
    let text = &all
        .iter()
        .find(|one| one.0.ends_with("src/tls.rs"))
        .unwrap()
        .1;
    assert_eq!(text.matches(".dangerous()").count(), 1);
    assert_eq!(text.matches("Self::verified_by(").count(), 2);
    // What keeps a refused certificate's facts judges nothing itself.
    let witness = [PathBuf::from("src/tls/witness.rs")];
    assert_eq!(with("ServerCertVerifier for"), witness, "outside of tests");
    for never in [
        "ServerCertVerified::assertion",
        "HandshakeSignatureValid::assertion",
        "set_certificate_verifier",
        "danger_accept_invalid",
        "tls_danger",
        "tls_sni(false)",
        "enable_sni = false",
    ] {
        assert!(with(never).is_empty(), "{never}");
    }
    // Were there a method or a flag for it, it would have to be called so.
    for (path, text) in &all {
        for line in text.lines().map(str::trim_start) {
            let flag = line.strip_prefix("\"--").map(|rest| rest.replace('-', "_"));
            let method = line.split("pub fn ").nth(1).map(str::to_owned);
            for name in [flag, method].into_iter().flatten() {
                let name: String = name
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let weakens = [
                    "insecure",
                    "invalid_cert",
                    "no_verify",
                    "skip_",
                    "unverified",
                ];
                let suspicious = weakens.iter().any(|word| name.contains(word));
                assert!(
                    !suspicious || name.starts_with("danger"),
                    "{}: {name}",
                    path.display()
                );
            }
        }
    }
}
