//! The handle to a simulated network.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use easelect::{Connect, Dialer, DialerBuilder, Error, Resolve, TlsClient};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::certificates;
use crate::connector::Connector;
use crate::fault::Fault;
use crate::host::{Dns, Host};
use crate::log::Event;
use crate::network::Network;
use crate::path::{Cut, Path, Route, Settings};
use crate::resolver::Resolver;
use crate::scenario::Scenario;

/// A simulated network. A cheap handle: clones are the same network.
#[derive(Clone)]
pub struct Lab(Arc<Network>);

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("seed", &self.0.seed)
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}

impl Lab {
    /// Starts the network: the scenario's steps count from now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when the scenario is out of range or
    /// has a name or an address twice; [`ErrorKind::Tls`](easelect::ErrorKind::Tls) when its
    /// certificates can't be made.
    pub fn new(scenario: Scenario) -> Result<Lab, Error> {
        Ok(Lab(Arc::new(Network::new(scenario)?)))
    }

    /// The network's name server.
    #[must_use]
    pub fn resolver(&self) -> Arc<dyn Resolve> {
        Arc::new(Resolver(Arc::clone(&self.0)))
    }

    /// What connects to the network's addresses, at any port. Connecting needs a tokio runtime
    /// with timers: the servers run there, each for as long as its connection.
    #[must_use]
    pub fn connector(&self) -> Arc<dyn Connect> {
        Arc::new(Connector(Arc::clone(&self.0)))
    }

    /// How this network is reached: its name server, its addresses, TLS that trusts its root and
    /// refuses what is revoked. Set further what a test needs, then build it.
    #[must_use]
    pub fn dialer(&self) -> DialerBuilder {
        let tls = self.tls([]).expect("the lab's root is a certificate");
        Dialer::builder()
            .resolver(self.resolver())
            .connector(self.connector())
            .tls(tls)
    }

    /// The root of the servers' certificates, made anew for every lab.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.0.certificates.root()
    }

    /// A root that [`dialer`](Self::dialer)s trust, too, and that is no public one: as a company
    /// installs it to inspect TLS. Signs the certificates of [`Fault::Inspected`].
    #[must_use]
    pub fn installed_root(&self) -> CertificateDer<'static> {
        self.0.certificates.installed_root()
    }

    /// The root in PEM (RFC 7468).
    #[must_use]
    pub fn root_pem(&self) -> String {
        certificates::pem(&self.root())
    }

    /// What the root has revoked: the certificates of [`Fault::Revoked`].
    #[must_use]
    pub fn revocations(&self) -> CertificateRevocationListDer<'static> {
        self.0.certificates.revocations()
    }

    /// TLS that trusts the root, and `extra` ones besides, and refuses what is revoked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`](easelect::ErrorKind::Tls) when an extra root is not a certificate.
    pub fn tls(
        &self,
        extra: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<TlsClient, Error> {
        let roots = [self.root(), self.installed_root()];
        let roots = roots.into_iter().chain(extra);
        TlsClient::with_roots_and_revocations(roots, vec![self.revocations()])?
            .public_roots([self.root()])
    }

    /// What happened so far, the oldest first; at most the last 100,000.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.log.events()
    }

    /// Connections open on the client's side, connects pending, and look-ups pending: 0 when the
    /// client has dropped everything, at once.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Connections open on the servers' side. A server learns that its client is gone half a
    /// round trip later.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.0.serving.load(Ordering::Relaxed)
    }

    /// Connects begun so far.
    #[must_use]
    pub fn dials(&self) -> u64 {
        self.0.dials.load(Ordering::Relaxed)
    }

    /// TLS handshakes completed so far, as the servers see it.
    #[must_use]
    pub fn handshakes(&self) -> u64 {
        self.0.handshakes.load(Ordering::Relaxed)
    }

    /// Names looked up so far, once for each family.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// Puts a path in the place of those to its addresses, for open connections too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when it is out of range.
    pub fn set_path(&self, path: Path) -> Result<(), Error> {
        path.check().map_err(Scenario::error)?;
        let path = Arc::new(path);
        let mut routes = self.0.routes();
        for address in &path.addresses {
            routes
                .entry(address.to_canonical())
                .and_modify(|route| route.replace(Arc::clone(&path)))
                .or_insert_with(|| Arc::new(Route::new(self.0.start, Arc::clone(&path))));
        }
        Ok(())
    }

    /// Sets what goes wrong at an address from now on, whatever its script says;
    /// [`Fault::None`] heals it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when the address has no path.
    pub fn set_fault(&self, address: IpAddr, fault: Fault) -> Result<(), Error> {
        self.change(address, |settings| settings.fault = Some(fault))
    }

    /// Sets the round-trip time to an address from now on, whatever its script says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when the address has no path, or the
    /// time is above 60 s.
    pub fn set_rtt(&self, address: IpAddr, rtt: Duration) -> Result<(), Error> {
        self.change(address, |settings| settings.rtt = Some(rtt))
    }

    /// Sets the probability that a flight to or from an address is lost, from now on, whatever
    /// its script says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when the address has no path, or the
    /// probability is not within 0 to 1.
    pub fn set_loss(&self, address: IpAddr, loss: f64) -> Result<(), Error> {
        self.change(address, |settings| settings.loss = Some(loss))
    }

    fn change(&self, address: IpAddr, change: impl FnOnce(&mut Settings)) -> Result<(), Error> {
        let route = self.0.route(address).ok_or_else(|| {
            Scenario::error(format!(
                "no path to {address}: expected an address with one"
            ))
        })?;
        route.change(change).map_err(Scenario::error)
    }

    /// Puts a host in the place of those with its names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when it is out of range.
    pub fn set_host(&self, host: Host) -> Result<(), Error> {
        self.0.names.set(host).map_err(Scenario::error)
    }

    /// Sets how a name is answered from now on, in both families.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when no host has the name.
    pub fn set_dns(&self, name: &str, dns: Dns) -> Result<(), Error> {
        let change = |host: &mut Host| (host.dns, host.dns_aaaa) = (dns, None);
        self.0.names.change(name, change).map_err(Scenario::error)
    }

    /// Sets which addresses a name has from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) when no host has the name.
    pub fn set_addresses(&self, name: &str, addresses: &[IpAddr]) -> Result<(), Error> {
        let change = |host: &mut Host| host.addresses = addresses.to_vec();
        self.0.names.change(name, change).map_err(Scenario::error)
    }

    /// Makes the server at an address close its open connections: FIN, without goodbye above it.
    pub fn close(&self, address: IpAddr) {
        self.cut(address, Cut::Close);
    }

    /// Makes the server at an address reset its open connections.
    pub fn reset(&self, address: IpAddr) {
        self.cut(address, Cut::Reset);
    }

    fn cut(&self, address: IpAddr, how: Cut) {
        if let Some(route) = self.0.route(address) {
            route.cut.send_modify(|(count, cut)| {
                *count += 1;
                *cut = how;
            });
        }
    }
}
