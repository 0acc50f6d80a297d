//! A minimal app that also uses REST.

use easelect::{Region, Selector};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let selector = Selector::builder(Region::CN1).build()?;
    let connection = selector.connect().await?;
    let users = selector.rest()?.get("/my-org/my-app/users");
    println!("{}", users.send().await?.text().await?);
    drop(connection.into_websocket());
    Ok(())
}
