//! The largest histories possible, in every expensive shape, are read, used and written in time.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use easelect::{Catalog, CatalogFormat, FileHistory, HistoryStore, Region, Selector};
use easelect_lab::{Host, Lab, Path, Scenario};

/// The largest size of a file.
const LARGEST: usize = 8 << 20;

/// The time for building a selector, connecting and saving, unoptimised and on a busy machine.
/// Anything quadratic in the file's size takes minutes.
const ENOUGH: Duration = Duration::from_secs(20);

fn millis() -> u128 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_millis()
}

fn candidate(host: &str, address: &str) -> String {
    let now = millis();
    format!(
        r#"{{"region":"own","host":"{host}","address":"{address}","service":"websocket","syn":{{"mean":3.9,"variance":0.01,"at_ms":{now},"surprise":0}},"rest":null,"health":{{"successes":3.0,"failures":0.5,"counted_ms":{now},"in_a_row":0,"breaker_open_until_ms":0}},"listed_ms":{now},"seen_ms":{now},"opened_ms":null}}"#
    )
}

fn address(n: usize) -> String {
    format!("44.{}.{}.{}:443", n / 65_536 % 256, n / 256 % 256, n % 256)
}

fn network(id: &str, candidates: &str) -> String {
    let now = millis();
    format!(
        r#"{{"id":"{id}","used_ms":{now},"syn_trust":0.1,"syn_trust_samples":3,"candidates":[{candidates}]}}"#
    )
}

/// As many items, separated by commas, as fit into this many bytes.
fn full(bytes: usize, one: impl Fn(usize) -> String) -> String {
    let mut text = one(0);
    for n in 1.. {
        let one = one(n);
        if text.len() + one.len() + 1 > bytes {
            break;
        }
        text.push(',');
        text.push_str(&one);
    }
    text
}

fn shapes() -> Vec<(&'static str, String)> {
    // Leaves room for the rest of the file.
    let most = LARGEST - 1000;
    let long = |share: usize| "x".repeat(most / share);
    vec![
        (
            "one network again and again",
            full(most, |_| network("home", "")),
        ),
        ("networks", full(most, |n| network(&n.to_string(), ""))),
        (
            "one candidate again and again",
            network(
                "home",
                &full(most, |_| candidate("h0.example", &address(0))),
            ),
        ),
        (
            "addresses of one host",
            network(
                "home",
                &full(most, |n| candidate("h0.example", &address(n))),
            ),
        ),
        (
            "hosts of one address",
            network(
                "home",
                &full(most, |n| candidate(&format!("h{n}.example"), &address(0))),
            ),
        ),
        (
            "one network with another candidate each time",
            full(most, |n| {
                network("home", &candidate("h0.example", &address(n)))
            }),
        ),
        (
            "networks with a candidate",
            full(most, |n| {
                network(&n.to_string(), &candidate("h0.example", &address(n)))
            }),
        ),
        (
            "networks with all the candidates that they may have",
            full(most, |id| {
                let all = full(256 * 460, |n| {
                    candidate("h0.example", &address(id * 256 + n))
                });
                network(&id.to_string(), &all)
            }),
        ),
        ("a long name", network(&long(1), "")),
        (
            "long names",
            full(most, |n| network(&format!("{}{n}", long(100)), "")),
        ),
        (
            "a long host",
            network("home", &candidate(&long(1), &address(0))),
        ),
        (
            "long hosts",
            network(
                "home",
                &full(most, |n| {
                    candidate(&format!("{}{n}", long(2000)), &address(n))
                }),
            ),
        ),
    ]
}

/// Hosts h0.example and h1.example in a region of their own.
fn world() -> (Lab, Catalog) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for n in 0..2_u8 {
        let (name, ip) = (format!("h{n}.example"), [44, 128, 0, n].into());
        let rtt = Duration::from_millis(40 + 20 * u64::from(n));
        scenario = scenario
            .with_host(Host::new(&name).with_address(ip))
            .with_path(Path::new(ip).with_rtt(rtt));
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://{name}/websocket\"\n"
        );
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    (Lab::new(scenario).unwrap(), catalog.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_history_as_large_as_may_be_costs_seconds_at_most() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("huge-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("history.json");
    for (shape, networks) in shapes() {
        let text = format!(r#"{{"schema":1,"networks":[{networks}]}}"#);
        assert!(
            text.len() <= LARGEST && text.len() > LARGEST / 2,
            "{shape}: {}",
            text.len()
        );
        fs::write(&file, text).unwrap();
        let (lab, catalog) = world();
        let began = Instant::now();
        let selector = Selector::builder(Region::new("own").unwrap())
            .catalog(catalog)
            .dialer(lab.dialer().build().unwrap())
            .network("home")
            .history(FileHistory::new(&file))
            .build()
            .unwrap();
        let built = began.elapsed();
        selector.connect().await.unwrap();
        selector.shutdown().await.unwrap();
        let took = began.elapsed();
        assert!(took < ENOUGH, "{shape}: {built:?}, {took:?} in all");
        // The written file can be read again.
        assert!(FileHistory::new(&file).load().unwrap().is_some(), "{shape}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "{shape}");
    }
    fs::remove_dir_all(folder).unwrap();
}
