//! A JSON value with what JSON cannot say: NaN and the infinities.
//!
//! Owns the tree and the walk along paths in it. Text forms are in `parse`, `json` and `yaml`. Keys are sorted, so the
//! same values always give the same text.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// Keys and values of an object, sorted by key.
pub type Object = BTreeMap<String, Value>;

/// One value of a config.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number written without fraction or exponent.
    Int(i64),
    /// A whole number beyond 64 bits, as it was written: a seed must not be rounded.
    BigInt(String),
    /// Any other number; `NaN` and infinities too.
    Float(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object.
    Object(Object),
}

impl Value {
    /// The object inside, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// Merges `other` into this: objects key by key, anything else replaces what was there.
    pub fn merge(&mut self, other: Value) {
        match (self, other) {
            (Value::Object(old), Value::Object(new)) => {
                new.into_iter().for_each(|(key, value)| insert(old, key, value))
            }
            (old, new) => *old = new,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

/// Merges `value` into the entry `key`.
pub(super) fn insert(object: &mut Object, key: String, value: Value) {
    match object.get_mut(&key) {
        Some(old) => old.merge(value),
        None => {
            object.insert(key, value);
        }
    }
}

/// Merges `value` into what is at `path`; objects on the way are made, other values on the way give way.
/// An empty path does nothing.
pub(super) fn insert_at(object: &mut Object, path: &[String], value: Value) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = object;
    for key in parents {
        let entry = at.entry(key.clone()).or_insert(Value::Null);
        if entry.as_object().is_none() {
            *entry = Value::Object(Object::new());
        }
        let Value::Object(inner) = entry else { return };
        at = inner;
    }
    insert(at, last.clone(), value);
}

/// Removes what is at `path`, and objects on the way that it leaves empty. A missing path is fine.
pub(super) fn remove_at(object: &mut Object, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            object.remove(last);
        }
        [key, rest @ ..] => {
            let Some(Value::Object(inner)) = object.get_mut(key) else { return };
            if inner.is_empty() {
                return;
            }
            remove_at(inner, rest);
            if inner.is_empty() {
                object.remove(key);
            }
        }
    }
}
