//! Diagnoses what [easelect] measured: a verdict, findings with hints, and every endpoint in its place.
//! Formats the report as a table, a summary, HTML, JSON, Markdown, CSV or Prometheus text, in English and Chinese.
//!
//! The crate is pure: it does no I/O and reads no clock. A [`Report`] is made from a probe's outcome and its
//! [`Context`], a [`Model`] from a report and a language, and every format from a model.
//! `docs/sentences.md` lists every text that it can show.
//!
//! # The JSON schema
//!
//! [`json`] writes version 1, which `docs/report.schema.json` describes (JSON Schema 2020-12). Where a value is
//! unknown, its key is present and `null`, unless the schema marks the key as optional. Durations are
//! floating-point milliseconds with their unit in the key. Points in time are RFC 3339, in UTC unless the key says
//! `local`. Codes are stable; texts are not. Keys may be added within a version.
//!
//! [`Model::from_text`] reads a report again, from its JSON or from its HTML page. [`comparison_json`] has its own
//! keys.
//!
//! Data centres are never compared: an app lives in one of them.

mod texts;

mod exposition;

mod figures;

mod layout;

mod threshold;

mod evidence;

mod finding;

mod verdict;

mod nearby;

mod facts;

mod rules;

mod model;

mod read;

mod redact;

mod format;

mod listing;

mod connects;

mod compare;

mod page;

mod sdk;

mod advice;

mod explain;

mod server_list;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use easelect::{
    Catalog, Ended, Endpoint, Failure, Families, Family, LocalNetwork, Nat64, Peer, ProbeOutcome,
    Proxy, Ranked, Ranking, Region, Residency, Service,
};

pub use advice::{advice, advice_json};
pub use compare::{Comparison, comparison_json, comparison_table};
pub use connects::{ConnectRecord, connects_json, connects_table};
pub use evidence::Evidence;
pub use explain::{
    Answer, Explanation, Meaning, OtherReading, ReportBeside, SourceModel, Unknown, explain,
    explanation_json, explanation_text,
};
pub use exposition::{Exposition, ExpositionFormat, MetricKind};
pub use finding::Finding;
pub use format::{
    Format, csv, details, first_screen, html, json, markdown, prometheus, summary, table,
};
pub use layout::Style;
pub use listing::{catalog_json, catalog_table};
pub use model::{
    AddressModel, AfterUpgradeModel, AnswerModel, CertificateModel, DirectLookupModel,
    EndpointModel, EnvironmentModel, FailureModel, FindingModel, GroupModel, Model, NetworkModel,
    Phases, ProxyModel, ReasonModel, SampleModel, SummaryModel, VerdictModel,
};
pub use nearby::{TcpEndsNearby, tcp_ends_nearby};
pub use page::page;
pub use read::ReadError;
pub use sdk::Sdk;
pub use server_list::{ListError, OrderedList, ServerList};
pub use texts::Lang;
pub use threshold::{Figure, Threshold};
pub use verdict::{Fault, Verdict};

/// Describes a failure in one line, as reports do: `TLS handshake: certificate expired 3 days ago`.
///
/// Ages count from `now`. The text has no control characters.
#[must_use]
pub fn failure_text(failure: &Failure, lang: Lang, now: SystemTime) -> String {
    texts::failure_text(failure, now).of(lang)
}

