//! The HTTP server: a bounded number of connections, none of which may be idle for long.
//!
//! A connection is idle from the start of a response to the end of the next request head. One timeout covers
//! that span, so it also ends clients that send a head or read a response byte by byte. When there are too many
//! connections, the server closes the one that has been idle longest, so that a scrape gets through however
//! many connections a client holds open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::exporter::Exporter;
use crate::http::router;

/// Limits on the server's connections.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum number of open connections; 512 by default.
    pub connections: usize,
    /// Time from connecting to the end of the first request; 10 s by default.
    pub first_request: Duration,
    /// Time from the start of a response to the end of the next request; 90 s by default, above the usual scrape
    /// intervals.
    pub idle: Duration,
    /// Time that requests in progress have to complete when the server stops; 5 s by default.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 512,
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            farewell: Duration::from_secs(5),
        }
    }
}

/// Maximum size of a request head, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Maximum number of header fields, more than any scraper sends.
const MAX_FIELDS: usize = 64;

/// Pause after a failed accept, such as with no file descriptors left, and between looks for an idle connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves HTTP on `listener` until `end` completes, then waits up to [`Limits::farewell`] for requests in
/// progress.
pub async fn serve(
    listener: TcpListener,
    exporter: Arc<Exporter>,
    limits: Limits,
    end: impl Future<Output = ()>,
) {
    let router = router(exporter);
    let crowd = Arc::new(Crowd::default());
    let (ending, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut end = std::pin::pin!(end);
    let mut number = 0_u64;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut end => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "failed to accept a connection");
                crowd.dismiss_one();
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        // Close a connection only once a new one is there.
        let room = async {
            while connections.len() >= limits.connections.max(1) {
                crowd.dismiss_one();
                tokio::select! {
                    _ = connections.join_next() => {}
                    // None was idle: look again.
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        };
        tokio::select! {
            biased;
            () = &mut end => break,
            () = room => {}
        }
        number += 1;
        let member = Arc::new(Member::new(number, limits, &crowd));
        connections.spawn(connection(stream, router.clone(), member, ended.clone()));
    }
    drop(listener);
    // Without connections there is no receiver.
    let _ = ending.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(limits.farewell, all).await;
}

async fn connection(
    stream: TcpStream,
    router: Router,
    member: Arc<Member>,
    mut ended: watch::Receiver<bool>,
) {
    // A response is one small write: don't delay it.
    let _ = stream.set_nodelay(true);
    let inner = TowerToHyperService::new(router);
    let of_service = Arc::clone(&member);
    let service = service_fn(move |request| {
        let busy = Busy::new(&of_service);
        let answer = hyper::service::Service::call(&inner, request);
        async move {
            let answer = answer.await;
            drop(busy);
            answer
        }
    });
    let mut builder = http1::Builder::new();
    // hyper's own timeout doesn't distinguish a slow request head from a connection kept for the next scrape.
    builder
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut is_ending = *ended.borrow();
    if is_ending {
        serving.as_mut().graceful_shutdown();
    }
    loop {
        tokio::select! {
            biased;
            // An error here is the client's: ignore it.
            _ = serving.as_mut() => return,
            () = member.dismissed() => return,
            _ = ended.changed(), if !is_ending => {
                is_ending = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The idle connections, those idle longest first.
#[derive(Debug, Default)]
struct Crowd(Mutex<BTreeMap<(Instant, u64), Arc<Notify>>>);

impl Crowd {
    fn idle(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connection that has been idle longest, if any is idle.
    fn dismiss_one(&self) {
        if let Some((_, dismissal)) = self.idle().pop_first() {
            dismissal.notify_one();
        }
    }
}

/// One connection's place in the crowd.
#[derive(Debug)]
struct Member {
    number: u64,
    limits: Limits,
    crowd: Arc<Crowd>,
    dismissal: Arc<Notify>,
    /// Since when the connection is idle, and until when it may be; `None` while a request is being processed.
    idle: watch::Sender<Option<(Instant, Instant)>>,
}

impl Member {
    fn new(number: u64, limits: Limits, crowd: &Arc<Crowd>) -> Self {
        let member = Member {
            number,
            limits,
            crowd: Arc::clone(crowd),
            dismissal: Arc::new(Notify::new()),
            idle: watch::Sender::new(None),
        };
        member.is_idle(limits.first_request);
        member
    }

    fn is_idle(&self, patience: Duration) {
        let now = Instant::now();
        let dismissal = Arc::clone(&self.dismissal);
        self.crowd.idle().insert((now, self.number), dismissal);
        self.idle.send_replace(Some((now, now + patience)));
    }

    fn is_busy(&self) {
        if let Some((since, _)) = self.idle.send_replace(None) {
            self.crowd.idle().remove(&(since, self.number));
        }
    }

    /// Waits until the connection has been idle for too long or has to make room.
    async fn dismissed(&self) {
        let mut idle = self.idle.subscribe();
        loop {
            let until = idle.borrow_and_update().map(|(_, until)| until);
            let too_long = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.dismissal.notified() => return,
                _ = idle.changed() => {}
                () = too_long => return,
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.is_busy();
    }
}

/// Marks the connection as busy until dropped.
struct Busy(Arc<Member>);

impl Busy {
    fn new(member: &Arc<Member>) -> Self {
        member.is_busy();
        Busy(Arc::clone(member))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_idle(self.0.limits.idle);
    }
}
