//! The report as a serialisable model, in one language. Every format is made from it, it can be read again for
//! comparison, and redaction happens here, before any format.
//!
//! Durations are milliseconds, points in time RFC 3339 in UTC. Codes are stable; texts are not.

use std::net::IpAddr;
use std::time::SystemTime;

use easelect::{
    AddressStats, AfterUpgrade, Certificate, ChainFault, Confidence, Distribution, Endpoint,
    Failure, FailureCount, Families, Phase, Reason, Sample, Tier, Timings, Trust, is_local,
};
use serde::{Deserialize, Serialize};

use super::figures::{days_until, local, ms_float, timestamp};
use super::texts::{
    Label, Lang, certificate_text, expires, failure_hint, failure_text, not_tested, reason_text,
    region_name, service_name,
};
use super::{DirectLookup, Environment, Finding, Group, Report, Row, rules};

/// The version of the JSON schemas of reports, connects and lists.
pub(crate) const SCHEMA: u32 = 1;

/// A report in one language, ready to be formatted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the keys are the schema, described in the crate's documentation"
)]
#[non_exhaustive]
pub struct Model {
    pub schema: u32,
    pub version: String,
    pub lang: Lang,
    pub started_at: String,
    pub finished_at: String,
    #[serde(default)]
    pub finished_at_local: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
    pub complete: bool,
    #[serde(default)]
    pub redacted: bool,
    pub environment: EnvironmentModel,
    pub verdict: VerdictModel,
    pub findings: Vec<FindingModel>,
    pub direct_lookups: Vec<DirectLookupModel>,
    pub groups: Vec<GroupModel>,
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[allow(missing_docs, reason = "the keys are the schema")]
            #[non_exhaustive]
            pub struct $name {
                $($(#[$attribute])* pub $field: $type,)+
            }
        )+
    };
}

