//! Identifies the network that the device is on from its routes, for apps that don't name it.
//!
//! It starts from the source address of packets to the Internet. The kernel reports it for a UDP socket
//! connected to a remote address, without sending a packet. That respects policy routing and split
//! default routes (0.0.0.0/1 and 128.0.0.0/1), with which VPNs leave the default route alone.
//!
//! - *Linux*: the identifier is made of the gateway of the (whole or split) default route of the interface
//!   with that address, of 16 bits of a hash of the IPv4 gateway's hardware address, and of the name and
//!   kind of the interface. Without a gateway, as on a tunnel, it is made of the prefix of the address. IPv6
//!   is included if it uses another interface than IPv4, as with a VPN for one of them. A new address from
//!   DHCP on the same network changes nothing.
//! - *Other systems*, and Linux where routes can't be read (Android since 10): the prefix of the address,
//!   IPv4's if there is one.
//!
//! Different networks can have the same identifier:
//!
//! - two homes with the gateway 192.168.1.1 on the same Wi-Fi interface, in one of 65,536 cases; also until
//!   the second gateway has answered ARP, if the device was never seen offline in between;
//! - networks with the same gateway address behind a virtual router, whose hardware address is the same
//!   everywhere (RFC 9568 §7.3);
//! - with IPv6 only, networks whose gateway is fe80::1 on the same interface;
//! - two tunnels that assign addresses in the same /24;
//! - on other systems than Linux, two networks in the same /24 (for IPv6, /32), and the same network with
//!   and without a VPN for IPv6 only.
//!
//! An app that knows better can name the network itself. Wrong expectations from another network with the
//! same identifier are corrected by new measurements. Only a hash leaves this module, since a hardware
//! address would reveal where the device was.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The network that the device is on, as seen from its routes at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalNetwork {
    /// Identifier under which a selector stores the network in its history unless the app names the
    /// network. It is a hash that stays the same while the device is on this network and when it
    /// returns. `None` without a route to the Internet.
    pub id: Option<String>,
    /// Source address of IPv4 packets to the Internet, if there is a route.
    pub source_v4: Option<Ipv4Addr>,
    /// Source address of IPv6 packets to the Internet, if there is a route.
    pub source_v6: Option<Ipv6Addr>,
    /// Kind of the interface that leads to the Internet: `"wifi"`, `"ethernet"`, `"ppp"` or `"tunnel"`
    /// (such as a VPN). `None` for other kinds and on other systems than Linux and Android.
    pub interface: Option<&'static str>,
}

impl LocalNetwork {
    /// Returns the current network. Sends nothing.
    #[must_use]
    pub fn now() -> Self {
        // Addresses for documentation (RFC 5737, RFC 3849), which belong to no host.
        let v4 = source(
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        );
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let v6 = source(Ipv6Addr::UNSPECIFIED.into(), v6.into());
        let seen = system::seen(v4, v6);
        let first = seen.v4.as_ref().or(seen.v6.as_ref());
        LocalNetwork {
            interface: first.and_then(|way| match way.kind.as_str() {
                "wireless" => Some("wifi"),
                "1" => Some("ethernet"),
                "512" => Some("ppp"),
                "65534" => Some("tunnel"),
                _ => None,
            }),
            id: (seen.identity()).map(|seen| format!("auto-{:016x}", hash(seen.as_bytes()))),
            source_v4: v4.and_then(|source| match source {
                IpAddr::V4(v4) => Some(v4),
                IpAddr::V6(_) => None,
            }),
            source_v6: v6.and_then(|source| match source {
                IpAddr::V6(v6) => Some(v6),
                IpAddr::V4(_) => None,
            }),
        }
    }

    /// Whether the network or the device's address changed since `before`. A new address in the same IPv6
    /// /64 (RFC 8981) doesn't count.
    #[must_use]
    pub fn differs_from(&self, before: &LocalNetwork) -> bool {
        let network = |one: &LocalNetwork| one.source_v6.map(|v6| u128::from(v6) >> 64);
        self.id != before.id
            || self.source_v4 != before.source_v4
            || network(self) != network(before)
    }
}

/// The network's identifier; `None` without a route to the Internet.
pub(crate) fn current() -> Option<String> {
    LocalNetwork::now().id
}

/// FNV-1a. It must not change between versions, since histories contain its results.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A router's address as in `/proc/net/route`, its interface, and 16 bits of a hash of its hardware address.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
type Router = (String, String, u16);

