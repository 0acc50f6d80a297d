//! TLS handshakes are cut off or dropped on the way because of the host name in them.

use std::collections::BTreeMap;
use std::time::Duration;

use easelect::{FailureKind as Kind, Phase, Sample, Silence};

use super::{Found, Rule, any_blocks, places};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding};
use crate::facts::{domain, hosts};
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "filter_by_name_suspected",
    needs: "TLS handshakes reset sooner than the round trip; or, while the other domain works, ClientHellos \
         that are retransmitted and never acknowledged at every address of a domain, or TLS cut off at every \
         host of a domain, at two or more addresses",
    unless: "the host proved its identity; another host of that domain did, unless resets come sooner than the \
         round trip",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let mut by_domain: BTreeMap<&str, Vec<&RowFacts<'_>>> = BTreeMap::new();
    for row in facts.tried().filter(|row| !row.proxied) {
        by_domain.entry(domain(row.host())).or_default().push(row);
    }
    let works = |rows: &[&RowFacts<'_>]| rows.iter().any(|row| row.successes() > 0);
    let any_works = by_domain.values().any(|rows| works(rows));
    let mut findings = Vec::new();
    for rows in by_domain.values() {
        let cut = |row: &&RowFacts<'_>| {
            !row.is_verified() && !found.explains(row) && cut_in_tls(row)
        };
        let mut failing: Vec<&RowFacts<'_>> = rows.iter().copied().filter(cut).collect();
        if rows.iter().any(|row| row.is_verified()) {
            // Other hosts of the domain work: only a reset that no host at that distance can send shows a filter.
            failing.retain(|row| row.samples.iter().any(|one| too_soon(one)));
        }
        if failing.is_empty() {
            continue;
        }
        let samples = || failing.iter().flat_map(|row| row.samples.iter().copied());
        let soon = samples().filter(|one| too_soon(one)).count();
        let dropped = samples()
            .filter(|one| one.silence() == Some(Silence::Unacknowledged))
            .count();
        let own = failing.iter().all(|row| row.own);
        let hung_up = resets(&failing) && !own;
        let addresses = failing.iter().flat_map(|row| row.addresses());
        let all_fail = failing.len() == rows.len();
        let why = if soon > 0 {
            text(
                "the connection is reset sooner than a host at that distance could answer",
                "连接在远端主机来得及应答之前就被重置",
            )
        } else if any_works && dropped > 0 && all_fail {
            text(
                "packets with the host name are retransmitted and never acknowledged",
                "带有主机名的数据包反复重传，始终没有得到确认",
            )
        } else if any_works && all_fail && addresses.count() >= 2 && hung_up {
            text(
                "the TLS handshake is cut off at every address of this domain, while another domain works",
                "该域名的所有地址都在 TLS 握手时断开，而其他域名正常",
            )
        } else {
            continue;
        };
        let names = list(&hosts(failing.iter().copied()).into_iter().collect::<Vec<_>>());
        let told = text(
            format!("Suspected: a device on the way filters by host name. {}: {}.", names.en, why.en),
            format!("疑似网络中有设备按域名过滤。{}：{}。", names.zh, why.zh),
        );
        let hint = text(
            "Ask the network administrator to allow *.easemob.com and *.easecdn.com, and compare with another \
             network.",
            "请网络管理员放行 *.easemob.com、*.easecdn.com；并换一个网络比较。",
        );
        let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
        let finding = finding.blocking(any_blocks(&failing)).hint_text(hint);
        findings.push(finding.explaining(places(&failing)));
    }
    findings
}

/// Whether TCP connected, and TLS failed only because the connection was cut or stayed silent.
fn cut_in_tls(row: &RowFacts<'_>) -> bool {
    let cut = |kind| matches!(kind, Kind::Reset | Kind::Closed | Kind::Timeout);
    let mut failures = row.failures.iter().filter(|one| one.phase() == Phase::Tls).peekable();
    failures.peek().is_some() && failures.all(|one| cut(one.kind()))
}

fn too_soon(sample: &Sample) -> bool {
    let in_tls = |failure: &easelect::Failure| {
        failure.phase() == Phase::Tls && matches!(failure.kind(), Kind::Reset | Kind::Closed)
    };
    // A device that closes as soon as it accepts has not seen the name.
    let in_phase = sample.elapsed.saturating_sub(sample.timings.total());
    let round_trip = sample.round_trip().unwrap_or_default();
    let waited = in_phase > Duration::from_millis(1) + round_trip / 16;
    waited && sample.outcome.as_ref().is_err_and(in_tls) && sample.failed_sooner_than_round_trip()
}

/// Whether every host's connections were reset rather than only silent: a host that hangs is silent too.
fn resets(rows: &[&RowFacts<'_>]) -> bool {
    let hung_up = |row: &RowFacts<'_>| {
        let mut failures = row.failures.iter();
        failures.any(|one| one.phase() == Phase::Tls && matches!(one.kind(), Kind::Reset))
    };
    rows.iter().all(|row| hung_up(row))
}
