//! Blocking REST requests.

use std::ops::Deref;

use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::Bytes;

use super::worker::Worker;
use crate::selector::{self, RestError, RestRequest};

/// A [`Rest`](crate::Rest) client whose `send` blocks. It dereferences to that type, which creates the
/// requests. Cheap to clone.
///
/// # Example
///
/// ```no_run
/// # fn example(selector: &easelect::blocking::Selector) -> Result<(), Box<dyn std::error::Error>> {
/// let rest = selector.rest()?;
/// let request = rest.get("/my-org/my-app/users/alice").bearer_auth("the app's token");
/// let answer = rest.send(request)?;
/// if answer.status() == 200 {
///     println!("{}", answer.text()?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Rest {
    rest: selector::Rest,
    worker: Worker,
}

impl Rest {
    pub(super) fn new(worker: &Worker, rest: selector::Rest) -> Self {
        let worker = worker.clone();
        Rest { rest, worker }
    }

    /// Sends a request and waits for the head of the response.
    ///
    /// # Errors
    ///
    /// Those of [`RestRequest::send`].
    pub fn send(&self, request: RestRequest) -> Result<RestResponse, RestError> {
        Ok(RestResponse {
            answer: self.worker.wait(request.send())?,
            worker: self.worker.clone(),
        })
    }
}

impl Deref for Rest {
    type Target = selector::Rest;

    fn deref(&self) -> &selector::Rest {
        &self.rest
    }
}

/// The head of a response to a REST request. It dereferences to the asynchronous
/// [`RestResponse`](crate::RestResponse) for status, headers and endpoint.
#[derive(Debug)]
pub struct RestResponse {
    answer: selector::RestResponse,
    worker: Worker,
}

impl RestResponse {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// Those of [`RestResponse::bytes`](crate::RestResponse::bytes).
    pub fn bytes(self) -> Result<Bytes, RestError> {
        self.worker.wait(self.answer.bytes())
    }

    /// Reads the body as text.
    ///
    /// # Errors
    ///
    /// Those of [`RestResponse::text`](crate::RestResponse::text).
    pub fn text(self) -> Result<String, RestError> {
        self.worker.wait(self.answer.text())
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// Those of [`RestResponse::json`](crate::RestResponse::json).
    pub fn json<T: DeserializeOwned + Send + 'static>(self) -> Result<T, RestError> {
        self.worker.wait(self.answer.json())
    }
}

impl Deref for RestResponse {
    type Target = selector::RestResponse;

    fn deref(&self) -> &selector::RestResponse {
        &self.answer
    }
}