/// Identifies a router by its address and, if `/proc/net/arp` has its hardware address, 16 bits of a hash of
/// that: enough to distinguish one 192.168.1.1 from another, too few to locate it.
///
/// The kernel forgets the hardware address of a router that falls silent. The `last` one is then used until
/// another is known or the route is gone.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
fn router(gateway: &str, interface: &str, neighbours: &str, last: &mut Option<Router>) -> String {
    let address = u32::from_str_radix(gateway, 16).ok();
    let address = address.map(|raw| Ipv4Addr::from(raw.to_ne_bytes()));
    let hardware = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [ip, _, flags, hardware, _, device] = columns[..] else {
            return None;
        };
        // ATF_COM: the entry is complete, the router has answered.
        let known = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()? & 2 != 0;
        let it = ip.parse().ok() == address && device == interface;
        (known && it).then(|| hash(hardware.as_bytes()) as u16)
    };
    let found = neighbours.lines().find_map(hardware);
    let found = found.map(|bits| (gateway.to_owned(), interface.to_owned(), bits));
    let same = |one: &Router| one.0 == gateway && one.1 == interface;
    *last = found.or_else(|| last.take().filter(same));
    match last {
        Some((.., bits)) => format!("{gateway} {bits:04x}"),
        None => gateway.to_owned(),
    }
}

/// The source address of packets to `target`.
fn source(any: IpAddr, target: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(target, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The /24 of an IPv4 address, or the /32 of an IPv6 address: carriers assign a new /64 at each attachment.
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

/// The routes to the Internet in both families.
struct Seen {
    v4: Option<Way>,
    v6: Option<Way>,
}

/// The route of packets in one family.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    source: IpAddr,
    interface: Option<String>,
    /// The kind of interface; empty if unknown.
    kind: String,
    gateway: Option<String>,
}

impl Seen {
    /// The text whose hash is the identifier.
    fn identity(&self) -> Option<String> {
        let first = self.v4.as_ref().or(self.v6.as_ref())?;
        let identity = first.identity();
        // On the interface of IPv4, IPv6 comes and goes: ignore it there.
        let apart = self.v6.as_ref().filter(|v6| {
            let known = v6.interface.is_some() && first.interface.is_some();
            known && v6.interface != first.interface
        });
        Some(match apart {
            Some(v6) => format!("{identity} + {}", v6.identity()),
            None => identity,
        })
    }
}

impl Way {
    fn identity(&self) -> String {
        match (&self.gateway, &self.interface) {
            // The same gateway address on another interface is another network.
            (Some(gateway), Some(interface)) => format!("{gateway} {} {interface}", self.kind),
            // Without the interface's name: tunnels get another number whenever they come up.
            _ => format!("{} {}", prefix(self.source), self.kind)
                .trim_end()
                .to_owned(),
        }
    }
}

/// A route to all addresses, or to one half of them.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    interface: String,
    /// `None` on a point-to-point interface.
    gateway: Option<String>,
    metric: u32,
    part: Part,
}

/// The destination of a route.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    LowerHalf,
    UpperHalf,
}

/// `RTF_REJECT`: a route that rejects packets.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
const REJECT: u32 = 0x200;

/// Parses `/proc/net/route`.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
fn routes_v4(table: &str) -> Vec<Route> {
    let route = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [
            interface,
            destination,
            gateway,
            flags,
            _,
            _,
            metric,
            mask,
            ..,
        ] = columns[..]
        else {
            return None;
        };
        // The file has native byte order. All relevant machines are little-endian.
        let part = match (destination, mask) {
            ("00000000", "00000000") => Part::All,
            ("00000000", "00000080") => Part::LowerHalf,
            ("00000080", "00000080") => Part::UpperHalf,
            _ => return None,
        };
        (u32::from_str_radix(flags, 16).ok()? & REJECT == 0).then_some(Route {
            interface: interface.to_owned(),
            gateway: (gateway != "00000000").then(|| gateway.to_owned()),
            metric: metric.parse().ok()?,
            part,
        })
    };
    table.lines().skip(1).filter_map(route).collect()
}

/// Parses `/proc/net/ipv6_route`.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
fn routes_v6(table: &str) -> Vec<Route> {
    let is_zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    let route = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [
            destination,
            length,
            _,
            _,
            hop,
            metric,
            _,
            _,
            flags,
            interface,
        ] = columns[..]
        else {
            return None;
        };
        let rest = destination.get(1..)?;
        let part = match (length, destination.get(..1)?) {
            ("00", _) => Part::All,
            ("01", "0") if is_zero(rest) => Part::LowerHalf,
            ("01", "8") if is_zero(rest) => Part::UpperHalf,
            _ => return None,
        };
        (u32::from_str_radix(flags, 16).ok()? & REJECT == 0).then_some(Route {
            interface: interface.to_owned(),
            gateway: (!is_zero(hop)).then(|| hop.to_owned()),
            metric: u32::from_str_radix(metric, 16).ok()?,
            part,
        })
    };
    table.lines().filter_map(route).collect()
}

