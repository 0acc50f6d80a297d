//! The certificates that a server sent, and the one that caused a refusal.

use std::time::SystemTime;

use super::Certificate;

/// Certificates beyond this are dropped. A real path to a root is shorter.
const MAX_CERTIFICATES: usize = 10;

/// The kind of root that an accepted certificate chain leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// A public root: one of Mozilla's, or one set with
    /// [`TlsClient::public_roots`](crate::TlsClient::public_roots).
    Public,
    /// A root that is trusted on this computer but is not public: a company's, that of a program that
    /// decrypts HTTPS traffic, or one that the app or the user supplied.
    Installed,
}

impl Trust {
    /// The stable identifier: `"public"`, `"installed"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Trust::Public => "public",
            Trust::Installed => "installed",
        }
    }
}

/// The reason why a server's certificates were refused, as far as the certificates show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainFault {
    /// The server's own certificate has expired.
    LeafExpired,
    /// An intermediate certificate has expired.
    IntermediateExpired,
    /// The root certificate that the server sent has expired.
    RootExpired,
    /// A certificate in the chain is not valid yet.
    NotYetValid,
    /// The server's own certificate is self-signed.
    SelfSigned,
    /// The server uses a CA certificate, which may sign others, as its own.
    AuthorityAsServer,
    /// The server sent only its own certificate, apparently issued by a public authority: the
    /// intermediate certificate is probably missing.
    IntermediateMissing,
    /// The chain ends at an authority that is not trusted.
    UnknownRoot,
    /// The server's own certificate has no subject alternative name. Its common name is ignored
    /// (RFC 9525 §6.3).
    NoNames,
    /// A key in the chain is too short.
    WeakKey,
    /// A signature in the chain uses a broken hash function.
    WeakSignature,
}

impl ChainFault {
    /// The stable identifier, such as `"intermediate_expired"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ChainFault::LeafExpired => "leaf_expired",
            ChainFault::IntermediateExpired => "intermediate_expired",
            ChainFault::RootExpired => "root_expired",
            ChainFault::NotYetValid => "not_yet_valid",
            ChainFault::SelfSigned => "self_signed",
            ChainFault::AuthorityAsServer => "authority_as_server",
            ChainFault::IntermediateMissing => "intermediate_missing",
            ChainFault::UnknownRoot => "unknown_root",
            ChainFault::NoNames => "no_names",
            ChainFault::WeakKey => "weak_key",
            ChainFault::WeakSignature => "weak_signature",
        }
    }
}

display_identifier!(Trust, ChainFault);

/// The certificates that a server sent, its own first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateChain {
    certificates: Vec<Certificate>,
    trust: Option<Trust>,
}

impl CertificateChain {
    /// Parses certificates in DER, the server's own first. Returns `None` if that one can't be parsed.
    ///
    /// Other certificates that can't be parsed are left out, as is everything after the tenth.
    #[must_use]
    pub fn from_der<'a>(shown: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut shown = shown.into_iter().take(MAX_CERTIFICATES);
        let own = Certificate::from_der(shown.next()?)?;
        let others = shown.filter_map(Certificate::from_der);
        Some(CertificateChain {
            certificates: std::iter::once(own).chain(others).collect(),
            trust: None,
        })
    }

    /// Sets the kind of root that the chain leads to.
    #[must_use]
    pub fn with_trust(mut self, trust: Option<Trust>) -> Self {
        self.trust = trust;
        self
    }

    /// Returns the server's own certificate.
    #[must_use]
    pub fn own(&self) -> &Certificate {
        &self.certificates[0]
    }

    /// Returns all certificates in the order in which the server sent them, its own first.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Returns the kind of root that the chain leads to.
    ///
    /// `None` if the chain was refused, or if the public roots are unknown: that needs the feature
    /// `webpki-roots` or [`TlsClient::public_roots`](crate::TlsClient::public_roots).
    #[must_use]
    pub fn trust(&self) -> Option<Trust> {
        self.trust
    }

    /// Returns the first certificate that is expired or not yet valid at `now`.
    #[must_use]
    pub fn out_of_date(&self, now: SystemTime) -> Option<&Certificate> {
        self.certificates.iter().find(|one| !one.is_valid_at(now))
    }

    /// Returns the certificate that expires first, with its index. A root sent along is ignored.
    #[must_use]
    pub fn first_to_expire(&self) -> (usize, &Certificate) {
        let all = self.certificates.iter().enumerate();
        // An installed root is trusted regardless of its dates (RFC 5280 §6.1.1).
        let counted = all.filter(|(place, one)| *place == 0 || !one.is_self_issued());
        let first = counted.min_by_key(|(_, one)| one.not_after);
        first.unwrap_or((0, self.own()))
    }

    /// The fault of the first certificate that is not valid at `now`.
    pub(crate) fn date_fault(&self, now: SystemTime) -> Option<ChainFault> {
        let (place, one) = self
            .certificates
            .iter()
            .enumerate()
            .find(|(_, one)| !one.is_valid_at(now))?;
        Some(match place {
            _ if now < one.not_before => ChainFault::NotYetValid,
            0 => ChainFault::LeafExpired,
            _ if one.is_self_issued() => ChainFault::RootExpired,
            _ => ChainFault::IntermediateExpired,
        })
    }

    /// The most likely reason why there is no path to a trusted root at `now`.
    pub(crate) fn path_fault(&self, now: SystemTime) -> ChainFault {
        let own = self.own();
        let last = self.certificates.last().unwrap_or(own);
        match self.certificates.len() {
            1 if own.is_authority => ChainFault::AuthorityAsServer,
            1 if own.is_self_issued() => ChainFault::SelfSigned,
            1 if own.tells_issuer => ChainFault::IntermediateMissing,
            // The platform has probably removed this root since it expired.
            2.. if last.is_self_issued() && now > last.not_after => ChainFault::RootExpired,
            _ => ChainFault::UnknownRoot,
        }
    }

    /// A weak key or signature in the chain. The signature of a root is never checked.
    pub(crate) fn weakness(&self) -> Option<ChainFault> {
        let signed = |one: &&Certificate| !one.is_self_issued();
        if self.certificates.iter().any(|one| one.has_weak_key) {
            return Some(ChainFault::WeakKey);
        }
        let mut signed = self.certificates.iter().filter(signed);
        signed
            .any(Certificate::has_weak_signature)
            .then_some(ChainFault::WeakSignature)
    }
}
