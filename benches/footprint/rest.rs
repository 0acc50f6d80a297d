//! What an app writes that uses REST, too.

use easelect::{Region, Selector};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let selector = Selector::builder(Region::CN1).build()?;
    let connection = selector.connect().await?;
    let client = selector.http_client()?;
    let base = selector.base_url().await?;
    let users = client.get(format!("{base}/my-org/my-app/users"));
    println!("{}", users.send().await?.text().await?);
    drop(connection.into_websocket());
    Ok(())
}
