//! Sends REST requests: with reqwest, directed to the best address and through the dialer's proxy; or,
//! over a custom connector, as HTTP/1.1 on a connection that a race opened.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use easelect_engine::health::Severity;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use http::header::{CONNECTION, HOST, HeaderValue};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use reqwest::dns::{Addrs, Name, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Body, Response, Url};
use tokio::runtime::{self, Handle};

use super::request::Asked;
use super::{RestError, RestErrorKind};
use crate::catalog::Endpoint;
use crate::connect::failure_of;
use crate::dialer::{Dialer, Found};
use crate::failure::{Failure, FailureKind};
use crate::handshake::Nothing;
use crate::resolve::Family;
use crate::selector::events::is_gateway_trouble;
use crate::selector::{Inner, Selector, lock, memory};

/// TCP would try a dead address for minutes. reqwest divides this time among the addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// RFC 8305 §3.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Reused connections on the current network.
///
/// They belong to the runtime that opened them. Requests on another runtime open new ones.
pub(super) struct Transport(Mutex<Option<(runtime::Id, Arc<dyn Client>)>>);

/// reqwest's client, behind a trait so that an app that makes no request doesn't link reqwest just to
/// drop it.
trait Client: Send + Sync {
    fn execute(&self, request: reqwest::Request) -> BoxFuture<'static, reqwest::Result<Response>>;
}

impl Client for reqwest::Client {
    fn execute(&self, request: reqwest::Request) -> BoxFuture<'static, reqwest::Result<Response>> {
        Box::pin(reqwest::Client::execute(self, request))
    }
}

impl Transport {
    pub(super) fn new() -> Self {
        Transport(Mutex::new(None))
    }

    /// Stops reusing the open connections, which belong to another network or may be dead.
    pub(super) fn forget_connections(&self) {
        *lock(&self.0) = None;
    }

    /// Sends a request to a URL of this endpoint and waits for the head of the response. The caller has
    /// checked the URL and enforces the timeout.
    pub(super) async fn send(
        &self,
        selector: &Selector,
        endpoint: &Endpoint,
        url: &Url,
        asked: &Asked,
    ) -> Result<Response, RestError> {
        let mut request = reqwest::Request::new(asked.method.clone(), url.clone());
        *request.headers_mut() = asked.headers.clone();
        *request.body_mut() = asked.body.clone().map(Body::from);
        let options = selector.0.rest.as_ref().map(|rest| &rest.options);
        if let Some(send) = options.and_then(|options| options.own_streams)
            && !selector.0.racer.dialer().is_tcp()
        {
            return send(selector, endpoint, url, asked).await;
        }
        let client = self.client(selector)?;
        let through_proxy = selector.0.racer.dialer().peer(endpoint).proxy.is_some();
        let executed = client.execute(request).await;
        executed.map_err(|error| {
            let kind = match (error.is_builder(), error.is_connect(), error.is_timeout()) {
                (true, ..) => RestErrorKind::Request,
                (_, true, _) => RestErrorKind::Unreachable,
                (.., true) => RestErrorKind::TimedOut,
                _ => RestErrorKind::Interrupted,
            };
            let failed = RestError::new(kind, told(&error));
            match kind {
                RestErrorKind::Request => failed,
                RestErrorKind::Unreachable => failed.of_endpoint(severity(&error, through_proxy)),
                _ => failed.sent().of_endpoint(Severity::Soft),
            }
        })
    }

    fn client(&self, selector: &Selector) -> Result<Arc<dyn Client>, RestError> {
        let here = Handle::current().id();
        let mut client = lock(&self.0);
        if let Some((runtime, client)) = &*client
            && *runtime == here
        {
            return Ok(Arc::clone(client));
        }
        let built = build(selector);
        let built = built.map_err(|error| {
            let why = format!("reqwest refused the TLS configuration: {}", told(&error));
            RestError::new(RestErrorKind::Request, why)
        })?;
        let built: Arc<dyn Client> = Arc::new(built);
        *client = Some((here, Arc::clone(&built)));
        Ok(built)
    }
}

