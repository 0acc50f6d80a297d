//! TLS: one client configuration, shared by every attempt, and its errors made typed.
//!
//! Certificates are always verified. rustls with `ring` is the one provider, named explicitly
//! everywhere: rustls panics when it has to choose between two.

mod recording_verifier;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, InvalidMessage, PeerIncompatible,
    ProtocolVersion,
};

use crate::error::{Error, ErrorKind};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use recording_verifier::{RecordingVerifier, Refused};

/// rustls keeps 32 servers by default; cycling through 40 hosts resumed none of them. Several
/// tickets for each of the catalogue's 44 hosts and a user's own.
const SESSIONS: usize = 8 * 64;

/// A TLS client configuration and its session store. Cheap to clone; clones share the sessions.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

impl TlsClient {
    /// Trusts what the platform trusts: company roots, revocation and clock included.
    ///
    /// The first call reads the platform's certificate store (34 ms measured on Linux); keep and
    /// clone the result.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] where the platform has no usable roots, as in a bare container, and on
    /// Android before its verifier was initialised.
    pub fn with_platform_roots() -> Result<Self, Error> {
        Self::with_platform_roots_and([])
    }

    /// Trusts what the platform trusts, and `extra` roots besides.
    ///
    /// # Errors
    ///
    /// As [`with_platform_roots`](Self::with_platform_roots), and when an extra root is not a certificate.
    pub fn with_platform_roots_and(
        extra: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = platform_verifier(extra, &provider).map_err(|error| {
            Error::new(
                ErrorKind::Tls,
                format!(
                    "the platform's certificate store can't be used ({error}): install the \
                     system's root certificates (package ca-certificates), or give roots with \
                     TlsClient::with_roots or the feature webpki-roots"
                ),
            )
        })?;
        Ok(Self::verified_by(Arc::new(verifier), provider))
    }

    /// Trusts only `roots`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] when there are none, or one is not a certificate.
    pub fn with_roots(
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        Self::with_roots_and_revocations(roots, Vec::new())
    }

    /// Trusts only `roots`, and refuses the servers that these lists revoke. Of issuers without a
    /// list nothing is revoked.
    ///
    /// # Errors
    ///
    /// As [`with_roots`](Self::with_roots), and when a list can't be read.
    pub fn with_roots_and_revocations(
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
        revocations: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Self, Error> {
        let mut store = rustls::RootCertStore::empty();
        for (index, root) in roots.into_iter().enumerate() {
            store.add(root).map_err(|error| {
                let which = format!("root {} is not a usable certificate: {error}", index + 1);
                Error::new(ErrorKind::Tls, which)
            })?;
        }
        Self::from_store(store, revocations)
    }

    /// Trusts Mozilla's roots as compiled in, and `extra` roots besides.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] when an extra root is not a certificate.
    #[cfg(feature = "webpki-roots")]
    pub fn with_webpki_roots_and(
        extra: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        let mut store =
            rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for root in extra {
            store.add(root).map_err(|error| {
                let which = format!("an extra root is not a usable certificate: {error}");
                Error::new(ErrorKind::Tls, which)
            })?;
        }
        Self::from_store(store, Vec::new())
    }

    /// Uses a configuration as it is: the app's own roots, client certificate or key log.
    ///
    /// Its ALPN list should be empty or hold only `http/1.1`: a WebSocket is opened over HTTP/1.1.
    #[must_use]
    pub fn from_config(config: ClientConfig) -> Self {
        TlsClient {
            config: Arc::new(config),
        }
    }

    /// The configuration, for sharing roots and sessions with other clients.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The same trust without resumption: a probe measures full handshakes, all alike.
    pub(crate) fn without_resumption(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        Self::from_config(config)
    }

    /// The same trust and the same sessions, for connections that send early data.
    pub(crate) fn with_early_data(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.enable_early_data = true;
        Self::from_config(config)
    }

    fn from_store(
        store: rustls::RootCertStore,
        revocations: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                // Only what a list says counts; what is on none may be of any authority.
                .with_crls(revocations)
                .only_check_end_entity_revocation()
                .allow_unknown_revocation_status()
                .build()
                .map_err(|error| {
                    let what = match error {
                        VerifierBuilderError::NoRootAnchors => "no root certificate was given",
                        _ => "a revocation list can't be used",
                    };
                    Error::new(ErrorKind::Tls, format!("{what}: {error}"))
                })?;
        Ok(Self::verified_by(verifier, provider))
    }

    fn verified_by(
        verifier: Arc<dyn ServerCertVerifier>,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Self {
        let verifier = Arc::new(RecordingVerifier { inner: verifier });
        // rustls calls any verifier of one's own dangerous; both callers give full verification.
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .expect("ring has the suites of TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Self::from_config(config)
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClient")
    }
}

#[cfg(not(target_os = "android"))]
fn platform_verifier(
    extra: impl IntoIterator<Item = CertificateDer<'static>>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<rustls_platform_verifier::Verifier, rustls::Error> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(provider))
}

#[cfg(target_os = "android")]
fn platform_verifier(
    extra: impl IntoIterator<Item = CertificateDer<'static>>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<rustls_platform_verifier::Verifier, rustls::Error> {
    if extra.into_iter().next().is_some() {
        let why = "Android's verifier takes no extra roots".to_owned();
        return Err(rustls::Error::General(why));
    }
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(provider))?;
    if !can_verify(&verifier) {
        let why = "Android's verifier was not initialised: call \
                   rustls_platform_verifier::android::init_with_env first";
        return Err(rustls::Error::General(why.to_owned()));
    }
    Ok(verifier)
}

/// Whether a verifier says anything at all. Android's panics until the app has initialised it, and
/// can't be asked whether it was: better here than at the first connection.
#[cfg(any(test, target_os = "android"))]
fn can_verify(verifier: &dyn ServerCertVerifier) -> bool {
    let Ok(name) = rustls::pki_types::ServerName::try_from("easelect.invalid") else {
        return false;
    };
    let none = CertificateDer::from(&[][..]);
    let ask = || verifier.verify_server_cert(&none, &[], &name, &[], UnixTime::now());
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask)).is_ok()
}

