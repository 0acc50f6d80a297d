//! The kernel's data about a TCP connection (`TCP_INFO` on Linux), and what a peer's silence means.

use std::time::Duration;

/// Counters and measurements of a connection, taken by the transport itself.
///
/// Linux reports all fields since 5.4, and the first three before that. Counters start with the
/// connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// Smoothed round-trip time. Right after connecting it is the time from SYN to SYN-ACK, measured by
    /// the kernel and thus without this process's own delays. After a retransmitted SYN it may be unknown
    /// (RFC 6298 §3, Karn's algorithm).
    pub rtt: Option<Duration>,
    /// Number of retransmitted segments, including SYNs.
    pub retransmissions: u32,
    /// Number of sent segments that the peer has not acknowledged.
    pub unacknowledged: u32,
    /// Number of bytes that the peer has acknowledged, without the SYN.
    pub bytes_acknowledged: Option<u64>,
    /// Number of bytes received in order.
    pub bytes_received: Option<u64>,
    /// Number of segments received out of order, that is while an earlier one was missing.
    pub out_of_order: Option<u32>,
}

impl TcpInfo {
    /// Creates a value with these two fields; set others as they are known.
    #[must_use]
    pub fn new(rtt: Option<Duration>, retransmissions: u32) -> Self {
        TcpInfo {
            rtt,
            retransmissions,
            ..TcpInfo::default()
        }
    }

    /// Explains why nothing more arrived on a direct connection (without a proxy) whose state right after
    /// connecting was `connected`.
    ///
    /// `None` if it is too early to say, or if this system doesn't report enough.
    #[must_use]
    pub fn silence(&self, connected: &TcpInfo) -> Option<Silence> {
        if self.bytes_received == Some(0) && self.out_of_order.is_some_and(|count| count > 0) {
            return Some(Silence::LargePacketsLost);
        }
        if self.unacknowledged > 0 {
            // The first retransmission follows after 200 ms or more; until then all may be well.
            let repeated = self.retransmissions > connected.retransmissions;
            return repeated.then_some(Silence::Unacknowledged);
        }
        let acknowledged = self.bytes_acknowledged.is_some_and(|bytes| bytes > 0);
        acknowledged.then_some(Silence::Silent)
    }
}

/// The reason why a host that accepted a connection is silent.
///
/// The enum is exhaustive, so that code that shows results fails to compile when a reason is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The last data was retransmitted and never acknowledged, although the connection was accepted.
    /// Something on the path drops these packets, for example a filter that matches the host name in the
    /// ClientHello.
    Unacknowledged,
    /// Later, small packets of the answer arrived, but not the large ones before them. Large packets are
    /// lost on the path, for example at a tunnel with a smaller MTU that is not reported (RFC 2923 §2.1).
    LargePacketsLost,
    /// All sent data is acknowledged, but no answer arrived: the host, or something in its place, hangs.
    Silent,
}

impl Silence {
    /// The stable identifier: `"unacknowledged"`, `"large_packets_lost"`, `"silent"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Silence::Unacknowledged => "unacknowledged",
            Silence::LargePacketsLost => "large_packets_lost",
            Silence::Silent => "silent",
        }
    }
}

display_identifier!(Silence);

#[cfg(target_os = "linux")]
pub(super) mod kernel {
    use std::sync::OnceLock;
    use std::time::Duration;

    // `sockopt_impl!` uses `getsockopt_impl!` without a path.
    use nix::{getsockopt_impl, sockopt_impl};
    use tokio::net::TcpStream;

    use super::TcpInfo;

    /// The beginning of `struct tcp_info` (linux/tcp.h) up to `tcpi_total_retrans`, in 32-bit words. Every
    /// kernel since 2.6 has it.
    type Prefix = [u32; 26];
    /// The struct as of Linux 5.4, up to `tcpi_snd_wnd`. Later kernels append fields.
    type Long = [u32; 58];

    // nix fails if the kernel returns fewer bytes than requested, hence two sizes.
    sockopt_impl!(
        TcpInfoPrefix,
        GetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_INFO,
        Prefix
    );
    sockopt_impl!(
        TcpInfoLong,
        GetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_INFO,
        Long
    );

    const UNACKED: usize = 6;
    const RTT: usize = 17;
    const TOTAL_RETRANS: usize = 25;
    const BYTES_ACKED: usize = 30;
    const BYTES_RECEIVED: usize = 32;
    const RCV_OOOPACK: usize = 56;

    pub(in crate::connect) fn tcp_info(stream: &TcpStream) -> Option<TcpInfo> {
        use nix::sys::socket::getsockopt;

        match has_long() {
            true => Some(read(&getsockopt(stream, TcpInfoLong).ok()?)),
            false => Some(read(&getsockopt(stream, TcpInfoPrefix).ok()?)),
        }
    }

