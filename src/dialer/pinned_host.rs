//! Hosts pinned to addresses, bypassing DNS.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rustls::pki_types::ServerName;

use crate::catalog::{host_of, port_of};
use crate::error::{Error, ErrorKind, shortened};

/// Matches every host.
pub(super) const EVERY: &str = "*";

/// A host and port with fixed addresses that replace a DNS lookup, like curl's `--resolve
/// HOST:PORT:ADDR[,ADDR]…`.
///
/// The host `*` matches every host on that port; a host pinned by its own name takes precedence.
///
/// ```
/// use easelect::PinnedHost;
///
/// let pinned: PinnedHost = "im.example.com:443:192.0.2.1,[2001:db8::1]".parse()?;
/// assert_eq!(pinned.addresses().len(), 2);
/// # Ok::<(), easelect::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedHost {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl PinnedHost {
    /// Pins `host`:`port` to `addresses`.
    ///
    /// The host is normalised as [in a URL](crate::Endpoint::new), so that different spellings match.
    /// An IPv6 address may have brackets. [`DialerBuilder::build`](crate::DialerBuilder::build)
    /// rejects an invalid host and an empty list.
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

    /// Whether this pin applies to `host`:`port`. `host` must be in lower case.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16) -> bool {
        self.port == port && (self.host == host || self.host == EVERY)
    }

    /// Rejects an invalid host and an empty list.
    pub(super) fn check(&self) -> Result<(), Error> {
        let PinnedHost { host, port, .. } = self;
        let wrong = match ServerName::try_from(host.as_str()) {
            Err(_) if host != EVERY => format!("{host:?} can't be pinned: not a host name"),
            _ if self.addresses.is_empty() => format!("{host}:{port} is pinned without an address"),
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Input, wrong))
    }

    /// Returns the host: a name in lower-case ASCII, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the addresses.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
}

impl FromStr for PinnedHost {
    type Err = Error;

    /// Parses `[+]HOST:PORT:ADDR[,ADDR]…`, as curl does. `HOST` may be `*`; a leading `+` is ignored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if the text has another form.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            let why = format!("\"{}\": expected HOST:PORT:ADDR[,ADDR]…", shortened(text));
            Error::new(ErrorKind::Input, why)
        };
        // curl's + lets the entry expire; a pin here never does.
        let text = text.strip_prefix('+').unwrap_or(text);
        // An IPv6 address is in brackets as HOST, and may be as ADDR, as in curl.
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
