//! REST beside the WebSocket, in the simulated network and paused time: which host is called.

#![cfg(feature = "rest")]

use std::net::IpAddr;
use std::time::Duration;

use std::pin::pin;

use easelect::{
    Catalog, CatalogFormat, Connection, ErrorKind, Region, Residency, RestErrorKind, RestOptions,
    Selector, SelectorEvent, Service, Standing,
};
use easelect_lab::{EventKind, Fault, Host, Lab, Path, Scenario};
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

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
        .rest(RestOptions::new().through_connector())
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
    // The winner is reused although another one is now faster.
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
    // The winner is known, so there is no race.
    let dials = lab.dials();
    selector.rest_failed("https://elsewhere.example/users");
    assert_eq!(selector.base_url().await.unwrap(), first);
    assert_eq!(lab.dials(), dials);
    selector.rest_failed(&format!("{first}/users"));
    assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    assert!(lab.dials() > dials);
    // It is tried last for a while, later first again.
    assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    let later = selector.base_url().await.unwrap();
    assert_eq!(later, first);
}

/// REST and WebSocket of a user's own servers, on one host each.
fn shared_hosts(rtts: [u64; 2]) -> (Lab, Selector) {
    let (mut text, mut scenario) = ("[[region]]\nid = \"own\"\n".to_owned(), Scenario::new(1));
    for (n, rtt) in [(0, rtts[0]), (1, rtts[1])] {
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
    (lab, selector)
}

/// Outcomes of REST requests don't affect the WebSocket.
#[tokio::test(start_paused = true)]
async fn rest_that_fails_closes_no_websocket() {
    let (lab, selector) = shared_hosts([20, 60]);
    selector.connect().await.unwrap();
    let mut events = selector.events();
    assert_eq!(selector.base_url().await.unwrap(), "https://h0.example");
    for _ in 0..5 {
        selector.rest_failed("https://h0.example/users");
        assert_eq!(selector.base_url().await.unwrap(), "https://h1.example");
        assert_eq!(selector.best().unwrap().host(), "h0.example");
        let explained = selector.explain();
        let first = &explained.candidates[0];
        assert_eq!(first.endpoint.host(), "h0.example");
        let broken = |one: &easelect::Expectation| one.standing == Standing::BreakerOpen;
        assert!(!explained.candidates.iter().any(broken), "{explained}");
        let connection = selector.connect().await.unwrap();
        assert_eq!(connection.endpoint().host(), "h0.example");
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    drop((selector, lab));
    let told: Vec<SelectorEvent> = events.by_ref().collect().await;
    let of_websocket = told.iter().filter(|one| {
        matches!(one, SelectorEvent::BreakerOpened { endpoint, .. } if endpoint.service().is_websocket())
    });
    assert_eq!(of_websocket.count(), 0, "{told:?}");
}

/// A failure of an address before TLS concerns every service.
#[tokio::test(start_paused = true)]
async fn an_address_that_refuses_refuses_both_services() {
    let (lab, selector) = shared_hosts([20, 60]);
    selector.connect().await.unwrap();
    lab.set_fault(ip(0), Fault::Refuse).unwrap();
    assert_eq!(selector.base_url().await.unwrap(), "https://h1.example");
    assert_eq!(selector.best(), None, "h1 never opened a WebSocket");
    let explained = selector.explain();
    let mut h0 = explained.candidates.iter();
    let h0 = h0.find(|one| one.endpoint.host() == "h0.example").unwrap();
    assert_eq!(h0.standing, Standing::BreakerOpen);
    let connection = selector.connect().await.unwrap();
    assert_eq!(connection.endpoint().host(), "h1.example");
    assert_eq!(
        connection.attempts().len(),
        1,
        "the other one is known to refuse"
    );
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

/// 20 callers share a race that fails: all fail when the time of the first one is up.
#[tokio::test(start_paused = true)]
async fn whoever_asks_shares_the_failure_too() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    for address in [2, 3] {
        lab.set_fault(ip(address), Fault::BlackHole).unwrap();
    }
    let began = Instant::now();
    let calls = (0..20).map(|_| selector.base_url());
    for url in futures::future::join_all(calls).await {
        assert!(url.unwrap_err().is_timeout());
    }
    assert_eq!(began.elapsed().as_secs(), 15);
    let dials = lab.dials();
    assert!(dials <= 16, "{dials}");
}

/// A caller that started the race and is neither polled nor dropped.
#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_holds_up_nobody() {
    let (_lab, selector) = pool([40, 40, 20, 60]);
    let mut asleep = pin!(selector.base_url());
    assert!(asleep.as_mut().now_or_never().is_none());
    let mut dropped = Box::pin(selector.base_url());
    assert!(dropped.as_mut().now_or_never().is_none());
    drop(dropped);
    let began = Instant::now();
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(asleep.now_or_never().unwrap().is_ok());
}

#[test]
fn a_caller_on_another_runtime_holds_up_nobody() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let (here, elsewhere, gone) = (runtime(), runtime(), runtime());
    let (_lab, selector) = pool([40, 40, 20, 60]);
    // Started on a runtime that is no longer polled, and on one that ended.
    let mut begun = Box::pin(selector.base_url());
    assert!(
        elsewhere
            .block_on(async { begun.as_mut().now_or_never() })
            .is_none()
    );
    let mut ended = Box::pin(selector.base_url());
    assert!(
        gone.block_on(async { ended.as_mut().now_or_never() })
            .is_none()
    );
    drop(gone);
    let url = here.block_on(async {
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, selector.base_url()).await
    });
    assert_eq!(url.unwrap().unwrap(), "https://one.example");
    assert!(
        here.block_on(ended).is_ok(),
        "it goes on where it is polled"
    );
}

