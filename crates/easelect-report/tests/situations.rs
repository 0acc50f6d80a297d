//! Reported situations that only a kernel, a DNS server or a proxy can show, with hand-made measurements: the
//! conclusion, who can act, and the hints. `tests/situations.rs` of the workspace has the others and an index.

mod support;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use easelect::{
    ChainFault, Endpoint, EndpointStats, Failure, FailureKind as Kind, Family, LocalNetwork,
    Lookup, Phase, Ranking, Region, Sample, Service, TcpInfo, Timings, rank,
};
use easelect_report::{Context, DirectLookup, DnsTransport, Fault, Lang, Report};
use support::*;

/// The four hosts of a data centre: two of WebSocket, then two of REST, that of `easemob.com` first.
fn hosts() -> [Endpoint; 4] {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let [c, d] = pair(Region::SGP1, Service::Rest);
    [a, b, c, d]
}

fn is_of_first_domain(endpoint: &Endpoint) -> bool {
    endpoint.host().ends_with(".easemob.com")
}

/// The address of a host.
fn at(n: usize) -> SocketAddr {
    SocketAddr::from(([47, 93, 7, u8::try_from(n + 1).unwrap()], 443))
}

fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// A successful attempt with these times for the round trip, TLS and the answer.
fn good(endpoint: &Endpoint, address: SocketAddr, started: u64, legs: [Duration; 3]) -> Sample {
    let mut timings = Timings::default();
    let last = match endpoint.service().is_websocket() {
        true => Phase::Upgrade,
        false => Phase::Processing,
    };
    for (phase, leg) in [Phase::Connect, Phase::Tls, last].into_iter().zip(legs) {
        timings.set(phase, leg);
    }
    let mut sample = Sample::new(endpoint.clone(), address, timings, Ok(()));
    sample.started = ms(started);
    sample.elapsed = timings.total();
    sample.tcp_at_connect = Some(TcpInfo::new(Some(legs[0]), 0));
    sample.tcp_at_end = Some(TcpInfo::new(Some(legs[0]), 0));
    sample
}

/// An attempt that connected in so many milliseconds and failed like this, so much later.
fn bad(
    endpoint: &Endpoint,
    address: SocketAddr,
    started: u64,
    connect: u64,
    failure: Failure,
    later: u64,
) -> Sample {
    let mut timings = Timings::default();
    let connected = failure.phase() > Phase::Connect;
    if connected {
        timings.set(Phase::Connect, ms(connect));
    }
    let mut sample = Sample::new(endpoint.clone(), address, timings, Err(failure));
    sample.started = ms(started);
    sample.elapsed = timings.total() + ms(later);
    sample.tcp_at_connect = connected.then(|| TcpInfo::new(Some(ms(connect)), 0));
    sample
}

/// Four attempts at each host, 31 ms away, except as `bad` says.
fn measured(
    endpoints: &[Endpoint],
    otherwise: impl Fn(&Endpoint, usize, u64) -> Option<Sample>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    for round in 0..4 {
        for (n, one) in endpoints.iter().enumerate() {
            let started = round * 300;
            let sample = otherwise(one, n, started);
            samples.push(sample.unwrap_or_else(|| good(one, at(n), started, [ms(31); 3])));
        }
    }
    samples
}

/// The report on these samples, in the order in which they ended.
fn told(mut samples: Vec<Sample>, lookups: Vec<Lookup>, mut context: Context) -> Report {
    samples.sort_by_key(Sample::ended);
    let mut groups: Vec<Vec<EndpointStats>> = Vec::new();
    for endpoint in hosts() {
        let mut stats = EndpointStats::new(endpoint.clone());
        let of = |host: &str| host == endpoint.host();
        (lookups.iter().filter(|one| of(&one.host))).for_each(|one| stats.record_lookup(one));
        (samples.iter().filter(|one| of(one.endpoint.host()))).for_each(|one| stats.record(one));
        let same =
            |group: &&mut Vec<EndpointStats>| group[0].endpoint().service() == endpoint.service();
        match groups.iter_mut().find(same) {
            Some(group) => group.push(stats),
            None => groups.push(vec![stats]),
        }
    }
    let rankings: Vec<Ranking> = groups
        .into_iter()
        .map(|stats| rank(Region::SGP1.into(), stats).unwrap())
        .collect();
    context.evidence.samples = samples;
    context.evidence.lookups = lookups;
    Report::new(&outcome(&rankings), context)
}

