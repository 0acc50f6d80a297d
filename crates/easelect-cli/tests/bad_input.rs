//! Wrong options and files: exit status 2, nothing written, and one line that names the option or the place in the file,
//! in both languages, without an English word in Chinese.

mod english;

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use english::english_words;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("easelect-bad-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    /// A file there, as an argument.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> OsString {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.into_os_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the command. Returns its exit status and standard error.
fn ran(args: &[OsString], locale: &str) -> (Option<i32>, String) {
    ran_with(args, [("LC_ALL", locale)])
}

/// … with these environment variables.
fn ran_with<const N: usize>(
    args: &[OsString],
    variables: [(&str, &str); N],
) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_easelect"))
        .args(args)
        .envs(variables)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (done, told) = mpsc::channel();
    thread::spawn(move || {
        let mut told = Vec::new();
        let read = stderr.read_to_end(&mut told);
        done.send(read.map(|_| told))
    });
    // A command that waits for the other side of a pipe would wait for ever.
    let told = told.recv_timeout(Duration::from_secs(60));
    if told.is_err() {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap().code();
    let told = told.unwrap_or_else(|_| panic!("{args:?} waits for something"));
    (status, String::from_utf8(told.unwrap()).unwrap())
}

/// Checks what holds for every error, and returns the English one.
fn why(args: &[OsString]) -> String {
    let shown: String = format!("{args:?}").chars().take(300).collect();
    let told = |locale| {
        let started = Instant::now();
        let (status, told) = ran(args, locale);
        assert_eq!(status, Some(2), "{shown}: {told}");
        assert!(started.elapsed() < Duration::from_secs(30), "{shown}");
        let why = told.strip_prefix("easelect: ").expect(&told);
        let why = why.strip_suffix('\n').expect(&told).to_owned();
        assert!(!why.chars().any(char::is_control), "{shown}: {why:?}");
        assert!(why.chars().count() < 1200, "{shown}: {why}");
        why
    };
    let chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let zh = told("zh_CN.UTF-8");
    assert!(zh.chars().any(chinese), "{shown}: {zh}");
    assert_eq!(english_words(&zh), [""; 0], "{shown}: {zh}");
    told("en_US.UTF-8")
}

#[test]
fn words_are_told_from_names() {
    for chinese in [
        "own.toml:3: 未知字段 `label`，应为 `region`",
        "--output 后面缺少文件名；见 --help",
        "wss://im.example/ws 的 \"host name\" 无法使用：“permission denied”",
        "无法读取 /etc/ssl/certs：不是 UTF-8（X.509、PEM、cn1、expected_cost、p50=300ms）",
        "应为 HOST:PORT:ADDR[,ADDR]…，文件名以 .toml 或 .json 结尾",
    ] {
        assert_eq!(english_words(chinese), [""; 0], "{chinese}");
    }
    for (mixed, words) in [
        ("应为 a number，见 the help", &["number", "the", "help"][..]),
        ("没有权限（os error 13）", &["error"]),
        ("own.toml:3: unknown 字段", &["unknown"]),
        ("一次round-trip。", &["round", "trip"]),
        ("\"host\" expected", &["expected"]),
    ] {
        assert_eq!(english_words(mixed), words, "{mixed}");
    }
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

#[test]
fn options_name_themselves_and_what_they_expect() {
    let long = "x".repeat(100_000);
    for (line, wanted) in [
        (
            "--rounds 0",
            "--rounds \"0\": expected a number from 1 to 100000",
        ),
        ("--rounds 1e3", "--rounds \"1e3\": expected a number"),
        (
            "--rounds 99999999999999999999",
            "--rounds \"99999999999999999999\": expected",
        ),
        ("--rounds ", "--rounds \"\": expected a number"),
        (
            "--in-flight -1",
            "--in-flight \"-1\": expected a number from 1 to 64",
        ),
        (
            "connect 0",
            "COUNT \"0\": expected a number from 1 to 10000",
        ),
        (
            "--timeout 5",
            "--timeout \"5\": expected a time above 0 and up to 24h",
        ),
        (
            "--timeout 99999999999999999999y",
            "--timeout \"99999999999999999999y\": expected",
        ),
        (
            "--deadline 18446744073709551615s",
            "--deadline \"18446744073709551615s\": expected",
        ),
        (
            "--deadline \u{1b}[2J",
            "--deadline \"\\u{1b}[2J\": expected a time",
        ),
        (
            "--resolve a:443",
            "--resolve: \"a:443\": expected HOST:PORT:ADDR[,ADDR]…",
        ),
        (
            "--resolve a:65536:10.0.0.1",
            "--resolve: \"a:65536:10.0.0.1\": expected HOST:PORT",
        ),
        ("--resolve ", "--resolve: \"\": expected HOST:PORT:ADDR"),
        (
            "--service web",
            "--service: unknown service \"web\": expected websocket, legacy,",
        ),
        (
            "--fail-above p50=fast",
            "--fail-above: \"p50=fast\" is not a threshold: not a duration",
        ),
        (
            "--proxy ftp://me:secret@h:1",
            "--proxy: not a proxy URL: unknown scheme: expected http://,",
        ),
        (
            "--lang fr",
            "--lang: unknown language \"fr\": expected zh or en",
        ),
        ("--format xml", "--format \"xml\": expected table, summary,"),
        (
            "--region mars",
            "--region: unknown region \"mars\": expected cn1, ",
        ),
        (
            "--lab --current wss://",
            "--current: \"wss://\" can't be an endpoint: ",
        ),
        (
            "--lab --current ws://h/",
            "--current: \"ws://h/\" can't be an endpoint: ",
        ),
        (
            "--lab nowhere",
            "--lab \"nowhere\": neither a file nor a built-in scenario",
        ),
        ("--catalog ", "--catalog: the file name is empty"),
        ("list --catalog none.toml", "none.toml can't be read: "),
        ("--cacert none.pem --lab", "none.pem can't be read: "),
        (
            "list --catalog own.yaml",
            "own.yaml: expected a file name that ends with .toml",
        ),
        (
            "--current https://me:hunter2@rs.example/server.json?app_key=org#app",
            "--current https://rs.example/server.json: the part after # is never sent to a server: write # as %23",
        ),
        (
            "list --output no/such/folder/x",
            "no/such/folder/x can't be written: the folder no/such/folder does not exist: create it first",
        ),
        (
            "--lab --output no-such-folder/new/",
            "no-such-folder/new/ can't be written: the folder no-such-folder does not exist: create it",
        ),
        ("--region ", "--region: the value is empty"),
        (
            "--region cn1,",
            "--region: there is a comma too many at the end",
        ),
        (
            "--service rest,,files",
            "--service: there is a comma too many",
        ),
        (
            "--resolve a:443:999.1.1.1",
            "--resolve: \"999.1.1.1\" is not an IP address",
        ),
        ("explain ", "explain: the code is empty"),
        (
            "explain 2 --sdk web",
            "--sdk \"web\": expected web4 or web5",
        ),
        ("compare", "A and B are missing"),
        ("compare a.json", "B is missing"),
        (
            "page --lab --output a.html",
            "page has no option --lab, because it measures nothing: see easelect page --help",
        ),
        (
            "connect --details",
            "connect has no option --details: see easelect connect --help",
        ),
        (
            "page --output a.txt",
            "--output a.txt: expected a name that ends with .html",
        ),
        ("--nonsense", "unknown option \"--nonsense\""),
        (
            &format!("--service {long}"),
            "--service: unknown service \"xxx",
        ),
        (&format!("--resolve {long}"), "--resolve: \"xxx"),
        (
            &format!("--region {long}"),
            "--region: unknown region \"xxx",
        ),
        (&format!("--{long}"), "unknown option \"--xxx"),
    ] {
        let why = why(&words(line));
        assert!(why.starts_with(wanted), "{wanted}\n{why}");
        assert!(!why.contains("secret"), "{why}");
    }
}

/// An error in the environment names the variable and doesn't repeat its value.
#[test]
fn a_proxy_of_the_environment_that_is_none_is_told() {
    for (locale, wanted) in [
        (
            "en_US.UTF-8",
            "easelect: environment variable https_proxy: not a proxy URL: unknown scheme: expected ",
        ),
        (
            "zh_CN.UTF-8",
            "easelect: 环境变量 `https_proxy`：代理的 URL 有误：应以 http://、https:// 或 socks5:// 开头\n",
        ),
    ] {
        let variables = [("LC_ALL", locale), ("https_proxy", "ftp://me:hunter2@h")];
        let (status, told) = ran_with(&words("--region cn1"), variables);
        assert_eq!(status, Some(2), "{told}");
        assert!(told.starts_with(wanted), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn no_secret_that_was_typed_is_repeated() {
    let scratch = Scratch::new("secrets");
    let own = |url: &str| {
        format!("[[endpoint]]\nregion = \"cn1\"\nservice = \"websocket\"\nurl = \"{url}\"\n")
    };
    let wrong_user = scratch.file("user.toml", own("wss://me:hunter2@im.example/ws"));
    let wrong_query = scratch.file("query.toml", own("ws://im.example/ws?token=hunter2"));
    let url = "wss://me:hunter2@im.example/ws?token=hunter2";
    let mut lines: Vec<Vec<OsString>> = [
        "--proxy http://me:hunter2@",
        "--proxy http://me:hunter2@h:0",
        "--proxy me:hunter2",
        "--no-proxy=http://me:hunter2@h",
        "--current wss://me:hunter2@im.example/",
        "--current wss://im.example/ws?token=hunter2",
        "--current ws://im.example/ws?token=hunter2",
        "--current im.example/ws?token=hunter2",
        "--current wss://im.example/ws?token=hunter2#x",
        "--region cn1 --current wss://im.example:0/ws?token=hunter2",
        "--current https://me:hunter2@/server.json?app_key=hunter2",
        "--current https://me:hunter2@h/server.json#hunter2",
    ]
    .map(words)
    .into();
    let options = [
        "--region",
        "--service",
        "--rounds",
        "--timeout",
        "--deadline",
        "--in-flight",
        "--resolve",
        "--cacert",
        "--catalog",
        "--history",
        "--output",
        "--dns",
        "--lab",
        "--fail-above",
        "--lang",
        "--format",
    ];
    for option in options {
        lines.push(words(&format!("{option} {url}")));
        lines.push(words(&format!("{option}={url}")));
    }
    // A proxy's URL, as people often write it, in the place of a file.
    for option in ["--cacert", "--catalog", "--history", "--output"] {
        for secret in [
            "me:hunter2@h:8080",
            "http:/me:hunter2@h",
            r"http:\\me:hunter2@h",
        ] {
            lines.push(words(&format!("{option}={secret}")));
        }
    }
    lines.extend([
        words(url),
        words(&format!("--{url}")),
        words(&format!("connect {url}")),
        words(&format!("list {url}")),
        words(&format!("server-json --from {url}")),
        words("server-json --app-key hunter2"),
        vec!["list".into(), "--catalog".into(), wrong_user],
        vec!["list".into(), "--catalog".into(), wrong_query],
    ]);
    for line in lines {
        for locale in ["zh_CN.UTF-8", "en_US.UTF-8"] {
            let (status, told) = ran(&line, locale);
            assert_eq!(status, Some(2), "{line:?}: {told}");
            assert!(told.starts_with("easelect: "), "{told}");
            assert!(!told.contains("hunter2"), "{line:?}: {told}");
        }
    }
}

/// Typed text and file names neither move the cursor nor change the direction of writing.
#[test]
fn nothing_hidden_is_repeated() {
    let odd = "a\u{1b}[2J\u{202e}\u{200b}\u{e0041}\u{3164}\u{115f}\u{2800}\u{ad}\u{fe0f}b";
    for option in [
        "--region",
        "--service",
        "--rounds",
        "--timeout",
        "--resolve",
        "--dns",
        "--lab",
        "--current",
        "--fail-above",
        "--lang",
        "--format",
        "--catalog",
        "--cacert",
        "--proxy",
    ] {
        let why = why(&[option.into(), odd.into()]);
        let raw = |c: &char| odd.contains(*c) && !c.is_ascii();
        assert_eq!(why.chars().find(raw), None, "{option}: {why}");
    }
    let why = why(&[odd.into()]);
    assert!(
        why.contains("a\\u{1b}[2J\\u{202e}\\u{200b}\\u{e0041}\\u{3164}"),
        "{why}"
    );
}

#[test]
fn arguments_that_are_not_utf8_are_told() {
    use std::os::unix::ffi::OsStringExt;

    let raw = || OsString::from_vec(b"a\xff\n".to_vec());
    for option in [
        "--region",
        "--resolve",
        "--rounds",
        "--lab",
        "--note",
        "--lang",
    ] {
        let why = why(&[option.into(), raw()]);
        assert_eq!(why, format!("{option}: \"a\u{fffd}\\n\" is not UTF-8"));
    }
    assert!(why(&["list".into(), "--catalog".into(), raw()]).contains("expected a file name"));
    assert!(why(&[raw()]).starts_with("unknown command"));
}

#[test]
fn files_are_told_by_name_and_line() {
    let scratch = Scratch::new("files");
    let binary: Vec<u8> = (0..=255).collect();
    let huge = vec![b' '; 10 << 20];
    for (name, content, wanted) in [
        ("a.toml", &b""[..], ":1: no entries: expected [[endpoint]]"),
        ("a.toml", &binary, ":2: not UTF-8 at byte 128"),
        ("a.toml", &huge, " is larger than 2 MiB"),
        (
            "a.toml",
            b"\nendpoint = 1\n",
            ":2: invalid type: integer `1`, expected a sequence",
        ),
        (
            "a.json",
            b"{\n\"x\": 1}",
            ":2: unknown field `x`, expected `region` or",
        ),
        ("a.json", b"\xff\xfe{\0}\0", " is UTF-16: save it as UTF-8"),
        ("a.json", &huge, " is larger than 2 MiB"),
    ] {
        let file = scratch.file(name, content);
        let why = why(&["list".into(), "--catalog".into(), file]);
        assert!(why.contains(&format!("{name}{wanted}")), "{wanted}\n{why}");
    }
    for (content, wanted) in [
        (
            &b"seed = -1\n"[..],
            ":1: invalid value: integer `-1`, expected u64",
        ),
        (&binary, ":2: not UTF-8 at byte 128"),
        (&huge, " is larger than 2 MiB"),
        (
            b"[[path]]\nrtt = \"1y\"\naddress = \"10.0.0.1\"",
            ":2: rtt ",
        ),
    ] {
        let file = scratch.file("s.toml", content);
        let why = why(&["--lab".into(), file]);
        assert!(why.contains(&format!("s.toml{wanted}")), "{wanted}\n{why}");
    }
    for content in [
        "x",
        "{}",
        "{\"schema\": 1}",
        "{\"schema\": 1, \"x\": 1e300}",
    ] {
        let file = scratch.file("report.json", content);
        let why = why(&["compare".into(), file.clone(), file]);
        assert!(why.contains("report.json: "), "{why}");
    }
    let folder = scratch.0.clone().into_os_string();
    let told = why(&["--cacert".into(), folder, "--lab".into()]);
    assert!(
        told.ends_with(": expected a file, found a folder"),
        "{told}"
    );
}

/// RFC 7468 §2.
fn pem(label: &str, der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.collect();
    let body = lines.join("\n");
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn certificates_are_told_by_file_and_number() {
    let scratch = Scratch::new("certificates");
    let certified = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let good = pem("CERTIFICATE", certified.cert.der());
    let key = pem("PRIVATE KEY", &certified.signing_key.serialize_der());
    let mut short = good.lines().map(str::to_owned).collect::<Vec<_>>();
    short.remove(2);
    let lines = |lines: &[String]| lines.join("\n");
    for (content, wanted) in [
        (
            String::new(),
            " has no certificate: expected -----BEGIN CERTIFICATE-----",
        ),
        (key, " has no certificate: expected"),
        (
            "\u{0}\u{1}\u{2}".repeat(1000),
            " has no certificate: expected",
        ),
        (lines(&short), ": certificate 1 can't be used: expected"),
        (
            format!("{good}{}", lines(&short)),
            ": certificate 2 can't be used: expected",
        ),
        (
            good.replace("MII", "!!!"),
            ": certificate 1 can't be used: expected",
        ),
        (" ".repeat(10 << 20), " is larger than 2 MiB"),
    ] {
        let file = scratch.file("own.pem", content);
        let why = why(&["--cacert".into(), file, "--lab".into()]);
        assert!(why.contains(&format!("own.pem{wanted}")), "{wanted}\n{why}");
    }
}

#[test]
fn a_history_that_can_not_be_kept_is_told_before() {
    let scratch = Scratch::new("history");
    let folder = scratch.0.clone();
    let connect = words("connect --lab --region cn1 --service websocket");
    for (history, wanted) in [
        (folder.clone(), ": expected a file, found a folder"),
        (folder.join("no/x.json"), ": no such folder"),
    ] {
        let mut args = connect.clone();
        args.extend(["--history".into(), history.into_os_string()]);
        let why = why(&args);
        assert!(
            why.starts_with("--history: ") && why.ends_with(wanted),
            "{why}"
        );
    }
    assert!(folder.is_dir());
}

#[test]
fn a_process_ends_with_2_and_one_line() {
    let scratch = Scratch::new("process");
    let report = scratch.file("report.txt", "as it was");
    let catalog = scratch.file("own.toml", "\n[[endpoint]]\nregion = 7\n");
    for lang in ["en", "zh"] {
        let mut args = words("list --output");
        args.extend([report.clone(), "--catalog".into(), catalog.clone()]);
        args.extend(["--lang".into(), lang.into()]);
        let (status, told) = ran(&args, "C.UTF-8");
        assert_eq!(status, Some(2), "{told}");
        assert!(
            told.starts_with("easelect: ") && told.ends_with('\n'),
            "{told}"
        );
        assert_eq!(told.matches('\n').count(), 1, "{told}");
        let wanted = match lang {
            "zh" => "own.toml:3: 类型不符：实为整数 `7`，应为字符串\n",
            _ => "own.toml:3: invalid type: integer `7`, expected a string\n",
        };
        assert!(told.ends_with(wanted), "{told}");
    }
    assert_eq!(fs::read_to_string(&report).unwrap(), "as it was");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 2);
}

#[test]
fn a_damaged_history_only_warns() {
    let scratch = Scratch::new("damaged");
    let history = scratch.file("h.json", b"{\"schema\":1,\"networks\":[{");
    for lang in ["en", "zh"] {
        let mut args = words("connect --lab --region cn1 --service websocket --format json");
        args.extend(["--lang".into(), lang.into(), "--output".into()]);
        args.push(scratch.0.join("report.json").into_os_string());
        args.extend(["--history".into(), history.clone()]);
        fs::write(&history, b"\xff{").unwrap();
        let (status, told) = ran(&args, "C.UTF-8");
        assert_eq!(status, Some(0), "{told}");
        assert_eq!(told.matches('\n').count(), 1, "{told}");
        let (warning, file) = match lang {
            "zh" => (
                "警告：",
                "h.json 不是历史文件（不是 UTF-8 编码（第 0 字节））",
            ),
            _ => ("warning: ", "h.json: not a history ("),
        };
        assert!(told.starts_with(warning) && told.contains(file), "{told}");
        let kept = fs::read_to_string(&history).unwrap();
        assert!(kept.starts_with("{\"schema\":1"), "{kept}");
    }
}

/// Not even root can write a temporary file next to a file whose name is almost as long as allowed.
#[test]
fn a_history_that_can_not_be_written_only_warns() {
    let scratch = Scratch::new("unwritten");
    let history = scratch.0.join("h".repeat(250));
    for (lang, wanted, why) in [
        (
            "en",
            "warning: what this run learned could not be saved: ",
            ": can't be written: ",
        ),
        (
            "zh",
            "警告：本次学到的内容未能保存：无法写入 ",
            "：文件名过长或含有不允许的字符\n",
        ),
    ] {
        let mut args = words("connect --lab --region cn1 --service websocket --format json");
        args.extend(["--lang".into(), lang.into(), "--output".into()]);
        args.push(scratch.0.join("report.json").into_os_string());
        args.extend(["--history".into(), history.clone().into_os_string()]);
        let (status, told) = ran(&args, "C.UTF-8");
        assert_eq!(status, Some(0), "{told}");
        assert_eq!(told.matches('\n').count(), 1, "{told}");
        assert!(told.starts_with(wanted) && told.contains(why), "{told}");
        assert!(!history.exists());
    }
}