parts! {
    /// The machine that measured, and its settings.
    EnvironmentModel {
        os: String,
        arch: String,
        lab: Option<String>,
        dns: Option<String>,
        nat64: Option<String>,
        families: String,
        families_tried: Vec<String>,
        families_working: Vec<String>,
        proxy: Option<ProxyModel>,
        proxy_variables: Vec<String>,
        system_proxies: Vec<String>,
        pinned: Vec<String>,
        roots: Option<usize>,
        cacert: bool,
        rounds: Option<u32>,
        timeout_ms: Option<f64>,
        deadline_ms: Option<f64>,
        in_flight: Option<usize>,
        network: Option<NetworkModel>,
        #[serde(default)]
        name_servers: Vec<String>,
        #[serde(default)]
        interface: Option<String>,
    }

    /// The machine's network, without its addresses.
    NetworkModel {
        id: Option<String>,
        ipv4: Option<String>,
        ipv6: Option<String>,
        changed: Option<bool>,
    }

    /// The proxy that was used, without user name and password.
    ProxyModel {
        url: String,
        variable: Option<String>,
    }

    /// Where the fault lies, who can act, if known, and what to do next.
    VerdictModel {
        code: String,
        actor: Option<String>,
        text: String,
        who_acts: String,
        next_step: String,
        not_tested: String,
    }

    /// One finding.
    FindingModel {
        code: String,
        severity: String,
        fault: String,
        actor: Option<String>,
        text: String,
        hint: String,
        regions: Vec<String>,
        services: Vec<String>,
        urls: Vec<String>,
    }

    /// The answer of one DNS server.
    DirectLookupModel {
        host: String,
        server: String,
        family: String,
        transport: String,
        took_ms: f64,
        #[serde(flatten)]
        answer: AnswerModel,
        second_answer: Option<AnswerModel>,
    }

    /// An answer: addresses, or why there are none.
    AnswerModel {
        addresses: Vec<String>,
        failure: Option<FailureModel>,
    }

    /// The interchangeable endpoints of a data centre and a service.
    GroupModel {
        region: String,
        region_name: String,
        service: String,
        service_name: String,
        best: Option<String>,
        #[serde(default)]
        lead_ms: Option<f64>,
        #[serde(default)]
        clear_lead: Option<bool>,
        #[serde(default)]
        second_source: bool,
        endpoints: Vec<EndpointModel>,
    }

    /// One endpoint of a group.
    EndpointModel {
        rank: usize,
        tier: String,
        url: String,
        configured_url: String,
        host: String,
        authority: String,
        label: Option<String>,
        variant: String,
        region: String,
        service: String,
        confidence: String,
        in_use: bool,
        #[serde(default)]
        listed: bool,
        attempts: u64,
        successes: u64,
        unfinished: u64,
        locally_delayed: u64,
        failed_ratio: Option<f64>,
        expected_cost_ms: Option<f64>,
        total_ms: Option<SummaryModel>,
        phases_ms: Phases<Option<SummaryModel>>,
        addresses: Vec<AddressModel>,
        addresses_left_out: usize,
        failures: Vec<FailureModel>,
        refused_certificates: Vec<String>,
        certificate_expires: Option<String>,
        inspected_by: Option<String>,
        reason: ReasonModel,
        #[serde(default)]
        samples: Vec<SampleModel>,
    }

    /// One attempt. If it failed, `failed` is `phase: kind` and `took_ms` is `null`.
    SampleModel {
        address: String,
        at_ms: f64,
        took_ms: Option<f64>,
        failed: Option<String>,
    }

    /// Why an endpoint has its rank; with phase and kind if the reason is a failure.
    ReasonModel {
        code: String,
        text: String,
        phase: Option<String>,
        kind: Option<String>,
    }

    /// A summary of durations.
    SummaryModel {
        min: f64,
        mean: f64,
        stddev: f64,
        p50: f64,
        p90: Option<f64>,
        p99: Option<f64>,
        max: f64,
    }

    /// One address of an endpoint.
    AddressModel {
        address: String,
        attempts: u64,
        successes: u64,
        total_ms: Option<SummaryModel>,
        certificate: Option<CertificateModel>,
        chain: Vec<CertificateModel>,
        trust: Option<String>,
        after_upgrade: Option<AfterUpgradeModel>,
        failures: Vec<FailureModel>,
    }

    /// How a WebSocket was closed as soon as it was open.
    AfterUpgradeModel {
        code: String,
        count: u64,
        close_code: Option<u16>,
        reason: Option<String>,
    }

    /// The fields of a certificate.
    CertificateModel {
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

    /// Failures of one phase and kind; details are from the latest one.
    FailureModel {
        phase: String,
        kind: String,
        message: String,
        hint: String,
        count: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chain_fault: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls_alert: Option<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        answered_by: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    }
}

/// One value per phase, under the phase's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the keys are the schema")]
pub struct Phases<T> {
    pub resolve: T,
    pub connect: T,
    pub proxy: T,
    pub tls: T,
    pub upgrade: T,
    pub processing: T,
}

impl EndpointModel {
    /// The mark after its name: in use, or in the app's list.
    pub(crate) fn mark(&self) -> Option<Label> {
        match (self.in_use, self.listed) {
            (true, _) => Some(Label::InUse),
            (false, true) => Some(Label::Listed),
            (false, false) => None,
        }
    }
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

    /// The value of one phase.
    pub(crate) fn get(&self, phase: Phase) -> &T {
        match phase {
            Phase::Resolve => &self.resolve,
            Phase::Connect => &self.connect,
            Phase::Proxy => &self.proxy,
            Phase::Tls => &self.tls,
            Phase::Upgrade => &self.upgrade,
            Phase::Processing => &self.processing,
        }
    }
}

pub(crate) fn timings(timings: &Timings) -> Phases<Option<f64>> {
    Phases::of(|phase| timings.get(phase).map(ms_float))
}

/// The longest text from outside, in characters.
pub(crate) const DETAIL: usize = 300;
/// The longest beginning of a body, in characters.
pub(crate) const BODY: usize = 1024;
/// The most attempts of an endpoint in a model: the latest ones.
const SAMPLES: usize = 200;

fn bounded(text: &str) -> String {
    text.chars().take(DETAIL).collect()
}

fn each_bounded(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| bounded(text)).collect()
}

/// A report and the language to describe it in.
#[derive(Clone, Copy)]
struct Telling<'a> {
    report: &'a Report,
    lang: Lang,
}

impl Model {
    /// Returns the model of a report in this language.
    #[must_use]
    pub fn new(report: &Report, lang: Lang) -> Self {
        Telling { report, lang }.model()
    }
}

