//! Bugs that can be switched on, to see that the simulator finds them. Only builds with `--cfg planted` have this module;
//! in all others [`planted!`](crate::planted!) is the constant `false`.

use core::sync::atomic::{AtomicUsize, Ordering};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The log counts as durable although nobody forced it to the device.
    SkipSync,
    /// A push without an answer counts as taken, and is not sent again.
    DropResend,
    /// Effects have no deadline.
    ForgetTimer,
    /// After rows of an earlier life the first new one is numbered one too high.
    OffsetAfterResume,
    /// The reader of a log stops before its last part.
    LoseTail,
    /// Bytes count as appended when they are handed to the disk.
    AckBeforeAppend,
    /// At the end of a run the last push goes out before the files.
    DeferOrder,
    /// An effect that was answered stays in the ledger.
    LeakLedger,
    /// A timer that is due is not taken.
    SpinOnTimer,
    /// A second answer to an effect is passed on like the first.
    DoubleAnswer,
    /// The server's `Retry-After` is not kept.
    IgnoreRetryAfter,
    /// No heartbeat is sent.
    NoHeartbeat,
    /// The note of what the server has is one row ahead of the truth.
    CursorAhead,
    /// Rows that the server has taken stay in the queue.
    RepeatPush,
    /// The exit code does not reach the server.
    LoseExitCode,
    /// A tick before its time is taken as due.
    EarlyTick,
}

/// All of them.
pub const BUGS: [Bug; 16] = [
    Bug::SkipSync,
    Bug::DropResend,
    Bug::ForgetTimer,
    Bug::OffsetAfterResume,
    Bug::LoseTail,
    Bug::AckBeforeAppend,
    Bug::DeferOrder,
    Bug::LeakLedger,
    Bug::SpinOnTimer,
    Bug::DoubleAnswer,
    Bug::IgnoreRetryAfter,
    Bug::NoHeartbeat,
    Bug::CursorAhead,
    Bug::RepeatPush,
    Bug::LoseExitCode,
    Bug::EarlyTick,
];

/// Number of the bug that is switched on, and one; 0 is none.
static SWITCHED_ON: AtomicUsize = AtomicUsize::new(0);

/// Switches one bug on for the whole process, or all off.
pub fn switch(bug: Option<Bug>) {
    SWITCHED_ON.store(bug.map_or(0, |bug| bug as usize + 1), Ordering::Relaxed);
}

/// Whether this one is switched on.
pub fn is_on(bug: Bug) -> bool {
    SWITCHED_ON.load(Ordering::Relaxed) == bug as usize + 1
}
