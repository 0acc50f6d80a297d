//! The connection logic of a client that stays online, built on `easelect::Session`.
//!
//! ```text
//! cargo run --example embed -- sgp1          # the real endpoints of Singapore 1, until Ctrl-C
//! cargo run --example embed -- mainland      # China 1 and China 2 as one pool
//! cargo run --example embed -- --lab         # a simulated network; works offline and ends after two connections
//! ```
//!
//! The example sends no login. How long a real endpoint keeps such a connection is up to the server. In
//! the simulated network the servers echo messages, and the example resets the first connection to show
//! how the session reconnects.

use std::process::ExitCode;

use easelect::{Catalog, Connection, Region, Residency, Selector, SessionOptions, SessionState};
use easelect_lab::{Lab, Scenario};
use futures::{SinkExt, StreamExt};

/// Stays online until the server refuses the app, or after two connections in the lab.
async fn stay_online(selector: &Selector, lab: Option<&Lab>) {
    let mut session = selector.session(SessionOptions::new());
    let mut connections = 0;
    while let Some(state) = session.next().await {
        match state {
            SessionState::Open(connection) => {
                let (url, took) = (connection.url(), connection.time_to_open());
                println!("open: {url} at {} in {took:.0?}", connection.address());
                connections += 1;
                match lab {
                    Some(lab) => talk(connection, lab, connections == 1).await,
                    None => listen(connection).await,
                }
                if lab.is_some() && connections == 2 {
                    return;
                }
            }
            SessionState::Lost(loss) => {
                println!("lost after {:.0?}: {:?}", loss.lived, loss.reason)
            }
            // The error lists every attempt: host, address, and the phase and kind of its failure.
            SessionState::Waiting {
                error: Some(error), ..
            } => println!("not connected: {error}"),
            SessionState::Refused(why) => return println!("refused, log in again: {why:?}"),
            _ => {}
        }
    }
}

/// Reads a connection to its end. Reading answers pings and detects a dead connection.
async fn listen(mut connection: Connection) {
    while let Some(Ok(message)) = connection.next().await {
        if message.is_text() || message.is_binary() {
            println!("{} bytes", message.len());
        }
    }
}

/// Exchanges messages with an echo server, then resets or closes the connection.
async fn talk(mut connection: Connection, lab: &Lab, reset: bool) {
    for n in 1..=3 {
        if connection
            .send(format!("message {n}").into())
            .await
            .is_err()
        {
            return;
        }
        if let Some(Ok(echo)) = connection.next().await {
            println!("echo: {echo}");
        }
    }
    match reset {
        true => lab.reset(connection.address().ip()),
        false => drop(connection.close().await),
    }
    listen(connection).await;
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embed: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let asked = std::env::args().nth(1).unwrap_or("cn1".to_owned());
    let simulated = asked == "--lab";
    let lab = simulated
        .then(|| Lab::new(Scenario::beijing()))
        .transpose()?;
    let residency: Residency = match asked.as_str() {
        "--lab" => Region::CN1.into(),
        "mainland" => Residency::mainland_pool(),
        name => Catalog::builtin().find_region(name)?.into(),
    };
    // One selector for the lifetime of the app: what it learns makes the next connection faster.
    let mut builder = Selector::builder(residency);
    if let Some(lab) = &lab {
        builder = builder.dialer(lab.dialer().build()?);
    }
    let selector = builder.build()?;
    tokio::select! {
        () = stay_online(&selector, lab.as_ref()) => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    println!("bye");
    Ok(())
}
