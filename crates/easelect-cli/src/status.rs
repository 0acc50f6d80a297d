//! How a command ends, for scripts.

/// How it ended, for scripts; the number is the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Every group has a usable endpoint; what was asked for was done.
    Usable = 0,
    /// A group has none, or a connection failed.
    Unusable = 1,
    /// Arguments or files are wrong.
    WrongUsage = 2,
    /// What was measured doesn't tell, or somebody interrupted it.
    Inconclusive = 3,
    /// Usable, but above a limit.
    AboveLimit = 4,
}
