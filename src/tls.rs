//! TLS: one client configuration shared by every attempt, and typed TLS failures.
//!
//! Certificates are always verified; revocation is checked where the platform does so. The only
//! crypto provider is `ring`, always named explicitly: rustls panics if two providers are compiled in
//! and none is named.

mod certificate_request;
mod failures;
mod given_certificates;
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod late_roots;
#[cfg(any(test, windows, target_vendor = "apple", target_os = "android"))]
mod off_thread;
mod recording_verifier;
mod seen_chains;

use std::fmt;
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
use std::fs;
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ProtocolVersion};

use crate::certificate::Trust;
use crate::error::{Error, ErrorKind};
use certificate_request::NoCertificate;
pub(crate) use certificate_request::noticing;
pub(crate) use failures::{failure_of, with_certificate_wanted};
use given_certificates::GivenCertificates;
use recording_verifier::{Judge, RecordingVerifier};
pub(crate) use seen_chains::SeenChains;

/// rustls keeps tickets for 32 servers by default, so cycling through 40 hosts resumed no session.
/// This is room for 64 servers with up to 8 tickets each: the catalogue has 44 hosts, and a user may
/// add some.
const SESSIONS: usize = 8 * 64;

/// Whether the platform's verifier may access the network. On Linux and similar systems it is webpki,
/// which does not.
const PLATFORM_MAY_BLOCK: bool = cfg!(any(windows, target_vendor = "apple", target_os = "android"));

/// The TLS configuration: trusted roots and session tickets. Cheap to clone; clones share the configuration.
///
/// # Sessions
///
/// An observer who sees the same session ticket twice recognises the client, in any TLS version (RFC
/// 8446 §C.4). In TLS 1.2 the server also issues tickets in the clear, so even their first use is
/// recognisable. Each [`Selector`](crate::Selector) therefore keeps its own tickets, and discards
/// them when the device changes networks or wakes from sleep. The first handshake with each host is
/// then a full one, also on return to a network used before.
///
/// Tickets are not shared: other selectors built from clones of this value, a
/// [`Prober`](crate::Prober) and [`Dialer::open`](crate::Dialer::open) never use a selector's
/// tickets. A selector has one residency and one proxy, so tickets stay within these too. Early data
/// needs a ticket, and is restricted in the same way.
///
/// A [configuration of your own](Self::from_config) keeps its sessions wherever it says, and all
/// selectors given clones of it share them. Where that matters, disable resumption in it, or use one
/// configuration per network.
///
/// # Revocation
///
/// On Windows, macOS, iOS and Android the platform's verifier checks revocation, to the extent that
/// the platform does. On Linux, and with [`with_roots`](Self::with_roots) or Mozilla's roots, only
/// the revocation lists given to [`with_roots_and_revocations`](Self::with_roots_and_revocations)
/// count; no server is contacted.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    /// For a selector: the same configuration, with the sessions of the current network.
    here: Option<Arc<Mutex<Arc<ClientConfig>>>>,
    /// The app supplied the configuration, which says where sessions are kept.
    is_the_apps: bool,
    /// The verifier may block on the network.
    may_block: bool,
    /// Classifies accepted chains as public or installed; never used to accept one.
    public: Option<Arc<dyn ServerCertVerifier>>,
}

impl TlsClient {
    /// Trusts the platform's roots, including those that a company or user installed, and checks
    /// [revocation](Self#revocation) as the platform does.
    ///
    /// Every call reads the platform's certificate store, so keep the result and clone it. On Linux
    /// and similar systems this takes 3 ms, or 34 ms if the files are not cached. If the first
    /// certificate in `SSL_CERT_FILE`, or in the system's usual bundle, is a usable root, a separate
    /// thread reads the rest, and the first handshake waits for it if necessary. An app that
    /// restricts its own file access right after this call (`chroot`, Landlock) should supply its own
    /// roots instead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] if:
    ///
    /// - the platform has no usable roots, as in a bare container;
    /// - `SSL_CERT_FILE` names something other than a file;
    /// - `SSL_CERT_FILE`, or a folder in `SSL_CERT_DIR`, exceeds 16 MiB;
    /// - a folder in `SSL_CERT_DIR` has more than 10,000 entries;
    /// - on Android, the app has not initialised `rustls-platform-verifier`.
    ///
    /// Only Linux and similar systems read these variables.
    pub fn with_platform_roots() -> Result<Self, Error> {
        Self::with_platform_roots_and([])
    }

