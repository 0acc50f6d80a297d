//! Indices as distinct types, so that one can't be used for another.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(usize);

        impl $name {
            /// The id with this index.
            #[must_use]
            #[inline]
            pub const fn new(index: usize) -> Self {
                $name(index)
            }

            /// Returns its index.
            #[must_use]
            #[inline]
            pub const fn index(self) -> usize {
                self.0
            }
        }
    )+};
}

ids! {
    /// A candidate of a [`Network`](crate::history::Network), numbered in the order in which candidates
    /// became known.
    CandidateId;
    /// An attempt of a [`Race`](crate::race::Race), numbered in the order in which candidates were
    /// added.
    AttemptId;
    /// A host.
    HostId;
}