fn requests(lab: &Lab, address: u8) -> Vec<(String, String)> {
    let events = lab.events().into_iter();
    let there = events.filter(|event| event.address.is_some_and(|at| at.ip() == ip(address)));
    let requested = there.filter_map(|event| match event.kind {
        EventKind::Requested { method, path } if path != "/" => Some((method, path)),
        _ => None,
    });
    requested.collect()
}

/// A path that returns this status from now on.
fn answering(address: u8, status: u16) -> Path {
    Path::new(ip(address))
        .with_rtt(Duration::from_millis(20))
        .with_status(status)
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_be_repeated_is_once_elsewhere() {
    for (method, repeated) in [
        ("GET", true),
        ("PUT", true),
        ("DELETE", true),
        ("POST", false),
        ("PATCH", false),
    ] {
        let (lab, selector) = pool([40, 40, 20, 60]);
        selector.base_url().await.unwrap();
        lab.set_path(answering(2, 503)).unwrap();
        let rest = selector.rest().unwrap();
        let answer = rest
            .request(method.parse().unwrap(), "/users")
            .send()
            .await
            .unwrap();
        let expected = if repeated { 404 } else { 503 };
        assert_eq!(answer.status(), expected, "{method}");
        assert_eq!(requests(&lab, 2).len(), 1, "{method}");
        assert_eq!(requests(&lab, 3).len(), usize::from(repeated), "{method}");
        // The next request doesn't go there first.
        let answer = rest.post("/users").send().await.unwrap();
        assert_eq!(answer.endpoint().host(), "two.example", "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_may_be_sent_elsewhere_whatever_it_is() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.base_url().await.unwrap();
    lab.set_fault(ip(2), Fault::Refuse).unwrap();
    let rest = selector.rest().unwrap();
    let answer = rest.post("/messages").body("hello").send().await.unwrap();
    assert_eq!(answer.endpoint().host(), "two.example");
    assert_eq!((requests(&lab, 2).len(), requests(&lab, 3).len()), (0, 1));
    // A request that may have arrived is not repeated.
    lab.set_fault(ip(3), Fault::SilentHttp).unwrap();
    lab.set_fault(ip(2), Fault::None).unwrap();
    let lost = rest
        .post("https://two.example/messages")
        .timeout(Duration::from_secs(8))
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        (lost.kind(), lost.was_sent()),
        (RestErrorKind::TimedOut, true)
    );
    assert_eq!((requests(&lab, 2).len(), requests(&lab, 3).len()), (0, 2));
    // Both are dead.
    for address in [2, 3] {
        lab.set_fault(ip(address), Fault::Refuse).unwrap();
    }
    let lost = rest.get("/users").send().await.unwrap_err();
    assert_eq!(
        (lost.kind(), lost.was_sent()),
        (RestErrorKind::Unreachable, false)
    );
    assert!(lost.connect_error().is_some());
}

#[tokio::test(start_paused = true)]
async fn who_asks_to_be_left_alone_is() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.base_url().await.unwrap();
    let busy = |address| answering(address, 503).with_retry_after(Duration::from_secs(1800));
    lab.set_path(busy(2)).unwrap();
    let rest = selector.rest().unwrap();
    assert_eq!(rest.get("/a").send().await.unwrap().status(), 404);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let answer = rest.get("/b").send().await.unwrap();
        assert_eq!(answer.endpoint().host(), "two.example");
    }
    assert_eq!(requests(&lab, 2).len(), 1);
    // If both do, the app gets the response, and neither is asked twice.
    lab.set_path(busy(3)).unwrap();
    let answer = rest.get("/c").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(1800)));
    assert_eq!((requests(&lab, 2).len(), requests(&lab, 3).len()), (1, 22));
}

