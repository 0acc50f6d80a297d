//! What `docs/fleet` has for Prometheus, tried with Debian's: the rules in their situations, and three
//! simulated sites → exporters → Prometheus → the dashboard's queries and an alert.
//!
//! `prometheus` and `promtool` are looked for on the `PATH`. Where they are missing a test says so and ends;
//! it fails if `EASELECT_MUST_RUN` contains `prometheus`.
#![cfg(unix)]
// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the whole test with a real Prometheus may take; half of it is usual.
const PATIENCE: Duration = Duration::from_secs(58);

/// The rules, the example of a configuration, and what Prometheus' own tool thinks of them.
#[test]
fn rules_hold_in_their_situations() {
    if !is_there(&["promtool"]) {
        return;
    }
    tool("promtool", &["check", "config", "prometheus.yml"]);
    tool("promtool", &["check", "config", "federation.yml"]);
    tool("promtool", &["check", "config", "--agent", "agent.yml"]);
    tool("promtool", &["check", "rules", "rules.yml"]);
    tool("promtool", &["test", "rules", "rules_test.yml"]);
}

/// Alertmanager's example: who hears of what, and what inhibits what.
#[test]
fn alerts_reach_their_receivers() {
    // Debian's name of it.
    if !is_there(&["amtool", "prometheus-alertmanager"]) {
        return;
    }
    tool("amtool", &["check-config", "alertmanager.yml"]);
    let route = ["config", "routes", "test", "--config.file=alertmanager.yml"];
    for (severity, receiver) in [("page", "on-call"), ("ticket", "tickets")] {
        let labels = [format!("severity={severity}"), "alertname=Any".to_owned()];
        let args = route.into_iter().chain(labels.iter().map(String::as_str));
        let told = tool("amtool", &args.collect::<Vec<_>>());
        assert_eq!(told.trim(), receiver);
    }

    let folder = Folder::new("alerts");
    let config = fs::read_to_string(docs().join("alertmanager.yml")).unwrap();
    // Nobody listens at port 1.
    let config = replaced(&config, "127.0.0.1:9000", "127.0.0.1:1");
    let file = folder.0.join("alertmanager.yml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!(
        "--storage.path={}",
        folder.0.join("data").display()
    ));
    command.args([
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    ]);
    let (_process, address) = Process::listening(&mut command);

    let alert = |name: &str, region: &str, site: &str| {
        let labels = json!({"alertname": name, "region": region, "service": "rest", "site": site});
        json!({ "labels": labels })
    };
    let all = json!([
        {"labels": {"alertname": "EaselectSiteDown", "site": "a", "why": "control_fails"}},
        alert("EasemobFailsFromSite", "cn1", "a"),
        alert("EasemobFlaps", "cn1", "a"),
        alert("EasemobFailsFromSite", "cn1", "b"),
        {"labels": {"alertname": "EasemobRegionDown", "region": "sgp1", "service": "rest"}},
        alert("EasemobFailsFromSite", "sgp1", "b"),
        {"labels": {"alertname": "EasemobCertificateEnds", "region": "sgp1", "service": "rest", "host": "x"}},
    ]);
    request(&address, "POST", "/api/v2/alerts", &all.to_string());
    let told: Value = serde_json::from_str(&get(&address, "/api/v2/alerts")).unwrap();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 7, "{told:?}");
    let quiet = told
        .iter()
        .filter(|one| one["status"]["state"] == "suppressed");
    let quiet = quiet.map(|one| {
        let label = |name: &str| one["labels"][name].as_str().unwrap().to_owned();
        format!(
            "{} {} {}",
            label("alertname"),
            label("region"),
            label("site")
        )
    });
    let expected = [
        "EasemobFailsFromSite cn1 a",
        "EasemobFailsFromSite sgp1 b",
        "EasemobFlaps cn1 a",
    ];
    assert_eq!(
        quiet.collect::<BTreeSet<_>>(),
        expected.map(str::to_owned).into()
    );
}

