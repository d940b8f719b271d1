//! What the server's answer about an earlier run says: whether there is one, and where to go on.

use super::query::{text_at, texts};
use crate::{
    config::{Object, Value as Extended},
    uplink::Offsets,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire;
use serde_json::Value;

/// An earlier run, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Resumed {
    pub(super) storage_id: String,
    pub(super) base: Offsets,
    /// The server did not say how many rows it has.
    pub(super) rows_unknown: bool,
    pub(super) starting_step: i64,
    pub(super) runtime_ms: u64,
    /// JSON; empty if the server has none that can be read.
    pub(super) config: String,
    pub(super) summary: Vec<wire::SummaryItem>,
    pub(super) tags: Vec<String>,
    pub(super) notes: String,
    /// What could not be read, in the words that clients know. Empty if all could.
    pub(super) damage: Vec<String>,
}

/// Reads the data of a `RunResumeStatus` answer; `None` if there is no such run, or only one that was created ahead and
/// never started.
pub(super) fn read(data: &Value) -> Option<Resumed> {
    let bucket = data.pointer("/model/bucket").filter(|bucket| bucket.is_object())?;
    let started = Extended::parse(text_at(bucket, "/wandbConfig")).ok()?;
    started.as_object()?.get("t")?;
    let mut damage = Vec::new();
    let mut count = |name: &str, called: &str| {
        let count = bucket.get(name).and_then(Value::as_u64);
        if count.is_none() {
            damage.push(format!("no {called} line count found"));
        }
        count.unwrap_or_default()
    };
    let base = Offsets {
        history: count("historyLineCount", "history"),
        events: count("eventsLineCount", "events"),
        console: count("logLineCount", "log"),
    };
    let mut resumed = Resumed {
        storage_id: text_at(bucket, "/id").into(),
        base,
        rows_unknown: bucket.get("historyLineCount").and_then(Value::as_u64).is_none(),
        tags: texts(bucket.get("tags")),
        notes: text_at(bucket, "/notes").into(),
        damage,
        ..Resumed::default()
    };
    resumed.read_config(text_at(bucket, "/config"));
    let summary = resumed.read_object(text_at(bucket, "/summaryMetrics"), "summary metrics");
    let row = resumed.read_tail(text_at(bucket, "/historyTail"), "history tail");
    let event = resumed.read_tail(text_at(bucket, "/eventsTail"), "events tail");

    let last_step = whole(row.get("_step")).or_else(|| whole(summary.get("_step")));
    let any_row = base.history > 0 || resumed.rows_unknown && last_step.is_some();
    resumed.starting_step = last_step.unwrap_or_default().saturating_add(i64::from(any_row));
    let private = summary.get("_wandb").and_then(Extended::as_object).and_then(|private| private.get("runtime"));
    let runtimes = [event.get("_runtime"), private.or(summary.get("_runtime")), row.get("_runtime")];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let millis = |seconds: f64| libm::round(seconds * 1e3) as u64;
    resumed.runtime_ms = runtimes.into_iter().filter_map(seconds).map(millis).max().unwrap_or_default();
    let item = |(key, value): (String, Extended)| wire::SummaryItem {
        key,
        value_json: value.to_string(),
        ..Default::default()
    };
    resumed.summary = summary.into_iter().map(item).collect();
    Some(resumed)
}

impl Resumed {
    fn read_config(&mut self, text: &str) {
        let config = self.read_object(text, "config");
        let unwrapped = config.iter().find(|(_, value)| value.as_object().is_none());
        if let Some((key, value)) = unwrapped {
            self.damage.push(format!("unexpected type {} for {key}", type_name(value)));
        }
        if !config.is_empty() {
            self.config = text.into();
        }
    }

    /// A text that is empty or null is no damage: nothing was logged.
    fn read_object(&mut self, text: &str, what: &str) -> Object {
        if text.is_empty() {
            return Object::new();
        }
        match Extended::parse(text) {
            Ok(Extended::Object(object)) => object,
            Ok(Extended::Null) => Object::new(),
            Ok(other) => {
                self.damage.push(format!("failed to unmarshal {what}: it is no object but {}", type_name(&other)));
                Object::new()
            }
            Err(error) => {
                self.damage.push(format!("failed to unmarshal {what}: {error}"));
                Object::new()
            }
        }
    }

    /// The last line of a tail: a list of lines as text, each an object.
    fn read_tail(&mut self, text: &str, what: &str) -> Object {
        if text.is_empty() {
            return Object::new();
        }
        match Extended::parse(text) {
            Ok(Extended::List(mut lines)) => match lines.pop() {
                Some(Extended::Text(line)) => self.read_object(&line, what),
                Some(other) => {
                    self.damage.push(format!("failed to unmarshal {what}: a line is {}", type_name(&other)));
                    Object::new()
                }
                None => Object::new(),
            },
            Ok(Extended::Null) => Object::new(),
            Ok(other) => {
                self.damage.push(format!("failed to unmarshal {what}: it is no list but {}", type_name(&other)));
                Object::new()
            }
            Err(error) => {
                self.damage.push(format!("failed to unmarshal {what}: {error}"));
                Object::new()
            }
        }
    }
}

fn whole(value: Option<&Extended>) -> Option<i64> {
    if let Some(Extended::Int(whole)) = value { Some(*whole) } else { None }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 seconds are enough")]
fn seconds(value: Option<&Extended>) -> Option<f64> {
    let seconds = match value? {
        Extended::Int(seconds) => *seconds as f64,
        Extended::Float(seconds) => *seconds,
        Extended::Null
        | Extended::Bool(_)
        | Extended::BigInt(_)
        | Extended::Text(_)
        | Extended::List(_)
        | Extended::Object(_) => return None,
    };
    (seconds > 0.0 && seconds.is_finite()).then_some(seconds)
}

/// Names of types as clients have always seen them in this place.
fn type_name(value: &Extended) -> &'static str {
    match value {
        Extended::Null => "<nil>",
        Extended::Bool(_) => "bool",
        Extended::Int(_) => "int64",
        Extended::BigInt(_) | Extended::Float(_) => "float64",
        Extended::Text(_) => "string",
        Extended::List(_) => "[]interface {}",
        Extended::Object(_) => "map[string]interface {}",
    }
}
