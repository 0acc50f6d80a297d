//! Desktop: the Web SDK in Electron, and the Windows SDK.

use super::block::{Block, Site, Source};
use super::{unity, web};
use crate::texts::text;

const WINDOWS: Source = Source {
    url: "https://doc.easemob.com/document/windows/initialization.html",
    version: "1.4.0",
};

pub(super) fn desktop(site: &Site) -> Block {
    let mut block = Block::default();
    web::web4_code(site, &mut block);
    unity::options(
        site,
        &mut block,
        site.say("Windows SDK (C#)", "Windows SDK（C#）"),
    );
    block.notes = vec![text(
        "In Electron, the Web SDK is configured as in a browser; for Web SDK 5, see --sdk web5. The documentation \
         does not state the options of the older Electron SDK with native modules.",
        "在 Electron 中使用 Web SDK 时，配置与浏览器网页相同；使用 Web SDK 5 时，请参考 --sdk web5。\
         旧版 Electron SDK（含原生模块）的配置项，文档未说明。",
    )];
    block.notes.extend(unity::notes());
    block.sources = vec![web::WEB4_PACKAGE, WINDOWS, unity::REFERENCE];
    block
}