/// Three sites, in two of which all endpoints of a service fail on command, while the third only loses its
/// first choice. Intervals and windows are docs/fleet's with a second for each minute.
#[test]
fn a_failing_region_pages_and_the_dashboard_shows_it() {
    if !is_there(&["prometheus", "promtool"]) {
        return;
    }
    let begun = Instant::now();
    let folder = Folder::new("sites");
    let sites = ["beijing", "shanghai", "guangzhou"].map(|name| Site::start(&folder, name));
    let [beijing, shanghai, guangzhou] = &sites;
    let prometheus = Prometheus::start(&folder, &sites, begun);

    let groups = ["control/rest", "cn1/rest", "cn1/websocket"];
    let usable = "site_region_service:easelect_success:max";
    prometheus.until("every site is heard of", || {
        let works = prometheus.query(usable);
        works.len() == sites.len() * groups.len() && works.iter().all(|one| one.value == 1.0)
    });
    let up = prometheus.query("up");
    assert!(up.iter().all(|one| one.value == 1.0), "{up:?}");
    assert_eq!(up.len(), 5);
    assert!(prometheus.firing("EasemobRegionDown").is_empty());
    for site in &sites {
        for path in ["/metrics", "/probe?target=cn1/websocket"] {
            let series = get(&site.address, path);
            pipe("promtool", &["check", "metrics"], &series);
        }
    }

    // As docs/fleet.md counts.
    let told = fs::read_to_string(docs().join("../fleet.md")).unwrap();
    let count = |of: &str| prometheus.query(&format!("count({of})"))[0].value;
    let scraped = count("{job=\"easelect\",site=\"beijing\"}");
    let recorded = count("{__name__=~\".+:.+\",site=\"beijing\"}");
    let asked = "easelect_probes_total{site=\"beijing\",region!=\"control\",result=\"success\"}";
    let endpoints = count(asked);
    let mut rows = vec![
        format!("| `easelect` | {scraped} |"),
        format!(
            "| `easelect-probe` | {} |",
            count("{job=\"easelect-probe\",site=\"guangzhou\"}")
        ),
    ];
    for sites in [10.0, 200.0, 5000.0] {
        let (series, handshakes) = (sites * (scraped + recorded), sites * endpoints / 60.0);
        rows.push(format!(
            "| {sites} | {handshakes:.1} | {series} | {:.0} |",
            series / 60.0
        ));
    }
    for row in rows {
        assert!(told.contains(&row), "docs/fleet.md lacks {row}");
    }

    beijing.fail(&["im-api-v2.easemob.com", "im-api-v2.easecdn.com"]);
    guangzhou.fail(&["im-api-v2.easemob.com", "im-api-v2.easecdn.com"]);
    shanghai.fail(&["im-api-v2.easecdn.com"]);
    prometheus.until("it pends", || {
        !prometheus
            .query("ALERTS{alertname=\"EasemobRegionDown\"}")
            .is_empty()
    });
    prometheus.until("it pages, and the first choice changed", || {
        let changed = "sum(easelect_first_choice_changes_total{site=\"shanghai\"}) > 0";
        !prometheus.firing("EasemobRegionDown").is_empty() && !prometheus.query(changed).is_empty()
    });
    let paged = prometheus.query("ALERTS{severity=\"page\"}");
    assert_eq!(paged.len(), 1, "{paged:?}");
    assert_eq!(
        (paged[0].label("region"), paged[0].label("service")),
        ("cn1", "websocket")
    );

    // What was pending meanwhile may be as well.
    prometheus.until("rates have two samples", || {
        !prometheus
            .query("rate(easelect_failures_total[1m]) > 0")
            .is_empty()
    });
    for (panel, number, query) in dashboard() {
        let rows = prometheus.query(&query);
        assert!(!rows.is_empty(), "{panel}: nothing by {query}");
        assert_shown(&panel, number, &rows);
    }
    // A variable narrows.
    let one = format!("{usable}{{site=~\"beijing\",region=~\"cn1\",service=~\"rest\"}}");
    assert_eq!(prometheus.query(&one).len(), 1);

    // One of both sites is gone itself: what is left is one site's failure, no page.
    let [_, _, guangzhou] = sites;
    drop(guangzhou);
    prometheus.until("the site is down, and the page ends", || {
        let down = prometheus.firing("EaselectSiteDown");
        let is_it =
            |one: &Row| (one.label("site"), one.label("why")) == ("guangzhou", "unreachable");
        down.iter().any(is_it) && prometheus.query("ALERTS{severity=\"page\"}").is_empty()
    });
}

