//! Recorded requests of the official client, sent again: the answers agree with the recorded ones in all that clients
//! read, and what is left behind is what was sent. `data/*.jsonl` hold the recordings, a request a line; JSON that travels
//! in a string stands parsed under a key that ends in `#json`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use runwire_local::{Backend, MemoryStore, Request, Settings};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// Names and ids that each server chooses.
const OWN: [&str; 9] = ["id", "runID", "uploadUrl", "displayName", "entity", "username", "email", "flags", "teams"];

struct Replay {
    backend: Backend,
    /// Query texts, by operation: recorded with its first use.
    queries: BTreeMap<String, String>,
    /// Addresses to upload to, by file name.
    uploads: BTreeMap<String, String>,
    runs: Vec<String>,
    /// Ids of runs, by name.
    ids: BTreeMap<String, Value>,
}

impl Replay {
    fn send(&mut self, record: &Value) -> (u16, Value) {
        let method = record["method"].as_str().unwrap();
        let path = record["path"].as_str().unwrap();
        let request = if let Some(operation) = record["operation"].as_str() {
            let query = &self.queries[operation];
            let mut variables = on_the_wire(&record["variables"]);
            if variables["id"].is_string() {
                variables["id"] = self.ids[variables["name"].as_str().unwrap()].clone();
            }
            if operation == "UpsertBucket" {
                self.runs.push(variables["name"].as_str().unwrap().to_owned());
            }
            Request::json("POST", path, &json!({ "query": query, "operationName": operation, "variables": variables }))
        } else if method == "PUT" {
            let name = path.splitn(4, '/').last().unwrap();
            let mut request = Request::json("PUT", self.uploads.get(name).unwrap(), &Value::Null);
            request.body = record["body"].as_str().unwrap_or_default().into();
            request
        } else {
            let mut body = record["body"].clone();
            for part in body["files"].as_object_mut().into_iter().flat_map(Map::values_mut) {
                for line in part["content"].as_array_mut().unwrap() {
                    if !line.is_string() {
                        *line = Value::from(line.to_string());
                    }
                }
            }
            Request::json("POST", path, &body)
        };
        let mut request = request.with("host", "localhost").with("authorization", "Basic YXBpOms=");
        for name in ["x-wandb-client-id", "x-wandb-async-client-id"] {
            if let Some(value) = record["headers"][name].as_str() {
                request = request.with(name, value);
            }
        }
        let response = self.backend.handle(1000, &request);
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let made = &answer["data"]["upsertBucket"]["bucket"];
        if let Some(name) = made["name"].as_str() {
            self.ids.insert(name.to_owned(), made["id"].clone());
        }
        for file in answer["data"]["createRunFiles"]["files"].as_array().into_iter().flatten() {
            let url = file["uploadUrl"].as_str().unwrap().strip_prefix("http://localhost").unwrap().to_owned();
            let encoded = url.splitn(7, '/').last().unwrap().to_owned();
            self.uploads.insert(encoded, url);
        }
        (response.status, answer)
    }
}

fn query(operation: &str, record: &Value) -> String {
    let types = record["variable_types"].as_object().unwrap();
    let variables: Vec<String> = types.iter().map(|(name, of)| format!("${name}: {}", of.as_str().unwrap())).collect();
    let variables = if variables.is_empty() { String::new() } else { format!("({})", variables.join(", ")) };
    let writes = ["UpsertBucket", "RewindRun", "CreateRunFiles", "NotifyScriptableRunAlert"].contains(&operation);
    let kind = if writes { "mutation" } else { "query" };
    format!("{kind} {operation}{variables} {{ {} }}", selection(&record["selection"]))
}

