//! The network, real or simulated, and the runs of the prober over it.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use easelect::{
    Catalog, Dialer, DialerBuilder, DnsResolver, Ended, Endpoint, Families, Family, LocalNetwork,
    Nat64, PinnedHost, ProbeEvent, ProbeOutcome, Prober, Proxy, Residency, Resolve, Rounds,
    SystemResolver, Tier, TlsClient, nat64_prefix,
};
use easelect_report::{Context, DirectLookup, Evidence, Note, Report};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::args::{Options, Through};
use crate::input;
use crate::name_servers::{self, PATIENCE};
use crate::targets::Targets;
use crate::words::{Say, Usage, line, say, shown};
use crate::zh;

/// What the handshakes run over: the real network, or a simulated one.
pub(crate) struct Network {
    pub(crate) dialer: Dialer,
    /// The scenario, if the network is simulated.
    pub(crate) lab: Option<String>,
    /// The NAT64 prefix, if one was looked for and found.
    pub(crate) nat64: Option<Nat64>,
    resolver: Arc<dyn Resolve>,
    builder: DialerBuilder,
}

impl Network {
    pub(crate) fn new(options: &Options) -> Result<Self, Usage> {
        let extra = input::certificates(options.cacert.as_deref())?;
        let resolver: Arc<dyn Resolve> = match options.dns {
            Some(server) => Arc::new(DnsResolver::at(server)),
            None => Arc::new(SystemResolver::new()),
        };
        let (builder, lab) = match &options.lab {
            Some(name) => (simulated(name, extra)?, Some(name.clone())),
            None => {
                let builder = real(options, extra)?;
                match options.dns {
                    Some(_) => (builder.resolver(Arc::clone(&resolver)), None),
                    // The library's default, as in an app.
                    None => (builder, None),
                }
            }
        };
        let builder = (options.resolve.iter()).fold(builder, |all, host| all.pin(host.clone()));
        let builder = builder.families(options.families);
        Network::over(builder.attempt_timeout(options.timeout), resolver, lab)
    }

    /// The network that this dialer reaches.
    pub(crate) fn over(
        builder: DialerBuilder,
        resolver: Arc<dyn Resolve>,
        lab: Option<String>,
    ) -> Result<Self, Usage> {
        Ok(Network {
            dialer: builder.clone().build()?,
            lab,
            nat64: None,
            resolver,
            builder,
        })
    }

    /// Looks for a NAT64 prefix, and uses it, if this network has no IPv4. Otherwise it sends nothing.
    pub(crate) async fn find_nat64(&mut self, options: &Options) -> Result<(), Usage> {
        let may_help = self.lab.is_none() && options.families != Families::V4;
        if may_help && !has_ipv4() {
            let prefix = nat64_prefix(&self.resolver);
            let prefix = tokio::time::timeout(options.timeout, prefix).await;
            self.nat64 = prefix.ok().flatten();
            self.dialer = self.builder.clone().nat64(self.nat64).build()?;
        }
        Ok(())
    }
}

/// Returns the number of usable roots in the system's store; `None` in a lab.
pub(crate) fn roots(network: &Network) -> Option<usize> {
    if network.lab.is_some() {
        return None;
    }
    // The library has checked this file on Linux only; a pipe would block.
    let bundle = std::env::var_os("SSL_CERT_FILE").map(|path| input::is_read(Path::new(&path)));
    if bundle == Some(false) {
        return Some(0);
    }
    let found = rustls_native_certs::load_native_certs();
    let (usable, _) = rustls::RootCertStore::empty().add_parsable_certificates(found.certs);
    Some(usable)
}

/// Whether there is a route to IPv4 addresses. Nothing is sent: connecting a datagram socket only chooses a route.
fn has_ipv4() -> bool {
    // Any public address would do; this one is of ipv4only.arpa (RFC 7050 §2.2).
    const ANY: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 0, 170), 53);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    socket.is_ok_and(|socket| socket.connect(ANY).is_ok())
}

impl Network {
    /// Returns the network that this computer is on now; `None` in a lab.
    pub(crate) fn local(&self) -> Option<LocalNetwork> {
        self.lab.is_none().then(LocalNetwork::now)
    }
}

