//! Many runs in one service, secrets, and what init refuses (IPC case 83 and beyond).
#![cfg(unix)]
use std::fs;
use std::path::Path;

use runwire_proto::wire::ServerApiInitRequest;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_tests::client::{Run, Scene, error_text, init_request, settings};
use runwire_tests::sidecar::{Launch, Sidecar, await_that, is_official};

// official: differs, four handles each, and one that is never given back
#[test]
fn better_hundred_runs_hold_few_handles() {
    let sidecar = Sidecar::start();
    sidecar.connect().ping();
    let mut watcher = sidecar.connect();
    watcher.ping();
    let before = sidecar.open_handles();
    let mut runs: Vec<Run> = (0..100)
        .map(|number| Run::begin(sidecar.connect(), settings::offline(sidecar.dir(), &format!("run{number}"))))
        .collect();
    for run in &mut runs {
        run.row(&[("x", "1")]);
        run.settle();
    }
    // One handle of each connection is no handle of a run.
    let held = sidecar.open_handles() - before - runs.len();
    if !is_official() {
        assert!(held <= 2 * runs.len() + 10, "{held} handles for {} runs", runs.len());
    }
    for run in &mut runs {
        run.complete(0);
    }
    drop(runs);
    if is_official() {
        return;
    }
    await_that("all handles to be given back", || (sidecar.open_handles() <= before + 4).then_some(()));
}

/// A whole short run on an existing connection's sidecar.
fn short_run(sidecar: &Sidecar, number: usize) {
    let mut run = Run::begin(sidecar.connect(), settings::offline(sidecar.dir(), &format!("run{number}")));
    for value in 0..20 {
        run.row(&[("x", &value.to_string())]);
    }
    run.complete(0);
}

// official: same
#[test]
fn better_memory_does_not_grow_with_finished_runs() {
    let sidecar = Sidecar::start();
    (0..40).for_each(|number| short_run(&sidecar, number));
    let before = sidecar.resident_kib();
    (40..200).for_each(|number| short_run(&sidecar, number));
    let grown = sidecar.resident_kib().saturating_sub(before);
    assert!(grown < 160 * 32, "{grown} KiB for 160 runs");
}

// official: same
#[test]
fn better_memory_does_not_grow_with_rows() {
    let mut scene = Scene::new();
    let rows = |scene: &mut Scene, count: usize| {
        for value in 0..count {
            scene.row(&[("x", &value.to_string()), ("y", "0.25")]);
        }
        scene.settle();
    };
    rows(&mut scene, 5_000);
    let before = scene.sidecar.resident_kib();
    rows(&mut scene, 20_000);
    let grown = scene.sidecar.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for 20 000 rows");
}

const SECRET: &str = "local-5ecre75ecre75ecre75ecre75ecre75ecre75ecre7";

fn files_with(dir: &Path, text: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("a test's folder can be listed") {
        let entry = entry.expect("a test's folder can be listed");
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            files_with(&entry.path(), text, found);
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).expect("a test's file can be read");
            if bytes.windows(text.len()).any(|part| part == text.as_bytes()) {
                found.push(entry.path().display().to_string());
            }
        }
    }
}

// official: differs, the key stands in two log files
#[test]
fn ipc_83_no_secret_in_any_file() {
    let sidecar = Launch::new().flag("--log-level").flag("-4").start();
    let mut scene = Scene::on(sidecar, |settings| {
        settings.api_key = Some(SECRET.into());
        settings.silent = Some(false);
        settings.console = Some("wrap".into());
    });
    let again = scene.connect().ask(init_request("run1", &scene.settings.clone()));
    assert!(error_text(&again).is_some_and(|text| !text.contains(SECRET)));
    let api = ServerApiInitRequest { settings: Some(scene.settings.clone()), ..Default::default() };
    scene.client.ask(ServerRequestType::ApiInitRequest(api));
    scene.row(&[("x", "1")]);
    scene.complete(0);
    scene.teardown(0);
    let mut found = Vec::new();
    files_with(scene.sidecar.dir(), "run1", &mut found);
    assert_ne!(found.len(), 0, "the search finds what is there");
    found.clear();
    files_with(scene.sidecar.dir(), SECRET, &mut found);
    if !is_official() {
        assert_eq!(found, [""; 0]);
    }
}

// official: differs, the run goes on without a log
#[test]
fn better_init_makes_missing_folders() {
    let sidecar = Sidecar::start();
    let settings = settings::paths(sidecar.dir(), "run1");
    let mut run = Run::begin(sidecar.connect(), settings);
    run.row(&[("x", "1")]);
    run.exit(0);
    if !is_official() {
        let log = run.log();
        assert_eq!(log.column("x"), ["1"]);
        assert_eq!(log.exit_code(), 0);
    }
}

// official: differs, the run goes on without a log
#[test]
fn better_init_refuses_a_log_that_cannot_be_made() {
    if is_official() {
        return;
    }
    let sidecar = Sidecar::start();
    let blocked = sidecar.dir().join("blocked");
    fs::write(&blocked, "a file where a folder should be").expect("a test's folder can be filled");
    let mut client = sidecar.connect();
    let bad = settings::paths(&blocked, "run1");
    let answer = client.ask(init_request("run1", &bad));
    let path = blocked.to_str().expect("test paths are UTF-8");
    assert!(error_text(&answer).is_some_and(|text| text.contains(path)), "{answer:?}");
    // The id is free again and the connection is served.
    let mut run = Run::begin(client, settings::offline(sidecar.dir(), "run1"));
    run.row(&[("x", "1")]);
    run.exit(0);
    assert_eq!(run.log().column("x"), ["1"]);
}

// official: differs, the run goes on without a log
#[test]
fn better_init_after_a_refused_existing_log() {
    if is_official() {
        return;
    }
    let sidecar = Sidecar::start();
    let taken = settings::offline(sidecar.dir(), "run1");
    let path = taken.sync_file.clone().expect("a log is named");
    fs::write(&path, "somebody's data").expect("a test's folder can be filled");
    let mut client = sidecar.connect();
    assert!(error_text(&client.ask(init_request("run1", &taken))).is_some_and(|text| text.contains(&path)));
    let other = settings::offline(&sidecar.dir().join("other"), "run1");
    assert_eq!(error_text(&client.ask(init_request("run1", &other))), None);
    assert_eq!(fs::read_to_string(path).expect("the file is still there"), "somebody's data");
}
