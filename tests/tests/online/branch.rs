//! Runs that go on from others: resumed, forked, rewound.

use runwire_proto::wire::{BranchPoint, RunRecord, error_info::ErrorCode};
use runwire_tests::client::config_item;
use runwire_tests::online::{Backend, Setup, earlier_run, rows, set_up};
use serde_json::{Value, json};

const STATUS: &str = "graphql:RunResumeStatus";
const UPSERT: &str = "graphql:UpsertBucket";

fn resume(backend: &Backend, how: &str) -> Setup {
    set_up(&backend.url(), |settings| settings.resume = Some(how.into()), |_| {})
}

/// A server that has an old run, and will answer the next question about it with these changes.
fn with_old(change: Value) -> Backend {
    let backend = earlier_run(Backend::start(), "run1", 0);
    let stored = backend.requests(UPSERT)[0]["response"]["data"]["upsertBucket"]["bucket"]["id"].clone();
    assert!(stored.is_string(), "the server has an id for the run");
    backend.controls().clear_requests();
    backend.fault(status(&stored, change));
    backend
}

/// The answer about an old run, with changes.
fn status(stored: &Value, change: Value) -> Value {
    let mut bucket = json!({
        "id": stored, "name": "run1", "displayName": "old", "summaryMetrics": "{\"_runtime\":50,\"x\":1}",
        "config": "{\"a\":{\"value\":9},\"k\":{\"value\":1}}", "tags": ["t"], "notes": "n",
        "historyLineCount": 8, "eventsLineCount": 3, "logLineCount": 4,
        "historyTail": "[\"{\\\"_step\\\":9,\\\"_runtime\\\":70.2}\"]", "eventsTail": "[\"{\\\"_runtime\\\":60}\"]",
        "wandbConfig": "{\"t\":1}",
    });
    for (key, value) in change.as_object().expect("changes are an object") {
        bucket[key] = value.clone();
    }
    let model = json!({"id": "m", "name": "p", "entity": {"id": "e", "name": "e"}, "bucket": bucket});
    json!({"on": STATUS, "status": 200, "body": {"data": {"model": model}}})
}

fn branch(run: &str, value: f64) -> impl Fn(&mut RunRecord) {
    let run = run.to_owned();
    move |record| {
        record.branch_point = Some(BranchPoint { run: run.clone(), metric: "_step".into(), value });
    }
}

#[test]
fn backend_21_must_resume_what_is_not_there() {
    let backend = Backend::start();
    let setup = resume(&backend, "must");
    assert_eq!(setup.error().code, i32::from(ErrorCode::Usage));
    assert!(setup.error().message.starts_with("Run (run1) does not exist"), "{:?}", setup.answer);
    assert_eq!((backend.count(UPSERT), backend.count("file_stream")), (0, 0));
}

#[test]
fn backend_22_never_resume_what_is_there() {
    let backend = earlier_run(Backend::start(), "run1", 2);
    backend.controls().clear_requests();
    let setup = resume(&backend, "never");
    assert_eq!(setup.error().code, i32::from(ErrorCode::Usage));
    assert!(setup.error().message.starts_with("Run (run1) already exists"), "{:?}", setup.answer);
    assert_eq!((backend.count(UPSERT), backend.count("file_stream")), (0, 0));
}

#[test]
fn run_12_each_wish_for_each_run() {
    let backend = earlier_run(Backend::start(), "run1", 2);
    assert!(resume(&backend, "must").answer.expect("it is there").resumed);
    for how in ["never", "allow"] {
        assert!(!resume(&Backend::start(), how).answer.expect("nothing is there").resumed, "{how}");
    }
}

