//! Pushes of the official client, recorded: the same lines give the same bodies here.

use super::rig::{Rig, eager};
use serde_json::{Value, json};

/// The body of the push that comes next; it is answered.
fn push(rig: &mut Rig) -> Value {
    rig.next_push();
    let body = rig.json();
    rig.ok();
    body
}

fn console(offset: u64, lines: &[&str]) -> Value {
    json!({"output.log": {"offset": offset, "content": lines}})
}

#[test]
fn a_progress_line_and_an_error() {
    let mut rig = Rig::started(eager());
    rig.console(0, "<TIME> hello");
    assert_eq!(push(&mut rig), json!({"files": console(0, &["<TIME> hello"])}));
    for step in [1, 2, 4] {
        rig.pass(0.5);
        let line = alloc::format!("<TIME> progress {step}/5");
        rig.console(1, &line);
        assert_eq!(push(&mut rig), json!({"files": console(1, &[&line])}));
    }
    rig.console(1, "<TIME> progress 5/5");
    rig.console(2, "ERROR <TIME> oops");
    assert_eq!(push(&mut rig), json!({"files": console(1, &["<TIME> progress 5/5", "ERROR <TIME> oops"])}));
    rig.console(3, "<TIME> bye");
    rig.summary = Some(r#"{"_runtime":1,"_wandb":{"runtime":1}}"#.into());
    rig.call(|s, cx, out| s.on_summary_changed(cx, out));
    for name in ["config.yaml", "output.log", "wandb-summary.json"] {
        rig.call(|s, cx, out| s.on_uploaded(cx, name.into(), out));
    }
    rig.finish(Some(0));
    let mut files = console(3, &["<TIME> bye"]);
    files["wandb-summary.json"] = json!({"offset": 0, "content": [r#"{"_runtime":1,"_wandb":{"runtime":1}}"#]});
    let last = json!({
        "files": files,
        "uploaded": ["config.yaml", "output.log", "wandb-summary.json"],
        "complete": true,
        "exitcode": 0,
    });
    assert_eq!(push(&mut rig), last);
}

#[test]
fn preempting_goes_with_the_row_that_waits() {
    let mut rig = Rig::started(eager());
    rig.log(r#"{"_step":0,"a":1}"#);
    rig.call(|s, cx, out| s.on_preempting(cx, out));
    let file = json!({"offset": 0, "content": [r#"{"_step":0,"a":1}"#]});
    let files = json!({"wandb-history.jsonl": file, "wandb-summary.json": file});
    assert_eq!(push(&mut rig), json!({"files": files, "preempting": true}));
    rig.call(|s, cx, out| s.on_uploaded(cx, "config.yaml".into(), out));
    rig.finish(Some(3));
    assert_eq!(push(&mut rig), json!({"uploaded": ["config.yaml"], "complete": true, "exitcode": 3}));
}
