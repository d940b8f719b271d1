//! One run: what is known of it, and its rows as far as they have been read from the store.

use super::{
    columns::Columns,
    keys::{self, Log},
    pages::{self, Index},
    rows::{self, Rows},
};
use crate::{
    json,
    store::{Store, StoreError},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What the store keeps of a run besides config, summary, rows, lines and files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Meta {
    pub id: u64,
    pub entity: String,
    pub project: String,
    pub name: String,
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub notes: Option<String>,
    pub tags: Vec<String>,
    pub group: Option<String>,
    pub job_type: Option<String>,
    pub host: Option<String>,
    pub program: Option<String>,
    pub repo: Option<String>,
    pub commit: Option<String>,
    pub sweep: Option<String>,
    pub created_ms: u64,
    pub heartbeat_ms: u64,
    /// A state that a client has set, until the run is heard of again.
    pub set_state: Option<String>,
    pub complete: bool,
    pub exit_code: Option<i64>,
    pub preempting: bool,
    /// The user has asked the run to stop.
    pub stop: bool,
    /// The server derives the summary from the rows; the client sends only what the user set.
    pub derives_summary: bool,
    /// Ids of the writers, in the order of their first push; a run that is not shared has one, the empty id.
    pub clients: Vec<String>,
    pub alerts: Vec<Value>,
    pub counters: Counters,
}

/// What happened on a run's file stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Pushes, heartbeats included.
    pub requests: u64,
    /// History and events rows that were new.
    pub rows: u64,
    /// Rows sent again with equal content.
    pub duplicates: u64,
    /// Rows sent again with other content. The first content stays.
    pub conflicts: u64,
}

/// A run in memory.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub meta: Meta,
    /// The config as the client sent it.
    pub config: Option<String>,
    /// The summary as one object: of one writer its own text, of several their keys together.
    pub summary: Option<String>,
    pub data: Option<Data>,
    /// When the rows were last used.
    pub used: u64,
}

/// What the rows of a run are, without their texts.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub logs: BTreeMap<(Log, u32), Rows>,
    pub columns: Columns,
    /// Line behind the last one, by writer.
    pub console: BTreeMap<u32, u64>,
    /// Writers that share the run. They do not count from 0, but from the rows that there were.
    pub sharing: BTreeSet<u32>,
    /// Last values by key, if the server derives the summary.
    pub derived: Map<String, Value>,
}

impl Data {
    /// Reads it from the store: what is in pages at a glance, if `paged`, and the rows behind them.
    pub(crate) fn load(store: &dyn Store, meta: &Meta, paged: bool) -> Result<Self, StoreError> {
        let sharing = (0..).zip(&meta.clients).filter(|(_, id)| !id.is_empty()).map(|(number, _)| number).collect();
        let mut data = Self { sharing, ..Self::default() };
        let index = if paged { Index::read(store, meta.id)? } else { None };
        // Where the first writer's rows begin that are in no page, and where the chunk with the row before begins.
        let (mut rows, mut tail) = (0, 0);
        // A summary that came to be derived after the pages were made is in all rows.
        if let Some(index) = index.filter(|index| index.derived.is_some() || !meta.derives_summary) {
            let mut starts = pages::starts(store, meta.id)?;
            rows = u64::from(index.rows);
            starts.retain(|start| *start < rows);
            tail = starts.last().copied().unwrap_or_default();
            data.logs.entry((Log::History, 0)).or_default().restore(&starts);
            data.columns = Columns::restore(&index);
            data.derived = index.derived.unwrap_or_default();
        }
        for log in Log::ALL {
            let from = if log == Log::History { keys::chunk(meta.id, log, 0, tail) } else { Vec::new() };
            store.scan(&keys::log(meta.id, log), &from, &mut |key, value| {
                if let Some((client, start)) = keys::client_and_offset(key) {
                    let first = data.logs.entry((log, client)).or_default().load(start, keys::piece_of(key), value);
                    for (offset, text) in (first..).zip(rows::lines(value)) {
                        if log != Log::History || client > 0 || offset >= rows {
                            data.note(meta, log, client, offset, text);
                        }
                    }
                }
                true
            })?;
        }
        data.load_console(store, meta.id)?;
        Ok(data)
    }

