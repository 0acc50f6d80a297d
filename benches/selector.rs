//! What a running app calls often, beside the least that it could cost: reading the best endpoint
//! beside a bare `ArcSwap` load, and what is learned from a heartbeat; and loading a history.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use easelect::lab::{Host, Lab, Path, Scenario};
use easelect::{
    Catalog, CatalogFormat, Connection, Endpoint, History, Region, Selector, TlsClient,
};

/// Four hosts of three addresses, as in the policy simulation.
const HOSTS: u8 = 4;
const ADDRESSES: u8 = 3;

fn world() -> (Lab, Catalog) {
    let mut scenario = Scenario::new(1);
    let mut text = "[[region]]\nid = \"own\"\n".to_owned();
    for host in 0..HOSTS {
        let mut named = Host::new(&format!("h{host}.example"));
        for n in 0..ADDRESSES {
            let address = IpAddr::from([44, 128, host, n]);
            let rtt = Duration::from_millis(40 + 6 * u64::from(host) + 4 * u64::from(n));
            named = named.with_address(address);
            scenario = scenario.with_path(Path::new(address).with_rtt(rtt));
        }
        scenario = scenario.with_host(named);
        text += &format!(
            "[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://h{host}.example/websocket\"\n"
        );
    }
    let catalog = Catalog::builtin().with_file(&text, CatalogFormat::Toml, "own.toml");
    (Lab::new(scenario).unwrap(), catalog.unwrap())
}

/// A selector that has opened a few connections, and the last of them.
async fn warm() -> (Selector, Connection) {
    let (lab, catalog) = world();
    let selector = Selector::builder(Region::new("own").unwrap())
        .catalog(catalog)
        .resolver(lab.resolver())
        .connector(lab.connector())
        .tls(TlsClient::with_roots([lab.root()]).unwrap())
        .network("bench")
        .seed(1)
        .build()
        .unwrap();
    for _ in 0..9 {
        selector.connect().await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let connection = selector.connect().await.unwrap();
    (selector, connection)
}

/// A history of so many candidates on a few networks.
fn history(candidates: usize) -> String {
    let level = "{\"mean\":4.0,\"variance\":0.02,\"at_ms\":1700000000000,\"surprise\":0}";
    let health = "{\"successes\":3.0,\"failures\":0.5,\"counted_ms\":1700000000000,\
                  \"in_a_row\":0,\"barred_until_ms\":0}";
    let network = |n: usize| {
        let one = |m: usize| {
            format!(
                "{{\"region\":\"own\",\"host\":\"h{m}.example\",\"address\":\"44.128.0.{m}:443\",\
                 \"listed_ms\":1700000000000,\"seen_ms\":1700000000000,\
                 \"opened_ms\":1700000000000,\"syn\":{level},\"rest\":{level},\"health\":{health}}}"
            )
        };
        let each: Vec<String> = (0..candidates / 5).map(one).collect();
        format!(
            "{{\"id\":\"n{n}\",\"used_ms\":1700000000000,\"gate\":0.1,\"gate_samples\":9,\
             \"candidates\":[{}]}}",
            each.join(",")
        )
    };
    let networks: Vec<String> = (0..5).map(network).collect();
    format!("{{\"schema\":1,\"networks\":[{}]}}", networks.join(","))
}

fn hot(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let (selector, connection) = runtime.block_on(warm());
    let feedback = connection.feedback();
    let _inside = runtime.enter();

    let mut group = criterion.benchmark_group("best");
    let bare: ArcSwapOption<Endpoint> = ArcSwapOption::new(selector.best().map(Arc::new));
    group.bench_function("bare_load", |bencher| {
        bencher.iter(|| bare.load().as_ref().map(|one| Endpoint::clone(one)));
    });
    group.bench_function("easelect", |bencher| bencher.iter(|| selector.best()));
    group.finish();

    criterion.bench_function("ranking_read", |bencher| {
        bencher.iter(|| selector.ranking())
    });
    criterion.bench_function("report_rtt", |bencher| {
        bencher.iter(|| feedback.report_rtt(Duration::from_millis(40)));
    });
    let text = history(1_000);
    assert!(History::from_json(&text).is_ok());
    criterion.bench_function("history_of_1000", |bencher| {
        bencher.iter_batched(
            || text.clone(),
            |text| History::from_json(&text),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, hot);
criterion_main!(benches);
