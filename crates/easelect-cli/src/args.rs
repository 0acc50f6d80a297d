//! The command line.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use easelect::{Families, PinnedHost, Proxy, Service};
use easelect_report::{Lang, Threshold};
use lexopt::prelude::*;

use crate::name_servers::name_server;
use crate::words::{Usage, say, shown};

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Version,
    List,
    Probe,
    Connect(u32),
}

/// Which regions were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Regions {
    All,
    Mainland,
    These(Vec<String>),
}

/// Which proxy to go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    /// The one that the environment names, if any.
    Environment,
    Nothing,
    This(Proxy),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

/// Everything that was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) regions: Regions,
    /// `None` is all.
    pub(crate) services: Option<Vec<Service>>,
    pub(crate) rounds: Option<u32>,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) in_flight: usize,
    pub(crate) current: Vec<String>,
    /// As typed and checked; [`Pin`] itself doesn't tell what is in it.
    pub(crate) resolve: Vec<PinnedHost>,
    pub(crate) cacert: Option<PathBuf>,
    pub(crate) catalog: Option<PathBuf>,
    pub(crate) families: Families,
    /// The name server to ask instead of the platform's resolver.
    pub(crate) dns: Option<SocketAddr>,
    pub(crate) proxy: Through,
    pub(crate) lab: Option<String>,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) lang: Lang,
    pub(crate) format: Format,
    pub(crate) output: Option<PathBuf>,
    /// Where `--connect` keeps what it learns.
    pub(crate) history: Option<PathBuf>,
    /// The network's name in the history.
    pub(crate) network: Option<String>,
}

impl Options {
    fn new(lang: Lang) -> Self {
        Options {
            command: Command::Probe,
            regions: Regions::All,
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
            format: Format::Table,
            output: None,
            history: None,
            network: None,
        }
    }
}