/// Returns the DNS servers of the system's settings; none in a lab.
pub(crate) fn name_servers(network: &Network) -> Vec<SocketAddr> {
    match network.lab {
        Some(_) => Vec::new(),
        None => {
            DnsResolver::system().map_or_else(|_| Vec::new(), |system| system.servers().to_vec())
        }
    }
}

/// Runs the work on a runtime of its own, and doesn't wait for tasks that are left.
pub(crate) fn on_runtime<T>(work: impl Future<Output = Result<T, Usage>>) -> Result<T, Usage> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            say(
                format!("the async runtime can't start: {error}"),
                format!("程序无法启动：{}", zh::io(&error)),
            )
        })?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

type Certificates = Vec<rustls::pki_types::CertificateDer<'static>>;

fn real(options: &Options, extra: Certificates) -> Result<DialerBuilder, Usage> {
    Ok(Dialer::builder()
        .tls(TlsClient::with_platform_roots_and(extra)?)
        .proxy(proxy(options)?))
}

impl Network {
    /// Asks the DNS server of `--dns`, or each of the system's, about hosts that could not be resolved or reached. A lab
    /// has none.
    pub(crate) async fn direct_lookups(
        &self,
        outcome: &ProbeOutcome,
        options: &Options,
    ) -> Vec<DirectLookup> {
        let hosts = name_servers::in_question(outcome, &self.dialer, &options.resolve);
        if self.lab.is_some() || hosts.is_empty() {
            return Vec::new();
        }
        let resolver = match options.dns {
            Some(server) => DnsResolver::at(server),
            None => match DnsResolver::system() {
                Ok(system) => system,
                // No DNS server is known.
                Err(_) => return Vec::new(),
            },
        };
        name_servers::ask(&resolver.servers(), hosts, options.families, PATIENCE).await
    }
}

/// Returns the proxy to use. The environment's exceptions hold for any proxy, as with curl.
fn proxy(options: &Options) -> Result<Option<Proxy>, Usage> {
    let proxy = match &options.proxy {
        Through::Nothing => return Ok(None),
        Through::This(proxy) => {
            let past = ["no_proxy", "NO_PROXY"]
                .into_iter()
                .filter_map(|name| std::env::var(name).ok())
                .find(|list| !list.is_empty());
            proxy.clone().bypassing(&past.unwrap_or_default())
        }
        Through::Environment => match Proxy::from_env()? {
            Some(proxy) => proxy,
            None => return Ok(None),
        },
    };
    for pin in &options.resolve {
        if proxy.covers(pin.host(), pin.port()) {
            let host = shown(pin.host());
            return Err(say(
                format!(
                    "--resolve {host}: the proxy {proxy} resolves this name itself; add --no-proxy"
                ),
                format!("--resolve {host}：该域名由代理 {proxy} 解析；请加 --no-proxy"),
            )
            .into());
        }
    }
    Ok(Some(proxy))
}

/// Returns the hosts that are pinned, by name or by a pin for all.
pub(crate) fn pinned(targets: &Targets, options: &Options) -> Vec<String> {
    let pins = || options.resolve.iter();
    let is_pinned = |one: &&Endpoint| pins().any(|pin| pin.covers(one.host(), one.port()));
    let hosts = targets.endpoints.iter().filter(is_pinned);
    let hosts = hosts.map(|one| one.host().to_owned());
    let mut pinned: Vec<String> = pins().map(|pin| pin.host().to_owned()).collect();
    pinned.extend(hosts);
    pinned.sort();
    pinned.dedup();
    pinned
}

/// Warns of pins without effect.
pub(crate) fn warn_of_pins(endpoints: &[Endpoint], options: &Options) {
    for warning in pin_warnings(endpoints, options) {
        warn(&warning, options);
    }
}

pub(crate) fn warn(warning: &Say, options: &Options) {
    let _ = writeln!(std::io::stderr(), "{}", line(warning.of(options.lang)));
}

