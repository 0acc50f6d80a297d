//! The program's entry point: logs, signals, exit status.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use easelect::{Error, ErrorKind};
use tokio::net::TcpListener;

use crate::args::{self, Options};
use crate::exporter::Exporter;
use crate::network::Network;
use crate::server::serve;

/// Runs the program with the process's arguments, until SIGTERM or Ctrl-C.
///
/// The exit status is 0 after a shutdown, a successful `--config.check`, `--help` or `--version`; 2 if the
/// arguments or the configuration are wrong; 1 if the exporter cannot start, as when the address is in use.
#[must_use]
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let options = match args::parse(args) {
        Ok(options) => options,
        Err(Ok(text)) => {
            print(&mut std::io::stdout(), &text);
            return ExitCode::SUCCESS;
        }
        Err(Err(why)) => return wrong(&why),
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(options.level)
        .with_ansi(false)
        .init();
    let network = match &options.lab {
        Some(name) => Network::simulated(name),
        None => Ok(Network::Real),
    };
    let exporter = network.and_then(|network| Exporter::new(options.settings.clone(), network));
    let exporter = match exporter {
        Ok(exporter) => Arc::new(exporter),
        Err(error) => return wrong(&error.to_string()),
    };
    if options.only_check {
        print(&mut std::io::stdout(), "The configuration is valid.\n");
        return ExitCode::SUCCESS;
    }
    match on_runtime(run(options, exporter)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            ExitCode::from(1)
        }
    }
}

fn wrong(why: &str) -> ExitCode {
    print(&mut std::io::stderr(), &format!("{}\n", why.trim_end()));
    ExitCode::from(2)
}

fn print(to: &mut dyn std::io::Write, text: &str) {
    // The reader may have closed the pipe.
    let _ = to.write_all(text.as_bytes());
}

fn on_runtime(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    // One thread: a probe takes less than a millisecond of processor time, and waking another thread for it
    // costs more, also in memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(ErrorKind::Runtime, error))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

async fn run(options: Options, exporter: Arc<Exporter>) -> Result<(), Error> {
    let signals = Signals::new()?;
    let listener = listen(&options.listen).await?;
    if let Ok(address) = listener.local_addr() {
        let version = env!("CARGO_PKG_VERSION");
        let file = options.settings.file.as_ref();
        let config = file.map(|file| file.display().to_string());
        tracing::info!(%address, version, lab = options.lab, config, "listening");
    }
    let reloading = Arc::clone(&exporter);
    let watching = Arc::clone(&exporter);
    let ended = signals.ended(move || {
        let exporter = Arc::clone(&reloading);
        // `reload` logs its own errors.
        tokio::task::spawn_blocking(move || drop(exporter.reload()));
    });
    let serving = serve(listener, exporter, options.limits, ended);
    tokio::select! {
        () = serving => {}
        () = watching.watch() => {}
    }
    tracing::info!("stopped");
    Ok(())
}

async fn listen(addresses: &[SocketAddr]) -> Result<TcpListener, Error> {
    let mut last = None;
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(format!("{address}: {error}")),
        }
    }
    Err(Error::new(ErrorKind::Input, last.unwrap_or_default()))
}

/// The signals that the program handles: SIGHUP reloads, SIGTERM stops; other systems have Ctrl-C only.
struct Signals {
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};

            let on = |kind| signal(kind).map_err(|error| Error::new(ErrorKind::Runtime, error));
            Ok(Signals {
                hang_up: on(SignalKind::hangup())?,
                terminate: on(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Signals {})
    }

    /// Waits for SIGTERM or Ctrl-C, and calls `reload` at each SIGHUP until then.
    async fn ended(self, reload: impl Fn()) {
        #[cfg(unix)]
        {
            let Signals {
                mut hang_up,
                mut terminate,
            } = self;
            loop {
                tokio::select! {
                    _ = terminate.recv() => return,
                    () = interrupted() => return,
                    Some(()) = hang_up.recv() => reload(),
                }
            }
        }
        #[cfg(not(unix))]
        {
            let Signals {} = self;
            let _ = reload;
            interrupted().await;
        }
    }
}

/// Waits for Ctrl-C, or for ever where the system offers no way to listen for it.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
