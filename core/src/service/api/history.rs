//! All rows of a run, a range of steps at a time (`ReadRunHistoryRequest`).
//!
//! The rows are asked of the server itself, which has every one of them, rather than read from the files that it exports
//! now and then: nothing is kept on this machine that could be out of date.

use super::answer::ApiError;
use crate::json::{self, Kind, Members};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire::{
    self, api_response::Response, read_run_history_request::Request, read_run_history_response::Response as Done,
};
use serde_json::{Value, json};

const ALL: &str = "query HistoryPage($entity: String!, $project: String!, $run: String!, $minStep: Int64!, $maxStep: \
                   Int64!, $pageSize: Int!) { project(name: $project, entityName: $entity) { run(name: $run) { \
                   history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize) } } }";
const SOME: &str = "query SampledHistoryPage($entity: String!, $project: String!, $run: String!, $spec: JSONString!) { \
                    project(name: $project, entityName: $entity) { run(name: $run) { sampledHistory(specs: [$spec]) } \
                    } }";
/// Scans at a time; clients sometimes forget to end theirs.
const SCANS_MAX: usize = 4096;

/// The scans of one API client.
#[derive(Debug, Default)]
pub(super) struct Scans {
    open: BTreeMap<i32, Scan>,
    last: i32,
}

#[derive(Debug)]
struct Scan {
    entity: String,
    project: String,
    run: String,
    keys: Vec<String>,
}

/// What a request comes to.
#[derive(Debug)]
pub(super) enum Next {
    Answer(Response),
    /// The rows are in the server's answer to this: the name of the query, its text and variables.
    Ask(&'static str, &'static str, Value, Asked),
}

/// Rows that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    run: String,
    some: bool,
}

impl Scans {
    pub(super) fn on_request(&mut self, request: wire::ReadRunHistoryRequest) -> Result<Next, ApiError> {
        match request.request {
            Some(Request::ScanRunHistoryInit(init)) => {
                if self.open.len() >= SCANS_MAX {
                    return Err(ApiError::new(format!("{SCANS_MAX} scans are open; end some of them first")));
                }
                let wire::ScanRunHistoryInit { entity, project, run_id, mut keys, use_cache: _ } = init;
                if !keys.is_empty() && !keys.iter().any(|key| key == "_step") {
                    keys.insert(0, "_step".into());
                }
                self.last += 1;
                self.open.insert(self.last, Scan { entity, project, run: run_id, keys });
                let init = wire::ScanRunHistoryInitResponse { request_id: self.last };
                Ok(Next::Answer(response(Done::ScanRunHistoryInit(init))))
            }
            Some(Request::ScanRunHistory(wire::ScanRunHistory { min_step, max_step, request_id })) => {
                match self.open.get(&request_id) {
                    Some(_) if max_step <= min_step => Ok(Next::Answer(rows(Vec::new()))),
                    Some(scan) => Ok(scan.ask(min_step, max_step)),
                    None => Err(ApiError::new("Run history scan not initialized.")),
                }
            }
            Some(Request::ScanRunHistoryCleanup(wire::ScanRunHistoryCleanup { request_id })) => {
                self.open.remove(&request_id);
                let done = Done::ScanRunHistoryCleanup(wire::ScanRunHistoryCleanupResponse {});
                Ok(Next::Answer(response(done)))
            }
            Some(Request::DownloadRunHistoryInit(_) | Request::DownloadRunHistory(_)) => Err(ApiError::new(
                "downloading the exported files of a run (`download_history_exports`) is not supported by this version \
                 of runwire; `run.scan_history()` gives the same rows",
            )),
            Some(Request::DownloadRunHistoryStatus(_)) => Err(ApiError::new("Download operation not found.")),
            None => Err(ApiError::new("unsupported run history request: it names no operation")),
        }
    }
}

impl Scan {
    fn ask(&self, min: i64, max: i64) -> Next {
        let rows = i32::try_from(max.saturating_sub(min)).unwrap_or(i32::MAX);
        let asked = Asked { run: self.run.clone(), some: !self.keys.is_empty() };
        let (entity, project, run) = (&self.entity, &self.project, &self.run);
        if asked.some {
            let spec = json!({"keys": self.keys, "minStep": min, "maxStep": max - 1, "samples": rows}).to_string();
            let variables = json!({"entity": entity, "project": project, "run": run, "spec": spec});
            return Next::Ask("SampledHistoryPage", SOME, variables, asked);
        }
        let variables = json!({"entity": entity, "project": project, "run": run,
            "minStep": min, "maxStep": max, "pageSize": rows});
        Next::Ask("HistoryPage", ALL, variables, asked)
    }
}

impl Asked {
    /// Reads the text of the answer's data, so that every number keeps the digits that the server gave it.
    pub(super) fn read(&self, data: &str) -> Result<Response, ApiError> {
        let run = member(data, "project").and_then(|project| member(project, "run"));
        let Some(run) = run.filter(|run| json::classify(run) == Ok(Kind::Object)) else {
            return Err(ApiError::new(format!("no history found for run {}: the server has no such run", self.run)));
        };
        let mut found = Vec::new();
        if self.some {
            for series in elements(member(run, "sampledHistory").unwrap_or_default()) {
                found.extend(elements(series).into_iter().map(row));
            }
        } else {
            for text in elements(member(run, "history").unwrap_or_default()) {
                let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
                let mut plain = String::new();
                json::unescape(inner, &mut plain);
                found.push(row(&plain));
            }
        }
        Ok(rows(found))
    }
}

fn row(text: &str) -> wire::HistoryRow {
    let item = |(key, value): (json::Key<'_>, json::Value<'_>)| wire::ParquetHistoryItem {
        key: key.decode().to_string(),
        value_json: value.text.to_string(),
    };
    wire::HistoryRow { history_items: Members::new(text).map_while(Result::ok).map(item).collect() }
}

fn rows(history_rows: Vec<wire::HistoryRow>) -> Response {
    response(Done::RunHistory(wire::RunHistoryResponse { history_rows }))
}

fn response(done: Done) -> Response {
    Response::ReadRunHistoryResponse(wire::ReadRunHistoryResponse { response: Some(done) })
}

fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut members = Members::new(object).map_while(Result::ok);
    members.find(|(key, _)| *key.decode() == *name).map(|(_, value)| value.text)
}

/// The texts of an array's elements. `array` was checked before; anything but an array has none.
fn elements(array: &str) -> Vec<&str> {
    let Some(inside) = array.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return Vec::new() };
    let mut found = Vec::new();
    let (mut from, mut depth, mut in_string, mut escaped) = (0, 0_u32, false, false);
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if in_string => {
                in_string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            }
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                found.push(inside[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    let last = inside[from..].trim();
    if !last.is_empty() {
        found.push(last);
    }
    found
}
