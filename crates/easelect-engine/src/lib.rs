//! Every decision of `easelect`, without clock or socket: `now` comes in, actions come out.
//!
//! | to know | see |
//! | --- | --- |
//! | what to expect of a candidate that was never seen | [`unseen`] |
//! | what others measured of hosts, from which kind of network | [`priors`] |
//! | what a candidate is expected to cost, what it is worth to ask | [`forecast`] |
//! | how often it fails, and how long it is left alone then | [`health`] |
//! | what an attempt taught | [`observation`] |
//! | what is remembered of a network's candidates, who is preferred | [`history`] |
//! | whom to dial, when to start TLS, when to hedge | [`race`] |
//! | when to come back after a connection ended | [`backoff`] |
//! | how what others wrote may be shown | [`shown`] |
//!
//! A *candidate* is one address of one host. Times are [`Duration`](std::time::Duration)s since a
//! beginning of the caller's, or [`Timestamp`](timestamp::Timestamp)s; randomness comes in as a
//! number from 0 to 1. So the same calls give the same answers, and a simulation can play years.
//!
//! How the modules decide together, and what other values of their constants did in the simulation:
//! `docs/selection.md` in the repository.
//!
//! **Not a stable interface**: it changes with every release of `easelect`, which depends on exactly
//! its own version. What apps need, `easelect` re-exports.

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
