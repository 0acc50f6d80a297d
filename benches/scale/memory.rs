//! The memory of a probe in flight, compared with a bare tokio-rustls and tungstenite stream at the same
//! stage: how much many of them add to a separate process.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use easelect::{
    ByteStream, Connect, Dialer, Endpoint, PinnedHost, Prober, Probing, Region, Rounds, Service,
};
use easelect::{TcpConnect, TlsClient};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::future::BoxFuture;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use tokio_rustls::TlsConnector;

use crate::measure::figures::Figures;
use crate::measure::is_short;
use crate::measure::remote::Remote;

/// Makes the bench hold streams open.
const HOLD: &str = "--hold";

/// The most that one `Prober` has in flight.
const EACH: usize = 64;

/// Longer than the bench takes.
const HOUR: Duration = Duration::from_secs(60 * 60);

pub(crate) fn per_probe(figures: &mut Figures) {
    let counts: &[usize] = match is_short() {
        true => &[1_000],
        false => &[1_000, 10_000],
    };
    for &count in counts {
        let lab = |side| held(side, "lab", count);
        let wire = lab("wire");
        compare(
            figures,
            "lab_tls",
            count,
            lab("bare") - wire,
            lab("ours") - wire,
        );
        if !has_files_for(count) {
            println!("scale: no file descriptors for {count} connections");
            continue;
        }
        for (stage, tls, answer) in [
            ("tls", HOUR, Duration::ZERO),
            ("upgrade", Duration::ZERO, HOUR),
        ] {
            let weigh = |side| {
                let server = Remote::start(tls, answer);
                let place = format!("{} {}", server.address, BASE64.encode(&server.root));
                held(side, &place, count)
            };
            compare(figures, stage, count, weigh("bare"), weigh("ours"));
        }
    }
}

fn compare(figures: &mut Figures, stage: &str, count: usize, bare: f64, ours: f64) {
    figures.tell(
        &format!("memory/{stage}/{count}/bare"),
        bare / 1e3,
        "kB per stream",
    );
    figures.tell(
        &format!("memory/{stage}/{count}/probe"),
        ours / 1e3,
        "kB per probe",
    );
    figures.limit(
        &format!("memory/{stage}/{count}"),
        ours / bare,
        "ratio",
        1.1,
    );
}

/// Whether a process may open `count` connections and a few files.
fn has_files_for(count: usize) -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    most.is_some_and(|most: usize| most > count + 200)
}

