//! The selector: plans, races, hands over the live winner, learns.

mod background_probe;
mod builder;
mod candidates;
mod events;
mod explanation;
mod feedback;
mod history_writer;
mod memory;
mod network_watch;
mod race;
mod reconnect;
#[cfg(feature = "rest")]
mod rest;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use easelect_engine::backoff::Backoff;
use easelect_engine::health::Transition;
use easelect_engine::observation::Observation;
use easelect_engine::race::Width;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;

pub use builder::SelectorBuilder;
pub use candidates::Candidate;

use crate::catalog::{Endpoint, Region, Residency, Service};
use crate::connection::{ConnectError, Connection, Feedback, Opening};
use crate::handshake::{ConnectOptions, Handshake, Opened, Paths};
use crate::resolve::Names;
use crate::tls::TlsClient;
pub use background_probe::RefreshBudget;
pub use events::{SelectorEvent, SelectorStats};
pub use explanation::{Expectation, Explanation, Standing};
use race::Ground;

use events::Counts;
use feedback::Ear;
use history_writer::HistoryWriter;
use memory::{Change, Memory};

/// Opens connections of one service inside one [`Residency`], on the endpoint that is fastest
/// right now. Cheap to clone; clones share what was learned.
///
/// # Example
///
/// ```no_run
/// use easelect::{Region, Selector};
/// use futures::{SinkExt, StreamExt};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let selector = Selector::builder(Region::SGP1).build()?;
/// let mut connection = selector.connect().await?;
/// println!("{} in {:?}", connection.url(), connection.time_to_open());
/// connection.send("hello".into()).await?;
/// let answer = connection.next().await;
/// # let _ = answer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Selector(Arc<Inner>);

struct Inner {
    residency: Residency,
    names: Names,
    handshake: Handshake,
    /// Shared with the app's REST client.
    #[cfg_attr(
        not(feature = "rest"),
        expect(dead_code, reason = "only REST needs it")
    )]
    tls: TlsClient,
    paths: Paths,
    deadline: Duration,
    random: Mutex<fastrand::Rng>,
    memory: Arc<Mutex<Memory>>,
    policy: Mutex<Policy>,
    events: broadcast::Sender<SelectorEvent>,
    counts: Mutex<Counts>,
    backoff: Mutex<Backoff>,
    /// The network changed since the last connection: reconnecting needs no delay.
    moved: Mutex<bool>,
    /// Wakes who is waiting to reconnect when it does.
    moving: Notify,
    /// When `reconnect()` last failed.
    refused: Mutex<Option<Instant>>,
    /// One race for REST at a time: who comes meanwhile has its answer.
    #[cfg_attr(
        not(feature = "rest"),
        expect(dead_code, reason = "only REST needs it")
    )]
    rest_race: tokio::sync::Mutex<()>,
    /// The app said which network it is; otherwise the routes tell.
    network_told: AtomicBool,
    keeper: Option<HistoryWriter>,
    refresh: RefreshBudget,
    /// Background dials; they end with the selector.
    tasks: Mutex<JoinSet<()>>,
    service: Field,
    /// The data centre whose WebSocket was opened last.
    open_in: ArcSwapOption<Region>,
    rest: Option<Field>,
}

/// The endpoints of one service, and what is known about them.
struct Field {
    kind: Service,
    endpoints: Vec<Endpoint>,
    preferred: ArcSwapOption<Endpoint>,
    outlook: ArcSwap<Explanation>,
    /// Something was learned that the outlook doesn't show.
    outdated: AtomicBool,
    /// When a race last had a winner.
    won: Mutex<Option<Instant>>,
}

/// The endpoints of a race, in the order in which to try those of which nothing is known.
#[derive(Debug)]
struct Plan {
    endpoints: Vec<Endpoint>,
}

/// How much a selector spends on being fast. Changeable at run time, as an app's remote
/// configuration may want it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Up to three SYNs at once where they are worth it, TLS on one, hedged when late.
    #[default]
    Fast,
    /// Half the extra SYNs, a little slower.
    Thrifty,
    /// One attempt at a time, no background traffic.
    Conservative,
}

impl Policy {
    fn width(self) -> Width {
        match self {
            Policy::Fast => Width::FAST,
            Policy::Thrifty => Width::THRIFTY,
            Policy::Conservative => Width::ONE,
        }
    }
}

