//! Mini-programs of WeChat and Alipay, and uni-app, which compiles to them: the Web SDK with pinned
//! addresses, and the domains to allow in the platform's console.

use easelect::{Region, Service};

use super::block::{Block, Site, Source, origin, quoted};
use super::web::{WEB4_PACKAGE, server_urls};
use crate::texts::{Text, text};

const WECHAT: Source = Source {
    url: "https://doc.easemob.com/document/applet/wechat.html",
    version: "4.x",
};
const ALIPAY: Source = Source {
    url: "https://doc.easemob.com/document/applet/alipay.html",
    version: "4.x",
};
const UNIAPP: Source = Source {
    url: "https://doc.easemob.com/document/web/uniapp.html",
    version: "4.19",
};
const WEB5: Source = Source {
    url: "https://doc.easemob.com/document/web/integration_applet.html",
    version: "5.x",
};

/// The file host of China 1, named by Easemob's pages of 2023 and of 2026. It is not in the catalogue,
/// because the table of data centres lists no file hosts.
const CN1_FILES: &str = "https://a1-chatfile.easemob.com";

pub(super) fn wechat(site: &Site) -> Block {
    let mut block = Block::default();
    let import = "import SDK from \"easemob-websdk/miniProgram/Easemob-chat\";\n\n";
    connection(site, &mut block, Service::Wechat, import);
    let prefer = "  platformAdapterOptions: { prefer: \"wechat-miniapp\" },\n";
    server_urls(site, &mut block, [Service::Wechat, Service::Rest], prefer);
    domains(
        site,
        &mut block,
        Service::Wechat,
        site.say("WeChat", "微信"),
    );
    block.notes = notes(site, Service::Wechat);
    block.notes.push(text(
        "QQ, Baidu and Douyin mini-programs use the same hosts, each with its own list of domains.",
        "QQ、百度、抖音小程序使用相同的地址，域名需在各自平台配置。",
    ));
    block.sources = vec![WECHAT, WEB5, WEB4_PACKAGE];
    block
}

pub(super) fn alipay(site: &Site) -> Block {
    let mut block = Block::default();
    let import = "import SDK from \"easemob-websdk/miniProgram/Easemob-chat\";\n\n";
    connection(site, &mut block, Service::Alipay, import);
    let prefer = "  platformAdapterOptions: { prefer: \"alipay-miniapp\" },\n";
    server_urls(site, &mut block, [Service::Alipay, Service::Rest], prefer);
    domains(
        site,
        &mut block,
        Service::Alipay,
        site.say("Alipay", "支付宝"),
    );
    block.notes = notes(site, Service::Alipay);
    block.notes.push(text(
        "An Alipay mini-program can have only one WebSocket: opening a second one closes the first.",
        "支付宝小程序同一时间只能保留一个 WebSocket 连接，新建连接会关闭原有连接。",
    ));
    block.sources = vec![ALIPAY, WEB5, WEB4_PACKAGE];
    block
}

pub(super) fn uniapp(site: &Site) -> Block {
    let mut block = Block::default();
    let import = "import SDK from \"easemob-websdk/uniApp/Easemob-chat\";\n\nuni.WebIM = SDK;\n";
    connection(site, &mut block, Service::Wechat, import);
    domains(
        site,
        &mut block,
        Service::Wechat,
        site.say("WeChat", "微信"),
    );
    block.notes = notes(site, Service::Wechat);
    block.notes.push(text(
        "Only mini-programs need `isHttpDNS: false`. When compiling to an app or to H5, leave it true and omit \
         `url` and `apiUrl`. When compiling to an Alipay mini-program, use the addresses from --sdk alipay.",
        "只有小程序需要 `isHttpDNS: false`。编译为 App 或 H5 时，请保持 true，并去掉 `url` 和 `apiUrl`。\
         编译为支付宝小程序时，请使用 --sdk alipay 给出的地址。",
    ));
    block.sources = vec![UNIAPP, WEB4_PACKAGE];
    block
}

