//! Error codes of the Web SDK up to version 4, also in mini-programs and uni-app: `error.type`, as in
//! `status.d.ts` of 4.21.1.

use super::entry::Evidence::{Documented, InTheCode};
use super::entry::Layer::{Account, App, Client, Network, Server, Success, Token, Unclear};
use super::entry::{Entry, Family, LOG_IN_AGAIN, Reading, Source, entry, range, source};
use crate::sdk::Sdk;

const CODE: Source = source(
    "https://www.npmjs.com/package/easemob-websdk",
    "4.21.1",
    InTheCode,
);
/// The documentation before 2023, no longer maintained.
const OLD_PAGE: Source = source(
    "https://docs-im.easemob.com/im/other/errorcode/web",
    "3.x",
    Documented,
);
/// The page on connecting, with the codes that stop automatic reconnection.
const CONNECTION: Source = source(
    "https://doc.easemob.com/document/applet/connection.html",
    "4.x",
    Documented,
);

pub(crate) const FAMILY: Family = Family {
    sdks: &[Sdk::Web4, Sdk::Uniapp, Sdk::Wechat, Sdk::Alipay],
    entries: ENTRIES,
    ranges: &[
        range(-9, -1, "requests to the RESTful API", "RESTful API 请求"),
        range(
            0,
            99,
            "connection, login and general errors",
            "连接、登录与通用错误",
        ),
        range(100, 199, "uploading files", "文件上传"),
        range(
            200,
            299,
            "downloads, users and devices",
            "文件下载、用户与设备",
        ),
        range(400, 499, "files", "文件"),
        range(500, 599, "messages and the server", "消息与服务端"),
        range(600, 699, "groups", "群组"),
        range(700, 799, "parameters and chat rooms", "参数与聊天室"),
        range(800, 899, "the local database", "本地数据库"),
        range(
            1100,
            1199,
            "presence and reactions",
            "在线状态与表情回复（Reaction）",
        ),
        range(1200, 1299, "translation", "翻译"),
        range(1300, 1399, "threads and edited messages", "子区与消息修改"),
        range(1400, 1499, "conversations", "会话"),
    ],
};

