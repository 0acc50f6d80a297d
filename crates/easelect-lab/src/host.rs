//! Names, their addresses, and their DNS answers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use easelect::{Failure, FailureKind, Family, Phase, Resolved};
use serde::Deserialize;

use crate::path::{MAX_DELAY, check_ws_paths};

/// The outcome of a DNS query for a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dns {
    /// The host's addresses of the requested family; [`NoAddress`](Self::NoAddress) if it has none.
    #[default]
    Ok,
    /// The name doesn't exist (NXDOMAIN).
    NotFound,
    /// The DNS server refuses to answer (REFUSED).
    Refused,
    /// The DNS server fails (SERVFAIL).
    ServerFailure,
    /// The DNS server doesn't understand the query (FORMERR).
    FormatError,
    /// No DNS server is within reach.
    Temporary,
    /// No answer ever arrives: the caller's timeout decides.
    Timeout,
    /// The name exists but has no address of the requested family.
    NoAddress,
}

/// One or several names, their addresses, and their DNS answers.
///
/// The same as `[[host]]` in TOML, see [`Scenario`](crate::Scenario).
///
/// ```
/// use easelect_lab::{Dns, Host};
///
/// let host = Host::new("im.example.com")
///     .with_address("44.128.0.1".parse()?)
///     .with_dns_aaaa(Dns::Timeout);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    pub(crate) names: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) dns: Dns,
    pub(crate) dns_aaaa: Option<Dns>,
    pub(crate) dns_delay: Duration,
    pub(crate) dns_delay_aaaa: Option<Duration>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) ws_paths: Option<Vec<String>>,
    pub(crate) rest_status: Option<u16>,
}

impl Host {
    /// Creates a host without addresses.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Host::default().with_name(name)
    }

    /// Adds another name with the same answers.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.names.push(name.to_ascii_lowercase());
        self
    }

    /// Adds another address. Answers list the addresses in the order in which they were added.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> Self {
        self.addresses.push(address);
        self
    }

    /// Sets the outcome of A and AAAA queries: [`Dns::Ok`] by default.
    #[must_use]
    pub fn with_dns(mut self, dns: Dns) -> Self {
        self.dns = dns;
        self
    }

    /// Sets the outcome of AAAA queries: that of A queries by default.
    #[must_use]
    pub fn with_dns_aaaa(mut self, dns: Dns) -> Self {
        self.dns_aaaa = Some(dns);
        self
    }

    /// Sets the time until an answer: 0 (the default) to 1 h.
    #[must_use]
    pub fn with_dns_delay(mut self, delay: Duration) -> Self {
        self.dns_delay = delay;
        self
    }

    /// Sets the time until the answer to an AAAA query, up to 1 h: that of A queries by default.
    #[must_use]
    pub fn with_dns_delay_aaaa(mut self, delay: Duration) -> Self {
        self.dns_delay_aaaa = Some(delay);
        self
    }

    /// Sets the answers' time to live: unknown by default.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets the URL paths where an upgrade succeeds, each beginning with `/`; elsewhere it gets 404. By
    /// default, an upgrade succeeds everywhere. [`Path::with_ws_paths`](crate::Path::with_ws_paths)
    /// takes precedence.
    #[must_use]
    pub fn with_ws_paths(mut self, paths: &[&str]) -> Self {
        self.ws_paths = Some(paths.iter().map(|&path| path.to_owned()).collect());
        self
    }

    /// Sets the status that answers a request without an upgrade: 200 to 599, by default 404.
    /// [`Path::with_rest_status`](crate::Path::with_rest_status) takes precedence.
    #[must_use]
    pub fn with_rest_status(mut self, status: u16) -> Self {
        self.rest_status = Some(status);
        self
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.names.is_empty() {
            return Err("a host without a name: expected at least one".to_owned());
        }
        for name in &self.names {
            if rustls::pki_types::DnsName::try_from(name.as_str()).is_err() {
                return Err(format!("host {name:?}: expected a DNS name"));
            }
        }
        for delay in [Some(self.dns_delay), self.dns_delay_aaaa]
            .into_iter()
            .flatten()
        {
            if delay > MAX_DELAY {
                return Err(format!(
                    "dns_delay {delay:?}: expected at most {MAX_DELAY:?}"
                ));
            }
        }
        if let Some(status) = self.rest_status.filter(|s| !(200..=599).contains(s)) {
            return Err(format!("rest_status {status}: expected 200 to 599"));
        }
        match &self.ws_paths {
            Some(paths) => check_ws_paths(paths),
            None => Ok(()),
        }
    }

    /// Returns the delay of the answer, and the answer: `None` if there is never one.
    pub(crate) fn answer(&self, family: Family) -> (Duration, Option<Result<Resolved, Failure>>) {
        let (dns, delay) = match family {
            Family::V4 => (self.dns, self.dns_delay),
            Family::V6 => (
                self.dns_aaaa.unwrap_or(self.dns),
                self.dns_delay_aaaa.unwrap_or(self.dns_delay),
            ),
        };
        let kind = match dns {
            Dns::Timeout => return (delay, None),
            Dns::Ok | Dns::NoAddress => FailureKind::NoAddress,
            Dns::NotFound => FailureKind::NotFound,
            Dns::Refused => FailureKind::Refused,
            Dns::ServerFailure => FailureKind::ServerFailure,
            Dns::FormatError => FailureKind::Other,
            Dns::Temporary => FailureKind::Temporary,
        };
        let of_family = |address: &&IpAddr| Family::of(**address) == family;
        let addresses: Vec<IpAddr> = self.addresses.iter().filter(of_family).copied().collect();
        if dns != Dns::Ok || addresses.is_empty() {
            return (delay, Some(Err(Failure::new(Phase::Resolve, kind))));
        }
        let mut resolved = Resolved::new(addresses);
        resolved.ttl = self.ttl;
        (delay, Some(Ok(resolved)))
    }
}

/// The hosts, by name.
#[derive(Debug)]
pub(crate) struct Names(Mutex<BTreeMap<String, Arc<Host>>>);

impl Names {
    pub(crate) fn new(hosts: Vec<Host>) -> Result<Self, String> {
        let mut names = BTreeMap::new();
        for host in hosts {
            host.check()?;
            let host = Arc::new(host);
            for name in &host.names {
                if names.insert(name.clone(), Arc::clone(&host)).is_some() {
                    return Err(format!("host {name:?}: expected once, found twice"));
                }
            }
        }
        Ok(Names(Mutex::new(names)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Host>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn host(&self, name: &str) -> Option<Arc<Host>> {
        self.lock().get(name).cloned()
    }

    pub(crate) fn set(&self, host: Host) -> Result<(), String> {
        host.check()?;
        let host = Arc::new(host);
        let mut names = self.lock();
        for name in &host.names {
            names.insert(name.clone(), Arc::clone(&host));
        }
        Ok(())
    }

    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Host)) -> Result<(), String> {
        let mut names = self.lock();
        let Some(host) = names.get_mut(&name.to_ascii_lowercase()) else {
            return Err(format!(
                "no host {name:?} in the scenario: expected one of its names"
            ));
        };
        // A copy: other names of the same host keep their answers.
        change(Arc::make_mut(host));
        Ok(())
    }

    pub(crate) fn ws_paths(&self, name: &str) -> Option<Vec<String>> {
        self.host(name)?.ws_paths.clone()
    }

    pub(crate) fn rest_status(&self, name: &str) -> Option<u16> {
        self.host(name)?.rest_status
    }
}
