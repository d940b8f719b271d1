//! What users of trackers have reported, as cases: docs/REPORTS.md says which report each of them is about.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runwire_proto::wire::files_item::PolicyType;
use runwire_proto::wire::output_raw_record::OutputType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::{BranchPoint, OperationStatsRequest, OutputLoggerRecord};
use runwire_tests::client::settings::ONLINE_KEY;
use runwire_tests::client::{error_text, exit_record, result};
use runwire_tests::official::runwire_program;
use runwire_tests::online::{Backend, Online, files, rows, set_up, set_up_on};
use runwire_tests::sidecar::{Sidecar, await_that};
use serde_json::{Value, json};

const PUSH: &str = "file_stream";

fn column(state: &Value, key: &str) -> Vec<Value> {
    rows(state).iter().map(|row| row[key].clone()).collect()
}

#[test]
fn report_4441_who_waits_for_the_end_is_told_why() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "status": 503, "body": "database is down", "times": -1}));
    let mut online = Online::on(backend, |_| {});
    online.log_rows(3);
    online.run.client.post_record("run1", exit_record(0));
    let told = await_that("the reason", || {
        match online.ask(RequestType::Operations(OperationStatsRequest::default())) {
            Some(ResponseType::OperationsResponse(answer)) => answer.operation_stats.unwrap_or_default().operations,
            other => panic!("expected operations, got {other:?}"),
        }
        .into_iter()
        .find(|operation| operation.error_status.contains("503"))
    });
    assert!(told.error_status.contains("database is down"), "{told:?}");
    let told = await_that("a word to the user", || {
        let told = online.messages().join("\n");
        (!told.is_empty()).then_some(told)
    });
    for part in ["503", "next try", "Left: 3 lines", "runwire sync"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
}

#[test]
fn report_7590_two_exits_are_one_end() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "hold_ms": 500, "times": 3}));
    let mut online = Online::on(backend, |_| {});
    online.log_rows(2);
    let first = online.run.client.post_record("run1", exit_record(4));
    let second = online.run.client.post_record("run1", exit_record(9));
    assert_eq!(error_text(&online.run.client.answer(&second)), Some("No response."));
    let answer = online.run.client.answer(&first);
    assert!(matches!(result(answer), ResultType::ExitResult(told) if !told.timed_out));
    let ends: Vec<Value> = online.backend.pushes().into_iter().filter(|push| push["complete"] == true).collect();
    assert_eq!((ends.len(), &ends[0]["exitcode"]), (1, &json!(4)), "{ends:?}");
}

#[test]
fn report_own_the_printed_command_works_as_printed() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "status": 403, "times": -1}));
    let mut online = Online::on(backend, |_| {});
    online.log_rows(3);
    online.exit(0);
    let told = online.messages().join("\n");
    online.finish();
    online.teardown(0);
    let (_, hint) = told.split_once("`runwire sync /").unwrap_or_else(|| panic!("no command in {told}"));
    let folder = format!("/{}", hint.split('`').next().expect("it ends"));
    online.backend.controls().clear_faults();
    let mut command = Command::new(runwire_program());
    command.args(["sync", &folder]).env("WANDB_BASE_URL", online.backend.url()).env("WANDB_API_KEY", ONLINE_KEY);
    let output = command.stdin(Stdio::null()).output().expect("the program can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let state = online.state();
    assert_eq!((column(&state, "x"), &state["state"]), (vec![json!(0), json!(1), json!(2)], &json!("finished")));
}

#[test]
fn report_7951_a_run_is_rewound_twice() {
    let mut backend = runwire_tests::online::earlier_run(Backend::start(), "run1", 6);
    for (at, value) in [(3.0, 100), (1.0, 200)] {
        let edit = |run: &mut runwire_proto::wire::RunRecord| {
            run.branch_point = Some(BranchPoint { run: "run1".into(), metric: "_step".into(), value: at });
        };
        let mut online = set_up(&backend.url(), |_| {}, edit).begin(backend);
        for n in 0..3 {
            online.row(&[("x", &(value + n).to_string())]);
        }
        backend = online.end().1;
    }
    let state = backend.run("e/p/run1");
    assert_eq!(column(&state, "x"), [0, 1, 200, 201, 202]);
    assert_eq!(column(&state, "_step"), [0, 1, 2, 3, 4]);
}

