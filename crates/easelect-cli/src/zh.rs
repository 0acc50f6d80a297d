//! Translates errors of the library, of its TOML and JSON parsers and of the operating system into Chinese.
//!
//! The library has no texts in two languages, so a message is recognised by its English words.

use std::io::{self, ErrorKind as Io};

use easelect::{Error, ErrorKind};

/// Translates an error of the library.
pub(crate) fn chinese(error: &Error) -> String {
    let message = error.to_string();
    placed(&message).unwrap_or_else(|| {
        let about = match error.kind() {
            ErrorKind::Residency => "不同数据中心不能一起竞速",
            ErrorKind::NoEndpoints => "没有可用的接入地址",
            ErrorKind::Catalog => "目录文件、URL 或名称有误",
            ErrorKind::Scenario => "场景有误",
            ErrorKind::History | ErrorKind::NewerHistory => "历史文件无法使用",
            ErrorKind::Tls => "证书无法使用",
            ErrorKind::Runtime => "系统资源不足",
            _ => "输入有误",
        };
        format!("{about}：{}", quoted(&message))
    })
}

/// Translates an error of the operating system.
pub(crate) fn io(error: &io::Error) -> String {
    let code = error.raw_os_error();
    // The standard library has no kind for these.
    let nameless = match code {
        Some(5) if cfg!(unix) => Some("磁盘或设备读写出错"),
        Some(23 | 24) if cfg!(unix) => Some("打开的文件过多"),
        Some(40) if cfg!(target_os = "linux") => Some("链接指向自身，或层数过多"),
        Some(4) if cfg!(windows) => Some("打开的文件过多"),
        Some(32 | 33) if cfg!(windows) => Some("文件正被其他程序使用"),
        _ => None,
    };
    if let Some(chinese) = nameless {
        return chinese.to_owned();
    }
    let known = KINDS.iter().find(|(kind, _)| *kind == error.kind());
    match (known, code) {
        (Some((_, chinese)), _) => (*chinese).to_owned(),
        (None, Some(code)) => format!("系统错误 {code}"),
        (None, None) => {
            let message = error.to_string();
            translated(&message, 0).unwrap_or_else(|| quoted(&message))
        }
    }
}

/// Translates the message of a parser.
pub(crate) fn parser(message: &str) -> String {
    translated(message, 0).unwrap_or_else(|| quoted(message))
}

/// Quotes a message without a translation, so that it can be searched for.
fn quoted(message: &str) -> String {
    format!("“{message}”")
}

/// Translates a message that may begin with a file and a line, such as `own.toml:3: `; `None` if it is unknown.
fn placed(message: &str) -> Option<String> {
    let Some((place, why)) = place(message) else {
        return translated(message, 0);
    };
    let why = translated(why, 0).unwrap_or_else(|| quoted(why));
    Some(format!("{place}{why}"))
}

/// Splits a message after its file and line; `None` if it has none. Quoted text doesn't count.
fn place(message: &str) -> Option<(&str, &str)> {
    let end = message.match_indices(": ").map(|(at, _)| at).find(|at| {
        let line = message[..*at].rsplit_once(':').map(|(_, line)| line);
        line.is_some_and(is_number)
    })?;
    let (place, why) = message.split_at(end + 2);
    (!place.contains('"')).then_some((place, why))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The limit of nested messages. Real ones nest three deep.
const DEEPEST: usize = 5;

/// How many bytes of a list of names are kept.
const MAX_KNOWN: usize = 300;

/// Translates a message without a place; `None` if it is unknown.
fn translated(message: &str, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    if let Some(told) = of_system(message) {
        return Some(told);
    }
    // Code, such as `]`, stays as it is.
    let literal = message
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'));
    if literal.is_some_and(|literal| !literal.contains('`')) {
        return Some(message.to_owned());
    }
    TEMPLATES
        .iter()
        .find_map(|(english, chinese)| filled(chinese, &holes(english, message)?, depth))
}

/// Translates an error of the operating system, as the standard library displays it.
fn of_system(message: &str) -> Option<String> {
    let coded = message.strip_suffix(')');
    let code = coded.and_then(|coded| coded.rsplit_once(" (os error ")?.1.parse().ok());
    let error = code.map(io::Error::from_raw_os_error);
    if let Some(error) = error.filter(|error| error.to_string() == message) {
        return Some(io(&error));
    }
    let named = KINDS.iter().find(|(kind, _)| kind.to_string() == message);
    named.map(|(_, chinese)| (*chinese).to_owned())
}

/// Returns the text in the holes of a template, by their names; `None` if the message doesn't match it.
///
/// Matches from the end: quoted input comes first in a message, and what is wrong with it last.
fn holes<'a>(template: &'static str, message: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let parts: Vec<&str> = template.split(['<', '>']).collect();
    let [all @ .., last] = parts.as_slice() else {
        return None;
    };
    let mut rest = message.strip_suffix(last)?;
    let mut holes = Vec::new();
    for (index, pair) in all.chunks(2).enumerate().rev() {
        let [words, name] = pair else {
            return None;
        };
        let at = match index {
            0 => rest.starts_with(words).then_some(0)?,
            _ => rest.rfind(words)?,
        };
        let value = &rest[at + words.len()..];
        // Only digits: quoted input may look like the words around the hole.
        if name.starts_with("number") && !is_number(value) {
            return None;
        }
        holes.push((*name, value));
        rest = &rest[..at];
    }
    rest.is_empty().then_some(holes)
}

/// Fills the holes of a Chinese template. A hole in capitals is a message and is translated, `LIST` is several of them,
/// and the others are copied. `None` if a message in a hole is unknown.
fn filled(template: &str, holes: &[(&str, &str)], depth: usize) -> Option<String> {
    let mut text = String::new();
    for (index, part) in template.split(['<', '>']).enumerate() {
        if index % 2 == 0 {
            text.push_str(part);
            continue;
        }
        let (name, value) = holes.iter().find(|(name, _)| *name == part)?;
        let value = match *name {
            // The first of many possible values show what is expected.
            "known" if value.len() > MAX_KNOWN => {
                let end = value.get(..MAX_KNOWN).and_then(|short| short.rfind(", "));
                format!("{} …", &value[..end.unwrap_or(0)])
            }
            "LIST" => {
                let items = value.split(", ").map(|one| translated(one, depth + 1));
                items.collect::<Option<Vec<String>>>()?.join("、")
            }
            _ if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                translated(value, depth + 1)?
            }
            _ => (*value).to_owned(),
        };
        let is_han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        if text.ends_with(is_han) && value.starts_with(|c: char| c.is_ascii_graphic()) {
            text.push(' ');
        }
        text.push_str(&value);
    }
    Some(text)
}

