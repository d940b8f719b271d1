//! The numbered conformance cases of a run that show at this level: what the official client does, observed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::support::{metric, removal, row, stepped, update};
use super::{DefineError, Item, ItemError, ItemValue, Metrics};
use crate::json::JsonError;
use runwire_proto::wire;

#[test]
fn run_18_same_step_merges_and_bad_items_are_skipped() {
    let mut metrics = Metrics::new(1);
    metrics.item("a", "1").unwrap();
    metrics.item("a", "2").unwrap();
    assert_eq!(metrics.item("b", "bad"), Err(ItemError::Json(JsonError::Unexpected { at: 0 })));
    assert_eq!(metrics.item("b", "{\"x\":1,\"y\":}"), Err(ItemError::Json(JsonError::Unexpected { at: 11 })));
    assert_eq!(row(&metrics.log(0, &[("c", "3")])), ["_step=0", "a=2", "c=3"]);
    assert_eq!(metrics.shown(), r#"{"a":2,"c":3}"#);
}

#[test]
fn run_19_items_of_several_messages_make_one_row() {
    let mut metrics = Metrics::new(1);
    metrics.item("d", "4").unwrap();
    assert_eq!(metrics.pending(), 1);
    let record = metrics.log(1, &[("e", "5")]);
    assert_eq!(row(&record), ["_step=1", "d=4", "e=5"]);
    assert_eq!(record.step, Some(wire::HistoryStep { num: 1 }));
}

#[test]
fn run_20_a_row_can_be_dropped() {
    let mut metrics = Metrics::new(1);
    assert_eq!(metrics.flush(Some(9), false), None);
    metrics.item("g", "1").unwrap();
    metrics.discard_row();
    assert_eq!(metrics.flush(Some(11), false), None);
    assert_eq!(row(&metrics.log(12, &[("f", "1")])), ["_step=12", "f=1"]);
    assert_eq!(metrics.shown(), r#"{"f":1}"#);
}

#[test]
fn run_22_own_step_and_runtime_win_over_the_clients() {
    let mut metrics = Metrics::new(1);
    let record = metrics.log(3, &[("_step", "99"), ("_runtime", "5"), ("_timestamp", "7.5")]);
    assert_eq!(row(&record), ["_step=3", "_timestamp=7.5"]);
    let runtime: Vec<_> = record.item.iter().filter(|item| item.nested_key == ["_runtime"]).collect();
    assert_eq!(runtime.len(), 1);
    assert_eq!(runtime[0].value_json, "1.5");
}

#[test]
fn run_23_an_empty_object_alone_is_no_row() {
    let mut metrics = Metrics::new(1);
    metrics.item("a", "{}").unwrap();
    metrics.item("a", "{\"b\":{\"c\":{}}}").unwrap();
    assert_eq!(metrics.flush(Some(0), false), None);
    assert!(!metrics.dirty());
}

#[test]
fn run_24_nested_keys_and_objects_share_a_tree() {
    let mut metrics = Metrics::new(1);
    let nested = ["n", "m"].into_iter();
    metrics.merge(Item { key: "", nested, value: ItemValue::Json("1") }).unwrap();
    metrics.item("n", r#"{"z":2,"q":{}}"#).unwrap();
    assert_eq!(metrics.item("", "5"), Err(ItemError::EmptyKey));
    let record = metrics.flush(Some(0), false).unwrap();
    assert_eq!(row(&record), ["_step=0", "n.m=1", "n.z=2"]);
    assert_eq!(metrics.shown(), r#"{"n":{"m":1,"z":2}}"#);
}

#[test]
fn run_25_number_forms_and_null() {
    let mut metrics = Metrics::new(1);
    let items = [("i", "3.0"), ("neg", "-0.0"), ("big", "1180591620717411303424"), ("none", "null"), ("nan", "NaN")];
    let record = metrics.log(0, &items);
    assert_eq!(row(&record), ["_step=0", "big=1.1805916207174113e+21", "i=3", "nan=NaN", "neg=-0", "none=null"]);
    assert_eq!(metrics.shown(), r#"{"big":1.1805916207174113e+21,"i":3,"nan":NaN,"neg":-0}"#);
}

#[test]
fn run_29_rows_of_shared_mode_have_no_step() {
    let mut metrics = Metrics::new(1);
    metrics.item("a", "1").unwrap();
    metrics.item("_step", "7").unwrap();
    let record = metrics.flush(None, false).unwrap();
    assert_eq!(row(&record), ["a=1"]);
    assert_eq!(record.step, None);
}

#[test]
fn run_31_samples_of_top_level_numbers() {
    let mut metrics = Metrics::new(7);
    for step in 0..200 {
        let number = format!("{}", step * 2);
        let items = [("x", &*number), ("n", r#"{"k":1}"#), ("flag", "true"), ("word", r#""w""#), ("odd", "NaN")];
        metrics.log(step, &items);
    }
    let sampled = metrics.sampled();
    let keys: Vec<&str> = sampled.iter().map(|item| &*item.key).collect();
    assert_eq!(keys, ["_runtime", "_step", "odd", "x"]);
    for item in &sampled {
        assert_eq!(item.values_float.len(), 48);
        assert!(item.values_int.is_empty() && item.nested_key.is_empty());
    }
    assert!(sampled[3].values_float.is_sorted());
    assert!(sampled[2].values_float.iter().all(|value| value.is_nan()));
    assert!(sampled[3].values_float.iter().any(|value| *value > 200.0));
}

#[test]
fn run_32_typed_values_come_and_go() {
    use wire::history_item::Value;
    let item = |json: &str, value| wire::HistoryItem { value_json: json.into(), value, ..Default::default() };
    let mut metrics = Metrics::new(1);
    for (key, item) in [
        ("both", item("1", Some(Value::Integer(2)))),
        ("none", item("", Some(Value::None(0)))),
        ("flag", item("", Some(Value::Boolean(true)))),
        ("whole", item("", Some(Value::Number(3.0)))),
        ("low", item("", Some(Value::Integer(i64::MIN)))),
        ("text", item("", Some(Value::Text("a\"é\n".into())))),
        ("list", item("", Some(Value::Json("[1, 2]".into())))),
        ("tree", item("", Some(Value::Json("{\"a\":1}".into())))),
    ] {
        metrics.merge(Item::flat(key, ItemValue::of(&item))).unwrap();
    }
    assert_eq!(metrics.merge(Item::flat("x", ItemValue::of(&item("", None)))), Err(ItemError::NoValue));
    let record = metrics.flush(Some(4), true).unwrap();
    let values: Vec<_> =
        record.item.into_iter().map(|i| (i.nested_key.join("."), i.value_json, i.value.unwrap())).collect();
    let expected = [
        ("both", "2", Value::Integer(2)),
        ("none", "null", Value::None(0)),
        ("flag", "true", Value::Boolean(true)),
        ("whole", "3", Value::Number(3.0)),
        ("low", "-9223372036854775808", Value::Integer(i64::MIN)),
        ("text", "\"a\\\"é\\n\"", Value::Text("a\"é\n".into())),
        ("list", "[1,2]", Value::Json("[1,2]".into())),
        ("tree.a", "1", Value::Integer(1)),
        ("_runtime", "1.5", Value::Number(1.5)),
        ("_step", "4", Value::Integer(4)),
    ];
    assert_eq!(values, expected.map(|(key, json, value)| (String::from(key), String::from(json), value)));
}

#[test]
fn run_33_every_aggregation() {
    let mut metrics = Metrics::new(1);
    for (name, summary) in [("m", "min,max,mean,last,first"), ("c", "copy"), ("b", "best"), ("n", "none")] {
        metrics.define(&metric(name, summary)).unwrap();
    }
    for (step, value) in ["3", "1", "2"].into_iter().enumerate() {
        metrics.log(step as i64, &[("m", value), ("c", value), ("b", value), ("n", value)]);
    }
    assert_eq!(metrics.shown(), r#"{"b":2,"c":2,"m":{"first":3,"last":2,"max":3,"mean":2,"min":1}}"#);
}

#[test]
fn run_34_the_config_lists_definitions() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("multi", "min,max,mean,last,first")).unwrap();
    metrics.define(&metric("c", "copy")).unwrap();
    metrics.define(&metric("n", "none")).unwrap();
    metrics.define(&stepped("s", "", "own")).unwrap();
    metrics.define(&stepped("t", "", "named")).unwrap();
    let mut goal = metric("named", "max");
    goal.goal = 2;
    goal.options.as_mut().unwrap().hidden = true;
    metrics.define(&goal).unwrap();
    let expected = [
        r#"{"1":"multi","6":[3],"7":[1,2,3,5,8]}"#,
        r#"{"1":"c","6":[3],"7":[]}"#,
        r#"{"1":"n","6":[3],"7":[6]}"#,
        r#"{"1":"s","5":7,"6":[1,3],"7":[]}"#,
        r#"{"1":"t","5":6,"6":[1,3],"7":[]}"#,
        r#"{"1":"named","6":[2,3],"7":[2],"8":2}"#,
        r#"{"1":"own","6":[],"7":[]}"#,
    ];
    assert_eq!(metrics.config_m(), format!("[{}]", expected.join(",")));
    assert_eq!(Metrics::new(1).config_m(), "[]");
}

#[test]
fn run_35_globs_stay_globs() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("ep", "")).unwrap();
    metrics.define(&stepped("val/*", "", "ep")).unwrap();
    let mut hidden = metric("g_*", "max");
    hidden.options.as_mut().unwrap().hidden = true;
    metrics.define(&hidden).unwrap();
    let before = metrics.config_m();
    metrics.log(0, &[("ep", "1")]);
    for (step, value) in ["3", "1"].into_iter().enumerate() {
        let record = metrics.log(step as i64 + 1, &[("val/a", value), ("g_1", value), ("_g_2", value)]);
        assert!(row(&record).contains(&"ep=1".into()));
    }
    assert_eq!(metrics.shown(), r#"{"ep":1,"g_1":{"max":3},"val/a":1}"#);
    assert_eq!(metrics.config_m(), before);
    let expected = r#"[{"1":"ep","6":[3],"7":[]},{"2":"val/*","5":1,"6":[1],"7":[]},{"2":"g_*","6":[2],"7":[2]}]"#;
    assert_eq!(before, expected);
}

#[test]
fn run_36_missing_steps_are_inserted() {
    let mut metrics = Metrics::new(1);
    metrics.log(0, &[("mystep", "7")]);
    metrics.define(&stepped("s1", "", "mystep")).unwrap();
    let mut inserted = |step, before: &str| {
        if !before.is_empty() {
            metrics.log(step, &[("mystep", before)]);
        }
        let rows = row(&metrics.log(step + 1, &[("s1", "1")]));
        rows.into_iter().find_map(|item| item.strip_prefix("mystep=").map(String::from)).unwrap()
    };
    // What was logged before it became a step does not count.
    assert_eq!(inserted(1, ""), "0");
    assert_eq!(inserted(3, "10"), "10");
    assert_eq!(inserted(5, "20"), "20");
    for other in ["\"x\"", "true", "null", "[1]", "{\"a\":1}"] {
        assert_eq!(inserted(7, other), "20", "{other}");
    }
    assert_eq!(inserted(9, "1.5"), "1.5");
    assert_eq!(inserted(11, "NaN"), "NaN");
    assert_eq!(metrics.shown(), r#"{"mystep":NaN,"s1":1}"#);
}

#[test]
fn run_37_overwrite_starts_from_empty() {
    let mut metrics = Metrics::new(1);
    metrics.define(&stepped("ex", "max", "ep")).unwrap();
    metrics.log(0, &[("ex", "3")]);
    metrics.define(&metric("ex", "min")).unwrap();
    assert_eq!(row(&metrics.log(1, &[("ex", "5")])), ["_step=1", "ep=0", "ex=5"]);
    assert_eq!(metrics.shown(), r#"{"ep":0,"ex":{"max":5,"min":3}}"#);
    let mut overwrite = metric("ex", "last");
    overwrite.control = Some(wire::MetricControl { overwrite: true });
    metrics.define(&overwrite).unwrap();
    assert_eq!(row(&metrics.log(2, &[("ex", "7")])), ["_step=2", "ex=7"]);
    assert_eq!(metrics.shown(), r#"{"ep":0,"ex":{"last":7}}"#);
    assert_eq!(metrics.config_m(), r#"[{"1":"ex","6":[3],"7":[5]},{"1":"ep","6":[],"7":[]}]"#);
}

#[test]
fn run_38_names_are_split_at_dots() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric(r"dot\.k", "max")).unwrap();
    metrics.define(&metric("n.k", "min")).unwrap();
    metrics.log(0, &[("dot.k", "3"), ("n", r#"{"k":1}"#), ("n.k", "9")]);
    metrics.log(1, &[("dot.k", "2"), ("n", r#"{"k":2}"#)]);
    let items = metrics.summary_items();
    let find = |key: &str| items.iter().find(|item| item.key == key).map(|item| &*item.value_json);
    assert_eq!(find("dot.k"), Some(r#"{"max":3}"#));
    assert_eq!(find("n.k"), Some("9"));
    let nested = items.iter().find(|item| item.nested_key == ["n", "k"]);
    assert_eq!(nested.map(|item| &*item.value_json), Some(r#"{"min":1}"#));
}

#[test]
fn run_39_nan_stays_and_infinity_counts() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("m", "min,max")).unwrap();
    metrics.define(&metric("mean", "mean")).unwrap();
    for (step, value) in ["3", "NaN", "Infinity", "-1"].into_iter().enumerate() {
        metrics.log(step as i64, &[("m", value)]);
    }
    metrics.log(4, &[("mean", "1")]);
    metrics.log(5, &[("mean", "Infinity")]);
    assert_eq!(metrics.shown(), r#"{"m":{"max":NaN,"min":NaN},"mean":{"mean":Infinity}}"#);
}

#[test]
fn run_40_an_explicit_value_makes_a_metric_plain() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("x", "max")).unwrap();
    metrics.log(0, &[("x", "5")]);
    assert_eq!(metrics.update_summary(&update(&[("x", "9")])), []);
    assert_eq!(metrics.shown(), r#"{"x":9}"#);
    metrics.log(1, &[("x", "6")]);
    assert_eq!(metrics.shown(), r#"{"x":6}"#);
    // Defined again, all that was ever asked for is back, with the statistics of the rows.
    metrics.define(&metric("x", "min")).unwrap();
    assert_eq!(metrics.shown(), r#"{"x":{"max":6,"min":5}}"#);
}

#[test]
fn run_41_an_explicit_object_is_one_value() {
    let mut metrics = Metrics::new(1);
    assert_eq!(metrics.update_summary(&update(&[("o", r#"{"x":{"y":1},"z":2}"#)])), []);
    assert_eq!(metrics.shown(), r#"{"o":{"x":{"y":1},"z":2}}"#);
    assert_eq!(metrics.update_summary(&update(&[("o.x.w", "5")])), []);
    assert_eq!(metrics.shown(), r#"{"o":{"x":{"w":5}}}"#);
}

#[test]
fn run_42_removals() {
    let mut metrics = Metrics::new(1);
    metrics.log(0, &[("p", r#"{"q":1,"r":2}"#), ("o", r#"{"a":1,"b":{"c":2}}"#), ("x", "1")]);
    assert_eq!(metrics.update_summary(&removal(&["p.q", "nothing", "x.below"])), []);
    assert_eq!(metrics.shown(), r#"{"o":{"a":1,"b":{"c":2}},"p":{"r":2},"x":1}"#);
    let mut both = update(&[("o", "3"), ("new", "4"), ("bad", "{"), ("kept", "[1, 2]")]);
    both.remove = removal(&["o", "new"]).remove;
    let errors = metrics.update_summary(&both);
    assert_eq!(errors.len(), 1);
    assert_eq!(metrics.shown(), r#"{"kept":[1,2],"p":{"r":2},"x":1}"#);
    metrics.log(1, &[("o", r#"{"a":1,"b":{"c":2}}"#)]);
    assert_eq!(metrics.update_summary(&removal(&["o"])), []);
    assert_eq!(metrics.shown(), r#"{"kept":[1,2],"p":{"r":2},"x":1}"#);
}

#[test]
fn run_43_removal_keeps_the_statistics() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("x", "first,max,mean")).unwrap();
    metrics.log(0, &[("x", "5")]);
    metrics.log(1, &[("x", "2")]);
    assert_eq!(metrics.update_summary(&removal(&["x"])), []);
    assert_eq!(metrics.shown(), "{}");
    metrics.log(2, &[("x", "1")]);
    assert_eq!(metrics.shown(), r#"{"x":{"first":1,"max":5,"mean":2.6666666666666665}}"#);
}

#[test]
fn run_44_leaf_and_tree_replace_each_other() {
    let mut metrics = Metrics::new(1);
    metrics.log(0, &[("a", "1")]);
    assert_eq!(metrics.shown(), r#"{"a":1}"#);
    metrics.log(1, &[("a", r#"{"b":1}"#)]);
    assert_eq!(metrics.shown(), r#"{"a":{"b":1}}"#);
    metrics.log(2, &[("a", "2")]);
    assert_eq!(metrics.shown(), r#"{"a":2}"#);
    // Within one row the later one wins too.
    assert_eq!(row(&metrics.log(3, &[("a", "2"), ("a", r#"{"b":3,"c":4}"#)])), ["_step=3", "a.b=3", "a.c=4"]);
    assert_eq!(row(&metrics.log(4, &[("a", r#"{"b":3}"#), ("a", "5")])), ["_step=4", "a=5"]);
}

#[test]
fn run_45_words_have_no_minimum() {
    let mut metrics = Metrics::new(1);
    metrics.define(&metric("x", "min,mean")).unwrap();
    metrics.log(0, &[("x", r#""a""#)]);
    metrics.log(1, &[("x", "true")]);
    assert_eq!(metrics.shown(), r#"{"x":{"mean":NaN,"min":0}}"#);
}

#[test]
fn run_46_the_server_derives_the_summary() {
    let mut metrics = Metrics::new(1).server_side_summary(true);
    metrics.define(&metric("x", "max")).unwrap();
    metrics.log(0, &[("x", "1")]);
    metrics.set_runtime(3);
    assert!(!metrics.dirty());
    assert_eq!(metrics.update_summary(&update(&[("e", "1")])), []);
    metrics.log(1, &[("x", "0")]);
    assert_eq!(metrics.summary_json(Some(1)), r#"{"_step":1,"e":1}"#);
    assert_eq!(metrics.summary_json(None), r#"{"e":1}"#);
    assert!(metrics.dirty());
    assert_eq!(metrics.next_checkpoint(), None);
}

#[test]
fn run_47_runtimes_of_the_summary() {
    let mut metrics = Metrics::new(1);
    metrics.log(0, &[("x", "1")]);
    assert_eq!(metrics.summary_json(None), r#"{"_runtime":1.5,"_step":0,"_wandb":{"runtime":1},"x":1}"#);
    metrics.set_runtime(2);
    assert_eq!(metrics.summary_json(Some(8)), r#"{"_runtime":2,"_step":8,"_wandb":{"runtime":2},"x":1}"#);
}

#[test]
fn an_empty_definition_is_refused() {
    let mut metrics = Metrics::new(1);
    assert_eq!(metrics.define(&wire::MetricRecord::default()), Err(DefineError::Empty));
    let only_step = wire::MetricRecord { step_metric: "ep".into(), ..Default::default() };
    assert_eq!(metrics.define(&only_step), Ok(()));
    assert_eq!(metrics.config_m(), r#"[{"1":"ep","6":[],"7":[]}]"#);
}
