//! The way to an address: delay, loss, fault, and how they change over time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::fault::{Fault, TlsVersion};

/// The way to one or several addresses, and the server at each.
///
/// The same as `[[path]]` in TOML, see [`Scenario`](crate::Scenario).
///
/// ```
/// use std::time::Duration;
/// use easelect_lab::{Fault, Path, Step};
///
/// let path = Path::new("44.128.0.1".parse()?)
///     .with_rtt(Duration::from_millis(40))
///     .with_jitter(0.05)
///     .with_step(
///         Step::at(Duration::from_secs(5))
///             .until(Duration::from_secs(10))
///             .with_fault(Fault::BlackHole),
///     );
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) label: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) steps: Vec<Step>,
    /// Changes at run time by [`Lab`](crate::Lab), which take precedence over steps.
    pub(crate) changes: Settings,
}

/// A change to a [`Path`] for some time.
///
/// What a step doesn't set is as in the path. Where several running steps set the same thing, the one
/// added last wins.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub(crate) at: Duration,
    pub(crate) until: Option<Duration>,
    pub(crate) settings: Settings,
}

/// The settings of a path or a step. In a step, `None` leaves the path's setting; in a path, it is the
/// default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    pub(crate) rtt: Option<Duration>,
    pub(crate) jitter: Option<f64>,
    pub(crate) loss: Option<f64>,
    pub(crate) bandwidth_kbps: Option<u32>,
    pub(crate) drop_first_syns: Option<u32>,
    pub(crate) fault: Option<Fault>,
    pub(crate) accept_delay: Option<Duration>,
    pub(crate) tls_delay: Option<Duration>,
    pub(crate) http_delay: Option<Duration>,
    pub(crate) tls: Option<TlsVersion>,
    pub(crate) early_data: Option<bool>,
    pub(crate) status: Option<u16>,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) fields: Option<Vec<String>>,
    pub(crate) body: Option<String>,
    pub(crate) rest_status: Option<u16>,
    pub(crate) ws_paths: Option<Vec<String>>,
}

macro_rules! setters {
    ($type:ident: $($(#[$doc:meta])* $name:ident, $field:ident: $argument:ty, $value:ident => $stored:expr;)+) => {
        impl $type {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $value: $argument) -> Self {
                self.settings.$field = Some($stored);
                self
            })+
        }
    };
}

