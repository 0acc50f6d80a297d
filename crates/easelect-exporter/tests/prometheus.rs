//! Tests of `docs/fleet` with Debian's Prometheus: the rules' unit tests, and three simulated sites with
//! exporters, a Prometheus, the dashboard's queries and an alert.
//!
//! The tests look for `prometheus` and `promtool` on the `PATH`. Where one is missing, a test says so and passes;
//! it fails if `EASELECT_MUST_RUN` contains `prometheus`.
#![cfg(unix)]
// clippy.toml's exception covers functions with #[test] only, not helpers.
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

/// Maximum duration of the test with a real Prometheus; it usually takes half.
const PATIENCE: Duration = Duration::from_secs(58);

/// Prometheus' own tool accepts the rules and the example configurations, and the rules' tests pass.
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

/// Alertmanager's example: the receivers, and which alerts inhibit which.
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
    // Nothing listens on port 1.
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

/// Of three sites, two have all endpoints of a service fail, and the third only its first choice. Intervals and
/// windows are those of docs/fleet with minutes shortened to seconds.
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

    // docs/fleet.md has these figures.
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

    // Other alerts may be pending meanwhile.
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

    // One of the two sites goes down itself: one failing site is left, which does not page.
    let [_, _, guangzhou] = sites;
    drop(guangzhou);
    prometheus.until("the site is down, and the page ends", || {
        let down = prometheus.firing("EaselectSiteDown");
        let is_it =
            |one: &Row| (one.label("site"), one.label("why")) == ("guangzhou", "unreachable");
        down.iter().any(is_it) && prometheus.query("ALERTS{severity=\"page\"}").is_empty()
    });
}

/// Asserts what a panel shows while the service fails at two sites.
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
        ("Sites that are down", 0) => {
            assert_eq!(keys(&["site"]), ["beijing", "guangzhou", "shanghai"]);
            assert!(rows.iter().all(|row| row.value == 0.0), "{rows:?}");
        }
        ("Sites where a service fails", 0) => {
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
        ("Changes of the first choice per hour", 0) => {
            let changes = labelled(&["region", "service"]);
            assert!(changes["cn1 websocket"] > 0.0, "{changes:?}");
            assert_eq!((changes["cn1 rest"], changes["control rest"]), (0.0, 0.0));
        }
        ("Phases of the first choice", 0) => {
            let phases = labelled(&["phase"]);
            for phase in ["resolve", "connect", "tls", "upgrade", "processing"] {
                assert!(phases.contains_key(phase), "{phases:?}");
            }
            // A round trip at least, and far less than a timeout.
            assert!((0.01..5.0).contains(&phases["connect"]), "{phases:?}");
        }
        ("Time to open", 0) => {
            for row in rows {
                // Three round trips of at least 10 ms.
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
        ("Days until a certificate expires", 0) => {
            // The lab's certificates last for ten years.
            assert!(rows.iter().all(|row| row.value > 3000.0), "{rows:?}");
            assert!(
                keys(&["region", "service", "host"])
                    .contains(&"cn1 rest a1.easemob.com".to_owned())
            );
        }
        ("Handshakes", 0) => {
            assert_eq!(keys(&["site"]), ["beijing", "shanghai"]);
            // Five per round, and a round every 10 s or a little more often after the reload.
            assert!(
                rows.iter().all(|row| (0.1..3.0).contains(&row.value)),
                "{rows:?}"
            );
        }
        other => panic!("nothing is expected of {other:?}: {rows:?}"),
    }
}

/// Returns every query of the dashboard for all sites, regions and services, with its panel's title and its
/// number in the panel.
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

/// An exporter with its own simulated network.
struct Site {
    name: &'static str,
    /// The address that it listens on.
    address: String,
    modules: PathBuf,
    _process: Process,
}

impl Site {
    /// Starts an exporter. In its network `easecdn.com` is nearer than `easemob.com`, and 44.128.0.99 refuses.
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
            "--web.listen-address=127.0.0.1:0",
            // Leaves the probe 0.9 s of the second that a scrape may take.
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

    /// Points these hosts to an address that refuses.
    fn fail(&self, hosts: &[&str]) {
        fs::write(&self.modules, site_modules(hosts, self.name)).unwrap();
        request(&self.address, "POST", "/-/reload", "");
    }
}

/// The configuration of docs/fleet with a shorter interval and without a cache. Guangzhou, which is probed at each
/// scrape, has no background probing.
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

/// A Prometheus with docs/fleet's configuration and rules, with minutes shortened to seconds.
struct Prometheus {
    address: String,
    deadline: Instant,
    /// The last query and its result, for failure messages.
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
        // An Alertmanager on this machine is not the test's.
        let config = replaced(&config, "[\"127.0.0.1:9093\"]", "[]");
        let config = replaced(&config, "_interval: 60s", "_interval: 1s");
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

    /// Returns the result of an instant query; nothing while Prometheus is starting.
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

    /// Polls until `is_so`.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        while !is_so() {
            assert!(
                Instant::now() < self.deadline,
                "not in time: {what}; {}",
                self.last.borrow()
            );
            // The polling interval.
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// One sample of a query's result.
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

    /// Returns the value of a label; empty if there is none, as in PromQL.
    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Replaces minutes in windows, `for` and `interval` by seconds.
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

/// A running program, killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // The program may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts a program that logs the address it listens on as `address=127.0.0.1:PORT`.
    fn listening(command: &mut Command) -> (Process, String) {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let log = BufReader::new(process.0.stderr.take().unwrap());
        let (found, address) = mpsc::channel();
        // Keeps reading, so that the program never blocks on a full pipe.
        thread::spawn(move || {
            let mut told = Vec::new();
            for line in log.lines().map_while(Result::ok) {
                let at = line
                    .split("address=")
                    .nth(1)
                    .and_then(|rest| rest.split_whitespace().next());
                // Prometheus logs the configured address first.
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

/// A temporary folder, removed when dropped.
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

/// Sends a request and returns the response's body.
fn request(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // HTTP/1.0, for a response that is not chunked.
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

/// Runs one of Prometheus' tools in docs/fleet; returns its output.
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

/// Runs a tool with `text` as its input; it must succeed without output.
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

/// Returns whether all of these programs are on the `PATH`.
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

/// Bypasses the test harness, which captures the output of passing tests.
fn say(missing: &str) {
    let _ = std::io::stderr().write_all(format!("not run: no {missing} found\n").as_bytes());
}
