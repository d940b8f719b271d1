//! Later upserts and alerts.

use super::*;

fn change(rig: &mut Rig, key: &str) {
    rig.record(RecordType::Config(config(&[(key, "1")])));
}

#[test]
fn backend_12_changes_within_five_seconds_share_an_upsert() {
    let mut rig = Rig::running(settings());
    for key in ["a", "b", "c"] {
        change(&mut rig, key);
        rig.pass(Duration::from_secs(1));
    }
    assert!(rig.sent.is_empty());
    rig.pass(Duration::from_secs(2));
    let sent = rig.one_set();
    assert_eq!(sent["config"]["c"], json!({"value": 1}));
    assert_eq!(rig.sender.operations()[0].desc, "updating run metadata");
    rig.answer(Tag::Update, 200, &upserted("other", 99));
    rig.pass(Duration::from_secs(60));
    assert!(rig.sent.is_empty() && rig.sender.operations().is_empty());
    assert_eq!(rig.sender.known.place.run_id, "r");
}

#[test]
fn run_2_a_later_run_record_sends_the_parameters_with_the_servers_id() {
    let mut rig = Rig::running(settings());
    let update = wire::RunRecord {
        run_id: "r".into(),
        display_name: "newname".into(),
        notes: "n".into(),
        tags: vec!["z".into()],
        ..Default::default()
    };
    rig.record(RecordType::Run(update));
    rig.pass(Duration::from_secs(5));
    let golden = json!({
        "id": "UnVuOjE=", "name": "r", "project": "proj", "entity": "ent", "displayName": "newname", "notes": "n",
        "program": "DIR/script.py", "tags": ["z"],
    });
    assert_eq!(rig.one_set(), golden);
    rig.answer(Tag::Update, 200, &upserted("r", 0));
    // What is empty overwrites nothing.
    rig.record(RecordType::Run(wire::RunRecord { run_id: "r".into(), notes: "m".into(), ..Default::default() }));
    rig.flush();
    let sent = rig.one_set();
    assert_eq!((&sent["notes"], &sent["displayName"], &sent["tags"]), (&json!("m"), &json!("newname"), &json!(["z"])));
}

#[test]
fn one_upsert_at_a_time_and_the_next_has_what_came_meanwhile() {
    let mut rig = Rig::running(settings());
    change(&mut rig, "a");
    rig.pass(Duration::from_secs(5));
    let _ = rig.one();
    change(&mut rig, "b");
    rig.pass(Duration::from_secs(20));
    assert!(rig.sent.is_empty());
    rig.answer(Tag::Update, 200, &upserted("r", 0));
    assert_eq!(rig.one_set()["config"]["b"], json!({"value": 1}));
}