macro_rules! all_setters {
    ($($type:ident)+) => {$(
        setters! { $type:
            /// Sets the round-trip time, half of it in each direction: 0 (the default) to 60 s.
            ///
            /// Delays are rounded down to whole milliseconds, and the remainder is carried over to the
            /// connection's next flight.
            with_rtt, rtt: Duration, rtt => rtt;
            /// Sets the jitter: the standard deviation of the logarithm of a flight's delay, 0 (the
            /// default) to 2. The delay is log-normal, with half the round-trip time as its median.
            with_jitter, jitter: f64, sd => sd;
            /// Sets the probability that a flight is lost: 0 (the default) to 1.
            ///
            /// After a lost SYN or SYN-ACK, the client waits for its next SYN. Any other flight is sent
            /// again after 200 ms or three round-trip times, whichever is longer. The wait doubles with
            /// each further loss, up to 120 s.
            with_loss, loss: f64, probability => probability;
            /// Sets the bandwidth of each direction of each connection, in kbit/s: 1 to 10⁷, unlimited
            /// by default.
            with_bandwidth_kbps, bandwidth_kbps: u32, kbps => kbps;
            /// Sets the number of SYNs that are lost at the start of each connect: 0 (the default) to 20.
            with_drop_first_syns, drop_first_syns: u32, count => count;
            /// Sets what goes wrong: [`Fault::None`] by default.
            with_fault, fault: Fault, fault => fault;
            /// Sets the server's delay before its SYN-ACK, as with a full accept queue: 0 (the default)
            /// to 1 h.
            with_accept_delay, accept_delay: Duration, delay => delay;
            /// Sets the server's delay before its answer to the ClientHello: 0 (the default) to 1 h.
            with_tls_delay, tls_delay: Duration, delay => delay;
            /// Sets the server's delay before each response: 0 (the default) to 1 h.
            with_http_delay, http_delay: Duration, delay => delay;
            /// Sets the only TLS version that the server speaks: TLS 1.3 by default.
            with_tls, tls: TlsVersion, version => version;
            /// Sets whether the server accepts TLS 1.3 early data (RFC 8446 §2.3) and answers it with
            /// its first flight: `false` by default. When it changes, the server forgets its sessions.
            with_early_data, early_data: bool, taken => taken;
            /// Sets the status that answers every request, upgrades included: 200 to 599.
            with_status, status: u16, status => status;
            /// Sets the `Location` field of answers by [`with_status`](Self::with_status): up to 2048
            /// bytes.
            with_location, location: &str, url => url.to_owned();
            /// Sets the `Retry-After` field of answers by [`with_status`](Self::with_status): 0 to 24 h,
            /// truncated to whole seconds.
            with_retry_after, retry_after: Duration, delay => delay;
            /// Sets further header fields of answers by [`with_status`](Self::with_status), each as
            /// `Name: value`, such as those by which gateways and firewalls are recognised.
            with_fields, fields: &[&str], fields => fields.iter().map(|&field| field.to_owned()).collect();
            /// Sets the body of answers by [`with_status`](Self::with_status), up to 64 KiB: a line of
            /// JSON by default.
            with_body, body: &str, text => text.to_owned();
            /// Sets the status that answers a request without an upgrade: 200 to 599. By default, the
            /// host's.
            with_rest_status, rest_status: u16, status => status;
            /// Sets the URL paths where an upgrade succeeds, each beginning with `/`; elsewhere it gets
            /// 404. By default, the host's.
            with_ws_paths, ws_paths: &[&str], paths => paths.iter().map(|&path| path.to_owned()).collect();
        }
    )+};
}

all_setters! { Path Step }

impl Path {
    /// Creates a path to `address` without delay, loss or fault.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Path {
            addresses: vec![address],
            label: None,
            settings: Settings::default(),
            steps: Vec::new(),
            changes: Settings::default(),
        }
    }

    /// Adds another address with the same settings. The addresses share nothing else: each has its
    /// own connections and randomness.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Sets a note for readers.
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// Adds a change for some time.
    #[must_use]
    pub fn with_step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Returns the note for readers.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Returns the path's addresses.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Returns a setting as it is `elapsed` after the lab's start.
    fn setting<T>(&self, elapsed: Duration, setting: impl Fn(&Settings) -> Option<T>) -> Option<T> {
        let running =
            |step: &&Step| step.at <= elapsed && step.until.is_none_or(|until| elapsed < until);
        let mut steps = self.steps.iter().rev().filter(running);
        setting(&self.changes)
            .or_else(|| steps.find_map(|step| setting(&step.settings)))
            .or_else(|| setting(&self.settings))
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.addresses.is_empty() {
            return Err("a path without an address: expected at least one".to_owned());
        }
        self.settings.check()?;
        self.changes.check()?;
        self.steps.iter().try_for_each(Step::check)
    }
}

impl Step {
    /// Creates a step that begins at `at` and never ends. `at` counts from the lab's start.
    #[must_use]
    pub fn at(at: Duration) -> Self {
        Step {
            at,
            until: None,
            settings: Settings::default(),
        }
    }

    /// Sets the end of the step, later than its beginning. `until` counts from the lab's start.
    #[must_use]
    pub fn until(mut self, until: Duration) -> Self {
        self.until = Some(until);
        self
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.settings.check()?;
        match self.until.filter(|until| *until <= self.at) {
            None => Ok(()),
            Some(until) => {
                let at = self.at;
                Err(format!("until {until:?}: expected more than `at`, {at:?}"))
            }
        }
    }
}

pub(crate) const MAX_RTT: Duration = Duration::from_secs(60);
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(3600);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);
const MAX_BODY: usize = 64 * 1024;

