//! Where a host is to be found instead of asking DNS.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rustls::pki_types::ServerName;

use crate::catalog::{host_of, port_of};
use crate::error::{Error, ErrorKind, shortened};

/// Stands for every host.
pub(super) const EVERY: &str = "*";

/// A host and port with the addresses to use instead of DNS, as curl's `--resolve HOST:PORT:ADDR[,ADDR]…`.
///
/// The host `*` stands for every host on that port; one that is pinned by its own name comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedHost {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl PinnedHost {
    /// `host`:`port` is to be found at `addresses`, and nowhere else. The host is read as
    /// [that of a URL](crate::Endpoint::new), so that both are the same however they are written; an
    /// IPv6 address with or without brackets.
    #[must_use]
    pub fn new(host: &str, port: u16, addresses: Vec<IpAddr>) -> Self {
        let v6 = || Some(host.parse::<Ipv6Addr>().ok()?.to_string());
        let read = host_of(host).or_else(v6);
        PinnedHost {
            host: read.unwrap_or_else(|| host.to_ascii_lowercase()),
            port,
            addresses,
        }
    }

    /// Whether this is where `host`:`port` is to be found; `host` in lower case.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16) -> bool {
        self.port == port && (self.host == host || self.host == EVERY)
    }

    /// Refuses one that can't be meant.
    pub(super) fn check(&self) -> Result<(), Error> {
        let PinnedHost { host, port, .. } = self;
        let wrong = match ServerName::try_from(host.as_str()) {
            Err(_) if host != EVERY => format!("{host:?} is pinned, and is no host name"),
            _ if self.addresses.is_empty() => format!("{host}:{port} is pinned to no address"),
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Input, wrong))
    }

    /// The host: a name in lower case and ASCII, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is to be found.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
}

impl FromStr for PinnedHost {
    type Err = Error;

    /// Reads `[+]HOST:PORT:ADDR[,ADDR]…`, as curl does. `HOST` may be `*`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            let why = format!("\"{}\": expected HOST:PORT:ADDR[,ADDR]…", shortened(text));
            Error::new(ErrorKind::Input, why)
        };
        // With a + curl forgets it after a while: no run here lasts so long.
        let text = text.strip_prefix('+').unwrap_or(text);
        // An IPv6 literal as HOST stands in brackets, as does one as ADDR (curl takes both).
        let (host, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or_else(wrong)?,
            None => text.split_once(':').ok_or_else(wrong)?,
        };
        let (port, list) = rest.split_once(':').ok_or_else(wrong)?;
        let port = port_of(port).ok_or_else(wrong)?;
        let addresses = list
            .split(',')
            .map(|address| {
                let bare = address
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'));
                bare.unwrap_or(address).parse().map_err(|_| wrong())
            })
            .collect::<Result<Vec<IpAddr>, Error>>()?;
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(PinnedHost::new(host, port, addresses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_hosts_parse_as_curls() {
        let host: PinnedHost = "IM.example:443:10.0.0.1,[fd00::1],fd00::2".parse().unwrap();
        assert_eq!(
            host,
            PinnedHost::new(
                "im.example",
                443,
                ["10.0.0.1", "fd00::1", "fd00::2"]
                    .map(|one| one.parse().unwrap())
                    .to_vec()
            )
        );
        assert!("[::1]:443:127.0.0.1".parse::<PinnedHost>().is_ok());
        let forgotten: PinnedHost = "+a:443:10.0.0.1".parse().unwrap();
        assert_eq!(forgotten.host(), "a");
        let every: PinnedHost = "*:443:10.0.0.1".parse().unwrap();
        assert!(every.check().is_ok() && every.covers("x.example", 443));
        for (written, host) in [
            ("im.example.:443:10.0.0.1", "im.example"),
            ("例子.中国:443:10.0.0.1", "xn--fsqu00a.xn--fiqs8s"),
            ("0x7f.1:443:10.0.0.1", "127.0.0.1"),
            ("[FD00:0::1]:443:10.0.0.1", "fd00::1"),
        ] {
            let pin: PinnedHost = written.parse().unwrap();
            assert!(pin.check().is_ok() && pin.covers(host, 443), "{written}");
        }
        assert!(!every.covers("x.example", 80) && !forgotten.covers("b", 443));
        for bad in [
            "",
            "a",
            "a:1",
            "a:b:1.1.1.1",
            "a:0:1.1.1.1",
            "a:+443:1.1.1.1",
            "a:1:",
            "a:1:x",
            ":1:1.1.1.1",
        ] {
            assert!(bad.parse::<PinnedHost>().is_err(), "{bad:?}");
        }
    }
}
