//! `Dialer::open()` in the simulated network and paused time: which address wins, and which failure
//! is returned if none does.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::time::Duration;

use easelect::{
    Dialer, Endpoint, Failure, FailureKind, Families, Phase, PinnedHost, Region, Service,
};
use easelect_lab::{Dns, Fault, Host, Lab, Path, Scenario};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

const HOST: &str = "list.example";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn v4() -> IpAddr {
    IpAddr::from([44, 128, 0, 1])
}

fn v6() -> IpAddr {
    "2001:db9::1".parse().unwrap()
}

fn endpoint() -> Endpoint {
    let url = format!("https://{HOST}/server.json");
    Endpoint::new(Region::CN1, Service::Rest, &url).unwrap()
}

/// One host with an address of each family, 40 ms away.
fn lab() -> Lab {
    let host = Host::new(HOST).with_address(v6()).with_address(v4());
    let path = |address| Path::new(address).with_rtt(ms(40));
    let scenario = Scenario::new(1).with_host(host);
    Lab::new(scenario.with_path(path(v6())).with_path(path(v4()))).unwrap()
}

fn dialer(lab: &Lab) -> Dialer {
    lab.dialer().build().unwrap()
}

/// The outcome, and the time it took.
async fn opened(dialer: &Dialer, within: Duration) -> (Result<(), Failure>, Duration) {
    let started = Instant::now();
    let ended = dialer.open(&endpoint(), within).await;
    (ended.map(drop), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_over_it() {
    let lab = lab();
    let dialer = dialer(&lab);
    let mut stream = dialer.open(&endpoint(), ms(5000)).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 ");
    assert_eq!(lab.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_address_comes_early() {
    let lab = lab();
    let (ended, first) = opened(&dialer(&lab), ms(5000)).await;
    assert!(ended.is_ok());
    // Immediately after a failure, which takes one round trip.
    lab.set_fault(v6(), Fault::Refuse).unwrap();
    let (ended, took) = opened(&dialer(&lab), ms(5000)).await;
    assert!(ended.is_ok());
    assert_eq!(took, first + ms(40));
    // After RFC 8305's delay if there is only silence.
    for silence in [Fault::BlackHole, Fault::SilentTls] {
        lab.set_fault(v6(), silence).unwrap();
        let (ended, took) = opened(&dialer(&lab), ms(5000)).await;
        assert!(ended.is_ok());
        assert_eq!(took, first + ms(250));
    }
    assert_eq!(lab.open(), 0, "who lost is closed");
}

#[tokio::test(start_paused = true)]
async fn the_failure_is_that_of_who_came_farthest() {
    for (first, second, told) in [
        (
            Fault::Refuse,
            Fault::Refuse,
            (Phase::Connect, FailureKind::Refused),
        ),
        (
            Fault::Untrusted,
            Fault::Refuse,
            (Phase::Tls, FailureKind::CertificateUntrusted),
        ),
        (
            Fault::Unreachable,
            Fault::Expired,
            (Phase::Tls, FailureKind::CertificateExpired),
        ),
    ] {
        let lab = lab();
        lab.set_fault(v6(), first).unwrap();
        lab.set_fault(v4(), second).unwrap();
        let (ended, _) = opened(&dialer(&lab), ms(5000)).await;
        let failure = ended.unwrap_err();
        assert_eq!((failure.phase(), failure.kind()), told);
    }
    let lab = lab();
    let elsewhere = Endpoint::new(Region::CN1, Service::Rest, "https://no.example/").unwrap();
    let failure = dialer(&lab).open(&elsewhere, ms(5000)).await.unwrap_err();
    let told = (failure.phase(), failure.kind());
    assert_eq!(told, (Phase::Resolve, FailureKind::NotFound));
}

#[tokio::test(start_paused = true)]
async fn time_is_bounded_in_every_phase() {
    let lab = lab();
    let timed_out = async |phase| {
        let (ended, took) = opened(&dialer(&lab), ms(900)).await;
        let failure = ended.unwrap_err();
        assert_eq!(
            (failure.phase(), failure.kind()),
            (phase, FailureKind::Timeout)
        );
        assert_eq!(took, ms(900));
    };
    for address in [v4(), v6()] {
        lab.set_fault(address, Fault::BlackHole).unwrap();
    }
    timed_out(Phase::Connect).await;
    lab.set_fault(v4(), Fault::SilentTls).unwrap();
    timed_out(Phase::Tls).await;
    // The attempt rejected in TLS has ended, and got further.
    lab.set_fault(v4(), Fault::WrongHost).unwrap();
    let (ended, took) = opened(&dialer(&lab), ms(900)).await;
    assert_eq!(ended.unwrap_err().kind(), FailureKind::CertificateWrongHost);
    assert_eq!(took, ms(900));
    lab.set_dns(HOST, Dns::Timeout).unwrap();
    timed_out(Phase::Resolve).await;
    assert_eq!(lab.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn pins_and_families_hold() {
    let lab = lab();
    lab.set_dns(HOST, Dns::NotFound).unwrap();
    let pinned = |families| {
        let pin = PinnedHost::new(HOST, 443, vec![v4()]);
        let dialer = lab.dialer().pin(pin).families(families);
        dialer.build().unwrap()
    };
    assert!(
        opened(&pinned(Families::Both), Duration::MAX)
            .await
            .0
            .is_ok()
    );
    let (ended, took) = opened(&pinned(Families::V6), ms(900)).await;
    assert_eq!(ended.unwrap_err().kind(), FailureKind::NoAddress);
    assert_eq!(took, Duration::ZERO);
    assert_eq!(lab.queries(), 0);
}
