//! Numbers that can't be taken for each other.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(usize);

        impl $name {
            /// The one at this place of a list.
            #[must_use]
            #[inline]
            pub const fn new(index: usize) -> Self {
                $name(index)
            }

            /// Its place in a list.
            #[must_use]
            #[inline]
            pub const fn index(self) -> usize {
                self.0
            }
        }
    )+};
}

ids! {
    /// A candidate of a [`Network`](crate::history::Network), in the order in which they became known.
    CandidateId;
    /// An attempt of a [`Race`](crate::race::Race), in the order in which its candidates were added.
    AttemptId;
    /// A host.
    HostId;
}
