//! The checks of the fuzz targets on lists and bundles of certificates; the tests replay the corpus through them. A panic
//! is a finding.

use easelect::{Endpoint, Region, Service, TlsClient, is_hidden};
use easelect_report::{Lang, ServerList};

use crate::input;
use crate::listed::{Listed, MAX_HOSTS, listed, no_list};
use crate::public::{is_possible, is_public};
use crate::words::{self, Say, Usage, say};

/// Checks a `server.json`.
pub(crate) fn list(data: &[u8]) {
    for is_own in [false, true] {
        let Listed { urls, left_out } = listed(data, is_own);
        if let Some(why) = no_list(data) {
            assert_readable(&why);
            assert!(urls.is_empty(), "{urls:?} of what is no list");
        }
        // At most one line for each host, and one for the rest.
        assert!(urls.len() <= 3 * MAX_HOSTS && left_out.len() <= 3 * (MAX_HOSTS + 1));
        left_out.iter().for_each(assert_readable);
        for url in &urls {
            let (service, path) = match url.starts_with("https://") {
                true => (Service::Rest, "/"),
                false => (Service::Websocket, "/websocket"),
            };
            let endpoint = Endpoint::new(Region::CN1, service, url);
            let endpoint = endpoint.expect("what is listed is an endpoint");
            // A list sets hosts and ports only.
            assert_eq!((endpoint.url(), endpoint.path()), (url.as_str(), path));
            let host = endpoint.host();
            assert!(is_possible(host) && (is_own || is_public(host)), "{url}");
        }
    }
    match ServerList::from_bytes(data) {
        Ok(list) => {
            let ordered = list.ordered(&[]);
            // Without a measurement the order stays.
            let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data);
            assert_eq!(ordered.json().as_bytes(), data);
            for line in ordered.text(Lang::Zh).lines() {
                assert_eq!(line.chars().find(|c| is_hidden(*c)), None, "{line:?}");
            }
        }
        Err(why) => assert_readable(&say(why.text(Lang::En), why.text(Lang::Zh))),
    }
}

/// Checks certificates in PEM.
pub(crate) fn pem(data: &[u8]) {
    match input::certificates_in(data, "own.pem") {
        Ok(certificates) => {
            assert!(!certificates.is_empty());
            let client = TlsClient::with_roots(certificates);
            client.expect("what the reader takes, TLS takes");
        }
        Err(Usage(why)) => assert_readable(&why),
    }
}

/// Checks that a sentence is one line that a terminal can show.
fn assert_readable(why: &Say) {
    for lang in [Lang::En, Lang::Zh] {
        let told = words::line(why.of(lang));
        assert_eq!(told.chars().find(|c| is_hidden(*c)), None, "{told:?}");
        assert!(told.chars().count() < 4000, "{told:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::Path;

    fn replay(target: &str, play: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
        let mut played = 0;
        for entry in fs::read_dir(folder.join(target)).unwrap() {
            let file = entry.unwrap().path();
            let data = fs::read(&file).unwrap();
            // A panic there doesn't name the file.
            let played_well = catch_unwind(|| play(&data)).is_ok();
            assert!(played_well, "{}", file.display());
            played += 1;
        }
        assert!(played > 0, "nothing is on file for {target}");
    }

    #[test]
    fn lists_are_played_again() {
        replay("list", super::list);
    }

    #[test]
    fn bundles_are_played_again() {
        replay("pem", super::pem);
    }
}
