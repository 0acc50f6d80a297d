//! The command's own sentences, in both languages side by side. A report's are `easelect-report`'s.

use std::path::Path;

use easelect::without_secrets;
use easelect_report::Lang;

use crate::zh;

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Say {
    en: String,
    zh: String,
}

impl Say {
    pub(crate) fn of(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            _ => &self.en,
        }
    }
}

pub(crate) fn say(en: impl Into<String>, zh: impl Into<String>) -> Say {
    Say {
        en: en.into(),
        zh: zh.into(),
    }
}

/// Bad usage or bad input: one line on standard error, exit status 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) Say);

impl Usage {
    /// The same, with the option that it is about before it.
    pub(crate) fn in_option(self, name: &str) -> Self {
        let Usage(Say { en, zh }) = self;
        Usage(say(format!("{name}: {en}"), format!("{name}：{zh}")))
    }
}

impl From<Say> for Usage {
    fn from(say: Say) -> Self {
        Usage(say)
    }
}

/// The library's errors are English.
impl From<easelect::Error> for Usage {
    fn from(error: easelect::Error) -> Self {
        Usage(say(error.to_string(), zh::chinese(&error)))
    }
}

/// What was typed, as an error shows it: without what may be a password or a token in a URL.
pub(crate) fn shown(text: &str) -> String {
    format!("\"{}\"", easelect::shown(&without_secrets(text), 100))
}

/// A file, as an error shows it.
pub(crate) fn file(path: &Path) -> String {
    easelect::shown(&path.to_string_lossy(), 300)
}

/// A sentence as a terminal shows it: one line, in which nothing is hidden. Library and operating
/// system bound their own.
pub(crate) fn line(sentence: &str) -> String {
    easelect::shown(&sentence.replace(['\n', '\r'], " "), 2000)
}
