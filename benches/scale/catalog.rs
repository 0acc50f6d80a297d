//! A user's catalogue with many endpoints: the cost of reading and finding each.

use std::fmt::Write as _;

use easelect::{Catalog, CatalogFormat, Region, Service};

use crate::measure::figures::Figures;
use crate::measure::thread_cpu;

pub(crate) fn per_entry(figures: &mut Figures) {
    let sizes = [100, 1_000, 10_000];
    let mut costs = sizes.map(|size| (size, f64::INFINITY));
    for _ in 0..5 {
        for (entries, least) in &mut costs {
            *least = least.min(read(*entries));
        }
    }
    for (entries, micros) in costs {
        figures.tell(&format!("catalogue/{entries}"), micros, "us per entry");
    }
    let ratio = costs[2].1 / costs[0].1;
    figures.aim("catalogue_10000_to_100", ratio, "ratio", 1.3);
}

/// Returns the processor time per entry in µs.
fn read(entries: usize) -> f64 {
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for n in 0..entries {
        let _ = write!(
            text,
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\nurl = \"wss://h{n}.example/\"\n"
        );
    }
    let before = thread_cpu();
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    let own = Region::new("own").expect("a good name");
    let group = catalog.and_then(|all| all.group(&own.into(), Service::Websocket));
    assert_eq!(group.expect("a good catalogue").len(), entries);
    (thread_cpu() - before).as_secs_f64() * 1e6 / entries as f64
}
