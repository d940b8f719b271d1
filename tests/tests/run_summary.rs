//! Summary and defined metrics (run cases 33 to 47).
#![cfg(unix)]
use std::collections::BTreeMap;

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::{MetricControl, MetricOptions, MetricRecord, MetricSummary, SummaryRecord};
use runwire_tests::client::{Run, Scene, summary_item};
use serde_json::{Value, json};

/// The summary value at a path as JSON.
fn value(run: &mut Run, path: &str) -> Option<Value> {
    run.summary().get(path).map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
}

/// Numbers by their name, whatever their spelling.
fn numbers(run: &mut Run, path: &str) -> BTreeMap<String, f64> {
    let text = run.summary().get(path).cloned().unwrap_or_else(|| panic!("no {path} in the summary"));
    let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).expect("an object");
    inner
        .split(',')
        .map(|part| {
            let (name, number) = part.split_once(':').expect("a name and a number");
            (name.trim().trim_matches('"').to_owned(), number.trim().parse().expect("a number"))
        })
        .collect()
}

fn all_of(summary: MetricSummary, values: &[&str]) -> Scene {
    let mut scene = Scene::new();
    scene.define("x", summary);
    for value in values {
        scene.row(&[("x", value)]);
    }
    scene
}

fn five() -> MetricSummary {
    MetricSummary { min: true, max: true, mean: true, last: true, first: true, ..Default::default() }
}

// official: same
#[test]
fn run_33_aggregates() {
    let mut scene = all_of(five(), &["3", "1", "2"]);
    assert_eq!(value(&mut scene, "x"), Some(json!({"min": 1, "max": 3, "mean": 2, "last": 2, "first": 3})));
}

// official: same
#[test]
fn run_33_copy_is_the_latest() {
    let mut scene = all_of(MetricSummary { copy: true, ..Default::default() }, &["3", "1", "2"]);
    assert_eq!(value(&mut scene, "x"), Some(json!(2)));
}

// official: same
#[test]
fn run_33_none_is_absent() {
    let mut scene = all_of(MetricSummary { none: true, ..Default::default() }, &["3", "1", "2"]);
    assert_eq!(value(&mut scene, "x"), None);
    scene.set_summary(&["x"], "5");
    assert_eq!(value(&mut scene, "x"), None);
}

// official: same
#[test]
fn run_33_definition_after_the_rows() {
    let mut scene = Scene::new();
    scene.row(&[("x", "7")]);
    scene.row(&[("x", "3")]);
    scene.define("x", MetricSummary { max: true, first: true, ..Default::default() });
    assert_eq!(value(&mut scene, "x"), Some(json!({"max": 7, "first": 7})));
}

