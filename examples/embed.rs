//! The connection logic of a client that stays online: connect on the fastest endpoint, notice
//! when the connection is dead, reconnect with full-jitter back-off, leave politely.
//!
//! ```text
//! cargo run --example embed -- sgp1          # the real endpoints of Singapore 1, until Ctrl-C
//! cargo run --example embed -- mainland      # China 1 and China 2 as one pool
//! cargo run --example embed -- --lab         # a simulated network; offline, ends by itself
//! ```
//!
//! [`stay_online`] and [`session`] are meant to be copied. What an app does itself
//! stands in [`App`]: what to say, and what to do with what arrives. Here it logs nobody in: on
//! the real endpoints it only pings, and what they answer to a client that never logs in is up to
//! them. In the simulated network the servers echo what it says, and reset the connection once,
//! so that the reconnect can be seen.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::time::Duration;

use easelect::{Catalog, CloseReason, Connection, Region, Residency, Selector, ServerHint};
use easelect_lab::{Lab, Scenario};
use futures::{SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Message;

type AnyError = Box<dyn std::error::Error>;

/// Completes when the user wants to leave.
type Stop<'a> = Pin<&'a mut dyn Future<Output = ()>>;

/// Keeps a connection open until `stop`, or until the app has enough.
async fn stay_online(selector: &Selector, app: &mut dyn App, mut stop: Stop<'_>) {
    let mut first = true;
    loop {
        // The first time at once. Later spread over time: when a server restarts, all its
        // clients lose their connections together, and must not come back together.
        let connect = async {
            match std::mem::take(&mut first) {
                true => selector.connect().await,
                false => selector.reconnect().await,
            }
        };
        // Dropping a call to connect stops it and everything that it had under way.
        let connected = tokio::select! {
            biased;
            () = stop.as_mut() => return,
            connected = connect => connected,
        };
        match connected {
            Ok(connection) => {
                println!(
                    "open: {} at {} in {:.0?}",
                    connection.url(),
                    connection.address(),
                    connection.time_to_open()
                );
                let feedback = connection.feedback();
                match session(connection, app, stop.as_mut()).await {
                    End::Left => return feedback.closed(CloseReason::ByApp),
                    End::Lost(why) => {
                        println!("lost: {why}");
                        feedback.closed(CloseReason::Lost);
                    }
                }
            }
            // Its text has every attempt: host, address, phase and kind of failure.
            Err(error) => println!("not connected: {error}"),
        }
    }
}

/// The closing handshake is a courtesy; a dead peer must not hold it up.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a [`session`] ended.
enum End {
    /// We wanted it.
    Left,
    /// The network or the server did.
    Lost(String),
}

/// Serves one connection until it ends.
async fn session(mut connection: Connection, app: &mut dyn App, mut stop: Stop<'_>) -> End {
    let every = app.heartbeat();
    let mut beat = interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = stop.as_mut() => return leave(connection).await,
            message = connection.next() => {
                heard = Instant::now();
                match message {
                    // tokio-tungstenite has queued the pong already.
                    Some(Ok(Message::Ping(_))) => {}
                    Some(Ok(Message::Close(frame))) => {
                        return End::Lost(format!("closed by the server: {frame:?}"));
                    }
                    Some(Ok(message)) => {
                        if app.received(&connection, message).is_break() {
                            return leave(connection).await;
                        }
                    }
                    Some(Err(error)) => return End::Lost(error.to_string()),
                    None => return End::Lost("closed".to_owned()),
                }
            }
            _ = beat.tick() => {
                // TCP alone takes minutes to notice that the other side is gone.
                if heard.elapsed() > 2 * every {
                    return End::Lost(format!("nothing heard for {:.0?}", heard.elapsed()));
                }
                for message in [Some(Message::Ping(Vec::new().into())), app.say()]
                    .into_iter()
                    .flatten()
                {
                    // A peer that doesn't read must not hold us up either.
                    match timeout(every, connection.send(message)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return End::Lost(error.to_string()),
                        Err(_) => return End::Lost("nothing can be sent".to_owned()),
                    }
                }
            }
        }
    }
}

