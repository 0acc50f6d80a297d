//! The handle of a lab.

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

/// A simulated network. Clones are cheap and share the network.
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
    /// Starts the network of a scenario. Its steps count from now.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if a value is out of range, or if a
    ///   name or an address occurs twice.
    /// - [`ErrorKind::Tls`](easelect::ErrorKind::Tls) if the certificates can't be generated.
    pub fn new(scenario: Scenario) -> Result<Lab, Error> {
        Ok(Lab(Arc::new(Network::new(scenario)?)))
    }

    /// Returns a resolver that answers from the scenario's hosts.
    #[must_use]
    pub fn resolver(&self) -> Arc<dyn Resolve> {
        Arc::new(Resolver(Arc::clone(&self.0)))
    }

    /// Returns a connector to the scenario's addresses, at any port.
    ///
    /// Connecting needs a tokio runtime with timers. The server of each connection runs there as a
    /// task, until the connection ends.
    #[must_use]
    pub fn connector(&self) -> Arc<dyn Connect> {
        Arc::new(Connector(Arc::clone(&self.0)))
    }

    /// Returns the builder of a dialer in this network: with [`resolver`](Self::resolver),
    /// [`connector`](Self::connector) and [`tls`](Self::tls).
    #[must_use]
    pub fn dialer(&self) -> DialerBuilder {
        let tls = self.tls([]).expect("the lab's root is a certificate");
        Dialer::builder()
            .resolver(self.resolver())
            .connector(self.connector())
            .tls(tls)
    }

    /// Returns the root certificate of the servers' certificates. Every lab has another.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.0.certificates.root()
    }

    /// Returns the root certificate that signs the certificates of [`Fault::Inspected`].
    ///
    /// [`tls`](Self::tls) trusts it, but doesn't count it among the public roots: it stands for a root
    /// that a company installs to inspect TLS.
    #[must_use]
    pub fn installed_root(&self) -> CertificateDer<'static> {
        self.0.certificates.installed_root()
    }

    /// Returns [`root`](Self::root) in PEM (RFC 7468).
    #[must_use]
    pub fn root_pem(&self) -> String {
        certificates::pem(&self.root())
    }

    /// Returns the root's certificate revocation list. It holds the certificates of
    /// [`Fault::Revoked`].
    #[must_use]
    pub fn revocations(&self) -> CertificateRevocationListDer<'static> {
        self.0.certificates.revocations()
    }

    /// Returns a TLS client that trusts [`root`](Self::root), [`installed_root`](Self::installed_root)
    /// and the `extra` roots, and refuses certificates on [`revocations`](Self::revocations).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`](easelect::ErrorKind::Tls) if an extra root is not a certificate.
    pub fn tls(
        &self,
        extra: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<TlsClient, Error> {
        let roots = [self.root(), self.installed_root()];
        let roots = roots.into_iter().chain(extra);
        TlsClient::with_roots_and_revocations(roots, vec![self.revocations()])?
            .public_roots([self.root()])
    }

    /// Returns the events so far, the oldest first: at most the last 100,000.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.log.events()
    }

    /// Returns the number of open connections, pending connects and pending lookups on the client's
    /// side. It is 0 as soon as the client has dropped all of them.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Returns the number of open connections on the servers' side. A server notices half a round trip
    /// later that its client is gone.
    #[must_use]
    pub fn serving(&self) -> usize {
        self.0.serving.load(Ordering::Relaxed)
    }

    /// Returns the number of connects started so far.
    #[must_use]
    pub fn dials(&self) -> u64 {
        self.0.dials.load(Ordering::Relaxed)
    }

    /// Returns the number of TLS handshakes that servers have completed so far.
    #[must_use]
    pub fn handshakes(&self) -> u64 {
        self.0.handshakes.load(Ordering::Relaxed)
    }

    /// Returns the number of lookups so far. Each family of a name counts as one.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// Adds a path, or replaces those of its addresses, for open connections too. Earlier changes by
    /// [`set_fault`](Self::set_fault), [`set_rtt`](Self::set_rtt) and [`set_loss`](Self::set_loss) are
    /// lost.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if a value is out of range.
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

    /// Sets what goes wrong at an address from now on. It takes precedence over the path's steps;
    /// [`Fault::None`] heals the address.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if the address has no path.
    pub fn set_fault(&self, address: IpAddr, fault: Fault) -> Result<(), Error> {
        self.change(address, |settings| settings.fault = Some(fault))
    }

    /// Sets the round-trip time to an address from now on. It takes precedence over the path's steps.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if the address has no path, or if the
    /// time is above 60 s.
    pub fn set_rtt(&self, address: IpAddr, rtt: Duration) -> Result<(), Error> {
        self.change(address, |settings| settings.rtt = Some(rtt))
    }

    /// Sets the probability that a flight to or from an address is lost, from now on. It takes
    /// precedence over the path's steps.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if the address has no path, or if the
    /// probability is not between 0 and 1.
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

    /// Adds a host, or replaces those with its names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if a value is out of range.
    pub fn set_host(&self, host: Host) -> Result<(), Error> {
        self.0.names.set(host).map_err(Scenario::error)
    }

    /// Sets the outcome of A and AAAA queries for a name from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if no host has the name.
    pub fn set_dns(&self, name: &str, dns: Dns) -> Result<(), Error> {
        let change = |host: &mut Host| (host.dns, host.dns_aaaa) = (dns, None);
        self.0.names.change(name, change).map_err(Scenario::error)
    }

    /// Sets the addresses of a name from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`](easelect::ErrorKind::Scenario) if no host has the name.
    pub fn set_addresses(&self, name: &str, addresses: &[IpAddr]) -> Result<(), Error> {
        let change = |host: &mut Host| host.addresses = addresses.to_vec();
        self.0.names.change(name, change).map_err(Scenario::error)
    }

    /// Makes the server at an address close its open connections by FIN, without a WebSocket Close
    /// frame or TLS's `close_notify`.
    pub fn close(&self, address: IpAddr) {
        self.cut(address, Cut::Close);
    }

    /// Makes the server at an address reset its open connections by RST.
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
