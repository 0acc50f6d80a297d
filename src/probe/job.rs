//! The work that the schedule hands to the driver.

use std::net::SocketAddr;

use super::ids::{CandidateId, HostId};
use super::silence::Silence;
use crate::catalog::Endpoint;
use crate::dialer::Peer;
use crate::handshake::Progress;
use crate::resolve::Family;

/// One attempt to make.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Identifies the candidate to the schedule.
    pub(super) candidate: CandidateId,
    pub(super) endpoint: Endpoint,
    pub(super) address: SocketAddr,
    pub(super) round: u32,
    /// Whether to wait one round trip for what the server sends right after the upgrade: at the first
    /// attempt, and wherever it ended a connection that way before. Waiting every time would make a
    /// run a third longer.
    pub(super) listens: bool,
    /// Shows the schedule the progress of the attempt.
    pub(super) progress: Progress,
    /// When to abandon an unanswered SYN before the timeout; `None` through a proxy.
    pub(super) silence: Option<Silence>,
}

/// One lookup to make.
#[derive(Clone, Debug)]
pub(super) struct LookupJob {
    /// Identifies the host to the schedule.
    pub(super) host_id: HostId,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_public: bool,
    pub(super) family: Family,
    pub(super) round: u32,
}

impl LookupJob {
    pub(super) fn peer(&self) -> Peer<'_> {
        Peer {
            host: &self.host,
            port: self.port,
            proxy: None,
            is_public: self.is_public,
        }
    }
}

/// The next step.
#[derive(Debug)]
pub(super) enum Next {
    /// Start this attempt.
    Start(Job),
    /// Nothing can start until an attempt or lookup ends, or has been silent for long enough.
    Wait,
    /// Everything is done.
    Done,
}
