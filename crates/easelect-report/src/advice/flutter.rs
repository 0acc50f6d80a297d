//! Flutter.

use easelect::Service;

use super::block::{Block, Site, Source, quoted};
use super::native;
use crate::texts::text;

const REFERENCE: Source = Source {
    url: "https://doc.easemob.com/apidoc/flutter/5.x/im_flutter_sdk/ChatOptions-class.html",
    version: "im_flutter_sdk 5.0.0",
};
const TLS: Source = Source {
    url: "https://doc.easemob.com/apidoc/flutter/im_flutter_sdk/EMOptions/enableTLS.html",
    version: "im_flutter_sdk 4.x",
};

pub(super) fn flutter(site: &Site) -> Block {
    let mut block = Block::default();
    let service = native::socket(site);
    if let Some([socket, rest]) = site.first([service, Service::Rest], &mut block) {
        let host = |one: &super::choice::Address| literal(one.endpoint.host());
        let code = format!(
            "import 'package:im_flutter_sdk/im_flutter_sdk.dart';\n\n\
             final options = ChatOptions({}\n  \
             appKey: \"your-org#your-app\",\n  \
             enableDNSConfig: false,{}\n  \
             restServer: {},{}\n{}  \
             usingHttpsOnly: true,\n  \
             webSocketServer: {},\n{}  \
             webSocketPort: {},\n  \
             enableTLS: true,{}\n\
             );\n\
             await ChatClient.getInstance.init(options);{}\n",
            site.say(" // 4.x: EMOptions", " // 4.x 中为 EMOptions"),
            site.say(
                " // use the addresses below, fetch no list",
                " // 使用下面的地址，不获取列表"
            ),
            literal(rest.base()),
            site.say(" // keep https://", " // 必须保留 https://"),
            site.alternatives(Service::Rest, "  // ", |one| literal(one.base())),
            host(socket),
            site.alternatives(service, "  // ", host),
            socket.endpoint.port(),
            site.say(
                " // the default is false: no encryption",
                " // 默认为 false，即不加密"
            ),
            site.say(" // 4.x: EMClient", " // 4.x 中为 EMClient"),
        );
        block.paste(site.say("Flutter 5.x", "Flutter 5.x"), "dart", code);
    }
    block.notes = vec![
        text(
            "`enableTLS` is false by default: without it, messages and tokens travel in clear text. `https://` in \
             `restServer` keeps REST requests encrypted.",
            "`enableTLS` 默认为 false：不打开时，消息和 token 会以明文传输。REST 请求的加密由 `restServer` 中的 \
             `https://` 保证。",
        ),
        text(
            "This code does not compile with versions that lack `webSocketServer` (such as 4.1.3): they have only \
             `imServer` and `imPort` for TCP, whose hosts are not published. Upgrade, or don't pin an address.",
            "没有 `webSocketServer` 的版本（例如 4.1.3）无法编译上述代码：这些版本只有用于 TCP 的 `imServer` 和 \
             `imPort`，其地址未公开。请升级，或不要固定地址。",
        ),
    ];
    block.notes.extend(native::notes());
    block.sources = vec![REFERENCE, TLS];
    block
}

/// A string literal in Dart, where an unescaped `$` begins an expression.
fn literal(text: &str) -> String {
    quoted(text).replace('$', "\\$")
}
