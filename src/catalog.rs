//! The known endpoints: Easemob's published ones and the user's own.
//!
//! Easemob's page lists hosts without ports or paths. Each URL therefore has a [`Confidence`], and each
//! can be overridden. China VIP and the global acceleration nodes have no public hosts: an Easemob account
//! manager supplies them, and a user's catalogue adds them.

mod builtin;
mod endpoint;
mod file;
mod region;
mod url;

pub use endpoint::{Confidence, Endpoint, Service, Variant};
pub use file::{CatalogFormat, EndpointEntry, RegionEntry, UserCatalog};
pub use region::{Locality, Reference, Region, RegionInfo, Residency};

pub(crate) use endpoint::is_token;
pub(crate) use url::{host_of, port_of};

use crate::error::{Error, ErrorKind, shortened};

/// A set of data centres and endpoints.
///
/// ```
/// use easelect::{Catalog, Region, Residency, Service};
///
/// let catalog = Catalog::builtin();
/// assert_eq!(catalog.endpoints().len(), 44);
/// let group = catalog.group(&Residency::from(Region::SGP1), Service::Websocket)?;
/// assert_eq!(group[0].host(), "im-api-sgp-v2.easemob.com");
/// # Ok::<(), easelect::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Catalog {
    regions: Vec<RegionInfo>,
    endpoints: Vec<Endpoint>,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog::builtin()
    }
}

impl Catalog {
    /// Returns Easemob's seven data centres and the 44 hosts that it publishes for them.
    #[must_use]
    pub fn builtin() -> Self {
        Catalog {
            regions: builtin::regions(),
            endpoints: builtin::endpoints(),
        }
    }

    /// Returns the data centres: Easemob's in the order of its page, then the user's own.
    #[must_use]
    pub fn regions(&self) -> &[RegionInfo] {
        &self.regions
    }

    /// Returns the details of a data centre, or `None` if it is not in this catalogue.
    #[must_use]
    pub fn region(&self, region: &Region) -> Option<&RegionInfo> {
        self.regions.iter().find(|info| info.region() == region)
    }

    /// Finds the data centre with this identifier.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] if there is none. The message lists the known identifiers.
    pub fn find_region(&self, id: &str) -> Result<Region, Error> {
        self.regions
            .iter()
            .map(RegionInfo::region)
            .find(|region| region.as_str() == id)
            .cloned()
            .ok_or_else(|| {
                let known: Vec<&str> = self.regions.iter().map(|i| i.region().as_str()).collect();
                Error::new(
                    ErrorKind::Catalog,
                    format!(
                        "unknown region \"{}\": expected one of {} (or a region declared in a \
                         catalogue file with [[region]])",
                        shortened(id),
                        known.join(", ")
                    ),
                )
            })
    }

    /// Returns all endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Returns the endpoints of one service that may be raced against each other.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NoEndpoints`] if there are none. The message says whether Easemob publishes none, as
    ///   for Alipay overseas, or explains how to obtain the hosts, as for China VIP.
    /// - [`ErrorKind::Catalog`] if the data centre is not in this catalogue.
    pub fn group(&self, residency: &Residency, service: Service) -> Result<Vec<Endpoint>, Error> {
        let group: Vec<Endpoint> = self
            .endpoints
            .iter()
            .filter(|one| one.service() == service && residency.contains(one.region()))
            .cloned()
            .collect();
        if group.is_empty() {
            return Err(self.no_endpoints(residency, service));
        }
        Ok(group)
    }

    fn no_endpoints(&self, residency: &Residency, service: Service) -> Error {
        let regions = residency.regions();
        let infos: Vec<_> = regions.iter().filter_map(|r| self.region(r)).collect();
        let message = if infos.len() < regions.len() {
            match self.find_region(regions[0].as_str()) {
                Err(unknown) => return unknown,
                Ok(_) => format!("only some regions of {residency} are in the catalogue"),
            }
        } else if infos.iter().all(|info| info.has_public_hosts()) {
            format!(
                "Easemob publishes no {service} endpoint in {residency}; if you have one, add it in a \
                 catalogue file or with Catalog::with_endpoint"
            )
        } else {
            format!(
                "{residency} has no public hosts: ask your Easemob account manager (商务经理) for \
                 them, then add them in a catalogue file ([[endpoint]] with region = \
                 \"{residency}\", service = \"{service}\", url = \"…\") or with \
                 Catalog::with_endpoint"
            )
        };
        Error::new(ErrorKind::NoEndpoints, message)
    }

    /// Adds an endpoint, or replaces the one with the same region, service, host and port.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Catalog`] if the endpoint's region is not in this catalogue.
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Result<Self, Error> {
        self.find_region(endpoint.region().as_str())?;
        let mut all = self.endpoints.iter_mut();
        match all.find(|other| other.shares_place_with(&endpoint)) {
            Some(other) => *other = endpoint,
            None => self.endpoints.push(endpoint),
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_44_hosts_in_22_groups() {
        let catalog = Catalog::builtin();
        assert_eq!(catalog.endpoints().len(), 44);
        let hosts: std::collections::BTreeSet<_> =
            catalog.endpoints().iter().map(Endpoint::host).collect();
        assert_eq!(hosts.len(), 44);
        let groups: std::collections::BTreeSet<_> = catalog
            .endpoints()
            .iter()
            .map(|one| (one.region(), one.service()))
            .collect();
        assert_eq!(groups.len(), 22);
        assert!(catalog.endpoints().iter().all(|one| one.port() == 443));
        assert_eq!(
            catalog
                .endpoints()
                .iter()
                .filter(|one| one.confidence() == Confidence::Inferred)
                .count(),
            20
        );
    }

    #[test]
    fn a_missing_group_says_why() {
        let catalog = Catalog::builtin();
        let alipay = catalog
            .group(&Region::SGP1.into(), Service::Alipay)
            .unwrap_err();
        assert!(alipay.to_string().contains("publishes no alipay"));
        let vip = catalog
            .group(&Region::CN_VIP.into(), Service::Websocket)
            .unwrap_err();
        assert!(vip.to_string().contains("account manager"));
        let unknown = catalog
            .group(&Region::new("mars").unwrap().into(), Service::Rest)
            .unwrap_err();
        assert!(unknown.to_string().contains("unknown region"));
    }

    #[test]
    fn the_pool_holds_both_mainland_clusters() {
        let pool = Catalog::builtin()
            .group(&Residency::mainland_pool(), Service::Websocket)
            .unwrap();
        assert_eq!(pool.len(), 4);
    }

    #[test]
    fn an_own_endpoint_replaces_the_built_in_one_on_the_same_host() {
        let own = Endpoint::new(
            Region::CN1,
            Service::Websocket,
            "wss://im-api-v2.easemob.com/websocket",
        )
        .unwrap();
        let catalog = Catalog::builtin().with_endpoint(own.clone()).unwrap();
        assert_eq!(catalog.endpoints().len(), 44);
        assert!(catalog.endpoints().contains(&own));
    }
}
