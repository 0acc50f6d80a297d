//! Checks that the tests named in `SECURITY.md` exist, and what a test of behaviour can't show: that
//! something is nowhere in the source.

mod sources;

use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use sources::{CRATES, Module, code, modules, workspace};
use syn::Visibility;
use syn::visit::{self, Visit};

/// The texts between single backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of the tests in a file.
#[derive(Default)]
struct Tests(Vec<String>);

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, one: &'ast syn::ItemFn) {
        let is_test = |attribute: &syn::Attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|last| last.ident == "test")
        };
        if one.attrs.iter().any(is_test) {
            self.0.push(one.sig.ident.to_string());
        }
    }

    fn visit_item_macro(&mut self, one: &'ast syn::ItemMacro) {
        // Property tests: `fn name(` among a macro's arguments.
        let tokens: Vec<TokenTree> = one.mac.tokens.clone().into_iter().collect();
        let names = tokens.windows(2).filter_map(|pair| match pair {
            [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "fn" => {
                Some(name.to_string())
            }
            _ => None,
        });
        self.0.extend(names);
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let page = fs::read_to_string(workspace().join("SECURITY.md")).unwrap();
    let promises = page.split("## What is promised").nth(1).unwrap();
    let (mut tests, mut named) = (Tests::default(), 0);
    for one in quoted(promises) {
        if one.ends_with(".rs") {
            let file = fs::read_to_string(workspace().join(one)).expect(one);
            tests = Tests::default();
            tests.visit_file(&syn::parse_file(&file).expect(one));
        } else if one.len() > 12 && one.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            let is_there = tests.0.iter().any(|name| name == one);
            assert!(is_there, "{one} is not where it is said to be");
            named += 1;
        }
    }
    assert!(named >= 100, "only {named} tests were found on the page");
}

/// Every promise needs a test, and a mutation that made the test fail.
#[test]
fn every_promise_has_a_test_that_was_seen_to_fail() {
    let page = fs::read_to_string(workspace().join("SECURITY.md")).unwrap();
    let promises = page.split("## What is promised").nth(1).unwrap();
    let mut promised = 0;
    for section in promises.split("\n### ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap();
        let mut lines = text.lines().filter(|line| line.starts_with('|'));
        let head = [lines.next(), lines.next()];
        let form = [
            "| promise | test | broken on purpose |",
            "| --- | --- | --- |",
        ];
        assert_eq!(head, form.map(Some), "{title}");
        let before = promised;
        for line in lines {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let ["", promise, test, broken, ""] = cells[..] else {
                panic!("{title}: {line}");
            };
            assert!(quoted(test).any(|one| one.ends_with(".rs")), "{promise}");
            assert!(
                quoted(test).any(|one| one.len() > 12 && !one.contains('.')),
                "{promise}"
            );
            assert!(!broken.is_empty(), "{promise}: no break was tried");
            promised += 1;
        }
        assert!(promised > before, "{title}: nothing");
    }
    assert!(promised >= 70, "only {promised} promises were found");
}

/// The public functions and methods.
#[derive(Default)]
struct Public {
    functions: Vec<String>,
    texts: Vec<String>,
}

impl<'ast> Visit<'ast> for Public {
    fn visit_item_fn(&mut self, one: &'ast syn::ItemFn) {
        if matches!(one.vis, Visibility::Public(_)) {
            self.functions.push(one.sig.ident.to_string());
        }
        visit::visit_item_fn(self, one);
    }

    fn visit_impl_item_fn(&mut self, one: &'ast syn::ImplItemFn) {
        if matches!(one.vis, Visibility::Public(_)) {
            self.functions.push(one.sig.ident.to_string());
        }
        visit::visit_impl_item_fn(self, one);
    }

    fn visit_lit_str(&mut self, one: &'ast syn::LitStr) {
        self.texts.push(one.value());
    }

    fn visit_macro(&mut self, one: &'ast syn::Macro) {
        texts_among(one.tokens.clone(), &mut self.texts);
    }
}

/// The string literals among a macro's arguments.
fn texts_among(tokens: TokenStream, texts: &mut Vec<String>) {
    for one in tokens {
        match one {
            TokenTree::Group(group) => texts_among(group.stream(), texts),
            TokenTree::Literal(literal) => {
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                texts.extend(text.ok().map(|text| text.value()));
            }
            _ => {}
        }
    }
}

/// The command-line options named in a text, such as `--no-proxy`.
fn options(text: &str) -> impl Iterator<Item = String> {
    text.split("--").skip(1).map(|rest| {
        let name = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '-');
        name.collect::<String>().replace('-', "_")
    })
}

