//! Console lines that wait: by number, because a line may be rewritten long after it was sent.

use super::escape::push_element;
use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

/// Lines just below those that an earlier life delivered are sent again: they may have been rewritten after it, and the
/// same text twice does no harm.
const REWRITABLE_LINES: u64 = 32;

#[derive(Debug)]
struct Line {
    /// The element, its comma included.
    bytes: Vec<u8>,
    before: u64,
    /// It was rewritten after it went into a push: its `before` once that push is through.
    newer: Option<u64>,
    /// The server refused its text, and this one stands in its place.
    blank: bool,
}

/// Numbers count from the run's own first line; offsets in the file are larger by `base`.
#[derive(Debug, Default)]
pub(super) struct Console {
    base: u64,
    /// Numbers below this one are on the server, unless they are rewritten in this life.
    settled: u64,
    /// Numbers below this one came already.
    seen: u64,
    /// The number after the largest one that the server has.
    next: u64,
    lines: BTreeMap<u64, Line>,
    bytes: usize,
}

impl Console {
    pub(super) fn start(&mut self, base: u64, delivered: u64) {
        self.base = base;
        self.next = delivered.saturating_sub(base);
        self.settled = self.next.saturating_sub(REWRITABLE_LINES);
        let known: Vec<u64> = self.lines.range(..self.settled).map(|(number, _)| *number).collect();
        known.iter().for_each(|number| self.remove(*number));
    }

    /// Takes a line; false if the server has it.
    pub(super) fn push(&mut self, number: u64, line: &str, before: u64) -> bool {
        let rewritten = number < self.seen;
        self.seen = self.seen.max(number + 1);
        if number < self.settled && !rewritten {
            return false;
        }
        let mut bytes = Vec::new();
        push_element(line, &mut bytes);
        self.bytes += bytes.len();
        let mut new = Line { bytes, before, newer: None, blank: false };
        if let Some(old) = self.lines.get(&number) {
            self.bytes -= old.bytes.len();
            new.before = old.before;
            new.newer = old.newer.or(Some(before));
        }
        self.lines.insert(number, new);
        true
    }

    /// The first lines that follow each other and have at most `budget` bytes; the first one alone if `one` is set and it
    /// has more.
    pub(super) fn fitting(&self, budget: usize, one: bool) -> (Range<u64>, usize) {
        let Some(start) = self.lines.keys().next().copied() else { return (0..0, 0) };
        let (mut end, mut total) = (start, 0);
        for (number, line) in &self.lines {
            let fits = total + line.bytes.len() <= budget || (one && total == 0);
            if *number != end || !fits {
                break;
            }
            (end, total) = (end + 1, total + line.bytes.len());
        }
        (start..end, total)
    }

    /// Lines are about to be sent: a rewrite from now on is another text.
    pub(super) fn sending(&mut self, numbers: Range<u64>) {
        self.lines.range_mut(numbers).for_each(|(_, line)| line.newer = None);
    }

    /// These lines are on the server, as they were when they were sent.
    pub(super) fn take(&mut self, numbers: Range<u64>) {
        self.next = self.next.max(numbers.end);
        for number in numbers {
            match self.lines.get_mut(&number).map(|line| (line.newer.take(), line)) {
                Some((Some(before), line)) => line.before = before,
                Some((None, _)) => self.remove(number),
                None => {}
            }
        }
    }

    /// The server does not take this line: an empty one stands in its place, so that the file has no gap; if it does not
    /// take that either, nothing does.
    pub(super) fn blank(&mut self, number: u64) {
        let Some(line) = self.lines.get_mut(&number) else { return };
        if line.blank {
            return self.remove(number);
        }
        self.bytes -= line.bytes.len();
        line.bytes.clear();
        self.bytes += push_element("", &mut line.bytes);
        line.blank = true;
    }

    pub(super) fn write_elements(&self, numbers: Range<u64>, out: &mut Vec<u8>) {
        let from = out.len();
        self.lines.range(numbers).for_each(|(_, line)| out.extend_from_slice(&line.bytes));
        if out.len() > from {
            out.pop();
        }
    }

    pub(super) fn bytes_of(&self, numbers: Range<u64>) -> usize {
        self.lines.range(numbers).map(|(_, line)| line.bytes.len()).sum()
    }

    pub(super) fn offset(&self, number: u64) -> u64 {
        self.base + number
    }

    /// Offset of the line after the last one that the server has.
    pub(super) fn next_offset(&self) -> u64 {
        self.base + self.next
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn before(&self) -> Option<u64> {
        self.lines.values().map(|line| line.before).min()
    }

    fn remove(&mut self, number: u64) {
        if let Some(line) = self.lines.remove(&number) {
            self.bytes -= line.bytes.len();
        }
    }
}
