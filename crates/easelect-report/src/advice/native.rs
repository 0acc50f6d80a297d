//! What the native SDKs have in common, and the wrappers around them.

use easelect::Service;

use super::block::Site;
use crate::texts::{Text, text};

/// The service whose hosts a native SDK's WebSocket is given.
pub(super) fn socket(site: &Site) -> Service {
    match site.every(Service::Wechat).next() {
        Some(_) => Service::Wechat,
        None => Service::Websocket,
    }
}

/// What is to know of every native SDK that can be given a WebSocket host.
pub(super) fn notes() -> [Text; 3] {
    [
        text(
            "By default, a native SDK may use another host and port than easelect measured: a TCP connection, \
             with port 6717 in Easemob's examples. easelect measures HTTPS and WebSocket, mostly on port 443. A \
             good result doesn't show that the TCP connection works, and a bad one doesn't show that it fails.",
            "默认情况下，原生 SDK 使用的主机和端口可能与测量的不同：环信示例中的 TCP 连接使用 6717 端口，而 \
             easelect 测量的是 HTTPS 和 WebSocket（一般为 443 端口）。测量结果好不代表 TCP 连接可用，\
             测量结果差也不代表它不可用。",
        ),
        text(
            "Easemob publishes no hosts for native SDKs. Its page's WebSocket example was China 1's WeChat host \
             on port 443, which is why mini-program hosts stand here. That the same holds for easecdn.com and for \
             other data centres is inferred.",
            "环信没有公布原生 SDK 的地址。其文档的 WebSocket 示例曾使用国内 1 区的微信小程序域名和 443 端口，\
             因此这里填写小程序域名。easecdn.com 的域名和其他数据中心的域名同样适用，这一点是推断。",
        ),
        text(
            "The SDK takes a host and a port; which path it opens is not stated in the documentation. Test it \
             before you release it.",
            "SDK 只接受主机名和端口，连接时使用的路径，文档未说明。发版前请先验证。",
        ),
    ]
}
