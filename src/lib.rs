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
mod handshake;
mod tls;
pub use handshake::{ConnectOptions, SecureStream};
pub use tls::{TlsClient, TlsSession};
mod rank;
mod sample;
mod stats;
pub use rank::{Ranked, Ranking, Reason, Tier, rank};
pub use sample::{Attempt, AttemptOutcome, Lookup, Sample};
pub use stats::{AddressStats, Distribution, EndpointStats, FailureCount, Summary};
mod probe;
pub use probe::{ProbeEvent, ProbeOutcome, Prober, ProberBuilder, Probing, Rounds};
mod race;
