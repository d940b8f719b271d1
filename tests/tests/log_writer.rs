//! What the live writer puts into the transaction log, and when (log cases 1, 9 to 20; IPC cases 80, 81).
#![cfg(unix)]
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::{ConfigRecord, Control, OutputRawRecord, OutputRecord, TbRecord};
use runwire_tests::client::{Scene, config_item, error_text, init_request, record, settings};
use runwire_tests::logs::FILE_HEADER;
use runwire_tests::sidecar::{Launch, Sidecar, await_that, is_official};

// official: same
#[test]
fn log_01_new_log_is_a_header() {
    let scene = Scene::without_run();
    let read = || fs::read(scene.log_path()).expect("the log is there as soon as init was answered");
    await_that("the header", || (!read().is_empty()).then_some(()));
    assert_eq!(read(), FILE_HEADER);
}

// official: differs, init succeeds and the run goes on without a log
#[test]
fn log_09_existing_file_is_not_touched() {
    let sidecar = Sidecar::start();
    let settings = settings::offline(sidecar.dir(), "run1");
    let path = settings.sync_file.clone().expect("a log is named");
    fs::write(&path, "somebody's data").expect("a test's folder can be filled");
    let answer = sidecar.connect().ask(init_request("run1", &settings));
    if !is_official() {
        assert!(error_text(&answer).is_some_and(|text| text.contains(&path)), "{answer:?}");
    }
    assert_eq!(fs::read_to_string(&path).expect("the file is still there"), "somebody's data");
}

// official: same
#[test]
fn log_10_mode_follows_the_umask() {
    for (mask, mode) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        let scene = Scene::on(Launch::new().umask(mask).start(), |_| {});
        let permissions = fs::metadata(scene.log_path()).expect("the log is there").permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "umask {mask}");
    }
}

// official: same
#[test]
fn log_11_file_grows_and_ends_with_whole_records() {
    let mut scene = Scene::with(|settings| settings.x_transaction_log_flush_interval = Some(0.2));
    let mut rows = 0;
    for value in 0..4 {
        scene.row(&[("x", &value.to_string())]);
        scene.settle();
        std::thread::sleep(Duration::from_millis(450));
        let log = scene.log();
        assert!(log.ends_cleanly);
        assert_eq!(log.steps().len(), rows + 1);
        rows = log.steps().len();
    }
}

// official: differs, with interval 0 nothing is written until a block is full
#[test]
fn log_12_without_an_interval() {
    let mut scene = Scene::with(|settings| settings.x_transaction_log_flush_interval = Some(0.0));
    scene.row(&[("x", "1")]);
    scene.settle();
    if is_official() {
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(fs::read(scene.log_path()).expect("the log is there"), FILE_HEADER);
    } else {
        await_that("the row to reach the file", || (scene.log().steps() == [0]).then_some(()));
    }
    for value in 0..2000 {
        scene.row(&[("x", &value.to_string())]);
    }
    scene.settle();
    await_that("full blocks to be written", || {
        (fs::metadata(scene.log_path()).expect("the log is there").len() >= 32768).then_some(())
    });
    assert_eq!(scene.end().steps().len(), 2001);
}

// official: same
#[test]
fn log_13_numbers_have_no_gaps() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.print("text");
    let local = Control { local: true, ..Default::default() };
    let config = ConfigRecord { update: vec![config_item(&["hidden"], "1")], ..Default::default() };
    let mut hidden = record("run1", RecordType::Config(config));
    hidden.control = Some(local);
    hidden.num = 99;
    scene.client.send(ServerRequestType::RecordPublish(hidden));
    let mut numbered = record("run1", RecordType::Preempting(Default::default()));
    numbered.num = 55;
    scene.client.send(ServerRequestType::RecordPublish(numbered));
    scene.row(&[("x", "2")]);
    let log = scene.end();
    let numbers: Vec<i64> = log.records.iter().map(|record| record.num).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
    assert_eq!((log.count("request"), log.count("config"), log.count("preempting")), (0, 0, 1));
}

// official: same
#[test]
fn log_14_first_and_last_records() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    let log = scene.end();
    assert_eq!(log.kinds()[..2], ["header", "run"]);
    assert_eq!(log.exit_code(), 0);
    assert!(log.ends_cleanly);
}

// official: same
#[test]
fn log_15_header_names_its_writer() {
    let log = Scene::new().end();
    let Some(RecordType::Header(header)) = &log.records[0].record_type else { panic!("the first record is a header") };
    let version = header.version_info.clone().expect("the service fills it in");
    assert_ne!(version.producer, "");
    assert_ne!(version.min_consumer, "");
}

// official: differs, two summary records before each row
#[test]
fn log_16_one_history_record_per_row() {
    let mut scene = Scene::new();
    for value in 0..5 {
        scene.row(&[("x", &value.to_string())]);
    }
    scene.row_at(9, &[("y", "1")]);
    let mut expected = scene.summary();
    scene.exit(0);
    let last = scene.summary();
    let log = scene.end();
    assert_eq!(log.steps(), [0, 1, 2, 3, 4, 9]);
    for row in log.history() {
        let step = row.step.as_ref().expect("a row names its step").num;
        assert!(row.item.iter().any(|item| item.nested_key == ["_step"] && item.value_json == step.to_string()));
        assert!(row.item.iter().all(|item| item.key.is_empty() && !item.nested_key.is_empty()));
    }
    expected.insert("y".into(), "1".into());
    let mut folded = log.folded_summary();
    for key in ["x", "y"] {
        assert_eq!(folded.get(key), expected.get(key), "{key}");
    }
    // Everything the client was told is in the log; official summaries leave the step to the reader.
    folded.entry("_step".into()).or_insert_with(|| last["_step"].clone());
    assert_eq!(folded, last);
    if !is_official() {
        assert!(log.count("summary") <= 3, "at most one a second while running, and one at exit: {:?}", log.kinds());
    }
}

