//! The [`Selector`]: races endpoints, hands over the open connection and learns from every attempt.
//!
//! This module is a facade. Racing, learning, events and network changes each have a module with state
//! of its own.

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

/// Opens connections to one service of one [`Residency`], on the endpoint that is fastest right now.
///
/// [`connect`](Self::connect) races the addresses of the endpoints and returns the first one that is
/// completely open. The selector learns from every attempt, per network, so later connections start
/// with the address that is likely to win. Endpoints of other residencies are never contacted.
///
/// Build one selector for the lifetime of the app. Clones are cheap and share everything that was
/// learned.
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
    /// Counts network changes and wake-ups; a device that wakes may be on another network.
    moves: watch::Sender<u64>,
    background: BackgroundProbes,
    websocket: ServiceView,
    #[cfg(feature = "rest")]
    rest: Option<RestState>,
}

/// How much extra traffic a selector may spend to connect faster.
///
/// The policy can be changed at run time with [`Selector::set_policy`]. It does not apply when a
/// [`Session`] or a [`Reconnector`] reconnects after a loss: with thousands of clients reconnecting at
/// once, extra attempts would overload the servers. Such a race makes one attempt, and a second one
/// only when the first is late. After a change of network the policy applies, since no other clients
/// reconnect at that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// The fastest choice. It dials up to six addresses at once, as far as the extra SYNs are expected
    /// to pay off; four on a network where nothing has opened yet, six there with
    /// [`priors`](SelectorBuilder::priors). TLS starts on one of them, and on a second one when the
    /// first is late or the second is expected to open sooner. At most eight attempts are under way at
    /// once.
    ///
    /// In simulation a connection costs 1.3 extra TCP connects and 0.2 extra TLS handshakes on average.
    #[default]
    Fast,
    /// Slightly slower, with about three quarters of the extra TCP connects of [`Fast`](Self::Fast). It
    /// dials up to four addresses at once.
    Thrifty,
    /// One attempt at a time. The next one starts only after a failure, or when a SYN stays unanswered
    /// for 3 s or a step of the handshake for 10 s. The selector makes no TCP connects in the
    /// background.
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

/// The shortest time between two restarts of a race while the network keeps changing.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

impl Selector {
    /// Starts configuring a selector for a residency: a [`Region`](crate::Region), or
    /// [`Residency::mainland_pool`].
    ///
    /// By default the selector connects to the residency's WebSocket service. It uses the built-in
    /// catalogue, and the platform's resolver and root certificates.
    #[must_use]
    pub fn builder(residency: impl Into<Residency>) -> SelectorBuilder {
        SelectorBuilder::new(residency.into())
    }

    /// Returns the residency whose endpoints are raced: one data centre, or the mainland pool.
    #[must_use]
    pub fn residency(&self) -> &Residency {
        &self.0.residency
    }

