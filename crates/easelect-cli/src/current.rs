//! What the app uses now: the endpoints of `--current`, and the lists of `--current` and `--app-key`.

use std::time::{Duration, SystemTime};

use easelect::{Catalog, Endpoint, Phase, Region};
use easelect_report::{Note, failure_text};

use crate::app_key::AppKey;
use crate::args::{Options, Regions};
use crate::list::{self, ListUrl, Lost};
use crate::listed::{self, Listed};
use crate::newer::{self, LIST_SERVICE, Place};
use crate::placement::{Elsewhere, data_centres, endpoint, endpoint_of_list};
use crate::run::Network;
use crate::targets::Targets;
use crate::words::{Usage, say};

/// Asks Easemob's list service for the hosts of the app of `--app-key`, and adds them to the targets.
pub(crate) async fn add_app(
    targets: &mut Targets,
    catalog: &Catalog,
    options: &Options,
    network: &Network,
) -> Result<(), Usage> {
    let Some(key) = &options.app_key else {
        return Ok(());
    };
    let list = list_of(key)?;
    let got = list.get(&network.dialer, patience(options)).await;
    // Once TLS is up the request has been sent, whatever becomes of it.
    if !matches!(&got, Err(Lost::Failed(failure)) if failure.phase() <= Phase::Tls) {
        let to = list.endpoint().host().to_owned();
        targets.notes.push(Note::AppKeySent { to });
    }
    let got = got.map_err(|lost| why_lost(lost, options));
    // The app's SDK needs the list service, so its failures count.
    let is_shared = |region: &Region| matches!(newer::place(region), Place::Shared);
    targets.second_source.retain(|region| !is_shared(region));
    let Some(listed) = understood(&list, got, false, targets, options) else {
        return Ok(());
    };
    let found = data_centres(&listed.urls, targets, catalog);
    if options.regions == Regions::Unsaid && !found.is_empty() {
        targets.keep(&found);
    }
    let url = list.shown().to_owned();
    targets.notes.push(Note::Recognised {
        url,
        regions: found,
    });
    add_listed(targets, catalog, options, "--app-key", &list, listed);
    Ok(())
}

/// Returns the URL at which Easemob's list service has the list of the app with this key.
pub(crate) fn list_of(key: &AppKey) -> Result<ListUrl, Usage> {
    let key = key.as_str().replace('#', "%23");
    let url = format!("{LIST_SERVICE}easemob/server.json?app_key={key}");
    ListUrl::parse("--app-key", &url)
}

/// Adds every `--current` to the targets.
pub(crate) async fn add_all(
    targets: &mut Targets,
    catalog: &Catalog,
    options: &Options,
    network: &Network,
) -> Result<(), Usage> {
    for url in &options.current {
        if !list::is_list(url) {
            let endpoint = endpoint(targets, catalog, options, url)
                .map_err(|why| why.in_option("--current"))?;
            let found = [endpoint.region().clone()];
            if let Some(elsewhere) = Elsewhere::of(&found, targets, catalog)
                && options.regions != Regions::Unsaid
            {
                elsewhere.warn_of_host(endpoint.host(), options);
            }
            targets.add_in_use(catalog, endpoint);
            continue;
        }
        let list = ListUrl::parse("--current", url)?;
        let is_own = is_own(targets);
        let got = fetch(&list, options, network).await;
        if let Some(listed) = understood(&list, got, is_own, targets, options) {
            add_listed(targets, catalog, options, "--current", &list, listed);
        }
    }
    Ok(())
}

/// Reads a list. If there is none, or none of its endpoints can be used, adds a note to the targets.
fn understood(
    list: &ListUrl,
    got: Result<Vec<u8>, String>,
    is_own: bool,
    targets: &mut Targets,
    options: &Options,
) -> Option<Listed> {
    let lang = options.lang;
    let got = match got {
        Ok(body) => match listed::no_list(&body) {
            None => Ok(listed::listed(&body, is_own)),
            Some(why) => Err(why.of(lang).to_owned()),
        },
        Err(why) => Err(why),
    };
    let mut failed = |why| {
        let url = list.shown().to_owned();
        targets.notes.push(Note::SourceFailed { url, why });
    };
    if got.as_ref().is_ok_and(|listed| listed.urls.is_empty()) {
        let none = say(
            "the list has no encrypted endpoint that can be used",
            "其中没有可用的加密接入地址",
        );
        failed(none.of(lang).to_owned());
    }
    got.map_err(failed).ok()
}

