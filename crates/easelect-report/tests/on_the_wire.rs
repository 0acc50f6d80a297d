//! Evidence from packet-level trials of misbehaving networks, and the reports on it.

mod support;

use std::net::{IpAddr, SocketAddr};

use easelect::{
    CertificateChain, Endpoint, EndpointStats, Failure, FailureKind as Kind, Family, Lookup, Phase,
    Ranking, Region, Sample, Service, TcpInfo, Timings, Trust, rank,
};
use easelect_report::{DirectLookup, Fault, Lang, Note, Report};
use support::*;

/// Attempts, one by one.
#[derive(Default)]
struct Run {
    samples: Vec<Sample>,
    lookups: Vec<DirectLookup>,
    /// Hosts whose lookups time out.
    unresolved: Vec<Endpoint>,
    notes: Vec<Note>,
}

impl Run {
    fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// The report on them, for endpoints in groups of the same region and service.
    fn report(&self, groups: &[&[&Endpoint]]) -> Report {
        let rankings: Vec<Ranking> = groups.iter().map(|group| self.ranking(group)).collect();
        let mut context = context();
        context.evidence.samples = self.samples.clone();
        context.direct_lookups = self.lookups.clone();
        context.notes = self.notes.clone();
        Report::new(&outcome(&rankings), context)
    }

    fn ranking(&self, group: &[&Endpoint]) -> Ranking {
        let of = |endpoint: &&Endpoint| {
            let mut stats = EndpointStats::new((*endpoint).clone());
            let samples = self.samples.iter().filter(|one| one.endpoint == **endpoint);
            samples.for_each(|one| stats.record(one));
            if self.unresolved.contains(endpoint) {
                let failed = Failure::new(Phase::Resolve, Kind::Timeout);
                let (host, port) = (endpoint.host(), endpoint.port());
                stats.record_lookup(&Lookup::new(host, port, Family::V4, Err(failed)));
            }
            stats
        };
        let region = group[0].region().clone();
        rank(region.into(), group.iter().map(of).collect()).unwrap()
    }
}

/// The hosts of one data centre: two WebSocket ones and two REST ones, of both domains.
fn four() -> [Endpoint; 4] {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let [c, d] = pair(Region::SGP1, Service::Rest);
    [a, b, c, d]
}

fn address(endpoint: &Endpoint, last: u8) -> SocketAddr {
    let IpAddr::V4(ip) = Measured::of(endpoint).v4().ip() else {
        unreachable!("v4() is one of IPv4");
    };
    let [a, b, _, d] = ip.octets();
    SocketAddr::from(([a, b, last, d], 443))
}

/// An attempt that began at this millisecond: 31 ms for TCP, as long for TLS and the answer.
fn good(endpoint: &Endpoint, started: u64) -> Sample {
    let last = match endpoint.service().is_websocket() {
        true => Phase::Upgrade,
        false => Phase::Processing,
    };
    let mut timings = Timings::default();
    for phase in [Phase::Connect, Phase::Tls, last] {
        timings.set(phase, ms(31));
    }
    let mut sample = Sample::new(endpoint.clone(), address(endpoint, 1), timings, Ok(()));
    sample.started = ms(started);
    sample.tcp_at_connect = Some(TcpInfo::new(Some(ms(31)), 0));
    sample.tcp_at_end = sample.tcp_at_connect;
    sample
}

/// An attempt that failed so many milliseconds after its start.
fn bad(endpoint: &Endpoint, started: u64, phase: Phase, kind: Kind, took: u64) -> Sample {
    let mut timings = Timings::default();
    for before in [Phase::Connect, Phase::Tls] {
        if before < phase {
            timings.set(before, ms(31));
        }
    }
    let failed = Err(Failure::new(phase, kind));
    let mut sample = Sample::new(endpoint.clone(), address(endpoint, 1), timings, failed);
    sample.started = ms(started);
    sample.elapsed = ms(took);
    if phase > Phase::Connect {
        sample.tcp_at_connect = Some(TcpInfo::new(Some(ms(31)), 0));
        sample.tcp_at_end = sample.tcp_at_connect;
    }
    sample
}

/// A sample with retransmissions.
fn lossy(mut sample: Sample) -> Sample {
    sample.tcp_at_end = Some(TcpInfo::new(Some(ms(31)), 2));
    sample
}

fn accused_of_easemob(report: &Report) -> bool {
    report.verdict().who_acts(Lang::En) == "Easemob support"
}

