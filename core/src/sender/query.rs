//! The queries and mutations of a run: their texts, and the variables of the upsert.

use super::known::Known;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// One operation of the API: its name and its text.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

pub(super) const UPSERT: Operation = Operation {
    name: "UpsertBucket",
    text: "mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, $groupName: String, \
           $description: String, $displayName: String, $notes: String, $commit: String, $config: JSONString, \
           $host: String, $debug: Boolean, $program: String, $repo: String, $jobType: String, $state: String, \
           $sweep: String, $tags: [String!], $summaryMetrics: JSONString) { \
           upsertBucket(input: {id: $id, name: $name, modelName: $project, entityName: $entity, groupName: $groupName, \
           description: $description, displayName: $displayName, notes: $notes, commit: $commit, config: $config, \
           host: $host, debug: $debug, jobProgram: $program, jobRepo: $repo, jobType: $jobType, state: $state, \
           sweep: $sweep, tags: $tags, summaryMetrics: $summaryMetrics}) { \
           bucket { id name displayName sweepName historyLineCount project { id name entity { id name } } } inserted } }",
};

pub(super) const RESUME: Operation = Operation {
    name: "RunResumeStatus",
    text: "query RunResumeStatus($project: String, $entity: String, $name: String!) { \
           model(name: $project, entityName: $entity) { id name entity { id name } \
           bucket(name: $name, missingOk: true) { id name displayName summaryMetrics config tags notes \
           historyLineCount eventsLineCount logLineCount historyTail eventsTail wandbConfig(keys: [\"t\"]) } } }",
};

pub(super) const REWIND: Operation = Operation {
    name: "RewindRun",
    text: "mutation RewindRun($runName: String!, $entity: String, $project: String, $metricName: String!, \
           $metricValue: Float!) { rewindRun(input: {runName: $runName, entityName: $entity, projectName: $project, \
           metricName: $metricName, metricValue: $metricValue}) { rewoundRun { id name displayName config sweepName \
           historyLineCount project { id name entity { id name } } } } }",
};

pub(super) const ALERT: Operation = Operation {
    name: "NotifyScriptableRunAlert",
    text: "mutation NotifyScriptableRunAlert($entityName: String!, $projectName: String!, $runName: String!, \
           $title: String!, $text: String!, $severity: AlertSeverity = INFO, $waitDuration: Duration) { \
           notifyScriptableRunAlert(input: {entityName: $entityName, projectName: $projectName, runName: $runName, \
           title: $title, text: $text, severity: $severity, waitDuration: $waitDuration}) { success } }",
};

pub(super) const FEATURES: Operation = Operation {
    name: "ServerFeaturesQuery",
    text: "query ServerFeaturesQuery { serverInfo { features { name isEnabled } } }",
};

/// Which parts of the run an upsert tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Name, notes, tags and the like.
    pub(super) params: bool,
    pub(super) config: bool,
}

/// What an upsert needs besides the run itself.
pub(super) struct Upsert<'a> {
    pub(super) known: &'a Known,
    pub(super) parts: Parts,
    /// The server's id of the run; empty if the run may not exist yet.
    pub(super) storage_id: &'a str,
    pub(super) config: String,
    pub(super) program: &'a str,
    pub(super) with_host: bool,
    /// A resumed run keeps its tags even if it has none: an empty list instead of nothing.
    pub(super) with_tags: bool,
}

impl Upsert<'_> {
    /// All 19 variables, those that are not told as null.
    pub(super) fn variables(&self) -> String {
        let run = &self.known.run;
        let place = &self.known.place;
        let git = run.git.as_ref();
        let param = |text: &str| if self.parts.params { set(text) } else { Value::Null };
        let tags = self.parts.params && (self.with_tags || !run.tags.is_empty());
        json!({
            "id": param(self.storage_id),
            "name": set(&place.run_id),
            "project": set(&place.project),
            "entity": set(&place.entity),
            "groupName": param(&run.run_group),
            "description": null,
            "displayName": param(&run.display_name),
            "notes": param(&run.notes),
            "commit": param(git.map_or("", |git| &git.commit)),
            "config": if self.parts.config { set(&self.config) } else { Value::Null },
            "host": if self.with_host { param(&run.host) } else { Value::Null },
            "debug": null,
            "program": param(self.program),
            "repo": param(git.map_or("", |git| &git.remote_url)),
            "jobType": param(&run.job_type),
            "state": null,
            "sweep": param(&run.sweep_id),
            "tags": if tags { json!(run.tags) } else { Value::Null },
            "summaryMetrics": null,
        })
        .to_string()
    }
}

/// A number of the protocol, whole if it is.
pub(super) fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "only used if nothing is lost")]
    let whole = (value as i64, value as i64 as f64);
    if whole.1 == value { json!(whole.0) } else { json!(value) }
}

/// An empty text means that nothing is said.
pub(super) fn set(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// Texts of a list, as far as they are texts.
pub(super) fn texts(list: Option<&Value>) -> Vec<String> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(|text| text.as_str().map(String::from)).collect()
}

/// The text at `pointer`, or an empty one.
pub(super) fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
