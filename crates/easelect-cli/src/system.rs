//! Facts from the operating system: the local time, what its terminal can show, and the proxies in its settings. The
//! latter are reported but not used: local proxies such as Clash set these instead of the environment.
//!
//! The settings come from each system's own program (`gsettings`, `scutil`, `reg`) and from KDE's file. Crates for it
//! leave out the scripts (PAC) that many companies have instead of a proxy. Exceptions, and proxies that WPAD would find,
//! are not reported.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use easelect::{Proxy, without_secrets};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// The programs answer in milliseconds. A desktop that hangs must not delay the report.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The programs' output and KDE's file are a few kB.
const MOST: u64 = 1024 * 1024;

/// Absolute paths only: a program planted in a folder of `PATH`, or in the current one, must not be run.
const GSETTINGS: &[&str] = &[
    "/usr/bin/gsettings",
    #[cfg(any(target_os = "freebsd", target_os = "openbsd", target_os = "dragonfly"))]
    "/usr/local/bin/gsettings",
    #[cfg(target_os = "netbsd")]
    "/usr/pkg/bin/gsettings",
    // NixOS.
    "/run/current-system/sw/bin/gsettings",
];
const SCUTIL: &str = "/usr/sbin/scutil";

const INTERNET_SETTINGS: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings";

/// Returns the URLs of the proxies in the system's settings, without user and password; a script's begins with `PAC`.
pub(crate) async fn proxies() -> Vec<String> {
    match std::env::consts::OS {
        "macos" => scutil(&output(Path::new(SCUTIL), &["--proxy"]).await),
        "windows" => registry(&output(&reg(), &["query", INTERNET_SETTINGS]).await),
        _ => {
            let settings = ["list-recursively", "org.gnome.system.proxy"];
            let program = GSETTINGS.iter().map(Path::new).find(|one| one.exists());
            let mut found = match program {
                Some(program) => gsettings(&output(program, &settings).await),
                None => Vec::new(),
            };
            for one in kde_file().map(|text| kde(&text)).unwrap_or_default() {
                add(&mut found, Some(one));
            }
            found
        }
    }
}

/// Returns by how many seconds local time is ahead of UTC.
pub(crate) fn utc_offset() -> Option<i32> {
    Some(chrono::Local::now().offset().local_minus_utc())
}

/// Returns the local time as a file's name has it: `20261126-1004`.
pub(crate) fn stamp() -> String {
    chrono::Local::now().format("%Y%m%d-%H%M").to_string()
}

/// Whether the locale limits the terminal to ASCII. Terminals of Windows and macOS show more whatever the locale; if
/// their font lacks the characters, `--ascii` helps.
pub(crate) fn only_ascii() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let wide = |locale: String| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    cfg!(all(unix, not(target_os = "macos"))) && locale.is_some_and(|locale| !wide(locale))
}

/// Returns the folder of Windows itself.
fn windows() -> PathBuf {
    let root = std::env::var_os("SystemRoot").map(PathBuf::from);
    let root = root.filter(|root| root.is_absolute());
    root.unwrap_or_else(|| PathBuf::from(r"C:\Windows"))
}

/// Windows' own `reg`.
fn reg() -> PathBuf {
    windows().join("System32").join("reg.exe")
}

/// Opens a report on Windows as a double-click would.
pub(crate) fn open(file: &Path) {
    let mut explorer = std::process::Command::new(windows().join("explorer.exe"));
    // If that fails, the user has the path.
    let _ = explorer.arg(file).spawn();
}

/// Returns a program's output up to a limit; nothing if the program is missing or late. A late one is killed.
async fn output(program: &Path, args: &[&str]) -> String {
    let run = async {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut printed = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MOST).read_to_end(&mut printed).await?;
        }
        // The pipe is closed by now, so a program with more output ends, too.
        std::io::Result::Ok((printed, child.wait().await?))
    };
    match tokio::time::timeout(TIMEOUT, run).await {
        Ok(Ok((printed, _))) => String::from_utf8_lossy(&printed).into_owned(),
        _ => String::new(),
    }
}

fn kde_file() -> Option<String> {
    // Relative paths are invalid by the XDG Base Directory Specification.
    let of = |name| {
        let folder = std::env::var_os(name).map(PathBuf::from);
        folder.filter(|folder| folder.is_absolute())
    };
    let folder = of("XDG_CONFIG_HOME").or_else(|| Some(of("HOME")?.join(".config")))?;
    let read = easelect_file::read(&folder.join("kioslaverc"), MOST).ok()?;
    String::from_utf8(read).ok()
}

