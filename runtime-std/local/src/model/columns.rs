//! History by metric: every number of every row in columns, so that a chart of a million steps needs no row. What is in
//! pages of the store is read from there when it is asked for, column by column.

use super::{
    keys,
    pages::{self, Index, PageSize},
    series::{Bucket, Series},
};
use crate::{
    json,
    store::{Op, Store, StoreError},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

/// Where a row is and which step it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// `_step`, or the offset if the row has none.
    pub step: f64,
    pub client: u32,
    pub offset: u64,
}

/// The numbers of a run's history.
#[derive(Debug, Default, Clone)]
pub(crate) struct Columns {
    /// Steps of the rows behind the absent ones.
    steps: Vec<f64>,
    /// So many rows have their steps in pages and not in memory.
    absent: usize,
    /// So many rows are those of the first writer at the offsets from 0 on.
    straight: usize,
    /// Writer and offset of the rows behind those.
    others: Vec<(u32, u64)>,
    unsorted: bool,
    /// The row with the greatest step; of several the last one.
    last: Option<(usize, f64)>,
    /// Step of the last row.
    end: f64,
    names: Names,
    series: Vec<Series>,
    path: String,
    paged: Paged,
    /// Numbers in no page.
    fresh: usize,
}

/// What is in pages.
#[derive(Debug, Default, Clone)]
struct Paged {
    rows: usize,
    pages: u32,
    unsorted: bool,
    end: f64,
    last: (usize, f64),
}

/// The columns by name. The names of a row mostly follow one another as in the row before.
#[derive(Debug, Default, Clone)]
struct Names {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
    guesses: Vec<usize>,
}

impl Names {
    /// The column of a name that is the `at`th of its row, and whether it is new.
    fn number(&mut self, at: usize, name: &str) -> (usize, bool) {
        if let Some(guess) = self.guesses.get(at).filter(|guess| self.names[**guess] == name) {
            return (*guess, false);
        }
        let (number, new) = match self.numbers.get(name) {
            Some(number) => (*number, false),
            None => (self.add(name), true),
        };
        if at == self.guesses.len() {
            self.guesses.push(number);
        } else if let Some(guess) = self.guesses.get_mut(at) {
            *guess = number;
        }
        (number, new)
    }

    fn add(&mut self, name: &str) -> usize {
        let number = self.names.len();
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }
}

/// What is known of a metric at a glance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Metric {
    pub count: usize,
    /// The value that came last.
    pub last: f64,
}

impl Columns {
    /// Takes a row that has been stored.
    pub(crate) fn push(&mut self, client: u32, offset: u64, text: &str) {
        let number = self.rows();
        let row = u32::try_from(number).unwrap_or(u32::MAX);
        let (mut step, mut at) = (None, 0);
        let mut path = std::mem::take(&mut self.path);
        json::numbers(text, &mut path, &mut |name, value| {
            if name == "_step" {
                step = Some(value);
            }
            let (number, new) = self.names.number(at, name);
            if new {
                self.series.push(Series::default());
            }
            self.series[number].push(row, value);
            at += 1;
        });
        self.path = path;
        self.fresh += at;
        #[expect(clippy::cast_precision_loss, reason = "steps are doubles in the protocol")]
        let step = step.filter(|step| step.is_finite()).unwrap_or(offset as f64);
        self.unsorted |= number > 0 && self.end > step;
        self.end = step;
        if self.last.is_none_or(|(_, most)| step.total_cmp(&most).is_ge()) {
            self.last = Some((number, step));
        }
        self.steps.push(step);
        if client == 0 && self.others.is_empty() && offset == number as u64 {
            self.straight += 1;
        } else {
            self.others.push((client, offset));
        }
    }

    /// What the pages of a run say. Nothing of them is read yet.
    pub(crate) fn restore(index: &Index) -> Self {
        let rows = index.rows as usize;
        let last = (index.last.0 as usize, f64::from_bits(index.last.1));
        let end = f64::from_bits(index.end);
        let mut columns = Self {
            absent: rows,
            straight: rows,
            unsorted: index.unsorted,
            last: Some(last),
            end,
            paged: Paged { rows, pages: index.pages, unsorted: index.unsorted, end, last },
            ..Self::default()
        };
        for (name, count, last) in &index.metrics {
            columns.names.add(name);
            columns.series.push(Series::in_pages(*count, f64::from_bits(*last)));
        }
        columns
    }

