//! When to connect again after the connection was lost, as one of a million that lost theirs together.
//!
//! What the device learned is shared; what a connection waits is its own.

use std::fmt;
use std::time::Duration;

use easelect_engine::backoff::Backoff;
use easelect_engine::race::Width;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Selector;
use super::events::SelectorEvent;
use crate::connection::{ConnectError, Connection};
use crate::handshake::ConnectOptions;

/// A connection that lived for so long shows that the server keeps its clients. One that accepts and
/// closes must not be asked again at once.
const KEPT: Duration = Duration::from_secs(60);

/// Nobody asks sooner again, however much in a hurry.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Opens one connection again and again, and waits in between as one of many who lost theirs together.
/// [`Selector::session`] does all of it by itself; this is for apps that serve their connections in a
/// way of their own.
///
/// The first call of [`connect`](Self::connect) waits for nothing. After that the delay is uniform in
/// 0 to 10 s (or as a [`ServerHint`](crate::ServerHint) or `Retry-After` says) when the connection
/// before was open for a minute; else in 0 to min(60 s, 2 s·2^k) for the k-th time in a row that it
/// could not be opened, or not kept. On another network, or after sleep, there is none: then it was the
/// network that was lost, not the server.
///
/// Each has a back-off of its own: have one for every connection that is meant to last.
///
/// # Example
///
/// ```no_run
/// # async fn example(selector: &easelect::Selector) {
/// use easelect::ConnectOptions;
/// use futures::StreamExt;
///
/// let mut reconnector = selector.reconnector();
/// loop {
///     match reconnector.connect(&ConnectOptions::new()).await {
///         Ok(mut connection) => while let Some(Ok(message)) = connection.next().await {
///             println!("{} bytes", message.len());
///         },
///         Err(error) => println!("{error}"),
///     }
/// }
/// # }
/// ```
pub struct Reconnector {
    selector: Selector,
    moves: watch::Receiver<u64>,
    backoff: Backoff,
    /// Nothing was tried yet, or the device moved since.
    at_once: bool,
    /// When the last connection was opened, if it isn't counted yet how it went.
    opened: Option<Instant>,
    /// When the last attempt began.
    began: Option<Instant>,
    /// When the last attempt failed.
    failed: Option<Instant>,
    /// When the connection was lost, as far as is known: when reconnecting began.
    lost: Option<Instant>,
    /// It fell silent: heartbeats notice that at a time of their own each, so that no crowd comes back.
    fell_silent: bool,
}

impl Reconnector {
    pub(super) fn new(selector: Selector) -> Self {
        Reconnector {
            moves: selector.0.moves.subscribe(),
            selector,
            backoff: Backoff::default(),
            at_once: true,
            opened: None,
            began: None,
            failed: None,
            lost: None,
            fell_silent: false,
        }
    }

    /// The connection fell silent.
    pub(super) fn fell_silent(&mut self) {
        self.fell_silent = true;
    }

    /// Waits as long as it should be, then connects. One call is one try; call again when it fails, or
    /// when the connection is lost. Dropping the future gives it up, and uses nothing up.
    ///
    /// # Errors
    ///
    /// As [`Selector::connect`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer and I/O enabled.
    pub async fn connect(&mut self, options: &ConnectOptions) -> Result<Connection, ConnectError> {
        if let Some(until) = self.due() {
            self.wait(until).await;
        }
        self.try_once(options).await
    }

    /// When to try next; nothing where that is at once.
    pub(super) fn due(&mut self) -> Option<Instant> {
        // Before the wait, since on another network there is none.
        self.selector.0.look_at_network();
        if let Some(opened) = self.opened {
            self.ended(opened.elapsed());
        }
        if self.at_once || self.has_moved() {
            // A network that comes and goes is no reason to hammer.
            let soonest = self.failed.map(|failed| failed + LEAST_PAUSE);
            return soonest.filter(|soonest| *soonest > Instant::now());
        }
        let now = Instant::now();
        self.lost.get_or_insert(now);
        let inner = &self.selector.0;
        self.backoff.set_hint(inner.hint());
        let since = self.failed.map_or(Duration::MAX, |at| at.elapsed());
        let delay = self.backoff.delay(inner.racer.random(), since);
        tracing::debug!(
            target: "easelect::connect",
            delay_ms = delay.as_secs_f64() * 1e3,
            "reconnecting"
        );
        (inner.learner.events()).send(SelectorEvent::Waiting { delay });
        Some(now + delay)
    }

    /// The connection lived for so long.
    pub(super) fn ended(&mut self, lived: Duration) {
        if self.opened.take().is_some() {
            match lived >= KEPT {
                true => self.backoff.reset(),
                false => self.backoff.failed(None),
            }
        }
    }

    /// The connection outlived the device's moves: they are no reason to come back at once.
    pub(super) fn outlived_moves(&mut self) {
        self.moves.mark_unchanged();
    }

    /// Waits until then, or until the device moves: then it is not the server that was lost.
    pub(super) async fn wait(&mut self, until: Instant) {
        tokio::select! {
            biased;
            _ = self.moves.changed() => self.start_afresh(),
            () = sleep_until(until) => {}
        }
    }

    /// Waits until the device moves.
    pub(super) async fn moved(&mut self) {
        // It lives as long as its selector does.
        let _ = self.moves.changed().await;
        self.start_afresh();
    }

    /// The soonest that an app in a hurry may try: no server's wish is passed over.
    pub(super) fn soonest(&self) -> Instant {
        let pause = self.began.map(|began| began + LEAST_PAUSE);
        let asked = self
            .failed
            .map(|failed| failed + self.backoff.retry_after());
        pause.max(asked).unwrap_or_else(Instant::now)
    }

    /// Waits until the app may try again at its wish.
    pub(super) async fn pause(&mut self) {
        let soonest = self.soonest();
        self.wait(soonest).await;
    }

    /// Connects now.
    pub(super) async fn try_once(
        &mut self,
        options: &ConnectOptions,
    ) -> Result<Connection, ConnectError> {
        self.has_moved();
        self.began = Some(Instant::now());
        self.opened = None;
        let width = match (self.at_once, self.lost) {
            // Nobody else comes just now.
            (true, _) | (false, None) => self.selector.policy().width(),
            (false, Some(_)) if self.fell_silent => Width::after_loss(Duration::ZERO),
            (false, Some(lost)) => Width::after_loss(lost.elapsed()),
        };
        let opened = self.selector.open(options, width).await;
        // One move is one attempt at once. A race that met another one began anew.
        self.has_moved();
        self.at_once = false;
        match &opened {
            Ok(_) => {
                self.opened = Some(Instant::now());
                self.lost = None;
                self.fell_silent = false;
            }
            Err(error) => {
                self.backoff.failed(error.retry_after());
                self.failed = Some(Instant::now());
                self.lost.get_or_insert_with(Instant::now);
            }
        }
        opened
    }

    fn has_moved(&mut self) -> bool {
        let moved = self.moves.has_changed().unwrap_or_default();
        if moved {
            self.moves.mark_unchanged();
            self.start_afresh();
        }
        moved
    }

    fn start_afresh(&mut self) {
        self.at_once = true;
        self.opened = None;
        self.lost = None;
        self.fell_silent = false;
        self.backoff.reset();
    }
}

impl fmt::Debug for Reconnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnector")
            .field("selector", &self.selector)
            .finish_non_exhaustive()
    }
}
