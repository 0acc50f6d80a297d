//! Reads scenarios from TOML. The format's reference is in the documentation of
//! [`Scenario`](crate::Scenario).

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use easelect::{Error, ErrorKind};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use crate::fault::{Fault, TlsVersion};
use crate::host::{Dns, Host};
use crate::path::{Path, Settings, Step};
use crate::syns::Syns;

/// Ten times the largest scenario that makes sense, in bytes.
const MAX_FILE: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    seed: u64,
    syn_retransmit: Option<Spanned<SynTimes>>,
    #[serde(default)]
    host: Vec<Spanned<HostEntry>>,
    #[serde(default)]
    path: Vec<Spanned<PathEntry>>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"linux-6.5\", \"linux-6.4\" or a list of milliseconds"
)]
enum SynTimes {
    Preset(String),
    Times(Vec<u32>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected one or a list of them")]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

/// A value that may be out of range, with its position in the file.
type Field<T> = Option<Spanned<T>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostEntry {
    name: Spanned<OneOrMany<String>>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    dns: Dns,
    dns_aaaa: Option<Dns>,
    dns_delay: Field<Span>,
    dns_delay_aaaa: Field<Span>,
    ttl: Option<Span>,
    ws_paths: Field<Vec<String>>,
    rest_status: Field<u16>,
}

/// A path or a step. Only paths have `address`, `label` and `steps`; only steps have `at` and `until`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathEntry {
    address: Option<OneOrMany<IpAddr>>,
    label: Option<String>,
    #[serde(default)]
    steps: Vec<Spanned<PathEntry>>,
    at: Option<Span>,
    until: Field<Span>,
    rtt: Field<Span>,
    jitter: Field<f64>,
    loss: Field<f64>,
    bandwidth_kbps: Field<u32>,
    drop_first_syns: Field<u32>,
    fault: Option<Fault>,
    accept_delay: Field<Span>,
    tls_delay: Field<Span>,
    http_delay: Field<Span>,
    tls: Option<TlsVersion>,
    early_data: Option<bool>,
    status: Field<u16>,
    location: Field<String>,
    retry_after: Field<Span>,
    fields: Field<Vec<String>>,
    body: Field<String>,
    rest_status: Field<u16>,
    ws_paths: Field<Vec<String>>,
}

/// A duration: `"40ms"`, or an integer in milliseconds.
#[derive(Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"40ms\", or an integer in milliseconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Str(text), &self);
                humantime::parse_duration(text).map(Span).map_err(wrong)
            }

            fn visit_i64<E: de::Error>(self, ms: i64) -> Result<Span, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Signed(ms), &self);
                let ms = u64::try_from(ms).map_err(wrong)?;
                Ok(Span(Duration::from_millis(ms)))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

fn value<T>(field: Field<T>) -> Option<T> {
    field.map(Spanned::into_inner)
}

fn duration(field: Field<Span>) -> Option<Duration> {
    value(field).map(|span| span.0)
}

