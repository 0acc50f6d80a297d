//! DNS answers: cached for their time to live, and queried once for concurrent callers.
//!
//! A task of its own drives each query, so a caller that is not polled doesn't delay the others. The
//! task is aborted when its last caller is dropped. Callers on different runtimes share answers but not
//! queries, because one of the runtimes may not be polled.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Shared, WeakShared};
use tokio::runtime::{self, Handle};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;

use super::lock;
use super::own_task::OwnTask;
use crate::catalog::Endpoint;
use crate::dialer::{Dialer, Found, LookedUp, usable};
use crate::failure::{Failure, FailureKind};
use crate::resolve::{Family, Resolved, beginning, begun, is_bogus, timed};

/// The shortest time to live: questions within a second share an answer.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// The longest time to live: an abandoned or forged address must not be dialled for hours.
const LONGEST_LIFE: Duration = Duration::from_secs(600);

/// A query this old has been sent three times without an answer (`insist` in the dialer). New callers
/// start another one.
const LATE: Duration = Duration::from_secs(2);

/// More hosts than a residency and its proxy have. Beyond it, the oldest entry is dropped.
const MAX_HOSTS: usize = 64;

/// The resolver's answer.
type Said = Result<Resolved, Failure>;

/// Host, family, and the runtime that drives the query.
type Question = (String, Family, runtime::Id);

/// A query under way, as its callers share it.
#[derive(Clone)]
struct Query {
    begins: Begins,
    ends: Shared<OwnTask<Said>>,
}

/// Resolves when the query begins, to that moment.
type Begins = Shared<oneshot::Receiver<Instant>>;

/// The DNS answers of a selector. Queries ahead of time end with it.
pub(super) struct Answers {
    book: Arc<Mutex<Book>>,
    look_ups: LookUps,
}

/// Looks up names through a selector's answers, or directly once the selector is gone.
#[derive(Clone)]
pub(super) struct LookUps {
    dialer: Dialer,
    book: Weak<Mutex<Book>>,
}

/// Where an answer comes from.
enum Begun {
    Kept(Said),
    UnderWay(Query),
}

impl Answers {
    pub(super) fn new(dialer: Dialer) -> Self {
        let book = Arc::new(Mutex::new(Book::default()));
        let look_ups = LookUps {
            dialer,
            book: Arc::downgrade(&book),
        };
        Answers { book, look_ups }
    }

    pub(super) fn look_ups(&self) -> &LookUps {
        &self.look_ups
    }

    /// Discards all answers and queries after a move or sleep. It calls the app's resolver, so the
    /// caller must not hold a lock.
    pub(super) fn moved_on(&self) {
        self.look_ups.dialer.network_changed();
        let mut book = lock(&self.book);
        book.kept.clear();
        book.under_way.clear();
        if let Some(ahead) = &mut book.ahead {
            ahead.abort_all();
        }
    }

    /// Keeps a query under way alive until it is answered, and passes the answer to `take`.
    pub(super) fn follow(
        &self,
        endpoint: &Endpoint,
        family: Family,
        take: impl FnOnce(&Endpoint, Result<Found, Failure>) + Send + 'static,
    ) {
        let (dialer, endpoint) = (self.look_ups.dialer.clone(), endpoint.clone());
        let question = {
            let host = dialer.peer(&endpoint).host.to_owned();
            (host, family, Handle::current().id())
        };
        let mut book = lock(&self.book);
        // Even if it is too late for other callers.
        let mut queries = book.under_way.iter();
        let Some(query) =
            queries.find_map(|(asked, one)| (*asked == question).then(|| one.query())?)
        else {
            return;
        };
        book.ahead(async move {
            if let Ok(Some(said)) = tokio::time::timeout(dialer.attempt_timeout(), query.ends).await
            {
                take(&endpoint, usable(&dialer.peer(&endpoint), said));
            }
        });
    }

