//! The pending row: the values of the step that is being logged, not yet flushed.
//!
//! Owns: which slots have a value and its JSON text. A slot has one value at most, and never one together with a slot
//! above or below it. All buffers are reused from row to row.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::keys::{Keys, Slot};
use crate::json::Kind;

/// Text that later values have replaced is dropped when there is this much of it, so that a step that is logged again
/// and again without a flush stays small.
const SLACK: usize = 64 * 1024;

#[derive(Debug)]
struct Cell {
    slot: Slot,
    kind: Kind,
    text: Range<usize>,
    /// False if a value above or below took its place.
    live: bool,
}

/// One value of the row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) slot: Slot,
    pub(super) kind: Kind,
    /// JSON text, on one line.
    pub(super) text: &'a str,
}

#[derive(Debug, Default)]
pub(super) struct Row {
    cells: Vec<Cell>,
    text: String,
    live: usize,
    /// Bytes of `text` that no live cell uses.
    waste: usize,
    /// For each slot the position of its cell plus one, or zero.
    at: Vec<u32>,
}

impl Row {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let live = self.cells.iter().filter(|cell| cell.live);
        live.map(|cell| Entry { slot: cell.slot, kind: cell.kind, text: &self.text[cell.text.clone()] })
    }

    pub(super) fn get(&self, position: usize) -> Option<Entry<'_>> {
        let cell = self.cells.get(position).filter(|cell| cell.live)?;
        Some(Entry { slot: cell.slot, kind: cell.kind, text: &self.text[cell.text.clone()] })
    }

    /// One more than the highest position [`Self::get`] has a value at.
    pub(super) fn end(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn contains(&self, slot: Slot) -> bool {
        self.at.get(slot.index()).is_some_and(|&at| at != 0)
    }

    /// Sets the value of a slot; `write` appends its JSON text.
    pub(super) fn put(&mut self, keys: &Keys, slot: Slot, kind: Kind, write: impl FnOnce(&mut String)) {
        if self.at.len() < keys.len() {
            self.at.resize(keys.len(), 0);
        }
        let start = self.text.len();
        write(&mut self.text);
        let text = start..self.text.len();
        match self.at[slot.index()] {
            0 => {
                for &other in keys.get(slot).related() {
                    self.remove(other);
                }
                self.cells.push(Cell { slot, kind, text, live: true });
                self.live += 1;
                self.at[slot.index()] = u32::try_from(self.cells.len()).expect("a cell is larger than a byte");
            }
            at => {
                let cell = &mut self.cells[at as usize - 1];
                self.waste += cell.text.len();
                *cell = Cell { slot, kind, text, live: true };
            }
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(at) = self.at.get_mut(slot.index()).filter(|at| **at != 0) else { return };
        let cell = &mut self.cells[*at as usize - 1];
        cell.live = false;
        // The cell itself is waste too.
        self.waste += cell.text.len() + size_of::<Cell>();
        self.live -= 1;
        *at = 0;
    }

    /// Forgets all values and keeps the buffers.
    pub(super) fn clear(&mut self) {
        for cell in &self.cells {
            self.at[cell.slot.index()] = 0;
        }
        self.cells.clear();
        self.text.clear();
        self.live = 0;
        self.waste = 0;
    }

    /// Drops what no value uses any more, if it is much. Positions change.
    pub(super) fn trim(&mut self) {
        if self.waste <= SLACK || self.waste <= self.text.len() / 2 {
            return;
        }
        let mut text = String::new();
        self.cells.retain_mut(|cell| {
            let start = text.len();
            text.push_str(if cell.live { &self.text[cell.text.clone()] } else { "" });
            cell.text = start..text.len();
            cell.live
        });
        for (i, cell) in self.cells.iter().enumerate() {
            self.at[cell.slot.index()] = u32::try_from(i + 1).expect("there are fewer cells than before");
        }
        self.text = text;
        self.waste = 0;
    }
}