/// The positions of one entry's values, by key, and of the entry itself: offsets of first bytes.
struct Places(Vec<(&'static str, usize)>, usize);

impl Places {
    fn note<T>(&mut self, key: &'static str, field: &Field<T>) {
        let at = field.as_ref().map(|field| field.span().start);
        self.0.extend(at.map(|at| (key, at)));
    }

    /// Returns an error with its position: that of the value whose key the message begins with, or
    /// else that of the entry.
    fn of(&self, why: String) -> Wrong {
        let first = why.split([' ', ':']).next().unwrap_or_default();
        let place = self.0.iter().find(|(key, _)| *key == first);
        (place.map_or(self.1, |(_, at)| *at), why)
    }
}

macro_rules! places {
    ($entry:ident at $start:expr; $($key:ident)+) => {{
        let mut places = Places(Vec::new(), $start);
        $(places.note(stringify!($key), &$entry.$key);)+
        places
    }};
}

fn host(entry: HostEntry, start: usize) -> Result<Host, Wrong> {
    let mut places = places!(entry at start; dns_delay dns_delay_aaaa ws_paths rest_status);
    places.0.push(("host", entry.name.span().start));
    let names = entry.name.into_inner().into_vec();
    let host = Host {
        names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        addresses: entry.addresses,
        dns: entry.dns,
        dns_aaaa: entry.dns_aaaa,
        dns_delay: duration(entry.dns_delay).unwrap_or_default(),
        dns_delay_aaaa: duration(entry.dns_delay_aaaa),
        ttl: entry.ttl.map(|ttl| ttl.0),
        ws_paths: value(entry.ws_paths),
        rest_status: value(entry.rest_status),
    };
    match host.check() {
        Ok(()) => Ok(host),
        Err(why) => Err(places.of(why)),
    }
}

impl PathEntry {
    fn places(&self, start: usize) -> Places {
        places!(self at start; until rtt jitter loss bandwidth_kbps drop_first_syns accept_delay
            tls_delay http_delay status location retry_after fields body rest_status ws_paths)
    }

    fn settings(&mut self) -> Settings {
        Settings {
            rtt: duration(self.rtt.take()),
            jitter: value(self.jitter.take()),
            loss: value(self.loss.take()),
            bandwidth_kbps: value(self.bandwidth_kbps.take()),
            drop_first_syns: value(self.drop_first_syns.take()),
            fault: self.fault,
            accept_delay: duration(self.accept_delay.take()),
            tls_delay: duration(self.tls_delay.take()),
            http_delay: duration(self.http_delay.take()),
            tls: self.tls,
            early_data: self.early_data,
            status: value(self.status.take()),
            location: value(self.location.take()),
            retry_after: duration(self.retry_after.take()),
            fields: value(self.fields.take()),
            body: value(self.body.take()),
            rest_status: value(self.rest_status.take()),
            ws_paths: value(self.ws_paths.take()),
        }
    }
}

/// An error's offset in the file, and its message.
type Wrong = (usize, String);

/// A file's content, checked.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    pub(crate) syns: Syns,
    pub(crate) hosts: Vec<Host>,
    pub(crate) paths: Vec<Path>,
}

pub(crate) fn read(text: &str, name: &str) -> Result<Content, Error> {
    parse(text).map_err(|(offset, why)| {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        // The parser quotes what it finds in a wrong place, which may be a URL with a password.
        let why = easelect::without_secrets(&why).replace('\n', "; ");
        Error::new(ErrorKind::Scenario, format!("{name}:{line}: {why}"))
    })
}

fn parse(text: &str) -> Result<Content, Wrong> {
    if text.len() > MAX_FILE {
        let size = text.len();
        return Err((0, format!("{size} bytes: expected at most {MAX_FILE}")));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, error.message().to_owned())
    })?;
    let mut content = Content {
        seed: file.seed,
        ..Content::default()
    };
    if let Some(syns) = file.syn_retransmit {
        let at = syns.span().start;
        content.syns = match syns.into_inner() {
            SynTimes::Preset(name) => Syns::preset(&name).ok_or_else(|| {
                let why = format!("{name:?}: expected \"linux-6.5\", \"linux-6.4\" or a list");
                (at, why)
            })?,
            SynTimes::Times(times) => {
                let ms = times.into_iter().map(u64::from);
                Syns::at(ms.map(Duration::from_millis).collect())
            }
        };
        content.syns.check().map_err(|why| (at, why))?;
    }
    let mut names = HashSet::new();
    for entry in file.host {
        let start = entry.span().start;
        let host = host(entry.into_inner(), start)?;
        if let Some(name) = host
            .names
            .iter()
            .find(|name| !names.insert((*name).clone()))
        {
            let why = format!("host {name:?}: expected once, found twice");
            return Err((start, why));
        }
        content.hosts.push(host);
    }
    let mut addresses = HashSet::new();
    for entry in file.path {
        let start = entry.span().start;
        let path = path(entry.into_inner(), start)?;
        let taken = |ip: &&IpAddr| !addresses.insert(ip.to_canonical());
        if let Some(address) = path.addresses.iter().find(taken) {
            let why = format!("path {address}: expected once, found twice");
            return Err((start, why));
        }
        content.paths.push(path);
    }
    Ok(content)
}

