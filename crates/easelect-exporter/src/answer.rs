//! What `/probe` answers: blackbox_exporter's names, and `upgrade` and `proxy` among the phases.

use std::collections::BTreeSet;
use std::time::SystemTime;

use easelect::{Phase, Sample};
use easelect_report::{Exposition, ExpositionFormat, MetricKind};

use crate::labels::Labels;
use crate::probe::{Outcome, Probed};
use crate::target::Target;

/// The series of one probe.
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
        "Whether a handshake was verified to its end.",
        Some(f64::from(u8::from(best.is_some_and(Probed::succeeded)))),
    );
    gauge(
        "probe_duration_seconds",
        "How long the whole probe took.",
        Some(outcome.took.as_secs_f64()),
    );
    gauge(
        "probe_result_age_seconds",
        "How long ago the probe began: a result is answered again within the module's cache time.",
        Some(outcome.started.elapsed().as_secs_f64()),
    );
    gauge(
        "probe_dns_lookup_time_seconds",
        "How long the name's look-up took.",
        best.and_then(Probed::lookup).map(|took| took.as_secs_f64()),
    );
    gauge(
        "probe_http_status_code",
        "The HTTP status that was answered.",
        sample.and_then(|one| one.status).map(f64::from),
    );
    let is_websocket = best.is_some_and(|best| best.endpoint.service().is_websocket());
    gauge(
        "probe_websocket_connection_upgraded",
        "Whether the WebSocket opened (101, verified).",
        is_websocket.then(|| f64::from(u8::from(sample.is_some_and(|one| one.outcome.is_ok())))),
    );
    gauge(
        "probe_ip_protocol",
        "The version of IP: 4 or 6.",
        sample.map(|one| if one.address.is_ipv4() { 4.0 } else { 6.0 }),
    );
    gauge(
        "probe_ssl_earliest_cert_expiry",
        "When the first certificate of those shown ends, in seconds since 1970.",
        sample.and_then(expiry),
    );
    text.family(
        "probe_phase_duration_seconds",
        Gauge,
        "How long each phase took, each on its own. One that did not end is absent.",
    );
    for phase in Phase::ALL {
        if let Some(took) = best.and_then(|best| best.phase(phase)) {
            text.sample(&[("phase", phase.as_str())], took.as_secs_f64());
        }
    }
    text.family("probe_tls_version_info", Info, "The version of TLS.");
    if let Some(session) = sample.and_then(|one| one.session) {
        let version = session.version.replace("TLSv", "TLS ");
        text.sample(&[("version", &version)], 1.0);
    }
    text.family(
        "probe_failure_info",
        Info,
        "In which phase and how the probe failed.",
    );
    if let Some((phase, kind)) = best.and_then(|best| best.failure) {
        text.sample(&[("phase", phase.as_str()), ("kind", kind.as_str())], 1.0);
    }
    if target.residency.is_some() {
        text.family(
            "probe_endpoint_success",
            Gauge,
            "Whether a handshake with this endpoint of the group was verified to its end.",
        );
        let mut told = BTreeSet::new();
        for one in &outcome.endpoints {
            let host = one.endpoint.authority();
            if told.insert(host.clone()) {
                text.sample(&[("host", &host)], f64::from(u8::from(one.succeeded())));
            }
        }
    }
    text.finish()
}

/// When the certificate ends that ends first, in seconds since 1970.
pub(crate) fn expiry(sample: &Sample) -> Option<f64> {
    let (_, first) = sample.chain.as_ref()?.first_to_expire();
    Some(
        match first.not_after.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_secs() as f64,
            Err(before) => -(before.duration().as_secs() as f64),
        },
    )
}
