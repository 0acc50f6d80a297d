//! The report as JSON, schema 1.

use std::net::IpAddr;
use std::time::SystemTime;

use easelect::{
    AddressStats, AfterUpgrade, Certificate, ChainFault, Confidence, Distribution, Failure,
    FailureCount, Families, Phase, Timings, is_local,
};
use serde::Serialize;

use super::figures::{days_until, ms_float, timestamp};
use super::texts::{Lang, failure_hint, failure_text, reason_text};
use super::{DirectLookup, Environment, Group, Report, Row, rules};

/// The version of all three schemas: the report's, the connects', the list's.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    version: &'static str,
    started_at: String,
    finished_at: String,
    complete: bool,
    environment: EnvironmentJson<'a>,
    verdict: Coded,
    findings: Vec<FindingJson>,
    direct_lookups: Vec<DirectLookupJson<'a>>,
    groups: Vec<GroupJson<'a>>,
}

#[derive(Serialize)]
struct EnvironmentJson<'a> {
    os: &'a str,
    arch: &'a str,
    lab: Option<&'a str>,
    dns: Option<String>,
    nat64: Option<String>,
    families: &'static str,
    families_tried: Vec<&'static str>,
    families_working: Vec<&'static str>,
    proxy: Option<ProxyJson>,
    proxy_variables: &'a [String],
    system_proxies: &'a [String],
    pinned: &'a [String],
    roots: Option<usize>,
    cacert: bool,
    rounds: Option<u32>,
    timeout_ms: Option<f64>,
    deadline_ms: Option<f64>,
    in_flight: Option<usize>,
    network: Option<NetworkJson<'a>>,
}

/// The machine's own network, without its addresses.
#[derive(Serialize)]
struct NetworkJson<'a> {
    id: Option<&'a str>,
    ipv4: Option<&'static str>,
    ipv6: Option<&'static str>,
    changed: Option<bool>,
}

impl<'a> NetworkJson<'a> {
    fn of(environment: &'a Environment) -> Option<Self> {
        let at_start = environment.network_at_start.as_ref()?;
        let kind = |address: IpAddr| match is_local(address) {
            true => "private",
            false => "public",
        };
        Some(NetworkJson {
            id: at_start.id.as_deref(),
            ipv4: at_start.source_v4.map(|v4| kind(v4.into())),
            ipv6: at_start.source_v6.map(|v6| kind(v6.into())),
            changed: environment.network_changed(),
        })
    }
}

#[derive(Serialize)]
struct ProxyJson {
    url: String,
    variable: Option<&'static str>,
}

#[derive(Serialize)]
struct Coded {
    code: &'static str,
    text: String,
}

#[derive(Serialize)]
struct FindingJson {
    code: &'static str,
    text: String,
    hint: String,
}

#[derive(Serialize)]
struct DirectLookupJson<'a> {
    host: &'a str,
    server: String,
    family: &'static str,
    transport: &'static str,
    took_ms: f64,
    #[serde(flatten)]
    answer: AnswerJson,
    second_answer: Option<AnswerJson>,
}

#[derive(Serialize)]
struct AnswerJson {
    addresses: Vec<String>,
    failure: Option<FailureJson>,
}

impl<'a> DirectLookupJson<'a> {
    fn of(lookup: &'a DirectLookup, told: Told<'_>) -> Self {
        let answer = |outcome: &Result<Vec<IpAddr>, Failure>| {
            let addresses = outcome.as_deref().unwrap_or_default();
            let failure = outcome.as_ref().err();
            AnswerJson {
                addresses: addresses.iter().map(ToString::to_string).collect(),
                failure: failure.map(|failure| FailureJson::of(failure, 1, false, told)),
            }
        };
        DirectLookupJson {
            host: &lookup.host,
            server: lookup.server.to_string(),
            family: lookup.family.as_str(),
            transport: lookup.transport.as_str(),
            took_ms: ms_float(lookup.took),
            answer: answer(&lookup.outcome),
            second_answer: lookup.second_answer.as_ref().map(answer),
        }
    }
}

#[derive(Serialize)]
struct GroupJson<'a> {
    region: String,
    service: &'static str,
    best: Option<String>,
    endpoints: Vec<EndpointJson<'a>>,
}

#[derive(Serialize)]
struct EndpointJson<'a> {
    rank: usize,
    tier: &'static str,
    url: String,
    host: &'a str,
    variant: &'static str,
    region: &'a str,
    service: &'static str,
    confidence: &'static str,
    in_use: bool,
    attempts: u64,
    successes: u64,
    unfinished: u64,
    locally_delayed: u64,
    failed_ratio: Option<f64>,
    expected_cost_ms: Option<f64>,
    total_ms: Option<SummaryJson>,
    phases_ms: Phases<Option<SummaryJson>>,
    addresses: Vec<AddressJson>,
    addresses_left_out: usize,
    failures: Vec<FailureJson>,
    reason: Coded,
}

#[derive(Serialize)]
struct SummaryJson {
    min: f64,
    mean: f64,
    stddev: f64,
    p50: f64,
    p90: Option<f64>,
    p99: Option<f64>,
    max: f64,
}

