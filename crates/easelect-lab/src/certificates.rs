//! The lab's own certificates, good and bad. Servers' certificates are generated when first needed.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use easelect::{Error, ErrorKind};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer,
};
use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, version};

use crate::fault::{Fault, TlsVersion};

/// Which certificate a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shown {
    Good,
    Expired,
    NotYetValid,
    WrongHost,
    NoSan,
    SelfSigned,
    SelfSignedAuthority,
    Untrusted,
    MissingIntermediate,
    IntermediateExpired,
    Inspected,
    Revoked,
    WrongPurpose,
    EndlessChain,
    /// A good one, and the client must show one, too.
    AsksForClients,
}

impl Shown {
    pub(crate) fn of(fault: Fault) -> Self {
        match fault {
            Fault::Expired => Shown::Expired,
            Fault::NotYetValid => Shown::NotYetValid,
            Fault::WrongHost => Shown::WrongHost,
            Fault::NoSan => Shown::NoSan,
            Fault::SelfSigned => Shown::SelfSigned,
            Fault::SelfSignedAuthority => Shown::SelfSignedAuthority,
            Fault::Untrusted => Shown::Untrusted,
            Fault::MissingIntermediate => Shown::MissingIntermediate,
            Fault::IntermediateExpired => Shown::IntermediateExpired,
            Fault::Inspected => Shown::Inspected,
            Fault::Revoked => Shown::Revoked,
            Fault::WrongPurpose => Shown::WrongPurpose,
            Fault::EndlessChain => Shown::EndlessChain,
            Fault::ClientCertificateRequired => Shown::AsksForClients,
            _ => Shown::Good,
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const TEN_YEARS: Duration = Duration::from_secs(3652 * 86_400);

/// More servers than any scenario names. Beyond it, the cache starts empty again: a client may name any
/// number of hosts.
const MAX_CONFIGS: usize = 16_384;

/// How a server speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spoken {
    pub(crate) version: TlsVersion,
    pub(crate) early_data: bool,
}

/// The most early data that a server accepts, in bytes: OpenSSL's default.
const MAX_EARLY_DATA: u32 = 16 * 1024;

/// The serial number of revoked certificates. Others have random ones of 20 bytes.
const REVOKED: u64 = 0x0bad;

/// How many times an endless chain repeats one certificate of 400 bytes or more. The chain is to exceed
/// by far the 64 KiB that easelect reads.
const CHAIN: usize = 300;

type Key = (String, Shown, Spoken);

pub(crate) struct Certificates {
    made: SystemTime,
    provider: Arc<CryptoProvider>,
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    stranger: Issuer<'static, KeyPair>,
    /// An authority below the root whose certificate no server sends.
    intermediate: Issuer<'static, KeyPair>,
    /// An expired one, with its certificate.
    expired: (CertificateDer<'static>, Issuer<'static, KeyPair>),
    /// A trusted root that doesn't count as public, with its certificate.
    installed: (CertificateDer<'static>, Issuer<'static, KeyPair>),
    revocations: CertificateRevocationListDer<'static>,
    /// One key for every server: generating keys costs more than signing.
    leaf: KeyPair,
    configs: Mutex<BTreeMap<Key, Arc<ServerConfig>>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

fn tls(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let message = format!("can't generate the lab's certificates: {error}");
    Error::new(ErrorKind::Tls, message)
}

impl Certificates {
    pub(crate) fn new() -> Result<Self, Error> {
        let made = SystemTime::now();
        let valid = (made - TEN_YEARS, made + TEN_YEARS);
        let (root, issuer) = authority("easelect lab", valid, None)?;
        let (_, stranger) = authority("easelect lab, not to be trusted", valid, None)?;
        let (_, intermediate) = authority("easelect lab, intermediate", valid, Some(&issuer))?;
        let over = (made - TEN_YEARS, made - DAY);
        let expired = authority("easelect lab, expired", over, Some(&issuer))?;
        let installed = authority("easelect lab, installed by a company", valid, None)?;
        let revocations = revocations(&issuer, made).map_err(tls)?;
        Ok(Certificates {
            made,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            root,
            issuer,
            stranger,
            intermediate,
            expired,
            installed,
            revocations,
            leaf: KeyPair::generate().map_err(tls)?,
            configs: Mutex::default(),
        })
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    pub(crate) fn installed_root(&self) -> CertificateDer<'static> {
        self.installed.0.clone()
    }

    pub(crate) fn revocations(&self) -> CertificateRevocationListDer<'static> {
        self.revocations.clone()
    }

    /// Returns the configuration of the server of `name`, a host or an address.
    pub(crate) fn config(
        &self,
        name: &str,
        shown: Shown,
        spoken: Spoken,
    ) -> Result<Arc<ServerConfig>, Error> {
        let key = (name.to_owned(), shown, spoken);
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&key) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make(name, shown, spoken)?);
        if configs.len() >= MAX_CONFIGS {
            configs.clear();
        }
        configs.insert(key, Arc::clone(&config));
        Ok(config)
    }

