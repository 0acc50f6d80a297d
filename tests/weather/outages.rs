//! The weather: the faults of each host at any moment, and how long it has been without any.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easelect::{Catalog, Region, Service};
use easelect_lab::{Dns, Fault, Host, Lab, Path, Scenario};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// The mean time between two troubles of one host.
const CALM: Duration = Duration::from_secs(45 * 60);
/// The mean time between two storms over a whole region.
const STORMS: Duration = Duration::from_secs(3600);

/// The faults of an address during an outage.
const OUTAGES: [Fault; 14] = [
    Fault::BlackHole,
    Fault::DropData,
    Fault::Refuse,
    Fault::Unreachable,
    Fault::ResetOnAccept,
    Fault::SilentTls,
    Fault::ResetOnHello,
    Fault::TlsAlert,
    Fault::Expired,
    Fault::SilentHttp,
    Fault::SlowLoris,
    Fault::CloseAfterTls,
    Fault::CaptivePortal,
    Fault::BadAccept,
];

/// What a hijacker does with its victims.
const IMPOSTORS: [Fault; 6] = [
    Fault::SelfSigned,
    Fault::Untrusted,
    Fault::WrongHost,
    Fault::PlainHttp,
    Fault::SilentTls,
    Fault::Refuse,
];

const NAMELESS: [Dns; 5] = [
    Dns::NotFound,
    Dns::ServerFailure,
    Dns::Refused,
    Dns::Temporary,
    Dns::Timeout,
];

/// A host of the catalogue, and since when it has been healthy.
struct Place {
    name: String,
    region: Region,
    addresses: Vec<IpAddr>,
    state: Mutex<State>,
}

struct State {
    /// Trouble is under way.
    troubled: bool,
    /// Since when its name has led to its addresses.
    named: Option<Instant>,
    /// Since when each address has worked.
    works: Vec<Option<Instant>>,
}

/// A network and its weather.
pub(crate) struct Outages {
    pub(crate) lab: Lab,
    seed: u64,
    places: Vec<Place>,
    hijackers: Mutex<BTreeSet<IpAddr>>,
    storms: AtomicU64,
}

/// An exponentially distributed time, at least 100 ms.
fn wait(random: &mut fastrand::Rng, mean: Duration) -> Duration {
    let long = -random.f64().max(1e-9).ln();
    mean.mul_f64(long).max(Duration::from_millis(100))
}

fn between(random: &mut fastrand::Rng, from: u64, to: u64) -> Duration {
    Duration::from_secs(random.u64(from..to))
}

