//! On a machine without root certificates, building a selector fails with a remedy, rather than every
//! connection.

#![cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]

use std::process::Command;

use easelect::{Dialer, ErrorKind, Prober, Region, Selector, TlsClient};

/// The value of `SSL_CERT_FILE` and `SSL_CERT_DIR` in the child process.
const NOWHERE: &str = "/nonexistent/easelect";

/// Runs one of the ignored tests below in a child process, since it needs its own environment variables.
fn passes_without_roots(test: &str) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .env("SSL_CERT_FILE", NOWHERE)
        .env("SSL_CERT_DIR", NOWHERE)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{told}");
    assert!(told.contains("1 passed"), "{told}");
}

#[test]
fn no_roots_is_an_error_of_building() {
    passes_without_roots("without_roots");
}

#[test]
#[ignore = "for a process without roots"]
fn without_roots() {
    let told = [
        Selector::builder(Region::CN1).build().unwrap_err(),
        Prober::builder().build().unwrap_err(),
        TlsClient::with_platform_roots().unwrap_err(),
    ];
    for error in told {
        assert_eq!(error.kind(), ErrorKind::Tls);
        let message = error.to_string();
        for remedy in ["ca-certificates", "TlsClient::with_roots", "webpki-roots"] {
            assert!(message.contains(remedy), "{message}");
        }
    }
}

/// With the app's own roots, the system's are not needed.
#[test]
fn own_roots_do_without() {
    passes_without_roots("with_roots_of_its_own");
}

#[test]
#[ignore = "for a process without roots"]
fn with_roots_of_its_own() {
    let scenario = easelect_lab::Scenario::new(1);
    let lab = easelect_lab::Lab::new(scenario);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let _guard = runtime.as_ref().unwrap().enter();
    let root = lab.unwrap().root();
    let tls = TlsClient::with_roots([root.clone()]).unwrap();
    assert!(
        Selector::builder(Region::CN1)
            .dialer(Dialer::builder().tls(tls).build().unwrap())
            .build()
            .is_ok()
    );
    // An extra root alone is enough, too, since the user supplied it.
    assert!(TlsClient::with_platform_roots_and([root]).is_ok());
}

/// Reading a pipe could block, and reading a device might never end.
#[test]
fn a_bundle_that_is_no_file_is_told_at_once() {
    use std::io::Read;
    use std::process::Stdio;
    use std::sync::mpsc;
    use std::time::Duration;

    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let pipe = folder.join(format!("bundle-{}", std::process::id()));
    let large = folder.join(format!("large-{}", std::process::id()));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let sparse = std::fs::File::create(&large).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let of_many = folder.join(format!("bundles-{}", std::process::id()));
    std::fs::create_dir_all(&of_many).unwrap();
    let sparse = std::fs::File::create(of_many.join("abcd1234.0")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let no_file = "expected a file, found a pipe or a device";
    for (variable, bundle, wanted) in [
        ("SSL_CERT_FILE", pipe.as_path(), no_file),
        ("SSL_CERT_FILE", "/dev/zero".as_ref(), no_file),
        (
            "SSL_CERT_FILE",
            large.as_path(),
            "larger than 16777216 bytes",
        ),
        (
            "SSL_CERT_FILE",
            folder.as_path(),
            "expected a file, found a folder",
        ),
        (
            "SSL_CERT_DIR",
            of_many.as_path(),
            "more than 10000 files or 16777216 bytes",
        ),
    ] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "with_an_odd_bundle", "--ignored", "--nocapture"])
            .env(variable, bundle)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (done, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut told = String::new();
            let _ = stdout.read_to_string(&mut told);
            done.send(told)
        });
        let told = told.recv_timeout(Duration::from_secs(20));
        let _ = child.kill();
        child.wait().unwrap();
        let told = told.expect("it is waited for");
        let wanted = format!("{variable}: {}: {wanted}", bundle.display());
        assert!(
            told.contains("1 passed") && told.contains(&wanted),
            "{told}"
        );
    }
    for one in [pipe, large] {
        std::fs::remove_file(one).unwrap();
    }
    std::fs::remove_dir_all(of_many).unwrap();
}

#[test]
#[ignore = "for a process with a variable"]
fn with_an_odd_bundle() {
    let error = TlsClient::with_platform_roots().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
    println!("{error}");
}
