//! The responses of `/probe`, `/metrics` and the other paths.

mod support;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use easelect::{Catalog, FailureKind, Phase};
use easelect_exporter::{Labels, Settings};
use easelect_lab::{Fault, Scenario};
use support::*;

const GROUP: &str = "/probe?target=cn1/websocket";
const EASEMOB: &str = "44.128.11.10";
const EASECDN: &str = "44.128.11.20";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_group_tells_its_best_endpoint_and_every_host() {
    let served = beijing().await;
    let answer = get(served.address, GROUP).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.value("probe_success"), Some(1.0));
    for host in ["im-api-v2.easemob.com", "im-api-v2.easecdn.com"] {
        let series = format!("probe_endpoint_success{{host=\"{host}\"}}");
        assert_eq!(answer.value(&series), Some(1.0), "{series}");
    }
    for phase in ["resolve", "connect", "tls", "upgrade"] {
        let series = format!("probe_phase_duration_seconds{{phase=\"{phase}\"}}");
        let took = answer.value(&series).expect(&series);
        assert!(took > 0.0 && took < 5.0, "{series} {took}");
    }
    for absent in ["proxy", "processing"] {
        let series = format!("probe_phase_duration_seconds{{phase=\"{absent}\"}}");
        assert_eq!(answer.value(&series), None);
    }
    assert!(answer.value("probe_duration_seconds").unwrap() > 0.05);
    assert!(answer.value("probe_dns_lookup_time_seconds").unwrap() > 0.005);
    assert_eq!(answer.value("probe_http_status_code"), Some(101.0));
    assert_eq!(
        answer.value("probe_websocket_connection_upgraded"),
        Some(1.0)
    );
    assert_eq!(answer.value("probe_ip_protocol"), Some(4.0));
    assert_eq!(
        answer.value("probe_tls_version_info{version=\"TLS 1.3\"}"),
        Some(1.0)
    );
    assert!(answer.value("probe_ssl_earliest_cert_expiry").unwrap() > 1.7e9);
    assert!(!answer.body.contains("probe_failure_info"));
}

#[tokio::test]
async fn a_host_and_its_url_are_one_target() {
    let served = beijing().await;
    for target in [
        "im-api-v2.easecdn.com",
        "IM-API-V2.easecdn.com",
        "wss://im-api-v2.easecdn.com/websocket",
        "wss%3A%2F%2Fim-api-v2.easecdn.com%3A443%2Fwebsocket",
        "cn1/websocket/im-api-v2.easecdn.com",
    ] {
        let answer = get(served.address, &format!("/probe?target={target}")).await;
        assert_eq!(
            answer.value("probe_success"),
            Some(1.0),
            "{target}: {answer:?}"
        );
        assert!(!answer.body.contains("probe_endpoint_success"), "{target}");
    }
    assert_eq!(served.lab.dials(), 1, "one probe for all");
    let rest = get(served.address, "/probe?target=cn1/rest").await;
    assert!(
        rest.value("probe_phase_duration_seconds{phase=\"processing\"}")
            .is_some()
    );
    assert_eq!(rest.value("probe_websocket_connection_upgraded"), None);
    let pool = get(served.address, "/probe?target=mainland/websocket").await;
    assert_eq!(pool.body.matches("\nprobe_endpoint_success{").count(), 4);
}

#[tokio::test]
async fn a_probe_is_one_handshake_an_endpoint() {
    let served = beijing().await;
    // Each has two IPv4 addresses and one IPv6 address.
    get(served.address, GROUP).await;
    assert_eq!(served.lab.dials(), 2);
}

