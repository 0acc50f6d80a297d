//! Ordered server lists: which hosts move, which stay, and that nothing else of the list changes.

mod support;

use easelect::{Endpoint, FailureKind, Phase, Region, Service};
use easelect_report::{Lang, ListError, Model, OrderedList, ServerList};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::*;

fn socket(host: &str) -> Endpoint {
    in_region(Region::CN1, host)
}

fn in_region(region: Region, host: &str) -> Endpoint {
    Endpoint::new(
        region,
        Service::Websocket,
        &format!("wss://{host}/websocket"),
    )
    .unwrap()
}

fn rest(host: &str) -> Endpoint {
    Endpoint::new(Region::CN1, Service::Rest, &format!("https://{host}/")).unwrap()
}

/// A report from one place.
fn place(measured: impl IntoIterator<Item = Measured>) -> Model {
    Model::new(&report(&[ranking(measured)]), Lang::En)
}

fn dead(host: &str) -> Measured {
    refused(&socket(host))
}

fn alive(host: &str, connect: u64) -> Measured {
    ok(&socket(host), connect)
}

fn ordered(list: &str, reports: &[Model]) -> OrderedList {
    ServerList::from_bytes(list.as_bytes())
        .unwrap()
        .ordered(reports)
}

/// The WebSocket hosts of a list.
fn sockets(json: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(json).unwrap();
    let hosts = list["msync-wx"]["hosts"].as_array().unwrap();
    hosts
        .iter()
        .map(|one| one["domain"].as_str().unwrap().to_owned())
        .collect()
}

/// A list of WebSocket hosts, with priorities in order.
fn list(hosts: &[&str]) -> String {
    let hosts: Vec<Value> = (hosts.iter().enumerate())
        .map(|(index, host)| {
            json!({"protocol": "https", "domain": host, "port": "443", "priority": index + 1})
        })
        .collect();
    json!({"msync-wx": {"hosts": hosts}}).to_string()
}

/// The order that reports give these hosts.
fn order(hosts: &[&str], reports: &[Model]) -> Vec<String> {
    sockets(ordered(&list(hosts), reports).json())
}

#[test]
fn hosts_change_places_and_nothing_else_changes() {
    // The service's format, with odd white space and numbers.
    let before = r#"{ "file_version":1.0, "deploy_name" : "x",
 "msync-wx":{"ttl":1e2, "hosts":[ {"protocol":"https","port":"443","domain":"im-a.example","ip":"47.1.2.3","channel":"a"},
   {"protocol":"https" , "port":443,"domain":"im-b.example"} ],"x":12345678901234567890123},
 "msync-im":{"hosts":[{"domain":"im-b.example","port":6717,"priority":"2"},{"domain":"im-a.example","port":6717,"priority":"1"}]},
 "file_version":2,"rest":{"hosts":[{"protocol":"https","domain":"a.example"}]},"n":null}
"#;
    let after = r#"{ "file_version":1.0, "deploy_name" : "x",
 "msync-wx":{"ttl":1e2, "hosts":[ {"protocol":"https" , "port":443,"domain":"im-b.example"},
   {"protocol":"https","port":"443","domain":"im-a.example","ip":"47.1.2.3","channel":"a"} ],"x":12345678901234567890123},
 "msync-im":{"hosts":[{"domain":"im-b.example","port":6717,"priority":"2"},{"domain":"im-a.example","port":6717,"priority":"1"}]},
 "file_version":2,"rest":{"hosts":[{"protocol":"https","domain":"a.example"}]},"n":null}
"#;
    let report = place([alive("im-a.example", 90), alive("im-b.example", 20)]);
    let ordered = ordered(before, &[report]);
    assert_eq!(ordered.json(), after);
    assert!(ordered.is_measured() && ordered.is_usable());
}

#[test]
fn the_cheapest_is_first_and_who_is_not_reached_last() {
    let report = place([
        dead("im-a.example"),
        alive("im-b.example", 80),
        alive("im-c.example", 20),
    ]);
    let hosts = ["im-a.example", "im-b.example", "im-c.example"];
    let now = order(&hosts, std::slice::from_ref(&report));
    assert_eq!(now, ["im-c.example", "im-b.example", "im-a.example"]);
    // It also moves behind hosts that were not measured.
    let now = order(
        &["im-a.example", "im-x.example"],
        std::slice::from_ref(&report),
    );
    assert_eq!(now, ["im-x.example", "im-a.example"]);
    let answering = failure(Phase::Upgrade, FailureKind::Rejected);
    let report = place([
        failing(&socket("im-a.example"), answering),
        alive("im-b.example", 80),
        dead("im-c.example"),
    ]);
    let now = order(&["im-c.example", "im-a.example", "im-b.example"], &[report]);
    assert_eq!(now, ["im-b.example", "im-a.example", "im-c.example"]);
}

