//! What a log says of its run's circumstances: when and where it ran, its config, telemetry and metric definitions.
//!
//! Owns the merging of the records that say so. It must not know rows, nor how a log is read.

use runwire_core::config::{Config, environment::Environment};
use runwire_proto::wire::{self, record::RecordType};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Keys and definitions shown to people; the rest is counted.
const SHOWN: usize = 20;

/// The circumstances of a run, as far as its log tells.
#[derive(Default)]
pub struct Facts {
    /// The config, with all updates.
    pub config: Config,
    /// The machine and the program, if the client recorded them.
    pub environment: Environment,
    /// The last definition of each metric name or pattern.
    pub metrics: BTreeMap<String, wire::MetricRecord>,
}

impl Facts {
    // Most kinds of records say nothing of the run as a whole.
    #[allow(clippy::wildcard_enum_match_arm)]
    pub(super) fn take(&mut self, kind: &RecordType) {
        match kind {
            RecordType::Run(run) => {
                // What can't be parsed was refused by the writer as well.
                run.config.iter().for_each(|config| drop(self.config.apply(config)));
                run.telemetry.iter().for_each(|telemetry| self.config.merge_telemetry(telemetry));
            }
            RecordType::Config(config) => drop(self.config.apply(config)),
            RecordType::Telemetry(telemetry) => self.config.merge_telemetry(telemetry),
            RecordType::Environment(environment) => self.environment.merge(environment),
            RecordType::Metric(metric) => {
                let name = if metric.name.is_empty() { &metric.glob_name } else { &metric.name };
                self.metrics.insert(name.clone(), metric.clone());
            }
            _ => {}
        }
    }

    /// The names of the config's keys, but for the client's own.
    pub fn config_keys(&self) -> Vec<String> {
        let keys = self.config.to_items_wrapped().into_iter().map(|item| item.key);
        keys.filter(|key| key != "_wandb").collect()
    }

    /// When the run began, in UTC; empty if it is not told.
    pub fn start_time(&self, run: Option<&wire::RunRecord>) -> String {
        let of_run = run.and_then(|run| run.start_time);
        let time = of_run.or(self.environment.record().started_at);
        let at = time.and_then(|t| jiff::Timestamp::new(t.seconds, t.nanos).ok());
        at.map(|at| at.to_string()).unwrap_or_default()
    }

    /// The machine's name; empty if it is not told.
    pub fn host<'a>(&'a self, run: Option<&'a wire::RunRecord>) -> &'a str {
        run.map(|run| &*run.host).filter(|host| !host.is_empty()).unwrap_or(&self.environment.record().host)
    }

    /// Names and texts for people; what is not told is left out.
    pub(super) fn lines(&self, run: Option<&wire::RunRecord>) -> Vec<(&'static str, String)> {
        let some = |list: Vec<String>| {
            let more = list.len().saturating_sub(SHOWN);
            let shown = list.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
            if more > 0 { format!("{shown} and {more} more") } else { shown }
        };
        let telemetry = self.config.telemetry();
        let versions = [
            ("client ", &telemetry.cli_version),
            ("Python ", &telemetry.python_version),
            ("", &telemetry.platform),
            ("Hugging Face ", &telemetry.huggingface_version),
        ];
        let versions = versions.into_iter().filter(|(_, text)| !text.is_empty());
        let facts = versions.map(|(name, text)| format!("{name}{text}")).chain(flags(telemetry)).collect();
        let defined = self.metrics.iter().map(|(name, metric)| definition(name, metric)).collect();

        let lines = [
            ("started", self.start_time(run)),
            ("host", self.host(run).to_string()),
            ("program", self.environment.record().program.clone()),
            ("config", some(self.config_keys())),
            ("telemetry", some(facts)),
            ("defined", some(defined)),
        ];
        lines.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }

    /// The same as a JSON object; what is not told is null.
    pub(super) fn to_value(&self, run: Option<&wire::RunRecord>) -> Value {
        let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        let telemetry = self.config.telemetry();
        let metrics: Vec<Value> = self
            .metrics
            .iter()
            .map(|(name, metric)| {
                json!({"name": name, "is_pattern": metric.name.is_empty(), "step_metric": text(&metric.step_metric),
                       "summary": aggregations(metric), "hidden": metric.options.is_some_and(|o| o.hidden),
                       "step_sync": metric.options.is_some_and(|o| o.step_sync)})
            })
            .collect();
        json!({
            "started": text(&self.start_time(run)), "host": text(self.host(run)),
            "program": text(&self.environment.record().program), "os": text(&self.environment.record().os),
            "config_keys": self.config_keys(),
            // As text: it may hold the three numbers that JSON lacks.
            "config_json": self.config.to_json(),
            "telemetry": {"client": text(&telemetry.cli_version), "python": text(&telemetry.python_version),
                          "platform": text(&telemetry.platform), "flags": flags(telemetry)},
            "metric_definitions": metrics,
        })
    }
}

/// The flags that are on, named as in the protocol.
fn flags(telemetry: &wire::TelemetryRecord) -> Vec<String> {
    // The messages are nothing but flags, and their debug form names each one: no list to keep up with the protocol.
    let on = |part: &str, message: String| {
        let body = message.split_once('{').map_or("", |(_, body)| body).trim_end_matches(" }").to_string();
        let names =
            body.split(", ").filter_map(|flag| flag.trim().strip_suffix(": true")).map(|name| format!("{part} {name}"));
        names.collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    telemetry.feature.iter().for_each(|feature| all.extend(on("feature", format!("{feature:?}"))));
    let imports = [&telemetry.imports_init, &telemetry.imports_finish];
    imports.into_iter().flatten().for_each(|imports| all.extend(on("import", format!("{imports:?}"))));
    telemetry.env.iter().for_each(|env| all.extend(on("env", format!("{env:?}"))));
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|flag| seen.insert(flag.clone()));
    all
}

fn aggregations(metric: &wire::MetricRecord) -> Vec<&'static str> {
    let Some(s) = metric.summary else { return Vec::new() };
    let all = [
        ("min", s.min),
        ("max", s.max),
        ("mean", s.mean),
        ("best", s.best),
        ("last", s.last),
        ("none", s.none),
        ("copy", s.copy),
        ("first", s.first),
    ];
    all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
}

fn definition(name: &str, metric: &wire::MetricRecord) -> String {
    let mut parts = aggregations(metric);
    let step = format!("step {}", metric.step_metric);
    if !metric.step_metric.is_empty() {
        parts.push(&step);
    }
    if parts.is_empty() { name.to_string() } else { format!("{name} ({})", parts.join(", ")) }
}
