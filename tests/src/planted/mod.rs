//! Whether the simulator finds bugs that are planted for it, and by which seed. Only in builds with `--cfg planted`.

mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use runwire_core::planted::{self, BUGS, Bug};

use crate::sim::{self, Failure, Options};

pub use table::markdown;

/// Seeds that are tried for each bug.
pub const SEEDS: u64 = 100;

/// How a bug was found.
#[derive(Debug)]
pub struct Find {
    /// The bug.
    pub bug: Bug,
    /// The first seed that shows it, and what is broken then; `None` if no seed does.
    pub found: Option<(u64, Failure)>,
}

/// Runs seeds without any bug, then for each bug until one shows it. An error names a seed that fails without any.
pub fn hunt() -> Result<Vec<Find>, String> {
    planted::switch(None);
    if let Some((seed, failure)) = first_failure() {
        return Err(format!("seed {seed} fails without any bug: {}: {}", failure.law, failure.text));
    }
    let finds = BUGS.map(|bug| {
        planted::switch(Some(bug));
        Find { bug, found: first_failure() }
    });
    planted::switch(None);
    Ok(finds.into())
}

/// The lowest seed that fails. Seeds above one that failed are not begun.
fn first_failure() -> Option<(u64, Failure)> {
    let next = AtomicU64::new(0);
    let lowest: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
    let bound = AtomicU64::new(SEEDS);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= bound.load(Ordering::Relaxed) {
                        return;
                    }
                    let Some(failure) = run(seed) else { continue };
                    bound.fetch_min(seed, Ordering::Relaxed);
                    let mut lowest = lowest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if lowest.as_ref().is_none_or(|(other, _)| seed < *other) {
                        *lowest = Some((seed, failure));
                    }
                }
            });
        }
    });
    lowest.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A bug may well end in a panic: that is a find, too.
fn run(seed: u64) -> Option<Failure> {
    match catch_unwind(AssertUnwindSafe(|| sim::run(seed, &Options::default()))) {
        Ok(outcome) => outcome.failure,
        Err(_) => Some(Failure { law: "no-panic", step: 0, text: "the simulation ends in a panic".into() }),
    }
}
