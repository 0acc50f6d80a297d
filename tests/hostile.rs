//! `diagnose --lab hostile` shows every failure that a network can cause on one page, with its name and a
//! remedy, in both languages.

use std::collections::BTreeSet;
use std::time::SystemTime;

use easelect::{Catalog, FailureKind as Kind, Phase, Prober, Tier};
use easelect_lab::{Lab, Scenario};
use easelect_report::{Context, Fault, Lang, Model, Report, Style, json, table};
use serde_json::Value;

/// Whether a network, a DNS server or a peer can cause this kind. The lab has no proxy.
fn is_caused(phase: Phase, kind: Kind) -> bool {
    match phase {
        Phase::Resolve => matches!(
            kind,
            Kind::Timeout
                | Kind::NotFound
                | Kind::NoAddress
                | Kind::Refused
                | Kind::ServerFailure
                | Kind::Temporary
                | Kind::BogusAddress
                | Kind::Other
        ),
        Phase::Connect => matches!(
            kind,
            Kind::Timeout | Kind::Refused | Kind::Reset | Kind::Unreachable
        ),
        Phase::Tls => matches!(
            kind,
            Kind::Timeout
                | Kind::Reset
                | Kind::Closed
                | Kind::NotTls
                | Kind::InvalidMessage
                | Kind::Alert
                | Kind::ProtocolVersion
                | Kind::NoCommonParameters
                | Kind::CertificateExpired
                | Kind::CertificateNotYetValid
                | Kind::CertificateWrongHost
                | Kind::CertificateUntrusted
                | Kind::CertificateRevoked
                | Kind::CertificateOther
                | Kind::ClientCertificateRequired
                | Kind::TooLarge
        ),
        Phase::Upgrade => matches!(
            kind,
            Kind::Timeout
                | Kind::Closed
                | Kind::TooLarge
                | Kind::Rejected
                | Kind::Redirected
                | Kind::NotHttp
                | Kind::BadAccept
                | Kind::BadHeaders
                | Kind::HttpVersion
                | Kind::SubprotocolMissing
                | Kind::UnrequestedExtensionOrProtocol
        ),
        Phase::Processing => matches!(
            kind,
            Kind::Timeout | Kind::Closed | Kind::TooLarge | Kind::NotHttp | Kind::ServerError
        ),
        _ => false,
    }
}

async fn report() -> Report {
    let lab = Lab::new(Scenario::hostile()).unwrap();
    let started = SystemTime::now();
    let outcome = Prober::builder()
        .dialer(lab.dialer().build().unwrap())
        .seed(1)
        .build()
        .unwrap()
        .run()
        .outcome()
        .await;
    assert!(outcome.complete());
    assert_eq!(lab.open(), 0);
    let mut context = Context::new(Catalog::builtin(), started, SystemTime::now());
    context.environment.lab = Some("hostile".to_owned());
    Report::new(&outcome, context)
}

fn failures(report: &Report, lang: Lang) -> Vec<Value> {
    let told: Value = serde_json::from_str(&json(&Model::new(report, lang))).unwrap();
    let endpoints = told["groups"].as_array().unwrap().iter();
    let endpoints = endpoints.flat_map(|group| group["endpoints"].as_array().unwrap());
    let failures = endpoints.flat_map(|one| one["failures"].as_array().unwrap());
    failures.cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn everything_that_a_network_can_cause_is_on_the_page() {
    let report = report().await;
    let mut expected = BTreeSet::new();
    for phase in Phase::ALL {
        for kind in Kind::ALL.iter().filter(|kind| is_caused(phase, **kind)) {
            expected.insert((phase.as_str().to_owned(), kind.as_str().to_owned()));
        }
    }
    for lang in [Lang::En, Lang::Zh] {
        let page = table(&Model::new(&report, lang), Style::plain());
        let mut told = BTreeSet::new();
        for failure in failures(&report, lang) {
            let text = |key: &str| failure[key].as_str().unwrap().to_owned();
            told.insert((text("phase"), text("kind")));
            assert!(page.contains(&text("message")), "{failure}");
        }
        assert_eq!(told, expected);
        let codes: Vec<&str> = report.findings().iter().map(|one| one.code()).collect();
        for code in [
            "hijack_suspected",
            "certificate_expired",
            "certificate_faulty",
            "service_in_trouble",
            "turned_away_by_firewall",
            "path_wrong",
            "redirected",
            "closed_after_upgrade",
            "endpoint_down",
            "address_down",
        ] {
            assert!(codes.contains(&code), "{code} is not in {codes:?}");
        }
        for finding in report.findings() {
            assert!(page.contains(&finding.hint(lang)), "{}", finding.code());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn its_verdict_and_its_exit_status() {
    let report = report().await;
    let endpoints = || report.groups().iter().flat_map(|group| &group.endpoints);
    let of = |tier| endpoints().filter(|row| row.ranked.tier == tier).count();
    assert_eq!((of(Tier::Ready), endpoints().count()), (3, 44));
    // Eight hosts prove their identity but give a wrong answer.
    assert_eq!(of(Tier::Answering), 8);
    // Exit status 1: a group has no ready endpoint.
    assert!(!report.every_group_ready() && !report.passes());
    // Hijacked names come before hosts that are faulty themselves.
    assert_eq!(report.verdict().fault(), Fault::Network);
}
