//! The selector: races, hands over the live winner, learns. A facade: what runs races, what learns,
//! what tells events, what watches the network each have a module and a state of their own.

mod answers;
mod background_probe;
mod builder;
mod candidates;
mod events;
mod explanation;
mod feedback;
mod history_writer;
mod learner;
mod memory;
mod network_watch;
mod own_task;
mod race;
mod reconnect;
#[cfg(feature = "rest")]
mod rest;
mod service_view;
mod session;
#[cfg(feature = "rest")]
mod shared_task;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use easelect_engine::backoff::ServerHint;
#[cfg(feature = "rest")]
use easelect_engine::observation::Observation;
use easelect_engine::race::Width;
use futures::Stream;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

pub use background_probe::RefreshBudget;
pub use builder::SelectorBuilder;
pub use candidates::{Candidate, DialOutcome};
pub use events::{SelectorEvent, SelectorStats};
pub use explanation::{Expectation, Explanation, Standing};
pub use reconnect::Reconnector;
#[cfg(feature = "rest")]
pub use rest::{Rest, RestError, RestErrorKind, RestOptions, RestRequest, RestResponse};
pub use session::{
    Loss, LossReason, Refusal, Session, SessionControl, SessionOptions, SessionState,
};

use crate::catalog::{Endpoint, Residency};
use crate::connection::{ConnectError, Connection, Feedback, Opening};
use crate::error::Error;
use crate::handshake::{ConnectOptions, Exchange, Upgrade};
use background_probe::BackgroundProbes;
use feedback::FeedbackLearner;
use learner::Learner;
use memory::Epoch;
use network_watch::NetworkWatch;
use race::Racer;
#[cfg(feature = "rest")]
use rest::RestState;
use service_view::ServiceView;

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
    policy: Mutex<Policy>,
    racer: Racer,
    learner: Learner,
    network: NetworkWatch,
    hint: Mutex<Option<ServerHint>>,
    /// How often the device moved to another network, or woke on what may be one.
    moves: watch::Sender<u64>,
    background: BackgroundProbes,
    websocket: ServiceView,
    #[cfg(feature = "rest")]
    rest: Option<RestState>,
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

