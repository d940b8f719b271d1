//! The program's command line, port file and sockets (IPC cases 1 to 11).
#![cfg(unix)]
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use runwire_tests::client::Client;
use runwire_tests::sidecar::{Launch, Sidecar, is_official};

// official: same
#[test]
fn ipc_01_help_goes_to_stderr() {
    for flag in ["-h", "--help"] {
        let end = Launch::bare().flag(flag).run();
        assert_eq!(end.code, Some(0));
        assert_eq!(end.stdout, "");
        for expected in ["port-filename", "idle-timeout", "listen-on-localhost", "os-pid-shutdown"] {
            assert!(end.stderr.contains(expected), "usage does not mention {expected}: {}", end.stderr);
        }
    }
}

// official: same
#[test]
fn ipc_02_unknown_flag_is_refused() {
    let end = Launch::bare().flag("--bogus").run();
    assert_eq!(end.code, Some(2));
    assert!(end.stderr.contains("bogus"), "{}", end.stderr);
    assert_eq!(end.stdout, "");
}

// official: differs, it knows no such flag and exits with 2
#[test]
fn ipc_03_version() {
    let end = Launch::bare().flag("--version").run();
    if is_official() {
        assert_eq!(end.code, Some(2));
    } else {
        assert_eq!(end.code, Some(0));
        assert!(end.stdout.starts_with("runwire "), "{}", end.stdout);
        assert!(end.stdout.trim_end().split(' ').nth(1).is_some_and(|version| version.contains('.')), "{}", end.stdout);
    }
}

// official: same
#[test]
fn ipc_04_bad_durations_are_refused() {
    for duration in ["10", "-1s", "", "1x", "s"] {
        let end = Launch::bare().flag("--detached").flag("--idle-timeout").flag(duration).run();
        assert_eq!(end.code, Some(2), "duration {duration:?}");
        assert_ne!(end.stderr, "", "duration {duration:?}");
    }
}

// official: same
#[test]
fn ipc_04_good_durations_are_taken() {
    for duration in ["0", "10s", "500ms", "1h30m", "1.5h", "10m0s"] {
        // Help after the duration: nothing is started if all before it was understood.
        let end = Launch::bare().flag("--idle-timeout").flag(duration).flag("-h").run();
        assert_eq!(end.code, Some(0), "duration {duration:?}: {}", end.stderr);
    }
}

// official: same
#[test]
fn ipc_05_single_dash_and_equals_sign() {
    let launch = Launch::bare();
    let file = launch.dir().join("port.txt");
    let flag = format!("-port-filename={}", file.display());
    let sidecar = launch.flag("-pid=0").flag(flag).flag("-detached=false").flag("-no-observability").start();
    sidecar.connect().ping();
}

// official: same
#[test]
fn ipc_05_parsing_stops_at_the_first_positional() {
    let sidecar = Launch::new().start();
    sidecar.connect().ping();
    drop(sidecar);
    let launch = Launch::bare();
    let file = launch.dir().join("port.txt");
    let sidecar =
        launch.flag("--no-observability").flag("--port-filename").flag(&file).flag("stray").flag("--bogus").start();
    sidecar.connect().ping();
}

// official: same
#[test]
fn ipc_06_port_file_is_exact_and_atomic() {
    let sidecar = Launch::new().spawn();
    let start = Instant::now();
    let first = loop {
        if let Some(text) = sidecar.port_text() {
            break text;
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    };
    let path = sidecar.socket();
    assert!(path.is_absolute());
    assert_eq!(first, format!("unix={}\nEOF", path.display()));
    sidecar.connect().ping();
}

// official: same
#[test]
fn ipc_07_localhost_socket() {
    let sidecar = Launch::new().flag("--listen-on-localhost").start();
    let ports = sidecar.ports();
    let port = ports.tcp.expect("a port is offered");
    let path = ports.unix.expect("a path is offered");
    assert_eq!(sidecar.port_text(), Some(format!("unix={}\nsock={port}\nEOF", path.display())));
    Client::tcp(port).ping();
    Client::unix(&path).ping();
}

// official: same
#[test]
fn ipc_08_socket_folder_is_private() {
    let sidecar = Sidecar::start();
    let socket = sidecar.socket();
    assert_eq!(socket.file_name().and_then(|name| name.to_str()), Some("socket"));
    let dir = socket.parent().expect("a socket lies in a folder");
    let mode = fs::metadata(dir).expect("the folder is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let name = dir.file_name().and_then(|name| name.to_str()).expect("the name is text");
    assert!(name.starts_with(&format!("wandb-{}-{}-", std::process::id(), sidecar.pid())), "{name}");
}

// official: same
#[test]
fn ipc_09_long_temporary_folder() {
    let launch = Launch::new();
    let long = launch.dir().join("x".repeat(130));
    fs::create_dir(&long).expect("a long name is allowed");
    let sidecar = launch.env("TMPDIR", long).start();
    sidecar.connect().ping();
}

// official: same
#[test]
fn ipc_09_missing_temporary_folder() {
    let launch = Launch::new();
    let missing = launch.dir().join("missing");
    let sidecar = launch.env("TMPDIR", missing).start();
    sidecar.connect().ping();
}

// official: same, but it says nothing on stderr
#[test]
fn ipc_10_port_file_that_cannot_be_written() {
    let launch = Launch::bare();
    let file = launch.dir().join("missing").join("port.txt");
    let end = launch.flag("--no-observability").flag("--port-filename").flag(&file).run();
    assert_eq!(end.code, Some(1));
    assert_eq!(end.stdout, "");
    if !is_official() {
        assert!(end.stderr.contains(file.to_str().expect("test paths are UTF-8")), "{}", end.stderr);
    }
}

// official: same
#[test]
fn ipc_11_cache_folder_that_cannot_be_used() {
    let launch = Launch::new();
    let blocked = launch.dir().join("blocked");
    fs::write(&blocked, "a file where a folder should be").expect("a file can be written");
    let sidecar = launch.env("WANDB_CACHE_DIR", blocked.join("cache")).start();
    sidecar.connect().ping();
}
