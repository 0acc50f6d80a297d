//! The bare loop and easelect, each in a child process that measures itself.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use easelect::{Dialer, Endpoint, ProbeEvent, Prober, Region, Rounds, Service, TlsClient};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Cost;
use crate::measure::remote::Remote;
use crate::measure::{in_a_task, median_ms, process_cpu, runtime};

/// Makes the bench a client.
const WORK: &str = "--work";

const TOGETHER: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Client {
    Bare,
    BareTogether,
    Ours,
    OursWebsocket,
}

impl Client {
    const ALL: [Client; 4] = [
        Client::Bare,
        Client::BareTogether,
        Client::Ours,
        Client::OursWebsocket,
    ];

    pub(crate) fn run(self, probes: usize, server: &Remote) -> Cost {
        let itself = std::env::current_exe().expect("a running program has a path");
        let output = Command::new(itself)
            .args([WORK, &format!("{self:?}"), &probes.to_string()])
            .args([server.address.to_string(), BASE64.encode(&server.root)])
            .output()
            .expect("the bench can start itself");
        let told = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = told
            .split_whitespace()
            .flat_map(|word| word.parse())
            .collect();
        let [cpu, peak, latency] = numbers[..] else {
            panic!("{self:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        Cost { cpu, peak, latency }
    }
}

/// Probes and prints the cost, if this process was started for that.
pub(crate) fn run_if_asked() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, asked, name, probes, address, root] = &arguments[..] else {
        return false;
    };
    if asked != WORK {
        return false;
    }
    let named = |one: &Client| format!("{one:?}") == *name;
    let client = Client::ALL.into_iter().find(named).expect("a client");
    let probes = probes.parse().unwrap();
    let root = BASE64.decode(root.as_bytes()).unwrap();
    let server = Remote::at(address.parse().unwrap(), root.into());
    let latency = in_a_task(&runtime(), async move {
        match client {
            Client::Bare => bare(probes, 1, &server).await,
            Client::BareTogether => bare(probes, TOGETHER, &server).await,
            Client::Ours => ours(probes, Service::Rest, &server).await,
            Client::OursWebsocket => ours(probes, Service::Websocket, &server).await,
        }
    });
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let peak = peak_mib(&status);
    println!("{} {peak} {latency}", process_cpu().as_secs_f64() * 1e3);
    true
}

/// Returns the peak of resident memory from a process's `/proc` status.
pub(crate) fn peak_mib(status: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.expect("Linux has it") / 1024.0
}

async fn bare(probes: usize, together: usize, server: &Remote) -> f64 {
    let mut store = RootCertStore::empty();
    store.add(server.root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(config));
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n",
        server.address.port()
    );
    let probe = || async {
        let begin = Instant::now();
        let stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut head = [0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        assert!(head[..read].starts_with(b"HTTP/1.1 "));
        begin.elapsed()
    };
    let mut taken = Vec::with_capacity(probes);
    let mut running: FuturesUnordered<_> = (0..together.min(probes)).map(|_| probe()).collect();
    let mut started = running.len();
    while let Some(one) = running.next().await {
        taken.push(one);
        if started < probes {
            started += 1;
            running.push(probe());
        }
    }
    median_ms(taken)
}

/// Probes with easelect as apps do, reading every sample.
async fn ours(probes: usize, service: Service, server: &Remote) -> f64 {
    let (websocket, pin) = server.endpoint();
    let endpoint = match service {
        Service::Rest => {
            let url = format!("https://localhost:{}/", server.address.port());
            Endpoint::new(Region::new("own").unwrap(), service, &url).unwrap()
        }
        _ => websocket,
    };
    let prober = Prober::builder()
        .endpoints([endpoint])
        .dialer(
            Dialer::builder()
                .pin(pin)
                .tls(TlsClient::with_roots([server.root.clone()]).unwrap())
                .build()
                .unwrap(),
        )
        .rounds(Rounds::Exact(u32::try_from(probes).unwrap()))
        .deadline(Duration::from_secs(600))
        .build()
        .unwrap();
    let mut taken = Vec::with_capacity(probes);
    let mut events = prober.run();
    while let Some(event) = events.next().await {
        if let ProbeEvent::Sample(sample) = event {
            assert_eq!(sample.outcome, Ok(()));
            taken.push(sample.timings.total());
        }
    }
    assert_eq!(taken.len(), probes);
    median_ms(taken)
}