/// Adds the endpoints of the list of this option, and a note on those that can't be used.
fn add_listed(
    targets: &mut Targets,
    catalog: &Catalog,
    options: &Options,
    option: &str,
    list: &ListUrl,
    listed: Listed,
) {
    let (lang, url) = (options.lang, list.shown().to_owned());
    let Listed { urls, left_out } = listed;
    let mut left_out: Vec<String> = left_out.iter().map(|why| why.of(lang).to_owned()).collect();
    let found = data_centres(&urls, targets, catalog);
    let elsewhere = Elsewhere::of(&found, targets, catalog);
    if let Some(elsewhere) = &elsewhere {
        elsewhere.warn(option, options);
        left_out.insert(0, elsewhere.told().of(lang).to_owned());
    }
    for one in urls {
        match endpoint_of_list(targets, catalog, options, &found, &one) {
            Ok(endpoint) => targets.add_listed(catalog, endpoint),
            Err(Usage(why)) => left_out.push(why.of(lang).to_owned()),
        }
    }
    if !left_out.is_empty() {
        targets.notes.push(Note::SourceInPart { url, left_out });
    }
}

/// Returns where the lists of `--current` are. Nothing is measured there, but a pin may be for such a host.
pub(crate) fn lists(options: &Options) -> Vec<Endpoint> {
    let lists = options.current.iter().filter(|url| list::is_list(url));
    lists
        .filter_map(|url| Some(ListUrl::parse("--current", url).ok()?.endpoint().clone()))
        .collect()
}

/// Whether only a deployment of the user's own is measured.
pub(crate) fn is_own(targets: &Targets) -> bool {
    match targets.regions.as_slice() {
        [region] => Catalog::builtin().region(region).is_none(),
        _ => false,
    }
}

/// Gets a list within the time of one attempt, or returns the reason for a person.
pub(crate) async fn fetch(
    list: &ListUrl,
    options: &Options,
    network: &Network,
) -> Result<Vec<u8>, String> {
    let got = list.get(&network.dialer, patience(options)).await;
    got.map_err(|lost| why_lost(lost, options))
}

/// How long to wait for a list.
fn patience(options: &Options) -> Duration {
    options.timeout.min(options.deadline)
}

