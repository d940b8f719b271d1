//! The heart of `run.log`: the pending row, metric definitions, the summary, and the samples of one run.
//!
//! Owns all four, because one flush changes them together. Pure: no clock, no files, no steps of its own: its caller
//! decides which step a row belongs to, when a row is flushed, and where records go. It writes the bodies of two
//! messages, `HistoryRecord` and `SummaryRecord`, straight into the caller's buffer.
//!
//! Four differences to the official client are on purpose. A glob configures the very key it matched, also when a label
//! of the key has dots in it. Where several globs match, the longest prefix wins instead of a random one. A step metric
//! that was added to a row follows its glob like one that was logged, so that a log can be read back alike. And a step
//! metric is not added where a value above or below it would have to go: what the user logged stays.
//! One oddity is kept: an object that was set as a value of the summary is one value, so setting a key inside it later
//! replaces it and loses the other keys.

mod defs;
mod encode;
mod flush;
mod fold;
mod item;
mod keys;
mod leaf;
mod line;
mod row;
mod sample;
mod summary;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod model;
#[cfg(test)]
mod support;

use alloc::string::String;
use alloc::vec::Vec;

use runwire_proto::wire;

pub use item::{Item, ItemError, ItemValue};

use crate::json::{
    self, Event, JsonError, Kind, Walk, write_compact, write_f64, write_i64, write_number, write_string,
};
use defs::{Definitions, StepId};
use keys::{Keys, Path, Slot};
use row::Row;
use sample::{Draw, Reservoir};
use summary::Summary;

/// What the flush of a row adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The row's `_step`; `None` in shared mode, where rows have none.
    pub step: Option<i64>,
    /// The run timer, in microseconds.
    pub runtime_micros: u64,
}

/// A definition was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DefineError {
    /// A `MetricRecord` with neither name, glob, nor step metric.
    #[error("the metric definition names nothing; set name, glob_name or step_metric")]
    Empty,
}

/// An item of a `SummaryRecord` was not taken; the others were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// No label at all.
    #[error("failed to set summary value: the item has an empty key")]
    EmptyKey,
    /// The text is not extended JSON.
    #[error("failed to set summary value of {key}: {error}")]
    Json {
        /// Its path, as a definition would name it.
        key: String,
        /// What is wrong with the text.
        error: JsonError,
    },
}

/// What is known of a slot besides its value.
#[derive(Debug, Clone, Copy, Default)]
struct Binding {
    /// The definitions as they were when this was found out.
    epoch: u32,
    /// The step metric that must be in a row with this slot.
    synced: Option<StepId>,
    /// This slot is a step metric itself.
    step: Option<StepId>,
}

/// The metrics of one run. See the [module](self).
#[derive(Debug)]
pub struct Metrics {
    keys: Keys,
    path: Path,
    row: Row,
    /// Rows of a log are taken here, so that they do not touch the pending one.
    spare_row: Row,
    defs: Definitions,
    bindings: Vec<Binding>,
    summary: Summary,
    samples: Vec<Reservoir>,
    draw: Draw,
    server_side_summary: bool,
    runtime: Slot,
    step: Slot,
    wandb_runtime: Slot,
    /// Reused: the text of a string, a name, a number.
    text: String,
    /// Reused: an encoded typed value.
    typed: Vec<u8>,
}

impl Metrics {
    /// An empty run. `seed` decides which values are sampled, nothing else.
    pub fn new(seed: u64) -> Self {
        let (mut keys, mut path) = (Keys::default(), Path::default());
        let mut add = |labels: &[&str]| {
            path.clear();
            labels.iter().for_each(|label| path.push(label));
            keys.intern(&path)
        };
        let (runtime, step, wandb_runtime) = (add(&["_runtime"]), add(&["_step"]), add(&["_wandb", "runtime"]));
        Self {
            keys,
            path,
            row: Row::default(),
            spare_row: Row::default(),
            defs: Definitions::default(),
            bindings: Vec::new(),
            summary: Summary::default(),
            samples: Vec::new(),
            draw: Draw::new(seed),
            server_side_summary: false,
            runtime,
            step,
            wandb_runtime,
            text: String::new(),
            typed: Vec::new(),
        }
    }

    /// With `true`, rows do not change the summary: the server derives it (setting `x_server_side_derived_summary`).
    #[must_use]
    pub fn server_side_summary(mut self, on: bool) -> Self {
        self.server_side_summary = on;
        self
    }

