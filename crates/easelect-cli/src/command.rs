//! What can be said on the command line: one definition, in the reader's language, from which arguments are
//! parsed and help, completions and the manual page are made.

use clap::builder::{OsStringValueParser, StyledStr};
use clap::{Arg, ArgAction};
use easelect_report::Lang;

/// An option, or an argument without a name where `name` begins with a capital letter.
struct Item {
    name: &'static str,
    short: Option<char>,
    /// The value's placeholder; none for a switch.
    value: Option<[&'static str; 2]>,
    help: [&'static str; 2],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// May be repeated.
    Many,
    /// Can do without its value: it is this, then.
    Optional(&'static str),
    /// Must be there.
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
        "数据中心：cn1,cn2,sgp1,sgp2,us1,de2、自己的数据中心、mainland\n（国内 1 区与 2 区合为一池，用于连接方式与\
         移动端 SDK 相同的\n客户端）或 all；也可用中文名，如 国内1区",
    ],
    Kind::Plain,
);
const SERVICE: Item = option(
    "service",
    LIST,
    [
        "services: websocket,legacy,rest,wechat,alipay,files, or all",
        "服务：websocket,legacy,rest,wechat,alipay,files 或 all",
    ],
    Kind::Plain,
);
const CATALOG: Item = option(
    "catalog",
    FILE,
    [
        "your own endpoints, .toml or .json",
        "自己的接入地址目录，.toml 或 .json",
    ],
    Kind::Plain,
);
const NEWER: Item = switch(
    "newer",
    [
        "also the hosts that only newer pages of Easemob's name, as groups\nof their own",
        "同时包括只有环信较新页面才列出的地址，单独成组",
    ],
);

const WHAT: Section = (
    ["What to measure", "测什么"],
    &[
        REGION,
        SERVICE,
        option(
            "current",
            ["URL", "URL"],
            [
                "what the app has configured: a wss:// or https:// endpoint, or the\nhttps:// URL of a \
                 server.json; measured, marked, compared.\nMay be repeated",
                "应用当前的配置：wss:// 或 https:// 地址，或 server.json 的\nhttps:// 地址；一并测量、标出并\
                 比较。可重复",
            ],
            Kind::Many,
        ),
        option(
            "app-key",
            ["ORG#APP", "ORG#APP"],
            [
                "asks Easemob's list service which hosts this app has, as the\nofficial SDKs do, and \
                 measures that service and those hosts. The\nApp Key is sent there, and nowhere else",
                "向环信的服务器列表服务查询该应用的地址（与官方 SDK 相同），\n并测量该服务和这些地址。App Key \
                 只发给该服务",
            ],
            Kind::Plain,
        ),
        CATALOG,
        NEWER,
    ],
);

const NETWORK: Section = (
    ["How the network is reached", "如何访问网络"],
    &[
        option(
            "resolve",
            ["PIN", "指定"],
            [
                "HOST:PORT:ADDR[,ADDR…] pins a host (* for all) to addresses, as in\ncurl. May be repeated",
                "HOST:PORT:ADDR[,ADDR…]：指定主机（* 为全部）的地址，同 curl。可重复",
            ],
            Kind::Many,
        ),
        option(
            "cacert",
            FILE,
            [
                "trusts these PEM certificates as well",
                "额外信任的 PEM 证书",
            ],
            Kind::Plain,
        ),
        option(
            "dns",
            ["ADDR", "地址"],
            [
                "asks this name server (IP, IP:PORT or fe80::1%eth0), nothing else",
                "只询问该 DNS 服务器（IP、IP:PORT 或 fe80::1%eth0）",
            ],
            Kind::Plain,
        ),
        option(
            "proxy",
            ["URL", "URL"],
            [
                "goes through this proxy: http://, https:// or socks5://, with\nUSER:PASSWORD@ where it \
                 wants them. By default the environment's:\nHTTPS_PROXY, ALL_PROXY; what NO_PROXY names \
                 bypasses the proxy",
                "经此代理：http://、https:// 或 socks5://，需要认证时加\nUSER:PASSWORD@。默认按环境变量 \
                 HTTPS_PROXY、ALL_PROXY；\nNO_PROXY 中的主机不经代理",
            ],
            Kind::Plain,
        ),
        switch(
            "no-proxy",
            [
                "no proxy, whatever the environment says",
                "不经代理，无论环境变量如何",
            ],
        ),
        short("ipv4", '4', ["only IPv4", "只用 IPv4"]),
        short("ipv6", '6', ["only IPv6", "只用 IPv6"]),
        option(
            "lab",
            ["SCENARIO", "场景"],
            [
                "a simulated network instead of the real one: a built-in name\n(beijing, if none is given, \
                 or hostile, in which everything goes\nwrong) or a file. Works offline",
                "用模拟网络代替真实网络：内置名称（不写为 beijing；hostile 含\n各种故障）或文件。可离线运行",
            ],
            Kind::Optional("beijing"),
        ),
    ],
);

const PACE: Section = (
    ["How to measure", "怎么测"],
    &[
        option(
            "rounds",
            ["N", "N"],
            [
                "attempts at every address, 1 to 100000 (default: as many as needed)",
                "每个地址的尝试次数，1 到 100000（默认按需）",
            ],
            Kind::Plain,
        ),
        option(
            "timeout",
            TIME,
            ["for one attempt (default: 5s)", "单次尝试的超时（默认 5s）"],
            Kind::Plain,
        ),
        option(
            "deadline",
            TIME,
            ["for everything (default: 60s)", "总时限（默认 60s）"],
            Kind::Plain,
        ),
        option(
            "in-flight",
            ["N", "N"],
            [
                "attempts at a time, 1 to 64 (default: 16)",
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
                "every figure, not only the first screen",
                "显示全部细节，不只首屏",
            ],
        ),
        option(
            "format",
            FORMAT,
            [
                "table, summary, json, html, markdown, csv or prometheus (default:\nby the extension of \
                 --output, or table)",
                "table、summary、json、html、markdown、csv 或 prometheus（默认\n按 --output 的扩展名，否则 \
                 table）",
            ],
            Kind::Plain,
        ),
        option(
            "output",
            FILE,
            [
                "writes the report there, whole or not at all; into a folder (FOLDER/)\nas \
                 easelect-DATE-TIME-REGION.html",
                "将报告写入该文件，写完才替换原文件；若为文件夹（以 / 结尾），\n文件名为 easelect-日期-时间-数据中心.html",
            ],
            Kind::Plain,
        ),
        switch(
            "full",
            [
                "keeps local addresses, user names, proxies, network identifiers\nand the App Key in \
                 files, which hide them otherwise",
                "文件中保留本地地址、用户名、代理、网络标识和 App Key（默认隐藏）",
            ],
        ),
        option(
            "note",
            ["TEXT", "文字"],
            [
                "for whoever reads the report: customer, city, carrier",
                "写给报告读者的备注：客户、城市、运营商",
            ],
            Kind::Plain,
        ),
        option(
            "fail-above",
            ["LIMIT", "阈值"],
            [
                "exit status 4 if an endpoint is above, as in p50=300ms; also mean,\np90, p99, max, \
                 expected_cost. May be repeated",
                "有地址超过时退出码为 4，例如 p50=300ms；也可用 mean、p90、\np99、max、expected_cost。可重复",
            ],
            Kind::Many,
        ),
        switch(
            "ascii",
            ["draws with ASCII characters alone", "只用 ASCII 字符绘图"],
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
                "table or json (default: table)",
                "table 或 json（默认 table）",
            ],
            Kind::Plain,
        ),
        option(
            "output",
            FILE,
            [
                "writes there, whole or not at all",
                "写入该文件，写完才替换原文件",
            ],
            Kind::Plain,
        ),
    ],
);

const MEMORY: Section = (
    ["What is remembered", "历史"],
    &[
        option(
            "history",
            FILE,
            [
                "begins with what is in it, and keeps there what is learned",
                "从该文件的内容开始，并把学到的写入其中",
            ],
            Kind::Plain,
        ),
        option(
            "network",
            ["ID", "名称"],
            [
                "the network's name in the history (default: told by the routes)",
                "历史中本网络的名称（默认按路由判断）",
            ],
            Kind::Plain,
        ),
    ],
);

const COUNT: Item = option(
    "COUNT",
    ["COUNT", "次数"],
    [
        "how many connections, one after the other (default: 1)",
        "依次打开多少个连接（默认 1）",
    ],
    Kind::Plain,
);

const WITH_REPORT: Item = option(
    "report",
    FILE,
    [
        "a report made before, .json or .html",
        "之前的报告，.json 或 .html",
    ],
    Kind::Plain,
);

/// The options of the example that became commands here.
const EXAMPLE: Section = (
    ["Instead of measuring", "不测量"],
    &[
        switch(
            "list",
            [
                "prints the catalogue; nothing is sent",
                "列出目录；不发送任何数据",
            ],
        ),
        option(
            "connect",
            ["N", "N"],
            [
                "opens N connections (default: 1) as an app would, in one region\n(or mainland) and one \
                 service",
                "像应用那样打开 N 个连接（默认 1），需指定一个数据中心（或\nmainland）和一个服务",
            ],
            Kind::Optional("1"),
        ),
    ],
);

/// What a command is called, what it does, how it is used, and its options.
struct Entry {
    name: &'static str,
    about: [&'static str; 2],
    usage: [&'static str; 2],
    sections: &'static [Section],
    /// What its exit statuses mean.
    status: [&'static str; 2],
}

const ARGUMENTS: [&str; 2] = ["Arguments", "参数"];
const OPTIONS: [&str; 2] = ["Options", "选项"];

const ENTRIES: &[Entry] = &[
    Entry {
        name: "diagnose",
        about: [
            "measures the endpoints from here, says what is wrong and who can act",
            "从本机测量接入地址，给出问题所在和处理人",
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
            "opens connections as an app would, through the selector",
            "像应用那样通过选择器打开连接",
        ],
        usage: [
            "easelect connect --region REGION --service SERVICE [OPTION]… [COUNT]",
            "easelect connect --region 数据中心 --service 服务 [选项]… [次数]",
        ],
        sections: &[
            (ARGUMENTS, &[COUNT]),
            (
                ["What to connect to", "连接什么"],
                &[
                    REGION,
                    SERVICE,
                    CATALOG,
                    option(
                        "deadline",
                        TIME,
                        [
                            "for one connection (default: 60s)",
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
            "prints data centres and endpoints; nothing is sent",
            "列出数据中心和接入地址；不发送任何数据",
        ],
        usage: ["easelect list [OPTION]…", "easelect list [选项]…"],
        sections: &[(OPTIONS, &[REGION, SERVICE, CATALOG, NEWER]), TEXT_OUTPUT],
        status: STATUS,
    },
    Entry {
        name: "advise",
        about: [
            "configuration to paste, for each official SDK",
            "各官方 SDK 可直接粘贴的配置",
        ],
        usage: [
            "easelect advise --region REGION [OPTION]…",
            "easelect advise --region 数据中心 [选项]…",
        ],
        sections: &[
            (
                OPTIONS,
                &[
                    REGION,
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
            "what an error code of an official SDK means",
            "官方 SDK 的错误码是什么意思",
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
                    ["the code, as the SDK gives it", "SDK 给出的错误码"],
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
        about: ["what changed between two reports", "两份报告之间有什么变化"],
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
                            "the report before, .json or .html",
                            "之前的报告，.json 或 .html",
                        ],
                        Kind::Needed,
                    ),
                    option(
                        "B",
                        ["B", "第二份报告"],
                        [
                            "the report after, .json or .html",
                            "之后的报告，.json 或 .html",
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
            "makes a web page that measures from the phone or browser in trouble",
            "生成网页，在出问题的手机或浏览器上测量",
        ],
        usage: [
            "easelect page [OPTION]… --output FILE",
            "easelect page [选项]… --output 文件",
        ],
        sections: &[
            (OPTIONS, &[REGION, SERVICE, CATALOG, NEWER]),
            (
                ["Output", "输出"],
                &[option(
                    "output",
                    FILE,
                    [
                        "writes there, whole or not at all",
                        "写入该文件，写完才替换原文件",
                    ],
                    Kind::Plain,
                )],
            ),
        ],
        status: STATUS,
    },
    Entry {
        name: "server-json",
        about: [
            "an app's own server.json for the official SDKs, the best hosts first",
            "供官方 SDK 使用的 server.json：应用自己的列表，最佳地址在前",
        ],
        usage: [
            "easelect server-json (--app-key ORG#APP | --from FILE|URL) [OPTION]…",
            "easelect server-json (--app-key ORG#APP | --from 文件|URL) [选项]…",
        ],
        sections: &[
            (
                ["Which list", "哪个列表"],
                &[
                    option(
                        "app-key",
                        ["ORG#APP", "ORG#APP"],
                        [
                            "the list that Easemob's list service has of this app. The App Key is\nsent there, \
                             and nowhere else",
                            "环信服务器列表服务中该应用的列表。App Key 只发给该服务",
                        ],
                        Kind::Plain,
                    ),
                    option(
                        "from",
                        ["FILE|URL", "文件|URL"],
                        [
                            "the list in this file, or at this https:// URL",
                            "该文件中或该 https:// 地址上的列表",
                        ],
                        Kind::Plain,
                    ),
                    REGION,
                    CATALOG,
                ],
            ),
            (
                ["In which order", "按什么排序"],
                &[option(
                    "report",
                    FILE,
                    [
                        "a report made before, .json or .html, instead of measuring now; of\nseveral places, \
                         one each. May be repeated",
                        "之前的报告，.json 或 .html，代替现在测量；多地时每地一份。\n可重复",
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
                        "writes the list there, whole or not at all (default: standard\noutput); what was \
                         done is told beside it",
                        "将列表写入该文件，写完才替换原文件（默认标准输出）；\n另外说明做了什么",
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
            "completions for a shell, or the manual page",
            "命令行补全脚本，或手册页",
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
    "easelect: which Easemob (环信) endpoint is fastest from here, and why the others are not",
    "easelect：从本机看哪个环信（Easemob）接入地址最快，其他的为什么不行",
];

const STATUS: [&str; 2] = [
    "Exit status: 0 done; 2 wrong usage or input.",
    "退出码：0 完成；2 用法或输入有误。",
];
const STATUS_OF_DIAGNOSE: [&str; 2] = [
    "Exit status: 0 every group has a usable endpoint; 1 not so; 2 wrong usage or input; 3 inconclusive\n(time ran out) or \
     interrupted; 4 usable, but above a limit (--fail-above).",
    "退出码：0 每组都有可用的接入地址；1 并非如此；2 用法或输入有误；3 没有结论（时限已到）\n或被中断；4 可用，但超过阈值\
     （--fail-above）。",
];
const STATUS_OF_CONNECT: [&str; 2] = [
    "Exit status: 0 every connection was opened; 1 one was not; 2 wrong usage or input; 3 interrupted.",
    "退出码：0 全部连接成功；1 有连接失败；2 用法或输入有误；3 被中断。",
];
const STATUS_OF_EXPLAIN: [&str; 2] = [
    "Exit status: 0 the code is known; 2 wrong usage or input; 3 it is not known.",
    "退出码：0 错误码已知；2 用法或输入有误；3 错误码未知。",
];
const STATUS_OF_COMPARE: [&str; 2] = [
    "Exit status: 0 compared, changed or not; 2 wrong usage or input; 3 the two have nothing in common.",
    "退出码：0 已比较，无论有无变化；2 用法或输入有误；3 两份报告没有可比较的内容。",
];
const STATUS_OF_SERVER_JSON: [&str; 2] = [
    "Exit status: 0 the list is written; 1 no host was reached, or none of one section; 2 wrong list or\nusage; 3 nothing was \
     measured, or interrupted.",
    "退出码：0 已写入列表；1 没有连通任何主机，或某一部分的主机均未连通；2 列表或用法有误；\n3 没有测量到结果，或被中断。",
];

/// The program: `diagnose` without its name, and every command.
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
        "Commands (diagnose if none is given)",
        "命令（不写为 diagnose）",
    ]))
    .disable_help_subcommand(true)
    .version(env!("CARGO_PKG_VERSION"))
    .args(arguments(diagnose.sections, lang))
    .args(common(lang))
    .subcommands(commands)
}

/// What the program is for, as the manual page has it behind its name.
pub(crate) fn about(lang: Lang) -> &'static str {
    let about = told(ABOUT, lang);
    about
        .trim_start_matches("easelect")
        .trim_start_matches([':', '：', ' '])
}

/// What the exit statuses of `diagnose` mean, without the word for it.
pub(crate) fn status_of_diagnose(lang: Lang) -> &'static str {
    let status = told(STATUS_OF_DIAGNOSE, lang);
    status
        .split_once([':', '：'])
        .map_or(status, |(_, rest)| rest.trim_start())
}

/// `examples/diagnose`: no commands, two of them as options.
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

/// What every command has: its frame, without one of clap's own words.
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
        // A sentence of its own above the usage.
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
        // Lines are broken by hand: no rule for Chinese is in clap.
        .term_width(0)
}

fn common(lang: Lang) -> Vec<Arg> {
    const ALWAYS: Section = (
        ["Always", "通用"],
        &[
            option(
                "lang",
                ["zh|en", "zh|en"],
                [
                    "the language (default: the locale's)",
                    "语言（默认按系统区域设置）",
                ],
                Kind::Plain,
            ),
            short("help", 'h', ["this text", "本帮助"]),
            short("version", 'V', ["the version", "版本"]),
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
                // What begins with a hyphen is told to be no value by whoever reads it.
                _ if is_named => arg.allow_hyphen_values(true),
                _ => arg.allow_negative_numbers(true),
            }
        }
    };
    arg.required(one.kind == Kind::Needed)
}

/// Whether a command is called so.
pub(crate) fn is_command(name: &str) -> bool {
    ENTRIES.iter().any(|entry| entry.name == name)
}
