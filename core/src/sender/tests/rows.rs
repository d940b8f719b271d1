//! Rows, the summary, measurements, files and the exit.

use super::*;
use proptest::prelude::*;

#[test]
fn run_28_steps_of_raw_rows_are_made_to_go_up() {
    let mut rig = Rig::running(settings());
    let logged = ["5", "5.0", r#""x""#, "", "3", "100", "7.9", "-3", "NaN"]
        .map(|step| if step.is_empty() { None } else { Some(step) });
    for step in logged {
        let items: Vec<_> = step.map(|step| ("_step", step)).into_iter().chain([("v", "1")]).collect();
        rig.row(&items);
    }
    rig.row(&[]);
    let steps: Vec<_> =
        rig.rows.iter().map(|row| serde_json::from_str::<Value>(row).unwrap()["_step"].clone()).collect();
    assert_eq!(steps, [5, 6, 7, 8, 9, 100, 101, 102, 103, 104]);
    assert_eq!(rig.rows[9], r#"{"_step":104}"#);
    let warnings = rig.rest.iter().filter(|action| matches!(action, Action::Notice(_))).count();
    assert_eq!(warnings, 2, "{:?}", rig.rest);
    assert!(rig.sender.summary_json().contains(r#""_step":104"#));
}

#[test]
fn run_24_25_values_and_paths() {
    let mut rig = Rig::running(settings());
    let mut record =
        row(&[("n", r#"{"z":2,"q":{}}"#), ("", "1"), ("f", "3.0"), ("m", "-0.0"), ("i", "Infinity"), ("u", "null")]);
    record.item.insert(
        0,
        wire::HistoryItem { nested_key: vec!["n".into(), "m".into()], value_json: "1".into(), ..Default::default() },
    );
    let typed = wire::history_item::Value::Integer(2);
    record.item.push(wire::HistoryItem {
        key: "t".into(),
        value_json: "1".into(),
        value: Some(typed),
        ..Default::default()
    });
    rig.derived(RecordType::History(record));
    assert_eq!(rig.rows, [r#"{"_step":0,"f":3,"i":Infinity,"m":0,"n":{"m":1,"z":2},"t":2,"u":null}"#]);
    let line = rig.call(|sender, _, out| sender.summary_line(1 << 20, out)).unwrap();
    assert_eq!(line, r#"{"_step":0,"f":3,"i":Infinity,"m":-0,"n":{"m":1,"z":2},"t":2}"#);
}

#[test]
fn run_29_rows_of_a_shared_writer_are_counted() {
    let mut rig = Rig::running(wire::Settings { shared: Some(true), ..settings() });
    for _ in 0..3 {
        rig.row(&[("a", "1")]);
    }
    assert_eq!(rig.rows[2], r#"{"a":1,"_step":2}"#);
}

#[test]
fn run_27_data_after_the_exit_is_not_uploaded() {
    let mut rig = Rig::running(settings());
    rig.row(&[("a", "1")]);
    rig.record(RecordType::Exit(wire::RunExitRecord { exit_code: 3, ..Default::default() }));
    rig.row(&[("a", "2")]);
    rig.record(RecordType::Exit(wire::RunExitRecord { exit_code: 4, ..Default::default() }));
    assert_eq!(rig.rows.len(), 1);
    let exits: Vec<_> = rig.rest.iter().filter(|action| matches!(action, Action::Exit { .. })).collect();
    assert_eq!(exits, [&Action::Exit { code: Some(3) }]);
    assert!(rig.sender.summary_json().contains(r#""a":1"#));
}

#[test]
fn backend_50_51_52_preempting_and_exit_codes() {
    let mut rig = Rig::running(settings());
    rig.record(RecordType::Preempting(wire::RunPreemptingRecord::default()));
    rig.record(RecordType::Exit(wire::RunExitRecord { exit_code: 1, not_complete: true, ..Default::default() }));
    assert_eq!(rig.rest, [Action::Preempting, Action::Exit { code: None }]);
    let mut quiet = Rig::running(wire::Settings { x_update_finish_state: Some(false), ..settings() });
    quiet.record(RecordType::Exit(wire::RunExitRecord { exit_code: 1, ..Default::default() }));
    assert_eq!(quiet.rest, [Action::Exit { code: None }]);
}

#[test]
fn backend_70_a_summary_that_the_server_derives_has_only_what_was_set() {
    let mut rig = Rig::running(wire::Settings { x_server_side_derived_summary: Some(true), ..settings() });
    rig.row(&[("a", "1")]);
    let item = wire::SummaryItem { key: "e".into(), value_json: "1".into(), ..Default::default() };
    rig.record(RecordType::Summary(wire::SummaryRecord { update: vec![item], ..Default::default() }));
    rig.row(&[("a", "1")]);
    assert_eq!(rig.sender.summary_json(), r#"{"_step":1,"e":1}"#);
}

#[test]
fn the_summary_is_announced_once_until_it_is_asked_for() {
    let mut rig = Rig::running(settings());
    assert_eq!(rig.call(|sender, _, out| sender.summary_line(100, out)), None);
    let count = |rig: &Rig| rig.rest.iter().filter(|action| **action == Action::SummaryChanged).count();
    rig.row(&[("a", "1")]);
    rig.row(&[("a", "2")]);
    assert_eq!(count(&rig), 1);
    let line = rig.call(|sender, _, out| sender.summary_line(100, out));
    assert_eq!(line.as_deref(), Some(r#"{"_step":1,"a":2}"#));
    rig.row(&[("a", "3")]);
    assert_eq!(count(&rig), 2);
}

#[test]
fn an_oversize_value_of_the_summary_costs_that_value_only() {
    let mut rig = Rig::running(settings());
    let long = format!("\"{}\"", "x".repeat(200));
    rig.row(&[("a", "1"), ("big", &long), ("z", r#""e\"s""#)]);
    for _ in 0..2 {
        let line = rig.call(|sender, _, out| sender.summary_line(100, out));
        assert_eq!(line.as_deref(), Some(r#"{"_step":0,"a":1,"z":"e\"s"}"#));
    }
    assert!(rig.told.len() == 1 && rig.told[0].contains("big"), "{:?}", rig.told);
    let line = rig.call(|sender, _, out| sender.summary_line(1, out));
    assert_eq!(line.as_deref(), Some("{}"));
}

#[test]
fn a_measurement_is_an_event() {
    let mut rig = Rig::running(settings());
    let item = |key: &str, value: &str| wire::StatsItem { key: key.into(), value_json: value.into() };
    rig.derived(RecordType::Stats(wire::StatsRecord {
        timestamp: Some(WALL.after(Duration::from_millis(1500)).timestamp()),
        item: vec![item("cpu", "1.5"), item("memory_percent/l:nd", "20")],
        ..Default::default()
    }));
    assert_eq!(
        rig.events,
        [r#"{"_wandb":true,"_timestamp":1795573407,"_runtime":1.5,"system.cpu":1.5,"system.memory_percent/l:nd":20}"#]
    );
}

#[test]
fn files_are_passed_on() {
    use wire::files_item::{FileType, PolicyType};
    let mut rig = Rig::running(settings());
    let file = wire::FilesItem { path: "a/b".into(), policy: PolicyType::Live.into(), r#type: FileType::Media.into() };
    rig.record(RecordType::Files(wire::FilesRecord { files: vec![file], ..Default::default() }));
    assert_eq!(rig.rest, [Action::File { path: "a/b".into(), policy: PolicyType::Live, kind: FileType::Media }]);
}

#[test]
fn bytes_that_are_no_record_are_told_and_left_out() {
    let mut rig = Rig::running(settings());
    for bytes in [&b"\xff\xff"[..], b"\x12\x02\x0a\x05", b"\x12\x01\x0f"] {
        rig.call(|sender, cx, out| sender.on_record(cx, &Bytes::copy_from_slice(bytes), 1, out));
    }
    rig.row(&[("a", "1")]);
    assert!(rig.rest.iter().filter(|action| matches!(action, Action::Notice(_))).count() >= 3);
    assert!(rig.rows.last().is_some_and(|row| row.starts_with(r#"{"a":1,"#)));
}

/// Values without objects: those are in the paths.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1_000_000..1_000_000_i32).prop_map(|n| json!(f64::from(n) / 64.0 + 1.0 / 128.0)),
        ".{0,6}".prop_map(Value::from),
        prop::collection::vec(any::<i8>(), 0..3).prop_map(Value::from),
    ]
}

fn put(object: &mut serde_json::Map<String, Value>, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        object.insert(first.clone(), value);
        return;
    }
    let inner = object.entry(first.clone()).or_insert(Value::Null);
    if !inner.is_object() {
        *inner = json!({});
    }
    put(inner.as_object_mut().unwrap(), rest, value);
}

proptest! {
    #[test]
    fn a_line_is_what_a_tree_of_values_would_be(
        rows in prop::collection::vec(
            prop::collection::vec((prop::collection::vec("[ab\"é]{1,2}", 1..4), leaf()), 0..8), 1..4)
    ) {
        let mut rig = Rig::running(settings());
        for (step, items) in rows.into_iter().enumerate() {
            let mut model = serde_json::Map::new();
            let mut record = wire::HistoryRecord::default();
            for (path, value) in items {
                let value_json = value.to_string();
                record.item.push(wire::HistoryItem { nested_key: path.clone(), value_json, ..Default::default() });
                put(&mut model, &path, value);
            }
            model.insert("_step".into(), json!(step));
            rig.derived(RecordType::History(record));
            let line: Value = serde_json::from_str(rig.rows.last().unwrap()).unwrap();
            prop_assert_eq!(line, Value::Object(model));
        }
    }
}
