//! Explains the error codes of Easemob's SDKs: meaning, layer, and whether a report accounts for the error.
//!
//! A code needs its SDK: 2 is the network in the native SDKs and authentication in the Web SDK. Documents
//! disagree between SDKs and versions, so every meaning cites its source.

mod against;
mod caveats;
mod entry;
mod native;
mod rest;
mod services;
mod told;
mod web4;
mod web5;

use std::time::SystemTime;

use easelect::without_secrets;
use serde::Serialize;

use self::against::Beside;
use self::entry::{Entry, Family, Layer, READ, Source};
use super::format::pretty;
use super::model::{Model, SCHEMA};
use super::sdk::Sdk;
use super::texts::{Lang, Text, shown, text};

pub use self::told::explanation_text;

/// All codes, by family.
const FAMILIES: &[&Family] = &[&web4::FAMILY, &web5::FAMILY, &native::FAMILY, &rest::FAMILY];

/// The most characters of a code that are repeated in the answer.
const LONGEST: usize = 60;

/// The explanation of an error code, in one language; returned by [`explain`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the keys are the schema")]
#[non_exhaustive]
pub struct Explanation {
    pub schema: u32,
    pub lang: Lang,
    /// The code as given, escaped and shortened.
    pub code: String,
    /// The SDK asked about, or `None` for all.
    pub sdk: Option<&'static str>,
    /// Whether the code is known for the SDK, or for any SDK if none was given.
    pub known: bool,
    /// The meanings, one per family of SDKs that has the code.
    pub meanings: Vec<Meaning>,
    /// The SDKs whose table lacks the code, each with where to look.
    pub unknown: Vec<Unknown>,
    /// Meanings in other SDKs, if the code isn't known in the one asked about.
    pub elsewhere: Vec<String>,
    /// Notes on how to read this explanation.
    pub notes: Vec<String>,
    /// The report that the code was compared with.
    pub report: Option<ReportBeside>,
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize)]
            #[allow(missing_docs, reason = "the keys are the schema")]
            #[non_exhaustive]
            pub struct $name { $(pub $field: $type,)+ }
        )+
    };
}

parts! {
    /// The meaning of a code in the SDKs that share it.
    Meaning {
        sdks: Vec<&'static str>,
        sdk_names: Vec<String>,
        code: &'static str,
        name: Option<&'static str>,
        layer: &'static str,
        layer_name: String,
        since: Option<&'static str>,
        text: String,
        advice: String,
        sources: Vec<SourceModel>,
        other_readings: Vec<OtherReading>,
        report: Option<Answer>,
    }

    /// The meaning of the same code in another document or version.
    OtherReading {
        layer: &'static str,
        layer_name: String,
        text: String,
        source: SourceModel,
    }

    /// The source of a meaning.
    SourceModel {
        url: &'static str,
        version: Option<&'static str>,
        evidence: &'static str,
        evidence_name: String,
        read: &'static str,
    }

    /// Where to look for a code that is not in the table.
    Unknown {
        sdks: Vec<&'static str>,
        sdk_names: Vec<String>,
        range: Option<String>,
        pages: Vec<&'static str>,
    }

    /// The report that the code was compared with.
    ReportBeside {
        finished_at: String,
        verdict: String,
        verdict_text: String,
        caveats: Vec<String>,
    }

    /// Whether the report explains the code: `explains`, `may_explain`, `does_not_explain`, `not_tested`,
    /// `cannot_explain`, `simulated`, `no_error`.
    Answer {
        code: &'static str,
        text: String,
    }
}

