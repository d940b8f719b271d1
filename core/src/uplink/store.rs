//! When the cursor is written: before anything depends on it, then at most once in a while, and at the end. Owns the cursor
//! and the one write of it that may be outstanding.

use super::cursor::Cursor;
use crate::{
    limits::Limits,
    time::{Duration, Instant, Timer, Wake},
};
use alloc::string::String;

/// Cursors with many files are long; each write is followed by a rest in proportion.
const REST_PER_BYTES: usize = 100 << 10;
/// Between two tries of a write that everything waits for.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Store {
    path: Option<String>,
    pub(super) cursor: Cursor,
    dirty: bool,
    writing: bool,
    /// Nothing may be sent before the cursor is on disk: rows without a note of where they went would be sent twice by a
    /// later life.
    awaited: bool,
    /// The awaited write has failed and waits for its next try.
    failed: bool,
    /// The user knows of such a failure.
    told: bool,
    timer: Timer,
    last_len: usize,
}

impl Store {
    /// A store that keeps the cursor at `path`; without one there is nothing to go on from after a crash.
    pub(super) fn new(path: Option<String>) -> Self {
        Store {
            path,
            cursor: Cursor::default(),
            dirty: false,
            writing: false,
            awaited: false,
            failed: false,
            told: false,
            timer: Timer::new("uplink.cursor"),
            last_len: 0,
        }
    }

    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    pub(super) fn wake(&self) -> Option<Wake> {
        self.timer.wake()
    }

    /// The cursor has changed.
    pub(super) fn mark(&mut self, now: Instant, limits: &Limits) {
        if self.path.is_none() {
            return;
        }
        self.dirty = true;
        let rests = 1 + u32::try_from(self.last_len / REST_PER_BYTES).unwrap_or(u32::MAX);
        self.timer.set_if_idle(now.after(limits.cursor_interval * rests));
    }

    /// The cursor must be on disk before anything else is sent.
    pub(super) fn mark_awaited(&mut self) {
        self.dirty = self.path.is_some();
        self.awaited = self.dirty;
    }

    /// Whether sending has to wait for the cursor.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Whether everything that is known is on disk.
    pub(super) fn is_settled(&self) -> bool {
        (!self.dirty || self.failed) && !self.writing
    }

    /// What to write now, and where: if the time has come, or at once.
    pub(super) fn take(&mut self, now: Instant, at_once: bool) -> Option<(String, String)> {
        let due = self.timer.take_due(now);
        if due {
            self.failed = false;
        }
        if !(due || at_once || self.awaited) || self.failed || !self.dirty || self.writing {
            return None;
        }
        let path = self.path.clone()?;
        self.timer.cancel();
        self.dirty = false;
        self.writing = true;
        let text = self.cursor.to_json();
        self.last_len = text.len();
        Some((path, text))
    }

    /// The write has failed. The old cursor stands, which is only behind; if there is none yet, it is tried again. Returns
    /// whether this is the first failure of a write that everything waits for.
    pub(super) fn on_failed(&mut self, now: Instant) -> bool {
        self.writing = false;
        if !self.awaited {
            return false;
        }
        self.dirty = true;
        self.failed = true;
        self.timer.set(now.after(RETRY_INTERVAL));
        !core::mem::replace(&mut self.told, true)
    }

    /// Nothing more is sent, so nothing waits.
    pub(super) fn stop_waiting(&mut self) {
        self.awaited = false;
        self.failed = false;
    }

    /// The write has ended.
    pub(super) fn on_stored(&mut self) {
        self.writing = false;
        if !self.dirty {
            self.awaited = false;
        }
    }
}