/// The standard library's kinds of errors.
const KINDS: &[(Io, &str)] = &[
    (Io::NotFound, "文件或文件夹不存在"),
    (Io::PermissionDenied, "没有权限"),
    (Io::AlreadyExists, "已经存在"),
    (Io::IsADirectory, "这是文件夹，应为文件"),
    (Io::NotADirectory, "路径中有一级不是文件夹"),
    (Io::DirectoryNotEmpty, "文件夹不为空"),
    (Io::ReadOnlyFilesystem, "文件系统只读"),
    (Io::StorageFull, "磁盘空间不足"),
    (Io::QuotaExceeded, "超出磁盘配额"),
    (Io::FileTooLarge, "文件过大"),
    (Io::InvalidFilename, "文件名过长或含有不允许的字符"),
    (Io::ResourceBusy, "文件或设备正被占用"),
    (Io::ExecutableFileBusy, "文件正在运行"),
    (Io::Deadlock, "文件锁发生死锁"),
    (Io::CrossesDevices, "不能跨磁盘移动文件"),
    (Io::TooManyLinks, "链接过多"),
    (Io::StaleNetworkFileHandle, "网络文件夹的连接已失效"),
    (Io::NotSeekable, "文件不支持定位"),
    (Io::BrokenPipe, "读取方已关闭管道"),
    (Io::WriteZero, "写入中断"),
    (Io::UnexpectedEof, "内容不完整"),
    (Io::WouldBlock, "资源暂时不可用"),
    (Io::TimedOut, "超时"),
    (Io::Interrupted, "操作被中断"),
    (Io::InvalidInput, "参数无效"),
    (Io::InvalidData, "数据无效"),
    (Io::ArgumentListTooLong, "参数过长"),
    (Io::OutOfMemory, "内存不足"),
    (Io::Unsupported, "系统不支持此操作"),
    (Io::ConnectionRefused, "连接被拒绝"),
    (Io::ConnectionReset, "连接被重置"),
    (Io::ConnectionAborted, "连接被中止"),
    (Io::NotConnected, "没有连接"),
    (Io::HostUnreachable, "主机不可达"),
    (Io::NetworkUnreachable, "网络不可达"),
    (Io::NetworkDown, "网络已断开"),
    (Io::AddrInUse, "地址已被占用"),
    (Io::AddrNotAvailable, "地址不可用"),
];