/// Explains an error code of one SDK, or of every SDK that has it if `sdk` is `None`.
///
/// A code is a number (`304`, `-1`), the name of a constant (`SERVER_GET_DNSLIST_FAILED`), or a value of
/// the RESTful API's field `error` (`auth_bad_access_token`). For an unknown number, the answer has its
/// range, if there is one, and the page to look at.
///
/// With a report, the answer says whether the report explains the error. The report's age is counted up to
/// `now`.
#[must_use]
pub fn explain(
    code: &str,
    sdk: Option<Sdk>,
    report: Option<&Model>,
    now: SystemTime,
    lang: Lang,
) -> Explanation {
    let asked = Code::read(code);
    let beside = report.map(|model| Beside::new(model, now));
    let mut meanings = Vec::new();
    let mut unknown = Vec::new();
    let mut elsewhere = Vec::new();
    for family in FAMILIES {
        let wanted: Vec<Sdk> = match sdk {
            None => family.sdks.to_vec(),
            Some(one) => family
                .sdks
                .iter()
                .copied()
                .filter(|it| *it == one)
                .collect(),
        };
        match family.entries.iter().find(|entry| asked.is(entry)) {
            Some(entry) => {
                let having = |sdks: &[Sdk]| -> Vec<Sdk> {
                    sdks.iter().copied().filter(|it| entry.has(*it)).collect()
                };
                let (here, all) = (having(&wanted), having(family.sdks));
                if !here.is_empty() {
                    meanings.push(meaning(entry, &here, beside.as_ref(), lang));
                } else if !wanted.is_empty() {
                    unknown.push(not_found(family, &wanted, &asked, lang));
                }
                if here.is_empty() {
                    elsewhere.push(in_short(entry, &all).of(lang));
                }
            }
            None if wanted.is_empty() => {}
            None => unknown.push(not_found(family, &wanted, &asked, lang)),
        }
    }
    let known = !meanings.is_empty();
    if matches!(asked, Code::Empty) {
        unknown.clear();
    }
    if sdk.is_none() {
        // Families without a range for the number add nothing, if another has one or a meaning.
        let any = known || unknown.iter().any(|one| one.range.is_some());
        unknown.retain(|one| one.range.is_some() || !any);
    }
    Explanation {
        schema: SCHEMA,
        lang,
        code: shown(without_secrets(code.trim()).as_ref(), LONGEST),
        sdk: sdk.map(Sdk::as_str),
        known,
        notes: notes(&asked, sdk, known, !elsewhere.is_empty())
            .into_iter()
            .map(|note| note.of(lang))
            .collect(),
        meanings,
        unknown,
        elsewhere,
        report: beside.map(|beside| beside.model(lang)),
    }
}

/// Returns an explanation as indented JSON.
#[must_use]
pub fn explanation_json(explanation: &Explanation) -> String {
    pretty(explanation)
}

/// The page of an SDK's error codes.
#[must_use]
pub(crate) const fn page(sdk: Sdk) -> &'static str {
    match sdk {
        Sdk::Web4 => "https://doc.easemob.com/document/web/error.html",
        Sdk::Web5 => "https://doc.easemob.com/document/web/migration_guide.html",
        Sdk::Uniapp | Sdk::Wechat | Sdk::Alipay => {
            "https://doc.easemob.com/document/applet/error.html"
        }
        Sdk::Desktop => "https://doc.easemob.com/document/windows/error.html",
        Sdk::Android => "https://doc.easemob.com/document/android/error.html",
        Sdk::Ios => "https://doc.easemob.com/document/ios/error.html",
        Sdk::Harmonyos => "https://doc.easemob.com/document/harmonyos/error.html",
        Sdk::ReactNative => "https://doc.easemob.com/document/react-native/error.html",
        Sdk::Flutter => "https://doc.easemob.com/document/flutter/error.html",
        Sdk::Unity => "https://doc.easemob.com/document/unity/error.html",
        Sdk::Rest => "https://doc.easemob.com/document/server-side/error.html",
    }
}

/// A code as the user typed it.
enum Code {
    Number(i64),
    Name(String),
    /// A number too large for any SDK.
    Huge,
    Empty,
}

impl Code {
    fn read(given: &str) -> Self {
        let code = given.trim().trim_matches(['"', '\'', '(', ')', ',', ':']);
        // A status as people write it: `HTTP 404`.
        let code = match code.get(..5) {
            Some(head) if head.eq_ignore_ascii_case("http ") => code[5..].trim(),
            _ => code,
        };
        let digits = code.strip_prefix(['-', '+']).unwrap_or(code);
        if code.is_empty() {
            Code::Empty
        } else if let Ok(number) = code.parse() {
            Code::Number(number)
        } else if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
            Code::Huge
        } else {
            // A qualified constant: `EMError.USER_REMOVED`, `statusCode.MAX_LIMIT`.
            let name = code.rsplit(['.', ':']).next().unwrap_or(code);
            Code::Name(name.to_owned())
        }
    }

    fn is(&self, entry: &Entry) -> bool {
        match self {
            Code::Number(number) => entry.code.parse() == Ok(*number),
            Code::Name(name) => [entry.code, entry.name, entry.ios]
                .iter()
                .any(|one| !one.is_empty() && one.eq_ignore_ascii_case(name)),
            Code::Huge | Code::Empty => false,
        }
    }
}

