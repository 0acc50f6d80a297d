//! Routes, query parameters, request headers, responses.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use easelect_report::ExpositionFormat;

use crate::exporter::{Exporter, Query, Refusal};
use crate::page::page;

/// Builds the routes.
pub(crate) fn router(exporter: Arc<Exporter>) -> Router {
    Router::new()
        .route("/", get(landing))
        .route("/probe", get(probe))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        // Always enabled, as in blackbox_exporter: it only reads the same file again.
        .route("/-/reload", post(reload).put(reload))
        .with_state(exporter)
}

async fn landing() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page()).into_response()
}

async fn healthy() -> &'static str {
    "Healthy\n"
}

/// Always ready: the server starts listening after it has loaded its configuration.
async fn ready() -> &'static str {
    "Ready\n"
}

async fn reload(State(exporter): State<Arc<Exporter>>) -> Response {
    // Off the only runtime thread: reading and parsing files would block other requests.
    let reloaded = tokio::task::spawn_blocking(move || exporter.reload()).await;
    match reloaded {
        Ok(Ok(())) => "Reloaded\n".into_response(),
        Ok(Err(error)) => wrong(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_) => wrong(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the reload failed unexpectedly",
        ),
    }
}

async fn metrics(State(exporter): State<Arc<Exporter>>, headers: HeaderMap) -> Response {
    let format = format(&headers);
    series(format.content_type(), exporter.metrics(format))
}

async fn probe(State(exporter): State<Arc<Exporter>>, uri: Uri, headers: HeaderMap) -> Response {
    let format = format(&headers);
    let mut query = match query(uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, &why),
    };
    match scrape_timeout(&headers) {
        Ok(timeout) => query.scrape_timeout = timeout,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, why),
    }
    match exporter.probe(&query, format).await {
        Ok(text) if query.debug => series("text/plain; charset=utf-8", text),
        Ok(text) => series(format.content_type(), text),
        Err(Refusal::Wrong(why)) => wrong(StatusCode::BAD_REQUEST, &why),
        Err(Refusal::Later(why)) => {
            let answer = wrong(StatusCode::SERVICE_UNAVAILABLE, &why);
            ([(RETRY_AFTER, "1")], answer).into_response()
        }
    }
}

fn series(content_type: &'static str, text: String) -> Response {
    (
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")],
        text,
    )
        .into_response()
}

fn wrong(status: StatusCode, why: &str) -> Response {
    (status, format!("{why}\n")).into_response()
}

/// Parses the query. The first value of a name counts, as in blackbox_exporter; unknown names are ignored.
fn query(text: &str) -> Result<Query, String> {
    let mut query = Query::default();
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if seen.contains(&name) {
            continue;
        }
        match &*name {
            "target" => query.target = value.into_owned(),
            "module" => query.module = Some(value.into_owned()).filter(|name| !name.is_empty()),
            "debug" => query.debug = value == "true",
            _ => continue,
        }
        seen.push(name);
    }
    match query.target.trim().is_empty() {
        true => Err("missing parameter: target, as in /probe?target=cn1/websocket".to_owned()),
        false => Ok(query),
    }
}

/// Parses the scrape timeout that Prometheus sends.
fn scrape_timeout(headers: &HeaderMap) -> Result<Option<Duration>, &'static str> {
    let Some(given) = headers.get("x-prometheus-scrape-timeout-seconds") else {
        return Ok(None);
    };
    let seconds = given
        .to_str()
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match duration.filter(|duration| !duration.is_zero()) {
        Some(duration) => Ok(Some(duration)),
        None => Err("X-Prometheus-Scrape-Timeout-Seconds: expected a number above 0"),
    }
}

/// Negotiates the format (RFC 9110 §12.5.1): OpenMetrics if `Accept` prefers it, else the classic text format.
fn format(headers: &HeaderMap) -> ExpositionFormat {
    let (mut open, mut classic) = (0.0_f64, 0.0_f64);
    let accepted = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut quality, mut version) = (1.0, None);
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "q" => quality = value.parse().unwrap_or(0.0),
                "version" => version = Some(value.trim_matches('"')),
                _ => {}
            }
        }
        match name.as_str() {
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => {
                open = open.max(quality);
            }
            "text/plain" if matches!(version, None | Some("0.0.4")) => {
                classic = classic.max(quality);
            }
            _ => {}
        }
    }
    match open > 0.0 && open >= classic {
        true => ExpositionFormat::OpenMetrics,
        false => ExpositionFormat::Classic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_format_is_what_is_preferred() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, is_open) in [
            (prometheus, true),
            ("application/openmetrics-text", true),
            ("application/openmetrics-text;version=\"1.0.0\"", true),
            ("application/openmetrics-text;version=2.0.0", false),
            ("application/openmetrics-text;q=0", false),
            // Parameter names are case-insensitive (RFC 9110 §5.6.6).
            ("application/openmetrics-text;Q=0", false),
            ("application/openmetrics-text;Version=2.0.0", false),
            ("text/plain, application/openmetrics-text;q=0.5", false),
            ("*/*", false),
            ("", false),
            (";;;q=,,=;", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(
                format(&headers) == ExpositionFormat::OpenMetrics,
                is_open,
                "{accept}"
            );
        }
        assert_eq!(format(&HeaderMap::new()), ExpositionFormat::Classic);
    }

    #[test]
    fn a_scrape_timeout_is_seconds() {
        for (text, expected) in [
            ("10", Some(10.0)),
            ("0.25", Some(0.25)),
            ("0", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("1e300", None),
            ("ten", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            let name = "x-prometheus-scrape-timeout-seconds";
            headers.insert(name, HeaderValue::from_static(text));
            let read = scrape_timeout(&headers).ok().flatten();
            assert_eq!(read, expected.map(Duration::from_secs_f64), "{text}");
        }
        assert_eq!(scrape_timeout(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn of_each_name_the_first_counts() {
        let read = query("x=1&target=a%2Fb&target=c&debug=true&module=").unwrap();
        assert_eq!(
            (read.target.as_str(), read.module, read.debug),
            ("a/b", None, true)
        );
        for nonsense in ["", "target=", "target=%20", "&&&=&%", "TARGET=a"] {
            assert!(query(nonsense).is_err(), "{nonsense}");
        }
    }
}
