//! Errors of the RESTful API: HTTP statuses, and values of the answer's field `error`.

use super::entry::Evidence::{Documented, Reported};
use super::entry::Layer::{Account, App, Client, Network, Server, Success, Token};
use super::entry::{Entry, Family, Reading, Source, entry, range, source};
use crate::sdk::Sdk;

const REGISTER: Source = source(
    "https://doc.easemob.com/document/server-side/account_register_authorized_single.html",
    "",
    Documented,
);
/// A copy of the error code page as of 2019.
const COPY_OF_2019: Source = source(
    "https://www.cnblogs.com/lxwphp/p/10862016.html",
    "2019",
    Documented,
);

pub(crate) const FAMILY: Family = Family {
    sdks: &[Sdk::Rest],
    entries: ENTRIES,
    ranges: &[
        range(100, 199, "HTTP: not a final answer", "HTTP：不是最终应答"),
        range(200, 299, "HTTP: success", "HTTP：成功"),
        range(
            300,
            399,
            "HTTP: redirected; Easemob's API does not redirect, so a device on the path may have \
             answered (for example a captive portal)",
            "HTTP：重定向；环信的 API 不会重定向，可能来自途中的设备（例如上网认证页面）",
        ),
        range(
            400,
            499,
            "HTTP: the request was refused (407 and 451 come from a proxy or filter)",
            "HTTP：请求被拒绝（407、451 来自代理或过滤设备）",
        ),
        range(500, 599, "HTTP: the server failed", "HTTP：服务端出错"),
    ],
};

const NEW_APP_TOKEN: (&str, &str) = (
    "Get a new app token (not a user token). Don't request one for every call: frequent requests get \
     blocked.",
    "请重新获取 App Token（不是用户 token）；不要每次调用都获取，过于频繁会被封禁。",
);

