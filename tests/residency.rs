//! Nothing leaves its data centre: whatever a user's catalogue or a history contains, only endpoints of
//! the residency's regions are looked up, dialled, preferred or returned.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use easelect::{
    Catalog, CatalogFormat, DialOutcome, Endpoint, Error, ErrorKind, History, HistoryStore, Region,
    Residency, Selector, Service,
};
use easelect_lab::{EventKind, Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};

/// The regions of a user's endpoints: the pool, another built-in region, two of the user's own.
const REGIONS: [&str; 5] = ["cn1", "cn2", "sgp1", "own1", "own2"];

/// An unknown region that a history may name.
const NO_REGION: &str = "nowhere";

const OWN_HOSTS: [&str; 4] = ["h0.example", "h1.example", "h2.example", "h3.example"];

const NETWORKS: [&str; 2] = ["home", "office"];

/// A user's endpoint: indices of its region and host, its service and port.
type Own = (usize, usize, Service, u16);

/// A candidate in a history.
#[derive(Clone, Debug)]
struct Remembered {
    network: usize,
    region: usize,
    host: usize,
    address: usize,
    port: u16,
    opened: bool,
    numbers: [f64; 3],
    age_hours: u64,
}

/// An action of the app.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Connect,
    Candidates,
    BaseUrl,
    /// Reports success with candidates from selectors of other regions.
    ReportForeign,
    Move,
    Wait,
}

/// A generated case.
#[derive(Clone, Debug)]
struct Case {
    /// An index into the regions; one beyond them is the pool.
    residency: usize,
    own: Vec<Own>,
    remembered: Vec<Remembered>,
    /// A byte of the history to change: its position and new value.
    tampered: Option<(usize, char)>,
    faults: Vec<u8>,
    deeds: Vec<Deed>,
    seed: u64,
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(443), 1 => Just(8443)]
}

fn own() -> impl Strategy<Value = Own> {
    let service = prop_oneof![2 => Just(Service::Websocket), 1 => Just(Service::Rest)];
    (0..REGIONS.len(), 0usize..64, service, port())
}

fn remembered() -> impl Strategy<Value = Remembered> {
    let number = prop_oneof![4 => 0.01..6.0, 1 => -30.0..30.0, 1 => Just(1e300)];
    let where_at = (0usize..2, 0..=REGIONS.len(), 0usize..64, 0usize..72, port());
    let what = (any::<bool>(), prop::array::uniform3(number), 0u64..200);
    (where_at, what).prop_map(|(place, (opened, numbers, age_hours))| Remembered {
        network: place.0,
        region: place.1,
        host: place.2,
        address: place.3,
        port: place.4,
        opened,
        numbers,
        age_hours,
    })
}

fn case() -> impl Strategy<Value = Case> {
    let deed = prop_oneof![
        3 => Just(Deed::Connect),
        1 => Just(Deed::Candidates),
        2 => Just(Deed::BaseUrl),
        1 => Just(Deed::ReportForeign),
        1 => Just(Deed::Move),
        1 => Just(Deed::Wait),
    ];
    let catalogue = (0..=REGIONS.len(), prop::collection::vec(own(), 0..12));
    let history = prop::collection::vec(remembered(), 0..40);
    let tamper = prop_oneof![
        prop::char::range('0', '9'),
        prop::char::range('!', '~'),
        any::<char>()
    ];
    let tampered = prop::option::weighted(0.3, (0usize..8_000, tamper));
    let faults = prop::collection::vec(0u8..6, 1..8);
    let deeds = prop::collection::vec(deed, 1..7);
    let all = (catalogue, history, tampered, faults, deeds, any::<u64>());
    all.prop_map(
        |((residency, own), remembered, tampered, faults, deeds, seed)| Case {
            residency,
            own,
            remembered,
            tampered,
            faults,
            deeds,
            seed,
        },
    )
}

impl Case {
    fn residency(&self) -> Residency {
        match REGIONS.get(self.residency) {
            Some(id) => Region::new(id).unwrap().into(),
            None => Residency::mainland_pool(),
        }
    }

    /// The rule, implemented independently.
    fn is_eligible(&self, region: &str) -> bool {
        match REGIONS.get(self.residency) {
            Some(id) => region == *id,
            None => region == "cn1" || region == "cn2",
        }
    }

    fn catalog(&self) -> Catalog {
        let text = "[[region]]\nid = \"own1\"\n[[region]]\nid = \"own2\"\n";
        let own = Catalog::builtin().with_file(text, CatalogFormat::Toml, "own");
        self.own
            .iter()
            .fold(own.unwrap(), |catalog, (region, host, service, port)| {
                let region = Region::new(REGIONS[*region]).unwrap();
                let host = &HOSTS[host % HOSTS.len()];
                let scheme = if *service == Service::Rest {
                    "https"
                } else {
                    "wss"
                };
                let url = format!("{scheme}://{host}:{port}/here");
                let endpoint = Endpoint::new(region, *service, &url).unwrap();
                catalog.with_endpoint(endpoint).unwrap()
            })
    }

