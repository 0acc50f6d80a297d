//! The documents: links lead somewhere, code is compiled, and Chinese paragraphs have no line breaks, which
//! Markdown renders as blanks between characters.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file of the repository by its path from the root, with its text.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            let is_ours = !name.starts_with('.') && !["target", "node_modules"].contains(&&*name);
            if is_ours && entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.insert(path, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    assert!(found.contains_key(Path::new("docs/diagnose.zh-CN.md")));
    found
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// What a heading is linked to by, as GitHub derives it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().flat_map(char::to_lowercase);
    kept.filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in events(text) {
        match (&mut heading, event) {
            (_, Event::Start(Tag::Heading { .. })) => heading = Some(String::new()),
            (Some(words), Event::Text(one) | Event::Code(one)) => words.push_str(&one),
            (Some(words), Event::End(TagEnd::Heading(_))) => {
                found.insert(anchor(words));
                heading = None;
            }
            _ => {}
        }
    }
    found
}

/// `path` without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut to, part| {
        match part {
            Component::ParentDir => assert!(to.pop(), "{} leaves the repository", path.display()),
            Component::CurDir => {}
            other => to.push(other),
        }
        to
    })
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    let mut wrong = Vec::new();
    for (name, text) in &documents {
        for event in events(text) {
            let (Event::Start(Tag::Link { dest_url, .. })
            | Event::Start(Tag::Image { dest_url, .. })) = event
            else {
                continue;
            };
            if dest_url.contains("://") {
                continue;
            }
            let (file, fragment) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let target = match file {
                "" => name.clone(),
                file => plain(&name.with_file_name(file)),
            };
            let is_there = root().join(&target).exists();
            let has_heading = || anchors(&documents[&target]).contains(fragment);
            if !is_there || !(fragment.is_empty() || has_heading()) {
                wrong.push(format!("{}: {dest_url}", name.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn code_in_rust_is_compiled() {
    let with_code: BTreeSet<String> = (documents().into_iter())
        .filter(|(_, text)| {
            events(text).any(|event| match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) => kind.contains("rust"),
                _ => false,
            })
        })
        .map(|(name, _)| name.to_str().unwrap().to_owned())
        .collect();
    // The first by tests/embedding.rs, the others as documentation tests of their crates.
    let compiled = [
        "docs/embedding.md",
        "README.md",
        "README.zh-CN.md",
        "docs/ranking.md",
        "crates/easelect-lab/README.md",
    ];
    assert_eq!(with_code, compiled.map(str::to_owned).into());
    for (source, names) in [
        ("src/lib.rs", &compiled[1..4]),
        ("crates/easelect-lab/src/lib.rs", &["README.md"]),
    ] {
        let source = fs::read_to_string(root().join(source)).unwrap();
        for name in names {
            let included = format!("include_str!(\"../{name}\")");
            assert!(source.contains(&included), "{included}");
        }
    }
}

#[test]
fn chinese_paragraphs_are_one_line() {
    for (name, text) in documents() {
        if !name.to_str().unwrap().ends_with(".zh-CN.md") {
            continue;
        }
        let mut before = String::new();
        for event in events(&text) {
            match event {
                Event::Text(one) => before = one.into_string(),
                Event::SoftBreak => panic!("{}: a line break after {before:?}", name.display()),
                _ => {}
            }
        }
    }
}

#[test]
fn the_readme_is_short() {
    for name in ["README.md", "README.zh-CN.md"] {
        let lines = fs::read_to_string(root().join(name))
            .unwrap()
            .lines()
            .count();
        assert!(
            lines <= 180,
            "{name} has {lines} lines: details belong in docs/"
        );
    }
}
