//! Everything that waits for the server, and which part of it is one push.

use super::{console::Console, lines::Lines, summary::Summary};
use crate::{time::Instant, uplink::Offsets};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use bytes::Bytes;
use core::ops::Range;

/// The part of the queue that is in a push: the first rows of each file, in the order in which a push is filled. It stays
/// the same part while other things are queued behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) history: usize,
    pub(super) events: usize,
    pub(super) summary: bool,
    /// Numbers that follow each other.
    pub(super) console: Range<u64>,
    pub(super) uploaded: usize,
    pub(super) preempting: bool,
    /// The exit code, in the last push.
    pub(super) complete: Option<i32>,
    /// Bytes of its lines.
    pub(super) bytes: usize,
}

impl Window {
    /// How many things are in it that can be sent apart.
    pub(super) fn units(&self) -> usize {
        let console = usize::try_from(self.console.end - self.console.start).unwrap_or(usize::MAX);
        self.history + self.events + usize::from(self.summary) + console + self.uploaded
    }

    pub(super) fn has_flags(&self) -> bool {
        self.preempting || self.complete.is_some()
    }

    /// What is left of it when its first part `sent` is gone. Its flags are not part of it.
    pub(super) fn without(&self, sent: &Window) -> Window {
        Window {
            history: self.history - sent.history.min(self.history),
            events: self.events - sent.events.min(self.events),
            summary: self.summary && !sent.summary,
            console: self.console.start.max(sent.console.end).min(self.console.end)..self.console.end,
            uploaded: self.uploaded - sent.uploaded.min(self.uploaded),
            ..Window::default()
        }
    }

