//! Connections: a bounded number of them, none of which may be idle for long.
//!
//! One rule holds for whoever sends a head byte by byte, reads an answer byte by byte or says nothing: from
//! one answer to the next request's last byte there is a limit of time. Where there are too many connections,
//! the one that has been in that state for longest makes room, so that however many somebody holds open, a
//! scrape gets through.

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

/// What connections may do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How many there are at a time; 512 by default.
    pub connections: usize,
    /// From connecting to the first request's end; 10 s by default.
    pub first_request: Duration,
    /// From the beginning of an answer to the next request's end; 90 s by default, above the usual scrape
    /// intervals.
    pub idle: Duration,
    /// How long what is under way may go on when the server is to end; 5 s by default.
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

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// More header fields than any scraper sends.
const MAX_FIELDS: usize = 64;

/// After an error of accepting, such as that no more files may be open.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers on this listener until `end` is done, then lets what is under way come to its end.
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
                tracing::debug!(%error, "a connection was not accepted");
                crowd.dismiss_one();
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        // Only once there is somebody to make room for.
        let room = async {
            while connections.len() >= limits.connections.max(1) {
                crowd.dismiss_one();
                tokio::select! {
                    _ = connections.join_next() => {}
                    // All were answering: look again for one that is idle.
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
    // Those that wait for it may be gone.
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
    // An answer is one small write.
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
    // Its time-out would end a connection that is kept for the next scrape as soon as a slow head.
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
            // How it ended is the client's affair.
            _ = serving.as_mut() => return,
            () = member.dismissed() => return,
            _ = ended.changed(), if !is_ending => {
                is_ending = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The connections that are idle, in the order in which they became so.
#[derive(Debug, Default)]
struct Crowd(Mutex<BTreeMap<(Instant, u64), Arc<Notify>>>);

impl Crowd {
    fn idle(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection that has been idle for longest, if there is one.
    fn dismiss_one(&self) {
        if let Some((_, dismissal)) = self.idle().pop_first() {
            dismissal.notify_one();
        }
    }
}

/// A connection among the others.
#[derive(Debug)]
struct Member {
    number: u64,
    limits: Limits,
    crowd: Arc<Crowd>,
    dismissal: Arc<Notify>,
    /// Since when it is idle, and until when it may be; nothing while it is answered.
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

    /// Waits until it was idle for too long, or has to make room.
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

/// While it lives, the connection's request is being answered.
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