/// What a panel has to show while the service fails in two sites.
fn assert_shown(panel: &str, number: usize, rows: &[Row]) {
    let is_failing = |row: &Row| {
        (row.label("region"), row.label("service")) == ("cn1", "websocket")
            && row.label("site") != "shanghai"
    };
    let labelled = |names: &[&str]| -> BTreeMap<String, f64> {
        let of = |row: &Row| {
            names
                .iter()
                .map(|name| row.label(name))
                .collect::<Vec<_>>()
                .join(" ")
        };
        rows.iter().map(|row| (of(row), row.value)).collect()
    };
    let keys = |names: &[&str]| labelled(names).into_keys().collect::<Vec<_>>();
    let english = panel.split(" · ").next().unwrap_or(panel);
    match (english, number) {
        ("Usable from each site", 0) => {
            assert_eq!(rows.len(), 9, "{rows:?}");
            for row in rows {
                assert_eq!(row.value == 0.0, is_failing(row), "{row:?}");
            }
        }
        ("Sites that are down themselves", 0) => {
            assert_eq!(keys(&["site"]), ["beijing", "guangzhou", "shanghai"]);
            assert!(rows.iter().all(|row| row.value == 0.0), "{rows:?}");
        }
        ("Sites from which it fails", 0) => {
            let expected = [
                ("cn1 rest".to_owned(), 0.0),
                ("cn1 websocket".to_owned(), 2.0),
            ];
            assert_eq!(labelled(&["region", "service"]), BTreeMap::from(expected));
        }
        ("Alerts", 0) => {
            let it = "EasemobRegionDown firing page cn1 websocket".to_owned();
            assert!(
                keys(&["alertname", "alertstate", "severity", "region", "service"]).contains(&it),
                "{rows:?}"
            );
        }
        ("First choice", 0) => assert_eq!(
            keys(&["site", "region", "service", "host"]),
            [
                "beijing cn1 rest a1.easecdn.com",
                "beijing control rest www.example.com",
                "shanghai cn1 rest a1.easecdn.com",
                "shanghai cn1 websocket im-api-v2.easemob.com",
                "shanghai control rest www.example.com",
            ]
        ),
        ("Changes of the first choice in an hour", 0) => {
            let changes = labelled(&["region", "service"]);
            assert!(changes["cn1 websocket"] > 0.0, "{changes:?}");
            assert_eq!((changes["cn1 rest"], changes["control rest"]), (0.0, 0.0));
        }
        ("Phases of the first choice", 0) => {
            let phases = labelled(&["phase"]);
            for phase in ["resolve", "connect", "tls", "upgrade", "processing"] {
                assert!(phases.contains_key(phase), "{phases:?}");
            }
            // A round trip of the nearest, and no wall of it.
            assert!((0.01..5.0).contains(&phases["connect"]), "{phases:?}");
        }
        ("Time to open", 0) => {
            for row in rows {
                // Three round trips, of 10 ms at least.
                assert!((0.03..5.0).contains(&row.value), "{row:?}");
            }
            assert!(!keys(&["site", "service"]).contains(&"guangzhou rest".to_owned()));
        }
        ("Time to open", 1) => {
            assert_eq!(
                keys(&["site", "region", "service"]),
                [
                    "guangzhou cn1 rest",
                    "guangzhou cn1 websocket",
                    "guangzhou control rest"
                ]
            );
        }
        ("Failures by phase and kind", 0) => {
            let rates = labelled(&["phase", "kind"]);
            assert!(
                rates.get("connect refused").is_some_and(|rate| *rate > 0.0),
                "{rates:?}"
            );
        }
        ("Failures by phase and kind", 1) => {
            let one = BTreeMap::from([("connect refused".to_owned(), 1.0)]);
            assert_eq!(labelled(&["phase", "kind"]), one);
        }
        ("Days until a certificate ends", 0) => {
            // The lab's last for ten years.
            assert!(rows.iter().all(|row| row.value > 3000.0), "{rows:?}");
            assert!(
                keys(&["region", "service", "host"])
                    .contains(&"cn1 rest a1.easemob.com".to_owned())
            );
        }
        ("Handshakes", 0) => {
            assert_eq!(keys(&["site"]), ["beijing", "shanghai"]);
            // Five a round, and a round each 10 s or a little more often at the reload.
            assert!(
                rows.iter().all(|row| (0.1..3.0).contains(&row.value)),
                "{rows:?}"
            );
        }
        other => panic!("nothing is expected of {other:?}: {rows:?}"),
    }
}

