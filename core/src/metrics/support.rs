//! Short ways for tests to log, define and read.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use prost::Message;
use runwire_proto::wire;

use super::{Item, ItemError, ItemValue, Metrics, Stamp};

/// A definition: `("loss", "min,max")`, with the parts that a test needs set afterwards.
pub(super) fn metric(name: &str, summary: &str) -> wire::MetricRecord {
    let has = |part: &str| summary.split(',').any(|given| given == part);
    let mut record = wire::MetricRecord {
        options: Some(wire::MetricOptions { defined: true, ..Default::default() }),
        summary: (!summary.is_empty()).then(|| wire::MetricSummary {
            min: has("min"),
            max: has("max"),
            mean: has("mean"),
            best: has("best"),
            last: has("last"),
            none: has("none"),
            copy: has("copy"),
            first: has("first"),
        }),
        ..Default::default()
    };
    match name.ends_with('*') {
        true => record.glob_name = name.to_string(),
        false => record.name = name.to_string(),
    }
    record
}

/// The same with a step metric that is kept in sync.
pub(super) fn stepped(name: &str, summary: &str, step: &str) -> wire::MetricRecord {
    let mut record = metric(name, summary);
    record.step_metric = step.to_string();
    record.options.as_mut().unwrap().step_sync = true;
    record
}

/// A summary item; dots in `path` separate labels.
pub(super) fn set(path: &str, json: &str) -> wire::SummaryItem {
    let nested_key = path.split('.').map(String::from).collect();
    wire::SummaryItem { key: String::new(), nested_key, value_json: json.to_string() }
}

pub(super) fn update(items: &[(&str, &str)]) -> wire::SummaryRecord {
    let update = items.iter().map(|(path, json)| set(path, json)).collect();
    wire::SummaryRecord { update, ..Default::default() }
}

pub(super) fn removal(paths: &[&str]) -> wire::SummaryRecord {
    let remove = paths.iter().map(|path| set(path, "")).collect();
    wire::SummaryRecord { remove, ..Default::default() }
}

impl Metrics {
    pub(super) fn item(&mut self, key: &str, json: &str) -> Result<(), ItemError> {
        self.merge(Item::flat(key, ItemValue::Json(json)))
    }

    /// Merges and flushes a row of plain keys at a runtime of 1.5 s.
    pub(super) fn log(&mut self, step: i64, items: &[(&str, &str)]) -> wire::HistoryRecord {
        items.iter().for_each(|(key, json)| self.item(key, json).unwrap());
        self.flush(Some(step), false).expect("a row with items")
    }

    pub(super) fn flush(&mut self, step: Option<i64>, typed: bool) -> Option<wire::HistoryRecord> {
        let mut out = Vec::new();
        let stamp = Stamp { step, runtime_micros: 1_500_000 };
        let wrote = self.commit(stamp, typed, &mut out);
        assert_eq!(self.pending(), 0);
        wrote.then(|| wire::HistoryRecord::decode(&*out).unwrap())
    }

    /// The summary without the runtime, step and time of a row.
    pub(super) fn shown(&self) -> String {
        let items = self.summary_items();
        let own = |item: &&wire::SummaryItem| !item.key.starts_with("_") && item.nested_key != ["_wandb", "runtime"];
        let mut only = Metrics::new(0);
        let update = items.iter().filter(own).cloned().collect();
        assert_eq!(only.update_summary(&wire::SummaryRecord { update, ..Default::default() }), []);
        only.summary_json(None)
    }

    pub(super) fn next_checkpoint(&mut self) -> Option<wire::SummaryRecord> {
        let mut out = Vec::new();
        let wrote = self.checkpoint(&mut out);
        assert!(!self.dirty());
        wrote.then(|| wire::SummaryRecord::decode(&*out).unwrap())
    }
}

/// The items of a row as `path=json`, sorted, without its runtime.
pub(super) fn row(record: &wire::HistoryRecord) -> Vec<String> {
    let items = record.item.iter().filter(|item| item.nested_key != ["_runtime"]);
    let mut items: Vec<String> = items.map(|item| item.nested_key.join(".") + "=" + &item.value_json).collect();
    items.sort();
    items
}

/// The items of a checkpoint as `path=json` and `-path`, sorted, without those that every row changes.
pub(super) fn changes(record: &wire::SummaryRecord) -> Vec<String> {
    let own = |item: &&wire::SummaryItem| !["_runtime", "_step", "_wandb"].contains(&&*item.nested_key[0]);
    let updates = record.update.iter().filter(own).map(|item| item.nested_key.join(".") + "=" + &item.value_json);
    let removals = record.remove.iter().filter(own).map(|item| String::from("-") + &item.nested_key.join("."));
    let mut items: Vec<String> = updates.chain(removals).collect();
    items.sort();
    items
}
