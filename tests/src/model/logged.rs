//! What a log on the simulated disk holds. Reads it as any reader would: whole records, damage passed over.

use prost::Message;
use runwire_proto::log::{DamageKind, LogEvent, read_all};
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::{HistoryRecord, Record};

use super::rows::{Row, put};

/// A log's content.
#[derive(Clone, Debug, Default)]
pub struct Logged {
    /// Whole records in order.
    pub records: Vec<Record>,
    /// Places that are no record, the end left out.
    pub damages: usize,
}

impl Logged {
    /// Reads a log.
    pub fn read(bytes: &[u8]) -> Logged {
        let mut logged = Logged::default();
        for event in read_all(bytes) {
            match event {
                LogEvent::Record { bytes, .. } => match Record::decode(bytes) {
                    Ok(record) => logged.records.push(record),
                    Err(_) => logged.damages += 1,
                },
                // An end in the middle of a record is what a kill leaves.
                LogEvent::Damage(damage) => logged.damages += usize::from(damage.kind != DamageKind::Truncated),
                LogEvent::NeedMore(_) | LogEvent::Fatal(_) => {}
            }
        }
        logged
    }

    /// What stands before the exit record: what comes after it is for nobody.
    #[must_use]
    pub fn until_exit(mut self) -> Logged {
        if let Some(at) = self.records.iter().position(|record| matches!(record.record_type, Some(RecordType::Exit(_))))
        {
            self.records.truncate(at + 1);
        }
        self
    }

    /// Its rows, each with its step.
    pub fn rows(&self) -> Vec<(i64, Row)> {
        self.history().map(row).collect()
    }

    /// Its rows as the server has them.
    pub fn json_rows(&self) -> Vec<serde_json::Value> {
        self.history().map(json_row).collect()
    }

    /// The exit code, if there is an exit record.
    pub fn exit_code(&self) -> Option<i32> {
        self.records.iter().find_map(|record| match &record.record_type {
            Some(RecordType::Exit(exit)) => Some(exit.exit_code),
            _ => None,
        })
    }

    /// Whether it says which run it is of.
    pub fn has_run(&self) -> bool {
        self.records.iter().any(|record| matches!(record.record_type, Some(RecordType::Run(_))))
    }

    fn history(&self) -> impl Iterator<Item = &HistoryRecord> {
        self.records.iter().filter_map(|record| match &record.record_type {
            Some(RecordType::History(row)) => Some(row),
            _ => None,
        })
    }
}

fn row(record: &HistoryRecord) -> (i64, Row) {
    let mut row = Row::new();
    for item in &record.item {
        let path = if item.nested_key.is_empty() { item.key.clone() } else { item.nested_key.join("/") };
        put(&mut row, path, value(&item.value_json));
    }
    let step = row.get("_step").and_then(serde_json::Value::as_f64).map_or(-1, |step| step as i64);
    row.retain(|key, _| !key.starts_with('_'));
    (step, row)
}

fn json_row(record: &HistoryRecord) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    for item in &record.item {
        let value = value(&item.value_json);
        match item.nested_key.as_slice() {
            [] => drop(object.insert(item.key.clone(), value)),
            path => nest(&mut object, path, value),
        }
    }
    object.into()
}

fn nest(object: &mut serde_json::Map<String, serde_json::Value>, path: &[String], value: serde_json::Value) {
    match path {
        [] => {}
        [last] => drop(object.insert(last.clone(), value)),
        [first, rest @ ..] => {
            let inner = object.entry(first.clone()).or_insert_with(|| serde_json::Map::new().into());
            if let Some(inner) = inner.as_object_mut() {
                nest(inner, rest, value);
            }
        }
    }
}

/// A JSON text with the bare words that Python writes.
pub fn value(text: &str) -> serde_json::Value {
    match text {
        "NaN" | "Infinity" | "-Infinity" => text.into(),
        // Inside a container the same tokens stand bare; in their places strings say the same.
        text if text.starts_with(['{', '[']) => {
            let quoted = text.replace("-Infinity", "\u{1}").replace("Infinity", "\"Infinity\"");
            let quoted = quoted.replace('\u{1}', "\"-Infinity\"").replace("NaN", "\"NaN\"");
            let plain = serde_json::from_str(text).or_else(|_| serde_json::from_str(&quoted));
            plain.unwrap_or_else(|_| text.into())
        }
        text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}
