//! Web SDK 4 and 5.

use easelect::Service;
use serde_json::json;

use super::block::{Block, Site, Source, quoted};
use crate::texts::text;

pub(super) const WEB4_PACKAGE: Source = Source {
    url: "https://www.npmjs.com/package/easemob-websdk",
    version: "easemob-websdk 4.21.1",
};
const WEB4_PARAMETERS: Source = Source {
    url: "https://doc.easemob.com/document/applet/initialization.html",
    version: "4.x",
};
pub(super) const WEB5_SERVER_URLS: Source = Source {
    url: "https://doc.easemob.com/apidoc/web/chat5.0/interfaces/types_chat-client.ServerUrlsConfig.html",
    version: "5.0",
};
const WEB5_SERVICE: Source = Source {
    url: "https://doc.easemob.com/apidoc/web/chat5.0/interfaces/types_chat-client.ServiceConfig.html",
    version: "5.0",
};

/// The path that the SDK appends to a host of a list.
const PATH: &str = "/websocket";

pub(super) fn web4(site: &Site) -> Block {
    let mut block = Block::default();
    web4_code(site, &mut block);
    block.notes = vec![
        text(
            "`isHttpDNS` is true by default: the SDK then fetches its list, and `url` and `apiUrl` have no effect. \
             With a pinned address, the SDK has no second one to try.",
            "`isHttpDNS` 默认为 true，此时 SDK 获取地址列表，`url` 和 `apiUrl` 不生效。固定地址后，SDK 没有备用地址。",
        ),
        text(
            "Versions 4.13 and later open `url` exactly as written: keep `wss://` and a single `/websocket` at the \
             end. The documentation does not state the form of `url` for older versions.",
            "4.13 及以上版本按原样连接 `url`：请保留 `wss://`，末尾只写一个 `/websocket`。更早版本的写法，\
             文档未说明。",
        ),
    ];
    block.sources = vec![WEB4_PACKAGE, WEB4_PARAMETERS];
    block
}

/// The connection of Web SDK 4 to WebSocket hosts, also in Electron.
pub(super) fn web4_code(site: &Site, block: &mut Block) {
    let Some([socket, rest]) = site.first([Service::Websocket, Service::Rest], block) else {
        return;
    };
    let code = format!(
        "import ChatSDK from \"easemob-websdk\";\n\n\
         const conn = new ChatSDK.connection({{\n  \
         appKey: \"your-org#your-app\",\n  \
         isHttpDNS: false,{}\n  \
         url: {},{}\n{}  \
         apiUrl: {},{}\n{}\
         }});\n",
        site.say(
            " // use the addresses below, fetch no list",
            " // 使用下面的地址，不获取列表"
        ),
        quoted(&socket.url),
        site.mark(socket),
        site.alternatives(Service::Websocket, "  // ", |one| quoted(&one.url)),
        quoted(rest.base()),
        site.mark(rest),
        site.alternatives(Service::Rest, "  // ", |one| quoted(one.base())),
    );
    block.paste(
        site.say("Web SDK 4.13 and later", "Web SDK 4.13 及以上版本"),
        "js",
        code,
    );
}

pub(super) fn web5(site: &Site) -> Block {
    let mut block = Block::default();
    own_list(site, &mut block);
    server_urls(site, &mut block, [Service::Websocket, Service::Rest], "");
    block.notes = vec![
        text(
            "`serverUrls` and `dnsConfigUrls` can't be used together. `serverUrls` requires both `restApiUrl` and \
             `wsUrl`; the SDK opens `wsUrl` exactly as written, including the path.",
            "`serverUrls` 与 `dnsConfigUrls` 不能同时使用。使用 `serverUrls` 时，`restApiUrl` 和 `wsUrl` 都必须填写，\
             SDK 按原样连接 `wsUrl`，包括路径。",
        ),
        text(
            "The SDK synchronises conversations and contacts through `syncRestApiUrl` and `syncWsUrl`, whose hosts \
             are not published. Ask your Easemob account manager for them before you set `serverUrls`, or let the \
             SDK use its list.",
            "会话和联系人通过 `syncRestApiUrl`、`syncWsUrl` 同步，其地址未公开。固定 `serverUrls` 前，\
             请向你的商务经理索取；否则请保留 SDK 默认的地址列表。",
        ),
        text(
            "A list of your own keeps the alternatives: the SDK tries all WebSocket hosts of the list in turn (for \
             REST, only the first). The list's server must use HTTPS and allow requests from your pages (CORS).",
            "使用自己的列表可以保留备用地址：SDK 依次尝试列表中的所有 WebSocket 地址（REST 只用第一个）。\
             列表服务器须使用 HTTPS，并允许网页跨域访问（CORS）。",
        ),
        text(
            "When the sources were read, npm's latest version was still 4.x: make sure that 5.x is installed.",
            "查阅文档时，npm 的最新版本仍是 4.x：请确认安装的是 5.x。",
        ),
    ];
    block.sources = vec![WEB5_SERVER_URLS, WEB5_SERVICE];
    block
}