/// Returns a warning for each pin that no endpoint uses (most likely a host or port was mistyped), and for each without
/// an address of the only family in use.
fn pin_warnings(endpoints: &[Endpoint], options: &Options) -> Vec<Say> {
    let told = |pin: &PinnedHost| {
        let (host, port) = (shown(pin.host()), pin.port());
        let mut endpoints = endpoints.iter();
        if !endpoints.any(|one| pin.covers(one.host(), one.port())) {
            return Some(say(
                format!(
                    "warning: --resolve {host}:{port}: no endpoint to be measured has this host and port"
                ),
                format!("警告：--resolve {host}:{port}：没有要测量的接入地址使用该主机和端口"),
            ));
        }
        let (option, family) = match options.families {
            Families::V4 => ("-4", "IPv4"),
            Families::V6 => ("-6", "IPv6"),
            Families::Both => return None,
        };
        let is_used = |ip: &IpAddr| options.families.list().contains(&Family::of(*ip));
        (!pin.addresses().iter().any(is_used)).then(|| {
            say(
                format!(
                    "warning: --resolve {host}:{port}: it has no {family} address, and {option} allows no other"
                ),
                format!(
                    "警告：--resolve {host}:{port}：其中没有 {family} 地址，而 {option} 只用 {family}"
                ),
            )
        })
    };
    options.resolve.iter().filter_map(told).collect()
}

/// Returns a dialer into a lab, of a built-in scenario or of one in a file.
fn simulated(name: &str, extra: Certificates) -> Result<DialerBuilder, Usage> {
    use easelect_lab::{Lab, Scenario};

    let scenario = match Scenario::built_in(name) {
        Some(scenario) => scenario,
        None if may_exist(Path::new(name)) => {
            let (text, name) = input::scenario(Path::new(name))?;
            Scenario::from_toml(&text, &name)?
        }
        None => {
            let (name, known) = (shown(name), Scenario::BUILT_IN.join(", "));
            return Err(say(
                format!("--lab {name}: neither a file nor a built-in scenario ({known})"),
                format!("--lab {name}：既不是文件，也不是内置场景（{known}）"),
            )
            .into());
        }
    };
    let lab = Lab::new(scenario)?;
    Ok(lab.dialer().tls(lab.tls(extra)?))
}

/// Whether a file exists, or may exist in a folder without permission to look.
fn may_exist(path: &Path) -> bool {
    let denied = std::io::ErrorKind::PermissionDenied;
    path.try_exists()
        .unwrap_or_else(|error| error.kind() == denied)
}

/// The result of probing.
pub(crate) struct Probed {
    pub(crate) outcome: ProbeOutcome,
    pub(crate) evidence: Evidence,
    /// A note, if this is the result of a second try.
    pub(crate) again: Option<Note>,
}

/// How to probe.
struct Pace {
    dialer: Dialer,
    rounds: Rounds,
    in_flight: usize,
    deadline: Duration,
}

/// Probes all targets until done, or until a signal ends it. If the link is too slow for all attempts at once, tries
/// again one at a time, as far as the deadline allows.
pub(crate) async fn probe(
    network: &Network,
    targets: &Targets,
    catalog: &Catalog,
    options: &Options,
) -> Result<Probed, Usage> {
    let began = Instant::now();
    let pace = Pace {
        dialer: network.dialer.clone(),
        rounds: options.rounds.map_or_else(Rounds::default, Rounds::Exact),
        in_flight: options.in_flight,
        deadline: options.deadline,
    };
    let mut first = probe_once(targets, pace).await?;
    let left = options.deadline.saturating_sub(began.elapsed());
    let timeout = (options.timeout * PATIENT).min(left / 2);
    let worth_it = options.in_flight > 1
        && first.outcome.ended == Ended::Complete
        && timeout > options.timeout
        && is_slow_link(&first, catalog);
    if !worth_it {
        return Ok(first);
    }
    let dialer = network.builder.clone().nat64(network.nat64);
    let pace = Pace {
        dialer: dialer.attempt_timeout(timeout).build()?,
        rounds: Rounds::Exact(1),
        in_flight: 1,
        deadline: left,
    };
    let mut second = probe_once(targets, pace).await?;
    if second.outcome.ended == Ended::Stopped {
        first.outcome.ended = Ended::Stopped;
        return Ok(first);
    }
    let ([ready, attempts, good], [ready_now, attempts_now, good_now]) =
        (tally(&first.outcome), tally(&second.outcome));
    // The first try says more if the second ran out of time or did no better.
    if ready_now < ready || good_now * attempts <= good * attempts_now {
        return Ok(first);
    }
    second.again = Some(Note::TriedAgain {
        in_flight: options.in_flight,
        attempts,
        failed: attempts - good,
    });
    Ok(second)
}

