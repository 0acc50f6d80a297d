//! The formats for chats, tickets, spreadsheets and monitoring, each parsed again as its readers do.

mod support;
#[path = "support/worlds.rs"]
mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use easelect::{FailureKind, Phase, Region, Service, is_hidden};
use easelect_report::{Lang, Model, Report, csv, markdown, prometheus, summary};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use support::*;
use worlds::world;

const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

/// Text from outside, with markup of every format.
const NASTY: [&str; 16] = [
    "a|b`c`*d*_e_~~f~~",
    "<script>alert(1)</script>&amp;&lt;",
    "[x](http://evil.example) ![y](z) [z]: q",
    "@somebody #17 www.evil.example http://evil.example",
    "first\r\n# second\n\n| third |",
    "=HYPERLINK(\"http://evil.example\")",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "＝1",
    "\"quoted\", and; more",
    "back\\slash \\",
    "\u{202e}turned\u{1b}[2J",
    "$x$ {y} 'z'",
    "结论|：`",
];

/// A report with this in every free text.
fn saying(nasty: &str, lang: Lang) -> Model {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let mut context = context();
    context.note = Some(nasty.to_owned());
    context.utc_offset = Some(8 * 3600);
    let rankings = [ranking([
        ok(&a, 20).shows(certificate(-30, 60)),
        refused(&b),
    ])];
    let mut model = Model::new(&Report::new(&outcome(&rankings), context), lang);
    model.environment.lab = Some(nasty.to_owned());
    model.environment.system_proxies = vec![nasty.to_owned()];
    for finding in &mut model.findings {
        (finding.text, finding.hint) = (nasty.to_owned(), nasty.to_owned());
    }
    for row in model
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.endpoints)
    {
        row.label = Some(nasty.to_owned());
        row.reason.text = nasty.to_owned();
        for one in row.addresses.iter_mut().flat_map(|one| &mut one.failures) {
            one.message = nasty.to_owned();
        }
        for one in &mut row.failures {
            one.message = nasty.to_owned();
        }
    }
    model
}

fn small(lang: Lang) -> Model {
    let [a, b] = pair(Region::CN1, Service::Websocket);
    let [c, d] = pair(Region::CN1, Service::Rest);
    let mut context = context();
    context.note = Some("客户甲 | 北京联通".to_owned());
    context.utc_offset = Some(8 * 3600);
    let rankings = [
        ranking([ok(&a, 21), refused(&b)]),
        ranking([
            refused(&c),
            failing(&d, failure(Phase::Tls, FailureKind::Timeout)),
        ]),
    ];
    Model::new(&Report::new(&outcome(&rankings), context), lang)
}

