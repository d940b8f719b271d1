//! Logs that pages left: which there are, and sending them as `runwire sync` does.

use crate::{
    host,
    options::{self, error},
    page::{CLIENT, Page},
    stored,
};
use js_sys::{Array, Uint8Array};
use runwire_core::{
    Cursor,
    client::{Account, Question, start_upload, want_upload},
    service::{ServiceInput, StopReason},
};
use runwire_proto::wire::{self, server_response::ServerResponseType};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Runs that are sent at a time.
const PARALLEL: u32 = 4;
/// An upload that nothing of arrives ends by the core's own patience.
const UPLOAD: Duration = Duration::from_secs(24 * 3600);

/// The note beside a log that says whom it is for. It has no key.
pub(crate) fn place_of(log: &str) -> String {
    format!("{log}.place")
}

/// Whether its server has everything.
pub(crate) async fn is_delivered(log: &str) -> bool {
    let cursor = text(&format!("{log}.delivered")).await;
    let complete = cursor.and_then(|text| Cursor::from_json(&text)).is_some_and(|cursor| cursor.is_complete());
    complete || stored::stat(&format!("{log}.synced")).await.is_some()
}

/// Removes a log and all files of its run.
pub(crate) async fn forget(log: &str) {
    let folder = folder(log);
    for path in
        paths().await.into_iter().filter(|path| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    {
        // What can't be removed is found again.
        let _ = JsFuture::from(host::remove(&path)).await;
    }
}

/// Sends the `wanted` logs of dead pages whose runs belong to this server. Gives them, and whether the server has all of each.
pub(crate) async fn deliver(account: &Account, wanted: impl Fn(&str) -> bool) -> Vec<(String, bool)> {
    send(account, false, wanted).await
}

async fn send(account: &Account, offline: bool, wanted: impl Fn(&str) -> bool) -> Vec<(String, bool)> {
    let mut mine = Vec::new();
    for log in logs_of_runs().await.into_iter().filter(|log| wanted(log)) {
        let place = Place::of(&log).await;
        let for_us = place.server.map_or(offline, |server| server == account.url);
        if !for_us || (place.keep && is_delivered(&log).await) {
            continue;
        }
        if !host::has_locks() {
            host::note(
                "warn",
                &format!(
                    "{log} is left over, but this page can't tell whether its page still lives: it is not served by https and not by this machine"
                ),
            );
            continue;
        }
        if JsFuture::from(host::claim(folder(&log))).await.is_ok_and(|got| got.is_truthy()) {
            mine.push(log);
        }
    }
    if mine.is_empty() {
        return Vec::new();
    }
    upload(account, &mine).await;
    let mut outcomes = Vec::new();
    for log in mine {
        let delivered = is_delivered(&log).await;
        if delivered && !Place::of(&log).await.keep {
            forget(&log).await;
        }
        host::release(folder(&log));
        outcomes.push((log, delivered));
    }
    outcomes
}

async fn upload(account: &Account, logs: &[String]) {
    let page = Page::start();
    let settings = wire::Settings {
        base_url: Some(account.url.clone()),
        api_key: Some(account.key.reveal().into()),
        ..Default::default()
    };
    let ask = |id: &str, frames| Question { id: id.into(), frames, within: UPLOAD };
    let begun = page.ask(ask("want", want_upload("want", logs.to_vec(), settings))).await;
    if let Some(Some(ServerResponseType::InitSyncResponse(upload))) = begun {
        // What there is to say about it was said meanwhile.
        let _ended = page.ask(ask("start", start_upload("start", upload.id, PARALLEL))).await;
    }
    page.said(ServiceInput::Ended(CLIENT));
    page.said(ServiceInput::Stop(StopReason::ProgramEnded { exit_code: 0 }));
    page.over().await;
}

/// Sends what dead pages of this origin left for this server, and tells what became of each log. `Run.init` does the same
/// beside its run. With `offline`, logs of runs without a server are sent too.
#[wasm_bindgen(unchecked_return_type = "Recovered[]")]
pub async fn recover(
    #[wasm_bindgen(unchecked_param_type = "Account")] account: JsValue,
    offline: Option<bool>,
) -> Result<JsValue, JsValue> {
    let account = options::account(&account)?;
    let outcomes = send(&account, offline.unwrap_or_default(), |_| true).await;
    let list: Vec<Value> =
        outcomes.iter().map(|(log, delivered)| json!({ "log": log, "delivered": delivered })).collect();
    js_sys::JSON::parse(&Value::from(list).to_string())
}

/// The logs that are stored in this browser for this origin, those of runs that go on included.
#[wasm_bindgen(unchecked_return_type = "StoredLog[]")]
pub async fn logs() -> Result<JsValue, JsValue> {
    let mut list = Vec::new();
    for log in logs_of_runs().await {
        let bytes = stored::stat(&log).await.map_or(0, |stat| stat.len);
        list.push(json!({ "log": log, "bytes": bytes, "server": Place::of(&log).await.server }));
    }
    js_sys::JSON::parse(&Value::from(list).to_string())
}

/// The bytes of a stored log: a `.wandb` file that `runwire` and the official programs read.
#[wasm_bindgen(js_name = readLog)]
pub async fn read_log(log: String) -> Result<Uint8Array, JsValue> {
    let bytes = stored::stat(&log).await.map_or(0, |stat| stat.len);
    Ok(host::copied(&stored::read(&log, 0, bytes).await?))
}

/// Removes a stored log and the files of its run. That of a run that goes on is refused.
#[wasm_bindgen(js_name = deleteLog)]
pub async fn delete_log(log: String) -> Result<(), JsValue> {
    if !JsFuture::from(host::claim(folder(&log))).await?.is_truthy() {
        return Err(error("a page still writes this log"));
    }
    forget(&log).await;
    host::release(folder(&log));
    Ok(())
}

async fn paths() -> Vec<String> {
    let Ok(paths) = JsFuture::from(host::paths()).await else { return Vec::new() };
    paths.unchecked_into::<Array>().iter().filter_map(|path| path.as_string()).collect()
}

async fn logs_of_runs() -> Vec<String> {
    paths().await.into_iter().filter(|path| path.ends_with(".wandb")).collect()
}

/// For whom a log is, and whether it stays when it is delivered.
#[derive(Default, Deserialize)]
struct Place {
    server: Option<String>,
    keep: bool,
}

impl Place {
    async fn of(log: &str) -> Place {
        let note = text(&place_of(log)).await.unwrap_or_default();
        serde_json::from_str(&note).unwrap_or_default()
    }
}

async fn text(path: &str) -> Option<String> {
    let length = stored::stat(path).await?.len;
    String::from_utf8(stored::read(path, 0, length).await.ok()?).ok()
}

fn folder(log: &str) -> &str {
    log.rsplit_once('/').map_or("", |(folder, _)| folder)
}
