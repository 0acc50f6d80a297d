//! Network access: resolver, connector, TLS, address families, pinned hosts and proxy.

mod pinned_host;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, FutureExt, select};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::catalog::{Confidence, Endpoint};
use crate::connect::{self, ByteStream, Connect, TcpConnect};
use crate::error::{Error, ErrorKind};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::proxy::Proxy;
#[cfg(feature = "dns")]
use crate::resolve::dns;
use crate::resolve::{
    Families, Family, Nat64, Resolve, Resolved, SystemResolver, begun, is_bogus, timed,
};
use crate::tls::TlsClient;
use pinned_host::EVERY;
pub use pinned_host::PinnedHost;

/// Configuration of network access: resolver, connector, TLS, address families, pinned hosts and
/// proxy.
///
/// Build it once and give it to a [`Prober`](crate::Prober), a [`Selector`](crate::Selector) or both.
/// Cheap to clone.
///
/// ```no_run
/// use easelect::{Dialer, Families, Prober, Proxy, Region, Selector};
///
/// # fn example() -> Result<(), easelect::Error> {
/// let dialer = Dialer::builder()
///     .proxy(Proxy::from_env()?)
///     .families(Families::V4)
///     .build()?;
/// let prober = Prober::builder().dialer(dialer.clone()).build()?;
/// let selector = Selector::builder(Region::CN1).dialer(dialer).build()?;
/// # drop((prober, selector));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dialer(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    resolver: Arc<dyn Resolve>,
    /// With the platform's resolver: returns the DNS servers that it queries, as far as they can be
    /// known.
    #[cfg(feature = "dns")]
    name_servers: Option<fn() -> Vec<SocketAddr>>,
    connector: Arc<dyn Connect>,
    /// The connector is the default one.
    #[cfg(feature = "rest")]
    is_tcp: bool,
    tls: TlsClient,
    families: Families,
    proxy: Option<Proxy>,
    pinned: HashMap<(String, u16), Vec<IpAddr>>,
    nat64: Option<Nat64>,
    attempt_timeout: Duration,
}

/// The host to look up and connect to for an endpoint: the endpoint's own, or the proxy that leads to
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer<'a> {
    /// Name or IP address of the host, or of the proxy.
    pub host: &'a str,
    /// Port of the host, or of the proxy.
    pub port: u16,
    /// The proxy, if the endpoint is reached through one.
    pub proxy: Option<&'a Proxy>,
    /// Whether the host is a published one, which can't have an address outside the public ranges.
    pub(crate) is_public: bool,
}

impl<'a> Peer<'a> {
    /// Returns the peer for an endpoint: the proxy if it applies to this host and port, otherwise the
    /// host itself.
    #[must_use]
    pub fn of(endpoint: &'a Endpoint, proxy: Option<&'a Proxy>) -> Self {
        let (host, port) = (endpoint.host(), endpoint.port());
        match proxy.filter(|one| one.covers(host, port)) {
            Some(proxy) => Peer::proxy(proxy),
            None => Peer {
                host,
                port,
                proxy: None,
                is_public: endpoint.confidence() != Confidence::User,
            },
        }
    }

    /// The proxy as a peer. It is the user's own, so any address that DNS returns for it is accepted.
    pub(crate) fn proxy(proxy: &'a Proxy) -> Self {
        Peer {
            host: proxy.host(),
            port: proxy.port(),
            proxy: Some(proxy),
            is_public: false,
        }
    }
}

/// The most addresses used per host and family. Real services have fewer; an answer with hundreds
/// must not make a client flood anyone. Pinned addresses are not limited.
pub(crate) const MAX_ADDRESSES: usize = 16;

/// Usable addresses from a DNS lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) addresses: Vec<IpAddr>,
    /// The number of addresses beyond [`MAX_ADDRESSES`].
    pub(crate) left_out: usize,
}

/// Outcome and duration of a DNS lookup.
pub(crate) struct LookedUp {
    pub(crate) outcome: Result<Found, Failure>,
    /// Absent if no lookup was necessary.
    pub(crate) took: Option<Duration>,
}

impl Dialer {
    /// Returns a builder with the defaults: the platform's resolver and roots, TCP, both address
    /// families, no proxy.
    #[must_use]
    pub fn builder() -> DialerBuilder {
        DialerBuilder::default()
    }

