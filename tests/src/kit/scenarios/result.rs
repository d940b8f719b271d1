//! What a program left on the server and on the disk, without what differs from run to run by itself: times, this machine,
//! and how often somebody looked.
#![allow(clippy::wildcard_enum_match_arm, reason = "records that need no treatment of their own are their names")]

use super::Stage;
use crate::logs::{Log, kind_name, path};
use runwire_proto::wire::record::RecordType;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

/// What is left of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The server's state.
    pub server: Value,
    /// Each of its logs.
    pub logs: Vec<Value>,
}

/// What is left of the run with this id.
pub fn outcome(stage: &Stage, id: &str) -> Outcome {
    let mut logs: Vec<PathBuf> = fs::read_dir(stage.dir.join("wandb"))
        .expect("runs have a folder")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| !path.is_symlink())
        .map(|path| path.join(format!("run-{id}.wandb")))
        .filter(|path| path.is_file())
        .collect();
    logs.sort();
    let logs = logs.iter().map(|path| log(&Log::read(path))).collect();
    Outcome { server: server(stage.backend.run(&format!("e/p/{id}"))), logs }
}

impl Outcome {
    /// Rows in all logs of the run.
    pub fn rows(&self) -> usize {
        let rows = |log: &Value| log["rows"].as_array().map_or(0, Vec::len);
        self.logs.iter().map(rows).sum()
    }

    /// Rows that the server has; `None` if it has no such run.
    pub fn delivered(&self) -> Option<usize> {
        self.server["history"].as_array().map(Vec::len)
    }
}

fn server(mut state: Value) -> Value {
    let Some(fields) = state.as_object_mut() else { return state };
    for name in
        ["id", "host", "program", "heartbeat_ms", "created_ms", "history_raw", "summary_raw", "config_raw", "writers"]
    {
        fields.remove(name);
    }
    if let Some(counters) = fields["counters"].as_object_mut() {
        counters.retain(|name, _| ["conflicts", "gaps"].contains(&name.as_str()));
    }
    for row in fields["history"].as_array_mut().into_iter().flatten() {
        strip(row);
    }
    strip(&mut fields["summary"]);
    strip(&mut fields["config"]);
    // What the service writes about a run holds times; what the user wrote does not.
    for (name, file) in fields["files"].as_object_mut().into_iter().flatten() {
        let own = ["config.yaml", "wandb-metadata.json", "wandb-summary.json"].contains(&name.as_str());
        *file = if own {
            json!({ "uploaded": file["uploaded"] })
        } else {
            json!([file["uploaded"], file["size"], file["md5"]])
        };
    }
    state
}

fn strip(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    fields.retain(|key, _| !["_timestamp", "_runtime", "_wandb"].contains(&key.as_str()));
}

/// Rows and records in their orders; checkpoints of the summary, which come as time passes, as what they amount to.
fn log(log: &Log) -> Value {
    assert!(log.ends_cleanly, "a finished log is whole");
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    let mut own_files = BTreeSet::new();
    for kind in log.types() {
        match kind {
            RecordType::History(row) => {
                let items = row.item.iter().map(|item| (path(&item.key, &item.nested_key), item.value_json.clone()));
                let items: BTreeMap<String, String> =
                    items.filter(|(key, _)| !["_timestamp", "_runtime"].contains(&key.as_str())).collect();
                rows.push(json!([row.step.map(|step| step.num), items]));
            }
            RecordType::Run(run) => records.push(json!([
                "run",
                run.run_id,
                run.project,
                run.entity,
                run.display_name,
                run.notes,
                run.tags,
                config(run.config.as_ref().map_or(&[], |config| &config.update)),
            ])),
            RecordType::Config(changed) => {
                let changes = config(&changed.update);
                // The service's own notes come when they come.
                if changes.as_array().is_some_and(|changes| !changes.is_empty()) {
                    records.push(json!(["config", changes]));
                }
            }
            RecordType::Metric(metric) => records.push(json!(["metric", metric.name, metric.summary.is_some()])),
            RecordType::Files(files) => own_files.extend(files.files.iter().map(|file| file.path.clone())),
            RecordType::Exit(exit) => records.push(json!(["exit", exit.exit_code])),
            RecordType::Summary(_) | RecordType::Environment(_) | RecordType::Stats(_) => {}
            other => records.push(json!([kind_name(other)])),
        }
    }
    let mut summary: Map<String, Value> =
        log.folded_summary().into_iter().map(|(key, text)| (key, Value::from(text))).collect();
    summary.retain(|key, _| !["_timestamp", "_runtime", "_wandb"].iter().any(|own| key.starts_with(own)));
    json!({ "rows": rows, "records": records, "files": own_files, "summary": summary })
}

fn config(items: &[runwire_proto::wire::ConfigItem]) -> Value {
    let values = items.iter().map(|item| (path(&item.key, &item.nested_key), item.value_json.clone()));
    values.filter(|(key, _)| !key.starts_with("_wandb")).map(|(key, value)| json!([key, value])).collect()
}
