//! `Selector::connect` compared with a direct handshake to the truly fastest address: TCP, a full TLS 1.3
//! handshake and the upgrade, plus the DNS lookup for a cold start. The worlds are random ones of the lab, in
//! paused time, so that the figures repeat exactly.

#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use easelect::{Catalog, CatalogFormat, EarlyData, Endpoint, Region, Selector, Service, TlsClient};
use easelect_lab::{Host, Lab, Path, Scenario};
use futures::StreamExt;
use measure::figures::Figures;
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// Four hosts with three addresses each. Their distances are distributed as in the simulation (`sim`).
const HOSTS: u8 = 4;
const ADDRESSES: u8 = 3;

/// The number of connections after which a selector counts as warm, and the pause between connections.
const LEARNING: usize = 10;
const REST: Duration = Duration::from_secs(10 * 60);

/// A kind of world and of client.
#[derive(Clone, Copy)]
struct Kind {
    dns: Duration,
    jitter: f64,
    resumes: bool,
    early_data: bool,
}

const PLAIN: Kind = Kind {
    dns: Duration::ZERO,
    jitter: 0.0,
    resumes: false,
    early_data: false,
};

fn main() {
    let mut figures = Figures::of("connect");
    // Only means have limits. 50 worlds give a mean to half a per cent; quantiles need all worlds.
    let worlds = if measure::is_short() { 50 } else { 400 };
    let dns = Duration::from_millis(20);
    let named = Kind { dns, ..PLAIN };
    let resumed = Kind {
        resumes: true,
        ..named
    };
    let early = Kind {
        early_data: true,
        ..resumed
    };
    let noisy = Kind {
        jitter: 0.1,
        ..named
    };
    let play = |kind: Kind, is_warm: bool| -> Vec<Opened> {
        // A world has only one cold start, and cold starts vary more.
        let worlds = if is_warm { worlds } else { 10 * worlds };
        let one = |seed| in_paused_time(connections(seed, kind, is_warm));
        (0..worlds).flat_map(one).collect()
    };
    // The goals are the simulation's results in its default world. Quantiles are too noisy for limits.
    for (name, opened) in [
        ("cold", play(PLAIN, false)),
        ("cold_dns", play(named, false)),
    ] {
        figures.aim(
            &format!("{name}/p50"),
            quantiles(&opened, 0.5),
            "ratio",
            1.19,
        );
        figures.aim(
            &format!("{name}/p95"),
            quantiles(&opened, 0.95),
            "ratio",
            1.16,
        );
        figures.tell(&format!("{name}/mean"), mean(&opened), "ratio");
        figures.tell(&format!("{name}/worst"), worst(&opened), "ratio");
    }
    for (name, kind, goal) in [
        ("warm", named, 1.02),
        ("warm_noisy", noisy, 1.02),
        ("resumed", resumed, 1.02),
        ("early", early, 0.70),
    ] {
        let mut opened = play(kind, true);
        let all = opened.len() as f64;
        opened.retain(|one| one.is_early == kind.early_data);
        if kind.early_data {
            let share = 100.0 * (1.0 - opened.len() as f64 / all);
            figures.tell("early/not_sent_or_taken", share, "% of connections");
        }
        for (quantile, share) in [("p50", 0.50), ("p95", 0.95)] {
            let name = format!("{name}/{quantile}");
            figures.aim(&name, quantiles(&opened, share), "ratio", goal);
        }
        let slower = opened.iter().filter(|one| one.took > goal * one.direct);
        let share = 100.0 * slower.count() as f64 / opened.len() as f64;
        figures.tell(&format!("{name}/above_goal"), share, "% of connections");
        figures.limit(&format!("{name}/mean"), mean(&opened), "ratio", goal);
        figures.tell(&format!("{name}/worst"), worst(&opened), "ratio");
    }
    figures.finish();
}

/// A connection's time, and that of a direct one at the same moment, in seconds.
struct Opened {
    took: f64,
    direct: f64,
    is_early: bool,
}

/// Returns the ratio of a quantile to that of the direct connections.
fn quantiles(opened: &[Opened], share: f64) -> f64 {
    let of = |time: fn(&Opened) -> f64| measure::quantile(opened.iter().map(time).collect(), share);
    of(|one| one.took) / of(|one| one.direct)
}

fn mean(opened: &[Opened]) -> f64 {
    let sum = |time: fn(&Opened) -> f64| opened.iter().map(time).sum::<f64>();
    sum(|one| one.took) / sum(|one| one.direct)
}

fn worst(opened: &[Opened]) -> f64 {
    let ratios = opened.iter().map(|one| one.took / one.direct);
    ratios.fold(f64::NAN, f64::max)
}

fn in_paused_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(future)
}

fn own() -> Region {
    Region::new("own").expect("a good name")
}

