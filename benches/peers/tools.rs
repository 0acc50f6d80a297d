//! Other tools, as installed on this machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use crate::Cost;
use crate::client::peak_mib;
use crate::measure::remote::Remote;
use crate::measure::{children, quantile};

/// Makes the bench run a command several times and print its cost.
const MEASURE: &str = "--measure";

/// Clock ticks in `/proc`: 100 per second on all common platforms of Linux.
const TICKS_PER_MS: f64 = 0.1;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Tool {
    Curl,
    CurlEach,
    Oha,
    OhaTogether,
    Blackbox,
    Httping,
}

/// Runs all tools. A tool that is not installed has an error instead of a cost.
pub(crate) fn all(probes: usize, server: &Remote) -> Vec<(Tool, Result<Cost, String>)> {
    let root = scratch("peers-root.pem");
    let armour = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        BASE64.encode(&server.root)
    );
    std::fs::write(&root, armour).expect("the target folder can be written");
    let root = root.display().to_string();
    [
        Tool::Curl,
        Tool::CurlEach,
        Tool::Oha,
        Tool::OhaTogether,
        Tool::Blackbox,
        Tool::Httping,
    ]
    .map(|tool| (tool, tool.run(probes, server, &root)))
    .into()
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Curl => "curl",
            Tool::CurlEach => "curl, a process each",
            Tool::Oha => "oha",
            Tool::OhaTogether => "oha, 50 in flight",
            Tool::Blackbox => "blackbox_exporter",
            Tool::Httping => "httping",
        }
    }

    /// Whether the tool makes one probe after the other, as easelect does here.
    pub(crate) fn is_sequential(self) -> bool {
        !matches!(self, Tool::OhaTogether)
    }

    fn run(self, probes: usize, server: &Remote, root: &str) -> Result<Cost, String> {
        let port = server.address.port();
        let url = format!("https://localhost:{port}/");
        let many = format!("{url}?[1-{probes}]");
        let pin = format!("localhost:{port}:127.0.0.1");
        let (count, once) = (probes.to_string(), "1");
        let curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{time_total}\\n"];
        let curl = [
            &curl[..],
            &["--no-sessionid", "--http1.1", "--cacert", root],
        ]
        .concat();
        let curl = [&curl[..], &["--resolve", &pin]].concat();
        let oha = ["oha", "--no-tui", "--output-format", "json", "--ipv4"];
        let oha = [&oha[..], &["--disable-keepalive", "--cacert", root]].concat();
        let oha = [&oha[..], &["-n", &count, "-c"]].concat();
        match self {
            Tool::Curl => {
                let (cost, output) = measure(once, &[&curl[..], &[&many]].concat())?;
                told(cost, lines(&output, "", 1e3), probes)
            }
            Tool::CurlEach => {
                let (cost, output) = measure(&count, &[&curl[..], &[&url]].concat())?;
                told(cost, lines(&output, "", 1e3), probes)
            }
            Tool::Oha | Tool::OhaTogether => {
                let in_flight = if self.is_sequential() { "1" } else { "50" };
                let (cost, output) = measure(once, &[&oha[..], &[in_flight, &url]].concat())?;
                let report: serde_json::Value = serde_json::from_str(&output)
                    .map_err(|error| format!("unknown report format: {error}"))?;
                let answers: f64 = report["statusCodeDistribution"]
                    .as_object()
                    .map_or(0.0, |all| all.values().flat_map(|n| n.as_f64()).sum());
                let p50 = report["latencyPercentiles"]["p50"].as_f64();
                let latency = p50.map(|seconds| seconds * 1e3);
                match latency {
                    Some(latency) if answers == probes as f64 => Ok(Cost { latency, ..cost }),
                    _ => Err(format!("{answers} answers for {probes} probes")),
                }
            }
            Tool::Blackbox => blackbox(probes, &url, root),
            Tool::Httping => {
                // httping has no option for a root, and doesn't verify certificates.
                let command = ["httping", "-f", "-r", "-c", &count, "-g", &url];
                let (cost, output) = measure(once, &command)?;
                told(cost, lines(&output, "time=", 1.0), probes)
            }
        }
    }
}

