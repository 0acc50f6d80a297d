//! The REST API, called by servers.

use easelect::Service;

use super::block::{Block, Site, Source, quoted};
use crate::texts::text;

const OVERVIEW: Source = Source {
    url: "https://doc.easemob.com/document/server-side/overview.html",
    version: "REST API",
};
const JAVA: Source = Source {
    url: "https://doc.easemob.com/document/server-side/java_server_sdk_2.0.html",
    version: "im-sdk-core 1.0.16",
};

pub(super) fn rest(site: &Site) -> Block {
    let mut block = Block::default();
    if let Some([rest]) = site.first([Service::Rest], &mut block) {
        let code = format!(
            "EASEMOB_REST={}\n{}\
             curl --fail --max-time 10 \"$EASEMOB_REST/your-org/your-app/users/your-user\" \\\n  \
             -H \"Accept: application/json\" \\\n  \
             -H \"Authorization: Bearer $YOUR_APP_TOKEN\"\n",
            single_quoted(rest.base()),
            site.alternatives(Service::Rest, "# ", |one| single_quoted(one.base())),
        );
        block.paste(
            site.say("Base URL, for any language", "基础 URL（适用于任何语言）"),
            "sh",
            code,
        );
        let code = format!(
            "com.easemob.im.Configuration.setDefaultApiClient(ApiClient.builder()\n    \
             .setBasePath({})\n{}    \
             .setAppKey(\"your-org#your-app\")\n    \
             .setClientId(\"your-client-id\")\n    \
             .setClientSecret(\"your-client-secret\")\n    \
             .build());\n",
            quoted(rest.base()),
            site.alternatives(Service::Rest, "    // ", |one| quoted(one.base())),
        );
        block.paste(
            site.say("Java Server SDK 2.0", "Java Server SDK 2.0"),
            "java",
            code,
        );
    }
    block.notes = vec![
        text(
            "The API also accepts plain HTTP: keep `https://`, or tokens travel in clear text. The documentation \
             does not state whether `setBasePath` expects the scheme; this code includes it so that HTTP is never \
             used.",
            "该 API 也接受 HTTP：请保留 `https://`，否则 token 会以明文传输。`setBasePath` 是否需要写协议，\
             文档未说明；这里写明协议，避免使用 HTTP。",
        ),
        text(
            "Keep the alternative in your server's configuration: if connecting fails, send requests that are safe \
             to repeat (such as queries) to it. Don't test an address by requesting tokens: frequent token requests \
             get blocked.",
            "请在服务器配置中保留备用地址：连接失败后，可以把允许重复的请求（例如查询）改发到备用地址。\
             不要用获取 token 的请求来试探地址：频繁请求会被封禁。",
        ),
    ];
    block.sources = vec![OVERVIEW, JAVA];
    block
}

/// A string literal in a POSIX shell.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