#[test]
fn backend_23_and_run_13_a_resumed_run_goes_on() {
    let backend = with_old(json!({}));
    let setup = set_up(
        &backend.url(),
        |settings| {
            settings.resume = Some("allow".into());
            settings.console = Some("wrap".into());
        },
        |_| {},
    );
    let run = setup.answer.clone().expect("it is resumed");
    assert!(run.resumed);
    assert_eq!((run.starting_step, run.runtime), (10, 70));
    assert_eq!((run.tags, run.notes.as_str()), (vec!["t".to_owned()], "n"));
    let mut online = setup.begin(backend);
    online.row(&[("x", "1")]);
    online.print("hello\n");
    online.exit(0);
    let upsert = &online.backend.variables("UpsertBucket")[0];
    assert!(upsert["id"].is_string(), "{upsert}");
    let config: Value = serde_json::from_str(upsert["config"].as_str().expect("a text")).expect("JSON");
    assert_eq!((&config["a"]["value"], &config["k"]["value"]), (&json!(1), &json!(1)));
    let pushes = online.backend.pushes();
    let chunk = |name: &str| pushes.iter().find_map(|push| push["files"].get(name)).expect("it was pushed").clone();
    let history = chunk("wandb-history.jsonl");
    assert_eq!(history["offset"], 8);
    let row: Value = serde_json::from_str(history["content"][0].as_str().expect("a text")).expect("JSON");
    assert_eq!(row["_step"], 10);
    assert!(row["_runtime"].as_f64().expect("a number") >= 70.2, "{row}");
    assert_eq!(chunk("output.log")["offset"], 4);
}

#[test]
fn backend_24_a_run_that_nobody_has_begun() {
    let backend = with_old(json!({"wandbConfig": "{}"}));
    let setup = resume(&backend, "allow");
    assert!(!setup.answer.as_ref().expect("it is new").resumed);
    assert_eq!(backend.variables("UpsertBucket")[0]["id"], Value::Null);
}

#[test]
fn backend_25_a_damaged_old_run() {
    let backend = with_old(json!({"historyLineCount": null}));
    assert!(resume(&backend, "must").answer.is_err());
    // The official client fails here too; ours goes on with what it can read and says so.
    backend.fault(status(&Value::Null, json!({"config": "{", "eventsLineCount": null})));
    let mut setup = resume(&backend, "allow");
    assert!(setup.answer.as_ref().expect("it is resumed").resumed);
    let told = setup.run.messages().join("\n");
    assert!(told.contains("not all of its old state"), "{told}");
}

#[test]
fn backend_26_and_run_16_a_rewound_run() {
    let backend = earlier_run(Backend::start(), "run1", 5);
    let setup = set_up(&backend.url(), |_| {}, branch("run1", 1.0));
    let run = setup.answer.clone().expect("it is rewound");
    assert_eq!(run.starting_step, 2);
    let asked = &backend.variables("RewindRun")[0];
    assert_eq!(
        (&asked["metricName"], &asked["metricValue"], &asked["runName"]),
        (&json!("_step"), &json!(1), &json!("run1"))
    );
    let mut online = setup.begin(backend);
    online.row(&[("x", "70")]);
    let (state, backend) = online.end();
    assert_ne!(backend.variables("UpsertBucket").last().expect("there was one")["id"], json!(""));
    let rows: Vec<(Value, Value)> = rows(&state).iter().map(|row| (row["x"].clone(), row["_step"].clone())).collect();
    assert_eq!(rows, [(json!(0), json!(0)), (json!(1), json!(1)), (json!(70), json!(2))]);
}