    /// Stops queries ahead of time.
    pub(super) fn stop(&self) {
        lock(&self.book).ahead = None;
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

impl LookUps {
    /// The addresses of an endpoint's peer in one family, as [`Dialer::look_up`] has them.
    pub(super) async fn look_up(
        &self,
        endpoint: &Endpoint,
        family: Family,
        timeout: Duration,
        in_all: Duration,
    ) -> LookedUp {
        let peer = self.dialer.peer(endpoint);
        if let Some(outcome) = self.dialer.known(&peer, family) {
            return LookedUp {
                outcome,
                took: None,
            };
        }
        let query = match self.begin(peer.host, family) {
            Some(Begun::Kept(said)) => {
                return LookedUp {
                    outcome: usable(&peer, said),
                    took: None,
                };
            }
            Some(Begun::UnderWay(query)) => Some(query),
            None => None,
        };
        let said = async {
            if let Some(query) = query {
                beginning(query.begins).await;
                if let Some(said) = query.ends.await {
                    return said;
                }
            }
            // There is no shared query: the selector is gone, or the runtime that drove it. Boxed,
            // because this is rare and its future is large.
            self.dialer.ask_at_once(peer.host, family).boxed().await
        };
        let (said, took) = timed(said, timeout, in_all).await;
        LookedUp {
            outcome: usable(&peer, said),
            took: Some(took),
        }
    }

    /// The answer or the query for it; `None` once the selector is gone.
    fn begin(&self, host: &str, family: Family) -> Option<Begun> {
        let book = self.book.upgrade()?;
        let mut book = lock(&book);
        let Some((said, ends_soon)) = book.kept(host, family) else {
            return Some(Begun::UnderWay(self.query(&mut book, host, family)));
        };
        if ends_soon && book.ahead.is_some() {
            let query = self.query(&mut book, host, family);
            let answered = tokio::time::timeout(self.dialer.attempt_timeout(), query.ends);
            book.ahead(answered.map(drop));
        }
        Some(Begun::Kept(said))
    }

    /// The query under way, or a new one.
    fn query(&self, book: &mut Book, host: &str, family: Family) -> Query {
        let question = (host.to_owned(), family, Handle::current().id());
        if let Some(query) = book.query(&question) {
            return query;
        }
        book.asked += 1;
        let (number, book_of_it) = (book.asked, Weak::clone(&self.book));
        let (ask, asked) = (self.dialer.ask_at_once(host, family), question.clone());
        let (begins, has_begun) = oneshot::channel();
        let ask = async move {
            let mut ask = pin!(ask);
            let (began, ended) = begun(ask.as_mut()).await;
            let _ = begins.send(began);
            let said = match ended {
                Some(said) => said,
                None => ask.await,
            };
            if let Some(book) = book_of_it.upgrade() {
                lock(&book).answered(&asked, number, &said);
            }
            said
        };
        let query = Query {
            begins: has_begun.shared(),
            ends: OwnTask(tokio::spawn(ask.in_current_span())).shared(),
        };
        book.begun(question, number, &query);
        query
    }
}

/// The cached answers and the queries under way.
struct Book {
    kept: Vec<(String, Host)>,
    /// A query missing here was made on another network, or was late. Its answer serves only its
    /// callers.
    under_way: Vec<(Question, UnderWay)>,
    /// The number of the last query.
    asked: u64,
    /// Tasks that wait for queries ahead of time. `None` after `stop`.
    ahead: Option<JoinSet<()>>,
}

struct UnderWay {
    number: u64,
    begins: Begins,
    ends: WeakShared<OwnTask<Said>>,
}

impl UnderWay {
    /// Whether new callers may join it: it has not begun, or began recently.
    fn is_fresh(&self) -> bool {
        match self.begins.clone().now_or_never() {
            Some(Ok(began)) => began.elapsed() < LATE,
            _ => true,
        }
    }

    fn query(&self) -> Option<Query> {
        let (begins, ends) = (self.begins.clone(), self.ends.upgrade()?);
        Some(Query { begins, ends })
    }
}

impl Default for Book {
    fn default() -> Self {
        Book {
            kept: Vec::new(),
            under_way: Vec::new(),
            asked: 0,
            ahead: Some(JoinSet::new()),
        }
    }
}

impl Book {
    /// The cached answer, and whether to refresh it because it soon expires, which is reported once.
    fn kept(&mut self, host: &str, family: Family) -> Option<(Said, bool)> {
        let mut hosts = self.kept.iter_mut();
        let (_, host) = hosts.find(|(name, _)| name == host)?;
        host.kept(family, Instant::now())
    }

    fn query(&self, question: &Question) -> Option<Query> {
        let mut queries = self.under_way.iter();
        let (_, one) = queries.find(|(asked, _)| asked == question)?;
        one.is_fresh().then(|| one.query()).flatten()
    }

    fn begun(&mut self, question: Question, number: u64, query: &Query) {
        // Queries without callers are dropped, too.
        (self.under_way).retain(|(asked, one)| *asked != question && one.query().is_some());
        if let Some(ends) = query.ends.downgrade() {
            let begins = query.begins.clone();
            let one = UnderWay {
                number,
                begins,
                ends,
            };
            self.under_way.push((question, one));
        }
    }

    fn answered(&mut self, question: &Question, number: u64, said: &Said) {
        let mut queries = self.under_way.iter();
        if let Some(place) = queries.position(|(_, one)| one.number == number) {
            self.under_way.swap_remove(place);
            let (host, family, _) = question;
            self.keep(host, *family, said);
        }
    }

    /// Caches an answer: addresses with a time to live, or that there are none.
    fn keep(&mut self, host: &str, family: Family, said: &Said) {
        let life = match said {
            Ok(resolved) if resolved.addresses.iter().all(|ip| is_bogus(*ip)) => return,
            Ok(Resolved { ttl: None, .. }) => return,
            Ok(Resolved { ttl: Some(ttl), .. }) => Some((*ttl).clamp(SHORTEST_LIFE, LONGEST_LIFE)),
            Err(failure) if failure.kind() == FailureKind::NoAddress => None,
            Err(_) => return,
        };
        let one = Kept {
            said: said.clone(),
            since: Instant::now(),
            life,
            asked_anew: false,
        };
        if let Some((_, host)) = self.kept.iter_mut().find(|(name, _)| name == host) {
            return host.keep(family, one);
        }
        if self.kept.len() >= MAX_HOSTS {
            let ages = self.kept.iter().map(|(_, host)| host.latest()).enumerate();
            let oldest = ages.min_by_key(|(_, latest)| *latest);
            self.kept.swap_remove(oldest.map_or(0, |(place, _)| place));
        }
        let mut new = Host::default();
        new.keep(family, one);
        self.kept.push((host.to_owned(), new));
    }

    /// Spawns work that no caller waits for.
    fn ahead(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let Some(ahead) = &mut self.ahead else { return };
        while ahead.try_join_next().is_some() {}
        ahead.spawn(work);
    }
}

/// The answers about one host.
#[derive(Default)]
struct Host(Vec<(Family, Kept)>);

struct Kept {
    said: Said,
    since: Instant,
    /// The time to live; `None` if there are no addresses.
    life: Option<Duration>,
    /// It was refreshed ahead of its expiry.
    asked_anew: bool,
}

impl Kept {
    /// Whether it has addresses that have not expired.
    fn has_addresses(&self, now: Instant) -> bool {
        self.life.is_some_and(|life| now < self.since + life)
    }
}

impl Host {
    fn kept(&mut self, family: Family, now: Instant) -> Option<(Said, bool)> {
        let life = self.life(family, now)?;
        let mut families = self.0.iter_mut();
        let (_, one) = families.find(|(known, _)| *known == family)?;
        let ends_soon = now >= one.since + life * 3 / 4 && !one.asked_anew;
        one.asked_anew |= ends_soon;
        Some((one.said.clone(), ends_soon))
    }

    /// The lifetime of an answer, unless it is over. “No addresses” in one family lasts as long as the
    /// addresses of the other, and only with them.
    fn life(&self, family: Family, now: Instant) -> Option<Duration> {
        let one = self.of(family)?;
        let others = self.0.iter().map(|(_, other)| other);
        let others = others.filter(|other| other.has_addresses(now));
        let life = one.life.or(others.filter_map(|other| other.life).next())?;
        (now < one.since + life).then_some(life)
    }

    fn keep(&mut self, family: Family, one: Kept) {
        let before = self.of(family);
        // “No addresses” doesn't replace addresses before they expire.
        let holds = before.is_some_and(|before| before.has_addresses(one.since));
        if one.life.is_some() || !holds {
            self.0.retain(|(known, _)| *known != family);
            self.0.push((family, one));
        }
    }

    fn of(&self, family: Family) -> Option<&Kept> {
        let mut families = self.0.iter();
        families.find_map(|(known, one)| (*known == family).then_some(one))
    }

    /// When the latest answer came.
    fn latest(&self) -> Option<Instant> {
        self.0.iter().map(|(_, one)| one.since).max()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::phase::Phase;

    fn addresses(ttl: Option<Duration>) -> Said {
        let mut resolved = Resolved::new(vec![IpAddr::from([8, 8, 8, 8])]);
        resolved.ttl = ttl;
        Ok(resolved)
    }

    fn failed(kind: FailureKind) -> Said {
        Err(Failure::new(Phase::Resolve, kind))
    }

    /// How long an answer that was cached now stays.
    async fn life(book: &mut Book, family: Family) -> Duration {
        let since = Instant::now();
        while book.kept("h", family).is_some() {
            tokio::time::advance(Duration::from_millis(250)).await;
        }
        since.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_lives_as_long_as_it_says_within_bounds() {
        let s = Duration::from_secs;
        for (ttl, lives) in [
            (None, s(0)),
            (Some(s(0)), s(1)),
            (Some(Duration::from_millis(1)), s(1)),
            (Some(s(1)), s(1)),
            (Some(s(60)), s(60)),
            (Some(s(600)), s(600)),
            (Some(s(86_400)), s(600)),
            (Some(Duration::MAX), s(600)),
        ] {
            let mut book = Book::default();
            book.keep("h", Family::V4, &addresses(ttl));
            assert_eq!(life(&mut book, Family::V4).await, lives, "{ttl:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn that_a_family_has_none_is_kept_with_the_others_addresses_only() {
        let (none, minute) = (failed(FailureKind::NoAddress), Duration::from_secs(60));
        for first in [Family::V4, Family::V6] {
            let mut book = Book::default();
            let said = |book: &mut Book, family| match family {
                Family::V4 => book.keep("h", family, &addresses(Some(minute))),
                Family::V6 => book.keep("h", family, &none),
            };
            said(&mut book, first);
            said(
                &mut book,
                if first == Family::V4 {
                    Family::V6
                } else {
                    Family::V4
                },
            );
            assert_eq!(life(&mut book, Family::V6).await, minute);
        }
        let mut book = Book::default();
        book.keep("h", Family::V6, &none);
        assert_eq!(life(&mut book, Family::V6).await, Duration::ZERO);
        // “No addresses” doesn't shorten the time to live of addresses.
        book.keep("h", Family::V6, &addresses(Some(minute)));
        book.keep("h", Family::V6, &none);
        assert_eq!(life(&mut book, Family::V6).await, minute);
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_or_can_not_be_is_not_kept() {
        let mut book = Book::default();
        for kind in [
            FailureKind::NotFound,
            FailureKind::ServerFailure,
            FailureKind::Timeout,
            FailureKind::Panicked,
        ] {
            book.keep("h", Family::V4, &failed(kind));
        }
        let bogus = Resolved::new(vec![IpAddr::from([0, 0, 0, 0])]);
        book.keep(
            "h",
            Family::V4,
            &Ok(bogus.with_ttl(Duration::from_secs(60))),
        );
        assert!(book.kept("h", Family::V4).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_hosts_are_kept_than_a_residency_has() {
        let mut book = Book::default();
        let said = addresses(Some(Duration::from_secs(60)));
        for n in 0..1000 {
            book.keep(&format!("h{n}"), Family::V4, &said);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(book.kept.len(), MAX_HOSTS);
        assert!(book.kept("h999", Family::V4).is_some());
        assert!(book.kept("h935", Family::V4).is_none());
    }
}
