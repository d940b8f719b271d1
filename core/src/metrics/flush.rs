//! What happens to a row when it is flushed, step by step; [`Metrics::commit`] has the order.

use alloc::string::String;
use alloc::vec::Vec;

use super::encode;
use super::keys::Slot;
use super::row::Entry;
use super::sample::Reservoir;
use super::{Binding, Metrics, Stamp};
use crate::json::{self, Kind, write_i64};

impl Metrics {
    pub(super) fn stamp(&mut self, stamp: Stamp) {
        let micros = stamp.runtime_micros;
        #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
        let seconds = Kind::Float(micros as f64 / 1e6);
        self.row.put(&self.keys, self.runtime, seconds, |out| write_seconds(micros, out));
        match stamp.step {
            Some(step) => self.row.put(&self.keys, self.step, Kind::Int(step), |out| write_i64(step, out)),
            None => self.row.remove(self.step),
        }
    }

    /// Finds the definitions of the row's keys, and notes the numbers of step metrics.
    pub(super) fn bind_row(&mut self) {
        self.summary.grow(&self.keys);
        if self.bindings.len() < self.keys.len() {
            self.bindings.resize(self.keys.len(), Binding::default());
        }
        for position in 0..self.row.end() {
            let Some(Entry { slot, kind, .. }) = self.row.get(position) else { continue };
            let step = self.bind(slot).step;
            if let (Some(step), Kind::Int(_) | Kind::Float(_), Some(entry)) = (step, kind, self.row.get(position)) {
                self.defs.set_latest(step, entry.text);
            }
        }
    }

    /// The binding of a slot, which is looked up once after every change of the definitions.
    fn bind(&mut self, slot: Slot) -> Binding {
        let (epoch, known) = (self.defs.epoch(), self.bindings[slot.index()]);
        if known.epoch == epoch {
            return known;
        }
        self.text.clear();
        self.keys.get(slot).name(&mut self.text);
        let (synced, shape) = self.defs.bind(&self.text);
        if let Some((flags, none)) = shape {
            self.summary.configure(&self.keys, slot, flags, none);
        }
        let binding = Binding { epoch, synced, step: self.defs.step_in(slot) };
        self.bindings[slot.index()] = binding;
        binding
    }

    pub(super) fn add_missing_steps(&mut self) {
        // Steps that are added here are bound, since a reader of the log cannot tell them from others, but do not need
        // steps themselves.
        for position in 0..self.row.end() {
            let synced = self.row.get(position).and_then(|entry| self.bindings[entry.slot.index()].synced);
            let Some(step) = synced else { continue };
            let slot = self.defs.slot_of(step);
            let related = self.keys.get(slot).related();
            if !self.row.contains(slot) && !related.iter().any(|other| self.row.contains(*other)) {
                let number = self.defs.latest(step);
                let kind = json::classify(number).unwrap_or(Kind::Int(0));
                self.row.put(&self.keys, slot, kind, |out| out.push_str(number));
                self.bind(slot);
            }
        }
    }

    /// What every row does to the runtime in the summary, but for the row's own `_runtime`. Leaves the seconds in `text`.
    pub(super) fn summarise_runtime(&mut self, seconds: i64) {
        self.summary.grow(&self.keys);
        self.text.clear();
        write_i64(seconds, &mut self.text);
        self.summary.explicit(&self.keys, self.wandb_runtime, &self.text);
        self.summary.assume_explicit(&self.keys, self.runtime);
    }

    pub(super) fn summarise_row(&mut self) {
        self.summary.grow(&self.keys);
        if self.samples.len() < self.keys.len() {
            self.samples.resize_with(self.keys.len(), Reservoir::default);
        }
        for entry in self.row.entries() {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "samples are 32 bit floats"
            )]
            let number = match entry.kind {
                Kind::Int(value) => Some(value as f32),
                Kind::Float(value) => Some(value as f32),
                Kind::Null | Kind::Bool(_) | Kind::String | Kind::Array | Kind::Object => None,
            };
            if let Some(number) = number.filter(|_| self.keys.get(entry.slot).depth() == 1) {
                self.samples[entry.slot.index()].offer(number, &mut self.draw);
            }
            if !self.server_side_summary {
                self.summary.row(&self.keys, entry.slot, entry.kind, entry.text);
            }
        }
    }

    pub(super) fn encode_row(&mut self, step: Option<i64>, typed: bool, out: &mut Vec<u8>) {
        for entry in self.row.entries() {
            self.typed.clear();
            if typed {
                self.text.clear();
                if entry.kind == Kind::String {
                    json::unescape(&entry.text[1..entry.text.len() - 1], &mut self.text);
                }
                encode::typed_value(entry.kind, entry.text, &self.text, &mut self.typed);
            }
            encode::item(1, self.keys.get(entry.slot).nested(), &self.typed, entry.text, out);
        }
        if let Some(step) = step {
            encode::history_step(step, out);
        }
    }
}

/// Seconds with up to six digits of fraction.
fn write_seconds(micros: u64, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(micros / 1_000_000));
    let fraction = micros % 1_000_000;
    if fraction > 0 {
        out.push('.');
        // The leading 1 keeps the zeros in front.
        let digits = fraction + 1_000_000;
        out.push_str(itoa::Buffer::new().format(digits)[1..].trim_end_matches('0'));
    }
}
