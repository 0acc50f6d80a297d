//! React Native.

use easelect::Service;

use super::block::{Block, Site, Source, quoted};
use super::native;
use crate::texts::text;

const PACKAGE: Source = Source {
    url: "https://www.npmjs.com/package/react-native-chat-sdk",
    version: "react-native-chat-sdk 1.11.4",
};
const REFERENCE: Source = Source {
    url: "https://doc.easemob.com/apidoc/rn/5.x/classes/ChatOptions.html",
    version: "5.0.0",
};

pub(super) fn react_native(site: &Site) -> Block {
    let mut block = Block::default();
    let service = native::socket(site);
    if let Some([socket, rest]) = site.first([service, Service::Rest], &mut block) {
        let host = |one: &super::choice::Address| quoted(one.endpoint.host());
        let code = format!(
            "import {{ ChatClient, ChatOptions }} from \"react-native-chat-sdk\";\n\n\
             const options = ChatOptions.withAppKey({{\n  \
             appKey: \"your-org#your-app\",\n  \
             enableDNSConfig: false,{}\n  \
             restServer: {},{}\n{}  \
             usingHttpsOnly: true,\n  \
             webSocketServer: {},\n{}  \
             webSocketPort: {},\n  \
             enableTLS: true,{}\n\
             }});\n\
             await ChatClient.getInstance().init(options);\n",
            site.say(
                " // use the addresses below, fetch no list",
                " // 使用下面的地址，不获取列表"
            ),
            quoted(rest.base()),
            site.say(" // keep https://", " // 必须保留 https://"),
            site.alternatives(Service::Rest, "  // ", |one| quoted(one.base())),
            host(socket),
            site.alternatives(service, "  // ", host),
            socket.endpoint.port(),
            site.say(
                " // the default is false: no encryption",
                " // 默认为 false，即不加密"
            ),
        );
        block.paste(
            site.say("React Native (TypeScript)", "React Native（TypeScript）"),
            "ts",
            code,
        );
    }
    block.notes = vec![
        text(
            "`enableTLS` is false by default: without it, messages and tokens travel in clear text. `https://` in \
             `restServer` keeps REST requests encrypted.",
            "`enableTLS` 默认为 false：不打开时，消息和 token 会以明文传输。REST 请求的加密由 `restServer` 中的 \
             `https://` 保证。",
        ),
        text(
            "Version 1.11.4, the latest on npm when the sources were read, lacks `webSocketServer` and \
             `webSocketPort`: TypeScript reports unknown properties. It has only `imServer` and `imPort` for TCP, \
             whose hosts are not published. Upgrade, or don't pin an address. The documentation does not state \
             which version added the WebSocket options.",
            "查阅时 npm 的最新版本 1.11.4 没有 `webSocketServer` 和 `webSocketPort`，TypeScript 会提示属性不存在。\
             该版本只有用于 TCP 的 `imServer` 和 `imPort`，其地址未公开。请升级，或不要固定地址。\
             从哪个版本开始支持，文档未说明。",
        ),
        text(
            "Don't use `dnsUrl` in 1.11.4: iOS reads it under another name, and Android only while \
             `enableDNSConfig` is false. It has no effect.",
            "1.11.4 中不要使用 `dnsUrl`：iOS 端读取的键名不同，Android 端只在 `enableDNSConfig` 为 false 时读取，\
             实际不起作用。",
        ),
    ];
    block.notes.extend(native::notes());
    block.sources = vec![PACKAGE, REFERENCE];
    block
}
