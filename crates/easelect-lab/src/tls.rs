//! The servers' TLS: rustls over a lab's stream.
//!
//! tokio-rustls returns a stream only when the handshake is complete. A server that accepts early data
//! answers it half a round trip before that (RFC 8446 §2.3).

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::Accepted;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::pipe::Stream;

/// The server's end of a TLS connection.
pub(crate) struct Tls {
    io: Stream,
    session: ServerConnection,
    /// Bytes of records that `io` has not accepted yet.
    unsent: Vec<u8>,
    closing: bool,
}

impl Tls {
    /// Answers a ClientHello, and waits for the end of the handshake unless there is early data to read.
    pub(crate) async fn accept(
        hello: Accepted,
        mut io: Stream,
        config: Arc<ServerConfig>,
    ) -> io::Result<Self> {
        let session = match hello.into_connection(config) {
            Ok(session) => session,
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                alert.write_all(&mut bytes)?;
                io.write_all(&bytes).await?;
                return Err(io::Error::other(error));
            }
        };
        let mut tls = Tls {
            io,
            session,
            unsent: Vec::new(),
            closing: false,
        };
        // The bytes read with the ClientHello may include early data.
        poll_fn(|cx| Poll::Ready(tls.process(cx))).await?;
        while tls.session.is_handshaking() && tls.session.early_data().is_none() {
            if poll_fn(|cx| tls.poll_receive(cx)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(tls)
    }

    pub(crate) fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.session.handshake_kind()
    }

    /// Whether everything read so far came as early data: the client's Finished has not arrived.
    pub(crate) fn is_early(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Sends the records that rustls has produced.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.unsent)?;
        }
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut self.io).poll_write(cx, &self.unsent))?;
            self.unsent.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and processes records, sends the answer, and returns the number of bytes read.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut source = Source {
            io: &mut self.io,
            cx,
        };
        match self.session.read_tls(&mut source) {
            Ok(length) => Poll::Ready(self.process(cx).map(|()| length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn process(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let processed = self.session.process_new_packets();
        // Tickets, or an alert. What can't be sent now is sent with the next write.
        if let Poll::Ready(sent) = self.poll_send(cx) {
            sent?;
        }
        processed.map(|_| ()).map_err(io::Error::other)
    }
}

/// The stream as rustls reads it: [`WouldBlock`](io::ErrorKind::WouldBlock) while it is pending.
struct Source<'a, 'b> {
    io: &'a mut Stream,
    cx: &'a mut Context<'b>,
}

impl Read for Source<'_, '_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(space);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buf) {
            Poll::Ready(read) => read.map(|()| buf.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let space = buf.initialize_unfilled();
            if let Some(mut early) = self.session.early_data() {
                let read = early.read(space)?;
                if read > 0 {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
            }
            match self.session.reader().read(space) {
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_receive(cx))?;
        }
    }
}

impl AsyncWrite for Tls {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let written = self.session.writer().write(buf)?;
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(written)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            self.session.send_close_notify();
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
