//! The values of one metric, and above them their extremes by blocks: the smallest and largest value of any part are
//! found without looking at each.

use serde::Serialize;

/// Values of a block.
const BLOCK: usize = 64;

/// What one pixel column of a chart shows. JSON has no non-finite numbers: they are counted instead.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bucket {
    /// Smallest and largest x of the points in it.
    pub x: (f64, f64),
    /// Smallest and largest finite value; null if there is none.
    pub y: Option<(f64, f64)>,
    /// Finite values.
    pub count: u64,
    /// NaN and infinite values.
    pub nonfinite: u64,
}

/// The values of a metric in the order of their rows. The first ones may be in pages of the store only.
#[derive(Debug, Default, Clone)]
pub(crate) struct Series {
    /// How many values are in pages, and the last of them.
    paged: (usize, f64),
    /// So many are in pages and not in memory: what is here begins behind them.
    absent: usize,
    rows: Vec<u32>,
    values: Vec<f64>,
    /// Of every whole block.
    blocks: Vec<Extremes>,
    /// Of the values behind the last whole block.
    open: Extremes,
}

#[derive(Debug, Clone, Copy)]
struct Extremes {
    least: f64,
    most: f64,
    count: u32,
    nonfinite: u32,
}

impl Default for Extremes {
    fn default() -> Self {
        Self { least: f64::INFINITY, most: f64::NEG_INFINITY, count: 0, nonfinite: 0 }
    }
}

impl Extremes {
    fn take(&mut self, value: f64) {
        if value.is_finite() {
            self.least = self.least.min(value);
            self.most = self.most.max(value);
            self.count += 1;
        } else {
            self.nonfinite += 1;
        }
    }
}

impl Bucket {
    /// An empty one at `x`.
    pub(crate) fn at(x: f64) -> Self {
        Self { x: (x, x), y: None, count: 0, nonfinite: 0 }
    }

    /// Takes a point.
    pub(crate) fn take(&mut self, x: f64, y: f64) {
        self.x = (self.x.0.min(x), self.x.1.max(x));
        let mut one = Extremes::default();
        one.take(y);
        self.merge(one);
    }

    fn merge(&mut self, part: Extremes) {
        self.count += u64::from(part.count);
        self.nonfinite += u64::from(part.nonfinite);
        if part.count > 0 {
            let (least, most) = self.y.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
            self.y = Some((least.min(part.least), most.max(part.most)));
        }
    }
}

impl Series {
    pub(crate) fn push(&mut self, row: u32, value: f64) {
        self.rows.push(row);
        self.values.push(value);
        self.open.take(value);
        if self.values.len().is_multiple_of(BLOCK) {
            self.blocks.push(std::mem::take(&mut self.open));
        }
    }

    /// One of which all values are in pages: how many, and the last one.
    pub(crate) fn in_pages(count: usize, last: f64) -> Self {
        Self { paged: (count, last), absent: count, ..Self::default() }
    }

    /// An empty one that has room for so many values.
    pub(crate) fn with_room(count: usize) -> Self {
        Self {
            rows: Vec::with_capacity(count),
            values: Vec::with_capacity(count),
            blocks: Vec::with_capacity(count / BLOCK),
            ..Self::default()
        }
    }

    /// So many values are to be read from the pages.
    pub(crate) fn absent(&self) -> usize {
        self.absent
    }

    /// Takes in what was read from the pages. False if it is not all that is missing.
    pub(crate) fn fill(&mut self, mut read: Self) -> bool {
        if read.values.len() != self.absent {
            return false;
        }
        for (row, value) in self.pairs() {
            read.push(row, value);
        }
        *self = Self { paged: self.paged, ..read };
        true
    }

    /// Rows and values that are in no page yet, of rows before `end`.
    pub(crate) fn fresh(&self, end: u32) -> (&[u32], &[f64]) {
        let from = self.paged.0 - self.absent;
        let to = self.rows.partition_point(|row| *row < end).max(from);
        (&self.rows[from..to], &self.values[from..to])
    }

    /// What is fresh before `end` is in a page now.
    pub(crate) fn keep(&mut self, end: u32) {
        let (rows, values) = self.fresh(end);
        if let Some(last) = values.last() {
            self.paged = (self.paged.0 + rows.len(), *last);
        }
    }

    /// How many values are in pages, and the last of them.
    pub(crate) fn paged(&self) -> (usize, f64) {
        self.paged
    }

    /// Rows that have a value, ascending.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub(crate) fn len(&self) -> usize {
        self.absent + self.values.len()
    }

    pub(crate) fn last(&self) -> Option<f64> {
        self.values.last().copied().or((self.paged.0 > 0).then_some(self.paged.1))
    }

    /// Rows with their values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.rows.iter().copied().zip(self.values.iter().copied())
    }

    /// Values of this series and of `ys` that stand in the same row.
    pub(crate) fn joined<'a>(&'a self, ys: &'a Self) -> impl Iterator<Item = (f64, f64)> + 'a {
        let mut at = 0;
        ys.pairs().filter_map(move |(row, y)| {
            while self.rows.get(at).is_some_and(|other| *other < row) {
                at += 1;
            }
            (self.rows.get(at) == Some(&row)).then(|| (self.values[at], y))
        })
    }

    /// Takes the values from `from` to before `to` into a bucket: whole blocks at once.
    pub(crate) fn collect(&self, from: usize, to: usize, into: &mut Bucket) {
        let mut at = from;
        while at < to {
            if at.is_multiple_of(BLOCK)
                && at + BLOCK <= to
                && let Some(block) = self.blocks.get(at / BLOCK)
            {
                into.merge(*block);
                at += BLOCK;
                continue;
            }
            let mut one = Extremes::default();
            one.take(self.values[at]);
            into.merge(one);
            at += 1;
        }
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.values.len() * (size_of::<f64>() + size_of::<u32>()) + self.blocks.len() * size_of::<Extremes>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_say_what_their_values_say(
            values in prop::collection::vec(prop_oneof![4 => -1e9..1e9f64, 1 => Just(f64::NAN)], 1..400),
            parts in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let mut series = Series::default();
            for (row, value) in (0u32..).zip(&values) {
                series.push(row * 2, *value);
            }
            let (a, b) = (parts.0.index(values.len() + 1), parts.1.index(values.len() + 1));
            let (from, to) = (a.min(b), a.max(b));
            let (mut fast, mut slow) = (Bucket::at(0.0), Bucket::at(0.0));
            series.collect(from, to, &mut fast);
            values[from..to].iter().for_each(|value| slow.take(0.0, *value));
            prop_assert_eq!(fast, slow);
        }
    }
}
