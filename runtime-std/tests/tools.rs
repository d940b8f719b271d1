//! `inspect`, `export` and `replay` on logs that the official client wrote, whole and damaged.

#![allow(clippy::unwrap_used)]

use runwire_std::{
    export::{Format, export},
    inspect::{InspectError, inspect},
    replay::{replay, replay_from},
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
    assert!(report.damage[0].offset == 531, "{:?}", report.damage);
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
fn a_replay_from_the_middle_is_the_tail_of_the_whole() {
    for log in logs("") {
        let whole = replay(&log).unwrap();
        for first in [1, 2, whole.records / 2, whole.records, whole.records + 1] {
            let tail = replay_from(&log, first).unwrap().lines;
            assert!(whole.lines.ends_with(&tail), "{} from {first}", log.display());
            assert!(first < 3 || tail.len() < whole.lines.len(), "{} from {first}", log.display());
        }
    }
}

#[test]
fn a_replay_gives_the_same_trace_each_time_and_ends() {
    for log in logs("") {
        let trace = replay(&log).unwrap().lines;
        assert_eq!(trace, replay(&log).unwrap().lines, "{}", log.display());
        assert!(trace.last().unwrap().contains("Finished"), "{}", log.display());
    }
}

#[test]
fn the_circumstances_of_a_run_are_told() {
    let report = inspect(&data("09_define_metric.wandb")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let facts = &json["facts"];
    assert!(facts["started"].as_str().unwrap().starts_with("2026-"), "{facts}");
    assert_eq!(facts["telemetry"]["client"], "0.31.0");
    let defined = facts["metric_definitions"].as_array().unwrap();
    let pattern = defined.iter().find(|metric| metric["name"] == "val/*").unwrap();
    assert_eq!(pattern["summary"], serde_json::json!(["min", "max"]));
    assert_eq!((&pattern["step_metric"], &pattern["is_pattern"]), (&"epoch".into(), &true.into()));
    let text = report.to_text();
    assert!(text.contains("val/* (min, max, step epoch)") && text.contains("feature metric_summary"), "{text}");
}

#[test]
fn config_and_machine_are_told_if_the_client_recorded_them() {
    let told = |name: &str| {
        let report = inspect(&data(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        (json["facts"].clone(), report.to_text())
    };
    let (facts, text) = told("07_config_summary.wandb");
    assert_eq!(facts["config_keys"], serde_json::json!(["a", "b", "d", "e"]));
    assert!(text.contains("config    a, b, d, e\n") && text.contains("host      host-a\n"), "{text}");
    let (facts, text) = told("14_meta.wandb");
    assert!(facts["os"].as_str().unwrap().starts_with("Linux-"), "{facts}");
    assert!(text.contains("program   /demo/gen/14_meta.py\n"), "{text}");
}

#[test]
fn damage_is_an_object_with_its_kind_and_its_losses() {
    let report = inspect(&data("damaged/d12_flip_payload_bit.wandb")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let damage = &json["damage"][0];
    assert_eq!((damage["kind"].as_str(), damage["offset"].as_u64()), (Some("checksum"), Some(531)));
    assert_eq!((damage["bytes_lost"].as_u64(), damage["records_lost"].as_u64()), (Some(151), Some(1)));
    assert!(json["damage"][1].is_null(), "{json}");
}

#[test]
fn a_replay_tells_damage_and_fails_only_if_nothing_could_be_read() {
    let run = |log: PathBuf| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_runwire")).arg("replay").arg(log).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(data("01_scalars.wandb")), (Some(0), String::new()));
    let (code, said) = run(data("damaged/d12_flip_payload_bit.wandb"));
    assert_eq!(code, Some(0));
    assert!(said.contains("151 bytes lost at offset 531"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = runwire_proto::log::FILE_HEADER.to_vec();
    bytes.extend([0xAA; 100]);
    let path = folder.path().join("run.wandb");
    fs::write(&path, bytes).unwrap();
    let (code, said) = run(path);
    assert_eq!(code, Some(1));
    assert!(said.contains("no record could be read"), "{said}");
}