    /// What it is, for people.
    pub(super) fn shown(&self) -> String {
        if self.history > 0 {
            "a row of the history".to_string()
        } else if self.events > 0 {
            "a row of measurements".to_string()
        } else if self.summary {
            "the summary".to_string()
        } else if self.console.start < self.console.end {
            format!("console line {}", self.console.start + 1)
        } else {
            "the name of an uploaded file".to_string()
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    history: Lines,
    events: Lines,
    pub(super) summary: Summary,
    console: Console,
    /// Names as elements of a list, each with its length.
    uploaded: Lines,
    pub(super) preempting: bool,
    /// Marks of the newest record and of the one before it.
    mark: u64,
    mark_before: u64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Queue::default()
    }

    pub(super) fn start(&mut self, base: Offsets, delivered: Offsets) {
        self.history.start(base.history, delivered.history);
        self.events.start(base.events, delivered.events);
        self.console.start(base.console, delivered.console);
    }

    /// What follows comes from a record that ends at `mark`.
    pub(super) fn passed(&mut self, mark: u64) {
        if mark > self.mark {
            self.mark_before = self.mark;
            self.mark = mark;
        }
    }

    pub(super) fn history(&mut self, line: &str) -> bool {
        self.history.push(line, self.mark_before, self.mark)
    }

    pub(super) fn event(&mut self, line: &str) -> bool {
        self.events.push(line, self.mark_before, self.mark)
    }

    pub(super) fn console(&mut self, number: u64, line: &str) -> bool {
        self.console.push(number, line, self.mark_before)
    }

    pub(super) fn uploaded(&mut self, path: &str) {
        self.uploaded.push(path, 0, 0);
    }

    /// The first things that have at most `cap` bytes together, at least one of them; without flags.
    pub(super) fn choose(&self, cap: usize) -> Window {
        let mut window = Window::default();
        (window.history, window.bytes) = first(&self.history, cap, true);
        if window.history < self.history.len() {
            return window;
        }
        let (events, bytes) = first(&self.events, cap.saturating_sub(window.bytes), window.units() == 0);
        (window.events, window.bytes) = (events, window.bytes + bytes);
        if window.events < self.events.len() {
            return window;
        }
        if self.summary.len() > 0 {
            if window.units() > 0 && window.bytes + self.summary.len() > cap {
                return window;
            }
            (window.summary, window.bytes) = (true, window.bytes + self.summary.len());
        }
        let (console, bytes) = self.console.fitting(cap.saturating_sub(window.bytes), window.units() == 0);
        (window.console, window.bytes) = (console, window.bytes + bytes);
        let (names, bytes) = first(&self.uploaded, cap.saturating_sub(window.bytes), window.units() == 0);
        (window.uploaded, window.bytes) = (names, window.bytes + bytes);
        window
    }

    /// The first half of `window`, without flags; all of it if it is one thing.
    pub(super) fn half(&self, window: &Window) -> Window {
        let mut left = window.units().div_ceil(2);
        let mut take = |count: usize| {
            let taken = count.min(left);
            left -= taken;
            taken
        };
        let (history, events) = (take(window.history), take(window.events));
        let summary = take(usize::from(window.summary)) > 0;
        let lines = usize::try_from(window.console.end - window.console.start).unwrap_or(usize::MAX);
        let console = window.console.start..window.console.start + take(lines) as u64;
        let uploaded = take(window.uploaded);
        let mut half = Window { history, events, summary, console, uploaded, ..Window::default() };
        half.bytes = self.bytes_of(&half);
        half
    }

    fn bytes_of(&self, window: &Window) -> usize {
        self.history.bytes_of(window.history)
            + self.events.bytes_of(window.events)
            + if window.summary { self.summary.len() } else { 0 }
            + self.console.bytes_of(window.console.clone())
            + self.uploaded.bytes_of(window.uploaded)
    }

    /// Whether nothing is left when `window` is gone.
    pub(super) fn is_all(&self, window: &Window) -> bool {
        let console = usize::try_from(window.console.end - window.console.start).unwrap_or(usize::MAX);
        window.history == self.history.len()
            && window.events == self.events.len()
            && window.uploaded == self.uploaded.len()
            && console == self.console.len()
            && (window.summary || self.summary.is_clean())
            && (window.preempting || !self.preempting)
    }

    /// Whether there is more than `window` that could leave now.
    pub(super) fn has_more(&self, window: &Window) -> bool {
        self.has_lines() && self.rows() + self.uploaded.len() + usize::from(window.summary) > window.units()
            || (self.summary.len() > 0 && !window.summary)
    }

    /// Whether there is something to send beside the summary.
    pub(super) fn has_lines(&self) -> bool {
        self.history.len() + self.events.len() + self.console.len() + self.uploaded.len() > 0
    }

    pub(super) fn rows(&self) -> usize {
        self.history.len() + self.events.len() + self.console.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.history.bytes() + self.events.bytes() + self.console.bytes() + self.uploaded.bytes()
    }

    /// The body of a push. From now on a rewritten console line is another one.
    pub(super) fn body(&mut self, window: &Window) -> Bytes {
        let mut out = Vec::with_capacity(window.bytes + 512);
        let mut sections = Sections { out: &mut out, any: false };
        if window.history > 0 {
            sections.open("wandb-history.jsonl", self.history.offset());
            sections.out.extend_from_slice(self.history.elements(window.history));
        }
        if window.events > 0 {
            sections.open("wandb-events.jsonl", self.events.offset());
            sections.out.extend_from_slice(self.events.elements(window.events));
        }
        if window.summary {
            sections.open("wandb-summary.json", 0);
            sections.out.extend_from_slice(self.summary.element());
        }
        if !window.console.is_empty() {
            self.console.sending(window.console.clone());
            sections.open("output.log", self.console.offset(window.console.start));
            self.console.write_elements(window.console.clone(), sections.out);
        }
        sections.close();
        if window.uploaded > 0 {
            member(&mut out, "\"uploaded\":[");
            out.extend_from_slice(self.uploaded.elements(window.uploaded));
            out.push(b']');
        }
        if window.preempting {
            member(&mut out, "\"preempting\":true");
        }
        if let Some(exit) = window.complete {
            member(&mut out, &format!("\"complete\":true,\"exitcode\":{exit}"));
        }
        if out.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
        Bytes::from(out)
    }

    /// `window` is on the server.
    pub(super) fn take(&mut self, window: &Window, now: Instant) {
        self.history.take(window.history);
        self.events.take(window.events);
        self.uploaded.take(window.uploaded);
        self.console.take(window.console.clone());
        if window.summary {
            self.summary.take(now);
        }
        self.preempting &= !window.preempting;
    }

    /// The one thing in `window` will never be on the server. A row's offset goes to the row behind it; a console line
    /// keeps its number. Returns where the records of such rows end in the log.
    pub(super) fn leave_out(&mut self, window: &Window) -> Vec<u64> {
        let rows = self.history.marks(window.history).chain(self.events.marks(window.events)).collect();
        self.history.drop_first(window.history);
        self.events.drop_first(window.events);
        self.uploaded.drop_first(window.uploaded);
        for number in window.console.clone() {
            self.console.blank(number);
        }
        if window.summary {
            self.summary.drop_line();
        }
        self.preempting &= !window.preempting;
        rows
    }

    /// Offsets of the next lines, if nothing that waits is counted.
    pub(super) fn next_offsets(&self) -> Offsets {
        Offsets {
            history: self.history.next_offset(),
            events: self.events.next_offset(),
            console: self.console.next_offset(),
        }
    }

    /// Log offset up to which everything that came from it is on the server.
    pub(super) fn delivered_mark(&self) -> u64 {
        let waiting = [self.history.before(), self.events.before(), self.console.before()];
        waiting.into_iter().flatten().min().unwrap_or(self.mark)
    }
}

/// Rows from the first on that fit, and at least one if `one` is set.
fn first(lines: &Lines, budget: usize, one: bool) -> (usize, usize) {
    match lines.fitting(budget) {
        (0, _) if one && lines.len() > 0 => (1, lines.bytes_of(1)),
        fitting => fitting,
    }
}

/// Begins another member of a body.
fn member(out: &mut Vec<u8>, text: &str) {
    out.push(if out.is_empty() { b'{' } else { b',' });
    out.extend_from_slice(text.as_bytes());
}

/// The object of files in a body.
struct Sections<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
}

impl Sections<'_> {
    fn open(&mut self, name: &str, offset: u64) {
        let lead = if self.any { "]}," } else { "{\"files\":{" };
        self.any = true;
        self.out.extend_from_slice(format!("{lead}\"{name}\":{{\"offset\":{offset},\"content\":[").as_bytes());
    }

    fn close(self) {
        if self.any {
            self.out.extend_from_slice(b"]}}");
        }
    }
}
