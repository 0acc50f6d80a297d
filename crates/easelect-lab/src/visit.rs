//! One connection, from its server's side.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::log::EventKind;
use crate::network::Network;
use crate::path::Route;
use crate::pipe::{Side, Wire};

/// One connection, from its server's side.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) network: Arc<Network>,
    pub(crate) route: Arc<Route>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) address: SocketAddr,
    pub(crate) number: u64,
}

impl Visit {
    pub(crate) fn event(&self, kind: EventKind) {
        self.network.event(self.address, Some(self.number), kind);
    }

    pub(crate) fn reset_on_drop(&self) {
        self.wire.reset_on_drop(Side::Server);
    }
}

/// Reads until the client ends the connection, and never answers.
pub(crate) async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut buf = [0; 4096];
    while stream.read(&mut buf).await? > 0 {}
    Ok(())
}