/// `serverUrls` of Web SDK 5. `further` is more lines of options, each with its line end.
pub(super) fn server_urls(site: &Site, block: &mut Block, services: [Service; 2], further: &str) {
    let Some([socket, rest]) = site.first(services, block) else {
        return;
    };
    let code = format!(
        "import {{ ChatClient, ChatManager }} from \"easemob-websdk\";\n\n\
         const client = ChatClient.init({{\n  \
         appKey: \"your-org#your-app\",\n  \
         managers: [ChatManager],\n{further}  \
         serviceConfig: {{\n    \
         serverUrls: {{\n      \
         wsUrl: {},{}\n{}      \
         restApiUrl: {},{}\n{}    \
         }},\n  \
         }},\n\
         }});\n",
        quoted(&socket.url),
        site.mark(socket),
        site.alternatives(services[0], "      // ", |one| quoted(&one.url)),
        quoted(rest.base()),
        site.mark(rest),
        site.alternatives(services[1], "      // ", |one| quoted(one.base())),
    );
    block.paste(
        site.say("Web SDK 5 with pinned addresses", "Web SDK 5 固定地址"),
        "ts",
        code,
    );
}

/// A list that the SDK fetches from the app's own server.
fn own_list(site: &Site, block: &mut Block) {
    if (site.first([Service::Websocket, Service::Rest], block)).is_none() {
        return;
    }
    let hosts = |service, path| {
        let addresses = site.addresses(service).iter();
        let fitting = addresses.filter(|one| one.url == one.endpoint.url_with(path));
        let host = |one: &super::choice::Address| {
            let (domain, port) = (one.endpoint.host(), one.endpoint.port().to_string());
            json!({"protocol": "https", "domain": domain, "port": port})
        };
        fitting.map(host).collect::<Vec<_>>()
    };
    let (sockets, rests) = (hosts(Service::Websocket, PATH), hosts(Service::Rest, "/"));
    if sockets.is_empty() || rests.is_empty() {
        block.notes.push(text(
            "No list of your own is given here: with a list, the SDK always uses the path /websocket, but a different \
             path works.",
            "这里不给出自建列表：使用列表时，SDK 固定使用路径 /websocket，而可用的是另一路径。",
        ));
        return;
    }
    let list = json!({"rest": {"hosts": rests}, "msync-wx": {"hosts": sockets}});
    let list = serde_json::to_string_pretty(&list).expect("its keys are strings");
    let title = site.say(
        "Web SDK 5 with a list of your own, step 1 (JSON that your server returns)",
        "Web SDK 5 自建地址列表，第 1 步（服务器返回的 JSON）",
    );
    block.paste(title, "json", list);
    let code = "import { ChatClient, ChatManager } from \"easemob-websdk\";\n\n\
                const client = ChatClient.init({\n  \
                appKey: \"your-org#your-app\",\n  \
                managers: [ChatManager],\n  \
                serviceConfig: {\n    \
                dnsConfigUrls: [\"https://your-server.example/easemob/server.json\"],\n  \
                },\n\
                });\n";
    let title = site.say(
        "Web SDK 5 with a list of your own, step 2 (SDK configuration)",
        "Web SDK 5 自建地址列表，第 2 步（SDK 配置）",
    );
    block.paste(title, "ts", code.to_owned());
}
