//! The request of a REST probe: a `GET` of the endpoint's path, without credentials or body.

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

/// Checks the response. Over verified TLS, any status from 200 to 499 means that the service is
/// there: the API has no health path, and its root answers 404. A 101 is an error, since the request
/// has no `Upgrade` (RFC 9110 §15.2.2).
pub(super) fn check(head: &Head) -> Result<(), Failure> {
    let failure = |kind| Failure::new(Phase::Processing, kind).with_status(head.status);
    match head.status {
        200..500 => Ok(()),
        500.. => Err(failure(FailureKind::ServerError).with_retry_after(head.retry_after())),
        _ => Err(failure(FailureKind::Other).with_message("no upgrade was requested")),
    }
}
