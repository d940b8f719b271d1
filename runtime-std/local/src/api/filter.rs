//! Filters and orders of lists of runs, in the query language that the public API takes (`{"config.lr": {"$gt": 0.1}}`).

use super::time;
use crate::model::Run;
use regex_lite::Regex;
use serde_json::Value;
use std::cmp::Ordering;

/// A run as filters see it.
pub(crate) struct View<'a> {
    pub run: &'a Run,
    pub now_ms: u64,
    pub crashed_after: u64,
    pub user: &'a str,
}

impl View<'_> {
    /// The value behind a name of the query language.
    fn value(&self, name: &str) -> Value {
        let meta = &self.run.meta;
        if let Some(path) = name.strip_prefix("config.") {
            let config = self.run.config();
            let path = path.strip_suffix(".value").unwrap_or(path);
            let (key, rest) = path.split_once('.').unwrap_or((path, ""));
            let rest = rest.strip_prefix("value.").unwrap_or(rest);
            return inside(&config[key]["value"], rest);
        }
        if let Some(path) = name.strip_prefix("summary_metrics.").or_else(|| name.strip_prefix("summaryMetrics.")) {
            let summary = Value::Object(self.run.summary());
            let whole = summary.get(path).cloned();
            return whole.unwrap_or_else(|| inside(&summary, path));
        }
        let text = |value: &Option<String>| value.clone().map_or(Value::Null, Value::from);
        match name {
            "name" => Value::from(meta.name.as_str()),
            "display_name" | "displayName" => text(&meta.display_name),
            "state" => Value::from(self.run.state(self.now_ms, self.crashed_after)),
            "group" => text(&meta.group),
            "job_type" | "jobType" => text(&meta.job_type),
            "sweep" | "sweepName" => text(&meta.sweep),
            "host" => text(&meta.host),
            "notes" => text(&meta.notes),
            "commit" => text(&meta.commit),
            "tags" => Value::from(meta.tags.clone()),
            "username" | "user.username" => Value::from(self.user),
            "created_at" | "createdAt" => Value::from(time::iso(meta.created_ms)),
            "heartbeat_at" | "heartbeatAt" | "updatedAt" | "updated_at" => Value::from(time::iso(meta.heartbeat_ms)),
            _ => Value::Null,
        }
    }
}

fn inside(value: &Value, path: &str) -> Value {
    let steps = path.split('.').filter(|step| !step.is_empty());
    steps.fold(value.clone(), |value, step| value.get(step).cloned().unwrap_or(Value::Null))
}

/// Whether a run passes. The error says which operator is not known.
pub(crate) fn passes(filters: &Value, run: &View) -> Result<bool, String> {
    let Value::Object(filters) = filters else { return Ok(true) };
    for (name, wanted) in filters {
        let good = match name.as_str() {
            "$and" | "$or" | "$nor" => {
                let parts: Vec<bool> =
                    wanted.as_array().into_iter().flatten().map(|part| passes(part, run)).collect::<Result<_, _>>()?;
                match name.as_str() {
                    "$and" => parts.iter().all(|good| *good),
                    "$or" => parts.iter().any(|good| *good),
                    _ => !parts.iter().any(|good| *good),
                }
            }
            "$not" => !passes(wanted, run)?,
            _ => matches(&run.value(name), wanted)?,
        };
        if !good {
            return Ok(false);
        }
    }
    Ok(true)
}

