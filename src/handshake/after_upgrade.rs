//! What a server does right after the upgrade.
//!
//! A gateway may send the 101 before it knows whether a backend answers, and a server may upgrade
//! every client and dismiss some afterwards. A probe that looked only at the 101 would report both as
//! ready.

use std::fmt;
use std::io;
use std::time::Duration;

use easelect_engine::shown::Escaped;
use futures::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How a server ended a WebSocket right after opening it.
///
/// All text is as the peer sent it: [escape](crate::shown) it before displaying it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterUpgrade {
    /// The server sent a Close frame (RFC 6455 §5.5.1).
    Close {
        /// The status code, if any (RFC 6455 §7.4).
        code: Option<u16>,
        /// The reason, at most 123 bytes; may be empty.
        reason: String,
    },
    /// The server closed the connection without a Close frame.
    Ended,
    /// The server reset the connection.
    Reset,
    /// The server sent something other than a WebSocket frame; the text describes the error.
    Garbage(String),
}

impl AfterUpgrade {
    /// Returns the stable identifier: `"close"`, `"ended"`, `"reset"` or `"garbage"`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            AfterUpgrade::Close { .. } => "close",
            AfterUpgrade::Ended => "ended",
            AfterUpgrade::Reset => "reset",
            AfterUpgrade::Garbage(_) => "garbage",
        }
    }
}

display_identifier!(AfterUpgrade);

impl fmt::Debug for AfterUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            AfterUpgrade::Close { code, reason } => write!(f, "({code:?}, {:?})", Escaped(reason)),
            AfterUpgrade::Garbage(why) => write!(f, "({:?})", Escaped(why)),
            AfterUpgrade::Ended | AfterUpgrade::Reset => Ok(()),
        }
    }
}

/// Waits up to `patience` for the first message. `None` if the server sends nothing, or a proper
/// message.
pub(super) async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut WebSocketStream<S>,
    patience: Duration,
) -> Option<AfterUpgrade> {
    let said = match patience.is_zero() {
        // A timer takes at least a millisecond, and waking an idle core slows down the next attempt.
        true => stream.next().now_or_never()?,
        false => tokio::time::timeout(patience, stream.next()).await.ok()?,
    };
    match said {
        Some(Ok(Message::Close(frame))) => Some(match frame {
            Some(frame) => AfterUpgrade::Close {
                code: Some(frame.code.into()),
                reason: frame.reason.as_str().to_owned(),
            },
            None => AfterUpgrade::Close {
                code: None,
                reason: String::new(),
            },
        }),
        Some(Ok(_)) => None,
        None => Some(AfterUpgrade::Ended),
        Some(Err(error)) => Some(match error {
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => AfterUpgrade::Ended,
            // A long first message is not a fault.
            Error::Capacity(_) => return None,
            Error::Io(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => AfterUpgrade::Ended,
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => AfterUpgrade::Reset,
                _ => AfterUpgrade::Garbage(error.to_string()),
            },
            other => AfterUpgrade::Garbage(other.to_string()),
        }),
    }
}
