//! The network below the handshakes: the real one, or a simulated one.

use std::path::Path;
use std::sync::Arc;

use easelect::{
    Dialer, DialerBuilder, DnsResolver, Error, ErrorKind, Resolve, SystemResolver, TlsClient, shown,
};
use easelect_lab::{Lab, Scenario};
use rustls::pki_types::CertificateDer;

/// Maximum size of a scenario file, in bytes.
const MAX_SCENARIO: u64 = 1024 * 1024;

/// The network that probes use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Network {
    /// The operating system's network.
    Real,
    /// A simulated network: no packet leaves the process.
    Lab(Lab),
}

impl Network {
    /// Creates a simulated network from a built-in scenario (`beijing`, `hostile`) or a scenario file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if `name` is neither, [`ErrorKind::Scenario`] if the file's content is wrong.
    pub fn simulated(name: &str) -> Result<Self, Error> {
        let scenario = match Scenario::built_in(name) {
            Some(scenario) => scenario,
            None => {
                let input = |why: String| {
                    let (name, known) = (shown(name, 200), Scenario::BUILT_IN.join(", "));
                    let why = format!(
                        "--lab {name}: not a built-in scenario ({known}); as a file: {why}"
                    );
                    Error::new(ErrorKind::Input, why)
                };
                let bytes = easelect_file::read(Path::new(name), MAX_SCENARIO)
                    .map_err(|error| input(error.to_string()))?;
                let text = String::from_utf8(bytes).map_err(|_| input("not UTF-8".to_owned()))?;
                Scenario::from_toml(&text, name)?
            }
        };
        Ok(Network::Lab(Lab::new(scenario)?))
    }

    /// Returns a TLS client that trusts this network's roots and `extra`.
    pub(crate) fn tls(&self, extra: Vec<CertificateDer<'static>>) -> Result<TlsClient, Error> {
        match self {
            Network::Real => TlsClient::with_platform_roots_and(extra),
            Network::Lab(lab) => lab.tls(extra),
        }
    }

    /// Returns a dialer and a resolver for this network. The lab has DNS of its own and ignores `dns`.
    pub(crate) fn reached(
        &self,
        dns: Option<std::net::SocketAddr>,
    ) -> (DialerBuilder, Arc<dyn Resolve>) {
        match (self, dns) {
            (Network::Lab(lab), _) => {
                (Dialer::builder().connector(lab.connector()), lab.resolver())
            }
            (Network::Real, Some(server)) => (Dialer::builder(), Arc::new(DnsResolver::at(server))),
            (Network::Real, None) => (Dialer::builder(), Arc::new(SystemResolver::new())),
        }
    }
}
