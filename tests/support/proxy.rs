//! Real proxies on loopback, good and bad: HTTP `CONNECT` and SOCKS5.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;

use crate::support::{Open, none_open};

/// What a [`Relay`] does with a client.
#[derive(Clone)]
pub(crate) enum Manner {
    /// `CONNECT`, for clients with this value of `Proxy-Authorization`.
    Http(Option<&'static str>),
    /// The same inside TLS, with a certificate as the support server has it.
    Https(Option<&'static str>, TlsAcceptor),
    /// SOCKS5, for clients with this user and password.
    Socks5(Option<(&'static str, &'static str)>),
    /// Sends these bytes and leaves the connection open.
    Says(Vec<u8>),
    /// Sends these bytes and closes.
    Ends(Vec<u8>),
    /// Sends these bytes again and again.
    Endless(&'static [u8]),
    /// Sends nothing.
    Silent,
    /// Refuses, but only once this many clients are connected.
    Together(usize),
}

/// A proxy, which runs until it is dropped. It connects every request to the same server.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn start(manner: Manner, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (accepted, open) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let together = Arc::new(Barrier::new(match manner {
            Manner::Together(count) => count,
            _ => 1,
        }));
        let (record, counted, opened) =
            (Arc::clone(&asked), Arc::clone(&accepted), Arc::clone(&open));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let guard = Open::new(&opened);
                let (manner, asked) = (manner.clone(), Arc::clone(&record));
                let together = Arc::clone(&together);
                tokio::spawn(async move {
                    let _guard = guard;
                    // A client may go at any time; that is its right.
                    let _ = serve(stream, manner, server, &asked, &together).await;
                });
            }
        });
        Relay {
            address,
            asked,
            accepted,
            open,
            task,
        }
    }

    /// Returns the requested hosts and ports so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until no connection is open.
    pub(crate) async fn idle(&self) {
        none_open(&self.open).await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    manner: Manner,
    server: SocketAddr,
    asked: &Mutex<Vec<String>>,
    together: &Barrier,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let known = match manner {
        Manner::Https(who, acceptor) => {
            let mut client = acceptor.accept(client).await?;
            let known = http(&mut client, who).await?;
            return forward(client, known, server, asked).await;
        }
        Manner::Http(who) => http(&mut client, who).await?,
        Manner::Socks5(who) => socks5(&mut client, who).await?,
        Manner::Says(answer) => {
            let mut request = [0; 4096];
            let _ = client.read(&mut request).await?;
            client.write_all(&answer).await?;
            return drain(client).await;
        }
        Manner::Ends(answer) => {
            let mut request = [0; 4096];
            let _ = client.read(&mut request).await?;
            client.write_all(&answer).await?;
            return client.shutdown().await;
        }
        Manner::Endless(line) => loop {
            client.write_all(line).await?;
        },
        Manner::Silent => return drain(client).await,
        Manner::Together(_) => {
            together.wait().await;
            client.write_all(b"HTTP/1.1 502 No\r\n\r\n").await?;
            return drain(client).await;
        }
    };
    forward(client, known, server, asked).await
}

async fn forward(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    known: Option<String>,
    server: SocketAddr,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    if let Some(target) = known {
        asked.lock().unwrap().push(target);
        let mut server = TcpStream::connect(server).await?;
        server.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}

/// Runs until the client disconnects.
async fn drain(mut client: TcpStream) -> std::io::Result<()> {
    let mut sink = [0; 1024];
    while client.read(&mut sink).await? > 0 {}
    Ok(())
}

/// The requested target, if allowed.
async fn http(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    who: Option<&str>,
) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    let head = String::from_utf8(head).unwrap();
    let given = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .starts_with("proxy-authorization: ")
            .then(|| &line[21..])
    });
    if given != who {
        let wants = b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\n\r\n";
        client.write_all(wants).await?;
        return Ok(None);
    }
    let target = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
        .await?;
    Ok(target.map(str::to_owned))
}

async fn socks5(
    client: &mut TcpStream,
    who: Option<(&str, &str)>,
) -> std::io::Result<Option<String>> {
    let methods = counted(client, &[5]).await?;
    let wanted = if who.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        client.write_all(&[5, 0xff]).await?;
        return Ok(None);
    }
    client.write_all(&[5, wanted]).await?;
    if let Some((user, password)) = who {
        let given = (counted(client, &[1]).await?, counted(client, &[]).await?);
        let good = given == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
        client.write_all(&[1, u8::from(!good)]).await?;
        if !good {
            return Ok(None);
        }
    }
    // Names only, as expected from the library.
    let host = counted(client, &[5, 1, 0, 3]).await?;
    let port = client.read_u16().await?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await?;
    Ok(Some(format!("{}:{port}", String::from_utf8(host).unwrap())))
}

/// The bytes after `front` and a length byte.
async fn counted(client: &mut TcpStream, front: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut read = vec![0; front.len()];
    client.read_exact(&mut read).await?;
    assert_eq!(read, front, "what the client sent");
    let mut rest = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut rest).await?;
    Ok(rest)
}