    /// Returns the TLS configuration.
    #[must_use]
    pub fn tls(&self) -> &TlsClient {
        &self.0.tls
    }

    /// Returns the address families in use.
    #[must_use]
    pub fn families(&self) -> Families {
        self.0.families
    }

    /// Returns the proxy, if any.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.0.proxy.as_ref()
    }

    /// Whether the connector is the default one: TCP sockets.
    #[cfg(feature = "rest")]
    pub(crate) fn is_tcp(&self) -> bool {
        self.0.is_tcp
    }

    /// Returns the timeout of one DNS lookup or one probe; see [`DialerBuilder::attempt_timeout`].
    #[must_use]
    pub fn attempt_timeout(&self) -> Duration {
        self.0.attempt_timeout
    }

    /// Returns the host to look up and connect to for this endpoint.
    #[must_use]
    pub fn peer<'a>(&'a self, endpoint: &'a Endpoint) -> Peer<'a> {
        Peer::of(endpoint, self.proxy())
    }

    /// Returns a peer's distinct addresses in one family: its own IP address, a pinned host's
    /// addresses, or the resolver's answer. A question without an answer is repeated once. `timeout`
    /// bounds the lookup, and separately the wait for it to begin; `in_all` bounds both together.
    pub(crate) async fn look_up(
        &self,
        peer: &Peer<'_>,
        family: Family,
        timeout: Duration,
        in_all: Duration,
    ) -> LookedUp {
        if let Some(outcome) = self.known(peer, family) {
            let took = None;
            return LookedUp { outcome, took };
        }
        let asked = self.ask(peer.host, family, &[AGAIN]);
        let (said, took) = timed(asked, timeout, in_all).await;
        LookedUp {
            outcome: usable(peer, said),
            took: Some(took),
        }
    }

    /// The addresses that need no DNS: an IP address, or a pinned host's addresses.
    pub(crate) fn known(&self, peer: &Peer<'_>, family: Family) -> Option<Result<Found, Failure>> {
        let known = of_family(self.fixed(peer)?, family);
        Some(match known {
            Ok(addresses) => Ok(Found {
                addresses,
                left_out: 0,
            }),
            Err(failure) => Err(failure.with_message("DNS was not queried")),
        })
    }

    /// The resolver's answer for a host in one family, without a time limit. The question is repeated
    /// after each delay in `again`.
    fn ask(
        &self,
        host: &str,
        family: Family,
        again: &'static [Duration],
    ) -> impl Future<Output = Result<Resolved, Failure>> + Send + use<> {
        let (resolver, host) = (Arc::clone(&self.0.resolver), host.to_owned());
        async move {
            let ask = || async {
                let answer = caught(|| resolver.resolve(&host, family)).await;
                answer.unwrap_or_else(|| Err(Failure::new(Phase::Resolve, FailureKind::Panicked)))
            };
            let mut said = insist(ask, again).await?;
            said.addresses = of_family(said.addresses, family)?;
            Ok(said)
        }
    }

    /// The same for a connection, which waits for the answer. The question is repeated several times,
    /// and if the platform's resolver is late, all of the system's DNS servers are queried directly
    /// and concurrently.
    pub(crate) fn ask_at_once(
        &self,
        host: &str,
        family: Family,
    ) -> impl Future<Output = Result<Resolved, Failure>> + Send + use<> {
        let asked = self.ask(host, family, &AGAIN_AND_AGAIN);
        #[cfg(feature = "dns")]
        let asked = beside(asked, self.ask_name_servers(host, family));
        asked
    }

    /// Queries the system's DNS servers directly once the platform's resolver is late, if that
    /// resolver is in use. Only addresses count, and the first to arrive win: the platform may know
    /// better that there are none, and for how long.
    #[cfg(feature = "dns")]
    fn ask_name_servers(
        &self,
        host: &str,
        family: Family,
    ) -> impl Future<Output = Option<Resolved>> + Send + use<> {
        let (name_servers, host) = (self.0.name_servers, host.to_owned());
        async move {
            // Names without a dot belong to search lists, and `.local` to multicast DNS (RFC 6762).
            let name = host.trim_end_matches('.');
            let in_dns = name.contains('.') && !name.to_ascii_lowercase().ends_with(".local");
            let name_servers = name_servers.filter(|_| in_dns)?;
            tokio::time::sleep(AGAIN).await;
            let servers = name_servers();
            // A single DNS server is being queried already.
            let several = servers.len() > 1;
            let found = several.then(|| dns::found_by_any(servers, &host, family))?;
            Some(Resolved::new(found.await?.addresses))
        }
    }

    /// Notifies the resolver of a network change or a wake-up. The resolver may be the app's own
    /// code; a panic in it is logged and goes no further.
    pub(crate) fn network_changed(&self) {
        let resolver = &self.0.resolver;
        if catch_unwind(AssertUnwindSafe(|| resolver.network_changed())).is_err() {
            tracing::warn!(target: "easelect::connect", "the resolver panicked");
        }
    }

    /// Opens a byte stream to an address of the peer.
    pub(crate) fn connect(
        &self,
        peer: &Peer<'_>,
        address: SocketAddr,
    ) -> BoxFuture<'static, Result<ByteStream, Failure>> {
        let (connector, host) = (Arc::clone(&self.0.connector), peer.host.to_owned());
        Box::pin(async move {
            match caught(|| connector.connect(&host, address)).await {
                Some(connected) => connected.map_err(|error| connect::failure_of(&error)),
                None => Err(Failure::new(Phase::Connect, FailureKind::Panicked)),
            }
        })
    }

    pub(crate) fn with_tls(&self, tls: TlsClient) -> Self {
        let mut settings = Settings::clone(&self.0);
        settings.tls = tls;
        Dialer(Arc::new(settings))
    }

    pub(crate) fn with_pinned(&self, host: PinnedHost) -> Self {
        let mut settings = Settings::clone(&self.0);
        settings.pin(host);
        Dialer(Arc::new(settings))
    }

    fn fixed(&self, peer: &Peer<'_>) -> Option<Vec<IpAddr>> {
        let pinned = |host: &str| self.0.pinned.get(&(host.to_owned(), peer.port));
        let pinned = pinned(peer.host).or_else(|| pinned(EVERY));
        let literal = || peer.host.parse().ok().map(|literal| vec![literal]);
        let mut fixed = pinned.cloned().or_else(literal)?;
        if let Some(nat64) = self.0.nat64 {
            let translated = |ip: &IpAddr| match ip {
                IpAddr::V4(v4) => nat64.embed(*v4).map(IpAddr::V6),
                IpAddr::V6(_) => None,
            };
            let translated: Vec<IpAddr> = fixed.iter().filter_map(translated).collect();
            fixed.extend(translated);
        }
        Some(fixed)
    }
}

