//! Texts for people, in English and Chinese side by side, so that none exists in one language only.
//!
//! Fixed terms: 可用 / 有应答但不可用 / 连不上 for the tiers; 失败率, never 丢包率 (attempts fail; a ratio of packets
//! isn't measured); 疑似 for suspicions. docs/sentences.md lists every text.

mod catalog;
mod certificate;
mod failure;
mod failure_hint;
mod label;
mod tls_alert;
mod verdict;

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

pub(crate) use easelect::shown;
use easelect::{Error, ErrorKind, without_secrets};

pub(crate) use catalog::{acceleration, how_to_get, listing_notes, locality};
pub(crate) use certificate::{certificate_text, expires};
pub(crate) use failure::{fail, fails, failure_text, reason};
pub(crate) use failure_hint::{Done, failure_hint, measure_elsewhere};
pub(crate) use label::{
    Label, label, phase, reason_text, region_name, service_name, short_phase, through, tier,
};
pub(crate) use verdict::{next_step, not_tested, usable_but, verdict_lead, verdict_text, who_acts};

/// The language of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// Returns the language of a locale such as `zh_CN.UTF-8`, `zh-Hans` or `en-GB`: Chinese for every `zh`,
    /// otherwise English.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or("");
        if language.eq_ignore_ascii_case("zh") {
            Lang::Zh
        } else {
            Lang::En
        }
    }
}

impl FromStr for Lang {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "en" => Ok(Lang::En),
            "zh" => Ok(Lang::Zh),
            _ => Err(Error::new(
                ErrorKind::Input,
                format!(
                    "unknown language \"{}\": expected zh or en",
                    shown(&without_secrets(text), 40)
                ),
            )),
        }
    }
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) en: Cow<'static, str>,
    pub(crate) zh: Cow<'static, str>,
}

impl Text {
    pub(crate) fn of(self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
        .into_owned()
    }
}

/// A text from its English and its Chinese.
pub(crate) fn text(en: impl Into<Cow<'static, str>>, zh: impl Into<Cow<'static, str>>) -> Text {
    Text {
        en: en.into(),
        zh: zh.into(),
    }
}

/// The first four items, then the number of the others.
pub(crate) fn list<T: Display>(items: &[T]) -> Text {
    const SHOWN: usize = 4;
    let join = |separator: &str| {
        let shown: Vec<String> = items.iter().take(SHOWN).map(T::to_string).collect();
        shown.join(separator)
    };
    match items.len().saturating_sub(SHOWN) {
        0 => text(join(", "), join("、")),
        more => text(
            format!("{} and {more} more", join(", ")),
            format!("{} 等 {} 个", join("、"), items.len()),
        ),
    }
}

/// `1 host`, `2 hosts`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

#[cfg(test)]
pub(crate) fn assert_complete(text: &Text, of: &str) {
    assert!(!text.en.trim().is_empty(), "no English for {of}");
    let chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    assert!(text.zh.chars().any(chinese), "no Chinese for {of}");
    // The console's menu has Chinese names only.
    let en = text.en.replace(easelect::Reference::Console.location(), "");
    assert!(!en.chars().any(chinese), "Chinese in the English of {of}");
    assert!(
        !text.zh.contains("丢包"),
        "{of}: attempts fail, packets aren't counted"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_gives_the_language() {
        for zh in ["zh", "zh_CN.UTF-8", "zh-Hans-CN", "ZH_TW"] {
            assert_eq!(Lang::of_locale(zh), Lang::Zh, "{zh}");
        }
        for en in ["", "C", "C.UTF-8", "en_US.UTF-8", "zha", "de_DE"] {
            assert_eq!(Lang::of_locale(en), Lang::En, "{en}");
        }
        assert_eq!("zh".parse::<Lang>().unwrap(), Lang::Zh);
        assert!("fr".parse::<Lang>().is_err());
    }

    #[test]
    fn long_lists_are_cut() {
        let many = list(&["a", "b", "c", "d", "e", "f"]);
        assert_eq!(many.en, "a, b, c, d and 2 more");
        assert_eq!(many.zh, "a、b、c、d 等 6 个");
    }
}
