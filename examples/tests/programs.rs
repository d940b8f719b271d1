//! Each example program does what it says.

use std::path::PathBuf;
use std::process::Command;

/// Runs a program and gives what it printed.
fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output().expect("it can be started");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{program}: {said}\n{}", String::from_utf8_lossy(&out.stderr));
    said
}

/// The path behind `log: ` in the last line.
fn log(said: &str) -> PathBuf {
    PathBuf::from(said.trim_end().rsplit_once("log: ").expect("the last line names the log").1)
}

/// The rows in a log, as the example that follows logs prints them.
fn rows(log: &std::path::Path) -> Vec<String> {
    let said = run(env!("CARGO_BIN_EXE_tail"), &[log.to_str().expect("a plain path")]);
    let mut lines: Vec<String> = said.lines().map(String::from).collect();
    assert_eq!(lines.pop().as_deref(), Some("the run ended with code 0"));
    lines
}

#[test]
fn a_loop_without_a_runtime_logs_every_row() {
    let log = log(&run(env!("CARGO_BIN_EXE_custom_loop"), &[]));
    let wanted: Vec<String> = (0..100).map(|n| format!("{n}: n={n}")).collect();
    assert_eq!(rows(&log), wanted);
}

#[test]
fn a_month_of_simulated_time_takes_a_moment_and_is_the_same_each_time() {
    let (first, second) = (run(env!("CARGO_BIN_EXE_virtual_time"), &[]), run(env!("CARGO_BIN_EXE_virtual_time"), &[]));
    assert!(first.contains("720 simulated hours"), "{first}");
    let (first, second) = (log(&first), log(&second));
    assert_eq!(rows(&first).len(), 720);
    assert_eq!(std::fs::read(first).expect("a log"), std::fs::read(second).expect("a log"));
}

#[test]
fn an_event_loop_of_ones_own_keeps_every_measurement() {
    let log = log(&run(env!("CARGO_BIN_EXE_own_event_loop"), &[]));
    let rows = rows(&log);
    assert_eq!(rows.len(), 500);
    assert_eq!(rows[1], "1: volts=230.250");
}