impl Settings {
    fn pin(&mut self, host: PinnedHost) {
        let key = (host.host().to_owned(), host.port());
        self.pinned.insert(key, host.addresses().to_vec());
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("resolver", &self.0.resolver)
            .field("connector", &self.0.connector)
            .field("families", &self.0.families)
            .field("proxy", &self.0.proxy)
            .finish_non_exhaustive()
    }
}

/// The result of an app's resolver or connector, or `None` if it panics: a panic must not leave the
/// caller waiting forever.
async fn caught<T>(make: impl FnOnce() -> BoxFuture<'static, T>) -> Option<T> {
    let made = catch_unwind(AssertUnwindSafe(make)).ok()?;
    AssertUnwindSafe(made).catch_unwind().await.ok()
}

/// When to repeat a question. glibc repeats a lost one after 5 s, exactly when an attempt times out,
/// and musl after 2.5 s; most answers arrive within 0.2 s.
const AGAIN: Duration = Duration::from_secs(1);

/// When to repeat a question for a connection. If the network was down meanwhile, the repeated
/// queries are lost too, so there are several. Each may occupy a thread of the platform's resolver
/// for 10 s.
const AGAIN_AND_AGAIN: [Duration; 4] = [
    AGAIN,
    Duration::from_millis(1_800),
    Duration::from_millis(2_800),
    Duration::from_millis(4_500),
];

