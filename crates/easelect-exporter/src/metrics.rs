//! The response of `/metrics`. Metrics that the command's report format `prometheus` has too share its names.

use easelect::{Endpoint, Phase};
use easelect_report::{Exposition, ExpositionFormat, MetricKind};

use crate::answer::{expiry, unix};
use crate::background::{BOUNDS, Background, Watched};
use crate::labels::Labels;
use crate::probe::Probed;

/// The outcome of loading the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Whether the last attempt succeeded.
    pub(crate) successful: bool,
    /// When it last succeeded, as a Unix timestamp.
    pub(crate) succeeded_at: f64,
}

/// Writes the series of background probing, and those about the exporter itself.
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
        "Whether the handshake completed and was verified in the last round.",
        &|one| Some(f64::from(u8::from(one.last()?.succeeded()))),
    );
    of_each(
        "easelect_open_seconds",
        "Median time in seconds from the first SYN to a verified response, without the DNS lookup, over the last 10 rounds.",
        &|one| Some(one.open()?.as_secs_f64()),
    );
    of_each(
        "easelect_failed_ratio",
        "Fraction of the last 10 rounds that failed, from 0 to 1.",
        &Watched::failed_ratio,
    );
    of_each(
        "easelect_attempts",
        "Number of rounds that the medians and the ratio cover, at most 10.",
        &|one| Some(one.attempts() as f64),
    );
    of_each(
        "easelect_certificate_expiry_timestamp_seconds",
        "Earliest expiry among the certificates that the endpoint sent, as a Unix timestamp.",
        &|one| expiry(one.last()?.sample.as_deref()?),
    );
    text.family(
        "easelect_phase_seconds",
        Gauge,
        "Median duration of each phase in seconds, not cumulative, over the last 10 rounds.",
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
        "Phase and kind of the failure in the last round; absent on success.",
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
        "Background probes of the endpoint, by result.",
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
        "Failed background probes of the endpoint, by phase and kind.",
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
            "Time in seconds from the first SYN to a verified response, without the DNS lookup.",
        );
        for one in &all {
            Named::new(&one.endpoint).with(&[], |labels| {
                text.histogram(labels, &BOUNDS, &one.counts, one.sum);
            });
        }
    }
    text.family(
        "easelect_first_choice_info",
        Info,
        "First choice of each group, if it opened in the last round.",
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
        "Changes of the group's first choice.",
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
        "easelect_report_timestamp_seconds",
        Gauge,
        "End of the last background round, as a Unix timestamp.",
    );
    if let Some(at) = background.last_round {
        text.sample(&[], unix(at));
    }
    text.family(
        "easelect_config_last_reload_successful",
        Gauge,
        "Whether the configuration was last loaded successfully.",
    );
    text.sample(&[], f64::from(u8::from(reading.successful)));
    text.family(
        "easelect_config_last_reload_success_timestamp_seconds",
        Gauge,
        "Last successful load of the configuration, as a Unix timestamp.",
    );
    text.sample(&[], reading.succeeded_at);
    text.family("easelect_build_info", Info, "Version of the exporter.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    text.finish()
}

/// An endpoint's labels.
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
