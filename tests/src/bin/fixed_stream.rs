//! Drives the core in process with a fixed stream of frames, for tools that count instructions or sample time.
//! `bench_instructions` runs it under callgrind; any profiler may be used on it.

use std::process::ExitCode;

use runwire_tests::bench::in_process::{Stream, drive};

const USAGE: &str = "usage: fixed_stream METRICS STEPS [RUNS [FRAMES_PER_READ]]  (a divisor of 64)";

fn main() -> ExitCode {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|arg| arg.parse()).collect();
    let Ok(numbers) = numbers else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let (&[metrics, steps, ref rest @ ..], true) = (&numbers[..], numbers.len() <= 4) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let stream = Stream {
        metrics: metrics as usize,
        steps,
        runs: rest.first().copied().unwrap_or(1),
        frames_per_read: rest.get(1).copied().unwrap_or(16).max(1) as usize,
    };
    let outcome = drive(stream);
    println!("{stream:?}\n{outcome:?}");
    ExitCode::SUCCESS
}
