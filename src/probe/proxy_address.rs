//! Chooses the proxy's address, if it has several.
//!
//! `localhost` often has two, only one of which answers. If both were probed, half of the attempts at
//! every endpoint would fail for a reason unrelated to the endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::{join_all, select_ok};

use crate::connect::Transport;
use crate::dialer::{Dialer, Peer, PinnedHost};
use crate::failure::Failure;

/// Pins the proxy to the first of its addresses that accepts a connection. If there is only one
/// address, or none accepts, returns the dialer unchanged: the attempts will show the failure.
pub(super) async fn settle(dialer: Dialer, timeout: Duration) -> Dialer {
    let Some(proxy) = dialer.proxy() else {
        return dialer;
    };
    let peer = Peer::proxy(proxy);
    let answered = async {
        let families = dialer.families().list().iter();
        let lookups = families.map(|one| dialer.look_up(&peer, *one, timeout, timeout));
        let answers = join_all(lookups).await.into_iter();
        let answers = answers.filter_map(|one| one.outcome.ok());
        let found: Vec<_> = answers.flat_map(|found| found.addresses).collect();
        if found.len() < 2 {
            return None;
        }
        let dials = found.into_iter().map(|ip| {
            let dial = dialer.connect(&peer, SocketAddr::new(ip, peer.port));
            Box::pin(async move {
                let mut io = dial.await?;
                io.reset_on_drop();
                Ok::<_, Failure>(ip)
            })
        });
        select_ok(dials).await.ok()
    };
    let answered = tokio::time::timeout(timeout, answered).await;
    match answered {
        Ok(Some((ip, _))) => dialer.with_pinned(PinnedHost::new(peer.host, peer.port, vec![ip])),
        _ => dialer,
    }
}