/// English and Chinese messages, more specific ones first. [`holes`] and [`filled`] explain `<…>`.
const TEMPLATES: &[(&str, &str)] = &[
    // Regions, services, catalogues.
    (
        "unknown region \"<id>\": expected one of <known> (or a region declared in a catalogue file with [[region]])",
        "未知的数据中心 \"<id>\"：应为 <known> 之一，或目录文件中用 `[[region]]` 声明的数据中心",
    ),
    (
        "\"<id>\" can't be a region identifier: expected 1 to 32 characters of a-z, 0-9 and '-', beginning with a letter, other than \"mainland\" and \"all\"",
        "\"<id>\" 不能作为数据中心的标识：应为 1 到 32 个 a-z、0-9 或 - 的字符，以字母开头，且不是 mainland 或 all",
    ),
    (
        "region \"<id>\" already exists",
        "数据中心 \"<id>\" 已经存在",
    ),
    (
        "unknown service \"<id>\": expected one of <known>",
        "未知的服务 \"<id>\"：应为 <known> 之一",
    ),
    (
        "no region given: name the data centre that the app belongs to",
        "缺少数据中心：请指定应用所在的数据中心",
    ),
    (
        "<regions> can't be raced against each other: an app's data is in one data centre only; choose one; only for clients that connect like Easemob's mobile SDKs, China 1 and China 2 are interchangeable: choose `mainland`",
        "<regions> 不能一起竞速：应用的数据只在其中一个数据中心，请选择一个。只有连接方式与移动端 SDK 相同的客户端，才可以把国内 1 区与 2 区作为一个池：--region mainland",
    ),
    (
        "<regions> can't be raced against each other: an app's data is in one data centre only; choose one",
        "<regions> 不能一起竞速：应用的数据只在其中一个数据中心，请选择一个",
    ),
    (
        "Easemob publishes no <service> endpoint in <region>; if you have one, add it in a catalogue file or with Catalog::with_endpoint",
        "<region> 没有公布 <service> 地址；如果环信提供了地址，请写入目录文件（--catalog）",
    ),
    (
        "<region> has no public hosts: ask your Easemob account manager (商务经理) for them, then add them in a catalogue file ([[endpoint]] with region = \"<again>\", service = \"<service>\", url = \"…\") or with Catalog::with_endpoint",
        "<region> 没有公开地址：请向环信商务经理索取，然后写入目录文件（--catalog）：`[[endpoint]]`，`region = \"<region>\"`，`service = \"<service>\"`，`url = \"…\"`",
    ),
    (
        "the file has <number> bytes: expected at most <number2>",
        "文件有 <number> 字节：最多 <number2> 字节",
    ),
    (
        "no entries: expected [[endpoint]] with region, service and url, or [[region]]",
        "文件没有内容：应有 `[[endpoint]]`（含 `region`、`service`、`url`）或 `[[region]]`",
    ),
    (
        "too many entries: expected at most <number>",
        "条目过多：最多 <number> 条",
    ),
    (
        "duplicate: <host> for <service> in <region> is already in this catalogue",
        "重复：前面已有 <region> 的 <service> 地址 <host>",
    ),
    (
        "only a WebSocket endpoint can have a subprotocol",
        "只有 WebSocket 接入地址可以有 `subprotocol`",
    ),
    (
        "\"<text>\" is not a subprotocol: expected a token (no spaces)",
        "\"<text>\" 不能作为 `subprotocol`：只能含字母、数字和 !#$%&'*+-.^_|~ 等符号，不能有空格",
    ),
    // URLs.
    (
        "\"<url>\" can't be an endpoint: <WHY>",
        "\"<url>\" 不能作为接入地址：<WHY>",
    ),
    ("longer than <number> bytes", "超过 <number> 字节"),
    (
        "service <service> needs <scheme>://, not <given>:// (unencrypted endpoints can't be verified)",
        "服务 <service> 应使用 <scheme>://，而不是 <given>://（未加密的地址无法验证身份）",
    ),
    (
        "expected wss://HOST[:PORT]/PATH",
        "应为 wss://HOST[:PORT]/PATH",
    ),
    (
        "expected https://HOST[:PORT]/PATH",
        "应为 https://HOST[:PORT]/PATH",
    ),
    (
        "a fragment is never sent to a server: remove it",
        "# 之后的部分不会发给服务器，请删去",
    ),
    ("expected // before the host", "主机前应有 //"),
    (
        "user:password@ is never sent to an endpoint: remove it",
        "用户名和密码不会发送，请删去 `user:password@`",
    ),
    ("the host is missing", "缺少主机"),
    (
        "the port is not a number from 1 to 65535",
        "端口应为 1 到 65535 的整数",
    ),
    (
        "the host is neither a DNS name nor an IP address",
        "主机既不是域名，也不是 IP 地址",
    ),
    (
        "the host looks like an IPv4 address but is not a valid one",
        "主机形似 IPv4 地址，但格式有误",
    ),
    (
        "the host contains unsupported letters: use its xn--… form",
        "主机含有无法识别的字符：请写成 xn-- 开头的形式",
    ),
    (
        "the host contains a letter that is not allowed after xn--",
        "主机的 xn-- 之后有不允许的字符",
    ),
    // Pinned hosts, proxies, DNS servers.
    (
        "\"<text>\": expected HOST:PORT:ADDR[,ADDR]…",
        "\"<text>\"：应为 HOST:PORT:ADDR[,ADDR]…",
    ),
    (
        "\"<host>\" can't be pinned: not a host name",
        "\"<host>\" 不是域名，不能为其指定 IP 地址",
    ),
    (
        "environment variable <name>: not UTF-8",
        "环境变量 `<name>` 的值不是 UTF-8",
    ),
    (
        "environment variable <name>: not a proxy URL: <WHY>",
        "环境变量 `<name>`：代理的 URL 有误：<WHY>",
    ),
    ("not a proxy URL: <WHY>", "代理的 URL 有误：<WHY>"),
    (
        "the URL is longer than <number> bytes",
        "URL 超过 <number> 字节",
    ),
    (
        "unknown scheme: expected http://, https:// or socks5://",
        "应以 http://、https:// 或 socks5:// 开头",
    ),
    (
        "expected SCHEME://[USER:PASSWORD@]HOST[:PORT]",
        "应为 http://[USER:PASSWORD@]HOST[:PORT]，也可用 https:// 或 socks5://",
    ),
    (
        "user name and password must be UTF-8",
        "用户名或密码不是 UTF-8",
    ),
    (
        "user name and password: expected at most <number> bytes each, without control characters",
        "用户名和密码各不超过 <number> 字节，不能含控制字符",
    ),
    ("a password needs a user name", "有密码但没有用户名"),
    ("a user name can't contain a colon", "用户名不能含冒号"),
    // Thresholds, languages, formats.
    (
        "\"<text>\" is not a threshold: <WHY>; expected FIGURE=DURATION, as in p50=300ms, with FIGURE one of <known>",
        "\"<text>\" 不是阈值：<WHY>；应写成“指标=时间”，例如 p50=300ms，指标为 <known> 之一",
    ),
    ("no `<name>`", "缺少 `<name>`"),
    ("unknown figure", "未知的指标"),
    ("not a duration above zero", "时间应大于零，并带单位"),
    (
        "unknown language \"<text>\": expected zh or en",
        "未知的语言 \"<text>\"：应为 zh 或 en",
    ),
    (
        "unknown format \"<text>\": expected one of <known>",
        "未知的格式 \"<text>\"：应为 <known> 之一",
    ),
    // Files.
    ("<path>: can't be opened: <WHY>", "无法打开 <path>：<WHY>"),
    ("<path>: can't be read: <WHY>", "无法读取 <path>：<WHY>"),
    ("<path>: can't be written: <WHY>", "无法写入 <path>：<WHY>"),
    (
        "<path>: its folder does not exist: <WHY>",
        "无法写入 <path>：所在的文件夹不存在",
    ),
    (
        "<path>: its folder can't be written to: <WHY>",
        "无法写入 <path> 所在的文件夹：<WHY>",
    ),
    (
        "<path>: still locked by another writer: <WHY>",
        "<path> 一直被其他程序锁定",
    ),
    ("<path>: can't be locked: <WHY>", "无法锁定 <path>：<WHY>"),
    (
        "<path>: it is damaged and can't be renamed: <WHY>",
        "<path> 已损坏，且无法改名保留：<WHY>",
    ),
    (
        "<path>: expected a file, found a folder",
        "<path>：应为文件，实为文件夹",
    ),
    (
        "<path>: expected a file, found a pipe or a device: save its output to a file first",
        "<path>：应为文件，实为管道或设备：请先将其内容存为文件",
    ),
    (
        "<path>: expected a file, found a link that leads out of its folder, to <to>: name that file itself",
        "<path>：应为文件，实为指向其所在文件夹之外的链接（<to>）：请直接指定该文件",
    ),
    (
        "<path>: larger than <number> bytes",
        "<path> 超过 <number> 字节",
    ),
    (
        "<path>: more than <number> files or <number2> bytes",
        "<path> 中的文件超过 <number> 个或 <number2> 字节",
    ),
    (
        "<path>: not a history (<WHY>)",
        "<path> 不是历史文件（<WHY>）",
    ),
    (
        "<path>: version <number> is newer than <number2>",
        "<path> 由更新版本的程序写成（格式版本 <number>，本程序支持到 <number2>）",
    ),
    (
        "invalid utf-8 sequence of <number> bytes from index <number2>",
        "不是 UTF-8 编码（第 <number2> 字节）",
    ),
    (
        "incomplete utf-8 byte sequence from index <number>",
        "不是 UTF-8 编码（第 <number> 字节）",
    ),
    (
        "the thread that writes the history could not be started",
        "系统无法创建写入历史文件的线程",
    ),
    // Certificates.
    (
        "the platform's certificate store can't be used (<why>): install the system's root certificates (package ca-certificates), or give roots with TlsClient::with_roots or the feature webpki-roots",
        "无法使用系统的根证书（“<why>”）：请安装系统的根证书（软件包 `ca-certificates`），或用 --cacert 指定根证书",
    ),
    (
        "no root certificate was given: <why>",
        "没有可用的根证书（“<why>”）",
    ),
    (
        "root <number> is not a usable certificate: <why>",
        "第 <number> 张根证书无法使用：“<why>”",
    ),
    (
        "can't generate the lab's certificates: <why>",
        "无法生成模拟网络的证书：“<why>”",
    ),
    // Scenarios.
    (
        "<number> bytes: expected at most <number2>",
        "文件过大（<number> 字节）：最多 <number2> 字节",
    ),
    (
        "\"<name>\": expected \"linux-6.5\", \"linux-6.4\" or a list",
        "\"<name>\"：应为 \"linux-6.5\"、\"linux-6.4\" 或列表",
    ),
    (
        "syn_retransmit: expected 1 to 64 increasing times, from 0 to at most 1 h",
        "`syn_retransmit` 应为 1 到 64 个时刻，从 0 开始递增，不超过 1 小时",
    ),
    (
        "host \"<name>\": expected once, found twice",
        "主机 \"<name>\" 出现了两次",
    ),
    (
        "path <address>: expected once, found twice",
        "地址 <address> 出现了两次",
    ),
    (
        "host \"<name>\": expected a DNS name",
        "主机 \"<name>\"：应为域名",
    ),
    (
        "a host without a name: expected at least one",
        "`[[host]]` 缺少域名：至少一个",
    ),
    (
        "a path without an address: expected at least one",
        "`[[path]]` 缺少地址：至少一个",
    ),
    (
        "`at` and `until`: expected in `steps` only",
        "`at` 和 `until` 只能写在 `steps` 中",
    ),
    (
        "a step: expected neither `address`, `label` nor `steps`",
        "`steps` 中不能有 `address`、`label` 或 `steps`",
    ),
    ("a step: expected `at`", "`steps` 中缺少 `at`"),
    (
        "until <time>: expected more than `at`, <at>",
        "`until` 为 <time>：应大于 `at`（<at>）",
    ),
    (
        "dns_delay <time>: expected at most <most>",
        "`dns_delay` 为 <time>：最多 <most>",
    ),
    (
        "location: expected at most <number> bytes without control characters",
        "`location` 不能超过 <number> 字节，不能含控制字符",
    ),
    (
        "fields \"<field>\": expected \"Name: value\" without control characters",
        "`fields` 的 \"<field>\"：应为 \"Name: value\"，不能含控制字符",
    ),
    (
        "ws_paths \"<path>\": expected a path that begins with /",
        "`ws_paths` 的 \"<path>\"：应为以 / 开头的路径",
    ),
    (
        "<key> <value>: expected <least> to <most>",
        "`<key>` 为 <value>：应在 <least> 到 <most> 之间",
    ),
    (
        "expected \"linux-6.5\", \"linux-6.4\" or a list of milliseconds",
        "应为 \"linux-6.5\"、\"linux-6.4\" 或毫秒数的列表",
    ),
    ("expected one or a list of them", "应为一个值，或一个列表"),
    // serde: what is in the wrong place, in TOML and JSON.
    (
        "unknown field `<name>`, expected `<one>` or `<other>`",
        "未知字段 `<name>`：应为 `<one>` 或 `<other>`",
    ),
    (
        "unknown field `<name>`, expected one of <known>",
        "未知字段 `<name>`：应为 <known> 之一",
    ),
    (
        "unknown variant `<name>`, expected `<one>` or `<other>`",
        "未知取值 `<name>`：应为 `<one>` 或 `<other>`",
    ),
    (
        "unknown variant `<name>`, expected one of <known>",
        "未知取值 `<name>`：应为 <known> 之一",
    ),
    // Without the end, which is cut off with a secret in a URL.
    ("unknown field `<name>", "未知字段 `<name>"),
    ("unknown variant `<name>", "未知取值 `<name>"),
    ("missing field `<name>`", "缺少字段 `<name>`"),
    ("duplicate field `<name>`", "字段 `<name>` 重复"),
    (
        "invalid type: <FOUND>, expected <EXPECTED>",
        "类型不符：实为<FOUND>，应为<EXPECTED>",
    ),
    (
        "invalid value: <FOUND>, expected <EXPECTED>",
        "取值无效：实为<FOUND>，应为<EXPECTED>",
    ),
    (
        "invalid length <number>, expected struct <name> with <number2> elements",
        "元素个数不符：应为 <number2>，实为 <number>",
    ),
    (
        "invalid length <number>, expected struct <name> with <number2> element",
        "元素个数不符：应为 <number2>，实为 <number>",
    ),
    ("invalid type: <FOUND>", "类型不符：<FOUND>"),
    ("string \"<text>\"", "字符串 \"<text>\""),
    ("string \"<text>", "字符串 \"<text>"),
    ("integer `<number>`", "整数 `<number>`"),
    ("integer `<number>` as i128", "整数 `<number>`"),
    ("integer `-<number>`", "整数 `-<number>`"),
    ("floating point `<value>`", "小数 `<value>`"),
    ("boolean `<value>`", "布尔值 `<value>`"),
    ("null", "空值 `null`"),
    ("sequence", "列表"),
    ("map", "表"),
    ("a string", "字符串"),
    ("a boolean", "`true` 或 `false`"),
    ("a sequence", "列表"),
    ("unit", "空值"),
    ("IP address", "IP 地址"),
    ("u16", "0 到 65535 的整数"),
    ("u32", "0 到 4294967295 的整数"),
    ("u64", "不小于 0 的整数"),
    ("f64", "数字"),
    ("struct <name>", "表"),
    (
        "a duration such as \"40ms\", or an integer in milliseconds",
        "时间，例如 \"40ms\"，或毫秒数（整数）",
    ),
    ("expected table, found <type>", "应为字符串"),
    ("expected empty array", "应为字符串，实为列表"),
    ("expected empty table", "应为字符串，实为表"),
    ("invalid IP address syntax", "应为 IP 地址"),
    // JSON's syntax.
    (
        "<WHY> at line <number> column <number2>",
        "第 <number> 行第 <number2> 列：<WHY>",
    ),
    ("EOF while parsing a list", "列表没有结束"),
    ("EOF while parsing an object", "对象没有结束"),
    ("EOF while parsing a string", "字符串没有结束"),
    ("EOF while parsing a value", "内容不完整：缺少值"),
    ("expected `:`", "应为 `:`"),
    ("expected `,` or `]`", "应为 `,` 或 `]`"),
    ("expected `,` or `}`", "应为 `,` 或 `}`"),
    ("expected ident", "应为 `true`、`false` 或 `null`"),
    ("expected value", "此处应为 JSON 的值"),
    ("invalid escape", "转义序列无效"),
    ("invalid number", "数字无效"),
    ("number out of range", "数字超出范围"),
    (
        "the figure <value> is out of range",
        "数值 <value> 超出范围",
    ),
    (
        "control character (\\u0000-\\u001F) found while parsing a string",
        "字符串中有控制字符",
    ),
    ("key must be a string", "键应为字符串"),
    (
        "lone leading surrogate in hex escape",
        "转义序列只有代理对的一半",
    ),
    ("trailing comma", "末尾多了逗号"),
    ("trailing characters", "末尾有多余的内容"),
    ("unexpected end of hex escape", "转义序列不完整"),
    // TOML's syntax: what is wrong, then what is expected there.
    ("key with no value, expected `=`", "键后面缺少 `=`"),
    ("missing value for key, expected `=`", "键后面缺少 `=`"),
    (
        "missing comma between array elements, expected `,`",
        "列表的元素之间缺少逗号",
    ),
    (
        "missing comma between key-value pairs, expected `,`",
        "行内表的键值之间缺少逗号",
    ),
    (
        "missing assignment between key-value pairs, expected `=`",
        "行内表的键后面缺少 `=`",
    ),
    (
        "missing inline table opening, expected <mark>",
        "行内表缺少开头的 <mark>",
    ),
    (
        "missing array opening, expected <mark>",
        "列表缺少开头的 <mark>",
    ),
    (
        "missing table open, expected <mark>",
        "表名缺少开头的 <mark>",
    ),
    (
        "missing opening quote, expected <mark>",
        "字符串缺少开头的 <mark>",
    ),
    (
        "string values must be quoted, expected literal string",
        "字符串应加引号",
    ),
    (
        "carriage return must be followed by newline, expected newline",
        "回车符后面应为换行",
    ),
    (
        "invalid boolean, expected <value>",
        "应为 `true` 或 `false`",
    ),
    ("invalid date-time, expected <what>", "日期或时间无效"),
    ("<WHAT>, expected nothing", "<WHAT>"),
    ("duplicate key", "重复的键"),
    ("unclosed table", "表名没有结束"),
    ("unclosed array table", "表名没有结束"),
    ("unclosed array", "列表没有结束"),
    ("unclosed inline table", "行内表没有结束"),
    ("extra `=`", "多了 `=`"),
    ("extra comma in array", "列表中多了逗号"),
    ("extra comma in inline table", "行内表中多了逗号"),
    (
        "extra assignment between key-value pairs",
        "行内表中多了 `=`",
    ),
    ("unexpected `=` in array", "列表中不能有 `=`"),
    ("missing key for inline table element", "行内表中缺少键"),
    ("invalid inline table element", "行内表中有无效的内容"),
    ("missing escaped value", "转义序列不完整"),
    ("unexpected key or value", "多余的内容"),
    ("invalid key-value pair", "键值对无效"),
    ("invalid unquoted key", "键含有不允许的字符"),
    ("unquoted keys cannot be empty", "键为空"),
    (
        "keys cannot be multi-line literal strings",
        "键不能是多行字符串",
    ),
    (
        "keys cannot be multi-line basic strings",
        "键不能是多行字符串",
    ),
    ("invalid basic string", "字符串没有结束，或含有不允许的字符"),
    (
        "invalid literal string",
        "字符串没有结束，或含有不允许的字符",
    ),
    (
        "invalid multi-line basic string",
        "多行字符串没有结束，或含有不允许的字符",
    ),
    (
        "invalid multi-line literal string",
        "多行字符串没有结束，或含有不允许的字符",
    ),
    ("invalid mantissa", "数字无效"),
    ("invalid fraction", "小数部分无效"),
    ("invalid exponent", "指数无效"),
    ("invalid float", "小数无效"),
    ("invalid hexadecimal number", "十六进制数无效"),
    ("invalid octal number", "八进制数无效"),
    ("invalid binary number", "二进制数无效"),
    ("integer number overflowed", "整数超出范围"),
    ("floating-point number overflowed", "小数超出范围"),
    ("unexpected leading zero", "数字不能以 0 开头"),
    ("unexpected sign", "多了正负号"),
    ("redundant numeric sign", "多了正负号"),
    ("redundant integer number prefix", "整数的前缀多余"),
    ("radix must be lowercase", "进制前缀应为小写"),
    (
        "integers with a radix cannot be signed",
        "带进制前缀的整数不能有正负号",
    ),
    ("`_` may only go between digits", "`_` 只能写在数字之间"),
    ("too few unicode value digits", "转义序列的位数不足"),
    ("invalid value", "不是有效的 Unicode 字符"),
    ("invalid comment character", "注释中有控制字符"),
    (
        "cannot extend value of type <type> with a dotted key",
        "已有的值不是表，不能再加键",
    ),
    (
        "wanted exactly 1 element, found 0 elements",
        "应为字符串，实为空表",
    ),
    (
        "wanted exactly 1 element, more than 1 element",
        "应为字符串，实为表",
    ),
    ("wanted string or table", "应为字符串"),
    (
        "cannot recurse further; max recursion depth met",
        "嵌套过深",
    ),
    ("invalid date, expected <what>", "日期无效"),
    ("invalid time, expected <what>", "时间无效"),
    ("invalid offset, expected <what>", "时区无效"),
    ("newline", "换行"),
    ("key", "键"),
    ("value", "值"),
    ("digits", "数字"),
    ("letters", "字母"),
    ("numbers", "数字"),
    ("characters", "字符"),
    ("printable characters", "可见字符"),
    ("basic string", "双引号字符串"),
    ("literal string", "单引号字符串"),
    ("non-single-quote visible characters", "可见字符"),
    ("non-double-quote visible characters", "可见字符"),
    ("non-single-quote characters", "字符"),
    ("unicode hexadecimal value", "十六进制的 Unicode 码"),
    ("<WHAT>, expected <LIST>", "<WHAT>：应为<LIST>"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;

    use easelect::{
        Catalog, CatalogFormat, Dialer, Endpoint, FileHistory, History, HistoryStore, PinnedHost,
        Proxy, Region, Residency, Service,
    };
    use easelect_lab::Scenario;
    use easelect_report::{Format, Lang, Model, ReadError, Threshold};

    use super::*;
    use english::english_words;

    mod english {
        include!("../tests/english/mod.rs");
    }

    static BUILTIN: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

    fn told<T>(result: Result<T, Error>) -> Option<Error> {
        result.err()
    }

    fn toml(text: &str) -> Option<Error> {
        told((BUILTIN.clone()).with_file(text, CatalogFormat::Toml, "own.toml"))
    }

    fn json(text: &str) -> Option<Error> {
        told((BUILTIN.clone()).with_file(text, CatalogFormat::Json, "own.json"))
    }

    fn scenario(text: &str) -> Option<Error> {
        told(Scenario::from_toml(text, "my.toml"))
    }

    const TOML: &str = "[[region]]\nid = \"o1\" # ours\n[[endpoint]]\nregion = 'o1'\n\
        service = \"rest\"\nurl = \"https://r.example/\"\nlabel = \"\"\"\nx\"\"\"\n";
    const JSON: &str = r#"{"region": [{"id": "o1", "name_en": "a\u00e9"}], "endpoint":
        [{"region": "o1", "service": "rest", "url": "https://r.example/", "label": null}]}"#;
    const SCENARIO: &str = "seed = 7\nsyn_retransmit = [0, 500]\n[[host]]\nname = [\"a.example\"]\n\
        addresses = [\"44.128.0.1\"]\n[[path]]\naddress = \"44.128.0.1\"\nrtt = \"40ms\"\n\
        loss = 0.5\nearly_data = true\nbody = '''x'''\nsteps = [{ at = 0x5, fault = \"refuse\" }]\n";

    /// Damages a file: without each character once, and with some characters inserted everywhere.
    fn damaged(good: &str) -> impl Iterator<Item = String> + '_ {
        const PUT: [&str; 18] = [
            "\"", "'", "[", "]", "{", "}", "=", ",", ".", ":", "#", "\\", "\\u", "0", "+", "\n",
            "\r", "\u{1}",
        ];
        (0..good.len()).flat_map(move |at| {
            let (before, behind) = good.split_at(at);
            let without = format!("{before}{}", &behind[1..]);
            let with = PUT.map(|put| format!("{before}{put}{behind}"));
            with.into_iter().chain([without])
        })
    }

    /// Errors of files that are damaged anywhere.
    fn of_damaged_files() -> Vec<Error> {
        let good = [toml(TOML), json(JSON), scenario(SCENARIO)];
        assert!(good.iter().all(Option::is_none), "{good:?}");
        let all = (damaged(TOML).filter_map(|text| toml(&text)))
            .chain(damaged(JSON).filter_map(|text| json(&text)))
            .chain(damaged(SCENARIO).filter_map(|text| scenario(&text)));
        all.collect()
    }

    /// Invalid values of TOML.
    const TOML_VALUES: &str = "+ 0X1 0O1 -0x1 0o8 0b2 0xg 1__0 007 1. 1e .5 1.2.3 tru ++1 0d1 1a \
        1979-13-01 1979-01-01T25:00:00Z 1979-01-01T00:00:00+99:00 1979-01-01X \"\\u12\" \
        \"\\ud800\" 1,b b";
    const TOMLS: [&str; 24] = [
        "",
        "[]",
        "[[]]",
        "'''k''' = 1",
        "\"\"\"k\"\"\" = 1",
        "a =",
        "= 1",
        "a. = 1",
        "a = 1\na = 2",
        "a = 1\na.b = 2",
        "a = {}\na.b = 2",
        "a = [1]\na.b = 2",
        "a = [{}]\n[a.b]",
        "[endpoint]\na = 1\n[endpoint]",
        "endpoint = [[]]",
        "endpoint = [{}]",
        "endpoint = \"wss://h/?secret\"",
        "\"a?b\" = 1",
        "region = true",
        "region = 1.5",
        "region = 1979-01-01",
        "region = 99999999999999999999",
        "region = [{id = \"cn1\"}]",
        "region = [{id = \"all\"}]",
    ];
    const SERVICES: &str = "7 true [] {} {rest=1} {rest=[1]} {rest={a=1}} {a=1,b=2} \
        \"x\" \"wss://h/?secret\"";
    const JSONS: [&str; 14] = [
        "",
        "[",
        "[]",
        "7",
        "{\"a",
        "{\"a\"",
        "{7",
        "{} x",
        "{\"region\": nul}",
        "{\"region\": [],}",
        "{\"region\": [1,]}",
        "{\"region\": [[]]}",
        "{\"region\": [7]}",
        "{\"region\": [], \"region\": []}",
    ];
    const JSON_VALUES: &str = "null 1.5 true -1 {} [] \"a\",\"id\":\"b\" \"\\ud800\" \
        \"\\ud800\\u0041\" \"\\udc00\" \"\\u12x4\" 1e999 01 - \"a\",\"locality\":\"x\" \"a\",7";
    /// Wrong lines of an entry in a scenario, separated by `;`.
    const PATHS: &str = "rtt=\"1y\";rtt=-1;rtt=true;jitter=9;jitter=\"x\";jitter=1e999;\
        bandwidth_kbps=0;drop_first_syns=-1;drop_first_syns=99;drop_first_syns=5000000000;\
        status=99;status=70000;status=1.5;early_data=1;label=1;location=\"\\n\";fields=[\"x\"];\
        ws_paths=[\"x\"];ws_paths=\"x\";tls=\"x\";fault=7;fault=\"x\";at=1;steps=[{}];\
        steps=[{at=1,label=\"x\"}];steps=[{at=5,until=5}];address=\"10.0.0.2\";\
        retry_after=\"2days\";tls_delay=\"2h\"";
    const HOSTS: &str = "dns_delay=\"2h\";rest_status=99;ttl=[];dns=\"x\";dns=7;\
        addresses=[\"x\"];addresses=[1];ws_paths=[\"x\"]";
    const SCENARIOS: &str = "seed=-1;seed=99999999999999999999;syn_retransmit=\"x\";\
        syn_retransmit=[1];syn_retransmit=true;[[host]];[[host]]\nname=[];[[host]]\nname=7;\
        [[host]]\nname=\"a b\";[[path]];[[path]]\naddress=[];[[path]]\naddress=\"x\";host=[[]];\
        [[host]]\nname=[\"a.a\",\"a.a\"];[[path]]\naddress=[\"::1\",\"::1\"]";

    /// Errors of files that are wrong in other ways.
    fn of_wrong_files() -> Vec<Error> {
        let huge = " ".repeat(2 << 20);
        let many = "[[region]]\nid=\"a\"\n".repeat(20_000);
        let twice = TOML
            .repeat(2)
            .replace("[[region]]\nid = \"o1\" # ours\n", "");
        let socket = TOML.replace("label", "subprotocol = \"a b\"\nlabel");
        let no_token = (socket.replace("https", "wss")).replace("\"rest\"", "\"websocket\"");
        let deep = format!("a = {}", "[".repeat(1000));
        let deep_tables = format!("a = {}", "{a=".repeat(1000));
        let deep_json = format!("{{\"a\": {}", "[".repeat(1000));
        let toml_values = TOML_VALUES.split(' ').map(|value| format!("a = {value}"));
        let entry = |service| format!("endpoint = [{{region = \"cn1\", service = {service}}}]");
        let tomls = (TOMLS.map(str::to_owned).into_iter())
            .chain([
                huge.clone(),
                many,
                twice.replace("o1", "cn1"),
                deep,
                deep_tables,
            ])
            .chain([socket.replace("a b", "a"), no_token])
            .chain(toml_values)
            .chain(SERVICES.split(' ').map(entry));
        let entry = |value| format!("{{\"region\": [{{\"id\": {value}}}]}}");
        let service = |value| format!("{{\"endpoint\": [{{\"service\": {value}}}]}}");
        let services = [
            "7",
            "{}",
            "{\"rest\": 1}",
            "{\"rest\": null, \"x\": 1}",
            "null",
            "[]",
        ];
        let jsons = (JSONS.map(str::to_owned).into_iter())
            .chain([deep_json, "{\"region\": [{\"id\": \"\\u1".to_owned()])
            .chain(JSON_VALUES.split(' ').map(entry))
            .chain(services.into_iter().map(service));
        let path = |line| format!("[[path]]\naddress = \"10.0.0.1\"\n{line}");
        let host = |line| format!("[[host]]\nname = \"a.example\"\n{line}");
        let scenarios = (SCENARIOS.split(';').map(str::to_owned))
            .chain([huge])
            .chain(PATHS.split(';').map(path))
            .chain(HOSTS.split(';').map(host));
        let told = (tomls.map(|text| (toml(&text), text)))
            .chain(jsons.map(|text| (json(&text), text)))
            .chain(scenarios.map(|text| (scenario(&text), text)));
        told.map(|(told, text)| told.expect(&text)).collect()
    }

    const URLS: [&str; 15] = [
        "",
        "wss://",
        "ws://h/",
        "h/ws",
        "wss:h",
        "wss://h/#x",
        "wss://me:secret@h/",
        "wss://h:0/",
        "wss://h:x/",
        "wss://a b/",
        "wss://[::1/",
        "wss://1.2.3.4.5/",
        "wss://1.2.3.999/",
        "wss://xn--中/",
        "wss://ሴ.example/",
    ];
    const PROXIES: [&str; 7] = [
        "ftp://h",
        "http://",
        "http://h:0",
        "http://%ff@h",
        "http://%00@h",
        "http://:secret@h",
        "http://a%3ab@h",
    ];

    /// Errors of arguments.
    fn of_arguments() -> Vec<Error> {
        let long = format!("wss://h/{}", "x".repeat(3000));
        let endpoint = |url| told(Endpoint::new(Region::CN1, Service::Websocket, url));
        let regions = |all: &[Region]| told(Residency::from_regions(all.to_vec()));
        let no_host = Dialer::builder().pin(PinnedHost::new("a b", 443, Vec::new()));
        let others = [
            endpoint(&long),
            told(long.parse::<Proxy>()),
            told("web".parse::<Service>()),
            told("fr".parse::<Lang>()),
            told("xml".parse::<Format>()),
            told(Region::new("A")),
            told(BUILTIN.find_region("mars")),
            told(BUILTIN.group(&Region::CN_VIP.into(), Service::Rest)),
            told(BUILTIN.group(&Region::SGP1.into(), Service::Alipay)),
            told(no_host.build()),
            regions(&[]),
            regions(&[Region::CN1, Region::SGP1]),
            regions(&[Region::CN1, Region::CN2]),
        ];
        let limits = ["", "p50", "p51=1s", "p50=1", "p50=0s"];
        let pins = ["", "a:443", "a:0:10.0.0.1", "a:443:x"];
        let all = (URLS.map(endpoint).into_iter())
            .chain(PROXIES.map(|url| told(url.parse::<Proxy>())))
            .chain(limits.map(|text| told(text.parse::<Threshold>())))
            .chain(pins.map(|text| told(text.parse::<PinnedHost>())))
            .chain(others);
        all.map(Option::unwrap).collect()
    }

    struct Scratch(PathBuf);

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Errors of histories that can't be read or written.
    fn of_histories() -> Vec<Error> {
        let folder = std::env::temp_dir().join(format!("easelect-zh-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let scratch = Scratch(folder);
        let load = |path: &Path| told(FileHistory::new(path).load());
        let check = |name: &str| told(FileHistory::new(scratch.0.join(name)).check());
        let written = |content: &[u8]| {
            let path = scratch.0.join("h.json");
            fs::write(&path, content).unwrap();
            load(&path)
        };
        let mut all = vec![
            load(&scratch.0),
            load(&scratch.0.join("h".repeat(300))),
            written(b"\xff"),
            written(b"{\"schema\": \"\xe4"),
            written(b"{\"schema\": 1, \"networks\": [{"),
            written(b"{\"schema\": 7, \"networks\": []}"),
            written(b"[]"),
            written(b"{}"),
            written(&vec![b' '; 9 << 20]),
            check("no/h.json"),
            check(&"h".repeat(252)),
            told(FileHistory::new(scratch.0.join("h".repeat(250))).save(&History::default())),
        ];
        #[cfg(unix)]
        {
            let link = scratch.0.join("link.json");
            std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
            all.extend([load(&link), load(Path::new("/dev/zero"))]);
        }
        all.into_iter().map(Option::unwrap).collect()
    }

    /// Errors of files that are no reports.
    fn of_reports() -> Vec<Error> {
        let of = |text| match Model::from_text(text) {
            Err(ReadError::NotJson { why, .. } | ReadError::NotAReport { why }) => {
                Error::new(ErrorKind::Input, why)
            }
            read => panic!("{text}: {read:?}"),
        };
        let figure = "{\"schema\": 1, \"x\": 1e300}";
        ["x", "{}", "{\"schema\": 1}", figure].map(of).into()
    }

    /// All of these errors, each message once.
    fn all() -> Vec<Error> {
        let mut seen = BTreeSet::new();
        let all = (of_damaged_files().into_iter())
            .chain(of_wrong_files())
            .chain(of_arguments())
            .chain(of_histories())
            .chain(of_reports());
        all.filter(|error| seen.insert(why(&error.to_string()).to_owned()))
            .collect()
    }

    /// A message without its place.
    fn why(message: &str) -> &str {
        place(message).map_or(message, |(_, why)| why)
    }

    /// The templates that a message is translated with.
    fn used(message: &str, templates: &mut BTreeSet<&'static str>) {
        let found = TEMPLATES.iter().find_map(|(english, chinese)| {
            let holes = holes(english, message)?;
            filled(chinese, &holes, 0).map(|_| (english, holes))
        });
        let Some((english, holes)) = found else {
            return;
        };
        templates.insert(english);
        for (name, value) in holes {
            match name {
                "LIST" => value.split(", ").for_each(|one| used(one, templates)),
                _ => used(value, templates),
            }
        }
    }

    /// Errors that this test can't cause: they need another environment, another process, or a system without threads or
    /// roots.
    const ELSEWHERE: [&str; 12] = [
        "environment variable <name>: not UTF-8",
        "environment variable <name>: not a proxy URL: <WHY>",
        "<path>: can't be read: <WHY>",
        "<path>: still locked by another writer: <WHY>",
        "<path>: can't be locked: <WHY>",
        "<path>: it is damaged and can't be renamed: <WHY>",
        "<path>: more than <number> files or <number2> bytes",
        "the thread that writes the history could not be started",
        "the platform's certificate store can't be used (<why>): install the system's root certificates (package ca-certificates), or give roots with TlsClient::with_roots or the feature webpki-roots",
        "no root certificate was given: <why>",
        "root <number> is not a usable certificate: <why>",
        "can't generate the lab's certificates: <why>",
    ];

    #[test]
    fn every_message_is_known_and_every_template_is_of_one() {
        let mut templates = BTreeSet::new();
        for error in all() {
            let (english, chinese) = (error.to_string(), chinese(&error));
            let known = translated(why(&english), 0);
            assert!(known.is_some(), "{english}: {chinese}");
            assert_eq!(english_words(&chinese), [""; 0], "{english}: {chinese}");
            let place = place(&english).map_or("", |(place, _)| place);
            assert!(chinese.starts_with(place), "{english}: {chinese}");
            used(why(&english), &mut templates);
        }
        let is_unused = |one: &&str| !templates.contains(one);
        let unused = TEMPLATES.iter().map(|(english, _)| *english);
        let unused: BTreeSet<&str> = unused.filter(is_unused).collect();
        assert_eq!(unused, BTreeSet::from(ELSEWHERE));
    }

    #[test]
    fn templates_of_what_happens_elsewhere_are_the_sources_own() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let mut sources = String::new();
        for file in [
            "src/proxy.rs",
            "src/history.rs",
            "src/selector/history_writer.rs",
            "src/tls.rs",
            "crates/easelect-lab/src/certificates.rs",
        ] {
            // Joins literals that are continued on the next line.
            let text = fs::read_to_string(root.join(file)).unwrap();
            let lines = text.split("\\\n").map(str::trim_start);
            sources.extend(lines);
        }
        for template in ELSEWHERE {
            for words in template.split(['<', '>']).step_by(2) {
                let words = words.trim_matches([':', ' ', '(', ')']);
                assert!(sources.contains(words), "{template}: {words}");
            }
        }
    }

    #[test]
    fn what_is_known_reads_well() {
        for (english, chinese) in [
            (
                "own.toml:3: unknown field `x`, expected one of `a`, `b`, `c`",
                "own.toml:3: 未知字段 `x`：应为 `a`, `b`, `c` 之一",
            ),
            (
                "own.toml:3: invalid type: integer `7`, expected a string",
                "own.toml:3: 类型不符：实为整数 `7`，应为字符串",
            ),
            (
                "own.toml:9: unclosed array table, expected `]]`",
                "own.toml:9: 表名没有结束：应为 `]]`",
            ),
            // Quoted input that looks like the library's words.
            (
                "own.toml:3: invalid type: string \"a, expected u16\", expected a string",
                "own.toml:3: 类型不符：实为字符串 \"a, expected u16\"，应为字符串",
            ),
            (
                "\"x:3: y\" can't be an endpoint: the host is missing",
                "\"x:3: y\" 不能作为接入地址：缺少主机",
            ),
            (
                "a: b.json: can't be written: File name too long (os error 36)",
                "无法写入 a: b.json：文件名过长或含有不允许的字符",
            ),
        ] {
            if cfg!(target_os = "linux") || !english.contains("os error") {
                assert_eq!(placed(english).as_deref(), Some(chinese), "{english}");
            }
        }
    }

    #[test]
    fn what_is_unknown_is_quoted() {
        let told = |message: &str| chinese(&Error::new(ErrorKind::Input, message));
        assert_eq!(told("who knows"), "输入有误：“who knows”");
        assert_eq!(told("a.toml:3: who knows"), "a.toml:3: “who knows”");
        // Deep nesting ends.
        let deep = "invalid type: ".repeat(70);
        assert_eq!(told(&deep), format!("输入有误：“{deep}”"));
        let long = told(&format!("{}x, expected key", "key, expected ".repeat(60)));
        assert!(long.starts_with("输入有误：“key, expected"), "{long}");
    }

    #[test]
    fn errors_of_the_system_are_told_by_their_kind() {
        for code in 0..200 {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(english_words(&io(&error)), [""; 0], "{error}");
            assert_eq!(translated(&error.to_string(), 0), Some(io(&error)));
        }
        for (kind, chinese) in KINDS {
            assert_eq!(io(&io::Error::from(*kind)), *chinese);
            assert_eq!(translated(&kind.to_string(), 0).as_deref(), Some(*chinese));
        }
        if cfg!(target_os = "linux") {
            let told = |code| io(&io::Error::from_raw_os_error(code));
            assert_eq!(told(13), "没有权限");
            assert_eq!(told(24), "打开的文件过多");
            assert_eq!(told(28), "磁盘空间不足");
            assert_eq!(told(40), "链接指向自身，或层数过多");
            assert_eq!(told(199), "系统错误 199");
        }
        assert_eq!(io(&io::Error::other("who knows")), "“who knows”");
    }
}
