//! Accepts a server certificate that is itself one of the trusted certificates.
//!
//! webpki requires a path to a root, and never accepts a CA certificate as a server's. But `openssl
//! req -x509` makes a certificate for one server that is both, and curl with OpenSSL accepts it as
//! its own root (X509_V_FLAG_PARTIAL_CHAIN). This module does the same: the certificate must equal
//! the given one byte for byte, match the host name and be within its dates, and its key must sign
//! the handshake.

use rustls::client::danger::ServerCertVerified;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use super::system_time;
use crate::certificate::Certificate;

#[derive(Debug)]
pub(super) struct GivenCertificates(pub(super) Vec<CertificateDer<'static>>);

impl GivenCertificates {
    /// Accepts `shown` if it equals a given certificate, is for this host, is in force and has no
    /// weak key.
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
