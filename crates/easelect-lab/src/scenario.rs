//! A lab's network as data, and the reference of its TOML format.

use std::time::Duration;

use easelect::{Error, ErrorKind};

use crate::file;
use crate::host::Host;
use crate::path::Path;
use crate::syns::Syns;

/// The network that a [`Lab`](crate::Lab) simulates: hosts, paths, and the seed of all randomness.
///
/// A scenario is built in Rust, with the `with_…` methods of `Scenario`, [`Host`] and [`Path`], or read
/// from TOML by [`Scenario::from_toml`]. Each key of the format has a method of about the same name.
///
/// # The TOML format
///
/// A file has at most 1 MiB. Unknown keys are errors. A duration is a string such as `"40ms"` or
/// `"1m 30s"`, or an integer in milliseconds.
///
/// ## Top level
///
/// | key | meaning | range | default |
/// | --- | --- | --- | --- |
/// | `seed` | the source of all randomness | 0 to 2⁶³ − 1 | 0 |
/// | `syn_retransmit` | when the client's kernel sends each SYN of a connect | `"linux-6.5"`, `"linux-6.4"`, or 1 to 64 increasing integers in milliseconds, the first 0, the last at most 1 h | `"linux-6.5"` |
///
/// The presets are the defaults of Linux: 0, 1, 2, 3, 4, 5, 7, 11, 19, 35 and 67 s from version 6.5 on,
/// and 0, 1, 3, 7, 15, 31 and 63 s before. A connect without an answer fails with
/// [`TimedOut`](std::io::ErrorKind::TimedOut). It waits after the last SYN for twice the last gap, and for
/// at least 1 s.
///
/// ## `[[host]]`: names and their DNS answers
///
/// | key | meaning | range | default |
/// | --- | --- | --- | --- |
/// | `name` | a DNS name, or a list of names with the same answers | each name in one `[[host]]` only | required |
/// | `addresses` | the addresses to answer with, in this order | IPv4 and IPv6 | none |
/// | `dns` | the outcome of A and AAAA queries, a [`Dns`](crate::Dns) in snake case | `"ok"`, `"not_found"`, `"refused"`, `"server_failure"`, `"format_error"`, `"temporary"`, `"timeout"`, `"no_address"` | `"ok"` |
/// | `dns_aaaa` | the outcome of AAAA queries | as `dns` | the value of `dns` |
/// | `dns_delay` | the time until the answer | 0 to 1 h | 0 |
/// | `dns_delay_aaaa` | the time until the answer to AAAA | 0 to 1 h | the value of `dns_delay` |
/// | `ttl` | the answers' time to live | a duration | unknown |
/// | `ws_paths` | the URL paths where a WebSocket upgrade succeeds; elsewhere it gets 404 | a list, each beginning with `/` | every path |
/// | `rest_status` | the status that answers a request without an upgrade | 200 to 599 | 404 |
///
/// A name without a `[[host]]` is answered by [`Dns::NotFound`](crate::Dns::NotFound), at once. To
/// simulate DNS hijacking, set `addresses` to the hijacker's.
///
/// ## `[[path]]`: the way to an address, and the server there
///
/// | key | meaning | range | default |
/// | --- | --- | --- | --- |
/// | `address` | an IP address, or a list of addresses with the same path | each address in one `[[path]]` only | required |
/// | `label` | a note for readers | a string | none |
/// | `steps` | changes over time, see [below](#steps) | a list of tables | none |
/// | `rtt` | the round-trip time, half of it in each direction | 0 to 60 s | 0 |
/// | `jitter` | the standard deviation of the logarithm of a flight's delay (log-normal, with median `rtt / 2`) | 0 to 2 | 0 |
/// | `loss` | the probability that a flight is lost | 0 to 1 | 0 |
/// | `bandwidth_kbps` | the bandwidth of each direction of each connection, in kbit/s | 1 to 10⁷ | unlimited |
/// | `drop_first_syns` | the number of SYNs that are lost at the start of each connect | 0 to 20 | 0 |
/// | `fault` | what goes wrong, a [`Fault`](crate::Fault) in snake case | see [`Fault`](crate::Fault) | `"none"` |
/// | `accept_delay` | the server's delay before its SYN-ACK | 0 to 1 h | 0 |
/// | `tls_delay` | the server's delay before its ServerHello | 0 to 1 h | 0 |
/// | `http_delay` | the server's delay before each response | 0 to 1 h | 0 |
/// | `tls` | the only TLS version that the server speaks | `"1.2"`, `"1.3"` | `"1.3"` |
/// | `early_data` | whether the server accepts TLS 1.3 early data and answers it with its first flight | a boolean | `false` |
/// | `status` | the status that answers every request, upgrades included | 200 to 599 | none |
/// | `location` | with `status`: the `Location` field | up to 2048 bytes, no control characters | none |
/// | `retry_after` | with `status`: the `Retry-After` field, truncated to whole seconds | 0 to 24 h | none |
/// | `fields` | with `status`: further header fields | a list of `"Name: value"`, no control characters | none |
/// | `body` | with `status`: the body | up to 64 KiB | a line of JSON |
/// | `rest_status` | as in `[[host]]`, over which it takes precedence | 200 to 599 | the host's |
/// | `ws_paths` | as in `[[host]]`, over which it takes precedence | a list, each beginning with `/` | the host's |
///
/// A *flight* is everything that one side sends before it hears from the other again. It is delayed and
/// lost as a whole. A SYN is a flight, and so is a SYN-ACK: losing either costs the client the wait for its
/// next SYN. Any other flight is sent again after 200 ms or three round-trip times, whichever is longer; the
/// wait doubles with each further loss, up to 120 s.
///
/// An address without a `[[path]]` is a black hole: a connect to it times out. When `early_data` changes,
/// the server forgets the sessions that it could have resumed.
///
/// ## Steps
///
/// A step sets any of the keys of `[[path]]` for some time, except `address`, `label` and `steps`:
///
/// | key | meaning | default |
/// | --- | --- | --- |
/// | `at` | the start of the step, counted from the lab's start | required |
/// | `until` | the end of the step, after `at`, counted from the lab's start | no end |
///
/// A running step takes precedence over the path's own keys. Where several running steps set the same key,
/// the last in the list wins. A step lifts the path's fault with `fault = "none"`.
///
/// # Example
///
/// A whole file:
///
/// ```toml
#[doc = include_str!("example.toml")]
/// ```
///
/// Reading it:
///
/// ```
/// use easelect_lab::{Lab, Scenario};
///
/// let text = include_str!("example.toml");
/// let scenario = Scenario::from_toml(text, "example.toml")?;
/// let lab = Lab::new(scenario)?;
/// # Ok::<(), easelect::Error>(())
/// ```
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
    /// The names of the built-in scenarios, for [`built_in`](Self::built_in).
    pub const BUILT_IN: &'static [&'static str] = &["beijing", "hostile"];

    /// Creates an empty scenario: no name is found, and every address is a black hole.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Scenario {
            seed,
            syns: Syns::default(),
            hosts: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Adds a host: names, and their DNS answers.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> Self {
        self.hosts.push(host);
        self
    }

    /// Adds a path: the way to one or several addresses, and the server there.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.paths.push(path);
        self
    }

    /// Sets when the client's kernel sends each SYN, counted from the first.
    ///
    /// Expected are 1 to 64 increasing times, the first 0, the last at most 1 h. By default the times
    /// are those of Linux 6.5. A connect without an answer fails with
    /// [`TimedOut`](std::io::ErrorKind::TimedOut), after a last wait of twice the last gap and at
    /// least 1 s.
    #[must_use]
    pub fn with_syn_retransmit(mut self, times: &[Duration]) -> Self {
        self.syns = Syns::at(times.to_vec());
        self
    }

    /// Sets the seed of all randomness: the same scenario with other losses and jitter.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Reads a scenario from TOML. Errors refer to it as `name`.
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
    /// assert_eq!(wrong.to_string(), "my.toml:9: loss 2.0: expected 0.0 to 1.0");
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Scenario`], with `name`, the line and what was expected there.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Error> {
        let file = file::read(text, name)?;
        Ok(Scenario {
            seed: file.seed,
            syns: file.syns,
            hosts: file.hosts,
            paths: file.paths,
        })
    }

    /// Returns Easemob's hosts as a client in Beijing might see them, with a few everyday faults. The
    /// delays and addresses are invented.
    #[must_use]
    pub fn beijing() -> Self {
        Scenario::from_toml(include_str!("beijing.toml"), "beijing")
            .expect("the built-in scenario is well-formed: a test makes a lab of it")
    }

    /// Returns a network in which Easemob's hosts have faults of DNS, TCP, TLS and HTTP. Every kind of
    /// failure that a network can cause without a proxy occurs, and only one WebSocket host and one
    /// REST host work. The delays and addresses are invented.
    #[must_use]
    pub fn hostile() -> Self {
        Scenario::from_toml(include_str!("hostile.toml"), "hostile")
            .expect("the built-in scenario is well-formed: a test makes a lab of it")
    }

    /// Returns the built-in scenario of this name, if there is one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readmes_scenario_is_well_formed() {
        let readme = include_str!("../README.md");
        let (_, text) = readme.split_once("```toml\nseed").unwrap();
        let (text, _) = text.split_once("```").unwrap();
        let scenario = Scenario::from_toml(&format!("seed{text}"), "README.md").unwrap();
        assert_eq!((scenario.hosts.len(), scenario.paths.len()), (2, 2));
    }
}
