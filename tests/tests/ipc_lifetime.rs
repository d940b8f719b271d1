//! What ends the process: parent, signals, idleness (IPC cases 12 to 18).
//!
//! Time limits are the promised ones with room for a busy machine.
#![cfg(unix)]
use std::time::{Duration, Instant};

use runwire_tests::client::{Run, settings};
use runwire_tests::sidecar::{Launch, Sidecar, await_that, is_official, is_running};

/// What "at once" may take on a busy machine.
const SOON: Duration = Duration::from_secs(1);

// official: same
#[test]
fn ipc_12_not_the_child_of_the_given_parent() {
    let launch = Launch::bare().flag("--no-observability").flag("--pid").flag("1");
    let file = launch.dir().join("port.txt");
    let mut sidecar = launch.flag("--port-filename").flag(&file).spawn();
    assert_eq!(sidecar.wait(SOON), Some(0));
    assert!(sidecar.socket_dirs().is_empty());
}

// official: same
#[test]
fn ipc_13_without_pid_the_parent_is_not_watched() {
    let mut sidecar = Launch::new().no_pid().under_shell().start();
    sidecar.connect().ping();
    sidecar.kill_parent();
    std::thread::sleep(Duration::from_millis(400));
    assert!(sidecar.is_alive());
    sidecar.connect().ping();
}

// official: same
#[test]
fn ipc_14_ends_with_its_parent() {
    let mut sidecar = Launch::new().under_shell().start();
    let pid = sidecar.pid();
    sidecar.connect().ping();
    let died = Instant::now();
    sidecar.kill_parent();
    await_that("the sidecar to follow its parent", || (!is_running(pid)).then_some(()));
    assert!(died.elapsed() < SOON, "took {:?}", died.elapsed());
    assert!(sidecar.socket_dirs().is_empty());
}

// official: same
#[test]
fn ipc_14_detached_outlives_its_parent() {
    let mut sidecar = Launch::new().flag("--detached").under_shell().start();
    sidecar.kill_parent();
    std::thread::sleep(Duration::from_millis(400));
    sidecar.connect().ping();
}

// official: same
#[test]
fn ipc_15_idle_without_client() {
    let mut sidecar = Launch::new().flag("--detached").flag("--idle-timeout").flag("500ms").start();
    assert_eq!(sidecar.wait(Duration::from_secs(3)), Some(0));
    let took = sidecar.started().elapsed();
    assert!(took > Duration::from_millis(490), "ended too early, after {took:?}");
    assert!(sidecar.socket_dirs().is_empty());
}

// official: same
#[test]
fn ipc_15_a_client_keeps_it_alive() {
    let mut sidecar = Launch::new().flag("--detached").flag("--idle-timeout").flag("500ms").start();
    let mut client = sidecar.connect();
    client.ping();
    std::thread::sleep(Duration::from_millis(900));
    client.ping();
    let left = Instant::now();
    drop(client);
    assert_eq!(sidecar.wait(Duration::from_secs(3)), Some(0));
    let took = left.elapsed();
    assert!(took > Duration::from_millis(490), "ended too early, after {took:?}");
}

// official: differs, about one time in four it loses the run
#[test]
fn ipc_16_idle_end_finishes_runs() {
    let mut sidecar = Launch::new().flag("--detached").flag("--idle-timeout").flag("300ms").start();
    let mut run = Run::begin(sidecar.connect(), settings::offline(sidecar.dir(), "run1"));
    run.row(&[("loss", "1")]);
    run.settle();
    let path = run.log_path();
    drop(run);
    assert_eq!(sidecar.wait(Duration::from_secs(5)), Some(0));
    if !is_official() {
        let log = runwire_tests::logs::Log::read(&path);
        assert_eq!(log.count("run"), 1);
        assert_eq!(log.column("loss"), ["1"]);
        assert_eq!(log.exit_code(), 0);
    }
}

fn ends_with_128(signal: &str) {
    let mut sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    client.ping();
    let sent = Instant::now();
    sidecar.signal(signal);
    assert_eq!(sidecar.wait(SOON), Some(128), "SIG{signal}");
    assert!(sent.elapsed() < SOON);
    assert!(sidecar.socket_dirs().is_empty());
    assert_eq!(client.rest(), []);
}

// official: same
#[test]
fn ipc_17_sigterm() {
    ends_with_128("TERM");
}

// official: same
#[test]
fn ipc_18_sigint() {
    ends_with_128("INT");
}

// official: same
#[test]
fn ipc_18_other_signals_are_survived() {
    let sidecar = Sidecar::start();
    for signal in ["USR1", "PIPE"] {
        sidecar.signal(signal);
    }
    sidecar.connect().ping();
}
