//! The summary of a run: one leaf per slot, and which leaves changed since the log was last told.
//!
//! Owns: that a leaf and what is above or below it never have values together, what a checkpoint holds, and the forms in
//! which the summary is read. Knows nothing of rows, definitions or steps.

use alloc::string::String;
use alloc::vec::Vec;

use runwire_proto::wire;

use super::encode;
use super::keys::{Keys, Slot};
use super::leaf::{Flags, Leaf};
use crate::json::{Kind, Out, write_i64, write_string};

#[derive(Debug, Default)]
struct Entry {
    leaf: Leaf,
    /// Its slot is in the list of changes.
    dirty: bool,
    /// The last checkpoint that spoke of it gave it a value.
    reported: bool,
}

#[derive(Debug, Default)]
pub(super) struct Summary {
    entries: Vec<Entry>,
    dirty: Vec<Slot>,
    scratch: String,
}

impl Summary {
    /// Makes room for all slots of `keys`; to be called before any change of a slot that may be new.
    pub(super) fn grow(&mut self, keys: &Keys) {
        if self.entries.len() < keys.len() {
            self.entries.resize_with(keys.len(), Entry::default);
        }
    }

    /// A row has a value for the slot.
    pub(super) fn row(&mut self, keys: &Keys, slot: Slot, kind: Kind, text: &str) {
        self.change(keys, slot, |leaf| leaf.row(kind, text));
    }

    /// The user sets the slot; an empty `text` is null.
    pub(super) fn explicit(&mut self, keys: &Keys, slot: Slot, text: &str) {
        self.change(keys, slot, |leaf| leaf.explicit(text));
    }

    /// See [`Leaf::assume_explicit`].
    pub(super) fn assume_explicit(&mut self, keys: &Keys, slot: Slot) {
        self.change(keys, slot, Leaf::assume_explicit);
    }

    /// A checkpoint in a log has a value for the slot. Only a plain leaf takes it over: the others follow from the rows.
    pub(super) fn derived(&mut self, keys: &Keys, slot: Slot, text: &str) {
        if self.entries[slot.index()].leaf.is_plain() {
            self.change(keys, slot, |leaf| leaf.derived(text));
        }
    }

    /// A definition speaks of the slot.
    pub(super) fn configure(&mut self, keys: &Keys, slot: Slot, flags: Flags, hidden: bool) {
        self.change(keys, slot, |leaf| leaf.configure(flags, hidden));
    }

    /// Removes a leaf, or everything below an inner node.
    pub(super) fn remove(&mut self, keys: &Keys, slot: Slot) {
        let depth = keys.get(slot).depth();
        for &below in keys.get(slot).related().iter().filter(|below| keys.get(**below).depth() > depth) {
            self.apply(below, Leaf::reset);
        }
        self.apply(slot, Leaf::remove);
    }

    /// Like [`Self::remove`], but nothing happens to a leaf that shows no value.
    pub(super) fn remove_visible(&mut self, keys: &Keys, slot: Slot) {
        if self.entries[slot.index()].leaf.is_visible() {
            self.remove(keys, slot);
        }
    }

    /// Whether anything changed since the last checkpoint.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Forgets what changed.
    pub(super) fn settle(&mut self) {
        for slot in self.dirty.drain(..) {
            let entry = &mut self.entries[slot.index()];
            entry.dirty = false;
            entry.reported = entry.leaf.is_visible();
        }
    }

    /// Appends the body of a `SummaryRecord` with all changes, which are then settled; false if it would be empty.
    pub(super) fn checkpoint(&mut self, keys: &Keys, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for &slot in &self.dirty {
            let key = keys.get(slot);
            let Entry { leaf, reported, .. } = &self.entries[slot.index()];
            if leaf.is_visible() {
                self.scratch.clear();
                leaf.write(&mut self.scratch);
                encode::item(1, key.nested(), &[], &self.scratch, out);
            } else if *reported && !key.related().iter().any(|other| self.is_visible(*other)) {
                // A value that took this one's place replaces it by itself; removing it would remove that value.
                encode::item(2, key.nested(), &[], "", out);
            }
        }
        self.settle();
        out.len() > start
    }

