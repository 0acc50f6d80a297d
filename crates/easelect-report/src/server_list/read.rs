//! Reads a server list: where in its text each host is.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use easelect::{Endpoint, Region, Service};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::texts::{Lang, Text, shown, text};

/// The largest list accepted, in bytes. Real lists have a few kilobytes.
const LARGEST: usize = 1024 * 1024;

/// The error of [`ServerList::from_bytes`](super::ServerList::from_bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// The list is larger than 1 MiB.
    TooLarge,
    /// There are no bytes, or only white space.
    Empty,
    /// A web page (HTML).
    Page,
    /// Compressed data (gzip).
    Compressed,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON: line and column, from 1, and the reason, in English.
    NotJson(usize, usize, String),
    /// JSON without a section that lists hosts.
    NoHosts,
}

impl ListError {
    /// Returns the reason as a sentence fragment in this language.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        self.told().of(lang)
    }

    fn told(&self) -> Text {
        match self {
            ListError::TooLarge => text("the list is larger than 1 MiB", "列表超过 1 MiB"),
            ListError::Empty => text("the list is empty", "列表为空"),
            ListError::Page => text(
                "this is a web page (HTML), not a list: the URL is wrong, or a device on the path answered",
                "这是网页（HTML）而不是列表：URL 有误，或应答来自途中的设备",
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
                "no section of this JSON lists hosts; expected {\"rest\": {\"hosts\": [{\"domain\": …}]}} or similar",
                "该 JSON 中没有包含主机列表的部分，格式应类似 {\"rest\": {\"hosts\": [{\"domain\": …}]}}",
            ),
        }
    }
}

/// Writes the reason in English.
impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl std::error::Error for ListError {}

/// A section of the list that has hosts: `rest`, `msync-wx`, …
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) hosts: Vec<Host>,
}

/// How SDKs dial an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialled {
    /// With TLS.
    Encrypted,
    Plain,
    /// Not at all, because the entry names no host.
    Not,
}

/// One entry of a section: a host, or an entry that names none.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// Its range in the text, with its braces.
    pub(super) range: Range<usize>,
    /// The range of the value of its `priority`, if it has one.
    pub(super) priority: Option<Range<usize>>,
    pub(super) dialled: Dialled,
    /// Its identity in measurements; absent if it can't be measured.
    pub(super) place: Option<Place>,
    /// Its name for display.
    pub(super) name: String,
}

/// The identity of a host in measurements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether it is a REST endpoint rather than a WebSocket one.
    pub(super) rest: bool,
}

impl Place {
    /// The place of a host, if name and port are valid.
    pub(super) fn of(host: &str, port: u16, rest: bool) -> Option<Self> {
        let host = match host.parse() {
            Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
            // The name must not contain a port, path or user.
            _ if host.contains(['/', '\\', '?', '#', '@', ':', '%']) => return None,
            _ => host.to_owned(),
        };
        // Endpoints normalise hosts to lower-case ASCII.
        let url = format!("https://{host}:{port}/");
        let endpoint = Endpoint::new(Region::CN1, Service::Rest, &url).ok()?;
        Some(Place {
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            rest,
        })
    }
}

/// Returns the list's text without a byte order mark, and its sections.
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
    // Parsed whole first, because that bounds the depth of nesting.
    serde_json::from_str::<Value>(text).map_err(|error| {
        let why = error.to_string();
        let place = why.rfind(" at line ").unwrap_or(why.len());
        ListError::NotJson(error.line(), error.column(), shown(&why[..place], 200))
    })?;
    let sections = fields(text).unwrap_or_default();
    let mut sections: Vec<Section> = (sections.iter())
        .filter_map(|(name, raw)| section(text, name, raw))
        .collect();
    // In the order of the text.
    sections.sort_by_key(|one| one.hosts.first().map(|host| host.range.start));
    match sections.is_empty() {
        true => Err(ListError::NoHosts),
        false => Ok((text.to_owned(), sections)),
    }
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The fields of an object; the last one of several with the same name, as JSON readers have it.
fn fields(json: &str) -> Option<Fields<'_>> {
    serde_json::from_str(json).ok()
}

/// The range of a part of a text: a borrowed [`RawValue`] is a slice of its input.
fn range(text: &str, raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + raw.get().len()
}

/// A section: an object with `hosts`, or a bare array of hosts, which Web 5 also accepts.
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

/// An entry of a section that names a host.
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

/// An entry that names no host.
fn no_host(text: &str, raw: &RawValue) -> Host {
    Host {
        range: range(text, raw),
        priority: None,
        dialled: Dialled::Not,
        place: None,
        name: shown(raw.get(), 40),
    }
}