/// The network is down from 2 s on, when some attempts were in their last phase.
#[test]
fn a_network_that_went_away() {
    let hosts = four();
    let mut run = Run::default();
    for one in &hosts {
        (0..10).for_each(|n| run.add(good(one, n * 190)));
    }
    let phases = [
        Phase::Upgrade,
        Phase::Tls,
        Phase::Processing,
        Phase::Connect,
    ];
    for (one, phase) in hosts.iter().zip(phases) {
        run.add(bad(one, 1950, phase, Kind::Timeout, 5000));
        run.add(bad(one, 7000, Phase::Connect, Kind::Timeout, 5000));
    }
    let [a, b, c, d] = &hosts;
    let report = run.report(&[&[a, b], &[c, d]]);
    expect(&report, Fault::Network, "connection_lost");
    assert!(!codes(&report).contains(&"slow_link"));
    assert!(!codes(&report).contains(&"fails_sometimes"));
    let told = report.findings()[0].text(Lang::En);
    assert!(told.contains("1.8 s into the run"), "{told}");
}

/// The network is down for three seconds, which every attempt under way survives.
#[test]
fn an_interruption_that_all_survive() {
    let hosts = four();
    let mut run = Run::default();
    for one in &hosts {
        (0..10).for_each(|n| run.add(good(one, n * 190)));
    }
    for one in &hosts {
        let mut late = lossy(good(one, 1950));
        late.elapsed = ms(3700);
        run.add(late);
        (0..10).for_each(|n| run.add(good(one, 5700 + n * 190)));
    }
    let [a, b, c, d] = &hosts;
    let groups: [&[&Endpoint]; 2] = [&[a, b], &[c, d]];
    let report = run.report(&groups);
    expect(&report, Fault::Network, "connection_lost");
    let told = report.findings()[0].text(Lang::En);
    assert!(told.contains("from 1.8 s to 5.7 s"), "{told}");
    assert!(
        report.findings()[0]
            .text(Lang::Zh)
            .contains("1.8 秒到 5.7 秒")
    );
    // If one host was reached meanwhile, the network was up.
    run.add(good(a, 3500));
    let report = run.report(&groups);
    assert!(!codes(&report).contains(&"connection_lost"));
}

/// A pause between rounds is no interruption, nor is a slow host.
#[test]
fn a_pause_is_no_interruption() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let groups: [&[&Endpoint]; 2] = [&[a, b], &[c, d]];
    let mut run = Run::default();
    for one in &hosts {
        (0..5).for_each(|n| run.add(good(one, n * 190)));
        (0..5).for_each(|n| run.add(good(one, 6000 + n * 190)));
    }
    assert!(!codes(&run.report(&groups)).contains(&"connection_lost"));
    let mut late = lossy(good(a, 950));
    late.elapsed = ms(3700);
    run.add(late);
    assert!(!codes(&run.report(&groups)).contains(&"connection_lost"));
}

/// IPv6 addresses that never work are tried after all others, which is no interruption.
#[test]
fn addresses_that_never_work_tell_of_no_interruption() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let groups: [&[&Endpoint]; 2] = [&[a, b], &[c, d]];
    let mut run = Run::default();
    for one in &hosts {
        (0..3).for_each(|n| run.add(good(one, n * 100)));
        for n in 0..2 {
            let mut broken = bad(one, 10 + n * 5000, Phase::Connect, Kind::Timeout, 5000);
            broken.address = Measured::of(one).v6();
            run.add(broken);
        }
        run.add(good(one, 10_100));
    }
    let report = run.report(&groups);
    expect(&report, Fault::Network, "ipv6_broken");
    assert!(!codes(&report).contains(&"connection_lost"));
    // They work sometimes: packets of that family are lost, but the network was up.
    for one in &hosts {
        for n in 0..4 {
            let mut works = lossy(good(one, n * 190));
            works.address = Measured::of(one).v6();
            run.add(works);
        }
    }
    let report = run.report(&groups);
    expect(&report, Fault::Network, "packets_lost");
    assert!(
        !codes(&report).contains(&"connection_lost"),
        "{:?}",
        codes(&report)
    );
}

