//! Findings about networks and hosts, and the verdict.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use easelect::{
    Catalog, Ended, Endpoint, Failure, FailureKind as Kind, Families, Family, Phase, Ranking,
    Region, Service,
};
use easelect_report::{DirectLookup, Fault, Lang, Model, Report};
use support::*;

fn both(measure: impl Fn(&Endpoint) -> Measured) -> [Ranking; 2] {
    [Service::Websocket, Service::Rest].map(|service| {
        let [a, b] = pair(Region::SGP1, service);
        ranking([measure(&a), measure(&b)])
    })
}

fn tls(kind: Kind) -> Failure {
    failure(Phase::Tls, kind)
}

#[test]
fn all_is_well() {
    let report = report(&both(|one| ok(one, 20)));
    assert_eq!(report.verdict().fault(), Fault::AllWell);
    assert_eq!(codes(&report), [""; 0]);
    // With a second data centre, the report says that they can't be compared.
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, d] = pair(Region::US1, Service::Rest);
    let two = [
        ranking([ok(&a, 20), ok(&b, 20)]),
        ranking([ok(&c, 20), ok(&d, 20)]),
    ];
    assert_eq!(codes(&self::report(&two)), ["data_centres_not_comparable"]);
}

#[test]
fn no_name() {
    let rankings = both(|one| Measured::of(one).lookup_failed(Kind::Temporary));
    let offline = report(&rankings);
    expect(&offline, Fault::Network, "no_name_resolved");
    assert!(offline.findings()[0].hint(Lang::Zh).contains("--lab"));
    assert!(!offline.every_group_ready());
    // A pinned host works without DNS.
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, _] = pair(Region::SGP1, Service::Wechat);
    let lost = |one: &Endpoint| Measured::of(one).lookup_failed(Kind::NotFound);
    let mut pinned = context();
    pinned.environment.pinned = vec![a.host().to_owned()];
    let rankings = [ranking([ok(&a, 20), lost(&b)]), ranking([lost(&c)])];
    let pinned = Report::new(&outcome(&rankings), pinned);
    expect(&pinned, Fault::Network, "no_name_resolved");
    // A name resolved, and the run ended before its address was tried: DNS is not to blame.
    let under_way = Measured::of(&b).lookup(ms(12)).unfinished(2);
    let mut stopped = outcome(&[ranking([lost(&a), under_way])]);
    stopped.ended = Ended::Stopped;
    let stopped = Report::new(&stopped, context());
    assert!(!codes(&stopped).contains(&"no_name_resolved"));
    assert_eq!(stopped.verdict().fault(), Fault::NotMeasured);
}

/// The user chose the address family.
#[test]
fn a_family_that_no_host_has_is_the_users_choice() {
    for (families, option, lab) in [
        (Families::V6, "-6", false),
        (Families::V6, "-6", true),
        (Families::V4, "-4", false),
    ] {
        let mut context = context();
        context.environment.families = families;
        context.environment.lab = lab.then(|| "beijing".to_owned());
        let rankings = both(|one| Measured::of(one).lookup_failed(Kind::NoAddress));
        let report = Report::new(&outcome(&rankings), context.clone());
        expect(&report, Fault::ThisComputer, "no_name_resolved");
        for (lang, drop) in [
            (Lang::En, format!("without {option}")),
            (Lang::Zh, format!("去掉 {option}")),
        ] {
            let told = report.verdict().next_step(lang);
            assert!(told.contains(&drop), "{told}");
        }
        // There is a route of the other family, perhaps.
        let rankings = both(|one| failing(one, failure(Phase::Connect, Kind::Unreachable)));
        let report = Report::new(&outcome(&rankings), context);
        expect(&report, Fault::ThisComputer, "no_network");
        let told = report.verdict().next_step(Lang::En);
        assert!(told.contains(&format!("without {option}")), "{told}");
    }
}

#[test]
fn the_only_host_is_named() {
    let own = Endpoint::new(Region::CN_VIP, Service::Rest, "https://own.example/").unwrap();
    let rankings = [ranking([Measured::of(&own).lookup_failed(Kind::NotFound)])];
    let told = report(&rankings).verdict().text(Lang::Zh);
    assert!(
        told.contains("域名 own.example 无法解析：域名不存在"),
        "{told}"
    );
    let mut lab = context();
    lab.environment.lab = Some("beijing".to_owned());
    let lab = Report::new(&outcome(&rankings), lab);
    assert!(lab.verdict().next_step(Lang::Zh).contains("去掉 --lab"));
}

