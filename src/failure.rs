//! Why an attempt failed: a phase and a kind, one list for the whole crate.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use easelect_engine::shown::{Escaped, shown, without_secrets};
use serde::{Serialize, Serializer};

use crate::certificate::{Certificate, CertificateChain, ChainFault};
use crate::phase::Phase;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $text:literal;)+) => {
        /// What went wrong within a [`Phase`].
        ///
        /// The identifiers are stable: they appear in JSON, metrics and logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FailureKind {
            $($(#[$doc])* $name,)+
        }

        impl FailureKind {
            /// Every kind, in the order of the phases in which they first occur.
            pub const ALL: &'static [FailureKind] = &[$(FailureKind::$name),+];

            /// The stable identifier, for example `"certificate_expired"`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(FailureKind::$name => $id),+ }
            }

            /// A few English words for logs and [`Display`](fmt::Display).
            const fn words(self) -> &'static str {
                match self { $(FailureKind::$name => $text),+ }
            }
        }
    };
}

kinds! {
    /// The phase did not finish in time.
    Timeout = "timeout", "timed out";
    /// The name does not exist (NXDOMAIN).
    NotFound = "not_found", "no such name";
    /// The name exists but has no address of the families asked for.
    NoAddress = "no_address", "the name has no address";
    /// The peer, or the DNS server, said no: RST to a SYN, REFUSED, a closed port.
    Refused = "refused", "refused";
    /// The DNS server failed (SERVFAIL).
    ServerFailure = "server_failure", "the name server failed";
    /// The look-up failed in a way that may pass, such as no name server in reach.
    Temporary = "temporary", "the name could not be looked up for now";
    /// What the name server sent can't be read as an answer to the question.
    Malformed = "malformed", "the name server's answer can't be read";
    /// DNS answered with addresses that no public host can have (RFC 6890).
    BogusAddress = "bogus_address", "the name server answered with an impossible address";
    /// The proxy wants a user and a password, or others than those given (407, or RFC 1929).
    AuthRequired = "auth_required", "the proxy wants a user and a password";
    /// What answered does not speak the proxy's protocol.
    NotAProxy = "not_a_proxy", "what answered is no such proxy";
    /// The connection was reset.
    Reset = "reset", "connection reset";
    /// No route to the address (no IPv6, no network).
    Unreachable = "unreachable", "no route to the address";
    /// The operating system forbids it (firewall, sandbox).
    Permission = "permission", "not permitted by this system";
    /// This system has no more open files, ports or memory for it (EMFILE, ENFILE, ENOBUFS, ENOMEM), or no
    /// thread for a look-up.
    OutOfResources = "out_of_resources", "this system has no more resources for it";
    /// The app's own [`Resolve`](crate::Resolve) or [`Connect`](crate::Connect) panicked.
    Panicked = "panicked", "the app's own resolver or connector panicked";
    /// The peer closed the connection in the middle of the phase.
    Closed = "closed", "closed by the peer";
    /// What answered on this port does not speak TLS.
    NotTls = "not_tls", "the peer does not speak TLS";
    /// The peer sent a TLS message that is malformed or out of order.
    InvalidMessage = "invalid_message", "invalid TLS message";
    /// The peer ended the handshake with a fatal TLS alert.
    Alert = "alert", "TLS alert from the peer";
    /// The peer offers only TLS versions before 1.2.
    ProtocolVersion = "protocol_version", "no common TLS version";
    /// No version, cipher suite, key exchange group or kind of signature in common, as the peer says
    /// (alerts 40 and 71, RFC 8446 §6.2) or as its answer shows.
    NoCommonParameters = "no_common_parameters", "no common TLS parameters";
    /// The certificate is past its validity.
    CertificateExpired = "certificate_expired", "certificate expired";
    /// The certificate's validity has not begun (or this machine's clock is slow).
    CertificateNotYetValid = "certificate_not_yet_valid", "certificate not yet valid";
    /// The certificate is for other names.
    CertificateWrongHost = "certificate_wrong_host", "certificate is for another host";
    /// No chain to a trusted root.
    CertificateUntrusted = "certificate_untrusted", "certificate is not trusted";
    /// The certificate was revoked.
    CertificateRevoked = "certificate_revoked", "certificate revoked";
    /// A key in the chain is shorter than is accepted (RSA below 2048 bits).
    CertificateWeakKey = "certificate_weak_key", "certificate with a key that is too short";
    /// A signature in the chain is made with MD5 or SHA-1.
    CertificateWeakSignature = "certificate_weak_signature",
        "certificate with a signature of a broken kind";
    /// Another fault of the certificate.
    CertificateOther = "certificate_other", "bad certificate";
    /// The peer insists on a client certificate.
    ClientCertificateRequired = "client_certificate_required", "the peer wants a client certificate";
    /// More bytes than the limit before the phase was done.
    TooLarge = "too_large", "the peer sent too much";
    /// An HTTP status other than the one wanted; in [`Phase::Proxy`] also a SOCKS5 reply.
    Rejected = "rejected", "rejected";
    /// A redirection instead of an upgrade; never followed.
    Redirected = "redirected", "redirected";
    /// The answer is not HTTP/1.x.
    NotHttp = "not_http", "the answer is not HTTP";
    /// `Sec-WebSocket-Accept` is missing or wrong (RFC 6455 §4.1).
    BadAccept = "bad_accept", "wrong Sec-WebSocket-Accept";
    /// An HTTP answer with a header field that HTTP doesn't allow: an odd name, a NUL (RFC 9110 §5).
    InvalidHeader = "invalid_header", "a header field that HTTP doesn't allow";
    /// A 101 of HTTP/1.0, which knows no upgrade (RFC 9110 §7.8).
    HttpVersion = "http_version", "101 of HTTP/1.0";
    /// A 101 without a proper `Upgrade` or `Connection` header (RFC 6455 §4.1).
    BadHeaders = "bad_headers", "101 without the upgrade headers";
    /// The server chose an extension or subprotocol that was not offered (RFC 6455 §4.1).
    UnrequestedExtensionOrProtocol = "unrequested_extension_or_protocol",
        "the server chose an extension or subprotocol that was not offered";
    /// The server didn't confirm the subprotocol that the service needs (RFC 6455 §4.1, RFC 7395
    /// §3.1).
    SubprotocolMissing = "subprotocol_missing", "the subprotocol was not confirmed";
    /// A 5xx status.
    ServerError = "server_error", "server error";
    /// None of the above; the message tells.
    Other = "other", "failed";
}

