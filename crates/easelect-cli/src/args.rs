//! Parses the command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ArgMatches;
use easelect::{Families, PinnedHost, Proxy, Service};
use easelect_report::{Format, Lang, Threshold};

use crate::app_key::AppKey;
use crate::complaint::complaint;
use crate::name_servers::name_server;
use crate::words::{Usage, say, shown};

/// The command to run.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Prints this text: the help, or the version.
    Tell(String),
    List,
    Diagnose,
    Connect(u32),
    Advise,
    Explain(String),
    Compare([PathBuf; 2]),
    Page,
    ServerJson,
    /// For a shell of this name; `man` is the manual page.
    Completions(String),
}

/// The value of `--region`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Regions {
    /// Not given: all, unless the user can be asked.
    Unsaid,
    All,
    Mainland,
    These(Vec<String>),
}

/// The proxy to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    /// The environment's, if it names one.
    Environment,
    Nothing,
    This(Proxy),
}

/// The command and its options.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) regions: Regions,
    /// `None` means all.
    pub(crate) services: Option<Vec<Service>>,
    pub(crate) rounds: Option<u32>,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) in_flight: usize,
    pub(crate) current: Vec<String>,
    pub(crate) resolve: Vec<PinnedHost>,
    pub(crate) cacert: Option<PathBuf>,
    pub(crate) catalog: Option<PathBuf>,
    pub(crate) families: Families,
    /// The DNS server to ask instead of the platform's resolver.
    pub(crate) dns: Option<SocketAddr>,
    pub(crate) proxy: Through,
    pub(crate) lab: Option<String>,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) lang: Lang,
    /// `None` without `--format`: the output's name decides.
    pub(crate) format: Option<Format>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) details: bool,
    /// Whether files and pipes keep private details.
    pub(crate) full: bool,
    pub(crate) ascii: bool,
    pub(crate) note: Option<String>,
    pub(crate) newer: bool,
    pub(crate) app_key: Option<AppKey>,
    /// `None` means all.
    pub(crate) sdks: Option<Vec<String>>,
    /// At most one, except with `server-json`.
    pub(crate) reports: Vec<PathBuf>,
    /// The file or URL of the list that `server-json` sorts.
    pub(crate) from: Option<String>,
    /// The history file of `connect`.
    pub(crate) history: Option<PathBuf>,
    /// The current network's name in the history.
    pub(crate) network: Option<String>,
}

impl Options {
    fn new(lang: Lang) -> Self {
        Options {
            command: Command::Diagnose,
            regions: Regions::Unsaid,
            services: None,
            rounds: None,
            timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(60),
            in_flight: 16,
            current: Vec::new(),
            resolve: Vec::new(),
            cacert: None,
            catalog: None,
            families: Families::Both,
            dns: None,
            proxy: Through::Environment,
            lab: None,
            thresholds: Vec::new(),
            lang,
            format: None,
            output: None,
            details: false,
            full: false,
            ascii: false,
            note: None,
            newer: false,
            app_key: None,
            sdks: None,
            reports: Vec::new(),
            from: None,
            history: None,
            network: None,
        }
    }
}

/// Returns the language of all output, also of errors in options before `--lang`.
pub(crate) fn lang(args: &[OsString], locale: Option<&str>) -> Lang {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        let given = match arg.strip_prefix("--lang") {
            Some("") => args.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(lang) = given.and_then(|given| lang_of(given).ok()) {
            return lang;
        }
    }
    locale.map(Lang::of_locale).unwrap_or_default()
}

