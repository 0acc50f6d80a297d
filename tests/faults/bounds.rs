//! Limits that hold whatever a peer does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use easelect::{Dialer, FailureKind as Kind, Phase};
use easelect_lab::{Fault, TlsVersion};

use super::trial::{
    self, Counting, MAX_BYTES, ms, no_task_is_left, path, probe, prober, websocket, with,
};

/// Any endless behaviour ends with the attempt's timeout, whatever its value.
#[tokio::test(start_paused = true)]
async fn no_attempt_outlives_its_time_out() {
    let endpoint = websocket();
    for fault in [
        Fault::BlackHole,
        Fault::DropData,
        Fault::SilentTls,
        Fault::SilentHttp,
        Fault::SlowLoris,
    ] {
        for timeout in [1, 77, 1000, 30_000].map(ms) {
            let lab = trial::lab(&endpoint, with(fault));
            let prober = prober(&lab, &endpoint)
                .dialer(lab.dialer().attempt_timeout(timeout).build().unwrap());
            let ended = probe(prober).await;
            let sample = &ended.samples[0];
            assert_eq!(sample.elapsed, timeout, "{fault:?}");
            let failure = sample.outcome.clone().unwrap_err();
            assert_eq!(failure.kind(), Kind::Timeout, "{fault:?}");
            assert_eq!(lab.open(), 0, "{fault:?}");
        }
    }
}

/// The run as a whole ends with its deadline.
#[tokio::test(start_paused = true)]
async fn the_deadline_ends_everything_at_once() {
    let endpoint = websocket();
    for deadline in [1, 500, 4999].map(ms) {
        let lab = trial::lab(&endpoint, with(Fault::SilentTls));
        let started = tokio::time::Instant::now();
        let probing = prober(&lab, &endpoint).deadline(deadline).build().unwrap();
        let outcome = probing.run().outcome().await;
        assert_eq!((outcome.complete(), started.elapsed()), (false, deadline));
        assert_eq!(lab.open(), 0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        no_task_is_left("the deadline").await;
    }
}

/// TLS alone may take almost 64 KiB, and so may a response head; both together may not.
#[tokio::test(start_paused = true)]
async fn what_a_peer_may_send_is_counted_over_all_phases() {
    let endpoint = websocket();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let lab = trial::lab(&endpoint, with(Fault::HeaderFlood).with_tls(version));
        let counting = Counting::new(lab.connector());
        let read = Arc::clone(&counting.read);
        let ended = probe(
            prober(&lab, &endpoint).dialer(lab.dialer().connector(counting).build().unwrap()),
        )
        .await;
        let failure = ended.samples[0].outcome.clone().unwrap_err();
        let told = (failure.phase(), failure.kind());
        assert_eq!(told, (Phase::Upgrade, Kind::TooLarge));
        assert!(read.load(Ordering::SeqCst) <= MAX_BYTES);
    }
}

/// A ready peer may send any amount.
#[tokio::test(start_paused = true)]
async fn what_comes_after_the_101_is_not_counted() {
    use futures::{SinkExt, StreamExt};

    let lab = trial::lab(&websocket(), path());
    let own = "[[region]]\nid = \"own\"\n[[endpoint]]\nregion = \"own\"\n\
               service = \"websocket\"\nurl = \"wss://im.example.com/ws\"\n";
    let format = easelect::CatalogFormat::Toml;
    let catalog = easelect::Catalog::builtin().with_file(own, format, "own.toml");
    let selector = easelect::Selector::builder(easelect::Region::new("own").unwrap())
        .catalog(catalog.unwrap())
        .dialer(
            Dialer::builder()
                .pin(easelect::PinnedHost::new(
                    "im.example.com",
                    443,
                    vec![trial::ip()],
                ))
                .connector(lab.connector())
                .tls(lab.tls([]).unwrap())
                .build()
                .unwrap(),
        )
        .build()
        .unwrap();
    let mut connection = selector.connect().await.unwrap();
    let long = "x".repeat(4 * MAX_BYTES);
    connection.send(long.as_str().into()).await.unwrap();
    let echoed = connection.next().await.unwrap().unwrap();
    assert_eq!(echoed.into_text().unwrap().as_str(), long);
}
