//! Recorded logs of the official client, whole and damaged, uploaded to the embedded server: what is in the log is on the
//! server, once, and what can't be read is named.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use runwire_std::inspect::inspect;
use runwire_tests::uploads::{Bench, beside, column};
use std::fs;

const WHOLE: [&str; 17] = [
    "01_scalars",
    "02_nested",
    "03a_steps140",
    "03b_steps450",
    "04_bigstring",
    "05_unicode",
    "06_nan",
    "07_config_summary",
    "08_console",
    "08b_console_raw",
    "09_define_metric",
    "12a_resume_part1",
    "13a_killed_after_flush",
    "14_meta",
    "15_exit3",
    "16_empty",
    "13c_killed_block_boundary",
];

#[test]
fn the_server_has_the_rows_of_every_recorded_log_once_however_often_it_is_synced() {
    let bench = Bench::new();
    let logs: Vec<_> = WHOLE.iter().map(|name| bench.golden(name)).collect();
    let first = bench.sync(&["wandb"]);
    // One of them ends inside a record.
    assert_eq!(first.code, Some(1), "{}\n{}", first.stdout, first.stderr);
    assert!(first.stdout.contains("Delivered 16 of 17 runs."), "{}", first.stdout);
    assert!(
        first.stdout.contains("run-13c_killed_block_boundary.wandb: everything that could be read is delivered; lost:")
    );
    let again = bench.sync(&["wandb", "-n", "2"]);
    assert_eq!(again.code, Some(0), "{}\n{}", again.stdout, again.stderr);
    assert!(again.stdout.contains("Skipped 17 runs"), "{}", again.stdout);
    for (name, log) in WHOLE.iter().zip(&logs) {
        let (report, state) = (inspect(log).unwrap(), bench.state_of(log));
        assert_eq!(column(&state, "_step").len() as u64, report.rows(), "{name}");
        let counters = &state["counters"];
        assert_eq!(
            (&counters["conflicts"], &counters["duplicates"], &counters["gaps"]),
            (&0.into(), &0.into(), &0.into()),
            "{name}: {counters}"
        );
        assert_eq!(state["complete"], true, "{name}");
    }
}

#[test]
fn records_at_the_ends_of_blocks_arrive() {
    let bench = Bench::new();
    let log = bench.golden("17_boundaries");
    let ended = bench.sync(&[log.to_str().unwrap(), "--id", "own"]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let rows = inspect(&log).unwrap().rows();
    assert_eq!(column(&bench.state("golden", "own"), "_step").len() as u64, rows);
}

#[test]
fn what_one_server_has_is_not_taken_for_what_another_has() {
    let (here, there) = (Bench::new(), Bench::new());
    let log = here.golden("01_scalars");
    for bench in [&here, &there] {
        let ended = bench.sync_log(&log);
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
        assert_eq!(column(&bench.state_of(&log), "_step").len() as u64, inspect(&log).unwrap().rows());
    }
}

#[test]
fn a_log_that_is_named_again_sends_nothing() {
    let bench = Bench::new();
    let log = bench.golden("01_scalars");
    assert_eq!(bench.sync_log(&log).code, Some(0));
    let before = bench.controls().requests(Some("file_stream")).len();
    let again = bench.sync_log(&log);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("delivered already"), "{}", again.stderr);
    assert_eq!(bench.controls().requests(Some("file_stream")).len(), before);
}

/// Cases 26 to 47 of the page: where the official upload stops at the first damage, ours delivers what can be read, says what
/// is lost, ends with an error and leaves no mark.
#[test]
fn log_26_to_47_damaged_logs_give_what_can_be_read_and_name_the_loss() {
    let lossy = [
        "d08", "d09", "d10", "d12", "d13", "d15", "d17", "d21", "d24", "d25", "d26", "d27", "d28", "d35", "d40", "d42",
    ];
    let unread = ["d01", "d02", "d03", "d04", "d05", "d06", "d07", "d22", "d23", "d31", "d36"];
    let mut names: Vec<String> =
        fs::read_dir(runwire_tests::official::workspace().join("proto/tests/data/log/damaged"))
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".wandb").map(String::from))
            .collect();
    names.sort();
    assert_eq!(names.len(), 42);
    let bench = Bench::new();
    for name in names {
        let log = bench.golden(&format!("damaged/{name}"));
        // They all are the same run; each is uploaded as its own.
        let ended = bench.sync(&[log.to_str().unwrap(), "--id", &name]);
        let said = format!("{name}: {:?}\n{}\n{}", ended.code, ended.stdout, ended.stderr);
        let state = bench.state("golden", &name);
        if unread.iter().any(|prefix| name.starts_with(prefix)) {
            assert_eq!((ended.code, state.is_null()), (Some(1), true), "{said}");
            continue;
        }
        let rows = inspect(&log).unwrap().rows();
        if !name.starts_with("d38") {
            assert_eq!(column(&state, "_step").len() as u64, rows, "{said}");
        }
        if lossy.iter().any(|prefix| name.starts_with(prefix)) {
            assert_eq!(ended.code, Some(1), "{said}");
            assert!(ended.stdout.contains("lost: "), "{said}");
            assert!(!beside(&log, ".synced").exists(), "{said}");
        }
    }
}
