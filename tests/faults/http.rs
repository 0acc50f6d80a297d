//! Faults of the upgrade and of HTTP, and behaviour that only looks like a fault.

use std::time::Duration;

use easelect::{
    AfterUpgrade, Dialer, FailureKind as Kind, Phase, PinnedHost, Region, Rounds, Selector, Tier,
};
use easelect_lab::{Fault, Path};
use futures::StreamExt;

use super::trial::{self, RTT, Row, TIMEOUT, ip, ms, path, rest, websocket, with};

const BEFORE: &[Phase] = &[Phase::Connect, Phase::Tls];
const ALL: &[Phase] = &[Phase::Connect, Phase::Tls, Phase::Upgrade];

/// The host proves its identity, but does not answer as it should.
fn answers(name: &'static str, path: Path, kind: Kind) -> Row {
    Row {
        name,
        path,
        failure: Some((Phase::Upgrade, kind)),
        kept: BEFORE,
        tier: Tier::Answering,
        took: ms(3 * RTT),
    }
}

/// No HTTP response arrives.
fn fails(name: &'static str, fault: Fault, kind: Kind) -> Row {
    Row {
        tier: Tier::Unreachable,
        ..answers(name, with(fault), kind)
    }
}

/// Not a fault according to the RFCs.
fn fine(name: &'static str, fault: Fault) -> Row {
    Row {
        name,
        path: with(fault),
        failure: None,
        kept: ALL,
        tier: Tier::Ready,
        took: ms(3 * RTT),
    }
}

fn status(name: &'static str, status: u16) -> Row {
    let kind = match status {
        300..400 => Kind::Redirected,
        _ => Kind::Rejected,
    };
    answers(name, path().with_status(status), kind)
}