/// Something in between answered: that is not Easemob's to repair.
#[test]
fn a_wrong_accept_is_not_laid_to_easemob() {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    for other in [
        ok(&a, 20),
        failing(&a, failure(Phase::Connect, Kind::Timeout)),
    ] {
        let wrong = failing(&b, failure(Phase::Upgrade, Kind::BadAccept));
        let report = report(&[ranking([other, wrong])]);
        let mut findings = report.findings().iter();
        let found = findings
            .find(|one| one.text(Lang::En).contains("Sec-WebSocket-Accept"))
            .unwrap();
        assert!(
            found.hint(Lang::Zh).contains("换一个网络"),
            "{}",
            found.hint(Lang::Zh)
        );
        assert_ne!(report.verdict().fault(), Fault::Easemob);
        let model = Model::new(&report, Lang::En);
        let found = model
            .findings
            .iter()
            .find(|one| one.text.contains("Sec-WebSocket-Accept"));
        assert_eq!(found.unwrap().actor, None);
    }
}

/// Of equally grave findings, those that affect only mini-programs come last.
#[test]
fn the_main_service_leads() {
    let [a, b] = pair(Region::CN1, Service::Alipay);
    let [c, d] = pair(Region::CN1, Service::Websocket);
    let status = |one: &Endpoint, status| {
        failing(
            one,
            failure(Phase::Upgrade, Kind::Rejected).with_status(status),
        )
    };
    let rankings = [
        ranking([ok(&a, 20), status(&b, 503)]),
        ranking([ok(&c, 20), status(&d, 404)]),
    ];
    expect(&report(&rankings), Fault::SomeEndpointsFail, "path_wrong");
}

#[test]
fn private_addresses_are_inside_first() {
    let own = Endpoint::new(Region::CN_VIP, Service::Rest, "https://10.0.0.5/").unwrap();
    let at: SocketAddr = "10.0.0.5:443".parse().unwrap();
    let rankings = [ranking([Measured::of(&own).bad(
        at,
        failure(Phase::Connect, Kind::Timeout),
        3,
    )])];
    let told = report(&rankings).verdict().next_step(Lang::Zh);
    assert!(told.contains("VPN"), "{told}");
}

#[test]
fn no_network_or_not_permitted() {
    let rankings = both(|one| failing(one, failure(Phase::Connect, Kind::Unreachable)));
    expect(&report(&rankings), Fault::ThisComputer, "no_network");
    let rankings = both(|one| failing(one, failure(Phase::Connect, Kind::Permission)));
    expect(&report(&rankings), Fault::ThisComputer, "not_permitted");
}

/// The finding holds whatever other hosts do.
#[test]
fn out_of_resources_says_nothing_of_anybody() {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let exhausted = || failing(&a, failure(Phase::Connect, Kind::OutOfResources));
    let silent = failing(&b, failure(Phase::Connect, Kind::Timeout));
    for other in [silent, ok(&b, 20)] {
        let report = report(&[ranking([other, exhausted()])]);
        expect(&report, Fault::ThisComputer, "out_of_resources");
        let accused = ["endpoint_down", "nothing_gets_through", "address_down"];
        assert!(!codes(&report).iter().any(|code| accused.contains(code)));
    }
}

#[test]
fn a_firewall() {
    for phase in [Phase::Connect, Phase::Tls] {
        let rankings = both(|one| failing(one, failure(phase, Kind::Timeout)));
        expect(&report(&rankings), Fault::Network, "nothing_gets_through");
    }
}

#[test]
fn a_wrong_clock() {
    let rankings = both(|one| failing(one, tls(Kind::CertificateNotYetValid)));
    expect(
        &report(&rankings),
        Fault::ThisComputer,
        "clock_wrong_suspected",
    );
    let rankings = both(|one| failing(one, tls(Kind::CertificateExpired)));
    expect(
        &report(&rankings),
        Fault::ThisComputer,
        "clock_wrong_suspected",
    );
    // All hosts show the same expired certificate.
    let yesterday = now() - Duration::from_secs(86_400);
    let rankings =
        both(|one| failing(one, tls(Kind::CertificateExpired).with_not_after(yesterday)));
    expect(&report(&rankings), Fault::Easemob, "certificate_expired");
}

