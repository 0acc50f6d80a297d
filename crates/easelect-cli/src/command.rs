//! The definition of the command line, in the reader's language. Parsing, help, completions and the manual page all
//! come from it.

use clap::builder::{OsStringValueParser, StyledStr};
use clap::{Arg, ArgAction};
use easelect_report::Lang;

/// An option; or, if `name` begins with a capital letter, a positional argument.
struct Item {
    name: &'static str,
    short: Option<char>,
    /// The value's placeholder; `None` for a switch.
    value: Option<[&'static str; 2]>,
    help: [&'static str; 2],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// May be repeated.
    Many,
    /// The value may be left out, and is then this one.
    Optional(&'static str),
    /// Required.
    Needed,
}

const fn switch(name: &'static str, help: [&'static str; 2]) -> Item {
    Item {
        name,
        short: None,
        value: None,
        help,
        kind: Kind::Plain,
    }
}

const fn option(
    name: &'static str,
    value: [&'static str; 2],
    help: [&'static str; 2],
    kind: Kind,
) -> Item {
    Item {
        name,
        short: None,
        value: Some(value),
        help,
        kind,
    }
}

const fn short(name: &'static str, short: char, help: [&'static str; 2]) -> Item {
    Item {
        name,
        short: Some(short),
        value: None,
        help,
        kind: Kind::Plain,
    }
}

const LIST: [&str; 2] = ["LIST", "列表"];
const FILE: [&str; 2] = ["FILE", "文件"];
const TIME: [&str; 2] = ["TIME", "时间"];

/// A heading with the options below it.
type Section = ([&'static str; 2], &'static [Item]);

const REGION: Item = option(
    "region",
    LIST,
    [
        "data centres: cn1,cn2,sgp1,sgp2,us1,de2, one of your own, mainland\n(China 1 and China 2 as one \
         pool, for clients that connect as the\nmobile SDKs do), or all",
        "数据中心：cn1,cn2,sgp1,sgp2,us1,de2、自己的数据中心、mainland\n（国内 1 区与 2 区作为一个池，用于连接方式与\
         移动端 SDK 相同的\n客户端）或 all；也可用中文名，如 国内1区",
    ],
    Kind::Plain,
);
const SERVICE: Item = option(
    "service",
    LIST,
    [
        "services: websocket,legacy,rest,wechat,alipay,files, or all",
        "服务：websocket,legacy,rest,wechat,alipay,files 或 all；也可用中文名，\n如 微信小程序",
    ],
    Kind::Plain,
);
/// For commands that need exactly one.
const ONE_REGION: Item = option(
    "region",
    ["REGION", "数据中心"],
    [
        "data centre: cn1, cn2, sgp1, sgp2, us1, de2, one of your own, or\nmainland (China 1 and China 2 as one pool, \
         for clients that connect as\nthe mobile SDKs do)",
        "cn1、cn2、sgp1、sgp2、us1、de2、自己的数据中心或 mainland（国内 1 区与\n2 区作为一个池，用于连接方式与\
         移动端 SDK 相同的客户端）；\n也可用中文名，如 国内1区",
    ],
    Kind::Plain,
);
const ONE_SERVICE: Item = option(
    "service",
    ["SERVICE", "服务"],
    [
        "service: websocket, legacy, wechat or alipay",
        "服务：websocket、legacy、wechat 或 alipay",
    ],
    Kind::Plain,
);
const CATALOG: Item = option(
    "catalog",
    FILE,
    [
        "adds your own endpoints from this .toml or .json file",
        "目录文件（.toml 或 .json），补充自己的接入地址",
    ],
    Kind::Plain,
);
const NEWER: Item = switch(
    "newer",
    [
        "includes hosts that only newer pages and SDKs of Easemob name, as\ngroups of their own",
        "同时包括只有环信较新页面或 SDK 才列出的主机，单独成组",
    ],
);

const WHAT: Section = (
    ["What to measure", "测量什么"],
    &[
        REGION,
        SERVICE,
        option(
            "current",
            ["URL", "URL"],
            [
                "what the app has configured: a wss:// or https:// endpoint, or the\nhttps:// URL of a \
                 server.json. It is measured, marked and compared. May\nbe repeated",
                "应用当前的配置：wss:// 或 https:// 地址，或 server.json 的\nhttps:// 地址；一并测量、标出并\
                 比较。可重复",
            ],
            Kind::Many,
        ),
        option(
            "app-key",
            ["ORG#APP", "ORG#APP"],
            [
                "asks Easemob's list service which hosts this app uses, as the official\nSDKs do, and measures \
                 the service and these hosts. The App Key is sent\nto that service only",
                "向环信的接入地址列表服务查询该应用的地址（与官方 SDK 相同），\n并测量该服务和这些地址。App Key \
                 只发给该服务",
            ],
            Kind::Plain,
        ),
        CATALOG,
        NEWER,
    ],
);

const NETWORK: Section = (
    ["Network", "网络"],
    &[
        option(
            "resolve",
            ["PIN", "映射"],
            [
                "HOST:PORT:ADDR[,ADDR…] pins a host (* for all) to addresses, as curl\ndoes. May be repeated",
                "HOST:PORT:ADDR[,ADDR…]：指定主机（* 为全部）的 IP 地址，同 curl。可重复",
            ],
            Kind::Many,
        ),
        option(
            "cacert",
            FILE,
            [
                "trusts these PEM certificates as well",
                "额外信任该文件中的 PEM 证书",
            ],
            Kind::Plain,
        ),
        option(
            "dns",
            ["ADDR", "地址"],
            [
                "asks only this DNS server (IP, IP:PORT or fe80::1%eth0)",
                "只询问该 DNS 服务器（IP、IP:PORT 或 fe80::1%eth0）",
            ],
            Kind::Plain,
        ),
        option(
            "proxy",
            ["URL", "URL"],
            [
                "uses this proxy: http://, https:// or socks5://, with USER:PASSWORD@ if\nit requires them. \
                 Default: HTTPS_PROXY or ALL_PROXY of the environment.\nHosts in NO_PROXY bypass the proxy",
                "使用该代理：http://、https:// 或 socks5://，需要认证时加\nUSER:PASSWORD@。默认按环境变量 \
                 HTTPS_PROXY、ALL_PROXY；\nNO_PROXY 中的主机不经代理",
            ],
            Kind::Plain,
        ),
        switch(
            "no-proxy",
            [
                "uses no proxy, whatever the environment says",
                "不用代理，忽略环境变量",
            ],
        ),
        short("ipv4", '4', ["uses IPv4 only", "只用 IPv4"]),
        short("ipv6", '6', ["uses IPv6 only", "只用 IPv6"]),
        option(
            "lab",
            ["SCENARIO", "场景"],
            [
                "replaces the network with a simulated one, which works offline: a\nbuilt-in scenario (beijing by \
                 default, or hostile, with every kind of\nfault) or a file. Not with --proxy, --no-proxy or --dns",
                "用模拟网络代替真实网络，可离线运行：内置场景（默认 beijing；\nhostile 含各种故障）或场景文件。不能与 \
                 --proxy、--no-proxy、--dns\n同用",
            ],
            Kind::Optional("beijing"),
        ),
    ],
);

const PACE: Section = (
    ["How to measure", "测量方式"],
    &[
        option(
            "rounds",
            ["N", "N"],
            [
                "attempts per address, 1 to 100000 (default: as many as needed)",
                "每个 IP 地址的尝试次数，1 到 100000（默认按需）",
            ],
            Kind::Plain,
        ),
        option(
            "timeout",
            TIME,
            [
                "limit of one attempt (default: 5s)",
                "单次尝试的超时（默认 5s）",
            ],
            Kind::Plain,
        ),
        option(
            "deadline",
            TIME,
            [
                "limit of the whole measurement (default: 60s)",
                "总时限（默认 60s）",
            ],
            Kind::Plain,
        ),
        option(
            "in-flight",
            ["N", "N"],
            [
                "attempts at once, 1 to 64 (default: 16)",
                "同时进行的尝试数，1 到 64（默认 16）",
            ],
            Kind::Plain,
        ),
    ],
);

const FORMAT: [&str; 2] = ["FORMAT", "格式"];

const REPORT: Section = (
    ["Output", "输出"],
    &[
        switch(
            "details",
            [
                "prints everything, not only the first screen",
                "显示全部细节，不只首屏",
            ],
        ),
        option(
            "format",
            FORMAT,
            [
                "table, summary, json, html, markdown, csv or prometheus (default:\nby the extension of \
                 --output, otherwise table)",
                "table、summary、json、html、markdown、csv 或 prometheus（默认\n按 --output 的扩展名，否则为 \
                 table）",
            ],
            Kind::Plain,
        ),
        option(
            "output",
            FILE,
            [
                "saves the report in this file, which is replaced only when the report is\ncomplete; in a folder \
                 (FOLDER/) as easelect-DATE-TIME-REGION.html",
                "将报告保存到该文件，写完才替换原文件；若为文件夹（以 / 结尾），\n文件名为 easelect-日期-时间-数据中心.html",
            ],
            Kind::Plain,
        ),
        switch(
            "full",
            [
                "keeps local addresses, user names, proxies, network identifiers and\nthe App Key in files and \
                 pipes, where they are hidden by default",
                "文件和管道中保留本地地址、用户名、代理、网络标识和 App Key\n（默认隐藏）",
            ],
        ),
        option(
            "note",
            ["TEXT", "文字"],
            [
                "a note for the reader of the report: customer, city, carrier",
                "写给报告读者的备注：客户、城市、运营商",
            ],
            Kind::Plain,
        ),
        option(
            "fail-above",
            ["LIMIT", "阈值"],
            [
                "ends with status 4 if a ready endpoint is above this limit, such as\np50=300ms; also mean, p90, \
                 p99, max, expected_cost. May be repeated",
                "有可用地址超过该阈值时，退出码为 4，例如 p50=300ms；也可用\nmean、p90、p99、max、expected_cost。可重复",
            ],
            Kind::Many,
        ),
        switch(
            "ascii",
            ["draws with ASCII characters only", "只用 ASCII 字符绘图"],
        ),
    ],
);

const TEXT_OUTPUT: Section = (
    ["Output", "输出"],
    &[
        option(
            "format",
            FORMAT,
            [
                "table or json (default: by the extension of --output, otherwise table)",
                "table 或 json（默认按 --output 的扩展名，否则为 table）",
            ],
            Kind::Plain,
        ),
        option("output", FILE, SAVED, Kind::Plain),
    ],
);

const SAVED: [&str; 2] = [
    "saves it in this file, which is replaced only when it is complete",
    "保存到该文件，写完才替换原文件",
];

const MEMORY: Section = (
    ["History", "历史"],
    &[
        option(
            "history",
            FILE,
            [
                "starts with what this file has from earlier runs, and saves what is\nlearned",
                "沿用该文件中以往学到的内容，并写入新学到的内容",
            ],
            Kind::Plain,
        ),
        option(
            "network",
            ["ID", "名称"],
            [
                "the current network's name in the history (default: detected)",
                "当前网络在历史中的名称（默认自动识别）",
            ],
            Kind::Plain,
        ),
    ],
);

const COUNT: Item = option(
    "COUNT",
    ["COUNT", "次数"],
    [
        "number of connections, opened one after the other (default: 1)",
        "依次建立的连接数（默认 1）",
    ],
    Kind::Plain,
);

const WITH_REPORT: Item = option(
    "report",
    FILE,
    [
        "a saved report, .json or .html",
        "已保存的报告，.json 或 .html",
    ],
    Kind::Plain,
);

/// Options of the example that are commands of the program.
const EXAMPLE: Section = (
    ["Instead of measuring", "其他操作"],
    &[
        switch(
            "list",
            [
                "lists data centres and endpoints; sends nothing",
                "列出数据中心和接入地址，不发送任何数据",
            ],
        ),
        option(
            "connect",
            ["N", "N"],
            [
                "opens N connections (default: 1) as an app does; needs one data centre\n(or mainland) and one \
                 service",
                "像应用那样建立 N 个连接（默认 1），需指定一个数据中心（或\nmainland）和一个服务",
            ],
            Kind::Optional("1"),
        ),
    ],
);

/// A command.
struct Entry {
    name: &'static str,
    about: [&'static str; 2],
    usage: [&'static str; 2],
    sections: &'static [Section],
    /// The meaning of its exit statuses.
    status: [&'static str; 2],
}

const ARGUMENTS: [&str; 2] = ["Arguments", "参数"];
const OPTIONS: [&str; 2] = ["Options", "选项"];

const ENTRIES: &[Entry] = &[
    Entry {
        name: "diagnose",
        about: [
            "measures the endpoints, and says what is wrong and who can act",
            "测量接入地址，指出问题所在和处理人",
        ],
        usage: [
            "easelect [diagnose] [OPTION]…",
            "easelect [diagnose] [选项]…",
        ],
        sections: &[WHAT, NETWORK, PACE, REPORT],
        status: STATUS_OF_DIAGNOSE,
    },
    Entry {
        name: "connect",
        about: [
            "opens connections as an app that embeds the library does",
            "像使用本库的应用那样建立连接",
        ],
        usage: [
            "easelect connect --region REGION --service SERVICE [OPTION]… [COUNT]",
            "easelect connect --region 数据中心 --service 服务 [选项]… [次数]",
        ],
        sections: &[
            (ARGUMENTS, &[COUNT]),
            (
                ["What to connect to", "连接目标"],
                &[
                    ONE_REGION,
                    ONE_SERVICE,
                    CATALOG,
                    option(
                        "deadline",
                        TIME,
                        [
                            "limit of one connection (default: 60s)",
                            "单个连接的时限（默认 60s）",
                        ],
                        Kind::Plain,
                    ),
                ],
            ),
            NETWORK,
            MEMORY,
            TEXT_OUTPUT,
        ],
        status: STATUS_OF_CONNECT,
    },
    Entry {
        name: "list",
        about: [
            "lists data centres and endpoints; sends nothing",
            "列出数据中心和接入地址，不发送任何数据",
        ],
        usage: ["easelect list [OPTION]…", "easelect list [选项]…"],
        sections: &[(OPTIONS, &[REGION, SERVICE, CATALOG, NEWER]), TEXT_OUTPUT],
        status: STATUS,
    },
    Entry {
        name: "advise",
        about: [
            "prints configuration to paste for each official SDK",
            "给出各官方 SDK 可直接粘贴的配置",
        ],
        usage: [
            "easelect advise --region REGION [OPTION]…",
            "easelect advise --region 数据中心 [选项]…",
        ],
        sections: &[
            (
                OPTIONS,
                &[
                    ONE_REGION,
                    option(
                        "sdk",
                        LIST,
                        [
                            "web4,web5,uniapp,wechat,alipay,desktop,android,ios,harmonyos,\n\
                             react-native,flutter,unity,rest, or all (default)",
                            "web4,web5,uniapp,wechat,alipay,desktop,android,ios,harmonyos,\n\
                             react-native,flutter,unity,rest 或 all（默认）",
                        ],
                        Kind::Plain,
                    ),
                    WITH_REPORT,
                    CATALOG,
                ],
            ),
            TEXT_OUTPUT,
        ],
        status: STATUS,
    },
    Entry {
        name: "explain",
        about: [
            "explains an error code of an official SDK",
            "解释官方 SDK 的错误码",
        ],
        usage: [
            "easelect explain CODE [--sdk SDK] [--report FILE]",
            "easelect explain 错误码 [--sdk SDK] [--report 文件]",
        ],
        sections: &[
            (
                ARGUMENTS,
                &[option(
                    "CODE",
                    ["CODE", "错误码"],
                    ["the code as the SDK reports it", "SDK 给出的错误码"],
                    Kind::Needed,
                )],
            ),
            (
                OPTIONS,
                &[
                    option(
                        "sdk",
                        ["SDK", "SDK"],
                        [
                            "web4, web5, uniapp, wechat, alipay, desktop, android, ios,\nharmonyos, \
                             react-native, flutter, unity or rest (default: all)",
                            "web4、web5、uniapp、wechat、alipay、desktop、android、ios、\nharmonyos、\
                             react-native、flutter、unity 或 rest（默认全部）",
                        ],
                        Kind::Plain,
                    ),
                    WITH_REPORT,
                ],
            ),
            TEXT_OUTPUT,
        ],
        status: STATUS_OF_EXPLAIN,
    },
    Entry {
        name: "compare",
        about: ["shows what changed between two reports", "比较两份报告"],
        usage: [
            "easelect compare A B [OPTION]…",
            "easelect compare 第一份报告 第二份报告 [选项]…",
        ],
        sections: &[
            (
                ARGUMENTS,
                &[
                    option(
                        "A",
                        ["A", "第一份报告"],
                        [
                            "the earlier report, .json or .html",
                            "较早的报告，.json 或 .html",
                        ],
                        Kind::Needed,
                    ),
                    option(
                        "B",
                        ["B", "第二份报告"],
                        [
                            "the later report, .json or .html",
                            "较晚的报告，.json 或 .html",
                        ],
                        Kind::Needed,
                    ),
                ],
            ),
            TEXT_OUTPUT,
        ],
        status: STATUS_OF_COMPARE,
    },
    Entry {
        name: "page",
        about: [
            "makes a web page that measures from a user's phone or browser",
            "生成测速网页，在用户的手机或浏览器中测量",
        ],
        usage: [
            "easelect page [OPTION]… --output FILE",
            "easelect page [选项]… --output 文件",
        ],
        sections: &[
            (OPTIONS, &[REGION, SERVICE, CATALOG, NEWER]),
            (
                ["Output", "输出"],
                &[option("output", FILE, SAVED, Kind::Plain)],
            ),
        ],
        status: STATUS,
    },
    Entry {
        name: "server-json",
        about: [
            "sorts an app's server.json for the official SDKs, the best hosts first",
            "按测量结果排列应用的 server.json，供官方 SDK 使用",
        ],
        usage: [
            "easelect server-json (--app-key ORG#APP | --from FILE|URL) [OPTION]…",
            "easelect server-json (--app-key ORG#APP | --from 文件|URL) [选项]…",
        ],
        sections: &[
            (
                ["The list", "列表"],
                &[
                    option(
                        "app-key",
                        ["ORG#APP", "ORG#APP"],
                        [
                            "fetches this app's list from Easemob's list service. The App Key is\nsent to that \
                             service only",
                            "从环信的接入地址列表服务获取该应用的列表。App Key 只发给该服务",
                        ],
                        Kind::Plain,
                    ),
                    option(
                        "from",
                        ["FILE|URL", "文件|URL"],
                        [
                            "reads the list from this file or https:// URL",
                            "从该文件或 https:// 地址读取列表",
                        ],
                        Kind::Plain,
                    ),
                    REGION,
                    CATALOG,
                ],
            ),
            (
                ["The order", "排序依据"],
                &[option(
                    "report",
                    FILE,
                    [
                        "sorts by a saved report, .json or .html, instead of measuring now. May\nbe repeated, \
                         with one report for each place",
                        "按已保存的报告（.json 或 .html）排序，不再测量。可重复，\n多地时每地一份",
                    ],
                    Kind::Many,
                )],
            ),
            NETWORK,
            PACE,
            (
                ["Output", "输出"],
                &[option(
                    "output",
                    FILE,
                    [
                        "saves the list in this file, which is replaced only when the list is\ncomplete. By default \
                         the list goes to standard output, and the summary\nto standard error",
                        "将列表保存到该文件，写完才替换原文件。默认将列表写到标准输出，\n说明写到标准错误",
                    ],
                    Kind::Plain,
                )],
            ),
        ],
        status: STATUS_OF_SERVER_JSON,
    },
    Entry {
        name: "completions",
        about: [
            "prints completions for a shell, or the manual page",
            "输出命令行补全脚本或手册页",
        ],
        usage: [
            "easelect completions bash|zsh|fish|powershell|elvish|man",
            "easelect completions bash|zsh|fish|powershell|elvish|man",
        ],
        sections: &[(
            ARGUMENTS,
            &[option(
                "SHELL",
                ["SHELL", "名称"],
                [
                    "bash, zsh, fish, powershell or elvish; man for the manual page",
                    "bash、zsh、fish、powershell 或 elvish；man 为手册页",
                ],
                Kind::Needed,
            )],
        )],
        status: STATUS,
    },
];

const ABOUT: [&str; 2] = [
    "easelect: finds the fastest Easemob (环信) endpoint from this computer, and what is wrong with the others",
    "easelect：从本机测量环信（Easemob）接入地址，找出最快的，并指出其他地址的问题",
];

const STATUS: [&str; 2] = [
    "Exit status: 0 done; 2 error in usage, input or output.",
    "退出码：0 完成；2 用法、输入或输出有误。",
];
const STATUS_OF_DIAGNOSE: [&str; 2] = [
    "Exit status: 0 every group (one service in one data centre) has a usable endpoint; 1 a group has none;\n2 error in \
     usage, input or output; 3 inconclusive or interrupted; 4 as 0, but above a limit (--fail-above).",
    "退出码：0 每组（一个数据中心的一项服务）都有可用的接入地址；1 有的组没有；\n2 用法、输入或输出有误；3 没有结论或已中断；\
     4 同 0，但超过阈值（--fail-above）。",
];
const STATUS_OF_CONNECT: [&str; 2] = [
    "Exit status: 0 every connection was opened; 1 a connection failed; 2 error in usage, input or output;\n3 interrupted.",
    "退出码：0 全部连接成功；1 有连接失败；2 用法、输入或输出有误；3 已中断。",
];
const STATUS_OF_EXPLAIN: [&str; 2] = [
    "Exit status: 0 the code is known; 2 error in usage, input or output; 3 the code is unknown.",
    "退出码：0 错误码已知；2 用法、输入或输出有误；3 错误码未知。",
];
const STATUS_OF_COMPARE: [&str; 2] = [
    "Exit status: 0 compared, changed or not; 2 error in usage, input or output; 3 the reports have nothing\nin common.",
    "退出码：0 已比较，无论有无变化；2 用法、输入或输出有误；3 两份报告没有可比较的内容。",
];
const STATUS_OF_SERVER_JSON: [&str; 2] = [
    "Exit status: 0 the list was written; 1 no host was reached, or none of one section; 2 error in usage, input\nor \
     output; 3 nothing was measured, or interrupted.",
    "退出码：0 已写入列表；1 没有连通任何主机，或某一部分的主机均未连通；\n2 用法、输入或输出有误；3 没有测量到结果，或已中断。",
];

/// The program: its commands, and the options of `diagnose`, which needs no name.
pub(crate) fn program(lang: Lang) -> clap::Command {
    let told = |texts: [&'static str; 2]| told(texts, lang);
    let diagnose = &ENTRIES[0];
    let usage = [
        "easelect [OPTION]…\n       easelect COMMAND [OPTION]…",
        "easelect [选项]…\n      easelect 命令 [选项]…",
    ];
    let commands = ENTRIES.iter().map(|entry| {
        let one = framed(
            clap::Command::new(entry.name).version(env!("CARGO_PKG_VERSION")),
            told(entry.about),
            told(entry.usage),
            told(entry.status),
            lang,
        );
        one.args(arguments(entry.sections, lang)).args(common(lang))
    });
    framed(
        clap::Command::new("easelect"),
        told(ABOUT),
        told(usage),
        told(STATUS_OF_DIAGNOSE),
        lang,
    )
    .subcommand_help_heading(told([
        "Commands (default: diagnose)",
        "命令（默认 diagnose）",
    ]))
    .disable_help_subcommand(true)
    .version(env!("CARGO_PKG_VERSION"))
    .args(arguments(diagnose.sections, lang))
    .args(common(lang))
    .subcommands(commands)
}

/// The program's summary, without its name: the manual page adds that.
pub(crate) fn about(lang: Lang) -> &'static str {
    let about = told(ABOUT, lang);
    about
        .trim_start_matches("easelect")
        .trim_start_matches([':', '：', ' '])
}

/// The exit statuses of `diagnose`, without the heading.
pub(crate) fn status_of_diagnose(lang: Lang) -> &'static str {
    let status = told(STATUS_OF_DIAGNOSE, lang);
    status
        .split_once([':', '：'])
        .map_or(status, |(_, rest)| rest.trim_start())
}

/// `examples/diagnose`: no commands; `list` and `connect` are options.
pub(crate) fn example(lang: Lang) -> clap::Command {
    let told = |texts: [&'static str; 2]| told(texts, lang);
    let usage = ["diagnose [OPTION]…", "diagnose [选项]…"];
    framed(
        clap::Command::new("diagnose"),
        told(ABOUT),
        told(usage),
        told(STATUS_OF_DIAGNOSE),
        lang,
    )
    .version(env!("CARGO_PKG_VERSION"))
    .args(arguments(ENTRIES[0].sections, lang))
    .args(arguments(&[EXAMPLE, MEMORY], lang))
    .args(common(lang))
}

fn told(texts: [&'static str; 2], lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => texts[1],
        _ => texts[0],
    }
}

/// Sets what all commands have in common, so that no text of clap's own is left.
fn framed(
    command: clap::Command,
    about: &'static str,
    usage: &'static str,
    status: &'static str,
    lang: Lang,
) -> clap::Command {
    let template = match lang {
        Lang::Zh => "{about}\n\n用法：{usage}\n\n{all-args}{after-help}\n",
        _ => "{about}\n\nUsage: {usage}\n\n{all-args}{after-help}\n",
    };
    let mut about = about.to_owned();
    if lang != Lang::Zh {
        // Above the usage it is a sentence.
        about[..1].make_ascii_uppercase();
        about = about.replacen("Easelect:", "easelect:", 1);
    }
    command
        .about(about)
        .override_usage(usage)
        .help_template(template)
        .after_help(status)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_colored_help(true)
        .args_override_self(false)
        // Lines are broken by hand: clap has no rules for Chinese.
        .term_width(0)
}

fn common(lang: Lang) -> Vec<Arg> {
    const ALWAYS: Section = (
        ["General", "通用"],
        &[
            option(
                "lang",
                ["zh|en", "zh|en"],
                [
                    "language (default: the locale's)",
                    "语言（默认按系统区域设置）",
                ],
                Kind::Plain,
            ),
            short("help", 'h', ["prints this help", "显示本帮助"]),
            short("version", 'V', ["prints the version", "显示版本"]),
        ],
    );
    arguments(&[ALWAYS], lang)
}

fn arguments(sections: &[Section], lang: Lang) -> Vec<Arg> {
    let of = |(heading, options): &Section| {
        let heading = told(*heading, lang);
        let args = options.iter().map(move |one| argument(one, heading, lang));
        args.collect::<Vec<_>>()
    };
    sections.iter().flat_map(of).collect()
}

fn argument(one: &Item, heading: &'static str, lang: Lang) -> Arg {
    let is_named = one.name.starts_with(|c: char| c.is_ascii_lowercase());
    let help = StyledStr::from(told(one.help, lang));
    let mut arg = Arg::new(one.name).help(help).help_heading(heading);
    arg = match (is_named, one.short) {
        (true, Some(letter @ ('4' | '6'))) => arg.short(letter),
        (true, letter) => arg.long(one.name).short(letter),
        (false, _) => arg,
    };
    arg = match one.value {
        None => arg.action(match one.name {
            "help" => ArgAction::Help,
            "version" => ArgAction::Version,
            _ => ArgAction::SetTrue,
        }),
        Some(value) => {
            let arg = arg
                .value_name(told(value, lang))
                .value_parser(OsStringValueParser::new())
                .hide_default_value(true)
                .hide_possible_values(true)
                .action(match one.kind {
                    Kind::Many => ArgAction::Append,
                    _ => ArgAction::Set,
                });
            match one.kind {
                Kind::Optional(value) => arg.num_args(0..=1).default_missing_value(value),
                // The reader of the value complains of one that begins with a hyphen, and names the option.
                _ if is_named => arg.allow_hyphen_values(true),
                _ => arg.allow_negative_numbers(true),
            }
        }
    };
    arg.required(one.kind == Kind::Needed)
}

/// Whether a command has this name.
pub(crate) fn is_command(name: &str) -> bool {
    ENTRIES.iter().any(|entry| entry.name == name)
}
