//! Faults of TLS: silence, peers that don't speak TLS, and every kind of bad certificate.

use std::sync::Arc;

use easelect::{ChainFault, FailureKind as Kind, Phase, Prober, Rounds, Tier, TlsClient, Trust};
use easelect_lab::{Fault, TlsVersion};
use rustls::pki_types::CertificateRevocationListDer;

use super::trial::{self, RTT, Row, TIMEOUT, ms, path, websocket, with};

/// TLS fails a round trip after the connect.
fn row(name: &'static str, fault: Fault, kind: Kind) -> Row {
    Row {
        name,
        path: with(fault),
        failure: Some((Phase::Tls, kind)),
        kept: &[Phase::Connect],
        tier: Tier::Unreachable,
        took: ms(2 * RTT),
    }
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            took: TIMEOUT,
            ..row("silent", Fault::SilentTls, Kind::Timeout)
        },
        row("garbage", Fault::GarbageTls, Kind::NotTls),
        row("plain HTTP", Fault::PlainHttp, Kind::NotTls),
        row("expired", Fault::Expired, Kind::CertificateExpired),
        row(
            "not yet valid",
            Fault::NotYetValid,
            Kind::CertificateNotYetValid,
        ),
        row("wrong host", Fault::WrongHost, Kind::CertificateWrongHost),
        row("self-signed", Fault::SelfSigned, Kind::CertificateUntrusted),
        row(
            "an authority of its own, shown as the server's",
            Fault::SelfSignedAuthority,
            Kind::CertificateUntrusted,
        ),
        row(
            "untrusted root",
            Fault::Untrusted,
            Kind::CertificateUntrusted,
        ),
        row(
            "missing intermediate",
            Fault::MissingIntermediate,
            Kind::CertificateUntrusted,
        ),
        row("no SAN", Fault::NoSan, Kind::CertificateWrongHost),
        row("revoked", Fault::Revoked, Kind::CertificateRevoked),
        row(
            "for clients only",
            Fault::WrongPurpose,
            Kind::CertificateOther,
        ),
        row("TLS 1.1 only", Fault::OldTls, Kind::ProtocolVersion),
        row(
            "no cipher suite in common",
            Fault::NoCommonParameters,
            Kind::NoCommonParameters,
        ),
        row(
            "no key of a kind in common",
            Fault::TlsAlert,
            Kind::NoCommonParameters,
        ),
        row("no such host here", Fault::UnrecognizedName, Kind::Alert),
        row(
            "expired intermediate",
            Fault::IntermediateExpired,
            Kind::CertificateExpired,
        ),
        row(
            "a ServerHello that is none",
            Fault::BrokenTls,
            Kind::InvalidMessage,
        ),
        row("reset mid-handshake", Fault::ResetOnHello, Kind::Reset),
        row("closed mid-handshake", Fault::CloseAfterHello, Kind::Closed),
        row(
            "an endless certificate chain",
            Fault::EndlessChain,
            Kind::TooLarge,
        ),
        Row {
            path: with(Fault::EndlessChain).with_tls(TlsVersion::V1_2),
            ..row(
                "an endless certificate chain in TLS 1.2",
                Fault::EndlessChain,
                Kind::TooLarge,
            )
        },
        // In TLS 1.3 the client's handshake ends before the server can reject it (RFC 8446 §4.4.2.4):
        // the alert arrives with the first read, and still belongs to TLS.
        Row {
            kept: &[Phase::Connect, Phase::Tls],
            took: ms(3 * RTT),
            ..row(
                "client certificate required",
                Fault::ClientCertificateRequired,
                Kind::ClientCertificateRequired,
            )
        },
        // In TLS 1.2 it arrives during the handshake.
        Row {
            path: with(Fault::ClientCertificateRequired).with_tls(TlsVersion::V1_2),
            took: ms(3 * RTT),
            ..row(
                "client certificate required in TLS 1.2",
                Fault::ClientCertificateRequired,
                Kind::ClientCertificateRequired,
            )
        },
        Row {
            name: "ServerHello after 2 s",
            path: path().with_tls_delay(ms(2000)),
            failure: None,
            kept: &[Phase::Connect, Phase::Tls, Phase::Upgrade],
            tier: Tier::Ready,
            took: ms(2000 + 3 * RTT),
        },
        Row {
            path: path().with_tls_delay(ms(6000)),
            took: TIMEOUT,
            ..row("ServerHello after 6 s", Fault::None, Kind::Timeout)
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn faults_of_tls() {
    for row in rows() {
        row.check(&websocket()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_hello_after_two_seconds_shows_in_its_phase_alone() {
    let late = rows().into_iter().find(|row| row.name.contains("2 s"));
    let sample = late.unwrap().check(&websocket()).await;
    assert_eq!(sample.timings.get(Phase::Connect), Some(ms(RTT)));
    assert_eq!(sample.timings.get(Phase::Tls), Some(ms(2000 + RTT)));
    assert_eq!(sample.timings.get(Phase::Upgrade), Some(ms(RTT)));
}

/// The app's own configuration, with a revocation list of its own.
#[tokio::test(start_paused = true)]
async fn a_revocation_list_in_an_injected_configuration_counts() {
    let endpoint = websocket();
    let lab = trial::lab(&endpoint, with(Fault::Revoked));
    let kind_with = async |lists: Vec<CertificateRevocationListDer<'static>>| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(lab.root()).unwrap();
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        )
        .with_crls(lists)
        .build()
        .unwrap();
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_webpki_verifier(verifier)
            .with_no_client_auth();
        let prober = Prober::builder()
            .endpoints([endpoint.clone()])
            .dialer(
                lab.dialer()
                    .tls(TlsClient::from_config(config))
                    .build()
                    .unwrap(),
            )
            .rounds(Rounds::Exact(1));
        let ended = trial::probe(prober).await;
        let outcome = ended.samples[0].outcome.clone();
        outcome
            .err()
            .map(|failure| (failure.phase(), failure.kind()))
    };
    assert_eq!(kind_with(Vec::new()).await, None);
    let revoked = Some((Phase::Tls, Kind::CertificateRevoked));
    assert_eq!(kind_with(vec![lab.revocations()]).await, revoked);
}

/// The certificate's contents are kept whatever is wrong with it, and on success, too.
#[tokio::test(start_paused = true)]
async fn the_facts_of_a_certificate_are_kept() {
    let endpoint = websocket();
    for (fault, names, issuer) in [
        (Fault::None, vec![endpoint.host()], "CN=easelect lab"),
        (Fault::Expired, vec![endpoint.host()], "CN=easelect lab"),
        (Fault::NotYetValid, vec![endpoint.host()], "CN=easelect lab"),
        (Fault::WrongHost, vec!["other.invalid"], "CN=easelect lab"),
        (Fault::NoSan, vec![], "CN=easelect lab"),
        (Fault::Revoked, vec![endpoint.host()], "CN=easelect lab"),
        (
            Fault::Untrusted,
            vec![endpoint.host()],
            "CN=easelect lab\\, not to be trusted",
        ),
        (
            Fault::MissingIntermediate,
            vec![endpoint.host()],
            "CN=easelect lab\\, intermediate",
        ),
    ] {
        let lab = trial::lab(&endpoint, with(fault));
        let ended = trial::probe(trial::prober(&lab, &endpoint)).await;
        let chain = ended.samples[0].chain.as_ref().unwrap();
        let shown = chain.own();
        assert_eq!(
            (
                &shown.issuer[..],
                shown.names.iter().map(String::as_str).collect()
            ),
            (issuer, names)
        );
        let valid = !matches!(fault, Fault::Expired | Fault::NotYetValid);
        let now = std::time::SystemTime::now();
        assert_eq!(shown.is_valid_at(now), valid, "{fault:?}");
        let of_address = ended.ranked.stats.addresses()[0].chain();
        assert_eq!(of_address, Some(chain), "{fault:?}");
        if let Err(failure) = &ended.samples[0].outcome {
            assert_eq!(failure.chain(), Some(chain), "{fault:?}");
            assert_eq!(failure.not_after(), Some(shown.not_after), "{fault:?}");
        }
    }
}

/// Which certificate of the chain is at fault, and why.
#[tokio::test(start_paused = true)]
async fn the_certificate_at_fault_is_told() {
    let endpoint = websocket();
    for (fault, told) in [
        (Fault::Expired, ChainFault::LeafExpired),
        (Fault::IntermediateExpired, ChainFault::IntermediateExpired),
        (Fault::NotYetValid, ChainFault::NotYetValid),
        (Fault::SelfSigned, ChainFault::SelfSigned),
        (Fault::SelfSignedAuthority, ChainFault::AuthorityAsServer),
        (Fault::MissingIntermediate, ChainFault::IntermediateMissing),
        (Fault::Untrusted, ChainFault::UnknownRoot),
        (Fault::NoSan, ChainFault::NoNames),
    ] {
        let lab = trial::lab(&endpoint, with(fault));
        let ended = trial::probe(trial::prober(&lab, &endpoint)).await;
        let failure = ended.samples[0].outcome.as_ref().unwrap_err();
        assert_eq!(failure.chain_fault(), Some(told), "{failure}");
        assert_eq!(failure.chain().unwrap().trust(), None);
    }
}

/// The date is that of the certificate at fault, not of the server's own.
#[tokio::test(start_paused = true)]
async fn an_expired_intermediate_is_told_by_its_own_date() {
    let endpoint = websocket();
    let lab = trial::lab(&endpoint, with(Fault::IntermediateExpired));
    let ended = trial::probe(trial::prober(&lab, &endpoint)).await;
    let failure = ended.samples[0].outcome.as_ref().unwrap_err();
    let chain = failure.chain().unwrap();
    let [own, intermediate] = chain.certificates() else {
        panic!("{chain:?}");
    };
    assert_eq!(intermediate.subject, "CN=easelect lab\\, expired");
    assert!(intermediate.is_authority && !own.is_authority);
    assert_eq!(failure.not_after(), Some(intermediate.not_after));
    assert!(own.not_after > intermediate.not_after);
    assert_eq!(chain.first_to_expire(), (1, intermediate));
}

/// A root installed on this computer is trusted, but not public.
#[tokio::test(start_paused = true)]
async fn where_a_chain_ends_is_told() {
    let endpoint = websocket();
    for (fault, trust) in [
        (Fault::None, Trust::Public),
        (Fault::Inspected, Trust::Installed),
    ] {
        let lab = trial::lab(&endpoint, with(fault));
        let ended = trial::probe(trial::prober(&lab, &endpoint)).await;
        assert_eq!(ended.samples[0].outcome, Ok(()));
        let chain = ended.samples[0].chain.as_ref().unwrap();
        assert_eq!(chain.trust(), Some(trust), "{fault:?}");
    }
}

/// An alert keeps its number.
#[tokio::test(start_paused = true)]
async fn an_alert_keeps_its_number() {
    let endpoint = websocket();
    for (fault, number) in [(Fault::TlsAlert, 40), (Fault::UnrecognizedName, 112)] {
        let lab = trial::lab(&endpoint, with(fault));
        let ended = trial::probe(trial::prober(&lab, &endpoint)).await;
        let failure = ended.samples[0].outcome.as_ref().unwrap_err();
        assert_eq!(failure.alert(), Some(number));
    }
}
