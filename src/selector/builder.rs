//! Configuring a [`Selector`].

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

/// Configures a [`Selector`].
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

    /// The service to connect to; [`Service::Websocket`] by default. With [`Service::Rest`] the selector
    /// is for REST alone: there is nothing to connect to.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        self.service = service;
        self
    }

    /// The endpoints to choose from; the built-in ones by default.
    #[must_use]
    pub fn catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = catalog;
        self
    }

    /// Sets how the network is reached; directly, with the platform's resolver and roots, by default.
    #[must_use]
    pub fn dialer(mut self, dialer: Dialer) -> Self {
        self.dialer = Some(dialer);
        self
    }

    /// How much to spend on being fast; [`Policy::Fast`] by default.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Where what is learned is kept from one run to the next; nowhere by default. Read once, by
    /// [`build`](Self::build); written by a thread of the selector's own, every few seconds at most.
    /// What is wrong with it fails nothing: it is told by [`Selector::events`], what was wrong at the
    /// beginning to the first who listens.
    #[must_use]
    pub fn history(mut self, store: impl HistoryStore) -> Self {
        self.history = Some(Arc::new(store));
        self
    }

    /// How much background traffic is allowed; one TCP connect after each opened connection by
    /// default.
    #[must_use]
    pub fn refresh(mut self, budget: RefreshBudget) -> Self {
        self.refresh = budget;
        self
    }

    /// Sends the upgrade request as TLS 1.3 early data (0-RTT, RFC 8446 §2.3) to a server that
    /// was connected to before in this process and offers it: two round trips instead of three
    /// from the SYN to the open WebSocket. Off by default.
    ///
    /// Off by default because early data has weaker guarantees (RFC 8446 §8 and §E.5):
    /// somebody who records it can send it again, and the server may then open WebSockets that
    /// nobody uses; and of several servers raced, all may open one. So nothing of the app's is
    /// ever sent this way: a connection with headers, a query or a subprotocol of its
    /// [`ConnectOptions`](crate::ConnectOptions), or to an endpoint whose URL has a query, waits
    /// for the handshake. So do probes and REST. It takes a session whose certificate was verified
    /// when it was made; as always when a session is resumed, only who holds its keys can read. It is
    /// a session of this selector's own and of the network that the device is on, as
    /// [`TlsClient`](crate::TlsClient) has it.
    ///
    /// Nothing else changes. A server that doesn't take it gets the request after the handshake,
    /// at no cost. One that answers 425 (RFC 8470 §5.2) or can't bear it is asked again without,
    /// once, on a new connection, and from then on never by early data.
    /// [`Timings::early_data`](crate::Timings::early_data) tells whether the server took it.
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

    /// Says that REST is used, and how. Without this it can be used all the same where the catalogue has
    /// it; with it, [`build`](Self::build) fails where it hasn't.
    #[cfg(feature = "rest")]
    #[must_use]
    pub fn rest(mut self, options: RestOptions) -> Self {
        self.rest = Some(options);
        self
    }

    /// The network that the device is on; derived from its routes by default. See
    /// [`Selector::network_changed`].
    #[must_use]
    pub fn network(mut self, id: impl Into<String>) -> Self {
        self.network = Some(id.into());
        self
    }

    /// How far the hosts are from a class of networks, as others measured, for networks on which nothing
    /// opened yet; none by default. Only where the app [names](Self::network_class) a class that they have:
    /// nothing is guessed, since a prior of the wrong class is worse than none. A first connection then
    /// begins with the hosts that are said to be near, with up to six SYNs instead of four, and with
    /// addresses that answered on other networks. The first that opens ends that: from then on, what was
    /// measured here counts. Nothing of it is kept in the [history](Self::history), and nothing said of hosts
    /// to which a proxy leads. A newer file needs another selector.
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
    /// selector.network_changed_to(Some("home Wi-Fi"), Some("cn/wifi")); // no such class: none is used
    /// # Ok::<(), easelect::Error>(())
    /// ```
    #[must_use]
    pub fn priors(mut self, priors: Priors) -> Self {
        self.priors = priors;
        self
    }

    /// The class of the network that the device is on, as [`priors`](Self::priors) call it; none by default.
    /// It is forgotten when the device moves to another network; see
    /// [`Selector::network_changed_to`].
    #[must_use]
    pub fn network_class(mut self, class: impl Into<String>) -> Self {
        self.class = Some(class.into());
        self
    }

    /// How long one call to connect may take in all; 15 s by default. It begins anew when the device
    /// moves to another network meanwhile, up to twice as long in all.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The seed of every random choice; random by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoEndpoints`] when the residency has no hosts for the service, or for REST where that
    /// is [asked for](Self::rest): the message explains how to obtain them. [`ErrorKind::Input`] for a
    /// deadline of zero or above 24 h, and for REST over a connector of the app's own unless it is
    /// [asked for](crate::RestOptions::through_connector). [`ErrorKind::Tls`] when the platform's roots can't be used.
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
            // Connecting must not depend on a file: what is wrong with it is told, no more.
            let not_kept = |error: Error| {
                tracing::warn!(target: "easelect::history", %error, "nothing will be kept");
                let why = error.to_string();
                events.keep(SelectorEvent::HistoryNotKept { why });
            };
            if let Err(error) = ask(|| store.check()) {
                not_kept(error);
            }
            match ask(|| store.load()) {
                Ok(Some(history)) => memory = memory.with_history(history),
                Ok(None) => {}
                // What was learned is lost, no more.
                Err(error) => {
                    tracing::warn!(target: "easelect::history", %error, "nothing remembered");
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
        // Nobody listens yet.
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