#[test]
fn report_472_rows_before_the_resumed_step_are_refused_and_counted() {
    let backend = runwire_tests::online::earlier_run(Backend::start(), "run1", 10);
    let resume = |settings: &mut runwire_proto::wire::Settings| settings.resume = Some("must".into());
    let mut online = set_up(&backend.url(), resume, |_| {}).begin(backend);
    for step in 5..15 {
        online.row_at(step, &[("x", &(100 + step).to_string())]);
    }
    online.settle();
    let told = online.messages().join("\n");
    assert!(told.contains("step 5") && told.contains("step 10"), "{told}");
    let (state, _) = online.end();
    let taken: Vec<Value> = column(&state, "_step");
    assert_eq!(taken, (0..15).map(Value::from).collect::<Vec<_>>(), "five were refused and five taken");
}

#[test]
fn report_case_14_six_lives_of_one_run() {
    let mut backend = Backend::start();
    let mut sidecar = Sidecar::start();
    for life in 0..6 {
        let resume = |settings: &mut runwire_proto::wire::Settings| {
            settings.resume = Some("allow".into());
            let file = settings.sync_file.as_ref().map(|file| file.replace(".wandb", &format!("-{life}.wandb")));
            settings.sync_file = file;
        };
        let mut online = set_up_on(sidecar, &backend.url(), resume, |_| {}).begin(backend);
        online.row(&[("x", &life.to_string())]);
        online.complete(0);
        Online { backend, scene: runwire_tests::client::Scene { sidecar, .. } } = online;
    }
    let state = backend.run("e/p/run1");
    let expected: Vec<Value> = (0..6).map(Value::from).collect();
    assert_eq!((column(&state, "x"), column(&state, "_step")), (expected.clone(), expected));
    assert!(sidecar.is_alive());
}

#[test]
fn report_case_15_the_folder_of_a_run_is_removed_while_it_goes_on() {
    let mut online = Online::new();
    online.log_rows(50);
    online.settle();
    std::fs::remove_dir_all(online.dir()).expect("it is there");
    online.log_rows(51);
    let answer = runwire_tests::online::exit(&mut online, 0);
    let state = online.state();
    assert_eq!((rows(&state).len(), &state["state"]), (101, &json!("finished")), "{answer:?}");
}

#[test]
fn report_case_16_a_saved_file_is_deleted_before_the_end() {
    let mut online = Online::new();
    online.save("kept.txt", "a", PolicyType::End);
    online.save("gone.txt", "b", PolicyType::End);
    std::fs::remove_file(online.dir().join("files/gone.txt")).expect("it is there");
    online.exit(0);
    let told = online.messages().join("\n");
    assert!(told.contains("gone.txt") && !told.contains("kept.txt"), "{told}");
    let state = online.state();
    assert!(files(&state).contains(&"kept.txt".to_owned()));
    assert_eq!(state["state"], "finished");
}

#[test]
fn report_case_6_a_server_that_asks_for_patience() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "status": 429, "headers": {"Retry-After": "0.3"}, "times": 5}));
    let mut online = Online::on(backend, |_| {});
    let start = Instant::now();
    online.log_rows(3);
    let (state, backend) = online.end();
    assert_eq!((column(&state, "x"), &state["state"]), (vec![json!(0), json!(1), json!(2)], &json!("finished")));
    assert!(start.elapsed() >= Duration::from_millis(1500) && backend.count(PUSH) >= 6, "{:?}", start.elapsed());
}

#[test]
fn report_12911_a_limit_on_metrics_ends_the_data_and_not_the_run() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "contains": "wandb-history", "status": 400, "times": -1,
        "headers": {"X-Wandb-Error-Code": "run_metric_limit_exceeded"}, "body": {"error": "too many metrics"}}));
    let mut online = Online::on(backend, |_| {});
    online.log_rows(10);
    online.exit(3);
    let told = online.messages().join("\n");
    assert!(told.contains("too many metrics") && told.contains("runwire sync"), "{told}");
    let state = online.state();
    assert_eq!((&state["state"], &state["exit_code"]), (&json!("failed"), &json!(3)));
    assert_eq!(state["history"], json!([]));
}

#[test]
fn run_55_written_logs_are_streamed_although_nothing_is_captured() {
    // official: same
    let mut online = Online::new();
    online.send(RecordType::OutputLogger(OutputLoggerRecord { line: "custom\nline\n".into() }));
    online.output(OutputType::Stdout, "printed\n");
    let (state, _) = online.end();
    let lines: Vec<&str> = state["console"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("custom") && lines[1].contains("line"), "{lines:?}");
    assert!(!files(&state).contains(&"output.log".to_owned()), "{}", state["files"]);
}
