//! A run's final state as one JSON value, for tests.
//!
//! `GET /_runwire/state/{entity}/{project}/{run}` and `Backend::snapshot` give:
//!
//! ```text
//! { "entity", "project", "run", "id", "display_name", "notes", "tags", "group", "job_type", "program", "host", "repo",
//!   "commit", "sweep",
//!   "state": "running|finished|failed|crashed|preempting|preempted", "exit_code": int|null, "complete": bool,
//!   "preempting": bool, "stop": bool,
//!   "config": object, "config_raw": text|null, "summary": object, "summary_raw": text|null,
//!   "history": [object], "history_raw": [text], "events": [object],        (order: writer, offset)
//!   "console": [text],                                                    (output.log lines, order: writer, line)
//!   "writers": { "<client id or empty>": { "history": [[offset, object]], "events": [...], "console": [[line, text]] } },
//!   "files": { "<name>": { "size", "md5" (base64)|null, "content_type", "uploaded": bool, "puts": int } },
//!   "artifacts": [ { "name", "type", "version": int|null, "aliases": [text], "digest", "committed": bool,
//!                    "metadata": text|null, "description", "tags", "manifest": { "<path>": entry } } ],   (made by the run)
//!   "alerts": [object], "heartbeat_ms", "created_ms",
//!   "counters": { "requests", "rows", "duplicates", "conflicts", "gaps" } }
//! ```
//! Non-finite numbers are the strings `NaN`, `Infinity`, `-Infinity` in objects; the `_raw` texts are as sent. A row that
//! is not JSON is its text. `gaps` is the number of offsets that have no row although a later one has.

use crate::{backend::Backend, json, model::keys::Log, store::StoreError};
use serde_json::{Map, Value, json};

pub(crate) fn snapshot(
    backend: &mut Backend,
    now_ms: u64,
    entity: &str,
    project: &str,
    name: &str,
) -> Result<Value, StoreError> {
    let Some(id) = backend.model.run_id(entity, project, name) else { return Ok(Value::Null) };
    let gaps = backend.model.data(id)?.map_or(0, |data| data.gaps());
    let history = backend.model.log_rows(id, Log::History)?;
    let events = backend.model.log_rows(id, Log::Events)?;
    let console = backend.model.console_lines(id)?;
    let files = backend.model.files(id)?;
    let artifacts = artifacts(backend, id)?;
    let Some(run) = backend.model.run(id) else { return Ok(Value::Null) };
    let meta = &run.meta;
    let row = |text: &str| json::parse(text).unwrap_or_else(|| Value::from(text));
    let mut writers = Map::new();
    for (number, client) in (0u32..).zip(&meta.clients) {
        let rows = |rows: &[(u32, u64, String)]| -> Value {
            rows.iter().filter(|(of, ..)| *of == number).map(|(_, at, text)| json!([at, row(text)])).collect()
        };
        let lines: Value =
            console.iter().filter(|(of, ..)| *of == number).map(|(_, at, text)| json!([at, text])).collect();
        let writer = json!({ "history": rows(&history), "events": rows(&events), "console": lines });
        writers.insert(client.clone(), writer);
    }
    let files: Map<String, Value> = files.into_iter().map(|file| (file.name.clone(), json!({
        "size": file.size, "md5": file.md5, "content_type": file.content_type, "uploaded": file.uploaded, "puts": file.puts,
    }))).collect();
    let texts =
        |rows: &[(u32, u64, String)]| -> Value { rows.iter().map(|(.., text)| Value::from(text.as_str())).collect() };
    let rows = |rows: &[(u32, u64, String)]| -> Value { rows.iter().map(|(.., text)| row(text)).collect() };
    let counters = &meta.counters;
    Ok(json!({
        "entity": meta.entity, "project": meta.project, "run": meta.name, "id": meta.id,
        "display_name": meta.display_name, "notes": meta.notes, "tags": meta.tags, "group": meta.group,
        "job_type": meta.job_type, "program": meta.program, "host": meta.host, "repo": meta.repo, "commit": meta.commit,
        "sweep": meta.sweep, "description": meta.description,
        "state": run.state(now_ms, backend.settings.crashed_after_ms), "exit_code": meta.exit_code,
        "complete": meta.complete, "preempting": meta.preempting, "stop": meta.stop,
        "config": run.config(), "config_raw": run.config, "summary": run.summary(), "summary_raw": run.summary,
        "history": rows(&history), "history_raw": texts(&history), "events": rows(&events), "console": texts(&console),
        "writers": writers, "files": files, "artifacts": artifacts, "alerts": meta.alerts,
        "heartbeat_ms": meta.heartbeat_ms, "created_ms": meta.created_ms,
        "counters": {
            "requests": counters.requests, "rows": counters.rows, "duplicates": counters.duplicates,
            "conflicts": counters.conflicts, "gaps": gaps,
        },
    }))
}

/// Artifacts that a run has made, in the order of their making.
fn artifacts(backend: &Backend, run: u64) -> Result<Value, StoreError> {
    let all = &backend.model.artifacts;
    let mut found = Vec::new();
    for artifact in all.artifacts.values().filter(|artifact| artifact.created_by == Some(run)) {
        let Some(collection) = all.collections.get(&artifact.collection) else { continue };
        let member = collection.members.iter().find(|member| member.artifact == artifact.id);
        found.push(json!({
            "name": collection.name, "type": collection.kind, "version": member.map(|member| member.version),
            "aliases": member.map(|member| member.aliases.clone()), "digest": artifact.digest,
            "committed": artifact.committed, "metadata": artifact.metadata, "description": artifact.description,
            "tags": artifact.tags, "manifest": backend.model.contents(artifact.id)?,
        }));
    }
    Ok(Value::Array(found))
}
