//! Names to addresses, one family at a time.
//!
//! [`Resolve`] is a seam: an embedder brings HTTPDNS or DoH, tests a script. The default asks the
//! platform, because VPNs, split DNS and local proxies live there.

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
    /// The family of an address.
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

/// Which families to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// Both; whatever the network lacks fails quickly.
    #[default]
    Both,
    /// Only IPv4.
    V4,
    /// Only IPv6.
    V6,
}

impl Families {
    /// The families, IPv6 first as RFC 8305 §3 has its queries.
    #[must_use]
    pub const fn list(self) -> &'static [Family] {
        match self {
            Families::Both => &[Family::V6, Family::V4],
            Families::V4 => &[Family::V4],
            Families::V6 => &[Family::V6],
        }
    }
}

/// What a look-up answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The addresses, in the order in which they were answered; not empty.
    pub addresses: Vec<IpAddr>,
    /// How long they may be kept, if the resolver knows: a [`Selector`](crate::Selector) keeps them
    /// so long, at least 1 s and at most 10 min. Without it they are asked for every time.
    pub ttl: Option<Duration>,
}

impl Resolved {
    /// Addresses without a time to live.
    #[must_use]
    pub fn new(addresses: Vec<IpAddr>) -> Self {
        Resolved {
            addresses,
            ttl: None,
        }
    }

    /// Says how long they may be kept.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

/// Looks names up.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of `host` in one family. The caller sets the time-out and drops the future.
    ///
    /// # Errors
    ///
    /// A [`Failure`] in [`Phase::Resolve`](crate::Phase::Resolve); no address is
    /// [`FailureKind::NoAddress`](crate::FailureKind::NoAddress).
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>>;

    /// The device is on another network, or slept: the moment to forget answers and to read again
    /// which name servers there are. A [`Selector`](crate::Selector) tells it before the next
    /// connection, and waits for its return. It does nothing by default.
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

/// Addresses that no host on the public Internet can have and that nothing can be reached at:
/// unspecified, multicast, broadcast, documentation (RFC 6890, RFC 3849, RFC 9637).
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

/// Addresses that only a translator of the network they are used on makes one of (RFC 6052 §2.1, RFC 8215).
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
    // 0.0.0.0/8 is "this network": Linux would connect to itself.
    v4.octets()[0] == 0 || v4.is_multicast() || v4.is_broadcast() || v4.is_documentation()
}

/// Addresses that stand for this machine, a private network, or a local proxy's made-up answer
/// (198.18.0.0/15, RFC 2544): possible for a public host only where something answers for it.
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

/// Orders addresses as RFC 8305 §4 does: families alternate, beginning with IPv6, the order
/// within a family kept.
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
