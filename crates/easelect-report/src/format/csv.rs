//! The report as CSV for spreadsheets, one line per address: RFC 4180, in UTF-8 with a byte order mark.
//!
//! An endpoint without an address has one line, too. The first line names the columns, which are the same in every
//! language; columns may be added at the end. Times are milliseconds with a decimal point; unknown values are empty.
//!
//! | column | what it is |
//! | --- | --- |
//! | `finished_at` | the end of probing, RFC 3339 in UTC |
//! | `region`, `service` | the endpoint's data centre and service |
//! | `rank` | its place in its group, from 1 |
//! | `tier` | `ready`, `answering`, `unreachable` |
//! | `reason` | the reason for its rank: `fastest`, `slower`, `fails`, `not_probed`, … |
//! | `in_use` | `true` where the customer has it configured |
//! | `url`, `host`, `label` | its URL and host, and its name in a user's catalogue |
//! | `expected_cost_ms` | the average time to open a connection plus a penalty for failures |
//! | `endpoint_failed_ratio` | the share of its attempts that failed, at all addresses together, from 0 to 1 |
//! | `endpoint_p50_ms` | the median time to open it, over all addresses |
//! | `resolve_ms`, `connect_ms`, `proxy_ms`, `tls_ms`, `upgrade_ms`, `processing_ms` | the median of each phase, over all addresses |
//! | `address` | the address and port of this line |
//! | `attempts`, `successes` | the attempts at this address, and those that succeeded |
//! | `min_ms`, `p50_ms`, `p90_ms`, `max_ms` | the time to open it at this address |
//! | `certificate_not_after`, `trust` | the expiry of its certificate; the kind of root that verifies it |
//! | `failed_phase`, `failed_kind`, `failures` | the most frequent failure at the address (of the endpoint, where there is no address), and its count |
//! | `message` | this failure in words, in the report's language |
//!
//! Hand-written, since quoting is simple and a dependency would be linked into the command.

use easelect::Phase;

use crate::model::{AddressModel, EndpointModel, FailureModel, Model, SummaryModel};
use crate::texts::shown;

const COLUMNS: [&str; 32] = [
    "finished_at",
    "region",
    "service",
    "rank",
    "tier",
    "reason",
    "in_use",
    "url",
    "host",
    "label",
    "expected_cost_ms",
    "endpoint_failed_ratio",
    "endpoint_p50_ms",
    "resolve_ms",
    "connect_ms",
    "proxy_ms",
    "tls_ms",
    "upgrade_ms",
    "processing_ms",
    "address",
    "attempts",
    "successes",
    "min_ms",
    "p50_ms",
    "p90_ms",
    "max_ms",
    "certificate_not_after",
    "trust",
    "failed_phase",
    "failed_kind",
    "failures",
    "message",
];

/// Formats the report as CSV for spreadsheets: the columns' names, then one line per address. No cell is a formula.
#[must_use]
pub fn csv(model: &Model) -> String {
    let mut lines = vec![line(&COLUMNS.map(str::to_owned))];
    for row in model.groups.iter().flat_map(|group| &group.endpoints) {
        let addresses: Vec<Option<&AddressModel>> = match row.addresses.is_empty() {
            true => vec![None],
            false => row.addresses.iter().map(Some).collect(),
        };
        let told = addresses
            .into_iter()
            .map(|address| line(&cells(model, row, address)));
        lines.extend(told);
    }
    // Without a byte order mark, spreadsheets take UTF-8 for the system's own encoding.
    format!("\u{feff}{}", lines.concat())
}

fn line(cells: &[String]) -> String {
    cells.join(",") + "\r\n"
}

fn cells(model: &Model, row: &EndpointModel, address: Option<&AddressModel>) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let median = |summary: &Option<SummaryModel>| number(summary.as_ref().map(|one| one.p50));
    let count = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    let mut cells = vec![
        cell(&model.finished_at),
        cell(&row.region),
        cell(&row.service),
        row.rank.to_string(),
        cell(&row.tier),
        cell(&row.reason.code),
        row.in_use.to_string(),
        cell(&row.url),
        cell(&row.host),
        cell(row.label.as_deref().unwrap_or_default()),
        number(row.expected_cost_ms),
        number(row.failed_ratio),
        median(&row.total_ms),
    ];
    cells.extend(Phase::ALL.map(|phase| median(row.phases_ms.get(phase))));
    let total = address.and_then(|one| one.total_ms.as_ref());
    let certificate = address.and_then(|one| one.certificate.as_ref());
    let failures = address.map_or(&row.failures, |one| &one.failures);
    let failure: Option<&FailureModel> = failures.iter().max_by_key(|one| one.count);
    let told = |what: Option<&str>| cell(what.unwrap_or_default());
    cells.extend([
        told(address.map(|one| one.address.as_str())),
        count(address.map(|one| one.attempts)),
        count(address.map(|one| one.successes)),
        number(total.map(|one| one.min)),
        number(total.map(|one| one.p50)),
        number(total.and_then(|one| one.p90)),
        number(total.map(|one| one.max)),
        told(certificate.map(|one| one.not_after.as_str())),
        told(address.and_then(|one| one.trust.as_deref())),
        told(failure.map(|one| one.phase.as_str())),
        told(failure.map(|one| one.kind.as_str())),
        count(failure.map(|one| one.count)),
        told(failure.map(|one| one.message.as_str())),
    ]);
    cells
}

/// A cell of text, without hidden characters, safe from being taken for a formula, and quoted where a reader could
/// take a part of it for the next cell.
fn cell(text: &str) -> String {
    let mut text = shown(text, 1000);
    // Chinese and Japanese spreadsheets also evaluate the full-width signs.
    if text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    {
        text.insert(0, '\'');
    }
    let plain = !text.contains(['"', ',', ';', '\'']) && text.trim() == text;
    match plain {
        true => text,
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}
