//! What the command `easelect` prints: a verdict for a person, findings, and one block per region and
//! service, as a table, as a page for a browser or as JSON, in English and Chinese.
//!
//! Pure: no I/O and no clock. What was measured and when comes in, text comes out.
//!
//! # The JSON schema
//!
//! Version 1, written by [`json`]. Keys whose value may be unknown are always present and
//! `null` then. Durations are floating-point milliseconds with their unit in the key; points in
//! time are RFC 3339 in UTC; codes are stable, texts are not. Keys may be added within a version. Every key is
//! described in `docs/report.schema.json` (JSON Schema 2020-12).
//!
//! [`Model::from_text`] reads it again, from itself or from a page that has it in it; [`comparison_json`] has
//! keys of its own.
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

/// What a report says of a failure, in one line: `TLS handshake: certificate expired 3 days ago`. `now`
/// is when it was; nothing in it can act on a terminal.
#[must_use]
pub fn failure_text(failure: &Failure, lang: Lang, now: SystemTime) -> String {
    texts::failure_text(failure, now).of(lang)
}

/// The conditions of a measurement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context {
    /// The catalogue that the endpoints are from, for the regions' names.
    pub catalog: Catalog,
    /// When probing began.
    pub started_at: SystemTime,
    /// When it ended. Ages ("expired 3 days ago") count from here.
    pub finished_at: SystemTime,
    /// The machine and its settings.
    pub environment: Environment,
    /// What the customer has configured: marked, and compared with the first choice.
    pub in_use: Vec<Endpoint>,
    /// What the app's list of servers names: marked. Its SDK chooses among them.
    pub listed: Vec<Endpoint>,
    /// Limits; what is above one becomes a finding.
    pub thresholds: Vec<Threshold>,
    /// What the caller noticed while it prepared.
    pub notes: Vec<Note>,
    /// What each name server said of hosts that could not be resolved or reached.
    pub direct_lookups: Vec<DirectLookup>,
    /// Every attempt and look-up.
    pub evidence: Evidence,
    /// Regions whose hosts Easemob's reference page doesn't name, another source does. What fails there
    /// is told, and makes nothing unusable.
    pub second_source: Vec<Region>,
    /// What the user wants whoever reads the report to know: the customer, the city, the carrier.
    pub note: Option<String>,
    /// How far the clock on this computer's wall is ahead of UTC, in seconds; absent where unknown.
    pub utc_offset: Option<i32>,
}

impl Context {
    /// A context with nothing but the catalogue and the two moments.
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

/// The machine that measured, and how it was told to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// The operating system; this build's by default.
    pub os: String,
    /// The processor architecture; this build's by default.
    pub arch: String,
    /// The scenario, if the network was simulated.
    pub lab: Option<String>,
    /// The name server that was asked instead of the platform's resolver.
    pub dns: Option<SocketAddr>,
    /// The prefix that leads to IPv4 addresses, on a network that has only IPv6 (RFC 7050).
    pub nat64: Option<Nat64>,
    /// The address families asked for.
    pub families: Families,
    /// The proxy that was used.
    pub proxy: Option<Proxy>,
    /// Names of the proxy variables that are set; never their values, which may hold passwords.
    pub proxy_variables: Vec<String>,
    /// The proxies in the operating system's settings, which are not used, as far as known:
    /// URLs without user and password.
    pub system_proxies: Vec<String>,
    /// Hosts that the user pinned to addresses. What they lead to is nobody's fault.
    pub pinned: Vec<String>,
    /// How many roots the system's certificate store has; absent where that is unknown.
    pub roots: Option<usize>,
    /// Whether the user gave certificates to trust besides.
    pub cacert: bool,
    /// Rounds asked for; absent where the number adapts.
    pub rounds: Option<u32>,
    /// The time-out of one attempt.
    pub timeout: Option<Duration>,
    /// The deadline of everything.
    pub deadline: Option<Duration>,
    /// Attempts in flight at a time.
    pub in_flight: Option<usize>,
    /// The network that the machine was on when probing began; absent where it doesn't matter, as in a
    /// lab.
    pub network_at_start: Option<LocalNetwork>,
    /// The one that it was on when probing ended.
    pub network_at_end: Option<LocalNetwork>,
    /// The name servers in the system's settings, as far as known.
    pub name_servers: Vec<SocketAddr>,
}

impl Environment {
    /// Whether routes or addresses of the machine changed while it measured; absent where unknown.
    #[must_use]
    pub fn network_changed(&self) -> Option<bool> {
        let (start, end) = (&self.network_at_start, &self.network_at_end);
        Some(end.as_ref()?.differs_from(start.as_ref()?))
    }

