//! Which addresses of one service may be configured, and in which order: those that a report found ready,
//! or all that the catalogue has.

use easelect::{Catalog, Confidence, Endpoint, Region, Service};
use serde::Serialize;

use crate::model::{EndpointModel, Model};
use crate::texts::shown;

/// More than any service of a data centre has; a report from elsewhere may name any number.
const MOST_LEFT_OUT: usize = 8;

/// What the order rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Basis {
    /// A report: only what it found ready, best first.
    Measured,
    /// There is no report: the catalogue's order, which ranks nothing.
    NotMeasured,
    /// The report doesn't have this service here: the catalogue's order.
    NotInReport,
    /// The report found none of them ready.
    NoneReady,
    /// The catalogue has none.
    NoneKnown,
}

/// An address that may be configured.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// The URL with the path that works; a query hidden.
    pub(super) url: String,
    /// Milliseconds that half of the measured openings took at most.
    pub(super) p50_ms: Option<f64>,
}

impl Address {
    /// Not measured, or at this path.
    fn new(endpoint: &Endpoint, path: &str) -> Self {
        Address {
            url: endpoint.shown_with(path),
            endpoint: endpoint.clone(),
            p50_ms: None,
        }
    }

    /// The URL without a path that says nothing, as SDKs take the base of REST requests.
    pub(super) fn base(&self) -> &str {
        match self.endpoint.path() {
            "/" => self.url.strip_suffix('/').unwrap_or(&self.url),
            _ => &self.url,
        }
    }

    /// Whether port or path are a conclusion.
    pub(super) fn is_inferred(&self) -> bool {
        self.endpoint.confidence() == Confidence::Inferred
    }
}

/// Why an address of the data centre is not advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// It answers, but not as it should.
    Answering,
    /// It doesn't work.
    Unreachable,
    /// The report doesn't say.
    NotMeasured,
    /// The report has it, the catalogue doesn't.
    NotInCatalog,
}

/// An address that is not advised: its URL as it may be shown.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) url: String,
    pub(super) why: Why,
}

/// The addresses of one service, the first choice first.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) service: Service,
    pub(super) basis: Basis,
    pub(super) addresses: Vec<Address>,
    pub(super) left_out: Vec<LeftOut>,
}

/// What to configure for `service` in `region`. A report only orders and excludes what the catalogue has:
/// whoever wrote it brings in no host.
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

/// What the report says of the service there, best first.
fn rows<'a>(model: &'a Model, region: &Region, service: Service) -> Vec<&'a EndpointModel> {
    let groups = model.groups.iter();
    let mut rows: Vec<&EndpointModel> = groups
        .flat_map(|group| &group.endpoints)
        .filter(|row| row.region == region.as_str() && row.service == service.as_str())
        .collect();
    rows.sort_by_key(|row| row.rank);
    rows
}

/// At which of its paths this endpoint is the one that the report means, if it is.
fn path_of<'a>(endpoint: &'a Endpoint, row: &EndpointModel) -> Option<&'a str> {
    let others = endpoint.alternate_paths().iter().map(String::as_str);
    let mut paths = [endpoint.path()].into_iter().chain(others);
    paths.find(|path| endpoint.shown_with(path) == row.url)
}
