use std::time::Duration;

use easelect::{Catalog, CatalogFormat, Error, Region, RestOptions, Selector};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};

/// A catalogue file with two hosts of the app's own.
pub const OWN: &str = r#"
[[region]]
id = "own"

[[endpoint]]
region = "own"
service = "websocket"
url = "wss://a.example/websocket"

[[endpoint]]
region = "own"
service = "websocket"
url = "wss://b.example/websocket"

[[endpoint]]
region = "own"
service = "rest"
url = "https://a.example/"
"#;

/// Two hosts of the app's own, 40 and 60 ms away, in a network without sockets.
pub fn two_hosts() -> Result<(Lab, Selector), Error> {
    let mut scenario = Scenario::new(1);
    for (host, address, ms) in [
        ("a.example", [44, 0, 0, 1], 40),
        ("b.example", [44, 0, 0, 2], 60),
    ] {
        let path = Path::new(address.into()).with_rtt(Duration::from_millis(ms));
        scenario = scenario.with_host(Host::new(host).with_address(address.into()));
        scenario = scenario.with_path(path);
    }
    let lab = Lab::new(scenario)?;
    let selector = Selector::builder(Region::new("own")?)
        .catalog(Catalog::builtin().with_file(OWN, CatalogFormat::Toml, "own.toml")?)
        .dialer(lab.dialer().build()?)
        .rest(RestOptions::new().through_connector())
        .build()?;
    Ok((lab, selector))
}

/// In tokio's paused time (`#[tokio::test(start_paused = true)]`), hours take milliseconds.
pub async fn a_dead_host_costs_no_second() -> Result<(), Box<dyn std::error::Error>> {
    let (lab, selector) = two_hosts()?;
    let connection = selector.connect().await?;
    assert_eq!(connection.endpoint().host(), "a.example");
    lab.set_fault([44, 0, 0, 1].into(), Fault::BlackHole)?;
    let connection = selector.connect().await?;
    assert_eq!(connection.endpoint().host(), "b.example");
    assert!(connection.time_to_open() < Duration::from_secs(1));
    Ok(())
}