impl Telling<'_> {
    fn now(self) -> SystemTime {
        self.report.context.finished_at
    }

    fn model(self) -> Model {
        let Telling { report, lang } = self;
        let context = &report.context;
        Model {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            lang,
            started_at: timestamp(context.started_at),
            finished_at: timestamp(context.finished_at),
            finished_at_local: (context.utc_offset).map(|ahead| local(context.finished_at, ahead)),
            note: context.note.as_deref().map(bounded),
            complete: report.complete(),
            redacted: false,
            environment: self.environment(),
            verdict: VerdictModel {
                code: report.verdict.fault().as_str().to_owned(),
                actor: (report.verdict.cause())
                    .and_then(|cause| Some(cause.actor?.as_str().to_owned())),
                text: report.verdict.text(lang),
                who_acts: report.verdict.who_acts(lang),
                next_step: report.verdict.next_step(lang),
                not_tested: not_tested().of(lang),
            },
            findings: (report.findings.iter())
                .map(|one| self.finding(one))
                .collect(),
            direct_lookups: (context.direct_lookups.iter())
                .map(|one| self.direct_lookup(one))
                .collect(),
            groups: report
                .groups
                .iter()
                .map(|group| self.group(group))
                .collect(),
        }
    }

    fn finding(self, one: &Finding) -> FindingModel {
        let rows = self.report.groups.iter().flat_map(|group| &group.endpoints);
        let explained: Vec<&Endpoint> = rows
            .enumerate()
            .filter(|(place, _)| one.explains.contains(place))
            .map(|(_, row)| row.ranked.endpoint())
            .collect();
        let each_once = |what: fn(&Endpoint) -> String| {
            let mut all: Vec<String> = Vec::new();
            for one in &explained {
                let one = what(one);
                if !all.contains(&one) {
                    all.push(one);
                }
            }
            all
        };
        FindingModel {
            code: one.code().to_owned(),
            severity: one.severity.as_str().to_owned(),
            fault: one.fault.as_str().to_owned(),
            actor: one.actor.map(|actor| actor.as_str().to_owned()),
            text: one.text(self.lang),
            hint: one.hint(self.lang),
            regions: each_once(|one| one.region().to_string()),
            services: each_once(|one| one.service().to_string()),
            urls: each_once(ToString::to_string),
        }
    }

    fn environment(self) -> EnvironmentModel {
        let environment = &self.report.context.environment;
        EnvironmentModel {
            os: environment.os.clone(),
            arch: environment.arch.clone(),
            lab: environment.lab.as_deref().map(bounded),
            dns: environment.dns.map(|at| at.to_string()),
            nat64: environment.nat64.map(|prefix| prefix.to_string()),
            families: match environment.families {
                Families::Both => "both",
                Families::V4 => "v4",
                Families::V6 => "v6",
            }
            .to_owned(),
            families_tried: self.families(|one| one.attempts() > 0),
            families_working: self.families(|one| one.successes() > 0),
            proxy: environment.proxy.as_ref().map(|one| ProxyModel {
                url: one.to_string(),
                variable: one.variable().map(str::to_owned),
            }),
            proxy_variables: environment.proxy_variables.clone(),
            system_proxies: each_bounded(&environment.system_proxies),
            pinned: each_bounded(&environment.pinned),
            roots: environment.roots,
            cacert: environment.cacert,
            rounds: environment.rounds,
            timeout_ms: environment.timeout.map(ms_float),
            deadline_ms: environment.deadline.map(ms_float),
            in_flight: environment.in_flight,
            network: network(environment),
            name_servers: (environment.name_servers.iter())
                .map(ToString::to_string)
                .collect(),
            interface: (environment.network_at_start.as_ref())
                .and_then(|network| network.interface)
                .map(str::to_owned),
        }
    }

    fn families(self, wanted: fn(&AddressStats) -> bool) -> Vec<String> {
        let has = |v6: bool| {
            let rows = self.report.groups.iter().flat_map(|group| &group.endpoints);
            let mut addresses = rows.flat_map(|row| row.ranked.stats.addresses());
            addresses.any(|one| one.address().is_ipv6() == v6 && wanted(one))
        };
        let all = [("v4", false), ("v6", true)].into_iter();
        all.filter(|(_, v6)| has(*v6))
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    fn direct_lookup(self, lookup: &DirectLookup) -> DirectLookupModel {
        let answer = |outcome: &Result<Vec<IpAddr>, Failure>| {
            let addresses = outcome.as_deref().unwrap_or_default();
            let failure = outcome.as_ref().err();
            AnswerModel {
                addresses: addresses.iter().map(ToString::to_string).collect(),
                failure: failure.map(|failure| self.failure(failure, 1, false)),
            }
        };
        DirectLookupModel {
            host: lookup.host.clone(),
            server: lookup.server.to_string(),
            family: lookup.family.as_str().to_owned(),
            transport: lookup.transport.as_str().to_owned(),
            took_ms: ms_float(lookup.took),
            answer: answer(&lookup.outcome),
            second_answer: lookup.second_answer.as_ref().map(answer),
        }
    }

    fn group(self, group: &Group) -> GroupModel {
        let catalog = &self.report.context.catalog;
        let regions = group.residency.regions();
        let names: Vec<String> = (regions.iter())
            .map(|region| match catalog.region(region) {
                Some(info) => region_name(info, self.lang),
                None => region.to_string(),
            })
            .collect();
        let first = regions.first().and_then(|region| catalog.region(region));
        let locality = first.map(|info| info.locality());
        let ready = |row: &&Row| row.ranked.tier == Tier::Ready;
        let mut leading = group.endpoints.iter().take(2).filter(ready);
        let costs = [leading.next(), leading.next()].map(|row| row?.ranked.expected_cost);
        let lead = match costs {
            [Some(first), Some(second)] => Some(second.saturating_sub(first)),
            _ => None,
        };
        let why = group.best().map(|best| &best.reason);
        GroupModel {
            region: group.residency.to_string(),
            region_name: names.join(" + "),
            service: group.service.as_str().to_owned(),
            service_name: service_name(group.service, locality).of(self.lang),
            best: (group.best()).map(|best| best.endpoint().shown_with(best.stats.path())),
            lead_ms: lead.map(ms_float),
            clear_lead: lead.map(|_| why == Some(&Reason::Fastest)),
            second_source: group.second_source,
            endpoints: group
                .endpoints
                .iter()
                .map(|row| self.endpoint(row))
                .collect(),
        }
    }

    fn endpoint(self, row: &Row) -> EndpointModel {
        let (ranked, endpoint, stats) = (&row.ranked, row.ranked.endpoint(), &row.ranked.stats);
        let own = endpoint.confidence() == Confidence::User;
        let expiry =
            rules::first_to_expire(row, self.now()).and_then(|end| expires(end, self.now()));
        EndpointModel {
            rank: ranked.rank,
            tier: ranked.tier.as_str().to_owned(),
            url: endpoint.shown_with(stats.path()),
            configured_url: endpoint.to_string(),
            host: endpoint.host().to_owned(),
            authority: endpoint.authority(),
            label: endpoint.label().map(bounded),
            variant: endpoint.variant().as_str().to_owned(),
            region: endpoint.region().as_str().to_owned(),
            service: endpoint.service().as_str().to_owned(),
            confidence: endpoint.confidence().as_str().to_owned(),
            in_use: row.in_use,
            listed: row.listed,
            attempts: stats.attempts(),
            successes: stats.successes(),
            unfinished: stats.unfinished(),
            locally_delayed: stats.locally_delayed(),
            // Four digits are more than the number of attempts resolves.
            failed_ratio: (ranked.failed_ratio()).map(|ratio| (ratio * 1e4).round() / 1e4),
            expected_cost_ms: ranked.expected_cost.map(ms_float),
            total_ms: summary(stats.total()),
            phases_ms: Phases::of(|phase| summary(stats.phase(phase))),
            addresses: (stats.addresses().iter())
                .map(|one| self.address(one, own))
                .collect(),
            addresses_left_out: stats.left_out(),
            failures: self.failures(&stats.failures(), own),
            refused_certificates: (refused_certificates(stats.addresses()).into_iter())
                .map(|one| certificate_text(one).of(self.lang))
                .collect(),
            inspected_by: installed_issuer(stats.addresses()),
            certificate_expires: expiry.map(|expiry| expiry.of(self.lang)),
            reason: self.reason(&ranked.reason),
            samples: self.samples(endpoint),
        }
    }

    fn samples(self, endpoint: &Endpoint) -> Vec<SampleModel> {
        let all = self.report.context.evidence.samples.iter();
        let mut latest: Vec<SampleModel> = (all.rev())
            .filter(|one| one.endpoint == *endpoint)
            .take(SAMPLES)
            .map(sample)
            .collect();
        latest.reverse();
        latest
    }

    fn reason(self, reason: &Reason) -> ReasonModel {
        let failure = match reason {
            Reason::Answers(failure) | Reason::Fails(failure) => Some(failure),
            _ => None,
        };
        ReasonModel {
            code: reason.as_str().to_owned(),
            text: reason_text(reason, self.now(), self.report.ended).of(self.lang),
            phase: failure.map(|one| one.phase().as_str().to_owned()),
            kind: failure.map(|one| one.kind().as_str().to_owned()),
        }
    }

    fn address(self, one: &AddressStats, own: bool) -> AddressModel {
        let chain = one.chain();
        AddressModel {
            address: one.address().to_string(),
            attempts: one.attempts(),
            successes: one.successes(),
            total_ms: summary(one.total()),
            certificate: chain.map(|chain| certificate(chain.own(), self.now())),
            chain: (chain.into_iter())
                .flat_map(|chain| chain.certificates())
                .map(|one| certificate(one, self.now()))
                .collect(),
            trust: chain.and_then(|chain| Some(chain.trust()?.as_str().to_owned())),
            after_upgrade: (one.after_upgrade()).map(|(how, count)| after_upgrade(how, count)),
            failures: self.failures(one.failures(), own),
        }
    }

    fn failures(self, failures: &[FailureCount], own: bool) -> Vec<FailureModel> {
        let told = failures.iter();
        told.map(|one| self.failure(&one.failure, one.count, own))
            .collect()
    }

    fn failure(self, failure: &Failure, count: u64, own: bool) -> FailureModel {
        let done = rules::done(&self.report.context.environment, own);
        FailureModel {
            phase: failure.phase().as_str().to_owned(),
            kind: failure.kind().as_str().to_owned(),
            message: failure_text(failure, self.now()).of(self.lang),
            hint: failure_hint(failure, done).of(self.lang),
            count,
            detail: failure.message().map(bounded),
            status: failure.status(),
            chain_fault: failure
                .chain_fault()
                .map(ChainFault::as_str)
                .map(str::to_owned),
            tls_alert: failure.alert(),
            retry_after_s: failure.retry_after().map(|delay| delay.as_secs()),
            answered_by: (failure.answered_by().iter())
                .map(|(name, value)| bounded(&format!("{name}: {value}")))
                .collect(),
            body: failure.body().map(|body| body.chars().take(BODY).collect()),
        }
    }
}

