//! Days of bad weather over hundreds of clients, in paused time: whatever happens to names and
//! addresses, a connection is made whenever one could be, and only where it may be.
//!
//! `EASELECT_WEATHER_SEED` plays one seed alone, `EASELECT_WEATHER_CLIENTS` more or fewer clients.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easelect::lab::{Dns, Fault, Host, Lab, Path, Scenario};
use easelect::{Catalog, CatalogFormat, ConnectError, Connection, Region, Selector, TlsClient};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Three days, in which each client connects twelve times.
const LENGTH: Duration = Duration::from_secs(3 * 24 * 3600);
const CONNECTIONS: u64 = 12;

/// What a client may reach, what is of another data centre, and where a hijacker waits.
const HOSTS: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];
const ELSEWHERE: &str = "z.example";
const HIJACKER: [u8; 4] = [44, 66, 6, 6];

/// What a network or a server does to an address, for good or for a while.
const FAULTS: [Fault; 16] = [
    Fault::Refuse,
    Fault::BlackHole,
    Fault::HostUnreachable,
    Fault::ResetOnAccept,
    Fault::CloseOnAccept,
    Fault::DropData,
    Fault::ResetOnHello,
    Fault::SilentTls,
    Fault::GarbageTls,
    Fault::Expired,
    Fault::WrongHost,
    Fault::SelfSigned,
    Fault::CloseAfterTls,
    Fault::SilentHttp,
    Fault::CaptivePortal,
    Fault::BadAccept,
];

fn address(host: usize, n: u8) -> IpAddr {
    match n {
        2 => format!("2600:1f00::{host}").parse().unwrap(),
        _ => IpAddr::from([44, 128, host as u8, n]),
    }
}

/// The network, and since when each (host, address) could have been connected to.
struct Weather {
    lab: Lab,
    random: fastrand::Rng,
    faults: BTreeMap<IpAddr, Fault>,
    dns: [Dns; HOSTS.len()],
    hijacked: [bool; HOSTS.len()],
    good_since: BTreeMap<(usize, IpAddr), Instant>,
}

impl Weather {
    fn new(seed: u64) -> Self {
        let mut scenario = Scenario::new(seed);
        for (number, name) in HOSTS.iter().enumerate() {
            let mut host = Host::new(name).with_dns_delay(Duration::from_millis(20));
            for n in 0..3 {
                let rtt = Duration::from_millis(30 + 17 * number as u64 + 5 * u64::from(n));
                host = host.with_address(address(number, n));
                let path = Path::new(address(number, n)).with_rtt(rtt);
                scenario = scenario.with_path(path.with_jitter(0.1).with_loss(0.005));
            }
            scenario = scenario.with_host(host);
        }
        // Nearer than any, and not to be used.
        let near = IpAddr::from([44, 129, 0, 1]);
        scenario = scenario
            .with_host(Host::new(ELSEWHERE).with_address(near))
            .with_path(Path::new(near).with_rtt(Duration::from_millis(2)))
            .with_path(
                Path::new(HIJACKER.into())
                    .with_rtt(Duration::from_millis(4))
                    .with_fault(Fault::Untrusted),
            );
        let mut weather = Weather {
            lab: Lab::new(scenario).unwrap(),
            random: fastrand::Rng::with_seed(seed),
            faults: BTreeMap::new(),
            dns: Default::default(),
            hijacked: [false; HOSTS.len()],
            good_since: BTreeMap::new(),
        };
        weather.look();
        weather
    }

    /// Something changes: an outage or its end, a flap, a slow spell, loss, a name.
    fn change(&mut self) {
        let host = self.random.usize(..HOSTS.len());
        let one = address(host, self.random.u8(..3));
        match self.random.u8(..10) {
            0..=2 => self.fail(one),
            3..=4 => self.fault(one, Fault::None),
            5 => {
                for n in 0..3 {
                    self.fail(address(host, n));
                }
            }
            6 => {
                let rtt = Duration::from_millis(self.random.u64(4..600));
                self.lab.set_rtt(one, rtt).unwrap();
                self.lab.set_loss(one, 0.02 * self.random.f64()).unwrap();
            }
            7 => {
                let answers = [
                    Dns::NotFound,
                    Dns::ServerFailure,
                    Dns::Timeout,
                    Dns::Ok,
                    Dns::Ok,
                ];
                self.dns[host] = answers[self.random.usize(..answers.len())];
                self.lab.set_dns(HOSTS[host], self.dns[host]).unwrap();
            }
            8 => {
                self.hijacked[host] = self.random.bool();
                let own = [address(host, 0), address(host, 1), address(host, 2)];
                let answer: &[IpAddr] = match self.hijacked[host] {
                    true => &[IpAddr::from(HIJACKER)],
                    false => &own,
                };
                self.lab.set_addresses(HOSTS[host], answer).unwrap();
            }
            _ => {
                for host in 0..HOSTS.len() {
                    for n in 0..3 {
                        self.fault(address(host, n), Fault::None);
                    }
                }
            }
        }
        self.look();
    }

    fn fail(&mut self, one: IpAddr) {
        let fault = FAULTS[self.random.usize(..FAULTS.len())];
        self.fault(one, fault);
    }

    fn fault(&mut self, one: IpAddr, fault: Fault) {
        self.lab.set_fault(one, fault).unwrap();
        self.faults.insert(one, fault);
    }

