//! The state that all requests share: configuration, probes in flight, results; and background probing.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use easelect::futures::FutureExt;
use easelect::{Error, shown};
use easelect_report::ExpositionFormat;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::answer::answer;
use crate::background::Background;
use crate::config::{
    BackgroundConfig, Config, DEFAULT_MODULE, INTERVAL, Module, PER_MINUTE, short,
};
use crate::labels::Labels;
use crate::metrics::{Reading, metrics};
use crate::network::Network;
use crate::probe::{Outcome, probe};
use crate::shared::{Key, NoResult, Probes};
use crate::target::{Target, unknown_module};

/// Settings that stay the same while the exporter runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The configuration file. Without one there is only the built-in module `default`.
    pub file: Option<PathBuf>,
    /// Labels added to every series.
    pub labels: Labels,
    /// Maximum number of probes in flight, of scrapes and of background probing together; 8 by default.
    pub in_flight: usize,
    /// Time subtracted from the scraper's timeout, for the response; 0.5 s by default.
    pub timeout_offset: Duration,
    /// Whether `/metrics` includes a histogram of the time to open.
    pub histograms: bool,
    /// Groups to probe in the background, such as `cn1/websocket`. If not empty, they replace the file's.
    pub targets: Vec<String>,
    /// Interval of background probing; if set, it replaces the file's.
    pub interval: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            file: None,
            labels: Labels::default(),
            in_flight: 8,
            timeout_offset: Duration::from_millis(500),
            histograms: false,
            targets: Vec::new(),
            interval: None,
        }
    }
}

/// The parameters of `/probe`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) target: String,
    pub(crate) module: Option<String>,
    pub(crate) debug: bool,
    /// How long the scraper waits.
    pub(crate) scrape_timeout: Option<Duration>,
}

/// Why `/probe` returns no metrics.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request is wrong: status 400.
    Wrong(String),
    /// The request may succeed later: status 503.
    Later(String),
}

/// The exporter: configuration, probes in flight, results of background probing.
#[derive(Debug)]
pub struct Exporter {
    settings: Settings,
    network: Network,
    config: RwLock<Read>,
    reading: Mutex<Reading>,
    /// Held during a reload, so that reloads happen one after the other.
    reloading: Mutex<()>,
    probes: Arc<Probes>,
    background: Mutex<Background>,
    /// Notified after a reload.
    changed: Notify,
}

/// When background probing probes what. It outlives reloads, so that reloading again and again does not cause
/// more probes.
#[derive(Debug, Default)]
struct Schedule {
    /// Start of the next round; `None` before the first, which starts at once.
    next: Option<Instant>,
    /// Start of each target's last round.
    last: HashMap<String, Instant>,
}

/// A loaded configuration, with the number of the load.
#[derive(Clone, Debug)]
struct Read {
    config: Arc<Config>,
    number: u64,
}

impl Exporter {
    /// Loads the configuration.
    ///
    /// # Errors
    ///
    /// The errors of [`Config::read`]; [`ErrorKind::Input`](easelect::ErrorKind::Input) if a background target is
    /// not a group.
    pub fn new(settings: Settings, network: Network) -> Result<Self, Error> {
        let config = read(&settings, &network)?;
        Ok(Exporter {
            probes: Arc::new(Probes::new(settings.in_flight.max(1))),
            config: RwLock::new(Read {
                config: Arc::new(config),
                number: 0,
            }),
            reading: Mutex::new(Reading {
                successful: true,
                succeeded_at: now(),
            }),
            reloading: Mutex::new(()),
            background: Mutex::new(Background::default()),
            changed: Notify::new(),
            settings,
            network,
        })
    }