    /// The end of every writer's lines, from the last writer to the first.
    fn load_console(&mut self, store: &dyn Store, id: u64) -> Result<(), StoreError> {
        let mut before = Vec::new();
        loop {
            let mut last = None;
            store.scan_back(&keys::console(id), &before, &mut |key, _| {
                last = keys::client_and_offset(key);
                false
            })?;
            let Some((client, line)) = last else { return Ok(()) };
            self.console.insert(client, line + 1);
            before = keys::console_line(id, client, 0);
            if line == 0 && client == 0 {
                return Ok(());
            }
        }
    }

    /// Takes in a row that is in the store.
    pub(crate) fn note(&mut self, meta: &Meta, log: Log, client: u32, offset: u64, text: &str) {
        match log {
            Log::History => {
                self.columns.push(client, offset, text);
                if meta.derives_summary
                    && let Some(Value::Object(row)) = json::parse(text)
                {
                    self.derived.extend(row);
                }
            }
            Log::Events => {}
        }
    }

    /// Rows of a log that a resumed run begins behind.
    pub(crate) fn line_count(&self, log: Log) -> u64 {
        let count = |((_, client), rows): (&(Log, u32), &Rows)| {
            if self.sharing.contains(client) { rows.count() } else { rows.end() }
        };
        self.logs.iter().filter(|((of, _), _)| *of == log).map(count).sum()
    }

    /// Console lines of all writers.
    pub(crate) fn console_count(&self) -> u64 {
        self.console.values().sum()
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.bytes() + self.logs.values().map(Rows::bytes).sum::<usize>()
    }

    /// Offsets without a row below a row; of writers that share the run only between their rows.
    pub(crate) fn gaps(&self) -> u64 {
        let first = |client: &u32, rows: &Rows| if self.sharing.contains(client) { rows.start() } else { 0 };
        self.logs.iter().map(|((_, client), rows)| rows.end() - first(client, rows) - rows.count()).sum()
    }
}

impl Run {
    /// `running`, `finished`, `failed`, `crashed`, `preempting`, `preempted` or what a client has set.
    pub(crate) fn state(&self, now_ms: u64, crashed_after_ms: u64) -> String {
        let meta = &self.meta;
        let silent = now_ms.saturating_sub(meta.heartbeat_ms) > crashed_after_ms;
        let state = match (&meta.set_state, meta.complete, meta.exit_code) {
            (Some(state), _, _) => state,
            (None, true, None | Some(0)) => "finished",
            (None, true, Some(_)) if meta.preempting => "preempted",
            (None, true, Some(_)) => "failed",
            (None, false, _) => match (meta.preempting, silent) {
                (false, false) => "running",
                (false, true) => "crashed",
                (true, false) => "preempting",
                (true, true) => "preempted",
            },
        };
        state.to_owned()
    }

    /// The summary that is shown: what the server derives, under what the client says.
    pub(crate) fn summary(&self) -> Map<String, Value> {
        let mut summary = Map::new();
        if let Some(data) = self.data.as_ref().filter(|_| self.meta.derives_summary) {
            summary.clone_from(&data.derived);
        }
        if let Some(Value::Object(said)) = self.summary.as_deref().and_then(json::parse) {
            summary.extend(said);
        }
        summary
    }

    /// The config as an object: `{"lr": {"value": 0.1}, "_wandb": {"value": {...}}}`.
    pub(crate) fn config(&self) -> Value {
        self.config.as_deref().and_then(json::parse).unwrap_or_else(|| Value::Object(Map::new()))
    }

    /// Run and last step that this one was forked from.
    pub(crate) fn branch_point(&self) -> Option<(String, f64)> {
        if !self.config.as_deref()?.contains("branch_point") {
            return None;
        }
        let config = self.config();
        let point = &config["_wandb"]["value"]["branch_point"];
        Some((point["run_id"].as_str()?.to_owned(), point["step"].as_f64()?))
    }

    /// The number of a writer, if it has pushed.
    pub(crate) fn client(&self, id: &str) -> Option<u32> {
        let at = self.meta.clients.iter().position(|known| known == id)?;
        u32::try_from(at).ok()
    }
}
