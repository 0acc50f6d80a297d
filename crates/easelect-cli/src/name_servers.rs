//! Direct look-ups: what a name server says of hosts that the platform's resolver did not find.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use easelect::{Dialer, Failure, FailureKind, Families, Phase, ProbeOutcome, Resolve};
use easelect_report::DirectLookup;
use futures::StreamExt;

use crate::words::{Usage, say, shown};

/// RFC 1035 §4.2.
const PORT: u16 = 53;

/// Hosts asked about at a time: the name server is most likely in trouble already.
const AT_A_TIME: usize = 8;

/// The name server of `--dns`: an address, with a port or without.
pub(crate) fn name_server(text: &str) -> Result<SocketAddr, Usage> {
    let bare = || {
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        Some(SocketAddr::new(inner.unwrap_or(text).parse().ok()?, PORT))
    };
    let parsed = text.parse().ok().or_else(bare);
    let valid = parsed.filter(|at: &SocketAddr| at.port() != 0);
    valid.ok_or_else(|| {
        let text = shown(text);
        say(
            format!("--dns {text}: expected an IP address, or IP:PORT, of a name server"),
            format!("--dns {text}：应为 DNS 服务器的 IP 地址，或 IP:PORT"),
        )
        .into()
    })
}

/// The names that were looked up and not found.
pub(crate) fn lost(outcome: &ProbeOutcome, dialer: &Dialer) -> BTreeSet<String> {
    let all = outcome.rankings.iter().flat_map(|one| &one.endpoints);
    let lost = all.filter(|ranked| {
        let failures = ranked.stats.failures();
        let lookup = |phase| phase == Phase::Resolve;
        ranked.stats.addresses().is_empty()
            && failures.iter().any(|one| lookup(one.failure.phase()))
    });
    lost.map(|ranked| dialer.peer(ranked.endpoint()).host.to_owned())
        .filter(|host| host.parse::<IpAddr>().is_err())
        .collect()
}

/// What the name server says of each.
pub(crate) async fn ask(
    resolver: Arc<dyn Resolve>,
    hosts: BTreeSet<String>,
    families: Families,
    timeout: Duration,
) -> Vec<DirectLookup> {
    let asked = hosts.into_iter().map(|host| {
        let resolver = Arc::clone(&resolver);
        async move {
            let families = families.list().iter();
            let answers = families.map(|family| {
                let answer = tokio::time::timeout(timeout, resolver.resolve(&host, *family));
                async {
                    let late = Failure::new(Phase::Resolve, FailureKind::Timeout);
                    answer.await.unwrap_or(Err(late))
                }
            });
            let answers = futures::future::join_all(answers).await;
            DirectLookup::new(
                host,
                of_families(answers.into_iter().map(|one| Ok(one?.addresses))),
            )
        }
    });
    futures::stream::iter(asked)
        .buffered(AT_A_TIME)
        .collect()
        .await
}

/// All addresses, or the failure of the last family: IPv4's, where both were asked for, since
/// many a host has no IPv6.
fn of_families(
    answers: impl Iterator<Item = Result<Vec<IpAddr>, Failure>>,
) -> Result<Vec<IpAddr>, Failure> {
    let none = Failure::new(Phase::Resolve, FailureKind::NoAddress);
    let mut together: Result<Vec<IpAddr>, Failure> = Err(none);
    for answer in answers {
        match (&mut together, answer) {
            (Ok(all), Ok(more)) => all.extend(more),
            (Ok(_), Err(_)) => {}
            (Err(_), answer) => together = answer,
        }
    }
    together
}

#[cfg(test)]
mod tests {
    use super::*;
    use easelect::{Catalog, Prober, Rounds};
    use easelect_lab::{Dns, Host, Lab, Scenario};

    #[test]
    fn a_name_server_has_an_address() {
        let at = |text| name_server(text).ok().map(|one| one.to_string());
        assert_eq!(at("223.5.5.5").as_deref(), Some("223.5.5.5:53"));
        assert_eq!(at("127.0.0.1:5353").as_deref(), Some("127.0.0.1:5353"));
        assert_eq!(at("2400:3200::1").as_deref(), Some("[2400:3200::1]:53"));
        assert_eq!(at("[2400:3200::1]").as_deref(), Some("[2400:3200::1]:53"));
        assert_eq!(at("[::1]:54").as_deref(), Some("[::1]:54"));
        for bad in ["", "dns.example", "1.2.3.4:0", "1.2.3", "1.2.3.4:x"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_found_is_asked_again() {
        let catalog = Catalog::builtin();
        let endpoints = catalog.endpoints()[..4].to_vec();
        let hosts: Vec<&str> = endpoints.iter().map(|one| one.host()).collect();
        let lab = |kinds: [Dns; 4]| {
            let hosts = hosts.iter().zip(kinds);
            let scenario = hosts.fold(Scenario::new(1), |scenario, (name, dns)| {
                let host = Host::new(name).with_address([44, 128, 0, 1].into());
                scenario.with_host(host.with_dns(dns))
            });
            Lab::new(scenario).unwrap()
        };
        let platform = lab([Dns::Ok, Dns::Temporary, Dns::Temporary, Dns::Timeout]);
        let dialer = platform.dialer().build().unwrap();
        let outcome = Prober::builder()
            .endpoints(endpoints.clone())
            .dialer(dialer.clone())
            .rounds(Rounds::Exact(1))
            .build()
            .unwrap()
            .run()
            .outcome()
            .await;
        let lost = lost(&outcome, &dialer);
        let expected: BTreeSet<String> = hosts[1..].iter().map(|&host| host.to_owned()).collect();
        assert_eq!(lost, expected);
        let server = lab([Dns::Ok, Dns::ServerFailure, Dns::Ok, Dns::Timeout]);
        let answers = ask(
            server.resolver(),
            lost,
            Families::Both,
            Duration::from_secs(5),
        )
        .await;
        let said = |host: &str| {
            let mut answers = answers.iter();
            let one = answers.find(|one| one.host == host).unwrap();
            one.outcome.clone().map_err(|failure| failure.kind())
        };
        assert_eq!(said(hosts[1]), Err(FailureKind::ServerFailure));
        assert_eq!(said(hosts[2]), Ok(vec![IpAddr::from([44, 128, 0, 1])]));
        assert_eq!(said(hosts[3]), Err(FailureKind::Timeout));
    }
}
