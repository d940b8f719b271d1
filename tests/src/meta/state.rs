//! What is left of a run in the end: its log and what the server has. Without what depends on when things were done.

use std::collections::BTreeMap;

use runwire_local::Backend;
use serde_json::{Map, Value};

use crate::model::logged::Logged;
use crate::model::rows::Row;

/// Time of the server when it is asked: it matters only to runs that are still going on.
const LATE_MS: u64 = 4_000_000_000_000;

/// The end of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Rows in the log with their steps.
    pub logged: Vec<(i64, Row)>,
    /// Rows on the server.
    pub served: Vec<Value>,
    /// The log's rows as the server would have them.
    pub due: Vec<Value>,
    /// The summary on the server.
    pub summary: Map<String, Value>,
    /// The config on the server.
    pub config: Value,
    /// Lines of the console on the server, without their times.
    pub console: Vec<String>,
    /// The user's files on the server with their sizes and digests.
    pub files: BTreeMap<String, Value>,
    /// The exit code, if the server knows of the end.
    pub exit: Value,
    /// Whether it does.
    pub complete: Value,
    /// Rows that came twice with different content, and offsets without a row.
    pub wrong: (Value, Value),
    /// Places in the log that are no record.
    pub damages: usize,
}

impl State {
    /// The state of the run `e/p/{run}` with this log.
    pub fn of(backend: &mut Backend, run: &str, log: &[u8]) -> State {
        let logged = Logged::read(log);
        let server = backend.snapshot(LATE_MS, "e", "p", run).unwrap_or_default();
        let list = |name: &str| server[name].as_array().cloned().unwrap_or_default();
        let own = |(key, _): &(String, Value)| !matches!(key.as_str(), "_wandb" | "_runtime" | "_timestamp");
        let files = server["files"].as_object().cloned().unwrap_or_default();
        let users = files.into_iter().filter(|(name, _)| name.starts_with('f'));
        State {
            logged: logged.rows(),
            due: logged.json_rows(),
            damages: logged.damages,
            served: list("history"),
            summary: server["summary"].as_object().cloned().unwrap_or_default().into_iter().filter(own).collect(),
            config: without(&server["config"], "_wandb"),
            console: list("console").iter().map(|line| shown(line.as_str().unwrap_or_default())).collect(),
            files: users.map(|(name, file)| (name, serde_json::json!([file["size"], file["md5"]]))).collect(),
            exit: server["exit_code"].clone(),
            complete: server["complete"].clone(),
            wrong: (server["counters"]["conflicts"].clone(), server["counters"]["gaps"].clone()),
        }
    }

    /// Whether the server has each row of the log once and in order; if not, what is wrong.
    pub fn is_delivered(&self) -> Result<(), String> {
        let differs = self.served.iter().zip(&self.due).position(|(a, b)| a != b);
        if differs.is_some() || self.served.len() != self.due.len() {
            return Err(format!(
                "{} rows on the server, {} in the log; first difference at {differs:?}",
                self.served.len(),
                self.due.len()
            ));
        }
        if !self.due.is_empty() && self.wrong != (0.into(), 0.into()) {
            return Err(format!("conflicts and gaps: {:?}", self.wrong));
        }
        Ok(())
    }
}

/// The text of a console line. Its form depends on whether the server has said in time that it takes JSON.
fn shown(line: &str) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(line)) => line["content"].as_str().unwrap_or_default().to_owned(),
        Ok(_) | Err(_) => line.split_once(' ').map_or(line, |(_, text)| text).to_owned(),
    }
}

fn without(object: &Value, key: &str) -> Value {
    let mut object = object.clone();
    if let Some(object) = object.as_object_mut() {
        object.remove(key);
    }
    object
}
