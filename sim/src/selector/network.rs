//! An event of the world as the Selector's resolver and connector.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use easelect::{ByteStream, Connect, Failure, FailureKind, Family, Phase, Resolve, Resolved};
use futures::future::BoxFuture;

use super::lock;
use super::moments::Moments;
use super::server::{self, Identities};
use crate::policy::{PROBES, count};
use crate::world::{Address, Answer, Attempt, Event, Police};

/// More than any flight of a handshake, so that no writer waits for a reader.
const BUFFER: usize = 64 * 1024;

/// A client's network, event after event.
#[derive(Debug)]
pub(super) struct Network {
    identities: Identities,
    scene: Mutex<Option<Arc<Scene>>>,
}

/// An event, and what the network has seen of the Selector in it. Dials that outlive the event still
/// belong to it.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) event: Event<'static>,
    pub(super) moments: Moments,
    seen: Mutex<Seen>,
}

/// What the network has seen of the Selector.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) dials: u32,
    pub(super) handshakes: u32,
    pub(super) background: u32,
    /// The numbers of dials and of probes of each candidate.
    dialled: Vec<u64>,
    probed: Vec<u64>,
    police: Police,
    /// For each host that was looked up: when first, and when DNS answers.
    answers_ms: Vec<Option<(f64, f64)>>,
    /// Whether the connection is open. From then on, dials are probes.
    open: bool,
}

/// Returns a host's name.
pub(super) fn name(host: usize) -> String {
    format!("h{host}.example")
}

/// Returns a candidate's IP address. Those of all networks are reserved for documentation (RFC 5737, RFC
/// 3849), those of a single network are class E or reserved for documentation: they lead nowhere.
fn address(event: &Event, number: usize) -> IpAddr {
    let Address { network, candidate } = event.address(number);
    let last = u8::try_from(candidate).unwrap_or(u8::MAX);
    let network = network.map(|network| u16::try_from(network).unwrap_or(u16::MAX - 1));
    if event.candidate(number).v6 {
        let network = network.map_or(0, |network| network + 1);
        return Ipv6Addr::new(0x2001, 0xdb8, network, 0, 0, 0, 0, last.into()).into();
    }
    let ip = network.map_or(Ipv4Addr::new(192, 0, 2, last), |network| {
        let [high, low] = network.to_be_bytes();
        Ipv4Addr::new(240, high, low, last)
    });
    ip.into()
}

/// Returns the number by which an address is dialled, if the network has its family.
pub(super) fn candidate(event: &Event, address: IpAddr) -> Option<usize> {
    let (network, last) = match address {
        IpAddr::V4(ip) => match ip.octets() {
            [240, high, low, last] => (Some(u16::from_be_bytes([high, low])), last),
            [.., last] => (None, last),
        },
        IpAddr::V6(ip) => (ip.segments()[2].checked_sub(1), ip.octets()[15]),
    };
    event.number(Address {
        network: network.map(usize::from),
        candidate: last.into(),
    })
}

impl Network {
    pub(super) fn new(identities: Identities) -> Self {
        Network {
            identities,
            scene: Mutex::new(None),
        }
    }

    /// Starts the next event.
    pub(super) fn begin(&self, event: Event<'static>) -> Arc<Scene> {
        let candidates = event.candidates().len();
        let seen = Seen {
            dialled: vec![0; candidates],
            probed: vec![0; candidates],
            answers_ms: vec![None; event.hosts()],
            ..Seen::default()
        };
        let scene = Arc::new(Scene {
            event,
            moments: Moments::from_now(),
            seen: Mutex::new(seen),
        });
        *lock(&self.scene) = Some(Arc::clone(&scene));
        scene
    }

    fn scene(&self) -> Option<Arc<Scene>> {
        lock(&self.scene).clone()
    }
}

impl Scene {
    /// Notes that the connection is open.
    pub(super) fn open(&self) {
        lock(&self.seen).open = true;
    }

    pub(super) fn count_handshake(&self) {
        lock(&self.seen).handshakes += 1;
    }

    #[cfg(test)]
    pub(super) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// Returns the conditions that a dial meets now. Once the connection is open, all dials are probes.
    fn dial(&self, candidate: usize) -> Attempt {
        let mut seen = lock(&self.seen);
        let number = if seen.open {
            seen.background += 1;
            PROBES + count(&mut seen.probed, candidate)
        } else {
            seen.dials += 1;
            count(&mut seen.dialled, candidate) - 1
        };
        let mut attempt = self.event.attempt(candidate, number);
        if !seen.open {
            let late_ms = seen.police.late_ms(&self.event, self.moments.now_ms());
            attempt.syn = attempt.syn.later(late_ms);
        }
        attempt
    }

    /// Waits for DNS, which answers both families at the same time. A second query, which the Selector
    /// sends when the first stays unanswered, may be answered sooner.
    async fn resolved(&self, host: usize) {
        let now_ms = self.moments.now_ms();
        let fresh = (now_ms, now_ms + self.event.dns_ms(host));
        let (asked_ms, at_ms) = *lock(&self.seen).answers_ms[host].get_or_insert(fresh);
        let at_ms = if asked_ms < now_ms {
            at_ms.min(now_ms + self.event.dns_again_ms(host))
        } else {
            at_ms
        };
        self.moments.reach(at_ms).await;
    }
}

impl Connect for Network {
    fn connect(&self, _: &str, address: SocketAddr) -> BoxFuture<'static, io::Result<ByteStream>> {
        let (scene, identities) = (self.scene(), self.identities.clone());
        Box::pin(async move {
            let scene = scene.ok_or(io::ErrorKind::NetworkUnreachable)?;
            let Some(candidate) = candidate(&scene.event, address.ip()) else {
                // This network lacks the address's family: the kernel reports it at once.
                lock(&scene.seen).dials += 1;
                return Err(io::ErrorKind::NetworkUnreachable.into());
            };
            let attempt = scene.dial(candidate);
            match attempt.syn {
                Answer::After(ms) => scene.moments.pass(ms).await,
                Answer::Fails(ms) => {
                    scene.moments.pass(ms).await;
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                Answer::Never => std::future::pending().await,
            }
            let (near, far) = tokio::io::duplex(BUFFER);
            tokio::spawn(server::serve(far, attempt, identities, scene));
            Ok(ByteStream::opaque(near))
        })
    }
}

impl Resolve for Network {
    fn resolve(&self, host: &str, family: Family) -> BoxFuture<'static, Result<Resolved, Failure>> {
        let (scene, asked) = (self.scene(), host.to_owned());
        Box::pin(async move {
            let none = || Failure::new(Phase::Resolve, FailureKind::NoAddress);
            let scene = scene.ok_or_else(none)?;
            let known = (0..scene.event.hosts()).find(|host| name(*host) == asked);
            let host = known.ok_or_else(none)?;
            scene.resolved(host).await;
            let addresses: Vec<IpAddr> = (scene.event.addresses(host).into_iter())
                .map(|number| address(&scene.event, number))
                .filter(|address| Family::of(*address) == family)
                .collect();
            if addresses.is_empty() {
                return Err(none());
            }
            Ok(Resolved::new(addresses))
        })
    }
}