/// 429 concerns the app, 500 the request.
#[tokio::test(start_paused = true)]
async fn what_says_nothing_of_the_endpoint_is_given_back() {
    for status in [400, 401, 403, 404, 429, 500, 501] {
        let (lab, selector) = pool([40, 40, 20, 60]);
        selector.base_url().await.unwrap();
        lab.set_path(answering(2, status)).unwrap();
        let rest = selector.rest().unwrap();
        for _ in 0..3 {
            assert_eq!(rest.get("/users").send().await.unwrap().status(), status);
        }
        assert_eq!((requests(&lab, 2).len(), requests(&lab, 3).len()), (3, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn redirections_inside_are_followed_as_browsers_do() {
    for (status, method, then) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ] {
        let (lab, selector) = pool([40, 40, 20, 60]);
        selector.base_url().await.unwrap();
        lab.set_path(answering(2, status).with_location("https://two.example/moved"))
            .unwrap();
        let rest = selector.rest().unwrap();
        let request = rest.request(method.parse().unwrap(), "/users").body("x");
        assert_eq!(request.send().await.unwrap().status(), 404);
        let moved = (then.to_owned(), "/moved".to_owned());
        assert_eq!(requests(&lab, 3), [moved], "{status}");
        // An endless redirect fails.
        lab.set_path(answering(3, 308).with_location("/again"))
            .unwrap();
        let lost = rest.get("/users").send().await.unwrap_err();
        assert_eq!(lost.kind(), RestErrorKind::Redirected);
        for elsewhere in [
            "http://two.example/",
            "https://other.example/",
            "//other.example",
            "https://44.128.0.3/",
        ] {
            lab.set_path(answering(2, 307).with_location(elsewhere))
                .unwrap();
            let lost = rest
                .post("https://one.example/users")
                .body("x")
                .send()
                .await
                .unwrap_err();
            assert_eq!(lost.kind(), RestErrorKind::Redirected, "{elsewhere}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_and_patience_are_bounded() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    let rest = selector.rest().unwrap();
    let began = Instant::now();
    let answer = rest.get("/users").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "{\"server\":\"lab\"}\n");
    lab.set_fault(ip(2), Fault::EndlessBody).unwrap();
    let answer = rest
        .get("/users")
        .timeout(Duration::from_secs(600))
        .send()
        .await
        .unwrap();
    let lost = answer.bytes().await.unwrap_err();
    assert_eq!(lost.kind(), RestErrorKind::TooLarge);
    lab.set_fault(ip(2), Fault::SlowLoris).unwrap();
    let lost = rest.get("/users").send().await.unwrap_err();
    assert_eq!(lost.kind(), RestErrorKind::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(700));
}

/// Knowledge of the old network isn't used on the new one, and failures during the move teach nothing.
#[tokio::test(start_paused = true)]
async fn a_request_under_way_during_a_move_teaches_nothing() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    let rest = selector.rest().unwrap();
    rest.get("/users").send().await.unwrap();
    lab.set_fault(ip(2), Fault::ResetAfterTls).unwrap();
    let request = rest.post("/users").send();
    let moves = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        selector.network_changed(Some("office"));
        selector.network_changed(Some("home"));
    };
    let (lost, ()) = tokio::join!(request, moves);
    lost.unwrap_err();
    lab.set_fault(ip(2), Fault::None).unwrap();
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
}

#[tokio::test(start_paused = true)]
async fn rest_alone_can_be_built_and_what_lacks_it_is_told_at_once() {
    let (lab, _) = pool([40, 40, 20, 60]);
    let text = |service: &str, url: &str| {
        format!(
            "[[region]]\nid = \"own\"\n[[endpoint]]\nregion = \"own\"\nservice = \"{service}\"\nurl = \"{url}\"\n"
        )
    };
    let builder = |text: &str| {
        let catalog = Catalog::builtin().with_file(text, CatalogFormat::Toml, "own.toml");
        Selector::builder(Region::new("own").unwrap())
            .catalog(catalog.unwrap())
            .dialer(lab.dialer().build().unwrap())
    };
    let rest = text("rest", "https://one.example/");
    let over_the_lab = || RestOptions::new().through_connector();
    let selector = builder(&rest).service(Service::Rest).rest(over_the_lab());
    let selector = selector.build().unwrap();
    let answer = selector.rest().unwrap().get("/users").send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let nothing: Result<Connection, _> = selector.connect().await;
    assert!(nothing.is_err());
    assert_eq!(selector.best(), None);
    let websocket = text("websocket", "wss://ws.one.example/websocket");
    let refused = builder(&websocket).rest(over_the_lab()).build();
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NoEndpoints);
    let without = builder(&websocket).build().unwrap();
    assert_eq!(without.rest().unwrap_err().kind(), ErrorKind::NoEndpoints);
    assert!(builder(&websocket).service(Service::Rest).build().is_err());
    // A custom connector is used only if enabled, and never bypassed.
    let refused = builder(&rest)
        .service(Service::Rest)
        .rest(RestOptions::new());
    assert_eq!(refused.build().unwrap_err().kind(), ErrorKind::Input);
    let silent = builder(&rest).service(Service::Rest).build().unwrap();
    assert_eq!(silent.rest().unwrap_err().kind(), ErrorKind::Input);
}

#[tokio::test(start_paused = true)]
async fn requests_are_told_and_counted() {
    let (_lab, selector) = pool([40, 40, 20, 60]);
    let mut events = selector.events();
    let rest = selector.rest().unwrap();
    for _ in 0..3 {
        rest.get("/users").send().await.unwrap();
    }
    let stats = selector.stats();
    assert_eq!((stats.requests, stats.requests_failed), (3, 0));
    assert_eq!(stats.time_to_answer.unwrap().count, 3);
    drop((rest, selector));
    let told: Vec<SelectorEvent> = events.by_ref().collect().await;
    let requested = |one: &&SelectorEvent| {
        matches!(
            one,
            SelectorEvent::Requested {
                status: Some(404),
                ..
            }
        )
    };
    assert_eq!(told.iter().filter(requested).count(), 3);
}

/// A server at a forged address has no certificate for the name.
#[tokio::test(start_paused = true)]
async fn dns_that_points_elsewhere_gets_no_request() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    for (n, name) in [(2, "one.example"), (3, "two.example")] {
        lab.set_addresses(name, &[ip(100)]).unwrap();
        lab.set_fault(ip(n), Fault::Refuse).unwrap();
    }
    lab.set_path(Path::new(ip(100)).with_fault(Fault::WrongHost))
        .unwrap();
    let rest = selector.rest().unwrap();
    let request = rest.post("https://one.example/users").bearer_auth("token");
    let lost = request.send().await.unwrap_err();
    assert_eq!(
        (lost.kind(), lost.was_sent()),
        (RestErrorKind::Unreachable, false)
    );
    assert_eq!(requests(&lab, 100), []);
}

/// The server that redirected has seen the request and may have acted on it.
#[tokio::test(start_paused = true)]
async fn what_was_redirected_was_sent() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.base_url().await.unwrap();
    let there = "https://two.example/moved";
    lab.set_path(answering(2, 303).with_location(there))
        .unwrap();
    lab.set_fault(ip(3), Fault::Refuse).unwrap();
    let rest = selector.rest().unwrap();
    let lost = rest.post("/messages").body("hello").send().await;
    let lost = lost.unwrap_err();
    assert!(lost.was_sent(), "{lost}");
    assert_eq!(requests(&lab, 2).len(), 1);
}

