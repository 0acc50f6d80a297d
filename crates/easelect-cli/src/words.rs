//! The example's own sentences, in both languages side by side. The report's are the library's.

use std::path::Path;

use easelect::without_secrets;
use easelect_report::Lang;

use crate::zh;

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Say {
    en: String,
    zh: String,
}

impl Say {
    pub(crate) fn of(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            _ => &self.en,
        }
    }
}

pub(crate) fn say(en: impl Into<String>, zh: impl Into<String>) -> Say {
    Say {
        en: en.into(),
        zh: zh.into(),
    }
}

/// Bad usage or bad input: one line on standard error, exit status 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) Say);

impl Usage {
    /// The same, with the option that it is about before it.
    pub(crate) fn in_option(self, name: &str) -> Self {
        let Usage(Say { en, zh }) = self;
        Usage(say(format!("{name}: {en}"), format!("{name}：{zh}")))
    }
}

impl From<Say> for Usage {
    fn from(say: Say) -> Self {
        Usage(say)
    }
}

/// The library's errors are English.
impl From<easelect::Error> for Usage {
    fn from(error: easelect::Error) -> Self {
        Usage(say(error.to_string(), zh::chinese(&error)))
    }
}

impl From<lexopt::Error> for Usage {
    fn from(error: lexopt::Error) -> Self {
        Usage(match error {
            // lexopt would quote the value.
            lexopt::Error::UnexpectedValue { option, .. } => say(
                format!("{option} takes no value"),
                format!("{option} 不能带值"),
            ),
            lexopt::Error::MissingValue {
                option: Some(option),
            } => say(
                format!("{option}: a value is missing"),
                format!("{option} 缺少值"),
            ),
            other => say(other.to_string(), format!("用法有误：{other}")),
        })
    }
}

/// What was typed, as an error shows it: without what may be a password or a token in a URL.
pub(crate) fn shown(text: &str) -> String {
    format!("\"{}\"", easelect::shown(&without_secrets(text), 100))
}

/// A file, as an error shows it.
pub(crate) fn file(path: &Path) -> String {
    easelect::shown(&path.to_string_lossy(), 300)
}

/// A sentence as a terminal shows it: one line, in which nothing is hidden. Library and operating
/// system bound their own.
pub(crate) fn line(sentence: &str) -> String {
    easelect::shown(&sentence.replace(['\n', '\r'], " "), 2000)
}

/// `--help`.
pub(crate) fn help() -> Say {
    say(HELP_EN, HELP_ZH)
}

const HELP_EN: &str = "\
easelect: which Easemob (环信) endpoint is fastest from here, and why the others are not

Usage: easelect [OPTION]…

What to probe
  --region LIST        cn1,cn2,sgp1,sgp2,us1,de2, one of your own, mainland (China 1 and China 2
                       as one pool, for mobile-style clients), or all (default)
  --service LIST       websocket,legacy,rest,wechat,alipay, or all (default)
  --current URL        what the app has configured: a wss:// or https:// endpoint, or an https://
                       URL of a server.json; probed, marked, compared. May be repeated
  --catalog FILE       your own endpoints, .toml or .json
  --resolve HOST:PORT:ADDR[,ADDR…]   pin a host (* for all) to addresses, as in curl. May be repeated
  --cacert FILE        trust these PEM certificates as well
  --dns ADDR           ask this name server (IP, IP:PORT, or fe80::1%eth0) and nothing else
  --proxy URL          go through this proxy, http://, https:// or socks5://, with USER:PASSWORD@
                       where it wants them. By default the environment is obeyed: HTTPS_PROXY, ALL_PROXY;
                       what is in NO_PROXY goes past the proxy
  --no-proxy           no proxy, whatever the environment says
  -4, -6               only IPv4, only IPv6
  --lab [SCENARIO]     a simulated network instead of the real one: a built-in name or a file
                       (beijing, the default, or hostile, in which everything goes wrong).
                       Works offline

How
  --rounds N           attempts at every address, 1 to 100000 (default: as many as it needs)
  --timeout TIME       for one attempt (default: 5s)
  --deadline TIME      for everything (default: 60s)
  --in-flight N        attempts at a time, 1 to 64 (default: 16)

Instead of probing
  --list               print the catalogue; nothing is sent
  --connect [N]        open N connections (default: 1) as an app would, through the selector, in
                       one region (or mainland) and one service
  --history FILE       with --connect: keep what is learned there, and begin with it
  --network ID         with --connect: the network's name in the history (default: told by
                       the routes)

