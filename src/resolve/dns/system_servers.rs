//! The DNS servers in this system's configuration.

use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The port of DNS (RFC 1035 §4.2).
pub(super) const PORT: u16 = 53;

/// Parses the address of a DNS server: `223.5.5.5`, `223.5.5.5:5353`, `2400:3200::1`,
/// `[2400:3200::1]:53`, or with an interface `fe80::1%eth0` (RFC 4007 §11).
pub(super) fn parse(text: &str) -> Option<SocketAddr> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.rsplit_once(']'));
    let (host, port) = match bracketed {
        Some((host, "")) => (host, PORT),
        Some((host, port)) => (host, port.strip_prefix(':')?.parse().ok()?),
        None => match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, port.parse().ok()?),
            _ => (text, PORT),
        },
    };
    if port == 0 || (bracketed.is_some() && !host.contains(':')) {
        return None;
    }
    match host.split_once('%') {
        None => Some(SocketAddr::new(host.parse().ok()?, port)),
        Some((address, interface)) => {
            let _: Ipv6Addr = address.parse().ok()?;
            if interface.is_empty() || interface.contains(char::is_whitespace) {
                return None;
            }
            // getaddrinfo knows the interfaces' names. It sends no query for an address.
            let mut scoped = (host, port).to_socket_addrs().ok()?;
            scoped.find(SocketAddr::is_ipv6)
        }
    }
}

/// The DNS servers of `/etc/resolv.conf`.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
pub(super) fn read() -> Result<Vec<SocketAddr>, String> {
    read_from(std::path::Path::new("/etc/resolv.conf"))
}

#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
fn read_from(path: &std::path::Path) -> Result<Vec<SocketAddr>, String> {
    use easelect_file::FileError;

    /// In bytes; a real file has a few lines.
    const MAX_FILE: u64 = 1024 * 1024;
    // hickory's parser drops the interface of a scoped address.
    match easelect_file::read(path, MAX_FILE) {
        Ok(text) => Ok(of_resolv_conf(&String::from_utf8_lossy(&text))),
        Err(FileError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(of_resolv_conf(""))
        }
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// The first three `nameserver` lines count. Without any, the server is this machine (resolv.conf(5)).
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
fn of_resolv_conf(text: &str) -> Vec<SocketAddr> {
    const MAXNS: usize = 3;
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = (words.next() == Some("nameserver")).then(|| words.next())??;
        // This file has no ports.
        let bare = address.split('%').next()?;
        let _: std::net::IpAddr = bare.parse().ok()?;
        parse(address)
    });
    let mut servers: Vec<SocketAddr> = servers.take(MAXNS).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new([127, 0, 0, 1].into(), PORT));
    }
    servers
}

/// The DNS servers in the system's settings.
#[cfg(any(windows, target_os = "android", target_vendor = "apple"))]
pub(super) fn read() -> Result<Vec<SocketAddr>, String> {
    // On Android it panics unless the app has initialised ndk-context.
    let config = std::panic::catch_unwind(hickory_resolver::system_conf::read_system_conf);
    let config = config.map_err(|_| "the system's settings are not accessible".to_owned())?;
    let (config, _) = config.map_err(|error| error.to_string())?;
    let mut servers: Vec<SocketAddr> = Vec::new();
    for one in config.name_servers() {
        let server = SocketAddr::new(one.ip, PORT);
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_has_an_address() {
        let at = |text| parse(text).map(|one| one.to_string());
        for (text, expected) in [
            ("223.5.5.5", "223.5.5.5:53"),
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("2400:3200::1", "[2400:3200::1]:53"),
            ("[2400:3200::1]", "[2400:3200::1]:53"),
            ("[::1]:54", "[::1]:54"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected));
        }
        for bad in [
            "",
            "dns.example",
            "1.2.3.4:0",
            "1.2.3",
            "1.2.3.4:x",
            "[1.2.3.4]:53",
            "[::1]x",
            "[::1",
            "1.2.3.4%lo",
            "dns.example%lo",
            "fe80::1%",
            "fe80::1%no such",
            "fe80::1%nosuchif0",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    /// The loopback interface has index 1 everywhere, and a scope may be a number.
    #[test]
    #[cfg(unix)]
    fn a_link_local_server_has_an_interface() {
        for (text, port) in [("fe80::1%1", 53), ("[fe80::1%1]:5353", 5353)] {
            match parse(text) {
                Some(SocketAddr::V6(at)) => assert_eq!((at.scope_id(), at.port()), (1, port)),
                other => panic!("{text}: {other:?}"),
            }
        }
        if cfg!(target_os = "linux") {
            assert_eq!(parse("fe80::1%lo"), parse("fe80::1%1"));
        }
    }

    #[test]
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    fn the_file_is_read_as_the_platform_reads_it() {
        let servers = |text| -> Vec<String> {
            of_resolv_conf(text)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        let text = "# nameserver 9.9.9.9\n; nameserver 9.9.9.8\nsearch a b\nnameserver\n\
                    nameserver 10.0.0.1 # the router\nnameserver  fe80::1%1\nnameserver x\n\
                    nameserver 10.0.0.2:54\noptions edns0\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
        assert_eq!(
            servers(text),
            ["10.0.0.1:53", "[fe80::1%1]:53", "10.0.0.3:53"]
        );
        assert_eq!(servers("options ndots:1\n"), ["127.0.0.1:53"]);
    }

    /// Reading a pipe could block, and reading a device might never end.
    #[test]
    #[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
    fn what_is_no_file_is_told() {
        use std::path::Path;

        let wanted = "/dev/zero: expected a file, found a pipe or a device";
        let told = read_from(Path::new("/dev/zero")).unwrap_err();
        assert!(told.starts_with(wanted), "{told}");
        let told = read_from(Path::new("/dev")).unwrap_err();
        assert_eq!(told, "/dev: expected a file, found a folder");
        assert!(read_from(Path::new("/nonexistent/resolv.conf")).is_ok());
    }
}