/// Every query of the dashboard with its panel's title and its number there, for all sites, regions and
/// services.
fn dashboard() -> Vec<(String, usize, String)> {
    let text = fs::read_to_string(docs().join("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for (number, target) in panel["targets"].as_array().unwrap().iter().enumerate() {
            let mut query = target["expr"]
                .as_str()
                .unwrap()
                .replace("$__rate_interval", "30s");
            for variable in dashboard["templating"]["list"].as_array().unwrap() {
                if let Some(all) = variable["allValue"].as_str() {
                    query = query.replace(&format!("${}", variable["name"].as_str().unwrap()), all);
                }
            }
            assert!(
                !query.contains('$'),
                "{title}: an unknown variable in {query}"
            );
            queries.push((title.to_owned(), number, query));
        }
    }
    queries
}

/// An exporter with a simulated network of its own.
struct Site {
    name: &'static str,
    /// Where it listens.
    address: String,
    modules: PathBuf,
    _process: Process,
}

impl Site {
    /// Starts one: `easecdn.com` is nearer than `easemob.com`, 44.128.0.99 refuses.
    fn start(folder: &Folder, name: &'static str) -> Site {
        let scenario = folder.0.join(format!("{name}.lab.toml"));
        let mut network = String::new();
        for (number, (hosts, rtt)) in [
            ("\"im-api-v2.easecdn.com\", \"a1.easecdn.com\"", "10ms"),
            ("\"im-api-v2.easemob.com\", \"a1.easemob.com\"", "30ms"),
            ("\"www.example.com\"", "20ms"),
        ]
        .into_iter()
        .enumerate()
        {
            network.push_str(&format!(
                "[[host]]\nname = [{hosts}]\naddresses = [\"44.128.0.{number}\"]\ndns_delay = \"5ms\"\n\
                 [[path]]\naddress = \"44.128.0.{number}\"\nrtt = \"{rtt}\"\n"
            ));
        }
        network
            .push_str("[[path]]\naddress = \"44.128.0.99\"\nrtt = \"10ms\"\nfault = \"refuse\"\n");
        fs::write(&scenario, network).unwrap();
        fs::copy(docs().join("control.toml"), folder.0.join("control.toml")).unwrap();
        let modules = folder.0.join(format!("{name}.toml"));
        fs::write(&modules, site_modules(&[], name)).unwrap();

        let mut command = Command::new(env!("CARGO_BIN_EXE_easelect-exporter"));
        command
            .arg("--lab")
            .arg(&scenario)
            .arg("--config.file")
            .arg(&modules);
        command.args([
            &format!("--label=site={name}"),
            "--web.listen-address=127.0.0.1:0",
            // Of the second that a scrape may take; a busy machine needs the rest.
            "--timeout-offset=0.1",
        ]);
        let (process, address) = Process::listening(&mut command);
        Site {
            name,
            address,
            modules,
            _process: process,
        }
    }

