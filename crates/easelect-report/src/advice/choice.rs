//! The recommended addresses of one service, in order: those that a report found ready, or all of the
//! catalogue.

use easelect::{Catalog, Confidence, Endpoint, Region, Service};
use serde::Serialize;

use crate::model::{EndpointModel, Model};
use crate::texts::shown;

/// More than any service of a data centre has. A report from elsewhere could list any number.
const MOST_LEFT_OUT: usize = 8;

/// The basis of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Basis {
    /// A report: only endpoints that it found ready, best first.
    Measured,
    /// No report: the catalogue's order, which is not a ranking.
    NotMeasured,
    /// The report lacks this service in this data centre: the catalogue's order.
    NotInReport,
    /// The report found none ready.
    NoneReady,
    /// The catalogue has none.
    NoneKnown,
}

/// A recommended address.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// The URL with the path that works, its query hidden.
    pub(super) url: String,
    /// The median time to open a connection, in milliseconds.
    pub(super) p50_ms: Option<f64>,
}

impl Address {
    /// An address at this path, without a measurement.
    fn new(endpoint: &Endpoint, path: &str) -> Self {
        Address {
            url: endpoint.shown_with(path),
            endpoint: endpoint.clone(),
            p50_ms: None,
        }
    }

    /// The base URL of REST requests, as SDKs take it: without a trailing `/`.
    pub(super) fn base(&self) -> &str {
        match self.endpoint.path() {
            "/" => self.url.strip_suffix('/').unwrap_or(&self.url),
            _ => &self.url,
        }
    }

    /// Whether port or path are inferred.
    pub(super) fn is_inferred(&self) -> bool {
        self.endpoint.confidence() == Confidence::Inferred
    }
}

/// Why an address is not recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// It answers, but not as an endpoint should.
    Answering,
    /// It is unreachable.
    Unreachable,
    /// The report didn't measure it.
    NotMeasured,
    /// It is in the report, but not in the catalogue.
    NotInCatalog,
}

/// An address that is not recommended.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) url: String,
    pub(super) why: Why,
}

/// The addresses of one service, best first.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) service: Service,
    pub(super) basis: Basis,
    pub(super) addresses: Vec<Address>,
    pub(super) left_out: Vec<LeftOut>,
}

/// The addresses to recommend for `service` in `region`. A report orders and excludes addresses of the
/// catalogue; it can't add any, because reports come from strangers.
pub(super) fn choice(
    catalog: &Catalog,
    region: &Region,
    service: Service,
    measured: Option<&Model>,
) -> Choice {
    let residency = region.clone().into();
    let known = catalog.group(&residency, service).unwrap_or_default();
    let rows = measured.map_or_else(Vec::new, |model| rows(model, region, service));
    let mut choice = Choice {
        service,
        basis: Basis::Measured,
        addresses: Vec::new(),
        left_out: Vec::new(),
    };
    let mut seen: Vec<&Endpoint> = Vec::new();
    for row in &rows {
        let of_row = |one: &&Endpoint| path_of(one, row).is_some();
        let Some(endpoint) = known.iter().find(of_row) else {
            choice.leave_out(shown(&row.url, 120).to_string(), Why::NotInCatalog);
            continue;
        };
        if seen.contains(&endpoint) {
            continue;
        }
        seen.push(endpoint);
        let path = path_of(endpoint, row).unwrap_or_else(|| endpoint.path());
        let mut address = Address::new(endpoint, path);
        address.p50_ms = row.total_ms.as_ref().map(|total| total.p50);
        match row.tier.as_str() {
            "ready" => choice.addresses.push(address),
            "answering" => choice.leave_out(address.url, Why::Answering),
            "unreachable" => choice.leave_out(address.url, Why::Unreachable),
            _ => choice.leave_out(address.url, Why::NotMeasured),
        }
    }
    if seen.is_empty() {
        choice.basis = match (known.is_empty(), measured) {
            (true, _) => Basis::NoneKnown,
            (_, Some(_)) => Basis::NotInReport,
            (_, None) => Basis::NotMeasured,
        };
        let all = known.iter().map(|one| Address::new(one, one.path()));
        choice.addresses = all.collect();
        return choice;
    }
    for endpoint in known.iter().filter(|one| !seen.contains(one)) {
        choice.leave_out(endpoint.to_string(), Why::NotMeasured);
    }
    if choice.addresses.is_empty() {
        choice.basis = Basis::NoneReady;
    }
    choice
}

impl Choice {
    fn leave_out(&mut self, url: String, why: Why) {
        if self.left_out.len() < MOST_LEFT_OUT {
            self.left_out.push(LeftOut { url, why });
        }
    }
}

/// The report's endpoints of the service in the data centre, best first.
fn rows<'a>(model: &'a Model, region: &Region, service: Service) -> Vec<&'a EndpointModel> {
    let groups = model.groups.iter();
    let mut rows: Vec<&EndpointModel> = groups
        .flat_map(|group| &group.endpoints)
        .filter(|row| row.region == region.as_str() && row.service == service.as_str())
        .collect();
    rows.sort_by_key(|row| row.rank);
    rows
}

/// The path at which this endpoint matches the row of the report, if it does.
fn path_of<'a>(endpoint: &'a Endpoint, row: &EndpointModel) -> Option<&'a str> {
    let others = endpoint.alternate_paths().iter().map(String::as_str);
    let mut paths = [endpoint.path()].into_iter().chain(others);
    paths.find(|path| endpoint.shown_with(path) == row.url)
}