    fn make(&self, name: &str, shown: Shown, spoken: Spoken) -> Result<ServerConfig, Error> {
        let versions: &[&rustls::SupportedProtocolVersion] = match spoken.version {
            TlsVersion::V1_2 => &[&version::TLS12],
            TlsVersion::V1_3 => &[&version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(tls)?;
        let builder = if shown == Shown::AsksForClients {
            let mut roots = RootCertStore::empty();
            roots.add(self.root()).map_err(tls)?;
            let provider = Arc::clone(&self.provider);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(tls)?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf.serialize_der()));
        let mut chain = vec![self.leaf_certificate(name, shown).map_err(tls)?];
        if shown == Shown::IntermediateExpired {
            chain.push(self.expired.0.clone());
        }
        if shown == Shown::EndlessChain {
            chain.extend(std::iter::repeat_n(self.root(), CHAIN));
        }
        let mut config = builder.with_single_cert(chain, key).map_err(tls)?;
        // Each configuration has its own sessions: no server resumes those of another, or of itself
        // before a fault.
        if spoken.early_data {
            // rustls accepts early data only in sessions that it stores (RFC 8446 §8.1), and answers
            // it with its first flight only with this option.
            config.max_early_data_size = MAX_EARLY_DATA;
            config.send_half_rtt_data = true;
        } else {
            // Tickets need no memory of sessions, which would be 30 kB for each server.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(tls)?;
        }
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn leaf_certificate(
        &self,
        name: &str,
        shown: Shown,
    ) -> Result<CertificateDer<'static>, rcgen::Error> {
        let name = match shown {
            Shown::WrongHost => "other.invalid",
            _ => name,
        };
        let names = match shown {
            Shown::NoSan => Vec::new(),
            _ => vec![name.to_owned()],
        };
        let mut params = CertificateParams::new(names)?;
        let (from, to) = match shown {
            Shown::Expired => (self.made - TEN_YEARS, self.made - 3 * DAY),
            Shown::NotYetValid => (self.made + DAY, self.made + TEN_YEARS),
            _ => (self.made - TEN_YEARS, self.made + TEN_YEARS),
        };
        valid(&mut params, from, to);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match shown {
            Shown::WrongPurpose => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        if shown == Shown::SelfSignedAuthority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }
        if shown == Shown::MissingIntermediate {
            // Public authorities say where to download the missing certificate.
            params.custom_extensions.push(issuer_elsewhere());
        }
        if shown == Shown::Revoked {
            params.serial_number = Some(REVOKED.into());
        }
        let certificate = match shown {
            Shown::SelfSigned | Shown::SelfSignedAuthority => params.self_signed(&self.leaf)?,
            Shown::Untrusted => params.signed_by(&self.leaf, &self.stranger)?,
            Shown::MissingIntermediate => params.signed_by(&self.leaf, &self.intermediate)?,
            Shown::IntermediateExpired => params.signed_by(&self.leaf, &self.expired.1)?,
            Shown::Inspected => params.signed_by(&self.leaf, &self.installed.1)?,
            _ => params.signed_by(&self.leaf, &self.issuer)?,
        };
        Ok(certificate.der().clone())
    }
}

fn authority(
    name: &str,
    (from, to): (SystemTime, SystemTime),
    above: Option<&Issuer<'static, KeyPair>>,
) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), Error> {
    let mut params = CertificateParams::default();
    valid(&mut params, from, to);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(tls)?;
    let certificate = match above {
        Some(above) => params.signed_by(&key, above),
        None => params.self_signed(&key),
    };
    let certificate = certificate.map_err(tls)?;
    Ok((certificate.der().clone(), Issuer::new(params, key)))
}

/// Authority information access (RFC 5280 §4.2.2.1): `http://lab.invalid`.
fn issuer_elsewhere() -> CustomExtension {
    const URL: &[u8] = b"http://lab.invalid";
    const CA_ISSUERS: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02";
    let place = [&[0x86, URL.len() as u8], URL].concat();
    let one = [CA_ISSUERS, &place].concat();
    let one = [&[0x30, one.len() as u8], &one[..]].concat();
    let all = [&[0x30, one.len() as u8], &one[..]].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], all)
}

fn revocations(
    issuer: &Issuer<'static, KeyPair>,
    made: SystemTime,
) -> Result<CertificateRevocationListDer<'static>, rcgen::Error> {
    let this_update = date_time_ymd(1970, 1, 1) + since_1970(made - DAY);
    let list = CertificateRevocationListParams {
        this_update,
        next_update: this_update + 2 * TEN_YEARS,
        crl_number: 1_u64.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: REVOKED.into(),
            revocation_time: this_update,
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(list.signed_by(issuer)?.der().clone())
}

/// Sets the validity, in whole seconds. The dates' type is from `time`, a crate that only rcgen needs:
/// arithmetic on a date of rcgen's avoids the dependency.
fn valid(params: &mut CertificateParams, from: SystemTime, to: SystemTime) {
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(from);
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(to);
}

fn since_1970(at: SystemTime) -> Duration {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    Duration::from_secs(since.unwrap_or_default().as_secs())
}

/// The name of the server at an address, if the ClientHello has none.
pub(crate) fn name_of(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// RFC 7468: base64 in lines of 64 characters.
pub(crate) fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in certificate.chunks(48) {
        text += &BASE64.encode(line);
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}
