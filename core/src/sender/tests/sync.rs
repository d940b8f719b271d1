//! Logs that are uploaded later, and uploads that are taken up again.

use super::*;
use crate::sync::Overrides;

fn sync(overrides: Overrides) -> Rig {
    Rig::new(wire::Settings { program: Some("-m other".into()), ..settings() }, Mode::Sync(overrides))
}

#[test]
fn run_71_an_offline_resume_asks_and_goes_on() {
    let mut rig = sync(Overrides::default());
    rig.record(RecordType::Run(wire::RunRecord { resume: true, ..run("g22") }));
    assert_eq!(rig.one().1, "RunResumeStatus");
    let status = json!({"data": {"model": {"bucket": {
        "id": "UnVuOjE=", "name": "g22", "historyLineCount": 5, "eventsLineCount": 0, "logLineCount": 0,
        "historyTail": r#"["{\"_step\":4}"]"#, "eventsTail": "[]", "config": "{}", "summaryMetrics": "{}", "tags": [],
        "wandbConfig": r#"{"t":{}}"#}}}});
    rig.answer(Tag::Setup, 200, &status.to_string());
    // As recorded, but for the program: that of the syncing process says nothing about the run.
    let golden = json!({
        "id": "UnVuOjE=", "name": "g22", "project": "proj", "entity": "ent", "tags": [],
        "config": {"_wandb": private(&[14, 76])},
    });
    assert_eq!(rig.one_set(), golden);
    rig.answer(Tag::Setup, 200, &upserted("g22", 5));
    assert_eq!((rig.base().history, rig.upserted().starting_step), (5, 5));
    for step in ["0", "1", "2", "10"] {
        rig.row(&[("_step", step)]);
    }
    assert_eq!(rig.rows, [5, 6, 7, 10].map(|step| format!(r#"{{"_step":{step}}}"#)));
}

#[test]
fn run_72_rows_of_an_offline_fork_keep_their_steps() {
    let mut rig = sync(Overrides::default());
    let branch_point = Some(wire::BranchPoint { run: "base".into(), value: 2.0, metric: "_step".into() });
    rig.record(RecordType::Run(wire::RunRecord { branch_point, ..run("r") }));
    rig.answer(Tag::Setup, 200, &upserted("r", 0));
    for step in ["3", "4", "5"] {
        rig.row(&[("_step", step)]);
    }
    assert_eq!(rig.rows, [3, 4, 5].map(|step| format!(r#"{{"_step":{step}}}"#)));
}

#[test]
fn the_program_is_the_recorded_one() {
    let mut rig = sync(Overrides::default());
    rig.record(RecordType::Run(run("r")));
    rig.answer(Tag::Setup, 200, &upserted("r", 0));
    rig.sent.clear();
    let environment =
        wire::EnvironmentRecord { program: "train.py".into(), writer_id: "w".into(), ..Default::default() };
    rig.record(RecordType::Environment(environment));
    rig.flush();
    assert_eq!(rig.one_set()["program"], "train.py");
}

#[test]
fn what_the_user_puts_in_place() {
    let mut rig = sync(Overrides {
        entity: "e2".into(),
        project: "p2".into(),
        run_id: "r2".into(),
        job_type: "j2".into(),
        tag_replacements: [("a".into(), "b".into()), ("d".into(), String::new())].into(),
    });
    rig.record(RecordType::Run(wire::RunRecord { tags: vec!["a".into(), "c".into(), "d".into()], ..run("r") }));
    let sent = rig.one_set();
    let expected = json!({"entity": "e2", "project": "p2", "name": "r2", "jobType": "j2", "tags": ["b", "c"]});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&sent[key], value);
    }
}

fn alert() -> RecordType {
    RecordType::Alert(wire::AlertRecord { title: "T".into(), ..Default::default() })
}

#[test]
fn a_second_life_repeats_neither_questions_nor_alerts() {
    let mut rig = sync(Overrides::default());
    rig.record(RecordType::Run(wire::RunRecord { resume: true, ..run("r") }));
    let status = json!({"data": {"model": {"bucket": {
        "id": "I", "historyLineCount": 5, "eventsLineCount": 1, "logLineCount": 2, "historyTail": r#"["{\"_step\":4}"]"#,
        "config": r#"{"old":{"value":1}}"#, "wandbConfig": r#"{"t":{}}"#}}}});
    rig.answer(Tag::Setup, 200, &status.to_string());
    rig.answer(Tag::Setup, 200, &upserted("r", 5));
    rig.record(alert());
    let mark = rig.mark;
    let remembered = rig
        .rest
        .iter()
        .find_map(|action| if let Action::Remember(restored) = action { Some((**restored).clone()) } else { None });
    let earlier = Restored { mark, ..remembered.unwrap() };

    let mut second = sync(Overrides::default());
    second.sender.restore(earlier);
    second.record(RecordType::Run(wire::RunRecord { resume: true, ..run("r") }));
    let sent = second.one_set();
    assert_eq!((&sent["id"], &sent["config"]["old"]), (&json!("UnVuOjE="), &json!({"value": 1})));
    // By now the server has rows of this log.
    second.answer(Tag::Setup, 200, &upserted("r", 9));
    assert_eq!(second.base(), Offsets { history: 5, events: 1, console: 2 });
    assert!(second.told.is_empty());
    second.record(alert());
    assert_eq!(second.mark, mark);
    assert!(second.sent.is_empty());
    second.record(alert());
    assert_eq!(second.one().1, "NotifyScriptableRunAlert");
    second.row(&[("_step", "0")]);
    assert_eq!(second.rows, [r#"{"_step":5}"#]);
}

#[test]
fn summaries_of_the_official_log_and_of_ours_fold_alike() {
    let mut rig = sync(Overrides::default());
    rig.record(RecordType::Run(run("r")));
    rig.answer(Tag::Setup, 200, &upserted("r", 0));
    let loss = wire::MetricRecord {
        name: "loss".into(),
        summary: Some(wire::MetricSummary { min: true, ..Default::default() }),
        ..Default::default()
    };
    rig.record(RecordType::Metric(loss));
    rig.row(&[("loss", "3"), ("_runtime", "1.25"), ("_step", "0")]);
    rig.row(&[("loss", "2"), ("_runtime", "2.25"), ("_step", "1")]);
    let item = wire::SummaryItem { key: "best".into(), value_json: "7".into(), ..Default::default() };
    rig.record(RecordType::Summary(wire::SummaryRecord { update: vec![item], ..Default::default() }));
    let item = wire::SummaryItem { key: "_runtime".into(), value_json: "3".into(), ..Default::default() };
    rig.derived(RecordType::Summary(wire::SummaryRecord { update: vec![item], ..Default::default() }));
    assert_eq!(
        rig.sender.summary_json(),
        r#"{"_runtime":3,"_step":1,"_wandb":{"runtime":2},"best":7,"loss":{"min":2}}"#
    );
}

#[test]
fn a_tag_that_no_server_takes_is_left_out_and_told() {
    let mut rig = sync(Overrides::default());
    let tags = vec!["good".into(), "x".repeat(70), "é".repeat(64)];
    rig.record(RecordType::Run(wire::RunRecord { tags, ..run("r") }));
    assert_eq!(rig.one().2["tags"], json!(["good", "é".repeat(64)]));
    assert_eq!(rig.told.len(), 1, "{:?}", rig.told);
}
