//! Uploads that are killed, servers that are away, and logs of runs that crashed: what is delivered in the end is exactly
//! what is in the log.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use runwire_local::Fault;
use runwire_tests::uploads::{Bench, beside, column, golden, until, wait};
use serde_json::Value;
use std::{thread::sleep, time::Duration};

/// More than one push's worth of lines, so that there is a middle.
const ROWS: i64 = 80_000;

#[test]
fn a_killed_upload_is_taken_up_and_every_row_is_there_once() {
    let bench = Bench::new();
    let log = bench.place("1", "big", &long_log(ROWS));
    bench.controls().inject(Fault { delay_ms: 400, times: -1, ..Fault::on("file_stream") });
    for round in 0..3 {
        let mut child = bench.command(&[log.to_str().unwrap()]).spawn().unwrap();
        sleep(Duration::from_millis(600 + 400 * round));
        child.kill().unwrap();
        let _ = wait(child);
        assert!(!beside(&log, ".synced").exists(), "it was killed too late to mean anything");
    }
    let before = column(&bench.state_of(&log), "_step").len() as i64;
    assert!(before > 0 && before < ROWS, "{before} rows before the last try");
    bench.controls().clear_faults();
    let ended = bench.sync_log(&log);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let state = bench.state_of(&log);
    assert_eq!(column(&state, "_step"), (0..ROWS).map(Value::from).collect::<Vec<_>>());
    assert_eq!((&state["counters"]["conflicts"], &state["counters"]["gaps"]), (&0.into(), &0.into()));
}

#[test]
fn a_server_that_is_away_ends_the_patience_and_costs_nothing() {
    let bench = Bench::new();
    let log = bench.golden("03a_steps140");
    bench.controls().inject(Fault { status: Some(503), times: -1, ..Fault::on("file_stream") });
    let child = bench.command(&[log.to_str().unwrap()]).env("RUNWIRE_FINISH_WAIT", "2").spawn().unwrap();
    let ended = wait(child);
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("Delivered 0 of 1 run."), "{}", ended.stdout);
    assert!(ended.stdout.contains("goes on where this one ended"), "{}", ended.stdout);
    bench.controls().clear_faults();
    assert_eq!(bench.sync_log(&log).code, Some(0));
    assert_eq!(column(&bench.state_of(&log), "_step").len(), 140);
}

#[test]
fn a_run_whose_program_died_gets_the_summary_of_its_rows() {
    let bench = Bench::new();
    let log = bench.golden("13a_killed_after_flush");
    let report = runwire_std::inspect::inspect(&log).unwrap();
    assert!(report.exit.is_none());
    assert_eq!(bench.sync_log(&log).code, Some(0));
    let state = bench.state_of(&log);
    assert_eq!((&state["exit_code"], &state["state"]), (&1.into(), &"failed".into()));
    let last = state["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(state["summary"]["_step"], last["_step"]);
}

#[test]
fn a_log_that_is_being_written_or_uploaded_is_left_alone() {
    let bench = Bench::new();
    let run = runwire_std::Run::init(runwire_std::RunOptions::new("p").id("mine").dir(bench.dir.path())).unwrap();
    run.log_values(&[("x", 1.0)]).unwrap();
    let log = run.log_path().to_path_buf();
    let told = until("the lock of a live log", || {
        let ended = bench.sync_log(&log);
        (ended.code == Some(1)).then_some(ended.stdout)
    });
    assert!(told.contains("its run still goes on") && told.contains("--watch"), "{told}");
    run.finish().unwrap();
    assert_eq!(bench.sync_log(&log).code, Some(0));
    assert_eq!(column(&bench.state_of(&log), "x").len(), 1);
}

/// A log of so many rows: the records before and after them are those of a recorded one.
fn long_log(rows: i64) -> Vec<u8> {
    use prost::Message;
    use runwire_proto::{
        log::LogWriter,
        wire::{HistoryItem, HistoryRecord, HistoryStep, Record, record::RecordType},
    };
    let short = runwire_tests::logs::Log::parse(&golden("16_empty"));
    let mut bytes = Vec::new();
    let mut writer = LogWriter::create(&mut bytes);
    let mut num = 0;
    let mut push = |record: Record| {
        num += 1;
        writer.push(&Record { num, ..record }.encode_to_vec(), &mut bytes);
    };
    let (end, start) = short.records.split_last().unwrap();
    start.iter().cloned().for_each(&mut push);
    for step in 0..rows {
        let item = |key: &str, value: String| HistoryItem {
            nested_key: vec![key.into()],
            value_json: value,
            ..Default::default()
        };
        let text = format!("\"{}\"", "x".repeat(100));
        let row = HistoryRecord {
            item: vec![item("_step", step.to_string()), item("x", (step * 2).to_string()), item("text", text)],
            step: Some(HistoryStep { num: step }),
            info: None,
        };
        push(Record { record_type: Some(RecordType::History(row)), ..Default::default() });
    }
    push(end.clone());
    bytes
}