#[test]
fn a_name_that_leads_nowhere_is_unreachable() {
    let unknown = Measured::of(&socket("im-a.example")).lookup_failed(FailureKind::NotFound);
    let report = place([unknown, alive("im-b.example", 80)]);
    let now = order(&["im-a.example", "im-b.example"], &[report]);
    assert_eq!(now, ["im-b.example", "im-a.example"]);
    // It was never tried.
    let untried = Measured::of(&socket("im-a.example")).unfinished(3);
    let report = place([untried, alive("im-b.example", 80)]);
    let hosts = ["im-a.example", "im-b.example"];
    assert_eq!(order(&hosts, &[report]), hosts);
}

#[test]
fn differences_too_small_to_matter_move_nobody() {
    let report = place([alive("im-a.example", 50), alive("im-b.example", 48)]);
    let hosts = ["im-a.example", "im-b.example"];
    assert_eq!(order(&hosts, &[report]), hosts);
    let report = place([alive("im-a.example", 60), alive("im-b.example", 48)]);
    assert_eq!(order(&hosts, &[report]), ["im-b.example", "im-a.example"]);
}

#[test]
fn a_failure_costs_what_an_sdk_waits_for_it() {
    // One failure in five: 2 s on average.
    let one = alive("im-a.example", 20);
    let address = one.v4();
    let fails = one.bad(address, failure(Phase::Connect, FailureKind::Timeout), 1);
    let report = place([fails, alive("im-b.example", 200)]);
    let now = ordered(&list(&["im-a.example", "im-b.example"]), &[report]);
    assert_eq!(sockets(now.json()), ["im-b.example", "im-a.example"]);
    let told = now.text(Lang::En);
    assert!(
        told.contains("1 of 5 attempts failed, each counted as 10 s"),
        "{told}"
    );
}

#[test]
fn a_dead_address_beside_one_that_works_costs_the_step_to_the_next() {
    let one = alive("im-a.example", 20);
    let address = one.v6();
    let half = one.bad(address, failure(Phase::Connect, FailureKind::Timeout), 4);
    let report = place([half, alive("im-b.example", 90), alive("im-c.example", 150)]);
    let now = ordered(
        &list(&["im-a.example", "im-c.example", "im-b.example"]),
        &[report],
    );
    // 62.5 + 250 ms is between 272 and 452 ms.
    assert_eq!(
        sockets(now.json()),
        ["im-b.example", "im-a.example", "im-c.example"]
    );
    let told = now.text(Lang::En);
    assert!(told.contains("never answers, counted as 250 ms"), "{told}");
    assert!(!told.contains("attempts failed"), "{told}");
}

#[test]
fn who_was_not_measured_keeps_its_place() {
    let report = place([alive("im-a.example", 90), alive("im-b.example", 20)]);
    let hosts = [
        "im-x.example",
        "im-a.example",
        "im-y.example",
        "im-b.example",
    ];
    let now = ordered(&list(&hosts), &[report]);
    let expected = [
        "im-x.example",
        "im-b.example",
        "im-y.example",
        "im-a.example",
    ];
    assert_eq!(sockets(now.json()), expected);
    let told = now.text(Lang::En);
    assert!(
        told.contains("im-x.example  not measured, keeps its place"),
        "{told}"
    );
    // A host with another port or without encryption is not the measured one.
    for other in [
        r#""port": 8443"#,
        r#""port": "443x""#,
        r#""protocol": "http", "port": "80""#,
        r#""protocol": "tcp""#,
    ] {
        let list = format!(
            r#"{{"msync-wx": {{"hosts": [{{"domain": "im-a.example", {other}}}, {{"domain": "im-b.example"}}]}}}}"#
        );
        let report = place([alive("im-a.example", 90), alive("im-b.example", 20)]);
        assert_eq!(ordered(&list, &[report]).json(), list, "{other}");
    }
    // A WebSocket measurement doesn't apply to REST.
    let list = r#"{"rest": {"hosts": [{"domain": "im-a.example"}, {"domain": "im-b.example"}]}}"#;
    let report = place([alive("im-a.example", 90), alive("im-b.example", 20)]);
    let now = ordered(list, &[report]);
    assert!(now.json() == list && !now.is_measured() && !now.is_usable());
    let report = place([ok(&rest("im-a.example"), 90), ok(&rest("im-b.example"), 20)]);
    assert!(ordered(list, &[report]).json() != list);
}