impl Settings {
    fn check(&self) -> Result<(), String> {
        fn within<T: PartialOrd + std::fmt::Debug>(
            what: &str,
            value: Option<T>,
            range: std::ops::RangeInclusive<T>,
        ) -> Result<(), String> {
            match value.filter(|value| !range.contains(value)) {
                Some(value) => {
                    let (least, most) = (range.start(), range.end());
                    Err(format!("{what} {value:?}: expected {least:?} to {most:?}"))
                }
                None => Ok(()),
            }
        }
        within("rtt", self.rtt, Duration::ZERO..=MAX_RTT)?;
        within("jitter", self.jitter, 0.0..=2.0)?;
        within("loss", self.loss, 0.0..=1.0)?;
        within("bandwidth_kbps", self.bandwidth_kbps, 1..=10_000_000)?;
        within("drop_first_syns", self.drop_first_syns, 0..=20)?;
        for (what, delay) in [
            ("accept_delay", self.accept_delay),
            ("tls_delay", self.tls_delay),
            ("http_delay", self.http_delay),
        ] {
            within(what, delay, Duration::ZERO..=MAX_DELAY)?;
        }
        within("status", self.status, 200..=599)?;
        within("rest_status", self.rest_status, 200..=599)?;
        within(
            "retry_after",
            self.retry_after,
            Duration::ZERO..=MAX_RETRY_AFTER,
        )?;
        if let Some(location) = &self.location
            && (location.len() > 2048 || location.chars().any(char::is_control))
        {
            return Err("location: expected at most 2048 bytes without control characters".into());
        }
        if let Some(field) = self.fields.iter().flatten().find(|one| !is_field(one)) {
            return Err(format!(
                "fields {field:?}: expected \"Name: value\" without control characters"
            ));
        }
        let size = self.body.as_ref().map(String::len);
        within("body", size, 0..=MAX_BODY)?;
        match &self.ws_paths {
            Some(paths) => check_ws_paths(paths),
            None => Ok(()),
        }
    }
}

/// Whether `line` is a header field, `Name: value` (RFC 9110 §5.1).
fn is_field(line: &str) -> bool {
    let known = |(name, _): (&str, &str)| http::HeaderName::try_from(name).is_ok();
    line.split_once(": ").is_some_and(known) && !line.chars().any(char::is_control)
}

pub(crate) fn check_ws_paths(paths: &[String]) -> Result<(), String> {
    match paths.iter().find(|path| !path.starts_with('/')) {
        Some(path) => Err(format!(
            "ws_paths {path:?}: expected a path that begins with /"
        )),
        None => Ok(()),
    }
}

/// The conditions that one flight meets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) rtt: Duration,
    pub(crate) jitter: f64,
    pub(crate) loss: f64,
    pub(crate) bandwidth_kbps: Option<u32>,
    pub(crate) stalled: bool,
}

impl Link {
    /// Whether a flight is lost.
    pub(crate) fn loses(&self, rng: &mut fastrand::Rng) -> bool {
        // Always drawn, so that a change of the path doesn't shift later draws.
        let draw = rng.f64();
        self.stalled || draw < self.loss
    }

    /// Draws a flight's delay in one direction, before rounding.
    pub(crate) fn one_way(&self, rng: &mut fastrand::Rng) -> Duration {
        let half = self.rtt / 2;
        // The Box–Muller transform: a standard normal deviate.
        let (u, v) = (1.0 - rng.f64(), rng.f64());
        if self.jitter == 0.0 {
            return half;
        }
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        half.mul_f64((self.jitter * normal).exp().min(100.0))
    }
}

/// Rounds delays down to the whole milliseconds of tokio's timers and carries the remainder over to the
/// next delay, so that a connection's delays add up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carry(Duration);

impl Carry {
    pub(crate) fn new(rng: &mut fastrand::Rng) -> Self {
        Carry(Duration::from_nanos(rng.u64(0..1_000_000)))
    }

    pub(crate) fn round(&mut self, delay: Duration) -> Duration {
        let sum = self.0 + delay;
        self.0 = Duration::from_nanos(u64::from(sum.subsec_nanos()) % 1_000_000);
        sum - self.0
    }
}

