//! What JavaScript hands over: objects, read into what the core's front end wants.

use crate::host;
use runwire_core::client::{Account, Plan, Row};
use runwire_proto::wire::{self, metric_record::MetricGoal};
use serde::Deserialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A server and the key that it knows the user by. */
export interface Account {
  /** Its address, such as `http://127.0.0.1:8810`. */
  url: string;
  apiKey: string;
}

/** What a run is called, what it is made of and where it is sent. */
export interface RunOptions {
  project?: string;
  entity?: string;
  /** Its name for people. */
  name?: string;
  /** Its id, unique in the project; a random one otherwise. */
  id?: string;
  notes?: string;
  tags?: string[];
  /** First values of its config. */
  config?: Record<string, unknown>;
  /** Whether it goes on with the run that the server has under this id. */
  resume?: boolean;
  /** Without one the run only keeps its log in this browser. */
  server?: Account;
  /** Keeps the log although the server has everything in it. */
  keepLog?: boolean;
}

/** How a metric is summarised, or which metric is its axis. */
export interface MetricOptions {
  stepMetric?: string;
  summary?: ("min" | "max" | "mean" | "best" | "last" | "first" | "none" | "copy")[];
  goal?: "minimize" | "maximize";
  hidden?: boolean;
  stepSync?: boolean;
  overwrite?: boolean;
}

/** What a finished run left. */
export interface FinishReport {
  /** Whether the server has everything. */
  delivered: boolean;
  /** Whether a part of the end ran into its time limit. */
  timedOut: boolean;
  url: string | null;
  messages: string[];
  /** Records that the run took, and those of them that are in its log. */
  accepted: number;
  stored: number;
}

/** A log that an earlier page left in this browser. */
export interface StoredLog {
  /** Its name, for `readLog` and `deleteLog`. */
  log: string;
  bytes: number;
  /** The server of its run; null for one that had none. */
  server: string | null;
}

/** What became of a log that was left. */
export interface Recovered {
  log: string;
  /** Whether the server has all of it now. It is deleted then. */
  delivered: boolean;
}
"#;

/// Options of a run, as they are in JavaScript.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    project: Option<String>,
    entity: Option<String>,
    name: Option<String>,
    id: Option<String>,
    notes: Option<String>,
    tags: Vec<String>,
    resume: bool,
    server: Option<Server>,
    keep_log: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    url: String,
    api_key: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    step_metric: String,
    summary: Vec<String>,
    goal: Option<String>,
    hidden: bool,
    step_sync: bool,
    overwrite: bool,
}

/// A plan, and whether the log is kept.
pub(crate) fn plan(options: &JsValue) -> Result<(Plan, bool), JsValue> {
    let mut options = options.clone();
    if options.is_undefined() {
        options = js_sys::Object::new().into();
    }
    let config = js_sys::Reflect::get(&options, &"config".into())?;
    let read: Options = parse(&options, "config")?;
    let mut plan = Plan {
        id: read.id.unwrap_or_default(),
        project: read.project,
        entity: read.entity,
        name: read.name,
        notes: read.notes,
        tags: read.tags,
        resumed: read.resume,
        server: read.server.map(|server| Account::new(&server.url, server.api_key)),
        ..Plan::default()
    };
    if !config.is_undefined() {
        plan.config = config_items(&config)?;
    }
    if plan.id.is_empty() {
        plan.set_random_id(host::seed());
    }
    if !plan.has_usable_id() {
        return Err(error(&format!(
            "the run's id {:?} can't be used: an id has 1 to 128 characters, none of them / \\ # ? % : or a control character",
            plan.id
        )));
    }
    Ok((plan, read.keep_log))
}

/// An account.
pub(crate) fn account(account: &JsValue) -> Result<Account, JsValue> {
    let server: Server = parse(account, "")?;
    Ok(Account::new(&server.url, server.api_key))
}

/// Values by their names.
pub(crate) fn row(values: &JsValue) -> Result<Row, JsValue> {
    let text = host::row(values)?;
    let mut row = Row::new();
    let mut parts = text.split('\0');
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        row.push_json(key, value);
    }
    Ok(row)
}

pub(crate) fn config_items(values: &JsValue) -> Result<Vec<wire::ConfigItem>, JsValue> {
    let item = |(key, value): (&str, &str)| wire::ConfigItem {
        key: key.into(),
        value_json: value.into(),
        ..Default::default()
    };
    Ok(row(values)?.items().map(item).collect())
}

pub(crate) fn summary_items(values: &JsValue) -> Result<Vec<wire::SummaryItem>, JsValue> {
    let item = |(key, value): (&str, &str)| wire::SummaryItem {
        key: key.into(),
        value_json: value.into(),
        ..Default::default()
    };
    Ok(row(values)?.items().map(item).collect())
}

/// A definition of a metric; a `*` at the end of the name stands for any.
pub(crate) fn metric(name: String, options: &JsValue) -> Result<wire::MetricRecord, JsValue> {
    let read: Metric = if options.is_undefined() { Metric::default() } else { parse(options, "")? };
    let has = |kind: &str| read.summary.iter().any(|wish| wish == kind);
    let summary = wire::MetricSummary {
        min: has("min"),
        max: has("max"),
        mean: has("mean"),
        best: has("best"),
        last: has("last"),
        none: has("none"),
        copy: has("copy"),
        first: has("first"),
    };
    let goal = match read.goal.as_deref() {
        Some("minimize") => MetricGoal::GoalMinimize,
        Some("maximize") => MetricGoal::GoalMaximize,
        Some(_) | None => MetricGoal::GoalUnset,
    };
    let (name, glob_name) = if name.ends_with('*') { (String::new(), name) } else { (name, String::new()) };
    Ok(wire::MetricRecord {
        name,
        glob_name,
        step_metric: read.step_metric,
        options: Some(wire::MetricOptions { step_sync: read.step_sync, hidden: read.hidden, defined: true }),
        summary: (!read.summary.is_empty()).then_some(summary),
        goal: goal.into(),
        control: read.overwrite.then_some(wire::MetricControl { overwrite: true }),
        ..Default::default()
    })
}

/// An error as JavaScript throws it.
pub(crate) fn error(message: &str) -> JsValue {
    js_sys::Error::new(&format!("runwire: {message}")).into()
}

/// Reads an object, but for one part of it that may hold numbers that JSON lacks.
fn parse<T: for<'a> Deserialize<'a>>(object: &JsValue, without: &str) -> Result<T, JsValue> {
    let mut text = String::from("{");
    for (key, value) in row(object)?.items().filter(|(key, _)| *key != without) {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&format!("{}:{value}", serde_json::Value::from(key)));
    }
    text.push('}');
    serde_json::from_str(&text).map_err(|why| error(&format!("the options can't be read: {why}")))
}