    /// From now on these hosts lead to an address that refuses.
    fn fail(&self, hosts: &[&str]) {
        fs::write(&self.modules, site_modules(hosts, self.name)).unwrap();
        request(&self.address, "POST", "/-/reload", "");
    }
}

/// The modules of docs/fleet, more often, and with no result answered twice. The site that is asked at
/// each scrape does nothing by itself.
fn site_modules(failing: &[&str], name: &str) -> String {
    let text = fs::read_to_string(docs().join("exporter.toml")).unwrap();
    let mut text = replaced(&text, "interval = \"60s\"", "interval = \"10s\"");
    if name == "guangzhou" {
        let at = text.find("[background]").unwrap();
        text.truncate(at);
    }
    let pins = failing
        .iter()
        .map(|host| format!("\"{host}:443:44.128.0.99\""));
    let pins = pins.collect::<Vec<_>>().join(", ");
    format!("{text}\n[modules.default]\ncache = \"0s\"\nresolve = [{pins}]\n")
}

/// A Prometheus with docs/fleet's configuration and rules, a second for each of their minutes.
struct Prometheus {
    address: String,
    deadline: Instant,
    /// What the last query brought, for whoever reads why it failed.
    last: RefCell<String>,
    _process: Process,
}

impl Prometheus {
    fn start(folder: &Folder, sites: &[Site], begun: Instant) -> Prometheus {
        let rules = fs::read_to_string(docs().join("rules.yml")).unwrap();
        fs::write(folder.0.join("rules.yml"), seconds_for_minutes(&rules)).unwrap();

        let mut config = fs::read_to_string(docs().join("prometheus.yml")).unwrap();
        for site in sites {
            config = replaced_once(&config, "127.0.0.1:9719", &site.address);
        }
        assert!(!config.contains(":9719"), "more exporters than sites");
        // Whoever listens there is somebody else's.
        let config = replaced(&config, "[\"127.0.0.1:9093\"]", "[]");
        let config = replaced(&config, "_interval: 60s", "_interval: 1s");
        let config = replaced(
            &config,
            "[cn1/websocket, cn1/rest]",
            "[cn1/websocket, cn1/rest, control/rest]",
        );
        let file = folder.0.join("prometheus.yml");
        fs::write(&file, config).unwrap();

        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!(
            "--storage.tsdb.path={}",
            folder.0.join("data").display()
        ));
        command.arg("--web.listen-address=127.0.0.1:0");
        let (process, address) = Process::listening(&mut command);
        Prometheus {
            address,
            deadline: begun + PATIENCE,
            last: RefCell::default(),
            _process: process,
        }
    }

    /// What an instant query brings; nothing while Prometheus is starting.
    fn query(&self, query: &str) -> Vec<Row> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = get(&self.address, &format!("/api/v1/query?query={encoded}"));
        let Ok(answer) = serde_json::from_str::<Value>(&answer) else {
            return Vec::new();
        };
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let rows = answer["data"]["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(Row::new)
            .collect();
        *self.last.borrow_mut() = format!("{query}: {rows:?}");
        rows
    }

    fn firing(&self, alert: &str) -> Vec<Row> {
        self.query(&format!(
            "ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}"
        ))
    }

    /// Asks until it is so.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        while !is_so() {
            assert!(
                Instant::now() < self.deadline,
                "not in time: {what}; {}",
                self.last.borrow()
            );
            // A pause between questions, not a guess how long it takes.
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// One result of a query.
#[derive(Debug)]
struct Row {
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Row {
    fn new(row: &Value) -> Row {
        let labels = row["metric"].as_object().unwrap().iter();
        let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        Row {
            labels: labels.collect(),
            value: row["value"][1].as_str().unwrap().parse().unwrap(),
        }
    }

    /// The value of a label; nothing if there is none, as in PromQL.
    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Windows, `for` and intervals of whole minutes as so many seconds.
fn seconds_for_minutes(rules: &str) -> String {
    let scaled = |line: &str| {
        let of_time = ["for: ", "interval: "]
            .iter()
            .any(|key| line.trim_start().starts_with(key));
        match line.strip_suffix('m').filter(|_| of_time) {
            Some(minutes) => format!("{minutes}s\n"),
            None => format!("{}\n", line.replace("m]", "s]")),
        }
    };
    let scaled: String = rules.lines().map(scaled).collect();
    assert_ne!(scaled, rules);
    scaled
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} is gone");
    text.replace(old, new)
}

fn replaced_once(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old} is gone");
    text.replacen(old, new, 1)
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fleet")
}

