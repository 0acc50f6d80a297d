//! TLS is inspected by a device whose root certificate is trusted here.

use std::collections::BTreeSet;

use easelect::{FailureKind as Kind, Phase, Trust};

use super::{Found, Rule, any_blocks, places, plural};
use crate::facts::{Facts, RowFacts, hosts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{list, shown, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "tls_inspected",
    needs: "published hosts that verify only through a root that is trusted here but is not public, and no \
         published host that verifies through a public root",
    unless: "the list of public roots is unavailable",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let verified: Vec<&RowFacts<'_>> = facts.published().filter(|row| row.is_verified()).collect();
    let installed = |row: &&&RowFacts<'_>| row.trust() == Some(Trust::Installed);
    let rows: Vec<&RowFacts<'_>> = verified.iter().filter(installed).copied().collect();
    let public = verified.iter().any(|row| row.trust() == Some(Trust::Public));
    if rows.is_empty() || public {
        return Vec::new();
    }
    let issuers: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| row.inspectors())
        .map(|one| shown(one, 100))
        .collect();
    let issuers = list(&issuers.into_iter().collect::<Vec<_>>());
    let count = hosts(rows.iter().copied()).len();
    let count_en = plural(count, "host");
    let verify = if count == 1 { "verifies" } else { "verify" };
    // How the inspecting device, rather than the service, answers an upgrade.
    let stripped: Vec<&RowFacts<'_>> = rows
        .iter()
        .copied()
        .filter(|row| {
            let websocket = row.endpoint().service().is_websocket();
            let refused = |one: &&easelect::Failure| {
                one.phase() == Phase::Upgrade
                    && matches!(
                        one.kind(),
                        Kind::Rejected | Kind::BadHeaders | Kind::BadAccept | Kind::HttpVersion
                            | Kind::Closed | Kind::Reset | Kind::Timeout | Kind::NotHttp
                    )
            };
            websocket && !row.is_ready() && row.why_not().filter(refused).is_some()
        })
        .collect();
    let websockets = rows.iter().filter(|row| row.endpoint().service().is_websocket());
    let none_passes = !stripped.is_empty() && stripped.len() == websockets.count();
    let which = match facts.context.environment.cacert {
        true => text(
            "which is not public but was given with --cacert or is installed on this computer",
            "非公共根证书，由 --cacert 给出或安装在本机",
        ),
        false => text(
            "which is not public but is installed on this computer",
            "非公共根证书，安装在本机",
        ),
    };
    let by = text(
        format!("TLS is inspected: {count_en} {verify} only through the root certificate of {}, {}.", issuers.en, which.en),
        format!("HTTPS 流量被解密：{count} 个主机的证书只能用 {} 的根证书验证（{}）。", issuers.zh, which.zh),
    );
    if !none_passes {
        let hint = text(
            "The times include the inspection. The network administrator can exempt *.easemob.com and \
             *.easecdn.com from it.",
            "耗时包含解密设备的影响。网络管理员可将 *.easemob.com、*.easecdn.com 加入解密例外。",
        );
        let finding = RULE.finding(by).severity(Severity::Informs);
        let finding = finding.actor(Actor::NetworkAdministrator).fault(Fault::AllWell);
        return vec![finding.hint_text(hint)];
    }
    let told = text(
        format!("{} No WebSocket gets through the inspection.", by.en),
        format!("{}WebSocket 无法通过解密设备。", by.zh),
    );
    let hint = text(
        "Ask the network administrator to exempt *.easemob.com and *.easecdn.com from TLS inspection, or to \
         allow WebSocket upgrades.",
        "请网络管理员将 *.easemob.com、*.easecdn.com 加入 HTTPS 解密例外，或放行 WebSocket 升级请求。",
    );
    let finding = RULE.finding(told).actor(Actor::NetworkAdministrator);
    let finding = finding.blocking(any_blocks(&stripped)).hint_text(hint);
    vec![finding.explaining(places(&stripped))]
}
