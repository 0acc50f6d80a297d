//! Reconnecting with backoff, as one of up to a million clients that lost their connections together.
//!
//! What was learned belongs to the selector; each `Reconnector` has its own backoff.

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

/// A connection that lasted this long resets the backoff. A server that accepts and closes must not be
/// contacted again at once.
const KEPT: Duration = Duration::from_secs(60);

/// The shortest pause between attempts, even after a hurry or a move.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Opens a connection again and again, with a randomised delay in between.
///
/// [`Selector::session`] uses it and also monitors the connection. Use a `Reconnector` directly if the
/// app monitors its connections itself, and use one for each long-lived connection: each has its own
/// backoff.
///
/// The first call of [`connect`](Self::connect) does not wait. Each further call waits for a random
/// time, uniform between zero and
///
/// - 10 s, if the previous connection was open for at least a minute,
/// - min(60 s, 2 s·2^k) otherwise, at the k-th failure in a row. A connection that was open for less
///   than a minute counts as a failure.
///
/// A [`ServerHint`](crate::ServerHint) replaces the 10 s and is a lower bound for the other window. A
/// server's `Retry-After`, up to one hour, is added. After the device moved to another network, or
/// slept, the next call does not wait, except that it starts at least 1 s after a failed attempt.
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
    /// The next attempt starts at once: it is the first, or the device moved.
    at_once: bool,
    /// When the last connection was opened; `None` once its lifetime has been counted.
    opened: Option<Instant>,
    /// When the last attempt began.
    began: Option<Instant>,
    /// When the last attempt failed.
    failed: Option<Instant>,
    /// When the connection was lost or, if that is unknown, when reconnecting began.
    lost: Option<Instant>,
    /// The connection fell silent. Each client notices that at another time, so no crowd reconnects at
    /// once.
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

    /// Waits for the backoff, then makes one attempt to connect.
    ///
    /// Call it again when the attempt fails or the connection is lost. If the future is dropped, the
    /// attempt does not count.
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

    /// When to try next; `None` for at once.
    pub(super) fn due(&mut self) -> Option<Instant> {
        // First, because after a move there is no wait.
        self.selector.0.look_at_network();
        if let Some(opened) = self.opened {
            self.ended(opened.elapsed());
        }
        if self.at_once || self.has_moved() {
            // Even if the network keeps changing, attempts stay apart.
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

    /// Counts how long the connection lived.
    pub(super) fn ended(&mut self, lived: Duration) {
        if self.opened.take().is_some() {
            match lived >= KEPT {
                true => self.backoff.reset(),
                false => self.backoff.failed(None),
            }
        }
    }

    /// The connection survived the device's moves, so they don't start the next attempt at once.
    pub(super) fn outlived_moves(&mut self) {
        self.moves.mark_unchanged();
    }

    /// Waits until then, or until the device moves: the connection is then lost for another reason than
    /// the server.
    pub(super) async fn wait(&mut self, until: Instant) {
        tokio::select! {
            biased;
            _ = self.moves.changed() => self.start_afresh(),
            () = sleep_until(until) => {}
        }
    }

    /// Waits until the device moves.
    pub(super) async fn moved(&mut self) {
        // The sender lives as long as the selector.
        let _ = self.moves.changed().await;
        self.start_afresh();
    }

    /// The earliest moment for an attempt after a hurry: `Retry-After` still applies.
    pub(super) fn soonest(&self) -> Instant {
        let pause = self.began.map(|began| began + LEAST_PAUSE);
        let asked = self
            .failed
            .map(|failed| failed + self.backoff.retry_after());
        pause.max(asked).unwrap_or_else(Instant::now)
    }

    /// Waits until [`soonest`](Self::soonest).
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
            // No other clients reconnect at this moment.
            (true, _) | (false, None) => self.selector.policy().width(),
            (false, Some(_)) if self.fell_silent => Width::after_loss(Duration::ZERO),
            (false, Some(lost)) => Width::after_loss(lost.elapsed()),
        };
        let opened = self.selector.open(options, width).await;
        // Each move allows one immediate attempt. A race during which the device moved has restarted
        // already.
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
