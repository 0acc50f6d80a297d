//! A firewall in front of the service rejects the client.

use easelect::Failure;

use super::{Found, Rule, any_blocks, places, urls, who_mends_all};
use crate::facts::{Facts, RowFacts, alike};
use crate::finding::Finding;
use crate::texts::{list, text};

pub(super) const RULE: Rule = Rule {
    code: "turned_away_by_firewall",
    needs: "a 4xx status other than 404 and 410 with a firewall's own signs (header fields, cookies or pages \
         of Aliyun, Tencent, Cloudflare, Sangfor and the like), or 403, 405, 406, 418 or 493 with an HTML page \
         or a sign of a CDN in front",
    unless: "what is explained otherwise",
    find,
};

fn find(facts: &Facts<'_>, found: &Found) -> Vec<Finding> {
    let failing = facts.tried().filter(|row| !found.explains(row));
    let turned_away = failing.filter_map(|row| {
        let failure = row.why_not()?;
        firewall(failure).map(|_| (failure.clone(), row))
    });
    let mut findings = Vec::new();
    for (failure, rows) in alike(turned_away) {
        let names = list(&urls(&rows));
        let status = failure.status().unwrap_or_default();
        let (by_en, by_zh) = match firewall(&failure) {
            Some(Some(name)) => (format!(" ({name})"), format!("（{name}）")),
            _ => (String::new(), String::new()),
        };
        let told = text(
            format!("A firewall in front of the service{by_en} rejects this client: {} (HTTP {status}).", names.en),
            format!("服务前面的防火墙{by_zh}拒绝了本客户端：{}（HTTP {status}）。", names.zh),
        );
        let own = rows.iter().all(|row: &&RowFacts<'_>| row.own);
        let hint = match own {
            true => text(
                "Configure the firewall to allow WebSocket upgrades to this host; its log shows the rule that \
                 matched.",
                "请在防火墙中放行到该主机的 WebSocket 升级请求；其日志中有命中的规则。",
            ),
            false => text(
                "The firewall may be blocking this network's address, or this client. Measure again from \
                 another network, and send this report and this network's public address to Easemob support.",
                "防火墙拦截的可能是本网络的出口地址，也可能是本客户端。请用同一台设备换一个网络重测，并把这份报告和本网络的公网地址发给环信技术支持。",
            ),
        };
        let actor = who_mends_all(&rows, &failure, facts, found);
        let finding = RULE.finding(told).actor(actor).of_endpoints(any_blocks(&rows));
        findings.push(finding.hint_text(hint).explaining(places(&rows)));
    }
    findings
}

/// Signs that firewalls leave in header fields and pages, and whose they are.
const SIGNS: [(&str, &str); 10] = [
    ("errors.aliyun.com", "Aliyun WAF"),
    ("aliyun_waf", "Aliyun WAF"),
    ("waf.tencent-cloud.com", "Tencent Cloud WAF"),
    ("tencent cloud waf", "Tencent Cloud WAF"),
    ("attention required! | cloudflare", "Cloudflare"),
    ("sangfor", "Sangfor"),
    ("incapsula", "Imperva"),
    ("huaweicloudwaf", "Huawei Cloud WAF"),
    ("fortigate", "FortiGate"),
    ("web application firewall", "web application firewall"),
];

/// Signs on every answer, the service's own included, and whose they are.
const FRONTS: [(&str, &str); 3] = [
    ("stgw", "Tencent Cloud gateway"),
    ("cf-ray", "Cloudflare"),
    ("akamaighost", "Akamai"),
];

/// Whether a firewall answered, and which one if that is known.
fn firewall(failure: &Failure) -> Option<Option<&'static str>> {
    let status = failure.status()?;
    if !failure.is_answer() || !(400..500).contains(&status) || status == 404 || status == 410 {
        return None;
    }
    let fields = failure.answered_by().iter();
    let mut signs: String = fields.map(|(name, value)| format!("{name}: {value}\n")).collect();
    signs += failure.body().unwrap_or_default();
    let signs = signs.to_lowercase();
    let named = SIGNS.iter().find(|(sign, _)| signs.contains(sign));
    if let Some((_, name)) = named {
        return Some(Some(name));
    }
    let page = signs.contains("<html") || signs.contains("<!doctype");
    let usual = matches!(status, 403 | 405 | 406 | 418 | 493);
    // A web server's own page names the status and nothing else.
    let plain = signs.contains("<center>nginx") || signs.contains("<address>apache");
    if !usual || plain {
        return None;
    }
    let front = FRONTS.iter().find(|(sign, _)| signs.contains(sign));
    match front {
        Some((_, name)) => Some(Some(name)),
        None => page.then_some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_web_server_itself_are_no_firewalls() {
        let failure = |status, body: &str| {
            Failure::new(easelect::Phase::Upgrade, easelect::FailureKind::Rejected)
                .with_status(status)
                .with_answer(Vec::new(), Some(body.to_owned()))
        };
        let nginx = "<html><head><title>405 Not Allowed</title></head><body><center><h1>405 Not \
                     Allowed</h1></center><hr><center>nginx</center></body></html>";
        assert_eq!(firewall(&failure(405, nginx)), None);
        let aliyun = "<!doctypehtml><html><meta name=\"data-spm\"><title>405</title>\
                      <img src=\"https://errors.aliyun.com/images/x.png\">";
        assert_eq!(firewall(&failure(405, aliyun)), Some(Some("Aliyun WAF")));
        assert_eq!(firewall(&failure(403, "<html><p>blocked")), Some(None));
        assert_eq!(firewall(&failure(404, aliyun)), None);
        assert_eq!(firewall(&failure(503, aliyun)), None);
        assert_eq!(firewall(&failure(403, "{\"error\":\"forbidden\"}")), None);
    }
}