/// Large packets from one domain are dropped: no other loss is reported.
#[test]
fn packets_that_are_explained_are_not_lost_as_well() {
    let hosts = four();
    let mut run = Run::default();
    for one in &hosts {
        if one.host().ends_with("easemob.com") {
            for n in 0..4 {
                let mut mtu = bad(one, n * 5000, Phase::Tls, Kind::Timeout, 5000);
                let mut tcp = TcpInfo::new(Some(ms(31)), 1);
                tcp.bytes_received = Some(0);
                tcp.out_of_order = Some(1);
                tcp.bytes_acknowledged = Some(517);
                mtu.tcp_at_end = Some(tcp);
                run.add(mtu);
            }
        } else {
            (0..6).for_each(|n| run.add(good(one, n * 190)));
        }
    }
    let [a, b, c, d] = &hosts;
    let report = run.report(&[&[a, b], &[c, d]]);
    expect(&report, Fault::Network, "large_packets_dropped");
    assert!(
        !codes(&report).contains(&"packets_lost"),
        "{:?}",
        codes(&report)
    );
    // If TLS also completed at that address, the packet was lost by chance.
    for one in &hosts {
        run.add(good(one, 21_000));
    }
    let report = run.report(&[&[a, b], &[c, d]]);
    assert!(!codes(&report).contains(&"large_packets_dropped"));
}

/// A nearer device resets the handshakes that name one host; the domain's other host works.
#[test]
fn a_filter_of_one_name() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let groups: [&[&Endpoint]; 2] = [&[a, b], &[c, d]];
    let filtered = |took: u64| {
        let mut run = Run::default();
        (0..4).for_each(|n| run.add(bad(a, n * 190, Phase::Tls, Kind::Reset, 31 + took)));
        for one in [b, c, d] {
            (0..4).for_each(|n| run.add(good(one, n * 190)));
        }
        run.report(&groups)
    };
    let report = filtered(8);
    expect(&report, Fault::Network, "filter_by_name_suspected");
    assert!(!accused_of_easemob(&report));
    assert!(report.findings()[0].text(Lang::En).contains(a.host()));
    assert!(!report.findings()[0].text(Lang::En).contains(b.host()));
    // A reset after a round trip may be the host's own.
    let report = filtered(33);
    assert!(!codes(&report).contains(&"filter_by_name_suspected"));
}

/// The company's inspection lets everything pass, so that a silent host is another matter.
#[test]
fn an_inspection_that_lets_pass_does_not_put_the_path_in_doubt() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let groups: [&[&Endpoint]; 2] = [&[a, b], &[c, d]];
    let chain = std::sync::Arc::new(
        CertificateChain::clone(&certificate(-10, 80)).with_trust(Some(Trust::Installed)),
    );
    let inspected = |endpoint: &Endpoint, started| {
        let mut sample = good(endpoint, started);
        sample.chain = Some(chain.clone());
        sample
    };
    let mut run = Run::default();
    (0..4).for_each(|n| run.add(bad(a, n * 190, Phase::Connect, Kind::Timeout, 5000)));
    for one in [b, c, d] {
        (0..4).for_each(|n| run.add(inspected(one, n * 190)));
    }
    let report = run.report(&groups);
    expect(&report, Fault::SomeEndpointsFail, "tls_inspected");
    assert!(accused_of_easemob(&report));
    // The inspection answers upgrades itself, so that other failures may be its doing.
    let mut run = Run::default();
    for one in [a, b] {
        for n in 0..4 {
            let mut refused = inspected(one, n * 190);
            let failure = Failure::new(Phase::Upgrade, Kind::Rejected).with_status(200);
            refused.outcome = Err(failure);
            run.add(refused);
        }
    }
    (0..4).for_each(|n| run.add(bad(c, n * 190, Phase::Connect, Kind::Timeout, 5000)));
    (0..4).for_each(|n| run.add(inspected(d, n * 190)));
    let report = run.report(&groups);
    expect(&report, Fault::Network, "tls_inspected");
    let down = report
        .findings()
        .iter()
        .find(|one| one.code() == "endpoint_down");
    assert!(down.unwrap().hint(Lang::En).is_empty());
}

/// One of a host's addresses belongs to another server: an occasional forged answer, or a stale record.
#[test]
fn an_address_at_which_somebody_else_answers() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let groups: [&[&Endpoint]; 2] = [&[a, b], &[c, d]];
    let mut run = Run::default();
    for one in &hosts {
        (0..4).for_each(|n| run.add(good(one, n * 190)));
    }
    for n in 0..3 {
        let mut other = bad(a, n * 190, Phase::Tls, Kind::CertificateWrongHost, 70);
        other.address = address(a, 9);
        run.add(other);
    }
    let report = run.report(&groups);
    expect(&report, Fault::SomeEndpointsFail, "address_down");
    assert!(
        !accused_of_easemob(&report),
        "{}",
        report.verdict().text(Lang::En)
    );
    // With proof of a forged answer, the finding is dns_forged.
    let forged: IpAddr = address(a, 9).ip();
    let at = "192.0.2.53:53".parse().unwrap();
    let mut lookup = DirectLookup::new(a.host(), at, Family::V4, Ok(vec![forged]));
    lookup.second_answer = Some(Ok(vec![address(a, 1).ip()]));
    run.lookups.push(lookup);
    let report = run.report(&groups);
    expect(&report, Fault::Network, "dns_forged");
    assert!(!codes(&report).contains(&"address_down"));
}