// official: same
#[test]
fn log_17_a_row_from_two_parts() {
    let mut scene = Scene::new();
    scene.partial(&[("a", "1"), ("b", "1")], None, Some(false));
    scene.partial(&[("b", "2"), ("c", "3")], None, None);
    let log = scene.end();
    assert_eq!(log.history().len(), 1);
    let row = &log.own_rows()[0];
    assert_eq!((row["a"].as_str(), row["b"].as_str(), row["c"].as_str()), ("1", "2", "3"));
    let mut names: Vec<String> = log.history()[0].item.iter().map(|item| item.nested_key.join("/")).collect();
    names.sort();
    names.dedup();
    assert_eq!(names, ["_runtime", "_step", "a", "b", "c"]);
    assert_eq!(log.history()[0].item.len(), 5, "every key once");
}

// official: same
#[test]
fn log_18_a_backward_step_leaves_no_record() {
    let mut scene = Scene::new();
    scene.row_at(10, &[("x", "1")]);
    scene.row_at(3, &[("x", "2"), ("late", "1")]);
    let log = scene.end();
    assert_eq!(log.steps(), [10]);
    assert!(log.column("late").is_empty());
    assert_eq!(log.column("x"), ["1"]);
}

// official: same
#[test]
fn log_19_numbers_that_json_lacks() {
    let mut scene = Scene::new();
    scene.row(&[
        ("a", "NaN"),
        ("b", "Infinity"),
        ("c", "-Infinity"),
        ("d", "[NaN,{\"x\":Infinity}]"),
        ("e", "{\"f\":NaN}"),
    ]);
    let log = scene.end();
    let row = &log.own_rows()[0];
    assert_eq!((row["a"].as_str(), row["b"].as_str(), row["c"].as_str()), ("NaN", "Infinity", "-Infinity"));
    assert_eq!(row["d"].replace(' ', ""), "[NaN,{\"x\":Infinity}]");
    assert_eq!(row["e/f"], "NaN");
}

// official: same
#[test]
fn log_20_console_records_are_kept_as_they_came() {
    let mut scene = Scene::new();
    let texts = ["first", "\n", "", "\r\x1b[2Kprogress", "", "\n", "ünïcödé"];
    for text in texts {
        scene.print(text);
    }
    let log = scene.end();
    let lines: Vec<&OutputRawRecord> = log
        .types()
        .filter_map(|kind| if let RecordType::OutputRaw(output) = kind { Some(output) } else { None })
        .collect();
    assert_eq!(lines.iter().map(|output| output.line.as_str()).collect::<Vec<_>>(), texts);
    assert!(lines.iter().all(|output| output.output_type == 1));
}

// official: same
#[test]
fn log_20_order_is_the_order_of_arrival() {
    let mut scene = Scene::new();
    for value in 0..50 {
        scene.row(&[("x", &value.to_string())]);
        scene.print(&value.to_string());
    }
    let log = scene.end();
    let order: Vec<&str> = log.kinds().into_iter().filter(|kind| ["history", "output_raw"].contains(kind)).collect();
    assert_eq!(order, ["history", "output_raw"].repeat(50));
}

// official: same
#[test]
fn ipc_80_which_records_are_stored() {
    let mut scene = Scene::new();
    let log_dir = scene.sidecar.dir().join("events").to_str().expect("test paths are UTF-8").to_owned();
    fs::create_dir(&log_dir).expect("a test's folder can be filled");
    scene.send(RecordType::Output(OutputRecord { line: "old".into(), ..Default::default() }));
    scene.send(RecordType::Tbrecord(TbRecord { log_dir, ..Default::default() }));
    scene.send(RecordType::Final(Default::default()));
    scene.send(RecordType::Footer(Default::default()));
    scene.send(RecordType::NoopLinkArtifact(()));
    scene.settle();
    let log = scene.end_after_exit();
    for kind in ["header", "run", "output", "tbrecord"] {
        assert_eq!(log.count(kind), 1, "{kind}");
    }
    for kind in ["final", "footer", "noop_link_artifact", "request"] {
        assert_eq!(log.count(kind), 0, "{kind}");
    }
    let numbers: Vec<i64> = log.records.iter().map(|record| record.num).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
}

// official: differs, two summary records before the row
#[test]
fn ipc_81_one_row() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    let log = scene.end();
    assert_eq!(log.count("history"), 1);
    assert_eq!(log.folded_summary()["x"], "1");
    if is_official() {
        assert_eq!(log.kinds(), ["header", "run", "summary", "summary", "history", "summary", "exit"]);
    }
}

// official: same
#[test]
fn log_67_no_state_file_offline() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.complete(0);
    let path = format!("{}.syncstate", scene.log_path().display());
    assert!(!fs::exists(path).expect("the folder can be looked at"));
}
