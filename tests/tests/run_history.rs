//! Rows: steps, merging, values, keys (run cases 18 to 32, 74, 75).
#![cfg(unix)]
use std::collections::BTreeMap;

use runwire_proto::wire::history_item::Value;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::{HistoryItem, HistoryRecord, SampledHistoryItem};
use runwire_tests::client::{Run, Scene, error_text, history_item, holds, nested_item, request};
use runwire_tests::logs::Log;

fn map(items: &[(&str, &str)]) -> BTreeMap<String, String> {
    items.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

// official: same
#[test]
fn run_18_rows_of_one_step_are_merged() {
    let mut scene = Scene::new();
    scene.row_at(0, &[("a", "1")]);
    scene.row_at(0, &[("a", "2"), ("b", "bad")]);
    scene.partial(&[("c", "3")], Some(0), Some(true));
    assert_eq!(scene.step(), 1);
    let log = scene.end();
    assert_eq!(log.own_rows(), [map(&[("a", "2"), ("c", "3")])]);
    assert_eq!(log.steps(), [0]);
}

// official: same
#[test]
fn run_19_a_row_without_commit_waits() {
    let mut scene = Scene::new();
    scene.row(&[("before", "1")]);
    scene.partial(&[("d", "4")], None, Some(false));
    assert_eq!(scene.step(), 1);
    scene.row(&[("e", "5")]);
    assert_eq!(scene.step(), 2);
    let log = scene.end();
    assert_eq!(log.own_rows(), [map(&[("before", "1")]), map(&[("d", "4"), ("e", "5")])]);
}

// official: same
#[test]
fn run_20_a_step_without_items_moves_on() {
    let mut scene = Scene::new();
    scene.row_at(9, &[]);
    assert_eq!(scene.step(), 9);
    assert_eq!(scene.end().rows().len(), 0);
}

// official: same
#[test]
fn run_20_backward_step_warns() {
    let mut scene = Scene::new();
    scene.row_at(12, &[("f", "6")]);
    scene.row_at(11, &[("g", "6")]);
    let messages = scene.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    for part in ["step 11", "step 12", "define"] {
        assert!(messages[0].contains(part), "{part} is not in {messages:?}");
    }
    let log = scene.end();
    assert_eq!(log.own_rows(), [map(&[("f", "6")])]);
    assert!(!log.folded_summary().contains_key("g"));
}

// official: same
#[test]
fn run_20_negative_step_warns() {
    let mut scene = Scene::new();
    scene.row_at(-1, &[("g", "6")]);
    assert_eq!(scene.messages().len(), 1);
    assert_eq!(scene.step(), 0);
    assert_eq!(scene.end().rows().len(), 0);
}

// official: same
#[test]
fn run_21_a_later_step_commits_the_row_before() {
    let mut scene = Scene::new();
    scene.row_at(50, &[("k", "1")]);
    scene.row(&[("k2", "2")]);
    assert_eq!(scene.step(), 51);
    scene.row_at(60, &[("m", "1")]);
    scene.row_at(70, &[("m", "2")]);
    assert_eq!(scene.step(), 70);
    let log = scene.end();
    assert_eq!(log.own_rows(), [map(&[("k", "1"), ("k2", "2")]), map(&[("m", "1")]), map(&[("m", "2")])]);
    assert_eq!(log.steps(), [50, 60, 70]);
}

// official: same
#[test]
fn run_22_keys_of_the_service() {
    let mut scene = Scene::new();
    scene.row_at(12, &[("_step", "99"), ("_runtime", "5"), ("_timestamp", "7.5")]);
    let log = scene.end();
    let rows = log.rows();
    assert_eq!(rows[0]["_timestamp"], "7.5");
    assert_eq!(rows[0]["_step"], "12");
    let runtime: f64 = rows[0]["_runtime"].parse().expect("a runtime is a number");
    assert!(runtime < 5.0, "{runtime}");
}

// official: same
#[test]
fn run_22_a_row_has_no_timestamp_of_its_own() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    let keys: Vec<String> = scene.end().rows()[0].keys().cloned().collect();
    assert_eq!(keys, ["_runtime", "_step", "x"]);
}

// official: same
#[test]
fn run_23_an_empty_object_takes_a_step() {
    let mut scene = Scene::new();
    scene.row(&[("x", "{}")]);
    assert_eq!(scene.step(), 1);
    scene.row(&[]);
    assert_eq!(scene.step(), 2);
    assert_eq!(scene.end().rows().len(), 0);
}

