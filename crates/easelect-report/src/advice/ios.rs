//! iOS.

use easelect::Service;

use super::block::{Block, Site, Source, quoted};
use super::native;
use crate::texts::text;

const PAGE: Source = Source {
    url: "https://doc.easemob.com/document/ios/private_ip_domain.html",
    version: "5.1",
};
pub(super) const REFERENCE: Source = Source {
    url: "https://doc.easemob.com/apidoc/ios/chat5.0/category_e_m_options_07_private_deploy_08.html",
    version: "5.0.0",
};

pub(super) fn ios(site: &Site) -> Block {
    let mut block = Block::default();
    let service = native::socket(site);
    if let Some([socket, rest]) = site.first([service, Service::Rest], &mut block) {
        let literal = |text: &str| format!("@{}", quoted(text));
        let host = |one: &super::choice::Address| literal(one.endpoint.host());
        let code = format!(
            "#import <HyphenateChat/HyphenateChat.h>\n\
             #import <HyphenateChat/EMOptions+PrivateDeploy.h>\n\n\
             EMOptions *options = [EMOptions optionsWithAppkey:@\"your-org#your-app\"];\n\
             options.enableDnsConfig = NO;{}\n\
             options.restServer = {};{}\n{}\
             options.usingHttpsOnly = YES;\n\
             options.webSocketServer = {};\n{}\
             options.webSocketPort = {};\n\
             options.enableTLSConnection = YES;{}\n\
             [[EMClient sharedClient] initializeSDKWithOptions:options];\n",
            site.say(
                " // use the addresses below, fetch no list",
                " // 使用下面的地址，不获取列表"
            ),
            literal(rest.base()),
            site.say(" // keep https://", " // 必须保留 https://"),
            site.alternatives(Service::Rest, "// ", |one| literal(one.base())),
            host(socket),
            site.alternatives(service, "// ", host),
            socket.endpoint.port(),
            site.say(
                " // the default is NO: no encryption",
                " // 默认为 NO，即不加密"
            ),
        );
        block.paste(
            site.say("iOS (Objective-C)", "iOS（Objective-C）"),
            "objectivec",
            code,
        );
    }
    block.notes = vec![
        text(
            "`enableTLSConnection` is NO by default. If `enableDnsConfig` is NO, it governs both TCP and WebSocket: \
             unless it is YES, messages and tokens travel in clear text. `https://` in `restServer` and \
             `usingHttpsOnly` keep REST requests encrypted.",
            "`enableTLSConnection` 默认为 NO，在 `enableDnsConfig` 为 NO 时生效，同时控制 TCP 和 WebSocket：\
             不打开时，消息和 token 会以明文传输。REST 请求的加密由 `restServer` 中的 `https://` 和 \
             `usingHttpsOnly` 保证。",
        ),
        text(
            "Version 5.0 also has `syncDataWSHost` and `syncDataWSPort` (hosts not published). From 5.1 on, the SDK \
             derives them from `restServer`.",
            "5.0 另有 `syncDataWSHost` 和 `syncDataWSPort`（地址未公开）；自 5.1 起，SDK 根据 `restServer` 自动确定。",
        ),
    ];
    block.notes.extend(native::notes());
    block.sources = vec![PAGE, REFERENCE];
    block
}