struct World {
    lab: Lab,
    catalog: Catalog,
    fastest: SocketAddr,
    host: String,
}

impl World {
    fn new(seed: u64, kind: Kind) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut scenario = Scenario::new(seed);
        let text = "[[region]]\nid = \"own\"\n";
        let mut catalog = Catalog::builtin()
            .with_file(text, CatalogFormat::Toml, "own.toml")
            .expect("a good catalogue");
        let region = own();
        let mut fastest: Option<(Duration, IpAddr, String)> = None;
        // The base round trip on Wi-Fi and its factors, as in the simulation.
        let base = 40.0 * factor(&mut random, 0.6);
        for host in 0..HOSTS {
            let name = format!("h{host}.example");
            let mut named = Host::new(&name).with_dns_delay(kind.dns);
            let own = base * factor(&mut random, 0.32);
            for n in 0..ADDRESSES {
                let address = IpAddr::from([44, 128, host, n]);
                let rtt = own * factor(&mut random, 0.15);
                // Even, so that half of it is whole.
                let rtt = Duration::from_millis(2 * (rtt / 2.0).ceil() as u64);
                named = named.with_address(address);
                let path = Path::new(address).with_rtt(rtt).with_jitter(kind.jitter);
                scenario = scenario.with_path(path.with_early_data(kind.early_data));
                if fastest.as_ref().is_none_or(|(least, ..)| rtt < *least) {
                    fastest = Some((rtt, address, name.clone()));
                }
            }
            scenario = scenario.with_host(named);
            let url = format!("wss://{name}/websocket");
            let endpoint = Endpoint::new(region.clone(), Service::Websocket, &url);
            let added = catalog.with_endpoint(endpoint.expect("a good URL"));
            catalog = added.expect("its region is there");
        }
        let (_, address, host) = fastest.expect("there are some");
        World {
            lab: Lab::new(scenario).expect("a good scenario"),
            catalog,
            fastest: SocketAddr::new(address, 443),
            host,
        }
    }

    fn config(&self, resumes: bool) -> ClientConfig {
        let tls = TlsClient::with_roots([self.lab.root()]).expect("a good root");
        let mut config = ClientConfig::clone(tls.config());
        if !resumes {
            config.resumption = Resumption::disabled();
        }
        config
    }

    fn selector(&self, seed: u64, kind: Kind) -> Selector {
        let tls = match kind.resumes {
            true => TlsClient::with_roots([self.lab.root()]).expect("a good root"),
            false => TlsClient::from_config(self.config(false)),
        };
        Selector::builder(own())
            .catalog(self.catalog.clone())
            .dialer(self.lab.dialer().tls(tls).build().unwrap())
            .early_data(kind.early_data)
            .network("bench")
            .seed(seed)
            .build()
            .expect("a good configuration")
    }

    /// Opens a connection to the fastest address without easelect, and returns the time that it took.
    async fn direct(&self) -> Duration {
        let started = Instant::now();
        let tcp = self
            .lab
            .connector()
            .connect("localhost", self.fastest)
            .await;
        let connector = TlsConnector::from(Arc::new(self.config(false)));
        let name = self.host.clone().try_into().expect("a good name");
        let tls = connector.connect(name, tcp.expect("it answers")).await;
        let url = format!("wss://{}/websocket", self.host);
        let opened = tokio_tungstenite::client_async(url, tls.expect("it is trusted")).await;
        let took = started.elapsed();
        drop(opened.expect("it upgrades"));
        took
    }
}

/// Draws a log-normal factor with median 1.
fn factor(random: &mut fastrand::Rng, log_sd: f64) -> f64 {
    // The Box–Muller transform.
    let (u, v) = (1.0 - random.f64(), random.f64());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    (log_sd * normal).exp()
}

/// Returns a selector's first connection, or those after it is warm.
async fn connections(seed: u64, kind: Kind, is_warm: bool) -> Vec<Opened> {
    let world = World::new(seed, kind);
    let selector = world.selector(seed, kind);
    let (learning, counted) = if is_warm { (LEARNING, 10) } else { (0, 1) };
    let mut all = Vec::new();
    for number in 0..learning + counted {
        let direct = world.direct().await;
        // A cold start waits for DNS.
        let waited = if is_warm { Duration::ZERO } else { kind.dns };
        let mut opened = selector.connect().await.expect("nothing is wrong");
        let took = opened.time_to_open();
        if number >= learning {
            all.push(Opened {
                took: took.as_secs_f64(),
                direct: (direct + waited).as_secs_f64(),
                is_early: opened.timings().early_data() == EarlyData::Accepted,
            });
        }
        // An app reads from the connection. That also receives the session tickets, which follow the 101.
        let reading = opened.next();
        let _silence = tokio::time::timeout(Duration::from_secs(1), reading).await;
        drop(opened);
        tokio::time::sleep(REST).await;
    }
    all
}
