//! The report as text for the node exporter's textfile collector: gauges, with times in seconds. The collector
//! refuses time stamps, so there are none.
//!
//! Labels name endpoints and not addresses, so that DNS answers don't change the number of series.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use easelect::{Phase, Reason, Tier};

use crate::exposition::{Exposition, ExpositionFormat, MetricKind};
use crate::model::{EndpointModel, Model};
use crate::texts::shown;

/// Formats the report as Prometheus text, for a file `*.prom` in the folder that the node exporter reads.
#[must_use]
pub fn prometheus(model: &Model) -> String {
    let rows = rows(model);
    let mut told = Exposition::new(ExpositionFormat::Classic, &[]);
    let mut family = |name: &str, help: &str, samples: Vec<(Vec<(&str, &str)>, f64)>| {
        told.family(&format!("easelect_{name}"), MetricKind::Gauge, help);
        for (labels, value) in samples {
            told.sample(&labels, value);
        }
    };
    let of_each = |value: &dyn Fn(&EndpointModel) -> Option<f64>| {
        let samples = rows
            .iter()
            .filter_map(|(row, host)| Some((labels(row, host), value(row)?)));
        samples.collect::<Vec<_>>()
    };
    family(
        "probe_success",
        "Whether the endpoint is ready: verified handshakes succeed there.",
        of_each(&|row| {
            let tried = row.reason.code != Reason::NotProbed.as_str();
            tried.then(|| f64::from(u8::from(row.tier == Tier::Ready.as_str())))
        }),
    );
    family(
        "open_seconds",
        "Median time from the first SYN to a verified answer, without the name lookup.",
        of_each(&|row| Some(seconds(row.total_ms.as_ref()?.p50))),
    );
    let mut phases = Vec::new();
    for (row, host) in &rows {
        for phase in Phase::ALL {
            if let Some(summary) = row.phases_ms.get(phase) {
                let mut labels = labels(row, host);
                labels.push(("phase", phase.as_str()));
                phases.push((labels, seconds(summary.p50)));
            }
        }
    }
    family("phase_seconds", "Median time of each phase.", phases);
    family(
        "failed_ratio",
        "Share of the completed attempts that failed, from 0 to 1.",
        of_each(&|row| row.failed_ratio),
    );
    family(
        "attempts",
        "Attempts made in this measurement.",
        of_each(&|row| Some(row.attempts as f64)),
    );
    let firsts = model.groups.iter().filter(|group| group.best.is_some());
    let firsts: Vec<&EndpointModel> = firsts.filter_map(|group| group.endpoints.first()).collect();
    let is_first = |row: &EndpointModel| firsts.iter().any(|first| std::ptr::eq(*first, row));
    family(
        "first_choice_info",
        "The first choice of each data centre and service.",
        of_each(&|row| is_first(row).then_some(1.0)),
    );
    family(
        "certificate_expiry_timestamp_seconds",
        "Earliest expiry of the endpoint's certificates, in seconds since 1970.",
        of_each(&first_expiry),
    );
    let mut failures = Vec::new();
    for (row, host) in &rows {
        let kinds = row
            .failures
            .iter()
            .map(|one| (one.phase.as_str(), one.kind.as_str()));
        for (phase, kind) in kinds.collect::<BTreeSet<_>>() {
            let mut labels = labels(row, host);
            labels.extend([("phase", phase), ("kind", kind)]);
            failures.push((labels, 1.0));
        }
    }
    family(
        "failure_info",
        "Phases and kinds of failed attempts at the endpoint.",
        failures,
    );
    let verdict = vec![("code", model.verdict.code.as_str())];
    family(
        "verdict_info",
        "Where the fault lies; all_well if there is none.",
        vec![(verdict, 1.0)],
    );
    let finished = moment(&model.finished_at).map(|at| (Vec::new(), at));
    family(
        "report_timestamp_seconds",
        "End of the measurement, in seconds since 1970.",
        finished.into_iter().collect(),
    );
    told.finish()
}

/// The endpoints, each with the value of its label `host`, which is unique in its region and service: readers of the
/// format refuse duplicate series.
fn rows(model: &Model) -> Vec<(&EndpointModel, String)> {
    let mut taken = BTreeSet::new();
    let mut rows = Vec::new();
    for row in model.groups.iter().flat_map(|group| &group.endpoints) {
        let bare = row
            .configured_url
            .split_once("://")
            .map_or("", |(_, rest)| rest);
        let names = [&row.authority, bare, &row.configured_url];
        let free = |name: &&str| {
            let name = shown(name, LONGEST);
            taken.insert((&row.region, &row.service, name))
        };
        if let Some(name) = names.into_iter().find(free) {
            rows.push((row, shown(name, LONGEST)));
        }
    }
    rows
}

/// The longest value of a label, in characters.
const LONGEST: usize = 300;

fn labels<'a>(row: &'a EndpointModel, host: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("region", &row.region),
        ("service", &row.service),
        ("host", host),
    ]
}

fn seconds(millis: f64) -> f64 {
    // Microseconds, the model's precision.
    (millis * 1000.0).round() / 1e6
}

/// The earliest expiry of the certificates. An expired one stays, since a gauge that vanishes raises no alert.
fn first_expiry(row: &EndpointModel) -> Option<f64> {
    let certificates = row
        .addresses
        .iter()
        .filter_map(|one| one.certificate.as_ref());
    let ends = certificates.filter_map(|one| moment(&one.not_after));
    ends.min_by(f64::total_cmp)
}

/// A moment of the model in seconds since 1970.
fn moment(text: &str) -> Option<f64> {
    let at = humantime::parse_rfc3339(text).ok()?;
    let seconds = |duration: Duration| duration.as_secs() as f64;
    Some(match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    })
}