const ENTRIES: &[Entry] = &[
    entry("-1", "REQUEST_TIMEOUT", Network)
        .means(
            "A request to the RESTful API timed out.",
            "RESTful API 请求超时。",
        )
        .but(&[Reading {
            layer: Network,
            en: "The SDK also returns it (\"provision timeout\") if the WebSocket opened but the \
                 login got no answer within 10 seconds.",
            zh: "SDK 源码中，WebSocket 已建立但 10 秒内未收到登录应答时，也返回该错误码（“provision \
                 timeout”）。",
            source: CODE,
        }]),
    entry("-2", "REQUEST_UNKNOWN", Unclear)
        .means(
            "A request failed; the SDK gives no specific reason.",
            "请求失败的通用错误码，未区分具体原因。",
        )
        .but(&[Reading {
            layer: Network,
            en: "In the SDK's source, browsers return it if a request got no answer at all: DNS or TLS \
                 failed, the connection was refused, or a cross-origin rule blocked it.",
            zh: "SDK 源码中，浏览器的请求未收到任何应答时返回该错误码：DNS 解析失败、连接被拒绝、TLS \
                 失败或跨域限制。",
            source: CODE,
        }]),
    entry("-3", "REQUEST_PARAMETER_ERROR", Client).means("A parameter is invalid.", "参数错误。"),
    entry("-4", "REQUEST_ABORT", Client).means("The request was cancelled.", "请求被取消。"),
    entry("0", "REQUEST_SUCCESS", Success)
        .means("The call succeeded.", "操作成功。")
        .but(&[Reading {
            layer: Client,
            en: "Old versions: not logged in, because no user ID was given \
                 (WEBIM_CONNCTION_USER_NOT_ASSIGN_ERROR, still 0 in 4.21.1).",
            zh: "旧版本：未登录，未传入用户 ID（WEBIM_CONNCTION_USER_NOT_ASSIGN_ERROR，4.21.1 中\
                 仍为 0）。",
            source: OLD_PAGE,
        }]),
    entry("1", "WEBIM_CONNCTION_OPEN_ERROR", Token)
        .means(
            "Login failed: the request for a token failed, or the token is invalid. The code is not \
             specific to network faults, but a network fault can make the request fail.",
            "登录失败：获取 token 的请求失败，或 token 无效。该错误码不专指网络故障，但请求失败可\
             能由网络引起。",
        )
        .act(
            "Check the error message: it shows whether a parameter is wrong, another login is in \
             progress, or a request failed. Otherwise, get a new token.",
            "请根据错误信息判断是参数错误、正在登录，还是请求失败；都不是时，请更换 token。",
        )
        .but(&[
            Reading {
                layer: Client,
                en: "The SDK also returns it for illegal parameters, and while another login is in \
                     progress (\"Currently logging in, please wait.\").",
                zh: "SDK 源码中，参数不合法或正在登录（“Currently logging in, please wait.”）时也返\
                     回该错误码。",
                source: CODE,
            },
            Reading {
                layer: Network,
                en: "The SDK also returns it (\"login failed\") if the request for a token by \
                     password fails for any other reason.",
                zh: "SDK 源码中，用密码换取 token 的请求因其他任何原因失败时，也返回该错误码\
                     （“login failed”）。",
                source: CODE,
            },
        ]),
    entry("2", "WEBIM_CONNCTION_AUTH_ERROR", Token)
        .means(
            "Authentication failed. In the native SDKs, 2 is a network error; in this SDK, it is not.",
            "登录鉴权失败。2 在原生 SDK 中表示网络错误，在本 SDK 中不是。",
        )
        .but(&[Reading {
            layer: App,
            en: "The SDK also returns it if the App Key does not have the form org#app.",
            zh: "SDK 源码中，App Key 不符合 org#app 格式时也返回该错误码。",
            source: CODE,
        }]),
    entry("3", "WEBIM_CONNCTION_OPEN_USERGRID_ERROR", Token)
        .means(
            "The server refused to issue a token for this user ID and password; the error message \
             says why.",
            "服务器拒绝为该用户 ID 和密码签发 token；原因见错误信息。",
        )
        .from(CODE),
    entry("8", "", App)
        .means(
            "The app has reached its plan's limit of daily or monthly active users.",
            "应用的日活或月活用户数达到套餐上限。",
        )
        .from(CONNECTION)
        .but(&[Reading {
            layer: App,
            en: "In the SDK's own list, 8 is a different constant, which is never used; limits are \
                 reported as 50.",
            zh: "SDK 自身的错误码中，8 是另一个从未使用的常量；达到上限时返回 50。",
            source: CODE,
        }]),
    entry("12", "WEBIM_CONNCTION_GETROSTER_ERROR", Token)
        .means(
            "An Agora token could not be exchanged for a Chat token. Newer documentation no longer \
             lists this code.",
            "用声网 token 换取 Chat token 失败。新版文档不再列出该错误码。",
        )
        .but(&[Reading {
            layer: Token,
            en: "The source of 4.21.1 still lists it, but never returns it.",
            zh: "4.21.1 的源码仍列出该错误码，但不会返回。",
            source: CODE,
        }]),
    entry("16", "WEBIM_CONNCTION_DISCONNECTED", Network)
        .means(
            "The WebSocket was closed, for example because the network was lost. The SDK \
             reconnects automatically until its attempts are used up.",
            "WebSocket 已断开，例如网络中断；在重连次数用尽之前，SDK 会自动重连。",
        )
        .but(&[Reading {
            layer: Network,
            en: "In the SDK's source, login also fails with it if the WebSocket closes before login \
                 completes.",
            zh: "SDK 源码中，WebSocket 在登录完成前关闭时，登录也以该错误码失败。",
            source: CODE,
        }]),
    entry("17", "WEBIM_CONNCTION_AJAX_ERROR", Unclear)
        .means(
            "A request to the RESTful API failed; the SDK gives no specific reason.",
            "RESTful API 请求未成功的通用错误，未区分具体原因。",
        )
        .but(&[
            Reading {
                layer: Network,
                en: "Older pages name the network, a rate limit and unknown errors as reasons.",
                zh: "较早的文档列出的原因包括网络异常、接口限流和未知错误。",
                source: OLD_PAGE,
            },
            Reading {
                layer: Unclear,
                en: "The source of 4.21.1 returns it for an HTTP answer other than 200, so the server \
                     was reached; without an answer, the code is -1 or -2.",
                zh: "4.21.1 的源码中，收到 200 以外的 HTTP 应答时返回该错误码，即服务器可达；未收\
                     到应答时为 -1 或 -2。",
                source: CODE,
            },
        ]),
    entry("27", "WEBIM_CONNCTION_APPKEY_NOT_ASSIGN_ERROR", App)
        .means(
            "The App Key is missing or wrong.",
            "未设置 App Key，或 App Key 错误。",
        )
        .but(&[Reading {
            layer: App,
            en: "The source of 4.21.1 still lists it, but never returns it.",
            zh: "4.21.1 的源码仍列出该错误码，但不会返回。",
            source: CODE,
        }]),
    entry("28", "WEBIM_CONNCTION_TOKEN_NOT_ASSIGN_ERROR", Token)
        .means(
            "The app made a call without a token, usually before login. The network is not the cause.",
            "调用时没有 token，通常是尚未登录。与网络无关。",
        )
        .act(
            "Log in first and wait until login succeeds.",
            "请先登录，并等待登录成功。",
        )
        .but(&[Reading {
            layer: Token,
            en: "The SDK also returns it (\"INVALID_TOKEN\") if the server finds that the token \
                 does not match the login.",
            zh: "SDK 源码中，服务器判定 token 与登录信息不匹配时，也返回该错误码\
                 （“INVALID_TOKEN”）。",
            source: CODE,
        }]),
    entry("32", "WEBIM_CONNCTION_CLIENT_OFFLINE", Client)
        .means("The user is not logged in.", "当前用户未登录。")
        .but(&[Reading {
            layer: Network,
            en: "A page of 2022: the user went offline abnormally.",
            zh: "2022 年的文档：用户非正常离线。",
            source: source(
                "https://docs-im.easemob.com/_export/raw/ccim/web/errorcode",
                "4.0",
                Documented,
            ),
        }]),
    entry("39", "WEBIM_CONNECTION_CLOSED", Client)
        .means(
            "Not logged in: the app sent a message or made a call after logout, or after the \
             connection was lost.",
            "未登录：在退出登录或掉线后发送消息、调用接口。",
        )
        .but(&[Reading {
            layer: Client,
            en: "The source of 4.21.1 returns it only if the user is not logged in (\"not login\"); it \
                 does not come from the WebSocket.",
            zh: "4.21.1 的源码中，仅在未登录（“not login”）时返回，并非来自 WebSocket。",
            source: CODE,
        }]),
    entry("40", "WEBIM_CONNECTION_ERROR", Network)
        .means(
            "The WebSocket failed: usually the platform reported an error (onError).",
            "WebSocket 连接错误，一般由平台的 onError 回调触发。",
        )
        .but(&[
            Reading {
                layer: Token,
                en: "Older pages and the SDK's type definitions: user authentication failed, usually \
                     because the token is invalid or has expired.",
                zh: "较早的文档以及 SDK 的类型定义：用户鉴权失败，一般是 token 鉴权失败或已过期。",
                source: OLD_PAGE,
            },
            Reading {
                layer: Network,
                en: "In the source of 4.21.1, it comes only from the WebSocket's error event (\"on \
                     socket error\").",
                zh: "4.21.1 的源码中，仅由 WebSocket 的 error 事件触发（“on socket error”）。",
                source: CODE,
            },
        ]),
    entry("50", "MAX_LIMIT", App).means(
        "A limit has been reached, for example daily or monthly active users, concurrent users, or \
         the rate of user registrations. The error message says which.",
        "达到上限，例如日活、月活、同时在线用户数、用户注册频率；具体见错误信息。",
    ),
    entry("52", "NO_PERMISSION", Account)
        .means("The user lacks the permission for this operation.", "用户没有执行该操作的权限。"),
    entry("56", "WEBIM_TOKEN_EXPIRED", Token).means("The token has expired.", "token 已过期。"),
    entry("57", "WEBIM_SERVER_SERVING_DISABLED", App)
        .means(
            "The service is disabled for the app or for the user.",
            "应用或用户的服务已被禁用。",
        )
        .from(CODE),
    entry("104", "", Token)
        .means("The token is invalid.", "token 无效。")
        .from(CONNECTION)
        .but(&[Reading {
            layer: Token,
            en: "A code of the native SDKs; this SDK's page on connecting lists it, too.",
            zh: "原生 SDK 的错误码；本 SDK 的连接文档也列出该错误码。",
            source: CONNECTION,
        }]),
    entry("108", "", Token)
        .means("The token has expired.", "token 已过期。")
        .from(CONNECTION)
        .but(&[Reading {
            layer: Token,
            en: "The SDK's own list has no 108; it reports an expired token as 56.",
            zh: "SDK 自身的错误码中没有 108，token 过期时返回 56。",
            source: CODE,
        }]),
    entry("204", "USER_NOT_FOUND", Account)
        .means(
            "The user does not exist in this app.",
            "该应用中没有这个用户。",
        )
        .act(
            "Check the user ID and the App Key: the user may belong to another app or data centre.",
            "请检查用户 ID 和 App Key：该用户可能属于另一个应用或数据中心。",
        ),
    entry("206", "WEBIM_CONNCTION_USER_LOGIN_ANOTHER_DEVICE", Account)
        .means(
            "The same user logged in on another device, so this device was logged out.",
            "同一用户在其他设备登录，当前设备被踢下线。",
        )
        .act(
            "Allow several devices in Easemob's console. Tabs of one browser count as one device \
             only if isFixedDeviceId is true.",
            "请在环信控制台开启多设备登录。仅当 isFixedDeviceId 为 true 时，同一浏览器的多个标签\
             页才视为同一设备。",
        ),
    entry("207", "WEBIM_CONNCTION_USER_REMOVED", Account).means(
        "The user was deleted on the server.",
        "该用户已在服务端被删除。",
    ),
    entry("208", "WEBIM_USER_ALREADY_LOGIN", Client).means(
        "The user is already logged in.",
        "用户已经登录，又重复登录。",
    ),
    entry("214", "USER_LOGIN_TOO_MANY_DEVICES", Account)
        .means(
            "The user has reached the app's device limit.",
            "用户登录的设备数达到上限。",
        )
        .from(CODE),
    entry(
        "216",
        "WEBIM_CONNCTION_USER_KICKED_BY_CHANGE_PASSWORD",
        Account,
    )
    .means(
        "The user's password was changed, so this device was logged out.",
        "用户密码已修改，当前登录已断开。",
    )
    .act(LOG_IN_AGAIN.0, LOG_IN_AGAIN.1),
    entry(
        "217",
        "WEBIM_CONNCTION_USER_KICKED_BY_OTHER_DEVICE",
        Account,
    )
    .means(
        "Another device, the app's server or the console logged this device out.",
        "当前设备被其他设备、业务服务器或控制台强制下线。",
    )
    .act(LOG_IN_AGAIN.0, LOG_IN_AGAIN.1),
    entry("220", "USER_DEVICE_CHANGED", Account)
        .means(
            "The user has since logged in on another device.",
            "用户的登录设备与上次不一致。",
        )
        .from(CODE)
        .act(LOG_IN_AGAIN.0, LOG_IN_AGAIN.1),
    entry("500", "SERVER_BUSY", Server).means("The server is busy.", "服务器忙碌。"),
    entry("503", "SERVER_UNKNOWN_ERROR", Unclear).means(
        "Sending a message failed with a server error that the SDK does not know. This is not HTTP \
         status 503.",
        "消息发送失败，服务端返回的错误超出 SDK 的处理范围。并非 HTTP 状态码 503。",
    ),
    entry("505", "SERVICE_NOT_ENABLED", App).means(
        "The app uses a feature that is not enabled for it.",
        "使用了应用未开通的功能。",
    ),
    entry("510", "MESSAGE_WEBSOCKET_DISCONNECTED", Network).means(
        "A message could not be sent: the connection was lost and reconnecting failed.",
        "消息发送失败：连接已断开且重连失败。",
    ),
    entry("512", "MESSAGE_SEND_TIMEOUT", Network).means(
        "Sending a message timed out, for example because the connection broke.",
        "发送消息超时，例如发送时连接断开。",
    ),
    entry("700", "REST_PARAMS_STATUS", Token).means(
        "The token or the App Key is missing or wrong.",
        "用户 token 或 App Key 不存在或不正确。",
    ),
    entry("999", "SDK_RUNTIME_ERROR", Network).means(
        "Sending a message over the WebSocket failed.",
        "通过 WebSocket 发送消息失败。",
    ),
];
