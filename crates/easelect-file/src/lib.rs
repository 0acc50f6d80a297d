//! How easelect reads and replaces files. A path may lead to something other than the file that the
//! user means: a pipe, an endless device, or a link that another user planted. Reading never blocks on
//! a pipe and stops at a limit; writing replaces the whole file.
//!
//! | task | see |
//! | --- | --- |
//! | read a file anywhere | [`read`], or [`look`] if other code reads it |
//! | read and replace a file of easelect's or of the app's | [`Target`] |
//! | write to a pipe or a device | [`open_special`] |
//!
//! A file's type is checked by its open handle, so that nothing can replace the file between the check
//! and its use. A read can still hang on a file system that doesn't answer.
//!
//! **The interface is not stable**: it may change with every release of `easelect`, which depends on
//! exactly its own version.

#![warn(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

// In the order in which data flows: a module uses only those above it (the workspace's
// tests/structure.rs checks it).
mod error;

mod opened;

mod target;

pub use error::FileError;
pub use opened::{look, open_special, read};
pub use target::Target;
