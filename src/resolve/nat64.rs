//! NAT64: the IPv6 prefix through which a network without IPv4 reaches IPv4 hosts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Family, Resolve, is_bogus, is_local};

/// The IPv6 prefix of a network's NAT64 translator (RFC 6146), behind which it reaches IPv4 addresses
/// (RFC 6052 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nat64 {
    prefix: Ipv6Addr,
    length: u8,
}

/// The positions of the four IPv4 octets behind a prefix of this many bits. Octet 8 (bits 64 to 71) is
/// skipped (RFC 6052 §2.2).
const LAYOUTS: [(u8, [usize; 4]); 6] = [
    (96, [12, 13, 14, 15]),
    (64, [9, 10, 11, 12]),
    (56, [7, 9, 10, 11]),
    (48, [6, 7, 9, 10]),
    (40, [5, 6, 7, 9]),
    (32, [4, 5, 6, 7]),
];

/// The octet that must be zero (RFC 6052 §2.2). Some networks' 96-bit prefixes break this rule and work.
const U: usize = 8;

/// The name with which NAT64 is detected, and its IPv4 addresses (RFC 7050 §8).
const NAME: &str = "ipv4only.arpa";
const WELL_KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// Finds the network's NAT64 prefix with a DNS lookup (RFC 7050).
///
/// It looks up the IPv6 addresses of `ipv4only.arpa`, which has none unless a DNS64 resolver synthesises
/// them. Returns `None` on a network without NAT64, or if the lookup fails. There is no timeout: the
/// caller sets one and drops the future.
///
/// A wrong answer can misdirect connections, but the endpoint's certificate is still verified.
pub async fn nat64_prefix(resolver: &dyn Resolve) -> Option<Nat64> {
    let found = resolver.resolve(NAME, Family::V6).await.ok()?;
    found.addresses.into_iter().find_map(|one| match one {
        IpAddr::V6(v6) => Nat64::of_well_known(v6),
        IpAddr::V4(_) => None,
    })
}

impl Nat64 {
    /// The prefix of a translated well-known address. `None` if the address contains a well-known one in
    /// two places (RFC 7050 §3).
    fn of_well_known(address: Ipv6Addr) -> Option<Self> {
        let octets = address.octets();
        let holds = |(length, at): &&(u8, [usize; 4])| {
            let embedded = Ipv4Addr::from(at.map(|index| octets[index]));
            WELL_KNOWN.contains(&embedded) && (*length == 96 || octets[U] == 0)
        };
        let mut lengths = LAYOUTS.iter().filter(holds).map(|(length, _)| *length);
        let (length, None) = (lengths.next()?, lengths.next()) else {
            return None;
        };
        Nat64::new(
            Ipv6Addr::from_bits(address.to_bits() & mask(length)),
            length,
        )
    }

    /// Creates a prefix that the app learned in another way than with [`nat64_prefix`], for example from
    /// a router advertisement (RFC 8781). `length` is in bits.
    ///
    /// Returns `None` unless the length is 32, 40, 48, 56, 64 or 96 and all bits behind the prefix are zero
    /// (RFC 6052 §2.2). `::/96` and `::ffff:0:0/96` are rejected, too: they are just another notation for
    /// IPv4 addresses (RFC 4291 §2.5.5).
    #[must_use]
    pub fn new(prefix: Ipv6Addr, length: u8) -> Option<Self> {
        let is_length = LAYOUTS.iter().any(|(one, _)| *one == length);
        let is_notation = length == 96 && matches!(prefix.to_bits() >> 32, 0 | 0xffff);
        let is_prefix = is_length && prefix.to_bits() & !mask(length) == 0;
        (is_prefix && !is_notation).then_some(Nat64 { prefix, length })
    }

    /// Returns the prefix, followed by zeros.
    #[must_use]
    pub const fn prefix(self) -> Ipv6Addr {
        self.prefix
    }

    /// Returns the length of the prefix in bits: 32, 40, 48, 56, 64 or 96.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Returns the IPv6 address that leads to an IPv4 address. `None` if that isn't a public address, to
    /// which a translator doesn't lead (RFC 6052 §3.1).
    #[must_use]
    pub fn embed(self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        if is_local(address.into()) || is_bogus(address.into()) {
            return None;
        }
        let (_, at) = LAYOUTS.iter().find(|(length, _)| *length == self.length)?;
        let mut octets = self.prefix.octets();
        for (index, octet) in at.iter().zip(address.octets()) {
            octets[*index] = octet;
        }
        Some(octets.into())
    }
}

