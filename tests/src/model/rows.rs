//! Rows as they must be in the log: parts folded by their steps.

use std::collections::BTreeMap;

use serde_json::Value;

use super::logged::value;
use crate::sim::Said;

/// One row: values by their paths, parts joined with `/`.
pub type Row = BTreeMap<String, Value>;

/// Puts a value into a row; an object becomes a path for each of its parts.
pub fn put(row: &mut Row, path: String, value: Value) {
    // A value takes the place of what stood there, a part of a value that of a plain one.
    let below = format!("{path}/");
    row.retain(|known, _| !known.starts_with(&below) && !path.starts_with(&format!("{known}/")));
    match value {
        Value::Object(parts) if !parts.is_empty() => {
            parts.into_iter().for_each(|(key, part)| put(row, format!("{path}/{key}"), part));
        }
        // 0 and 0.0 are the same number.
        Value::Number(number) => drop(row.insert(path, number.as_f64().into())),
        value => drop(row.insert(path, value)),
    }
}

/// Rows with their steps, counted from the run's first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Step and content.
    pub rows: Vec<(i64, Row)>,
    next: i64,
    open: Row,
}

impl Rows {
    /// Rows of a life that begins at a step.
    pub fn of(said: &[(String, Said)], starting_step: i64) -> Rows {
        let mut rows = Rows { next: starting_step, ..Rows::default() };
        for (_, said) in said {
            match said {
                Said::Row { items, step, flush } => rows.part(items, *step, *flush),
                Said::Exit(_) => rows.close(),
                _ => {}
            }
        }
        rows.close();
        rows
    }

    fn part(&mut self, items: &[(Vec<String>, String)], step: Option<i64>, flush: Option<bool>) {
        if let Some(step) = step {
            if step < self.next {
                return;
            }
            if step > self.next {
                self.close();
                self.next = step;
            }
        }
        for (path, text) in items {
            put(&mut self.open, path.join("/"), value(text));
        }
        if flush.unwrap_or(step.is_none()) {
            self.close();
            self.next += 1;
        }
    }

    fn close(&mut self) {
        let row = std::mem::take(&mut self.open);
        if !row.is_empty() {
            self.rows.push((self.next, row));
        }
    }
}

/// Whether `part` is `whole` with rows left out.
pub fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|row| row == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, step: Option<i64>, flush: Option<bool>) -> (String, Said) {
        ("a".into(), Said::Row { items: vec![(vec![text.into()], "1".into())], step, flush })
    }

    #[test]
    fn parts_of_a_step_are_one_row_and_rows_behind_are_none() {
        let said = vec![
            part("a", None, None),
            part("b", Some(4), None),
            part("c", Some(4), None),
            part("late", Some(2), None),
            part("d", Some(5), Some(true)),
            part("e", None, None),
        ];
        let rows = Rows::of(&said, 0);
        let shown: Vec<(i64, Vec<&str>)> =
            rows.rows.iter().map(|(step, row)| (*step, row.keys().map(String::as_str).collect())).collect();
        assert_eq!(shown, [(0, vec!["a"]), (4, vec!["b", "c"]), (5, vec!["d"]), (6, vec!["e"])]);
    }

    #[test]
    fn a_subsequence_keeps_the_order() {
        assert!(is_subsequence(&[1, 3], &[1, 2, 3]));
        assert!(!is_subsequence(&[3, 1], &[1, 2, 3]));
    }
}
