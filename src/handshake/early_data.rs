//! TLS 1.3 early data (RFC 8446 §2.3, §4.2.10) for the upgrade: when it may be sent, and to which
//! hosts it is no longer sent.
//!
//! The request is given to rustls before the handshake begins, so it leaves with the ClientHello. The
//! handshake is then awaited as without early data: TLS errors surface in the same place, and data
//! that follows the server's Finished waits in the stream.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{ClientConfig, ClientConnection};

use super::{ConnectOptions, Target};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// RFC 8470 §5.2.
const TOO_EARLY: u16 = 425;

/// The state of early data, for an app that enabled it.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// Hosts that don't support it.
    refused: Mutex<BTreeSet<String>>,
}

impl Early {
    /// Whether the upgrade request for `target` may go as early data. Early data can be replayed (RFC
    /// 8446 §8), so nothing from the app goes into it: a connection that a replay opens then belongs
    /// to no user.
    pub(super) fn may_ask(&self, target: Target<'_>, options: &ConnectOptions) -> bool {
        options.adds_nothing()
            && !target.path.contains('?')
            && !self.refused().contains(target.endpoint.host())
    }

    /// Stops early data to this host for the lifetime of this value.
    pub(super) fn refuse(&self, host: &str) {
        self.refused().insert(host.to_owned());
    }

    fn refused(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same configuration with early data enabled.
pub(super) fn with_early_data(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.enable_early_data = true;
    Arc::new(config)
}

/// Writes the whole request as early data, if the resumed session allows that much (RFC 8446 §4.6.1).
/// Returns whether it did.
pub(super) fn put(session: &mut ClientConnection, request: &[u8]) -> bool {
    session
        .early_data()
        .filter(|early| early.bytes_left() >= request.len())
        .is_some_and(|mut early| early.write_all(request).is_ok())
}

/// Whether early data may have made the handshake fail: the server went back to TLS 1.2 (RFC 8446
/// §D.3), or the server or a middlebox does not support early data.
pub(super) fn may_be_why(failure: &Failure) -> bool {
    use FailureKind as Kind;
    failure.phase() == Phase::Tls
        && (failure.alert().is_some()
            || matches!(
                failure.kind(),
                Kind::InvalidMessage | Kind::Closed | Kind::Reset
            ))
}

/// Whether the server asks for the request again, outside early data.
pub(super) fn is_too_early(failure: &Failure) -> bool {
    failure.phase() == Phase::Upgrade && failure.status() == Some(TOO_EARLY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Endpoint, Region, Service};

    fn may_ask(early: &Early, url: &str, options: &ConnectOptions) -> bool {
        let endpoint = Endpoint::new(Region::CN1, Service::Websocket, url).unwrap();
        let target = Target {
            endpoint: &endpoint,
            address: ([44, 128, 0, 1], 443).into(),
            path: endpoint.path(),
        };
        early.may_ask(target, options)
    }

    #[test]
    fn nothing_of_the_apps_goes_early() {
        let early = Early::default();
        let new = ConnectOptions::new;
        let url = "wss://im.example/ws";
        let ask = |options: &ConnectOptions| may_ask(&early, url, options);
        assert!(ask(&new()));
        assert!(ask(&new().websocket(Default::default())));
        assert!(!ask(&new().header("x-client", "a").unwrap()));
        assert!(!ask(&new().query("token=a").unwrap()));
        assert!(!ask(&new().subprotocol("token-a").unwrap()));
        let own = "wss://im.example/ws?token=a";
        assert!(!may_ask(&early, own, &new()));
        early.refuse("im.example");
        assert!(!ask(&new()));
    }

    #[test]
    fn a_bad_certificate_is_never_blamed_on_early_data() {
        let tls = |kind| Failure::new(Phase::Tls, kind);
        assert!(may_be_why(&tls(FailureKind::InvalidMessage)));
        assert!(!may_be_why(&tls(FailureKind::CertificateExpired)));
        assert!(!may_be_why(&Failure::new(
            Phase::Upgrade,
            FailureKind::Closed
        )));
        let status =
            |status| Failure::new(Phase::Upgrade, FailureKind::Rejected).with_status(status);
        assert!(is_too_early(&status(425)) && !is_too_early(&status(429)));
    }
}