fn matches(have: &Value, wanted: &Value) -> Result<bool, String> {
    let Value::Object(tests) = wanted else { return Ok(equal(have, wanted)) };
    if !tests.keys().any(|key| key.starts_with('$')) {
        return Ok(have == wanted);
    }
    for (test, than) in tests {
        let list = || than.as_array().into_iter().flatten();
        let order = compare(have, than);
        let good = match test.as_str() {
            "$eq" => equal(have, than),
            "$ne" => !equal(have, than),
            "$gt" => order == Some(Ordering::Greater),
            "$gte" => order.is_some_and(Ordering::is_ge),
            "$lt" => order == Some(Ordering::Less),
            "$lte" => order.is_some_and(Ordering::is_le),
            "$in" => list().any(|one| equal(have, one)),
            "$nin" => !list().any(|one| equal(have, one)),
            "$all" => list().all(|one| equal(have, one)),
            "$exists" => have.is_null() != than.as_bool().unwrap_or(true),
            "$not" => !matches(have, than)?,
            "$regex" => {
                let pattern = than.as_str().unwrap_or_default();
                let pattern = Regex::new(pattern).map_err(|error| format!("{pattern:?} is no pattern: {error}"))?;
                have.as_str().is_some_and(|text| pattern.is_match(text))
            }
            "$options" => true,
            _ => return Err(format!("the operator {test} is not known")),
        };
        if !good {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Equal as numbers, or as values; a list equals each of its members.
fn equal(have: &Value, wanted: &Value) -> bool {
    match have.as_array().filter(|_| !wanted.is_array()) {
        Some(list) => list.iter().any(|one| equal(one, wanted)),
        None => have == wanted || compare(have, wanted) == Some(Ordering::Equal),
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(left.as_str()?.cmp(right.as_str()?)),
    }
}

/// Sorts by `+name`, `-name` or several of them with commas. Runs without a value come last.
pub(crate) fn sort<'a>(runs: &mut [&'a Run], order: &str, view: impl Fn(&'a Run) -> View<'a>) {
    for part in order.split(',').rev() {
        let (down, name) = match part.trim().split_at_checked(1) {
            Some(("-", name)) => (true, name),
            Some(("+", name)) => (false, name),
            _ => (false, part.trim()),
        };
        if matches!(name, "created_at" | "createdAt") {
            // By the order of making: several may be made within a second.
            runs.sort_by_key(|run| if down { u64::MAX - run.meta.id } else { run.meta.id });
            continue;
        }
        runs.sort_by_cached_key(|run| Key(view(run).value(name), down));
    }
}

struct Key(Value, bool);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = match (self.0.as_f64(), other.0.as_f64()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            (left, right) => match (left.is_some(), right.is_some()) {
                (true, _) => return Ordering::Less,
                (_, true) => return Ordering::Greater,
                _ => match (self.0.is_null(), other.0.is_null()) {
                    (true, false) => return Ordering::Greater,
                    (false, true) => return Ordering::Less,
                    _ => self.0.to_string().cmp(&other.0.to_string()),
                },
            },
        };
        if self.1 { order.reverse() } else { order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Meta;
    use serde_json::json;

    fn run(id: u64, config: &str, tags: &[&str]) -> Run {
        let tags = tags.iter().map(ToString::to_string).collect();
        let meta = Meta { id, name: format!("r{id}"), tags, ..Meta::default() };
        Run {
            meta,
            config: Some(config.to_owned()),
            summary: Some(r#"{"loss":2,"a":{"b":1}}"#.into()),
            ..Run::default()
        }
    }

    fn view(run: &Run) -> View<'_> {
        View { run, now_ms: 0, crashed_after: 1000, user: "me" }
    }

    #[test]
    fn filters_of_the_query_language() {
        let run = run(1, r#"{"lr":{"value":0.1},"net":{"value":{"size":3}}}"#, &["x", "y"]);
        for good in [
            json!({}),
            json!({ "config.lr": 0.1, "state": "running" }),
            json!({ "config.lr.value": { "$gt": 0.05, "$lte": 0.1 } }),
            json!({ "config.net.size": { "$in": [1, 3.0] } }),
            json!({ "summary_metrics.loss": { "$gte": 2 }, "summary_metrics.a.b": 1 }),
            json!({ "tags": "x" }),
            json!({ "tags": { "$all": ["x", "y"], "$nin": ["z"] } }),
            json!({ "$or": [{ "name": "no" }, { "name": { "$regex": "^r\\d$" } }] }),
            json!({ "$not": { "name": "r2" }, "config.none": { "$exists": false } }),
            json!({ "$and": [{ "username": "me" }], "created_at": { "$lt": "1971-01-01" } }),
        ] {
            assert_eq!(passes(&good, &view(&run)), Ok(true), "{good}");
        }
        for bad in
            [json!({ "config.lr": { "$ne": 0.1 } }), json!({ "$nor": [{ "tags": "x" }] }), json!({ "group": "g" })]
        {
            assert_eq!(passes(&bad, &view(&run)), Ok(false), "{bad}");
        }
        assert!(passes(&json!({ "name": { "$where": 1 } }), &view(&run)).is_err());
        assert!(passes(&json!({ "name": { "$regex": "(" } }), &view(&run)).is_err());
    }

    #[test]
    fn runs_are_sorted_and_those_without_a_value_come_last() {
        let runs = [run(1, r#"{"lr":{"value":1}}"#, &[]), run(2, r#"{"lr":{"value":3}}"#, &[]), run(3, "{}", &[])];
        let sorted = |order: &str| {
            let mut all: Vec<&Run> = runs.iter().collect();
            sort(&mut all, order, view);
            all.into_iter().map(|run| run.meta.id).collect::<Vec<_>>()
        };
        assert_eq!(sorted("+config.lr"), [1, 2, 3]);
        assert_eq!(sorted("-config.lr.value"), [2, 1, 3]);
        assert_eq!(sorted("-created_at"), [3, 2, 1]);
        assert_eq!(sorted("name"), [1, 2, 3]);
    }
}