    /// Trusts the platform's roots and the `extra` ones.
    ///
    /// # Errors
    ///
    /// As [`with_platform_roots`](Self::with_platform_roots), and if an extra root is not a
    /// certificate. On Android, any extra root is an error: its verifier does not support them.
    pub fn with_platform_roots_and(
        extra: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        look_at_bundle()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let given: Vec<_> = extra.into_iter().collect();
        let verifier = platform_roots(given.clone(), &provider).map_err(|error| {
            Error::new(
                ErrorKind::Tls,
                format!(
                    "the platform's certificate store can't be used ({error}): install the \
                     system's root certificates (package ca-certificates), or give roots with \
                     TlsClient::with_roots or the feature webpki-roots"
                ),
            )
        })?;
        let mut tls = Self::verified_by(verifier, given, provider);
        tls.may_block = PLATFORM_MAY_BLOCK;
        Ok(tls)
    }

    /// Trusts only `roots`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] if there are none, or if one is not a certificate.
    pub fn with_roots(
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        Self::with_roots_and_revocations(roots, Vec::new())
    }

    /// Trusts only `roots`, and rejects server certificates that a list in `revocations` revokes.
    /// Only the server's own certificate is checked, not its issuers. A certificate whose issuer has
    /// no list here counts as not revoked.
    ///
    /// # Errors
    ///
    /// As [`with_roots`](Self::with_roots), and if a list can't be parsed.
    pub fn with_roots_and_revocations(
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
        revocations: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Self, Error> {
        let given: Vec<_> = roots.into_iter().collect();
        let store = rustls::RootCertStore::empty();
        Self::from_store(store, given, revocations)
    }

    /// Trusts Mozilla's roots, as compiled in, and the `extra` ones.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] if an extra root is not a certificate.
    #[cfg(feature = "webpki-roots")]
    pub fn with_webpki_roots_and(
        extra: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        let given: Vec<_> = extra.into_iter().collect();
        Self::from_store(mozilla(), given, Vec::new())
    }

    /// Uses a rustls configuration unchanged: the app's own roots, client certificate or key log.
    ///
    /// Its ALPN list must be empty or hold only `http/1.1`, since a WebSocket opens over HTTP/1.1;
    /// [`DialerBuilder::build`](crate::DialerBuilder::build) checks this. Its verifier runs on the
    /// async runtime's threads, so it must not block.
    #[must_use]
    pub fn from_config(config: ClientConfig) -> Self {
        TlsClient {
            config: Arc::new(config),
            here: None,
            is_the_apps: true,
            may_block: false,
            public: mozilla_verifier(),
        }
    }

    /// Sets which roots count as public. This does not affect what is trusted: an accepted chain that
    /// ends at any other root is reported as [`Trust::Installed`]. By default these are Mozilla's
    /// roots with the feature `webpki-roots`; without it, the distinction is unknown.
    ///
    /// # Errors
    ///
    /// As [`with_roots`](Self::with_roots).
    pub fn public_roots(
        mut self,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, Error> {
        let mut store = rustls::RootCertStore::empty();
        add(&mut store, roots)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        self.public = Some(verifier(store, Vec::new(), &provider)?);
        Ok(self)
    }

    /// Returns the rustls configuration, for sharing its roots with other clients. It does not hold
    /// selectors' sessions.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The same trust without resumption, so that every probe is a full handshake. The clock is read
    /// once, so that setting it during a run can't make two probes judge the same certificate
    /// differently.
    pub(crate) fn for_probes(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        config.time_provider = Arc::new(OneReading(config.time_provider.current_time()));
        TlsClient {
            config: Arc::new(config),
            here: None,
            is_the_apps: false,
            may_block: self.may_block,
            public: self.public.clone(),
        }
    }

    /// The same trust, with sessions private to one selector.
    pub(crate) fn for_selector(&self) -> Self {
        let mut tls = self.clone();
        if !tls.is_the_apps {
            tls.here = Some(Arc::new(Mutex::new(tls.without_sessions())));
        }
        tls
    }

    /// Discards the sessions: the device changed networks. Connections still open keep their own
    /// tickets.
    pub(crate) fn moved_on(&self) {
        if let Some(here) = &self.here {
            *lock(here) = self.without_sessions();
        }
    }

    /// The configuration for the next connection.
    pub(crate) fn here(&self) -> Arc<ClientConfig> {
        match &self.here {
            Some(here) => Arc::clone(&lock(here)),
            None => Arc::clone(&self.config),
        }
    }

    /// Runs a handshake, off the runtime's threads where the platform's verifier may block.
    #[cfg(any(windows, target_vendor = "apple", target_os = "android"))]
    pub(crate) async fn wait_for<F>(&self, handshake: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        match self.may_block {
            true => off_thread::off_thread(handshake).await,
            false => handshake.await,
        }
    }

    /// Runs a handshake directly: no verifier blocks on these platforms, and the alternative adds 60
    /// kB of code.
    #[cfg(not(any(windows, target_vendor = "apple", target_os = "android")))]
    pub(crate) fn wait_for<F>(&self, handshake: F) -> F {
        debug_assert!(!self.may_block);
        handshake
    }

    fn without_sessions(&self) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Arc::new(config)
    }

    /// Whether a chain accepted for `host` ends at a public root, if the public roots are known.
    fn trust(&self, shown: &[CertificateDer<'_>], host: &str) -> Option<Trust> {
        let (own, others) = shown.split_first()?;
        let name = ServerName::try_from(host).ok()?;
        let now = self.config.time_provider.current_time()?;
        let public = self.public.as_ref()?;
        let verified = public.verify_server_cert(own, others, &name, &[], now);
        Some(match verified {
            Ok(_) => Trust::Public,
            Err(_) => Trust::Installed,
        })
    }

    fn from_store(
        mut store: rustls::RootCertStore,
        given: Vec<CertificateDer<'static>>,
        revocations: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Self, Error> {
        add(&mut store, given.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = verifier(store, revocations, &provider)?;
        Ok(Self::verified_by(Judge::Ready(verifier), given, provider))
    }

    fn verified_by(
        inner: Judge,
        given: Vec<CertificateDer<'static>>,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Self {
        let given = GivenCertificates(given);
        let verifier = Arc::new(RecordingVerifier { inner, given });
        // rustls calls every custom verifier dangerous. This one verifies in full.
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .expect("ring has the suites of TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(NoCertificate));
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        config.time_provider = Arc::new(WallClock);
        let mut tls = Self::from_config(config);
        tls.is_the_apps = false;
        tls
    }
}

fn lock(here: &Mutex<Arc<ClientConfig>>) -> MutexGuard<'_, Arc<ClientConfig>> {
    here.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClient")
    }
}

/// This computer's clock. The one in rustls panics before 1970; here a certificate is then not yet
/// valid.
#[derive(Debug)]
struct WallClock;

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(SystemTime::now()))
    }
}