#[test]
fn run_16_a_rewind_comes_first_and_says_where_rows_go_on() {
    let backend = earlier_run(Backend::start(), "run1", 8);
    backend.controls().clear_requests();
    let mut online = set_up(&backend.url(), |_| {}, branch("run1", 5.0)).begin(backend);
    online.log_rows(1);
    let (state, backend) = online.end();
    let on = |request: &Value| request["on"].as_str().unwrap_or_default().to_owned();
    let asked: Vec<String> = backend.requests("graphql").iter().map(on).collect();
    assert_eq!(asked[..2], ["graphql:RewindRun", UPSERT], "{asked:?}");
    let rewound = &backend.requests("graphql:RewindRun")[0]["response"]["data"]["rewindRun"]["rewoundRun"];
    let count = rewound["historyLineCount"].as_u64().expect("a count");
    let pushes = backend.pushes();
    let history = pushes.iter().find_map(|push| push["files"].get("wandb-history.jsonl")).expect("rows");
    assert_eq!((count, &history["offset"]), (6, &json!(6)), "{rewound}");
    assert!(backend.variables("UpsertBucket")[0]["id"].is_string());
    let steps: Vec<Value> = rows(&state).iter().map(|row| row["_step"].clone()).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn backend_27_a_missing_run_is_not_rewound() {
    let backend = Backend::start();
    let setup = set_up(&backend.url(), |_| {}, branch("run1", 1.0));
    assert_eq!(setup.error().message, "failed to rewind run: run not found");
    assert_eq!(setup.error().code, i32::from(ErrorCode::Communication));
    assert_eq!(backend.count(UPSERT), 0);
}

#[test]
fn backend_28_and_run_15_a_fork() {
    let backend = earlier_run(Backend::start(), "base", 3);
    backend.controls().clear_requests();
    let setup = set_up(&backend.url(), |_| {}, branch("base", 1.0));
    let run = setup.answer.clone().expect("it is forked");
    assert!(run.forked);
    assert_eq!(run.starting_step, 2);
    let mut online = setup.begin(backend);
    online.log_rows(1);
    let (state, backend) = online.end();
    let kinds: Vec<Value> = backend.requests("graphql").iter().map(|request| request["on"].clone()).collect();
    assert!(kinds.iter().all(|kind| kind != STATUS && kind != "graphql:RewindRun"), "{kinds:?}");
    assert_eq!(rows(&state)[0]["_step"], 2);
    assert_eq!(state["writers"][""]["history"][0][0], 0, "its own rows begin at offset 0");
}

#[test]
fn backend_28_where_a_fork_began_is_in_its_config() {
    // official: same. It is the client who puts it there; nobody else adds or drops it.
    let backend = earlier_run(Backend::start(), "base", 3);
    let point = json!({"run_id": "base", "step": 1});
    let edit = |run: &mut RunRecord| {
        branch("base", 1.0)(run);
        let update = vec![config_item(&["_wandb"], &json!({"branch_point": point}).to_string())];
        run.config.get_or_insert_default().update.extend(update);
    };
    let (state, _) = set_up(&backend.url(), |_| {}, edit).begin(backend).end();
    assert_eq!(state["config"]["_wandb"]["value"]["branch_point"], json!({"run_id": "base", "step": 1}));
}

#[test]
fn run_15_a_fork_between_two_steps() {
    let backend = Backend::start();
    let setup = set_up(&backend.url(), |_| {}, branch("base", 2.7));
    assert_eq!(setup.answer.expect("it is forked").starting_step, 3);
}

#[test]
fn run_14_the_clock_of_a_resumed_run() {
    let backend = with_old(json!({"historyTail": "[\"{\\\"_step\\\":1,\\\"_runtime\\\":2.632}\"]", "eventsTail": "[]",
        "summaryMetrics": "{}"}));
    let setup = resume(&backend, "must");
    assert_eq!(setup.answer.as_ref().expect("it is resumed").runtime, 2);
    let mut online = setup.begin(backend);
    online.log_rows(1);
    online.exit(0);
    let pushes = online.backend.pushes();
    let row = pushes.iter().find_map(|push| push["files"]["wandb-history.jsonl"]["content"][0].as_str());
    let row: Value = serde_json::from_str(row.expect("it was pushed")).expect("JSON");
    assert!(row["_runtime"].as_f64().is_some_and(|runtime| runtime >= 2.632), "{row}");
}

#[test]
fn run_13_a_value_of_the_new_run_wins() {
    let backend = earlier_run(Backend::start(), "run1", 1);
    let setup = set_up(
        &backend.url(),
        |settings| settings.resume = Some("must".into()),
        |run| run.config.get_or_insert_default().update = vec![config_item(&["a"], "\"new\"")],
    );
    let (state, _) = setup.begin(backend).end();
    assert_eq!(state["config"]["a"]["value"], "new");
}