#[test]
fn one_expired_certificate_is_easemobs() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let rankings = [ranking([
        ok(&a, 20),
        failing(&b, tls(Kind::CertificateExpired)),
    ])];
    let partly = report(&rankings);
    expect(&partly, Fault::SomeEndpointsFail, "certificate_expired");
    assert_eq!(partly.verdict().who_acts(Lang::Zh), "环信技术支持");
    let [c, d] = pair(Region::SGP1, Service::Websocket);
    let down = failure(Phase::Upgrade, Kind::Rejected).with_status(503);
    let rankings = [
        ranking([ok(&a, 20), ok(&b, 20)]),
        ranking([failing(&c, down.clone()), failing(&d, down)]),
    ];
    expect(&report(&rankings), Fault::Easemob, "service_in_trouble");
}

#[test]
fn portals_and_interception() {
    let rankings = both(|one| failing(one, tls(Kind::CertificateWrongHost)));
    expect(
        &report(&rankings),
        Fault::Network,
        "captive_portal_suspected",
    );
    let rankings = both(|one| failing(one, tls(Kind::CertificateUntrusted)));
    expect(&report(&rankings), Fault::Network, "interception_suspected");
}

/// A router's own, long expired certificate at one host, and silence at another.
#[test]
fn a_portal_with_an_old_certificate_is_no_expired_one() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, _] = pair(Region::SGP1, Service::Websocket);
    let router = || {
        let shown = certificate_for("router.lan", -900, -400);
        tls(Kind::CertificateExpired).with_chain(shown)
    };
    let portal = report(&[
        ranking([failing(&a, router()), failing(&b, router())]),
        ranking([failing(&c, tls(Kind::Timeout))]),
    ]);
    expect(&portal, Fault::Network, "captive_portal_suspected");
    assert!(!codes(&portal).contains(&"certificate_expired"));
    let one = report(&[ranking([failing(&a, router()), ok(&b, 20)])]);
    expect(&one, Fault::SomeEndpointsFail, "hijack_suspected");
    // The host's own expired certificate is the host's fault.
    let own = || {
        let shown = certificate_for("*.easemob.com", -900, -400);
        tls(Kind::CertificateExpired).with_chain(shown)
    };
    let own = report(&[ranking([failing(&a, own()), ok(&b, 20)])]);
    expect(&own, Fault::SomeEndpointsFail, "certificate_expired");
}

#[test]
fn what_name_servers_say_of_names_that_are_not_found() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, _] = pair(Region::SGP1, Service::Websocket);
    let lost = |one: &Endpoint| Measured::of(one).lookup_failed(Kind::Temporary);
    let server = "203.0.114.53:53".parse().unwrap();
    let said = |one: &Endpoint, outcome| DirectLookup::new(one.host(), server, Family::V4, outcome);
    let broken = || Err(failure(Phase::Resolve, Kind::ServerFailure));
    let found = Ok(vec!["203.0.114.1".parse().unwrap()]);
    let mut context = context();
    let no_v6 = Err(failure(Phase::Resolve, Kind::NoAddress));
    let mut forged = said(&c, found);
    forged.family = Family::V6;
    forged.took = Duration::from_millis(3);
    forged.second_answer = Some(Ok(vec!["203.0.114.2".parse().unwrap()]));
    context.direct_lookups = vec![
        said(&a, no_v6),
        said(&a, broken()),
        said(&b, broken()),
        forged,
    ];
    let rankings = [ranking([lost(&a), lost(&b)]), ranking([lost(&c)])];
    let report = Report::new(&outcome(&rankings), context.clone());
    expect(&report, Fault::Network, "no_name_resolved");
    let findings = report.findings().iter();
    let said: Vec<_> = findings
        .filter(|one| one.code() == "dns_direct_lookup")
        .collect();
    assert_eq!(said.len(), 2, "the same failure is told once");
    let told = said[0].text(Lang::En);
    assert!(
        told.contains(a.host()) && told.contains("the DNS server reported a failure"),
        "{told}"
    );
    assert!(said[0].text(Lang::Zh).contains("DNS 服务器报告出错"));
    assert!(said[1].text(Lang::Zh).contains("得到了 203.0.114.1"));
    assert!(said[1].hint(Lang::En).contains("--dns"));
    let json = easelect_report::json(&Model::new(&report, Lang::En));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let lookups = &json["direct_lookups"];
    assert_eq!(lookups[0]["failure"]["kind"], "no_address");
    assert_eq!(lookups[1]["failure"]["kind"], "server_failure");
    assert_eq!(lookups[1]["server"], "203.0.114.53:53");
    assert_eq!(lookups[1]["family"], "ipv4");
    assert_eq!(lookups[1]["transport"], "udp");
    assert_eq!(lookups[1]["second_answer"], serde_json::Value::Null);
    assert_eq!(lookups[3]["addresses"][0], "203.0.114.1");
    assert_eq!(lookups[3]["failure"], serde_json::Value::Null);
    assert_eq!(lookups[3]["took_ms"], 3.0);
    assert_eq!(lookups[3]["second_answer"]["addresses"][0], "203.0.114.2");
    // With --dns, the answers of that server are already in the report.
    context.environment.dns = Some(server);
    let report = Report::new(&outcome(&rankings), context);
    let mut findings = report.findings().iter();
    assert!(findings.all(|one| one.code() != "dns_direct_lookup"));
    let json = easelect_report::json(&Model::new(&report, Lang::En));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["environment"]["dns"], "203.0.114.53:53");
}

