//! Imitates how the official SDKs read a list: the hosts that each dials, in order. The rules are from their
//! documentation and, for Web SDK 4, from the behaviour of 4.21.1; docs/official-sdks.md says what was tried.

use serde_json::Value;

/// An SDK that reads a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Web4,
    /// Older versions of Web SDK 4, which read `msync-ws`.
    Web4Older,
    Web5,
    Go,
    /// Android, iOS and the SDKs built on them, in versions that follow `priority`.
    Native,
}

/// The hosts that a reader dials, in order, or why it can't use the list.
pub(super) type Found = Result<Vec<String>, Trouble>;

/// Why a reader can't use a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// This section is missing or has no hosts.
    Missing(&'static str),
    /// No host of this section has one of the protocols that the reader accepts.
    NoneTaken(&'static str, &'static [&'static str]),
}

/// The hosts that one reader dials in the original list and in the ordered one.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) reader: Reader,
    /// Whether this is about REST requests rather than the connection.
    pub(super) rest: bool,
    pub(super) before: Found,
    pub(super) after: Found,
}

/// The readings of every reader, in the original list and in the ordered one. `Web4Older` and `Native` are left
/// out if the list lacks their section.
pub(super) fn readings(before: &Value, after: &Value) -> Vec<Reading> {
    use Reader::{Go, Native, Web4, Web4Older, Web5};
    let mut readings = Vec::new();
    for reader in [Web4, Web4Older, Web5, Go, Native] {
        for rest in [false, true] {
            let optional = match (reader, rest) {
                (Web4Older, false) => Some("msync-ws"),
                (Native, false) => Some("msync-im"),
                // `Web4` covers the first; the second is not imitated.
                (Web4Older | Native, true) => continue,
                _ => None,
            };
            if optional.is_some_and(|section| before.get(section).is_none()) {
                continue;
            }
            readings.push(Reading {
                reader,
                rest,
                before: found(before, reader, rest),
                after: found(after, reader, rest),
            });
        }
    }
    readings
}

/// The names that Web 5 accepts for the section of its connection.
const ALIASES: &[&str] = &["msync-wx", "msync", "msync-ws", "websocket", "im-ws"];

/// The hosts in the order in which this reader dials them.
fn found(list: &Value, reader: Reader, rest: bool) -> Found {
    let names: &[&'static str] = match (reader, rest) {
        (_, true) => &["rest"],
        (Reader::Web4 | Reader::Go, false) => &["msync-wx"],
        (Reader::Web4Older, false) => &["msync-ws"],
        (Reader::Web5, false) => ALIASES,
        (Reader::Native, false) => &["msync-im"],
    };
    // Only Web 5 accepts a bare array.
    let hosts = |name: &&str| match (&list[*name], &list[*name]["hosts"]) {
        (Value::Array(hosts), _) if reader == Reader::Web5 => Some(hosts),
        (_, Value::Array(hosts)) => Some(hosts),
        _ => None,
    };
    let hosts = names.iter().find_map(hosts).filter(|all| !all.is_empty());
    let Some(hosts) = hosts else {
        return Err(Trouble::Missing(names[0]));
    };
    let takes: &'static [&'static str] = match (reader, rest) {
        // Web SDKs filter by the page's protocol; this assumes `https`, as pages and mini-programs use.
        (Reader::Web4 | Reader::Web4Older, _) | (Reader::Go | Reader::Web5, true) => &["https"],
        (Reader::Go | Reader::Web5, false) => &["https", "wss"],
        (Reader::Native, _) => &[],
    };
    let taken = |host: &&Value| {
        takes.is_empty()
            || host["protocol"]
                .as_str()
                .is_some_and(|one| takes.contains(&one))
    };
    let mut taken: Vec<&Value> = hosts.iter().filter(taken).collect();
    match reader {
        // Priority 1 first, the rest in the list's order.
        Reader::Go => taken.sort_by_key(|host| priority(host) != Some(1)),
        Reader::Native => taken.sort_by_key(|host| priority(host).unwrap_or(u64::MAX)),
        _ => {}
    }
    let named: Vec<String> = taken
        .into_iter()
        .filter_map(|host| named(host, reader))
        .collect();
    match named.is_empty() {
        true if takes.is_empty() => Err(Trouble::Missing(names[0])),
        true => Err(Trouble::NoneTaken(names[0], takes)),
        false => Ok(named),
    }
}

/// A number, or a string that contains one.
fn priority(host: &Value) -> Option<u64> {
    match &host["priority"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// Host and port as the reader dials them.
fn named(host: &Value, reader: Reader) -> Option<String> {
    let filled = |key: &str| host[key].as_str().filter(|text| !text.is_empty());
    let name = match reader {
        // Native SDKs prefer the IP, which saves them the lookup.
        Reader::Native => filled("ip").or_else(|| filled("domain")),
        _ => filled("domain").or_else(|| filled("ip")),
    }?;
    let port = match &host["port"] {
        Value::String(port) => port.clone(),
        Value::Number(port) => port.to_string(),
        _ => String::new(),
    };
    Some(match port.as_str() {
        "" | "80" | "443" => name.to_owned(),
        port => format!("{name}:{port}"),
    })
}
