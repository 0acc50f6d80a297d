//! The configuration file: modules, catalogue, background probing.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use easelect::{
    Catalog, CatalogFormat, DialerBuilder, Endpoint, Error, ErrorKind, Families, PinnedHost, Proxy,
    Region, Resolve, Service, TlsClient, shown,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use toml::Spanned;

use crate::network::Network;

/// The maximum size of the configuration file, and of each file that it names, in bytes.
pub const MAX_FILE: u64 = 1024 * 1024;

/// The module that `/probe` uses when the request names none.
pub const DEFAULT_MODULE: &str = "default";

/// A limit far above real files: each module has a dialer and a resolver of its own.
const MAX_MODULES: usize = 1000;

/// The region given to endpoints that are known by URL only. It appears in no label.
const ELSEWHERE: &str = "elsewhere";

/// A configuration file, parsed and checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) modules: BTreeMap<String, Arc<Module>>,
    pub(crate) catalog: Catalog,
    pub(crate) background: Option<BackgroundConfig>,
}

/// One module: how to probe, and which URLs it allows.
#[derive(Clone)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// Maximum duration of a probe.
    pub(crate) timeout: Duration,
    /// Maximum age of a result that is served again; zero for none.
    pub(crate) cache: Duration,
    pub(crate) families: Families,
    /// Whether any URL may be probed, beyond the catalogue's and `urls`.
    pub(crate) any: bool,
    pub(crate) urls: Vec<Endpoint>,
    pub(crate) dialer: DialerBuilder,
    pub(crate) resolver: Arc<dyn Resolve>,
    /// For `debug=true`: the settings in TOML, without the proxy's user and password.
    pub(crate) settings: String,
}

/// The section `[background]`.
#[derive(Clone, Debug)]
pub(crate) struct BackgroundConfig {
    pub(crate) targets: Vec<String>,
    pub(crate) interval: Duration,
    pub(crate) per_minute: u32,
    pub(crate) module: String,
}

/// The default interval of background probing.
pub(crate) const INTERVAL: Duration = Duration::from_secs(60);

/// The default of `attempts_per_minute`: handshakes per minute, over all background targets.
pub(crate) const PER_MINUTE: u32 = 60;

/// No proxy credentials.
impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Module").field(&self.settings).finish()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    catalog: Option<Spanned<PathBuf>>,
    #[serde(default)]
    modules: BTreeMap<Spanned<String>, ModuleEntry>,
    background: Option<Spanned<BackgroundEntry>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [modules.NAME]")]
