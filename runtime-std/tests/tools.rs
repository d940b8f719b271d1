//! `inspect`, `export` and `replay` on logs that the official client wrote, whole and damaged.

#![allow(clippy::unwrap_used)]

use runwire_std::{
    export::{Format, export},
    inspect::{InspectError, inspect},
    replay::replay,
};
use std::{fs, path::PathBuf};

fn data(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/tests/data/log")).join(name)
}

fn logs(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "wandb")).collect();
    logs.sort();
    assert!(logs.len() > 10, "the recorded logs are there");
    logs
}

#[test]
fn whole_logs_have_as_many_records_as_the_official_reader_saw() {
    for log in logs("") {
        let expected = fs::read_to_string(log.with_extension("jsonl")).unwrap().lines().count() as u64;
        let report = inspect(&log).unwrap();
        assert_eq!(report.stored(), expected, "{}", log.display());
        assert_eq!(report.missing(), 0, "{}", log.display());
        // Its writer was killed in the middle of a record.
        let killed = log.ends_with("13c_killed_block_boundary.wandb");
        assert_eq!(report.damage.len(), usize::from(killed), "{}: {:?}", log.display(), report.damage);
    }
}

#[test]
fn damaged_logs_have_at_least_as_many_records_as_the_official_reader_saw() {
    let expected: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(data("damaged/expected.json")).unwrap()).unwrap();
    for log in logs("damaged") {
        let name = log.file_stem().unwrap().to_str().unwrap();
        let official = expected[name]["reader"]["records_printed"].as_u64().unwrap();
        match inspect(&log) {
            Ok(report) => assert!(report.stored() >= official, "{name}: {} < {official}", report.stored()),
            Err(InspectError::Header(_)) => assert_eq!(official, 0, "{name}"),
            Err(InspectError::Read(error)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn one_flipped_byte_costs_one_record_and_is_told_with_its_offset() {
    let report = inspect(&data("damaged/d12_flip_payload_bit.wandb")).unwrap();
    assert_eq!((report.stored(), report.missing()), (21, 1));
    assert!(report.damage[0].contains("531"), "{:?}", report.damage);
    assert!(report.to_text().contains("accepted 22 = stored 21 + missing 1"), "{}", report.to_text());
}

#[test]
fn the_summary_has_every_aggregation() {
    let report = inspect(&data("09_define_metric.wandb")).unwrap();
    let summary = report.summary_json();
    assert!(summary.contains("\"max\":"), "{summary}");
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["exit_code"], 0);
}

#[test]
fn exports_have_the_rows_nested_or_flat() {
    let write = |format| {
        let mut out = Vec::new();
        assert!(export(&data("02_nested.wandb"), format, &mut out).unwrap().is_empty());
        String::from_utf8(out).unwrap()
    };
    let lines = write(Format::JsonLines);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert!(first["train"].is_object(), "{first}");
    let csv = write(Format::Csv);
    assert!(csv.lines().next().unwrap().contains("train."), "{csv}");
    assert_eq!(csv.lines().count(), lines.lines().count() + 1);
}

#[test]
fn a_replay_gives_the_same_trace_each_time_and_ends() {
    for log in logs("") {
        let trace = replay(&log).unwrap();
        assert_eq!(trace, replay(&log).unwrap(), "{}", log.display());
        assert!(trace.last().unwrap().contains("Finished"), "{}", log.display());
    }
}
