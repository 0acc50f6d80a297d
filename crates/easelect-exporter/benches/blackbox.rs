//! Compares the cost of probing a thousand targets with blackbox_exporter's, in one run on Linux:
//! `cargo bench -p easelect-exporter`.
//!
//! A thousand TLS servers listen on loopback, each on its own port. Both exporters probe them in turns, as
//! Prometheus would have them do: 8 scrapes at once, each a full verified handshake and an HTTP request. Each
//! exporter is its own process; processor time and peak memory come from `/proc`. Without
//! `prometheus-blackbox-exporter` (Debian's package; `BLACKBOX_EXPORTER` names another), only our figures are
//! printed. `-- --test` uses 50 targets.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Scrapes at once; our default limit.
const AT_A_TIME: usize = 8;

/// Times that each exporter probes all targets.
const TURNS: usize = 3;

/// Linux reports 100 clock ticks a second to user space on every platform that we know.
const TICKS_PER_MS: f64 = 0.1;

fn main() {
    let is_short = std::env::args().any(|argument| argument == "--test");
    let count = if is_short { 50 } else { 1000 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(compare(count));
}

async fn compare(count: usize) {
    let (targets, root) = servers(count).await;
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str, text: String| {
        let path = scratch.join(name);
        std::fs::write(&path, text).expect("the target folder can be written");
        path.display().to_string()
    };
    let root = file("blackbox-root.pem", root);
    let ours = file(
        "blackbox-ours.toml",
        format!(
            "[modules.http]\ntargets = \"any\"\ncache = \"0s\"\nfamilies = \"v4\"\ntimeout = \"10s\"\ncacert = \"{root}\"\n"
        ),
    );
    let theirs = file(
        "blackbox-theirs.yml",
        format!(
            "modules:\n  http:\n    prober: http\n    timeout: 10s\n    http:\n      enable_http2: false\n      \
             preferred_ip_protocol: ip4\n      tls_config:\n        ca_file: {root}\n"
        ),
    );
    let blackbox = std::env::var("BLACKBOX_EXPORTER");
    let blackbox = blackbox.unwrap_or_else(|_| "prometheus-blackbox-exporter".to_owned());
    let mut programs = Vec::new();
    for (name, program, configuration) in [
        (
            "easelect-exporter",
            env!("CARGO_BIN_EXE_easelect-exporter"),
            ours,
        ),
        ("blackbox_exporter", blackbox.as_str(), theirs),
    ] {
        match Exporter::new(program, &configuration).await {
            Some(exporter) => programs.push((name, exporter, 0.0, Vec::new())),
            None => println!("{name}: {program} can't be run here"),
        }
    }
    for _ in 0..TURNS {
        for (_, exporter, cpu, latencies) in &mut programs {
            let before = exporter.cpu();
            latencies.extend(scrape(exporter.address, &targets).await);
            *cpu += exporter.cpu() - before;
        }
    }
    println!("{count} targets, {TURNS} turns, {AT_A_TIME} scrapes at once");
    println!(
        "{:<20} {:>14} {:>10} {:>12}",
        "", "CPU ms a probe", "peak MiB", "median ms"
    );
    let mut costs = Vec::new();
    for (name, exporter, cpu, mut latencies) in programs {
        let cpu = cpu / (TURNS * count) as f64;
        latencies.sort_by(f64::total_cmp);
        let median = latencies[latencies.len() / 2];
        let peak = exporter.peak_mib();
        println!("{name:<20} {cpu:>14.3} {peak:>10.1} {median:>12.2}");
        costs.push((cpu, peak));
    }
    if let [ours, theirs] = costs.as_slice() {
        println!(
            "processor time to theirs: {:.2} (goal 0.5)",
            ours.0 / theirs.0
        );
        println!("peak memory to theirs: {:.2} (goal 0.5)", ours.1 / theirs.1);
    }
    let _ = std::io::stdout().flush();
}

/// Starts servers in tasks of this process; returns their URLs and their root in PEM.
async fn servers(count: usize) -> (Vec<String>, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_no_client_auth()
    .with_single_cert(vec![certificate.der().clone()], private.into())
    .expect("its own certificate");
    config.send_tls13_tickets = 0;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut targets = Vec::new();
    for _ in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        targets.push(format!("https://localhost:{port}/"));
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream));
            }
        });
    }
    let root = data_encoding::BASE64.encode(certificate.der());
    let mark = |word: &str| format!("-----{word} CERTIFICATE-----");
    (
        targets,
        format!("{}\n{root}\n{}\n", mark("BEGIN"), mark("END")),
    )
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = [0; 2048];
    let _ = stream.read(&mut head).await?;
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    stream.write_all(ok).await?;
    stream.shutdown().await
}

/// An exporter's process, stopped when dropped.
struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exporter {
    async fn new(program: &str, configuration: &str) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let child = Command::new(program)
            .arg(format!("--config.file={configuration}"))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let exporter = Exporter { child, address };
        let began = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if began.elapsed() > Duration::from_secs(10) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(exporter)
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).expect("it runs, on Linux")
    }

    /// Returns the processor time used so far, in ms.
    fn cpu(&self) -> f64 {
        // After the name in brackets come the state and 10 more fields, then utime and stime: proc(5).
        let stat = self.proc("stat");
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.flat_map(|ticks| ticks.parse::<f64>()).sum::<f64>() / TICKS_PER_MS
    }

    fn peak_mib(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.expect("Linux reports the peak") / 1024.0
    }
}

/// Probes every target once; returns the duration of each scrape, in ms.
async fn scrape(address: SocketAddr, targets: &[String]) -> Vec<f64> {
    let next = AtomicUsize::new(0);
    let worker = || async {
        let mut latencies = Vec::new();
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            let request = format!(
                "GET /probe?module=http&target={target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            );
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            stream
                .write_all(request.as_bytes())
                .await
                .expect("it reads");
            let mut back = String::new();
            stream.read_to_string(&mut back).await.expect("it answers");
            assert!(back.contains("\nprobe_success 1"), "{back}");
            latencies.push(began.elapsed().as_secs_f64() * 1e3);
        }
        latencies
    };
    let workers = easelect::futures::future::join_all((0..AT_A_TIME).map(|_| worker()));
    workers.await.into_iter().flatten().collect()
}
