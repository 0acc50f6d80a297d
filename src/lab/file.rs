//! Scenarios in TOML.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use super::fault::{Fault, TlsVersion};
use super::names::{Dns, Host};
use super::path::{Path, Settings, Step};
use super::scenario::{Scenario, syn_preset};
use crate::error::{Error, ErrorKind};

/// Ten times the largest scenario that makes sense.
const MAX_FILE: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    seed: u64,
    syn_retransmit: Option<Spanned<Syns>>,
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
enum Syns {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostEntry {
    #[serde(alias = "names")]
    name: OneOrMany<String>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    dns: Dns,
    dns_aaaa: Option<Dns>,
    dns_delay: Option<Span>,
    dns_delay_aaaa: Option<Span>,
    ttl: Option<Span>,
    ws_paths: Option<Vec<String>>,
    rest_status: Option<u16>,
}

/// A path or a step: `address`, `label` and `steps` are for paths, `at` and `until` for steps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathEntry {
    address: Option<OneOrMany<IpAddr>>,
    label: Option<String>,
    #[serde(default)]
    steps: Vec<Spanned<PathEntry>>,
    at: Option<Span>,
    until: Option<Span>,
    rtt: Option<Span>,
    jitter: Option<f64>,
    loss: Option<f64>,
    bandwidth_kbps: Option<u32>,
    drop_first_syns: Option<u32>,
    fault: Option<Fault>,
    accept_delay: Option<Span>,
    tls_delay: Option<Span>,
    http_delay: Option<Span>,
    tls: Option<TlsVersion>,
    status: Option<u16>,
    location: Option<String>,
    retry_after: Option<Span>,
    rest_status: Option<u16>,
    ws_paths: Option<Vec<String>>,
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

fn duration(span: Option<Span>) -> Option<Duration> {
    span.map(|span| span.0)
}

impl From<HostEntry> for Host {
    fn from(entry: HostEntry) -> Self {
        let names = entry.name.into_vec();
        Host {
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            addresses: entry.addresses,
            dns: entry.dns,
            dns_aaaa: entry.dns_aaaa,
            dns_delay: duration(entry.dns_delay).unwrap_or_default(),
            dns_delay_aaaa: duration(entry.dns_delay_aaaa),
            ttl: duration(entry.ttl),
            ws_paths: entry.ws_paths,
            rest_status: entry.rest_status,
        }
    }
}

impl PathEntry {
    /// The settings, and where the first of them that can be wrong stands.
    fn settings(&mut self) -> Settings {
        Settings {
            rtt: duration(self.rtt),
            jitter: self.jitter,
            loss: self.loss,
            bandwidth_kbps: self.bandwidth_kbps,
            drop_first_syns: self.drop_first_syns,
            fault: self.fault,
            accept_delay: duration(self.accept_delay),
            tls_delay: duration(self.tls_delay),
            http_delay: duration(self.http_delay),
            tls: self.tls,
            status: self.status,
            location: self.location.take(),
            retry_after: duration(self.retry_after),
            rest_status: self.rest_status,
            ws_paths: self.ws_paths.take(),
        }
    }
}

/// What is wrong, and at which byte.
type Wrong = (usize, String);

pub(super) fn read(text: &str, name: &str) -> Result<Scenario, Error> {
    parse(text).map_err(|(offset, why)| {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let why = why.lines().collect::<Vec<_>>().join("; ");
        Error::new(ErrorKind::Scenario, format!("{name}:{line}: {why}"))
    })
}

fn parse(text: &str) -> Result<Scenario, Wrong> {
    if text.len() > MAX_FILE {
        let size = text.len();
        return Err((0, format!("{size} bytes: expected at most {MAX_FILE}")));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, error.message().to_owned())
    })?;
    let mut scenario = Scenario::new(file.seed);
    if let Some(syns) = file.syn_retransmit {
        let at = syns.span().start;
        scenario.syns = match syns.into_inner() {
            Syns::Preset(name) => syn_preset(&name).ok_or_else(|| {
                let why = format!("{name:?}: expected \"linux-6.5\", \"linux-6.4\" or a list");
                (at, why)
            })?,
            Syns::Times(times) => {
                let ms = times.into_iter().map(u64::from);
                ms.map(Duration::from_millis).collect()
            }
        };
        scenario.check_syns().map_err(|why| (at, why))?;
    }
    for entry in file.host {
        let span = entry.span();
        let host = Host::from(entry.into_inner());
        host.check().map_err(|why| located(text, &span, why))?;
        let known = |name: &&String| scenario.hosts.iter().any(|host| host.names.contains(name));
        if let Some(name) = host.names.iter().find(known) {
            return Err((
                span.start,
                format!("host {name:?} is there twice: expected once"),
            ));
        }
        scenario.hosts.push(host);
    }
    for entry in file.path {
        let span = entry.span();
        let path = path(text, entry.into_inner(), &span)?;
        let taken = |ip: &&IpAddr| {
            scenario
                .paths
                .iter()
                .any(|path| path.addresses.contains(ip))
        };
        if let Some(address) = path.addresses.iter().find(taken) {
            return Err((
                span.start,
                format!("path {address} is there twice: expected once"),
            ));
        }
        scenario.paths.push(path);
    }
    Ok(scenario)
}