/// Parses the arguments, which begin after the program's name, by the definition of `program`.
pub(crate) fn parse(
    args: Vec<OsString>,
    lang: Lang,
    program: &clap::Command,
) -> Result<Options, Usage> {
    let mut options = Options::new(lang);
    // Many programs have `help connect`.
    let mut args = args;
    if args.first().is_some_and(|first| first == "help") {
        args.remove(0);
        args.push("--help".into());
    }
    let typed = args.first().cloned().unwrap_or_default();
    let with_name = std::iter::once(OsString::from(program.get_name())).chain(args);
    let matches = match program.clone().try_get_matches_from(with_name) {
        Ok(matches) => matches,
        Err(asked) if !asked.use_stderr() => {
            let told = asked.render().to_string();
            options.command = Command::Tell(match lang {
                // clap ends each heading with an ASCII colon.
                Lang::Zh => told.replace(":\n", "：\n"),
                _ => told,
            });
            return Ok(options);
        }
        Err(error) => return Err(complaint(&error, program, &typed).into()),
    };
    let Some((name, given)) = matches.subcommand() else {
        options.command = match (flag(&matches, "list"), text(&matches, "connect")?) {
            (true, _) => Command::List,
            (_, Some(count)) => Command::Connect(number("--connect", &count, 1, 10_000)?),
            _ => Command::Diagnose,
        };
        return read_all(options, &matches);
    };
    if let Some(stray) = stray(&matches) {
        return Err(say(
            format!("{stray} is before {name}: write options after the command"),
            format!("{stray} 写在了 {name} 之前：请把选项写在命令之后"),
        )
        .into());
    }
    let needed = |id| Ok::<_, Usage>(text(given, id)?.unwrap_or_default());
    options.command = match name {
        "list" => Command::List,
        "connect" => match text(given, "COUNT")? {
            Some(count) => Command::Connect(number("COUNT", &count, 1, 10_000)?),
            None => Command::Connect(1),
        },
        "advise" => Command::Advise,
        "explain" => match needed("CODE")? {
            code if code.trim().is_empty() => {
                return Err(say("explain: the code is empty", "explain：错误码为空").into());
            }
            code => Command::Explain(code),
        },
        "compare" => {
            let file = |id: &str| Ok::<_, Usage>(path(given, id)?.unwrap_or_default());
            Command::Compare([file("A")?, file("B")?])
        }
        "page" => Command::Page,
        "server-json" => Command::ServerJson,
        "completions" => Command::Completions(needed("SHELL")?),
        _ => Command::Diagnose,
    };
    read_all(options, given)
}

/// Returns an option that is before the command. `--lang` may be anywhere.
fn stray(matches: &ArgMatches) -> Option<String> {
    let given = |id: &&str| {
        matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine) && *id != "lang"
    };
    let first = matches.ids().map(clap::Id::as_str).find(given)?;
    Some(long(first))
}

/// Returns the option with this identifier as it is written.
fn long(id: &str) -> String {
    match id {
        "ipv4" => "-4".to_owned(),
        "ipv6" => "-6".to_owned(),
        id if id.starts_with(|c: char| c.is_ascii_uppercase()) => id.to_owned(),
        id => format!("--{id}"),
    }
}

/// Reads the options that this command has.
fn read_all(mut options: Options, given: &ArgMatches) -> Result<Options, Usage> {
    let o = &mut options;
    if let Some(lang) = text(given, "lang")? {
        // `lang` has found it already; this checks the value.
        o.lang = lang_of(&lang)?;
    }
    if let Some(list) = text(given, "region")? {
        o.regions = regions(&list)?;
    }
    if let Some(list) = text(given, "service")? {
        o.services = services(&list)?;
    }
    if let Some(rounds) = text(given, "rounds")? {
        o.rounds = Some(number("--rounds", &rounds, 1, 100_000)?);
    }
    for (id, place) in [("timeout", &mut o.timeout), ("deadline", &mut o.deadline)] {
        if let Some(time) = text(given, id)? {
            *place = duration(&long(id), &time)?;
        }
    }
    if let Some(count) = text(given, "in-flight")? {
        o.in_flight = number("--in-flight", &count, 1, 64)?;
    }
    o.current = texts(given, "current")?;
    for pin in texts(given, "resolve")? {
        pinned(&mut o.resolve, &pin)?;
    }
    for (id, place) in [
        ("cacert", &mut o.cacert),
        ("catalog", &mut o.catalog),
        ("history", &mut o.history),
        ("output", &mut o.output),
    ] {
        *place = path(given, id)?;
    }
    o.reports = paths(given, "report")?;
    o.from = filled(given, "from")?;
    o.network = text(given, "network")?;
    if let Some(server) = text(given, "dns")? {
        o.dns = Some(name_server(&server)?);
    }
    if let Some(proxy) = text(given, "proxy")? {
        o.proxy = Through::This(read("--proxy", &proxy)?);
    }
    if flag(given, "no-proxy") {
        o.proxy = Through::Nothing;
    }
    for (id, families) in [("ipv4", Families::V4), ("ipv6", Families::V6)] {
        if flag(given, id) {
            o.families = families;
        }
    }
    o.lab = filled(given, "lab")?;
    for limit in texts(given, "fail-above")? {
        threshold(o, &limit)?;
    }
    if let Some(format) = text(given, "format")? {
        o.format = Some(format_of(&format, &o.command)?);
    }
    o.details = flag(given, "details");
    o.full = flag(given, "full");
    o.ascii = flag(given, "ascii");
    o.newer = flag(given, "newer");
    o.note = filled(given, "note")?;
    if let Some(key) = text(given, "app-key")? {
        o.app_key = Some(key.parse()?);
    }
    if let Some(list) = text(given, "sdk")? {
        o.sdks = (list != "all").then(|| list.split(',').map(str::to_owned).collect());
    }
    check_conflicts(given, &options)?;
    check_name(&options)?;
    Ok(options)
}