/// A program that ends when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts one that logs at which port of 127.0.0.1 it listens, as `address=127.0.0.1:PORT`.
    fn listening(command: &mut Command) -> (Process, String) {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let log = BufReader::new(process.0.stderr.take().unwrap());
        let (found, address) = mpsc::channel();
        // Reads on, so that the program never waits for a reader.
        thread::spawn(move || {
            let mut told = Vec::new();
            for line in log.lines().map_while(Result::ok) {
                let at = line
                    .split("address=")
                    .nth(1)
                    .and_then(|rest| rest.split_whitespace().next());
                // Prometheus says first what it was asked for.
                let at = at.filter(|at| at.starts_with("127.0.0.1:") && !at.ends_with(":0"));
                told.push(line.clone());
                if let Some(at) = at {
                    let _ = found.send(Ok(at.to_owned()));
                }
            }
            let _ = found.send(Err(told));
        });
        let address = address.recv_timeout(PATIENCE).unwrap();
        let address = address.unwrap_or_else(|told| panic!("it ended: {told:#?}"));
        (process, address)
    }
}

/// A folder that goes when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(what: &str) -> Folder {
        let name = format!("easelect-fleet-{what}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn get(address: &str, path: &str) -> String {
    request(address, "GET", path, "")
}

/// The body of an answer.
fn request(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Of HTTP/1.0 for an answer in one piece.
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    // 503: Prometheus is starting.
    assert!(
        ["200", "503"].contains(&status),
        "{method} {path}: {answer}"
    );
    body.to_owned()
}

/// Runs one of Prometheus' tools on files of docs/fleet.
fn tool(program: &str, args: &[&str]) -> String {
    let done = Command::new(program)
        .args(args)
        .current_dir(docs())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "{program} {args:?}: {told}{complaints}"
    );
    told
}

/// Runs one on a text; it must have nothing to say.
fn pipe(program: &str, args: &[&str], text: &str) {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let done = child.wait_with_output().unwrap();
    let told = [done.stdout, done.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(
        done.status.success() && told.is_empty(),
        "{program} {args:?}: {told}\n{text}"
    );
}

fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|one| one.is_file())
}

/// Whether all of these programs can be run here.
fn is_there(programs: &[&str]) -> bool {
    let missing: BTreeSet<&str> = programs
        .iter()
        .copied()
        .filter(|one| found(one).is_none())
        .collect();
    let Some(one) = missing.first() else {
        return true;
    };
    let must = std::env::var("EASELECT_MUST_RUN").unwrap_or_default();
    assert!(!must.contains("prometheus"), "no {one} found");
    say(one);
    false
}

/// Past the test harness, which keeps to itself what passing tests print.
fn say(missing: &str) {
    let _ = std::io::stderr().write_all(format!("not run: no {missing} found\n").as_bytes());
}
