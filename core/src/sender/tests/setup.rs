//! The first upsert: its variables, errors and time.

use super::*;
use wire::error_info::ErrorCode;

#[test]
fn backend_11_the_first_upsert_has_all_variables_and_the_second_only_what_changed() {
    let mut rig = Rig::new(settings(), Mode::Live);
    let mut first = run("res01");
    first.tags = vec!["x".into()];
    first.config = Some(config(&[("a", "1")]));
    rig.record(RecordType::Run(first));
    assert!(!rig.sender.wants_records());
    let (tag, operation, variables) = rig.one();
    assert_eq!((tag, operation.as_str()), (Tag::Setup, "UpsertBucket"));
    let names = [
        "id",
        "name",
        "project",
        "entity",
        "groupName",
        "description",
        "displayName",
        "notes",
        "commit",
        "config",
        "host",
        "debug",
        "program",
        "repo",
        "jobType",
        "state",
        "sweep",
        "tags",
        "summaryMetrics",
    ];
    assert_eq!(variables.as_object().unwrap().len(), names.len());
    assert!(names.iter().all(|name| variables.get(name).is_some()));
    // As recorded from the official client.
    let golden = json!({
        "name": "res01", "project": "proj", "entity": "ent", "program": "DIR/script.py", "tags": ["x"],
        "config": {"_wandb": private(&[14]), "a": {"value": 1}},
    });
    assert_eq!(not_null(&variables), golden);
    rig.answer(Tag::Setup, 200, &upserted("res01", 0));
    let names: Vec<_> = rig.rest.iter().map(|action| format!("{action:?}")).collect();
    assert!(names[0].starts_with("Upserted") && names[1].starts_with("Remember") && names[2].starts_with("Start"));
    assert_eq!(rig.upserted().display_name, "stub-run-1");

    let feature = wire::Feature { finish: true, ..Default::default() };
    rig.record(RecordType::Telemetry(wire::TelemetryRecord { feature: Some(feature), ..Default::default() }));
    rig.pass(Duration::from_millis(4999));
    assert!(rig.sent.is_empty());
    rig.pass(Duration::from_millis(1));
    let golden = json!({
        "name": "res01", "project": "proj", "entity": "ent",
        "config": {"_wandb": private(&[2, 14]), "a": {"value": 1}},
    });
    assert_eq!(rig.one_set(), golden);
}

#[test]
fn backend_13_the_servers_names_count() {
    let mut rig = Rig::new(settings(), Mode::Live);
    rig.record(RecordType::Run(run("r")));
    let answer = json!({"data": {"upsertBucket": {"bucket": {
        "id": "I", "name": "r2", "project": {"name": "p2", "entity": {"name": "e2"}}, "historyLineCount": 0}}}});
    rig.answer(Tag::Setup, 200, &answer.to_string());
    let place = rig.upserted().place;
    assert_eq!((&*place.entity, &*place.project, &*place.run_id), ("e2", "p2", "r2"));
    rig.sent.clear();
    rig.record(RecordType::Config(config(&[("a", "1")])));
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.one_set()["name"], "r2");
}

