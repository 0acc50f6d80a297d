//! The documents of the command: their examples work on a simulated network.

mod all_commands;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use all_commands::COMMANDS;

use easelect::{Catalog, CatalogFormat};

/// Documents, and whether each must have an example of every command.
const DOCUMENTS: [(&str, bool); 5] = [
    ("docs/diagnose.md", true),
    ("docs/diagnose.zh-CN.md", true),
    ("README.md", false),
    ("README.zh-CN.md", false),
    ("crates/easelect-cli/README.md", false),
];

/// A network on which a measurement is quick: one host that answers; other names are unknown.
const LAB: &str = r#"
[[host]]
name = ["im-api-v2.easemob.com", "im-api-v2.easecdn.com"]
addresses = ["44.128.0.1"]

[[path]]
address = "44.128.0.1"
rtt = 2
"#;

const OWN: &str = r#"
[[region]]
id = "own1"

[[endpoint]]
region = "own1"
service = "websocket"
url = "wss://im.example.com/websocket"
"#;

fn document(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).unwrap()
}

/// Returns the lines in `console` fences that begin with `easelect`, without comments and redirections.
fn typed(text: &str) -> Vec<Vec<String>> {
    let mut fence: Option<String> = None;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            fence = fence.is_none().then(|| kind.to_owned());
        } else if fence.as_deref() == Some("console") {
            let words = words(line);
            if words.first().is_some_and(|one| one == "easelect") {
                found.push(words[1..].to_vec());
            }
        }
    }
    found
}

/// Splits a line as a shell does.
fn words(line: &str) -> Vec<String> {
    let words = line.split_whitespace();
    let words = words.take_while(|word| !word.starts_with(['#', '>']));
    words.map(|word| word.replace('\'', "")).collect()
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Scratch {
    /// A folder with the files that the documents name.
    fn new(name: &str) -> Self {
        let name = format!("easelect-docs-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("reports")).unwrap();
        let scratch = Scratch(folder);
        fs::write(scratch.0.join("lab.toml"), LAB).unwrap();
        fs::write(scratch.0.join("own.toml"), OWN).unwrap();
        for report in ["before.json", "after.html"] {
            let line = format!(
                "--lab lab.toml --region cn1 --service websocket --rounds 1 --output {report}"
            );
            let ended = scratch.ran(&words(&line));
            assert_eq!(ended.status.code(), Some(0), "{report}");
        }
        scratch
    }

    fn ran(&self, args: &[String]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_easelect"))
            .args(args)
            .current_dir(&self.0)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap()
    }
}

/// Returns the command's name, which is `diagnose` if there is none.
fn name(args: &[String]) -> &str {
    let first = args.first().map(String::as_str);
    first
        .filter(|one| COMMANDS.contains(one))
        .unwrap_or("diagnose")
}

/// Adds the simulated network to commands that use the network.
fn simulated(args: &[String]) -> Vec<String> {
    let mut args = args.to_vec();
    let command = name(&args).to_owned();
    if command == "server-json" {
        // The built-in scenario has the list service; this one doesn't.
        if !args.iter().any(|one| one == "--lab" || one == "--help") {
            args.extend(words("--lab --rounds 1"));
        }
        return args;
    }
    if !["diagnose", "connect"].contains(&command.as_str()) {
        return args;
    }
    args.retain(|one| one != "--lab");
    args.extend(words("--lab lab.toml"));
    if command == "diagnose" {
        args.extend(words("--rounds 1"));
    }
    args
}

#[test]
fn what_the_documents_tell_to_type_works() {
    let scratch = Scratch::new("typed");
    let mut known = BTreeSet::new();
    for (document_name, is_complete) in DOCUMENTS {
        let lines = typed(&document(document_name));
        let mut commands = BTreeSet::new();
        for line in &lines {
            commands.insert(name(line).to_owned());
            let args = simulated(line);
            // The documents repeat each other.
            if !known.insert(args.clone()) {
                continue;
            }
            let ended = scratch.ran(&args);
            let status = ended.status.code();
            let sends = ["diagnose", "connect"].contains(&name(line));
            // On this network some groups have no usable endpoint.
            let is_right = status == Some(0) || (sends && status == Some(1));
            let errors = String::from_utf8_lossy(&ended.stderr);
            assert!(
                is_right,
                "{document_name}: easelect {line:?}: {status:?}: {errors}"
            );
        }
        assert!(!lines.is_empty(), "{document_name} tells nothing to type");
        for command in COMMANDS.iter().filter(|_| is_complete) {
            let is_told = commands.contains(*command);
            assert!(is_told, "{document_name} has no example of {command}");
        }
    }
}

#[test]
fn catalogue_files_in_the_reference_are_read() {
    for (name, _) in DOCUMENTS.iter().filter(|(_, is_complete)| *is_complete) {
        let page = document(name);
        let files: Vec<&str> = (page.split("```toml\n").skip(1))
            .filter_map(|rest| Some(rest.split_once("```")?.0))
            .collect();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let catalog = Catalog::builtin().with_file(file, CatalogFormat::Toml, name);
            assert!(catalog.is_ok(), "{}", catalog.unwrap_err());
        }
    }
}

#[test]
fn options_in_the_reference_exist() {
    let scratch = Scratch::new("options");
    let mut helps = String::new();
    for command in COMMANDS {
        let ended = scratch.ran(&words(&format!("{command} --help --lang en")));
        helps += &String::from_utf8(ended.stdout).unwrap();
    }
    let options = |text: &str| -> BTreeSet<String> {
        let is_of_name = |c: char| c.is_ascii_lowercase() || c == '-';
        let words = text.split(|c: char| !is_of_name(c));
        let options = words.filter(|one| one.starts_with("--") && one.len() > 2);
        options.map(str::to_owned).collect()
    };
    let known = options(&helps);
    assert!(known.contains("--region") && !known.contains("--list"));
    for (name, _) in DOCUMENTS.iter().filter(|(_, is_complete)| *is_complete) {
        // Comments have options of cargo.
        let page = document(name);
        let lines: Vec<&str> = page
            .lines()
            .filter(|one| !one.starts_with("<!--"))
            .collect();
        let told = options(&lines.join("\n"));
        // Without the rules of tables.
        let unknown: Vec<_> = (told.difference(&known))
            .filter(|one| one.contains(|c: char| c != '-'))
            .collect();
        assert_eq!(unknown, Vec::<&String>::new(), "{name}");
    }
}