fn flag(given: &ArgMatches, id: &str) -> bool {
    let one = given.try_get_one::<bool>(id);
    one.ok().flatten().copied().unwrap_or_default()
}

/// Returns an option's value; `None` if the command doesn't have the option.
fn raw(given: &ArgMatches, id: &str) -> Option<OsString> {
    given.try_get_one::<OsString>(id).ok().flatten().cloned()
}

fn text(given: &ArgMatches, id: &str) -> Result<Option<String>, Usage> {
    raw(given, id).map(|value| unicode(id, value)).transpose()
}

fn texts(given: &ArgMatches, id: &str) -> Result<Vec<String>, Usage> {
    let all = given.try_get_many::<OsString>(id).ok().flatten();
    let all = all.into_iter().flatten().cloned();
    all.map(|value| unicode(id, value)).collect()
}

/// Returns a value that may not be empty.
fn filled(given: &ArgMatches, id: &str) -> Result<Option<String>, Usage> {
    let value = text(given, id)?;
    if value.as_deref() == Some("") {
        let name = long(id);
        return Err(say(
            format!("{name}: the value is empty"),
            format!("{name} 的值为空"),
        )
        .into());
    }
    Ok(value)
}

fn unicode(id: &str, value: OsString) -> Result<String, Usage> {
    value.into_string().map_err(|value| {
        let value = shown(&value.to_string_lossy());
        let why = say(
            format!("{value} is not UTF-8"),
            format!("{value} 不是 UTF-8"),
        );
        Usage::from(why).in_option(&long(id))
    })
}

/// Parses a value of one of the library's types.
fn read<T: FromStr<Err = easelect::Error>>(name: &str, text: &str) -> Result<T, Usage> {
    text.parse()
        .map_err(|error| Usage::from(error).in_option(name))
}

/// Parses a language, or a locale such as `zh_CN.UTF-8`.
fn lang_of(text: &str) -> Result<Lang, Usage> {
    let locale = text.split(['_', '-', '.']).next().unwrap_or_default();
    read("--lang", &locale.to_ascii_lowercase()).or_else(|_| read("--lang", text))
}

/// Adds a pin, or removes one (`-HOST:PORT`), as curl does.
fn pinned(pins: &mut Vec<PinnedHost>, text: &str) -> Result<(), Usage> {
    match text
        .strip_prefix('-')
        .and_then(|gone| gone.rsplit_once(':'))
    {
        Some((host, port)) => {
            // Normalises the host as in the pin to be removed.
            let gone = PinnedHost::new(host, 0, Vec::new());
            pins.retain(|one| (one.host(), one.port().to_string().as_str()) != (gone.host(), port));
        }
        None => pins.push(
            read("--resolve", text).map_err(|why| match wrong_address(text) {
                Some(address) => {
                    let address = shown(address);
                    Usage::from(say(
                        format!("{address} is not an IP address"),
                        format!("{address} 不是 IP 地址"),
                    ))
                    .in_option("--resolve")
                }
                None => why,
            })?,
        ),
    }
    Ok(())
}

