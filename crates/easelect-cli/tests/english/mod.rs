// Finds English words in Chinese text. The command's unit tests include this file, too.

/// Names that are the same in every language: protocols, formats, products, programs, words of the command line, and
/// placeholders.
const NAMES: &[&str] = &[
    // Protocols, formats, units.
    "ASCII",
    "BEGIN",
    "CERTIFICATE",
    "DNS",
    "END",
    "HTML",
    "HTTP",
    "HTTPS",
    "JSON",
    "MiB",
    "PEM",
    "REST",
    "SYN",
    "TCP",
    "TLS",
    "TOML",
    "UDP",
    "URL",
    "UTF",
    "Unicode",
    "VIP",
    "WebSocket",
    "gzip",
    // Products and programs.
    "Ctrl",
    "Easemob",
    "Linux",
    "SDK",
    "Windows",
    "curl",
    "easelect",
    "macOS",
    "token",
    // Easemob uses these in Chinese, too.
    "APP",
    "App",
    "Key",
    "ORG",
    // Commands.
    "advise",
    "compare",
    "completions",
    "connect",
    "diagnose",
    "explain",
    "list",
    "page",
    "server",
    // Shells, and the manual.
    "bash",
    "elvish",
    "fish",
    "man",
    "powershell",
    "zsh",
    // SDKs.
    "android",
    "desktop",
    "flutter",
    "harmonyos",
    "ios",
    "native",
    "react",
    "uniapp",
    "unity",
    // Identifiers.
    "alipay",
    "all",
    "beijing",
    "csv",
    "files",
    "host",
    "hosts",
    "hostile",
    "html",
    "json",
    "legacy",
    "mainland",
    "markdown",
    "max",
    "mean",
    "port",
    "prometheus",
    "protocol",
    "provisioning",
    "rest",
    "summary",
    "table",
    "vip",
    "websocket",
    "wechat",
    // Placeholders.
    "ADDR",
    "HOST",
    "PASSWORD",
    "PATH",
    "PORT",
    "USER",
];

/// Returns the English words of three letters or more in a text, except [`NAMES`], quoted ones ("…", “…”, `…`), and parts
/// of options, URLs, paths, files, hosts, and identifiers with a digit or `_`.
pub(crate) fn english_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let is_between = |c: char| c.is_whitespace() || (!c.is_ascii() && !"…\u{fffd}".contains(c));
    for chunk in unquoted(text).split(|c| is_between(c) || "()[]<>,;|".contains(c)) {
        if chunk.starts_with('-') || chunk.contains(['/', '\\']) {
            continue;
        }
        for part in chunk.split([':', '=']) {
            let is_name = |c: char| c == '_' || c.is_ascii_digit();
            // Files and hosts, and extensions alone.
            let is_dotted = part.trim_end_matches('.').contains('.');
            if is_dotted || part.contains(is_name) {
                continue;
            }
            let found = part.split(|c: char| !c.is_ascii_alphabetic());
            let found = found.filter(|word| word.len() > 2 && !NAMES.contains(word));
            words.extend(found.map(str::to_owned));
        }
    }
    words
}

/// Removes quotations. One without an end goes to the end of the text.
fn unquoted(text: &str) -> String {
    let mut rest = String::new();
    let mut until = None;
    for c in text.chars() {
        match (until, c) {
            (Some(end), _) if c == end => until = None,
            (Some(_), _) => continue,
            (None, '"' | '`') => until = Some(c),
            (None, '“') => until = Some('”'),
            (None, _) => {
                rest.push(c);
                continue;
            }
        }
        rest.push(' ');
    }
    rest
}
