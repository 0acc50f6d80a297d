//! The reason why an attempt failed: a phase, a kind, and details.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use easelect_engine::shown::{Escaped, shown, without_secrets};
use serde::{Serialize, Serializer};

use crate::certificate::{Certificate, CertificateChain, ChainFault};
use crate::phase::Phase;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $text:literal;)+) => {
        /// What went wrong in a [`Phase`].
        ///
        /// The [identifiers](Self::as_str) are stable: they appear in JSON, metrics and logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FailureKind {
            $($(#[$doc])* $name,)+
        }

        impl FailureKind {
            /// Every kind, in the order of the phases in which each can first occur.
            pub const ALL: &'static [FailureKind] = &[$(FailureKind::$name),+];

            /// The stable identifier, such as `"certificate_expired"`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(FailureKind::$name => $id),+ }
            }

            /// A short English description for [`Display`](fmt::Display).
            const fn words(self) -> &'static str {
                match self { $(FailureKind::$name => $text),+ }
            }
        }
    };
}

kinds! {
    /// The phase did not finish in time.
    Timeout = "timeout", "timed out";
    /// The host name does not exist (NXDOMAIN).
    NotFound = "not_found", "no such host name";
    /// The host name exists but has no address of the requested family.
    NoAddress = "no_address", "the host name has no address";
    /// The peer or the DNS server refused: RST to a SYN, REFUSED, a closed port.
    Refused = "refused", "refused";
    /// The DNS server failed (SERVFAIL).
    ServerFailure = "server_failure", "the DNS server failed";
    /// The DNS lookup failed for a reason that may pass, such as an unreachable DNS server.
    Temporary = "temporary", "temporary DNS failure";
    /// The DNS server's message can't be parsed, or answers another question.
    Malformed = "malformed", "the DNS server's answer can't be read";
    /// DNS returned only addresses that no public host can have (RFC 6890).
    BogusAddress = "bogus_address", "the DNS server returned an impossible address";
    /// The proxy requires a user name and password, or rejected those given (407, or RFC 1929).
    AuthRequired = "auth_required", "the proxy requires a valid user name and password";
    /// The server at the proxy's address does not speak the proxy protocol.
    NotAProxy = "not_a_proxy", "the server is not a proxy of this type";
    /// The connection was reset.
    Reset = "reset", "connection reset";
    /// There is no route to the address (no IPv6, no network).
    Unreachable = "unreachable", "no route to the address";
    /// The operating system forbids the connection (firewall, sandbox).
    Permission = "permission", "not permitted by the operating system";
    /// This computer is out of file descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), or has no
    /// free thread for a DNS lookup.
    OutOfResources = "out_of_resources", "this computer is out of resources";
    /// The app's own [`Resolve`](crate::Resolve) or [`Connect`](crate::Connect) panicked.
    Panicked = "panicked", "the app's resolver or connector panicked";
    /// The peer closed the connection before the phase finished.
    Closed = "closed", "closed by the peer";
    /// The server on this port does not speak TLS.
    NotTls = "not_tls", "the peer does not speak TLS";
    /// The peer sent a malformed or unexpected TLS message.
    InvalidMessage = "invalid_message", "invalid TLS message";
    /// The peer ended the handshake with a fatal TLS alert.
    Alert = "alert", "TLS alert from the peer";
    /// The peer offers only TLS versions before 1.2.
    ProtocolVersion = "protocol_version", "no common TLS version";
    /// Client and peer have no cipher suite, key exchange group or signature scheme in common, as the
    /// peer reports (alerts 40 and 71, RFC 8446 §6.2) or as its answer shows.
    NoCommonParameters = "no_common_parameters", "no common TLS parameters";
    /// The certificate has expired, or this computer's clock is fast.
    CertificateExpired = "certificate_expired", "certificate expired";
    /// The certificate is not valid yet, or this computer's clock is slow.
    CertificateNotYetValid = "certificate_not_yet_valid", "certificate not yet valid";
    /// The certificate is for other hosts.
    CertificateWrongHost = "certificate_wrong_host", "certificate is for another host";
    /// The certificate chain does not lead to a trusted root.
    CertificateUntrusted = "certificate_untrusted", "certificate is not trusted";
    /// The certificate was revoked.
    CertificateRevoked = "certificate_revoked", "certificate revoked";
    /// The chain contains an RSA key shorter than 2048 bits.
    CertificateWeakKey = "certificate_weak_key", "certificate key is too short";
    /// The chain contains a signature made with MD5 or SHA-1.
    CertificateWeakSignature = "certificate_weak_signature",
        "certificate signature uses a broken hash function";
    /// The certificate is invalid for another reason.
    CertificateOther = "certificate_other", "invalid certificate";
    /// The peer requires a client certificate.
    ClientCertificateRequired =
        "client_certificate_required", "the peer requires a client certificate";
    /// The peer sent more bytes than allowed before the phase finished.
    TooLarge = "too_large", "the peer sent too much data";
    /// The server answered an unwanted HTTP status; in [`Phase::Proxy`] also a SOCKS5 error reply.
    Rejected = "rejected", "rejected";
    /// The server answered with a redirect. Probes and connections never follow redirects.
    Redirected = "redirected", "redirected";
    /// The answer is not HTTP/1.x.
    NotHttp = "not_http", "the answer is not HTTP";
    /// `Sec-WebSocket-Accept` is missing or wrong (RFC 6455 §4.1).
    BadAccept = "bad_accept", "wrong Sec-WebSocket-Accept";
    /// The HTTP answer contains a header field that HTTP doesn't allow (RFC 9110 §5).
    InvalidHeader = "invalid_header", "invalid header field";
    /// The server answered 101 with HTTP/1.0, which has no upgrade (RFC 9110 §7.8).
    HttpVersion = "http_version", "101 with HTTP/1.0";
    /// The server answered 101 without proper `Upgrade` and `Connection` headers (RFC 6455 §4.1).
    BadHeaders = "bad_headers", "101 without valid upgrade headers";
    /// The server chose an extension or subprotocol that was not offered (RFC 6455 §4.1).
    UnrequestedExtensionOrProtocol = "unrequested_extension_or_protocol",
        "the server chose an extension or subprotocol that was not offered";
    /// The server did not confirm the subprotocol that the service requires (RFC 6455 §4.1, RFC 7395
    /// §3.1).
    SubprotocolMissing = "subprotocol_missing", "the required subprotocol was not confirmed";
    /// The server answered with a 5xx status.
    ServerError = "server_error", "server error";
    /// Any other failure; see [`Failure::message`].
    Other = "other", "failed";
}

