//! A minimal app that embeds easelect. With an argument, it connects to that port on this machine instead.

use std::net::Ipv4Addr;

use easelect::{Catalog, Dialer, Endpoint, PinnedHost, Region, Selector, Service};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let selector = match std::env::args().nth(1) {
        None => Selector::builder(Region::CN1).build()?,
        Some(port) => {
            let url = format!("wss://localhost:{port}/websocket");
            let own = Endpoint::new(Region::CN_VIP, Service::Websocket, &url)?;
            Selector::builder(Region::CN_VIP)
                .catalog(Catalog::builtin().with_endpoint(own)?)
                .dialer(at_home(port.parse()?)?)
                .build()?
        }
    };
    let connection = selector.connect().await?;
    println!("{} in {:?}", connection.url(), connection.time_to_open());
    drop(connection.into_websocket());
    Ok(())
}

/// Resolves `localhost` to this machine.
fn at_home(port: u16) -> Result<Dialer, easelect::Error> {
    let pin = PinnedHost::new("localhost", port, vec![Ipv4Addr::LOCALHOST.into()]);
    Dialer::builder().pin(pin).build()
}
