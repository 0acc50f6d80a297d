//! A verifier that keeps the contents of rejected certificates.
//!
//! rustls exposes a peer's certificates after accepting them, and discards them after rejecting them,
//! which is when a user needs them. They travel inside the error, so that concurrent attempts can't
//! mix theirs up.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, SignatureScheme,
};

use super::given_certificates::GivenCertificates;
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
use super::late_roots::LateRoots;
use super::unix_time;
use crate::certificate::CertificateChain;

/// The inner verifier.
#[derive(Debug)]
pub(super) enum Judge {
    Ready(Arc<dyn ServerCertVerifier>),
    /// The platform's, with its roots still loading.
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    Late(LateRoots),
}

impl Judge {
    fn get(&self) -> Result<&dyn ServerCertVerifier, rustls::Error> {
        match self {
            Judge::Ready(verifier) => Ok(&**verifier),
            #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
            Judge::Late(roots) => Ok(roots.get()?),
        }
    }

    /// The verifier, if it is available without waiting: building a ClientHello must not wait for the
    /// roots.
    fn at_once(&self) -> Option<&dyn ServerCertVerifier> {
        match self {
            Judge::Ready(verifier) => Some(&**verifier),
            #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
            Judge::Late(_) => None,
        }
    }
}

/// Verifies as `inner` does, then accepts certificates that are themselves trusted (see
/// `GivenCertificates`).
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub(super) inner: Judge,
    pub(super) given: GivenCertificates,
}

/// The rejected certificates and the reason.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) why: CertificateError,
    pub(super) chain: Arc<CertificateChain>,
    /// When the verifier judged them.
    pub(super) at: UnixTime,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl StdError for Refused {}

impl Refused {
    /// Finds the rejection inside a rustls error.
    pub(super) fn within(error: &CertificateError) -> Option<&Self> {
        match error {
            CertificateError::Other(OtherError(other)) => other.downcast_ref(),
            _ => None,
        }
    }

    /// Wraps the reason and the certificates in a rustls error.
    fn of<'a>(
        why: CertificateError,
        shown: impl Iterator<Item = &'a CertificateDer<'a>>,
        at: UnixTime,
    ) -> rustls::Error {
        match CertificateChain::from_der(shown.map(|one| &**one)) {
            Some(chain) => {
                let chain = Arc::new(chain);
                let refused = Arc::new(Refused { why, chain, at });
                rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(refused)))
            }
            None => why.into(),
        }
    }

    /// The same for a signature that the certificate's key failed to verify.
    pub(super) fn of_key(error: rustls::Error, cert: &CertificateDer<'_>) -> rustls::Error {
        match error {
            rustls::Error::InvalidCertificate(why) => {
                Refused::of(why, std::iter::once(cert), unix_time(SystemTime::now()))
            }
            other => other,
        }
    }
}

/// Whether the certificates were rejected for lack of a path to a root.
fn lacks_path(why: &CertificateError) -> bool {
    match why {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(other) => is_authority(other),
        _ => false,
    }
}

/// Whether the server's certificate was rejected for being a CA certificate. rustls has no variant
/// for this webpki error.
pub(super) fn is_authority(other: &OtherError) -> bool {
    other.to_string().contains("CaUsedAsEndEntity")
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.get()?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(rustls::Error::InvalidCertificate(why)) => {
                if lacks_path(&why)
                    && let Some(verified) = self.given.verify(end_entity, server_name, now)
                {
                    return Ok(verified);
                }
                let shown = std::iter::once(end_entity).chain(intermediates);
                Err(Refused::of(why, shown, now))
            }
            ended => ended,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let verified = self.inner.get()?.verify_tls12_signature(message, cert, dss);
        verified.map_err(|error| Refused::of_key(error, cert))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let verified = self.inner.get()?.verify_tls13_signature(message, cert, dss);
        verified.map_err(|error| Refused::of_key(error, cert))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match &self.inner {
            Judge::Ready(verifier) => verifier.supported_verify_schemes(),
            #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
            Judge::Late(roots) => roots.schemes(),
        }
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.inner
            .at_once()
            .is_some_and(|one| one.requires_raw_public_keys())
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.at_once()?.root_hint_subjects()
    }
}