/// Asks, and asks again after each delay without an answer: a question may have been lost. This costs
/// less than a longer timeout, and helps with any resolver.
async fn insist<F: Future<Output = Result<Resolved, Failure>>>(
    ask: impl Fn() -> F,
    again: &[Duration],
) -> Result<Resolved, Failure> {
    let mut first = pin!(ask());
    let (began, ended) = begun(first.as_mut()).await;
    let first = pin!(async {
        match ended {
            Some(said) => said,
            None => first.await,
        }
    });
    let later = again.iter().map(|after| async {
        tokio::time::sleep_until(began + *after).await;
        ask().await.ok()
    });
    let mut later: FuturesUnordered<_> = later.collect();
    let found = pin!(async {
        while let Some(said) = later.next().await {
            if said.is_some() {
                return said;
            }
        }
        None
    });
    match select(first, found).await {
        // With a resolver timeout of 1 s (resolv.conf(5)), this failure means that no answer came.
        Either::Left((Err(failure), found))
            if failure.kind() == FailureKind::Temporary && began.elapsed() >= AGAIN =>
        {
            found.await.ok_or(failure)
        }
        Either::Left((answer, _)) => answer,
        Either::Right((Some(found), _)) => Ok(found),
        // The first question may still succeed.
        Either::Right((None, first)) => first.await,
    }
}

/// The platform's answer, or the DNS servers' if it arrives first.
#[cfg(feature = "dns")]
async fn beside(
    platform: impl Future<Output = Result<Resolved, Failure>>,
    found: impl Future<Output = Option<Resolved>>,
) -> Result<Resolved, Failure> {
    match select(pin!(platform), pin!(found)).await {
        Either::Left((said, _)) => said,
        Either::Right((Some(found), _)) => Ok(found),
        Either::Right((None, platform)) => platform.await,
    }
}

/// The usable addresses among those that the resolver returned for a peer.
pub(crate) fn usable(peer: &Peer<'_>, said: Result<Resolved, Failure>) -> Result<Found, Failure> {
    let mut addresses = said?.addresses;
    if peer.is_public {
        let bogus = addresses.iter().copied().find(|ip| is_bogus(*ip));
        addresses.retain(|ip| !is_bogus(*ip));
        if let (true, Some(bogus)) = (addresses.is_empty(), bogus) {
            let failure = Failure::new(Phase::Resolve, FailureKind::BogusAddress);
            return Err(failure.with_message(bogus));
        }
    }
    let left_out = addresses.len().saturating_sub(MAX_ADDRESSES);
    addresses.truncate(MAX_ADDRESSES);
    Ok(Found {
        addresses,
        left_out,
    })
}

fn of_family(addresses: Vec<IpAddr>, family: Family) -> Result<Vec<IpAddr>, Failure> {
    let mut kept: Vec<IpAddr> = Vec::new();
    for address in addresses {
        if Family::of(address) == family && !kept.contains(&address) {
            kept.push(address);
        }
    }
    if kept.is_empty() {
        return Err(Failure::new(Phase::Resolve, FailureKind::NoAddress));
    }
    Ok(kept)
}

/// Configures a [`Dialer`].
#[derive(Clone)]
pub struct DialerBuilder {
    resolver: Option<Arc<dyn Resolve>>,
    connector: Option<Arc<dyn Connect>>,
    tls: Option<TlsClient>,
    families: Families,
    proxy: Option<Proxy>,
    pinned: Vec<PinnedHost>,
    nat64: Option<Nat64>,
    attempt_timeout: Duration,
}

impl Default for DialerBuilder {
    fn default() -> Self {
        DialerBuilder {
            resolver: None,
            connector: None,
            tls: None,
            families: Families::Both,
            proxy: None,
            pinned: Vec::new(),
            nat64: None,
            attempt_timeout: Duration::from_secs(5),
        }
    }
}

impl DialerBuilder {
    /// Sets the DNS resolver. Default: the platform's.
    ///
    /// With the feature `dns`, on Linux and similar systems: if the default resolver keeps a
    /// connection waiting for 1 s, the library also queries all DNS servers of `/etc/resolv.conf`
    /// directly, if there are several.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Sets the connector, which opens byte streams. Default: TCP.
    #[must_use]
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Sets the TLS configuration. Default: the platform's roots.
    #[must_use]
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the address families to use. Default: both.
    #[must_use]
    pub fn families(mut self, families: Families) -> Self {
        self.families = families;
        self
    }

