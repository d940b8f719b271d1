//! The first seeds of the simulator hold every law, each goes the same way twice, and between them every fault fires.
#![cfg(unix)]

use runwire_tests::sim::{Options, many, run};

const SEEDS: u64 = 200;

#[test]
fn two_hundred_seeds_hold_every_law_and_fire_every_fault() {
    let sum = many(0..SEEDS, true);
    let report: Vec<String> = sum.failures.iter().take(3).map(|outcome| outcome.report()).collect();
    assert!(sum.failures.is_empty(), "{} of {SEEDS} seeds failed\n{}", sum.failures.len(), report.join("\n"));
    assert_eq!(sum.seeds, SEEDS);
    assert!(sum.faults.missing().is_empty(), "never fired: {:?}\nfired: {}", sum.faults.missing(), sum.faults);
}

#[test]
fn a_failure_says_how_to_see_it_again() {
    let outcome = run(3, &Options { trace: true, from_step: 40, ..Options::default() });
    let report = outcome.report();
    assert!(report.contains("--bin sim -- --seed 3 --trace"), "{report}");
    assert!(report.contains("faults (per thousand)") && report.contains("the last 50 lines:"), "{report}");
    assert_eq!(outcome.last.len(), 50);
    let whole = run(3, &Options { trace: true, ..Options::default() });
    assert!(outcome.trace.len() < whole.trace.len() && whole.trace.ends_with(&outcome.trace));
    assert_eq!(outcome.trace_hash, whole.trace_hash);
}