/// Explains how to install a missing tool.
fn missing(program: &str) -> String {
    let how = match program {
        "oha" => "cargo install oha",
        "prometheus-blackbox-exporter" => "Debian: prometheus-blackbox-exporter",
        "httping" => "Debian: httping",
        _ => "Debian: curl",
    };
    format!("not installed ({how})")
}

/// Returns the number after `label` in each line.
fn lines(output: &str, label: &str, scale: f64) -> Vec<f64> {
    let number = |line: &str| {
        let rest = line.split_once(label)?.1.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        rest[..end.unwrap_or(rest.len())].parse::<f64>().ok()
    };
    output
        .lines()
        .filter_map(number)
        .map(|n| n * scale)
        .collect()
}

fn told(cost: Cost, latencies: Vec<f64>, probes: usize) -> Result<Cost, String> {
    if latencies.len() != probes {
        return Err(format!("{} answers for {probes} probes", latencies.len()));
    }
    let latency = quantile(latencies, 0.5);
    Ok(Cost { latency, ..cost })
}

/// Runs a command `times` times in a process that has no other children. Returns its cost, still without the
/// latency, and its output.
fn measure(times: &str, command: &[&str]) -> Result<(Cost, String), String> {
    let itself = std::env::current_exe().expect("a running program has a path");
    let output = Command::new(itself)
        .args([MEASURE, times])
        .args(command)
        .output()
        .expect("the bench can start itself");
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(missing(command[0]));
    }
    let last = said.lines().last().unwrap_or_default();
    let Some((cpu, peak)) = last.split_once(' ') else {
        return Err(format!("no cost in the output: {said}"));
    };
    let cost = Cost {
        cpu: cpu.parse().expect("our own format"),
        peak: peak.parse().expect("our own format"),
        latency: f64::NAN,
    };
    Ok((cost, String::from_utf8_lossy(&output.stdout).into_owned()))
}

pub(crate) fn run_if_asked() -> bool {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(MEASURE) {
        return false;
    }
    let times: usize = arguments.next().unwrap().parse().unwrap();
    let program = arguments.next().unwrap();
    let rest: Vec<String> = arguments.collect();
    for _ in 0..times {
        if Command::new(&program).args(&rest).status().is_err() {
            std::process::exit(1);
        }
    }
    let (cpu, peak) = children();
    eprintln!("{} {peak}", cpu.as_secs_f64() * 1e3);
    true
}

/// A process that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// blackbox_exporter is a server: this requests one probe after the other.
fn blackbox(probes: usize, url: &str, root: &str) -> Result<Cost, String> {
    let program = "prometheus-blackbox-exporter";
    let configuration = scratch("blackbox.yml");
    let text = format!(
        "modules:\n  http:\n    prober: http\n    timeout: 10s\n    http:\n      \
         valid_status_codes: [404]\n      preferred_ip_protocol: ip4\n      \
         tls_config:\n        ca_file: {root}\n"
    );
    std::fs::write(&configuration, text).expect("the target folder can be written");
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let child = Command::new(program)
        .arg(format!("--config.file={}", configuration.display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| missing(program))?;
    let running = Running(child);
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begin.elapsed() > Duration::from_secs(10) {
            return Err("doesn't listen".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut latencies = Vec::new();
    for _ in 0..probes {
        // HTTP/1.0, so that the answer is not chunked.
        let request = format!("GET /probe?module=http&target={url} HTTP/1.0\r\n\r\n");
        let mut answer = String::new();
        TcpStream::connect(address)
            .and_then(|mut stream| {
                stream.write_all(request.as_bytes())?;
                stream.read_to_string(&mut answer)
            })
            .map_err(|error| format!("doesn't answer: {error}"))?;
        if !answer.contains("\nprobe_success 1") {
            return Err("probes fail".to_owned());
        }
        latencies.extend(lines(&answer, "probe_duration_seconds ", 1e3));
    }
    let proc = |file: &str| {
        let path = format!("/proc/{}/{file}", running.0.id());
        std::fs::read_to_string(path).expect("it runs")
    };
    // The name in brackets is followed by the state and 10 more fields, then utime and stime (proc(5)).
    let stat = proc("stat");
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.flat_map(|n| n.parse::<f64>()).sum();
    let cost = Cost {
        cpu: ticks / TICKS_PER_MS,
        peak: peak_mib(&proc("status")),
        latency: f64::NAN,
    };
    told(cost, latencies, probes)
}
