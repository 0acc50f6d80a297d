//! When a client's kernel sends the SYNs of one connect, and when the connect times out.

use std::time::Duration;

/// The times at which SYNs are sent, counted from the first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Syns(Vec<Duration>);

/// Linux's `tcp_syn_retries` = 6 with `tcp_syn_linear_timeouts` = 4 (since 6.5), in seconds.
const LINUX_6_5: [u64; 11] = [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67];
/// The same before 6.5: the wait doubles from the first on (RFC 6298 §5.5).
const LINUX_6_4: [u64; 7] = [0, 1, 3, 7, 15, 31, 63];

const LATEST: Duration = Duration::from_secs(3600);

impl Syns {
    pub(crate) fn at(times: Vec<Duration>) -> Self {
        Syns(times)
    }

    /// Returns the times of a version of Linux, by its name in TOML.
    pub(crate) fn preset(name: &str) -> Option<Self> {
        let seconds: &[u64] = match name {
            "linux-6.5" => &LINUX_6_5,
            "linux-6.4" => &LINUX_6_4,
            _ => return None,
        };
        let times = seconds.iter().copied().map(Duration::from_secs);
        Some(Syns(times.collect()))
    }

    pub(crate) fn times(&self) -> &[Duration] {
        &self.0
    }

    /// When the kernel lets the connect time out.
    pub(crate) fn give_up(&self) -> Duration {
        let mut last = self.0.iter().rev().copied();
        let (end, before) = (last.next().unwrap_or_default(), last.next());
        let gap = before.map_or(Duration::ZERO, |before| end.saturating_sub(before));
        end + (2 * gap).max(Duration::from_secs(1))
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let growing = self.0.is_sorted_by(|a, b| a < b);
        let first = self.0.first() == Some(&Duration::ZERO);
        let last = self.0.last().is_some_and(|last| *last <= LATEST);
        if growing && first && last && self.0.len() <= 64 {
            return Ok(());
        }
        Err("syn_retransmit: expected 1 to 64 increasing times, from 0 to at most 1 h".into())
    }
}

impl Default for Syns {
    fn default() -> Self {
        Syns(LINUX_6_5.map(Duration::from_secs).to_vec())
    }
}