/// Returns the address of a pin that is none, if the rest of the pin has the right form.
fn wrong_address(pin: &str) -> Option<&str> {
    let (host, rest) = pin.split_once(':')?;
    let (port, addresses) = rest.split_once(':')?;
    let has_form = !host.is_empty() && port.parse::<u16>().is_ok();
    let bare = |one: &str| one.trim_matches(['[', ']']).parse::<IpAddr>();
    let mut addresses = addresses.split(',').filter(|one| !one.is_empty());
    addresses
        .find(|one| bare(one).is_err())
        .filter(|_| has_form)
}

fn path(given: &ArgMatches, id: &str) -> Result<Option<PathBuf>, Usage> {
    raw(given, id).map(|path| file(id, path)).transpose()
}

fn paths(given: &ArgMatches, id: &str) -> Result<Vec<PathBuf>, Usage> {
    let all = given.try_get_many::<OsString>(id).ok().flatten();
    let all = all.into_iter().flatten().cloned();
    all.map(|path| file(id, path)).collect()
}

fn file(id: &str, path: OsString) -> Result<PathBuf, Usage> {
    let path = PathBuf::from(path);
    if path.as_os_str().is_empty() {
        return Err(Usage::from(say("the file name is empty", "文件名为空")).in_option(&long(id)));
    }
    // Not quoted: it may have a password in it.
    if is_url(&path.to_string_lossy()) {
        let why = say("expected a file, not a URL", "应为文件，而不是 URL");
        return Err(Usage::from(why).in_option(&long(id)));
    }
    Ok(path)
}

/// Whether a file's name is a URL, or was meant as one: without a scheme, or with a slash too few.
pub(crate) fn is_url(text: &str) -> bool {
    // A user without a scheme.
    if text.starts_with("//") && text.contains('@') {
        return true;
    }
    let Some((before, after)) = text.split_once(':') else {
        return false;
    };
    // `C:\…` is a path: a drive's letter is no scheme.
    let (is_path, slashed) = (before.contains(['/', '\\']), after.starts_with(['/', '\\']));
    let is_scheme = before.len() > 1 && slashed && !is_path;
    text.contains("://") || is_scheme || (!is_path && !slashed && after.contains('@'))
}

fn number<T: FromStr + PartialOrd + Display>(
    name: &str,
    text: &str,
    least: T,
    most: T,
) -> Result<T, Usage> {
    match text.parse() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => {
            let text = shown(text);
            Err(say(
                format!("{name} {text}: expected a number from {least} to {most}"),
                format!(
                    "{} {text}：应为 {least} 到 {most} 的整数",
                    name.replace("COUNT", "次数")
                ),
            )
            .into())
        }
    }
}

fn duration(name: &str, text: &str) -> Result<Duration, Usage> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() && time <= DAY => Ok(time),
        _ => {
            let text = shown(text);
            Err(say(
                format!(
                    "{name} {text}: expected a time above 0 and up to 24h, such as 5s or 300ms"
                ),
                format!("{name} {text}：应为大于 0、不超过 24h 的时间，例如 5s、300ms"),
            )
            .into())
        }
    }
}

/// Returns a name without case and blanks, by which names are compared.
pub(crate) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !c.is_whitespace());
    letters.flat_map(char::to_lowercase).collect()
}

fn regions(text: &str) -> Result<Regions, Usage> {
    let one_of = |text: &str| match plain(text).as_str() {
        "all" | "全部" => Some(Regions::All),
        "mainland" => Some(Regions::Mainland),
        _ => None,
    };
    if let Some(set) = one_of(text) {
        return Ok(set);
    }
    let mut these: Vec<String> = Vec::new();
    for one in items("--region", text)? {
        if one_of(one).is_some() {
            return Err(say(
                format!("--region: {one} can't be combined with other data centres"),
                format!("--region：{one} 不能与其他数据中心并列"),
            )
            .into());
        }
        let one = one.trim().to_owned();
        if !these.contains(&one) {
            these.push(one);
        }
    }
    Ok(Regions::These(these))
}

