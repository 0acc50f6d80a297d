//! The certificates that a server showed, and which of them is at fault.

use std::time::SystemTime;

use super::Certificate;

/// More than any path to a root has; the rest is not kept.
const MAX_CERTIFICATES: usize = 10;

/// Where a path of certificates that was accepted ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// At a public root: one of Mozilla's, or of those that
    /// [`TlsClient::public_roots`](crate::TlsClient::public_roots) names.
    Public,
    /// At a root that is trusted here and is no public one: a company's, an inspecting
    /// program's, or one that the app or the user gave.
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

/// What about a server's certificates made the verifier refuse them, as far as they tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainFault {
    /// The server's own certificate has expired.
    LeafExpired,
    /// An authority's between the server's and the root has expired.
    IntermediateExpired,
    /// The root that was sent along has expired.
    RootExpired,
    /// One of them is not valid yet.
    NotYetValid,
    /// The server's own certificate is signed by its own key.
    SelfSigned,
    /// The server's own certificate is one that may sign others.
    AuthorityAsServer,
    /// The server sent its own certificate alone, and whoever signed it has a public authority's
    /// manners: most likely the intermediate is not sent.
    IntermediateMissing,
    /// The authority at the end is not trusted.
    UnknownRoot,
    /// The server's own certificate has no subject alternative name (RFC 9525 §6.3: its common name
    /// counts for nothing).
    NoNames,
    /// A key is shorter than is accepted.
    WeakKey,
    /// A signature is made with a broken hash function.
    WeakSignature,
}

impl ChainFault {
    /// The stable identifier, for example `"intermediate_expired"`.
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

/// The certificates that a server showed, its own first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateChain {
    certificates: Vec<Certificate>,
    trust: Option<Trust>,
}

impl CertificateChain {
    /// Reads certificates in DER, the server's own first, at most ten; `None` if that one can't be
    /// read. Of the others, those that can't be read are left out.
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

    /// Says where it ends.
    #[must_use]
    pub fn with_trust(mut self, trust: Option<Trust>) -> Self {
        self.trust = trust;
        self
    }

    /// The server's own certificate.
    #[must_use]
    pub fn own(&self) -> &Certificate {
        &self.certificates[0]
    }

    /// All of them, in the order in which they were sent, the server's own first.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Where it ends. Absent where it was refused, and where it isn't known which roots are public
    /// (without the feature `webpki-roots`).
    #[must_use]
    pub fn trust(&self) -> Option<Trust> {
        self.trust
    }

    /// The first that is out of date at this moment.
    #[must_use]
    pub fn out_of_date(&self, now: SystemTime) -> Option<&Certificate> {
        self.certificates.iter().find(|one| !one.is_valid_at(now))
    }

    /// The first of them to expire, with its place.
    #[must_use]
    pub fn first_to_expire(&self) -> (usize, &Certificate) {
        let all = self.certificates.iter().enumerate();
        // A root is trusted for being installed, whatever its dates (RFC 5280 §6.1.1).
        let counted = all.filter(|(place, one)| *place == 0 || !one.is_self_issued());
        let first = counted.min_by_key(|(_, one)| one.not_after);
        first.unwrap_or((0, self.own()))
    }

    /// Why one that is out of date was refused at this moment.
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

    /// Why there is no path to a root at this moment.
    pub(crate) fn path_fault(&self, now: SystemTime) -> ChainFault {
        let own = self.own();
        let last = self.certificates.last().unwrap_or(own);
        match self.certificates.len() {
            1 if own.is_authority => ChainFault::AuthorityAsServer,
            1 if own.is_self_issued() => ChainFault::SelfSigned,
            1 if own.tells_issuer => ChainFault::IntermediateMissing,
            // What the platform has thrown out since.
            2.. if last.is_self_issued() && now > last.not_after => ChainFault::RootExpired,
            _ => ChainFault::UnknownRoot,
        }
    }

    /// What of it is too weak, if anything is. A root's own signature is looked at by nobody.
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