    /// Reads the steps from the pages, if they are not in memory. False if the pages are damaged.
    pub(crate) fn read_steps(&mut self, store: &dyn Store, id: u64) -> Result<bool, StoreError> {
        if self.absent == 0 {
            return Ok(true);
        }
        let mut steps = Vec::with_capacity(self.rows());
        let absent = self.absent;
        let whole = pages::column(store, id, pages::STEPS, |row, step| {
            if steps.len() < absent && row as usize == steps.len() {
                steps.push(step);
            }
        })?;
        if !whole || steps.len() != absent {
            return Ok(false);
        }
        steps.append(&mut self.steps);
        (self.steps, self.absent) = (steps, 0);
        Ok(true)
    }

    /// Reads a metric from the pages, if it is there and not in memory. False if the pages are damaged.
    pub(crate) fn read(&mut self, store: &dyn Store, id: u64, name: &str) -> Result<bool, StoreError> {
        let Some(number) = self.names.numbers.get(name) else { return Ok(true) };
        let absent = self.series[*number].absent();
        if absent == 0 {
            return Ok(true);
        }
        let mut read = Series::with_room(self.series[*number].len());
        let whole = pages::column(store, id, column(*number), |row, value| {
            if read.len() < absent {
                read.push(row, value);
            }
        })?;
        Ok(whole && self.series[*number].fill(read))
    }

    /// The rows of the next page, if there are enough.
    pub(crate) fn next_page(&self, size: PageSize) -> Option<Range<u64>> {
        let from = self.paged.rows;
        let rows = self.rows() - from;
        let width = self.fresh / rows.max(1);
        let count = (size.values / width.max(1)).clamp(1, size.rows);
        (self.straight >= from + count).then(|| from as u64..(from + count) as u64)
    }

    /// Every row is one of the first writer, without a gap.
    pub(crate) fn is_straight(&self) -> bool {
        self.others.is_empty()
    }

    /// The changes that put the rows up to `end` into a page; its number.
    pub(crate) fn keep_page(&mut self, id: u64, end: u64, ops: &mut Vec<Op>) -> u32 {
        let from = self.paged.rows;
        let to = usize::try_from(end).unwrap_or(usize::MAX).min(self.rows());
        let (first, page) = (u32::try_from(from).unwrap_or(u32::MAX), self.paged.pages);
        let end = u32::try_from(to).unwrap_or(u32::MAX);
        let steps = &self.steps[from - self.absent..to - self.absent];
        for (row, step) in (from..).zip(steps) {
            let paged = &mut self.paged;
            paged.unsorted |= row > 0 && paged.end > *step;
            paged.end = *step;
            if row == 0 || step.total_cmp(&paged.last.1).is_ge() {
                paged.last = (row, *step);
            }
        }
        let rows: Vec<u32> = (first..end).collect();
        ops.push(Op::Put(keys::page(id, pages::STEPS, page), pages::encoded(first, &rows, steps)));
        for (number, series) in self.series.iter_mut().enumerate() {
            let (rows, values) = series.fresh(end);
            if !rows.is_empty() {
                ops.push(Op::Put(keys::page(id, column(number), page), pages::encoded(first, rows, values)));
                self.fresh -= rows.len();
                series.keep(end);
            }
        }
        self.paged.rows = to;
        self.paged.pages += 1;
        page
    }

    /// What the pages say at a glance.
    pub(crate) fn index(&self, derived: Option<Map<String, Value>>) -> Index {
        let paged = &self.paged;
        let row = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
        let metric = |(name, series): (&String, &Series)| {
            let (count, last) = series.paged();
            (name.clone(), count, last.to_bits())
        };
        Index {
            rows: row(paged.rows),
            pages: paged.pages,
            unsorted: paged.unsorted,
            end: paged.end.to_bits(),
            last: (row(paged.last.0), paged.last.1.to_bits()),
            metrics: self.names.names.iter().zip(&self.series).map(metric).collect(),
            derived,
        }
    }

    fn rows(&self) -> usize {
        self.absent + self.steps.len()
    }

    fn step(&self, row: u32) -> f64 {
        self.steps[row as usize]
    }

    fn place(&self, row: usize, step: f64) -> Place {
        let straight = (0, row as u64);
        let (client, offset) =
            row.checked_sub(self.straight).and_then(|at| self.others.get(at)).copied().unwrap_or(straight);
        Place { step, client, offset }
    }