fn unix_time(at: SystemTime) -> UnixTime {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::since_unix_epoch(since.unwrap_or_default())
}

/// A clock stopped at one reading.
#[derive(Debug)]
struct OneReading(Option<UnixTime>);

impl TimeProvider for OneReading {
    fn current_time(&self) -> Option<UnixTime> {
        self.0
    }
}

/// Adds roots. The first that is not a usable certificate is an error.
fn add(
    store: &mut rustls::RootCertStore,
    roots: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Result<(), Error> {
    for (index, root) in roots.into_iter().enumerate() {
        store.add(root).map_err(|error| {
            let which = format!("root {} is not a usable certificate: {error}", index + 1);
            Error::new(ErrorKind::Tls, which)
        })?;
    }
    Ok(())
}

fn verifier(
    store: rustls::RootCertStore,
    revocations: Vec<CertificateRevocationListDer<'static>>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
            // Not every issuer has a list.
            .with_crls(revocations)
            .only_check_end_entity_revocation()
            .allow_unknown_revocation_status();
    let verifier = builder.build().map_err(|error| {
        let what = match error {
            VerifierBuilderError::NoRootAnchors => "no root certificate was given",
            _ => "a revocation list can't be used",
        };
        Error::new(ErrorKind::Tls, format!("{what}: {error}"))
    })?;
    Ok(verifier)
}

/// Mozilla's roots as compiled in.
#[cfg(feature = "webpki-roots")]
fn mozilla() -> rustls::RootCertStore {
    rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
}

#[cfg(feature = "webpki-roots")]
fn mozilla_verifier() -> Option<Arc<dyn ServerCertVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    verifier(mozilla(), Vec::new(), &provider).ok()
}

