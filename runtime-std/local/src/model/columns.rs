//! History by metric: every number of every row in columns, so that a chart of a million steps needs no row.

use super::series::{Bucket, Series};
use crate::json;
use std::collections::{BTreeMap, HashMap};

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
    places: Vec<Place>,
    unsorted: bool,
    numbers: HashMap<String, usize>,
    series: Vec<Series>,
    path: String,
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
        let row = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let mut step = None;
        let mut path = std::mem::take(&mut self.path);
        json::numbers(text, &mut path, &mut |name, value| {
            if name == "_step" {
                step = Some(value);
            }
            let number = match self.numbers.get(name) {
                Some(number) => *number,
                None => {
                    self.series.push(Series::default());
                    self.numbers.insert(name.to_owned(), self.series.len() - 1);
                    self.series.len() - 1
                }
            };
            self.series[number].push(row, value);
        });
        self.path = path;
        #[expect(clippy::cast_precision_loss, reason = "steps are doubles in the protocol")]
        let step = step.filter(|step| step.is_finite()).unwrap_or(offset as f64);
        self.unsorted |= self.places.last().is_some_and(|last| last.step > step);
        self.places.push(Place { step, client, offset });
    }

    /// The rows with `from <= step < to` in the order of their steps.
    pub(crate) fn between(&self, from: f64, to: f64) -> Vec<Place> {
        if self.unsorted {
            let mut places: Vec<Place> =
                self.places.iter().filter(|place| place.step >= from && place.step < to).copied().collect();
            places.sort_by(|a, b| a.step.total_cmp(&b.step));
            return places;
        }
        let at = |step: f64| self.places.partition_point(|place| place.step < step);
        self.places.get(at(from)..at(to)).unwrap_or_default().to_vec()
    }

    /// The rows that have a number for every one of the names, in the order of arrival; none if a name never had one, so
    /// that only the texts can tell.
    pub(crate) fn with_all(&self, names: &[&str]) -> Option<Vec<Place>> {
        let series: Vec<&Series> =
            names.iter().map(|name| self.numbers.get(*name).map(|n| &self.series[*n])).collect::<Option<_>>()?;
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
        Some(rows.into_iter().map(|row| self.places[row as usize]).collect())
    }

    /// The row with the greatest step; of several the last one.
    pub(crate) fn last(&self) -> Option<Place> {
        self.places.iter().copied().max_by(|a, b| a.step.total_cmp(&b.step))
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.places.len() * size_of::<Place>() + self.series.iter().map(Series::bytes).sum::<usize>()
    }

    /// Step of the last row.
    pub(crate) fn last_step(&self) -> Option<f64> {
        self.last().map(|place| place.step)
    }

    /// The metrics by name.
    pub(crate) fn names(&self) -> BTreeMap<String, Metric> {
        let one = |(name, number): (&String, &usize)| {
            let series = &self.series[*number];
            (name.clone(), Metric { count: series.len(), last: series.last().unwrap_or(f64::NAN) })
        };
        self.numbers.iter().map(one).collect()
    }

    /// The smallest and largest value in each of `buckets` equal parts of the x axis. Empty parts are left out.
    /// `axis` is another metric, or none for the step; `from..=to` limits x.
    pub(crate) fn chart(&self, name: &str, axis: Option<&str>, limits: (f64, f64), buckets: usize) -> Vec<Bucket> {
        let Some(series) = self.numbers.get(name).map(|number| &self.series[*number]) else { return Vec::new() };
        if buckets == 0 {
            return Vec::new();
        }
        match axis.filter(|axis| *axis != "_step") {
            None if !self.unsorted => self.chart_of_parts(series, limits, buckets),
            None => scattered(series.pairs().map(|(row, y)| (self.places[row as usize].step, y)), limits, buckets),
            Some(axis) => match self.numbers.get(axis) {
                Some(axis) => scattered(self.series[*axis].joined(series), limits, buckets),
                None => Vec::new(),
            },
        }
    }

    /// Over ascending steps a bucket is a part of the values: its ends are searched for, what is between is known.
    fn chart_of_parts(&self, series: &Series, limits: (f64, f64), buckets: usize) -> Vec<Bucket> {
        let rows = series.rows();
        let step = |at: usize| self.places[rows[at] as usize].step;
        let first = rows.partition_point(|row| self.places[*row as usize].step < limits.0);
        let end = rows.partition_point(|row| self.places[*row as usize].step <= limits.1);
        if first >= end {
            return Vec::new();
        }
        let scale = Scale::new(step(first), step(end - 1), buckets);
        let mut found = Vec::new();
        let mut from = first;
        while from < end {
            let bucket = scale.bucket(step(from));
            let to =
                from + rows[from..end].partition_point(|row| scale.bucket(self.places[*row as usize].step) <= bucket);
            let mut one = Bucket::at(step(from));
            one.x.1 = step(to - 1);
            series.collect(from, to, &mut one);
            found.push(one);
            from = to;
        }
        found
    }
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
        assert_eq!(columns.last_step(), Some(999.0));
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
