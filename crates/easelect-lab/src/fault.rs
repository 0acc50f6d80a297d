//! What can go wrong on a path or at its server.

use serde::Deserialize;

/// What goes wrong at an address, from the network up to HTTP.
///
/// An address has one fault at a time. In TOML, a fault is its name in snake case: `"black_hole"`,
/// `"http10"`, `"end_after101"`.
///
/// A fault takes effect when its moment comes, on open connections too: each request meets the fault
/// that is in force when it arrives. Faults of a 101 affect only upgrades that would succeed without
/// them, not those that the path's `status` or a wrong URL path refuses.
///
/// ```
/// use easelect_lab::{Fault, Scenario};
///
/// let text = r#"
///     [[path]]
///     address = "44.128.0.1"
///     fault = "garbage_after101"
/// "#;
/// let scenario = Scenario::from_toml(text, "garbage.toml")?;
/// # let path = easelect_lab::Path::new("44.128.0.1".parse()?).with_fault(Fault::GarbageAfter101);
/// # assert_eq!(scenario, Scenario::new(0).with_path(path));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// No fault. In a [`Step`](crate::Step), it lifts the path's fault.
    #[default]
    None,

    // TCP
    /// The SYN is answered by RST: connecting fails with `ConnectionRefused` after one round trip.
    Refuse,
    /// Every packet is lost, on open connections too. The client sends SYNs again as its schedule says;
    /// both sides send lost data again until the fault lifts.
    BlackHole,
    /// This machine has no route: connecting fails with `NetworkUnreachable` at once.
    Unreachable,
    /// A router reports that the host is unreachable: connecting fails with `HostUnreachable` after one
    /// round trip.
    HostUnreachable,
    /// RST arrives together with the SYN-ACK: connecting fails with `ConnectionReset` after one round
    /// trip.
    ResetOnConnect,
    /// TCP connects, and RST follows the SYN-ACK.
    ResetOnAccept,
    /// TCP connects, and FIN follows the SYN-ACK.
    CloseOnAccept,
    /// TCP connects, but no data arrives in either direction until the fault lifts.
    DropData,

    // TLS
    /// The server answers the ClientHello with RST.
    ResetOnHello,
    /// The server answers the ClientHello with FIN.
    CloseAfterHello,
    /// The server reads the ClientHello and never answers.
    SilentTls,
    /// The server answers the ClientHello with bytes that are not a TLS record.
    GarbageTls,
    /// The server answers the ClientHello with `HTTP/1.1 400` in plain text.
    PlainHttp,
    /// The server answers the ClientHello with the fatal alert `handshake_failure`, as if its key were of
    /// a type that the client doesn't accept.
    TlsAlert,
    /// The server answers the ClientHello with the fatal alert `unrecognized_name`: it doesn't know the
    /// host.
    UnrecognizedName,
    /// The server answers with a ServerHello of TLS 1.1.
    OldTls,
    /// The server answers the ClientHello with the fatal alert `insufficient_security`.
    NoCommonParameters,
    /// The server answers the ClientHello with a TLS record that holds a malformed ServerHello.
    BrokenTls,
    /// The certificate expired three days before the lab was created.
    Expired,
    /// The certificate becomes valid one day after the lab was created.
    NotYetValid,
    /// The certificate is for `other.invalid`.
    WrongHost,
    /// The certificate has no subject alternative name. Clients ignore its common name (RFC 9525 §6.3).
    NoSan,
    /// The certificate is signed by its own key.
    SelfSigned,
    /// The certificate is signed by its own key and marked as a certificate authority's.
    SelfSignedAuthority,
    /// The certificate is signed by a root other than [`Lab::root`](crate::Lab::root).
    Untrusted,
    /// The certificate is signed by an intermediate authority whose certificate the server doesn't send.
    MissingIntermediate,
    /// The certificate is signed by an intermediate authority whose certificate, which the server sends,
    /// expired one day before the lab was created.
    IntermediateExpired,
    /// The certificate is signed by [`Lab::installed_root`](crate::Lab::installed_root): trusted, but not
    /// by a public root, as behind a proxy that inspects TLS.
    Inspected,
    /// The certificate is on the list [`Lab::revocations`](crate::Lab::revocations).
    Revoked,
    /// The certificate is for clients, not for servers.
    WrongPurpose,
    /// The server sends more than 100 KiB of further certificates with its own.
    EndlessChain,
    /// The server requires a client certificate. In TLS 1.3, the client finds out only when it reads after
    /// its handshake.
    ClientCertificateRequired,

    // HTTP
    /// The server sends `close_notify` and FIN right after the TLS handshake.
    CloseAfterTls,
    /// The server sends RST right after the TLS handshake.
    ResetAfterTls,
    /// The server reads requests and never answers.
    SilentHttp,
    /// The server answers requests in early data with 425 (RFC 8470 §5.2), and others as usual.
    TooEarly,
    /// The server sends a correct answer, one byte every 500 ms.
    SlowLoris,
    /// The server answers a request with bytes that are not HTTP.
    GarbageHttp,
    /// The server answers every request with 200 and a log-in page.
    CaptivePortal,
    /// The 101 has a wrong `Sec-WebSocket-Accept`.
    BadAccept,
    /// The 101 lacks `Upgrade` and `Connection`.
    NoUpgradeHeader,
    /// A valid 101 with `Connection: keep-alive, Upgrade`. RFC 6455 allows it, but some clients refuse it.
    KeepAliveUpgrade,
    /// A 103 and a 100 precede the answer. RFC 9110 §15.2 allows them, but some clients refuse them.
    EarlyHints,
    /// A valid 101 in which one header field continues on a second line. RFC 9112 §5.2 lets user agents
    /// accept it, but some clients refuse it.
    FoldedHeader,
    /// The 101 claims HTTP/1.0, a version without that status.
    Http10,
    /// The 101 has an extension that the client didn't offer.
    UnrequestedExtension,
    /// The 101 has a subprotocol that the client didn't offer.
    UnrequestedProtocol,
    /// The 101 has no subprotocol, whatever the client offered. Services that need one fail.
    NoProtocol,
    /// The server answers a request with a 101 whose header fields never end.
    HeaderFlood,
    /// The server answers a request with a 200 whose body never ends.
    EndlessBody,
    /// Two text frames, `one` and `two`, arrive together with the 101. RFC 6455 allows it.
    FramesAfter101,
    /// A valid 101 and right behind it a Close frame with code 1008 and reason `go away`.
    CloseFrameAfter101,
    /// A valid 101 and right behind it bytes that are not a WebSocket frame.
    GarbageAfter101,
    /// A valid 101, then `close_notify` and FIN.
    EndAfter101,
    /// A valid 101, then RST.
    ResetAfter101,
    /// A valid 101, then silence: the server echoes no message and answers no ping.
    SilentAfter101,
}

impl Fault {
    /// Whether all data is lost.
    pub(crate) fn stalls(self) -> bool {
        matches!(self, Fault::BlackHole | Fault::DropData)
    }
}

/// The only TLS version that a server speaks. In TOML: `tls = "1.2"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2: a full handshake takes two round trips, a resumed one takes one.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3: the handshake takes one round trip.
    #[default]
    #[serde(rename = "1.3")]
    V1_3,
}
