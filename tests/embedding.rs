//! The examples of docs/embedding.md: the page has the text of these files, and they work.

#![cfg(feature = "rest")]
#![allow(unreachable_pub, reason = "as an app has them")]

#[path = "embedding/blocking.rs"]
mod blocking;
#[path = "embedding/history.rs"]
mod history;
#[path = "embedding/lab.rs"]
mod lab;
#[path = "embedding/monitoring.rs"]
mod monitoring;
#[path = "embedding/own_hosts.rs"]
mod own_hosts;
#[path = "embedding/own_sdk.rs"]
mod own_sdk;
#[path = "embedding/priors.rs"]
mod priors;
#[path = "embedding/proxy.rs"]
mod proxy;
#[path = "embedding/rest.rs"]
mod rest;
#[path = "embedding/session.rs"]
mod session;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easelect::{
    Catalog, CatalogFormat, Failure, FailureKind, Phase, Refusal, Region, Selector, SelectorBuilder,
};
use easelect_lab::{Fault, Lab, Path};
use tokio::time::sleep;

const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(44, 0, 0, 1));
const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(44, 0, 0, 2));

/// If set, the page is rewritten from the files.
const BLESS: &str = "EASELECT_BLESS";

#[test]
fn the_page_has_what_is_tested() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = root.join("docs/embedding.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let mut parts = text.split("```rust\n");
    let mut expected = parts.next().unwrap().to_owned();
    let names = [
        "session",
        "rest",
        "own_sdk",
        "blocking",
        "own_hosts",
        "proxy",
        "history",
        "priors",
        "monitoring",
        "lab",
    ];
    let parts: Vec<&str> = parts.collect();
    assert_eq!(parts.len(), names.len());
    for (part, name) in parts.iter().zip(names) {
        let code =
            std::fs::read_to_string(root.join(format!("tests/embedding/{name}.rs"))).unwrap();
        let (_, after) = part.split_once("```\n").unwrap();
        expected += &format!("```rust\n{code}```\n{after}");
    }
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&page, &expected).unwrap();
    }
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text == expected, "{BLESS}=1 writes the files into the page");
}

#[tokio::test(start_paused = true)]
async fn a_session_stays_until_it_is_refused() {
    let (lab, selector) = lab::two_hosts().unwrap();
    let goes_bad = async {
        sleep(Duration::from_secs(60)).await;
        lab.reset(A);
        lab.reset(B);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(selector.stats().opened, 2);
        for at in [A, B] {
            lab.set_path(Path::new(at).with_status(401)).unwrap();
            lab.reset(at);
        }
    };
    let stays = session::stay_online(&selector, "Bearer x", |_| {});
    let (refused, ()) = tokio::join!(stays, goes_bad);
    assert!(
        matches!(refused, Ok(Refusal::Status { status: 401, .. })),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn rest_says_what_may_have_happened() {
    let (lab, selector) = lab::two_hosts().unwrap();
    assert_eq!(rest::register(&selector, "x", "alice").await, Ok(404));
    lab.set_fault(A, Fault::SilentHttp).unwrap();
    let lost = rest::register(&selector, "x", "alice").await.unwrap_err();
    assert!(lost.starts_with("perhaps registered: "), "{lost}");
    lab.set_fault(A, Fault::Refuse).unwrap();
    let lost = rest::register(&selector, "x", "alice").await.unwrap_err();
    assert!(lost.starts_with("not registered: "), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn an_sdk_dials_in_the_selector_s_order() {
    let (_lab, selector) = lab::two_hosts().unwrap();
    let silent = async |_: &str, at: std::net::SocketAddr| {
        let dead = at.ip() == A;
        sleep(Duration::from_millis(if dead { 60_000 } else { 180 })).await;
        Ok(at)
    };
    let (first, _) = own_sdk::open_first(&selector, silent).await.unwrap();
    assert_eq!(first.address.ip(), B);
    let refusing = async |_: &str, _: std::net::SocketAddr| {
        Err::<(), _>(Failure::new(Phase::Connect, FailureKind::Refused))
    };
    assert!(own_sdk::open_first(&selector, refusing).await.is_none());
    assert_eq!(selector.best(), None, "all of them fail");
}

#[test]
fn priors_are_read_and_classes_told() {
    let builder = easelect::Selector::builder(easelect::Region::SGP1);
    let selector = priors::with_priors(builder.clone(), priors::FILE, "cn/mobile").unwrap();
    priors::moved(&selector, "cn", Some("unicom"));
    priors::moved(&selector, "cn", None);
    assert!(priors::with_priors(builder, "{}", "cn/mobile").is_err());
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_told() {
    let (lab, selector) = lab::two_hosts().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&lines);
    let watching = monitoring::watch(selector.clone(), move |line| {
        written.lock().unwrap().push(line)
    });
    let happens = async move {
        tokio::task::yield_now().await;
        drop(selector.connect().await.unwrap());
        lab.set_fault(A, Fault::Refuse).unwrap();
        drop(selector.connect().await.unwrap());
        let figures = monitoring::figures(&selector);
        assert!(
            figures.starts_with("opened 2 failed 0 lost 0 p50 "),
            "{figures}"
        );
    };
    tokio::join!(watching, happens);
    let lines = lines.lock().unwrap();
    for line in [
        "best websocket a.example",
        "open websocket a.example 120 ms",
        "failing 44.0.0.1:443",
    ] {
        assert!(lines.iter().any(|one| one == line), "{line}: {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_costs_no_second() {
    lab::a_dead_host_costs_no_second().await.unwrap();
}

/// What builds a selector for the two hosts.
fn builder(lab: &Lab) -> SelectorBuilder {
    let catalog = Catalog::builtin().with_file(lab::OWN, CatalogFormat::Toml, "own.toml");
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(lab.dialer().build().unwrap())
}

#[test]
fn a_thread_without_a_runtime_gets_an_answer() {
    let (lab, _) = lab::two_hosts().unwrap();
    let answer = blocking::ask(builder(&lab), "hello").unwrap();
    assert_eq!(answer.unwrap().to_text().unwrap(), "hello");
}

#[test]
fn own_hosts_are_selected_from() {
    let file = lab::OWN.replace("\"own\"", "\"own1\"");
    let selector = own_hosts::with_own_hosts(&file).unwrap();
    assert_eq!(selector.residency().to_string(), "own1");
    assert!(own_hosts::with_own_hosts("").is_err());
}

#[test]
fn the_environments_proxy_is_taken() {
    proxy::through_the_environments_proxy().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_later_run_knows_what_an_earlier_one_learned() {
    let (lab, _) = lab::two_hosts().unwrap();
    let name = format!("easelect-embedding-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for known in [false, true] {
        let selector = history::remembering(builder(&lab), &folder).unwrap();
        history::moved(&selector, "home");
        assert_eq!(selector.best().is_some(), known);
        drop(selector.connect().await.unwrap());
        history::before_the_end(&selector).await.unwrap();
        selector.shutdown().await.unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
