//! easelect
mod catalog;
mod error;
mod failure;
mod phase;

pub use catalog::{
    Catalog, CatalogFormat, Confidence, Endpoint, EndpointEntry, Locality, Reference, Region,
    RegionEntry, RegionInfo, Residency, Service, UserCatalog, Variant,
};
pub use error::{Error, ErrorKind};
pub use failure::{Failure, FailureKind};
pub use phase::{Phase, Timings};
mod resolve;
mod transport;
pub use resolve::{Families, Family, Pin, Resolve, Resolved, SystemResolver};
pub use transport::{Connect, Io, KernelRtt, TcpConnect};
#[cfg(feature = "lab")]
pub mod lab;