/// How [`Lab::close`](crate::Lab::close) and [`Lab::reset`](crate::Lab::reset) end connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Close,
    Reset,
}

/// The path of one address, shared by its connections.
#[derive(Debug)]
pub(crate) struct Route {
    start: Instant,
    path: Mutex<Arc<Path>>,
    dials: AtomicU64,
    /// The number of cuts so far, and the kind of the last.
    pub(crate) cut: watch::Sender<(u64, Cut)>,
}

impl Route {
    pub(crate) fn new(start: Instant, path: Arc<Path>) -> Self {
        Route {
            start,
            path: Mutex::new(path),
            dials: AtomicU64::new(0),
            cut: watch::Sender::new((0, Cut::Close)),
        }
    }

    fn path(&self) -> MutexGuard<'_, Arc<Path>> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn replace(&self, path: Arc<Path>) {
        *self.path() = path;
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<(), String> {
        let mut path = self.path();
        let mut changed = Path::clone(&path);
        change(&mut changed.changes);
        changed.check()?;
        *path = Arc::new(changed);
        Ok(())
    }

    /// Numbers a new connection.
    pub(crate) fn dial(&self) -> u64 {
        self.dials.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn setting<T>(&self, setting: impl Fn(&Settings) -> Option<T>) -> Option<T> {
        self.setting_at(Instant::now(), setting)
    }

    fn setting_at<T>(&self, at: Instant, setting: impl Fn(&Settings) -> Option<T>) -> Option<T> {
        let path = Arc::clone(&self.path());
        path.setting(at.saturating_duration_since(self.start), setting)
    }

    pub(crate) fn fault(&self) -> Fault {
        self.setting(|s| s.fault).unwrap_or_default()
    }

    pub(crate) fn link(&self, at: Instant) -> Link {
        let path = Arc::clone(&self.path());
        let at = at.saturating_duration_since(self.start);
        Link {
            rtt: path.setting(at, |s| s.rtt).unwrap_or_default(),
            jitter: path.setting(at, |s| s.jitter).unwrap_or_default(),
            loss: path.setting(at, |s| s.loss).unwrap_or_default(),
            bandwidth_kbps: path.setting(at, |s| s.bandwidth_kbps),
            stalled: path.setting(at, |s| s.fault).is_some_and(Fault::stalls),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_later_of_running_steps_wins() {
        let path = Path::new(IpAddr::from([44, 128, 0, 1]))
            .with_rtt(40 * MS)
            .with_step(Step::at(10 * MS).with_rtt(50 * MS))
            .with_step(Step::at(20 * MS).until(30 * MS).with_loss(0.5));
        let rtt = |at: u32| path.setting(at * MS, |s| s.rtt).unwrap();
        assert_eq!((rtt(9), rtt(10), rtt(25)), (40 * MS, 50 * MS, 50 * MS));
        let loss = |at: u32| path.setting(at * MS, |s| s.loss);
        assert_eq!((loss(19), loss(20), loss(30)), (None, Some(0.5), None));
    }

    #[test]
    fn odd_delays_add_up() {
        let mut carry = Carry::new(&mut fastrand::Rng::with_seed(1));
        let half = Duration::from_micros(4500);
        for _ in 0..100 {
            assert_eq!(carry.round(half) + carry.round(half), 9 * MS);
            assert_eq!(carry.round(4 * MS), 4 * MS);
        }
    }

    #[test]
    fn jitter_has_median_one() {
        let mut rng = fastrand::Rng::with_seed(7);
        let link = Link {
            rtt: 40 * MS,
            jitter: 0.1,
            loss: 0.0,
            bandwidth_kbps: None,
            stalled: false,
        };
        let mut delays: Vec<Duration> = (0..1001).map(|_| link.one_way(&mut rng)).collect();
        delays.sort();
        let close = |delay: Duration, ms: f64| (delay.as_secs_f64() * 1e3 - ms).abs() < 0.3;
        assert!(close(delays[500], 20.0), "{:?}", delays[500]);
        // One standard deviation up: e^0.1.
        assert!(close(delays[841], 22.1), "{:?}", delays[841]);
    }
}
