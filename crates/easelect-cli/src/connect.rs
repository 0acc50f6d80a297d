//! `easelect connect`: opens connections as an app does.

use std::time::SystemTime;

use easelect::{Catalog, HistoryStore, Residency, Selector, Service};
use easelect_report::{ConnectRecord, Format};

use crate::args::{self, Options};
use crate::output::Output;
use crate::run::{self, Network, bar, interrupted, warn, warn_of_pins};
use crate::status::Status;
use crate::words::{Usage, say};
use crate::{input, targets, zh};

/// Opens so many connections, one after the other, and reports them.
pub(crate) fn connect(options: &Options, count: u32) -> Result<Status, Usage> {
    let catalog = input::catalog(options.catalog.as_deref())?;
    let (residency, service): (Residency, Service) =
        targets::for_connect(&catalog, &options.regions, options.services.as_deref())?;
    let output = Output::open(options.output.as_deref())?;
    let mut network = Network::new(options)?;
    let connected = run::on_runtime(async {
        network.find_nat64(options).await?;
        open_all(&network, &catalog, residency, service, count, options).await
    })?;
    let now = SystemTime::now();
    let (records, style) = (&connected.records, output.style());
    let text = match args::format(options, options.output.as_deref()) {
        Format::Json => easelect_report::connects_json(records, options.lang, now),
        _ => easelect_report::connects_table(records, options.lang, style, now),
    };
    output.write(&text)?;
    Ok(match connected.interrupted {
        true => Status::Inconclusive,
        false if records.iter().all(|one| one.ok) => Status::Usable,
        false => Status::Unusable,
    })
}

/// The result of opening connections.
struct Connected {
    records: Vec<ConnectRecord>,
    /// Whether a signal ended it.
    interrupted: bool,
}

/// Opens `count` connections, one after the other.
async fn open_all(
    network: &Network,
    catalog: &Catalog,
    residency: Residency,
    service: Service,
    count: u32,
    options: &Options,
) -> Result<Connected, Usage> {
    warn_of_pins(&catalog.group(&residency, service)?, options);
    let mut builder = Selector::builder(residency)
        .service(service)
        .catalog(catalog.clone())
        .dialer(network.dialer.clone())
        .deadline(options.deadline);
    if let Some(file) = &options.history {
        let store = input::history(file)?;
        if let Err(error) = store.load() {
            let warning = say(
                format!("warning: {error}; starting with an empty history"),
                format!("警告：{}；本次从空的历史开始", zh::chinese(&error)),
            );
            warn(&warning, options);
        }
        builder = builder.history(store);
    }
    if let Some(id) = &options.network {
        builder = builder.network(id);
    }
    let selector = builder.build()?;
    let bar = bar();
    bar.set_length(u64::from(count));
    let mut interrupted = std::pin::pin!(interrupted());
    let (mut records, mut is_interrupted) = (Vec::new(), false);
    for _ in 0..count {
        let connected = tokio::select! {
            biased;
            () = &mut interrupted => None,
            connected = selector.connect() => Some(connected),
        };
        let Some(connected) = connected else {
            let stopped = say("interrupted", "已中断").of(options.lang).to_owned();
            records.push(ConnectRecord::failed(stopped, Vec::new()));
            is_interrupted = true;
            break;
        };
        let proxy = match &connected {
            Ok(opened) => network.dialer.peer(opened.endpoint()).proxy,
            Err(_) => network.dialer.proxy(),
        };
        let mut record = match &connected {
            Ok(connection) => ConnectRecord::opened(
                connection.url(),
                connection.address(),
                connection.time_to_open(),
                connection.timings(),
                connection.attempts().to_vec(),
            ),
            Err(error) => {
                let (took, attempts) = (error.elapsed(), error.attempts().to_vec());
                let why = if error.is_timeout() {
                    "已到时限"
                } else {
                    "全部失败"
                };
                let zh = format!("{took:.1?} 内未能连上任何接入地址（{why}）");
                let told = say(error.to_string(), zh);
                ConnectRecord::failed(told.of(options.lang).to_owned(), attempts)
            }
        };
        record.proxy = proxy.map(ToString::to_string);
        records.push(record);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Err(error) = selector.shutdown().await {
        let warning = say(
            format!("warning: what this run learned could not be saved: {error}"),
            format!("警告：本次学到的内容未能保存：{}", zh::chinese(&error)),
        );
        warn(&warning, options);
    }
    Ok(Connected {
        records,
        interrupted: is_interrupted,
    })
}
