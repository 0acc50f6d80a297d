//! The loopback server in a process of its own, so that what is counted is the client's alone.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use easelect::{Catalog, CatalogFormat, Endpoint, Pin, Region, Service};
use rustls::pki_types::CertificateDer;

use crate::support::{Behaviour, Server};

/// Makes the process that was started with it a server.
const SERVE: &str = "--serve";

/// ... and one that never resumes a session, so that every client makes full handshakes.
const WITHOUT_SESSIONS: &str = "--without-sessions";

/// A server in a child process; it ends with this.
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    pub(crate) root: CertificateDer<'static>,
    child: Option<Child>,
    _alive: Option<ChildStdin>,
}

impl Remote {
    /// Answers TLS and requests after these delays.
    pub(crate) fn start(tls_delay: Duration, answer_delay: Duration) -> Self {
        Self::with(&[], tls_delay, answer_delay)
    }

    /// Answers requests after this delay, and resumes no sessions.
    pub(crate) fn without_sessions(answer_delay: Duration) -> Self {
        Self::with(&[WITHOUT_SESSIONS], Duration::ZERO, answer_delay)
    }

    fn with(flags: &[&str], tls_delay: Duration, answer_delay: Duration) -> Self {
        let itself = std::env::current_exe().expect("a running program has a path");
        let mut child = Command::new(itself)
            .arg(SERVE)
            .arg(tls_delay.as_micros().to_string())
            .arg(answer_delay.as_micros().to_string())
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench can start itself");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).unwrap();
        let (address, root) = line.trim().split_once(' ').expect("an address and a root");
        Remote {
            address: address.parse().unwrap(),
            root: BASE64.decode(root.as_bytes()).unwrap().into(),
            _alive: child.stdin.take(),
            child: Some(child),
        }
    }

    /// One that another process has started.
    pub(crate) fn at(address: SocketAddr, root: CertificateDer<'static>) -> Self {
        Remote {
            address,
            root,
            child: None,
            _alive: None,
        }
    }

    /// The server as an endpoint, and where it is.
    pub(crate) fn endpoint(&self) -> (Endpoint, Pin) {
        let port = self.address.port();
        let url = format!("wss://localhost:{port}/ws");
        let region = Region::new("own").expect("a good name");
        let endpoint = Endpoint::new(region, Service::Websocket, &url).expect("a good URL");
        (
            endpoint,
            Pin::new("localhost", port, vec![self.address.ip()]),
        )
    }

    /// A catalogue that has the server alone in its region, `own`.
    pub(crate) fn catalog(&self) -> Catalog {
        let text = format!(
            "[[region]]\nid = \"own\"\n[[endpoint]]\nregion = \"own\"\nservice = \"websocket\"\n\
             url = \"wss://localhost:{}/ws\"\n",
            self.address.port()
        );
        Catalog::builtin()
            .with_file(&text, CatalogFormat::Toml, "own.toml")
            .expect("a good catalogue")
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Serves until its parent goes, if this process was started for that; first thing in `main`.
pub(crate) fn serve_if_asked() -> bool {
    let mut arguments = std::env::args().skip_while(|one| one != SERVE).skip(1);
    let mut delay = || {
        let micros = arguments.next()?.parse().ok()?;
        Some(Duration::from_micros(micros))
    };
    let (Some(tls_delay), Some(answer_delay)) = (delay(), delay()) else {
        return false;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let behaviour = Behaviour {
        tls_delay,
        answer_delay,
        exact_delays: true,
        no_sessions: std::env::args().any(|one| one == WITHOUT_SESSIONS),
        ..Behaviour::default()
    };
    let server = runtime.block_on(Server::start(behaviour));
    println!("{} {}", server.address, BASE64.encode(&server.root));
    // The server's task runs while its parent lives.
    runtime.block_on(async {
        let until_closed = || std::io::stdin().read_to_end(&mut Vec::new());
        let _ = tokio::task::spawn_blocking(until_closed).await;
    });
    true
}
