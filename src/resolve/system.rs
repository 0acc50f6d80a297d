//! The platform's resolver, getaddrinfo, on dedicated threads.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType};
use futures::channel::oneshot;
use futures::future::BoxFuture;

use super::{Family, Resolve, Resolved, beginning};
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

/// The platform's resolver (getaddrinfo), which includes the hosts file, VPNs, split DNS and local
/// proxies.
///
/// getaddrinfo blocks, with glibc for 5 s per silent DNS server, and can't be cancelled. It therefore
/// runs on detached threads that belong to this resolver, so that a stuck lookup delays neither the async
/// runtime nor its shutdown. Threads start when needed, at most 128, and end after 10 s without work.
///
/// At most 8 lookups run at once, not counting those that have taken 0.2 s or longer. The time that a
/// lookup waits for its turn counts neither as its duration nor towards its timeout. If it waits for
/// longer than its timeout, it fails with [`FailureKind::OutOfResources`].
///
/// On many platforms getaddrinfo doesn't distinguish SERVFAIL from a silent server. `DnsResolver` does
/// (feature `dns`).
#[derive(Clone)]
pub struct SystemResolver(Arc<Pool>);

impl SystemResolver {
    /// Creates a resolver with its own threads.
    #[must_use]
    pub fn new() -> Self {
        SystemResolver::asking(getaddrinfo, SLOW)
    }

