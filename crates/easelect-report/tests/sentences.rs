//! Every text that a report may show, in one file to read: docs/sentences.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};

/// Where texts appear, and the sources that have them: a file belongs to the first prefix that fits.
const SECTIONS: &[(&str, &[&str])] = &[
    ("Verdict", &["texts/verdict.rs", "verdict.rs"]),
    ("Findings and their hints", &["rules"]),
    (
        "Failures",
        &[
            "texts/failure",
            "texts/tls_alert.rs",
            "texts/certificate.rs",
        ],
    ),
    (
        "Words that several places share",
        &["texts/label.rs", "texts.rs", "figures.rs"],
    ),
    ("Terminal", &["format/table", "format/summary.rs"]),
    ("HTML and Markdown", &["format"]),
    ("connect", &["connects.rs"]),
    ("list", &["listing.rs", "texts/catalog.rs"]),
    ("compare", &["compare", "read.rs"]),
    ("explain", &["explain"]),
    ("advise", &["advice", "sdk.rs"]),
    ("server-json", &["server_list"]),
    ("page", &["page"]),
    ("Elsewhere", &[""]),
];

const HEAD: &str = "\
# Every sentence of a report

<!-- Generated: EASELECT_BLESS=1 cargo test -p easelect-report --test sentences -->

Every text that a report or a page of `easelect` may show, in English and Chinese. Names in braces are placeholders. A
part of a sentence that depends on the measurement has its own row. Figures, names and Prometheus' help lines (which
are English only) are not listed.
";

/// The two languages of one text; either may be missing.
type Pair = (String, String);

/// Ideographs, Chinese punctuation and full-width forms.
fn is_chinese(text: &str) -> bool {
    let wide = |c: char| matches!(c, '\u{3001}'..='\u{9fff}' | '\u{ff01}'..='\u{ff60}');
    text.chars().any(wide)
}

fn any_chinese(texts: &[String]) -> bool {
    texts.iter().any(|one| is_chinese(one))
}

/// Whether it is more than punctuation.
fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// The text of a string literal, `None` of any other.
fn string(literal: &Literal) -> Option<String> {
    syn::parse_str::<syn::LitStr>(&literal.to_string())
        .ok()
        .map(|one| one.value())
}

