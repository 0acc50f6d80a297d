//! The contents of certificates. Nothing is verified here; that is the TLS verifier's job.

mod chain;

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use easelect_engine::shown::Escaped;
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, BasicConstraints, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfo;

pub use chain::{CertificateChain, ChainFault, Trust};

/// Names beyond this are dropped. A certificate for one service has fewer.
pub(crate) const MAX_NAMES: usize = 64;

/// Longest name kept, in characters: more than a host name (RFC 1035 §2.3.4) or a real issuer has.
pub(crate) const MAX_NAME: usize = 256;

/// Shortest accepted RSA key, in bits, here and in browsers (CA/Browser Forum Baseline Requirements
/// §6.1.5).
const LEAST_RSA: usize = 2048;

/// The contents of a certificate, whether it was accepted or refused.
///
/// All text is as the peer sent it: [escape](crate::shown) it before you show it.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Certificate {
    /// Subject as an RFC 4514 string: `CN=im-api-v2.easemob.com`. May be empty, since hosts are named in
    /// [`names`](Self::names).
    pub subject: String,
    /// Issuer as an RFC 4514 string: `CN=R11,O=Let's Encrypt,C=US`.
    pub issuer: String,
    /// Start of the validity period.
    pub not_before: SystemTime,
    /// End of the validity period.
    pub not_after: SystemTime,
    /// DNS names and IP addresses that the certificate is for (RFC 5280 §4.2.1.6), at most 64.
    pub names: Vec<String>,
    /// Public key: `RSA 2048`, `ECDSA P-256`, `Ed25519`, or the object identifier of another algorithm.
    pub key: String,
    /// Signature algorithm: `SHA256-RSA`, `SHA384-ECDSA`, …, or the object identifier of another one.
    pub signature: String,
    /// Whether the certificate may sign others (RFC 5280 §4.2.1.9).
    pub is_authority: bool,
    /// Whether the certificate says where to fetch its issuer's certificate (RFC 5280 §4.2.2.1). Public
    /// authorities include this; private ones usually don't.
    pub tells_issuer: bool,
    /// Whether the key is an RSA key shorter than 2048 bits.
    pub has_weak_key: bool,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Certificate");
        told.field("subject", &Escaped(&self.subject))
            .field("issuer", &Escaped(&self.issuer))
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("names", &Escaped(&self.names))
            .field("key", &self.key)
            .field("signature", &self.signature)
            .field("is_authority", &self.is_authority);
        told.finish_non_exhaustive()
    }
}

impl Certificate {
    /// Parses a certificate in DER. Returns `None` if it is not a valid one (RFC 5280).
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let content = certificate.tbs_certificate();
        let validity = content.validity();
        let names = match content.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => names.0,
            _ => Vec::new(),
        };
        let basic = content.get_extension::<BasicConstraints>();
        let access = content.get_extension::<AuthorityInfoAccessSyntax>();
        let tells_issuer = |access: &AuthorityInfoAccessSyntax| {
            access.0.iter().any(|one| one.access_method == CA_ISSUERS)
        };
        let key = Key::of(content.subject_public_key_info());
        Some(Certificate {
            subject: shortened(content.subject()),
            issuer: shortened(content.issuer()),
            not_before: validity.not_before.to_system_time(),
            not_after: validity.not_after.to_system_time(),
            names: names.iter().filter_map(name).take(MAX_NAMES).collect(),
            has_weak_key: key.is_weak(),
            key: key.to_string(),
            signature: signature(certificate.signature_algorithm().oid),
            is_authority: matches!(basic, Ok(Some((_, basic))) if basic.ca),
            tells_issuer: matches!(access, Ok(Some((_, access))) if tells_issuer(&access)),
        })
    }

    /// Whether `now` is within the validity period.
    #[must_use]
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether issuer and subject are the same, as in roots and self-signed certificates.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether the signature uses a broken hash function (MD5 or SHA-1).
    #[must_use]
    pub fn has_weak_signature(&self) -> bool {
        ["MD5-", "SHA1-"]
            .iter()
            .any(|hash| self.signature.starts_with(hash))
    }
}

