//! Logs of the official client, replayed: its rows through the live path and back out of the log. Both must give the
//! rows and the summary that it logged.
//!
//! The files hold its definitions, rows and summary records, one a line; `derived` are the summary records it made from
//! rows. Where times differ from run to run they are set to one value.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use runwire_proto::wire;
use serde_json::Value;

use super::support::row;
use super::{Item, ItemValue, Metrics, Stamp};
use crate::json::Members;

type Summary = BTreeMap<Vec<String>, String>;

enum Logged {
    Metric(wire::MetricRecord),
    Explicit(wire::SummaryRecord),
    Derived(wire::SummaryRecord),
    Row(wire::HistoryRecord),
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").into()
}

fn labels(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn metric(value: &Value) -> wire::MetricRecord {
    let (options, summary) = (&value["options"], &value["summary"]);
    let on = |value: &Value| value == true;
    wire::MetricRecord {
        name: text(&value["name"]),
        glob_name: text(&value["glob_name"]),
        step_metric: text(&value["step_metric"]),
        options: Some(wire::MetricOptions {
            step_sync: on(&options["step_sync"]),
            hidden: on(&options["hidden"]),
            defined: on(&options["defined"]),
        }),
        summary: summary.is_object().then(|| wire::MetricSummary {
            min: on(&summary["min"]),
            max: on(&summary["max"]),
            mean: on(&summary["mean"]),
            best: on(&summary["best"]),
            last: on(&summary["last"]),
            none: on(&summary["none"]),
            copy: on(&summary["copy"]),
            first: on(&summary["first"]),
        }),
        control: Some(wire::MetricControl { overwrite: on(&value["_control"]["overwrite"]) }),
        ..Default::default()
    }
}

fn summary(value: &Value) -> wire::SummaryRecord {
    let item = |item: &Value| wire::SummaryItem {
        key: text(&item["key"]),
        nested_key: labels(&item["nested_key"]),
        value_json: text(&item["value_json"]),
    };
    let items = |name: &str| value[name].as_array().into_iter().flatten().map(item).collect();
    wire::SummaryRecord { update: items("update"), remove: items("remove"), info: None }
}

fn history(value: &Value) -> wire::HistoryRecord {
    let item = |item: &Value| wire::HistoryItem {
        nested_key: labels(&item["nested_key"]),
        value_json: text(&item["value_json"]),
        ..Default::default()
    };
    let num = value["step"]["num"].as_str().unwrap_or("0").parse().unwrap();
    wire::HistoryRecord {
        item: value["item"].as_array().into_iter().flatten().map(item).collect(),
        step: Some(wire::HistoryStep { num }),
        info: None,
    }
}

fn read(file: &str) -> Vec<Logged> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let (kind, value) = line.as_object().unwrap().iter().next().unwrap();
        match &**kind {
            "metric" => Logged::Metric(metric(value)),
            "summary" => Logged::Explicit(summary(value)),
            "derived" => Logged::Derived(summary(value)),
            "history" => Logged::Row(history(value)),
            other => panic!("unknown record {other}"),
        }
    };
    file.lines().map(line).collect()
}

/// Objects with sorted members, since the official client writes them in any order.
fn sorted(json: &str) -> String {
    if !json.starts_with('{') {
        return json.to_string();
    }
    let members = Members::new(json).map(Result::unwrap);
    let members: BTreeMap<String, String> =
        members.map(|(key, value)| (key.decode().into(), sorted(value.text))).collect();
    alloc::format!("{members:?}")
}

fn path(item: &wire::SummaryItem) -> Vec<String> {
    if item.nested_key.is_empty() { [item.key.clone()].into() } else { item.nested_key.clone() }
}

/// What the summary records add up to. The runtime is left out: it is no part of what is replayed.
fn expected(log: &[Logged]) -> Summary {
    let mut summary = Summary::new();
    for record in log {
        let (Logged::Explicit(record) | Logged::Derived(record)) = record else { continue };
        for item in &record.update {
            let path = path(item);
            summary.retain(|other, _| !(other.starts_with(&path) || path.starts_with(other)));
            if item.value_json != "null" {
                summary.insert(path, sorted(&item.value_json));
            }
        }
        for item in &record.remove {
            summary.retain(|other, _| !other.starts_with(&path(item)));
        }
    }
    summary.retain(|path, _| path[0] != "_runtime" && path[0] != "_wandb");
    summary
}

