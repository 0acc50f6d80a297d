//! Exit statuses.

/// How a command ended; the number is the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Done; every group has a usable endpoint.
    Usable = 0,
    /// A group has none, or a connection failed.
    Unusable = 1,
    /// An error in usage, input or output.
    WrongUsage = 2,
    /// Inconclusive, or interrupted.
    Inconclusive = 3,
    /// Usable, but above a limit.
    AboveLimit = 4,
}
