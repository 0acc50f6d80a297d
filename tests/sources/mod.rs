//! The workspace's sources, module by module, without code for tests and fuzzing.

#![allow(dead_code, reason = "no test uses everything")]

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item, Meta, Token};

/// A module in a separate file.
pub(crate) struct Module {
    /// The path of the file, relative to the workspace's root.
    pub(crate) file: PathBuf,
    /// The module path below the crate's root; empty for `lib.rs`.
    pub(crate) path: Vec<String>,
    /// The items that are shipped.
    pub(crate) items: Vec<Item>,
    /// The modules that only tests or fuzzing build.
    pub(crate) set_aside: Vec<String>,
}

/// The folders of the shipped crates.
pub(crate) const CRATES: [&str; 7] = [
    ".",
    "crates/easelect-engine",
    "crates/easelect-file",
    "crates/easelect-lab",
    "crates/easelect-report",
    "crates/easelect-cli",
    "crates/easelect-exporter",
];

pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The modules of a crate's library in the order of declaration, each before its submodules.
pub(crate) fn modules(folder: &str) -> Vec<Module> {
    let mut modules = Vec::new();
    let src = Path::new(folder).join("src");
    read(src.join("lib.rs"), Vec::new(), &src, &mut modules);
    modules
}

fn read(file: PathBuf, path: Vec<String>, below: &Path, modules: &mut Vec<Module>) {
    let text = fs::read_to_string(workspace().join(&file)).unwrap();
    let mut parsed = syn::parse_file(&text).unwrap_or_else(|error| {
        panic!("{}: {error}", file.display());
    });
    let mut shipped = Shipped::default();
    shipped.visit_file_mut(&mut parsed);
    let place = modules.len();
    modules.push(Module {
        file,
        path: path.clone(),
        items: parsed.items,
        set_aside: shipped.set_aside,
    });
    let declared = modules[place].items.iter().filter_map(|item| match item {
        Item::Mod(one) if one.content.is_none() => Some(one.ident.to_string()),
        _ => None,
    });
    for name in declared.collect::<Vec<_>>() {
        let file = below.join(format!("{name}.rs"));
        let path = path.iter().cloned().chain([name.clone()]).collect();
        read(file, path, &below.join(&name), modules);
    }
}

/// Removes items for tests or fuzzing, and all attributes including documentation.
#[derive(Default)]
struct Shipped {
    set_aside: Vec<String>,
}

impl Shipped {
    fn retain<T>(list: &mut Vec<T>, attributes: impl Fn(&T) -> &[Attribute]) {
        list.retain(|one| is_shipped(attributes(one)));
    }

    fn items(&mut self, items: &mut Vec<Item>) {
        for item in items.iter() {
            if let Item::Mod(one) = item
                && one.content.is_none()
                && !is_shipped(&one.attrs)
            {
                self.set_aside.push(one.ident.to_string());
            }
        }
        Self::retain(items, |item| attributes(item));
    }
}

impl VisitMut for Shipped {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        self.items(&mut file.items);
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            self.items(items);
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        Self::retain(&mut block.items, |item| match item {
            syn::ImplItem::Const(one) => &one.attrs,
            syn::ImplItem::Fn(one) => &one.attrs,
            syn::ImplItem::Type(one) => &one.attrs,
            syn::ImplItem::Macro(one) => &one.attrs,
            _ => &[],
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        attributes.clear();
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(one) => &one.attrs,
        Item::Enum(one) => &one.attrs,
        Item::ExternCrate(one) => &one.attrs,
        Item::Fn(one) => &one.attrs,
        Item::Impl(one) => &one.attrs,
        Item::Macro(one) => &one.attrs,
        Item::Mod(one) => &one.attrs,
        Item::Static(one) => &one.attrs,
        Item::Struct(one) => &one.attrs,
        Item::Trait(one) => &one.attrs,
        Item::Type(one) => &one.attrs,
        Item::Use(one) => &one.attrs,
        _ => &[],
    }
}

fn is_shipped(attributes: &[Attribute]) -> bool {
    let cfgs = attributes.iter().filter(|one| one.path().is_ident("cfg"));
    cfgs.map(|one| one.parse_args::<Meta>().expect("a predicate"))
        .all(|predicate| holds(&predicate) != Some(false))
}

/// Whether a `cfg` predicate holds in shipped code; `None` if that depends on platform or features.
fn holds(predicate: &Meta) -> Option<bool> {
    let inner = |list: &syn::MetaList| -> Vec<Option<bool>> {
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let all = list.parse_args_with(parser).expect("predicates");
        all.iter().map(holds).collect()
    };
    match predicate {
        Meta::Path(path) => {
            let never = ["test", "fuzzing", "doctest"];
            never.iter().any(|one| path.is_ident(one)).then_some(false)
        }
        Meta::List(list) if list.path.is_ident("not") => inner(list)[0].map(|one| !one),
        Meta::List(list) if list.path.is_ident("all") => {
            let all = inner(list);
            let known = all.iter().all(Option::is_some).then_some(true);
            if all.contains(&Some(false)) {
                Some(false)
            } else {
                known
            }
        }
        Meta::List(list) if list.path.is_ident("any") => {
            let all = inner(list);
            let known = all.iter().all(Option::is_some).then_some(false);
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                known
            }
        }
        _ => None,
    }
}

/// The code of items in one line without blanks.
pub(crate) fn code(items: &[Item]) -> String {
    let tokens: String = (items.iter())
        .map(|item| item.to_token_stream().to_string())
        .collect();
    tokens.split_whitespace().collect()
}
