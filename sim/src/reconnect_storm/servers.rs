//! The servers of all hosts: one cluster with one queue.

/// What would wait for longer finds a full queue: its SYN is dropped.
const QUEUE_US: f64 = 20e6;

/// So many TLS handshakes a second, in order of arrival.
#[derive(Debug)]
pub(super) struct Servers {
    /// Until then SYNs are refused.
    back_us: u64,
    handshake_us: f64,
    /// When what has arrived will be done.
    free_us: f64,
    /// Handshakes that arrived in each second.
    arrived: Vec<u32>,
}

/// What becomes of a SYN.
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

    /// The kernel answers SYNs, however long the queue of handshakes is, until it is full.
    pub(super) fn syn(&self, now_us: u64) -> Syn {
        if now_us < self.back_us {
            Syn::Refused
        } else if self.free_us - now_us as f64 > QUEUE_US {
            Syn::Dropped
        } else {
            Syn::Answered
        }
    }

    /// A ClientHello arrived; when it will be answered, whether or not its client is still there.
    pub(super) fn hello(&mut self, now_us: u64) -> u64 {
        let second = (now_us / 1_000_000) as usize;
        if self.arrived.len() <= second {
            self.arrived.resize(second + 1, 0);
        }
        self.arrived[second] += 1;
        self.free_us = self.free_us.max(now_us as f64) + self.handshake_us;
        self.free_us.ceil() as u64
    }

    /// Handshakes that arrived in the fullest second, and in all.
    pub(super) fn arrived(&self) -> (u32, u64) {
        let most = self.arrived.iter().max().copied().unwrap_or_default();
        (most, self.arrived.iter().copied().map(u64::from).sum())
    }
}