    fn asking(look_up: LookUp, slow: Duration) -> Self {
        SystemResolver(Arc::new(Pool {
            look_up,
            slow,
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
        let (begins, begun) = oneshot::channel();
        let asked = self.0.ask(Job {
            host: host.to_owned(),
            family,
            begins,
            answer,
        });
        Box::pin(async move {
            asked?;
            beginning(begun).await;
            answered.await.unwrap_or_else(|_| {
                let failure = Failure::new(Phase::Resolve, FailureKind::Other);
                Err(failure.with_message("the thread of the DNS lookup ended"))
            })
        })
    }
}

/// Lookups that start at once, so that a DNS server doesn't get hundreds of queries together.
const AT_ONCE: usize = 8;

/// Most answers arrive sooner. A slower lookup only occupies a thread, and no longer counts towards
/// [`AT_ONCE`].
const SLOW: Duration = Duration::from_millis(200);

/// Enough for fifty silent names in two families, with some left for others. A waiting thread takes about
/// 20 kB.
const MAX_THREADS: usize = 128;

/// A thread ends after this time without work.
const IDLE: Duration = Duration::from_secs(10);

struct Job {
    host: String,
    family: Family,
    begins: oneshot::Sender<tokio::time::Instant>,
    answer: oneshot::Sender<Result<Resolved, Failure>>,
}

/// The blocking lookup; another one in tests.
type LookUp = fn(&str, Family) -> Result<Resolved, Failure>;

struct Pool {
    look_up: LookUp,
    slow: Duration,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// The start of each lookup that is running.
    under_way: Vec<Instant>,
    threads: usize,
    /// Threads that wait, either for work or for its turn.
    idle: usize,
}

impl State {
    /// The next lookup, or how long to wait for one.
    fn next(&mut self, slow: Duration) -> Result<Job, Duration> {
        // The caller has dropped the future, usually after its timeout.
        self.jobs.retain(|job| !job.answer.is_canceled());
        let ages = self.under_way.iter().map(Instant::elapsed);
        let young: Vec<Duration> = ages.filter(|age| *age < slow).collect();
        match young.iter().max() {
            _ if self.jobs.is_empty() => Err(IDLE),
            Some(oldest) if young.len() >= AT_ONCE => Err(slow - *oldest),
            _ => self.jobs.pop_front().ok_or(IDLE),
        }
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(self: &Arc<Self>, job: Job) -> Result<(), Failure> {
        let mut state = self.lock();
        state.jobs.push_back(job);
        self.call(&mut state).map_err(|error| {
            state.jobs.pop_back();
            let failure = Failure::new(Phase::Resolve, FailureKind::Other);
            failure.with_message(error)
        })
    }

    /// Wakes or starts a thread. Fails only if there is no thread at all.
    fn call(self: &Arc<Self>, state: &mut State) -> std::io::Result<()> {
        if state.idle > 0 {
            self.work.notify_one();
        } else if state.threads < MAX_THREADS {
            let pool = Arc::clone(self);
            let spawned = std::thread::Builder::new()
                .name("easelect-dns".to_owned())
                .spawn(move || pool.serve());
            match spawned {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn serve(self: Arc<Self>) {
        while let Some((job, began)) = self.next() {
            let _ = job.begins.send(began.into());
            let _ = job.answer.send((self.look_up)(&job.host, job.family));
            let under_way = &mut self.lock().under_way;
            if let Some(place) = under_way.iter().position(|one| *one == began) {
                under_way.swap_remove(place);
            }
        }
    }

    fn next(self: &Arc<Self>) -> Option<(Job, Instant)> {
        let mut state = self.lock();
        loop {
            let wait = match state.next(self.slow) {
                Ok(job) => {
                    let began = Instant::now();
                    state.under_way.push(began);
                    if !state.jobs.is_empty() {
                        // Can't fail: this thread exists.
                        let _ = self.call(&mut state);
                    }
                    return Some((job, began));
                }
                Err(wait) => wait,
            };
            state.idle += 1;
            let waited = self.work.wait_timeout(state, wait);
            let (woken, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait == IDLE && waited.timed_out() && state.jobs.is_empty() {
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
            // glibc's EAI_ADDRFAMILY: the host has addresses, but none of this family.
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
    use futures::StreamExt;

    use super::super::{begun, timed};
    use super::*;
    use crate::catalog::{Endpoint, Region, Service};
    use crate::dialer::Dialer;
    use crate::probe::{ProbeEvent, Prober};

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

    /// Never returns for names that begin with `silent`, as getaddrinfo with a server that never answers.
    fn stuck(host: &str, family: Family) -> Result<Resolved, Failure> {
        while host.starts_with("silent") {
            std::thread::park();
        }
        let address = match family {
            Family::V4 => IpAddr::from([8, 8, 8, 8]),
            Family::V6 => IpAddr::from([0x2600; 8]),
        };
        Ok(Resolved::new(vec![address]))
    }

    #[test]
    fn a_stuck_look_up_holds_up_neither_the_runtime_nor_its_shutdown() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let resolver = SystemResolver::asking(stuck, SLOW);
        let started = Instant::now();
        runtime.block_on(async {
            let all = (0..2 * AT_ONCE).map(|_| {
                let one = resolver.resolve("silent.example", Family::V4);
                tokio::time::timeout(Duration::from_millis(50), one)
            });
            let all = futures::future::join_all(all).await;
            assert!(all.iter().all(Result::is_err), "every one ends in time");
        });
        drop(runtime);
        // Would never end if the runtime waited for a thread. The limit allows for a busy machine.
        assert!(started.elapsed() < Duration::from_secs(60));
        assert!(resolver.0.lock().threads <= MAX_THREADS);
    }

    #[tokio::test]
    async fn silent_names_starve_no_other() {
        let slow = Duration::from_millis(10);
        let resolver = SystemResolver::asking(stuck, slow);
        let silent = |n: usize| resolver.resolve(&format!("silent{n}.example"), Family::V4);
        let mut all: Vec<_> = (0..100).map(silent).collect();
        let asked = tokio::time::Instant::now();
        let mut healthy = resolver.resolve("healthy.example", Family::V4);
        let answered = tokio::time::timeout(Duration::from_secs(20), async {
            let (began, ended) = begun(healthy.as_mut()).await;
            let said = match ended {
                Some(said) => said,
                None => healthy.await,
            };
            (began, said)
        });
        let (began, said) = answered.await.expect("it starves");
        assert_eq!(said.unwrap().addresses.len(), 1);
        // It began only when the others had become slow, and reports when.
        assert!(began - asked >= slow * (100 / AT_ONCE as u32 - 1));
        // There are never more threads, and a lookup that waits for one in vain reports that.
        all.extend((100..2 * MAX_THREADS).map(silent));
        while resolver.0.lock().threads < MAX_THREADS {
            tokio::task::yield_now().await;
        }
        let waiting = resolver.resolve("healthy.example", Family::V4);
        let (said, took) = timed(waiting, 5 * slow, Duration::MAX).await;
        let failure = said.unwrap_err();
        assert_eq!(
            (failure.kind(), took),
            (FailureKind::OutOfResources, Duration::ZERO)
        );
        assert!(failure.is_local() && failure.phase() == Phase::Resolve);
        assert_eq!(resolver.0.lock().threads, MAX_THREADS);
    }

    /// The whole prober with 50 silent names and one that works.
    #[tokio::test]
    async fn a_host_among_silent_ones_is_probed() {
        let endpoint = |name: String| {
            let url = format!("wss://{name}/ws");
            Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap()
        };
        let silent = (0..50).map(|n| endpoint(format!("silent{n}.example")));
        let healthy = endpoint("healthy.example".to_owned());
        let dialer = Dialer::builder()
            .resolver(SystemResolver::asking(stuck, Duration::from_millis(10)))
            .tls(crate::tls::tests::trusting_nobody())
            .attempt_timeout(Duration::from_secs(20));
        let prober = Prober::builder()
            .endpoints(silent.chain([healthy]))
            .dialer(dialer.build().unwrap());
        let mut events = prober.build().unwrap().run();
        loop {
            if let Some(ProbeEvent::Lookup(lookup)) = events.next().await {
                assert_eq!(lookup.host, "healthy.example");
                assert!(lookup.outcome.is_ok());
                break;
            }
        }
    }
}
