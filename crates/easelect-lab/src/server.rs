//! A server's task: one connection, from its acceptance to the end of the TLS handshake.

use std::io;
use std::sync::atomic::Ordering;

use rustls::HandshakeKind;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use tokio_rustls::LazyConfigAcceptor;

use crate::certificates::{Shown, Spoken, name_of};
use crate::fault::Fault;
use crate::http;
use crate::log::EventKind;
use crate::pipe::Stream;
use crate::tls::Tls;
use crate::visit::{Visit, drain};

/// A record with a fatal alert (RFC 8446 §6): handshake_failure.
const HANDSHAKE_FAILURE: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
/// The same with unrecognized_name.
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];
/// The same with insufficient_security.
const INSUFFICIENT_SECURITY: &[u8] = &[21, 3, 3, 0, 2, 2, 71];
/// A ServerHello (RFC 4346 §7.4.1.3) of TLS 1.1: version 3.2, a random, no session,
/// TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
const OLD_SERVER_HELLO: &[u8] = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
    the randomness of a TLS1.1 hello\x00\x00\x2f\x00";
/// A handshake record whose ServerHello is 4 bytes long.
const NO_SERVER_HELLO: &[u8] = &[22, 3, 3, 0, 8, 2, 0, 0, 4, 3, 3, 0, 0];
const GARBAGE: &[u8] = b"\x00\xff\x13\x37 neither TLS nor HTTP \x00\x80\r\n\r\n";
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
    Content-Length: 0\r\n\r\n";

/// Serves one connection until it ends.
pub(crate) async fn serve(visit: Visit, stream: Stream) {
    // An error means that the client is gone or didn't speak TLS. Dropping the stream closes it.
    let _ = accept(&visit, stream).await;
}

async fn accept(visit: &Visit, mut stream: Stream) -> io::Result<()> {
    match visit.route.fault() {
        Fault::ResetOnAccept => {
            visit.reset_on_drop();
            return Ok(());
        }
        Fault::CloseOnAccept => return Ok(()),
        _ => {}
    }
    stream.readable().await;
    let answer = match visit.route.fault() {
        Fault::ResetOnHello => {
            visit.reset_on_drop();
            return Ok(());
        }
        Fault::CloseAfterHello => return Ok(()),
        Fault::SilentTls => return drain(&mut stream).await,
        Fault::GarbageTls => Some(GARBAGE),
        Fault::PlainHttp => Some(PLAIN_HTTP),
        Fault::TlsAlert => Some(HANDSHAKE_FAILURE),
        Fault::UnrecognizedName => Some(UNRECOGNIZED_NAME),
        Fault::NoCommonParameters => Some(INSUFFICIENT_SECURITY),
        Fault::OldTls => Some(OLD_SERVER_HELLO),
        Fault::BrokenTls => Some(NO_SERVER_HELLO),
        _ => None,
    };
    if let Some(answer) = answer {
        return stream.write_all(answer).await;
    }

    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    if let Some(delay) = visit.route.setting(|s| s.tls_delay) {
        sleep(delay).await;
    }
    let host = match hello.client_hello().server_name() {
        Some(name) => name.to_ascii_lowercase(),
        None => name_of(visit.address.ip()),
    };
    let shown = Shown::of(visit.route.fault());
    let version = visit.route.setting(|s| s.tls).unwrap_or_default();
    let early_data = visit.route.setting(|s| s.early_data).unwrap_or_default();
    let spoken = Spoken {
        version,
        early_data,
    };
    let config = visit.network.certificates.config(&host, shown, spoken);
    let config = config.map_err(io::Error::other)?;
    let mut stream = Tls::accept(hello.accepted, hello.io, config).await?;
    let kind = stream.handshake_kind();
    visit.network.handshakes.fetch_add(1, Ordering::Relaxed);
    visit.event(EventKind::TlsDone {
        host: host.clone(),
        resumed: kind == Some(HandshakeKind::Resumed),
    });
    match visit.route.fault() {
        Fault::CloseAfterTls => stream.shutdown().await,
        Fault::ResetAfterTls => {
            visit.reset_on_drop();
            Ok(())
        }
        _ => http::serve(visit, stream, &host).await,
    }
}