    /// Puts one item of a `PartialHistoryRequest` into the pending row. An object becomes one value per leaf; a value
    /// replaces what is above or below it. After an error the row is as before.
    pub fn merge<'a>(&mut self, item: Item<'a, impl Iterator<Item = &'a str>>) -> Result<(), ItemError> {
        self.path.clear();
        item.nested.for_each(|label| self.path.push(label));
        if self.path.is_empty() {
            if item.key.is_empty() {
                return Err(ItemError::EmptyKey);
            }
            self.path.push(item.key);
        }
        if self.row.len() == 0 {
            self.keys.begin_row();
        }
        match item.value {
            ItemValue::Absent => return Err(ItemError::NoValue),
            ItemValue::Json(text) => {
                let value = json::parse(text)?;
                if value.kind == Kind::Object {
                    self.put_object(value.text);
                } else {
                    self.put(value.kind, |out| write_value(value, out));
                }
            }
            ItemValue::Null => self.put(Kind::Null, |out| out.push_str("null")),
            ItemValue::Bool(value) => {
                self.put(Kind::Bool(value), |out| out.push_str(if value { "true" } else { "false" }))
            }
            ItemValue::Int(value) => self.put(Kind::Int(value), |out| write_i64(value, out)),
            ItemValue::Float(value) => self.put(Kind::Float(value), |out| write_f64(value, out)),
            ItemValue::Text(value) => self.put(Kind::String, |out| write_string(value, out)),
        }
        Ok(())
    }

    /// Number of values in the pending row.
    pub fn pending(&self) -> usize {
        self.row.len()
    }

    /// Forgets the pending row.
    pub fn discard_row(&mut self) {
        self.row.clear();
    }

    /// Flushes the pending row: stamps it, adds the step metrics it lacks, samples it, updates the summary, and appends
    /// the body of its `HistoryRecord` to `out`, with typed values besides the JSON ones if `typed`. False, and nothing
    /// done, if the row is empty.
    pub fn commit(&mut self, stamp: Stamp, typed: bool, out: &mut Vec<u8>) -> bool {
        if self.row.len() == 0 {
            return false;
        }
        self.stamp(stamp);
        if self.defs.epoch() > 0 {
            self.bind_row();
            self.add_missing_steps();
        }
        if !self.server_side_summary {
            let seconds = i64::try_from(stamp.runtime_micros / 1_000_000).unwrap_or(i64::MAX);
            self.summarise_runtime(seconds);
        }
        self.summarise_row();
        self.encode_row(stamp.step, typed, out);
        self.row.clear();
        true
    }

    /// Takes a `MetricRecord`. It adds to what was defined under the same name before, unless it says to overwrite.
    pub fn define(&mut self, record: &wire::MetricRecord) -> Result<(), DefineError> {
        if record.name.is_empty() && record.glob_name.is_empty() && record.step_metric.is_empty() {
            return Err(DefineError::Empty);
        }
        let step = (!record.step_metric.is_empty()).then(|| {
            self.path.clear();
            record.step_metric.split('.').for_each(|label| self.path.push(label));
            let slot = self.keys.intern(&self.path);
            self.defs.register_step(&record.step_metric, slot)
        });
        if !record.glob_name.is_empty() {
            self.defs.define_glob(record, step);
        } else if !record.name.is_empty() {
            let (flags, none) = self.defs.define(record, step);
            self.path.clear();
            split_name(&record.name, &mut self.text, &mut self.path);
            let slot = self.keys.intern(&self.path);
            self.summary.grow(&self.keys);
            self.summary.configure(&self.keys, slot, flags, none);
        }
        Ok(())
    }

    /// Takes a `SummaryRecord` of the client: its updates, then its removals. A value that is set is one plain value
    /// from then on, also if it is an object or was aggregated before. Returns what could not be taken.
    pub fn update_summary(&mut self, record: &wire::SummaryRecord) -> Vec<SummaryError> {
        let mut errors = Vec::new();
        for item in &record.update {
            let Some(slot) = self.summary_slot(item) else {
                errors.push(SummaryError::EmptyKey);
                continue;
            };
            match json::parse(&item.value_json) {
                Ok(value) => {
                    self.text.clear();
                    if value.kind != Kind::Null {
                        write_value(value, &mut self.text);
                    }
                    self.summary.explicit(&self.keys, slot, &self.text);
                }
                Err(error) => {
                    let mut key = String::new();
                    self.keys.get(slot).name(&mut key);
                    errors.push(SummaryError::Json { key, error });
                }
            }
        }
        for item in &record.remove {
            match self.summary_slot(item) {
                Some(slot) => self.summary.remove(&self.keys, slot),
                None => errors.push(SummaryError::EmptyKey),
            }
        }
        errors
    }

    /// Sets `_wandb.runtime` and `_runtime` of the summary, as happens once more at the end of a run.
    pub fn set_runtime(&mut self, seconds: i64) {
        if !self.server_side_summary {
            self.summarise_runtime(seconds);
            self.summary.explicit(&self.keys, self.runtime, &self.text);
        }
    }

    /// Whether the summary changed since the last [`Self::checkpoint`].
    pub fn dirty(&self) -> bool {
        self.summary.is_dirty()
    }

    /// Appends the body of a `SummaryRecord` with all leaves that changed since the last one: their values, in the form
    /// the summary shows them, and removals. False if there is nothing to say, as always if the server derives the
    /// summary: what was set explicitly is in the log already.
    pub fn checkpoint(&mut self, out: &mut Vec<u8>) -> bool {
        if self.server_side_summary {
            self.summary.settle();
            return false;
        }
        self.summary.checkpoint(&self.keys, out)
    }

    /// The summary as `get_summary` answers it: one item per leaf, ordered by path.
    pub fn summary_items(&self) -> Vec<wire::SummaryItem> {
        self.summary.items(&self.keys)
    }

    /// The summary as it is uploaded: one object, members sorted. `step` is the `_step` of the last uploaded row, which
    /// takes the place of the one the rows gave.
    pub fn summary_json(&self, step: Option<i64>) -> String {
        self.summary.json(&self.keys, step)
    }

    /// A sample of at most 48 numbers of every top-level metric, in the order they were logged, for `sampled_history`.
    pub fn sampled(&self) -> Vec<wire::SampledHistoryItem> {
        let sampled = self.keys.sorted().filter_map(|slot| {
            let values_float = self.samples.get(slot.index())?.values();
            let key = self.keys.get(slot).labels().collect();
            (!values_float.is_empty()).then(|| wire::SampledHistoryItem { key, values_float, ..Default::default() })
        });
        sampled.collect()
    }

    /// The list of metric definitions as JSON, for the key `m` of the private config.
    pub fn config_m(&self) -> String {
        self.defs.config()
    }
}

