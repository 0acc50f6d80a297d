//! The verdict: what is at fault, why, and who can act.

use super::{Text, text};
use crate::finding::Actor;
use crate::verdict::Fault;

/// Lead, cause and actor in one line.
pub(crate) fn verdict_text(fault: Fault, cause: Option<Text>, actor: Option<Actor>) -> Text {
    let lead = verdict_lead(fault);
    let cause = cause.unwrap_or_else(|| text("", ""));
    let actor = match (actor, fault) {
        (Some(actor), _) => who(actor),
        (None, Fault::AllWell) => text("Nothing needs to be done.", "无需处理。"),
        (None, _) => text(
            "Who can act can't be told from here.",
            "从这里无法判断由谁处理。",
        ),
    };
    let space = if cause.en.is_empty() { "" } else { " " };
    text(
        format!("{} {}{space}{}", lead.en, cause.en, actor.en),
        format!("{}{}{}", lead.zh, cause.zh, actor.zh),
    )
}

/// The sentence that says where the fault is.
pub(crate) fn verdict_lead(fault: Fault) -> Text {
    match fault {
        Fault::AllWell => text(
            "All well: every service that was probed has an endpoint that is ready.",
            "一切正常：所探测的每项服务都有可用的接入点。",
        ),
        Fault::SomeEndpointsFail => text(
            "Usable, with faults: every service has a first choice, but not everything works.",
            "可用，但有故障：每项服务都有首选接入点，但并非全部正常。",
        ),
        Fault::ThisComputer => text("The fault is in this computer.", "问题在本机。"),
        Fault::Network => text("The fault is in the network.", "问题在网络。"),
        Fault::Easemob => text(
            "The fault is at the hosts themselves, on Easemob's side.",
            "问题在环信一侧的主机。",
        ),
        Fault::Configuration => text("The fault is in the configuration.", "问题在配置。"),
        Fault::Unclear => text(
            "It can't be told from here where the fault is.",
            "从这里无法判断问题在哪里。",
        ),
        Fault::NotMeasured => text(
            "No verdict: nothing could be measured in the time given.",
            "无法判断：规定时间内没有测到任何结果。",
        ),
    }
}

fn who(actor: Actor) -> Text {
    match actor {
        Actor::You => text(
            "Who can act: you, on this computer.",
            "处理人：你，在本机上处理。",
        ),
        Actor::NetworkAdministrator => text(
            "Who can act: the network administrator.",
            "处理人：网络管理员。",
        ),
        Actor::Easemob => text("Who can act: Easemob support.", "处理人：环信技术支持。"),
        Actor::Developer => text("Who can act: the app's developer.", "处理人：应用开发者。"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_complete;
    use super::*;

    #[test]
    fn every_verdict_has_words() {
        for fault in Fault::ALL {
            for actor in [
                None,
                Some(Actor::You),
                Some(Actor::NetworkAdministrator),
                Some(Actor::Easemob),
                Some(Actor::Developer),
            ] {
                assert_complete(&verdict_text(*fault, None, actor), fault.as_str());
            }
        }
    }
}
