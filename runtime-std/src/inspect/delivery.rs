//! How much of a log a server has: from the note that an upload keeps beside it.

use runwire_core::Cursor;
use serde_json::{Value, json};
use std::path::Path;

/// What is known about the delivery of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Delivery {
    /// Nobody has begun.
    #[default]
    None,
    /// Another program marked it as uploaded.
    Marked,
    /// The note can't be read.
    Unreadable,
    /// So far.
    Known(Box<Cursor>),
}

impl Delivery {
    /// Looks beside the log.
    pub(super) fn of(log: &Path) -> Delivery {
        let beside = |suffix: &str| {
            let mut name = log.as_os_str().to_owned();
            name.push(suffix);
            std::path::PathBuf::from(name)
        };
        match std::fs::read_to_string(beside(".delivered")) {
            Ok(text) => {
                Cursor::from_json(&text).map_or(Delivery::Unreadable, |cursor| Delivery::Known(Box::new(cursor)))
            }
            Err(_) if beside(".synced").exists() => Delivery::Marked,
            Err(_) => Delivery::None,
        }
    }

    /// For people. `rows` and so on: what the log holds.
    pub(super) fn to_text(&self, rows: u64, events: u64, bytes: u64) -> String {
        match self {
            Delivery::None => "nothing so far; `runwire sync FILE` uploads it".into(),
            Delivery::Marked => "all of it, by another program (.synced)".into(),
            Delivery::Unreadable => "unknown: the note beside the log (.delivered) is damaged".into(),
            Delivery::Known(cursor) => {
                let (sent_rows, sent_events, console) = cursor.lines();
                let state = if cursor.is_complete() {
                    "complete".into()
                } else {
                    let left = bytes.saturating_sub(cursor.mark());
                    format!("not complete, {left} bytes of the log are left; `runwire sync FILE` goes on")
                };
                format!(
                    "{sent_rows} of {rows} rows, {sent_events} of {events} machine samples, {console} console lines, {} files to {}; {state}",
                    cursor.files(),
                    cursor.place()
                )
            }
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Delivery::None | Delivery::Unreadable => Value::Null,
            Delivery::Marked => json!({"complete": true, "marked": true}),
            Delivery::Known(cursor) => {
                let (rows, events, console) = cursor.lines();
                json!({"complete": cursor.is_complete(), "rows": rows, "events": events, "console": console,
                       "files": cursor.files(), "log_bytes": cursor.mark(), "place": cursor.place()})
            }
        }
    }
}
