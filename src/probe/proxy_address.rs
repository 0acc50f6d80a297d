//! The proxy's address, where it has several.
//!
//! `localhost` is often two, of which one answers. Were each probed for itself, half of the
//! attempts at every endpoint would fail, and none because of the endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::{join_all, select_ok};

use crate::connect::Connect;
use crate::resolve::{Names, Pin, Trust};

/// Pins the proxy to the first of its addresses that answers. Where none does, or there is but
/// one, everything stays as it is: the attempts will tell.
pub(super) async fn settle(names: &mut Names, connect: &dyn Connect, timeout: Duration) {
    let Some(proxy) = names.proxy.clone() else {
        return;
    };
    let (host, port) = (proxy.host(), proxy.port());
    let answered = async {
        let families = names.families.list().iter();
        let lookups = families.map(|one| names.lookup(host, port, *one, Trust::User, timeout));
        let answers = join_all(lookups).await.into_iter();
        let found: Vec<_> = answers.flat_map(Result::unwrap_or_default).collect();
        if found.len() < 2 {
            return None;
        }
        let dials = found.into_iter().map(|ip| {
            let dial = connect.connect(SocketAddr::new(ip, port));
            Box::pin(async move {
                let mut io = dial.await?;
                io.reset_on_drop();
                Ok::<_, std::io::Error>(ip)
            })
        });
        select_ok(dials).await.ok()
    };
    let answered = tokio::time::timeout(timeout, answered).await;
    if let Ok(Some((ip, _))) = answered {
        names.pin(Pin::new(host, port, vec![ip]));
    }
}
