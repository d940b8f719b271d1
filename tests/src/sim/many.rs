//! Many seeds on all processors.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::faults::Counts;
use super::outcome::{Options, Outcome, run};
use super::world::Failure;

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Sum {
    /// Seeds.
    pub seeds: u64,
    /// Steps of all of them.
    pub steps: u64,
    /// Simulated time of all of them.
    pub time: Duration,
    /// How often each fault fired.
    pub faults: Counts,
    /// Those that failed, by seed.
    pub failures: Vec<Outcome>,
}

/// Runs seeds side by side; each twice if `twice`, and then both must go the same way.
pub fn many(seeds: Range<u64>, twice: bool) -> Sum {
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = run_caught(seed, twice);
                    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    sum.seeds += 1;
                    sum.steps += outcome.steps;
                    sum.time += outcome.time;
                    sum.faults.add(&outcome.faults);
                    if outcome.failure.is_some() {
                        sum.failures.push(outcome);
                    }
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.failures.sort_by_key(|outcome| outcome.seed);
    sum
}

fn run_caught(seed: u64, twice: bool) -> Outcome {
    let mut outcome = run(seed, &Options::default());
    if twice && outcome.failure.is_none() {
        let again = run(seed, &Options::default());
        if again.trace_hash != outcome.trace_hash {
            let text = format!("{:016x} first, then {:016x}", outcome.trace_hash, again.trace_hash);
            outcome.failure = Some(Failure { law: "L4-purity", step: outcome.steps, text });
        }
    }
    outcome
}
