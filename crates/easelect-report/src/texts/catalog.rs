//! Data centres, acceleration nodes and the notes of the catalogue's list.

use easelect::{Locality, RegionInfo};

use super::{Text, text};

/// Which apps a data centre fits, and whether its data can be migrated.
pub(crate) fn locality(locality: Locality) -> (Text, Text) {
    match locality {
        Locality::Domestic => (
            text("nearly all in mainland China", "绝大部分终端用户均在国内"),
            text(
                "can be migrated to an overseas data centre (see Easemob's guide)",
                "可按文档平滑迁移到海外集群",
            ),
        ),
        Locality::Overseas => (
            text(
                "nearly all outside mainland China",
                "绝大部分终端用户均在国外",
            ),
            text(
                "cannot be migrated to another data centre (overseas privacy rules)",
                "不可迁移至其他集群（海外数据隐私保护协议）",
            ),
        ),
        Locality::Private => (
            text("yours to decide", "自行决定"),
            text(
                "yours to decide (your own deployment)",
                "由你决定（自有部署）",
            ),
        ),
    }
}

/// The acceleration nodes: their name, and for which apps they are and how to obtain them.
pub(crate) fn acceleration() -> (Text, Text) {
    (
        text("Global acceleration nodes", "海外加速节点（全球）"),
        text(
            "For apps with users in mainland China and abroad who message each other. The default bandwidth is \
             1 Mbps and can be changed. Ask your Easemob account manager for the hosts, then put them into a \
             catalogue file (--catalog) with variant = \"acceleration\".",
            "适合一部分用户在国内、一部分在海外且需要互发消息的应用。默认带宽 1 Mbps，可按需调整。请向你的商务经理索取地址，然后写入目录文件（--catalog），variant = \"acceleration\"。",
        ),
    )
}

/// How to obtain the hosts of a data centre that doesn't publish them.
pub(crate) fn how_to_get(info: &RegionInfo) -> Text {
    let id = info.region();
    text(
        format!(
            "Ask your Easemob account manager for the hosts, then put them into a catalogue file (--catalog) \
             with region = \"{id}\"."
        ),
        format!("请向你的商务经理索取地址，然后写入目录文件（--catalog），region = \"{id}\"。"),
    )
}

/// What the list doesn't show.
pub(crate) fn listing_notes() -> [Text; 3] {
    [
        text(
            "An App Key doesn't show the app's data centre. Easemob's console does, and so does Easemob's \
             server list service, which easelect --app-key ORG#APP asks.",
            "从 App Key 本身看不出应用所在的数据中心：请在环信控制台查看（即时通讯 > 服务概览），或用 easelect --app-key \
             ORG#APP 向环信的接入地址列表服务查询。",
        ),
        text(
            "easelect's authors have not measured any built-in URL on the real service. Where a URL is marked \
             \"inferred\", only its host is published: the port and path are inferred from sibling hosts.",
            "easelect 的作者没有在真实服务上测量过任何内置 URL。标为“推断”的，只有主机名是公开的，端口和路径由同类主机推断。",
        ),
        text(
            "Data centres can't be compared or swapped: an app lives in exactly one.",
            "不同数据中心之间不可比较，也不可互换：一个应用只属于一个数据中心。",
        ),
    ]
}