/// The mask of a prefix of this length.
fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl fmt::Display for Nat64 {
    /// Formats the prefix as `64:ff9b::/96`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.prefix, self.length)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{BoxFuture, FutureExt};

    use super::super::Resolved;
    use super::*;
    use crate::failure::{Failure, FailureKind};
    use crate::phase::Phase;

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    /// The table of RFC 6052 §2.4, whose IPv4 address is one for documentation.
    const EXAMPLES: [(&str, u8, &str); 6] = [
        ("2001:db8::", 32, "2001:db8:c000:221::"),
        ("2001:db8:100::", 40, "2001:db8:1c0:2:21::"),
        ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::", 96, "2001:db8:122:344::c000:221"),
    ];

    /// An example with its IPv4 address replaced.
    fn translated(length: u8, example: &str, address: Ipv4Addr) -> Ipv6Addr {
        let (_, at) = LAYOUTS.iter().find(|one| one.0 == length).unwrap();
        let mut octets = v6(example).octets();
        assert_eq!(at.map(|index| octets[index]), [192, 0, 2, 33], "{example}");
        for (index, octet) in at.iter().zip(address.octets()) {
            octets[*index] = octet;
        }
        octets.into()
    }

    #[test]
    fn every_length_is_found_and_used() {
        for (prefix, length, example) in EXAMPLES {
            for well_known in WELL_KNOWN {
                let told = translated(length, example, well_known);
                let nat64 = Nat64::of_well_known(told).unwrap();
                assert_eq!((nat64.prefix(), nat64.length()), (v6(prefix), length));
                let public = Ipv4Addr::new(8, 7, 6, 5);
                let expected = translated(length, example, public);
                assert_eq!(nat64.embed(public), Some(expected), "{nat64}");
            }
        }
        let usual = Nat64::of_well_known(v6("64:ff9b::192.0.0.170")).unwrap();
        assert_eq!(usual.to_string(), "64:ff9b::/96");
        for private in ["10.0.0.1", "127.0.0.1", "0.0.0.0", "192.0.2.33"] {
            assert_eq!(usual.embed(private.parse().unwrap()), None, "{private}");
        }
    }

    #[test]
    fn what_is_no_translation_tells_no_prefix() {
        for odd in [
            "2001:db8::1",
            "::ffff:192.0.0.170",
            "::192.0.0.171",
            // Twice in one address.
            "2001:db8:c000:aa::192.0.0.170",
            // Something in octet 8.
            "2001:db8:122:344:1c0:0:aa00:0",
        ] {
            assert_eq!(Nat64::of_well_known(v6(odd)), None, "{odd}");
        }
    }

    #[test]
    fn a_prefix_has_one_of_six_lengths_and_nothing_behind_it() {
        for (prefix, length, _) in EXAMPLES {
            assert!(
                Nat64::new(v6(prefix), length).is_some(),
                "{prefix}/{length}"
            );
            assert_eq!(
                Nat64::new(v6(prefix), length + 1),
                None,
                "{prefix}/{length}"
            );
        }
        for (prefix, length) in [
            ("64:ff9b::", 0),
            ("64:ff9b::", 128),
            ("64:ff9b::1", 96),
            ("2001:db8:122:344:1::", 64),
            ("::", 96),
            ("::ffff:0:0", 96),
        ] {
            assert_eq!(Nat64::new(v6(prefix), length), None, "{prefix}/{length}");
        }
    }

    #[derive(Debug)]
    struct Answers(Result<Vec<IpAddr>, FailureKind>);

    impl Resolve for Answers {
        fn resolve(
            &self,
            host: &str,
            family: Family,
        ) -> BoxFuture<'static, Result<Resolved, Failure>> {
            assert_eq!((host, family), ("ipv4only.arpa", Family::V6));
            let answer = self.0.clone().map(Resolved::new);
            let answer = answer.map_err(|kind| Failure::new(Phase::Resolve, kind));
            Box::pin(async { answer })
        }
    }

    #[test]
    fn the_resolver_tells_the_prefix() {
        let told = |answer| nat64_prefix(&Answers(answer)).now_or_never().unwrap();
        assert_eq!(told(Err(FailureKind::NoAddress)), None);
        let made_up = [
            "2001:db8::1",
            "2001:db8:64::192.0.0.170",
            "64:ff9b::192.0.0.171",
        ];
        let made_up = made_up.map(|one| one.parse().unwrap()).to_vec();
        let told = told(Ok(made_up)).map(|one| one.to_string());
        assert_eq!(told.as_deref(), Some("2001:db8:64::/96"));
    }
}
