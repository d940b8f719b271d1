//! A message that would come again and again: at most once a minute, with how many it stands for.

use crate::time::{Duration, Instant};
use alloc::{format, string::String};

const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Told {
    last: Option<Instant>,
    unsaid: u64,
}

impl Told {
    /// Whether it is time to say it; if so, how many times it was not said since the last time.
    pub(super) fn say(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < INTERVAL) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(core::mem::take(&mut self.unsaid))
    }
}

/// The part of the message that tells of those before it.
pub(super) fn more(others: u64) -> String {
    match others {
        0 => String::new(),
        n => format!(" {n} more since the last message."),
    }
}
