//! What can go wrong on a path or at the server behind it.

use serde::Deserialize;

/// What goes wrong at an address, from the network up to HTTP. One at a time; in TOML the name in
/// snake case (`fault = "black_hole"`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: what a step uses to lift the path's fault.
    #[default]
    None,

    /// The SYN is answered by RST: `ConnectionRefused` after one round trip.
    Refuse,
    /// Everything vanishes, on open connections too; SYNs and lost data are sent again until it
    /// lifts.
    BlackHole,
    /// No route on this machine: `NetworkUnreachable` at once.
    Unreachable,
    /// A router says no: `HostUnreachable` after one round trip.
    HostUnreachable,
    /// RST comes together with the SYN-ACK: `ConnectionReset` after one round trip.
    ResetOnConnect,
    /// TCP connects, and RST follows the SYN-ACK.
    ResetOnAccept,
    /// TCP connects, and FIN follows the SYN-ACK.
    CloseOnAccept,
    /// TCP connects, then nothing is delivered in either direction until it lifts.
    DropData,

    /// RST when the ClientHello arrives.
    ResetOnHello,
    /// FIN when the ClientHello arrives.
    CloseAfterHello,
    /// The ClientHello is read and never answered.
    SilentTls,
    /// The ClientHello is answered by bytes that are no TLS record.
    GarbageTls,
    /// The ClientHello is answered by `HTTP/1.1 400` in the clear.
    PlainHttp,
    /// The ClientHello is answered by a fatal `handshake_failure` alert, as by a server that has only a
    /// key of a kind that was not offered.
    TlsAlert,
    /// The ClientHello is answered by a fatal `unrecognized_name` alert: no such host here.
    UnrecognizedName,
    /// The server speaks TLS 1.1 only: its ServerHello says so.
    OldTls,
    /// The ClientHello is answered by a fatal `insufficient_security` alert.
    NoCommonParameters,
    /// The ClientHello is answered by a TLS record that holds no ServerHello.
    BrokenTls,
    /// The certificate ended three days before the lab was made.
    Expired,
    /// The certificate begins one day after the lab was made.
    NotYetValid,
    /// The certificate is for `other.invalid`.
    WrongHost,
    /// The certificate has no subject alternative name (RFC 9525 §6.3: its common name counts for
    /// nothing).
    NoSan,
    /// The certificate is signed by its own key.
    SelfSigned,
    /// The certificate is an authority's own, shown as the server's.
    SelfSignedAuthority,
    /// The certificate is signed by a root that is not [`Lab::root`](super::Lab::root).
    Untrusted,
    /// The certificate is signed by an intermediate authority that the server doesn't show.
    MissingIntermediate,
    /// The certificate is signed by an intermediate authority that expired yesterday, and comes with
    /// it.
    IntermediateExpired,
    /// The certificate is signed by [`Lab::installed_root`](super::Lab::installed_root): trusted here,
    /// and no public one.
    Inspected,
    /// The certificate is on [`Lab::revocations`](super::Lab::revocations).
    Revoked,
    /// The certificate is for clients, not for servers.
    WrongPurpose,
    /// The certificate comes with more than 100 KiB of others.
    EndlessChain,
    /// The server insists on a client certificate. In TLS 1.3 the client learns it only when it
    /// reads after its handshake.
    ClientCertificateRequired,

    /// close_notify and FIN right after the TLS handshake.
    CloseAfterTls,
    /// RST right after the TLS handshake.
    ResetAfterTls,
    /// Requests are read and never answered.
    SilentHttp,
    /// A request that came as early data is answered by 425 (RFC 8470 §5.2), others are served.
    TooEarly,
    /// The right answer, one byte every 500 ms.
    SlowLoris,
    /// A request is answered by bytes that are no HTTP.
    GarbageHttp,
    /// A request is answered by 200 with a log-in page.
    CaptivePortal,
    /// The 101 has a wrong `Sec-WebSocket-Accept`.
    BadAccept,
    /// The 101 has neither `Upgrade` nor `Connection`.
    NoUpgradeHeader,
    /// A valid 101 with `Connection: keep-alive, Upgrade`: no fault by RFC 6455, but some clients
    /// refuse it.
    KeepAliveUpgrade,
    /// A 103 and a 100 before the answer: no fault by RFC 9110 §15.2, but some clients refuse it.
    EarlyHints,
    /// A valid 101 of which one header field goes on in a second line: no fault to a user agent (RFC
    /// 9112 §5.2), but some clients refuse it.
    FoldedHeader,
    /// The 101 is of HTTP/1.0, which has none.
    Http10,
    /// The 101 has an extension that nobody offered.
    UnrequestedExtension,
    /// The 101 has a subprotocol that nobody offered.
    UnrequestedProtocol,
    /// The 101 confirms no subprotocol, whichever were offered: a fault where the service needs one.
    NoProtocol,
    /// A 101 whose header fields never end.
    HeaderFlood,
    /// A 200 whose body never ends.
    EndlessBody,
    /// Two text frames, `one` and `two`, travel together with the 101: no fault.
    FramesAfter101,
    /// A valid 101 with a Close frame behind it: code 1008, reason `go away`.
    CloseFrameAfter101,
    /// A valid 101 with bytes behind it that are no WebSocket frame.
    GarbageAfter101,
    /// A valid 101, then close_notify and FIN.
    EndAfter101,
    /// A valid 101, then RST.
    ResetAfter101,
    /// A valid 101, then silence: nothing is echoed and no ping is answered.
    SilentAfter101,
}

impl Fault {
    /// Whether nothing gets through.
    pub(crate) fn stalls(self) -> bool {
        matches!(self, Fault::BlackHole | Fault::DropData)
    }
}

/// The TLS version that a server insists on; in TOML `tls = "1.2"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2: the full handshake takes two round trips.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3: one round trip.
    #[default]
    #[serde(rename = "1.3")]
    V1_3,
}
