//! Resume, fork and rewind.

use super::*;
use wire::error_info::ErrorCode;

fn resuming(wish: &str) -> Rig {
    let mut rig = Rig::new(wire::Settings { resume: Some(wish.into()), ..settings() }, Mode::Live);
    let mut first = run("r");
    first.config = Some(config(&[("a", "5"), ("b", "2")]));
    rig.record(RecordType::Run(first));
    let (tag, operation, variables) = rig.one();
    assert_eq!((tag, operation.as_str()), (Tag::Setup, "RunResumeStatus"));
    assert_eq!(variables, json!({"project": "proj", "entity": "ent", "name": "r"}));
    rig
}

fn status(bucket: &Value) -> String {
    json!({"data": {"model": {"id": "P", "name": "proj", "entity": {"id": "E", "name": "ent"}, "bucket": bucket}}})
        .to_string()
}

/// Eight rows, of which the last has step 9.
fn old() -> Value {
    json!({
        "id": "UnVuOjE=", "name": "r", "displayName": "stub-run-1",
        "summaryMetrics": r#"{"_step":7,"_runtime":3.5,"_wandb":{"runtime":70},"x":NaN}"#,
        "logLineCount": 4, "historyLineCount": 8, "eventsLineCount": 3,
        "historyTail": r#"["{\"_step\":9,\"_runtime\":2.632}"]"#,
        "eventsTail": r#"["{\"_runtime\":1}","{\"_runtime\":70.25}"]"#,
        "config": r#"{"_wandb":{"value":{"t":{"1":[2]},"viz":{"v":1}}},"a":{"value":1},"k":{"value":{"x":1,"y":2}}}"#,
        "tags": ["o"], "notes": "old", "wandbConfig": r#"{"t":{"12":"0.31.0"}}"#,
    })
}

