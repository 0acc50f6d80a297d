//! What the resolver says: kept as long as it lives, asked for once by all who ask at one time.
//!
//! A query is driven by a task of its own, so that a caller that isn't polled holds up nobody; it ends
//! with the last who waits for it. Callers on several runtimes share answers, but no query: one of the
//! runtimes may stand still.

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

/// However short an answer's life: what is asked within a second is asked at one time.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);

/// However long: an address that was given up, or a forged one, must not be dialled for hours.
const LONGEST_LIFE: Duration = Duration::from_secs(600);

/// A query this old was asked three times in vain (`insist` in the dialer): who comes now asks anew.
const LATE: Duration = Duration::from_secs(2);

/// More than a residency and its proxy have; the longest unheard goes.
const MAX_HOSTS: usize = 64;

/// What the resolver said.
type Said = Result<Resolved, Failure>;

/// Who is asked for, and on which runtime.
type Question = (String, Family, runtime::Id);

/// A query under way, as each of those who wait for it has it.
#[derive(Clone)]
struct Query {
    begins: Begins,
    ends: Shared<OwnTask<Said>>,
}

/// Tells when a query begins.
type Begins = Shared<oneshot::Receiver<Instant>>;

/// The answers of a selector; what is asked for ahead of time ends with them.
pub(super) struct Answers {
    book: Arc<Mutex<Book>>,
    look_ups: LookUps,
}

/// Looks names up by way of a selector's answers, or by itself once the selector is gone.
#[derive(Clone)]
pub(super) struct LookUps {
    dialer: Dialer,
    book: Weak<Mutex<Book>>,
}

/// How an answer is come by.
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

    /// The device is on another network, or slept: whatever was said before no longer holds, nor what
    /// is still under way. It calls the app's resolver, so that no lock may be held.
    pub(super) fn moved_on(&self) {
        self.look_ups.dialer.network_changed();
        let mut book = lock(&self.book);
        book.kept.clear();
        book.under_way.clear();
        if let Some(ahead) = &mut book.ahead {
            ahead.abort_all();
        }
    }

    /// Has a query that is under way answered though nobody waits for it any more, and `take` told what
    /// it brought.
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
        // However late it is.
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

    /// Nothing is asked for ahead of time any more.
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
            // Nobody to share it with: the selector is gone, or the runtime that asked. Boxed, since that
            // is rare and larger than all the rest.
            self.dialer.ask_at_once(peer.host, family).boxed().await
        };
        let (said, took) = timed(said, timeout, in_all).await;
        LookedUp {
            outcome: usable(&peer, said),
            took: Some(took),
        }
    }

    /// The answer, or the query that will have it; nothing once the selector is gone.
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

/// What was said, and what is being asked.
struct Book {
    kept: Vec<(String, Host)>,
    /// A query that isn't here any more was asked on another network, or was late: its answer counts
    /// for those who wait for it only.
    under_way: Vec<(Question, UnderWay)>,
    /// How many queries were made, which is the number of the last one.
    asked: u64,
    /// Wait for the answers that are asked for ahead of time. `None` once that was stopped for good.
    ahead: Option<JoinSet<()>>,
}

struct UnderWay {
    number: u64,
    begins: Begins,
    ends: WeakShared<OwnTask<Said>>,
}

impl UnderWay {
    /// It was not asked twice in vain: it has not begun, or not long ago.
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
    /// What is known, and whether to ask anew because it soon isn't: that is said once.
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
        // Those that everybody gave up, too.
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

    /// Keeps what may be kept: addresses with a time to live, and that there are none.
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

    /// Has something done that nobody waits for.
    fn ahead(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let Some(ahead) = &mut self.ahead else { return };
        while ahead.try_join_next().is_some() {}
        ahead.spawn(work);
    }
}

/// What was said of one host.
#[derive(Default)]
struct Host(Vec<(Family, Kept)>);

struct Kept {
    said: Said,
    since: Instant,
    /// Absent where there are no addresses.
    life: Option<Duration>,
    /// It was asked for anew, ahead of its end.
    asked_anew: bool,
}

impl Kept {
    /// It has addresses, which still hold.
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

    /// How long what was said holds from its beginning to its end, if that isn't over. That a family
    /// has no addresses holds as long as those of the other, and with them only.
    fn life(&self, family: Family, now: Instant) -> Option<Duration> {
        let one = self.of(family)?;
        let others = self.0.iter().map(|(_, other)| other);
        let others = others.filter(|other| other.has_addresses(now));
        let life = one.life.or(others.filter_map(|other| other.life).next())?;
        (now < one.since + life).then_some(life)
    }

    fn keep(&mut self, family: Family, one: Kept) {
        let before = self.of(family);
        // Addresses that are gone sooner than was said: to the end of what was said.
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

    /// When it was last heard of.
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

    /// How long it is there after it was said at this moment.
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
        // That there are none any more doesn't end what was promised.
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