impl SummaryJson {
    fn of(distribution: &Distribution) -> Option<Self> {
        let summary = distribution.summary()?;
        Some(SummaryJson {
            min: ms_float(summary.min),
            mean: ms_float(summary.mean),
            stddev: ms_float(summary.stddev),
            // A histogram's bucket may reach beyond the longest; what is printed must not.
            p50: ms_float(summary.p50.clamp(summary.min, summary.max)),
            p90: summary.p90.map(|p90| ms_float(p90.min(summary.max))),
            p99: summary.p99.map(|p99| ms_float(p99.min(summary.max))),
            max: ms_float(summary.max),
        })
    }
}

/// One value per phase, under the phase's name.
#[derive(Serialize)]
pub(crate) struct Phases<T> {
    resolve: T,
    connect: T,
    proxy: T,
    tls: T,
    upgrade: T,
    processing: T,
}

impl<T> Phases<T> {
    fn of(value: impl Fn(Phase) -> T) -> Self {
        Phases {
            resolve: value(Phase::Resolve),
            connect: value(Phase::Connect),
            proxy: value(Phase::Proxy),
            tls: value(Phase::Tls),
            upgrade: value(Phase::Upgrade),
            processing: value(Phase::Processing),
        }
    }
}

pub(crate) fn timings(timings: &Timings) -> Phases<Option<f64>> {
    Phases::of(|phase| timings.get(phase).map(ms_float))
}

#[derive(Serialize)]
struct AddressJson {
    address: String,
    attempts: u64,
    successes: u64,
    total_ms: Option<SummaryJson>,
    certificate: Option<CertificateJson>,
    chain: Vec<CertificateJson>,
    trust: Option<&'static str>,
    after_upgrade: Option<AfterUpgradeJson>,
    failures: Vec<FailureJson>,
}

#[derive(Serialize)]
struct AfterUpgradeJson {
    code: &'static str,
    count: u64,
    close_code: Option<u16>,
    reason: Option<String>,
}

impl AfterUpgradeJson {
    fn of(how: &AfterUpgrade, count: u64) -> Self {
        let (close_code, reason) = match how {
            AfterUpgrade::Close { code, reason } => (*code, Some(reason.clone())),
            AfterUpgrade::Garbage(why) => (None, Some(why.clone())),
            _ => (None, None),
        };
        AfterUpgradeJson {
            code: how.as_str(),
            count,
            close_code,
            reason,
        }
    }
}

#[derive(Serialize)]
struct CertificateJson {
    not_before: String,
    not_after: String,
    expires_in_days: i64,
    names: Vec<String>,
    subject: String,
    issuer: String,
    key: String,
    signature: String,
    authority: bool,
}

impl CertificateJson {
    fn of(certificate: &Certificate, now: SystemTime) -> Self {
        CertificateJson {
            not_before: timestamp(certificate.not_before),
            not_after: timestamp(certificate.not_after),
            expires_in_days: days_until(certificate.not_after, now),
            names: certificate.names.clone(),
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            key: certificate.key.clone(),
            signature: certificate.signature.clone(),
            authority: certificate.is_authority,
        }
    }
}

#[derive(Serialize)]
struct FailureJson {
    phase: Phase,
    kind: &'static str,
    message: String,
    hint: String,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_alert: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answered_by: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// How a document is told.
#[derive(Clone, Copy)]
struct Told<'a> {
    now: SystemTime,
    lang: Lang,
    environment: &'a Environment,
}

impl FailureJson {
    fn of(failure: &Failure, count: u64, own: bool, told: Told<'_>) -> Self {
        let done = rules::done(told.environment, own);
        FailureJson {
            phase: failure.phase(),
            kind: failure.kind().as_str(),
            message: failure_text(failure, told.now).of(told.lang),
            hint: failure_hint(failure, done).of(told.lang),
            count,
            status: failure.status(),
            chain_fault: failure.chain_fault().map(ChainFault::as_str),
            tls_alert: failure.alert(),
            retry_after_s: failure.retry_after().map(|delay| delay.as_secs()),
            answered_by: (failure.answered_by().iter())
                .map(|(name, value)| format!("{name}: {value}"))
                .collect(),
            body: failure.body().map(str::to_owned),
        }
    }
}

