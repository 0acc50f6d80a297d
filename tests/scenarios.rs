//! Whole stories in the simulated network, one per file in `tests/scenarios`: the network, what the
//! client does, and what happens. The README there describes the format.

use std::fmt::{self, Write};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easelect::{
    Attempt, AttemptOutcome, Candidate, Catalog, CatalogFormat, CloseReason, ConnectError,
    ConnectOptions, Connection, DialOutcome, Endpoint, Failure, FailureKind, Phase, Policy,
    Reconnector, Region, Selector, SelectorEvent,
};
use easelect_lab::{Dns, Lab, Scenario};
use futures::{StreamExt, TryStreamExt};
use humantime::format_duration;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

/// The headlines that divide a file.
const CLIENT: &str = "\n# The client\n";
const STORY: &str = "\n# What happens\n";

/// The region whose endpoints are the file's hosts, unless it names another.
const OWN: &str = "own";

/// If set, the test writes the expectations instead of comparing them.
const BLESS: &str = "EASELECT_BLESS";

#[test]
fn every_scenario_goes_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "toml"));
    files.sort();
    assert!(files.len() >= 18, "{files:?}");
    let bless = std::env::var_os(BLESS).is_some();
    let mut wrong = String::new();
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(file).unwrap();
        let parts = Parts::of(&text, name);
        let story = parts.play(name);
        if story == parts.story {
            continue;
        }
        if bless {
            let new = format!("{}{CLIENT}{}{STORY}{story}", parts.network, parts.client);
            fs::write(file, new).unwrap();
        } else {
            write!(wrong, "\n{name} ends otherwise:\n{STORY}{story}").unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}\nIs that right? {BLESS}=1 writes it into the files."
    );
}

/// A file: two parts in TOML, and the expected story.
struct Parts<'a> {
    network: &'a str,
    client: &'a str,
    story: &'a str,
}

/// The second part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    seed: u64,
    region: Option<String>,
    #[serde(default)]
    policy: Manner,
    #[serde(default)]
    changes: Vec<Change>,
    steps: Vec<Step>,
}

/// Changes in DNS during the story. Paths have steps of their own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    at: Span,
    host: String,
    dns: Option<Dns>,
    addresses: Option<Vec<IpAddr>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// The earliest time; at once by default.
    at: Option<Span>,
    r#do: Do,
}

/// A step of the client.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Do {
    Connect,
    Reconnect,
    /// Gets the plan for an app whose SDK dials.
    Candidates,
    /// Reports the outcome of one of them, counted from 0, after this time.
    Report {
        candidate: usize,
        took: Span,
        opened: bool,
    },
    /// Reports how the last connection ended.
    Closed(How),
    /// Reports a heartbeat's round trip on the last connection.
    RoundTrip(Span),
    Network(String),
    Policy(Manner),
    /// Does nothing, so that background work can proceed.
    Wait,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    ByApp,
    ByServer,
    Lost,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Manner {
    #[default]
    Fast,
    Thrifty,
    Conservative,
}

impl From<How> for CloseReason {
    fn from(how: How) -> Self {
        match how {
            How::ByApp => CloseReason::ByApp,
            How::ByServer => CloseReason::ByServer,
            How::Lost => CloseReason::Lost,
        }
    }
}

impl From<Manner> for Policy {
    fn from(manner: Manner) -> Self {
        match manner {
            Manner::Fast => Policy::Fast,
            Manner::Thrifty => Policy::Thrifty,
            Manner::Conservative => Policy::Conservative,
        }
    }
}

/// A duration such as `"1m 30s"`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = humantime::DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_duration(&text).map(Span)
    }
}

/// The fields needed from the first part, besides the network itself.
#[derive(Deserialize)]
struct Names {
    host: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, name: &str) -> Self {
        let parts = text.split_once(CLIENT).and_then(|(network, rest)| {
            let (client, story) = rest.split_once(STORY)?;
            Some(Parts {
                network,
                client,
                story,
            })
        });
        parts.unwrap_or_else(|| panic!("{name}: expected {CLIENT:?} and {STORY:?}"))
    }

    /// Plays the story, and returns it in the format of the file.
    fn play(&self, name: &str) -> String {
        let client = toml::from_str(self.client);
        let client: Client = client.unwrap_or_else(|error| panic!("{name}, the client: {error}"));
        let names: Names = toml::from_str(self.network).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let lab = Lab::new(Scenario::from_toml(self.network, name).unwrap()).unwrap();
            let mut play = Play::new(lab, &client, &names);
            for step in &client.steps {
                play.step(step).await;
            }
            let (lab, story) = play.end();
            // Background tasks notice the end.
            tokio::task::yield_now().await;
            assert_eq!(lab.open(), 0, "{name}: left open");
            story
        })
    }
}

