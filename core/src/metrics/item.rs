//! What goes into a row: one item of a `PartialHistoryRequest` or `HistoryRecord`, borrowed from the message it is in.

use core::iter;

use runwire_proto::{
    peek::{self, Typed},
    wire,
};

use crate::json::JsonError;

/// One `HistoryItem`.
#[derive(Debug, Clone)]
pub struct Item<'a, N = iter::Empty<&'a str>> {
    /// `key`: one label, whatever characters it has; used if `nested` has no labels.
    pub key: &'a str,
    /// `nested_key`: the labels of a path.
    pub nested: N,
    /// The value.
    pub value: ItemValue<'a>,
}

impl<'a> Item<'a> {
    /// An item with a plain key.
    pub fn flat(key: &'a str, value: ItemValue<'a>) -> Self {
        Self { key, nested: iter::empty(), value }
    }
}

/// The value of a `HistoryItem`: `value_json` or a member of the oneof `value`. If a message has both, the typed one
/// counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ItemValue<'a> {
    /// Neither of them is set.
    Absent,
    /// `value_json`, or the typed member `json`: any extended JSON.
    Json(&'a str),
    /// The typed member `none`.
    Null,
    /// The typed member `boolean`.
    Bool(bool),
    /// The typed member `integer`.
    Int(i64),
    /// The typed member `number`.
    Float(f64),
    /// The typed member `text`.
    Text(&'a str),
}

impl<'a> ItemValue<'a> {
    /// The value of a scanned message.
    pub(crate) fn scanned(item: &peek::Item<'a>) -> Self {
        match item.typed {
            Some(Typed::Null) => ItemValue::Null,
            Some(Typed::Boolean(value)) => ItemValue::Bool(value),
            Some(Typed::Integer(value)) => ItemValue::Int(value),
            Some(Typed::Number(value)) => ItemValue::Float(value),
            Some(Typed::Text(value)) => ItemValue::Text(value),
            Some(Typed::Json(value)) => ItemValue::Json(value),
            None if item.value_json.is_empty() => ItemValue::Absent,
            None => ItemValue::Json(item.value_json),
        }
    }

    /// The value of a decoded message.
    pub fn of(item: &'a wire::HistoryItem) -> Self {
        use wire::history_item::Value;
        match &item.value {
            Some(Value::None(_)) => Self::Null,
            Some(Value::Boolean(value)) => Self::Bool(*value),
            Some(Value::Integer(value)) => Self::Int(*value),
            Some(Value::Number(value)) => Self::Float(*value),
            Some(Value::Text(value)) => Self::Text(value),
            Some(Value::Json(value)) => Self::Json(value),
            None if item.value_json.is_empty() => Self::Absent,
            None => Self::Json(&item.value_json),
        }
    }
}

/// Why an item of a row was not taken. The row is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// No label at all.
    #[error("failed to set history metric: empty history item key")]
    EmptyKey,
    /// Neither `value_json` nor a typed value.
    #[error("failed to set history metric: the item has no value; set value_json or a typed value")]
    NoValue,
    /// The text is not extended JSON.
    #[error("failed to set history metric: {0}")]
    Json(#[from] JsonError),
}
