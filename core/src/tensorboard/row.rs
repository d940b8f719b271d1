//! Folds events into rows: all that has one step, and comes one after the other, is one row.

use super::event::{Event, Value};
use crate::json::{write_f64, write_i64};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

/// One value of a row, with its path, as extended JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) path: Vec<String>,
    pub(crate) json: String,
}

/// The row that may still grow.
#[derive(Debug)]
pub(super) struct Open {
    step: i64,
    wall: f64,
    /// By tag; a tag that comes twice keeps the last value.
    values: BTreeMap<String, Value>,
}

/// Adds an event. Returns the row that it ends, if there is anything in it.
pub(super) fn fold(open: &mut Option<Open>, event: Event, namespace: &str) -> Option<Vec<Cell>> {
    let ended = match open {
        Some(row) if row.step == event.step => None,
        Some(_) | None => open.take().and_then(|row| close(row, namespace)),
    };
    let row = open.get_or_insert_with(|| Open { step: event.step, wall: event.wall, values: BTreeMap::new() });
    row.wall = event.wall;
    row.values.extend(event.values);
    ended
}

/// The row as cells; nothing if it is empty.
pub(super) fn close(row: Open, namespace: &str) -> Option<Vec<Cell>> {
    if row.values.is_empty() {
        return None;
    }
    let mut cells = Vec::with_capacity(row.values.len() + 2);
    for (tag, value) in row.values {
        let label = if namespace.is_empty() { tag } else { format!("{namespace}/{tag}") };
        put(label, value, &mut cells);
    }
    // Last, so that a tag of the same name does not hide them.
    cells.push(Cell { path: vec!["global_step".into()], json: integer(row.step) });
    cells.push(Cell { path: vec!["_timestamp".into()], json: number(row.wall) });
    Some(cells)
}

fn put(label: String, value: Value, cells: &mut Vec<Cell>) {
    match value {
        // The shortest text that gives the float back, not the longer one of the double that it becomes.
        Value::Single(value) if value.is_finite() => {
            cells.push(Cell { path: vec![label], json: number(value.to_string().parse().unwrap_or(f64::from(value))) });
        }
        Value::Single(value) => cells.push(Cell { path: vec![label], json: number(f64::from(value)) }),
        Value::Double(value) => cells.push(Cell { path: vec![label], json: number(value) }),
        Value::Integer(value) => cells.push(Cell { path: vec![label], json: integer(value) }),
        Value::Histogram(histogram) => {
            let mut add = |name: &str, json: String| cells.push(Cell { path: vec![label.clone(), name.into()], json });
            add("_type", "\"histogram\"".into());
            add("values", list(&histogram.counts));
            add("bins", list(&histogram.edges));
        }
    }
}

fn list(numbers: &[f64]) -> String {
    let texts: Vec<String> = numbers.iter().map(|value| number(*value)).collect();
    format!("[{}]", texts.join(","))
}

fn number(value: f64) -> String {
    // A large whole number stays a float for whoever reads it, as in rows of the official client.
    if value.is_finite() && value.abs() >= 1e6 {
        return format!("{value:e}");
    }
    let mut text = String::new();
    write_f64(value, &mut text);
    text
}

fn integer(value: i64) -> String {
    let mut text = String::new();
    write_i64(value, &mut text);
    text
}
