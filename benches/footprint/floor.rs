//! The same app without easelect: it connects to one fixed host.

use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (host, port) = match std::env::args().nth(1) {
        None => ("im-api-v2.easemob.com", 443),
        Some(port) => ("localhost", port.parse()?),
    };
    let address = if host == "localhost" { "127.0.0.1" } else { host };
    let stream = tokio::net::TcpStream::connect((address, port)).await?;
    stream.set_nodelay(true)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from(host)?, stream).await?;
    let url = format!("wss://{host}:{port}/websocket");
    let (websocket, _) = tokio_tungstenite::client_async(url, stream).await?;
    drop(websocket);
    Ok(())
}