display_identifier!(FailureKind);

impl FailureKind {
    /// The kind of an operating system's error about a socket.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => FailureKind::Refused,
            io::ErrorKind::TimedOut => FailureKind::Timeout,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => FailureKind::Reset,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => FailureKind::Unreachable,
            io::ErrorKind::PermissionDenied => FailureKind::Permission,
            io::ErrorKind::OutOfMemory => FailureKind::OutOfResources,
            _ => of_errno(error).unwrap_or(FailureKind::Other),
        }
    }
}

/// The kind of an error that the standard library doesn't name.
#[cfg(target_os = "linux")]
fn of_errno(error: &io::Error) -> Option<FailureKind> {
    match error.raw_os_error()? {
        // No IPv6 on this computer, or a blackhole route.
        libc::EAFNOSUPPORT | libc::EINVAL => Some(FailureKind::Unreachable),
        libc::EMFILE | libc::ENFILE | libc::ENOBUFS => Some(FailureKind::OutOfResources),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn of_errno(_: &io::Error) -> Option<FailureKind> {
    None
}

impl Serialize for FailureKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The reason why an attempt or a DNS lookup failed.
///
/// A failure has a [phase](Self::phase) and a [kind](Self::kind), and carries what was learned: an HTTP
/// status, the certificates, the lower layer's message. Methods return a peer's text as it was sent;
/// [`Display`](fmt::Display) and `Debug` escape it.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    phase: Phase,
    kind: FailureKind,
    facts: Option<Box<Facts>>,
}

/// Boxed so that a `Result<_, Failure>` stays small.
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
    /// Creates a failure of `kind` in `phase`.
    #[must_use]
    pub const fn new(phase: Phase, kind: FailureKind) -> Self {
        Failure {
            phase,
            kind,
            facts: None,
        }
    }

    /// Returns the phase that failed.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the kind of failure.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Returns the lower layer's message, if any.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.facts.as_ref()?.message.as_deref()
    }

    /// Returns the HTTP status, if the failure is an HTTP answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.facts.as_ref()?.status
    }

    /// Returns the target of a redirect, as the peer wrote it but without user and query, which may
    /// echo secrets of the request: `https://login.example/?…`. [Escape](crate::shown) it before you
    /// show it.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.facts.as_ref()?.location.as_deref()
    }

    /// Returns the delay that the server requested with `Retry-After` (RFC 9110 §10.2.3), given in seconds
    /// or as a date.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.facts.as_ref()?.retry_after
    }

    /// Returns header fields that identify who sent an unwanted HTTP answer: `server`, `via`, `cf-ray`
    /// and the like, by lower-case name.
    ///
    /// Values are as the peer wrote them, at most 200 characters each. Empty if the request contained
    /// headers, a query or subprotocols of the app, which the peer might echo.
    #[must_use]
    pub fn answered_by(&self) -> &[(String, String)] {
        self.facts.as_ref().map_or(&[], |facts| &facts.answered_by)
    }

    /// Returns the beginning of that answer's body if it is text: at most 1 KiB, as the peer wrote it.
    ///
    /// A connection keeps only what arrived together with the head. A probe waits up to one more round
    /// trip for the rest.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.facts.as_ref()?.body.as_deref()
    }

    /// Returns when the certificate at fault expires or expired: the server's own, or another one of its
    /// chain.
    #[must_use]
    pub fn not_after(&self) -> Option<SystemTime> {
        let facts = self.facts.as_ref()?;
        facts
            .not_after
            .or_else(|| Some(self.certificate()?.not_after))
    }

    /// Returns when the validity of the certificate at fault begins.
    #[must_use]
    pub fn not_before(&self) -> Option<SystemTime> {
        let facts = self.facts.as_ref()?;
        facts
            .not_before
            .or_else(|| Some(self.certificate()?.not_before))
    }

    /// Returns the names in a certificate for another host, as the peer wrote them.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.facts.as_ref().map_or(&[], |facts| &facts.names)
    }

    /// Returns the server's own certificate, if the certificates were refused.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        Some(self.chain()?.own())
    }

    /// Returns the refused certificates. `None` if the TLS configuration is the app's own
    /// ([`TlsClient::from_config`](crate::TlsClient::from_config)).
    #[must_use]
    pub fn chain(&self) -> Option<&Arc<CertificateChain>> {
        self.facts.as_ref()?.chain.as_ref()
    }

    /// Returns why the certificates were refused, as far as the certificates show it.
    #[must_use]
    pub fn chain_fault(&self) -> Option<ChainFault> {
        self.facts.as_ref()?.chain_fault
    }

    /// Returns the number of the TLS alert that the peer sent (RFC 8446 §6).
    #[must_use]
    pub fn alert(&self) -> Option<u8> {
        self.facts.as_ref()?.alert
    }

    /// Whether the peer proved its identity and answered in HTTP, but not with the expected answer: the
    /// *answering* tier.
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

    /// Whether the cause is this computer or its network: no route, not permitted, out of resources, or a
    /// panic in the app's own code. Such a failure says nothing about the peer.
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

    /// Whether the peer proved its identity and refused with a well-formed HTTP answer.
    pub(crate) fn is_refusal(&self) -> bool {
        self.is_answer()
            && matches!(
                self.kind,
                FailureKind::Rejected | FailureKind::Redirected | FailureKind::ServerError
            )
    }

    /// Whether the peer proved its identity and rejected the app's credentials, such as an expired token
    /// (RFC 9110 §15.5.2 and §15.5.4).
    pub(crate) fn refuses_credentials(&self) -> bool {
        self.phase == Phase::Upgrade
            && self.kind == FailureKind::Rejected
            && match self.status() {
                Some(401) => true,
                // A 403 with an HTML page comes from a gateway, not from the service.
                Some(403) => !self.facts.as_ref().is_some_and(|facts| facts.is_page),
                _ => false,
            }
    }

    /// Records whether the answer carries an HTML page.
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

    /// Sets the lower layer's message.
    #[must_use]
    pub fn with_message(mut self, message: impl fmt::Display) -> Self {
        self.facts_mut().message = Some(message.to_string());
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.facts_mut().status = Some(status);
        self
    }

    /// Sets the target of a redirect. User and query are removed.
    #[must_use]
    pub fn with_location(mut self, location: Option<String>) -> Self {
        self.facts_mut().location = location.map(|to| without_secrets(&to).into_owned());
        self
    }

    /// Sets the delay that the server requested.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.facts_mut().retry_after = delay;
        self
    }

    /// Sets the header fields that identify the sender of the answer, by lower-case name, and the beginning
    /// of the body.
    #[must_use]
    pub fn with_answer(mut self, fields: Vec<(String, String)>, body: Option<String>) -> Self {
        let facts = self.facts_mut();
        (facts.answered_by, facts.body) = (fields, body);
        self
    }

    /// Sets when the certificate expires or expired; needed only without a [chain](Self::with_chain).
    #[must_use]
    pub fn with_not_after(mut self, at: SystemTime) -> Self {
        self.facts_mut().not_after = Some(at);
        self
    }

    /// Sets when the certificate's validity begins; needed only without a [chain](Self::with_chain).
    #[must_use]
    pub fn with_not_before(mut self, at: SystemTime) -> Self {
        self.facts_mut().not_before = Some(at);
        self
    }

    /// Sets the refused certificates.
    #[must_use]
    pub fn with_chain(mut self, chain: Arc<CertificateChain>) -> Self {
        self.facts_mut().chain = Some(chain);
        self
    }

    /// Sets why the certificates were refused.
    #[must_use]
    pub fn with_chain_fault(mut self, fault: ChainFault) -> Self {
        self.facts_mut().chain_fault = Some(fault);
        self
    }

    /// Sets the number of the TLS alert that the peer sent.
    #[must_use]
    pub fn with_alert(mut self, number: u8) -> Self {
        self.facts_mut().alert = Some(number);
        self
    }

    /// Changes the kind and keeps the details.
    pub(crate) fn with_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the names in a certificate for another host.
    #[must_use]
    pub fn with_names(mut self, names: Vec<String>) -> Self {
        self.facts_mut().names = names;
        self
    }
}

/// The longest text from a peer that is shown, in characters.
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