async fn leave(mut connection: Connection) -> End {
    let _ = timeout(GOODBYE, connection.close()).await;
    End::Left
}

/// What the app on top of the connection does.
trait App {
    /// How often to ping. Silence of twice this is a lost connection.
    fn heartbeat(&self) -> Duration;

    /// Something to say at each heartbeat.
    fn say(&mut self) -> Option<Message>;

    /// Something arrived. `Break` leaves.
    fn received(&mut self, connection: &Connection, message: Message) -> ControlFlow<()>;
}

/// Only listens.
struct Listener;

impl App for Listener {
    fn heartbeat(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn say(&mut self) -> Option<Message> {
        None
    }

    fn received(&mut self, _: &Connection, message: Message) -> ControlFlow<()> {
        match message {
            Message::Pong(_) => println!("pong"),
            message => println!("{} bytes", message.len()),
        }
        ControlFlow::Continue(())
    }
}

/// Talks to the echo servers of the simulated network, and plays it a trick.
struct Talker {
    lab: Lab,
    said: u32,
    heard: u32,
}

impl Talker {
    const RESET_AFTER: u32 = 3;
    const ENOUGH: u32 = 6;
}

impl App for Talker {
    fn heartbeat(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn say(&mut self) -> Option<Message> {
        self.said += 1;
        Some(format!("message {}", self.said).into())
    }

    fn received(&mut self, connection: &Connection, message: Message) -> ControlFlow<()> {
        let Ok(text) = message.to_text() else {
            return ControlFlow::Continue(());
        };
        if text.is_empty() {
            return ControlFlow::Continue(()); // a pong
        }
        println!("echo: {text}");
        self.heard += 1;
        if self.heard == Self::RESET_AFTER {
            self.lab.reset(connection.address().ip());
        }
        if self.heard == Self::ENOUGH {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// The region, or the pool, that was asked for.
fn residency(catalog: &Catalog, name: &str) -> Result<Residency, easelect::Error> {
    match name {
        "mainland" => Ok(Residency::mainland_pool()),
        _ => Ok(catalog.find_region(name)?.into()),
    }
}

async fn run(args: &[String]) -> Result<(), AnyError> {
    let catalog = Catalog::builtin();
    let region = args.iter().find(|arg| !arg.starts_with('-'));
    let residency = match region {
        Some(name) => residency(&catalog, name)?,
        None => Region::CN1.into(),
    };
    // One selector for the life of the app: what it learns shortens the next connect.
    let mut builder = Selector::builder(residency).catalog(catalog);
    let mut app: Box<dyn App> = Box::new(Listener);
    let simulated = args.iter().any(|arg| arg == "--lab");
    if simulated {
        let lab = Lab::new(Scenario::beijing())?;
        builder = builder.dialer(lab.dialer().build()?);
        let (said, heard) = (0, 0);
        app = Box::new(Talker { lab, said, heard });
    }
    let selector = builder.build()?;
    if simulated {
        // Nobody else reconnects to a network of one's own: no need to spread over 10 s.
        let (clients, rate) = (1.0, 1.0);
        selector.set_server_hint(Some(ServerHint { clients, rate }))?;
    }
    let stop = pin!(async {
        if tokio::signal::ctrl_c().await.is_err() {
            // No signal can come; stay online.
            std::future::pending::<()>().await;
        }
    });
    stay_online(&selector, app.as_mut(), stop).await;
    println!("bye");
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let unknown = |arg: &&String| arg.starts_with('-') && *arg != "--lab";
    if args.iter().any(|arg| unknown(&arg)) || args.len() > 2 {
        eprintln!("usage: embed [REGION | mainland] [--lab]");
        return ExitCode::from(2);
    }
    match run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embed: {error}");
            ExitCode::from(2)
        }
    }
}