    /// Sets the proxy. Default: none, whatever the environment says; to follow the environment, pass
    /// [`Proxy::from_env`].
    ///
    /// A selector keeps what it learns through a proxy separate from what it learns without one. A
    /// prober uses the first of the proxy's addresses that accepts a connection.
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<Option<Proxy>>) -> Self {
        self.proxy = proxy.into();
        self
    }

    /// Pins a host and port to addresses, bypassing DNS. For an address family in which no address is
    /// pinned, the host has [no address](FailureKind::NoAddress). A later pin of the same host and
    /// port replaces an earlier one.
    ///
    /// A proxy looks up endpoints' names itself, so pins of hosts reached through it have no effect.
    #[must_use]
    pub fn pin(mut self, host: PinnedHost) -> Self {
        self.pinned.push(host);
        self
    }

    /// Sets the NAT64 prefix of a network without IPv4, as [`nat64_prefix`](crate::nat64_prefix)
    /// finds it. Default: none.
    ///
    /// IPv4 addresses that no resolver translates, namely those in URLs and of pinned hosts, are then
    /// also tried through it (RFC 8305 §7.1).
    #[must_use]
    pub fn nat64(mut self, prefix: impl Into<Option<Nat64>>) -> Self {
        self.nat64 = prefix.into();
        self
    }

    /// Sets the timeout of one DNS lookup or one attempt of a [`Prober`](crate::Prober), more than 0
    /// and at most 24 h. Default: 5 s.
    ///
    /// It also bounds a selector's lookups for REST requests and for
    /// [`Selector::candidates`](crate::Selector::candidates). A connection has a
    /// [deadline](crate::SelectorBuilder::deadline) instead.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Checks the configuration and builds the dialer.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Input`] for a timeout out of range; for a pinned host without an address or
    ///   with an invalid name (the host need not be in the catalogue); and for a TLS configuration
    ///   that offers a protocol other than HTTP/1.1 (ALPN), which a server might choose.
    /// - [`ErrorKind::Tls`] if no TLS configuration is set and the platform's roots can't be used.
    pub fn build(self) -> Result<Dialer, Error> {
        let input = |why: String| Err(Error::new(ErrorKind::Input, why));
        let day = Duration::from_secs(24 * 60 * 60);
        if self.attempt_timeout.is_zero() || self.attempt_timeout > day {
            return input("attempt timeout: expected more than 0 and at most 24 h".to_owned());
        }
        self.pinned.iter().try_for_each(PinnedHost::check)?;
        let tls = match self.tls {
            Some(tls) => tls,
            None => TlsClient::with_platform_roots()?,
        };
        let alpn = &tls.config().alpn_protocols;
        if alpn.iter().any(|one| one != b"http/1.1") {
            let why = "TLS offers protocols besides HTTP/1.1 (ALPN): offer none, or only http/1.1";
            return input(why.to_owned());
        }
        let mut settings = Settings {
            #[cfg(feature = "dns")]
            name_servers: self.resolver.is_none().then_some(dns::asked_by_platform),
            resolver: (self.resolver).unwrap_or_else(|| Arc::new(SystemResolver::new())),
            #[cfg(feature = "rest")]
            is_tcp: self.connector.is_none(),
            connector: (self.connector).unwrap_or_else(|| Arc::new(TcpConnect::new())),
            tls,
            families: self.families,
            proxy: self.proxy,
            pinned: HashMap::new(),
            nat64: self.nat64,
            attempt_timeout: self.attempt_timeout,
        };
        for host in self.pinned {
            settings.pin(host);
        }
        Ok(Dialer(Arc::new(settings)))
    }
}