impl Selector {
    /// A selector of the residency's WebSocket service, with the built-in catalogue, the
    /// platform's resolver and roots.
    #[must_use]
    pub fn builder(residency: impl Into<Residency>) -> SelectorBuilder {
        SelectorBuilder::new(residency.into())
    }

    /// The data centre, or the pool, whose endpoints are raced.
    #[must_use]
    pub fn residency(&self) -> &Residency {
        &self.0.residency
    }

    /// Opens a WebSocket: races the endpoints, hands over the first that is completely open, and
    /// gives the others up. Dropping the future stops everything.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], with every attempt, when none could be opened before the deadline.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        self.connect_with(&ConnectOptions::new()).await
    }

    /// Opens a WebSocket with headers, query, subprotocols and limits of the app's own.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(&self, options: &ConnectOptions) -> Result<Connection, ConnectError> {
        let width = self.policy().width();
        self.open(options, width).await
    }

    async fn open(
        &self,
        options: &ConnectOptions,
        width: Width,
    ) -> Result<Connection, ConnectError> {
        self.look_around();
        // The device may move during the race: the connection is then of this network, not of that.
        let network = lock(&self.0.memory).network_id().to_owned();
        let (opened, opening) = self.race(&self.0.service, options, width).await?;
        let region = Arc::new(opening.endpoint.region().clone());
        let before = self.0.open_in.swap(Some(Arc::clone(&region)));
        if let Some(rest) = self.0.rest.as_ref().filter(|_| before != Some(region)) {
            self.0.reconsider(rest);
        }
        match *opened {
            Opened::WebSocket(websocket, _) => Ok(Connection {
                websocket,
                feedback: self.ear_on(&opening, network),
                opening,
            }),
            // `build()` refuses a service without WebSocket; if it ever came, it isn't one.
            Opened::Answered => Err(ConnectError {
                attempts: opening.attempts,
                elapsed: opening.time_to_open,
                timed_out: false,
            }),
        }
    }

    fn ear_on(&self, opening: &Opening, network: String) -> Feedback {
        let candidate = (opening.endpoint.clone(), opening.address);
        Feedback {
            heed: Arc::new(Ear::new(&self.0, candidate, network)),
            opened: Instant::now(),
        }
    }

    async fn race(
        &self,
        field: &Field,
        options: &ConnectOptions,
        width: Width,
    ) -> Result<(Box<Opened>, Opening), ConnectError> {
        self.look_around();
        let network = lock(&self.0.memory).network_id().to_owned();
        let plan = self.plan(field);
        let ground = Ground {
            names: &self.0.names,
            handshake: &self.0.handshake,
            paths: &self.0.paths,
            plan: &plan,
            options,
            memory: &self.0.memory,
            width,
        };
        let span = tracing::info_span!(
            target: "easelect::connect",
            "connect",
            residency = %self.0.residency,
            endpoints = plan.endpoints.len(),
        );
        let ended = race::run(ground, self.0.deadline).instrument(span).await;
        let outcome = ended.outcome.as_ref().map(|(_, opening)| opening);
        lock(&self.0.counts).raced(field.kind == Service::Rest, outcome);
        // The device may have moved since: what was shown is of another network.
        if lock(&self.0.memory).network_id() == network {
            self.learn(field, ended.observations);
            if ended.outcome.is_ok() {
                *lock(&field.won) = Some(Instant::now());
                if field.kind == self.0.service.kind {
                    *lock(&self.0.moved) = false;
                    lock(&self.0.backoff).reset();
                }
                self.refresh(width, ended.probeable, ended.queue_ms, &network);
            }
        }
        ended.outcome
    }

    fn learn(&self, field: &Field, observations: Vec<(memory::Candidate, Observation)>) {
        let mut memory = lock(&self.0.memory);
        let changes = memory.learn(observations);
        drop(memory);
        self.0.tell(changes);
        self.0.reconsider(field);
        if field.kind == Service::Rest {
            // They may share servers, and a heartbeat alone would not notice for an hour.
            self.0.reconsider(&self.0.service);
        }
        self.0.keep();
    }

    /// How much is spent on being fast.
    #[must_use]
    pub fn policy(&self) -> Policy {
        *lock(&self.0.policy)
    }

    /// Changes how much is spent on being fast, from the next connection on.
    pub fn set_policy(&self, policy: Policy) {
        *lock(&self.0.policy) = policy;
    }

    /// The endpoint to prefer on this network as far as is known; `None` before the first success.
    /// It changes only for one that is clearly better, or when it fails itself. A lock-free read,
    /// without clock or allocation.
    #[must_use]
    pub fn best(&self) -> Option<Endpoint> {
        let preferred = self.0.service.preferred.load();
        preferred.as_ref().map(|endpoint| Endpoint::clone(endpoint))
    }

    /// In random order, so that a million clients that know nothing don't all begin with the same
    /// host; what is known decides in the race.
    fn plan(&self, field: &Field) -> Plan {
        let mut endpoints = self.0.eligible(field);
        lock(&self.0.random).shuffle(&mut endpoints);
        Plan { endpoints }
    }
}