/// Timeouts of a slow link say nothing about single addresses or the DNS server.
#[test]
fn a_slow_link_accuses_no_address() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let mut run = Run::default();
    // Packets queue for a second and a half.
    let lossy = |sample: Sample| {
        let mut queued = lossy(sample);
        queued.tcp_at_end = Some(TcpInfo::new(Some(ms(1500)), 2));
        queued
    };
    let phases = [Phase::Connect, Phase::Tls, Phase::Upgrade, Phase::Tls];
    for (one, phase) in hosts.iter().zip(phases) {
        (0..3).for_each(|n| run.add(lossy(bad(one, n * 5000, phase, Kind::Timeout, 5000))));
        for n in 0..3 {
            let mut slow = lossy(good(one, n * 5000 + 500));
            slow.elapsed = ms(4400);
            run.add(slow);
        }
        let mut never = lossy(bad(one, 900, phase, Kind::Timeout, 5000));
        never.address = address(one, 2);
        run.add(never);
    }
    let at = "192.0.2.53:53".parse().unwrap();
    let timed_out = Failure::new(Phase::Resolve, Kind::Timeout);
    let lookup = DirectLookup::new(a.host(), at, Family::V4, Err(timed_out));
    run.lookups.push(lookup);
    let report = run.report(&[&[a, b], &[c, d]]);
    expect(&report, Fault::Network, "slow_link");
    for code in [
        "address_down",
        "packets_lost",
        "name_server_silent",
        "fails_sometimes",
    ] {
        assert!(
            !codes(&report).contains(&code),
            "{code} in {:?}",
            codes(&report)
        );
    }
}

/// A firewall that limits new connections: some SYNs are answered late, some never, and others get through.
#[test]
fn policed_syns_are_no_interruption() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let late = |endpoint: &Endpoint, started, took| {
        let mut sample = good(endpoint, started);
        let tcp = Some(TcpInfo::new(None, 1));
        (sample.tcp_at_connect, sample.tcp_at_end) = (tcp, tcp);
        sample.elapsed = ms(took);
        sample
    };
    let policed = |data_too: bool| {
        let mut run = Run::default();
        for one in &hosts {
            run.add(good(one, 0));
            run.add(late(one, 100, 1100));
            run.add(late(one, 1300, 2100));
            run.add(bad(one, 150, Phase::Connect, Kind::Timeout, 5000));
            run.add(good(one, 5300));
        }
        if data_too {
            run.add(lossy(good(a, 5500)));
        }
        run.report(&[&[a, b], &[c, d]])
    };
    let report = policed(false);
    expect(&report, Fault::Network, "packets_lost");
    assert!(!codes(&report).contains(&"connection_lost"));
    let told = |report: &Report| report.findings()[0].text(Lang::En);
    assert!(
        told(&report).contains("may limit new connections"),
        "{}",
        told(&report)
    );
    let report = policed(true);
    assert!(
        !told(&report).contains("may limit new connections"),
        "{}",
        told(&report)
    );
}

/// The path to one host is bad: neither the whole network nor the host is blamed.
#[test]
fn packets_lost_on_the_way_to_one_host() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let groups: [&[&Endpoint]; 2] = [&[a, b], &[c, d]];
    let mut run = Run::default();
    for one in &hosts {
        (0..10).for_each(|n| run.add(good(one, n * 190)));
    }
    (0..6).for_each(|n| run.add(lossy(good(a, 2000 + n * 500))));
    run.add(lossy(bad(a, 5000, Phase::Upgrade, Kind::Timeout, 5000)));
    let report = run.report(&groups);
    expect(&report, Fault::SomeEndpointsFail, "packets_lost");
    assert!(!accused_of_easemob(&report));
    assert!(report.findings()[0].text(Lang::En).contains(a.host()));
    assert!(!codes(&report).contains(&"fails_sometimes"));
    // Another host that is down is still reported.
    let others = run.samples.iter().filter(|one| one.endpoint != *d);
    let mut run_on = Run {
        samples: others.cloned().collect(),
        ..Run::default()
    };
    (0..3).for_each(|n| run_on.add(bad(d, n * 5000, Phase::Connect, Kind::Timeout, 5000)));
    let report = run_on.report(&groups);
    let down = report
        .findings()
        .iter()
        .find(|one| one.code() == "endpoint_down");
    assert!(down.unwrap().hint(Lang::En).contains("Easemob support"));
}