fn meaning(entry: &Entry, sdks: &[Sdk], beside: Option<&Beside<'_>>, lang: Lang) -> Meaning {
    let ios_only = sdks == [Sdk::Ios] && !entry.ios.is_empty();
    let name = if ios_only { entry.ios } else { entry.name };
    let both = |(en, zh): (&'static str, &'static str)| text(en, zh).of(lang);
    Meaning {
        sdks: sdks.iter().map(|one| one.as_str()).collect(),
        sdk_names: sdks.iter().map(|one| one.name(lang).to_owned()).collect(),
        code: entry.code,
        name: Some(name).filter(|name| !name.is_empty()),
        layer: entry.layer.as_str(),
        layer_name: entry.layer.name().of(lang),
        since: Some(entry.since).filter(|since| !since.is_empty()),
        text: both(entry.means),
        advice: advice(entry, sdks).of(lang),
        sources: sources(entry.source, sdks, lang),
        other_readings: (entry.readings.iter())
            .map(|one| OtherReading {
                layer: one.layer.as_str(),
                layer_name: one.layer.name().of(lang),
                text: both((one.en, one.zh)),
                source: source_model(one.source, page(sdks[0]), lang),
            })
            .collect(),
        report: beside.map(|beside| beside.answer(entry, sdks, lang)),
    }
}

/// What to do about a code. Mini-programs also restrict which hosts can be reached.
fn advice(entry: &Entry, sdks: &[Sdk]) -> Text {
    let advice = match entry.act {
        ("", _) => entry.layer.advice(),
        (en, zh) => text(en, zh),
    };
    let fenced = |sdk: &Sdk| matches!(sdk, Sdk::Uniapp | Sdk::Wechat | Sdk::Alipay);
    if entry.layer != Layer::Network || !sdks.iter().any(fenced) {
        return advice;
    }
    text(
        format!(
            "{} For a mini-program, also check that the hosts are among its allowed request and socket \
             domains.",
            advice.en
        ),
        format!(
            "{}小程序还需确认相关主机已加入 request 合法域名和 socket 合法域名。",
            advice.zh
        ),
    )
}

/// The source, or the error code page of each SDK.
fn sources(source: Source, sdks: &[Sdk], lang: Lang) -> Vec<SourceModel> {
    let mut urls: Vec<&'static str> = match source.url {
        Some(url) => vec![url],
        None => sdks.iter().map(|one| page(*one)).collect(),
    };
    urls.dedup();
    urls.into_iter()
        .map(|url| source_model(source, url, lang))
        .collect()
}

fn source_model(source: Source, own: &'static str, lang: Lang) -> SourceModel {
    SourceModel {
        url: source.url.unwrap_or(own),
        version: Some(source.version).filter(|version| !version.is_empty()),
        evidence: source.evidence.as_str(),
        evidence_name: source.evidence.name().of(lang),
        read: READ,
    }
}

fn not_found(family: &Family, sdks: &[Sdk], asked: &Code, lang: Lang) -> Unknown {
    let in_range = |number: &i64| {
        let mut ranges = family.ranges.iter();
        ranges.find(|one| (one.from..=one.to).contains(number))
    };
    let range = match asked {
        Code::Number(number) => in_range(number),
        _ => None,
    };
    let mut pages: Vec<&'static str> = sdks.iter().map(|one| page(*one)).collect();
    pages.dedup();
    Unknown {
        sdks: sdks.iter().map(|one| one.as_str()).collect(),
        sdk_names: sdks.iter().map(|one| one.name(lang).to_owned()).collect(),
        range: range.map(|one| {
            let (en, zh) = one.of;
            let (from, to) = (one.from, one.to);
            text(
                format!("{from} to {to}: {en}"),
                format!("{from} 至 {to}：{zh}"),
            )
            .of(lang)
        }),
        pages,
    }
}

/// The meaning in other SDKs, in one line.
fn in_short(entry: &Entry, sdks: &[Sdk]) -> Text {
    let names =
        |lang| -> Vec<String> { sdks.iter().map(|one| one.name(lang).to_owned()).collect() };
    let (en, zh) = entry.means;
    text(
        format!("{}: {en}", names(Lang::En).join(", ")),
        format!("{}：{zh}", names(Lang::Zh).join("、")),
    )
}

