//! Findings about one host, its addresses and certificates.

mod support;

use std::net::SocketAddr;

use easelect::{Endpoint, Failure, FailureKind as Kind, Phase, Region, Service};
use easelect_report::{Fault, Lang, Report};
use support::*;

fn tls(kind: Kind) -> Failure {
    failure(Phase::Tls, kind)
}

#[test]
fn hijacked_names() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let evil = ranking([ok(&a, 20), failing(&b, tls(Kind::CertificateUntrusted))]);
    expect(
        &report(&[evil]),
        Fault::SomeEndpointsFail,
        "hijack_suspected",
    );
    let home: SocketAddr = "127.0.0.1:443".parse().unwrap();
    let refused = failure(Phase::Connect, Kind::Refused);
    let local = || {
        [ranking([
            ok(&a, 20),
            Measured::of(&b).bad(home, refused.clone(), 3),
        ])]
    };
    expect(
        &report(&local()),
        Fault::SomeEndpointsFail,
        "hijack_suspected",
    );
    // A pinned host is not hijacked: the user gave its address.
    let mut pinned = context();
    pinned.environment.pinned = vec![b.host().to_owned()];
    let pinned = Report::new(&outcome(&local()), pinned);
    expect(&pinned, Fault::SomeEndpointsFail, "endpoint_down");
    let bogus = [ranking([
        Measured::of(&a).lookup_failed(Kind::BogusAddress),
        Measured::of(&b).lookup_failed(Kind::BogusAddress),
    ])];
    let bogus = report(&bogus);
    expect(&bogus, Fault::Network, "hijack_suspected");
    assert!(bogus.findings()[0].text(Lang::En).contains("0.0.0.0"));
    let proxy: SocketAddr = "198.18.0.5:443".parse().unwrap();
    let proxied = [ranking([Measured::of(&a).good(proxy, [1, 1, 1])])];
    expect(&report(&proxied), Fault::AllWell, "local_proxy_suspected");
}

/// Each name stands with its own address.
#[test]
fn hijacked_names_have_their_addresses() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let at = |last: u8| SocketAddr::from(([203, 0, 113, last], 443));
    let untrusted = || tls(Kind::CertificateWrongHost);
    let [c, _] = pair(Region::SGP1, Service::Websocket);
    let rankings = [
        ranking([
            Measured::of(&a).bad(at(9), untrusted(), 3),
            Measured::of(&b).bad(at(8), untrusted(), 3),
        ]),
        ranking([ok(&c, 20)]),
    ];
    let report = report(&rankings);
    let told = report
        .findings()
        .iter()
        .find(|one| one.code() == "hijack_suspected")
        .unwrap();
    for (lang, to) in [(Lang::En, "resolves to"), (Lang::Zh, "被解析到")] {
        let told = told.text(lang);
        for (host, ip) in [(a.host(), "203.0.113.9"), (b.host(), "203.0.113.8")] {
            assert!(told.contains(&format!("{host} {to} {ip}")), "{told}");
        }
    }
}

/// Ad blockers, filtering DNS servers and hosts files return addresses where nothing answers.
#[test]
fn names_that_are_sunk_are_a_filters() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let home: SocketAddr = "127.0.0.1:443".parse().unwrap();
    let refused = failure(Phase::Connect, Kind::Refused);
    let to_loopback = ranking([
        Measured::of(&a).bad(home, refused.clone(), 3),
        Measured::of(&b).bad(home, refused.clone(), 3),
    ]);
    let nowhere = ranking([
        Measured::of(&a).lookup_failed(Kind::BogusAddress),
        Measured::of(&b).lookup_failed(Kind::BogusAddress),
    ]);
    for sunk in [to_loopback, nowhere] {
        let report = report(&[sunk]);
        expect(&report, Fault::Network, "hijack_suspected");
        let cause = report.verdict().cause().unwrap();
        for (lang, filter, blocker, answers) in [
            (Lang::En, "filter", "ad blocker", "answers at"),
            (Lang::Zh, "过滤", "广告拦截", "未能证明身份"),
        ] {
            let (told, hint) = (cause.text(lang), cause.hint(lang));
            assert!(told.contains(filter) && !told.contains(answers), "{told}");
            assert!(
                hint.contains(blocker) && hint.contains("*.easemob.com"),
                "{hint}"
            );
        }
        // Reported once.
        assert_eq!(
            codes(&report)
                .iter()
                .filter(|one| one.contains("suspected"))
                .count(),
            1
        );
    }
    // A server that listens there is a hijack.
    let shown = tls(Kind::CertificateUntrusted);
    let local = [ranking([ok(&a, 20), Measured::of(&b).bad(home, shown, 3)])];
    let told = report(&local).verdict().text(Lang::En);
    assert!(
        told.contains("to 127.0.0.1, where no server proves"),
        "{told}"
    );
}