/// The latest winner counts, not the former one.
#[tokio::test(start_paused = true)]
async fn who_won_the_last_race_is_the_answer() {
    for fault in [Fault::BlackHole, Fault::SilentTls, Fault::SilentHttp] {
        let (lab, selector) = shared_hosts([20, 60]);
        assert_eq!(selector.base_url().await.unwrap(), "https://h0.example");
        lab.set_fault(ip(0), fault).unwrap();
        tokio::time::sleep(Duration::from_secs(601)).await;
        for _ in 0..10 {
            let url = selector.base_url().await.unwrap();
            assert_eq!(url, "https://h1.example", "{fault:?}");
            tokio::time::sleep(Duration::from_secs(50)).await;
        }
    }
}

/// Every status is a response, even if all endpoints return 503, and there is no race meanwhile.
#[tokio::test(start_paused = true)]
async fn an_overload_of_all_is_the_app_s_to_see() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.base_url().await.unwrap();
    for n in [2, 3] {
        let busy = answering(n, 503).with_retry_after(Duration::from_secs(60));
        lab.set_path(busy).unwrap();
    }
    let rest = selector.rest().unwrap();
    for round in 0..4 {
        let answer = rest.post("/messages").send().await.unwrap();
        assert_eq!(answer.status(), 503, "{round}");
        assert_eq!(answer.retry_after(), Some(Duration::from_secs(60)));
    }
}