fn path(text: &str, mut entry: PathEntry, span: &Range<usize>) -> Result<Path, Wrong> {
    if entry.at.is_some() || entry.until.is_some() {
        return Err(located(text, span, "`at`: expected in `steps` only".into()));
    }
    let settings = entry.settings();
    let mut path = Path {
        addresses: entry.address.map(OneOrMany::into_vec).unwrap_or_default(),
        label: entry.label,
        settings,
        steps: Vec::new(),
        changes: Settings::default(),
    };
    path.check().map_err(|why| located(text, span, why))?;
    for step in entry.steps {
        let span = step.span();
        let mut step = step.into_inner();
        if step.address.is_some() || step.label.is_some() || !step.steps.is_empty() {
            let why = "a step: expected neither `address`, `label` nor `steps`";
            return Err((span.start, why.to_owned()));
        }
        let Some(at) = duration(step.at) else {
            return Err((span.start, "a step: expected `at`".to_owned()));
        };
        path.steps.push(Step {
            at,
            until: duration(step.until),
            settings: step.settings(),
        });
        path.check().map_err(|why| located(text, &span, why))?;
    }
    Ok(path)
}

/// Places a complaint that begins with a key's name at that key, else at the entry.
fn located(text: &str, span: &Range<usize>, why: String) -> Wrong {
    let key = why
        .split([' ', ':'])
        .next()
        .unwrap_or_default()
        .trim_matches('`');
    let entry = text.get(span.clone()).unwrap_or_default();
    let mut offset = 0;
    for line in entry.split_inclusive('\n') {
        let left = line.trim_start();
        let rest = left.strip_prefix(key).map(str::trim_start);
        if !key.is_empty() && rest.is_some_and(|rest| rest.starts_with('=')) {
            return (span.start + offset + (line.len() - left.len()), why);
        }
        offset += line.len();
    }
    (span.start, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "seed = 7\nsyn_retransmit = [0, 500]\n\n[[host]]\nname = \"A.example\"\n\
        addresses = [\"44.128.0.1\"]\ndns_delay = 20\n\n[[path]]\naddress = \"44.128.0.1\"\n\
        rtt = \"40ms\"\nsteps = [\n  { at = \"5s\", until = \"10s\", fault = \"refuse\" },\n]\n";

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
            .with_path(Path::new(address).with_rtt(ms(40)).with_step(step));
        assert_eq!(read(GOOD, "my.toml").unwrap(), built);
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
            ("40ms", "61s", "my.toml:11: rtt 61s: expected 0ns..=60s"),
            (
                "refuse",
                "refused",
                "my.toml:13: unknown variant `refused`, expected one of",
            ),
            ("10s", "5s", "my.toml:13: a step from 5s until 5s: expected"),
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
                "my.toml:4: host \"a b\": expected a DNS name",
            ),
            ("[[path]]", "[[path]", "my.toml:9: "),
            ("44.128.0.1\"]", "44.128.0\"]", "my.toml:6: "),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert!(error(&text).starts_with(wanted), "{}", error(&text));
        }
        let twice = format!("{GOOD}[[path]]\naddress = \"44.128.0.1\"\n");
        assert!(error(&twice).starts_with("my.toml:15: path 44.128.0.1 is there twice"));
        assert!(error(&" ".repeat(MAX_FILE + 1)).contains("expected at most"));
    }
}