    fn lab(&self) -> Lab {
        let mut scenario = Scenario::new(self.seed);
        for (n, name) in HOSTS.iter().enumerate() {
            scenario = scenario.with_host(Host::new(name).with_address(address(n)));
        }
        for n in 0..72 {
            let path = Path::new(address(n)).with_rtt(Duration::from_millis(20 + 2 * n as u64));
            scenario = scenario.with_path(match self.faults[n % self.faults.len()] {
                0 => path.with_fault(Fault::Refuse),
                1 => path.with_fault(Fault::BlackHole),
                2 => path.with_fault(Fault::Expired),
                3 => path.with_status(503),
                _ => path,
            });
        }
        Lab::new(scenario).unwrap()
    }

    fn history(&self) -> Kept {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now_ms = u64::try_from(now.unwrap().as_millis()).unwrap();
        let of = |network: usize| -> Vec<Value> {
            let here = self.remembered.iter().filter(|one| one.network == network);
            here.map(|one| one.json(now_ms)).collect()
        };
        let network = |number: usize| {
            json!({ "id": NETWORKS[number], "used_ms": now_ms, "syn_trust": 0.1, "syn_trust_samples": 3,
                "candidates": of(number) })
        };
        let text = json!({ "schema": 1, "networks": [network(0), network(1)] }).to_string();
        // Only a history that was tampered with may be refused.
        History::from_json(&text).unwrap();
        let mut text: Vec<char> = text.chars().collect();
        if let Some((at, into)) = self.tampered {
            let at = at % text.len();
            text[at] = into;
        }
        Kept(text.into_iter().collect())
    }
}

impl Remembered {
    fn json(&self, now_ms: u64) -> Value {
        let then_ms = now_ms - self.age_hours * 3_600_000;
        let [mean, variance, count] = self.numbers;
        let region = REGIONS.get(self.region).unwrap_or(&NO_REGION);
        let address = SocketAddr::new(address(self.address), self.port);
        let filter = json!({ "mean": mean, "variance": variance, "at_ms": then_ms, "surprise": 0 });
        json!({
            "region": region, "host": HOSTS[self.host % HOSTS.len()], "address": address,
            "service": if self.host.is_multiple_of(2) { "websocket" } else { "rest" },
            "syn": filter, "rest": null,
            "health": { "successes": count, "failures": 0.0, "counted_ms": then_ms,
                "in_a_row": 0, "breaker_open_until_ms": 0 },
            "listed_ms": then_ms, "seen_ms": then_ms,
            "opened_ms": self.opened.then_some(then_ms),
        })
    }
}

/// The hosts of all regions and some of the user's own.
static HOSTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let catalog = Catalog::builtin();
    let mut hosts = OWN_HOSTS.map(str::to_owned).to_vec();
    hosts.extend(catalog.endpoints().iter().map(|one| one.host().to_owned()));
    hosts
});

/// The address of the host with this index. Further addresses belong to no host.
fn address(number: usize) -> IpAddr {
    IpAddr::from([44, 128, 0, u8::try_from(number).unwrap()])
}

/// A store with a fixed history that discards what is saved.
#[derive(Debug)]
struct Kept(String);

impl Kept {
    /// Region, host and address of the candidates.
    fn candidates(&self) -> Vec<(String, String, SocketAddr)> {
        let all: Value = serde_json::from_str(&self.0).unwrap_or_default();
        let networks = all["networks"].as_array().into_iter().flatten();
        let candidates = networks.filter_map(|one| one["candidates"].as_array());
        candidates
            .flatten()
            .filter_map(|one| {
                let text = |key: &str| Some(one[key].as_str()?.to_owned());
                Some((
                    text("region")?,
                    text("host")?,
                    text("address")?.parse().ok()?,
                ))
            })
            .collect()
    }
}

impl HistoryStore for Kept {
    fn load(&self) -> Result<Option<History>, Error> {
        Ok(Some(History::from_json(&self.0)?))
    }

    fn save(&self, _: &History) -> Result<(), Error> {
        Ok(())
    }
}

/// Everything that the residency allows, computed without the selector.
struct Allowed {
    endpoints: Vec<Endpoint>,
    dials: HashSet<SocketAddr>,
}

impl Allowed {
    fn of(case: &Case, catalog: &Catalog, history: &Kept) -> Self {
        let here = |one: &&Endpoint| case.is_eligible(one.region().as_str());
        let endpoints: Vec<Endpoint> = catalog.endpoints().iter().filter(here).cloned().collect();
        let known = history.candidates();
        let mut dials = HashSet::new();
        for one in &endpoints {
            let number = HOSTS.iter().position(|host| host == one.host()).unwrap();
            dials.insert(SocketAddr::new(address(number), one.port()));
            let of_it = |(region, host, address): &(String, String, SocketAddr)| {
                region == one.region().as_str()
                    && host == one.host()
                    && address.port() == one.port()
            };
            let of_it = known.iter().filter(|known| of_it(known));
            dials.extend(of_it.map(|(_, _, address)| *address));
        }
        Allowed { endpoints, dials }
    }