/// `id-ad-caIssuers` (RFC 5280 §4.2.2.1).
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

fn shortened(name: &x509_cert::name::Name) -> String {
    name.to_string().chars().take(MAX_NAME).collect()
}

enum Key {
    Rsa { bits: usize },
    Ec { curve: ObjectIdentifier },
    Other(ObjectIdentifier),
}

impl Key {
    fn of(info: &SubjectPublicKeyInfo<Any, BitString>) -> Self {
        let kind = info.algorithm.oid;
        match kind.to_string().as_str() {
            "1.2.840.113549.1.1.1" => Key::Rsa {
                bits: info.subject_public_key.as_bytes().map_or(0, rsa_bits),
            },
            "1.2.840.10045.2.1" => {
                let curve = info.algorithm.parameters.as_ref();
                let curve = curve.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
                Key::Ec {
                    curve: curve.unwrap_or(kind),
                }
            }
            _ => Key::Other(kind),
        }
    }

    fn is_weak(&self) -> bool {
        matches!(self, Key::Rsa { bits } if *bits < LEAST_RSA)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Rsa { bits } => write!(f, "RSA {bits}"),
            Key::Ec { curve } => match curve.to_string().as_str() {
                "1.2.840.10045.3.1.7" => f.write_str("ECDSA P-256"),
                "1.3.132.0.34" => f.write_str("ECDSA P-384"),
                "1.3.132.0.35" => f.write_str("ECDSA P-521"),
                other => write!(f, "ECDSA {other}"),
            },
            Key::Other(kind) => match kind.to_string().as_str() {
                "1.3.101.112" => f.write_str("Ed25519"),
                other => f.write_str(other),
            },
        }
    }
}

/// The length of an RSA key's modulus in bits (RFC 8017 §A.1.1); 0 if it can't be read.
fn rsa_bits(key: &[u8]) -> usize {
    let modulus = |reader: &mut SliceReader<'_>| -> Result<usize, x509_cert::der::Error> {
        reader.sequence(|fields| {
            let modulus = UintRef::decode(fields)?;
            UintRef::decode(fields)?;
            let bytes = modulus.as_bytes();
            let zeros = bytes
                .first()
                .map_or(0, |byte| byte.leading_zeros() as usize);
            Ok::<_, x509_cert::der::Error>(8 * bytes.len() - zeros)
        })
    };
    SliceReader::new(key)
        .and_then(|mut reader| modulus(&mut reader))
        .unwrap_or(0)
}

/// The usual name of a signature algorithm (RFC 4055, RFC 5758, RFC 8410).
fn signature(algorithm: ObjectIdentifier) -> String {
    let oid = algorithm.to_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.4" => "MD5-RSA",
        "1.2.840.113549.1.1.5" => "SHA1-RSA",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "SHA256-RSA",
        "1.2.840.113549.1.1.12" => "SHA384-RSA",
        "1.2.840.113549.1.1.13" => "SHA512-RSA",
        "1.2.840.10045.4.1" => "SHA1-ECDSA",
        "1.2.840.10045.4.3.2" => "SHA256-ECDSA",
        "1.2.840.10045.4.3.3" => "SHA384-ECDSA",
        "1.2.840.10045.4.3.4" => "SHA512-ECDSA",
        "1.3.101.112" => "Ed25519",
        other => other,
    }
    .to_owned()
}

/// A DNS name or IP address; other kinds of names can't identify a server.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().chars().take(MAX_NAME).collect()),
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
        assert!(read.is_self_issued() && !read.is_authority && !read.tells_issuer);
        assert_eq!(
            (&*read.key, &*read.signature),
            ("ECDSA P-256", "SHA256-ECDSA")
        );
        assert!(!read.has_weak_key && !read.has_weak_signature());
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
