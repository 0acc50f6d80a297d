// Which English words stand in a Chinese text; tests hold that there are none. The command's own
// tests include this file.

/// Names that are the same in every language: of protocols, formats, products and programs, what the
/// command line calls things, and what users put other text in the place of.
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
    // What Easemob calls it in Chinese, too.
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
    // What stands for something else.
    "ADDR",
    "HOST",
    "PASSWORD",
    "PATH",
    "PORT",
    "USER",
];

/// The English words of a text: of three letters or more, unless they are quoted ("…", “…”, `…`), part of
/// an option, a URL, a path, a file or a host, of an identifier with a digit or `_` in it, or one of
/// [`NAMES`].
pub(crate) fn english_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let is_between = |c: char| c.is_whitespace() || (!c.is_ascii() && !"…\u{fffd}".contains(c));
    for chunk in unquoted(text).split(|c| is_between(c) || "()[]<>,;|".contains(c)) {
        if chunk.starts_with('-') || chunk.contains(['/', '\\']) {
            continue;
        }
        for part in chunk.split([':', '=']) {
            let is_name = |c: char| c == '_' || c.is_ascii_digit();
            // Also an extension alone.
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

/// Without what is quoted; a quotation that doesn't end goes to the end.
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
