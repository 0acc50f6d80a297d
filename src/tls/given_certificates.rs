//! Servers whose own certificate is the one that was given as trusted.
//!
//! Trust is a path to a root, and webpki never takes an authority's certificate for a server's. Yet
//! who makes a certificate for one server with `openssl req -x509` gets one that is both, and curl with
//! OpenSSL accepts it as its own root (X509_V_FLAG_PARTIAL_CHAIN). So does this: byte for byte the
//! given one, under its names, within its dates, and its key must sign the handshake as ever.

use rustls::client::danger::ServerCertVerified;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use super::system_time;
use crate::certificate::Certificate;

/// The certificates that were given as trusted.
#[derive(Debug)]
pub(super) struct GivenCertificates(pub(super) Vec<CertificateDer<'static>>);

impl GivenCertificates {
    /// Whether a server shows exactly one of them, which is for it and in force.
    pub(super) fn verify(
        &self,
        shown: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<ServerCertVerified> {
        let given = self.0.iter().find(|one| *one == shown)?;
        let parsed = ParsedCertificate::try_from(given).ok()?;
        verify_server_name(&parsed, name).ok()?;
        let certificate = Certificate::from_der(given)?;
        let usable = certificate.is_valid_at(system_time(now)) && !certificate.has_weak_key;
        usable.then(ServerCertVerified::assertion)
    }
}