fn through_proxy(rankings: &[Ranking]) -> Report {
    let mut context = context();
    let proxy: easelect::Proxy = "http://me:secret@10.0.0.1:8080".parse().unwrap();
    context.environment.proxy = Some(proxy.bypassing("a1-sgp.easecdn.com"));
    Report::new(&outcome(rankings), context)
}

#[test]
fn a_proxy_that_leads_nowhere() {
    let everywhere = |kind| both(|one| failing(one, failure(Phase::Proxy, kind)));
    for (kind, fault) in [
        (Kind::Refused, Fault::ThisComputer),
        (Kind::AuthRequired, Fault::ThisComputer),
        (Kind::NotAProxy, Fault::ThisComputer),
        (Kind::Timeout, Fault::Network),
        (Kind::Rejected, Fault::Network),
        (Kind::Other, Fault::Network),
    ] {
        let report = through_proxy(&everywhere(kind));
        expect(&report, fault, "proxy_fails");
        for lang in [Lang::En, Lang::Zh] {
            let told = report.verdict().text(lang);
            assert!(told.contains("http://10.0.0.1:8080"), "{told}");
            assert!(!told.contains("secret"), "{told}");
        }
        assert!(!codes(&report).contains(&"through_proxy"));
    }
    let nameless = both(|one| Measured::of(one).lookup_failed(Kind::NotFound));
    expect(
        &through_proxy(&nameless),
        Fault::ThisComputer,
        "proxy_fails",
    );
}

#[test]
fn what_stands_behind_a_proxy_is_not_taken_for_local() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, d] = pair(Region::SGP1, Service::Websocket);
    let at: SocketAddr = "10.0.0.1:8080".parse().unwrap();
    let v6: SocketAddr = "[fd00::1]:8080".parse().unwrap();
    let good = |one: &Endpoint| Measured::of(one).good(at, [5, 5, 5]);
    let report = through_proxy(&[
        ranking([good(&a), ok(&b, 20)]),
        ranking([good(&c), good(&d)]),
    ]);
    expect(&report, Fault::AllWell, "through_proxy");
    assert_eq!(codes(&report), ["through_proxy"]);
    let told = report.findings()[0].text(Lang::En);
    assert!(
        told.contains("(3 hosts)") && told.ends_with(" 1 host bypasses it."),
        "{told}"
    );
    // Easemob can't repair a host that the proxy refuses.
    let refused = failure(Phase::Proxy, Kind::Rejected).with_status(403);
    let report = through_proxy(&[ranking([good(&c), failing(&d, refused.clone())])]);
    expect(&report, Fault::SomeEndpointsFail, "endpoint_down");
    assert!(
        report
            .verdict()
            .who_acts(Lang::En)
            .contains("network administrator")
    );
    let report = through_proxy(&[
        ranking([failing(&c, refused.clone()), failing(&d, refused)]),
        ranking([good(&a)]),
    ]);
    expect(&report, Fault::Network, "endpoint_down");
    // The proxy's IPv6 addresses say nothing about the network.
    let refused = failure(Phase::Proxy, Kind::Refused);
    let half = good(&c).bad(v6, refused, 3);
    assert!(!codes(&through_proxy(&[ranking([half])])).contains(&"ipv6_broken"));
}

#[test]
fn broken_ipv6() {
    let broken = |kind| {
        both(|one| {
            let one = ok(one, 20);
            let v6 = one.v6();
            one.bad(v6, failure(Phase::Connect, kind), 2)
        })
    };
    expect(
        &report(&broken(Kind::Timeout)),
        Fault::Network,
        "ipv6_broken",
    );
    expect(
        &report(&broken(Kind::Unreachable)),
        Fault::AllWell,
        "ipv6_absent",
    );
}

