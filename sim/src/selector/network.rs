//! An event of the world as a network below TLS and beside DNS: the Selector's two seams.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use easelect::{ByteStream, Connect, Failure, FailureKind, Family, Phase, Resolve, Resolved};
use futures::future::BoxFuture;

use super::lock;
use super::moments::Moments;
use super::server::{self, Identities};
use crate::policy::PROBES;
use crate::world::{Answer, Attempt, Candidate, Event};

/// More than any flight of a handshake: nobody waits for anybody's reading.
const BUFFER: usize = 64 * 1024;

/// A client's network, event after event.
#[derive(Debug)]
pub(super) struct Network {
    identities: Identities,
    scene: Mutex<Option<Arc<Scene>>>,
}

/// An event, and what the Selector made of it so far. Dials that outlive the event stay in it.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) event: Event<'static>,
    pub(super) moments: Moments,
    seen: Mutex<Seen>,
}

/// What the network saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) dials: u32,
    pub(super) handshakes: u32,
    pub(super) background: u32,
    /// How often each candidate was dialled and probed.
    dialled: Vec<u64>,
    probed: Vec<u64>,
    /// For each host that was asked for: when first, and when DNS answers.
    answers_ms: Vec<Option<(f64, f64)>>,
    /// Whether the connection is open: dials are probes from then on.
    open: bool,
}

/// The name of the n-th host.
pub(super) fn name(host: usize) -> String {
    format!("h{host}.example")
}

/// The address of the n-th candidate; those for documentation (RFC 5737, RFC 3849) lead nowhere.
fn address(number: usize, candidate: &Candidate) -> IpAddr {
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    if candidate.v6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into()
    } else {
        Ipv4Addr::new(192, 0, 2, number).into()
    }
}

/// The number of the candidate with this address.
pub(super) fn candidate(address: IpAddr) -> usize {
    let last = match address {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    };
    last.into()
}

impl Network {
    pub(super) fn new(identities: Identities) -> Self {
        Network {
            identities,
            scene: Mutex::new(None),
        }
    }

    /// The next event begins.
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
    /// The connection is open.
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

    /// What a dial that begins now meets: as a dial of layer 1, or as one of its probes. A Selector
    /// probes once its connection is open, and only then.
    fn dial(&self, candidate: usize) -> Attempt {
        let mut seen = lock(&self.seen);
        let number = if seen.open {
            seen.background += 1;
            seen.probed[candidate] += 1;
            PROBES + seen.probed[candidate]
        } else {
            seen.dials += 1;
            seen.dialled[candidate] += 1;
            seen.dialled[candidate] - 1
        };
        drop(seen);
        self.event.attempt(candidate, number)
    }

    /// Waits for DNS. Both families have the answer together. A second question, which the
    /// Selector asks when the first stays unanswered, may be answered sooner.
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
            let attempt = scene.dial(candidate(address.ip()));
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
            let candidates = scene.event.candidates();
            let addresses: Vec<IpAddr> = (scene.event.addresses(host).into_iter())
                .map(|number| address(number, &candidates[number]))
                .filter(|address| Family::of(*address) == family)
                .collect();
            if addresses.is_empty() {
                return Err(none());
            }
            Ok(Resolved::new(addresses))
        })
    }
}
