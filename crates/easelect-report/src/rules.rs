//! Rules that turn facts into findings. Each file has one rule: the evidence that it needs, the evidence that
//! excludes it, who can act, and its texts.
//!
//! Rules run in the order of gravity: first what explains everything, then the path to the hosts, then the hosts,
//! then the configuration and the limits of the measurement. A rule sees the findings before it, and blames nobody
//! for failures that they explain.

use std::collections::BTreeSet;
use std::time::SystemTime;

use easelect::{Failure, FailureKind as Kind, Families, Phase, Trust, is_local};

use super::facts::{Facts, RowFacts, are_unrelated, hosts, is_silence};
use super::finding::{Actor, Finding, Severity};
use super::texts::{Done, Text, failure_text, plural};
use super::verdict::Fault;
use super::{Environment, Row, texts};

macro_rules! rules {
    ($($name:ident,)+) => {
        $(mod $name;)+

        /// Every rule, the gravest first.
        pub(crate) const RULES: &[&Rule] = &[$(&$name::RULE),+];
    };
}

rules! {
    out_of_resources,
    no_network,
    not_permitted,
    panicked,
    no_root_certificates,
    clock_wrong,
    timeout_too_short,
    proxy_fails,
    no_name_resolved,
    connection_lost,
    captive_portal,
    interception,
    inspection,
    dns_forged,
    local_proxy_fails,
    hijack,
    one_address,
    large_packets_dropped,
    filter_by_name,
    tls_stops,
    nothing_gets_through,
    slow_link,
    family_broken,
    packets_lost,
    slow_to_open,
    dns_slow,
    name_server_silent,
    in_use,
    certificate_expired,
    certificate_faulty,
    service_in_trouble,
    upgrade_dropped,
    firewall_in_front,
    path_wrong,
    redirected,
    closed_at_once,
    endpoint_down,
    address_down,
    fails_sometimes,
    source_failed,
    source_in_part,
    slow_address,
    alternate_path,
    certificate_expires_soon,
    above_threshold,
    unfinished,
    direct_lookup,
    addresses_left_out,
    locally_delayed,
    network_changed,
    tcp_ends_nearby,
    local_proxy,
    through_proxy,
    family_absent,
    app_list,
    none_published,
    mainland_pool,
    mini_program,
    inferred_urls,
    not_comparable,
}

/// A rule of the diagnosis.
pub(crate) struct Rule {
    /// The stable identifier of its findings; the first one, if the rule has several.
    pub(crate) code: &'static str,
    /// The evidence that it needs, in English.
    pub(crate) needs: &'static str,
    /// The evidence that excludes it, in English.
    pub(crate) unless: &'static str,
    /// Returns its findings from the facts, given the findings before it.
    pub(crate) find: fn(&Facts<'_>, &Found) -> Vec<Finding>,
}

impl Rule {
    /// A finding of this rule.
    fn finding(&self, text: Text) -> Finding {
        Finding::new(self.code, text)
    }
}

/// The earliest expiry among the certificates accepted for an endpoint.
pub(crate) fn first_to_expire(row: &Row, now: SystemTime) -> Option<SystemTime> {
    let first = certificate_expires_soon::of_addresses(row.ranked.stats.addresses(), now);
    first.map(|(end, _)| end)
}

/// The findings so far.
#[derive(Default)]
pub(crate) struct Found(Vec<Finding>);

impl Found {
    /// Whether one of these codes was found.
    fn any(&self, codes: &[&str]) -> bool {
        self.0.iter().any(|one| codes.contains(&one.code))
    }

    /// Whether a finding explains this endpoint's failures.
    fn explains(&self, row: &RowFacts<'_>) -> bool {
        self.0.iter().any(|one| one.explains.contains(&row.place))
    }

    /// Whether a failure is a timeout that means nothing because the timeout given is too short.
    fn excuses(&self, failure: &Failure) -> bool {
        failure.kind() == Kind::Timeout && self.any(&["timeout_too_short"])
    }

    /// Whether the path to the hosts is in doubt, so that failures may not be the hosts' fault.
    fn path_in_doubt(&self) -> bool {
        const ALWAYS: &[&str] = &[
            "out_of_resources",
            "timeout_too_short",
            "connection_lost",
            "dns_forged",
            "large_packets_dropped",
            "filter_by_name_suspected",
            "tls_stops_suspected",
            "slow_link",
        ];
        self.0.iter().any(|one| match one.code {
            // An inspection that lets everything pass does no harm.
            "tls_inspected" => one.severity <= Severity::Harms,
            // Losses on the way to one host say nothing about the others.
            "packets_lost" => one.fault == Fault::Network,
            code => ALWAYS.contains(&code),
        })
    }
}

/// Returns every finding that follows from the facts.
pub(crate) fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Found::default();
    for rule in RULES {
        let new = (rule.find)(facts, &found);
        found.0.extend(new);
    }
    found.0
}

/// The hint for a failure, without what the user has already done.
fn failure_hint(failure: &Failure, facts: &Facts<'_>, own: bool) -> Text {
    texts::failure_hint(failure, done(&facts.context.environment, own))
}