/// The name of what fills a placeholder: `names` of `list(&names).en`.
fn name(argument: &[TokenTree]) -> String {
    fn idents(tokens: impl IntoIterator<Item = TokenTree>, all: &mut Vec<String>) {
        for one in tokens {
            match one {
                TokenTree::Ident(ident) => all.push(ident.to_string()),
                TokenTree::Group(group) => idents(group.stream(), all),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    idents(argument.iter().cloned(), &mut all);
    all.retain(|one| {
        !matches!(
            one.as_str(),
            "en" | "zh" | "lang" | "of" | "self" | "len" | "as_secs"
        )
    });
    all.pop().unwrap_or_default()
}

/// What is between commas and arrows, without attributes and what only tests have.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    let mut tokens = tokens.into_iter();
    let (mut is_test, mut before) = (false, None);
    while let Some(one) = tokens.next() {
        match &one {
            TokenTree::Punct(sign) if sign.as_char() == '#' => {
                let attribute = tokens.find(|one| matches!(one, TokenTree::Group(_)));
                let attribute = attribute.expect("its group").to_string().replace(' ', "");
                is_test |= attribute == "[cfg(test)]";
            }
            // The end of an item.
            TokenTree::Group(group) if is_test => is_test = group.delimiter() != Delimiter::Brace,
            TokenTree::Punct(sign) if is_test => is_test = sign.as_char() != ';',
            _ if is_test => {}
            TokenTree::Punct(sign) if sign.as_char() == ',' => parts.push(Vec::new()),
            // Of a match or a macro's entry.
            TokenTree::Punct(sign) if sign.as_char() == '>' && before == Some('=') => {
                parts.push(Vec::new());
            }
            _ => parts.last_mut().expect("never empty").push(one.clone()),
        }
        before = match &one {
            TokenTree::Punct(sign) => Some(sign.as_char()),
            _ => None,
        };
    }
    parts
}

/// Finds the pairs among what a function `called` is given, or in any other group; returns the literals that
/// are in none.
fn gather(tokens: TokenStream, called: &str, pairs: &mut Vec<Pair>) -> Vec<String> {
    let mut parts = split(tokens);
    parts.retain(|one| !one.is_empty());
    if let ("text" | "say", [en, zh]) = (called, &parts[..]) {
        let [en_all, zh_all] = [en, zh].map(|part| literals(part, pairs).concat());
        if called == "text" || !(en_all.is_empty() || zh_all.is_empty()) {
            let told = |all: &[String], part| match all.is_empty() {
                true => format!("{{{}}}", name(part)),
                false => all.join(" · "),
            };
            if en_all.iter().chain(&zh_all).any(|one| has_words(one)) {
                pairs.push((told(&en_all, en), told(&zh_all, zh)));
            }
            return Vec::new();
        }
    }
    let mut left: Vec<Vec<String>> = Vec::new();
    for part in &parts {
        for own in literals(part, pairs) {
            match left.last() {
                Some(en) if any_chinese(&own) && !en.is_empty() && !any_chinese(en) => {
                    let pair = (en.join(" · "), own.join(" · "));
                    pairs.extend(has_words(&pair.1).then_some(pair));
                    left.pop();
                }
                _ => left.push(own),
            }
        }
    }
    left.concat()
}

/// The literals of each statement of a part that are in no pair.
fn literals(part: &[TokenTree], pairs: &mut Vec<Pair>) -> Vec<Vec<String>> {
    let (mut all, mut start) = (vec![Vec::new()], 0);
    for (place, one) in part.iter().enumerate() {
        let own = all.last_mut().expect("never empty");
        match one {
            TokenTree::Literal(literal) => {
                own.extend(string(literal).filter(|one| !one.is_empty()));
            }
            TokenTree::Group(group) => {
                let before = |back| Some(part.get(place.checked_sub(back)?)?.to_string());
                let mut inner = gather(group.stream(), &before(1).unwrap_or_default(), pairs);
                if before(2).as_deref() == Some("format") && !inner.is_empty() {
                    for argument in split(group.stream()).iter().skip(1) {
                        inner[0] = inner[0].replacen("{}", &format!("{{{}}}", name(argument)), 1);
                    }
                    // What fills it says nothing, unless it is Chinese.
                    let mut place = 0..;
                    inner.retain(|one| {
                        place.next() == Some(0) || (is_chinese(one) && has_words(one))
                    });
                }
                own.extend(inner);
            }
            // An entry or a statement ends: `en += "…"; zh += "…";` are one pair all the same.
            TokenTree::Punct(sign) if sign.as_char() == ';' => {
                let mut words = part[start..place].iter().map(TokenTree::to_string);
                let is_en = words
                    .find(|one| !["let", "mut"].contains(&&**one))
                    .as_deref()
                    == Some("en");
                all.extend((!is_en).then(Vec::new));
                all.push(Vec::new());
                start = place + 1;
            }
            _ => {}
        }
    }
    if all.len() == 1 && all[0].is_empty() {
        all.clear();
    }
    all
}

/// The texts of a Rust file; what is Chinese and in no pair comes last.
fn rust(source: &str) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let left = gather(TokenStream::from_str(source).unwrap(), "", &mut pairs);
    let alone = left
        .into_iter()
        .filter(|one| is_chinese(one) && has_words(one));
    pairs.extend(alone.map(|zh| (String::new(), zh)));
    let mut all = Vec::new();
    chinese(TokenStream::from_str(source).unwrap(), &mut all);
    for one in all {
        let pieces = one.split(['{', '}']).filter(|one| is_chinese(one));
        let piece = pieces.max_by_key(|one| one.len()).expect("it is Chinese");
        assert!(
            pairs.iter().any(|(_, zh)| zh.contains(piece)),
            "not listed: {one}"
        );
    }
    pairs
}

/// Every Chinese literal, whatever it is in.
fn chinese(tokens: TokenStream, all: &mut Vec<String>) {
    for one in split(tokens).into_iter().flatten() {
        match one {
            TokenTree::Literal(literal) => all.extend(string(&literal)),
            TokenTree::Group(group) => chinese(group.stream(), all),
            _ => {}
        }
    }
    all.retain(|one| is_chinese(one) && has_words(one));
}

/// The texts of a script: each Chinese string, after its English one.
fn script(source: &str) -> Vec<Pair> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.collect::<Vec<_>>().join("\n");
    let (mut pairs, mut before, mut rest) = (Vec::new(), String::new(), code.as_str());
    while let Some(start) = rest.find(['\'', '`']) {
        let quote = rest[start..].chars().next().expect("found");
        let (text, after) = rest[start + 1..].split_once(quote).expect("it ends");
        if is_chinese(text) {
            pairs.push((std::mem::take(&mut before), text.replace("${", "{")));
        } else {
            before = text.replace("${", "{");
        }
        rest = after;
    }
    pairs
}