/// What is known about a TLS session once it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSession {
    /// `"TLSv1.2"` or `"TLSv1.3"`.
    pub version: &'static str,
    /// Whether an earlier session was resumed, which spares certificates and signatures.
    pub resumed: bool,
}

impl TlsSession {
    pub(crate) fn of(connection: &rustls::ClientConnection) -> Option<Self> {
        Some(TlsSession {
            version: match connection.protocol_version()? {
                ProtocolVersion::TLSv1_2 => "TLSv1.2",
                ProtocolVersion::TLSv1_3 => "TLSv1.3",
                _ => "unknown",
            },
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        })
    }
}

/// The failure that an error on a TLS stream means. `phase` is where it showed; what TLS itself
/// complains about belongs to [`Phase::Tls`] whenever it shows: in TLS 1.3 the server's alert
/// about a missing client certificate arrives with the first read after the handshake.
pub(crate) fn failure_of(error: &io::Error, phase: Phase) -> Failure {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(tls) = tls {
        return tls_failure(tls, phase);
    }
    let kind = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => FailureKind::Closed,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => FailureKind::Reset,
        io::ErrorKind::TimedOut => FailureKind::Timeout,
        // No kernel says so of a socket: the meter on what a peer may send does.
        io::ErrorKind::FileTooLarge => FailureKind::TooLarge,
        _ => FailureKind::Other,
    };
    // After the handshake a reset and a close mean the same: the peer ended the connection.
    let kind = match (phase, kind) {
        (Phase::Upgrade | Phase::Processing, FailureKind::Reset) => FailureKind::Closed,
        _ => kind,
    };
    Failure::new(phase, kind).with_message(error)
}

fn tls_failure(error: &rustls::Error, phase: Phase) -> Failure {
    use rustls::Error as Tls;
    let kind = match error {
        Tls::InvalidCertificate(certificate) => return certificate_failure(certificate),
        Tls::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) if phase == Phase::Tls => FailureKind::NotTls,
        Tls::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge
            | InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::MessageTooLarge,
        ) => FailureKind::TooLarge,
        Tls::AlertReceived(alert) => match alert {
            AlertDescription::ProtocolVersion => FailureKind::ProtocolVersion,
            AlertDescription::InsufficientSecurity => FailureKind::NoCommonParameters,
            AlertDescription::CertificateRequired => FailureKind::ClientCertificateRequired,
            _ => FailureKind::Alert,
        },
        Tls::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => FailureKind::ProtocolVersion,
        Tls::PeerIncompatible(_) => FailureKind::NoCommonParameters,
        Tls::InvalidMessage(_)
        | Tls::InappropriateMessage { .. }
        | Tls::InappropriateHandshakeMessage { .. }
        | Tls::PeerMisbehaved(_)
        | Tls::DecryptError
        | Tls::PeerSentOversizedRecord => FailureKind::InvalidMessage,
        _ => FailureKind::Other,
    };
    Failure::new(Phase::Tls, kind).with_message(error)
}