fn sample(sample: &Sample) -> SampleModel {
    let failure = sample.outcome.as_ref().err();
    SampleModel {
        address: sample.address.to_string(),
        at_ms: ms_float(sample.started),
        took_ms: failure.is_none().then(|| ms_float(sample.elapsed)),
        failed: failure.map(|failure| format!("{}: {}", failure.phase(), failure.kind())),
    }
}

fn network(environment: &Environment) -> Option<NetworkModel> {
    let at_start = environment.network_at_start.as_ref()?;
    let kind = |address: IpAddr| match is_local(address) {
        true => "private".to_owned(),
        false => "public".to_owned(),
    };
    Some(NetworkModel {
        id: at_start.id.clone(),
        ipv4: at_start.source_v4.map(|v4| kind(v4.into())),
        ipv6: at_start.source_v6.map(|v6| kind(v6.into())),
        changed: environment.network_changed(),
    })
}

fn summary(distribution: &Distribution) -> Option<SummaryModel> {
    let summary = distribution.summary()?;
    Some(SummaryModel {
        min: ms_float(summary.min),
        mean: ms_float(summary.mean),
        stddev: ms_float(summary.stddev),
        // A histogram's bucket may reach beyond the longest value; the percentile shown must not.
        p50: ms_float(summary.p50.clamp(summary.min, summary.max)),
        p90: summary.p90.map(|p90| ms_float(p90.min(summary.max))),
        p99: summary.p99.map(|p99| ms_float(p99.min(summary.max))),
        max: ms_float(summary.max),
    })
}