fn of(samples: Vec<Sample>) -> Report {
    told(samples, Vec::new(), context())
}

/// Checks the verdict, the finding behind it, and the words in both languages.
#[track_caller]
fn says(report: &Report, fault: Fault, cause: &str, actor: &str, words: &[[&str; 2]]) {
    let codes = codes(report);
    assert_eq!(report.verdict().fault(), fault, "{codes:?}");
    let found = report.verdict().cause().unwrap();
    assert_eq!(found.code(), cause, "{codes:?}");
    let who = report.verdict().who_acts(Lang::En);
    assert!(who.starts_with(actor), "{who}");
    for (place, lang) in [Lang::En, Lang::Zh].into_iter().enumerate() {
        let text = format!("{} {}", found.text(lang), found.hint(lang));
        for word in words {
            assert!(
                text.contains(word[place]),
                "{} is not in: {text}",
                word[place]
            );
        }
    }
}

const YOU: &str = "you";
const NETWORK: &str = "the network administrator";
const EASEMOB: &str = "Easemob support";

fn has(report: &Report, code: &str) -> bool {
    codes(report).contains(&code)
}

#[test]
fn something_nearby_answers_tcp() {
    let near =
        |one: &Endpoint, n, started| Some(good(one, at(n), started, [us(300), ms(160), ms(158)]));
    let report = of(measured(&hosts(), near));
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    let found = report
        .findings()
        .iter()
        .find(|one| one.code() == "tcp_ends_nearby");
    let text = found.unwrap().text(Lang::En);
    assert!(text.contains("Ignore the TCP times"), "{text}");
    assert!(found.unwrap().text(Lang::Zh).contains("没有参考价值"));
    assert!(!has(&report, "local_proxy_suspected"));
}

fn reset_in(later: u64) -> Vec<Sample> {
    measured(&hosts(), |one, n, started| {
        let reset = failure(Phase::Tls, Kind::Reset);
        is_of_first_domain(one).then(|| bad(one, at(n), started, 31, reset, later))
    })
}

#[test]
fn a_reset_sooner_than_the_round_trip_is_a_filters() {
    let words = [["sooner than a host", "在远端主机来得及应答之前"]];
    let report = of(reset_in(8));
    says(
        &report,
        Fault::Network,
        "filter_by_name_suspected",
        NETWORK,
        &words,
    );
    assert!(!has(&report, "endpoint_down"));
    assert!(report.passes(), "the other domain works");
}

/// A host that resets after a round trip may be down itself.
#[test]
fn a_reset_after_the_round_trip_may_be_the_hosts() {
    let [first, ..] = hosts();
    let samples = measured(&hosts(), |one, n, started| {
        let reset = failure(Phase::Tls, Kind::Reset);
        (*one == first).then(|| bad(one, at(n), started, 31, reset, 32))
    });
    let report = of(samples);
    says(
        &report,
        Fault::SomeEndpointsFail,
        "endpoint_down",
        EASEMOB,
        &[],
    );
    assert!(!has(&report, "filter_by_name_suspected"));
}

#[test]
fn large_packets_vanish() {
    let samples = measured(&hosts(), |one, n, started| {
        let silent = failure(Phase::Tls, Kind::Timeout);
        is_of_first_domain(one).then(|| {
            let mut sample = bad(one, at(n), started, 31, silent, 5000);
            let mut end = TcpInfo::new(Some(ms(31)), 0);
            end.bytes_acknowledged = Some(517);
            (end.bytes_received, end.out_of_order) = (Some(0), Some(1));
            sample.tcp_at_end = Some(end);
            sample
        })
    });
    let report = of(samples);
    let words = [
        ["MTU", "MTU"],
        ["im-api-sgp-v2.easemob.com", "im-api-sgp-v2.easemob.com"],
    ];
    says(
        &report,
        Fault::Network,
        "large_packets_dropped",
        NETWORK,
        &words,
    );
    for other in [
        "endpoint_down",
        "filter_by_name_suspected",
        "connection_lost",
        "packets_lost",
    ] {
        assert!(!has(&report, other), "{other}");
    }
}

