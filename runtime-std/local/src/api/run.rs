//! What the fields of a run mean.

use super::{Api, Found, Node, connection, from_id, id, leaf, null, page_info, time};
use crate::{
    graphql::{Args, Out},
    json,
    model::{File, HistoryKeys, Metric, keys::Log},
    store::StoreError,
};
use serde_json::{Map, Value, json};

/// Rows of a sampled answer if the client does not say.
const SAMPLES: usize = 500;

impl Api<'_> {
    /// The run that an id of the API names.
    pub(super) fn run_of_id(&self, text: &str) -> Option<u64> {
        let number = from_id("Run", text)?.parse().ok()?;
        self.backend.model.run(number).map(|run| run.meta.id)
    }

    pub(super) fn run(&mut self, run: u64, name: &str, args: &Args) -> Result<Found, String> {
        self.run_field(run, name, args).map_err(|error| error.to_string())
    }

    fn run_field(&mut self, of: u64, name: &str, args: &Args) -> Result<Found, StoreError> {
        let model = &mut self.backend.model;
        match name {
            "historyLineCount" => return Ok(leaf(model.data(of)?.map(|data| data.line_count(Log::History)))),
            "eventsLineCount" => return Ok(leaf(model.data(of)?.map(|data| data.line_count(Log::Events)))),
            "logLineCount" => return Ok(leaf(model.data(of)?.map(|data| data.console_count()))),
            "historyTail" => return Ok(leaf(tail(model.tail(of, Log::History)?))),
            "eventsTail" => return Ok(leaf(tail(model.tail(of, Log::Events)?))),
            "history" => return self.history(of, args),
            "events" => {
                let rows = model.log_rows(of, Log::Events)?;
                let samples = args.count("samples").unwrap_or(SAMPLES).max(1);
                let step = rows.len().div_ceil(samples).max(1);
                return Ok(Out::Leaf(rows.iter().step_by(step).map(|(.., text)| json::strict(text)).collect()));
            }
            "sampledHistory" => return self.sampled(of, args),
            "parquetHistory" => return self.live(of),
            "historyKeys" => return Ok(Out::Leaf(history_keys(model.history_keys(of)?))),
            "logLines" => return self.log_lines(of, args),
            "files" => return self.files(of, args),
            "fileCount" => return Ok(leaf(model.files(of)?.len())),
            "summaryMetrics" => {
                // What the server derives is in the rows.
                model.data(of)?;
            }
            "systemMetrics" => {
                let last = model.tail(of, Log::Events)?.as_deref().and_then(json::parse);
                return Ok(leaf(last.unwrap_or_else(|| json!({})).to_string()));
            }
            _ => {}
        }
        let Some(run) = self.backend.model.run(of) else { return Ok(null()) };
        let meta = &run.meta;
        Ok(match name {
            "id" | "internalId" => leaf(id("Run", &of.to_string())),
            "projectId" => leaf(self.backend.model.project(&meta.entity, &meta.project).map(|project| project.id)),
            "project" => Out::Node(Node::Project(meta.entity.clone(), meta.project.clone())),
            "name" => leaf(meta.name.as_str()),
            "displayName" => leaf(meta.display_name.as_deref().unwrap_or(&meta.name)),
            "description" => leaf(meta.description.clone()),
            "notes" => leaf(meta.notes.clone()),
            "tags" => leaf(meta.tags.clone()),
            "sweepName" => leaf(meta.sweep.clone()),
            "state" => leaf(run.state(self.now_ms, self.backend.settings.crashed_after_ms)),
            "config" => {
                leaf(run.config.as_deref().map_or_else(|| "{}".to_owned(), |text| json::strict(text).into_owned()))
            }
            "wandbConfig" => {
                let config = run.config();
                let internal = config["_wandb"]["value"].as_object().cloned().unwrap_or_default();
                let wanted = args.texts("keys");
                let some =
                    internal.into_iter().filter(|(key, _)| wanted.as_ref().is_none_or(|keys| keys.contains(key)));
                leaf(Value::Object(some.collect::<Map<_, _>>()).to_string())
            }
            "group" | "groupName" => leaf(meta.group.clone()),
            "jobType" => leaf(meta.job_type.clone()),
            "commit" => leaf(meta.commit.clone()),
            "host" => leaf(meta.host.clone()),
            "program" => leaf(meta.program.clone()),
            "repo" => leaf(meta.repo.clone()),
            "exitcode" => leaf(meta.exit_code),
            "stopped" => leaf(meta.stop),
            "createdAt" => leaf(time::iso(meta.created_ms)),
            "heartbeatAt" => leaf(time::iso(meta.heartbeat_ms)),
            "summaryMetrics" => leaf(Value::Object(run.summary()).to_string()),
            "user" => Out::Node(Node::Viewer),
            "inputArtifacts" | "outputArtifacts" => self.artifacts_of_run(of, name == "outputArtifacts", args),
            _ => null(),
        })
    }

    fn history(&mut self, of: u64, args: &Args) -> Result<Found, StoreError> {
        let limit = |name: &str| args.get(name).as_f64().or_else(|| args.text(name)?.parse().ok());
        let samples = args.count("samples").unwrap_or(SAMPLES);
        let from = limit("minStep").unwrap_or(f64::NEG_INFINITY);
        let to = limit("maxStep").unwrap_or(f64::INFINITY);
        let rows = self.backend.model.history(of, from, to, samples)?;
        Ok(Out::Leaf(rows.iter().map(|text| json::strict(text)).collect()))
    }

    /// For each specification the rows that have all its keys, with these keys alone. `maxStep` is inclusive.
    fn sampled(&mut self, of: u64, args: &Args) -> Result<Found, StoreError> {
        let mut answers = Vec::new();
        for spec in args.texts("specs").unwrap_or_default() {
            let spec: Value = serde_json::from_str(&spec).unwrap_or_default();
            let keys: Vec<&str> = spec["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let samples = spec["samples"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(SAMPLES);
            let from = spec["minStep"].as_f64().unwrap_or(f64::NEG_INFINITY);
            let to = spec["maxStep"].as_f64().map_or(f64::INFINITY, |last| last + 1.0);
            let mut rows = Vec::new();
            for text in self.backend.model.history_with(of, &keys, from, to, samples)? {
                let Some(row) = json::parse(&text) else { continue };
                let picked = keys.iter().map(|key| Some(((*key).to_owned(), within(&row, key)?.clone())));
                if let Some(picked) = picked.collect::<Option<Map<_, _>>>() {
                    rows.push(Value::Object(picked));
                }
            }
            let step = rows.len().div_ceil(samples.max(1)).max(1);
            answers.push(rows.into_iter().step_by(step).collect::<Value>());
        }
        Ok(Out::Leaf(Value::Array(answers)))
    }

    /// No row has been exported to a file: all are live. The client only looks for the first step of them.
    fn live(&mut self, of: u64) -> Result<Found, StoreError> {
        let rows = self.backend.model.history(of, f64::NEG_INFINITY, f64::INFINITY, 2)?;
        let first = rows.iter().filter_map(|text| json::parse(text)?.get("_step").and_then(Value::as_f64));
        let steps: Value = first.map(|step| json!({ "_step": step })).collect();
        Ok(Out::Node(Node::Fields(vec![("parquetUrls", Out::List(Vec::new())), ("liveData", Out::Leaf(steps))])))
    }

    fn log_lines(&mut self, of: u64, args: &Args) -> Result<Found, StoreError> {
        let lines = self.backend.model.console_lines(of)?;
        let total = lines.len();
        let after = args.text("after").and_then(|cursor| cursor.parse::<usize>().ok()).unwrap_or(0);
        let from = args.count("last").map_or(after, |last| total.saturating_sub(last));
        let page = lines.into_iter().enumerate().skip(from).take(args.count("first").unwrap_or(usize::MAX));
        let edges: Vec<Found> = page
            .map(|(number, (.., text))| {
                let line = console_line(number, &text);
                Out::Node(Node::Fields(vec![("node", line), ("cursor", leaf((number + 1).to_string()))]))
            })
            .collect();
        let end = from + edges.len();
        Ok(Out::Node(Node::Fields(vec![
            ("edges", Out::List(edges)),
            ("pageInfo", page_info(Value::from(end.to_string()), end < total)),
        ])))
    }

    fn files(&mut self, of: u64, args: &Args) -> Result<Found, StoreError> {
        let mut files = self.backend.model.files(of)?;
        files.retain(|file| file.md5.is_some());
        if let Some(names) = args.texts("names").filter(|names| !names.is_empty()) {
            let asked = |name: &String| {
                let plain = name.trim_start_matches("./");
                files.iter().find(|file| file.name == *name || file.name == plain).cloned()
            };
            let upload = args.get("upload") == &Value::Bool(true);
            let missing = |name: &String| File { name: name.clone(), ..File::default() };
            files = names.iter().filter_map(|name| asked(name).or_else(|| upload.then(|| missing(name)))).collect();
        } else if let Some(pattern) = args.text("pattern") {
            files.retain(|file| like(&file.name, &pattern));
        }
        let nodes = files.iter().map(|file| self.file(of, file)).collect();
        Ok(connection(nodes, args))
    }

    /// A file of a run as an object.
    pub(super) fn file(&self, of: u64, file: &File) -> Found {
        let Some(run) = self.backend.model.run(of) else { return null() };
        let parts = [run.meta.entity.as_str(), &run.meta.project, &run.meta.name, &file.name];
        let read = self.backend.file_url(&self.base, "GET", parts);
        let write = self.backend.file_url(&self.base, "PUT", parts);
        Out::Node(Node::Fields(vec![
            ("id", leaf(id("File", &format!("{of}:{}", file.name)))),
            ("name", leaf(file.name.as_str())),
            ("url", leaf(read.as_str())),
            ("directUrl", leaf(read)),
            ("uploadUrl", leaf(write)),
            ("sizeBytes", leaf(file.size)),
            ("mimetype", leaf(file.content_type.clone())),
            ("updatedAt", leaf(time::iso(file.updated_ms))),
            ("md5", leaf(file.md5.clone())),
            ("digest", leaf(file.md5.clone())),
        ]))
    }
}