/// The conditions of a measurement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context {
    /// The catalogue of the endpoints, for the regions' names.
    pub catalog: Catalog,
    /// When probing began.
    pub started_at: SystemTime,
    /// When it ended. Ages ("expired 3 days ago") count from here.
    pub finished_at: SystemTime,
    /// The machine and its settings.
    pub environment: Environment,
    /// The endpoints that the customer has configured. They are marked, and compared with the first choice.
    pub in_use: Vec<Endpoint>,
    /// The endpoints in the app's server list, among which its SDK chooses. They are marked.
    pub listed: Vec<Endpoint>,
    /// Limits: a ready endpoint above one becomes a finding.
    pub thresholds: Vec<Threshold>,
    /// What the caller noticed during preparation.
    pub notes: Vec<Note>,
    /// The answers of DNS servers about hosts that could not be resolved or reached.
    pub direct_lookups: Vec<DirectLookup>,
    /// Every attempt and lookup.
    pub evidence: Evidence,
    /// Regions whose hosts are from another source than Easemob's reference page. Failures there are reported, but
    /// don't count against the verdict.
    pub second_source: Vec<Region>,
    /// The user's note for the readers of the report, such as the customer, the city or the carrier.
    pub note: Option<String>,
    /// The offset of the local time from UTC, in seconds; absent where unknown.
    pub utc_offset: Option<i32>,
}

impl Context {
    /// Returns a context with only the catalogue and the two times.
    #[must_use]
    pub fn new(catalog: Catalog, started_at: SystemTime, finished_at: SystemTime) -> Self {
        Context {
            catalog,
            started_at,
            finished_at,
            environment: Environment::default(),
            in_use: Vec::new(),
            listed: Vec::new(),
            thresholds: Vec::new(),
            notes: Vec::new(),
            direct_lookups: Vec::new(),
            evidence: Evidence::default(),
            second_source: Vec::new(),
            note: None,
            utc_offset: None,
        }
    }
}

/// The machine that measured, and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// The operating system; this build's by default.
    pub os: String,
    /// The processor architecture; this build's by default.
    pub arch: String,
    /// The scenario, if the network was simulated.
    pub lab: Option<String>,
    /// The DNS server used instead of the platform's resolver.
    pub dns: Option<SocketAddr>,
    /// The NAT64 prefix for IPv4 addresses, on a network that has only IPv6 (RFC 7050).
    pub nat64: Option<Nat64>,
    /// The address families that were chosen.
    pub families: Families,
    /// The proxy that was used.
    pub proxy: Option<Proxy>,
    /// The names of the proxy variables that are set, without their values, which may hold passwords.
    pub proxy_variables: Vec<String>,
    /// The proxies in the operating system's settings, as far as known, which are not used: URLs without user name
    /// and password.
    pub system_proxies: Vec<String>,
    /// Hosts that the user pinned to addresses. Nobody else is blamed for what answers there.
    pub pinned: Vec<String>,
    /// The number of roots in the system's certificate store; absent where unknown.
    pub roots: Option<usize>,
    /// Whether the user gave additional certificates to trust.
    pub cacert: bool,
    /// The number of rounds; absent where it adapts.
    pub rounds: Option<u32>,
    /// The timeout of one attempt.
    pub timeout: Option<Duration>,
    /// The deadline of the whole run.
    pub deadline: Option<Duration>,
    /// The most attempts in flight at once.
    pub in_flight: Option<usize>,
    /// The machine's network when probing began; absent where it doesn't matter, as in a lab.
    pub network_at_start: Option<LocalNetwork>,
    /// The machine's network when probing ended.
    pub network_at_end: Option<LocalNetwork>,
    /// The DNS servers in the system's settings, as far as known.
    pub name_servers: Vec<SocketAddr>,
}

impl Environment {
    /// Returns whether the machine's routes or addresses changed during the measurement; `None` where unknown.
    #[must_use]
    pub fn network_changed(&self) -> Option<bool> {
        let (start, end) = (&self.network_at_start, &self.network_at_end);
        Some(end.as_ref()?.differs_from(start.as_ref()?))
    }

    /// The proxy, if it is used for this endpoint.
    fn proxy_of(&self, endpoint: &Endpoint) -> Option<&Proxy> {
        let through = Peer::of(endpoint, self.proxy.as_ref()).proxy;
        self.proxy.as_ref().filter(|_| through.is_some())
    }
}

