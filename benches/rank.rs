//! Ranking 100 endpoints of three addresses and ten samples each.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use easelect::{Endpoint, EndpointStats, Phase, Region, Sample, Service, Timings, rank};

fn hundred() -> Vec<EndpointStats> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..100)
        .map(|n| {
            let url = format!("wss://host-{n}.example/ws");
            let endpoint = Endpoint::new(Region::CN1, Service::Websocket, &url).unwrap();
            let mut stats = EndpointStats::new(endpoint.clone());
            for address in 1..=3u8 {
                let address = SocketAddr::new(IpAddr::from([10, 0, n, address]), 443);
                for _ in 0..10 {
                    let mut timings = Timings::default();
                    for phase in [Phase::Connect, Phase::Tls, Phase::Upgrade] {
                        timings.set(phase, Duration::from_micros(random.u64(20_000..80_000)));
                    }
                    stats.record(&Sample::new(endpoint.clone(), address, timings, Ok(())));
                }
            }
            stats
        })
        .collect()
}

fn ranking(criterion: &mut Criterion) {
    let stats = hundred();
    criterion.bench_function("rank_100_endpoints", |bencher| {
        bencher.iter_batched(|| stats.clone(), rank, BatchSize::LargeInput);
    });
}

criterion_group!(benches, ranking);
criterion_main!(benches);
