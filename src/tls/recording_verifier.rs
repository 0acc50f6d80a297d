//! A verifier that keeps what a refused certificate says of itself.
//!
//! rustls shows a peer's certificates when they were accepted, and forgets them when they were
//! not, which is when they are wanted. The facts travel inside the error, so that attempts side
//! by side can't mix theirs up.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, SignatureScheme,
};

use crate::certificate::Certificate;

/// Verifies as `inner` does.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
}

/// Why a certificate was refused, and what it says of itself.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) why: CertificateError,
    pub(super) certificate: Arc<Certificate>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl StdError for Refused {}

impl Refused {
    /// The refusal within an error of rustls's.
    pub(super) fn of(error: &CertificateError) -> Option<&Self> {
        match error {
            CertificateError::Other(OtherError(other)) => other.downcast_ref(),
            _ => None,
        }
    }
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
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        verified.map_err(|error| match error {
            rustls::Error::InvalidCertificate(why) => match Certificate::from_der(end_entity) {
                Some(certificate) => Refused {
                    why,
                    certificate: Arc::new(certificate),
                }
                .into(),
                None => why.into(),
            },
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.inner.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.inner.root_hint_subjects()
    }
}

impl From<Refused> for rustls::Error {
    fn from(refused: Refused) -> Self {
        let other = OtherError(Arc::new(refused));
        rustls::Error::InvalidCertificate(CertificateError::Other(other))
    }
}