fn selection(of: &Value) -> String {
    let one = |item: &Value| match item.as_object() {
        Some(map) => map.iter().map(|(name, inner)| format!("{name} {{ {} }}", selection(inner))).collect(),
        None => item.as_str().unwrap().to_owned(),
    };
    of.as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Keys with `#json` become texts again.
fn on_the_wire(value: &Value) -> Value {
    let Some(map) = value.as_object() else { return value.clone() };
    let one = |(key, value): (&String, &Value)| match key.strip_suffix("#json") {
        Some(key) => (key.to_owned(), Value::from(value.to_string())),
        None => (key.clone(), value.clone()),
    };
    map.iter().map(one).collect()
}

/// Wants everything that was recorded, but for what each server chooses.
fn agree(recorded: &Value, ours: &Value, at: &str) {
    match recorded {
        Value::Object(map) => {
            for (key, value) in map {
                if OWN.contains(&key.as_str()) {
                    assert!(ours.get(key.trim_end_matches("#json")).is_some(), "{at}: no {key} in {ours}");
                    continue;
                }
                match key.strip_suffix("#json") {
                    Some(plain) => {
                        let text = ours[plain].as_str().unwrap_or_else(|| panic!("{at}: {plain} is {}", ours[plain]));
                        let mut parsed: Value = serde_json::from_str(text).unwrap();
                        for line in parsed.as_array_mut().into_iter().flatten() {
                            *line = serde_json::from_str(line.as_str().unwrap()).unwrap();
                        }
                        assert_eq!(parsed, *value, "{at}: {plain}");
                    }
                    None => agree(value, &ours[key], &format!("{at}.{key}")),
                }
            }
        }
        Value::Array(list) if key_of(at) == "files" => {
            let name = |file: &Value| file["name"].clone();
            let sorted = |list: &[Value]| {
                let mut names: Vec<String> = list.iter().map(|file| name(file).to_string()).collect();
                names.sort();
                names
            };
            assert_eq!(sorted(ours.as_array().unwrap()), sorted(list), "{at}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            assert_eq!(ours, recorded, "{at}");
        }
    }
}

fn key_of(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

fn replay(file: &Path) {
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let records: Vec<Value> =
        fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let features = records.iter().find_map(|record| {
        let list = record["response"]["data"]["serverInfo"]["features"].as_array()?;
        Some(list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect())
    });
    let settings = Settings { features: features.unwrap_or_default(), ..Settings::default() };
    let backend = Backend::open(Box::new(MemoryStore::default()), settings).unwrap();
    let mut replay =
        Replay { backend, queries: BTreeMap::new(), uploads: BTreeMap::new(), runs: Vec::new(), ids: BTreeMap::new() };
    let mut rows: BTreeMap<String, BTreeMap<(String, u64), Value>> = BTreeMap::new();
    for record in &records {
        if let Some(operation) = record["operation"].as_str().filter(|_| record["selection"].is_array()) {
            replay.queries.insert(operation.to_owned(), query(operation, record));
        }
        // Refused by the recording server's script: ours has none here.
        if record["fault"]["status"].is_number() {
            continue;
        }
        let at = format!("{name} {}", record["n"]);
        let (status, ours) = replay.send(record);
        assert_eq!(status, 200, "{at}: {ours}");
        // That server did not cut a history off: its client goes on behind rows that are gone here.
        let kept = name != "06_fork_rewind";
        if record["status"] == 200 && record["fault"].is_null() && kept {
            agree(&record["response"], &ours, &at);
        }
        if record["path"].as_str().unwrap().ends_with("/file_stream") {
            let run = record["path"].as_str().unwrap().split('/').nth(4).unwrap();
            let writer = record["headers"]["x-wandb-async-client-id"].as_str().unwrap_or_default();
            let part = &record["body"]["files"]["wandb-history.jsonl"];
            let first = part["offset"].as_u64().unwrap_or(0);
            for (offset, row) in (first..).zip(part["content"].as_array().into_iter().flatten()) {
                rows.entry(run.to_owned()).or_default().insert((writer.to_owned(), offset), row.clone());
            }
        }
        if record["body"]["complete"] == true {
            let path = record["path"].as_str().unwrap().split('/').collect::<Vec<_>>();
            let state = replay.backend.snapshot(1000, path[2], path[3], path[4]).unwrap();
            assert_eq!(state["exit_code"], record["body"]["exitcode"], "{at}");
            assert_eq!(
                state["state"],
                if state["exit_code"] == 0 {
                    "finished"
                } else if name == "10_preempt" {
                    "preempted"
                } else {
                    "failed"
                }
            );
        }
    }
    assert!(!replay.runs.is_empty() && records.len() > 5, "{name} has no run");
    // Requests of several connections are recorded in the order of their ends: a push may stand before the upload it names.
    for record in &records {
        for uploaded in record["body"]["uploaded"].as_array().into_iter().flatten() {
            let run = record["path"].as_str().unwrap().split('/').nth(4).unwrap();
            let state = replay.backend.snapshot(1000, "ent", "proj", run).unwrap();
            let file = &state["files"][uploaded.as_str().unwrap()];
            assert!(file["md5"].is_string() && file["uploaded"] == true, "{name}: {uploaded}");
        }
    }
    for (run, rows) in &rows {
        let state = replay.backend.snapshot(1000, "ent", "proj", run).unwrap();
        assert_eq!(state["counters"]["conflicts"], 0, "{name}: {}", state["counters"]);
        if name != "06_fork_rewind" {
            assert_eq!(state["counters"]["gaps"], 0, "{name}: {}", state["counters"]);
            assert_eq!(state["history"], rows.values().cloned().collect::<Value>(), "{name}");
        }
    }
}

#[test]
fn the_recorded_requests_are_answered_as_recorded() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 12);
    files.iter().for_each(|file| replay(file));
}