/// Returns the bytes per stream, of `count` streams in a separate process.
fn held(side: &str, place: &str, count: usize) -> f64 {
    let itself = std::env::current_exe().expect("a running program has a path");
    let output = Command::new(itself)
        .arg(HOLD)
        .args([side, &count.to_string()])
        .args(place.split(' '))
        .output()
        .expect("the bench can start itself");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let bytes = text.trim().parse();
    bytes.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Holds streams and prints the bytes per stream, if this process was started for that.
pub(crate) fn hold_if_asked() -> bool {
    let arguments: Vec<String> = std::env::args().skip_while(|one| one != HOLD).collect();
    let [_, side, count, place @ ..] = &arguments[..] else {
        return false;
    };
    let count = count.parse().expect("a number");
    let bytes = match place {
        [address, root] => {
            let root = BASE64.decode(root.as_bytes()).expect("base64");
            let address = address.parse().expect("an address");
            runtime(false).block_on(async {
                let tcp = Arc::new(TcpConnect::new());
                weigh(side, count, tcp, address, root.into()).await
            })
        }
        _ => runtime(true).block_on(async {
            let address = IpAddr::from([44, 128, 0, 1]);
            let scenario = Scenario::new(1)
                .with_host(Host::new("localhost").with_address(address))
                .with_path(
                    Path::new(address)
                        .with_rtt(Duration::from_millis(20))
                        .with_fault(Fault::SilentTls),
                );
            let lab = Lab::new(scenario).expect("a good scenario");
            let address = SocketAddr::new(address, 443);
            weigh(side, count, lab.connector(), address, lab.root()).await
        }),
    };
    println!("{bytes}");
    true
}

fn runtime(is_paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(is_paused)
        .build()
        .expect("a runtime")
}

async fn weigh(
    side: &str,
    count: usize,
    connect: Arc<dyn Connect>,
    address: SocketAddr,
    root: CertificateDer<'static>,
) -> f64 {
    let tls = TlsClient::with_roots([root]).expect("a good root");
    let mut streams = Streams {
        tls,
        connect: Arc::new(Counting::new(connect, address)),
        address,
        held: Vec::new(),
    };
    // The first streams also allocate what all streams share.
    streams.hold(side, 2 * EACH).await;
    let before = resident();
    streams.hold(side, count).await;
    (resident() - before) / count as f64
}

/// Returns this process's resident memory in bytes.
fn resident() -> f64 {
    const PAGE: f64 = 4096.0;
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    PAGE * pages.unwrap_or(f64::NAN)
}

struct Streams {
    tls: TlsClient,
    connect: Arc<Counting>,
    address: SocketAddr,
    held: Vec<Held>,
}

/// Open streams.
enum Held {
    Probes { _probing: Probing },
    Stream { _task: tokio::task::JoinSet<()> },
}

impl Streams {
    /// Opens `count` more streams, each up to the stage at which the server keeps silent.
    async fn hold(&mut self, side: &str, count: usize) {
        let already = self.connect.count();
        match side {
            "ours" => {
                for first in (0..count).step_by(EACH) {
                    let _probing = self.prober(EACH.min(count - first)).run();
                    self.held.push(Held::Probes { _probing });
                }
            }
            _ => {
                let mut config = ClientConfig::clone(self.tls.config());
                config.resumption = Resumption::disabled();
                let config = Arc::new(config);
                let mut task = tokio::task::JoinSet::new();
                for _ in 0..count {
                    let (connect, config) = (Arc::clone(&self.connect), Arc::clone(&config));
                    let address = self.address;
                    // Separate tasks: a common one would have the size of the larger.
                    if side == "wire" {
                        task.spawn(async move {
                            let _stream = connect
                                .connect("localhost", address)
                                .await
                                .expect("it answers");
                            std::future::pending().await
                        });
                    } else {
                        task.spawn(async move {
                            let stream = connect
                                .connect("localhost", address)
                                .await
                                .expect("it answers");
                            bare(stream, config).await;
                        });
                    }
                }
                self.held.push(Held::Stream { _task: task });
            }
        }
        while self.connect.count() < already + count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // All streams have reached their stage when memory stops growing.
        let mut last = f64::NAN;
        while last != resident() {
            last = resident();
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }

    /// Returns a prober of `count` addresses: each address has one attempt in flight.
    fn prober(&self, count: usize) -> Prober {
        let port = self.address.port();
        let region = Region::new("own").expect("a good name");
        let url = format!("wss://localhost:{port}/ws");
        let endpoint = Endpoint::new(region, Service::Websocket, &url).expect("a good URL");
        let numbers = 1..=u8::try_from(count).expect("at most 64");
        let addresses = numbers.map(|n| Ipv4Addr::new(127, 1, 0, n).into());
        Prober::builder()
            .endpoints([endpoint])
            .dialer(
                Dialer::builder()
                    .pin(PinnedHost::new("localhost", port, addresses.collect()))
                    .connector(Arc::clone(&self.connect))
                    .tls(self.tls.clone())
                    .attempt_timeout(24 * HOUR)
                    .build()
                    .unwrap(),
            )
            .rounds(Rounds::Exact(1))
            .in_flight(EACH)
            .deadline(24 * HOUR)
            .build()
            .expect("a good configuration")
    }
}

async fn bare(stream: ByteStream, config: Arc<ClientConfig>) {
    let name = "localhost".try_into().expect("a good name");
    let tls = TlsConnector::from(config).connect(name, stream).await;
    let url = "wss://localhost/ws";
    let opened = tokio_tungstenite::client_async(url, tls.expect("it is trusted")).await;
    drop(opened.expect("it upgrades"));
}

/// Connects to one server whatever the address, and counts the connections.
#[derive(Debug)]
struct Counting {
    connect: Arc<dyn Connect>,
    to: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Counting {
    fn new(connect: Arc<dyn Connect>, to: SocketAddr) -> Self {
        Counting {
            connect,
            to,
            count: Arc::default(),
        }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Connect for Counting {
    fn connect(&self, _: &str, _: SocketAddr) -> BoxFuture<'static, io::Result<ByteStream>> {
        let (connecting, count) = (
            self.connect.connect("localhost", self.to),
            Arc::clone(&self.count),
        );
        Box::pin(async move {
            let stream = connecting.await?;
            count.fetch_add(1, Ordering::Relaxed);
            Ok(stream)
        })
    }
}