#[test]
fn packets_are_lost() {
    let mut samples = measured(&hosts(), |_, _, _| None);
    for (n, one) in samples.iter_mut().enumerate() {
        if n % 5 == 0 {
            one.tcp_at_end = Some(TcpInfo::new(Some(ms(31)), 1));
            one.elapsed += ms(231);
        }
    }
    // One attempt was lost for good, which says nothing about its host.
    let [first, ..] = hosts();
    let silent = failure(Phase::Connect, Kind::Timeout);
    samples.push(bad(&first, at(0), 1200, 0, silent, 5000));
    let report = of(samples);
    says(
        &report,
        Fault::Network,
        "packets_lost",
        NETWORK,
        &[
            ["Packets are lost on the way: 4 of", "途中有数据包丢失"],
            ["at 4 hosts", "4 个主机"],
        ],
    );
    assert!(!has(&report, "fails_sometimes") && !has(&report, "connection_lost"));
}

/// Two attempts hang while others get through, until the end of the measurement.
#[test]
fn attempts_that_were_overtaken_are_no_interruption() {
    let mut samples = measured(&hosts(), |_, _, _| None);
    for (n, one) in hosts().iter().enumerate().take(2) {
        let silent = failure(Phase::Tls, Kind::Timeout);
        samples.push(bad(one, at(n), 100, 31, silent, 5000));
    }
    let report = of(samples);
    assert!(!has(&report, "connection_lost"), "{:?}", codes(&report));
}

#[test]
fn what_answers_first_is_forged() {
    let endpoints = hosts();
    let forged = endpoints[0].host();
    let samples = measured(&endpoints, |one, n, started| {
        let other = failure(Phase::Tls, Kind::CertificateWrongHost);
        (one.host() == forged).then(|| bad(one, at(n), started, 31, other, 32))
    });
    let mut context = context();
    let answer = |last| Ok(vec![IpAddr::from([203, 0, 114, last])]);
    let server = "203.0.114.53:53".parse().unwrap();
    let mut lookup = DirectLookup::new(forged, server, Family::V4, answer(1));
    lookup.second_answer = Some(answer(2));
    context.direct_lookups = vec![lookup];
    let report = told(samples, Vec::new(), context);
    says(
        &report,
        Fault::Network,
        "dns_forged",
        NETWORK,
        &[
            [forged, forged],
            ["two different answers", "两个不同的应答"],
        ],
    );
    assert!(!has(&report, "hijack_suspected"));
}

#[test]
fn no_root_certificates_is_this_computers() {
    let samples = measured(&hosts(), |one, n, started| {
        let untrusted = failure(Phase::Tls, Kind::CertificateUntrusted);
        Some(bad(one, at(n), started, 31, untrusted, 32))
    });
    let mut context = context();
    context.environment.roots = Some(0);
    let report = told(samples, Vec::new(), context);
    let words = [["ca-certificates", "ca-certificates"]];
    says(
        &report,
        Fault::ThisComputer,
        "no_root_certificates",
        YOU,
        &words,
    );
    assert!(!has(&report, "interception_suspected"));
}

/// Certificates of two domains, which end on different days.
fn out_of_date(kind: Kind, days: [i64; 4]) -> Vec<Sample> {
    measured(&hosts(), |one, n, started| {
        let day = |n: i64| Duration::from_secs(86_400 * n.unsigned_abs());
        let refused = failure(Phase::Tls, kind);
        let refused = match days[n] {
            past @ ..0 => refused.with_not_after(now() - day(past)),
            future => refused.with_not_before(now() + day(future)),
        };
        Some(bad(one, at(n), started, 31, refused, 32))
    })
}

#[test]
fn a_clock_that_is_wrong_and_one_that_is_not() {
    let slow = of(out_of_date(
        Kind::CertificateNotYetValid,
        [100, 120, 100, 120],
    ));
    let words = [["clock is behind", "时钟偏慢"]];
    says(
        &slow,
        Fault::ThisComputer,
        "clock_wrong_suspected",
        YOU,
        &words,
    );
    let fast = of(out_of_date(
        Kind::CertificateExpired,
        [-900, -910, -900, -910],
    ));
    let words = [["clock is ahead", "时钟偏快"]];
    says(
        &fast,
        Fault::ThisComputer,
        "clock_wrong_suspected",
        YOU,
        &words,
    );
    // All hosts show the same certificate.
    let one = of(out_of_date(Kind::CertificateExpired, [-1, -1, -1, -1]));
    says(&one, Fault::Easemob, "certificate_expired", EASEMOB, &[]);
}