#[test]
fn an_entry_that_names_no_host_keeps_its_place_among_those_that_do() {
    let odd = r#"{"msync-wx":{"hosts":[{"note":"old"},{"domain":"im-a.example"},null,{"domain":"im-b.example"}]}}"#;
    let after = r#"{"msync-wx":{"hosts":[{"note":"old"},{"domain":"im-b.example"},null,{"domain":"im-a.example"}]}}"#;
    let report = place([alive("im-a.example", 90), alive("im-b.example", 20)]);
    let ordered = ordered(odd, &[report]);
    assert_eq!(ordered.json(), after);
    for (lang, told) in [
        (Lang::En, "names no host to connect to, not measured"),
        (Lang::Zh, "没有可以连接的主机，不测量"),
    ] {
        assert_eq!(
            ordered.text(lang).matches(told).count(),
            2,
            "{}",
            ordered.text(lang)
        );
    }
    // Native SDKs accept any protocol, so the only trouble is a section without hosts.
    let native = r#"{"msync-wx":{"hosts":[{"domain":"im-a.example"}]},"msync-im":{"hosts":[{"port":6717}]}}"#;
    let told = self::ordered(native, &[place([alive("im-a.example", 20)])]).text(Lang::En);
    for told_there in [
        "msync-im has no hosts",
        "no host with protocol https or wss",
    ] {
        assert!(told.contains(told_there), "{told}");
    }
    for none in ["7", "{}", "[]"] {
        let none = format!("{{\"msync-wx\":{{\"hosts\":[{none}]}}}}");
        assert!(ServerList::from_bytes(none.as_bytes()).is_err(), "{none}");
    }
}

#[test]
fn what_is_told_of_a_host_that_was_not_measured_is_so() {
    let list = r#"{"msync-wx":{"hosts":[{"domain":"im-dead.example"},{"domain":"im-x.example"},
        {"domain":"im-a.example"},{"domain":"im-a.example","port":443.5},{"domain":"im-a.example","protocol":"ws"}]}}"#;
    let report = place([dead("im-dead.example"), alive("im-a.example", 20)]);
    let ordered = ordered(list, &[report]);
    let text = ordered.text(Lang::En);
    for told in [
        // It moved up because a dead host went to the end.
        "1 im-x.example     not measured (was 2)",
        "3 im-a.example     names no host to connect to, not measured (was 4)",
        "4 im-a.example     not encrypted, not measured (was 5)",
    ] {
        assert!(text.contains(told), "{text}");
    }
    assert!(ordered.text(Lang::Zh).contains("未测量（原第 2）"));
}

#[test]
fn hosts_are_known_however_they_are_written() {
    let list = r#"[1, {"msync-wx": 1}]"#;
    assert_eq!(
        ServerList::from_bytes(list.as_bytes()).unwrap_err(),
        ListError::NoHosts
    );
    let list = r#"{"websocket": [{"domain": "IM-A.example.", "port": 443}, {"domain": "", "ip": "47.1.2.3", "port": "8443"}]}"#;
    let at_address = Endpoint::new(
        Region::CN1,
        Service::Websocket,
        "wss://47.1.2.3:8443/websocket",
    );
    let report = place([alive("im-a.example", 90), ok(&at_address.unwrap(), 20)]);
    let now = ordered(list, &[report]);
    let hosts = &serde_json::from_str::<Value>(now.json()).unwrap()["websocket"];
    assert_eq!(
        (&hosts[0]["ip"], &hosts[1]["domain"]),
        (&json!("47.1.2.3"), &json!("IM-A.example."))
    );
}

