//! The decisions of `easelect`, as pure state machines without clock or socket: the current time comes
//! in, actions come out.
//!
//! | decision | module |
//! | --- | --- |
//! | what to expect of a candidate that was never seen | [`unseen`] |
//! | what other devices measured, by class of network | [`priors`] |
//! | what opening a candidate is expected to cost | [`forecast`] |
//! | how often a candidate fails, and how long its circuit breaker stays open | [`health`] |
//! | what an attempt showed | [`observation`] |
//! | what is remembered of a network's candidates, and which one is preferred | [`history`] |
//! | which candidate to dial, when to start TLS, when to hedge | [`race`] |
//! | when to reconnect | [`backoff`] |
//! | how to show text written by others | [`shown`] |
//!
//! A *candidate* is one address of one endpoint. Times are [`Duration`](std::time::Duration)s since a
//! start that the caller chooses, or [`Timestamp`](timestamp::Timestamp)s. Random numbers are
//! parameters. So the same calls always give the same answers, and a simulation can play years in
//! seconds.
//!
//! `docs/selection.md` in the repository describes how the modules work together, and what other values
//! of their constants did in the simulation.
//!
//! **The interface is not stable.** It changes with every release of `easelect`, which depends on
//! exactly its own version. `easelect` re-exports what apps need.

#![warn(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

// In the order in which data flows: a module uses only those above it (tests/structure.rs of the
// workspace).
pub mod shown;

pub mod timestamp;

pub mod probability;

pub mod id;

pub mod unseen;

pub mod priors;

pub mod forecast;

pub mod health;

pub mod observation;

pub mod history;

pub mod race;

pub mod backoff;