/// A lost query says nothing about this computer's resolver.
#[test]
fn a_lost_query_accuses_no_resolver() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let told = |with_loss: bool| {
        let mut run = Run::default();
        for one in [a, b, c] {
            for n in 0..6 {
                let sample = good(one, n * 190);
                run.add(if with_loss { lossy(sample) } else { sample });
            }
        }
        let at = "192.0.2.53:53".parse().unwrap();
        let found = Ok(vec![address(d, 1).ip()]);
        run.lookups
            .push(DirectLookup::new(d.host(), at, Family::V4, found));
        run.unresolved.push(d.clone());
        run.report(&[&[a, b], &[c, d]])
    };
    assert!(codes(&told(false)).contains(&"dns_direct_lookup"));
    let lossy = told(true);
    expect(&lossy, Fault::Network, "packets_lost");
    assert!(!codes(&lossy).contains(&"dns_direct_lookup"));
}

/// Timeouts at all hosts in several phases, but short round trips: packets are lost.
#[test]
fn a_quick_link_is_not_slow_however_much_it_loses() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let mut run = Run::default();
    let phases = [Phase::Connect, Phase::Tls, Phase::Upgrade, Phase::Tls];
    for (one, phase) in hosts.iter().zip(phases) {
        for n in 0..6 {
            run.add(lossy(good(one, n * 900)));
        }
        run.add(lossy(bad(one, 300, phase, Kind::Timeout, 5000)));
    }
    let report = run.report(&[&[a, b], &[c, d]]);
    expect(&report, Fault::Network, "packets_lost");
    assert!(!codes(&report).contains(&"slow_link"));
}

/// The first of two DNS servers is silent, and this system's lookups wait for it until they time out. No name
/// could be resolved for that reason alone, and this computer's resolver is not to blame.
#[test]
fn the_first_of_two_name_servers_is_silent() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let told = |second_answers: bool| {
        let mut run = Run::default();
        for one in &hosts {
            run.unresolved.push(one.clone());
            let timed_out = || Err(Failure::new(Phase::Resolve, Kind::Timeout));
            let found = match second_answers {
                true => Ok(vec![address(one, 1).ip()]),
                false => timed_out(),
            };
            for (server, outcome) in [("192.0.2.53:53", timed_out()), ("192.0.2.54:53", found)] {
                let at = server.parse().unwrap();
                run.lookups
                    .push(DirectLookup::new(one.host(), at, Family::V4, outcome));
            }
        }
        run.report(&[&[a, b], &[c, d]])
    };
    let report = told(true);
    expect(&report, Fault::Network, "name_server_silent");
    for code in ["no_name_resolved", "dns_direct_lookup", "endpoint_down"] {
        assert!(
            !codes(&report).contains(&code),
            "{code} in {:?}",
            codes(&report)
        );
    }
    for lang in [Lang::En, Lang::Zh] {
        let text = report.verdict().text(lang);
        assert!(
            text.contains("192.0.2.53") && text.contains("192.0.2.54"),
            "{text}"
        );
    }
    expect(&told(false), Fault::Network, "no_name_resolved");
}

/// A slow link that was tried again, one attempt at a time.
#[test]
fn a_slow_link_that_was_tried_again() {
    let hosts = four();
    let [a, b, c, d] = &hosts;
    let mut run = Run::default();
    run.notes.push(Note::TriedAgain {
        in_flight: 16,
        attempts: 42,
        failed: 40,
    });
    for (n, one) in (0..).zip([a, c, d]) {
        let mut slow = good(one, n * 3000);
        slow.elapsed = ms(2900);
        run.add(slow);
    }
    run.add(bad(b, 9000, Phase::Tls, Kind::Timeout, 20_000));
    let report = run.report(&[&[a, b], &[c, d]]);
    expect(&report, Fault::Network, "slow_link");
    assert!(!codes(&report).contains(&"endpoint_down"));
    for lang in [Lang::En, Lang::Zh] {
        let told = report.verdict().text(lang);
        for figure in ["16", "40", "42", "3", "4", "2900 ms"] {
            assert!(told.contains(figure), "{figure} is not in {told}");
        }
    }
}
