//! Typed indices, and vectors that only the matching type can index.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// An index into an [`IdVec`].
pub(super) trait Id: Copy {
    fn new(index: usize) -> Self;

    fn index(self) -> usize;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) struct $name(usize);

        impl Id for $name {
            #[inline]
            fn new(index: usize) -> Self {
                $name(index)
            }

            #[inline]
            fn index(self) -> usize {
                self.0
            }
        }
    )+};
}

ids! {
    /// An endpoint, in the order in which they were given.
    EndpointId;
    /// A candidate: one address of one endpoint, in the order in which they were found.
    CandidateId;
    /// A host to look up: an endpoint's, or the proxy of many.
    HostId;
    /// A server, which gets one attempt at a time: an IP address, or behind a proxy a host.
    ServerId;
    /// Endpoints that are ranked together: those of one residency and service.
    GroupId;
    /// A residency: one region, or the mainland pool.
    ResidencyId;
}

/// A `Vec` indexed by one type of id.
#[derive(Debug)]
pub(super) struct IdVec<I, T> {
    items: Vec<T>,
    id: PhantomData<I>,
}

impl<I: Id, T> IdVec<I, T> {
    /// Adds an item, and returns its id.
    pub(super) fn push(&mut self, item: T) -> I {
        let id = self.next_id();
        self.items.push(item);
        id
    }

    /// The id of the next item.
    pub(super) fn next_id(&self) -> I {
        I::new(self.items.len())
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All ids so far. Borrows nothing, so that items can be changed during iteration.
    pub(super) fn ids(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::new)
    }

    /// The first item that matches.
    pub(super) fn find(&self, is_so: impl FnMut(&T) -> bool) -> Option<I> {
        self.items.iter().position(is_so).map(I::new)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut()
    }
}

impl<I, T> Default for IdVec<I, T> {
    fn default() -> Self {
        IdVec {
            items: Vec::new(),
            id: PhantomData,
        }
    }
}

impl<I: Id, T> Index<I> for IdVec<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, id: I) -> &T {
        &self.items[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for IdVec<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }
}