#[test]
fn a_dead_address_and_a_flaky_one() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let one = ok(&a, 20);
    let other: SocketAddr = "47.93.8.8:443".parse().unwrap();
    let silent = failure(Phase::Connect, Kind::Timeout);
    let one = one.bad(other, silent.clone(), 2);
    let two = ok(&b, 21);
    let v4 = two.v4();
    let report = report(&[ranking([one, two.bad(v4, silent, 1)])]);
    expect(&report, Fault::SomeEndpointsFail, "address_down");
    expect(&report, Fault::SomeEndpointsFail, "fails_sometimes");
    assert_eq!(urls_of(&report, "address_down"), [a.url()]);
}

/// The URLs of a finding in the model.
fn urls_of(report: &Report, code: &str) -> Vec<String> {
    let findings = Model::new(report, Lang::En).findings;
    let found = findings.into_iter().find(|one| one.code == code);
    found.unwrap().urls
}

/// One in two addresses of one host fails, one in three of the other: the finding reports the larger share.
#[test]
fn the_share_of_several_endpoints_is_the_worst() {
    let silent = failure(Phase::Connect, Kind::Timeout);
    let with_dead = |endpoint: &Endpoint, alive: &[&str], dead: &str| {
        let alive = alive.iter().map(|one| one.parse().unwrap());
        let one = alive.fold(ok(endpoint, 20), |one, at| one.good(at, [20]));
        one.bad(dead.parse().unwrap(), silent.clone(), 2)
    };
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let a = with_dead(&a, &["47.93.8.1:443"], "47.93.8.2:443");
    let b = with_dead(&b, &[], "47.93.8.3:443");
    let report = report(&[ranking([a, b])]);
    let found = report.findings().iter();
    let found = found.filter(|one| one.code() == "address_down");
    let told: Vec<String> = found.map(|one| one.text(Lang::En)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("up to one in two first connects goes to these addresses"),
        "{told:?}"
    );
}

#[test]
fn wrong_paths() {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let gone = failure(Phase::Upgrade, Kind::Rejected).with_status(404);
    let wrong = report(&[ranking([failing(&a, gone.clone()), failing(&b, gone)])]);
    expect(&wrong, Fault::Configuration, "path_wrong");
    assert!(codes(&wrong).contains(&"inferred_urls"));
    let one = Measured::of(&a);
    let v4 = one.v4();
    let found = report(&[ranking([
        one.good_at("/ws/websocket", v4, [20, 21]),
        ok(&b, 50),
    ])]);
    expect(&found, Fault::AllWell, "alternate_path_works");
    assert_eq!(urls_of(&found, "alternate_path_works").len(), 1);
}

#[test]
fn what_is_in_use_is_compared() {
    let [a, b] = pair(Region::SGP1, Service::Websocket);
    let with = |used: &Endpoint, rankings: &[Ranking]| {
        let mut context = context();
        context.in_use = vec![used.clone()];
        Report::new(&outcome(rankings), context)
    };
    let rankings = [ranking([ok(&a, 20), ok(&b, 90)])];
    expect(&with(&a, &rankings), Fault::AllWell, "current_is_first");
    let slower = with(&b, &rankings);
    expect(&slower, Fault::SomeEndpointsFail, "current_slower");
    assert_eq!(slower.verdict().who_acts(Lang::En), "the app's developer");
    for (lang, usable) in [
        (Lang::En, "Usable: every service"),
        (Lang::Zh, "可以使用，每项服务"),
    ] {
        let told = slower.verdict().text(lang);
        assert!(told.starts_with(usable), "{told}");
    }
    let rankings = [ranking([ok(&a, 20), ok(&b, 20)])];
    expect(
        &with(&b, &rankings),
        Fault::AllWell,
        "current_no_clear_difference",
    );
    // Nobody waits for the ranking's penalty when the endpoint connects.
    let dead = "47.93.7.250:443".parse().unwrap();
    let flaky = ok(&b, 30).bad(dead, failure(Phase::Connect, Kind::Timeout), 2);
    let slower = with(&b, &[ranking([ok(&a, 20), flaky])]);
    let found = slower.findings().iter();
    let told = found.filter(|one| one.code() == "current_slower");
    let told: Vec<[String; 2]> = told
        .map(|one| [Lang::En, Lang::Zh].map(|lang| one.text(lang)))
        .collect();
    let [en, zh] = &told[0];
    assert!(
        en.contains("is 30.0 ms slower than") && en.contains("its failed attempts"),
        "{en}"
    );
    assert!(zh.contains("慢 30.0 ms（两者都连通时）"), "{zh}");
    // No clear difference from the one before it, which is slower than the first.
    let c = Endpoint::new(Region::SGP1, Service::Websocket, "wss://c.example/").unwrap();
    let rankings = [ranking([ok(&a, 20), ok(&b, 90), ok(&c, 90)])];
    expect(
        &with(&c, &rankings),
        Fault::SomeEndpointsFail,
        "current_slower",
    );
    let one = Measured::of(&a);
    let v4 = one.v4();
    let rankings = [ranking([one.good_at("/ws/websocket", v4, [20, 21])])];
    expect(
        &with(&a, &rankings),
        Fault::Configuration,
        "current_path_wrong",
    );
    let rankings = [ranking([ok(&a, 20), refused(&b)])];
    let fails = with(&b, &rankings);
    expect(&fails, Fault::Configuration, "current_fails");
    assert!(fails.verdict().text(Lang::En).contains(a.url()));
}