    /// Reloads the configuration, and drops cached results. After an error, the previous configuration stays in
    /// use.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new).
    pub fn reload(&self) -> Result<(), Error> {
        let _one_at_a_time = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = read(&self.settings, &self.network);
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(config) => {
                let mut now_read = self.config.write().unwrap_or_else(PoisonError::into_inner);
                now_read.config = Arc::new(config);
                now_read.number += 1;
                self.probes.forget_before(now_read.number);
                *reading = Reading {
                    successful: true,
                    succeeded_at: now(),
                };
                self.changed.notify_one();
                tracing::info!("configuration reloaded");
                Ok(())
            }
            Err(error) => {
                reading.successful = false;
                tracing::error!(%error, "configuration not reloaded; the previous one stays in use");
                Err(error)
            }
        }
    }

    fn current(&self) -> Read {
        self.config
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn known(&self) -> MutexGuard<'_, Background> {
        self.background
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the response of `/metrics`.
    pub(crate) fn metrics(&self, format: ExpositionFormat) -> String {
        let reading = *self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let Settings {
            labels, histograms, ..
        } = &self.settings;
        metrics(&self.known(), reading, labels, *histograms, format)
    }

    /// Returns the response of `/probe`.
    pub(crate) async fn probe(
        &self,
        query: &Query,
        format: ExpositionFormat,
    ) -> Result<String, Refusal> {
        let read = self.current();
        let name = query.module.as_deref().unwrap_or(DEFAULT_MODULE);
        let module = read.config.module(name);
        let module = module.ok_or_else(|| Refusal::Wrong(unknown_module(name)))?;
        let target =
            Target::named(&query.target, module, &read.config.catalog).map_err(Refusal::Wrong)?;
        let timeout = self.timeout(module, query.scrape_timeout);
        let outcome = self
            .outcome(read.number, module, &target, timeout, module.cache)
            .await;
        let outcome = outcome.map_err(|why| match why {
            NoResult::Busy => {
                let most = self.settings.in_flight;
                Refusal::Later(format!(
                    "too many probes in flight; --probe.max-in-flight is {most}"
                ))
            }
            NoResult::TooSlow => Refusal::Later(
                "another scrape's probe of this target has not finished yet".to_owned(),
            ),
            NoResult::Unusable(error) => Refusal::Wrong(error.to_string()),
        })?;
        if let Some((phase, kind)) = outcome.endpoints.first().and_then(|best| best.failure) {
            let target = shown(&query.target, 200);
            tracing::debug!(
                target,
                phase = phase.as_str(),
                kind = kind.as_str(),
                "probe failed"
            );
        }
        let series = answer(&target, &outcome, &self.settings.labels, format);
        if !query.debug {
            return Ok(series);
        }
        let log = outcome.log.join("\n");
        Ok(format!(
            "Logs for the probe:\n{log}\n\nMetrics that would have been returned:\n{series}\n\
             Module configuration:\n{}\n",
            module.settings
        ))
    }

    /// Returns the timeout of a probe: the module's, or less if the scraper waits less.
    fn timeout(&self, module: &Module, scrape: Option<Duration>) -> Duration {
        let Some(scrape) = scrape else {
            return module.timeout;
        };
        let offset = self.settings.timeout_offset;
        let within = if scrape > offset {
            scrape - offset
        } else {
            scrape
        };
        module.timeout.min(within).max(Duration::from_millis(1))
    }

    async fn outcome(
        &self,
        reading: u64,
        module: &Arc<Module>,
        target: &Target,
        timeout: Duration,
        age: Duration,
    ) -> Result<Arc<Outcome>, NoResult> {
        let key: Key = (reading, module.name.clone(), target.name.clone());
        let work = || {
            let (module, target) = (Arc::clone(module), target.clone());
            async move { probe(&target, &module, timeout).await }.boxed()
        };
        let kept = module.cache;
        self.probes.result(key, age, kept, timeout, work).await
    }

    /// Runs background probing; never returns.
    ///
    /// Groups are probed one after the other, spread over the interval. The interval is extended where it would
    /// exceed `attempts_per_minute`.
    pub async fn watch(&self) {
        let mut schedule = Schedule::default();
        loop {
            let read = self.current();
            let background = read.config.background.as_ref();
            let Some(background) = background.filter(|given| !given.targets.is_empty()) else {
                self.known().keep(&BTreeSet::new());
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = self.rounds(&read, background, &mut schedule) => {}
            }
        }
    }

    async fn rounds(&self, read: &Read, background: &BackgroundConfig, schedule: &mut Schedule) {
        let Some(module) = read.config.module(&background.module) else {
            return std::future::pending().await;
        };
        let named = |text: &String| Target::named(text, module, &read.config.catalog).ok();
        let targets: Vec<Target> = background.targets.iter().filter_map(named).collect();
        let names: BTreeSet<String> = targets.iter().map(|one| one.name.clone()).collect();
        self.known().keep(&names);
        let attempts: usize = targets.iter().map(|one| one.endpoints.len()).sum();
        let affordable = Duration::from_secs(60) * attempts as u32 / background.per_minute;
        let interval = background.interval.max(affordable);
        if interval > background.interval {
            tracing::warn!(
                attempts,
                interval = short(interval),
                "background interval extended to stay within attempts_per_minute"
            );
        }
        let groups = names.iter().map(String::as_str).collect::<Vec<_>>();
        tracing::info!(
            groups = groups.join(", "),
            interval = short(interval),
            "background probing"
        );
        let pause = interval / targets.len().max(1) as u32;
        schedule.last.retain(|name, _| names.contains(name));
        if let Some(next) = &mut schedule.next {
            *next = (*next).min(Instant::now() + pause);
        }
        // The target whose last round is longest ago.
        while let Some(target) = targets
            .iter()
            .min_by_key(|one| schedule.last.get(&one.name))
        {
            if let Some(next) = schedule.next {
                tokio::time::sleep_until(next).await;
            }
            // Rounds missed while the machine slept, or during a slow round, are not made up for.
            let now = Instant::now();
            let next = match schedule.next {
                Some(next) if now <= next + pause => next + pause,
                Some(_) => now + pause,
                // Jitter, so that exporters started together don't probe together.
                None => now + pause + pause.mul_f64(fastrand::f64()),
            };
            schedule.next = Some(next);
            schedule.last.insert(target.name.clone(), now);
            self.round(read, module, target).await;
        }
    }

    async fn round(&self, read: &Read, module: &Arc<Module>, target: &Target) {
        let outcome = self
            .outcome(read.number, module, target, module.timeout, Duration::ZERO)
            .await;
        match (outcome, &target.residency, target.endpoints.first()) {
            (Ok(outcome), Some(residency), Some(first)) => {
                self.known()
                    .record(&target.name, residency, first.service(), &outcome);
            }
            (Err(error), ..) => {
                tracing::warn!(target = target.name, ?error, "background round skipped")
            }
            _ => {}
        }
    }
}

