//! The report of `easelect connect`: each connection's time to open, endpoint, address and attempts.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use easelect::{Attempt, AttemptOutcome, Timings, without_secrets};
use serde::Serialize;

use super::figures::{ms, ms_float, ms_unit};
use super::format::pretty;
use super::layout::{Column, Ink, Style, columns};
use super::model::{Phases, SCHEMA, timings};
use super::texts::{
    Label, Lang, Text, failure_text, label, phase, short_phase, shown, text, through,
};

/// One call to connect, and how it ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectRecord {
    /// Whether a connection was opened.
    pub ok: bool,
    /// The URL of the connection.
    pub url: Option<String>,
    /// The address that answered; the proxy's, if there is one.
    pub address: Option<SocketAddr>,
    /// The URL, without user name and password, of the proxy that the connection goes through or was to go through.
    pub proxy: Option<String>,
    /// The time from the call to the open connection, everything included.
    pub time_to_open: Option<Duration>,
    /// The phases of the winning attempt.
    pub timings: Timings,
    /// Every attempt of the race.
    pub attempts: Vec<Attempt>,
    /// Why there is no connection.
    pub error: Option<String>,
}

impl ConnectRecord {
    /// Returns the record of a connection that was opened.
    #[must_use]
    pub fn opened(
        url: String,
        address: SocketAddr,
        time_to_open: Duration,
        timings: Timings,
        attempts: Vec<Attempt>,
    ) -> Self {
        ConnectRecord {
            ok: true,
            url: Some(url),
            address: Some(address),
            proxy: None,
            time_to_open: Some(time_to_open),
            timings,
            attempts,
            error: None,
        }
    }

    /// Returns the record of a call that failed.
    #[must_use]
    pub fn failed(error: String, attempts: Vec<Attempt>) -> Self {
        ConnectRecord {
            ok: false,
            url: None,
            address: None,
            proxy: None,
            time_to_open: None,
            timings: Timings::default(),
            attempts,
            error: Some(error),
        }
    }
}

/// The longest URL or error, in characters: a caller may put anything into a record.
const LONGEST: usize = 4096;

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[derive(Serialize)]
struct Document {
    schema: u32,
    connects: Vec<ConnectJson>,
}

#[derive(Serialize)]
struct ConnectJson {
    ok: bool,
    url: Option<String>,
    address: Option<String>,
    proxy: Option<String>,
    time_to_open_ms: Option<f64>,
    phases_ms: Phases<Option<f64>>,
    attempts: Vec<AttemptJson>,
    error: Option<String>,
}

#[derive(Serialize)]
struct AttemptJson {
    url: String,
    address: Option<String>,
    started_ms: f64,
    ended_ms: f64,
    outcome: &'static str,
    phase_reached: &'static str,
    failure: Option<FailureJson>,
}

#[derive(Serialize)]
struct FailureJson {
    phase: &'static str,
    kind: &'static str,
    message: String,
}

/// Formats the connections as indented JSON.
#[must_use]
pub fn connects_json(records: &[ConnectRecord], lang: Lang, now: SystemTime) -> String {
    let attempt = |one: &Attempt| AttemptJson {
        url: one.endpoint.shown_with(&one.path),
        address: one.address.map(|address| address.to_string()),
        started_ms: ms_float(one.started),
        ended_ms: ms_float(one.ended),
        outcome: one.outcome.as_str(),
        phase_reached: one.phase_reached().as_str(),
        failure: match &one.outcome {
            AttemptOutcome::Failed(failure) => Some(FailureJson {
                phase: failure.phase().as_str(),
                kind: failure.kind().as_str(),
                message: failure_text(failure, now).of(lang),
            }),
            _ => None,
        },
    };
    let connects = records
        .iter()
        .map(|one| ConnectJson {
            ok: one.ok,
            url: (one.url.as_deref()).map(|url| bounded(&without_secrets(url))),
            address: one.address.map(|address| address.to_string()),
            proxy: one.proxy.clone(),
            time_to_open_ms: one.time_to_open.map(ms_float),
            phases_ms: timings(&one.timings),
            attempts: one.attempts.iter().map(attempt).collect(),
            error: one.error.as_deref().map(bounded),
        })
        .collect();
    pretty(&Document {
        schema: SCHEMA,
        connects,
    })
}

