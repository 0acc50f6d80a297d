//! The services of a report that an SDK uses, and their names.

use easelect::Service;

use crate::model::{EndpointModel, GroupModel};
use crate::sdk::Sdk;
use crate::texts::{Text, list, service_name, shown, text};

/// The most characters of a name that are repeated from a file.
const NAME: usize = 80;

/// The WebSocket services of these SDKs, as far as reports measure them.
pub(super) fn socket_services(sdks: &[Sdk]) -> Vec<&'static str> {
    let mut services: Vec<&'static str> = (sdks.iter())
        .filter_map(|sdk| match sdk {
            Sdk::Web4 | Sdk::Web5 | Sdk::Uniapp | Sdk::Desktop => Some("websocket"),
            Sdk::Wechat => Some("wechat"),
            Sdk::Alipay => Some("alipay"),
            _ => None,
        })
        .collect();
    services.dedup();
    services
}

/// Whether the SDK connects to hosts that no report measures.
pub(super) fn is_native(sdk: Sdk) -> bool {
    matches!(
        sdk,
        Sdk::Android | Sdk::Ios | Sdk::Harmonyos | Sdk::ReactNative | Sdk::Flutter | Sdk::Unity
    )
}

/// Whether no endpoint of the group was ready.
pub(super) fn is_blocked(group: &GroupModel) -> bool {
    group.best.is_none()
}

/// Host and port.
pub(super) fn authority(one: &EndpointModel) -> String {
    shown(&one.authority, NAME)
}

/// The name of a service by its identifier, which comes from a file and may be unknown.
fn service(id: &str) -> Text {
    match id.parse::<Service>() {
        Ok(Service::Websocket) => text("WebSocket", "WebSocket"),
        Ok(Service::Rest) => text("RESTful API", "RESTful API"),
        Ok(known) => service_name(known, None),
        Err(_) => text(shown(id, NAME), shown(id, NAME)),
    }
}

/// The names of services by their identifiers.
pub(super) fn services(ids: &[&str]) -> Text {
    let names: Vec<Text> = ids.iter().map(|id| service(id)).collect();
    both(&names)
}

/// The names of groups: service and data centre.
pub(super) fn names(groups: &[&GroupModel]) -> Text {
    let names: Vec<Text> = (groups.iter())
        .map(|group| {
            let (service, region) = (service(&group.service), shown(&group.region, NAME));
            text(
                format!("{} ({region})", service.en),
                format!("{}（{region}）", service.zh),
            )
        })
        .collect();
    both(&names)
}

fn both(names: &[Text]) -> Text {
    let en: Vec<&str> = names.iter().map(|one| &*one.en).collect();
    let zh: Vec<&str> = names.iter().map(|one| &*one.zh).collect();
    text(list(&en).en, list(&zh).zh)
}
