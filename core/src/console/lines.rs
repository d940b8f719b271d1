//! The lines of both streams in one numbering, and the window of those that can still change.
//!
//! Owns numbers, text and the marks of what changed. Does not know where a cursor is, nor who reads the changes.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::Stream;
use super::text::Text;

/// Most lines kept for editing. A line of a quiet stream that falls out of the window is settled as it is.
const WINDOW_LINES: usize = 4096;
/// Most text kept for editing: both views filled with the longest lines of four-byte characters still fit.
const WINDOW_BYTES: usize = 2 << 20;

/// One line that may still be edited.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) stream: Stream,
    /// Unix microseconds at which its first character was put.
    pub(super) created: i64,
    pub(super) text: Text,
    /// Not yet handed out for upload since it last changed.
    pub(super) fresh: bool,
}

/// The window of open lines. Numbers count from 0 over both streams and never repeat.
#[derive(Debug, Default)]
pub(super) struct Lines {
    first: u64,
    window: VecDeque<Line>,
    bytes: usize,
    /// Lowest line changed since [`Lines::take_changed_from`].
    changed_from: Option<u64>,
}

impl Lines {
    /// The lowest number still in the window.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number the next line will get.
    pub(super) fn next(&self) -> u64 {
        self.first + self.window.len() as u64
    }

    /// Appends a line and returns its number.
    pub(super) fn allocate(&mut self, stream: Stream, created: i64, text: Text) -> u64 {
        let number = self.next();
        self.bytes += text.len();
        self.window.push_back(Line { stream, created, text, fresh: true });
        self.mark(number);
        number
    }

    /// Edits an open line through `edit`, which says whether it changed. A settled line is left alone.
    pub(super) fn edit(&mut self, number: u64, edit: impl FnOnce(&mut Text) -> bool) {
        let Some(line) = number.checked_sub(self.first).and_then(|at| self.window.get_mut(at as usize)) else {
            return;
        };
        let before = line.text.len();
        let changed = edit(&mut line.text);
        self.bytes = self.bytes - before + line.text.len();
        if changed {
            line.fresh = true;
            self.mark(number);
        }
    }

    /// Text of an open line.
    pub(super) fn text(&self, number: u64) -> Option<&str> {
        let at = number.checked_sub(self.first)?;
        self.window.get(at as usize).map(|line| line.text.as_str())
    }

    /// Settles the oldest line: it leaves the window with its number.
    pub(super) fn settle_first(&mut self) -> Option<(u64, Line)> {
        let line = self.window.pop_front()?;
        let number = self.first;
        self.first += 1;
        self.bytes -= line.text.len();
        Some((number, line))
    }

    /// True if the window holds more than it may.
    pub(super) fn is_over_limit(&self) -> bool {
        self.window.len() > WINDOW_LINES || self.bytes > WINDOW_BYTES
    }

    /// The lowest line changed since the last call.
    pub(super) fn take_changed_from(&mut self) -> Option<u64> {
        self.changed_from.take()
    }

    /// Is any open line waiting for upload?
    pub(super) fn has_fresh(&self) -> bool {
        self.window.iter().any(|line| line.fresh)
    }

    /// Visits the open lines that wait for upload, lowest first, and takes the mark off.
    pub(super) fn take_fresh(&mut self, mut visit: impl FnMut(u64, &Line, String)) {
        for (number, line) in (self.first..).zip(self.window.iter_mut()).filter(|(_, line)| line.fresh) {
            line.fresh = false;
            visit(number, line, line.text.as_str().into());
        }
    }

    fn mark(&mut self, number: u64) {
        self.changed_from = Some(self.changed_from.map_or(number, |from| from.min(number)));
    }
}
