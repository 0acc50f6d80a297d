//! What a lab simulates.

use std::time::Duration;

use super::file;
use super::names::Host;
use super::path::Path;
use crate::error::{Error, ErrorKind};

/// What a [`Lab`](super::Lab) simulates: names, paths, and the seed of all randomness.
///
/// Built in Rust with `with_…` methods, or read from TOML.
///
/// # The TOML format
///
/// A file of at most 1 MiB. Unknown keys are errors. A duration is a string such as `"40ms"`
/// or `"1m 30s"`, or an integer in milliseconds.
///
/// At the top:
///
/// | key | meaning | default |
/// | --- | --- | --- |
/// | `seed` | where all randomness comes from, an integer from 0 | 0 |
/// | `syn_retransmit` | when SYNs are sent: `"linux-6.5"`, `"linux-6.4"` or a list of milliseconds from 0, growing | `"linux-6.5"` |
///
/// Each `[[host]]`:
///
/// | key | meaning | default |
/// | --- | --- | --- |
/// | `name` | a DNS name, or a list of names | (needed) |
/// | `addresses` | IPv4 and IPv6, in the order in which they are answered; those of a hijacker, if it is hijacked | none |
/// | `dns` | `"ok"`, `"not_found"`, `"refused"`, `"server_failure"`, `"format_error"`, `"temporary"`, `"timeout"` (never answers) or `"no_address"` | `"ok"` |
/// | `dns_aaaa` | the same for AAAA alone | as `dns` |
/// | `dns_delay`, `dns_delay_aaaa` | how long an answer takes, up to 1 h | 0, as `dns_delay` |
/// | `ttl` | the answers' time to live | unknown |
/// | `ws_paths` | the paths where WebSocket works; an upgrade elsewhere gets 404 | any |
/// | `rest_status` | the status that answers a plain request | 404 |
///
/// A name that no `[[host]]` has is not found.
///
/// Each `[[path]]`:
///
/// | key | meaning | default |
/// | --- | --- | --- |
/// | `address` | an address, or a list | (needed) |
/// | `label` | a note for readers | |
/// | `steps` | a list of `{ at = …, until = …, … }`: from `at` until `until` (or for ever), counted from the lab's start, any of the keys below; of several at once the later in the list wins | |
/// | `rtt` | round-trip time, up to 60 s | 0 |
/// | `jitter` | standard deviation of the logarithm of a flight's delay, 0 to 2 | 0 |
/// | `loss` | probability that a flight is lost, 0 to 1 | 0 |
/// | `bandwidth_kbps` | capacity of each direction of each connection, in kbit/s, from 1 | unlimited |
/// | `drop_first_syns` | how many SYNs of each connection vanish, up to 20 | 0 |
/// | `fault` | one of [`Fault`](super::Fault), in snake case | `"none"` |
/// | `accept_delay`, `tls_delay`, `http_delay` | how late SYN-ACK, ServerHello and each response are, up to 1 h | 0 |
/// | `tls` | `"1.2"` or `"1.3"` | `"1.3"` |
/// | `early_data` | whether the server takes TLS 1.3 early data, and answers it with its first flight; when it changes, the server forgets its sessions | `false` |
/// | `status`, `location`, `retry_after` | the status (200 to 599) of every response, and its header fields | |
/// | `rest_status`, `ws_paths` | as in `[[host]]`, above it | |
///
/// An address that no `[[path]]` has is a black hole: connecting to it times out.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub(super) seed: u64,
    pub(super) syns: Vec<Duration>,
    pub(super) hosts: Vec<Host>,
    pub(super) paths: Vec<Path>,
}

/// Linux's `tcp_syn_retries` = 6 with `tcp_syn_linear_timeouts` = 4 (since 6.5), in seconds.
const LINUX_6_5: [u64; 11] = [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67];
/// Before: doubling from the first on (RFC 6298 §5.5).
const LINUX_6_4: [u64; 7] = [0, 1, 3, 7, 15, 31, 63];

