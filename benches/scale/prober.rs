//! A `Prober` with many candidates: the processor time per candidate, in the lab in paused time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use easelect::{Endpoint, ProbeEvent, Prober, Region, Service};
use easelect_lab::{Fault, Host, Lab, Path, Scenario};
use futures::StreamExt;

use crate::measure::figures::Figures;
use crate::measure::{is_short, thread_cpu};

/// How the candidates are grouped.
#[derive(Clone, Copy)]
enum Shape {
    /// All candidates are in one group.
    OneGroup,
    /// Groups of ten candidates, one for each service of a region.
    GroupsOfTen,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Shape::OneGroup => "one_group",
            Shape::GroupsOfTen => "groups_of_10",
        }
    }

    fn place(self, index: usize) -> (String, Service) {
        match self {
            Shape::OneGroup => ("own".to_owned(), Service::Websocket),
            Shape::GroupsOfTen => {
                let group = index / 10;
                let service = Service::ALL[group % Service::ALL.len()];
                (format!("r{}", group / Service::ALL.len()), service)
            }
        }
    }
}

/// A lab of hosts with one address each, 20 to 98 ms away.
fn world(shape: Shape, candidates: usize, fault: Fault) -> (Lab, Vec<Endpoint>) {
    let mut scenario = Scenario::new(1);
    let mut endpoints = Vec::new();
    for index in 0..candidates {
        let (region, service) = shape.place(index);
        let scheme = if service.is_websocket() {
            "wss"
        } else {
            "https"
        };
        let name = format!("h{index}.example");
        let number = u32::try_from(index).expect("few enough");
        let address = IpAddr::from(Ipv4Addr::from_bits(
            u32::from_be_bytes([44, 128, 0, 0]) + number,
        ));
        let rtt = Duration::from_millis(20 + 2 * (u64::from(number) * 7 % 40));
        scenario = scenario
            .with_host(Host::new(&name).with_address(address).with_dns_delay(rtt))
            .with_path(Path::new(address).with_rtt(rtt).with_fault(fault));
        let region = Region::new(&region).expect("a good name");
        let url = format!("{scheme}://{name}/ws");
        endpoints.push(Endpoint::new(region, service, &url).expect("a good URL"));
    }
    (Lab::new(scenario).expect("a good scenario"), endpoints)
}

/// Returns the processor time per candidate in µs.
fn probe(shape: Shape, candidates: usize, fault: Fault) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(async {
        let (lab, endpoints) = world(shape, candidates, fault);
        let mut probing = Prober::builder()
            .endpoints(endpoints)
            .dialer(lab.dialer().build().unwrap())
            .in_flight(64)
            .deadline(Duration::from_secs(24 * 60 * 60))
            .seed(1)
            .build()
            .expect("a good configuration")
            .run();
        let before = thread_cpu();
        while let Some(event) = probing.next().await {
            if let ProbeEvent::Finished(outcome) = event {
                assert!(outcome.complete());
            }
        }
        (thread_cpu() - before).as_secs_f64() * 1e6 / candidates as f64
    })
}

pub(crate) fn per_candidate(figures: &mut Figures) {
    for (what, fault) in [("probed", Fault::None), ("refused", Fault::Refuse)] {
        for shape in [Shape::OneGroup, Shape::GroupsOfTen] {
            let costs = costs(shape, fault);
            let least = costs[0].1;
            for (candidates, micros) in costs {
                let name = format!("{what}/{}/{candidates}", shape.name());
                figures.tell(&name, micros, "us per candidate");
                if candidates == 100 {
                    continue;
                }
                let name = format!("per_candidate_{candidates}_to_100/{what}/{}", shape.name());
                match fault {
                    Fault::None => figures.aim(&name, micros / least, "ratio", 1.3),
                    // Bookkeeping alone grows as caches overflow. A quadratic step would make the ratio
                    // ten or more.
                    _ => figures.limit(&name, micros / least, "ratio", 5.0),
                }
            }
        }
    }
}

/// Returns the least of a few runs per size. Sizes take turns, because a busy machine slows all of them.
fn costs(shape: Shape, fault: Fault) -> Vec<(usize, f64)> {
    let sizes: &[usize] = match is_short() {
        true => &[100, 1_000],
        false => &[100, 1_000, 10_000],
    };
    let mut costs: Vec<(usize, f64)> = sizes.iter().map(|one| (*one, f64::INFINITY)).collect();
    for _ in 0..if is_short() { 1 } else { 3 } {
        for (candidates, least) in &mut costs {
            // A disturbance affects more of a short run.
            for _ in 0..(1_000 / *candidates).clamp(1, 3) {
                *least = least.min(probe(shape, *candidates, fault));
            }
        }
    }
    costs
}
