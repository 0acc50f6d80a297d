//! Reads the system's roots on a separate thread while the first SYN is under way.
//!
//! There are hundreds of files. One file is enough to know that there are any roots, so a system
//! without roots is still reported when the client is built.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::thread;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::{MAX_FILE, platform_verifier};

/// Bundles in the system's certificate folders: Debian, Alpine and Arch; Fedora and RHEL.
const BUNDLES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

type Read = Result<Verifier, Error>;

/// The platform's verifier, with its roots still loading.
#[derive(Debug)]
pub(super) struct LateRoots {
    read: LazyLock<Read, Box<dyn FnOnce() -> Read + Send>>,
    provider: Arc<CryptoProvider>,
}

impl LateRoots {
    /// Starts reading if at least one root certainly exists: in the file that `SSL_CERT_FILE` names,
    /// or in a usual bundle if neither it nor `SSL_CERT_DIR` is set.
    pub(super) fn begin(
        file: Option<OsString>,
        folders: Option<OsString>,
        provider: &Arc<CryptoProvider>,
    ) -> Option<Self> {
        let is_certain = match (file, folders) {
            (Some(file), _) => has_root(file.as_ref()),
            (None, Some(_)) => false,
            (None, None) => BUNDLES.iter().any(|bundle| has_root(bundle.as_ref())),
        };
        if !is_certain {
            return None;
        }
        let with = Arc::clone(provider);
        let reader = thread::Builder::new().name("easelect-roots".to_owned());
        let reader = reader.spawn(move || platform_verifier([], &with)).ok()?;
        let read = move || match reader.join() {
            Ok(read) => read,
            Err(_) => Err(Error::General("reading the roots panicked".to_owned())),
        };
        Some(LateRoots {
            read: LazyLock::new(Box::new(read)),
            provider: Arc::clone(provider),
        })
    }

    /// The verifier; blocks until all files are read.
    pub(super) fn get(&self) -> Result<&Verifier, Error> {
        self.read.as_ref().map_err(Clone::clone)
    }

    /// The verifier's schemes, available before it is.
    pub(super) fn schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Whether the first certificate in this file is a usable root.
fn has_root(bundle: &Path) -> bool {
    let read = easelect_file::read(bundle, MAX_FILE).ok();
    let first = read.and_then(|bytes| CertificateDer::from_pem_slice(&bytes).ok());
    first.is_some_and(|first| RootCertStore::empty().add(first).is_ok())
}

#[cfg(test)]
mod tests {
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn the_same_is_offered_and_refused_as_if_all_were_read_before() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let Some(late) = LateRoots::begin(None, None, &provider) else {
            return; // Without a bundle, all roots are read up front.
        };
        let schemes = late.schemes();
        let early = platform_verifier([], &provider).unwrap();
        assert_eq!(schemes, early.supported_verify_schemes());
        let own = rcgen::generate_simple_self_signed(["x.example".to_owned()]).unwrap();
        let name = ServerName::try_from("x.example").unwrap();
        let judged = |verifier: &dyn ServerCertVerifier| {
            let now = super::super::unix_time(std::time::SystemTime::now());
            let judged = verifier.verify_server_cert(own.cert.der(), &[], &name, &[], now);
            judged.unwrap_err()
        };
        assert_eq!(judged(late.get().unwrap()), judged(&early));
    }

    #[test]
    fn where_nothing_is_certain_all_are_read_at_once() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        for (file, folders) in [
            (Some("/nonexistent/x".into()), None),
            (None, Some("/x".into())),
        ] {
            assert!(LateRoots::begin(file, folders, &provider).is_none());
        }
    }

    #[test]
    fn a_bundle_without_a_root_is_none() {
        assert!(!has_root("/nonexistent/easelect".as_ref()));
        assert!(!has_root("/dev/zero".as_ref()));
        assert!(!has_root("/proc/self/status".as_ref()));
    }
}
