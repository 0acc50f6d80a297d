//! Advice common to the native SDKs and the wrappers around them.

use easelect::Service;

use super::block::Site;
use crate::texts::{Text, text};

/// The service whose hosts to configure for a native SDK's WebSocket.
pub(super) fn socket(site: &Site) -> Service {
    match site.every(Service::Wechat).next() {
        Some(_) => Service::Wechat,
        None => Service::Websocket,
    }
}

/// Notes for every native SDK that takes a WebSocket host.
pub(super) fn notes() -> [Text; 3] {
    [
        text(
            "By default, a native SDK may use a different host and port from those that easelect measures: in \
             Easemob's examples, a TCP connection to port 6717. easelect measures HTTPS and WebSocket, mostly on \
             port 443. A good result does not prove that the TCP connection works, and a bad one does not prove \
             that it fails.",
            "默认情况下，原生 SDK 使用的主机和端口可能与测量的不同：环信示例中的 TCP 连接使用 6717 端口，而 \
             easelect 测量的是 HTTPS 和 WebSocket（一般为 443 端口）。测量结果好不代表 TCP 连接可用，\
             测量结果差也不代表它不可用。",
        ),
        text(
            "Easemob publishes no hosts for native SDKs. A WebSocket example in its documentation used China 1's \
             WeChat host on port 443, so this configuration uses mini-program hosts. That easecdn.com and other \
             data centres work in the same way is inferred.",
            "环信没有公布原生 SDK 的地址。其文档的 WebSocket 示例曾使用国内 1 区的微信小程序域名和 443 端口，\
             因此这里填写小程序域名。easecdn.com 的域名和其他数据中心的域名同样适用，这一点是推断。",
        ),
        text(
            "The SDK takes only a host and a port; the documentation does not state which path it opens. Test it \
             before you release.",
            "SDK 只接受主机名和端口，连接时使用的路径，文档未说明。发版前请先验证。",
        ),
    ]
}