/// A scenario in progress.
struct Play {
    lab: Lab,
    start: Instant,
    selector: Selector,
    reconnector: Reconnector,
    connection: Option<Connection>,
    candidates: Vec<Candidate>,
    events: Arc<Mutex<Vec<(Duration, SelectorEvent)>>>,
    story: String,
}

impl Play {
    fn new(lab: Lab, client: &Client, names: &Names) -> Self {
        let start = Instant::now();
        let region = client.region.as_deref().unwrap_or(OWN);
        let selector = Selector::builder(Region::new(region).unwrap())
            .catalog(catalog(names))
            .dialer(lab.dialer().build().unwrap())
            .policy(client.policy.into())
            .network("home")
            .seed(client.seed)
            .build()
            .unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut coming) = (Arc::clone(&events), selector.events());
        tokio::spawn(async move {
            while let Some(event) = coming.next().await {
                seen.lock().unwrap().push((start.elapsed(), event));
            }
        });
        for change in &client.changes {
            let (lab, at) = (lab.clone(), start + change.at.0);
            let (host, dns, addresses) =
                (change.host.clone(), change.dns, change.addresses.clone());
            tokio::spawn(async move {
                sleep_until(at).await;
                if let Some(dns) = dns {
                    lab.set_dns(&host, dns).unwrap();
                }
                if let Some(addresses) = addresses {
                    lab.set_addresses(&host, &addresses).unwrap();
                }
            });
        }
        Play {
            lab,
            start,
            reconnector: selector.reconnector(),
            selector,
            connection: None,
            candidates: Vec::new(),
            events,
            story: String::new(),
        }
    }

    /// Takes a step, and returns what happened.
    async fn step(&mut self, step: &Step) {
        if let Some(at) = step.at {
            sleep_until(self.start + at.0).await;
            self.tell_events().await;
        }
        let (selector, at) = (&self.selector, self.start.elapsed());
        let told = match &step.r#do {
            Do::Connect => {
                self.reconnector = selector.reconnector();
                let outcome = self.reconnector.connect(&ConnectOptions::new()).await;
                let told = format!("connect: {}", race(&outcome));
                self.connection = outcome.ok();
                told
            }
            Do::Reconnect => {
                let outcome = self.reconnector.connect(&ConnectOptions::new()).await;
                let raced = match &outcome {
                    Ok(connection) => connection.time_to_open(),
                    Err(error) => error.elapsed(),
                };
                let waited = Ms(self.start.elapsed() - at - raced);
                let told = format!("reconnect: waited {waited} ms, {}", race(&outcome));
                self.connection = outcome.ok();
                told
            }
            Do::Candidates => {
                self.candidates = selector.candidates().try_collect().await.unwrap();
                let mut told = "candidates".to_owned();
                for one in &self.candidates {
                    let (after, at) = (Ms(one.delay), place(&one.endpoint, one.address));
                    write!(told, "\n{after:>9}  {at}").unwrap();
                }
                told
            }
            Do::Report {
                candidate,
                took,
                opened,
            } => {
                let silent = Failure::new(Phase::Connect, FailureKind::Timeout);
                let outcome = if *opened {
                    DialOutcome::Opened
                } else {
                    DialOutcome::Failed(silent)
                };
                let one = &self.candidates[*candidate];
                selector.report(one, outcome, took.0);
                let (took, at) = (Ms(took.0), place(&one.endpoint, one.address));
                let what = if *opened { "open" } else { "timed out" };
                format!("report: {at} {what} after {took} ms")
            }
            Do::Closed(how) => {
                let reason = CloseReason::from(*how);
                self.connection.take().unwrap().feedback().closed(reason);
                format!("closed: {reason:?}")
            }
            Do::RoundTrip(took) => {
                let connection = self.connection.as_ref().unwrap();
                connection.feedback().report_rtt(took.0);
                format!("round trip: {} ms", Ms(took.0))
            }
            Do::Network(id) => {
                selector.network_changed(Some(id));
                format!("network: {id}")
            }
            Do::Policy(manner) => {
                selector.set_policy((*manner).into());
                format!("policy: {:?}", selector.policy())
            }
            Do::Wait => "wait".to_owned(),
        };
        writeln!(self.story, "at {}: {told}", format_duration(at)).unwrap();
        self.tell_events().await;
    }

    /// The selector's events since the last call.
    async fn tell_events(&mut self) {
        // The listening task gets a poll.
        tokio::task::yield_now().await;
        for (at, event) in self.events.lock().unwrap().drain(..) {
            if let Some(told) = told(&event) {
                writeln!(self.story, "  {}: {told}", format_duration(at)).unwrap();
            }
        }
    }

    fn end(self) -> (Lab, String) {
        (self.lab, self.story)
    }
}

