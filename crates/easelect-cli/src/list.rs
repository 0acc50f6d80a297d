//! Gets a `server.json` by one request over a connection of the dialer's.

use std::time::Duration;

use data_encoding::BASE64;
use easelect::{Dialer, Endpoint, Failure, FailureKind, Phase, Region, Service, without_secrets};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::time::{Instant, timeout_at};

use crate::input::MAX_LIST;
use crate::words::{Say, Usage, say};

/// A head is below 1 kB; proxies add to it.
const MAX_HEAD: usize = 64 * 1024;

/// The URL of a list.
#[derive(Debug)]
pub(crate) struct ListUrl {
    endpoint: Endpoint,
    /// `USER:PASSWORD`, decoded.
    credentials: Option<Vec<u8>>,
    /// The URL without secrets.
    shown: String,
}

/// Why there is no list.
#[derive(Debug)]
pub(crate) enum Lost {
    Failed(Failure),
    Told(Say),
}

/// Whether a URL is that of a list rather than of an endpoint.
pub(crate) fn is_list(url: &str) -> bool {
    is_https(url) && without_query(url).trim_end().ends_with(".json")
}

pub(crate) fn is_https(url: &str) -> bool {
    let scheme = url.trim_start().split_once(':');
    scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

impl ListUrl {
    /// Parses an option's value. Errors quote neither user and password nor the query, which may have an App Key in it.
    pub(crate) fn parse(option: &str, url: &str) -> Result<Self, Usage> {
        let (bare, credentials) = without_credentials(url.trim());
        // Again: a password with a ? or # in it ends the URL too early and would show.
        let shown = without_query(&without_secrets(&bare)).to_owned();
        if url.contains('#') {
            let why = say(
                format!(
                    "{option} {shown}: the part after # is never sent to a server: write # as %23"
                ),
                format!("{option} {shown}：# 之后的部分不会发给服务器，请把 # 写成 %23"),
            );
            return Err(why.into());
        }
        let read = |url: &str| Endpoint::new(Region::CN1, Service::Rest, url);
        read(&shown).map_err(|error| Usage::from(error).in_option(option))?;
        let endpoint = read(&bare).map_err(|_| {
            say(
                format!("{option} {shown}: the URL is longer than 2048 bytes"),
                format!("{option} {shown}：URL 超过 2048 字节"),
            )
        })?;
        Ok(ListUrl {
            endpoint,
            credentials,
            shown,
        })
    }

    /// Returns the URL as it may be shown.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the endpoint from which it is fetched.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Fetches the list within this time.
    pub(crate) async fn get(&self, dialer: &Dialer, within: Duration) -> Result<Vec<u8>, Lost> {
        let deadline = Instant::now() + within;
        let stream = dialer.open(&self.endpoint, within).await;
        let stream = stream.map_err(Lost::Failed)?;
        let asked = async {
            let (mut sender, connection) = http1::Builder::new()
                .max_buf_size(MAX_HEAD)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(|error| broken(&error))?;
            // The end of the connection ends the exchange as well, so this never has to end.
            let carried = async {
                let _ = connection.await;
                std::future::pending().await
            };
            let exchanged = async {
                let sent = sender.send_request(self.request()).await;
                body(sent.map_err(|error| broken(&error))?).await
            };
            tokio::select! {
                biased;
                ended = exchanged => ended,
                never = carried => never,
            }
        };
        let timed_out = |_| Err(Lost::Failed(failure(FailureKind::Timeout)));
        timeout_at(deadline, asked).await.unwrap_or_else(timed_out)
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        const AGENT: &str = concat!("easelect/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::get(self.endpoint.path())
            .header(HOST, self.endpoint.authority())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json, */*;q=0.5")
            .header(CONNECTION, "close");
        if let Some(credentials) = &self.credentials {
            let basic = format!("Basic {}", BASE64.encode(credentials));
            request = request.header(AUTHORIZATION, basic);
        }
        let request = request.body(Empty::new());
        request.expect("an endpoint's path and host are printable ASCII")
    }
}

/// Returns the URL without user and password, and these, decoded, if it has them.
fn without_credentials(url: &str) -> (String, Option<Vec<u8>>) {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let authority = rest.trim_start_matches(['/', '\\']);
    let end = authority
        .find(['/', '\\', '?', '#'])
        .unwrap_or(authority.len());
    match authority[..end].rsplit_once('@') {
        None => (url.to_owned(), None),
        Some((secret, _)) => {
            let slashes = &rest[..rest.len() - authority.len()];
            let at = secret.len() + 1;
            let decoded = percent_decode_str(secret).collect();
            (
                format!("{scheme}:{slashes}{}", &authority[at..]),
                Some(decoded),
            )
        }
    }
}

/// Returns the body of a successful answer.
async fn body(answer: Response<Incoming>) -> Result<Vec<u8>, Lost> {
    let status = answer.status();
    if status.is_redirection() {
        // Not followed: an app's SDK asks for the URL that it has.
        let location = answer.headers().get(LOCATION);
        let to = location.and_then(|to| Some(to.to_str().ok()?.to_owned()));
        let redirected = failure(FailureKind::Redirected).with_status(status.as_u16());
        return Err(Lost::Failed(redirected.with_location(to)));
    }
    if !status.is_success() {
        let told = format!("HTTP {}", status.as_u16());
        return Err(Lost::Told(say(told.clone(), told)));
    }
    let (mut body, mut bytes) = (answer.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if bytes.len() > MAX_LIST {
            return Err(Lost::Told(say(
                "the answer is larger than 1 MiB",
                "应答超过 1 MiB",
            )));
        }
    }
    Ok(bytes)
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(Phase::Processing, kind)
}

/// Returns the failure that an error of the exchange means.
fn broken(error: &hyper::Error) -> Lost {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let io = last.downcast_ref::<std::io::Error>();
    let is_tls = io
        .and_then(std::io::Error::get_ref)
        .is_some_and(|inner| inner.is::<rustls::Error>());
    let kind = match io.map(std::io::Error::kind) {
        _ if is_tls => FailureKind::InvalidMessage,
        Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe) => {
            FailureKind::Reset
        }
        Some(std::io::ErrorKind::UnexpectedEof) => FailureKind::Closed,
        _ if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => {
            FailureKind::Closed
        }
        // hyper has no other mark for it than these words.
        _ if error.is_parse() && error.to_string().ends_with("too large") => FailureKind::TooLarge,
        // Also within a body.
        Some(std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData) => {
            FailureKind::NotHttp
        }
        _ if error.is_parse() => FailureKind::NotHttp,
        _ => FailureKind::Other,
    };
    Lost::Failed(failure(kind).with_message(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listed::no_list;
    use easelect_lab::{Fault, Host, Lab, Path, Scenario};
    use easelect_report::Lang;
    use std::net::IpAddr;

    #[test]
    fn urls_of_lists_keep_their_secrets() {
        for (url, shown, credentials) in [
            (
                "https://x.example/server.json",
                "https://x.example/server.json",
                None,
            ),
            (
                " HTTPS://Me:p%40ss@x.example:8443/a/server.json?app_key=org%23app ",
                "HTTPS://x.example:8443/a/server.json",
                Some("Me:p@ss"),
            ),
            (
                "https:\\\\a@b@x.example\\server.json",
                "https:\\\\x.example\\server.json",
                Some("a@b"),
            ),
            (
                "https://x.example/@/server.json",
                "https://x.example/@/server.json",
                None,
            ),
        ] {
            assert!(is_list(url), "{url}");
            let list = ListUrl::parse("--current", url).unwrap();
            assert_eq!(list.shown(), shown);
            assert_eq!(list.credentials.as_deref(), credentials.map(str::as_bytes));
        }
        assert!(is_list(
            "https://rs.easemob.com/easemob/server.json?app_key=a%23b"
        ));
        assert!(!is_list("https://a1.easemob.com/") && !is_list("wss://x/server.json"));
        let long = "a".repeat(2048);
        for wrong in [
            "https://me:hunter2@x.example:0/server.json?app_key=hunter2".to_owned(),
            "https://me:hunter2@/server.json?app_key=hunter2".to_owned(),
            "https://me:hunter2.json?@x.example/".to_owned(),
            "https://me:hunter2.json#@x.example/".to_owned(),
            "https://me:hunter2@x.example/server.json#hunter2".to_owned(),
            format!("https://me:hunter2@x.example/server.json?hunter2={long}"),
        ] {
            let Err(Usage(why)) = ListUrl::parse("--current", &wrong) else {
                panic!("{wrong}");
            };
            for lang in [Lang::En, Lang::Zh] {
                assert!(why.of(lang).starts_with("--current"), "{}", why.of(lang));
                assert!(!why.of(lang).contains("hunter2"), "{}", why.of(lang));
            }
        }
    }

    /// Returns what a request to a host of the lab yields within 5 s.
    async fn got(fault: Fault) -> Result<Vec<u8>, (Phase, FailureKind)> {
        let address = IpAddr::from([44, 128, 0, 1]);
        let host = Host::new("list.example").with_address(address);
        let path = Path::new(address).with_rtt(Duration::from_millis(40));
        let scenario = Scenario::new(1).with_host(host).with_path(path);
        let lab = Lab::new(scenario).unwrap();
        lab.set_fault(address, fault).unwrap();
        let dialer = lab.dialer().build().unwrap();
        let list = ListUrl::parse(
            "--current",
            "https://list.example/server.json?app_key=secret",
        )
        .unwrap();
        let started = Instant::now();
        let got = list.get(&dialer, Duration::from_secs(5)).await;
        assert!(started.elapsed() <= Duration::from_secs(5), "{fault:?}");
        assert_eq!(lab.open(), 0, "{fault:?} stays open");
        got.map_err(|lost| match lost {
            Lost::Failed(failure) => {
                assert!(!failure.to_string().contains("secret"), "{failure}");
                (failure.phase(), failure.kind())
            }
            Lost::Told(why) => panic!("{fault:?}: {}", why.of(Lang::En)),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_those_of_every_attempt() {
        for (fault, phase, kind) in [
            (Fault::Refuse, Phase::Connect, FailureKind::Refused),
            (Fault::BlackHole, Phase::Connect, FailureKind::Timeout),
            (Fault::SilentTls, Phase::Tls, FailureKind::Timeout),
            (Fault::Expired, Phase::Tls, FailureKind::CertificateExpired),
            (Fault::CloseAfterTls, Phase::Processing, FailureKind::Closed),
            (Fault::ResetAfterTls, Phase::Processing, FailureKind::Reset),
            (Fault::SilentHttp, Phase::Processing, FailureKind::Timeout),
            (Fault::SlowLoris, Phase::Processing, FailureKind::Timeout),
            (Fault::GarbageHttp, Phase::Processing, FailureKind::NotHttp),
            (Fault::HeaderFlood, Phase::Processing, FailureKind::TooLarge),
        ] {
            assert_eq!(got(fault).await, Err((phase, kind)), "{fault:?}");
        }
        let page = got(Fault::CaptivePortal).await.unwrap();
        assert!(no_list(&page).unwrap().of(Lang::En).contains("HTML"));
    }
}
