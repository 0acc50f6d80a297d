//! REST beside the WebSocket, in the simulated network and paused time: which host is called.

#![cfg(feature = "rest")]

use std::net::IpAddr;
use std::time::Duration;

use easelect::{Catalog, CatalogFormat, Region, Residency, Selector};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};

fn ip(n: u8) -> IpAddr {
    IpAddr::from([44, 128, 0, n])
}

/// A selector in that network, with the endpoints of this file.
fn selector(lab: &Lab, endpoints: &str, residency: impl Into<Residency>) -> Selector {
    let catalog = Catalog::builtin()
        .with_file(endpoints, CatalogFormat::Toml, "endpoints.toml")
        .unwrap();
    Selector::builder(residency)
        .catalog(catalog)
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .seed(1)
        .build()
        .unwrap()
}

/// A WebSocket and a REST host in China 1 and in China 2, with these round trips.
fn pool(rtts: [u64; 4]) -> (Lab, Selector) {
    let hosts = [
        "ws.one.example",
        "ws.two.example",
        "one.example",
        "two.example",
    ];
    let (mut text, mut scenario) = (String::new(), Scenario::new(1));
    for (n, (host, rtt)) in hosts.iter().zip(rtts).enumerate() {
        let (region, address) = (["cn1", "cn2"][n % 2], ip(u8::try_from(n).unwrap()));
        let (service, url) = match n {
            0 | 1 => ("websocket", format!("wss://{host}/websocket")),
            _ => ("rest", format!("https://{host}/")),
        };
        text += &format!(
            "[[endpoint]]\nregion = \"{region}\"\nservice = \"{service}\"\nurl = \"{url}\"\n"
        );
        scenario = scenario
            .with_host(Host::new(host).with_address(address))
            .with_path(Path::new(address).with_rtt(Duration::from_millis(rtt)));
    }
    let lab = Lab::new(scenario).unwrap();
    let selector = selector(&lab, &text, Residency::mainland_pool());
    (lab, selector)
}

#[tokio::test(start_paused = true)]
async fn rest_follows_the_data_centre_of_the_open_websocket() {
    // The WebSocket is faster in China 2, REST in China 1.
    let (lab, selector) = pool([80, 40, 20, 60]);
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.endpoint().host(), "ws.two.example");
    assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    // Then the answer is known, though the other one is faster.
    let dials = lab.dials();
    for _ in 0..3 {
        assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    }
    assert_eq!(lab.dials(), dials);
    lab.set_fault(ip(1), Fault::Refuse).unwrap();
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.endpoint().host(), "ws.one.example");
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
}

#[tokio::test(start_paused = true)]
async fn failures_that_the_app_reports_count() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    let first = selector.base_url().await.unwrap();
    assert_eq!(first, "https://one.example");
    // The answer is known: nobody is asked again.
    let dials = lab.dials();
    selector.rest_failed("https://elsewhere.example/users");
    assert_eq!(selector.base_url().await.unwrap(), first);
    assert_eq!(lab.dials(), dials);
    selector.rest_failed(&format!("{first}/users"));
    assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    assert!(lab.dials() > dials);
    // It is tried last for a while, and first again later.
    assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    let later = selector.base_url().await.unwrap();
    assert_eq!(later, first);
}

/// REST and WebSocket of a user's own servers, which are one host each.
#[tokio::test(start_paused = true)]
async fn a_server_that_fails_rest_is_no_best_websocket() {
    let (mut text, mut scenario) = ("[[region]]\nid = \"own\"\n".to_owned(), Scenario::new(1));
    for (n, rtt) in [(0, 20), (1, 60)] {
        let host = format!("h{n}.example");
        for (service, scheme) in [("websocket", "wss"), ("rest", "https")] {
            text += &format!(
                "[[endpoint]]\nregion = \"own\"\nservice = \"{service}\"\nurl = \"{scheme}://{host}/\"\n"
            );
        }
        scenario = scenario
            .with_host(Host::new(&host).with_address(ip(n)))
            .with_path(Path::new(ip(n)).with_rtt(Duration::from_millis(rtt)));
    }
    let lab = Lab::new(scenario).unwrap();
    let selector = selector(&lab, &text, Region::new("own").unwrap());
    let best = || selector.best().unwrap().host().to_owned();
    lab.set_fault(ip(0), Fault::Refuse).unwrap();
    selector.connect().await.unwrap();
    assert_eq!(best(), "h1.example");
    lab.set_fault(ip(0), Fault::None).unwrap();
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_secs(600)).await;
        selector.connect().await.unwrap();
    }
    assert_eq!(best(), "h0.example");
    assert_eq!(selector.base_url().await.unwrap(), "https://h0.example");
    for _ in 0..5 {
        selector.rest_failed("https://h0.example/users");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let _ = selector.base_url().await.unwrap();
    }
    assert_eq!(best(), "h1.example");
}

#[tokio::test(start_paused = true)]
async fn many_calls_at_once_are_one_race() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    let calls = (0..20).map(|_| selector.base_url());
    for url in futures::future::join_all(calls).await {
        assert_eq!(url.unwrap(), "https://one.example");
    }
    assert!(lab.dials() <= 4, "{}", lab.dials());
    // Ten requests that fail together are one failure.
    for _ in 0..10 {
        selector.rest_failed("https://one.example/users");
    }
    assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    tokio::time::sleep(Duration::from_secs(21 * 60)).await;
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
}

#[tokio::test(start_paused = true)]
async fn races_for_rest_are_no_connections() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.connect().await.unwrap();
    selector.base_url().await.unwrap();
    selector.connect().await.unwrap();
    let stats = selector.stats();
    assert_eq!((stats.opened, stats.failed), (2, 0));
    assert_eq!(stats.dials + stats.background_dials, lab.dials());
    assert_eq!(stats.time_to_open.unwrap().count, 2);
}

#[tokio::test(start_paused = true)]
async fn another_network_asks_again() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
    lab.set_fault(ip(2), Fault::BlackHole).unwrap();
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
    selector.network_changed(Some("office"));
    assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
}
