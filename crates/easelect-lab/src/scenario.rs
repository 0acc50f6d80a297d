//! What a lab simulates.

use std::time::Duration;

use easelect::{Error, ErrorKind};

use crate::file;
use crate::host::Host;
use crate::path::Path;
use crate::syns::Syns;

/// What a [`Lab`](crate::Lab) simulates: names, paths, and the seed of all randomness.
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
/// | `fault` | one of [`Fault`](crate::Fault), in snake case | `"none"` |
/// | `accept_delay`, `tls_delay`, `http_delay` | how late SYN-ACK, ServerHello and each response are, up to 1 h | 0 |
/// | `tls` | `"1.2"` or `"1.3"` | `"1.3"` |
/// | `early_data` | whether the server takes TLS 1.3 early data, and answers it with its first flight; when it changes, the server forgets its sessions | `false` |
/// | `status`, `location`, `retry_after` | the status (200 to 599) of every response, and its header fields | |
/// | `fields`, `body` | with `status`: further header fields, a list of `"Name: value"`, and the body, up to 64 KiB | none, a line of JSON |
/// | `rest_status`, `ws_paths` | as in `[[host]]`, above it | |
///
/// An address that no `[[path]]` has is a black hole: connecting to it times out.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub(crate) seed: u64,
    pub(crate) syns: Syns,
    pub(crate) hosts: Vec<Host>,
    pub(crate) paths: Vec<Path>,
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
            syns: Syns::default(),
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
        self.syns = Syns::at(times.to_vec());
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
    /// use easelect_lab::Scenario;
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
        let file = file::read(text, name)?;
        Ok(Scenario {
            seed: file.seed,
            syns: file.syns,
            hosts: file.hosts,
            paths: file.paths,
        })
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

    pub(crate) fn error(why: String) -> Error {
        Error::new(ErrorKind::Scenario, why)
    }
}
