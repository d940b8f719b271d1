//! The rows of a log as JSON lines or CSV.

use crate::inspect::{Found, InspectError, for_each_record, name_of};
use runwire_proto::wire::{self, record::RecordType};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::Path,
};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One object a line, nested as it was logged. `NaN`, `Infinity` and `-Infinity` are bare, as the protocol has them.
    JsonLines,
    /// One column a metric, named by its path with dots; every column that any row has. Where that name would be
    /// another metric's too, dots inside of labels are written `\.`.
    Csv,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] InspectError),
    /// The rows can't be written.
    #[error("the rows can't be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the rows of the log at `path`; returns what is damaged in it, in words.
pub fn export(path: &Path, format: Format, out: &mut impl Write) -> Result<Vec<String>, ExportError> {
    let columns = match format {
        Format::JsonLines => Columns::new(),
        Format::Csv => columns(path)?,
    };
    if format == Format::Csv {
        let header: Vec<String> = names(&columns).iter().map(|name| quoted(name)).collect();
        writeln!(out, "{}", header.join(","))?;
    }
    let (mut damage, mut outcome) = (Vec::new(), Ok(()));
    for_each_record(path, |found| match found {
        Found::Record(record) => {
            if let Some(RecordType::History(row)) = &record.0.record_type
                && outcome.is_ok()
            {
                outcome = match format {
                    Format::JsonLines => writeln!(out, "{}", object(row)),
                    Format::Csv => writeln!(out, "{}", cells(row, &columns)),
                };
            }
        }
        Found::Damage(found) => damage.push(found.to_string()),
        Found::Unreadable => damage.push("a record of unknown type or content was passed over".into()),
        Found::Incomplete | Found::Bytes(_) => {}
    })?;
    outcome?;
    Ok(damage)
}

/// Counts by type of record, for a quick look.
pub fn counts(path: &Path) -> Result<BTreeMap<&'static str, u64>, InspectError> {
    let mut counts = BTreeMap::new();
    for_each_record(path, |found| {
        if let Found::Record(record) = found
            && let Some(kind) = &record.0.record_type
        {
            *counts.entry(name_of(kind)).or_default() += 1;
        }
    })?;
    Ok(counts)
}

/// The path of every metric.
type Columns = BTreeSet<Vec<String>>;

fn columns(path: &Path) -> Result<Columns, InspectError> {
    let mut columns = BTreeSet::new();
    for_each_record(path, |found| {
        if let Found::Record(record) = found
            && let Some(RecordType::History(row)) = &record.0.record_type
        {
            for item in &row.item {
                let labels = labels(item);
                columns.insert(labels.into_iter().map(String::from).collect());
            }
        }
    })?;
    Ok(columns)
}

fn names(columns: &Columns) -> Vec<String> {
    let mut uses: BTreeMap<String, u32> = BTreeMap::new();
    for labels in columns {
        *uses.entry(labels.join(".")).or_default() += 1;
    }
    let name = |labels: &Vec<String>| {
        let plain = labels.join(".");
        if uses[&plain] == 1 {
            return plain;
        }
        labels.iter().map(|label| label.replace('.', "\\.")).collect::<Vec<_>>().join(".")
    };
    columns.iter().map(name).collect()
}

enum Node {
    Leaf(String),
    Tree(BTreeMap<String, Node>),
}

fn object(row: &wire::HistoryRecord) -> String {
    let mut root = BTreeMap::new();
    for item in &row.item {
        put(&mut root, &labels(item), value(item));
    }
    let mut text = String::new();
    write(&Node::Tree(root), &mut text);
    text
}

fn put(tree: &mut BTreeMap<String, Node>, labels: &[&str], value: String) {
    match labels {
        [] => {}
        [last] => drop(tree.insert((*last).into(), Node::Leaf(value))),
        [first, rest @ ..] => {
            let node = tree.entry((*first).into()).or_insert_with(|| Node::Tree(BTreeMap::new()));
            if matches!(node, Node::Leaf(_)) {
                *node = Node::Tree(BTreeMap::new());
            }
            if let Node::Tree(inner) = node {
                put(inner, rest, value);
            }
        }
    }
}

fn write(node: &Node, out: &mut String) {
    match node {
        Node::Leaf(text) => out.push_str(text),
        Node::Tree(tree) => {
            out.push('{');
            for (at, (key, inner)) in tree.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                runwire_core::json::write_string(key, out);
                out.push(':');
                write(inner, out);
            }
            out.push('}');
        }
    }
}

fn cells(row: &wire::HistoryRecord, columns: &Columns) -> String {
    let values: BTreeMap<Vec<&str>, String> = row.item.iter().map(|item| (labels(item), value(item))).collect();
    let cell = |column: &Vec<String>| {
        let labels: Vec<&str> = column.iter().map(String::as_str).collect();
        let text = values.get(&labels).map_or("", String::as_str);
        // A text is shown as itself, without the quotes of JSON.
        match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(raw) => {
                let mut plain = String::new();
                runwire_core::json::unescape(raw, &mut plain);
                quoted(&plain)
            }
            None => quoted(text),
        }
    };
    columns.iter().map(cell).collect::<Vec<_>>().join(",")
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

fn labels(item: &wire::HistoryItem) -> Vec<&str> {
    if item.nested_key.is_empty() {
        vec![item.key.as_str()]
    } else {
        item.nested_key.iter().map(String::as_str).collect()
    }
}

/// The value of an item as JSON on one line. What a damaged log has instead of JSON becomes a string.
pub(crate) fn value(item: &wire::HistoryItem) -> String {
    use wire::history_item::Value;
    let mut text = String::new();
    let mut checked = |json: &str| match runwire_core::json::parse(json) {
        Ok(value) => runwire_core::json::write_compact(value, &mut text),
        Err(_) => runwire_core::json::write_string(json, &mut text),
    };
    match &item.value {
        None => checked(&item.value_json),
        Some(Value::Json(json)) => checked(json),
        Some(Value::None(_)) => text.push_str("null"),
        Some(Value::Boolean(value)) => text.push_str(if *value { "true" } else { "false" }),
        Some(Value::Integer(value)) => text.push_str(&value.to_string()),
        Some(Value::Number(value)) => runwire_core::json::write_f64(*value, &mut text),
        Some(Value::Text(value)) => runwire_core::json::write_string(value, &mut text),
    }
    text
}