    /// Opens a WebSocket on the fastest endpoint.
    ///
    /// It races the addresses of the residency's endpoints, returns the first WebSocket that is
    /// completely open, and cancels the other attempts. A WebSocket counts as open when the certificate
    /// is verified and the server has accepted the upgrade. Dropping the future cancels every attempt.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], which lists every attempt, if no endpoint opened before the
    /// [deadline](SelectorBuilder::deadline).
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its timer and I/O enabled.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        self.connect_with(&ConnectOptions::new()).await
    }

    /// Opens a WebSocket with the app's own headers, query, subprotocols and limits; otherwise the same
    /// as [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its timer and I/O enabled.
    pub async fn connect_with(&self, options: &ConnectOptions) -> Result<Connection, ConnectError> {
        self.open(options, self.policy().width()).await
    }

    /// Returns a [`Session`], which keeps one connection open: it connects, detects a dead connection
    /// and reconnects.
    ///
    /// Use one session per connection. Sessions of the same selector, and its clones, share what was
    /// learned.
    ///
    /// # Panics
    ///
    /// Polling the session, or one of its connections, panics outside a tokio runtime with its timer
    /// and I/O enabled.
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::new(self, options)
    }

    /// Returns a [`Reconnector`], which reconnects with backoff, for apps that monitor their
    /// connections themselves.
    #[must_use]
    pub fn reconnector(&self) -> Reconnector {
        Reconnector::new(self.clone())
    }

    /// Sets how many clients may reconnect at once and how many per second the servers can accept.
    /// Sessions and reconnectors then spread their attempts over 1.6 × `clients` / `rate` seconds, at
    /// most one hour. `None` restores the default spread, which is 10 s after a connection that lasted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if `clients` or `rate` is not a finite number
    /// above zero.
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

    /// Returns the addresses to dial, best first, for apps whose own SDK opens the connections.
    ///
    /// The stream yields each address as soon as it may be dialled. Addresses that opened on this
    /// network before come at once, the others when DNS has answered. Report the outcome of each dial
    /// with [`report`](Self::report).
    ///
    /// Dial the first candidate when it arrives. Dial each further candidate its
    /// [`delay`](Candidate::delay) after the start of the previous one, or when it arrives if that is
    /// later. If all dials so far have failed, dial the next one immediately. If one has succeeded,
    /// dial no more.
    ///
    /// The stream does its first work when it is first polled. It ends when every DNS lookup is
    /// answered or has taken longer than the dialer's
    /// [`attempt_timeout`](crate::DialerBuilder::attempt_timeout). Until it is dropped, it keeps the
    /// selector alive.
    ///
    /// # Errors
    ///
    /// The stream yields a single [`ConnectError`], and no candidate, if no name could be resolved.
    ///
    /// # Panics
    ///
    /// Polling the stream panics outside a tokio runtime with its timer and I/O enabled.
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
    pub fn candidates(
        &self,
    ) -> impl Stream<Item = Result<Candidate, ConnectError>> + Send + Unpin + use<> {
        candidates::candidates(Arc::clone(&self.0))
    }

    /// Reports how the app's own dial of a candidate ended. `elapsed` is the time since the app started
    /// it.
    ///
    /// Report the candidate that opened first, then the ones that were cancelled in favour of it.
    /// Reports that arrive after the device moved to another network, or slept, are ignored, because
    /// the dial was made on the previous network.
    pub fn report(&self, candidate: &Candidate, outcome: DialOutcome, elapsed: Duration) {
        let (learner, view) = (&self.0.learner, &self.0.websocket);
        let shown = candidate.observation(&learner.memory(), &outcome, elapsed);
        let Some(observation) = shown else { return };
        let reported = (candidate.endpoint.clone(), candidate.address);
        let here = |memory: &memory::Memory| candidate.is_of(memory.epoch());
        // It may also end the trust in what a stored history says of other candidates.
        let is_everyones = learner.memory().take_unsettled() || observation.at_address;
        learner.learn_one(view, &reported, observation, here);
        if is_everyones {
            self.0.reconsider_all();
        }
        learner.keep();
    }

    /// Returns the current policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        *lock(&self.0.policy)
    }

    /// Changes the policy, from the next race on.
    pub fn set_policy(&self, policy: Policy) {
        *lock(&self.0.policy) = policy;
    }

    /// Returns the preferred endpoint on the current network.
    ///
    /// Returns `None` if nothing has opened on this network yet, in this run or in the restored
    /// [history](SelectorBuilder::history), or if every address that has opened is in a break after
    /// failures.
    ///
    /// The preference is stable. It changes only if the preferred address
    ///
    /// - fails: its circuit breaker opens, or its failure probability exceeds 30 % and another address
    ///   is cheaper,
    /// - costs at least 8 % more than another one, with 95 % certainty,
    /// - has not been heard from for a day, and one that is at least 8 % cheaper opened since, or
    /// - is no longer among the addresses that DNS returns.
    ///
    /// This is a lock-free read, unless a circuit breaker closed since the last call. It reads the
    /// clock only while a breaker is open.
    #[must_use]
    pub fn best(&self) -> Option<Endpoint> {
        let view = &self.0.websocket;
        if view.is_over() {
            self.0.learner.reconsider(view);
        }
        view.preferred()
    }

    /// Returns what the selector expects of every address that it knows on the current network.
    ///
    /// The preferred address, whose endpoint [`best`](Self::best) returns, comes first. The others
    /// follow in order of their expected cost, with those in a break after failures last. The slice is
    /// empty while no address is known.
    ///
    /// This is a lock-free read of the last snapshot. The snapshot is updated first if a heartbeat
    /// reported a round trip or a circuit breaker closed since.
    #[must_use]
    pub fn expectations(&self) -> Arc<[Expectation]> {
        Arc::clone(&self.0.shown().candidates)
    }

    /// Explains the choice of [`best`](Self::best) in words, for logs and support. Reads the same
    /// snapshot as [`expectations`](Self::expectations).
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

    /// Returns a stream of what happens from now on. It ends when the selector is dropped.
    ///
    /// A listener that falls more than 64 events behind receives [`SelectorEvent::Missed`] with the
    /// number of events that it missed. The first listener also receives the history errors of
    /// [`build`](SelectorBuilder::build).
    pub fn events(&self) -> impl Stream<Item = SelectorEvent> + Send + Unpin + use<> {
        self.0.learner.events().listen()
    }

    /// Returns the counts of what the selector did so far.
    #[must_use]
    pub fn stats(&self) -> SelectorStats {
        self.0.learner.events().stats()
    }

    /// Notifies the selector that the device is on another network.
    ///
    /// `id` names the network and can be any text that distinguishes networks, such as a hash of the
    /// SSID or the carrier's name. It is stored in the history; characters beyond the 128th are
    /// ignored. Passing the same `id` again has no effect.
    ///
    /// When the network changes:
    ///
    /// - the selector uses what it learned on the new network before,
    /// - races under way restart, and DNS names are looked up again,
    /// - TLS sessions and REST connections of the old network are not reused,
    /// - sessions and reconnectors stop waiting, and retry at most once per second,
    /// - connections of sessions must prove within [`network_grace`](SessionOptions::network_grace)
    ///   that they still work.
    ///
    /// With `None`, and until the app names a network, the selector identifies the network by its
    /// routes, and checks them before every connection. On Linux the identifier is a hash of the
    /// default gateway, part of its hardware address, and the kind of interface. Elsewhere, on Android
    /// since version 10, and without a gateway, it is a hash of the address prefix (/24 for IPv4, /32
    /// for IPv6).
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

    /// Does the same as [`network_changed`](Self::network_changed), and also sets the class of the
    /// network.
    ///
    /// The class selects the [`priors`](SelectorBuilder::priors) for this network. `None` means that
    /// the class is unknown. It applies until the device moves to another network, however the selector
    /// notices that, so pass it with every change that the system reports. The class of the current
    /// network can be corrected by passing the same `id` again.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn example(selector: &easelect::Selector) {
    /// selector.network_changed_to(Some("46001"), Some("cn/unicom"));
    /// selector.network_changed_to(None, Some("cn/wifi")); // identified by its routes
    /// # }
    /// ```
    pub fn network_changed_to(&self, id: Option<&str>, class: Option<&str>) {
        self.0.tell_network(id, |inner| {
            inner.learner.memory().set_class(class);
            inner.reconsider_all();
        });
    }

    /// Returns the identifier of the current network: the app's, or the one derived from the routes.
    #[must_use]
    pub fn network(&self) -> String {
        self.0.network.id_of(&self.0.learner.network_key())
    }

    /// Writes everything learned since the last write to the [`HistoryStore`](crate::HistoryStore), and
    /// waits until it is written. Does nothing without a store.
    ///
    /// # Errors
    ///
    /// The error of the store. The next write includes the data again.
    pub async fn flush(&self) -> Result<(), Error> {
        self.0.learner.flush().await
    }

    /// Stops background probes and DNS refreshes permanently, then [flushes](Self::flush). Connecting
    /// still works.
    ///
    /// Dropping the last clone does the same, but does not wait for the write.
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
    /// Returns a client for REST requests, which go to the best REST endpoint of the residency and
    /// nowhere else.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NoEndpoints`](crate::ErrorKind::NoEndpoints) if the catalogue has no REST
    ///   endpoint for the residency.
    /// - [`ErrorKind::Input`](crate::ErrorKind::Input) if the dialer has a custom connector and
    ///   [`RestOptions::through_connector`] is not set.
    pub fn rest(&self) -> Result<Rest, Error> {
        Rest::of(self)
    }

    /// Returns the base URL of the REST endpoint to use now, for apps with their own HTTP client. The
    /// URL includes the endpoint's path and has no trailing slash.
    ///
    /// Prefer [`rest`](Self::rest), which also checks where each request goes and learns from failures
    /// automatically.
    ///
    /// The first call races the endpoints with a `GET` without credentials. The result is reused for 10
    /// minutes, until [`rest_failed`](Self::rest_failed) is called for it, or until the network
    /// changes. Calls during a race share it. In the mainland pool the URL belongs to the data centre
    /// whose WebSocket was opened last.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if no endpoint answers before the [deadline](SelectorBuilder::deadline), or if
    /// the catalogue has no REST endpoint for the residency.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its timer and I/O enabled.
    pub async fn base_url(&self) -> Result<String, ConnectError> {
        let endpoint = self.rest_endpoint().await?;
        Ok(rest::base(&endpoint))
    }

    /// Reports that a request of the app's own HTTP client failed: it could not be made, or the
    /// response was 502, 503 or 504.
    ///
    /// The endpoint of `url` is tried last for a while, and the next [`base_url`](Self::base_url) races
    /// again. A URL that does not belong to a REST endpoint of the residency is ignored.
    pub fn rest_failed(&self, url: &str) {
        self.rest_url_failed(url);
    }
}

