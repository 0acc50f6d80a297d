//! Which names and addresses are public. A list of servers may name no others: it could send this computer to its own
//! ports or to those of its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use easelect::is_local;

/// Domains that are answered by this computer, by its own network, or not at all (RFC 6761, RFC 6762, RFC 7686,
/// RFC 9476, ICANN's list of colliding names, `internal` of 2024). Below `arpa` are names of protocols, some of which the
/// network itself answers for (RFC 8375, RFC 9462), and no servers.
const PRIVATE: [&str; 15] = [
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "test",
];

/// Whether a host, as [`Endpoint::host`](easelect::Endpoint::host) returns it, can be on the public Internet.
pub(crate) fn is_public(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(v4)) => is_public_v4(v4),
        Ok(IpAddr::V6(v6)) => is_public_v6(v6),
        Err(_) => {
            let is_below = |domain: &&str| {
                let before = host.strip_suffix(*domain);
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            };
            host.contains('.') && !PRIVATE.iter().any(is_below)
        }
    }
}

/// Whether a host is possible at all: neither the unspecified address nor a multicast or reserved one.
pub(crate) fn is_possible(host: &str) -> bool {
    is_public(host) || host.parse().map_or(true, is_local)
}

/// By IANA's registry of special-purpose addresses (RFC 6890, as of 2026), in addition to [`is_local`].
fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let is_special = match (a, b, c) {
        // This network; multicast and the reserved block above it.
        (0 | 224.., ..) => true,
        // IETF protocols; 6to4 relays.
        (192, 0, 0) | (192, 88, 99) => true,
        _ => v4.is_documentation(),
    };
    !is_special && !is_local(v4.into())
}

/// Global unicast (RFC 4291 §2.4, the allocated part) without special-purpose blocks.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    match v6.segments() {
        // IETF protocols, Teredo among them; documentation; 6to4, which contains IPv4 addresses.
        [0x2001, (..0x0200) | 0x0db8, ..] | [0x2002, ..] | [0x3fff, (..0x1000), ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_is_told_apart() {
        for public in [
            "im-api-v2.easemob.com",
            "local.example",
            "a.mylocal",
            "8.8.8.8",
            "223.255.255.255",
            "192.0.1.1",
            "198.20.0.1",
            "2606:4700::1",
            "2001:4860::8888",
            "2400:3200::1",
        ] {
            assert!(is_public(public) && is_possible(public), "{public}");
        }
        for private in [
            "localhost",
            "x.localhost",
            "printer",
            "printer.local",
            "db.internal",
            "nas.home.arpa",
            "_dns.resolver.arpa",
            "im.test",
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(private), "{private}");
            assert!(is_possible(private), "{private}");
        }
        for impossible in [
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::ffff:0.0.0.0",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!is_public(impossible), "{impossible}");
            assert!(!is_possible(impossible), "{impossible}");
        }
    }
}
