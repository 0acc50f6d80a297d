//! A REST endpoint's probe: `GET /`, no credentials, no body.

use super::USER_AGENT;
use super::response_head::Head;
use crate::catalog::Endpoint;
use crate::failure::{Failure, FailureKind};
use crate::phase::Phase;

pub(super) fn request(endpoint: &Endpoint) -> Vec<u8> {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        endpoint.path(),
        endpoint.authority()
    )
    .into_bytes()
}

/// Any answer below 500 over verified TLS means that the service is there: the API has no health
/// path, and its root answers 404. A 101 answers what was not asked (RFC 9110 §15.2.2).
pub(super) fn check(head: &Head) -> Result<(), Failure> {
    let failure = |kind| Failure::new(Phase::Processing, kind).with_status(head.status);
    match head.status {
        200..500 => Ok(()),
        500.. => Err(failure(FailureKind::ServerError).with_retry_after(head.retry_after())),
        _ => Err(failure(FailureKind::Other).with_message("no upgrade was asked for")),
    }
}
