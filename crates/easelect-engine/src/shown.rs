//! Text written by others, made safe to show: bounded in length, with hidden characters escaped, and
//! without secrets.
//!
//! All output uses this module: errors, `Debug`, tables, JSON, lists and the command's messages.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a character must be escaped before it is shown: it is invisible, moves the cursor, changes
/// the writing direction, combines with the character before it, or is unassigned or for private use.
/// The ASCII space is not hidden.
///
/// ```
/// use easelect_engine::shown::is_hidden;
///
/// assert!(is_hidden('\u{1b}') && is_hidden('\u{200b}') && is_hidden('\u{202e}') && is_hidden('\u{3164}'));
/// assert!(!is_hidden('中') && !is_hidden('é') && !is_hidden(' ') && !is_hidden('"'));
/// ```
#[must_use]
pub fn is_hidden(c: char) -> bool {
    match c {
        '"' | '\'' | '\\' => false,
        // Letters and symbols by category, but blank in appearance: Hangul fillers, the empty Braille
        // pattern, a musical note without a head, Egyptian blanks.
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{13441}'
        | '\u{13442}' | '\u{1d159}' => true,
        // The standard library escapes characters that are not printable or that combine
        // (Grapheme_Extend).
        _ => c.escape_debug().len() > 1,
    }
}

/// Returns `text` for display: at most `longest` of its characters, with [hidden](is_hidden) ones
/// escaped as `\u{…}`, `\n`, `\r`, `\t` or `\0`. Quotes and backslashes are not escaped.
///
/// ```
/// use easelect_engine::shown::shown;
///
/// assert_eq!(shown("a\u{1b}[2J'中", 80), "a\\u{1b}[2J'中");
/// assert_eq!(shown("abcdef", 3), "abc…");
/// ```
#[must_use]
pub fn shown(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for (number, c) in text.chars().enumerate() {
        if number == longest {
            shown.push('…');
            break;
        }
        push(&mut shown, c);
    }
    shown
}

/// Returns a message as one line of about `longest` characters. A longer one is cut in the middle,
/// where messages quote input: the place is at the beginning, and what was expected at the end.
#[must_use]
pub fn line(message: &str, longest: usize) -> String {
    let cut = message.chars().count().saturating_sub(longest);
    let mut line = String::new();
    for (number, c) in message.chars().enumerate() {
        if cut > 0 && number == longest / 2 {
            line.push_str(" … ");
        }
        if number < longest / 2 || number >= longest / 2 + cut {
            push(&mut line, c);
        }
    }
    line
}

fn push(shown: &mut String, c: char) {
    if !is_hidden(c) {
        shown.push(c);
        return;
    }
    // The standard library has no escape for those that it takes for visible.
    match c.escape_debug() {
        escape if escape.len() > 1 => shown.extend(escape),
        _ => shown.extend(c.escape_unicode()),
    }
}

/// The schemes that URLs may have here.
const SCHEMES: [&str; 6] = ["wss", "https", "ws", "http", "socks5", "socks5h"];

/// Returns a URL, or a text meant as one, without its secrets: user and password, query and fragment.
/// If the text is malformed, it shows less rather than more.
///
/// ```
/// use easelect_engine::shown::without_secrets;
///
/// assert_eq!(without_secrets("wss://h:8443/ws?token=x"), "wss://h:8443/ws?…");
/// assert_eq!(without_secrets("https://me:pw@h/ws"), "https://…@h/ws");
/// assert_eq!(without_secrets("own.toml"), "own.toml");
/// ```
#[must_use]
pub fn without_secrets(url: &str) -> Cow<'_, str> {
    // In a file name `#` is an ordinary character.
    let is_url = url.contains("://") || url.contains('@');
    let ends = |c: char| c == '?' || (is_url && c == '#');
    let (bare, rest) = url.split_at(url.find(ends).unwrap_or(url.len()));
    let is_plain = bare.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '\\']).next().unwrap_or_default();
        let is_port = |port: &str| port.ends_with(']') || port.bytes().all(|b| b.is_ascii_digit());
        let port = authority.rsplit_once(':');
        !authority.contains('@') && port.is_none_or(|(_, port)| is_port(port))
    });
    let cut = |shown: &str, rest: &str| match rest.chars().next() {
        Some(first) => format!("{shown}{first}…"),
        None => shown.to_owned(),
    };
    if is_plain || !url.contains('@') {
        return match rest {
            "" => Cow::Borrowed(url),
            _ => Cow::Owned(cut(bare, rest)),
        };
    }
    // Anything before an `@` may be a password with arbitrary characters; a user may be a token.
    let scheme = bare.split_once(':').map_or("", |(scheme, _)| scheme);
    let scheme = match SCHEMES.iter().any(|one| scheme.eq_ignore_ascii_case(one)) {
        true => format!("{scheme}://"),
        false => String::new(),
    };
    Cow::Owned(match bare.rsplit_once('@') {
        Some((_, host)) if !rest.contains('@') => cut(&format!("{scheme}…@{host}"), rest),
        _ => format!("{scheme}…"),
    })
}

