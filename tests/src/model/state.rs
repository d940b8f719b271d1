//! The server's state that follows from a log's records: config, summary, console, files.

use std::collections::BTreeMap;

use runwire_proto::wire::record::RecordType;
use serde_json::Value;

use super::logged::{Logged, value};
use super::rows::{Row, put};

/// What a run amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Top-level keys of the config, those of clients only.
    pub config: BTreeMap<String, Value>,
    /// Values by path, those of clients only.
    pub summary: Row,
    /// Complete console lines.
    pub console: Vec<String>,
}

impl State {
    /// Takes in the records of one life.
    pub fn fold(&mut self, logged: &Logged) {
        let mut open = String::new();
        for record in &logged.records {
            match &record.record_type {
                Some(RecordType::Run(run)) => self.fold_config(run.config.as_ref()),
                Some(RecordType::Config(config)) => self.fold_config(Some(config)),
                Some(RecordType::Summary(summary)) => {
                    for item in &summary.update {
                        put(&mut self.summary, path(&item.key, &item.nested_key), value(&item.value_json));
                    }
                    for item in &summary.remove {
                        let path = path(&item.key, &item.nested_key);
                        let below = format!("{path}/");
                        self.summary.retain(|known, _| *known != path && !known.starts_with(&below));
                    }
                }
                Some(RecordType::OutputRaw(output)) => {
                    open.push_str(&output.line);
                    while let Some((line, rest)) = open.split_once('\n') {
                        self.console.push(line.to_owned());
                        open = rest.to_owned();
                    }
                }
                _ => {}
            }
        }
        if !open.is_empty() {
            self.console.push(open);
        }
        self.summary.retain(|key, _| !key.starts_with('_'));
    }

    fn fold_config(&mut self, config: Option<&runwire_proto::wire::ConfigRecord>) {
        let Some(config) = config else { return };
        for item in &config.update {
            let top = item.nested_key.first().unwrap_or(&item.key);
            if !top.starts_with('_') && item.nested_key.len() < 2 {
                self.config.insert(top.clone(), value(&item.value_json));
            }
        }
        for item in &config.remove {
            self.config.remove(&item.key);
        }
    }

    /// The same of what the server shows.
    pub fn served(state: &Value) -> State {
        let mut served = State::default();
        for (key, entry) in state["config"].as_object().into_iter().flatten() {
            if !key.starts_with('_') {
                served.config.insert(key.clone(), entry["value"].clone());
            }
        }
        for (key, entry) in state["summary"].as_object().into_iter().flatten() {
            if !key.starts_with('_') {
                put(&mut served.summary, key.clone(), entry.clone());
            }
        }
        for line in state["console"].as_array().into_iter().flatten() {
            served.console.push(line.as_str().unwrap_or_default().to_owned());
        }
        served
    }
}

fn path(key: &str, nested: &[String]) -> String {
    if nested.is_empty() { key.to_owned() } else { nested.join("/") }
}