    /// The rows with `from <= step < to` in the order of their steps. Steps must be in memory.
    pub(crate) fn between(&self, from: f64, to: f64) -> Vec<Place> {
        let place = |(row, step): (usize, &f64)| self.place(row, *step);
        if self.unsorted {
            let wanted = |(_, step): &(usize, &f64)| **step >= from && **step < to;
            let mut places: Vec<Place> = self.steps.iter().enumerate().filter(wanted).map(place).collect();
            places.sort_by(|a, b| a.step.total_cmp(&b.step));
            return places;
        }
        let at = |limit: f64| self.steps.partition_point(|step| *step < limit);
        let (from, to) = (at(from), at(to));
        (from..).zip(self.steps.get(from..to).unwrap_or_default()).map(place).collect()
    }

    /// The rows that have a number for every one of the names, in the order of arrival; none if a name never had one, so
    /// that only the texts can tell. Steps and the metrics must be in memory.
    pub(crate) fn with_all(&self, names: &[&str]) -> Option<Vec<Place>> {
        let series: Vec<&Series> = names.iter().map(|name| self.series_of(name)).collect::<Option<_>>()?;
        let first = series.first()?;
        let mut rows = first.rows().to_vec();
        for other in &series[1..] {
            let mut at = 0;
            rows.retain(|row| {
                while other.rows().get(at).is_some_and(|have| have < row) {
                    at += 1;
                }
                other.rows().get(at) == Some(row)
            });
        }
        Some(rows.into_iter().map(|row| self.place(row as usize, self.step(row))).collect())
    }

    fn series_of(&self, name: &str) -> Option<&Series> {
        self.names.numbers.get(name).map(|number| &self.series[*number])
    }

    /// The row with the greatest step; of several the last one.
    pub(crate) fn last(&self) -> Option<Place> {
        self.last.map(|(row, step)| self.place(row, step))
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.steps.len() * size_of::<f64>()
            + self.others.len() * size_of::<(u32, u64)>()
            + self.series.iter().map(Series::bytes).sum::<usize>()
    }

    /// The metrics by name.
    pub(crate) fn names(&self) -> BTreeMap<String, Metric> {
        let one = |(name, series): (&String, &Series)| {
            (name.clone(), Metric { count: series.len(), last: series.last().unwrap_or(f64::NAN) })
        };
        self.names.names.iter().zip(&self.series).map(one).collect()
    }

    /// The smallest and largest value in each of `buckets` equal parts of the x axis. Empty parts are left out.
    /// `axis` is another metric, or none for the step; `from..=to` limits x. What it shows must be in memory.
    pub(crate) fn chart(&self, name: &str, axis: Option<&str>, limits: (f64, f64), buckets: usize) -> Vec<Bucket> {
        let Some(series) = self.series_of(name) else { return Vec::new() };
        if buckets == 0 {
            return Vec::new();
        }
        match axis.filter(|axis| *axis != "_step") {
            None if !self.unsorted => self.chart_of_parts(series, limits, buckets),
            None => scattered(series.pairs().map(|(row, y)| (self.step(row), y)), limits, buckets),
            Some(axis) => match self.series_of(axis) {
                Some(axis) => scattered(axis.joined(series), limits, buckets),
                None => Vec::new(),
            },
        }
    }

    /// Over ascending steps a bucket is a part of the values: its ends are searched for, what is between is known.
    fn chart_of_parts(&self, series: &Series, limits: (f64, f64), buckets: usize) -> Vec<Bucket> {
        let rows = series.rows();
        let step = |at: usize| self.step(rows[at]);
        let first = rows.partition_point(|row| self.step(*row) < limits.0);
        let end = rows.partition_point(|row| self.step(*row) <= limits.1);
        if first >= end {
            return Vec::new();
        }
        let scale = Scale::new(step(first), step(end - 1), buckets);
        let mut found = Vec::new();
        let mut from = first;
        while from < end {
            let bucket = scale.bucket(step(from));
            let to = from + rows[from..end].partition_point(|row| scale.bucket(self.step(*row)) <= bucket);
            let mut one = Bucket::at(step(from));
            one.x.1 = step(to - 1);
            series.collect(from, to, &mut one);
            found.push(one);
            from = to;
        }
        found
    }
}

/// Where a metric is among the columns of the store.
fn column(number: usize) -> u32 {
    u32::try_from(number + 2).unwrap_or(u32::MAX)
}

