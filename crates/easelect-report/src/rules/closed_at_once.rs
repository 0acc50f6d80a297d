//! The WebSocket is closed as soon as it is open.

use easelect::{AddressStats, AfterUpgrade};

use super::{Found, Rule};
use crate::facts::{Facts, RowFacts};
use crate::finding::{Actor, Finding, Severity};
use crate::texts::{Text, list, shown, text};
use crate::verdict::Fault;

pub(super) const RULE: Rule = Rule {
    code: "closed_after_upgrade",
    needs: "a Close frame, data that is no WebSocket frame, an end or a reset right after the 101",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let mut groups: Vec<(&AfterUpgrade, Vec<&RowFacts<'_>>)> = Vec::new();
    for row in facts.tried() {
        let ended = row.addresses().iter().find_map(AddressStats::after_upgrade);
        let Some((how, _)) = ended else { continue };
        match groups.iter_mut().find(|(other, _)| *other == how) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((how, vec![row])),
        }
    }
    let mut findings = Vec::new();
    for (how, rows) in groups {
        let urls: Vec<String> = rows.iter().map(|row| row.url()).collect();
        let has_code = matches!(how, AfterUpgrade::Close { code: Some(_), .. });
        let (names, how) = (list(&urls), told(how));
        let told = text(
            format!("The WebSocket is closed as soon as it is open: {}. {}.", names.en, how.en),
            format!("WebSocket 建立后立即断开：{}。{}。", names.zh, how.zh),
        );
        let own = rows.iter().all(|row| row.own || row.pinned);
        let actor = match own {
            true => Actor::Developer,
            false => Actor::Easemob,
        };
        let hint = match own {
            true => text(
                "Check the logs of the server, and of the gateway in front of it, for that moment.",
                "请查看服务器及其前置网关在该时刻的日志。",
            ),
            false if !has_code => text(
                "This may be only because easelect doesn't log in, or a device in between cuts the connection. \
                 If apps are disconnected too, compare with another network, then tell Easemob support the \
                 time.",
                "可能只是因为测量没有登录，也可能是中间设备断开了连接。如果应用也会断开，请换一个网络比较，再把时间告知环信技术支持。",
            ),
            false => text(
                "This may be only because easelect doesn't log in. If apps are disconnected too, tell Easemob \
                 support the code.",
                "可能只是因为测量没有登录。如果应用也会断开，请把关闭码告知环信技术支持。",
            ),
        };
        let finding = RULE.finding(told).severity(Severity::Harms).actor(actor);
        findings.push(finding.fault(Fault::SomeEndpointsFail).hint_text(hint));
    }
    findings
}

fn told(how: &AfterUpgrade) -> Text {
    match how {
        AfterUpgrade::Close { code: Some(code), reason } if reason.is_empty() => text(
            format!("The server sent a Close frame with code {code}"),
            format!("服务器发送了关闭帧，关闭码 {code}"),
        ),
        AfterUpgrade::Close { code: Some(code), reason } => {
            let reason = shown(reason, 100);
            text(
                format!("The server sent a Close frame with code {code} and the reason \"{reason}\""),
                format!("服务器发送了关闭帧，关闭码 {code}，原因“{reason}”"),
            )
        }
        AfterUpgrade::Close { code: None, .. } => text(
            "The server sent a Close frame without a code",
            "服务器发送了不带关闭码的关闭帧",
        ),
        AfterUpgrade::Reset => text("The connection was reset", "连接被重置"),
        AfterUpgrade::Garbage(_) => text(
            "The data received is not a WebSocket frame",
            "收到的数据不是 WebSocket 帧",
        ),
        _ => text(
            "The connection ended without a Close frame",
            "连接断开，且没有关闭帧",
        ),
    }
}
