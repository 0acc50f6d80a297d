//! Reads files (catalogues, certificates, scenarios, reports, lists) within bounds. Errors name the file and, if it has
//! lines, the line.

use std::path::Path;

use easelect::{Catalog, CatalogFormat, FileHistory};
use easelect_file::{FileError, Target};
use easelect_report::{Lang, Model, ReadError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::words::{self, Say, Usage, say};
use crate::zh;

/// The largest catalogue, scenario or certificate file.
const MAX_FILE: u64 = 2 * 1024 * 1024;

/// A report on all built-in endpoints is below 1 MB as HTML; a user's own catalogue may be larger.
const MAX_REPORT: u64 = 64 * 1024 * 1024;

/// A list of servers is a few kilobytes.
pub(crate) const MAX_LIST: usize = 1024 * 1024;

/// The byte order mark of UTF-8.
const BOM: &[u8] = "\u{feff}".as_bytes();

fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, Usage> {
    easelect_file::read(path, most).map_err(|error| why(path, error))
}

/// Returns why a file can't be used.
pub(crate) fn why(path: &Path, error: FileError) -> Usage {
    let name = words::file(path);
    let why = match error {
        FileError::Folder => say(
            format!("{name}: expected a file, found a folder"),
            format!("{name}：应为文件，实为文件夹"),
        ),
        FileError::Special => say(
            format!("{name}: {error}"),
            format!("{name}：应为文件，实为管道或设备：请先将其内容存为文件"),
        ),
        FileError::TooLarge(most) => {
            let most = most / (1024 * 1024);
            say(
                format!("{name} is larger than {most} MiB"),
                format!("{name} 超过 {most} MiB"),
            )
        }
        FileError::LeadsOut(to) => {
            let to = words::file(&to);
            say(
                format!(
                    "{name}: expected a file, found a link that leads out of its folder, to {to}: \
                     name that file itself"
                ),
                format!(
                    "{name}：应为文件，实为指向其所在文件夹之外的链接（{to}）：请直接指定该文件"
                ),
            )
        }
        FileError::Io(error) => say(
            format!("{name} can't be read: {error}"),
            format!("无法读取 {name}：{}", zh::io(&error)),
        ),
        error => say(format!("{name}: {error}"), format!("无法读取 {name}")),
    };
    why.into()
}

fn text(path: &Path) -> Result<String, Usage> {
    text_of(path, MAX_FILE)
}

fn text_of(path: &Path, most: u64) -> Result<String, Usage> {
    let bytes = bytes(path, most)?;
    // Editors on Windows write byte order marks.
    if matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        let name = words::file(path);
        return Err(say(
            format!("{name} is UTF-16: save it as UTF-8"),
            format!("{name} 是 UTF-16 编码：请另存为 UTF-8"),
        )
        .into());
    }
    let bytes = bytes.strip_prefix(BOM).unwrap_or(&bytes).to_vec();
    String::from_utf8(bytes).map_err(|error| {
        let name = words::file(path);
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        let why: Say = say(
            format!("{name}:{line}: not UTF-8 at byte {at}"),
            format!("{name}:{line}: 不是 UTF-8 编码（第 {at} 字节）"),
        );
        why.into()
    })
}

/// Returns the built-in catalogue, with the user's file if there is one.
pub(crate) fn catalog(path: Option<&Path>) -> Result<Catalog, Usage> {
    let Some(path) = path else {
        return Ok(Catalog::builtin());
    };
    let Some(format) = CatalogFormat::of(path) else {
        let name = words::file(path);
        return Err(say(
            format!("{name}: expected a file name that ends with .toml or .json"),
            format!("{name}：文件名应以 .toml 或 .json 结尾"),
        )
        .into());
    };
    Ok(Catalog::builtin().with_file(&text(path)?, format, &words::file(path))?)
}

/// Reads a list of servers, of 1 MiB at most.
pub(crate) fn server_list(path: &Path) -> Result<Vec<u8>, Usage> {
    bytes(path, MAX_LIST as u64)
}

/// Reads a saved report.
pub(crate) fn report(path: &Path) -> Result<Model, Usage> {
    Model::from_text(&text_of(path, MAX_REPORT)?).map_err(|error| {
        let name = words::file(path);
        let [en, mut zh] = [Lang::En, Lang::Zh].map(|lang| error.text(lang));
        // The parser's reason is in English.
        if let ReadError::NotJson { why, .. } | ReadError::NotAReport { why } = &error {
            zh = zh.replace(why, &zh::parser(why));
        }
        say(format!("{name}: {en}"), format!("{name}：{zh}")).into()
    })
}

/// Reads the certificates in a PEM file.
pub(crate) fn certificates(path: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Usage> {
    match path {
        Some(path) => certificates_in(&bytes(path, MAX_FILE)?, &words::file(path)),
        None => Ok(Vec::new()),
    }
}

/// Whether it can be read without blocking, and has an end.
pub(crate) fn is_read(bundle: &Path) -> bool {
    matches!(
        easelect_file::look(bundle, 8 * MAX_FILE),
        Ok(()) | Err(FileError::Io(_))
    )
}

/// Reads the certificates in a bundle; `name` is for errors.
pub(crate) fn certificates_in(
    pem: &[u8],
    name: &str,
) -> Result<Vec<CertificateDer<'static>>, Usage> {
    let pem = as_openssl_reads(pem);
    let mut certificates = Vec::new();
    for one in CertificateDer::pem_slice_iter(&pem) {
        let usable = one.ok().filter(|one| {
            let added = rustls::RootCertStore::empty().add(one.clone());
            added.is_ok()
        });
        let number = certificates.len() + 1;
        certificates.push(usable.ok_or_else(|| {
            say(
                format!(
                    "{name}: certificate {number} can't be used: expected a complete X.509 certificate in \
                     PEM, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
                ),
                format!(
                    "{name}：第 {number} 张证书无法使用：应为完整的 PEM 格式 X.509 证书，\
                     从 -----BEGIN CERTIFICATE----- 到 -----END CERTIFICATE-----"
                ),
            )
        })?);
    }
    if certificates.is_empty() {
        return Err(say(
            format!("{name} has no certificate: expected -----BEGIN CERTIFICATE-----"),
            format!("{name} 中没有证书：应有 -----BEGIN CERTIFICATE-----"),
        )
        .into());
    }
    Ok(certificates)
}

