//! Unity and the Windows SDK, which share their options.

use easelect::Service;

use super::block::{Block, Site, Source, quoted};
use crate::texts::{Text, text};

pub(super) const REFERENCE: Source = Source {
    url: "https://doc.easemob.com/apidoc/unity/class_agora_chat_1_1_options.html",
    version: "1.4.0",
};

pub(super) fn unity(site: &Site) -> Block {
    let mut block = Block::default();
    options(site, &mut block, site.say("Unity (C#)", "Unity（C#）"));
    block.notes = notes().into();
    block.sources = vec![REFERENCE];
    block
}

/// The options: addresses from the SDK's list, REST over HTTPS. Lines that would pin an address are comments,
/// because the host that they need is not published.
pub(super) fn options(site: &Site, block: &mut Block, title: String) {
    let Some([rest]) = site.first([Service::Rest], block) else {
        return;
    };
    let code = format!(
        "using AgoraChat;\n\n\
         var options = new Options(\"your-org#your-app\");\n\
         options.EnableDNSConfig = true;{}\n\
         options.UsingHttpsOnly = true;\n\
         {}\n\
         // options.EnableDNSConfig = false;\n\
         // options.RestServer = {};\n{}\
         // options.IMServer = \"…\"; options.IMPort = …;\n\
         SDKClient.Instance.InitWithOptions(options);\n",
        site.say(
            " // the default: the SDK fetches its addresses",
            " // 默认值：由 SDK 获取地址"
        ),
        site.say(
            "// Only with a TCP host and port from your account manager:",
            "// 仅在从商务经理处获得 TCP 主机名和端口后使用："
        ),
        quoted(rest.base()),
        site.alternatives(Service::Rest, "//   ", |one| quoted(one.base())),
    );
    block.paste(title, "csharp", code);
}

pub(super) fn notes() -> [Text; 3] {
    [
        text(
            "Don't pin an address here: `Options` has no TLS switch and takes no WebSocket host. The documentation \
             does not state whether the connection to a pinned `IMServer` is encrypted: it may be clear text. Ask \
             Easemob first.",
            "不建议在这里固定地址：`Options` 没有 TLS 开关，也不能填写 WebSocket 地址。固定 `IMServer` \
             后连接是否加密，文档未说明，可能是明文。请先咨询环信。",
        ),
        text(
            "`IMServer` takes a TCP host (port 6717 in Easemob's examples), and none is published. Don't enter the \
             WebSocket hosts that easelect measures.",
            "`IMServer` 是 TCP 主机名（环信示例中端口为 6717），未公开。easelect 测量的 WebSocket 地址不能填在这里。",
        ),
        text(
            "`UsingHttpsOnly` applies only to REST requests. Its default is true in 1.4.0 and false in older versions.",
            "`UsingHttpsOnly` 只作用于 REST 请求；1.4.0 默认为 true，更早版本默认为 false。",
        ),
    ]
}