fn build(selector: &Selector) -> reqwest::Result<reqwest::Client> {
    let dialer = selector.0.racer.dialer().clone();
    let proxy = dialer.proxy().cloned();
    let way = reqwest::Proxy::custom(move |target| {
        let proxy = proxy.as_ref()?;
        let (host, port) = (target.host_str()?, target.port_or_known_default()?);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        proxy.covers(host, port).then(|| proxy.secret_url())
    });
    let config = rustls::ClientConfig::clone(&dialer.tls().here());
    let selector = Arc::downgrade(&selector.0);
    reqwest::Client::builder()
        .no_proxy()
        .proxy(way)
        // The caller follows redirects, because their targets must be checked like every URL.
        .redirect(Policy::none())
        .https_only(true)
        .tls_backend_preconfigured(config)
        .dns_resolver(Arc::new(Steer { selector, dialer }))
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
}

/// Sends a request to a URL of this endpoint over a custom connector. A function pointer, so that only
/// apps that use it link it.
pub(super) type SendOverStreams = for<'a> fn(
    &'a Selector,
    &'a Endpoint,
    &'a Url,
    &'a Asked,
) -> BoxFuture<'a, Result<Response, RestError>>;

pub(super) fn send_over_own_streams<'a>(
    selector: &'a Selector,
    endpoint: &'a Endpoint,
    url: &'a Url,
    asked: &'a Asked,
) -> BoxFuture<'a, Result<Response, RestError>> {
    Box::pin(send_over_a_stream(selector, endpoint, url, asked))
}

/// Sends it on a connection of its own, opened by a race among the endpoint's addresses.
async fn send_over_a_stream(
    selector: &Selector,
    endpoint: &Endpoint,
    url: &Url,
    asked: &Asked,
) -> Result<Response, RestError> {
    let inner = &selector.0;
    let Some(rest) = &inner.rest else {
        return Err(RestError::new(
            RestErrorKind::Unreachable,
            "no REST endpoint",
        ));
    };
    let only = vec![endpoint.clone()];
    let width = selector.policy().width();
    let opened = inner.race(&rest.view, only, Nothing, width).await;
    let (stream, opening, _) = opened.map_err(RestError::unreachable)?;
    let failed = |error: hyper::Error| {
        RestError::new(RestErrorKind::Interrupted, told(&error))
            .sent()
            .of_endpoint(Severity::Soft)
    };
    let shaken =
        http1::handshake::<_, Full<tokio_tungstenite::tungstenite::Bytes>>(TokioIo::new(stream));
    let (mut sender, connection) = shaken.await.map_err(failed)?;
    // Ends with the body, or when the response is dropped.
    tokio::spawn(connection);
    let refused = |error: http::Error| RestError::new(RestErrorKind::Request, error);
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let body = Full::new(asked.body.clone().unwrap_or_default());
    let request = http::Request::builder()
        .method(&asked.method)
        .uri(target)
        .body(body);
    let mut request = request.map_err(refused)?;
    *request.headers_mut() = asked.headers.clone();
    let host =
        HeaderValue::from_str(&endpoint.authority()).map_err(|error| refused(error.into()))?;
    request.headers_mut().insert(HOST, host);
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    let answer = sender.send_request(request).await.map_err(failed)?;
    if !is_gateway_trouble(answer.status().as_u16()) {
        selector.rest_endpoint_answered(endpoint, opening.address);
    }
    Ok(Response::from(answer.map(Body::wrap)))
}

/// What a failure to connect says about the endpoint. As in a race, trouble with the device's own
/// network or a proxy is not its fault.
fn severity(error: &reqwest::Error, through_proxy: bool) -> Severity {
    let mut cause = error.source();
    while let Some(error) = cause {
        cause = error.source();
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return memory::severity(failure);
        }
        // Skips wrappers, whose cause comes next.
        let Some(error) = error.downcast_ref::<io::Error>() else {
            continue;
        };
        let inner = error.get_ref();
        match inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            true => return Severity::Hard,
            false if failure_of(error).is_local() => return Severity::Elsewhere,
            false => {}
        }
    }
    match through_proxy {
        true => Severity::Elsewhere,
        false => Severity::Soft,
    }
}