    fn read(words: &[u32]) -> TcpInfo {
        let rtt = words[RTT];
        // A 64-bit field in native byte order.
        let wide = |at: usize| {
            let (first, second) = (*words.get(at)?, *words.get(at + 1)?);
            let mut bytes = [0; 8];
            bytes[..4].copy_from_slice(&first.to_ne_bytes());
            bytes[4..].copy_from_slice(&second.to_ne_bytes());
            Some(u64::from_ne_bytes(bytes))
        };
        TcpInfo {
            rtt: (rtt > 0).then(|| Duration::from_micros(rtt.into())),
            retransmissions: words[TOTAL_RETRANS],
            unacknowledged: words[UNACKED],
            bytes_acknowledged: wide(BYTES_ACKED).map(|bytes| bytes.saturating_sub(1)),
            bytes_received: wide(BYTES_RECEIVED),
            out_of_order: words.get(RCV_OOOPACK).copied(),
        }
    }

    /// Whether this kernel returns a [`Long`] struct.
    fn has_long() -> bool {
        static HAS_LONG: OnceLock<bool> = OnceLock::new();
        *HAS_LONG.get_or_init(|| {
            let release = nix::sys::utsname::uname();
            release.is_ok_and(|all| all.release().to_str().is_some_and(is_long))
        })
    }

    /// Whether a kernel of this release returns a [`Long`] struct: 5.4 or later.
    fn is_long(release: &str) -> bool {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next()?.parse::<u32>().ok();
        next().zip(next()).is_some_and(|version| version >= (5, 4))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_kernels_that_have_it_are_asked_for_more() {
            for release in ["5.4.0-1-amd64", "5.15.0", "6.8.0-45-generic", "10.0", "5.4"] {
                assert!(is_long(release), "{release}");
            }
            // gVisor and WSL 1 report 4.4.0.
            for release in ["4.4.0", "4.19.0-gvisor", "5.3.18", "2.6.32", "5", "", "x.y"] {
                assert!(!is_long(release), "{release}");
            }
        }

        #[test]
        fn a_short_one_has_no_counts() {
            let mut words: Long = [0; 58];
            (words[UNACKED], words[RTT], words[TOTAL_RETRANS]) = (2, 31_000, 3);
            words[BYTES_ACKED..RCV_OOOPACK + 1].fill(u32::MAX);
            let long = read(&words);
            assert_eq!(long.bytes_received, Some(u64::MAX));
            assert_eq!(long.out_of_order, Some(u32::MAX));
            let short = read(&words[..26]);
            let mut expected = TcpInfo::new(Some(Duration::from_millis(31)), 3);
            expected.unacknowledged = 2;
            assert_eq!(short, expected);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) mod kernel {
    pub(in crate::connect) fn tcp_info(_: &tokio::net::TcpStream) -> Option<super::TcpInfo> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(
        retransmissions: u32,
        unacknowledged: u32,
        acknowledged: u64,
        received: u64,
        out_of_order: u32,
    ) -> TcpInfo {
        TcpInfo {
            rtt: Some(Duration::from_millis(30)),
            retransmissions,
            unacknowledged,
            bytes_acknowledged: Some(acknowledged),
            bytes_received: Some(received),
            out_of_order: Some(out_of_order),
        }
    }

    #[test]
    fn silences_are_told_apart() {
        let connected = info(0, 0, 0, 0, 0);
        let told = |now: TcpInfo| now.silence(&connected);
        // The ClientHello was sent five times in 5 s and never acknowledged.
        assert_eq!(told(info(4, 1, 0, 0, 0)), Some(Silence::Unacknowledged));
        // The ClientHello has only just been sent.
        assert_eq!(told(info(0, 1, 0, 0, 0)), None);
        // ServerHello and certificate are missing, but later packets arrived.
        assert_eq!(told(info(0, 0, 517, 0, 1)), Some(Silence::LargePacketsLost));
        // The same while the acknowledgement of a retransmitted ClientHello is on its way.
        assert_eq!(told(info(1, 1, 0, 0, 1)), Some(Silence::LargePacketsLost));
        // Acknowledged, but no answer.
        assert_eq!(told(info(0, 0, 517, 0, 0)), Some(Silence::Silent));
        // The first part of the answer arrived, so the missing packets needn't be large.
        assert_eq!(told(info(0, 0, 517, 1400, 1)), Some(Silence::Silent));
        // A request that is not acknowledged, after a good handshake.
        assert_eq!(
            told(info(3, 1, 517, 4000, 0)),
            Some(Silence::Unacknowledged)
        );
        // Nothing was sent yet.
        assert_eq!(told(connected), None);
    }

    #[test]
    fn a_repeated_syn_is_no_repeated_clienthello() {
        let connected = info(2, 0, 0, 0, 0);
        assert_eq!(info(2, 1, 0, 0, 0).silence(&connected), None);
        let later = info(3, 1, 0, 0, 0).silence(&connected);
        assert_eq!(later, Some(Silence::Unacknowledged));
    }

    /// Without the counters of Linux 5.4, only unacknowledged data can be recognised.
    #[test]
    fn what_is_unknown_is_not_guessed() {
        let connected = TcpInfo::new(None, 0);
        assert_eq!(TcpInfo::new(None, 0).silence(&connected), None);
        let mut dropped = TcpInfo::new(None, 3);
        dropped.unacknowledged = 1;
        assert_eq!(dropped.silence(&connected), Some(Silence::Unacknowledged));
    }
}
