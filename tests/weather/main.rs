//! Days of bad weather: hundreds of clients, each with a real `Selector`, on a simulated network in
//! paused time. Hosts fail, flap, lose packets, are hijacked and lose their names. At every step the
//! test checks that:
//!
//! - a client connects whenever at least one eligible endpoint stays reachable for the connect
//!   deadline;
//! - a connection always leads to the host's own address;
//! - no host outside the residency is looked up, dialled or connected to;
//! - the number of attempts, open sockets and memory stay bounded, and nothing is left at the end.
//!
//! The test prints the seed of each world. To run a single world, or more clients and days:
//!
//! ```text
//! EASELECT_WEATHER_SEED=7 cargo test --test weather
//! EASELECT_WEATHER_CLIENTS=500 EASELECT_WEATHER_DAYS=7 cargo test --test weather
//! ```

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod client;
mod outages;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use client::{Client, Tally};
use outages::Outages;

/// The number of worlds by default; each has its own weather.
const WORLDS: u64 = 4;
/// The number of clients in each world.
const CLIENTS: u64 = 60;
const DAYS: u64 = 2;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn whatever_the_weather() {
    let clients = number("EASELECT_WEATHER_CLIENTS").unwrap_or(CLIENTS);
    let days = number("EASELECT_WEATHER_DAYS").unwrap_or(DAYS);
    let seeds: Vec<u64> = match number("EASELECT_WEATHER_SEED") {
        Some(seed) => vec![seed],
        None => (1..=WORLDS).collect(),
    };
    // Each world runs on one thread.
    std::thread::scope(|scope| {
        for seed in seeds {
            scope.spawn(move || {
                let tally = world(seed, clients, days);
                println!("seed {seed}: {tally:?}");
                assert!(tally.opened > 0, "seed {seed}: nobody was ever online");
                assert!(tally.storms > 0, "seed {seed}: there was no weather");
            });
        }
    });
}

fn world(seed: u64, clients: u64, days: u64) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let outages = Arc::new(Outages::new(seed));
        let end = tokio::time::Instant::now() + Duration::from_secs(days * 86_400);
        let mut weather = outages.start();
        let mut all = JoinSet::new();
        for number in 0..clients {
            let client = Client::new(Arc::clone(&outages), seed, number);
            all.spawn(client.live(end));
        }
        let mut tally = Tally::default();
        while let Some(one) = all.join_next().await {
            match one {
                Ok(one) => tally.add(&one),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        weather.shutdown().await;
        tally.storms = outages.storms();
        // All clients have ended.
        assert_eq!(outages.lab.open(), 0, "seed {seed}: a socket is open");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(outages.lab.serving(), 0, "seed {seed}: a server waits");
        let alive = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        assert_eq!(alive, 0, "seed {seed}: a task is left");
        tally
    })
}
