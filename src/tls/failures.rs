//! Failures for TLS errors and rejected certificates.

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::recording_verifier::{Refused, is_authority};
use super::system_time;
use crate::certificate::{ChainFault, MAX_NAME, MAX_NAMES};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// The failure for an error on a TLS stream. `phase` is where the error surfaced, but an error of TLS
/// itself always belongs to [`Phase::Tls`]: in TLS 1.3, the alert about a missing client certificate
/// arrives with the first read after the handshake.
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
        // Set by `ByteLimit`; no kernel reports it for a socket.
        io::ErrorKind::FileTooLarge => FailureKind::TooLarge,
        _ => FailureKind::Other,
    };
    // After the handshake, a reset and a close both mean that the peer ended the connection.
    let kind = match (phase, kind) {
        (Phase::Upgrade | Phase::Processing, FailureKind::Reset) => FailureKind::Closed,
        _ => kind,
    };
    Failure::new(phase, kind).with_message(error)
}

pub(super) fn tls_failure(error: &rustls::Error, phase: Phase) -> Failure {
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
        Tls::AlertReceived(alert) => return alert_failure(*alert).with_message(error),
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

/// The failure for a peer's alert (RFC 8446 §6.2), if it requested no client certificate.
fn alert_failure(alert: AlertDescription) -> Failure {
    let kind = match alert {
        AlertDescription::ProtocolVersion => FailureKind::ProtocolVersion,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            FailureKind::NoCommonParameters
        }
        AlertDescription::CertificateRequired => FailureKind::ClientCertificateRequired,
        _ => FailureKind::Alert,
    };
    Failure::new(Phase::Tls, kind).with_alert(alert.into())
}

/// Reinterprets a failure after the peer requested a client certificate. RFC 8446 has a specific
/// alert for a missing one; older servers send whichever alert is nearest.
pub(crate) fn with_certificate_wanted(failure: Failure) -> Failure {
    let nearest = [
        AlertDescription::HandshakeFailure,
        AlertDescription::NoCertificate,
        AlertDescription::BadCertificate,
        AlertDescription::CertificateUnknown,
        AlertDescription::UnknownCA,
        AlertDescription::AccessDenied,
    ];
    let said = failure.alert().map(AlertDescription::from);
    match said {
        Some(alert) if nearest.contains(&alert) => {
            failure.with_kind(FailureKind::ClientCertificateRequired)
        }
        _ => failure,
    }
}

/// The failure for rejected certificates, with their contents if known.
fn certificate_failure(error: &CertificateError) -> Failure {
    let Some(refused) = Refused::within(error) else {
        return refusal(error);
    };
    let (chain, at) = (&refused.chain, system_time(refused.at));
    let failure = refusal(&refused.why).with_chain(Arc::clone(chain));
    let weakness = || match chain.weakness()? {
        ChainFault::WeakKey => Some((FailureKind::CertificateWeakKey, ChainFault::WeakKey)),
        weak => Some((FailureKind::CertificateWeakSignature, weak)),
    };
    use CertificateError as Bad;
    #[allow(deprecated, reason = "what the platform's verifiers say")]
    let unusable = matches!(
        refused.why,
        Bad::BadSignature
            | Bad::UnsupportedSignatureAlgorithm
            | Bad::UnsupportedSignatureAlgorithmContext { .. }
            | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
    );
    let fault = match failure.kind() {
        _ if unusable => match weakness() {
            Some((kind, fault)) => return failure.with_kind(kind).with_chain_fault(fault),
            None => None,
        },
        FailureKind::CertificateExpired | FailureKind::CertificateNotYetValid => {
            chain.date_fault(at)
        }
        FailureKind::CertificateUntrusted => Some(chain.path_fault(at)),
        FailureKind::CertificateWrongHost if chain.own().names.is_empty() => {
            Some(ChainFault::NoNames)
        }
        _ => None,
    };
    let failure = match chain.out_of_date(at) {
        Some(one) if failure.kind() == FailureKind::CertificateExpired => {
            failure.with_not_after(one.not_after)
        }
        Some(one) if failure.kind() == FailureKind::CertificateNotYetValid => {
            failure.with_not_before(one.not_before)
        }
        _ => failure,
    };
    match fault {
        Some(fault) => failure.with_chain_fault(fault),
        None => failure,
    }
}

/// The failure for a verifier's error alone, without the certificates.
fn refusal(error: &CertificateError) -> Failure {
    use CertificateError as Bad;
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
            let names = presented
                .iter()
                .take(MAX_NAMES)
                .map(|name| plain_name(name));
            let names = names.collect();
            failure(FailureKind::CertificateWrongHost).with_names(names)
        }
        Bad::Revoked => failure(FailureKind::CertificateRevoked),
        Bad::UnknownIssuer | Bad::BadSignature => failure(FailureKind::CertificateUntrusted),
        // A server that shows a self-signed CA certificate: typical of an intercepting middlebox.
        Bad::Other(other) if is_authority(other) => failure(FailureKind::CertificateUntrusted),
        _ => failure(FailureKind::CertificateOther),
    }
}

/// rustls formats names in its own debug notation: `DnsName("…")`.
fn plain_name(presented: &str) -> String {
    let dns = presented.strip_prefix("DnsName(\"");
    let bare = dns.and_then(|rest| rest.strip_suffix("\")"));
    bare.unwrap_or(presented).chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::UnixTime;

    use super::*;

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
                FailureKind::NoCommonParameters,
            ),
            (
                Tls::AlertReceived(AlertDescription::UnrecognisedName),
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

    #[test]
    fn an_alert_means_something_else_where_a_certificate_was_wanted() {
        for (alert, alone, wanted) in [
            (40, FailureKind::NoCommonParameters, true),
            (42, FailureKind::Alert, true),
            (46, FailureKind::Alert, true),
            (80, FailureKind::Alert, false),
            (112, FailureKind::Alert, false),
        ] {
            let failure = alert_failure(AlertDescription::from(alert));
            assert_eq!((failure.kind(), failure.alert()), (alone, Some(alert)));
            let told = with_certificate_wanted(failure).kind();
            let expected = match wanted {
                true => FailureKind::ClientCertificateRequired,
                false => alone,
            };
            assert_eq!(told, expected, "alert {alert}");
        }
    }
}
