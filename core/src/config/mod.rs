//! The run's config: what clients set, what the sidecar adds under `_wandb`, and the forms others want it in.
//!
//! Owns the tree of values, telemetry and environments, all in memory. Must not know when the config is sent or written:
//! callers decide that. Metrics come in as the JSON text their own machine made.
//!
//! Where this differs from the official client: empty objects are kept, whole numbers beyond 64 bits are not rounded, and
//! a stored config with an entry that cannot be read still gives its other entries to a resumed run.

pub mod environment;
mod json;
mod parse;
mod telemetry;
mod value;
mod yaml;

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use runwire_proto::wire;

pub use parse::ParseError;
pub use telemetry::CORE_VERSION;
pub use value::{Object, Value};

use environment::Environment;

/// The top-level key that belongs to the client and the sidecar.
const PRIVATE: &str = "_wandb";
/// Private keys that a resumed run takes over.
const RESUMED_PRIVATE: [&str; 3] = ["viz", "visualize", "mask/class_labels"];

/// An item of a record that was skipped. The other items of the record apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The item names no top-level key.
    #[error("a config item without a key was skipped: give it one")]
    NoKey,
    /// The item's value is not JSON.
    #[error("config item `{path}` was skipped: {reason}")]
    Unreadable {
        /// Keys from the top, joined by dots.
        path: String,
        /// What is wrong with the value.
        reason: ParseError,
    },
}

/// Config of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    values: Object,
    telemetry: wire::TelemetryRecord,
    metrics: Option<Value>,
    environments: BTreeMap<String, Environment>,
}

impl Config {
    /// A config with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies a `ConfigRecord`: first its updates, then its removals. An object is merged into the one at its path,
    /// key by key; any other value replaces. Gives an error for each item that was skipped.
    pub fn apply(&mut self, record: &wire::ConfigRecord) -> Vec<ConfigError> {
        let mut errors = vec![];
        for item in &record.update {
            let set = path(item).ok_or(ConfigError::NoKey).and_then(|path| {
                let value = Value::parse(&item.value_json)
                    .map_err(|reason| ConfigError::Unreadable { path: path.join("."), reason })?;
                value::insert_at(&mut self.values, &path, value);
                Ok(())
            });
            errors.extend(set.err());
        }
        for item in &record.remove {
            match path(item) {
                Some(path) => value::remove_at(&mut self.values, &path),
                None => errors.push(ConfigError::NoKey),
            }
        }
        errors
    }

    /// Sets a private key, such as `branch_point` of a forked run.
    pub fn set_private(&mut self, key: &str, value: Value) {
        value::insert_at(&mut self.values, &[PRIVATE.into(), key.into()], value);
    }

    /// Merges a `TelemetryRecord`: flags are or-ed, texts that are set replace.
    pub fn merge_telemetry(&mut self, record: &wire::TelemetryRecord) {
        telemetry::merge(&mut self.telemetry, record);
    }

    /// Telemetry so far. `core_version` is not in it.
    pub fn telemetry(&self) -> &wire::TelemetryRecord {
        &self.telemetry
    }

    /// Sets the list of metric definitions (`_wandb.m`), as JSON text.
    pub fn set_metrics(&mut self, json: &str) -> Result<(), ParseError> {
        self.metrics = Some(Value::parse(json)?);
        Ok(())
    }

    /// Merges an `EnvironmentRecord` into the one under `writer`: this process's client, whoever wrote the record first.
    /// Gives what is known now, for the metadata file.
    pub fn merge_environment(&mut self, writer: &str, record: &wire::EnvironmentRecord) -> &Environment {
        let environment = self.environments.entry(writer.into()).or_default();
        environment.merge(record);
        environment
    }

    /// Takes over the config that the server has of a resumed or rewound run: top-level keys this run has not set, and
    /// what the page needs of the private ones. `json` has the uploaded form.
    pub fn merge_stored(&mut self, json: &str) -> Result<(), ParseError> {
        let Value::Object(stored) = Value::parse(json)? else { return Ok(()) };
        for (key, wrapped) in stored {
            let Value::Object(mut wrapped) = wrapped else { continue };
            let Some(value) = wrapped.remove("value") else { continue };
            if key != PRIVATE {
                self.values.entry(key).or_insert(value);
                continue;
            }
            let Value::Object(mut private) = value else { continue };
            for key in RESUMED_PRIVATE {
                if let Some(value) = private.remove(key)
                    && !self.private().is_some_and(|private| private.contains_key(key))
                {
                    self.set_private(key, value);
                }
            }
        }
        Ok(())
    }

    /// The value at a path of keys.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.values.get(*first)?, |value, key| value.as_object()?.get(*key))
    }

    /// The uploaded form: `{"key": {"value": ...}, ...}` as extended JSON.
    pub fn to_json(&self) -> String {
        Value::Object(self.wrapped()).to_string()
    }

    /// The form in `run_result.run.config`: an item for each top-level key, its value wrapped as in the upload.
    pub fn to_items_wrapped(&self) -> Vec<wire::ConfigItem> {
        let item =
            |(key, value): (String, Value)| wire::ConfigItem { key, nested_key: vec![], value_json: value.to_string() };
        self.wrapped().into_iter().map(item).collect()
    }

    /// The file `config.yaml`.
    pub fn to_yaml(&self) -> String {
        yaml::to_yaml(&self.wrapped())
    }

    fn private(&self) -> Option<&Object> {
        self.values.get(PRIVATE).and_then(Value::as_object)
    }

    fn wrapped(&self) -> Object {
        let mut all = self.values.clone();
        all.insert(PRIVATE.into(), Value::Object(self.full_private()));
        all.into_iter().map(|(key, value)| (key, Value::Object([("value".into(), value)].into()))).collect()
    }

    /// The client's private keys and the sidecar's own, which win.
    fn full_private(&self) -> Object {
        let mut private = self.private().cloned().unwrap_or_default();
        let versions =
            [("cli_version", &self.telemetry.cli_version), ("python_version", &self.telemetry.python_version)];
        for (key, version) in versions {
            if !version.is_empty() {
                private.insert(key.into(), version.as_str().into());
            }
        }
        private.insert("t".into(), telemetry::to_value(&self.telemetry));
        private.insert("m".into(), self.metrics.clone().unwrap_or(Value::List(vec![])));
        if !self.environments.is_empty() {
            let environments = self.environments.iter().map(|(writer, known)| (writer.clone(), known.to_value()));
            private.insert("e".into(), Value::Object(environments.collect()));
        }
        private
    }
}

/// Where an item goes, if it names a place.
fn path(item: &wire::ConfigItem) -> Option<Vec<String>> {
    let path = if item.nested_key.is_empty() { vec![item.key.clone()] } else { item.nested_key.clone() };
    (!path[0].is_empty()).then_some(path)
}
