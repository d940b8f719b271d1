//! The table of what was found.

use runwire_core::planted::Bug;

use super::{Find, SEEDS};

/// Characters of a failure's text that are shown.
const SHOWN: usize = 90;

/// The whole document.
pub fn markdown(finds: &[Find]) -> String {
    let mut text = format!(
        "# Planted bugs\n\n\
         A simulator that finds nothing proves nothing. Each of these bugs is in the core behind `cfg(planted)`, can be\n\
         switched on, and must be found by a seed below {SEEDS}; without any of them these seeds must be clean. This file is\n\
         written by\n\n\
         ```\n\
         RUSTFLAGS='--cfg planted' cargo run --release -p runwire-tests --bin planted --target-dir target/planted\n\
         ```\n\n\
         which fails if one is not found.\n\n\
         | bug | what it does | seed | step | law that caught it | as it was told |\n\
         |---|---|---|---|---|---|\n"
    );
    for Find { bug, found } in finds {
        let what = what(*bug);
        text.push_str(&match found {
            Some((seed, failure)) => {
                let told: String = failure.text.chars().take(SHOWN).map(|c| if c == '|' { '/' } else { c }).collect();
                format!("| {bug:?} | {what} | {seed} | {} | {} | {told} |\n", failure.step, failure.law)
            }
            None => format!("| {bug:?} | {what} | - | - | **not found** | |\n"),
        });
    }
    text
}

fn what(bug: Bug) -> &'static str {
    match bug {
        Bug::SkipSync => "the log counts as durable although nobody forced it to the device",
        Bug::DropResend => "a push without an answer counts as taken",
        Bug::ForgetTimer => "effects have no deadline",
        Bug::OffsetAfterResume => "after rows of an earlier life the first new one is numbered one too high",
        Bug::LoseTail => "the reader of a log stops before its last part",
        Bug::AckBeforeAppend => "bytes count as appended when they are handed to the disk",
        Bug::DeferOrder => "at the end of a run the last push goes out before the files",
        Bug::LeakLedger => "an effect that was answered stays in the ledger",
        Bug::SpinOnTimer => "a timer that is due is not taken",
        Bug::DoubleAnswer => "a second answer to an effect is passed on like the first",
        Bug::IgnoreRetryAfter => "the server's `Retry-After` is not kept",
        Bug::NoHeartbeat => "no heartbeat is sent",
        Bug::CursorAhead => "the note of what the server has is one row ahead of the truth",
        Bug::RepeatPush => "rows that the server has taken stay in the queue",
        Bug::LoseExitCode => "the exit code does not reach the server",
        Bug::EarlyTick => "a tick before its time is taken as due",
    }
}