/// A key of a row: as it stands, or a path into it.
fn within<'a>(row: &'a Value, key: &str) -> Option<&'a Value> {
    row.get(key).or_else(|| key.split('.').try_fold(row, |value, step| value.get(step)))
}

fn tail(row: Option<String>) -> String {
    Value::from(row.into_iter().collect::<Vec<_>>()).to_string()
}

fn history_keys(keys: Option<HistoryKeys>) -> Value {
    let Some((last, keys)) = keys else { return json!({ "lastStep": -1, "keys": {}, "sets": [] }) };
    let one = |metric: Metric| {
        let types = json!([{ "type": "number", "count": metric.count }]);
        json!({ "typeCounts": types, "previousValue": metric.last, "monotonic": false })
    };
    let keys: Map<String, Value> = keys.into_iter().map(|(name, metric)| (name, one(metric))).collect();
    #[expect(clippy::cast_possible_truncation, reason = "steps are whole numbers")]
    let last = last as i64;
    json!({ "lastStep": last, "keys": keys, "sets": [] })
}

/// A console line in either form that clients send: an object, or text with level and time in front.
fn console_line(number: usize, text: &str) -> Found {
    let (mut level, mut stamp, mut label, mut line) = (Value::Null, Value::Null, Value::Null, text.to_owned());
    if let Some(Value::Object(mut object)) = text.starts_with('{').then(|| json::parse(text)).flatten() {
        let mut take = |name: &str| object.remove(name).unwrap_or(Value::Null);
        (level, stamp, label) = (take("level"), take("ts"), take("label"));
        line = take("content").as_str().unwrap_or_default().to_owned();
    } else {
        let rest = text.strip_prefix("ERROR ").inspect(|_| level = Value::from("error")).unwrap_or(text);
        if let Some((time, content)) =
            rest.split_once(' ').filter(|(time, _)| time.len() >= 19 && time.as_bytes()[10] == b'T')
        {
            stamp = Value::from(time);
            line = content.to_owned();
        }
    }
    Out::Node(Node::Fields(vec![
        ("number", leaf(number)),
        ("timestamp", Out::Leaf(stamp)),
        ("level", Out::Leaf(level)),
        ("label", Out::Leaf(label)),
        ("line", leaf(line)),
    ]))
}

/// SQL's `LIKE`: `%` is any text, `_` any character.
fn like(text: &str, pattern: &str) -> bool {
    let mut regex = String::from("(?s)^");
    for c in pattern.chars() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            other => regex.push_str(&regex_lite::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex_lite::Regex::new(&regex).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_are_those_of_sql() {
        assert!(like("a/b.json", "%.json") && like("abc", "a_c") && like("a.c", "a.c"));
        assert!(!like("abc", "a.c") && !like("x.json.txt", "%.json"));
    }
}