// official: same
#[test]
fn run_24_nested_keys() {
    let mut scene = Scene::new();
    let items = vec![
        nested_item(&["n", "m"], "1"),
        history_item("n", r#"{"z":2,"q":{}}"#),
        history_item("", "3"),
        history_item("a.b", "4"),
        history_item("list", r#"[1,{"x":2}]"#),
    ];
    scene.partial_items(items, None, None);
    let log = scene.end();
    let row = &log.own_rows()[0];
    // The object replaces what was there before under the same key, or is merged with it: both keep z and drop q.
    assert_eq!(row["n/z"], "2");
    assert!(!row.keys().any(|key| key.starts_with("n/q")));
    assert_eq!(row["a.b"], "4");
    assert_eq!(row["list"].replace(' ', ""), r#"[1,{"x":2}]"#);
    assert!(!row.contains_key(""));
    assert_eq!(row.get("n/m").map(String::as_str), Some("1"));
}

fn logged(scene: &mut Scene, value: &str) {
    scene.row(&[("v", value)]);
}

// official: same
#[test]
fn run_25_numbers_as_the_service_writes_them() {
    let mut scene = Scene::new();
    let values = [
        ("3.0", "3"),
        ("-0.0", "-0"),
        ("0.1", "0.1"),
        ("1180591620717411303424", "1.1805916207174113e+21"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("1e22", "1e+22"),
        ("5e-324", "5e-324"),
        ("1795573352.1708386", "1.7955733521708386e+09"),
        ("123456.789", "123456.789"),
        ("1e20", "1e+20"),
        ("0.000001", "1e-06"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("null", "null"),
        ("true", "true"),
        ("\"text\"", "\"text\""),
    ];
    for (value, _) in values {
        logged(&mut scene, value);
    }
    let expected: Vec<&str> = values.iter().map(|(_, written)| *written).collect();
    let written = scene.end().column("v");
    // The same number may be written in another way (1.7955733521708386e+09): equal is what reads equal.
    for ((got, want), (sent, _)) in written.iter().zip(&expected).zip(values) {
        match (got.parse::<f64>(), want.parse::<f64>()) {
            (Ok(got), Ok(want)) if got.is_finite() => assert_eq!(got.to_bits(), want.to_bits(), "sent {sent}"),
            _ => assert_eq!(got, want, "sent {sent}"),
        }
    }
    assert_eq!(written.len(), expected.len());
    assert_eq!(written[0], "3");
    assert_eq!(written[4..6], expected[4..6]);
}

// official: same
#[test]
fn run_25_null_is_no_summary() {
    let mut scene = Scene::new();
    scene.row(&[("x", "null"), ("y", "1")]);
    assert_eq!(scene.own_summary(), map(&[("y", "1")]));
    assert_eq!(scene.end().own_rows(), [map(&[("x", "null"), ("y", "1")])]);
}

// official: differs, the summary is stored with every row
#[test]
fn run_26_exit_commits_the_pending_row() {
    let mut scene = Scene::new();
    scene.row_at(4, &[("x", "1")]);
    scene.exit(0);
    let log = scene.end();
    assert_eq!(log.own_rows(), [map(&[("x", "1")])]);
    assert_eq!(log.folded_summary()["x"], "1");
    assert_eq!(log.exit_code(), 0);
    let kinds = log.kinds();
    let at = |kind: &str| kinds.iter().position(|name| *name == kind).expect("it is there");
    assert!(at("history") < at("exit"));
}

// official: same
#[test]
fn run_27_records_after_exit_are_stored() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.exit(0);
    scene.row(&[("x", "2")]);
    scene.settle();
    let log = scene.end();
    assert_eq!(log.column("x"), ["1", "2"]);
    assert_eq!(log.exits().len(), 1);
}

// official: same
#[test]
fn run_28_raw_history_is_stored_as_it_is() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    let item = vec![history_item("_step", "77"), history_item("raw", "1.50")];
    scene.send(RecordType::History(HistoryRecord { item: item.clone(), ..Default::default() }));
    assert_eq!(scene.step(), 1);
    assert!(!scene.summary().contains_key("raw"));
    let log = scene.end();
    assert_eq!(log.history()[1].item, item);
}

// official: same
#[test]
fn run_29_shared_mode() {
    let mut scene = Scene::with(|settings| settings.shared = Some(true));
    scene.row(&[("a", "1")]);
    scene.row_at(0, &[("a", "2")]);
    scene.partial(&[("b", "1")], None, Some(false));
    scene.row(&[("c", "1")]);
    let answer = scene.ask_record(request(RequestType::HistoryStep(Default::default())));
    assert!(error_text(&answer).is_some_and(|text| text.contains("shared mode")), "{answer:?}");
    assert_eq!(scene.messages(), [""; 0]);
    let log = scene.end();
    assert_eq!(log.own_rows(), [map(&[("a", "1")]), map(&[("a", "2")]), map(&[("b", "1"), ("c", "1")])]);
    assert!(log.rows().iter().all(|row| !row.contains_key("_step")));
    assert!(log.history().iter().all(|row| row.step.is_none()));
}

fn sampled(run: &mut Run) -> BTreeMap<String, Vec<f32>> {
    match run.ask(RequestType::SampledHistory(Default::default())) {
        Some(ResponseType::SampledHistoryResponse(answer)) => {
            let values = |item: SampledHistoryItem| (item.key, item.values_float);
            answer.item.into_iter().map(values).collect()
        }
        other => panic!("unexpected response {other:?}"),
    }
}

// official: same
#[test]
fn run_31_sampled_history() {
    let mut scene = Scene::new();
    for value in 0..200 {
        let text = value.to_string();
        scene.row(&[("x", &text), ("half", "0.5"), ("flag", "true"), ("text", "\"t\""), ("n", r#"{"deep":1}"#)]);
    }
    let samples = sampled(&mut scene);
    for key in ["x", "half", "_step", "_runtime"] {
        assert_eq!(samples[key].len(), 48, "{key}");
    }
    for key in ["flag", "text", "n", "n.deep"] {
        assert!(!samples.contains_key(key), "{key}");
    }
    let x = &samples["x"];
    assert!(x.is_sorted(), "{x:?}");
    assert!(x.iter().all(|value| (0.0..200.0).contains(value) && value.fract() == 0.0));
    // A uniform sample has something from each half, and not only the first or the last rows.
    assert!(x.iter().any(|value| *value < 100.0) && x.iter().any(|value| *value >= 100.0));
}

// official: same
#[test]
fn run_31_few_rows_are_all_sampled() {
    let mut scene = Scene::new();
    for value in ["1", "2.5", "NaN", "-3"] {
        scene.row(&[("x", value)]);
    }
    let samples = sampled(&mut scene);
    let x: Vec<String> = samples["x"].iter().map(f32::to_string).collect();
    assert_eq!(x, ["1", "2.5", "NaN", "-3"]);
    assert_eq!(samples["_step"], [0.0, 1.0, 2.0, 3.0]);
}

fn typed(key: &str, value_json: &str, value: Value) -> HistoryItem {
    HistoryItem { value: Some(value), ..history_item(key, value_json) }
}

fn typed_items() -> Vec<HistoryItem> {
    vec![
        typed("both", "1", Value::Integer(2)),
        typed("whole", "", Value::Integer(-5)),
        typed("number", "", Value::Number(1.5)),
        typed("text", "", Value::Text("a\"b".into())),
        typed("flag", "", Value::Boolean(true)),
        typed("none", "", Value::None(0)),
        typed("json", "", Value::Json(r#"[1,2]"#.into())),
        history_item("nothing", ""),
    ]
}

fn check_typed(log: &Log) {
    let row = &log.own_rows()[0];
    let expected = [
        ("both", "2"),
        ("whole", "-5"),
        ("number", "1.5"),
        ("text", r#""a\"b""#),
        ("flag", "true"),
        ("none", "null"),
        ("json", "[1,2]"),
    ];
    assert_eq!(*row, map(&expected));
}

// official: same
#[test]
fn run_32_typed_values_are_taken_always() {
    let mut scene = Scene::new();
    scene.partial_items(typed_items(), None, None);
    assert_eq!(scene.own_summary().get("both").map(String::as_str), Some("2"));
    check_typed(&scene.end());
}

// official: same
#[test]
fn run_32_typed_values_are_written_on_demand() {
    let mut scene = Scene::with(|settings| settings.x_history_value_encoding = Some("json,typed".into()));
    scene.partial_items(typed_items(), None, None);
    let log = scene.end();
    check_typed(&log);
    let row = log.history()[0];
    let value = |key: &str| {
        let item = row.item.iter().find(|item| runwire_tests::logs::path(&item.key, &item.nested_key) == key);
        item.and_then(|item| item.value.clone())
    };
    assert_eq!(value("both"), Some(Value::Integer(2)));
    assert_eq!(value("number"), Some(Value::Number(1.5)));
    assert_eq!(value("text"), Some(Value::Text("a\"b".into())));
    assert_eq!(value("flag"), Some(Value::Boolean(true)));
    assert_eq!(value("_step"), Some(Value::Integer(0)));
    assert!(matches!(value("_runtime"), Some(Value::Number(_))));
}

// official: same
#[test]
fn run_74_run_without_a_log() {
    let mut scene = Scene::with(|settings| settings.x_skip_transaction_log = Some(true));
    for value in 0..10 {
        scene.row(&[("x", &value.to_string())]);
    }
    assert_eq!(scene.step(), 10);
    assert_eq!(scene.own_summary(), map(&[("x", "9")]));
    scene.complete(0);
    scene.teardown(0);
    let names = ["run-run1.wandb", "run-run1.wandb.syncstate"];
    assert!(names.iter().all(|name| !holds(&scene.dir(), name)));
}

// official: same
#[test]
fn run_75_teardown_stores_the_pending_row() {
    let mut scene = Scene::new();
    scene.row_at(3, &[("x", "1")]);
    scene.settle();
    scene.teardown(2);
    let log = scene.log();
    assert_eq!(log.own_rows(), [map(&[("x", "1")])]);
    assert_eq!(log.exit_code(), 2);
}