#[cfg(not(feature = "webpki-roots"))]
fn mozilla_verifier() -> Option<Arc<dyn ServerCertVerifier>> {
    None
}

/// Far above real bundles: Mozilla's roots are 0.2 MB.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Refuses pipes, devices and huge files named by the environment: the code that reads the roots
/// would wait for them, or read them to the end. A missing file is left for that code to report.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
fn look_at_bundle() -> Result<(), Error> {
    use easelect_file::FileError;

    /// Per folder. Debian has 300 roots, each under two names.
    const MAX_FILES: usize = 10_000;
    let told = |variable: &str, path: &Path, why: &dyn fmt::Display| {
        let why = format!("{variable}: {}: {why}", path.display());
        Err(Error::new(ErrorKind::Tls, why))
    };
    if let Some(path) = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from) {
        match easelect_file::look(&path, MAX_FILE) {
            Ok(()) | Err(FileError::Io(_)) => {}
            Err(error) => return told("SSL_CERT_FILE", &path, &error),
        }
    }
    let folders = std::env::var_os("SSL_CERT_DIR").unwrap_or_default();
    for folder in std::env::split_paths(&folders) {
        let (mut files, mut bytes) = (0, 0_u64);
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            // Only regular files are read.
            let found = entry.path().metadata().ok();
            let size = found
                .filter(fs::Metadata::is_file)
                .map_or(0, |one| one.len());
            bytes = bytes.saturating_add(size);
            files += 1;
            if files > MAX_FILES || bytes > MAX_FILE {
                let why = format!("more than {MAX_FILES} files or {MAX_FILE} bytes");
                return told("SSL_CERT_DIR", &folder, &why);
            }
        }
    }
    Ok(())
}

/// These platforms keep their roots outside of files named by variables.
#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
fn look_at_bundle() -> Result<(), Error> {
    Ok(())
}

fn platform_roots(
    extra: Vec<CertificateDer<'static>>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Judge, rustls::Error> {
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    if extra.is_empty() {
        let [file, folders] = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
        if let Some(late) = late_roots::LateRoots::begin(file, folders, provider) {
            return Ok(Judge::Late(late));
        }
    }
    Ok(Judge::Ready(Arc::new(platform_verifier(extra, provider)?)))
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
        let why = "Android's verifier does not support extra roots".to_owned();
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

/// Whether the verifier works at all. Android's panics until the app has initialised it, and has no
/// way to ask; better to find out here than at the first connection.
#[cfg(any(test, target_os = "android"))]
fn can_verify(verifier: &dyn ServerCertVerifier) -> bool {
    let Ok(name) = rustls::pki_types::ServerName::try_from("easelect.invalid") else {
        return false;
    };
    let none = CertificateDer::from(&[][..]);
    let now = unix_time(SystemTime::now());
    let ask = || verifier.verify_server_cert(&none, &[], &name, &[], now);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask)).is_ok()
}

/// Properties of an established TLS session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSession {
    /// The protocol version: `"TLSv1.2"` or `"TLSv1.3"`.
    pub version: &'static str,
    /// Whether the handshake resumed an earlier session, without certificates and signatures.
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

fn system_time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

#[cfg(test)]
pub(crate) mod tests {
    use rustls::CertificateError;

