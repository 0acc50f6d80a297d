//! Command-line flags, in the style of Prometheus exporters.

use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, Command, value_parser};
use easelect::{Error, ErrorKind, shown};

use crate::exporter::Settings;
use crate::labels::Labels;
use crate::server::Limits;

/// The command line, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    /// Addresses to listen at; the first that can be bound is used.
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) level: tracing::Level,
    pub(crate) lab: Option<String>,
    pub(crate) only_check: bool,
}

/// Not blackbox_exporter's 9115: both may run on one machine.
const LISTEN: &str = ":9719";

fn program() -> Command {
    let valued = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("easelect-exporter")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A Prometheus exporter for Easemob (环信) endpoints: verified handshakes, timed phase by phase")
        .arg(valued("config.file", "FILE", "Configuration file in TOML; SIGHUP and POST /-/reload reload it")
            .value_parser(value_parser!(PathBuf)))
        .arg(Arg::new("config.check").long("config.check").action(ArgAction::SetTrue)
            .help("Check the configuration, then exit"))
        .arg(valued("web.listen-address", "ADDRESS", "Address and port to listen on; :PORT is every address")
            .default_value(LISTEN))
        .arg(valued("web.max-connections", "COUNT", "Maximum number of open HTTP connections")
            .default_value("512").value_parser(value_parser!(u32).range(1..=100_000)))
        .arg(valued("log.level", "LEVEL", "Log messages of this severity or above to standard error")
            .default_value("info").value_parser(["debug", "info", "warn", "error"]))
        .arg(valued("label", "NAME=VALUE", "Label to add to every series, such as carrier=unicom; may be repeated")
            .action(ArgAction::Append))
        .arg(valued("lab", "SCENARIO", "Use a simulated network and send nothing: beijing (the default), hostile, or a file")
            .num_args(0..=1).default_missing_value("beijing"))
        .arg(valued("probe.max-in-flight", "COUNT", "Maximum number of probes in flight")
            .default_value("8").value_parser(value_parser!(u32).range(1..=1000)))
        .arg(valued("timeout-offset", "SECONDS", "Time to subtract from the scrape timeout, for the response")
            .default_value("0.5"))
        .arg(valued("background.target", "REGION/SERVICE",
            "Group to probe in the background for /metrics, instead of those in the file; may be repeated")
            .action(ArgAction::Append))
        .arg(valued("background.interval", "DURATION",
            "Interval of background probing, 10s to 24h, instead of the file's [default: 60s]"))
        .arg(Arg::new("histograms").long("histograms").action(ArgAction::SetTrue)
            .help("Add a histogram of the time to open to /metrics"))
}

/// Parses the arguments, without the program's own name.
///
/// # Errors
///
/// `Err(Ok(text))` for `--help` and `--version`: the text to print. `Err(Err(message))` for wrong arguments.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
) -> Result<Options, Result<String, String>> {
    let name = OsString::from("easelect-exporter");
    let matches = program().try_get_matches_from([name].into_iter().chain(args));
    let matches = matches.map_err(|error| match error.use_stderr() {
        true => Err(error.to_string()),
        false => Ok(error.to_string()),
    })?;
    options(&matches).map_err(|error| Err(error.to_string()))
}

fn options(matches: &clap::ArgMatches) -> Result<Options, Error> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let count = |name: &str| {
        matches
            .get_one::<u32>(name)
            .map_or(1, |count| *count as usize)
    };
    let many = |name: &str| {
        matches
            .get_many::<String>(name)
            .unwrap_or_default()
            .cloned()
    };
    let input = |why: String| Error::new(ErrorKind::Input, why);
    let offset = text("timeout-offset");
    let offset = offset
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let interval = match matches.get_one::<String>("background.interval") {
        None => None,
        Some(given) => {
            let range = Duration::from_secs(10)..=Duration::from_secs(24 * 60 * 60);
            let read = humantime::parse_duration(given)
                .ok()
                .filter(|read| range.contains(read));
            let why =
                || input("--background.interval: expected a duration from 10s to 24h".to_owned());
            Some(read.ok_or_else(why)?)
        }
    };
    Ok(Options {
        settings: Settings {
            file: matches.get_one::<PathBuf>("config.file").cloned(),
            labels: Labels::new(many("label"))?,
            in_flight: count("probe.max-in-flight"),
            timeout_offset: offset.ok_or_else(|| {
                input("--timeout-offset: expected a number of seconds, such as 0.5".to_owned())
            })?,
            histograms: matches.get_flag("histograms"),
            targets: many("background.target").collect(),
            interval,
        },
        limits: Limits {
            connections: count("web.max-connections"),
            ..Limits::default()
        },
        listen: addresses(text("web.listen-address"))?,
        level: text("log.level").parse().unwrap_or(tracing::Level::INFO),
        lab: matches.get_one::<String>("lab").cloned(),
        only_check: matches.get_flag("config.check"),
    })
}

/// Parses `ADDRESS:PORT`. A bare `:PORT` is every address: IPv6 with IPv4, else IPv4 alone.
fn addresses(text: &str) -> Result<Vec<SocketAddr>, Error> {
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        let (v6, v4) = (Ipv6Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
        return Ok(vec![(v6, port).into(), (v4, port).into()]);
    }
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let why = || {
        let text = shown(text, 100);
        let why = format!(
            "--web.listen-address {text}: expected an IP address or localhost with a port, such as \
             localhost:9719, or :9719 for every address"
        );
        Error::new(ErrorKind::Input, why)
    };
    Ok(vec![address.parse().map_err(|_| why())?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Options, Result<String, String>> {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn arguments_are_those_of_exporters() {
        let options = read(&["--lab", "--label=site=hq", "--web.listen-address=[::1]:0"]).unwrap();
        assert_eq!(options.lab.as_deref(), Some("beijing"));
        assert_eq!(options.settings.labels.pairs(), [("site", "hq")]);
        assert_eq!(options.listen, ["[::1]:0".parse().unwrap()]);
        assert_eq!(options.level, tracing::Level::INFO);
        assert_eq!(
            read(&["--lab=hostile"]).unwrap().lab.as_deref(),
            Some("hostile")
        );
        assert_eq!(read(&[]).unwrap().listen.len(), 2);
        assert_eq!(
            read(&["--log.level=debug"]).unwrap().level,
            tracing::Level::DEBUG
        );
    }

    #[test]
    fn wrong_ones_are_told() {
        for wrong in [
            "--nonsense",
            "extra",
            "--web.listen-address=nowhere",
            "--web.max-connections=0",
            "--log.level=loud",
            "--label=host=x",
            "--timeout-offset=-1",
            "--background.interval=1s",
        ] {
            assert!(matches!(read(&[wrong]), Err(Err(_))), "{wrong}");
        }
        assert!(matches!(read(&["--help"]), Err(Ok(text)) if text.contains("--config.file")));
    }
}
