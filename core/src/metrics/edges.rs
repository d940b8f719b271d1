//! What the numbered cases leave open: conflicts of flags and trees, checkpoints, folding, buffers.

use alloc::format;
use alloc::string::String;

use super::support::{changes, metric, removal, row, stepped, update};
use super::{Metrics, Stamp};
use runwire_proto::wire;

#[test]
fn null_is_a_value_for_an_aggregated_metric() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("x", "max,last,first")).unwrap();
    metrics.log(0, &[("x", "null"), ("y", "1")]);
    assert_eq!(metrics.shown(), r#"{"x":{"first":null,"last":null,"max":0},"y":1}"#);
    metrics.log(1, &[("x", "3"), ("y", "null")]);
    assert_eq!(metrics.shown(), r#"{"x":{"first":null,"last":3,"max":3}}"#);
    metrics.define(&metric("y", "first,last")).unwrap();
    assert_eq!(metrics.shown(), r#"{"x":{"first":null,"last":3,"max":3},"y":{"first":1,"last":null}}"#);
}

#[test]
fn statistics_do_not_wait_for_the_definition() {
    let mut metrics = Metrics::new(1);
    metrics.log(0, &[("x", "7")]);
    metrics.log(1, &[("x", "3")]);
    metrics.define(&metric("x", "first,max")).unwrap();
    assert_eq!(metrics.shown(), r#"{"x":{"first":7,"max":7}}"#);
}

#[test]
fn explicit_values_are_no_rows() {
    let mut metrics = Metrics::new(1);
    metrics.log(0, &[("x", "5")]);
    metrics.update_summary(&update(&[("x", "9"), ("new", "4")]));
    metrics.define(&metric("x", "max,mean,first,last")).unwrap();
    metrics.define(&metric("new", "first,last,max")).unwrap();
    assert_eq!(metrics.shown(), r#"{"new":{"first":null,"last":4,"max":0},"x":{"first":5,"last":9,"max":5,"mean":5}}"#);
    metrics.update_summary(&update(&[("x", "null")]));
    assert_eq!(metrics.shown(), r#"{"new":{"first":null,"last":4,"max":0}}"#);
}

#[test]
fn none_hides_whatever_comes() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("x", "max")).unwrap();
    metrics.log(0, &[("x", "5")]);
    metrics.define(&metric("x", "none")).unwrap();
    metrics.update_summary(&update(&[("x", "4")]));
    metrics.log(1, &[("x", "6")]);
    assert_eq!(metrics.shown(), "{}");
    metrics.define(&metric("x", "last")).unwrap();
    assert_eq!(metrics.shown(), r#"{"x":{"last":6,"max":6}}"#);
}

#[test]
fn what_is_replaced_forgets_its_definition() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("a", "max")).unwrap();
    metrics.log(0, &[("a", "5")]);
    metrics.log(1, &[("a", r#"{"b":1}"#)]);
    metrics.log(2, &[("a", "2")]);
    assert_eq!(metrics.shown(), r#"{"a":2}"#);
    // A definition takes the place of what is above and below it as well.
    metrics.define(&metric("a.b", "min")).unwrap();
    assert_eq!(metrics.shown(), "{}");
    metrics.update_summary(&update(&[("a", r#"{"z":1}"#)]));
    metrics.log(3, &[("a", r#"{"b":4}"#)]);
    assert_eq!(metrics.shown(), r#"{"a":{"b":4}}"#);
}

#[test]
fn globs_bind_once() {
    let mut metrics = Metrics::new(1);
    metrics.log(0, &[("g1", "1")]);
    metrics.define(&metric("g*", "min")).unwrap();
    metrics.define(&metric("g1x", "last")).unwrap();
    metrics.log(1, &[("g1", "3"), ("g1x", "5")]);
    assert_eq!(metrics.shown(), r#"{"g1":{"min":1},"g1x":{"last":5}}"#);
    metrics.define(&metric("g1", "max")).unwrap();
    metrics.define(&metric("g*", "mean")).unwrap();
    metrics.log(2, &[("g1", "2"), ("g2", "2")]);
    assert_eq!(metrics.shown(), r#"{"g1":{"max":3,"min":1},"g1x":{"last":5},"g2":{"mean":2,"min":2}}"#);
    let listed = r#"[{"2":"g*","6":[],"7":[1,3]},{"1":"g1x","6":[3],"7":[5]},{"1":"g1","6":[3],"7":[1,2]}]"#;
    assert_eq!(metrics.config_m(), listed);
}

#[test]
fn the_longest_glob_wins() {
    let mut metrics = Metrics::new(1);
    for (glob, summary) in [("*", "last"), ("train/loss*", "min"), ("train/*", "max")] {
        metrics.define(&metric(glob, summary)).unwrap();
    }
    metrics.log(0, &[("train/loss", "1"), ("train/acc", "2"), ("other", "3"), ("n", r#"{"k":4}"#)]);
    let expected = r#"{"n":{"k":{"last":4}},"other":{"last":3},"train/acc":{"max":2},"train/loss":{"min":1}}"#;
    assert_eq!(metrics.shown(), expected);
}

#[test]
fn inserted_steps_do_not_pull_in_their_own_step() {
    let mut metrics = Metrics::new(1);
    metrics.define(&stepped("b", "", "c")).unwrap();
    metrics.define(&stepped("a", "", "b")).unwrap();
    metrics.log(0, &[("c", "4")]);
    assert_eq!(row(&metrics.log(1, &[("a", "1")])), ["_step=1", "a=1", "b=0"]);
    metrics.define(&stepped("s", "", "t.st")).unwrap();
    metrics.log(2, &[("t", r#"{"st":4}"#)]);
    assert_eq!(row(&metrics.log(3, &[("s", "1")])), ["_step=3", "s=1", "t.st=4"]);
    assert_eq!(row(&metrics.log(3, &[("s", "1"), ("t", "5")])), ["_step=3", "s=1", "t=5"]);
    // A step that is not kept in sync, and one that the row has.
    let mut loose = metric("loose", "");
    loose.step_metric = "c".into();
    metrics.define(&loose).unwrap();
    assert_eq!(row(&metrics.log(4, &[("loose", "1")])), ["_step=4", "loose=1"]);
    assert_eq!(row(&metrics.log(5, &[("a", "1"), ("b", "7")])), ["_step=5", "a=1", "b=7", "c=4"]);
}

#[test]
fn checkpoints_hold_what_changed() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("x", "max")).unwrap();
    assert!(!metrics.dirty());
    metrics.log(0, &[("x", "3"), ("n", r#"{"k":1}"#), ("none", "null")]);
    assert_eq!(changes(&metrics.next_checkpoint().unwrap()), ["n.k=1", r#"x={"max":3}"#]);
    assert_eq!(metrics.next_checkpoint(), None);
    metrics.log(1, &[("y", "1")]);
    metrics.log(2, &[("y", "2")]);
    metrics.update_summary(&removal(&["x"]));
    assert_eq!(changes(&metrics.next_checkpoint().unwrap()), ["-x", "y=2"]);
    // A tree in the place of a leaf needs no removal, which would remove the tree.
    metrics.log(3, &[("y", r#"{"z":1}"#)]);
    assert_eq!(changes(&metrics.next_checkpoint().unwrap()), ["y.z=1"]);
    metrics.log(4, &[("y", "5"), ("n", r#"{"k":null}"#)]);
    assert_eq!(changes(&metrics.next_checkpoint().unwrap()), ["-n.k", "y=5"]);
}

#[test]
fn folding_a_log_leaves_the_pending_row_alone() {
    let mut writer = Metrics::new(1);
    let record = writer.log(0, &[("a", "1"), ("b", r#"{"c":"x"}"#)]);
    let mut reader = Metrics::new(1);
    reader.item("a", "9").unwrap();
    reader.item("p", "2").unwrap();
    reader.fold(&record);
    assert_eq!(reader.summary_json(None), writer.summary_json(None));
    assert_eq!(reader.pending(), 2);
    assert_eq!(row(&reader.flush(Some(1), false).unwrap()), ["_step=1", "a=9", "p=2"]);
}

#[test]
fn a_derived_value_leaves_first_to_the_row() {
    // The official client writes the summary of a row before the row.
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("m", "max")).unwrap();
    metrics.fold_checkpoint(&update(&[("x", "5"), ("m", r#"{"max":8}"#), ("bad", "{")]));
    assert_eq!(metrics.shown(), r#"{"x":5}"#);
    let item = |key: &str, json: &str| wire::HistoryItem {
        nested_key: [key.into()].into(),
        value_json: json.into(),
        ..Default::default()
    };
    let record = wire::HistoryRecord { item: [item("x", "5"), item("m", "8")].into(), ..Default::default() };
    metrics.fold(&record);
    metrics.define(&metric("x", "first")).unwrap();
    assert_eq!(metrics.shown(), r#"{"m":{"max":8},"x":{"first":5}}"#);
    metrics.fold_checkpoint(&removal(&["m", "unknown"]));
    assert_eq!(metrics.shown(), r#"{"x":{"first":5}}"#);
}

#[test]
fn runtimes_are_trimmed() {
    let mut metrics = Metrics::new(1);
    for (micros, expected) in [(0, "0"), (1, "0.000001"), (269_860, "0.26986"), (2_000_000, "2"), (10_500_000, "10.5")]
    {
        metrics.item("x", "1").unwrap();
        let mut out = alloc::vec::Vec::new();
        assert!(metrics.commit(Stamp { step: Some(0), runtime_micros: micros }, false, &mut out));
        let json = metrics.summary_items().into_iter().find(|item| item.key == "_runtime").unwrap().value_json;
        assert_eq!(json, expected);
    }
}

#[test]
fn a_row_that_is_logged_over_and_over_stays_small() {
    let mut metrics = Metrics::new(1);
    let long = format!("\"{}\"", "x".repeat(1000));
    for i in 0..1000 {
        metrics.item("big", &long).unwrap();
        metrics.item("t", if i % 2 == 0 { "1" } else { r#"{"u":2}"# }).unwrap();
    }
    assert_eq!(metrics.pending(), 2);
    assert!(metrics.row.end() < 1000);
    assert_eq!(row(&metrics.flush(Some(0), false).unwrap()), ["_step=0", &format!("big={long}"), "t.u=2"]);
}

#[test]
fn odd_labels_keep_apart() {
    let mut metrics = Metrics::new(1);
    let labels = ["a", "a\0", "a\0\0b", "b"];
    for (i, label) in labels.iter().enumerate() {
        metrics.item(label, &format!("{{\"\":{i},\"\\u0000x\":[]}}")).unwrap();
    }
    metrics.item(&"k".repeat(300), "1").unwrap();
    let record = metrics.flush(Some(0), false).unwrap();
    assert_eq!(record.item.len(), 2 * labels.len() + 3);
    let text = metrics.shown();
    let expected: String = (0..labels.len())
        .map(|i| format!("{}:{{\"\":{i},\"\\u0000x\":[]}},", serde_json::to_string(labels[i]).unwrap()))
        .collect();
    assert_eq!(text, format!("{{{expected}\"{}\":1}}", "k".repeat(300)));
}

#[test]
fn samples_depend_on_the_seed_alone() {
    let sample = |seed| {
        let mut metrics = Metrics::new(seed);
        for step in 0..3000 {
            metrics.log(step, &[("x", "1")]);
        }
        metrics.sampled()
    };
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
}

#[test]
fn samples_are_spread_evenly() {
    let mut sum = 0.0;
    for seed in 0..40 {
        let mut metrics = Metrics::new(seed);
        (0..1000).for_each(|step| drop(metrics.log(step, &[("x", "1")])));
        let sampled = metrics.sampled();
        let steps = &sampled.iter().find(|item| item.key == "_step").unwrap().values_float;
        assert_eq!(steps.len(), 48);
        sum += f64::from(steps.iter().sum::<f32>()) / 48.0;
    }
    // The mean of 1920 evenly spread values has a standard deviation of 6.6.
    assert!((sum / 40.0 - 499.5).abs() < 33.0, "{}", sum / 40.0);
}
