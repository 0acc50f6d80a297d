//! Every fault that a network, a DNS server or a peer can have: its kind and phase, what was
//! measured before it, the tier it leads to, how long it may take, and that nothing is left open. On
//! the simulated network, where times are exact, and on loopback sockets for what only a kernel can
//! show.

// Helpers are tests too; clippy.toml's exception only knows functions with #[test].
#![allow(clippy::unwrap_used, clippy::panic)]

mod bounds;
mod connecting;
mod http;
mod names;
mod resolving;
mod secure;
mod trial;
