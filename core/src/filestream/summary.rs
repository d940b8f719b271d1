//! The summary: one line that replaces itself.

use super::escape::push_element;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// A line above this goes less often.
const LARGE_BYTES: usize = 64 << 10;
const LARGE_INTERVAL: Duration = Duration::from_secs(15);

/// What is known of the summary. Its text is asked for when a push is made, so that no old one is ever kept or sent.
#[derive(Debug, Default)]
pub(super) struct Summary {
    dirty: bool,
    /// The element that is to be sent, its comma included; empty if there is none.
    line: Vec<u8>,
    /// What the server has, unless it is large.
    sent: Vec<u8>,
    /// No other one before this.
    rests_until: Instant,
}

impl Summary {
    pub(super) fn changed(&mut self) {
        self.dirty = true;
    }

    /// Whether its text is wanted for a push that leaves now.
    pub(super) fn is_wanted(&self, now: Instant, last_call: bool) -> bool {
        self.dirty && (last_call || now >= self.rests_until)
    }

    /// When it wants to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.line.is_empty() { self.dirty.then_some(self.rests_until) } else { Some(Instant::ZERO) }
    }

    pub(super) fn set(&mut self, line: Option<&str>) {
        self.dirty = false;
        self.line.clear();
        if let Some(line) = line {
            push_element(line, &mut self.line);
        }
        if self.line == self.sent {
            self.line.clear();
        }
    }

    /// It is on the server.
    pub(super) fn take(&mut self, now: Instant) {
        self.rests_until = if self.line.len() > LARGE_BYTES { now.after(LARGE_INTERVAL) } else { Instant::ZERO };
        self.sent = core::mem::take(&mut self.line);
        if self.sent.len() > LARGE_BYTES {
            self.sent = Vec::new();
        }
    }

    /// The server does not take it; another one may do.
    pub(super) fn drop_line(&mut self) {
        self.line = Vec::new();
    }

    pub(super) fn element(&self) -> &[u8] {
        self.line.strip_suffix(b",").unwrap_or(&self.line)
    }

    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether there is nothing to send.
    pub(super) fn is_clean(&self) -> bool {
        !self.dirty && self.line.is_empty()
    }
}