    /// Notes who can be connected to from now on, and who no longer.
    fn look(&mut self) {
        for host in 0..HOSTS.len() {
            let named = self.dns[host] == Dns::Ok && !self.hijacked[host];
            for n in 0..3 {
                let one = address(host, n);
                let fault = self.faults.get(&one).copied().unwrap_or(Fault::None);
                if named && fault == Fault::None {
                    let since = self.good_since.entry((host, one));
                    since.or_insert_with(Instant::now);
                } else {
                    self.good_since.remove(&(host, one));
                }
            }
        }
    }

    /// Who has been good all the time since then.
    fn good_since(&self, since: Instant) -> Option<(&'static str, IpAddr)> {
        let mut good = self.good_since.iter().filter(|(_, from)| **from <= since);
        good.next().map(|((host, one), _)| (HOSTS[*host], *one))
    }
}

fn catalog() -> Catalog {
    let mut text = "[[region]]\nid = \"own\"\n[[region]]\nid = \"other\"\n".to_owned();
    let hosts = HOSTS.iter().map(|host| (*host, "own"));
    for (host, region) in hosts.chain([(ELSEWHERE, "other")]) {
        text += &format!(
            "[[endpoint]]\nregion = \"{region}\"\nservice = \"websocket\"\n\
             url = \"wss://{host}/websocket\"\n"
        );
    }
    Catalog::builtin()
        .with_file(&text, CatalogFormat::Toml, "weather.toml")
        .unwrap()
}

/// What must hold of every connection and of every failure.
fn check(
    what: &str,
    weather: &Mutex<Weather>,
    began: Instant,
    outcome: &Result<Connection, ConnectError>,
) {
    let attempts = match outcome {
        Ok(connection) => {
            let own = (0..HOSTS.len()).find(|n| HOSTS[*n] == connection.endpoint().host());
            let own = own.unwrap_or_else(|| panic!("{what}: open on {connection:?}"));
            let known = (0..3).any(|n| address(own, n) == connection.address().ip());
            assert!(
                known,
                "{what}: open at an address of nobody's: {connection:?}"
            );
            connection.attempts()
        }
        Err(error) => {
            let good = weather.lock().unwrap().good_since(began);
            assert!(
                good.is_none(),
                "{what}: {good:?} was good all the time, but {error}"
            );
            error.attempts()
        }
    };
    // 12 addresses and a hijacker's at each host, and a failed name each.
    assert!(
        attempts.len() <= 12 + 2 * HOSTS.len(),
        "{what}: {attempts:#?}"
    );
    for attempt in attempts {
        let region = attempt.endpoint.region().as_str();
        assert_eq!(region, "own", "{what}: {attempt:?}");
    }
}

/// A client's days: connections at any time, some of them again after a loss, some elsewhere.
async fn live(what: String, seed: u64, weather: Arc<Mutex<Weather>>) -> u64 {
    let lab = weather.lock().unwrap().lab.clone();
    let selector = Selector::builder(Region::new("own").unwrap())
        .catalog(catalog())
        .resolver(lab.resolver())
        .connector(lab.connector())
        .tls(TlsClient::with_roots([lab.root()]).unwrap())
        .network("0")
        .seed(seed)
        .build()
        .unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut opened = 0;
    for _ in 0..CONNECTIONS {
        let pause = LENGTH.mul_f64(2.0 * random.f64() / CONNECTIONS as f64);
        sleep(pause).await;
        if random.u8(..4) == 0 {
            selector.network_changed(Some(&random.u8(..3).to_string()));
        }
        let began = Instant::now();
        let outcome = selector.connect().await;
        check(&what, &weather, began, &outcome);
        // 16 addresses for each host at most, on the network that it is on.
        assert!(selector.ranking().len() <= 16 * HOSTS.len(), "{what}");
        opened += u64::from(outcome.is_ok());
    }
    opened
}

async fn days(seed: u64, clients: u64) {
    let weather = Arc::new(Mutex::new(Weather::new(seed)));
    let mut all = JoinSet::new();
    for number in 0..clients {
        let what = format!("EASELECT_WEATHER_SEED={seed}, client {number}");
        all.spawn(live(what, seed ^ (number << 16), Arc::clone(&weather)));
    }
    let sky = Arc::clone(&weather);
    let changes = tokio::spawn(async move {
        loop {
            // Mostly minutes apart, now and then a flap.
            let pause = {
                let random = &mut sky.lock().unwrap().random;
                match random.u8(..5) {
                    0 => Duration::from_millis(random.u64(50..5_000)),
                    _ => Duration::from_secs(random.u64(30..1_800)),
                }
            };
            sleep(pause).await;
            sky.lock().unwrap().change();
        }
    });
    let opened: u64 = all.join_all().await.into_iter().sum();
    changes.abort();
    let made = clients * CONNECTIONS;
    // Bad as it is: a test in which nothing opens would prove nothing.
    assert!(
        opened * 2 > made,
        "seed {seed}: only {opened} of {made} opened"
    );
    // What the selectors left behind is gone with them.
    sleep(Duration::from_secs(60)).await;
    assert_eq!(weather.lock().unwrap().lab.open(), 0, "seed {seed}");
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: expected a number, found {text:?}")),
    )
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_made_whenever_one_could_be() {
    let clients = setting("EASELECT_WEATHER_CLIENTS").unwrap_or(50);
    match setting("EASELECT_WEATHER_SEED") {
        Some(seed) => days(seed, clients).await,
        None => {
            for seed in 1..=4 {
                days(seed, clients).await;
            }
        }
    }
}
