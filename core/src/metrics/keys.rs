//! The key table: every path that was ever seen gets a small number, its slot, for the life of the run.
//!
//! Owns: paths, how they are encoded, which paths exclude each other. Knows nothing of values.
//!
//! A path is kept as the bytes of the protobuf field `nested_key` (field 2, one string per label), which all three
//! messages with keys share: encoding a row copies these bytes. Finding a slot is usually one comparison, because the
//! key that followed this one in the last row most likely follows it again; the ordered index is the fallback.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Bound;

use super::encode;
use crate::json::write_string;

/// The number of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

impl Slot {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("a run has fewer than 2^32 keys: each takes more than a byte of memory"))
    }
}

/// A path under construction, one label after the other. Reused for every key, so it does not allocate.
#[derive(Debug, Default)]
pub(super) struct Path {
    nested: Vec<u8>,
    starts: Vec<usize>,
}

impl Path {
    pub(super) fn clear(&mut self) {
        self.nested.clear();
        self.starts.clear();
    }

    pub(super) fn push(&mut self, label: &str) {
        self.starts.push(self.nested.len());
        encode::text_field(2, label, &mut self.nested);
    }

    pub(super) fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.nested.truncate(start);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }
}

/// What the table knows of one path.
#[derive(Debug)]
pub(super) struct Key {
    nested: Box<[u8]>,
    depth: usize,
    /// The only label as the name of a JSON member, with its colon; empty if there are more labels.
    member: Box<str>,
    /// Slots whose path begins with this one, or with which this one begins: at most one side can hold a value.
    related: Vec<Slot>,
    /// The slot that came after this one in the last row.
    next: Option<Slot>,
}

impl Key {
    /// The encoded `nested_key` fields.
    pub(super) fn nested(&self) -> &[u8] {
        &self.nested
    }

    /// Number of labels.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The label of a path of depth one as the name of a JSON member, with its colon.
    pub(super) fn member(&self) -> &str {
        &self.member
    }

    pub(super) fn related(&self) -> &[Slot] {
        &self.related
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        labels(&self.nested)
    }

    /// The labels with dots between them; a dot inside a label becomes `\.`, as in the names of `define_metric`.
    pub(super) fn name(&self, out: &mut String) {
        for (i, label) in self.labels().enumerate() {
            if i > 0 {
                out.push('.');
            }
            for (j, part) in label.split('.').enumerate() {
                out.push_str(if j > 0 { "\\." } else { "" });
                out.push_str(part);
            }
        }
    }
}

/// All paths of a run.
#[derive(Debug, Default)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// By labels in ascending order; see [`order_label`].
    index: BTreeMap<Box<[u8]>, Slot>,
    first: Option<Slot>,
    cursor: Option<Slot>,
    scratch: Vec<u8>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn get(&self, slot: Slot) -> &Key {
        &self.keys[slot.index()]
    }

    /// All slots, ordered by their labels.
    pub(super) fn sorted(&self) -> impl Iterator<Item = Slot> {
        self.index.values().copied()
    }

    /// The next call of [`Self::follow`] is about the first key of a row.
    pub(super) fn begin_row(&mut self) {
        self.cursor = None;
    }

    /// The slot of `path`, which comes after the one asked for before.
    pub(super) fn follow(&mut self, path: &Path) -> Slot {
        let hint = match self.cursor {
            Some(cursor) => self.keys[cursor.index()].next,
            None => self.first,
        };
        if let Some(slot) = hint.filter(|slot| *self.keys[slot.index()].nested == *path.nested) {
            self.cursor = Some(slot);
            return slot;
        }
        let slot = self.intern(path);
        match self.cursor {
            Some(cursor) => self.keys[cursor.index()].next = Some(slot),
            None => self.first = Some(slot),
        }
        self.cursor = Some(slot);
        slot
    }

    /// The slot of `path`, outside of any row.
    pub(super) fn intern(&mut self, path: &Path) -> Slot {
        self.scratch.clear();
        labels(&path.nested).for_each(|label| order_label(label, &mut self.scratch));
        match self.index.get(&*self.scratch) {
            Some(slot) => *slot,
            None => self.add(path),
        }
    }

    fn add(&mut self, path: &Path) -> Slot {
        let slot = Slot::from_index(self.keys.len());
        let mut ends = Vec::new();
        self.scratch.clear();
        for label in labels(&path.nested) {
            ends.push(self.scratch.len());
            order_label(label, &mut self.scratch);
        }
        let own = &*self.scratch;
        let mut related: Vec<Slot> = ends[1..].iter().filter_map(|&end| self.index.get(&own[..end]).copied()).collect();
        let below = self.index.range::<[u8], _>((Bound::Excluded(own), Bound::Unbounded));
        related.extend(below.take_while(|(key, _)| key.starts_with(own)).map(|(_, slot)| *slot));
        for other in &related {
            self.keys[other.index()].related.push(slot);
        }
        self.index.insert(own.into(), slot);
        let (nested, depth) = (&*path.nested, path.starts.len());
        let mut member = String::new();
        for label in labels(nested).take_while(|_| depth == 1) {
            write_string(label, &mut member);
            member.push(':');
        }
        self.keys.push(Key { nested: nested.into(), depth, member: member.into(), related, next: None });
        slot
    }
}

/// The labels of a path, one after the other in this form, are bytes that sort like the list of labels, and the bytes of
/// a path begin the bytes of every path below it: a label ends with two zero bytes, and a zero byte inside a label is
/// followed by 255.
fn order_label(label: &str, out: &mut Vec<u8>) {
    for byte in label.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend([0, 0]);
}

fn labels(mut nested: &[u8]) -> impl Iterator<Item = &str> {
    core::iter::from_fn(move || {
        let (label, rest) = encode::split_text_field(nested)?;
        nested = rest;
        Some(label)
    })
}
