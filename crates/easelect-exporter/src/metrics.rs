//! What `/metrics` answers: the names of the report `prometheus`, over the last rounds.

use easelect::{Endpoint, Phase};
use easelect_report::{Exposition, ExpositionFormat, MetricKind};

use crate::answer::expiry;
use crate::background::{BOUNDS, Background, Watched};
use crate::labels::Labels;
use crate::probe::Probed;

/// How the last reading of the modules went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) successful: bool,
    /// When the last good one was, in seconds since 1970.
    pub(crate) succeeded_at: f64,
}

/// The series of background probing, and of the exporter itself.
pub(crate) fn metrics(
    background: &Background,
    reading: Reading,
    labels: &Labels,
    histograms: bool,
    format: ExpositionFormat,
) -> String {
    use MetricKind::{Counter, Gauge, Histogram, Info};

    let mut text = Exposition::new(format, &labels.pairs());
    let all: Vec<&Watched> = (background.groups.values())
        .flat_map(|group| &group.endpoints)
        .collect();
    let mut of_each = |name: &str, help: &str, value: &dyn Fn(&Watched) -> Option<f64>| {
        text.family(name, Gauge, help);
        for one in &all {
            if let Some(value) = value(one) {
                Named::new(&one.endpoint).with(&[], |labels| text.sample(labels, value));
            }
        }
    };
    of_each(
        "easelect_probe_success",
        "Whether a handshake was verified to its end in the last round.",
        &|one| Some(f64::from(u8::from(one.last()?.succeeded()))),
    );
    of_each(
        "easelect_open_seconds",
        "Median time from the first SYN to a verified answer, without the look-up, over the last 10 rounds.",
        &|one| Some(one.open()?.as_secs_f64()),
    );
    of_each(
        "easelect_failed_ratio",
        "Attempts that failed, of all of the last 10 rounds, from 0 to 1.",
        &Watched::failed_ratio,
    );
    of_each(
        "easelect_attempts",
        "Attempts of the last 10 rounds.",
        &|one| Some(one.attempts() as f64),
    );
    of_each(
        "easelect_certificate_expiry_timestamp_seconds",
        "When the first certificate that the endpoint shows ends, in seconds since 1970.",
        &|one| expiry(one.last()?.sample.as_deref()?),
    );
    text.family(
        "easelect_phase_seconds",
        Gauge,
        "Median time of each phase, each on its own, over the last 10 rounds.",
    );
    for one in &all {
        for phase in Phase::ALL {
            if let Some(took) = one.phase(phase) {
                Named::new(&one.endpoint).with(&[("phase", phase.as_str())], |labels| {
                    text.sample(labels, took.as_secs_f64());
                });
            }
        }
    }
    text.family(
        "easelect_failure_info",
        Info,
        "In which phase and how the last round failed.",
    );
    for one in &all {
        if let Some((phase, kind)) = one.last().and_then(|last: &Probed| last.failure) {
            let more = [("phase", phase.as_str()), ("kind", kind.as_str())];
            Named::new(&one.endpoint).with(&more, |labels| text.sample(labels, 1.0));
        }
    }
    text.family(
        "easelect_probes_total",
        Counter,
        "Rounds in which the endpoint was probed, by their result.",
    );
    for one in &all {
        let failures = one.failures.values().sum::<u64>();
        for (result, count) in [("success", one.successes), ("failure", failures)] {
            Named::new(&one.endpoint).with(&[("result", result)], |labels| {
                text.sample(labels, count as f64);
            });
        }
    }
    text.family(
        "easelect_failures_total",
        Counter,
        "Failures of the endpoint by phase and kind.",
    );
    for one in &all {
        for ((phase, kind), count) in &one.failures {
            let more = [("phase", phase.as_str()), ("kind", kind.as_str())];
            Named::new(&one.endpoint).with(&more, |labels| text.sample(labels, *count as f64));
        }
    }
    if histograms {
        text.family(
            "easelect_open_duration_seconds",
            Histogram,
            "Time from the first SYN to a verified answer, without the look-up.",
        );
        for one in &all {
            Named::new(&one.endpoint).with(&[], |labels| {
                text.histogram(labels, &BOUNDS, &one.counts, one.sum);
            });
        }
    }
    text.family(
        "easelect_selected_info",
        Info,
        "The first choice of each data centre and service.",
    );
    for endpoint in background
        .groups
        .values()
        .filter_map(|group| group.selected())
    {
        Named::new(endpoint).with(&[], |labels| text.sample(labels, 1.0));
    }
    text.family(
        "easelect_first_choice_changes_total",
        Counter,
        "How often another endpoint became the first choice.",
    );
    for group in background.groups.values() {
        let region = group.residency.to_string();
        let labels = [
            ("region", region.as_str()),
            ("service", group.service.as_str()),
        ];
        text.sample(&labels, group.changes as f64);
    }
    text.family(
        "easelect_config_last_reload_successful",
        Gauge,
        "Whether the last reading of the modules succeeded.",
    );
    text.sample(&[], f64::from(u8::from(reading.successful)));
    text.family(
        "easelect_config_last_reload_success_timestamp_seconds",
        Gauge,
        "When the modules were last read with success, in seconds since 1970.",
    );
    text.sample(&[], reading.succeeded_at);
    text.family("easelect_build_info", Info, "The exporter's version.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    text.finish()
}

/// An endpoint as labels have it.
struct Named {
    region: String,
    service: &'static str,
    host: String,
}

impl Named {
    fn new(endpoint: &Endpoint) -> Self {
        Named {
            region: endpoint.region().to_string(),
            service: endpoint.service().as_str(),
            host: endpoint.authority(),
        }
    }

    fn with(&self, more: &[(&str, &str)], write: impl FnOnce(&[(&str, &str)])) {
        let own = [
            ("region", self.region.as_str()),
            ("service", self.service),
            ("host", self.host.as_str()),
        ];
        let labels: Vec<(&str, &str)> = own.into_iter().chain(more.iter().copied()).collect();
        write(&labels);
    }
}