/// The hint for the user's own hosts at private addresses that don't answer.
fn connect_inside(rows: &[&RowFacts<'_>], failure: &Failure) -> Option<Text> {
    let is_inside = |row: &&RowFacts<'_>| {
        let mut ips = row.addresses().iter().map(|one| one.address().ip());
        let inside = |ip: std::net::IpAddr| is_local(ip) && !ip.is_loopback();
        row.own && !row.proxied && !row.addresses().is_empty() && ips.all(inside)
    };
    let away = matches!(failure.kind(), Kind::Timeout | Kind::Unreachable);
    (away && failure.phase() == Phase::Connect && rows.iter().all(is_inside)).then(|| {
        texts::text(
            "The address is private: connect to the company's network or VPN first, then measure again.",
            "这是内网地址：请先接入公司内网或 VPN，再重测。",
        )
    })
}

/// What the user has already done.
pub(crate) fn done(environment: &Environment, own: bool) -> Done {
    let proxy = environment.proxy.as_ref();
    Done {
        cacert: environment.cacert,
        dns: environment.dns.is_some(),
        lab: environment.lab.is_some(),
        family: environment.families != Families::Both,
        proxy_credentials: proxy.is_some_and(easelect::Proxy::has_credentials),
        socks: proxy.is_some_and(|proxy| proxy.to_string().starts_with("socks")),
        own,
    }
}

/// Who can repair a failure at an endpoint; `None` where the evidence is not enough to name anyone.
///
/// Easemob is named for the answers of a host that proved its identity, and where another of its hosts works at the
/// same time over the same path, and nothing is wrong with that path.
fn who_mends(
    row: &RowFacts<'_>,
    failure: &Failure,
    facts: &Facts<'_>,
    found: &Found,
) -> Option<Actor> {
    if failure.is_local() {
        return Some(Actor::You);
    }
    if row.own {
        return Some(Actor::Developer);
    }
    if failure.phase() == Phase::Proxy {
        return Some(who_mends_proxy(failure));
    }
    if row.pinned {
        return Some(Actor::You);
    }
    // DNS servers in between may answer anything.
    if failure.phase() == Phase::Resolve {
        return None;
    }
    // Its text says that a device in between answered.
    if failure.kind() == Kind::BadAccept {
        return None;
    }
    let proved = failure.phase() > Phase::Tls && row.trust() != Some(Trust::Installed);
    if proved && failure.is_answer() {
        return Some(Actor::Easemob);
    }
    let cleared = !found.path_in_doubt() && facts.another_works(row);
    cleared.then_some(Actor::Easemob)
}

/// Who can repair a proxy that leads nowhere: the user who configured it, or its administrator.
fn who_mends_proxy(failure: &Failure) -> Actor {
    match (failure.phase(), failure.kind()) {
        (Phase::Resolve, _) | (_, Kind::Refused | Kind::AuthRequired | Kind::NotAProxy) => {
            Actor::You
        }
        _ => Actor::NetworkAdministrator,
    }
}

/// Who can repair endpoints that fail alike, if it is the same for all of them.
fn who_mends_all(
    rows: &[&RowFacts<'_>],
    failure: &Failure,
    facts: &Facts<'_>,
    found: &Found,
) -> Option<Actor> {
    let mut all = rows.iter().map(|row| who_mends(row, failure, facts, found));
    let first = all.next()??;
    all.all(|one| one == Some(first)).then_some(first)
}

/// Who gave the hosts or their addresses, where the user gave all of them, so that nobody else is to blame; and the
/// hint, where the addresses were given.
fn given_by(rows: &[&RowFacts<'_>]) -> Option<(Actor, Text)> {
    if rows.iter().all(|row| row.own) {
        return Some((Actor::Developer, texts::text("", "")));
    }
    let hint = texts::text(
        "Check that the address given still belongs to the host.",
        "请确认给出的地址仍属于该主机。",
    );
    let given = rows.iter().all(|row| row.own || row.pinned);
    given.then_some((Actor::You, hint))
}

/// The published hosts that connect, two or more, and the failure that shows another server at each, if none of
/// them proved its identity.
fn impostors<'a>(
    facts: &'a Facts<'a>,
    found: &Found,
) -> Option<(Vec<&'a RowFacts<'a>>, Vec<&'a Failure>)> {
    // Silence in TLS says nothing about who is there.
    let speaks = |one: &Failure| one.phase() == Phase::Tls && !is_silence(one);
    let answered = |row: &RowFacts<'_>| row.is_verified() || row.failures.iter().any(speaks);
    let connected = |row: &&RowFacts<'_>| answered(row) && !found.explains(row);
    let rows: Vec<&RowFacts<'_>> = facts.published().filter(connected).collect();
    let symptoms: Vec<&Failure> = rows.iter().filter_map(|row| row.impostor()).collect();
    let all = symptoms.len() == rows.len() && hosts(rows.iter().copied()).len() >= 2;
    (all && are_unrelated(rows.iter().copied())).then_some((rows, symptoms))
}

/// The places of these endpoints.
fn places(rows: &[&RowFacts<'_>]) -> BTreeSet<usize> {
    rows.iter().map(|row| row.place).collect()
}

/// Whether a service can't be used because of one of these endpoints.
fn any_blocks(rows: &[&RowFacts<'_>]) -> bool {
    rows.iter().any(|row| row.blocks)
}

/// The URLs of these endpoints.
fn urls(rows: &[&RowFacts<'_>]) -> Vec<String> {
    rows.iter().map(|row| row.url()).collect()
}
