//! Tunnels through an HTTP proxy with `CONNECT` (RFC 9110 §9.3.6).

use data_encoding::BASE64;

use super::proxy_stream::{broken, closed, failure, send};
use super::{USER_AGENT, response_head};
use crate::connect::ByteStream;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;
use crate::proxy::{Proxy, authority};

/// Sends `CONNECT`. Returns the bytes after the proxy's response, which already come from the host.
pub(super) async fn connect(
    io: &mut ByteStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<Vec<u8>, Failure> {
    let to = authority(host, port);
    let mut request =
        format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: {USER_AGENT}\r\n");
    if let Some(one) = proxy.credentials() {
        let basic = BASE64.encode(format!("{}:{}", one.user, one.password).as_bytes());
        request.push_str(&format!("Proxy-Authorization: Basic {basic}\r\n"));
    }
    request.push_str("\r\n");
    let sent = send(io, request.as_bytes()).await;
    let head = match (response_head::read(io, Phase::Proxy).await, sent) {
        (Ok(head), _) => head,
        // A proxy that refuses may close before it has read everything; its response takes
        // precedence.
        (Err(ended), Err(error)) if ended.kind() == FailureKind::Closed => {
            return Err(broken(&error));
        }
        (Err(ended), _) => return Err(answerless(ended)),
    };
    let kind = match head.status {
        200..300 => return Ok(head.rest),
        407 => FailureKind::AuthRequired,
        _ => FailureKind::Rejected,
    };
    let failure = failure(kind).with_status(head.status);
    Err(match head.reason.as_str() {
        "" => failure,
        reason => failure.with_message(reason),
    })
}

/// The failure if no complete response head arrived.
fn answerless(ended: Failure) -> Failure {
    match ended.kind() {
        FailureKind::NotHttp => {
            failure(FailureKind::NotAProxy).with_message("the answer is not HTTP")
        }
        FailureKind::TooLarge => {
            failure(FailureKind::NotAProxy).with_message("the answer is too long")
        }
        FailureKind::Closed => closed(),
        FailureKind::Timeout => ended,
        _ => match ended.message() {
            Some(message) => failure(FailureKind::Other).with_message(message),
            None => failure(FailureKind::Other),
        },
    }
}
