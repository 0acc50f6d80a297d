//! Numbers that can't be taken for each other, and lists that only the right ones index.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A place in a list of one kind of thing.
pub(super) trait Id: Copy {
    /// The one at this place of the list.
    fn new(index: usize) -> Self;

    /// Its place in the list.
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
    /// What is looked up: an endpoint's host, or the proxy of many.
    HostId;
    /// What has one attempt at a time: an IP address, behind a proxy a host.
    ServerId;
    /// Endpoints that are ranked together: those of one residency and service.
    GroupId;
    /// A residency: a data centre, or the mainland pool.
    ResidencyId;
}

/// A `Vec` that is indexed by one kind of id, and hands it out.
#[derive(Debug)]
pub(super) struct IdVec<I, T> {
    items: Vec<T>,
    id: PhantomData<I>,
}

impl<I: Id, T> IdVec<I, T> {
    /// Adds an item; its id.
    pub(super) fn push(&mut self, item: T) -> I {
        let id = self.next_id();
        self.items.push(item);
        id
    }

    /// The id that the next item will get.
    pub(super) fn next_id(&self) -> I {
        I::new(self.items.len())
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All ids so far; borrows nothing, so that what they stand for can be changed meanwhile.
    pub(super) fn ids(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::new)
    }

    /// The first item that is so.
    pub(super) fn find(&self, is_so: impl FnMut(&T) -> bool) -> Option<I> {
        self.items.iter().position(is_so).map(I::new)
    }

    /// All items, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter()
    }

    /// All items, in order, to change.
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