/// Loads the file, with the background settings of the command line applied.
fn read(settings: &Settings, network: &Network) -> Result<Config, Error> {
    let config = match &settings.file {
        Some(path) => Config::read(path, network)?,
        None => Config::builtin(network)?,
    };
    let of_file = config.background.clone();
    if settings.targets.is_empty() && (settings.interval.is_none() || of_file.is_none()) {
        return Ok(config);
    }
    let mut background = of_file.unwrap_or(BackgroundConfig {
        targets: Vec::new(),
        interval: INTERVAL,
        per_minute: PER_MINUTE,
        module: DEFAULT_MODULE.to_owned(),
    });
    if !settings.targets.is_empty() {
        background.targets.clone_from(&settings.targets);
    }
    background.interval = settings.interval.unwrap_or(background.interval);
    let wrong = |why| {
        Error::new(
            easelect::ErrorKind::Input,
            format!("--background.target {why}"),
        )
    };
    config.with_background(background).map_err(wrong)
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64().floor())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use easelect_lab::{Fault, Lab, Scenario};

    use super::*;

    const EASEMOB: &str = "im-api-v2.easemob.com";
    const EASECDN: &str = "im-api-v2.easecdn.com";

    fn exporter(targets: &[&str]) -> (Lab, Exporter) {
        let lab = Lab::new(Scenario::beijing()).unwrap();
        let settings = Settings {
            targets: targets.iter().map(|&one| one.to_owned()).collect(),
            ..Settings::default()
        };
        let network = Network::Lab(lab.clone());
        (lab, Exporter::new(settings, network).unwrap())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    impl Exporter {
        fn value(&self, series: &str) -> Option<f64> {
            let text = self.metrics(ExpositionFormat::Classic);
            let found = text
                .lines()
                .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
            Some(found?.parse().unwrap())
        }

        fn of_host(&self, name: &str, host: &str) -> Option<f64> {
            self.value(&format!(
                "{name}{{region=\"cn1\",service=\"websocket\",host=\"{host}\"}}"
            ))
        }
    }

    /// Runs background probing for `time`.
    async fn watched(exporter: &Exporter, time: Duration) {
        let _ = tokio::time::timeout(time, exporter.watch()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_a_minute_and_none_made_up_for() {
        let (lab, exporter) = exporter(&["cn1/websocket", "cn1/rest"]);
        watched(&exporter, Duration::from_secs(10 * 60)).await;
        // Two endpoints in each group, ten rounds; jitter lengthens the first pause.
        assert!((36..=40).contains(&lab.dials()), "{}", lab.dials());
        let (lab, exporter) = self::exporter(&["cn1/websocket"]);
        let jump = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let before = lab.dials();
            // A day at once: making up for it would be 1440 rounds.
            tokio::time::advance(Duration::from_secs(24 * 60 * 60)).await;
            tokio::time::sleep(Duration::from_secs(50)).await;
            (before, lab.dials())
        };
        let dials = tokio::select! {
            () = exporter.watch() => unreachable!("watch never returns"),
            dials = jump => dials,
        };
        assert_eq!(dials, (2, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn reading_the_modules_again_makes_no_round_come_sooner() {
        let (lab, exporter) = exporter(&["cn1/websocket", "cn1/rest"]);
        let reloads = async {
            for _ in 0..10 * 60 {
                // Not a divisor of the interval: a reload cancels a round in progress.
                tokio::time::sleep(Duration::from_millis(970)).await;
                exporter.reload().unwrap();
            }
        };
        tokio::select! {
            () = exporter.watch() => unreachable!("watch never returns"),
            () = reloads => {}
        }
        // As many rounds as without reloads, of both groups.
        assert!((30..=40).contains(&lab.dials()), "{}", lab.dials());
        for (service, host) in [("websocket", EASEMOB), ("rest", "a1.easemob.com")] {
            let series = format!(
                "easelect_attempts{{region=\"cn1\",service=\"{service}\",host=\"{host}\"}}"
            );
            let attempts = exporter.value(&series).unwrap_or_default();
            assert!(attempts > 4.0, "{series} {attempts}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_kept_for_its_time_however_the_clock_jumps() {
        let (lab, exporter) = exporter(&[]);
        let query = Query {
            target: "cn1/websocket".to_owned(),
            ..Query::default()
        };
        let mut dials = Vec::new();
        for jump in [0, 14, 2, 100 * 365 * 24 * 60 * 60, 0] {
            tokio::time::advance(Duration::from_secs(jump)).await;
            exporter
                .probe(&query, ExpositionFormat::Classic)
                .await
                .unwrap();
            dials.push(lab.dials());
        }
        assert_eq!(dials, [2, 2, 4, 6, 6]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_impatient_scraper_cut_off_is_no_result_for_others() {
        let (lab, exporter) = exporter(&[]);
        let exporter = &exporter;
        let success = |millis: Option<u64>| async move {
            let query = Query {
                target: "cn1/websocket".to_owned(),
                scrape_timeout: millis.map(Duration::from_millis),
                ..Query::default()
            };
            let text = exporter.probe(&query, ExpositionFormat::Classic).await;
            text.unwrap().contains("\nprobe_success 1\n")
        };
        // Concurrently: the patient scraper must not join the other's probe.
        assert_eq!(
            tokio::join!(success(Some(20)), success(None)),
            (false, true)
        );
        tokio::time::advance(Duration::from_secs(60)).await;
        // One after the other: it must not get the other's result.
        assert!(!success(Some(20)).await);
        assert!(success(None).await);
        // A result that was not cut off is shared.
        let dials = lab.dials();
        assert!(success(Some(20)).await && success(Some(60_000)).await);
        assert_eq!(lab.dials(), dials);
    }

    #[tokio::test(start_paused = true)]
    async fn a_scrape_takes_what_the_background_brought() {
        let (lab, exporter) = exporter(&["cn1/websocket"]);
        watched(&exporter, Duration::from_secs(5)).await;
        let query = Query {
            target: "cn1/websocket".to_owned(),
            ..Query::default()
        };
        exporter
            .probe(&query, ExpositionFormat::Classic)
            .await
            .unwrap();
        assert_eq!(lab.dials(), 2);
        // A background round uses no cached result.
        watched(&exporter, Duration::from_secs(5)).await;
        assert_eq!(lab.dials(), 4);
    }

    /// docs/fleet.md invites readers to try this scenario with this configuration.
    #[tokio::test(start_paused = true)]
    async fn the_example_of_an_outage_begins_after_two_minutes() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fleet");
        let scenario = docs.join("outage.toml").display().to_string();
        let settings = Settings {
            file: Some(docs.join("exporter.toml")),
            ..Settings::default()
        };
        let network = Network::simulated(&scenario).unwrap();
        let exporter = Exporter::new(settings, network).unwrap();
        for (seconds, usable) in [(0, 1.0), (110, 1.0), (20, 0.0), (3600, 0.0)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            for (target, expected) in [
                ("cn1/websocket", usable),
                ("cn1/rest", 1.0),
                ("control/rest", 1.0),
            ] {
                let query = Query {
                    target: target.to_owned(),
                    ..Query::default()
                };
                let text = exporter.probe(&query, ExpositionFormat::Classic).await;
                let line = format!("\nprobe_success {expected}\n");
                assert!(text.unwrap().contains(&line), "{target} {seconds}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_round_has_its_time() {
        let (_, exporter) = exporter(&["cn1/websocket"]);
        let series = "easelect_report_timestamp_seconds";
        assert_eq!(exporter.value(series), None);
        let before = now();
        watched(&exporter, Duration::from_secs(5)).await;
        let at = exporter.value(series).unwrap();
        assert!((before..=now()).contains(&at), "{at}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_makes_the_interval_longer() {
        let lab = Lab::new(Scenario::beijing()).unwrap();
        let network = Network::Lab(lab.clone());
        let text = "[background]\ntargets = [\"cn1/websocket\", \"cn1/rest\"]\ninterval = \"10s\"\n\
                    attempts_per_minute = 4\n";
        let path = std::path::Path::new(".");
        let config = Config::from_toml(text, "m.toml", path, &network).unwrap();
        let exporter = Exporter::new(Settings::default(), network).unwrap();
        exporter.config.write().unwrap().config = Arc::new(config);
        watched(&exporter, Duration::from_secs(10 * 60)).await;
        assert!((36..=40).contains(&lab.dials()), "{}", lab.dials());
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_choice_changes_for_a_reason() {
        let (lab, exporter) = exporter(&["cn1/websocket"]);
        let changes = "easelect_first_choice_changes_total{region=\"cn1\",service=\"websocket\"}";
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let change = async {
            tokio::time::sleep(minutes(30)).await;
            assert_eq!(
                exporter.of_host("easelect_first_choice_info", EASECDN),
                Some(1.0)
            );
            assert_eq!(
                exporter.of_host("easelect_first_choice_info", EASEMOB),
                None
            );
            assert_eq!(exporter.value(changes), Some(0.0));
            assert_eq!(
                exporter.of_host("easelect_failed_ratio", EASECDN),
                Some(0.0)
            );
            // The first choice fails: the other endpoint is chosen in the next round.
            lab.set_fault(address("44.128.11.20"), Fault::Refuse)
                .unwrap();
            tokio::time::sleep(minutes(1)).await;
            assert_eq!(
                exporter.of_host("easelect_first_choice_info", EASEMOB),
                Some(1.0)
            );
            assert_eq!(
                exporter.of_host("easelect_probe_success", EASECDN),
                Some(0.0)
            );
            assert_eq!(
                exporter.of_host("easelect_failed_ratio", EASECDN),
                Some(0.1)
            );
            assert_eq!(exporter.value(changes), Some(1.0));
            let failures = format!(
                "easelect_failures_total{{region=\"cn1\",service=\"websocket\",host=\"{EASECDN}\",\
                 phase=\"connect\",kind=\"refused\"}}"
            );
            assert_eq!(exporter.value(&failures), Some(1.0));
            // Nothing opens: there is no first choice, which does not count as a change.
            lab.set_fault(address("44.128.11.10"), Fault::Refuse)
                .unwrap();
            tokio::time::sleep(minutes(1)).await;
            assert_eq!(
                exporter.of_host("easelect_first_choice_info", EASEMOB),
                None
            );
            assert_eq!(
                exporter.of_host("easelect_first_choice_info", EASECDN),
                None
            );
            assert_eq!(exporter.value(changes), Some(1.0));
            // Both recover: the failure has left the window after ten rounds.
            for one in ["44.128.11.10", "44.128.11.20"] {
                lab.set_fault(address(one), Fault::None).unwrap();
            }
            tokio::time::sleep(minutes(15)).await;
            assert_eq!(
                exporter.of_host("easelect_first_choice_info", EASECDN),
                Some(1.0)
            );
            assert_eq!(exporter.value(changes), Some(2.0));
        };
        tokio::select! {
            () = exporter.watch() => unreachable!("watch never returns"),
            () = change => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn among_equals_the_first_choice_stays() {
        let (lab, exporter) = exporter(&["cn1/websocket"]);
        let changes = "easelect_first_choice_changes_total{region=\"cn1\",service=\"websocket\"}";
        let addresses = [(EASEMOB, "44.128.11.10"), (EASECDN, "44.128.11.20")];
        for (_, one) in addresses {
            lab.set_rtt(address(one), Duration::from_millis(20))
                .unwrap();
        }
        let change = async {
            for round in 0..2_u32 {
                tokio::time::sleep(Duration::from_secs(20 * 60)).await;
                assert_eq!(exporter.value(changes), Some(f64::from(round)));
                let is_chosen = |(host, _): &(&str, &str)| {
                    exporter
                        .of_host("easelect_first_choice_info", host)
                        .is_some()
                };
                // The first choice fails once, and is then as good as the other endpoint again.
                let (_, chosen) = *addresses.iter().find(|one| is_chosen(one)).unwrap();
                lab.set_fault(address(chosen), Fault::Refuse).unwrap();
                tokio::time::sleep(Duration::from_secs(60)).await;
                lab.set_fault(address(chosen), Fault::None).unwrap();
            }
            tokio::time::sleep(Duration::from_secs(20 * 60)).await;
            assert_eq!(exporter.value(changes), Some(2.0));
        };
        tokio::select! {
            () = exporter.watch() => unreachable!("watch never returns"),
            () = change => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_target_any_more_is_forgotten() {
        let (_, exporter) = exporter(&["cn1/websocket"]);
        watched(&exporter, Duration::from_secs(30)).await;
        assert_eq!(
            exporter.of_host("easelect_probe_success", EASEMOB),
            Some(1.0)
        );
        let network = exporter.network.clone();
        exporter.config.write().unwrap().config = Arc::new(Config::builtin(&network).unwrap());
        watched(&exporter, Duration::from_secs(30)).await;
        assert_eq!(exporter.of_host("easelect_probe_success", EASEMOB), None);
    }
}