fn connection(site: &Site, block: &mut Block, service: Service, import: &str) {
    let Some([socket, rest]) = site.first([service, Service::Rest], block) else {
        return;
    };
    let code = format!(
        "{import}const conn = new SDK.connection({{\n  \
         appKey: \"your-org#your-app\",\n  \
         isHttpDNS: false,{}\n  \
         url: {},{}\n{}  \
         apiUrl: {},{}\n{}\
         }});\n",
        site.say(" // required in mini-programs", " // 小程序必须为 false"),
        quoted(&socket.url),
        site.mark(socket),
        site.alternatives(service, "  // ", |one| quoted(&one.url)),
        quoted(rest.base()),
        site.mark(rest),
        site.alternatives(Service::Rest, "  // ", |one| quoted(one.base())),
    );
    block.paste(site.say("Web SDK 4", "Web SDK 4"), "js", code);
}

/// The domains to allow on the platform: every host of the data centre, whichever of them is configured.
fn domains(site: &Site, block: &mut Block, service: Service, platform: String) {
    if !has_domains(site, service) {
        return;
    }
    let rests: Vec<String> = site.every(Service::Rest).map(origin).collect();
    let sockets: Vec<String> = match service {
        // Easemob's page on Alipay lists them with the path, the page on WeChat without.
        Service::Alipay => (site.every(service).map(ToString::to_string)).collect(),
        _ => site.every(service).map(origin).collect(),
    };
    let mut downloads = rests.clone();
    downloads.extend((*site.region == Region::CN1).then(|| CN1_FILES.to_owned()));
    let list = |name: String, all: &[String]| format!("{name}\n{}\n", all.join("\n"));
    let code = [
        list(site.say("request:", "request 合法域名："), &rests),
        list(site.say("socket:", "socket 合法域名："), &sockets),
        list(site.say("uploadFile:", "uploadFile 合法域名："), &rests),
        list(
            site.say("downloadFile:", "downloadFile 合法域名："),
            &downloads,
        ),
    ];
    let title = site.say(
        &format!("Domains to allow in the {platform} console"),
        &format!("{platform}小程序后台的服务器域名"),
    );
    block.paste(title, "text", code.join("\n"));
}

fn notes(site: &Site, service: Service) -> Vec<Text> {
    let files = if *site.region == Region::CN1 {
        text(
            "The file host in downloadFile is from Easemob's pages on mini-programs; it is not in the catalogue, \
             and easelect does not measure it. Check the domain in the URL of a file that you receive: if it \
             differs, add it.",
            "downloadFile 中的文件域名来自环信的小程序文档，不在目录中，easelect 也不测量它。\
             请以收到的文件 URL 的域名为准；如果不同，请另外添加。",
        )
    } else {
        text(
            "This list has no file host: Easemob's table of data centres names none for this data centre. Send a \
             picture, look up the domain in its URL, and add it to downloadFile (also to uploadFile if uploads fail).",
            "列表中没有文件域名：数据中心文档未列出该数据中心的文件域名。请发送一张图片，查看其 URL 的域名，\
             并添加到 downloadFile（如果上传失败，也添加到 uploadFile）。",
        )
    };
    let measured = text(
        "easelect measures from a computer, not from inside the mini-program: test the result on a phone. The \
         address must end with `/websocket` only once.",
        "easelect 在电脑上测量，而不是在小程序内：请在真机上验证。地址末尾不要重复写 `/websocket`。",
    );
    let both = text(
        "The domain list deliberately includes all domains of this data centre, so that you can switch addresses \
         without editing it.",
        "域名列表特意包含该数据中心的全部域名，以后更换地址时无需修改。",
    );
    match has_domains(site, service) {
        true => vec![both, files, measured],
        false => vec![measured],
    }
}

/// Whether the hosts for a list of domains are known.
fn has_domains(site: &Site, service: Service) -> bool {
    [service, Service::Rest]
        .iter()
        .all(|one| site.every(*one).next().is_some())
}