#[test]
fn a_summary() {
    insta::assert_snapshot!(summary(&small(Lang::Zh)), @r###"
结论：问题在环信一侧的主机。wss://im-api-v2.easecdn.com/websocket、https://a1.easemob.com/ 在 TCP 连接时失败：连接被拒绝。
处理人：环信技术支持
下一步：请用同一台设备换一个网络重测；如果仍然失败，请把这份报告发给环信技术支持。
测量：2025-10-09 16:53:20 (UTC+08:00) | 客户甲 | 北京联通 | linux x86_64
cn1 | socket 3.0（WebSocket 地址）：im-api-v2.easemob.com 65.5 ms
cn1 | RESTful API 请求地址：没有可用的接入地址
另外发现：https://a1.easecdn.com/ 在 TLS 握手时失败：已连接，但对方超时未应答。
未测试：token、账号和应用自身的逻辑。耗时不含域名解析。
easelect 0.1.0
"###);
    insta::assert_snapshot!(summary(&small(Lang::En)), @r###"
Verdict: The fault is on Easemob's side, in the hosts themselves. wss://im-api-v2.easecdn.com/websocket, https://a1.easemob.com/ fail at TCP connect: connection refused.
Who can act: Easemob support
Next step: Measure again from another network; if it fails there too, send this report to Easemob support.
Measured: 2025-10-09 16:53:20 (UTC+08:00) | 客户甲 | 北京联通 | linux x86_64
cn1 | socket 3.0 (WebSocket): im-api-v2.easemob.com 65.5 ms
cn1 | RESTful API: no endpoint is ready
Also found: https://a1.easecdn.com/ fails in the TLS handshake: connected, but no answer in time.
Not tested: token, account, and the app's own logic. Times don't include the name lookup.
easelect 0.1.0
"###);
}

#[test]
fn markdown_for_a_ticket() {
    insta::assert_snapshot!(markdown(&small(Lang::En)), @r###"
## Easemob connection report, 2025-10-09T16:53:20+08:00

- **Verdict:** The fault is on Easemob's side, in the hosts themselves. wss://im-api-v2.easecdn.com/websocket, https\://a1.easemob.com/ fail at TCP connect: connection refused.
- **Who can act:** Easemob support
- **Next step:** Measure again from another network; if it fails there too, send this report to Easemob support.
- Not tested: token, account, and the app's own logic.

### Findings

- **Blocks a service:** wss://im-api-v2.easecdn.com/websocket, https\://a1.easemob.com/ fail at TCP connect: connection refused.
  - Measure again from another network; if it fails there too, send this report to Easemob support.
- **Blocks a service:** https\://a1.easecdn.com/ fails in the TLS handshake: connected, but no answer in time.
  - Measure again from another network; if it fails there too, send this report to Easemob support.

### China 1 (cn1), socket 3.0 (WebSocket)

**First choice:** `wss://im-api-v2.easemob.com/websocket`

| \# | endpoint | state | failed | expected cost | median | name lookup | TCP connect | TLS handshake | WebSocket handshake | addresses | why |
| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |
| 1 | `wss://im-api-v2.easemob.com/websocket` | ready | 0% 0/4 | 68.0 | 65.5 | 12.0 | 21.5 | 22.5 | 21.5 | 47.93.7.1 | first choice in this data centre: the only one that is ready |
| 2 | `wss://im-api-v2.easecdn.com/websocket` | unreachable | 100% 4/4 | - | - | 12.0 | - | - | - | 47.93.7.2 | TCP connect: connection refused ×4 |

### China 1 (cn1), RESTful API

**No endpoint is ready**

| \# | endpoint | state | failed | name lookup | TCP connect | addresses | why |
| ---: | --- | --- | ---: | ---: | ---: | --- | --- |
| 1 | `https://a1.easecdn.com/` | unreachable | 100% 4/4 | 12.0 | 20.0 | 47.93.7.18 | TLS handshake: connected, but no answer in time ×4 |
| 2 | `https://a1.easemob.com/` | unreachable | 100% 4/4 | 12.0 | - | 47.93.7.17 | TCP connect: connection refused ×4 |

Times are in milliseconds. Each phase is its own median, so the phases need not add up to the total. Expected cost: the average time to open a connection, plus a penalty for failures. Failed: the share of attempts that failed. ±, where shown: the standard deviation. The median and the expected cost don't include the name lookup.

### Notes

- 1 URL is inferred from sibling hosts: Easemob publishes the host, but not the port and path. If such a URL is refused, ask Easemob support for its path, and put it into a catalogue file (--catalog).

### Measurement

- **Version:** easelect 0.1.0
- **Time:** 2025-10-09T16:53:20+08:00
- **Note:** 客户甲 \| 北京联通
- **System:** linux x86_64
"###);
}

#[test]
fn a_spreadsheet() {
    insta::assert_snapshot!(csv(&small(Lang::Zh)).replace("\r\n", "\n").trim_start_matches('\u{feff}'), @r###"
finished_at,region,service,rank,tier,reason,in_use,url,host,label,expected_cost_ms,endpoint_failed_ratio,endpoint_p50_ms,resolve_ms,connect_ms,proxy_ms,tls_ms,upgrade_ms,processing_ms,address,attempts,successes,min_ms,p50_ms,p90_ms,max_ms,certificate_not_after,trust,failed_phase,failed_kind,failures,message
2025-10-09T08:53:20Z,cn1,websocket,1,ready,only_ready,false,wss://im-api-v2.easemob.com/websocket,im-api-v2.easemob.com,,68,0,65.5,12,21.5,,22.5,21.5,,47.93.7.1:443,4,4,64,65.5,,70,,,,,,
2025-10-09T08:53:20Z,cn1,websocket,2,unreachable,fails,false,wss://im-api-v2.easecdn.com/websocket,im-api-v2.easecdn.com,,,1,,12,,,,,,47.93.7.2:443,4,0,,,,,,,connect,refused,4,TCP 连接：连接被拒绝
2025-10-09T08:53:20Z,cn1,rest,1,unreachable,fails,false,https://a1.easecdn.com/,a1.easecdn.com,,,1,,12,20,,,,,47.93.7.18:443,4,0,,,,,,,tls,timeout,4,TLS 握手：已连接，但对方超时未应答
2025-10-09T08:53:20Z,cn1,rest,2,unreachable,fails,false,https://a1.easemob.com/,a1.easemob.com,,,1,,12,,,,,,47.93.7.17:443,4,0,,,,,,,connect,refused,4,TCP 连接：连接被拒绝
"###);
}

#[test]
fn a_file_for_the_node_exporter() {
    insta::assert_snapshot!(prometheus(&small(Lang::En)), @r###"
# HELP easelect_probe_success Whether the endpoint is ready: verified handshakes succeed there.
# TYPE easelect_probe_success gauge
easelect_probe_success{region="cn1",service="websocket",host="im-api-v2.easemob.com"} 1
easelect_probe_success{region="cn1",service="websocket",host="im-api-v2.easecdn.com"} 0
easelect_probe_success{region="cn1",service="rest",host="a1.easecdn.com"} 0
easelect_probe_success{region="cn1",service="rest",host="a1.easemob.com"} 0
# HELP easelect_open_seconds Median time from the first SYN to a verified answer, without the name lookup.
# TYPE easelect_open_seconds gauge
easelect_open_seconds{region="cn1",service="websocket",host="im-api-v2.easemob.com"} 0.0655
# HELP easelect_phase_seconds Median time of each phase.
# TYPE easelect_phase_seconds gauge
easelect_phase_seconds{region="cn1",service="websocket",host="im-api-v2.easemob.com",phase="resolve"} 0.012
easelect_phase_seconds{region="cn1",service="websocket",host="im-api-v2.easemob.com",phase="connect"} 0.0215
easelect_phase_seconds{region="cn1",service="websocket",host="im-api-v2.easemob.com",phase="tls"} 0.0225
easelect_phase_seconds{region="cn1",service="websocket",host="im-api-v2.easemob.com",phase="upgrade"} 0.0215
easelect_phase_seconds{region="cn1",service="websocket",host="im-api-v2.easecdn.com",phase="resolve"} 0.012
easelect_phase_seconds{region="cn1",service="rest",host="a1.easecdn.com",phase="resolve"} 0.012
easelect_phase_seconds{region="cn1",service="rest",host="a1.easecdn.com",phase="connect"} 0.02
easelect_phase_seconds{region="cn1",service="rest",host="a1.easemob.com",phase="resolve"} 0.012
# HELP easelect_failed_ratio Share of the completed attempts that failed, from 0 to 1.
# TYPE easelect_failed_ratio gauge
easelect_failed_ratio{region="cn1",service="websocket",host="im-api-v2.easemob.com"} 0
easelect_failed_ratio{region="cn1",service="websocket",host="im-api-v2.easecdn.com"} 1
easelect_failed_ratio{region="cn1",service="rest",host="a1.easecdn.com"} 1
easelect_failed_ratio{region="cn1",service="rest",host="a1.easemob.com"} 1
# HELP easelect_attempts Attempts made in this measurement.
# TYPE easelect_attempts gauge
easelect_attempts{region="cn1",service="websocket",host="im-api-v2.easemob.com"} 4
easelect_attempts{region="cn1",service="websocket",host="im-api-v2.easecdn.com"} 4
easelect_attempts{region="cn1",service="rest",host="a1.easecdn.com"} 4
easelect_attempts{region="cn1",service="rest",host="a1.easemob.com"} 4
# HELP easelect_first_choice_info The first choice of each data centre and service.
# TYPE easelect_first_choice_info gauge
easelect_first_choice_info{region="cn1",service="websocket",host="im-api-v2.easemob.com"} 1
# HELP easelect_failure_info Phases and kinds of failed attempts at the endpoint.
# TYPE easelect_failure_info gauge
easelect_failure_info{region="cn1",service="websocket",host="im-api-v2.easecdn.com",phase="connect",kind="refused"} 1
easelect_failure_info{region="cn1",service="rest",host="a1.easecdn.com",phase="tls",kind="timeout"} 1
easelect_failure_info{region="cn1",service="rest",host="a1.easemob.com",phase="connect",kind="refused"} 1
# HELP easelect_verdict_info Where the fault lies; all_well if there is none.
# TYPE easelect_verdict_info gauge
easelect_verdict_info{code="easemob"} 1
# HELP easelect_report_timestamp_seconds End of the measurement, in seconds since 1970.
# TYPE easelect_report_timestamp_seconds gauge
easelect_report_timestamp_seconds 1760000000
"###);
}

/// A summary has few lines, all of them text.
fn is_a_summary(model: &Model) {
    let told = summary(model);
    let lines: Vec<&str> = told.lines().collect();
    assert!((6..=10).contains(&lines.len()), "{told}");
    assert!(told.ends_with('\n') && !told.contains("\n\n"), "{told}");
    for line in &lines {
        assert!(!line.is_empty() && !line.chars().any(is_hidden), "{told}");
        assert!(line.chars().count() <= 401, "{told}");
    }
    let begins: String = model.verdict.text.chars().take(20).collect();
    assert!(lines[0].contains(&begins), "{told}");
    assert!(lines.last().unwrap().contains(&model.version), "{told}");
    for group in &model.groups {
        assert!(told.contains(&group.region), "{told}");
    }
}

#[test]
fn a_summary_has_ten_lines_at_most() {
    for lang in LANGS {
        for nasty in NASTY {
            is_a_summary(&saying(nasty, lang));
        }
        // Every data centre, every service.
        let all = easelect::Catalog::builtin();
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for endpoint in all.endpoints() {
            let key = (
                endpoint.region().to_string(),
                endpoint.service().to_string(),
            );
            groups.entry(key).or_default().push(endpoint.clone());
        }
        let rankings: Vec<_> = (groups.values())
            .map(|all| ranking(all.iter().map(|one| ok(one, 20))))
            .collect();
        let model = Model::new(&report(&rankings), lang);
        assert!(model.groups.len() > 20);
        is_a_summary(&model);
        for group in &model.groups {
            assert!(summary(&model).contains(&format!("{} ", group.service_name)));
        }
        for count in 1..=7 {
            is_a_summary(&Model::new(&report(&rankings[..count]), lang));
        }
        is_a_summary(&Model::new(&report(&[]), lang));
    }
}

/// The tables of a Markdown text, each cell as a reader sees it, and all of its text.
fn read_markdown(text: &str) -> (Vec<Vec<Vec<String>>>, String) {
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let mut all = String::new();
    let mut in_cell = false;
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Table(_)) => tables.push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableRow) => {
                tables.last_mut().unwrap().push(Vec::new());
            }
            Event::Start(Tag::TableCell) => {
                tables
                    .last_mut()
                    .unwrap()
                    .last_mut()
                    .unwrap()
                    .push(String::new());
                in_cell = true;
            }
            Event::End(TagEnd::TableCell) => in_cell = false,
            Event::Text(piece) | Event::Code(piece) => {
                let piece = piece.replace('\u{200b}', "");
                all.push_str(&piece);
                if in_cell {
                    let row = tables.last_mut().unwrap().last_mut().unwrap();
                    row.last_mut().unwrap().push_str(&piece);
                }
            }
            Event::Start(
                Tag::Paragraph | Tag::List(None) | Tag::Item | Tag::Strong | Tag::Heading { .. },
            ) => {}
            Event::End(TagEnd::Strong) => {}
            Event::End(_) => all.push('\n'),
            other => panic!("{other:?} in {text}"),
        }
    }
    (tables, all)
}

fn is_a_ticket(model: &Model) {
    let told = markdown(model);
    let (tables, all) = read_markdown(&told);
    assert_eq!(tables.len(), model.groups.len(), "{told}");
    for (table, group) in tables.iter().zip(&model.groups) {
        assert_eq!(table.len(), group.endpoints.len() + 1, "{told}");
        for row in table {
            assert_eq!(row.len(), table[0].len(), "{told}");
        }
        for (row, endpoint) in table[1..].iter().zip(&group.endpoints) {
            assert_eq!(row[0], endpoint.rank.to_string());
            assert!(row[1].contains(&endpoint.url), "{told}");
        }
    }
    assert!(
        all.contains(&easelect::shown(&model.verdict.text, 1000)),
        "{told}"
    );
    for finding in &model.findings {
        let text = easelect::shown(&finding.text, 1000);
        assert!(all.contains(text.trim()), "{text:?}: {told}\n{all}");
    }
    let hidden = |c: char| c != '\n' && is_hidden(c);
    assert!(!told.contains(hidden), "{told}");
}

#[test]
fn what_strangers_wrote_is_text_in_markdown() {
    for nasty in NASTY {
        let model = saying(nasty, Lang::Zh);
        is_a_ticket(&model);
        let told = markdown(&model);
        let (tables, _) = read_markdown(&told);
        let shown = easelect::shown(nasty, 60);
        assert!(tables[0][1][1].contains(shown.trim()), "{told}");
        // GitHub's own links, made after parsing the Markdown.
        for link in ["@s", "@S", "\\#1", "#17", "www.evil", "http://evil"] {
            assert!(!told.contains(link), "{link}: {told}");
        }
    }
}

/// The records of a CSV file, by column.
fn read_csv(text: &str) -> Vec<BTreeMap<String, String>> {
    let plain = text
        .strip_prefix('\u{feff}')
        .expect("spreadsheets need the mark");
    assert!(!plain.replace("\r\n", "").contains(['\r', '\n']), "{plain}");
    assert!(plain.ends_with("\r\n"));
    let mut reader = ::csv::ReaderBuilder::new()
        .flexible(false)
        .from_reader(plain.as_bytes());
    let head = reader.headers().unwrap().clone();
    let records = reader.records().map(|record| {
        let record = record.unwrap();
        let cells = head.iter().zip(&record);
        cells
            .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
            .collect()
    });
    records.collect()
}

fn is_a_spreadsheet(model: &Model) {
    let told = csv(model);
    let records = read_csv(&told);
    let rows: Vec<_> = model
        .groups
        .iter()
        .flat_map(|group| &group.endpoints)
        .collect();
    let expected: usize = rows.iter().map(|row| row.addresses.len().max(1)).sum();
    assert_eq!(records.len(), expected, "{told}");
    let mut records = records.iter();
    for row in rows {
        for place in 0..row.addresses.len().max(1) {
            let record = records.next().unwrap();
            assert_eq!(record["url"], row.url);
            assert_eq!(record["rank"], row.rank.to_string());
            let address = row.addresses.get(place);
            assert_eq!(record["address"], address.map_or("", |one| &one.address));
            let p50 = address
                .and_then(|one| one.total_ms.as_ref())
                .map(|one| one.p50);
            assert_eq!(record["p50_ms"].parse().ok(), p50, "{told}");
            let tls = row.phases_ms.tls.as_ref().map(|one| one.p50);
            assert_eq!(record["tls_ms"].parse().ok(), tls, "{told}");
            assert_eq!(
                record["endpoint_failed_ratio"].parse().ok(),
                row.failed_ratio
            );
            for cell in record.values() {
                assert!(
                    !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝']),
                    "{cell}"
                );
                assert!(!cell.chars().any(is_hidden), "{cell}");
            }
        }
    }
}

#[test]
fn no_cell_of_a_spreadsheet_is_a_formula() {
    for nasty in NASTY {
        let model = saying(nasty, Lang::En);
        is_a_spreadsheet(&model);
        let label = &read_csv(&csv(&model))[0]["label"];
        let shown = easelect::shown(nasty, 1000);
        assert!(*label == shown || *label == format!("'{shown}"), "{label}");
    }
}

#[derive(Debug)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Parses the Prometheus text format strictly; refuses time stamps, as the node exporter does.
fn read_prometheus(text: &str) -> Vec<Series> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let (mut families, mut all) = (BTreeSet::new(), Vec::new());
    let mut current: Option<(String, bool)> = None;
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(
                is_name(name) && !help.is_empty() && !help.contains('\\'),
                "{line}"
            );
            assert!(families.insert(name.to_owned()), "{name} twice");
            current = Some((name.to_owned(), false));
            continue;
        }
        let (name, typed) = current.as_mut().unwrap();
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{name} gauge"));
            assert!(!*typed);
            *typed = true;
            continue;
        }
        assert!(*typed, "{line}");
        let mut rest = line.strip_prefix(name.as_str()).expect(line);
        let mut labels = BTreeMap::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            loop {
                let (label, value) = rest.split_once("=\"").unwrap();
                assert!(is_name(label), "{line}");
                let mut told = String::new();
                let mut chars = value.chars();
                loop {
                    match chars.next().expect(line) {
                        '"' => break,
                        '\\' => told.push(match chars.next().unwrap() {
                            'n' => '\n',
                            c @ ('\\' | '"') => c,
                            c => panic!("\\{c} in {line}"),
                        }),
                        c => told.push(c),
                    }
                }
                assert!(labels.insert(label.to_owned(), told).is_none(), "{line}");
                rest = chars.as_str();
                match rest.chars().next() {
                    Some(',') => rest = &rest[1..],
                    Some('}') => break,
                    _ => panic!("{line}"),
                }
            }
            rest = &rest[1..];
        }
        let value = rest.strip_prefix(' ').expect(line);
        assert!(!value.contains(' '), "a time stamp: {line}");
        all.push(Series {
            name: name.clone(),
            labels,
            value: value.parse().unwrap(),
        });
    }
    let distinct: BTreeSet<_> = all.iter().map(|one| (&one.name, &one.labels)).collect();
    assert_eq!(distinct.len(), all.len(), "a series is there twice: {text}");
    all
}

