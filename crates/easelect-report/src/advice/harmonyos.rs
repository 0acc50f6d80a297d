//! HarmonyOS.

use easelect::Service;

use super::block::{Block, Site, Source, quoted};
use super::native;
use crate::texts::text;

const PAGE: Source = Source {
    url: "https://doc.easemob.com/v4/harmonyos/private_ip_domain.html",
    version: "1.14.0",
};
const REFERENCE: Source = Source {
    url: "https://doc.easemob.com/apidoc/harmony/chat5.0/interfaces/param_MethodParams.ChatOptionsParam.html",
    version: "5.0",
};

pub(super) fn harmonyos(site: &Site) -> Block {
    let mut block = Block::default();
    let service = native::socket(site);
    if let Some([socket, rest]) = site.first([service, Service::Rest], &mut block) {
        let host = |one: &super::choice::Address| quoted(one.endpoint.host());
        let code = format!(
            "const options = new ChatOptions({{ appKey: \"your-org#your-app\" }});\n\
             options.setEnableDnsConfig(false);{}\n\
             options.setRestServer({});{}\n{}\
             options.setWebSocketServer({});\n{}\
             options.setWebSocketPort({});\n\
             options.setEnableTLSConnection(true);{}\n\
             ChatClient.getInstance().init(context, options);\n",
            site.say(
                " // 1.14.0 and later; older versions don't have it",
                " // 1.14.0 及以上版本；更早版本没有此方法"
            ),
            quoted(rest.base()),
            site.say(" // keep https://", " // 必须保留 https://"),
            site.alternatives(Service::Rest, "// ", |one| quoted(one.base())),
            host(socket),
            site.alternatives(service, "// ", host),
            socket.endpoint.port(),
            site.say(" // encrypts the connection (WSS)", " // 使用 WSS 加密连接"),
        );
        block.paste(
            site.say("HarmonyOS (ArkTS)", "HarmonyOS（ArkTS）"),
            "ts",
            code,
        );
    }
    block.notes = vec![text(
        "Both settings are required, or messages and tokens travel in clear text: `setEnableTLSConnection(true)` for \
         the connection, and `https://` in `setRestServer`, which the switch does not add. The documentation does not \
         state the default of `setEnableTLSConnection`.",
        "以下两项缺一不可，否则消息和 token 会以明文传输：长连接的 `setEnableTLSConnection(true)`，以及 `setRestServer` \
         中的 `https://`（该开关不会补充协议）。`setEnableTLSConnection` 的默认值，文档未说明。",
    )];
    block.notes.extend(native::notes());
    block.sources = vec![PAGE, REFERENCE];
    block
}