#[test]
fn a_missing_intermediate_and_a_weak_key_are_the_hosts() {
    for (kind, fault, words) in [
        (
            Kind::CertificateUntrusted,
            ChainFault::IntermediateMissing,
            ["doesn't send its intermediate", "没有发送中间证书"],
        ),
        (
            Kind::CertificateWeakKey,
            ChainFault::WeakKey,
            ["too short", "过短"],
        ),
    ] {
        let [first, ..] = hosts();
        let samples = measured(&hosts(), |one, n, started| {
            let refused = failure(Phase::Tls, kind).with_chain_fault(fault);
            (*one == first).then(|| bad(one, at(n), started, 31, refused, 32))
        });
        let report = of(samples);
        says(
            &report,
            Fault::SomeEndpointsFail,
            "certificate_faulty",
            EASEMOB,
            &[words],
        );
        assert!(!has(&report, "hijack_suspected"));
    }
}

fn servers_say(over_tcp: bool, second: bool) -> Vec<DirectLookup> {
    let [first, ..] = hosts();
    let silent = || Err(failure(Phase::Resolve, Kind::Timeout));
    let found = || Ok(vec![at(0).ip()]);
    let ask = |server: &str, outcome| {
        DirectLookup::new(first.host(), server.parse().unwrap(), Family::V4, outcome)
    };
    let mut all = vec![ask("192.0.2.53:53", silent())];
    if over_tcp {
        let mut tcp = ask("192.0.2.53:53", found());
        tcp.transport = DnsTransport::Tcp;
        all.push(tcp);
    }
    if second {
        all.push(ask("192.0.2.54:53", found()));
    }
    all
}

#[test]
fn a_name_server_is_silent() {
    let mut context = context();
    context.direct_lookups = servers_say(false, true);
    let report = told(measured(&hosts(), |_, _, _| None), Vec::new(), context);
    let words = [["192.0.2.53", "192.0.2.53"], ["doesn't answer", "没有应答"]];
    says(
        &report,
        Fault::Network,
        "name_server_silent",
        NETWORK,
        &words,
    );
    assert!(!report.verdict().text(Lang::En).contains("192.0.2.54"));
}

#[test]
fn udp_is_blocked_and_tcp_is_not() {
    let lost = hosts().map(|one| {
        let failed = Err(failure(Phase::Resolve, Kind::Timeout));
        Lookup::new(one.host(), 443, Family::V4, failed)
    });
    let mut context = context();
    context.direct_lookups = servers_say(true, false);
    let report = told(Vec::new(), lost.to_vec(), context);
    says(&report, Fault::Network, "no_name_resolved", NETWORK, &[]);
    let mut findings = report.findings().iter();
    let silent = findings
        .find(|one| one.code() == "name_server_silent")
        .unwrap();
    assert!(silent.text(Lang::En).contains("UDP port 53 is blocked"));
    assert!(silent.text(Lang::Zh).contains("UDP 53 端口被阻断"));
}

fn through(proxy: &str, kind: Kind, message: &str) -> Report {
    through_phase(proxy, failure(Phase::Proxy, kind).with_message(message))
}

fn through_phase(proxy: &str, failed: Failure) -> Report {
    let samples = measured(&hosts(), |one, n, started| {
        Some(bad(one, at(n), started, 1, failed.clone(), 2))
    });
    let mut context = context();
    context.environment.proxy = Some(proxy.parse().unwrap());
    told(samples, Vec::new(), context)
}

#[test]
fn proxies_that_want_credentials() {
    for (proxy, advised, not) in [
        (
            "http://10.0.0.1:8080",
            "http://USER:PASSWORD@HOST:PORT",
            "socks5",
        ),
        (
            "socks5://10.0.0.1:1080",
            "socks5://USER:PASSWORD@HOST:PORT",
            "http://",
        ),
        (
            "http://me:secret@10.0.0.1:8080",
            "Negotiate, NTLM",
            "USER:PASSWORD",
        ),
    ] {
        let report = through(proxy, Kind::AuthRequired, "");
        says(&report, Fault::ThisComputer, "proxy_fails", YOU, &[]);
        // An HTTP proxy may require a login method for which the URL's user name and password don't help.
        if proxy.starts_with("http") {
            says(
                &report,
                Fault::ThisComputer,
                "proxy_fails",
                YOU,
                &[["NTLM", "NTLM"]],
            );
        }
        for lang in [Lang::En, Lang::Zh] {
            let cause = report.verdict().cause().unwrap();
            let hint = cause
                .hint(lang)
                .replace("Negotiate、NTLM", "Negotiate, NTLM");
            assert!(hint.contains(advised) && !hint.contains(not), "{hint}");
            assert!(!cause.text(lang).contains("secret"));
        }
    }
}