/// Prepares a bundle as OpenSSL would read it, with each mark on a line of its own: without byte order marks and with
/// line breaks where files were joined, and without the old name of a certificate (RFC 7468 §5.3).
fn as_openssl_reads(pem: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(pem);
    text.replace('\u{feff}', "")
        .replace("----------BEGIN", "-----\n-----BEGIN")
        .replace("X509 CERTIFICATE-----", "CERTIFICATE-----")
        .into_bytes()
}

/// Returns the store of a history file, which may not exist yet. Its content may be damaged, but a path at which it
/// could never be saved is an error at once.
pub(crate) fn history(path: &Path) -> Result<FileHistory, Usage> {
    let name = words::file(path);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if !folder.is_none_or(Path::is_dir) {
        let why = say(
            format!("{name}: no such folder"),
            format!("{name}：文件夹不存在"),
        );
        return Err(Usage::from(why).in_option("--history"));
    }
    match Target::of(path).and_then(|target| target.look()) {
        Ok(()) | Err(FileError::Io(_)) => Ok(FileHistory::new(path)),
        Err(error) => Err(why(path, error).in_option("--history")),
    }
}

/// Returns a scenario file's text and name.
pub(crate) fn scenario(path: &Path) -> Result<(String, String), Usage> {
    Ok((text(path)?, words::file(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(std::path::PathBuf);

    impl Scratch {
        fn new(name: &str, content: &[u8]) -> Self {
            let name = format!("easelect-input-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, content).unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn told<T>(result: Result<T, Usage>) -> String {
        let Err(Usage(why)) = result else {
            panic!("is taken");
        };
        why.of(Lang::En).to_owned()
    }

    #[test]
    fn what_windows_writes_is_read_or_named() {
        let own = "{\"endpoint\": [{\"region\": \"sgp1\", \"service\": \"rest\",\r\n\
                   \"url\": \"https://own.example/\"}]}";
        let marked = Scratch::new("marked.json", format!("\u{feff}{own}").as_bytes());
        assert_eq!(catalog(Some(&marked.0)).unwrap().endpoints().len(), 45);
        let wide: Vec<u8> = own.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide = Scratch::new("wide.json", &[b"\xff\xfe", wide.as_slice()].concat());
        assert!(told(catalog(Some(&wide.0))).ends_with("is UTF-16: save it as UTF-8"));
    }

    #[test]
    fn wrong_files_are_named() {
        let bad = Scratch::new("bad.toml", b"a = 1\nb = \xff");
        assert!(told(catalog(Some(&bad.0))).ends_with("bad.toml:2: not UTF-8 at byte 10"));
        let big = Scratch::new("big.toml", &vec![b' '; 3 << 20]);
        assert!(told(catalog(Some(&big.0))).contains("2 MiB"));
        assert!(told(catalog(Some(Path::new("x.yaml")))).contains(".toml or .json"));
        assert!(told(catalog(Some(Path::new("missing.toml")))).contains("can't be read"));
        let empty = Scratch::new("empty.pem", b"nothing");
        assert!(told(certificates(Some(&empty.0))).contains("no certificate"));
        let broken = Scratch::new("broken.pem", b"-----BEGIN CERTIFICATE-----\n!!\n");
        assert!(told(certificates(Some(&broken.0))).contains("certificate 1 can't be used"));
    }

    #[test]
    fn a_certificate_cut_anywhere_is_none() {
        let scratch = std::env::temp_dir().join(format!("easelect-cut-{}", std::process::id()));
        let certified = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let base64 = data_encoding::BASE64.encode(certified.cert.der());
        let lines: Vec<_> = (base64.as_bytes().chunks(64))
            .map(String::from_utf8_lossy)
            .collect();
        let body = lines.join("\n");
        let good = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----");
        for end in 0..good.len() {
            std::fs::write(&scratch, &good[..end]).unwrap();
            assert!(certificates(Some(&scratch)).is_err(), "cut at {end}");
        }
        // As bundles are found: joined without a line break, with byte order marks, under the old name.
        let old = good.replace(" CERTIFICATE", " X509 CERTIFICATE");
        for (bundle, count) in [
            (good.clone(), 1),
            (format!("\u{feff}{good}"), 1),
            (format!("{good}{good}"), 2),
            (format!("{good}\r\n\u{feff}{old}"), 2),
            (good.replace('\n', "\r\n"), 1),
        ] {
            std::fs::write(&scratch, &bundle).unwrap();
            assert_eq!(
                certificates(Some(&scratch)).unwrap().len(),
                count,
                "{bundle}"
            );
        }
        std::fs::remove_file(&scratch).unwrap();
    }
}