#[test]
fn own_endpoints_are_the_developers() {
    let own = Endpoint::new(Region::CN_VIP, Service::Rest, "https://own.example/").unwrap();
    let untrusted = failing(&own, tls(Kind::CertificateUntrusted));
    expect(
        &report(&[ranking([untrusted])]),
        Fault::Configuration,
        "certificate_faulty",
    );
}

#[test]
fn limits_of_the_measurement() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let rankings = [ranking([
        ok(&a, 20).unfinished(2),
        Measured::of(&b).unfinished(4),
    ])];
    let mut cut = outcome(&rankings);
    cut.ended = Ended::Deadline;
    let cut = Report::new(&cut, context());
    expect(&cut, Fault::AllWell, "unfinished");
    let nothing = report(&[ranking([Measured::of(&a).unfinished(3)])]);
    expect(&nothing, Fault::NotMeasured, "unfinished");
    // A failing endpoint is no verdict on a service whose other endpoint was not tried.
    let [c, _] = pair(Region::SGP1, Service::Websocket);
    let expired = failing(&a, tls(Kind::CertificateExpired));
    let rankings = [
        ranking([expired, Measured::of(&b).unfinished(4)]),
        ranking([ok(&c, 20)]),
    ];
    let mut stopped = outcome(&rankings);
    stopped.ended = Ended::Stopped;
    let stopped = Report::new(&stopped, context());
    expect(&stopped, Fault::NotMeasured, "certificate_expired");
    let cause = stopped.verdict().cause().map(|one| one.code());
    assert_eq!(cause, Some("unfinished"));
    // An interruption is distinguished from the deadline.
    let untried = |ended, lang| {
        let mut cut = outcome(&[ranking([ok(&a, 20), Measured::of(&b)])]);
        cut.ended = ended;
        let model = easelect_report::Model::new(&Report::new(&cut, context()), lang);
        model.groups[0].endpoints[1].reason.text.clone()
    };
    let (en, zh) = (easelect_report::Lang::En, easelect_report::Lang::Zh);
    assert_eq!(untried(Ended::Deadline, en), "not tried: the time ran out");
    assert_eq!(
        untried(Ended::Stopped, en),
        "not tried: the run was interrupted"
    );
    assert_eq!(untried(Ended::Stopped, zh), "未探测：测量被中断");
    let one = ok(&a, 20);
    let v4 = one.v4();
    expect(
        &report(&[ranking([one.delayed(v4, 4)])]),
        Fault::AllWell,
        "locally_delayed",
    );
}

#[test]
fn addresses_beyond_the_cap_are_told() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let crowded = ok(&a, 20).left_out(48);
    let report = report(&[ranking([crowded, ok(&b, 20)])]);
    expect(&report, Fault::AllWell, "addresses_left_out");
    let told = &report.findings()[0];
    for lang in [Lang::En, Lang::Zh] {
        let text = told.text(lang);
        assert!(text.contains("48") && text.contains(a.host()), "{text}");
        assert!(!text.contains(b.host()), "{text}");
    }
}

#[test]
fn every_region_that_is_built_in_can_be_reported() {
    let catalog = Catalog::builtin();
    let rankings: Vec<Ranking> = catalog
        .endpoints()
        .iter()
        .map(|one| ranking([ok(one, 20)]))
        .collect();
    assert_eq!(report(&rankings).groups().len(), 44);
}
