//! Checks the order of the modules in each crate: data flows one way. The compiler checks that of the crates.

mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use sources::{CRATES, Module, modules, workspace};
use syn::visit::{self, Visit};
use syn::{Item, UseTree};

/// The modules declared in the crate's root, in order.
fn order(root: &Module) -> Vec<String> {
    let declared = root.items.iter().filter_map(|item| match item {
        Item::Mod(one) if one.content.is_none() => Some(one.ident.to_string()),
        _ => None,
    });
    declared.collect()
}

/// Collects the root's modules that a module refers to.
struct Named {
    /// The module's depth below the root.
    depth: usize,
    found: Vec<String>,
}

impl Named {
    /// Records the root's module that a path, given by its segments, refers to.
    fn path(&mut self, segments: &[String]) {
        let first = segments.first().map(String::as_str);
        let ups = segments.iter().take_while(|one| *one == "super").count();
        let at_root = match first {
            Some("crate") => 1,
            Some("super") if ups == self.depth => ups,
            _ => return,
        };
        self.found.extend(segments.get(at_root).cloned());
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |one: &syn::Ident| {
            let one = one.to_string();
            before.iter().cloned().chain([one]).collect::<Vec<_>>()
        };
        match tree {
            UseTree::Path(one) => self.tree(&with(&one.ident), &one.tree),
            UseTree::Name(one) => self.path(&with(&one.ident)),
            UseTree::Rename(one) => self.path(&with(&one.ident)),
            UseTree::Glob(_) => self.path(before),
            UseTree::Group(group) => group.items.iter().for_each(|one| self.tree(before, one)),
        }
    }

    /// `crate::name` among a macro's arguments.
    fn tokens(&mut self, tokens: TokenStream) {
        let all: Vec<TokenTree> = tokens.into_iter().collect();
        for (place, one) in all.iter().enumerate() {
            match one {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) if ident == "crate" => {
                    // After the two colons.
                    if let Some(TokenTree::Ident(name)) = all.get(place + 3) {
                        self.found.push(name.to_string());
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, one: &'ast syn::ItemUse) {
        self.tree(&[], &one.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|one| one.ident.to_string());
        self.path(&segments.collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, one: &'ast syn::Macro) {
        self.tokens(one.tokens.clone());
        visit::visit_macro(self, one);
    }
}

/// The report is left out: its findings and their texts still refer to each other.
const ORDERED: [&str; 6] = [
    ".",
    "crates/easelect-engine",
    "crates/easelect-file",
    "crates/easelect-lab",
    "crates/easelect-cli",
    "crates/easelect-exporter",
];

#[test]
fn a_module_uses_only_those_above_it() {
    let mut wrong = Vec::new();
    for folder in ORDERED {
        let modules = modules(folder);
        let order = order(&modules[0]);
        assert!(order.len() >= 3, "{folder} is not understood: {order:?}");
        for module in &modules[1..] {
            let place = order.iter().position(|one| *one == module.path[0]);
            let place = place.expect("it is below a module of the root");
            let mut named = Named {
                depth: module.path.len(),
                found: Vec::new(),
            };
            module.items.iter().for_each(|item| named.visit_item(item));
            for used in named.found {
                let file = module.file.display();
                match order.iter().position(|one| *one == used) {
                    Some(other) if other <= place => {}
                    Some(_) => wrong.push(format!("{file} uses {used}, which is below it")),
                    // A path through a re-export of the root would hide the module.
                    None => wrong.push(format!("{file}: {used} is no module of the root")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// CONTRIBUTING.md has a section per source folder and exactly one row per file.
#[test]
fn the_map_names_every_file() {
    const FOLDERS: [&str; 8] = [
        "crates/easelect-engine",
        "crates/easelect-file",
        "src",
        "crates/easelect-lab",
        "crates/easelect-report",
        "crates/easelect-cli",
        "crates/easelect-exporter",
        "sim",
    ];
    let map = fs::read_to_string(workspace().join("CONTRIBUTING.md")).unwrap();
    for folder in FOLDERS {
        let head = format!("\n### `{folder}`");
        let (_, section) = map.split_once(&head).expect(folder);
        let section = section.split("\n#").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let named = rows.map(|row| row.split('`').next().unwrap().to_owned());
        let src = match folder {
            "src" => workspace().join(folder),
            _ => workspace().join(folder).join("src"),
        };
        let mut there = BTreeSet::new();
        files(&src, "", &mut there);
        assert_eq!(named.collect::<BTreeSet<_>>(), there, "{folder}");
    }
}

/// The module files below a folder, without the root's.
fn files(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, &format!("{prefix}{name}/"), found);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !(prefix.is_empty() && matches!(name.as_str(), "lib" | "main"))
        {
            found.insert(format!("{prefix}{name}"));
        }
    }
}

/// Unit tests of private items are at the end of their file, all others in the crate's folder `tests`.
#[test]
fn no_file_is_only_for_tests() {
    /// Functions shared by fuzz targets and the tests that replay their corpora.
    const EXCEPTION: &str = "replay";
    for folder in CRATES {
        for module in modules(folder) {
            let set_aside = module.set_aside.iter().filter(|one| *one != EXCEPTION);
            let files: Vec<&String> = set_aside.collect();
            assert!(files.is_empty(), "{}: {files:?}", module.file.display());
        }
    }
}