#[test]
fn priorities_agree_with_the_order() {
    let report = || place([alive("im-a.example", 90), alive("im-b.example", 20)]);
    for (before, after) in [
        // Numbers stay numbers, strings stay strings.
        (
            r#"{"s": [{"domain":"im-a.example","priority":"1"},{"domain":"im-b.example","priority":"1"}]}"#,
            r#"{"s": [{"domain":"im-b.example","priority":"1"},{"domain":"im-a.example","priority":"2"}]}"#,
        ),
        (
            r#"{"s": [{"domain":"im-a.example","priority":10},{"priority" : 20 ,"domain":"im-b.example"}]}"#,
            r#"{"s": [{"priority" : 1 ,"domain":"im-b.example"},{"domain":"im-a.example","priority":2}]}"#,
        ),
        // A host without a priority gets one.
        (
            r#"{"s": [{"domain":"im-a.example","priority":1},{"domain":"im-b.example"}]}"#,
            r#"{"s": [{"priority": 1, "domain":"im-b.example"},{"domain":"im-a.example","priority":2}]}"#,
        ),
        (
            r#"{"s": [{"domain":"im-a.example","priority":null},{"domain":"im-b.example","priority":[]}]}"#,
            r#"{"s": [{"domain":"im-b.example","priority":[]},{"domain":"im-a.example","priority":2}]}"#,
        ),
        (
            r#"{"s": [{"protocol":"http","domain":"im-a.example","priority":1},{"domain":"im-a.example","priority":1},{"domain":"im-b.example","priority":2}]}"#,
            r#"{"s": [{"protocol":"http","domain":"im-a.example","priority":1},{"domain":"im-b.example","priority":1},{"domain":"im-a.example","priority":2}]}"#,
        ),
        // No encrypted host has one, so none gets one; an unencrypted host keeps its own.
        (
            r#"{"s": [{"domain":"im-a.example"},{"domain":"im-b.example"},{"protocol":"http","domain":"im-a.example","priority":1}]}"#,
            r#"{"s": [{"domain":"im-b.example"},{"domain":"im-a.example"},{"protocol":"http","domain":"im-a.example","priority":1}]}"#,
        ),
    ] {
        assert_eq!(ordered(before, &[report()]).json(), after);
        // A second run changes nothing.
        assert_eq!(ordered(after, &[report()]).json(), after);
    }
}

#[test]
fn several_places_count_by_three_quarters_of_them() {
    let hosts = ["im-a.example", "im-b.example"];
    let at = |a: u64, b: u64| place([alive("im-a.example", a), alive("im-b.example", b)]);
    // One bad place of four decides nothing, two do.
    assert_eq!(
        order(&hosts, &[at(20, 40), at(20, 40), at(20, 40), at(200, 40)]),
        hosts
    );
    let now = order(&hosts, &[at(20, 40), at(20, 40), at(200, 40), at(200, 40)]);
    assert_eq!(now, ["im-b.example", "im-a.example"]);
    // The wait for a dead host outweighs any difference in cost.
    let dead_in_one = place([dead("im-a.example"), alive("im-b.example", 300)]);
    let now = ordered(&list(&hosts), &[at(20, 300), dead_in_one, at(20, 300)]);
    assert_eq!(sockets(now.json()), ["im-b.example", "im-a.example"]);
    let told = now.text(Lang::En);
    assert!(told.contains("unreachable in 1 of 3 places"), "{told}");
    assert!(
        now.text(Lang::Zh).contains("3 地中 1 地连不上"),
        "{}",
        now.text(Lang::Zh)
    );
    // A report without a working network is set aside.
    let down = place([dead("im-a.example"), dead("im-b.example")]);
    let now = ordered(&list(&hosts), &[down.clone(), at(20, 40)]);
    assert_eq!(sockets(now.json()), hosts);
    assert!(
        now.text(Lang::En).contains("1 report set aside"),
        "{}",
        now.text(Lang::En)
    );
    let now = ordered(&list(&hosts), &[down]);
    assert!(now.is_measured() && !now.is_usable());
}

#[test]
fn hosts_that_no_report_compares_keep_their_places() {
    // All were measured on the slow network, but only two on the fast one.
    let both = place([
        alive("im-a.example", 100),
        alive("im-b.example", 110),
        alive("im-c.example", 200),
    ]);
    let one = place([alive("im-c.example", 1), alive("im-b.example", 2)]);
    let hosts = ["im-a.example", "im-c.example", "im-b.example"];
    let now = ordered(&list(&hosts), &[both, one]);
    assert_eq!(
        sockets(now.json()),
        ["im-a.example", "im-b.example", "im-c.example"]
    );
    let told = now.text(Lang::En);
    assert!(told.contains("im-a.example  not in every report"), "{told}");
}