fn certificate_failure(error: &CertificateError) -> Failure {
    use CertificateError as Bad;
    if let Some(refused) = Refused::of(error) {
        let certificate = Arc::clone(&refused.certificate);
        return certificate_failure(&refused.why).with_certificate(certificate);
    }
    let failure = |kind| Failure::new(Phase::Tls, kind).with_message(error);
    match error {
        Bad::Expired => failure(FailureKind::CertificateExpired),
        Bad::ExpiredContext { not_after, .. } => {
            failure(FailureKind::CertificateExpired).with_not_after(system_time(*not_after))
        }
        Bad::NotValidYet => failure(FailureKind::CertificateNotYetValid),
        Bad::NotValidYetContext { not_before, .. } => {
            failure(FailureKind::CertificateNotYetValid).with_not_before(system_time(*not_before))
        }
        Bad::NotValidForName => failure(FailureKind::CertificateWrongHost),
        Bad::NotValidForNameContext { presented, .. } => {
            let names = presented.iter().map(|name| plain_name(name)).collect();
            failure(FailureKind::CertificateWrongHost).with_names(names)
        }
        Bad::Revoked => failure(FailureKind::CertificateRevoked),
        Bad::UnknownIssuer | Bad::BadSignature => failure(FailureKind::CertificateUntrusted),
        // A self-signed certificate that claims to be an authority, shown by a server: what an
        // intercepting box with a home-made certificate looks like.
        Bad::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            failure(FailureKind::CertificateUntrusted)
        }
        _ => failure(FailureKind::CertificateOther),
    }
}

/// rustls gives names as they look in its own debug output.
fn plain_name(presented: &str) -> String {
    let dns = presented.strip_prefix("DnsName(\"");
    let bare = dns.and_then(|rest| rest.strip_suffix("\")"));
    bare.unwrap_or(presented).to_owned()
}

fn system_time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For tests in which nobody's certificate is looked at.
    pub(crate) fn trusting_nobody() -> TlsClient {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        TlsClient::from_config(config)
    }

    fn kind(error: rustls::Error) -> FailureKind {
        kind_in(error, Phase::Upgrade)
    }

    fn kind_in(error: rustls::Error, phase: Phase) -> FailureKind {
        let failure = failure_of(&io::Error::other(error), phase);
        assert_eq!(failure.phase(), Phase::Tls);
        failure.kind()
    }

    #[test]
    fn tls_errors_are_typed_wherever_they_show() {
        use rustls::Error as Tls;
        for (error, expected) in [
            (
                Tls::AlertReceived(AlertDescription::CertificateRequired),
                FailureKind::ClientCertificateRequired,
            ),
            (
                Tls::AlertReceived(AlertDescription::ProtocolVersion),
                FailureKind::ProtocolVersion,
            ),
            (
                Tls::AlertReceived(AlertDescription::HandshakeFailure),
                FailureKind::Alert,
            ),
            (
                Tls::InvalidCertificate(CertificateError::UnknownIssuer),
                FailureKind::CertificateUntrusted,
            ),
            (
                Tls::InvalidCertificate(CertificateError::Revoked),
                FailureKind::CertificateRevoked,
            ),
        ] {
            assert_eq!(kind(error), expected);
        }
    }

    #[test]
    fn junk_is_no_tls_at_first_and_broken_tls_later() {
        let junk = || rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        assert_eq!(kind_in(junk(), Phase::Tls), FailureKind::NotTls);
        assert_eq!(kind(junk()), FailureKind::InvalidMessage);
    }

    #[test]
    fn a_certificates_dates_and_names_are_kept() {
        let at = UnixTime::since_unix_epoch(Duration::from_secs(1_000_000));
        let expired = certificate_failure(&CertificateError::ExpiredContext {
            time: at,
            not_after: at,
        });
        assert_eq!(expired.not_after(), Some(system_time(at)));
        let wrong = certificate_failure(&CertificateError::NotValidForNameContext {
            expected: "a.example".try_into().unwrap(),
            presented: vec!["DnsName(\"b.example\")".to_owned()],
        });
        assert_eq!(wrong.names(), ["b.example"]);
    }

    /// As Android's before its initialisation.
    #[derive(Debug)]
    struct Panics;

    impl ServerCertVerifier for Panics {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &rustls::pki_types::ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            panic!("not initialised (this test expects to see this)")
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            unreachable!("no handshake is made")
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            unreachable!("no handshake is made")
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            Vec::new()
        }
    }

    #[test]
    fn a_verifier_that_is_not_initialised_is_noticed() {
        assert!(!can_verify(&Panics));
        let root = rcgen::generate_simple_self_signed(["x.example".to_owned()]).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        assert!(can_verify(&*builder.build().unwrap()));
    }

    #[test]
    fn a_root_that_is_none_is_refused() {
        let junk = CertificateDer::from(b"junk".to_vec());
        assert_eq!(
            TlsClient::with_roots([junk]).unwrap_err().kind(),
            ErrorKind::Tls
        );
        assert!(TlsClient::with_roots([]).is_err());
    }
}
