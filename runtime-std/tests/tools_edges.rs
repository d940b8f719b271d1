//! `inspect`, `export` and `replay` on logs made to be awkward: lost records, wrong counts, names that clash, bad values.

#![allow(clippy::unwrap_used)]

use prost::Message;
use runwire_core::writer::Accounts;
use runwire_proto::{
    log::LogWriter,
    wire::{self, record::RecordType},
};
use runwire_std::{
    export::{Format, export},
    inspect::inspect,
    replay::replay,
};
use std::path::PathBuf;

struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn log(records: &[Vec<u8>]) -> Log {
    let mut bytes = Vec::new();
    let mut writer = LogWriter::create(&mut bytes);
    for record in records {
        writer.push(record, &mut bytes);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.wandb");
    std::fs::write(&path, bytes).unwrap();
    Log { _folder: folder, path }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/data/log")).join(name)
}

fn row(num: i64, items: &[(&[&str], &str)]) -> Vec<u8> {
    let item = |(labels, json): &(&[&str], &str)| wire::HistoryItem {
        nested_key: labels.iter().map(|label| (*label).into()).collect(),
        value_json: (*json).into(),
        ..Default::default()
    };
    let history = wire::HistoryRecord { item: items.iter().map(item).collect(), ..Default::default() };
    wire::Record { num, record_type: Some(RecordType::History(history)), ..Default::default() }.encode_to_vec()
}

fn exit(num: i64, accounts: Accounts) -> Vec<u8> {
    let body = accounts.encode();
    let mut record = wire::Record { num, ..Default::default() }.encode_to_vec();
    prost::encoding::bytes::encode(18, &body, &mut record);
    assert!(matches!(wire::Record::decode(&record[..]).unwrap().record_type, Some(RecordType::Exit(_))));
    record
}

fn exported(log: &Log, format: Format) -> String {
    let mut out = Vec::new();
    assert_eq!(export(&log.path, format, &mut out).unwrap(), [""; 0]);
    String::from_utf8(out).unwrap()
}

#[test]
fn accounts_tell_refused_records_from_lost_ones() {
    let counts = Accounts { accepted: 4, refused_disk: 1, ..Default::default() };
    let log = log(&[row(1, &[(&["loss"], "1")]), exit(4, counts)]);
    let text = inspect(&log.path).unwrap().to_text();
    assert!(text.contains("accepted 4 = stored 2 + refused 1 (disk 1, closed 0) + missing 1"), "{text}");
}

#[test]
fn counts_that_can_not_be_are_no_panic() {
    let counts = Accounts { accepted: 1, refused_disk: u64::MAX, refused_closed: 7, ..Default::default() };
    let log = log(&[row(0, &[]), exit(1, counts)]);
    let text = inspect(&log.path).unwrap().to_text();
    assert!(text.contains("accepted 2 = stored 2 + refused 0"), "{text}");
}

#[test]
fn a_cut_file_is_told_once_and_marked_in_json() {
    let report = inspect(&golden("damaged/d10_cut_in_payload.wandb")).unwrap();
    assert!(report.incomplete);
    assert_eq!(report.to_text().matches("the file ends inside a record").count(), 1);
    let mut out = Vec::new();
    let damage = export(&golden("damaged/d10_cut_in_payload.wandb"), Format::JsonLines, &mut out).unwrap();
    assert_eq!(damage.len(), 1, "{damage:?}");
}

#[test]
fn metrics_whose_dotted_names_clash_keep_their_columns() {
    let log = log(&[row(1, &[(&["a", "b"], "1"), (&["a.b"], "2"), (&["c.d"], "\"x, \\\"y\\\"\"")])]);
    assert_eq!(exported(&log, Format::Csv), "a.b,a\\.b,c.d\n1,2,\"x, \"\"y\"\"\"\n");
    let json: serde_json::Value = serde_json::from_str(&exported(&log, Format::JsonLines)).unwrap();
    assert_eq!(json, serde_json::json!({"a": {"b": 1}, "a.b": 2, "c.d": "x, \"y\""}));
}

#[test]
fn a_row_is_one_line_whatever_its_values_are() {
    let log = log(&[row(1, &[(&["list"], "[1,\n 2]"), (&["bad"], "no\njson"), (&["none"], ""), (&["nan"], "NaN")])]);
    assert_eq!(exported(&log, Format::JsonLines), "{\"bad\":\"no\\njson\",\"list\":[1,2],\"nan\":NaN,\"none\":\"\"}\n");
}

#[test]
fn names_do_not_reach_the_terminal_as_control_characters() {
    let log = log(&[row(1, &[(&["\u{1b}[2Jx"], "1")])]);
    let text = inspect(&log.path).unwrap().to_text();
    assert!(!text.contains('\u{1b}') && text.contains("[2Jx"), "{text:?}");
}

#[test]
fn a_runtime_that_is_no_time_does_not_move_the_clock() {
    for runtime in ["NaN", "Infinity", "-Infinity", "-5", "1e300"] {
        let log = log(&[row(1, &[(&["_runtime"], runtime), (&["loss"], "1")])]);
        let trace = replay(&log.path).unwrap().lines;
        assert!(trace.last().unwrap().contains("Finished"), "{runtime}: {trace:?}");
    }
}

#[test]
fn a_run_that_is_described_twice_is_started_once() {
    let run = |num| {
        let record_type = Some(RecordType::Run(wire::RunRecord { run_id: "twice".into(), ..Default::default() }));
        let info = Some(wire::RecordInfo { stream_id: "twice".into(), ..Default::default() });
        wire::Record { num, record_type, info, ..Default::default() }.encode_to_vec()
    };
    let log = log(&[run(1), run(2)]);
    let trace = replay(&log.path).unwrap().lines;
    let records = |kind: &str| trace.iter().filter(|line| line.contains(&format!(" {kind} len="))).count();
    assert_eq!(records("field 17"), 2, "{trace:#?}");
    let start = wire::request::RequestType::RunStart(wire::RunStartRequest::default());
    let request = RecordType::Request(wire::Request { request_type: Some(start) });
    let record = wire::Record { record_type: Some(request), ..Default::default() }.encode_to_vec().into();
    let number = runwire_proto::peek::record(&record).unwrap().request_kind.unwrap();
    assert_eq!(records(&format!("request {number}")), 1, "{trace:#?}");
}

/// A change of this file is a change of behaviour and needs a reason.
#[test]
fn the_trace_of_a_plain_run_is_as_reviewed() {
    let trace = replay(&golden("01_scalars.wandb")).unwrap().lines.join("\n") + "\n";
    let reviewed = include_str!("data/replay_01_scalars.trace");
    assert!(trace == reviewed, "the trace changed; it is now:\n{trace}");
}
