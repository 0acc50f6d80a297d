//! What the schedule hands to the driver.

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
    /// Tells the schedule which candidate it was.
    pub(super) candidate: CandidateId,
    pub(super) endpoint: Endpoint,
    pub(super) address: SocketAddr,
    pub(super) round: u32,
    /// Whether to wait a round trip for what the server says right behind the upgrade: at first, and
    /// where it did so before. To wait each time would make a run a third longer.
    pub(super) listens: bool,
    /// Tells the schedule how far the attempt has come.
    pub(super) progress: Progress,
    /// When to give up where no SYN is answered before the time-out, and no proxy is on the way.
    pub(super) silence: Option<Silence>,
}

/// One look-up to make.
#[derive(Clone, Debug)]
pub(super) struct LookupJob {
    /// Tells the schedule which host it was.
    pub(super) host_id: HostId,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_public: bool,
    pub(super) family: Family,
    pub(super) round: u32,
}

impl LookupJob {
    /// Whom to look up.
    pub(super) fn peer(&self) -> Peer<'_> {
        Peer {
            host: &self.host,
            port: self.port,
            proxy: None,
            is_public: self.is_public,
        }
    }
}

/// What to do now.
#[derive(Debug)]
pub(super) enum Next {
    /// Start this attempt.
    Start(Job),
    /// Nothing can start until something under way ends, or is silent for long.
    Wait,
    /// Everything is done.
    Done,
}
