//! getaddrinfo on a few threads of our own.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType};
use futures::channel::oneshot;
use futures::future::BoxFuture;

use super::{Family, Resolve, Resolved};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// The platform's resolver: hosts file, VPN, split DNS and local proxies included.
///
/// getaddrinfo blocks, for as long as 5 s per silent server with glibc, and can't be cancelled.
/// So it runs on at most 8 detached threads of this resolver's own: a stuck look-up holds up
/// neither the asynchronous runtime nor its shutdown. The threads start when needed and end after
/// 10 s without work. It can't tell SERVFAIL from silence; feature `dns` can.
#[derive(Clone)]
pub struct SystemResolver(Arc<Pool>);

impl SystemResolver {
    /// A resolver with threads of its own.
    #[must_use]
    pub fn new() -> Self {
        SystemResolver::asking(getaddrinfo)
    }

    fn asking(look_up: LookUp) -> Self {
        SystemResolver(Arc::new(Pool {
            look_up,
            state: Mutex::default(),
            work: Condvar::new(),
        }))
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        SystemResolver::new()
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemResolver")
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let (answer, answered) = oneshot::channel();
        let asked = self.0.ask(Job {
            host: host.to_owned(),
            family,
            answer,
        });
        Box::pin(async move {
            asked?;
            answered.await.unwrap_or_else(|_| {
                let failure = Failure::new(Phase::Resolve, FailureKind::Other);
                Err(failure.with_message("the look-up thread ended"))
            })
        })
    }
}

const MAX_THREADS: usize = 8;
const IDLE: Duration = Duration::from_secs(10);

struct Job {
    host: String,
    family: Family,
    answer: oneshot::Sender<Result<Resolved, Failure>>,
}

/// What blocks.
type LookUp = fn(&str, Family) -> Result<Resolved, Failure>;

struct Pool {
    look_up: LookUp,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(self: &Arc<Self>, job: Job) -> Result<(), Failure> {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() {
            self.work.notify_one();
        } else if state.threads < MAX_THREADS {
            let pool = Arc::clone(self);
            let spawned = std::thread::Builder::new()
                .name("easelect-dns".to_owned())
                .spawn(move || pool.serve());
            match spawned {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    state.jobs.pop_back();
                    let failure = Failure::new(Phase::Resolve, FailureKind::Other);
                    return Err(failure.with_message(error));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn serve(&self) {
        while let Some(job) = self.next() {
            // Nobody waits any more: the time-out passed, or the caller is gone.
            if !job.answer.is_canceled() {
                let _ = job.answer.send((self.look_up)(&job.host, job.family));
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            let (woken, waited) = self
                .work
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }
}

fn getaddrinfo(host: &str, family: Family) -> Result<Resolved, Failure> {
    let hints = AddrInfoHints {
        address: match family {
            Family::V4 => AddrFamily::Inet.into(),
            Family::V6 => AddrFamily::Inet6.into(),
        },
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let found = dns_lookup::getaddrinfo(Some(host), None, Some(hints)).map_err(|error| {
        let kind = match error.kind() {
            LookupErrorKind::NoName => FailureKind::NotFound,
            LookupErrorKind::NoData | LookupErrorKind::Family => FailureKind::NoAddress,
            LookupErrorKind::Again => FailureKind::Temporary,
            LookupErrorKind::Fail => FailureKind::ServerFailure,
            // EAI_ADDRFAMILY of glibc: the host has addresses, but none of this family.
            _ if cfg!(target_os = "linux") && error.error_num() == -9 => FailureKind::NoAddress,
            _ => FailureKind::Other,
        };
        Failure::new(Phase::Resolve, kind).with_message(std::io::Error::from(error))
    })?;
    let addresses: Vec<IpAddr> = found
        .filter_map(Result::ok)
        .map(|info| info.sockaddr.ip())
        .collect();
    Ok(Resolved::new(addresses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_found_through_the_platform() {
        let resolver = SystemResolver::new();
        let found = resolver.resolve("localhost", Family::V4).await.unwrap();
        assert!(found.addresses.iter().all(IpAddr::is_loopback));
        assert!(!found.addresses.is_empty());
    }

    #[tokio::test]
    async fn many_lookups_share_few_threads() {
        let resolver = SystemResolver::new();
        let all = (0..100).map(|_| resolver.resolve("localhost", Family::V4));
        for one in futures::future::join_all(all).await {
            assert!(one.is_ok());
        }
        assert!(resolver.0.lock().threads <= MAX_THREADS);
    }

    /// As getaddrinfo before a name server that never answers; for longer than any test runs.
    fn stuck(_: &str, _: Family) -> Result<Resolved, Failure> {
        std::thread::sleep(Duration::from_secs(600));
        Err(Failure::new(Phase::Resolve, FailureKind::Temporary))
    }

    #[test]
    fn a_stuck_look_up_holds_up_neither_the_runtime_nor_its_shutdown() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let resolver = SystemResolver::asking(stuck);
        let started = std::time::Instant::now();
        runtime.block_on(async {
            // More than there are threads.
            let all = (0..2 * MAX_THREADS).map(|_| {
                let one = resolver.resolve("im.example.com", Family::V4);
                tokio::time::timeout(Duration::from_millis(50), one)
            });
            let all = futures::future::join_all(all).await;
            assert!(all.iter().all(Result::is_err), "every one ends in time");
        });
        drop(runtime);
        // 600 s if the runtime waited for a thread; a busy machine has all the time it wants.
        assert!(started.elapsed() < Duration::from_secs(60));
        assert!(resolver.0.lock().threads <= MAX_THREADS);
    }
}
