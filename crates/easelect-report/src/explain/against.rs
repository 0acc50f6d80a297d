//! A code held against a report: whether what was measured explains it.

use std::time::SystemTime;

use super::caveats::caveats;
use super::entry::{Entry, Layer};
use super::services::{authority, is_blocked, is_native, names, services, socket_services};
use super::{Answer, ReportBeside};
use crate::model::{EndpointModel, GroupModel, Model};
use crate::sdk::Sdk;
use crate::texts::{Lang, Text, list, shown, text, verdict_lead};
use crate::verdict::Fault;

/// The service that hands out lists of servers, once reports have it.
const LIST: &str = "provisioning";
const REST: &str = "rest";

/// The longest verdict that is repeated from a file, in characters.
const VERDICT: usize = 600;

/// A report beside a code.
pub(super) struct Beside<'a> {
    model: &'a Model,
    now: SystemTime,
}

/// What is said, under its stable code.
type Said = (&'static str, Text);

impl<'a> Beside<'a> {
    pub(super) fn new(model: &'a Model, now: SystemTime) -> Self {
        Beside { model, now }
    }

    /// Whether the report explains this code of these SDKs.
    pub(super) fn answer(&self, entry: &Entry, sdks: &[Sdk], lang: Lang) -> Answer {
        let (code, said) = self.judged(entry, sdks);
        Answer {
            code,
            text: said.of(lang),
        }
    }

    fn judged(&self, entry: &Entry, sdks: &[Sdk]) -> Said {
        if entry.layer == Layer::Success {
            let nothing = text("There is no error to explain.", "没有需要解释的错误。");
            return ("no_error", nothing);
        }
        if self.model.environment.lab.is_some() {
            return (
                "simulated",
                text(
                    "The report is of a simulated network and explains nothing of a real one.",
                    "该报告来自模拟网络，不能用于解释真实环境中的错误。",
                ),
            );
        }
        let (code, said) = self.of_layer(entry.layer, sdks);
        if code != "cannot_explain" {
            return (code, said);
        }
        if let Some(said) = self.same_status(entry).filter(|_| sdks == [Sdk::Rest]) {
            return ("explains", said);
        }
        // Where documents disagree, another reading may be one that a network explains.
        let mut others = entry.layers().filter(|layer| *layer != entry.layer);
        let found = others.find_map(|layer| {
            let (code, other) = self.of_layer(layer, sdks);
            ["explains", "may_explain"]
                .contains(&code)
                .then_some((layer, other))
        });
        let Some((layer, other)) = found else {
            return (code, said);
        };
        let name = layer.name();
        let also = text(
            format!(
                "As a matter of the layer above, no measurement of the network can explain it. \
                 As another document or version has it (layer: {}): {}",
                name.en, other.en
            ),
            format!(
                "若按上述层面，任何网络测量都无法解释该错误；若按另一种说法（层面：{}）：{}",
                name.zh, other.zh
            ),
        );
        ("may_explain", also)
    }

    fn of_layer(&self, layer: Layer, sdks: &[Sdk]) -> Said {
        match layer {
            Layer::Network => self.network(sdks),
            Layer::List => self.list_service(),
            Layer::Server => self.server(sdks),
            Layer::Unclear => {
                let (code, said) = self.network(sdks);
                let code = if code == "explains" {
                    "may_explain"
                } else {
                    code
                };
                let said = text(
                    format!(
                        "If the network is the reason, which the code does not tell: {}",
                        said.en
                    ),
                    format!("如果原因是网络（仅凭错误码无法判断）：{}", said.zh),
                );
                (code, said)
            }
            Layer::Token | Layer::Account | Layer::App | Layer::Client | Layer::Success => (
                "cannot_explain",
                match sdks == [Sdk::Rest] {
                    true => text(
                        "No measurement of the network can explain it: a status is an answer, so \
                         DNS, TCP and TLS worked when it came, unless a proxy or a filter \
                         answered in the server's place.",
                        "任何网络测量都无法解释该错误：既然收到了状态码，说明当时 DNS、TCP 和 \
                         TLS 均正常（除非是代理或过滤设备代为应答）。",
                    ),
                    false => text(
                        "No measurement of the network can explain it: the SDK got an answer, or \
                         asked nobody.",
                        "任何网络测量都无法解释该错误：SDK 已收到应答，或并未发出请求。",
                    ),
                },
            ),
        }
    }

    fn network(&self, sdks: &[Sdk]) -> Said {
        let sockets = self.tested(&socket_services(sdks));
        let rest = self.tested(&[REST]);
        let all: Vec<&GroupModel> = sockets.iter().chain(&rest).copied().collect();
        if all.is_empty() {
            return self.untested(sdks);
        }
        let blocked: Vec<&GroupModel> = all.iter().copied().filter(|one| is_blocked(one)).collect();
        let socket_blocked = !sockets.is_empty() && sockets.iter().all(|one| is_blocked(one));
        if blocked.len() == all.len() || socket_blocked {
            // The RESTful API alone says little of a socket that goes elsewhere.
            let elsewhere = sockets.is_empty() && sdks.iter().any(|one| is_native(*one));
            let sure = !elsewhere || self.nothing_gets_through();
            let (names, fault) = (names(&blocked), self.whose_fault());
            let (code, en, zh) = match sure {
                true => ("explains", "explains it", "能够"),
                false => ("may_explain", "may explain it", "有可能"),
            };
            return (
                code,
                text(
                    format!(
                        "The report {en}: when it was made, these had no endpoint ready: {}.{}",
                        names.en, fault.en
                    ),
                    format!(
                        "报告{zh}解释该错误：测量时，以下服务没有可用的接入地址：{}。{}",
                        names.zh, fault.zh
                    ),
                ),
            );
        }
        if !sockets.is_empty()
            && !rest.is_empty()
            && rest.iter().all(|one| is_blocked(one))
            && blocked.len() == rest.len()
        {
            let (bad, good) = (names(&blocked), names(&sockets));
            return (
                "may_explain",
                text(
                    format!(
                        "The report may explain it where a request fails, such as one for a \
                         token, but not where the socket does: this had no endpoint ready: {}; \
                         this had: {}.",
                        bad.en, good.en
                    ),
                    format!(
                        "如果是请求失败（例如获取 token），报告有可能解释该错误；如果是长连接断\
                         开，则不能解释。没有可用接入地址的服务：{}；可用的服务：{}。",
                        bad.zh, good.zh
                    ),
                ),
            );
        }
        if !blocked.is_empty() {
            let (bad, good) = (names(&blocked), all.iter().filter(|one| !is_blocked(one)));
            let good = names(&good.copied().collect::<Vec<_>>());
            return (
                "may_explain",
                text(
                    format!(
                        "The report may explain it: no endpoint was ready of {}, but of {}. It \
                         depends on which of them the app uses.",
                        bad.en, good.en
                    ),
                    format!(
                        "报告有可能解释该错误：没有可用接入地址的服务：{}；可用的服务：{}。取决于\
                         应用使用的是哪一个。",
                        bad.zh, good.zh
                    ),
                ),
            );
        }
        self.all_ready(&all, &sockets, sdks)
    }

    /// Every group has a first choice. Still, an SDK may have taken another.
    fn all_ready(&self, all: &[&GroupModel], sockets: &[&GroupModel], sdks: &[Sdk]) -> Said {
        let endpoints = || all.iter().flat_map(|group| &group.endpoints);
        let fails = |one: &&EndpointModel| {
            one.tier != "ready" || one.failed_ratio.is_some_and(|ratio| ratio > 0.0)
        };
        let in_use: Vec<String> = endpoints()
            .filter(|one| (one.in_use || one.listed) && one.tier != "ready")
            .map(authority)
            .collect();
        if !in_use.is_empty() {
            let which = list(&in_use);
            return (
                "explains",
                text(
                    format!(
                        "The report explains it: the endpoint in use was not ready ({}), while \
                         others were.",
                        which.en
                    ),
                    format!(
                        "报告能够解释该错误：正在使用的接入地址不可用（{}），而其他地址可用。",
                        which.zh
                    ),
                ),
            );
        }
        let failing: Vec<String> = endpoints().filter(fails).map(authority).collect();
        if !failing.is_empty() {
            let (which, of) = (list(&failing), endpoints().count());
            let bad = failing.len();
            return (
                "may_explain",
                text(
                    format!(
                        "The report may explain it: {bad} of {of} endpoints failed at least in \
                         part ({}), and an SDK may have taken one of these.",
                        which.en
                    ),
                    format!(
                        "报告有可能解释该错误：{of} 个接入地址中有 {bad} 个全部或部分失败（{}），\
                         SDK 使用的可能正是其中之一。",
                        which.zh
                    ),
                ),
            );
        }
        let wanted = socket_services(sdks);
        if sockets.is_empty() && !wanted.is_empty() {
            let (good, missing) = (names(all), services(&wanted));
            return (
                "not_tested",
                text(
                    format!(
                        "The report does not test {}, which this SDK connects to. {} was ready.",
                        missing.en, good.en
                    ),
                    format!(
                        "报告未测试该 SDK 所连接的服务：{}。{}可用。",
                        missing.zh, good.zh
                    ),
                ),
            );
        }
        let (good, when) = (names(all), self.when());
        let differs = self.what_differs(sdks);
        (
            "does_not_explain",
            text(
                format!(
                    "The report does not explain it: the network was good when measured ({when}; \
                     ready: {}). {}",
                    good.en, differs.en
                ),
                format!(
                    "报告不能解释该错误：测量时（{when}）网络正常，{}可用。{}",
                    good.zh, differs.zh
                ),
            ),
        )
    }

    /// What may be otherwise where an SDK fails and the report is good.
    fn what_differs(&self, sdks: &[Sdk]) -> Text {
        let (mut en, mut zh) = (
            "What may differ: another network (Wi-Fi, mobile, VPN), another moment".to_owned(),
            "可能的差别：网络不同（Wi-Fi、移动网络、VPN）、时间不同".to_owned(),
        );
        if sdks.iter().any(|one| is_native(*one)) {
            en += ", other hosts and ports (native SDKs connect over TCP to port 6717, or over TLS to 443, of hosts from their list; the report does not test these)";
            zh += "、主机和端口不同（原生 SDK 连接列表中的主机，使用 TCP 6717 端口或 TLS 443 端口，报告未测试）";
        }
        if self.tested(&[LIST]).is_empty() && sdks != [Sdk::Rest] {
            en += ", the list service (not tested)";
            zh += "、接入地址列表服务（未测试）";
        }
        text(en + ".", zh + "。")
    }

    /// The report has nothing that these SDKs connect to.
    fn untested(&self, sdks: &[Sdk]) -> Said {
        if self.nothing_gets_through() {
            return (
                "explains",
                text(
                    format!(
                        "The report explains it: nothing that it tests was ready.{}",
                        self.whose_fault().en
                    ),
                    format!(
                        "报告能够解释该错误：所测试的服务均不可用。{}",
                        self.whose_fault().zh
                    ),
                ),
            );
        }
        let mut wanted = socket_services(sdks);
        wanted.push(REST);
        let missing = services(&wanted);
        (
            "not_tested",
            text(
                format!(
                    "The report does not test what this SDK connects to: {}.",
                    missing.en
                ),
                format!("报告未测试该 SDK 所连接的服务：{}。", missing.zh),
            ),
        )
    }

    fn list_service(&self) -> Said {
        let lists = self.tested(&[LIST]);
        if lists.is_empty() {
            if self.nothing_gets_through() {
                return (
                    "explains",
                    text(
                        format!(
                            "The report explains it: it does not test the list service, but \
                             nothing that it tests was ready.{}",
                            self.whose_fault().en
                        ),
                        format!(
                            "报告能够解释该错误：报告未测试接入地址列表服务，但所测试的服务均不可\
                             用。{}",
                            self.whose_fault().zh
                        ),
                    ),
                );
            }
            return (
                "not_tested",
                text(
                    "The report does not test the list service (https://rs.easemob.com): it can \
                     be blocked while everything else works.",
                    "报告未测试接入地址列表服务（https://rs.easemob.com）：其他服务正常时，它仍可\
                     能被拦截。",
                ),
            );
        }
        let blocked = lists.iter().filter(|one| is_blocked(one)).count();
        if blocked == lists.len() {
            (
                "explains",
                text(
                    format!(
                        "The report explains it: the list service was not reachable when it was \
                         made.{}",
                        self.whose_fault().en
                    ),
                    format!(
                        "报告能够解释该错误：测量时无法访问接入地址列表服务。{}",
                        self.whose_fault().zh
                    ),
                ),
            )
        } else {
            (
                "does_not_explain",
                text(
                    format!(
                        "The report does not explain it: the list service was reachable when \
                         measured ({}).",
                        self.when()
                    ),
                    format!(
                        "报告不能解释该错误：测量时（{}）可以访问接入地址列表服务。",
                        self.when()
                    ),
                ),
            )
        }
    }

    /// Servers that were reached, and failed.
    fn server(&self, sdks: &[Sdk]) -> Said {
        let mut wanted = socket_services(sdks);
        wanted.push(REST);
        let groups = self.tested(&wanted);
        let troubled = statuses(&groups, |status| status >= 500);
        if !troubled.is_empty() {
            let which = list(&troubled);
            return (
                "explains",
                text(
                    format!(
                        "The report explains it: it saw the servers in trouble, too ({}).",
                        which.en
                    ),
                    format!(
                        "报告能够解释该错误：测量时服务端同样返回错误（{}）。",
                        which.zh
                    ),
                ),
            );
        }
        match self.network(sdks) {
            ("does_not_explain", _) => (
                "does_not_explain",
                text(
                    format!(
                        "The report does not explain it: the servers answered as they should \
                         when measured ({}). It may be over, or concern single requests only.",
                        self.when()
                    ),
                    format!(
                        "报告不能解释该错误：测量时（{}）服务端应答正常。故障可能已恢复，或只涉及\
                         个别请求。",
                        self.when()
                    ),
                ),
            ),
            ("explains", said) => ("may_explain", said),
            other => other,
        }
    }

    /// That hosts of the RESTful API answered the report with the very status that is asked about.
    fn same_status(&self, entry: &Entry) -> Option<Text> {
        let asked: u16 = entry.code.parse().ok().filter(|code| *code >= 100)?;
        let seen = statuses(&self.tested(&[REST]), |status| status == asked);
        let which = list(&seen);
        (!seen.is_empty()).then(|| {
            text(
                format!(
                    "The report explains it: it got the same answer ({}).",
                    which.en
                ),
                format!(
                    "报告能够解释该错误：测量时收到了相同的应答（{}）。",
                    which.zh
                ),
            )
        })
    }

    /// The groups of these services of which anything is known; of the data centre in use alone, where
    /// the report says which that is.
    fn tested(&self, services: &[&str]) -> Vec<&'a GroupModel> {
        let known = |group: &&GroupModel| {
            let mut endpoints = group.endpoints.iter();
            services.contains(&group.service.as_str())
                && endpoints.any(|one| one.attempts > 0 || !one.failures.is_empty())
        };
        let in_use =
            |group: &&GroupModel| group.endpoints.iter().any(|one| one.in_use || one.listed);
        let regions: Vec<&str> = (self.model.groups.iter())
            .filter(in_use)
            .map(|group| group.region.as_str())
            .collect();
        let all: Vec<&GroupModel> = self.model.groups.iter().filter(known).collect();
        let of_use = |group: &&&GroupModel| regions.contains(&group.region.as_str());
        match all.iter().any(|group| of_use(&group)) {
            true => all.into_iter().filter(|group| of_use(&group)).collect(),
            false => all,
        }
    }

    /// The path itself is at fault, and no service at all was ready.
    fn nothing_gets_through(&self) -> bool {
        let path = [Fault::ThisComputer, Fault::Network].map(Fault::as_str);
        let groups = &self.model.groups;
        path.contains(&self.model.verdict.code.as_str())
            && !groups.is_empty()
            && groups.iter().all(is_blocked)
    }

    /// Where the report sees the fault, as a sentence behind another.
    fn whose_fault(&self) -> Text {
        match self.fault() {
            Some(Fault::Unclear | Fault::NotMeasured) | None => text(
                " Where the fault is, the report can't tell.",
                "至于问题在哪里，报告无法判断。",
            ),
            Some(fault) => {
                let lead = verdict_lead(fault);
                text(format!(" {}", lead.en), lead.zh)
            }
        }
    }

    fn fault(&self) -> Option<Fault> {
        let code = self.model.verdict.code.as_str();
        Fault::ALL.iter().copied().find(|one| one.as_str() == code)
    }

    /// When it was measured: RFC 3339, or whatever the file says.
    fn when(&self) -> String {
        shown(&self.model.finished_at, 40)
    }

    /// The report in this language, with what limits it.
    pub(super) fn model(&self, lang: Lang) -> ReportBeside {
        let verdict = &self.model.verdict;
        let text = match self.fault() {
            // A sentence in another language helps nobody.
            Some(fault) if self.model.lang != lang => verdict_lead(fault).of(lang),
            _ => shown(&verdict.text, VERDICT),
        };
        ReportBeside {
            finished_at: self.when(),
            verdict: shown(&verdict.code, 40),
            verdict_text: text,
            caveats: caveats(self.model, self.now)
                .into_iter()
                .map(|one| one.of(lang))
                .collect(),
        }
    }
}

/// The hosts that answered with such a status, each with it.
fn statuses(groups: &[&GroupModel], wanted: impl Fn(u16) -> bool) -> Vec<String> {
    let mut seen = Vec::new();
    for one in groups.iter().flat_map(|group| &group.endpoints) {
        let statuses = one.failures.iter().filter_map(|it| it.status);
        for status in statuses.filter(|status| wanted(*status)) {
            let line = format!("{}: {status}", authority(one));
            if !seen.contains(&line) {
                seen.push(line);
            }
        }
    }
    seen
}