/// Formats the connections for a terminal: one line each, with its attempts below.
#[must_use]
pub fn connects_table(
    records: &[ConnectRecord],
    lang: Lang,
    style: Style,
    now: SystemTime,
) -> String {
    let mut lines = Vec::new();
    for (index, one) in records.iter().enumerate() {
        let (ink, told) = ended(one, lang);
        let proxy = one.proxy.as_ref();
        let proxy = proxy.map(|proxy| format!("  {}", through(proxy).of(lang)));
        let told = told + &proxy.unwrap_or_default();
        lines.extend(style.painted(ink, &format!("{}. ", index + 1), &told));
        let phases: Vec<String> = one
            .timings
            .iter()
            .map(|(which, took)| format!("{} {}", phase(which).of(lang), ms_unit(took)))
            .collect();
        if !phases.is_empty() {
            let phases = phases.join(&text(", ", "，").of(lang));
            lines.extend(style.paragraph(INDENT, &phases));
        }
        lines.extend(attempts(&one.attempts, lang, style, now));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The indentation of the lines below a connection.
const INDENT: &str = "   ";

fn ended(one: &ConnectRecord, lang: Lang) -> (Ink, String) {
    match (&one.url, one.address, one.time_to_open) {
        (Some(url), Some(address), Some(took)) => {
            let head = label(Label::TimeToOpen).of(lang);
            let url = shown(&without_secrets(url), LONGEST);
            let told = format!("{head} {}  {url}  {address}", ms_unit(took));
            (Ink::Good, told)
        }
        _ => {
            let error = shown(one.error.as_deref().unwrap_or(""), 300);
            let head = label(Label::NotConnected).of(lang);
            let colon = text(": ", "：").of(lang);
            (Ink::Bad, format!("{head}{colon}{error}"))
        }
    }
}

/// Each attempt: its start and end, its address, and its outcome.
fn attempts(attempts: &[Attempt], lang: Lang, style: Style, now: SystemTime) -> Vec<String> {
    let cells = |cell: &dyn Fn(&Attempt) -> String| attempts.iter().map(cell).collect();
    let (head, body) = style.grid(vec![
        Column::right(
            text("from (ms)", "开始 (ms)").of(lang),
            cells(&|one| ms(one.started)),
            0,
        ),
        Column::right(
            text("to (ms)", "结束 (ms)").of(lang),
            cells(&|one| ms(one.ended)),
            0,
        ),
        Column::left(
            label(Label::Endpoint).of(lang),
            cells(&|one| shown(&one.endpoint.authority(), 80)),
        ),
        Column::left(
            text("address", "地址").of(lang),
            cells(&|one| match one.address {
                Some(at) if at.port() == one.endpoint.port() => at.ip().to_string(),
                // A proxy's address.
                Some(at) => at.to_string(),
                None => "-".to_owned(),
            }),
        ),
    ]);
    let width = head.iter().chain(&body).map(|line| columns(line)).max();
    let width = width.unwrap_or(0);
    let mut lines = Vec::new();
    for (one, line) in attempts.iter().zip(body) {
        // The outcomes begin in one column.
        let padding = " ".repeat(width - columns(&line));
        let line = format!("{INDENT}{line}{padding}");
        let beneath = format!("{INDENT}  ");
        for line in style.beside(&line, &outcome(one, now).of(lang), &beneath) {
            lines.push(style.paint(Ink::Dim, line.trim_end()));
        }
    }
    if !lines.is_empty() {
        let head = head
            .iter()
            .map(|line| style.paint(Ink::Dim, &format!("{INDENT}{line}")));
        lines.splice(0..0, head);
    }
    lines
}

fn outcome(one: &Attempt, now: SystemTime) -> Text {
    match &one.outcome {
        AttemptOutcome::Won => label(Label::Won),
        AttemptOutcome::Cancelled(at) => {
            let at = short_phase(*at);
            text(
                format!("cancelled ({})", at.en),
                format!("已取消（{} 阶段）", at.zh),
            )
        }
        AttemptOutcome::Failed(failure) => failure_text(failure, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easelect::{Catalog, Endpoint, Failure, FailureKind, Phase, Region, Service};

    fn records() -> Vec<ConnectRecord> {
        let group = Catalog::builtin().group(&Region::CN1.into(), Service::Websocket);
        let [a, b] = group.unwrap().try_into().unwrap();
        let ms = Duration::from_millis;
        let mut timings = Timings::default();
        timings.set(Phase::Connect, ms(20));
        timings.set(Phase::Tls, ms(22));
        timings.set(Phase::Upgrade, ms(21));
        let attempt = |endpoint: Endpoint, address: Option<&str>, started, ended, outcome| {
            let mut attempt = Attempt::new(endpoint, outcome);
            attempt.address = address.map(|a| a.parse().unwrap());
            (attempt.started, attempt.ended) = (ms(started), ms(ended));
            attempt.timings = timings;
            attempt
        };
        let refused = Failure::new(Phase::Connect, FailureKind::Refused);
        let lost = Failure::new(Phase::Resolve, FailureKind::NotFound);
        vec![
            ConnectRecord::opened(
                b.url().to_owned(),
                "[fd00::2]:443".parse().unwrap(),
                ms(90),
                timings,
                vec![
                    attempt(
                        a.clone(),
                        Some("10.0.0.1:443"),
                        5,
                        25,
                        AttemptOutcome::Failed(refused),
                    ),
                    attempt(
                        b.clone(),
                        Some("10.0.0.2:443"),
                        25,
                        90,
                        AttemptOutcome::Cancelled(Phase::Tls),
                    ),
                    attempt(b, Some("[fd00::2]:443"), 27, 90, AttemptOutcome::Won),
                ],
            ),
            ConnectRecord::failed(
                "nothing\u{7} works".to_owned(),
                vec![attempt(a, None, 0, 5, AttemptOutcome::Failed(lost))],
            ),
        ]
    }

    #[test]
    fn a_connection_is_told_with_its_attempts() {
        let now = SystemTime::UNIX_EPOCH;
        insta::assert_snapshot!(connects_table(&records(), Lang::En, Style::plain(), now), @r###"
1. time to open 90.0 ms  wss://im-api-v2.easecdn.com/websocket  [fd00::2]:443
   TCP connect 20.0 ms, TLS handshake 22.0 ms, WebSocket handshake 21.0 ms
   from (ms)  to (ms)  endpoint               address
         5.0     25.0  im-api-v2.easemob.com  10.0.0.1  TCP connect: connection refused
        25.0     90.0  im-api-v2.easecdn.com  10.0.0.2  cancelled (TLS)
        27.0     90.0  im-api-v2.easecdn.com  fd00::2   used
2. no connection: nothing\u{7} works
   from (ms)  to (ms)  endpoint               address
         0.0      5.0  im-api-v2.easemob.com  -        name lookup: no such name
"###);
        insta::assert_snapshot!(connects_table(&records(), Lang::Zh, Style::plain(), now), @r###"
1. 建连耗时 90.0 ms  wss://im-api-v2.easecdn.com/websocket  [fd00::2]:443
   TCP 连接 20.0 ms，TLS 握手 22.0 ms，WebSocket 握手 21.0 ms
   开始 (ms)  结束 (ms)  接入地址               地址
         5.0       25.0  im-api-v2.easemob.com  10.0.0.1  TCP 连接：连接被拒绝
        25.0       90.0  im-api-v2.easecdn.com  10.0.0.2  已取消（TLS 阶段）
        27.0       90.0  im-api-v2.easecdn.com  fd00::2   最终采用
2. 未连上：nothing\u{7} works
   开始 (ms)  结束 (ms)  接入地址               地址
         0.0        5.0  im-api-v2.easemob.com  -     域名解析：域名不存在
"###);
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let now = SystemTime::UNIX_EPOCH;
        for lang in [Lang::En, Lang::Zh] {
            for width in [60, 80] {
                let style = Style::plain().with_width(width);
                let told = connects_table(&records(), lang, style, now);
                for line in told.lines() {
                    assert!(columns(line) <= usize::from(width), "{line}");
                }
            }
        }
    }

    #[test]
    fn the_proxy_is_said() {
        let mut records = records();
        for one in &mut records {
            one.proxy = Some("http://10.0.0.1:8080".to_owned());
        }
        let now = SystemTime::UNIX_EPOCH;
        let told = connects_table(&records, Lang::En, Style::plain(), now);
        let through = |line: &&str| line.ends_with("  through the proxy http://10.0.0.1:8080");
        assert_eq!(told.lines().filter(through).count(), 2, "{told}");
        let told = connects_json(&records, Lang::En, now);
        assert!(told.contains("\"proxy\": \"http://10.0.0.1:8080\""));
    }

    #[test]
    fn the_schema_is_held() {
        let json = connects_json(&records()[1..], Lang::En, SystemTime::UNIX_EPOCH);
        insta::assert_snapshot!(json, @r###"
{
  "schema": 1,
  "connects": [
    {
      "ok": false,
      "url": null,
      "address": null,
      "proxy": null,
      "time_to_open_ms": null,
      "phases_ms": {
        "resolve": null,
        "connect": null,
        "proxy": null,
        "tls": null,
        "upgrade": null,
        "processing": null
      },
      "attempts": [
        {
          "url": "wss://im-api-v2.easemob.com/websocket",
          "address": null,
          "started_ms": 0.0,
          "ended_ms": 5.0,
          "outcome": "failed",
          "phase_reached": "resolve",
          "failure": {
            "phase": "resolve",
            "kind": "not_found",
            "message": "name lookup: no such name"
          }
        }
      ],
      "error": "nothing\u0007 works"
    }
  ]
}
"###);
    }
}