/// The route that packets take, on `interface` if it is known: two halves win over a whole default route,
/// then the lowest metric wins.
#[cfg(any(test, target_os = "linux", target_os = "android"))]
fn route_taken(mut routes: Vec<Route>, interface: Option<&str>) -> Option<Route> {
    if let Some(interface) = interface {
        routes.retain(|one| one.interface == interface);
    }
    let least = |part| {
        let of = routes.iter().filter(|one| one.part == part);
        of.min_by_key(|one| one.metric)
    };
    match (least(Part::LowerHalf), least(Part::UpperHalf)) {
        (Some(half), Some(_)) => Some(half.clone()),
        _ => least(Part::All).cloned(),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::net::IpAddr;
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    use super::{Route, Router, Seen, Way, route_taken, router, routes_v4, routes_v6};

    /// The router at the last look.
    static LAST: Mutex<Option<Router>> = Mutex::new(None);

    pub(super) fn seen(v4: Option<IpAddr>, v6: Option<IpAddr>) -> Seen {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if v4.is_none() {
            *last = None;
        }
        let mut way = |source: IpAddr, table: &str, routes: fn(&str) -> Vec<Route>| {
            let interface = interface_of(source);
            let table = read(table).unwrap_or_default();
            let taken = route_taken(routes(&table), interface.as_deref());
            let interface = interface.or_else(|| Some(taken.as_ref()?.interface.clone()));
            let gateway = taken.and_then(|route| route.gateway);
            let gateway = gateway.map(|gateway| match (source, &interface) {
                (IpAddr::V4(_), Some(interface)) => {
                    let neighbours = read("/proc/net/arp").unwrap_or_default();
                    router(&gateway, interface, &neighbours, &mut last)
                }
                _ => gateway,
            });
            Way {
                source,
                kind: interface.as_deref().map(kind).unwrap_or_default(),
                interface,
                gateway,
            }
        };
        Seen {
            v4: v4.map(|source| way(source, "/proc/net/route", routes_v4)),
            v6: v6.map(|source| way(source, "/proc/net/ipv6_route", routes_v6)),
        }
    }

    /// In bytes: about 32,000 routes, more than any client has.
    const MAX_TABLE: u64 = 4 * 1024 * 1024;

    fn read(path: &str) -> Option<String> {
        let bytes = easelect_file::read(Path::new(path), MAX_TABLE).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// `wireless`, or the number of its `ARPHRD_*`: 1 is Ethernet, 512 PPP, 65534 a tunnel.
    fn kind(interface: &str) -> String {
        let class = format!("/sys/class/net/{interface}");
        if Path::new(&class).join("wireless").exists() {
            return "wireless".to_owned();
        }
        let number = read(&format!("{class}/type")).unwrap_or_default();
        number.trim().to_owned()
    }

    /// The interface that has this address.
    #[cfg(target_os = "linux")]
    fn interface_of(source: IpAddr) -> Option<String> {
        let mut all = nix::ifaddrs::getifaddrs().ok()?;
        let has = |one: &nix::ifaddrs::InterfaceAddress| {
            let address = one.address.as_ref()?;
            let v4 = address.as_sockaddr_in().map(|at| IpAddr::V4(at.ip()));
            v4.or_else(|| Some(IpAddr::V6(address.as_sockaddr_in6()?.ip())))
        };
        let found = all.find(|one| has(one) == Some(source))?;
        Some(found.interface_name)
    }

    #[cfg(target_os = "android")]
    fn interface_of(_: IpAddr) -> Option<String> {
        None
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::net::IpAddr;

    use super::{Seen, Way};

    pub(super) fn seen(v4: Option<IpAddr>, v6: Option<IpAddr>) -> Seen {
        let way = |source| Way {
            source,
            interface: None,
            kind: String::new(),
            gateway: None,
        };
        Seen {
            v4: v4.map(way),
            v6: v6.map(way),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n";
    const LAN: &str = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
    const ETH0: &str = "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
    const WLAN0: &str = "wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n";
    /// Routes that a VPN adds.
    const HALVES: &str = "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n\
                          tun0\t00000080\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n";

    /// The route on an interface of this kind, for packets with this source.
    fn way(table: &str, interface: Option<&str>, kind: &str, source: &str) -> Way {
        let source: IpAddr = source.parse().unwrap();
        let routes = match source {
            IpAddr::V4(_) => routes_v4(&format!("{HEAD}{table}")),
            IpAddr::V6(_) => routes_v6(table),
        };
        let taken = route_taken(routes, interface);
        let by_route = taken.as_ref().map(|route| route.interface.clone());
        Way {
            source,
            interface: interface.map(str::to_owned).or(by_route),
            kind: kind.to_owned(),
            gateway: taken.and_then(|route| route.gateway),
        }
    }

    fn identity(v4: Option<&Way>, v6: Option<&Way>) -> Option<String> {
        let (v4, v6) = (v4.cloned(), v6.cloned());
        Seen { v4, v6 }.identity()
    }

    #[test]
    fn the_default_route_with_the_least_metric_counts() {
        let table = [HEAD, LAN, WLAN0, ETH0].concat();
        let found = route_taken(routes_v4(&table), None).unwrap();
        assert_eq!(found.interface, "eth0");
        assert_eq!(found.gateway.as_deref(), Some("0100A8C0"));
        assert!(routes_v4("").is_empty());
        assert!(routes_v4("Iface\nwlan0 00000000 x\n").is_empty());
    }

    #[test]
    fn a_vpn_is_another_network() {
        let home = [LAN, ETH0].concat();
        let at_home = way(&home, Some("eth0"), "1", "192.168.0.7");
        let plain = identity(Some(&at_home), None);
        // Split default routes; the default route still exists.
        let split = [LAN, ETH0, HALVES].concat();
        let over_vpn = way(&split, Some("tun0"), "65534", "10.8.0.6");
        assert_ne!(identity(Some(&over_vpn), None), plain);
        // The same if the interface can't be found by its address.
        let by_route = way(&split, None, "65534", "10.8.0.6");
        assert_eq!(by_route.interface.as_deref(), Some("tun0"));
        assert_ne!(identity(Some(&by_route), None), plain);
        // Policy routing with a separate table: the main table doesn't show it.
        let by_rule = way(&home, Some("wg0"), "65534", "10.9.0.2");
        let by_rule = identity(Some(&by_rule), None);
        assert_ne!(by_rule, plain);
        // Another VPN is another network, but the same VPN may come up with another interface name.
        assert_ne!(by_rule, identity(Some(&over_vpn), None));
        let renamed = split.replace("tun0", "tun1");
        let renamed = way(&renamed, Some("tun1"), "65534", "10.8.0.9");
        assert_eq!(
            identity(Some(&renamed), None),
            identity(Some(&over_vpn), None)
        );
    }

    #[test]
    fn half_of_everywhere_is_no_default_route() {
        let lower = HALVES.lines().next().unwrap();
        let table = [HEAD, ETH0, lower].concat();
        let taken = route_taken(routes_v4(&table), None).unwrap();
        assert_eq!(taken.interface, "eth0");
        let rejected = ETH0.replace("0003", "0203");
        assert!(routes_v4(&[HEAD, rejected.as_str()].concat()).is_empty());
    }

    #[test]
    fn the_same_gateway_over_another_interface_is_another_network() {
        let table = [LAN, ETH0, WLAN0].concat();
        let wired = way(&table, Some("eth0"), "1", "192.168.0.7");
        let wireless = way(&table, Some("wlan0"), "wireless", "192.168.0.8");
        assert_ne!(
            identity(Some(&wired), None),
            identity(Some(&wireless), None)
        );
        let tethered = table.replace("wlan0", "usb0");
        let tethered = way(&tethered, Some("usb0"), "1", "192.168.0.9");
        assert_ne!(
            identity(Some(&wired), None),
            identity(Some(&tethered), None)
        );
    }

    #[test]
    fn the_same_gateway_with_another_hardware_address_is_another_network() {
        let head =
            "IP address       HW type     Flags       HW address            Mask     Device\n";
        let line = |ip: &str, flags: &str, hardware: &str, device: &str| {
            format!("{ip}      0x1         {flags}         {hardware}     *        {device}\n")
        };
        let gateway = u32::from_ne_bytes([192, 168, 0, 1]);
        let gateway = format!("{gateway:08X}");
        let home = line("192.168.0.1", "0x2", "0a:00:27:00:00:01", "wlan0");
        let cafe = line("192.168.0.1", "0x2", "0a:00:27:00:00:02", "wlan0");
        let other = line("192.168.0.9", "0x2", "0a:00:27:00:00:09", "wlan0");
        let seen = |table: &str, last: &mut Option<Router>| {
            router(&gateway, "wlan0", &(head.to_owned() + table), last)
        };
        let at = |table: &str| seen(table, &mut None);
        let (at_home, in_cafe) = (at(&(other.clone() + &home)), at(&cafe));
        assert_ne!(at_home, in_cafe);
        assert_eq!(at_home, at(&home));
        // Only 16 bits of a hash are added.
        assert_eq!(at_home.len(), gateway.len() + 5, "{at_home}");
        // Hardware address unknown: no answer yet, on another interface, no table.
        let silent = line("192.168.0.1", "0x0", "00:00:00:00:00:00", "wlan0");
        let elsewhere = line("192.168.0.1", "0x2", "0a:00:27:00:00:01", "eth0");
        for unknown in [silent.as_str(), &elsewhere, &other, "", "x", "0x2"] {
            assert_eq!(at(unknown), gateway, "{unknown}");
            // A router that fell silent is still the same until another answers.
            let mut last = None;
            assert_eq!(seen(&home, &mut last), at_home);
            assert_eq!(seen(unknown, &mut last), at_home);
            assert_eq!(seen(&cafe, &mut last), in_cafe);
            assert_eq!(router("0100000A", "wlan0", head, &mut last), "0100000A");
            assert_eq!(seen(unknown, &mut last), gateway);
        }
    }

    #[test]
    fn another_address_on_the_same_network_changes_nothing() {
        let table = [LAN, ETH0].concat();
        let before = way(&table, Some("eth0"), "1", "192.168.0.7");
        let after = way(&table, Some("eth0"), "1", "192.168.0.131");
        assert_eq!(identity(Some(&before), None), identity(Some(&after), None));
        // On other systems, only the address is known.
        let bare = |source: &str| Way {
            source: source.parse().unwrap(),
            interface: None,
            kind: String::new(),
            gateway: None,
        };
        let (first, second) = (bare("192.168.0.7"), bare("192.168.0.131"));
        assert_eq!(identity(Some(&first), None), Some("192.168.0".to_owned()));
        assert_eq!(identity(Some(&first), None), identity(Some(&second), None));
        assert_eq!(identity(None, None), None);
    }

    #[test]
    fn ipv6_counts_where_it_goes_another_way() {
        let zeros = "0".repeat(32);
        let hop = "fe800000000000000000000000000001";
        let upper = format!("8{}", &zeros[1..]);
        let line = |destination: &str, length, hop: &str, flags, interface| {
            format!("{destination} {length} {zeros} 00 {hop} 00000400 1 0 {flags} {interface}\n")
        };
        let reject = line(&zeros, "00", &zeros, "00200200", "lo");
        let home = reject.clone() + &line(&zeros, "00", hop, "00000003", "eth0");
        let vpn = line(&zeros, "01", &zeros, "00000001", "tun0")
            + &line(&upper, "01", &zeros, "00000001", "tun0");
        assert!(routes_v6(&reject).is_empty());
        let v4 = way(&[LAN, ETH0].concat(), Some("eth0"), "1", "192.168.0.7");
        let beside = way(&home, Some("eth0"), "1", "2409:8900::7");
        let alone = identity(Some(&v4), None);
        assert_eq!(identity(Some(&v4), Some(&beside)), alone);
        let both = home + &vpn;
        let taken = route_taken(routes_v6(&both), None).unwrap();
        assert_eq!((taken.interface.as_str(), taken.gateway), ("tun0", None));
        let tunnelled = way(&both, Some("tun0"), "65534", "fd00:8::6");
        assert_ne!(identity(Some(&v4), Some(&tunnelled)), alone);
        assert_ne!(
            identity(None, Some(&tunnelled)),
            identity(None, Some(&beside))
        );
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
        let (before, now) = (LocalNetwork::now(), LocalNetwork::now());
        assert_eq!(before.id, now.id);
        assert!(!now.differs_from(&before));
    }

    #[test]
    fn a_change_is_another_way_or_another_address() {
        let at = |id: &str, v4: &str, v6: &str| LocalNetwork {
            id: Some(id.to_owned()),
            source_v4: v4.parse().ok(),
            source_v6: v6.parse().ok(),
            interface: None,
        };
        let before = at("a", "192.168.0.7", "2409:8900:1:2::3");
        for (after, differs) in [
            (before.clone(), false),
            (at("a", "192.168.0.7", "2409:8900:1:2::4"), false),
            (at("a", "192.168.0.8", "2409:8900:1:2::3"), true),
            (at("a", "192.168.0.7", "2409:8900:1:3::3"), true),
            (at("a", "192.168.0.7", ""), true),
            (at("b", "192.168.0.7", "2409:8900:1:2::3"), true),
            (LocalNetwork::default(), true),
        ] {
            assert_eq!(after.differs_from(&before), differs, "{after:?}");
        }
    }
}