/// Which part of an axis an x is in.
struct Scale {
    low: f64,
    factor: f64,
    buckets: usize,
}

impl Scale {
    fn new(low: f64, high: f64, buckets: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a chart has some thousand pixels")]
        let factor = if high > low { buckets as f64 / (high - low) } else { 0.0 };
        Self { low, factor, buckets }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `buckets`")]
    fn bucket(&self, x: f64) -> usize {
        (((x - self.low) * self.factor) as usize).min(self.buckets - 1)
    }
}

/// A chart of points in any order.
fn scattered(points: impl Iterator<Item = (f64, f64)>, limits: (f64, f64), buckets: usize) -> Vec<Bucket> {
    let wanted = |(x, _): &(f64, f64)| x.is_finite() && *x >= limits.0 && *x <= limits.1;
    let points: Vec<(f64, f64)> = points.filter(wanted).collect();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    points.iter().for_each(|(x, _)| (low, high) = (low.min(*x), high.max(*x)));
    let scale = Scale::new(low, high, buckets);
    let mut found: Vec<Option<Bucket>> = vec![None; buckets];
    for (x, y) in points {
        found[scale.bucket(x)].get_or_insert(Bucket::at(x)).take(x, y);
    }
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

    #[test]
    fn a_chart_keeps_the_extremes_of_every_part() {
        let mut columns = Columns::default();
        for step in 0..1000 {
            let loss = if step == 500 { 99 } else { step % 7 };
            let nan = if step == 501 { "NaN" } else { "1" };
            columns.push(
                0,
                step,
                &format!("{{\"_step\":{step},\"loss\":{loss},\"nan\":{nan},\"half\":{}.5}}", step / 2),
            );
        }
        let chart = columns.chart("loss", None, ALL, 10);
        assert_eq!(chart.len(), 10);
        assert_eq!(chart[0].y, Some((0.0, 6.0)));
        assert_eq!((chart[5].y, chart[5].count), (Some((0.0, 99.0)), 100));
        assert_eq!(columns.chart("nan", None, ALL, 10)[5].nonfinite, 1);
        assert_eq!(columns.chart("loss", Some("half"), (250.0, 250.9), 10).len(), 1);
        assert_eq!(columns.chart("loss", Some("none"), ALL, 10), []);
        assert_eq!(columns.chart("none", None, ALL, 10), []);
        assert_eq!(columns.names()["loss"], Metric { count: 1000, last: 5.0 });
        assert_eq!(columns.last().map(|place| place.step), Some(999.0));
        assert_eq!(columns.between(10.0, 12.0).len(), 2);
        assert_eq!(columns.with_all(&["_step", "loss"]).map(|rows| rows.len()), Some(1000));
        assert_eq!(columns.with_all(&["loss", "text"]), None);
        columns.push(0, 1000, "{\"loss\":1}");
        columns.push(0, 1001, "{\"half\":1,\"loss\":1}");
        assert_eq!(columns.with_all(&["half", "loss"]).map(|rows| rows.len()), Some(1001));
    }

    #[test]
    fn rows_are_found_by_step_whatever_their_order() {
        let mut columns = Columns::default();
        for (offset, text) in ["{\"_step\":5}", "{\"_step\":2}", "{\"a\":1}", "not json"].iter().enumerate() {
            columns.push(0, offset as u64, text);
        }
        let steps = |from, to| columns.between(from, to).iter().map(|place| place.step).collect::<Vec<_>>();
        assert_eq!(steps(f64::NEG_INFINITY, f64::INFINITY), [2.0, 2.0, 3.0, 5.0]);
        assert_eq!(steps(2.5, 5.0), [3.0]);
        assert_eq!(columns.last().map(|place| place.offset), Some(0));
    }

    #[test]
    fn parts_and_points_give_the_same_chart() {
        let mut columns = Columns::default();
        for step in 0..3000u64 {
            let text = format!("{{\"_step\":{},\"copy\":{0},\"y\":{}}}", step * step / 7, (step * 7919) % 1000);
            columns.push(0, step, &text);
        }
        for (limits, buckets) in
            [(ALL, 100), (ALL, 1), ((1000.0, 50_000.0), 333), ((5e5, 5e5), 3), ((-9.0, -1.0), 3), (ALL, 0)]
        {
            let parts = columns.chart("y", None, limits, buckets);
            assert_eq!(parts, columns.chart("y", Some("copy"), limits, buckets), "{limits:?} {buckets}");
        }
    }
}
