//! What a server does right after the upgrade.
//!
//! A gateway may say 101 before it knows whether anything behind it answers; a server may upgrade
//! everyone and send some away. Whoever only looks at the 101 takes both for ready.

use std::fmt;
use std::io;
use std::time::Duration;

use easelect_engine::shown::Escaped;
use futures::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How a server ended a WebSocket as soon as it was open.
///
/// All text is as the peer wrote it: [escape](crate::shown) it before showing it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterUpgrade {
    /// It sent a Close frame (RFC 6455 §5.5.1).
    Close {
        /// The status code (RFC 6455 §7.4), if there was one.
        code: Option<u16>,
        /// The reason, of at most 123 bytes.
        reason: String,
    },
    /// It ended the connection without a Close frame.
    Ended,
    /// It reset the connection.
    Reset,
    /// It sent what is no WebSocket frame; what is wrong with it.
    Garbage(String),
}

impl AfterUpgrade {
    /// The stable identifier: `"close"`, `"ended"`, `"reset"`, `"garbage"`.
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

/// Waits for the first thing that the server says, no longer than `patience`; nothing where it says
/// nothing or something proper.
pub(super) async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut WebSocketStream<S>,
    patience: Duration,
) -> Option<AfterUpgrade> {
    let said = match patience.is_zero() {
        // A timer waits a millisecond at least, and a core that slept is slow at the next attempt.
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
            // A long first message is no fault.
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
