//! Error codes of the SDKs that share the native core (`EMError`).

use super::entry::Evidence::{Documented, Reported};
use super::entry::Layer::{Account, App, Client, List, Network, Server, Success, Token, Unclear};
use super::entry::{Entry, Family, LOG_IN_AGAIN, Reading, entry, range, source};
use crate::sdk::Sdk;

/// The disconnect reasons of version 5.
const V5: &str = "https://doc.easemob.com/apidoc/rn/5.x/enums/ChatDisconnectErrorCode.html";
const IOS: &str = "https://doc.easemob.com/document/ios/error.html";
const CHANGES: &str = "https://doc.easemob.com/document/android/releasenote.html";

pub(crate) const FAMILY: Family = Family {
    sdks: &[
        Sdk::Desktop,
        Sdk::Android,
        Sdk::Ios,
        Sdk::Harmonyos,
        Sdk::ReactNative,
        Sdk::Flutter,
        Sdk::Unity,
    ],
    entries: ENTRIES,
    ranges: &[
        range(0, 99, "general errors", "通用错误"),
        range(100, 199, "parameters and tokens", "参数与 token"),
        range(200, 299, "users, login and devices", "用户、登录与设备"),
        range(300, 399, "servers and network", "服务端与网络"),
        range(400, 499, "files", "文件"),
        range(500, 599, "messages", "消息"),
        range(600, 699, "groups", "群组"),
        range(700, 799, "chat rooms", "聊天室"),
        range(900, 999, "user attributes", "用户属性"),
        range(1000, 1099, "contacts", "好友"),
        range(1100, 1199, "presence and translation", "在线状态与翻译"),
        range(1200, 1299, "moderation", "内容审核"),
        range(1300, 1399, "reactions", "表情回复（Reaction）"),
        range(1400, 1499, "threads", "子区"),
        range(1500, 1599, "push", "推送"),
    ],
};

/// The SDKs of the family except HarmonyOS, which lacks some codes.
const NOT_HARMONY: &[Sdk] = &[
    Sdk::Desktop,
    Sdk::Android,
    Sdk::Ios,
    Sdk::ReactNative,
    Sdk::Flutter,
    Sdk::Unity,
];