    use super::failures::tls_failure;
    use super::recording_verifier::Refused;
    use super::*;
    use crate::certificate::ChainFault;
    use crate::failure::{Failure, FailureKind};
    use crate::phase::Phase;

    /// For tests that verify no certificate.
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

    /// Behaves as Android's verifier before its initialisation.
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

    /// The verdict of the verifier, with these roots, on a server's certificates.
    fn judged(roots: &[&[u8]], shown: &[&[u8]], name: &str) -> Result<(), Failure> {
        let der = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
        let given: Vec<_> = roots.iter().copied().map(der).collect();
        let mut store = rustls::RootCertStore::empty();
        add(&mut store, given.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let inner = Judge::Ready(verifier(store, Vec::new(), &provider).unwrap());
        let shown: Vec<_> = shown.iter().copied().map(der).collect();
        let name = ServerName::try_from(name).unwrap();
        let given = GivenCertificates(given);
        let recording = RecordingVerifier { inner, given };
        let judged =
            recording.verify_server_cert(&shown[0], &shown[1..], &name, &[], UnixTime::now());
        match judged {
            Ok(_) => Ok(()),
            Err(error) => Err(tls_failure(&error, Phase::Tls)),
        }
    }

    /// Made with `openssl req -newkey rsa:1024` and `openssl x509 -sha1`: ring can make neither.
    #[test]
    fn weak_keys_and_signatures_have_kinds() {
        let short_root = include_bytes!("tls/fixtures/root-rsa1024.der");
        let root = include_bytes!("tls/fixtures/root-rsa2048.der");
        for (root, leaf, kind, fault) in [
            (
                &short_root[..],
                &include_bytes!("tls/fixtures/signed-by-rsa1024.der")[..],
                FailureKind::CertificateWeakKey,
                ChainFault::WeakKey,
            ),
            (
                &root[..],
                include_bytes!("tls/fixtures/signed-with-sha1.der"),
                FailureKind::CertificateWeakSignature,
                ChainFault::WeakSignature,
            ),
        ] {
            // Many servers send the root too.
            let failure = judged(&[root], &[leaf, root], "weak.example").unwrap_err();
            assert_eq!((failure.kind(), failure.chain_fault()), (kind, Some(fault)));
        }
        // The length of the server's own key matters only once it signs.
        let short = CertificateDer::from(&include_bytes!("tls/fixtures/leaf-rsa1024.der")[..]);
        let error = rustls::Error::InvalidCertificate(CertificateError::BadSignature);
        let failure = tls_failure(&Refused::of_key(error, &short), Phase::Tls);
        assert_eq!(failure.kind(), FailureKind::CertificateWeakKey);
        assert_eq!(failure.certificate().unwrap().key, "RSA 1024");
    }

    /// A self-signed certificate for `name`; a CA certificate if `authority`.
    fn self_signed(name: &str, authority: bool, days: (i32, i32)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(days.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(days.1, 1, 1);
        if authority {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_that_was_given_is_the_servers_own() {
        let kind = |given: &[u8], shown: &[u8], name| {
            let judged = judged(&[given], &[shown], name);
            judged.err().map(|failure| failure.kind())
        };
        for authority in [false, true] {
            let own = self_signed("own.example", authority, (2020, 2100));
            assert_eq!(kind(&own, &own, "own.example"), None, "{authority}");
            // Names, dates and every byte still have to match.
            let wrong = kind(&own, &own, "other.example");
            assert!(wrong.is_some(), "{authority}");
            let other = self_signed("own.example", authority, (2020, 2100));
            let refused = kind(&own, &other, "own.example");
            assert_eq!(refused, Some(FailureKind::CertificateUntrusted));
            let over = self_signed("own.example", authority, (2020, 2021));
            assert!(kind(&over, &over, "own.example").is_some(), "{authority}");
        }
    }

    #[test]
    fn a_clock_before_1970_is_one_at_its_beginning() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(86_400);
        assert_eq!(unix_time(before).as_secs(), 0);
        let after = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
        assert_eq!(unix_time(after).as_secs(), 7);
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
