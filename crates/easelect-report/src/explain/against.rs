//! Compares an error code with a report: does the measurement explain the error?

use std::time::SystemTime;

use super::caveats::caveats;
use super::entry::{Entry, Layer};
use super::services::{authority, is_blocked, is_native, names, services, socket_services};
use super::{Answer, ReportBeside};
use crate::model::{EndpointModel, GroupModel, Model};
use crate::sdk::Sdk;
use crate::texts::{Lang, Text, list, shown, text, verdict_lead};
use crate::verdict::Fault;

/// The service that returns server lists.
const LIST: &str = "provisioning";
const REST: &str = "rest";

/// The most characters of a verdict that are repeated from a file.
const VERDICT: usize = 600;

/// A report beside a code.
pub(super) struct Beside<'a> {
    model: &'a Model,
    now: SystemTime,
}

/// An answer: its stable code, and the text.
type Said = (&'static str, Text);

impl<'a> Beside<'a> {
    pub(super) fn new(model: &'a Model, now: SystemTime) -> Self {
        Beside { model, now }
    }

    /// Returns whether the report explains this code of these SDKs.
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
                    "The report is from a simulated network, so it can't explain an error on a real one.",
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
        // Documents disagree on some codes: the network may explain another reading.
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
                "For the layer above, no network measurement can explain the error. According to \
                 another document or version (layer: {}): {}",
                name.en, other.en
            ),
            format!(
                "按上述层面，任何网络测量都无法解释该错误。按另一文档或版本的说法（层面：{}）：{}",
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
                        "If the network is the cause, which the code alone does not show: {}",
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
                        "No network measurement can explain the error: a status code is an answer, \
                         so DNS, TCP and TLS worked at that time, unless a proxy or filter answered \
                         instead of the server.",
                        "任何网络测量都无法解释该错误：既然收到了状态码，说明当时 DNS、TCP 和 \
                         TLS 均正常（除非是代理或过滤设备代为应答）。",
                    ),
                    false => text(
                        "No network measurement can explain the error: the SDK received an answer, \
                         or sent no request.",
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
            // The RESTful API alone says little about a native SDK's connection, which goes elsewhere.
            let elsewhere = sockets.is_empty() && sdks.iter().any(|one| is_native(*one));
            let sure = !elsewhere || self.nothing_gets_through();
            let (names, fault) = (names(&blocked), self.whose_fault());
            let (code, en, zh) = match sure {
                true => ("explains", "explains", "能够"),
                false => ("may_explain", "may explain", "有可能"),
            };
            return (
                code,
                text(
                    format!(
                        "The report {en} the error: when measured, these services had no endpoint \
                         ready: {}.{}",
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
                        "The report may explain the error if a request failed, such as one for a \
                         token, but not if the long-lived connection did. No endpoint was ready for: \
                         {}. Ready: {}.",
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
                        "The report may explain the error, depending on which service the app uses. \
                         No endpoint was ready for: {}. Ready: {}.",
                        bad.en, good.en
                    ),
                    format!(
                        "报告有可能解释该错误，取决于应用使用哪个服务。没有可用接入地址的服务：{}；可用\
                         的服务：{}。",
                        bad.zh, good.zh
                    ),
                ),
            );
        }
        self.all_ready(&all, &sockets, sdks)
    }

    /// Every group has a first choice, but an SDK may have used another endpoint.
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
                        "The report explains the error: an endpoint that the app has configured or \
                         has in its list was not ready ({}), while others were.",
                        which.en
                    ),
                    format!(
                        "报告能够解释该错误：应用配置的或其列表中的接入地址不可用（{}），而其他地址可用。",
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
                        "The report may explain the error: {bad} of {of} endpoints failed always or \
                         sometimes ({}), and the SDK may have used one of them.",
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
                        "The report does not cover the service that this SDK connects to: {}. Ready: \
                         {}.",
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
                    "The report does not explain the error: the network was fine when measured \
                     ({when}; ready: {}). {}",
                    good.en, differs.en
                ),
                format!(
                    "报告不能解释该错误：测量时（{when}）网络正常，{}可用。{}",
                    good.zh, differs.zh
                ),
            ),
        )
    }

    /// The possible differences between a failing SDK and a good report.
    fn what_differs(&self, sdks: &[Sdk]) -> Text {
        let (mut en, mut zh) = (
            "Possible differences: the network (Wi-Fi, mobile, VPN), the time".to_owned(),
            "可能的差别：网络不同（Wi-Fi、移动网络、VPN）、时间不同".to_owned(),
        );
        if sdks.iter().any(|one| is_native(*one)) {
            en += ", the hosts and ports (native SDKs connect to hosts from their list, over TCP on port 6717 or TLS on port 443, which the report does not test)";
            zh += "、主机和端口不同（原生 SDK 连接列表中的主机，使用 TCP 6717 端口或 TLS 443 端口，报告未测试）";
        }
        if self.tested(&[LIST]).is_empty() && sdks != [Sdk::Rest] {
            en += ", the list service (not tested)";
            zh += "、接入地址列表服务（未测试）";
        }
        text(en + ".", zh + "。")
    }

    /// The answer where the report has no service that these SDKs use.
    fn untested(&self, sdks: &[Sdk]) -> Said {
        if self.nothing_gets_through() {
            return (
                "explains",
                text(
                    format!(
                        "The report explains the error: none of the services it tests was ready.{}",
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
                    "The report does not cover the services that this SDK connects to: {}.",
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
                            "The report explains the error: it does not cover the list service, but \
                             none of the services it tests was ready.{}",
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
                    "The report does not cover the list service (https://rs.easemob.com), which can \
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
                        "The report explains the error: the list service was unreachable when \
                         measured.{}",
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
                        "The report does not explain the error: the list service was reachable when \
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

    /// The answer for servers that were reached and failed.
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
                        "The report explains the error: it also received server errors ({}).",
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
                        "The report does not explain the error: the servers answered normally when \
                         measured ({}). The fault may be over, or affect only some requests.",
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

    /// The answer if hosts of the RESTful API returned the very status that is to be explained.
    fn same_status(&self, entry: &Entry) -> Option<Text> {
        let asked: u16 = entry.code.parse().ok().filter(|code| *code >= 100)?;
        let seen = statuses(&self.tested(&[REST]), |status| status == asked);
        let which = list(&seen);
        (!seen.is_empty()).then(|| {
            text(
                format!(
                    "The report explains the error: it received the same status ({}).",
                    which.en
                ),
                format!(
                    "报告能够解释该错误：测量时收到了相同的状态码（{}）。",
                    which.zh
                ),
            )
        })
    }

    /// The measured groups of these services; only those of the data centre in use, if the report shows
    /// which one that is.
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

    /// Whether the computer or the network is at fault and no service was ready.
    fn nothing_gets_through(&self) -> bool {
        let path = [Fault::ThisComputer, Fault::Network].map(Fault::as_str);
        let groups = &self.model.groups;
        path.contains(&self.model.verdict.code.as_str())
            && !groups.is_empty()
            && groups.iter().all(is_blocked)
    }

    /// The report's view of where the fault is, as a sentence that follows another.
    fn whose_fault(&self) -> Text {
        match self.fault() {
            Some(Fault::Unclear | Fault::NotMeasured) | None => text(
                " The report does not show where the fault is.",
                "报告无法判断问题在哪里。",
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

    /// The time of the measurement: RFC 3339, or whatever the file contains.
    fn when(&self) -> String {
        shown(&self.model.finished_at, 40)
    }

    /// The report in this language, with its limits.
    pub(super) fn model(&self, lang: Lang) -> ReportBeside {
        let verdict = &self.model.verdict;
        let text = match self.fault() {
            // The reader may not know the language of the report.
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

/// The hosts that answered with such a status, as `host: status`.
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