/// The texts of a page: `<span lang="en">…</span><span lang="zh">…</span>`.
fn markup(source: &str) -> Vec<Pair> {
    let between = |text: &str, lang: &str| {
        let (_, text) = text.split_once(&format!("<span lang=\"{lang}\">"))?;
        Some(text.split_once("</span>")?.0.to_owned())
    };
    source
        .lines()
        .filter(|line| is_chinese(line))
        .map(|line| match (between(line, "en"), between(line, "zh")) {
            (Some(en), Some(zh)) => (en, zh),
            _ => (String::new(), line.to_owned()),
        })
        .map(|(en, zh)| (without_tags(&en), without_tags(&zh)))
        .collect()
}

fn without_tags(text: &str) -> String {
    let parts = text
        .split('<')
        .map(|part| part.rsplit_once('>').map_or(part, |(_, text)| text));
    parts.collect()
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, all),
            false => all.push(path),
        }
    }
}

/// A rule's code, or what a module says it is.
fn title(file: &str, source: &str) -> String {
    if let Some((_, rest)) = source.split_once("    code: \"") {
        return format!("`{}`", rest.split_once('"').unwrap().0);
    }
    let doc = source.lines().take_while(|line| line.starts_with("//! "));
    let doc: Vec<&str> = doc.map(|line| &line[4..]).collect();
    let doc = doc.join(" ");
    match doc
        .split_once(". ")
        .map_or(doc.as_str(), |(first, _)| first)
    {
        "" => file.to_owned(),
        doc => doc.trim_end_matches('.').to_owned(),
    }
}

fn generated() -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let gravity: BTreeMap<String, usize> = easelect_report::rules()
        .enumerate()
        .map(|(place, one)| (format!("`{}`", one.0), place))
        .collect();
    let mut found = Vec::new();
    for path in all {
        let file = path
            .strip_prefix(&src)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        let source = fs::read_to_string(&path).unwrap();
        let pairs = match path.extension().unwrap().to_str().unwrap() {
            "rs" => rust(&source),
            "js" => script(&source),
            "html" => markup(&source),
            _ => Vec::new(),
        };
        let fits = |one: &&str| file.starts_with(one);
        let section = SECTIONS
            .iter()
            .position(|(_, prefixes)| prefixes.iter().any(&fits));
        let title = title(&file, &source);
        let section = section.expect("the last fits all");
        let prefix = SECTIONS[section].1.iter().position(fits);
        found.push((
            section,
            prefix,
            gravity.get(&title).copied(),
            file,
            title,
            pairs,
        ));
    }
    found.sort();
    let (mut text, mut last) = (HEAD.to_owned(), usize::MAX);
    let cell = |one: &str| {
        let one = one.replace('|', "\\|").replace('<', "&lt;");
        one.replace('\n', "<br>")
    };
    for (section, _, _, _, title, pairs) in found.into_iter().filter(|one| !one.5.is_empty()) {
        if section != last {
            write!(text, "\n## {}\n", SECTIONS[section].0).unwrap();
            last = section;
        }
        write!(text, "\n### {title}\n\n| English | 中文 |\n| --- | --- |\n").unwrap();
        for (en, zh) in pairs {
            writeln!(text, "| {} | {} |", cell(en.trim()), cell(zh.trim())).unwrap();
        }
    }
    text
}

/// `EASELECT_BLESS=1` writes it.
#[test]
fn the_file_of_sentences_has_all_of_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sentences.md");
    let expected = generated();
    if std::env::var_os("EASELECT_BLESS").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    let told = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        told == expected,
        "docs/sentences.md is out of date: EASELECT_BLESS=1 writes it"
    );
}
