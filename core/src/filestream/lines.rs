//! The lines of one file that only grows: rows of history, or measurements.

use super::escape::push_element;
use alloc::{collections::VecDeque, vec::Vec};

/// A buffer that grew above this for one large line is given back.
const KEPT_BYTES: usize = 512 << 10;

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Bytes of the element, its comma included.
    len: usize,
    /// Log offset up to which everything is delivered once the rows before this one are.
    before: u64,
    /// Log offset after its record.
    mark: u64,
}

/// Rows in the form in which they go into a push, one behind the other, so that a push is one copy.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Offset in the file of the first row that waits.
    next: u64,
    /// Rows with a smaller offset are on the server.
    delivered: u64,
    bytes: Vec<u8>,
    rows: VecDeque<Row>,
}

impl Lines {
    /// Rows so far were numbered from zero; they are numbered from `base`, and those below `delivered` are dropped.
    pub(super) fn start(&mut self, base: u64, delivered: u64) {
        self.next += base + u64::from(planted!(OffsetAfterResume) && base > 0);
        self.delivered = delivered;
        let known = usize::try_from(delivered.saturating_sub(self.next)).unwrap_or(usize::MAX);
        self.take(known.min(self.rows.len()));
    }

    /// Takes a row; false if the server has it.
    pub(super) fn push(&mut self, line: &str, before: u64, mark: u64) -> bool {
        if self.rows.is_empty() && self.next < self.delivered {
            self.next += 1;
            return false;
        }
        let len = push_element(line, &mut self.bytes);
        self.rows.push_back(Row { len, before, mark });
        true
    }

    /// The first `count` rows are on the server.
    pub(super) fn take(&mut self, count: usize) {
        self.drop_first(count);
        self.next += count as u64;
    }

    /// The first `count` rows are forgotten: the next row gets the offset of the first of them.
    pub(super) fn drop_first(&mut self, count: usize) {
        let len = self.bytes_of(count);
        self.rows.drain(..count);
        self.bytes.drain(..len);
        if self.bytes.capacity() > KEPT_BYTES && self.bytes.len() < KEPT_BYTES / 4 {
            self.bytes.shrink_to(KEPT_BYTES / 4);
        }
    }

    /// How many rows from the first on have at most `budget` bytes, and how many bytes that are.
    pub(super) fn fitting(&self, budget: usize) -> (usize, usize) {
        if self.bytes.len() <= budget {
            return (self.rows.len(), self.bytes.len());
        }
        let (mut count, mut total) = (0, 0);
        for row in &self.rows {
            if total + row.len > budget {
                break;
            }
            (count, total) = (count + 1, total + row.len);
        }
        (count, total)
    }

    /// Bytes of the first `count` rows.
    pub(super) fn bytes_of(&self, count: usize) -> usize {
        if count == self.rows.len() { self.bytes.len() } else { self.rows.iter().take(count).map(|row| row.len).sum() }
    }

    /// The first `count` rows as elements of a list.
    pub(super) fn elements(&self, count: usize) -> &[u8] {
        let bytes = &self.bytes[..self.bytes_of(count)];
        bytes.strip_suffix(b",").unwrap_or(bytes)
    }

    pub(super) fn offset(&self) -> u64 {
        self.next
    }

    /// Offset of the row after the last one that the server has.
    pub(super) fn next_offset(&self) -> u64 {
        self.next.max(self.delivered)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Log offsets after the records of the first `count` rows.
    pub(super) fn marks(&self, count: usize) -> impl Iterator<Item = u64> + '_ {
        self.rows.iter().take(count).map(|row| row.mark)
    }

    /// Where the log must be read from for the first row that waits.
    pub(super) fn before(&self) -> Option<u64> {
        self.rows.front().map(|row| row.before)
    }
}