/// The built-in endpoints, with the file's hosts as an additional region.
fn catalog(names: &Names) -> Catalog {
    let mut text = format!("[[region]]\nid = {OWN:?}\n");
    for host in &names.host {
        text += &format!(
            "[[endpoint]]\nregion = {OWN:?}\nservice = \"websocket\"\nurl = \"wss://{}/ws\"\n",
            host.name
        );
    }
    Catalog::builtin()
        .with_file(&text, CatalogFormat::Toml, "hosts")
        .unwrap()
}

fn place(endpoint: &Endpoint, address: SocketAddr) -> String {
    format!("{} {}", endpoint.host(), address.ip())
}

/// The outcome of a race, and its attempts: start and end in ms, where, and how each ended.
fn race(outcome: &Result<Connection, ConnectError>) -> String {
    let (mut told, attempts) = match outcome {
        Ok(connection) => {
            let at = place(connection.endpoint(), connection.address());
            let took = Ms(connection.time_to_open());
            (format!("{at} open after {took} ms"), connection.attempts())
        }
        Err(error) => {
            let took = Ms(error.elapsed());
            let why = match error.is_timeout() {
                true => "deadline",
                false => "all failed",
            };
            (format!("{why} after {took} ms"), error.attempts())
        }
    };
    for one in attempts {
        let at = match one.address {
            Some(address) => place(&one.endpoint, address),
            None => one.endpoint.host().to_owned(),
        };
        let (from, to) = (Ms(one.started), Ms(one.ended));
        write!(told, "\n{from:>9} to {to:<6} {at} {}", ending(one)).unwrap();
    }
    told
}

fn ending(attempt: &Attempt) -> String {
    let failure = match &attempt.outcome {
        AttemptOutcome::Won => return "won".to_owned(),
        AttemptOutcome::Cancelled(phase) => return format!("cancelled in {phase}"),
        AttemptOutcome::Failed(failure) => failure,
    };
    let mut told = format!("failed in {}: {}", failure.phase(), failure.kind());
    if let Some(status) = failure.status() {
        write!(told, " {status}").unwrap();
    }
    if let Some(asked) = failure.retry_after() {
        write!(told, ", retry after {} s", asked.as_secs()).unwrap();
    }
    told
}

fn told(event: &SelectorEvent) -> Option<String> {
    Some(match event {
        SelectorEvent::PreferenceChanged { from, to } => {
            let from = from.as_ref().map_or("none", Endpoint::host);
            format!("preference changed from {from} to {}", to.host())
        }
        SelectorEvent::BreakerOpened { endpoint, address } => {
            format!("breaker opened: {}", place(endpoint, *address))
        }
        SelectorEvent::BreakerClosed { endpoint, address } => {
            format!("breaker closed: {}", place(endpoint, *address))
        }
        SelectorEvent::Refreshed {
            endpoint,
            address,
            round_trip,
        } => {
            let at = place(endpoint, *address);
            match round_trip {
                Some(took) => format!("refreshed: {at} in {} ms", Ms(*took)),
                None => format!("refreshed: {at} silent"),
            }
        }
        SelectorEvent::NetworkChanged { id } => format!("network changed to {id}"),
        // The client's own steps already show them.
        SelectorEvent::Opened { .. }
        | SelectorEvent::Failed { .. }
        | SelectorEvent::Closed { .. }
        | SelectorEvent::Waiting { .. } => return None,
        other => panic!("{other:?}"),
    })
}

/// Rounds to whole milliseconds, as tokio's timers do.
#[derive(Clone, Copy)]
struct Ms(Duration);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_millis().fmt(f)
    }
}
