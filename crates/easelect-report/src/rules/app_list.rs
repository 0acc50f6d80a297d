//! The app's own list of endpoints was asked for: to whom the App Key went, and whose hosts came back.

use super::{Found, Rule};
use crate::Note;
use crate::facts::Facts;
use crate::finding::{Finding, Severity};
use crate::texts::{list, shown, text};

pub(super) const RULE: Rule = Rule {
    code: "app_key_sent",
    needs: "an App Key that the user gave for asking the list service; `data_centre_recognised` once the list came",
    unless: "",
    find,
};

fn find(facts: &Facts<'_>, _: &Found) -> Vec<Finding> {
    let of_note = |note: &Note| match note {
        Note::AppKeySent { to } => {
            let to = shown(to, 100);
            let told = text(
                format!("The App Key was sent to {to}, which lists the app's servers, and to nobody else."),
                format!("App Key 已发给 {to}（提供应用的服务器列表），没有发给其他任何服务器。"),
            );
            Some(RULE.finding(told).severity(Severity::Background))
        }
        Note::Recognised { url, regions } => {
            let (url, regions) = (shown(url, 200), list(regions));
            let told = match regions.en.is_empty() {
                true => text(
                    format!("The app's list ({url}) names no host of a known data centre."),
                    format!("应用的服务器列表（{url}）中没有已知数据中心的主机。"),
                ),
                false => text(
                    format!("The app lives in {}: its list ({url}) names hosts of it.", regions.en),
                    format!("应用所在的数据中心：{}（依据服务器列表 {url}）。", regions.zh),
                ),
            };
            Some(Finding::new("data_centre_recognised", told).severity(Severity::Informs))
        }
        _ => None,
    };
    facts.context.notes.iter().filter_map(of_note).collect()
}
