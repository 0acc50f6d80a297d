//! Sentences in both languages side by side: those of the command itself. Reports are `easelect-report`'s.

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

/// An error in usage, input or output: one line on standard error, exit status 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) Say);

impl Usage {
    /// Puts the option that it is about in front.
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

/// The library's errors are in English; [`zh`](crate::zh) translates them.
impl From<easelect::Error> for Usage {
    fn from(error: easelect::Error) -> Self {
        Usage(say(error.to_string(), zh::chinese(&error)))
    }
}

/// Returns typed text as an error shows it: quoted, and without what may be a password or a token in a URL.
pub(crate) fn shown(text: &str) -> String {
    format!("\"{}\"", easelect::shown(&without_secrets(text), 100))
}

/// Returns a file's path as an error shows it.
pub(crate) fn file(path: &Path) -> String {
    easelect::shown(&path.to_string_lossy(), 300)
}

/// Returns a sentence as a terminal may show it: one line of bounded length, hidden characters escaped.
pub(crate) fn line(sentence: &str) -> String {
    easelect::shown(&sentence.replace(['\n', '\r'], " "), 2000)
}