#[test]
fn a_proxy_whose_own_certificate_is_refused() {
    let report = through("https://proxy.example:8443", Kind::CertificateUntrusted, "");
    assert!(has(&report, "proxy_fails"));
    assert!(!has(&report, "interception_suspected") && !has(&report, "hijack_suspected"));
}

/// Hints don't advise what the user has already done.
#[test]
fn what_was_given_is_not_advised() {
    let refused = |kind| {
        measured(&hosts(), move |one, n, started| {
            Some(bad(one, at(n), started, 31, failure(Phase::Tls, kind), 32))
        })
    };
    let hints = |report: &Report| -> String {
        let all = report.findings().iter();
        all.map(|one| one.hint(Lang::En) + &one.hint(Lang::Zh))
            .collect()
    };
    let mut given = context();
    given.environment.cacert = true;
    let report = told(refused(Kind::CertificateUntrusted), Vec::new(), given);
    says(
        &report,
        Fault::Network,
        "interception_suspected",
        NETWORK,
        &[["its root", "根证书"]],
    );
    assert!(!hints(&report).contains("--cacert"));
    let without = told(refused(Kind::CertificateUntrusted), Vec::new(), context());
    assert!(hints(&without).contains("--cacert"));
    let lost = |kind| {
        hosts().map(|one| {
            Lookup::new(
                one.host(),
                443,
                Family::V4,
                Err(failure(Phase::Resolve, kind)),
            )
        })
    };
    for kind in [
        Kind::Timeout,
        Kind::ServerFailure,
        Kind::NotFound,
        Kind::BogusAddress,
    ] {
        let mut given = context();
        given.environment.dns = Some("192.0.2.53:53".parse().unwrap());
        let report = told(Vec::new(), lost(kind).to_vec(), given);
        assert_eq!(report.verdict().fault(), Fault::Network);
        for advice in ["--dns ADDR", "--dns 223.5.5.5"] {
            assert!(!hints(&report).contains(advice), "{kind}");
        }
    }
}

#[test]
fn a_slow_address_among_fast_ones_is_named() {
    let [first, ..] = hosts();
    let mut samples = measured(&hosts(), |_, _, _| None);
    for started in [0, 300, 600, 900] {
        samples.push(good(&first, at(40), started, [ms(210); 3]));
    }
    let report = of(samples);
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    let found = report
        .findings()
        .iter()
        .find(|one| one.code() == "address_slow");
    assert!(found.unwrap().text(Lang::En).contains("47.93.7.41"));
}

/// A local proxy that returns its own address for every name (198.18.0.0/15).
#[test]
fn a_local_proxy_by_its_addresses() {
    let local = |n: usize| SocketAddr::from(([198, 18, 0, u8::try_from(n + 1).unwrap()], 443));
    let near = |one: &Endpoint, n, started| {
        Some(good(one, local(n), started, [us(300), ms(160), ms(158)]))
    };
    let report = of(measured(&hosts(), near));
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    assert!(has(&report, "local_proxy_suspected"));
    assert!(!has(&report, "hijack_suspected") && !has(&report, "one_address_suspected"));
}

/// The same with IPv6 addresses, and no host can be reached: the addresses that mihomo and sing-box make up, and
/// those of RFC 5180 (for benchmarks).
#[test]
fn a_local_proxy_of_both_families_that_leads_nowhere() {
    for v6 in ["fdfe:dcba:9876::", "fc00::", "2001:2::"] {
        let made_up = |n: usize| -> [SocketAddr; 2] {
            let v4 = SocketAddr::from(([198, 18, 0, u8::try_from(n + 1).unwrap()], 443));
            let v6: IpAddr = format!("{v6}{}", n + 1).parse().unwrap();
            [v4, SocketAddr::new(v6, 443)]
        };
        let mut samples = Vec::new();
        for (n, one) in hosts().iter().enumerate() {
            for address in made_up(n) {
                let closed = failure(Phase::Tls, Kind::Closed);
                samples.push(bad(one, address, 0, 1, closed, 2));
            }
        }
        let report = of(samples);
        says(
            &report,
            Fault::ThisComputer,
            "local_proxy_fails",
            YOU,
            &[["proxy or VPN on this computer", "本机的代理或 VPN"]],
        );
    }
    // A private network is no proxy's.
    let samples = measured(&hosts(), |one, n, started| {
        let address = SocketAddr::new(format!("fd12:3456:789a::{}", n + 1).parse().unwrap(), 443);
        Some(bad(
            one,
            address,
            started,
            1,
            failure(Phase::Tls, Kind::Closed),
            2,
        ))
    });
    assert!(!has(&of(samples), "local_proxy_fails"));
}