/// Returns the reason that there is no list, for a person.
fn why_lost(lost: Lost, options: &Options) -> String {
    match lost {
        Lost::Told(why) => why.of(options.lang).to_owned(),
        Lost::Failed(failure) => failure_text(&failure, options.lang, SystemTime::now()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, command};
    use easelect::{Dialer, PinnedHost, TlsClient};
    use easelect_report::Lang;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    /// A server on loopback that is `list.example` and answers one request. It returns the request's head.
    async fn server(answer: Vec<u8>) -> (SocketAddr, CertificateDer<'static>, JoinHandle<String>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["list.example".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            // A client that has seen enough closes before all is written.
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
            String::from_utf8(head).unwrap()
        });
        (address, certificate, asked)
    }

    /// Returns what `--current` with a list makes of this answer, and the request's head.
    async fn listed(lang: Lang, answer: impl Into<Vec<u8>>) -> (Targets, String) {
        listed_with("", lang, answer).await
    }

    /// The same with these options.
    async fn listed_with(line: &str, lang: Lang, answer: impl Into<Vec<u8>>) -> (Targets, String) {
        let (address, certificate, asked) = server(answer.into()).await;
        let port = address.port();
        let mut options = options(line);
        options.lang = lang;
        options.current = vec![format!(
            "https://me:hunter2@LIST.example:{port}/im/server.json?app_key=hunter2%23x"
        )];
        let dialer = Dialer::builder()
            .tls(TlsClient::with_roots([certificate]).unwrap())
            .pin(PinnedHost::new("list.example", port, vec![address.ip()]));
        let nobody = Arc::new(easelect::SystemResolver::new());
        let network = Network::over(dialer, nobody, None).unwrap();
        let catalog = Catalog::builtin();
        let mut targets = Targets::new(&catalog, &options.regions, None).unwrap();
        let added = add_all(&mut targets, &catalog, &options, &network).await;
        assert!(added.is_ok());
        (targets, asked.await.unwrap())
    }

    fn answer(head: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn a_list_is_got_over_the_dialers_connection() {
        let list = br#"{"rest": {"hosts": [{"protocol": "https", "domain": "a1.easemob.com"}]},
            "msync-ws": {"hosts": [{"port": "443", "domain": "im-api-v2.easemob.com"}]}}"#;
        // More than a server may send before it is ready.
        let long = [&vec![b' '; 400_000], list.as_slice()].concat();
        let chunked = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            long.len()
        );
        let chunked = [chunked.as_bytes(), &long, b"\r\n0\r\n\r\n"].concat();
        let until_the_end = [b"HTTP/1.0 200 OK\r\n\r\n", list.as_slice()].concat();
        for answer in [answer("200 OK", list), chunked, until_the_end] {
            let (targets, head) = listed(Lang::En, answer).await;
            assert!(targets.notes.is_empty(), "{:?}", targets.notes);
            let hosts: Vec<&str> = targets.listed.iter().map(Endpoint::host).collect();
            assert_eq!(hosts, ["a1.easemob.com", "im-api-v2.easemob.com"]);
            let mut lines = head.lines();
            let first = "GET /im/server.json?app_key=hunter2%23x HTTP/1.1";
            assert_eq!(lines.next(), Some(first));
            let head = head.to_ascii_lowercase();
            assert!(head.contains("\r\nhost: list.example:"), "{head}");
            // me:hunter2
            assert!(
                head.contains("\r\nauthorization: basic bwu6ahvudgvymg==\r\n"),
                "{head}"
            );
        }
    }

    #[tokio::test]
    async fn why_there_is_no_list_is_told_without_secrets() {
        let redirect = "302 Found\r\nLocation: https://me:hunter2@portal.example/x?key=hunter2";
        let huge = vec![b' '; 1024 * 1024 + 1];
        for (lang, answer, told) in [
            (
                Lang::En,
                answer(redirect, b""),
                "redirected (HTTP 302) to \"https://…@portal.example/x?…\"",
            ),
            (
                Lang::Zh,
                answer(redirect, b""),
                "被重定向（HTTP 302）到“https://…@portal.example/x?…”",
            ),
            (Lang::En, answer("404 Not Found", b"{}"), "HTTP 404"),
            (Lang::En, answer("200 OK", &huge), "larger than 1 MiB"),
            (Lang::Zh, answer("200 OK", &huge), "应答超过 1 MiB"),
            (Lang::En, answer("200 OK", b""), "the answer is empty"),
            (
                Lang::En,
                answer("200 OK", b"{}"),
                "the list has no encrypted endpoint",
            ),
            (
                Lang::En,
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}".to_vec(),
                "waiting for the answer: closed by the peer",
            ),
            (
                Lang::En,
                Vec::new(),
                "waiting for the answer: closed by the peer",
            ),
            (
                Lang::En,
                b"SSH-2.0-x\r\n\r\n".to_vec(),
                "the answer is not HTTP",
            ),
            (
                Lang::Zh,
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n".to_vec(),
                "应答不是 HTTP",
            ),
            (
                Lang::En,
                answer("302 Found", b""),
                "redirected (HTTP 302) without a target",
            ),
        ] {
            let (targets, _) = listed(lang, answer).await;
            let [Note::SourceFailed { url, why }] = targets.notes.as_slice() else {
                panic!("{told}: {:?}", targets.notes);
            };
            assert!(url.ends_with("/im/server.json"), "{url}");
            assert!(why.contains(told), "{why}");
            assert!(!format!("{url}{why}").contains("hunter2"), "{url}: {why}");
            assert!(targets.listed.is_empty());
        }
    }

    #[tokio::test]
    async fn what_is_left_out_of_a_list_is_told() {
        let list = br#"{"rest": {"hosts": [{"ip": "0.0.0.0"}, {"domain": "localhost/admin?x=1&"},
            {"domain": "a1.easemob.com"}, {"domain": "nobody-knows.example"}]}}"#;
        for (lang, told) in [
            (
                Lang::En,
                [
                    "rest, host 1: ip \"0.0.0.0\": no host can have this address",
                    "rest, host 2: domain \"localhost/admin?…\": expected a host name or an address",
                    "\"https://nobody-knows.example/\": the host is not in the catalogue",
                ],
            ),
            (
                Lang::Zh,
                [
                    "rest 第 1 项：ip \"0.0.0.0\"：主机不会使用这个地址",
                    "rest 第 2 项：domain \"localhost/admin?…\"：应为域名或地址",
                    "\"https://nobody-knows.example/\"：目录中没有该主机",
                ],
            ),
        ] {
            let (targets, _) = listed(lang, answer("200 OK", list)).await;
            let hosts: Vec<&str> = targets.listed.iter().map(Endpoint::host).collect();
            assert_eq!(hosts, ["a1.easemob.com"], "the rest is used");
            let [Note::SourceInPart { url, left_out }] = targets.notes.as_slice() else {
                panic!("{:?}", targets.notes);
            };
            assert!(url.ends_with("/im/server.json"), "{url}");
            assert_eq!(left_out.len(), told.len());
            for (left_out, told) in left_out.iter().zip(told) {
                assert!(left_out.starts_with(told), "{left_out}");
            }
        }
    }

    /// Runs with these options, and returns each request: the server's address and the path.
    async fn requests(line: &str) -> (Targets, Vec<(SocketAddr, String)>) {
        requests_where(line, easelect_lab::Fault::None).await
    }

    /// The same with this fault of the list service.
    async fn requests_where(
        line: &str,
        fault: easelect_lab::Fault,
    ) -> (Targets, Vec<(SocketAddr, String)>) {
        use easelect_lab::{EventKind, Lab, Scenario};

        let options = options(line);
        let lab = Lab::new(Scenario::beijing()).unwrap();
        lab.set_fault("44.128.30.10".parse().unwrap(), fault)
            .unwrap();
        let nobody = Arc::new(easelect::SystemResolver::new());
        let network = Network::over(lab.dialer(), nobody, Some("beijing".to_owned())).unwrap();
        let catalog = newer::added(Catalog::builtin(), &options).unwrap();
        let mut targets = Targets::new(&catalog, &options.regions, None).unwrap();
        add_app(&mut targets, &catalog, &options, &network)
            .await
            .unwrap();
        let probed = crate::run::probe(&network, &targets, &catalog, &options).await;
        assert!(probed.is_ok());
        let events = lab.events().into_iter();
        let asked = events.filter_map(|event| match event.kind {
            EventKind::Requested { path, .. } => Some((event.address?, path)),
            _ => None,
        });
        (targets, asked.collect())
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_key_goes_to_the_list_service_and_to_nobody_else() {
        let is_secret = |path: &str| path.contains("1100") || path.contains("app_key");
        let (targets, asked) = requests("--app-key 1100#chat --rounds 1").await;
        let told: Vec<_> = asked.iter().filter(|(_, path)| is_secret(path)).collect();
        let [(to, path)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(to.to_string(), "44.128.30.10:443");
        assert_eq!(path, "/easemob/server.json?app_key=1100%23chat");
        // The data centre follows from it, and hosts that the catalogue lacks are added.
        assert_eq!(targets.regions, [Region::CN1]);
        let has = |host: &str| targets.listed.iter().any(|one| one.host() == host);
        assert!(has("im-api-v2.easecdn.com") && has("a1-v2.easemob.com"));
        let sent = |note: &Note| matches!(note, Note::AppKeySent { to } if to == "rs.easemob.com");
        assert!(targets.notes.iter().any(sent), "{:?}", targets.notes);
        // The App Key isn't sent if the service can't be reached or can't prove its identity.
        for fault in [easelect_lab::Fault::Refuse, easelect_lab::Fault::Expired] {
            let line = "--app-key 1100#chat --rounds 1";
            let (targets, asked) = requests_where(line, fault).await;
            assert!(!targets.notes.iter().any(sent), "{fault:?}");
            assert!(asked.iter().all(|(_, path)| !is_secret(path)), "{fault:?}");
        }
        let (targets, asked) = requests("--rounds 1").await;
        assert!(asked.len() > 50 && asked.iter().all(|(_, path)| !is_secret(path)));
        assert!(targets.notes.is_empty() && targets.regions.len() == 6);
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_s_hosts_stay_in_their_data_centre_whatever_region_is_given() {
        for region in ["sgp1", "cn2"] {
            let line = format!("--app-key 1100#chat --region {region} --rounds 1");
            let (targets, _) = requests(&line).await;
            let listed = targets.listed.iter().map(|one| (one.host(), one.region()));
            let listed: Vec<_> = listed.collect();
            assert!(listed.contains(&("a1-v2.easemob.com", &Region::CN1)));
            assert!(
                listed.iter().all(|(_, of)| **of == Region::CN1),
                "{listed:?}"
            );
            let told = targets.notes.iter().find_map(|note| match note {
                Note::SourceInPart { left_out, .. } => left_out.first(),
                _ => None,
            });
            let expected = format!(
                "the list belongs to China 1 (cn1), not to {region}: measure again with --region cn1"
            );
            assert_eq!(told, Some(&expected));
        }
        let (targets, _) = requests("--app-key 1100#chat --region cn1 --rounds 1").await;
        let in_part = |note: &Note| matches!(note, Note::SourceInPart { .. });
        assert!(!targets.notes.iter().any(in_part), "{:?}", targets.notes);
    }

    #[tokio::test]
    async fn a_list_of_another_data_centre_brings_no_unknown_host() {
        let list = br#"{"rest": {"hosts": [{"domain": "a1.easemob.com"}, {"domain": "a1.easecdn.com", "port": 8443},
            {"domain": "a1-v2.easemob.com"}, {"domain": "nobody-knows.example"}]}}"#;
        let hosts = async |line: &str| {
            let (targets, _) = listed_with(line, Lang::Zh, answer("200 OK", list)).await;
            let hosts = targets
                .listed
                .iter()
                .map(|one| format!("{} {}", one.region(), one.host()));
            let hosts: Vec<String> = hosts.collect();
            (hosts.join(", "), targets.notes)
        };
        let known = "cn1 a1.easemob.com, cn1 a1.easecdn.com, cn1 a1-v2.easemob.com";
        let (told, notes) = hosts("--region sgp1").await;
        assert_eq!(told, known);
        let [Note::SourceInPart { left_out, .. }] = notes.as_slice() else {
            panic!("{notes:?}");
        };
        assert_eq!(
            left_out.as_slice(),
            [
                "列表属于国内 1 区（cn1），而不是 sgp1：请用 --region cn1 重新测量",
                "\"https://nobody-knows.example/\"：未知主机，可能与列表中的其他主机一样属于国内 1 区（cn1）",
            ]
        );
        let (told, notes) = hosts("--region cn1").await;
        assert_eq!(told, format!("{known}, cn1 nobody-knows.example"));
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn a_deployment_of_one_s_own_may_be_private() {
        let own = r#"{"region": [{"id": "own", "locality": "overseas"}], "endpoint": [{"region": "own", "service": "rest",
            "url": "https://im.corp/"}]}"#;
        let format = easelect::CatalogFormat::Json;
        let catalog = Catalog::builtin().with_file(own, format, "own").unwrap();
        for (line, expected) in [
            ("--region own", true),
            ("--region cn1", false),
            ("--region own,cn1", false),
            ("", false),
        ] {
            let targets = Targets::new(&catalog, &options(line).regions, None).unwrap();
            assert_eq!(is_own(&targets), expected, "{line}");
        }
    }

    fn options(line: &str) -> Options {
        let args = line.split_whitespace().map(Into::into).collect();
        args::parse(args, Lang::En, &command::program(Lang::En)).unwrap()
    }

    #[test]
    fn a_list_s_host_may_be_pinned() {
        let line =
            "--current wss://im.example/ws --current https://me:pw@list.example:8443/a.json?x";
        let lists = lists(&options(line));
        let [list] = lists.as_slice() else {
            panic!("{lists:?}");
        };
        assert_eq!((list.host(), list.port()), ("list.example", 8443));
    }
}
