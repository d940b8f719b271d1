//! What users have reported of uploads of old logs, as cases: docs/REPORTS.md says which report each is about.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use prost::Message;
use runwire_proto::log::LogWriter;
use runwire_proto::wire::{Record, record::RecordType};
use runwire_tests::logs::Log;
use runwire_tests::uploads::{Bench, beside, column, golden};
use std::fs;

/// A recorded log whose records were changed; what is no record goes behind the first one.
fn changed(name: &str, change: impl Fn(&mut Record), odd: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = LogWriter::create(&mut bytes);
    for (at, mut record) in Log::parse(&golden(name)).records.into_iter().enumerate() {
        change(&mut record);
        writer.push(&record.encode_to_vec(), &mut bytes);
        if at == 1 {
            for odd in odd {
                writer.push(odd, &mut bytes);
            }
        }
    }
    bytes
}

#[test]
fn report_8322_a_tag_that_no_server_takes_is_left_out() {
    let bench = Bench::new();
    let change = |record: &mut Record| {
        if let Some(RecordType::Run(run)) = &mut record.record_type {
            run.tags = vec!["good".into(), "x".repeat(70)];
        }
    };
    let log = bench.place("1", "tagged", &changed("01_scalars", change, &[]));
    let ended = bench.sync_log(&log);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("The tag 'xxxx"), "{}", ended.stderr);
    let state = bench.state_of(&log);
    assert_eq!((&state["tags"], column(&state, "_step").len()), (&serde_json::json!(["good"]), 5));
}

#[test]
fn report_4453_a_record_of_a_newer_client_is_passed_over() {
    let bench = Bench::new();
    // Field 999 with two bytes, and a record with nothing in it.
    let odd: [&[u8]; 2] = [&[0xBA, 0x3E, 0x02, 0x01, 0x02], &[]];
    let log = bench.place("1", "newer", &changed("01_scalars", |_| {}, &odd));
    let ended = bench.sync_log(&log);
    assert_eq!(column(&bench.state_of(&log), "_step").len(), 5, "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(bench.state_of(&log)["complete"], true);
}

#[test]
fn report_12751_a_cut_log_is_named_and_all_before_the_cut_arrives() {
    let bench = Bench::new();
    let whole = golden("03a_steps140");
    let log = bench.place("1", "cut", &whole[..whole.len() * 2 / 3 - 11]);
    let sound = runwire_std::inspect::inspect(&log).unwrap().rows();
    let ended = bench.sync_log(&log);
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("run-cut.wandb: ") && ended.stdout.contains("lost"), "{}", ended.stdout);
    assert!(!beside(&log, ".synced").exists());
    let state = bench.state_of(&log);
    assert!(sound > 50 && column(&state, "_step").len() as u64 == sound, "{sound} rows");
    // Nobody knows how it ended: not well.
    assert_eq!(state["exit_code"], 1);
}

#[test]
fn report_case_12_logs_that_hold_nothing() {
    let bench = Bench::new();
    let empty = bench.place("1", "zero", b"");
    let header = bench.place("2", "header", &golden("01_scalars")[..7]);
    for log in [&empty, &header] {
        let ended = bench.sync_log(log);
        assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(log.file_name().unwrap().to_str().unwrap()), "{}", ended.stdout);
        assert!(!beside(log, ".synced").exists());
    }
    assert_eq!(bench.controls().requests(Some("graphql:UpsertBucket")).len(), 0);
}

#[test]
fn report_12391_one_unreadable_run_costs_no_other() {
    let bench = Bench::new();
    let (first, last) = (bench.golden("01_scalars"), bench.golden("02_nested"));
    let bad = bench.place("01_z", "bad", b"this is no log of anything");
    let ended = bench.sync(&["wandb"]);
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("Delivered 2 of 3 runs.") && ended.stdout.contains("run-bad.wandb: "),
        "{}",
        ended.stdout
    );
    assert!(beside(&first, ".synced").exists() && beside(&last, ".synced").exists());
    assert!(fs::exists(bad).unwrap() && !column(&bench.state_of(&last), "_step").is_empty());
}