    /// The proxy, if it leads to this endpoint.
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

/// Something that the caller noticed while it prepared to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A region doesn't have a service that was asked for.
    NonePublished {
        /// The region.
        region: Region,
        /// The service.
        service: Service,
    },
    /// The list of endpoints that an app uses could not be read.
    SourceFailed {
        /// Where it should be.
        url: String,
        /// Why it could not.
        why: String,
    },
    /// The user's App Key was sent to Easemob's list service, as asked.
    AppKeySent {
        /// The host that it was sent to.
        to: String,
    },
    /// Which data centres the app's list of endpoints names hosts of.
    Recognised {
        /// Where the list is.
        url: String,
        /// The data centres, the most frequent first; none, if no host of it is known.
        regions: Vec<Region>,
    },
    /// Not all that the list of endpoints says is used.
    SourceInPart {
        /// Where it is.
        url: String,
        /// What is left out, and why.
        left_out: Vec<String>,
    },
    /// So much at once was too much for the link. What is reported is of a second try, one attempt at
    /// a time and with more patience.
    TriedAgain {
        /// How many attempts were made at a time at first.
        in_flight: usize,
        /// How many attempts that were.
        attempts: u64,
        /// How many of them failed.
        failed: u64,
    },
}

/// What one name server, asked directly, said of a host that could not be resolved or reached:
/// getaddrinfo can't tell why it fails, nor that an answer is forged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectLookup {
    /// The host name.
    pub host: String,
    /// The name server.
    pub server: SocketAddr,
    /// The family asked for.
    pub family: Family,
    /// How the answer came; how it was asked for, if there is none.
    pub transport: DnsTransport,
    /// The addresses, or why there are none.
    pub outcome: Result<Vec<IpAddr>, Failure>,
    /// From the first query to the answer.
    pub took: Duration,
    /// A second answer to the same query, which says something else: one of the two is forged.
    pub second_answer: Option<Result<Vec<IpAddr>, Failure>>,
}

impl DirectLookup {
    /// What `server` said of `host`: over UDP, at once, and nothing more; set further fields as they
    /// are known.
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

/// How a name server is asked (RFC 1035 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DnsTransport {
    /// In datagrams, as it is usual.
    Udp,
    /// Over a connection.
    Tcp,
}

impl DnsTransport {
    /// The stable identifier: `"udp"`, `"tcp"`.
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
    /// The endpoint in its place.
    pub ranked: Ranked,
    /// Whether the customer has it configured.
    pub in_use: bool,
    /// Whether the app's list of servers names it.
    pub listed: bool,
}

/// The endpoints that may stand in for each other, best first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// The data centre, or the mainland pool.
    pub residency: Residency,
    /// The service.
    pub service: Service,
    /// The endpoints, best first.
    pub endpoints: Vec<Row>,
    /// The hosts are not from Easemob's reference page: see [`Context::second_source`].
    pub second_source: bool,
}

impl Group {
    /// The first, if it is ready.
    #[must_use]
    pub fn best(&self) -> Option<&Ranked> {
        let first = &self.endpoints.first()?.ranked;
        (first.tier == easelect::Tier::Ready).then_some(first)
    }
}

/// Everything that a report says, before it has a form.
#[derive(Clone, Debug)]
pub struct Report {
    context: Context,
    ended: Ended,
    groups: Vec<Group>,
    findings: Vec<Finding>,
    verdict: Verdict,
}

impl Report {
    /// Draws the conclusions from what was measured.
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
                // Nobody was promised these hosts.
                one.severity = one.severity.max(finding::Severity::Informs);
            }
        }
        // The gravest first; of equal ones, the one whose rule comes first.
        findings.sort_by_key(|one| one.severity);
        let verdict = verdict::verdict(&groups, &findings);
        Report {
            ended: outcome.ended,
            groups,
            findings,
            verdict,
            context,
        }
    }

    /// What is at fault, if anything, and who can act.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What is worth telling, the gravest first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// One group per region and service, in catalogue order.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether everything planned was done.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.ended == Ended::Complete
    }

    /// Whether there is a group, and every one has an endpoint that is ready.
    #[must_use]
    pub fn every_group_ready(&self) -> bool {
        every_group_ready(&self.groups)
    }

    /// The ready endpoints that are above a threshold, with what was measured.
    #[must_use]
    pub fn above(&self, threshold: Threshold) -> Vec<(&Endpoint, Duration)> {
        threshold::above(&self.groups, threshold)
    }

    /// Whether a script may go on: every group is ready, and nothing is above a threshold.
    #[must_use]
    pub fn passes(&self) -> bool {
        let mut thresholds = self.context.thresholds.iter();
        self.every_group_ready() && thresholds.all(|one| self.above(*one).is_empty())
    }
}

/// Every rule by which findings are drawn, the gravest first: its code, the evidence that it needs, and the
/// evidence that excludes it, in English.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    rules::RULES
        .iter()
        .map(|rule| (rule.code, rule.needs, rule.unless))
}

/// Whether there is a group, and every one that counts has an endpoint that is ready.
fn every_group_ready(groups: &[Group]) -> bool {
    let counts =
        |group: &&Group| !group.second_source || groups.iter().all(|one| one.second_source);
    !groups.is_empty()
        && groups
            .iter()
            .filter(counts)
            .all(|group| group.best().is_some())
}