#[test]
fn data_centres_never_mix() {
    let one = |region: Region, host: &str, connect| {
        Model::new(
            &report(&[ranking([ok(&in_region(region, host), connect)])]),
            Lang::En,
        )
    };
    let both = |a: u64, b: u64, c: u64, d: u64| {
        let cn1 = ranking([alive("im-a.example", a), alive("im-b.example", b)]);
        let sgp = [("im-c.example", c), ("im-d.example", d)];
        let sgp = ranking(sgp.map(|(host, ms)| ok(&in_region(Region::SGP1, host), ms)));
        Model::new(&report(&[cn1, sgp]), Lang::En)
    };
    let hosts = [
        "im-a.example",
        "im-c.example",
        "im-b.example",
        "im-d.example",
    ];
    let now = order(&hosts, &[both(90, 60, 30, 10)]);
    assert_eq!(
        now,
        [
            "im-b.example",
            "im-d.example",
            "im-a.example",
            "im-c.example"
        ]
    );
    // A host in two data centres counts as not measured.
    let reports = [
        one(Region::CN1, "im-a.example", 90),
        one(Region::SGP1, "im-a.example", 90),
    ];
    let now = ordered(&list(&["im-a.example", "im-b.example"]), &reports);
    assert!(!now.is_measured());
}

