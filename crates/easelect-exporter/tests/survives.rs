//! Clients and files that must not stop the exporter, fill its memory, or keep a scrape from its response.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use easelect_exporter::{Config, Limits, MAX_FILE, Network, Settings};
use easelect_lab::{Lab, Scenario};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn is_well(address: SocketAddr) {
    let answer = get(address, "/-/healthy").await;
    assert_eq!(answer.status, 200);
}

/// Sends bytes, and returns what the server sends until it closes.
async fn told(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may close before everything is sent.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut back = Vec::new();
        let _ = stream.read_to_end(&mut back).await;
        back
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("it closes")
}

#[tokio::test]
async fn nonsense_is_refused_and_harms_nobody() {
    let served = beijing().await;
    let many_fields = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    let long_line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let long_field = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(1_000_000));
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let nonsense: [&[u8]; 12] = [
        b"",
        b"\r\n\r\n\r\n",
        b"\x00\xff\xfe\x01 / \x00\r\n\r\n",
        tls,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        many_fields.as_bytes(),
        long_line.as_bytes(),
        long_field.as_bytes(),
    ];
    for bytes in nonsense {
        let back = String::from_utf8(told(served.address, bytes).await).unwrap();
        let refused = back.is_empty() || back.starts_with("HTTP/1.1 4");
        assert!(refused, "{:?}: {back}", &bytes[..bytes.len().min(60)]);
        is_well(served.address).await;
    }
    // Random changes, seeded.
    let mut state = 7_u64;
    for _ in 0..100 {
        let mut bytes = b"GET /probe?target=cn1/websocket HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
        for _ in 0..4 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let place = (state >> 33) as usize % bytes.len();
            bytes[place] = (state >> 25) as u8;
        }
        told(served.address, &bytes).await;
    }
    is_well(served.address).await;
}

/// The server reads no bodies: however long one is announced to be, the response comes.
#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let served = beijing().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut back = [0; 15];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"HTTP/1.1 200 OK");
}

/// Scrapes get through while clients hold open far more connections than the server allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_keep_nobody_out() {
    let count = 10_000.min(room_for_files());
    assert!(count >= 2000, "this needs more open files: ulimit -n");
    let served = beijing().await;
    let mut idle = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        // Of three, one sends nothing, one a part of a head, and one reads no response.
        match number % 3 {
            0 => {}
            1 => drop(stream.write_all(b"GET / HTTP/1.1\r\nHost: ").await),
            _ => drop(
                stream
                    .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                    .await,
            ),
        }
        idle.push(stream);
        // Before the kernel's queue of 1024 is full and clients have to repeat their SYN after a second.
        if number % 500 == 499 {
            is_well(served.address).await;
        }
    }
    let answer = get(served.address, "/probe?target=cn1/websocket").await;
    assert_eq!(answer.value("probe_success"), Some(1.0));
    #[cfg(target_os = "linux")]
    {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
        assert!(open < count + Limits::default().connections + 300, "{open}");
    }
}

/// Returns how many connections a test may hold open besides the server's.
fn room_for_files() -> usize {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};

        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
        let (now, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        usize::try_from(now)
            .unwrap_or(usize::MAX)
            .saturating_sub(1500)
    }
    #[cfg(not(unix))]
    10_000
}

/// The server closes each kind of idle connection: nothing sent, a head in parts, a response not read, a
/// connection kept open.
#[tokio::test]
async fn idle_connections_are_closed() {
    let mut limits = Limits::default();
    limits.first_request = Duration::from_millis(100);
    limits.idle = Duration::from_millis(200);
    let served = served_within(Scenario::beijing(), Settings::default(), limits).await;
    for said in ["", "GET / HT", "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut back = Vec::new();
        let reading = stream.read_to_end(&mut back);
        // Either a close or a reset will do.
        let _ = tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("it is closed");
        assert_eq!(back.starts_with(b"HTTP/1.1 200"), said.ends_with('\n'));
    }
    // A head sent byte by byte doesn't extend the timeout.
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let trickling = async {
        loop {
            if stream.write_all(b"a").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trickling)
        .await
        .expect("it is closed");
    // Nor do endless requests whose responses are never read.
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let asking = async {
        while stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .is_ok()
        {}
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("it is closed");
    is_well(served.address).await;
}

/// A connection that waits for a probe is not idle: it outlasts both limits.
#[tokio::test]
async fn a_probe_under_way_is_not_idle() {
    let mut limits = Limits::default();
    limits.first_request = Duration::from_millis(50);
    limits.idle = Duration::from_millis(50);
    limits.connections = 1;
    let served = served_within(Scenario::beijing(), Settings::default(), limits).await;
    let fault = easelect_lab::Fault::SilentTls;
    served
        .lab
        .set_fault("44.128.11.10".parse().unwrap(), fault)
        .unwrap();
    let waits = "X-Prometheus-Scrape-Timeout-Seconds: 1\r\n";
    let path = "/probe?target=im-api-v2.easemob.com";
    let slow = asked(served.address, "GET", path, waits);
    let other = async {
        while served.lab.dials() == 0 {
            tokio::task::yield_now().await;
        }
        get(served.address, "/-/healthy").await
    };
    let (slow, other) = tokio::join!(slow, other);
    assert_eq!(slow.value("probe_success"), Some(0.0));
    assert_eq!(other.status, 200);
}

#[test]
fn a_file_of_a_mebibyte_is_read_and_a_larger_one_is_not() {
    let network = Network::Lab(Lab::new(Scenario::beijing()).unwrap());
    let scratch = Scratch::new();
    let most = usize::try_from(MAX_FILE).unwrap();
    let mut text = "[modules.mine]\ntimeout = \"1s\"\n# ".to_owned();
    text.push_str(&"x".repeat(most - text.len()));
    let path = scratch.file("m.toml", &text);
    Config::read(&path, &network).unwrap();
    text.push('x');
    let path = scratch.file("m.toml", &text);
    assert!(Config::read(&path, &network).is_err());
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("[modules.m{n}]\n"))
            .collect::<String>()
    };
    for (text, is_good) in [
        (many(900), true),
        (many(most / 20), false),
        ("[".repeat(most), false),
        (format!("a = {}", "[".repeat(most - 4)), false),
        (format!("a = {}", "{a=".repeat(most / 4)), false),
        ("a.".repeat(most / 2), false),
        ("[modules.a]\n".repeat(most / 12), false),
        (
            format!(
                "[modules.a]\nurls = [{}]\n",
                "\"wss://x.example/\",".repeat(50_000)
            ),
            true,
        ),
        ("\u{feff}\u{0}".repeat(1000), false),
    ] {
        let path = scratch.file("m.toml", &text);
        let read = Config::read(&path, &network);
        let start: String = text.chars().take(30).collect();
        assert_eq!(read.is_ok(), is_good, "{start}: {:?}", read.err());
        if let Err(error) = read {
            let told = error.to_string();
            assert!(told.len() < 1500 && told.lines().count() == 1, "{told}");
        }
    }
    let path = scratch.file("m.toml", [0xff, 0xfe]);
    assert!(
        Config::read(&path, &network)
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}
