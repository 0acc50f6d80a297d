//! Chains of certificates that were read. A server shows the same one every time, and to read it
//! costs 2 % of a probe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;

use super::TlsClient;
use crate::certificate::CertificateChain;

/// More than the servers of a few hundred hosts have; at 8 kB each.
const MAX_CHAINS: usize = 256;

/// A chain as it was shown.
type Shown = Vec<CertificateDer<'static>>;

/// The chains seen so far.
#[derive(Debug, Default)]
pub(crate) struct SeenChains(Mutex<HashMap<Shown, Option<Arc<CertificateChain>>>>);

impl SeenChains {
    /// What a chain says that was accepted for `host`, where that can be told.
    pub(crate) fn read(
        &self,
        shown: &[CertificateDer<'static>],
        host: &str,
        tls: &TlsClient,
    ) -> Option<Arc<CertificateChain>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = known.get(shown) {
            return read.clone();
        }
        let read = CertificateChain::from_der(shown.iter().map(|one| &**one));
        let read = read.map(|chain| Arc::new(chain.with_trust(tls.trust(shown, host))));
        if known.len() >= MAX_CHAINS {
            known.clear();
        }
        known.insert(shown.to_vec(), read.clone());
        read
    }
}