const ENTRIES: &[Entry] = &[
    entry("200", "OK", Success).means("The call succeeded.", "操作成功。"),
    entry("400", "Bad Request", Client)
        .means(
            "The server does not understand the request; see the field `error` of the answer.",
            "服务器不理解请求；详见应答中的 error 字段。",
        )
        .but(&[Reading {
            layer: App,
            en: "Some services also answer 400 if they are not enabled for the app.",
            zh: "部分服务未开通时也返回 400。",
            source: source(
                "https://doc.easemob.com/document/server-side/error.html",
                "",
                Documented,
            ),
        }]),
    entry("401", "Unauthorized", Token)
        .means(
            "The token is missing, expired, malformed, or was not issued by this data centre's servers.",
            "未携带 token，或 token 已过期、格式错误、不是由该数据中心的服务器签发。",
        )
        .act(NEW_APP_TOKEN.0, NEW_APP_TOKEN.1),
    entry("403", "Forbidden", Client).means(
        "The server refused the request: the operation is not valid, messages are sent too fast (20 \
         per second to groups, 100 to chat rooms), or the service is not enabled.",
        "服务器拒绝请求：操作不符合逻辑、消息发送过快（群组 20 条/秒、聊天室 100 条/秒），或服务未开通。",
    ),
    entry("404", "Not Found", Client)
        .means(
            "This host has no such interface, app or user.",
            "该主机上没有对应的接口、应用或用户。",
        )
        .act(
            "Check the URL, and check that the REST host belongs to the app's data centre.",
            "请检查 URL，并确认 REST 主机属于应用所在的数据中心。",
        ),
    entry("405", "Method Not Allowed", Client)
        .means("The HTTP method is wrong.", "HTTP 请求方式错误。"),
    entry("408", "Request Timeout", Network).means(
        "The server timed out waiting for the request: the request arrived too slowly or incomplete.",
        "服务器等待请求超时：请求到达过慢或不完整。",
    ),
    entry("409", "Conflict", Client).means(
        "Several concurrent requests asked for a user token with autoCreateUser set.",
        "并发获取用户 token，且设置了自动创建用户（autoCreateUser）。",
    ),
    entry("413", "Payload Too Large", Client)
        .means("An uploaded file is too large.", "上传的消息附件过大。")
        .but(&[Reading {
            layer: Client,
            en: "Documentation of 2019: the request body is larger than 5 KB.",
            zh: "2019 年的文档：请求体超过 5 KB。",
            source: COPY_OF_2019,
        }]),
    entry("415", "Unsupported Media Type", Client)
        .means("The type of the request body is not supported.", "不支持请求体的类型。"),
    entry("429", "Too Many Requests", App)
        .means(
            "The app calls the interface too often or has exceeded a limit of the free plan.",
            "接口调用超过频率限制，或超过免费套餐的限制。",
        )
        .act(
            "Call less often and wait longer after each failure. For a higher limit, ask your Easemob \
             account manager.",
            "请降低调用频率，失败后逐次延长等待时间；如需提高上限请联系环信商务经理。",
        ),
    entry("500", "Internal Server Error", Server)
        .means(
            "Internal server error; the documentation also names a wrong URL or method as a cause.",
            "服务器内部错误；文档列出的原因还包括 URL 或请求方式错误。",
        ),
    entry("501", "Not Implemented", Server)
        .means("The server does not support this operation.", "服务器不支持该请求所需的功能。"),
    entry("502", "Bad Gateway", Server).means(
        "A gateway got an invalid answer from the server behind it. A proxy on the path may also return \
         this status.",
        "网关从上游服务器收到无效应答。途中的代理也可能返回该状态码。",
    ),
    entry("503", "Service Unavailable", Server)
        .means("The service is not available.", "服务不可用。")
        .but(&[Reading {
            layer: App,
            en: "Documentation of 2019 gives 503 for a rate limit; it is 429 now.",
            zh: "2019 年的文档以 503 表示接口限流，现为 429。",
            source: COPY_OF_2019,
        }]),
    entry("504", "Gateway Timeout", Server).means(
        "A gateway got no timely answer from the server behind it. A proxy on the path may also return \
         this status.",
        "网关未及时收到上游服务器的应答。途中的代理也可能返回该状态码。",
    ),
    entry("unauthorized", "HTTP 401", Token)
        .means(
            "The app token is missing or has expired; when registering users, open registration may be \
             off.",
            "未携带 App Token，或 App Token 已过期；注册用户时也可能是未开放注册。",
        )
        .act(NEW_APP_TOKEN.0, NEW_APP_TOKEN.1),
    entry("auth_bad_access_token", "HTTP 401", Token)
        .means(
            "The app token is malformed or was not issued by the servers that received the request: \
             often it is from another data centre or app.",
            "App Token 格式错误，或不是由接收请求的服务器签发：往往来自另一个数据中心或应用。",
        )
        .act(NEW_APP_TOKEN.0, NEW_APP_TOKEN.1),
    entry("invalid_grant", "HTTP 400", Token)
        .means("The user ID or the password is wrong.", "用户 ID 或密码不正确。")
        .from(COPY_OF_2019),
    entry("organization_application_not_found", "HTTP 404", App)
        .means(
            "This host has no such app: the org or app name is wrong, or the app is in another data \
             centre.",
            "该主机上没有这个应用：orgName 或 appName 有误，或应用位于另一个数据中心。",
        )
        .act(
            "Compare the App Key and the REST host with Easemob's console (service overview).",
            "请与环信控制台（即时通讯 > 服务概览）中的 App Key 和 REST 地址核对。",
        )
        .from(REGISTER)
        .but(&[Reading {
            layer: App,
            en: "In documentation of 2019, its HTTP status is 400.",
            zh: "2019 年的文档中，其 HTTP 状态码为 400。",
            source: COPY_OF_2019,
        }]),
    entry("service_resource_not_found", "HTTP 404", Account)
        .means("The user in the URL does not exist.", "URL 中的用户不存在。"),
    entry("illegal_argument", "HTTP 400", Client)
        .means("A parameter is missing or invalid.", "参数缺失或不合法。")
        .from(REGISTER),
    entry("duplicate_unique_property_exists", "HTTP 400", Account)
        .means("The user ID already exists.", "用户 ID 已存在。")
        .from(REGISTER),
    entry("resource_limited", "HTTP 429", App)
        .means(
            "The app has exceeded a limit of its plan, for example 100 users in the free plan.",
            "超过应用套餐的限制，例如免费套餐的 100 个用户。",
        )
        .from(REGISTER),
    entry("reach_limit", "HTTP 429", App)
        .means("The app calls the interface too often.", "接口调用超过频率限制。")
        .act(
            "Call less often and wait longer after each failure.",
            "请降低调用频率，失败后逐次延长等待时间。",
        )
        .from(source(
            "https://doc.easemob.com/document/server-side/limitationapi.html",
            "",
            Reported,
        )),
    entry("forbidden_op", "HTTP 403", App)
        .means("The service is not enabled for this app.", "该应用未开通此服务。"),
    entry("unsupported_service_operation", "HTTP 500", Client)
        .means("The URL does not support this method.", "请求 URL 不支持该请求方式。"),
    entry("web_application", "HTTP 500", Client).means("The URL is wrong.", "请求 URL 错误。"),
];
