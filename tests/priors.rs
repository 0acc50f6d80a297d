//! Priors from others' measurements on networks where nothing has opened yet. In the simulated
//! network and paused time.

use std::net::IpAddr;
use std::time::Duration;

use easelect::{
    Catalog, CatalogFormat, Connection, DialOutcome, Error, ErrorKind, Policy, Priors, Region,
    Selector, SelectorBuilder,
};
use easelect_lab::{Host, Lab, Path, Scenario};
use futures::StreamExt;

/// Round trips in ms of four hosts; h0.example is the farthest.
const RTTS: [u64; 4] = [160, 120, 80, 40];

/// True for "near"; "far" has them in reverse order.
const FILE: &str = r#"{"schema": 1, "classes": {
    "near": {
        "h0.example": {"ms": 160, "sd": 0.2}, "h1.example": {"ms": 120, "sd": 0.2},
        "h2.example": {"ms": 80, "sd": 0.2}, "h3.example": {"ms": 40, "sd": 0.2},
        "elsewhere.example": {"ms": 1, "sd": 0.2}
    },
    "far": {
        "h0.example": {"ms": 40, "sd": 0.2}, "h1.example": {"ms": 80, "sd": 0.2},
        "h2.example": {"ms": 120, "sd": 0.2}, "h3.example": {"ms": 160, "sd": 0.2}
    },
    "others": {"elsewhere.example": {"ms": 1, "sd": 0.2}}
}}"#;

fn builder(seed: u64) -> (Lab, SelectorBuilder) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for (n, rtt) in (0_u8..).zip(RTTS) {
        let address = IpAddr::from([44, 128, 0, n]);
        let host = Host::new(&format!("h{n}.example"))
            .with_address(address)
            .with_dns_delay(Duration::from_millis(20));
        let path = Path::new(address).with_rtt(Duration::from_millis(rtt));
        scenario = scenario.with_host(host).with_path(path);
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{n}.example/websocket\"\n"
        );
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    let lab = Lab::new(scenario).unwrap();
    let builder = Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .priors(Priors::from_json(FILE).unwrap())
        .policy(Policy::Conservative)
        .seed(seed);
    (lab, builder)
}

/// Which hosts were dialled, in order.
fn dialled(connection: &Connection) -> Vec<String> {
    let attempts = connection.attempts().iter();
    attempts.map(|one| one.endpoint.host().to_owned()).collect()
}

async fn first(selector: &Selector) -> String {
    dialled(&selector.connect().await.unwrap()).remove(0)
}

#[tokio::test(start_paused = true)]
async fn the_first_dial_goes_to_the_host_that_is_said_to_be_nearest() {
    for seed in 0..8 {
        let (_lab, builder) = builder(seed);
        let near = builder.clone().network_class("near").build().unwrap();
        assert_eq!(first(&near).await, "h3.example");
        let far = builder.network_class("far").build().unwrap();
        assert_eq!(first(&far).await, "h0.example");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_class_that_is_not_known_nothing_is_assumed() {
    for seed in 0..8 {
        let (_lab, builder) = builder(seed);
        let plain = builder.clone().priors(Priors::default()).build().unwrap();
        let plain = first(&plain).await;
        for class in ["", "Near", "others"] {
            let selector = builder.clone().network_class(class).build().unwrap();
            assert_eq!(first(&selector).await, plain, "{class}");
        }
        assert_eq!(first(&builder.build().unwrap()).await, plain);
    }
}

#[tokio::test(start_paused = true)]
async fn the_class_is_the_present_network_s() {
    let (_lab, builder) = builder(1);
    let selector = builder.clone().network_class("near").build().unwrap();
    selector.network_changed_to(Some("office"), Some("far"));
    assert_eq!(first(&selector).await, "h0.example");
    // A move without a class uses no prior: each of 40 networks starts with any host.
    let mut begun_with = std::collections::BTreeSet::new();
    for n in 0..40 {
        let selector = builder
            .clone()
            .seed(n)
            .network_class("near")
            .build()
            .unwrap();
        selector.network_changed(Some("office"));
        begun_with.insert(first(&selector).await);
    }
    assert_eq!(begun_with.len(), 4, "{begun_with:?}");
    // Naming the same network again is not a change. The class may follow later.
    let selector = builder.clone().network_class("near").build().unwrap();
    selector.network_changed(Some("home"));
    assert_eq!(first(&selector).await, "h3.example");
    let selector = builder.build().unwrap();
    selector.network_changed_to(Some("home"), Some("far"));
    assert_eq!(first(&selector).await, "h0.example");
}

/// Three connections with a wrong file, then the best host.
#[tokio::test(start_paused = true)]
async fn a_wrong_class_is_outweighed() {
    for seed in 0..8 {
        let (_lab, builder) = builder(seed);
        let selector = builder.policy(Policy::Fast).network_class("far");
        let selector = selector.build().unwrap();
        for _ in 0..3 {
            selector.connect().await.unwrap();
        }
        let fourth = selector.connect().await.unwrap();
        assert_eq!(fourth.endpoint().host(), "h3.example");
        assert_eq!(fourth.time_to_open(), Duration::from_millis(120));
    }
}

/// A dial at each host while names are looked up.
#[tokio::test(start_paused = true)]
async fn what_opened_on_another_network_is_dialled_at_once() {
    let mut scenario = Scenario::new(1);
    for (n, name) in [(1, "im-api-v2.easemob.com"), (2, "im-api-v2.easecdn.com")] {
        let address = IpAddr::from([44, 128, 0, n]);
        let host = Host::new(name).with_address(address);
        scenario = scenario
            .with_host(host.with_dns_delay(Duration::from_millis(20)))
            .with_path(Path::new(address).with_rtt(Duration::from_millis(30 * u64::from(n))));
    }
    let lab = Lab::new(scenario).unwrap();
    let selector = Selector::builder(Region::CN1)
        .dialer(lab.dialer().build().unwrap())
        .network("home")
        .build()
        .unwrap();
    let mut candidates = selector.candidates();
    while let Some(Ok(one)) = candidates.next().await {
        selector.report(&one, DialOutcome::Opened, Duration::from_millis(90));
    }
    drop(candidates);
    selector.network_changed(Some("office"));
    let connection = selector.connect().await.unwrap();
    let started = connection.attempts().iter().map(|one| one.started);
    assert_eq!(started.collect::<Vec<_>>(), [Duration::ZERO; 2]);
    assert_eq!(connection.time_to_open(), Duration::from_millis(90));
}

#[test]
fn what_is_wrong_with_a_file_is_input() {
    let error = Error::from(Priors::from_json("{").unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.is_input() && error.to_string().starts_with("priors: "));
}