fn after_upgrade(how: &AfterUpgrade, count: u64) -> AfterUpgradeModel {
    let (close_code, reason) = match how {
        AfterUpgrade::Close { code, reason } => (*code, Some(bounded(reason))),
        AfterUpgrade::Garbage(why) => (None, Some(bounded(why))),
        _ => (None, None),
    };
    AfterUpgradeModel {
        code: how.as_str().to_owned(),
        count,
        close_code,
        reason,
    }
}

fn certificate(certificate: &Certificate, now: SystemTime) -> CertificateModel {
    CertificateModel {
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

/// The issuer of the accepted certificates that verify only by a root that is trusted here but is not public.
fn installed_issuer(addresses: &[AddressStats]) -> Option<String> {
    let chains = addresses.iter().filter_map(AddressStats::chain);
    let mut installed = chains.filter(|chain| chain.trust() == Some(Trust::Installed));
    let last = installed.next()?.certificates().last()?;
    Some(last.issuer.clone())
}

/// The certificates that were refused, each once.
fn refused_certificates(addresses: &[AddressStats]) -> Vec<&Certificate> {
    let mut refused: Vec<&Certificate> = Vec::new();
    for count in addresses.iter().flat_map(AddressStats::failures) {
        let shown = count.failure.certificate();
        refused.extend(shown.filter(|one| !refused.contains(one)));
    }
    refused
}