#[test]
fn nothing_switches_certificate_checks_off() {
    let all: Vec<Module> = CRATES.into_iter().flat_map(modules).collect();
    assert!(all.len() > 100, "{} modules", all.len());
    let coded: Vec<(&Path, String)> = (all.iter())
        .map(|one| {
            (
                one.file.strip_prefix(".").unwrap_or(&one.file),
                code(&one.items),
            )
        })
        .collect();
    let with = |what: &str| -> Vec<&Path> {
        (coded.iter())
            .filter(|(_, code)| code.contains(what))
            .map(|(file, _)| *file)
            .collect()
    };
    // The only place where a verifier (the platform's or WebPKI's) is given to rustls.
    let tls = Path::new("src/tls.rs");
    assert_eq!(with(".dangerous()"), [tls]);
    assert_eq!(with("with_custom_certificate_verifier"), [tls]);
    let (_, code) = coded.iter().find(|(file, _)| *file == tls).unwrap();
    assert_eq!(code.matches(".dangerous()").count(), 1);
    assert_eq!(code.matches("Self::verified_by(").count(), 2);
    // The verifier that records refused certificates decides nothing itself.
    assert_eq!(
        with("ServerCertVerifierfor"),
        [Path::new("src/tls/recording_verifier.rs")]
    );
    // One place accepts a certificate without a path to a root: a certificate that was itself given as
    // trusted.
    let given = Path::new("src/tls/given_certificates.rs");
    assert_eq!(with("ServerCertVerified::assertion"), [given]);
    let (_, code) = coded.iter().find(|(file, _)| *file == given).unwrap();
    assert_eq!(code.matches("ServerCertVerified::assertion").count(), 1);
    for never in [
        "HandshakeSignatureValid::assertion",
        "set_certificate_verifier",
        "danger_accept_invalid",
        "tls_danger",
        "tls_sni(false)",
        "enable_sni=false",
    ] {
        assert!(with(never).is_empty(), "{never}");
    }
    // A method or option that switches checks off would need such a name.
    let mut public = Public::default();
    for module in &all {
        module.items.iter().for_each(|item| public.visit_item(item));
    }
    let options: Vec<String> = public.texts.iter().flat_map(|text| options(text)).collect();
    assert!(
        options.iter().any(|one| one == "cacert"),
        "no option was found"
    );
    assert!(public.functions.len() > 300, "{}", public.functions.len());
    for name in public.functions.iter().chain(&options) {
        let weakens = [
            "insecure",
            "invalid_cert",
            "no_verify",
            "skip_",
            "unverified",
        ];
        let suspicious = weakens.iter().any(|word| name.contains(word));
        assert!(!suspicious || name.starts_with("danger"), "{name}");
    }
}

/// Files are opened by `easelect-file` only, which doesn't block on pipes, read devices or follow planted
/// links. Programs are not run by bare name, since any folder in `PATH` might contain another one.
#[test]
fn files_are_opened_and_programs_run_in_one_place() {
    let all: Vec<Module> = CRATES.into_iter().flat_map(modules).collect();
    let with = |what: &str| -> Vec<String> {
        let found = all.iter().filter(|one| code(&one.items).contains(what));
        let file = |one: &Module| {
            one.file
                .to_string_lossy()
                .trim_start_matches("./")
                .to_owned()
        };
        found.map(file).collect()
    };
    let own = |file: &String| file.starts_with("crates/easelect-file/");
    for opening in [
        "File::open",
        "File::options",
        "File::create",
        "OpenOptions::new",
        "fs::read(",
        "fs::read_to_string(",
        "fs::write(",
        "fs::copy(",
        "fs::rename(",
        "pem_file_iter",
        "from_pem_file",
    ] {
        let elsewhere: Vec<String> = with(opening).into_iter().filter(|one| !own(one)).collect();
        assert!(elsewhere.is_empty(), "{opening} in {elsewhere:?}");
    }
    assert!(with("File::options").iter().any(own), "nothing is found");
    assert_eq!(
        with("process::Command"),
        ["crates/easelect-cli/src/system.rs"]
    );
    for another_name in ["process::{", "process::*", "process as"] {
        assert_eq!(with(another_name), Vec::<String>::new(), "{another_name}");
    }
}

/// The text after `key:` in each line that has it, also in lists.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let line = line.trim_start().trim_start_matches("- ");
        line.strip_prefix(key)?.strip_prefix(':').map(str::trim)
    })
}

/// Whether an action is pinned to a full commit, with its version as a comment.
fn is_pinned(uses: &str) -> bool {
    let Some((action, version)) = uses.split_once(" # v") else {
        return false;
    };
    let commit = action.split_once('@').map_or("", |(_, commit)| commit);
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    commit.len() == 40
        && commit.chars().all(is_hex)
        && version.starts_with(|c: char| c.is_numeric())
}

#[test]
fn workflows_run_what_was_read_and_may_only_read() {
    let commit = "de0fac2e4500dabe0009e67214ff5f5447ce83dd";
    assert!(is_pinned(&format!("actions/checkout@{commit} # v6.0.2")));
    for loose in [
        "actions/checkout@v6",
        "a/b@main # v1",
        "a/b@de0fac2e # v1",
        "a/b # v1",
    ] {
        assert!(!is_pinned(loose), "{loose}");
    }
    let folder = workspace().join(".github/workflows");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let (text, file) = (fs::read_to_string(&file).unwrap(), file.display());
        files += 1;
        for uses in values(&text, "uses") {
            assert!(is_pinned(uses), "{file}: {uses}");
        }
        // Permissions are set once for all jobs, and no job requests more.
        assert_eq!(text.matches("permissions").count(), 1, "{file}");
        assert!(
            text.contains("\npermissions:\n  contents: read\n\n"),
            "{file}"
        );
        assert!(!text.contains("secrets."), "{file}");
        assert!(!text.contains("pull_request_target"), "{file}");
        let checkouts = values(&text, "uses").filter(|uses| uses.starts_with("actions/checkout@"));
        let forgetful = values(&text, "persist-credentials").filter(|value| *value == "false");
        assert_eq!(checkouts.count(), forgetful.count(), "{file}");
        let bounded = values(&text, "timeout-minutes").count();
        assert_eq!(values(&text, "runs-on").count(), bounded, "{file}");
    }
    assert!(files >= 2);
    let released = fs::read_to_string(workspace().join(".github/workflows/release.yml")).unwrap();
    assert!(released.contains("> SHA256SUMS"));
    let updated = fs::read_to_string(workspace().join(".github/dependabot.yml")).unwrap();
    for what in [
        "package-ecosystem: cargo",
        "package-ecosystem: github-actions",
        "\"/fuzz\"",
    ] {
        assert!(updated.contains(what), "{what}");
    }
}