impl Outages {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut scenario = Scenario::new(seed);
        let mut places = Vec::new();
        let catalog = Catalog::builtin();
        let websockets = catalog.endpoints().iter();
        for endpoint in websockets.filter(|one| one.service() == Service::Websocket) {
            let n = u8::try_from(places.len()).unwrap();
            let v6: IpAddr = format!("2600:1f00::{n:x}").parse().unwrap();
            let addresses = vec![
                IpAddr::from([44, 128, n, 1]),
                IpAddr::from([44, 128, n, 2]),
                v6,
            ];
            let mut host = Host::new(endpoint.host()).with_dns_delay(Duration::from_millis(20));
            for ip in &addresses {
                host = host.with_address(*ip);
                let rtt = Duration::from_millis(2 * random.u64(5..90));
                scenario = scenario.with_path(Path::new(*ip).with_rtt(rtt).with_jitter(0.1));
            }
            scenario = scenario.with_host(host);
            let now = Some(Instant::now());
            places.push(Place {
                name: endpoint.host().to_owned(),
                region: endpoint.region().clone(),
                state: Mutex::new(State {
                    troubled: false,
                    named: now,
                    works: vec![now; addresses.len()],
                }),
                addresses,
            });
        }
        Outages {
            lab: Lab::new(scenario).unwrap(),
            seed,
            places,
            hijackers: Mutex::default(),
            storms: AtomicU64::new(0),
        }
    }

    /// The endpoints of these regions that have been reachable since then, by name and without loss.
    pub(crate) fn reachable(&self, regions: &BTreeSet<Region>, since: Instant) -> Vec<String> {
        let held = |at: &Option<Instant>| at.is_some_and(|at| at <= since);
        let mut reachable = Vec::new();
        for place in self
            .places
            .iter()
            .filter(|one| regions.contains(&one.region))
        {
            let state = place.state.lock().unwrap();
            let works = place.addresses.iter().zip(&state.works);
            let held = works.filter(|(_, works)| held(&state.named) && held(works));
            reachable.extend(held.map(|(ip, _)| format!("{} at {ip}", place.name)));
        }
        reachable
    }

    /// Whether an address belongs to the host.
    pub(crate) fn belongs(&self, host: &str, ip: IpAddr) -> bool {
        let mut places = self.places.iter();
        places.any(|one| one.name == host && one.addresses.contains(&ip))
    }

    /// The region of a host or an address.
    pub(crate) fn region_of_host(&self, host: &str) -> Option<&Region> {
        let place = self.places.iter().find(|one| one.name == host);
        place.map(|one| &one.region)
    }

    pub(crate) fn region_of(&self, ip: IpAddr) -> Option<&Region> {
        let place = self.places.iter().find(|one| one.addresses.contains(&ip));
        place.map(|one| &one.region)
    }

    pub(crate) fn is_hijacker(&self, ip: IpAddr) -> bool {
        self.hijackers.lock().unwrap().contains(&ip)
    }

    pub(crate) fn storms(&self) -> u64 {
        self.storms.load(Ordering::Relaxed)
    }

    /// Starts the weather; dropping the result ends it.
    pub(crate) fn start(self: &Arc<Self>) -> JoinSet<()> {
        let mut weather = JoinSet::new();
        for number in 0..self.places.len() {
            let outages = Arc::clone(self);
            weather.spawn(async move { outages.trouble(number).await });
        }
        let outages = Arc::clone(self);
        weather.spawn(async move { outages.storm().await });
        weather
    }

    fn random(&self, stream: u64) -> fastrand::Rng {
        let mut seeds = fastrand::Rng::with_seed(self.seed ^ (stream + 1) << 32);
        fastrand::Rng::with_seed(seeds.u64(..))
    }

    /// The troubles of one host, one at a time.
    async fn trouble(&self, number: usize) {
        let mut random = self.random(number as u64);
        let place = &self.places[number];
        loop {
            sleep(wait(&mut random, CALM)).await;
            if !self.take(place) {
                continue;
            }
            match random.u8(0..6) {
                0 => self.outage(place, &mut random).await,
                1 => self.outage_of_one(place, &mut random).await,
                2 => self.flap(place, &mut random).await,
                3 => self.loss(place, &mut random).await,
                4 => self.hijack(place, &mut random).await,
                _ => self.nameless(place, &mut random).await,
            }
            place.state.lock().unwrap().troubled = false;
        }
    }

    /// Reserves a host for trouble, if none is under way.
    fn take(&self, place: &Place) -> bool {
        let mut state = place.state.lock().unwrap();
        !std::mem::replace(&mut state.troubled, true)
    }

    /// A whole region fails, or all but one of its hosts, for seconds to minutes.
    async fn storm(&self) {
        let mut random = self.random(1 << 20);
        loop {
            sleep(wait(&mut random, STORMS)).await;
            let region = self.places[random.usize(..self.places.len())]
                .region
                .clone();
            let mut hit: Vec<&Place> = self.places.iter().collect();
            hit.retain(|one| one.region == region);
            if random.bool() {
                hit.swap_remove(random.usize(..hit.len()));
            }
            hit.retain(|one| self.take(one));
            for place in &hit {
                let fault = OUTAGES[random.usize(..OUTAGES.len())];
                (0..place.addresses.len()).for_each(|one| self.fault(place, one, fault));
            }
            self.storms.fetch_add(1, Ordering::Relaxed);
            sleep(between(&mut random, 5, 900)).await;
            for place in &hit {
                (0..place.addresses.len()).for_each(|one| self.fault(place, one, Fault::None));
                place.state.lock().unwrap().troubled = false;
            }
        }
    }

    async fn outage(&self, place: &Place, random: &mut fastrand::Rng) {
        let fault = OUTAGES[random.usize(..OUTAGES.len())];
        (0..place.addresses.len()).for_each(|one| self.fault(place, one, fault));
        sleep(between(random, 1, 3600)).await;
        (0..place.addresses.len()).for_each(|one| self.fault(place, one, Fault::None));
    }

    async fn outage_of_one(&self, place: &Place, random: &mut fastrand::Rng) {
        let one = random.usize(..place.addresses.len());
        self.fault(place, one, OUTAGES[random.usize(..OUTAGES.len())]);
        sleep(between(random, 1, 7200)).await;
        self.fault(place, one, Fault::None);
    }

    async fn flap(&self, place: &Place, random: &mut fastrand::Rng) {
        for _ in 0..random.u32(3..30) {
            let fault = OUTAGES[random.usize(..OUTAGES.len())];
            (0..place.addresses.len()).for_each(|one| self.fault(place, one, fault));
            sleep(Duration::from_millis(random.u64(50..8000))).await;
            (0..place.addresses.len()).for_each(|one| self.fault(place, one, Fault::None));
            sleep(Duration::from_millis(random.u64(50..20_000))).await;
        }
    }

    async fn loss(&self, place: &Place, random: &mut fastrand::Rng) {
        let loss = 0.05 + 0.45 * random.f64();
        for (one, ip) in place.addresses.iter().enumerate() {
            self.lab.set_loss(*ip, loss).unwrap();
            place.state.lock().unwrap().works[one] = None;
        }
        sleep(between(random, 60, 3600)).await;
        for (one, ip) in place.addresses.iter().enumerate() {
            self.lab.set_loss(*ip, 0.0).unwrap();
            place.state.lock().unwrap().works[one] = Some(Instant::now());
        }
    }

    /// The name leads to foreign addresses, different ones each time.
    async fn hijack(&self, place: &Place, random: &mut fastrand::Rng) {
        let wrong = IpAddr::from([99, random.u8(..), random.u8(..), random.u8(1..)]);
        let fault = IMPOSTORS[random.usize(..IMPOSTORS.len())];
        let near = Path::new(wrong).with_rtt(Duration::from_millis(2));
        self.lab.set_path(near.with_fault(fault)).unwrap();
        self.hijackers.lock().unwrap().insert(wrong);
        self.named(place, None);
        self.lab.set_addresses(&place.name, &[wrong]).unwrap();
        sleep(between(random, 10, 7200)).await;
        self.lab
            .set_addresses(&place.name, &place.addresses)
            .unwrap();
        self.named(place, Some(Instant::now()));
    }

    async fn nameless(&self, place: &Place, random: &mut fastrand::Rng) {
        let dns = NAMELESS[random.usize(..NAMELESS.len())];
        self.named(place, None);
        self.lab.set_dns(&place.name, dns).unwrap();
        sleep(between(random, 1, 3600)).await;
        self.lab.set_dns(&place.name, Dns::Ok).unwrap();
        self.named(place, Some(Instant::now()));
    }

    fn named(&self, place: &Place, since: Option<Instant>) {
        place.state.lock().unwrap().named = since;
    }

    fn fault(&self, place: &Place, one: usize, fault: Fault) {
        self.lab.set_fault(place.addresses[one], fault).unwrap();
        let since = (fault == Fault::None).then(Instant::now);
        place.state.lock().unwrap().works[one] = since;
    }
}