#[test]
fn backend_20_a_refused_update_goes_with_the_next_change_and_at_the_end() {
    let mut rig = Rig::running(settings());
    rig.record(RecordType::Run(wire::RunRecord { notes: "n".into(), ..Default::default() }));
    rig.pass(Duration::from_secs(5));
    let _ = rig.one();
    rig.answer(Tag::Update, 403, "no");
    rig.pass(Duration::from_secs(600));
    assert!(rig.sent.is_empty() && rig.told.is_empty());
    change(&mut rig, "a");
    rig.pass(Duration::from_secs(5));
    let again = rig.one_set();
    assert!(again["notes"] == "n" && again["config"]["a"] == json!({"value": 1}));
    rig.answer(Tag::Update, 200, r#"{"errors":[{"message":"M"}]}"#);
    rig.flush();
    assert_eq!(rig.one_set()["notes"], "n");
    assert!(!rig.flush_done());
    rig.answer(Tag::Update, 403, r#"{"errors":[{"message":"not yours"}]}"#);
    assert!(rig.flush_done() && rig.sent.is_empty());
    assert!(rig.told.len() == 1 && rig.told[0].contains("not yours"), "{:?}", rig.told);
}

#[test]
fn at_the_end_the_wait_is_cut_short_and_a_clean_run_sends_nothing() {
    let mut rig = Rig::running(settings());
    rig.flush();
    assert!(rig.flush_done() && rig.sent.is_empty());
    let mut rig = Rig::running(settings());
    change(&mut rig, "a");
    rig.pass(Duration::from_secs(5));
    let _ = rig.one();
    rig.answer(Tag::Update, 503, "later");
    change(&mut rig, "b");
    rig.flush();
    // The attempt that waited is replaced by one with the newest content.
    assert_eq!(rig.one_set()["config"]["b"], json!({"value": 1}));
    assert_eq!(rig.sender.trouble(), None);
    rig.answer(Tag::Update, 503, "later");
    assert!(rig.sent.is_empty() && rig.sender.trouble().is_some_and(|(text, at)| text.contains("503") && at.is_some()));
    rig.pass(Duration::from_secs(1));
    let _ = rig.one();
    rig.answer(Tag::Update, 200, &upserted("r", 0));
    assert!(rig.flush_done());
}

#[test]
fn metrics_and_environment_are_in_the_config() {
    let mut rig = Rig::running(settings());
    let metric = wire::MetricRecord { name: "loss".into(), ..Default::default() };
    rig.record(RecordType::Metric(metric));
    let environment = wire::EnvironmentRecord { os: "Linux".into(), writer_id: "w".into(), ..Default::default() };
    rig.record(RecordType::Environment(environment));
    rig.pass(Duration::from_secs(5));
    let sent = rig.one_set();
    let private = &sent["config"]["_wandb"]["value"];
    assert_eq!(private["m"], json!([{"1": "loss", "6": [], "7": []}]));
    assert_eq!(private["e"], json!({"w": {"os": "Linux", "writerId": "w"}}));
    assert!(rig.sender.config_yaml().contains("writerId: w"));
}

fn alert(title: &str) -> RecordType {
    RecordType::Alert(wire::AlertRecord {
        title: title.into(),
        text: "body".into(),
        level: "WARN".into(),
        wait_duration: 300_000,
        info: None,
    })
}

#[test]
fn backend_66_an_alert_goes_at_once_and_its_failure_touches_nothing_else() {
    let mut rig = Rig::running(settings());
    rig.record(alert("T"));
    let (tag, operation, variables) = rig.one();
    assert_eq!(operation, "NotifyScriptableRunAlert");
    let golden = json!({
        "entityName": "ent", "projectName": "proj", "runName": "r", "title": "T", "text": "body", "severity": "WARN",
        "waitDuration": 300_000,
    });
    assert_eq!(variables, golden);
    // While one waits for another attempt, others and everything else go on.
    rig.answer(tag, 500, "");
    rig.record(alert("U"));
    let (other, _, _) = rig.one();
    assert_ne!(tag, other);
    rig.answer(other, 200, r#"{"data":{"notifyScriptableRunAlert":{"success":true}}}"#);
    rig.row(&[("a", "1")]);
    assert_eq!(rig.rows.len(), 1);
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.one().0, tag);
    assert!(rig.sender.undelivered_mark().is_some());
    rig.flush();
    assert!(!rig.flush_done());
    rig.answer(tag, 403, r#"{"errors":[{"message":"M"}]}"#);
    assert!(rig.flush_done() && rig.sender.undelivered_mark().is_none());
    assert!(rig.told.len() == 1 && rig.told[0].contains('M'), "{:?}", rig.told);
}

#[test]
fn a_crowd_of_alerts_is_bounded() {
    let mut rig = Rig::running(settings());
    for _ in 0..1100 {
        rig.record(alert("T"));
    }
    assert_eq!(rig.sent.len(), 4);
    assert!(!rig.told.is_empty() && rig.told.len() < 10);
    for number in 0..1004 {
        rig.answer(Tag::Alert(number), 200, r#"{"data":{"notifyScriptableRunAlert":{"success":true}}}"#);
    }
    assert_eq!(rig.sent.len(), 1004);
    rig.flush();
    assert!(rig.flush_done());
}