#[tokio::test]
async fn nothing_outside_the_catalogue_is_dialled() {
    let scratch = Scratch::new();
    let modules = r#"
        [modules.default]
        [modules.listed]
        urls = ["https://rest.example/a", "wss://im.example:8443/ws"]
        [modules.open]
        targets = "any"
    "#;
    let served = served_with(&scratch, modules).await;
    for refused in [
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/",
        "wss://im-api-v2.easemob.com:22/websocket",
        "wss://im-api-v2.easemob.com/other",
        "https://im-api-v2.easemob.com/websocket",
        "http://im-api-v2.easemob.com/websocket",
        "ws://im-api-v2.easemob.com/websocket",
        "wss://user:secret@im-api-v2.easemob.com/websocket",
        "file:///etc/passwd",
        "gopher://x/",
        "localhost",
        "127.0.0.1:22",
        "cn1/websocket/localhost",
        "cn1,sgp1/websocket",
        "all/websocket",
        "cn1/nothing",
        "cn-vip/websocket",
        "sgp1/alipay",
        "mars/websocket",
        "///",
        "%00",
        "%0d%0aSet-Cookie:x",
        "%ff%fe",
        "",
    ] {
        let answer = get(served.address, &format!("/probe?target={refused}")).await;
        assert_eq!(answer.status, 400, "{refused}: {answer:?}");
        assert!(!answer.body.contains("secret") && answer.body.lines().count() == 1);
        assert_eq!(answer.header("set-cookie"), None);
    }
    let long = format!("/probe?target={}", "a".repeat(5000));
    assert_eq!(get(served.address, &long).await.status, 400);
    let unknown = get(served.address, &format!("{GROUP}&module=mine")).await;
    assert_eq!(
        (unknown.status, unknown.body.as_str()),
        (400, "unknown module \"mine\"\n")
    );
    assert_eq!((served.lab.dials(), served.lab.queries()), (0, 0));
    for (module, target, status) in [
        ("listed", "https://rest.example/a", 200),
        ("listed", "wss://im.example:8443/ws", 200),
        ("listed", "https://rest.example/b", 400),
        ("open", "https://rest.example/b", 200),
        ("open", "https://u:p@rest.example/b", 400),
        ("open", "http://rest.example/b", 400),
    ] {
        let path = format!("/probe?module={module}&target={target}");
        assert_eq!(get(served.address, &path).await.status, status, "{path}");
    }
}

/// Whatever goes wrong, labels have few values, and none is an IP address.
#[tokio::test]
async fn failures_have_a_phase_and_a_kind_and_no_address() {
    let scratch = Scratch::new();
    let mut settings = Settings::default();
    settings.file = Some(scratch.file("m.toml", "[modules.default]\ntimeout = \"1500ms\"\n"));
    settings.in_flight = 64;
    let served = served(Scenario::hostile(), settings).await;
    let mut kinds = std::collections::BTreeSet::new();
    let hosts: Vec<String> = (Catalog::builtin().endpoints().iter())
        .map(|one| one.host().to_owned())
        .collect();
    let paths = hosts.iter().map(|host| format!("/probe?target={host}"));
    let paths: Vec<String> = paths.collect();
    let asking = paths.iter().map(|path| get(served.address, path));
    for answer in easelect::futures::future::join_all(asking).await {
        assert_eq!(answer.status, 200, "{answer:?}");
        let series = all(&answer.body);
        let failed: Vec<&String> = series
            .keys()
            .filter(|one| one.starts_with("probe_failure_info"))
            .collect();
        let success = answer.value("probe_success").unwrap();
        assert_eq!(failed.len(), usize::from(success < 0.5), "{}", answer.body);
        assert!(!answer.body.contains("44.128.") && !answer.body.contains("2600:"));
        for one in failed {
            let known = Phase::ALL.iter().any(|phase| {
                let kinds = FailureKind::ALL.iter();
                let named = |kind: &FailureKind| {
                    *one == format!("probe_failure_info{{phase=\"{phase}\",kind=\"{kind}\"}}")
                };
                kinds.clone().any(named)
            });
            assert!(known, "{one}");
            kinds.insert(one.clone());
        }
    }
    assert!(kinds.len() > 20, "{kinds:?}");
}

#[tokio::test]
async fn the_second_best_stands_in_and_is_told() {
    let served = beijing().await;
    served
        .lab
        .set_fault(address(EASECDN), Fault::Refuse)
        .unwrap();
    let answer = get(served.address, GROUP).await;
    assert_eq!(answer.value("probe_success"), Some(1.0));
    let failed = "probe_endpoint_success{host=\"im-api-v2.easecdn.com\"}";
    assert_eq!(answer.value(failed), Some(0.0));
    assert!(!answer.body.contains("probe_failure_info{"));
}