Output
  --fail-above LIMIT   exit with 1 if an endpoint is above, as in p50=300ms; also mean, p90, p99,
                       max, expected_cost. May be repeated
  --lang zh|en         the language (default: the locale's)
  --format table|json  (default: table)
  --output FILE        write there, whole or not at all
  -h, --help           this text
  -V, --version        the version

Exit status: 0 every group has an endpoint that is ready, and nothing is above a limit; 1 not so,
or a connection failed; 2 bad usage or bad input.
";

const HELP_ZH: &str = "\
easelect：从本机看哪个环信（Easemob）接入地址最快，其他的为什么不行

用法：easelect [选项]…

测什么
  --region 列表        cn1,cn2,sgp1,sgp2,us1,de2，自己的数据中心，mainland（国内 1 区与 2 区
                       合为一池，仅适合移动端式的客户端），或 all（默认）
  --service 列表       websocket,legacy,rest,wechat,alipay，或 all（默认）
  --current URL        应用当前的配置：wss:// 或 https:// 接入地址，或 server.json 的 https:// 地址；
                       一并探测、标出并比较。可重复
  --catalog 文件       自己的接入地址目录，.toml 或 .json
  --resolve HOST:PORT:ADDR[,ADDR…]   指定主机（* 为全部）的地址，同 curl。可重复
  --cacert 文件        额外信任的 PEM 证书
  --dns ADDR           只询问该 DNS 服务器（IP、IP:PORT 或 fe80::1%eth0），不用系统解析器
  --proxy URL          经此代理，http://、https:// 或 socks5://，需要认证时加 USER:PASSWORD@。默认
                       按环境变量 HTTPS_PROXY、ALL_PROXY；NO_PROXY 中的主机不经代理
  --no-proxy           不经代理，无论环境变量如何
  -4, -6               只用 IPv4，只用 IPv6
  --lab [场景]         用模拟网络代替真实网络：内置名称（beijing，默认；hostile，各种故障）或
                       文件。可离线运行

怎么测
  --rounds N           每个地址的尝试次数，1 到 100000（默认按需）
  --timeout 时间       单次尝试的超时（默认 5s）
  --deadline 时间      总时限（默认 60s）
  --in-flight N        同时进行的尝试数，1 到 64（默认 16）

不探测
  --list               列出目录；不发送任何数据
  --connect [N]        像应用那样通过选择器打开 N 个连接（默认 1），需指定一个数据中心（或
                       mainland）和一个服务
  --history FILE       与 --connect 同用：把学到的记在该文件里，下次从它开始
  --network ID         与 --connect 同用：历史中本网络的名称（默认按路由判断）

输出
  --fail-above 阈值    有接入地址超过时退出码为 1，例如 p50=300ms；也可用 mean、p90、p99、max、
                       expected_cost。可重复
  --lang zh|en         语言（默认按系统区域设置）
  --format table|json  格式（默认 table）
  --output 文件        写入文件，要么完整要么不写
  -h, --help           本帮助
  -V, --version        版本

退出码：0 每组都有可用的接入地址且没有超过阈值；1 并非如此，或连接失败；2 用法或输入有误。
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_missing_or_too_many_are_told_in_both_languages() {
        use lexopt::Error::{MissingValue, UnexpectedValue};

        let told = |error: lexopt::Error| {
            let Usage(why) = error.into();
            [Lang::En, Lang::Zh].map(|lang| why.of(lang).to_owned())
        };
        let option = || "--dns".to_owned();
        let missing = MissingValue {
            option: Some(option()),
        };
        assert_eq!(told(missing), ["--dns: a value is missing", "--dns 缺少值"]);
        let unexpected = UnexpectedValue {
            option: option(),
            value: "hunter2".into(),
        };
        assert_eq!(told(unexpected), ["--dns takes no value", "--dns 不能带值"]);
    }

    #[test]
    fn both_helps_name_every_option() {
        for option in [
            "--region",
            "--service",
            "--current",
            "--catalog",
            "--resolve",
            "--cacert",
            "--dns",
            "--proxy",
            "--no-proxy",
            "-4",
            "-6",
            "--lab",
            "--rounds",
            "--timeout",
            "--deadline",
            "--in-flight",
            "--list",
            "--connect",
            "--history",
            "--network",
            "--fail-above",
            "--lang",
            "--format",
            "--output",
            "--help",
            "--version",
        ] {
            for lang in [Lang::En, Lang::Zh] {
                assert!(help().of(lang).contains(option), "{option} in {lang:?}");
            }
        }
    }
}
