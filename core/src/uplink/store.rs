//! When the cursor is written: before anything depends on it, then at most once in a while, and at the end. Owns the cursor
//! and the one write of it that may be outstanding.

use super::cursor::Cursor;
use crate::{
    limits::Limits,
    time::{Instant, Timer, Wake},
};
use alloc::string::String;

/// Cursors with many files are long; each write is followed by a rest in proportion.
const REST_PER_BYTES: usize = 100 << 10;

#[derive(Debug)]
pub(super) struct Store {
    path: Option<String>,
    pub(super) cursor: Cursor,
    dirty: bool,
    writing: bool,
    /// Nothing may be sent before the cursor is on disk.
    awaited: bool,
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
        !self.dirty && !self.writing
    }

    /// What to write now, and where: if the time has come, or at once.
    pub(super) fn take(&mut self, now: Instant, at_once: bool) -> Option<(String, String)> {
        let due = self.timer.take_due(now);
        if !(due || at_once || self.awaited) || !self.dirty || self.writing {
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

    /// The write has ended. After a failure the old cursor stands, which is only behind.
    pub(super) fn on_stored(&mut self) {
        self.writing = false;
        if !self.dirty {
            self.awaited = false;
        }
    }
}