impl Inner {
    /// Who is preferred may have changed with what was learned.
    fn reconsider(&self, field: &Field) {
        let mut memory = lock(&self.memory);
        let change = field.reconsider(&mut memory, &self.eligible(field));
        drop(memory);
        self.tell(change);
    }

    /// The endpoints that may be used now. REST's data follow the data centre whose WebSocket was
    /// opened last, if it has REST endpoints.
    fn eligible(&self, field: &Field) -> Vec<Endpoint> {
        let open_in = self.open_in.load();
        let region = open_in.as_ref().filter(|_| field.kind == Service::Rest);
        let there = |one: &&Endpoint| region.is_none_or(|region| *one.region() == **region);
        let mut endpoints: Vec<Endpoint> = field.endpoints.iter().filter(there).cloned().collect();
        if endpoints.is_empty() {
            endpoints.clone_from(&field.endpoints);
        }
        endpoints
    }

    /// Has what was learned kept.
    fn keep(&self) {
        let Some(keeper) = &self.keeper else { return };
        // Held until the keeper is asked: a `shutdown()` meanwhile would find nothing to keep, and
        // the keeper nothing to write.
        let mut memory = lock(&self.memory);
        if memory.take_unkept() {
            keeper.keep();
        }
    }

    fn tell(&self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            // Nobody may be listening.
            let _ = self.events.send(change.into());
        }
    }
}

impl From<Change> for SelectorEvent {
    fn from(change: Change) -> Self {
        match change {
            Change::Preference { from, to } => SelectorEvent::PreferenceChanged {
                from: from.map(|(endpoint, _)| endpoint),
                to: to.0,
            },
            Change::Breaker((endpoint, address), Transition::Opened) => {
                SelectorEvent::BreakerOpened { endpoint, address }
            }
            Change::Breaker((endpoint, address), Transition::Closed) => {
                SelectorEvent::BreakerClosed { endpoint, address }
            }
        }
    }
}

/// A panic elsewhere must not take the selector with it: what it guards stays usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Field {
    fn new(kind: Service, endpoints: Vec<Endpoint>) -> Self {
        Field {
            kind,
            endpoints,
            preferred: ArcSwapOption::empty(),
            outlook: ArcSwap::from_pointee(Explanation {
                network: "".into(),
                candidates: Arc::default(),
            }),
            outdated: AtomicBool::new(false),
            won: Mutex::new(None),
        }
    }

    /// Whether a race had a winner within this time.
    #[cfg(feature = "rest")]
    fn is_fresh(&self, within: Duration) -> bool {
        let won = lock(&self.won);
        won.is_some_and(|at| at.elapsed() < within)
    }

    /// Shows what the memory says of these endpoints of this field now; who is preferred may have
    /// changed.
    fn reconsider(&self, memory: &mut Memory, endpoints: &[Endpoint]) -> Option<Change> {
        self.outdated.store(false, Ordering::Relaxed);
        let mut outlook = memory.reconsider(endpoints);
        let change = outlook.change.take();
        let preferred = outlook.preferred.as_ref();
        self.preferred
            .store(preferred.map(|(endpoint, _)| Arc::new(endpoint.clone())));
        let explanation = explanation::explain(memory.network_id(), outlook);
        self.outlook.store(Arc::new(explanation));
        change
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selector")
            .field("residency", &self.0.residency)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// What feedback and probes taught since the last connection is kept, too.
    fn drop(&mut self) {
        self.keep();
    }
}
