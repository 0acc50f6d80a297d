//! An App Key. It names a customer, so it is in no debug output, and errors never quote it.

use std::fmt;
use std::str::FromStr;

use crate::words::{Usage, say};

/// An App Key: `ORG#APP`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AppKey(String);

impl AppKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without the key.
impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppKey(…)")
    }
}

impl FromStr for AppKey {
    type Err = Usage;

    fn from_str(text: &str) -> Result<Self, Usage> {
        let is_part = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            (1..=128).contains(&part.len()) && part.chars().all(known)
        };
        match text.trim().split_once('#') {
            Some((org, app)) if is_part(org) && is_part(app) => {
                Ok(AppKey(text.trim().to_owned()))
            }
            // Not quoted: a token may have been pasted instead.
            _ => Err(say(
                "--app-key: expected ORG#APP, as Easemob's console shows it (in quotes: a shell may take # for a comment)",
                "--app-key：应为环信控制台显示的 ORG#APP（请加引号，否则 shell 可能将 # 视为注释）",
            )
            .into()),
        }
    }
}