/// The language of everything, also of errors in options before `--lang`.
pub(crate) fn lang(args: &[OsString], locale: Option<&str>) -> Lang {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        let given = match arg.strip_prefix("--lang") {
            Some("") => args.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(lang) = given.and_then(|given| given.parse().ok()) {
            return lang;
        }
    }
    locale.map(Lang::of_locale).unwrap_or_default()
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: Vec<OsString>, lang: Lang) -> Result<Options, Usage> {
    let mut options = Options::new(lang);
    let mut seen = HashSet::new();
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        let name = match &arg {
            Short(short) => format!("-{short}"),
            Long(long) => format!("--{long}"),
            Value(value) => {
                let value = shown(&value.to_string_lossy());
                return Err(say(
                    format!("unexpected argument {value}: see --help"),
                    format!("多余的参数 {value}：见 --help"),
                )
                .into());
            }
        };
        let repeatable = matches!(name.as_str(), "--current" | "--resolve" | "--fail-above");
        if !repeatable && !seen.insert(name.clone()) {
            return Err(say(format!("{name} is given twice"), format!("{name} 重复")).into());
        }
        match name.as_str() {
            "-h" | "--help" => {
                options.command = Command::Help;
                return Ok(options);
            }
            "-V" | "--version" => {
                options.command = Command::Version;
                return Ok(options);
            }
            "--region" => options.regions = regions(&text(&name, &mut parser)?)?,
            "--service" => options.services = services(&text(&name, &mut parser)?)?,
            "--rounds" => {
                options.rounds = Some(number(&name, &text(&name, &mut parser)?, 1, 100_000)?);
            }
            "--timeout" => options.timeout = duration(&name, &text(&name, &mut parser)?)?,
            "--deadline" => options.deadline = duration(&name, &text(&name, &mut parser)?)?,
            "--in-flight" => options.in_flight = number(&name, &text(&name, &mut parser)?, 1, 64)?,
            "--current" => options.current.push(text(&name, &mut parser)?),
            "--resolve" => {
                let pin = text(&name, &mut parser)?;
                match pin.strip_prefix('-').and_then(|gone| gone.rsplit_once(':')) {
                    // As curl takes one back.
                    Some((host, port)) => {
                        // Read as the one that is taken back.
                        let gone = PinnedHost::new(host, 0, Vec::new());
                        options.resolve.retain(|one| {
                            (one.host(), one.port().to_string().as_str()) != (gone.host(), port)
                        });
                    }
                    None => options.resolve.push(read(&name, &pin)?),
                }
            }
            "--cacert" => options.cacert = Some(path(&name, &mut parser)?),
            "--catalog" => options.catalog = Some(path(&name, &mut parser)?),
            "--history" => options.history = Some(path(&name, &mut parser)?),
            "--network" => options.network = Some(text(&name, &mut parser)?),
            "--output" => options.output = Some(path(&name, &mut parser)?),
            "--dns" => options.dns = Some(name_server(&text(&name, &mut parser)?)?),
            "--proxy" => options.proxy = Through::This(read(&name, &text(&name, &mut parser)?)?),
            "--no-proxy" => options.proxy = Through::Nothing,
            "-4" => options.families = Families::V4,
            "-6" => options.families = Families::V6,
            "--list" => options.command = Command::List,
            "--lab" => {
                let scenario = optional(&mut parser, "--lab")?;
                options.lab = Some(scenario.unwrap_or_else(|| "beijing".to_owned()));
            }
            "--connect" => {
                let count = match optional(&mut parser, "--connect")? {
                    Some(count) => number(&name, &count, 1, 10_000)?,
                    None => 1,
                };
                options.command = Command::Connect(count);
            }
            "--fail-above" => threshold(&mut options, &text(&name, &mut parser)?)?,
            // Read before, so that errors of earlier options speak it too.
            "--lang" => options.lang = read(&name, &text(&name, &mut parser)?)?,
            "--format" => options.format = format_of(&text(&name, &mut parser)?)?,
            _ => {
                let name = shown(&name);
                return Err(say(
                    format!("unknown option {name}: see --help"),
                    format!("未知选项 {name}：见 --help"),
                )
                .into());
            }
        }
    }
    check_conflicts(&seen, &options)?;
    for name in ["--history", "--network"] {
        if seen.contains(name) && !seen.contains("--connect") {
            return Err(say(
                format!("{name} needs --connect: probing learns nothing"),
                format!("{name} 需要与 --connect 同用：探测不记录历史"),
            )
            .into());
        }
    }
    Ok(options)
}

fn text(name: &str, parser: &mut lexopt::Parser) -> Result<String, Usage> {
    unicode(name, parser.value()?)
}

fn unicode(name: &str, value: OsString) -> Result<String, Usage> {
    value.into_string().map_err(|value| {
        let value = shown(&value.to_string_lossy());
        let why = say(
            format!("{value} is not UTF-8"),
            format!("{value} 不是 UTF-8"),
        );
        Usage::from(why).in_option(name)
    })
}

/// A value that the library reads.
fn read<T: FromStr<Err = easelect::Error>>(name: &str, text: &str) -> Result<T, Usage> {
    text.parse()
        .map_err(|error| Usage::from(error).in_option(name))
}

fn path(name: &str, parser: &mut lexopt::Parser) -> Result<PathBuf, Usage> {
    let path = PathBuf::from(parser.value()?);
    if path.as_os_str().is_empty() {
        return Err(Usage::from(say("an empty file name", "文件名为空")).in_option(name));
    }
    // It is not quoted: a password may be in it.
    if is_url(&path.to_string_lossy()) {
        let why = say("expected a file, not a URL", "应为文件，而不是 URL");
        return Err(Usage::from(why).in_option(name));
    }
    Ok(path)
}

/// Whether what stands for a file is a URL, or was meant as one: without a scheme, or with a slash too few.
fn is_url(text: &str) -> bool {
    let Some((before, after)) = text.split_once(':') else {
        return false;
    };
    // Behind a drive's letter is a slash.
    let (is_path, slashed) = (before.contains(['/', '\\']), after.starts_with(['/', '\\']));
    let is_scheme = before.len() > 1 && slashed && !is_path;
    text.contains("://") || is_scheme || (!is_path && !slashed && after.contains('@'))
}

