//! Opening a WebSocket through a `Selector`, beside a bare loop of tokio, tokio-rustls and
//! tungstenite against the same server on loopback. The ratio of the two is what counts.

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use easelect::{Catalog, CatalogFormat, Pin, Region, Selector, TlsClient};
use rustls::pki_types::ServerName;
use support::{Behaviour, Server};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

async fn bare(server: &Server, tls: &TlsConnector) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tls.connect(name, stream).await.unwrap();
    let url = format!("wss://localhost:{}/ws", server.address.port());
    let (websocket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    drop(websocket);
}

fn selector(server: &Server, tls: TlsClient) -> Selector {
    let port = server.address.port();
    let user = format!(
        "[[region]]\nid = \"own\"\n[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
         url = \"wss://localhost:{port}/ws\"\n"
    );
    let catalog = Catalog::builtin()
        .with_file(&user, CatalogFormat::Toml, "own.toml")
        .unwrap();
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog)
        .pin(Pin::new("localhost", port, vec![server.address.ip()]))
        .tls(tls)
        .build()
        .unwrap()
}

fn open(criterion: &mut Criterion) {
    // The server on one thread, the client on another, as on two machines.
    let remote = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = remote.block_on(async {
        let start = Server::start(Behaviour::default());
        tokio::spawn(start).await.unwrap()
    });
    let local = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut group = criterion.benchmark_group("open_websocket_resumed");
    let tls = TlsClient::with_roots([server.root.clone()]).unwrap();
    let connector = TlsConnector::from(Arc::clone(tls.config()));
    group.bench_function("bare", |bencher| {
        bencher.iter(|| local.block_on(bare(&server, &connector)));
    });
    let selector = selector(&server, tls);
    group.bench_function("easelect", |bencher| {
        bencher.iter(|| local.block_on(async { drop(selector.connect().await.unwrap()) }));
    });
    group.finish();
    assert!(server.accepted() > 1);
    // What the race leaves behind would make every later sample slower.
    remote.block_on(server.idle());
}

criterion_group!(benches, open);
criterion_main!(benches);