fn add(found: &mut Vec<String>, one: Option<String>) {
    if let Some(one) = one.filter(|one| !found.contains(one)) {
        found.push(one);
    }
}

/// Builds a proxy's URL from its parts.
fn url(scheme: &str, host: Option<&str>, port: Option<&str>) -> Option<String> {
    let host = host.filter(|host| !host.is_empty())?;
    let host = host.split_once("://").map_or(host, |(_, host)| host);
    let at = match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    Some(at.parse::<Proxy>().ok()?.to_string())
}

/// Returns a script's URL without user and query: either may be secret.
fn script(url: Option<&str>) -> Option<String> {
    let url = url.filter(|url| !url.is_empty())?;
    let url = without_secrets(url).replace("…@", "");
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://").unwrap_or(("file", url));
    Some(format!("PAC {scheme}://{rest}"))
}

/// `gsettings list-recursively org.gnome.system.proxy`: `SCHEMA KEY VALUE` lines.
fn gsettings(text: &str) -> Vec<String> {
    let settings: BTreeMap<(&str, &str), &str> = text
        .lines()
        .filter_map(|line| {
            let (schema, rest) = line.split_once(' ')?;
            let (key, value) = rest.split_once(' ')?;
            let kind = schema.strip_prefix("org.gnome.system.proxy")?;
            Some(((kind, key), value.trim().trim_matches('\'')))
        })
        .collect();
    let get = |kind, key| settings.get(&(kind, key)).copied();
    let mut found = Vec::new();
    match get("", "mode") {
        Some("manual") => {
            for (kind, scheme) in [(".https", "http"), (".socks", "socks5")] {
                add(
                    &mut found,
                    url(scheme, get(kind, "host"), get(kind, "port")),
                );
            }
        }
        Some("auto") => add(&mut found, script(get("", "autoconfig-url"))),
        _ => {}
    }
    found
}

/// KDE's `kioslaverc`; a space separates host and port.
fn kde(text: &str) -> Vec<String> {
    let section = text
        .lines()
        .skip_while(|line| line.trim() != "[Proxy Settings]");
    let settings: BTreeMap<&str, &str> = section
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .collect();
    let get = |key| settings.get(key).copied();
    let mut found = Vec::new();
    match get("ProxyType") {
        Some("1") => {
            for (key, scheme) in [("httpsProxy", "http"), ("socksProxy", "socks5")] {
                let (host, port) = match get(key).map(|value| (value, value.rsplit_once(' '))) {
                    Some((_, Some((host, port)))) => (Some(host), Some(port)),
                    Some((host, None)) => (Some(host), None),
                    None => (None, None),
                };
                add(&mut found, url(scheme, host, port));
            }
        }
        Some("2") => add(&mut found, script(get("Proxy Config Script"))),
        _ => {}
    }
    found
}

/// macOS's `scutil --proxy`: `Key : Value` lines.
fn scutil(text: &str) -> Vec<String> {
    let settings: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.trim().split_once(" : "))
        .collect();
    let get = |key: &str| settings.get(key).copied();
    let mut found = Vec::new();
    for (kind, scheme) in [("HTTPS", "http"), ("SOCKS", "socks5")] {
        if get(&format!("{kind}Enable")) == Some("1") {
            let (host, port) = (get(&format!("{kind}Proxy")), get(&format!("{kind}Port")));
            add(&mut found, url(scheme, host, port));
        }
    }
    if get("ProxyAutoConfigEnable") == Some("1") {
        add(&mut found, script(get("ProxyAutoConfigURLString")));
    }
    found
}

