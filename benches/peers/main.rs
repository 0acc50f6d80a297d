//! The cost of a thousand probes with easelect, compared with a bare loop of tokio and tokio-rustls, and with
//! common tools. CI doesn't run this bench.
//!
//! Every probe is a TCP connection, a full verified TLS handshake and an HTTP request, one after the other, to
//! a server on this machine that waits before it answers. Each client is a separate process, with its own
//! processor time, peak memory and reported latency. Tools that are not installed are listed as such.
//! `-- --test` makes 50 probes.

mod client;
#[path = "../measure/mod.rs"]
mod measure;
#[path = "../../tests/support/mod.rs"]
mod support;
mod tools;

use std::time::Duration;

use client::Client;
use measure::figures::Figures;
use measure::is_short;
use measure::remote::{Remote, serve_if_asked};

/// The server's delay before its answer. A client should report this and the handshakes, and no more.
const DELAY: Duration = Duration::from_millis(20);

/// The number of runs of the bare loop and of easelect, in turn. The least of each counts, because noise only
/// adds.
const TURNS: usize = 3;

/// A client's cost of all its probes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Processor time in ms, user and system.
    cpu: f64,
    /// The peak of resident memory in MiB.
    peak: f64,
    /// The median of the reported latencies in ms.
    latency: f64,
}

fn main() {
    if serve_if_asked() || client::run_if_asked() || tools::run_if_asked() {
        return;
    }
    let probes = if is_short() { 50 } else { 1000 };
    let server = Remote::without_sessions(DELAY);
    let turns = |client: Client| (0..TURNS).map(move |_| client);
    let mut bare: Vec<Cost> = Vec::new();
    let mut ours: Vec<Cost> = Vec::new();
    for (one, other) in turns(Client::Bare).zip(turns(Client::Ours)) {
        bare.push(one.run(probes, &server));
        ours.push(other.run(probes, &server));
    }
    let (bare, ours) = (least(&bare), least(&ours));
    let websocket = Client::OursWebsocket.run(probes, &server);
    let together = Client::BareTogether.run(probes, &server);
    let peers = tools::all(probes, &server);

    println!(
        "{probes} probes, {} ms injected; per 1000",
        DELAY.as_millis()
    );
    println!(
        "{:<26} {:>8} {:>9} {:>12} {:>9}",
        "", "CPU ms", "peak MiB", "reported ms", "to floor"
    );
    let scale = 1000.0 / probes as f64;
    let row = |name: &str, cost: &Cost| {
        let to_floor = cost.latency / bare.latency;
        println!(
            "{name:<26} {:>8.0} {:>9.1} {:>12.2} {to_floor:>9.3}",
            cost.cpu * scale,
            cost.peak,
            cost.latency
        );
    };
    row("bare loop", &bare);
    row("easelect", &ours);
    row("easelect, WebSocket", &websocket);
    row("bare loop, 50 in flight", &together);
    for (tool, result) in &peers {
        match result {
            Ok(cost) => row(tool.name(), cost),
            Err(why) => println!("{:<26} {why}", tool.name()),
        }
    }

    let mut figures = Figures::of("peers");
    figures.aim("cpu_of_1000", ours.cpu * scale, "ms", 450.0);
    figures.tell("floor_cpu_of_1000", bare.cpu * scale, "ms");
    figures.tell("cpu_to_floor", ours.cpu / bare.cpu, "ratio");
    figures.aim("peak_memory", ours.peak, "MiB", 12.0);
    figures.tell("floor_peak_memory", bare.peak, "MiB");
    let to_floor = ours.latency / bare.latency;
    figures.aim("latency_to_floor", to_floor, "ratio", 1.02);
    for (tool, result) in &peers {
        if let Ok(cost) = result
            && tool.is_sequential()
        {
            let name = format!("cpu_to_{}", tool.name().replace([' ', ','], "_"));
            figures.aim(&name, ours.cpu / cost.cpu, "ratio", 1.0);
        }
    }
    figures.finish();
}

fn least(costs: &[Cost]) -> Cost {
    let least = |of: fn(&Cost) -> f64| costs.iter().map(of).fold(f64::INFINITY, f64::min);
    Cost {
        cpu: least(|one| one.cpu),
        peak: least(|one| one.peak),
        latency: least(|one| one.latency),
    }
}