    fn has(&self, endpoint: &Endpoint) -> bool {
        self.endpoints.contains(endpoint)
    }

    /// Whether REST at this URL is allowed: in this region if the region has any.
    fn has_rest(&self, url: &str, open_in: Option<&Region>) -> bool {
        let rest = || {
            let is_rest = |one: &&Endpoint| one.service() == Service::Rest;
            self.endpoints.iter().filter(is_rest)
        };
        let there = |one: &&Endpoint| open_in.is_some_and(|region| one.region() == region);
        let bound = rest().any(|one| there(&one));
        let is_it = |one: &Endpoint| one.url().trim_end_matches('/') == url;
        rest().filter(|one| !bound || there(one)).any(is_it)
    }
}

fn builder(case: &Case, lab: &Lab, residency: Residency) -> easelect::SelectorBuilder {
    Selector::builder(residency)
        .catalog(case.catalog())
        .dialer(lab.dialer().build().unwrap())
        .network(NETWORKS[0])
        .seed(case.seed)
}

async fn play(case: &Case) -> Result<(), TestCaseError> {
    let (lab, catalog) = (case.lab(), case.catalog());
    let history = case.history();
    let allowed = Allowed::of(case, &catalog, &history);
    let built = builder(case, &lab, case.residency()).history(history);
    let Ok(selector) = built.build() else {
        let any = |one: &Endpoint| one.service() == Service::Websocket;
        prop_assert!(!allowed.endpoints.iter().any(any));
        return Ok(());
    };
    let mut open_in = None;
    for deed in &case.deeds {
        match deed {
            Deed::Connect => {
                if let Ok(connection) = selector.connect().await {
                    prop_assert!(allowed.has(connection.endpoint()));
                    open_in = Some(connection.endpoint().region().clone());
                }
            }
            Deed::Candidates => {
                let mut candidates = selector.candidates();
                while let Some(Ok(one)) = candidates.next().await {
                    prop_assert!(allowed.has(&one.endpoint), "{one:?}");
                    prop_assert!(allowed.dials.contains(&one.address), "{one:?}");
                }
            }
            Deed::BaseUrl => {
                if let Ok(url) = selector.base_url().await {
                    let eligible = allowed.has_rest(&url, open_in.as_ref());
                    prop_assert!(eligible, "{url}, open in {open_in:?}");
                }
            }
            Deed::ReportForeign => report_foreign(case, &selector).await,
            Deed::Move => selector.network_changed(Some(NETWORKS[1])),
            Deed::Wait => tokio::time::sleep(Duration::from_secs(700)).await,
        }
        if let Some(best) = selector.best() {
            prop_assert!(allowed.has(&best), "{best:?}");
        }
        for one in &*selector.expectations() {
            prop_assert!(allowed.has(&one.endpoint), "{one:?}");
            prop_assert!(allowed.dials.contains(&one.address), "{one:?}");
        }
    }
    // Let background work finish.
    tokio::time::sleep(Duration::from_secs(10)).await;
    for event in lab.events() {
        match event.kind {
            EventKind::Dialled => {
                let address = event.address.unwrap();
                prop_assert!(allowed.dials.contains(&address), "dialled {address}");
            }
            EventKind::Queried { host, .. } => {
                let known = |one: &Endpoint| one.host() == host;
                prop_assert!(allowed.endpoints.iter().any(known), "asked for {host}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reports success with candidates from selectors of other regions.
async fn report_foreign(case: &Case, selector: &Selector) {
    let numbered = HOSTS.iter().enumerate();
    let host = |(n, name): (usize, &String)| Host::new(name).with_address(address(n));
    let scenario = numbered
        .map(host)
        .fold(Scenario::new(0), Scenario::with_host);
    let lab = Lab::new(scenario).unwrap();
    for id in REGIONS.iter().filter(|id| !case.is_eligible(id)) {
        let region = Region::new(id).unwrap();
        let Ok(other) = builder(case, &lab, region.into()).build() else {
            continue;
        };
        let mut candidates = other.candidates();
        while let Some(one) = candidates.next().await {
            selector.report(&one.unwrap(), DialOutcome::Opened, Duration::from_millis(1));
        }
    }
}

proptest! {
    // No file of past failures: a failing case is printed, to become a separate test.
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_selector_never_leaves_its_residency(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(&case))?;
    }

    #[test]
    fn several_regions_are_refused(ids in prop::collection::hash_set("[a-z]{2}[0-9]|cn1|cn2|sgp1", 2..5)) {
        let regions = ids.iter().map(|id| Region::new(id).unwrap());
        let refused = Residency::from_regions(regions).unwrap_err();
        prop_assert_eq!(refused.kind(), ErrorKind::Residency);
    }
}
