//! The end of a run and of the process (IPC cases 50 to 56).
#![cfg(unix)]
use std::os::unix::net::UnixStream;

use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_tests::client::{Scene, error_text, exit_record, settings};
use runwire_tests::logs::Log;
use runwire_tests::sidecar::{PATIENCE, is_official};

// official: same
#[test]
fn ipc_50_exit_is_answered_and_stored() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.exit(3);
    assert_eq!(scene.end().exit_code(), 3);
}

// official: differs, the log is written when the stream closes
#[test]
fn ipc_50_exit_is_answered_after_the_log_is_on_disk() {
    let mut scene = Scene::new();
    for value in 0..500 {
        scene.row(&[("x", &value.to_string())]);
    }
    scene.exit(0);
    if !is_official() {
        let log = scene.log();
        assert!(log.ends_cleanly);
        assert_eq!(log.steps().len(), 500);
        assert_eq!(log.exit_code(), 0);
    }
}

// official: same
#[test]
fn ipc_51_second_exit() {
    let mut scene = Scene::new();
    scene.exit(1);
    let answer = scene.ask_record(exit_record(2));
    assert_eq!(error_text(&answer), Some("No response."));
    scene.settle();
}

// official: same
#[test]
fn ipc_52_requests_after_exit() {
    let mut scene = Scene::new();
    scene.row(&[("x", "5")]);
    scene.exit(0);
    assert_eq!(scene.summary()["x"], "5");
    assert!(matches!(
        scene.ask(RequestType::PollExit(Default::default())),
        Some(ResponseType::PollExitResponse(answer)) if answer.done
    ));
    match scene.ask(RequestType::SampledHistory(Default::default())) {
        Some(ResponseType::SampledHistoryResponse(answer)) => {
            assert!(answer.item.iter().any(|item| item.key == "x" && item.values_float == [5.0]));
        }
        other => panic!("unexpected response {other:?}"),
    }
    assert_eq!(scene.ask(RequestType::Shutdown(Default::default())), None);
    scene.settle();
}

// official: same
#[test]
fn ipc_53_exit_without_a_run_record() {
    let mut scene = Scene::without_run();
    scene.exit(4);
    assert_eq!(scene.end().exit_code(), 4);
}

// official: same
#[test]
fn ipc_54_finish_without_exit() {
    let mut scene = Scene::new();
    for value in 0..10 {
        scene.row(&[("x", &value.to_string())]);
    }
    scene.finish();
    scene.client.ping();
    scene.teardown(0);
    let log = scene.log();
    assert!(log.ends_cleanly);
    assert_eq!(log.steps(), (0..10).collect::<Vec<_>>());
    assert_eq!(log.exits().len(), 0);
}

// official: same
#[test]
fn ipc_55_teardown_finishes_all_runs() {
    let mut scene = Scene::new();
    let mut other = scene.another("run2");
    let mut idle = scene.connect();
    idle.ping();
    scene.row(&[("x", "1")]);
    other.row(&[("y", "2")]);
    other.settle();
    let socket = scene.sidecar.socket();
    scene.teardown(7);
    assert!(UnixStream::connect(socket).is_err());
    assert_eq!(scene.client.rest(), []);
    assert_eq!(other.client.rest(), []);
    assert_eq!(idle.rest(), []);
    for (log, key, value) in [(scene.log(), "x", "1"), (other.log(), "y", "2")] {
        assert_eq!(log.exit_code(), 7);
        assert_eq!(log.column(key), [value]);
    }
    assert!(scene.sidecar.socket_dirs().is_empty());
}

// official: same
#[test]
fn ipc_55_teardown_without_runs() {
    let sidecar = runwire_tests::sidecar::Sidecar::start();
    let mut client = sidecar.connect();
    let mut sidecar = sidecar;
    client.send(runwire_tests::client::teardown_request(5));
    assert_eq!(sidecar.wait(PATIENCE), Some(0));
    assert_eq!(sidecar.stdout(), "");
}

// official: same
#[test]
fn ipc_55_teardown_by_a_client_that_leaves_at_once() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.client.send(runwire_tests::client::teardown_request(0));
    // The real client closes without reading and waits for the process.
    let path = scene.log_path();
    let Scene { mut sidecar, run } = scene;
    drop(run);
    assert_eq!(sidecar.wait(PATIENCE), Some(0));
    let log = Log::read(&path);
    assert_eq!(log.column("x"), ["1"]);
    assert_eq!(log.exit_code(), 0);
}

// official: same
#[test]
fn ipc_56_footer_of_offline_runs() {
    let mut scene = Scene::with(|settings| settings.silent = Some(false));
    let mut loud = settings::offline(scene.sidecar.dir(), "run2");
    loud.silent = Some(false);
    let other = runwire_tests::client::Run::begin(scene.connect(), loud);
    scene.teardown(0);
    let printed = scene.sidecar.stdout();
    for run in [&scene.run, &other] {
        let dir = run.dir();
        let name = dir.file_name().and_then(|name| name.to_str()).expect("test paths are UTF-8");
        let line = printed.lines().find(|line| line.contains("wandb sync") && line.contains(name));
        assert!(line.is_some(), "no command for {name} in {printed:?}");
    }
}

// official: same
#[test]
fn ipc_56_silent_runs_print_nothing() {
    let mut scene = Scene::with(|settings| settings.silent = Some(true));
    scene.teardown(0);
    assert_eq!(scene.sidecar.stdout(), "");
    assert_eq!(scene.sidecar.stderr(), "");
}