/// Ways into the row and the summary.
impl Metrics {
    fn put(&mut self, kind: Kind, write: impl FnOnce(&mut String)) {
        let slot = self.keys.follow(&self.path);
        self.row.put(&self.keys, slot, kind, write);
        self.row.trim();
    }

    fn put_object(&mut self, text: &str) {
        for event in Walk::new(text) {
            match event {
                Event::Open(key) => self.path.push(&key.decode()),
                Event::Close => self.path.pop(),
                Event::Leaf(key, value) => {
                    self.path.push(&key.decode());
                    self.put(value.kind, |out| write_value(value, out));
                    self.path.pop();
                }
            }
        }
    }

    /// The slot of a summary item; `None` if it has no labels.
    fn summary_slot(&mut self, item: &wire::SummaryItem) -> Option<Slot> {
        self.path.clear();
        item.nested_key.iter().for_each(|label| self.path.push(label));
        if self.path.is_empty() {
            if item.key.is_empty() {
                return None;
            }
            self.path.push(&item.key);
        }
        let slot = self.keys.intern(&self.path);
        self.summary.grow(&self.keys);
        Some(slot)
    }
}

/// A checked value in the form that rows and the summary keep: on one line, numbers in their canonical form.
fn write_value(value: json::Value<'_>, out: &mut String) {
    match value.kind {
        Kind::Int(_) | Kind::Float(_) => write_number(value, out),
        Kind::Null | Kind::Bool(_) | Kind::String | Kind::Array | Kind::Object => write_compact(value, out),
    }
}

/// Splits the name of a definition at its dots; `\.` is a dot inside a label.
fn split_name(name: &str, label: &mut String, path: &mut Path) {
    label.clear();
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'.') => label.extend(chars.next()),
            '.' => {
                path.push(label);
                label.clear();
            }
            c => label.push(c),
        }
    }
    path.push(label);
}