/// A race begins anew at most so often where the network comes and goes.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

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
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer and I/O enabled.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        self.connect_with(&ConnectOptions::new()).await
    }

    /// Opens a WebSocket with headers, query, subprotocols and limits of the app's own.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer and I/O enabled.
    pub async fn connect_with(&self, options: &ConnectOptions) -> Result<Connection, ConnectError> {
        self.open(options, self.policy().width()).await
    }

    /// Keeps a connection open: opens it, notices its death, opens it again. Each session is one
    /// connection; clones of the selector, and other sessions, share what is learned.
    ///
    /// Polling it panics outside of a tokio runtime with its timer and I/O enabled, and so does polling
    /// its connections.
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::new(self, options)
    }

    /// Opens a connection again and again, for apps that watch over it themselves.
    #[must_use]
    pub fn reconnector(&self) -> Reconnector {
        Reconnector::new(self.clone())
    }

    /// How many clients may reconnect together, and how many per second the servers can take;
    /// `None` for the default spread.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for a hint of no clients, or of a rate of zero.
    pub fn set_server_hint(&self, hint: Option<ServerHint>) -> Result<(), Error> {
        if let Some(ServerHint { clients, rate }) = hint {
            let sensible = |one: f64| one.is_finite() && one > 0.0;
            if !sensible(clients) || !sensible(rate) {
                let why = "server hint: expected clients and a rate above 0";
                return Err(Error::new(crate::error::ErrorKind::Input, why));
            }
        }
        *lock(&self.0.hint) = hint;
        Ok(())
    }

    /// The addresses to try, as a stream, for apps whose own SDK dials: each as soon as it may be
    /// tried, the best that is known at that moment first. Addresses that opened before come at once,
    /// others when their names are answered. Tell what became of each with [`report`](Self::report).
    ///
    /// Start the first when it comes. Start each further one its [`delay`](Candidate::delay) after the
    /// start of the one before it, or when it comes if that is later; at once when all that were
    /// started have failed; and not at all when one has succeeded.
    ///
    /// The stream ends when every name is answered, or was waited for as long as the dialer's
    /// [`attempt_timeout`](crate::DialerBuilder::attempt_timeout) says. It begins when it is first
    /// polled, and keeps the selector until it is dropped.
    ///
    /// # Errors
    ///
    /// One [`ConnectError`] in place of candidates, when no name could be resolved.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use easelect::futures::StreamExt;
    ///
    /// # async fn example(selector: &easelect::Selector) -> Result<(), easelect::ConnectError> {
    /// let mut candidates = selector.candidates();
    /// while let Some(candidate) = candidates.next().await {
    ///     let candidate = candidate?;
    ///     println!("{} at {}", candidate.endpoint.url(), candidate.address);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Polling it panics outside of a tokio runtime with its timer and I/O enabled.
    pub fn candidates(
        &self,
    ) -> impl Stream<Item = Result<Candidate, ConnectError>> + Send + Unpin + use<> {
        candidates::candidates(Arc::clone(&self.0))
    }

    /// Tells what became of a candidate that the app dialled itself, `elapsed` after its start: the
    /// one that opened first, then those that were given up for it. What is told after the device
    /// moved to another network, or slept, is ignored: it was of the one before.
    pub fn report(&self, candidate: &Candidate, outcome: DialOutcome, elapsed: Duration) {
        let (learner, view) = (&self.0.learner, &self.0.websocket);
        let shown = candidate.observation(&learner.memory(), &outcome, elapsed);
        let Some(observation) = shown else { return };
        let reported = (candidate.endpoint.clone(), candidate.address);
        let here = |memory: &memory::Memory| candidate.is_of(memory.epoch());
        // What a file told of others may be outgrown by it, too.
        let is_everyones = learner.memory().take_unsettled() || observation.at_address;
        learner.learn_one(view, &reported, observation, here);
        if is_everyones {
            self.0.reconsider_all();
        }
        learner.keep();
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

    /// The endpoint to prefer on this network as far as is known; `None` before the first success,
    /// and while all that ever opened fail. It changes only for one that is clearly better, or when it
    /// fails itself. A lock-free read, which reads the clock only while a breaker is open.
    #[must_use]
    pub fn best(&self) -> Option<Endpoint> {
        let view = &self.0.websocket;
        if view.is_over() {
            self.0.learner.reconsider(view);
        }
        view.preferred()
    }

    /// What is expected of every candidate that is known on this network: the preferred one, which
    /// is [`best`](Self::best)'s, first, then by what opening a connection costs. A lock-free read
    /// of the last snapshot, except after a heartbeat, whose round trip is worked in first; empty
    /// before the first attempt.
    #[must_use]
    pub fn expectations(&self) -> Arc<[Expectation]> {
        Arc::clone(&self.0.shown().candidates)
    }

    /// Why [`best`](Self::best) is what it is, for logs and support. Read as
    /// [`expectations`](Self::expectations) are.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(selector: &easelect::Selector) {
    /// println!("{}", selector.explain());
    /// # }
    /// ```
    #[must_use]
    pub fn explain(&self) -> Explanation {
        Explanation::clone(&self.0.shown())
    }

    /// What changes from now on, as a stream that ends with the selector. A reader that is more
    /// than 64 events behind is told how many it [missed](SelectorEvent::Missed).
    pub fn events(&self) -> impl Stream<Item = SelectorEvent> + Send + Unpin + use<> {
        self.0.learner.events().listen()
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> SelectorStats {
        self.0.learner.events().stats()
    }

    /// Tells that the device is on another network: what is remembered of that one counts from now
    /// on, races under way begin anew, sessions and reconnectors wait for nothing, connections of
    /// sessions have to show that they live, and names are looked up anew. The same network again is no
    /// change. `id` is any name that tells networks apart, such as a hash of the SSID or the carrier's
    /// name; it is kept in the history.
    ///
    /// With `None`, and until this is called with a name, the network is told by its routes, anew
    /// for every connection: on Linux by a hash of the default gateway and of the kind of its
    /// interface, elsewhere of the prefix (/24; IPv6 /32) of the device's own address.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(selector: &easelect::Selector) {
    /// selector.network_changed(Some("home Wi-Fi"));
    /// selector.network_changed(None);
    /// # }
    /// ```
    pub fn network_changed(&self, id: Option<&str>) {
        self.0.tell_network(id, |_| {});
    }

    /// [`network_changed`](Self::network_changed), and of which class the network is that the device is on
    /// now, as [`priors`](SelectorBuilder::priors) call it; `None` where that isn't known. The class counts
    /// until the device is on another network, however that is noticed: name it again whenever the system
    /// tells of a change. The same network may be of another class than was said before.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(selector: &easelect::Selector) {
    /// selector.network_changed_to(Some("46001"), Some("cn/unicom"));
    /// selector.network_changed_to(None, Some("cn/wifi")); // which one, the routes tell
    /// # }
    /// ```
    pub fn network_changed_to(&self, id: Option<&str>, class: Option<&str>) {
        self.0.tell_network(id, |inner| {
            inner.learner.memory().set_class(class);
            inner.reconsider_all();
        });
    }

    /// The identifier of the network that the device is on, as far as was told or derived.
    #[must_use]
    pub fn network(&self) -> String {
        self.0.network.id_of(&self.0.learner.network_key())
    }

    /// Writes what was learned and is not written yet to the [`HistoryStore`](crate::HistoryStore),
    /// and waits until that is done.
    ///
    /// # Errors
    ///
    /// What the store says; it is tried again with the next write.
    pub async fn flush(&self) -> Result<(), Error> {
        self.0.learner.flush().await
    }

    /// Stops what goes on in the background for good, and [flushes](Self::flush). Connecting still
    /// works. Dropping the last clone does both, too, but waits for nothing.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.0.background.stop();
        self.0.racer.answers().stop();
        self.flush().await
    }

    async fn open(
        &self,
        options: &ConnectOptions,
        width: Width,
    ) -> Result<Connection, ConnectError> {
        let inner = &self.0;
        inner.look_at_network();
        let endpoints = inner.websocket.eligible();
        let upgrade = Upgrade::of_an_app(options);
        let raced = inner.race(&inner.websocket, endpoints, upgrade, width);
        let (websocket, opening, epoch) = raced.await?;
        #[cfg(feature = "rest")]
        if let Some(rest) = &inner.rest
            && rest.view.restrict_to(opening.endpoint.region())
        {
            inner.learner.reconsider(&rest.view);
        }
        let candidate = (opening.endpoint.clone(), opening.address);
        let observer = FeedbackLearner::new(inner, candidate, epoch);
        Ok(Connection {
            websocket,
            opening,
            feedback: Feedback::new(Arc::new(observer)),
            heartbeat: None,
        })
    }
}

