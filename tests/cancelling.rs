//! A call dropped at any moment stops everything it started: nothing stays open, no task continues.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Context;
use std::time::Duration;

use easelect::{Catalog, CatalogFormat, ConnectOptions, Region, Selector, ServerHint};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;
use futures::task::noop_waker_ref;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::sleep;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Three hosts with a WebSocket and REST each: one silent, one refusing, one working. Their DNS
/// answers take a while.
fn world() -> (Lab, Selector) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for (n, fault) in [(0, Fault::BlackHole), (1, Fault::Refuse), (2, Fault::None)] {
        let (name, address) = (format!("h{n}.example"), IpAddr::from([44, 128, 0, n]));
        for (service, url) in [("websocket", "wss"), ("rest", "https")] {
            text += &format!(
                "[[endpoint]]\nregion = \"own\"\nservice = {service:?}\nurl = \"{url}://{name}/\"\n"
            );
        }
        let host = Host::new(&name).with_address(address).with_dns_delay(ms(5));
        let path = Path::new(address).with_rtt(ms(20)).with_fault(fault);
        scenario = scenario.with_host(host).with_path(path);
    }
    let lab = Lab::new(scenario).unwrap();
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    let selector = Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .seed(1)
        .build()
        .unwrap();
    // The delay is at most 1.6 × clients/rate: 16 ms before the first reconnect.
    let hint = ServerHint {
        clients: 1.0,
        rate: 100.0,
    };
    selector.set_server_hint(Some(hint)).unwrap();
    (lab, selector)
}

/// Checks that nothing is open, and that no task is left once the servers have noticed.
async fn assert_quiet(lab: &Lab, when: &str) {
    // Aborted background tasks get their last poll.
    yield_now().await;
    assert_eq!(lab.open(), 0, "{when}");
    let dials = lab.dials();
    sleep(Duration::from_secs(60)).await;
    assert_eq!((lab.open(), lab.serving()), (0, 0), "{when}");
    assert_eq!(lab.dials(), dials, "{when}: went on");
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "{when}");
}

/// Polls `future` this many times, with other tasks running in between. Returns whether it is still
/// pending.
async fn pending_after(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        let mut context = Context::from_waker(noop_waker_ref());
        if future.as_mut().poll(&mut context).is_ready() {
            return false;
        }
        sleep(ms(1)).await;
    }
    true
}

/// Starts `call` repeatedly and drops it, one poll later each time, until it completes; then again
/// together with the selector. All waits in it are whole milliseconds.
async fn drop_at_every_poll<T>(call: impl AsyncFn(&Selector) -> T) {
    for polls in 0.. {
        let (lab, selector) = world();
        let pending = pending_after(call(&selector), polls).await;
        if pending {
            assert_quiet(&lab, &format!("dropped after {polls} polls")).await;
        }
        let (lab, selector) = world();
        let call = &call;
        pending_after(async move { call(&selector).await }, polls).await;
        assert_quiet(&lab, &format!("dropped after {polls} polls, all of it")).await;
        if !pending {
            assert!(polls > 5, "it took {polls} polls only");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connect_stops_what_it_started() {
    drop_at_every_poll(async |selector| drop(selector.connect().await.unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn reconnect_stops_its_waiting_and_what_it_started() {
    drop_at_every_poll(async |selector| {
        let mut reconnector = selector.reconnector();
        for _ in 0..2 {
            drop(reconnector.connect(&ConnectOptions::new()).await);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn candidates_stops_its_look_ups() {
    drop_at_every_poll(async |selector| {
        let mut candidates = selector.candidates();
        while let Some(candidate) = candidates.next().await {
            candidate.unwrap();
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn base_url_stops_what_it_started() {
    drop_at_every_poll(async |selector| drop(selector.base_url().await.unwrap())).await;
}