struct ModuleEntry {
    timeout: Option<Spanned<Span>>,
    cache: Option<Spanned<Span>>,
    #[serde(default)]
    families: FamiliesEntry,
    #[serde(default)]
    targets: Allowed,
    #[serde(default)]
    urls: Vec<Spanned<String>>,
    proxy: Option<Spanned<String>>,
    #[serde(default)]
    no_proxy: String,
    cacert: Option<Spanned<PathBuf>>,
    dns: Option<Spanned<String>>,
    #[serde(default)]
    resolve: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FamiliesEntry {
    #[default]
    Both,
    V4,
    V6,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Allowed {
    #[default]
    Catalog,
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table [background]")]
struct BackgroundEntry {
    /// May be absent: `--background.target` replaces it.
    #[serde(default)]
    targets: Vec<String>,
    interval: Option<Spanned<Span>>,
    attempts_per_minute: Option<Spanned<u32>>,
    module: Option<String>,
}

/// A duration such as `"15s"`.
#[derive(Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with a unit, such as \"5s\" or \"500ms\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                let unfit = |_| E::invalid_value(de::Unexpected::Str(text), &self);
                humantime::parse_duration(text).map(Span).map_err(unfit)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Formats a duration with the largest unit that divides it: `24h`, `2m`, `90s`, `10ms`.
pub(crate) fn short(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match units.iter().find(|(unit, _)| millis.is_multiple_of(*unit)) {
        _ if millis == 0 => "0s".to_owned(),
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

/// Replaces the parser's names of types by those of TOML.
fn plain(message: &str) -> String {
    const NAMES: [(&str, &str); 5] = [
        (", expected a sequence", ", expected an array in [ ]"),
        (", expected a map", ", expected a table"),
        (", expected path string", ", expected a file name"),
        (", expected u32", ", expected a whole number"),
        ("wanted string or table", "expected a string"),
    ];
    let found = NAMES
        .iter()
        .find_map(|(theirs, ours)| Some(format!("{}{ours}", message.strip_suffix(theirs)?)));
    found.unwrap_or_else(|| message.to_owned())
}

/// A file's text with its name and folder, for errors with line numbers.
struct Source<'a> {
    text: &'a str,
    name: &'a str,
    folder: &'a Path,
}

impl Source<'_> {
    fn wrong(&self, at: Option<Range<usize>>, why: impl fmt::Display) -> Error {
        let line = at.map(|at| {
            let before = self.text.get(..at.start).unwrap_or(self.text);
            format!(":{}", before.matches('\n').count() + 1)
        });
        let (name, line) = (shown(self.name, 200), line.unwrap_or_default());
        let why = why.to_string().replace('\n', " ");
        Error::new(ErrorKind::Input, format!("{name}{line}: {why}"))
    }

    /// Reads a file that the configuration names, relative to the configuration's folder.
    fn beside(&self, path: &Spanned<PathBuf>) -> Result<Vec<u8>, Error> {
        let whole = self.folder.join(path.get_ref());
        easelect_file::read(&whole, MAX_FILE).map_err(|error| {
            let name = shown(&path.get_ref().display().to_string(), 200);
            self.wrong(Some(path.span()), format!("{name}: {error}"))
        })
    }

    fn within(
        &self,
        given: Option<&Spanned<Span>>,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Result<Duration, Error> {
        let Some(given) = given else {
            return Ok(default);
        };
        let Span(duration) = *given.get_ref();
        match range.contains(&duration) {
            true => Ok(duration),
            false => {
                let (least, most) = (short(*range.start()), short(*range.end()));
                let why = format!("expected {least} to {most}");
                Err(self.wrong(Some(given.span()), why))
            }
        }
    }
}

/// TLS clients by extra certificate file, so that the roots are read once rather than once per module.
#[derive(Default)]
struct Trusts(HashMap<Option<PathBuf>, TlsClient>);

impl Trusts {
    fn of(
        &mut self,
        source: &Source<'_>,
        cacert: Option<&Spanned<PathBuf>>,
        network: &Network,
    ) -> Result<TlsClient, Error> {
        let key = cacert.map(|path| path.get_ref().clone());
        if let Some(tls) = self.0.get(&key) {
            return Ok(tls.clone());
        }
        let mut extra = Vec::new();
        if let Some(path) = cacert {
            let wrong = |why: &str| source.wrong(Some(path.span()), why);
            for one in CertificateDer::pem_slice_iter(&source.beside(path)?) {
                extra.push(one.map_err(|_| wrong("not valid certificates in PEM"))?);
            }
            if extra.is_empty() {
                return Err(wrong(
                    "no certificate found: expected -----BEGIN CERTIFICATE-----",
                ));
            }
        }
        let tls = network.tls(extra).map_err(|error| match cacert {
            Some(path) => source.wrong(Some(path.span()), error),
            None => error,
        })?;
        self.0.insert(key, tls.clone());
        Ok(tls)
    }
}

impl Config {
    /// Returns the configuration used without a file: the built-in catalogue and one module, `default`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] if TLS cannot be set up, as without root certificates on this system.
    pub fn builtin(network: &Network) -> Result<Self, Error> {
        Config::from_toml("", "built-in", Path::new("."), network)
    }

    /// Reads a configuration file of at most [`MAX_FILE`] bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if the file cannot be read, and the errors of [`from_toml`](Self::from_toml).
    pub fn read(path: &Path, network: &Network) -> Result<Self, Error> {
        let name = path.display().to_string();
        let safe = shown(&name, 200);
        let wrong = |why: String| Error::new(ErrorKind::Input, format!("{safe}: {why}"));
        let bytes =
            easelect_file::read(path, MAX_FILE).map_err(|error| wrong(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".to_owned()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Config::from_toml(&text, &name, folder, network)
    }

    /// Parses a configuration in TOML.
    ///
    /// Errors call it `name`; paths in it are relative to `folder`. If there is no module `default`, one with
    /// default settings is added.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] with the name, the line and what was expected; [`ErrorKind::Tls`] if TLS cannot be
    /// set up, as without root certificates on this system.
    pub fn from_toml(
        text: &str,
        name: &str,
        folder: &Path,
        network: &Network,
    ) -> Result<Self, Error> {
        let source = Source { text, name, folder };
        if text.len() as u64 > MAX_FILE {
            return Err(source.wrong(None, format!("more than {MAX_FILE} bytes")));
        }
        let mut file: File = toml::from_str(text)
            .map_err(|error| source.wrong(error.span(), shown(&plain(error.message()), 300)))?;
        let catalog = catalog(&source, file.catalog.as_ref())?;
        if file.modules.len() > MAX_MODULES {
            return Err(source.wrong(None, format!("more than {MAX_MODULES} modules")));
        }
        let mut trusts = Trusts::default();
        let mut modules = BTreeMap::new();
        if !file.modules.contains_key(DEFAULT_MODULE) {
            let name = Spanned::new(0..0, DEFAULT_MODULE.to_owned());
            file.modules.insert(name, ModuleEntry::default());
        }
        for (name, entry) in file.modules {
            let place = name.span();
            let name = name.into_inner();
            let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
                let why = "a module's name is 1 to 64 ASCII letters, digits, '_', '-' or '.'";
                return Err(source.wrong(Some(place), why));
            }
            let module = module(&source, &name, entry, &mut trusts, network)?;
            modules.insert(name, Arc::new(module));
        }
        let mut config = Config {
            modules,
            catalog,
            background: None,
        };
        if let Some(entry) = file.background {
            let place = entry.span();
            let background = background(&source, entry.into_inner())?;
            config = config
                .with_background(background)
                .map_err(|error| source.wrong(Some(place), error))?;
        }
        Ok(config)
    }

    pub(crate) fn module(&self, name: &str) -> Option<&Arc<Module>> {
        self.modules.get(name)
    }
}

fn catalog(source: &Source<'_>, path: Option<&Spanned<PathBuf>>) -> Result<Catalog, Error> {
    let Some(path) = path else {
        return Ok(Catalog::builtin());
    };
    let wrong = |why: String| source.wrong(Some(path.span()), why);
    let name = shown(&path.get_ref().display().to_string(), 200);
    let format = CatalogFormat::of(path.get_ref()).ok_or_else(|| {
        wrong(format!(
            "{name}: expected a file name ending in .toml or .json"
        ))
    })?;
    let text =
        String::from_utf8(source.beside(path)?).map_err(|_| wrong(format!("{name}: not UTF-8")))?;
    Catalog::builtin()
        .with_file(&text, format, &name)
        .map_err(|error| wrong(error.to_string()))
}

fn module(
    source: &Source<'_>,
    name: &str,
    entry: ModuleEntry,
    trusts: &mut Trusts,
    network: &Network,
) -> Result<Module, Error> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const SECOND: Duration = Duration::from_secs(1);
    let timeout = source.within(
        entry.timeout.as_ref(),
        Duration::from_secs(5),
        Duration::from_millis(10)..=120 * SECOND,
    )?;
    let cache = source.within(entry.cache.as_ref(), 15 * SECOND, Duration::ZERO..=DAY)?;
    let dns = match &entry.dns {
        None => None,
        Some(given) => Some(server(given.get_ref()).ok_or_else(|| {
            let why =
                "expected the address of a DNS server, such as \"223.5.5.5\" or \"[::1]:5353\"";
            source.wrong(Some(given.span()), why)
        })?),
    };
    let (mut dialer, resolver) = network.reached(dns);
    dialer = dialer.tls(trusts.of(source, entry.cacert.as_ref(), network)?);
    let mut proxy_shown = None;
    if let Some(given) = &entry.proxy {
        let wrong = |error: Error| source.wrong(Some(given.span()), error);
        let proxy = match given.get_ref().as_str() {
            "environment" => Proxy::from_env().map_err(wrong)?,
            url => Some(
                url.parse::<Proxy>()
                    .map_err(wrong)?
                    .bypassing(&entry.no_proxy),
            ),
        };
        proxy_shown = proxy.as_ref().map(ToString::to_string);
        dialer = dialer.proxy(proxy);
    }
    for pin in &entry.resolve {
        let wrong = |error: Error| source.wrong(Some(pin.span()), error);
        dialer = dialer.pin(pin.get_ref().parse::<PinnedHost>().map_err(wrong)?);
    }
    let families = match entry.families {
        FamiliesEntry::Both => Families::Both,
        FamiliesEntry::V4 => Families::V4,
        FamiliesEntry::V6 => Families::V6,
    };
    let dialer = dialer.families(families);
    dialer
        .clone()
        .build()
        .map_err(|error| source.wrong(None, format!("module {name}: {error}")))?;
    let mut urls = Vec::new();
    for url in &entry.urls {
        let wrong = |error: Error| source.wrong(Some(url.span()), error);
        urls.push(elsewhere(url.get_ref()).map_err(wrong)?);
    }
    Ok(Module {
        name: name.to_owned(),
        settings: settings(name, &entry, timeout, cache, proxy_shown),
        timeout,
        cache,
        families,
        any: entry.targets == Allowed::Any,
        urls,
        dialer,
        resolver,
    })
}

/// Writes a module's settings in TOML, defaults included.
fn settings(
    name: &str,
    entry: &ModuleEntry,
    timeout: Duration,
    cache: Duration,
    proxy: Option<String>,
) -> String {
    let families = match entry.families {
        FamiliesEntry::Both => "both",
        FamiliesEntry::V4 => "v4",
        FamiliesEntry::V6 => "v6",
    };
    let targets = match entry.targets {
        Allowed::Catalog => "catalog",
        Allowed::Any => "any",
    };
    let mut lines = vec![
        match name.contains('.') {
            true => format!("[modules.{name:?}]"),
            false => format!("[modules.{name}]"),
        },
        format!("timeout = {:?}", short(timeout)),
        format!("cache = {:?}", short(cache)),
        format!("families = {families:?}"),
        format!("targets = {targets:?}"),
    ];
    let safe = |text: &str| shown(text, 300);
    let lists = [("urls", &entry.urls), ("resolve", &entry.resolve)];
    for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        let all: Vec<String> = list.iter().map(|one| safe(one.get_ref())).collect();
        lines.push(format!("{key} = {all:?}"));
    }
    let cacert = (entry.cacert.as_ref()).map(|path| path.get_ref().display().to_string());
    let no_proxy = Some(entry.no_proxy.clone()).filter(|hosts| !hosts.is_empty());
    let dns = entry.dns.as_ref().map(|dns| dns.get_ref().clone());
    for (key, value) in [
        ("proxy", proxy),
        ("no_proxy", no_proxy),
        ("cacert", cacert),
        ("dns", dns),
    ] {
        lines.extend(value.map(|value| format!("{key} = {:?}", safe(&value))));
    }
    lines.join("\n")
}

/// Parses a DNS server's address; port 53 by default.
fn server(text: &str) -> Option<SocketAddr> {
    let bare = |text: &str| {
        text.parse::<IpAddr>()
            .ok()
            .map(|ip| SocketAddr::new(ip, 53))
    };
    text.parse().ok().or_else(|| bare(text))
}

/// Makes an endpoint from a URL that need not be in the catalogue.
///
/// # Errors
///
/// If the URL is neither `wss://` nor `https://`, or has a user or a password.
pub(crate) fn elsewhere(url: &str) -> Result<Endpoint, Error> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme.trim());
    let service = match scheme.to_ascii_lowercase().as_str() {
        "https" => Service::Rest,
        "wss" => Service::Websocket,
        _ => {
            return Err(Error::new(ErrorKind::Input, "expected wss:// or https://"));
        }
    };
    Endpoint::new(Region::new(ELSEWHERE)?, service, url)
}

fn background(source: &Source<'_>, entry: BackgroundEntry) -> Result<BackgroundConfig, Error> {
    let hour = Duration::from_secs(60 * 60);
    let shortest = Duration::from_secs(10);
    let per_minute = entry.attempts_per_minute.as_ref();
    if let Some(given) = per_minute.filter(|given| !(1..=6000).contains(given.get_ref())) {
        return Err(source.wrong(Some(given.span()), "expected 1 to 6000"));
    }
    Ok(BackgroundConfig {
        targets: entry.targets,
        interval: source.within(entry.interval.as_ref(), INTERVAL, shortest..=24 * hour)?,
        per_minute: per_minute.map_or(PER_MINUTE, |given| *given.get_ref()),
        module: entry.module.unwrap_or_else(|| DEFAULT_MODULE.to_owned()),
    })
}