/// REST (feature `rest`).
#[cfg(feature = "rest")]
impl Selector {
    /// Makes REST requests, on the best endpoint of the residency, and to nothing else.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoEndpoints`](crate::ErrorKind::NoEndpoints) when the residency has no REST hosts.
    pub fn rest(&self) -> Result<Rest, Error> {
        Rest::of(self)
    }

    /// The base URL of the REST endpoint to use now, for an HTTP client of the app's own: its path
    /// included, without a slash at the end. Prefer [`rest`](Self::rest), which checks where requests
    /// go and tells failures by itself.
    ///
    /// The first call races the endpoints (`GET`, no credentials), and so does the first after
    /// 10 minutes, after [`rest_failed`](Self::rest_failed) and on another network; in between the
    /// answer is known. Who calls during a race shares it. In the mainland pool it is of the data
    /// centre whose WebSocket was opened last.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when none answers before the [deadline](SelectorBuilder::deadline), or the
    /// residency has none.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer and I/O enabled.
    pub async fn base_url(&self) -> Result<String, ConnectError> {
        let endpoint = self.rest_endpoint().await?;
        Ok(rest::base(&endpoint))
    }

    /// Tells that a request of the app's own client to this URL failed: it could not be made, or was
    /// answered 502, 503 or 504. The endpoint is then tried last for a while, and the next
    /// [`base_url`](Self::base_url) races again. A URL that is no REST endpoint's is ignored.
    pub fn rest_failed(&self, url: &str) {
        self.rest_url_failed(url);
    }
}

impl Inner {
    /// One race among these endpoints, from what is known to what is learned; and in which epoch it ended.
    /// It begins anew when the device moves within its deadline, with a deadline of its own: a network
    /// that comes and goes keeps nobody waiting for longer than two.
    async fn race<E: Exchange>(
        self: &Arc<Self>,
        view: &ServiceView,
        mut endpoints: Vec<Endpoint>,
        exchange: E,
        width: Width,
    ) -> Result<(E::Opened, Opening, Epoch), ConnectError> {
        let Some(service) = endpoints.first().map(Endpoint::service) else {
            return Err(ConnectError::no_endpoint());
        };
        let mut moves = self.moves.subscribe();
        let began = Instant::now();
        let mut restarts_from = began;
        let (mut ended, epoch) = loop {
            let epoch = self.learner.epoch();
            endpoints = self.racer.shuffled(endpoints);
            let span = tracing::info_span!(
                target: "easelect::connect",
                "connect",
                residency = %self.residency,
                endpoints = endpoints.len(),
            );
            let race = self.racer.run(&endpoints, exchange, width, &self.learner);
            let moved = async {
                tokio::time::sleep_until(restarts_from).await;
                moves.changed().await
            };
            tokio::select! {
                biased;
                // What is under way is of the old network: silent there until the deadline.
                _ = moved, if began.elapsed() < self.racer.deadline() => {
                    restarts_from = Instant::now() + RESTART_PAUSE;
                }
                ended = race.instrument(span) => break (ended, epoch),
            }
        };
        match &mut ended.outcome {
            Ok((_, opening)) => opening.time_to_open = began.elapsed(),
            Err(error) => error.took(began.elapsed()),
        }
        let outcome = ended.outcome.as_ref().map(|(_, opening)| opening);
        let told = events::of_race(service, outcome);
        // The device may have moved since: what was shown is of another network.
        if self.learner.epoch() == epoch {
            let mut observations = std::mem::take(&mut ended.observations);
            for (_, observation) in &mut observations {
                observation.opened &= E::PROVES;
            }
            self.learner.learn(observations);
            self.reconsider_all();
            self.learner.keep();
            if let (Ok((_, opening)), true) = (&ended.outcome, E::PROVES) {
                view.won(&opening.endpoint);
                let probeable = std::mem::take(&mut ended.probeable);
                self.probe_in_background(width, probeable, ended.queue_ms, epoch);
            }
        }
        self.learner.events().send(told);
        ended
            .outcome
            .map(|(opened, opening)| (opened, opening, epoch))
    }