/// The value of an option that can do without: behind `=`, or the next argument if that is no
/// option.
fn optional(parser: &mut lexopt::Parser, name: &str) -> Result<Option<String>, Usage> {
    let value = match parser.optional_value() {
        Some(value) => Some(value),
        None => parser
            .try_raw_args()
            .and_then(|mut rest| rest.next_if(|next| !next.to_string_lossy().starts_with('-'))),
    };
    let value = value.map(|value| unicode(name, value)).transpose()?;
    if value.as_deref() == Some("") {
        return Err(say(
            format!("{name}: an empty value"),
            format!("{name} 的值为空"),
        )
        .into());
    }
    Ok(value)
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
                format!("{name} {text}：应为 {least} 到 {most} 的整数"),
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

fn regions(text: &str) -> Result<Regions, Usage> {
    match text {
        "all" => return Ok(Regions::All),
        "mainland" => return Ok(Regions::Mainland),
        _ => {}
    }
    let mut these: Vec<String> = Vec::new();
    for one in text.split(',') {
        if matches!(one, "all" | "mainland") {
            return Err(say(
                format!("--region: {one} can't be combined with others"),
                format!("--region：{one} 不能与其他数据中心并列"),
            )
            .into());
        }
        if !these.iter().any(|other| other == one) {
            these.push(one.to_owned());
        }
    }
    Ok(Regions::These(these))
}

fn services(text: &str) -> Result<Option<Vec<Service>>, Usage> {
    if text == "all" {
        return Ok(None);
    }
    let mut these: Vec<Service> = Vec::new();
    for one in text.split(',') {
        let service = read("--service", one)?;
        if !these.contains(&service) {
            these.push(service);
        }
    }
    Ok(Some(these))
}

fn format_of(text: &str) -> Result<Format, Usage> {
    match text {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        _ => {
            let text = shown(text);
            Err(say(
                format!("--format {text}: expected table or json"),
                format!("--format {text}：应为 table 或 json"),
            )
            .into())
        }
    }
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

/// Options that contradict each other, or that would silently do nothing.
fn check_conflicts(seen: &HashSet<String>, options: &Options) -> Result<(), Usage> {
    let is_given = |name: &str| match name {
        "--current" => !options.current.is_empty(),
        "--fail-above" => !options.thresholds.is_empty(),
        "--resolve" => !options.resolve.is_empty(),
        _ => seen.contains(name),
    };
    for (one, others) in [
        ("-4", ["-6"].as_slice()),
        // The proxy looks the names up.
        ("--proxy", &["--no-proxy", "--lab", "--resolve"]),
        ("--no-proxy", &["--lab"]),
        // A lab has its own.
        ("--dns", &["--lab"]),
        (
            "--list",
            &[
                "--connect",
                "--lab",
                "--current",
                "--fail-above",
                "--rounds",
                "--in-flight",
                "--resolve",
                "--cacert",
                "--dns",
                "--proxy",
                "--no-proxy",
                "--timeout",
                "--deadline",
                "-4",
                "-6",
            ],
        ),
        (
            "--connect",
            &[
                "--current",
                "--fail-above",
                "--rounds",
                "--in-flight",
                "--timeout",
            ],
        ),
    ] {
        if let Some(other) = others.iter().find(|other| is_given(one) && is_given(other)) {
            return Err(say(
                format!("{one} and {other} can't be combined"),
                format!("{one} 与 {other} 不能同时使用"),
            )
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, Usage> {
        let args = line.split_whitespace().map(OsString::from).collect();
        parse(args, Lang::En)
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
        assert!(matches!(options.command, Command::Probe));
        assert_eq!(options.regions, Regions::All);
        assert_eq!(options.services, None);
        assert_eq!(options.timeout, Duration::from_secs(5));
        assert_eq!((options.rounds, options.lab), (None, None));
    }

    #[test]
    fn optional_values_may_be_left_out() {
        let options = parsed("--lab --format json").unwrap();
        assert_eq!(options.lab.as_deref(), Some("beijing"));
        assert_eq!(options.format, Format::Json);
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
