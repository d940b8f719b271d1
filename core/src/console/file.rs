//! The console's file on disk, as patches.
//!
//! Owns the file's name, what it holds up to which line, and the bytes of settled lines nobody has taken yet. Lines in
//! the window are rewritten from the first changed one on; settled ones never are. Does no I/O.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::BytesMut;

use super::lines::Lines;
use super::stamp::Stamp;
use super::{Label, Multipart};

/// Nothing is dirty.
const CLEAN: u64 = u64::MAX;

/// One step towards the file as it should be: cut it at `at`, then append `bytes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    /// Relative to the run's files directory, parts joined by `/`.
    pub path: String,
    /// Offset in bytes; what the file holds from here on is replaced.
    pub at: u64,
    /// Everything from `at` to the file's new end. Empty only if lines moved on to the next file.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct OutputFile {
    label: Label,
    multipart: Option<Multipart>,
    /// The file being written; a multipart one gets its name with its first bytes.
    path: Option<String>,
    /// Unix microseconds in the current or last name.
    opened: Option<i64>,
    /// The lowest line that is neither in `settled`, nor on disk for good, nor in an earlier file.
    first: u64,
    /// Where line `first` starts in the file.
    first_at: u64,
    /// Settled lines not taken yet. They end at `first_at`.
    settled: BytesMut,
    /// Lines from here on read differently than what was taken. Settled bytes waiting make all lines dirty.
    dirty_from: u64,
}

impl OutputFile {
    pub(super) fn new(label: Label, multipart: Option<Multipart>) -> Self {
        Self {
            label,
            multipart,
            path: None,
            opened: None,
            first: 0,
            first_at: 0,
            settled: BytesMut::new(),
            dirty_from: CLEAN,
        }
    }

    /// Told that open line `number` and maybe later ones changed.
    pub(super) fn on_changed(&mut self, number: u64) {
        self.dirty_from = self.dirty_from.min(number.max(self.first));
    }

    /// Told that the oldest line got its last text.
    pub(super) fn on_settled(&mut self, number: u64, text: &str) {
        if number != self.first {
            return;
        }
        if !self.settled.is_empty() || self.dirty_from <= number {
            self.settled.reserve(text.len() + 1);
            self.settled.extend_from_slice(text.as_bytes());
            self.settled.extend_from_slice(b"\n");
        }
        self.first += 1;
        self.first_at += text.len() as u64 + 1;
    }

    pub(super) fn is_dirty(&self, lines: &Lines) -> bool {
        !self.settled.is_empty() || self.dirty_from < lines.next()
    }

    /// Bytes of settled lines held until they are taken.
    pub(super) fn held_bytes(&self) -> usize {
        self.settled.len()
    }

    /// The next patch; call until `None`. Lines from `busy_from` on have a cursor and stay in the current file.
    pub(super) fn take(&mut self, lines: &Lines, busy_from: u64, wall: i64) -> Option<FilePatch> {
        if !self.is_dirty(lines) {
            return None;
        }
        let path = self.path(wall);
        let limit = self.limit(wall);
        if let Some(patch) = self.take_settled_chunk(&path, limit) {
            return Some(patch);
        }

        let from = if self.settled.is_empty() { self.dirty_from.max(self.first) } else { self.first };
        let mut offset = self.first_at;
        for number in self.first..from {
            offset += lines.text(number).map_or(0, |text| text.len() as u64 + 1);
        }
        let at = offset - self.settled.len() as u64;
        let mut bytes = Vec::from(self.settled.split());
        let mut cut = None;
        for number in from..lines.next() {
            let text = lines.text(number).unwrap_or_default();
            let end = offset + text.len() as u64 + 1;
            if end > limit && offset > 0 && number <= busy_from {
                cut = Some(number);
                break;
            }
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(b'\n');
            offset = end;
        }
        self.dirty_from = CLEAN;
        if let Some(number) = cut {
            self.next_file(number, 0);
        }
        Some(FilePatch { path, at, bytes })
    }

    /// Settled bytes that still fit in the current file, if not all of them do. At least a line goes into each file.
    fn take_settled_chunk(&mut self, path: &str, limit: u64) -> Option<FilePatch> {
        let at = self.first_at - self.settled.len() as u64;
        let room = usize::try_from(limit.saturating_sub(at)).unwrap_or(usize::MAX);
        if self.settled.len() <= room {
            return None;
        }
        let is_line_end = |byte: &u8| *byte == b'\n';
        let cut = match self.settled[..room].iter().rposition(is_line_end) {
            Some(last) => last + 1,
            None if at > 0 => 0,
            None => self.settled.iter().position(is_line_end)? + 1,
        };
        if cut == self.settled.len() {
            return None;
        }
        let bytes = Vec::from(self.settled.split_to(cut));
        self.next_file(self.first, self.settled.len() as u64);
        Some(FilePatch { path: path.into(), at, bytes })
    }

    /// Goes on in a new file, which starts with line `first` or with settled bytes that end there at `first_at`.
    fn next_file(&mut self, first: u64, first_at: u64) {
        self.path = None;
        self.first = first;
        self.first_at = first_at;
        self.dirty_from = first;
    }

    /// Size the current file may have.
    fn limit(&self, wall: i64) -> u64 {
        let Some(multipart) = self.multipart else { return u64::MAX };
        let age = wall.saturating_sub(self.opened.unwrap_or(wall));
        if multipart.max_seconds > 0 && age >= multipart.max_seconds.saturating_mul(1_000_000) {
            return 0;
        }
        if multipart.max_bytes > 0 { multipart.max_bytes } else { u64::MAX }
    }

    fn path(&mut self, wall: i64) -> String {
        if let Some(path) = &self.path {
            return path.clone();
        }
        let path = match self.multipart {
            None => format!("output{}.log", self.label.suffix()),
            Some(multipart) => {
                // Two files of one moment must not share a name.
                let opened = self.opened.map_or(wall, |last| wall.max(last + 1));
                self.opened = Some(opened);
                let local = opened + i64::from(multipart.utc_offset_seconds) * 1_000_000;
                format!("logs/output{}_{}.log", self.label.suffix(), Stamp::from_unix_micros(local).file())
            }
        };
        self.path.insert(path).clone()
    }
}
