//! Groups, the mainland pool, and whether a report passes.

mod support;

use easelect::{Region, Service};
use easelect_report::Report;
use support::*;

#[test]
fn the_pool_is_one_group_and_said_to_be_one() {
    let [a, b] = pair(Region::CN1, Service::Rest);
    let [c, d] = pair(Region::CN2, Service::Rest);
    let apart = [
        ranking([ok(&a, 30), ok(&b, 35)]),
        ranking([ok(&c, 10), ok(&d, 50)]),
    ];
    let report = Report::new(&outcome(&apart), context());
    assert_eq!(report.groups().len(), 2);
    assert!(!codes(&report).contains(&"mainland_pool"));
    let pool = pool_ranking([ok(&a, 30), ok(&b, 35), ok(&c, 10), ok(&d, 50)]);
    let report = Report::new(&outcome(&[pool]), context());
    let [group] = report.groups() else {
        panic!("{} groups", report.groups().len());
    };
    assert_eq!(group.residency.to_string(), "mainland");
    assert_eq!(group.endpoints.len(), 4);
    assert_eq!(group.best().unwrap().endpoint(), &c);
    assert!(
        codes(&report).contains(&"mainland_pool"),
        "{:?}",
        codes(&report)
    );
}

#[test]
fn a_script_goes_on_only_when_every_group_has_a_first_choice() {
    let [a, b] = pair(Region::SGP1, Service::Rest);
    let [c, d] = pair(Region::SGP1, Service::Websocket);
    let good = ranking([ok(&a, 30), refused(&b)]);
    let bad = ranking([refused(&c), refused(&d)]);
    let report = Report::new(&outcome(&[good.clone(), bad]), context());
    assert!(!report.every_group_ready() && !report.passes());
    let report = Report::new(&outcome(std::slice::from_ref(&good)), context());
    assert!(report.every_group_ready() && report.passes());
    assert!(!Report::new(&outcome(&[]), context()).every_group_ready());

    let mut strict = context();
    strict.thresholds = vec!["p50=20ms".parse().unwrap()];
    let report = Report::new(&outcome(&[good]), strict);
    assert!(report.every_group_ready() && !report.passes());
    assert!(codes(&report).contains(&"above_threshold"));
}
