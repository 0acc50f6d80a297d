//! Configuration of a [`Selector`].

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use easelect_engine::priors::Priors;
use tokio::sync::watch;

use super::background_probe::{BackgroundProbes, RefreshBudget};
use super::events::{Events, SelectorEvent};
use super::history_writer::HistoryWriter;
use super::learner::Learner;
use super::memory::Memory;
use super::network_watch::NetworkWatch;
use super::race::Racer;
#[cfg(feature = "rest")]
use super::rest::{RestOptions, RestState};
use super::service_view::ServiceView;
use super::{Inner, Policy, Selector};
use crate::catalog::{Catalog, Residency, Service};
use crate::clock::Clock;
use crate::dialer::Dialer;
use crate::error::{Error, ErrorKind};
use crate::handshake::Handshake;
use crate::history::{HistoryStore, ask};

/// Configures a [`Selector`]; created by [`Selector::builder`].
///
/// Every setting has a default, so `Selector::builder(region).build()` is a complete configuration. An
/// app that keeps what it learned across restarts adds [`history`](Self::history).
#[derive(Clone)]
pub struct SelectorBuilder {
    residency: Residency,
    service: Service,
    catalog: Catalog,
    dialer: Option<Dialer>,
    deadline: Duration,
    seed: u64,
    network: Option<String>,
    priors: Priors,
    class: Option<String>,
    policy: Policy,
    history: Option<Arc<dyn HistoryStore>>,
    refresh: RefreshBudget,
    early_data: bool,
    #[cfg(feature = "rest")]
    rest: Option<RestOptions>,
}

impl SelectorBuilder {
    pub(super) fn new(residency: Residency) -> Self {
        SelectorBuilder {
            residency,
            service: Service::Websocket,
            catalog: Catalog::builtin(),
            dialer: None,
            deadline: Duration::from_secs(15),
            seed: fastrand::u64(..),
            network: None,
            priors: Priors::default(),
            class: None,
            policy: Policy::default(),
            history: None,
            refresh: RefreshBudget::default(),
            early_data: false,
            #[cfg(feature = "rest")]
            rest: None,
        }
    }

