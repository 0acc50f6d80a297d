//! A client with a real [`Selector`].

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use easelect::{Catalog, CatalogFormat, Connection, Dialer, Policy, Region, Selector, TlsClient};
use tokio::time::{Instant, sleep, sleep_until};

use super::network::{Network, Scene, candidate, name};
use super::server::Identities;
use crate::policy::{LIMIT_MS, Tally};
use crate::world::{Event, World};

/// Background SYNs are over by then: the Selector's time limit for them is 3 s.
const BACKGROUND: Duration = Duration::from_secs(4);

/// The pause before another try, after every candidate failed. As in layer 1.
const RETRY: Duration = Duration::from_secs(1);

/// The parts that all clients of a world share.
#[derive(Debug)]
pub(super) struct Shared {
    region: Region,
    catalog: Catalog,
    identities: Identities,
}

impl Shared {
    /// All hosts belong to one region. Clusters can't be regions: only Easemob's China 1 and China 2 are
    /// raced together.
    pub(super) fn new(world: &World) -> Result<Self, Box<dyn Error + Send + Sync>> {
        const REGION: &str = "simulated";
        let names: Vec<String> = (0..world.hosts()).map(name).collect();
        let endpoints = names.iter().map(|name| {
            format!(
                "[[endpoint]]\nregion = \"{REGION}\"\nservice = \"websocket\"\n\
                 url = \"wss://{name}/websocket\"\n"
            )
        });
        let regions = format!("[[region]]\nid = \"{REGION}\"\n");
        let text: String = std::iter::once(regions).chain(endpoints).collect();
        Ok(Shared {
            region: Region::new(REGION)?,
            catalog: Catalog::builtin().with_file(&text, CatalogFormat::Toml, "simulated.toml")?,
            identities: Identities::new(names)?,
        })
    }
}

/// A client: its Selector and its network.
#[derive(Debug)]
pub(super) struct Player {
    selector: Selector,
    network: Arc<Network>,
    /// The start of its week.
    began: Instant,
    /// The number of the network that was announced to the Selector.
    on: Option<usize>,
}

/// The outcome of one event.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) scene: Arc<Scene>,
    pub(super) tally: Tally,
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests look at it"))]
    pub(super) connection: Option<Connection>,
}

impl Player {
    pub(super) fn new(
        shared: &Shared,
        policy: Policy,
        seed: u64,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let network = Arc::new(Network::new(shared.identities.clone()));
        let selector = Selector::builder(shared.region.clone())
            .catalog(shared.catalog.clone())
            .dialer(
                Dialer::builder()
                    .resolver(Arc::clone(&network))
                    .connector(Arc::clone(&network))
                    .tls(TlsClient::with_roots([shared.identities.root.clone()])?)
                    .build()?,
            )
            .policy(policy)
            .deadline(Duration::from_secs_f64(LIMIT_MS / 1e3))
            .seed(seed)
            .build()?;
        Ok(Player {
            selector,
            network,
            began: Instant::now(),
            on: None,
        })
    }

    /// Opens a connection at the event's time, or at once if that has passed.
    pub(super) async fn play(&mut self, event: Event<'static>) -> Played {
        let hour = Duration::from_millis((event.hour * 3_600e3).round() as u64);
        sleep_until(self.began + hour).await;
        if self.on != Some(event.network) {
            self.on = Some(event.network);
            self.selector
                .network_changed(Some(&event.network.to_string()));
        }
        let before = self.selector.stats();
        let scene = self.network.begin(event);
        let connection = self.connect(&scene).await;
        // No await lies between: the Selector's background dials have yet to start.
        scene.open();
        let open_ms = scene.moments.now_ms();
        sleep(BACKGROUND).await;
        let after = self.selector.stats();
        let count = |after: u64, before: u64| u32::try_from(after - before).unwrap_or(u32::MAX);
        let tally = Tally {
            dials: count(after.dials, before.dials),
            handshakes: count(after.handshakes, before.handshakes),
            background: count(after.background_dials, before.background_dials),
            messages: 0,
            opened: (connection.as_ref())
                .and_then(|one| candidate(&scene.event, one.address().ip()))
                .map(|one| (one, open_ms))
                .filter(|(_, ms)| *ms <= LIMIT_MS),
        };
        Played {
            scene,
            tally,
            connection,
        }
    }

    /// Tries until a connection is open or the time limit has passed.
    async fn connect(&self, scene: &Scene) -> Option<Connection> {
        loop {
            if let Ok(connection) = self.selector.connect().await {
                return Some(connection);
            }
            sleep(RETRY).await;
            if scene.moments.now_ms() >= LIMIT_MS {
                return None;
            }
        }
    }
}
