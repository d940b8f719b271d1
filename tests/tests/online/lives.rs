//! Second lives of an upload: the sidecar is killed, and `runwire sync` goes on with what it left.

use std::process::{Command, Stdio};
use std::time::Duration;

use runwire_proto::wire::Settings;
use runwire_tests::client::settings::ONLINE_KEY;
use runwire_tests::official::runwire_program;
use runwire_tests::online::{Backend, Online, rows};
use runwire_tests::sidecar::await_that;
use runwire_tests::uploads::beside;
use serde_json::{Value, json};

const PUSH: &str = "file_stream";

/// Kills the sidecar of a run and uploads its log to the same server; gives what the server has then.
fn killed_and_synced(mut online: Online) -> (Value, Backend) {
    online.settle();
    std::thread::sleep(Duration::from_millis(300));
    let Online { backend, mut scene } = online;
    let log = scene.log_path();
    // What was delivered is noted at most once a second.
    await_that("a note of what is delivered", || {
        let note = std::fs::read_to_string(beside(&log, ".delivered")).ok()?;
        let note: Value = serde_json::from_str(&note).ok()?;
        (note["delivered"]["history"].as_u64()? > 0).then_some(())
    });
    std::thread::sleep(Duration::from_millis(1200));
    scene.sidecar.sigkill();
    backend.controls().clear_faults();
    let mut command = Command::new(runwire_program());
    command.arg("sync").arg(&log).args(["--base-url", &backend.url(), "--api-key", ONLINE_KEY]);
    let output = command.stdin(Stdio::null()).output().expect("the program can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    (backend.run("e/p/run1"), backend)
}

fn column(state: &Value, key: &str) -> Vec<Value> {
    rows(state).iter().map(|row| row[key].clone()).collect()
}

#[test]
fn a_row_that_the_server_refused_costs_no_other_row_a_second_time() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "contains": "poison", "status": 400, "times": -1}));
    let mut online = Online::on(backend, |_| {});
    for x in ["0", "\"poison\"", "2", "\"poison\"", "4", "5"] {
        online.row(&[("x", x)]);
    }
    await_that("the good rows", || (rows(&online.state()).len() >= 3).then_some(()));
    let (state, _) = killed_and_synced(online);
    assert_eq!(column(&state, "x"), [json!(0), json!(2), json!(4), json!(5)], "{}", state["counters"]);
    assert_eq!((&state["counters"]["conflicts"], &state["counters"]["gaps"]), (&json!(0), &json!(0)));
}

#[test]
fn a_row_with_a_value_that_was_too_long_is_there_once_in_a_second_life() {
    // Whoever syncs has another bound than the run had.
    let mut online = Online::with(|settings| settings.x_file_stream_max_line_bytes = Some(300));
    for x in ["0", &format!("\"{}\"", "x".repeat(400)), "2", "3", "4"] {
        online.row(&[("x", x)]);
    }
    await_that("the rows before the last", || (rows(&online.state()).len() >= 4).then_some(()));
    let (state, _) = killed_and_synced(online);
    assert_eq!(rows(&state).len(), 5);
    assert_eq!(column(&state, "x"), [json!(0), json!(null), json!(2), json!(3), json!(4)]);
    assert_eq!(state["counters"]["conflicts"], 0);
}

#[test]
fn a_writer_of_a_shared_run_is_the_same_one_in_its_second_life() {
    let mut online = Online::with(|settings: &mut Settings| {
        settings.shared = Some(true);
        settings.mode = Some("shared".into());
        settings.x_label = Some("rank1".into());
        settings.x_primary = Some(false);
        settings.x_update_finish_state = Some(false);
    });
    online.log_rows(5);
    await_that("some rows", || {
        let state = online.state();
        let writers = state["writers"].as_object()?.values().next()?.clone();
        (writers["history"].as_array()?.len() >= 4).then_some(())
    });
    let (state, _) = killed_and_synced(online);
    let writers = state["writers"].as_object().expect("writers");
    assert_eq!(writers.len(), 1, "{:?}", writers.keys());
    let rows = writers.values().next().expect("one")["history"].as_array().cloned().unwrap_or_default();
    assert_eq!(rows.len(), 5, "{rows:?}");
    // Others write on: the end of this one is not the end of the run.
    assert_eq!((&state["state"], &state["complete"]), (&json!("running"), &json!(false)), "{state}");
}
