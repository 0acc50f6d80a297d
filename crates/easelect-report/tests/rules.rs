//! The table of rules in docs/diagnose.md.

use std::collections::BTreeSet;
use std::path::Path;

/// The table, with a line for each rule in the order of gravity.
fn generated() -> String {
    let cell = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => text.replace('|', "\\|"),
    };
    let mut table = "| finding | needs | excluded by |\n| --- | --- | --- |\n".to_owned();
    for (code, needs, unless) in easelect_report::rules() {
        table += &format!("| `{code}` | {} | {} |\n", cell(needs), cell(unless));
    }
    table
}

/// `EASELECT_BLESS=1` writes it.
#[test]
fn the_documentation_has_every_rule() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/diagnose.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, rest) = text.split_once("<!-- rules -->\n").unwrap();
    let (told, tail) = rest.split_once("<!-- end -->").unwrap();
    let expected = format!("\n{}\n", generated());
    if told != expected && std::env::var_os("EASELECT_BLESS").is_some() {
        let whole = format!("{head}<!-- rules -->\n{expected}<!-- end -->{tail}");
        std::fs::write(&file, whole).unwrap();
        return;
    }
    assert_eq!(told, expected, "EASELECT_BLESS=1 writes it");
}

#[test]
fn every_rule_has_a_code_of_its_own_and_says_what_it_needs() {
    let mut codes = BTreeSet::new();
    for (code, needs, _) in easelect_report::rules() {
        assert!(codes.insert(code), "{code} twice");
        assert!(!needs.is_empty(), "{code}");
    }
}