    /// What is known of how many reconnect together.
    fn hint(&self) -> Option<ServerHint> {
        *lock(&self.hint)
    }

    /// Who is preferred for each service: they may share addresses, and a heartbeat alone would not
    /// notice for an hour.
    fn reconsider_all(&self) {
        self.learner.reconsider(&self.websocket);
        #[cfg(feature = "rest")]
        if let Some(rest) = &self.rest {
            self.learner.reconsider(&rest.view);
        }
    }

    /// Measures a few of the addresses that were not heard of for long, if their answer is worth it.
    /// `queue_ms` is by how much the access link delays all alike.
    fn probe_in_background(
        self: &Arc<Self>,
        width: Width,
        known: Vec<memory::Candidate>,
        queue_ms: f64,
        epoch: Epoch,
    ) {
        let Some(most) = self.background.budget(width) else {
            return;
        };
        let chosen = self.learner.memory().to_check(known, most);
        let selector = Arc::downgrade(self);
        let learn = move |candidate: memory::Candidate, answered: Option<Duration>| {
            let Some(inner) = selector.upgrade() else {
                return;
            };
            (inner.learner).probed(candidate, answered, queue_ms, epoch);
            inner.reconsider_all();
        };
        (self.background).measure(self.racer.handshake(), chosen, learn);
    }

    /// What was shown of REST endpoints by requests, or told by the app.
    #[cfg(feature = "rest")]
    fn learn_of_rest(&self, observations: Vec<(memory::Candidate, Observation)>) {
        self.learner.learn(observations);
        self.reconsider_all();
        self.learner.keep();
    }

    /// What is expected of the service's candidates.
    fn shown(&self) -> arc_swap::Guard<Arc<Explanation>> {
        if self.websocket.is_outdated() {
            self.learner.reconsider(&self.websocket);
        }
        self.websocket.explanation()
    }

    /// Before a connection: whether the device is elsewhere, or slept. After sleep nothing is known
    /// of the network but its name: reconnecting waits for nothing.
    fn look_at_network(&self) {
        let slept = self.learner.memory().wake(SystemTime::now().into());
        if let Some(slept) = slept {
            tracing::debug!(target: "easelect::connect", ?slept, "woke from sleep");
        }
        let mut moved = slept.is_some();
        let key = || self.learner.network_key();
        self.network.look(key, |id| {
            moved = true;
            self.enter(id);
        });
        if moved {
            self.moved_on();
        }
    }

    /// The app says which network it is; `then` is done before races begin anew.
    fn tell_network(&self, id: Option<&str>, then: impl FnOnce(&Self)) {
        let mut moved = false;
        let key = || self.learner.network_key();
        self.network.tell(id, key, |id| {
            moved = true;
            self.enter(id);
        });
        then(self);
        if moved {
            self.moved_on();
        }
    }

    fn enter(&self, id: String) {
        self.learner.memory().enter(self.network.key(&id));
        (self.learner.events()).send(SelectorEvent::NetworkChanged { id });
        self.reconsider_all();
    }

    /// What was true of the old network no longer holds: names are looked up anew, what REST uses is
    /// raced anew, sessions are not resumed, and nobody has to be spared. It calls the app's resolver,
    /// so that no lock may be held.
    fn moved_on(&self) {
        self.racer.dialer().tls().moved_on();
        self.racer.answers().moved_on();
        #[cfg(feature = "rest")]
        if let Some(rest) = &self.rest {
            rest.moved_on();
        }
        self.moves.send_modify(|moves| *moves += 1);
    }
}

/// A panic elsewhere must not take the selector with it: what it guards stays usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.learner.keep();
    }
}
