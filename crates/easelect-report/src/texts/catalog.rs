//! What is said about data centres, acceleration nodes and the list itself.

use easelect::{Locality, RegionInfo};

use super::{Text, text};

/// Whom a data centre fits, and what its data may do.
pub(crate) fn locality(locality: Locality) -> (Text, Text) {
    match locality {
        Locality::Domestic => (
            text(
                "nearly all at home (mainland China)",
                "绝大部分终端用户均在国内",
            ),
            text(
                "can be migrated to an overseas data centre, with Easemob's guide",
                "可按文档平滑迁移到海外集群",
            ),
        ),
        Locality::Overseas => (
            text("nearly all abroad", "绝大部分终端用户均在国外"),
            text(
                "can never be moved to another data centre (overseas privacy rules)",
                "不可迁移至其他集群（海外数据隐私保护协议）",
            ),
        ),
        Locality::Private => (
            text("yours to decide", "自行决定"),
            text("your own deployment; raced alone", "自有部署；单独测量"),
        ),
    }
}

/// Name, how to get it, and whom it fits, of the acceleration nodes.
pub(crate) fn acceleration() -> (Text, Text) {
    (
        text("Global acceleration nodes", "海外加速节点（全球）"),
        text(
            "For users at home and abroad who talk to each other. Default bandwidth 1 Mbps, adjustable. Ask your \
             Easemob account manager; then put the hosts into a catalogue file (--catalog) with \
             variant = \"acceleration\".",
            "适合一部分用户在国内、一部分在海外且需要互发消息的应用。默认带宽 1 Mbps，可按需调整。请咨询你的商务经理，\
             然后把地址写入目录文件（--catalog），variant = \"acceleration\"。",
        ),
    )
}

/// How the hosts of a data centre that doesn't publish them are had.
pub(crate) fn how_to_get(info: &RegionInfo) -> Text {
    let id = info.region();
    text(
        format!(
            "Ask your Easemob account manager; then put the hosts into a catalogue file (--catalog) with \
             region = \"{id}\"."
        ),
        format!("请咨询你的商务经理，然后把地址写入目录文件（--catalog），region = \"{id}\"。"),
    )
}

/// What the list can't tell.
pub(crate) fn listing_notes() -> [Text; 3] {
    [
        text(
            "An App Key doesn't show the app's data centre. The console does, and Easemob's list service: easelect \
             --app-key ORG#APP asks it.",
            "从 App Key 本身看不出应用所在的数据中心：请在环信控制台查看（即时通讯 > 服务概览），或用 easelect --app-key \
             ORG#APP 向环信的服务器列表服务查询。",
        ),
        text(
            "No built-in URL was ever measured on the real service by easelect's authors. Where it says \"inferred\", \
             only the host is published: port and path are concluded from sibling hosts.",
            "easelect 的作者没有在真实服务上测量过任何内置 URL。标为“推断”的，只有主机名是公开的，端口和路径由同类主机推断。",
        ),
        text(
            "Data centres can't be compared or swapped: an app lives in one.",
            "不同数据中心之间不可比较，也不可互换：应用只在其中一个。",
        ),
    ]
}
