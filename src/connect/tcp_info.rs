//! What TCP knows of a connection (`TCP_INFO` on Linux), and what a silence means by it.

use std::time::Duration;

/// What the transport itself counted and measured of one connection, at one moment.
///
/// Linux tells all of it since 5.4, and the first three fields before. Counts begin with the
/// connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// The smoothed round-trip time. Right after connecting it is that of SYN and SYN-ACK, taken by
    /// the kernel: free of this process's own delays. A repeated SYN may leave it unknown (RFC 6298
    /// §3, Karn's rule).
    pub rtt: Option<Duration>,
    /// Segments sent again, SYNs among them.
    pub retransmissions: u32,
    /// Segments sent that the peer has not acknowledged.
    pub unacknowledged: u32,
    /// Bytes that the peer acknowledged, the SYN not counted.
    pub bytes_acknowledged: Option<u64>,
    /// Bytes that came in order.
    pub bytes_received: Option<u64>,
    /// Segments that came while one before them was missing.
    pub out_of_order: Option<u32>,
}

impl TcpInfo {
    /// With these two known, as right after connecting; set further fields as they are known.
    #[must_use]
    pub fn new(rtt: Option<Duration>, retransmissions: u32) -> Self {
        TcpInfo {
            rtt,
            retransmissions,
            ..TcpInfo::default()
        }
    }

    /// What it means that nothing more came, for a connection straight to the host that was at
    /// `connected` right after connecting. `None` where it was waited too briefly to tell, or where
    /// this system can't.
    #[must_use]
    pub fn silence(&self, connected: &TcpInfo) -> Option<Silence> {
        if self.bytes_received == Some(0) && self.out_of_order.is_some_and(|count| count > 0) {
            return Some(Silence::LargePacketsLost);
        }
        if self.unacknowledged > 0 {
            // The first retransmission comes after 200 ms or more: until then all may be well.
            let repeated = self.retransmissions > connected.retransmissions;
            return repeated.then_some(Silence::Unacknowledged);
        }
        let acknowledged = self.bytes_acknowledged.is_some_and(|bytes| bytes > 0);
        acknowledged.then_some(Silence::Silent)
    }
}

/// What the silence of a host that accepted a connection means.
///
/// Exhaustive: whoever shows results should learn of another one from the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// What was sent last was sent again and never acknowledged, though the connection was accepted:
    /// something drops just these packets, as filters do with a ClientHello that names a host.
    Unacknowledged,
    /// The answer's small last packet came and its large first ones did not: large packets are lost
    /// on the way, as behind a tunnel whose size nobody is told (RFC 2923 §2.1).
    LargePacketsLost,
    /// All that was sent is acknowledged, and nothing came: the host, or who stands in for it, hangs.
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

    // The macro calls the other one by its bare name.
    use nix::{getsockopt_impl, sockopt_impl};
    use tokio::net::TcpStream;

    use super::TcpInfo;

    /// The prefix of `struct tcp_info` (linux/tcp.h) up to `tcpi_total_retrans`, in 32-bit words:
    /// in every kernel since 2.6.
    type Prefix = [u32; 26];
    /// As long as Linux 5.4 has it, up to `tcpi_snd_wnd`. Later kernels have more behind it.
    type Long = [u32; 58];

    // The getter wants as many bytes as it asked for, and an older kernel returns fewer.
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

    /// Of this connection, now.
    pub(in crate::connect) fn tcp_info(stream: &TcpStream) -> Option<TcpInfo> {
        use nix::sys::socket::getsockopt;

        match has_long() {
            true => Some(read(&getsockopt(stream, TcpInfoLong).ok()?)),
            false => Some(read(&getsockopt(stream, TcpInfoPrefix).ok()?)),
        }
    }

    fn read(words: &[u32]) -> TcpInfo {
        let rtt = words[RTT];
        // Of 64 bits, in the machine's order.
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

    /// Whether this kernel has it as long as [`Long`].
    fn has_long() -> bool {
        static HAS_LONG: OnceLock<bool> = OnceLock::new();
        *HAS_LONG.get_or_init(|| {
            let release = nix::sys::utsname::uname();
            release.is_ok_and(|all| all.release().to_str().is_some_and(is_long))
        })
    }

    /// Whether the kernel of this release has it as long as [`Long`]: 5.4 or later.
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
            // gVisor and the first WSL call themselves 4.4.0.
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
        // The ClientHello was sent five times in 5 s, and never acknowledged.
        assert_eq!(told(info(4, 1, 0, 0, 0)), Some(Silence::Unacknowledged));
        // ... and has only just been sent.
        assert_eq!(told(info(0, 1, 0, 0, 0)), None);
        // ServerHello and certificate are missing, what follows them came.
        assert_eq!(told(info(0, 0, 517, 0, 1)), Some(Silence::LargePacketsLost));
        // The same where the acknowledgement of a repeated ClientHello is on its way.
        assert_eq!(told(info(1, 1, 0, 0, 1)), Some(Silence::LargePacketsLost));
        // Acknowledged, and nothing came.
        assert_eq!(told(info(0, 0, 517, 0, 0)), Some(Silence::Silent));
        // The first part of the answer came: what is missing is not known to be large.
        assert_eq!(told(info(0, 0, 517, 1400, 1)), Some(Silence::Silent));
        // A request that nobody acknowledges, after all went well.
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

    /// Without the counts of Linux 5.4 only what is unacknowledged can be told.
    #[test]
    fn what_is_unknown_is_not_guessed() {
        let connected = TcpInfo::new(None, 0);
        assert_eq!(TcpInfo::new(None, 0).silence(&connected), None);
        let mut dropped = TcpInfo::new(None, 3);
        dropped.unacknowledged = 1;
        assert_eq!(dropped.silence(&connected), Some(Silence::Unacknowledged));
    }
}
