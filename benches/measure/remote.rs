//! The loopback server as another process, so that only the client's cost is counted.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use easelect::{Catalog, CatalogFormat, Endpoint, PinnedHost, Region, Service};
use rustls::pki_types::CertificateDer;

use crate::support::{Behaviour, Server};

/// Makes the bench a server.
const SERVE: &str = "--serve";

/// Makes the server resume no sessions, so that every client makes full handshakes.
const WITHOUT_SESSIONS: &str = "--without-sessions";

/// Makes the process run this many servers, each at its own address.
const CROWD: &str = "--crowd";

/// A server in a child process, which is killed when this is dropped.
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    pub(crate) root: CertificateDer<'static>,
    child: Option<Child>,
    _alive: Option<ChildStdin>,
}

impl Remote {
    /// Starts a server with delays before its ServerHello and its answers.
    pub(crate) fn start(tls_delay: Duration, answer_delay: Duration) -> Self {
        Self::with(&[], tls_delay, answer_delay)
    }

    /// Starts a server with a delay before its answers, which resumes no sessions.
    pub(crate) fn without_sessions(answer_delay: Duration) -> Self {
        Self::with(&[WITHOUT_SESSIONS], Duration::ZERO, answer_delay)
    }

    /// Starts servers in one process, each at its own address of 127.0.0.0/8 (Linux only). The process is
    /// killed when the first of them is dropped.
    pub(crate) fn crowd(count: usize, tls_delay: Duration, answer_delay: Duration) -> Vec<Self> {
        Self::spawn(&[CROWD, &count.to_string()], tls_delay, answer_delay, count)
    }

    fn with(flags: &[&str], tls_delay: Duration, answer_delay: Duration) -> Self {
        Self::spawn(flags, tls_delay, answer_delay, 1).remove(0)
    }

    fn spawn(
        flags: &[&str],
        tls_delay: Duration,
        answer_delay: Duration,
        count: usize,
    ) -> Vec<Self> {
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
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let lines = output.lines().take(count);
        let mut servers: Vec<Remote> = lines
            .map(|line| Self::from_line(&line.expect("a line")))
            .collect();
        servers[0]._alive = child.stdin.take();
        servers[0].child = Some(child);
        servers
    }

    /// Returns a server that another process has started, from its [`line`](Self::line).
    pub(crate) fn from_line(line: &str) -> Self {
        let (address, root) = line.split_once(' ').expect("an address and a root");
        let root = BASE64.decode(root.as_bytes()).expect("a certificate");
        Self::at(address.parse().expect("an address"), root.into())
    }

    /// Describes the server for another process.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.address, BASE64.encode(&self.root))
    }

    /// Returns a server that another process has started.
    pub(crate) fn at(address: SocketAddr, root: CertificateDer<'static>) -> Self {
        Remote {
            address,
            root,
            child: None,
            _alive: None,
        }
    }

    /// Returns the server's endpoint, and its address as a pinned host.
    pub(crate) fn endpoint(&self) -> (Endpoint, PinnedHost) {
        let port = self.address.port();
        let url = format!("wss://localhost:{port}/ws");
        let region = Region::new("own").expect("a good name");
        let endpoint = Endpoint::new(region, Service::Websocket, &url).expect("a good URL");
        (
            endpoint,
            PinnedHost::new("localhost", port, vec![self.address.ip()]),
        )
    }

    /// Returns a catalogue in which the server is the only endpoint of the region `own`.
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
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Serves until the parent process ends, if this process was started for that. `main` calls it first.
pub(crate) fn serve_if_asked() -> bool {
    let mut arguments = std::env::args().skip_while(|one| one != SERVE).skip(1);
    let mut delay = || {
        let micros = arguments.next()?.parse().ok()?;
        Some(Duration::from_micros(micros))
    };
    let (Some(tls_delay), Some(answer_delay)) = (delay(), delay()) else {
        return false;
    };
    let mut crowd = std::env::args().skip_while(|one| one != CROWD).skip(1);
    let crowd: Option<u8> = crowd.next().and_then(|count| count.parse().ok());
    let runtime = super::runtime();
    let servers: Vec<Server> = runtime.block_on(async {
        let mut servers = Vec::new();
        for n in 0..crowd.unwrap_or(1) {
            let behaviour = Behaviour {
                tls_delay,
                answer_delay,
                exact_delays: true,
                no_sessions: std::env::args().any(|one| one == WITHOUT_SESSIONS),
                at: crowd.map(|_| Ipv4Addr::new(127, 0, 1, n + 1)),
                ..Behaviour::default()
            };
            servers.push(Server::start(behaviour).await);
        }
        servers
    });
    for server in &servers {
        println!("{} {}", server.address, BASE64.encode(&server.root));
    }
    // Their tasks run while the parent lives.
    runtime.block_on(async {
        let until_closed = || std::io::stdin().read_to_end(&mut Vec::new());
        let _ = tokio::task::spawn_blocking(until_closed).await;
    });
    true
}
