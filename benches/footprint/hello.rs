//! What an app writes to embed easelect. With an argument, the port of a server on this machine
//! takes the place of the real ones.

use std::net::Ipv4Addr;

use easelect::{Dialer, Catalog, Endpoint, PinnedHost, Region, Selector, Service};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let selector = match std::env::args().nth(1) {
        None => Selector::builder(Region::CN1).build()?,
        Some(port) => {
            let url = format!("wss://localhost:{port}/websocket");
            let own = Endpoint::new(Region::CN_VIP, Service::Websocket, &url)?;
            Selector::builder(Region::CN_VIP)
                .catalog(Catalog::builtin().with_endpoint(own)?)
.dialer(Dialer::builder().pin(PinnedHost::new("localhost", port.parse()?, vec![Ipv4Addr::LOCALHOST.into()])).build().unwrap())
                .build()?
        }
    };
    let connection = selector.connect().await?;
    println!("{} in {:?}", connection.url(), connection.time_to_open());
    drop(connection.into_websocket());
    Ok(())
}