const ENTRIES: &[Entry] = &[
    entry("0", "EM_NO_ERROR", Success)
        .ios("EMErrorNoError")
        .means("The call succeeded.", "操作成功。"),
    entry("1", "GENERAL_ERROR", Unclear)
        .ios("EMErrorGeneral")
        .means(
            "An unspecified error: the SDK was not initialised correctly, or a request failed for an \
             unknown reason.",
            "通用错误：SDK 未正确初始化，或请求失败且原因不明。",
        ),
    entry("2", "NETWORK_ERROR", Network)
        .ios("EMErrorNetworkUnavailable")
        .means(
            "There is no network, so the SDK has lost its connection to the servers. The SDK \
             reconnects automatically.",
            "没有网络，SDK 与服务器的连接已断开；SDK 会自动重连。",
        )
        .act(
            "Check that the device is online: open any web page in a browser.",
            "请先确认设备能上网：用浏览器打开任意网页。",
        )
        .but(&[Reading {
            layer: Network,
            en: "In version 5, Android reports this code when the network is lost; iOS reports no code.",
            zh: "5.x 中，断网时 Android 上报该错误码，iOS 不带错误码。",
            source: source(V5, "5.0", Documented),
        }]),
    entry("4", "EXCEED_SERVICE_LIMIT", App)
        .ios("EMErrorExceedServiceLimit")
        .means(
            "The app has reached a limit of its plan, for example the number of users, or it reads or \
             writes user attributes too often.",
            "超过应用套餐的限制（例如用户数），或读写用户属性过于频繁。",
        ),
    entry("5", "SERVICE_ARREARAGES", App)
        .ios("EMErrorServiceArrearages")
        .only(NOT_HARMONY)
        .means(
            "Payment for the service is overdue. The documentation calls this code obsolete.",
            "服务欠费。文档称该错误码已废弃。",
        ),
    entry("8", "APP_ACTIVE_NUMBER_REACH_LIMITATION", App)
        .ios("EMAppActiveNumbersReachLimitation")
        .means(
            "The app has reached its plan's limit of daily or monthly active users. The SDK stops \
             reconnecting.",
            "应用的日活或月活用户数达到套餐上限；SDK 停止自动重连。",
        )
        .act(
            "Upgrade the plan in Easemob's console.",
            "请在环信控制台升级套餐。",
        ),
    entry("100", "INVALID_APP_KEY", App)
        .ios("EMErrorInvalidAppkey")
        .means("The App Key is invalid, usually because its format is wrong.", "App Key 不合法，通常是格式不正确。")
        .act(
            "Copy the App Key (org#app) from Easemob's console.",
            "请从环信控制台复制 App Key（格式为 org#app）。",
        ),
    entry("101", "INVALID_USER_NAME", Client)
        .ios("EMErrorInvalidUsername")
        .means("The user ID is invalid, usually empty.", "用户 ID 不正确，通常是为空。"),
    entry("102", "INVALID_PASSWORD", Token)
        .ios("EMErrorInvalidPassword")
        .means(
            "The password given at login is empty or wrong. Version 5 does not support password login.",
            "登录时提供的密码为空或不正确。5.x 已不支持密码登录。",
        ),
    entry("103", "INVALID_URL", Client)
        .ios("EMErrorInvalidURL")
        .only(NOT_HARMONY)
        .means("A URL passed to the SDK is invalid.", "传给 SDK 的 URL 不正确。"),
    entry("104", "INVALID_TOKEN", Token)
        .ios("EMErrorInvalidToken")
        .means(
            "The token is empty, invalid, or belongs to another user. The SDK stops reconnecting.",
            "token 为空、不正确，或与登录的用户不匹配；SDK 停止自动重连。",
        ),
    entry("105", "USER_NAME_TOO_LONG", Client)
        .ios("EMErrorUsernameTooLong")
        .means("The user ID is longer than 64 bytes.", "用户 ID 超过 64 字节。"),
    entry("108", "TOKEN_EXPIRED", Token)
        .ios("EMErrorTokenExpire")
        .means(
            "The token has expired. The SDK stops reconnecting.",
            "token 已过期；SDK 停止自动重连。",
        )
        .act(
            "Have the app's server issue a new token and log in again. To avoid this error, renew the \
             token when code 109 (about to expire) arrives.",
            "请由业务服务器签发新的 token 并重新登录；收到 109（即将过期）时就应更新。",
        ),
    entry("109", "TOKEN_WILL_EXPIRE", Token)
        .ios("EMErrorTokeWillExpire")
        .means(
            "The token is about to expire: 80% of its lifetime has passed (50% before version 4.15 on \
             Android and iOS). Nothing has failed yet.",
            "token 即将过期：已达到有效期的 80%（Android、iOS 4.15 之前为 50%）。此时尚未出错。",
        )
        .act(
            "Get a new token and pass it to the SDK (renewToken).",
            "请获取新的 token，并通过 renewToken 更新。",
        ),
    entry("110", "INVALID_PARAM", Client)
        .ios("EMErrorInvalidParam")
        .means(
            "A parameter is invalid; at login, one of the connection parameters.",
            "参数无效；登录时指建立连接所用的参数。",
        ),
    entry("200", "USER_ALREADY_LOGIN", Client)
        .ios("EMErrorUserAlreadyLoginSame")
        .means("This user is already logged in.", "该用户已经登录。"),
    entry("201", "USER_NOT_LOGIN", Client)
        .ios("EMErrorUserNotLogin")
        .means(
            "The app made a call that requires login before login had succeeded.",
            "尚未登录成功，就调用了需要登录的接口。",
        ),
    entry("202", "USER_AUTHENTICATION_FAILED", Token)
        .ios("EMErrorUserAuthenticationFailed")
        .means(
            "Authentication failed: the token is invalid or has expired; with password login, the user \
             ID or the password is wrong.",
            "用户鉴权失败：token 无效或已过期；如使用密码登录，则用户 ID 或密码不正确。",
        ),
    entry("204", "USER_NOT_FOUND", Account)
        .ios("EMErrorUserNotFound")
        .means("The user does not exist in this app.", "该应用中没有这个用户。")
        .act(
            "Check the user ID and the App Key: the user may belong to another app or data centre.",
            "请检查用户 ID 和 App Key：该用户可能属于另一个应用或数据中心。",
        ),
    entry("206", "USER_LOGIN_ANOTHER_DEVICE", Account)
        .ios("EMErrorUserLoginOnAnotherDevice")
        .means(
            "The same user logged in on another device, so this device was logged out. The SDK stops \
             reconnecting.",
            "同一用户在其他设备登录，当前设备被踢下线；SDK 停止自动重连。",
        )
        .act(LOG_IN_AGAIN.0, LOG_IN_AGAIN.1),
    entry("207", "USER_REMOVED", Account)
        .ios("EMErrorUserRemoved")
        .means(
            "The user was deleted on the server. The SDK stops reconnecting.",
            "该用户已在服务端被删除；SDK 停止自动重连。",
        )
        .act(
            "Check in Easemob's console whether the user still exists, and log in with another account.",
            "请在环信控制台确认该用户是否存在，并换用其他账号登录。",
        ),
    entry("208", "USER_REG_FAILED", App)
        .ios("EMErrorUserRegisterFailed")
        .means(
            "User registration failed, for example because open registration is off.",
            "注册用户失败，例如未开启开放注册。",
        )
        .act(
            "Register users from the app's server.",
            "请在业务服务器注册用户。",
        ),
    entry("210", "USER_PERMISSION_DENIED", Account)
        .ios("EMErrorUserPermissionDenied")
        .means(
            "The user lacks permission: the user is banned, on a block list, or does not have the \
             required rights.",
            "用户无权限：被封禁、在黑名单中，或不具备所需权限。",
        ),
    entry("213", "USER_BIND_ANOTHER_DEVICE", Account)
        .ios("EMErrorUserBindAnotherDevice")
        .only(NOT_HARMONY)
        .means(
            "The user is logged in on another device, and the app is configured to keep the first login.",
            "用户已在其他设备登录，且应用设置为先登录的设备优先。",
        )
        .act(
            "Log out on the other device, or allow several devices in Easemob's console.",
            "请先在另一设备退出登录，或在环信控制台开启多设备登录。",
        )
        .but(&[Reading {
            layer: Account,
            en: "An older Android page calls this code obsolete; version 5 lists it again.",
            zh: "较早的 Android 文档称该错误码已废弃；5.x 又将其列出。",
            source: source(V5, "5.0", Documented),
        }]),
    entry("214", "USER_LOGIN_TOO_MANY_DEVICES", Account)
        .ios("EMErrorUserLoginTooManyDevices")
        .means(
            "The user has reached the app's device limit, and the app is configured not to log other \
             devices out.",
            "用户登录的设备数达到上限，且应用设置为不踢掉其他设备。",
        )
        .act(
            "Log out on another device, or raise the limit in Easemob's console.",
            "请退出其他设备上的登录，或在环信控制台提高设备数上限。",
        ),
    entry("216", "USER_KICKED_BY_CHANGE_PASSWORD", Account)
        .ios("EMErrorUserKickedByChangePassword")
        .means(
            "The user's password was changed, so this device was logged out. The SDK stops \
             reconnecting.",
            "用户密码已修改，当前登录已断开；SDK 停止自动重连。",
        )
        .act(LOG_IN_AGAIN.0, LOG_IN_AGAIN.1),
    entry("217", "USER_KICKED_BY_OTHER_DEVICE", Account)
        .ios("EMErrorUserKickedByOtherDevice")
        .means(
            "Another device, the app's server or the console logged this device out. The SDK stops \
             reconnecting.",
            "当前设备被其他设备、业务服务器或控制台强制下线；SDK 停止自动重连。",
        )
        .act(LOG_IN_AGAIN.0, LOG_IN_AGAIN.1),
    entry("218", "USER_ALREADY_LOGIN_ANOTHER", Client)
        .ios("EMErrorUserAlreadyLoginAnother")
        .means(
            "Another user is still logged in on this device.",
            "本设备上另一个用户尚未退出登录。",
        )
        .act("Log that user out first.", "请先退出该用户的登录。"),
    entry("220", "USER_DEVICE_CHANGED", Account)
        .ios("EMErrorUserDeviceChanged")
        .means(
            "The user has since logged in on another device, and the app is configured not to log other \
             devices out: automatic login on this device is refused.",
            "用户后来在另一设备登录过，且应用设置为不踢掉其他设备：服务器拒绝本设备的自动登录。",
        )
        .act(LOG_IN_AGAIN.0, LOG_IN_AGAIN.1),
    entry("300", "SERVER_NOT_REACHABLE", Network)
        .ios("EMErrorServerNotReachable")
        .means(
            "The server could not be reached: the connection attempt timed out, DNS failed, the \
             connection was refused, or it broke while a message was being sent.",
            "无法连接服务器：连接超时、DNS 解析失败、连接被拒绝，或发送消息时连接已断开。",
        )
        .act(
            "Run `easelect diagnose` on this network, then try another network. In some countries (the \
             documentation names Saudi Arabia and the Philippines), networks block the unencrypted \
             protocol: ask your Easemob account manager to enable TLS in the app's server list.",
            "请在该网络运行 `easelect diagnose`，并换一个网络重试。部分国家（文档提到沙特、菲律宾）的网络会\
             拦截未加密的协议：请联系环信商务经理，在应用的接入地址列表中开启 TLS 加密。",
        )
        .but(&[
            Reading {
                layer: Network,
                en: "Error code page: the SDK was not connected when it sent a message, or a request \
                     failed on an unstable network; at login, the network may be restricted or the \
                     domain blocked.",
                zh: "错误码页面：发送消息时 SDK 未与服务器保持连接，或请求因网络不稳定而失败；登录时出现则可能是\
                     网络受限或域名被封禁。",
                source: source(IOS, "4.x", Documented),
            },
            Reading {
                layer: Network,
                en: "Version 5: the connection attempt timed out, DNS failed or the connection was \
                     refused; the most common reason on a weak network.",
                zh: "5.x：连接超时、DNS 解析失败或连接被拒绝，是弱网下最常见的原因。",
                source: source(V5, "5.0", Documented),
            },
        ]),
    entry("301", "SERVER_TIMEOUT", Network)
        .ios("EMErrorServerTimeout")
        .means(
            "The server did not answer a request in time, usually 30 or 60 seconds.",
            "服务器未在规定时间内（一般为 30 秒或 60 秒）响应请求。",
        ),
    entry("302", "SERVER_BUSY", Server)
        .ios("EMErrorServerBusy")
        .means("The server is busy.", "服务器忙碌。")
        .act(
            "Try again later, and don't repeat a call before the previous one has returned.",
            "请稍后重试，且不要在上一次调用返回前重复调用。",
        ),
    entry("303", "SERVER_UNKNOWN_ERROR", Unclear)
        .ios("EMErrorServerUnknownError")
        .means(
            "A request to the server failed; the SDK gives no specific reason.",
            "请求服务器失败的通用错误码，未区分具体原因。",
        )
        .but(&[Reading {
            layer: Network,
            en: "Version 5: as a disconnect reason, an I/O error or an unexpectedly closed stream.",
            zh: "5.x：作为断开原因时，指 IO 错误或连接流意外关闭。",
            source: source(V5, "5.0", Documented),
        }]),
    entry("304", "SERVER_GET_DNSLIST_FAILED", List)
        .ios("EMErrorServerGetDNSConfigFailed")
        .means(
            "The SDK could not fetch its server list (server.json), so it does not know where to \
             connect.",
            "SDK 未能获取接入地址列表（server.json），不知道应连接哪个服务器。",
        )
        .act(
            "Check that https://rs.easemob.com can be reached from this network. If the DNS \
             configuration is off (enableDNSConfig is false), check that the IM and REST servers are set.",
            "请确认当前网络能访问 https://rs.easemob.com。如关闭了 DNS 配置（enableDNSConfig 为 false），\
             请确认已设置 IM 和 REST 服务器地址。",
        )
        .but(&[Reading {
            layer: List,
            en: "A changelog gives 305 for this error before version 4.22; the error code pages give 304.",
            zh: "有更新日志称 4.22 之前该错误为 305；错误码页面均为 304。",
            source: source(CHANGES, "4.22", Reported),
        }]),
    entry("305", "SERVER_SERVICE_RESTRICTED", App)
        .ios("EMErrorServerServingForbidden")
        .means(
            "The service is disabled for the app or for the account.",
            "应用或账号的服务已被禁用。",
        )
        .act(
            "Check the app in Easemob's console, or ask your Easemob account manager.",
            "请在环信控制台查看应用状态，或联系环信商务经理。",
        )
        .but(&[Reading {
            layer: List,
            en: "A changelog says that 305 meant a failed fetch of the server list (304) before version \
                 4.22. The SDKs' error code pages disagree: go by them.",
            zh: "有更新日志称 4.22 之前 305 表示获取接入地址列表失败（即 304）；各 SDK 的错误码页面与此不同，\
                 请以错误码页面为准。",
            source: source(CHANGES, "4.22", Reported),
        }]),
    entry("306", "SERVER_DECRYPTION_FAILED", Network)
        .only(&[Sdk::ReactNative, Sdk::Flutter])
        .since("5.0")
        .means(
            "Data from the server could not be decrypted: it was altered on the way, or the \
             connection broke in the middle of it.",
            "传输数据解密失败：数据在途中被改动，或连接中途断开。",
        )
        .from(source(V5, "5.0", Documented)),
    entry("350", "", Network)
        .only(NOT_HARMONY)
        .since("4.23")
        .means("The connection attempt timed out.", "连接超时。")
        .from(source(CHANGES, "4.23", Reported)),
    entry("351", "", Network)
        .only(NOT_HARMONY)
        .since("4.23")
        .means("A host name could not be resolved (DNS).", "域名解析（DNS）失败。")
        .from(source(CHANGES, "4.23", Reported)),
    entry("352", "", Network)
        .only(NOT_HARMONY)
        .since("4.23")
        .means(
            "An I/O error on the connection: refused, reset or unreachable.",
            "连接发生 I/O 错误：被拒绝、被重置或不可达。",
        )
        .from(source(CHANGES, "4.23", Reported)),
    entry("353", "", Network)
        .only(NOT_HARMONY)
        .since("4.23")
        .means("The stream was closed.", "连接流被关闭。")
        .from(source(CHANGES, "4.23", Reported)),
    entry("354", "", Network)
        .only(NOT_HARMONY)
        .since("4.23")
        .means(
            "The connection was established, but the server did not answer the login (provisioning) in \
             time.",
            "连接已建立，但服务器未在规定时间内响应登录（provisioning）。",
        )
        .act(
            "A device on the path may let the connection open and then drop its data: run `easelect \
             diagnose`. If it finds nothing, ask Easemob support.",
            "途中的设备可能放行连接，却丢弃之后的数据：请运行 `easelect diagnose`；如未发现问题，请联系环信\
             技术支持。",
        )
        .from(source(CHANGES, "4.23", Reported)),
    entry("505", "SERVICE_NOT_ENABLED", App)
        .ios("EMErrorServiceNotEnable")
        .means(
            "The app uses a feature that is not enabled for it.",
            "使用了应用未开通的功能。",
        ),
];
