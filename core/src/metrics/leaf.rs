//! The summary of one metric: what `define_metric` can ask for, kept whether or not it was asked for.
//!
//! Owns the aggregation rules. Knows nothing of keys or of other metrics.

use alloc::string::String;

use runwire_proto::wire;

use crate::json::{Kind, Out, write_f64};

/// What of a metric goes into the summary (`MetricSummary` without the members that have no effect). `none` is not one
/// of them, because it hides a metric rather than choosing a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const MIN: Self = Self(1);
    pub(super) const MAX: Self = Self(2);
    pub(super) const MEAN: Self = Self(4);
    pub(super) const LAST: Self = Self(8);
    pub(super) const FIRST: Self = Self(16);

    pub(super) fn of(summary: &wire::MetricSummary) -> Self {
        let mut flags = Self::default();
        for (on, flag) in [
            (summary.min, Self::MIN),
            (summary.max, Self::MAX),
            (summary.mean, Self::MEAN),
            (summary.last, Self::LAST),
            (summary.first, Self::FIRST),
        ] {
            flags.0 |= if on { flag.0 } else { 0 };
        }
        flags
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One metric. Texts are JSON; an empty text stands for null.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    latest: String,
    first: String,
    min: f64,
    max: f64,
    total: f64,
    count: u64,
    flags: Flags,
    hidden: bool,
    /// A value was set since the metric came to be or was removed.
    live: bool,
    /// `live`, but only a derived value of a log was seen: the next row still gives `first`.
    first_open: bool,
}

impl Leaf {
    /// A row has a value for it.
    pub(super) fn row(&mut self, kind: Kind, text: &str) {
        match kind {
            #[expect(clippy::cast_precision_loss, reason = "statistics are floats in the protocol too")]
            Kind::Int(value) => self.number(value as f64),
            Kind::Float(value) => self.number(value),
            Kind::Null | Kind::Bool(_) | Kind::String | Kind::Array | Kind::Object => {}
        }
        let text = if kind == Kind::Null { "" } else { text };
        if !self.live || self.first_open {
            set(&mut self.first, text);
            self.first_open = false;
            self.live = true;
        }
        set(&mut self.latest, text);
    }

    fn number(&mut self, value: f64) {
        // A NaN stays: no comparison with it is true, and it is taken over once.
        if self.count == 0 || value < self.min || value.is_nan() {
            self.min = value;
        }
        if self.count == 0 || value > self.max || value.is_nan() {
            self.max = value;
        }
        self.total += value;
        self.count += 1;
    }

    /// The user sets it. From then on it is a plain value, until it is defined again.
    pub(super) fn explicit(&mut self, text: &str) {
        set(&mut self.latest, text);
        self.assume_explicit();
    }

    /// As if the user had set it, for a value that a row is about to replace.
    pub(super) fn assume_explicit(&mut self) {
        self.flags = Flags::default();
        self.live = true;
        self.first_open = false;
    }

    /// A log has a derived value for it.
    pub(super) fn derived(&mut self, text: &str) {
        set(&mut self.latest, text);
        self.first_open |= !self.live;
        self.live = true;
    }

    /// The user removes it. Flags and statistics stay.
    pub(super) fn remove(&mut self) {
        self.latest.clear();
        self.first.clear();
        self.live = false;
        self.first_open = false;
    }

    /// Forgets everything, because a value above or below took its place.
    pub(super) fn reset(&mut self) {
        self.remove();
        (self.min, self.max, self.total, self.count) = (0.0, 0.0, 0.0, 0);
        (self.flags, self.hidden) = (Flags::default(), false);
    }

    /// Sets what a definition asks for.
    pub(super) fn configure(&mut self, flags: Flags, hidden: bool) {
        (self.flags, self.hidden) = (flags, hidden);
    }

    /// A plain metric shows its latest value as it is.
    pub(super) fn is_plain(&self) -> bool {
        self.flags.is_empty() && !self.hidden
    }

    /// Whether the summary has it.
    pub(super) fn is_visible(&self) -> bool {
        self.live && !self.hidden && (!self.flags.is_empty() || !self.latest.is_empty())
    }

    /// Writes the JSON value of a visible metric.
    pub(super) fn write(&self, out: &mut impl Out) {
        if self.flags.is_empty() {
            return out.put(&self.latest);
        }
        let mut separator = "{";
        for (flag, name) in [
            (Flags::FIRST, "\"first\":"),
            (Flags::LAST, "\"last\":"),
            (Flags::MAX, "\"max\":"),
            (Flags::MEAN, "\"mean\":"),
            (Flags::MIN, "\"min\":"),
        ] {
            if !self.flags.has(flag) {
                continue;
            }
            out.put(separator);
            out.put(name);
            separator = ",";
            match flag {
                Flags::FIRST => out.put(text_or_null(&self.first)),
                Flags::LAST => out.put(text_or_null(&self.latest)),
                Flags::MAX => write_f64(self.max, out),
                Flags::MIN => write_f64(self.min, out),
                #[expect(clippy::cast_precision_loss, reason = "rows are fewer than 2^53")]
                _ => write_f64(if self.count == 0 { f64::NAN } else { self.total / self.count as f64 }, out),
            }
        }
        out.put("}");
    }
}

fn text_or_null(text: &str) -> &str {
    if text.is_empty() { "null" } else { text }
}

fn set(target: &mut String, text: &str) {
    target.clear();
    target.push_str(text);
}