    /// Sets the service to connect to. The default is [`Service::Websocket`].
    ///
    /// With [`Service::Rest`] the selector makes REST requests only; every call to connect fails with
    /// [`ConnectErrorKind::NoEndpoint`](crate::ConnectErrorKind::NoEndpoint).
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// Sets the catalogue of endpoints to choose from. The default is the built-in one.
    #[must_use]
    pub fn catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = catalog;
        self
    }

    /// Sets how the network is reached: resolver, connector, TLS, proxy and timeouts. By default the
    /// selector connects directly, with the platform's resolver and root certificates.
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = Some(dialer);
        self
    }

    /// Sets how much extra traffic to spend on connecting faster. The default is [`Policy::Fast`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets where the selector stores what it learned, for the next run of the app. By default it is
    /// not stored.
    ///
    /// [`build`](Self::build) reads the store once, on the caller's thread. A thread of the selector
    /// writes to it, at most once every 5 s and on [`flush`](Selector::flush). Errors of the store
    /// never fail a connection. They are reported by [`Selector::events`]; errors during `build` go to
    /// the first listener.
    #[must_use]
    pub fn history(mut self, store: impl HistoryStore) -> Self {
        self.history = Some(Arc::new(store));
        self
    }

    /// Sets how many TCP connects the selector may make in the background after it opened a connection.
    /// The default is one. See [`RefreshBudget`].
    #[must_use]
    pub fn refresh(mut self, budget: RefreshBudget) -> Self {
        self.refresh = budget;
        self
    }

    /// Sends the upgrade request as TLS 1.3 early data (0-RTT, RFC 8446 §2.3). Off by default.
    ///
    /// The server must offer it, and the selector must have connected to it before in this process, on
    /// the same network. Opening a WebSocket then takes two round trips instead of three, counted from
    /// the SYN.
    ///
    /// Early data has weaker guarantees than other TLS data (RFC 8446 §8 and §E.5). An attacker who
    /// records it can send it again, and the server may then open WebSockets that no client uses. If a
    /// race contacts several servers, each of them may open one. Therefore the app's own data is never
    /// sent as early data. The request waits for the handshake if the app's
    /// [`ConnectOptions`](crate::ConnectOptions) add headers, a query or a subprotocol, or if the
    /// endpoint's URL has a query. Probes and REST requests never use early data.
    ///
    /// Early data is encrypted with the keys of a TLS session that is resumed. The server's certificate
    /// was verified when that session was made. The session belongs to this selector, and to the
    /// network that the device is on; see [`TlsClient`](crate::TlsClient).
    ///
    /// A server that ignores early data gets the request after the handshake, at no cost. A server that
    /// answers 425 (RFC 8470 §5.2), or whose handshake fails because of early data, is asked once more
    /// without it, on a new connection. The selector then sends it no early data again.
    /// [`Timings::early_data`](crate::Timings::early_data) shows whether the server accepted it.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use easelect::{EarlyData, Region, Selector};
    ///
    /// let selector = Selector::builder(Region::CN1).early_data(true).build()?;
    /// drop(selector.connect().await?);
    /// let again = selector.connect().await?;
    /// if again.timings().early_data() == EarlyData::Accepted {
    ///     println!("a round trip saved");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn early_data(mut self, early_data: bool) -> Self {
        self.early_data = early_data;
        self
    }

    /// Configures REST requests and makes [`build`](Self::build) fail if the catalogue has no REST
    /// endpoint for the residency.
    ///
    /// Without this call REST works with the default options wherever the catalogue has such an
    /// endpoint.
    #[cfg(feature = "rest")]
    #[must_use]
    pub fn rest(mut self, options: RestOptions) -> Self {
        self.rest = Some(options);
        self
    }

    /// Sets the identifier of the network that the device is on. By default the selector derives it
    /// from the routes. See [`Selector::network_changed`].
    #[must_use]
    pub fn network(mut self, id: impl Into<String>) -> Self {
        self.network = Some(id.into());
        self
    }

    /// Sets what other devices measured: the round trip to each host, by class of network. None by
    /// default.
    ///
    /// Priors help on networks where nothing has opened yet. They are used only if the app names a
    /// [class](Self::network_class) that they contain; the selector does not guess one, because priors
    /// of the wrong class are worse than none. The first connection then dials the nearest hosts first,
    /// with up to six SYNs instead of four under [`Policy::Fast`].
    ///
    /// From the first connection that opens on a network, only measurements made there count. Priors
    /// are not stored in the [history](Self::history), and do not apply to hosts that are reached
    /// through a proxy. They can't be replaced in a running selector.
    ///
    /// ```
    /// use easelect::{Priors, Region, Selector};
    ///
    /// let file = r#"{"schema": 1, "classes": {"cn/mobile": {
    ///     "im-api-v2.easemob.com": {"ms": 38, "sd": 0.2},
    ///     "im-api-v2.easecdn.com": {"ms": 52, "sd": 0.3}
    /// }}}"#;
    /// let selector = Selector::builder(Region::CN1)
    ///     .priors(Priors::from_json(file)?)
    ///     .network_class("cn/mobile")
    ///     .build()?;
    /// selector.network_changed_to(Some("home Wi-Fi"), Some("cn/wifi")); // the file has no such class
    /// # Ok::<(), easelect::Error>(())
    /// ```
    #[must_use]
    pub fn priors(mut self, priors: Priors) -> Self {
        self.priors = priors;
        self
    }

    /// Sets the class of the network that the device is on, as the [`priors`](Self::priors) name it.
    /// None by default.
    ///
    /// The class applies until the device moves to another network. See
    /// [`Selector::network_changed_to`].
    #[must_use]
    pub fn network_class(mut self, class: impl Into<String>) -> Self {
        self.class = Some(class.into());
        self
    }

    /// Sets how long one call to connect may take. The default is 15 s; `build` accepts more than 0 and
    /// at most 24 h.
    ///
    /// If the device moves to another network during the call, the deadline starts again. The call
    /// never takes twice as long.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the seed of the selector's random choices, for reproducible tests. The default is random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks the configuration and builds the selector. Sends nothing.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NoEndpoints`] if the catalogue has no endpoint of the residency for the service,
    ///   or for REST after `rest`. The message explains how to obtain one.
    /// - [`ErrorKind::Input`] if the deadline is zero or longer than 24 h, or if `rest`
    ///   was called with a custom connector but without
    ///   `RestOptions::through_connector`.
    /// - [`ErrorKind::Tls`] if the platform's root certificates can't be used.
    pub fn build(self) -> Result<Selector, Error> {
        if self.deadline.is_zero() || self.deadline > Duration::from_secs(24 * 60 * 60) {
            let why = "deadline: expected more than 0 and at most 24 h";
            return Err(Error::new(ErrorKind::Input, why));
        }
        let endpoints = self.catalog.group(&self.residency, self.service)?;
        #[cfg(feature = "rest")]
        let rest_is_asked_for = self.rest.is_some();
        #[cfg(feature = "rest")]
        let rest = match (
            self.catalog.group(&self.residency, Service::Rest),
            self.rest,
        ) {
            (Ok(endpoints), options) => Some((endpoints, options.unwrap_or_default())),
            (Err(error), Some(_)) => return Err(error),
            (Err(_), None) => None,
        };
        let all = endpoints.iter();
        #[cfg(feature = "rest")]
        let all = all.chain(rest.iter().flat_map(|(endpoints, _)| endpoints));
        let all = all.cloned().collect();
        let dialer = match self.dialer {
            Some(dialer) => dialer,
            None => Dialer::builder().build()?,
        };
        let dialer = dialer.with_tls(dialer.tls().for_selector());
        #[cfg(feature = "rest")]
        if let (Some((_, options)), true) = (&rest, rest_is_asked_for) {
            options.check(&dialer)?;
        }
        let (network, key) = NetworkWatch::new(self.network.as_deref(), dialer.proxy());
        let clock = Clock::starting_at(SystemTime::now().into());
        let mut memory = Memory::new(clock, key, self.seed.rotate_left(32), dialer.clone(), all);
        let events = Arc::new(Events::new());
        if let Some(store) = &self.history {
            // Connecting must not depend on a file: its errors are only reported.
            let not_kept = |error: Error| {
                tracing::warn!(target: "easelect::history", %error, "history can't be saved");
                let why = error.to_string();
                events.keep(SelectorEvent::HistoryNotKept { why });
            };
            if let Err(error) = ask(|| store.check()) {
                not_kept(error);
            }
            match ask(|| store.load()) {
                Ok(Some(history)) => memory = memory.with_history(history),
                Ok(None) => {}
                // The selector starts without history.
                Err(error) => {
                    tracing::warn!(target: "easelect::history", %error, "history not loaded");
                    let why = error.to_string();
                    events.keep(SelectorEvent::HistoryNotRead { why });
                }
            }
        }
        memory = memory.with_priors(self.priors, self.class.as_deref());
        let connectable = match self.service.is_websocket() {
            true => endpoints,
            false => Vec::new(),
        };
        let websocket = ServiceView::new(connectable);
        // No listener can exist yet.
        let _ = websocket.reconsider(&mut memory);
        let memory = Arc::new(Mutex::new(memory));
        let kept = Arc::clone(&memory);
        let writer = self.history;
        let writer = writer.map(|store| HistoryWriter::start(store, kept, Arc::clone(&events)));
        let mut handshake = Handshake::new(dialer.clone());
        if self.early_data {
            handshake = handshake.with_early_data();
        }
        Ok(Selector(Arc::new(Inner {
            #[cfg(feature = "rest")]
            rest: rest.map(|(endpoints, options)| RestState::new(endpoints, options)),
            residency: self.residency,
            policy: Mutex::new(self.policy),
            racer: Racer::new(dialer, handshake, self.deadline, self.seed),
            learner: Learner::new(memory, events, writer),
            network,
            hint: Mutex::new(None),
            moves: watch::Sender::new(0),
            background: BackgroundProbes::new(self.refresh),
            websocket,
        })))
    }
}

impl fmt::Debug for SelectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectorBuilder")
            .field("residency", &self.residency)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