#[tokio::test]
async fn without_a_network_it_says_so() {
    let served = beijing().await;
    for one in [EASEMOB, EASECDN] {
        served
            .lab
            .set_fault(address(one), Fault::Unreachable)
            .unwrap();
    }
    let answer = get(served.address, GROUP).await;
    assert_eq!(answer.value("probe_success"), Some(0.0));
    let why = "probe_failure_info{phase=\"connect\",kind=\"unreachable\"}";
    assert_eq!(answer.value(why), Some(1.0), "{}", answer.body);
    // Names whose lookup fails.
    for name in ["a1.easemob.com", "a1.easecdn.com"] {
        served
            .lab
            .set_dns(name, easelect_lab::Dns::ServerFailure)
            .unwrap();
    }
    let answer = get(served.address, "/probe?target=cn1/rest").await;
    let why = "probe_failure_info{phase=\"resolve\",kind=\"server_failure\"}";
    assert_eq!(answer.value(why), Some(1.0), "{}", answer.body);
    assert_eq!(
        answer.value("probe_phase_duration_seconds{phase=\"resolve\"}"),
        None
    );
}

#[tokio::test]
async fn a_target_that_never_ends_ends_before_the_scrape() {
    for fault in [
        Fault::BlackHole,
        Fault::DropData,
        Fault::SilentTls,
        Fault::SilentHttp,
        Fault::SlowLoris,
        Fault::EndlessChain,
        Fault::HeaderFlood,
    ] {
        let served = beijing().await;
        served.lab.set_fault(address(EASEMOB), fault).unwrap();
        let began = Instant::now();
        let waits = "X-Prometheus-Scrape-Timeout-Seconds: 1.2\r\n";
        let path = "/probe?target=im-api-v2.easemob.com";
        let answer = asked(served.address, "GET", path, waits).await;
        assert!(began.elapsed() < Duration::from_millis(1150), "{fault:?}");
        assert_eq!(answer.value("probe_success"), Some(0.0), "{fault:?}");
        assert!(
            answer.body.contains("probe_failure_info{phase=\""),
            "{fault:?}"
        );
        assert_eq!(served.lab.open(), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_scrape_timeout_that_is_none_is_refused() {
    let served = beijing().await;
    for nonsense in ["x", "-1", "0", "NaN", "1e400"] {
        let line = format!("X-Prometheus-Scrape-Timeout-Seconds: {nonsense}\r\n");
        let answer = asked(served.address, "GET", GROUP, &line).await;
        assert_eq!(answer.status, 400, "{nonsense}");
    }
    // A timeout below the offset is used as it is, as in blackbox_exporter.
    let line = "X-Prometheus-Scrape-Timeout-Seconds: 0.4\r\n";
    assert_eq!(asked(served.address, "GET", GROUP, line).await.status, 200);
}

#[tokio::test]
async fn scrapes_at_once_share_a_probe_and_later_ones_its_result() {
    let served = beijing().await;
    let many = (0..50).map(|_| get(served.address, GROUP));
    for answer in easelect::futures::future::join_all(many).await {
        assert_eq!(answer.value("probe_success"), Some(1.0));
    }
    let later = get(served.address, GROUP).await;
    assert!(later.value("probe_result_age_seconds").unwrap() > 0.0);
    assert_eq!(served.lab.dials(), 2);
}

#[tokio::test]
async fn without_a_cache_each_scrape_probes() {
    let scratch = Scratch::new();
    let served = served_with(&scratch, "[modules.default]\ncache = \"0s\"\n").await;
    for _ in 0..3 {
        get(served.address, GROUP).await;
    }
    assert_eq!(served.lab.dials(), 6);
}

#[tokio::test]
async fn more_probes_than_allowed_are_refused_for_now() {
    let mut settings = Settings::default();
    settings.in_flight = 1;
    let served = served(Scenario::beijing(), settings).await;
    served
        .lab
        .set_fault(address(EASEMOB), Fault::SilentTls)
        .unwrap();
    let slow = get(served.address, "/probe?target=im-api-v2.easemob.com");
    let other = async {
        while served.lab.dials() == 0 {
            tokio::task::yield_now().await;
        }
        let other = get(served.address, "/probe?target=im-api-v2.easecdn.com").await;
        // A scrape that joins a probe in flight needs no free place.
        let same = "X-Prometheus-Scrape-Timeout-Seconds: 0.6\r\n";
        let path = "/probe?target=im-api-v2.easemob.com";
        (other, asked(served.address, "GET", path, same).await)
    };
    let waits = async { tokio::join!(slow, other) };
    let (slow, (other, same)) = waits.await;
    assert_eq!(
        (other.status, other.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!((same.status, same.header("retry-after")), (503, Some("1")));
    assert_eq!(slow.value("probe_success"), Some(0.0));
    let now = get(served.address, "/probe?target=im-api-v2.easecdn.com").await;
    assert_eq!(now.value("probe_success"), Some(1.0));
}

#[tokio::test]
async fn a_scraper_that_leaves_ends_its_probe() {
    use tokio::io::AsyncWriteExt;

    let served = beijing().await;
    served
        .lab
        .set_fault(address(EASEMOB), Fault::SilentTls)
        .unwrap();
    let mut stream = tokio::net::TcpStream::connect(served.address)
        .await
        .unwrap();
    let request = b"GET /probe?target=im-api-v2.easemob.com HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    while served.lab.open() == 0 || served.lab.dials() == 0 {
        tokio::task::yield_now().await;
    }
    let left = Instant::now();
    drop(stream);
    while served.lab.open() > 0 {
        assert!(
            left.elapsed() < Duration::from_secs(3),
            "its timeout is 5 s"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn every_series_has_the_labels() {
    let mut settings = Settings::default();
    settings.labels = Labels::new(["site=北京 \"hq\"", "carrier=ct"]).unwrap();
    let served = served(Scenario::beijing(), settings).await;
    for path in [GROUP, "/metrics"] {
        let answer = get(served.address, path).await;
        let series = all(&answer.body);
        assert!(series.len() > 2);
        for one in series.keys() {
            assert!(
                one.ends_with("site=\"北京 \\\"hq\\\"\",carrier=\"ct\"}"),
                "{one}"
            );
        }
    }
}

#[tokio::test]
async fn both_formats_are_written() {
    let served = beijing().await;
    for path in [GROUP, "/metrics"] {
        let classic = get(served.address, path).await;
        let content_type = classic.header("content-type").unwrap();
        assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
        assert!(!classic.body.contains("EOF") && !classic.body.contains(" info\n"));
        let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
        let open = asked(served.address, "GET", path, accept).await;
        let content_type = open.header("content-type").unwrap();
        assert_eq!(
            content_type,
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        assert!(open.body.ends_with("\n# EOF\n"));
        let (of_classic, of_open) = (all(&classic.body), all(&open.body));
        let names =
            |all: &std::collections::BTreeMap<String, f64>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&of_classic), names(&of_open), "the same series");
    }
}

#[tokio::test]
async fn debug_tells_what_happened_and_no_secret() {
    let scratch = Scratch::new();
    let modules = "[modules.default]\n[modules.proxied]\ntimeout = \"500ms\"\nfamilies = \"v4\"\n\
                   proxy = \"http://user:secret@p.example:3128\"\n";
    let served = served_with(&scratch, modules).await;
    let answer = get(served.address, &format!("{GROUP}&debug=true")).await;
    for part in [
        "Logs for the probe:\n",
        "lookup of im-api-v2.easemob.com (ipv4)",
        " at 44.128.11.20:443, connect ",
        "\nMetrics that would have been returned:\n",
        "\nprobe_success 1\n",
        "\nModule configuration:\n[modules.default]\ntimeout = \"5s\"\ncache = \"15s\"\n",
    ] {
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
    let answer = get(
        served.address,
        &format!("{GROUP}&debug=true&module=proxied"),
    )
    .await;
    let settings = "[modules.proxied]\ntimeout = \"500ms\"\ncache = \"15s\"\nfamilies = \"v4\"\n\
                    targets = \"catalog\"\nproxy = \"http://p.example:3128\"\n";
    assert!(answer.body.ends_with(settings) && !answer.body.contains("secret"));
}

#[tokio::test]
async fn modules_are_read_again_and_wrong_ones_are_not_taken() {
    let scratch = Scratch::new();
    let served = served_with(&scratch, "[modules.first]\n").await;
    scratch.file("own.toml", "[[region]]\nid = \"control\"\n");
    let probe = |module: &str| {
        let path = format!("{GROUP}&module={module}");
        async move { get(served.address, &path).await.status }
    };
    let successful = || async {
        let answer = get(served.address, "/metrics").await;
        answer.value("easelect_config_last_reload_successful")
    };
    assert_eq!((probe("first").await, probe("second").await), (200, 400));
    assert_eq!(
        asked(served.address, "GET", "/-/reload", "").await.status,
        405
    );
    for (wrong, why) in [
        ("[modules.second\n", "modules.toml:1: "),
        ("\n[modules.second]\ntimout = \"1s\"\n", "modules.toml:3: "),
        ("[modules.second]\ntimeout = \"1\"\n", "modules.toml:2: "),
        (
            "[modules.second]\n\ntimeout = \"1h\"\n",
            "modules.toml:3: expected 10ms to 2m",
        ),
        (
            "[modules.second]\nurls = [\n\"http://x/\"]\n",
            "modules.toml:3: expected wss:// or https://",
        ),
        (
            "[modules.second]\nproxy = \"ftp://u:secret@x\"\n",
            "modules.toml:2: ",
        ),
        (
            "[modules.second]\ncacert = \"missing.pem\"\n",
            "modules.toml:2: missing.pem: ",
        ),
        ("[modules.second]\ndns = \"nobody\"\n", "modules.toml:2: "),
        ("[modules.second]\nresolve = [\"x\"]\n", "modules.toml:2: "),
        ("[modules.\"a b\"]\n", "modules.toml:1: a module's name"),
        (
            "[background]\ntargets = [\"im-api-v2.easemob.com\"]\n",
            "modules.toml:1: im-api-v2.easemob.com: expected REGION/SERVICE",
        ),
        (
            "[background]\ntargets = [\"cn1/rest\", \"cn1/rest\"]\n",
            "modules.toml:1: cn1/rest: given twice",
        ),
        (
            "[background]\ntargets = [\"cn1/rest\", \"mainland/rest\"]\n",
            "modules.toml:1: cn1/rest and mainland/rest both contain https://a1.easemob.com/",
        ),
        (
            "catalog = \"own.toml\"\n[background]\ntargets = [\"control/rest\"]\n",
            "modules.toml:2: control/rest: control has no rest endpoint; add one to the catalogue file",
        ),
        (
            "[background]\ntargets = [\"cn-vip/rest\"]\n",
            "modules.toml:1: cn-vip/rest: cn-vip has no public hosts; ask your Easemob account manager (商务经理) for \
             them, and add them to the catalogue file",
        ),
        (
            "[modules]\nsecond = 3\n",
            "modules.toml:2: invalid type: integer `3`, expected a table [modules.NAME]",
        ),
        (
            "[background]\ntargets = \"cn1/rest\"\n",
            "modules.toml:2: invalid type: string \"cn1/rest\", expected an array in [ ]",
        ),
        (
            "[modules.second]\ntimeout = 5\n",
            "modules.toml:2: invalid type: integer `5`, expected a duration with a unit",
        ),
        (
            "[modules.second]\ncache = \"2days\"\n",
            "modules.toml:2: expected 0s to 24h",
        ),
        (
            "[background]\ntargets = [\"cn1/rest\"]\nmodule = \"x\"\n",
            "unknown module",
        ),
        (
            "[background]\ntargets = []\ninterval = \"1s\"\n",
            "modules.toml:3: expected 10s",
        ),
        ("catalog = \"own.txt\"\n", "modules.toml:1: own.txt: "),
    ] {
        scratch.file("modules.toml", wrong);
        let answer = asked(served.address, "POST", "/-/reload", "").await;
        assert_eq!(answer.status, 500, "{wrong}");
        assert!(answer.body.contains(why), "{wrong}: {}", answer.body);
        assert!(
            !answer.body.contains("secret") && answer.body.lines().count() == 1,
            "{}",
            answer.body
        );
        assert_eq!((probe("first").await, probe("second").await), (200, 400));
        assert_eq!(successful().await, Some(0.0));
    }
    scratch.file("modules.toml", "[modules.second]\n");
    assert_eq!(
        asked(served.address, "PUT", "/-/reload", "").await.status,
        200
    );
    assert_eq!((probe("first").await, probe("second").await), (400, 200));
    assert_eq!(successful().await, Some(1.0));
}

#[tokio::test]
async fn the_other_paths_say_what_they_are() {
    let served = beijing().await;
    assert_eq!(get(served.address, "/-/healthy").await.body, "Healthy\n");
    assert_eq!(get(served.address, "/-/ready").await.body, "Ready\n");
    let page = get(served.address, "/").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.body.contains("/probe?target=") && page.body.contains("测量目标"));
    assert_eq!(get(served.address, "/nothing").await.status, 404);
    assert_eq!(asked(served.address, "POST", GROUP, "").await.status, 405);
    let head = asked(served.address, "HEAD", "/metrics", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}
