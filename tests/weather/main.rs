//! Days of bad weather: hundreds of clients, each with a real `Selector`, on a simulated network in
//! which hosts fail, flap, lose packets, are hijacked and lose their names, in paused time. What
//! must hold is checked at every step:
//!
//! - a connection is made whenever at least one eligible endpoint stays reachable for the connect
//!   deadline;
//! - never to an address that is not the host's own;
//! - nothing outside the residency is asked for, dialled or connected to;
//! - attempts, open sockets and what is remembered stay bounded, and nothing is left at the end.
//!
//! The seed of each world is printed. Alone, and with more of everything:
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

/// Worlds that are played by default; each has its own weather.
const WORLDS: u64 = 4;
/// Clients in each.
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
    // A world is one thread's; the machine has a few.
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
        // Everybody has gone home.
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