impl fmt::Debug for DialerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialerBuilder")
            .field("families", &self.families)
            .field("proxy", &self.proxy)
            .field("pinned", &self.pinned)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[derive(Debug)]
    struct Fixed(Vec<IpAddr>);

    impl Resolve for Fixed {
        fn resolve(&self, _: &str, _: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
            let answer = Resolved::new(self.0.clone());
            Box::pin(async { Ok(answer) })
        }
    }

    /// A dialer whose resolver always returns these addresses.
    fn answering(addresses: Vec<IpAddr>) -> DialerBuilder {
        Dialer::builder()
            .resolver(Fixed(addresses))
            .tls(crate::tls::tests::trusting_nobody())
    }

    fn peer(host: &str, port: u16, is_public: bool) -> Peer<'_> {
        Peer {
            host,
            port,
            proxy: None,
            is_public,
        }
    }

    #[tokio::test]
    async fn a_public_host_is_not_looked_for_at_impossible_addresses() {
        let dialer = answering(vec![ip("0.0.0.0")]).build().unwrap();
        let found = async |dialer: &Dialer, is_public| {
            let peer = peer("x.example", 443, is_public);
            dialer
                .look_up(&peer, Family::V4, Duration::MAX, Duration::MAX)
                .await
                .outcome
        };
        let refused = found(&dialer, true).await.unwrap_err();
        assert_eq!(refused.kind(), FailureKind::BogusAddress);
        let believed = found(&dialer, false).await.unwrap();
        assert_eq!(believed.addresses, [ip("0.0.0.0")]);
        let many = (0..=255).map(|n| IpAddr::from([8, 8, 8, n])).collect();
        let dialer = answering(many).build().unwrap();
        let kept = found(&dialer, true).await.unwrap();
        assert_eq!(
            (kept.addresses.len(), kept.left_out),
            (MAX_ADDRESSES, 256 - MAX_ADDRESSES)
        );
    }

    /// Repeats the question at each delay until there is an answer.
    #[tokio::test(start_paused = true)]
    async fn a_connections_question_is_asked_again_and_again() {
        use tokio::time::{Instant, sleep};

        for (again, back_ms, found_ms) in [
            (&AGAIN_AND_AGAIN[..], 0, Some(0)),
            (&AGAIN_AND_AGAIN, 900, Some(1_000)),
            (&AGAIN_AND_AGAIN, 2_500, Some(2_800)),
            (&[AGAIN], 2_500, None),
        ] {
            let began = Instant::now();
            let back = Duration::from_millis(back_ms);
            let ask = || async move {
                if began.elapsed() < back {
                    std::future::pending::<()>().await;
                }
                Ok(Resolved::new(vec![ip("8.8.8.8")]))
            };
            let said = tokio::select! {
                said = insist(ask, again) => Some(said.unwrap()),
                () = sleep(Duration::from_secs(60)) => None,
            };
            let took = said.map(|_| began.elapsed().as_millis());
            assert_eq!(took, found_ms, "back after {back_ms} ms");
        }
    }

    #[cfg(feature = "dns")]
    #[tokio::test(start_paused = true)]
    async fn name_servers_are_asked_beside_a_platform_that_is_late() {
        use tokio::time::{Instant, sleep};

        let answer = |text| Resolved::new(vec![ip(text)]);
        let found = |ms| async move {
            sleep(Duration::from_millis(ms)).await;
            Some(answer("9.9.9.9"))
        };
        let platform = |ms| async move {
            sleep(Duration::from_millis(ms)).await;
            Ok(answer("8.8.8.8"))
        };
        assert_eq!(beside(platform(10), found(20)).await, Ok(answer("8.8.8.8")));
        assert_eq!(beside(platform(20), found(10)).await, Ok(answer("9.9.9.9")));
        let none = std::future::ready(None);
        assert_eq!(beside(platform(10), none).await, Ok(answer("8.8.8.8")));
        // DNS servers are not queried directly for names outside DNS, with the app's own resolver,
        // or if there is only one, which is being queried already.
        let one = || vec![SocketAddr::from(([127, 0, 0, 1], 53))];
        for (host, name_servers, waits) in [
            ("router", Some(one as fn() -> Vec<SocketAddr>), false),
            ("nas.local.", Some(one), false),
            ("im.example", None, false),
            ("im.example", Some(one), true),
        ] {
            let mut settings = Settings::clone(&answering(Vec::new()).build().unwrap().0);
            settings.name_servers = name_servers;
            let began = Instant::now();
            let asked = Dialer(Arc::new(settings)).ask_name_servers(host, Family::V4);
            assert_eq!(asked.await, None, "{host}");
            assert_eq!(began.elapsed() >= AGAIN, waits, "{host}");
        }
    }

    #[tokio::test]
    async fn literals_and_pins_ask_nobody() {
        let pin = PinnedHost::new("x.example", 443, vec![ip("127.0.0.1")]);
        let every = PinnedHost::new("*", 8443, vec![ip("127.0.0.2")]);
        let dialer = answering(vec![ip("8.8.8.8")]).pin(pin).pin(every);
        let dialer = dialer.build().unwrap();
        let found = async |host, port, family| {
            let peer = peer(host, port, true);
            let found = dialer
                .look_up(&peer, family, Duration::MAX, Duration::MAX)
                .await;
            found.outcome.map(|found| found.addresses)
        };
        assert_eq!(
            found("x.example", 443, Family::V4).await,
            Ok(vec![ip("127.0.0.1")])
        );
        let none = found("x.example", 443, Family::V6).await.unwrap_err();
        assert_eq!(none.kind(), FailureKind::NoAddress);
        assert_eq!(none.message(), Some("DNS was not queried"));
        assert_eq!(
            found("x.example", 80, Family::V4).await,
            Ok(vec![ip("8.8.8.8")])
        );
        assert_eq!(
            found("y.example", 8443, Family::V4).await,
            Ok(vec![ip("127.0.0.2")])
        );
        assert_eq!(found("::1", 1, Family::V6).await, Ok(vec![ip("::1")]));
    }

    #[tokio::test]
    async fn ipv4_addresses_are_also_tried_through_a_translator() {
        let told = answering(vec![ip("64:ff9b::192.0.0.170")]).build().unwrap();
        let nat64 = crate::resolve::nat64_prefix(&told.0.resolver).await;
        let pin = PinnedHost::new("x.example", 443, vec![ip("8.8.8.8"), ip("10.0.0.1")]);
        let with = |nat64| answering(Vec::new()).pin(pin.clone()).nat64(nat64).build();
        let (with, without) = (with(nat64).unwrap(), with(None).unwrap());
        let found = async |dialer: &Dialer, host, family| {
            let peer = peer(host, 443, true);
            let found = dialer
                .look_up(&peer, family, Duration::MAX, Duration::MAX)
                .await;
            found.outcome.map_or(Vec::new(), |found| found.addresses)
        };
        for (host, v4, v6) in [
            (
                "x.example",
                vec!["8.8.8.8", "10.0.0.1"],
                vec!["64:ff9b::808:808"],
            ),
            ("9.9.9.9", vec!["9.9.9.9"], vec!["64:ff9b::909:909"]),
            ("2400:3200::1", vec![], vec!["2400:3200::1"]),
        ] {
            let all = |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|one| ip(one)).collect() };
            assert_eq!(found(&with, host, Family::V4).await, all(&v4), "{host}");
            assert_eq!(found(&with, host, Family::V6).await, all(&v6), "{host}");
            assert_eq!(found(&without, host, Family::V4).await, all(&v4), "{host}");
        }
        assert!(found(&without, "9.9.9.9", Family::V6).await.is_empty());
    }

    #[test]
    fn nonsense_is_refused_when_it_is_built() {
        let refused = |dialer: DialerBuilder| {
            let error = dialer.build().unwrap_err();
            assert!(error.is_input(), "{error}");
            error.to_string()
        };
        let address = || vec![ip("127.0.0.1")];
        let pinned = |host, addresses| {
            let pin = PinnedHost::new(host, 443, addresses);
            refused(answering(address()).pin(pin))
        };
        assert!(pinned("x.example", Vec::new()).contains("without an address"));
        for wrong in ["", "two words", "https://x.example", "x.example:443"] {
            assert!(
                pinned(wrong, address()).contains("not a host name"),
                "{wrong}"
            );
        }
        for timeout in [Duration::ZERO, Duration::MAX] {
            let told = refused(answering(address()).attempt_timeout(timeout));
            assert!(told.contains("timeout"), "{told}");
        }
        let mut h2 = rustls::ClientConfig::clone(crate::tls::tests::trusting_nobody().config());
        h2.alpn_protocols = vec![b"h2".to_vec()];
        let told = refused(answering(address()).tls(TlsClient::from_config(h2)));
        assert!(told.contains("ALPN"), "{told}");
    }
}