    /// One item per visible leaf, ordered by path.
    pub(super) fn items(&self, keys: &Keys) -> Vec<wire::SummaryItem> {
        let slots = keys.sorted().filter(|slot| self.is_visible(*slot));
        slots.map(|slot| self.item(keys, slot)).collect()
    }

    fn item(&self, keys: &Keys, slot: Slot) -> wire::SummaryItem {
        let mut item = wire::SummaryItem::default();
        self.entries[slot.index()].leaf.write(&mut item.value_json);
        let key = keys.get(slot);
        if key.depth() == 1 {
            item.key.extend(key.labels());
        } else {
            item.nested_key.extend(key.labels().map(String::from));
        }
        item
    }

    /// The summary as one object with sorted members. `step` takes the place of the member `_step`.
    pub(super) fn json(&self, keys: &Keys, step: Option<i64>) -> String {
        let mut tree = Tree::default();
        let mut step = step.map(|step| {
            let mut text = String::new();
            write_i64(step, &mut text);
            text
        });
        let replaced = step.is_some();
        for slot in keys.sorted().filter(|slot| self.is_visible(*slot)) {
            let labels: Vec<&str> = keys.get(slot).labels().collect();
            if let Some(text) = step.take_if(|_| labels[0] >= "_step") {
                tree.enter(&["_step"]);
                tree.out.put(&text);
            }
            if !(replaced && labels[0] == "_step") {
                tree.enter(&labels);
                self.entries[slot.index()].leaf.write(&mut tree.out);
            }
        }
        if let Some(text) = step {
            tree.enter(&["_step"]);
            tree.out.put(&text);
        }
        tree.finish()
    }

    fn is_visible(&self, slot: Slot) -> bool {
        self.entries.get(slot.index()).is_some_and(|entry| entry.leaf.is_visible())
    }

    /// Changes a leaf, which takes the place of everything above and below it.
    fn change(&mut self, keys: &Keys, slot: Slot, change: impl FnOnce(&mut Leaf)) {
        for &other in keys.get(slot).related() {
            self.apply(other, Leaf::reset);
        }
        self.apply(slot, change);
    }

    fn apply(&mut self, slot: Slot, change: impl FnOnce(&mut Leaf)) {
        let Some(entry) = self.entries.get_mut(slot.index()) else { return };
        let before = entry.leaf.is_visible();
        change(&mut entry.leaf);
        if !entry.dirty && (before || entry.leaf.is_visible()) {
            entry.dirty = true;
            self.dirty.push(slot);
        }
    }
}

/// Writes nested objects for paths that come in order.
#[derive(Default)]
pub(super) struct Tree<'a> {
    out: String,
    /// The labels of the objects that are open below the outermost one.
    open: Vec<&'a str>,
    started: bool,
}

impl<'a> Tree<'a> {
    /// A tree that is written to a buffer which is used again.
    pub(super) fn in_buffer(mut out: String) -> Self {
        out.clear();
        Tree { out, ..Self::default() }
    }

    /// Writes the value of the leaf that was entered.
    pub(super) fn value(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Closes and opens objects as needed and writes the name of the leaf.
    pub(super) fn enter(&mut self, labels: &[&'a str]) {
        let (leaf, objects) = labels.split_last().expect("a path has at least one label");
        let common = self.open.iter().zip(objects).take_while(|(a, b)| a == b).count();
        for _ in common..self.open.len() {
            self.out.push('}');
        }
        self.open.truncate(common);
        self.out.push(if self.started { ',' } else { '{' });
        self.started = true;
        for label in &objects[common..] {
            write_string(label, &mut self.out);
            self.out.push_str(":{");
            self.open.push(label);
        }
        write_string(leaf, &mut self.out);
        self.out.push(':');
    }

    pub(super) fn finish(mut self) -> String {
        if !self.started {
            self.out.push('{');
        }
        for _ in 0..=self.open.len() {
            self.out.push('}');
        }
        self.out
    }
}
