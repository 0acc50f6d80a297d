//! DNS lookups, one address family at a time.
//!
//! An app can replace the resolver through [`Resolve`], for example by HTTPDNS or DoH; tests use a scripted
//! one. The default is the platform's, which knows about VPNs, split DNS and local proxies.

#[cfg(feature = "dns")]
pub(crate) mod dns;
mod nat64;
mod system;
mod turn;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

#[cfg(feature = "dns")]
pub use dns::{DnsAnswer, DnsResolver};
pub use nat64::{Nat64, nat64_prefix};
pub use system::SystemResolver;
pub(crate) use turn::{beginning, begun, timed};

use crate::failure::Failure;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv6 (AAAA records).
    V6,
    /// IPv4 (A records).
    V4,
}

impl Family {
    /// Returns the family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// The stable identifier: `"ipv6"`, `"ipv4"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::V6 => "ipv6",
            Family::V4 => "ipv4",
        }
    }
}

display_identifier!(Family);

/// The address families to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// Both families. An attempt in a family that the network lacks fails at once.
    #[default]
    Both,
    /// Only IPv4.
    V4,
    /// Only IPv6.
    V6,
}

impl Families {
    /// Returns the families in the order of lookups: IPv6 first (RFC 8305 §3).
    #[must_use]
    pub const fn list(self) -> &'static [Family] {
        match self {
            Families::Both => &[Family::V6, Family::V4],
            Families::V4 => &[Family::V4],
            Families::V6 => &[Family::V6],
        }
    }
}

/// The result of a DNS lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// Addresses in the order of the answer; not empty.
    pub addresses: Vec<IpAddr>,
    /// Time to live of the addresses, if the resolver knows it. A [`Selector`](crate::Selector) caches
    /// them for that long, but at least 1 s and at most 10 min. Without a TTL it doesn't cache them.
    pub ttl: Option<Duration>,
}

impl Resolved {
    /// Creates a result without a TTL.
    #[must_use]
    pub fn new(addresses: Vec<IpAddr>) -> Self {
        Resolved {
            addresses,
            ttl: None,
        }
    }

    /// Sets the TTL.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

/// A DNS resolver.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// Looks up the addresses of `host` in one family.
    ///
    /// The implementation needs no timeout: the caller drops the future when its own expires.
    ///
    /// # Errors
    ///
    /// A [`Failure`] in [`Phase::Resolve`](crate::Phase::Resolve). If the host has no address in this
    /// family, its kind is [`FailureKind::NoAddress`](crate::FailureKind::NoAddress).
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>>;

    /// Reports that the device moved to another network or slept, so that cached answers and the list of
    /// DNS servers may be out of date.
    ///
    /// A [`Selector`](crate::Selector) calls this when it learns of the change, at the latest before the
    /// next connection, and waits for it to return. The default does nothing.
    fn network_changed(&self) {}
}

impl<R: Resolve + ?Sized> Resolve for Arc<R> {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        R::resolve(self, host, family)
    }

    fn network_changed(&self) {
        R::network_changed(self);
    }
}

/// Whether no public host can have the address and nothing can be reached at it: unspecified, multicast,
/// broadcast, documentation (RFC 6890, RFC 3849, RFC 9637).
pub(crate) fn is_bogus(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_bogus_v4(v4),
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            v6.is_unspecified()
                || v6.is_multicast()
                || (a == 0x2001 && b == 0x0db8)
                || (a == 0x3fff && b < 0x1000)
                || v6.to_ipv4_mapped().is_some_and(is_bogus_v4)
        }
    }
}

/// Whether the address is a NAT64 translation that works only on the network that made it (RFC 6052 §2.1,
/// RFC 8215).
pub(crate) fn is_translated(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => matches!(
            v6.segments(),
            [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..]
        ),
    }
}

fn is_bogus_v4(v4: Ipv4Addr) -> bool {
    // 0.0.0.0/8 means "this network"; Linux connects to itself at 0.0.0.0.
    v4.octets()[0] == 0 || v4.is_multicast() || v4.is_broadcast() || v4.is_documentation()
}

/// Whether the address is loopback, link-local, private, carrier-grade NAT (100.64.0.0/10, RFC 6598), or
/// in 198.18.0.0/15 (RFC 2544), from which local proxies take made-up addresses.
///
/// If a public host resolves to such an address, a local program or gateway stands in for it.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    fn local_v4(v4: Ipv4Addr) -> bool {
        let [a, b, ..] = v4.octets();
        v4.is_loopback()
            || v4.is_private()
            || v4.is_link_local()
            || (a == 198 && (b & 0xfe) == 18)
            || (a == 100 && (b & 0xc0) == 64)
    }
    fn local_v6(v6: Ipv6Addr) -> bool {
        v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
    }
    match address {
        IpAddr::V4(v4) => local_v4(v4),
        IpAddr::V6(v6) => local_v6(v6) || v6.to_ipv4_mapped().is_some_and(local_v4),
    }
}

/// Orders addresses by RFC 8305 §4: families alternate, beginning with IPv6; the order within a family
/// stays.
pub(crate) fn interleave(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let (mut v6, mut v4): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().copied().partition(IpAddr::is_ipv6);
    v6.reverse();
    v4.reverse();
    let mut ordered = Vec::with_capacity(addresses.len());
    while !(v6.is_empty() && v4.is_empty()) {
        ordered.extend(v6.pop());
        ordered.extend(v4.pop());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_alternate() {
        let given = [
            ip("10.0.0.1"),
            ip("10.0.0.2"),
            ip("10.0.0.3"),
            ip("fd00::1"),
        ];
        let ordered = interleave(&given);
        assert_eq!(
            ordered,
            [
                ip("fd00::1"),
                ip("10.0.0.1"),
                ip("10.0.0.2"),
                ip("10.0.0.3")
            ]
        );
    }

    #[test]
    fn impossible_and_local_addresses_are_told_apart() {
        for bogus in [
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "2001:db8::1",
            "::ffff:0.0.0.0",
        ] {
            assert!(is_bogus(ip(bogus)), "{bogus}");
        }
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "198.18.0.7",
            "198.19.255.1",
            "::1",
            "fd00::1",
        ] {
            assert!(is_local(ip(local)) && !is_bogus(ip(local)), "{local}");
        }
        for public in ["8.8.8.8", "2606:4700::1", "198.20.0.1"] {
            assert!(!is_local(ip(public)) && !is_bogus(ip(public)), "{public}");
        }
    }
}
