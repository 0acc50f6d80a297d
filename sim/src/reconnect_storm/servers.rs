//! The servers of all hosts: one cluster with one queue.

/// The length of the queue beyond which SYNs are dropped.
const QUEUE_US: f64 = 20e6;

/// A cluster that does TLS handshakes in order of arrival, at a fixed rate.
#[derive(Debug)]
pub(super) struct Servers {
    /// Until then, SYNs are refused.
    back_us: u64,
    handshake_us: f64,
    /// When all handshakes that have arrived will be done.
    free_us: f64,
    /// The number of handshakes that arrived in each second.
    arrived: Vec<u32>,
}

/// The fate of a SYN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Syn {
    Answered,
    Refused,
    Dropped,
}

impl Servers {
    pub(super) fn new(per_second: f64, back_us: u64) -> Self {
        Servers {
            back_us,
            handshake_us: 1e6 / per_second,
            free_us: 0.0,
            arrived: Vec::new(),
        }
    }

    /// Returns a SYN's fate. The kernel answers it as long as the queue isn't full.
    pub(super) fn syn(&self, now_us: u64) -> Syn {
        if now_us < self.back_us {
            Syn::Refused
        } else if self.free_us - now_us as f64 > QUEUE_US {
            Syn::Dropped
        } else {
            Syn::Answered
        }
    }

    /// Queues a ClientHello, and returns when it will be answered.
    pub(super) fn hello(&mut self, now_us: u64) -> u64 {
        let second = (now_us / 1_000_000) as usize;
        if self.arrived.len() <= second {
            self.arrived.resize(second + 1, 0);
        }
        self.arrived[second] += 1;
        self.free_us = self.free_us.max(now_us as f64) + self.handshake_us;
        self.free_us.ceil() as u64
    }

    /// Returns the most handshakes that arrived in a second, and the number of all.
    pub(super) fn arrived(&self) -> (u32, u64) {
        let most = self.arrived.iter().max().copied().unwrap_or_default();
        (most, self.arrived.iter().copied().map(u64::from).sum())
    }
}
