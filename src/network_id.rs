//! Which network the device is on, as far as its routes tell: for apps that don't.
//!
//! On Linux, the default route: its gateway and what kind of interface it is on. Elsewhere, and
//! where that can't be read (Android since 10), the prefix of the address that packets to the
//! internet would carry. Two networks that look alike (two homes with a gateway 192.168.1.1 over
//! Wi-Fi) share an identifier; an app that knows better says so. Only a hash leaves this module.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The network's identifier; `None` without a route to the internet.
pub(crate) fn current() -> Option<String> {
    let seen = default_route().or_else(source_prefix)?;
    Some(format!("auto-{:016x}", hash(seen.as_bytes())))
}

/// FNV-1a: the same in every version of this crate, as the history needs it.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn default_route() -> Option<String> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let v4 = read("/proc/net/route").and_then(|text| default_v4(&text));
    let v6 = || read("/proc/net/ipv6_route").and_then(|text| default_v6(&text));
    let (interface, gateway) = v4.or_else(v6)?;
    let class = format!("/sys/class/net/{interface}");
    let kind = if std::path::Path::new(&class).join("wireless").exists() {
        "wireless".to_owned()
    } else {
        // ARPHRD_*: 1 is Ethernet, 512 PPP, 65534 a tunnel.
        read(&format!("{class}/type")).unwrap_or_default()
    };
    Some(format!("{gateway} {}", kind.trim()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn default_route() -> Option<String> {
    None
}

/// The interface and the gateway of the IPv4 default route with the least metric.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
fn default_v4(table: &str) -> Option<(String, String)> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, _, _, _, metric, mask, ..] = columns[..] else {
            return None;
        };
        let metric: u32 = metric.parse().ok()?;
        let default = destination == "00000000" && mask == "00000000";
        default.then(|| (metric, (interface.to_owned(), gateway.to_owned())))
    });
    routes
        .min_by_key(|(metric, _)| *metric)
        .map(|route| route.1)
}

/// The same of the IPv6 default route. One without a next hop rejects.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
fn default_v6(table: &str) -> Option<(String, String)> {
    let routes = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, length, _, _, hop, metric, _, _, _, interface] = columns[..] else {
            return None;
        };
        let metric = u32::from_str_radix(metric, 16).ok()?;
        let default = length == "00" && hop.chars().any(|digit| digit != '0');
        default.then(|| (metric, (interface.to_owned(), hop.to_owned())))
    });
    routes
        .min_by_key(|(metric, _)| *metric)
        .map(|route| route.1)
}

/// The prefix of the address that packets to the internet would carry. Connecting a UDP socket
/// sends nothing, and the destinations are for documentation (RFC 5737, RFC 3849).
fn source_prefix() -> Option<String> {
    let v4 = (
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::new(192, 0, 2, 1).into(),
    );
    let v6_target = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let v6 = (Ipv6Addr::UNSPECIFIED.into(), v6_target.into());
    [v4, v6]
        .into_iter()
        .find_map(|(any, target): (IpAddr, IpAddr)| {
            let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
            socket.connect(SocketAddr::new(target, 9)).ok()?;
            Some(prefix(socket.local_addr().ok()?.ip()))
        })
}

/// /24, and /32 of IPv6, since carriers give another /64 with every attachment.
fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}")
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            format!("{a:x}:{b:x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_with_the_least_metric_counts() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n\
                     eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
                     wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                     eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
        let found = default_v4(table).unwrap();
        assert_eq!(found, ("eth0".to_owned(), "0100A8C0".to_owned()));
        assert_eq!(default_v4(""), None);
        assert_eq!(default_v4("Iface\nwlan0 00000000 x\n"), None);
    }

    #[test]
    fn an_ipv6_route_that_rejects_is_none() {
        let zeros = "0".repeat(32);
        let hop = "fe800000000000000000000000000001";
        let reject = format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 1 0 00200200 lo\n");
        let real = format!("{zeros} 00 {zeros} 00 {hop} 00000400 1 0 00000003 eth0\n");
        let found = default_v6(&(reject.clone() + &real)).unwrap();
        assert_eq!(found, ("eth0".to_owned(), hop.to_owned()));
        assert_eq!(default_v6(&reject), None);
    }

    #[test]
    fn prefixes_are_those_of_networks() {
        assert_eq!(prefix("192.168.1.7".parse().unwrap()), "192.168.1");
        assert_eq!(prefix("2409:8900:1:2::3".parse().unwrap()), "2409:8900");
    }

    /// Published test vectors of FNV-1a, 64 bits.
    #[test]
    fn the_hash_is_fnv() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_same_network_has_the_same_name() {
        assert_eq!(current(), current());
    }
}