fn is_for_the_node_exporter(model: &Model) {
    let told = prometheus(model);
    let all = read_prometheus(&told);
    let named = |name: &str| {
        let name = format!("easelect_{name}");
        all.iter().filter(move |one| one.name == name)
    };
    let rows: Vec<_> = model
        .groups
        .iter()
        .flat_map(|group| &group.endpoints)
        .collect();
    assert_eq!(named("attempts").count(), rows.len(), "{told}");
    let attempts: f64 = named("attempts").map(|one| one.value).sum();
    assert_eq!(
        attempts,
        rows.iter().map(|row| row.attempts as f64).sum::<f64>()
    );
    let firsts = model
        .groups
        .iter()
        .filter(|group| group.best.is_some())
        .count();
    assert_eq!(named("first_choice_info").count(), firsts, "{told}");
    let verdict: Vec<_> = named("verdict_info").collect();
    assert_eq!(verdict.len(), 1);
    assert_eq!(verdict[0].labels["code"], model.verdict.code);
    for one in named("probe_success") {
        let row = rows.iter().find(|row| {
            row.authority == one.labels["host"]
                && row.service == one.labels["service"]
                && row.region == one.labels["region"]
        });
        let ready = row.expect(&told).tier == "ready";
        assert_eq!(one.value == 1.0, ready);
    }
    for one in named("open_seconds").chain(named("phase_seconds")) {
        assert!((0.0..3600.0).contains(&one.value), "{one:?}");
    }
    for row in rows {
        let addresses = row.addresses.iter().map(|one| &one.address);
        for address in addresses.filter(|one| !row.authority.contains(*one)) {
            assert!(!told.contains(address.as_str()), "{address}: {told}");
        }
    }
}