// official: same
#[test]
fn run_33_without_a_definition_the_latest_counts() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1"), ("list", "[1,2]"), ("text", "\"t\"")]);
    scene.row(&[("x", "2"), ("n", r#"{"a":{"b":1}}"#)]);
    assert_eq!(value(&mut scene, "x"), Some(json!(2)));
    assert_eq!(value(&mut scene, "list"), Some(json!([1, 2])));
    assert_eq!(value(&mut scene, "text"), Some(json!("t")));
    assert_eq!(value(&mut scene, "n/a/b"), Some(json!(1)));
}

fn glob(name: &str, step: &str, summary: Option<MetricSummary>) -> RecordType {
    RecordType::Metric(MetricRecord {
        glob_name: name.into(),
        step_metric: step.into(),
        options: (!step.is_empty()).then(|| MetricOptions { step_sync: true, ..Default::default() }),
        summary,
        ..Default::default()
    })
}

// official: same
#[test]
fn run_35_globs() {
    let mut scene = Scene::new();
    scene.send(glob("val/*", "ep", None));
    scene.send(glob("g_*", "", Some(MetricSummary { max: true, ..Default::default() })));
    scene.row(&[("ep", "4"), ("g_1", "3"), ("_g", "1")]);
    scene.row(&[("val/a", "1"), ("g_1", "2")]);
    assert_eq!(value(&mut scene, "g_1"), Some(json!({"max": 3})));
    let log = scene.end();
    assert_eq!(log.own_rows()[1]["ep"], "4", "the step metric is added to the row");
    assert_eq!(log.count("metric"), 2, "expansions are not stored");
}

fn stepped(name: &str, step: &str) -> RecordType {
    RecordType::Metric(MetricRecord {
        name: name.into(),
        step_metric: step.into(),
        options: Some(MetricOptions { step_sync: true, defined: true, ..Default::default() }),
        ..Default::default()
    })
}

// official: same
#[test]
fn run_36_missing_step_metrics_are_added() {
    let mut scene = Scene::new();
    scene.send(stepped("s1", "mystep"));
    scene.row(&[("s1", "1")]);
    scene.row(&[("mystep", "10")]);
    scene.row(&[("s1", "2")]);
    scene.row(&[("mystep", "20"), ("s1", "3")]);
    scene.row(&[("mystep", "\"text\"")]);
    scene.row(&[("s1", "4")]);
    assert_eq!(value(&mut scene, "mystep"), Some(json!(20)));
    assert_eq!(scene.end().column("mystep"), ["0", "10", "10", "20", "\"text\"", "20"]);
}

// official: same
#[test]
fn run_37_definitions_add_up() {
    let mut scene = Scene::new();
    scene.send(stepped("ex", "ep"));
    scene.define("ex", MetricSummary { max: true, ..Default::default() });
    scene.define("ex", MetricSummary { min: true, ..Default::default() });
    scene.row(&[("ex", "1")]);
    scene.row(&[("ex", "2")]);
    assert_eq!(value(&mut scene, "ex"), Some(json!({"max": 2, "min": 1})));
    scene.send(RecordType::Metric(MetricRecord {
        name: "ex".into(),
        summary: Some(MetricSummary { last: true, ..Default::default() }),
        control: Some(MetricControl { overwrite: true }),
        ..Default::default()
    }));
    scene.row(&[("ex", "3")]);
    assert_eq!(value(&mut scene, "ex"), Some(json!({"last": 3})));
    let log = scene.end();
    let rows = log.own_rows();
    assert_eq!(rows.iter().map(|row| row.contains_key("ep")).collect::<Vec<_>>(), [true, true, false]);
}

// official: same
#[test]
fn run_38_dots_in_names() {
    let mut scene = Scene::new();
    scene.define(r"dot\.k", MetricSummary { max: true, ..Default::default() });
    scene.define("n.k", MetricSummary { min: true, ..Default::default() });
    scene.row(&[("dot.k", "3"), ("n", r#"{"k":1}"#)]);
    scene.row(&[("dot.k", "2"), ("n", r#"{"k":2}"#)]);
    assert_eq!(value(&mut scene, "dot.k"), Some(json!({"max": 3})));
    assert_eq!(value(&mut scene, "n/k"), Some(json!({"min": 1})));
}

// official: same
#[test]
fn run_39_numbers_that_are_none() {
    let mut scene = all_of(MetricSummary { max: true, ..Default::default() }, &["1", "NaN", "5"]);
    assert!(numbers(&mut scene, "x")["max"].is_nan());
    let mut scene = all_of(MetricSummary { mean: true, ..Default::default() }, &["1", "Infinity"]);
    assert_eq!(scene.summary()["x"].replace(' ', ""), r#"{"mean":Infinity}"#);
}

// official: same
#[test]
fn run_40_explicit_value_on_a_tracked_metric() {
    let mut scene = all_of(MetricSummary { max: true, ..Default::default() }, &["5"]);
    scene.set_summary(&["x"], "0");
    assert_eq!(value(&mut scene, "x"), Some(json!(0)));
    scene.row(&[("x", "2")]);
    assert_eq!(value(&mut scene, "x"), Some(json!(2)));
}

// official: same
#[test]
fn run_41_nested_update_replaces_an_object_set_explicitly() {
    let mut scene = Scene::new();
    scene.set_summary(&["o"], r#"{"x":{"y":1},"z":2}"#);
    assert_eq!(value(&mut scene, "o"), Some(json!({"x": {"y": 1}, "z": 2})));
    scene.set_summary(&["o", "x", "w"], "5");
    let summary = scene.own_summary();
    assert_eq!(summary.into_iter().collect::<Vec<_>>(), [("o/x/w".to_owned(), "5".to_owned())]);
}

// official: same
#[test]
fn run_42_removals() {
    let mut scene = Scene::new();
    scene.row(&[("p", r#"{"q":1,"r":2}"#), ("o", r#"{"a":1,"b":{"c":2}}"#)]);
    scene.remove_summary(&["p", "q"]);
    scene.remove_summary(&["o"]);
    scene.remove_summary(&["nothere", "deep"]);
    let both = SummaryRecord {
        update: vec![summary_item(&["u"], "1"), summary_item(&["kept"], "1"), summary_item(&["bad"], "{")],
        remove: vec![summary_item(&["u"], "")],
        info: None,
    };
    scene.send(RecordType::Summary(both));
    let keys: Vec<String> = scene.own_summary().into_keys().collect();
    assert_eq!(keys, ["kept", "p/r"]);
}

// official: same
#[test]
fn run_43_removal_keeps_statistics() {
    let summary = MetricSummary { first: true, max: true, mean: true, ..Default::default() };
    let mut scene = all_of(summary, &["5", "2"]);
    scene.remove_summary(&["x"]);
    scene.row(&[("x", "1")]);
    let numbers = numbers(&mut scene, "x");
    assert_eq!(numbers["first"], 1.0);
    assert_eq!(numbers["max"], 5.0);
    assert!((numbers["mean"] - 8.0 / 3.0).abs() < 1e-9);
}

// official: same
#[test]
fn run_44_leaf_and_tree_replace_each_other() {
    let mut scene = Scene::new();
    scene.row(&[("a", "1")]);
    assert_eq!(value(&mut scene, "a"), Some(json!(1)));
    scene.row(&[("a", r#"{"b":1}"#)]);
    assert_eq!(value(&mut scene, "a"), None);
    assert_eq!(value(&mut scene, "a/b"), Some(json!(1)));
    scene.row(&[("a", "2")]);
    assert_eq!(value(&mut scene, "a"), Some(json!(2)));
    assert_eq!(value(&mut scene, "a/b"), None);
}

// official: same
#[test]
fn run_45_text_has_no_statistics() {
    let mut scene = all_of(MetricSummary { min: true, mean: true, ..Default::default() }, &["\"a\"", "\"b\""]);
    let numbers = numbers(&mut scene, "x");
    assert_eq!(numbers["min"], 0.0);
    assert!(numbers["mean"].is_nan());
}

// official: same
#[test]
fn run_46_summary_left_to_the_server() {
    let mut scene = Scene::with(|settings| settings.x_server_side_derived_summary = Some(true));
    scene.row(&[("x", "1")]);
    scene.set_summary(&["e"], "1");
    let summary = scene.own_summary();
    assert_eq!(summary.keys().collect::<Vec<_>>(), ["e"]);
    let log = scene.end();
    let folded = log.folded_summary();
    assert!(!folded.contains_key("x") && !folded.contains_key("_runtime"), "{folded:?}");
    assert_eq!(log.column("x"), ["1"]);
}

// official: same
#[test]
fn run_47_runtime_at_exit() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.exit(0);
    let summary = scene.summary();
    assert!(summary["_runtime"].parse::<i64>().is_ok(), "{summary:?}");
    assert!(summary["_wandb/runtime"].parse::<i64>().is_ok(), "{summary:?}");
}

// official: same
#[test]
fn run_47_runtime_of_a_row_committed_by_exit() {
    let mut scene = Scene::new();
    std::thread::sleep(std::time::Duration::from_millis(15));
    scene.row_at(0, &[("x", "1")]);
    scene.exit(0);
    let summary = scene.summary();
    let runtime: f64 = summary["_runtime"].parse().expect("a number");
    assert!(runtime > 0.0 && runtime.fract() != 0.0, "{summary:?}");
    assert!(summary["_wandb/runtime"].parse::<i64>().is_ok(), "{summary:?}");
}

// official: same
#[test]
fn run_47_summary_carries_the_step() {
    let mut scene = Scene::new();
    scene.row_at(7, &[("x", "1")]);
    scene.row_at(8, &[("x", "1")]);
    assert_eq!(value(&mut scene, "_step"), Some(json!(7)));
}