fn shown(metrics: &Metrics) -> Summary {
    let items = metrics.summary_items();
    let mut summary: Summary = items.iter().map(|item| (path(item), sorted(&item.value_json))).collect();
    summary.retain(|path, _| path[0] != "_runtime" && path[0] != "_wandb");
    summary
}

fn replay_live(log: &[Logged]) -> Metrics {
    let mut metrics = Metrics::new(0);
    for record in log {
        match record {
            Logged::Metric(record) => metrics.define(record).unwrap(),
            Logged::Explicit(record) => assert_eq!(metrics.update_summary(record), []),
            Logged::Derived(_) => {}
            Logged::Row(record) => {
                let stamped =
                    |item: &&wire::HistoryItem| item.nested_key != ["_step"] && item.nested_key != ["_runtime"];
                for item in record.item.iter().filter(stamped) {
                    let nested = item.nested_key.iter().map(|label| &**label);
                    metrics.merge(Item { key: "", nested, value: ItemValue::of(item) }).unwrap();
                }
                let stamp = Stamp { step: record.step.map(|step| step.num), runtime_micros: 1_500_000 };
                let mut out = Vec::new();
                assert!(metrics.commit(stamp, false, &mut out));
                let ours = <wire::HistoryRecord as prost::Message>::decode(&*out).unwrap();
                assert_eq!(row(&ours), row(record));
                assert_eq!(ours.step, record.step);
            }
        }
    }
    metrics
}

fn fold(log: &[Logged]) -> Metrics {
    let mut metrics = Metrics::new(0);
    for record in log {
        match record {
            Logged::Metric(record) => metrics.define(record).unwrap(),
            Logged::Explicit(record) => assert_eq!(metrics.update_summary(record), []),
            Logged::Derived(record) => metrics.fold_checkpoint(record),
            Logged::Row(record) => metrics.fold(record),
        }
    }
    metrics
}

#[test]
fn official_logs_replay_to_their_rows_and_summaries() {
    for file in [
        include_str!("../../tests/data/metrics/basic.jsonl"),
        include_str!("../../tests/data/metrics/nested.jsonl"),
        include_str!("../../tests/data/metrics/nan.jsonl"),
        include_str!("../../tests/data/metrics/config_summary.jsonl"),
        include_str!("../../tests/data/metrics/define_metric.jsonl"),
        include_str!("../../tests/data/metrics/aggregations.jsonl"),
        include_str!("../../tests/data/metrics/summary_edges.jsonl"),
    ] {
        let log = read(file);
        let expected = expected(&log);
        assert!(expected.len() > 3);
        assert_eq!(shown(&replay_live(&log)), expected);
        assert_eq!(shown(&fold(&log)), expected);
    }
}

#[test]
fn the_config_of_an_official_run() {
    let log = read(include_str!("../../tests/data/metrics/aggregations.jsonl"));
    let listed: Value = serde_json::from_str(&replay_live(&log).config_m()).unwrap();
    let entry = |key: &str, name: &str| listed.as_array().unwrap().iter().find(|entry| entry[key] == name).unwrap();
    let ep = listed.as_array().unwrap().iter().position(|entry| entry["1"] == "ep").unwrap() + 1;
    assert_eq!(listed.as_array().unwrap().len(), 16);
    for (name, options, values) in [
        ("m_multi", "[3]", "[1,2,3,5,8]"),
        ("hid", "[2,3]", "[]"),
        ("ex", "[3]", "[5]"),
        (r"dot\.k", "[3]", "[2]"),
        ("m_copy", "[3]", "[]"),
        ("m_none", "[3]", "[6]"),
        ("nosync", "[3]", "[]"),
    ] {
        assert_eq!((&*entry("1", name)["6"].to_string(), &*entry("1", name)["7"].to_string()), (options, values));
    }
    assert_eq!(entry("1", "nosync")["5"], ep);
    assert_eq!(entry("1", "ex")["5"], Value::Null);
    assert_eq!(entry("2", "val/*").to_string(), alloc::format!(r#"{{"2":"val/*","5":{ep},"6":[1],"7":[]}}"#));
    assert_eq!(entry("2", "g_*").to_string(), r#"{"2":"g_*","6":[2],"7":[2]}"#);
}