/// A proxy that answers 200 to CONNECT before it has connected, and hangs up: the proxy is what must be allowed.
#[test]
fn a_proxy_that_promises_a_connection_and_has_none() {
    let report = through_phase("http://10.0.0.1:8080", failure(Phase::Tls, Kind::Closed));
    let words = [
        [
            "The proxy http://10.0.0.1:8080",
            "代理 http://10.0.0.1:8080",
        ],
        ["--no-proxy", "--no-proxy"],
    ];
    says(
        &report,
        Fault::Network,
        "nothing_gets_through",
        NETWORK,
        &words,
    );
}

/// No route at one host only: nobody else is to blame, least of all Easemob.
#[test]
fn no_route_is_never_easemobs() {
    let [first, ..] = hosts();
    let samples = measured(&hosts(), |one, n, started| {
        let no_route = failure(Phase::Connect, Kind::Unreachable);
        (*one == first).then(|| bad(one, at(n), started, 0, no_route, 0))
    });
    let report = of(samples);
    assert_ne!(report.verdict().who_acts(Lang::En), EASEMOB);
    assert!(report.verdict().who_acts(Lang::En).starts_with(YOU));
}

/// The report on these samples under this timeout.
fn within(timeout: Duration, samples: Vec<Sample>, lookups: Vec<Lookup>) -> Report {
    let mut context = context();
    context.environment.timeout = Some(timeout);
    told(samples, lookups, context)
}

/// Only these findings say that something is wrong.
#[track_caller]
fn accuses_nobody_else(report: &Report) {
    for code in [
        "no_name_resolved",
        "nothing_gets_through",
        "connection_lost",
        "slow_link",
        "packets_lost",
        "ipv6_broken",
        "endpoint_down",
        "address_down",
        "fails_sometimes",
        "name_server_silent",
    ] {
        assert!(!has(report, code), "{code}");
    }
}

fn all_in(phase: Phase, connect: u64) -> Vec<Sample> {
    measured(&hosts(), |one, n, started| {
        let silent = failure(phase, Kind::Timeout);
        Some(bad(one, at(n), started, connect, silent, 5))
    })
}

#[test]
fn a_time_out_too_short_for_anything_accuses_nobody() {
    let lost = hosts().map(|one| {
        let failed = Err(failure(Phase::Resolve, Kind::Timeout));
        Lookup::new(one.host(), 443, Family::V4, failed)
    });
    for (timeout, samples, lookups) in [
        (1, Vec::new(), lost.to_vec()),
        (5, all_in(Phase::Connect, 0), Vec::new()),
        (30, all_in(Phase::Tls, 28), Vec::new()),
        (1500, all_in(Phase::Upgrade, 600), Vec::new()),
    ] {
        let report = within(ms(timeout), samples, lookups);
        let given = match timeout {
            1500 => "1500 ms".to_owned(),
            _ => format!("{timeout}.00 ms"),
        };
        let found = report.verdict().cause().unwrap().text(Lang::En);
        assert!(
            found.contains("(--timeout) is too short"),
            "{given}: {found}"
        );
        says(
            &report,
            Fault::Configuration,
            "timeout_too_short",
            YOU,
            &[["--timeout", "--timeout"]],
        );
        accuses_nobody_else(&report);
    }
}

#[test]
fn a_time_out_below_four_round_trips_at_some_addresses() {
    let [first, ..] = hosts();
    let mut samples = measured(&hosts(), |_, _, _| None);
    let silent = failure(Phase::Upgrade, Kind::Timeout);
    samples.push(bad(&first, at(40), 0, 31, silent.clone(), 38));
    samples.push(bad(&first, at(0), 1200, 31, silent, 38));
    let report = within(ms(100), samples, Vec::new());
    let words = [["a round trip takes 31", "往返时间为 31"]];
    says(
        &report,
        Fault::SomeEndpointsFail,
        "timeout_too_short",
        YOU,
        &words,
    );
    accuses_nobody_else(&report);
}

