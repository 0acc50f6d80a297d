//! Every command as a process on the simulated network: its output can be read again, and its exit status is right.

mod all_commands;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use all_commands::COMMANDS;
use easelect_report::Model;
use serde_json::Value;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("easelect-commands-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A scenario with one address that has this fault, and nothing else.
    fn scenario(&self, fault: &str) -> String {
        let path = self.path(&format!("{fault}.toml"));
        let text = format!(
            "[[host]]\nname = [\"im-api-v2.easemob.com\", \"im-api-v2.easecdn.com\"]\naddresses = [\"44.128.0.1\"]\n\
             [[path]]\naddress = \"44.128.0.1\"\nrtt = 20\nfault = \"{fault}\"\n"
        );
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ran(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_easelect"))
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap()
}

/// Returns what it prints, after checking its exit status.
#[track_caller]
fn told(args: &[&str], status: i32) -> String {
    let ended = ran(args);
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(status), "{args:?}: {errors}");
    String::from_utf8(ended.stdout).unwrap()
}

const CN1: [&str; 5] = ["--lab", "--region", "cn1", "--service", "websocket"];

/// Writes a report to a file of this name, and returns it.
#[track_caller]
fn report(scratch: &Scratch, name: &str, more: &[&str]) -> String {
    let file = scratch.path(name);
    let args = [&CN1[..], &["--output", &file], more].concat();
    told(&args, 0);
    fs::read_to_string(file).unwrap()
}

#[test]
fn a_report_has_the_form_of_its_name() {
    let scratch = Scratch::new("forms");
    let of = |name: &str, more: &[&str]| report(&scratch, name, more);
    let json: Value = serde_json::from_str(&of("a.json", &[])).unwrap();
    assert_eq!(json["groups"][0]["region"], "cn1");
    let html = of("a.html", &["--note", "<b>上海</b> 电信"]);
    assert!(html.starts_with("<!DOCTYPE html>"), "{}", &html[..100]);
    assert!(html.contains("&#60;b&#62;上海") || html.contains("&lt;b&gt;上海"));
    let model = Model::from_text(&html).unwrap();
    assert_eq!(model.note.as_deref(), Some("<b>上海</b> 电信"));
    let markdown = of("a.md", &[]);
    assert!(
        markdown.starts_with("## ") && markdown.contains("| "),
        "{markdown}"
    );
    let csv = of("a.csv", &[]);
    assert!(
        csv.starts_with('\u{feff}') && csv.contains("im-api-v2.easecdn.com"),
        "{csv}"
    );
    let prom = of("a.prom", &[]);
    assert!(prom.contains("# TYPE easelect_"), "{prom}");
    assert!(of("a.txt", &[]).contains("im-api-v2.easecdn.com"));
    let summary = of("b.txt", &["--format", "summary"]);
    assert!(summary.lines().count() <= 10, "{summary}");
    // --format has precedence over the name.
    let json: Value = serde_json::from_str(&of("a.csv", &["--format", "json"])).unwrap();
    assert_eq!(json["schema"], 1);
}

#[test]
fn a_report_in_a_folder_is_named_by_time_and_data_centre() {
    let scratch = Scratch::new("folder");
    let folder = format!("{}/", scratch.path(""));
    for (more, ending) in [(&[][..], "-cn1.html"), (&["--format", "json"], "-cn1.json")] {
        let args = [&CN1[..], &["--output", &folder], more].concat();
        let screen = told(&args, 0);
        let mut names = fs::read_dir(&scratch.0)
            .unwrap()
            .map(|one| one.unwrap().file_name());
        let name = names.find_map(|one| one.into_string().ok().filter(|one| one.ends_with(ending)));
        let name = name.unwrap_or_else(|| panic!("no {ending}"));
        let stamp = name
            .strip_prefix("easelect-")
            .unwrap()
            .strip_suffix(ending)
            .unwrap();
        let (date, time) = stamp.split_once('-').unwrap();
        assert_eq!((date.len(), time.len()), (8, 4), "{name}");
        assert!(
            stamp.chars().all(|c| c.is_ascii_digit() || c == '-'),
            "{name}"
        );
        assert!(
            screen.contains(&name),
            "where it was saved is told: {screen}"
        );
    }
}

#[test]
fn the_exit_status_tells_how_it_stands() {
    let scratch = Scratch::new("status");
    let of = |scenario: &str, more: &[&str], status| {
        let args = [
            "--lab",
            scenario,
            "--region",
            "cn1",
            "--service",
            "websocket",
        ];
        told(&[&args[..], more].concat(), status);
    };
    let (good, refused, silent) = (
        scratch.scenario("none"),
        scratch.scenario("refuse"),
        scratch.scenario("silent_tls"),
    );
    of(&good, &[], 0);
    of(&refused, &[], 1);
    of("no such scenario", &[], 2);
    // The deadline passes before there is any result.
    of(&silent, &["--deadline", "200ms"], 3);
    of(&good, &["--fail-above", "p50=1ms"], 4);
    of(&good, &["--fail-above", "p50=5s"], 0);
    // Unusable has precedence over a limit.
    of(&refused, &["--fail-above", "p50=1ms"], 1);
}

#[test]
fn what_is_private_stays_out_of_files_unless_it_is_asked_for() {
    let scratch = Scratch::new("private");
    let written = |name: &str, more: &[&str]| {
        let file = scratch.path(name);
        // Nothing is sent: every host is pinned to this computer, where no server listens.
        let args = [
            "--region",
            "cn1",
            "--service",
            "rest",
            "--no-proxy",
            "--dns",
            "192.168.77.1",
            "--resolve",
            "*:443:127.0.0.1",
            "--rounds",
            "1",
            "--timeout",
            "500ms",
            "--output",
            &file,
        ];
        told(&[&args[..], more].concat(), 1);
        fs::read_to_string(&file).unwrap()
    };
    for name in ["a.json", "a.html", "a.md", "a.txt"] {
        let hidden = written(name, &[]);
        assert!(!hidden.contains("192.168.77.1"), "{name}: {hidden}");
        let full = written(name, &["--full"]);
        assert!(full.contains("192.168.77.1"), "{name}: {full}");
    }
    // A pipe may end in a file.
    let args = [
        "--region",
        "cn1",
        "--service",
        "rest",
        "--no-proxy",
        "--dns",
        "192.168.77.1",
    ];
    let rest = [
        "--resolve",
        "*:443:127.0.0.1",
        "--rounds",
        "1",
        "--format",
        "json",
    ];
    assert!(!told(&[&args[..], &rest].concat(), 1).contains("192.168.77.1"));
}

#[test]
fn two_reports_are_compared() {
    let scratch = Scratch::new("compare");
    report(&scratch, "a.json", &[]);
    report(&scratch, "b.html", &["--lang", "zh"]);
    let (a, b) = (scratch.path("a.json"), scratch.path("b.html"));
    let same = told(&["compare", &a, &a], 0);
    assert!(same.contains("No change"), "{same}");
    let zh = told(&["compare", &a, &b, "--lang", "zh"], 0);
    assert!(zh.contains("噪声") || zh.contains("变化"), "{zh}");
    let json: Value =
        serde_json::from_str(&told(&["compare", &a, &b, "--format", "json"], 0)).unwrap();
    assert_eq!(json["schema"], 1);
    let other = scratch.path("c.json");
    told(
        &[
            "--lab",
            "--region",
            "sgp1",
            "--service",
            "rest",
            "--output",
            &other,
        ],
        0,
    );
    told(&["compare", &a, &other], 3);
    told(
        &["compare", &a, Path::new("Cargo.toml").to_str().unwrap()],
        2,
    );
    told(&["compare", &a], 2);
}

#[test]
fn advice_follows_a_report() {
    let scratch = Scratch::new("advise");
    report(&scratch, "a.html", &[]);
    let file = scratch.path("a.html");
    let plain = told(&["advise", "--region", "CN1"], 0);
    assert!(
        plain.contains("im-api-v2.easemob.com") && !plain.contains("-31."),
        "{plain}"
    );
    let web = told(
        &[
            "advise",
            "--region",
            "国内1区",
            "--sdk",
            "web5",
            "--report",
            &file,
        ],
        0,
    );
    assert!(
        web.contains("serverUrls") && web.contains("dnsConfigUrls"),
        "{web}"
    );
    let json = told(
        &[
            "advise", "--region", "cn1", "--format", "json", "--lang", "zh-CN",
        ],
        0,
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["region"], "cn1");
    told(&["advise"], 2);
    told(&["advise", "--region", "cn1,sgp1"], 2);
    told(&["advise", "--region", "cn1", "--sdk", "cobol"], 2);
}

#[test]
fn codes_are_explained() {
    let scratch = Scratch::new("explain");
    report(&scratch, "a.json", &[]);
    let file = scratch.path("a.json");
    let one = told(&["explain", "304", "--sdk", "android"], 0);
    assert!(one.contains("304") && one.contains("https://"), "{one}");
    let beside = told(
        &[
            "explain", "304", "--sdk", "android", "--report", &file, "--lang", "zh",
        ],
        0,
    );
    assert!(beside.contains("报告"), "{beside}");
    let json = told(&["explain", "2", "--format", "json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["meanings"].as_array().unwrap().len() >= 2);
    told(&["explain", "-99999"], 3);
    told(&["explain"], 2);
}

#[test]
fn a_page_is_made_for_a_data_centre() {
    let scratch = Scratch::new("page");
    let file = scratch.path("measure.html");
    told(&["page", "--region", "cn1", "--output", &file], 0);
    let text = scratch.path("m.txt");
    told(&["page", "--region", "cn1", "--output", &text], 2);
    assert!(!Path::new(&text).exists());
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.contains("wss://im-api-v2.easemob.com/websocket"));
    assert!(!page.contains("im-api-sgp"));
}

#[test]
fn newer_hosts_stand_apart() {
    let json = |args: &[&str]| -> Value { serde_json::from_str(&told(args, 0)).unwrap() };
    let count = |listed: &Value| listed["endpoints"].as_array().unwrap().len();
    assert_eq!(count(&json(&["list", "--format", "json"])), 44);
    let listed = json(&["list", "--newer", "--format", "json"]);
    assert!(count(&listed) > 44);
    let listed = told(&["list", "--newer", "--region", "cn2"], 0);
    assert!(
        listed.contains("ngi-a1.easemob.com") && listed.contains("2026-11"),
        "{listed}"
    );
    let report = json(&["--lab", "--region", "cn2", "--newer", "--format", "json"]);
    let groups = report["groups"].as_array().unwrap();
    let of = |host: &str| {
        groups.iter().find(|group| {
            let mut all = group["endpoints"].as_array().unwrap().iter();
            all.any(|one| one["host"] == host)
        })
    };
    let (newer, page) = (
        of("ngi-a1.easemob.com").unwrap(),
        of("a31.easemob.com").unwrap(),
    );
    assert_eq!(newer["second_source"], true);
    assert_eq!(page["second_source"], false);
    assert_eq!(page["endpoints"].as_array().unwrap().len(), 2);
    assert!(of("rs.easemob.com").is_some(), "the list service");
    assert!(of("a1.easemob.com").is_none(), "another data centre");
}

#[test]
fn newer_hosts_that_were_not_tried_leave_the_exit_status_alone() {
    let scratch = Scratch::new("newer");
    let scenario = scratch.path("slow.toml");
    let host = |name: &str, delay: &str| {
        format!(
            "[[host]]\nname = [\"{name}\"]\naddresses = [\"44.128.0.1\"]\ndns_delay = \"{delay}\"\n"
        )
    };
    let hosts = [
        ("a1.easemob.com", "5ms"),
        ("a1.easecdn.com", "5ms"),
        ("a1-v2.easemob.com", "5m"),
        ("rs.easemob.com", "5m"),
    ];
    let hosts: String = hosts.map(|(name, delay)| host(name, delay)).concat();
    let path = "[[path]]\naddress = \"44.128.0.1\"\nrtt = 5\n";
    fs::write(&scenario, hosts + path).unwrap();
    let line = ["--region", "cn1", "--service", "rest", "--newer"];
    let pace = [
        "--rounds",
        "1",
        "--deadline",
        "2s",
        "--lab",
        &scenario,
        "--format",
        "json",
    ];
    let report: Value = serde_json::from_str(&told(&[&line[..], &pace].concat(), 0)).unwrap();
    assert_eq!(report["complete"], false);
}

#[test]
fn an_app_key_brings_the_app_s_own_list() {
    let json = told(&["--lab", "--app-key", "1100#chat", "--format", "json"], 0);
    let report: Value = serde_json::from_str(&json).unwrap();
    let groups = report["groups"].as_array().unwrap();
    let regions: Vec<&str> = groups
        .iter()
        .map(|one| one["region"].as_str().unwrap())
        .collect();
    assert!(
        regions.contains(&"cn1") && !regions.contains(&"sgp1"),
        "{regions:?}"
    );
    let services: Vec<&str> = groups
        .iter()
        .map(|one| one["service"].as_str().unwrap())
        .collect();
    assert!(services.contains(&"provisioning"), "{services:?}");
    let all: Vec<&Value> = groups
        .iter()
        .flat_map(|one| one["endpoints"].as_array().unwrap())
        .collect();
    let listed: Vec<&str> = (all.iter().filter(|one| one["listed"] == true))
        .map(|one| one["host"].as_str().unwrap())
        .collect();
    assert!(listed.contains(&"im-api-v2.easemob.com"), "{listed:?}");
    assert!(
        listed.contains(&"a1-v2.easemob.com"),
        "what the catalogue lacks is added: {listed:?}"
    );
    let codes: Vec<&str> = (report["findings"].as_array().unwrap().iter())
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert!(
        codes.contains(&"app_key_sent") && codes.contains(&"data_centre_recognised"),
        "{codes:?}"
    );
    // The App Key is in no report.
    assert!(!json.contains("1100"), "{json}");
    for wrong in ["1100", "1100#", "#chat", "1100#a b", "a#b#c", ""] {
        let args = ["--lab", "--app-key", wrong];
        assert!(!told(&args, 2).contains("1100"));
    }
}

#[test]
fn connections_are_opened() {
    let args = [
        "connect",
        "2",
        "--lab",
        "--region",
        "cn1",
        "--service",
        "websocket",
        "--format",
        "json",
    ];
    let json: Value = serde_json::from_str(&told(&args, 0)).unwrap();
    assert_eq!(json["connects"].as_array().unwrap().len(), 2);
    told(&["connect", "--lab", "--service", "websocket"], 2);
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish", "man"] {
        let text = told(&["completions", shell], 0);
        for command in COMMANDS {
            assert!(text.contains(command), "{command} in {shell}");
        }
    }
    told(&["completions", "tcsh"], 2);
    for lang in ["en", "zh"] {
        let help = told(&["--help", "--lang", lang], 0);
        for command in COMMANDS {
            assert!(help.contains(command), "{command} in {lang}");
            let own = told(&[command, "--help", "--lang", lang], 0);
            assert!(own.contains("--lang"), "{own}");
        }
    }
}

/// The hosts of a section.
fn listed(list: &str, section: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(list).unwrap();
    let hosts = list[section]["hosts"].as_array().unwrap().iter();
    hosts
        .map(|one| one["domain"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_app_s_list_is_put_in_order() {
    let scratch = Scratch::new("server-json");
    let (ours, again) = (scratch.path("server.json"), scratch.path("again.json"));
    let told_beside = told(
        &[
            "server-json",
            "--lab",
            "--app-key",
            "1100#chat",
            "-4",
            "--rounds",
            "3",
            "--output",
            &ours,
        ],
        0,
    );
    assert!(
        told_beside
            .contains("Web SDK 4, connection: im-api-v2.easecdn.com (was im-api-v2.easemob.com)"),
        "{told_beside}"
    );
    let list = fs::read_to_string(&ours).unwrap();
    assert_eq!(
        listed(&list, "msync-wx"),
        ["im-api-v2.easecdn.com", "im-api-v2.easemob.com"]
    );
    let parsed: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(parsed["deploy_name"], "lab");
    assert_eq!(parsed["msync-im"]["hosts"][0]["port"], 6717);
    assert_eq!(parsed["msync-wx"]["hosts"][0]["priority"], 1);
    assert!(
        !format!("{list}{told_beside}").contains("1100"),
        "no App Key"
    );

    // With reports nothing is measured, and standard output has the list only.
    let by_report = scratch.path("cn1.html");
    report(&scratch, "cn1.html", &[]);
    let args = [
        "server-json",
        "--from",
        &ours,
        "--report",
        &by_report,
        "--report",
        &by_report,
        "--lang",
        "zh",
    ];
    let ended = ran(&args);
    assert_eq!(ended.status.code(), Some(0));
    let (out, beside) = [ended.stdout, ended.stderr]
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .into();
    assert_eq!(out, list, "it stands in this order");
    assert!(beside.contains("顺序不变"), "{beside}");

    // Nothing is written if no host was measured, or none reached.
    fs::write(&again, "as it was").unwrap();
    let other = scratch.path("sgp1.json");
    let sgp1 = ["--lab", "-4", "--region", "sgp1", "--service", "rest"];
    told(
        &[&sgp1[..], &["--rounds", "1", "--output", &other]].concat(),
        0,
    );
    for (args, status) in [
        (["--report", other.as_str()], 3),
        (["--lab", &scratch.scenario("refuse")], 1),
    ] {
        let ended = ran(&[
            &["server-json", "--from", &ours, "--output", &again],
            &args[..],
        ]
        .concat());
        let why = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(status), "{why}");
        assert!(why.starts_with("easelect: no list was written"), "{why}");
        // No order is shown that no file has.
        assert!(ended.stdout.is_empty() && !why.contains("im-api"), "{why}");
        assert_eq!(fs::read_to_string(&again).unwrap(), "as it was");
    }
}

#[test]
fn a_list_of_another_data_centre_is_warned_of() {
    let key = [
        "--lab",
        "--rounds",
        "1",
        "--region",
        "sgp1",
        "--app-key",
        "1100#chat",
    ];
    for (command, more) in [
        ("diagnose", ["--format", "json"]),
        ("server-json", ["--lang", "en"]),
    ] {
        let ended = ran(&[&[command], &key[..], &more].concat());
        let told = String::from_utf8_lossy(&ended.stderr);
        let warning = "warning: --app-key: the list belongs to China 1 (cn1), not to sgp1: measure again with --region cn1";
        assert!(told.starts_with(warning), "{told}");
        if command == "server-json" {
            continue;
        }
        let json: Value = serde_json::from_slice(&ended.stdout).unwrap();
        let groups = json["groups"].as_array().unwrap();
        let has_it = |group: &&Value| group.to_string().contains("a1-v2.easemob.com");
        let of: Vec<&Value> = groups
            .iter()
            .filter(has_it)
            .map(|one| &one["region"])
            .collect();
        assert_eq!(of, ["cn1"]);
    }
}

#[test]
fn a_list_that_is_none_is_refused() {
    let scratch = Scratch::new("no-list");
    let file = |name: &str, content: &str| {
        let path = scratch.path(name);
        fs::write(&path, content).unwrap();
        path
    };
    let html = file("a.json", "<html>");
    let other = file("b.json", "{\"rest\": 1}");
    let large = file("c.json", &" ".repeat(1024 * 1024 + 1));
    let folder = scratch.path("");
    for (args, expected) in [
        (&[][..], "--app-key or --from is missing"),
        (&["--from", &html], "a.json: this is a web page (HTML)"),
        (&["--from", &other], "b.json: no section"),
        (&["--from", &large], "c.json is larger than 1 MiB"),
        (&["--from", &folder], "expected a file, found a folder"),
        (&["--from", "no such file"], "no such file can't be read"),
        (
            &["--from", "http://me:hunter2@h/x.json"],
            "--from: expected a file, or a URL",
        ),
        (
            &["--from", "https://me:hunter2@h/x.json?hunter2#hunter2"],
            "--from https://h/x.json: the part after #",
        ),
        (
            &["--from", &html, "--app-key", "a#b"],
            "--from and --app-key can't be combined",
        ),
        (
            &["--from", &html, "--report", &other],
            "b.json: JSON, but not a report",
        ),
        (
            &["--from", &html, "--report", &other, "--rounds", "1"],
            "--report and --rounds",
        ),
        (
            &["--from", &html, "--report", &other, "--region", "cn1"],
            "--report and --region",
        ),
        // The lab has no such host.
        (
            &["--from", "https://list.example/server.json?hunter2"],
            "https://list.example/server.json: ",
        ),
    ] {
        let ended = ran(&[&["server-json", "--lab", "--timeout", "2s"], args].concat());
        let why = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {why}");
        assert!(why.contains(expected), "{args:?}: {why}");
        assert!(!why.contains("hunter2") && ended.stdout.is_empty(), "{why}");
    }
}