pub(super) fn syn_preset(name: &str) -> Option<Vec<Duration>> {
    let seconds: &[u64] = match name {
        "linux-6.5" => &LINUX_6_5,
        "linux-6.4" => &LINUX_6_4,
        _ => return None,
    };
    Some(seconds.iter().copied().map(Duration::from_secs).collect())
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario::new(0)
    }
}

impl Scenario {
    /// An empty scenario: no name is found, every address is a black hole.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Scenario {
            seed,
            syns: LINUX_6_5.iter().copied().map(Duration::from_secs).collect(),
            hosts: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Adds names.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> Self {
        self.hosts.push(host);
        self
    }

    /// Adds the way to some addresses.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.paths.push(path);
        self
    }

    /// Sets when SYNs are sent, counted from the first. The last wait is twice the one before,
    /// and then connecting fails with `TimedOut`.
    #[must_use]
    pub fn with_syn_retransmit(mut self, times: &[Duration]) -> Self {
        self.syns = times.to_vec();
        self
    }

    /// The same scenario with other randomness.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Reads a scenario; `name` is what errors call it.
    ///
    /// ```
    /// use easelect::lab::Scenario;
    ///
    /// let text = r#"
    ///     [[host]]
    ///     name = "im.example.com"
    ///     addresses = ["44.128.0.1"]
    ///
    ///     [[path]]
    ///     address = "44.128.0.1"
    ///     rtt = "40ms"
    ///     loss = 2
    /// "#;
    /// let wrong = Scenario::from_toml(text, "my.toml").unwrap_err();
    /// assert_eq!(wrong.to_string(), "my.toml:9: loss 2.0: expected 0.0..=1.0");
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`] with name, line and what was expected.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Error> {
        file::read(text, name)
    }

    /// Easemob's 44 hosts as a client in Beijing might see them, with a few everyday faults. The
    /// delays and the addresses are made up.
    #[must_use]
    pub fn beijing() -> Self {
        Scenario::from_toml(include_str!("beijing.toml"), "beijing")
            .expect("the built-in scenario is well-formed: a test makes a lab of it")
    }

    /// Everything that a network, a name server or a peer can do wrong: each of Easemob's hosts has
    /// another fault, and two have none. The delays and the addresses are made up.
    #[must_use]
    pub fn hostile() -> Self {
        Scenario::from_toml(include_str!("hostile.toml"), "hostile")
            .expect("the built-in scenario is well-formed: a test makes a lab of it")
    }

    /// The built-in scenarios' names.
    pub const BUILT_IN: &'static [&'static str] = &["beijing", "hostile"];

    /// A built-in scenario by its name.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        match name {
            "beijing" => Some(Scenario::beijing()),
            "hostile" => Some(Scenario::hostile()),
            _ => None,
        }
    }

    /// When the client's kernel gives a connect up.
    pub(super) fn give_up(&self) -> Duration {
        let mut last = self.syns.iter().rev().copied();
        let (end, before) = (last.next().unwrap_or_default(), last.next());
        let gap = before.map_or(Duration::ZERO, |before| end.saturating_sub(before));
        end + (2 * gap).max(Duration::from_secs(1))
    }

    pub(super) fn check_syns(&self) -> Result<(), String> {
        let growing = self.syns.is_sorted_by(|a, b| a < b);
        let first = self.syns.first() == Some(&Duration::ZERO);
        let last = self.syns.last().is_some_and(|last| *last <= MAX_SYN);
        if growing && first && last && self.syns.len() <= 64 {
            return Ok(());
        }
        Err("syn_retransmit: expected 1 to 64 times that begin at 0 and grow, up to 1 h".into())
    }

    pub(super) fn error(why: String) -> Error {
        Error::new(ErrorKind::Scenario, why)
    }
}

const MAX_SYN: Duration = Duration::from_secs(3600);
