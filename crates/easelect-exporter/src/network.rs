//! What stands below the handshakes: the real network, or a simulated one.

use std::path::Path;
use std::sync::Arc;

use easelect::{
    Dialer, DialerBuilder, DnsResolver, Error, ErrorKind, Resolve, SystemResolver, TlsClient, shown,
};
use easelect_lab::{Lab, Scenario};
use rustls::pki_types::CertificateDer;

/// The largest scenario's file, in bytes.
const MAX_SCENARIO: u64 = 1024 * 1024;

/// What stands below the handshakes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Network {
    /// The operating system's.
    Real,
    /// A simulated one: nothing is sent to anybody.
    Lab(Lab),
}

impl Network {
    /// A simulated network by the name of a built-in scenario, or of a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] where it is neither, [`ErrorKind::Scenario`] where it is wrong.
    pub fn simulated(name: &str) -> Result<Self, Error> {
        let scenario = match Scenario::built_in(name) {
            Some(scenario) => scenario,
            None => {
                let input = |why: String| {
                    let (name, known) = (shown(name, 200), Scenario::BUILT_IN.join(", "));
                    let why = format!("--lab {name}: no built-in scenario ({known}), and {why}");
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

    /// TLS that trusts what this network has, and these certificates besides.
    pub(crate) fn tls(&self, extra: Vec<CertificateDer<'static>>) -> Result<TlsClient, Error> {
        match self {
            Network::Real => TlsClient::with_platform_roots_and(extra),
            Network::Lab(lab) => lab.tls(extra),
        }
    }

    /// How it is reached, and by which resolver; a lab has its own name server.
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
