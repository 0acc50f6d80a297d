//! Files that a user names, and in whose place others may have put something else: read without
//! waiting and up to a limit, replaced whole.
//!
//! | to | see |
//! | --- | --- |
//! | read a file that may be anywhere | [`read`], or [`look`] where others read it |
//! | read and replace a file of one's own | [`Target`] |
//! | write to a pipe or a device | [`open_special`] |
//!
//! Whatever is opened is looked at by its handle, so that nothing can be put in its place in between.
//! What hangs in spite of this is the disk itself.
//!
//! **Not a stable interface**: it changes with every release of `easelect`, which depends on exactly
//! its own version.

#![warn(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

// In the order in which data flows: a module uses only those above it (tests/structure.rs of the
// workspace).
mod error;

mod opened;

mod target;

pub use error::FileError;
pub use opened::{look, open_special, read};
pub use target::Target;