fn path(mut entry: PathEntry, start: usize) -> Result<Path, Wrong> {
    let places = entry.places(start);
    if entry.at.is_some() || entry.until.is_some() {
        return Err((
            start,
            "`at` and `until`: expected in `steps` only".to_owned(),
        ));
    }
    let settings = entry.settings();
    let mut path = Path {
        addresses: entry.address.map(OneOrMany::into_vec).unwrap_or_default(),
        label: entry.label,
        settings,
        steps: Vec::new(),
        changes: Settings::default(),
    };
    path.check().map_err(|why| places.of(why))?;
    for step in entry.steps {
        let start = step.span().start;
        let mut step = step.into_inner();
        let places = step.places(start);
        if step.address.is_some() || step.label.is_some() || !step.steps.is_empty() {
            let why = "a step: expected neither `address`, `label` nor `steps`";
            return Err((start, why.to_owned()));
        }
        let Some(at) = step.at else {
            return Err((start, "a step: expected `at`".to_owned()));
        };
        let step = Step {
            at: at.0,
            until: duration(step.until.take()),
            settings: step.settings(),
        };
        step.check().map_err(|why| places.of(why))?;
        path.steps.push(step);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    const GOOD: &str = "seed = 7\nsyn_retransmit = [0, 500]\n\n[[host]]\nname = \"A.example\"\n\
        addresses = [\"44.128.0.1\"]\ndns_delay = 20\n\n[[path]]\naddress = \"44.128.0.1\"\n\
        rtt = \"40ms\"\nsteps = [\n  { at = \"5s\", until = \"10s\", fault = \"refuse\" },\n]\n\
        early_data = true\nfields = [\"Server: x\"]\nbody = \"no\"\n";

    fn error(text: &str) -> String {
        read(text, "my.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_what_rust_builds() {
        let ms = Duration::from_millis;
        let address = IpAddr::from([44, 128, 0, 1]);
        let step = Step::at(ms(5000))
            .until(ms(10_000))
            .with_fault(Fault::Refuse);
        let built = Scenario::new(7)
            .with_syn_retransmit(&[ms(0), ms(500)])
            .with_host(
                Host::new("a.example")
                    .with_address(address)
                    .with_dns_delay(ms(20)),
            )
            .with_path(
                Path::new(address)
                    .with_rtt(ms(40))
                    .with_early_data(true)
                    .with_fields(&["Server: x"])
                    .with_body("no")
                    .with_step(step),
            );
        assert_eq!(Scenario::from_toml(GOOD, "my.toml").unwrap(), built);
    }

    #[test]
    fn an_error_has_name_line_and_expectation() {
        for (from, to, wanted) in [
            (
                "rtt",
                "rrt",
                "my.toml:11: unknown field `rrt`, expected one of",
            ),
            (
                "40ms",
                "40mm",
                "my.toml:11: invalid value: string \"40mm\", expected a duration",
            ),
            (
                "\"40ms\"",
                "-1",
                "my.toml:11: invalid value: integer `-1`, expected a duration",
            ),
            ("40ms", "61s", "my.toml:11: rtt 61s: expected 0ns to 60s"),
            (
                "refuse",
                "refused",
                "my.toml:13: unknown variant `refused`, expected one of",
            ),
            ("10s", "5s", "my.toml:13: until 5s: expected more"),
            (
                "Server: x",
                "Server",
                "my.toml:16: fields \"Server\": expected \"Name: value\"",
            ),
            (
                "[0, 500]",
                "[1, 500]",
                "my.toml:2: syn_retransmit: expected",
            ),
            (
                "[0, 500]",
                "\"linux\"",
                "my.toml:2: \"linux\": expected \"linux-6.5\"",
            ),
            ("seed = 7", "seed = -7", "my.toml:1: "),
            (
                "A.example",
                "a b",
                "my.toml:5: host \"a b\": expected a DNS name",
            ),
            ("[[path]]", "[[path]", "my.toml:9: "),
            ("44.128.0.1\"]", "44.128.0\"]", "my.toml:6: "),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert!(error(&text).starts_with(wanted), "{}", error(&text));
        }
        let twice = format!("{GOOD}[[path]]\naddress = \"44.128.0.1\"\n");
        assert!(error(&twice).starts_with("my.toml:18: path 44.128.0.1: expected once"));
        let mapped = GOOD.replace(
            "address = \"44.128.0.1\"",
            "address = [\"44.128.0.1\", \"::ffff:44.128.0.1\"]",
        );
        assert!(error(&mapped).starts_with("my.toml:9: path ::ffff:44.128.0.1: expected once"));
        let host = GOOD.replace("\"A.example\"", "[\"A.example\", \"a.example\"]");
        assert!(error(&host).starts_with("my.toml:4: host \"a.example\": expected once"));
        assert!(error(&" ".repeat(MAX_FILE + 1)).contains("expected at most"));
    }
}