/// Half a second is enough for hosts so near if no packet is lost: a silent host may be down.
#[test]
fn silence_under_a_short_time_out_is_not_known() {
    let report = within(ms(500), all_in(Phase::Connect, 0), Vec::new());
    let words = [["is unknown", "无法判断"]];
    says(&report, Fault::Unclear, "timeout_too_short", YOU, &words);
    accuses_nobody_else(&report);
    // With the default timeout, it is down; and a refusal is no timeout.
    let report = within(ms(5000), all_in(Phase::Connect, 0), Vec::new());
    assert!(has(&report, "nothing_gets_through"));
    let refused = measured(&hosts(), |one, n, started| {
        Some(bad(
            one,
            at(n),
            started,
            0,
            failure(Phase::Connect, Kind::Refused),
            2,
        ))
    });
    let report = within(ms(5), refused, Vec::new());
    assert!(has(&report, "nothing_gets_through") && !has(&report, "timeout_too_short"));
}

fn no_names(kind: Kind, mut context: Context, network: LocalNetwork) -> Report {
    let lost = hosts().map(|one| {
        let failed = Err(failure(Phase::Resolve, kind));
        Lookup::new(one.host(), 443, Family::V4, failed)
    });
    context.environment.network_at_start = Some(network.clone());
    context.environment.network_at_end = Some(network);
    told(Vec::new(), lost.to_vec(), context)
}

#[test]
fn without_a_network_no_name_server_is_to_blame() {
    let off = LocalNetwork::default;
    let words = [
        ["Wi-Fi or cable", "Wi-Fi 或网线"],
        ["not connected to a network", "没有接入网络"],
    ];
    for kind in [Kind::Temporary, Kind::Timeout, Kind::ServerFailure] {
        let report = no_names(kind, context(), off());
        says(&report, Fault::ThisComputer, "no_network", YOU, &words);
        assert!(!has(&report, "no_name_resolved"));
    }
    // A resolver on this computer answers without a network.
    let [first, ..] = hosts();
    let ask = |server: &str| {
        let failed = Err(failure(Phase::Resolve, Kind::ServerFailure));
        let mut context = context();
        let server = server.parse().unwrap();
        context.direct_lookups = vec![DirectLookup::new(first.host(), server, Family::V4, failed)];
        no_names(Kind::ServerFailure, context, off())
    };
    says(
        &ask("127.0.0.53:53"),
        Fault::ThisComputer,
        "no_network",
        YOU,
        &words,
    );
    // An answer from a DNS server elsewhere shows that there is a network.
    assert!(has(&ask("192.168.1.1:53"), "no_name_resolved"));
}

#[test]
fn with_a_network_of_any_kind_it_is_not_told_that_there_is_none() {
    let mut v6 = LocalNetwork::default();
    v6.source_v6 = Some("2001:db8::2".parse().unwrap());
    assert!(has(
        &no_names(Kind::Timeout, context(), v6),
        "no_name_resolved"
    ));
    let mut lab = context();
    lab.environment.lab = Some("beijing".to_owned());
    let mut proxied = context();
    proxied.environment.proxy = Some("http://127.0.0.1:7890".parse().unwrap());
    for context in [lab, proxied] {
        let report = no_names(Kind::Timeout, context, LocalNetwork::default());
        assert!(!has(&report, "no_network"), "{:?}", codes(&report));
    }
    // A sandbox hides the routes, too.
    let report = no_names(Kind::Permission, context(), LocalNetwork::default());
    assert!(!has(&report, "no_network"), "{:?}", codes(&report));
}

#[test]
fn opening_takes_seconds_everywhere() {
    let legs = [ms(900), ms(910), ms(905)];
    let far = |one: &Endpoint, n, started| Some(good(one, at(n), started, legs));
    let report = of(measured(&hosts(), far));
    let words = [
        [
            "takes up to 2.7 s (round trip: 900 ms)",
            "建连耗时最长 2.7 s（往返时间 900 ms）",
        ],
        ["satellite", "卫星"],
    ];
    says(
        &report,
        Fault::SomeEndpointsFail,
        "slow_to_open",
        "no urgent action",
        &words,
    );
    let verdict = report.verdict().text(Lang::En);
    assert!(verdict.starts_with("Usable, but slow: "), "{verdict}");
    assert!(report.passes());
    // A round trip to the other side of the world.
    let legs = [ms(400), ms(410), ms(405)];
    let far = |one: &Endpoint, n, started| Some(good(one, at(n), started, legs));
    assert!(!has(&of(measured(&hosts(), far)), "slow_to_open"));
}