/// Wraps a value whose `Debug` output is shown: hidden characters are escaped, as the standard library
/// lets some pass, and the length is limited to 4000 characters.
#[derive(Clone, Copy)]
pub struct Escaped<T>(pub T);

impl<T: fmt::Debug> fmt::Debug for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_laid_out = f.alternate();
        let mut to = Escaping { f, left: LONGEST };
        if is_laid_out {
            write!(to, "{:#?}", self.0)
        } else {
            write!(to, "{:?}", self.0)
        }
    }
}

/// The longest `Debug` output, in characters.
const LONGEST: usize = 4000;

struct Escaping<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    left: usize,
}

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars().take(self.left) {
            self.left -= 1;
            match c {
                _ if self.left == 0 => self.f.write_char('…')?,
                // Line breaks belong to the layout.
                c if c != '\n' && is_hidden(c) => write!(self.f, "{}", c.escape_unicode())?,
                c => self.f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_of_urls() {
        for (url, told) in [
            ("", ""),
            ("own file#1.toml", "own file#1.toml"),
            ("wss://h/ws", "wss://h/ws"),
            ("wss://h/@me/ws", "wss://h/@me/ws"),
            ("wss://h?hunter2", "wss://h?…"),
            ("wss://h/#hunter2", "wss://h/#…"),
            ("wss://h/ws?hunter2#hunter2", "wss://h/ws?…"),
            ("h/ws?hunter2", "h/ws?…"),
            ("https://[::1]/ws?hunter2", "https://[::1]/ws?…"),
            ("http://p/login?from=a@hunter2", "http://p/login?…"),
            ("/login?from=a@hunter2", "…"),
            ("wss://u:hunter2@h:1/ws?hunter2", "wss://…@h:1/ws?…"),
            ("wss://hunter2@h", "wss://…@h"),
            (r"wss:\\u:hunter2@x@h/", "wss://…@h/"),
            ("u:hunter2@h", "…@h"),
            ("hunter2@h", "…@h"),
            ("hunter2:p@h", "…@h"),
            (r"https:h\\u:hunter2@h#hunter2", "https://…@h#…"),
            ("http://u:hunt/hunter2@h/x", "http://…@h/x"),
            ("http://u:hunt?hunter2@h/x", "http://…"),
            ("http://u:hunt#hunter2@h/x", "http://…"),
            ("http://u:p@h/x?a=b@hunter2", "http://…"),
        ] {
            assert_eq!(without_secrets(url), told, "{url}");
            assert_eq!(without_secrets(&without_secrets(url)), told, "{url}");
        }
    }

    #[test]
    fn what_is_cut_is_quoted_between_place_and_expectation() {
        assert_eq!(
            line("own.toml:1: \u{3164}'\\", 80),
            r"own.toml:1: \u{3164}'\"
        );
        let long = line(&format!("own: {}: less", "\u{1f}".repeat(1 << 20)), 100);
        assert!(long.starts_with(r"own: \u{1f}") && long.ends_with(r"\u{1f}: less"));
        assert_eq!(long.matches("\\u").count(), 100 - "own: : less".len());
    }

    #[test]
    fn debug_output_keeps_its_layout_alone() {
        let one = Escaped(Some("中\u{2800}\n\u{fe0f}a\u{fe0f}"));
        assert_eq!(
            format!("{one:?}"),
            r#"Some("中\u{2800}\n\u{fe0f}a\u{fe0f}")"#
        );
        let lines = format!("{one:#?}");
        assert_eq!(lines.lines().count(), 3, "{lines}");
        assert!(!lines.chars().any(|c| c != '\n' && is_hidden(c)), "{lines}");
        let long = format!("{:?}", Escaped(["x".repeat(3000), "y".repeat(3000)]));
        assert!(
            long.ends_with("yy…") && long.chars().count() == LONGEST,
            "{long}"
        );
    }
}
