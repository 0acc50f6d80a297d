//! What others may have written into a list or a bundle of certificates: what the fuzz targets do with
//! their input, and the tests with what is on file. A panic is a finding.

use easelect::{Endpoint, Region, Service, TlsClient};
use easelect_report::Lang;

use crate::input;
use crate::list::{MAX_HOSTS, no_list, urls};
use crate::words::{Say, Usage};

/// A `server.json`.
pub(crate) fn list(data: &[u8]) {
    let urls = urls(data);
    if let Some(why) = no_list(data) {
        assert_readable(&why);
        assert!(urls.is_empty(), "{urls:?} of what is no list");
    }
    assert!(urls.len() <= 3 * MAX_HOSTS);
    for url in &urls {
        let (service, path) = match url.starts_with("https://") {
            true => (Service::Rest, "/"),
            false => (Service::Websocket, "/websocket"),
        };
        match Endpoint::new(Region::CN1, service, url) {
            // A host in a list brings nothing but itself.
            Ok(endpoint) => assert_eq!(endpoint.path(), path, "{url}"),
            Err(error) => assert_readable(&Usage::from(error).0),
        }
    }
}

/// Certificates in PEM.
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

/// What people are told is one line that a terminal can show.
fn assert_readable(why: &Say) {
    let odd = |c: &char| c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}".contains(*c);
    for lang in [Lang::En, Lang::Zh] {
        let told = why.of(lang);
        assert_eq!(told.chars().find(odd), None, "{told:?}");
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
            // A panic in there names no file.
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