/// A single slow data centre, as over a bad path from China to one abroad.
#[test]
fn opening_takes_seconds_at_some_first_choices() {
    let legs = [ms(900), ms(910), ms(905)];
    let some = |one: &Endpoint, n, started| {
        let slow = !one.service().is_websocket();
        slow.then(|| good(one, at(n), started, legs))
    };
    let report = of(measured(&hosts(), some));
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    assert!(has(&report, "slow_to_open"));
}

/// TCP figures of data that was retransmitted and acknowledged in the end, without any answer.
fn silent_in_tls(endpoint: &Endpoint, n: usize, started: u64) -> Sample {
    let silent = failure(Phase::Tls, Kind::Timeout);
    let mut sample = bad(endpoint, at(n), started, 31, silent, 5000);
    sample.tcp_at_end = Some(TcpInfo::new(Some(ms(31)), 2));
    sample
}

#[test]
fn a_domain_whose_tls_stops_is_no_loss() {
    let samples = measured(&hosts(), |one, n, started| {
        is_of_first_domain(one).then(|| silent_in_tls(one, n, started))
    });
    let report = of(samples);
    let words = [
        [
            "TLS handshake stalls at every address of easemob.com",
            "easemob.com 的所有地址都停在 TLS 握手",
        ],
        ["MTU", "MTU"],
    ];
    says(
        &report,
        Fault::Network,
        "tls_stops_suspected",
        NETWORK,
        &words,
    );
    for other in ["packets_lost", "endpoint_down", "connection_lost"] {
        assert!(!has(&report, other), "{other}");
    }
    assert!(report.passes());
}

/// If one host of the domain works, a silent host is at fault itself, and its silence shows no loss on the way.
#[test]
fn one_host_whose_tls_stops_is_neither_the_networks_nor_a_loss() {
    let [first, ..] = hosts();
    let samples = measured(&hosts(), |one, n, started| {
        (*one == first).then(|| silent_in_tls(one, n, started))
    });
    let report = of(samples);
    says(
        &report,
        Fault::SomeEndpointsFail,
        "endpoint_down",
        EASEMOB,
        &[],
    );
    assert!(!has(&report, "packets_lost") && !has(&report, "tls_stops_suspected"));
}

/// If nothing works, no domain stands out.
#[test]
fn tls_that_stops_everywhere_is_of_no_domain() {
    let samples = measured(&hosts(), |one, n, started| {
        Some(silent_in_tls(one, n, started))
    });
    let report = of(samples);
    says(
        &report,
        Fault::Network,
        "nothing_gets_through",
        NETWORK,
        &[],
    );
}

/// One of Easemob's hosts answers the upgrade wrongly, and another works: the actor named gets a hint, and users
/// aren't asked to correct what they did not write.
#[test]
fn the_next_step_is_for_whoever_can_act() {
    let [first, ..] = hosts();
    for answer in [
        failure(Phase::Upgrade, Kind::Rejected).with_status(200),
        failure(Phase::Upgrade, Kind::Rejected).with_status(429),
        failure(Phase::Upgrade, Kind::SubprotocolMissing),
    ] {
        let samples = measured(&hosts(), |one, n, started| {
            (*one == first).then(|| bad(one, at(n), started, 31, answer.clone(), 32))
        });
        let report = of(samples);
        let words = [["send this report to Easemob support", "环信技术支持"]];
        says(
            &report,
            Fault::SomeEndpointsFail,
            "endpoint_down",
            EASEMOB,
            &words,
        );
        let hint = report.verdict().next_step(Lang::En);
        assert!(!hint.contains("check the host and the path"), "{hint}");
    }
    let own = Endpoint::new(Region::SGP1, Service::Websocket, "wss://im.example.cn/ws").unwrap();
    let refused = failure(Phase::Upgrade, Kind::Rejected).with_status(200);
    let report = report(&[ranking([failing(&own, refused)])]);
    let hint = report.verdict().next_step(Lang::En);
    assert!(hint.contains("check the host and the path"), "{hint}");
    assert!(!report.verdict().who_acts(Lang::En).contains("Easemob"));
}