#[test]
fn backend_23_run_13_a_resumed_run_goes_on_where_it_was() {
    let mut rig = resuming("allow");
    rig.answer(Tag::Setup, 200, &status(&old()));
    let upsert = rig.one_set();
    let mut private = private(&[14]);
    private["value"]["viz"] = json!({"v": 1});
    let golden = json!({
        "id": "UnVuOjE=", "name": "r", "project": "proj", "entity": "ent", "notes": "old", "tags": ["o"],
        "program": "DIR/script.py",
        "config": {"_wandb": private, "a": {"value": 5}, "b": {"value": 2}, "k": {"value": {"x": 1, "y": 2}}},
    });
    assert_eq!(upsert, golden);
    rig.answer(Tag::Setup, 200, &upserted("r", 8));
    assert_eq!(rig.base(), Offsets { history: 8, events: 3, console: 4 });
    let run = rig.upserted();
    assert_eq!((run.resumed, run.starting_step, run.runtime_ms), (true, 10, 70_250));
    let summary: Vec<_> = run.summary.iter().map(|item| (item.key.as_str(), item.value_json.as_str())).collect();
    assert_eq!(summary, [("_runtime", "3.5"), ("_step", "7"), ("_wandb", r#"{"runtime":70}"#), ("x", "NaN")]);
    assert!(rig.told.is_empty(), "{:?}", rig.told);
    rig.row(&[("x", "1")]);
    assert_eq!(rig.rows, [r#"{"x":1,"_step":10}"#]);
}

#[test]
fn a_resumed_run_without_tags_says_so_with_an_empty_list() {
    let mut rig = resuming("must");
    let mut bucket = old();
    bucket["tags"] = json!([]);
    rig.answer(Tag::Setup, 200, &status(&bucket));
    assert_eq!(rig.one_set()["tags"], json!([]));
}

#[test]
fn backend_21_22_run_12_refusals_in_the_words_that_clients_know() {
    let mut never = resuming("never");
    never.answer(Tag::Setup, 200, &status(&old()));
    assert_eq!(
        never.error(),
        (
            ErrorCode::Usage,
            "Run (r) already exists, but your `resume` setting does not allow resuming an existing run. Verify the run ID \
             is correct. To resume this run, set `resume` in wandb.init() or `WANDB_RESUME` to `allow` or `must`. To start \
             a new run, use a different run ID."
                .into()
        )
    );
    let mut must = resuming("must");
    must.answer(Tag::Setup, 200, &status(&Value::Null));
    assert_eq!(
        must.error(),
        (
            ErrorCode::Usage,
            "Run (r) does not exist or has not been initialized, but your `resume` setting requires an existing run to \
             resume. Verify the run ID is correct. If you are starting a new run, omit `resume` in wandb.init() or set \
             `resume` or `WANDB_RESUME` to `allow` or `never`."
                .into()
        )
    );
    assert!(never.sent.is_empty() && must.sent.is_empty());
}

#[test]
fn backend_24_a_run_that_was_only_created_ahead_is_new() {
    for wish in ["allow", "never"] {
        for started in [json!("{}"), Value::Null, json!("")] {
            let mut rig = resuming(wish);
            let mut bucket = old();
            bucket["wandbConfig"] = started;
            rig.answer(Tag::Setup, 200, &status(&bucket));
            assert_eq!(rig.one().2["id"], Value::Null);
            rig.answer(Tag::Setup, 200, &upserted("r", 0));
            assert!(!rig.upserted().resumed);
        }
    }
}

#[test]
fn backend_25_a_damaged_old_run_is_an_error_for_must_and_a_message_for_allow() {
    let cases = [
        ("historyLineCount", Value::Null, "no history line count found"),
        ("config", json!(r#"{"a":1}"#), "unexpected type int64 for a"),
        ("config", json!("{"), "failed to unmarshal config: "),
        ("summaryMetrics", json!("x"), "failed to unmarshal summary metrics: "),
        ("historyTail", json!("[1]"), "failed to unmarshal history tail: "),
        ("eventsTail", json!("{}"), "failed to unmarshal events tail: "),
    ];
    for (key, value, text) in cases {
        let mut bucket = old();
        bucket[key] = value;
        let mut must = resuming("must");
        must.answer(Tag::Setup, 200, &status(&bucket));
        let (code, message) = must.error();
        assert_eq!(code, ErrorCode::Unknown);
        assert!(message.starts_with(&format!("Error initializing run: {text}")), "{message}");
        let mut allow = resuming("allow");
        allow.answer(Tag::Setup, 200, &status(&bucket));
        assert_eq!(allow.one().2["id"], "UnVuOjE=");
        assert!(allow.told.len() == 1 && allow.told[0].contains(text), "{:?}", allow.told);
        allow.answer(Tag::Setup, 200, &upserted("r", 8));
        assert!(allow.upserted().resumed);
    }
}

#[test]
fn a_count_that_is_missing_is_taken_from_the_upsert() {
    let mut rig = resuming("allow");
    let mut bucket = old();
    bucket["historyLineCount"] = Value::Null;
    rig.answer(Tag::Setup, 200, &status(&bucket));
    rig.answer(Tag::Setup, 200, &upserted("r", 8));
    assert_eq!((rig.base().history, rig.upserted().starting_step), (8, 10));
}

#[test]
fn a_failed_query_names_the_run() {
    let mut rig = resuming("allow");
    rig.answer(Tag::Setup, 403, r#"{"errors":[{"message":"M"}]}"#);
    assert_eq!(rig.error(), (ErrorCode::Communication, "Failed to get resume status for run r: M".into()));
}

fn branch(run_id: &str, value: f64, metric: &str) -> wire::RunRecord {
    let branch_point = Some(wire::BranchPoint { run: run_id.into(), value, metric: metric.into() });
    wire::RunRecord { branch_point, ..run("r") }
}

#[test]
fn backend_28_run_15_a_fork_asks_nothing() {
    for (value, first) in [(1.0, 2), (2.7, 3)] {
        let mut rig = Rig::new(settings(), Mode::Live);
        rig.record(RecordType::Run(branch("base", value, "_step")));
        let (_, operation, variables) = rig.one();
        assert_eq!((operation.as_str(), &variables["id"]), ("UpsertBucket", &Value::Null));
        rig.answer(Tag::Setup, 200, &upserted("r", 0));
        let run = rig.upserted();
        assert_eq!((run.forked, run.resumed, run.starting_step, rig.base().history), (true, false, first, 0));
        rig.row(&[("x", "1")]);
        assert_eq!(rig.rows, [format!(r#"{{"x":1,"_step":{first}}}"#)]);
    }
}

#[test]
fn backend_26_run_16_a_rewind_comes_before_the_upsert() {
    let mut rig = Rig::new(settings(), Mode::Live);
    rig.record(RecordType::Run(branch("r", 0.0, "_step")));
    let (_, operation, variables) = rig.one();
    assert_eq!(operation, "RewindRun");
    let golden = json!({"runName": "r", "entity": "ent", "project": "proj", "metricName": "_step", "metricValue": 0});
    assert_eq!(variables, golden);
    let answer = json!({"data": {"rewindRun": {"rewoundRun": {
        "id": "UnVuOjE=", "name": "r", "displayName": "stub-run-1", "sweepName": null, "historyLineCount": 4,
        "config": r#"{"_wandb":{"value":{"m":[]}},"a":{"value":1}}"#,
        "project": {"id": "P", "name": "proj", "entity": {"id": "E", "name": "ent"}}}}}});
    rig.answer(Tag::Setup, 200, &answer.to_string());
    let golden = json!({
        "id": "UnVuOjE=", "name": "r", "project": "proj", "entity": "ent", "displayName": "stub-run-1",
        "program": "DIR/script.py", "config": {"_wandb": private(&[14]), "a": {"value": 1}},
    });
    assert_eq!(rig.one_set(), golden);
    rig.answer(Tag::Setup, 200, &upserted("r", 4));
    assert_eq!((rig.upserted().starting_step, rig.base().history, rig.told.len()), (1, 4, 0));
}

#[test]
fn backend_27_a_rewind_can_fail() {
    let cases = [
        (200, r#"{"data":{"rewindRun":null}}"#, "failed to rewind run: run not found"),
        (403, r#"{"errors":[{"message":"M"}]}"#, "failed to rewind run: M"),
        (200, r#"{"errors":[{"message":"M"}]}"#, "failed to rewind run: input: M\n"),
    ];
    for (status, body, message) in cases {
        let mut rig = Rig::new(settings(), Mode::Live);
        rig.record(RecordType::Run(branch("r", 0.0, "_step")));
        rig.answer(Tag::Setup, status, body);
        assert_eq!(rig.error(), (ErrorCode::Communication, message.into()));
    }
}

#[test]
fn branches_are_at_steps_only() {
    for (from, verb) in [("r", "rewind"), ("base", "fork_from")] {
        let mut rig = Rig::new(settings(), Mode::Live);
        rig.record(RecordType::Run(branch(from, 1.0, "loss")));
        assert_eq!(
            rig.error(),
            (ErrorCode::Unsupported, format!("{verb} only supports `_step` metric name currently"))
        );
    }
}