/// The message of an error with its causes, without the URL, whose path and query are the app's data.
pub(super) fn told(error: &(dyn StdError + 'static)) -> String {
    let mut text = match error.downcast_ref::<reqwest::Error>() {
        // "error sending request for url (…)"
        Some(error) if error.source().is_some() => String::new(),
        Some(_) => "the request failed".to_owned(),
        None => error.to_string(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        if !text.is_empty() {
            text += ": ";
        }
        text += &error.to_string();
        cause = error.source();
    }
    text
}

/// Answers reqwest's DNS lookups, of an endpoint's host or the proxy, with the best address first. It
/// does not keep the selector alive.
struct Steer {
    selector: Weak<Inner>,
    dialer: Dialer,
}

impl reqwest::dns::Resolve for Steer {
    fn resolve(&self, name: Name) -> Resolving {
        let (selector, dialer) = (Weak::clone(&self.selector), self.dialer.clone());
        Box::pin(async move {
            let inner = selector.upgrade().ok_or("the selector is gone")?;
            let epoch = inner.learner.epoch();
            let rest = inner.rest.as_ref().ok_or("no REST endpoint")?;
            let mut endpoints = rest.view.endpoints().iter();
            let endpoint = endpoints.find(|one| dialer.peer(one).host == name.as_str());
            let endpoint = endpoint.ok_or("no REST endpoint of this residency")?;
            let port = dialer.peer(endpoint).port;
            let mut addresses = addresses(&inner, endpoint).await?;
            let mut memory = inner.learner.memory();
            for family in dialer.families().list() {
                let of = |ip: &&IpAddr| Family::of(**ip) == *family;
                let addresses: Vec<IpAddr> = addresses.iter().filter(of).copied().collect();
                // An empty list means that the other family was not awaited.
                if !addresses.is_empty() {
                    let found = Found {
                        addresses,
                        left_out: 0,
                    };
                    memory.list(endpoint, *family, &Ok(found), epoch);
                }
            }
            addresses.sort_by_cached_key(|ip| {
                let candidate = (endpoint.clone(), SocketAddr::new(*ip, port));
                let forecast = memory.expect(&candidate, None);
                (
                    forecast.breaker_open,
                    Duration::from_secs_f64(forecast.cost_ms() / 1e3),
                )
            });
            // reqwest uses the port of the URL or of the proxy.
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

/// The addresses of an endpoint's peer in all families, or why there are none.
async fn addresses(inner: &Inner, endpoint: &Endpoint) -> Result<Vec<IpAddr>, Failure> {
    let (look_ups, dialer) = (inner.racer.answers().look_ups(), inner.racer.dialer());
    let (families, timeout) = (dialer.families().list().iter(), dialer.attempt_timeout());
    let asked = families.map(|family| look_ups.look_up(endpoint, *family, timeout, Duration::MAX));
    let mut asked: FuturesUnordered<_> = asked.collect();
    let (mut found, mut failed) = (Vec::new(), None);
    loop {
        // RFC 8305 §3: once one family is answered, the other gets only a short delay.
        let looked_up = match found.is_empty() {
            true => asked.next().await,
            false => match tokio::time::timeout(RESOLUTION_DELAY, asked.next()).await {
                Ok(looked_up) => looked_up,
                Err(_) => break,
            },
        };
        let Some(looked_up) = looked_up else { break };
        match looked_up.outcome {
            Ok(answer) => found.extend(answer.addresses),
            // A missing address in one family doesn't hide another failure in the other.
            Err(failure) if failed.is_some() && failure.kind() == FailureKind::NoAddress => {}
            Err(failure) => failed = Some(failure),
        }
    }
    match failed {
        Some(failure) if found.is_empty() => Err(failure),
        _ => Ok(found),
    }
}
