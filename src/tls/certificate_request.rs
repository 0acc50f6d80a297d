//! Detects whether a server asked for a client certificate.
//!
//! The server's refusal may be an alert that does not say so (RFC 8446 has a specific one, TLS 1.2
//! has none), and may arrive only with the first read after the handshake. rustls reveals the request
//! only by asking the configuration for a certificate, and all connections share the configuration.
//! It asks while the connection is polled, on the polling thread, so a thread-local flag set around
//! each poll attributes the request to its connection.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Supplies no certificate, and records that one was requested.
#[derive(Debug)]
pub(super) struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        ASKED.set(true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Runs a handshake; returns its result and whether the server requested a certificate.
pub(crate) async fn noticing<T>(handshake: impl Future<Output = T>) -> (T, bool) {
    let mut handshake = pin!(handshake);
    let mut asked = false;
    poll_fn(|cx| {
        ASKED.set(false);
        let polled = handshake.as_mut().poll(cx);
        asked |= ASKED.get();
        polled.map(|ended| (ended, asked))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_for_a_certificate_is_noticed() {
        let asks = async {
            tokio::task::yield_now().await;
            NoCertificate.resolve(&[], &[]).is_none()
        };
        assert_eq!(noticing(asks).await, (true, true));
        // A request to another connection on this thread doesn't count.
        let quiet = async { tokio::task::yield_now().await };
        assert_eq!(noticing(quiet).await, ((), false));
    }
}
