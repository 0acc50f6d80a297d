//! A cache of parsed certificate chains. A server shows the same chain every time, and parsing it is
//! 2 % of the cost of a probe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;

use super::TlsClient;
use crate::certificate::CertificateChain;

/// Enough for a few hundred hosts; a chain takes 8 kB.
const MAX_CHAINS: usize = 256;

type Shown = Vec<CertificateDer<'static>>;

#[derive(Debug, Default)]
pub(crate) struct SeenChains(Mutex<HashMap<Shown, Option<Arc<CertificateChain>>>>);

impl SeenChains {
    /// Parses a chain accepted for `host`; `None` if it can't be parsed.
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
