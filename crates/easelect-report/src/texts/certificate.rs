//! Certificates: their expiry, and their names, issuer and dates.

use std::time::SystemTime;

use easelect::Certificate;

use super::{Text, list, shown, text};
use crate::figures::{ahead, timestamp};

/// When a valid certificate expires; `None` if it has expired.
pub(crate) fn expires(end: SystemTime, now: SystemTime) -> Option<Text> {
    let ahead = ahead(end, now)?;
    Some(text(
        format!("certificate expires {}", ahead.en),
        format!("证书 {}过期", ahead.zh),
    ))
}

/// A certificate that was refused, with its names, issuer and dates.
pub(crate) fn certificate_text(certificate: &Certificate) -> Text {
    let names: Vec<String> = certificate
        .names
        .iter()
        .map(|name| shown(name, 60))
        .collect();
    let names = match names.as_slice() {
        [] => text("no name", "（无）"),
        names => list(names),
    };
    let issuer = shown(&certificate.issuer, 100);
    let day = |at| timestamp(at).chars().take(10).collect::<String>();
    let (from, to) = (day(certificate.not_before), day(certificate.not_after));
    text(
        format!(
            "the certificate shown: for {}; issued by {issuer}; valid {from} to {to}",
            names.en
        ),
        format!(
            "出示的证书：域名 {}；签发者 {issuer}；有效期 {from} 至 {to}",
            names.zh
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::assert_complete;
    use super::*;

    fn certificate(names: &[&str]) -> Certificate {
        let day = |n: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(n * 86_400);
        let plain = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let mut certificate = Certificate::from_der(plain.cert.der()).unwrap();
        (certificate.not_before, certificate.not_after) = (day(1), day(100));
        certificate.names = names.iter().map(|&name| name.to_owned()).collect();
        certificate.issuer = "CN=evil\u{1b}[2J".to_owned();
        certificate
    }

    #[test]
    fn everything_is_told_and_escaped() {
        let told = certificate_text(&certificate(&["a.example", "*.b.example"]));
        assert_complete(&told, "a certificate");
        assert_eq!(
            told.en,
            "the certificate shown: for a.example, *.b.example; issued by CN=evil\\u{1b}[2J; \
             valid 1970-01-02 to 1970-04-11"
        );
        assert_complete(&certificate_text(&certificate(&[])), "one without names");
    }

    #[test]
    fn what_is_over_does_not_expire_again() {
        let one = certificate(&[]);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(30 * 86_400);
        let told = expires(one.not_after, now).unwrap();
        assert_eq!(told.en, "certificate expires in 70 days");
        assert_eq!(told.zh, "证书 70 天后过期");
        assert_eq!(expires(one.not_before, now), None);
    }
}