fn rows() -> Vec<Row> {
    vec![
        answers(
            "101 with a wrong accept",
            with(Fault::BadAccept),
            Kind::BadAccept,
        ),
        answers(
            "101 without Upgrade",
            with(Fault::NoUpgradeHeader),
            Kind::BadHeaders,
        ),
        answers("101 of HTTP/1.0", with(Fault::Http10), Kind::HttpVersion),
        answers(
            "101 with an unrequested extension",
            with(Fault::UnrequestedExtension),
            Kind::UnrequestedExtensionOrProtocol,
        ),
        answers(
            "101 with an unrequested subprotocol",
            with(Fault::UnrequestedProtocol),
            Kind::UnrequestedExtensionOrProtocol,
        ),
        fine(
            "101 with Connection: keep-alive, Upgrade",
            Fault::KeepAliveUpgrade,
        ),
        fine("101 after 103 and 100", Fault::EarlyHints),
        fine("101 with a folded header line", Fault::FoldedHeader),
        answers(
            "101 without the subprotocol",
            with(Fault::NoProtocol),
            Kind::SubprotocolMissing,
        ),
        fine("101 followed at once by frames", Fault::FramesAfter101),
        fine("101, then silence", Fault::SilentAfter101),
        fine("101 and a Close frame", Fault::CloseFrameAfter101),
        fine("101 and garbage", Fault::GarbageAfter101),
        fine("101 and the end", Fault::EndAfter101),
        fine("101 and a reset", Fault::ResetAfter101),
        answers(
            "200 HTML (captive portal)",
            with(Fault::CaptivePortal),
            Kind::Rejected,
        ),
        status("301", 301),
        status("302", 302),
        status("400", 400),
        status("401", 401),
        status("403", 403),
        status("404", 404),
        status("429 with Retry-After", 429),
        status("500", 500),
        status("503", 503),
        answers("an endless body", with(Fault::EndlessBody), Kind::Rejected),
        Row {
            // 64 KiB take some time.
            took: ms(3 * RTT + 3),
            ..fails("a header flood", Fault::HeaderFlood, Kind::TooLarge)
        },
        fails("no HTTP", Fault::GarbageHttp, Kind::NotHttp),
        fails("closed after TLS", Fault::CloseAfterTls, Kind::Closed),
        fails("reset after TLS", Fault::ResetAfterTls, Kind::Closed),
        Row {
            took: TIMEOUT,
            ..fails("silent after TLS", Fault::SilentHttp, Kind::Timeout)
        },
        Row {
            took: TIMEOUT,
            ..fails(
                "one byte every half second",
                Fault::SlowLoris,
                Kind::Timeout,
            )
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_upgrade() {
    for row in rows() {
        row.check(&websocket()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn faults_of_a_request() {
    let row = |name, path, kind: Kind| Row {
        failure: Some((Phase::Processing, kind)),
        ..answers(name, path, kind)
    };
    let fails = |name, fault, kind| Row {
        tier: Tier::Unreachable,
        ..row(name, with(fault), kind)
    };
    let fine = |name, path| Row {
        path,
        kept: &[Phase::Connect, Phase::Tls, Phase::Processing],
        ..fine(name, Fault::None)
    };
    // The first byte arrived in time, whatever followed.
    let answered: &[Phase] = &[Phase::Connect, Phase::Tls, Phase::Processing];
    for row in [
        Row {
            kept: answered,
            ..row("500", path().with_status(500), Kind::ServerError)
        },
        Row {
            kept: answered,
            ..row("503", path().with_status(503), Kind::ServerError)
        },
        fine("404", path().with_status(404)),
        fine("401", path().with_status(401)),
        fine("429", path().with_status(429)),
        fine("an endless body", with(Fault::EndlessBody)),
        fails("no HTTP", Fault::GarbageHttp, Kind::NotHttp),
        Row {
            // 64 KiB take some time.
            took: ms(3 * RTT + 3),
            ..fails("a header flood", Fault::HeaderFlood, Kind::TooLarge)
        },
        fails("closed after TLS", Fault::CloseAfterTls, Kind::Closed),
        Row {
            took: TIMEOUT,
            ..fails("silent", Fault::SilentHttp, Kind::Timeout)
        },
        Row {
            took: TIMEOUT,
            ..fails("a byte every half second", Fault::SlowLoris, Kind::Timeout)
        },
    ] {
        row.check(&rest()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_refusal_says_is_kept() {
    let refusal = async |path: Path| {
        let row = answers("a refusal", path, Kind::Rejected);
        let sample = row.check(&websocket()).await;
        (sample.status, sample.outcome.unwrap_err())
    };
    let busy = path()
        .with_status(429)
        .with_retry_after(Duration::from_secs(7));
    let (status, failure) = refusal(busy).await;
    assert_eq!((status, failure.status()), (Some(429), Some(429)));
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));

    let moved = path()
        .with_status(302)
        .with_location("http://portal.example/");
    let sample = answers("302", moved, Kind::Redirected)
        .check(&websocket())
        .await;
    let failure = sample.outcome.unwrap_err();
    assert_eq!(failure.location(), Some("http://portal.example/"));
}

fn selector(lab: &easelect_lab::Lab) -> Selector {
    let own = "[[region]]\nid = \"own\"\n[[endpoint]]\nregion = \"own\"\n\
               service = \"websocket\"\nurl = \"wss://im.example.com/ws\"\n";
    let format = easelect::CatalogFormat::Toml;
    let catalog = easelect::Catalog::builtin().with_file(own, format, "own.toml");
    Selector::builder(Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(
            Dialer::builder()
                .pin(PinnedHost::new("im.example.com", 443, vec![ip()]))
                .connector(lab.connector())
                .tls(lab.tls([]).unwrap())
                .build()
                .unwrap(),
        )
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn frames_that_come_with_the_101_are_not_lost() {
    let lab = trial::lab(&websocket(), with(Fault::FramesAfter101));
    let mut connection = selector(&lab).connect().await.unwrap();
    for word in ["one", "two"] {
        let message = connection.next().await.unwrap().unwrap();
        assert_eq!(message.into_text().unwrap().as_str(), word);
    }
}

/// The handshake can't detect it; the app's heartbeat can. Only the app's own read hangs.
#[tokio::test(start_paused = true)]
async fn silence_after_the_101_is_an_open_connection() {
    let lab = trial::lab(&websocket(), with(Fault::SilentAfter101));
    let mut connection = selector(&lab).connect().await.unwrap();
    let silent = tokio::time::timeout(Duration::from_secs(60), connection.next());
    assert!(silent.await.is_err());
    drop(connection);
    assert_eq!(lab.open(), 0);
}

/// A sample and its address's statistics record how a server ended a WebSocket right after its 101.
#[tokio::test(start_paused = true)]
async fn what_comes_behind_the_101_is_told() {
    for (fault, told) in [
        (
            Fault::CloseFrameAfter101,
            Some(AfterUpgrade::Close {
                code: Some(1008),
                reason: "go away".to_owned(),
            }),
        ),
        (
            Fault::GarbageAfter101,
            Some(AfterUpgrade::Garbage(
                "WebSocket protocol error: Encountered invalid opcode: 15".to_owned(),
            )),
        ),
        (Fault::EndAfter101, Some(AfterUpgrade::Ended)),
        (Fault::ResetAfter101, Some(AfterUpgrade::Reset)),
        (Fault::SilentAfter101, None),
        (Fault::FramesAfter101, None),
        (Fault::None, None),
    ] {
        let lab = trial::lab(&websocket(), with(fault));
        let prober = trial::prober(&lab, &websocket()).rounds(Rounds::Exact(2));
        let ended = trial::probe(prober).await;
        for sample in &ended.samples {
            assert_eq!(sample.after_upgrade, told, "{fault:?}");
        }
        let of_address = ended.ranked.stats.addresses()[0].after_upgrade();
        assert_eq!(of_address, told.as_ref().map(|how| (how, 2)), "{fault:?}");
    }
}

/// A probe waits one round trip for it, and no longer.
#[tokio::test(start_paused = true)]
async fn a_probe_listens_for_one_round_trip() {
    let lab = trial::lab(&websocket(), with(Fault::SilentAfter101));
    let started = tokio::time::Instant::now();
    let ended = trial::probe(trial::prober(&lab, &websocket())).await;
    let sample = &ended.samples[0];
    assert_eq!(sample.elapsed, ms(3 * RTT));
    // The lookup, the handshake, and the round trip of listening.
    let listened = started.elapsed() - ended.lookups[0].took - sample.elapsed;
    assert!((ms(RTT)..ms(RTT + 5)).contains(&listened), "{listened:?}");
}

/// A connection is handed over without waiting for what may follow.
#[tokio::test(start_paused = true)]
async fn connect_waits_for_nothing_behind_the_101() {
    let lab = trial::lab(&websocket(), with(Fault::CloseFrameAfter101));
    let mut connection = selector(&lab).connect().await.unwrap();
    assert!(connection.time_to_open() < ms(4 * RTT));
    let first = connection.next().await.unwrap().unwrap();
    assert!(first.is_close(), "{first:?}");
}