/// Windows' `reg query`: `Name  REG_TYPE  Value` lines. One server for all, or `kind=server;…`.
fn registry(text: &str) -> Vec<String> {
    let settings: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().split_once(char::is_whitespace)?;
            let (_, value) = rest.trim_start().split_once(char::is_whitespace)?;
            Some((name, value.trim()))
        })
        .collect();
    let get = |key| settings.get(key).copied();
    let mut found = Vec::new();
    if get("ProxyEnable") == Some("0x1") {
        for server in get("ProxyServer").unwrap_or_default().split(';') {
            let one = match server.split_once('=') {
                None => url("http", Some(server), None),
                Some(("https", server)) => url("http", Some(server), None),
                Some(("socks", server)) => url("socks5", Some(server), None),
                Some(_) => None,
            };
            add(&mut found, one);
        }
    }
    add(&mut found, script(get("AutoConfigURL")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [&str; 2] = ["http://127.0.0.1:7890", "socks5://127.0.0.1:7891"];
    const SCRIPT: [&str; 1] = ["PAC http://wpad.corp/proxy.pac"];

    #[test]
    fn gnomes_settings() {
        let text = |mode| {
            format!(
                "org.gnome.system.proxy autoconfig-url 'http://me:pw@wpad.corp/proxy.pac?key=1'\n\
                 org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8']\n\
                 org.gnome.system.proxy mode '{mode}'\n\
                 org.gnome.system.proxy.http host 'other'\n\
                 org.gnome.system.proxy.https host '127.0.0.1'\n\
                 org.gnome.system.proxy.https port 7890\n\
                 org.gnome.system.proxy.socks host '127.0.0.1'\n\
                 org.gnome.system.proxy.socks port 7891\n"
            )
        };
        assert_eq!(gsettings(&text("manual")), BOTH);
        assert_eq!(gsettings(&text("auto")), SCRIPT);
        assert!(gsettings(&text("none")).is_empty() && gsettings("").is_empty());
    }

    #[test]
    fn no_secret_of_a_script_s_url_is_told() {
        for (url, told) in [
            (
                "http://me:hunter2@wpad/x.pac?hunter2",
                "PAC http://wpad/x.pac",
            ),
            ("http://me:hunt/hunter2@wpad/x.pac", "PAC http://wpad/x.pac"),
            ("http:/me:hunter2@wpad/x.pac", "PAC http://wpad/x.pac"),
            ("http://me:hunt?hunter2@wpad/x.pac", "PAC http://…"),
            ("http://me:hunt#hunter2@wpad/x.pac", "PAC http://…"),
            ("me:hunter2@wpad/x.pac", "PAC file://wpad/x.pac"),
            ("/etc/x.pac#hunter2", "PAC file:///etc/x.pac"),
        ] {
            assert_eq!(script(Some(url)).as_deref(), Some(told), "{url}");
        }
    }

    #[test]
    fn kdes_settings() {
        let text = |kind| {
            format!(
                "[Other]\nhttpsProxy=x\n[Proxy Settings]\nProxyType={kind}\n\
                 Proxy Config Script=http://wpad.corp/proxy.pac\n\
                 httpsProxy=http://127.0.0.1 7890\nsocksProxy=socks://127.0.0.1:7891\n[More]\n"
            )
        };
        assert_eq!(kde(&text(1)), BOTH);
        assert_eq!(kde(&text(2)), SCRIPT);
        assert!(kde(&text(0)).is_empty() && kde("").is_empty());
    }

    #[test]
    fn macos_settings() {
        let text = "<dictionary> {\n  ExceptionsList : <array> {\n    0 : *.local\n  }\n  \
                    HTTPEnable : 0\n  HTTPSEnable : 1\n  HTTPSPort : 7890\n  \
                    HTTPSProxy : 127.0.0.1\n  SOCKSEnable : 1\n  SOCKSPort : 7891\n  \
                    SOCKSProxy : 127.0.0.1\n}\n";
        assert_eq!(scutil(text), BOTH);
        let auto = "  HTTPSEnable : 0\n  HTTPSProxy : x\n  ProxyAutoConfigEnable : 1\n  \
                    ProxyAutoConfigURLString : http://wpad.corp/proxy.pac\n";
        assert_eq!(scutil(auto), SCRIPT);
        assert!(scutil("").is_empty());
    }

    #[test]
    fn windows_settings() {
        let text = |enabled, server| {
            format!(
                "\r\nHKEY_CURRENT_USER\\Software\\…\\Internet Settings\r\n    \
                 ProxyEnable    REG_DWORD    {enabled}\r\n    \
                 ProxyServer    REG_SZ    {server}\r\n"
            )
        };
        assert_eq!(registry(&text("0x1", "127.0.0.1:7890")), BOTH[..1]);
        let several = "http=a:1;https=127.0.0.1:7890;socks=127.0.0.1:7891";
        assert_eq!(registry(&text("0x1", several)), BOTH);
        assert!(registry(&text("0x0", several)).is_empty() && registry("").is_empty());
        let auto = "    AutoConfigURL    REG_SZ    http://wpad.corp/proxy.pac\r\n";
        assert_eq!(registry(auto), SCRIPT);
    }
}
