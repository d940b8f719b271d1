//! Reading rows back: in the order of steps, between steps, sampled; and cutting a history off (rewind).

use super::{
    Model,
    columns::{Metric, Place},
    keys::{self, Log},
    rows::{self, Rows},
};
use crate::{
    json,
    store::{Op, StoreError},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The last step, and the metrics.
pub(crate) type HistoryKeys = (f64, BTreeMap<String, Metric>);

/// How many runs a fork of a fork of a run is followed through.
const FORKS_MAX: usize = 32;

impl Model {
    /// Texts of the rows of a log with writer and offset, writer by writer.
    pub(crate) fn log_rows(&self, id: u64, log: Log) -> Result<Vec<(u32, u64, String)>, StoreError> {
        let mut found = Vec::new();
        let mut at = 0;
        self.store.scan(&keys::log(id, log), &[], &mut |key, value| {
            if let Some((client, start)) = keys::client_and_offset(key) {
                if keys::piece_of(key) == 0 {
                    at = start;
                }
                for text in rows::lines(value) {
                    found.push((client, at, text.to_owned()));
                    at += 1;
                }
            }
            true
        })?;
        Ok(found)
    }

    /// Console lines with writer and number, writer by writer.
    pub(crate) fn console_lines(&self, id: u64) -> Result<Vec<(u32, u64, String)>, StoreError> {
        let mut found = Vec::new();
        self.store.scan(&keys::console(id), &[], &mut |key, value| {
            if let Some((client, line)) = keys::client_and_offset(key) {
                found.push((client, line, String::from_utf8_lossy(value).into_owned()));
            }
            true
        })?;
        Ok(found)
    }

    /// The last console lines, as many as that.
    pub(crate) fn last_console_lines(&self, id: u64, count: usize) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        self.store.scan_back(&keys::console(id), &[], &mut |_, value| {
            if found.len() < count {
                found.push(String::from_utf8_lossy(value).into_owned());
            }
            found.len() < count
        })?;
        found.reverse();
        Ok(found)
    }

    /// Rows of the history with `from <= step < to` in the order of steps, those of the run it was forked from before
    /// them; at most `samples` of them (0: all), evenly spread, the last one included.
    pub(crate) fn history(&mut self, id: u64, from: f64, to: f64, samples: usize) -> Result<Vec<String>, StoreError> {
        let mut places = Vec::new();
        for (run, until) in self.lineage(id, to) {
            let own = self.columns(run, &[], true)?.map(|columns| columns.between(from, until)).unwrap_or_default();
            places.extend(own.into_iter().map(|place| (run, place)));
        }
        self.texts(&sampled(places, samples))
    }

    /// Like [`Model::history`], but only rows that have all the keys, as far as that can be told without reading them:
    /// with keys that never were numbers these are all rows.
    pub(crate) fn history_with(
        &mut self,
        id: u64,
        keys: &[&str],
        from: f64,
        to: f64,
        samples: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut places = Vec::new();
        for (run, until) in self.lineage(id, to) {
            let Some(columns) = self.columns(run, keys, true)? else { continue };
            let Some(mut rows) = columns.with_all(keys) else { return self.history(id, from, to, 0) };
            rows.retain(|place| place.step >= from && place.step < until);
            rows.sort_by(|a, b| a.step.total_cmp(&b.step));
            places.extend(rows.into_iter().map(|place| (run, place)));
        }
        self.texts(&sampled(places, samples))
    }

    /// The runs that a run's history consists of, the oldest first, with the step at which each ends.
    fn lineage(&self, id: u64, to: f64) -> Vec<(u64, f64)> {
        let mut runs = vec![(id, to)];
        while runs.len() < FORKS_MAX {
            let (at, until) = runs[runs.len() - 1];
            let Some((run, (parent, step))) = self.run(at).and_then(|run| Some((run, run.branch_point()?))) else {
                break;
            };
            let Some(parent) = self.run_id(&run.meta.entity, &run.meta.project, &parent) else { break };
            runs.push((parent, until.min(step + 1.0)));
        }
        runs.reverse();
        runs
    }

    /// The last row of a log of all writers, by step or offset.
    pub(crate) fn tail(&mut self, id: u64, log: Log) -> Result<Option<String>, StoreError> {
        if log == Log::History {
            let last = self.data(id)?.and_then(|data| data.columns.last());
            return Ok(self.texts(&last.map(|place| (id, place)).into_iter().collect::<Vec<_>>())?.pop());
        }
        let rows = self.log_rows(id, log)?;
        Ok(rows.into_iter().max_by_key(|(_, offset, _)| *offset).map(|(_, _, text)| text))
    }

    /// Texts of rows of the history, each chunk read once as long as the rows follow one another.
    fn texts(&self, places: &[(u64, Place)]) -> Result<Vec<String>, StoreError> {
        let mut texts = Vec::with_capacity(places.len());
        let mut open: Option<(Vec<u8>, Vec<String>)> = None;
        for (id, place) in places {
            let rows = self.run(*id).and_then(|run| run.data.as_ref()?.logs.get(&(Log::History, place.client)));
            let Some(start) = rows.and_then(|rows: &Rows| rows.chunk_of(place.offset)) else { continue };
            let key = keys::chunk(*id, Log::History, place.client, start);
            if open.as_ref().is_none_or(|(have, _)| *have != key) {
                let value = rows::chunk(self.store.as_ref(), &key)?;
                open = Some((key, rows::lines(&value).map(str::to_owned).collect()));
            }
            let nth = usize::try_from(place.offset - start).unwrap_or(usize::MAX);
            texts.extend(open.as_ref().and_then(|(_, lines)| lines.get(nth).cloned()));
        }
        Ok(texts)
    }

    /// Cuts off what came after a step: rows, and from the summary what they said. Rows of all writers become rows of
    /// one.
    pub(crate) fn rewind(&mut self, id: u64, step: f64) -> Result<(), StoreError> {
        let Some(columns) = self.columns(id, &[], true)? else { return Ok(()) };
        let mut kept: Vec<(u64, Place)> =
            columns.between(f64::NEG_INFINITY, f64::INFINITY).into_iter().map(|place| (id, place)).collect();
        kept.retain(|(_, place)| place.step <= step);
        let texts = self.texts(&kept)?;
        self.delete_all(&keys::log(id, Log::History))?;
        self.delete_pages(id)?;
        let mut rows = Rows::default();
        for fresh in rows.place(0, &texts).fresh {
            let mut value = Vec::new();
            rows::append(&mut value, &texts[fresh.lines]);
            self.ops.push(Op::Put(keys::chunk(id, Log::History, 0, fresh.chunk), value));
        }
        let mut summary = Map::new();
        for text in &texts {
            if let Some(Value::Object(row)) = json::parse(text) {
                summary.extend(row);
            }
        }
        self.set_summary(id, &Value::Object(summary).to_string());
        self.change_run(id, |meta| {
            meta.clients = vec![String::new()];
            meta.complete = false;
            meta.exit_code = None;
            meta.set_state = None;
        });
        if let Some(run) = self.runs.get_mut(&id)
            && let Some(data) = run.data.as_mut()
        {
            data.logs.retain(|(log, _), _| *log != Log::History);
            data.logs.insert((Log::History, 0), rows);
            data.sharing.clear();
            data.columns = super::columns::Columns::default();
            data.derived = Map::new();
            for (offset, text) in (0..).zip(&texts) {
                data.note(&run.meta, Log::History, 0, offset, text);
            }
        }
        self.keep_pages(id);
        Ok(())
    }

    /// For every key of the history how many rows have it, with the type that clients are told; and the last step.
    pub(crate) fn history_keys(&mut self, id: u64) -> Result<Option<HistoryKeys>, StoreError> {
        let Some(data) = self.data(id)? else { return Ok(None) };
        let Some(last) = data.columns.last().map(|place| place.step) else { return Ok(None) };
        Ok(Some((last, data.columns.names())))
    }
}

fn sampled<T>(mut items: Vec<T>, samples: usize) -> Vec<T> {
    let count = items.len();
    if samples == 0 || count <= samples {
        return items;
    }
    if samples == 1 {
        return items.pop().into_iter().collect();
    }
    let mut next = 0;
    let wanted = |n: usize| n * (count - 1) / (samples - 1);
    let mut at = 0;
    items.retain(|_| {
        let keep = at == wanted(next);
        at += 1;
        if keep {
            next += 1;
        }
        keep
    });
    items
}

#[cfg(test)]
mod tests {
    use super::sampled;

    #[test]
    fn samples_are_spread_and_end_with_the_last() {
        assert_eq!(sampled((0..10).collect(), 4), [0, 3, 6, 9]);
        assert_eq!(sampled((0..3).collect(), 5), [0, 1, 2]);
        assert_eq!(sampled((0..3).collect(), 1), [2]);
        assert_eq!(sampled((0..1000).collect::<Vec<_>>(), 500).len(), 500);
    }
}
