//! What was accepted survives signals, the parent's death and our own (IPC case 82 and beyond).
//!
//! The official client writes its log when a block is full, every 15 seconds and at the orderly end: here it loses all.
#![cfg(unix)]
use std::time::{Duration, Instant};

use runwire_tests::client::{Run, Scene, settings};
use runwire_tests::logs::Log;
use runwire_tests::sidecar::{Launch, Sidecar, await_that, is_official, is_running};

/// Time that an end by a signal may take.
const SIGNAL_LIMIT: Duration = Duration::from_secs(1);
/// Time that an end by the parent's death may take.
const PARENT_LIMIT: Duration = Duration::from_secs(2);

fn hundred_rows(run: &mut Run) {
    for value in 0..100 {
        run.row(&[("x", &value.to_string())]);
    }
}

fn check(log: &Log, rows: i64, code: i32) {
    assert!(log.ends_cleanly);
    assert_eq!(log.steps(), (0..rows).collect::<Vec<_>>());
    assert_eq!(log.exit_code(), code);
}

fn signal_keeps_all(signal: &str) {
    let mut scene = Scene::new();
    let mut finished = scene.another("run2");
    finished.row(&[("y", "1")]);
    finished.exit(3);
    hundred_rows(&mut scene);
    scene.settle();
    let sent = Instant::now();
    scene.sidecar.signal(signal);
    assert_eq!(scene.sidecar.wait(SIGNAL_LIMIT), Some(128));
    assert!(sent.elapsed() < SIGNAL_LIMIT);
    if !is_official() {
        check(&scene.log(), 100, 1);
        check(&finished.log(), 1, 3);
    }
}

// official: differs, leaves the 7 bytes of the header
#[test]
fn ipc_82_sigterm_keeps_all_rows() {
    signal_keeps_all("TERM");
}

// official: differs, leaves the 7 bytes of the header
#[test]
fn ipc_82_sigint_keeps_all_rows() {
    signal_keeps_all("INT");
}

// official: differs, leaves the 7 bytes of the header
#[test]
fn better_sigterm_commits_the_pending_row() {
    let mut scene = Scene::new();
    scene.row_at(0, &[("x", "1")]);
    scene.settle();
    scene.sidecar.signal("TERM");
    assert_eq!(scene.sidecar.wait(SIGNAL_LIMIT), Some(128));
    if !is_official() {
        check(&scene.log(), 1, 1);
    }
}

// official: differs, leaves the 7 bytes of the header
#[test]
fn better_sigkill_loses_at_most_a_moment() {
    let mut scene = Scene::new();
    hundred_rows(&mut scene);
    scene.settle();
    // Three times the 50 ms that are promised.
    std::thread::sleep(Duration::from_millis(150));
    scene.sidecar.sigkill();
    if !is_official() {
        let log = scene.log();
        assert!(log.ends_cleanly);
        assert_eq!(log.steps(), (0..100).collect::<Vec<_>>());
        assert_eq!(log.exits().len(), 0);
    }
}

// official: differs, leaves the 7 bytes of the header
#[test]
fn better_sigkill_right_after_the_exit_was_answered() {
    let mut scene = Scene::new();
    hundred_rows(&mut scene);
    scene.exit(0);
    scene.sidecar.sigkill();
    if !is_official() {
        check(&scene.log(), 100, 0);
    }
}

fn under_shell() -> (Sidecar, Run) {
    let sidecar = Launch::new().under_shell().start();
    let run = Run::begin(sidecar.connect(), settings::offline(sidecar.dir(), "run1"));
    (sidecar, run)
}

fn await_end(pid: u32, died: Instant) {
    await_that("the sidecar to follow its parent", || (!is_running(pid)).then_some(()));
    assert!(died.elapsed() < PARENT_LIMIT, "took {:?}", died.elapsed());
}

// official: differs, stops at once and leaves the 7 bytes of the header
#[test]
fn better_parent_death_drains_what_was_sent() {
    let (mut sidecar, mut run) = under_shell();
    let pid = sidecar.pid();
    let path = run.log_path();
    run.settle();
    // The way of a killed script: its rows lie in the socket, the socket is closed, the parent is gone.
    hundred_rows(&mut run);
    drop(run);
    let died = Instant::now();
    sidecar.kill_parent();
    await_end(pid, died);
    if !is_official() {
        check(&Log::read(&path), 100, 1);
    }
    assert!(sidecar.socket_dirs().is_empty());
}

// official: differs, leaves the 7 bytes of the header
#[test]
fn better_parent_death_with_a_client_that_stays() {
    let (mut sidecar, mut run) = under_shell();
    let pid = sidecar.pid();
    hundred_rows(&mut run);
    run.settle();
    let died = Instant::now();
    sidecar.kill_parent();
    await_end(pid, died);
    if !is_official() {
        check(&run.log(), 100, 1);
    }
}