/// The factor by which the timeout grows for attempts one at a time.
const PATIENT: u32 = 4;

/// Whether the link was too slow for attempts at all hosts at once.
fn is_slow_link(probed: &Probed, catalog: &Catalog) -> bool {
    let now = SystemTime::now();
    let mut context = Context::new(catalog.clone(), now, now);
    context.evidence = probed.evidence.clone();
    let report = Report::new(&probed.outcome, context);
    report
        .findings()
        .iter()
        .any(|one| one.code() == "slow_link")
}

/// Returns the number of endpoints that are ready, of attempts, and of successful attempts.
fn tally(outcome: &ProbeOutcome) -> [u64; 3] {
    let all = || outcome.rankings.iter().flat_map(|one| &one.endpoints);
    let ready = all().filter(|one| one.tier == Tier::Ready).map(|_| 1).sum();
    let attempts = all().map(|one| one.stats.attempts()).sum();
    [
        ready,
        attempts,
        all().map(|one| one.stats.successes()).sum(),
    ]
}

/// Probes all targets once, until done or until a signal ends it.
async fn probe_once(targets: &Targets, pace: Pace) -> Result<Probed, Usage> {
    let mut builder = Prober::builder()
        .endpoints(targets.endpoints.clone())
        .dialer(pace.dialer)
        .rounds(pace.rounds)
        .deadline(pace.deadline)
        .in_flight(pace.in_flight);
    if targets.pool {
        builder = builder.pool(Residency::mainland_pool());
    }
    let mut probing = builder.build()?.run();
    let bar = bar();
    let mut interrupted = std::pin::pin!(interrupted());
    let mut evidence = Evidence::default();
    let mut outcome = ProbeOutcome::default();
    let mut going_on = true;
    loop {
        let event = tokio::select! {
            biased;
            () = &mut interrupted, if going_on => {
                // What has been measured is still reported.
                going_on = false;
                probing.cut_off();
                continue;
            }
            event = probing.next() => event,
        };
        match event {
            Some(ProbeEvent::Progress { done, planned }) => {
                bar.set_length(planned);
                bar.set_position(done);
            }
            Some(ProbeEvent::Finished(finished)) => {
                outcome = finished.clone();
                evidence.add(ProbeEvent::Finished(finished));
                break;
            }
            Some(event) => evidence.add(event),
            None => break,
        }
    }
    bar.finish_and_clear();
    Ok(Probed {
        outcome,
        evidence,
        again: None,
    })
}

/// Waits for a request to end the process: Ctrl-C, or what a service manager sends (SIGTERM; on Windows Ctrl-Break,
/// closing, shutting down). A signal that can't be listened to keeps its default action.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let on = |kind| async move {
            match signal(kind) {
                Ok(mut signal) => signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = on(SignalKind::interrupt()) => {}
            _ = on(SignalKind::terminate()) => {}
        }
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows;

        let (Ok(mut pause), Ok(mut close), Ok(mut shutdown)) = (
            windows::ctrl_break(),
            windows::ctrl_close(),
            windows::ctrl_shutdown(),
        ) else {
            return ctrl_c().await;
        };
        tokio::select! {
            () = ctrl_c() => {}
            _ = pause.recv() => {}
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
    }
    #[cfg(not(any(unix, windows)))]
    ctrl_c().await;
}

