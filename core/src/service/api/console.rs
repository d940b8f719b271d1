//! Lines of a run's console: the last ones, or page by page.

use super::answer::ApiError;
use alloc::{format, string::String};
use runwire_proto::wire::{self, api_response::Response};
use serde_json::{Value, json};

/// A question about lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    run: String,
    tail: bool,
}

const TAIL: &str = "query RunConsoleLogTail($entity: String!, $project: String!, $runName: String!, $last: Int!) { \
                    project(name: $project, entityName: $entity) { run(name: $runName) { logLineCount logLines(last: \
                    $last) { edges { node { number timestamp level label line } } } } } }";
const PAGE: &str = "query RunConsoleLogPage($entity: String!, $project: String!, $runName: String!, $first: Int!, \
                    $after: String) { project(name: $project, entityName: $entity) { run(name: $runName) { \
                    logLineCount logLines(first: $first, after: $after, useImprovedPagination: true) { edges { node { \
                    number timestamp level label line } } pageInfo { endCursor hasNextPage } } } } }";
/// Lines of a page for which no number is asked.
const PAGE_LINES: i32 = 1000;

/// The question, with the variables of its query.
pub(super) fn ask(request: wire::ReadRunConsoleLogsRequest) -> Result<(Asked, Value), ApiError> {
    let wire::ReadRunConsoleLogsRequest { entity, project, run_id, first, after, last } = request;
    match (first, last) {
        (_, Some(_)) if first.is_some() || after.is_some() => {
            return Err(ApiError::new("cannot combine 'last' with 'first' or 'after'"));
        }
        (_, Some(..=0)) => return Err(ApiError::new("'last' must be positive")),
        (Some(..=0), _) => return Err(ApiError::new("'first' must be positive")),
        (Some(_) | None, Some(_) | None) => {}
    }
    let asked = Asked { run: format!("{entity}/{project}/{run_id}"), tail: last.is_some() };
    let variables = match last {
        Some(last) => json!({"entity": entity, "project": project, "runName": run_id, "last": last}),
        None => json!({"entity": entity, "project": project, "runName": run_id,
            "first": first.unwrap_or(PAGE_LINES), "after": after}),
    };
    Ok((asked, variables))
}

impl Asked {
    pub(super) fn name(&self) -> &'static str {
        if self.tail { "RunConsoleLogTail" } else { "RunConsoleLogPage" }
    }

    pub(super) fn query(&self) -> &'static str {
        if self.tail { TAIL } else { PAGE }
    }

    pub(super) fn read(&self, data: &Value) -> Result<Response, ApiError> {
        let Some(run) = data.pointer("/project/run").filter(|run| run.is_object()) else {
            return Err(ApiError::new(format!("run {} not found", self.run)));
        };
        let total_lines = run.get("logLineCount").and_then(Value::as_i64).unwrap_or_default();
        let edges = run.pointer("/logLines/edges").and_then(Value::as_array);
        let lines: alloc::vec::Vec<wire::RunConsoleLogLine> =
            edges.into_iter().flatten().filter_map(|edge| edge.get("node")).map(line).collect();
        let cursor = run.pointer("/logLines/pageInfo/endCursor").and_then(Value::as_str).unwrap_or_default();
        let more = run.pointer("/logLines/pageInfo/hasNextPage").and_then(Value::as_bool).unwrap_or(false);
        // A short page is not always the last one, whatever the server says.
        let short = lines.last().is_some_and(|last| last.number.saturating_add(1) < total_lines);
        Ok(Response::ReadRunConsoleLogsResponse(wire::ReadRunConsoleLogsResponse {
            has_next_page: !cursor.is_empty() && (more || short),
            end_cursor: cursor.into(),
            lines,
            total_lines,
        }))
    }
}

fn line(node: &Value) -> wire::RunConsoleLogLine {
    let text = |name: &str| String::from(node.get(name).and_then(Value::as_str).unwrap_or_default());
    wire::RunConsoleLogLine {
        number: node.get("number").and_then(Value::as_i64).unwrap_or_default(),
        timestamp: text("timestamp"),
        level: text("level"),
        label: text("label"),
        content: text("line"),
    }
}
