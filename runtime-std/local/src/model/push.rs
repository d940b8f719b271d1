//! One push to a run's file stream. The same lines at the same offsets change nothing: a client that got no answer sends
//! them again. Rows never change; console lines may be written again (progress bars); the summary is replaced.

use super::{
    Data, Model,
    keys::{self, Log},
    rows,
};
use crate::{
    json,
    store::{Op, StoreError},
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// No client counts further; keeps the sums of offsets and lengths far from overflow.
const OFFSET_MAX: u64 = 1 << 53;

/// The body of a push.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Push {
    files: Option<BTreeMap<String, Part>>,
    uploaded: Option<Vec<String>>,
    preempting: Option<bool>,
    complete: Option<bool>,
    #[serde(rename = "exitcode")]
    exit_code: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Part {
    offset: u64,
    content: Vec<String>,
}

/// Why a push was not taken. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushFailure {
    #[error("an offset is out of range")]
    Offset,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Model {
    /// Takes a push of a writer of a run that exists.
    pub(crate) fn push(
        &mut self,
        now_ms: u64,
        id: u64,
        client: &str,
        derives: bool,
        push: Push,
    ) -> Result<(), PushFailure> {
        let parts = push.files.unwrap_or_default();
        let too_far = |part: &Part| part.offset.saturating_add(part.content.len() as u64) > OFFSET_MAX;
        if parts.values().any(too_far) {
            return Err(PushFailure::Offset);
        }
        self.data(id)?;
        let number = self.client_number(id, client, derives)?;
        for (name, part) in parts {
            match name.as_str() {
                "wandb-history.jsonl" => {
                    self.rows(id, Log::History, number, &part)?;
                    self.keep_pages(id);
                }
                "wandb-events.jsonl" => self.rows(id, Log::Events, number, &part)?,
                "wandb-summary.json" => self.summary(id, &part),
                "output.log" => self.console(id, number, &part)?,
                // A file that later clients may stream.
                _ => {}
            }
        }
        for name in push.uploaded.unwrap_or_default() {
            self.mark_uploaded(now_ms, id, &name)?;
        }
        self.change_run(id, |meta| {
            meta.counters.requests += 1;
            meta.heartbeat_ms = meta.heartbeat_ms.max(now_ms);
            meta.set_state = None;
            meta.preempting |= push.preempting == Some(true);
            if push.complete == Some(true) {
                meta.complete = true;
                meta.exit_code = push.exit_code;
            }
        });
        Ok(())
    }

    fn client_number(&mut self, id: u64, client: &str, derives: bool) -> Result<u32, StoreError> {
        let Some(run) = self.runs.get_mut(&id) else { return Ok(0) };
        if derives && !run.meta.derives_summary {
            run.meta.derives_summary = true;
            // The rows that there are say something, too.
            run.data = Some(Data::load(self.store.as_ref(), &run.meta, true)?);
        }
        Ok(run.client(client).unwrap_or_else(|| {
            run.meta.clients.push(client.to_owned());
            let number = u32::try_from(run.meta.clients.len() - 1).unwrap_or(u32::MAX);
            if let Some(data) = run.data.as_mut().filter(|_| !client.is_empty()) {
                data.sharing.insert(number);
            }
            number
        }))
    }

    fn rows(&mut self, id: u64, log: Log, client: u32, part: &Part) -> Result<(), StoreError> {
        let Some(run) = self.runs.get_mut(&id) else { return Ok(()) };
        let Some(data) = run.data.as_mut() else { return Ok(()) };
        let known = data.logs.entry((log, client)).or_default();
        let placed = known.place(part.offset, &part.content);
        let mut counters = run.meta.counters.clone();
        counters.duplicates += placed.same;
        let mut open: Option<(u64, Vec<u8>)> = None;
        for (index, offset) in &placed.differing {
            let start = known.chunk_of(*offset).unwrap_or(*offset);
            if open.as_ref().is_none_or(|(have, _)| *have != start) {
                open = Some((start, rows::chunk(self.store.as_ref(), &keys::chunk(id, log, client, start))?));
            }
            let nth = usize::try_from(offset - start).unwrap_or(usize::MAX);
            let before = open.as_ref().and_then(|(_, value)| rows::lines(value).nth(nth));
            let text = &part.content[*index];
            // The same object may come with its keys in another order.
            let parsed = |before: &str| json::parse(before).is_some_and(|row| Some(row) == json::parse(text));
            if before.is_some_and(|before| before == text || parsed(before)) {
                counters.duplicates += 1;
            } else {
                counters.conflicts += 1;
            }
        }
        for fresh in placed.fresh {
            let texts = &part.content[fresh.lines];
            counters.rows += texts.len() as u64;
            let key = keys::chunk(id, log, client, fresh.chunk);
            let mut value = if fresh.grows { rows::chunk(self.store.as_ref(), &key)? } else { Vec::new() };
            rows::append(&mut value, texts);
            self.ops.push(Op::Put(keys::piece(&key, fresh.piece), value));
            self.ops.extend((1..=fresh.merges).map(|piece| Op::Delete(keys::piece(&key, piece))));
            for (offset, text) in (fresh.offset..).zip(texts) {
                data.note(&run.meta, log, client, offset, text);
            }
        }
        run.meta.counters = counters;
        Ok(())
    }

    /// A summary line is a whole summary. Writers of a shared run each have their own keys.
    fn summary(&mut self, id: u64, part: &Part) {
        let Some((text, run)) = part.content.last().zip(self.runs.get(&id)) else { return };
        if run.meta.clients.len() < 2 {
            let text = text.clone();
            self.set_summary(id, &text);
            return;
        }
        let object = |text: &str| match json::parse(text) {
            Some(Value::Object(map)) => map,
            _ => serde_json::Map::new(),
        };
        let mut merged = run.summary.as_deref().map(object).unwrap_or_default();
        merged.extend(object(text));
        self.set_summary(id, &Value::Object(merged).to_string());
    }

    fn console(&mut self, id: u64, client: u32, part: &Part) -> Result<(), StoreError> {
        let Some(data) = self.runs.get_mut(&id).and_then(|run| run.data.as_mut()) else { return Ok(()) };
        let end = data.console.entry(client).or_default();
        for (line, text) in (part.offset..).zip(&part.content) {
            let key = keys::console_line(id, client, line);
            let known = line < *end && self.store.get(&key)?.is_some_and(|before| before == text.as_bytes());
            if !known {
                self.ops.push(Op::Put(key, text.as_bytes().to_vec()));
            }
        }
        *end = (*end).max(part.offset + part.content.len() as u64);
        Ok(())
    }
}