/// Waits for Ctrl-C; for ever if it can't be listened to.
#[cfg(not(unix))]
async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Returns a progress bar on standard error; hidden unless that is a terminal.
pub(crate) fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, command};
    use easelect::{Region, Service};
    use easelect_report::Lang;

    #[test]
    fn pins_that_lead_nowhere_are_told() {
        let url = "wss://im.example/ws";
        let one = Endpoint::new(Region::CN1, Service::Websocket, url).unwrap();
        let told = |line: &str| -> Vec<[String; 2]> {
            let words = line.split_whitespace().map(Into::into).collect();
            let options = args::parse(words, Lang::En, &command::example(Lang::En)).unwrap();
            let warnings = pin_warnings(std::slice::from_ref(&one), &options);
            let both = |say: Say| [Lang::En, Lang::Zh].map(|lang| say.of(lang).to_owned());
            warnings.into_iter().map(both).collect()
        };
        for fine in [
            "--resolve im.example:443:127.0.0.1",
            "--resolve IM.example.:443:[::1]",
            "-4 --resolve im.example:443:127.0.0.1,[::1]",
            "-6 --resolve *:443:127.0.0.1,[::1]",
        ] {
            assert!(told(fine).is_empty(), "{fine}");
        }
        for (line, english) in [
            (
                "--resolve im.example:8443:127.0.0.1",
                "no endpoint to be measured",
            ),
            (
                "-6 --resolve im.exmaple:443:127.0.0.1",
                "no endpoint to be measured",
            ),
            (
                "-4 --resolve im.example:443:[::1]",
                "it has no IPv4 address, and -4",
            ),
            (
                "-6 --resolve *:443:127.0.0.1",
                "it has no IPv6 address, and -6",
            ),
        ] {
            let told = told(line);
            let [[en, zh]] = told.as_slice() else {
                panic!("{line}: {told:?}");
            };
            assert!(
                en.starts_with("warning: --resolve ") && en.contains(english),
                "{en}"
            );
            assert!(zh.starts_with("警告：--resolve "), "{zh}");
        }
    }

    /// Round trips so long that one host times out in TCP and the other in the upgrade. The second try, one at a time
    /// and with a longer timeout, shows what such a link can carry.
    #[tokio::test(start_paused = true)]
    async fn a_slow_link_is_tried_again_one_at_a_time() {
        use easelect_lab::{Host, Lab, Path, Scenario};

        let probed = async |line: &str, seconds: [u64; 2]| {
            let mut scenario = Scenario::new(1);
            let mut targets = Targets::default();
            for (last, seconds) in (1..).zip(seconds) {
                let ip = IpAddr::from([44, 128, 0, last]);
                let name = format!("host{last}.example");
                let path = Path::new(ip).with_rtt(Duration::from_secs(seconds));
                scenario = scenario
                    .with_host(Host::new(&name).with_address(ip))
                    .with_path(path);
                let url = format!("wss://{name}/ws");
                let endpoint = Endpoint::new(Region::SGP1, Service::Websocket, &url).unwrap();
                targets.endpoints.push(endpoint);
            }
            let lab = Lab::new(scenario).unwrap();
            let words = line.split_whitespace().map(Into::into).collect();
            let options = args::parse(words, Lang::En, &command::example(Lang::En)).unwrap();
            let dialer = lab.dialer().attempt_timeout(options.timeout);
            let resolver = Arc::new(SystemResolver::new());
            let network = Network::over(dialer, resolver, Some("a lab".to_owned())).unwrap();
            let catalog = Catalog::builtin();
            probe(&network, &targets, &catalog, &options).await.unwrap()
        };
        let Probed { outcome, again, .. } = probed("--timeout 5s", [2, 6]).await;
        let Some(Note::TriedAgain {
            in_flight,
            attempts,
            failed,
        }) = again
        else {
            panic!("{again:?}");
        };
        assert_eq!(in_flight, 16);
        assert!(
            attempts >= 2 && failed == attempts,
            "{failed} of {attempts}"
        );
        assert_eq!(tally(&outcome), [2, 2, 2]);
        // No second try: attempts were one at a time already, a host answers, or no time is left.
        for (line, seconds) in [
            ("--timeout 5s --in-flight 1", [2, 6]),
            ("--timeout 5s", [0, 0]),
            ("--timeout 5s", [0, 6]),
            ("--timeout 5s --deadline 17s", [2, 6]),
        ] {
            let probed = probed(line, seconds).await;
            assert!(probed.again.is_none(), "{line} {seconds:?}");
        }
    }
}