#[test]
fn what_is_no_list_is_refused() {
    let large = format!("{{\"rest\": {{\"hosts\": [{}]}}}}", " ".repeat(1024 * 1024));
    let deep = format!(
        "{{\"rest\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for (came, told) in [
        (&b" \n"[..], "empty"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\n<!DOCTYPE html><html>", "HTML"),
        (b"{\"rest\": ", "not JSON: line 1, column 9"),
        (b"{\"rest\": \"\xff\"}", "UTF-8"),
        (b"\xff\xfe{\0", "UTF-8"),
        (b"[]", "no section"),
        (b"7", "no section"),
        (b"{}", "no section"),
        (b"{\"rest\": {\"hosts\": []}}", "no section"),
        (
            b"{\"rest\": {\"hosts\": {}}, \"x\": [1], \"y\": [{\"z\": 1}]}",
            "no section",
        ),
        (
            b"{\"rest\": {\"hosts\": [{\"domain\": \"\"}, 7]}}",
            "no section",
        ),
        (large.as_bytes(), "1 MiB"),
        (deep.as_bytes(), "recursion"),
    ] {
        let why = ServerList::from_bytes(came).unwrap_err();
        let [en, zh] = [Lang::En, Lang::Zh].map(|lang| why.text(lang));
        assert!(en.contains(told), "{en}");
        assert!(zh.contains("列") || zh.contains("HTML"), "{zh}");
    }
    let marked = [b"\xef\xbb\xbf", list(&["im-a.example"]).as_bytes()].concat();
    let read = ServerList::from_bytes(&marked).unwrap().ordered(&[]);
    // Other JSON readers would refuse a byte order mark.
    assert!(read.json().starts_with('{'));
}

#[test]
fn what_each_sdk_dials_first_is_told() {
    let before = json!({
        "rest": {"hosts": [
            {"protocol": "http", "port": "80", "domain": "a.example", "priority": "1"},
            {"protocol": "https", "port": "443", "domain": "a.example", "priority": "1"},
            {"protocol": "https", "port": 8443, "domain": "b.example", "priority": "2"}]},
        "msync-wx": {"hosts": [
            {"protocol": "wss", "domain": "im-b.example", "priority": 2},
            {"protocol": "https", "port": 443, "domain": "im-a.example", "ip": "47.1.2.3", "priority": 1},
            {"protocol": "https", "port": 443, "domain": "im-c.example", "priority": 3}]},
        "msync-im": {"hosts": [{"domain": "n-a.example", "ip": "47.1.2.4", "port": 6717}]}});
    let b = Endpoint::new(Region::CN1, Service::Rest, "https://b.example:8443/").unwrap();
    let rest = ranking([ok(&rest("a.example"), 90), ok(&b, 20)]);
    let sockets = ranking([
        dead("im-a.example"),
        alive("im-b.example", 50),
        alive("im-c.example", 20),
    ]);
    let report = Model::new(&report(&[rest, sockets]), Lang::En);
    let now = ordered(&before.to_string(), &[report]);
    let told = now.text(Lang::En);
    for line in [
        "Web SDK 4, connection: im-c.example (was im-a.example)",
        "Web SDK 4, REST: b.example:8443 (was a.example)",
        "Web SDK 5, connection: im-c.example (was im-b.example)",
        "Web SDK 5, REST: b.example:8443 (was a.example)",
        "Go SDK, connection: im-c.example (was im-a.example)",
        "Go SDK, REST: b.example:8443 (was a.example)",
        "native SDKs (older ones pick at random), connection: 47.1.2.4:6717",
        "msync-im: not measured, unchanged",
        "rest: 2 of 3 hosts moved",
    ] {
        assert!(told.lines().any(|one| one.trim() == line), "{line}\n{told}");
    }
    assert!(
        !told.contains("older versions"),
        "there is no msync-ws: {told}"
    );
    let zh = now.text(Lang::Zh);
    assert!(
        zh.contains("Go SDK，长连接：im-c.example（原为 im-a.example）"),
        "{zh}"
    );
    // A reader that can't use the list says so, whatever the order.
    let only_wss = r#"{"msync-wx": {"hosts": [{"protocol": "wss", "domain": "im-a.example"}]}}"#;
    let told = ordered(only_wss, &[]).text(Lang::En);
    for line in [
        "Web SDK 4, connection: cannot use this list: msync-wx has no host with protocol https",
        "Web SDK 4, REST: cannot use this list: rest has no hosts",
        "Web SDK 5, connection: im-a.example",
    ] {
        assert!(told.lines().any(|one| one.trim() == line), "{line}\n{told}");
    }
}

#[test]
fn what_strangers_wrote_is_escaped_and_bounded() {
    let name = "x\u{1b}[2Jy".repeat(1000);
    let hosts: Vec<Value> = (0..5000)
        .map(|n| json!({"domain": format!("{name}{n}")}))
        .collect();
    let mut list = json!({"msync-wx": {"hosts": [{"domain": "im-a.example"}]}});
    list[&name] = json!({"hosts": &hosts[..50]});
    let report = place([alive("im-a.example", 20)]);
    let told = ordered(&list.to_string(), &[report]).text(Lang::En);
    assert!(
        !told.contains('\u{1b}') && told.len() < 20_000,
        "{}",
        told.len()
    );
}

/// Any JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|all| Value::from(all.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

/// A host with one of six names, and any other fields.
fn any_host() -> impl Strategy<Value = Value> {
    let protocol = prop::sample::select(vec!["https", "wss", "http", "tcp"]);
    (0..6_usize, protocol, any_json(), any_json()).prop_map(|(number, protocol, priority, more)| {
        let mut host = json!({
            "domain": format!("im-{number}.example"), "protocol": protocol, "more": more,
        });
        if !priority.is_null() {
            host["priority"] = priority;
        }
        host
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// For any list and measurement, the hosts and all other fields stay the same.
    #[test]
    fn no_host_is_lost_and_no_field_changes(
        hosts in prop::collection::vec(any_host(), 1..8),
        more in any_json(),
        states in prop::collection::vec(0..3_u64, 6),
        pretty in any::<bool>(),
    ) {
        let before = json!({"msync-wx": {"hosts": hosts, "more": more}, "other": more});
        let text = match pretty {
            true => serde_json::to_string_pretty(&before).unwrap(),
            false => before.to_string(),
        };
        let measured = states.iter().enumerate().filter_map(|(number, state)| {
            let host = format!("im-{number}.example");
            match state {
                0 => None,
                1 => Some(dead(&host)),
                _ => Some(alive(&host, 10 + 37 * number as u64 % 90)),
            }
        });
        let measured: Vec<Measured> = measured.collect();
        let reports: Vec<Model> = match measured.is_empty() {
            true => Vec::new(),
            false => vec![place(measured)],
        };
        let ordered = ordered(&text, &reports);
        // Compares numbers as written.
        let without_order = |text: &str| {
            let mut list: Value = serde_json::from_str(text).unwrap();
            let mut hosts: Vec<String> = (list["msync-wx"]["hosts"].as_array().unwrap().iter())
                .map(|host| {
                    let mut host = host.clone();
                    host.as_object_mut().unwrap().remove("priority");
                    host.to_string()
                })
                .collect();
            hosts.sort();
            list["msync-wx"]["hosts"] = Value::Null;
            (hosts, list.to_string())
        };
        prop_assert_eq!(without_order(&text), without_order(ordered.json()));
        prop_assert!(!ordered.text(Lang::Zh).is_empty());
        if !ordered.is_measured() {
            prop_assert_eq!(ordered.json(), text.as_str());
        }
    }

    /// No input panics, and any accepted list stays JSON.
    #[test]
    fn any_bytes_end_in_a_list_or_a_reason(text in ".{0,200}", json in any_json()) {
        for one in [text, json.to_string(), json!({"rest": json}).to_string()] {
            if let Ok(list) = ServerList::from_bytes(one.as_bytes()) {
                let ordered = list.ordered(&[]);
                prop_assert_eq!(ordered.json(), one.as_str());
                let _ = ordered.text(Lang::En);
            }
        }
    }
}