/// Splits a list, none of whose items may be empty.
fn items<'a>(option: &str, text: &'a str) -> Result<Vec<&'a str>, Usage> {
    let items: Vec<&str> = text.split([',', '，', '、']).collect();
    let why = match items.as_slice() {
        [one] if one.trim().is_empty() => say("the value is empty", "值为空"),
        [.., last] if last.trim().is_empty() => {
            say("there is a comma too many at the end", "末尾多了逗号")
        }
        all if all.iter().any(|one| one.trim().is_empty()) => {
            say("there is a comma too many", "多了逗号")
        }
        _ => return Ok(items),
    };
    Err(Usage::from(why).in_option(option))
}

fn unknown_service(name: &str) -> Usage {
    const KNOWN: [&str; 6] = ["websocket", "legacy", "rest", "wechat", "alipay", "files"];
    let name = shown(name.trim());
    let why = say(
        format!(
            "unknown service {name}: expected {} or all",
            KNOWN.join(", ")
        ),
        format!(
            "未知的服务 {name}：应为 {} 或 all，也可用中文名，如 微信小程序",
            KNOWN.join("、")
        ),
    );
    Usage::from(why).in_option("--service")
}

fn services(text: &str) -> Result<Option<Vec<Service>>, Usage> {
    if matches!(plain(text).as_str(), "all" | "全部") {
        return Ok(None);
    }
    let mut these: Vec<Service> = Vec::new();
    for one in items("--service", text)? {
        let service = match plain(one).as_str() {
            "socket3.0" => Service::Websocket,
            "socket2.0" => Service::Legacy,
            "restful" | "restfulapi" => Service::Rest,
            "微信" | "微信小程序" => Service::Wechat,
            "支付宝" | "支付宝小程序" => Service::Alipay,
            "文件" | "文件服务" => Service::Files,
            id => id.parse().map_err(|_| unknown_service(one))?,
        };
        if !these.contains(&service) {
            these.push(service);
        }
    }
    Ok(Some(these))
}

fn format_of(text: &str, command: &Command) -> Result<Format, Usage> {
    let known: &[Format] = match command {
        Command::Diagnose => Format::ALL,
        _ => &[Format::Table, Format::Json],
    };
    let named = |one: &&Format| one.as_str() == plain(text);
    known.iter().find(named).copied().ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|one| one.as_str()).collect();
        let (text, all) = (shown(text), names.split_last());
        let (last, others) = all.expect("every command has a format");
        say(
            format!("--format {text}: expected {} or {last}", others.join(", ")),
            format!("--format {text}：应为 {} 或 {last}", others.join("、")),
        )
        .into()
    })
}

/// Returns the format: that of `--format`, or else the one of the file's extension, or else a table.
pub(crate) fn format(options: &Options, file: Option<&Path>) -> Format {
    let by_name = file.and_then(Format::of);
    options.format.or(by_name).unwrap_or(Format::Table)
}

/// Refuses a file whose extension is that of no format.
fn check_name(options: &Options) -> Result<(), Usage> {
    const TEXT: [&str; 3] = ["txt", "log", "text"];
    let measures = matches!(options.command, Command::Diagnose);
    let file = options
        .output
        .as_deref()
        .filter(|_| measures && options.format.is_none());
    let Some(ending) = file.and_then(|file| Some(file.extension()?.to_str()?.to_ascii_lowercase()))
    else {
        return Ok(());
    };
    let known = file.and_then(Format::of).is_some() || TEXT.contains(&&*ending);
    // What follows the dot of a device or another name may be no extension.
    let is_word = ending.len() <= 5 && ending.chars().all(|c| c.is_ascii_alphabetic());
    if known || !is_word {
        return Ok(());
    }
    let ending = shown(&ending);
    Err(say(
        format!(
            "--output: unknown extension {ending}: expected .html, .json, .md, .csv, .prom or .txt; or choose the format with --format"
        ),
        format!(
            "--output：未知的扩展名 {ending}：应为 .html、.json、.md、.csv、.prom 或 .txt；或用 --format 指定格式"
        ),
    )
    .into())
}

fn threshold(options: &mut Options, text: &str) -> Result<(), Usage> {
    let threshold: Threshold = read("--fail-above", text)?;
    let figure = threshold.figure;
    if options.thresholds.iter().any(|one| one.figure == figure) {
        let figure = figure.as_str();
        return Err(say(
            format!("--fail-above: {figure} is given twice"),
            format!("--fail-above：{figure} 重复"),
        )
        .into());
    }
    options.thresholds.push(threshold);
    Ok(())
}

