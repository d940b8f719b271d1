//! Console lines on their way to the server.

use runwire_proto::wire::Settings;
use runwire_proto::wire::output_raw_record::OutputType;
use runwire_tests::online::{Backend, Online};
use runwire_tests::sidecar::await_that;
use serde_json::Value;

const FEATURES: &str = "graphql:ServerFeaturesQuery";

/// A run with console capture on a server with or without structured lines.
fn capture(structured: bool, change: impl FnOnce(&mut Settings)) -> Online {
    let features = if structured { vec!["STRUCTURED_CONSOLE_LOGS".to_owned()] } else { Vec::new() };
    Online::on(Backend::with(|options| options.settings.features = features), |settings| {
        settings.console = Some("wrap".into());
        change(settings);
    })
}

fn texts(state: &Value) -> Vec<String> {
    state["console"].as_array().into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned)).collect()
}

#[test]
fn backend_45_a_progress_line_stays_one_line() {
    let mut online = capture(false, |_| {});
    online.print("first\n");
    for n in 1..4 {
        online.print(&format!("\rprogress {n}/3"));
        let shown = format!("progress {n}/3");
        await_that("the line to arrive", || {
            texts(&online.state()).last().filter(|line| line.ends_with(&shown)).map(|_| ())
        });
    }
    online.print("\nlast\n");
    let (state, backend) = online.end();
    let lines = texts(&state);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].ends_with(" progress 3/3"), "{lines:?}");
    let offsets: Vec<Value> = backend
        .pushes()
        .iter()
        .filter_map(|push| push["files"].get("output.log"))
        .map(|chunk| chunk["offset"].clone())
        .collect();
    assert!(offsets.iter().filter(|offset| **offset == 1).count() >= 2, "{offsets:?}");
}

#[test]
fn backend_46_and_run_50_lines_of_errors_as_text() {
    let mut online = capture(false, |_| {});
    online.output(OutputType::Stderr, "bad\n");
    online.print("good\n");
    let (state, _) = online.end();
    let lines = texts(&state);
    assert!(lines[0].starts_with("ERROR 20") && lines[0].ends_with(" bad"), "{lines:?}");
    assert!(lines[1].starts_with("20") && lines[1].ends_with(" good"), "{lines:?}");
}

#[test]
fn backend_46_and_run_54_lines_of_errors_as_json() {
    let mut online = capture(true, |_| {});
    online.output(OutputType::Stderr, "bad\n");
    online.print("<good>\n");
    let (state, _) = online.end();
    let lines: Vec<Value> =
        texts(&state).iter().map(|line| serde_json::from_str(line).expect("structured lines are JSON")).collect();
    assert_eq!((&lines[0]["content"], &lines[0]["level"]), (&"bad".into(), &"error".into()));
    assert_eq!((&lines[1]["content"], lines[1].get("level")), (&"<good>".into(), None));
    assert!(lines.iter().all(|line| line["ts"].is_string()));
}

#[test]
fn backend_47_who_prints_nothing_asks_for_no_features() {
    let mut online = Online::new();
    online.log_rows(3);
    assert_eq!(online.end().1.count(FEATURES), 0);
}

#[test]
fn backend_48_a_server_that_knows_no_features() {
    let online = capture(true, |_| {});
    online.backend.fault(serde_json::json!({"on": FEATURES, "status": 400, "times": -1}));
    let mut online = online;
    online.print("hello\n");
    let (state, _) = online.end();
    let lines = texts(&state);
    assert!(lines.len() == 1 && lines[0].ends_with(" hello"), "{lines:?}");
    assert_eq!(state["state"], "finished");
}

#[test]
fn backend_48_a_stuck_question_holds_up_nothing() {
    // The official client withholds console lines, and `finish` hangs for minutes.
    let online = capture(true, |_| {});
    online.backend.fault(serde_json::json!({"on": FEATURES, "status": 500, "times": -1}));
    let mut online = online;
    online.print("hello\n");
    online.log_rows(1);
    let start = std::time::Instant::now();
    let (state, _) = online.end();
    assert!(start.elapsed().as_secs() < 15, "{:?}", start.elapsed());
    assert_eq!(texts(&state).len(), 1);
    assert_eq!(state["state"], "finished");
}

#[test]
fn run_53_lines_of_a_labelled_writer() {
    let mut online = capture(false, |settings| settings.x_label = Some("lab/el 1".into()));
    online.print("hello\n");
    let (state, _) = online.end();
    assert!(texts(&state)[0].ends_with(" [lab/el 1] hello"), "{:?}", texts(&state));
    assert!(runwire_tests::online::files(&state).contains(&"output_lab_el 1.log".to_owned()), "{}", state["files"]);
}

#[test]
fn backend_53_run_29_and_67_two_writers_of_one_run() {
    let shared = |settings: &mut Settings, label: &str, primary: bool| {
        settings.shared = Some(true);
        settings.mode = Some("shared".into());
        settings.x_label = Some(label.into());
        settings.x_primary = Some(primary);
        settings.x_update_finish_state = Some(primary);
        settings.console = Some("wrap".into());
    };
    let mut main = Online::with(|settings| shared(settings, "main", true));
    main.log_rows(2);
    main.backend.await_answered("file_stream", 1);
    let url = main.backend.url();
    let mut worker = runwire_tests::online::set_up(&url, |settings| shared(settings, "rank1", false), |_| {});
    let record = worker.answer.clone().expect("a second writer is welcome");
    worker.run.ask(runwire_proto::wire::request::RequestType::RunStart(runwire_proto::wire::RunStartRequest {
        run: Some(record),
        ..Default::default()
    }));
    worker.run.row(&[("y", "1")]);
    worker.run.print("from the worker\n");
    worker.run.exit(0);
    let asked: Vec<Value> = main.backend.variables("CreateRunFiles").iter().map(|v| v["files"].clone()).collect();
    assert_eq!(asked, [serde_json::json!(["output_rank1.log"])]);
    let (state, backend) = main.end();
    let writers = state["writers"].as_object().expect("writers");
    assert_eq!(writers.len(), 2, "{:?}", writers.keys());
    assert_eq!(state["state"], "finished");
    for push in backend.requests("file_stream") {
        assert_eq!(push["headers"]["x-wandb-use-async-filestream"], "true");
        assert!(push["headers"]["x-wandb-async-client-id"].as_str().is_some_and(|id| id.len() == 36), "{push}");
    }
    for query in backend.requests("graphql:UpsertBucket") {
        assert_eq!(query["headers"]["x-wandb-use-async-filestream"], "true");
        assert!(query["headers"]["x-wandb-client-id"].is_string());
    }
    let steps: Vec<Value> =
        writers.values().flat_map(|w| w["history"].as_array().cloned().unwrap_or_default()).collect();
    assert!(steps.iter().all(|row| row[1]["_step"].is_number()), "{steps:?}");
}
