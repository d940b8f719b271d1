//! What is in a push, and when it leaves.

use super::rig::{Rig, base, eager, said};
use crate::{limits::Limits, time::Duration, uplink::Offsets};
use alloc::{format, string::String, vec::Vec};
use runwire_proto::wire::Settings;
use serde_json::json;

fn seconds(rig: &Rig) -> f64 {
    rig.now.nanos() as f64 / 1e9
}

#[test]
fn a_short_run_as_a_story() {
    let mut rig = Rig::started(base());
    rig.log(r#"{"loss":1,"_step":0}"#);
    rig.next_push();
    rig.ok();
    rig.pass(0.3);
    rig.log(r#"{"loss":0.5,"note":"a\tb","_step":1}"#);
    rig.event(r#"{"system.cpu":3}"#);
    rig.console(0, "2026-11-25T08:00:00.000001 epoch 1");
    rig.next_push();
    rig.answer(said(200, r#"{"exitcode":5,"limits":{}}"#, &[]));
    rig.call(|s, cx, out| s.on_uploaded(cx, "media/a b.png".into(), out));
    rig.finish(Some(0));
    rig.ok();
    insta::assert_snapshot!(rig.story);
}

#[test]
fn rows_have_consecutive_offsets_from_the_base_and_each_is_sent_once() {
    let mut rig = Rig::unplaced(eager(), Limits::default());
    rig.history("0");
    rig.start(Offsets { history: 8, events: 3, console: 4 }, Offsets::default());
    rig.event("e0");
    rig.console(0, "c0");
    rig.pass(0.1);
    let files = json!({
        "wandb-history.jsonl": {"offset": 8, "content": ["0"]},
        "wandb-events.jsonl": {"offset": 3, "content": ["e0"]},
        "output.log": {"offset": 4, "content": ["c0"]},
    });
    assert_eq!(rig.json(), json!({ "files": files }));
    rig.history("1");
    rig.ok();
    assert_eq!(rig.acked, Some((Offsets { history: 9, events: 4, console: 5 }, 300)));
    rig.history("2");
    rig.pass(1.0);
    assert_eq!(rig.json(), json!({"files": {"wandb-history.jsonl": {"offset": 9, "content": ["1", "2"]}}}));
}

#[test]
fn what_an_earlier_life_delivered_is_counted_and_not_sent() {
    let mut rig = Rig::unplaced(eager(), Limits::default());
    rig.history("0");
    rig.console(0, "c0");
    rig.start(Offsets { history: 10, events: 0, console: 10 }, Offsets { history: 12, events: 1, console: 60 });
    for row in 1..4 {
        rig.history(&format!("{row}"));
        rig.event(&format!("e{row}"));
    }
    assert_eq!(rig.acked, None);
    (1..52).for_each(|number| rig.console(number, &format!("c{number}")));
    rig.console(3, "c3 rewritten");
    rig.pass(0.1);
    let mut pushes = Vec::new();
    while !rig.asked.is_empty() {
        pushes.push(rig.json());
        rig.ok();
    }
    assert_eq!(pushes[0]["files"]["wandb-history.jsonl"], json!({"offset": 12, "content": ["2", "3"]}));
    assert_eq!(pushes[0]["files"]["wandb-events.jsonl"], json!({"offset": 1, "content": ["e2", "e3"]}));
    assert_eq!(pushes[0]["files"]["output.log"], json!({"offset": 13, "content": ["c3 rewritten"]}));
    let tail = &pushes[1]["files"]["output.log"];
    assert_eq!((tail["offset"].as_u64(), tail["content"][0].as_str()), (Some(28), Some("c18")));
    assert_eq!(rig.acked.map(|(next, _)| next), Some(Offsets { history: 14, events: 3, console: 62 }));
}

#[test]
fn what_is_said_to_be_there_is_never_less_than_what_was_delivered() {
    let mut rig = Rig::unplaced(eager(), Limits::default());
    rig.start(Offsets::default(), Offsets { history: 50, events: 40, console: 30 });
    rig.history("0");
    rig.event("0");
    rig.call(|s, cx, out| s.on_uploaded(cx, "f".into(), out));
    rig.next_push();
    rig.ok();
    assert_eq!(rig.acked, Some((Offsets { history: 50, events: 40, console: 30 }, 200)));
}

#[test]
fn the_first_push_waits_for_no_interval_and_the_second_for_a_whole_one() {
    let gap = |settings: Settings, age: f64| {
        let mut rig = Rig::started(settings);
        rig.pass(age);
        rig.ok_all();
        rig.pass(29.0);
        rig.ok_all();
        rig.history("0");
        rig.next_push();
        let first = seconds(&rig);
        rig.history("1");
        rig.ok();
        rig.next_push();
        ((seconds(&rig) - first) * 1e6).round() / 1e6
    };
    let wish = |interval: f64| Settings { x_file_stream_transmit_interval: Some(interval), ..base() };
    assert_eq!(gap(wish(15.0), 0.0), 15.0);
    assert_eq!(gap(wish(0.4), 0.0), 0.4, "fractions count");
    assert_eq!(gap(wish(-1.0), 0.0), 1.0, "nonsense is no wish");
    assert_eq!(gap(base(), 0.0), 1.0);
    let mut rig = Rig::started(base());
    rig.history("0");
    rig.next_push();
    assert!(seconds(&rig) <= 0.02, "{}", rig.now);
}

#[test]
fn without_a_wish_an_old_run_sends_less_often() {
    let mut rig = Rig::started(base());
    let mut starts = Vec::new();
    while seconds(&rig) < 2000.0 {
        rig.history("0");
        rig.pass(0.25);
        if !rig.asked.is_empty() {
            starts.push(seconds(&rig));
            rig.ok();
        }
    }
    let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((gaps[0] - 1.0).abs() < 0.3 && (gaps.last().unwrap() - 15.0).abs() < 0.5, "{gaps:?}");
    assert!(gaps.windows(2).all(|pair| pair[1] + 0.3 > pair[0]));
    assert!(starts.iter().filter(|at| **at < 60.0).count() > 45);
}

#[test]
fn a_silent_run_beats_every_30_seconds() {
    let mut rig = Rig::started(eager());
    for beat in 1..=2 {
        rig.next_push();
        assert_eq!((seconds(&rig), rig.body().as_str()), (30.0 * f64::from(beat), "{}"));
        rig.ok();
    }
    rig.pass(10.0);
    rig.history("0");
    rig.next_push();
    rig.ok();
    rig.next_push();
    assert!((seconds(&rig) - 100.02).abs() < 1e-6, "every push puts it off: {}", rig.now);
    assert_eq!(rig.body(), "{}");
}

#[test]
fn the_server_may_set_the_pace_unless_the_user_does() {
    let gap = |settings: Settings, body: &str, headers: &[(&str, &str)]| {
        let mut rig = Rig::started(settings);
        rig.history("0");
        rig.next_push();
        let first = seconds(&rig);
        rig.answer(said(200, body, headers));
        rig.history("1");
        rig.next_push();
        ((seconds(&rig) - first) * 1e6).round() / 1e6
    };
    assert_eq!(gap(base(), "{}", &[("runwire-interval", "0.25")]), 0.25);
    assert_eq!(gap(eager(), "{}", &[("runwire-interval", "0.25")]), 1.0);
    assert_eq!(gap(base(), r#"{"limits":{"rate_limit_seconds":7}}"#, &[]), 7.0);
    assert_eq!(gap(eager(), r#"{"limits":{"rate_limit_seconds":7}}"#, &[]), 1.0);
    assert_eq!(gap(base(), r#"{"limits":{"rate_limit_seconds":86400}}"#, &[]), 1.0);
    let budget = [("ratelimit-remaining", "10"), ("ratelimit-reset", "50")];
    assert_eq!(gap(eager(), "{}", &budget), 5.0);
    let spent = [("ratelimit-remaining", "0"), ("ratelimit-reset", "9")];
    assert_eq!(gap(eager(), "{}", &spent), 9.0);
}

#[test]
fn the_stop_of_the_server_is_told_once_and_pushes_go_on() {
    let mut rig = Rig::started(eager());
    for row in 0..3 {
        rig.history(&format!("{row}"));
        rig.next_push();
        rig.answer(said(200, r#"{"stopped":true}"#, &[]));
    }
    assert_eq!((rig.stops, rig.acked.map(|(next, _)| next.history)), (1, Some(3)));
}

#[test]
fn a_rewritten_line_keeps_its_offset_even_while_it_is_on_its_way() {
    let mut rig = Rig::started(eager());
    let lines = |rig: &Rig| {
        let log = &rig.json()["files"]["output.log"];
        (
            log["offset"].as_u64().unwrap(),
            log["content"].as_array().unwrap().iter().map(|l| l.as_str().unwrap().into()).collect::<Vec<String>>(),
        )
    };
    for (number, text) in [(0, "a"), (1, "1/5"), (1, "2/5")] {
        rig.console(number, text);
    }
    rig.next_push();
    assert_eq!(lines(&rig), (0, ["a", "2/5"].map(String::from).to_vec()));
    rig.console(1, "4/5");
    rig.console(2, "b");
    rig.status(503);
    rig.next_push();
    assert_eq!(lines(&rig), (0, ["a", "2/5"].map(String::from).to_vec()), "the same again");
    rig.ok();
    assert_eq!(rig.acked, Some((Offsets { console: 2, ..Offsets::default() }, 300)), "the rewrite is not delivered");
    rig.next_push();
    assert_eq!(lines(&rig), (1, ["4/5", "b"].map(String::from).to_vec()));
    rig.console(7, "gap");
    rig.console(1, "5/5");
    rig.ok();
    rig.next_push();
    assert_eq!(lines(&rig), (1, ["5/5"].map(String::from).to_vec()));
    rig.ok();
    assert_eq!(lines(&rig), (7, ["gap".into()].to_vec()), "the second run of lines follows at once");
    rig.ok();
    assert_eq!(rig.acked, Some((Offsets { console: 8, ..Offsets::default() }, 700)));
}

#[test]
fn preempting_is_told_at_once_even_behind_a_push() {
    let mut rig = Rig::started(base());
    rig.history("0");
    rig.next_push();
    rig.call(|s, cx, out| s.on_preempting(cx, out));
    rig.ok();
    assert_eq!(rig.json(), json!({"preempting": true}));
    rig.ok();
    assert!(rig.asked.is_empty());
}

#[test]
fn the_end_is_the_last_thing_that_is_said() {
    let mut rig = Rig::started(base());
    rig.history("0");
    rig.next_push();
    rig.history("1");
    rig.console(0, "a");
    rig.console(5, "b");
    rig.finish(Some(3));
    rig.status(503);
    rig.next_push();
    rig.ok();
    assert!(rig.json().get("complete").is_none(), "a second run of lines is left");
    rig.ok();
    assert_eq!(rig.json()["files"]["output.log"]["offset"], 5);
    assert_eq!((&rig.json()["complete"], &rig.json()["exitcode"]), (&json!(true), &json!(3)));
    let body = rig.body();
    for _ in 0..2 {
        rig.status(503);
        rig.next_push();
        assert_eq!(rig.body(), body);
    }
    rig.ok();
    assert_eq!(rig.finished, Some(Ok(())));
    assert_eq!((rig.stream.wake(), rig.stream.credit()), (None, 0));
}

#[test]
fn a_writer_that_does_not_end_the_run_says_no_end() {
    let mut rig = Rig::started(base());
    rig.history("0");
    rig.finish(None);
    assert!(rig.json().get("complete").is_none());
    rig.ok();
    assert_eq!(rig.finished, Some(Ok(())));
    let mut silent = Rig::started(base());
    silent.finish(None);
    assert_eq!((silent.asked.len(), silent.finished), (0, Some(Ok(()))));
    let mut ending = Rig::started(base());
    ending.finish(Some(0));
    assert_eq!(ending.body(), r#"{"complete":true,"exitcode":0}"#);
}

#[test]
fn the_summary_is_sent_when_it_is_another_one_and_a_large_one_less_often() {
    let mut rig = Rig::started(eager());
    rig.log(r#"{"a":1}"#);
    rig.next_push();
    rig.ok();
    rig.call(|s, cx, out| s.on_summary_changed(cx, out));
    rig.pass(5.0);
    assert!(rig.asked.is_empty(), "the same summary needs no push");
    rig.summary = Some(format!(r#"{{"a":"{}"}}"#, "x".repeat(70_000)));
    rig.call(|s, cx, out| s.on_summary_changed(cx, out));
    rig.next_push();
    assert!(rig.json()["files"]["wandb-summary.json"].is_object());
    rig.ok();
    let from = rig.now;
    rig.log(&format!(r#"{{"a":"{}"}}"#, "y".repeat(70_000)));
    rig.next_push();
    assert!(rig.json()["files"]["wandb-summary.json"].is_null(), "rows do not wait for it");
    rig.ok();
    rig.next_push();
    assert_eq!(
        (rig.now.since(from), rig.json()["files"]["wandb-history.jsonl"].is_null()),
        (Duration::from_secs(15), true)
    );
    rig.ok();
    rig.log(&format!(r#"{{"a":"{}"}}"#, "z".repeat(70_000)));
    rig.finish(Some(0));
    assert!(rig.json()["files"]["wandb-summary.json"].is_object(), "the last one always goes");
}

#[test]
fn compression_is_as_was_said() {
    let mut rig = Rig::started(base());
    rig.stream.on_gzip(true);
    rig.history("0");
    rig.next_push();
    assert!(rig.asked[0].1.gzip);
}
