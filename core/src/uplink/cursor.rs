//! What the server has of a run, remembered beside its log, so that a second life of the upload goes on where the first
//! one ended instead of sending everything again.
//!
//! A cursor may be behind the truth, never ahead of it: lines sent again go to the same offsets, which is harmless.

use super::{Offsets, Place};
use crate::sender::Restored;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
};
use serde_json::{Map, Value, json};

/// Its name: the log's, with this added.
pub(crate) const SUFFIX: &str = ".delivered";
const VERSION: u64 = 1;
/// Rows without an offset that are remembered. More than this, and a second life may send as many rows again.
const LEFT_OUT_MAX: usize = 10_000;

/// The state of an upload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor {
    /// Address of the server that all of this is about.
    pub(crate) server: String,
    /// What was true before the first line was sent.
    pub(crate) first: Restored,
    /// The offsets of the next lines that the server wants.
    pub(crate) delivered: Offsets,
    /// Everything in the log before this offset is delivered.
    pub(crate) mark: u64,
    /// Rows that have no offset on the server: where their records end in the log.
    pub(crate) left_out: BTreeSet<u64>,
    /// The id by which the server tells this writer of a shared run from others; empty if the run is not shared.
    pub(crate) writer: String,
    /// The server is not to be told that the run has ended.
    pub(crate) quiet_end: bool,
    /// MD5 of the files that arrived, by path.
    pub(crate) files: BTreeMap<String, [u8; 16]>,
    /// The server was told that the run has ended.
    pub(crate) complete: bool,
}

impl Cursor {
    /// Rows, machine samples and console lines of this run that the server has.
    pub fn lines(&self) -> (u64, u64, u64) {
        (
            self.delivered.history.saturating_sub(self.first.base.history),
            self.delivered.events.saturating_sub(self.first.base.events),
            self.delivered.console.saturating_sub(self.first.base.console),
        )
    }

    /// Offset in the log before which everything is delivered.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// Number of files that arrived.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Whether the server knows that the run has ended.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Address of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// `entity/project/run` on the server.
    pub fn place(&self) -> String {
        format!("{}/{}/{}", self.first.place.entity, self.first.place.project, self.first.place.run_id)
    }

    pub(crate) fn leave_out(&mut self, mark: u64) {
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.insert(mark);
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let files: Map<String, Value> =
            self.files.iter().map(|(path, md5)| (path.clone(), Value::from(hex(md5)))).collect();
        let mut value = json!({
            "version": VERSION,
            "server": self.server,
            "entity": self.first.place.entity,
            "project": self.first.place.project,
            "run_id": self.first.place.run_id,
            "storage_id": self.first.storage_id,
            "base": offsets(self.first.base),
            "delivered": offsets(self.delivered),
            "mark": self.mark,
            "starting_step": self.first.starting_step,
            "starting_runtime_ms": self.first.starting_runtime_ms,
            "stored_config": self.first.stored_config,
            "files": files,
            "complete": self.complete,
        });
        // Most runs have none of these.
        if !self.left_out.is_empty() {
            value["left_out"] = json!(self.left_out);
        }
        if !self.writer.is_empty() {
            value["writer"] = json!(self.writer);
        }
        if self.quiet_end {
            value["quiet_end"] = json!(true);
        }
        value.to_string()
    }

    /// Reads the text of a cursor file. `None` if it is damaged or of a version that this one does not know: then nothing
    /// is known about what was delivered.
    pub fn from_json(text: &str) -> Option<Cursor> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value.get("version")?.as_u64()? != VERSION {
            return None;
        }
        let string = |key: &str| value.get(key).and_then(Value::as_str).map(String::from);
        let files = value.get("files")?.as_object()?;
        Some(Cursor {
            server: string("server")?,
            first: Restored {
                base: read_offsets(value.get("base")?)?,
                starting_step: value.get("starting_step")?.as_i64()?,
                starting_runtime_ms: value.get("starting_runtime_ms")?.as_u64()?,
                storage_id: string("storage_id")?,
                place: Place { entity: string("entity")?, project: string("project")?, run_id: string("run_id")? },
                stored_config: string("stored_config")?,
                mark: 0,
            },
            delivered: read_offsets(value.get("delivered")?)?,
            mark: value.get("mark")?.as_u64()?,
            left_out: match value.get("left_out") {
                Some(marks) => marks.as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?,
                None => BTreeSet::new(),
            },
            writer: string("writer").unwrap_or_default(),
            quiet_end: value.get("quiet_end").and_then(Value::as_bool).unwrap_or_default(),
            files: files
                .iter()
                .map(|(path, md5)| Some((path.clone(), unhex(md5.as_str()?)?)))
                .collect::<Option<BTreeMap<_, _>>>()?,
            complete: value.get("complete")?.as_bool()?,
        })
    }
}

fn offsets(offsets: Offsets) -> Value {
    json!({"history": offsets.history, "events": offsets.events, "console": offsets.console})
}

fn read_offsets(value: &Value) -> Option<Offsets> {
    let number = |key: &str| value.get(key)?.as_u64();
    Some(Offsets { history: number("history")?, events: number("events")?, console: number("console")? })
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let whole = text.len() == 32 && text.is_ascii();
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_half_of_it_is_none() {
        let cursor = Cursor {
            server: "https://s.example".into(),
            first: Restored {
                place: Place { entity: "e".into(), project: "p".into(), run_id: "r".into() },
                storage_id: "s".into(),
                base: Offsets { history: 4, events: 1, console: 2 },
                starting_step: 4,
                starting_runtime_ms: 1500,
                stored_config: "{}".into(),
                mark: 0,
            },
            delivered: Offsets { history: 9, events: 1, console: 7 },
            mark: 512,
            left_out: [128, 300].into(),
            writer: "w".into(),
            quiet_end: true,
            files: [(String::from("a/b.txt"), [0xAB; 16])].into(),
            complete: true,
        };
        let text = cursor.to_json();
        assert_eq!(Cursor::from_json(&text), Some(cursor.clone()));
        assert_eq!(cursor.lines(), (5, 0, 5));
        let older = text.replace("left_out", "x").replace("writer", "y").replace("quiet_end", "z");
        let older = Cursor::from_json(&older).expect("what came later may be missing");
        assert!(older.left_out.is_empty() && older.writer.is_empty() && !older.quiet_end);
        assert!((0..text.len()).all(|cut| Cursor::from_json(&text[..cut]).is_none()));
        assert_eq!(Cursor::from_json(&text.replace("\"version\":1", "\"version\":2")), None);
        assert_eq!(Cursor::from_json(&text.replace("abab", "abXb")), None);
    }
}