#[test]
fn backend_14_run_10_no_bucket_is_a_success_with_the_requested_names() {
    for answer in
        [r#"{"data":null}"#, r#"{"data":{"upsertBucket":null}}"#, r#"{"data":{"upsertBucket":{"bucket":null}}}"#]
    {
        let mut rig = Rig::new(settings(), Mode::Live);
        rig.record(RecordType::Run(run("r")));
        rig.answer(Tag::Setup, 200, answer);
        let run = rig.upserted();
        assert_eq!((&*run.place.run_id, &*run.storage_id), ("r", ""));
    }
}

#[test]
fn backend_15_a_conflict_is_tried_again() {
    let mut rig = Rig::new(settings(), Mode::Live);
    rig.record(RecordType::Run(run("r")));
    for _ in 0..2 {
        rig.answer(Tag::Setup, 409, "conflict");
        assert_eq!(rig.sender.operations()[0].error_status, "retrying HTTP 409: conflict");
        rig.pass(Duration::from_secs(2));
    }
    assert_eq!(rig.sent.len(), 3);
    assert_eq!(rig.sent[0], rig.sent[2]);
    rig.answer(Tag::Setup, 200, &upserted("r", 0));
    assert_eq!(rig.upserted().storage_id, "UnVuOjE=");
    assert_eq!(rig.sender.responses().len(), 2);
    assert!(rig.sender.operations().is_empty() && rig.sender.trouble().is_none());
}

#[test]
fn backend_16_17_71_run_7_a_refusal_is_an_error_with_the_servers_words() {
    let cases = [
        (403, r#"{"errors":[{"message":"M"}]}"#, "M"),
        (404, "<html>no</html>", "<html>no</html>"),
        (404, "", "<no message>"),
        (401, r#"{"error":"bad key"}"#, "bad key"),
        (400, "{}", "{}"),
        (410, "", "<no message>"),
        (422, "", "<no message>"),
    ];
    for (status, body, message) in cases {
        let mut rig = Rig::new(settings(), Mode::Live);
        rig.record(RecordType::Run(run("r")));
        rig.answer(Tag::Setup, status, body);
        assert_eq!(rig.error(), (ErrorCode::Communication, message.into()));
        assert_eq!(rig.sent.len(), 1);
        assert!(rig.sender.wants_records() && rig.sender.wake().is_none());
    }
}

#[test]
fn run_9_errors_in_a_success() {
    let mut rig = Rig::new(settings(), Mode::Live);
    rig.record(RecordType::Run(run("r")));
    rig.answer(Tag::Setup, 200, r#"{"errors":[{"message":"gql err"}],"data":null}"#);
    assert_eq!(rig.error(), (ErrorCode::Unknown, "Error initializing run: input: gql err\n".into()));
}

#[test]
fn run_8_backend_18_the_setup_is_bounded_by_init_timeout() {
    let mut rig = Rig::new(wire::Settings { init_timeout: Some(6.0), ..settings() }, Mode::Live);
    rig.record(RecordType::Run(run("r")));
    while !rig.rest.iter().any(|action| matches!(action, Action::InitFailed(_))) {
        assert!(rig.now < Instant::from_nanos(6_000_000_001));
        let sent = rig.sent.len();
        rig.answer(Tag::Setup, 500, "boom");
        while rig.sent.len() == sent && rig.sender.wake().is_some() {
            rig.pass(Duration::from_millis(10));
        }
    }
    let (code, text) = rig.error();
    assert_eq!(code, ErrorCode::Communication);
    assert_eq!(
        text,
        "Timed out while retrying: HTTP 500: boom\nConsider increasing the init_timeout setting:\n  \
         wandb.init(settings=wandb.Settings(init_timeout=...))"
    );
    assert_eq!(rig.now.nanos(), 6_000_000_000);
    // The answer of the last attempt comes too late.
    rig.answer(Tag::Setup, 200, &upserted("r", 0));
    assert!(!rig.rest.iter().any(|action| matches!(action, Action::Upserted(_))));
}

#[test]
fn backend_72_a_server_that_is_not_there() {
    let mut rig = Rig::new(wire::Settings { init_timeout: Some(1.0), ..settings() }, Mode::Live);
    rig.record(RecordType::Run(run("r")));
    rig.no_answer(Tag::Setup, FailureKind::Unreachable, "connection refused");
    rig.pass(Duration::from_secs(1));
    assert!(rig.error().1.starts_with("Timed out while retrying: connection refused\n"));
    let mut silent = Rig::new(wire::Settings { init_timeout: Some(1.0), ..settings() }, Mode::Live);
    silent.record(RecordType::Run(run("r")));
    silent.pass(Duration::from_secs(1));
    assert!(silent.error().1.starts_with("Timed out initializing run: "));
}

#[test]
fn run_11_after_a_failed_setup_only_the_exit_matters() {
    let mut rig = Rig::new(settings(), Mode::Live);
    rig.record(RecordType::Run(run("r")));
    rig.answer(Tag::Setup, 403, "");
    rig.rest.clear();
    rig.row(&[("a", "1")]);
    rig.record(RecordType::Config(config(&[("a", "1")])));
    rig.record(RecordType::Exit(wire::RunExitRecord { exit_code: 3, ..Default::default() }));
    assert_eq!(rig.rest, [Action::Exit { code: None }]);
    rig.flush();
    assert!(rig.flush_done() && rig.rows.is_empty() && rig.sender.wake().is_none());
}

#[test]
fn run_17_no_machine_info_no_host() {
    for (off, host) in [(false, json!("H")), (true, Value::Null)] {
        let mut rig = Rig::new(wire::Settings { x_disable_machine_info: Some(off), ..settings() }, Mode::Live);
        rig.record(RecordType::Run(wire::RunRecord { host: "H".into(), ..run("r") }));
        assert_eq!(rig.one().2["host"], host);
    }
}

#[test]
fn backend_53_rows_of_another_writer_shift_the_offset_and_are_told_unless_they_are_expected() {
    for (shared, told) in [(false, 1), (true, 0)] {
        let mut rig = Rig::new(wire::Settings { shared: Some(shared), ..settings() }, Mode::Live);
        rig.record(RecordType::Run(run("r")));
        rig.answer(Tag::Setup, 200, &upserted("r", 4));
        assert_eq!((rig.base().history, rig.told.len()), (4, told), "{:?}", rig.told);
    }
}

#[test]
fn giving_up_ends_a_setup() {
    let mut rig = Rig::new(settings(), Mode::Live);
    rig.record(RecordType::Run(run("r")));
    rig.flush();
    assert!(!rig.flush_done());
    rig.call(|sender, _, out| sender.abandon(out));
    assert!(rig.flush_done() && rig.sender.wake().is_none());
    assert_eq!(rig.error().0, ErrorCode::Communication);
}
