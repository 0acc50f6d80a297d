//! Whether a server asked for a client certificate.
//!
//! Its refusal may come as an alert that says less (RFC 8446 has one, TLS 1.2 none of its own), and
//! as late as the first read after the handshake. rustls tells of the request only by asking its
//! configuration for a certificate, which all connections share. It does so while the connection is
//! polled, on that thread, so the question is noticed there.

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

/// Has no certificate for anyone, and notices who asks.
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

/// The handshake's result, and whether the server asked for a certificate in it.
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
        // Whatever another connection was asked before on this thread.
        let quiet = async { tokio::task::yield_now().await };
        assert_eq!(noticing(quiet).await, ((), false));
    }
}