/// Refuses options that contradict each other, or that would silently do nothing.
fn check_conflicts(given: &ArgMatches, options: &Options) -> Result<(), Usage> {
    let is_given = |name: &str| {
        let id = match name {
            "-4" => "ipv4",
            "-6" => "ipv6",
            name => name.trim_start_matches('-'),
        };
        let known = given.try_contains_id(id).is_ok();
        known && given.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
    };
    const MEASURING: &[&str] = &[
        "--current",
        "--app-key",
        "--fail-above",
        "--rounds",
        "--in-flight",
        "--timeout",
        "--note",
        "--details",
        "--full",
        "--newer",
    ];
    // Reports replace the measurement.
    let by_report: &[&str] = match options.command {
        Command::ServerJson => &["--region", "--catalog", "--rounds", "--in-flight"],
        _ => &[],
    };
    for (one, others) in [
        ("-4", ["-6"].as_slice()),
        // The proxy resolves the names.
        ("--proxy", &["--no-proxy", "--lab", "--resolve"]),
        ("--no-proxy", &["--lab"]),
        // A lab has a resolver of its own.
        ("--dns", &["--lab"]),
        (
            "--list",
            &[
                "--connect",
                "--lab",
                "--resolve",
                "--cacert",
                "--dns",
                "--proxy",
                "--no-proxy",
                "--deadline",
                "-4",
                "-6",
            ],
        ),
        ("--list", MEASURING),
        ("--connect", MEASURING),
        ("--from", &["--app-key"]),
        ("--report", by_report),
    ] {
        if let Some(other) = others.iter().find(|other| is_given(one) && is_given(other)) {
            return Err(say(
                format!("{one} and {other} can't be combined"),
                format!("{one} 与 {other} 不能同时使用"),
            )
            .into());
        }
    }
    let connects = matches!(options.command, Command::Connect(_));
    for (name, is_given) in [
        ("--history", options.history.is_some()),
        ("--network", options.network.is_some()),
    ] {
        if is_given && !connects {
            return Err(say(
                format!("{name} needs --connect: a measurement keeps no history"),
                format!("{name} 需要与 --connect 同用：测量不记录历史"),
            )
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    fn parsed(line: &str) -> Result<Options, Usage> {
        let args = line.split_whitespace().map(OsString::from).collect();
        parse(args, Lang::En, &command::example(Lang::En))
    }

    #[test]
    fn pins_come_and_go_as_curls() {
        let pinned = |line: &str| -> Vec<String> {
            let pins = parsed(line).unwrap().resolve;
            pins.iter().map(|pin| pin.host().to_owned()).collect()
        };
        assert_eq!(
            pinned("--resolve *:443:10.0.0.1 --resolve +b:443:10.0.0.2"),
            ["*", "b"]
        );
        assert_eq!(
            pinned("--resolve a:443:10.0.0.1 --resolve a:80:10.0.0.1 --resolve -a:443"),
            ["a"]
        );
        assert!(pinned("--resolve -a:443").is_empty());
        assert!(pinned("--resolve im.example:443:10.0.0.1 --resolve -IM.example:443").is_empty());
        assert!(pinned("--resolve [::1]:443:10.0.0.1 --resolve -[::1]:443").is_empty());
    }

    #[test]
    fn defaults() {
        let options = parsed("").unwrap();
        assert!(matches!(options.command, Command::Diagnose));
        assert_eq!(options.regions, Regions::Unsaid);
        assert_eq!(options.services, None);
        assert_eq!(options.timeout, Duration::from_secs(5));
        assert_eq!((options.rounds, options.lab), (None, None));
    }

    #[test]
    fn optional_values_may_be_left_out() {
        let options = parsed("--lab --format json").unwrap();
        assert_eq!(options.lab.as_deref(), Some("beijing"));
        assert_eq!(options.format, Some(Format::Json));
        for line in ["--lab own.toml", "--lab=own.toml"] {
            assert_eq!(parsed(line).unwrap().lab.as_deref(), Some("own.toml"));
        }
        assert!(matches!(
            parsed("--connect -4").unwrap().command,
            Command::Connect(1)
        ));
        assert!(matches!(
            parsed("--connect 7").unwrap().command,
            Command::Connect(7)
        ));
    }

    #[test]
    fn a_proxy_is_the_environments_unless_said_otherwise() {
        assert_eq!(parsed("").unwrap().proxy, Through::Environment);
        assert_eq!(parsed("--no-proxy").unwrap().proxy, Through::Nothing);
        let given = parsed("--proxy socks5://me:secret@h:1").unwrap();
        assert!(matches!(&given.proxy, Through::This(one) if one.host() == "h"));
        assert!(!format!("{given:?}").contains("secret"));
        let Err(Usage(why)) = parsed("--proxy ftp://me:secret@h:1") else {
            panic!("no such proxy");
        };
        assert!(!why.of(Lang::Zh).contains("secret"));
    }

    #[test]
    fn a_name_server_may_be_named() {
        let options = parsed("--dns 223.5.5.5").unwrap();
        assert_eq!(options.dns, Some(SocketAddr::from(([223, 5, 5, 5], 53))));
        for line in [
            "--dns dns.example",
            "--dns 1.1.1.1 --lab",
            "--dns ::1 --list",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn lists() {
        let options = parsed("--region cn1,sgp1,cn1 --service rest,websocket").unwrap();
        let these = vec!["cn1".to_owned(), "sgp1".to_owned()];
        assert_eq!(options.regions, Regions::These(these));
        let services = vec![Service::Rest, Service::Websocket];
        assert_eq!(options.services, Some(services));
    }

    #[test]
    fn names_are_read_in_any_case_and_in_chinese() {
        let options = parsed("--region MAINLAND --service 微信小程序,REST,Socket2.0").unwrap();
        assert_eq!(options.regions, Regions::Mainland);
        let services = vec![Service::Wechat, Service::Rest, Service::Legacy];
        assert_eq!(options.services, Some(services));
        let all = parsed("--region 全部 --service All").unwrap();
        assert_eq!((all.regions, all.services), (Regions::All, None));
        for (lang, read) in [
            ("zh-CN", Lang::Zh),
            ("zh_TW.UTF-8", Lang::Zh),
            ("EN", Lang::En),
        ] {
            assert_eq!(parsed(&format!("--lang {lang}")).unwrap().lang, read);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--rounds 0",
            "--rounds 100001",
            "--rounds x",
            "--timeout 0s",
            "--timeout 5",
            "--deadline 25h",
            "--in-flight 65",
            "--in-flight 0",
            "--history x.json",
            "--network home",
            "--connect 0",
            "--connect 10001",
            "--connect x",
            "--connect=",
            "--proxy ftp://h:1",
            "--proxy h:1 --no-proxy",
            "--proxy h:1 --lab",
            "--proxy h:1 --resolve a:443:10.0.0.1",
            "--no-proxy --list",
            "-4 -6",
            "-4 -4",
            "--list --connect",
            "--list --lab",
            "--connect --fail-above p50=1s",
            "--catalog a.toml --catalog b.toml",
            "--region cn1 --region cn2",
            "--region cn1,all",
            "--service web",
            "--resolve nonsense",
            "--fail-above p50",
            "--fail-above p50=1s --fail-above p50=2s",
            "--format xml",
            "--lang fr",
            "--output",
            "--nonsense",
            "-x",
            "stray",
        ] {
            let Err(Usage(why)) = parsed(line) else {
                panic!("{line:?} is taken");
            };
            assert!(!why.of(Lang::En).contains('\n'), "{line:?}");
        }
    }

    #[test]
    fn the_language_is_known_before_the_first_error() {
        let args =
            |line: &str| -> Vec<OsString> { line.split_whitespace().map(OsString::from).collect() };
        assert_eq!(lang(&args("--bad --lang zh"), Some("en_US")), Lang::Zh);
        assert_eq!(lang(&args("--lang=en"), Some("zh_CN")), Lang::En);
        assert_eq!(lang(&args(""), Some("zh_CN.UTF-8")), Lang::Zh);
        assert_eq!(lang(&args("--lang"), None), Lang::En);
    }
}
