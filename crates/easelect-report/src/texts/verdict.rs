//! The verdict: what is at fault and why, who can act, what to do next, and what was not tested.

use super::{Text, text};
use crate::finding::Actor;
use crate::verdict::Fault;

/// What is at fault, and why.
pub(crate) fn verdict_text(fault: Fault, cause: Option<Text>) -> Text {
    let lead = verdict_lead(fault);
    let cause = cause.unwrap_or_else(|| text("", ""));
    let space = if cause.en.is_empty() { "" } else { " " };
    text(
        format!("{}{space}{}", lead.en, cause.en),
        format!("{}{}", lead.zh, cause.zh),
    )
}

/// The verdict where everything works and something could be better.
pub(crate) fn usable_but(what: &Text) -> Text {
    text(
        format!("Usable: every service has a first choice. {}", what.en),
        format!("可以使用，每项服务都有首选地址；但{}", what.zh),
    )
}

/// The sentence that says where the fault is.
pub(crate) fn verdict_lead(fault: Fault) -> Text {
    match fault {
        Fault::AllWell => text(
            "The network is fine: every service that was measured has a usable endpoint.",
            "网络连接正常：测量的每项服务都有可用的接入地址。",
        ),
        Fault::SomeEndpointsFail => text(
            "Usable, but not everything works; every service has a first choice.",
            "可以使用，但部分地址异常；每项服务都有首选地址。",
        ),
        Fault::ThisComputer => text("The fault is in this computer.", "问题在本机。"),
        Fault::Network => text("The fault is in the network.", "问题在网络。"),
        Fault::Easemob => text(
            "The fault is on Easemob's side, in the hosts themselves.",
            "问题在环信一侧的主机。",
        ),
        Fault::Configuration => text("The fault is in the configuration.", "问题在配置。"),
        Fault::Unclear => text(
            "This measurement doesn't show where the fault is.",
            "暂不能判断问题在哪里。",
        ),
        Fault::NotMeasured => text(
            "No verdict: too little was measured.",
            "无法判断：测量的数据太少。",
        ),
    }
}

/// Who can act.
pub(crate) fn who_acts(fault: Fault, actor: Option<Actor>) -> Text {
    match (actor, fault) {
        (Some(Actor::You), _) => text("you, on this computer", "你（本机用户）"),
        (Some(Actor::NetworkAdministrator), _) => text("the network administrator", "网络管理员"),
        (Some(Actor::Easemob), _) => text("Easemob support", "环信技术支持"),
        (Some(Actor::Developer), _) => text("the app's developer", "应用开发者"),
        (None, Fault::AllWell) => text("no action is needed", "无需处理"),
        (None, Fault::SomeEndpointsFail) => text(
            "no urgent action is needed: the first choices work",
            "无需立即处理：首选地址可用",
        ),
        (None, _) => text("this measurement doesn't show it", "本次测量无法判断"),
    }
}

/// What to do next, where no finding has a hint.
pub(crate) fn next_step(fault: Fault) -> Text {
    match fault {
        Fault::AllWell => text(
            "If login is still slow or fails, check the token, the account and the SDK's log.",
            "如果登录仍慢或失败，请检查 token、账号和 SDK 日志。",
        ),
        Fault::SomeEndpointsFail => text(
            "Use the first choice of your data centre.",
            "请使用应用所在数据中心的首选地址。",
        ),
        Fault::NotMeasured => text(
            "Measure again with more time (--deadline).",
            "请延长时限（--deadline）后重测。",
        ),
        _ => text(
            "Measure again from another network, and compare the two reports (easelect compare).",
            "请换一个网络重测，并用 easelect compare 比较两份报告。",
        ),
    }
}

/// What a measurement of the network can't show.
pub(crate) fn not_tested() -> Text {
    text(
        "Not tested: token, account, and the app's own logic.",
        "未测试：token、账号和应用自身的逻辑。",
    )
}

#[cfg(test)]
mod tests {
    use super::super::assert_complete;
    use super::*;

    #[test]
    fn every_verdict_has_words() {
        for fault in Fault::ALL {
            assert_complete(&verdict_text(*fault, None), fault.as_str());
            assert_complete(&next_step(*fault), fault.as_str());
            for actor in [
                None,
                Some(Actor::You),
                Some(Actor::NetworkAdministrator),
                Some(Actor::Easemob),
                Some(Actor::Developer),
            ] {
                assert_complete(&who_acts(*fault, actor), fault.as_str());
            }
        }
    }
}