/// A VPN's DNS server with its own records (split horizon): private addresses, where nothing answers.
#[test]
fn private_addresses_where_nothing_answers() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let silent = failure(Phase::Connect, Kind::Timeout);
    let at = |n: u8| SocketAddr::from(([10, 20, 0, n], 443));
    let inside = ranking([
        Measured::of(&a).bad(at(1), silent.clone(), 2),
        Measured::of(&b).bad(at(2), silent.clone(), 2),
    ]);
    let report = report(&[inside]);
    expect(&report, Fault::Network, "hijack_suspected");
    let cause = report.verdict().cause().unwrap();
    for (lang, private, answers) in [
        (Lang::En, "private network", "answers at"),
        (Lang::Zh, "内网", "未能证明身份"),
    ] {
        let (told, hint) = (cause.text(lang), cause.hint(lang));
        assert!(told.contains(private) && !told.contains(answers), "{told}");
        assert!(
            told.contains("10.20.0.1") && hint.contains("VPN"),
            "{told} {hint}"
        );
    }
}

#[test]
fn one_address_for_unrelated_hosts() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, d] = pair(Region::DE2, Service::Rest);
    let there: SocketAddr = "203.0.114.1:443".parse().unwrap();
    let silent = failure(Phase::Connect, Kind::Timeout);
    let sunk = |one: &Endpoint| Measured::of(one).bad(there, silent.clone(), 2);
    let some = report(&[
        ranking([ok(&a, 20), sunk(&b)]),
        ranking([ok(&c, 20), sunk(&d)]),
    ]);
    expect(&some, Fault::SomeEndpointsFail, "one_address_suspected");
    let told = some.findings()[0].text(Lang::En);
    assert!(
        told.contains("203.0.114.1") && told.contains(d.host()),
        "{told}"
    );
    // The same where nothing gets through at all.
    let all = report(&[ranking([sunk(&a), sunk(&b)]), ranking([sunk(&c), sunk(&d)])]);
    expect(&all, Fault::Network, "one_address_suspected");
    // A node that serves both hosts, and proves it for one, is no hijack.
    let shared = Measured::of(&c).good(there, [20, 21]);
    let fine = report(&[ranking([ok(&a, 20), sunk(&b)]), ranking([shared, sunk(&d)])]);
    assert!(!codes(&fine).contains(&"one_address_suspected"));
    // Two services of one host are related.
    let [e, _] = pair(Region::SGP1, Service::Websocket);
    let related = report(&[ranking([sunk(&a), ok(&b, 20)]), ranking([sunk(&e)])]);
    assert!(!codes(&related).contains(&"one_address_suspected"));
}

/// If only some certificates are out of date, the clock is suspected only where another time would suit all.
#[test]
fn a_clock_that_suits_only_some() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, d] = pair(Region::SGP1, Service::Websocket);
    let refused = |endpoint: &Endpoint, kind, from, to| {
        let shown = certificate(from, to);
        failing(endpoint, tls(kind).with_chain(shown))
    };
    let probed = |kind, bad: [(i64, i64); 2], good: (i64, i64)| {
        report(&[
            ranking([
                refused(&a, kind, bad[0].0, bad[0].1),
                ok(&b, 20).shows(certificate(good.0, good.1)),
            ]),
            ranking([refused(&c, kind, bad[1].0, bad[1].1), ok(&d, 20)]),
        ])
    };
    let suspected = |report: &Report| codes(report).contains(&"clock_wrong_suspected");
    let late = Kind::CertificateExpired;
    let fast = probed(late, [(-200, -3), (-150, -10)], (-300, 60));
    expect(&fast, Fault::ThisComputer, "clock_wrong_suspected");
    assert!(fast.findings()[0].text(Lang::En).contains("is ahead"));
    // The valid one begins after the others end: no time suits all.
    assert!(!suspected(&probed(
        late,
        [(-200, -3), (-150, -10)],
        (-1, 60)
    )));
    // Two hosts show the same certificate.
    assert!(!suspected(&probed(
        late,
        [(-200, -3), (-200, -3)],
        (-300, 60)
    )));
    let early = Kind::CertificateNotYetValid;
    let slow = probed(early, [(3, 90), (5, 90)], (-300, 60));
    expect(&slow, Fault::ThisComputer, "clock_wrong_suspected");
    assert!(slow.findings()[0].text(Lang::Zh).contains("偏慢"));
}