impl Default for Environment {
    fn default() -> Self {
        Environment {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            lab: None,
            dns: None,
            nat64: None,
            families: Families::Both,
            proxy: None,
            proxy_variables: Vec::new(),
            system_proxies: Vec::new(),
            pinned: Vec::new(),
            roots: None,
            cacert: false,
            rounds: None,
            timeout: None,
            deadline: None,
            in_flight: None,
            network_at_start: None,
            network_at_end: None,
            name_servers: Vec::new(),
        }
    }
}

/// Something that the caller noticed while preparing to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A region doesn't have a service that was chosen.
    NonePublished {
        /// The region.
        region: Region,
        /// The service.
        service: Service,
    },
    /// The app's list of endpoints could not be read.
    SourceFailed {
        /// The URL of the list.
        url: String,
        /// Why it could not be read.
        why: String,
    },
    /// The user's App Key was sent to Easemob's list service, as the user asked.
    AppKeySent {
        /// The host that received it.
        to: String,
    },
    /// The data centres of the hosts in the app's list of endpoints.
    Recognised {
        /// The URL of the list.
        url: String,
        /// The data centres, the most frequent first; empty if no host of the list is known.
        regions: Vec<Region>,
    },
    /// Parts of the list of endpoints are not used.
    SourceInPart {
        /// The URL of the list.
        url: String,
        /// The parts left out, and why.
        left_out: Vec<String>,
    },
    /// The link was too slow for concurrent attempts. The report is of a second try, with one attempt at a time and
    /// longer limits.
    TriedAgain {
        /// The most concurrent attempts of the first try.
        in_flight: usize,
        /// The attempts of the first try.
        attempts: u64,
        /// Those of them that failed.
        failed: u64,
    },
}

/// The answer of one DNS server, asked directly, about a host that could not be resolved or reached.
/// `getaddrinfo` doesn't show why a lookup fails, nor that an answer is forged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectLookup {
    /// The host name.
    pub host: String,
    /// The DNS server.
    pub server: SocketAddr,
    /// The address family of the query.
    pub family: Family,
    /// The transport of the answer; of the query, if there is no answer.
    pub transport: DnsTransport,
    /// The addresses, or why there are none.
    pub outcome: Result<Vec<IpAddr>, Failure>,
    /// The time from the first query to the answer.
    pub took: Duration,
    /// A second, different answer to the same query: one of the two is forged.
    pub second_answer: Option<Result<Vec<IpAddr>, Failure>>,
}

impl DirectLookup {
    /// Returns the answer of `server` about `host`, over UDP, with a time of zero and no second answer. Set these
    /// fields where they are known.
    #[must_use]
    pub fn new(
        host: impl Into<String>,
        server: SocketAddr,
        family: Family,
        outcome: Result<Vec<IpAddr>, Failure>,
    ) -> Self {
        DirectLookup {
            host: host.into(),
            server,
            family,
            transport: DnsTransport::Udp,
            outcome,
            took: Duration::ZERO,
            second_answer: None,
        }
    }
}

/// The transport of a DNS query (RFC 1035 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DnsTransport {
    /// UDP datagrams, the usual transport.
    Udp,
    /// A TCP connection.
    Tcp,
}

impl DnsTransport {
    /// Returns the stable identifier: `"udp"` or `"tcp"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            DnsTransport::Udp => "udp",
            DnsTransport::Tcp => "tcp",
        }
    }
}

/// One endpoint of a [`Group`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The endpoint, with its rank and statistics.
    pub ranked: Ranked,
    /// Whether the customer has it configured.
    pub in_use: bool,
    /// Whether it is in the app's server list.
    pub listed: bool,
}

/// The interchangeable endpoints of a data centre (or the mainland pool) and a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// The data centre, or the mainland pool.
    pub residency: Residency,
    /// The service.
    pub service: Service,
    /// The endpoints, best first.
    pub endpoints: Vec<Row>,
    /// Whether the hosts are from another source than Easemob's reference page: see [`Context::second_source`].
    pub second_source: bool,
}

impl Group {
    /// Returns the first choice: the first endpoint, if it is ready.
    #[must_use]
    pub fn best(&self) -> Option<&Ranked> {
        let first = &self.endpoints.first()?.ranked;
        (first.tier == easelect::Tier::Ready).then_some(first)
    }
}

