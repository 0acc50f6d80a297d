//! What a certificate says of itself. Nothing here is verified: that is the verifier's part.

use std::net::IpAddr;
use std::time::SystemTime;

use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// More names than a certificate of one service has; the rest is not kept.
const MAX_NAMES: usize = 64;

/// Longer than any real issuer's name, in characters.
const MAX_ISSUER: usize = 256;

/// What a server's certificate says of itself, whether it was accepted or refused.
///
/// All text is as the peer wrote it: escape it before showing it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Certificate {
    /// When its validity begins.
    pub not_before: SystemTime,
    /// When it expires or expired.
    pub not_after: SystemTime,
    /// The DNS names and IP addresses that it is for (RFC 5280 §4.2.1.6), at most 64.
    pub names: Vec<String>,
    /// Who signed it, as RFC 4514 writes names: `CN=R11,O=Let's Encrypt,C=US`.
    pub issuer: String,
}

impl Certificate {
    /// Reads a certificate in DER; `None` if it is none, or breaks RFC 5280.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let content = certificate.tbs_certificate();
        let validity = content.validity();
        let names = match content.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => names.0,
            _ => Vec::new(),
        };
        let issuer = content.issuer().to_string();
        Some(Certificate {
            not_before: validity.not_before.to_system_time(),
            not_after: validity.not_after.to_system_time(),
            names: names.iter().filter_map(name).take(MAX_NAMES).collect(),
            issuer: issuer.chars().take(MAX_ISSUER).collect(),
        })
    }

    /// Whether it is within its validity at this moment.
    #[must_use]
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// A name that a server can have.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
            Some(v4.or_else(|_| v6()).ok()?.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn dates_names_and_issuer_are_read() {
        let names = ["a.example", "*.b.example", "10.0.0.1", "fd00::1"];
        let mut params = CertificateParams::new(names.map(str::to_owned)).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2050, 1, 1);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Some, Inc.");
        params.distinguished_name.push(DnType::CommonName, "x");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::from_der(made.der()).unwrap();
        assert_eq!(read.names, names);
        assert_eq!(read.issuer, "CN=x,O=Some\\, Inc.");
        let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        assert_eq!(
            (read.not_before, read.not_after),
            (day(20_454), day(29_220))
        );
        assert!(read.is_valid_at(day(20_454)) && !read.is_valid_at(day(20_453)));
        assert!(!read.is_valid_at(day(29_221)));
    }

    #[test]
    fn junk_is_none() {
        assert_eq!(Certificate::from_der(b""), None);
        assert_eq!(Certificate::from_der(b"\x30\x82\xff\xff junk"), None);
    }
}