impl Inner {
    /// Runs one race among these endpoints and learns from it. Also returns the epoch in which it
    /// ended.
    ///
    /// If the device moves within the deadline, the race restarts with a new deadline. So a call takes
    /// less than two deadlines, however often the network changes.
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
                // Attempts on the old network would stay silent until the deadline.
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
        // If the device moved since, the observations belong to another network.
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

    /// The hint set by the app, if any.
    fn hint(&self) -> Option<ServerHint> {
        *lock(&self.hint)
    }

    /// Updates the preferred endpoint of every service. Services may share addresses, and a heartbeat
    /// alone would trigger this only once an hour.
    fn reconsider_all(&self) {
        self.learner.reconsider(&self.websocket);
        #[cfg(feature = "rest")]
        if let Some(rest) = &self.rest {
            self.learner.reconsider(&rest.view);
        }
    }

    /// Probes a few addresses of which only a stored history tells. `queue_ms` is the delay that the
    /// access link adds to every address alike.
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

    /// Learns what REST requests, or the app, reported about endpoints.
    #[cfg(feature = "rest")]
    fn learn_of_rest(&self, observations: Vec<(memory::Candidate, Observation)>) {
        self.learner.learn(observations);
        self.reconsider_all();
        self.learner.keep();
    }

    /// The current explanation for the WebSocket service.
    fn shown(&self) -> arc_swap::Guard<Arc<Explanation>> {
        if self.websocket.is_outdated() {
            self.learner.reconsider(&self.websocket);
        }
        self.websocket.explanation()
    }

    /// Checks, before a connection, whether the device moved or slept. Sleep counts as a move: the
    /// state of the network after it is unknown.
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

    /// Handles the app's notification about the network. `then` runs before races restart.
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

    /// Discards what belongs to the old network: DNS answers, TLS sessions, REST's winner and
    /// connections, backoff. It calls the app's resolver, so the caller must not hold a lock.
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

/// Locks a mutex; a panic elsewhere while it was held doesn't make the selector unusable.
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
    /// Writes what feedback and probes taught since the last connection.
    fn drop(&mut self) {
        self.learner.keep();
    }
}