#[test]
fn series_are_each_there_once() {
    // Three endpoints on one host, as a file may have them, one of them twice.
    let mut model = small(Lang::En);
    let rows = &mut model.groups[0].endpoints;
    let mut other = rows[0].clone();
    other.configured_url = "wss://im-api-v2.easemob.com/other\"\\path".to_owned();
    rows.extend([rows[0].clone(), other.clone(), other]);
    let all = read_prometheus(&prometheus(&model));
    let hosts: BTreeSet<_> = all
        .iter()
        .filter_map(|one| one.labels.get("host"))
        .collect();
    assert!(
        hosts.iter().any(|one| one.ends_with("/other\"\\path")),
        "{hosts:?}"
    );
    // An expired certificate is still reported.
    let [a, _] = pair(Region::SGP1, Service::Rest);
    let expired =
        failure(Phase::Tls, FailureKind::CertificateExpired).with_chain(certificate(-30, -3));
    let report = report(&[ranking([failing(&a, expired)])]);
    let all = read_prometheus(&prometheus(&Model::new(&report, Lang::En)));
    let name = "easelect_certificate_expiry_timestamp_seconds";
    let expiry = all.iter().find(|one| one.name == name).unwrap();
    assert_eq!(expiry.value, 1_760_000_000.0 - 3.0 * 86_400.0);
}

/// The same worlds at each run; PROPTEST_RNG_SEED changes them.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: ProptestConfig::default().cases.max(100),
        rng_seed: match ProptestConfig::default().rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            fixed => fixed,
        },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_report_has_every_form(world in world(), zh in any::<bool>()) {
        let lang = LANGS[usize::from(zh)];
        let model = Model::new(&world.report(), lang);
        is_a_summary(&model);
        is_a_ticket(&model);
        is_a_spreadsheet(&model);
        is_for_the_node_exporter(&model);
    }
}