/// Ten failures at once count as one, and `Retry-After` is respected.
#[tokio::test(start_paused = true)]
async fn a_burst_of_refusals_is_no_ban_for_a_day() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.base_url().await.unwrap();
    let busy = answering(2, 503).with_retry_after(Duration::from_secs(1));
    lab.set_path(busy).unwrap();
    let rest = selector.rest().unwrap();
    let burst = (0..10).map(|_| rest.post("https://one.example/x").send());
    for answer in futures::future::join_all(burst).await {
        assert_eq!(answer.unwrap().status(), 503);
    }
    lab.set_path(
        Path::new(ip(2))
            .with_rtt(Duration::from_millis(20))
            .with_fault(Fault::None)
            .with_status(200),
    )
    .unwrap();
    tokio::time::sleep(Duration::from_secs(21 * 60)).await;
    assert_eq!(selector.base_url().await.unwrap(), "https://one.example");
}

/// A TLS handshake says nothing about the service: an endpoint that sent `Retry-After` stays avoided.
#[tokio::test(start_paused = true)]
async fn a_connection_alone_is_no_recovery() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.base_url().await.unwrap();
    lab.set_path(answering(2, 503)).unwrap();
    let rest = selector.rest().unwrap();
    for _ in 0..3 {
        rest.get("https://one.example/x").send().await.unwrap();
        assert_eq!(selector.base_url().await.unwrap(), "https://two.example");
    }
}

/// A variant that is silent before anything was sent costs one deadline, not the request.
#[tokio::test(start_paused = true)]
async fn a_variant_that_is_silent_is_tried_elsewhere() {
    let (lab, selector) = pool([40, 40, 20, 60]);
    selector.base_url().await.unwrap();
    lab.set_fault(ip(2), Fault::SilentTls).unwrap();
    let rest = selector.rest().unwrap();
    let answer = rest.post("/messages").send().await.unwrap();
    assert_eq!(answer.endpoint().host(), "two.example");
}
