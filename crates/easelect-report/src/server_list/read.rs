//! A list as it came: where in its text which host stands.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use easelect::{Endpoint, Region, Service};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::texts::{Lang, Text, shown, text};

/// A list is a few kilobytes.
const LARGEST: usize = 1024 * 1024;

/// Why a text is no list of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// Larger than 1 MiB.
    TooLarge,
    /// There is nothing in it.
    Empty,
    /// A page (HTML).
    Page,
    /// Compressed (gzip).
    Compressed,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON, with line and column from 1, and why, in English.
    NotJson(usize, usize, String),
    /// JSON, without a section that lists hosts.
    NoHosts,
}

impl ListError {
    /// The reason for a person.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        self.told().of(lang)
    }

    fn told(&self) -> Text {
        match self {
            ListError::TooLarge => text("the list is larger than 1 MiB", "列表超过 1 MiB"),
            ListError::Empty => text("the list is empty", "列表为空"),
            ListError::Page => text(
                "this is a page (HTML), not a list: the URL is wrong, or something on the way answered",
                "这是网页（HTML）而不是列表：URL 有误，或应答来自中间设备",
            ),
            ListError::Compressed => text(
                "the list is compressed (gzip): decompress it first",
                "列表是压缩数据（gzip）：请先解压",
            ),
            ListError::NotUtf8 => text("the list is not UTF-8", "列表不是 UTF-8 编码"),
            ListError::NotJson(line, column, why) => text(
                format!("the list is not JSON: line {line}, column {column}: {why}"),
                format!("列表不是有效的 JSON：第 {line} 行第 {column} 列"),
            ),
            ListError::NoHosts => text(
                "no section of this JSON lists hosts, as in {\"rest\": {\"hosts\": [{\"domain\": …}]}}",
                "该 JSON 中没有列出主机的部分，应如 {\"rest\": {\"hosts\": [{\"domain\": …}]}}",
            ),
        }
    }
}

/// In English.
impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl std::error::Error for ListError {}

/// A part of the list that has hosts: `rest`, `msync-wx`, …
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) hosts: Vec<Host>,
}

/// How the SDKs dial an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialled {
    /// With TLS.
    Encrypted,
    Plain,
    /// Not at all: it names no host.
    Not,
}

/// One host of a section, or an entry that names none.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// Where it stands in the text, with its braces.
    pub(super) range: Range<usize>,
    /// Where the value of its `priority` stands, if it has one.
    pub(super) priority: Option<Range<usize>>,
    pub(super) dialled: Dialled,
    /// What a measurement knows it by; absent where none can.
    pub(super) place: Option<Place>,
    /// As it is shown.
    pub(super) name: String,
}

/// What a measurement knows a host by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether it is a REST endpoint rather than a WebSocket one.
    pub(super) rest: bool,
}

impl Place {
    /// The place of a host, if it can be one.
    pub(super) fn of(host: &str, port: u16, rest: bool) -> Option<Self> {
        let host = match host.parse() {
            Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
            // Only a host: it brings no port, path or user.
            _ if host.contains(['/', '\\', '?', '#', '@', ':', '%']) => return None,
            _ => host.to_owned(),
        };
        // As endpoints write it: in lower case, in ASCII.
        let url = format!("https://{host}:{port}/");
        let endpoint = Endpoint::new(Region::CN1, Service::Rest, &url).ok()?;
        Some(Place {
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            rest,
        })
    }
}

/// The list's text, without a byte order mark, and its sections.
pub(super) fn read(bytes: &[u8]) -> Result<(String, Vec<Section>), ListError> {
    if bytes.len() > LARGEST {
        return Err(ListError::TooLarge);
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let (all, bytes) = (bytes, bytes.trim_ascii());
    if bytes.is_empty() {
        return Err(ListError::Empty);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(ListError::Compressed);
    }
    if bytes.starts_with(b"<") {
        return Err(ListError::Page);
    }
    let text = std::str::from_utf8(all).map_err(|_| ListError::NotUtf8)?;
    // Whole, so that its depth is bounded.
    serde_json::from_str::<Value>(text).map_err(|error| {
        let why = error.to_string();
        let place = why.rfind(" at line ").unwrap_or(why.len());
        ListError::NotJson(error.line(), error.column(), shown(&why[..place], 200))
    })?;
    let sections = fields(text).unwrap_or_default();
    let mut sections: Vec<Section> = (sections.iter())
        .filter_map(|(name, raw)| section(text, name, raw))
        .collect();
    // As they stand in the list.
    sections.sort_by_key(|one| one.hosts.first().map(|host| host.range.start));
    match sections.is_empty() {
        true => Err(ListError::NoHosts),
        false => Ok((text.to_owned(), sections)),
    }
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The fields of an object; of several with one name the last, as every reader has it.
fn fields(json: &str) -> Option<Fields<'_>> {
    serde_json::from_str(json).ok()
}

/// Where a part of a text stands in it: a borrowed [`RawValue`] is a slice of what it was read from.
fn range(text: &str, raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + raw.get().len()
}

/// A section: an object with `hosts`, or a bare array of hosts, as Web 5 takes it too.
fn section(text: &str, name: &str, raw: &RawValue) -> Option<Section> {
    let hosts = match raw.get().starts_with('[') {
        true => raw,
        false => fields(raw.get())?.get("hosts").copied()?,
    };
    let hosts: Vec<&RawValue> = serde_json::from_str(hosts.get()).ok()?;
    let hosts: Vec<Host> = { hosts.into_iter() }
        .map(|raw| host(text, name == "rest", raw).unwrap_or_else(|| no_host(text, raw)))
        .collect();
    let is_section = hosts.iter().any(|one| one.dialled != Dialled::Not);
    is_section.then(|| Section {
        name: name.to_owned(),
        hosts,
    })
}

/// An entry of a section: an object that says where.
fn host(text: &str, rest: bool, raw: &RawValue) -> Option<Host> {
    let fields = fields(raw.get())?;
    let value = |key: &str| -> Value {
        let raw = fields.get(key).map(|raw| serde_json::from_str(raw.get()));
        raw.and_then(Result::ok).unwrap_or_default()
    };
    let filled = |key: &str| match value(key) {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    };
    let named = filled("domain").or_else(|| filled("ip"))?;
    let port = match value("port") {
        Value::Null => Some(443),
        Value::Number(port) => port.as_u64().and_then(|port| u16::try_from(port).ok()),
        Value::String(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok(),
        _ => None,
    };
    let encrypted = match value("protocol") {
        Value::Null => port != Some(80),
        Value::String(one) => matches!(one.as_str(), "https" | "wss"),
        _ => false,
    };
    let dialled = match encrypted {
        true => Dialled::Encrypted,
        false => Dialled::Plain,
    };
    let place = port.filter(|port| encrypted && *port != 0);
    let authority = match port {
        None | Some(443) => named.clone(),
        Some(port) => format!("{named}:{port}"),
    };
    Some(Host {
        range: range(text, raw),
        priority: fields.get("priority").map(|raw| range(text, raw)),
        dialled,
        place: place.and_then(|port| Place::of(&named, port, rest)),
        name: shown(&authority, 80),
    })
}

/// An entry that says nowhere: it stands in the list, and that is all.
fn no_host(text: &str, raw: &RawValue) -> Host {
    Host {
        range: range(text, raw),
        priority: None,
        dialled: Dialled::Not,
        place: None,
        name: shown(raw.get(), 40),
    }
}