/// The report as indented JSON; see the [module](super#the-json-schema) for its rules.
#[must_use]
pub fn json(report: &Report, lang: Lang) -> String {
    let (context, environment) = (&report.context, &report.context.environment);
    let told = Told {
        now: context.finished_at,
        lang,
        environment,
    };
    let document = Document {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        started_at: timestamp(context.started_at),
        finished_at: timestamp(context.finished_at),
        complete: report.complete,
        environment: EnvironmentJson {
            os: &environment.os,
            arch: &environment.arch,
            lab: environment.lab.as_deref(),
            dns: environment.dns.map(|at| at.to_string()),
            nat64: environment.nat64.map(|prefix| prefix.to_string()),
            families: match environment.families {
                Families::Both => "both",
                Families::V4 => "v4",
                Families::V6 => "v6",
            },
            families_tried: families(report, |one| one.attempts() > 0),
            families_working: families(report, |one| one.successes() > 0),
            proxy: environment.proxy.as_ref().map(|one| ProxyJson {
                url: one.to_string(),
                variable: one.variable(),
            }),
            proxy_variables: &environment.proxy_variables,
            system_proxies: &environment.system_proxies,
            pinned: &environment.pinned,
            roots: environment.roots,
            cacert: environment.cacert,
            rounds: environment.rounds,
            timeout_ms: environment.timeout.map(ms_float),
            deadline_ms: environment.deadline.map(ms_float),
            in_flight: environment.in_flight,
            network: NetworkJson::of(environment),
        },
        verdict: Coded {
            code: report.verdict.fault().as_str(),
            text: report.verdict.text(lang),
        },
        findings: report
            .findings
            .iter()
            .map(|one| FindingJson {
                code: one.code(),
                text: one.text(lang),
                hint: one.hint(lang),
            })
            .collect(),
        direct_lookups: context
            .direct_lookups
            .iter()
            .map(|one| DirectLookupJson::of(one, told))
            .collect(),
        groups: report
            .groups
            .iter()
            .map(|group| group_json(group, told))
            .collect(),
    };
    pretty(&document)
}

/// Indented, with a newline at the end. What a terminal would obey or hide stands as `\uXXXX`.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document)
        .expect("the documents have string keys only, and no map can fail");
    let mut plain = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // JSON itself asks for the ASCII ones only (RFC 8259 §7); outside of strings is none.
        if c.is_ascii() || c.escape_debug().len() == 1 {
            plain.push(c);
        } else {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            plain.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    plain.replace('\x7f', "\\u007f") + "\n"
}

fn families(report: &Report, wanted: fn(&AddressStats) -> bool) -> Vec<&'static str> {
    let has = |v6: bool| {
        report
            .groups
            .iter()
            .flat_map(|group| &group.endpoints)
            .flat_map(|row| row.ranked.stats.addresses())
            .any(|one| one.address().is_ipv6() == v6 && wanted(one))
    };
    [("v4", false), ("v6", true)]
        .into_iter()
        .filter(|(_, v6)| has(*v6))
        .map(|(name, _)| name)
        .collect()
}

fn group_json<'a>(group: &'a Group, told: Told<'_>) -> GroupJson<'a> {
    GroupJson {
        region: group.residency.to_string(),
        service: group.service.as_str(),
        best: group
            .best()
            .map(|best| best.endpoint().url_with(best.stats.path())),
        endpoints: group
            .endpoints
            .iter()
            .map(|row| endpoint_json(row, told))
            .collect(),
    }
}

fn endpoint_json<'a>(row: &'a Row, told: Told<'_>) -> EndpointJson<'a> {
    let Told { now, lang, .. } = told;
    let own = row.ranked.endpoint().confidence() == Confidence::User;
    let (ranked, endpoint, stats) = (&row.ranked, row.ranked.endpoint(), &row.ranked.stats);
    EndpointJson {
        rank: ranked.rank,
        tier: ranked.tier.as_str(),
        url: endpoint.url_with(stats.path()),
        host: endpoint.host(),
        variant: endpoint.variant().as_str(),
        region: endpoint.region().as_str(),
        service: endpoint.service().as_str(),
        confidence: endpoint.confidence().as_str(),
        in_use: row.in_use,
        attempts: stats.attempts(),
        successes: stats.successes(),
        unfinished: stats.unfinished(),
        locally_delayed: stats.locally_delayed(),
        // Four digits are more than any number of attempts here resolves.
        failed_ratio: ranked
            .failed_ratio()
            .map(|ratio| (ratio * 1e4).round() / 1e4),
        expected_cost_ms: ranked.expected_cost.map(ms_float),
        total_ms: SummaryJson::of(stats.total()),
        phases_ms: Phases::of(|phase| SummaryJson::of(stats.phase(phase))),
        addresses: stats
            .addresses()
            .iter()
            .map(|one| AddressJson {
                address: one.address().to_string(),
                attempts: one.attempts(),
                successes: one.successes(),
                total_ms: SummaryJson::of(one.total()),
                certificate: one.chain().map(|one| CertificateJson::of(one.own(), now)),
                chain: (one.chain().into_iter())
                    .flat_map(|chain| chain.certificates())
                    .map(|one| CertificateJson::of(one, now))
                    .collect(),
                trust: (one.chain()).and_then(|chain| Some(chain.trust()?.as_str())),
                after_upgrade: (one.after_upgrade())
                    .map(|(how, count)| AfterUpgradeJson::of(how, count)),
                failures: failures_json(one.failures(), own, told),
            })
            .collect(),
        addresses_left_out: stats.left_out(),
        failures: failures_json(&stats.failures(), own, told),
        reason: Coded {
            code: ranked.reason.as_str(),
            text: reason_text(&ranked.reason, now).of(lang),
        },
    }
}

fn failures_json(failures: &[FailureCount], own: bool, told: Told<'_>) -> Vec<FailureJson> {
    failures
        .iter()
        .map(|one| FailureJson::of(&one.failure, one.count, own, told))
        .collect()
}