#[test]
fn a_certificate_that_ends_soon() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let ends_in = |days| {
        let rankings = [ranking([
            ok(&a, 20).shows(certificate(-80, days)),
            ok(&b, 20),
        ])];
        report(&rankings)
    };
    assert!(!codes(&ends_in(15)).contains(&"certificate_expires_soon"));
    let soon = ends_in(10);
    expect(&soon, Fault::AllWell, "certificate_expires_soon");
    let told = soon.findings()[0].text(Lang::Zh);
    assert!(
        told.contains("10 天后过期") && told.contains(a.url()),
        "{told}"
    );
}

/// An expired cross-signature, which was not needed, doesn't count.
#[test]
fn a_cross_signature_that_ended_was_not_needed() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let chain = cross_signed();
    assert_eq!(chain.first_to_expire().0, 1);
    let report = report(&[ranking([ok(&a, 20).shows(chain), ok(&b, 20)])]);
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    assert!(!codes(&report).contains(&"certificate_expires_soon"));
}

/// The made-up addresses of a local proxy are no hijack.
#[test]
fn a_local_proxy_that_leads_nowhere() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let made_up = |last: u8| SocketAddr::from(([198, 18, 0, last], 443));
    let closed = tls(Kind::Closed);
    let behind = |one: &Endpoint, last| Measured::of(one).bad(made_up(last), closed.clone(), 3);
    let nowhere = report(&[ranking([behind(&a, 1), behind(&b, 2)])]);
    expect(&nowhere, Fault::ThisComputer, "local_proxy_fails");
    for accused in ["hijack_suspected", "nothing_gets_through", "endpoint_down"] {
        assert!(!codes(&nowhere).contains(&accused), "{accused}");
    }
    // Another server answers there: that is a hijack after all.
    let evil = Measured::of(&a).bad(made_up(1), tls(Kind::CertificateWrongHost), 3);
    let evil = report(&[ranking([evil, ok(&b, 20)])]);
    expect(&evil, Fault::SomeEndpointsFail, "hijack_suspected");
}

/// A network with only IPv6 is treated like one with only IPv4.
#[test]
fn a_family_that_is_not_there() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let only_v6 = |kind| {
        let each = |one: &Endpoint| {
            let one = Measured::of(one);
            let (v4, v6) = (one.v4(), one.v6());
            one.good(v6, [20, 21, 20])
                .bad(v4, failure(Phase::Connect, kind), 3)
        };
        report(&[ranking([each(&a), each(&b)])])
    };
    let absent = only_v6(Kind::Unreachable);
    expect(&absent, Fault::AllWell, "ipv4_absent");
    assert!(!codes(&absent).contains(&"address_down"));
    let broken = only_v6(Kind::Timeout);
    expect(&broken, Fault::Network, "ipv4_broken");
    assert!(broken.findings()[0].hint(Lang::En).contains("-6"));
    // A single dead IPv4 address is that address's fault.
    let one = Measured::of(&a);
    let (v4, v6) = (one.v4(), one.v6());
    let one = one
        .good(v6, [20, 21, 20])
        .bad(v4, failure(Phase::Connect, Kind::Timeout), 3);
    let other = Measured::of(&b);
    let v6 = other.v6();
    let dead = report(&[ranking([one, other.good(v6, [30, 31, 30])])]);
    expect(&dead, Fault::SomeEndpointsFail, "address_down");
}

#[test]
fn a_network_that_changed_meanwhile() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let rankings = [ranking([ok(&a, 20), ok(&b, 30)])];
    let mut context = context();
    let mut network = easelect::LocalNetwork::default();
    network.source_v4 = Some([192, 168, 0, 7].into());
    context.environment.network_at_start = Some(network.clone());
    network.source_v4 = Some([10, 8, 0, 2].into());
    context.environment.network_at_end = Some(network);
    let changed = Report::new(&outcome(&rankings), context);
    expect(&changed, Fault::AllWell, "network_changed");
}