/// The conclusions from a measurement, before they are formatted.
#[derive(Clone, Debug)]
pub struct Report {
    context: Context,
    ended: Ended,
    groups: Vec<Group>,
    findings: Vec<Finding>,
    verdict: Verdict,
}

impl Report {
    /// Draws the conclusions from a probe's outcome and its context.
    #[must_use]
    pub fn new(outcome: &ProbeOutcome, context: Context) -> Self {
        let group = |ranking: &Ranking| Group {
            residency: ranking.residency.clone(),
            service: ranking.service,
            second_source: (ranking.residency.regions().iter())
                .all(|region| context.second_source.contains(region)),
            endpoints: (ranking.endpoints.iter())
                .map(|ranked| Row {
                    in_use: context.in_use.contains(ranked.endpoint()),
                    listed: context.listed.contains(ranked.endpoint()),
                    ranked: ranked.clone(),
                })
                .collect(),
        };
        let groups: Vec<Group> = outcome.rankings.iter().map(group).collect();
        let facts = facts::Facts::gather(&groups, &context, outcome.ended);
        let mut findings = rules::findings(&facts);
        for one in &mut findings {
            let mut rows = facts.rows.iter();
            let beside = |place: &usize| rows.any(|row| row.place == *place && row.second_source);
            if !one.explains.is_empty() && one.explains.iter().all(beside) {
                // Easemob doesn't promise these hosts.
                one.severity = one.severity.max(finding::Severity::Informs);
            }
        }
        if every_group_ready(&groups) {
            findings.iter_mut().for_each(Finding::where_all_is_usable);
        }
        // The gravest first. Of equal ones, those that affect only mini-programs come last; the others stay in the
        // order of their rules.
        let of_mini_programs = |one: &Finding| {
            let is_one = |place: &usize| {
                let mut rows = facts.rows.iter();
                rows.any(|row| row.place == *place && row.endpoint().service().is_mini_program())
            };
            !one.explains.is_empty() && one.explains.iter().all(is_one)
        };
        findings.sort_by_key(|one| (one.severity, of_mini_programs(one)));
        let verdict = verdict::verdict(&groups, &findings);
        Report {
            ended: outcome.ended,
            groups,
            findings,
            verdict,
            context,
        }
    }

    /// Returns the verdict: what is at fault, if anything, and who can act.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Returns the findings, the gravest first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the groups, one per region and service, in the catalogue's order.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns whether the measurement completed.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.ended == Ended::Complete
    }

    /// Returns whether every group has a ready endpoint. `false` if there is no group; groups of a second source
    /// count only if there are no others.
    #[must_use]
    pub fn every_group_ready(&self) -> bool {
        every_group_ready(&self.groups)
    }

    /// Returns the ready endpoints above a threshold, with the figures measured.
    #[must_use]
    pub fn above(&self, threshold: Threshold) -> Vec<(&Endpoint, Duration)> {
        threshold::above(&self.groups, threshold)
    }

    /// Returns whether the check passes: every group has a ready endpoint, and none is above a threshold.
    #[must_use]
    pub fn passes(&self) -> bool {
        let mut thresholds = self.context.thresholds.iter();
        self.every_group_ready() && thresholds.all(|one| self.above(*one).is_empty())
    }
}

/// Returns every rule of the diagnosis, the gravest first: the code of its finding, the evidence that it needs and
/// the evidence that excludes it, in English.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    rules::RULES
        .iter()
        .map(|rule| (rule.code, rule.needs, rule.unless))
}

/// Whether there is a group, and every group that counts has a ready endpoint.
fn every_group_ready(groups: &[Group]) -> bool {
    let counts =
        |group: &&Group| !group.second_source || groups.iter().all(|one| one.second_source);
    !groups.is_empty()
        && groups
            .iter()
            .filter(counts)
            .all(|group| group.best().is_some())
}