fn notes(asked: &Code, sdk: Option<Sdk>, known: bool, elsewhere: bool) -> Vec<Text> {
    let mut notes = Vec::new();
    match asked {
        Code::Empty => notes.push(text(
            "No code given: enter a number such as 304, or a name such as auth_bad_access_token.",
            "缺少错误码：请输入数字（例如 304）或名称（例如 auth_bad_access_token）。",
        )),
        Code::Huge => notes.push(text(
            "No SDK uses codes this long: the number may be a timestamp or an ID.",
            "没有 SDK 使用这么长的错误码：它可能是时间戳或 ID。",
        )),
        Code::Name(_) if !known => notes.push(text(
            "The code is neither a number nor a name in easelect's table.",
            "该错误码不是数字，也不是 easelect 收录的名称。",
        )),
        Code::Number(number) if !known && elsewhere => notes.extend(sdk.map(|sdk| {
            text(
                format!(
                    "{} doesn't have the code {number}; other SDKs do: check which SDK and version the app uses.",
                    sdk.name(Lang::En)
                ),
                format!("{} 没有错误码 {number}，其他 SDK 有：请核对应用所用的 SDK 及版本。", sdk.name(Lang::Zh)),
            )
        })),
        _ => {}
    }
    if sdk == Some(Sdk::Desktop) {
        notes.push(text(
            "These codes are for the Windows SDK. Electron apps use the Web SDK: specify --sdk web4 or web5 \
             instead.",
            "以上为 Windows SDK 的错误码。Electron 应用使用 Web SDK，请改用 --sdk web4 或 web5。",
        ));
    }
    if sdk.is_none() && matches!(asked, Code::Number(_)) {
        notes.push(text(
            "The same number means different things in different SDKs: specify yours with --sdk.",
            "同一错误码在不同 SDK 中含义不同，请用 --sdk 指明 SDK。",
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::texts::assert_complete;

    #[test]
    fn every_entry_is_whole() {
        for family in FAMILIES {
            assert!(!family.sdks.is_empty() && !family.entries.is_empty());
            for entry in family.entries {
                let of = format!("{} of {}", entry.code, family.sdks[0]);
                assert_complete(&text(entry.means.0, entry.means.1), &of);
                assert_complete(&entry.layer.name(), &of);
                assert_complete(&entry.layer.advice(), &of);
                assert_eq!(entry.act.0.is_empty(), entry.act.1.is_empty(), "{of}");
                if !entry.act.0.is_empty() {
                    assert_complete(&text(entry.act.0, entry.act.1), &of);
                }
                for reading in entry.readings {
                    assert_complete(&text(reading.en, reading.zh), &of);
                    let url = reading.source.url.unwrap_or("https://");
                    assert!(url.starts_with("https://"), "{of}: {url}");
                }
                let url = entry.source.url.unwrap_or("https://");
                assert!(url.starts_with("https://"), "{of}: {url}");
                assert!(
                    entry.sdks.iter().all(|one| family.sdks.contains(one)),
                    "{of}"
                );
                // Every sentence has one full stop.
                for (en, zh) in [entry.means, entry.act] {
                    assert!(en.is_empty() || en.ends_with('.'), "{of}: {en}");
                    assert!(zh.is_empty() || zh.ends_with(['。', '）']), "{of}: {zh}");
                    assert!(!en.contains("  ") && !zh.contains("  "), "{of}");
                }
            }
            for range in family.ranges {
                assert_complete(&text(range.of.0, range.of.1), "a range");
                assert!(range.from <= range.to);
            }
        }
    }

    /// Each family has a code once, as a number and as a name; each SDK is in one family.
    #[test]
    fn codes_are_unique() {
        let mut sdks = BTreeSet::new();
        for family in FAMILIES {
            let mut codes = BTreeSet::new();
            let mut names = BTreeSet::new();
            for entry in family.entries {
                assert!(codes.insert(entry.code), "{} twice", entry.code);
                let is_status = entry.name.starts_with("HTTP ");
                if !entry.name.is_empty() && !is_status {
                    assert!(names.insert(entry.name), "{} twice", entry.name);
                }
            }
            for sdk in family.sdks {
                assert!(sdks.insert(sdk.as_str()), "{sdk} in two families");
                assert!(page(*sdk).starts_with("https://doc.easemob.com/"));
            }
        }
        assert_eq!(sdks.len(), Sdk::ALL.len());
    }

    #[test]
    fn every_layer_is_spoken_of() {
        let entries = FAMILIES.iter().flat_map(|family| family.entries);
        let layers: BTreeSet<Layer> = entries.flat_map(Entry::layers).collect();
        assert_eq!(layers.len(), 9);
    }
}
