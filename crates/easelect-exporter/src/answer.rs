//! The response of `/probe`: blackbox_exporter's metric names, with the phases `upgrade` and `proxy` added.

use std::collections::BTreeSet;
use std::time::SystemTime;

use easelect::{Phase, Sample};
use easelect_report::{Exposition, ExpositionFormat, MetricKind};

use crate::labels::Labels;
use crate::probe::{Outcome, Probed};
use crate::target::Target;

/// Writes the series of one probe.
pub(crate) fn answer(
    target: &Target,
    outcome: &Outcome,
    labels: &Labels,
    format: ExpositionFormat,
) -> String {
    use MetricKind::{Gauge, Info};

    let mut text = Exposition::new(format, &labels.pairs());
    let best = outcome.endpoints.first();
    let sample = best.and_then(|best| best.sample.as_deref());
    let mut gauge = |name: &str, help: &str, value: Option<f64>| {
        text.family(name, Gauge, help);
        if let Some(value) = value {
            text.sample(&[], value);
        }
    };
    gauge(
        "probe_success",
        "Whether a handshake completed and was verified; for a group, whether any endpoint's was.",
        Some(f64::from(u8::from(best.is_some_and(Probed::succeeded)))),
    );
    gauge(
        "probe_duration_seconds",
        "Duration of the whole probe in seconds.",
        Some(outcome.took.as_secs_f64()),
    );
    gauge(
        "probe_result_age_seconds",
        "Seconds since the probe began. A result may come from the module's cache.",
        Some(outcome.started.elapsed().as_secs_f64()),
    );
    gauge(
        "probe_dns_lookup_time_seconds",
        "Duration of the DNS lookup in seconds.",
        best.and_then(Probed::lookup).map(|took| took.as_secs_f64()),
    );
    gauge(
        "probe_http_status_code",
        "HTTP status code of the response.",
        sample.and_then(|one| one.status).map(f64::from),
    );
    let is_websocket = best.is_some_and(|best| best.endpoint.service().is_websocket());
    gauge(
        "probe_websocket_connection_upgraded",
        "Whether the WebSocket opened: a 101 response that passed every check.",
        is_websocket.then(|| f64::from(u8::from(sample.is_some_and(|one| one.outcome.is_ok())))),
    );
    gauge(
        "probe_ip_protocol",
        "IP version used: 4 or 6.",
        sample.map(|one| if one.address.is_ipv4() { 4.0 } else { 6.0 }),
    );
    gauge(
        "probe_ssl_earliest_cert_expiry",
        "Earliest expiry among the certificates that the server sent, as a Unix timestamp.",
        sample.and_then(expiry),
    );
    text.family(
        "probe_phase_duration_seconds",
        Gauge,
        "Duration of each phase in seconds, not cumulative. A phase that did not complete is absent.",
    );
    for phase in Phase::ALL {
        if let Some(took) = best.and_then(|best| best.phase(phase)) {
            text.sample(&[("phase", phase.as_str())], took.as_secs_f64());
        }
    }
    text.family("probe_tls_version_info", Info, "TLS version used.");
    if let Some(session) = sample.and_then(|one| one.session) {
        let version = session.version.replace("TLSv", "TLS ");
        text.sample(&[("version", &version)], 1.0);
    }
    text.family(
        "probe_failure_info",
        Info,
        "Phase and kind of the failure; absent on success.",
    );
    if let Some((phase, kind)) = best.and_then(|best| best.failure) {
        text.sample(&[("phase", phase.as_str()), ("kind", kind.as_str())], 1.0);
    }
    if target.residency.is_some() {
        text.family(
            "probe_endpoint_success",
            Gauge,
            "Whether a handshake with this endpoint of the group completed and was verified.",
        );
        let mut written = BTreeSet::new();
        for one in &outcome.endpoints {
            let host = one.endpoint.authority();
            if written.insert(host.clone()) {
                text.sample(&[("host", &host)], f64::from(u8::from(one.succeeded())));
            }
        }
    }
    text.finish()
}

/// Returns the earliest expiry of the certificates that the server sent, as a Unix timestamp. Roots don't
/// count: they are trusted for being installed.
pub(crate) fn expiry(sample: &Sample) -> Option<f64> {
    let (_, first) = sample.chain.as_ref()?.first_to_expire();
    Some(unix(first.not_after))
}

/// Converts to a Unix timestamp, in whole seconds.
pub(crate) fn unix(at: SystemTime) -> f64 {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_secs() as f64,
        Err(before) => -(before.duration().as_secs() as f64),
    }
}
