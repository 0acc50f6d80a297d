//! Android.

use easelect::Service;

use super::block::{Block, Site, Source, quoted};
use super::native;
use crate::texts::text;

const PAGE: Source = Source {
    url: "https://doc.easemob.com/document/android/private_ip_domain.html",
    version: "5.1 / 4.25",
};

pub(super) fn android(site: &Site) -> Block {
    let mut block = Block::default();
    let service = native::socket(site);
    if let Some([socket, rest]) = site.first([service, Service::Rest], &mut block) {
        let host = |one: &super::choice::Address| quoted(one.endpoint.host());
        let code = format!(
            "EMOptions options = new EMOptions();\n\
             options.setAppKey(\"your-org#your-app\");\n\
             options.enableDNSConfig(false);{}\n\
             options.setRestServer({});{}\n{}\
             options.setWebSocketServer({});\n{}\
             options.setWebSocketPort({});\n\
             options.setEnableTLSConnection(true);{}\n\
             EMClient.getInstance().init(context, options);\n",
            site.say(
                " // use the addresses below, fetch no list",
                " // 使用下面的地址，不获取列表"
            ),
            quoted(rest.base()),
            site.say(" // keep https://", " // 必须保留 https://"),
            site.alternatives(Service::Rest, "// ", |one| quoted(one.base())),
            host(socket),
            site.alternatives(service, "// ", host),
            socket.endpoint.port(),
            site.say(" // encrypts the connection (WSS)", " // 使用 WSS 加密连接"),
        );
        block.paste(site.say("Android (Java)", "Android（Java）"), "java", code);
    }
    block.notes = vec![text(
        "Both settings are required, or messages and tokens travel in clear text: `setEnableTLSConnection(true)` \
         for the connection, and `https://` in `setRestServer` (without a scheme, the SDK uses plain HTTP). The \
         documentation does not state the default of `setEnableTLSConnection`; in the iOS SDK it is off.",
        "以下两项缺一不可，否则消息和 token 会以明文传输：长连接的 `setEnableTLSConnection(true)`，\
         以及 `setRestServer` 中的 `https://`（不写协议时，SDK 按 HTTP 处理）。`setEnableTLSConnection` 的默认值，\
         文档未说明；iOS SDK 默认关闭。",
    )];
    block.notes.extend(native::notes());
    block.sources = vec![PAGE];
    block
}