display_identifier!(FailureKind);

impl Serialize for FailureKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why one attempt, or one look-up, failed.
///
/// Carries what was learned on the way: an HTTP status, a certificate's dates and names, the
/// lower layer's own message. Text that came from the peer is kept as data and escaped by
/// [`Display`](fmt::Display).
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    phase: Phase,
    kind: FailureKind,
    facts: Option<Box<Facts>>,
}

/// Boxed, so that a `Result<_, Failure>` stays small: most failures have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    message: Option<String>,
    status: Option<u16>,
    location: Option<String>,
    retry_after: Option<Duration>,
    answered_by: Vec<(String, String)>,
    body: Option<String>,
    not_after: Option<SystemTime>,
    not_before: Option<SystemTime>,
    names: Vec<String>,
    chain: Option<Arc<CertificateChain>>,
    chain_fault: Option<ChainFault>,
    alert: Option<u8>,
    is_page: bool,
}

impl Failure {
    /// A failure of `kind` in `phase`.
    #[must_use]
    pub const fn new(phase: Phase, kind: FailureKind) -> Self {
        Failure {
            phase,
            kind,
            facts: None,
        }
    }

    /// The phase that did not finish.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What went wrong in it.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The lower layer's own words, in English, if it had any.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.facts.as_ref()?.message.as_deref()
    }

    /// The HTTP status that was answered, if the failure is an HTTP answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.facts.as_ref()?.status
    }

    /// Where a redirection points, as the peer wrote it, without user and query, in which what was
    /// asked may come back: `https://login.example/?…`. [Escape](crate::shown) it before showing it.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.facts.as_ref()?.location.as_deref()
    }

    /// The delay that a refusal asked for (RFC 9110 §10.2.3, the form in seconds).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.facts.as_ref()?.retry_after
    }

    /// What tells who gave an HTTP answer that was not wanted: the fields `server`, `via`, `cf-ray`
    /// and the like, by lower-case name, as the peer wrote them, each of at most 200 characters.
    /// Absent where the request held something of the app's, which the peer might send back.
    #[must_use]
    pub fn answered_by(&self) -> &[(String, String)] {
        self.facts.as_ref().map_or(&[], |facts| &facts.answered_by)
    }

    /// The beginning of that answer's body if it is text: at most 1 KiB, as far as it came together
    /// with the head, as the peer wrote it.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.facts.as_ref()?.body.as_deref()
    }

    /// When the certificate that is at fault expires or expired: the server's own, or another one of
    /// its chain.
    #[must_use]
    pub fn not_after(&self) -> Option<SystemTime> {
        let facts = self.facts.as_ref()?;
        facts
            .not_after
            .or_else(|| Some(self.certificate()?.not_after))
    }

    /// When the validity of the certificate that is at fault begins.
    #[must_use]
    pub fn not_before(&self) -> Option<SystemTime> {
        let facts = self.facts.as_ref()?;
        facts
            .not_before
            .or_else(|| Some(self.certificate()?.not_before))
    }

    /// The names that a certificate for another host presented, as the peer wrote them.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.facts.as_ref().map_or(&[], |facts| &facts.names)
    }

    /// What the server's own certificate says of itself, if it was refused.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        Some(self.chain()?.own())
    }

    /// The certificates that were refused. Absent where the TLS configuration is the app's own
    /// ([`TlsClient::from_config`](crate::TlsClient::from_config)).
    #[must_use]
    pub fn chain(&self) -> Option<&Arc<CertificateChain>> {
        self.facts.as_ref()?.chain.as_ref()
    }

    /// What about them made the verifier refuse them, as far as they tell.
    #[must_use]
    pub fn chain_fault(&self) -> Option<ChainFault> {
        self.facts.as_ref()?.chain_fault
    }

    /// The number of the TLS alert that the peer sent (RFC 8446 §6).
    #[must_use]
    pub fn alert(&self) -> Option<u8> {
        self.facts.as_ref()?.alert
    }

    /// Whether the peer proved its identity and spoke HTTP, only not the answer that was wanted:
    /// the *answering* tier.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(
            (self.phase, self.kind),
            (
                Phase::Upgrade,
                FailureKind::Rejected
                    | FailureKind::Redirected
                    | FailureKind::BadAccept
                    | FailureKind::InvalidHeader
                    | FailureKind::HttpVersion
                    | FailureKind::BadHeaders
                    | FailureKind::UnrequestedExtensionOrProtocol
                    | FailureKind::SubprotocolMissing
            ) | (Phase::Processing, FailureKind::ServerError)
        )
    }

    /// Whether this computer is why, and nobody else was even asked: no route, not permitted, no
    /// resources left, a panic of the app's own code. It says nothing of the peer.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Unreachable
                | FailureKind::Permission
                | FailureKind::OutOfResources
                | FailureKind::Panicked
        )
    }

    /// Whether the peer proved its identity and said no, in proper HTTP.
    pub(crate) fn is_refusal(&self) -> bool {
        self.is_answer()
            && matches!(
                self.kind,
                FailureKind::Rejected | FailureKind::Redirected | FailureKind::ServerError
            )
    }

    /// Whether the peer proved its identity and turned this app away by its credentials: an expired
    /// token, say (RFC 9110 §15.5.2 and §15.5.4).
    pub(crate) fn refuses_credentials(&self) -> bool {
        self.phase == Phase::Upgrade
            && self.kind == FailureKind::Rejected
            && match self.status() {
                Some(401) => true,
                // A gateway's page is no word of the service's.
                Some(403) => !self.facts.as_ref().is_some_and(|facts| facts.is_page),
                _ => false,
            }
    }

    /// Says that a page came with it, for people to read.
    #[must_use]
    pub(crate) fn with_page(mut self, is_page: bool) -> Self {
        if is_page {
            self.facts_mut().is_page = true;
        }
        self
    }

    fn facts_mut(&mut self) -> &mut Facts {
        self.facts.get_or_insert_default()
    }

    /// Adds the lower layer's own words.
    #[must_use]
    pub fn with_message(mut self, message: impl fmt::Display) -> Self {
        self.facts_mut().message = Some(message.to_string());
        self
    }

    /// Adds the HTTP status that was answered.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.facts_mut().status = Some(status);
        self
    }

    /// Adds where a redirection points, as the peer wrote it; of that user and query are left out.
    #[must_use]
    pub fn with_location(mut self, location: Option<String>) -> Self {
        self.facts_mut().location = location.map(|to| without_secrets(&to).into_owned());
        self
    }

    /// Adds the delay that the peer asked for.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.facts_mut().retry_after = delay;
        self
    }

    /// Adds what tells who gave the answer: fields by lower-case name, and the beginning of its body.
    #[must_use]
    pub fn with_answer(mut self, fields: Vec<(String, String)>, body: Option<String>) -> Self {
        let facts = self.facts_mut();
        (facts.answered_by, facts.body) = (fields, body);
        self
    }

    /// Adds when the certificate expires or expired, where no whole certificate is known.
    #[must_use]
    pub fn with_not_after(mut self, at: SystemTime) -> Self {
        self.facts_mut().not_after = Some(at);
        self
    }

    /// Adds when the certificate's validity begins, where no whole certificate is known.
    #[must_use]
    pub fn with_not_before(mut self, at: SystemTime) -> Self {
        self.facts_mut().not_before = Some(at);
        self
    }

    /// Adds the certificates that were refused.
    #[must_use]
    pub fn with_chain(mut self, chain: Arc<CertificateChain>) -> Self {
        self.facts_mut().chain = Some(chain);
        self
    }

    /// Adds what about them made the verifier refuse them.
    #[must_use]
    pub fn with_chain_fault(mut self, fault: ChainFault) -> Self {
        self.facts_mut().chain_fault = Some(fault);
        self
    }

    /// Adds the number of the alert that the peer sent.
    #[must_use]
    pub fn with_alert(mut self, number: u8) -> Self {
        self.facts_mut().alert = Some(number);
        self
    }

    /// The same facts, found to be of another kind.
    pub(crate) fn with_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds the names that a certificate for another host presented.
    #[must_use]
    pub fn with_names(mut self, names: Vec<String>) -> Self {
        self.facts_mut().names = names;
        self
    }
}

/// The most that is shown of one text of a peer's, in characters.
const LONGEST: usize = 300;

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Failure");
        told.field("phase", &self.phase).field("kind", &self.kind);
        told.field("facts", &Escaped(&self.facts)).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.kind.words())?;
        if let Some(status) = self.status() {
            write!(f, " with HTTP status {status}")?;
        }
        if let Some(location) = self.location() {
            write!(f, " to {}", shown(location, LONGEST))?;
        }
        if let Some(message) = self.message() {
            write!(f, " ({})", shown(message, LONGEST))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_unique_and_snake_case() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in FailureKind::ALL {
            let id = kind.as_str();
            assert!(seen.insert(id), "{id} twice");
            assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }

    #[test]
    fn text_from_the_peer_is_escaped() {
        let failure = Failure::new(Phase::Upgrade, FailureKind::Redirected)
            .with_status(302)
            .with_location(Some("http://x/\u{1b}[2J".to_owned()));
        assert_eq!(
            failure.to_string(),
            "upgrade: redirected with HTTP status 302 to http://x/\\u{1b}[2J"
        );
        assert!(failure.is_answer());
    }

    #[test]
    fn a_failure_is_small() {
        assert!(size_of::<Failure>() <= 16);
    }
}
